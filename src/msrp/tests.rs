//! The endpoint against hand-written bytes, and two endpoints against each other.

mod answers;
mod assembly;
mod binding;
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
