//! Somebody who means harm: speaks MSRP wrongly, in ways that are drawn from a seed.

use super::Machine;
use crate::engine::{
    Conn, ConnId, Ids, Input, Outbox, Protocol, Record, Reply, Seed, Tap, Transport,
};
use crate::node::Output;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// A host that opens connections to its victims, and takes theirs where it listens, to say what nobody should say
/// there: heads and bodies without an end, ranges that lie, halves of messages, answers that nobody asked for. Some of
/// its connections it never reads, and some it closes in the middle of a word.
#[derive(Debug)]
pub struct Hostile {
    chance: Ids,
    outbox: Outbox,
    victims: Vec<SocketAddr>,
    /// The paths that it knows of its victims' sessions, and what it says to be itself in them.
    paths: Vec<(String, String)>,
    lines: BTreeMap<ConnId, Line>,
    wake: Option<Instant>,
    said: u64,
}

/// One connection.
#[derive(Debug, Default)]
struct Line {
    up: bool,
    /// Whether what comes is read.
    reads: bool,
    queue: VecDeque<Bytes>,
    /// What is said over and over, and how often.
    endless: Option<(Bytes, u32)>,
}

/// Connections that it has at one time.
const LINES: usize = 12;

impl Hostile {
    /// Somebody with nobody to harm yet. It begins at `now`.
    pub fn new(seed: Seed, now: Instant) -> Self {
        Self {
            chance: Ids::new(seed),
            outbox: Outbox::default(),
            victims: Vec::new(),
            paths: vec![(
                "msrp://192.0.2.1:2855/guess;tcp".to_owned(),
                "msrp://192.0.2.66:9/me;tcp".to_owned(),
            )],
            lines: BTreeMap::new(),
            wake: Some(now),
            said: 0,
        }
    }

    /// Has it connect to the MSRP listener of a victim.
    #[must_use]
    pub fn against(mut self, victim: SocketAddr) -> Self {
        self.victims.push(victim);
        self
    }

    /// Lets it know the path of a session of a victim, and who the victim thinks it speaks to: as one does who was let
    /// in, or who has listened.
    pub fn learn(&mut self, path: &str, peer: &str) {
        self.paths.push((path.to_owned(), peer.to_owned()));
    }

    /// How many bytes it has said.
    pub const fn said(&self) -> u64 {
        self.said
    }

    /// Has it leave.
    pub fn stop(&mut self) {
        self.wake = None;
        for conn in std::mem::take(&mut self.lines).into_keys() {
            self.outbox.close(conn);
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.chance.below(bound as u64)).unwrap_or_default()
    }

    fn line(&mut self, up: bool) -> Line {
        Line {
            up,
            reads: self.below(2) == 0,
            ..Line::default()
        }
    }

    /// Does the next thing.
    fn act(&mut self) {
        let open: Vec<ConnId> = (self.lines.iter())
            .filter(|(_, line)| line.up && line.queue.len() < 64)
            .map(|(conn, _)| *conn)
            .collect();
        match self.below(10) {
            0 | 1 if self.lines.len() < LINES && !self.victims.is_empty() => {
                let victim = self.below(self.victims.len());
                let Some(victim) = self.victims.get(victim).copied() else {
                    return;
                };
                let conn = self
                    .outbox
                    .connect(Protocol::Msrp, Transport::Tcp, victim, None);
                let line = self.line(false);
                self.lines.insert(conn, line);
            }
            2 if !open.is_empty() => {
                let conn = self.below(open.len());
                if let Some(conn) = open.get(conn) {
                    self.lines.remove(conn);
                    self.outbox.close(*conn);
                }
            }
            _ if !open.is_empty() => {
                let conn = self.below(open.len());
                let word = self.word();
                let endless = match self.below(20) {
                    0 => Some(self.endless()),
                    _ => None,
                };
                if let Some(conn) = open.get(conn)
                    && let Some(line) = self.lines.get_mut(conn)
                {
                    line.queue.push_back(word);
                    line.endless = endless.or_else(|| line.endless.take());
                    self.outbox.flush(*conn);
                }
            }
            _ => {}
        }
    }

    /// What is said without an end, as long as the victim listens.
    fn endless(&mut self) -> (Bytes, u32) {
        let what = ["X-More: of it\r\n", "-------t001", "x", "\r\n\r\n"];
        let what = what[self.below(what.len())];
        (Bytes::from(what.repeat(8192 / what.len())), 64)
    }

    /// Something wrong.
    fn word(&mut self) -> Bytes {
        let known = self.below(self.paths.len());
        let (to, from) = self.paths.get(known).cloned().unwrap_or_default();
        let (a, b) = (self.chance.below(1 << 20), self.chance.below(1 << 20));
        let id = format!("m{}", a % 8);
        let flag = ["$", "+", "#", "?"][self.below(4)];
        let chunk = |range: &str, body: &str| {
            format!(
                "MSRP t001 SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: {id}\r\n\
                 Byte-Range: {range}\r\nContent-Type: message/cpim\r\n\r\n{body}\r\n-------t001{flag}\r\n"
            )
        };
        let text = match self.below(16) {
            0 => "\0\x01\x02 nothing of the kind \r\n\r\n"
                .repeat(usize::try_from(a % 9).unwrap_or(1)),
            1 => "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            2 => format!(
                "MSRP t001 SEND\r\nTo-Path: {to}\r\nX-Long: {}",
                "x".repeat(4096)
            ),
            3 => chunk("1000000000000000000-*/*", "far out"),
            4 => chunk(&format!("{a}-{b}/{a}"), "where is it"),
            5 => chunk(&format!("{}-*/2000", 1 + a % 1000), &"overlap".repeat(100)),
            6 => chunk("1-*/1000000000000000000", "the first of many"),
            7 => chunk("1-2/2", &"longer than it says".repeat(50)),
            8 => chunk(
                "1-*/*",
                "From: <sip:x@y>\r\n\r\n-------t001\r\n-------t001$x",
            ),
            9 => format!(
                "MSRP t{a} 200 OK\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n-------t{a}$\r\n"
            ),
            10 => format!(
                "MSRP t{a} REPORT\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: {id}\r\n\
                 Byte-Range: 1-{b}/{a}\r\nStatus: 000 4{}\r\n-------t{a}$\r\n",
                a % 100
            ),
            11 => chunk("1-2/2", "hi")
                .replace(&to, &format!("{to} {}", format!("{from} ").repeat(20))),
            12 => chunk("1-2/2", "hi").replace("t001 SEND", "t001 AUTH"),
            13 => chunk("x-y/z", "hi").replace("Message-ID", "Message-ID: \t"),
            14 => chunk("1-2/2", "hi").replace("SEND", "INVENTED"),
            _ => chunk("", ""),
        };
        // Many are cut off somewhere, and what follows them begins in their middle.
        let keep = match self.below(3) {
            0 => self.below(text.len().max(1)),
            _ => text.len(),
        };
        let mut bytes = text.into_bytes();
        bytes.truncate(keep);
        bytes.into()
    }

    /// What is answered to a request, if anything: right, wrong, or meant for another.
    fn answer(&mut self, data: &[u8]) -> Option<Bytes> {
        let text = String::from_utf8_lossy(data);
        let mut words = text.strip_prefix("MSRP ")?.split([' ', '\r']);
        let (id, method) = (words.next()?, words.next()?);
        let path = |name: &str| {
            let line = text
                .split("\r\n")
                .find_map(|line| line.strip_prefix(name))?;
            Some(line.to_owned())
        };
        if method != "SEND" || self.below(4) == 0 {
            return None;
        }
        let (to, from) = (path("From-Path: ")?, path("To-Path: ")?);
        let code = ["200 OK", "200 OK", "413", "481", "999", "2OO"][self.below(6)];
        let id = match self.below(4) {
            0 => "t999",
            _ => id,
        };
        let answer =
            format!("MSRP {id} {code}\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n-------{id}$\r\n");
        Some(answer.into())
    }
}

impl Machine for Hostile {
    type Event = Infallible;

    fn handle_input(&mut self, _now: Instant, input: Input) {
        match input {
            Input::Connected { conn, local } => {
                self.outbox.connected(conn, local);
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.up = true;
                }
            }
            Input::Data { conn, data } => {
                if let Some(answer) = self.answer(&data)
                    && let Some(line) = self.lines.get_mut(&conn)
                {
                    line.queue.push_back(answer);
                    self.outbox.flush(conn);
                }
            }
            Input::Closed { conn } => {
                self.outbox.closed(conn);
                self.lines.remove(&conn);
            }
            Input::Datagram { .. } | Input::Secured { .. } => {}
        }
    }

    fn handle_accept(
        &mut self,
        _now: Instant,
        protocol: Protocol,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> ConnId {
        let conn = self.outbox.accept(Conn {
            protocol,
            transport,
            local: Some(local),
            peer,
            outgoing: false,
        });
        let line = self.line(true);
        self.lines.insert(conn, line);
        conn
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.wake.is_some_and(|at| at <= now) {
            self.act();
            let pause = Duration::from_millis(1 + self.chance.below(100));
            self.wake = now.checked_add(pause);
        }
    }

    fn resolved(&mut self, _now: Instant, _reply: Reply<Vec<IpAddr>>, _addresses: Vec<IpAddr>) {}

    fn looked_up(&mut self, _now: Instant, _reply: Reply<Vec<Record>>, _records: Vec<Record>) {}

    fn poll_output(&mut self, _now: Instant) -> Option<Output<Infallible>> {
        self.outbox.pop().map(Output::Transmit)
    }

    fn poll_stream(&mut self, _now: Instant, conn: ConnId) -> Option<Bytes> {
        let line = self.lines.get_mut(&conn).filter(|line| line.up)?;
        let bytes = line.queue.pop_front().or_else(|| {
            let (bytes, left) = line.endless.as_mut()?;
            *left = left.checked_sub(1)?;
            Some(bytes.clone())
        })?;
        self.said = self.said.saturating_add(bytes.len() as u64);
        Some(bytes)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.wake
    }

    fn wants_read(&self, conn: ConnId) -> bool {
        self.lines.get(&conn).is_none_or(|line| line.reads)
    }

    fn add_listener(&mut self, _protocol: Protocol, _transport: Transport, _local: SocketAddr) {}

    fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) {
        self.outbox.set_tap(tap);
    }
}
