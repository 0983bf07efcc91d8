//! What is known of one connection.

use super::msg::{Continuation, Framer};
use super::receiver::Answer;
use super::session::SessionId;
use crate::engine::{ConnId, Cx};
use crate::engine::{Direction, Limits, Outbox, Protocol, Sighting};
use crate::wire::Text;
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

/// Where a connection of ours leads; sessions to the same place share it (RFC 4975 §5.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Dial {
    pub(super) peer: SocketAddr,
    pub(super) secure: bool,
    /// What the certificate has to be valid for: two names at one address are two peers.
    pub(super) name: Option<Text>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// Where we connected to; `None` if the peer did.
    pub(super) dial: Option<Dial>,
    pub(super) up: bool,
    /// To be closed when everything has been pulled.
    pub(super) closing: bool,
    pub(super) sessions: BTreeSet<SessionId>,
    /// Since when there is no session on it.
    pub(super) empty_since: Instant,

    pub(super) framer: Framer,
    /// What to do with the rest of the chunk that is being received.
    pub(super) sink: Sink,
    pub(super) last_data: Instant,
    /// Since when a head is incomplete.
    pub(super) head_since: Option<Instant>,
    /// The chunk that is being received, for a tap.
    seen: BytesMut,
    /// Received messages that nobody has accepted or refused.
    pub(super) owed: usize,
    /// How many of them there may be, and how many bytes of answers that the peer leaves unread.
    bounds: (usize, usize),

    /// Pieces of the chunk that was cut last.
    pub(super) out: VecDeque<Bytes>,
    /// Responses, reports and binding requests: they go before any data.
    control: VecDeque<Bytes>,
    control_bytes: usize,
    /// Sessions with something to cut, in the order of their turns.
    pub(super) ready: VecDeque<SessionId>,
    /// Whether the first of them has been given its share of this turn.
    pub(super) granted: bool,
    /// Requests without a response yet, oldest first; answered ones stay until they are the oldest.
    pub(super) pending: VecDeque<(Instant, Text)>,
    pub(super) in_flight: usize,
    /// Whether the timer of the oldest is set.
    pub(super) timed: bool,
}

/// What to do with the rest of a chunk.
#[derive(Debug, Default)]
pub(super) enum Sink {
    /// Nothing: it has been dealt with, or need not be.
    #[default]
    Ignore,
    /// Answer it when it has ended: a request without a body.
    Answer(Answer),
    /// Put it into a message.
    Chunk(Box<Chunk>),
}

/// A chunk that is being received.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) session: SessionId,
    pub(super) answer: Answer,
    pub(super) message_id: Text,
    /// Where its next byte belongs in the message, counted from 0.
    pub(super) at: u64,
    /// Where a success report would go.
    pub(super) report: Option<super::msg::Path>,
}

impl Sink {
    /// The same in buffers of its own.
    pub(super) fn compact(self) -> Self {
        match self {
            Self::Ignore => Self::Ignore,
            Self::Answer(answer) => Self::Answer(answer.compact()),
            Self::Chunk(chunk) => Self::Chunk(Box::new(Chunk {
                session: chunk.session,
                answer: chunk.answer.compact(),
                message_id: chunk.message_id.compact(),
                at: chunk.at,
                report: chunk.report.map(|path| path.compact()),
            })),
        }
    }
}

impl Connection {
    pub(super) fn new(dial: Option<Dial>, cx: &Cx<'_>) -> Self {
        let now = cx.now;
        Self {
            up: dial.is_none(),
            dial,
            closing: false,
            sessions: BTreeSet::new(),
            empty_since: now,
            framer: Framer::new(),
            sink: Sink::Ignore,
            last_data: now,
            head_since: None,
            seen: BytesMut::new(),
            owed: 0,
            bounds: (cx.limits.msrp_unanswered, cx.limits.msrp_send_control),
            out: VecDeque::new(),
            control: VecDeque::new(),
            control_bytes: 0,
            ready: VecDeque::new(),
            granted: false,
            pending: VecDeque::new(),
            in_flight: 0,
            timed: false,
        }
    }

    /// Queues a response, a report or another request that goes before data.
    pub(super) fn control(&mut self, bytes: Bytes) {
        self.control_bytes = self.control_bytes.saturating_add(bytes.len());
        self.control.push_back(bytes);
    }

    /// The queued responses and reports, as many as one write should take, shown as they leave.
    pub(super) fn take_control(&mut self, id: ConnId, cx: &mut Cx<'_>) -> Option<Bytes> {
        let first = self.next_control(id, cx)?;
        if self.control.is_empty() {
            return Some(first);
        }
        let mut out = BytesMut::with_capacity(self.control_bytes.min(WRITE) + first.len());
        out.extend_from_slice(&first);
        while out.len() < WRITE
            && let Some(next) = self.next_control(id, cx)
        {
            out.extend_from_slice(&next);
        }
        Some(out.freeze())
    }

    fn next_control(&mut self, id: ConnId, cx: &mut Cx<'_>) -> Option<Bytes> {
        let next = self.control.pop_front()?;
        self.control_bytes = self.control_bytes.saturating_sub(next.len());
        show(cx, id, Direction::Out, || next.clone());
        if self.control.is_empty() {
            // An idle connection keeps no queue.
            self.control = VecDeque::new();
        }
        Some(next)
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_drained(&self) -> bool {
        self.out.is_empty() && self.control.is_empty()
    }

    /// Whether more of its bytes should be read.
    pub(super) const fn wants_read(&self) -> bool {
        self.owed < self.bounds.0 && self.control_bytes <= self.bounds.1
    }

    /// Whether its peer sends on and on and reads none of our answers.
    pub(super) const fn is_choked(&self) -> bool {
        self.control_bytes > self.bounds.1.saturating_mul(16)
    }

    /// When it has to be looked at: it is silent in the middle of a chunk, or nobody uses it.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let silent = self
            .framer
            .is_within()
            .then(|| self.head_since.unwrap_or(self.last_data));
        let unused = (self.sessions.is_empty() && self.up).then_some(self.empty_since);
        let since = silent.into_iter().chain(unused).min()?;
        since.checked_add(limits.msrp_idle)
    }

    /// Remembers a piece of a received chunk for the tap, and shows the chunk when it is whole.
    pub(super) fn see(
        &mut self,
        id: ConnId,
        cx: &mut Cx<'_>,
        head: Option<&Bytes>,
        body: &[u8],
        end: Option<Continuation>,
    ) {
        if !cx.outbox.is_tapped() {
            return;
        }
        if let Some(head) = head {
            self.seen = BytesMut::from(&head[..]);
        } else if self.seen.is_empty() {
            // The tap came in the middle of the chunk.
            return;
        }
        let room = (cx.limits.msrp_head + cx.limits.msrp_chunk).saturating_sub(self.seen.len());
        self.seen
            .extend_from_slice(body.get(..room).unwrap_or(body));
        if let Some(end) = end {
            let mut seen = std::mem::take(&mut self.seen);
            let transaction_id = seen[..]
                .split(|b| *b == b' ')
                .find(|word| !word.is_empty() && *word != b"MSRP");
            let transaction_id = Bytes::copy_from_slice(transaction_id.unwrap_or_default());
            if memchr::memmem::find(&seen, b"\r\n\r\n").is_some() {
                seen.extend_from_slice(b"\r\n");
            }
            seen.extend_from_slice(b"-------");
            seen.extend_from_slice(&transaction_id);
            seen.extend_from_slice(&[end.flag(), b'\r', b'\n']);
            show(cx, id, Direction::In, || seen.freeze());
        }
    }
}

/// Shows a message to whoever looks on.
pub(super) fn show(
    cx: &mut Cx<'_>,
    id: ConnId,
    direction: Direction,
    bytes: impl FnOnce() -> Bytes,
) {
    if !cx.outbox.is_tapped() {
        return;
    }
    let at = cx.wall();
    let outbox: &mut Outbox = cx.outbox;
    let Some(conn) = outbox.conn(id) else { return };
    let (transport, peer) = (conn.transport, conn.peer);
    let local = conn.local.unwrap_or_else(|| {
        let any = match peer.ip() {
            IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        SocketAddr::new(any, 0)
    });
    outbox.show(|| Sighting {
        at,
        direction,
        protocol: Protocol::Msrp,
        transport,
        local,
        peer,
        bytes: bytes(),
    });
}

/// How much is put into one write.
const WRITE: usize = 16 * 1024;
