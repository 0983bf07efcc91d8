//! What is kept for a user who wants to choose: told in a list, fetched or discarded on demand.
//!
//! ```text
//!   device                              function                    store
//!     │◀── MESSAGE (systemmsg): the list ──│◀── each message, once ────│
//!     │── INVITE (deferred), all or some ─▶│                           │
//!     │◀── SEND, SEND, … BYE ──────────────│◀── one at a time ─────────│
//!     │── MESSAGE (deferred): discard ────▶│──────── forget ──────────▶│
//! ```

use super::inbox::{Inbox, InboxId, Out};
use super::keeping::read;
use super::originating::addressed;
use super::release::completed;
use super::{Devices, Due, Event, Flight, Participating, Preferences, Retrieval, Waiting};
use crate::conversation::{
    Content, Custody, Envelope, Identity, LegId, Message, Parcel, Service, Terms, find_part,
    message,
};
use crate::cpim;
use crate::deferred::{Action, Item, List};
use crate::engine::Limits;
use crate::node::Net;
use crate::sdp::Direction;
use crate::sdp::msrp::Setup;
use crate::sip::Uri;
use crate::sip::msg::{Request, Status};
use crate::wire::Text;
use bytes::Bytes;
use std::collections::VecDeque;

/// A list in the making.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The last message that was looked at.
    after: u64,
    items: Vec<Item>,
}

/// Messages on their way to a device that asked for them.
#[derive(Debug)]
pub(super) struct Fetch {
    inbox: InboxId,
    rest: VecDeque<u64>,
}

impl Inbox {
    fn next_to_list(&self, after: u64) -> Option<u64> {
        let mut entries = self.queue.iter();
        let entry = entries.find(|entry| entry.sequence > after && !entry.flying)?;
        Some(entry.sequence)
    }

    pub(super) fn set_flying(&mut self, sequence: u64, flying: bool) -> bool {
        let entry = self.entry_mut(sequence);
        entry.map(|entry| entry.flying = flying).is_some()
    }
}

impl Participating {
    /// Learns how a user wants to get what is kept, and where.
    pub(super) fn set_retrieval(
        &mut self,
        net: &mut Net<'_, Event>,
        user: &Text,
        preferences: &Preferences,
    ) {
        match &preferences.devices {
            Devices::All => self.choices.remove(user),
            chosen => self.choices.insert(user.compact(), chosen.clone()),
        };
        match preferences.retrieval {
            Retrieval::Pull if !self.pulling.contains(user) => {
                self.pulling.insert(user.compact());
                self.returned(net, user);
            }
            Retrieval::Pull => {}
            Retrieval::Push if self.pulling.remove(user) => self.returned(net, user),
            Retrieval::Push => {}
        }
    }

    /// Makes sure that the user is told what waits.
    pub(super) fn tell_again(&mut self, user: &str) {
        if let Some(inbox) =
            (self.inboxes.by_user.get(user).copied()).and_then(|id| self.inboxes.get_mut(id))
        {
            inbox.told = false;
        }
    }

    /// Goes on with the list for a user who has a device: one message after the other is looked at.
    pub(super) fn list(&mut self, net: &mut Net<'_, Event>, id: InboxId) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        let user = inbox.user.clone();
        if inbox.out != Out::Nothing || (inbox.told && inbox.listing.is_none()) {
            return;
        }
        inbox.told = true;
        let listing = inbox.listing.get_or_insert_default();
        let (after, room) = (listing.after, listing.items.len() < LISTED);
        let Some(sequence) = inbox.next_to_list(after).filter(|_| room) else {
            return self.tell(net, id);
        };
        if !self.has_device(&user, Service::Pager) {
            // It begins anew when there is one.
            if let Some(inbox) = self.inboxes.get_mut(id) {
                inbox.listing = None;
                inbox.told = false;
            }
            return;
        }
        if let Some(inbox) = self.inboxes.get_mut(id) {
            inbox.out = Out::Loading;
        }
        let waiting = Waiting::List {
            inbox: id,
            sequence,
        };
        self.ask(net, waiting, |reply| Event::Load {
            user,
            sequence,
            reply,
        });
    }

    /// The store has given back a message that is to be listed. A report is not: it is sent.
    pub(super) fn listed(
        &mut self,
        net: &mut Net<'_, Event>,
        id: InboxId,
        sequence: u64,
        message: Option<Bytes>,
    ) {
        let expires = self.timers.get(&Due::Expiry(id, sequence));
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        inbox.out = Out::Nothing;
        let user = inbox.user.clone();
        if let Some(listing) = &mut inbox.listing {
            listing.after = sequence;
        }
        let limits = net.ends.cx.limits;
        let Some((envelope, parcel)) = message.and_then(|message| read(message, limits)) else {
            return self.done(net, id, sequence);
        };
        if is_report(&parcel, limits) {
            let copies = self.send_alone(net, &user, &envelope, &parcel);
            if !copies.is_empty() {
                return self.flew(id, sequence, copies);
            }
        } else if let Some(listing) = &mut inbox.listing {
            let mut item = item(sequence, &envelope, &parcel, limits);
            item.expires = expires.map(|at| net.ends.cx.clock.wall(at));
            listing.items.push(item);
        }
        self.list(net, id);
    }

    /// The list is complete.
    fn tell(&mut self, net: &mut Net<'_, Event>, id: InboxId) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        let items = inbox.listing.take().unwrap_or_default().items;
        if items.is_empty() {
            return;
        }
        let user = inbox.user.clone();
        let list = List {
            action: Action::Notify,
            total: u64::try_from(inbox.queue.len()).unwrap_or(u64::MAX),
            items,
        };
        let to = user.parse().unwrap_or_else(|_| Uri::host(&user));
        let own = self.config.deferred_uri.clone();
        let [from, recipient] = [&own, &to].map(|uri| cpim::Identity::new(uri.to_string()));
        let format = &self.config.deferred_list;
        let (media_type, document) = (format.media_type.clone(), (format.write)(&list));
        let parcel = message::document(&net.ends.cx, &from, &recipient, &media_type, document);
        let mut envelope = Envelope::new(own.clone(), to, Service::System);
        envelope.identity = Identity::Asserted(vec![own]);
        let copies = self.send_alone(net, &user, &envelope, &parcel);
        if copies.is_empty() {
            return self.tell_later(net, id);
        }
        if let Some(inbox) = self.inboxes.get_mut(id) {
            inbox.sent(THE_LIST, copies.len());
        }
        for copy in copies {
            self.flights.insert(copy, Flight::Told { inbox: id });
        }
    }

    /// A device has taken the list, or has not.
    pub(super) fn told(
        &mut self,
        net: &mut Net<'_, Event>,
        id: InboxId,
        result: Result<bool, Status>,
    ) {
        let inbox = self.inboxes.get_mut(id);
        match inbox.and_then(|inbox| inbox.landed(THE_LIST, result)) {
            Some(Ok(())) => self.list(net, id),
            Some(Err(_)) => self.tell_later(net, id),
            None => {}
        }
    }

    pub(super) fn tell_later(&mut self, net: &mut Net<'_, Event>, id: InboxId) {
        if let Some(inbox) = self.inboxes.get_mut(id) {
            inbox.told = false;
        }
        self.retry_later(net, id);
    }

    /// Whether a request is for the function that keeps messages itself.
    pub(super) fn is_for_deferred(&self, envelope: &Envelope, recipient: Option<&Uri>) -> bool {
        envelope.service == Some(Service::Deferred)
            && recipient.is_some_and(|uri| uri.aor() == self.config.deferred_uri.aor())
    }

    /// A user asks for what is kept: everything, or what the INVITE lists.
    pub(super) fn fetch(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        user: &str,
        terms: &Terms,
        request: &Request,
    ) {
        let chosen = match self.chosen(request, Action::Retrieve, net.ends.cx.limits) {
            Ok(chosen) => chosen,
            Err(status) => return net.legs.reject(&mut net.ends, leg, status, None),
        };
        let id = self.inboxes.by_user.get(user).copied();
        let found = id.and_then(|id| Some((id, self.inboxes.get_mut(id)?)));
        let Some((inbox, kept)) = found else {
            return net.legs.reject(&mut net.ends, leg, Status::NOT_FOUND, None);
        };
        let asked = |sequence: &u64| {
            chosen
                .as_ref()
                .is_none_or(|chosen| chosen.contains(sequence))
        };
        let rest = (kept.queue.iter().filter(|entry| !entry.flying))
            .map(|entry| entry.sequence)
            .filter(asked);
        let rest = rest.collect::<VecDeque<_>>();
        if rest.is_empty() {
            return net.legs.reject(&mut net.ends, leg, Status::NOT_FOUND, None);
        }
        let mut answer = Terms::delivery(Setup::Passive);
        answer.direction = terms.direction.answer(Direction::SendOnly);
        net.legs.accept(&mut net.ends, leg, answer);
        self.fetches.insert(leg, Fetch { inbox, rest });
        self.fetch_next(net, leg);
    }

    /// A user wants some messages to be thrown away.
    pub(super) fn discard(&mut self, net: &mut Net<'_, Event>, user: &str, custody: Custody) {
        let Custody::Request(_, request) = &custody else {
            return net.legs.answer(&mut net.ends, custody, Status::FORBIDDEN);
        };
        let chosen = self.chosen(request, Action::Discard, net.ends.cx.limits);
        let Ok(Some(chosen)) = chosen else {
            // Whoever means everything lists everything.
            return net.legs.answer(&mut net.ends, custody, Status::BAD_REQUEST);
        };
        if let Some(id) = self.inboxes.by_user.get(user).copied() {
            for sequence in chosen {
                let out = |inbox: &mut Inbox| inbox.is_out(sequence);
                if !self.inboxes.get_mut(id).is_none_or(out) {
                    self.done(net, id, sequence);
                }
            }
        }
        net.legs.take(&mut net.ends, custody);
    }

    /// The messages that a request lists; `None` if it lists none.
    fn chosen(
        &self,
        request: &Request,
        action: Action,
        limits: &Limits,
    ) -> Result<Option<Vec<u64>>, Status> {
        let format = &self.config.deferred_list;
        let Some(document) = find_part(request, &format.media_type, limits) else {
            return Ok(None);
        };
        let list = (format.parse)(&document, limits).map_err(|_| Status::BAD_REQUEST)?;
        if list.action != action {
            return Err(Status::BAD_REQUEST);
        }
        let ids = list.items.iter().filter_map(|item| item.id.parse().ok());
        Ok(Some(ids.collect()))
    }

    /// On with the next message that was asked for; after the last one the session ends.
    pub(super) fn fetch_next(&mut self, net: &mut Net<'_, Event>, leg: LegId) {
        loop {
            let Some(fetch) = self.fetches.get_mut(&leg) else {
                return;
            };
            let inbox = fetch.inbox;
            let Some(sequence) = fetch.rest.pop_front() else {
                self.fetches.remove(&leg);
                return net.legs.finish(&mut net.ends, leg, completed());
            };
            let Some(kept) = self.inboxes.get_mut(inbox) else {
                continue;
            };
            // It may have expired, or gone another way.
            if kept.is_out(sequence) || !kept.set_flying(sequence, true) {
                continue;
            }
            let user = kept.user.clone();
            let waiting = Waiting::Fetch {
                leg,
                inbox,
                sequence,
            };
            return self.ask(net, waiting, |reply| Event::Load {
                user,
                sequence,
                reply,
            });
        }
    }

    /// The store has given back a message that was asked for; or it has not, in its time.
    pub(super) fn fetched(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        inbox: InboxId,
        sequence: u64,
        message: Option<Bytes>,
    ) {
        let limits = net.ends.cx.limits;
        let sent = message
            .and_then(|message| read(message, limits))
            .filter(|_| net.legs.contains(leg))
            .and_then(|(envelope, parcel)| {
                let parcel = addressed(parcel, &envelope, limits);
                net.legs.send(&mut net.ends, leg, parcel).ok()
            });
        match sent {
            Some(parcel) => {
                let flight = Flight::Fetched {
                    leg,
                    inbox,
                    sequence,
                };
                self.flights.insert(parcel, flight);
            }
            None => self.fetch_landed(net, leg, inbox, sequence, false),
        }
    }

    /// A message that was asked for is with the device, or stays.
    pub(super) fn fetch_landed(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        inbox: InboxId,
        sequence: u64,
        landed: bool,
    ) {
        if let Some(kept) = self.inboxes.get_mut(inbox) {
            kept.set_flying(sequence, false);
        }
        if landed {
            self.done(net, inbox, sequence);
        }
        self.fetch_next(net, leg);
    }
}

/// A message as it is listed.
fn item(sequence: u64, envelope: &Envelope, parcel: &Parcel, limits: &Limits) -> Item {
    let message = Message::read(parcel, limits).ok();
    let content_type = message.as_ref().map(|message| match &message.content {
        Content::Text(_) => Text::from_static("text/plain"),
        Content::Other { content_type, .. } => Text::from(content_type.essence()),
        _ => parcel.content_type.clone(),
    });
    let thread = envelope.thread.as_ref();
    Item {
        id: Text::from(sequence.to_string()),
        sender: (!envelope.private).then(|| Text::from(envelope.sender().to_string())),
        size: u64::try_from(parcel.body.len()).ok(),
        sent: message.as_ref().and_then(|message| message.date_time),
        expires: None,
        content_type,
        message_id: message.and_then(|message| message.id),
        conversation: thread.map(|thread| thread.conversation.clone()),
        contribution: thread.map(|thread| thread.contribution.clone()),
    }
}

fn is_report(parcel: &Parcel, limits: &Limits) -> bool {
    let report = |message: Message| matches!(message.content, Content::Reports(_));
    Message::read(parcel, limits).is_ok_and(report)
}

/// The number of no message: they begin at 1.
const THE_LIST: u64 = 0;

/// Messages in one list. What is beyond is listed when these are gone.
const LISTED: usize = 50;
