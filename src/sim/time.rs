//! How time passes in a world.

use super::queue::{Happening, HostId};
use super::{Machine, World};
use crate::engine::{Input, Transmit};
use crate::node::Output;
use std::time::{Duration, Instant};

impl<M: Machine> World<M> {
    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.queue.next().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
    }

    /// Lets time pass until `predicate`, or for `patience`; returns what `predicate` says then.
    pub fn run_until(
        &mut self,
        mut predicate: impl FnMut(&Self) -> bool,
        patience: Duration,
    ) -> bool {
        let end = self.now + patience;
        while !predicate(self) {
            if self.queue.next().is_none_or(|at| at > end) {
                self.now = end;
                return predicate(self);
            }
            self.step();
        }
        true
    }

    /// Lets time pass until no application has heard anything for `lull`, or for `patience`. False if there was
    /// no such lull.
    pub fn run_until_idle(&mut self, lull: Duration, patience: Duration) -> bool {
        let end = self.now + patience;
        let mut quiet_since = self.now;
        let mut heard = self.heard();
        loop {
            let until = quiet_since + lull;
            if until > end {
                self.run_for(end.saturating_duration_since(self.now));
                return false;
            }
            match self.queue.next() {
                Some(at) if at <= until => self.step(),
                _ => {
                    self.now = until;
                    return true;
                }
            }
            let count = self.heard();
            if count != heard {
                (heard, quiet_since) = (count, self.now);
            }
        }
    }

    fn heard(&self) -> usize {
        self.hosts.iter().map(|place| place.events.len()).sum()
    }

    /// Lets the next thing happen.
    fn step(&mut self) {
        let Some((at, happening)) = self.queue.pop() else {
            return;
        };
        self.now = self.now.max(at);
        self.steps += 1;
        match happening {
            Happening::Datagram {
                to,
                local,
                peer,
                data,
            } => {
                let input = Input::Datagram { local, peer, data };
                self.input(to, input);
            }
            Happening::Knock(pipe) => self.knock(pipe),
            Happening::Opened(pipe, accepted) => self.opened(pipe, accepted),
            Happening::Segment(pipe, end, data) => self.segment(pipe, end, data),
            Happening::Credit(pipe, end, read) => self.credit(pipe, end, read),
            Happening::Finished(pipe, end) => self.finished(pipe, end),
            Happening::Reset(pipe, end) => self.reset(pipe, end),
            Happening::TimedOut(pipe, end) => self.timed_out(pipe, end),
            Happening::Resolved {
                host,
                life,
                reply,
                addresses,
            } => {
                let now = self.now;
                let place = &mut self.hosts[host];
                if let Some(machine) = place.machine.as_mut().filter(|_| place.life == life) {
                    machine.resolved(now, reply, addresses);
                    self.settle(host);
                }
            }
            Happening::LookedUp {
                host,
                life,
                reply,
                records,
            } => {
                let now = self.now;
                let place = &mut self.hosts[host];
                if let Some(machine) = place.machine.as_mut().filter(|_| place.life == life) {
                    machine.looked_up(now, reply, records);
                    self.settle(host);
                }
            }
            Happening::Wake(host) => self.wake(host, at),
        }
    }

    fn wake(&mut self, id: HostId, at: Instant) {
        let now = self.now;
        let place = &mut self.hosts[id];
        if place.wake != Some(at) {
            return;
        }
        place.wake = None;
        if place.spins.0 != now {
            place.spins = (now, 0);
        }
        place.spins.1 += 1;
        assert!(
            place.spins.1 < SPINS,
            "the deadline of {} does not pass: {:?}",
            place.name,
            place.machine.as_ref().and_then(Machine::poll_timeout)
        );
        if let Some(machine) = &mut place.machine {
            machine.handle_timeout(now);
            self.settle(id);
        }
    }

    pub(super) fn input(&mut self, id: HostId, input: Input) {
        let now = self.now;
        if let Some(machine) = &mut self.hosts[id].machine {
            machine.handle_input(now, input);
            self.settle(id);
        }
    }

    /// Takes everything out of a machine, gives it the bytes that it wants by now, and sees when it wants
    /// to be called again.
    pub(super) fn settle(&mut self, id: HostId) {
        let now = self.now;
        loop {
            while let Some(output) = self.hosts[id]
                .machine
                .as_mut()
                .and_then(|machine| machine.poll_output(now))
            {
                match output {
                    Output::Event(event) => {
                        let place = &mut self.hosts[id];
                        let heard = format!("{} {} {event:?}", place.name, self.clock.wall(now));
                        self.trace.add(heard.as_bytes());
                        place.events.push((now, event));
                    }
                    Output::Transmit(transmit) => self.transmit(id, transmit),
                }
            }
            if !self.read_blocked(id) {
                break;
            }
        }
        let place = &mut self.hosts[id];
        let at = place.machine.as_ref().and_then(Machine::poll_timeout);
        let at = at.map(|at| at.max(now));
        if at != place.wake {
            place.wake = at;
            if let Some(at) = at {
                self.queue.push(at, Happening::Wake(id));
            }
        }
    }

    pub(super) fn transmit(&mut self, id: HostId, transmit: Transmit) {
        match transmit {
            Transmit::Datagram { local, peer, data } => self.datagram(id, local, peer, data),
            Transmit::Connect {
                conn,
                protocol,
                transport,
                peer,
                ..
            } => self.connect(id, conn, protocol, transport, peer),
            Transmit::Flush { conn } => {
                if let Some(&(pipe, end)) = self.hosts[id].conns.get(&conn) {
                    self.pump(pipe, end);
                }
            }
            Transmit::Close { conn } => self.close(id, conn),
            Transmit::Resolve { host, reply } => {
                let addresses = self.names.get(&*host).cloned().unwrap_or_default();
                let at = self.now + self.link.latency(&mut self.chance);
                let life = self.hosts[id].life;
                self.queue.push(
                    at,
                    Happening::Resolved {
                        host: id,
                        life,
                        reply,
                        addresses,
                    },
                );
            }
            Transmit::LookUp { name, kind, reply } => {
                let zone = self.zone.get(&(name.to_ascii_lowercase(), kind));
                let records = zone.cloned().unwrap_or_default();
                let at = self.now + self.link.latency(&mut self.chance);
                let life = self.hosts[id].life;
                self.queue.push(
                    at,
                    Happening::LookedUp {
                        host: id,
                        life,
                        reply,
                        records,
                    },
                );
            }
        }
    }
}

/// How often a host may ask to be woken at one time.
const SPINS: u32 = 100_000;
