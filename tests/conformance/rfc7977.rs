//! RFC 7977: MSRP over WebSocket.

use crate::rfc4976::s6_relay::{answer, path, send};
use crate::rfc4976::stage::{Stage, exchange};
use crate::rfc4976::{Client, header};
use bytes::Bytes;
use cpm::engine::{
    Clock, ConnId, DateTime, Ids, Input, Limits, Protocol, Seed, Transmit, Transport,
};
use cpm::msrp::msg::{Message, Method, Path, Request, Response};
use cpm::msrp::relay::{self, Password, Relay};
use cpm::msrp::{
    self, Down, Endpoint, Outgoing, RelayAccount, Role, SessionId, Settings, Status, Uri,
};
use cpm::node::{Output, Single, Solo};
use cpm::wire::websocket::frame::{Opcode, write};
use cpm::wire::websocket::handshake::Offer;
use cpm::wire::websocket::{Channel, Event};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A machine that listens for WebSockets.
struct Bench<M> {
    machine: Solo<M>,
    now: Instant,
    closed: Vec<ConnId>,
    dialled: Vec<(ConnId, Transport, SocketAddr)>,
}

/// The script in a browser that is connected to it.
struct Browser {
    conn: ConnId,
    channel: Channel,
    ids: Ids,
}

const LISTEN: &str = "10.0.0.1:443";
const ALICE: &str = "msrps://df7jal23ls0d.invalid:2855/98cjs;ws";
const BOB: &str = "msrps://10.0.0.3:8888/9di4ea;tcp";

impl<M: Single> Bench<M> {
    fn new(machine: impl FnOnce(&mut Ids) -> M, listeners: &[(Transport, &str)]) -> Self {
        let now = Instant::now();
        let wall = DateTime::parse_from_rfc3339("2026-01-01T10:00:00+01:00").unwrap();
        let (clock, seed) = (Clock::new(now, wall), Seed::from_number(7));
        let mut machine = Solo::new(clock, seed, Limits::default(), machine);
        for (transport, listen) in listeners {
            machine.add_listener(*transport, listen.parse().unwrap());
        }
        Self {
            machine,
            now,
            closed: Vec::new(),
            dialled: Vec::new(),
        }
    }

    fn accept(&mut self) -> ConnId {
        let (local, peer) = (LISTEN.parse().unwrap(), "10.0.0.9:40000".parse().unwrap());
        let now = self.now;
        self.machine.handle_accept(now, Transport::Wss, local, peer)
    }

    fn browser(&mut self) -> Browser {
        let conn = self.accept();
        let mut ids = Ids::new(Seed::from_number(9));
        let (channel, hello) = Channel::client(&mut ids, "a.example.com", "/", "msrp");
        let mut browser = Browser { conn, channel, ids };
        self.feed(conn, hello);
        assert_eq!(self.hear(&mut browser), Vec::<Bytes>::new());
        assert!(browser.channel.is_open());
        browser
    }

    fn feed(&mut self, conn: ConnId, data: Bytes) {
        let now = self.now;
        self.machine.handle_input(now, Input::Data { conn, data });
    }

    fn say(&mut self, browser: &mut Browser, chunk: &[u8]) {
        let data = browser.channel.wrap(&mut browser.ids, chunk);
        self.feed(browser.conn, data);
    }

    fn raw(&mut self, conn: ConnId) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(bytes) = self.machine.poll_stream(self.now, conn) {
            out.extend_from_slice(&bytes);
        }
        out
    }

    /// The messages for a browser.
    fn hear(&mut self, browser: &mut Browser) -> Vec<Bytes> {
        let raw = self.raw(browser.conn);
        browser.channel.push(&raw);
        let mut messages = Vec::new();
        while let Some(event) = browser.channel.next(&mut browser.ids, 1 << 20).unwrap() {
            match event {
                Event::Message(message) => messages.push(message),
                Event::Answer(pong) => self.feed(browser.conn, pong),
                _ => {}
            }
        }
        messages
    }

    fn events(&mut self) -> Vec<M::Event> {
        let mut events = Vec::new();
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Event(event) => events.push(event),
                Output::Transmit(Transmit::Close { conn }) => self.closed.push(conn),
                Output::Transmit(Transmit::Connect {
                    conn,
                    transport,
                    peer,
                    ..
                }) => self.dialled.push((conn, transport, peer)),
                Output::Transmit(_) => {}
            }
        }
        events
    }

    fn is_closed(&mut self, conn: ConnId) -> bool {
        self.events();
        self.closed.contains(&conn)
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.machine.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.machine.handle_timeout(self.now);
        }
        self.now = end;
    }
}

impl Bench<Endpoint> {
    fn endpoint(config: msrp::Config) -> Self {
        Self::new(
            |ids| Endpoint::new(config, ids),
            &[(Transport::Wss, LISTEN)],
        )
    }

    /// A session that the browser is to connect to, and its URI.
    fn session(&mut self) -> (SessionId, String) {
        let now = self.now;
        let settings = Settings {
            web: true,
            ..Settings::default()
        };
        self.machine.command(now, |endpoint, cx| {
            let session = endpoint.open(cx, settings).unwrap();
            let uri = endpoint.local_path(session).unwrap()[0].to_string();
            endpoint.start(cx, session, vec![ALICE.parse().unwrap()], Role::Passive);
            (session, uri)
        })
    }

    /// A session with a browser that is bound.
    fn bound(config: msrp::Config) -> (Self, SessionId, Browser, String) {
        let mut bench = Self::endpoint(config);
        let (session, uri) = bench.session();
        let mut browser = bench.browser();
        bench.say(&mut browser, &send(&uri, ALICE, "hello").write().unwrap());
        bench.accept_all();
        assert_eq!(bench.hear(&mut browser).len(), 1);
        (bench, session, browser, uri)
    }

    /// Accepts what has come, and gives it back.
    fn accept_all(&mut self) -> Vec<Bytes> {
        let mut bodies = Vec::new();
        let now = self.now;
        for event in self.events() {
            if let msrp::Event::Received { message, .. } = event {
                bodies.push(message.body);
                let receipt = message.receipt;
                self.machine
                    .command(now, |endpoint, cx| endpoint.accept(cx, receipt));
            }
        }
        bodies
    }
}

fn parse(message: &Bytes) -> Message {
    Message::parse(message, &Limits::default()).unwrap()
}

fn request(message: &Bytes) -> Request {
    match parse(message) {
        Message::Request(request) => request,
        Message::Response(response) => panic!("{response:?}"),
    }
}

fn response(message: &Bytes) -> Response {
    match parse(message) {
        Message::Response(response) => response,
        Message::Request(request) => panic!("{request:?}"),
    }
}

#[test]
fn rfc7977_4_1_the_subprotocol_is_msrp_on_both_sides() {
    let mut client = Client::new();
    let uri: Uri = "msrp://10.0.0.9:80/z;ws".parse().unwrap();
    let settings = Settings {
        web: true,
        ..Settings::default()
    };
    let session = client.with(|endpoint, cx| {
        let session = endpoint.open(cx, settings).unwrap();
        endpoint.start(cx, session, vec![uri], Role::Active { peer: None });
        session
    });
    client.connect();
    let conn = client.conn.unwrap();
    let hello = client.with(|endpoint, cx| endpoint.poll_stream(cx, conn));
    let (offer, _) = Offer::read(&hello.unwrap()).unwrap().unwrap();
    assert_eq!(offer.protocols, ["msrp"]);
    assert_eq!(offer.host, "10.0.0.9:80");
    // Nothing of MSRP is said before the server agrees, and nothing if it agrees to something else.
    assert_eq!(
        client.with(|endpoint, cx| endpoint.poll_stream(cx, conn)),
        None
    );
    client.feed("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: sip\r\n\r\n".into());
    assert!(matches!(
        client.event(),
        Some(msrp::Event::Down { session: s, why: Down::Connection }) if s == session
    ));

    let mut bench = Bench::endpoint(msrp::Config::default());
    let conn = bench.accept();
    let (_, hello) = Channel::client(&mut Ids::new(Seed::from_number(1)), "h", "/", "sip");
    bench.feed(conn, hello);
    assert!(bench.raw(conn).starts_with(b"HTTP/1.1 400 "));
    assert!(bench.is_closed(conn));
}

#[test]
fn rfc7977_4_2_text_and_bytes_are_both_taken_for_bytes() {
    let (mut bench, session, mut browser, uri) = Bench::bound(msrp::Config::default());
    for (opcode, body) in [
        (Opcode::Text, &b"text"[..]),
        (Opcode::Binary, b"text as well"),
        (Opcode::Binary, b"\xff\0\xfe"),
        // What RFC 6455 forbids as text is bytes here.
        (Opcode::Text, b"\xff\0\xfe"),
    ] {
        let mut chunk = send(&uri, ALICE, "");
        chunk.body = Bytes::from_static(body);
        chunk.byte_range = Some(msrp::ByteRange::whole(body.len() as u64));
        let frame = write(opcode, &chunk.write().unwrap(), Some([1, 2, 3, 4]));
        // Cut anywhere.
        for part in frame.chunks(7) {
            bench.feed(browser.conn, Bytes::copy_from_slice(part));
        }
        assert_eq!(bench.accept_all(), [body]);
        assert_eq!(response(&bench.hear(&mut browser)[0]).status, Status::OK);
    }
    // What is text is written as text, since that is what scripts expect.
    for (body, first_byte) in [("text".into(), 0x81), (Bytes::from_static(b"\xff"), 0x82)] {
        let now = bench.now;
        bench.machine.command(now, |endpoint, cx| {
            let message = Outgoing::new("text/plain".into(), body);
            endpoint.send(cx, session, message).unwrap();
        });
        assert_eq!(bench.raw(browser.conn)[0], first_byte);
    }
}

#[test]
fn rfc7977_5_1_each_chunk_is_one_message() {
    let (mut bench, session, mut browser, uri) = Bench::bound(msrp::Config::default());
    let body = Bytes::from(vec![b'x'; 100_000]);
    let now = bench.now;
    bench.machine.command(now, |endpoint, cx| {
        for body in [
            Bytes::from_static(b"a"),
            Bytes::from_static(b"b"),
            body.clone(),
        ] {
            let message = Outgoing::new("text/plain".into(), body);
            endpoint.send(cx, session, message).unwrap();
        }
    });
    // Two requests of the browser's are answered meanwhile.
    for _ in 0..2 {
        bench.say(&mut browser, &send(&uri, ALICE, "c").write().unwrap());
    }
    bench.accept_all();
    let messages = bench.hear(&mut browser);
    let (mut answers, mut got) = (0, Vec::new());
    for message in &messages {
        // Each is one whole chunk, and nothing else.
        match parse(message) {
            Message::Request(request) => {
                assert!(request.body.len() <= Limits::default().msrp_send_chunk);
                got.extend_from_slice(&request.body);
            }
            Message::Response(_) => answers += 1,
        }
    }
    assert_eq!(answers, 2);
    assert_eq!(got, [&b"ab"[..], &body].concat());
    assert!(messages.len() > 9, "{}", messages.len());
}

#[test]
fn rfc7977_5_1_a_message_may_come_cut_anywhere() {
    let (mut bench, _, mut browser, uri) = Bench::bound(msrp::Config::default());
    let chunk = send(&uri, ALICE, "hello").write().unwrap();
    let length = browser.channel.wrap(&mut browser.ids, &chunk).len();
    for first in 1..length {
        for second in (first..length).step_by(5) {
            let frame = browser.channel.wrap(&mut browser.ids, &chunk);
            bench.feed(browser.conn, frame.slice(..first));
            bench.feed(browser.conn, frame.slice(first..second));
            bench.feed(browser.conn, frame.slice(second..));
            assert_eq!(bench.accept_all(), ["hello"], "{first} {second}");
        }
        bench.raw(browser.conn);
    }
}

#[test]
fn rfc7977_5_1_a_chunk_that_is_cut_over_messages_ends_the_connection() {
    let (mut bench, session, mut browser, uri) = Bench::bound(msrp::Config::default());
    let chunk = send(&uri, ALICE, "hello").write().unwrap();
    bench.say(&mut browser, &chunk[..chunk.len() - 10]);
    let events = bench.events();
    assert!(matches!(
        events[..],
        [msrp::Event::Down { session: s, why: Down::Connection }] if s == session
    ));
    // It is told why: 1002.
    assert_eq!(bench.raw(browser.conn), [0x88, 2, 0x03, 0xea]);
    assert!(bench.is_closed(browser.conn));
}

#[test]
fn rfc7977_5_1_a_chunk_may_be_larger_than_memory_that_waits_for_it() {
    let (mut bench, _, mut browser, uri) = Bench::bound(msrp::Config::default());
    // Two million bytes in one chunk in one frame: the message grows as they come.
    let body = vec![b'x'; 2_000_000];
    let mut chunk = send(&uri, ALICE, "");
    chunk.body = Bytes::from(body.clone());
    chunk.byte_range = Some(msrp::ByteRange::whole(body.len() as u64));
    let frame = browser
        .channel
        .wrap(&mut browser.ids, &chunk.write().unwrap());
    for part in frame.chunks(16_384) {
        bench.feed(browser.conn, Bytes::copy_from_slice(part));
    }
    assert_eq!(bench.accept_all(), [body]);
}

#[test]
fn rfc7977_5_2_1_ws_is_a_transport_of_uris() {
    for (text, carrier) in [
        ("msrps://alice@a.example.com:443;ws", Transport::Wss),
        ("msrps://a.example.com:443/x;WS", Transport::Wss),
        ("msrp://a.example.com:80/x;ws", Transport::Ws),
        // Not in the RFC, but said plainly enough.
        ("msrp://a.example.com/x;wss", Transport::Wss),
        ("msrps://a.example.com:2855/x;tcp", Transport::Tls),
        ("msrp://a.example.com:2855/x;tcp", Transport::Tcp),
    ] {
        let uri: Uri = text.parse().unwrap();
        assert_eq!(uri.carrier(), carrier, "{text}");
    }
    let uri = Uri::over_web(true, "2001:db8::1", Some(443), Some("x")).unwrap();
    assert_eq!(uri.as_str(), "msrps://[2001:db8::1]:443/x;ws");
    assert_eq!(uri.authority(), "[2001:db8::1]:443");
    // A URI over TCP is another one.
    assert_ne!(uri, "msrps://[2001:db8::1]:443/x;tcp".parse().unwrap());
}

#[test]
fn rfc7977_6_pings_are_answered_and_sent_and_a_dead_peer_is_found() {
    let config = msrp::Config {
        keep_alive: Some(Duration::from_secs(60)),
        ..msrp::Config::default()
    };
    let (mut bench, session, mut browser, uri) = Bench::bound(config);
    bench.feed(browser.conn, write(Opcode::Ping, b"abc", Some([0; 4])));
    assert!(bench.raw(browser.conn).ends_with(b"abc"));
    // A request without a body is answered: that is how scripts keep it open.
    let mut bodiless = send(&uri, ALICE, "");
    (bodiless.content_type, bodiless.body) = (None, Bytes::new());
    bench.say(&mut browser, &bodiless.write().unwrap());
    assert_eq!(response(&bench.hear(&mut browser)[0]).status, Status::OK);
    for _ in 0..3 {
        bench.pass(Duration::from_secs(61));
        // The browser answers by itself.
        assert_eq!(bench.hear(&mut browser), Vec::<Bytes>::new());
        assert!(!bench.is_closed(browser.conn));
    }
    bench.pass(Duration::from_secs(61));
    assert_eq!(bench.raw(browser.conn), [0x89, 0]);
    bench.pass(Duration::from_secs(31));
    assert!(matches!(
        bench.events()[..],
        [msrp::Event::Down { session: s, why: Down::Connection }] if s == session
    ));
    assert!(bench.is_closed(browser.conn));
}

#[test]
fn rfc7977_7_the_origin_of_a_script_is_told_that_it_may() {
    let mut bench = Bench::endpoint(msrp::Config::default());
    let conn = bench.accept();
    let (_, hello) = Channel::client(&mut Ids::new(Seed::from_number(1)), "h", "/", "msrp");
    let hello = String::from_utf8(hello.to_vec()).unwrap();
    let hello = hello.replace("\r\n\r\n", "\r\nOrigin: https://www.example.com\r\n\r\n");
    bench.feed(conn, hello.into());
    let answer = String::from_utf8(bench.raw(conn)).unwrap();
    let allowed = "\r\nAccess-Control-Allow-Origin: https://www.example.com\r\n";
    assert!(answer.contains(allowed), "{answer}");
}

#[test]
fn a_goodbye_is_answered_and_one_is_said() {
    let (mut bench, session, mut browser, _) = Bench::bound(msrp::Config::default());
    let goodbye = browser.channel.farewell(&mut browser.ids, None).unwrap();
    bench.feed(browser.conn, goodbye);
    assert_eq!(bench.raw(browser.conn), [0x88, 2, 0x03, 0xe8]);
    assert!(matches!(
        bench.events()[..],
        [msrp::Event::Down { session: s, .. }] if s == session
    ));
    assert!(bench.closed.contains(&browser.conn));

    // A client says it when its last session has ended.
    let mut bench = Bench::new(|ids| Endpoint::new(msrp::Config::default(), ids), &[]);
    let now = bench.now;
    let session = bench.machine.command(now, |endpoint, cx| {
        let session = endpoint.open(cx, Settings::default()).unwrap();
        let path = vec!["msrp://10.0.0.1:80/x;ws".parse().unwrap()];
        endpoint.start(cx, session, path, Role::Active { peer: None });
        session
    });
    bench.events();
    let (conn, transport, _) = bench.dialled[0];
    assert_eq!(transport, Transport::Ws);
    let local = "10.0.0.2:4000".parse().unwrap();
    bench
        .machine
        .handle_input(now, Input::Connected { conn, local });
    let mut server = Channel::server("msrp");
    let mut ids = Ids::new(Seed::from_number(2));
    server.push(&bench.raw(conn));
    let Ok(Some(Event::Open(Some(agreed)))) = server.next(&mut ids, 100) else {
        panic!()
    };
    bench.feed(conn, agreed);
    server.push(&bench.raw(conn));
    let Ok(Some(Event::Message(binding))) = server.next(&mut ids, 1000) else {
        panic!()
    };
    assert_eq!(request(&binding).method, Method::Send);
    bench
        .machine
        .command(now, |endpoint, cx| endpoint.close(cx, session));
    server.push(&bench.raw(conn));
    assert!(matches!(
        server.next(&mut ids, 1000),
        Ok(Some(Event::Closed(_)))
    ));
    assert!(bench.is_closed(conn));
}

// Relays.

fn relay() -> Bench<Relay> {
    let mut config = relay::Config::new("example.com".into());
    config.host = Some("a.example.com".into());
    Bench::new(
        |ids| Relay::new(config, ids),
        &[(Transport::Tls, "10.0.0.1:2855"), (Transport::Wss, LISTEN)],
    )
}

impl Bench<Relay> {
    fn settle(&mut self) {
        let now = self.now;
        for event in self.events() {
            if let relay::Event::Password { reply, .. } = event {
                let password = Some(Password::Plain("secret".into()));
                self.machine
                    .command(now, |relay, cx| relay.answer(cx, reply, password));
            }
        }
    }

    fn ask(&mut self, browser: &mut Browser, request: &Request) -> Response {
        self.say(browser, &request.write().unwrap());
        self.settle();
        response(&self.hear(browser)[0])
    }

    /// The URI that a browser is given: the exchange of §8.1.2.
    fn authorize(&mut self, browser: &mut Browser) -> Uri {
        let to = "msrps://alice@a.example.com:443;ws";
        let mut auth = Request::new(Method::Auth, "4rsxt9nz".into(), path(to), path(ALICE));
        let challenge = self.ask(browser, &auth);
        assert_eq!(challenge.status, Status::UNAUTHORIZED);
        assert_eq!(challenge.to_path.as_str(), ALICE);
        auth.others.push(answer(&challenge, "alice", "secret", to));
        let granted = self.ask(browser, &auth);
        assert_eq!(granted.status, Status::OK);
        let given = header(&granted.others, "Use-Path").unwrap();
        Path::parse(&given.into()).unwrap().first().clone()
    }
}

#[test]
fn rfc7977_8_1_a_browser_is_given_a_uri_over_tcp() {
    let mut bench = relay();
    let mut browser = bench.browser();
    let uri = bench.authorize(&mut browser);
    // What everybody can connect to.
    assert!(uri.is_secure());
    assert_eq!(uri.transport(), "tcp");
    assert_eq!((uri.host(), uri.port()), ("a.example.com", Some(2855)));
}

#[test]
fn rfc7977_5_1_a_relay_sends_browsers_each_chunk_in_a_message() {
    let mut bench = relay();
    let mut browser = bench.browser();
    let uri = bench.authorize(&mut browser);
    // §8.2.2: out to a client over TLS.
    bench.say(
        &mut browser,
        &send(&format!("{uri} {BOB}"), ALICE, "Hi Bob")
            .write()
            .unwrap(),
    );
    assert_eq!(response(&bench.hear(&mut browser)[0]).status, Status::OK);
    bench.settle();
    let (bob, transport, peer) = bench.dialled[0];
    assert_eq!(
        (transport, peer),
        (Transport::Tls, "10.0.0.3:8888".parse().unwrap())
    );
    let (now, local) = (bench.now, "10.0.0.1:5000".parse().unwrap());
    bench
        .machine
        .handle_input(now, Input::Connected { conn: bob, local });
    let sent = request(&bench.raw(bob).into());
    assert_eq!(sent.from_path.as_str(), format!("{uri} {ALICE}"));
    assert_eq!(sent.body, "Hi Bob");
    // §8.2.3, and §5.1: what comes in one large chunk goes on in several small ones.
    let long = "x".repeat(50_000);
    let chunk = send(&format!("{uri} {ALICE}"), BOB, &long).write().unwrap();
    for part in chunk.chunks(1000) {
        bench.feed(bob, Bytes::copy_from_slice(part));
    }
    let got: Vec<Request> = bench.hear(&mut browser).iter().map(request).collect();
    assert!(got.len() >= 3, "{}", got.len());
    let from = format!("{uri} {BOB}");
    for chunk in &got {
        assert_eq!(
            (chunk.to_path.as_str(), chunk.from_path.as_str()),
            (ALICE, &*from)
        );
        assert!(chunk.body.len() <= 2 * Limits::default().msrp_send_chunk);
    }
    let body: Vec<u8> = got.iter().flat_map(|chunk| chunk.body.to_vec()).collect();
    assert_eq!(body, long.as_bytes());
}

#[test]
fn rfc7977_6_a_relay_keeps_browsers_awake_and_finds_the_dead_ones() {
    let mut bench = relay();
    let mut browser = bench.browser();
    bench.authorize(&mut browser);
    for _ in 0..8 {
        bench.pass(Duration::from_secs(31));
        bench.hear(&mut browser);
        assert!(!bench.is_closed(browser.conn));
    }
    // It does not even answer a ping any more.
    bench.pass(Duration::from_secs(120));
    assert!(bench.is_closed(browser.conn));
    assert!(bench.machine.machine().is_empty());
    // Nobody keeps a connection open that has never been given a URI.
    let browser = bench.browser();
    bench.pass(Duration::from_secs(61));
    assert!(bench.is_closed(browser.conn));
}

/// In a world of their own: streams are cut anywhere, and connections take their time.
fn stage(seed: u64) -> Stage {
    let mut stage = Stage::new(seed);
    for relay in ["a.example.com", "b.example.com"] {
        let world = &mut stage.world;
        world.listen(relay, Protocol::Msrp, Transport::Wss, 443);
    }
    stage
}

/// A session over WebSocket, behind relays of which the first is reached by it.
fn web(stage: &mut Stage, name: &str, relays: &[&str]) -> (SessionId, Vec<Uri>) {
    let uri = |(index, relay): (usize, &&str)| match index {
        0 => format!("msrps://{relay}:443;ws"),
        _ => format!("msrps://{relay}:2855;tcp"),
    };
    let relays: Vec<String> = relays.iter().enumerate().map(uri).collect();
    let settings = Settings {
        web: true,
        ..Settings::default()
    };
    stage.session_with(name, settings, &relays)
}

const A: &str = "a.example.com";
const B: &str = "b.example.com";

#[test]
fn rfc7977_8_2_a_client_over_websocket_and_one_over_tls() {
    for seed in 0..3 {
        let mut stage = stage(seed);
        stage
            .world
            .listen("bob", Protocol::Msrp, Transport::Tls, 2855);
        let (alice, bob) = (web(&mut stage, "alice", &[A]), stage.session("bob", &[]));
        // What stands in the SDP: the relay, and a host that nobody asks for (appendix A).
        assert_eq!(alice.1[0].transport(), "tcp");
        assert!(alice.1[1].host().ends_with(".invalid"));
        assert_eq!(
            (alice.1[1].port(), alice.1[1].transport()),
            (Some(2855), "ws")
        );
        let sessions = stage.join(alice, bob);
        exchange(&mut stage, sessions);
    }
}

#[test]
fn rfc7977_8_3_two_clients_over_websocket() {
    for seed in 0..3 {
        let mut stage = stage(seed);
        let (alice, bob) = (web(&mut stage, "alice", &[A]), web(&mut stage, "bob", &[A]));
        let sessions = stage.join(alice, bob);
        exchange(&mut stage, sessions);
    }
}

#[test]
fn rfc7977_8_4_a_client_over_websocket_and_one_behind_another_relay() {
    for seed in 0..3 {
        let mut stage = stage(seed);
        let (alice, bob) = (web(&mut stage, "alice", &[A]), stage.session("bob", &[B]));
        let sessions = stage.join(alice, bob);
        exchange(&mut stage, sessions);
    }
}

#[test]
fn two_relays_in_a_row_the_first_over_websocket() {
    let mut stage = stage(1);
    let (alice, bob) = (
        web(&mut stage, "alice", &[A, B]),
        stage.session("bob", &[A]),
    );
    let sessions = stage.join(alice, bob);
    exchange(&mut stage, sessions);
}

#[test]
fn rfc7977_5_2_2_a_transport_that_nobody_knows_is_no_matter_behind_a_relay() {
    let mut client = Client::new();
    let session = client.with(|endpoint, cx| {
        let session = endpoint.open(cx, Settings::default()).unwrap();
        let path = ["msrps://10.0.0.9:2855/r;tcp", "msrps://x.invalid:1/b;quic"];
        let path = path.map(|uri| uri.parse().unwrap()).to_vec();
        endpoint.start(cx, session, path, Role::Active { peer: None });
        session
    });
    client.connect();
    let binding = client.request().unwrap();
    assert_eq!(binding.to_path.last().transport(), "quic");
    assert!(matches!(client.event(), Some(msrp::Event::Up { session: s }) if s == session));
}

#[test]
fn rfc7977_5_3_1_a_client_authorizes_itself_over_websocket() {
    let mut client = Client::new();
    let settings = Settings {
        web: true,
        ..Settings::default()
    };
    client.with(|endpoint, cx| {
        let session = endpoint.open(cx, settings).unwrap();
        let relay = "msrps://alice@10.0.0.9:443;ws".parse().unwrap();
        let account = RelayAccount::new(relay, "alice".into(), "secret".into());
        endpoint.authorize(cx, session, vec![account], None);
    });
    client.connect();
    let conn = client.conn.unwrap();
    let mut server = Channel::server("msrp");
    let mut ids = Ids::new(Seed::from_number(2));
    let mut next = |client: &mut Client| loop {
        match server.next(&mut ids, 10_000).unwrap() {
            Some(Event::Open(Some(agreed))) => client.feed(agreed),
            Some(Event::Message(message)) => return request(&message),
            _ => {
                let bytes = client.with(|endpoint, cx| endpoint.poll_stream(cx, conn));
                server.push(&bytes.unwrap());
            }
        }
    };
    let auth = next(&mut client);
    assert_eq!(auth.method, Method::Auth);
    assert_eq!(auth.to_path.as_str(), "msrps://alice@10.0.0.9:443;ws");
    assert_eq!(auth.from_path.first().transport(), "ws");
}
