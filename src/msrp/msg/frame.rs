//! Finding heads, bodies and end-lines in a stream of bytes.

use crate::engine::Limits;
use crate::wire::swar;
use bytes::{Bytes, BytesMut};
use memchr::{memchr, memmem};
use std::collections::VecDeque;
use std::sync::LazyLock;

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

/// The end-line of the current chunk without its flag: CR LF, seven hyphens, the transaction id.
#[derive(Clone, Copy)]
struct Id {
    line: [u8; PREFIX.len() + MAX_ID],
    len: u8,
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        String::from_utf8_lossy(self.line()).fmt(f)
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

/// Whether an end-line stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Yes(Continuation),
    /// As far as there are bytes.
    Maybe,
    No,
}

impl Id {
    /// From a start line without its CR LF: `MSRP`, the transaction id, and something more.
    fn of(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(START)?;
        let rest = rest.trim_ascii_start();
        let len = memchr(b' ', rest)?;
        let (id, what) = rest.split_at_checked(len)?;
        if id.is_empty()
            || id.len() > MAX_ID
            || !id.iter().all(u8::is_ascii_graphic)
            || what.trim_ascii().is_empty()
        {
            return None;
        }
        let mut line = [0; PREFIX.len() + MAX_ID];
        let (prefix, place) = line.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX);
        place.get_mut(..len)?.copy_from_slice(id);
        Some(Self {
            line,
            len: u8::try_from(PREFIX.len() + len).ok()?,
        })
    }

    fn line(&self) -> &[u8] {
        self.line.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The length of the end-line with everything: CR LF before it, flag, CR LF.
    const fn full(&self) -> usize {
        self.len as usize + 3
    }

    /// The flag, if a line of the head is the end-line.
    fn flag_of(&self, line: &[u8]) -> Option<Continuation> {
        // Most lines are header fields, and told from an end-line by their length or first byte.
        if line.first() != Some(&b'-') || line.len() + 4 != self.full() {
            return None;
        }
        match line.strip_prefix(self.line().get(2..)?)? {
            [flag] => Continuation::of(*flag),
            _ => None,
        }
    }

    /// Whether `bytes` begin with the end-line, of which the first `skip` bytes are known to be there.
    fn match_at(&self, bytes: &[u8], skip: usize) -> Match {
        let line = self.line().get(skip..).unwrap_or_default();
        let Some((start, rest)) = bytes.split_at_checked(line.len()) else {
            return match line.starts_with(bytes) {
                true => Match::Maybe,
                false => Match::No,
            };
        };
        if start != line {
            return Match::No;
        }
        match rest {
            [] => Match::Maybe,
            [flag, end @ ..] => match (Continuation::of(*flag), end) {
                (Some(end), [b'\r', b'\n', ..]) => Match::Yes(end),
                (Some(_), [] | [b'\r']) => Match::Maybe,
                _ => Match::No,
            },
        }
    }

    /// The first place where the end-line stands, or may stand for all that is known yet.
    fn search(&self, bytes: &[u8]) -> (usize, Match) {
        let mut from = 0;
        while let Some(rest) = bytes.get(from..)
            && let Some(at) = FINDER.find(rest)
        {
            let at = from + at;
            match self.match_at(bytes.get(at..).unwrap_or_default(), 0) {
                Match::No => from = at + 2,
                found => return (at, found),
            }
        }
        // No whole prefix is left; a part of one may be, at the very end.
        let start = from.max(bytes.len().saturating_sub(PREFIX.len() - 1));
        let rest = bytes.get(start..).unwrap_or_default();
        match (0..rest.len()).find(|&at| rest.get(at..).is_some_and(|r| PREFIX.starts_with(r))) {
            Some(at) => (start + at, Match::Maybe),
            None => (bytes.len(), Match::No),
        }
    }
}

/// What every end-line begins with. Looking for this and comparing the id where it is found, one searcher does for all
/// chunks; building one costs more than searching a short text.
static FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(PREFIX));

const PREFIX: &[u8] = b"\r\n-------";

/// The longest end-line, with the line ends on both sides.
const END_LINE: usize = PREFIX.len() + MAX_ID + 3;

const START: &[u8] = b"MSRP ";

/// RFC 4975 §9 allows 32 characters.
const MAX_ID: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Head, body and flag of each chunk.
    type Chunks = Vec<(Vec<u8>, Vec<u8>, Continuation)>;

    fn feed(parts: impl IntoIterator<Item = Bytes>) -> Result<Chunks, FrameError> {
        let limits = Limits::default();
        let mut framer = Framer::new();
        let mut chunks = Chunks::new();
        for part in parts {
            framer.push(part);
            while let Some(frame) = framer.next(&limits)? {
                if let Some(head) = frame.head {
                    chunks.push((head.to_vec(), Vec::new(), Continuation::Aborted));
                }
                let last = chunks.last_mut().expect("a head comes first");
                last.1.extend_from_slice(&frame.body);
                if let Some(end) = frame.end {
                    last.2 = end;
                }
            }
        }
        Ok(chunks)
    }

    /// Chunks that try to be mistaken: (bytes, length of the head, body, flag).
    fn stream() -> (Vec<u8>, Chunks) {
        let bodies: [&[u8]; 10] = [
            b"hello",
            b"",
            b"\r\n",
            b"\r\n\r\n",
            b"-------t0b1nd01",
            b"a\r\n-------t0b1nd01",
            b"a\r\n-------t0b1nd01$\r",
            b"a\r\n-------t0b1nd01!\r\n\r\n-------t0b1nd0$\r\n\r\n-------T0B1ND01$\r\nx",
            b"a\r-------t0b1nd01$\r\n\n-------t0b1nd01$\r\nb-------t0b1nd01$\r\n",
            b"\r\n-\r\n------\r\n-------\r\n-------t\r\n--------t0b1nd01$\r\n\r",
        ];
        let flags = [
            Continuation::Complete,
            Continuation::More,
            Continuation::Aborted,
        ];
        let (mut bytes, mut chunks) = (Vec::new(), Chunks::new());
        for (index, body) in bodies.into_iter().enumerate() {
            let head = b"MSRP t0b1nd01 SEND\r\nTo-Path: a\r\nContent-Type: text/plain\r\n\r\n";
            let end = flags[index % 3];
            bytes.extend_from_slice(head);
            bytes.extend_from_slice(body);
            bytes.extend_from_slice(b"\r\n-------t0b1nd01");
            bytes.extend_from_slice(&[end.flag(), b'\r', b'\n']);
            chunks.push((head.to_vec(), body.to_vec(), end));
            let bodiless = b"MSRP x.-+%= 200 OK\r\nTo-Path: a\r\n";
            bytes.extend_from_slice(bodiless);
            bytes.extend_from_slice(b"-------x.-+%=$\r\n");
            chunks.push((bodiless.to_vec(), Vec::new(), Continuation::Complete));
        }
        (bytes, chunks)
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_chunks() {
        let (bytes, chunks) = stream();
        let bytes = Bytes::from(bytes);
        assert_eq!(feed([bytes.clone()]).unwrap(), chunks);
        for at in 0..bytes.len() {
            assert_eq!(
                feed([bytes.slice(..at), bytes.slice(at..)]).unwrap(),
                chunks,
                "cut at {at}"
            );
        }
        let singles = (0..bytes.len()).map(|at| bytes.slice(at..=at));
        assert_eq!(feed(singles).unwrap(), chunks);
    }

    /// Each chunk with the start of what follows it, in every three pieces that it can be cut into.
    #[test]
    fn a_chunk_cut_at_any_two_places_is_the_same() {
        let (bytes, chunks) = stream();
        let bytes = Bytes::from(bytes);
        let mut at = 0;
        for pair in chunks.chunks(2) {
            let id = |flag: u8| [b"\r\n-------t0b1nd01", &[flag][..], b"\r\n"].concat();
            let length: usize = pair[0].0.len() + pair[0].1.len() + id(pair[0].2.flag()).len();
            let one = bytes.slice(at..at + length + 2);
            at += length + pair[1].0.len() + b"-------x.-+%=$\r\n".len();
            for first in 0..one.len() {
                for second in first..one.len() {
                    let parts = [
                        one.slice(..first),
                        one.slice(first..second),
                        one.slice(second..),
                    ];
                    assert_eq!(feed(parts).unwrap(), pair[..1], "{first} {second}");
                }
            }
        }
        assert_eq!(at, bytes.len());
    }

    #[test]
    fn buffers_that_wait_are_read_in_order() {
        let (bytes, chunks) = stream();
        let bytes = Bytes::from(bytes);
        let mut framer = Framer::new();
        for at in 0..bytes.len() {
            framer.push(bytes.slice(at..=at));
        }
        let mut heads = 0;
        while let Some(frame) = framer.next(&Limits::default()).unwrap() {
            heads += usize::from(frame.head.is_some());
        }
        assert_eq!(heads, chunks.len());
    }

    proptest! {
        #[test]
        fn a_stream_cut_in_many_places_gives_the_same_chunks(cuts in proptest::collection::vec(1usize..60, 1..60)) {
            let (bytes, chunks) = stream();
            let mut rest = Bytes::from(bytes);
            let mut parts = Vec::new();
            for cut in cuts.into_iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                parts.push(rest.split_to(cut.min(rest.len())));
            }
            prop_assert_eq!(feed(parts).unwrap(), chunks);
        }
    }

    #[test]
    fn an_end_line_right_after_the_blank_line_ends_an_empty_body() {
        let bytes = Bytes::from_static(
            b"MSRP abcd SEND\r\nA: b\r\n\r\n-------abcd$\r\nMSRP abcd SEND\r\nA: b\r\n\r\n-------abce$\r\n\r\n-------abcd+\r\n",
        );
        for at in 0..bytes.len() {
            let chunks = feed([bytes.slice(..at), bytes.slice(at..)]).unwrap();
            assert_eq!(chunks.len(), 2);
            assert_eq!(chunks[0].1, b"");
            assert_eq!(chunks[1].1, b"-------abce$\r\n");
        }
    }

    #[test]
    fn a_body_in_one_buffer_is_not_copied() {
        let bytes = Bytes::from(
            [
                &b"MSRP abcd SEND\r\nA: b\r\n\r\n"[..],
                &[b'x'; 9000],
                b"\r\n-------abcd$\r\n",
            ]
            .concat(),
        );
        let mut framer = Framer::new();
        framer.push(bytes.clone());
        let frame = framer.next(&Limits::default()).unwrap().unwrap();
        assert_eq!(frame.body.len(), 9000);
        assert!(bytes.as_ptr_range().contains(&frame.body.as_ptr()));
        assert!(!framer.is_within());
    }

    #[test]
    fn only_a_start_line_may_begin_a_stream() {
        let kind =
            |bytes: &'static [u8]| feed([Bytes::from_static(bytes)]).map_err(|e| (e.kind, e.at));
        for bytes in [
            &b"P"[..],
            b"MSRX",
            b"\r\nMSRP abcd SEND\r\n",
            b"MSRP\r\n",
            b"MSRP abcd\r\n",
            b"MSRP abcd \r\n",
            b"POST / HTTP/1.1\r\n\r\nMSRP abcd SEND\r\n-------abcd$\r\n",
        ] {
            assert_eq!(
                kind(bytes),
                Err((FrameErrorKind::StartLine, 0)),
                "{bytes:?}"
            );
        }
        assert_eq!(
            kind(b"MSRP abcd SEND\nTo-Path: a\n"),
            Err((FrameErrorKind::LineEnd, 0))
        );
        assert_eq!(
            kind(b"MSRP abcd SEND\r\n-------abcd$\r\nHTTP"),
            Err((FrameErrorKind::StartLine, 30))
        );
        // Empty lines between chunks are let pass.
        let padded =
            b"MSRP abcd SEND\r\n-------abcd$\r\n\r\n\r\nMSRP abcd SEND\r\n-------abcd$\r\n\r\n";
        assert_eq!(kind(padded).unwrap().len(), 2);
        for at in 1..padded.len() {
            assert_eq!(
                feed([&padded[..at], &padded[at..]].map(Bytes::from_static))
                    .unwrap()
                    .len(),
                2
            );
        }
    }

    #[test]
    fn a_head_at_its_bound_is_read_however_it_is_cut() {
        let start = "MSRP abcd SEND\r\nX: ";
        for (over, ends) in [(0, true), (1, false)] {
            for end in ["-------abcd$\r\n", "\r\nbody\r\n-------abcd$\r\n"] {
                // With a body, the blank line is of the head.
                let blank = if end.starts_with('\r') { 2 } else { 0 };
                let fill = Limits::default().msrp_head - start.len() - 2 - blank + over;
                let stream = format!("{start}{}\r\n{end}", "x".repeat(fill));
                let bytes = Bytes::from(stream);
                for cut in bytes.len() - end.len() - 4..bytes.len() {
                    let parts = [bytes.slice(..cut), bytes.slice(cut..)];
                    assert_eq!(feed(parts).is_ok(), ends, "{over} {end:?} at {cut}");
                }
            }
        }
    }

    #[test]
    fn an_endless_head_is_refused_and_an_error_stays() {
        let limits = Limits::default();
        for step in [1, 7, 64 * 1024] {
            let mut framer = Framer::new();
            framer.push(Bytes::from_static(b"MSRP abcd SEND\r\n"));
            let mut fed = 0;
            let error = loop {
                match framer.next(&limits) {
                    Ok(_) => framer.push(Bytes::from(vec![b'x'; step])),
                    Err(error) => break error,
                }
                fed += step;
                assert!(fed <= limits.msrp_head + END_LINE + 2 * step);
            };
            assert_eq!(error.kind, FrameErrorKind::TooLarge);
            framer.push(Bytes::from_static(b"MSRP abcd SEND\r\n-------abcd$\r\n"));
            assert_eq!(framer.next(&limits), Err(error));
        }
    }
}
