//! What whoever runs a machine needs of it: the sockets of the driver, and the simulated world.

use super::{Node, Output, Role, Single, Solo};
use crate::engine::{ConnId, Input, Protocol, Record, Reply, Tap, Transport};
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// The rim of a [`Node`], or of something around one: each method does what the one of the same name does
/// there.
#[allow(missing_docs, reason = "they are those of Node")]
pub trait Machine {
    /// What its application hears.
    type Event: std::fmt::Debug;

    fn handle_input(&mut self, now: Instant, input: Input);
    fn handle_accept(
        &mut self,
        now: Instant,
        protocol: Protocol,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> ConnId;
    fn handle_timeout(&mut self, now: Instant);
    fn resolved(&mut self, now: Instant, reply: Reply<Vec<IpAddr>>, addresses: Vec<IpAddr>);
    fn looked_up(&mut self, now: Instant, reply: Reply<Vec<Record>>, records: Vec<Record>);
    fn poll_output(&mut self, now: Instant) -> Option<Output<Self::Event>>;
    fn poll_stream(&mut self, now: Instant, conn: ConnId) -> Option<Bytes>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn wants_read(&self, conn: ConnId) -> bool;
    fn add_listener(&mut self, protocol: Protocol, transport: Transport, local: SocketAddr);
    fn set_tap(&mut self, tap: Option<Box<dyn Tap>>);
}

impl<R: Role> Machine for Node<R> {
    type Event = R::Event;

    fn handle_input(&mut self, now: Instant, input: Input) {
        self.handle_input(now, input);
    }

    fn handle_accept(
        &mut self,
        now: Instant,
        protocol: Protocol,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> ConnId {
        self.handle_accept(now, protocol, transport, local, peer)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn resolved(&mut self, now: Instant, reply: Reply<Vec<IpAddr>>, addresses: Vec<IpAddr>) {
        self.resolved(now, reply, addresses);
    }

    fn looked_up(&mut self, now: Instant, reply: Reply<Vec<Record>>, records: Vec<Record>) {
        self.looked_up(now, reply, records);
    }

    fn poll_output(&mut self, _now: Instant) -> Option<Output<R::Event>> {
        self.poll_output()
    }

    fn poll_stream(&mut self, now: Instant, conn: ConnId) -> Option<Bytes> {
        self.poll_stream(now, conn)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn wants_read(&self, conn: ConnId) -> bool {
        self.wants_read(conn)
    }

    fn add_listener(&mut self, protocol: Protocol, transport: Transport, local: SocketAddr) {
        self.add_listener(protocol, transport, local);
    }

    fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) {
        self.set_tap(tap);
    }
}

impl<M: Single> Machine for Solo<M> {
    type Event = M::Event;

    fn handle_input(&mut self, now: Instant, input: Input) {
        self.handle_input(now, input);
    }

    fn handle_accept(
        &mut self,
        now: Instant,
        _protocol: Protocol,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> ConnId {
        self.handle_accept(now, transport, local, peer)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn resolved(&mut self, now: Instant, reply: Reply<Vec<IpAddr>>, addresses: Vec<IpAddr>) {
        self.resolved(now, &reply, &addresses);
    }

    /// MSRP asks for no records.
    fn looked_up(&mut self, _now: Instant, _reply: Reply<Vec<Record>>, _records: Vec<Record>) {}

    fn poll_output(&mut self, _now: Instant) -> Option<Output<M::Event>> {
        self.poll_output()
    }

    fn poll_stream(&mut self, now: Instant, conn: ConnId) -> Option<Bytes> {
        self.poll_stream(now, conn)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn wants_read(&self, conn: ConnId) -> bool {
        self.wants_read(conn)
    }

    fn add_listener(&mut self, _protocol: Protocol, transport: Transport, local: SocketAddr) {
        self.add_listener(transport, local);
    }

    fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) {
        self.set_tap(tap);
    }
}
