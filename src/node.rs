//! Tier 4: the only thing with a run loop.
//!
//! A [`Node`] owns the clock's last reading, the seed, the outbox, the endpoints and one [`Role`]. Whoever
//! drives it gives it bytes and time and takes [`Output`]s; what that means for SIP, MSRP and the
//! conversation on them is settled inside, in one loop, before a call returns:
//!
//! ```text
//!   handle_input ─▶ sip::Endpoint ──┐
//!                   msrp::Endpoint ─┴▶ Legs ─▶ Role ─▶ Output::Event
//!                        ▲              ▲        │
//!                        └── Outbox ◀───┴────────┘ commands go down
//! ```
//!
//! What a node sends to one of its own listeners never leaves it: functions that live behind one address
//! speak SIP and MSRP with each other exactly as they would across hosts, without a socket in between.

pub mod ends;
mod hairpin;
mod machine;
mod solo;

pub use machine::Machine;
pub use solo::{Single, Solo};

use crate::conversation::Ends;
use crate::conversation::{self, Legs};
use crate::engine::{
    Clock, Conn, ConnId, Cx, Ids, Input, Limits, Outbox, Protocol, QuestionId, Record, Reply, Seed,
    Tap, Transmit, Transport,
};
use crate::{msrp, sip};
use bytes::Bytes;
use hairpin::{Hairpins, Turned};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// What a node is built from, besides its role.
#[derive(Debug)]
pub struct Config {
    /// How it speaks SIP.
    pub sip: sip::Config,
    /// How it speaks MSRP.
    pub msrp: msrp::Config,
    /// Its bounds.
    pub limits: Limits,
    /// Its wall-clock time.
    pub clock: Clock,
    /// Its only source of chance.
    pub seed: Seed,
}

impl Config {
    /// A node with default bounds that listens nowhere.
    pub fn new(clock: Clock, seed: Seed) -> Self {
        Self {
            sip: sip::Config::default(),
            msrp: msrp::Config::default(),
            limits: Limits::default(),
            clock,
            seed,
        }
    }
}

/// What a node wants its driver to do.
#[derive(Debug)]
pub enum Output<E> {
    /// Something the application should know.
    Event(E),
    /// Something that leaves the process.
    Transmit(Transmit),
}

/// What happens where legs meet: a policy over what the endpoints report.
///
/// A role gets every event that climbs this far and answers with commands on the [`Net`] it is handed.
pub trait Role {
    /// What the application hears from this role.
    type Event: std::fmt::Debug;

    /// Lets an event of SIP in, changed or not, or keeps it out: what is kept out makes no leg, and must be
    /// answered by the role.
    ///
    /// What begins something comes as [`Knocked`](sip::Event::Knocked) first, before a call or a subscription is made
    /// of it. To let it in later, when it is known who it is from, call [`sip::Endpoint::admit`].
    fn admit(&mut self, _net: &mut Net<'_, Self::Event>, event: sip::Event) -> Option<sip::Event> {
        Some(event)
    }

    /// Something happened on a leg, or a pager message came or went.
    fn handle_leg(&mut self, net: &mut Net<'_, Self::Event>, event: conversation::Event);

    /// Something happened in SIP that belongs to no leg.
    fn handle_sip(&mut self, net: &mut Net<'_, Self::Event>, event: sip::Event);

    /// Something happened in an MSRP session that belongs to no leg: one that the role has opened by itself, or what is
    /// left to be said of one whose leg is gone.
    fn handle_msrp(&mut self, _net: &mut Net<'_, Self::Event>, _event: msrp::Event) {}

    /// A deadline of [`poll_timeout`](Self::poll_timeout) has come.
    fn handle_timeout(&mut self, _net: &mut Net<'_, Self::Event>) {}

    /// Until when this role can be left alone.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// A role that asks questions of type `T`.
pub trait Answers<T>: Role {
    /// The answer to a question that this role asked.
    fn handle_answer(&mut self, net: &mut Net<'_, Self::Event>, question: QuestionId, answer: T);
}

/// All that a role can reach during a step.
#[derive(Debug)]
pub struct Net<'a, E> {
    /// The context and the endpoints.
    pub ends: Ends<'a>,
    /// Every leg of the node.
    pub legs: &'a mut Legs,
    events: &'a mut VecDeque<E>,
}

impl<E> Net<'_, E> {
    /// Tells the application something.
    pub fn emit(&mut self, event: E) {
        self.events.push_back(event);
    }

    /// The time of this step.
    pub fn now(&self) -> Instant {
        self.ends.cx.now
    }

    /// The right to answer a fresh question; its [`QuestionId`] comes back with the answer.
    pub fn ask<T>(&mut self) -> Reply<T> {
        Reply::new(self.ends.cx.outbox.question())
    }

    /// The same for a role inside this one, whose events go into a queue of its own.
    pub fn lend<'b, F>(&'b mut self, events: &'b mut VecDeque<F>) -> Net<'b, F> {
        Net {
            ends: Ends {
                cx: self.ends.cx.lend(),
                sip: self.ends.sip,
                msrp: self.ends.msrp,
            },
            legs: self.legs,
            events,
        }
    }
}

/// A machine that is complete: give it bytes and time, take what it wants sent and said.
///
/// Any number of commands and inputs may be given before the next poll, and polling twice does no harm:
/// there is no order to remember. Take outputs until there are none, pull the streams that asked for it,
/// and come back at [`poll_timeout`](Self::poll_timeout) at the latest.
#[derive(Debug)]
pub struct Node<R: Role> {
    role: R,
    clock: Clock,
    now: Option<Instant>,
    ids: Ids,
    limits: Limits,
    outbox: Outbox,
    sip: sip::Endpoint,
    msrp: msrp::Endpoint,
    legs: Legs,
    hairpins: Hairpins,
    events: VecDeque<R::Event>,
    transmits: VecDeque<Transmit>,
}

impl<R: Role> Node<R> {
    /// A node in the role that `role` makes.
    pub fn new(config: Config, role: impl FnOnce(&mut Ids) -> R) -> Self {
        let Config {
            sip,
            msrp,
            limits,
            clock,
            seed,
        } = config;
        let mut ids = Ids::new(seed);
        let sip = sip::Config { door: true, ..sip };
        Self {
            role: role(&mut ids),
            clock,
            now: None,
            sip: sip::Endpoint::new(sip, &mut ids),
            msrp: msrp::Endpoint::new(msrp, &mut ids),
            legs: Legs::new(&mut ids),
            hairpins: Hairpins {
                listeners: Vec::new(),
                pipes: ids.map(),
                stalled: Vec::new(),
            },
            outbox: Outbox::default(),
            limits,
            ids,
            events: VecDeque::new(),
            transmits: VecDeque::new(),
        }
    }

    /// Says that the node is reachable at `local`: it is what its own contacts and paths will name, and
    /// what it sends there stays inside. Call it before anything is sent.
    pub fn add_listener(&mut self, protocol: Protocol, transport: Transport, local: SocketAddr) {
        self.hairpins.listeners.push((protocol, transport, local));
        match protocol {
            Protocol::Sip => self.sip.add_listener(transport, local),
            Protocol::Msrp => self.msrp.add_listener(transport, local),
        }
    }

    /// What the Contact of this node's sessions says besides its address.
    pub fn set_contact(&mut self, contact: conversation::Contact) {
        self.legs.set_contact(contact);
    }

    /// What the certificate of this node is described by in sessions over TLS, so that peers believe it without
    /// anybody who vouches for it (RFC 8122). The driver's `Tls` knows it.
    pub fn set_fingerprint(&mut self, fingerprint: Option<crate::sdp::Fingerprint>) {
        self.msrp.set_fingerprint(fingerprint);
    }

    /// Lets somebody look on at every message in and out, or nobody.
    pub fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) {
        self.outbox.set_tap(tap);
    }

    /// Lets `command` act on the role and all that it can reach, as an application's command does.
    pub fn command<T>(
        &mut self,
        now: Instant,
        command: impl FnOnce(&mut R, &mut Net<'_, R::Event>) -> T,
    ) -> T {
        let result = self.step(now, command);
        self.settle();
        result
    }

    /// The role, to look at.
    pub fn role(&self) -> &R {
        &self.role
    }

    /// Something arrived or happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.step(now, |_, net| net.ends.handle_input(input));
        self.settle();
    }

    /// A peer has opened a connection to one of our listeners.
    pub fn handle_accept(
        &mut self,
        now: Instant,
        protocol: Protocol,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> ConnId {
        let conn = self.step(now, |_, net| {
            net.ends.handle_accept(protocol, transport, local, peer)
        });
        self.settle();
        conn
    }

    /// The deadline of [`poll_timeout`](Self::poll_timeout) has come; calling it early does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.step(now, |role, net| {
            net.ends.sip.handle_timeout(&mut net.ends.cx);
            net.ends.msrp.handle_timeout(&mut net.ends.cx);
            net.legs.handle_timeout(&mut net.ends);
            role.handle_timeout(net);
        });
        self.settle();
    }

    /// The addresses that a [`Transmit::Resolve`] asked for.
    pub fn resolved(&mut self, now: Instant, reply: Reply<Vec<IpAddr>>, addresses: Vec<IpAddr>) {
        let question = reply.question();
        self.step(now, |_, net| {
            let Ends { cx, sip, msrp } = &mut net.ends;
            if !sip.handle_resolved(cx, question, addresses.clone()) {
                msrp.handle_resolved(cx, question, &addresses);
            }
        });
        self.settle();
    }

    /// The records that a [`Transmit::LookUp`] asked for.
    pub fn looked_up(&mut self, now: Instant, reply: Reply<Vec<Record>>, records: Vec<Record>) {
        let question = reply.question();
        self.step(now, |_, net| {
            let Ends { cx, sip, .. } = &mut net.ends;
            sip.handle_looked_up(cx, question, records);
        });
        self.settle();
    }

    /// Answers a question that the role asked in an event.
    pub fn answer<T>(&mut self, now: Instant, reply: Reply<T>, value: T)
    where
        R: Answers<T>,
    {
        let question = reply.question();
        self.step(now, |role, net| role.handle_answer(net, question, value));
        self.settle();
    }

    /// The next thing to do or to know; `None` until something happens.
    pub fn poll_output(&mut self) -> Option<Output<R::Event>> {
        match self.transmits.pop_front() {
            Some(transmit) => Some(Output::Transmit(transmit)),
            None => self.events.pop_front().map(Output::Event),
        }
    }

    /// Bytes for a connection whose socket can take some. What is sent is decided here, at the pull, so
    /// pull no more than the socket takes: a short message then never waits behind a long one's bytes.
    pub fn poll_stream(&mut self, now: Instant, conn: ConnId) -> Option<Bytes> {
        let bytes = self.step(now, |_, net| net.ends.poll_stream(conn));
        self.settle();
        bytes
    }

    /// Until when the node can be left alone.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            self.sip.poll_timeout(),
            self.msrp.poll_timeout(),
            self.legs.poll_timeout(),
            self.role.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether the node can take more bytes from a connection now. While it cannot, leave them in the
    /// socket, where the peer feels them.
    pub fn wants_read(&self, conn: ConnId) -> bool {
        match self.outbox.conn(conn) {
            Some(Conn {
                protocol: Protocol::Sip,
                ..
            }) => self.sip.wants_read(conn),
            Some(Conn {
                protocol: Protocol::Msrp,
                ..
            }) => self.msrp.wants_read(conn),
            None => false,
        }
    }

    /// One step: everything in reach, at a time that never runs backwards.
    fn step<T>(
        &mut self,
        now: Instant,
        action: impl FnOnce(&mut R, &mut Net<'_, R::Event>) -> T,
    ) -> T {
        let now = self.now.map_or(now, |last| last.max(now));
        self.now = Some(now);
        let cx = Cx {
            now,
            clock: &self.clock,
            ids: &mut self.ids,
            limits: &self.limits,
            outbox: &mut self.outbox,
        };
        let ends = Ends {
            cx,
            sip: &mut self.sip,
            msrp: &mut self.msrp,
        };
        action(
            &mut self.role,
            &mut Net {
                ends,
                legs: &mut self.legs,
                events: &mut self.events,
            },
        )
    }

    /// Lets events climb and hairpins turn until all is quiet.
    fn settle(&mut self) {
        let Some(now) = self.now else { return };
        // A role that answers every event with a command that causes the same event would spin for ever.
        let mut rounds = 0_u32;
        loop {
            while self.step(now, climb) {
                rounds += 1;
                debug_assert!(
                    rounds < ROUNDS,
                    "a role answers an event with what causes it"
                );
                if rounds >= ROUNDS {
                    return;
                }
            }
            if !self.carry_out(now) && !self.resume() {
                return;
            }
        }
    }

    /// Lets pipes flow again whose far end can take more by now; false if there is none.
    fn resume(&mut self) -> bool {
        let stalled = std::mem::take(&mut self.hairpins.stalled);
        let (ready, stalled): (Vec<_>, Vec<_>) = stalled
            .into_iter()
            .filter(|from| self.hairpins.pipes.contains_key(from))
            .partition(|from| {
                (self.hairpins.pipes.get(from)).is_some_and(|to| self.wants_read(*to))
            });
        self.hairpins.stalled = stalled;
        for from in &ready {
            self.outbox.flush(*from);
        }
        !ready.is_empty()
    }

    /// Takes one thing out of the outbox: turned around if it is for ourselves, else left for the driver.
    fn carry_out(&mut self, now: Instant) -> bool {
        let Some(transmit) = self.outbox.pop() else {
            return false;
        };
        // Its connection may have ended since, so that nobody would know which one is meant.
        if let Transmit::Flush { conn } = transmit
            && self.outbox.conn(conn).is_none()
        {
            return true;
        }
        let Some(turned) = self.hairpins.turn(transmit, &mut self.transmits) else {
            return true;
        };
        match turned {
            Turned::Datagram(input) => self.step(now, |_, net| net.ends.handle_input(input)),
            Turned::Connect {
                conn,
                protocol,
                transport,
                local,
                peer,
            } => {
                let other = self.step(now, |_, net| {
                    net.ends.handle_accept(protocol, transport, peer, local)
                });
                self.hairpins.join(conn, other);
                // Who is at the other end needs no proof.
                if protocol == Protocol::Msrp {
                    self.msrp.handle_own(conn);
                    self.msrp.handle_own(other);
                }
                self.step(now, |_, net| {
                    net.ends.handle_input(Input::Connected { conn, local })
                });
            }
            Turned::Flush { from, to } => {
                // As much at a time as a driver would pull, so that sessions take turns here as well.
                for _ in 0..PULLS {
                    if !self.wants_read(to) {
                        if !self.hairpins.stalled.contains(&from) {
                            self.hairpins.stalled.push(from);
                        }
                        return true;
                    }
                    let Some(data) = self.step(now, |_, net| net.ends.poll_stream(from)) else {
                        return true;
                    };
                    self.step(now, |_, net| {
                        net.ends.handle_input(Input::Data { conn: to, data })
                    });
                    while self.step(now, climb) {}
                }
                self.outbox.flush(from);
            }
            // Both ends may have closed at once: then the word of the other is still to come, and for ourselves as well.
            Turned::Close { other } if self.outbox.conn(other).is_some() => {
                self.hairpins.pipes.remove(&other);
                self.step(now, |_, net| {
                    net.ends.handle_input(Input::Closed { conn: other })
                });
            }
            Turned::Close { .. } => {}
        }
        true
    }
}

/// Takes one event one tier up; false if there is none.
fn climb<R: Role>(role: &mut R, net: &mut Net<'_, R::Event>) -> bool {
    if let Some(event) = net.ends.sip.poll_event() {
        let admitted = role.admit(net, event);
        if let Some(sip::Event::Knocked {
            id,
            request,
            source,
        }) = admitted
        {
            (net.ends.sip).admit(&mut net.ends.cx, id, request, source);
        } else if let Some(event) =
            admitted.and_then(|event| net.legs.handle_sip(&mut net.ends, event))
        {
            role.handle_sip(net, event);
        }
    } else if let Some(event) = net.ends.msrp.poll_event() {
        if let Some(event) = net.legs.handle_msrp(&mut net.ends, event) {
            role.handle_msrp(net, event);
        }
    } else if let Some(event) = net.legs.poll_event() {
        role.handle_leg(net, event);
    } else {
        return false;
    }
    true
}

/// Events that may climb in one step before it is called endless.
const ROUNDS: u32 = 1_000_000;

/// Pieces of a stream that are handed over before other traffic has its turn.
const PULLS: usize = 64;
