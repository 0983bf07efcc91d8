//! Writing messages.

use super::frame::Continuation;
use super::header::Name;
use super::message::{Request, Response};
use super::status::FailureReport;
use bytes::{BufMut, Bytes, BytesMut};
use memchr::memmem;
use std::fmt::Write;
use std::sync::LazyLock;

/// Why a message cannot be written. It is the caller's mistake, not the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The transaction id is not 4 to 32 letters, digits and `.-+%=`.
    #[error("the transaction id is not 4 to 32 letters, digits and .-+%=")]
    TransactionId,
    /// The method is not made of capital letters.
    #[error("the method is not made of capital letters")]
    Method,
    /// A value contains a control character, and could smuggle a header line or a body in.
    #[error("the value of {0} contains a control character")]
    Value(Name),
    /// The name or the value of another header field contains what it cannot.
    #[error("the name or the value of a header field contains what it cannot")]
    Other,
    /// The end-line occurs in the body: another transaction id is needed.
    #[error("the end-line occurs in the body")]
    EndLine,
}

impl Request {
    /// Writes all of it into one buffer.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    pub fn write(&self) -> Result<Bytes, WriteError> {
        if occurs(&self.transaction_id, &self.body) {
            return Err(WriteError::EndLine);
        }
        let mut out = BytesMut::with_capacity(HEAD + self.body.len());
        self.write_head(&mut out)?;
        out.put_slice(&self.body);
        self.write_end(&mut out);
        Ok(out.freeze())
    }

    /// Writes what stands before the body: start line, header fields, and the blank line if there is a body. The
    /// caller has made sure that the end-line does not occur in the body, see [`occurs`].
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    pub(in crate::msrp) fn write_head(&self, out: &mut BytesMut) -> Result<(), WriteError> {
        start(out, &self.transaction_id)?;
        let method = self.method.as_str();
        if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(WriteError::Method);
        }
        put(out, &[method, "\r\n"]);
        field(out, Name::ToPath, self.to_path.as_str())?;
        field(out, Name::FromPath, self.from_path.as_str())?;
        if let Some(id) = &self.message_id {
            field(out, Name::MessageId, id)?;
        }
        if let Some(range) = self.byte_range {
            put(out, &[Name::ByteRange.as_str(), ": "]);
            number(out, range.start);
            out.put_u8(b'-');
            star(out, range.end);
            out.put_u8(b'/');
            star(out, range.total);
            put(out, &["\r\n"]);
        }
        if self.success_report {
            field(out, Name::SuccessReport, "yes")?;
        }
        match self.failure_report {
            FailureReport::Yes => {}
            FailureReport::No => field(out, Name::FailureReport, "no")?,
            FailureReport::Partial => field(out, Name::FailureReport, "partial")?,
        }
        if let Some(status) = self.status {
            // Writing into a BytesMut does not fail.
            let _ = write!(out, "{}: 000 {status}", Name::Status);
            put(out, &[if status.phrase().is_empty() { "" } else { " " }]);
            put(out, &[status.phrase(), "\r\n"]);
        }
        others(out, &self.others)?;
        // Last before the body (RFC 4975 §9).
        if let Some(content_type) = &self.content_type {
            field(out, Name::ContentType, content_type)?;
        }
        if self.has_body() {
            put(out, &["\r\n"]);
        }
        Ok(())
    }

    /// Writes what stands after the body.
    pub(in crate::msrp) fn write_end(&self, out: &mut BytesMut) {
        if self.has_body() {
            put(out, &["\r\n"]);
        }
        end(out, &self.transaction_id, self.continuation);
    }

    const fn has_body(&self) -> bool {
        self.content_type.is_some() || !self.body.is_empty()
    }
}

impl Response {
    /// Writes it.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    pub fn write(&self) -> Result<Bytes, WriteError> {
        let mut out = BytesMut::with_capacity(HEAD);
        start(&mut out, &self.transaction_id)?;
        let _ = write!(out, "{}", self.status);
        if has_control(&self.comment) {
            return Err(WriteError::Other);
        }
        if !self.comment.is_empty() {
            put(&mut out, &[" ", &self.comment]);
        }
        put(&mut out, &["\r\n"]);
        field(&mut out, Name::ToPath, self.to_path.as_str())?;
        field(&mut out, Name::FromPath, self.from_path.as_str())?;
        others(&mut out, &self.others)?;
        end(&mut out, &self.transaction_id, Continuation::Complete);
        Ok(out.freeze())
    }
}

/// Whether the end-line of that transaction occurs in a body.
pub(in crate::msrp) fn occurs(transaction_id: &str, body: &[u8]) -> bool {
    // One searcher does for all bodies; building one for each id costs more than searching a short body.
    let mut from = 0;
    while let Some(rest) = body.get(from..)
        && let Some(at) = FINDER.find(rest)
    {
        let after = rest.get(at + HYPHENS.len()..).unwrap_or_default();
        if after.starts_with(transaction_id.as_bytes()) {
            return true;
        }
        from += at + 1;
    }
    false
}

static FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(HYPHENS));

/// Whether text can be a header value.
pub(in crate::msrp) fn is_value(text: &str) -> bool {
    !text.is_empty() && !has_control(text)
}

/// Whether a control character is in the text, C1 included.
fn has_control(text: &str) -> bool {
    // Without stopping early, which is faster; only beyond ASCII there is more to ask.
    let doubt = |b: u8| !(b' '..0x7f).contains(&b);
    text.bytes().fold(false, |found, b| found | doubt(b)) && text.contains(char::is_control)
}

fn start(out: &mut BytesMut, id: &str) -> Result<(), WriteError> {
    // A peer may have sent a sloppy one, which its response has to repeat; but it was read as one printable word.
    if id.is_empty() || id.len() > 64 || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(WriteError::TransactionId);
    }
    put(out, &["MSRP ", id, " "]);
    Ok(())
}

fn end(out: &mut BytesMut, id: &str, continuation: Continuation) {
    put(out, &[HYPHENS, id]);
    out.put_u8(continuation.flag());
    put(out, &["\r\n"]);
}

/// Digits without the machinery of formatting, which takes as long as the rest of a head.
fn number(out: &mut BytesMut, mut value: u64) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        first = at;
        if value == 0 {
            break;
        }
    }
    out.put_slice(digits.get(first..).unwrap_or_default());
}

fn star(out: &mut BytesMut, value: Option<u64>) {
    match value {
        Some(value) => number(out, value),
        None => out.put_u8(b'*'),
    }
}

fn field(out: &mut BytesMut, name: Name, value: &str) -> Result<(), WriteError> {
    if !is_value(value) {
        return Err(WriteError::Value(name));
    }
    put(out, &[name.as_str(), ": ", value, "\r\n"]);
    Ok(())
}

fn others(
    out: &mut BytesMut,
    fields: &[(crate::wire::Text, crate::wire::Text)],
) -> Result<(), WriteError> {
    for (name, value) in fields {
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
        if !is_name || has_control(value) {
            return Err(WriteError::Other);
        }
        put(out, &[name, ": ", value, "\r\n"]);
    }
    Ok(())
}

fn put(out: &mut BytesMut, parts: &[&str]) {
    for part in parts {
        out.put_slice(part.as_bytes());
    }
}

const HYPHENS: &str = "-------";

/// What a head usually needs at most.
const HEAD: usize = 384;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msrp::msg::{ByteRange, Method, Path, Uri};
    use crate::wire::Text;

    fn request() -> Request {
        let path = |text: &str| Path::from(text.parse::<Uri>().unwrap());
        Request {
            message_id: Some("m1".into()),
            byte_range: Some(ByteRange::whole(2)),
            content_type: Some("text/plain".into()),
            body: Bytes::from_static(b"hi"),
            ..Request::new(
                Method::Send,
                "abcd".into(),
                path("msrp://a:1/x;tcp"),
                path("msrp://b:2/y;tcp"),
            )
        }
    }

    #[test]
    fn nothing_can_be_smuggled_into_a_head() {
        type Edit = fn(&mut Request);
        let edits: [(Edit, WriteError); 7] = [
            (
                |r| r.transaction_id = "a\r\n".into(),
                WriteError::TransactionId,
            ),
            (
                |r| r.transaction_id = Text::default(),
                WriteError::TransactionId,
            ),
            (
                |r| r.method = Method::Other("SE ND".into()),
                WriteError::Method,
            ),
            (
                |r| r.message_id = Some("a\r\nX: y".into()),
                WriteError::Value(Name::MessageId),
            ),
            (
                |r| r.content_type = Some("a\n".into()),
                WriteError::Value(Name::ContentType),
            ),
            (
                |r| r.others.push(("A:".into(), "b".into())),
                WriteError::Other,
            ),
            (
                |r| r.others.push(("A".into(), "b\0".into())),
                WriteError::Other,
            ),
        ];
        for (edit, error) in edits {
            let mut request = request();
            edit(&mut request);
            assert_eq!(request.write(), Err(error));
        }
    }

    #[test]
    fn a_body_with_the_end_line_is_not_written() {
        let mut request = request();
        request.body = Bytes::from_static(b"a\r\n-------abcd$\r\nb");
        assert_eq!(request.write(), Err(WriteError::EndLine));
        request.body = Bytes::from_static(b"-------abcd");
        assert_eq!(request.write(), Err(WriteError::EndLine));
        request.body = Bytes::from_static(b"a\r\n-------abce$\r\nb");
        assert!(request.write().is_ok());
    }

    #[test]
    fn an_empty_body_has_its_blank_line_and_no_body_has_none() {
        let mut request = request();
        request.body = Bytes::new();
        assert!(
            request
                .write()
                .unwrap()
                .ends_with(b"text/plain\r\n\r\n\r\n-------abcd$\r\n")
        );
        request.content_type = None;
        assert!(
            request
                .write()
                .unwrap()
                .ends_with(b"1-2/2\r\n-------abcd$\r\n")
        );
    }
}
