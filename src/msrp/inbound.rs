//! The endpoint's way in: which session a request belongs to, and what is answered.

use super::connection::{Chunk, Sink};
use super::endpoint::Endpoint;
use super::event::{Event, Incoming, Receipt};
use super::msg::{Continuation, Frame, Message, Method, Path, Request, Status, answerable};
use super::pieces::Delivery;
use super::receiver::{Answer, Owed, Partial, Report, is_wanted, wanted_by, write_response};
use super::session::SessionId;
use super::web::NO_MSRP;
use crate::engine::{ConnId, Cx};
use crate::wire::Text;
use bytes::Bytes;

impl Endpoint {
    /// Bytes arrived.
    pub fn handle_data(&mut self, cx: &mut Cx<'_>, conn: ConnId, data: Bytes) {
        let Some(connection) = self.conns.get_mut(conn.0) else {
            return;
        };
        (connection.last_data, connection.last_use) = (cx.now, cx.now);
        if connection.web.is_some() {
            self.handle_web(cx, conn, &data);
        } else {
            connection.framer.push(data);
            self.read_frames(cx, conn);
        }
        let Some(connection) = self.conns.get_mut(conn.0) else {
            return;
        };
        if connection.is_choked() {
            return self.hang_up(cx, conn);
        }
        connection.head_since = match connection.framer.is_within_head() {
            true => connection.head_since.or(Some(cx.now)),
            false => None,
        };
        if connection.framer.is_within() {
            self.watch_conn(cx, conn);
        }
    }

    /// Deals with all that is whole.
    pub(super) fn read_frames(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        // It may have been closed by what was in the last frame.
        while let Some(connection) = self.conns.get_mut(conn.0) {
            match connection.framer.next(cx.limits) {
                Ok(Some(frame)) => self.frame(cx, conn, frame),
                Ok(None) => return,
                Err(_error) => {
                    crate::engine::trace::debug!("{conn}: {_error}");
                    return self.part(cx, conn, Some(NO_MSRP));
                }
            }
        }
    }

    fn frame(&mut self, cx: &mut Cx<'_>, conn: ConnId, frame: Frame) {
        let Some(connection) = self.conns.get_mut(conn.0) else {
            return;
        };
        connection.see(conn, cx, frame.head.as_ref(), &frame.body, frame.end);
        let mut sink = std::mem::take(&mut connection.sink);
        if frame.head.is_some() {
            connection.head_since = None;
        }
        let Some(Frame { head, body, end }) = self.usual(cx, conn, frame) else {
            return;
        };
        let (begins, head_size) = (head.is_some(), head.as_ref().map_or(0, Bytes::len));
        if let Some(head) = head {
            sink = match Message::read_head(head.clone()) {
                Ok(Message::Response(response)) => {
                    self.response(cx, conn, &response);
                    Sink::Ignore
                }
                Ok(Message::Request(request)) => {
                    match self.request(cx, conn, request, &body, end) {
                        Some(sink) => sink,
                        // The message was whole, and is on its way up.
                        None => return,
                    }
                }
                Err(error) => {
                    if let Some(request) = answerable(&head)
                        && request.method != Method::Report
                    {
                        self.answer_at_once(cx, conn, &request, error.status());
                    }
                    Sink::Ignore
                }
            };
        }
        match &mut sink {
            Sink::Chunk(chunk) => {
                if let Err(status) = self.store(cx, chunk, &body) {
                    self.answer(cx, conn, &chunk.answer, status);
                    sink = Sink::Ignore;
                }
            }
            Sink::Pieces(chunk) => {
                if !self.hand_up(cx, conn, chunk, body, head_size, end) {
                    sink = Sink::Ignore;
                }
            }
            Sink::Ignore | Sink::Answer(_) => {}
        }
        match end {
            Some(end) => match sink {
                Sink::Ignore | Sink::Pieces(_) => {}
                Sink::Answer(answer) => self.answer(cx, conn, &answer, Status::OK),
                Sink::Chunk(chunk) => self.chunk_ended(cx, conn, *chunk, end),
            },
            None => {
                if let Some(connection) = self.conns.get_mut(conn.0) {
                    // Its rest may be long in coming, and should not hold the receive buffer.
                    connection.sink = if begins { sink.compact() } else { sink };
                }
            }
        }
    }

    /// What to do with the body of a request; `None` if it was all there and has been handed up.
    fn request(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        request: Request,
        body: &Bytes,
        end: Option<Continuation>,
    ) -> Option<Sink> {
        match request.method {
            // Never answered, whatever is wrong with it (RFC 4975 §7).
            Method::Report => {
                self.report(conn, request);
                return Some(Sink::Ignore);
            }
            Method::Send => {}
            Method::Nickname => {
                match self.admit(cx, conn, &request) {
                    Ok(session) => self.nickname(cx, conn, session, &request),
                    Err(status) => self.answer_at_once(cx, conn, &request, status),
                }
                return Some(Sink::Ignore);
            }
            _ => {
                // Whether the session is there comes before what is asked of it. AUTH names none.
                let id = request.to_path.first().session_id();
                let is_known = id.is_none_or(|id| self.by_id.contains_key(id));
                let status = match is_known {
                    true => Status::UNKNOWN_METHOD,
                    false => Status::NO_SESSION,
                };
                self.answer_at_once(cx, conn, &request, status);
                return Some(Sink::Ignore);
            }
        }
        let admitted = self
            .admit(cx, conn, &request)
            .and_then(|session| Ok((session, self.examine(cx, session, &request, end)?)));
        let (session, at) = match admitted {
            Ok((session, Some(at))) => (session, at),
            Ok((_, None)) if end.is_some() => {
                self.answer_at_once(cx, conn, &request, Status::OK);
                return Some(Sink::Ignore);
            }
            Ok((_, None)) => return Some(Sink::Answer(Answer::to(&request))),
            Err(status) => {
                self.answer_at_once(cx, conn, &request, status);
                return Some(Sink::Ignore);
            }
        };
        let state = self.sessions.get_mut(session.0)?;
        if matches!(state.settings.delivery, Delivery::Pieces { .. }) {
            return Some(match self.begin_pieces(cx, session, &request, at) {
                Ok(chunk) => Sink::Pieces(Box::new(chunk)),
                Err(status) => {
                    self.answer_at_once(cx, conn, &request, status);
                    Sink::Ignore
                }
            });
        }
        let message_id = request.message_id.as_ref();
        let known = (state.partials.iter()).any(|p| message_id.is_some_and(|id| p.id == *id));
        if !known && at == 0 && end == Some(Continuation::Complete) {
            // The whole message in one piece: nothing is copied.
            let max = max_size(cx, state.settings.max_size);
            if body.len() as u64 > max {
                self.answer_at_once(cx, conn, &request, Status::STOP);
            } else {
                self.deliver(conn, session, request, body.clone());
            }
            return None;
        }
        if !known {
            let text = |text: Option<&Text>| text.map(Text::compact).unwrap_or_default();
            let (id, content_type) = (text(message_id), text(request.content_type.as_ref()));
            let price = Partial::begun(&id, &content_type);
            if state.partials.len() >= cx.limits.msrp_partial
                || self.reassembly.saturating_add(price) > cx.limits.msrp_reassembly
            {
                self.answer_at_once(cx, conn, &request, Status::STOP);
                return Some(Sink::Ignore);
            }
            let mut partial = Partial::new(id, content_type, request.success_report, cx.now);
            self.reassembly = self.reassembly.saturating_add(price);
            partial.content_encoding = content_encoding(&request).map(Text::compact);
            state.partials.push(partial);
            self.watch_partials(cx, session);
        }
        Some(Sink::Chunk(Box::new(Chunk {
            session,
            answer: Answer::to(&request),
            message_id: request.message_id.unwrap_or_default(),
            at,
            report: request.success_report.then_some(request.from_path),
        })))
    }

    /// The session that a request belongs to, bound to its connection by it if it was not (RFC 4975 §5.4, §7.3).
    fn admit(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        request: &Request,
    ) -> Result<SessionId, Status> {
        let local = request.to_path.first();
        let session = local
            .session_id()
            .and_then(|id| self.by_id.get(id).copied())
            .ok_or(Status::NO_SESSION)?;
        let state = self.sessions.get_mut(session.0).ok_or(Status::NO_SESSION)?;
        if !state.settings.match_by_id_only {
            // More hops would have to come after us, and we are no relay.
            let is_alone = !request.to_path.as_str().contains([' ', '\t']);
            let is_ours = state.local.as_str() == local.as_str() || state.local.matches(local);
            if !is_ours || !is_alone {
                return Err(Status::NO_SESSION);
            }
            if (state.peer.as_ref()).is_some_and(|peer| !same_end(peer, &request.from_path)) {
                return Err(Status::FORBIDDEN);
            }
        }
        match state.conn {
            // Through our relays, whose connection was ours before it was the peer's.
            Some(bound) if bound == conn && state.relays.is_some() && !state.up => {
                if state.peer.is_none() {
                    state.early = Some(request.from_path.last().compact());
                }
                self.up(cx, session);
                self.make_both_ready(cx, session);
            }
            Some(bound) if bound == conn => {}
            Some(_) => return Err(Status::OTHER_CONNECTION),
            // A connection that we are about to open is not the peer's to replace.
            None if state.active => return Err(Status::OTHER_CONNECTION),
            None => {
                let connection = self.conns.get_mut(conn.0).ok_or(Status::NO_SESSION)?;
                if !connection.is_of(state.fingerprints()) {
                    // The one that was described may still come.
                    return Err(Status::FORBIDDEN);
                }
                connection.sessions.insert(session);
                connection.closing = false;
                state.conn = Some(conn);
                if state.peer.is_none() {
                    state.early = Some(request.from_path.last().compact());
                }
                self.up(cx, session);
                self.make_both_ready(cx, session);
            }
        }
        Ok(session)
    }

    /// Where the body of a SEND belongs in its message, counted from 0; `None` if it has none.
    fn examine(
        &mut self,
        cx: &Cx<'_>,
        session: SessionId,
        request: &Request,
        end: Option<Continuation>,
    ) -> Result<Option<u64>, Status> {
        let state = (self.sessions.get_mut(session.0)).ok_or(Status::NO_SESSION)?;
        let range = request.byte_range.unwrap_or_default();
        let id = request.message_id.as_ref();
        let known = match (&state.pieces, id) {
            (Some(pieces), Some(id)) => pieces.knows(id)?,
            _ => false,
        };
        let partial = id.and_then(|id| state.partials.iter().position(|p| p.id == *id));
        let Some(content_type) = &request.content_type else {
            // A request without a body binds, keeps alive, or ends a message of which parts came before.
            let goes_on = known || partial.is_some();
            return Ok(goes_on.then(|| range.start.saturating_sub(1)));
        };
        if id.is_none() || range.start == 0 {
            return Err(Status::BAD_REQUEST);
        }
        let is_refused = |p: &Partial| p.refused;
        let refused = partial.filter(|at| state.partials.get(*at).is_some_and(is_refused));
        if let (Some(at), Some(Continuation::Aborted)) = (refused, end) {
            // It was told to stop, and has.
            state.partials.swap_remove(at);
            return Err(Status::STOP);
        }
        let max = match state.settings.delivery {
            Delivery::Whole => max_size(cx, state.settings.max_size),
            // What is held nowhere needs no bound of ours.
            Delivery::Pieces { .. } => state.settings.max_size.unwrap_or(u64::MAX),
        };
        if refused.is_some()
            || range.start - 1 > max
            || range.total.is_some_and(|total| total > max)
        {
            return Err(Status::STOP);
        }
        if partial.is_none() && !known && !state.accepts(content_type) {
            return Err(Status::UNSUPPORTED_TYPE);
        }
        Ok(Some(range.start - 1))
    }

    /// Hands up a message that came in one chunk.
    fn deliver(&mut self, conn: ConnId, session: SessionId, request: Request, body: Bytes) {
        let report = request.success_report.then(|| {
            Box::new(Report {
                to: request.from_path.compact(),
                message_id: request
                    .message_id
                    .as_ref()
                    .map(Text::compact)
                    .unwrap_or_default(),
                from: 0,
                size: body.len() as u64,
            })
        });
        let owed = Owed {
            answer: Answer::to(&request),
            report,
            size: body.len(),
        };
        let content_encoding = content_encoding(&request).cloned();
        let id = request.message_id.unwrap_or_default();
        let content = (request.content_type.unwrap_or_default(), content_encoding);
        self.hand_over(conn, session, owed, id, content, body);
    }

    pub(super) fn hand_over(
        &mut self,
        conn: ConnId,
        session: SessionId,
        owed: Owed,
        id: Text,
        (content_type, content_encoding): (Text, Option<Text>),
        body: Bytes,
    ) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        let success_report = owed.report.is_some();
        let failure_report = owed.answer.failure_report;
        let size = owed.size;
        let key = state.owed.insert(owed);
        if let Some(connection) = self.conns.get_mut(conn.0) {
            connection.owed += 1;
            connection.owed_bytes = connection.owed_bytes.saturating_add(size);
        }
        self.events.push_back(Event::Received {
            session,
            message: Incoming {
                id,
                content_type,
                content_encoding,
                body,
                receipt: Receipt {
                    session,
                    key,
                    held: None,
                },
                success_report,
                failure_report,
            },
        });
    }

    /// Answers a request whose head is at hand, if its sender wants to know.
    fn answer_at_once(&mut self, cx: &mut Cx<'_>, conn: ConnId, request: &Request, status: Status) {
        if is_wanted(wanted_by(request), status) {
            let id = request.transaction_id.as_str();
            let to = request.from_path.first().as_str();
            let from = request.to_path.first().as_str();
            self.control(cx, conn, |out| write_response(id, to, from, status, out));
        }
    }

    fn report(&mut self, conn: ConnId, report: Request) {
        let session = report
            .to_path
            .first()
            .session_id()
            .and_then(|id| self.by_id.get(id).copied());
        let bound = session
            .and_then(|session| self.sessions.get(session.0))
            .is_some_and(|state| state.conn == Some(conn));
        if let (Some(session), true, Some(message_id), Some(status)) =
            (session, bound, report.message_id, report.status)
        {
            self.events.push_back(Event::Report {
                session,
                message_id,
                status,
                range: report.byte_range,
            });
        }
    }
}

/// What was done to the body before it was sent.
fn content_encoding(request: &Request) -> Option<&Text> {
    super::digest::find(&request.others, "Content-Encoding").next()
}

/// Whether two paths lead to the same end. They do in most cases where they are spelled alike.
fn same_end(one: &Path, other: &Path) -> bool {
    fn end(path: &Path) -> Option<&str> {
        path.as_str().split_ascii_whitespace().next_back()
    }
    end(one) == end(other) || one.last().matches(&other.last())
}

/// The largest message that is taken.
pub(super) fn max_size(cx: &Cx<'_>, max: Option<u64>) -> u64 {
    (cx.limits.msrp_message as u64).min(max.unwrap_or(u64::MAX))
}
