//! What a leg stands on.

use crate::engine::Cx;
use crate::{msrp, sip};

/// The context of one step together with the two endpoints: what a [`Legs`](super::Legs) command needs.
#[derive(Debug)]
pub struct Ends<'a> {
    /// Time, ids, bounds and the outbox.
    pub cx: Cx<'a>,
    /// The SIP endpoint.
    pub sip: &'a mut sip::Endpoint,
    /// The MSRP endpoint.
    pub msrp: &'a mut msrp::Endpoint,
}
