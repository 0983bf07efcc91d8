//! Keeping a message for a user who is away.

use super::inbox::{Entry, InboxId};
use super::terminating::DeliveryId;
use super::{Due, Event, Kept, Participating, StoreError, Waiting};
use crate::conversation::{Custody, Destination, Envelope, Parcel};
use crate::engine::Limits;
use crate::node::Net;
use crate::sip;
use crate::sip::msg::{Method, Status};
use crate::wire::Text;
use bytes::Bytes;
use std::time::{Duration, Instant};

/// A message that the store is asked to keep.
#[derive(Debug)]
pub(super) struct Keeping {
    pub(super) inbox: InboxId,
    pub(super) sequence: u64,
    pub(super) expires_at: Instant,
    pub(super) custody: Option<Custody>,
    /// The flight of the same message, if a device has it and is slow.
    pub(super) flight: Option<DeliveryId>,
}

impl Participating {
    /// Keeps a message; whoever sent it is answered when the store has it.
    pub(super) fn keep(
        &mut self,
        net: &mut Net<'_, Event>,
        user: &str,
        envelope: &Envelope,
        parcel: &Parcel,
        custody: Option<Custody>,
        flight: Option<DeliveryId>,
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
        if let Some(delivery) = flight.and_then(|id| self.deliveries.get_mut(id.0)) {
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
        let held = flight.and_then(|flight| {
            let delivery = self.deliveries.get_mut(flight.0)?;
            delivery.keeping = false;
            match (delivery.taken, delivery.lost) {
                (true, _) => None,
                (false, true) => {
                    self.deliveries.remove(flight.0);
                    Some(false)
                }
                (false, false) => {
                    delivery.kept = result.is_ok().then_some((id, sequence));
                    Some(true)
                }
            }
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
        inbox.insert(Entry {
            sequence,
            flying,
            refusals: 0,
        });
        inbox.told = false;
        self.timers.set(Due::Expiry(id, sequence), expires_at);
        self.release(net, id);
    }
}

/// A message as it is kept.
fn write(envelope: &Envelope, parcel: &Parcel) -> Bytes {
    let mut request = envelope.write(Method::Message, &Destination::uri(envelope.to.uri.clone()));
    parcel.put_into(&mut request);
    request.write()
}

/// The inverse of [`write`].
pub(super) fn read(message: Bytes, limits: &Limits) -> Option<(Envelope, Parcel)> {
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
