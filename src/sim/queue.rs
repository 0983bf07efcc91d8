//! What will happen, by time.

use super::pipe::{End, PipeId};
use crate::engine::{Record, Reply};
use bytes::Bytes;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// The place of a host in the world.
pub(super) type HostId = usize;

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// A datagram arrives.
    Datagram {
        to: HostId,
        local: SocketAddr,
        peer: SocketAddr,
        data: Bytes,
    },
    /// A wish to connect arrives at the other end.
    Knock(PipeId),
    /// The answer to it arrives.
    Opened(PipeId, bool),
    /// Bytes arrive at an end.
    Segment(PipeId, End, Bytes),
    /// An end hears that its bytes were read.
    Credit(PipeId, End, usize),
    /// An end hears that the other one has closed, after all bytes.
    Finished(PipeId, End),
    /// An end hears that the stream is broken.
    Reset(PipeId, End),
    /// An end has waited in vain for the other's acknowledgement.
    TimedOut(PipeId, End),
    /// The addresses of a name are known.
    Resolved {
        host: HostId,
        life: u32,
        reply: Reply<Vec<IpAddr>>,
        addresses: Vec<IpAddr>,
    },
    /// The records of a name are known.
    LookedUp {
        host: HostId,
        life: u32,
        reply: Reply<Vec<Record>>,
        records: Vec<Record>,
    },
    /// The deadline of a host has come.
    Wake(HostId),
}

/// What will happen, the next first; at one time, in the order in which it was decided.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Entry>,
    sequence: u64,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    sequence: u64,
    happening: Happening,
}

impl Queue {
    pub(super) fn push(&mut self, at: Instant, happening: Happening) {
        self.sequence += 1;
        self.heap.push(Entry {
            at,
            sequence: self.sequence,
            happening,
        });
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|entry| entry.at)
    }

    pub(super) fn pop(&mut self) -> Option<(Instant, Happening)> {
        self.heap.pop().map(|entry| (entry.at, entry.happening))
    }
}

impl Ord for Entry {
    /// The greatest of a heap comes out first: the earliest has to be the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Entry {}
