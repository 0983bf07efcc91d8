//! What the user says: queued in order, sent as soon as something takes it, tried again until it is taken.

use super::chat::{Chat, Flight, Outgoing, Way};
use super::event::{Event, MessageId, SendError};
use super::{ChatId, Client, Config, Options, Timer};
use crate::conversation::{
    Destination, Envelope, Identity, Mode, Parcel, ParcelId, Service, Status, Terms, Thread,
    Wanted, is_anonymous, message,
};
use crate::cpim;
use crate::msrp::SendError as SessionError;
use crate::node::Net;
use crate::sip::Uri;
use crate::sip::msg::Status as SipStatus;
use crate::sip::msg::header::Reason;
use crate::wire::Text;
use std::time::Duration;

impl Client {
    pub(super) fn send_text(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ChatId,
        text: &str,
        options: &Options,
    ) -> Result<MessageId, SendError> {
        let cx = &mut net.ends.cx;
        let chat = self.chats.get_mut(id).ok_or(SendError::NoChat)?;
        if chat.outgoing.len() >= cx.limits.leg_queue {
            return Err(SendError::Full);
        }
        let message = MessageId(cx.ids.message_id());
        let [from, to] = [&chat.local, &chat.peer].map(|uri| cpim::Identity::new(uri.to_string()));
        let in_session = chat.wants_session && options == &Options::default();
        // No report finds its way to nobody, but in the session.
        let wanted = match is_anonymous(&chat.local) && !in_session {
            true => Wanted::NONE,
            false => self.config.wanted,
        };
        let parcel = message::text(cx, &from, &to, message.as_str(), text, wanted);
        if parcel.body.len() > cx.limits.msrp_message {
            return Err(SendError::TooLarge);
        }
        let mut envelope = envelope(&self.config, chat, Service::Pager);
        let mut thread = Thread::next(cx.ids, chat.conversation.clone());
        let answered = options
            .in_reply_to
            .as_ref()
            .and_then(|id| chat.received.get(id));
        if let Some(answered) = answered.and_then(|message| message.thread.clone()) {
            // The answer belongs into the conversation of what it answers.
            thread.conversation = answered.conversation;
            thread.in_reply_to = Some(answered.contribution);
        }
        envelope.thread = Some(thread);
        envelope.priority = options
            .priority
            .map(|priority| Text::from_static(priority.name()));
        envelope.reply_to.clone_from(&options.reply_to);
        envelope.lifetime = options.lifetime;
        chat.sent
            .insert(message.clone(), Status::Pending, cx.limits.remembered);
        chat.composer.sent();
        self.timers.cancel(&Timer::Composer(id.0));
        chat.outgoing.push_back(Outgoing {
            message: Some(message.clone()),
            envelope,
            parcel,
            way: if in_session { Way::Session } else { Way::Alone },
            flight: Flight::Waiting,
            since: cx.now,
        });
        self.pump(net, id);
        Ok(message)
    }

    pub(super) fn send_message(
        &mut self,
        net: &mut Net<'_, Event>,
        peer: &Uri,
        text: &str,
        options: &Options,
    ) -> Result<MessageId, SendError> {
        let cx = &mut net.ends.cx;
        let from = options.from.as_ref().unwrap_or(&self.config.user);
        let id = self.chats.between(cx.ids, from, peer, cx.limits.chats);
        let chat = self.chats.get_mut(id).ok_or(SendError::NoChat)?;
        // A message of its own, even while a session is open.
        let wanted_session = std::mem::take(&mut chat.wants_session);
        let sent = self.send_text(net, id, text, options);
        if let Some(chat) = self.chats.get_mut(id) {
            chat.wants_session = wanted_session;
        }
        sent
    }

    /// Queues a report on a message of the peer's.
    pub(super) fn report(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ChatId,
        envelope: Envelope,
        parcel: Parcel,
        way: Way,
    ) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let since = net.now();
        let flight = Flight::Waiting;
        let limits = net.ends.cx.limits;
        // It is the peer who makes us owe them, and who may be slow to take them.
        if chat.outgoing.len() >= limits.leg_queue.saturating_add(limits.remembered) {
            return;
        }
        chat.outgoing.push_back(Outgoing {
            message: None,
            envelope,
            parcel,
            way,
            flight,
            since,
        });
        self.pump(net, id);
    }

    pub(super) fn pump_all(&mut self, net: &mut Net<'_, Event>) {
        for id in self.chats.ids() {
            if let Some(chat) = self.chats.get_mut(id) {
                chat.not_before = None;
                chat.attempts = 0;
            }
            self.pump(net, id);
        }
    }

    /// Sends of a chat what can be sent: in a session one after the other, on its own one at a time, so that
    /// the order in which the user wrote is the order in which it is taken.
    pub(super) fn pump(&mut self, net: &mut Net<'_, Event>, id: ChatId) {
        let now = net.now();
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        if let Some(at) = chat.not_before.filter(|at| *at > now) {
            self.timers.set(Timer::Retry(id.0), at);
            return;
        }
        chat.not_before = None;
        while self.send_next(net, id) {}
    }

    /// Sends the first thing that is not on its way; false if there is none, or if it has to wait.
    pub(super) fn send_next(&mut self, net: &mut Net<'_, Event>, id: ChatId) -> bool {
        let Some(chat) = self.chats.get_mut(id) else {
            return false;
        };
        let (open, session) = (chat.is_open(), chat.session().map(|session| session.leg));
        let Some(at) = chat
            .outgoing
            .iter()
            .position(|outgoing| outgoing.flight == Flight::Waiting)
        else {
            return false;
        };
        // What goes in one session must not overtake what is still on its way in another.
        let elsewhere_ahead = chat.outgoing.iter().take(at).any(
            |outgoing| matches!(outgoing.flight, Flight::InSession(_, leg) if Some(leg) != session),
        );
        let alone_ahead = chat
            .outgoing
            .iter()
            .take(at)
            .any(|outgoing| matches!(outgoing.flight, Flight::Alone(_)));
        let Some(outgoing) = chat.outgoing.get_mut(at) else {
            return false;
        };
        let in_session = match outgoing.way {
            Way::Session => true,
            Way::SessionOrAlone => open,
            Way::Alone => false,
        };
        let flight = match (in_session, session) {
            (true, _) if alone_ahead || elsewhere_ahead => return false,
            (false, _) if at > 0 => return false,
            (true, None) => {
                self.open_session(net, id);
                return self
                    .chats
                    .get(id)
                    .is_some_and(|chat| chat.session().is_some());
            }
            (true, Some(leg)) => match net.legs.send(&mut net.ends, leg, outgoing.parcel.clone()) {
                Ok(parcel) => {
                    self.chats.fly(parcel, id);
                    Flight::InSession(parcel, leg)
                }
                Err(SessionError::TooLarge | SessionError::Unwritable) => {
                    self.give_up(net, id, at, Some(TOO_LARGE));
                    return true;
                }
                Err(_) => return false,
            },
            (false, _) => {
                let (envelope, content) = (outgoing.envelope.clone(), outgoing.parcel.clone());
                let Some(parcel) = self.send_alone(net, id, envelope, content) else {
                    self.try_later(net.now(), id);
                    return false;
                };
                Flight::Alone(parcel)
            }
        };
        if let Some(outgoing) = self
            .chats
            .get_mut(id)
            .and_then(|chat| chat.outgoing.get_mut(at))
        {
            outgoing.flight = flight;
        }
        true
    }

    /// Sends something on its own: in one SIP MESSAGE, or in a session made for it if it is large.
    pub(super) fn send_alone(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ChatId,
        mut envelope: Envelope,
        parcel: Parcel,
    ) -> Option<ParcelId> {
        let destination = Destination::uri(envelope.to.uri.clone());
        if Mode::choose(false, parcel.body.len(), self.config.pager_limit) == Mode::Pager {
            let parcel = net.legs.page(&mut net.ends, destination, &envelope, parcel);
            self.chats.fly(parcel, id);
            return Some(parcel);
        }
        envelope.service = Some(Service::LargeMessage);
        let terms = Terms::delivery(self.config.setup).with_tls(self.config.is_secure());
        let leg = net
            .legs
            .open(&mut net.ends, destination, &envelope, terms)
            .ok()?;
        let parcel = net.legs.send(&mut net.ends, leg, parcel).ok()?;
        net.legs
            .finish(&mut net.ends, leg, Some(Reason::sip(200, "Call completed")));
        self.chats.fly(parcel, id);
        Some(parcel)
    }

    /// The next hop has taken something of ours.
    pub(super) fn sent(&mut self, net: &mut Net<'_, Event>, parcel: ParcelId) {
        let Some((id, at)) = self.chats.landed(parcel) else {
            return;
        };
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        chat.attempts = 0;
        if let Some(message) = chat
            .outgoing
            .remove(at)
            .and_then(|outgoing| outgoing.message)
        {
            self.grow(net, id, message, Status::Sent);
        }
        self.pump(net, id);
    }

    /// The next hop did not take something of ours: it is tried again, another way or later, as long as that
    /// makes sense.
    pub(super) fn unsent(
        &mut self,
        net: &mut Net<'_, Event>,
        parcel: ParcelId,
        status: SipStatus,
        retry_after: Option<Duration>,
    ) {
        let now = net.now();
        let Some((id, at)) = self.chats.landed(parcel) else {
            return;
        };
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let Some(outgoing) = chat.outgoing.get_mut(at) else {
            return;
        };
        let flight = std::mem::replace(&mut outgoing.flight, Flight::Waiting);
        if let Flight::InSession(_, leg) = flight
            && !net.legs.contains(leg)
        {
            // What to do with all that was in the session is decided next, when we hear how it ended.
            return;
        }
        if is_passing(status) && now.saturating_duration_since(outgoing.since) < self.config.give_up
        {
            // What came behind it waits as well, so that it does not overtake; for all of it once is enough.
            let waits = chat.not_before.is_some_and(|at| at > now);
            if waits && matches!(flight, Flight::InSession(..)) {
                return;
            }
            let at = chat.back_off(now, retry_after);
            self.timers.set(Timer::Retry(id.0), at);
            return;
        }
        self.give_up(net, id, at, Some(status));
        self.pump(net, id);
    }

    /// Something of ours will not arrive.
    pub(super) fn give_up(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ChatId,
        at: usize,
        status: Option<SipStatus>,
    ) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let Some(message) = chat
            .outgoing
            .remove(at)
            .and_then(|outgoing| outgoing.message)
        else {
            return;
        };
        if chat
            .sent
            .get_mut(&message)
            .is_some_and(|sent| sent.grow(Status::Failed))
        {
            net.emit(Event::Failed {
                chat: id,
                message,
                status: status.map(SipStatus::code),
            });
        }
    }

    /// A message of ours has come further.
    pub(super) fn grow(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ChatId,
        message: MessageId,
        to: Status,
    ) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        // A report on a message that we never sent changes nothing.
        let Some(status) = chat.sent.get_mut(&message) else {
            return;
        };
        if !status.grow(to) {
            return;
        }
        let by = chat.peer.clone();
        net.emit(match to {
            Status::Failed => Event::Failed {
                chat: id,
                message,
                status: None,
            },
            status => Event::Disposition {
                chat: id,
                message,
                by,
                status,
            },
        });
    }
}

/// A request in a chat. Who writes as nobody in particular says who it is to the network alone.
pub(super) fn envelope(config: &Config, chat: &Chat, service: Service) -> Envelope {
    let mut envelope = Envelope::new(chat.local.clone(), chat.peer.clone(), service);
    envelope.private = is_anonymous(&chat.local);
    envelope.identity = Identity::Preferred(match envelope.private {
        true => config.user.clone(),
        false => chat.local.clone(),
    });
    envelope
}

/// What a peer that takes only short messages would say.
const TOO_LARGE: SipStatus = SipStatus::REQUEST_ENTITY_TOO_LARGE;

/// Whether a failure says more about the moment than about the message.
pub(super) const fn is_passing(status: SipStatus) -> bool {
    matches!(
        status.code(),
        408 | 430 | 480 | 481 | 486 | 487 | 500 | 502 | 503 | 504
    )
}
