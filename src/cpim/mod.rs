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
//!
//! ```
//! use cpm::cpim::{Dispositions, Identity, Message};
//! use cpm::engine::Limits;
//!
//! let hello = Message::builder(&Identity::new("sip:alice@example.com"), &Identity::ANONYMOUS)
//!     .notify("h3rd", Dispositions::POSITIVE_DELIVERY | Dispositions::DISPLAY)
//!     .content("text/plain;charset=UTF-8", "hello");
//! let read = Message::parse(hello.write(), &Limits::default())?;
//! assert_eq!(read.from().unwrap().uri, "sip:alice@example.com");
//! assert_eq!(read.message_id().unwrap(), "h3rd");
//! assert_eq!(read.body(), "hello");
//! # Ok::<_, cpm::cpim::ParseError>(())
//! ```

mod build;
mod edit;
mod error;
mod escape;
mod fields;
mod identity;
mod index;
mod message;
mod name;

pub use build::Builder;
pub use error::{NotUnderstood, ParseError, ParseErrorKind};
pub use identity::Identity;
pub use message::{Header, Message};
pub use name::{Dispositions, HeaderName, Sensitivity};

/// The media type of a message.
pub const MEDIA_TYPE: &str = "message/cpim";
