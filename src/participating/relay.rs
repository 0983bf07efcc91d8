//! Sessions of served users: two legs and what passes between them.
//!
//! The near leg is with the user's device, the far one with whoever is on the other side. The far leg may
//! outlive the near one: while the user is lost, what comes for them is kept, and when they return the near
//! leg is opened anew.

use super::core::along;
use super::originating::{is_for_users, signed, unsigned_if};
use super::release::{completed, is_away};
use super::terminating::{Delivery, is_deferrable};
use super::{Absence, Due, Event, Flight, MediaPath, Participating, Preferences};
use crate::conversation::{
    Custody, Destination, Ending, Envelope, Identity, LegId, Legs, Message, Parcel, Service, Terms,
    anonymous,
};
use crate::engine::{Ids, Limits, Map, Set, Slab, id};
use crate::events::dialog_info::{Dialog, Direction, Party, State};
use crate::msrp::Full;
use crate::node::Net;
use crate::sdp;
use crate::sdp::msrp::Setup;
use crate::sip::msg::Status;
use crate::sip::msg::header::Reason;
use crate::sip::{Source, Uri};
use crate::wire::Text;
use bytes::Bytes;

id! {
    /// A session of a served user.
    BridgeId
}

/// Every session of every served user.
#[derive(Debug)]
pub(super) struct Relay {
    bridges: Slab<Bridge>,
    by_leg: Map<LegId, (BridgeId, End)>,
    /// Legs on which a large message arrives, to be delivered as a whole.
    receptions: Map<LegId, Reception>,
    /// Users whose sessions somebody wants to know of, and those whose sessions have changed.
    pub(super) watched: Set<Text>,
    pub(super) touched: Vec<Text>,
}

#[derive(Debug)]
struct Bridge {
    /// What it is called to those who ask.
    name: Text,
    user: Text,
    /// As it came with the first INVITE.
    envelope: Envelope,
    terms: Terms,
    opener: End,
    /// Whether the opener has been answered.
    answered: bool,
    near: Option<LegId>,
    /// Legs to several devices, of which the first that accepts becomes the near one.
    forks: Vec<LegId>,
    /// Why devices have refused, as long as others may accept.
    refused: Option<(Status, Option<Text>)>,
    far: Option<LegId>,
    /// Whether the media goes from end to end, and passes us by.
    direct: bool,
    /// The device on the near leg, if the user has several.
    device: Option<Text>,
    absence: Absence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Near,
    Far,
}

#[derive(Debug)]
struct Reception {
    user: Text,
    envelope: Envelope,
    preferences: Preferences,
}

impl Relay {
    pub(super) fn new(ids: &mut Ids) -> Self {
        Self {
            bridges: Slab::new(),
            by_leg: ids.map(),
            receptions: ids.map(),
            watched: ids.set(),
            touched: Vec::new(),
        }
    }

    fn insert(&mut self, bridge: Bridge) -> BridgeId {
        let (near, far) = (bridge.near, bridge.far);
        self.touch(&bridge.user);
        let id = BridgeId(self.bridges.insert(bridge));
        for (leg, end) in [(near, End::Near), (far, End::Far)] {
            if let Some(leg) = leg {
                self.by_leg.insert(leg, (id, end));
            }
        }
        id
    }

    fn bridge(&mut self, leg: LegId) -> Option<(BridgeId, End, &mut Bridge)> {
        let &(id, end) = self.by_leg.get(&leg)?;
        Some((id, end, self.bridges.get_mut(id.0)?))
    }

    fn set(&mut self, id: BridgeId, end: End, leg: LegId) {
        if let Some(bridge) = self.bridges.get_mut(id.0) {
            *bridge.leg_mut(end) = Some(leg);
            self.by_leg.insert(leg, (id, end));
            let user = bridge.user.clone();
            self.touch(&user);
        }
    }

    fn touch_leg(&mut self, leg: LegId) {
        let user = self.bridge(leg).map(|(_, _, bridge)| bridge.user.clone());
        if let Some(user) = user {
            self.touch(&user);
        }
    }

    /// The sessions of a user in which a device takes part, or is asked to.
    pub(super) fn dialogs(&self, user: &str, legs: &Legs, limits: &Limits) -> Vec<Dialog> {
        let bridges = self.bridges.iter().map(|(_, bridge)| bridge);
        let bridges = bridges.filter(|bridge| {
            bridge.user == user && (bridge.near.is_some() || !bridge.forks.is_empty())
        });
        let dialogs = bridges.map(|bridge| {
            let state = match bridge.answered {
                true => State::Confirmed,
                false => State::Early,
            };
            let mut dialog = Dialog::new(bridge.name.clone(), state);
            let (direction, peer) = match bridge.opener {
                End::Near => (Direction::Initiator, bridge.envelope.to.uri.clone()),
                End::Far if bridge.envelope.private => (Direction::Recipient, anonymous()),
                End::Far => (Direction::Recipient, bridge.envelope.sender().clone()),
            };
            dialog.direction = Some(direction);
            dialog.local.identity = Some(Party::new(user));
            dialog.remote.identity = Some(Party::new(peer.to_string()));
            // What the device said of itself; before it has, what it was offered says as much of the streams.
            let described = (bridge.near.into_iter().chain(bridge.far))
                .find_map(|leg| legs.media_of_peer(leg, limits));
            dialog.local.session = described.map(|session| {
                let session = Text::from_utf8_lossy(session.write());
                (Text::from_static(sdp::MEDIA_TYPE), session)
            });
            dialog
        });
        dialogs.collect()
    }

    fn fork(&mut self, id: BridgeId, legs: Vec<LegId>) {
        if let Some(bridge) = self.bridges.get_mut(id.0) {
            for leg in &legs {
                self.by_leg.insert(*leg, (id, End::Near));
            }
            bridge.refused = None;
            bridge.forks = legs;
            let user = bridge.user.clone();
            self.touch(&user);
        }
    }

    fn remove(&mut self, id: BridgeId) -> Option<Bridge> {
        let bridge = self.bridges.remove(id.0)?;
        self.touch(&bridge.user);
        for leg in [bridge.near, bridge.far].into_iter().flatten() {
            self.by_leg.remove(&leg);
        }
        for leg in &bridge.forks {
            self.by_leg.remove(leg);
        }
        Some(bridge)
    }
}

impl Bridge {
    const fn leg_mut(&mut self, end: End) -> &mut Option<LegId> {
        match end {
            End::Near => &mut self.near,
            End::Far => &mut self.far,
        }
    }

    const fn other(&self, end: End) -> Option<LegId> {
        match end {
            End::Near => self.far,
            End::Far => self.near,
        }
    }

    /// The envelope of what comes from the far side.
    fn inward(&self) -> Envelope {
        match self.opener {
            End::Far => self.envelope.clone(),
            End::Near => Envelope {
                from: self.envelope.to.clone(),
                to: self.envelope.from.clone(),
                identity: Identity::Asserted(vec![self.envelope.to.uri.clone()]),
                // Whoever answers has not asked for it.
                private: false,
                route: Vec::new(),
                ..self.envelope.clone()
            },
        }
    }

    /// The addresses of the served user that content of this session may be from.
    fn own(&self) -> Vec<Uri> {
        let here = match self.opener {
            End::Near => self.envelope.sender(),
            End::Far => &self.envelope.to.uri,
        };
        let user = self.user.parse::<Uri>().ok();
        [here.clone()].into_iter().chain(user).collect()
    }

    /// What we answer whoever opened the session: that we take what was offered, and pass it on.
    fn answer(&self) -> Terms {
        let mut terms = Terms::chat(Setup::Passive);
        terms.direction = self.terms.direction.answer(sdp::Direction::SendRecv);
        for offered in &self.terms.accept_types {
            if !terms.accept_types.contains(offered) {
                terms.accept_types.push(offered.clone());
            }
        }
        terms
    }

    /// What we offer the other side.
    fn offer(&self) -> Terms {
        Terms {
            setup: Setup::ActPass,
            direction: self.terms.direction,
            ..self.answer()
        }
    }
}

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
    pub(super) fn originate_session(
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
    pub(super) fn terminate_session(
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

    /// Opens the leg to the user's device; false if there is no device, or others wait for it.
    fn open_near(&mut self, net: &mut Net<'_, Event>, id: BridgeId) -> bool {
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
    fn answer_on_behalf(&mut self, net: &mut Net<'_, Event>, id: BridgeId) {
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
    pub(super) fn receive_large(
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

    pub(super) fn ringing(&mut self, net: &mut Net<'_, Event>, leg: LegId) {
        let Some((_, end, bridge)) = self.relay.bridge(leg) else {
            return;
        };
        if let (false, Some(other)) = (bridge.answered, bridge.other(end)) {
            net.legs.ring(&mut net.ends, other);
        }
    }

    pub(super) fn accepted(
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
    fn fork_refused(
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

    /// One end of a session whose media passes us by wants it changed: that is for the other end to say.
    pub(super) fn reoffered(&mut self, net: &mut Net<'_, Event>, leg: LegId, offer: Bytes) {
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
    pub(super) fn reanswered(
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

    /// What the opener of a session offers, if its media may pass us by.
    fn direct_offer(&self, net: &Net<'_, Event>, leg: LegId, envelope: &Envelope) -> Option<Bytes> {
        let is_chat = matches!(envelope.service, Some(Service::Session) | None);
        // An address in a description says who somebody is.
        (self.config.media == MediaPath::Direct && is_chat && !envelope.private)
            .then(|| net.legs.direct_offer(leg, net.ends.cx.limits))
            .flatten()
    }

    /// Content came in a session.
    pub(super) fn received(
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
    pub(super) fn ended(&mut self, net: &mut Net<'_, Event>, leg: LegId, ending: Ending) {
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
    pub(super) fn dissolve(&mut self, net: &mut Net<'_, Event>, id: BridgeId) {
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

    /// A user has a device again and nothing waits for it any more: sessions that others still hold with
    /// the user are opened towards it.
    pub(super) fn bridge_late(&mut self, net: &mut Net<'_, Event>, user: &str) {
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

/// What devices are told that did not get a session, in the words of TS 24.229.
const ELSEWHERE: &str = "Call completed elsewhere";
