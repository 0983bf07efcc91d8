//! Reading heads.

use super::frame::{FrameErrorKind, Framer};
use super::head::Head;
use super::header::Name;
use super::message::{Message, Method, Request};
use super::path::Path;
use super::status::{FailureReport, Status};
use crate::engine::Limits;
use crate::wire::Text;
use bytes::Bytes;

/// Why bytes are not an MSRP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}, at byte {at}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Where, counted from the start of the message.
    pub at: usize,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The bytes are not framed as a message.
    #[error(transparent)]
    Frame(#[from] FrameErrorKind),
    /// The message is not complete.
    #[error("the message is not complete")]
    Incomplete,
    /// More bytes follow the message.
    #[error("more bytes follow the message")]
    Excess,
    /// The head is not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// The start line has no method and no status code.
    #[error("neither a request line nor a status line")]
    StartLine,
    /// A header line has no name, or a control character.
    #[error("not a header line")]
    Line,
    /// A header value is not what it should be.
    #[error("the value of {0} is malformed")]
    Value(Name),
    /// A header field that may appear once appears again.
    #[error("{0} appears more than once")]
    Twice(Name),
    /// A header field is missing.
    #[error("{0} is missing")]
    Missing(Name),
}

impl ParseError {
    /// The status to answer with, where the message can be answered.
    pub const fn status(self) -> Status {
        Status::BAD_REQUEST
    }
}

impl Message {
    /// Reads a message that lies in one piece: head, body, end-line, and nothing after it.
    ///
    /// # Errors
    ///
    /// See [`ParseErrorKind`].
    pub fn parse(bytes: &Bytes, limits: &Limits) -> Result<Self, ParseError> {
        let fail = |kind, at| ParseError { kind, at };
        let mut framer = Framer::new();
        framer.push(bytes.clone());
        let frame = framer
            .next(limits)
            .map_err(|error| fail(ParseErrorKind::Frame(error.kind), 0))?;
        let Some((head, end, body)) = frame.and_then(|f| Some((f.head?, f.end?, f.body))) else {
            return Err(fail(ParseErrorKind::Incomplete, bytes.len()));
        };
        if framer.rest() > 0 {
            return Err(fail(ParseErrorKind::Excess, bytes.len() - framer.rest()));
        }
        let mut message = Self::read_head(head)?;
        if let Self::Request(request) = &mut message {
            request.body = body;
            request.continuation = end;
        }
        Ok(message)
    }

    /// Reads the head of a [`Frame`](super::Frame). Spacing, the case of names and the order of the header fields are as the
    /// peer likes.
    ///
    /// # Errors
    ///
    /// See [`ParseErrorKind`].
    pub fn read_head(head: Bytes) -> Result<Self, ParseError> {
        Head::parse(head)?.message()
    }
}

/// What can be told of a request that is malformed, so that it can be answered all the same: its transaction id, its
/// From-Path and its To-Path, and whether it wants an answer. `None` if it is no request or any of these is what is wrong.
pub(in crate::msrp) fn answerable(head: &Bytes) -> Option<Request> {
    let text = Text::from_utf8_lossy(head.clone());
    let mut lines = lines(&text);
    let (id, what, _) = start_line(lines.next()?.1)?;
    if status_code(what).is_some() {
        return None;
    }
    let path = |name: Name| {
        text.split("\r\n").find_map(|line| {
            let (spelled, value) = line.split_once(':')?;
            (Name::find(spelled.trim()) == Some(name))
                .then(|| Path::parse(&text.slice_ref(value)).ok())?
        })
    };
    let is_quiet = text.split("\r\n").any(|line| {
        line.split_once(':').is_some_and(|(spelled, wish)| {
            Name::find(spelled.trim()) == Some(Name::FailureReport)
                && wish.trim().eq_ignore_ascii_case("no")
        })
    });
    let mut request = Request::new(
        Method::parse(&text.slice_ref(what)),
        text.slice_ref(id),
        path(Name::ToPath)?,
        path(Name::FromPath)?,
    );
    if is_quiet {
        request.failure_report = FailureReport::No;
    }
    Some(request)
}

/// The lines of a head and where they begin, without the blank one. The framer has seen to it that each ends in CR LF.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', text.as_bytes()).filter_map(move |end| {
        let line = text.get(start..end)?;
        let at = std::mem::replace(&mut start, end + 1);
        let line = line.strip_suffix('\r').unwrap_or(line);
        (!line.is_empty()).then_some((at, line))
    })
}

/// Transaction id, method or status code, and what follows.
pub(super) fn start_line(line: &str) -> Option<(&str, &str, &str)> {
    let rest = line.strip_prefix("MSRP ")?.trim_ascii();
    let (id, rest) = word(rest)?;
    let rest = rest.trim_ascii_start();
    let (what, comment) = word(rest).unwrap_or_else(|| rest.split_at(rest.len()));
    let printable = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
    (printable(id) && printable(what) && !what.is_empty() && !comment.contains(char::is_control))
        .then(|| (id, what, comment.trim_ascii()))
}

/// What stands before the first space, and what after it.
fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| byte == b' ')?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Three digits.
pub(super) fn status_code(text: &str) -> Option<Status> {
    match text.as_bytes() {
        digits @ [_, _, _] if digits.iter().all(u8::is_ascii_digit) => Status::new(
            digits
                .iter()
                .fold(0, |code, digit| code * 10 + u16::from(digit - b'0')),
        ),
        _ => None,
    }
}

/// The code in `000 200 OK`; `Some(None)` in another name space than 000.
pub(super) fn report_status(value: &str) -> Option<Option<Status>> {
    let mut words = value.split_ascii_whitespace();
    let namespace = words.next()?;
    let code = status_code(words.next()?)?;
    status_code(namespace)?;
    Some((namespace == "000").then_some(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msrp::msg::{ByteRange, Continuation};

    fn parse(text: &str) -> Result<Message, ParseError> {
        Message::parse(&Bytes::from(text.to_owned()), &Limits::default())
    }

    const CHUNK: &str = "MSRP k3hd9s2a SEND\r\n\
        To-Path: msrp://10.0.0.2:9/sB1;tcp\r\n\
        From-Path: msrp://10.0.0.1:20000/sA1;tcp\r\n\
        Message-ID: mA1\r\n\
        Byte-Range: 1-2/2\r\n\
        Success-Report: yes\r\n\
        Failure-Report: partial\r\n\
        Use-Nickname: \"joe\"\r\n\
        Content-Type: text/plain;charset=UTF-8\r\n\
        \r\n\
        hi\r\n\
        -------k3hd9s2a$\r\n";

    #[test]
    fn rfc4975_7_1_a_chunk_is_read_and_written() {
        let Message::Request(request) = parse(CHUNK).unwrap() else {
            panic!()
        };
        assert_eq!(request.method, Method::Send);
        assert_eq!(request.transaction_id, "k3hd9s2a");
        assert_eq!(request.to_path.first().session_id(), Some("sB1"));
        assert_eq!(request.from_path.first().port(), Some(20000));
        assert_eq!(request.message_id.as_deref(), Some("mA1"));
        assert_eq!(request.byte_range, Some(ByteRange::whole(2)));
        assert!(request.success_report);
        assert_eq!(request.failure_report, FailureReport::Partial);
        assert_eq!(
            request.content_type.as_deref(),
            Some("text/plain;charset=UTF-8")
        );
        assert_eq!(request.others[0].1, "\"joe\"");
        assert_eq!(request.body, "hi");
        assert_eq!(request.continuation, Continuation::Complete);
        assert_eq!(request.write().unwrap(), CHUNK);
    }

    #[test]
    fn rfc4975_7_2_a_response_is_read_and_written() {
        let text = "MSRP t0b1nd01 200 OK\r\n\
            To-Path: msrp://10.0.0.2:9/sB1;tcp\r\n\
            From-Path: msrp://10.0.0.1:20000/sA1;tcp\r\n\
            -------t0b1nd01$\r\n";
        let Message::Response(response) = parse(text).unwrap() else {
            panic!()
        };
        assert_eq!(response.status, Status::OK);
        assert_eq!(response.comment, "OK");
        assert_eq!(response.write().unwrap(), text);
        let bare = parse(&text.replace(" OK", "")).unwrap();
        assert!(matches!(bare, Message::Response(r) if r.comment.is_empty()));
    }

    #[test]
    fn rfc4975_7_1_2_a_report_is_read_and_written() {
        let text = "MSRP dkei38sd REPORT\r\n\
            To-Path: msrp://relay:1;tcp msrp://10.0.0.2:9/sB1;tcp\r\n\
            From-Path: msrp://10.0.0.1:20000/sA1;tcp\r\n\
            Message-ID: mA1\r\n\
            Byte-Range: 1-25/25\r\n\
            Status: 000 200 OK\r\n\
            -------dkei38sd$\r\n";
        let Message::Request(report) = parse(text).unwrap() else {
            panic!()
        };
        assert_eq!(report.method, Method::Report);
        assert_eq!(report.status, Some(Status::OK));
        assert_eq!(report.to_path.iter().count(), 2);
        assert_eq!(report.write().unwrap(), text);
        let other = parse(&text.replace("000 200", "001 200")).unwrap();
        assert!(matches!(other, Message::Request(r) if r.status.is_none() && r.others.len() == 1));
    }

    #[test]
    fn sloppy_spelling_means_the_same() {
        let sloppy = CHUNK
            .replace("To-Path: ", "TO-PATH:")
            .replace("From-Path: ", "from-path :  ")
            .replace("1-2/2", "1 - 2 / 2 ")
            .replace("Success-Report: yes", "success-report:YES\t")
            .replace("partial", "Partial")
            .replace("MSRP k3hd9s2a SEND", "MSRP  k3hd9s2a  SEND ");
        assert_eq!(parse(&sloppy).unwrap(), parse(CHUNK).unwrap());
    }

    #[test]
    fn what_is_malformed_is_refused_where_it_is() {
        use ParseErrorKind as K;
        let from_path = "From-Path: msrp://10.0.0.1:20000/sA1;tcp\r\n";
        for (from, to, kind, near) in [
            (
                "SEND\r\n",
                "\r\n",
                K::Frame(FrameErrorKind::StartLine),
                "MSRP",
            ),
            (from_path, "", K::Missing(Name::FromPath), "hi"),
            ("Message-ID: mA1", "no colon", K::Line, "no colon"),
            (
                "Message-ID: mA1",
                "To-Path: msrp://a:1/b;tcp",
                K::Twice(Name::ToPath),
                "msrp://a:1",
            ),
            ("mA1", "", K::Value(Name::MessageId), "\r\nByte-Range"),
            ("1-2/2", "a-2/2", K::Value(Name::ByteRange), "a-2/2"),
            (
                "msrp://10.0.0.2",
                "sip:10.0.0.2",
                K::Value(Name::ToPath),
                "sip:10.0.0.2",
            ),
            ("\"joe\"", "a\rb", K::Line, "Use-Nickname"),
            ("\"joe\"", "a\0b", K::Line, "Use-Nickname"),
            ("yes", "perhaps", K::Value(Name::SuccessReport), "perhaps"),
        ] {
            let text = CHUNK.replacen(from, to, 1);
            let error = parse(&text).unwrap_err();
            assert_eq!(error.kind, kind, "{to:?}");
            let expected = text.find(near).unwrap_or(0);
            assert!(
                error.at <= expected && expected - error.at < 50,
                "{to:?}: {error}"
            );
        }
        assert_eq!(parse("MSRP").unwrap_err().kind, K::Incomplete);
        assert_eq!(
            parse(&format!("{CHUNK}x")).unwrap_err(),
            ParseError {
                kind: K::Excess,
                at: CHUNK.len()
            }
        );
    }

    #[test]
    fn a_bare_cr_or_lf_is_no_line_end() {
        let head = "MSRP abcd SEND\r\nTo-Path: msrp://a:1/x;tcp\r\nFrom-Path: msrp://b:1/y;tcp\r\nX: a\rb\nY: c\r\n";
        let error = Message::read_head(Bytes::from_static(head.as_bytes())).unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::Line);
    }

    #[test]
    fn a_malformed_request_can_still_be_answered() {
        let text = CHUNK.replace("1-2/2", "x").replace("mA1", "\u{7f}");
        let head = Bytes::from(text);
        assert!(Message::read_head(head.clone()).is_err());
        let request = answerable(&head).unwrap();
        assert_eq!(request.transaction_id, "k3hd9s2a");
        assert_eq!(request.from_path.first().session_id(), Some("sA1"));
    }
}
