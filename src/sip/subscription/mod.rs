//! Event subscriptions (RFC 6665): what is asked for, what is notified, and how it ends.
//!
//! The two sides are tables, [`subscriber`] (RFC 6665 §4.1.2) and [`notifier`] (§4.2.1); the
//! [`Endpoint`](super::Endpoint) runs them:
//!
//! ```text
//!   subscriber                                    notifier
//!   subscribe ───────────── SUBSCRIBE ──────────▶ Event::SubscriptionAsked
//!   Event::Subscribed ◀──── 200 ───────────────── accept_subscription, with the first Notification
//!   Event::Notified ◀────── NOTIFY ──────────────
//!   Event::Notified ◀────── NOTIFY ────────────── notify
//!   (refreshed in time) ─── SUBSCRIBE ──────────▶ Event::SubscriptionAsked, is_refresh
//!   unsubscribe ─────────── SUBSCRIBE, 0 s ─────▶ Event::SubscriptionAsked, for no time
//!   Event::SubscriptionTerminated ◀── NOTIFY ──── Event::SubscriptionOver
//! ```

pub mod notifier;
pub mod subscriber;

use super::Credentials;
use super::Failure;
use super::msg::header::{self, NameAddr, SubscriptionState};
use super::msg::{Name, Status, Uri};
use crate::wire::Text;
use crate::wire::params::Params;
use bytes::Bytes;
use std::time::Duration;

/// What is subscribed to.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose state: the Request-URI and To.
    pub resource: Uri,
    /// Who subscribes: the address of From.
    pub from: NameAddr,
    /// The event package, with an `id` if there is one.
    pub event: header::Event,
    /// The media types that are understood in NOTIFY; the default of the package if empty.
    pub accept: Vec<Text>,
    /// For how long; the notifier may shorten it. Zero asks for the state once: a fetch (RFC 6665 §4.4.3).
    pub expires: Duration,
    /// The type and bytes of a filter (RFC 6665 §5.4.3), or of a list of resources.
    pub body: Option<(Text, Bytes)>,
    /// The user part of the Contact; that of From if `None`.
    pub user: Option<Text>,
    /// The parameters of the Contact: feature tags (RFC 3840).
    pub params: Params,
    /// Header fields to be added to each SUBSCRIBE.
    pub headers: Vec<(Name, Text)>,
    /// The credentials of this account; those of the endpoint if `None`.
    pub credentials: Option<Credentials>,
    /// How many notifiers may answer where the SUBSCRIBE was forked; NOTIFYs of others are refused with 481
    /// (RFC 6665 §5.4.9 leaves it to the package).
    pub notifiers: usize,
    /// Whether a subscription that has ended is made again by itself, when that is welcome (RFC 6665 §4.1.3) or after a
    /// pause that doubles: [`Event::SubscriptionRenewed`](super::Event::SubscriptionRenewed).
    pub renew: bool,
    /// Whether the notifier is asked to leave out what has not changed since its last NOTIFY with an entity-tag
    /// (Suppress-If-Match, RFC 5839).
    pub conditional: bool,
}

impl Config {
    /// Subscribes `from` to what `package` says of `resource`, for an hour.
    pub fn new(resource: Uri, from: Uri, package: &str) -> Self {
        Self {
            resource,
            from: NameAddr::new(from),
            event: header::Event::new(package),
            accept: Vec::new(),
            expires: Duration::from_secs(3600),
            body: None,
            user: None,
            params: Params::default(),
            headers: Vec::new(),
            credentials: None,
            notifiers: 1,
            renew: false,
            conditional: false,
        }
    }
}

/// How a subscription stands, as a NOTIFY says (RFC 6665 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It waits for somebody to allow it.
    Pending,
    /// It is in force.
    Active,
    /// It is over.
    Terminated,
}

impl Standing {
    /// What a Subscription-State says. A state that is not known counts as active, since it is not terminated.
    pub fn of(state: &SubscriptionState) -> Self {
        match state.state {
            header::State::Pending => Self::Pending,
            header::State::Terminated => Self::Terminated,
            header::State::Active | header::State::Other(_) => Self::Active,
        }
    }
}

/// Why a notifier ends a subscription (RFC 6665 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Subscribe again at once: the notifier hands over to another.
    Deactivated,
    /// Subscribe again later.
    Probation,
    /// The policy has changed; do not subscribe again.
    Rejected,
    /// It was not refreshed in time, or the subscriber has ended it.
    Timeout,
    /// Nobody could be asked for permission; subscribe again later.
    GiveUp,
    /// The resource does not exist any more.
    NoResource,
    /// The state can never change.
    Invariant,
    /// A reason of an extension.
    Other(Text),
}

impl Reason {
    /// The reason that a text spells, in whatever case.
    pub fn parse(text: &str) -> Self {
        let known = [
            Self::Deactivated,
            Self::Probation,
            Self::Rejected,
            Self::Timeout,
            Self::GiveUp,
            Self::NoResource,
            Self::Invariant,
        ];
        (known.into_iter())
            .find(|reason| reason.as_str().eq_ignore_ascii_case(text))
            .unwrap_or_else(|| Self::Other(Text::from(text)))
    }

    /// As it is spelled in Subscription-State.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Probation => "probation",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::GiveUp => "giveup",
            Self::NoResource => "noresource",
            Self::Invariant => "invariant",
            Self::Other(text) => text,
        }
    }

    /// When a new subscription is welcome, given the `retry-after` of the NOTIFY: `None` means never. That
    /// parameter has a meaning for some reasons only (RFC 6665 §4.1.3).
    pub fn retry_after(&self, parameter: Option<Duration>) -> Option<Duration> {
        match self {
            Self::Rejected | Self::NoResource | Self::Invariant => None,
            Self::Deactivated | Self::Timeout => Some(Duration::ZERO),
            Self::Probation | Self::GiveUp | Self::Other(_) => Some(parameter.unwrap_or_default()),
        }
    }
}

/// How a subscription of ours has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The notifier said so, with a reason or without.
    Notified(Option<Reason>),
    /// The SUBSCRIBE, or one that should have refreshed it, was refused.
    Refused(Status),
    /// The SUBSCRIBE got no response.
    Failed(Failure),
    /// No NOTIFY came within 64 × T1 of a SUBSCRIBE (Timer N, RFC 6665 §4.1.2.4).
    NoNotify,
    /// It was not refreshed in time.
    Expired,
    /// We left before the first NOTIFY.
    Left,
    /// A REFER was accepted, and nothing more is told of it (RFC 4488).
    Untold,
}

/// How a subscription that we notified of has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Over {
    /// We have ended it.
    Local,
    /// The subscriber has ended it, or asked for the state only once, or not at all (a REFER, RFC 4488).
    Unsubscribed,
    /// It was not refreshed in time.
    Expired,
    /// A NOTIFY was refused in a way that ends it (RFC 6665 §4.2.2).
    Refused(Status),
    /// A NOTIFY was not answered.
    Failed(Failure),
    /// Nobody answered the SUBSCRIBE.
    Unanswered,
}

/// What a NOTIFY shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// How the subscription stands; [`Standing::Terminated`] ends it.
    pub standing: Standing,
    /// Why it ends.
    pub reason: Option<Reason>,
    /// After which time a new subscription is welcome.
    pub retry_after: Option<Duration>,
    /// The type and bytes of the state.
    pub content: Option<(Text, Bytes)>,
    /// The entity-tag of the state (SIP-ETag): it is another one whenever the state has changed. Who has the state of this
    /// tag and asks so is not told it again (RFC 5839).
    pub etag: Option<Text>,
    /// Header fields to be added.
    pub headers: Vec<(Name, Text)>,
}

impl Notification {
    /// The subscription is in force, and this is the state.
    pub fn active(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            content: Some((Text::from(content_type), body.into())),
            ..Self::bare(Standing::Active)
        }
    }

    /// The subscription waits for permission; nothing is said of the state.
    pub const fn pending() -> Self {
        Self::bare(Standing::Pending)
    }

    /// The subscription is over.
    pub fn terminated(reason: Reason) -> Self {
        Self {
            reason: Some(reason),
            ..Self::bare(Standing::Terminated)
        }
    }

    /// Without content.
    pub const fn bare(standing: Standing) -> Self {
        Self {
            standing,
            reason: None,
            retry_after: None,
            content: None,
            etag: None,
            headers: Vec::new(),
        }
    }

    /// With the entity-tag of the state.
    pub fn with_etag(mut self, etag: impl Into<Text>) -> Self {
        self.etag = Some(etag.into());
        self
    }

    /// With the state, which a last NOTIFY may carry as well.
    pub fn with_content(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.content = Some((Text::from(content_type), body.into()));
        self
    }

    /// The header, for a subscription that lasts for `left`.
    pub(crate) fn state(&self, left: Duration) -> SubscriptionState {
        let seconds = |time: Duration| {
            let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
            whole.min(u64::from(u32::MAX)).to_string()
        };
        let params = Params::new();
        let (state, params) = match self.standing {
            Standing::Active => (
                header::State::Active,
                params.with("expires", Some(&seconds(left))),
            ),
            Standing::Pending => (
                header::State::Pending,
                params.with("expires", Some(&seconds(left))),
            ),
            Standing::Terminated => {
                let mut params = params;
                if let Some(reason) = &self.reason {
                    params.set("reason", Some(reason.as_str()));
                }
                if let Some(after) = self.retry_after {
                    params.set("retry-after", Some(&seconds(after)));
                }
                (header::State::Terminated, params)
            }
        };
        SubscriptionState { state, params }
    }
}

/// Whether a response to a request of a subscription says that there is no such subscription (RFC 6665 §4.1.2.2,
/// §4.2.2). After any other refusal it lasts as long as it would have without the request.
pub const fn ends(status: Status) -> bool {
    matches!(
        status.code(),
        404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6665_4_1_3_each_reason_says_when_to_come_back() {
        let ten = Some(Duration::from_secs(10));
        let now = Some(Duration::ZERO);
        for (text, without, with) in [
            ("deactivated", now, now),
            ("probation", now, ten),
            ("rejected", None, None),
            ("Timeout", now, now),
            ("giveup", now, ten),
            ("noresource", None, None),
            ("invariant", None, None),
            ("something", now, ten),
        ] {
            let reason = Reason::parse(text);
            assert_eq!(reason.retry_after(None), without, "{text}");
            assert_eq!(reason.retry_after(ten), with, "{text}");
            assert!(reason.as_str().eq_ignore_ascii_case(text));
        }
    }

    #[test]
    fn rfc6665_8_2_3_the_state_of_a_notification() {
        use crate::sip::msg::Header as _;
        let text = |notification: &Notification, left| {
            let mut out = String::new();
            notification.state(left).write(&mut out);
            out
        };
        let left = Duration::from_millis(9_001);
        assert_eq!(
            text(&Notification::active("text/plain", "x"), left),
            "active;expires=10"
        );
        assert_eq!(
            text(&Notification::pending(), Duration::ZERO),
            "pending;expires=0"
        );
        let mut over = Notification::terminated(Reason::Probation);
        over.retry_after = Some(Duration::from_secs(60));
        assert_eq!(
            text(&over, left),
            "terminated;reason=probation;retry-after=60"
        );
    }
}
