//! What is said of messages: our answers to the peer's, and the peer's to ours.

use super::endpoint::{Endpoint, Timer};
use super::event::{Down, Event, Receipt};
use super::msg::{ByteRange, FailureReport, Method, Path, Request, Response, Status};
use super::pending::What;
use super::receiver::{Answer, Report, write_between};
use super::sender::Sending;
use super::session::{Kind, SendId, SessionId};
use crate::engine::{ConnId, Cx};
use bytes::BufMut;

impl Endpoint {
    /// Answers a request, if its sender wants to know.
    pub(super) fn answer(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        answer: &Answer,
        status: Status,
    ) {
        if answer.is_wanted(status) {
            self.control(cx, conn, |out| answer.write(status, out));
        }
    }

    /// The response to a request of a session, whose paths need not have been put down.
    pub(super) fn answer_within(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        session: SessionId,
        answer: &Answer,
        status: Status,
    ) {
        let Some(id) = answer.usual_id() else {
            return self.answer(cx, conn, answer, status);
        };
        if answer.is_wanted(status)
            && let Some(state) = self.sessions.get_mut(session.0)
            && let Some(connection) = self.conns.get_mut(conn.0)
        {
            let paths = state.answer_paths();
            connection.control(cx, |out| write_between(id, paths, status, out));
            cx.outbox.flush(conn);
        }
    }

    /// Answers for a received message.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>, receipt: &Receipt, status: Status) {
        if let Some(held) = receipt.held {
            return self.settle_piece(cx, receipt, held, status);
        }
        let Some(state) = self.sessions.get_mut(receipt.session.0) else {
            return;
        };
        let Some(owed) = state.owed.remove(receipt.key) else {
            return;
        };
        let Some(conn) = state.conn else { return };
        if let Some(connection) = self.conns.get_mut(conn.0) {
            connection.owed = connection.owed.saturating_sub(1);
            connection.owed_bytes = connection.owed_bytes.saturating_sub(owed.size);
        }
        self.answer_within(cx, conn, receipt.session, &owed.answer, status);
        if let Some(report) = owed.report.filter(|_| status.is_success()) {
            self.report_success(cx, conn, receipt.session, *report);
        }
    }

    /// Tells the sender of a message that all of it is here (RFC 4975 §7.1.2).
    pub(super) fn report_success(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        session: SessionId,
        report: Report,
    ) {
        let Some(state) = self.sessions.get(session.0) else {
            return;
        };
        let from = Path::from(state.local.clone());
        let request = Request {
            message_id: Some(report.message_id),
            byte_range: Some(ByteRange {
                start: report.from.saturating_add(1),
                end: Some(report.size),
                total: Some(report.size),
            }),
            status: Some(Status::OK),
            ..Request::new(Method::Report, cx.ids.transaction_id(), report.to, from)
        };
        if let Ok(bytes) = request.write() {
            self.control(cx, conn, |out| out.put_slice(&bytes));
        }
    }

    /// A response arrived.
    pub(super) fn response(&mut self, cx: &mut Cx<'_>, conn: ConnId, response: &Response) {
        let Some(connection) = self.conns.get_mut(conn.0) else {
            return;
        };
        // A response on another connection is not one to our request.
        let was_waiting = connection.is_waiting_for_answers(cx.limits);
        let Some(what) = connection.pending.answered(&response.transaction_id) else {
            return;
        };
        if was_waiting {
            cx.outbox.flush(conn);
        }
        let status = response.status;
        match what {
            // Whatever it says, somebody is there.
            What::KeepAlive => {}
            What::Auth(session, relay) => {
                self.relay_answered(cx, conn, (session, relay), response);
            }
            What::Nickname(session) => {
                self.events
                    .push_back(Event::NicknameAnswered { session, status });
            }
            What::Bind(_) if status.is_success() => {}
            What::Bind(session) => self.end(cx, session, Down::Rejected(status)),
            What::Chunk { send, from, to, .. } if status.is_success() => {
                self.confirm(cx, send, from, to);
            }
            What::Chunk { send, .. } => {
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
            let Some(connection) = self.conns.get_mut(conn.0) else {
                return;
            };
            let was_waiting = connection.is_waiting_for_answers(cx.limits);
            let Some(what) = connection.pending.overdue(cx.now) else {
                let next = connection.pending.next_deadline();
                connection.timed = next.is_some();
                if let Some(at) = next {
                    self.timers.set(Timer::Unanswered(conn), at);
                }
                return;
            };
            if was_waiting {
                cx.outbox.flush(conn);
            }
            match what {
                What::KeepAlive => {
                    self.lose(cx, conn);
                    return cx.outbox.close(conn);
                }
                What::Nickname(session) => {
                    let status = Status::TIMEOUT;
                    self.events
                        .push_back(Event::NicknameAnswered { session, status });
                }
                What::Bind(session) | What::Auth(session, _) => {
                    self.end(cx, session, Down::Timeout);
                }
                What::Chunk {
                    send,
                    failure_report: FailureReport::Partial,
                    from,
                    to,
                } => self.confirm(cx, send, from, to),
                What::Chunk { send, .. } => self.fail(cx, send, Status::TIMEOUT),
            }
        }
    }

    /// A chunk has arrived.
    pub(super) fn confirm(&mut self, cx: &mut Cx<'_>, id: SendId, from: u64, to: u64) {
        let Some(sending) = self.sends.get_mut(id.0) else {
            return;
        };
        sending.confirm(from, to);
        if sending.is_cut && sending.unanswered == 0 {
            self.landed(cx, id);
        }
    }

    /// A message has arrived.
    pub(super) fn landed(&mut self, cx: &mut Cx<'_>, id: SendId) {
        if let Some(sending) = self.sends.remove(id.0) {
            let session = sending.session;
            self.events.push_back(Event::Sent { session, id });
            self.dequeue(cx, &sending, id);
        }
    }

    /// A message has not arrived, or nobody knows.
    fn fail(&mut self, cx: &mut Cx<'_>, id: SendId, status: Status) {
        let confirmed = self
            .sends
            .get(id.0)
            .map_or(0, |sending| sending.confirmed());
        if let Some(session) = self.drop_send(cx, id) {
            self.events.push_back(Event::Failed {
                session,
                id,
                status,
                confirmed,
            });
        }
    }

    /// Forgets a message, and tells a peer that waits for its rest.
    pub(super) fn drop_send(&mut self, cx: &mut Cx<'_>, id: SendId) -> Option<SessionId> {
        let sending = self.sends.remove(id.0)?;
        let session = sending.session;
        self.dequeue(cx, &sending, id);
        if sending.is_underway()
            && let Some(state) = self.sessions.get(session.0)
            && let (Some(conn), Some(to)) = (state.conn, &state.peer)
        {
            let from = Path::from(state.local.clone());
            if let Ok(bytes) = sending.abort(to, &from, cx.ids) {
                self.control(cx, conn, |out| out.put_slice(&bytes));
            }
        }
        Some(session)
    }

    fn dequeue(&mut self, cx: &mut Cx<'_>, sending: &Sending, id: SendId) {
        let (session, kind) = (sending.session, sending.kind());
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        if let Some(lane) = state.lane_mut(kind) {
            lane.forget(id);
        }
        state.uncut = state.uncut.saturating_sub(sending.uncut());
        if state.full
            && state.queued() <= state.low_water
            && state.uncut <= cx.limits.msrp_send_bytes / 2
        {
            state.full = false;
            self.events.push_back(Event::Writable { session });
        }
        if kind == Kind::Stream {
            // It may be the turn of the next, which may have all it needs.
            self.make_ready(cx, session, kind);
            self.want(cx, session);
        }
    }
}
