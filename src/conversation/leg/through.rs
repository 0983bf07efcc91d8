//! Legs whose media passes us by: two ends that describe themselves to each other through us, and then talk
//! MSRP directly (the media path is negotiated; OMA CPM, interface PF1).
//!
//! Such a leg is a SIP dialog alone. What the peer offers comes up, what the other end answers goes down, and
//! neither is touched; a re-INVITE that changes nothing is answered here.

use super::{Leg, LegId, Legs, State};
use crate::conversation::Ends;
use crate::conversation::envelope::{Destination, Envelope};
use crate::conversation::event::Event;
use crate::conversation::service::Service;
use crate::conversation::terms::{self, Terms};
use crate::engine::Limits;
use crate::sdp;
use crate::sdp::msrp::Setup;
use crate::sip::CallId;
use crate::sip::msg::{Request, Response, Status};
use bytes::Bytes;

/// What is remembered of media that is not ours.
#[derive(Debug, Default)]
pub(super) struct Through {
    /// What this peer last said of itself.
    peer: Bytes,
    /// What it was last told of the other end.
    other: Bytes,
    /// Its re-INVITE, until the other end has answered.
    reinvite: Option<Request>,
    /// What was offered to it anew.
    offered: Option<Bytes>,
}

impl Legs {
    /// What the opener of a leg offers, if others can connect to it directly: it would accept a connection,
    /// and over plain TCP.
    pub fn direct_offer(&self, leg: LegId, limits: &Limits) -> Option<Bytes> {
        let leg = self.legs.get(leg.0)?;
        let invite = leg.invite.as_ref()?;
        leg.peer.as_ref().filter(|peer| peer.is_open())?;
        terms::find_sdp(invite.headers(), invite.body(), limits)
    }

    /// Opens a leg for media that passes us by: `offer` is that of the other end. The answer comes in
    /// [`Event::Accepted`]; content cannot be sent.
    pub fn open_through(
        &mut self,
        ends: &mut Ends<'_>,
        destination: Destination,
        envelope: &Envelope,
        offer: Bytes,
    ) -> LegId {
        let through = Through {
            other: copy(&offer),
            ..Through::default()
        };
        let call = self.invite(ends, destination, envelope, offer, Vec::new());
        let terms = Terms::chat(Setup::ActPass);
        let mut leg = Leg::new(call, None, State::Inviting, terms, None);
        leg.through = Some(Box::new(through));
        self.insert(leg)
    }

    /// Accepts a leg that a peer opened for media that passes us by: `answer` is that of the other end.
    pub fn accept_through(&mut self, ends: &mut Ends<'_>, id: LegId, answer: Bytes) {
        let peer = self.direct_offer(id, ends.cx.limits).unwrap_or_default();
        let Some(leg) = self.legs.get_mut(id.0) else {
            return;
        };
        let Some(invite) = leg.invite.take() else {
            return;
        };
        if let Some(session) = leg.session.take() {
            self.by_session.remove(&session);
            ends.msrp.close(&mut ends.cx, session);
        }
        let mut response = invite.response(Status::OK);
        let service = leg.peer.take().map(|peer| peer.service);
        self.contact
            .write(response.headers_mut(), service.unwrap_or(Service::Session));
        leg.through = Some(Box::new(Through {
            peer: copy(&peer),
            other: copy(&answer),
            ..Through::default()
        }));
        leg.state = State::Up;
        response.set_body(sdp::MEDIA_TYPE, answer);
        // A caller who has given up meanwhile is told of by an event.
        let _ = ends.sip.accept(&mut ends.cx, leg.call, response);
    }

    /// Offers something else on a leg whose media passes us by. [`Event::Reanswered`] follows.
    pub fn reoffer(&mut self, ends: &mut Ends<'_>, id: LegId, offer: Bytes) {
        let leg = self.legs.get_mut(id.0);
        let Some((call, through)) = leg.and_then(|leg| Some((leg.call, leg.through.as_mut()?)))
        else {
            return;
        };
        let offered = copy(&offer);
        if through.offered.is_none() && ends.sip.reinvite(&mut ends.cx, call, Some(offer)).is_ok() {
            through.offered = Some(offered);
        } else {
            self.events.push_back(Event::Reanswered {
                leg: id,
                result: Err(Status::REQUEST_PENDING),
            });
        }
    }

    /// Answers what the peer of a leg has offered anew, as the other end did.
    pub fn answer_reoffer(
        &mut self,
        ends: &mut Ends<'_>,
        id: LegId,
        result: Result<Bytes, Status>,
    ) {
        let leg = self.legs.get_mut(id.0);
        let Some((call, through)) = leg.and_then(|leg| Some((leg.call, leg.through.as_mut()?)))
        else {
            return;
        };
        let Some(request) = through.reinvite.take() else {
            return;
        };
        let response = match result {
            Ok(answer) => {
                through.peer = copy(request.body());
                through.other = copy(&answer);
                described(&request, answer)
            }
            Err(status) => request.response(status),
        };
        // A call that has ended meanwhile needs no answer.
        let _ = ends.sip.answer_reinvite(&mut ends.cx, call, response);
    }

    pub(super) fn is_through(&self, call: CallId) -> bool {
        let leg = self.of_call(call).and_then(|id| self.legs.get(id.0));
        leg.is_some_and(|leg| leg.through.is_some())
    }

    /// The peer refreshes a session whose media passes us by, or wants it changed.
    pub(super) fn reinvited_through(
        &mut self,
        ends: &mut Ends<'_>,
        call: CallId,
        request: Request,
    ) {
        let Some(id) = self.of_call(call) else { return };
        let leg = self.legs.get_mut(id.0);
        let Some(through) = leg.and_then(|leg| leg.through.as_mut()) else {
            return;
        };
        if request.body().is_empty() || *request.body() == through.peer {
            let response = described(&request, through.other.clone());
            // It has a description whichever way it was asked.
            let _ = ends.sip.answer_reinvite(&mut ends.cx, call, response);
            return;
        }
        let description = request.body().clone();
        through.reinvite = Some(request);
        self.events.push_back(Event::Reoffered {
            leg: id,
            description,
        });
    }

    /// The peer has answered what was offered to it anew.
    pub(super) fn reanswered(
        &mut self,
        ends: &Ends<'_>,
        call: CallId,
        response: Option<&Response>,
    ) {
        let Some(id) = self.of_call(call) else { return };
        let leg = self.legs.get_mut(id.0);
        let Some(through) = leg.and_then(|leg| leg.through.as_mut()) else {
            return;
        };
        // One that nobody asked for only kept the session alive.
        let Some(offered) = through.offered.take() else {
            return;
        };
        let result = match response {
            Some(response) if response.status().is_success() => {
                sdp_of(response, ends.cx.limits).ok_or(Status::NOT_ACCEPTABLE_HERE)
            }
            Some(response) => Err(response.status()),
            None => Err(Status::REQUEST_TIMEOUT),
        };
        if let Ok(answer) = &result {
            through.peer = copy(answer);
            through.other = offered;
        }
        self.events.push_back(Event::Reanswered { leg: id, result });
    }
}

impl Through {
    /// What the peer last said of itself.
    pub(super) fn peer_session(&self, limits: &Limits) -> Option<sdp::Session> {
        sdp::Session::parse(&self.peer, limits).ok()
    }
}

impl Leg {
    /// The peer of a leg whose media passes us by has accepted.
    pub(super) fn answered_through(
        &mut self,
        response: &Response,
        limits: &Limits,
    ) -> Option<Bytes> {
        self.state = State::Up;
        let answer = sdp_of(response, limits)?;
        if let Some(through) = &mut self.through {
            through.peer = copy(&answer);
        }
        Some(answer)
    }
}

fn sdp_of(response: &Response, limits: &Limits) -> Option<Bytes> {
    terms::find_sdp(response.headers(), response.body(), limits)
}

fn described(request: &Request, description: Bytes) -> Response {
    let mut response = request.response(Status::OK);
    response.set_body(sdp::MEDIA_TYPE, description);
    response
}

/// In a buffer of its own, so that the message it came in need not be kept.
fn copy(description: &Bytes) -> Bytes {
    Bytes::copy_from_slice(description)
}
