//! Cutting a stream into messages.

use crate::engine::Limits;
use crate::sip::FrameError;
use bytes::Bytes;

/// What a stream carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The bytes of one message.
    Message(Bytes),
    /// A double CRLF: the peer asks for a [`Frame::Pong`] (RFC 5626 §3.5.1).
    Ping,
    /// A single CRLF.
    Pong,
}

/// Cuts a stream into messages at their Content-Length (RFC 3261 §18.3).
#[derive(Debug, Default)]
pub struct Framer {}

#[allow(missing_docs, clippy::should_implement_trait)]
impl Framer {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn push(&mut self, data: Bytes) {
        let _ = data;
        todo!()
    }
    pub fn next(&mut self, limits: &Limits) -> Result<Option<Frame>, FrameError> {
        let _ = limits;
        todo!()
    }
}
