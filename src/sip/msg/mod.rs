//! Tier 1: SIP messages as bytes and as values (RFC 3261 §7, §20, §25).
//!
//! ```text
//! stream ──▶ Framer ──▶ bytes of one message ──▶ Message::parse ──▶ Request │ Response
//! datagram ────────────▶         ▲                                      │ headers().get::<CSeq>()
//!                                └────────────────── write ◀────────────┘ headers_mut().prepend(&via)
//! ```
//!
//! A message keeps the bytes it came in and an index of where its header fields are. A header becomes a
//! value when it is asked for by its type; what nobody asks for costs nothing, and what nobody edits goes
//! out as it came in.
//!
//! ```
//! use bytes::Bytes;
//! use cpm::engine::Limits;
//! use cpm::sip::msg::{Message, Name, Status};
//!
//! let bytes = Bytes::from_static(b"OPTIONS sip:carol@example.com SIP/2.0\r\n\
//!     Via: SIP/2.0/UDP pc33.example.com;branch=z9hG4bKhjhs8ass877\r\n\
//!     To: <sip:carol@example.com>\r\nFrom: Alice <sip:alice@example.com>;tag=1928301774\r\n\
//!     Call-ID: a84b4c76e66710\r\nCSeq: 63104 OPTIONS\r\nContent-Length: 0\r\n\r\n");
//! let Message::Request(request) = Message::parse(bytes, &Limits::default())? else { unreachable!() };
//! assert_eq!(request.headers().text(&Name::CSeq), Some("63104 OPTIONS"));
//! assert_eq!(request.keys()?.branch, "z9hG4bKhjhs8ass877");
//!
//! let response = request.response(Status::OK);
//! assert!(response.write().starts_with(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP pc33.example.com"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod frame;
mod headers;
mod index;
mod keys;
mod list;
mod method;
mod name;
mod parse;
mod request;
mod response;
mod scan;
mod semantics;
mod start;
mod status;
mod validate;
mod write;

pub mod header;
pub mod uri;

pub use frame::{Frame, Framer};
pub use headers::{Field, Header, Headers};
pub use keys::Keys;
pub use method::Method;
pub use name::{Cardinality, Name};
pub use request::Request;
pub use response::Response;
pub use status::Status;
pub use uri::Uri;
pub use validate::Mode;

use super::{HeaderError, Invalid, ParseError};
use crate::engine::Limits;
use crate::wire::Text;
use bytes::Bytes;
use std::ops::Range;

/// A SIP message.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "both are large, and a box would be one more allocation per message"
)]
pub enum Message {
    /// RFC 3261 §7.1.
    Request(Request),
    /// RFC 3261 §7.2.
    Response(Response),
}

impl Message {
    /// Reads a message that is one datagram, or that a [`Framer`] cut out of a stream.
    ///
    /// Empty lines before the message are skipped (RFC 3261 §7.5), and what follows the body is dropped
    /// (§18.3). Without a Content-Length the body is all that follows the head.
    ///
    /// # Errors
    ///
    /// The bytes are not a SIP message, or exceed the limits.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Self, ParseError> {
        parse::message(bytes, limits)
    }

    /// The header fields.
    pub const fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => request.headers(),
            Self::Response(response) => response.headers(),
        }
    }

    /// The header fields, to be edited.
    pub const fn headers_mut(&mut self) -> &mut Headers {
        match self {
            Self::Request(request) => request.headers_mut(),
            Self::Response(response) => response.headers_mut(),
        }
    }

    /// The body; empty if there is none.
    pub const fn body(&self) -> &Bytes {
        match self {
            Self::Request(request) => request.body(),
            Self::Response(response) => response.body(),
        }
    }

    /// The bytes that go on the wire: those that came in if nothing was edited.
    pub fn write(&self) -> Bytes {
        match self {
            Self::Request(request) => request.write(),
            Self::Response(response) => response.write(),
        }
    }

    /// What transactions and dialogs are found by.
    ///
    /// # Errors
    ///
    /// One of the headers is missing or does not follow its grammar.
    pub fn keys(&self) -> Result<Keys<'_>, HeaderError> {
        Keys::of(self.headers())
    }

    /// Checks what must be right before the message is used.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn validate(&self, mode: Mode) -> Result<(), Invalid> {
        match self {
            Self::Request(request) => request.validate(mode),
            Self::Response(response) => response.validate(mode),
        }
    }

    /// Every rule that is broken, the one that [`Message::validate`] answers first.
    pub fn breaches(&self, mode: Mode) -> Vec<Invalid> {
        match self {
            Self::Request(request) => validate::request_breaches(request, mode),
            Self::Response(response) => validate::response_breaches(response, mode),
        }
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

/// A part of the start line.
#[derive(Clone, Debug)]
enum Line {
    /// Its place in the received bytes.
    Received(Range<u32>),
    /// What we put there.
    Given(Text),
}

impl Line {
    /// The bytes, given the message as it was received.
    fn bytes<'a>(&'a self, received: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Received(place) => received
                .get(place.start as usize..place.end as usize)
                .unwrap_or_default(),
            Self::Given(text) => text.as_bytes(),
        }
    }
}
