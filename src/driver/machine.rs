//! What the sockets need of a node, so that they can be tested with something smaller.

use crate::engine::{ConnId, Input, Protocol, Record, Reply, Transport};
use crate::node::{Node, Output, Role, Single, Solo};
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// The rim of a [`Node`]: each method does what the one of the same name does there.
pub(super) trait Machine {
    type Event;
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
    fn poll_output(&mut self) -> Option<Output<Self::Event>>;
    fn poll_stream(&mut self, now: Instant, conn: ConnId) -> Option<Bytes>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn wants_read(&self, conn: ConnId) -> bool;
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

    fn poll_output(&mut self) -> Option<Output<R::Event>> {
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

    fn poll_output(&mut self) -> Option<Output<M::Event>> {
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
}
