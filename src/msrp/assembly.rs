//! Messages of which chunks are missing: within which bounds they are kept, and until when.

use super::connection::Chunk;
use super::endpoint::{Endpoint, Timer};
use super::inbound::max_size;
use super::msg::{Continuation, Status};
use super::receiver::{Owed, Partial, Report};
use super::session::SessionId;
use crate::engine::{ConnId, Cx};

impl Endpoint {
    /// Puts bytes into their message.
    pub(super) fn store(
        &mut self,
        cx: &Cx<'_>,
        chunk: &mut Chunk,
        body: &[u8],
    ) -> Result<(), Status> {
        let state = self
            .sessions
            .get_mut(chunk.session.0)
            .ok_or(Status::NO_SESSION)?;
        let held: usize = state.partials.iter().map(Partial::charged).sum();
        let partial = state
            .partials
            .iter_mut()
            .find(|p| p.id == chunk.message_id)
            // It took too long.
            .ok_or(Status::STOP)?;
        partial.touched = cx.now;
        if partial.refused {
            return Err(Status::STOP);
        }
        if body.is_empty() {
            return Ok(());
        }
        let before = partial.charged();
        let price = Partial::price(body.len());
        let max = max_size(cx, state.settings.max_size);
        let end = chunk.at.checked_add(body.len() as u64);
        let fits = end.is_some_and(|end| end <= max)
            && held.saturating_add(price) <= cx.limits.msrp_session
            && self.reassembly.saturating_add(price) <= cx.limits.msrp_reassembly;
        if fits {
            partial.write(chunk.at, body);
        }
        if !fits || partial.is_shattered() {
            partial.refuse();
        }
        self.reassembly = (self.reassembly + partial.charged()).saturating_sub(before);
        if partial.refused {
            return Err(Status::STOP);
        }
        chunk.at = end.unwrap_or(u64::MAX);
        Ok(())
    }

    /// A chunk has ended; maybe its message is whole.
    pub(super) fn chunk_ended(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        chunk: Chunk,
        end: Continuation,
    ) {
        let Some(state) = self.sessions.get_mut(chunk.session.0) else {
            return self.answer(cx, conn, &chunk.answer, Status::NO_SESSION);
        };
        let found = state.partials.iter().position(|p| p.id == chunk.message_id);
        let complete = found.is_some_and(|index| {
            let Some(partial) = state.partials.get_mut(index) else {
                return false;
            };
            if end == Continuation::Complete {
                partial.finish(chunk.at);
            }
            partial.is_complete()
        });
        let Some(index) = found.filter(|_| complete || end == Continuation::Aborted) else {
            return self.answer(cx, conn, &chunk.answer, Status::OK);
        };
        let partial = state.partials.swap_remove(index);
        self.reassembly = self.reassembly.saturating_sub(partial.charged());
        if end == Continuation::Aborted {
            return self.answer(cx, conn, &chunk.answer, Status::OK);
        }
        let content_encoding = partial.content_encoding.clone();
        let content_type = partial.content_type.clone();
        let wants_report = partial.success_report;
        let body = partial.into_body();
        let report = chunk.report.filter(|_| wants_report).map(|to| {
            Box::new(Report {
                to,
                message_id: chunk.message_id.compact(),
                from: 0,
                size: body.len() as u64,
            })
        });
        let owed = Owed {
            answer: chunk.answer,
            report,
            size: body.len(),
        };
        self.hand_over(
            conn,
            chunk.session,
            owed,
            chunk.message_id,
            (content_type, content_encoding),
            body,
        );
    }

    pub(super) fn watch_partials(&mut self, cx: &Cx<'_>, session: SessionId) {
        let timer = Timer::Partial(session);
        let oldest = self.sessions.get(session.0).and_then(|state| {
            let pieces = state.pieces.as_ref().and_then(|pieces| pieces.oldest());
            let partials = state.partials.iter().map(|p| p.touched);
            partials.chain(pieces).min()
        });
        if self.timers.get(&timer).is_none()
            && let Some(at) = oldest.and_then(|at| at.checked_add(cx.limits.msrp_idle))
        {
            self.timers.set(timer, at);
        }
    }

    /// Forgets messages whose next chunk does not come.
    pub(super) fn sweep(&mut self, cx: &Cx<'_>, session: SessionId) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        let mut freed = 0;
        state.partials.retain(|partial| {
            let idle = cx.now.saturating_duration_since(partial.touched);
            let keep = idle < cx.limits.msrp_idle;
            freed += if keep { 0 } else { partial.charged() };
            keep
        });
        self.reassembly = self.reassembly.saturating_sub(freed);
        self.sweep_pieces(cx, session);
        self.watch_partials(cx, session);
    }
}
