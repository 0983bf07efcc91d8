//! Streams: two ends, bytes in order between them, and what happens when they break.

use super::queue::HostId;
use crate::engine::{ConnId, Protocol, Transport};
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

/// A stream.
pub(super) type PipeId = u64;

/// One end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// Who connected.
    Caller,
    /// Who listened.
    Listener,
}

impl End {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Listener,
            Self::Listener => Self::Caller,
        }
    }
}

/// A stream.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) protocol: Protocol,
    pub(super) transport: Transport,
    pub(super) caller: Side,
    pub(super) listener: Side,
}

/// What one end knows.
#[derive(Debug)]
pub(super) struct Side {
    /// Whose it is; nobody's while it is not known who listens.
    pub(super) host: Option<HostId>,
    pub(super) addr: SocketAddr,
    pub(super) conn: Option<ConnId>,
    pub(super) state: State,
    /// Whether the machine has more to send.
    pub(super) wanting: bool,
    /// Bytes that were sent and not read.
    pub(super) in_flight: usize,
    /// When the last byte that was sent arrives: nothing overtakes.
    pub(super) arrives: Option<Instant>,
    /// What was sent while the network was parted.
    pub(super) stalled: VecDeque<Bytes>,
    /// What has arrived and was not read.
    pub(super) inbox: VecDeque<Bytes>,
    /// Whether the other end has closed behind what is in the inbox.
    pub(super) finished: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is not open yet.
    Opening,
    Open,
    /// The host has closed it, has been told, or does not exist any more.
    Gone,
}

impl Side {
    pub(super) const fn new(
        host: Option<HostId>,
        addr: SocketAddr,
        conn: Option<ConnId>,
        state: State,
    ) -> Self {
        Self {
            host,
            addr,
            conn,
            state,
            wanting: false,
            in_flight: 0,
            arrives: None,
            stalled: VecDeque::new(),
            inbox: VecDeque::new(),
            finished: false,
        }
    }

    /// Whether this end is of host `host` as it lives now.
    pub(super) fn is_live(&self) -> bool {
        self.state != State::Gone
    }
}

impl Pipe {
    pub(super) const fn side(&self, end: End) -> &Side {
        match end {
            End::Caller => &self.caller,
            End::Listener => &self.listener,
        }
    }

    pub(super) const fn side_mut(&mut self, end: End) -> &mut Side {
        match end {
            End::Caller => &mut self.caller,
            End::Listener => &mut self.listener,
        }
    }

    /// Whether nobody has it any more.
    pub(super) fn is_gone(&self) -> bool {
        !self.caller.is_live() && !self.listener.is_live()
    }
}
