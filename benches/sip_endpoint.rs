//! The SIP endpoint: a million open transactions, messages a second, and memory by the user and the transaction.
//!
//! `cargo bench --bench sip_endpoint`. Time is virtual; what is measured is the work, and the bytes that an allocator
//! counts. Beside the endpoint stands what the machine's own UDP sockets can do with the same bytes.

use bytes::Bytes;
use cpm::engine::{
    Clock, Cx, DateTime, Ids, Input, Limits, Outbox, Protocol, Seed, Transmit, Transport,
};
use cpm::node::{Node, Output};
use cpm::participating::{self, Participating, Restored, Subscriber};
use cpm::sip::digest::{Challenge, Secret};
use cpm::sip::msg::header::{Authorization, From as FromHeader, NameAddr, To, WwwAuthenticate};
use cpm::sip::msg::{Header, Message, Method, Request, Status};
use cpm::sip::{Config, Endpoint, Event, Listener, Target, Uri};
use cpm::store::{Answerer, Directory, engine::Memory};
use cpm::wire::Text;
use measure::Figures;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

mod measure;

const MILLION: usize = 1_000_000;
const OURS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5060);
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 5060);

/// An endpoint and all that a node would hand it.
struct Bench {
    sip: Endpoint,
    now: Instant,
    ids: Ids,
    clock: Clock,
    limits: Limits,
    outbox: Outbox,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        let mut ids = Ids::new(Seed::from_number(1));
        let config = Config {
            listeners: vec![Listener {
                transport: Transport::Udp,
                addr: OURS,
            }],
            ..Config::default()
        };
        Self {
            sip: Endpoint::new(config, &mut ids),
            now,
            ids,
            clock: clock(now),
            limits: Limits {
                sip_transactions: 2 * MILLION,
                ..Limits::default()
            },
            outbox: Outbox::default(),
        }
    }

    fn step<T>(&mut self, step: impl FnOnce(&mut Endpoint, &mut Cx<'_>) -> T) -> T {
        let mut cx = Cx {
            now: self.now,
            clock: &self.clock,
            ids: &mut self.ids,
            limits: &self.limits,
            outbox: &mut self.outbox,
        };
        step(&mut self.sip, &mut cx)
    }

    /// The datagrams that are to go out.
    fn drain(&mut self, mut each: impl FnMut(Bytes)) {
        while let Some(transmit) = self.outbox.pop() {
            if let Transmit::Datagram { data, .. } = transmit {
                each(data);
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.step(|sip, cx| sip.handle_timeout(cx));
    }
}

fn clock(now: Instant) -> Clock {
    match DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z") {
        Ok(wall) => Clock::new(now, wall),
        Err(error) => unreachable!("{error}"),
    }
}

fn uri(text: &str) -> Uri {
    match text.parse() {
        Ok(uri) => uri,
        Err(error) => unreachable!("{error}"),
    }
}

fn message(bytes: &Bytes) -> Message {
    match Message::parse(bytes.clone(), &Limits::default()) {
        Ok(message) => message,
        Err(error) => unreachable!("{error}"),
    }
}

/// What a number of open client transactions costs.
struct Open {
    /// Bytes each.
    bytes: f64,
    /// Time to open one, to send one again because a timer fired, and to end one by its response.
    open: Duration,
    again: Duration,
    end: Duration,
}

/// Opens so many client transactions, lets their timers fire once, and answers them all.
fn transactions(count: usize) -> Open {
    let mut bench = Bench::new();
    let peer = uri("sip:bob@192.0.2.2");
    let mut request = Request::new(Method::Message, &peer);
    let headers = request.headers_mut();
    headers.push(&To::from(NameAddr::new(uri("sip:bob@example.com"))));
    headers.push(&FromHeader::from(NameAddr::new(uri(
        "sip:alice@example.com",
    ))));
    request.set_body("text/plain", Bytes::from_static(&[b'x'; 200]));

    let start = Instant::now();
    let memory = allocation_counter::measure(|| {
        for _ in 0..count {
            let request = request.clone();
            bench.step(|sip, cx| sip.request(cx, request, Target::Uri));
            bench.drain(drop);
        }
    });
    let open = start.elapsed();

    // Timer E: every one is sent again, and tells us how it is to be answered.
    let mut answers = Vec::with_capacity(count);
    let start = Instant::now();
    bench.pass(Duration::from_millis(500));
    let again = start.elapsed();
    bench.drain(|data| {
        let Message::Request(request) = message(&data) else {
            unreachable!("a request was sent")
        };
        answers.push(request.response(Status::OK).write());
    });
    assert_eq!(answers.len(), count, "every transaction sends once more");

    let start = Instant::now();
    for answer in answers {
        bench.step(|sip, cx| sip.handle_datagram(cx, OURS, PEER, answer));
        let event = bench.sip.poll_event();
        assert!(matches!(event, Some(Event::Response { .. })));
    }
    let end = start.elapsed();
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.sip.load().0, 0, "nothing stays behind");
    let each = |time: Duration| time / u32::try_from(count).unwrap_or(u32::MAX);
    Open {
        bytes: memory.bytes_current as f64 / count as f64,
        open: each(open),
        again: each(again),
        end: each(end),
    }
}

/// A MESSAGE of about 900 bytes, as one of so many: each with a branch and a Call-ID of its own.
fn pager(number: usize) -> Bytes {
    let mut request = Request::new(Method::Message, &uri("sip:bob@example.com"));
    let headers = request.headers_mut();
    let (host, branch) = (
        Text::from(PEER.ip().to_string()),
        format!("z9hG4bK-{number:08}"),
    );
    let written = headers.push_text(
        cpm::sip::msg::Name::Via,
        &format!("SIP/2.0/UDP {host}:5060;branch={branch};rport"),
    );
    assert!(written.is_ok());
    headers.push(&FromHeader::from(NameAddr::new(uri(
        "sip:alice@example.com",
    ))));
    headers.push(&To::from(NameAddr::new(uri("sip:bob@example.com"))));
    for (name, value) in [
        (
            cpm::sip::msg::Name::CallId,
            format!("call-{number:08}@example.com"),
        ),
        (cpm::sip::msg::Name::CSeq, "1 MESSAGE".to_owned()),
        (cpm::sip::msg::Name::MaxForwards, "70".to_owned()),
    ] {
        assert!(headers.push_text(name, &value).is_ok());
    }
    request.set_body("message/cpim", Bytes::from_static(&[b'x'; 600]));
    request.write()
}

/// How long the endpoint needs for a MESSAGE: in, told, answered 200, out; with its transaction kept 32 seconds.
fn path(count: usize) -> (Duration, usize) {
    let mut bench = Bench::new();
    let datagrams: Vec<Bytes> = (0..count).map(pager).collect();
    let size = datagrams.first().map_or(0, Bytes::len);
    let start = Instant::now();
    for datagram in datagrams {
        bench.pass(Duration::from_millis(1));
        bench.step(|sip, cx| sip.handle_datagram(cx, OURS, PEER, datagram));
        match bench.sip.poll_event() {
            Some(Event::Request { id, request, .. }) => {
                let ok = request.response(Status::OK);
                bench.step(|sip, cx| sip.respond(cx, id, ok));
            }
            other => unreachable!("{other:?}"),
        }
        bench.drain(|data| drop(black_box(data)));
    }
    (
        start.elapsed() / u32::try_from(count).unwrap_or(u32::MAX),
        size,
    )
}

/// How long the sockets of this machine need to receive a datagram of this size and to send an answer: half of a
/// ping-pong between two sockets of one thread.
fn sockets(size: usize) -> std::io::Result<Duration> {
    const COUNT: u32 = 50_000;
    let (one, other) = (
        UdpSocket::bind("127.0.0.1:0")?,
        UdpSocket::bind("127.0.0.1:0")?,
    );
    one.connect(other.local_addr()?)?;
    other.connect(one.local_addr()?)?;
    let (question, answer, mut buffer) = (vec![b'x'; size], [b'x'; 350], [0; 2048]);
    let start = Instant::now();
    for _ in 0..COUNT {
        one.send(&question)?;
        other.recv(&mut buffer)?;
        other.send(&answer)?;
        one.recv(&mut buffer)?;
    }
    Ok(start.elapsed() / (2 * COUNT))
}

/// Bytes that a whole participating function keeps for a registered user: with password, over UDP.
fn registered(count: usize) -> f64 {
    let mut now = Instant::now();
    let config = participating::Config::new("example.com");
    let mut node = Participating::node(
        config,
        Restored::default(),
        clock(now),
        Seed::from_number(1),
    );
    let mut directory = Directory::new();
    for number in 0..count {
        let subscriber = Subscriber {
            password: Text::from_static("secret"),
            ..Subscriber::default()
        };
        directory.insert(
            &Uri::sip(&format!("user{number}"), "example.com"),
            subscriber,
        );
    }
    let mut store = Answerer::new(Memory::new(), directory);
    // What a first registration makes once is not of the users.
    register(&mut node, &mut store, now, "user0", PEER);
    let memory = allocation_counter::measure(|| {
        for number in 1..count {
            now += Duration::from_millis(100);
            // Or the transactions of all would be open together, which is not what a user costs.
            node.handle_timeout(now);
            register(&mut node, &mut store, now, &format!("user{number}"), PEER);
        }
        now += Duration::from_secs(60);
        node.handle_timeout(now);
        drain(&mut node, &mut store, now);
    });
    assert!(
        node.role()
            .bindings()
            .of(&format!("sip:user{}@example.com", count - 1))
            .len()
            == 1
    );
    memory.bytes_current as f64 / (count - 1) as f64
}

/// How long a participating function needs to relay a MESSAGE from one registered user to another: in, out, the answer
/// in, the answer out; with both transactions kept.
fn relayed(count: usize) -> Duration {
    const ALICE: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 5060);
    const BOB: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3)), 5060);
    let mut now = Instant::now();
    let mut config = participating::Config::new("example.com");
    config.trust_registered_udp = true;
    let (clock, seed) = (clock(now), Seed::from_number(1));
    let mut node = Participating::node(config, Restored::default(), clock, seed);
    node.add_listener(Protocol::Sip, Transport::Udp, OURS);
    let mut directory = Directory::new();
    let listed = directory.read("alice:secret\nbob:secret", "example.com");
    assert!(listed.is_ok());
    let mut store = Answerer::new(Memory::new(), directory);
    for (user, peer) in [("alice", ALICE), ("bob", BOB)] {
        register(&mut node, &mut store, now, user, peer);
    }
    let mut time = Duration::ZERO;
    let mut step = |node: &mut Node<Participating>, peer, data| {
        now += Duration::from_millis(1);
        let start = Instant::now();
        let said = relay_step(node, &mut store, now, peer, data);
        time += start.elapsed();
        said
    };
    for number in 0..count {
        let said = step(&mut node, ALICE, cpim(number));
        let answer = match said.first().map(message) {
            Some(Message::Request(request)) => request.response(Status::OK).write(),
            other => unreachable!("{other:?}"),
        };
        let said = step(&mut node, BOB, answer);
        assert!(
            said.first()
                .is_some_and(|data| data.starts_with(b"SIP/2.0 200 "))
        );
    }
    time / u32::try_from(count).unwrap_or(u32::MAX)
}

/// A datagram comes in; what goes out.
#[inline(never)]
fn relay_step(
    node: &mut Node<Participating>,
    store: &mut Answerer<Memory>,
    now: Instant,
    peer: SocketAddr,
    data: Bytes,
) -> Vec<Bytes> {
    node.handle_timeout(now);
    let local = OURS;
    node.handle_input(now, Input::Datagram { local, peer, data });
    drain(node, store, now)
}

/// The message of `benches/relay`.
fn cpim(number: usize) -> Bytes {
    let body = format!(
        "From: <sip:alice@example.com>\r\nTo: <sip:bob@example.com>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
         imdn.Message-ID: Msg1x{number}\r\nDateTime: 2026-11-22T07:30:00.000Z\r\n\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n\r\nHello, world!"
    );
    let length = body.len();
    Bytes::from(format!(
        "MESSAGE sip:bob@example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK-{number}-1-0\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1m{number}\r\nTo: <sip:bob@example.com>\r\n\
         Call-ID: {number}-1@192.0.2.2\r\nCSeq: 1 MESSAGE\r\n\
         Accept-Contact: *;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg\";explicit;require\r\n\
         P-Preferred-Service: urn:urn-7:3gpp-service.ims.icsi.oma.cpm.msg\r\n\
         Conversation-ID: f81d4fae-7dec-11d0-a765-{number}\r\n\
         Contribution-ID: abcdef00-7dec-11d0-a765-{number}\r\n\
         Content-Type: message/cpim\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

/// One REGISTER and its challenge, one REGISTER with the answer and its 200.
fn register(
    node: &mut Node<Participating>,
    store: &mut Answerer<Memory>,
    now: Instant,
    user: &str,
    peer: SocketAddr,
) {
    let number = user.trim_start_matches("user").parse().unwrap_or_default();
    let number: usize = number;
    let at = peer.ip();
    let mut answer: Option<String> = None;
    for turn in 1..=2 {
        let mut datagram = format!(
            "REGISTER sip:example.com SIP/2.0\r\n\
             Via: SIP/2.0/UDP {at}:5060;branch=z9hG4bK-{user}-{turn};rport\r\n\
             From: <sip:{user}@example.com>;tag=a{number}\r\n\
             To: <sip:{user}@example.com>\r\n\
             Call-ID: register-{user}@{at}\r\n\
             CSeq: {turn} REGISTER\r\n\
             Max-Forwards: 70\r\n\
             Contact: \"Phone of {user}\" <sip:{user}@{at}:5060>;\
             +g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg,\
             urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.session\";\
             +sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-{number:012x}>\"\r\n\
             Expires: 3600\r\n"
        );
        if let Some(answer) = answer.take() {
            datagram.push_str(&answer);
        }
        datagram.push_str("Content-Length: 0\r\n\r\n");
        node.handle_input(
            now,
            Input::Datagram {
                local: OURS,
                peer,
                data: Bytes::from(datagram),
            },
        );
        for data in drain(node, store, now) {
            let Message::Response(response) = message(&data) else {
                continue;
            };
            match response.status() {
                Status::UNAUTHORIZED => {
                    let challenge = response.headers().get::<WwwAuthenticate>();
                    let challenge = challenge.ok().and_then(|asked| Challenge::read(&asked.0));
                    let Some(challenge) = challenge else {
                        unreachable!("a challenge is in a 401")
                    };
                    let secret = Secret::Password("secret");
                    let given = challenge.respond(
                        user,
                        secret,
                        "REGISTER",
                        "sip:example.com",
                        "0a4f113b",
                        1,
                    );
                    let mut line = String::from("Authorization: ");
                    Authorization(given.header()).write(&mut line);
                    answer = Some(line + "\r\n");
                }
                status => assert_eq!(status, Status::OK),
            }
        }
    }
}

/// Answers the node's questions, and takes the datagrams that it sends.
fn drain(node: &mut Node<Participating>, store: &mut Answerer<Memory>, now: Instant) -> Vec<Bytes> {
    let mut datagrams = Vec::new();
    while let Some(output) = node.poll_output() {
        match output {
            // What is put away for a restart is not of the node.
            Output::Event(participating::Event::Enrolled { .. }) => {}
            Output::Event(event) => drop(store.answer(node, now, event)),
            Output::Transmit(Transmit::Datagram { data, .. }) => datagrams.push(data),
            Output::Transmit(_) => {}
        }
    }
    datagrams
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn transactions_figures(figures: &mut Figures) {
    let few = transactions(10_000);
    let many = transactions(MILLION);
    figures.at_most(
        "transaction-bytes",
        many.bytes,
        3500.0,
        "an open client transaction among a million, its request of about 600 bytes included, bytes",
    );
    for (name, many, few, what) in [
        (
            "open",
            many.open,
            few.open,
            "made complete, written and sent",
        ),
        ("again", many.again, few.again, "sent again by its timer"),
        ("end", many.end, few.end, "ended by its response"),
    ] {
        let long = format!("a client transaction among a million is {what}, µs");
        figures.state(&format!("transaction-{name}"), micros(many), &long);
        figures.at_most(
            &format!("transaction-{name}-growth"),
            many.as_secs_f64() / few.as_secs_f64(),
            4.0,
            "the same, to one among ten thousand",
        );
    }
}

fn path_figures(figures: &mut Figures) {
    let (ours, size) = (0..5).map(|_| path(60_000)).min().unwrap_or_default();
    let what =
        format!("a MESSAGE of {size} bytes comes in, is told, is answered 200; millions a second");
    figures.state("message-path", 1.0 / micros(ours), &what);
    if let Ok(udp) = sockets(size) {
        figures.state(
            "message-sockets",
            1.0 / micros(udp),
            "the sockets alone, with the same bytes; millions a second",
        );
        figures.state(
            "message-to-sockets",
            ours.as_secs_f64() / udp.as_secs_f64(),
            "the time of the endpoint, to that of the sockets",
        );
    }
}

fn relay_figures(figures: &mut Figures) {
    // Fewer where each instruction is counted.
    let count = std::env::var("CPM_COUNT")
        .ok()
        .and_then(|count| count.parse().ok());
    let time = (0..3).map(|_| relayed(count.unwrap_or(20_000))).min();
    figures.state(
        "message-relay",
        micros(time.unwrap_or_default()),
        "a MESSAGE of 900 bytes relayed between two registered users and answered, by the participating function \
         alone, µs",
    );
}

fn registered_figures(figures: &mut Figures) {
    figures.at_most(
        "registered-bytes",
        registered(20_000),
        1000.0,
        "a registered user, of a whole participating function, bytes",
    );
}

/// Some of the figures.
type Part = fn(&mut Figures);

fn main() {
    // A name chooses, as with other benches; `--bench` comes from cargo.
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|name| !name.starts_with('-'))
        .collect();
    let parts: [(&str, Part); 4] = [
        ("transactions", transactions_figures),
        ("path", path_figures),
        ("relay", relay_figures),
        ("registered", registered_figures),
    ];
    let mut figures = Figures::new("sip_endpoint");
    for (name, part) in parts {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            part(&mut figures);
        }
    }
    figures.finish();
}
