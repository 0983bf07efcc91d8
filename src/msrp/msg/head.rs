//! The head of a message, read in place.

use super::frame::FrameErrorKind;
use super::header::Name;
use super::message::{Message, Method, Request, Response};
use super::parse::{ParseError, ParseErrorKind, report_status, status_code};
use super::path::Path;
use super::range::ByteRange;
use super::status::{FailureReport, Status};
use crate::wire::{Text, swar};
use bytes::Bytes;
use std::ops::Deref;

/// The head of a request or a response: one shared buffer and where its values are in it.
///
/// Reading one allocates nothing and counts one reference, which is what a stream of short messages is dominated by.
/// The paths are looked at when they are asked for; everything else has been checked. [`message`](Self::message)
/// gives the values names of their own.
///
/// A `Head<&str>` is the same of text that is only borrowed, and counts no reference at all.
#[derive(Clone, Debug)]
pub struct Head<T = Text> {
    text: T,
    transaction_id: Span,
    /// The method or the status code.
    what: Span,
    comment: Span,
    kind: Kind,
    to_path: Span,
    from_path: Span,
    message_id: Option<Span>,
    content_type: Option<Span>,
    byte_range: Option<ByteRange>,
    success_report: Option<bool>,
    failure_report: Option<FailureReport>,
    status: Option<Status>,
    /// Whether there are header fields that are not known.
    others: bool,
}

/// A part of the text; 16 bits do, since a longer head is refused.
#[derive(Clone, Copy, Debug)]
struct Span(u16, u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Send,
    OtherRequest,
    Response(Status),
}

impl Head {
    /// Reads the head of a [`Frame`](super::Frame). Spacing, the case of names and the order of the header fields are
    /// as the peer likes.
    ///
    /// # Errors
    ///
    /// See [`ParseErrorKind`]; a malformed path is found by [`to_path`](Self::to_path) and
    /// [`from_path`](Self::from_path).
    pub fn parse(head: Bytes) -> Result<Self, ParseError> {
        let text = Text::from_utf8(head).map_err(|error| ParseError {
            kind: ParseErrorKind::Utf8,
            at: error.valid_up_to(),
        })?;
        let read = Head::read(text.as_str())?;
        Ok(Self {
            transaction_id: read.transaction_id,
            what: read.what,
            comment: read.comment,
            kind: read.kind,
            to_path: read.to_path,
            from_path: read.from_path,
            message_id: read.message_id,
            content_type: read.content_type,
            byte_range: read.byte_range,
            success_report: read.success_report,
            failure_report: read.failure_report,
            status: read.status,
            others: read.others,
            text,
        })
    }

    /// What a request is for; `None` of a response.
    pub fn method(&self) -> Option<Method> {
        match self.kind {
            Kind::Send => Some(Method::Send),
            Kind::OtherRequest => Some(Method::parse(&self.share(self.what))),
            Kind::Response(_) => None,
        }
    }

    /// The hops that it has still to go.
    ///
    /// # Errors
    ///
    /// The value is no path.
    pub fn to_path(&self) -> Result<Path, ParseError> {
        self.path(Name::ToPath, self.to_path)
    }

    /// The hops that it has come.
    ///
    /// # Errors
    ///
    /// The value is no path.
    pub fn from_path(&self) -> Result<Path, ParseError> {
        self.path(Name::FromPath, self.from_path)
    }

    /// The same as a value whose parts stand for themselves. The body is empty.
    ///
    /// # Errors
    ///
    /// A path is none.
    pub fn message(&self) -> Result<Message, ParseError> {
        let to_path = self.to_path()?;
        let from_path = self.from_path()?;
        let transaction_id = self.share(self.transaction_id);
        let others = match self.others {
            true => self
                .others()
                .map(|(name, value)| (self.text.slice_ref(name), self.text.slice_ref(value)))
                .collect(),
            false => Vec::new(),
        };
        if let Kind::Response(status) = self.kind {
            return Ok(Message::Response(Response {
                transaction_id,
                status,
                comment: self.share(self.comment),
                to_path,
                from_path,
                others,
            }));
        }
        Ok(Message::Request(Request {
            method: self.method().unwrap_or(Method::Send),
            transaction_id,
            to_path,
            from_path,
            message_id: self.message_id.map(|span| self.share(span)),
            byte_range: self.byte_range,
            success_report: self.success_report(),
            failure_report: self.failure_report(),
            status: self.status,
            content_type: self.content_type.map(|span| self.share(span)),
            others,
            body: Bytes::new(),
            continuation: Default::default(),
        }))
    }

    fn path(&self, name: Name, span: Span) -> Result<Path, ParseError> {
        Path::parse(&self.share(span)).map_err(|_| ParseError {
            kind: ParseErrorKind::Value(name),
            at: usize::from(span.0),
        })
    }

    fn share(&self, span: Span) -> Text {
        self.text.slice_ref(self.part(span))
    }
}

impl<'a> Head<&'a str> {
    /// Reads a head where it lies, as [`parse`](Head::parse) does.
    ///
    /// # Errors
    ///
    /// See [`ParseErrorKind`].
    pub fn read(all: &'a str) -> Result<Self, ParseError> {
        let fail = |kind, at| Err(ParseError { kind, at });
        if all.len() > usize::from(u16::MAX) {
            return fail(ParseErrorKind::Frame(FrameErrorKind::TooLarge), 0);
        }
        let mut found = Fields::default();
        let clean = is_clean(all.as_bytes());
        let mut at = 0;
        let mut start = None;
        for end in swar::positions(all.as_bytes(), b'\n') {
            let line = all.get(at..end).unwrap_or_default();
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                // The blank line; the framer has seen to it that nothing follows.
            } else if start.is_none() {
                let parts = start_line(line);
                start = Some(parts.ok_or(ParseError {
                    kind: ParseErrorKind::StartLine,
                    at: 0,
                })?);
            } else if clean || is_clean_line(line) {
                found.line(line, at)?;
            } else {
                return fail(ParseErrorKind::Line, at);
            }
            at = end + 1;
        }
        let Some(start) = start else {
            return fail(ParseErrorKind::StartLine, 0);
        };
        let missing = |name| ParseError {
            kind: ParseErrorKind::Missing(name),
            at: all.len(),
        };
        Ok(Self {
            transaction_id: start.transaction_id,
            what: start.what,
            comment: start.comment,
            kind: start.kind,
            to_path: found.to_path.ok_or_else(|| missing(Name::ToPath))?,
            from_path: found.from_path.ok_or_else(|| missing(Name::FromPath))?,
            message_id: found.message_id,
            content_type: found.content_type,
            byte_range: found.byte_range,
            success_report: found.success_report,
            failure_report: found.failure_report,
            status: found.status,
            others: found.others,
            text: all,
        })
    }
}

impl<T: Deref<Target = str>> Head<T> {
    /// Ties a response and the end-line to a request.
    pub fn transaction_id(&self) -> &str {
        self.part(self.transaction_id)
    }

    /// Whether it is a SEND.
    pub const fn is_send(&self) -> bool {
        matches!(self.kind, Kind::Send)
    }

    /// What became of the request; `None` of a request.
    pub const fn response_status(&self) -> Option<Status> {
        match self.kind {
            Kind::Response(status) => Some(status),
            Kind::Send | Kind::OtherRequest => None,
        }
    }

    /// The To-Path as it was written. Where that is what the session said, there is no need to look inside.
    pub fn to_path_str(&self) -> &str {
        self.part(self.to_path)
    }

    /// The From-Path as it was written.
    pub fn from_path_str(&self) -> &str {
        self.part(self.from_path)
    }

    /// The message that it is a chunk of, or about.
    pub fn message_id(&self) -> Option<&str> {
        Some(self.part(self.message_id?))
    }

    /// Which bytes of the message.
    pub const fn byte_range(&self) -> Option<ByteRange> {
        self.byte_range
    }

    /// Whether success is to be reported; `false` where nothing is said.
    pub const fn success_report(&self) -> bool {
        matches!(self.success_report, Some(true))
    }

    /// Which failures are to be reported.
    pub fn failure_report(&self) -> FailureReport {
        self.failure_report.unwrap_or_default()
    }

    /// What a REPORT says, in the name space `000`.
    pub const fn status(&self) -> Option<Status> {
        self.status
    }

    /// The media type of the body. Only a request with one has a body.
    pub fn content_type(&self) -> Option<&str> {
        Some(self.part(self.content_type?))
    }

    /// Whether there are other header fields.
    pub const fn has_others(&self) -> bool {
        self.others
    }

    /// All other header fields: names and values as they came.
    pub fn others(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = if self.others { &*self.text } else { "" };
        lines.split('\n').skip(1).filter_map(|line| {
            let (name, value) = split(line)?;
            match Name::find(name) {
                None => Some((name, value)),
                // A name space that nobody has defined: kept, not understood.
                Some(Name::Status) if report_status(value) == Some(None) => Some((name, value)),
                Some(_) => None,
            }
        })
    }

    fn part(&self, Span(from, to): Span) -> &str {
        self.text
            .get(usize::from(from)..usize::from(to))
            .unwrap_or_default()
    }
}

/// What the header lines say.
#[derive(Default)]
struct Fields {
    to_path: Option<Span>,
    from_path: Option<Span>,
    message_id: Option<Span>,
    content_type: Option<Span>,
    byte_range: Option<ByteRange>,
    success_report: Option<bool>,
    failure_report: Option<FailureReport>,
    status: Option<Status>,
    others: bool,
}

impl Fields {
    /// Takes the line that begins at `at`, where no control character is in it.
    fn line(&mut self, line: &str, at: usize) -> Result<(), ParseError> {
        let fail = |kind, at| Err(ParseError { kind, at });
        let Some((spelled, value)) = split(line) else {
            return fail(ParseErrorKind::Line, at);
        };
        let Some(name) = Name::find(spelled) else {
            if spelled.is_empty() || !spelled.bytes().all(|b| b.is_ascii_graphic()) {
                return fail(ParseErrorKind::Line, at);
            }
            self.others = true;
            return Ok(());
        };
        let value_at = at + offset(line, value);
        self.set(name, value, span(value_at, value))
            .or_else(|kind| fail(kind, value_at))
    }

    fn set(&mut self, name: Name, value: &str, span: Span) -> Result<(), ParseErrorKind> {
        let word = (!value.is_empty()).then_some(span);
        let first = match name {
            Name::ToPath => once(&mut self.to_path, word),
            Name::FromPath => once(&mut self.from_path, word),
            Name::MessageId => once(&mut self.message_id, word),
            Name::ByteRange => once(&mut self.byte_range, ByteRange::parse(value)),
            Name::ContentType => once(&mut self.content_type, word),
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
                Some(None) => {
                    self.others = true;
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
fn once<T: Copy>(place: &mut Option<T>, value: Option<T>) -> Option<bool> {
    let value = value?;
    let first = place.is_none();
    place.get_or_insert(value);
    Some(first)
}

struct StartLine {
    transaction_id: Span,
    what: Span,
    comment: Span,
    kind: Kind,
}

/// Transaction id, method or status code, and what follows, of the line that the head begins with.
fn start_line(line: &str) -> Option<StartLine> {
    let (id, what, comment) = super::parse::start_line(line)?;
    let part = |part: &str| span(offset(line, part), part);
    Some(StartLine {
        transaction_id: part(id),
        what: part(what),
        comment: part(comment),
        kind: match what {
            "SEND" => Kind::Send,
            _ => status_code(what).map_or(Kind::OtherRequest, Kind::Response),
        },
    })
}

/// Name and value, without the spaces around them.
fn split(line: &str) -> Option<(&str, &str)> {
    let colon = swar::position(line.as_bytes(), b':')?;
    let name = line.get(..colon)?.trim_ascii();
    let value = line.get(colon + 1..)?.trim_ascii();
    Some((name, value))
}

/// Where `part`, a slice of `line`, begins in it.
fn offset(line: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(line.as_ptr().addr())
}

/// Only called with offsets into a text of less than 64 KiB.
fn span(at: usize, part: &str) -> Span {
    let narrow = |n| u16::try_from(n).unwrap_or(u16::MAX);
    Span(narrow(at), narrow(at + part.len()))
}

/// Whether there is no control character but those that end lines: asked of all lines at once and without stopping
/// early, which is many times faster than line by line.
fn is_clean(bytes: &[u8]) -> bool {
    let after = bytes.get(1..).unwrap_or_default();
    let strays = bytes.iter().zip(after).fold(0, |found, (&b, &next)| {
        let control = (b < b' ') & (b != b'\t') & (b != b'\r') & (b != b'\n');
        let bare = (b == b'\r') & (next != b'\n');
        found | u8::from(control | bare | (b == 0x7f))
    });
    // What ends in a line end is not looked at by the pairs, and what does not is no head.
    strays == 0 && bytes.last() == Some(&b'\n')
}

fn is_clean_line(line: &str) -> bool {
    line.bytes().all(|b| (b >= b' ' && b != 0x7f) || b == b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "MSRP k3hd9s2a SEND\r\nTo-Path: msrp://b:9/sB1;tcp\r\n\
        from-path :msrp://relay:1;tcp  msrp://a:2/sA1;tcp \r\nMessage-ID: mA1\r\nX-New: 1\r\n\
        Byte-Range: 1-2/2\r\nSuccess-Report: yes\r\nFailure-Report: partial\r\nStatus: 001 200\r\n\
        Content-Type: text/plain\r\n\r\n";

    fn head(text: &'static str) -> Result<Head, ParseError> {
        Head::parse(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn the_view_and_the_value_say_the_same() {
        let head = head(HEAD).unwrap();
        assert!(head.is_send());
        let Message::Request(request) = head.message().unwrap() else {
            panic!()
        };
        assert_eq!(head.method(), Some(request.method.clone()));
        assert_eq!(head.response_status(), None);
        assert_eq!(head.transaction_id(), request.transaction_id.as_str());
        assert_eq!(head.to_path().unwrap(), request.to_path);
        assert_eq!(head.to_path_str(), "msrp://b:9/sB1;tcp");
        assert_eq!(head.from_path().unwrap(), request.from_path);
        assert_eq!(head.from_path_str(), request.from_path.as_str());
        assert_eq!(head.message_id(), request.message_id.as_deref());
        assert_eq!(head.byte_range(), request.byte_range);
        assert!(head.success_report() && request.success_report);
        assert_eq!(head.failure_report(), FailureReport::Partial);
        assert_eq!(head.content_type(), Some("text/plain"));
        assert_eq!(head.status(), None);
        let others: Vec<_> = head.others().collect();
        assert_eq!(others, [("X-New", "1"), ("Status", "001 200")]);
        assert_eq!(request.others.len(), 2);
    }

    #[test]
    fn a_malformed_path_is_found_when_it_is_asked_for() {
        let head = head("MSRP abcd 200 OK\r\nTo-Path: http://a\r\nFrom-Path: msrp://a;tcp\r\n");
        let head = head.unwrap();
        assert_eq!(head.response_status(), Some(Status::OK));
        let error = head.to_path().unwrap_err();
        assert_eq!(
            (error.kind, error.at),
            (ParseErrorKind::Value(Name::ToPath), 27)
        );
        assert!(head.from_path().is_ok());
        assert_eq!(head.message().unwrap_err(), error);
    }

    #[test]
    fn a_stray_control_character_is_found_where_its_line_begins() {
        for stray in ["\0", "\r", "\x7f", "\x1b"] {
            let text =
                format!("MSRP abcd SEND\r\nTo-Path: a\r\nX: a{stray}b\r\nFrom-Path: b\r\n\r\n");
            let error = Head::parse(Bytes::from(text)).unwrap_err();
            assert_eq!((error.kind, error.at), (ParseErrorKind::Line, 28));
        }
    }

    #[test]
    fn a_head_of_64_kib_is_refused() {
        let text = format!("MSRP abcd SEND\r\nX: {}\r\n", "x".repeat(1 << 16));
        assert_eq!(
            Head::parse(Bytes::from(text)).unwrap_err().kind,
            ParseErrorKind::Frame(FrameErrorKind::TooLarge)
        );
    }
}
