//! The world: hosts, what is between them, and what is seen of it.

use super::Machine;
use super::link::Link;
use super::pipe::{End, Pipe, PipeId};
use super::queue::{HostId, Queue};
use super::trace::{Seen, Trace};
use crate::engine::{Clock, ConnId, DateTime, Ids, Protocol, Record, RecordKind, Seed, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// Hosts, what is between them, and time.
///
/// Methods that take the name of a host panic if there is none of that name: a world is for tests, and a
/// wrong name is a wrong test.
#[derive(Debug)]
pub struct World<M: Machine> {
    pub(super) now: Instant,
    pub(super) clock: Clock,
    pub(super) chance: Ids,
    pub(super) hosts: Vec<Place<M>>,
    pub(super) by_ip: BTreeMap<IpAddr, HostId>,
    pub(super) names: BTreeMap<String, Vec<IpAddr>>,
    pub(super) zone: BTreeMap<(String, RecordKind), Vec<Record>>,
    pub(super) queue: Queue,
    pub(super) link: Link,
    pub(super) links: BTreeMap<(HostId, HostId), Link>,
    pub(super) parted: BTreeSet<(HostId, HostId)>,
    pub(super) pipes: BTreeMap<PipeId, Pipe>,
    pub(super) last_pipe: PipeId,
    pub(super) trace: Trace,
    pub(super) steps: u64,
}

/// Where a machine lives.
#[derive(Debug)]
pub(super) struct Place<M: Machine> {
    pub(super) name: Arc<str>,
    pub(super) ips: Vec<IpAddr>,
    /// `None` after a crash.
    pub(super) machine: Option<M>,
    /// Which of the machines that lived here this is.
    pub(super) life: u32,
    pub(super) plugged: bool,
    pub(super) listeners: Vec<(Protocol, Transport, SocketAddr)>,
    pub(super) conns: BTreeMap<ConnId, (PipeId, End)>,
    /// Ends with bytes that the machine did not want yet.
    pub(super) blocked: BTreeSet<(PipeId, End)>,
    pub(super) next_port: u16,
    pub(super) wake: Option<Instant>,
    /// How often the host was woken at this very time.
    pub(super) spins: (Instant, u32),
    pub(super) events: Vec<(Instant, M::Event)>,
}

impl<M: Machine> Place<M> {
    /// Takes the machine out, and forgets what belongs to its life.
    pub(super) fn vacate(&mut self) -> Option<M> {
        self.conns.clear();
        self.blocked.clear();
        self.wake = None;
        self.machine.take()
    }
}

impl<M: Machine> World<M> {
    /// An empty world whose time begins at `start`, when the clock on the wall shows `wall`.
    pub fn new(start: Instant, wall: DateTime, seed: u64) -> Self {
        Self {
            now: start,
            clock: Clock::new(start, wall),
            chance: Ids::new(Seed::from_number(seed)),
            hosts: Vec::new(),
            by_ip: BTreeMap::new(),
            names: BTreeMap::new(),
            zone: BTreeMap::new(),
            queue: Queue::default(),
            link: Link::default(),
            links: BTreeMap::new(),
            parted: BTreeSet::new(),
            pipes: BTreeMap::new(),
            last_pipe: 0,
            trace: Trace::new(),
            steps: 0,
        }
    }

    /// The time.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The clock that every host of this world should have.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// The source of chance of this world, for whatever a test leaves to it.
    pub const fn chance(&mut self) -> &mut Ids {
        &mut self.chance
    }

    /// A seed for a host.
    pub fn seed(&mut self) -> Seed {
        let mut seed = [0; 32];
        for part in seed.chunks_mut(8) {
            part.copy_from_slice(&self.chance.number().to_le_bytes());
        }
        Seed(seed)
    }

    /// Adds a host at `ip`.
    pub fn add(&mut self, name: &str, ip: IpAddr, machine: M) {
        let id = self.hosts.len();
        self.by_ip.insert(ip, id);
        self.names.entry(name.to_owned()).or_default().push(ip);
        self.hosts.push(Place {
            name: Arc::from(name),
            ips: vec![ip],
            machine: None,
            life: 0,
            plugged: true,
            listeners: Vec::new(),
            conns: BTreeMap::new(),
            blocked: BTreeSet::new(),
            next_port: FIRST_PORT,
            wake: None,
            spins: (self.now, 0),
            events: Vec::new(),
        });
        self.start(id, machine);
    }

    /// Gives a host a further address.
    pub fn add_address(&mut self, name: &str, ip: IpAddr) {
        let id = self.id(name);
        self.by_ip.insert(ip, id);
        self.hosts[id].ips.push(ip);
    }

    /// Lets a host listen on a port of its first address.
    pub fn listen(&mut self, name: &str, protocol: Protocol, transport: Transport, port: u16) {
        let id = self.id(name);
        let place = &mut self.hosts[id];
        let local = SocketAddr::new(place.ips[0], port);
        place.listeners.push((protocol, transport, local));
        if let Some(machine) = &mut place.machine {
            machine.add_listener(protocol, transport, local);
        }
        self.settle(id);
    }

    /// What a host name is resolved to; names of hosts are known as they are.
    pub fn name(&mut self, name: &str, addresses: Vec<IpAddr>) {
        self.names.insert(name.to_owned(), addresses);
    }

    /// What the domain name system says of a name besides its addresses.
    pub fn records(&mut self, name: &str, kind: RecordKind, records: Vec<Record>) {
        self.zone.insert((name.to_ascii_lowercase(), kind), records);
    }

    /// The first address of a host.
    pub fn ip(&self, name: &str) -> IpAddr {
        self.hosts[self.id(name)].ips[0]
    }

    /// The machine of a host, to look at.
    ///
    /// # Panics
    ///
    /// If it has crashed.
    pub fn machine(&self, name: &str) -> &M {
        self.hosts[self.id(name)]
            .machine
            .as_ref()
            .unwrap_or_else(|| panic!("{name} has crashed"))
    }

    /// Does something on a host, as its application would.
    ///
    /// # Panics
    ///
    /// If it has crashed.
    pub fn with<T>(&mut self, name: &str, command: impl FnOnce(&mut M, Instant) -> T) -> T {
        let (id, now) = (self.id(name), self.now);
        let machine = &mut self.hosts[id].machine;
        let machine = machine
            .as_mut()
            .unwrap_or_else(|| panic!("{name} has crashed"));
        let result = command(machine, now);
        self.settle(id);
        result
    }

    /// What the application of a host has heard so far.
    pub fn events(&self, name: &str) -> impl Iterator<Item = &M::Event> {
        self.timed_events(name).iter().map(|(_, event)| event)
    }

    /// The same with the time of each.
    pub fn timed_events(&self, name: &str) -> &[(Instant, M::Event)] {
        &self.hosts[self.id(name)].events
    }

    /// Takes what the application of a host has heard.
    pub fn take_events(&mut self, name: &str) -> Vec<(Instant, M::Event)> {
        let id = self.id(name);
        std::mem::take(&mut self.hosts[id].events)
    }

    /// A number made of every byte that was seen and everything that an application heard, each with its time
    /// and place: two runs with the same number were the same run.
    pub fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// Whether messages are remembered from now on.
    pub fn record(&mut self, records: bool) {
        self.trace.record(records);
    }

    /// The messages that were remembered, each as both of its ends saw it.
    pub fn seen(&self) -> Vec<Seen> {
        self.trace.seen()
    }

    /// Takes the messages that were remembered.
    pub fn take_seen(&mut self) -> Vec<Seen> {
        self.trace.take()
    }

    /// How many things have happened.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// How many streams there are of which at least one end does not know that it is broken.
    pub fn streams(&self) -> usize {
        self.pipes.len()
    }

    pub(super) fn id(&self, name: &str) -> HostId {
        self.hosts
            .iter()
            .position(|place| &*place.name == name)
            .unwrap_or_else(|| panic!("there is no host {name}"))
    }

    pub(super) fn start(&mut self, id: HostId, mut machine: M) {
        let place = &mut self.hosts[id];
        machine.set_tap(Some(self.trace.eye(&place.name)));
        for &(protocol, transport, local) in &place.listeners {
            machine.add_listener(protocol, transport, local);
        }
        place.machine = Some(machine);
        place.life += 1;
        self.settle(id);
    }
}

/// The first port that a host connects from.
pub(super) const FIRST_PORT: u16 = 40_000;
