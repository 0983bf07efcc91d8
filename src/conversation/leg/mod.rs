//! A leg: one SIP dialog, one MSRP session, and the CPM content that travels on them.
//!
//! Every function of CPM is a policy over legs, so what a leg takes (offer and answer, who opens the
//! connection, what waits until it is up, what becomes of content when it breaks) is written here once.
//!
//! ```text
//!            open ──▶ Inviting ──2xx──▶ ┐
//!                                       ├─▶ Joining ──bound──▶ Up ──▶ ended
//!   Event::Invited ──▶ Invited ─accept▶ ┘
//! ```
//!
//! Content may be sent in any of these states; it waits in the MSRP session until that is up. What the
//! next hop has not confirmed when a leg ends comes back as [`Event::Unsent`], in order.

mod reports;
mod through;

use crate::conversation::Ends;
use crate::conversation::envelope::{Destination, Envelope};
use crate::conversation::event::{Custody, Ending, Event, Parcel, ParcelId};
use crate::conversation::service::Service;
use crate::conversation::terms::{self, Terms};
use crate::engine::{Ids, Limits, Map, Slab, Timers, id};
use crate::msrp::{self, SendId, SessionId};
use crate::sdp;
use crate::sip::msg::header::{Reason, Warning};
use crate::sip::msg::{Method, Request, Status};
use crate::sip::{CallId, RequestId, Uri};
use crate::wire::mime::{Multipart, Part};
use bytes::Bytes;
use std::collections::VecDeque;
use through::Through;

id! {
    /// A leg of this node.
    LegId
}

/// Every leg of a node, and the pager messages, which are content without a leg.
#[derive(Debug)]
pub struct Legs {
    legs: Slab<Leg>,
    parcels: Slab<Flight>,
    by_call: Map<CallId, LegId>,
    by_session: Map<SessionId, LegId>,
    by_send: Map<SendId, ParcelId>,
    by_request: Map<RequestId, ParcelId>,
    events: VecDeque<Event>,
    /// Legs whose media is gone, until they are given up.
    broken: Timers<LegId>,
    /// Which services this node says it offers in the Contact of its INVITEs and answers.
    contact: crate::conversation::Contact,
}

/// One leg.
#[derive(Debug)]
struct Leg {
    call: CallId,
    /// Its media; `None` where that passes us by.
    session: Option<SessionId>,
    through: Option<Box<Through>>,
    state: State,
    /// Our own description of the session, to be answered or refreshed with.
    terms: Terms,
    /// The INVITE of a leg that a peer opened, until it is answered.
    invite: Option<Request>,
    /// What the peer described; for a leg we opened, nothing until it answers.
    peer: Option<terms::Peer>,
    /// What the next hop has not confirmed yet, in order.
    flying: VecDeque<ParcelId>,
    /// Whether the leg ends as soon as nothing is flying any more, and what to say then.
    closing: Option<Option<Reason>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Inviting,
    Invited,
    Joining,
    Up,
}

/// A parcel on its way.
#[derive(Debug)]
struct Flight {
    parcel: Parcel,
    leg: Option<LegId>,
    send: Option<SendId>,
}

impl Legs {
    /// No legs yet.
    pub fn new(ids: &mut Ids) -> Self {
        Self {
            legs: Slab::new(),
            parcels: Slab::new(),
            by_call: ids.map(),
            by_session: ids.map(),
            by_send: ids.map(),
            by_request: ids.map(),
            events: VecDeque::new(),
            broken: Timers::new(ids),
            contact: crate::conversation::Contact::default(),
        }
    }

    /// What the Contact of this node's INVITEs and answers says besides its address.
    pub fn set_contact(&mut self, contact: crate::conversation::Contact) {
        self.contact = contact;
    }

    /// Opens a leg. It can be given content at once.
    ///
    /// # Errors
    ///
    /// The node has as many sessions as its limits allow.
    pub fn open(
        &mut self,
        ends: &mut Ends<'_>,
        destination: Destination,
        envelope: &Envelope,
        terms: Terms,
    ) -> Result<LegId, msrp::Full> {
        self.open_with(ends, destination, envelope, terms, Vec::new())
    }

    /// Opens a leg by an INVITE that carries something beside its offer.
    ///
    /// # Errors
    ///
    /// The node has as many sessions as its limits allow.
    pub fn open_with(
        &mut self,
        ends: &mut Ends<'_>,
        destination: Destination,
        envelope: &Envelope,
        terms: Terms,
        parts: Vec<Part>,
    ) -> Result<LegId, msrp::Full> {
        // Where the signalling is hidden, the content is as well, if the device can come to us for it.
        let flow = destination.target.flow();
        let hidden = flow.is_some_and(|flow| flow.transport.is_secure());
        let terms = match hidden && ends.msrp.is_reached_securely() {
            true => terms.with_tls(true),
            false => terms,
        };
        let session = ends.msrp.open(&mut ends.cx, terms.settings())?;
        let path = ends.msrp.local_path(session).unwrap_or_default();
        let offer = terms.offer(&mut ends.cx, &path, ends.msrp.fingerprint());
        let call = self.invite(ends, destination, envelope, offer, parts);
        let leg = Leg::new(call, Some(session), State::Inviting, terms, None);
        Ok(self.insert(leg))
    }

    /// Sends the INVITE of a leg.
    fn invite(
        &self,
        ends: &mut Ends<'_>,
        destination: Destination,
        envelope: &Envelope,
        offer: Bytes,
        parts: Vec<Part>,
    ) -> CallId {
        let mut request = envelope.write(Method::Invite, &destination);
        self.contact.write(
            request.headers_mut(),
            envelope.service.unwrap_or(Service::Session),
        );
        if parts.is_empty() {
            request.set_body(sdp::MEDIA_TYPE, offer);
        } else {
            let offer = Part::new(sdp::MEDIA_TYPE, offer);
            let parts = [offer].into_iter().chain(parts).collect();
            let body = Multipart::new("mixed", ends.cx.ids, parts);
            request.set_body(&body.content_type().to_string(), body.write());
        }
        ends.sip.invite(&mut ends.cx, request, destination.target)
    }

    /// Tells the caller that the user is being alerted.
    pub fn ring(&mut self, ends: &mut Ends<'_>, leg: LegId) {
        if let Some(Leg {
            call,
            invite: Some(invite),
            ..
        }) = self.legs.get(leg.0)
        {
            // Nobody has to hear it ring.
            let ringing = invite.response(Status::RINGING);
            let _ = ends.sip.progress(&mut ends.cx, *call, ringing);
        }
    }

    /// Accepts a leg that a peer opened, on `terms`.
    pub fn accept(&mut self, ends: &mut Ends<'_>, id: LegId, terms: Terms) {
        let Some(leg) = self.legs.get_mut(id.0) else {
            return;
        };
        let (Some(session), Some(invite), Some(peer)) = (leg.session, leg.invite.take(), &leg.peer)
        else {
            return;
        };
        let path = ends.msrp.local_path(session).unwrap_or_default();
        if let Some(settings) = ends.msrp.settings_mut(session) {
            *settings = terms.settings();
            peer.describe(&terms, settings);
        }
        let (sdp, role) = terms.answer(&mut ends.cx, peer, &path, ends.msrp.fingerprint());
        let mut response = invite.response(Status::OK);
        self.contact.write(response.headers_mut(), peer.service);
        response.set_body("application/sdp", sdp);
        leg.state = State::Joining;
        leg.terms = terms;
        // A caller who has given up meanwhile is told of by an event.
        let _ = ends.sip.accept(&mut ends.cx, leg.call, response);
        ends.msrp.start(&mut ends.cx, session, peer.path(), role);
    }

    /// Refuses a leg that a peer opened; `warning` is a text such as `127 Service not authorised`.
    pub fn reject(
        &mut self,
        ends: &mut Ends<'_>,
        id: LegId,
        status: Status,
        warning: Option<&str>,
    ) {
        let Some(Leg {
            invite: Some(invite),
            ..
        }) = self.legs.get(id.0)
        else {
            return;
        };
        let mut response = invite.response(status);
        if let Some(text) = warning {
            response.headers_mut().push(&Warning::new(399, "cpm", text));
        }
        let Some(leg) = self.remove(ends, id) else {
            return;
        };
        ends.sip.reject(&mut ends.cx, leg.call, response);
    }

    /// Ends a leg at once: CANCEL, BYE or a refusal, as its state demands. What is unconfirmed comes back
    /// as [`Event::Unsent`]; no [`Event::Ended`] follows.
    pub fn end(&mut self, ends: &mut Ends<'_>, id: LegId, reason: Option<Reason>) {
        let Some(leg) = self.remove(ends, id) else {
            return;
        };
        ends.sip.hang_up(&mut ends.cx, leg.call, reason);
    }

    /// Ends a leg as soon as everything given to it is confirmed. [`Event::Ended`] follows.
    pub fn finish(&mut self, ends: &mut Ends<'_>, id: LegId, reason: Option<Reason>) {
        let Some(leg) = self.legs.get_mut(id.0) else {
            return;
        };
        leg.closing = Some(reason);
        self.close_if_finished(ends, id);
    }

    /// Sends content on a leg.
    ///
    /// # Errors
    ///
    /// The leg is gone, its queue is full, or the peer takes nothing of this size.
    pub fn send(
        &mut self,
        ends: &mut Ends<'_>,
        id: LegId,
        parcel: Parcel,
    ) -> Result<ParcelId, msrp::SendError> {
        let Some(leg) = self.legs.get_mut(id.0) else {
            return Err(msrp::SendError::Closed);
        };
        let session = leg.session.ok_or(msrp::SendError::Closed)?;
        let mut message = msrp::Outgoing::new(parcel.content_type.clone(), parcel.body.clone());
        message.failure_report = msrp::FailureReport::Yes;
        let send = ends.msrp.send(&mut ends.cx, session, message)?;
        let flight = Flight {
            parcel,
            leg: Some(id),
            send: Some(send),
        };
        let parcel = ParcelId(self.parcels.insert(flight));
        leg.flying.push_back(parcel);
        self.by_send.insert(send, parcel);
        Ok(parcel)
    }

    /// Sends content in one SIP MESSAGE (RFC 3428), without a leg.
    pub fn page(
        &mut self,
        ends: &mut Ends<'_>,
        destination: Destination,
        envelope: &Envelope,
        parcel: Parcel,
    ) -> ParcelId {
        let mut request = envelope.write(Method::Message, &destination);
        parcel.put_into(&mut request);
        let request = ends.sip.request(&mut ends.cx, request, destination.target);
        let parcel = ParcelId(self.parcels.insert(Flight {
            parcel,
            leg: None,
            send: None,
        }));
        self.by_request.insert(request, parcel);
        parcel
    }

    /// Hands content to somebody else in this node, as [`page`](Self::page) sends it to another: what the custody is
    /// answered with comes back as [`Event::Sent`] or [`Event::Unsent`], and nothing is written and read in between.
    pub fn hand_over(&mut self, recipient: Uri, parcel: Parcel) -> (ParcelId, Custody) {
        let parcel = ParcelId(self.parcels.insert(Flight {
            parcel,
            leg: None,
            send: None,
        }));
        (parcel, Custody::Handed(parcel, Box::new(recipient)))
    }

    /// Takes custody of received content: from here on it is ours to deliver.
    pub fn take(&mut self, ends: &mut Ends<'_>, custody: Custody) {
        self.answer(ends, custody, Status::OK);
    }

    /// Takes custody of received content that will be delivered later (202 in SIP).
    pub fn keep(&mut self, ends: &mut Ends<'_>, custody: Custody) {
        self.answer(ends, custody, Status::ACCEPTED);
    }

    /// Answers received content: with a 2xx `status` we have custody, with any other the sender keeps it.
    pub fn answer(&mut self, ends: &mut Ends<'_>, custody: Custody, status: Status) {
        match custody {
            Custody::Request(id, request) => {
                ends.sip.respond(&mut ends.cx, id, request.response(status))
            }
            Custody::Handed(parcel, _) => self.paged_out(parcel, status, None),
            Custody::Receipt(receipt) if status.is_success() => {
                ends.msrp.accept(&mut ends.cx, receipt)
            }
            Custody::Receipt(receipt) => {
                ends.msrp.refuse(&mut ends.cx, receipt, refusal(status));
            }
        }
    }

    /// Whether a leg is there at all.
    pub fn contains(&self, id: LegId) -> bool {
        self.legs.get(id.0).is_some()
    }

    /// Whether content given to a leg now will be accepted by its peer: `None` until it has answered.
    pub fn takes(&self, id: LegId, content_type: &str, wrapped: Option<&str>) -> Option<bool> {
        self.legs
            .get(id.0)?
            .peer
            .as_ref()
            .map(|peer| peer.accepts(content_type, wrapped))
    }

    /// How the peer of a leg has described its media, without the paths: whoever knows those could join.
    pub fn media_of_peer(&self, id: LegId, limits: &Limits) -> Option<sdp::Session> {
        let leg = self.legs.get(id.0)?;
        let mut session = match (&leg.through, &leg.peer) {
            (Some(through), _) => through.peer_session(limits)?,
            (None, peer) => peer.as_ref()?.session().clone(),
        };
        for media in &mut session.media {
            let is_path =
                |line: &sdp::Line| line.attribute().is_some_and(|(name, _)| name == "path");
            media.lines.retain(|line| !is_path(line));
        }
        Some(session)
    }

    fn close_if_finished(&mut self, ends: &mut Ends<'_>, id: LegId) {
        let Some(leg) = self.legs.get_mut(id.0) else {
            return;
        };
        if !leg.flying.is_empty() {
            return;
        }
        if let Some(reason) = leg.closing.take() {
            self.end(ends, id, reason);
            self.events.push_back(Event::Ended {
                leg: id,
                ending: Ending::Finished,
            });
        }
    }

    fn insert(&mut self, leg: Leg) -> LegId {
        let (call, session) = (leg.call, leg.session);
        let id = LegId(self.legs.insert(leg));
        self.by_call.insert(call, id);
        if let Some(session) = session {
            self.by_session.insert(session, id);
        }
        id
    }

    /// Forgets a leg and gives back what it had not delivered.
    fn remove(&mut self, ends: &mut Ends<'_>, id: LegId) -> Option<Leg> {
        self.remove_for(ends, id, Status::TEMPORARILY_UNAVAILABLE)
    }

    /// The same, and says why it was not.
    fn remove_for(&mut self, ends: &mut Ends<'_>, id: LegId, status: Status) -> Option<Leg> {
        let leg = self.legs.remove(id.0)?;
        self.by_call.remove(&leg.call);
        self.broken.cancel(&id);
        if let Some(session) = leg.session {
            self.by_session.remove(&session);
            ends.msrp.close(&mut ends.cx, session);
        }
        for &parcel in &leg.flying {
            let Some(flight) = self.parcels.remove(parcel.0) else {
                continue;
            };
            if let Some(send) = flight.send {
                self.by_send.remove(&send);
            }
            let content = flight.parcel;
            self.events.push_back(Event::Unsent {
                parcel,
                leg: Some(id),
                content,
                status,
                retry_after: None,
            });
        }
        Some(leg)
    }

    fn of_call(&self, call: CallId) -> Option<LegId> {
        self.by_call.get(&call).copied()
    }
}

/// The status of MSRP that tells a sender the same: whether to try again, and if not, why not.
const fn refusal(status: Status) -> msrp::Status {
    match status.code() {
        404 | 408 | 410 | 430 | 480 | 481 | 486 | 487 | 500 | 502 | 503 | 504 | 600 => {
            msrp::Status::TIMEOUT
        }
        400 => msrp::Status::BAD_REQUEST,
        413 | 513 => msrp::Status::STOP,
        415 | 488 | 606 => msrp::Status::UNSUPPORTED_TYPE,
        _ => msrp::Status::FORBIDDEN,
    }
}

impl Leg {
    const fn new(
        call: CallId,
        session: Option<SessionId>,
        state: State,
        terms: Terms,
        peer: Option<terms::Peer>,
    ) -> Self {
        Self {
            call,
            session,
            through: None,
            state,
            terms,
            invite: None,
            peer,
            flying: VecDeque::new(),
            closing: None,
        }
    }
}
