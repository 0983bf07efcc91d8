//! RFC 4976: relays of MSRP, as a client and as a relay.

mod s5_client;
pub(crate) mod s6_relay;
mod s6_simulated;
pub(crate) mod stage;

use bytes::Bytes;
use cpm::engine::{Clock, ConnId, Cx, DateTime, Ids, Limits, Outbox, Seed, Transmit, Transport};
use cpm::msrp::msg::{Message, Request, Response};
use cpm::msrp::{self, Endpoint, Event};
use std::time::{Duration, Instant};

/// An endpoint with all that it is handed, and one connection to a relay that the test plays.
pub(crate) struct Client {
    pub(crate) endpoint: Endpoint,
    ids: Ids,
    limits: Limits,
    outbox: Outbox,
    clock: Clock,
    now: Instant,
    pub(crate) conn: Option<ConnId>,
    transport: Option<Transport>,
}

impl Client {
    pub(crate) fn new() -> Self {
        let mut ids = Ids::new(Seed::from_number(1));
        let config = msrp::Config {
            host: Some("alice.example.com".into()),
            ..msrp::Config::default()
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
            conn: None,
            transport: None,
        }
    }

    pub(crate) fn with<T>(&mut self, step: impl FnOnce(&mut Endpoint, &mut Cx<'_>) -> T) -> T {
        let mut cx = Cx {
            now: self.now,
            clock: &self.clock,
            ids: &mut self.ids,
            limits: &self.limits,
            outbox: &mut self.outbox,
        };
        step(&mut self.endpoint, &mut cx)
    }

    /// Lets the connection that the endpoint wants come up.
    pub(crate) fn connect(&mut self) {
        while let Some(transmit) = self.outbox.pop() {
            if let Transmit::Connect {
                conn, transport, ..
            } = transmit
            {
                (self.conn, self.transport) = (Some(conn), Some(transport));
                self.outbox
                    .connected(conn, "10.0.0.2:4000".parse().unwrap());
                self.with(|endpoint, cx| endpoint.handle_connected(cx, conn));
            }
        }
    }

    /// The next request on the connection.
    pub(crate) fn request(&mut self) -> Option<Request> {
        let conn = self.conn?;
        let bytes = self.with(|endpoint, cx| endpoint.poll_stream(cx, conn))?;
        match Message::parse(&bytes, &self.limits).unwrap() {
            Message::Request(request) => Some(request),
            Message::Response(response) => panic!("{response:?}"),
        }
    }

    /// Answers a request as the far end of its path does.
    pub(crate) fn respond(
        &mut self,
        request: &Request,
        status: u16,
        headers: &[(&'static str, &str)],
    ) {
        let response = Response {
            transaction_id: request.transaction_id.clone(),
            status: msrp::Status::new(status).unwrap(),
            comment: "".into(),
            to_path: request.from_path.clone(),
            from_path: request.to_path.clone(),
            others: headers
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
        };
        self.feed(response.write().unwrap());
    }

    pub(crate) fn feed(&mut self, bytes: Bytes) {
        let conn = self.conn.unwrap();
        self.with(|endpoint, cx| endpoint.handle_data(cx, conn, bytes));
    }

    pub(crate) fn event(&mut self) -> Option<Event> {
        self.endpoint.poll_event()
    }

    /// Lets time pass, as far as the endpoint has something to do.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.with(|endpoint, cx| endpoint.handle_timeout(cx));
        }
        self.now = end;
    }
}

/// The value of a header field that the codec does not know.
pub(crate) fn header<'a>(
    others: &'a [(cpm::wire::Text, cpm::wire::Text)],
    name: &str,
) -> Option<&'a str> {
    others
        .iter()
        .find(|(spelled, _)| spelled.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}
