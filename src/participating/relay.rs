//! Sessions of served users: two legs and what passes between them.
//!
//! The near leg is with the user's device, the far one with whoever is on the other side. The far leg may
//! outlive the near one: while the user is lost, what comes for them is kept, and when they return the near
//! leg is opened anew.

mod opening;
mod passing;

use super::{Absence, Preferences};
use crate::conversation::{Envelope, Identity, LegId, Legs, Terms, anonymous};
use crate::engine::{Ids, Limits, Map, Set, Slab, id};
use crate::events::dialog_info::{Dialog, Direction, Party, State};
use crate::sdp;
use crate::sdp::msrp::Setup;
use crate::sip::Uri;
use crate::sip::msg::Status;
use crate::wire::Text;

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

/// What devices are told that did not get a session, in the words of TS 24.229.
const ELSEWHERE: &str = "Call completed elsewhere";
