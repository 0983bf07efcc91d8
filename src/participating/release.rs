//! Giving out what was kept, in order, to a user who is back.

use super::inbox::{InboxId, Out};
use super::keeping::read;
use super::originating::unsigned_if;
use super::{Due, Event, Flight, Participating, Waiting};
use crate::conversation::{Envelope, Identity, LegId, Parcel, ParcelId, Service, Terms};
use crate::msrp;
use crate::node::Net;
use crate::sdp::msrp::Setup;
use crate::sip::msg::Status;
use crate::sip::msg::header::Reason;
use crate::wire::Text;
use bytes::Bytes;

impl Participating {
    /// Asks what a user wants by now, if that could change what becomes of what is kept.
    pub(super) fn ask_willing(&mut self, net: &mut Net<'_, Event>, user: &str) {
        if self.unwilling.contains(user) || self.inboxes.by_user.contains_key(user) {
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
            Some(id) => {
                self.release(net, id);
                if self.pulling.contains(user) {
                    self.bridge_late(net, user);
                }
            }
            None => self.bridge_late(net, user),
        }
    }

    /// Gives out the first message of an inbox, if there is a device and nothing else is on its way.
    pub(super) fn release(&mut self, net: &mut Net<'_, Event>, id: InboxId) {
        let Some(inbox) = self.inboxes.slab.get(id.0) else {
            return;
        };
        let user = inbox.user.clone();
        if self.pulling.contains(&user) {
            return self.list(net, id);
        }
        let Some(head) = inbox.queue.front() else {
            return;
        };
        if inbox.out != Out::Nothing || head.flying || !self.has_device(&user, Service::Pager) {
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
        let copies = self.send_kept(net, id, &user, &envelope, &parcel);
        if copies.is_empty() {
            return self.retry_later(net, id);
        }
        self.flew(id, sequence, copies);
    }

    /// A kept message is on its way to devices.
    pub(super) fn flew(&mut self, id: InboxId, sequence: u64, copies: Vec<ParcelId>) {
        if let Some(inbox) = self.inboxes.get_mut(id) {
            inbox.sent(sequence, copies.len());
        }
        for copy in copies {
            let flight = Flight::Released {
                inbox: id,
                sequence,
            };
            self.flights.insert(copy, flight);
        }
    }

    /// Sends a kept message to the user's devices: chat messages in a session, the rest on its own.
    fn send_kept(
        &mut self,
        net: &mut Net<'_, Event>,
        id: InboxId,
        user: &str,
        envelope: &Envelope,
        parcel: &Parcel,
    ) -> Vec<ParcelId> {
        let chat =
            envelope.service == Some(Service::Session) && self.has_device(user, Service::Session);
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return Vec::new();
        };
        let thread = envelope.thread.as_ref();
        let conversation = thread.map(|thread| thread.conversation.clone());
        let conversation = conversation.unwrap_or_default();
        let mut legs = Vec::new();
        if let Some((open, of)) = inbox.session.take() {
            let (here, gone) = (open.into_iter()).partition::<Vec<_>, _>(|leg| {
                chat && of == conversation && net.legs.contains(*leg)
            });
            for leg in gone {
                net.legs.finish(&mut net.ends, leg, completed());
            }
            legs = here;
        }
        if !chat {
            return self.send_alone(net, user, envelope, parcel);
        }
        if legs.is_empty() {
            legs = self.open_deferred(net, user, envelope);
        }
        let content = unsigned_if(envelope.private, parcel.clone(), net.ends.cx.limits);
        let mut copies = Vec::new();
        let mut too_large = false;
        for &leg in &legs {
            match net.legs.send(&mut net.ends, leg, content.clone()) {
                Ok(copy) => copies.push(copy),
                Err(error) => too_large |= matches!(error, msrp::SendError::TooLarge),
            }
        }
        if copies.is_empty() && too_large {
            // Another way may have room for it.
            for leg in legs {
                net.legs.finish(&mut net.ends, leg, completed());
            }
            return self.send_alone(net, user, envelope, parcel);
        }
        if let Some(inbox) = self.inboxes.get_mut(id) {
            inbox.session = Some((legs, conversation));
        }
        copies
    }

    /// Opens the sessions in which what was kept of a chat is delivered. Their asserted identity is that of
    /// this function; the original sender is in Referred-By.
    fn open_deferred(
        &self,
        net: &mut Net<'_, Event>,
        user: &str,
        envelope: &Envelope,
    ) -> Vec<LegId> {
        let mut envelope = envelope.clone();
        envelope.referred_by = Some(envelope.sender().clone());
        envelope = envelope.for_strangers();
        envelope.identity = Identity::Asserted(vec![self.config.deferred_uri.clone()]);
        let destinations = self.destinations(user, Service::Session, None);
        let legs = destinations.into_iter().filter_map(|destination| {
            let terms = Terms::delivery(Setup::ActPass);
            let opened = net.legs.open(&mut net.ends, destination, &envelope, terms);
            opened.ok()
        });
        legs.collect()
    }

    /// A kept message has landed at the device, or has not.
    pub(super) fn kept_landed(
        &mut self,
        net: &mut Net<'_, Event>,
        id: InboxId,
        sequence: u64,
        result: Result<bool, Status>,
    ) {
        let most = self.config.refusals;
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        let Some(outcome) = inbox.landed(sequence, result) else {
            return;
        };
        match outcome {
            Ok(()) => self.done(net, id, sequence),
            Err(status) if super::terminating::is_deferrable(status) => {
                if !is_away(status) && inbox.refuse(sequence) >= most {
                    // It says "later" for ever, and others wait behind it.
                    return self.expire(net, id, sequence);
                }
                self.tell_later(net, id);
            }
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
        inbox.set_flying(sequence, false);
        if inbox.out == Out::Nothing {
            self.retry_later(net, id);
        }
    }

    /// A message need not be kept any more: on with the next.
    pub(super) fn done(&mut self, net: &mut Net<'_, Event>, id: InboxId, sequence: u64) {
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
    pub(super) fn go_on(&mut self, net: &mut Net<'_, Event>, id: InboxId) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        if inbox.is_busy() {
            return self.release(net, id);
        }
        let user = inbox.user.clone();
        for leg in (inbox.session.take()).map_or_else(Vec::new, |(legs, _)| legs) {
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
}

/// Whether a failure says nothing of the message: nobody is there, or somebody is busy.
pub(super) const fn is_away(status: Status) -> bool {
    matches!(status.code(), 408 | 480 | 486 | 487 | 503 | 600)
}

pub(super) fn completed() -> Option<Reason> {
    Some(Reason::sip(200, "Call completed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Clock, DateTime, Seed};
    use crate::node::{Node, Output};
    use crate::participating::{Config, Restored};
    use std::time::{Duration, Instant};

    const BOB: &str = "sip:bob@example.com";

    fn events(node: &mut Node<Participating>) -> Vec<Event> {
        let outputs = std::iter::from_fn(|| node.poll_output());
        let events = outputs.filter_map(|output| match output {
            Output::Event(event) => Some(event),
            Output::Transmit(_) => None,
        });
        events.collect()
    }

    /// How often a device can refuse the first of two messages in this way before it is given up.
    fn tries(status: Status) -> Option<u32> {
        let now = Instant::now();
        let wall = DateTime::parse_from_rfc3339("2026-01-01T10:00:00Z").unwrap();
        let until = wall + Duration::from_secs(3600);
        let kept = [1, 2].map(|sequence| (Text::from(BOB), sequence, until));
        let restored = Restored {
            kept: kept.to_vec(),
            ..Restored::default()
        };
        let (clock, seed) = (Clock::new(now, wall), Seed::from_number(1));
        let mut node = Participating::node(Config::new("example.com"), restored, clock, seed);
        let refuse = |node: &mut Node<Participating>| {
            node.command(now, |function, net| {
                let id = function.inboxes.by_user[BOB];
                if let Some(inbox) = function.inboxes.get_mut(id) {
                    inbox.sent(1, 1);
                }
                function.kept_landed(net, id, 1, Err(status));
            });
            events(node)
                .iter()
                .any(|event| matches!(event, Event::Expired { sequence: 1, .. }))
        };
        (1..100).find(|_| refuse(&mut node))
    }

    #[test]
    fn a_message_that_is_always_refused_does_not_block_those_behind_it() {
        assert_eq!(tries(Status::SERVER_INTERNAL_ERROR), Some(5));
        assert_eq!(tries(Status::NOT_FOUND), Some(5));
        assert_eq!(tries(Status::FORBIDDEN), Some(1), "it says never");
        assert_eq!(tries(Status::BUSY_HERE), None, "it will take it one day");
        assert_eq!(
            tries(Status::REQUEST_TIMEOUT),
            None,
            "nobody has refused it"
        );
    }
}
