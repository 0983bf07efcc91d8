//! Deadlines by key.

use super::{Ids, Map};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::Hash;
use std::time::Instant;

/// Deadlines by key: setting one again moves it, cancelling is O(1), and equal deadlines fire in the order
/// in which they were set.
///
/// A heap with lazy deletion: an entry whose deadline was moved or cancelled stays in the heap until it
/// surfaces, and the heap is rebuilt when such entries are the majority, so that memory follows the number
/// of live deadlines.
#[derive(Debug)]
pub struct Timers<K> {
    heap: BinaryHeap<Reverse<(Instant, u64, K)>>,
    live: Map<K, (Instant, u64)>,
    sequence: u64,
}

impl<K: Copy + Eq + Hash + Ord> Timers<K> {
    /// No deadlines yet.
    pub fn new(ids: &mut Ids) -> Self {
        Self {
            heap: BinaryHeap::new(),
            live: ids.map(),
            sequence: 0,
        }
    }

    /// Sets the deadline of `key`, or moves it.
    pub fn set(&mut self, key: K, at: Instant) {
        self.sequence += 1;
        let before = self.live.insert(key, (at, self.sequence));
        self.heap.push(Reverse((at, self.sequence, key)));
        if let Some((_, sequence)) = before {
            self.unset(sequence);
        }
    }

    /// Removes the deadline of `key`, if it has one.
    pub fn cancel(&mut self, key: &K) {
        if let Some((_, sequence)) = self.live.remove(key) {
            self.unset(sequence);
        }
    }

    /// Takes the earliest deadline that is not after `now`. Call until `None`.
    pub fn pop(&mut self, now: Instant) -> Option<K> {
        let Reverse((at, _, key)) = *self.heap.peek()?;
        if at > now {
            return None;
        }
        self.heap.pop();
        self.live.remove(&key);
        self.tidy();
        Some(key)
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// The deadline of `key`.
    pub fn get(&self, key: &K) -> Option<Instant> {
        self.live.get(key).map(|(at, _)| *at)
    }

    /// How many deadlines are set.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether no deadline is set.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// The entry with this sequence is not live any more. Before it was, the top of the heap was live, and so it still
    /// is unless this is the top.
    fn unset(&mut self, sequence: u64) {
        let is_top = (self.heap.peek()).is_some_and(|Reverse((_, top, _))| *top == sequence);
        if is_top || self.heap.len() > 2 * self.live.len() + 64 {
            self.tidy();
        }
    }

    /// Keeps the top of the heap live, so that `next` needs no search, and the heap in proportion.
    fn tidy(&mut self) {
        if self.heap.len() > 2 * self.live.len() + 64 {
            let live = &self.live;
            self.heap.retain(|Reverse((_, sequence, key))| {
                live.get(key).is_some_and(|(_, s)| s == sequence)
            });
        }
        while let Some(Reverse((_, sequence, key))) = self.heap.peek() {
            if self.live.get(key).is_some_and(|(_, live)| live == sequence) {
                break;
            }
            self.heap.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Seed;
    use std::time::Duration;

    fn timers() -> (Timers<u32>, Instant) {
        (
            Timers::new(&mut Ids::new(Seed::from_number(0))),
            Instant::now(),
        )
    }

    #[test]
    fn fires_in_order_once_and_not_early() {
        let (mut timers, start) = timers();
        let at = |seconds| start + Duration::from_secs(seconds);
        timers.set(1, at(3));
        timers.set(2, at(1));
        timers.set(3, at(1));
        assert_eq!(timers.pop(start), None);
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(
            [timers.pop(at(2)), timers.pop(at(2)), timers.pop(at(2))],
            [Some(2), Some(3), None]
        );
        assert_eq!(timers.pop(at(9)), Some(1));
        assert!(timers.is_empty());
    }

    #[test]
    fn set_again_moves_and_cancel_removes() {
        let (mut timers, start) = timers();
        let at = |seconds| start + Duration::from_secs(seconds);
        timers.set(1, at(1));
        timers.set(1, at(5));
        timers.set(2, at(2));
        timers.cancel(&2);
        assert_eq!(timers.next(), Some(at(5)));
        assert_eq!(timers.pop(at(4)), None);
        assert_eq!(timers.pop(at(5)), Some(1));
    }

    #[test]
    fn memory_follows_the_live_deadlines() {
        let (mut timers, start) = timers();
        timers.set(0, start + Duration::from_secs(1));
        for round in 0..10_000 {
            timers.set(1, start + Duration::from_secs(2 + round));
        }
        assert!(timers.heap.len() <= 2 * timers.live.len() + 64);
    }
}
