//! What an endpoint tells the layer above.

use super::{
    CallId, DialogId, NotifierId, PublicationId, RegistrationId, RequestId, ServerId, Source,
    SubscriptionId,
};
use crate::engine::{ConnId, QuestionId};
use crate::sip::digest::aka;
use crate::sip::msg::header::{self, Reason, SubscriptionState};
use crate::sip::msg::{Request, Response, Status, Uri};
use crate::sip::offer::Misplaced;
use crate::sip::subscription::{End, Over};
use crate::wire::Text;
use std::time::Duration;

/// What happened at an endpoint.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A request outside a dialog is at the door ([`Config::door`](super::Config::door)): nothing has been made of it
    /// but its server transaction. [`admit`](super::Endpoint::admit) lets it in, as it is or changed, and what it is
    /// about is told by an event of its own; [`respond`](super::Endpoint::respond) keeps it out. A 401 or 407 without
    /// a 1xx before it leaves nothing behind.
    Knocked {
        /// What to let in, or to answer to.
        id: ServerId,
        /// The request.
        request: Request,
        /// Who sent it.
        source: Source,
    },
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
    /// Somebody calls. Whether that is to replace or join another call,
    /// [`relation`](super::Endpoint::relation) tells. Answer with [`progress`](super::Endpoint::progress),
    /// [`accept`](super::Endpoint::accept) or [`reject`](super::Endpoint::reject).
    Invited {
        /// The new call.
        call: CallId,
        /// The INVITE.
        request: Request,
        /// Who sent it.
        source: Source,
    },
    /// A provisional response other than 100 to our INVITE. A reliable one comes in order and once (RFC 3262 §4). A
    /// 199 says that its early dialog is over (RFC 6228).
    Progress {
        /// Which call.
        call: CallId,
        /// The early dialog that it came in; `None` if it makes none.
        dialog: Option<DialogId>,
        /// The response.
        response: Response,
        /// Whether its PRACK waits for [`acknowledge`](super::Endpoint::acknowledge), since it brings an offer.
        held: bool,
    },
    /// A 2xx to our INVITE; the ACK was sent.
    Accepted {
        /// Which call.
        call: CallId,
        /// The dialog that it confirms.
        dialog: DialogId,
        /// The response.
        response: Response,
        /// Whether the ACK waits for [`acknowledge`](super::Endpoint::acknowledge), since the response brings an offer.
        held: bool,
    },
    /// Another branch of a forked INVITE of ours has accepted too, and is a call of its own from here on
    /// ([`Config::keep_forks`](super::Config::keep_forks)). [`Event::Accepted`] follows.
    Forked {
        /// The new call.
        call: CallId,
        /// The call that was made.
        from: CallId,
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
    /// The PRACK for a reliable provisional response of ours arrived; it carries the answer if the response carried an
    /// offer.
    Acknowledged {
        /// Which call.
        call: CallId,
        /// The PRACK.
        request: Request,
    },
    /// The peer offers a description in a PRACK or UPDATE: answer with
    /// [`answer_offer`](super::Endpoint::answer_offer).
    Offered {
        /// In which dialog.
        dialog: DialogId,
        /// The PRACK or UPDATE.
        request: Request,
    },
    /// The final response to our UPDATE, or to our PRACK with an offer.
    Updated {
        /// In which dialog.
        dialog: DialogId,
        /// The response, or `None` if none came.
        response: Option<Response>,
    },
    /// The ACK for our 2xx arrived; for that to a re-INVITE only if it answers an offer of ours.
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
        /// A temporary GRUU, which does not tell who we are, if the registrar gave one. Earlier ones hold as well while
        /// the registration lasts.
        temporary_gruu: Option<Uri>,
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
        /// For how long; it is refreshed before. Zero after a REFER, where the NOTIFY says so.
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
    /// A subscription of ours has ended and will be made again by itself
    /// ([`renew`](crate::sip::subscription::Config::renew)).
    SubscriptionRenewed {
        /// Which.
        subscription: SubscriptionId,
        /// How it has ended.
        end: End,
        /// After which time it is made again.
        retry_in: Duration,
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
    /// Somebody asks us to send a request to somebody else (RFC 3515): answer with
    /// [`accept_refer`](super::Endpoint::accept_refer) or
    /// [`refuse_subscription`](super::Endpoint::refuse_subscription). To whom is for
    /// [`refer::targets`](crate::sip::refer::targets) to say.
    Referred {
        /// What the one who refers is told of.
        notifier: NotifierId,
        /// Whether anything shall be told.
        is_watched: bool,
        /// The REFER.
        request: Request,
        /// Who sent it.
        source: Source,
        /// The call in whose dialog it came, or that its Target-Dialog names to show that it may refer
        /// (RFC 4538).
        call: Option<CallId>,
    },
    /// A subscription that we notified of is over.
    SubscriptionOver {
        /// Which.
        notifier: NotifierId,
        /// How it has ended.
        over: Over,
    },
    /// A state was published, or its publication refreshed (RFC 3903).
    Published {
        /// Which.
        publication: PublicationId,
        /// For how long; it is refreshed before.
        expires: Duration,
    },
    /// A publication was taken back at our wish.
    Unpublished {
        /// Which.
        publication: PublicationId,
    },
    /// A state could not be published, or not be kept published.
    PublicationFailed {
        /// Which.
        publication: PublicationId,
        /// The status, if a response came.
        status: Option<Status>,
        /// When the next attempt will be made; `None` if there will be none before it is updated.
        retry_in: Option<Duration>,
    },
    /// A challenge is for a SIM (RFC 3310, RFC 4169): answer with
    /// [`answer_sim`](super::Endpoint::answer_sim) within `Limits::question`, else the challenge stands.
    SimAsked {
        /// The user, as [`Credentials`](super::Credentials) name it.
        user: Text,
        /// What the SIM is asked.
        question: aka::Question,
        /// What to answer to, once.
        id: QuestionId,
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
    /// The server did not prove that it knows the password (RFC 7616 §3.5).
    #[error("the server does not know the password")]
    Impostor,
    /// The host name has no address, or the URI is not one that SIP can be sent to.
    #[error("no address for the target")]
    Unresolvable,
}

impl Failure {
    /// The status that stands for it (RFC 3261 §8.1.3.1).
    pub const fn status(self) -> Status {
        match self {
            Self::Timeout => Status::REQUEST_TIMEOUT,
            Self::Transport | Self::Overloaded | Self::Impostor | Self::Unresolvable => {
                Status::SERVICE_UNAVAILABLE
            }
        }
    }
}

/// Why a command about a call was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The call or dialog is over.
    #[error("there is no such call or dialog any more")]
    Gone,
    /// The call is not in a state for it: it is answered already, say, or not up.
    #[error("the call is not in a state for it")]
    State,
    /// Another request of the kind is under way, or too many responses wait.
    #[error("another exchange is under way")]
    Busy,
    /// The peer does not support what is needed for it.
    #[error("the peer does not support it")]
    Unsupported,
    /// A description must not, or must, be in it.
    #[error("{0}")]
    Offer(#[from] Misplaced),
}

/// What the INVITE of a call has to do with another call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Relation {
    /// It is to take the place of the other one, which is ended when it is accepted (RFC 3891).
    Replaces(DialogId),
    /// It is to join the other one in a conference (RFC 3911).
    Joins(DialogId),
}

/// What ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndCause {
    /// The peer's BYE.
    Bye,
    /// We hung up.
    Local,
    /// Another call has taken its place (RFC 3891).
    Replaced,
    /// No ACK came for our 2xx.
    NoAck,
    /// No PRACK came for our reliable provisional response (RFC 3262 §3).
    NoPrack,
    /// Nobody answered an incoming call within `Limits::ring`, or the offer of a 2xx in time.
    NoAnswer,
    /// The session was not refreshed (RFC 4028 §10).
    SessionExpired,
    /// The peer does not know the dialog any more, or does not answer within it (RFC 3261 §12.2.1.2).
    Gone,
}
