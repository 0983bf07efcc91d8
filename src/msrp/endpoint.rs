//! The endpoint: connections and the sessions on them.

use super::connection::{Connection, Dial};
use super::error::{Full, SendError};
use super::event::{Down, Event, Receipt};
use super::msg::{Status, Uri, is_value};
use super::outbound::Transaction;
use super::sender::Sending;
use super::session::{Outgoing, Role, SendId, Session, SessionId, Settings};
use crate::engine::{ConnId, Cx, Ids, Map, Protocol, QuestionId, Slab, Timers, Transport};
use crate::wire::Text;
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// How an endpoint presents itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The address at which peers reach our listener, where there is one.
    pub listen: Option<SocketAddr>,
    /// The address at which peers reach our listener for TLS, where there is one.
    pub listen_secure: Option<SocketAddr>,
    /// The host that our URIs name; the address of `listen` if `None`.
    pub host: Option<Text>,
    /// Whether our URIs say `msrps`.
    pub secure: bool,
}

/// The MSRP machine of a node (RFC 4975).
///
/// A session is made by [`open`](Self::open), which gives the path for the SDP, and started by [`start`](Self::start)
/// when the peer's path is known. Its last event is [`Event::Down`].
#[derive(Debug)]
pub struct Endpoint {
    pub(super) config: Config,
    pub(super) sessions: Slab<Session>,
    /// By our session-id. The look-up is by a keyed hash, so its time tells a guesser nothing.
    pub(super) by_id: Map<Text, SessionId>,
    pub(super) sends: Slab<Sending>,
    pub(super) conns: Map<ConnId, Connection>,
    pub(super) dials: Map<Dial, ConnId>,
    /// Requests that wait for a response, by transaction id.
    pub(super) transactions: Map<Text, Transaction>,
    resolving: Map<QuestionId, SessionId>,
    pub(super) timers: Timers<Timer>,
    pub(super) events: VecDeque<Event>,
    /// Bytes under reassembly in all sessions.
    pub(super) reassembly: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Nobody has bound a connection to the session, or ours is not up.
    Unbound(SessionId),
    /// Chunks of its messages are missing.
    Partial(SessionId),
    /// The connection is silent in the middle of a chunk, or unused.
    Silent(ConnId),
    /// The oldest request on the connection has no response.
    Unanswered(ConnId),
    /// A relay has to be asked again.
    Relay(SessionId, usize),
}

impl Endpoint {
    /// An endpoint without sessions.
    pub fn new(config: Config, ids: &mut Ids) -> Self {
        Self {
            config,
            sessions: Slab::new(),
            by_id: ids.map(),
            sends: Slab::new(),
            conns: ids.map(),
            dials: ids.map(),
            transactions: ids.map(),
            resolving: ids.map(),
            timers: Timers::new(ids),
            events: VecDeque::new(),
            reassembly: 0,
        }
    }

    /// Says that peers reach us at `local`. The first listener is the one that our paths name.
    pub fn add_listener(&mut self, transport: Transport, local: SocketAddr) {
        match transport {
            Transport::Tls => self.config.listen_secure.get_or_insert(local),
            _ => self.config.listen.get_or_insert(local),
        };
        self.config.secure = self.config.listen.is_none();
    }

    /// Whether peers can reach us over TLS.
    pub const fn is_reached_securely(&self) -> bool {
        self.config.listen_secure.is_some()
    }

    /// Makes a session with a session-id of its own. Its path goes into the SDP; [`start`](Self::start) follows when
    /// the peer's path is known.
    ///
    /// # Errors
    ///
    /// There are too many sessions.
    pub fn open(&mut self, cx: &mut Cx<'_>, settings: Settings) -> Result<SessionId, Full> {
        if self.by_id.len() >= cx.limits.msrp_sessions {
            return Err(Full);
        }
        let id = cx.ids.session_id();
        let local = self.local_uri(&settings, &id).ok_or(Full)?;
        let session = SessionId(self.sessions.insert(Session::new(settings, local)));
        self.by_id.insert(id, session);
        Ok(session)
    }

    /// The path for our `a=path`. Its port is that of the listener, or 9 where we have none and can only be active
    /// (RFC 6135). Before it stand the relays that have agreed to serve the session.
    pub fn local_path(&self, session: SessionId) -> Option<Vec<Uri>> {
        let state = self.sessions.get(session.0)?;
        let relays = state
            .relays
            .iter()
            .flat_map(|relays| relays.outward().rev());
        Some(relays.chain([&state.local]).cloned().collect())
    }

    /// The session's settings. What is in our URI is fixed; `a=max-size` of the peer may come later.
    pub fn settings_mut(&mut self, session: SessionId) -> Option<&mut Settings> {
        Some(&mut self.sessions.get_mut(session.0)?.settings)
    }

    /// Starts a session: the peer's path is known, and who opens the connection (RFC 4975 §5.4, RFC 6135). Once more
    /// for a session that has started, it only replaces the peer's path.
    pub fn start(&mut self, cx: &mut Cx<'_>, session: SessionId, peer_path: Vec<Uri>, role: Role) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        if let Some(relays) = &mut state.relays
            && !relays.agreed
        {
            relays.start = Some((peer_path, role));
            return;
        }
        let Some(path) = state.through_relays(peer_path) else {
            return self.end(cx, session, Down::Unresolvable);
        };
        let started = state.peer.replace(path.compact()).is_some();
        if started {
            return;
        }
        state.active = matches!(role, Role::Active { .. });
        match role {
            // Who is reached through relays has a connection already, but the peer may not.
            Role::Passive if state.relays.is_some() => {
                let known = path.last();
                let any = state.settings.match_by_id_only;
                match state.early.take() {
                    Some(early) if any || early.matches(&known) => {
                        self.up(session);
                        self.make_ready(cx, session);
                    }
                    _ => self.watch(cx, session),
                }
            }
            Role::Active { .. } if state.relays.is_some() => {
                if let Some(conn) = state.conn {
                    self.bind(cx, conn, session);
                }
            }
            Role::Passive => {
                // The peer may have been faster than the SIP message that brought its path.
                let known = path.last();
                let early = state.early.take();
                let is_peer = state.settings.match_by_id_only
                    || early.is_none_or(|early| early.matches(&known));
                match state.conn {
                    Some(_) if is_peer => {
                        self.up(session);
                        // What was queued before could not be sent while nobody knew to whom.
                        self.make_ready(cx, session);
                    }
                    conn => {
                        state.conn = None;
                        if let Some(conn) = conn {
                            self.leave(cx, conn, session);
                        }
                        self.watch(cx, session);
                    }
                }
            }
            Role::Active { peer } => {
                self.watch(cx, session);
                self.find(cx, session, path.first(), peer);
            }
        }
    }

    /// Opens a connection to the next hop of a session, at `peer` or at the address of its name.
    pub(super) fn find(
        &mut self,
        cx: &mut Cx<'_>,
        session: SessionId,
        hop: &Uri,
        peer: Option<SocketAddr>,
    ) {
        let port = hop.port().unwrap_or(DEFAULT_PORT);
        match peer.or_else(|| Some(SocketAddr::new(hop.address()?, port))) {
            Some(peer) => self.dial(cx, session, peer),
            None => {
                let question = cx.outbox.resolve(Text::from(hop.host()));
                if let Some(state) = self.sessions.get_mut(session.0) {
                    state.question = Some(question);
                }
                self.resolving.insert(question, session);
            }
        }
    }

    /// Queues a message. Chunks are cut when the connection can take them; what was queued before the session is up
    /// waits for it.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub fn send(
        &mut self,
        cx: &mut Cx<'_>,
        session: SessionId,
        message: Outgoing,
    ) -> Result<SendId, SendError> {
        let state = self.sessions.get_mut(session.0).ok_or(SendError::Closed)?;
        let max = state.settings.peer_max_size.unwrap_or(u64::MAX);
        if message.body.len() as u64 > max {
            return Err(SendError::TooLarge);
        }
        let is_id = |id: &Text| is_value(id) && !id.contains(' ');
        if !is_value(&message.content_type) || !message.id.as_ref().is_none_or(is_id) {
            return Err(SendError::Unwritable);
        }
        if state.queue.len() >= cx.limits.msrp_send_queue {
            (state.full, state.low_water) = (true, cx.limits.msrp_send_queue / 2);
            return Err(SendError::Full);
        }
        let message_id = message.id.clone().unwrap_or_else(|| cx.ids.message_id());
        let id = SendId(
            self.sends
                .insert(Sending::new(session, message, message_id)),
        );
        state.queue.push_back(id);
        self.make_ready(cx, session);
        Ok(id)
    }

    /// Gives up a message: what has not been cut yet is not sent, and the peer is told by the `#` flag. No event follows.
    pub fn cancel(&mut self, cx: &mut Cx<'_>, id: SendId) {
        self.drop_send(cx, id);
    }

    /// The Message-ID of a message that is on its way.
    pub fn message_id(&self, id: SendId) -> Option<&Text> {
        Some(&self.sends.get(id.0)?.id)
    }

    /// How many bytes of a message have been handed to its connection, and how many there are.
    pub fn progress(&self, id: SendId) -> Option<(u64, u64)> {
        let sending = self.sends.get(id.0)?;
        Some((sending.offset as u64, sending.message.body.len() as u64))
    }

    /// Takes custody of a received message: the 200 for its last chunk goes out, and a success report if one was asked
    /// for (RFC 4975 §7.1.2).
    pub fn accept(&mut self, cx: &mut Cx<'_>, receipt: Receipt) {
        self.settle(cx, &receipt, Status::OK);
    }

    /// Refuses a received message.
    pub fn refuse(&mut self, cx: &mut Cx<'_>, receipt: Receipt, status: Status) {
        self.settle(cx, &receipt, status);
    }

    /// Ends a session at once. What was not confirmed comes back as [`Event::Failed`], then [`Event::Down`] follows.
    pub fn close(&mut self, cx: &mut Cx<'_>, session: SessionId) {
        self.end(cx, session, Down::Closed);
    }

    /// A peer has opened a connection to our listener.
    pub fn handle_accepted(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        if self.conns.len() >= cx.limits.msrp_connections {
            return cx.outbox.close(conn);
        }
        self.conns.insert(conn, Connection::new(None, cx));
        self.watch_conn(cx, conn);
    }

    /// A connection that we asked for is up.
    pub fn handle_connected(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        connection.up = true;
        let sessions: Vec<SessionId> = connection.sessions.iter().copied().collect();
        for session in sessions {
            self.bind(cx, conn, session);
        }
        self.watch_conn(cx, conn);
    }

    /// A connection could not be opened, or has ended.
    pub fn handle_closed(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        self.lose(cx, conn);
    }

    /// Addresses of a host name, the preferred one first. `false`: the question was not ours.
    pub fn handle_resolved(
        &mut self,
        cx: &mut Cx<'_>,
        question: QuestionId,
        addresses: &[IpAddr],
    ) -> bool {
        let Some(session) = self.resolving.remove(&question) else {
            return false;
        };
        let port = self
            .sessions
            .get(session.0)
            .and_then(|state| state.next_hop()?.port());
        match addresses.first() {
            Some(address) => {
                let peer = SocketAddr::new(*address, port.unwrap_or(DEFAULT_PORT));
                self.dial(cx, session, peer);
            }
            None => self.end(cx, session, Down::Unresolvable),
        }
        true
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        while let Some(timer) = self.timers.pop(cx.now) {
            match timer {
                Timer::Unbound(session) => {
                    let why = match self.sessions.get(session.0) {
                        Some(state) if state.active => Down::Connection,
                        _ => Down::Unbound,
                    };
                    self.end(cx, session, why);
                }
                Timer::Partial(session) => self.sweep(cx, session),
                Timer::Silent(conn) => self.silent(cx, conn),
                Timer::Unanswered(conn) => self.unanswered(cx, conn),
                Timer::Relay(session, relay) => self.renew(cx, session, relay),
            }
        }
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next bytes for a connection, cut now. `None`: nothing waits.
    pub fn poll_stream(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> Option<Bytes> {
        let next = self.next_bytes(cx, conn);
        if next.is_none()
            && self
                .conns
                .get(&conn)
                .is_some_and(|connection| connection.closing)
        {
            self.hang_up(cx, conn);
        }
        next
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Whether bytes of this connection should be read: not while its peer leaves our answers unread, or we leave its
    /// messages unanswered.
    pub fn wants_read(&self, conn: ConnId) -> bool {
        self.conns.get(&conn).is_none_or(Connection::wants_read)
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    fn local_uri(&self, settings: &Settings, id: &str) -> Option<Uri> {
        let secure = settings.secure.unwrap_or(self.config.secure);
        let listen = match secure {
            true => self.config.listen_secure,
            false => self.config.listen,
        };
        let port = listen.map_or(DISCARD_PORT, |addr| addr.port());
        let address = listen.map(|addr| addr.ip().to_string());
        let host = settings.host.as_deref().or(self.config.host.as_deref());
        [host, address.as_deref(), Some("localhost")]
            .into_iter()
            .flatten()
            .find_map(|host| Uri::new(secure, host, Some(port), Some(id)).ok())
    }

    /// Gives a session a connection to `peer`: one that leads there already, or a new one.
    fn dial(&mut self, cx: &mut Cx<'_>, session: SessionId, peer: SocketAddr) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        let Some(uri) = state.next_hop() else {
            return;
        };
        let dial = Dial {
            peer,
            secure: uri.is_secure(),
            name: (uri.is_secure() && uri.address().is_none()).then(|| Text::from(uri.host())),
        };
        let conn = match self.dials.get(&dial) {
            Some(conn) => *conn,
            None if self.conns.len() >= cx.limits.msrp_connections => {
                return self.end(cx, session, Down::Connection);
            }
            None => {
                let transport = if dial.secure {
                    Transport::Tls
                } else {
                    Transport::Tcp
                };
                let conn = cx
                    .outbox
                    .connect(Protocol::Msrp, transport, peer, dial.name.clone());
                self.dials.insert(dial.clone(), conn);
                self.conns.insert(conn, Connection::new(Some(dial), cx));
                conn
            }
        };
        state.conn = Some(conn);
        if let Some(connection) = self.conns.get_mut(&conn) {
            connection.sessions.insert(session);
            connection.closing = false;
            if connection.up {
                self.bind(cx, conn, session);
            }
        }
    }

    /// A connection is bound to a started session.
    pub(super) fn up(&mut self, session: SessionId) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        if state.up || state.peer.is_none() {
            return;
        }
        state.up = true;
        self.timers.cancel(&Timer::Unbound(session));
        self.events.push_back(Event::Up { session });
    }

    pub(super) fn watch(&mut self, cx: &Cx<'_>, session: SessionId) {
        if let Some(at) = cx.now.checked_add(cx.limits.msrp_idle) {
            self.timers.set(Timer::Unbound(session), at);
        }
    }

    /// Sees to it that a connection is looked at when it is due.
    pub(super) fn watch_conn(&mut self, cx: &Cx<'_>, conn: ConnId) {
        let timer = Timer::Silent(conn);
        if self.timers.get(&timer).is_none()
            && let Some(connection) = self.conns.get(&conn)
            && let Some(at) = connection.deadline(cx.limits)
        {
            self.timers.set(timer, at);
        }
    }

    fn silent(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        let wants_read = self.wants_read(conn);
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        if !wants_read {
            // It is us who do not read.
            (connection.last_data, connection.head_since) = (cx.now, None);
        }
        match connection.deadline(cx.limits) {
            Some(at) if at <= cx.now => {
                self.lose(cx, conn);
                cx.outbox.close(conn);
            }
            _ => self.watch_conn(cx, conn),
        }
    }

    /// A connection is gone, and its sessions with it.
    pub(super) fn lose(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        let Some(connection) = self.conns.remove(&conn) else {
            return;
        };
        if let Some(dial) = &connection.dial {
            self.dials.remove(dial);
        }
        for (_, transaction_id) in &connection.pending {
            self.transactions.remove(transaction_id);
        }
        self.timers.cancel(&Timer::Silent(conn));
        self.timers.cancel(&Timer::Unanswered(conn));
        for session in connection.sessions {
            self.end(cx, session, Down::Connection);
        }
    }

    /// The end of a session: what it owed is forgotten, what was not confirmed has failed.
    pub(super) fn end(&mut self, cx: &mut Cx<'_>, session: SessionId, why: Down) {
        let Some(state) = self.sessions.remove(session.0) else {
            return;
        };
        if let Some(id) = state.local.session_id() {
            self.by_id.remove(id);
        }
        self.timers.cancel(&Timer::Unbound(session));
        self.timers.cancel(&Timer::Partial(session));
        for relay in 0..state.relays.as_ref().map_or(0, |relays| relays.len()) {
            self.timers.cancel(&Timer::Relay(session, relay));
        }
        if let Some(question) = state.question {
            self.resolving.remove(&question);
        }
        let held: usize = state
            .partials
            .iter()
            .map(super::receiver::Partial::charged)
            .sum();
        self.reassembly = self.reassembly.saturating_sub(held);
        let status = match why {
            Down::Rejected(status) => status,
            _ => Status::TIMEOUT,
        };
        for id in state.queue {
            self.sends.remove(id.0);
            self.events.push_back(Event::Failed {
                session,
                id,
                status,
            });
        }
        self.events.push_back(Event::Down { session, why });
        if let Some(conn) = state.conn {
            if let Some(connection) = self.conns.get_mut(&conn) {
                connection.owed = connection.owed.saturating_sub(state.owed.len());
            }
            self.leave(cx, conn, session);
        }
    }

    /// Takes a session off its connection; the last one of a connection that we opened closes it.
    fn leave(&mut self, cx: &mut Cx<'_>, conn: ConnId, session: SessionId) {
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        connection.sessions.remove(&session);
        if !connection.sessions.is_empty() {
            return;
        }
        connection.empty_since = cx.now;
        if connection.dial.is_some() {
            connection.closing = true;
            if connection.is_drained() || !connection.up {
                self.hang_up(cx, conn);
                return;
            }
        }
        self.watch_conn(cx, conn);
    }

    /// Closes a connection that nobody uses.
    pub(super) fn hang_up(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        self.lose(cx, conn);
        cx.outbox.close(conn);
    }
}

/// The registered port of MSRP.
const DEFAULT_PORT: u16 = 2855;

/// The port of who does not listen (RFC 6135).
const DISCARD_PORT: u16 = 9;
