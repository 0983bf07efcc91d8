//! What must be right before a message is used.

/// How much of a message is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// What must be right to use the message: peers are sloppy, and what does not matter is let through.
    Receive,
    /// Every known header follows its grammar.
    Strict,
}
