//! Putting chunks together again.

use super::msg::{FailureReport, Method, Path, Request, Status};
use crate::wire::Text;
use bytes::{BufMut, Bytes, BytesMut};
use std::time::Instant;

/// What is needed to answer a request, in a buffer of its own: the answer may be long in coming, and should not hold
/// the receive buffer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    words: Words,
    /// How long the transaction id is.
    id: u16,
    pub(super) failure_report: FailureReport,
}

#[derive(Clone, Debug)]
enum Words {
    /// The transaction id; the paths are those of the session.
    Usual([u8; USUAL_ID]),
    /// The transaction id, the hop that the request came from, and our URI as the request names it.
    Spelled(Box<str>, u16),
}

/// RFC 4975 §9: a transaction id has 4 to 32 characters.
const USUAL_ID: usize = 32;

impl Answer {
    pub(super) fn to(request: &Request) -> Self {
        let id = request.transaction_id.as_str();
        let to = request.from_path.first().as_str();
        let from = request.to_path.first().as_str();
        Self {
            words: Words::spelled(id, to, from),
            id: short(id.len()),
            failure_report: wanted_by(request),
        }
    }

    /// To a request whose paths are those of its session; `None` if its id is longer than it should be.
    pub(super) fn usual(id: &str, failure_report: FailureReport) -> Option<Self> {
        let mut words = [0; USUAL_ID];
        words.get_mut(..id.len())?.copy_from_slice(id.as_bytes());
        Some(Self {
            words: Words::Usual(words),
            id: short(id.len()),
            failure_report,
        })
    }

    /// The transaction id, where the paths are those of the session.
    pub(super) fn usual_id(&self) -> Option<&[u8]> {
        match &self.words {
            Words::Usual(words) => words.get(..usize::from(self.id)),
            Words::Spelled(..) => None,
        }
    }

    /// Puts the paths down, before those of the session become others.
    pub(super) fn spell_out(&mut self, to: &str, from: &str) {
        if let Some(id) = self.usual_id() {
            self.words = Words::spelled(&String::from_utf8_lossy(id), to, from);
        }
    }

    /// Writes the response, where the paths have been put down.
    pub(super) fn write(&self, status: Status, out: &mut BytesMut) {
        let Words::Spelled(text, to) = &self.words else {
            return;
        };
        let (id, rest) = text.split_at_checked(self.id.into()).unwrap_or_default();
        let (to, from) = rest.split_at_checked((*to).into()).unwrap_or_default();
        write_response(id, to, from, status, out);
    }

    /// Whether the sender wants to know of that status.
    pub(super) const fn is_wanted(&self, status: Status) -> bool {
        is_wanted(self.failure_report, status)
    }
}

impl Words {
    fn spelled(id: &str, to: &str, from: &str) -> Self {
        let mut text = String::with_capacity(id.len() + to.len() + from.len());
        text.push_str(id);
        text.push_str(to);
        text.push_str(from);
        Self::Spelled(text.into_boxed_str(), short(to.len()))
    }
}

/// A head, and so what is in it, is far smaller.
fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// Which answers the sender of a request wants.
pub(super) fn wanted_by(request: &Request) -> FailureReport {
    match request.method {
        Method::Send => request.failure_report,
        // Only a SEND says what it wants (RFC 4975 §7.1.1).
        _ => FailureReport::Yes,
    }
}

/// Whether a response with that status is sent (RFC 4975 §7.2).
pub(super) const fn is_wanted(failure_report: FailureReport, status: Status) -> bool {
    match failure_report {
        FailureReport::Yes => true,
        FailureReport::No => false,
        FailureReport::Partial => !status.is_success(),
    }
}

/// Writes a response (RFC 4975 §7.2) from what was read in its request, which has no control characters.
pub(super) fn write_response(id: &str, to: &str, from: &str, status: Status, out: &mut BytesMut) {
    let code = status.code();
    let digit = |place: u16| b'0' + ((code / place) % 10) as u8;
    let (code, phrase) = ([digit(100), digit(10), digit(1)], status.phrase());
    let space = if phrase.is_empty() { "" } else { " " };
    out.reserve(64 + 2 * id.len() + to.len() + from.len() + phrase.len());
    for part in [
        &b"MSRP "[..],
        id.as_bytes(),
        b" ",
        &code,
        space.as_bytes(),
        phrase.as_bytes(),
        b"\r\nTo-Path: ",
        to.as_bytes(),
        b"\r\nFrom-Path: ",
        from.as_bytes(),
        b"\r\n-------",
        id.as_bytes(),
        b"$\r\n",
    ] {
        out.put_slice(part);
    }
}

/// Writes a response around what [`Session::answer_paths`](super::session::Session::answer_paths) has ready.
pub(super) fn write_between(id: &[u8], paths: &str, status: Status, out: &mut BytesMut) {
    let (code, phrase) = (status.code(), status.phrase());
    out.reserve(64 + 2 * id.len() + paths.len() + phrase.len());
    out.put_slice(b"MSRP ");
    out.put_slice(id);
    if status == Status::OK {
        out.put_slice(b" 200 OK");
    } else {
        let digit = |place: u16| b'0' + ((code / place) % 10) as u8;
        out.put_slice(&[b' ', digit(100), digit(10), digit(1)]);
        if !phrase.is_empty() {
            out.put_u8(b' ');
            out.put_slice(phrase.as_bytes());
        }
    }
    out.put_slice(paths.as_bytes());
    out.put_slice(id);
    out.put_slice(b"$\r\n");
}

/// What is owed for a message that was handed up: a response to its last chunk, and maybe a report.
#[derive(Debug)]
pub(super) struct Owed {
    pub(super) answer: Answer,
    /// The report, if one was asked for.
    pub(super) report: Option<Box<Report>>,
    /// How many bytes the message has.
    pub(super) size: usize,
}

/// A success report that is owed (RFC 4975 §7.1.2).
#[derive(Debug)]
pub(super) struct Report {
    pub(super) to: Path,
    pub(super) message_id: Text,
    /// The first byte that it is about, counted from 0.
    pub(super) from: u64,
    /// The size of the message.
    pub(super) size: u64,
}

/// A message of which chunks are missing.
///
/// Chunks may come in any order and overlap; of bytes that come twice the first are kept. Nothing is allocated but for
/// bytes that have arrived.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) id: Text,
    pub(super) content_type: Text,
    pub(super) content_encoding: Option<Text>,
    pub(super) success_report: bool,
    /// When its last bytes came.
    pub(super) touched: Instant,
    /// Its sender was told to stop: what still comes is not kept.
    pub(super) refused: bool,
    /// Sorted by place, without overlap.
    segments: Vec<Segment>,
    /// How long it is, known from its last chunk.
    size: Option<u64>,
    charged: usize,
}

#[derive(Debug)]
struct Segment {
    at: u64,
    bytes: BytesMut,
}

impl Segment {
    fn end(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }
}

impl Partial {
    pub(super) fn new(id: Text, content_type: Text, success_report: bool, now: Instant) -> Self {
        Self {
            charged: Self::begun(&id, &content_type),
            id,
            content_type,
            content_encoding: None,
            success_report,
            touched: now,
            refused: false,
            segments: Vec::new(),
            size: None,
        }
    }

    /// What it costs to know of one before any of its bytes.
    pub(super) fn begun(id: &str, content_type: &str) -> usize {
        id.len()
            .saturating_add(content_type.len())
            .saturating_add(size_of::<Self>())
    }

    /// What it costs of the budgets: what it is called, its bytes, and something for every gap.
    pub(super) const fn charged(&self) -> usize {
        self.charged
    }

    /// What it would cost at most to take that many bytes more.
    pub(super) const fn price(bytes: usize) -> usize {
        bytes.saturating_add(SEGMENT)
    }

    /// Whether it is in more pieces than anybody needs who has no bad intentions.
    pub(super) const fn is_shattered(&self) -> bool {
        self.segments.len() > SEGMENTS
    }

    /// Takes the bytes at a place, which the caller has held against the limits.
    pub(super) fn write(&mut self, mut at: u64, mut bytes: &[u8]) {
        // The common case: the next bytes in order.
        if let Some(last) = self.segments.last_mut()
            && last.end() == at
        {
            last.bytes.extend_from_slice(bytes);
            self.charged += bytes.len();
            return;
        }
        // The first segment that ends at or after the place.
        let mut index = self.segments.partition_point(|s| s.end() < at);
        while !bytes.is_empty() {
            let (start, end) = match self.segments.get(index) {
                Some(next) => (next.at, next.end()),
                None => (u64::MAX, u64::MAX),
            };
            let gap = usize::try_from(start.saturating_sub(at)).unwrap_or(usize::MAX);
            let (new, rest) = bytes.split_at(gap.min(bytes.len()));
            if !new.is_empty() {
                self.charged += new.len();
                match index.checked_sub(1).and_then(|i| self.segments.get_mut(i)) {
                    Some(before) if before.end() == at => before.bytes.extend_from_slice(new),
                    _ => {
                        self.charged += SEGMENT;
                        let bytes = BytesMut::from(new);
                        self.segments.insert(index, Segment { at, bytes });
                        index += 1;
                    }
                }
                at += new.len() as u64;
            }
            // What is there already is passed over.
            let known = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            let known = if rest.is_empty() {
                0
            } else {
                known.min(rest.len())
            };
            bytes = rest.get(known..).unwrap_or_default();
            at += known as u64;
            index += 1;
        }
    }

    /// The last chunk ended here.
    pub(super) const fn finish(&mut self, size: u64) {
        self.size = Some(size);
    }

    /// Whether nothing is missing.
    pub(super) fn is_complete(&self) -> bool {
        let mut end = 0;
        for segment in &self.segments {
            if segment.at > end {
                break;
            }
            end = segment.end();
        }
        self.size.is_some_and(|size| end >= size)
    }

    /// The whole message.
    pub(super) fn into_body(self) -> Bytes {
        let size = usize::try_from(self.size.unwrap_or_default()).unwrap_or(usize::MAX);
        let mut segments = self.segments.into_iter();
        let mut body = segments.next().map(|s| s.bytes).unwrap_or_default();
        for segment in segments {
            body.extend_from_slice(&segment.bytes);
        }
        body.truncate(size);
        body.freeze()
    }

    /// Gives up its bytes and keeps only the memory that its sender was told to stop.
    pub(super) fn refuse(&mut self) {
        self.refused = true;
        self.charged = Self::begun(&self.id, &self.content_type);
        self.segments = Vec::new();
    }
}

/// What a segment costs beside its bytes.
const SEGMENT: usize = 128;

/// Over TCP chunks arrive in order: gaps come from retries and from relays with several ways.
pub(super) const SEGMENTS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn partial() -> Partial {
        Partial::new("m".into(), "text/plain".into(), false, Instant::now())
    }

    #[test]
    fn chunks_in_reverse_order_make_the_message() {
        let mut message = partial();
        message.write(6, b"world");
        message.finish(11);
        assert!(!message.is_complete());
        message.write(5, b" ");
        message.write(0, b"hello");
        assert!(message.is_complete());
        assert_eq!(message.into_body(), "hello world");
    }

    #[test]
    fn the_price_is_what_arrived() {
        let mut message = partial();
        message.write(1_000_000_000_000_000_000, b"12345");
        assert!(message.charged() < 1024);
        assert!(!message.is_complete());
    }

    proptest! {
        #[test]
        fn overlapping_chunks_are_as_in_a_naive_model(
            writes in proptest::collection::vec((0usize..60, 0usize..30, any::<u8>()), 0..40),
        ) {
            let mut message = partial();
            let mut model: Vec<Option<u8>> = vec![None; 100];
            for (at, len, fill) in writes {
                let bytes: Vec<u8> = (0..len).map(|i| fill.wrapping_add(i as u8)).collect();
                message.write(at as u64, &bytes);
                for (place, byte) in model[at..].iter_mut().zip(bytes) {
                    place.get_or_insert(byte);
                }
            }
            let size = model.iter().position(Option::is_none).unwrap();
            let pairs: Vec<_> = message.segments.windows(2).map(|w| (w[0].end(), w[1].at)).collect();
            prop_assert!(pairs.into_iter().all(|(end, at)| end <= at));
            let kept: usize = message.segments.iter().map(|s| s.bytes.len()).sum();
            prop_assert_eq!(kept, model.iter().flatten().count());
            let price = partial().charged() + kept + SEGMENT * message.segments.len();
            prop_assert_eq!(message.charged(), price);
            message.finish(size as u64 + 1);
            prop_assert!(!message.is_complete());
            message.finish(size as u64);
            prop_assert!(message.is_complete());
            let body: Vec<u8> = model.into_iter().map_while(|byte| byte).collect();
            prop_assert_eq!(message.into_body(), Bytes::from(body));
        }
    }
}
