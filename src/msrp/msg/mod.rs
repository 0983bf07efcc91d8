//! MSRP messages (RFC 4975 §9): bytes to values and back, nothing else.
//!
//! A [`Framer`] cuts a stream into [`Frame`]s; [`Head::parse`] reads the head of one in place, and
//! [`Message::read_head`] as a value. Who has a whole message in one piece calls [`Message::parse`].

mod frame;
mod head;
mod header;
mod message;
mod parse;
mod path;
mod range;
mod status;
mod uri;
mod write;

pub use frame::{Continuation, Frame, FrameError, FrameErrorKind, Framer};
pub use head::Head;
pub use header::Name;
pub use message::{Message, Method, Request, Response};
pub(super) use parse::answerable;
pub use parse::{ParseError, ParseErrorKind};
pub use path::Path;
pub use range::ByteRange;
pub use status::{FailureReport, Status};
pub use uri::{Uri, UriError};
pub use write::WriteError;
pub(super) use write::{is_value, occurs};
