//! Sessions of a chat: when one is opened, and what becomes of what waits when it ends.

use super::chat::{Flight, Outgoing, Session, State, Way};
use super::event::Event;
use super::outbound::{envelope, is_passing};
use super::{ChatId, Client, Timer};
use crate::conversation::{Destination, LegId, Service, Terms, Thread};
use crate::node::Net;
use crate::sip::Uri;
use crate::sip::msg::Status as SipStatus;
use crate::sip::msg::header::Reason;
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

    /// Opens a session of a chat, unless there is one or one is on its way.
    pub(super) fn open_session(&mut self, net: &mut Net<'_, Event>, id: ChatId) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        if chat.session().is_some() {
            return;
        }
        let mut envelope = envelope(&self.config, chat, Service::Session);
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

    pub(super) fn alone_from_now(&mut self, id: ChatId) {
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

    pub(super) fn try_later(&mut self, now: Instant, id: ChatId) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let at = chat.back_off(now, None);
        self.timers.set(Timer::Retry(id.0), at);
    }

    /// There is no session for what has waited for one as long as `age`.
    pub(super) fn fail_waiting(
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
