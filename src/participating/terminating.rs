//! The terminating side: to the served user's device, or into the inbox.

use super::inbox::InboxId;
use super::release::completed;
use super::{Absence, Due, Event, Flight, Participating, Preferences, Subscriber, Waiting};
use crate::conversation::{
    Custody, Envelope, LegId, Message, Mode, Parcel, ParcelId, Service, Terms, is_ephemeral,
};
use crate::engine::Limits;
use crate::node::Net;
use crate::sdp::msrp::Setup;
use crate::sip::msg::{Request, Status};
use crate::wire::Text;
use std::collections::VecDeque;

/// Something that has arrived for a user of the domain.
#[derive(Debug)]
pub(super) struct Arrival {
    /// The user it is for.
    pub(super) user: Text,
    pub(super) envelope: Envelope,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Message { parcel: Parcel, custody: Custody },
    Session { leg: LegId, terms: Terms },
}

/// A message on its way to a device.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) user: Text,
    pub(super) envelope: Envelope,
    pub(super) parcel: Parcel,
    /// Whoever sent it waits for an answer; `None` once it was kept.
    pub(super) custody: Option<Custody>,
    /// Where it is kept, if the device was too slow to confirm it.
    pub(super) kept: Option<(InboxId, u64)>,
    /// Whether the store is being asked to keep it.
    pub(super) keeping: bool,
    pub(super) absence: Absence,
}

impl Arrival {
    pub(super) fn message(envelope: Envelope, parcel: Parcel, custody: Custody) -> Self {
        let user = custody
            .request_uri()
            .map_or_else(|| envelope.to.uri.aor(), |uri| uri.aor());
        Self {
            user,
            envelope,
            what: What::Message { parcel, custody },
        }
    }

    pub(super) fn session(leg: LegId, envelope: Envelope, terms: Terms, request: &Request) -> Self {
        let user = request
            .uri()
            .map_or_else(|_| envelope.to.uri.aor(), |uri| uri.aor());
        Self {
            user,
            envelope,
            what: What::Session { leg, terms },
        }
    }

    pub(super) fn refuse(self, net: &mut Net<'_, Event>, status: Status) {
        match self.what {
            What::Message { custody, .. } => net.legs.answer(&mut net.ends, custody, status),
            What::Session { leg, .. } => net.legs.reject(&mut net.ends, leg, status, None),
        }
    }
}

impl Participating {
    /// Something has arrived for a user: first of all, is there one?
    pub(super) fn arrived(&mut self, net: &mut Net<'_, Event>, arrival: Arrival) {
        if self.waiting.len() >= net.ends.cx.limits.questions {
            return arrival.refuse(net, Status::SERVICE_UNAVAILABLE);
        }
        let user = arrival.user.clone();
        self.ask(net, Waiting::Arrival(Box::new(arrival)), |reply| {
            Event::Subscriber { user, reply }
        });
    }

    pub(super) fn arrive(
        &mut self,
        net: &mut Net<'_, Event>,
        arrival: Arrival,
        subscriber: Option<&Subscriber>,
    ) {
        let Some(subscriber) = subscriber else {
            return arrival.refuse(net, Status::NOT_FOUND);
        };
        if let What::Session { leg, .. } = &arrival.what
            && !net.legs.contains(*leg)
        {
            // Whoever called has hung up meanwhile.
            return;
        }
        let preferences = &subscriber.preferences;
        let Arrival {
            user,
            mut envelope,
            what,
        } = arrival;
        let user = subscriber.account.clone().unwrap_or(user);
        self.set_retrieval(net, &user, preferences);
        self.set_unwilling(net, &user, preferences.unwilling);
        // Every function on the way counts, so that a loop of functions ends (RFC 3261 §16.3).
        match envelope.hops.checked_sub(1) {
            Some(hops) => envelope.hops = hops,
            None => {
                let arrival = Arrival {
                    user,
                    envelope,
                    what,
                };
                return arrival.refuse(net, Status::TOO_MANY_HOPS);
            }
        }
        match what {
            What::Message { parcel, custody } => {
                self.deliver(net, &user, envelope, parcel, custody, preferences);
            }
            What::Session { leg, terms } if envelope.service == Some(Service::LargeMessage) => {
                if preferences.absence == Absence::Refuse
                    && self.device(&user, Service::Pager, None).is_none()
                {
                    let status = Status::TEMPORARILY_UNAVAILABLE;
                    return net.legs.reject(&mut net.ends, leg, status, None);
                }
                self.receive_large(net, leg, user, envelope, &terms, preferences.clone());
            }
            What::Session { leg, terms } => {
                self.terminate_session(net, leg, user, envelope, terms, preferences)
            }
        }
    }

    /// Brings a message to the user's device, or keeps it if there is none or others wait there already.
    pub(super) fn deliver(
        &mut self,
        net: &mut Net<'_, Event>,
        user: &Text,
        envelope: Envelope,
        parcel: Parcel,
        custody: Custody,
        preferences: &Preferences,
    ) {
        let reachable = !preferences.unwilling && self.device(user, Service::Pager, None).is_some();
        if reachable
            && !self.is_busy(user)
            && let Some(id) = self.send_alone(net, user, envelope.clone(), parcel.clone())
        {
            let delivery = Delivery {
                user: user.clone(),
                envelope,
                parcel,
                custody: Some(custody),
                kept: None,
                keeping: false,
                absence: preferences.absence,
            };
            return self.fly(net, id, delivery);
        }
        self.defer(net, user, &envelope, &parcel, custody, preferences.absence);
    }

    /// Watches over a message that is on its way to a device.
    pub(super) fn fly(&mut self, net: &Net<'_, Event>, id: ParcelId, delivery: Delivery) {
        self.timers
            .set(Due::Patience(id), net.now() + self.config.patience);
        let user = delivery.user.clone();
        let none = VecDeque::new;
        self.flying.entry(user).or_insert_with(none).push_back(id);
        self.flights
            .insert(id, Flight::Delivery(Box::new(delivery)));
    }

    /// A message is no longer on its way to a device.
    fn come_down(&mut self, user: &Text, id: ParcelId) {
        self.timers.cancel(&Due::Patience(id));
        if let Some(flying) = self.flying.get_mut(user) {
            flying.retain(|other| *other != id);
            if flying.is_empty() {
                self.flying.remove(user);
            }
        }
    }

    /// Keeps a message for a user who is away, unless it is worth nothing later.
    pub(super) fn defer(
        &mut self,
        net: &mut Net<'_, Event>,
        user: &Text,
        envelope: &Envelope,
        parcel: &Parcel,
        custody: Custody,
        absence: Absence,
    ) {
        let worthless = is_worthless_later(envelope, parcel, net.ends.cx.limits);
        if worthless || absence == Absence::Refuse {
            return net
                .legs
                .answer(&mut net.ends, custody, Status::TEMPORARILY_UNAVAILABLE);
        }
        self.keep(net, user, envelope, parcel, Some(custody), None);
    }

    /// Sends a message to the user's device on its own: in one SIP MESSAGE, or in a session made for it.
    pub(super) fn send_alone(
        &self,
        net: &mut Net<'_, Event>,
        user: &str,
        mut envelope: Envelope,
        parcel: Parcel,
    ) -> Option<ParcelId> {
        let instance = self.addressee(net, user, &envelope, &parcel);
        let instance = instance.as_deref();
        let large = Mode::choose(false, parcel.body.len(), self.config.pager_limit) == Mode::Large;
        if large
            && let Some(destination) =
                self.device_destination(user, Service::LargeMessage, instance)
        {
            envelope.service = Some(Service::LargeMessage);
            let terms = Terms::delivery(Setup::ActPass);
            let leg = net
                .legs
                .open(&mut net.ends, destination, &envelope, terms)
                .ok()?;
            let parcel = net.legs.send(&mut net.ends, leg, parcel).ok()?;
            net.legs.finish(&mut net.ends, leg, completed());
            return Some(parcel);
        }
        // A plain SIP user agent knows no large messages, but its transport may carry a long one.
        let destination = self.device_destination(user, Service::Pager, instance)?;
        if envelope.service == Some(Service::LargeMessage) {
            envelope.service = Some(Service::Pager);
        }
        Some(net.legs.page(&mut net.ends, destination, &envelope, parcel))
    }

    /// The next hop has taken something, or has not.
    pub(super) fn landed(
        &mut self,
        net: &mut Net<'_, Event>,
        parcel: ParcelId,
        result: Result<bool, Status>,
    ) {
        match self.flights.remove(&parcel) {
            Some(Flight::Relayed(custody)) => {
                let status = match result {
                    Ok(true) => Status::ACCEPTED,
                    Ok(false) => Status::OK,
                    Err(status) => status,
                };
                net.legs.answer(&mut net.ends, custody, status);
            }
            Some(Flight::Delivery(delivery)) => {
                self.come_down(&delivery.user, parcel);
                self.delivery_landed(net, parcel, *delivery, result);
            }
            Some(Flight::Released { inbox, sequence }) => {
                self.kept_landed(net, inbox, sequence, result)
            }
            Some(Flight::Fetched {
                leg,
                inbox,
                sequence,
            }) => self.fetch_landed(net, leg, inbox, sequence, result.is_ok()),
            Some(Flight::Told { inbox }) => self.told(net, inbox, result.is_ok()),
            Some(Flight::Lost) | None => {}
        }
    }

    fn delivery_landed(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ParcelId,
        delivery: Delivery,
        result: Result<bool, Status>,
    ) {
        let Delivery {
            user,
            envelope,
            parcel,
            custody,
            kept,
            keeping,
            absence,
        } = delivery;
        if let Some((inbox, sequence)) = kept {
            return self.slow_landed(net, inbox, sequence, result.is_ok());
        }
        let Some(custody) = custody else {
            if keeping && result.is_err() {
                // The store is about to have it, and must not think that a device has it as well.
                self.flights.insert(id, Flight::Lost);
            }
            return;
        };
        match result {
            Ok(_) => net.legs.take(&mut net.ends, custody),
            Err(status) if is_deferrable(status) => {
                self.defer(net, &user, &envelope, &parcel, custody, absence)
            }
            Err(status) => net.legs.answer(&mut net.ends, custody, status),
        }
    }

    /// A device takes its time to confirm a message: it is kept as well, and the sender released. So is
    /// everything else on its way to that user, in order: what comes next waits in the inbox already, and
    /// nothing may fall behind it.
    pub(super) fn out_of_patience(&mut self, net: &mut Net<'_, Event>, parcel: ParcelId) {
        let Some(Flight::Delivery(delivery)) = self.flights.get(&parcel) else {
            return;
        };
        let flying = self.flying.get(&delivery.user).cloned().unwrap_or_default();
        for parcel in flying {
            self.keep_flying(net, parcel);
        }
    }

    fn keep_flying(&mut self, net: &mut Net<'_, Event>, parcel: ParcelId) {
        let Some(Flight::Delivery(delivery)) = self.flights.get_mut(&parcel) else {
            return;
        };
        if delivery.absence == Absence::Refuse {
            // Nothing is kept for this user: its sender waits as long as the device does.
            return;
        }
        let Some(custody) = delivery.custody.take() else {
            return;
        };
        let (user, envelope, content) = (
            delivery.user.clone(),
            delivery.envelope.clone(),
            delivery.parcel.clone(),
        );
        let ephemeral = is_worthless_later(&envelope, &content, net.ends.cx.limits);
        if ephemeral {
            return net.legs.take(&mut net.ends, custody);
        }
        self.keep(net, &user, &envelope, &content, Some(custody), Some(parcel));
    }
}

/// Whether a message only tells the state of something, by its envelope or by what it says: delivered now or
/// never.
fn is_worthless_later(envelope: &Envelope, parcel: &Parcel, limits: &Limits) -> bool {
    let is_state = |message: Message| message.is_ephemeral();
    is_ephemeral(envelope) || Message::read(parcel, limits).is_ok_and(is_state)
}

/// Whether a device's failure to take something says that it is away, or busy, and may take it later.
pub(super) const fn is_deferrable(status: Status) -> bool {
    matches!(
        status.code(),
        404 | 408 | 410 | 430 | 480 | 481 | 486 | 487 | 500 | 502 | 503 | 504 | 600
    )
}
