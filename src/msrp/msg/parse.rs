//! Reading heads.

use super::frame::{FrameErrorKind, Framer};
use super::header::Name;
use super::message::{Message, Method, Request, Response};
use super::path::Path;
use super::range::ByteRange;
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
        let text = Text::from_utf8(head).map_err(|error| ParseError {
            kind: ParseErrorKind::Utf8,
            at: error.valid_up_to(),
        })?;
        let head = Head::read(&text)?;
        let (transaction_id, what, comment) = head.start;
        let missing = |name| ParseError {
            kind: ParseErrorKind::Missing(name),
            at: text.len(),
        };
        let to_path = head.to_path.ok_or_else(|| missing(Name::ToPath))?;
        let from_path = head.from_path.ok_or_else(|| missing(Name::FromPath))?;
        if let Some(status) = status_code(what) {
            return Ok(Self::Response(Response {
                transaction_id: text.slice_ref(transaction_id),
                status,
                comment: text.slice_ref(comment),
                to_path,
                from_path,
                others: head.others,
            }));
        }
        Ok(Self::Request(Request {
            message_id: head.message_id,
            byte_range: head.byte_range,
            success_report: head.success_report.unwrap_or_default(),
            failure_report: head.failure_report.unwrap_or_default(),
            status: head.status,
            content_type: head.content_type,
            others: head.others,
            ..Request::new(
                Method::parse(&text.slice_ref(what)),
                text.slice_ref(transaction_id),
                to_path,
                from_path,
            )
        }))
    }
}

/// What can be told of a request that is malformed, so that it can be answered all the same: its transaction id, its
/// From-Path and its To-Path. `None` if it is no request or any of these is what is wrong.
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
    Some(Request::new(
        Method::parse(&text.slice_ref(what)),
        text.slice_ref(id),
        path(Name::ToPath)?,
        path(Name::FromPath)?,
    ))
}

#[derive(Default)]
struct Head<'a> {
    start: (&'a str, &'a str, &'a str),
    to_path: Option<Path>,
    from_path: Option<Path>,
    message_id: Option<Text>,
    byte_range: Option<ByteRange>,
    success_report: Option<bool>,
    failure_report: Option<FailureReport>,
    status: Option<Status>,
    content_type: Option<Text>,
    others: Vec<(Text, Text)>,
}

impl<'a> Head<'a> {
    fn read(text: &'a Text) -> Result<Self, ParseError> {
        let fail = |kind, at| ParseError { kind, at };
        let clean = is_clean(text);
        let mut lines = lines(text);
        let mut head = Self {
            start: lines
                .next()
                .and_then(|(_, line)| start_line(line))
                .ok_or_else(|| fail(ParseErrorKind::StartLine, 0))?,
            ..Self::default()
        };
        for (at, line) in lines {
            let (spelled, value) = line
                .split_once(':')
                .map(|(name, value)| (name.trim_ascii(), value.trim_ascii()))
                .filter(|_| {
                    (clean || is_clean(line)) && memchr::memchr(b'\r', line.as_bytes()).is_none()
                })
                .ok_or_else(|| fail(ParseErrorKind::Line, at))?;
            let Some(name) = Name::find(spelled) else {
                if spelled.is_empty() || !spelled.bytes().all(|b| b.is_ascii_graphic()) {
                    return Err(fail(ParseErrorKind::Line, at));
                }
                head.others
                    .push((text.slice_ref(spelled), text.slice_ref(value)));
                continue;
            };
            head.set(name, text, value)
                .map_err(|kind| fail(kind, at + (line.len() - value.len())))?;
        }
        Ok(head)
    }

    fn set(&mut self, name: Name, text: &Text, value: &str) -> Result<(), ParseErrorKind> {
        let own = || text.slice_ref(value);
        let path = || Path::parse(&own()).ok();
        let token = || (!value.is_empty()).then(own);
        let first = match name {
            Name::ToPath => once(&mut self.to_path, path()),
            Name::FromPath => once(&mut self.from_path, path()),
            Name::MessageId => once(&mut self.message_id, token()),
            Name::ByteRange => once(&mut self.byte_range, ByteRange::parse(value)),
            Name::ContentType => once(&mut self.content_type, token()),
            Name::SuccessReport => once(
                &mut self.success_report,
                match value {
                    v if v.eq_ignore_ascii_case("yes") => Some(true),
                    v if v.eq_ignore_ascii_case("no") => Some(false),
                    _ => None,
                },
            ),
            Name::FailureReport => once(
                &mut self.failure_report,
                match value {
                    v if v.eq_ignore_ascii_case("yes") => Some(FailureReport::Yes),
                    v if v.eq_ignore_ascii_case("no") => Some(FailureReport::No),
                    v if v.eq_ignore_ascii_case("partial") => Some(FailureReport::Partial),
                    _ => None,
                },
            ),
            Name::Status => match report_status(value) {
                // A name space that nobody has defined: kept, not understood.
                Some(None) => {
                    self.others.push((Text::from_static("Status"), own()));
                    Some(true)
                }
                status => once(&mut self.status, status.flatten()),
            },
        };
        match first {
            Some(true) => Ok(()),
            Some(false) => Err(ParseErrorKind::Twice(name)),
            None => Err(ParseErrorKind::Value(name)),
        }
    }
}

/// Sets what is not set yet: `Some(false)` if it is, `None` if there is no value.
fn once<T>(place: &mut Option<T>, value: Option<T>) -> Option<bool> {
    let value = value?;
    let first = place.is_none();
    place.get_or_insert(value);
    Some(first)
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

/// Whether there is no control character but those that end lines: asked of all lines at once and without stopping
/// early, which is many times faster than line by line.
fn is_clean(text: &str) -> bool {
    let is_stray = |b: u8| ((b < b' ') & (b != b'\t') & (b != b'\r') & (b != b'\n')) | (b == 0x7f);
    !text.bytes().fold(false, |found, b| found | is_stray(b))
}

/// Transaction id, method or status code, and what follows.
fn start_line(line: &str) -> Option<(&str, &str, &str)> {
    let rest = line.strip_prefix("MSRP ")?.trim_ascii();
    let (id, rest) = rest.split_once(' ')?;
    let rest = rest.trim_ascii_start();
    let (what, comment) = rest
        .split_once(' ')
        .unwrap_or_else(|| rest.split_at(rest.len()));
    let printable = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
    (printable(id) && printable(what) && !what.is_empty() && !comment.contains(char::is_control))
        .then(|| (id, what, comment.trim_ascii()))
}

/// Three digits.
fn status_code(text: &str) -> Option<Status> {
    match text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit()) {
        true => Status::new(text.parse().ok()?),
        false => None,
    }
}

/// The code in `000 200 OK`; `Some(None)` in another name space than 000.
fn report_status(value: &str) -> Option<Option<Status>> {
    let mut words = value.split_ascii_whitespace();
    let namespace = words.next()?;
    let code = status_code(words.next()?)?;
    status_code(namespace)?;
    Some((namespace == "000").then_some(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msrp::msg::Continuation;

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
