//! The endpoint's way out: whose turn it is, and what is cut.

use super::connection::show;
use super::endpoint::{Endpoint, Timer};
use super::event::Down;
use super::msg::{ByteRange, FailureReport, Method, Path, Request};
use super::pending::{Id, What};
use super::session::{Kind, SendId, Session, SessionId};
use crate::engine::{ConnId, Cx, Direction};
use bytes::{BufMut, Bytes, BytesMut};
use std::collections::VecDeque;

impl Endpoint {
    /// Binds a session to a connection of ours: a request without a body, as the first one (RFC 4975 §5.4).
    pub(super) fn bind(&mut self, cx: &mut Cx<'_>, conn: ConnId, session: SessionId) {
        let fits = match (self.conns.get(conn.0), self.sessions.get(session.0)) {
            (Some(connection), Some(state)) => connection.is_of(state.fingerprints()),
            _ => return,
        };
        if !fits {
            // Nothing was said to whoever it is.
            return self.end(cx, session, Down::Fingerprint);
        }
        if self.ask_relays(cx, conn, session) {
            return;
        }
        self.request_without_body(cx, conn, session, What::Bind(session));
        self.up(cx, session);
        self.make_both_ready(cx, session);
    }

    /// Sends a request that is nothing but a head.
    pub(super) fn request_without_body(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        session: SessionId,
        what: What,
    ) {
        let (Some(state), Some(connection)) =
            (self.sessions.get(session.0), self.conns.get_mut(conn.0))
        else {
            return;
        };
        let Some(peer) = state.peer.clone() else {
            return;
        };
        let id = connection.pending.next_id(cx.ids);
        let request = Request {
            message_id: Some(cx.ids.message_id()),
            byte_range: Some(ByteRange::whole(0)),
            ..Request::new(
                Method::Send,
                id.text(),
                peer,
                Path::from(state.local.clone()),
            )
        };
        if let Ok(bytes) = request.write() {
            self.register(conn, id, what);
            self.control(cx, conn, |out| out.put_slice(&bytes));
        }
    }

    /// Waits for the response to a request, of which the id is the last one drawn.
    pub(super) fn register(&mut self, conn: ConnId, id: Id, what: What) {
        if let Some(connection) = self.conns.get_mut(conn.0) {
            connection.pending.push(id, what);
        }
    }

    /// Gives a session with something to cut a place among those that wait for their turn.
    pub(super) fn make_ready(&mut self, cx: &mut Cx<'_>, session: SessionId, kind: Kind) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        let (up, conn) = (state.up, state.conn);
        let (Some(conn), Some(lane)) = (conn, state.lane_mut(kind)) else {
            return;
        };
        let Some(next) = lane.queue.get(lane.cut).filter(|_| up) else {
            return;
        };
        if !self.sends.get(next.0).is_some_and(|next| next.is_ready()) {
            return;
        }
        let Some(connection) = self.conns.get_mut(conn.0) else {
            return;
        };
        if !lane.waiting {
            lane.waiting = true;
            connection.ready.push_back((session, kind));
        }
        cx.outbox.flush(conn);
    }

    /// The same for all kinds of messages of a session.
    pub(super) fn make_both_ready(&mut self, cx: &mut Cx<'_>, session: SessionId) {
        self.make_ready(cx, session, Kind::Message);
        self.make_ready(cx, session, Kind::Stream);
    }

    /// Queues a response, a report or another request that goes before data.
    pub(super) fn control(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        write: impl FnOnce(&mut BytesMut),
    ) {
        if let Some(connection) = self.conns.get_mut(conn.0) {
            connection.control(cx, write);
            cx.outbox.flush(conn);
        }
    }

    pub(super) fn next_bytes(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> Option<Bytes> {
        let connection = self.conns.get_mut(conn.0)?;
        if let Some(web) = connection.web.as_mut()
            && connection.out.is_empty()
        {
            // Its handshake goes before it is up, and nothing goes after the last words.
            let own = web.take();
            if own.is_some() || web.parted {
                return own;
            }
        }
        let connection = Some(connection).filter(|c| c.up)?;
        let bytes = match connection.out.pop_front() {
            Some(bytes) => bytes,
            None => match connection.take_control(conn, cx) {
                Some(bytes) => bytes,
                None => match self.cut(cx, conn) {
                    Some(bytes) => bytes,
                    None => return self.last_words(cx, conn),
                },
            },
        };
        if let Some(connection) = self.conns.get_mut(conn.0) {
            connection.last_use = cx.now;
            // The patience with a request begins when its last byte has left (RFC 4975 §7.1.1).
            let at = cx.now.checked_add(cx.limits.msrp_transaction);
            if connection.out.is_empty()
                && connection.pending.stamp(at)
                && !connection.timed
                && let Some(at) = connection.pending.next_deadline()
            {
                connection.timed = true;
                self.timers.set(Timer::Unanswered(conn), at);
            }
        }
        Some(bytes)
    }

    /// Cuts the next chunks: deficit round robin between the sessions of a connection, in order within each. As many
    /// short ones as one write should take, or one long one.
    fn cut(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> Option<Bytes> {
        if self.conns.get(conn.0).is_some_and(|c| c.web.is_some()) {
            return self.cut_for_web(cx, conn);
        }
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        while out.len() < WRITE
            && let Some((session, kind, id)) = self.next_turn(cx, conn)
        {
            let is_long = self.cut_one(cx, conn, session, kind, id, &mut out);
            if is_long {
                break;
            }
        }
        let cut = (!out.is_empty()).then(|| Bytes::copy_from_slice(&out));
        self.scratch = out;
        cut
    }

    /// The same, with each chunk in a message of its own (RFC 7977 §5.1).
    fn cut_for_web(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> Option<Bytes> {
        let mut wrapped = VecDeque::new();
        let mut size = 0;
        while size < WRITE
            && let Some((session, kind, id)) = self.next_turn(cx, conn)
        {
            let mut head = BytesMut::new();
            let is_long = self.cut_one(cx, conn, session, kind, id, &mut head);
            let connection = self.conns.get_mut(conn.0)?;
            let mut chunk = vec![head.freeze()];
            chunk.extend(std::mem::take(&mut connection.out));
            size += chunk.iter().map(Bytes::len).sum::<usize>();
            if let Some(web) = &connection.web {
                web.wrap(cx.ids, &chunk, &mut wrapped);
            }
            if is_long {
                break;
            }
        }
        let connection = self.conns.get_mut(conn.0)?;
        connection.out = wrapped;
        connection.out.pop_front()
    }

    /// Whose turn it is.
    fn next_turn(&mut self, cx: &Cx<'_>, conn: ConnId) -> Option<(SessionId, Kind, SendId)> {
        let chunk = cx.limits.msrp_send_chunk;
        let connection = self.conns.get_mut(conn.0)?;
        if connection.is_waiting_for_answers(cx.limits) {
            return None;
        }
        loop {
            let (session, kind) = *connection.ready.front()?;
            let lane = self
                .sessions
                .get_mut(session.0)
                .and_then(|state| state.lane_mut(kind));
            let next = lane.as_ref().and_then(|lane| {
                let id = *lane.queue.get(lane.cut)?;
                let sending = self.sends.get(id.0)?;
                sending.is_ready().then(|| (id, sending.next_size(chunk)))
            });
            let (Some((id, size)), Some(lane)) = (next, lane) else {
                // Nothing left for now, or it is gone.
                connection.ready.pop_front();
                connection.granted = false;
                if let Some(state) = self.sessions.get_mut(session.0)
                    && let Some(lane) = state.lane_mut(kind)
                {
                    (lane.waiting, lane.deficit) = (false, 0);
                }
                continue;
            };
            if !connection.granted {
                lane.deficit = lane.deficit.saturating_add(chunk);
                connection.granted = true;
            }
            // Alone there is nobody to be fair to.
            if lane.deficit < size && connection.ready.len() > 1 {
                connection.ready.rotate_left(1);
                connection.granted = false;
                continue;
            }
            return Some((session, kind, id));
        }
    }

    /// Cuts one chunk. Whether it is a long one, of which more than the head waits.
    fn cut_one(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        session: SessionId,
        kind: Kind,
        id: SendId,
        out: &mut BytesMut,
    ) -> bool {
        let (Some(connection), Some(state), Some(sending)) = (
            self.conns.get_mut(conn.0),
            self.sessions.get_mut(session.0),
            self.sends.get_mut(id.0),
        ) else {
            return true;
        };
        let Session {
            messages,
            streams,
            uncut,
            peer: Some(to),
            local,
            ..
        } = state
        else {
            return true;
        };
        let lane = match kind {
            Kind::Message => messages,
            Kind::Stream => match streams {
                Some(lane) => lane,
                None => return true,
            },
        };
        let (before, uncut_before) = (out.len(), sending.uncut());
        let pending = &mut connection.pending;
        let next_id = || pending.next_id(cx.ids);
        let (cut, transaction) = sending.cut(to, local, cx.limits.msrp_send_chunk, next_id, out);
        lane.deficit = lane.deficit.saturating_sub(cut.size);
        lane.cut += usize::from(sending.is_cut);
        *uncut = uncut.saturating_sub(uncut_before - sending.uncut());
        let is_long = cut.rest.is_some();
        let rest = cut.rest.into_iter().flatten();
        connection.out.extend(rest);
        let pieces = &connection.out;
        show(cx, conn, Direction::Out, || {
            let head = out.get(before..).unwrap_or_default();
            let rest = pieces.iter().flatten();
            head.iter().chain(rest).copied().collect()
        });
        let failure_report = sending.failure_report;
        if failure_report == FailureReport::No {
            if sending.is_cut {
                self.landed(cx, id);
            }
        } else {
            sending.unanswered += 1;
            connection.pending.push(
                transaction,
                What::Chunk {
                    send: id,
                    failure_report,
                    from: cut.from,
                    to: cut.to,
                },
            );
        }
        if kind == Kind::Stream {
            self.want(cx, session);
        }
        is_long
    }
}

/// How much is put into one write.
const WRITE: usize = 16 * 1024;
