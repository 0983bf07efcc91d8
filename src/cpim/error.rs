//! What can be wrong with a message.

use crate::wire::Text;

/// Why bytes are not a CPIM message, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {at}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// The offset from the start of the message.
    pub at: usize,
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// There is no header at all.
    #[error("no CPIM header")]
    Empty,
    /// A line among the headers that is no header.
    #[error("not a CPIM header")]
    Header,
    /// A control character in a header.
    #[error("control character in a CPIM header")]
    Control,
    /// The headers are larger, or more, than `Limits` allow.
    #[error("more CPIM headers than allowed")]
    TooLarge,
}

/// A header that the sender requires to be understood, and is not (RFC 3862 §4.7). The message is not to be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the required header {name} of {namespace} is not understood")]
pub struct NotUnderstood {
    /// The namespace of the header; empty if its prefix was not declared.
    pub namespace: Text,
    /// Its name.
    pub name: Text,
}
