//! What an endpoint is told at its start, and the names of what it deals with.

use crate::engine::{ConnId, Transport, id};
use crate::sip::msg::Uri;
use crate::sip::transaction::Times;
use crate::wire::Text;
use std::net::SocketAddr;
use std::time::Duration;

id! {
    /// A request that was sent and waits for its final response.
    RequestId
}
id! {
    /// A received request that waits for our final response: a server transaction.
    ServerId
}
id! {
    /// An INVITE and the dialog that it makes, from its first message until it has ended for good.
    CallId
}
id! {
    /// A registration that is kept alive.
    RegistrationId
}

id! {
    /// A subscription of ours.
    SubscriptionId
}
id! {
    /// A state that is kept published.
    PublicationId
}
id! {
    /// A subscription of a peer's, of which we notify.
    NotifierId
}

/// One dialog of a call. A forked INVITE of ours makes several early ones, each with its own PRACK and UPDATE; where a
/// [`CallId`] stands for one, it is the confirmed dialog, else the first early one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogId {
    pub(super) call: CallId,
    pub(super) fork: Option<u16>,
}

impl DialogId {
    pub(super) const fn new(call: CallId, fork: u16) -> Self {
        Self {
            call,
            fork: Some(fork),
        }
    }

    /// The call that it is a dialog of.
    pub const fn call(self) -> CallId {
        self.call
    }
}

impl From<CallId> for DialogId {
    fn from(call: CallId) -> Self {
        Self { call, fork: None }
    }
}

/// In a Contact, the host name that stands for whichever of our addresses the message leaves from.
///
/// A layer above knows the user and the feature tags of a Contact but not the address; it writes
/// `sip:alice@here.invalid`, and the endpoint fills in host, port and transport.
pub const HERE: &str = "here.invalid";

/// An address at which this endpoint is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What is listened on.
    pub transport: Transport,
    /// The address that is written into Via and Contact.
    pub addr: SocketAddr,
}

/// What proves who we are when a peer challenges us (RFC 3261 §22).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub user: Text,
    /// The password.
    pub password: Text,
    /// The realm that they belong to. A challenge of another realm is not answered, since the answer would
    /// give a stranger something to guess the password from. `None` answers the realm that the registrar or the
    /// outbound proxy asks for first, from then on that one alone, and only to them; where there is neither, the realm
    /// that the first peer asks for.
    pub realm: Option<Text>,
    /// Whether a SIM answers the challenges that are for one ([`digest::aka`](crate::sip::digest::aka)):
    /// [`Event::SimAsked`](super::Event::SimAsked). With an empty password nothing else is answered.
    pub sim: bool,
    /// Whether a 2xx counts as a failure unless it proves that the server knows the password as well (`rspauth`,
    /// RFC 7616 §3.5), after a request that has answered a 401. A wrong proof always does.
    pub mutual: bool,
}

impl Credentials {
    /// A password for the realm of the server that asks for it first.
    pub fn new(user: impl Into<Text>, password: impl Into<Text>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            realm: None,
            sim: false,
            mutual: false,
        }
    }

    /// A SIM, for a user who is named so (the private identity, IMPI).
    pub fn sim(user: impl Into<Text>) -> Self {
        Self {
            sim: true,
            ..Self::new(user, Text::default())
        }
    }
}

impl std::fmt::Debug for Credentials {
    /// Keeps the password out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

/// What an [`Endpoint`](super::Endpoint) is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The text of User-Agent in requests and Server in responses; left out if empty.
    pub user_agent: Text,
    /// Where we are reached. Without a listener for a transport, a request over it names the connection's own
    /// address, and a request over UDP is impossible.
    pub listeners: Vec<Listener>,
    /// How to answer a challenge.
    pub credentials: Option<Credentials>,
    /// Where requests go that have no Route.
    pub outbound_proxy: Option<Uri>,
    /// What carries a request whose target does not say.
    pub transport: Transport,
    /// Whether what somebody begins waits at the door: a request outside a dialog is first told by
    /// [`Event::Knocked`](super::Event::Knocked), before a call or a subscription is made of it, so that who it is from
    /// can be asked for at no more cost than its transaction (RFC 3261 §22, §26.3.2.4). A [`Node`](crate::node) always
    /// has a door; its role decides who comes in.
    pub door: bool,
    /// The option tags that may stand in a Require; another one is answered 420 (RFC 3261 §8.2.2.3).
    pub supported: Vec<Text>,
    /// The event packages that the layer above notifies of (Allow-Events). A SUBSCRIBE for another one is answered
    /// 489 (RFC 6665 §4.2.1.1); with none at all, a SUBSCRIBE is given to the layer above as any other request. With
    /// `refer` among them a REFER is [`Event::Referred`](super::Event::Referred), else a request as any other.
    pub events: Vec<Text>,
    /// The least time that a peer may subscribe for, unless it asks only once; less is answered 423
    /// (RFC 6665 §4.2.1.1: an hour at the most).
    pub min_subscription: Duration,
    /// The option tags that our INVITEs require, and that the INVITEs of peers must support; one that does not is
    /// answered 421 (RFC 3261 §21.4.16). With `100rel` every provisional response is reliable (RFC 3262 §3).
    pub required: Vec<Text>,
    /// Whether the PRACK for a reliable provisional response waits for
    /// [`acknowledge`](super::Endpoint::acknowledge), so that it may carry an offer (RFC 3262 §5). For a response
    /// that brings an offer it always does.
    pub hold_pracks: bool,
    /// Whether a further branch of a forked INVITE of ours that accepts becomes a call of its own:
    /// [`Event::Forked`](super::Event::Forked). Otherwise it is ended by BYE (RFC 3261 §13.2.2.4).
    pub keep_forks: bool,
    /// Whether an INVITE of ours that is redirected goes to the Contacts of the 3xx by itself, the preferred one first
    /// (RFC 3261 §8.1.3.4). Otherwise the 3xx is told like any refusal.
    pub follow_redirects: bool,
    /// The INFO packages that are understood in calls (Recv-Info, RFC 6086 §5.2.3); an INFO of another one is answered
    /// 469.
    pub info_packages: Vec<Text>,
    /// The media types that are understood (Accept of the answer to OPTIONS, RFC 3261 §11.2, and of a 415).
    pub accept: Vec<Text>,
    /// What bodies and their parts may be for (Content-Disposition, RFC 3261 §20.11), in lower case.
    pub purposes: Vec<Text>,
    /// Whether an INVITE, UPDATE or PRACK is answered 415 that carries what must be understood and is not, by its type
    /// ([`accept`](Self::accept)), its purpose ([`purposes`](Self::purposes)) or its encoding (RFC 5621 §8). A back-to-back
    /// user agent that passes bodies on leaves it to who they are for. Of other requests
    /// [`refuse_body`](super::Endpoint::refuse_body) tells.
    pub judge_bodies: bool,
    /// T1, T2 and T4 (RFC 3261 §17).
    pub times: Times,
    /// What we ask for in Session-Expires of an INVITE; `None` asks for no session timer (RFC 4028).
    pub session_expires: Option<Duration>,
    /// The least interval that we accept from a peer (RFC 4028 §5: not under 90 seconds).
    pub min_session_expires: Duration,
    /// How often a flow of a registration over a stream is kept alive (RFC 5626 §4.4.1).
    pub stream_keep_alive: Duration,
    /// How often a flow of a registration over UDP is kept alive; NATs forget after half a minute.
    pub udp_keep_alive: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            user_agent: Text::default(),
            listeners: Vec::new(),
            credentials: None,
            outbound_proxy: None,
            transport: Transport::Udp,
            door: false,
            supported: [
                "timer",
                "path",
                "100rel",
                "199",
                "norefersub",
                "nosub",
                "tdialog",
                "multiple-refer",
            ]
            .map(Text::from_static)
            .to_vec(),
            required: Vec::new(),
            hold_pracks: false,
            keep_forks: false,
            follow_redirects: false,
            events: Vec::new(),
            min_subscription: Duration::from_secs(60),
            info_packages: Vec::new(),
            accept: vec![Text::from_static("application/sdp")],
            purposes: ["session", "render", "by-reference"]
                .map(Text::from_static)
                .to_vec(),
            judge_bodies: true,
            times: Times::default(),
            session_expires: Some(Duration::from_secs(1800)),
            min_session_expires: Duration::from_secs(90),
            stream_keep_alive: Duration::from_secs(110),
            udp_keep_alive: Duration::from_secs(25),
        }
    }
}

/// Where a message came from, and thereby where its sender can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// What carried it.
    pub transport: Transport,
    /// Our address.
    pub local: SocketAddr,
    /// The sender's address.
    pub peer: SocketAddr,
    /// The connection, if it was a stream.
    pub conn: Option<ConnId>,
}

/// Where a request shall go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To the first Route, else the outbound proxy, else the Request-URI (RFC 3261 §8.1.2).
    Uri,
    /// Over the connection of a message that was received, or from the same address of ours to the same
    /// address of its sender's. Without the connection it goes as [`Target::Uri`] does.
    Flow(Source),
    /// To one device by whichever of its ways leads there, the preferred one first: another one is taken when a flow is
    /// gone, breaks or does not answer, or 430 says that it has failed further on (RFC 5626 §5.3). A way has the last
    /// word on Request-URI and Route.
    Ways(Vec<Way>),
}

impl Target {
    /// The flow that is taken first, if a flow is.
    pub fn flow(&self) -> Option<&Source> {
        match self {
            Self::Uri => None,
            Self::Flow(source) => Some(source),
            Self::Ways(ways) => ways.first()?.flow.as_ref(),
        }
    }
}

/// One of the ways to a device that has registered over several flows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The Contact of that flow: the Request-URI.
    pub uri: Uri,
    /// The Path that it was registered along: the Route.
    pub route: Vec<Uri>,
    /// The flow, if it ends here.
    pub flow: Option<Source>,
}
