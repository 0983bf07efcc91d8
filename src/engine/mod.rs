//! Tier 0: what every machine is handed. No protocol lives here.
//!
//! A machine of this crate owns no clock, no socket and no source of chance. Each of its methods that
//! can make something happen takes a [`Cx`], the context of one step: the time, the ids, the bounds,
//! and the [`Outbox`] into which it writes what shall leave the process. Only a
//! [`Node`](crate::node::Node) is polled.

mod clock;
mod dns;
mod ids;
mod io;
mod limits;
mod map;
mod reply;
mod slab;
mod tap;
mod timers;
pub(crate) mod trace;

pub use clock::{Clock, DateTime};
pub use dns::{Naptr, Record, RecordKind, Srv};
pub use ids::{Ids, Seed};
pub use io::{Conn, ConnId, Input, Outbox, Protocol, Transmit, Transport};
pub use limits::Limits;
pub use map::{Map, Set};
pub use reply::{QuestionId, Reply};
pub(crate) use slab::{Beside, id};
pub use slab::{Key, Slab};
pub use tap::{Direction, Sighting, Tap};
pub use timers::Timers;

use std::time::Instant;

/// The context of one step: everything a machine may know or do besides its own state.
#[derive(Debug)]
pub struct Cx<'a> {
    /// The time of this step. It never runs backwards between steps.
    pub now: Instant,
    /// Wall-clock time for what the protocols write down (CPIM `DateTime`, SIP `Date`).
    pub clock: &'a Clock,
    /// Where every tag, branch and identifier comes from.
    pub ids: &'a mut Ids,
    /// Every bound of the crate.
    pub limits: &'a Limits,
    /// What shall leave the process at the end of the step.
    pub outbox: &'a mut Outbox,
}

impl Cx<'_> {
    /// The same context for a callee, so that a method can pass it on more than once.
    pub fn lend(&mut self) -> Cx<'_> {
        Cx {
            now: self.now,
            clock: self.clock,
            ids: self.ids,
            limits: self.limits,
            outbox: self.outbox,
        }
    }

    /// The wall-clock time of this step.
    pub fn wall(&self) -> DateTime {
        self.clock.wall(self.now)
    }
}
