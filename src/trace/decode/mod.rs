//! Any message of these protocols as a tree: what `inspect` prints and a ladder diagram shows.

mod node;

pub use node::{Fault, Node, Value};

use crate::engine::{Limits, Protocol};
use bytes::Bytes;

/// Decodes one message of a protocol, all its bodies included.
pub fn message(protocol: Protocol, bytes: &Bytes, limits: &Limits) -> Node {
    let _ = (protocol, bytes, limits);
    Node::default()
}

pub(crate) fn gist(_: &Node) -> Option<String> {
    None
}
pub(crate) fn said(_: &Node) -> Option<&str> {
    None
}
