//! What is known of one connection.

use super::msg::{Continuation, Framer};
use super::pending::Pending;
use super::pieces::PieceChunk;
use super::receiver::Answer;
use super::session::{Kind, SessionId};
use super::web::Web;
use crate::engine::{ConnId, Cx};
use crate::engine::{Direction, Limits, Outbox, Protocol, Sighting};
use crate::sdp::Fingerprint;
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
    /// What the certificate was described by instead: a connection to it is none to whoever else may be there.
    pub(super) fingerprints: Vec<Fingerprint>,
    /// The host that a WebSocket is asked of there (RFC 7977); `None` for plain streams.
    pub(super) web: Option<Text>,
}

/// What is known of who is at the other end.
#[derive(Debug)]
pub(super) enum Proof {
    Nothing,
    /// It has shown this certificate, in DER.
    Certificate(Box<[u8]>),
    /// It is this process.
    Own,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// Where we connected to; `None` if the peer did.
    pub(super) dial: Option<Dial>,
    pub(super) up: bool,
    /// Who is at the other end.
    pub(super) proof: Proof,
    /// To be closed when everything has been pulled.
    pub(super) closing: bool,
    /// What reads and writes instead, if it is a WebSocket whose handshake has begun.
    pub(super) web: Option<Box<Web>>,
    pub(super) sessions: BTreeSet<SessionId>,
    /// The one that the last message was for.
    pub(super) usual: Option<SessionId>,
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
    /// How many bytes these have.
    pub(super) owed_bytes: usize,
    /// Bytes handed up in pieces that nobody has accepted or refused.
    pub(super) held: usize,
    bounds: Bounds,

    /// Pieces of the chunk that was cut last.
    pub(super) out: VecDeque<Bytes>,
    /// Responses, reports and binding requests: they go before any data.
    control: BytesMut,
    /// Where each of them ends, while somebody looks on, or each is a message of its own.
    marks: VecDeque<usize>,
    /// Messages with something to cut, in the order of their turns.
    pub(super) ready: VecDeque<(SessionId, Kind)>,
    /// Whether the first of them has been given its share of this turn.
    pub(super) granted: bool,
    /// Requests without a response yet.
    pub(super) pending: Pending,
    /// Whether the timer of the oldest is set.
    pub(super) timed: bool,
    /// When it last carried anything, either way.
    pub(super) last_use: Instant,
}

/// How much of something a connection may hold.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Messages that wait for an answer of ours.
    owed: usize,
    /// Their bytes.
    owed_bytes: usize,
    /// Bytes in pieces that wait for it.
    held: usize,
    /// Bytes of answers that the peer leaves unread.
    control: usize,
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
    /// Hand it up as it comes.
    Pieces(Box<PieceChunk>),
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
            Self::Chunk(mut chunk) => {
                chunk.message_id = chunk.message_id.compact();
                chunk.report = chunk.report.map(|path| path.compact());
                Self::Chunk(chunk)
            }
            sink => sink,
        }
    }
}

impl Connection {
    pub(super) fn new(dial: Option<Dial>, cx: &Cx<'_>) -> Self {
        let now = cx.now;
        Self {
            up: dial.is_none(),
            dial,
            proof: Proof::Nothing,
            closing: false,
            web: None,
            sessions: BTreeSet::new(),
            usual: None,
            empty_since: now,
            framer: Framer::new(),
            sink: Sink::Ignore,
            last_data: now,
            head_since: None,
            seen: BytesMut::new(),
            owed: 0,
            owed_bytes: 0,
            held: 0,
            bounds: Bounds {
                owed: cx.limits.msrp_unanswered,
                owed_bytes: cx.limits.msrp_unanswered_bytes,
                held: cx.limits.msrp_window,
                control: cx.limits.msrp_send_control,
            },
            out: VecDeque::new(),
            control: BytesMut::new(),
            marks: VecDeque::new(),
            ready: VecDeque::new(),
            granted: false,
            pending: Pending::default(),
            timed: false,
            last_use: now,
        }
    }

    /// Whether its other end is who a session's description says.
    pub(super) fn is_of(&self, fingerprints: &[Fingerprint]) -> bool {
        fingerprints.is_empty()
            || match &self.proof {
                Proof::Nothing => false,
                Proof::Certificate(certificate) => Fingerprint::admits(fingerprints, certificate),
                Proof::Own => true,
            }
    }

    /// Queues a response, a report or another request that goes before data.
    pub(super) fn control(&mut self, cx: &Cx<'_>, write: impl FnOnce(&mut BytesMut)) {
        write(&mut self.control);
        if cx.outbox.is_tapped() || self.web.is_some() {
            self.marks.push_back(self.control.len());
        }
    }

    /// The queued responses and reports, shown as they leave.
    pub(super) fn take_control(&mut self, id: ConnId, cx: &mut Cx<'_>) -> Option<Bytes> {
        if self.control.is_empty() {
            return None;
        }
        // An idle connection keeps no buffer.
        let out = std::mem::take(&mut self.control).freeze();
        let mut from = 0;
        let marks = std::mem::take(&mut self.marks);
        let each = marks.into_iter().map(|to| {
            let one = out.slice(from.min(out.len())..to.min(out.len()));
            from = to;
            one
        });
        let each = each.inspect(|one| show(cx, id, Direction::Out, || one.clone()));
        if self.web.is_none() {
            each.for_each(drop);
            return Some(out);
        }
        let each: Vec<Bytes> = each.collect();
        self.wrap(cx.ids, each);
        self.out.pop_front()
    }

    /// Whether so many requests have no answer that no more should be sent.
    pub(super) fn is_waiting_for_answers(&self, limits: &Limits) -> bool {
        let max = limits.msrp_in_flight;
        self.pending.len() >= max || self.pending.kept() >= max.saturating_mul(16)
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_drained(&self) -> bool {
        self.out.is_empty() && self.control.is_empty()
    }

    /// Whether more of its bytes should be read, as far as it is alone in the world.
    pub(super) fn wants_read(&self) -> bool {
        self.owed < self.bounds.owed
            && self.owed_bytes < self.bounds.owed_bytes
            && self.held < self.bounds.held
            && self.unread() <= self.bounds.control
    }

    /// Bytes of answers that its peer has not taken yet.
    fn unread(&self) -> usize {
        let own = self.web.as_ref().map_or(0, |web| web.waiting());
        self.control.len().saturating_add(own)
    }

    /// Whether its peer sends on and on and reads none of our answers.
    pub(super) fn is_choked(&self) -> bool {
        self.unread() > self.bounds.control.saturating_mul(16)
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
