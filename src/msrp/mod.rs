//! MSRP (RFC 4975): chunks, sessions, and the endpoint that runs them.
//!
//! [`msg`] turns bytes into values and back. [`Endpoint`] holds the connections and the sessions on them: it cuts
//! messages into chunks when a connection can take them, puts received chunks together, answers, reports and
//! watches the timers. What becomes of a message it says in an [`Event`].

mod assembly;
mod auth;
mod connection;
mod digest;
mod endpoint;
mod error;
mod event;
mod fates;
mod inbound;
mod links;
pub mod msg;
mod nickname;
mod outbound;
mod pending;
mod pieces;
mod ranges;
mod receiver;
pub mod relay;
mod sender;
mod session;
mod stream;
mod switch;
#[cfg(test)]
mod tests;
mod usual;
mod web;

pub use auth::{AuthError, RelayAccount};
pub use endpoint::{Config, Endpoint};
pub use error::{Full, OfferError, SendError};
pub use event::{Down, Event, Incoming, Piece, Progress, Receipt};
pub use msg::{ByteRange, FailureReport, Status, Uri, UriError};
pub use nickname::{NicknameRequest, Nicknames, private_message};
pub use pieces::Delivery;
pub use session::{Outgoing, Role, SendId, SessionId, Settings};
pub use stream::Stream;
pub use switch::{Dropped, Overflow, Switch};
