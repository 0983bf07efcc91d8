//! Cutting a stream into messages.

use super::list::{self, is_space, is_token_byte};
use super::{Name, scan, start};
use crate::engine::Limits;
use crate::sip::FrameError;
use bytes::{Bytes, BytesMut};

/// What a stream carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The bytes of one message.
    Message(Bytes),
    /// A double CRLF: the peer asks for a single one (RFC 5626 §3.5.1).
    Ping,
    /// A single CRLF: the answer.
    Pong,
}

/// Cuts a stream into messages at their Content-Length (RFC 3261 §18.3).
///
/// It holds at most one message and what was pushed last: call [`Framer::next`] until it answers `None`
/// before pushing more. No byte is looked at twice, however the stream is cut. After an error there is no
/// way on: the connection is to be closed.
///
/// A ping that arrives in two pieces is a [`Frame::Pong`] and then a [`Frame::Ping`], since a pong must not
/// wait for what may follow. Where we are the one who pings, either means that the peer is alive.
///
/// ```
/// use bytes::Bytes;
/// use cpm::{engine::Limits, sip::msg::{Frame, Framer}};
///
/// let mut framer = Framer::new();
/// framer.push(Bytes::from_static(b"\r\n\r\nSIP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
/// assert_eq!(framer.next(&Limits::default()), Ok(Some(Frame::Ping)));
/// let message = b"SIP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi";
/// assert_eq!(framer.next(&Limits::default()), Ok(Some(Frame::Message(Bytes::from_static(message)))));
/// assert_eq!(framer.next(&Limits::default()), Ok(None));
/// ```
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// What was looked at.
    scanned: usize,
    step: Step,
    content_length: Option<usize>,
    /// Whether the last thing was a single CRLF, which another one turns into a ping.
    half: bool,
    failed: Option<FrameError>,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    /// CRLFs before a message.
    #[default]
    Between,
    /// The end of the method, or of "SIP" in a response.
    Method,
    /// The colon after the scheme of the Request-URI, which begins here.
    Scheme(usize),
    /// The end of the start line. A Request-Line must end in a version.
    StartLine { request: bool },
    /// The end of the header field that begins here.
    Field(usize),
    /// The end of the message.
    Body(usize),
}

/// A longer method is none.
const LONGEST_METHOD: usize = 64;

impl Framer {
    /// A framer for a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what arrived.
    pub fn push(&mut self, data: Bytes) {
        if !self.buffer.is_empty() {
            self.buffer.extend_from_slice(&data);
            return;
        }
        // Nothing is copied if the buffer is ours alone.
        self.buffer = data
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    }

    /// How many bytes wait for the rest of their message.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// The next message or keep-alive, once it is whole.
    ///
    /// # Errors
    ///
    /// The stream can be read no further; the same error from then on.
    #[allow(clippy::should_implement_trait, reason = "it takes the limits")]
    pub fn next(&mut self, limits: &Limits) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.step(limits);
        if let Err(error) = result {
            self.failed = Some(error);
            self.buffer = BytesMut::new();
        }
        result
    }

    fn step(&mut self, limits: &Limits) -> Result<Option<Frame>, FrameError> {
        loop {
            let next = match self.step {
                Step::Between => match self.between()? {
                    Some(frame) => return Ok(Some(frame)),
                    None if self.buffer.len() > 1
                        || self.buffer.first().is_some_and(|b| *b != b'\r') =>
                    {
                        Some(Step::Method)
                    }
                    None => None,
                },
                Step::Method => self.method()?,
                Step::Scheme(start) => self.scheme(start)?,
                Step::StartLine { request } => self.start_line(request)?,
                Step::Field(start) => self.field(start, limits)?,
                Step::Body(total) if self.buffer.len() >= total => {
                    let message = self.buffer.split_to(total).freeze();
                    if self.buffer.is_empty() {
                        // An idle connection keeps no buffer.
                        self.buffer = BytesMut::new();
                    }
                    (self.scanned, self.content_length, self.step) = (0, None, Step::Between);
                    return Ok(Some(Frame::Message(message)));
                }
                Step::Body(_) => return Ok(None),
            };
            // A head that is too long need not end before it is refused.
            if self.scanned > limits.sip_head {
                return Err(FrameError::HeadTooLarge(limits.sip_head));
            }
            match next {
                Some(step) => self.step = step,
                None => return Ok(None),
            }
        }
    }

    /// Keep-alives before a message.
    fn between(&mut self) -> Result<Option<Frame>, FrameError> {
        let (length, frame) = match &self.buffer[..] {
            [b'\r', b'\n', b'\r', b'\n', ..] => (4, Frame::Ping),
            [b'\r', b'\n', ..] if self.half => (2, Frame::Ping),
            [b'\r', b'\n', ..] => (2, Frame::Pong),
            [b'\r', other, ..] if *other != b'\n' => return Err(FrameError::NotSip),
            [] | [b'\r', ..] => return Ok(None),
            _ => {
                self.half = false;
                return Ok(None);
            }
        };
        self.half = frame == Frame::Pong;
        let _ = self.buffer.split_to(length);
        Ok(Some(frame))
    }

    fn method(&mut self) -> Result<Option<Step>, FrameError> {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            let word = self.buffer.get(..self.scanned).unwrap_or_default();
            match byte {
                _ if is_token_byte(byte) && word.len() < LONGEST_METHOD => self.scanned += 1,
                b' ' if !word.is_empty() => return Ok(Some(Step::Scheme(self.scanned + 1))),
                b'/' if word.eq_ignore_ascii_case(b"SIP") => {
                    return Ok(Some(Step::StartLine { request: false }));
                }
                _ => return Err(FrameError::NotSip),
            }
        }
        Ok(None)
    }

    /// Looks for the colon that every URI has after its scheme: no other protocol's second word has it.
    fn scheme(&mut self, start: usize) -> Result<Option<Step>, FrameError> {
        self.scanned = self.scanned.max(start);
        while let Some(&byte) = self.buffer.get(self.scanned) {
            match byte {
                b' ' if self.scanned == start => {
                    self.scanned += 1;
                    return Ok(Some(Step::Scheme(self.scanned)));
                }
                b':' if self.scanned > start => return Ok(Some(Step::StartLine { request: true })),
                _ if byte.is_ascii_alphabetic() => self.scanned += 1,
                b'0'..=b'9' | b'+' | b'-' | b'.' if self.scanned > start => self.scanned += 1,
                _ => return Err(FrameError::NotSip),
            }
        }
        Ok(None)
    }

    fn start_line(&mut self, request: bool) -> Result<Option<Step>, FrameError> {
        let Some(next) = self.line_end()? else {
            return Ok(None);
        };
        let line = self.buffer.get(..next).unwrap_or_default().trim_ascii_end();
        let last = line
            .iter()
            .rposition(|byte| is_space(*byte))
            .map_or(0, |space| space + 1);
        if request && !start::is_version(line.get(last..).unwrap_or_default()) {
            return Err(FrameError::NotSip);
        }
        self.scanned = next;
        Ok(Some(Step::Field(next)))
    }

    fn field(&mut self, start: usize, limits: &Limits) -> Result<Option<Step>, FrameError> {
        let Some(next) = self.line_end()? else {
            return Ok(None);
        };
        if next - start == 2 {
            return self.head_end(next, limits).map(Some);
        }
        match self.buffer.get(next) {
            // The field may go on in the next line.
            None => return Ok(None),
            Some(byte) if is_space(*byte) => {
                self.scanned = next;
                return Ok(Some(Step::Field(start)));
            }
            Some(_) => self.scanned = next,
        }
        let field = self.buffer.get(start..next).unwrap_or_default();
        if let [b'C' | b'c' | b'L' | b'l', ..] = field {
            self.content_length = content_length(field, self.content_length)?;
        }
        Ok(Some(Step::Field(next)))
    }

    fn head_end(&self, head: usize, limits: &Limits) -> Result<Step, FrameError> {
        let length = self.content_length.ok_or(FrameError::NoContentLength)?;
        if head > limits.sip_head {
            return Err(FrameError::HeadTooLarge(limits.sip_head));
        }
        // The peer's number is compared before it is added to anything.
        match limits.sip_message.checked_sub(head) {
            Some(room) if length <= room => Ok(Step::Body(head + length)),
            _ => Err(FrameError::TooLarge(limits.sip_message)),
        }
    }

    /// Where the next line begins, once the line that is looked at is whole. Its end is left unscanned, so
    /// that the caller may come back to it when the byte after it is there.
    ///
    /// Control characters within a line are the parser's concern, but CR and LF only come together: a
    /// stream that is read differently by two hops has messages that only one of them sees.
    fn line_end(&mut self) -> Result<Option<usize>, FrameError> {
        loop {
            self.scanned = scan::scan(&self.buffer, self.scanned);
            match self.buffer.get(self.scanned..) {
                Some([b'\r', b'\n', ..]) => return Ok(Some(self.scanned + 2)),
                Some([b'\r'] | []) | None => return Ok(None),
                Some([b'\r' | b'\n', ..]) => return Err(FrameError::LineEnd),
                Some(_) => self.scanned += 1,
            }
        }
    }
}

/// What a field says of the length of the body, if it is Content-Length.
fn content_length(field: &[u8], before: Option<usize>) -> Result<Option<usize>, FrameError> {
    let Some(colon) = memchr::memchr(b':', field) else {
        return Ok(before);
    };
    let name = field.get(..colon).unwrap_or_default().trim_ascii_end();
    if Name::lookup(name) != Some(Name::CONTENT_LENGTH) {
        return Ok(before);
    }
    // A line does not go on before its colon (RFC 3261 §25.1, HCOLON); others might read it as if it could.
    if memchr::memchr(b'\n', field.get(..colon).unwrap_or_default()).is_some() {
        return Err(FrameError::ContentLength);
    }
    let value = field.get(colon + 1..).unwrap_or_default();
    match (list::number(value), before) {
        (Some(length), Some(other)) if length != other => Err(FrameError::ContentLength),
        (Some(length), _) => Ok(Some(length)),
        (None, _) => Err(FrameError::ContentLength),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 3\r\n\r\nabc";
    const TWO: &[u8] = b"SIP/2.0 200 OK\r\nX: folded\r\n on\r\nl\t:\r\n 0\r\n\r\n";

    /// Everything that comes out when the stream comes in these pieces.
    fn run(pieces: &[&[u8]]) -> (Vec<Frame>, Option<FrameError>) {
        let (mut framer, mut frames) = (Framer::new(), Vec::new());
        for piece in pieces {
            framer.push(Bytes::copy_from_slice(piece));
            loop {
                match framer.next(&Limits::default()) {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(framer.next(&Limits::default()), Err(error));
                        return (frames, Some(error));
                    }
                }
            }
        }
        (frames, None)
    }

    fn error(stream: &[u8]) -> Option<FrameError> {
        run(&[stream]).1
    }

    #[test]
    fn rfc3261_18_3_messages_come_out_whole_at_every_split_point() {
        let stream = [b"\r\n\r\n", ONE, TWO, b"\r\n", ONE].concat();
        let message = |bytes| Frame::Message(Bytes::from_static(bytes));
        let expected = [
            Frame::Ping,
            message(ONE),
            message(TWO),
            Frame::Pong,
            message(ONE),
        ];
        assert_eq!(run(&[&stream]), (expected.to_vec(), None));
        for split in 0..stream.len() {
            let (one, two) = stream.split_at(split);
            let (mut frames, error) = run(&[one, two]);
            if split == 2 || split == 3 {
                assert_eq!(
                    frames.remove(0),
                    Frame::Pong,
                    "a ping in two pieces is seen twice"
                );
            }
            assert_eq!((frames, error), (expected.to_vec(), None), "{split}");
        }
    }

    #[test]
    fn rfc5626_3_5_1_every_ping_is_seen_once_however_it_is_cut() {
        for pieces in [
            &[&b"\r\n\r\n"[..]][..],
            &[b"\r\n", b"\r\n"],
            &[b"\r", b"\n\r\n"],
            &[b"\r\n\r", b"\n"],
            &[b"\r", b"\n", b"\r", b"\n"],
        ] {
            let pings = run(pieces)
                .0
                .into_iter()
                .filter(|frame| *frame == Frame::Ping)
                .count();
            assert_eq!(pings, 1, "{pieces:?}");
        }
    }

    #[test]
    fn what_does_not_begin_like_sip_is_refused_at_the_first_byte_that_shows_it() {
        for (stream, enough) in [
            (&b"GET / HTTP/1.1\r\n"[..], 5),
            (b"POST http://a/ HTTP/1.1\r\n\r\n", 25),
            (b"MSRP abcd SEND\r\n", 10),
            (b"\x16\x03\x01\x02\x00", 1),
            (b" OPTIONS sip:a", 1),
            (b"\n\n", 1),
            (b"\rX", 2),
            (b"SIX/2.0 200 OK", 4),
            (b"INVITE /sip:a", 8),
        ] {
            assert_eq!(error(&stream[..enough - 1]), None, "{stream:?}");
            assert_eq!(
                error(&stream[..enough]),
                Some(FrameError::NotSip),
                "{stream:?}"
            );
        }
        assert_eq!(error(&[b'A'; 65]), Some(FrameError::NotSip));
    }

    #[test]
    fn a_message_within_another_protocol_is_not_found_at_any_offset() {
        for offset in 0..4096 {
            let mut stream = b"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n".to_vec();
            stream.resize(stream.len() + offset, b'\n');
            stream.extend_from_slice(ONE);
            assert_eq!(run(&[&stream]), (Vec::new(), Some(FrameError::NotSip)));
        }
    }

    #[test]
    fn rfc3261_20_14_a_length_that_is_missing_or_in_doubt_ends_the_stream() {
        let with = |fields: &str| error(format!("SIP/2.0 200 OK\r\n{fields}\r\n").as_bytes());
        assert_eq!(with(""), Some(FrameError::NoContentLength));
        assert_eq!(with("Content-Length: 1\r\nl: 1\r\n"), None);
        assert_eq!(
            with("L:1\r\ncontent-length:2\r\n"),
            Some(FrameError::ContentLength)
        );
        for bad in ["-1", "+1", "", "1 2", "0x1", "1,1", "99999999999999999999"] {
            let found = with(&format!("Content-Length: {bad}\r\n"));
            assert_eq!(found, Some(FrameError::ContentLength), "{bad}");
        }
        // A name that only looks like it.
        assert_eq!(
            with("Content-Lengths: 1\r\n"),
            Some(FrameError::NoContentLength)
        );
    }

    #[test]
    fn lines_end_in_crlf_and_nothing_else() {
        assert_eq!(
            error(b"SIP/2.0 200 OK\nl: 0\n\n"),
            Some(FrameError::LineEnd)
        );
        assert_eq!(
            error(b"SIP/2.0 200 OK\r\nX: a\rl: 5\r\nl: 0\r\n\r\n"),
            Some(FrameError::LineEnd)
        );
        assert_eq!(
            error(b"SIP/2.0 200 OK\r\nX: a\nl: 5\r\nl: 0\r\n\r\n"),
            Some(FrameError::LineEnd)
        );
    }

    #[test]
    fn every_size_is_bounded_before_it_is_believed() {
        let limits = Limits {
            sip_head: 64,
            sip_message: 128,
            ..Limits::default()
        };
        let run = |stream: &[u8]| {
            let mut framer = Framer::new();
            framer.push(Bytes::copy_from_slice(stream));
            framer.next(&limits)
        };
        let endless = [b"SIP/2.0 200 ".as_slice(), &[b'a'; 64]].concat();
        assert_eq!(run(&endless), Err(FrameError::HeadTooLarge(64)));
        let folded = [b"SIP/2.0 200 OK\r\nX:".as_slice(), &b"\r\n a".repeat(20)].concat();
        assert_eq!(run(&folded), Err(FrameError::HeadTooLarge(64)));
        let head = b"SIP/2.0 200 OK\r\nl: ";
        for (length, result) in [
            ("102", Ok(None)),
            ("103", Err(FrameError::TooLarge(128))),
            ("18446744073709551615", Err(FrameError::TooLarge(128))),
        ] {
            let stream = [head, length.as_bytes(), b"\r\n\r\n"].concat();
            assert_eq!(run(&stream), result, "{length}");
        }
    }

    #[test]
    fn a_stream_of_single_bytes_takes_linear_time() {
        // Were the head scanned again for each byte, this would take minutes.
        let mut head = b"SIP/2.0 200 OK\r\n".to_vec();
        while head.len() < 60_000 {
            head.extend_from_slice(b"X-Header: value\r\n");
        }
        head.extend_from_slice(b"l: 0\r\n\r\n");
        let pieces: Vec<&[u8]> = head.chunks(1).collect();
        assert_eq!(run(&pieces).0.len(), 1);
    }
}
