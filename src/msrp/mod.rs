//! MSRP (RFC 4975): chunks, sessions, and the endpoint that runs them.
//!
//! [`msg`] turns bytes into values and back. [`Endpoint`] holds the connections and the sessions on them: it cuts
//! messages into chunks when a connection can take them, puts received chunks together, answers, reports and
//! watches the timers. What becomes of a message it says in an [`Event`].

mod auth;
mod connection;
mod digest;
mod endpoint;
mod error;
mod event;
mod inbound;
pub mod msg;
mod outbound;
mod receiver;
mod sender;
mod session;
#[cfg(test)]
mod tests;

pub use auth::{AuthError, RelayAccount};
pub use endpoint::{Config, Endpoint};
pub use error::{Full, SendError};
pub use event::{Down, Event, Incoming, Receipt};
pub use msg::{ByteRange, FailureReport, Status, Uri, UriError};
pub use session::{Outgoing, Role, SendId, SessionId, Settings};
