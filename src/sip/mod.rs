//! SIP (RFC 3261): messages, transactions, dialogs, registrations, and the endpoint that runs them.

mod error;
pub mod msg;

pub mod transaction;

pub use error::{FrameError, HeaderError, Invalid, ParseError, WriteError};
