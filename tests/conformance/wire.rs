//! A network for SIP endpoints, without sockets and without waiting: time passes when a test says so.
//!
//! Endpoints at [`Wire::end`] reach each other by address. What goes to an address where nobody is ends
//! up [`outside`](Wire::outside), where a test plays the peer by hand.

use bytes::Bytes;
use cpm::engine::{
    Clock, Conn, ConnId, Cx, DateTime, Ids, Limits, Outbox, Protocol, Record, RecordKind, Seed,
    Transmit, Transport,
};
use cpm::sip::{Config, Endpoint, Event, Listener};
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub(crate) struct Wire {
    start: Instant,
    now: Instant,
    ends: Vec<End>,
    flying: VecDeque<Packet>,
    links: HashMap<(usize, ConnId), Far>,
    /// Addresses where nobody is but a connection is taken.
    pub(crate) taken: HashSet<SocketAddr>,
    /// Names and their addresses.
    pub(crate) names: HashMap<String, Vec<std::net::IpAddr>>,
    /// Names and their other records.
    pub(crate) zone: HashMap<(String, RecordKind), Vec<Record>>,
    /// Which datagrams get lost: sees the text of each.
    pub(crate) lose: Box<dyn FnMut(&str) -> bool>,
    outside: Vec<Heard>,
}

/// What arrived where nobody is.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Milliseconds since the start.
    pub(crate) at: u128,
    pub(crate) to: SocketAddr,
    pub(crate) from: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) text: String,
    pub(crate) data: Bytes,
}

struct End {
    sip: Endpoint,
    addr: SocketAddr,
    ids: Ids,
    limits: Limits,
    clock: Clock,
    outbox: Outbox,
    events: Vec<Event>,
    ports: u16,
}

#[derive(Clone, Copy)]
enum Far {
    End(usize, ConnId),
    Outside(SocketAddr, SocketAddr),
}

enum Packet {
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        data: Bytes,
    },
    Data {
        to: usize,
        conn: ConnId,
        data: Bytes,
    },
    Closed {
        to: usize,
        conn: ConnId,
    },
}

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Wire {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            start: now,
            now,
            ends: Vec::new(),
            flying: VecDeque::new(),
            links: HashMap::new(),
            taken: HashSet::new(),
            names: HashMap::new(),
            zone: HashMap::new(),
            lose: Box::new(|_| false),
            outside: Vec::new(),
        }
    }

    /// An endpoint that listens on UDP and TCP.
    pub(crate) fn end(&mut self, at: &str, set: impl FnOnce(&mut Config, &mut Limits)) -> usize {
        let addr = addr(at);
        let mut ids = Ids::new(Seed::from_number(self.ends.len() as u64 + 1));
        let mut limits = Limits::default();
        let mut config = Config {
            listeners: [Transport::Udp, Transport::Tcp]
                .map(|transport| Listener { transport, addr })
                .to_vec(),
            ..Config::default()
        };
        set(&mut config, &mut limits);
        let wall = DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z").unwrap();
        self.ends.push(End {
            sip: Endpoint::new(config, &mut ids),
            addr,
            ids,
            limits,
            clock: Clock::new(self.start, wall),
            outbox: Outbox::default(),
            events: Vec::new(),
            ports: 40_000,
        });
        self.ends.len() - 1
    }

    /// Gives commands to an endpoint and lets everything that follows at once happen.
    pub(crate) fn with<T>(
        &mut self,
        end: usize,
        act: impl FnOnce(&mut Endpoint, &mut Cx<'_>) -> T,
    ) -> T {
        let value = self.ends[end].step(self.now, act);
        self.settle();
        value
    }

    /// A datagram from somewhere outside.
    pub(crate) fn inject(&mut self, end: usize, from: &str, text: &str) {
        let to = self.ends[end].addr;
        let data = Bytes::from(text.replace('\n', "\r\n"));
        self.flying.push_back(Packet::Datagram {
            from: addr(from),
            to,
            data,
        });
        self.settle();
    }

    /// A datagram that is no text.
    pub(crate) fn inject_bytes(&mut self, end: usize, from: &str, data: impl Into<Bytes>) {
        self.flying.push_back(Packet::Datagram {
            from: addr(from),
            to: self.ends[end].addr,
            data: data.into(),
        });
        self.settle();
    }

    /// Opens a connection from somewhere outside.
    pub(crate) fn connect(&mut self, end: usize, from: &str) -> ConnId {
        let local = self.ends[end].addr;
        let peer = addr(from);
        self.connect_by(end, Transport::Tcp, local, peer)
    }

    /// Opens a connection of that transport from somewhere outside.
    pub(crate) fn connect_by(
        &mut self,
        end: usize,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> ConnId {
        let conn = self.ends[end].accept(self.now, transport, local, peer);
        self.links.insert((end, conn), Far::Outside(peer, local));
        self.settle();
        conn
    }

    /// Bytes on a connection from outside.
    pub(crate) fn stream(&mut self, end: usize, conn: ConnId, text: &str) {
        let data = Bytes::from(text.replace('\n', "\r\n"));
        self.flying.push_back(Packet::Data {
            to: end,
            conn,
            data,
        });
        self.settle();
    }

    /// Breaks a connection at an endpoint, and at the other end of it.
    pub(crate) fn break_conn(&mut self, end: usize, conn: ConnId) {
        if let Some(Far::End(far, conn)) = self.links.remove(&(end, conn)) {
            self.flying.push_back(Packet::Closed { to: far, conn });
        }
        self.flying.push_back(Packet::Closed { to: end, conn });
        self.settle();
    }

    /// The only connection of an endpoint.
    pub(crate) fn conn_of(&self, end: usize) -> ConnId {
        let mut all = self.links.keys().filter(|(at, _)| *at == end);
        let (_, conn) = *all.next().expect("a connection");
        assert!(all.next().is_none(), "one connection");
        conn
    }

    /// The connections of an endpoint.
    pub(crate) fn conns_of(&self, end: usize) -> Vec<ConnId> {
        let all = self.links.keys().filter(|(at, _)| *at == end);
        all.map(|(_, conn)| *conn).collect()
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let due = self
                .ends
                .iter()
                .filter_map(|end| end.sip.poll_timeout())
                .min();
            match due {
                Some(due) if due <= until => {
                    self.now = self.now.max(due);
                    for end in 0..self.ends.len() {
                        self.ends[end].step(self.now, |sip, cx| sip.handle_timeout(cx));
                    }
                    self.settle();
                }
                _ => break,
            }
        }
        self.now = until;
    }

    pub(crate) fn seconds(&mut self, seconds: u64) {
        self.run(Duration::from_secs(seconds));
    }

    /// What happened at an endpoint since it was last asked.
    pub(crate) fn events(&mut self, end: usize) -> Vec<Event> {
        std::mem::take(&mut self.ends[end].events)
    }

    /// What arrived outside since it was last asked.
    pub(crate) fn outside(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.outside)
    }

    /// The only message that arrived outside since it was last asked.
    pub(crate) fn heard(&mut self) -> String {
        let mut heard = self.outside();
        assert_eq!(heard.len(), 1, "{heard:#?}");
        heard.remove(0).text
    }

    /// When, in milliseconds, messages arrived outside that begin so.
    pub(crate) fn times(heard: &[Heard], begin: &str) -> Vec<u128> {
        let those = heard.iter().filter(|heard| heard.text.starts_with(begin));
        those.map(|heard| heard.at).collect()
    }

    fn settle(&mut self) {
        loop {
            for end in 0..self.ends.len() {
                while let Some(transmit) = self.ends[end].outbox.pop() {
                    self.transmit(end, transmit);
                }
            }
            match self.flying.pop_front() {
                Some(packet) => self.deliver(packet),
                None if self.ends.iter().all(|end| end.outbox.is_empty()) => break,
                None => {}
            }
        }
    }

    fn transmit(&mut self, end: usize, transmit: Transmit) {
        match transmit {
            Transmit::Datagram { local, peer, data } => {
                let from = local.unwrap_or(self.ends[end].addr);
                if !(self.lose)(&String::from_utf8_lossy(&data)) {
                    self.flying.push_back(Packet::Datagram {
                        from,
                        to: peer,
                        data,
                    });
                }
            }
            Transmit::Connect {
                conn,
                peer,
                transport,
                ..
            } => {
                let local = self.ends[end].next_port();
                if let Some(far) = self.ends.iter().position(|end| end.addr == peer) {
                    let other = self.ends[far].accept(self.now, transport, peer, local);
                    self.links.insert((end, conn), Far::End(far, other));
                    self.links.insert((far, other), Far::End(end, conn));
                } else if self.taken.contains(&peer) {
                    self.links.insert((end, conn), Far::Outside(peer, local));
                } else {
                    return self.flying.push_back(Packet::Closed { to: end, conn });
                }
                self.ends[end].step(self.now, |sip, cx| {
                    cx.outbox.connected(conn, local);
                    sip.handle_connected(cx, conn);
                });
            }
            Transmit::Flush { conn } => {
                while let Some(data) = self.ends[end].sip.poll_stream(conn) {
                    match self.links.get(&(end, conn)) {
                        Some(Far::End(to, conn)) => self.flying.push_back(Packet::Data {
                            to: *to,
                            conn: *conn,
                            data,
                        }),
                        Some(Far::Outside(to, from)) => self.outside.push(Heard {
                            at: (self.now - self.start).as_millis(),
                            to: *to,
                            from: *from,
                            transport: Transport::Tcp,
                            text: String::from_utf8_lossy(&data).replace("\r\n", "\n"),
                            data: data.clone(),
                        }),
                        None => {}
                    }
                }
            }
            Transmit::Close { conn } => {
                if let Some(Far::End(to, conn)) = self.links.remove(&(end, conn)) {
                    self.links.remove(&(to, conn));
                    self.flying.push_back(Packet::Closed { to, conn });
                }
            }
            Transmit::Resolve { host, reply } => {
                let found = self.names.get(host.as_str()).cloned().unwrap_or_default();
                if host != "silent.example" {
                    self.ends[end].step(self.now, |sip, cx| {
                        assert!(sip.handle_resolved(cx, reply.question(), found));
                    });
                }
            }
            Transmit::LookUp { name, kind, reply } => {
                if name == "silent.example" {
                    return;
                }
                let found = self.zone.get(&(name.to_string(), kind));
                let found = found.cloned().unwrap_or_default();
                self.ends[end].step(self.now, |sip, cx| {
                    assert!(sip.handle_looked_up(cx, reply.question(), found));
                });
            }
            other => panic!("{other:?}"),
        }
    }

    fn deliver(&mut self, packet: Packet) {
        match packet {
            Packet::Datagram { from, to, data } => {
                match self.ends.iter().position(|end| end.addr == to) {
                    Some(end) => self.ends[end].step(self.now, |sip, cx| {
                        sip.handle_datagram(cx, to, from, data);
                    }),
                    None => self.outside.push(Heard {
                        at: (self.now - self.start).as_millis(),
                        to,
                        from,
                        transport: Transport::Udp,
                        text: String::from_utf8_lossy(&data).replace("\r\n", "\n"),
                        data: data.clone(),
                    }),
                }
            }
            Packet::Data { to, conn, data } => {
                self.ends[to].step(self.now, |sip, cx| sip.handle_data(cx, conn, data));
            }
            Packet::Closed { to, conn } => {
                self.links.remove(&(to, conn));
                self.ends[to].step(self.now, |sip, cx| {
                    cx.outbox.closed(conn);
                    sip.handle_closed(cx, conn);
                });
            }
        }
    }
}

impl End {
    fn step<T>(&mut self, now: Instant, act: impl FnOnce(&mut Endpoint, &mut Cx<'_>) -> T) -> T {
        let mut cx = Cx {
            now,
            clock: &self.clock,
            ids: &mut self.ids,
            limits: &self.limits,
            outbox: &mut self.outbox,
        };
        let value = act(&mut self.sip, &mut cx);
        while let Some(event) = self.sip.poll_event() {
            self.events.push(event);
        }
        value
    }

    fn accept(
        &mut self,
        now: Instant,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> ConnId {
        let conn = self.outbox.accept(Conn {
            protocol: Protocol::Sip,
            transport,
            local: Some(local),
            peer,
            outgoing: false,
        });
        self.step(now, |sip, cx| sip.handle_accepted(cx, conn));
        conn
    }

    fn next_port(&mut self) -> SocketAddr {
        self.ports += 1;
        SocketAddr::new(self.addr.ip(), self.ports)
    }
}

/// The value of the first header of that name in a message that was heard.
pub(crate) fn header<'a>(message: &'a str, name: &str) -> &'a str {
    headers(message, name)
        .next()
        .unwrap_or_else(|| panic!("no {name} in\n{message}"))
}

/// The values of all headers of that name.
pub(crate) fn headers<'a>(message: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let name = format!("{name}: ");
    let head = message.split("\n\n").next().unwrap_or_default();
    head.lines()
        .filter_map(move |line| line.strip_prefix(name.as_str()))
}

/// A response to a request that was heard, as a peer would write it. `extra` are whole lines.
pub(crate) fn answer(request: &str, status: &str, tag: &str, extra: &str) -> String {
    let mut lines = vec![format!("SIP/2.0 {status}")];
    for name in ["Via", "Record-Route"] {
        lines.extend(headers(request, name).map(|value| format!("{name}: {value}")));
    }
    lines.push(format!("From: {}", header(request, "From")));
    let to = header(request, "To");
    lines.push(match (to.contains("tag="), tag) {
        (true, _) | (_, "") => format!("To: {to}"),
        _ => format!("To: {to};tag={tag}"),
    });
    for name in ["Call-ID", "CSeq"] {
        lines.push(format!("{name}: {}", header(request, name)));
    }
    lines.extend(extra.lines().map(String::from));
    lines.push(String::from("Content-Length: 0\n\n"));
    lines.join("\n")
}

/// The value of a parameter, say a tag or branch.
pub(crate) fn param<'a>(value: &'a str, name: &str) -> &'a str {
    let name = format!(";{name}=");
    let start = value
        .find(&name)
        .unwrap_or_else(|| panic!("no {name} in {value}"))
        + name.len();
    let rest = &value[start..];
    &rest[..rest.find([';', '>', ',']).unwrap_or(rest.len())]
}
