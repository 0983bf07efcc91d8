//! Where messages are kept.

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use memory::Memory;
#[cfg(feature = "sqlite")]
pub use sqlite::{OpenError, Sqlite};

use crate::participating::{Enrolment, Kept, Restored, StoreError};
use bytes::Bytes;

/// Keeps messages by user and number.
pub trait Engine {
    /// Keeps a message. When this returns `Ok`, the message outlives the process.
    ///
    /// # Errors
    ///
    /// It was not kept.
    fn keep(&mut self, kept: &Kept) -> Result<(), StoreError>;

    /// A message that was kept and not forgotten; `None` if there is none.
    ///
    /// # Errors
    ///
    /// The engine cannot say. It will be asked again.
    fn load(&mut self, user: &str, sequence: u64) -> Result<Option<Bytes>, StoreError>;

    /// Keeps a message no longer.
    fn forget(&mut self, user: &str, sequence: u64);

    /// Puts a message that was not delivered in its time where its user finds it later.
    ///
    /// # Errors
    ///
    /// It is not there.
    fn archive(&mut self, user: &str, message: &Bytes) -> Result<(), StoreError>;

    /// Remembers where a user's devices are, in the place of what was remembered before.
    fn enrol(&mut self, user: &str, devices: &[Enrolment]);

    /// What there is to deliver, and to whom, for a function that starts.
    ///
    /// # Errors
    ///
    /// The engine cannot be read.
    fn restore(&mut self) -> Result<Restored, StoreError>;
}
