//! MSRP messages (RFC 4975 §9): bytes to values and back, nothing else.

mod range;
mod status;
mod uri;

pub use range::ByteRange;
pub use status::{FailureReport, Status};
pub use uri::{Uri, UriError};
