//! From bytes to a message.

/// Whether the bytes are a `token` (RFC 3261 §25.1).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    let _ = bytes;
    todo!()
}
