//! The terminating side: to the served user's device, or into the inbox.

use super::core::along;
use super::inbox::InboxId;
use super::originating::unsigned_if;
use super::release::completed;
use super::{Absence, Due, Event, Flight, Participating, Preferences, Subscriber, Waiting};
use crate::conversation::{
    Custody, Envelope, LegId, Message, Mode, Parcel, ParcelId, Service, Terms, is_ephemeral,
};
use crate::engine::{Limits, id};
use crate::node::Net;
use crate::sdp::msrp::Setup;
use crate::sip::bindings::Gruu;
use crate::sip::msg::header::FeatureTags;
use crate::sip::msg::{Request, Status, Uri};
use crate::wire::Text;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Something that has arrived for a user of the domain.
#[derive(Debug)]
pub(super) struct Arrival {
    /// The user it is for.
    pub(super) user: Text,
    pub(super) envelope: Box<Envelope>,
    pub(super) what: What,
    /// What it was sent to, if that is the address of one device.
    gruu: Option<Uri>,
}

#[derive(Debug)]
pub(super) enum What {
    Message { parcel: Parcel, custody: Custody },
    Session { leg: LegId, terms: Terms },
}

id! {
    /// A message on its way to devices.
    DeliveryId
}

/// A message on its way to one or more devices.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) user: Text,
    pub(super) envelope: Box<Envelope>,
    pub(super) parcel: Parcel,
    /// Whoever sent it waits for an answer; `None` once it was kept.
    pub(super) custody: Option<Custody>,
    /// Where it is kept, if the device was too slow to confirm it.
    pub(super) kept: Option<(InboxId, u64)>,
    /// Whether the store is being asked to keep it.
    pub(super) keeping: bool,
    pub(super) absence: Absence,
    /// Its place among all that went to devices.
    order: u64,
    /// How many devices have not answered yet.
    pub(super) out: usize,
    /// Whether a device has taken it.
    pub(super) taken: bool,
    /// Whether all have failed before the store had it.
    pub(super) lost: bool,
    /// Why those failed that have.
    status: Option<Status>,
}

impl Delivery {
    pub(super) const fn new(
        user: Text,
        envelope: Box<Envelope>,
        parcel: Parcel,
        custody: Custody,
        absence: Absence,
    ) -> Self {
        Self {
            user,
            envelope,
            parcel,
            custody: Some(custody),
            kept: None,
            keeping: false,
            absence,
            order: 0,
            out: 0,
            taken: false,
            lost: false,
            status: None,
        }
    }
}

/// The service that something is of, as far as devices have to offer it.
fn service_of(what: &What, envelope: &Envelope) -> Service {
    match (what, envelope.service) {
        (What::Session { .. }, Some(Service::LargeMessage)) | (What::Message { .. }, _) => {
            Service::Pager
        }
        (What::Session { .. }, service) => service.unwrap_or(Service::Session),
    }
}

/// What each of some branches may be forked into, together no more than the whole (RFC 5393 §5.3.3). `None` if that is not
/// enough for all.
fn share(breadth: Option<u32>, branches: usize) -> Option<Option<u32>> {
    // One branch is what there always is: nobody need count it who has not been asked to.
    let branches = u32::try_from(branches.max(1)).unwrap_or(u32::MAX);
    match breadth {
        None if branches == 1 => Some(None),
        breadth => match breadth.unwrap_or(BREADTH) / branches {
            0 => None,
            share => Some(Some(share)),
        },
    }
}

/// What a request may be forked into that does not say (RFC 5393 §5.3.3.1).
const BREADTH: u32 = 60;

/// The URI, if it is a GRUU.
fn if_gruu(uri: &Uri) -> Option<Uri> {
    let is_gruu = uri.as_sip().is_some_and(|sip| sip.has_param("gr"));
    is_gruu.then(|| uri.compact())
}

impl Arrival {
    pub(super) fn message(envelope: Box<Envelope>, parcel: Parcel, custody: Custody) -> Self {
        let target = custody.request_uri();
        let target = target.as_ref().unwrap_or(&envelope.to.uri);
        let (user, gruu) = (target.aor(), if_gruu(target));
        Self {
            user,
            envelope,
            what: What::Message { parcel, custody },
            gruu,
        }
    }

    pub(super) fn session(
        leg: LegId,
        envelope: Box<Envelope>,
        terms: Terms,
        request: &Request,
    ) -> Self {
        let target = request.uri().ok();
        let target = target.as_ref().unwrap_or(&envelope.to.uri);
        let (user, gruu) = (target.aor(), if_gruu(target));
        Self {
            user,
            envelope,
            what: What::Session { leg, terms },
            gruu,
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
    pub(super) fn arrived(&mut self, net: &mut Net<'_, Event>, mut arrival: Arrival) {
        // A GRUU is for one device, and for no other (RFC 5627 §5.3).
        match arrival
            .gruu
            .as_ref()
            .and_then(|uri| self.bindings.gruu(uri))
        {
            Some(Gruu::Device { aor, instance }) => {
                arrival.user = aor;
                arrival.envelope.instance = Some(instance);
            }
            Some(Gruu::Unknown) => return arrival.refuse(net, Status::NOT_FOUND),
            None => {}
        }
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
            gruu,
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
                    gruu,
                };
                return arrival.refuse(net, Status::TOO_MANY_HOPS);
            }
        }
        let branches = self.branches(&user, &envelope, &what);
        match share(envelope.breadth, branches) {
            Some(breadth) => envelope.breadth = breadth,
            None => {
                let arrival = Arrival {
                    user,
                    envelope,
                    what,
                    gruu,
                };
                return arrival.refuse(net, Status::MAX_BREADTH_EXCEEDED);
            }
        }
        if gruu.is_some() && !self.has_instance(&user, &envelope, &what) {
            let arrival = Arrival {
                user,
                envelope,
                what,
                gruu,
            };
            return arrival.refuse(net, Status::TEMPORARILY_UNAVAILABLE);
        }
        match what {
            What::Message { parcel, custody } => {
                self.deliver(net, &user, envelope, parcel, custody, preferences);
            }
            What::Session { leg, terms } if envelope.service == Some(Service::LargeMessage) => {
                if preferences.absence == Absence::Refuse && !self.has_device(&user, Service::Pager)
                {
                    let status = Status::TEMPORARILY_UNAVAILABLE;
                    return net.legs.reject(&mut net.ends, leg, status, None);
                }
                self.receive_large(net, leg, user, *envelope, &terms, preferences.clone());
            }
            What::Session { leg, terms } => {
                self.terminate_session(net, leg, user, *envelope, terms, preferences)
            }
        }
    }

    /// To how many devices something goes.
    fn branches(&self, user: &str, envelope: &Envelope, what: &What) -> usize {
        let service = service_of(what, envelope);
        self.devices(user, service, envelope.instance.as_deref())
            .len()
    }

    /// Whether the very device that something is for is there, and offers the service.
    fn has_instance(&self, user: &str, envelope: &Envelope, what: &What) -> bool {
        let service = service_of(what, envelope);
        let instance = envelope.instance.as_ref();
        self.devices(user, service, instance.map(Text::as_str))
            .first()
            .is_some_and(|device| device.instance.as_ref() == instance)
    }

    /// Brings a message to the user's device, or keeps it if there is none or others wait there already.
    pub(super) fn deliver(
        &mut self,
        net: &mut Net<'_, Event>,
        user: &Text,
        envelope: Box<Envelope>,
        parcel: Parcel,
        custody: Custody,
        preferences: &Preferences,
    ) {
        if !preferences.unwilling && !self.is_busy(user) {
            let copies = self.send_alone(net, user, &envelope, &parcel);
            if !copies.is_empty() {
                let absence = preferences.absence;
                let delivery = Delivery::new(user.clone(), envelope, parcel, custody, absence);
                return self.fly(net, delivery, copies);
            }
        }
        self.defer(net, user, &envelope, &parcel, custody, preferences.absence);
    }

    /// Watches over a message that is on its way to devices.
    pub(super) fn fly(
        &mut self,
        net: &Net<'_, Event>,
        mut delivery: Delivery,
        copies: Vec<ParcelId>,
    ) {
        let order = self.departures;
        self.departures = order.saturating_add(1);
        delivery.order = order;
        delivery.out = copies.len();
        let user = delivery.user.clone();
        let id = DeliveryId(self.deliveries.insert(delivery));
        self.timers
            .set(Due::Patience(id), net.now() + self.config.patience);
        self.flying.entry(user).or_default().insert(order, id);
        for copy in copies {
            self.flights.insert(copy, Flight::Delivery(id));
        }
    }

    /// A message is no longer on its way to a device.
    fn come_down(&mut self, user: &Text, id: DeliveryId) {
        self.timers.cancel(&Due::Patience(id));
        let order = self.deliveries.get(id.0).map(|delivery| delivery.order);
        if let Some(order) = order
            && let Some(flying) = self.flying.get_mut(user)
        {
            flying.remove(&order);
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

    /// Sends a message to the user's devices on its own: in one SIP MESSAGE each, or in a session made for it.
    pub(super) fn send_alone(
        &self,
        net: &mut Net<'_, Event>,
        user: &str,
        envelope: &Envelope,
        parcel: &Parcel,
    ) -> Vec<ParcelId> {
        let instance = self.addressee(net, user, envelope, parcel);
        let parcel = unsigned_if(envelope.private, parcel.clone(), net.ends.cx.limits);
        let mut envelope = Cow::Borrowed(envelope);
        if envelope.private {
            envelope = Cow::Owned(envelope.into_owned().for_strangers());
        }
        let large = Mode::choose(false, parcel.body.len(), self.config.pager_limit) == Mode::Large;
        let devices = self.devices(user, Service::Pager, instance.as_deref());
        let copies = devices.into_iter().filter_map(|device| {
            let destination = along(self.destination(user, device), &envelope);
            let takes_large =
                || FeatureTags::new(&device.params).has_icsi(Service::LargeMessage.icsi());
            if large && takes_large() {
                let envelope = Envelope {
                    service: Some(Service::LargeMessage),
                    ..Envelope::clone(&envelope)
                };
                let terms = Terms::delivery(Setup::ActPass);
                let leg = net
                    .legs
                    .open(&mut net.ends, destination, &envelope, terms)
                    .ok()?;
                let copy = net.legs.send(&mut net.ends, leg, parcel.clone()).ok()?;
                net.legs.finish(&mut net.ends, leg, completed());
                return Some(copy);
            }
            // A plain SIP user agent knows no large messages, but its transport may carry a long one.
            let mut envelope = Cow::Borrowed(&*envelope);
            if envelope.service == Some(Service::LargeMessage) {
                envelope.to_mut().service = Some(Service::Pager);
            }
            let content = parcel.clone();
            Some(
                net.legs
                    .page(&mut net.ends, destination, &envelope, content),
            )
        });
        copies.collect()
    }

    /// The next hop has taken something, or has not.
    pub(super) fn landed(
        &mut self,
        net: &mut Net<'_, Event>,
        parcel: ParcelId,
        result: Result<bool, Status>,
    ) {
        match self.flights.remove(&parcel) {
            Some(Flight::Relayed { custody, reports }) => {
                if result.is_err() {
                    // Whoever reports will do so again.
                    self.reported.forget(&reports);
                }
                let status = match result {
                    Ok(true) => Status::ACCEPTED,
                    Ok(false) => Status::OK,
                    Err(status) => status,
                };
                net.legs.answer(&mut net.ends, custody, status);
            }
            Some(Flight::Delivery(delivery)) => self.delivery_landed(net, delivery, result),
            Some(Flight::Released { inbox, sequence }) => {
                self.kept_landed(net, inbox, sequence, result)
            }
            Some(Flight::Fetched {
                leg,
                inbox,
                sequence,
            }) => self.fetch_landed(net, leg, inbox, sequence, result.is_ok()),
            Some(Flight::Told { inbox }) => self.told(net, inbox, result),
            None => {}
        }
    }

    /// One of the devices that a message went to has taken it, or has not. The first that has it decides; all
    /// must have failed before the message has.
    fn delivery_landed(
        &mut self,
        net: &mut Net<'_, Event>,
        id: DeliveryId,
        result: Result<bool, Status>,
    ) {
        let Some(delivery) = self.deliveries.get_mut(id.0) else {
            return;
        };
        delivery.out = delivery.out.saturating_sub(1);
        let is_last = delivery.out == 0;
        let user = delivery.user.clone();
        match result {
            Ok(_) if !std::mem::replace(&mut delivery.taken, true) => {
                let (kept, custody) = (delivery.kept, delivery.custody.take());
                self.come_down(&user, id);
                if let Some((inbox, sequence)) = kept {
                    self.slow_landed(net, inbox, sequence, true);
                } else if let Some(custody) = custody {
                    net.legs.take(&mut net.ends, custody);
                }
            }
            Ok(_) => {}
            Err(status) => {
                let said_later = delivery.status.is_some_and(is_deferrable);
                if !said_later {
                    delivery.status = Some(status);
                }
                if is_last && !delivery.taken {
                    self.come_down(&user, id);
                    return self.delivery_failed(net, id);
                }
            }
        }
        if is_last {
            self.deliveries.remove(id.0);
        }
    }

    /// No device has taken a message.
    fn delivery_failed(&mut self, net: &mut Net<'_, Event>, id: DeliveryId) {
        if let Some(delivery) = self.deliveries.get_mut(id.0)
            && delivery.keeping
        {
            // The store is about to have it, and must not think that a device has it as well.
            delivery.lost = true;
            return;
        }
        let Some(delivery) = self.deliveries.remove(id.0) else {
            return;
        };
        if let Some((inbox, sequence)) = delivery.kept {
            return self.slow_landed(net, inbox, sequence, false);
        }
        let Some(custody) = delivery.custody else {
            return;
        };
        match delivery.status {
            Some(status) if !is_deferrable(status) => {
                net.legs.answer(&mut net.ends, custody, status);
            }
            _ => {
                let (user, absence) = (&delivery.user, delivery.absence);
                let (envelope, parcel) = (&delivery.envelope, &delivery.parcel);
                self.defer(net, user, envelope, parcel, custody, absence);
            }
        }
    }

    /// A device takes its time to confirm a message: it is kept as well, and the sender released. So is
    /// everything else on its way to that user, in order: what comes next waits in the inbox already, and
    /// nothing may fall behind it.
    pub(super) fn out_of_patience(&mut self, net: &mut Net<'_, Event>, id: DeliveryId) {
        let Some(delivery) = self.deliveries.get(id.0) else {
            return;
        };
        if delivery.custody.is_none() {
            // It was kept with one that went before it, and so was all that went with it.
            return;
        }
        let flying = self.flying.get(&delivery.user);
        let flying: Vec<_> = flying
            .into_iter()
            .flat_map(BTreeMap::values)
            .copied()
            .collect();
        for id in flying {
            self.keep_flying(net, id);
        }
    }

    fn keep_flying(&mut self, net: &mut Net<'_, Event>, id: DeliveryId) {
        let Some(delivery) = self.deliveries.get_mut(id.0) else {
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
        self.keep(net, &user, &envelope, &content, Some(custody), Some(id));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5393_5_3_3_branches_share_what_a_request_may_be_forked_into() {
        for (breadth, branches, each) in [
            (None, 0, Some(None)),
            (None, 1, Some(None)),
            (None, 3, Some(Some(20))),
            (None, 61, None),
            (Some(7), 1, Some(Some(7))),
            (Some(7), 3, Some(Some(2))),
            (Some(2), 3, None),
            (Some(0), 1, None),
            (Some(0), 0, None),
        ] {
            assert_eq!(share(breadth, branches), each, "{breadth:?} {branches}");
        }
    }
}
