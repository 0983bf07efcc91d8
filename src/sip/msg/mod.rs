//! Tier 1: SIP messages as bytes and as values (RFC 3261 §7, §20, §25).

mod frame;
mod headers;
mod method;
mod name;
mod parse;
mod status;
mod validate;
mod write;

pub mod header;
pub mod uri;

pub use frame::{Frame, Framer};
pub use headers::{Field, Header, Headers};
pub use method::Method;
pub use name::{Cardinality, Name};
pub use status::Status;
pub use uri::Uri;
pub use validate::Mode;

use super::{HeaderError, Invalid, ParseError};
use crate::engine::Limits;
use bytes::Bytes;

/// A SIP message.
#[derive(Clone, Debug)]
pub enum Message {
    /// RFC 3261 §7.1.
    Request(Request),
    /// RFC 3261 §7.2.
    Response(Response),
}

impl Message {
    /// Reads a message that is one datagram, or that a [`Framer`] cut out of a stream.
    ///
    /// # Errors
    ///
    /// The bytes are not a SIP message, or exceed the limits.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Self, ParseError> {
        let _ = (bytes, limits);
        todo!()
    }

    /// The header fields.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => request.headers(),
            Self::Response(response) => response.headers(),
        }
    }

    /// The header fields, to be edited.
    pub fn headers_mut(&mut self) -> &mut Headers {
        match self {
            Self::Request(request) => request.headers_mut(),
            Self::Response(response) => response.headers_mut(),
        }
    }

    /// The body; empty if there is none.
    pub fn body(&self) -> &Bytes {
        match self {
            Self::Request(request) => request.body(),
            Self::Response(response) => response.body(),
        }
    }

    /// The bytes that go on the wire.
    pub fn write(&self) -> Bytes {
        match self {
            Self::Request(request) => request.write(),
            Self::Response(response) => response.write(),
        }
    }

    /// Checks what must be right before the message is used.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn validate(&self, mode: Mode) -> Result<(), Invalid> {
        let _ = mode;
        todo!()
    }
}

/// A request (RFC 3261 §7.1).
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    headers: Headers,
    body: Bytes,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, uri: &Uri) -> Self {
        let _ = (method, uri);
        todo!()
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The Request-URI.
    ///
    /// # Errors
    ///
    /// It does not follow the grammar of its scheme.
    pub fn uri(&self) -> Result<Uri, HeaderError> {
        todo!()
    }

    /// The Request-URI as it was spelled.
    pub fn uri_text(&self) -> &str {
        todo!()
    }

    /// Replaces the Request-URI.
    pub fn set_uri(&mut self, uri: &Uri) {
        let _ = uri;
        todo!()
    }

    /// The header fields.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The header fields, to be edited.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// The body; empty if there is none.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Replaces the body, Content-Type and Content-Length.
    pub fn set_body(&mut self, content_type: &str, body: Bytes) {
        let _ = (content_type, body);
        todo!()
    }

    /// Removes the body and the headers that describe it.
    pub fn clear_body(&mut self) {
        todo!()
    }

    /// The bytes that go on the wire.
    pub fn write(&self) -> Bytes {
        todo!()
    }

    /// The response to this request: Via, From, To, Call-ID, CSeq and, for 100, Timestamp are copied
    /// (RFC 3261 §8.2.6). The To tag is left to the one who answers.
    pub fn response(&self, status: Status) -> Response {
        let _ = status;
        todo!()
    }

    /// Checks what must be right before the request is used.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn validate(&self, mode: Mode) -> Result<(), Invalid> {
        let _ = mode;
        todo!()
    }

    /// What transactions and dialogs are found by.
    ///
    /// # Errors
    ///
    /// One of the headers is missing or does not follow its grammar.
    pub fn keys(&self) -> Result<Keys<'_>, HeaderError> {
        todo!()
    }
}

/// A response (RFC 3261 §7.2).
#[derive(Clone, Debug)]
pub struct Response {
    status: Status,
    headers: Headers,
    body: Bytes,
}

impl Response {
    /// The status code.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The reason phrase.
    pub fn reason(&self) -> &str {
        todo!()
    }

    /// Replaces the reason phrase. Control characters become spaces.
    pub fn set_reason(&mut self, reason: &str) {
        let _ = reason;
        todo!()
    }

    /// The header fields.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The header fields, to be edited.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// The body; empty if there is none.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Replaces the body, Content-Type and Content-Length.
    pub fn set_body(&mut self, content_type: &str, body: Bytes) {
        let _ = (content_type, body);
        todo!()
    }

    /// Removes the body and the headers that describe it.
    pub fn clear_body(&mut self) {
        todo!()
    }

    /// The bytes that go on the wire.
    pub fn write(&self) -> Bytes {
        todo!()
    }

    /// Checks what must be right before the response is used.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn validate(&self, mode: Mode) -> Result<(), Invalid> {
        let _ = mode;
        todo!()
    }

    /// What transactions and dialogs are found by.
    ///
    /// # Errors
    ///
    /// One of the headers is missing or does not follow its grammar.
    pub fn keys(&self) -> Result<Keys<'_>, HeaderError> {
        todo!()
    }
}

/// What transactions and dialogs are found by, borrowed from a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys<'a> {
    /// The branch of the topmost Via (RFC 3261 §8.1.1.7); empty if it has none.
    pub branch: &'a str,
    /// The sent-by of the topmost Via, host and port as spelled (RFC 3261 §18.1.1).
    pub sent_by: &'a str,
    /// The tag of From.
    pub from_tag: Option<&'a str>,
    /// The tag of To.
    pub to_tag: Option<&'a str>,
    /// The Call-ID.
    pub call_id: &'a str,
    /// The sequence number of CSeq.
    pub sequence: u32,
    /// The method of CSeq, as spelled.
    pub method: &'a str,
}
