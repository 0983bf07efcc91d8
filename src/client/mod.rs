//! Tier 5: the role of a device.
//!
//! A [`Client`] registers its user and chats. Its commands are methods of [`Node<Client>`](Node); none of
//! them waits, and any number may be given before the next poll: what cannot be sent yet is held until it
//! can, and how it ended arrives as an [`Event`].

mod chat;
mod chats;
mod commands;
mod config;
mod deferred;
mod event;
mod inbound;
mod invited;
mod outbound;
mod sessions;
mod typing;
mod watch;

pub use config::{Config, Options, Priority};
pub use event::{Event, MessageId, OngoingSession, SendError};

use crate::conversation::{self, Contact, Service};
use crate::engine::{Clock, Key, Seed, Timers, id};
use crate::node::{self, Net, Node, Role};
use crate::sip::msg::Status as SipStatus;
use crate::sip::{self, Credentials, RegistrationId, Uri, register};
use crate::wire::Text;
use crate::{composing, cpim, imdn, lists, sdp};
use chats::Chats;
use deferred::Deferred;
use std::time::{Duration, Instant};
use watch::Watch;

id! {
    /// A chat with one peer: the thread of all that is said, in however many sessions.
    ChatId
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
