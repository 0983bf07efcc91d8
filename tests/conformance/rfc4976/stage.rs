//! Clients and relays in a world of their own.

use bytes::Bytes;
use cpm::engine::{
    Clock, ConnId, DateTime, Input, Limits, Protocol, Record, Reply, Seed, Tap, Transport,
};
use cpm::msrp::relay::{self, Password, Relay};
use cpm::msrp::{
    self, Endpoint, Outgoing, RelayAccount, Role, SendId, SessionId, Settings, Status, Uri,
};
use cpm::node::{Output, Solo};
use cpm::sim::{Machine, World};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// What a host has heard.
#[derive(Debug)]
pub(crate) enum Heard {
    Msrp(msrp::Event),
    /// A message that was received and accepted.
    Got(Bytes),
    Relay(#[expect(dead_code, reason = "shown when a test fails")] relay::Event),
}

/// A client that accepts what it gets, or a relay that knows everybody's password.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there are few")]
pub(crate) enum Host {
    Client(Solo<Endpoint>),
    Relay(Solo<Relay>),
}

macro_rules! either {
    ($self:expr, $host:ident => $call:expr) => {
        match $self {
            Host::Client($host) => $call,
            Host::Relay($host) => $call,
        }
    };
}

impl Machine for Host {
    type Event = Heard;

    fn handle_input(&mut self, now: Instant, input: Input) {
        either!(self, host => host.handle_input(now, input));
    }

    fn handle_accept(
        &mut self,
        now: Instant,
        _protocol: Protocol,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> ConnId {
        either!(self, host => host.handle_accept(now, transport, local, peer))
    }

    fn handle_timeout(&mut self, now: Instant) {
        either!(self, host => host.handle_timeout(now));
    }

    fn resolved(&mut self, now: Instant, reply: Reply<Vec<IpAddr>>, addresses: Vec<IpAddr>) {
        either!(self, host => host.resolved(now, &reply, &addresses));
    }

    fn looked_up(&mut self, _now: Instant, _reply: Reply<Vec<Record>>, _records: Vec<Record>) {}

    fn poll_output(&mut self, now: Instant) -> Option<Output<Heard>> {
        loop {
            return Some(match self {
                Self::Client(client) => match client.poll_output()? {
                    Output::Transmit(transmit) => Output::Transmit(transmit),
                    Output::Event(msrp::Event::Received { message, .. }) => {
                        client.command(now, |endpoint, cx| endpoint.accept(cx, message.receipt));
                        Output::Event(Heard::Got(message.body))
                    }
                    Output::Event(event) => Output::Event(Heard::Msrp(event)),
                },
                Self::Relay(relay) => match relay.poll_output()? {
                    Output::Transmit(transmit) => Output::Transmit(transmit),
                    Output::Event(relay::Event::Password { reply, .. }) => {
                        let password = Some(Password::Plain("secret".into()));
                        relay.command(now, |relay, cx| relay.answer(cx, reply, password));
                        continue;
                    }
                    Output::Event(event) => Output::Event(Heard::Relay(event)),
                },
            });
        }
    }

    fn poll_stream(&mut self, now: Instant, conn: ConnId) -> Option<Bytes> {
        either!(self, host => host.poll_stream(now, conn))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        either!(self, host => host.poll_timeout())
    }

    fn wants_read(&self, conn: ConnId) -> bool {
        either!(self, host => host.wants_read(conn))
    }

    fn add_listener(&mut self, _protocol: Protocol, transport: Transport, local: SocketAddr) {
        either!(self, host => host.add_listener(transport, local));
    }

    fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) {
        either!(self, host => host.set_tap(tap));
    }
}

/// A world with two clients and two relays.
pub(crate) struct Stage {
    pub(crate) world: World<Host>,
}

impl Stage {
    pub(crate) fn new(seed: u64) -> Self {
        let wall = DateTime::parse_from_rfc3339("2026-01-01T10:00:00+01:00").unwrap();
        let mut world = World::new(Instant::now(), wall, seed);
        for (name, last) in [("alice", 1), ("bob", 2)] {
            let (clock, seed) = (world.clock(), world.seed());
            let client = Solo::new(clock, seed, Limits::default(), |ids| {
                Endpoint::new(msrp::Config::default(), ids)
            });
            world.add(name, IpAddr::from([10, 0, 0, last]), Host::Client(client));
        }
        for (name, last) in [("a.example.com", 8), ("b.example.com", 9)] {
            let (clock, seed) = (world.clock(), world.seed());
            let relay = Host::Relay(relay(name, clock, seed));
            world.add(name, IpAddr::from([10, 0, 0, last]), relay);
            world.listen(name, Protocol::Msrp, Transport::Tls, 2855);
        }
        Self { world }
    }

    pub(crate) fn with<T>(
        &mut self,
        name: &str,
        command: impl FnOnce(&mut Endpoint, &mut cpm::engine::Cx<'_>) -> T,
    ) -> T {
        self.world.with(name, |host, now| match host {
            Host::Client(client) => client.command(now, command),
            Host::Relay(_) => panic!("{name} is a relay"),
        })
    }

    /// A session of a client behind relays, when they have agreed.
    pub(crate) fn session(&mut self, name: &str, relays: &[&str]) -> (SessionId, Vec<Uri>) {
        let uri = |relay: &&str| format!("msrps://{relay}:2855;tcp");
        let relays: Vec<String> = relays.iter().map(uri).collect();
        self.session_with(name, Settings::default(), &relays)
    }

    /// The same, the relays by their URIs.
    pub(crate) fn session_with(
        &mut self,
        name: &str,
        settings: Settings,
        relays: &[String],
    ) -> (SessionId, Vec<Uri>) {
        let session = self
            .with(name, |endpoint, cx| endpoint.open(cx, settings))
            .unwrap();
        if !relays.is_empty() {
            let account = |relay: &String| {
                let uri = relay.parse().unwrap();
                RelayAccount::new(uri, name.into(), "secret".into())
            };
            let chain = relays.iter().map(account).collect();
            self.with(name, |endpoint, cx| {
                endpoint.authorize(cx, session, chain, None);
            });
            let agreed = self.world.run_until(
                |world| {
                    world.events(name).any(|event| {
                        matches!(event, Heard::Msrp(msrp::Event::Authorized { session: s }) if *s == session)
                    })
                },
                Duration::from_secs(10),
            );
            assert!(agreed, "{:?}", self.world.timed_events(name));
        }
        let path = self.with(name, |endpoint, _| endpoint.local_path(session).unwrap());
        assert_eq!(path.len(), relays.len() + 1);
        (session, path)
    }

    /// A session between the two, each behind relays.
    pub(crate) fn pair(&mut self, alice: &[&str], bob: &[&str]) -> [SessionId; 2] {
        let alice = self.session("alice", alice);
        let bob = self.session("bob", bob);
        self.join(alice, bob)
    }

    /// Tells each of the other's path.
    pub(crate) fn join(
        &mut self,
        (a, a_path): (SessionId, Vec<Uri>),
        (b, b_path): (SessionId, Vec<Uri>),
    ) -> [SessionId; 2] {
        self.with("bob", |endpoint, cx| {
            endpoint.start(cx, b, a_path, Role::Passive);
        });
        self.with("alice", |endpoint, cx| {
            endpoint.start(cx, a, b_path, Role::Active { peer: None });
        });
        [a, b]
    }

    pub(crate) fn send(&mut self, name: &str, session: SessionId, body: &Bytes) -> SendId {
        let mut message = Outgoing::new("text/plain".into(), body.clone());
        message.success_report = true;
        self.with(name, |endpoint, cx| endpoint.send(cx, session, message))
            .unwrap()
    }

    pub(crate) fn run(&mut self) {
        self.world
            .run_until_idle(Duration::from_secs(2), Duration::from_secs(120));
    }

    pub(crate) fn got(&self, name: &str) -> Vec<Bytes> {
        self.world
            .events(name)
            .filter_map(|event| match event {
                Heard::Got(body) => Some(body.clone()),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn reports(&self, name: &str) -> Vec<Status> {
        self.world
            .events(name)
            .filter_map(|event| match event {
                Heard::Msrp(msrp::Event::Report { status, .. }) => Some(*status),
                _ => None,
            })
            .collect()
    }
}

fn relay(name: &str, clock: Clock, seed: Seed) -> Solo<Relay> {
    let mut config = relay::Config::new(name.into());
    config.host = Some(name.into());
    Solo::new(clock, seed, Limits::default(), |ids| {
        Relay::new(config, ids)
    })
}

pub(crate) fn long(letter: u8) -> Bytes {
    Bytes::from(vec![letter; 200_000])
}

/// Short and long messages in both directions arrive whole, in order, and are reported from end to end.
pub(crate) fn exchange(stage: &mut Stage, [a, b]: [SessionId; 2]) {
    let messages = [Bytes::from("first"), long(b'x'), Bytes::from("last")];
    for body in &messages {
        stage.send("alice", a, body);
        stage.send("bob", b, body);
    }
    stage.run();
    for name in ["alice", "bob"] {
        assert_eq!(stage.got(name), messages, "{name}");
        assert_eq!(stage.reports(name), [Status::OK; 3], "{name}");
    }
}
