//! One machine alone: a node without SIP and without roles.

use super::Output;
use crate::engine::{
    Clock, Conn, ConnId, Cx, Ids, Input, Limits, Outbox, Protocol, QuestionId, Reply, Seed, Tap,
    Transport,
};
use crate::msrp;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// A machine that can stand alone. Each method does what the one of the same name does there.
#[allow(missing_docs, reason = "they are those of the machines")]
pub trait Single {
    /// What its application hears.
    type Event: std::fmt::Debug;
    /// What it speaks.
    const PROTOCOL: Protocol;

    fn add_listener(&mut self, transport: Transport, local: SocketAddr);
    fn handle_accepted(&mut self, cx: &mut Cx<'_>, conn: ConnId);
    fn handle_secured(&mut self, _conn: ConnId, _certificate: &[u8]) {}
    fn handle_connected(&mut self, cx: &mut Cx<'_>, conn: ConnId);
    fn handle_data(&mut self, cx: &mut Cx<'_>, conn: ConnId, data: Bytes);
    fn handle_closed(&mut self, cx: &mut Cx<'_>, conn: ConnId);
    fn handle_resolved(
        &mut self,
        cx: &mut Cx<'_>,
        question: QuestionId,
        addresses: &[IpAddr],
    ) -> bool;
    fn handle_timeout(&mut self, cx: &mut Cx<'_>);
    fn poll_event(&mut self) -> Option<Self::Event>;
    fn poll_stream(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> Option<Bytes>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn wants_read(&self, conn: ConnId, limits: &Limits) -> bool;
}

macro_rules! single {
    ($machine:ty, $event:ty, |$this:ident, $conn:ident, $limits:ident| $wants_read:expr $(, $more:item)*) => {
        impl Single for $machine {
            type Event = $event;
            const PROTOCOL: Protocol = Protocol::Msrp;

            fn add_listener(&mut self, transport: Transport, local: SocketAddr) {
                self.add_listener(transport, local);
            }

            fn handle_accepted(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
                self.handle_accepted(cx, conn);
            }

            fn handle_connected(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
                self.handle_connected(cx, conn);
            }

            fn handle_data(&mut self, cx: &mut Cx<'_>, conn: ConnId, data: Bytes) {
                self.handle_data(cx, conn, data);
            }

            fn handle_closed(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
                self.handle_closed(cx, conn);
            }

            fn handle_resolved(
                &mut self,
                cx: &mut Cx<'_>,
                question: QuestionId,
                addresses: &[IpAddr],
            ) -> bool {
                self.handle_resolved(cx, question, addresses)
            }

            fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
                self.handle_timeout(cx);
            }

            fn poll_event(&mut self) -> Option<$event> {
                self.poll_event()
            }

            fn poll_stream(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> Option<Bytes> {
                self.poll_stream(cx, conn)
            }

            fn poll_timeout(&self) -> Option<Instant> {
                self.poll_timeout()
            }

            fn wants_read(&self, $conn: ConnId, $limits: &Limits) -> bool {
                let $this = self;
                $wants_read
            }

            $($more)*
        }
    };
}

single!(
    msrp::Endpoint,
    msrp::Event,
    |this, conn, _limits| this.wants_read(conn),
    fn handle_secured(&mut self, conn: ConnId, certificate: &[u8]) {
        self.handle_secured(conn, certificate);
    }
);
single!(
    msrp::relay::Relay,
    msrp::relay::Event,
    |this, conn, limits| this.wants_read(conn, limits)
);

/// One machine with all that it is handed: driven as a [`Node`](super::Node) is, and by the same rules.
///
/// ```
/// use cpm::engine::{Clock, DateTime, Limits, Seed};
/// use cpm::msrp::relay::{Config, Relay};
/// use cpm::node::Solo;
/// use std::time::Instant;
///
/// let wall = DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z").unwrap();
/// let clock = Clock::new(Instant::now(), wall);
/// let config = Config::new("example.com".into());
/// let relay = Solo::new(clock, Seed::from_number(1), Limits::default(), |ids| {
///     Relay::new(config, ids)
/// });
/// assert!(relay.machine().is_empty());
/// ```
#[derive(Debug)]
pub struct Solo<M> {
    machine: M,
    clock: Clock,
    now: Option<Instant>,
    ids: Ids,
    limits: Limits,
    outbox: Outbox,
}

impl<M: Single> Solo<M> {
    /// A node of the machine that `machine` makes. The seed is its only source of chance.
    pub fn new(
        clock: Clock,
        seed: Seed,
        limits: Limits,
        machine: impl FnOnce(&mut Ids) -> M,
    ) -> Self {
        let mut ids = Ids::new(seed);
        Self {
            machine: machine(&mut ids),
            clock,
            now: None,
            ids,
            limits,
            outbox: Outbox::default(),
        }
    }

    /// Lets `command` act on the machine, as an application's command does.
    pub fn command<T>(
        &mut self,
        now: Instant,
        command: impl FnOnce(&mut M, &mut Cx<'_>) -> T,
    ) -> T {
        let now = self.now.map_or(now, |last| last.max(now));
        self.now = Some(now);
        let mut cx = Cx {
            now,
            clock: &self.clock,
            ids: &mut self.ids,
            limits: &self.limits,
            outbox: &mut self.outbox,
        };
        command(&mut self.machine, &mut cx)
    }

    /// The machine, to look at.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// Says that the machine is reachable at `local`. Call it before anything is sent.
    pub fn add_listener(&mut self, transport: Transport, local: SocketAddr) {
        self.machine.add_listener(transport, local);
    }

    /// Lets somebody look on at every message in and out, or nobody.
    pub fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) {
        self.outbox.set_tap(tap);
    }

    /// Something arrived or happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.command(now, |machine, cx| match input {
            // It speaks on connections only.
            Input::Datagram { .. } => {}
            Input::Secured { conn, certificate } => machine.handle_secured(conn, &certificate),
            Input::Connected { conn, local } => {
                cx.outbox.connected(conn, local);
                machine.handle_connected(cx, conn);
            }
            Input::Data { conn, data } => machine.handle_data(cx, conn, data),
            Input::Closed { conn } => {
                cx.outbox.closed(conn);
                machine.handle_closed(cx, conn);
            }
        });
    }

    /// A peer has opened a connection to one of our listeners.
    pub fn handle_accept(
        &mut self,
        now: Instant,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> ConnId {
        self.command(now, |machine, cx| {
            let conn = cx.outbox.accept(Conn {
                protocol: M::PROTOCOL,
                transport,
                local: Some(local),
                peer,
                outgoing: false,
            });
            machine.handle_accepted(cx, conn);
            conn
        })
    }

    /// The deadline of [`poll_timeout`](Self::poll_timeout) has come; calling it early does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.command(now, |machine, cx| machine.handle_timeout(cx));
    }

    /// The addresses that a [`Transmit::Resolve`](crate::engine::Transmit::Resolve) asked for.
    pub fn resolved(&mut self, now: Instant, reply: &Reply<Vec<IpAddr>>, addresses: &[IpAddr]) {
        let question = reply.question();
        self.command(now, |machine, cx| {
            machine.handle_resolved(cx, question, addresses);
        });
    }

    /// The next thing to do or to know; `None` until something happens.
    pub fn poll_output(&mut self) -> Option<Output<M::Event>> {
        match self.outbox.pop() {
            Some(transmit) => Some(Output::Transmit(transmit)),
            None => self.machine.poll_event().map(Output::Event),
        }
    }

    /// Bytes for a connection whose socket can take some.
    pub fn poll_stream(&mut self, now: Instant, conn: ConnId) -> Option<Bytes> {
        self.command(now, |machine, cx| machine.poll_stream(cx, conn))
    }

    /// Until when the machine can be left alone.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    /// Whether the machine can take more bytes from a connection now.
    pub fn wants_read(&self, conn: ConnId) -> bool {
        self.machine.wants_read(conn, &self.limits)
    }
}
