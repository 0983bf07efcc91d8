//! Finding heads, bodies and end-lines in a stream of bytes.

mod end_line;
#[cfg(test)]
mod tests;

use crate::engine::Limits;
use crate::wire::swar;
use bytes::{Bytes, BytesMut};
use end_line::{END_LINE, Id, Match, START};
use memchr::memchr;
use std::collections::VecDeque;

/// What follows a chunk: the flag of its end-line (RFC 4975 §7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Continuation {
    /// `$`: it is the last chunk of the message.
    #[default]
    Complete,
    /// `+`: more chunks follow.
    More,
    /// `#`: the message is given up.
    Aborted,
}

impl Continuation {
    /// The flag on the wire.
    pub const fn flag(self) -> u8 {
        match self {
            Self::Complete => b'$',
            Self::More => b'+',
            Self::Aborted => b'#',
        }
    }

    const fn of(flag: u8) -> Option<Self> {
        match flag {
            b'$' => Some(Self::Complete),
            b'+' => Some(Self::More),
            b'#' => Some(Self::Aborted),
            _ => None,
        }
    }
}

/// A piece of the stream: a whole chunk where it lay in one received buffer, otherwise as much of it as there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The start line and the header lines, with the blank line if a body follows. Only in the first piece of a chunk.
    pub head: Option<Bytes>,
    /// The next bytes of the body.
    pub body: Bytes,
    /// The flag of the end-line. Only in the last piece of a chunk.
    pub end: Option<Continuation>,
}

/// Why a stream is not MSRP. The stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}, at byte {at} of the stream")]
pub struct FrameError {
    /// What is wrong.
    pub kind: FrameErrorKind,
    /// Where the head begins in which it is wrong, counted from the first byte of the stream.
    pub at: u64,
}

/// What is wrong with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FrameErrorKind {
    /// What should be a start line is none. A stream that begins with anything else is not looked at further, so that
    /// MSRP hidden in the body of another protocol is never found.
    #[error("not an MSRP start line")]
    StartLine,
    /// A line of the head does not end in CR LF.
    #[error("a line ends in LF without CR")]
    LineEnd,
    /// The head is larger than `Limits::msrp_head`.
    #[error("the head is too large")]
    TooLarge,
}

/// Cuts a stream into [`Frame`]s.
///
/// No byte is looked at twice but for the few that might be the start of an end-line, a body is never copied, and what
/// is kept between two calls is at most one head.
#[derive(Debug, Default)]
pub struct Framer {
    /// Received and not looked at.
    queue: VecDeque<Bytes>,
    data: Bytes,
    /// Looked at and not decided: the start of a head, or what may become an end-line.
    tail: BytesMut,
    state: State,
    /// How many bytes have been decided.
    at: u64,
}

#[derive(Debug)]
enum State {
    /// In a head: the line that begins at `line` has no LF before `scanned`.
    Head {
        line: usize,
        scanned: usize,
        id: Option<Id>,
    },
    /// In a body; `fresh` right after the blank line, whose CR LF may serve the end-line of an empty body too.
    Body {
        id: Id,
        fresh: bool,
    },
    Failed(FrameError),
}

impl Default for State {
    fn default() -> Self {
        Self::Head {
            line: 0,
            scanned: 0,
            id: None,
        }
    }
}

impl Framer {
    /// At the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes received bytes.
    pub fn push(&mut self, data: Bytes) {
        if self.data.is_empty() {
            self.data = data;
        } else if !data.is_empty() {
            self.queue.push_back(data);
        }
    }

    /// The next piece. `None`: more bytes are needed.
    ///
    /// # Errors
    ///
    /// See [`FrameErrorKind`]; the same error again in every later call.
    pub fn next(&mut self, limits: &Limits) -> Result<Option<Frame>, FrameError> {
        let mut frame = Frame::default();
        loop {
            let done = match self.state {
                State::Failed(error) => return Err(error),
                State::Head { .. } => match self.head(limits) {
                    Ok(found) => found.map(|(head, end)| {
                        frame.head = Some(head);
                        frame.end = end;
                        end.is_some()
                    }),
                    Err(kind) => {
                        let error = FrameError { kind, at: self.at };
                        self.state = State::Failed(error);
                        (self.data, self.tail) = Default::default();
                        self.queue.clear();
                        return Err(error);
                    }
                },
                State::Body { id, fresh } => self.body(&id, fresh).map(|(body, end)| {
                    frame.body = body;
                    frame.end = end;
                    true
                }),
            };
            match done {
                Some(true) => return Ok(Some(frame)),
                Some(false) => {}
                None => match self.queue.pop_front() {
                    Some(data) => self.data = data,
                    None => return Ok(frame.head.is_some().then_some(frame)),
                },
            }
        }
    }

    /// How many received bytes have not been decided.
    pub(super) fn rest(&self) -> usize {
        self.tail.len() + self.data.len() + self.queue.iter().map(Bytes::len).sum::<usize>()
    }

    /// Whether a chunk has begun and not ended.
    pub fn is_within(&self) -> bool {
        matches!(self.state, State::Body { .. }) || !self.tail.is_empty()
    }

    /// Whether a head has begun and not ended.
    pub fn is_within_head(&self) -> bool {
        matches!(self.state, State::Head { .. }) && !self.tail.is_empty()
    }

    /// The head, and the flag if no body follows.
    #[allow(clippy::type_complexity)]
    fn head(
        &mut self,
        limits: &Limits,
    ) -> Result<Option<(Bytes, Option<Continuation>)>, FrameErrorKind> {
        loop {
            let State::Head { line, scanned, id } = &mut self.state else {
                return Ok(None);
            };
            if !self.tail.is_empty() {
                // The head began in an earlier buffer: take as much as its next line needs, and no more.
                let take = match memchr(b'\n', &self.data) {
                    Some(at) => at + 1,
                    None => self.data.len(),
                };
                let most = limits.msrp_head.saturating_add(END_LINE + 1);
                let room = most.saturating_sub(self.tail.len());
                let part = self.data.split_to(take.min(room));
                self.tail.extend_from_slice(&part);
            }
            let whole = if self.tail.is_empty() {
                &self.data[..]
            } else {
                &self.tail[..]
            };
            if whole.is_empty() {
                return Ok(None);
            }
            if *line == 0 {
                // Bare line ends between two chunks are let pass; nothing may stand before the first.
                if self.at > 0 && *scanned == 0 && whole.starts_with(b"\r") {
                    if whole.starts_with(b"\r\n") {
                        self.skip(2);
                        continue;
                    } else if whole.len() > 1 {
                        return Err(FrameErrorKind::StartLine);
                    }
                    self.hold();
                    return Ok(None);
                }
                let begins = whole.iter().zip(START).all(|(byte, start)| byte == start);
                if !begins {
                    return Err(FrameErrorKind::StartLine);
                }
            }
            // Lines as far as there are any.
            let from = *scanned;
            let mut ends = swar::positions(whole.get(from..).unwrap_or_default(), b'\n');
            let decided = loop {
                let Some(at) = ends.next() else {
                    *scanned = whole.len();
                    break None;
                };
                let end = from + at;
                let text = whole.get(*line..end).unwrap_or_default();
                let Some(text) = text.strip_suffix(b"\r") else {
                    return Err(FrameErrorKind::LineEnd);
                };
                match id {
                    None => *id = Some(Id::of(text).ok_or(FrameErrorKind::StartLine)?),
                    Some(id) if text.is_empty() => break Some((end + 1, end + 1, None, *id)),
                    Some(id) => {
                        if let Some(end_line) = id.flag_of(text) {
                            break Some((*line, end + 1, Some(end_line), *id));
                        }
                    }
                }
                (*line, *scanned) = (end + 1, end + 1);
            };
            // The end-line is no part of the head, so a line that may become one has room after it.
            let (head, undecided) = match &decided {
                Some((head, ..)) => (*head, 0),
                None => (*line, whole.len()),
            };
            if head > limits.msrp_head || undecided > limits.msrp_head.saturating_add(END_LINE) {
                return Err(FrameErrorKind::TooLarge);
            }
            if let Some((head, all, end, id)) = decided {
                self.state = match end {
                    Some(_) => State::default(),
                    None => State::Body { id, fresh: true },
                };
                let mut taken = self.skip(all);
                taken.truncate(head);
                return Ok(Some((taken, end)));
            }
            if self.tail.is_empty() {
                self.tail.extend_from_slice(&self.data);
                self.data = Bytes::new();
            }
            if self.data.is_empty() {
                return Ok(None);
            }
        }
    }

    /// The next bytes of the body, and the flag if it ends with them.
    fn body(&mut self, id: &Id, mut fresh: bool) -> Option<(Bytes, Option<Continuation>)> {
        loop {
            if !self.tail.is_empty() {
                // Everything that might be an end-line, and no byte more of the next chunk than that.
                let room = (id.full() - usize::from(fresh) * 2).saturating_sub(self.tail.len());
                let part = self.data.split_to(room.min(self.data.len()));
                self.tail.extend_from_slice(&part);
            }
            let whole = if self.tail.is_empty() {
                &self.data[..]
            } else {
                &self.tail[..]
            };
            if whole.is_empty() {
                return None;
            }
            if fresh {
                // The blank line's own CR LF counts.
                match id.match_at(whole, 2) {
                    Match::Yes(end) => {
                        self.state = State::default();
                        self.skip(id.full() - 2);
                        return Some((Bytes::new(), Some(end)));
                    }
                    Match::Maybe => {
                        // Fewer bytes than an end-line has, so nothing else is in the buffer.
                        self.hold();
                        return None;
                    }
                    Match::No => {
                        fresh = false;
                        self.state = State::Body { id: *id, fresh };
                    }
                }
            }
            let body = match id.search(whole) {
                (at, Match::Yes(end)) => {
                    self.state = State::default();
                    let mut taken = self.skip(at + id.full());
                    taken.truncate(at);
                    return Some((taken, Some(end)));
                }
                (at, Match::Maybe) => at,
                (_, Match::No) => whole.len(),
            };
            let direct = self.tail.is_empty();
            let taken = self.skip(body);
            if direct {
                self.hold();
            }
            if body > 0 {
                return Some((taken, None));
            }
            if self.data.is_empty() {
                return None;
            }
        }
    }

    /// Takes bytes that are decided.
    fn skip(&mut self, count: usize) -> Bytes {
        self.at = self.at.saturating_add(count as u64);
        if self.tail.is_empty() {
            self.data.split_to(count.min(self.data.len()))
        } else {
            let taken = self.tail.split_to(count.min(self.tail.len())).freeze();
            if self.tail.is_empty() {
                // An idle connection keeps no buffer.
                self.tail = BytesMut::new();
            }
            taken
        }
    }

    /// Keeps the undecided rest without keeping the buffer it came in.
    fn hold(&mut self) {
        self.tail.extend_from_slice(&self.data);
        self.data = Bytes::new();
    }
}
