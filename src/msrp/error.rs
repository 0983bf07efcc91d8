//! Why a command was refused.

/// There are as many sessions as `Limits::msrp_sessions` allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no more MSRP sessions")]
pub struct Full;

/// Why a message was not taken for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// As many messages wait as `Limits::msrp_send_queue` allows. `Event::Writable` follows when there is room again.
    #[error("too many messages wait to be sent")]
    Full,
    /// There is no such session, or it is down.
    #[error("the session is closed")]
    Closed,
    /// Larger than the peer's `a=max-size`.
    #[error("the message is larger than the peer accepts")]
    TooLarge,
    /// The message id or the content type cannot be written in a header.
    #[error("a header value contains what a header cannot")]
    Unwritable,
}

/// Why a piece of a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// The message is over: delivered to the end, failed, or given up.
    #[error("the message is over")]
    Gone,
    /// It is larger than the room there is. `Event::Wanted` follows when there is more.
    #[error("the piece is larger than the room for it")]
    Full,
    /// The message was announced to be shorter.
    #[error("the message was announced to be shorter")]
    TooMuch,
    /// The message was announced to be longer.
    #[error("the message was announced to be longer")]
    TooLittle,
}
