//! The table of a client's chats.

use super::ChatId;
use super::chat::{Chat, Outgoing};
use super::event::MessageId;
use crate::conversation::{LegId, ParcelId, Status};
use crate::engine::{Ids, Map, Slab};
use crate::sip::Uri;
use crate::wire::Text;

/// Every chat, by whatever it is asked for.
#[derive(Debug)]
pub(super) struct Chats {
    chats: Slab<Chat>,
    by_people: Map<(Text, Text), ChatId>,
    by_leg: Map<LegId, ChatId>,
    by_parcel: Map<ParcelId, ChatId>,
}

impl Chats {
    pub(super) fn new(ids: &mut Ids) -> Self {
        Self {
            chats: Slab::new(),
            by_people: ids.map(),
            by_leg: ids.map(),
            by_parcel: ids.map(),
        }
    }

    /// The chat between two people, begun if there is none. Beyond `room` chats an idle one is forgotten,
    /// since everybody in the world may write to us.
    pub(super) fn between(
        &mut self,
        ids: &mut Ids,
        local: &Uri,
        peer: &Uri,
        room: usize,
    ) -> ChatId {
        self.begun(ids, local, peer, peer.aor(), room)
    }

    /// The chat of a conversation with somebody who does not say who it is.
    pub(super) fn of_conversation(
        &mut self,
        ids: &mut Ids,
        local: &Uri,
        peer: &Uri,
        conversation: &Text,
        room: usize,
    ) -> ChatId {
        let name = Text::from(format!("{} {conversation}", peer.aor()));
        self.begun(ids, local, peer, name, room)
    }

    fn begun(&mut self, ids: &mut Ids, local: &Uri, peer: &Uri, name: Text, room: usize) -> ChatId {
        let people = (local.aor(), name);
        if let Some(&chat) = self.by_people.get(&people) {
            return chat;
        }
        if self.by_people.len() >= room {
            self.forget_one();
        }
        let chat = ChatId(
            self.chats
                .insert(Chat::new(ids, local.compact(), peer.compact())),
        );
        self.by_people.insert(people, chat);
        chat
    }

    pub(super) fn get(&self, chat: ChatId) -> Option<&Chat> {
        self.chats.get(chat.0)
    }

    pub(super) fn get_mut(&mut self, chat: ChatId) -> Option<&mut Chat> {
        self.chats.get_mut(chat.0)
    }

    pub(super) fn of_leg(&self, leg: LegId) -> Option<ChatId> {
        self.by_leg.get(&leg).copied()
    }

    pub(super) fn bind(&mut self, leg: LegId, chat: ChatId) {
        self.by_leg.insert(leg, chat);
    }

    pub(super) fn unbind(&mut self, leg: LegId) -> Option<ChatId> {
        self.by_leg.remove(&leg)
    }

    pub(super) fn fly(&mut self, parcel: ParcelId, chat: ChatId) {
        self.by_parcel.insert(parcel, chat);
    }

    /// The chat of a parcel that has landed, and its place among what is going out.
    pub(super) fn landed(&mut self, parcel: ParcelId) -> Option<(ChatId, usize)> {
        let chat = self.by_parcel.remove(&parcel)?;
        let place = |outgoing: &Outgoing| outgoing.flight.is(parcel);
        Some((chat, self.get(chat)?.outgoing.iter().position(place)?))
    }

    pub(super) fn ids(&self) -> Vec<ChatId> {
        self.chats.iter().map(|(key, _)| ChatId(key)).collect()
    }

    /// The chat in which a message of the peer's arrived.
    pub(super) fn that_received(&self, message: &MessageId) -> Option<ChatId> {
        self.chats
            .iter()
            .find(|(_, chat)| chat.received.get(message).is_some())
            .map(|(key, _)| ChatId(key))
    }

    pub(super) fn status(&self, message: &MessageId) -> Option<Status> {
        self.chats
            .iter()
            .find_map(|(_, chat)| chat.sent.get(message).copied())
    }

    fn forget_one(&mut self) {
        let idle = self
            .chats
            .iter()
            .find(|(_, chat)| chat.is_idle())
            .map(|(key, _)| key);
        if let Some(key) = idle {
            self.chats.remove(key);
            self.by_people.retain(|_, chat| chat.0 != key);
        }
    }
}
