//! Requests.

use super::{
    Headers, Keys, Line, Method, Mode, Name, Response, Status, Uri, list, validate, write,
};
use crate::sip::{HeaderError, Invalid};
use crate::wire::Text;
use bytes::Bytes;

/// Room for most Request-URIs.
const USUAL_URI: usize = 64;

/// A request (RFC 3261 §7.1).
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) method: Method,
    pub(super) uri: Line,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, uri: &Uri) -> Self {
        let mut request = Self {
            method,
            uri: Line::Given(Text::default()),
            headers: Headers::default(),
            body: Bytes::new(),
        };
        request.set_uri(uri);
        request
    }

    /// The method.
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The Request-URI.
    ///
    /// # Errors
    ///
    /// It does not follow the grammar of its scheme.
    pub fn uri(&self) -> Result<Uri, HeaderError> {
        let text = match &self.uri {
            Line::Given(text) => text.clone(),
            Line::Received(place) => Text::from_utf8(
                (self.headers.index.received()).slice(place.start as usize..place.end as usize),
            )
            .unwrap_or_default(),
        };
        Uri::parse(&text).map_err(|error| HeaderError::RequestUri {
            expected: error.expected,
            at: error.at,
        })
    }

    /// The Request-URI as it was spelled.
    pub fn uri_text(&self) -> &str {
        std::str::from_utf8(self.uri.bytes(self.headers.index.received())).unwrap_or_default()
    }

    /// Replaces the Request-URI. What cannot stand in a start line is escaped.
    pub fn set_uri(&mut self, uri: &Uri) {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(USUAL_URI);
        uri.write(&mut text);
        if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            let mut escaped = String::with_capacity(text.len() + 8);
            for byte in text.bytes() {
                if byte.is_ascii_graphic() {
                    escaped.push(char::from(byte));
                } else {
                    let _ = write!(escaped, "%{byte:02X}");
                }
            }
            text = escaped;
        }
        self.uri = Line::Given(Text::from(text));
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
    /// where an edited or a new request has none.
    pub fn write(&self) -> Bytes {
        let received = self.headers.index.received();
        let method = self.method.as_str();
        // A method is public data; one that is no token could bring a line of its own.
        let method = match list::is_token(method.as_bytes()) {
            true => method,
            false => "INVALID",
        };
        let parts = [
            method.as_bytes(),
            b" ",
            self.uri.bytes(received),
            b" SIP/2.0\r\n",
        ];
        write::message(&parts, &self.headers, &self.body)
    }

    /// The response to this request: Via, From, To, Call-ID, CSeq and, for 100, Timestamp are copied
    /// (RFC 3261 §8.2.6). The To tag is left to the one who answers.
    pub fn response(&self, status: Status) -> Response {
        let keep = |number: u8| {
            [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq]
                .iter()
                .any(|name| name.number() == number)
                || (status == Status::TRYING && number == Name::Timestamp.number())
        };
        let index = self.headers.index.filtered(keep);
        Response::over(status, index)
    }

    /// Checks what must be right before the request is used.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn validate(&self, mode: Mode) -> Result<(), Invalid> {
        validate::request(self, mode)
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
