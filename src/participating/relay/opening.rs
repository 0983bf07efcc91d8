//! Sessions that begin: opened, answered, forked, and taken up again.

use super::{Bridge, BridgeId, ELSEWHERE, End, Reception};
use crate::conversation::{Destination, Ending, Envelope, LegId, Service, Terms};
use crate::msrp::Full;
use crate::node::Net;
use crate::participating::core::along;
use crate::participating::originating::is_for_users;
use crate::participating::release::is_away;
use crate::participating::{Absence, Due, Event, MediaPath, Participating, Preferences};
use crate::sdp;
use crate::sdp::msrp::Setup;
use crate::sip::Source;
use crate::sip::msg::Status;
use crate::sip::msg::header::Reason;
use crate::wire::Text;
use bytes::Bytes;

/// Opens a leg: for media of our own, or to pass on what the other end offers.
fn open(
    net: &mut Net<'_, Event>,
    destination: Destination,
    envelope: &Envelope,
    offer: Option<Bytes>,
    terms: Terms,
) -> Result<LegId, Full> {
    match offer {
        Some(offer) => Ok(net
            .legs
            .open_through(&mut net.ends, destination, envelope, offer)),
        None => net.legs.open(&mut net.ends, destination, envelope, terms),
    }
}

impl Participating {
    /// A served user opens a session.
    pub(in crate::participating) fn originate_session(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        user: Text,
        mut envelope: Envelope,
        terms: Terms,
        source: Source,
    ) {
        let Some(hops) = envelope.hops.checked_sub(1) else {
            return net
                .legs
                .reject(&mut net.ends, leg, Status::TOO_MANY_HOPS, None);
        };
        envelope.hops = hops;
        if !is_for_users(&envelope) {
            let warning = Some("127 Service not authorised");
            return net
                .legs
                .reject(&mut net.ends, leg, Status::FORBIDDEN, warning);
        }
        let device = self.device_of(&user, source);
        let offer = self.direct_offer(net, leg, &envelope);
        let mut bridge = Bridge {
            name: net.ends.cx.ids.tag(),
            user,
            envelope,
            terms,
            opener: End::Near,
            answered: false,
            near: Some(leg),
            forks: Vec::new(),
            refused: None,
            far: None,
            direct: offer.is_some(),
            device,
            absence: Absence::Defer,
        };
        let recipient = bridge.envelope.to.uri.clone();
        let outward = self.outward(bridge.envelope.clone(), &recipient);
        let destination = self.onward(net, recipient, &outward.route);
        match open(net, destination, &outward, offer, bridge.offer()) {
            Ok(far) => {
                bridge.far = Some(far);
                self.relay.insert(bridge);
            }
            Err(_) => net
                .legs
                .reject(&mut net.ends, leg, Status::SERVICE_UNAVAILABLE, None),
        }
    }

    /// Somebody opens a session with a served user: with the device if there is one, else with us.
    pub(in crate::participating) fn terminate_session(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        user: Text,
        envelope: Envelope,
        terms: Terms,
        preferences: &Preferences,
    ) {
        let absence = preferences.absence;
        let direct = self.direct_offer(net, leg, &envelope).is_some();
        let bridge = Bridge {
            name: net.ends.cx.ids.tag(),
            user,
            envelope,
            terms,
            opener: End::Far,
            answered: false,
            near: None,
            forks: Vec::new(),
            refused: None,
            far: Some(leg),
            direct,
            device: None,
            absence,
        };
        let id = self.relay.insert(bridge);
        if preferences.unwilling || !self.open_near(net, id) {
            self.answer_on_behalf(net, id);
        }
    }

    /// What the opener of a session offers, if its media may pass us by.
    fn direct_offer(&self, net: &Net<'_, Event>, leg: LegId, envelope: &Envelope) -> Option<Bytes> {
        let is_chat = matches!(envelope.service, Some(Service::Session) | None);
        // An address in a description says who somebody is.
        (self.config.media == MediaPath::Direct && is_chat && !envelope.private)
            .then(|| net.legs.direct_offer(leg, net.ends.cx.limits))
            .flatten()
    }

    /// Opens the leg to the user's device; false if there is no device, or others wait for it.
    pub(super) fn open_near(&mut self, net: &mut Net<'_, Event>, id: BridgeId) -> bool {
        let Some(bridge) = self.relay.bridges.get(id.0) else {
            return false;
        };
        if self.is_busy(&bridge.user) {
            return false;
        }
        let instance = bridge.envelope.instance.as_deref();
        let destinations = self.destinations(&bridge.user, Service::Session, instance);
        let offer = (bridge.far.filter(|_| bridge.direct))
            .and_then(|far| net.legs.direct_offer(far, net.ends.cx.limits));
        let envelope = bridge.inward().for_strangers();
        let legs = destinations.into_iter().filter_map(|destination| {
            let destination = along(destination, &envelope);
            open(net, destination, &envelope, offer.clone(), bridge.offer()).ok()
        });
        let legs = legs.collect::<Vec<_>>();
        match *legs {
            [] => return false,
            [leg] => self.relay.set(id, End::Near, leg),
            _ => self.relay.fork(id, legs),
        }
        self.timers.cancel(&Due::Linger(id));
        true
    }

    /// Accepts a session for a user who cannot: what comes in it is kept.
    pub(super) fn answer_on_behalf(&mut self, net: &mut Net<'_, Event>, id: BridgeId) {
        let Some(bridge) = self.relay.bridges.get_mut(id.0) else {
            return;
        };
        let Some(far) = bridge.far else { return };
        // Whoever was let in once is not turned away for a user who was lost meanwhile.
        if bridge.absence == Absence::Refuse && !bridge.answered {
            net.legs
                .reject(&mut net.ends, far, Status::TEMPORARILY_UNAVAILABLE, None);
            self.relay.remove(id);
            return;
        }
        // What is kept comes to us, whatever was to be.
        bridge.direct = false;
        if !std::mem::replace(&mut bridge.answered, true) {
            net.legs.accept(&mut net.ends, far, bridge.answer());
        }
        self.timers
            .set(Due::Linger(id), net.now() + self.config.linger);
    }

    /// Accepts a large message, which is delivered as a whole.
    pub(in crate::participating) fn receive_large(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        user: Text,
        envelope: Envelope,
        terms: &Terms,
        preferences: Preferences,
    ) {
        let mut answer = Terms::delivery(Setup::Passive);
        answer.direction = terms.direction.answer(sdp::Direction::RecvOnly);
        net.legs.accept(&mut net.ends, leg, answer);
        self.relay.receptions.insert(
            leg,
            Reception {
                user,
                envelope,
                preferences,
            },
        );
    }

    pub(in crate::participating) fn ringing(&mut self, net: &mut Net<'_, Event>, leg: LegId) {
        let Some((_, end, bridge)) = self.relay.bridge(leg) else {
            return;
        };
        if let (false, Some(other)) = (bridge.answered, bridge.other(end)) {
            net.legs.ring(&mut net.ends, other);
        }
    }

    pub(in crate::participating) fn accepted(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        instance: Option<Text>,
        description: Option<Bytes>,
    ) {
        self.join_fork(net, leg);
        self.relay.touch_leg(leg);
        let Some((_, end, bridge)) = self.relay.bridge(leg) else {
            return;
        };
        if end == End::Near {
            bridge.device = instance;
        }
        if end != bridge.opener
            && let Some(opener) = bridge.other(end)
            && !std::mem::replace(&mut bridge.answered, true)
        {
            match description {
                Some(answer) => net.legs.accept_through(&mut net.ends, opener, answer),
                None => net.legs.accept(&mut net.ends, opener, bridge.answer()),
            }
        }
    }

    /// The first device that accepts has the session; the others are told so (RFC 3326).
    fn join_fork(&mut self, net: &mut Net<'_, Event>, leg: LegId) {
        let Some((_, _, bridge)) = self.relay.bridge(leg) else {
            return;
        };
        if !bridge.forks.contains(&leg) {
            return;
        }
        bridge.near = Some(leg);
        let others = std::mem::take(&mut bridge.forks).into_iter();
        self.drop_forks(net, others.filter(|other| *other != leg), 200, ELSEWHERE);
    }

    fn drop_forks(
        &mut self,
        net: &mut Net<'_, Event>,
        legs: impl Iterator<Item = LegId>,
        cause: u16,
        text: &str,
    ) {
        for leg in legs {
            self.relay.by_leg.remove(&leg);
            net.legs
                .end(&mut net.ends, leg, Some(Reason::sip(cause, text)));
        }
    }

    /// One of the devices that a session rings on has refused it. How all of them did, if it was the last; one
    /// user who says no says it for all devices.
    pub(super) fn fork_refused(
        &mut self,
        net: &mut Net<'_, Event>,
        leg: LegId,
        ending: Ending,
    ) -> Option<Ending> {
        let Some((_, _, bridge)) = self.relay.bridge(leg) else {
            return Some(ending);
        };
        let Some(at) = bridge.forks.iter().position(|fork| *fork == leg) else {
            return Some(ending);
        };
        bridge.forks.remove(at);
        let refused = match ending {
            Ending::Refused { status, warning } => (status, warning),
            _ => (Status::TEMPORARILY_UNAVAILABLE, None),
        };
        if refused.0.code() == 603 {
            let others = std::mem::take(&mut bridge.forks).into_iter();
            self.drop_forks(net, others, 603, "Declined");
            let (status, warning) = refused;
            return Some(Ending::Refused { status, warning });
        }
        // Where one device says no and another only is not there, the one that is there counts.
        let is_better = (bridge.refused.as_ref())
            .is_none_or(|(status, _)| is_away(*status) && !is_away(refused.0));
        if is_better {
            bridge.refused = Some(refused);
        }
        if !bridge.forks.is_empty() {
            self.relay.by_leg.remove(&leg);
            return None;
        }
        let (status, warning) = bridge.refused.take()?;
        Some(Ending::Refused { status, warning })
    }

    /// A user has a device again and nothing waits for it any more: sessions that others still hold with
    /// the user are opened towards it.
    pub(in crate::participating) fn bridge_late(&mut self, net: &mut Net<'_, Event>, user: &str) {
        let lonely = |bridge: &Bridge| {
            let alone = bridge.near.is_none() && bridge.forks.is_empty();
            bridge.user == user && alone && bridge.far.is_some()
        };
        let bridges = self
            .relay
            .bridges
            .iter()
            .filter(|(_, bridge)| lonely(bridge));
        for id in bridges.map(|(key, _)| BridgeId(key)).collect::<Vec<_>>() {
            self.open_near(net, id);
        }
    }
}
