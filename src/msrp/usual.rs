//! What nearly every frame is, taken the short way: a whole message between paths that are spelled as they were agreed
//! on, a further chunk of one that is handed up in pieces, and the response that confirms a chunk.
//!
//! They are read where they lie and allocate nothing. What is out of the ordinary in any way is given back and goes
//! through [`inbound`](super::inbound), which knows all cases; nothing is accepted here that would not be there.

use super::endpoint::Endpoint;
use super::msg::{Continuation, Frame, Head};
use super::pieces::Delivery;
use super::receiver::{Answer, Owed};
use super::session::SessionId;
use crate::engine::{ConnId, Cx};
use crate::wire::{Text, swar};
use bytes::{Buf, Bytes};

impl Endpoint {
    /// Deals with a frame that is whole, or gives it back.
    pub(super) fn usual(&mut self, cx: &mut Cx<'_>, conn: ConnId, frame: Frame) -> Option<Frame> {
        let (Some(bytes), Some(end)) = (&frame.head, frame.end) else {
            return Some(frame);
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Some(frame);
        };
        let Ok(head) = Head::read(text) else {
            return Some(frame);
        };
        if let Some(status) = head.response_status() {
            if !status.is_success() || !self.confirmed(cx, conn, head.transaction_id()) {
                return Some(frame);
            }
            return None;
        }
        let found = self
            .usual_session(conn, &head)
            .filter(|session| self.is_usual(conn, *session, &head));
        let answer = Answer::usual(head.transaction_id(), head.failure_report());
        let (Some(session), Some(answer), Some(id)) = (found, answer, head.message_id()) else {
            return Some(frame);
        };
        let range = head.byte_range().unwrap_or_default();
        if let Some(mut chunk) = self.go_on(cx, session, id, range, answer.clone()) {
            let head = bytes.len();
            self.hand_up(cx, conn, &mut chunk, frame.body, head, Some(end));
            return None;
        }
        if end != Continuation::Complete || !self.is_whole(cx, session, &head, frame.body.len()) {
            return Some(frame);
        }
        let content_type = match head.content_type() {
            Some("message/cpim") => Text::from_static("message/cpim"),
            Some("text/plain") => Text::from_static("text/plain"),
            other => text_in(bytes, other.unwrap_or_default()),
        };
        // The handle of the head becomes that of the id.
        let (at, len) = (
            id.as_ptr().addr().saturating_sub(text.as_ptr().addr()),
            id.len(),
        );
        let Frame { head, body, .. } = frame;
        let mut id = head.unwrap_or_default();
        id.truncate(at + len);
        id.advance(at.min(id.len()));
        let id = Text::from_utf8(id).unwrap_or_default();
        let owed = Owed {
            answer,
            report: None,
            size: body.len(),
        };
        self.hand_over(conn, session, owed, id, (content_type, None), body);
        None
    }

    /// Takes note of a 200 to a chunk. `false`: it is something else.
    fn confirmed(&mut self, cx: &mut Cx<'_>, conn: ConnId, transaction_id: &str) -> bool {
        let Some(connection) = self.conns.get_mut(conn.0) else {
            return false;
        };
        let was_waiting = connection.is_waiting_for_answers(cx.limits);
        let Some((send, from, to)) = connection.pending.confirmed(transaction_id) else {
            return false;
        };
        if was_waiting {
            cx.outbox.flush(conn);
        }
        self.confirm(cx, send, from, to);
        true
    }

    /// The session whose URI is all of the To-Path, letter by letter; mostly that of the message before.
    fn usual_session(&mut self, conn: ConnId, head: &Head<&str>) -> Option<SessionId> {
        let path = head.to_path_str();
        let connection = self.conns.get_mut(conn.0)?;
        let is_at = |session: &SessionId| {
            let state = self.sessions.get(session.0);
            state.is_some_and(|state| same(state.local.as_str(), path))
        };
        if let Some(session) = connection.usual.filter(is_at) {
            return Some(session);
        }
        let (_, id) = path.split(';').next()?.rsplit_once('/')?;
        let session = self.by_id.get(id).copied().filter(is_at)?;
        connection.usual = Some(session);
        Some(session)
    }

    /// Whether a SEND comes from where it should, and asks for nothing but to be taken and answered.
    fn is_usual(&self, conn: ConnId, session: SessionId, head: &Head<&str>) -> bool {
        let Some(state) = self.sessions.get(session.0) else {
            return false;
        };
        let is_from = |peer: &super::msg::Path| same(peer.as_str(), head.from_path_str());
        head.is_send()
            && head.content_type().is_some()
            && !head.success_report()
            && !head.has_others()
            && state.up
            && state.conn == Some(conn)
            && state.peer.as_ref().is_some_and(is_from)
    }

    /// Whether there is nothing to do about a message but to hand it up.
    fn is_whole(&self, cx: &Cx<'_>, session: SessionId, head: &Head<&str>, size: usize) -> bool {
        let (Some(state), Some(content_type)) = (self.sessions.get(session.0), head.content_type())
        else {
            return false;
        };
        let range = head.byte_range().unwrap_or_default();
        let max = super::inbound::max_size(cx, state.settings.max_size);
        state.settings.delivery == Delivery::Whole
            && state.pieces.is_none()
            && state.partials.is_empty()
            && range.start == 1
            && range.total.is_none_or(|total| total <= max)
            && size as u64 <= max
            && state.accepts(content_type)
    }
}

fn same(one: &str, other: &str) -> bool {
    swar::same(one.as_bytes(), other.as_bytes())
}

/// `part`, which lies in `bytes`.
fn text_in(bytes: &Bytes, part: &str) -> Text {
    if part.is_empty() {
        return Text::default();
    }
    Text::from_utf8(bytes.slice_ref(part.as_bytes())).unwrap_or_default()
}
