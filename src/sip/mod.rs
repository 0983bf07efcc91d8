//! SIP (RFC 3261): messages, transactions, dialogs, registrations, and the endpoint that runs them.
//!
//! [`msg`] turns bytes into values and back. [`transaction`] holds the four state machines of RFC 3261 §17
//! as pure tables, [`dialog`] and [`digest`] the plain rules of §12 and RFC 7616. [`Endpoint`] is the only
//! machine: it owns the connections, the transactions, the calls and the registrations of one node, and every
//! message in or out passes its transaction table.
//!
//! A registrar keeps its [`bindings`]; they are data, and the role that is the registrar owns them.

mod error;
pub mod msg;

pub mod bindings;
pub mod body;
pub mod dialog;
pub mod digest;
mod endpoint;
pub mod locate;
pub mod offer;
pub mod publication;
pub mod refer;
pub mod register;
pub mod stun;
pub mod subscription;
pub mod transaction;
pub mod usage;

pub use endpoint::{
    CallError, CallId, Config, Count, Credentials, DialogId, EndCause, Endpoint, Event, Failure,
    HERE, Listener, NotifierId, PublicationId, RegistrationId, Relation, RequestId, ServerId,
    Source, SubscriptionId, Target, Way,
};
pub use error::{FrameError, HeaderError, Invalid, ParseError, WriteError};
pub use msg::Uri;
