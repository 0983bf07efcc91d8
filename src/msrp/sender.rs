//! Cutting messages into chunks.

use super::error::OfferError;
use super::msg::{ByteRange, Continuation, FailureReport, Method, Path, Request, Uri, WriteError};
use super::pending::Id;
use super::ranges::Ranges;
use super::session::{Kind, Outgoing, SessionId};
use super::stream::{Feed, Stream};
use crate::engine::Ids;
use crate::wire::Text;
use bytes::{BufMut, Bytes, BytesMut};
use memchr::memmem;
use std::sync::LazyLock;

/// A message on its way out.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) session: SessionId,
    pub(super) id: Text,
    content_type: Text,
    success_report: bool,
    pub(super) failure_report: FailureReport,
    source: Source,
    /// Whether the body has anything that an end-line could be found in.
    may_clash: bool,
    /// The first byte that is sent; not 0 where an earlier transfer is resumed.
    start: u64,
    /// The next byte to be cut.
    offset: u64,
    /// Whether the last chunk has been cut.
    pub(super) is_cut: bool,
    /// How many chunks wait for their response.
    pub(super) unanswered: usize,
    /// What the peer has confirmed while other chunks were waiting.
    confirmed: Ranges,
}

/// Where the bytes come from.
#[derive(Debug)]
enum Source {
    /// All are there. Those that are cut are let go of.
    Whole { rest: Bytes, total: u64 },
    /// The application offers them.
    Stream(Box<Feed>),
}

/// A chunk that was cut: the head went to the caller's buffer, and so did all of a small one.
#[derive(Debug)]
pub(super) struct Cut {
    /// Which bytes of the message are in it, the end not included.
    pub(super) from: u64,
    pub(super) to: u64,
    /// The body and the end-line where they are not behind the head.
    pub(super) rest: Option<[Bytes; 2]>,
    pub(super) size: usize,
}

impl Sending {
    pub(super) fn whole(session: SessionId, message: Outgoing, id: Text, may_clash: bool) -> Self {
        let total = message.body.len() as u64;
        Self {
            session,
            id,
            content_type: message.content_type,
            success_report: message.success_report,
            failure_report: message.failure_report,
            source: Source::Whole {
                rest: message.body,
                total,
            },
            may_clash,
            start: 0,
            offset: 0,
            is_cut: false,
            unanswered: 0,
            confirmed: Ranges::default(),
        }
    }

    pub(super) fn stream(session: SessionId, message: Stream, id: Text) -> Self {
        Self {
            session,
            id,
            content_type: message.content_type,
            success_report: message.success_report,
            failure_report: message.failure_report,
            source: Source::Stream(Box::new(Feed::new(message.start, message.total))),
            // Nobody has looked yet.
            may_clash: true,
            start: message.start,
            offset: message.start,
            is_cut: false,
            unanswered: 0,
            confirmed: Ranges::default(),
        }
    }

    pub(super) const fn kind(&self) -> Kind {
        match self.source {
            Source::Whole { .. } => Kind::Message,
            Source::Stream(_) => Kind::Stream,
        }
    }

    /// How large the message is, if that is known.
    pub(super) fn total(&self) -> Option<u64> {
        match &self.source {
            Source::Whole { total, .. } => Some(*total),
            Source::Stream(feed) => feed.total(),
        }
    }

    /// The next byte to be cut.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Where bytes can be offered.
    pub(super) fn feed_mut(&mut self) -> Result<&mut Feed, OfferError> {
        match &mut self.source {
            Source::Stream(feed) => Ok(feed),
            Source::Whole { .. } => Err(OfferError::Gone),
        }
    }

    /// How many bytes of a whole message have not been cut.
    pub(super) const fn uncut(&self) -> usize {
        match &self.source {
            Source::Whole { rest, .. } => rest.len(),
            Source::Stream(_) => 0,
        }
    }

    /// Whether nothing of it has been cut.
    pub(super) const fn is_fresh(&self) -> bool {
        self.offset == self.start && !self.is_cut
    }

    /// How many bytes can be offered.
    pub(super) fn room(&self, window: usize) -> usize {
        match &self.source {
            Source::Whole { .. } => 0,
            Source::Stream(feed) => feed.room(window),
        }
    }

    /// Whether a chunk can be cut.
    pub(super) fn is_ready(&self) -> bool {
        match &self.source {
            Source::Whole { .. } => true,
            Source::Stream(feed) => feed.is_ready(),
        }
    }

    /// How large the next chunk will be, roughly.
    pub(super) fn next_size(&self, chunk: usize) -> usize {
        let rest = match &self.source {
            Source::Whole { rest, .. } => rest.len(),
            Source::Stream(feed) => feed.held(),
        };
        rest.min(chunk).saturating_add(HEAD)
    }

    /// Whether the peer has seen a part of it and waits for more.
    pub(super) const fn is_underway(&self) -> bool {
        self.offset > self.start && !self.is_cut
    }

    /// The peer has these bytes.
    pub(super) fn confirm(&mut self, from: u64, to: u64) {
        self.unanswered = self.unanswered.saturating_sub(1);
        // What was sent in one piece is either confirmed or not.
        if !self.is_cut || self.unanswered > 0 {
            self.confirmed.add(from, to);
        }
    }

    /// Up to where the peer has it without a gap.
    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed.gap(self.start).0
    }

    /// Cuts the next chunk. `id` makes transaction ids, until there is one that does not occur in the body.
    pub(super) fn cut(
        &mut self,
        to: &Path,
        from: &Uri,
        chunk: usize,
        mut id: impl FnMut() -> Id,
        out: &mut BytesMut,
    ) -> (Cut, Id) {
        let (body, is_last) = match &mut self.source {
            Source::Whole { rest, .. } => {
                let body = rest.split_to(chunk.max(1).min(rest.len()));
                (body, rest.is_empty())
            }
            Source::Stream(feed) => feed.take(chunk.max(1)),
        };
        let start = self.offset;
        let end = start.saturating_add(body.len() as u64);
        // A long chunk has to say that it may be interrupted (RFC 4975 §7.1.1).
        let range = ByteRange {
            start: start.saturating_add(1),
            end: (body.len() <= INTERRUPTIBLE).then_some(end),
            total: if is_last { Some(end) } else { self.total() },
        };
        let mut transaction = id();
        while self.may_clash && occurs(&transaction.bytes(), &body) {
            transaction = id();
        }
        let (text, before) = (transaction.bytes(), out.len());
        self.write_head(&text, to, from, range, out);
        let flag = match is_last {
            true => Continuation::Complete,
            false => Continuation::More,
        };
        let size = out.len() - before + body.len();
        let rest = if body.len() <= COPIED {
            // One small write is cheaper than three.
            out.put_slice(&body);
            write_end(&text, flag, out);
            None
        } else {
            let mut tail = BytesMut::with_capacity(64);
            write_end(&text, flag, &mut tail);
            Some([body, tail.freeze()])
        };
        self.offset = end;
        self.is_cut = is_last;
        let cut = Cut {
            from: start,
            to: end,
            rest,
            size,
        };
        (cut, transaction)
    }

    /// Everything before the body of a chunk. The values were checked when the message was queued.
    fn write_head(&self, id: &[u8], to: &Path, from: &Uri, range: ByteRange, out: &mut BytesMut) {
        let (to, from) = (to.as_str().as_bytes(), from.as_str().as_bytes());
        out.reserve(HEAD + to.len() + from.len());
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.put_slice(part));
        put(&[
            b"MSRP ",
            id,
            b" SEND\r\nTo-Path: ",
            to,
            b"\r\nFrom-Path: ",
            from,
        ]);
        put(&[b"\r\nMessage-ID: ", self.id.as_bytes(), b"\r\nByte-Range: "]);
        write_number(range.start, out);
        out.put_u8(b'-');
        write_star(range.end, out);
        out.put_u8(b'/');
        write_star(range.total, out);
        if self.success_report {
            out.put_slice(b"\r\nSuccess-Report: yes");
        }
        out.put_slice(match self.failure_report {
            FailureReport::Yes => b"",
            FailureReport::No => b"\r\nFailure-Report: no",
            FailureReport::Partial => b"\r\nFailure-Report: partial",
        });
        out.put_slice(b"\r\nContent-Type: ");
        out.put_slice(self.content_type.as_bytes());
        out.put_slice(b"\r\n\r\n");
    }

    /// The chunk that gives up the rest (RFC 4975 §7.1: the `#` flag).
    pub(super) fn abort(&self, to: &Path, from: &Path, ids: &mut Ids) -> Result<Bytes, WriteError> {
        let mut request =
            Request::new(Method::Send, ids.transaction_id(), to.clone(), from.clone());
        request.message_id = Some(self.id.clone());
        request.byte_range = Some(ByteRange {
            start: self.offset.saturating_add(1),
            end: Some(self.offset),
            total: self.total(),
        });
        request.content_type = Some(self.content_type.clone());
        request.continuation = Continuation::Aborted;
        // Nobody waits for an answer to it.
        request.failure_report = FailureReport::No;
        request.write()
    }
}

/// Whether there are seven hyphens in a body, without which no end-line is in it.
pub(super) fn may_clash(body: &[u8]) -> bool {
    FINDER.find(body).is_some()
}

/// Whether the end-line of that transaction occurs in a body. Our ids do not begin with a hyphen.
fn occurs(id: &[u8], body: &[u8]) -> bool {
    let mut rest = body;
    while let Some(at) = FINDER.find(rest) {
        let run = rest.get(at..).unwrap_or_default();
        let hyphens = run.iter().take_while(|byte| **byte == b'-').count();
        rest = run.get(hyphens..).unwrap_or_default();
        if rest.starts_with(id) {
            return true;
        }
    }
    false
}

fn write_end(id: &[u8], flag: Continuation, out: &mut BytesMut) {
    for part in [b"\r\n-------", id, &[flag.flag()], b"\r\n"] {
        out.put_slice(part);
    }
}

fn write_star(number: Option<u64>, out: &mut BytesMut) {
    match number {
        Some(number) => write_number(number, out),
        None => out.put_u8(b'*'),
    }
}

fn write_number(mut number: u64, out: &mut BytesMut) {
    let mut digits = [0; 20];
    let mut from = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        from -= 1;
        if number == 0 {
            break;
        }
    }
    out.put_slice(digits.get(from..).unwrap_or_default());
}

/// What every end-line begins with after its CR LF.
static FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("-------"));

/// A chunk with a body larger than this is interruptible (RFC 4975 §7.1.1).
const INTERRUPTIBLE: usize = 2048;

/// A body up to this size is copied behind its head; a larger one is shared.
const COPIED: usize = 2048;

/// What a head usually needs at most beside its paths.
const HEAD: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Limits, Seed, Slab};
    use crate::msrp::msg::Message;
    use crate::msrp::pending::Pending;

    struct Bench {
        sending: Sending,
        ids: Ids,
    }

    impl Bench {
        fn new(body: Bytes) -> Self {
            let session = SessionId(Slab::new().insert(()));
            let message = Outgoing::new("text/plain".into(), body);
            Self {
                sending: Sending::whole(session, message, "m1".into(), true),
                ids: Ids::new(Seed::from_number(1)),
            }
        }

        fn cut(&mut self, chunk: usize) -> (Request, bool) {
            let uri = |text: &str| text.parse::<Uri>().unwrap();
            let to = Path::from(uri("msrp://b:1/y;tcp"));
            let (mut out, pending) = (BytesMut::new(), Pending::default());
            let id = || pending.next_id(&mut self.ids);
            let from = uri("msrp://a:1/x;tcp");
            let (cut, _) = self.sending.cut(&to, &from, chunk, id, &mut out);
            let is_shared = cut.rest.is_some();
            out.extend(cut.rest.into_iter().flatten().flatten());
            match Message::parse(&out.freeze(), &Limits::default()).unwrap() {
                Message::Request(request) => (request, is_shared),
                Message::Response(_) => panic!(),
            }
        }
    }

    #[test]
    fn a_message_is_cut_into_chunks_that_share_its_body() {
        let mut bench = Bench::new(Bytes::from(vec![b'x'; 10_000]));
        let mut ranges = Vec::new();
        while !bench.sending.is_cut {
            let (chunk, is_shared) = bench.cut(4096);
            ranges.push((
                chunk.byte_range.unwrap().to_string(),
                chunk.body.len(),
                char::from(chunk.continuation.flag()),
                is_shared,
            ));
        }
        assert_eq!(
            ranges,
            [
                ("1-*/10000".to_owned(), 4096, '+', true),
                ("4097-*/10000".to_owned(), 4096, '+', true),
                ("8193-10000/10000".to_owned(), 1808, '$', false),
            ]
        );
        let path = Path::from("msrp://b:1/y;tcp".parse::<Uri>().unwrap());
        bench.sending.offset = 4096;
        let bytes = bench.sending.abort(&path, &path, &mut bench.ids).unwrap();
        let Message::Request(abort) = Message::parse(&bytes, &Limits::default()).unwrap() else {
            panic!()
        };
        assert_eq!(abort.byte_range.unwrap().to_string(), "4097-4096/10000");
        assert_eq!(abort.continuation, Continuation::Aborted);
    }

    #[test]
    fn rfc4975_7_1_an_id_whose_end_line_is_in_the_body_is_not_taken() {
        for prefix in ["", "x", "-", "----------"] {
            for before in ["-------", "\r\n-------", "---------------"] {
                let guess = Pending::default().next_id(&mut Ids::new(Seed::from_number(1)));
                let body = format!("{prefix}{before}{}$\r\nmore", guess.text());
                assert!(occurs(&guess.bytes(), body.as_bytes()));
                let mut bench = Bench::new(Bytes::from(body.clone()));
                let (chunk, _) = bench.cut(4096);
                assert_ne!(chunk.transaction_id, guess.text());
                assert_eq!(chunk.body, body);
            }
        }
        assert!(!occurs(b"abcd", b"------abcd -------abce"));
    }

    #[test]
    fn numbers_are_written() {
        for number in [0, 9, 10, 1_234_567_890, u64::MAX] {
            let mut out = BytesMut::new();
            write_number(number, &mut out);
            assert_eq!(out, number.to_string());
        }
    }
}
