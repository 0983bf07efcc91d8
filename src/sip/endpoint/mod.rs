//! The endpoint: one way in and one way out for every SIP message of a node.
//!
//! ```text
//!   request  invite  accept  register …             poll_event
//!      │        │       │       │                        ▲
//!  ┌───▼────────▼───────▼───────▼────────────────────────┴───┐
//!  │ registration    command  calling  called                │
//!  │      │             └───── call ─────┘   sessions        │
//!  │      ▼               ▼               ▲                  │
//!  │   sending ── auth, route             │                  │
//!  │      ▼                               │                  │
//!  │   client transactions        server transactions        │
//!  │      ▼                               ▲                  │
//!  │   transport: connections, Via, framing                  │
//!  └───────┬─────────────────────────────────────┴───────────┘
//!   Outbox, poll_stream                 handle_datagram, handle_data
//! ```

mod answering;
mod auth;
mod body;
mod call;
mod called;
mod calling;
mod calls;
mod client;
mod command;
mod config;
mod count;
mod event;
mod fill;
mod flows;
mod fork;
mod incoming;
mod info;
mod keep_alive;
mod local;
mod notified;
mod notifier;
mod prack;
mod publication;
mod redirect;
mod refer;
mod registering;
mod registration;
mod reinvite;
mod reliable;
mod renewal;
mod replaces;
mod route;
mod sending;
mod server;
mod session;
mod subscriber;
mod subscriptions;
mod transport;
mod update;
mod web;

pub use config::{
    CallId, Config, Credentials, DialogId, HERE, Listener, NotifierId, PublicationId,
    RegistrationId, RequestId, ServerId, Source, SubscriptionId, Target, Way,
};
pub use count::Count;
pub use event::{CallError, EndCause, Event, Failure, Relation};

use crate::engine::{
    ConnId, Cx, Direction, Ids, Key, Map, Protocol, QuestionId, Record, Sighting, Slab, Timers,
    Transport,
};
use crate::sip::digest::aka;
use crate::sip::msg::{Frame, Message, Mode, Request, Response};
use crate::sip::register;
use crate::sip::stun;
use crate::sip::transaction::Timer;
use bytes::Bytes;
use call::{CallTimer, Calls};
use client::Clients;
use publication::Publication;
use registration::Registration;
use sending::{Sending, User};
use server::Servers;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;
use subscriber::SubscriptionTimer;
use subscriptions::Subscriptions;
use transport::Net;

/// A SIP user agent core, its transactions and its transports (RFC 3261).
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    net: Net,
    clients: Clients,
    servers: Servers,
    sendings: Slab<Sending>,
    questions: Map<QuestionId, Key>,
    calls: Calls,
    registrations: Slab<Registration>,
    subscriptions: Subscriptions,
    publications: Slab<Publication>,
    /// What was asked of us, to be answered unasked the next time.
    challenges: auth::Challenges,
    timers: Timers<Deadline>,
    events: VecDeque<Event>,
}

/// What is due at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Deadline {
    Client(Key, Timer),
    Server(Key, Timer),
    /// A request has waited long enough for a name or a connection.
    Sending(Key),
    Call(Key, CallTimer),
    /// A registration is to be refreshed or tried again.
    Registration(Key),
    KeepAlive(Key),
    /// A keep-alive by STUN is to be sent again, or was never answered.
    Probe(Key),
    Subscription(Key, SubscriptionTimer),
    /// A publication is to be refreshed or tried again.
    Publication(Key),
    /// A subscription that we notify of is over, or its SUBSCRIBE was not answered.
    Notifier(Key),
    /// The answer to a keep-alive is overdue.
    Pong(ConnId),
    /// A connection may have been idle for too long.
    Idle(ConnId),
}

impl Endpoint {
    /// An endpoint with nothing going on.
    pub fn new(config: Config, ids: &mut Ids) -> Self {
        Self {
            config,
            net: Net::new(ids),
            clients: Clients::new(ids),
            servers: Servers::new(ids),
            sendings: Slab::new(),
            questions: ids.map(),
            calls: Calls::new(ids),
            registrations: Slab::new(),
            subscriptions: Subscriptions::new(ids),
            publications: Slab::new(),
            challenges: auth::Challenges::default(),
            timers: Timers::new(ids),
            events: VecDeque::new(),
        }
    }

    /// Sends a request outside a dialog, anything but INVITE, ACK and CANCEL.
    ///
    /// What is missing is filled in: Via, Max-Forwards, the From tag, Call-ID, CSeq, User-Agent, and the address
    /// in a Contact of host [`HERE`]. A challenge is answered if credentials are known. Ends with
    /// [`Event::Response`] or [`Event::Failed`].
    pub fn request(&mut self, cx: &mut Cx<'_>, mut request: Request, target: Target) -> RequestId {
        self.complete(cx, &mut request, &target);
        RequestId(self.send(cx, request, target, User::Above { call: None }))
    }

    /// Answers a request; see [`Request::response`]. A To tag is added if there is none. Nothing happens if
    /// it was answered finally before, or too long ago.
    pub fn respond(&mut self, cx: &mut Cx<'_>, to: ServerId, response: Response) {
        self.reply(cx, to.0, response);
    }

    /// Registers and stays registered: refreshed in time, made again when its connection breaks.
    pub fn register(&mut self, cx: &mut Cx<'_>, registration: register::Config) -> RegistrationId {
        self.start_registration(cx, registration)
    }

    /// Changes a registration and sends it at once.
    pub fn update_registration(
        &mut self,
        cx: &mut Cx<'_>,
        id: RegistrationId,
        registration: register::Config,
    ) {
        self.change_registration(cx, id.0, registration);
    }

    /// Takes a registration back. Ends with [`Event::Unregistered`].
    pub fn unregister(&mut self, cx: &mut Cx<'_>, id: RegistrationId) {
        self.end_registration(cx, id.0);
    }

    /// Answers [`Event::SimAsked`], once: the request that was challenged goes on.
    pub fn answer_sim(&mut self, cx: &mut Cx<'_>, id: QuestionId, reaction: aka::Reaction) {
        self.sim_answered(cx, id, reaction);
    }

    /// A datagram arrived.
    pub fn handle_datagram(
        &mut self,
        cx: &mut Cx<'_>,
        local: SocketAddr,
        peer: SocketAddr,
        data: Bytes,
    ) {
        // Nothing but line ends keeps a NAT binding alive.
        let is_blank = data.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0));
        if is_blank || data.len() > cx.limits.sip_datagram {
            return;
        }
        if stun::is_stun(&data) {
            return self.handle_stun(cx, local, peer, &data);
        }
        let source = Source {
            transport: Transport::Udp,
            local,
            peer,
            conn: None,
        };
        self.receive(cx, source, data);
    }

    /// A peer has opened a connection.
    pub fn handle_accepted(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        // Who has too many makes nobody's place free.
        if self.net.is_greedy(cx, conn) {
            return cx.outbox.close(conn);
        }
        if let Some(silent) = self.net.oldest_silent(cx) {
            self.close(cx, silent);
        }
        if self.net.accepted(cx, conn) {
            // Who says nothing at all is not waited for as long as who once said something.
            let patience = self.config.times.give_up().min(cx.limits.sip_idle);
            self.timers.set(Deadline::Idle(conn), cx.now + patience);
        } else {
            cx.outbox.close(conn);
        }
    }

    /// A connection that we asked for is up.
    pub fn handle_connected(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        if (cx.outbox.conn(conn)).is_some_and(|known| known.transport.is_web()) {
            return self.shake_hands(cx, conn);
        }
        let waiting = self.net.connected(conn);
        self.timers
            .set(Deadline::Idle(conn), cx.now + cx.limits.sip_idle);
        self.conn_changed(cx, conn, waiting);
    }

    /// Bytes arrived on a connection.
    pub fn handle_data(&mut self, cx: &mut Cx<'_>, conn: ConnId, data: Bytes) {
        match self.net.get_mut(conn) {
            Some(stream) if stream.web.is_some() => {
                stream.used = cx.now;
                return self.handle_web(cx, conn, &data);
            }
            Some(stream) => {
                stream.used = cx.now;
                stream.framer.push(data);
            }
            None => return,
        }
        // What a message causes may close the connection it came on.
        while let Some(stream) = self.net.get_mut(conn) {
            match stream.framer.next(cx.limits) {
                Ok(Some(Frame::Message(bytes))) => {
                    stream.heard = true;
                    stream.partial = None;
                    stream.pinged = false;
                    let Some(source) = source_of(cx, conn) else {
                        return;
                    };
                    if !self.receive(cx, source, bytes) {
                        return self.close(cx, conn);
                    }
                }
                // Two pongs in a row look like a ping in two pieces: one that we wait for is no question.
                Ok(Some(Frame::Ping)) if !stream.pinged => {
                    self.net.push(cx, conn, Bytes::from_static(transport::PONG));
                }
                Ok(Some(Frame::Ping | Frame::Pong)) => {
                    stream.pongs = true;
                    stream.pinged = false;
                    self.timers.cancel(&Deadline::Pong(conn));
                }
                Ok(None) => return self.await_rest(cx, conn),
                Err(error) => {
                    crate::engine::trace::debug!("closed connection {conn}: {error}");
                    return self.close(cx, conn);
                }
            }
        }
    }

    /// A connection could not be opened, or has ended.
    pub fn handle_closed(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        let Some((was_up, watchers)) = self.net.remove(conn) else {
            return;
        };
        self.timers.cancel(&Deadline::Idle(conn));
        self.timers.cancel(&Deadline::Pong(conn));
        if was_up {
            self.events.push_back(Event::FlowLost { conn });
        }
        self.conn_changed(cx, conn, watchers);
        self.flow_lost(cx, conn);
    }

    /// The addresses of a host name, the preferred one first. `false` if the question was not ours.
    pub fn handle_resolved(
        &mut self,
        cx: &mut Cx<'_>,
        question: QuestionId,
        addresses: Vec<IpAddr>,
    ) -> bool {
        self.located(cx, question, |locator, _| locator.addresses(&addresses))
    }

    /// The records of a name. `false` if the question was not ours.
    pub fn handle_looked_up(
        &mut self,
        cx: &mut Cx<'_>,
        question: QuestionId,
        records: Vec<Record>,
    ) -> bool {
        self.located(cx, question, |locator, cx| locator.records(cx.ids, records))
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        while let Some(deadline) = self.timers.pop(cx.now) {
            match deadline {
                Deadline::Client(key, timer) => {
                    self.client_input(cx, key, client::Input::Fired(timer), None);
                }
                Deadline::Server(key, timer) => {
                    if timer == Timer::Unanswered {
                        self.left_at_door(cx, key);
                    }
                    self.server_input(cx, key, server::Input::Fired(timer), None);
                }
                Deadline::Sending(key) => self.sending_timeout(cx, key),
                Deadline::Call(key, timer) => self.call_timeout(cx, key, timer),
                Deadline::Registration(key) => self.send_register(cx, key),
                Deadline::KeepAlive(key) => self.keep_alive(cx, key),
                Deadline::Probe(key) => self.probe(cx, key),
                Deadline::Subscription(key, timer) => self.subscription_timeout(cx, key, timer),
                Deadline::Publication(key) => self.send_publish(cx, key),
                Deadline::Notifier(key) => self.notifier_timeout(cx, key),
                Deadline::Pong(conn) => {
                    if self.net.get(conn).is_some_and(|stream| stream.pinged) {
                        self.close(cx, conn);
                    }
                }
                Deadline::Idle(conn) => self.idle(cx, conn),
            }
        }
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next bytes for a connection whose socket can take some.
    pub fn poll_stream(&mut self, conn: ConnId) -> Option<Bytes> {
        self.net.pull(conn)
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Whether bytes from a connection are welcome now: not while its peer does not read
    /// our answers.
    pub fn wants_read(&self, conn: ConnId) -> bool {
        self.net
            .get(conn)
            .is_none_or(|stream| !stream.congested && !stream.closing)
    }

    /// How many transactions and how many calls there are, for one who watches over the load.
    pub fn load(&self) -> (usize, usize) {
        (self.clients.len() + self.servers.len(), self.calls.len())
    }

    /// One message arrived, whole. `false` if it was none.
    fn receive(&mut self, cx: &mut Cx<'_>, source: Source, bytes: Bytes) -> bool {
        let at = cx.wall();
        cx.outbox.show(|| Sighting {
            at,
            direction: Direction::In,
            protocol: Protocol::Sip,
            transport: source.transport,
            local: source.local,
            peer: source.peer,
            bytes: bytes.clone(),
        });
        let size = bytes.len();
        match Message::parse(bytes, cx.limits) {
            Ok(Message::Request(request)) => self.handle_request(cx, request, source, size),
            Ok(Message::Response(response)) => match response.validate(Mode::Receive) {
                Ok(()) => self.handle_response(cx, response),
                Err(invalid) => crate::engine::trace::debug!("dropped a response: {invalid}"),
            },
            Err(error) => {
                crate::engine::trace::debug!("not a SIP message from {}: {error}", source.peer);
                return false;
            }
        }
        true
    }

    /// Whether there are as many transactions as there may be. What belongs to something that is there already has
    /// an eighth more, since it mostly ends it.
    fn is_full(&self, cx: &Cx<'_>, is_new: bool) -> bool {
        let most = cx.limits.sip_transactions;
        let most = if is_new {
            most
        } else {
            most.saturating_add(most / 8)
        };
        self.clients.len() + self.servers.len() >= most
    }

    /// A message has begun on a connection and must not take for ever.
    fn await_rest(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        self.mind_reader(cx, conn);
        let Some(stream) = self.net.get_mut(conn) else {
            return;
        };
        let buffered = match &stream.web {
            Some(web) => web.buffered(),
            None => stream.framer.buffered(),
        };
        if buffered == 0 {
            stream.partial = None;
        } else if stream.partial.is_none() {
            stream.partial = Some(cx.now);
            self.look_soon(cx, conn);
        }
    }

    /// A peer that does not read what it has asked for is not waited for as long as one that says nothing.
    fn mind_reader(&mut self, cx: &Cx<'_>, conn: ConnId) {
        if (self.net.get_mut(conn)).is_some_and(transport::Stream::is_newly_stuck) {
            self.look_soon(cx, conn);
        }
    }

    /// Looks at a connection as soon as a transaction would give up, if not before.
    fn look_soon(&mut self, cx: &Cx<'_>, conn: ConnId) {
        let until = cx.now + self.config.times.give_up();
        let timer = Deadline::Idle(conn);
        if self.timers.get(&timer).is_none_or(|at| at > until) {
            self.timers.set(timer, until);
        }
    }

    /// A connection may have been idle for too long.
    fn idle(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        let Some(stream) = self.net.get_mut(conn) else {
            return;
        };
        if stream.congested {
            // It is us who do not read.
            stream.partial = stream.partial.map(|_| cx.now);
        }
        let is_stuck = stream.is_still_stuck();
        let mut until = stream.used + cx.limits.sip_idle;
        if stream.congested {
            until = until.min(cx.now + self.config.times.give_up());
        }
        if let Some(since) = stream.partial {
            until = until.min(since + self.config.times.give_up());
        }
        let is_shut = stream.web.as_ref().is_some_and(|web| !web.is_open());
        if stream.closing
            || is_shut
            || is_stuck
            || until <= cx.now
            || !stream.heard && !stream.outgoing()
        {
            self.close(cx, conn);
        } else {
            self.timers.set(Deadline::Idle(conn), until);
        }
    }

    /// Closes a connection.
    fn close(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        cx.outbox.close(conn);
        self.handle_closed(cx, conn);
    }
}

fn source_of(cx: &Cx<'_>, conn: ConnId) -> Option<Source> {
    let known = cx.outbox.conn(conn)?;
    Some(Source {
        transport: known.transport,
        // A connection that was accepted has an address from the start.
        local: known.local?,
        peer: known.peer,
        conn: Some(conn),
    })
}
