//! Tier 7: a world for machines: a network, a clock and a source of chance, all of them made up.
//!
//! A [`World`] drives machines as sockets and an operating system would, except that its time is the time of
//! the next event, its latencies, losses and cuts are drawn from one seed, and nothing in it ever waits. A
//! week of deferral runs in milliseconds, and the same seed gives the same bytes in the same order, which
//! [`World::trace_hash`] shows.
//!
//! ```text
//!   Host ──Transmit──▶ ┌───────────────────────────────┐ ──Input──▶ Host
//!   Host ◀──Input───── │ queue by time · links · pipes │ ◀─Transmit─ Host
//!                      └───────────────────────────────┘
//! ```
//!
//! What can go wrong in it: datagrams are lost, doubled and reordered; streams are cut on both ends or on
//! one; hosts are parted from each other, pulled off the network, crashed and started again.

mod faults;
mod host;
mod hostile;
mod link;
mod pipe;
mod queue;
mod time;
mod trace;
mod transport;
mod world;

pub use crate::node::Machine;
pub use faults::Cut;
pub use host::{Event, Host, Server};
pub use hostile::Hostile;
pub use link::Link;
pub use trace::Seen;
pub use world::World;
