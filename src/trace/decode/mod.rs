//! Any message of these protocols as a tree: what `inspect` prints and a ladder diagram shows.

mod node;

pub use node::{Fault, Node, Value};
