//! What an endpoint tells the layer above.

use super::{CallId, NotifierId, RegistrationId, RequestId, ServerId, Source, SubscriptionId};
use crate::engine::ConnId;
use crate::sip::msg::header::{self, Reason, SubscriptionState};
use crate::sip::msg::{Request, Response, Status, Uri};
use crate::sip::subscription::{End, Over};
use std::time::Duration;

/// What happened at an endpoint.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A request that the layer above must answer with [`respond`](super::Endpoint::respond): anything but
    /// INVITE, ACK, CANCEL and the BYE of a call.
    Request {
        /// What to answer to.
        id: ServerId,
        /// The request.
        request: Request,
        /// Who sent it.
        source: Source,
        /// The call in whose dialog it came.
        call: Option<CallId>,
    },
    /// The final response to a request of ours.
    Response {
        /// Which request.
        id: RequestId,
        /// The response.
        response: Response,
    },
    /// A request of ours will get no response.
    Failed {
        /// Which request.
        id: RequestId,
        /// Why.
        why: Failure,
    },
    /// Somebody calls: answer with [`progress`](super::Endpoint::progress),
    /// [`accept`](super::Endpoint::accept) or [`reject`](super::Endpoint::reject).
    Invited {
        /// The new call.
        call: CallId,
        /// The INVITE.
        request: Request,
        /// Who sent it.
        source: Source,
    },
    /// A provisional response other than 100 to our INVITE.
    Progress {
        /// Which call.
        call: CallId,
        /// The response.
        response: Response,
    },
    /// A 2xx to our INVITE; the ACK was sent.
    Accepted {
        /// Which call.
        call: CallId,
        /// The response.
        response: Response,
    },
    /// Our INVITE has failed; the call is over.
    Rejected {
        /// Which call.
        call: CallId,
        /// The status: of the response, or 408 or 503 where none came.
        status: Status,
        /// The response, if one came.
        response: Option<Response>,
        /// Why none came.
        why: Option<Failure>,
    },
    /// The ACK for our 2xx arrived.
    Confirmed {
        /// Which call.
        call: CallId,
        /// The ACK, which carries the answer if the 2xx carried an offer.
        request: Request,
    },
    /// The caller gave up before we answered; the endpoint sent 487 and the call is over.
    Cancelled {
        /// Which call.
        call: CallId,
        /// The CANCEL, which may carry a Reason.
        request: Request,
    },
    /// A call that was not refused or cancelled is over.
    Ended {
        /// Which call.
        call: CallId,
        /// The Reason that the peer gave.
        reason: Option<Reason>,
        /// What ended it.
        cause: EndCause,
    },
    /// A re-INVITE: answer with [`answer_reinvite`](super::Endpoint::answer_reinvite).
    Reinvited {
        /// Which call.
        call: CallId,
        /// The re-INVITE.
        request: Request,
    },
    /// The final response to our re-INVITE; a 2xx was acknowledged.
    Reanswered {
        /// Which call.
        call: CallId,
        /// The response, or `None` if none came.
        response: Option<Response>,
    },
    /// A registration was made or refreshed.
    Registered {
        /// Which.
        id: RegistrationId,
        /// For how long.
        expires: Duration,
        /// The identities of P-Associated-URI, the default one first (RFC 7315 §4.1).
        associated: Vec<Uri>,
        /// The public GRUU of this instance, if the registrar gave one (RFC 5627).
        gruu: Option<Uri>,
    },
    /// A registration was taken back at our wish.
    Unregistered {
        /// Which.
        id: RegistrationId,
    },
    /// A registration could not be made or kept.
    RegistrationFailed {
        /// Which.
        id: RegistrationId,
        /// The status, if a response came.
        status: Option<Status>,
        /// When the next attempt will be made; `None` if there will be none.
        retry_in: Option<Duration>,
    },
    /// A SUBSCRIBE of ours was accepted: the first one, or one that refreshes. Whether the subscription is in force
    /// is for the NOTIFY to say.
    Subscribed {
        /// Which.
        subscription: SubscriptionId,
        /// For how long; it is refreshed before.
        expires: Duration,
        /// The 2xx.
        response: Response,
    },
    /// Another notifier has got a forked SUBSCRIBE of ours as well; its NOTIFYs name a subscription of their own.
    SubscriptionForked {
        /// Which.
        subscription: SubscriptionId,
        /// The new one.
        fork: SubscriptionId,
    },
    /// A NOTIFY for a subscription of ours; it was answered with 200.
    Notified {
        /// Which.
        subscription: SubscriptionId,
        /// How the subscription stands.
        state: SubscriptionState,
        /// The NOTIFY.
        request: Request,
    },
    /// A subscription of ours is over.
    SubscriptionTerminated {
        /// Which.
        subscription: SubscriptionId,
        /// How it has ended.
        end: End,
        /// After which time a new one is welcome; `None` if never (RFC 6665 §4.1.3).
        retry_after: Option<Duration>,
    },
    /// Somebody subscribes, or refreshes or ends a subscription: answer with
    /// [`accept_subscription`](super::Endpoint::accept_subscription) or
    /// [`refuse_subscription`](super::Endpoint::refuse_subscription).
    SubscriptionAsked {
        /// Which.
        notifier: NotifierId,
        /// What is subscribed to.
        event: header::Event,
        /// For how long; zero asks for the state once, or ends the subscription.
        expires: Duration,
        /// Whether the subscription was there before.
        is_refresh: bool,
        /// The SUBSCRIBE.
        request: Request,
        /// Who sent it.
        source: Source,
    },
    /// A subscription that we notified of is over.
    SubscriptionOver {
        /// Which.
        notifier: NotifierId,
        /// How it has ended.
        over: Over,
    },
    /// A connection that was up has broken, or a keep-alive on it was not answered.
    FlowLost {
        /// Which.
        conn: ConnId,
    },
}

/// Why a request got no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// None came in time.
    #[error("no response in time")]
    Timeout,
    /// No connection could be made, or it broke.
    #[error("the transport failed")]
    Transport,
    /// We are at a limit of our own.
    #[error("at a limit of this endpoint")]
    Overloaded,
    /// The host name has no address, or the URI is not one that SIP can be sent to.
    #[error("no address for the target")]
    Unresolvable,
}

impl Failure {
    /// The status that stands for it (RFC 3261 §8.1.3.1).
    pub const fn status(self) -> Status {
        match self {
            Self::Timeout => Status::REQUEST_TIMEOUT,
            Self::Transport | Self::Overloaded | Self::Unresolvable => Status::SERVICE_UNAVAILABLE,
        }
    }
}

/// What ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndCause {
    /// The peer's BYE.
    Bye,
    /// We hung up.
    Local,
    /// No ACK came for our 2xx.
    NoAck,
    /// Nobody answered an incoming call within `Limits::ring`.
    NoAnswer,
    /// The session was not refreshed (RFC 4028 §10).
    SessionExpired,
    /// The peer does not know the dialog any more, or does not answer within it (RFC 3261 §12.2.1.2).
    Gone,
}
