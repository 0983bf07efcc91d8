//! A relay (RFC 4976 §6): clients that may not be reached, or may not open connections, exchange messages through it.
//!
//! ```text
//!   alice ──AUTH──▶ relay          Use-Path: msrps://relay:2855/k3h…;tcp
//!   alice ──SEND──▶ relay ──SEND──▶ bob      a chunk is on its way again before it has ended
//!   alice ◀──200─── relay ◀──200─── bob      each hop answers for itself
//!   alice ◀─REPORT─ relay                    what went wrong further on
//! ```
//!
//! * **Who may.** A request passes if the first URI of its To-Path is one that the relay has given to a client, and either
//!   that client sends it or it goes to that client. So nobody sends through a relay to whom they like but its own users,
//!   and two relays that name each other pass a request on at most once.
//! * **How.** Chunks are not put together: each piece of one that has arrived goes out as a chunk of its own. What has come
//!   on a connection and not left yet is bounded ([`Limits::msrp_relayed`](crate::engine::Limits::msrp_relayed)); beyond it the
//!   connection is not read, and its peer feels that. Those who share a connection take turns, chunk by chunk.
//! * **What goes wrong** later than the 200 of the relay comes back as a REPORT.

mod auth;
mod forward;
mod link;
mod report;
mod web;

use super::msg::Uri;
use super::web::{NO_MSRP, Web};
use crate::engine::{
    ConnId, Cx, Ids, Map, Protocol, QuestionId, Reply, Slab, Timers, Transport, id,
};
use crate::sip::digest::{Algorithm, Verifier};
use crate::wire::Text;
use auth::{Asked, Binding, BindingId};
use bytes::Bytes;
use link::{Hop, Link};
use report::Pending;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How a relay presents itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whose passwords it asks for: its domain.
    pub realm: Text,
    /// The host that its URIs name; the address of the listener if `None`.
    pub host: Option<Text>,
    /// Whether clients may authenticate without TLS. RFC 4976 §8 forbids it: the URIs that they are given are secrets.
    pub clear: bool,
    /// The shortest leave that is given.
    pub min_expires: Duration,
    /// The longest leave that is given, and the one that a client gets who asks for none.
    pub max_expires: Duration,
    /// URIs in To-Path and From-Path together, beyond which a request is refused.
    pub hops: usize,
    /// URIs that one user has at one time.
    pub uris_per_user: usize,
    /// What answers to a challenge may be hashed with, in the order of the challenges.
    pub algorithms: Vec<Algorithm>,
}

impl Config {
    /// A relay for the users of a realm.
    pub fn new(realm: Text) -> Self {
        Self {
            realm,
            host: None,
            clear: false,
            min_expires: Duration::from_secs(60),
            max_expires: Duration::from_secs(1800),
            hops: 10,
            uris_per_user: 1000,
            algorithms: vec![Algorithm::Md5, Algorithm::Sha256],
        }
    }
}

/// What is known of a user's password.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// The password itself.
    Plain(Text),
    /// `H(user:realm:password)` in hexadecimal, for the one algorithm that is configured.
    Hashed(Text),
}

impl std::fmt::Debug for Password {
    /// Keeps it out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What happened at a relay.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Somebody says to be a user. [`Relay::answer`] takes the user's password, or that there is no such user.
    Password {
        /// The user's name.
        user: Text,
        /// The right to answer.
        reply: Reply<Option<Password>>,
    },
    /// A client may use the relay.
    Bound {
        /// Its user.
        user: Text,
        /// The URI that it was given.
        uri: Uri,
        /// For how long.
        expires: Duration,
        /// Whether it had that URI already.
        renewed: bool,
    },
    /// A URI is no more: the leave has expired, or the connection is lost.
    Unbound {
        /// Whose it was.
        user: Text,
        /// Which.
        uri: Uri,
    },
    /// A client gave a wrong password, or none of the users is its user.
    Denied {
        /// Who it said to be.
        user: Text,
        /// Where it is.
        peer: SocketAddr,
    },
}

id! {
    /// A connection, or the wish for one.
    LinkId
}

/// The machine of a relay (RFC 4976 §6).
#[derive(Debug)]
pub struct Relay {
    config: Config,
    listen: Option<SocketAddr>,
    listen_secure: Option<SocketAddr>,
    listen_web: Option<SocketAddr>,
    listen_web_secure: Option<SocketAddr>,
    verifier: Verifier,
    links: Slab<Link>,
    by_conn: Map<ConnId, LinkId>,
    by_hop: Map<Hop, LinkId>,
    resolving: Map<QuestionId, LinkId>,
    bindings: Slab<Binding>,
    /// By the session-id of the URI that was given.
    by_id: Map<Text, BindingId>,
    /// How many URIs a user has.
    by_user: Map<Text, usize>,
    asked: Map<QuestionId, Asked>,
    /// Requests that wait for a response, by the transaction id under which they were sent on.
    pending: Map<Text, Pending>,
    timers: Timers<Timer>,
    events: VecDeque<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Timer {
    /// A link is to be looked at: whether it is used, and whether it moves.
    Check(LinkId),
    /// The oldest request on a link has no response.
    Unanswered(LinkId),
    /// A URI expires.
    Expiry(BindingId),
    /// Nobody has said what the password is.
    Question(QuestionId),
}

impl Relay {
    /// A relay without clients.
    pub fn new(config: Config, ids: &mut Ids) -> Self {
        let mut verifier = Verifier::new(config.realm.clone(), ids);
        verifier.set_algorithms(config.algorithms.clone());
        Self {
            config,
            listen: None,
            listen_secure: None,
            listen_web: None,
            listen_web_secure: None,
            verifier,
            links: Slab::new(),
            by_conn: ids.map(),
            by_hop: ids.map(),
            resolving: ids.map(),
            bindings: Slab::new(),
            by_id: ids.map(),
            by_user: ids.map(),
            asked: ids.map(),
            pending: ids.map(),
            timers: Timers::new(ids),
            events: VecDeque::new(),
        }
    }

    /// Says that clients reach us at `local`: it is what the URIs that we give name.
    pub fn add_listener(&mut self, transport: Transport, local: SocketAddr) {
        match transport {
            Transport::Tls => self.listen_secure.get_or_insert(local),
            Transport::Ws => self.listen_web.get_or_insert(local),
            Transport::Wss => self.listen_web_secure.get_or_insert(local),
            _ => self.listen.get_or_insert(local),
        };
    }

    /// Answers an [`Event::Password`].
    pub fn answer(
        &mut self,
        cx: &mut Cx<'_>,
        reply: Reply<Option<Password>>,
        password: Option<Password>,
    ) {
        self.judge(cx, reply.question(), password.as_ref());
    }

    /// A peer has opened a connection to our listener.
    pub fn handle_accepted(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        if self.by_conn.len() >= cx.limits.msrp_connections {
            return cx.outbox.close(conn);
        }
        let mut link = Link::new(Some(conn), None, cx);
        if (cx.outbox.conn(conn)).is_some_and(|known| known.transport.is_web()) {
            link.web = Some(Web::server());
        }
        let link = LinkId(self.links.insert(link));
        self.by_conn.insert(conn, link);
        self.watch(cx, link);
    }

    /// A connection that we asked for is up.
    pub fn handle_connected(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        if self.shake_hands(cx, conn) {
            return;
        }
        if let Some(link) = self.link(conn) {
            link.up = true;
            cx.outbox.flush(conn);
        }
    }

    /// Bytes arrived.
    pub fn handle_data(&mut self, cx: &mut Cx<'_>, conn: ConnId, data: Bytes) {
        let Some(id) = self.by_conn.get(&conn).copied() else {
            return;
        };
        if let Some(link) = self.links.get_mut(id.0) {
            link.last_data = cx.now;
            if link.web.is_some() {
                self.handle_web(cx, id, conn, &data);
            } else {
                link.framer.push(data);
                self.read_frames(cx, id);
            }
        }
        let is_choked = |link: &Link| link.is_choked(cx.limits);
        if self.links.get(id.0).is_some_and(is_choked) {
            self.drop_link(cx, id);
        }
    }

    /// Deals with all that is whole.
    fn read_frames(&mut self, cx: &mut Cx<'_>, id: LinkId) {
        // It may be closed by what is in a frame.
        while let Some(link) = self.links.get_mut(id.0) {
            match link.framer.next(cx.limits) {
                Ok(Some(frame)) => self.frame(cx, id, frame),
                Ok(None) => return,
                Err(_error) => {
                    crate::engine::trace::debug!("{id}: {_error}");
                    return self.part(cx, id, Some(NO_MSRP));
                }
            }
        }
    }

    /// A connection could not be opened, or has ended.
    pub fn handle_closed(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        if let Some(link) = self.by_conn.get(&conn).copied() {
            self.lose(cx, link);
        }
    }

    /// Addresses of a host name, the preferred one first. `false`: the question was not ours.
    pub fn handle_resolved(
        &mut self,
        cx: &mut Cx<'_>,
        question: QuestionId,
        addresses: &[IpAddr],
    ) -> bool {
        let Some(link) = self.resolving.remove(&question) else {
            return false;
        };
        match addresses.first() {
            Some(address) => self.connect(cx, link, *address),
            None => self.lose(cx, link),
        }
        true
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        while let Some(timer) = self.timers.pop(cx.now) {
            match timer {
                Timer::Check(link) => self.check(cx, link),
                Timer::Unanswered(link) => self.unanswered(cx, link),
                Timer::Expiry(binding) => self.unbind(binding),
                Timer::Question(question) => self.judge(cx, question, None),
            }
        }
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next bytes for a connection. `None`: nothing waits, or its peer has to answer first.
    pub fn poll_stream(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> Option<Bytes> {
        let id = self.by_conn.get(&conn).copied()?;
        let next = self.next_bytes(cx, id, conn);
        match next {
            Some(_) => {
                if let Some(link) = self.links.get_mut(id.0) {
                    link.last_pull = cx.now;
                }
            }
            None if self.links.get(id.0).is_some_and(|link| link.closing) => {
                self.drop_link(cx, id);
            }
            None => {}
        }
        next
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Whether bytes of this connection should be read: not while too much of what came on it has not left yet, or its
    /// peer leaves our answers unread.
    pub fn wants_read(&self, conn: ConnId, limits: &crate::engine::Limits) -> bool {
        self.by_conn
            .get(&conn)
            .and_then(|id| self.links.get(id.0))
            .is_none_or(|link| link.wants_read(limits))
    }

    /// How many URIs are given to clients.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether no client has a URI.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many connections there are, or are being opened.
    pub fn connections(&self) -> usize {
        self.by_conn.len()
    }

    /// How many bytes have come and not left yet.
    pub fn relayed_bytes(&self) -> usize {
        self.links.iter().map(|(_, link)| link.held).sum()
    }

    fn link(&mut self, conn: ConnId) -> Option<&mut Link> {
        let id = self.by_conn.get(&conn)?;
        self.links.get_mut(id.0)
    }

    /// Whether a URI is on this very relay.
    fn is_here(&self, uri: &Uri) -> bool {
        let listen = match uri.carrier() {
            Transport::Wss => self.listen_web_secure,
            Transport::Ws => self.listen_web,
            Transport::Tls => self.listen_secure,
            _ => self.listen,
        };
        listen.is_some_and(|listen| {
            let port = uri.port().unwrap_or(DEFAULT_PORT);
            let named = self.config.host.as_deref();
            port == listen.port()
                && (uri.address() == Some(listen.ip())
                    || named.is_some_and(|host| host.eq_ignore_ascii_case(uri.host())))
        })
    }

    fn connect(&mut self, cx: &mut Cx<'_>, id: LinkId, address: IpAddr) {
        let Some(link) = self.links.get_mut(id.0) else {
            return;
        };
        let Some(hop) = &link.hop else { return };
        let transport = hop.transport();
        let name = (hop.secure && hop.host.parse::<IpAddr>().is_err()).then(|| hop.host.clone());
        let peer = SocketAddr::new(address, hop.port);
        let conn = cx.outbox.connect(Protocol::Msrp, transport, peer, name);
        link.conn = Some(conn);
        self.by_conn.insert(conn, id);
    }

    /// Closes a connection.
    fn drop_link(&mut self, cx: &mut Cx<'_>, id: LinkId) {
        let conn = self.links.get(id.0).and_then(|link| link.conn);
        self.lose(cx, id);
        if let Some(conn) = conn {
            cx.outbox.close(conn);
        }
    }

    /// Sees to it that a link is looked at.
    fn watch(&mut self, cx: &Cx<'_>, id: LinkId) {
        if let Some(at) = cx.now.checked_add(cx.limits.msrp_idle) {
            self.timers.set(Timer::Check(id), at);
        }
    }

    fn check(&mut self, cx: &mut Cx<'_>, id: LinkId) {
        match self.links.get(id.0) {
            Some(link) if link.is_dead(cx.now, cx.limits) => self.drop_link(cx, id),
            Some(_) => match self.keep_alive(cx, id) {
                true => self.watch(cx, id),
                false => self.drop_link(cx, id),
            },
            None => {}
        }
    }
}

/// The registered port of MSRP.
const DEFAULT_PORT: u16 = 2855;
