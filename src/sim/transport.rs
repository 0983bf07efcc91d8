//! How datagrams and streams cross a world.

use super::link::happens;
use super::pipe::{End, Pipe, PipeId, Side, State};
use super::queue::{Happening, HostId};
use super::world::FIRST_PORT;
use super::{Machine, World};
use crate::engine::{ConnId, Input, Protocol, Transport};
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;

impl<M: Machine> World<M> {
    pub(super) fn datagram(
        &mut self,
        from: HostId,
        local: Option<SocketAddr>,
        peer: SocketAddr,
        data: Bytes,
    ) {
        let place = &self.hosts[from];
        let bound = place
            .listeners
            .iter()
            .find(|(_, transport, _)| *transport == Transport::Udp)
            .map(|(_, _, local)| *local);
        let Some(local) = local.or(bound) else {
            return;
        };
        let Some(&to) = self.by_ip.get(&peer.ip()) else {
            return;
        };
        let listens = self.hosts[to]
            .listeners
            .contains(&(Protocol::Sip, Transport::Udp, peer));
        if !listens || self.is_parted(from, to) {
            return;
        }
        let link = self.link_of(from, to);
        for after in link.datagram(&mut self.chance).into_iter().flatten() {
            let data = data.clone();
            self.queue.push(
                self.now + after,
                Happening::Datagram {
                    to,
                    local: peer,
                    peer: local,
                    data,
                },
            );
        }
    }

    pub(super) fn connect(
        &mut self,
        from: HostId,
        conn: ConnId,
        protocol: Protocol,
        transport: Transport,
        peer: SocketAddr,
    ) {
        let now = self.now;
        let place = &mut self.hosts[from];
        place.next_port = place.next_port.checked_add(1).unwrap_or(FIRST_PORT);
        let local = SocketAddr::new(place.ips[0], place.next_port);
        self.last_pipe += 1;
        let id = self.last_pipe;
        place.conns.insert(conn, (id, End::Caller));
        let plugged = place.plugged;
        let to = self.by_ip.get(&peer.ip()).copied();
        self.pipes.insert(
            id,
            Pipe {
                protocol,
                transport,
                caller: Side::new(Some(from), local, Some(conn), State::Opening),
                listener: Side::new(to, peer, None, State::Opening),
            },
        );
        match to {
            _ if !plugged => self.queue.push(now, Happening::Opened(id, false)),
            Some(to) if !self.is_parted(from, to) => {
                let at = now + self.latency(id);
                self.queue.push(at, Happening::Knock(id));
            }
            _ => {
                let at = now + UNREACHABLE;
                self.queue.push(at, Happening::Opened(id, false));
            }
        }
    }

    pub(super) fn knock(&mut self, id: PipeId) {
        let (now, at) = (self.now, self.now + self.latency(id));
        let Some(pipe) = self.pipes.get_mut(&id) else {
            return;
        };
        if !pipe.caller.is_live() {
            self.pipes.remove(&id);
            return;
        }
        let (local, peer) = (pipe.listener.addr, pipe.caller.addr);
        let (protocol, transport) = (pipe.protocol, pipe.transport);
        let Some(to) = pipe.listener.host else { return };
        let place = &mut self.hosts[to];
        let listens = place.plugged && place.listeners.contains(&(protocol, transport, local));
        let machine = place.machine.as_mut().filter(|_| listens);
        self.queue
            .push(at, Happening::Opened(id, machine.is_some()));
        let Some(machine) = machine else { return };
        let conn = machine.handle_accept(now, protocol, transport, local, peer);
        place.conns.insert(conn, (id, End::Listener));
        let side = &mut pipe.listener;
        (side.conn, side.state, side.arrives) = (Some(conn), State::Open, Some(at));
        self.settle(to);
        self.pump(id, End::Listener);
        self.settle(to);
    }

    pub(super) fn opened(&mut self, id: PipeId, accepted: bool) {
        let Some(pipe) = self.pipes.get_mut(&id) else {
            return;
        };
        let side = &mut pipe.caller;
        if side.state != State::Opening {
            return;
        }
        if !accepted {
            pipe.listener.state = State::Gone;
            return self.tell_closed(id, End::Caller);
        }
        side.state = State::Open;
        let (Some(host), Some(conn)) = (side.host, side.conn) else {
            return;
        };
        let local = side.addr;
        self.input(host, Input::Connected { conn, local });
        self.pump(id, End::Caller);
        self.settle(host);
    }

    /// Pulls what the window of a stream has room for.
    pub(super) fn pump(&mut self, id: PipeId, end: End) {
        let now = self.now;
        loop {
            let Some(pipe) = self.pipes.get_mut(&id) else {
                return;
            };
            let side = pipe.side_mut(end);
            side.wanting = true;
            let (Some(host), Some(conn), State::Open) = (side.host, side.conn, side.state) else {
                return;
            };
            let other = pipe.side(end.other()).host;
            let in_flight = pipe.side(end).in_flight;
            let link = other.map_or(self.link, |other| self.link_of(host, other));
            if in_flight >= link.window {
                return;
            }
            let data = self.hosts[host]
                .machine
                .as_mut()
                .and_then(|machine| machine.poll_stream(now, conn));
            let Some(data) = data else {
                if let Some(pipe) = self.pipes.get_mut(&id) {
                    pipe.side_mut(end).wanting = false;
                }
                return;
            };
            self.send(id, end, data);
        }
    }

    pub(super) fn send(&mut self, id: PipeId, end: End, mut data: Bytes) {
        if let Some(pipe) = self.pipes.get_mut(&id) {
            pipe.side_mut(end).in_flight += data.len();
        }
        if data.len() > 1 && happens(&mut self.chance, self.link.split) {
            let bound = u64::try_from(data.len() - 1).unwrap_or(0);
            let at = usize::try_from(self.chance.below(bound)).unwrap_or(0) + 1;
            let first = data.split_to(at);
            self.send_segment(id, end, first);
        }
        self.send_segment(id, end, data);
    }

    pub(super) fn send_segment(&mut self, id: PipeId, end: End, data: Bytes) {
        let (now, latency) = (self.now, self.latency(id));
        let parted = self.is_cut(id);
        let Some(pipe) = self.pipes.get_mut(&id) else {
            return;
        };
        let side = pipe.side_mut(end);
        if parted || !side.stalled.is_empty() {
            side.stalled.push_back(data);
            self.queue.push(now + BROKEN, Happening::TimedOut(id, end));
            return;
        }
        let at = side.arrives.map_or(now, |last| last).max(now + latency);
        side.arrives = Some(at);
        self.queue
            .push(at, Happening::Segment(id, end.other(), data));
    }

    pub(super) fn segment(&mut self, id: PipeId, end: End, data: Bytes) {
        let (now, back) = (self.now, self.now + self.latency(id));
        let parted = self.is_cut(id);
        let Some(pipe) = self.pipes.get_mut(&id) else {
            return;
        };
        let side = pipe.side_mut(end);
        let Some(host) = side.host else { return };
        if side.state != State::Open {
            // The host says that it knows of no such stream, if it can.
            let told = if parted {
                Happening::TimedOut(id, end.other())
            } else {
                Happening::Reset(id, end.other())
            };
            self.queue
                .push(if parted { now + BROKEN } else { back }, told);
            return;
        }
        side.inbox.push_back(data);
        self.hosts[host].blocked.insert((id, end));
        self.settle(host);
    }

    /// Gives a machine what has arrived for it, as far as it wants it; false if there was nothing to give.
    pub(super) fn read_blocked(&mut self, id: HostId) -> bool {
        let now = self.now;
        let mut read = false;
        for (pipe_id, end) in self.hosts[id].blocked.clone() {
            let back = now + self.latency(pipe_id);
            let place = &mut self.hosts[id];
            let Some(pipe) = self.pipes.get_mut(&pipe_id) else {
                place.blocked.remove(&(pipe_id, end));
                continue;
            };
            let side = pipe.side_mut(end);
            let (Some(machine), Some(conn), State::Open) =
                (&mut place.machine, side.conn, side.state)
            else {
                place.blocked.remove(&(pipe_id, end));
                continue;
            };
            if let Some(data) = side.inbox.front()
                && machine.wants_read(conn)
            {
                let (data, len) = (data.clone(), data.len());
                side.inbox.pop_front();
                machine.handle_input(now, Input::Data { conn, data });
                self.queue
                    .push(back, Happening::Credit(pipe_id, end.other(), len));
                read = true;
            }
            let side = pipe.side(end);
            if side.inbox.is_empty() {
                place.blocked.remove(&(pipe_id, end));
                if side.finished {
                    self.queue.push(now, Happening::Reset(pipe_id, end));
                }
            }
        }
        read
    }

    pub(super) fn credit(&mut self, id: PipeId, end: End, read: usize) {
        let Some(pipe) = self.pipes.get_mut(&id) else {
            return;
        };
        let side = pipe.side_mut(end);
        side.in_flight = side.in_flight.saturating_sub(read);
        if let (true, Some(host)) = (side.wanting, side.host) {
            self.pump(id, end);
            self.settle(host);
        }
    }

    /// The machine closes a stream behind what it has sent.
    pub(super) fn close(&mut self, id: HostId, conn: ConnId) {
        let Some((pipe_id, end)) = self.hosts[id].conns.remove(&conn) else {
            return;
        };
        let at = self.now + self.latency(pipe_id);
        let parted = self.is_cut(pipe_id);
        let Some(pipe) = self.pipes.get_mut(&pipe_id) else {
            return;
        };
        let side = pipe.side_mut(end);
        side.state = State::Gone;
        let at = side.arrives.map_or(at, |last| last.max(at));
        if pipe.is_gone() {
            self.pipes.remove(&pipe_id);
        } else if !parted {
            self.queue
                .push(at, Happening::Finished(pipe_id, end.other()));
        }
    }

    pub(super) fn finished(&mut self, id: PipeId, end: End) {
        let Some(pipe) = self.pipes.get_mut(&id) else {
            return;
        };
        let side = pipe.side_mut(end);
        if side.state != State::Open {
            return;
        }
        side.finished = true;
        if side.inbox.is_empty() {
            self.reset(id, end);
        }
    }

    pub(super) fn reset(&mut self, id: PipeId, end: End) {
        let host = self.pipes.get(&id).and_then(|pipe| pipe.side(end).host);
        self.tell_closed(id, end);
        if let Some(host) = host {
            self.settle(host);
        }
    }

    /// Nothing that was sent was acknowledged for long: true if the other end is gone or cannot be reached.
    pub(super) fn timed_out(&mut self, id: PipeId, end: End) {
        let Some(pipe) = self.pipes.get(&id) else {
            return;
        };
        if !pipe.side(end.other()).is_live() || !pipe.side(end).stalled.is_empty() {
            self.reset(id, end);
        }
    }

    /// Tells a machine that a stream is no more.
    pub(super) fn tell_closed(&mut self, id: PipeId, end: End) {
        let now = self.now;
        let Some(pipe) = self.pipes.get_mut(&id) else {
            return;
        };
        let side = pipe.side_mut(end);
        if side.state != State::Gone {
            side.state = State::Gone;
            if let (Some(host), Some(conn)) = (side.host, side.conn) {
                let place = &mut self.hosts[host];
                place.conns.remove(&conn);
                if let Some(machine) = &mut place.machine {
                    machine.handle_input(now, Input::Closed { conn });
                    self.settle(host);
                }
            }
        }
        if self.pipes.get(&id).is_some_and(Pipe::is_gone) {
            self.pipes.remove(&id);
        }
    }

    pub(super) fn ends_of(&self, id: HostId) -> Vec<(PipeId, End)> {
        self.hosts[id].conns.values().copied().collect()
    }

    /// What was held up by a parted network goes on its way.
    pub(super) fn go_on(&mut self) {
        let ids = self.pipes.keys().copied().collect::<Vec<_>>();
        for id in ids {
            if self.is_cut(id) {
                continue;
            }
            for end in [End::Caller, End::Listener] {
                let Some(pipe) = self.pipes.get_mut(&id) else {
                    continue;
                };
                for data in std::mem::take(&mut pipe.side_mut(end).stalled) {
                    self.send_segment(id, end, data);
                }
            }
        }
    }
}

/// How long a stream tries to bring bytes to a host that does not answer.
const BROKEN: Duration = Duration::from_secs(60);

/// How long it tries to connect to one.
const UNREACHABLE: Duration = Duration::from_secs(30);
