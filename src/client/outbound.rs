//! What the user says: queued in order, sent as soon as something takes it, tried again until it is taken.

use super::chat::{Flight, Outgoing, Session, State, Way};
use super::event::{Event, MessageId, SendError};
use super::{ChatId, Client, Options, Timer};
use crate::composing::{self, IsComposing};
use crate::conversation::activity::Tell;
use crate::conversation::{
    Destination, Envelope, Identity, LegId, Mode, Parcel, ParcelId, Service, Status, Terms, Thread,
    message,
};
use crate::cpim;
use crate::msrp::SendError as SessionError;
use crate::node::Net;
use crate::sip::Uri;
use crate::sip::msg::Status as SipStatus;
use crate::sip::msg::header::Reason;
use crate::wire::Text;
use std::time::{Duration, Instant};

impl Client {
    pub(super) fn open_chat(&mut self, net: &mut Net<'_, Event>, from: Uri, peer: Uri) -> ChatId {
        let cx = &mut net.ends.cx;
        let id = self.chats.between(cx.ids, &from, &peer, cx.limits.chats);
        if let Some(chat) = self.chats.get_mut(id) {
            chat.wants_session = true;
            chat.not_before = None;
        }
        self.open_session(net, id);
        id
    }

    pub(super) fn end_chat(&mut self, net: &mut Net<'_, Event>, id: ChatId) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        chat.wants_session = false;
        // What is still unsent goes on its own.
        for outgoing in chat
            .outgoing
            .iter_mut()
            .filter(|outgoing| outgoing.way == Way::Session)
        {
            outgoing.way = Way::SessionOrAlone;
        }
        let legs = chat
            .legs
            .iter()
            .filter(|session| session.state != State::Delivery)
            .map(|session| session.leg);
        for leg in legs.collect::<Vec<_>>() {
            net.legs
                .finish(&mut net.ends, leg, Some(Reason::sip(200, "Call completed")));
        }
    }

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
        let parcel = message::text(cx, &from, &to, message.as_str(), text, self.config.wanted);
        if parcel.body.len() > cx.limits.msrp_message {
            return Err(SendError::TooLarge);
        }
        let in_session = chat.wants_session && options == &Options::default();
        let mut envelope = Envelope::new(chat.local.clone(), chat.peer.clone(), Service::Pager);
        envelope.identity = Identity::Preferred(chat.local.clone());
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
    fn send_next(&mut self, net: &mut Net<'_, Event>, id: ChatId) -> bool {
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
    fn send_alone(
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

    /// Opens a session of a chat, unless there is one or one is on its way.
    fn open_session(&mut self, net: &mut Net<'_, Event>, id: ChatId) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        if chat.session().is_some() {
            return;
        }
        let mut envelope = Envelope::new(chat.local.clone(), chat.peer.clone(), Service::Session);
        envelope.identity = Identity::Preferred(chat.local.clone());
        let thread = Thread::next(net.ends.cx.ids, chat.conversation.clone());
        envelope.thread = Some(thread.clone());
        let destination = Destination::uri(chat.peer.clone());
        let terms = Terms::chat(self.config.setup).with_tls(self.config.is_secure());
        match net.legs.open(&mut net.ends, destination, &envelope, terms) {
            Ok(leg) => {
                chat.legs.push(Session {
                    leg,
                    thread,
                    state: State::Opening,
                });
                self.chats.bind(leg, id);
            }
            Err(_) => {
                let at = chat.back_off(net.now(), None);
                self.timers.set(Timer::Retry(id.0), at);
            }
        }
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

    /// The user pressed a key.
    pub(super) fn typing(&mut self, net: &mut Net<'_, Event>, id: ChatId) {
        let now = net.now();
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let tell = chat.composer.keystroke(now, &self.config.timing);
        self.tell(net, id, tell);
    }

    /// A timer of our own typing has come.
    pub(super) fn tell_composing(&mut self, net: &mut Net<'_, Event>, id: ChatId) {
        let now = net.now();
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let tell = chat.composer.poll(now, &self.config.timing);
        self.tell(net, id, tell);
    }

    /// A session has opened: a user who began to type before is typing still.
    pub(super) fn tell_open(&mut self, net: &mut Net<'_, Event>, id: ChatId) {
        let active = self
            .chats
            .get(id)
            .is_some_and(|chat| chat.composer.deadline().is_some());
        self.tell(net, id, active.then_some(Tell::Active));
    }

    /// Tells the peer in the session, if one is open: this is worth nothing later, and nothing at all to
    /// somebody who is not there.
    fn tell(&mut self, net: &mut Net<'_, Event>, id: ChatId, tell: Option<Tell>) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        if let Some(at) = chat.composer.deadline() {
            self.timers.set(Timer::Composer(id.0), at);
        }
        let (Some(tell), true, Some(leg)) = (
            tell,
            chat.is_open(),
            chat.session().map(|session| session.leg),
        ) else {
            return;
        };
        let mut document = IsComposing::new(match tell {
            Tell::Active => composing::State::Active,
            Tell::Idle => composing::State::Idle,
        });
        document.content_type = Some(Text::from_static("text/plain"));
        // Twice as long as we take to say it again, so that it does not lapse while the next one travels.
        document.refresh = (tell == Tell::Active).then_some(self.config.timing.refresh * 2);
        let [from, to] = [&chat.local, &chat.peer].map(|uri| cpim::Identity::new(uri.to_string()));
        let raw = net.legs.takes(leg, composing::MEDIA_TYPE, None) == Some(true);
        let parcel = if raw {
            Parcel::new(Text::from_static(composing::MEDIA_TYPE), document.write())
        } else {
            message::composing(&net.ends.cx, &from, &to, &document)
        };
        // Nobody waits for it: a failure is no news.
        let _ = net.legs.send(&mut net.ends, leg, parcel);
    }

    /// A session of a chat is over: what it had not delivered goes another way.
    pub(super) fn leg_ended(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        ending: crate::conversation::Ending,
    ) {
        use crate::conversation::Ending;
        let Some(id) = self.chats.unbind(leg) else {
            return;
        };
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let Some(place) = chat.legs.iter().position(|session| session.leg == leg) else {
            return;
        };
        let session = chat.legs.remove(place);
        let peer = chat.peer.clone();
        if let (State::Opening, Ending::Refused { status, .. }) = (session.state, &ending)
            && is_passing(*status)
        {
            self.fail_waiting(net, id, *status, self.config.give_up);
        }
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        // While another session takes its place, or will be tried for what waits, nothing has ended for
        // the user.
        let refused_for_now = session.state == State::Opening
            && matches!(&ending, Ending::Refused { status, .. } if is_passing(*status));
        let goes_on = refused_for_now && !chat.outgoing.is_empty();
        if session.state != State::Delivery && chat.session().is_none() && !goes_on {
            net.emit(Event::Ended {
                chat: id,
                peer,
                ending: ending.clone(),
            });
        }
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        if chat.watcher.idle() {
            let from = chat.peer.clone();
            self.timers.cancel(&Timer::Watcher(id.0));
            net.emit(Event::Typing {
                chat: id,
                from,
                active: false,
            });
        }
        match ending {
            // The peer, or we, left: the next message opens a new session only if the user asks for one.
            Ending::Left | Ending::Gone | Ending::Finished => {
                if session.state != State::Delivery {
                    self.alone_from_now(id);
                }
            }
            Ending::Refused { status, .. } if session.state == State::Opening => {
                if is_passing(status) {
                    self.try_later(net.now(), id);
                } else if matches!(status.code(), 405 | 415 | 488 | 606) {
                    // No session is to be had with this peer, but a message may be.
                    self.alone_from_now(id);
                } else {
                    self.fail_waiting(net, id, status, Duration::ZERO);
                    self.alone_from_now(id);
                }
            }
            _ => self.try_later(net.now(), id),
        }
        self.pump(net, id);
    }

    fn alone_from_now(&mut self, id: ChatId) {
        let Some(chat) = self
            .chats
            .get_mut(id)
            .filter(|chat| chat.session().is_none())
        else {
            return;
        };
        chat.wants_session = false;
        for outgoing in &mut chat.outgoing {
            if outgoing.way == Way::Session {
                outgoing.way = Way::SessionOrAlone;
            }
        }
    }

    fn try_later(&mut self, now: Instant, id: ChatId) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let at = chat.back_off(now, None);
        self.timers.set(Timer::Retry(id.0), at);
    }

    /// There is no session for what has waited for one as long as `age`.
    fn fail_waiting(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ChatId,
        status: SipStatus,
        age: Duration,
    ) {
        let now = net.now();
        let waits = |outgoing: &Outgoing| {
            outgoing.flight == Flight::Waiting
                && outgoing.way == Way::Session
                && now.saturating_duration_since(outgoing.since) >= age
        };
        while let Some(at) = self
            .chats
            .get(id)
            .and_then(|chat| chat.outgoing.iter().position(waits))
        {
            self.give_up(net, id, at, Some(status));
        }
    }
}

/// What a peer that takes only short messages would say.
const TOO_LARGE: SipStatus = SipStatus::REQUEST_ENTITY_TOO_LARGE;

/// Whether a failure says more about the moment than about the message.
const fn is_passing(status: SipStatus) -> bool {
    matches!(
        status.code(),
        408 | 430 | 480 | 481 | 486 | 487 | 500 | 502 | 503 | 504
    )
}
