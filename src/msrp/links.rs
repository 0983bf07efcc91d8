//! Connections: opened, shared by sessions, watched and given up.

use super::connection::{Connection, Dial, Proof};
use super::endpoint::{DEFAULT_PORT, Endpoint, Timer};
use super::event::{Down, Event};
use super::msg::{Status, Uri};
use super::pending::What;
use super::session::SessionId;
use super::web::Web;
use crate::engine::{ConnId, Cx, Protocol, QuestionId};
use crate::wire::Text;
use std::net::{IpAddr, SocketAddr};

impl Endpoint {
    /// A peer has opened a connection to our listener.
    pub fn handle_accepted(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        if self.conns.len() >= cx.limits.msrp_connections {
            return cx.outbox.close(conn);
        }
        let mut connection = Connection::new(None, cx);
        if (cx.outbox.conn(conn)).is_some_and(|known| known.transport.is_web()) {
            connection.web = Some(Web::server());
        }
        self.conns.insert(conn.0, connection);
        self.watch_conn(cx, conn);
    }

    /// The other end of a connection has shown this certificate, in DER, while TLS was set up: to be told before
    /// [`handle_connected`](Self::handle_connected), or right after [`handle_accepted`](Self::handle_accepted). Only
    /// sessions whose peer has described its certificate ask for it.
    pub fn handle_secured(&mut self, conn: ConnId, certificate: &[u8]) {
        if let Some(connection) = self.conns.get_mut(conn.0) {
            connection.proof = Proof::Certificate(certificate.into());
        }
    }

    /// Both ends of a connection are in this process: nothing has to be proved on it.
    pub fn handle_own(&mut self, conn: ConnId) {
        if let Some(connection) = self.conns.get_mut(conn.0) {
            connection.proof = Proof::Own;
        }
    }

    /// A connection that we asked for is up.
    pub fn handle_connected(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        if !self.shake_hands(cx, conn) {
            self.came_up(cx, conn);
        }
    }

    /// A connection that we asked for can be used.
    pub(super) fn came_up(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        let Some(connection) = self.conns.get_mut(conn.0) else {
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

    /// Gives a session a connection to `peer`: one that leads there already, or a new one.
    pub(super) fn dial(&mut self, cx: &mut Cx<'_>, session: SessionId, peer: SocketAddr) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        let Some(uri) = state.next_hop() else {
            return;
        };
        let transport = uri.carrier();
        let secure = transport.is_secure();
        let fingerprints = match secure {
            true => state.fingerprints().to_vec(),
            false => Vec::new(),
        };
        let is_named = secure && uri.address().is_none() && fingerprints.is_empty();
        let dial = Dial {
            peer,
            secure,
            name: is_named.then(|| Text::from(uri.host())),
            fingerprints,
            web: transport.is_web().then(|| uri.authority()),
        };
        let conn = match self.dials.get(&dial) {
            Some(conn) => *conn,
            None if self.conns.len() >= cx.limits.msrp_connections => {
                return self.end(cx, session, Down::Connection);
            }
            None => {
                let (outbox, name) = (&mut cx.outbox, dial.name.clone());
                let conn = match dial.fingerprints.is_empty() {
                    true => outbox.connect(Protocol::Msrp, transport, peer, name),
                    false => outbox.connect_described(Protocol::Msrp, transport, peer),
                };
                self.dials.insert(dial.clone(), conn);
                self.conns.insert(conn.0, Connection::new(Some(dial), cx));
                conn
            }
        };
        state.conn = Some(conn);
        if let Some(connection) = self.conns.get_mut(conn.0) {
            connection.sessions.insert(session);
            connection.closing = false;
            if connection.up {
                self.bind(cx, conn, session);
            }
        }
    }

    /// A connection is bound to a started session.
    pub(super) fn up(&mut self, cx: &Cx<'_>, session: SessionId) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        if state.up || state.peer.is_none() {
            return;
        }
        state.up = true;
        self.timers.cancel(&Timer::Unbound(session));
        let conn = state.conn;
        self.events.push_back(Event::Up { session });
        self.want(cx, session);
        if let Some(conn) = conn {
            self.watch_quiet(conn);
        }
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
            && let Some(connection) = self.conns.get(conn.0)
            && let Some(at) = connection.deadline(cx.limits)
        {
            self.timers.set(timer, at);
        }
    }

    pub(super) fn silent(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        let wants_read = self.wants_read(conn);
        let Some(connection) = self.conns.get_mut(conn.0) else {
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
        self.forget_dial(conn);
        let Some(connection) = self.conns.remove(conn.0) else {
            return;
        };
        self.timers.cancel(&Timer::Silent(conn));
        self.timers.cancel(&Timer::Unanswered(conn));
        self.timers.cancel(&Timer::Quiet(conn));
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
        let streams = state.streams.map(|lane| lane.queue);
        for id in state
            .messages
            .queue
            .into_iter()
            .chain(streams.into_iter().flatten())
        {
            let sending = self.sends.remove(id.0);
            self.events.push_back(Event::Failed {
                session,
                id,
                status,
                confirmed: sending.map_or(0, |sending| sending.confirmed()),
            });
        }
        let pieces = state.pieces.map_or(0, |pieces| pieces.held());
        self.held = self.held.saturating_sub(pieces);
        self.events.push_back(Event::Down { session, why });
        if let Some(conn) = state.conn {
            if let Some(connection) = self.conns.get_mut(conn.0) {
                connection.owed = connection.owed.saturating_sub(state.owed.len());
                let owed: usize = state.owed.iter().map(|(_, owed)| owed.size).sum();
                connection.owed_bytes = connection.owed_bytes.saturating_sub(owed);
                connection.held = connection.held.saturating_sub(pieces);
            }
            self.leave(cx, conn, session);
        }
    }

    /// Takes a session off its connection; the last one of a connection that we opened closes it.
    pub(super) fn leave(&mut self, cx: &mut Cx<'_>, conn: ConnId, session: SessionId) {
        let Some(connection) = self.conns.get_mut(conn.0) else {
            return;
        };
        connection.sessions.remove(&session);
        if !connection.sessions.is_empty() {
            return;
        }
        connection.empty_since = cx.now;
        if connection.dial.is_some() {
            connection.closing = true;
            let is_silent = connection.is_drained() && connection.web.is_none();
            if is_silent || !connection.up {
                self.hang_up(cx, conn);
                return;
            }
            // The last words are still to be pulled.
            cx.outbox.flush(conn);
        }
        self.watch_conn(cx, conn);
    }

    /// Closes a connection that nobody uses.
    pub(super) fn hang_up(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        self.lose(cx, conn);
        cx.outbox.close(conn);
    }

    /// Sees to it that a connection does not stay quiet for too long, if the configuration wants that.
    fn watch_quiet(&mut self, conn: ConnId) {
        let timer = Timer::Quiet(conn);
        if let Some(after) = self.config.keep_alive
            && let Some(connection) = self.conns.get(conn.0)
            && let Some(at) = connection.last_use.checked_add(after)
            && self.timers.get(&timer).is_none()
        {
            self.timers.set(timer, at);
        }
    }

    /// Says something on a connection that has been quiet.
    pub(super) fn quiet(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        let patience = cx.limits.msrp_transaction;
        let (Some(connection), Some(after)) = (self.conns.get_mut(conn.0), self.config.keep_alive)
        else {
            return;
        };
        let is_up = |session: &SessionId| self.sessions.get(session.0).is_some_and(|s| s.up);
        let Some(session) = connection.sessions.iter().copied().find(is_up) else {
            // It is watched again when there is one.
            return;
        };
        if let Some(web) = connection.web.as_mut() {
            // The other end of a WebSocket is alive without its application's doing (RFC 7977 §6).
            match web.pinged {
                Some(since) if cx.now.saturating_duration_since(since) >= patience => {
                    return self.hang_up(cx, conn);
                }
                Some(_) => {}
                None if cx.now.saturating_duration_since(connection.last_use) >= after => {
                    web.ping(cx.ids, cx.now);
                    cx.outbox.flush(conn);
                }
                None => return self.watch_quiet(conn),
            }
            if let Some(at) = cx.now.checked_add(patience) {
                self.timers.set(Timer::Quiet(conn), at);
            }
            return;
        }
        if cx.now.saturating_duration_since(connection.last_use) >= after {
            connection.last_use = cx.now;
            self.request_without_body(cx, conn, session, What::KeepAlive);
        }
        self.watch_quiet(conn);
    }
}
