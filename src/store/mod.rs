//! What answers the questions of a participating function: who its users are, and what is kept for them.
//!
//! The function itself holds no message and no password. Whoever embeds it answers its questions from
//! whatever database there is; [`Answerer`] does it from an [`Engine`] of this crate and a list of users.

mod directory;
pub mod engine;

pub use directory::{Directory, DirectoryError};
pub use engine::Engine;

use crate::node::Node;
use crate::participating::{Event, Participating};
use std::time::Instant;

/// Answers the questions of a participating function from an engine and a list of users.
#[derive(Debug)]
pub struct Answerer<E> {
    /// Where messages are kept.
    pub engine: E,
    /// Who the users are.
    pub directory: Directory,
}

impl<E: Engine> Answerer<E> {
    /// An answerer over an engine and a list of users.
    pub const fn new(engine: E, directory: Directory) -> Self {
        Self { engine, directory }
    }

    /// Answers an event that is a question; one that is not comes back.
    pub fn answer(
        &mut self,
        node: &mut Node<Participating>,
        now: Instant,
        event: Event,
    ) -> Option<Event> {
        match event {
            Event::Subscriber { user, reply } => {
                node.answer(now, reply, self.directory.get(&user).cloned())
            }
            Event::Keep { kept, reply } => {
                let result = self.engine.keep(&kept);
                node.answer(now, reply, result);
            }
            Event::Load {
                user,
                sequence,
                reply,
            } => {
                // Without an answer it will be asked again.
                if let Ok(message) = self.engine.load(&user, sequence) {
                    node.answer(now, reply, message);
                }
            }
            Event::Enrolled { user, devices } => self.engine.enrol(&user, &devices),
            Event::Forget { user, sequence } => self.engine.forget(&user, sequence),
            Event::Archive {
                user,
                message,
                reply,
            } => {
                let result = self.engine.archive(&user, &message);
                node.answer(now, reply, result);
            }
            event => return Some(event),
        }
        None
    }
}
