//! Tier 5: the participating function: what the network does for one user.
//!
//! Each user is served on both sides of a call. On the *originating* side the function knows who the user
//! is, says so, and sends on; on the *terminating* side it finds the user's device, or keeps what arrives
//! until there is one. The two sides speak SIP and MSRP with each other, also where both users live here; but a pager
//! message between two such users is handed from one side to the other as it is.
//!
//! ```text
//!            near            far                far            near
//!   alice ───leg──▶ originating ───leg──▶ terminating ───leg──▶ bob's device
//!                                             └──▶ inbox, while there is none
//! ```
//!
//! Nothing that was answered with a 2xx is lost: the answer to the sender waits until the next hop, or the
//! durable store, has taken the content over. What must be durable goes out as a question in an [`Event`].

mod core;
mod devices;
mod door;
mod enrolment;
mod event;
mod expiry;
mod inbox;
mod keeping;
mod originating;
mod pull;
mod registrar;
mod relay;
mod release;
mod reported;
mod sessions;
mod terminating;
mod told;

pub use event::{
    Absence, Devices, Enrolment, Event, Expiry, Kept, Preferences, Restored, Retrieval, StoreError,
    Subscriber,
};

use crate::conversation::{self, Contact, Custody, LegId, ParcelId};
use crate::deferred;
use crate::engine::{Clock, Ids, Map, QuestionId, Reply, Seed, Set, Slab, Timers};
use crate::node::{self, Answers, Net, Node, Role};
use crate::sip::bindings::Bindings;
use crate::sip::digest::{Algorithm, Verifier};
use crate::sip::msg::Status as SipStatus;
use crate::sip::{self, NotifierId, Uri};
use crate::wire::Text;
use crate::wire::host::Host;
use bytes::Bytes;
use devices::Senders;
use door::Knock;
use inbox::{InboxId, Inboxes};
use keeping::Keeping;
use pull::Fetch;
use relay::{BridgeId, Relay};
use reported::Reported;
use sessions::Watcher;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use terminating::{Arrival, Delivery, DeliveryId};
use told::Told;

/// How the function serves its users.
#[derive(Clone, Debug)]
pub struct Config {
    /// The domain of its users, which is also the realm of their passwords.
    pub domain: Text,
    /// Hosts whose word is taken for who sends a request and which side it is for: the proxies of an IMS
    /// core (RFC 3325's trust domain).
    pub trusted: Vec<IpAddr>,
    /// Other domains that are told who a message is from even if its sender wants to stay unknown: they keep it
    /// to themselves (RFC 3325 §5).
    pub trusted_domains: Vec<Text>,
    /// Where requests go on to, if this is an application server of an IMS core: its S-CSCF, as a Route. Its host is
    /// to be [trusted](Self::trusted). Users may then register there instead of here, and the core says so
    /// (TS 24.229 §5.4.1.7); what is for them, or from them, goes back to it by the Route that it came with, or by
    /// this one.
    pub core: Option<Uri>,
    /// Whether the core is asked where its users are registered and with what (a subscription to `reg`, TS 24.229
    /// §5.7.1.1), after each third-party REGISTER of a user who was not there. Without, a user whose REGISTER is not
    /// enclosed counts as having every service.
    pub watch_registrations: bool,
    /// Whether a request over UDP from the address of a registered device is believed to be that device's.
    /// An address can be forged; where nobody else can send from it (IPsec to the P-CSCF, loopback), this
    /// saves a challenge for each request.
    pub trust_registered_udp: bool,
    /// Which algorithms a challenge offers, in this order (RFC 8760). Some clients give up at one that they do not
    /// know, wherever it stands.
    pub algorithms: Vec<Algorithm>,
    /// Which way the content of chats goes.
    pub media: MediaPath,
    /// How long a message is kept whose sender does not say.
    pub default_lifetime: Duration,
    /// How long a message is kept at the most, whatever its sender says.
    pub max_lifetime: Duration,
    /// How long a device may take to confirm a message before it is kept as well, so that its sender need
    /// not wait.
    pub patience: Duration,
    /// When a device that did not take what was kept for it is tried again.
    pub retry: Duration,
    /// How long a session is held for a user who was lost.
    pub linger: Duration,
    /// How often a device may refuse what was kept for it, saying neither that it is busy nor that it never
    /// will take it; after that the message is given up as if its time were over, and the next one goes out.
    pub refusals: u32,
    /// The identity of the function when it delivers what was kept (a configured name: OMA leaves it open).
    pub deferred_uri: Uri,
    /// How a user who chooses is told what is kept (OMA leaves it open as well).
    pub deferred_list: deferred::Format,
    /// A message larger than this is delivered in large message mode.
    pub pager_limit: usize,
    /// The shortest registration that is granted.
    pub min_expires: Duration,
    /// The longest registration that is granted.
    pub max_expires: Duration,
}

/// Which way the content of chats goes (OMA CPM, interface PF1: the media path is negotiated).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MediaPath {
    /// Over the function, which has custody of every message on its way.
    #[default]
    Anchored,
    /// From end to end, where that can be: the function passes the descriptions of both ends on as they are
    /// and stays on the path of the signalling only. What breaks off is then the senders' to send again.
    ///
    /// A session is anchored all the same while the user is away, where its opener cannot be connected to
    /// (`a=setup:active`, as of devices behind a NAT), and where it is over TLS, for which each end would
    /// have to vouch for the other's certificate. That both ends reach each other's addresses is the
    /// operator's to know.
    Direct,
}

impl Config {
    /// Serves `domain`: messages are kept for a week, or as their senders say up to a month.
    pub fn new(domain: &str) -> Self {
        Self {
            domain: Text::from(domain.to_ascii_lowercase()),
            trusted: Vec::new(),
            trusted_domains: Vec::new(),
            core: None,
            watch_registrations: false,
            trust_registered_udp: false,
            algorithms: vec![Algorithm::Md5, Algorithm::Sha256],
            media: MediaPath::Anchored,
            default_lifetime: DAY * 7,
            max_lifetime: DAY * 30,
            patience: Duration::from_secs(8),
            retry: Duration::from_secs(30),
            linger: Duration::from_secs(180),
            refusals: 5,
            deferred_list: deferred::Format::default(),
            deferred_uri: Uri::sip("rcse-standfw", domain),
            pager_limit: 1300,
            min_expires: Duration::from_secs(60),
            max_expires: Duration::from_secs(7200),
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// The participating function of one domain.
#[derive(Debug)]
pub struct Participating {
    config: Config,
    verifier: Verifier,
    bindings: Bindings,
    /// The user part of the Route by which the originating side reaches the terminating one. Nobody
    /// outside can know it, so a request that has it has passed the door already.
    entry: Text,
    inboxes: Inboxes,
    relay: Relay,
    senders: Senders,
    waiting: Map<QuestionId, Waiting>,
    flights: Map<ParcelId, Flight>,
    deliveries: Slab<Delivery>,
    /// What is on its way to each user's devices, in the order in which it was sent.
    flying: Map<Text, BTreeMap<u64, DeliveryId>>,
    /// How many messages have gone to devices.
    departures: u64,
    /// What has been reported on behalf of users with several devices.
    reported: Reported,
    /// Which devices users have chosen who do not want all.
    choices: Map<Text, Devices>,
    /// Users for whom something has come and who wanted to be left alone then.
    unwilling: Set<Text>,
    /// Users who choose what to fetch, as far as something has come for them or they have registered.
    pulling: Set<Text>,
    /// Who wants to know of the sessions of a user.
    watchers: Map<NotifierId, Watcher>,
    /// What the core tells of its users.
    told: Told,
    /// Sessions in which users fetch.
    fetches: Map<LegId, Fetch>,
    timers: Timers<Due>,
}

/// What goes on when a question is answered.
#[derive(Debug)]
enum Waiting {
    /// Whether the sender of a request is who it says.
    Knock(Box<Knock>),
    /// Whether there is a user of whom the core has news.
    News(Box<core::News>),
    /// Whether there is a user for whom a message or session is, and what that user wants.
    Arrival(Box<Arrival>),
    /// Whether a user who was unwilling still is.
    Willing { user: Text },
    /// Whether a message was kept.
    Keep(Box<Keeping>),
    /// A message that was kept, on its way out again.
    Release { inbox: InboxId, sequence: u64 },
    /// A message that a user is to be told of.
    List { inbox: InboxId, sequence: u64 },
    /// A message that a user has asked for.
    Fetch {
        leg: LegId,
        inbox: InboxId,
        sequence: u64,
    },
    /// A message whose time is over.
    Expire { inbox: InboxId, sequence: u64 },
    /// Whether an expired message was put into its user's message store.
    Archive { inbox: InboxId, sequence: u64 },
    /// What a user wants to become of an expired message.
    Bury {
        inbox: InboxId,
        sequence: u64,
        message: Bytes,
    },
}

/// What goes on when a parcel has landed.
#[derive(Debug)]
enum Flight {
    /// The sender waits for the same answer.
    Relayed {
        custody: Custody,
        /// What it reports on.
        reports: Vec<Text>,
    },
    /// It goes to the served user's device, and is kept if that does not take it.
    Delivery(DeliveryId),
    /// It was kept and is on its way out.
    Released { inbox: InboxId, sequence: u64 },
    /// A user has asked for it.
    Fetched {
        leg: LegId,
        inbox: InboxId,
        sequence: u64,
    },
    /// A user is told what is kept.
    Told { inbox: InboxId },
}

/// What the function waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Due {
    /// A question was not answered.
    Question(QuestionId),
    /// A device did not confirm a message in time.
    Patience(DeliveryId),
    /// A message that is kept has outlived its time.
    Expiry(InboxId, u64),
    /// What a device did not take is tried again.
    Retry(InboxId),
    /// The session of a lost user was held long enough.
    Linger(BridgeId),
}

impl Participating {
    /// The function with what its store remembers.
    pub fn new(config: Config, restored: Restored, clock: &Clock, ids: &mut Ids) -> Self {
        let mut bindings = Bindings::new(ids);
        bindings.min_expires = config.min_expires;
        bindings.max_expires = config.max_expires;
        let mut verifier = Verifier::new(config.domain.clone(), ids);
        verifier.set_algorithms(config.algorithms.clone());
        let mut function = Self {
            verifier,
            bindings,
            entry: ids.nonce(),
            inboxes: Inboxes::new(ids, restored.next_sequence()),
            relay: Relay::new(ids),
            senders: Senders::new(ids),
            waiting: ids.map(),
            flights: ids.map(),
            deliveries: Slab::new(),
            flying: ids.map(),
            departures: 0,
            reported: Reported::new(ids),
            choices: ids.map(),
            unwilling: ids.set(),
            pulling: ids.set(),
            fetches: ids.map(),
            watchers: ids.map(),
            told: Told::default(),
            timers: Timers::new(ids),
            config,
        };
        function.restore(restored, clock);
        function
    }

    /// A node in this role.
    pub fn node(config: Config, restored: Restored, clock: Clock, seed: Seed) -> Node<Self> {
        let mut node = node::Config::new(clock, seed);
        node.sip.user_agent = Text::from_static("CPM-serv/OMA2.0 cpm/0.1");
        node.sip.events = Self::event_packages();
        // It is between others, who know what they say.
        node.sip.judge_bodies = false;
        let mut node = Node::new(node, |ids| Self::new(config, restored, &clock, ids));
        node.set_contact(Contact {
            user: Some(Text::from_static("cpm")),
            ..Contact::default()
        });
        node
    }

    /// The event packages that the function notifies of, for [`sip::Config::events`] of a node that is not made
    /// by [`node`](Self::node).
    pub fn event_packages() -> Vec<Text> {
        vec![Text::from_static(sessions::PACKAGE)]
    }

    /// Who is registered where.
    pub const fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// How many messages are kept for a user.
    pub fn kept(&self, user: &str) -> usize {
        self.inboxes.of(user).map_or(0, |inbox| inbox.len())
    }

    /// Asks a question whose answer is handled by `waiting`.
    fn ask<T>(
        &mut self,
        net: &mut Net<'_, Event>,
        waiting: Waiting,
        event: impl FnOnce(Reply<T>) -> Event,
    ) {
        let reply = net.ask();
        let question = reply.question();
        self.timers.set(
            Due::Question(question),
            net.now() + net.ends.cx.limits.question,
        );
        self.waiting.insert(question, waiting);
        net.emit(event(reply));
    }

    fn answered(&mut self, question: QuestionId) -> Option<Waiting> {
        self.timers.cancel(&Due::Question(question));
        self.waiting.remove(&question)
    }

    /// Whether an address belongs to this domain.
    fn is_served(&self, uri: &Uri) -> bool {
        match uri.as_sip().map(|uri| &uri.host.host) {
            Some(Host::Name(name)) => name.eq_ignore_ascii_case(&self.config.domain),
            _ => (uri.domain()).is_some_and(|domain| domain == self.config.domain),
        }
    }

    /// Nobody answered a question: what waited for it is refused, and whoever sent it may try again.
    fn unanswered(&mut self, net: &mut Net<'_, Event>, waiting: Waiting) {
        match waiting {
            Waiting::News(news) => news.refuse(net, SipStatus::SERVICE_UNAVAILABLE),
            Waiting::Knock(knock) => knock.refuse(net, SipStatus::SERVICE_UNAVAILABLE),
            Waiting::Arrival(arrival) => arrival.refuse(net, SipStatus::SERVICE_UNAVAILABLE),
            Waiting::Keep(keeping) => self.kept_or_not(net, *keeping, Err(StoreError::Unavailable)),
            Waiting::Willing { .. } => {}
            Waiting::Release { inbox, .. } | Waiting::List { inbox, .. } => {
                self.not_released(net, inbox)
            }
            Waiting::Fetch {
                leg,
                inbox,
                sequence,
            } => self.fetch_landed(net, leg, inbox, sequence, false),
            Waiting::Expire { inbox, sequence }
            | Waiting::Archive { inbox, sequence }
            | Waiting::Bury {
                inbox, sequence, ..
            } => self.not_expired(net, inbox, sequence),
        }
    }
}

impl Node<Participating> {
    /// Says that a user may want something else by now than when it was last asked: one who was unwilling
    /// gets what has come meanwhile, if it is willing again. `user` is as [`Uri::aor`] writes it.
    pub fn preferences_changed(&mut self, now: Instant, user: &str) {
        self.command(now, |function, net| function.ask_willing(net, user));
    }
}

impl Role for Participating {
    type Event = Event;

    fn admit(&mut self, net: &mut Net<'_, Event>, event: sip::Event) -> Option<sip::Event> {
        self.knock(net, event)
    }

    fn handle_leg(&mut self, net: &mut Net<'_, Event>, event: conversation::Event) {
        use conversation::Event as Leg;
        match event {
            Leg::Invited {
                leg,
                envelope,
                terms,
                request,
                source,
            } => match door::originator(&request) {
                Some(user) => {
                    if self.is_for_deferred(&envelope, request.uri().ok().as_ref()) {
                        return self.fetch(net, leg, &user, &terms, &request);
                    }
                    self.originate_session(net, leg, user, *envelope, terms, source);
                }
                None => self.arrived(net, Arrival::session(leg, envelope, terms, &request)),
            },
            Leg::Paged {
                envelope,
                parcel,
                custody,
                source,
            } => match door::originator_of(&custody) {
                Some(user) => {
                    let device = self.device_of(&envelope.sender().aor(), source);
                    self.remember_sender(net, device, &parcel);
                    self.originate(net, envelope, parcel, custody, &user);
                }
                None => self.arrived(net, Arrival::message(envelope, parcel, custody)),
            },
            Leg::Ringing { leg } => self.ringing(net, leg),
            Leg::Accepted {
                leg,
                instance,
                description,
            } => self.accepted(net, leg, instance, description),
            Leg::Reoffered { leg, description } => self.reoffered(net, leg, description),
            Leg::Reanswered { leg, result } => self.reanswered(net, leg, result),
            Leg::Up { .. } => {}
            Leg::Received {
                leg,
                parcel,
                custody,
            } => self.received(net, leg, parcel, custody),
            Leg::Sent { parcel, kept, .. } => self.landed(net, parcel, Ok(kept)),
            Leg::Unsent { parcel, status, .. } => self.landed(net, parcel, Err(status)),
            Leg::Ended { leg, ending } => {
                self.fetches.remove(&leg);
                self.ended(net, leg, ending);
            }
        }
        self.tell_watchers(net);
    }

    fn handle_sip(&mut self, net: &mut Net<'_, Event>, event: sip::Event) {
        match event {
            sip::Event::Request { id, request, .. } => net.ends.decline(id, &request),
            sip::Event::SubscriptionAsked {
                notifier, request, ..
            } => match door::originator(&request) {
                Some(user) => self.asked_for_sessions(net, notifier, user, &request),
                None => {
                    let refusal = request.response(SipStatus::FORBIDDEN);
                    let (cx, sip) = (&mut net.ends.cx, &mut net.ends.sip);
                    sip.refuse_subscription(cx, notifier, refusal);
                }
            },
            sip::Event::SubscriptionOver { notifier, .. } => self.unwatched(notifier),
            sip::Event::Notified {
                subscription,
                request,
                ..
            } => self.core_tells(net, subscription, &request),
            sip::Event::SubscriptionTerminated { subscription, .. } => {
                self.core_is_silent(subscription);
            }
            sip::Event::FlowLost { conn } => self.flow_lost(net, conn),
            _ => {}
        }
    }

    fn handle_timeout(&mut self, net: &mut Net<'_, Event>) {
        let now = net.now();
        self.expire_bindings(net);
        while let Some(due) = self.timers.pop(now) {
            match due {
                Due::Question(question) => {
                    if let Some(waiting) = self.waiting.remove(&question) {
                        self.unanswered(net, waiting);
                    }
                }
                Due::Patience(delivery) => self.out_of_patience(net, delivery),
                Due::Expiry(inbox, sequence) => self.expire(net, inbox, sequence),
                Due::Retry(inbox) => self.release(net, inbox),
                Due::Linger(bridge) => self.dissolve(net, bridge),
            }
        }
        self.tell_watchers(net);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        [self.timers.next(), self.bindings.next_expiry()]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Answers<Option<Subscriber>> for Participating {
    fn handle_answer(
        &mut self,
        net: &mut Net<'_, Event>,
        question: QuestionId,
        subscriber: Option<Subscriber>,
    ) {
        match self.answered(question) {
            Some(Waiting::News(news)) => self.learn(net, *news, subscriber.as_ref()),
            Some(Waiting::Knock(knock)) => self.open_or_not(net, *knock, subscriber.as_ref()),
            Some(Waiting::Arrival(arrival)) => self.arrive(net, *arrival, subscriber.as_ref()),
            Some(Waiting::Willing { user }) => {
                let preferences = subscriber.map(|subscriber| subscriber.preferences);
                let preferences = preferences.unwrap_or_default();
                self.set_retrieval(net, &user, &preferences);
                self.set_unwilling(net, &user, preferences.unwilling);
            }
            Some(Waiting::Bury {
                inbox,
                sequence,
                message,
            }) => {
                let preferences = subscriber
                    .map(|subscriber| subscriber.preferences)
                    .unwrap_or_default();
                self.bury(net, inbox, sequence, message, &preferences);
            }
            _ => {}
        }
        self.tell_watchers(net);
    }
}

impl Answers<Result<(), StoreError>> for Participating {
    fn handle_answer(
        &mut self,
        net: &mut Net<'_, Event>,
        question: QuestionId,
        answer: Result<(), StoreError>,
    ) {
        match self.answered(question) {
            Some(Waiting::Keep(keeping)) => self.kept_or_not(net, *keeping, answer),
            Some(Waiting::Archive { inbox, sequence }) => match answer {
                Ok(()) => self.buried(net, inbox, sequence),
                Err(_) => self.not_expired(net, inbox, sequence),
            },
            _ => {}
        }
    }
}

impl Answers<Option<Bytes>> for Participating {
    fn handle_answer(
        &mut self,
        net: &mut Net<'_, Event>,
        question: QuestionId,
        message: Option<Bytes>,
    ) {
        match self.answered(question) {
            Some(Waiting::Release { inbox, sequence }) => {
                self.released(net, inbox, sequence, message)
            }
            Some(Waiting::List { inbox, sequence }) => self.listed(net, inbox, sequence, message),
            Some(Waiting::Fetch {
                leg,
                inbox,
                sequence,
            }) => self.fetched(net, leg, inbox, sequence, message),
            Some(Waiting::Expire { inbox, sequence }) => {
                self.expired(net, inbox, sequence, message)
            }
            _ => {}
        }
    }
}
