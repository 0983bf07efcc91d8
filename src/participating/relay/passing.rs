//! What passes in a session, and how it ends.

use super::{BridgeId, End, Reception};
use crate::conversation::{Custody, Ending, Envelope, LegId, Message, Parcel};
use crate::node::Net;
use crate::participating::originating::{signed, unsigned_if};
use crate::participating::release::completed;
use crate::participating::terminating::{Delivery, is_deferrable};
use crate::participating::{Absence, Due, Event, Flight, Participating};
use crate::sip::msg::Status;
use crate::sip::msg::header::Reason;
use crate::wire::Text;
use bytes::Bytes;

impl Participating {
    /// One end of a session whose media passes us by wants it changed: that is for the other end to say.
    pub(in crate::participating) fn reoffered(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        offer: Bytes,
    ) {
        let other = (self.relay.bridge(leg)).and_then(|(_, end, bridge)| bridge.other(end));
        match other {
            Some(other) => net.legs.reoffer(&mut net.ends, other, offer),
            None => {
                let result = Err(Status::NOT_ACCEPTABLE_HERE);
                net.legs.answer_reoffer(&mut net.ends, leg, result);
            }
        }
    }

    /// The other end has said.
    pub(in crate::participating) fn reanswered(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        result: Result<Bytes, Status>,
    ) {
        let other = (self.relay.bridge(leg)).and_then(|(_, end, bridge)| bridge.other(end));
        self.relay.touch_leg(leg);
        if let Some(other) = other {
            net.legs.answer_reoffer(&mut net.ends, other, result);
        }
    }

    /// Content came in a session.
    pub(in crate::participating) fn received(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        parcel: Parcel,
        custody: Custody,
    ) {
        if let Some(Reception {
            user,
            envelope,
            preferences,
        }) = self.relay.receptions.get(&leg)
        {
            let (user, envelope, preferences) =
                (user.clone(), envelope.clone(), preferences.clone());
            return self.deliver(
                net,
                &user,
                Box::new(envelope),
                parcel,
                custody,
                &preferences,
            );
        }
        let Some((id, end, bridge)) = self.relay.bridge(leg) else {
            return net.legs.answer(
                &mut net.ends,
                custody,
                Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
            );
        };
        match end {
            End::Near => {
                let (far, device) = (bridge.far, bridge.device.clone());
                let (own, user) = (bridge.own(), bridge.user.clone());
                let private = bridge.envelope.private && bridge.opener == End::Near;
                self.remember_sender(net, device, &parcel);
                let parcel = signed(parcel, &own, net.ends.cx.limits);
                let parcel = unsigned_if(private, parcel, net.ends.cx.limits);
                let Some(reports) = self.news(net, &user, &parcel) else {
                    return net.legs.take(&mut net.ends, custody);
                };
                let sent = far.map(|far| net.legs.send(&mut net.ends, far, parcel));
                match sent {
                    Some(Ok(id)) => {
                        self.flights
                            .insert(id, Flight::Relayed { custody, reports });
                    }
                    _ => net
                        .legs
                        .answer(&mut net.ends, custody, Status::TEMPORARILY_UNAVAILABLE),
                }
            }
            End::Far => {
                let alone = bridge.near.is_none() && bridge.forks.is_empty();
                let is_lost = alone && bridge.absence == Absence::Refuse;
                if is_lost {
                    // Nothing is kept that would bring the session back with it.
                    self.open_near(net, id);
                }
                let Some((_, _, bridge)) = self.relay.bridge(leg) else {
                    return;
                };
                let (user, envelope, near, absence) = (
                    bridge.user.clone(),
                    bridge.inward(),
                    bridge.near,
                    bridge.absence,
                );
                self.inward(net, user, envelope, near, parcel, custody, absence);
            }
        }
    }

    /// Brings content of a session to the user's device, or keeps it.
    #[allow(clippy::too_many_arguments, reason = "the fields of a delivery")]
    fn inward(
        &mut self,
        net: &mut Net<'_, Event>,
        user: Text,
        envelope: Envelope,
        near: Option<LegId>,
        parcel: Parcel,
        custody: Custody,
        absence: Absence,
    ) {
        let content = unsigned_if(envelope.private, parcel.clone(), net.ends.cx.limits);
        if let Some(near) = near.filter(|_| !self.is_busy(&user))
            && let Ok(id) = net.legs.send(&mut net.ends, near, content)
        {
            let delivery = Delivery::new(user, Box::new(envelope), parcel, custody, absence);
            return self.fly(net, delivery, vec![id]);
        }
        if Message::read(&parcel, net.ends.cx.limits).is_ok_and(|message| message.is_ephemeral()) {
            // Nobody is there to see somebody type, which is no fault of the session's.
            return net.legs.take(&mut net.ends, custody);
        }
        self.defer(net, &user, &envelope, &parcel, custody, absence);
    }

    /// A leg is over.
    pub(in crate::participating) fn ended(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        ending: Ending,
    ) {
        self.relay.receptions.remove(&leg);
        let Some(ending) = self.fork_refused(net, leg, ending) else {
            return;
        };
        let Some((id, end, bridge)) = self.relay.bridge(leg) else {
            return;
        };
        *bridge.leg_mut(end) = None;
        self.relay.touch_leg(leg);
        self.relay.by_leg.remove(&leg);
        let Some(bridge) = self.relay.bridges.get(id.0) else {
            return;
        };
        let (other, answered, opened_by_other) =
            (bridge.other(end), bridge.answered, bridge.opener != end);
        match (end, ending) {
            // The device does not answer an invitation: the user is away.
            (End::Near, Ending::Refused { status, .. })
                if opened_by_other && is_deferrable(status) =>
            {
                self.answer_on_behalf(net, id);
            }
            (_, Ending::Refused { status, warning }) if opened_by_other && !answered => {
                if let Some(other) = other {
                    net.legs
                        .reject(&mut net.ends, other, status, warning.as_deref());
                }
                self.relay.remove(id);
            }
            // The user is lost, and may come back; what comes meanwhile is kept.
            (End::Near, Ending::Lost | Ending::Refused { .. })
                if other.is_some() && answered && !bridge.direct =>
            {
                self.timers
                    .set(Due::Linger(id), net.now() + self.config.linger);
            }
            (_, ending) => {
                let reason = match ending {
                    Ending::Lost => Some(Reason::sip(480, "Bearer unavailable")),
                    Ending::Gone => Some(Reason::sip(410, "Gone")),
                    Ending::Cancelled { reason } => reason,
                    _ => completed(),
                };
                self.hang_up(net, id, reason);
            }
        }
    }

    /// A user was lost for long enough.
    pub(in crate::participating) fn dissolve(&mut self, net: &mut Net<'_, Event>, id: BridgeId) {
        self.hang_up(net, id, completed());
    }

    /// Ends what is left of a session; the leg that is left may still be confirming.
    fn hang_up(&mut self, net: &mut Net<'_, Event>, id: BridgeId, reason: Option<Reason>) {
        self.timers.cancel(&Due::Linger(id));
        let Some(bridge) = self.relay.remove(id) else {
            return;
        };
        for leg in bridge.forks {
            net.legs.end(&mut net.ends, leg, reason.clone());
        }
        for leg in [bridge.near, bridge.far].into_iter().flatten() {
            if bridge.answered {
                net.legs.finish(&mut net.ends, leg, reason.clone());
            } else {
                net.legs.end(&mut net.ends, leg, reason.clone());
            }
        }
    }
}
