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

use super::Ends;
use super::envelope::{Destination, Envelope};
use super::event::{Custody, Ending, Event, Parcel, ParcelId};
use super::service::Service;
use super::terms::{self, Terms};
use crate::engine::{Ids, Map, Slab, Timers, Transport, id};
use crate::msrp::{self, SendId, SessionId};
use crate::sip::msg::header::{Contact, Reason, Warning};
use crate::sip::msg::{Method, Request, Response, Status};
use crate::sip::{self, CallId, RequestId, Source};
use crate::wire::Text;
use std::collections::VecDeque;
use std::time::Instant;

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
    contact: super::Contact,
}

/// One leg.
#[derive(Debug)]
struct Leg {
    call: CallId,
    session: SessionId,
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
            contact: super::Contact::default(),
        }
    }

    /// What the Contact of this node's INVITEs and answers says besides its address.
    pub fn set_contact(&mut self, contact: super::Contact) {
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
        // Where the signalling is hidden, the content is as well, if the device can come to us for it.
        let hidden = matches!(&destination.target, sip::Target::Flow(flow) if flow.transport == Transport::Tls);
        let terms = match hidden && ends.msrp.is_reached_securely() {
            true => terms.with_tls(true),
            false => terms,
        };
        let session = ends.msrp.open(&mut ends.cx, terms.settings())?;
        let path = ends.msrp.local_path(session).unwrap_or_default();
        let mut request = envelope.write(Method::Invite, &destination);
        self.contact.write(
            request.headers_mut(),
            envelope.service.unwrap_or(Service::Session),
        );
        request.set_body("application/sdp", terms.offer(&mut ends.cx, &path));
        let call = ends.sip.invite(&mut ends.cx, request, destination.target);
        Ok(self.insert(Leg::new(call, session, State::Inviting, terms, None)))
    }

    /// Tells the caller that the user is being alerted.
    pub fn ring(&mut self, ends: &mut Ends<'_>, leg: LegId) {
        if let Some(Leg {
            call,
            invite: Some(invite),
            ..
        }) = self.legs.get(leg.0)
        {
            ends.sip
                .progress(&mut ends.cx, *call, invite.response(Status::RINGING));
        }
    }

    /// Accepts a leg that a peer opened, on `terms`.
    pub fn accept(&mut self, ends: &mut Ends<'_>, id: LegId, terms: Terms) {
        let Some(leg) = self.legs.get_mut(id.0) else {
            return;
        };
        let (Some(invite), Some(peer)) = (leg.invite.take(), &leg.peer) else {
            return;
        };
        let path = ends.msrp.local_path(leg.session).unwrap_or_default();
        if let Some(settings) = ends.msrp.settings_mut(leg.session) {
            *settings = terms.settings();
            settings.peer_max_size = peer.max_size();
        }
        let (sdp, role) = terms.answer(&mut ends.cx, peer, &path);
        let mut response = invite.response(Status::OK);
        self.contact.write(response.headers_mut(), peer.service);
        response.set_body("application/sdp", sdp);
        leg.state = State::Joining;
        leg.terms = terms;
        ends.sip.accept(&mut ends.cx, leg.call, response);
        ends.msrp
            .start(&mut ends.cx, leg.session, peer.path(), role);
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
        let mut message = msrp::Outgoing::new(parcel.content_type.clone(), parcel.body.clone());
        message.failure_report = msrp::FailureReport::Yes;
        let send = ends.msrp.send(&mut ends.cx, leg.session, message)?;
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

    /// Something happened in SIP. What belongs to no leg comes back.
    pub fn handle_sip(&mut self, ends: &mut Ends<'_>, event: sip::Event) -> Option<sip::Event> {
        use sip::Event as Sip;
        match event {
            Sip::Invited {
                call,
                request,
                source,
            } => self.invited(ends, call, request, source),
            Sip::Request {
                id,
                request,
                source,
                ..
            } if *request.method() == Method::Message => {
                self.paged(ends, id, request, source);
            }
            Sip::Response { id, response } => match self.by_request.remove(&id) {
                Some(parcel) => self.paged_out(parcel, response.status(), Some(&response)),
                None => return Some(Sip::Response { id, response }),
            },
            Sip::Failed { id, why } => match self.by_request.remove(&id) {
                Some(parcel) => self.paged_out(parcel, why.status(), None),
                None => return Some(Sip::Failed { id, why }),
            },
            Sip::Progress { call, response } => {
                if let (Some(leg), 180..=189) = (self.of_call(call), response.status().code()) {
                    self.events.push_back(Event::Ringing { leg });
                }
            }
            Sip::Accepted { call, response } => self.accepted(ends, call, &response),
            Sip::Rejected {
                call,
                status,
                response,
                ..
            } => {
                let warning = response
                    .as_ref()
                    .and_then(|response| response.headers().get::<Warning>().ok());
                let ending = Ending::Refused {
                    status,
                    warning: warning.map(|warning| warning.text),
                };
                self.over(ends, call, ending);
            }
            Sip::Cancelled { call, request } => {
                let reason = request.headers().find::<Reason>().ok().flatten();
                self.over(ends, call, Ending::Cancelled { reason });
            }
            Sip::Ended {
                call,
                reason,
                cause,
            } => {
                let ending = match cause {
                    sip::EndCause::Bye => Ending::of_bye(reason),
                    _ => Ending::Lost,
                };
                self.over(ends, call, ending);
            }
            Sip::Reinvited { call, request } => self.reinvited(ends, call, &request),
            Sip::Confirmed { .. } | Sip::Reanswered { .. } => {}
            event => return Some(event),
        }
        None
    }

    /// Something happened in MSRP.
    pub fn handle_msrp(&mut self, ends: &mut Ends<'_>, event: msrp::Event) {
        use msrp::Event as Msrp;
        match event {
            Msrp::Up { session } => {
                let Some(&id) = self.by_session.get(&session) else {
                    return;
                };
                let Some(leg) = self.legs.get_mut(id.0) else {
                    return;
                };
                leg.state = State::Up;
                self.events.push_back(Event::Up { leg: id });
            }
            Msrp::Received { session, message } => {
                let Some(&leg) = self.by_session.get(&session) else {
                    return;
                };
                let parcel = Parcel::new(message.content_type, message.body);
                let custody = Custody::Receipt(message.receipt);
                self.events.push_back(Event::Received {
                    leg,
                    parcel,
                    custody,
                });
            }
            Msrp::Sent { id, .. } => self.landed(ends, id, None),
            Msrp::Failed { id, status, .. } => self.landed(ends, id, Some(status)),
            Msrp::Down { session, .. } => {
                let Some(&id) = self.by_session.get(&session) else {
                    return;
                };
                // Where both end together, the end of the connection overtakes the BYE.
                self.broken.set(id, ends.cx.now + ends.cx.limits.leg_grace);
            }
            _ => {}
        }
    }

    /// The deadline of [`poll_timeout`](Self::poll_timeout) has come: a leg whose media is gone, and whose
    /// peer has not said goodbye since, is lost. The peer is told why (in RCC.07's words).
    pub fn handle_timeout(&mut self, ends: &mut Ends<'_>) {
        while let Some(id) = self.broken.pop(ends.cx.now) {
            let Some(leg) = self.remove(ends, id) else {
                continue;
            };
            let reason = Reason::sip(480, "Bearer unavailable");
            ends.sip.hang_up(&mut ends.cx, leg.call, Some(reason));
            self.events.push_back(Event::Ended {
                leg: id,
                ending: Ending::Lost,
            });
        }
    }

    /// When a leg will be given up.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.broken.next()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn invited(&mut self, ends: &mut Ends<'_>, call: CallId, request: Request, source: Source) {
        let refuse = |ends: &mut Ends<'_>, status| {
            ends.sip
                .reject(&mut ends.cx, call, request.response(status))
        };
        let Ok(envelope) = Envelope::read(&request) else {
            return refuse(ends, Status::BAD_REQUEST);
        };
        let Some(peer) = terms::Peer::read(&request, &envelope, ends.cx.limits) else {
            return refuse(ends, Status::NOT_ACCEPTABLE_HERE);
        };
        if terms::brings_message(&request, ends.cx.limits) {
            return refuse(ends, Status::NOT_ACCEPTABLE_HERE);
        }
        let Ok(session) = ends.msrp.open(&mut ends.cx, peer.terms().settings()) else {
            return refuse(ends, Status::SERVICE_UNAVAILABLE);
        };
        let terms = peer.terms();
        let mut leg = Leg::new(call, session, State::Invited, terms.clone(), Some(peer));
        leg.invite = Some(request.clone());
        let leg = self.insert(leg);
        self.events.push_back(Event::Invited {
            leg,
            envelope,
            terms,
            request,
            source,
        });
    }

    fn paged(&mut self, ends: &mut Ends<'_>, id: sip::ServerId, request: Request, source: Source) {
        match (Envelope::read(&request), Parcel::of_request(&request)) {
            (Ok(envelope), Some(parcel)) => {
                let custody = Custody::Request(id, Box::new(request));
                self.events.push_back(Event::Paged {
                    envelope,
                    parcel,
                    custody,
                    source,
                });
            }
            _ => ends
                .sip
                .respond(&mut ends.cx, id, request.response(Status::BAD_REQUEST)),
        }
    }

    fn paged_out(&mut self, id: ParcelId, status: Status, response: Option<&Response>) {
        let Some(flight) = self.parcels.remove(id.0) else {
            return;
        };
        self.events.push_back(if status.is_success() {
            Event::Sent {
                parcel: id,
                leg: None,
                kept: status == Status::ACCEPTED,
            }
        } else {
            let retry_after = response.and_then(super::event::retry_after);
            Event::Unsent {
                parcel: id,
                leg: None,
                content: flight.parcel,
                status,
                retry_after,
            }
        });
    }

    fn accepted(&mut self, ends: &mut Ends<'_>, call: CallId, response: &Response) {
        let Some(id) = self.of_call(call) else { return };
        let Some(leg) = self.legs.get_mut(id.0) else {
            return;
        };
        if leg.state != State::Inviting {
            return;
        }
        let Some(peer) = terms::Peer::of_answer(response, ends.cx.limits) else {
            // An answer that cannot be used ends the session it has begun (RFC 3261 §13.2.2.4).
            if let Some(leg) = self.remove(ends, id) {
                ends.sip.hang_up(
                    &mut ends.cx,
                    leg.call,
                    Some(Reason::sip(488, "Not acceptable here")),
                );
                let ending = Ending::Refused {
                    status: Status::NOT_ACCEPTABLE_HERE,
                    warning: None,
                };
                self.events.push_back(Event::Ended { leg: id, ending });
            }
            return;
        };
        if let Some(settings) = ends.msrp.settings_mut(leg.session) {
            settings.peer_max_size = peer.max_size();
        }
        leg.state = State::Joining;
        let role = leg.terms.role_after(&peer);
        ends.msrp
            .start(&mut ends.cx, leg.session, peer.path(), role);
        let instance = response
            .headers()
            .find::<Contact>()
            .ok()
            .flatten()
            .and_then(|contact| contact.features().instance().map(Text::from));
        leg.peer = Some(peer);
        self.events.push_back(Event::Accepted { leg: id, instance });
    }

    /// A re-INVITE refreshes the session or looks at it; the media stays what was agreed (a change of the
    /// path would be a new leg).
    fn reinvited(&mut self, ends: &mut Ends<'_>, call: CallId, request: &Request) {
        let leg = self.of_call(call).and_then(|id| self.legs.get(id.0));
        let answer = leg.and_then(|leg| {
            let peer = terms::Peer::read_media(request.body(), ends.cx.limits)
                .or_else(|| leg.peer.clone())?;
            let path = ends.msrp.local_path(leg.session)?;
            Some(leg.terms.answer(&mut ends.cx, &peer, &path).0)
        });
        let mut response = request.response(
            answer
                .as_ref()
                .map_or(Status::NOT_ACCEPTABLE_HERE, |_| Status::OK),
        );
        if let Some(sdp) = answer {
            response.set_body("application/sdp", sdp);
        }
        ends.sip.answer_reinvite(&mut ends.cx, call, response);
    }

    /// The next hop has, or has not, taken a parcel that went by MSRP.
    fn landed(&mut self, ends: &mut Ends<'_>, send: SendId, failed: Option<msrp::Status>) {
        let Some(parcel) = self.by_send.remove(&send) else {
            return;
        };
        let Some(flight) = self.parcels.remove(parcel.0) else {
            return;
        };
        let Some(id) = flight.leg else { return };
        if let Some(leg) = self.legs.get_mut(id.0) {
            leg.flying.retain(|flying| *flying != parcel);
        }
        self.events.push_back(match failed {
            None => Event::Sent {
                parcel,
                leg: Some(id),
                kept: false,
            },
            Some(status) => Event::Unsent {
                parcel,
                leg: Some(id),
                content: flight.parcel,
                status: Status::new(status.code()).unwrap_or(Status::SERVER_INTERNAL_ERROR),
                retry_after: None,
            },
        });
        self.close_if_finished(ends, id);
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

    /// The peer, or the network between, has ended a call.
    fn over(&mut self, ends: &mut Ends<'_>, call: CallId, ending: Ending) {
        let Some(id) = self.of_call(call) else { return };
        if self.remove(ends, id).is_some() {
            self.events.push_back(Event::Ended { leg: id, ending });
        }
    }

    fn insert(&mut self, leg: Leg) -> LegId {
        let (call, session) = (leg.call, leg.session);
        let id = LegId(self.legs.insert(leg));
        self.by_call.insert(call, id);
        self.by_session.insert(session, id);
        id
    }

    /// Forgets a leg and gives back what it had not delivered.
    fn remove(&mut self, ends: &mut Ends<'_>, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(id.0)?;
        self.by_call.remove(&leg.call);
        self.by_session.remove(&leg.session);
        self.broken.cancel(&id);
        ends.msrp.close(&mut ends.cx, leg.session);
        for &parcel in &leg.flying {
            let Some(flight) = self.parcels.remove(parcel.0) else {
                continue;
            };
            if let Some(send) = flight.send {
                self.by_send.remove(&send);
            }
            let status = Status::TEMPORARILY_UNAVAILABLE;
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
        session: SessionId,
        state: State,
        terms: Terms,
        peer: Option<terms::Peer>,
    ) -> Self {
        Self {
            call,
            session,
            state,
            terms,
            invite: None,
            peer,
            flying: VecDeque::new(),
            closing: None,
        }
    }
}
