//! What a client is told at its start, and of a message.

use super::MessageId;
use crate::conversation::Wanted;
use crate::conversation::activity::Timing;
use crate::deferred::Format;
use crate::sdp::msrp::Setup;
use crate::sip::Uri;
use crate::wire::Text;
use std::net::IpAddr;
use std::time::Duration;

/// What a client is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user's address.
    pub user: Uri,
    /// Further addresses of the same user, which can be written from and to (RFC 7315 §4.1 may add more).
    pub identities: Vec<Uri>,
    /// Where everything is sent: the user's server or P-CSCF, such as `sip:192.0.2.1:5060;transport=tcp`.
    pub server: Uri,
    /// The password for digest authentication; none is answered if it is empty.
    pub password: Text,
    /// The name of this device, which its user chose.
    pub device_name: Option<Text>,
    /// The identity of this device (`+sip.instance`), a URN that never changes (RFC 5626 §4.1); one made for
    /// this run if `None`.
    pub instance: Option<Text>,
    /// For how long to register; it is kept alive.
    pub expires: Duration,
    /// Whether chats are accepted by themselves, or by [`Node::accept_chat`](super::Node::accept_chat).
    pub auto_accept: bool,
    /// What this user's messages ask to hear back.
    pub wanted: Wanted,
    /// Whether this user's peers are told that a message arrived.
    pub report_delivered: bool,
    /// Whether this user's peers are told that a message was seen.
    pub report_displayed: bool,
    /// Our address as peers may know it, for the paths of our sessions; a name that leads nowhere if `None`,
    /// which is enough for a device that nobody connects to.
    pub host: Option<IpAddr>,
    /// Whether requests are taken from anybody who can reach us. A registered device hears from the address
    /// that it is registered at and from nobody else, since only there is it checked who writes; a server
    /// that sends from several addresses needs this.
    pub open_to_all: bool,
    /// Who opens the connections of our sessions; a device that cannot be connected to is active.
    pub setup: Setup,
    /// A message larger than this, as a whole SIP request, goes in large message mode.
    pub pager_limit: usize,
    /// The timers of typing.
    pub timing: Timing,
    /// How long a message that nobody takes is tried again before it has failed.
    pub give_up: Duration,
    /// The identity of the function that keeps messages.
    pub deferred_uri: Uri,
    /// How it tells what it keeps.
    pub deferred_list: Format,
}

impl Config {
    /// A client of `user` at `server`, which accepts chats by itself and reports what it is asked to.
    pub fn new(user: Uri, server: Uri) -> Self {
        let domain = user.domain().unwrap_or_default();
        Self {
            deferred_uri: Uri::sip("rcse-standfw", &domain),
            deferred_list: Format::default(),
            user,
            identities: Vec::new(),
            server,
            password: Text::default(),
            device_name: None,
            instance: None,
            expires: Duration::from_secs(3600),
            auto_accept: true,
            wanted: Wanted::ALL,
            report_delivered: true,
            report_displayed: true,
            host: None,
            open_to_all: false,
            setup: Setup::Active,
            pager_limit: 1300,
            timing: Timing::default(),
            give_up: Duration::from_secs(600),
        }
    }

    /// Whether the server is reached over TLS; media goes the same way then.
    pub(super) fn is_secure(&self) -> bool {
        self.server.as_sip().is_some_and(|server| {
            let tls = server
                .transport()
                .is_some_and(|name| name.eq_ignore_ascii_case("tls"));
            server.secure || tls
        })
    }
}

/// What a standalone message may carry besides its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which of the user's addresses it is from; the main one if `None`. From
    /// [`anonymous`](crate::conversation::anonymous) it reaches a recipient who is not told who wrote it, and
    /// nothing is reported on it.
    pub from: Option<Uri>,
    /// How urgent it is.
    pub priority: Option<Priority>,
    /// Where answers are wanted.
    pub reply_to: Option<Uri>,
    /// The message of the peer's that this one answers.
    pub in_reply_to: Option<MessageId>,
    /// How long it is worth delivering.
    pub lifetime: Option<Duration>,
}

/// How urgent a message is (RFC 3261 §20.26).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the values of RFC 3261")]
pub enum Priority {
    NonUrgent,
    Normal,
    Urgent,
    Emergency,
}

impl Priority {
    /// The header's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NonUrgent => "non-urgent",
            Self::Normal => "normal",
            Self::Urgent => "urgent",
            Self::Emergency => "emergency",
        }
    }

    /// The value of a header; an unknown one says nothing.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::NonUrgent, Self::Normal, Self::Urgent, Self::Emergency]
            .into_iter()
            .find(|priority| priority.name().eq_ignore_ascii_case(name.trim()))
    }
}
