//! The endpoint against hand-written bytes, and two endpoints against each other.

mod hostile;
mod pair;
mod quirks;
mod streams;
mod switch;
mod usual;

use super::*;
use crate::engine::{
    Clock, Conn, ConnId, Cx, DateTime, Ids, Limits, Outbox, Protocol, Seed, Sighting, Tap,
    Transport,
};
use crate::wire::Text;
use bytes::Bytes;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An endpoint with everything it is handed.
struct Side {
    endpoint: Endpoint,
    ids: Ids,
    limits: Limits,
    outbox: Outbox,
    clock: Clock,
    now: Instant,
    events: Vec<Event>,
    /// Whether received messages are accepted as they come.
    accepts: bool,
    received: Vec<(SessionId, Text, Bytes)>,
}

impl Side {
    fn new(number: u64, listen: Option<&str>) -> Self {
        let mut ids = Ids::new(Seed::from_number(number));
        let config = Config {
            listen: listen.map(|addr| addr.parse().unwrap()),
            host: Some("10.0.0.1".into()),
            ..Config::default()
        };
        let now = Instant::now();
        let wall = DateTime::parse_from_rfc3339("2026-01-01T10:00:00+01:00").unwrap();
        Self {
            endpoint: Endpoint::new(config, &mut ids),
            ids,
            limits: Limits::default(),
            outbox: Outbox::default(),
            clock: Clock::new(now, wall),
            now,
            events: Vec::new(),
            accepts: true,
            received: Vec::new(),
        }
    }

    fn with<T>(&mut self, step: impl FnOnce(&mut Endpoint, &mut Cx<'_>) -> T) -> T {
        let result = self.step(step);
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Received { session, message } if self.accepts => {
                    self.received.push((session, message.id, message.body));
                    self.step(|endpoint, cx| endpoint.accept(cx, message.receipt));
                }
                event => self.events.push(event),
            }
        }
        result
    }

    fn step<T>(&mut self, step: impl FnOnce(&mut Endpoint, &mut Cx<'_>) -> T) -> T {
        step(
            &mut self.endpoint,
            &mut Cx {
                now: self.now,
                clock: &self.clock,
                ids: &mut self.ids,
                limits: &self.limits,
                outbox: &mut self.outbox,
            },
        )
    }

    fn open(&mut self, settings: Settings) -> (SessionId, Vec<Uri>) {
        let session = self.with(|e, cx| e.open(cx, settings)).unwrap();
        (session, self.endpoint.local_path(session).unwrap())
    }

    fn accept_conn(&mut self) -> ConnId {
        let conn = self.outbox.accept(Conn {
            protocol: Protocol::Msrp,
            transport: Transport::Tcp,
            local: Some("10.0.0.1:2855".parse().unwrap()),
            peer: "10.0.0.2:4000".parse().unwrap(),
            outgoing: false,
        });
        self.with(|e, cx| e.handle_accepted(cx, conn));
        conn
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.with(|e, cx| e.handle_timeout(cx));
    }

    fn feed(&mut self, conn: ConnId, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        self.with(|e, cx| e.handle_data(cx, conn, bytes));
    }

    /// What it writes on a connection.
    fn take(&mut self, conn: ConnId) -> String {
        let mut out = Vec::new();
        while let Some(bytes) = self.with(|e, cx| e.poll_stream(cx, conn)) {
            out.extend_from_slice(&bytes);
        }
        String::from_utf8(out).unwrap()
    }

    /// The status codes of the responses it writes.
    fn codes(&mut self, conn: ConnId) -> Vec<(String, u16)> {
        let out = self.take(conn);
        out.split("MSRP ")
            .skip(1)
            .map(|message| {
                let mut words = message.split([' ', '\r']);
                let id = words.next().unwrap().to_owned();
                (id, words.next().unwrap().parse().unwrap_or(0))
            })
            .collect()
    }

    fn is_closed(&self, conn: ConnId) -> bool {
        self.outbox.conn(conn).is_none()
    }

    /// How many requests wait for their responses.
    fn waiting(&self) -> usize {
        self.endpoint.conns.values().map(|c| c.pending.kept()).sum()
    }

    fn clear(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

const PEER: &str = "msrp://10.0.0.2:9/sB1;tcp";

/// A side with a session that a peer of bytes has bound.
struct Bound {
    side: Side,
    session: SessionId,
    conn: ConnId,
    path: String,
}

impl Bound {
    fn new(settings: Settings) -> Self {
        let mut side = Side::new(1, Some("10.0.0.1:2855"));
        let (session, path) = side.open(settings);
        side.with(|e, cx| e.start(cx, session, vec![PEER.parse().unwrap()], Role::Passive));
        let conn = side.accept_conn();
        let mut bound = Self {
            side,
            session,
            conn,
            path: path[0].to_string(),
        };
        assert!(bound.side.events.is_empty());
        let bind = bound.send("bind", "Message-ID: m0\r\nByte-Range: 1-0/0\r\n", None, '$');
        bound.feed(&bind);
        assert_eq!(bound.codes(), [("bind".to_owned(), 200)]);
        assert!(
            matches!(bound.side.clear()[..], [Event::Up { session }] if session == bound.session)
        );
        bound
    }

    fn request(
        &self,
        id: &str,
        method: &str,
        headers: &str,
        body: Option<&str>,
        flag: char,
    ) -> String {
        let path = &self.path;
        let body = body.map(|b| format!("\r\n{b}\r\n")).unwrap_or_default();
        format!(
            "MSRP {id} {method}\r\nTo-Path: {path}\r\nFrom-Path: {PEER}\r\n{headers}{body}-------{id}{flag}\r\n"
        )
    }

    fn send(&self, id: &str, headers: &str, body: Option<&str>, flag: char) -> String {
        self.request(id, "SEND", headers, body, flag)
    }

    /// A chunk of text.
    fn chunk(&self, id: &str, message: &str, range: &str, body: &str, flag: char) -> String {
        let headers =
            format!("Message-ID: {message}\r\nByte-Range: {range}\r\nContent-Type: text/plain\r\n");
        self.send(id, &headers, Some(body), flag)
    }

    fn feed(&mut self, text: &str) {
        self.side.feed(self.conn, text.to_owned());
    }

    fn codes(&mut self) -> Vec<(String, u16)> {
        self.side.codes(self.conn)
    }

    fn code(&mut self, text: &str) -> Option<u16> {
        self.feed(text);
        let codes = self.codes();
        assert!(codes.len() <= 1, "{codes:?}");
        codes.first().map(|(_, code)| *code)
    }

    fn received(&mut self) -> Vec<(String, String)> {
        self.side
            .received
            .drain(..)
            .map(|(_, id, body)| (id.to_string(), String::from_utf8(body.to_vec()).unwrap()))
            .collect()
    }
}

fn bound() -> Bound {
    Bound::new(Settings::default())
}

fn pair(id: &str, body: &str) -> (String, String) {
    (id.to_owned(), body.to_owned())
}

#[test]
fn rfc4975_7_2_the_last_chunk_is_answered_when_somebody_takes_the_message() {
    let mut bound = bound();
    bound.side.accepts = false;
    let chunk = bound.chunk("t001", "m1", "1-5/11", "hello", '+');
    assert_eq!(bound.code(&chunk), Some(200));
    let chunk = bound.chunk("t002", "m1", "6-11/11", " world", '$');
    assert_eq!(bound.code(&chunk), None);
    let Some(Event::Received { message, .. }) = bound.side.clear().pop() else {
        panic!()
    };
    assert_eq!(
        (&message.id[..], &message.body[..]),
        ("m1", &b"hello world"[..])
    );
    assert_eq!(message.content_type, "text/plain");
    bound.side.with(|e, cx| e.accept(cx, message.receipt));
    assert_eq!(
        bound.side.take(bound.conn),
        format!(
            "MSRP t002 200 OK\r\nTo-Path: {PEER}\r\nFrom-Path: {}\r\n-------t002$\r\n",
            bound.path
        )
    );
}

#[test]
fn a_refused_message_is_answered_with_the_status_given() {
    let mut bound = bound();
    bound.side.accepts = false;
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    bound.feed(&chunk);
    let Some(Event::Received { message, .. }) = bound.side.clear().pop() else {
        panic!()
    };
    bound
        .side
        .with(|e, cx| e.refuse(cx, message.receipt, Status::FORBIDDEN));
    assert_eq!(bound.codes(), [("t001".to_owned(), 403)]);
}

#[test]
fn a_receipt_of_a_closed_session_is_dropped() {
    let mut bound = bound();
    bound.side.accepts = false;
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    bound.feed(&chunk);
    let Some(Event::Received { message, session }) = bound.side.clear().pop() else {
        panic!()
    };
    bound.side.with(|e, cx| e.close(cx, session));
    bound.side.with(|e, cx| e.accept(cx, message.receipt));
    assert_eq!(bound.codes(), []);
    assert!(bound.side.endpoint.is_empty());
}

#[test]
fn rfc4975_7_1_1_failure_report_says_what_is_answered() {
    let mut bound = bound();
    for (failure_report, good, bad) in [
        ("yes", Some(200), Some(413)),
        ("no", None, None),
        ("partial", None, Some(413)),
    ] {
        let headers = |range| {
            format!(
                "Message-ID: m1\r\nByte-Range: {range}\r\nFailure-Report: {failure_report}\r\nContent-Type: a/b\r\n"
            )
        };
        let chunk = bound.send("t001", &headers("1-2/2"), Some("hi"), '$');
        assert_eq!(bound.code(&chunk), good, "{failure_report}");
        let chunk = bound.send("t002", &headers("1-2/99999999999"), Some("hi"), '+');
        assert_eq!(bound.code(&chunk), bad, "{failure_report}");
        assert_eq!(bound.received(), [pair("m1", "hi")]);
    }
}

#[test]
fn rfc4975_7_1_2_a_success_report_follows_the_response() {
    let mut bound = bound();
    let headers =
        "Message-ID: m1\r\nByte-Range: 1-2/2\r\nSuccess-Report: yes\r\nContent-Type: a/b\r\n";
    let chunk = bound.send("t001", headers, Some("hi"), '$');
    bound.feed(&chunk);
    let out = bound.side.take(bound.conn);
    let (response, report) = out.split_once("-------t001$\r\n").unwrap();
    assert!(response.starts_with("MSRP t001 200 OK\r\n"));
    assert!(report.contains(" REPORT\r\n"));
    assert!(report.contains(&format!(
        "To-Path: {PEER}\r\nFrom-Path: {}\r\nMessage-ID: m1\r\nByte-Range: 1-2/2\r\nStatus: 000 200 OK\r\n",
        bound.path
    )));
}

#[test]
fn a_report_is_told_and_never_answered() {
    let mut bound = bound();
    let headers = "Message-ID: m7\r\nByte-Range: 1-2/2\r\nStatus: 000 408 Timeout\r\n";
    let report = bound.request("r001", "REPORT", headers, None, '$');
    assert_eq!(bound.code(&report), None);
    assert!(matches!(
        &bound.side.clear()[..],
        [Event::Report { message_id, status, .. }] if *message_id == "m7" && *status == Status::TIMEOUT
    ));
    // Nor a broken one, nor one for nobody, nor one with a body.
    for broken in [
        report.replace("1-2/2", "x"),
        report.replace(&bound.path, "msrp://10.0.0.1:2855/none;tcp"),
        bound.request("r001", "REPORT", "Content-Type: a/b\r\n", Some("x"), '$'),
    ] {
        assert_eq!(bound.code(&broken), None);
    }
    assert!(bound.side.clear().is_empty());
}

#[test]
fn responses_to_nothing_are_ignored() {
    let mut bound = bound();
    let text = format!(
        "MSRP nobody1 481 None\r\nTo-Path: {}\r\nFrom-Path: {PEER}\r\n-------nobody1$\r\n",
        bound.path
    );
    assert_eq!(bound.code(&text), None);
    assert!(bound.side.clear().is_empty());
}

#[test]
fn rfc4975_7_3_requests_that_do_not_belong_are_refused() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    let path = bound.path.clone();
    let id = path.split(['/', ';']).nth(3).unwrap();
    let near = format!("{}0", &id[..id.len() - 1]);
    for (name, text, code) in [
        ("unknown session", chunk.replace(id, "nobody"), 481),
        ("nearly the session", chunk.replace(id, &near), 481),
        (
            "other host",
            chunk.replace("10.0.0.1:2855", "10.0.0.9:2855"),
            481,
        ),
        (
            "other port",
            chunk.replace("10.0.0.1:2855", "10.0.0.1:2856"),
            481,
        ),
        (
            "other scheme",
            chunk.replace("To-Path: msrp", "To-Path: msrps"),
            481,
        ),
        ("no session-id", chunk.replace(&format!("/{id}"), ""), 481),
        (
            "more hops",
            chunk.replace("\r\nFrom", " msrp://10.0.0.3:1/x;tcp\r\nFrom"),
            481,
        ),
        ("other sender", chunk.replace("sB1", "sB2"), 403),
        ("unknown method", chunk.replace(" SEND", " FETCH"), 501),
        ("no relay", chunk.replace(" SEND", " AUTH"), 501),
        (
            "no Message-ID",
            chunk.replace("Message-ID: m1\r\n", ""),
            400,
        ),
        ("malformed", chunk.replace("1-2/2", "1-x/2"), 400),
        ("place 0", chunk.replace("1-2/2", "0-2/2"), 400),
        ("too large", chunk.replace("1-2/2", "1-2/20000000"), 413),
        (
            "too far",
            chunk.replace("1-2/2", "1000000000000000000-*/*"),
            413,
        ),
        (
            "far too far",
            chunk.replace("1-2/2", "18446744073709551615-*/*"),
            413,
        ),
    ] {
        assert_eq!(bound.code(&text), Some(code), "{name}");
        assert_eq!(bound.received(), [], "{name}");
    }
    assert_eq!(bound.code(&chunk), Some(200));
    assert_eq!(bound.side.endpoint.reassembly, 0);
}

#[test]
fn rfc4975_5_4_a_session_is_bound_to_one_connection() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    let other = bound.side.accept_conn();
    bound.side.feed(other, chunk.clone());
    assert_eq!(bound.side.codes(other), [("t001".to_owned(), 506)]);
    assert_eq!(bound.received(), []);
    // And nobody else ends it by leaving.
    bound.side.with(|e, cx| e.handle_closed(cx, other));
    assert_eq!(bound.code(&chunk), Some(200));
}

#[test]
fn rfc6714_matching_by_session_id_alone() {
    let mut bound = Bound::new(Settings {
        match_by_id_only: true,
        ..Settings::default()
    });
    let chunk = bound
        .chunk("t001", "m1", "1-2/2", "hi", '$')
        .replace("10.0.0.1:2855", "sbc.example:1")
        .replace(PEER, "msrp://sbc.example:2/other;tcp");
    assert_eq!(bound.code(&chunk), Some(200));
    assert_eq!(bound.received(), [pair("m1", "hi")]);
}

#[test]
fn rfc4975_8_6_a_type_that_is_not_accepted_gets_415() {
    let mut bound = Bound::new(Settings {
        accept_types: vec!["message/cpim".into()],
        max_size: Some(100),
        ..Settings::default()
    });
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    assert_eq!(bound.code(&chunk), Some(415));
    let chunk = chunk.replace("text/plain", "Message/CPIM ; a=b");
    assert_eq!(bound.code(&chunk), Some(200));
    assert_eq!(bound.code(&chunk.replace("1-2/2", "1-2/101")), Some(413));
    let body = "x".repeat(101);
    let lie = chunk.replace("1-2/2", "1-*/*").replace("hi", &body);
    assert_eq!(bound.code(&lie), Some(413));
    assert_eq!(bound.code(&lie.replace("t001$", "t001+")), Some(413));
    assert_eq!(bound.received().len(), 1);
    // Only that one was told to stop.
    assert!(bound.side.endpoint.reassembly < 512);
}

#[test]
fn messages_that_interleave_are_kept_apart() {
    let mut bound = bound();
    for (id, message, range, body, flag) in [
        ("t001", "m1", "1-3/6", "aaa", '+'),
        ("t002", "m2", "1-3/6", "bbb", '+'),
        ("t003", "m3", "4-6/6", "CCC", '$'),
        ("t004", "m1", "4-6/6", "AAA", '$'),
        ("t005", "m2", "4-*/*", "BBB", '$'),
        ("t006", "m3", "1-4/6", "cccx", '+'),
    ] {
        let chunk = bound.chunk(id, message, range, body, flag);
        assert_eq!(bound.code(&chunk), Some(200));
    }
    assert_eq!(
        bound.received(),
        [
            pair("m1", "aaaAAA"),
            pair("m2", "bbbBBB"),
            pair("m3", "cccCCC")
        ]
    );
    assert_eq!(bound.side.endpoint.reassembly, 0);
}

#[test]
fn a_chunk_that_goes_on_holds_no_receive_buffer() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-*/4000", &"x".repeat(4000), '$');
    let (head, rest) = chunk.split_at(3000);
    let mut buffer = bytes::BytesMut::with_capacity(64 * 1024);
    buffer.extend_from_slice(head.as_bytes());
    let received = buffer.freeze();
    bound.side.feed(bound.conn, received.clone());
    assert!(received.try_into_mut().is_ok(), "the buffer is still held");
    bound.side.feed(bound.conn, rest.to_owned());
    assert_eq!(bound.codes(), [("t001".to_owned(), 200)]);
}

#[test]
fn a_message_may_end_with_a_chunk_without_a_body_and_an_empty_one_is_one() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-2/*", "hi", '+');
    assert_eq!(bound.code(&chunk), Some(200));
    let end = bound.send("t002", "Message-ID: m1\r\nByte-Range: 3-2/2\r\n", None, '$');
    assert_eq!(bound.code(&end), Some(200));
    let empty = bound.chunk("t003", "m2", "1-0/0", "", '$');
    assert_eq!(bound.code(&empty), Some(200));
    // A keep-alive is none.
    let empty = bound.send("t004", "Message-ID: m3\r\nByte-Range: 1-0/0\r\n", None, '$');
    assert_eq!(bound.code(&empty), Some(200));
    assert_eq!(bound.received(), [pair("m1", "hi"), pair("m2", "")]);
}

#[test]
fn an_aborted_message_is_forgotten() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-*/100", "hello", '+');
    assert_eq!(bound.code(&chunk), Some(200));
    assert!(bound.side.endpoint.reassembly > 0);
    let chunk = bound.chunk("t002", "m1", "6-*/100", "x", '#');
    assert_eq!(bound.code(&chunk), Some(200));
    assert_eq!(bound.side.endpoint.reassembly, 0);
    // The same id may be used again.
    let chunk = bound.chunk("t003", "m1", "1-2/2", "hi", '$');
    assert_eq!(bound.code(&chunk), Some(200));
    assert_eq!(bound.received(), [pair("m1", "hi")]);
}

#[test]
fn a_range_is_a_hint_and_never_a_size() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-2000000000/2000000000", "hello", '+');
    assert_eq!(bound.code(&chunk), Some(413));
    bound.side.limits.msrp_message = usize::MAX;
    let chunk = bound.chunk("t002", "m2", "1-2000000000/2000000000", "hello", '+');
    assert_eq!(bound.code(&chunk), Some(200));
    let chunk = bound.chunk("t003", "m3", "1000000000000000000-*/*", "hello", '+');
    assert_eq!(bound.code(&chunk), Some(200));
    assert!(bound.side.endpoint.reassembly < 1024);
}

#[test]
fn reassembly_has_a_budget() {
    let mut bound = bound();
    bound.side.limits.msrp_session = 5_000;
    let body = "x".repeat(2_000);
    let mut codes = Vec::new();
    for message in ["m1", "m2", "m3", "m4"] {
        let chunk = bound.chunk("t001", message, "1-*/*", &body, '+');
        codes.push(bound.code(&chunk).unwrap());
    }
    assert_eq!(codes, [200, 200, 413, 413]);
    assert!(bound.side.endpoint.reassembly <= 5_000);
    // Two in flight, two refused: as many messages as there may be.
    bound.side.limits.msrp_partial = 4;
    let chunk = bound.chunk("t001", "m5", "1-*/*", "x", '+');
    assert_eq!(bound.code(&chunk), Some(413));
    // A stopped message stays stopped.
    let chunk = bound.chunk("t001", "m3", "2001-*/*", "x", '+');
    assert_eq!(bound.code(&chunk), Some(413));
    bound.side.wait(Duration::from_secs(31));
    assert_eq!(bound.side.endpoint.reassembly, 0);
    bound.side.limits.msrp_reassembly = 100;
    let chunk = bound.chunk("t001", "m6", "1-*/*", &body, '+');
    assert_eq!(bound.code(&chunk), Some(413));
}

#[test]
fn a_message_in_dust_is_stopped() {
    let mut bound = bound();
    let mut stopped = 0;
    for index in 0..2_000 {
        let chunk = bound.chunk("t001", "m1", &format!("{}-*/*", 5000 - 2 * index), "x", '+');
        stopped += usize::from(bound.code(&chunk) == Some(413));
    }
    assert!(stopped > 900);
}

#[test]
fn a_chunk_that_stalls_ends_the_connection_and_an_unused_connection_ends_too() {
    let idle = Duration::from_secs(31);
    for cut in [1, 20, 200] {
        let mut bound = bound();
        let chunk = bound.chunk("t001", "m1", "1-5/5", "hello", '$');
        let cut = cut.min(chunk.len() - 3);
        bound.feed(&chunk[..cut]);
        bound.side.wait(idle);
        assert!(bound.side.is_closed(bound.conn), "{cut}");
        assert!(matches!(
            bound.side.clear()[..],
            [Event::Down {
                why: Down::Connection,
                ..
            }]
        ));
    }
    let mut side = Side::new(1, None);
    let conn = side.accept_conn();
    side.wait(idle);
    assert!(side.is_closed(conn));
    // A head that drips is cut off as well.
    let mut bound = bound();
    for byte in ["M", "S", "R", "P", " ", "t", "0"] {
        bound.feed(byte);
        bound.side.wait(Duration::from_secs(5));
    }
    assert!(bound.side.is_closed(bound.conn));
}

#[test]
fn a_quiet_session_stays() {
    let mut bound = bound();
    for _ in 0..100 {
        bound.side.wait(Duration::from_secs(60));
    }
    assert!(!bound.side.is_closed(bound.conn));
    assert_eq!(bound.side.endpoint.poll_timeout(), None);
}

#[test]
fn what_is_not_msrp_ends_the_connection() {
    let good = bound();
    let chunk = good.chunk("t001", "m1", "1-5/5", "hello", '$');
    for at in [0, 1, 100, 4096] {
        let mut bound = bound();
        let http = format!("POST / HTTP/1.1\r\n\r\n{}{chunk}", "x".repeat(at));
        let conn = bound.side.accept_conn();
        bound.side.feed(conn, http);
        assert!(bound.side.is_closed(conn));
        assert_eq!(bound.received(), []);
    }
}

#[test]
fn a_session_that_nobody_binds_goes_down() {
    let mut side = Side::new(1, Some("10.0.0.1:2855"));
    let (session, _) = side.open(Settings::default());
    side.with(|e, cx| e.start(cx, session, vec![PEER.parse().unwrap()], Role::Passive));
    let message = Outgoing::new("text/plain".into(), "hi".into());
    let id = side.with(|e, cx| e.send(cx, session, message)).unwrap();
    side.wait(Duration::from_secs(31));
    assert!(matches!(
        side.clear()[..],
        [
            Event::Failed { id: failed, status: Status::TIMEOUT, .. },
            Event::Down { why: Down::Unbound, .. }
        ] if failed == id
    ));
}

#[test]
fn a_peer_may_bind_before_its_path_is_known() {
    for (path, up) in [(PEER, true), ("msrp://10.0.0.2:9/other;tcp", false)] {
        let mut bound = bound();
        let (session, local) = bound.side.open(Settings::default());
        let conn = bound.side.accept_conn();
        bound.path = local[0].to_string();
        let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
        bound.side.feed(conn, chunk);
        assert_eq!(bound.side.codes(conn), [("t001".to_owned(), 200)]);
        assert!(bound.side.clear().is_empty());
        let start = vec![path.parse().unwrap()];
        bound
            .side
            .with(|e, cx| e.start(cx, session, start, Role::Passive));
        assert_eq!(matches!(bound.side.clear()[..], [Event::Up { .. }]), up);
    }
}

#[test]
fn a_peer_that_reads_nothing_is_not_read_either_and_closed_in_the_end() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    let mut fed = 0;
    while bound.side.endpoint.wants_read(bound.conn) {
        bound.feed(&chunk);
        fed += 1;
        assert!(fed < 10_000);
    }
    let conn = bound.conn;
    bound.side.take(conn);
    assert!(bound.side.endpoint.wants_read(conn));
    while !bound.side.is_closed(conn) {
        bound.feed(&chunk);
        fed += 1;
        assert!(fed < 100_000);
    }
    // Nor one whose messages we leave unanswered.
    let mut bound = self::bound();
    bound.side.accepts = false;
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    for _ in 0..bound.side.limits.msrp_unanswered {
        assert!(bound.side.endpoint.wants_read(bound.conn));
        bound.feed(&chunk);
    }
    assert!(!bound.side.endpoint.wants_read(bound.conn));
}

#[test]
fn a_tap_sees_each_message_once_and_whole() {
    #[derive(Debug)]
    struct Seen(Arc<Mutex<Vec<Sighting>>>);
    impl Tap for Seen {
        fn see(&mut self, sighting: Sighting) {
            self.0.lock().unwrap().push(sighting);
        }
    }
    let mut bound = bound();
    let seen = Arc::new(Mutex::new(Vec::new()));
    bound
        .side
        .outbox
        .set_tap(Some(Box::new(Seen(seen.clone()))));
    let texts = [
        bound.chunk("t001", "m1", "1-5/11", "hello", '+'),
        bound.chunk("t002", "m1", "6-11/11", " world", '$'),
        bound.send("t003", "Message-ID: m2\r\n", None, '$'),
    ];
    for byte in texts.concat().bytes() {
        bound.side.feed(bound.conn, vec![byte]);
    }
    let message = Outgoing::new("text/plain".into(), vec![b'x'; 5_000].into());
    let session = bound.session;
    bound
        .side
        .with(|e, cx| e.send(cx, session, message))
        .unwrap();
    let out = bound.side.take(bound.conn);
    let seen: Vec<String> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|s| String::from_utf8(s.bytes.to_vec()).unwrap())
        .collect();
    assert_eq!(seen[..3], texts);
    assert_eq!(seen.len(), 7);
    assert_eq!(seen[3..].concat(), out);
}
