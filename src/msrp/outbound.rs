//! The endpoint's way out: whose turn it is, and what becomes of what was sent.

use super::connection::show;
use super::endpoint::{Endpoint, Timer};
use super::event::{Down, Event, Receipt};
use super::msg::{ByteRange, FailureReport, Method, Path, Request, Response, Status};
use super::receiver::Answer;
use super::session::{SendId, SessionId};
use crate::engine::{ConnId, Cx, Direction};
use crate::wire::Text;
use bytes::Bytes;

/// A request that waits for its response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transaction {
    conn: ConnId,
    what: What,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// The first request on a connection for a session.
    Bind(SessionId),
    /// Leave asked of one of the session's relays.
    Auth(SessionId, usize),
    /// A chunk; without an answer it has failed, or it has not if only failures are answered.
    Chunk(SendId, FailureReport),
}

impl Endpoint {
    /// Binds a session to a connection of ours: a request without a body, as the first one (RFC 4975 §5.4).
    pub(super) fn bind(&mut self, cx: &mut Cx<'_>, conn: ConnId, session: SessionId) {
        if self.ask_relays(cx, conn, session) {
            return;
        }
        let Some(state) = self.sessions.get(session.0) else {
            return;
        };
        let Some(peer) = state.peer.clone() else {
            return;
        };
        let transaction_id = cx.ids.transaction_id();
        let request = Request {
            message_id: Some(cx.ids.message_id()),
            byte_range: Some(ByteRange::whole(0)),
            ..Request::new(
                Method::Send,
                transaction_id.clone(),
                peer,
                Path::from(state.local.clone()),
            )
        };
        if let Ok(bytes) = request.write() {
            self.register(cx, conn, transaction_id, What::Bind(session));
            self.control(cx, conn, bytes);
        }
        self.up(session);
        self.make_ready(cx, session);
    }

    /// Gives a session with something to cut a place among those that wait for their turn.
    pub(super) fn make_ready(&mut self, cx: &mut Cx<'_>, session: SessionId) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        if !state.up || state.cut >= state.queue.len() {
            return;
        }
        let Some(conn) = state.conn else { return };
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        if !state.waiting {
            state.waiting = true;
            connection.ready.push_back(session);
        }
        cx.outbox.flush(conn);
    }

    /// Queues a response, a report or another request that goes before data.
    pub(super) fn control(&mut self, cx: &mut Cx<'_>, conn: ConnId, bytes: Bytes) {
        if let Some(connection) = self.conns.get_mut(&conn) {
            connection.control(bytes);
            cx.outbox.flush(conn);
        }
    }

    /// Answers a request, if its sender wants to know.
    pub(super) fn answer(&mut self, cx: &mut Cx<'_>, conn: ConnId, answer: Answer, status: Status) {
        let wanted = match answer.failure_report {
            FailureReport::Yes => true,
            FailureReport::No => false,
            FailureReport::Partial => !status.is_success(),
        };
        if !wanted {
            return;
        }
        let response = Response {
            transaction_id: answer.transaction_id,
            status,
            comment: Text::from_static(status.phrase()),
            to_path: answer.to.into(),
            from_path: answer.from.into(),
            others: Vec::new(),
        };
        if let Ok(bytes) = response.write() {
            self.control(cx, conn, bytes);
        }
    }

    /// Answers for a received message.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>, receipt: &Receipt, status: Status) {
        let Some(state) = self.sessions.get_mut(receipt.session.0) else {
            return;
        };
        let Some(owed) = state.owed.remove(receipt.key) else {
            return;
        };
        let from = Path::from(state.local.clone());
        let Some(conn) = state.conn else { return };
        if let Some(connection) = self.conns.get_mut(&conn) {
            connection.owed = connection.owed.saturating_sub(1);
        }
        self.answer(cx, conn, owed.answer, status);
        if let Some(to) = owed.report.filter(|_| status.is_success()) {
            let report = Request {
                message_id: Some(owed.message_id),
                byte_range: Some(ByteRange::whole(owed.size)),
                status: Some(status),
                ..Request::new(Method::Report, cx.ids.transaction_id(), to, from)
            };
            if let Ok(bytes) = report.write() {
                self.control(cx, conn, bytes);
            }
        }
    }

    pub(super) fn next_bytes(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> Option<Bytes> {
        let connection = self.conns.get_mut(&conn).filter(|c| c.up)?;
        if let Some(bytes) = connection.out.pop_front() {
            return Some(bytes);
        }
        if let Some(bytes) = connection.take_control(conn, cx) {
            return Some(bytes);
        }
        self.cut(cx, conn)
    }

    /// Cuts the next chunk: deficit round robin between the sessions of a connection, in order within each.
    fn cut(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> Option<Bytes> {
        let chunk = cx.limits.msrp_send_chunk;
        let connection = self.conns.get_mut(&conn)?;
        loop {
            if connection.in_flight >= cx.limits.msrp_in_flight {
                return None;
            }
            let session = *connection.ready.front()?;
            let state = self.sessions.get_mut(session.0);
            let next = state.and_then(|state| {
                let id = *state.queue.get(state.cut)?;
                Some((id, self.sends.get_mut(id.0)?, state))
            });
            let Some((id, sending, state)) = next else {
                // Nothing left, or it is gone.
                connection.ready.pop_front();
                connection.granted = false;
                if let Some(state) = self.sessions.get_mut(session.0) {
                    (state.waiting, state.deficit) = (false, 0);
                }
                continue;
            };
            let size = sending.next_size(chunk);
            if !connection.granted {
                state.deficit = state.deficit.saturating_add(chunk);
                connection.granted = true;
            }
            // Alone there is nobody to be fair to.
            if state.deficit < size && connection.ready.len() > 1 {
                connection.ready.rotate_left(1);
                connection.granted = false;
                continue;
            }
            let to = state.peer.as_ref()?;
            let from = Path::from(state.local.clone());
            let failure_report = sending.message.failure_report;
            let cut = sending.cut(to, &from, chunk, cx.ids, &mut connection.out);
            let Ok(cut) = cut else {
                // Its headers were checked when it was queued, so this is not reached; but nothing may spin here.
                self.fail(cx, id, Status::BAD_REQUEST);
                return self.next_bytes(cx, conn);
            };
            state.deficit = state.deficit.saturating_sub(cut.size);
            let is_cut = sending.is_cut;
            state.cut += usize::from(is_cut);
            show(cx, conn, Direction::Out, || {
                connection.out.iter().flatten().copied().collect()
            });
            let first = connection.out.pop_front();
            if failure_report == FailureReport::No {
                if is_cut {
                    self.finish(id);
                }
            } else {
                sending.unanswered += 1;
                let what = What::Chunk(id, failure_report);
                self.register(cx, conn, cut.transaction_id, what);
            }
            return first;
        }
    }

    /// Waits for the response to a request.
    pub(super) fn register(&mut self, cx: &Cx<'_>, conn: ConnId, transaction_id: Text, what: What) {
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        let Some(at) = cx.now.checked_add(cx.limits.msrp_transaction) else {
            return;
        };
        connection.in_flight += 1;
        connection.pending.push_back((at, transaction_id.clone()));
        if !connection.timed {
            connection.timed = true;
            self.timers.set(Timer::Unanswered(conn), at);
        }
        if connection.pending.len() > 2 * connection.in_flight + 64 {
            // One that is never answered must not keep all the answered ones after it.
            let live = &self.transactions;
            connection
                .pending
                .retain(|(_, id)| live.contains_key(id) || *id == transaction_id);
        }
        self.transactions
            .insert(transaction_id, Transaction { conn, what });
    }

    /// A response arrived.
    pub(super) fn response(&mut self, cx: &mut Cx<'_>, conn: ConnId, response: &Response) {
        let id = &response.transaction_id;
        // A response from somewhere else is not one to our request.
        match self.transactions.get(id) {
            Some(transaction) if transaction.conn == conn => {}
            _ => return,
        }
        let Some(transaction) = self.transactions.remove(id) else {
            return;
        };
        if let Some(connection) = self.conns.get_mut(&conn) {
            if connection.in_flight == cx.limits.msrp_in_flight {
                cx.outbox.flush(conn);
            }
            connection.in_flight = connection.in_flight.saturating_sub(1);
            while let Some((_, oldest)) = connection.pending.front()
                && !self.transactions.contains_key(oldest)
            {
                connection.pending.pop_front();
            }
        }
        let status = response.status;
        match transaction.what {
            What::Auth(session, relay) => {
                self.relay_answered(cx, conn, (session, relay), response);
            }
            What::Bind(_) if status.is_success() => {}
            What::Bind(session) => self.end(cx, session, Down::Rejected(status)),
            What::Chunk(send, _) if status.is_success() => self.confirm(send),
            What::Chunk(send, _) => {
                let lost = matches!(status, Status::NO_SESSION | Status::OTHER_CONNECTION);
                match self.sends.get(send.0).map(|sending| sending.session) {
                    Some(session) if lost => self.end(cx, session, Down::Rejected(status)),
                    _ => self.fail(cx, send, status),
                }
            }
        }
    }

    /// Nobody has answered the oldest requests in time (RFC 4975 §7.1.1: as if with 408).
    pub(super) fn unanswered(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        loop {
            let Some(connection) = self.conns.get_mut(&conn) else {
                return;
            };
            let Some((at, id)) = connection.pending.front() else {
                connection.timed = false;
                return;
            };
            let Some(transaction) = self.transactions.get(id).copied() else {
                connection.pending.pop_front();
                continue;
            };
            if *at > cx.now {
                self.timers.set(Timer::Unanswered(conn), *at);
                return;
            }
            self.transactions.remove(id);
            connection.pending.pop_front();
            if connection.in_flight == cx.limits.msrp_in_flight {
                cx.outbox.flush(conn);
            }
            connection.in_flight = connection.in_flight.saturating_sub(1);
            match transaction.what {
                What::Bind(session) | What::Auth(session, _) => {
                    self.end(cx, session, Down::Timeout);
                }
                What::Chunk(send, FailureReport::Partial) => self.confirm(send),
                What::Chunk(send, _) => self.fail(cx, send, Status::TIMEOUT),
            }
        }
    }

    /// A chunk has arrived.
    fn confirm(&mut self, id: SendId) {
        let Some(sending) = self.sends.get_mut(id.0) else {
            return;
        };
        sending.unanswered = sending.unanswered.saturating_sub(1);
        if sending.is_cut && sending.unanswered == 0 {
            self.finish(id);
        }
    }

    /// A message has arrived.
    fn finish(&mut self, id: SendId) {
        if let Some(sending) = self.sends.remove(id.0) {
            let session = sending.session;
            self.events.push_back(Event::Sent { session, id });
            self.dequeue(session, id);
        }
    }

    /// A message has not arrived, or nobody knows.
    fn fail(&mut self, cx: &mut Cx<'_>, id: SendId, status: Status) {
        if let Some(session) = self.drop_send(cx, id) {
            self.events.push_back(Event::Failed {
                session,
                id,
                status,
            });
        }
    }

    /// Forgets a message, and tells a peer that waits for its rest.
    pub(super) fn drop_send(&mut self, cx: &mut Cx<'_>, id: SendId) -> Option<SessionId> {
        let sending = self.sends.remove(id.0)?;
        let session = sending.session;
        self.dequeue(session, id);
        if sending.is_underway()
            && let Some(state) = self.sessions.get(session.0)
            && let (Some(conn), Some(to)) = (state.conn, &state.peer)
        {
            let from = Path::from(state.local.clone());
            if let Ok(bytes) = sending.abort(to, &from, cx.ids) {
                self.control(cx, conn, bytes);
            }
        }
        Some(session)
    }

    fn dequeue(&mut self, session: SessionId, id: SendId) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        state.forget(id);
        if state.queue.is_empty() {
            // An idle session keeps no queue.
            state.queue = std::collections::VecDeque::new();
        }
        if state.full && state.queue.len() <= state.low_water {
            state.full = false;
            self.events.push_back(Event::Writable { session });
        }
    }
}
