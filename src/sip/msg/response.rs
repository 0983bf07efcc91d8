//! Responses.

use super::index::Index;
use super::{Headers, Keys, Line, Mode, Status, validate, write};
use crate::sip::{HeaderError, Invalid};
use crate::wire::Text;
use bytes::Bytes;

/// A response (RFC 3261 §7.2). [`Request::response`](super::Request::response) makes one.
#[derive(Clone, Debug)]
pub struct Response {
    pub(super) status: Status,
    pub(super) reason: Line,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
}

impl Response {
    /// A response without headers and body.
    pub fn new(status: Status) -> Self {
        Self::over(status, Index::default())
    }

    /// A response with these headers.
    pub(super) fn over(status: Status, mut index: Index) -> Self {
        index.edit();
        Self {
            status,
            reason: Line::Given(Text::from_static(status.phrase())),
            headers: Headers { index },
            body: Bytes::new(),
        }
    }

    /// The status code.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Replaces the status, and the phrase by that of the new one.
    pub fn set_status(&mut self, status: Status) {
        self.status = status;
        self.reason = Line::Given(Text::from_static(status.phrase()));
        self.headers.index.edit();
    }

    /// The reason phrase; empty if it is not UTF-8.
    pub fn reason(&self) -> &str {
        std::str::from_utf8(self.reason.bytes(self.headers.index.received())).unwrap_or_default()
    }

    /// Replaces the reason phrase. Control characters become spaces.
    pub fn set_reason(&mut self, reason: &str) {
        let clean = reason.replace(|c: char| c.is_ascii_control(), " ");
        self.reason = Line::Given(Text::from(clean));
        self.headers.index.edit();
    }

    /// The header fields.
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The header fields, to be edited.
    pub const fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// The body; empty if there is none.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Replaces the body, Content-Type and Content-Length. An encoding of the old body is removed.
    pub fn set_body(&mut self, content_type: &str, body: Bytes) {
        self.headers
            .describe_body(content_type, self.body.len(), body.len());
        self.body = body;
    }

    /// Removes the body and the headers that describe it.
    pub fn clear_body(&mut self) {
        self.headers.describe_no_body();
        self.body = Bytes::new();
    }

    /// The bytes that go on the wire: those that came in if nothing was edited. Content-Length is added
    /// where an edited or a new response has none.
    pub fn write(&self) -> Bytes {
        let code = self.status.code();
        let digit = |unit: u16| b'0' + (code / unit % 10) as u8;
        let code = [digit(100), digit(10), digit(1)];
        let reason = self.reason.bytes(self.headers.index.received());
        let parts = [b"SIP/2.0 ", &code[..], b" ", reason, b"\r\n"];
        write::message(&parts, &self.headers, &self.body)
    }

    /// Checks what must be right before the response is used.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn validate(&self, mode: Mode) -> Result<(), Invalid> {
        validate::response(self, mode)
    }

    /// What transactions and dialogs are found by.
    ///
    /// # Errors
    ///
    /// One of the headers is missing or does not follow its grammar.
    pub fn keys(&self) -> Result<Keys<'_>, HeaderError> {
        Keys::of(&self.headers)
    }
}
