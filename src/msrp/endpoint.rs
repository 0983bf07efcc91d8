//! The endpoint: connections and the sessions on them.

use super::connection::{Connection, Dial};
use super::error::{Full, SendError};
use super::event::{Down, Event, Receipt};
use super::msg::{Status, Uri, is_value};
use super::sender::{self, Sending};
use super::session::{Kind, Outgoing, Role, SendId, Session, SessionId, Settings};
use crate::engine::{Beside, ConnId, Cx, Ids, Map, QuestionId, Slab, Timers, Transport};
use crate::sdp::Fingerprint;
use crate::wire::Text;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How an endpoint presents itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The address at which peers reach our listener, where there is one.
    pub listen: Option<SocketAddr>,
    /// The address at which peers reach our listener for TLS, where there is one.
    pub listen_secure: Option<SocketAddr>,
    /// The address at which peers reach our listener for WebSockets (RFC 7977), where there is one.
    pub listen_web: Option<SocketAddr>,
    /// The address at which peers reach our listener for WebSockets over TLS, where there is one.
    pub listen_web_secure: Option<SocketAddr>,
    /// The host that our URIs name; the address of `listen` if `None`.
    pub host: Option<Text>,
    /// Whether our URIs say `msrps`.
    pub secure: bool,
    /// After how long without a byte either way a connection with sessions on it gets a request without content, which
    /// opens no gap in a firewall's memory and finds out whether the peer is still there. Never if `None`.
    pub keep_alive: Option<Duration>,
    /// The fingerprint of the certificate that we show under TLS, to be offered in descriptions of sessions over it
    /// (RFC 8122). None is offered if `None`: then somebody has to vouch for the certificate.
    pub fingerprint: Option<Fingerprint>,
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
    pub(super) conns: Beside<Connection>,
    pub(super) dials: Map<Dial, ConnId>,
    pub(super) resolving: Map<QuestionId, SessionId>,
    pub(super) timers: Timers<Timer>,
    pub(super) events: VecDeque<Event>,
    /// Where chunks are put together before they get a buffer of just their size.
    pub(super) scratch: BytesMut,
    /// Bytes under reassembly in all sessions.
    pub(super) reassembly: usize,
    /// Bytes that were handed up in pieces and not taken yet, in all sessions.
    pub(super) held: usize,
    /// How many such bytes there may be before only connections without any are read.
    max_held: usize,
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
    /// The connection may have been quiet for long.
    Quiet(ConnId),
}

impl Endpoint {
    /// An endpoint without sessions.
    pub fn new(config: Config, ids: &mut Ids) -> Self {
        Self {
            config,
            sessions: Slab::new(),
            by_id: ids.map(),
            sends: Slab::new(),
            conns: Beside::new(),
            dials: ids.map(),
            resolving: ids.map(),
            timers: Timers::new(ids),
            events: VecDeque::new(),
            scratch: BytesMut::new(),
            reassembly: 0,
            held: 0,
            max_held: usize::MAX,
        }
    }

    /// Says that peers reach us at `local`. The first listener is the one that our paths name.
    pub fn add_listener(&mut self, transport: Transport, local: SocketAddr) {
        match transport {
            Transport::Tls => self.config.listen_secure.get_or_insert(local),
            Transport::Ws => self.config.listen_web.get_or_insert(local),
            Transport::Wss => self.config.listen_web_secure.get_or_insert(local),
            _ => self.config.listen.get_or_insert(local),
        };
        let plain = self.config.listen.or(self.config.listen_web);
        self.config.secure = plain.is_none();
    }

    /// Whether peers can reach us over TLS.
    pub const fn is_reached_securely(&self) -> bool {
        self.config.listen_secure.is_some()
    }

    /// Sets [`Config::fingerprint`].
    pub fn set_fingerprint(&mut self, fingerprint: Option<Fingerprint>) {
        self.config.fingerprint = fingerprint;
    }

    /// The fingerprint of our certificate, if it is to be offered.
    pub const fn fingerprint(&self) -> Option<&Fingerprint> {
        self.config.fingerprint.as_ref()
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
        self.max_held = cx.limits.msrp_reassembly;
        let id = cx.ids.session_id();
        let local = match settings.web {
            true => self.local_web_uri(cx, &settings, &id),
            false => self.local_uri(&settings, &id),
        };
        let local = local.ok_or(Full)?;
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
        let started = state.set_peer(path.compact()).is_some();
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
                        self.up(cx, session);
                        self.make_both_ready(cx, session);
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
                let is_peer = is_peer
                    && (state.conn.and_then(|conn| self.conns.get(conn.0)))
                        .is_none_or(|conn| conn.is_of(state.fingerprints()));
                match state.conn {
                    Some(_) if is_peer => {
                        self.up(cx, session);
                        // What was queued before could not be sent while nobody knew to whom.
                        self.make_both_ready(cx, session);
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
        self.check(
            cx,
            session,
            message.body.len() as u64,
            &message.content_type,
            message.id.as_ref(),
        )?;
        let may_clash = sender::may_clash(&message.body);
        Ok(self.queue(cx, session, message, may_clash))
    }

    /// Queues a message that has been checked.
    pub(super) fn queue(
        &mut self,
        cx: &mut Cx<'_>,
        session: SessionId,
        mut message: Outgoing,
        may_clash: bool,
    ) -> SendId {
        let size = message.body.len();
        let message_id = message.id.take().unwrap_or_else(|| cx.ids.message_id());
        let sending = Sending::whole(session, message, message_id, may_clash);
        let id = SendId(self.sends.insert(sending));
        if let Some(state) = self.sessions.get_mut(session.0) {
            state.messages.queue.push_back(id);
            state.uncut = state.uncut.saturating_add(size);
        }
        self.make_ready(cx, session, Kind::Message);
        id
    }

    /// Whether a message can be queued.
    pub(super) fn check(
        &mut self,
        cx: &Cx<'_>,
        session: SessionId,
        size: u64,
        content_type: &Text,
        id: Option<&Text>,
    ) -> Result<(), SendError> {
        self.takes(cx, session, size)?;
        match is_writable(content_type, id) {
            true => Ok(()),
            false => Err(SendError::Unwritable),
        }
    }

    /// Whether a session takes a message of that size.
    pub(super) fn takes(
        &mut self,
        cx: &Cx<'_>,
        session: SessionId,
        size: u64,
    ) -> Result<(), SendError> {
        let state = (self.sessions.get_mut(session.0)).ok_or(SendError::Closed)?;
        if size > state.settings.peer_max_size.unwrap_or(u64::MAX) {
            return Err(SendError::TooLarge);
        }
        let uncut = (state.uncut as u64).saturating_add(size);
        if state.queued() >= cx.limits.msrp_send_queue
            || (state.uncut > 0 && uncut > cx.limits.msrp_send_bytes as u64)
        {
            (state.full, state.low_water) = (true, cx.limits.msrp_send_queue / 2);
            return Err(SendError::Full);
        }
        Ok(())
    }

    /// Gives up a message: what has not been cut yet is not sent, and the peer is told by the `#` flag. No event follows.
    pub fn cancel(&mut self, cx: &mut Cx<'_>, id: SendId) {
        self.drop_send(cx, id);
    }

    /// Takes the oldest message out of the queue of a session of which nothing has been sent, without a word to anybody.
    pub(super) fn drop_oldest(&mut self, cx: &mut Cx<'_>, session: SessionId) -> bool {
        let oldest = self.sessions.get(session.0).and_then(|state| {
            let lane = &state.messages;
            let waiting = lane.queue.iter().skip(lane.cut).copied();
            let is_fresh = |id: &SendId| self.sends.get(id.0).is_some_and(Sending::is_fresh);
            // Of the first a part may be gone already.
            waiting.take(2).find(is_fresh)
        });
        oldest.is_some_and(|id| self.drop_send(cx, id).is_some())
    }

    /// The Message-ID of a message that is on its way.
    pub fn message_id(&self, id: SendId) -> Option<&Text> {
        Some(&self.sends.get(id.0)?.id)
    }

    /// Up to where a message has been handed to its connection, and how large it is as far as that is known.
    pub fn progress(&self, id: SendId) -> Option<(u64, Option<u64>)> {
        let sending = self.sends.get(id.0)?;
        Some((sending.offset(), sending.total()))
    }

    /// Up to where the peer has confirmed a message, counted from its beginning, without a gap: from there it can be
    /// sent again if this session does not live to see its end.
    pub fn confirmed_up_to(&self, id: SendId) -> Option<u64> {
        Some(self.sends.get(id.0)?.confirmed())
    }

    /// Takes custody of a received message: the 200 for its last chunk goes out, and a success report if one was asked
    /// for (RFC 4975 §7.1.2). Or of a piece: the 200 for its chunk goes out with the last piece of it, and more is read.
    pub fn accept(&mut self, cx: &mut Cx<'_>, receipt: Receipt) {
        self.settle(cx, &receipt, Status::OK);
    }

    /// Refuses a received message. One that comes in pieces is stopped: what still comes of it is answered alike and
    /// not handed up. [`Status::STOP`] is what tells a sender to stop.
    pub fn refuse(&mut self, cx: &mut Cx<'_>, receipt: Receipt, status: Status) {
        self.settle(cx, &receipt, status);
    }

    /// Ends a session at once. What was not confirmed comes back as [`Event::Failed`], then [`Event::Down`] follows.
    pub fn close(&mut self, cx: &mut Cx<'_>, session: SessionId) {
        self.end(cx, session, Down::Closed);
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
                Timer::Quiet(conn) => self.quiet(cx, conn),
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
                .get(conn.0)
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
        self.conns.get(conn.0).is_none_or(|connection| {
            connection.wants_read() && (connection.held == 0 || self.held < self.max_held)
        })
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
        self.hosts(settings, listen, "localhost")
            .find_map(|host| Uri::new(secure, &host, Some(port), Some(id)).ok())
    }

    /// Who has no listener for WebSockets does not know by what address it is seen, and need not (RFC 7977 appendix A).
    fn local_web_uri(&self, cx: &mut Cx<'_>, settings: &Settings, id: &str) -> Option<Uri> {
        let Config {
            listen_web,
            listen_web_secure,
            ..
        } = self.config;
        let secure = (settings.secure)
            .unwrap_or_else(|| listen_web_secure.is_some() || listen_web.is_none());
        let listen = match secure {
            true => listen_web_secure,
            false => listen_web,
        };
        let port = listen.map_or(DEFAULT_PORT, |addr| addr.port());
        let nowhere = format!("{}.invalid", cx.ids.tag());
        self.hosts(settings, listen, &nowhere)
            .find_map(|host| Uri::over_web(secure, &host, Some(port), Some(id)).ok())
    }

    /// The hosts that a URI of ours may name, the preferred one first.
    fn hosts(
        &self,
        settings: &Settings,
        listen: Option<SocketAddr>,
        otherwise: &str,
    ) -> impl Iterator<Item = Text> + use<> {
        let host = settings.host.clone().or_else(|| self.config.host.clone());
        let address = listen.map(|addr| Text::from(addr.ip().to_string()));
        [host, address, Some(Text::from(otherwise))]
            .into_iter()
            .flatten()
    }
}

/// Whether a message can have these header values.
pub(super) fn is_writable(content_type: &Text, id: Option<&Text>) -> bool {
    is_value(content_type) && id.is_none_or(|id| is_value(id) && !id.contains(' '))
}

/// The registered port of MSRP.
pub(super) const DEFAULT_PORT: u16 = 2855;

/// The port of who does not listen (RFC 6135).
const DISCARD_PORT: u16 = 9;
