//! The Byte-Range header field.

/// `Byte-Range: start-end/total` (RFC 4975 §7.1.1), counted from 1 and inclusive; `*` is `None`.
///
/// What a peer writes here is a hint: nothing is allocated by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// The first byte, from 1.
    pub start: u64,
    /// The last byte; `start - 1` for an empty chunk.
    pub end: Option<u64>,
    /// The size of the whole message.
    pub total: Option<u64>,
}
