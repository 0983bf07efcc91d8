//! Everything that was seen, as one number, and as messages if somebody wants to read them.

use crate::engine::{Sighting, Tap};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One message that a host sent or received.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which host.
    pub host: Arc<str>,
    /// What it saw.
    pub sighting: Sighting,
}

/// What was seen so far.
#[derive(Clone, Debug)]
pub(super) struct Trace(Arc<Mutex<Memory>>);

#[derive(Debug)]
struct Memory {
    hash: SipHasher13,
    records: bool,
    seen: Vec<Seen>,
}

/// Looks on at one host.
#[derive(Debug)]
struct Eye {
    host: Arc<str>,
    trace: Trace,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Memory {
            hash: SipHasher13::new(),
            records: false,
            seen: Vec::new(),
        })))
    }

    pub(super) fn eye(&self, host: &Arc<str>) -> Box<dyn Tap> {
        Box::new(Eye {
            host: host.clone(),
            trace: self.clone(),
        })
    }

    pub(super) fn record(&self, records: bool) {
        self.memory().records = records;
    }

    pub(super) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.memory().seen)
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.memory().seen.clone()
    }

    pub(super) fn hash(&self) -> u64 {
        self.memory().hash.finish()
    }

    /// Adds something that was not a message.
    pub(super) fn add(&self, what: &[u8]) {
        self.memory().hash.write(what);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // What is remembered is whole after each line of `see`.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for Eye {
    fn see(&mut self, sighting: Sighting) {
        let mut memory = self.trace.memory();
        let head = format!(
            "{} {} {:?} {} {} ",
            self.host, sighting.at, sighting.direction, sighting.local, sighting.peer
        );
        memory.hash.write(head.as_bytes());
        memory.hash.write(&sighting.bytes);
        if memory.records {
            let host = self.host.clone();
            memory.seen.push(Seen { host, sighting });
        }
    }
}
