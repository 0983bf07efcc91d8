//! Sessions that peers open, and what becomes of those that we have opened.

use super::chat::{Session, State};
use super::event::Event;
use super::{ChatId, Client};
use crate::conversation::{Envelope, LegId, Service, Terms, Thread};
use crate::node::Net;
use crate::sdp::Direction;
use crate::sdp::msrp::Setup;
use crate::sip::msg::Status as SipStatus;
use crate::sip::msg::header::Reason;
use crate::wire::Text;

impl Client {
    /// A peer opens a session.
    pub(super) fn invited(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        envelope: &Envelope,
        terms: &Terms,
    ) {
        // What was kept for us, and large messages, are taken at once (OMA CPM Conversation Functions).
        let delivery = terms.direction == Direction::SendOnly
            || envelope.referred_by.is_some()
            || matches!(
                envelope.service,
                Some(Service::LargeMessage | Service::Deferred | Service::System)
            );
        let id = self.chat_with(net, envelope);
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let of_kind = |session: &&Session| (session.state == State::Delivery) == delivery;
        let kin = chat.legs.iter().filter(of_kind).count();
        let oldest = chat
            .legs
            .iter()
            .find(|session| session.state == State::Open);
        if kin >= SESSIONS
            && let Some(oldest) = oldest.filter(|_| !delivery && kin < 2 * SESSIONS)
        {
            // A peer that opens one session after the other has lost those before.
            let reason = Some(Reason::sip(200, "Call completed"));
            net.legs.finish(&mut net.ends, oldest.leg, reason);
        } else if kin >= SESSIONS {
            return net
                .legs
                .reject(&mut net.ends, leg, SipStatus::BUSY_HERE, None);
        }
        let thread = envelope
            .thread
            .clone()
            .unwrap_or_else(|| Thread::new(net.ends.cx.ids));
        chat.conversation = thread.conversation.compact();
        // Nor does one that crosses our own invitation.
        let again = chat.session().is_some();
        let state = if delivery {
            State::Delivery
        } else {
            State::Offered
        };
        chat.legs.push(Session { leg, thread, state });
        self.chats.bind(leg, id);
        if delivery {
            let mut answer = Terms::chat(Setup::Active);
            answer.direction = terms.direction.answer(Direction::SendRecv);
            net.legs.accept(&mut net.ends, leg, answer);
        } else if self.config.auto_accept || again {
            // A session in the place of an open one needs no second consent.
            self.accept_chat(net, id);
        } else {
            net.legs.ring(&mut net.ends, leg);
            net.emit(Event::Invited {
                chat: id,
                from: envelope.sender().clone(),
                subject: envelope.subject.clone(),
            });
        }
    }

    pub(super) fn accept_chat(&mut self, net: &mut Net<'_, Event>, id: ChatId) {
        let setup = self.config.setup;
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        chat.wants_session = true;
        let mut accepted = false;
        for session in chat
            .legs
            .iter_mut()
            .filter(|session| session.state == State::Offered)
        {
            session.state = State::Open;
            accepted = true;
            net.legs
                .accept(&mut net.ends, session.leg, Terms::chat(setup));
        }
        if accepted {
            net.emit(Event::Accepted {
                chat: id,
                peer: chat.peer.clone(),
            });
        }
        self.pump(net, id);
    }

    pub(super) fn decline_chat(&mut self, net: &mut Net<'_, Event>, id: ChatId, status: SipStatus) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let offered = |session: &Session| session.state == State::Offered;
        let legs = chat
            .legs
            .iter()
            .filter(|session| offered(session))
            .map(|session| session.leg)
            .collect::<Vec<_>>();
        chat.legs.retain(|session| !offered(session));
        for leg in legs {
            self.chats.unbind(leg);
            net.legs.reject(&mut net.ends, leg, status, None);
        }
    }

    /// The peer has accepted a session of ours.
    pub(super) fn leg_accepted(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        _instance: Option<Text>,
    ) {
        let Some(id) = self.chats.of_leg(leg) else {
            return;
        };
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let peer = chat.peer.clone();
        let Some(session) = chat.session_mut(leg) else {
            return;
        };
        if session.state == State::Opening {
            session.state = State::Open;
            net.emit(Event::Accepted { chat: id, peer });
            self.tell_open(net, id);
        }
        self.pump(net, id);
    }

    pub(super) fn leg_up(&mut self, net: &mut Net<'_, Event>, leg: LegId) {
        let Some(id) = self.chats.of_leg(leg) else {
            return;
        };
        if let Some(chat) = self.chats.get_mut(id) {
            chat.attempts = 0;
        }
        self.pump(net, id);
    }
}

/// Sessions of one chat at one time, and deliveries besides.
const SESSIONS: usize = 4;
