//! Messages that are received in pieces: what arrives is handed up at once and held nowhere.

use super::endpoint::Endpoint;
use super::event::{Event, Piece, Progress, Receipt};
use super::msg::{ByteRange, Continuation, Path, Request, Status};
use super::ranges::Ranges;
use super::receiver::{Answer, Report, SEGMENTS};
use super::session::SessionId;
use crate::engine::{ConnId, Cx, Key, Slab};
use crate::wire::Text;
use bytes::Bytes;
use std::time::Instant;

/// How the messages of a session are handed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Whole, by [`Event::Received`]: put together from their chunks, and no larger than `Limits::msrp_message`.
    #[default]
    Whole,
    /// In pieces, by [`Event::Piece`]: of any size, as they arrive. While an application has taken less than
    /// `Limits::msrp_window` of what one connection brought, no more is read from that connection, and its peer waits
    /// as it does for a slow network. The 200 to a chunk goes out when all of its pieces were accepted, which has to
    /// be within the peer's transaction time.
    Pieces {
        /// The first byte that is expected, counted from 0; not 0 where an earlier transfer is resumed. A message is
        /// complete with everything from there on.
        from: u64,
    },
}

/// What a session that is read in pieces knows.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    flows: Slab<Flow>,
    chunks: Slab<OwedChunk>,
}

/// A message of which pieces have come.
#[derive(Debug)]
struct Flow {
    id: Text,
    content_type: Text,
    /// What was handed up.
    seen: Ranges,
    total: Option<u64>,
    /// How large it is, known from its last chunk.
    size: Option<u64>,
    /// How many pieces of it nobody has answered.
    unanswered: usize,
    /// When its last bytes came, or were taken.
    touched: Instant,
    /// Its sender was told to stop.
    stopped: Option<Status>,
    is_complete: bool,
    /// Where a success report goes.
    report: Option<Path>,
}

/// A chunk whose response waits for its pieces.
#[derive(Debug)]
struct OwedChunk {
    flow: Key,
    /// Nothing once it is answered.
    answer: Option<Answer>,
    /// How many of its pieces nobody has answered, and what they count in the window.
    unanswered: usize,
    held: usize,
    has_ended: bool,
}

impl OwedChunk {
    const fn new(flow: Key, answer: Answer) -> Self {
        Self {
            flow,
            answer: Some(answer),
            unanswered: 0,
            held: 0,
            has_ended: false,
        }
    }
}

/// A chunk that is being received in pieces.
#[derive(Debug)]
pub(super) struct PieceChunk {
    pub(super) session: SessionId,
    flow: Key,
    chunk: Key,
    /// Where its next byte belongs in the message, counted from 0.
    at: u64,
}

impl Pieces {
    fn flow_of(&self, id: &str) -> Option<(Key, &Flow)> {
        self.flows.iter().find(|(_, flow)| flow.id == *id)
    }

    /// Whether parts of a message have come, or that its sender was told to stop.
    pub(super) fn knows(&self, id: &str) -> Result<bool, Status> {
        match self.flow_of(id) {
            Some((_, flow)) => flow.stopped.map_or(Ok(true), Err),
            None => Ok(false),
        }
    }

    /// Puts the paths of all answers down, before those of the session become others.
    pub(super) fn spell_out(&mut self, to: &str, from: &str) {
        let chunks = self.chunks.iter_mut();
        for answer in chunks.filter_map(|(_, chunk)| chunk.answer.as_mut()) {
            answer.spell_out(to, from);
        }
    }

    /// What its pieces count in the window.
    pub(super) fn held(&self) -> usize {
        self.chunks.iter().map(|(_, chunk)| chunk.held).sum()
    }

    /// When the next message will have been silent for too long: a time to be silent since.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.flows.iter().map(|(_, flow)| flow.touched).min()
    }
}

impl Endpoint {
    /// A chunk begins in a session that is read in pieces. Its body starts `at`.
    pub(super) fn begin_pieces(
        &mut self,
        cx: &Cx<'_>,
        session: SessionId,
        request: &Request,
        at: u64,
    ) -> Result<PieceChunk, Status> {
        let state = self.sessions.get_mut(session.0).ok_or(Status::NO_SESSION)?;
        let pieces = state.pieces.get_or_insert_default();
        let id = request.message_id.clone().unwrap_or_default();
        let flow = match pieces.flow_of(&id) {
            Some((key, _)) => key,
            None if pieces.flows.len() >= cx.limits.msrp_partial => return Err(Status::STOP),
            None => {
                let content_type = request.content_type.clone().unwrap_or_default();
                pieces.flows.insert(Flow {
                    id: id.compact(),
                    content_type: content_type.compact(),
                    seen: Ranges::default(),
                    total: None,
                    size: None,
                    unanswered: 0,
                    touched: cx.now,
                    stopped: None,
                    is_complete: false,
                    report: None,
                })
            }
        };
        if let Some(flow) = pieces.flows.get_mut(flow) {
            let total = request.byte_range.and_then(|range| range.total);
            flow.total = total.or(flow.total);
            if request.success_report && flow.report.is_none() {
                flow.report = Some(request.from_path.compact());
            }
        }
        let chunk = pieces
            .chunks
            .insert(OwedChunk::new(flow, Answer::to(request)));
        self.watch_partials(cx, session);
        Ok(PieceChunk {
            session,
            flow,
            chunk,
            at,
        })
    }

    /// A further chunk begins of a message that is handed up in pieces and goes on; `None` if there is more to see to.
    pub(super) fn go_on(
        &mut self,
        cx: &Cx<'_>,
        session: SessionId,
        id: &str,
        range: ByteRange,
        answer: Answer,
    ) -> Option<PieceChunk> {
        let state = self.sessions.get_mut(session.0)?;
        let max = state.settings.max_size.unwrap_or(u64::MAX);
        let at = range.start.checked_sub(1).filter(|at| *at <= max)?;
        if state.settings.delivery == Delivery::Whole
            || range.total.is_some_and(|total| total > max)
        {
            return None;
        }
        let pieces = state.pieces.as_deref_mut()?;
        let (key, _) = pieces
            .flow_of(id)
            .filter(|(_, flow)| flow.stopped.is_none())?;
        let flow = pieces.flows.get_mut(key)?;
        flow.total = range.total.or(flow.total);
        let chunk = pieces.chunks.insert(OwedChunk::new(key, answer));
        self.watch_partials(cx, session);
        Some(PieceChunk {
            session,
            flow: key,
            chunk,
            at,
        })
    }

    /// Hands up what came of a chunk. `false`: the rest of it is not wanted.
    pub(super) fn hand_up(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        chunk: &mut PieceChunk,
        mut body: Bytes,
        head: usize,
        end: Option<Continuation>,
    ) -> bool {
        let Some(state) = self.sessions.get_mut(chunk.session.0) else {
            return false;
        };
        let max = state.settings.max_size.unwrap_or(u64::MAX);
        let Delivery::Pieces { from: first } = state.settings.delivery else {
            return false;
        };
        let Some(pieces) = state.pieces.as_deref_mut() else {
            return false;
        };
        let (Some(flow), Some(owed)) = (
            pieces.flows.get_mut(chunk.flow),
            pieces.chunks.get_mut(chunk.chunk),
        ) else {
            return false;
        };
        flow.touched = cx.now;
        let (from, to) = (chunk.at, chunk.at.saturating_add(body.len() as u64));
        chunk.at = to;
        if flow.stopped.is_none() && (to > max || to == u64::MAX || flow.seen.len() > SEGMENTS) {
            flow.stopped = Some(Status::STOP);
        }
        if let Some(status) = flow.stopped {
            // Too much of it, or the application has had enough.
            let answer = owed.answer.take();
            if owed.unanswered == 0 {
                pieces.chunks.remove(chunk.chunk);
            }
            if end == Some(Continuation::Aborted) && flow.unanswered == 0 {
                pieces.flows.remove(chunk.flow);
            }
            if let Some(answer) = answer {
                self.answer_within(cx, conn, chunk.session, &answer, status);
            }
            return false;
        }
        if end == Some(Continuation::Complete) {
            flow.size = Some(to);
        }
        owed.has_ended = end.is_some();
        // Of bytes that come twice the first are kept. Mostly all are new, and no list is needed.
        let (mut news, mut others) = (None, Vec::new());
        let mut at = from;
        loop {
            let (start, stop) = flow.seen.gap(at);
            let stop = stop.min(to);
            if start >= stop {
                break;
            }
            let (start_in, stop_in) = ((start - from) as usize, (stop - from) as usize);
            let part = match stop_in - start_in == body.len() {
                true => std::mem::take(&mut body),
                false => body.slice(start_in..stop_in),
            };
            match news {
                None => news = Some((start, part)),
                Some(_) => others.push((start, part)),
            }
            at = stop;
        }
        flow.seen.add(from, to);
        let was_complete = flow.is_complete;
        flow.is_complete = flow.size.is_some_and(|size| flow.seen.gap(first).0 >= size);
        let progress = match end {
            Some(Continuation::Aborted) => Progress::Aborted,
            _ if flow.is_complete && !was_complete => Progress::Complete,
            _ => Progress::More,
        };
        if news.is_none() && progress != Progress::More {
            news = Some((to, Bytes::new()));
        }
        let count = usize::from(news.is_some()) + others.len();
        let Some(connection) = self.conns.get_mut(conn.0) else {
            return false;
        };
        for (index, (at, bytes)) in news.into_iter().chain(others).enumerate() {
            // The head pins the receive buffer just as the body does.
            let held = bytes.len() + if index == 0 { head } else { 0 } + PIECE;
            owed.unanswered += 1;
            owed.held += held;
            flow.unanswered += 1;
            connection.held += held;
            self.held += held;
            let is_last = index + 1 == count;
            self.events.push_back(Event::Piece {
                session: chunk.session,
                piece: Piece {
                    id: flow.id.clone(),
                    content_type: flow.content_type.clone(),
                    at,
                    bytes,
                    total: flow.size.or(flow.total),
                    progress: if is_last { progress } else { Progress::More },
                    receipt: Receipt {
                        session: chunk.session,
                        key: chunk.chunk,
                        held: Some(held),
                    },
                },
            });
        }
        if progress == Progress::Aborted {
            // The same id may be used again.
            pieces.flows.remove(chunk.flow);
        }
        self.settle_chunk(cx, chunk.session, chunk.chunk);
        true
    }

    /// A piece was accepted, or its message refused.
    pub(super) fn settle_piece(
        &mut self,
        cx: &mut Cx<'_>,
        receipt: &Receipt,
        held: usize,
        status: Status,
    ) {
        let Some(state) = self.sessions.get_mut(receipt.session.0) else {
            return;
        };
        let conn = state.conn;
        let Some(pieces) = state.pieces.as_deref_mut() else {
            return;
        };
        let Some(owed) = pieces.chunks.get_mut(receipt.key) else {
            return;
        };
        owed.unanswered = owed.unanswered.saturating_sub(1);
        owed.held = owed.held.saturating_sub(held);
        self.held = self.held.saturating_sub(held);
        let mut refused = None;
        let flow = pieces.flows.get_mut(owed.flow);
        if let Some(flow) = flow {
            flow.unanswered = flow.unanswered.saturating_sub(1);
            flow.touched = cx.now;
            if !status.is_success() {
                flow.stopped = Some(status);
            }
        }
        if !status.is_success() {
            refused = owed.answer.take();
        }
        if let Some(conn) = conn {
            if let Some(connection) = self.conns.get_mut(conn.0) {
                connection.held = connection.held.saturating_sub(held);
            }
            if let Some(answer) = refused {
                self.answer_within(cx, conn, receipt.session, &answer, status);
            }
        }
        self.settle_chunk(cx, receipt.session, receipt.key);
    }

    /// Answers a chunk that has ended and whose pieces were all taken; then maybe its message is through.
    fn settle_chunk(&mut self, cx: &mut Cx<'_>, session: SessionId, key: Key) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        let Some(pieces) = state.pieces.as_deref_mut() else {
            return;
        };
        let Some(owed) = pieces.chunks.get_mut(key) else {
            return;
        };
        if owed.unanswered > 0 || !(owed.has_ended || owed.answer.is_none()) {
            return;
        }
        let (answer, flow) = (owed.answer.take(), owed.flow);
        pieces.chunks.remove(key);
        let is_through = |flow: &Flow| flow.unanswered == 0 && flow.is_complete;
        let mut report = None;
        if pieces.flows.get(flow).is_some_and(is_through)
            && let Some(flow) = pieces.flows.remove(flow)
            && flow.stopped.is_none()
            && let (Some(to), Delivery::Pieces { from }) = (flow.report, state.settings.delivery)
        {
            report = Some(Report {
                to,
                message_id: flow.id,
                from,
                size: flow.size.unwrap_or_default(),
            });
        }
        let Some(conn) = state.conn else { return };
        if let Some(answer) = answer {
            self.answer_within(cx, conn, session, &answer, Status::OK);
        }
        if let Some(report) = report {
            self.report_success(cx, conn, session, report);
        }
    }

    /// Gives up messages whose next chunk does not come, and says so.
    pub(super) fn sweep_pieces(&mut self, cx: &Cx<'_>, session: SessionId) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        let conn = state.conn;
        let Some(pieces) = state.pieces.as_deref_mut() else {
            return;
        };
        let (mut late, mut waiting) = (Vec::new(), Vec::new());
        for (key, flow) in pieces.flows.iter() {
            if cx.now.saturating_duration_since(flow.touched) >= cx.limits.msrp_idle {
                // It is us who are late, where pieces were not taken.
                if flow.unanswered > 0 {
                    waiting.push(key);
                } else {
                    late.push(key);
                }
            }
        }
        for key in waiting {
            if let Some(flow) = pieces.flows.get_mut(key) {
                flow.touched = cx.now;
            }
        }
        for key in late {
            let Some(flow) = pieces.flows.remove(key) else {
                continue;
            };
            if flow.stopped.is_some() {
                continue;
            }
            let chunk = pieces.chunks.insert(OwedChunk {
                flow: key,
                answer: None,
                unanswered: 1,
                held: PIECE,
                has_ended: true,
            });
            self.held += PIECE;
            if let Some(connection) = conn.and_then(|conn| self.conns.get_mut(conn.0)) {
                connection.held += PIECE;
            }
            self.events.push_back(Event::Piece {
                session,
                piece: Piece {
                    id: flow.id,
                    content_type: flow.content_type,
                    at: flow.seen.gap(0).0,
                    bytes: Bytes::new(),
                    total: flow.total,
                    progress: Progress::Aborted,
                    receipt: Receipt {
                        session,
                        key: chunk,
                        held: Some(PIECE),
                    },
                },
            });
        }
    }
}

/// What a piece costs beside its bytes.
const PIECE: usize = 128;
