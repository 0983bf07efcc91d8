//! The transports: connections by address, the bytes that wait for them, and the Via of responses
//! (RFC 3261 §18, RFC 3581).

use super::sending::Candidate;
use super::server::source_of;
use super::{Config, HERE, Source};
use crate::engine::{ConnId, Cx, Direction, Ids, Key, Map, Protocol, Sighting, Transport};
use crate::sip::msg::header::Contact;
use crate::sip::msg::{Framer, Headers, Name, Request};
use crate::wire::Text;
use crate::wire::host::{Host, HostPort};
use crate::wire::websocket::Channel;
use bytes::Bytes;
use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) transport: Transport,
    /// Our address, which stands in Via and Contact.
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    /// The connection; `None` for datagrams.
    pub(super) conn: Option<ConnId>,
    /// The socket that a datagram must leave from, for a flow.
    pub(super) from: Option<SocketAddr>,
}

impl Hop {
    /// Adds our Via, which asks for the port that we are seen at (RFC 3581 §3).
    pub(super) fn write_via(&self, request: &mut Request, branch: &str) {
        let sent_by = HostPort::from(self.local);
        request.headers_mut().prepend_with(&Name::Via, |out| {
            out.push_str("SIP/2.0/");
            out.push_str(self.transport.name());
            out.push(' ');
            sent_by.write(out);
            out.push_str(";branch=");
            out.push_str(branch);
            out.push_str(";rport");
        });
    }

    /// Whether a Via with this sent-by is ours (RFC 3261 §18.1.2).
    pub(super) fn is_sent_by(&self, sent_by: &str) -> bool {
        sent_by
            .parse::<HostPort>()
            .is_ok_and(|sent_by| sent_by == HostPort::from(self.local))
    }

    /// Whether both lead over one connection, or between the same addresses.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        match (self.conn, other.conn) {
            (None, None) => self.transport == other.transport && self.peer == other.peer,
            (one, other) => one == other,
        }
    }

    /// Writes our address into a Contact that asks for it; see [`HERE`](super::HERE).
    pub(super) fn fill_contact(&self, headers: &mut Headers) {
        if !headers
            .texts(&Name::Contact)
            .any(|contact| contact.contains(HERE))
        {
            return;
        }
        let contacts: Vec<_> = headers.all::<Contact>().filter_map(Result::ok).collect();
        headers.remove(&Name::Contact);
        for mut contact in contacts {
            if let Contact::Address(address) = &mut contact
                && let Some(uri) = address.uri.as_sip_mut()
                && matches!(&uri.host.host, Host::Name(name) if name.eq_ignore_ascii_case(HERE))
            {
                uri.host = HostPort::from(self.local);
                match self.transport {
                    Transport::Udp => uri.params.remove("transport"),
                    other => uri.set_param("transport", Some(other.param())),
                }
            }
            headers.push(&contact);
        }
    }
}

/// What a connection is found by. The name is that of the certificate, so that two identities never share a
/// connection (RFC 5922).
type Road = (Transport, SocketAddr, Option<Text>);

/// What shall hear of it when a connection comes up or breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Watcher {
    /// A request that waits for the connection.
    Sending(Key),
    /// A client transaction on it.
    Client(Key),
}

/// The SIP connections of a node.
#[derive(Debug)]
pub(super) struct Net {
    all: Map<ConnId, Stream>,
    outgoing: Map<Road, ConnId>,
    /// How many connections each source has opened.
    accepted: Map<IpAddr, usize>,
    /// Those that peers have opened, the oldest first; who has said something meanwhile may still be in it.
    silent: VecDeque<ConnId>,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) framer: Framer,
    /// What reads and writes instead, if it is a WebSocket.
    pub(super) web: Option<Box<Channel>>,
    /// Whether only last words are to leave.
    pub(super) closing: bool,
    /// What waits, and whether it answers something.
    queue: VecDeque<(Bytes, bool)>,
    queued: usize,
    road: Option<Road>,
    is_up: bool,
    watchers: BTreeSet<Watcher>,
    /// When it was last used, either way.
    pub(super) used: Instant,
    /// Who opened it, if it was not us.
    source: Option<IpAddr>,
    /// Whether the peer has ever answered a keep-alive, and whether one waits for its answer.
    pub(super) pongs: bool,
    pub(super) pinged: bool,
    /// Since when a message waits for its rest.
    pub(super) partial: Option<Instant>,
    /// Whether it ever carried a message to us.
    pub(super) heard: bool,
    /// Bytes of responses in the queue.
    answers: usize,
    /// Whether the peer asks more than it reads answers.
    pub(super) congested: bool,
    /// How often something was pulled, and how often it was when the peer was last seen not to read.
    pulls: u64,
    stuck: Option<u64>,
}

impl Stream {
    fn new(now: Instant, road: Option<Road>, is_up: bool) -> Self {
        Self {
            framer: Framer::default(),
            web: None,
            closing: false,
            queue: VecDeque::new(),
            queued: 0,
            road,
            is_up,
            watchers: BTreeSet::new(),
            used: now,
            source: None,
            pongs: false,
            pinged: false,
            partial: None,
            heard: false,
            answers: 0,
            congested: false,
            pulls: 0,
            stuck: None,
        }
    }

    /// Notes that the peer does not read. `true` the first time.
    pub(super) fn is_newly_stuck(&mut self) -> bool {
        let is_new = self.congested && self.stuck.is_none();
        if is_new {
            self.stuck = Some(self.pulls);
        }
        is_new
    }

    /// Whether the peer has read nothing since it was last noted that it does not.
    pub(super) fn is_still_stuck(&mut self) -> bool {
        let before = std::mem::take(&mut self.stuck);
        if self.congested {
            self.stuck = Some(self.pulls);
        }
        self.congested && before == Some(self.pulls)
    }

    /// Whether we opened it.
    pub(super) const fn outgoing(&self) -> bool {
        self.road.is_some()
    }
}

/// The answer to a keep-alive (RFC 5626 §4.4.1).
pub(super) const PONG: &[u8] = b"\r\n";

/// Whether this is a response.
fn is_answer(message: &[u8]) -> bool {
    message.starts_with(b"SIP/")
}

impl Net {
    pub(super) fn new(ids: &mut Ids) -> Self {
        Self {
            all: ids.map(),
            outgoing: ids.map(),
            accepted: ids.map(),
            silent: VecDeque::new(),
        }
    }

    /// A connection to `peer`: the one that there is, or a new one. `None` if there are too many.
    pub(super) fn open(
        &mut self,
        cx: &mut Cx<'_>,
        transport: Transport,
        peer: SocketAddr,
        name: Option<Text>,
    ) -> Option<ConnId> {
        // Where nobody has to prove a name, it makes no difference.
        let road = (
            transport,
            peer,
            name.filter(|_| transport.is_secure() || transport.is_web()),
        );
        if let Some(&conn) = self.outgoing.get(&road) {
            return Some(conn);
        }
        if self.all.len() >= cx.limits.sip_connections {
            return None;
        }
        let conn = cx
            .outbox
            .connect(Protocol::Sip, transport, peer, road.2.clone());
        self.all
            .insert(conn, Stream::new(cx.now, Some(road.clone()), false));
        self.outgoing.insert(road, conn);
        Some(conn)
    }

    /// Whether the opener of a connection has as many already as one source may have.
    pub(super) fn is_greedy(&self, cx: &Cx<'_>, conn: ConnId) -> bool {
        let source = cx.outbox.conn(conn).map(|known| source_of(known.peer.ip()));
        let open = source.and_then(|source| self.accepted.get(&source));
        open.is_some_and(|open| *open >= cx.limits.sip_source_connections)
    }

    /// A connection that a peer has opened. `false` if there are too many.
    pub(super) fn accepted(&mut self, cx: &Cx<'_>, conn: ConnId) -> bool {
        if self.all.len() >= cx.limits.sip_connections {
            return false;
        }
        let mut stream = Stream::new(cx.now, None, true);
        if let Some(known) = cx.outbox.conn(conn) {
            let source = source_of(known.peer.ip());
            let open = self.accepted.entry(source).or_default();
            *open += 1;
            stream.source = Some(source);
        }
        if (cx.outbox.conn(conn)).is_some_and(|known| known.transport.is_web()) {
            stream.web = Some(super::web::server());
        }
        self.all.insert(conn, stream);
        // What has ended or spoken does not stay for long.
        if self.silent.len() > 2 * self.all.len() + 64 {
            let all = &self.all;
            (self.silent).retain(|conn| all.get(conn).is_some_and(|stream| !stream.heard));
        }
        self.silent.push_back(conn);
        true
    }

    /// The oldest connection that a peer has opened and said nothing on, if there are as many as there may be: it makes
    /// way for a new one.
    pub(super) fn oldest_silent(&mut self, cx: &Cx<'_>) -> Option<ConnId> {
        if self.all.len() < cx.limits.sip_connections {
            return None;
        }
        while let Some(conn) = self.silent.pop_front() {
            if self.all.get(&conn).is_some_and(|stream| !stream.heard) {
                return Some(conn);
            }
        }
        None
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many sources have opened connections.
    pub(super) fn sources(&self) -> usize {
        self.accepted.len()
    }

    pub(super) fn get(&self, conn: ConnId) -> Option<&Stream> {
        self.all.get(&conn)
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Stream> {
        self.all.get_mut(&conn)
    }

    /// Forgets a connection; gives back whether it was up and who is to hear of its end.
    pub(super) fn remove(&mut self, conn: ConnId) -> Option<(bool, Vec<Watcher>)> {
        let stream = self.all.remove(&conn)?;
        if let Some(source) = stream.source
            && let Some(open) = self.accepted.get_mut(&source)
        {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.accepted.remove(&source);
            }
        }
        if let Some(road) = &stream.road
            && self.outgoing.get(road) == Some(&conn)
        {
            self.outgoing.remove(road);
        }
        Some((stream.is_up, stream.watchers.into_iter().collect()))
    }

    /// A connection that we asked for is up; gives back who waits for it.
    pub(super) fn connected(&mut self, conn: ConnId) -> Vec<Watcher> {
        let Some(stream) = self.all.get_mut(&conn) else {
            return Vec::new();
        };
        stream.is_up = true;
        std::mem::take(&mut stream.watchers).into_iter().collect()
    }

    /// The name that the certificate of a connection's peer had to have.
    pub(super) fn name(&self, conn: ConnId) -> Option<Text> {
        self.all.get(&conn)?.road.as_ref()?.2.clone()
    }

    /// Has `watcher` told about the connection.
    pub(super) fn watch(&mut self, conn: ConnId, watcher: Watcher) {
        if let Some(stream) = self.all.get_mut(&conn) {
            stream.watchers.insert(watcher);
        }
    }

    pub(super) fn unwatch(&mut self, conn: ConnId, watcher: Watcher) {
        if let Some(stream) = self.all.get_mut(&conn) {
            stream.watchers.remove(&watcher);
        }
    }

    /// The way back to the sender of a message, unless its connection is gone.
    pub(super) fn flow(&self, config: &Config, source: &Source) -> Option<Candidate> {
        if let Some(conn) = source.conn {
            self.all.get(&conn)?;
        }
        let local = config
            .listener(source.transport, source.peer)
            .unwrap_or(source.local);
        Some(Candidate {
            transport: source.transport,
            peer: source.peer,
            name: None,
            flow: Some(Hop {
                transport: source.transport,
                local,
                peer: source.peer,
                conn: source.conn,
                from: source.conn.is_none().then_some(source.local),
            }),
            any_size: true,
        })
    }

    /// The way to `peer` by datagrams, if we listen for the responses.
    pub(super) fn datagram_hop(&self, config: &Config, peer: SocketAddr) -> Option<Hop> {
        Some(Hop {
            transport: Transport::Udp,
            local: config.listener(Transport::Udp, peer)?,
            peer,
            conn: None,
            from: None,
        })
    }

    /// The way over a connection, once it is up.
    pub(super) fn stream_hop(&self, config: &Config, cx: &Cx<'_>, conn: ConnId) -> Option<Hop> {
        let stream = self.all.get(&conn)?;
        let known = cx.outbox.conn(conn)?;
        if !stream.is_up {
            return None;
        }
        let local = config
            .listener(known.transport, known.peer)
            .or(known.local)?;
        Some(Hop {
            transport: known.transport,
            local,
            peer: known.peer,
            conn: Some(conn),
            from: None,
        })
    }

    /// Queues bytes for a connection. `false` if it is gone, or reads too slowly.
    pub(super) fn push(&mut self, cx: &mut Cx<'_>, conn: ConnId, bytes: Bytes) -> bool {
        let Some(stream) = self.all.get_mut(&conn) else {
            return false;
        };
        // One answer is enough for any number of keep-alives of a peer that does not read.
        if bytes == PONG && stream.queue.back().is_some_and(|(last, _)| last == PONG) {
            return true;
        }
        let answers = is_answer(&bytes);
        let bytes = match &stream.web {
            Some(web) => web.wrap(cx.ids, &bytes),
            None => bytes,
        };
        self.push_raw(cx, conn, bytes, answers)
    }

    /// Queues a keep-alive (RFC 5626 §4.4.1, RFC 7118 §6).
    pub(super) fn ping(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> bool {
        let ping = match self.all.get(&conn).and_then(|stream| stream.web.as_ref()) {
            Some(web) => web.ping(cx.ids),
            None => Bytes::from_static(b"\r\n\r\n"),
        };
        self.push_raw(cx, conn, ping, false)
    }

    /// Queues bytes as they are.
    pub(super) fn push_raw(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        bytes: Bytes,
        answers: bool,
    ) -> bool {
        let Some(stream) = self.all.get_mut(&conn) else {
            return false;
        };
        let queued = stream.queued.saturating_add(bytes.len());
        if queued > cx.limits.sip_send_queue {
            return false;
        }
        stream.queued = queued;
        // Only what the peer asked for counts: two ends that stopped reading because each has much to ask
        // would wait for each other.
        if answers {
            stream.answers = stream.answers.saturating_add(bytes.len());
            stream.congested |= stream.answers > cx.limits.sip_send_queue / 2;
        }
        stream.queue.push_back((bytes, answers));
        stream.used = cx.now;
        cx.outbox.flush(conn);
        true
    }

    /// The next bytes for a connection.
    pub(super) fn pull(&mut self, conn: ConnId) -> Option<Bytes> {
        let stream = self.all.get_mut(&conn)?;
        let (bytes, answers) = stream.queue.pop_front()?;
        stream.pulls = stream.pulls.wrapping_add(1);
        stream.queued = stream.queued.saturating_sub(bytes.len());
        if answers {
            stream.answers = stream.answers.saturating_sub(bytes.len());
        }
        if stream.answers == 0 {
            stream.congested = false;
            stream.stuck = None;
        }
        Some(bytes)
    }

    /// Sends a message. `false` if it cannot go.
    pub(super) fn send(&mut self, cx: &mut Cx<'_>, hop: &Hop, bytes: Bytes) -> bool {
        let sent = match hop.conn {
            Some(conn) => self.push(cx, conn, bytes.clone()),
            None => {
                cx.outbox.datagram(hop.from, hop.peer, bytes.clone());
                true
            }
        };
        if sent {
            let at = cx.wall();
            cx.outbox.show(|| Sighting {
                at,
                direction: Direction::Out,
                protocol: Protocol::Sip,
                transport: hop.transport,
                local: hop.local,
                peer: hop.peer,
                bytes,
            });
        }
        sent
    }
}
