//! What can be wrong with SIP messages: those of a peer, and those that we are asked to write.

use super::msg::{Name, Status};

/// Why the bytes of a peer are not a SIP message. `at` is the offset of the byte where it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The first line is neither a Request-Line nor a Status-Line (RFC 3261 §7.1, §7.2).
    #[error("no SIP start line at byte {at}")]
    StartLine {
        /// Where.
        at: usize,
    },
    /// The version is not SIP/2.0 (RFC 3261 §7.1).
    #[error("unsupported SIP version at byte {at}")]
    Version {
        /// Where.
        at: usize,
    },
    /// The status code is not 100 to 699 (RFC 3261 §7.2).
    #[error("no status code at byte {at}")]
    StatusCode {
        /// Where.
        at: usize,
    },
    /// A header name is not a token (RFC 3261 §7.3.1).
    #[error("no header name at byte {at}")]
    HeaderName {
        /// Where.
        at: usize,
    },
    /// A control character in the head that is not TAB and not in a quoted pair (RFC 3261 §25.1).
    #[error("control character at byte {at}")]
    Control {
        /// Where.
        at: usize,
    },
    /// The bytes end before the empty line that ends the head.
    #[error("head not ended at byte {at}")]
    Truncated {
        /// Where.
        at: usize,
    },
    /// Content-Length is not a number, or appears twice with different numbers (RFC 3261 §20.14).
    #[error("unusable Content-Length at byte {at}")]
    ContentLength {
        /// Where.
        at: usize,
    },
    /// The body is shorter than Content-Length says (RFC 3261 §18.3).
    #[error("body of {is} bytes where Content-Length says {should}")]
    BodyTooShort {
        /// How long the body is.
        is: usize,
        /// How long it should be.
        should: usize,
    },
    /// The message is larger than [`Limits`](crate::engine::Limits) allow.
    #[error("message larger than {limit} bytes")]
    TooLarge {
        /// What is allowed.
        limit: usize,
    },
    /// The head or one header is larger than [`Limits`](crate::engine::Limits) allow.
    #[error("head or header at byte {at} larger than {limit} bytes")]
    HeadTooLarge {
        /// Where it begins.
        at: usize,
        /// What is allowed.
        limit: usize,
    },
    /// There are more headers than [`Limits`](crate::engine::Limits) allow.
    #[error("more than {limit} headers at byte {at}")]
    TooManyHeaders {
        /// The first that is too many.
        at: usize,
        /// What is allowed.
        limit: usize,
    },
}

impl ParseError {
    /// What a server answers, where the message is whole enough to be answered (RFC 3261 §21.4.1, §21.5.6,
    /// §21.5.7).
    pub const fn status(self) -> Status {
        match self {
            Self::Version { .. } => Status::VERSION_NOT_SUPPORTED,
            Self::TooLarge { .. } | Self::HeadTooLarge { .. } | Self::TooManyHeaders { .. } => {
                Status::MESSAGE_TOO_LARGE
            }
            _ => Status::BAD_REQUEST,
        }
    }
}

/// Why the stream of a peer can be read no further. The connection is to be closed: looking for the next
/// message in the bytes that follow would let a body pass for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The bytes do not begin like a SIP message.
    #[error("not SIP")]
    NotSip,
    /// A message has no Content-Length, which a stream cannot do without (RFC 3261 §18.3).
    #[error("no Content-Length")]
    NoContentLength,
    /// A message has a Content-Length that is not a number, or two that differ.
    #[error("unusable Content-Length")]
    ContentLength,
    /// A line of the head does not end in CRLF.
    #[error("CR or LF alone in the head")]
    LineEnd,
    /// The head does not end within the limit.
    #[error("head larger than {0} bytes")]
    HeadTooLarge(usize),
    /// Head and body are larger than the limit.
    #[error("message larger than {0} bytes")]
    TooLarge(usize),
}

/// Why a header is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The message has none.
    #[error("no {0}")]
    Missing(Name),
    /// The value is not UTF-8 (RFC 3261 §7.3.1).
    #[error("{0} is not UTF-8")]
    NotUtf8(Name),
    /// The value does not follow its grammar.
    #[error("{name}: expected {expected} at byte {at}")]
    Syntax {
        /// The header.
        name: Name,
        /// What should stand there.
        expected: &'static str,
        /// The offset in the value.
        at: usize,
    },
    /// The Request-URI does not follow its grammar.
    #[error("Request-URI: expected {expected} at byte {at}")]
    RequestUri {
        /// What should stand there.
        expected: &'static str,
        /// The offset in the URI.
        at: usize,
    },
}

impl HeaderError {
    /// The value of header `name` does not have `expected` at offset `at`.
    pub const fn syntax(name: Name, expected: &'static str, at: usize) -> Self {
        Self::Syntax { name, expected, at }
    }
}

/// Why a text cannot become part of a message that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A header name is not a token (RFC 3261 §25.1).
    #[error("the name is not a token")]
    Name,
    /// A value has a control character: CR or LF would end the header, and none but TAB is in the grammar.
    #[error("control character at byte {at} of the value")]
    Control {
        /// Where.
        at: usize,
    },
}

/// Why a message must not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule} ({section}) at byte {at}")]
pub struct Invalid {
    /// The header; `None` for the start line and the body.
    pub header: Option<Name>,
    /// The rule that is broken, in words.
    pub rule: &'static str,
    /// Where the rule stands, as "RFC 3261 §8.1.1".
    pub section: &'static str,
    /// The offset in the message as it was received.
    pub at: usize,
    /// What a server answers.
    pub status: Status,
}
