//! RFC 4975 §7 and §10: what is answered to what, and what is reported.

use cpm::engine::{
    Clock, Conn, ConnId, Cx, DateTime, Ids, Limits, Outbox, Protocol, Seed, Transport,
};
use cpm::msrp::{Config, Endpoint, Event, Role, SessionId, Settings, Status};
use std::time::Instant;

const PEER: &str = "msrp://192.0.2.2:9/peer1;tcp";

/// An endpoint that listens, and what it is handed.
struct Server {
    endpoint: Endpoint,
    ids: Ids,
    limits: Limits,
    outbox: Outbox,
    clock: Clock,
    now: Instant,
}

impl Server {
    fn new() -> Self {
        let mut ids = Ids::new(Seed::from_number(1));
        let config = Config {
            listen: Some("192.0.2.1:2855".parse().unwrap()),
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
        }
    }

    fn with<T>(&mut self, step: impl FnOnce(&mut Endpoint, &mut Cx<'_>) -> T) -> T {
        let mut cx = Cx {
            now: self.now,
            clock: &self.clock,
            ids: &mut self.ids,
            limits: &self.limits,
            outbox: &mut self.outbox,
        };
        step(&mut self.endpoint, &mut cx)
    }

    /// A session that waits for its peer, and its URI.
    fn session(&mut self) -> (SessionId, String) {
        let settings = Settings {
            accept_types: vec!["text/plain".into()],
            max_size: Some(100),
            ..Settings::default()
        };
        let session = self.with(|e, cx| e.open(cx, settings)).unwrap();
        let peer = vec![PEER.parse().unwrap()];
        self.with(|e, cx| e.start(cx, session, peer, Role::Passive));
        let path = self.endpoint.local_path(session).unwrap();
        (session, path[0].to_string())
    }

    fn connection(&mut self) -> ConnId {
        let conn = self.outbox.accept(Conn {
            protocol: Protocol::Msrp,
            transport: Transport::Tcp,
            local: Some("192.0.2.1:2855".parse().unwrap()),
            peer: "192.0.2.2:4000".parse().unwrap(),
            outgoing: false,
        });
        self.with(|e, cx| e.handle_accepted(cx, conn));
        conn
    }

    /// What is said to some bytes at once.
    fn said(&mut self, conn: ConnId, text: &str) -> String {
        let bytes = text.to_owned().into();
        self.with(|e, cx| e.handle_data(cx, conn, bytes));
        self.says(conn)
    }

    fn says(&mut self, conn: ConnId) -> String {
        let mut out = Vec::new();
        while let Some(bytes) = self.with(|e, cx| e.poll_stream(cx, conn)) {
            out.extend_from_slice(&bytes);
        }
        String::from_utf8(out).unwrap()
    }
}

/// The status codes of the responses in what was said.
fn codes(said: &str) -> Vec<u16> {
    let heads = said.lines().filter_map(|line| line.strip_prefix("MSRP "));
    heads
        .filter_map(|head| head.split(' ').nth(1)?.parse().ok())
        .collect()
}

fn request(method: &str, to: &str, from: &str, headers: &str, body: &str) -> String {
    format!(
        "MSRP tid1 {method}\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n\
         Message-ID: m1\r\n{headers}\r\n{body}\r\n-------tid1$\r\n"
    )
}

fn send(to: &str, headers: &str) -> String {
    request("SEND", to, PEER, headers, "hi")
}

const TEXT: &str = "Byte-Range: 1-2/2\r\nContent-Type: text/plain\r\n";

#[test]
fn rfc4975_10_each_fault_has_its_code() {
    let near = |to: &str| to.replace("192.0.2.1:2855", "192.0.2.1:2856");
    type Make = fn(&str) -> String;
    let cases: [(&str, u16, Make); 9] = [
        ("a session that is not there", 481, |_| {
            send("msrp://192.0.2.1:2855/nobody;tcp", TEXT)
        }),
        ("two URIs, for nobody here relays", 481, |to| {
            send(&format!("{to} msrp://192.0.2.3:1/x;tcp"), TEXT)
        }),
        ("a sender that is not the peer", 403, |to| {
            request("SEND", to, "msrp://192.0.2.2:9/other;tcp", TEXT, "hi")
        }),
        ("a method that nobody knows", 501, |to| {
            request("FETCH", to, PEER, TEXT, "hi")
        }),
        ("the same to a session that is not there", 481, |_| {
            request(
                "FETCH",
                "msrp://192.0.2.1:2855/nobody;tcp",
                PEER,
                TEXT,
                "hi",
            )
        }),
        ("a type that is not taken", 415, |to| {
            send(to, "Byte-Range: 1-2/2\r\nContent-Type: image/png\r\n")
        }),
        ("more than is taken", 413, |to| {
            send(to, "Byte-Range: 1-2/101\r\nContent-Type: text/plain\r\n")
        }),
        ("a range that is none", 400, |to| {
            send(to, "Byte-Range: x-2/2\r\nContent-Type: text/plain\r\n")
        }),
        ("a place before the first", 400, |to| {
            send(to, "Byte-Range: 0-2/2\r\nContent-Type: text/plain\r\n")
        }),
    ];
    for (what, code, make) in cases {
        let mut server = Server::new();
        let (_, to) = server.session();
        let conn = server.connection();
        let text = make(&to);
        assert_eq!(codes(&server.said(conn, &text)), [code], "{what}");
        // Failure-Report is of SEND (RFC 4975 §7.1.1), and keeps all of them quiet there.
        if text.contains(" SEND\r\n") {
            let quiet = text.replace("Message-ID", "Failure-Report: no\r\nMessage-ID");
            assert_eq!(server.said(conn, &quiet), "", "{what}");
        }
    }
    let mut server = Server::new();
    let (_, to) = server.session();
    let conn = server.connection();
    assert_eq!(codes(&server.said(conn, &send(&near(&to), TEXT))), [481]);
}

#[test]
fn rfc4975_10_12_a_session_that_is_bound_elsewhere_is_a_506() {
    let mut server = Server::new();
    let (_, to) = server.session();
    let (first, second) = (server.connection(), server.connection());
    server.said(first, &send(&to, TEXT));
    assert!(matches!(
        server.endpoint.poll_event(),
        Some(Event::Up { .. })
    ));
    assert_eq!(codes(&server.said(second, &send(&to, TEXT))), [506]);
}

#[test]
fn rfc4975_7_1_1_and_7_1_2_every_wish_for_reports_and_every_outcome() {
    // What became of the message, and the code of the response.
    for outcome in [200_u16, 403, 415] {
        for success in ["yes", "no", ""] {
            for failure in ["yes", "no", "partial", ""] {
                let mut server = Server::new();
                let (session, to) = server.session();
                let conn = server.connection();
                let mut headers = String::new();
                for (name, value) in [("Success-Report", success), ("Failure-Report", failure)] {
                    if !value.is_empty() {
                        headers += &format!("{name}: {value}\r\n");
                    }
                }
                let text = match outcome {
                    415 => TEXT.replace("text/plain", "image/png"),
                    _ => TEXT.to_owned(),
                };
                let mut said = server.said(conn, &send(&to, &(headers + &text)));
                while let Some(event) = server.endpoint.poll_event() {
                    if let Event::Received { message, .. } = event {
                        assert_eq!(said, "", "nothing is said before somebody takes it");
                        assert_eq!(message.success_report, success == "yes");
                        server.with(|e, cx| match outcome {
                            200 => e.accept(cx, message.receipt),
                            code => e.refuse(cx, message.receipt, Status::new(code).unwrap()),
                        });
                        said = server.says(conn);
                    }
                }
                let what = format!("{outcome}, success {success:?}, failure {failure:?}");
                let is_answered = match failure {
                    "no" => false,
                    "partial" => outcome != 200,
                    _ => true,
                };
                let expected = if is_answered { vec![outcome] } else { vec![] };
                assert_eq!(codes(&said), expected, "{what}: {said}");
                let is_reported = success == "yes" && outcome == 200;
                assert_eq!(said.contains(" REPORT\r\n"), is_reported, "{what}: {said}");
                if is_reported {
                    let path = format!("To-Path: {PEER}\r\nFrom-Path: {to}\r\n");
                    assert!(said.contains(&path), "{said}");
                    assert!(said.contains("Message-ID: m1\r\n"), "{said}");
                    assert!(said.contains("Byte-Range: 1-2/2\r\n"), "{said}");
                    assert!(said.contains("Status: 000 200"), "{said}");
                }
                assert!(server.endpoint.local_path(session).is_some());
            }
        }
    }
}

#[test]
fn rfc4975_7_3_2_a_report_is_never_answered() {
    let mut server = Server::new();
    let (_, to) = server.session();
    let conn = server.connection();
    server.said(conn, &send(&to, TEXT));
    for to in [to.as_str(), "msrp://192.0.2.1:2855/nobody;tcp"] {
        let report = format!(
            "MSRP tid2 REPORT\r\nTo-Path: {to}\r\nFrom-Path: {PEER}\r\nMessage-ID: m9\r\n\
             Byte-Range: 1-2/2\r\nStatus: 000 408 Timeout\r\n-------tid2$\r\n"
        );
        assert_eq!(server.said(conn, &report), "");
    }
}
