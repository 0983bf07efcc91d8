//! §6: clients and relays in a world of their own, with latencies and streams cut anywhere.

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
enum Heard {
    Msrp(msrp::Event),
    /// A message that was received and accepted.
    Got(Bytes),
    Relay(#[expect(dead_code, reason = "shown when a test fails")] relay::Event),
}

/// A client that accepts what it gets, or a relay that knows everybody's password.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there are few")]
enum Host {
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
struct Stage {
    world: World<Host>,
}

impl Stage {
    fn new(seed: u64) -> Self {
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

    fn with<T>(
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
    fn session(&mut self, name: &str, relays: &[&str]) -> (SessionId, Vec<Uri>) {
        let session = self
            .with(name, |endpoint, cx| endpoint.open(cx, Settings::default()))
            .unwrap();
        if !relays.is_empty() {
            let account = |relay: &&str| {
                let uri = format!("msrps://{relay}:2855;tcp").parse().unwrap();
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
    fn pair(&mut self, alice: &[&str], bob: &[&str]) -> [SessionId; 2] {
        let (a, a_path) = self.session("alice", alice);
        let (b, b_path) = self.session("bob", bob);
        self.with("bob", |endpoint, cx| {
            endpoint.start(cx, b, a_path, Role::Passive);
        });
        self.with("alice", |endpoint, cx| {
            endpoint.start(cx, a, b_path, Role::Active { peer: None });
        });
        [a, b]
    }

    fn send(&mut self, name: &str, session: SessionId, body: &Bytes) -> SendId {
        let mut message = Outgoing::new("text/plain".into(), body.clone());
        message.success_report = true;
        self.with(name, |endpoint, cx| endpoint.send(cx, session, message))
            .unwrap()
    }

    fn run(&mut self) {
        self.world
            .run_until_idle(Duration::from_secs(2), Duration::from_secs(120));
    }

    fn got(&self, name: &str) -> Vec<Bytes> {
        self.world
            .events(name)
            .filter_map(|event| match event {
                Heard::Got(body) => Some(body.clone()),
                _ => None,
            })
            .collect()
    }

    fn reports(&self, name: &str) -> Vec<Status> {
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

fn long(letter: u8) -> Bytes {
    Bytes::from(vec![letter; 200_000])
}

/// Short and long messages in both directions arrive whole, in order, and are reported from end to end.
fn exchange(stage: &mut Stage, [a, b]: [SessionId; 2]) {
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

const A: &str = "a.example.com";
const B: &str = "b.example.com";

#[test]
fn rfc4976_3_client_relay_client() {
    for seed in 0..5 {
        let mut stage = Stage::new(seed);
        let sessions = stage.pair(&[A], &[A]);
        exchange(&mut stage, sessions);
    }
}

#[test]
fn rfc4976_3_client_relay_relay_client() {
    for seed in 0..5 {
        let mut stage = Stage::new(seed);
        let sessions = stage.pair(&[A], &[B]);
        exchange(&mut stage, sessions);
    }
}

#[test]
fn rfc4976_3_client_with_two_relays_and_a_client_without() {
    let mut stage = Stage::new(1);
    stage
        .world
        .listen("bob", Protocol::Msrp, Transport::Tls, 2855);
    let sessions = stage.pair(&[A, B], &[]);
    exchange(&mut stage, sessions);
}

#[test]
fn rfc4976_3_a_client_without_a_relay_opens_the_connection_to_that_of_the_other() {
    let mut stage = Stage::new(1);
    let (bob, bob_path) = stage.session("bob", &[A]);
    // She listens nowhere: the relay can reach her only the way she came.
    let (alice, alice_path) = stage.session("alice", &[]);
    stage.with("bob", |endpoint, cx| {
        endpoint.start(cx, bob, alice_path, Role::Passive);
    });
    stage.with("alice", |endpoint, cx| {
        endpoint.start(cx, alice, bob_path, Role::Active { peer: None });
    });
    stage.run();
    exchange(&mut stage, [alice, bob]);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = |seed| {
        let mut stage = Stage::new(seed);
        let sessions = stage.pair(&[A], &[B]);
        exchange(&mut stage, sessions);
        stage.world.trace_hash()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn rfc4976_6_4_a_relay_that_is_gone_is_reported() {
    let mut stage = Stage::new(1);
    let [a, _] = stage.pair(&[A], &[B]);
    stage.send("alice", a, &Bytes::from("arrives"));
    stage.run();
    stage.world.crash(B);
    stage.send("alice", a, &Bytes::from("does not"));
    stage.world.run_for(Duration::from_secs(120));
    assert_eq!(stage.got("bob"), ["arrives"]);
    assert_eq!(stage.reports("alice"), [Status::OK, Status::TIMEOUT]);
}

/// Class 12 of the attacks: a path that leads round in circles.
#[test]
fn two_relays_that_name_each_other_pass_a_request_on_at_most_once() {
    let mut stage = Stage::new(1);
    let (session, path) = stage.session("alice", &[A, B]);
    // What she has of both: A/x and B/y, with which she may send through both.
    let (y, x) = (path[0].clone(), path[1].clone());
    let mut circle: Vec<Uri> = [x, y].into_iter().cycle().take(6).collect();
    circle.push("msrps://bob:2855/z;tcp".parse().unwrap());
    stage.world.record(true);
    stage.with("alice", |endpoint, cx| {
        endpoint.start(cx, session, circle, Role::Active { peer: None });
    });
    stage.send("alice", session, &Bytes::from("round and round"));
    stage.run();
    let passed = stage
        .world
        .seen()
        .iter()
        .filter(|seen| format!("{seen:?}").contains("round and round"))
        .count();
    // Out of alice, and at the most into the first relay and out of it.
    assert!((1..=4).contains(&passed), "{passed}");
    let (session, _) = stage.session("alice", &[A]);
    assert!(stage.with("alice", |endpoint, _| {
        endpoint.local_path(session).is_some()
    }));
}

#[test]
fn a_long_transfer_through_relays_runs_in_constant_memory() {
    let mut stage = Stage::new(1);
    let [a, _] = stage.pair(&[A], &[B]);
    stage.run();
    let body = Bytes::from(vec![b'z'; 8_000_000]);
    stage.send("alice", a, &body);
    let mut most = 0;
    let arrived = stage.world.run_until(
        |world| {
            for name in [A, B] {
                if let Host::Relay(relay) = world.machine(name) {
                    most = most.max(relay.machine().relayed_bytes());
                }
            }
            world
                .events("bob")
                .any(|e| matches!(e, Heard::Got(got) if got.len() == body.len()))
        },
        Duration::from_secs(600),
    );
    assert!(arrived);
    assert!(most < 512 * 1024, "{most}");
}
