//! What the endpoints report, and what it means for a leg.

use super::{Leg, Legs, State};
use crate::conversation::Ends;
use crate::conversation::envelope::Envelope;
use crate::conversation::event::{Custody, Ending, Event, Parcel, ParcelId};
use crate::conversation::terms::{self};
use crate::engine::Limits;
use crate::msrp::{self, SendId};
use crate::sip::msg::header::{Contact, Reason, Warning};
use crate::sip::msg::{Method, Request, Response, Status};
use crate::sip::{self, CallId, Source};
use crate::wire::Text;
use crate::wire::mime::{self, EncodingError};
use bytes::Bytes;
use std::time::Instant;

impl Legs {
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
            Sip::Progress { call, response, .. } => {
                if let (Some(leg), 180..=189) = (self.of_call(call), response.status().code()) {
                    self.events.push_back(Event::Ringing { leg });
                }
            }
            Sip::Accepted { call, response, .. } => self.accepted(ends, call, &response),
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
            Sip::Reinvited { call, request } => self.reinvited(ends, call, request),
            Sip::Offered { dialog, request } => {
                let response = match self.is_through(dialog.call()) {
                    // Who wants other media that pass us by asks by re-INVITE.
                    true => request.response(Status::NOT_ACCEPTABLE_HERE),
                    false => self.described_again(ends, dialog.call(), &request),
                };
                // An offer that is not to be answered any more needs no answer.
                let _ = ends.sip.answer_offer(&mut ends.cx, dialog, response);
            }
            Sip::Reanswered { call, response } => self.reanswered(ends, call, response.as_ref()),
            Sip::Confirmed { .. } | Sip::Acknowledged { .. } => {}
            event => return Some(event),
        }
        None
    }

    /// Something happened in MSRP. What belongs to no leg comes back.
    pub fn handle_msrp(&mut self, ends: &mut Ends<'_>, event: msrp::Event) -> Option<msrp::Event> {
        use msrp::Event as Msrp;
        let Some(&leg) = self.by_session.get(&event.session()) else {
            return Some(event);
        };
        match event {
            Msrp::Up { .. } => {
                self.legs.get_mut(leg.0)?.state = State::Up;
                self.events.push_back(Event::Up { leg });
            }
            Msrp::Received { message, .. } => {
                // Once for all who read it, and so that it can be sent on as it is.
                let encoding = message.content_encoding.as_deref();
                let body = opened(&message.body, encoding, ends.cx.limits);
                let receipt = message.receipt;
                match body {
                    Ok(body) => self.events.push_back(Event::Received {
                        leg,
                        parcel: Parcel::new(message.content_type, body),
                        custody: Custody::Receipt(receipt),
                    }),
                    Err(status) => ends.msrp.refuse(&mut ends.cx, receipt, status),
                }
            }
            // No leg of ours is a chat room.
            Msrp::NicknameRequested { request, .. } => {
                ends.msrp
                    .answer_nickname(&mut ends.cx, request, msrp::Status::FORBIDDEN);
            }
            Msrp::Sent { id, .. } => self.landed(ends, id, None),
            Msrp::Failed { id, status, .. } => self.landed(ends, id, Some(status)),
            Msrp::Down { .. } => {
                // Where both end together, the end of the connection overtakes the BYE.
                self.broken.set(leg, ends.cx.now + ends.cx.limits.leg_grace);
            }
            _ => {}
        }
        None
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
        let mut leg = Leg::new(
            call,
            Some(session),
            State::Invited,
            terms.clone(),
            Some(peer),
        );
        leg.invite = Some(request.clone());
        let leg = self.insert(leg);
        self.events.push_back(Event::Invited {
            leg,
            envelope: Box::new(envelope),
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
                    envelope: Box::new(envelope),
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

    pub(super) fn paged_out(&mut self, id: ParcelId, status: Status, response: Option<&Response>) {
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
            let retry_after = response.and_then(crate::conversation::event::retry_after);
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
        let description = match leg.session {
            Some(session) => {
                if let Some(settings) = ends.msrp.settings_mut(session) {
                    peer.describe(&leg.terms, settings);
                }
                leg.state = State::Joining;
                let role = leg.terms.role_after(&peer);
                ends.msrp.start(&mut ends.cx, session, peer.path(), role);
                None
            }
            None => leg.answered_through(response, ends.cx.limits),
        };
        let instance = response
            .headers()
            .find::<Contact>()
            .ok()
            .flatten()
            .and_then(|contact| contact.features().instance().map(Text::from));
        leg.peer = Some(peer);
        self.events.push_back(Event::Accepted {
            leg: id,
            instance,
            description,
        });
    }

    fn reinvited(&mut self, ends: &mut Ends<'_>, call: CallId, request: Request) {
        if self.is_through(call) {
            return self.reinvited_through(ends, call, request);
        }
        let response = self.described_again(ends, call, &request);
        // It answers what was offered, or offers what was agreed on: nothing can be wrong with that.
        let _ = ends.sip.answer_reinvite(&mut ends.cx, call, response);
    }

    /// A re-INVITE or UPDATE refreshes the session or looks at it; the media stays what was agreed (a change of the
    /// path would be a new leg).
    fn described_again(&self, ends: &mut Ends<'_>, call: CallId, request: &Request) -> Response {
        let leg = self.of_call(call).and_then(|id| self.legs.get(id.0));
        let answer = leg.and_then(|leg| {
            let peer = terms::Peer::read_media(request.body(), ends.cx.limits)
                .or_else(|| leg.peer.clone())?;
            let path = ends.msrp.local_path(leg.session?)?;
            let own = ends.msrp.fingerprint();
            Some(leg.terms.answer(&mut ends.cx, &peer, &path, own).0)
        });
        let mut response = request.response(
            answer
                .as_ref()
                .map_or(Status::NOT_ACCEPTABLE_HERE, |_| Status::OK),
        );
        if let Some(sdp) = answer {
            response.set_body("application/sdp", sdp);
        }
        response
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

    /// The peer, or the network between, has ended a call.
    fn over(&mut self, ends: &mut Ends<'_>, call: CallId, ending: Ending) {
        let Some(id) = self.of_call(call) else { return };
        // What was to go over a leg that was refused has been refused as well.
        let status = match &ending {
            Ending::Refused { status, .. } => *status,
            _ => Status::TEMPORARILY_UNAVAILABLE,
        };
        if self.remove_for(ends, id, status).is_some() {
            self.events.push_back(Event::Ended { leg: id, ending });
        }
    }
}

/// A body without the encoding that it came in.
fn opened(body: &Bytes, encoding: Option<&str>, limits: &Limits) -> Result<Bytes, msrp::Status> {
    mime::decode(body, None, encoding, limits).map_err(|error| match error {
        EncodingError::TooLarge(_) => msrp::Status::STOP,
        EncodingError::Unknown => msrp::Status::UNSUPPORTED_TYPE,
        _ => msrp::Status::BAD_REQUEST,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write;

    #[test]
    fn what_is_deflated_in_msrp_is_opened_and_a_bomb_is_refused() {
        let zlib = |body: &[u8]| {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(body).unwrap();
            Bytes::from(encoder.finish().unwrap())
        };
        let hello = Ok(Bytes::from_static(b"hello"));
        let bomb = zlib(&vec![b'x'; 8 << 20]);
        assert!(bomb.len() < 64 * 1024);
        for (encoding, body, opens) in [
            (None, Bytes::from_static(b"hello"), hello.clone()),
            (Some("deflate"), zlib(b"hello"), hello.clone()),
            (Some("Deflate"), zlib(b"hello"), hello),
            (Some("deflate"), bomb, Err(msrp::Status::STOP)),
            (
                Some("deflate"),
                Bytes::from_static(b"never deflated"),
                Err(msrp::Status::BAD_REQUEST),
            ),
            (
                Some("sdch"),
                Bytes::from_static(b"?"),
                Err(msrp::Status::UNSUPPORTED_TYPE),
            ),
        ] {
            let taken = allocation_counter::measure(|| {
                assert_eq!(opened(&body, encoding, &Limits::default()), opens);
            });
            // The bound of a body, and what it grew through.
            assert!(taken.bytes_max < 4 << 20, "{}", taken.bytes_max);
        }
    }
}
