//! One connection of a relay: what comes on it, and what waits for it.

use super::auth::BindingId;
use super::forward::Forward;
use super::report::Kind;
use super::{LinkId, Relay, Timer};
use crate::engine::{ConnId, Cx, Direction, Limits, Transport};
use crate::msrp::connection::show;
use crate::msrp::msg::{Framer, Uri};
use crate::msrp::web::Web;
use crate::wire::Text;
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

/// Where a connection of ours leads. All that goes there shares it (RFC 4976 §6.4.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Hop {
    /// In lower case.
    pub(super) host: Text,
    pub(super) port: u16,
    pub(super) secure: bool,
    /// The host that a WebSocket is asked of there (RFC 7977); `None` for plain streams.
    pub(super) web: Option<Text>,
}

impl Hop {
    pub(super) fn of(uri: &Uri) -> Self {
        let transport = uri.carrier();
        Self {
            host: Text::from(uri.host().to_ascii_lowercase()),
            port: uri.port().unwrap_or(super::DEFAULT_PORT),
            secure: transport.is_secure(),
            web: transport.is_web().then(|| uri.authority()),
        }
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    pub(super) const fn transport(&self) -> Transport {
        match (self.web.is_some(), self.secure) {
            (true, true) => Transport::Wss,
            (true, false) => Transport::Ws,
            (false, true) => Transport::Tls,
            (false, false) => Transport::Tcp,
        }
    }
}

/// A connection, or the wish for one.
#[derive(Debug)]
pub(super) struct Link {
    /// None while its address is looked up.
    pub(super) conn: Option<ConnId>,
    /// Where we connected to; `None` if the peer did.
    pub(super) hop: Option<Hop>,
    pub(super) up: bool,
    /// To be closed when everything has been pulled.
    pub(super) closing: bool,
    /// What reads and writes instead, if it is a WebSocket whose handshake has begun.
    pub(super) web: Option<Box<Web>>,
    pub(super) framer: Framer,
    /// The request that is being received, if it is to be sent on.
    pub(super) forward: Option<Box<Forward>>,
    /// The URIs of clients on it.
    pub(super) clients: BTreeSet<BindingId>,
    /// The URIs whose clients reach a peer over it.
    pub(super) peers: BTreeSet<BindingId>,
    /// Wrong passwords, and requests that went nowhere while nothing else came.
    pub(super) failures: u32,
    pub(super) last_data: Instant,
    pub(super) last_pull: Instant,
    /// Bytes that came on it and have not left yet.
    pub(super) held: usize,

    /// Pieces of the chunk that was pulled last.
    out: VecDeque<Bytes>,
    /// Responses, reports and requests without a body: they go before any chunk.
    control: VecDeque<Bytes>,
    control_bytes: usize,
    /// What waits for it, by the link that it came on.
    queues: BTreeMap<LinkId, VecDeque<Cut>>,
    /// Whose turn it is.
    turns: VecDeque<LinkId>,
    /// Since when something waits.
    waits_since: Option<Instant>,
    /// Requests without a response yet, oldest first; answered ones stay until they are the oldest.
    pub(super) unanswered: VecDeque<(Instant, Text)>,
    pub(super) in_flight: usize,
}

/// A chunk that waits to be sent on.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) transaction_id: Text,
    pub(super) head: Bytes,
    pub(super) body: Bytes,
    pub(super) end: Bytes,
    /// What its response, or the lack of one, means.
    pub(super) kind: Option<Kind>,
}

impl Cut {
    /// What it costs.
    pub(super) const fn size(&self) -> usize {
        OVERHEAD + self.head.len() + self.body.len() + self.end.len()
    }
}

impl Link {
    pub(super) fn new(conn: Option<ConnId>, hop: Option<Hop>, cx: &Cx<'_>) -> Self {
        Self {
            conn,
            up: hop.is_none(),
            hop,
            closing: false,
            web: None,
            framer: Framer::new(),
            forward: None,
            clients: BTreeSet::new(),
            peers: BTreeSet::new(),
            failures: 0,
            last_data: cx.now,
            last_pull: cx.now,
            held: 0,
            out: VecDeque::new(),
            control: VecDeque::new(),
            control_bytes: 0,
            queues: BTreeMap::new(),
            turns: VecDeque::new(),
            waits_since: None,
            unanswered: VecDeque::new(),
            in_flight: 0,
        }
    }

    pub(super) fn wants_read(&self, limits: &Limits) -> bool {
        self.held < limits.msrp_relayed && self.unread() <= limits.msrp_send_control
    }

    /// Bytes of answers that its peer has not taken yet.
    fn unread(&self) -> usize {
        let own = self.web.as_ref().map_or(0, |web| web.waiting());
        self.control_bytes.saturating_add(own)
    }

    /// Whether a client or a peer is on it.
    pub(super) fn is_used(&self) -> bool {
        !self.clients.is_empty() || !self.peers.is_empty()
    }

    /// Whether its peer sends on and on and reads none of our answers.
    pub(super) fn is_choked(&self, limits: &Limits) -> bool {
        self.unread() > limits.msrp_send_control.saturating_mul(16)
    }

    /// Whether it has been of no use for too long: nobody uses it, it is silent in the middle of a chunk, or its peer
    /// does not read.
    pub(super) fn is_dead(&self, now: Instant, limits: &Limits) -> bool {
        let long = |since: Instant| now.saturating_duration_since(since) >= limits.msrp_idle;
        let stalled = self
            .waits_since
            .is_some_and(|since| long(since.max(self.last_pull)));
        let silent = self.framer.is_within() && self.wants_read(limits) && long(self.last_data);
        let quiet = long(self.last_data.max(self.last_pull));
        let over = !self.is_used() || self.closing;
        stalled || silent || (over && quiet && self.waits_since.is_none())
    }

    fn is_drained(&self) -> bool {
        self.out.is_empty() && self.control.is_empty() && self.turns.is_empty()
    }

    /// Everything that waits for it, with the link that it came on.
    pub(super) fn take_queues(&mut self) -> impl Iterator<Item = (LinkId, Cut)> + use<> {
        self.turns.clear();
        std::mem::take(&mut self.queues)
            .into_iter()
            .flat_map(|(source, cuts)| cuts.into_iter().map(move |cut| (source, cut)))
    }

    /// Queues something that goes before any chunk.
    fn control(&mut self, bytes: Bytes, now: Instant) {
        self.control_bytes = self.control_bytes.saturating_add(bytes.len());
        self.control.push_back(bytes);
        self.waits_since.get_or_insert(now);
    }

    fn queue(&mut self, source: LinkId, cut: Cut, now: Instant) {
        let queue = self.queues.entry(source).or_default();
        if queue.is_empty() {
            self.turns.push_back(source);
        }
        queue.push_back(cut);
        self.waits_since.get_or_insert(now);
    }

    /// The next chunk: one of each in turn.
    fn next_cut(&mut self) -> Option<(LinkId, Cut)> {
        let source = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&source)?;
        let cut = queue.pop_front();
        match queue.is_empty() {
            true => {
                self.queues.remove(&source);
            }
            false => self.turns.push_back(source),
        }
        Some((source, cut?))
    }
}

impl Relay {
    /// Queues a response, a report or another request that goes before chunks.
    pub(super) fn control(&mut self, cx: &mut Cx<'_>, to: LinkId, bytes: Bytes) {
        if let Some(link) = self.links.get_mut(to.0) {
            link.control(bytes, cx.now);
            if let Some(conn) = link.conn.filter(|_| link.up) {
                cx.outbox.flush(conn);
            }
        }
    }

    /// Queues a chunk that came on `source`.
    pub(super) fn queue(&mut self, cx: &mut Cx<'_>, source: LinkId, to: LinkId, cut: Cut) {
        let size = cut.size();
        let Some(link) = self.links.get_mut(to.0) else {
            return self.failed(cx, source, cut.kind);
        };
        link.queue(source, cut, cx.now);
        if let Some(conn) = link.conn.filter(|_| link.up) {
            cx.outbox.flush(conn);
        }
        if let Some(source) = self.links.get_mut(source.0) {
            source.held = source.held.saturating_add(size);
        }
    }

    pub(super) fn next_bytes(
        &mut self,
        cx: &mut Cx<'_>,
        id: LinkId,
        conn: ConnId,
    ) -> Option<Bytes> {
        let link = self.links.get_mut(id.0)?;
        if let Some(web) = link.web.as_mut()
            && link.out.is_empty()
        {
            // Its handshake goes before it is up, and nothing goes after the last words.
            let own = web.take();
            if own.is_some() || web.parted {
                return own;
            }
        }
        let link = Some(link).filter(|link| link.up)?;
        if let Some(bytes) = link.out.pop_front() {
            return Some(bytes);
        }
        if let Some(web) = &link.web
            && let Some(one) = link.control.pop_front()
        {
            // Each is a message of its own (RFC 7977 §5.1).
            link.control_bytes = link.control_bytes.saturating_sub(one.len());
            show(cx, conn, Direction::Out, || one.clone());
            web.wrap(cx.ids, &[one], &mut link.out);
            return link.out.pop_front();
        }
        if let Some(first) = link.control.pop_front() {
            let mut all = BytesMut::from(&first[..]);
            while all.len() < WRITE
                && let Some(next) = link.control.pop_front()
            {
                all.extend_from_slice(&next);
            }
            link.control_bytes = link.control_bytes.saturating_sub(all.len());
            let bytes = all.freeze();
            show(cx, conn, Direction::Out, || bytes.clone());
            return Some(bytes);
        }
        if link.in_flight >= cx.limits.msrp_in_flight {
            return None;
        }
        let Some((source, cut)) = link.next_cut() else {
            link.waits_since = None;
            return None;
        };
        let size = cut.size();
        show(cx, conn, Direction::Out, || {
            [&cut.head[..], &cut.body, &cut.end].concat().into()
        });
        let first = match cut.body.len() < WRITE {
            _ if link.web.is_some() => {
                let chunk = [cut.head, cut.body, cut.end];
                if let Some(web) = &link.web {
                    web.wrap(cx.ids, &chunk, &mut link.out);
                }
                link.out.pop_front().unwrap_or_default()
            }
            // One small write instead of three.
            true => [&cut.head[..], &cut.body, &cut.end].concat().into(),
            false => {
                link.out.extend([cut.body, cut.end]);
                cut.head
            }
        };
        if link.is_drained() {
            link.waits_since = None;
        }
        if let Some(source) = self.links.get_mut(source.0) {
            source.held = source.held.saturating_sub(size);
        }
        if let Some(kind) = cut.kind {
            self.register(cx, id, source, cut.transaction_id, kind);
        }
        Some(first)
    }

    /// A connection is gone, and with it the URIs of its clients and what waited for it.
    pub(super) fn lose(&mut self, cx: &mut Cx<'_>, id: LinkId) {
        let Some(mut link) = self.links.remove(id.0) else {
            return;
        };
        if let Some(conn) = link.conn {
            self.by_conn.remove(&conn);
        }
        if let Some(hop) = &link.hop {
            self.by_hop.remove(hop);
        }
        self.timers.cancel(&Timer::Check(id));
        self.timers.cancel(&Timer::Unanswered(id));
        for binding in std::mem::take(&mut link.peers) {
            if let Some(binding) = self.bindings.get_mut(binding.0) {
                binding.peer = None;
            }
        }
        // What it was in the middle of sending is given up for it.
        if let Some(forward) = link.forward.take() {
            self.abandon(cx, id, *forward);
        }
        for (source, cut) in link.take_queues() {
            if let Some(source) = self.links.get_mut(source.0) {
                source.held = source.held.saturating_sub(cut.size());
            }
            self.failed(cx, source, cut.kind);
        }
        for (_, transaction_id) in std::mem::take(&mut link.unanswered) {
            if let Some(pending) = self.pending.remove(&transaction_id) {
                self.failed(cx, pending.source, Some(pending.kind));
            }
        }
        for binding in link.clients {
            self.unbind(binding);
        }
    }
}

/// What a waiting chunk costs besides its bytes.
const OVERHEAD: usize = 256;

/// How much is put into one write.
const WRITE: usize = 16 * 1024;
