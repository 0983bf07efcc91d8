//! A tap that remembers.

use crate::engine::{Sighting, Tap};
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one remembered message costs besides its bytes.
const OVERHEAD: usize = size_of::<Sighting>();

/// A [`Tap`] that keeps what it sees, newest first to stay.
///
/// Clones share one memory: give one to the node and keep the other. When the memory is full, the oldest
/// messages make room, and [`Recorder::forgotten`] says how many did.
///
/// ```
/// use cpm::trace::Recorder;
///
/// let recorder = Recorder::new(16 * 1024 * 1024);
/// // node.set_tap(Some(Box::new(recorder.clone())));
/// assert!(recorder.sightings().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Recorder {
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug)]
struct Memory {
    sightings: VecDeque<Sighting>,
    used: usize,
    size: usize,
    forgotten: u64,
}

impl Recorder {
    /// A recorder that holds about `size` bytes.
    pub fn new(size: usize) -> Self {
        Self {
            memory: Arc::new(Mutex::new(Memory {
                sightings: VecDeque::new(),
                used: 0,
                size,
                forgotten: 0,
            })),
        }
    }

    /// All that is remembered, in the order in which it was seen.
    pub fn sightings(&self) -> Vec<Sighting> {
        self.memory().sightings.iter().cloned().collect()
    }

    /// Takes all that is remembered and goes on with an empty memory.
    pub fn take(&self) -> Vec<Sighting> {
        let mut memory = self.memory();
        memory.used = 0;
        std::mem::take(&mut memory.sightings).into()
    }

    /// How many messages had to make room for newer ones.
    pub fn forgotten(&self) -> u64 {
        self.memory().forgotten
    }

    /// The addresses of the node that was watched, each with the name `label`, for
    /// [`ladder::html`](super::ladder::html).
    ///
    /// A node has a new port of its own on every connection that it opens; who it is can be read off only
    /// here.
    pub fn names(&self, label: &str) -> Vec<(SocketAddr, String)> {
        let mut addresses: Vec<_> = self.memory().sightings.iter().map(|s| s.local).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
            .into_iter()
            .map(|address| (address, label.to_owned()))
            .collect()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic elsewhere cannot leave the memory half changed in a way that matters to onlookers.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for Recorder {
    fn see(&mut self, mut sighting: Sighting) {
        // The message may be a view of a much larger receive buffer: keep its own bytes only.
        sighting.bytes = Bytes::copy_from_slice(&sighting.bytes);
        let mut memory = self.memory();
        memory.used = memory.used.saturating_add(cost(&sighting));
        memory.sightings.push_back(sighting);
        while memory.used > memory.size {
            let Some(oldest) = memory.sightings.pop_front() else {
                break;
            };
            memory.used = memory.used.saturating_sub(cost(&oldest));
            memory.forgotten += 1;
        }
    }
}

fn cost(sighting: &Sighting) -> usize {
    sighting.bytes.len().saturating_add(OVERHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::{sighting, tcp};

    #[test]
    fn clones_share_one_memory() {
        let recorder = Recorder::new(1 << 20);
        recorder.clone().see(sighting(0, tcp(), "a:1 > b:2", b"x"));
        assert_eq!(recorder.sightings().len(), 1);
        assert_eq!(
            recorder.names("alice"),
            [("10.0.0.1:1".parse().unwrap(), "alice".to_owned())]
        );
        assert_eq!(recorder.take().len(), 1);
        assert_eq!(recorder.take().len(), 0);
    }

    #[test]
    fn the_oldest_make_room_and_memory_stays_bounded() {
        let mut recorder = Recorder::new(3 * (100 + OVERHEAD));
        for n in 0..10 {
            recorder.see(sighting(n, tcp(), "a:1 > b:2", &[b'x'; 100]));
        }
        let kept = recorder.sightings();
        assert_eq!((kept.len(), recorder.forgotten()), (3, 7));
        assert_eq!(kept[0].at, sighting(7, tcp(), "a:1 > b:2", b"").at);
        recorder.see(sighting(11, tcp(), "a:1 > b:2", &[b'x'; 10_000]));
        assert!(recorder.sightings().is_empty(), "larger than all of it");
    }

    #[test]
    fn a_small_message_does_not_keep_its_receive_buffer() {
        let buffer = Bytes::from(vec![b'x'; 64 * 1024]);
        let mut recorder = Recorder::new(1 << 20);
        let mut seen = sighting(0, tcp(), "a:1 > b:2", b"");
        seen.bytes = buffer.slice(0..10);
        recorder.see(seen);
        assert!(buffer.try_into_mut().is_ok());
    }
}
