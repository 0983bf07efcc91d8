//! The envelope of an instant message: who wrote it to whom and when, and what the sender wants to hear
//! back (RFC 3862, with the headers of RFC 5438 and OMA CPM).
//!
//! ```text
//! From: <sip:alice@example.com>            ┐
//! To: <sip:bob@example.com>                │ headers: names in namespaces, escapes
//! NS: imdn <urn:ietf:params:imdn>          │
//! imdn.Message-ID: h3rd                    ┘
//!
//! Content-Type: text/plain; charset=UTF-8  ─ headers of the content: MIME
//!
//! hello                                    ─ body
//! ```

mod build;
mod error;
mod identity;
mod message;
mod name;

pub use build::Builder;
pub use error::{ParseError, ParseErrorKind};
pub use identity::Identity;
pub use message::{Header, Message};
pub use name::{Dispositions, HeaderName, Sensitivity};

/// The media type of a message.
pub const MEDIA_TYPE: &str = "message/cpim";
