//! Requests and responses.

use super::frame::Continuation;
use super::path::Path;
use super::range::ByteRange;
use super::status::{FailureReport, Status};
use crate::wire::Text;
use bytes::Bytes;

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "requests are the common case, and both live for one step"
)]
pub enum Message {
    /// A chunk of a message, a report, or another request.
    Request(Request),
    /// The answer to one.
    Response(Response),
}

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `SEND`: a chunk of a message (RFC 4975 §7.1).
    Send,
    /// `REPORT`: what became of a message (RFC 4975 §7.1.2).
    Report,
    /// `AUTH`: leave to use a relay (RFC 4976).
    Auth,
    /// `NICKNAME`: a name for a chat room (RFC 7701).
    Nickname,
    /// Any other.
    Other(Text),
}

impl Method {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Send => "SEND",
            Self::Report => "REPORT",
            Self::Auth => "AUTH",
            Self::Nickname => "NICKNAME",
            Self::Other(name) => name,
        }
    }

    /// The method of that name, which is case-sensitive.
    pub fn parse(name: &Text) -> Self {
        match name.as_str() {
            "SEND" => Self::Send,
            "REPORT" => Self::Report,
            "AUTH" => Self::Auth,
            "NICKNAME" => Self::Nickname,
            _ => Self::Other(name.clone()),
        }
    }
}

/// A request (RFC 4975 §7.1). Text in it is a view of the bytes it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it is for.
    pub method: Method,
    /// Ties the response and the end-line to it.
    pub transaction_id: Text,
    /// The hops that it has still to go.
    pub to_path: Path,
    /// The hops that it has come.
    pub from_path: Path,
    /// The message that it is a chunk of, or about.
    pub message_id: Option<Text>,
    /// Which bytes of the message.
    pub byte_range: Option<ByteRange>,
    /// Whether success is to be reported; `false` where nothing is said.
    pub success_report: bool,
    /// Which failures are to be reported.
    pub failure_report: FailureReport,
    /// What a REPORT says, in the name space `000`.
    pub status: Option<Status>,
    /// The media type of the body. Only a request with one has a body.
    pub content_type: Option<Text>,
    /// All other header fields, as they came.
    pub others: Vec<(Text, Text)>,
    /// The body of this chunk.
    pub body: Bytes,
    /// Whether the message goes on after it.
    pub continuation: Continuation,
}

impl Request {
    /// A request without optional headers and body.
    pub const fn new(method: Method, transaction_id: Text, to_path: Path, from_path: Path) -> Self {
        Self {
            method,
            transaction_id,
            to_path,
            from_path,
            message_id: None,
            byte_range: None,
            success_report: false,
            failure_report: FailureReport::Yes,
            status: None,
            content_type: None,
            others: Vec::new(),
            body: Bytes::new(),
            continuation: Continuation::Complete,
        }
    }

    /// The response to it, for the hop that it came from (RFC 4975 §7.2).
    pub fn response(&self, status: Status) -> Response {
        Response {
            transaction_id: self.transaction_id.clone(),
            status,
            comment: Text::from_static(status.phrase()),
            to_path: self.from_path.first().clone().into(),
            from_path: self.to_path.first().clone().into(),
            others: Vec::new(),
        }
    }
}

/// A response (RFC 4975 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// That of the request.
    pub transaction_id: Text,
    /// What became of the request.
    pub status: Status,
    /// Words for a reader of traces.
    pub comment: Text,
    /// The hop that the request came from.
    pub to_path: Path,
    /// The hop that answers.
    pub from_path: Path,
    /// All other header fields, as they came.
    pub others: Vec<(Text, Text)>,
}
