//! Looking on at what a node sends and receives.

use super::{DateTime, Protocol, Transport};
use bytes::Bytes;
use std::net::SocketAddr;

/// Which way a message went, seen from the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the node.
    In,
    /// From the node.
    Out,
}

/// One message as it was on the wire: a SIP message, or one MSRP chunk or response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When.
    pub at: DateTime,
    /// Which way.
    pub direction: Direction,
    /// What it is a message of.
    pub protocol: Protocol,
    /// What carried it.
    pub transport: Transport,
    /// Our address.
    pub local: SocketAddr,
    /// The other end's address.
    pub peer: SocketAddr,
    /// All its bytes.
    pub bytes: Bytes,
}

/// Something that looks on at every message of a node; see [`Node::set_tap`](crate::node).
pub trait Tap: std::fmt::Debug + Send {
    /// Called once for each message, in the order in which the node handled them.
    fn see(&mut self, sighting: Sighting);
}
