//! From bytes to a message: one pass that notes places.

use super::index::{Buffer, Index, MAX_FIELDS, Slot};
use super::list::{self, is_space, is_token_byte};
use super::{Headers, Line, Message, Method, Name, Request, Response, Status};
use crate::engine::Limits;
use crate::sip::ParseError;
use crate::wire::Text;
use bytes::Bytes;
use std::ops::Range;

/// Room for the fields of most messages, so that the index is allocated once.
const USUAL_FIELDS: usize = 32;

/// Reads a whole message.
pub(super) fn message(mut bytes: Bytes, limits: &Limits) -> Result<Message, ParseError> {
    let limit = limits.sip_message.min(u32::MAX as usize);
    if bytes.len() > limit {
        return Err(ParseError::TooLarge { limit });
    }
    // RFC 3261 §7.5: empty lines before the start line are to be ignored.
    let leading = bytes
        .iter()
        .take_while(|b| matches!(b, b'\r' | b'\n'))
        .count();
    if leading > 0 {
        bytes = bytes.slice(leading..);
    }
    let (start, head) = Head::read(&bytes, limits)?;
    let is = bytes.len() - head.end;
    // RFC 3261 §18.3: what follows the body in a datagram is dropped, a body that is cut off is an error.
    let body = match head.content_length {
        Some((_, should)) if should > is => return Err(ParseError::BodyTooShort { is, should }),
        Some((_, should)) => {
            bytes.truncate(head.end + should);
            bytes.slice(head.end..)
        }
        None => bytes.slice(head.end..),
    };
    let mut index = Index::new(bytes, head.unfolded, head.slots);
    if head.bare_lf {
        index.respell();
    }
    if head.bare_end {
        index.edit();
    }
    let headers = Headers { index };
    Ok(match start {
        Start::Request { method, uri } => Message::Request(Request {
            method: match method {
                Ok(method) => method,
                Err(other) => Method::Other(
                    Text::from_utf8(headers.index.received().slice(other)).unwrap_or_default(),
                ),
            },
            uri: Line::Received(uri),
            headers,
            body,
        }),
        Start::Response { status, reason } => Message::Response(Response {
            status,
            reason: Line::Received(reason),
            headers,
            body,
        }),
    })
}

enum Start {
    Request {
        method: Result<Method, Range<usize>>,
        uri: Range<u32>,
    },
    Response {
        status: Status,
        reason: Range<u32>,
    },
}

/// What one pass over the head notes.
struct Head {
    slots: Vec<Slot>,
    /// The values of folded fields without the folds.
    unfolded: String,
    /// Where it stands, and what it says.
    content_length: Option<(usize, usize)>,
    /// Where the body begins.
    end: usize,
    /// Whether lines end with LF alone. The first line decides: were both let through in one message, a
    /// LF that another hop takes for a part of a value would begin a header here.
    bare_lf: bool,
    /// Whether the empty line is missing.
    bare_end: bool,
}

impl Head {
    fn read(bytes: &[u8], limits: &Limits) -> Result<(Start, Self), ParseError> {
        let end = scan(bytes, 0);
        let bare_lf = bytes.get(end) == Some(&b'\n');
        let mut head = Self {
            slots: Vec::with_capacity(USUAL_FIELDS),
            unfolded: String::new(),
            content_length: None,
            end: 0,
            bare_lf,
            bare_end: false,
        };
        let mut at = head.after_line(bytes, end)?;
        let start = start_line(bytes, end)?;
        let most = limits.sip_headers.min(MAX_FIELDS);
        head.end = loop {
            match bytes.get(at) {
                Some(b'\r' | b'\n') => break head.after_line(bytes, at)?,
                Some(_) if head.slots.len() < most => at = head.field(bytes, at, limits)?,
                Some(_) => return Err(ParseError::TooManyHeaders { at, limit: most }),
                // Some forget the empty line in a datagram, as RFC 4475 does in §3.1.2.15. Nothing is
                // lost if they say that there is no body.
                None if head.content_length.is_some_and(|(_, length)| length == 0) => {
                    head.bare_end = true;
                    break at;
                }
                None => return Err(ParseError::Truncated { at }),
            }
        };
        if head.end > limits.sip_head {
            let limit = limits.sip_head;
            return Err(ParseError::HeadTooLarge { at: 0, limit });
        }
        Ok((start, head))
    }

    /// Where the next line begins, if a line ends at `at`.
    #[inline]
    fn after_line(&self, bytes: &[u8], at: usize) -> Result<usize, ParseError> {
        match bytes.get(at..) {
            Some([b'\r', b'\n', ..]) if !self.bare_lf => Ok(at + 2),
            Some([b'\n', ..]) if self.bare_lf => Ok(at + 1),
            Some([] | [b'\r']) | None => Err(ParseError::Truncated { at }),
            Some(_) => Err(ParseError::Control { at }),
        }
    }

    /// Reads the field that begins at `start`; answers where the next one does.
    #[inline]
    fn field(&mut self, bytes: &[u8], start: usize, limits: &Limits) -> Result<usize, ParseError> {
        let line = bytes.get(start..).unwrap_or_default();
        let Some(colon) = find_colon(line) else {
            return Err(bad_name(bytes, start));
        };
        let (name_end, number) = match line.get(..colon).and_then(Name::lookup) {
            Some(number) => (start + colon, number),
            None => unusual_name(bytes, start, start + colon)?,
        };
        let mut value = start + colon + 1;
        if bytes.get(value) == Some(&b' ') {
            value += 1;
        }
        while bytes.get(value).is_some_and(|byte| is_space(*byte)) {
            value += 1;
        }
        let mut end = scan(bytes, value);
        if !matches!(bytes.get(end), Some(b'\r' | b'\n')) {
            end = scan_quoted(bytes, value)?;
        }
        let next = self.after_line(bytes, end)?;
        if next - start > limits.sip_header {
            let limit = limits.sip_header;
            return Err(ParseError::HeadTooLarge { at: start, limit });
        }
        if bytes.get(next).is_some_and(|byte| is_space(*byte)) {
            return self.folded(bytes, start, name_end, number, value, limits);
        }
        let mut value_end = end;
        while value_end > value && bytes.get(value_end - 1).is_some_and(|byte| is_space(*byte)) {
            value_end -= 1;
        }
        if number == Name::CONTENT_LENGTH {
            self.content_length(bytes.get(value..value_end).unwrap_or_default(), value)?;
        }
        self.slots.push(Slot::received(
            number,
            small(start),
            small(name_end),
            small(value),
            small(value_end),
            small(next),
        ));
        Ok(next)
    }

    /// Reads a field that goes on in the next line. A fold is the same as one space (RFC 3261 §7.3.1).
    #[cold]
    fn folded(
        &mut self,
        bytes: &[u8],
        start: usize,
        name_end: usize,
        number: u8,
        value: usize,
        limits: &Limits,
    ) -> Result<usize, ParseError> {
        let (mut line, mut whole) = (value, Vec::new());
        let next = loop {
            let mut end = scan(bytes, line);
            if !matches!(bytes.get(end), Some(b'\r' | b'\n')) {
                end = scan_quoted(bytes, line)?;
            }
            let next = self.after_line(bytes, end)?;
            if next - start > limits.sip_header {
                let limit = limits.sip_header;
                return Err(ParseError::HeadTooLarge { at: start, limit });
            }
            let part = bytes.get(line..end).unwrap_or_default().trim_ascii();
            if !part.is_empty() {
                if !whole.is_empty() {
                    whole.push(b' ');
                }
                whole.extend_from_slice(part);
            }
            match bytes.get(next) {
                Some(byte) if is_space(*byte) => line = next,
                _ => break next,
            }
        };
        if number == Name::CONTENT_LENGTH {
            self.content_length(&whole, value)?;
        }
        let text = String::from_utf8_lossy(&whole);
        let buffer = match text {
            std::borrow::Cow::Borrowed(_) => Buffer::Added,
            std::borrow::Cow::Owned(_) => Buffer::Broken,
        };
        let from = small(self.unfolded.len());
        self.unfolded.push_str(&text);
        let mut slot = Slot::received(
            number,
            small(start),
            small(name_end),
            small(value),
            small(value),
            small(next),
        );
        slot.move_value(from..small(self.unfolded.len()), buffer);
        self.slots.push(slot);
        Ok(next)
    }

    /// Notes the length of the body (RFC 3261 §20.14).
    fn content_length(&mut self, value: &[u8], at: usize) -> Result<(), ParseError> {
        let length = list::number(value).ok_or(ParseError::ContentLength { at })?;
        match self.content_length {
            Some((_, other)) if other != length => Err(ParseError::ContentLength { at }),
            _ => {
                self.content_length = Some((at, length));
                Ok(())
            }
        }
    }
}

/// Reads the first line, which ends at `end`. More than one space between its parts and space at its end
/// are let through: RFC 4475 §3.1.2.8 and §3.1.2.9 leave that to the receiver.
fn start_line(bytes: &[u8], end: usize) -> Result<Start, ParseError> {
    let line = list::trimmed(bytes, 0..end);
    let wrong = |at| Err(ParseError::StartLine { at });
    if line.start > 0 {
        return wrong(0);
    }
    let whole = bytes.get(..line.end).unwrap_or_default();
    let first = whole
        .iter()
        .position(|b| !is_token_byte(*b))
        .unwrap_or(line.end);
    if first == 3 && is_version(whole.get(..4).unwrap_or_default()) {
        return status_line(whole);
    }
    if first == 0 || whole.get(first) != Some(&b' ') {
        return wrong(first);
    }
    let Some(last) = whole.iter().rposition(|b| is_space(*b)) else {
        return wrong(first);
    };
    let version = whole.get(last + 1..).unwrap_or_default();
    if !is_version(version) {
        return wrong(last + 1);
    }
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(ParseError::Version { at: last + 1 });
    }
    let uri = list::trimmed(whole, first..last);
    let text = whole.get(uri.clone()).unwrap_or_default();
    if uri.is_empty() {
        return wrong(last);
    }
    if let Some(at) = text.iter().position(|b| !b.is_ascii_graphic()) {
        return wrong(uri.start + at);
    }
    Ok(Start::Request {
        method: whole.get(..first).and_then(Method::known).ok_or(0..first),
        uri: small(uri.start)..small(uri.end),
    })
}

/// Reads a Status-Line. The reason and the space before it may be missing.
fn status_line(line: &[u8]) -> Result<Start, ParseError> {
    let version = line.iter().position(|b| is_space(*b)).unwrap_or(line.len());
    if !(line.get(..version)).is_some_and(|v| v.eq_ignore_ascii_case(b"SIP/2.0")) {
        return Err(ParseError::Version { at: 0 });
    }
    let rest = list::trimmed(line, version..line.len());
    let at = rest.start;
    let end = (line.get(at..).unwrap_or_default().iter())
        .position(|b| is_space(*b))
        .map_or(line.len(), |length| at + length);
    let status = match line.get(at..end) {
        Some(code @ [_, _, _]) => list::number(code).and_then(Status::new),
        _ => None,
    };
    let reason = list::trimmed(line, end..line.len());
    Ok(Start::Response {
        status: status.ok_or(ParseError::StatusCode { at })?,
        reason: small(reason.start)..small(reason.end),
    })
}

/// Whether this begins like a version of SIP, which may be spelled in any case (RFC 3261 §7.1).
pub(super) fn is_version(bytes: &[u8]) -> bool {
    bytes
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}

/// A name with space before the colon, or one that is not in the table.
#[cold]
fn unusual_name(bytes: &[u8], start: usize, colon: usize) -> Result<(usize, u8), ParseError> {
    let name = bytes.get(start..colon).unwrap_or_default();
    let spaces = name.iter().rev().take_while(|b| is_space(**b)).count();
    let name = name.get(..name.len() - spaces).unwrap_or_default();
    if !list::is_token(name) {
        return Err(bad_name(bytes, start));
    }
    let number = Name::lookup(name).unwrap_or(Name::COUNT);
    Ok((start + name.len(), number))
}

/// What is wrong with the line at `start`, which does not begin with a name and a colon.
#[cold]
fn bad_name(bytes: &[u8], start: usize) -> ParseError {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.iter().take_while(|b| is_token_byte(**b)).count();
    let at = start + length;
    match bytes.get(at) {
        None => ParseError::Truncated { at },
        Some(byte) if list::is_control(*byte) && !matches!(byte, b'\r' | b'\n') => {
            ParseError::Control { at }
        }
        Some(_) => ParseError::HeaderName { at },
    }
}

/// Where the line ends whose value begins at `start`, if the control characters in it stand after a
/// backslash in a quoted string (RFC 3261 §25.1, `quoted-pair`). Anywhere else they are refused: two hops
/// that read on differently after a NUL see different headers.
#[cold]
fn scan_quoted(bytes: &[u8], start: usize) -> Result<usize, ParseError> {
    let (mut at, mut quoted) = (start, false);
    loop {
        match bytes.get(at..) {
            Some([b'\r' | b'\n', ..]) => return Ok(at),
            Some([b'\\', next, ..]) if quoted && !matches!(next, b'\r' | b'\n') => at += 1,
            Some([b'"', ..]) => quoted = !quoted,
            Some([byte, ..]) if list::is_control(*byte) => return Err(ParseError::Control { at }),
            Some([_, ..]) => {}
            Some([]) | None => return Err(ParseError::Truncated { at }),
        }
        at += 1;
    }
}

/// Where the first control character other than TAB is from `at` on; the end if there is none.
///
/// Eight bytes at a time: subtracting 0x20 from each borrows into its highest bit just where it is
/// smaller. A borrow may reach the next byte, but never the first that is found.
#[inline]
pub(super) fn scan(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES * 0x80;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(chunk) = rest.first_chunk::<8>() else {
            return match list::control(rest) {
                Some(found) => at + found,
                None => bytes.len().max(at),
            };
        };
        let word = u64::from_le_bytes(*chunk);
        let low = word.wrapping_sub(ONES * 0x20);
        let delete = (word ^ (ONES * 0x7f)).wrapping_sub(ONES);
        let found = (low | delete) & !word & HIGH;
        if found == 0 {
            at += 8;
            continue;
        }
        at += (found.trailing_zeros() / 8) as usize;
        if bytes.get(at) != Some(&b'\t') {
            return at;
        }
        at += 1;
    }
}

/// Where the first colon is. Names are short.
#[inline]
fn find_colon(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b':', bytes)
}

/// An offset in a message, which is smaller than 4 GiB.
#[inline]
const fn small(offset: usize) -> u32 {
    offset as u32
}
