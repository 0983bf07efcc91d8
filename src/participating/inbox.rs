//! What is kept for users who are away: taken in, given out in order, and outlived.

use super::{
    Due, Event, Expiry, Flight, Kept, Participating, Preferences, Restored, StoreError, Waiting,
};
use crate::conversation::{
    Content, Custody, Destination, Envelope, Identity, LegId, Message, Parcel, Service, Terms,
};
use crate::conversation::{ParcelId, message};
use crate::cpim;
use crate::engine::{Clock, Ids, Limits, Map, Slab, id};
use crate::imdn::{self, Imdn};
use crate::msrp;
use crate::node::Net;
use crate::sdp::msrp::Setup;
use crate::sip;
use crate::sip::msg::header::Reason;
use crate::sip::msg::{Method, Status};
use crate::wire::Text;
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

id! {
    /// What is kept for one user.
    InboxId
}

/// The inboxes of all users for whom something is kept.
#[derive(Debug)]
pub(super) struct Inboxes {
    slab: Slab<Inbox>,
    by_user: Map<Text, InboxId>,
    next_sequence: u64,
}

/// What is kept for one user, without the messages themselves.
#[derive(Debug)]
pub(super) struct Inbox {
    user: Text,
    queue: VecDeque<Entry>,
    /// Messages that the store has not confirmed yet.
    keeping: usize,
    out: Out,
    /// The session in which chat messages are being delivered, and their conversation.
    session: Option<(LegId, Text)>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    sequence: u64,
    /// It is with a device already, which was too slow to confirm it.
    flying: bool,
}

/// What is on its way out of an inbox: one message at a time, so that order is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Out {
    Nothing,
    Loading,
    Flying,
}

/// A message that the store is asked to keep.
#[derive(Debug)]
pub(super) struct Keeping {
    inbox: InboxId,
    sequence: u64,
    expires_at: Instant,
    custody: Option<Custody>,
    /// The flight of the same message, if a device has it and is slow.
    flight: Option<ParcelId>,
}

impl Inboxes {
    pub(super) fn new(ids: &mut Ids, next_sequence: u64) -> Self {
        Self {
            slab: Slab::new(),
            by_user: ids.map(),
            next_sequence,
        }
    }

    pub(super) fn of(&self, user: &str) -> Option<&Inbox> {
        self.slab.get(self.by_user.get(user)?.0)
    }

    fn get_mut(&mut self, id: InboxId) -> Option<&mut Inbox> {
        self.slab.get_mut(id.0)
    }

    fn open(&mut self, user: &str) -> InboxId {
        if let Some(&id) = self.by_user.get(user) {
            return id;
        }
        let user = Text::from(user);
        let inbox = Inbox {
            user: user.clone(),
            queue: VecDeque::new(),
            keeping: 0,
            out: Out::Nothing,
            session: None,
        };
        let id = InboxId(self.slab.insert(inbox));
        self.by_user.insert(user, id);
        id
    }

    fn close_if_empty(&mut self, id: InboxId) {
        if self.slab.get(id.0).is_some_and(|inbox| !inbox.is_busy())
            && let Some(inbox) = self.slab.remove(id.0)
        {
            self.by_user.remove(&inbox.user);
        }
    }

    fn number(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.saturating_add(1);
        sequence
    }
}

impl Inbox {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether something is kept or about to be: what arrives now must queue up behind it.
    fn is_busy(&self) -> bool {
        !self.queue.is_empty() || self.keeping > 0
    }

    /// Takes an entry out, wherever it stands.
    fn remove(&mut self, sequence: u64) -> bool {
        let before = self.queue.len();
        self.queue.retain(|entry| entry.sequence != sequence);
        self.queue.len() < before
    }

    /// Whether a message is with a device that has not confirmed it yet.
    fn is_out(&self, sequence: u64) -> bool {
        let entry = self.queue.iter().find(|entry| entry.sequence == sequence);
        let is_first = (self.queue.front()).is_some_and(|head| head.sequence == sequence);
        entry.is_some_and(|entry| entry.flying) || (is_first && self.out == Out::Flying)
    }

    fn insert(&mut self, entry: Entry) {
        let at = self
            .queue
            .partition_point(|other| other.sequence < entry.sequence);
        self.queue.insert(at, entry);
    }
}

impl Participating {
    pub(super) fn restore(&mut self, restored: Restored, clock: &Clock) {
        for (user, sequence, expires) in restored.kept {
            let id = self.inboxes.open(&user);
            if let Some(inbox) = self.inboxes.get_mut(id) {
                inbox.insert(Entry {
                    sequence,
                    flying: false,
                });
            }
            if let Some(at) = clock.instant(expires) {
                self.timers.set(Due::Expiry(id, sequence), at);
            }
        }
    }

    /// Whether what arrives for a user must queue up.
    pub(super) fn is_busy(&self, user: &str) -> bool {
        self.inboxes.of(user).is_some_and(Inbox::is_busy)
    }

    /// Keeps a message; whoever sent it is answered when the store has it.
    pub(super) fn keep(
        &mut self,
        net: &mut Net<'_, Event>,
        user: &str,
        envelope: &Envelope,
        parcel: &Parcel,
        custody: Option<Custody>,
        flight: Option<ParcelId>,
    ) {
        let id = self.inboxes.open(user);
        let sequence = self.inboxes.number();
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        if inbox.queue.len() + inbox.keeping >= net.ends.cx.limits.deferred {
            if let Some(custody) = custody {
                net.legs
                    .answer(&mut net.ends, custody, Status::SERVICE_UNAVAILABLE);
            }
            return self.inboxes.close_if_empty(id);
        }
        inbox.keeping += 1;
        if let Some(Flight::Delivery(delivery)) =
            flight.and_then(|parcel| self.flights.get_mut(&parcel))
        {
            delivery.keeping = true;
        }
        let lifetime = self.lifetime(envelope);
        let expires_at = net.now() + lifetime;
        let kept = Kept {
            user: Text::from(user),
            sequence,
            expires: net.ends.cx.clock.wall(expires_at),
            message: write(envelope, parcel),
        };
        let keeping = Keeping {
            inbox: id,
            sequence,
            expires_at,
            custody,
            flight,
        };
        self.ask(net, Waiting::Keep(Box::new(keeping)), |reply| Event::Keep {
            kept,
            reply,
        });
    }

    /// The sender's wish, bounded by the operator's maximum.
    fn lifetime(&self, envelope: &Envelope) -> Duration {
        envelope
            .lifetime
            .unwrap_or(self.config.default_lifetime)
            .min(self.config.max_lifetime)
    }

    /// The store has a message, or has not.
    pub(super) fn kept_or_not(
        &mut self,
        net: &mut Net<'_, Event>,
        keeping: Keeping,
        result: Result<(), StoreError>,
    ) {
        let Keeping {
            inbox: id,
            sequence,
            expires_at,
            custody,
            flight,
        } = keeping;
        // The device may have confirmed it while the store was writing, or have failed.
        let held = flight.and_then(|parcel| match self.flights.get_mut(&parcel) {
            Some(Flight::Delivery(delivery)) => {
                delivery.keeping = false;
                delivery.kept = result.is_ok().then_some((id, sequence));
                Some(true)
            }
            Some(Flight::Lost) => {
                self.flights.remove(&parcel);
                Some(false)
            }
            _ => None,
        });
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        inbox.keeping = inbox.keeping.saturating_sub(1);
        let user = inbox.user.clone();
        if let Some(custody) = custody {
            match result {
                Ok(()) => net.legs.keep(&mut net.ends, custody),
                Err(_) => {
                    let status = Status::SERVICE_UNAVAILABLE;
                    net.legs.answer(&mut net.ends, custody, status);
                }
            }
        }
        if result.is_err() || (flight.is_some() && held.is_none()) {
            // A store that was slow to answer may have it all the same.
            net.emit(Event::Forget { user, sequence });
            return self.go_on(net, id);
        }
        let flying = held.unwrap_or(false);
        inbox.insert(Entry { sequence, flying });
        self.timers.set(Due::Expiry(id, sequence), expires_at);
        self.release(net, id);
    }

    /// Asks whether a user who was unwilling still is.
    pub(super) fn ask_willing(&mut self, net: &mut Net<'_, Event>, user: &str) {
        if self.unwilling.contains(user) {
            let user = Text::from(user);
            let waiting = Waiting::Willing { user: user.clone() };
            self.ask(net, waiting, |reply| Event::Subscriber { user, reply });
        }
    }

    /// A user has said whether it wants to be left alone.
    pub(super) fn set_unwilling(&mut self, net: &mut Net<'_, Event>, user: &Text, unwilling: bool) {
        if unwilling {
            self.unwilling.insert(user.compact());
        } else if self.unwilling.remove(user) {
            self.returned(net, user);
        }
    }

    /// A user has a device again.
    pub(super) fn returned(&mut self, net: &mut Net<'_, Event>, user: &str) {
        if self.unwilling.contains(user) {
            return self.ask_willing(net, user);
        }
        match self.inboxes.by_user.get(user).copied() {
            Some(id) => self.release(net, id),
            None => self.bridge_late(net, user),
        }
    }

    /// Gives out the first message of an inbox, if there is a device and nothing else is on its way.
    pub(super) fn release(&mut self, net: &mut Net<'_, Event>, id: InboxId) {
        let Some(inbox) = self.inboxes.slab.get(id.0) else {
            return;
        };
        let user = inbox.user.clone();
        let Some(head) = inbox.queue.front() else {
            return;
        };
        if inbox.out != Out::Nothing
            || head.flying
            || self.device(&user, Service::Pager, None).is_none()
        {
            return;
        }
        let sequence = head.sequence;
        if let Some(inbox) = self.inboxes.get_mut(id) {
            inbox.out = Out::Loading;
        }
        self.timers.cancel(&Due::Retry(id));
        let waiting = Waiting::Release {
            inbox: id,
            sequence,
        };
        self.ask(net, waiting, |reply| Event::Load {
            user,
            sequence,
            reply,
        });
    }

    /// The store has given back a message that was kept.
    pub(super) fn released(
        &mut self,
        net: &mut Net<'_, Event>,
        id: InboxId,
        sequence: u64,
        message: Option<Bytes>,
    ) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        inbox.out = Out::Nothing;
        if inbox
            .queue
            .front()
            .is_none_or(|head| head.sequence != sequence)
        {
            // It has expired meanwhile.
            return self.release(net, id);
        }
        let user = inbox.user.clone();
        let Some((envelope, parcel)) =
            message.and_then(|message| read(message, net.ends.cx.limits))
        else {
            return self.done(net, id, sequence);
        };
        match self.send_kept(net, id, &user, envelope, parcel) {
            Some(parcel) => {
                self.flights.insert(
                    parcel,
                    Flight::Released {
                        inbox: id,
                        sequence,
                    },
                );
                if let Some(inbox) = self.inboxes.get_mut(id) {
                    inbox.out = Out::Flying;
                }
            }
            None => self.retry_later(net, id),
        }
    }

    /// Sends a kept message to the user's device: chat messages in a session, the rest on its own.
    fn send_kept(
        &mut self,
        net: &mut Net<'_, Event>,
        id: InboxId,
        user: &str,
        envelope: Envelope,
        parcel: Parcel,
    ) -> Option<ParcelId> {
        let chat = envelope.service == Some(Service::Session)
            && self.device(user, Service::Session, None).is_some();
        let inbox = self.inboxes.get_mut(id)?;
        let conversation = envelope
            .thread
            .as_ref()
            .map(|thread| thread.conversation.clone())
            .unwrap_or_default();
        if let Some((leg, of)) = inbox.session.take() {
            if chat && of == conversation && net.legs.contains(leg) {
                let sent = net.legs.send(&mut net.ends, leg, parcel.clone());
                if !matches!(sent, Err(msrp::SendError::TooLarge)) {
                    inbox.session = Some((leg, of));
                    return sent.ok();
                }
                // Another way may have room for it.
                net.legs.finish(&mut net.ends, leg, completed());
                return self.send_alone(net, user, envelope, parcel);
            }
            net.legs.finish(&mut net.ends, leg, completed());
        }
        if !chat {
            return self.send_alone(net, user, envelope, parcel);
        }
        let leg = self.open_deferred(net, user, envelope)?;
        self.inboxes.get_mut(id)?.session = Some((leg, conversation));
        net.legs.send(&mut net.ends, leg, parcel).ok()
    }

    /// Opens the session in which what was kept of a chat is delivered. Its asserted identity is that of
    /// this function; the original sender is in Referred-By.
    fn open_deferred(
        &self,
        net: &mut Net<'_, Event>,
        user: &str,
        mut envelope: Envelope,
    ) -> Option<LegId> {
        let destination = self.device_destination(user, Service::Session, None)?;
        envelope.referred_by = Some(envelope.sender().clone());
        envelope.identity = Identity::Asserted(vec![self.config.deferred_uri.clone()]);
        net.legs
            .open(
                &mut net.ends,
                destination,
                &envelope,
                Terms::delivery(Setup::ActPass),
            )
            .ok()
    }

    /// A kept message has landed at the device, or has not.
    pub(super) fn kept_landed(
        &mut self,
        net: &mut Net<'_, Event>,
        id: InboxId,
        sequence: u64,
        result: Result<bool, Status>,
    ) {
        if let Some(inbox) = self.inboxes.get_mut(id) {
            inbox.out = Out::Nothing;
        }
        match result {
            Ok(_) => self.done(net, id, sequence),
            Err(status) if super::terminating::is_deferrable(status) => self.retry_later(net, id),
            // The device will never take it: as good as expired.
            Err(_) => self.expire(net, id, sequence),
        }
    }

    /// A message that a slow device had all along has landed there, or has not.
    pub(super) fn slow_landed(
        &mut self,
        net: &mut Net<'_, Event>,
        id: InboxId,
        sequence: u64,
        landed: bool,
    ) {
        if landed {
            return self.done(net, id, sequence);
        }
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        for entry in inbox
            .queue
            .iter_mut()
            .filter(|entry| entry.sequence == sequence)
        {
            entry.flying = false;
        }
        if inbox.out == Out::Nothing {
            self.retry_later(net, id);
        }
    }

    /// A message need not be kept any more: on with the next.
    fn done(&mut self, net: &mut Net<'_, Event>, id: InboxId, sequence: u64) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        let user = inbox.user.clone();
        self.timers.cancel(&Due::Expiry(id, sequence));
        if inbox.remove(sequence) {
            net.emit(Event::Forget { user, sequence });
        }
        self.go_on(net, id);
    }

    /// On with the next message; after the last one the session ends in which they were delivered.
    fn go_on(&mut self, net: &mut Net<'_, Event>, id: InboxId) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        if inbox.is_busy() {
            return self.release(net, id);
        }
        let user = inbox.user.clone();
        if let Some((leg, _)) = inbox.session.take() {
            net.legs.finish(&mut net.ends, leg, completed());
        }
        self.inboxes.close_if_empty(id);
        self.bridge_late(net, &user);
    }

    pub(super) fn retry_later(&mut self, net: &mut Net<'_, Event>, id: InboxId) {
        if self.inboxes.get_mut(id).is_some() {
            self.timers
                .set(Due::Retry(id), net.now() + self.config.retry);
        }
    }

    /// The store did not say what it has of a message that was to be delivered.
    pub(super) fn not_released(&mut self, net: &mut Net<'_, Event>, id: InboxId) {
        if let Some(inbox) = self.inboxes.get_mut(id) {
            inbox.out = Out::Nothing;
        }
        self.retry_later(net, id);
    }

    /// The store did not say what it has of a message whose time is over: it is asked again later.
    pub(super) fn not_expired(&mut self, net: &Net<'_, Event>, id: InboxId, sequence: u64) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        inbox.keeping = inbox.keeping.saturating_sub(1);
        inbox.insert(Entry {
            sequence,
            flying: false,
        });
        self.timers
            .set(Due::Expiry(id, sequence), net.now() + self.config.retry);
    }

    /// The time of a message is over.
    pub(super) fn expire(&mut self, net: &mut Net<'_, Event>, id: InboxId, sequence: u64) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        if inbox.is_out(sequence) {
            // What a device may be confirming at this very moment has not failed yet.
            let at = net.now() + self.config.patience;
            self.timers.set(Due::Expiry(id, sequence), at);
            return;
        }
        if !inbox.remove(sequence) {
            return self.go_on(net, id);
        }
        let user = inbox.user.clone();
        self.timers.cancel(&Due::Expiry(id, sequence));
        inbox.keeping += 1;
        net.emit(Event::Expired {
            user: user.clone(),
            sequence,
        });
        let waiting = Waiting::Expire {
            inbox: id,
            sequence,
        };
        self.ask(net, waiting, |reply| Event::Load {
            user,
            sequence,
            reply,
        });
    }

    /// The store has given back a message whose time is over: its user decides what becomes of it.
    pub(super) fn expired(
        &mut self,
        net: &mut Net<'_, Event>,
        id: InboxId,
        sequence: u64,
        message: Option<Bytes>,
    ) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        let user = inbox.user.clone();
        match message {
            Some(message) => {
                let waiting = Waiting::Bury {
                    inbox: id,
                    sequence,
                    message,
                };
                self.ask(net, waiting, |reply| Event::Subscriber { user, reply });
            }
            None => self.buried(net, id, sequence),
        }
    }

    pub(super) fn bury(
        &mut self,
        net: &mut Net<'_, Event>,
        id: InboxId,
        sequence: u64,
        message: Bytes,
        preferences: &Preferences,
    ) {
        let Some(user) = self.inboxes.get_mut(id).map(|inbox| inbox.user.clone()) else {
            return;
        };
        match preferences.expiry {
            Expiry::Store => net.emit(Event::Archive { user, message }),
            Expiry::Discard => {
                if let Some((envelope, parcel)) = read(message, net.ends.cx.limits) {
                    self.report_failure(net, &envelope, &parcel);
                }
            }
        }
        self.buried(net, id, sequence);
    }

    fn buried(&mut self, net: &mut Net<'_, Event>, id: InboxId, sequence: u64) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        inbox.keeping = inbox.keeping.saturating_sub(1);
        let user = inbox.user.clone();
        net.emit(Event::Forget { user, sequence });
        self.go_on(net, id);
    }

    /// Tells the sender that a message was not delivered, if it asked to be told (RFC 5438 §7.2.1.1).
    fn report_failure(&mut self, net: &mut Net<'_, Event>, envelope: &Envelope, parcel: &Parcel) {
        let Ok(message) = Message::read(parcel, net.ends.cx.limits) else {
            return;
        };
        let (Some(id), true) = (&message.id, message.wanted.failed) else {
            return;
        };
        if matches!(message.content, Content::Reports(_)) {
            return;
        }
        let mut report = Imdn::new(
            id.clone(),
            message.date_time,
            imdn::Kind::Delivery,
            imdn::Status::Failed,
        );
        report.recipient_uri = Some(Text::from(envelope.to.uri.to_string()));
        let (recipient, sender) = (envelope.to.uri.clone(), envelope.sender().clone());
        let [from, to] = [&recipient, &sender].map(|uri| cpim::Identity::new(uri.to_string()));
        let parcel = message::report(&mut net.ends.cx, &from, &to, &report);
        // A request of its own, with a way of its own to go.
        let thread = envelope.thread.clone();
        let mut envelope = Envelope::new(recipient.clone(), sender.clone(), Service::Pager);
        envelope.identity = Identity::Asserted(vec![recipient]);
        envelope.thread = thread;
        let destination = self.onward(net, sender);
        net.legs.page(&mut net.ends, destination, &envelope, parcel);
    }
}

/// A message as it is kept.
fn write(envelope: &Envelope, parcel: &Parcel) -> Bytes {
    let mut request = envelope.write(Method::Message, &Destination::uri(envelope.to.uri.clone()));
    parcel.put_into(&mut request);
    request.write()
}

/// The inverse of [`write`].
fn read(message: Bytes, limits: &Limits) -> Option<(Envelope, Parcel)> {
    // It was within bounds when it was accepted, in whatever it came.
    let limits = Limits {
        sip_message: usize::MAX,
        sip_datagram: usize::MAX,
        ..limits.clone()
    };
    let sip::msg::Message::Request(request) = sip::msg::Message::parse(message, &limits).ok()?
    else {
        return None;
    };
    Some((
        Envelope::read(&request).ok()?,
        Parcel::of_request(&request)?,
    ))
}

pub(super) fn completed() -> Option<Reason> {
    Some(Reason::sip(200, "Call completed"))
}
