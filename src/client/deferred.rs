//! What is kept for a user who chooses: told by the network, fetched or discarded by the user.

use super::chat::Way;
use super::event::Event;
use super::inbound::How;
use super::{ChatId, Client};
use crate::conversation::{
    Custody, Destination, Ending, Envelope, Identity, LegId, Message, Parcel, ParcelId, Service,
    Terms, Thread,
};
use crate::deferred::{Action, Item, List};
use crate::node::Net;
use crate::sdp::Direction;
use crate::sip::Uri;
use crate::sip::msg::Status as SipStatus;
use crate::wire::Text;
use crate::wire::mime::Part;
use bytes::Bytes;

/// What this client knows of what is kept for it.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    /// What it was last told of.
    listed: Vec<Item>,
    /// The session in which it fetches, and how many messages have come.
    fetching: Option<(LegId, usize)>,
    /// What was asked to be thrown away.
    discarding: Vec<ParcelId>,
}

impl Client {
    pub(super) fn fetch(&mut self, net: &mut Net<'_, Event>, chosen: Option<&[Text]>) -> bool {
        if self.deferred.fetching.is_some() {
            return false;
        }
        let envelope = self.to_deferred(net);
        let mut terms = Terms::delivery(self.config.setup).with_tls(self.config.is_secure());
        terms.direction = Direction::RecvOnly;
        let parts = chosen.map(|ids| {
            let document = self.choice(Action::Retrieve, ids);
            Part::new(&self.config.deferred_list.media_type, document)
        });
        let destination = Destination::uri(self.config.deferred_uri.clone());
        let parts = parts.into_iter().collect();
        let opened = net
            .legs
            .open_with(&mut net.ends, destination, &envelope, terms, parts);
        self.deferred.fetching = opened.ok().map(|leg| (leg, 0));
        self.deferred.fetching.is_some()
    }

    pub(super) fn discard(&mut self, net: &mut Net<'_, Event>, ids: &[Text]) {
        let envelope = self.to_deferred(net);
        let media_type = self.config.deferred_list.media_type.clone();
        let parcel = Parcel::new(media_type, self.choice(Action::Discard, ids));
        let destination = Destination::uri(self.config.deferred_uri.clone());
        let parcel = net.legs.page(&mut net.ends, destination, &envelope, parcel);
        self.deferred.discarding.push(parcel);
    }

    /// Whether what was asked to be thrown away was, or was not; false if it is about something else.
    pub(super) fn discarded(
        &mut self,
        net: &mut Net<'_, Event>,
        parcel: ParcelId,
        status: Option<SipStatus>,
    ) -> bool {
        let discarding = &mut self.deferred.discarding;
        let Some(at) = discarding.iter().position(|other| *other == parcel) else {
            return false;
        };
        discarding.remove(at);
        net.emit(Event::Discarded {
            status: status.map(SipStatus::code),
        });
        true
    }

    /// The network has told what it keeps; false if the document is something else.
    pub(super) fn listed(&mut self, net: &mut Net<'_, Event>, from: &Uri, body: &Bytes) -> bool {
        if from.aor() != self.config.deferred_uri.aor() {
            return false;
        }
        let format = &self.config.deferred_list;
        let Ok(list) = (format.parse)(body, net.ends.cx.limits) else {
            return false;
        };
        self.deferred.listed.clone_from(&list.items);
        net.emit(Event::Deferred {
            messages: list.items,
            total: list.total,
        });
        true
    }

    /// Whether a leg is that of a fetch.
    pub(super) fn fetches(&self, leg: LegId) -> bool {
        matches!(self.deferred.fetching, Some((fetching, _)) if fetching == leg)
    }

    /// A message that was asked for has come: its CPIM says who it is from and to.
    pub(super) fn fetched(&mut self, net: &mut Net<'_, Event>, parcel: &Parcel, custody: Custody) {
        let limits = net.ends.cx.limits;
        let people = Message::read(parcel, limits).ok().and_then(|message| {
            let from = message.from.as_ref()?.uri.parse::<Uri>().ok()?;
            let to = message
                .to
                .as_ref()
                .and_then(|to| to.uri.parse::<Uri>().ok());
            Some((message, from, to))
        });
        let Some((message, from, to)) = people else {
            return net
                .legs
                .answer(&mut net.ends, custody, SipStatus::BAD_REQUEST);
        };
        net.legs.take(&mut net.ends, custody);
        if let Some((_, count)) = &mut self.deferred.fetching {
            *count += 1;
        }
        let thread = self.thread_of(message.id.as_ref());
        let envelope = Envelope {
            thread: thread.clone(),
            ..Envelope::new(
                from,
                to.unwrap_or_else(|| self.config.user.clone()),
                Service::Pager,
            )
        };
        let id = self.chat_with(net, &envelope);
        if let (Some(chat), Some(thread)) = (self.chats.get_mut(id), &thread) {
            chat.conversation = thread.conversation.compact();
        }
        let how = How {
            thread,
            way: Way::Alone,
            service: Some(Service::Pager),
            ..How::default()
        };
        self.message(net, id, message, how);
    }

    /// The session of a fetch is over; false if the leg is another one.
    pub(super) fn fetch_ended(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        ending: &Ending,
    ) -> bool {
        let Some((_, messages)) = self.deferred.fetching.take_if(|(own, _)| *own == leg) else {
            return false;
        };
        net.emit(Event::Fetched {
            messages,
            ending: ending.clone(),
        });
        true
    }

    /// The thread of a message, as the list had it: a session of several messages cannot say.
    fn thread_of(&self, message: Option<&Text>) -> Option<Thread> {
        let mut listed = self.deferred.listed.iter();
        let item = listed.find(|item| message.is_some() && item.message_id.as_ref() == message)?;
        Some(Thread {
            conversation: item.conversation.clone()?,
            contribution: item.contribution.clone()?,
            in_reply_to: None,
        })
    }

    fn to_deferred(&self, net: &mut Net<'_, Event>) -> Envelope {
        let (user, function) = (&self.config.user, &self.config.deferred_uri);
        let mut envelope = Envelope::new(user.clone(), function.clone(), Service::Deferred);
        envelope.identity = Identity::Preferred(user.clone());
        envelope.thread = Some(Thread::new(net.ends.cx.ids));
        envelope
    }

    fn choice(&self, action: Action, ids: &[Text]) -> Bytes {
        let items = ids.iter().cloned().map(Item::of).collect::<Vec<_>>();
        let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
        (self.config.deferred_list.write)(&List {
            action,
            total,
            items,
        })
    }

    /// Whom a chat is with, if that is the function that keeps messages.
    pub(super) fn is_with_deferred(&self, chat: ChatId) -> Option<Uri> {
        let peer = &self.chats.get(chat)?.peer;
        (peer.aor() == self.config.deferred_uri.aor()).then(|| peer.clone())
    }
}
