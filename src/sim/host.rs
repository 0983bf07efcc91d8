//! The machines of this crate, as hosts of one world.

use super::{Hostile, Machine, World};
use crate::client::{self, Client};
use crate::engine::{ConnId, Input, Protocol, Record, Reply, Tap, Transport};
use crate::node::{Node, Output};
use crate::participating::{self, Participating};
use crate::store::Answerer;
use crate::store::engine::Memory;
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// A host: somebody's device, or a server.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "there are few, and both are large"
)]
pub enum Host {
    /// A device.
    Client(Node<Client>),
    /// A participating function and what answers its questions.
    Server(Server),
    /// Somebody who means harm.
    Hostile(Hostile),
}

/// What the application of a host hears.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "kept as it is, and most are of the larger kind"
)]
pub enum Event {
    /// On a device.
    Client(client::Event),
    /// On a server; its questions were answered before anybody hears them.
    Server(participating::Event),
    /// What an attacker learns: nothing.
    Hostile(std::convert::Infallible),
}

/// A participating function together with what answers its questions, after a while.
#[derive(Debug)]
pub struct Server {
    /// The function.
    pub node: Node<Participating>,
    /// What answers it. It is what outlives a crash.
    pub store: Answerer<Memory>,
    /// How long an answer takes. What was asked and not answered when the host crashes was not done.
    pub delay: Duration,
    pending: VecDeque<(Instant, participating::Event)>,
}

impl Server {
    /// A server whose questions are answered at once.
    pub const fn new(node: Node<Participating>, store: Answerer<Memory>) -> Self {
        Self {
            node,
            store,
            delay: Duration::ZERO,
            pending: VecDeque::new(),
        }
    }

    fn poll_output(&mut self, now: Instant) -> Option<Output<participating::Event>> {
        loop {
            match self.node.poll_output()? {
                Output::Event(event) if self.delay.is_zero() => {
                    if let Some(event) = self.store.answer(&mut self.node, now, event) {
                        return Some(Output::Event(event));
                    }
                }
                Output::Event(event) => match event {
                    event @ (participating::Event::Registered { .. }
                    | participating::Event::Expired { .. }) => return Some(Output::Event(event)),
                    question => self.pending.push_back((now + self.delay, question)),
                },
                output => return Some(output),
            }
        }
    }

    fn answer_due(&mut self, now: Instant) {
        while let Some((at, _)) = self.pending.front()
            && *at <= now
            && let Some((_, question)) = self.pending.pop_front()
        {
            // Only questions were put here.
            let _ = self.store.answer(&mut self.node, now, question);
        }
    }
}

/// The same of whichever machine it is.
macro_rules! each {
    ($host:expr, $machine:ident => $does:expr) => {
        match $host {
            Host::Client($machine) => $does,
            Host::Server(Server { node: $machine, .. }) => $does,
            Host::Hostile($machine) => $does,
        }
    };
}

impl Machine for Host {
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: Input) {
        each!(self, node => node.handle_input(now, input));
    }

    fn handle_accept(
        &mut self,
        now: Instant,
        protocol: Protocol,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> ConnId {
        each!(self, node => node.handle_accept(now, protocol, transport, local, peer))
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Server(server) = self {
            server.answer_due(now);
        }
        each!(self, node => node.handle_timeout(now));
    }

    fn resolved(&mut self, now: Instant, reply: Reply<Vec<IpAddr>>, addresses: Vec<IpAddr>) {
        each!(self, node => node.resolved(now, reply, addresses));
    }

    fn looked_up(&mut self, now: Instant, reply: Reply<Vec<Record>>, records: Vec<Record>) {
        each!(self, node => node.looked_up(now, reply, records));
    }

    fn poll_output(&mut self, now: Instant) -> Option<Output<Event>> {
        Some(match self {
            Self::Client(client) => match client.poll_output()? {
                Output::Event(event) => Output::Event(Event::Client(event)),
                Output::Transmit(transmit) => Output::Transmit(transmit),
            },
            Self::Server(server) => match server.poll_output(now)? {
                Output::Event(event) => Output::Event(Event::Server(event)),
                Output::Transmit(transmit) => Output::Transmit(transmit),
            },
            Self::Hostile(hostile) => match hostile.poll_output(now)? {
                Output::Event(never) => match never {},
                Output::Transmit(transmit) => Output::Transmit(transmit),
            },
        })
    }

    fn poll_stream(&mut self, now: Instant, conn: ConnId) -> Option<Bytes> {
        each!(self, node => node.poll_stream(now, conn))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let answer = match self {
            Self::Client(_) | Self::Hostile(_) => None,
            Self::Server(server) => server.pending.front().map(|(at, _)| *at),
        };
        let node = each!(self, node => node.poll_timeout());
        [answer, node].into_iter().flatten().min()
    }

    fn wants_read(&self, conn: ConnId) -> bool {
        each!(self, node => node.wants_read(conn))
    }

    fn add_listener(&mut self, protocol: Protocol, transport: Transport, local: SocketAddr) {
        each!(self, node => node.add_listener(protocol, transport, local));
    }

    fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) {
        each!(self, node => node.set_tap(tap));
    }
}

impl World<Host> {
    /// Does something on a device, as its user would.
    ///
    /// # Panics
    ///
    /// If the host is no device, or has crashed.
    pub fn client<T>(
        &mut self,
        name: &str,
        command: impl FnOnce(&mut Node<Client>, Instant) -> T,
    ) -> T {
        self.with(name, |host, now| match host {
            Host::Client(client) => command(client, now),
            Host::Server(_) | Host::Hostile(_) => panic!("{name} is no device"),
        })
    }

    /// Does something on a server.
    ///
    /// # Panics
    ///
    /// If the host is no server, or has crashed.
    pub fn server<T>(&mut self, name: &str, command: impl FnOnce(&mut Server, Instant) -> T) -> T {
        self.with(name, |host, now| match host {
            Host::Server(server) => command(server, now),
            Host::Client(_) | Host::Hostile(_) => panic!("{name} is no server"),
        })
    }

    /// Does something to somebody who means harm.
    ///
    /// # Panics
    ///
    /// If the host is nobody of the kind.
    pub fn hostile<T>(&mut self, name: &str, command: impl FnOnce(&mut Hostile) -> T) -> T {
        self.with(name, |host, _| match host {
            Host::Hostile(hostile) => command(hostile),
            Host::Client(_) | Host::Server(_) => panic!("{name} means no harm"),
        })
    }
}
