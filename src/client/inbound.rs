//! What peers say: sessions they open, messages, reports, typing.

use super::chat::{Received, State, Way};
use super::event::{Event, MessageId};
use super::{ChatId, Client, Priority, Timer};
use crate::composing;
use crate::conversation::{
    Content, Custody, Envelope, LegId, Message, Parcel, Service, Status, Thread, is_anonymous,
    message,
};
use crate::cpim;
use crate::imdn::{self, Imdn};
use crate::node::Net;
use crate::sip::Uri;
use crate::sip::msg::Status as SipStatus;
use crate::wire::Text;

impl Client {
    /// Content arrived in a session.
    pub(super) fn received(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        parcel: &Parcel,
        custody: Custody,
    ) {
        if self.fetches(leg) {
            return self.fetched(net, parcel, custody);
        }
        let Some(id) = self.chats.of_leg(leg) else {
            return net.legs.answer(
                &mut net.ends,
                custody,
                SipStatus::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
            );
        };
        let Ok(message) = Message::read(parcel, net.ends.cx.limits) else {
            return net
                .legs
                .answer(&mut net.ends, custody, SipStatus::BAD_REQUEST);
        };
        let session = self
            .chats
            .get(id)
            .and_then(|chat| chat.legs.iter().find(|session| session.leg == leg));
        let Some((thread, state)) = session.map(|session| (session.thread.clone(), session.state))
        else {
            return;
        };
        net.legs.take(&mut net.ends, custody);
        let way = if state == State::Delivery {
            Way::Alone
        } else {
            Way::SessionOrAlone
        };
        let how = How {
            thread: Some(thread),
            way,
            instance: None,
            service: Some(Service::Session),
            ..How::default()
        };
        self.message(net, id, message, how);
    }

    /// Content arrived in a SIP MESSAGE.
    pub(super) fn paged(
        &mut self,
        net: &mut Net<'_, Event>,
        envelope: &Envelope,
        parcel: &Parcel,
        custody: Custody,
    ) {
        let Ok(message) = Message::read(parcel, net.ends.cx.limits) else {
            return net
                .legs
                .answer(&mut net.ends, custody, SipStatus::BAD_REQUEST);
        };
        net.legs.take(&mut net.ends, custody);
        let id = self.chat_with(net, envelope);
        if let (Some(chat), Some(thread)) = (self.chats.get_mut(id), &envelope.thread) {
            // A report belongs to the message reported on, and says nothing of where the thread goes on.
            if !matches!(message.content, Content::Reports(_)) {
                chat.conversation = thread.conversation.compact();
            }
        }
        let how = How {
            thread: envelope.thread.clone(),
            way: Way::Alone,
            instance: None,
            service: envelope.service,
            priority: envelope.priority.as_deref().and_then(Priority::from_name),
            reply_to: envelope.reply_to.clone(),
        };
        self.message(net, id, message, how);
    }

    /// A message of the peer's, however it came.
    pub(super) fn message(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ChatId,
        message: Message,
        how: How,
    ) {
        if let Content::Other { content_type, body } = &message.content
            && content_type.essence() == self.config.deferred_list.media_type.as_str()
            && let Some(function) = self.is_with_deferred(id)
            && self.listed(net, &function, body)
        {
            return;
        }
        match message.content {
            Content::Reports(reports) => {
                for report in reports {
                    self.reported(net, id, &report);
                }
            }
            Content::Composing(document) => self.composing(net, id, &document),
            Content::Text(ref text) => {
                let text = text.clone();
                self.shown(net, id, &message, how, |chat, message, from, to, how| {
                    Event::Message {
                        chat,
                        message,
                        from,
                        to,
                        date_time: how.date_time,
                        priority: how.priority,
                        reply_to: how.reply_to,
                        text,
                    }
                });
            }
            Content::Other {
                ref content_type,
                ref body,
            } => {
                let (content_type, body) = (content_type.clone(), body.clone());
                self.shown(net, id, &message, how, |chat, message, from, _, _| {
                    Event::Content {
                        chat,
                        message,
                        from,
                        content_type,
                        body,
                    }
                });
            }
        }
    }

    /// A message for the user: shown once, however often it arrives; its report is repeated, since a
    /// sender that repeats itself has not got it.
    fn shown(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ChatId,
        message: &Message,
        how: How,
        event: impl FnOnce(ChatId, MessageId, Uri, Uri, Shown) -> Event,
    ) {
        let limits = net.ends.cx.limits;
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let news = message
            .id
            .as_ref()
            .is_none_or(|id| chat.seen.insert(id, limits.remembered));
        let name = MessageId(
            message
                .id
                .as_ref()
                .map_or_else(|| net.ends.cx.ids.message_id(), Text::compact),
        );
        let received = Received {
            wants_displayed: message.wanted.displayed && message.id.is_some(),
            date_time: message.date_time,
            thread: how.thread,
            way: how.way,
            instance: how.instance,
            service: how.service,
        };
        if news {
            chat.received
                .insert(name.clone(), received.clone(), limits.remembered);
            if chat.watcher.idle() {
                self.timers.cancel(&Timer::Watcher(id.0));
                net.emit(Event::Typing {
                    chat: id,
                    from: chat.peer.clone(),
                    active: false,
                });
            }
            let shown = Shown {
                date_time: message.date_time,
                priority: how.priority,
                reply_to: how.reply_to,
            };
            net.emit(event(
                id,
                name.clone(),
                chat.peer.clone(),
                chat.local.clone(),
                shown,
            ));
        }
        if message.wanted.delivered && self.config.report_delivered && message.id.is_some() {
            self.owe(
                net,
                id,
                &name,
                &received,
                imdn::Kind::Delivery,
                imdn::Status::Delivered,
            );
        }
    }

    /// The user has seen a message.
    pub(super) fn mark_displayed(&mut self, net: &mut Net<'_, Event>, message: &MessageId) {
        let Some(id) = self.chats.that_received(message) else {
            return;
        };
        let Some(received) = self
            .chats
            .get_mut(id)
            .and_then(|chat| chat.received.get_mut(message))
        else {
            return;
        };
        let wanted = std::mem::take(&mut received.wants_displayed);
        let received = received.clone();
        if wanted && self.config.report_displayed {
            self.owe(
                net,
                id,
                message,
                &received,
                imdn::Kind::Display,
                imdn::Status::Displayed,
            );
        }
    }

    /// Reports on a message, on the path that its kind asks for: in the session it came in while that is
    /// open, else in a SIP MESSAGE of the same service and thread.
    fn owe(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ChatId,
        message: &MessageId,
        received: &Received,
        kind: imdn::Kind,
        status: imdn::Status,
    ) {
        let Some(chat) = self.chats.get(id) else {
            return;
        };
        let mut report = Imdn::new(message.0.clone(), received.date_time, kind, status);
        report.recipient_uri = Some(Text::from(chat.local.to_string()));
        let service = received
            .service
            .filter(|service| *service != Service::Deferred)
            .unwrap_or(Service::Pager);
        let service = if service == Service::Session {
            Service::Pager
        } else {
            service
        };
        if is_anonymous(&chat.peer) && (received.way == Way::Alone || !chat.is_open()) {
            // There is nobody to tell.
            return;
        }
        let mut envelope = super::outbound::envelope(&self.config, chat, service);
        envelope.thread.clone_from(&received.thread);
        envelope.instance.clone_from(&received.instance);
        let [from, to] = [&chat.local, &chat.peer].map(|uri| cpim::Identity::new(uri.to_string()));
        let parcel = message::report(&mut net.ends.cx, &from, &to, &report);
        self.report(net, id, envelope, parcel, received.way);
    }

    /// A report on a message of ours.
    fn reported(&mut self, net: &mut Net<'_, Event>, id: ChatId, report: &Imdn) {
        let status = match report.status {
            imdn::Status::Delivered => Status::Delivered,
            imdn::Status::Displayed => Status::Displayed,
            imdn::Status::Failed => Status::Failed,
            _ => return,
        };
        self.grow(net, id, MessageId(report.message_id.compact()), status);
    }

    fn composing(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ChatId,
        document: &composing::IsComposing,
    ) {
        let now = net.now();
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let active = document.state == composing::State::Active;
        let news = match document.state {
            composing::State::Active => {
                chat.watcher
                    .active(now, document.refresh, &self.config.timing)
            }
            composing::State::Idle => chat.watcher.idle(),
        };
        match chat.watcher.deadline() {
            Some(at) => self.timers.set(Timer::Watcher(id.0), at),
            None => self.timers.cancel(&Timer::Watcher(id.0)),
        }
        if news {
            net.emit(Event::Typing {
                chat: id,
                from: chat.peer.clone(),
                active,
            });
        }
    }

    /// The peer's typing may no longer be believed.
    pub(super) fn watch(&mut self, net: &mut Net<'_, Event>, id: ChatId) {
        let now = net.now();
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        if chat.watcher.poll(now) {
            net.emit(Event::Typing {
                chat: id,
                from: chat.peer.clone(),
                active: false,
            });
        }
    }

    /// The chat that a request belongs to: between whoever sent it and the address of ours it was sent to.
    pub(super) fn chat_with(&mut self, net: &mut Net<'_, Event>, envelope: &Envelope) -> ChatId {
        let local = if self.is_own(&envelope.to.uri) {
            &envelope.to.uri
        } else {
            &self.config.user
        };
        let cx = &mut net.ends.cx;
        let (peer, room) = (envelope.sender(), cx.limits.chats);
        let conversation = envelope.thread.as_ref().map(|thread| &thread.conversation);
        match conversation.filter(|_| is_anonymous(peer)) {
            // Two who do not say who they are need not be one.
            Some(conversation) => {
                (self.chats).of_conversation(cx.ids, local, peer, conversation, room)
            }
            None => self.chats.between(cx.ids, local, peer, room),
        }
    }
}

/// How a message came.
#[derive(Default)]
pub(super) struct How {
    pub(super) thread: Option<Thread>,
    pub(super) way: Way,
    pub(super) instance: Option<Text>,
    pub(super) service: Option<Service>,
    pub(super) priority: Option<Priority>,
    pub(super) reply_to: Option<Uri>,
}

/// What its reader sees of it besides its content.
struct Shown {
    date_time: Option<crate::engine::DateTime>,
    priority: Option<Priority>,
    reply_to: Option<Uri>,
}
