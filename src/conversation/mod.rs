//! Tier 3: what all functions of CPM have in common.
//!
//! ```text
//!  Client · Participating · …          policies: what happens where legs meet
//!  ─────────────────────────
//!  Legs        open accept send end    one SIP dialog + one MSRP session, or one SIP MESSAGE
//!  Envelope    who, whom, thread       the CPM header fields
//!  Message     text, report, typing    the CPIM content
//!  receipts · activity                 what became of it; who is typing
//! ```

pub mod activity;
mod contact;
mod ends;
mod envelope;
mod event;
mod leg;
pub(crate) mod message;
mod receipts;
mod service;
mod terms;

pub use contact::Contact;
pub use ends::Ends;
pub use envelope::{
    Destination, Envelope, Identity, Thread, anonymous, is_anonymous, is_ephemeral,
};
pub use event::{Custody, Ending, Event, Parcel, ParcelId};
pub use leg::{LegId, Legs};
pub use message::{Content, Message, Wanted};
pub use receipts::{Seen, Status};
pub use service::{Mode, Service};
pub use terms::Terms;
pub(crate) use terms::find_part;
