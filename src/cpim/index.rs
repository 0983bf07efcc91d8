//! Where in the bytes of a message its headers are.
//!
//! A message is indexed in one pass, and nothing is copied. What peers get wrong about the two blocks of
//! headers is put right here, so that the rest of the module sees well-formed messages only.

use super::fields::Fields;
use super::{ParseError, ParseErrorKind};
use crate::wire::cursor::ByteSet;
use memchr::{memchr, memchr3};
use std::ops::Range;

/// What a block of headers is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    /// Those of the message.
    Message,
    /// Those of the content, without a doubt.
    Content,
    /// Those of the content, or already the body.
    Doubtful,
}

/// Indexes the head of a message, at most `size` bytes and `count` headers, into `fields`, and tells where it ends.
pub(super) fn index(
    bytes: &[u8],
    size: usize,
    count: usize,
    fields: &mut Fields,
) -> Result<usize, ParseError> {
    let mut scan = Scan {
        bytes: bytes.get(..size).unwrap_or(bytes),
        cut: bytes.len() > size,
        count,
        at: 0,
        fields,
    };
    // Some peers begin the body of the transport with an empty line.
    while scan.blank_line() {}
    scan.block(Block::Message)?;
    if scan.fields.is_empty() {
        return Err(ParseError {
            kind: ParseErrorKind::Empty,
            at: scan.at,
        });
    }
    loop {
        if scan.blank_line() {
            break;
        }
        if scan.cut && scan.at == scan.bytes.len() {
            return Err(ParseError {
                kind: ParseErrorKind::TooLarge,
                at: scan.at,
            });
        }
        let start = scan.at;
        let known = scan.fields.len();
        match scan.next_block() {
            None => break,
            Some(Block::Message) => scan.block(Block::Message)?,
            Some(Block::Content) => {
                scan.block(Block::Content)?;
                break;
            }
            Some(Block::Doubtful) => {
                // What does not turn out to be headers is the body of a content without headers.
                if scan.block(Block::Doubtful).is_err() {
                    scan.at = start;
                    scan.fields.truncate(known);
                }
                break;
            }
        }
    }
    Ok(scan.at)
}

struct Scan<'a> {
    bytes: &'a [u8],
    /// Whether there is more than `bytes` that we do not look at.
    cut: bool,
    count: usize,
    at: usize,
    fields: &'a mut Fields,
}

impl Scan<'_> {
    /// Reads headers up to and with the empty line, or to the end.
    fn block(&mut self, block: Block) -> Result<(), ParseError> {
        let known = self.fields.len();
        let bytes = self.bytes;
        while !self.blank_line() {
            let start = self.at;
            let error = |kind, at| Err(ParseError { kind, at });
            let name_end = NAME.end_of_run(bytes, start);
            let named = name_end > start && bytes.get(name_end) == Some(&b':');
            // The end of the line, and whatever may not be in it, in one go.
            let rest = bytes.get(name_end..).unwrap_or_default();
            let end = name_end + memchr3(b'\n', b'\r', 0, rest).unwrap_or(rest.len());
            self.at = match bytes.get(end..) {
                Some([b'\r', b'\n', ..]) => end + 2,
                Some([b'\n', ..]) => end + 1,
                Some([_, ..]) => return error(ParseErrorKind::Control, end),
                Some([]) | None if self.cut => return error(ParseErrorKind::TooLarge, start),
                Some([]) | None if block == Block::Doubtful => {
                    return error(ParseErrorKind::Header, start);
                }
                Some([]) | None if end <= start => return Ok(()),
                Some([]) | None => end,
            };
            match named {
                true => self.header(start..name_end, end, block)?,
                false => self.fold(start, end, known)?,
            }
        }
        Ok(())
    }

    /// Takes the header whose name is there and whose line ends at `end`.
    #[inline]
    fn header(&mut self, name: Range<usize>, end: usize, block: Block) -> Result<(), ParseError> {
        if self.fields.len() >= self.count {
            return Err(ParseError {
                kind: ParseErrorKind::TooLarge,
                at: name.start,
            });
        }
        let after = self.bytes.get(name.end + 1..end).unwrap_or_default();
        let value = match after {
            // As it is written by nearly everybody.
            [b' ', first, .., last]
                if !first.is_ascii_whitespace() && !last.is_ascii_whitespace() =>
            {
                name.end + 2..end
            }
            _ => {
                let value = after.trim_ascii_start();
                let start = match value {
                    [] => name.end + 1,
                    _ => end - value.len(),
                };
                start..start + value.trim_ascii_end().len()
            }
        };
        // Some peers put the headers of the content among those of the message.
        let content = block != Block::Message
            || is_of_content(self.bytes.get(name.clone()).unwrap_or_default());
        self.fields.push(span(name), span(value), content);
        Ok(())
    }

    /// Takes a line that is none of its own: RFC 3862 does not fold lines, but MIME does.
    #[cold]
    fn fold(&mut self, start: usize, end: usize, known: usize) -> Result<(), ParseError> {
        let line = self.bytes.get(start..end).unwrap_or_default();
        let end = start + line.trim_ascii_end().len();
        match (line.first(), self.fields.last_after(known)) {
            (Some(b' ' | b'\t'), Some(field)) => {
                field.value.1 = field.value.1.max(narrow(end));
                Ok(())
            }
            _ => Err(ParseError {
                kind: ParseErrorKind::Header,
                at: start,
            }),
        }
    }

    /// Skips an empty line, if there is one.
    fn blank_line(&mut self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = match rest {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => return false,
        };
        self.at += length;
        true
    }

    /// What the next block is, by its first line; `None` for a body.
    fn next_block(&self) -> Option<Block> {
        let name = name(self.bytes.get(self.at..)?)?;
        if is_of_content(name) {
            return Some(Block::Content);
        }
        if is_of_message(name) {
            return Some(Block::Message);
        }
        // Whoever put the type of the content among the headers of the message has no second block.
        let typed = self.fields.iter().any(|field| {
            let name = self.bytes.get(field.name.0 as usize..field.name.1 as usize);
            name.is_some_and(|name| name.eq_ignore_ascii_case(b"Content-Type"))
        });
        (!typed).then_some(Block::Doubtful)
    }
}

/// What the name of a header is made of: visible ASCII characters but the colon.
const NAME: &ByteSet = &ByteSet::alphanumeric_and(b"!\"#$%&'()*+,-./;<=>?@[\\]^_`{|}~");

/// The name at the start of a header line, if there is one and a colon after it.
fn name(line: &[u8]) -> Option<&[u8]> {
    let (name, rest) = line.split_at_checked(NAME.end_of_run(line, 0))?;
    (!name.is_empty() && rest.first() == Some(&b':')).then_some(name)
}

fn is_of_content(name: &[u8]) -> bool {
    // The names of the message itself begin with neither.
    if !matches!(name.first(), Some(b'c' | b'C' | b'm' | b'M')) {
        return false;
    }
    let begins = |start: &[u8]| {
        name.get(..start.len())
            .is_some_and(|name| name.eq_ignore_ascii_case(start))
    };
    begins(b"content-") || begins(b"mime-version")
}

fn is_of_message(name: &[u8]) -> bool {
    const OWN: [&[u8]; 7] = [
        b"From",
        b"To",
        b"cc",
        b"DateTime",
        b"Subject",
        b"NS",
        b"Require",
    ];
    OWN.contains(&name) || memchr(b'.', name).is_some()
}

fn span(range: Range<usize>) -> (u32, u32) {
    (narrow(range.start), narrow(range.end))
}

/// Offsets are within the head, whose size is limited far below what fits.
pub(super) fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpim::Message;
    use crate::engine::Limits;
    use bytes::Bytes;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_visible_ascii_up_to_the_first_colon() {
        for byte in 0..=u8::MAX {
            let length = match byte {
                b':' => Some(1),
                _ => byte.is_ascii_graphic().then_some(3),
            };
            let line = [b'a', byte, b'b', b':', b'c'];
            assert_eq!(name(&line).map(<[u8]>::len), length);
        }
        for no_name in ["", ":", "a", "a b:", "\u{e9}:"] {
            assert_eq!(name(no_name.as_bytes()), None, "{no_name}");
        }
    }

    fn parse(text: &str) -> Result<Message, ParseError> {
        Message::parse(Bytes::from(text.to_owned()), &Limits::default())
    }

    /// Headers, headers of the content, body.
    fn layout(text: &str) -> (String, String, String) {
        let message = parse(text).unwrap();
        assert_eq!(message.write(), text, "written as it was received");
        let headers: Vec<_> = message
            .headers()
            .map(|header| format!("{}={}", header.spelled, header.value))
            .collect();
        let content: Vec<_> = message
            .content_headers()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let body = String::from_utf8(message.body().to_vec()).unwrap();
        (headers.join("|"), content.join("|"), body)
    }

    #[test]
    fn layouts_of_peers() {
        for (what, text, headers, content, body) in [
            (
                "as it should be",
                "From: <a:b>\r\nTo: <c:d>\r\n\r\nContent-Type: text/plain\r\n\r\nhi\r\n",
                "From=<a:b>|To=<c:d>",
                "Content-Type=text/plain",
                "hi\r\n",
            ),
            (
                "line feeds only",
                "From: <a:b>\n\nContent-Type: text/plain\n\nhi",
                "From=<a:b>",
                "Content-Type=text/plain",
                "hi",
            ),
            (
                "line feeds only in the second block",
                "From: <a:b>\r\n\r\nContent-Type: text/plain\n\nhi",
                "From=<a:b>",
                "Content-Type=text/plain",
                "hi",
            ),
            (
                "an empty line first",
                "\r\nFrom: <a:b>\r\n\r\nContent-Type: text/plain\r\n\r\nhi",
                "From=<a:b>",
                "Content-Type=text/plain",
                "hi",
            ),
            (
                "a body that starts with CRLF",
                "From: <a:b>\r\n\r\nContent-Type: text/plain\r\n\r\n\r\nhi",
                "From=<a:b>",
                "Content-Type=text/plain",
                "\r\nhi",
            ),
            (
                "headers after the empty line",
                "From: <a:b>\r\n\r\nNS: imdn <u>\r\nimdn.Message-ID: 1\r\n\r\nContent-Type: text/plain\r\n\r\nhi",
                "From=<a:b>|NS=imdn <u>|imdn.Message-ID=1",
                "Content-Type=text/plain",
                "hi",
            ),
            (
                "spaces around the value",
                "From:   <a:b>  \r\nTo:<c:d>\r\n\r\nContent-Type:text/plain\r\n\r\nhi",
                "From=<a:b>|To=<c:d>",
                "Content-Type=text/plain",
                "hi",
            ),
            (
                "no headers of the content",
                "From: <a:b>\r\n\r\n\r\nhi",
                "From=<a:b>",
                "",
                "hi",
            ),
            (
                "no block for them either",
                "From: <a:b>\r\n\r\nhi there\r\n",
                "From=<a:b>",
                "",
                "hi there\r\n",
            ),
            (
                "a body that looks like a header",
                "From: <a:b>\r\n\r\nremember: milk",
                "From=<a:b>",
                "",
                "remember: milk",
            ),
            (
                "headers of the content that begin with another",
                "From: <a:b>\r\n\r\nX-Y: 1\r\nContent-Type: text/plain\r\n\r\nhi",
                "From=<a:b>",
                "X-Y=1|Content-Type=text/plain",
                "hi",
            ),
            (
                "all in one block",
                "From: <a:b>\r\nContent-Type: text/plain\r\n\r\nremember: milk\r\n\r\n",
                "From=<a:b>",
                "Content-Type=text/plain",
                "remember: milk\r\n\r\n",
            ),
            (
                "disposition in the first block",
                "From: <a:b>\r\nContent-Disposition: notification\r\n\r\nContent-type: message/imdn+xml\r\n\r\n<x/>",
                "From=<a:b>",
                "Content-Disposition=notification|Content-type=message/imdn+xml",
                "<x/>",
            ),
            (
                "a folded header of the content",
                "From: <a:b>\r\n\r\nContent-Type: text/plain;\r\n charset=x\r\n\r\nhi",
                "From=<a:b>",
                "Content-Type=text/plain;\r\n charset=x",
                "hi",
            ),
            (
                "headers only",
                "From: <a:b>\r\nTo: <c:d>\r\n",
                "From=<a:b>|To=<c:d>",
                "",
                "",
            ),
            (
                "an empty value",
                "Subject:\r\n\r\nContent-Type:\r\n\r\n",
                "Subject=",
                "Content-Type=",
                "",
            ),
            (
                "an empty text",
                "From: <a:b>\r\n\r\nContent-Type: text/plain\r\n\r\n",
                "From=<a:b>",
                "Content-Type=text/plain",
                "",
            ),
        ] {
            let expected = (headers.to_owned(), content.to_owned(), body.to_owned());
            assert_eq!(layout(text), expected, "{what}");
        }
    }

    #[test]
    fn a_length_only_cuts_line_ends() {
        for (length, body, left) in [
            ("5", "hello\r\n", "hello"),
            ("5", "hello", "hello"),
            // counted in characters, or wrongly
            ("4", "hello\r\n", "hello\r\n"),
            ("99", "hello\r\n", "hello\r\n"),
            ("-1", "hello\r\n", "hello\r\n"),
            ("18446744073709551616", "hello\r\n", "hello\r\n"),
        ] {
            let text = format!("From: <a:b>\r\n\r\nContent-Length: {length}\r\n\r\n{body}");
            assert_eq!(parse(&text).unwrap().body(), left, "{length} {body:?}");
        }
    }

    #[test]
    fn refuses_with_the_place() {
        for (text, kind, at) in [
            ("", ParseErrorKind::Empty, 0),
            ("\r\n\r\n", ParseErrorKind::Empty, 4),
            ("hello", ParseErrorKind::Header, 0),
            ("From: <a:b>\r\nhello\r\n\r\n", ParseErrorKind::Header, 13),
            ("From : <a:b>\r\n\r\n", ParseErrorKind::Header, 0),
            (" From: <a:b>\r\n\r\n", ParseErrorKind::Header, 0),
            ("From: <a:b>\r\n: x\r\n\r\n", ParseErrorKind::Header, 13),
            ("From: a\0b\r\n\r\n", ParseErrorKind::Control, 7),
            ("From: a\rTo: b\r\n\r\n", ParseErrorKind::Control, 7),
            (
                "From: <a:b>\r\n\r\nContent-Type: x\r\nhi\r\n\r\n",
                ParseErrorKind::Header,
                32,
            ),
        ] {
            assert_eq!(parse(text), Err(ParseError { kind, at }), "{text:?}");
        }
    }

    #[test]
    fn bombs_do_not_go_off() {
        let limits = Limits::default();
        let error = |at| {
            Err(ParseError {
                kind: ParseErrorKind::TooLarge,
                at,
            })
        };
        assert_eq!(
            parse(&"A:\r\n".repeat(100_000)),
            error(4 * limits.cpim_headers)
        );
        assert_eq!(parse(&format!("A: {}", "x".repeat(1 << 20))), error(0));
        let second = format!("A: b\r\n\r\nContent-Type: {}", "x".repeat(1 << 20));
        assert_eq!(parse(&second), error(8));
        let folds = format!("A: b\r\n{}", " x\r\n".repeat(100_000));
        assert_eq!(parse(&folds).unwrap_err().kind, ParseErrorKind::TooLarge);
        // A long body is none of our business.
        assert!(parse(&format!("A: b\r\n\r\nB: {}", "x".repeat(1 << 20))).is_ok());
    }

    #[test]
    fn what_is_not_utf8_is_replaced_but_passed_on() {
        let bytes = Bytes::from_static(
            b"Subject: \xff\xfe!\r\nTo: <a:b>\r\n\r\nContent-Type: x/y\r\n\r\n\xff",
        );
        let message = Message::parse(bytes.clone(), &Limits::default()).unwrap();
        assert_eq!(message.subject(None).unwrap(), "\u{fffd}\u{fffd}!");
        assert_eq!(message.to().next().unwrap().uri, "a:b");
        assert_eq!(message.content_type().unwrap().essence(), "x/y");
        assert_eq!(message.body(), &b"\xff"[..]);
        assert_eq!(message.write(), bytes);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(text in "(From: <a:b>|imdn.X: 1|NS:<u>|Content-Type: a/b|x|:|;| |\r\n|\n|\r|\u{e9}){0,20}") {
            if let Ok(mut message) = parse(&text) {
                prop_assert_eq!(message.write(), text);
                // What is edited is read as what it was edited to.
                message.set(crate::cpim::HeaderName::MESSAGE_ID, "id");
                let again = Message::parse(message.write(), &Limits::default()).unwrap();
                prop_assert_eq!(again.message_id().unwrap(), "id");
                prop_assert_eq!(again.body(), message.body());
                prop_assert_eq!(again.headers().count(), message.headers().count());
                prop_assert_eq!(again.content_headers().count(), message.content_headers().count());
            }
        }
    }
}
