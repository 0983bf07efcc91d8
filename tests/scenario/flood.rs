//! Floods: much of what should not be there, beside people who talk to each other (goals G6 and G10).

use crate::stage::{DOMAIN, Stage, secs, uri};
use allocation_counter::measure;
use bytes::Bytes;
use cpm::conversation::Status;
use cpm::engine::{Clock, ConnId, DateTime, Input, Limits, Protocol, Seed, Transmit, Transport};
use cpm::node::{Node, Output};
use cpm::participating::{self, Participating, Restored};
use cpm::sim::Host;
use cpm::sip::subscription::Config;
use cpm::sip::{Count, Target};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5060);

/// One of the hosts that a flood comes from, or says that it comes from.
fn source(number: u32) -> SocketAddr {
    let [.., high, low] = number.to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, high, low)), 5060)
}

fn is_source(peer: SocketAddr) -> bool {
    matches!(peer.ip(), IpAddr::V4(ip) if ip.octets()[..2] == [203, 0])
}

/// What strangers know of how to prove something.
#[derive(Clone, Copy, Debug)]
enum Proof<'a> {
    Nothing,
    /// They have it made up, or have been given it.
    Nonce(&'a str),
}

/// A request of a stranger's who says to be Alice.
fn request(
    method: &str,
    from: SocketAddr,
    number: u32,
    transport: &str,
    proof: Proof<'_>,
) -> String {
    let name = match method {
        "REGISTER" => "Authorization",
        _ => "Proxy-Authorization",
    };
    let proof = match proof {
        Proof::Nothing => String::new(),
        Proof::Nonce(nonce) => format!(
            "{name}: Digest username=\"alice\", realm=\"{DOMAIN}\", nonce=\"{nonce}\", uri=\"sip:{DOMAIN}\", \
             algorithm=MD5, response=\"0123456789abcdef0123456789abcdef\", qop=auth, nc=00000001, cnonce=\"a\"\r\n"
        ),
    };
    format!(
        "{method} sip:bob@{DOMAIN} SIP/2.0\r\n\
         Via: SIP/2.0/{transport} {from};branch=z9hG4bK{number}-{};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@{DOMAIN}>;tag=t{number}\r\nTo: <sip:alice@{DOMAIN}>\r\nCall-ID: c{number}\r\n\
         CSeq: 1 {method}\r\nContact: <sip:alice@{from}>\r\nEvent: dialog\r\n{proof}Content-Length: 0\r\n\r\n",
        from.ip()
    )
}

/// The nonce of a challenge.
fn nonce(challenge: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(challenge);
    let (_, rest) = text.split_once("nonce=\"")?;
    rest.split_once('"').map(|(nonce, _)| nonce.to_owned())
}

fn status(response: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(response);
    let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
    status.and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn held(stage: &mut Stage) -> Count {
    stage.server("server", |server, now| {
        server.node.command(now, |_, net| net.ends.sip.count())
    })
}

#[test]
fn g6_people_go_on_talking_while_strangers_flood_the_server() {
    for sources in [1, 250] {
        let mut stage = Stage::new(60);
        stage.delay(Duration::from_millis(100));
        let chat = stage.open("alice", "bob");
        stage.say("alice", chat, "before");
        stage.run(60);
        let before = held(&mut stage);
        let mut nonces = BTreeMap::<SocketAddr, String>::new();
        let mut said = Vec::new();
        let (mut sent, mut back, mut packets) = (0, 0, 0);
        let mut answers = BTreeMap::<u16, usize>::new();
        const ROUNDS: u32 = 12;
        const EACH: u32 = 150;
        for round in 0..ROUNDS {
            stage.record(true);
            for number in round * EACH..(round + 1) * EACH {
                let method = ["INVITE", "REGISTER", "SUBSCRIBE", "MESSAGE"][number as usize % 4];
                let from = source(number % sources);
                let made_up = "0000000000000000000000010123456789abcdef01234567";
                let proof = match (number % 3, nonces.get(&from)) {
                    (0, _) => Proof::Nothing,
                    (1, Some(nonce)) => Proof::Nonce(nonce),
                    _ => Proof::Nonce(made_up),
                };
                let data = Bytes::from(request(method, from, number, "UDP", proof));
                sent += data.len();
                stage.with("server", |host, now| {
                    let input = Input::Datagram {
                        local: HERE,
                        peer: from,
                        data,
                    };
                    cpm::sim::Machine::handle_input(host, now, input);
                });
            }
            said.push(format!("line {round}"));
            let id = stage.say("alice", chat, said.last().unwrap());
            stage.run(1);
            assert_eq!(stage.statuses("alice", &id), [Status::Delivered]);
            for seen in stage.take_seen() {
                let sighting = seen.sighting;
                if &*seen.host == "server" && is_source(sighting.peer) {
                    if sighting.direction == cpm::engine::Direction::In {
                        continue;
                    }
                    *answers.entry(status(&sighting.bytes)).or_default() += 1;
                    (back, packets) = (back + sighting.bytes.len(), packets + 1);
                    if let Some(nonce) = nonce(&sighting.bytes) {
                        nonces.insert(sighting.peer, nonce);
                    }
                }
            }
            stage.record(false);
        }
        let mut heard = stage.texts("bob");
        heard.remove(0);
        assert_eq!(heard, said, "{sources}");
        // Challenges, and nothing that is more than what came.
        let statuses: Vec<_> = answers.keys().copied().collect();
        assert_eq!(statuses, [401, 407], "{answers:?}");
        assert!(packets <= ROUNDS * EACH, "{packets}");
        assert!(back * 2 <= sent * 3, "{back} for {sent}");
        stage.run(60);
        let after = held(&mut stage);
        assert_eq!(after, before, "{sources}");
    }
}

/// A function alone, in a hurry, with a store that may never answer.
struct Alone {
    node: Node<Participating>,
    now: Instant,
    answers: BTreeMap<u16, usize>,
    patience: usize,
}

impl Alone {
    fn new(limits: Limits) -> Self {
        let now = Instant::now();
        let wall = DateTime::parse_from_rfc3339("2026-01-01T09:00:00Z").unwrap();
        let (clock, seed) = (Clock::new(now, wall), Seed::from_number(1));
        let mut config = cpm::node::Config::new(clock, seed);
        config.sip.events = Participating::event_packages();
        config.limits = limits;
        let function = participating::Config::new(DOMAIN);
        let mut node = Node::new(config, |ids| {
            Participating::new(function, Restored::default(), &clock, ids)
        });
        node.add_listener(Protocol::Sip, Transport::Udp, HERE);
        node.add_listener(Protocol::Sip, Transport::Tcp, HERE);
        Self {
            node,
            now,
            answers: BTreeMap::new(),
            patience: 0,
        }
    }

    /// Gives a datagram, and hands back the last answer.
    fn throw(&mut self, peer: SocketAddr, text: String) -> Option<Bytes> {
        let input = Input::Datagram {
            local: HERE,
            peer,
            data: text.into(),
        };
        self.node.handle_input(self.now, input);
        self.drain()
    }

    fn drain(&mut self) -> Option<Bytes> {
        let mut last = None;
        while let Some(output) = self.node.poll_output() {
            if let Output::Transmit(Transmit::Datagram { data, .. }) = output {
                *self.answers.entry(status(&data)).or_default() += 1;
                let text = String::from_utf8_lossy(&data);
                self.patience += usize::from(text.contains("\r\nRetry-After: "));
                last = Some(data);
            }
        }
        last
    }

    fn count(&mut self) -> Count {
        self.node.command(self.now, |_, net| net.ends.sip.count())
    }

    fn accept(&mut self, peer: SocketAddr) -> ConnId {
        let conn = (self.node).handle_accept(self.now, Protocol::Sip, Transport::Tcp, HERE, peer);
        self.drain();
        conn
    }

    fn data(&mut self, conn: ConnId, data: impl Into<Bytes>) {
        let data = data.into();
        self.node.handle_input(self.now, Input::Data { conn, data });
        self.drain();
    }

    fn seconds(&mut self, seconds: u64) {
        let until = self.now + secs(seconds);
        while let Some(at) = self.node.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.node.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }
}

#[test]
fn g10_over_its_bounds_a_server_asks_for_patience_and_forgets() {
    let limits = Limits {
        sip_transactions: 400,
        sip_source_requests: 20,
        questions: 200,
        ..Limits::default()
    };
    let mut server = Alone::new(limits);
    const SOURCES: u32 = 100;
    let proofs: Vec<_> = (0..SOURCES)
        .map(|number| {
            let from = source(number);
            let challenge = server.throw(from, request("MESSAGE", from, 0, "UDP", Proof::Nothing));
            nonce(&challenge.unwrap()).unwrap()
        })
        .collect();
    assert_eq!(server.count(), Count::default());
    // Each has a nonce of its own, so that a password is asked for; nobody answers that.
    let flood = |server: &mut Alone| {
        for number in 0..3_000_u32 {
            let from = source(number % SOURCES);
            let proof = Proof::Nonce(&proofs[(number % SOURCES) as usize]);
            let method = ["INVITE", "MESSAGE", "SUBSCRIBE"][number as usize % 3];
            server.throw(from, request(method, from, number + 1, "UDP", proof));
            let held = server.count();
            assert!(held.transactions <= 200, "{held:?}");
            assert_eq!((held.calls, held.dialogs, held.subscriptions), (0, 0, 0));
        }
    };
    let cost = measure(|| flood(&mut server));
    // What waits has at most a few kilobytes, and so have the tables that it stands in.
    assert!(cost.bytes_max < 200 * 8 * 1024, "{cost:?}");
    let refused = server.answers.get(&503).copied().unwrap_or_default();
    assert!(refused >= 2_800, "{:?}", server.answers);
    assert_eq!(
        server.patience, refused,
        "every 503 says when to come again"
    );
    server.seconds(60);
    assert_eq!(server.count(), Count::default());
    assert_eq!(server.node.poll_timeout(), None);
    // The same once more takes no more memory than the tables have by now.
    let again = measure(|| {
        flood(&mut server);
        server.seconds(60);
    });
    assert!(again.bytes_current < 64 * 1024, "{again:?}");
    assert_eq!(server.count(), Count::default());
}

#[test]
fn g6_connections_that_nobody_uses_make_way_for_one_who_has_something_to_say() {
    let limits = Limits {
        sip_connections: 40,
        sip_source_connections: 10,
        ..Limits::default()
    };
    let mut stage = Stage::bounded(61, limits, |_| {}, |_| {});
    stage.enter("alice");
    let knock = |stage: &mut Stage, count: u32| {
        for number in 0..count {
            stage.with("server", |host, now| {
                let peer = source(number);
                cpm::sim::Machine::handle_accept(
                    host,
                    now,
                    Protocol::Sip,
                    Transport::Tcp,
                    HERE,
                    peer,
                );
            });
        }
    };
    knock(&mut stage, 200);
    assert_eq!(held(&mut stage).connections, 40);
    // Bob comes in the midst of it, and Alice has never been away.
    stage.enter("bob");
    knock(&mut stage, 200);
    stage.write("alice", "bob", "hello");
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["hello"]);
    stage.run(60);
    assert_eq!(held(&mut stage).connections, 2);
}

#[test]
fn g6_half_a_message_is_not_waited_for_however_often_a_byte_more_comes() {
    let mut server = Alone::new(Limits::default());
    let text = request("MESSAGE", source(1), 1, "TCP", Proof::Nothing);
    let conns: Vec<_> = (0..300)
        .map(|number| server.accept(source(number)))
        .collect();
    let cost = measure(|| {
        for byte in text.bytes().take(30) {
            for conn in &conns {
                server.data(*conn, vec![byte]);
            }
            server.seconds(1);
        }
    });
    assert_eq!(server.count().connections, 300);
    assert!(cost.bytes_max < 300 * 4 * 1024, "{cost:?}");
    server.seconds(5);
    assert_eq!(server.count(), Count::default());
}

#[test]
fn g6_who_asks_and_never_reads_is_not_read_any_more_and_then_left() {
    let limits = Limits {
        sip_send_queue: 64 * 1024,
        ..Limits::default()
    };
    let most = limits.sip_send_queue as u64;
    let mut server = Alone::new(limits);
    let conn = server.accept(source(1));
    let mut asked = 0_u32;
    let cost = measure(|| {
        while server.node.wants_read(conn) {
            asked += 1;
            assert!(asked < 10_000);
            let text = request("OPTIONS", source(1), asked, "TCP", Proof::Nothing);
            server.data(conn, text);
        }
    });
    assert!(cost.bytes_max < most * 2, "{cost:?}");
    assert_eq!(server.count().connections, 1);
    server.seconds(100);
    assert_eq!(server.count(), Count::default());
}

#[test]
fn g6_who_reads_slowly_is_not_left() {
    let limits = Limits {
        sip_send_queue: 64 * 1024,
        ..Limits::default()
    };
    let mut server = Alone::new(limits);
    let conn = server.accept(source(1));
    for number in 0..10_000 {
        if server.node.wants_read(conn) {
            let text = request("OPTIONS", source(1), number, "TCP", Proof::Nothing);
            server.data(conn, text);
        }
    }
    assert!(!server.node.wants_read(conn));
    while !server.node.wants_read(conn) {
        server.seconds(20);
        for _ in 0..8 {
            server.node.poll_stream(server.now, conn);
        }
    }
    server.seconds(100);
    assert_eq!(server.count().connections, 1);
}

#[test]
fn g6_a_user_has_no_more_subscriptions_and_devices_than_there_may_be() {
    let limits = Limits {
        watchers: 5,
        bindings: 4,
        ..Limits::default()
    };
    let mut stage = Stage::bounded(62, limits, |_| {}, |_| {});
    for user in ["alice", "bob"] {
        stage.enter(user);
    }
    let before = held(&mut stage);
    stage.client("alice", |client, now| {
        client.command(now, |_, net| {
            for _ in 0..40 {
                let config = Config::new(uri("alice"), uri("alice"), "dialog");
                (net.ends.sip).subscribe(&mut net.ends.cx, config, Target::Uri);
            }
        });
    });
    stage.run(5);
    assert_eq!(held(&mut stage).subscriptions, 5);
    // What goes on is told to each of them, and to nobody else.
    stage.record(true);
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "hello");
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["hello"]);
    let told = stage.requests("server", "NOTIFY").len();
    assert!((5..=5 * 4).contains(&told), "{told}");
    // Devices that were never heard of again.
    stage.client("alice", |client, now| {
        client.command(now, |_, net| {
            for number in 0..40 {
                let mut request = cpm::sip::msg::Request::new(
                    cpm::sip::msg::Method::Register,
                    &format!("sip:{DOMAIN}").parse().unwrap(),
                );
                let headers = request.headers_mut();
                for (name, value) in [
                    (cpm::sip::msg::Name::From, format!("<sip:alice@{DOMAIN}>")),
                    (cpm::sip::msg::Name::To, format!("<sip:alice@{DOMAIN}>")),
                    (
                        cpm::sip::msg::Name::Contact,
                        format!("<sip:alice@198.51.100.{number}>"),
                    ),
                ] {
                    headers.set_text(name, &value).unwrap();
                }
                net.ends.sip.request(&mut net.ends.cx, request, Target::Uri);
            }
        });
    });
    stage.run(10);
    let devices = match stage.machine("server") {
        Host::Server(server) => server.node.role().bindings().of(&uri("alice").aor()).len(),
        _ => panic!("no server"),
    };
    assert_eq!(devices, 4);
    stage.run(3700);
    let after = held(&mut stage);
    assert_eq!(
        (after.transactions, after.subscriptions),
        (before.transactions, 5)
    );
}

#[test]
fn g6_notifications_that_nobody_has_asked_for_leave_nothing() {
    let mut server = Alone::new(Limits::default());
    for number in 0..2_000 {
        let from = source(number % 50);
        let text = request("NOTIFY", from, number, "UDP", Proof::Nothing).replace(
            "\r\nTo: <sip:alice@example.com>",
            "\r\nTo: <sip:alice@example.com>;tag=made-up",
        );
        server.throw(from, text);
        assert_eq!(server.count(), Count::default());
    }
    assert_eq!(server.answers, BTreeMap::from([(481, 2_000)]));
}
