//! From bytes to a message: one pass that notes places.

use super::index::{Buffer, Index, MAX_FIELDS, Slot};
use super::list::{self, is_space, is_token_byte};
use super::scan::{find_colon, scan, scan_quoted};
use super::start::Start;
use super::{Headers, Line, Message, Method, Name, Request, Response};
use crate::engine::Limits;
use crate::sip::ParseError;
use crate::wire::Text;
use bytes::Bytes;

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
        let start = Start::read(bytes, end)?;
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
    #[inline(always)]
    fn after_line(&self, bytes: &[u8], at: usize) -> Result<usize, ParseError> {
        match bytes.get(at..) {
            Some([b'\r', b'\n', ..]) if !self.bare_lf => Ok(at + 2),
            Some([b'\n', ..]) if self.bare_lf => Ok(at + 1),
            Some([] | [b'\r']) | None => Err(ParseError::Truncated { at }),
            Some(_) => Err(ParseError::Control { at }),
        }
    }

    /// Reads the field that begins at `start`; answers where the next one does.
    #[inline(always)]
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

/// An offset in a message, which is smaller than 4 GiB.
#[inline]
pub(super) const fn small(offset: usize) -> u32 {
    offset as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::msg::Status;
    use ParseError as E;

    fn parse(bytes: impl AsRef<[u8]>) -> Result<Message, ParseError> {
        message(Bytes::copy_from_slice(bytes.as_ref()), &Limits::default())
    }

    /// The fields as names and values.
    fn fields(bytes: impl AsRef<[u8]>) -> Vec<(String, Option<String>)> {
        let message = parse(bytes).unwrap();
        (message.headers().iter())
            .map(|field| (field.name().to_string(), field.text().map(str::to_owned)))
            .collect()
    }

    #[test]
    fn what_is_no_message_says_what_and_at_which_byte() {
        for (bytes, error) in [
            (&b""[..], E::Truncated { at: 0 }),
            (b"OPTIONS sip:a SIP/2.0", E::Truncated { at: 21 }),
            (b"OPTIONS sip:a SIP/2.0\r\n", E::Truncated { at: 23 }),
            (
                b"OPTIONS sip:a SIP/2.0\r\nTo: x\r\n",
                E::Truncated { at: 30 },
            ),
            (b"OPTIONS sip:a SIP/3.0\r\n\r\n", E::Version { at: 14 }),
            (b"SIP/3.0 200 OK\r\n\r\n", E::Version { at: 0 }),
            (b"SIP/2.0 20 OK\r\n\r\n", E::StatusCode { at: 8 }),
            (b"SIP/2.0 700 OK\r\n\r\n", E::StatusCode { at: 8 }),
            (b"SIP/2.0\r\n\r\n", E::StatusCode { at: 7 }),
            (b"OPTIONS\r\n\r\n", E::StartLine { at: 7 }),
            (b"OPTIONS sip:a HTTP/1.1\r\n\r\n", E::StartLine { at: 14 }),
            (b"OPTIONS SIP/2.0\r\n\r\n", E::StartLine { at: 7 }),
            (b"OPTIONS sip:a b SIP/2.0\r\n\r\n", E::StartLine { at: 13 }),
            (
                b"OPTIONS sip:\xc3\xa4 SIP/2.0\r\n\r\n",
                E::StartLine { at: 12 },
            ),
            (b"OP(TIONS sip:a SIP/2.0\r\n\r\n", E::StartLine { at: 2 }),
            (b" OPTIONS sip:a SIP/2.0\r\n\r\n", E::StartLine { at: 0 }),
            (b"SIP/2.0 200 OK\r\nTo\r\n\r\n", E::HeaderName { at: 18 }),
            (b"SIP/2.0 200 OK\r\n: x\r\n\r\n", E::HeaderName { at: 16 }),
            (b"SIP/2.0 200 OK\r\n X: x\r\n\r\n", E::HeaderName { at: 16 }),
            (
                b"SIP/2.0 200 OK\r\nT o: x\r\n\r\n",
                E::HeaderName { at: 17 },
            ),
            (b"SIP/2.0 200 OK\r\nTo\0: x\r\n\r\n", E::Control { at: 18 }),
            (b"SIP/2.0 200 OK\r\nTo: a\0b\r\n\r\n", E::Control { at: 21 }),
            (
                b"SIP/2.0 200 OK\r\nTo: \"a\0b\"\r\n\r\n",
                E::Control { at: 22 },
            ),
            (
                b"SIP/2.0 200 OK\r\nTo: a\\\0b\r\n\r\n",
                E::Control { at: 22 },
            ),
            (b"SIP/2.0 200 OK\r\nTo: a\rb\r\n\r\n", E::Control { at: 21 }),
            (
                b"SIP/2.0 200 OK\r\nTo: a\x7fbcdefgh\r\n\r\n",
                E::Control { at: 21 },
            ),
            (
                b"SIP/2.0 200 OK\r\nl: x\r\n\r\n",
                E::ContentLength { at: 19 },
            ),
            (
                b"SIP/2.0 200 OK\r\nl: 1\r\nl: 2\r\n\r\n",
                E::ContentLength { at: 25 },
            ),
            (
                b"SIP/2.0 200 OK\r\nl: 3\r\n\r\nab",
                E::BodyTooShort { is: 2, should: 3 },
            ),
        ] {
            assert_eq!(parse(bytes).unwrap_err(), error, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn every_size_is_bounded() {
        let limits = Limits {
            sip_message: 200,
            sip_head: 100,
            sip_header: 30,
            sip_headers: 3,
            ..Limits::default()
        };
        let check = |fields: &str, body: usize| {
            let bytes = format!("SIP/2.0 200 OK\r\n{fields}\r\n{}", "b".repeat(body));
            message(Bytes::from(bytes), &limits).map(|_| ())
        };
        assert_eq!(check("a: 1\r\n", 50), Ok(()));
        assert_eq!(check("", 183), Err(E::TooLarge { limit: 200 }));
        assert_eq!(
            check(&format!("a: {}\r\n", "x".repeat(26)), 0),
            Err(E::HeadTooLarge { at: 16, limit: 30 })
        );
        assert_eq!(
            check(&format!("a: x\r\n {}\r\n", "x".repeat(26)), 0),
            Err(E::HeadTooLarge { at: 16, limit: 30 })
        );
        assert_eq!(
            check("a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n", 0),
            Err(E::TooManyHeaders { at: 34, limit: 3 })
        );
        let long = format!("a: {}\r\n", "x".repeat(24));
        assert_eq!(
            check(&long.repeat(3), 0),
            Err(E::HeadTooLarge { at: 0, limit: 100 })
        );
    }

    #[test]
    fn rfc3261_21_every_error_has_a_status() {
        assert_eq!(E::Version { at: 0 }.status(), Status::VERSION_NOT_SUPPORTED);
        assert_eq!(E::TooLarge { limit: 0 }.status(), Status::MESSAGE_TOO_LARGE);
        assert_eq!(E::HeaderName { at: 0 }.status(), Status::BAD_REQUEST);
    }

    #[test]
    fn rfc3261_7_3_1_names_and_values_in_any_spacing() {
        for line in [
            "Subject: lunch",
            "Subject      :      lunch",
            "Subject            :lunch",
            "Subject            : lunch",
            "Subject:lunch",
            "SUBJECT:\t lunch \t",
            "s: lunch",
            "S :lunch",
            "subject:\r\n lunch",
            "sUbJeCt:  \r\n\t\r\n lunch  ",
        ] {
            let found = fields(format!("SIP/2.0 200 OK\r\n{line}\r\nX-A: y\r\n\r\n"));
            let expected = [("Subject", "lunch"), ("X-A", "y")];
            assert_eq!(
                found,
                expected.map(|(n, v)| (n.to_owned(), Some(v.to_owned()))),
                "{line:?}"
            );
        }
        let found =
            fields("SIP/2.0 200 OK\r\nSubject: I know\r\n   you're there,\t\r\n\tpick up\r\n\r\n");
        assert_eq!(found[0].1.as_deref(), Some("I know you're there, pick up"));
    }

    #[test]
    fn rfc3261_7_3_1_a_value_that_is_not_utf8_is_kept_but_not_shown() {
        for line in [&b"X-A: a\xffb\r\n"[..], b"X-A: a\r\n \xffb\r\n"] {
            let bytes = [
                b"SIP/2.0 200 OK\r\n",
                line,
                b"X-B: \xc3\xa4\r\nl: 0\r\n\r\n",
            ]
            .concat();
            assert_eq!(fields(&bytes)[0], ("X-A".to_owned(), None));
            assert_eq!(
                fields(&bytes)[1],
                ("X-B".to_owned(), Some("\u{e4}".to_owned()))
            );
            let mut message = parse(&bytes).unwrap();
            assert_eq!(message.write(), bytes);
            message.headers_mut().remove(&Name::Other("X-B".into()));
            assert_eq!(
                message.write(),
                [b"SIP/2.0 200 OK\r\n", line, b"l: 0\r\n\r\n"].concat()
            );
        }
    }

    #[test]
    fn the_first_line_decides_how_lines_end() {
        let bytes = "SIP/2.0 200 OK\nTo:  a\nX: b\n c\nl: 1\n\nz";
        let mut message = parse(bytes).unwrap();
        assert_eq!(message.write(), bytes);
        message.headers_mut().remove(&Name::To);
        assert_eq!(message.write(), "SIP/2.0 200 OK\r\nX: b c\r\nl: 1\r\n\r\nz");
        for mixed in [
            "SIP/2.0 200 OK\r\nSubject: x\nP-Asserted-Identity: <sip:boss@a>\r\nl: 0\r\n\r\n",
            "SIP/2.0 200 OK\nSubject: x\r\nl: 0\n\n",
            "SIP/2.0 200 OK\r\nl: 0\r\n\n",
        ] {
            assert!(matches!(parse(mixed), Err(E::Control { .. })), "{mixed:?}");
        }
    }

    #[test]
    fn rfc3261_18_3_the_length_of_the_body_in_a_datagram() {
        let body = |bytes: &str| parse(bytes).map(|message| message.body().clone());
        assert_eq!(body("SIP/2.0 200 OK\r\nl: 1\r\n\r\nab").unwrap(), "a");
        assert_eq!(body("SIP/2.0 200 OK\r\n\r\nab").unwrap(), "ab");
        assert_eq!(
            body("\r\n\r\nSIP/2.0 200 OK\r\nl:0002\r\n\r\nab").unwrap(),
            "ab"
        );
        assert_eq!(
            parse("SIP/2.0 200 OK\r\nl: 1\r\n\r\nab").unwrap().write(),
            "SIP/2.0 200 OK\r\nl: 1\r\n\r\na"
        );
        // The empty line that some forget is there in what we write.
        assert_eq!(
            parse("SIP/2.0 200 OK\r\nl: 0\r\n").unwrap().write(),
            "SIP/2.0 200 OK\r\nl: 0\r\n\r\n"
        );
    }

    #[test]
    fn a_head_of_twice_the_size_takes_twice_the_time() {
        // The quoted strings and folds that a peer can repeat: quadratic, this would take minutes.
        let limits = Limits {
            sip_header: usize::MAX,
            sip_head: usize::MAX,
            sip_message: usize::MAX,
            ..Limits::default()
        };
        for part in ["\"\\\u{1}\"", "\r\n ", "\"", ",", "\\", "<"] {
            let bytes = format!(
                "SIP/2.0 200 OK\r\nTo: {}\r\nl: 0\r\n\r\n",
                part.repeat(1_000_000)
            );
            let parsed = message(Bytes::from(bytes), &limits);
            assert!(parsed.is_ok(), "{part:?}");
        }
    }
}
