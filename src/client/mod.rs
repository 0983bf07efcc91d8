//! Tier 5: the role of a device.
//!
//! A [`Client`] registers its user and chats. Its commands are methods of [`Node<Client>`](Node); none of
//! them waits, and any number may be given before the next poll: what cannot be sent yet is held until it
//! can, and how it ended arrives as an [`Event`].

mod chat;
mod chats;
mod deferred;
mod event;
mod inbound;
mod outbound;
mod sessions;
mod typing;
mod watch;

pub use event::{Event, MessageId, OngoingSession, SendError};

use crate::conversation::activity::Timing;
use crate::conversation::{self, Contact, Service, Status, Wanted};
use crate::deferred::Format;
use crate::engine::{Clock, Key, Seed, Timers, id};
use crate::node::{self, Net, Node, Role};
use crate::sdp::msrp::Setup;
use crate::sip::msg::Status as SipStatus;
use crate::sip::{self, Credentials, RegistrationId, Uri, register};
use crate::wire::Text;
use crate::{composing, cpim, imdn, lists, sdp};
use chats::Chats;
use deferred::Deferred;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use watch::Watch;

id! {
    /// A chat with one peer: the thread of all that is said, in however many sessions.
    ChatId
}

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
    /// Whether chats are accepted by themselves, or by [`Node::accept_chat`].
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
    fn is_secure(&self) -> bool {
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

/// The role of a device.
#[derive(Debug)]
pub struct Client {
    config: Config,
    registration: Option<RegistrationId>,
    registered: bool,
    /// The addresses that the network says are ours.
    associated: Vec<Uri>,
    chats: Chats,
    deferred: Deferred,
    watch: Watch,
    timers: Timers<Timer>,
}

/// What a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Timer {
    /// Something of this chat can be tried again.
    Retry(Key),
    /// Our own typing in this chat turns idle, or is to be said again.
    Composer(Key),
    /// The peer's typing in this chat is no longer believed.
    Watcher(Key),
}

impl Client {
    /// A node in the role of a device.
    pub fn node(config: Config, clock: Clock, seed: Seed) -> Node<Self> {
        let mut node = node::Config::new(clock, seed);
        node.sip.user_agent = Text::from_static("CPM-client/OMA2.0 cpm/0.1");
        node.sip.outbound_proxy = Some(config.server.clone());
        node.sip.credentials = Self::credentials(&config);
        node.sip.accept = BODIES.map(Text::from_static).to_vec();
        node.sip.purposes.extend(PURPOSES.map(Text::from_static));
        node.msrp.host = config.host.map(|host| Text::from(host.to_string()));
        let mut node = Node::new(node, |ids| {
            let mut config = config;
            (config.instance).get_or_insert_with(|| Text::from(ids.uuid().urn().to_string()));
            Self {
                registration: None,
                registered: false,
                associated: Vec::new(),
                chats: Chats::new(ids),
                deferred: Deferred::default(),
                watch: Watch::default(),
                timers: Timers::new(ids),
                config,
            }
        });
        let contact = Self::contact(node.role().config());
        node.set_contact(contact);
        node
    }

    /// The configuration.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the server knows where we are.
    pub const fn is_registered(&self) -> bool {
        self.registered
    }

    fn credentials(config: &Config) -> Option<Credentials> {
        let user = config.user.user()?;
        (!config.password.is_empty()).then(|| Credentials::new(user, config.password.clone()))
    }

    fn contact(config: &Config) -> Contact {
        Contact {
            user: config.user.user(),
            display: config.device_name.clone(),
            instance: config.instance.clone(),
        }
    }

    fn registration(config: &Config) -> register::Config {
        let contact = Self::contact(config);
        let mut registration = register::Config::new(
            config.user.clone(),
            Uri::host(&config.user.domain().unwrap_or_default()),
        );
        registration.user = contact.user.clone();
        registration.display = contact.display.clone();
        registration.params = contact.params(&SERVICES);
        registration.instance = config.instance.clone();
        registration.reg_id = config.instance.is_some().then_some(1);
        registration.expires = config.expires;
        // People wait for a chat to come back; there are no thousands of other clients behind this one.
        registration.retry_base = Duration::from_millis(500);
        registration.retry_most = Duration::from_secs(30);
        registration
    }

    /// Whether `uri` is one of the user's own addresses.
    fn is_own(&self, uri: &Uri) -> bool {
        [&self.config.user]
            .into_iter()
            .chain(&self.config.identities)
            .chain(&self.associated)
            .any(|own| own.matches(uri))
    }
}

/// What is understood in the bodies of SIP.
const BODIES: [&str; 6] = [
    sdp::MEDIA_TYPE,
    cpim::MEDIA_TYPE,
    imdn::MEDIA_TYPE,
    composing::MEDIA_TYPE,
    lists::MEDIA_TYPE,
    "text/plain",
];
/// What they may be for, besides the usual (RFC 5363 §4, RFC 5364 §7).
const PURPOSES: [&str; 2] = ["recipient-list", "recipient-list-history"];

/// The services that this client offers.
const SERVICES: [Service; 5] = [
    Service::Pager,
    Service::LargeMessage,
    Service::Session,
    Service::Deferred,
    Service::System,
];

impl Node<Client> {
    /// Registers, and stays registered. [`Event::Registered`] or [`Event::RegistrationFailed`] follows.
    pub fn register(&mut self, now: Instant) {
        self.command(now, |client, net| {
            let registration = Client::registration(&client.config);
            match client.registration {
                Some(id) => net
                    .ends
                    .sip
                    .update_registration(&mut net.ends.cx, id, registration),
                None => {
                    client.registration =
                        Some(net.ends.sip.register(&mut net.ends.cx, registration))
                }
            }
        });
    }

    /// Takes the registration back. [`Event::Unregistered`] follows.
    pub fn unregister(&mut self, now: Instant) {
        self.command(now, |client, net| {
            if let Some(id) = client.registration {
                net.ends.sip.unregister(&mut net.ends.cx, id);
            }
        });
    }

    /// Gives this device another name and tells the network.
    pub fn rename_device(&mut self, now: Instant, name: &str) {
        self.command(now, |client, net| {
            client.config.device_name = Some(Text::from(name));
            net.legs.set_contact(Client::contact(&client.config));
            if let Some(id) = client.registration {
                net.ends.sip.update_registration(
                    &mut net.ends.cx,
                    id,
                    Client::registration(&client.config),
                );
            }
        });
    }

    /// Opens a chat with `peer`. Messages may be sent at once; they are held until it is accepted.
    pub fn open_chat(&mut self, now: Instant, peer: Uri) -> ChatId {
        let from = self.role().config.user.clone();
        self.open_chat_as(now, from, peer)
    }

    /// Opens a chat with `peer` under one of the user's other addresses, or under that of nobody
    /// ([`anonymous`](crate::conversation::anonymous)): the peer is then not told who it is with (`Privacy: id`,
    /// RFC 3325).
    pub fn open_chat_as(&mut self, now: Instant, from: Uri, peer: Uri) -> ChatId {
        self.command(now, |client, net| client.open_chat(net, from, peer))
    }

    /// Accepts a chat that a peer has opened ([`Event::Invited`]).
    pub fn accept_chat(&mut self, now: Instant, chat: ChatId) {
        self.command(now, |client, net| client.accept_chat(net, chat));
    }

    /// Declines a chat that a peer has opened.
    pub fn decline_chat(&mut self, now: Instant, chat: ChatId) {
        self.command(now, |client, net| {
            client.decline_chat(net, chat, SipStatus::DECLINE)
        });
    }

    /// Sends `text` in a chat: in its session if one is open, else as a message of its own. It asks for
    /// what [`Config::wanted`] says.
    ///
    /// How it ends arrives as [`Event::Disposition`] or [`Event::Failed`] with the returned id.
    ///
    /// # Errors
    ///
    /// Nothing was sent; see [`SendError`].
    pub fn send_text(
        &mut self,
        now: Instant,
        chat: ChatId,
        text: &str,
    ) -> Result<MessageId, SendError> {
        self.command(now, |client, net| {
            client.send_text(net, chat, text, &Options::default())
        })
    }

    /// Sends `text` to `peer` as a message of its own: in one SIP MESSAGE, or in large message mode if it
    /// is too long for that.
    ///
    /// # Errors
    ///
    /// Nothing was sent; see [`SendError`].
    pub fn send_message(
        &mut self,
        now: Instant,
        peer: &Uri,
        text: &str,
        options: &Options,
    ) -> Result<MessageId, SendError> {
        self.command(now, |client, net| {
            client.send_message(net, peer, text, options)
        })
    }

    /// Says that the user has seen a message. Its sender is told, if both sides want that.
    pub fn mark_displayed(&mut self, now: Instant, message: &MessageId) {
        self.command(now, |client, net| client.mark_displayed(net, message));
    }

    /// Says that the user pressed a key in a chat. Call it for every key: the peer hears as much of it as
    /// RFC 3994 asks.
    pub fn typing(&mut self, now: Instant, chat: ChatId) {
        self.command(now, |client, net| client.typing(net, chat));
    }

    /// Ends the session of a chat. The thread goes on with the next message.
    pub fn end_chat(&mut self, now: Instant, chat: ChatId) {
        self.command(now, |client, net| client.end_chat(net, chat));
    }

    /// Fetches what is kept: everything, or the messages of these ids ([`Event::Deferred`] lists them). They
    /// arrive as [`Event::Message`]s, and [`Event::Fetched`] when all have come. Nothing is done, and the
    /// answer is `false`, while another fetch is under way or there is no room for a session.
    pub fn fetch_deferred(&mut self, now: Instant, chosen: Option<&[Text]>) -> bool {
        self.command(now, |client, net| client.fetch(net, chosen))
    }

    /// Has messages of these ids thrown away. [`Event::Discarded`] follows.
    pub fn discard_deferred(&mut self, now: Instant, ids: &[Text]) {
        self.command(now, |client, net| client.discard(net, ids));
    }

    /// Asks the network what sessions of this user go on, on whichever device, and to be told when that changes:
    /// [`Event::Sessions`]. It is asked once if `expires` is zero, and goes on being asked otherwise.
    pub fn watch_sessions(&mut self, now: Instant, expires: Duration) {
        self.command(now, |client, net| client.watch_sessions(net, expires));
    }

    /// Ends that. [`Event::SessionsUnknown`] follows.
    pub fn unwatch_sessions(&mut self, now: Instant) {
        self.command(now, |client, net| client.unwatch_sessions(net));
    }

    /// Every chat that has a session which is up.
    pub fn open_chats(&self) -> Vec<ChatId> {
        let chats = self.role().chats.ids();
        chats
            .into_iter()
            .filter(|chat| self.is_open(*chat))
            .collect()
    }

    /// How far a message of ours has come; `None` if it is not remembered.
    pub fn status(&self, message: &MessageId) -> Option<Status> {
        self.role().chats.status(message)
    }

    /// Whom a chat is with.
    pub fn peer(&self, chat: ChatId) -> Option<&Uri> {
        self.role().chats.get(chat).map(|chat| &chat.peer)
    }

    /// Whether a chat has a session that is up.
    pub fn is_open(&self, chat: ChatId) -> bool {
        self.role().chats.get(chat).is_some_and(chat::Chat::is_open)
    }
}

impl Role for Client {
    type Event = Event;

    fn admit(&mut self, net: &mut Net<'_, Event>, event: sip::Event) -> Option<sip::Event> {
        let sip::Event::Knocked {
            id,
            request,
            source,
        } = &event
        else {
            return Some(event);
        };
        let registrar = (self.registration).and_then(|id| net.ends.sip.registrar_of(id));
        if self.config.open_to_all || registrar.is_none_or(|addr| addr.ip() == source.peer.ip()) {
            return Some(event);
        }
        let response = request.response(SipStatus::FORBIDDEN);
        net.ends.sip.respond(&mut net.ends.cx, *id, response);
        None
    }

    fn handle_leg(&mut self, net: &mut Net<'_, Event>, event: conversation::Event) {
        use conversation::Event as Leg;
        match event {
            Leg::Invited {
                leg,
                envelope,
                terms,
                ..
            } => self.invited(net, leg, &envelope, &terms),
            Leg::Ringing { .. } => {}
            Leg::Accepted { leg, instance, .. } => self.leg_accepted(net, leg, instance),
            // All media of ours is our own.
            Leg::Reoffered { .. } | Leg::Reanswered { .. } => {}
            Leg::Up { leg } => self.leg_up(net, leg),
            Leg::Received {
                leg,
                parcel,
                custody,
            } => self.received(net, leg, &parcel, custody),
            Leg::Paged {
                envelope,
                parcel,
                custody,
                ..
            } => self.paged(net, &envelope, &parcel, custody),
            Leg::Sent { parcel, .. } => {
                if !self.discarded(net, parcel, None) {
                    self.sent(net, parcel);
                }
            }
            Leg::Unsent {
                parcel,
                status,
                retry_after,
                ..
            } => {
                if !self.discarded(net, parcel, Some(status)) {
                    self.unsent(net, parcel, status, retry_after);
                }
            }
            Leg::Ended { leg, ending } => {
                if !self.fetch_ended(net, leg, &ending) {
                    self.leg_ended(net, leg, ending);
                }
            }
        }
    }

    fn handle_sip(&mut self, net: &mut Net<'_, Event>, event: sip::Event) {
        match event {
            sip::Event::Registered {
                id,
                expires,
                associated,
                ..
            } if Some(id) == self.registration => {
                self.registered = true;
                self.associated = associated;
                net.emit(Event::Registered { expires });
                // Whatever could not be sent while we were away can be now.
                self.pump_all(net);
            }
            sip::Event::RegistrationFailed {
                id,
                status,
                retry_in,
            } if Some(id) == self.registration => {
                self.registered = false;
                net.emit(Event::RegistrationFailed {
                    status: status.map(SipStatus::code),
                    retry_in,
                });
            }
            sip::Event::Unregistered { id } if Some(id) == self.registration => {
                self.registration = None;
                self.registered = false;
                net.emit(Event::Unregistered);
            }
            sip::Event::Notified {
                subscription,
                request,
                ..
            } => self.sessions_told(net, subscription, &request),
            sip::Event::SubscriptionTerminated {
                subscription, end, ..
            } => self.sessions_unknown(net, subscription, &end),
            sip::Event::Request { id, request, .. } => net.ends.decline(id, &request),
            _ => {}
        }
    }

    fn handle_timeout(&mut self, net: &mut Net<'_, Event>) {
        while let Some(timer) = self.timers.pop(net.now()) {
            match timer {
                Timer::Retry(key) => self.pump(net, ChatId(key)),
                Timer::Composer(key) => self.tell_composing(net, ChatId(key)),
                Timer::Watcher(key) => self.watch(net, ChatId(key)),
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }
}
