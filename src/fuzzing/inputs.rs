//! Whole nodes: any sequence of inputs and commands, with time passing in between.
//!
//! The node is drained after each step, and this must hold whatever comes:
//!
//! - a step ends, and so do its outputs;
//! - once its deadline was handled, the next one is later;
//! - datagrams and streams that it writes can be read;
//! - a connection that is closed is silent, takes nothing, and is not closed again;
//! - when its peers are gone for good, it comes to rest.

use super::peer::Peer;
use super::take::Take;
use crate::client::{self, ChatId, Client, MessageId};
use crate::engine::{
    Clock, ConnId, DateTime, Input, Limits, Naptr, Protocol, Record, RecordKind, Reply, Seed, Srv,
    Transmit, Transport,
};
use crate::msrp::msg::Framer as MsrpFramer;
use crate::node::{Node, Output, Role};
use crate::participating::{self, Participating, Restored, Subscriber};
use crate::sip::Uri;
use crate::sip::msg::{Frame, Framer, Message};
use crate::store::engine::Memory;
use crate::store::{Answerer, Directory};
use crate::wire::Text;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Steps of one run.
const STEPS: usize = 200;
/// Outputs of one step.
const OUTPUTS: usize = 20_000;
/// How often the same time may be a deadline.
const SPINS: usize = 100;

pub(super) const OURS: SocketAddr = addr(1, 5060);
pub(super) const OURS_MSRP: SocketAddr = addr(1, 2855);

const fn addr(host: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), port)
}

/// A client under any inputs.
pub fn client_inputs(bytes: &[u8], start: Instant) {
    let mut take = Take::new(bytes);
    let mut config = client::Config::new(Uri::sip("alice", "example.com"), server(&mut take));
    config.password = Text::from_static("secret");
    config.auto_accept = take.flag();
    let node = Client::node(config, clock(start), Seed::from_number(1));
    Run::new(node, start, User::default()).go(take);
}

/// A participating function and its store under any inputs.
pub fn server_inputs(bytes: &[u8], start: Instant) {
    let take = Take::new(bytes);
    let mut config = participating::Config::new("example.com");
    config.trust_registered_udp = true;
    config.trusted = vec![addr(9, 0).ip()];
    let node = Participating::node(
        config,
        Restored::default(),
        clock(start),
        Seed::from_number(1),
    );
    let mut directory = Directory::new();
    for user in ["alice", "bob"] {
        let subscriber = Subscriber {
            password: Text::from_static("secret"),
            ..Subscriber::default()
        };
        directory.insert(&Uri::sip(user, "example.com"), subscriber);
    }
    let store = Answerer::new(Memory::default(), directory);
    Run::new(node, start, store).go(take);
}

fn server(take: &mut Take<'_>) -> Uri {
    let text = take.one_of(&[
        "sip:192.0.2.9:5060;transport=tcp",
        "sip:192.0.2.9",
        "sip:server.example.com;transport=tcp",
    ]);
    text.parse().expect("a URI")
}

fn clock(start: Instant) -> Clock {
    let wall = DateTime::parse_from_rfc3339("2026-01-01T09:00:00Z").expect("a date");
    Clock::new(start, wall)
}

/// Whoever uses a node: gives it commands, and hears its events.
trait Application<R: Role> {
    fn command(&mut self, node: &mut Node<R>, now: Instant, take: &mut Take<'_>);
    fn hear(&mut self, node: &mut Node<R>, now: Instant, event: R::Event);
}

/// Who has a device in hand.
#[derive(Debug, Default)]
struct User {
    chats: Vec<ChatId>,
    messages: Vec<MessageId>,
}

impl Application<Client> for User {
    fn command(&mut self, node: &mut Node<Client>, now: Instant, take: &mut Take<'_>) {
        let chat = match self.chats.as_slice() {
            [] => None,
            chats => Some(take.one_of(chats)),
        };
        match (take.below(12), chat) {
            (0, _) => node.register(now),
            (1, _) => node.unregister(now),
            (2, _) => {
                let options = client::Options {
                    lifetime: take.maybe(|take| Duration::from_secs(take.number())),
                    ..client::Options::default()
                };
                let to = Uri::sip("bob", "example.com");
                let _ = node.send_message(now, &to, &take.text(), &options);
            }
            (3, _) => node.rename_device(now, &take.text()),
            (4, None) | (5, _) | (_, None) => {
                let name = take.one_of(&["bob", "carol"]);
                self.chats
                    .push(node.open_chat(now, Uri::sip(name, "example.com")));
            }
            (4 | 6 | 7, Some(chat)) => drop(node.send_text(now, chat, &take.text())),
            (8, Some(chat)) => node.typing(now, chat),
            (9, Some(chat)) => node.end_chat(now, chat),
            (10, Some(chat)) => match take.flag() {
                true => node.accept_chat(now, chat),
                false => node.decline_chat(now, chat),
            },
            (_, Some(_)) => {
                if let Some(message) = self.messages.pop() {
                    node.mark_displayed(now, &message);
                }
            }
        }
        self.chats.truncate(16);
    }

    fn hear(&mut self, _: &mut Node<Client>, _: Instant, event: client::Event) {
        match event {
            client::Event::Message { message, chat, .. } => {
                self.messages.push(message);
                self.chats.push(chat);
            }
            client::Event::Invited { chat, .. } => self.chats.push(chat),
            _ => {}
        }
    }
}

impl Application<Participating> for Answerer<Memory> {
    fn command(&mut self, _: &mut Node<Participating>, _: Instant, _: &mut Take<'_>) {}

    fn hear(&mut self, node: &mut Node<Participating>, now: Instant, event: participating::Event) {
        let _ = self.answer(node, now, event);
    }
}

/// A connection as the world has it.
#[derive(Debug)]
struct Pipe {
    protocol: Protocol,
    peer: SocketAddr,
    is_up: bool,
    sip: Framer,
    msrp: MsrpFramer,
}

struct Run<R: Role, A> {
    node: Node<R>,
    now: Instant,
    application: A,
    peer: Peer,
    pipes: BTreeMap<ConnId, Pipe>,
    closed: Vec<ConnId>,
    questions: Vec<Reply<Vec<IpAddr>>>,
    lookups: Vec<(RecordKind, Reply<Vec<Record>>)>,
}

impl<R: Role, A: Application<R>> Run<R, A> {
    fn new(mut node: Node<R>, now: Instant, application: A) -> Self {
        node.add_listener(Protocol::Sip, Transport::Udp, OURS);
        node.add_listener(Protocol::Sip, Transport::Tcp, OURS);
        node.add_listener(Protocol::Msrp, Transport::Tcp, OURS_MSRP);
        Self {
            node,
            now,
            application,
            peer: Peer::default(),
            pipes: BTreeMap::new(),
            closed: Vec::new(),
            questions: Vec::new(),
            lookups: Vec::new(),
        }
    }

    fn go(mut self, mut take: Take<'_>) {
        for _ in 0..STEPS {
            if take.is_empty() {
                break;
            }
            self.step(&mut take);
            self.drain();
        }
        self.rest();
    }

    fn step(&mut self, take: &mut Take<'_>) {
        let now = self.now;
        match take.below(14) {
            0 => self.pass(take),
            1 => {
                self.application.command(&mut self.node, now, take);
            }
            2 => {
                let bytes = take.bytes();
                self.datagram(take, bytes);
            }
            3..=5 => {
                if let Some(bytes) = self.peer.sip(take) {
                    self.datagram(take, bytes);
                }
            }
            6 => {
                let protocol = take.one_of(&[Protocol::Sip, Protocol::Msrp]);
                let local = match protocol {
                    Protocol::Msrp => OURS_MSRP,
                    _ => OURS,
                };
                let peer = addr(take.one_of(&[2, 9]), 1024 + u16::from(take.byte()));
                let conn = (self.node).handle_accept(now, protocol, Transport::Tcp, local, peer);
                self.open(conn, protocol, peer, true);
            }
            7 => {
                if let Some(conn) = self.choose(take) {
                    let is_up = self.pipes.get_mut(&conn).map(|pipe| &mut pipe.is_up);
                    if let Some(is_up @ false) = is_up {
                        *is_up = true;
                        let input = Input::Connected { conn, local: OURS };
                        self.node.handle_input(now, input);
                    }
                }
            }
            8 => {
                let data = take.bytes();
                if let Some(conn) = self.choose(take) {
                    self.data(conn, data);
                }
            }
            9..=11 => {
                if let Some(conn) = self.choose(take) {
                    let data = match self.pipes.get(&conn).map(|pipe| pipe.protocol) {
                        Some(Protocol::Msrp) => self.peer.msrp(take),
                        _ => self.peer.sip(take),
                    };
                    if let Some(mut data) = data {
                        // Streams are cut anywhere.
                        let first = data.split_to(data.len() * take.below(256) / 256);
                        self.data(conn, first);
                        self.data(conn, data);
                    }
                }
            }
            12 => {
                if let Some(conn) = self.choose(take) {
                    self.close(conn);
                    self.node.handle_input(now, Input::Closed { conn });
                }
            }
            _ => {
                if let Some((kind, question)) = self.lookups.pop() {
                    let found = records(kind, take.below(4));
                    self.node.looked_up(now, question, found);
                } else if let Some(question) = self.questions.pop() {
                    let found = match take.below(3) {
                        0 => Vec::new(),
                        1 => vec![addr(9, 0).ip()],
                        _ => vec![OURS.ip()],
                    };
                    self.node.resolved(now, question, found);
                }
            }
        }
    }

    fn datagram(&mut self, take: &mut Take<'_>, data: Bytes) {
        let peer = addr(take.one_of(&[9, 2]), take.one_of(&[5060, 5070]));
        let local = OURS;
        let input = Input::Datagram { local, peer, data };
        self.node.handle_input(self.now, input);
    }

    fn data(&mut self, conn: ConnId, data: Bytes) {
        let is_up = self.pipes.get(&conn).is_some_and(|pipe| pipe.is_up);
        if is_up && self.node.wants_read(conn) && !data.is_empty() {
            self.node.handle_input(self.now, Input::Data { conn, data });
            self.drain();
        }
    }

    fn choose(&self, take: &mut Take<'_>) -> Option<ConnId> {
        let open: Vec<_> = self.pipes.keys().copied().collect();
        (!open.is_empty()).then(|| take.one_of(&open))
    }

    fn open(&mut self, conn: ConnId, protocol: Protocol, peer: SocketAddr, is_up: bool) {
        let pipe = Pipe {
            protocol,
            peer,
            is_up,
            sip: Framer::new(),
            msrp: MsrpFramer::new(),
        };
        assert!(
            self.pipes.insert(conn, pipe).is_none(),
            "an id is given once"
        );
        assert!(!self.closed.contains(&conn), "an id is given once");
    }

    fn close(&mut self, conn: ConnId) {
        assert!(self.pipes.remove(&conn).is_some(), "{conn} is closed twice");
        self.closed.push(conn);
    }

    /// Lets time pass: a little, until the deadline, or by leaps.
    fn pass(&mut self, take: &mut Take<'_>) {
        let deadline = self.node.poll_timeout();
        self.now += match take.below(4) {
            0 => Duration::from_millis(u64::from(take.byte())),
            1 => Duration::from_secs(u64::from(take.byte())),
            2 => Duration::from_secs(u64::from(take.byte()) * 600),
            _ => deadline.map_or(Duration::ZERO, |at| at.saturating_duration_since(self.now)),
        };
        self.timeout();
    }

    fn timeout(&mut self) {
        for _ in 0..SPINS {
            self.node.handle_timeout(self.now);
            self.drain();
            if self.node.poll_timeout().is_none_or(|at| at > self.now) {
                return;
            }
        }
        panic!("the deadline does not pass");
    }

    fn drain(&mut self) {
        for _ in 0..OUTPUTS {
            match self.node.poll_output() {
                Some(Output::Event(event)) => {
                    self.application.hear(&mut self.node, self.now, event);
                }
                Some(Output::Transmit(transmit)) => self.transmit(transmit),
                None => return,
            }
        }
        panic!("a step does not end");
    }

    fn transmit(&mut self, transmit: Transmit) {
        match transmit {
            Transmit::Datagram { peer, data, .. } => {
                if !data.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                    self.written_sip(data, peer);
                }
            }
            Transmit::Connect {
                conn,
                protocol,
                peer,
                ..
            } => self.open(conn, protocol, peer, false),
            Transmit::Flush { conn } => self.pull(conn),
            Transmit::Close { conn } => self.close(conn),
            Transmit::Resolve { reply, .. } => self.questions.push(reply),
            Transmit::LookUp { kind, reply, .. } => self.lookups.push((kind, reply)),
        }
    }

    fn pull(&mut self, conn: ConnId) {
        let pipe = self.pipes.get(&conn);
        assert!(pipe.is_some(), "{conn} is closed and has bytes");
        for _ in 0..OUTPUTS {
            if !self.pipes.get(&conn).is_some_and(|pipe| pipe.is_up) {
                return;
            }
            let Some(data) = self.node.poll_stream(self.now, conn) else {
                return;
            };
            assert!(!data.is_empty(), "no bytes are no reason to write");
            self.written(conn, data);
        }
        panic!("a stream does not end");
    }

    /// What the node writes can be read by any peer.
    fn written(&mut self, conn: ConnId, data: Bytes) {
        let limits = Limits::default();
        let Some(pipe) = self.pipes.get_mut(&conn) else {
            return;
        };
        match pipe.protocol {
            Protocol::Sip => {
                pipe.sip.push(data);
                let (mut messages, peer) = (Vec::new(), pipe.peer);
                while let Some(frame) = pipe.sip.next(&limits).expect("what we write is SIP") {
                    if let Frame::Message(message) = frame {
                        messages.push(message);
                    }
                }
                for message in messages {
                    self.written_sip(message, peer);
                }
            }
            Protocol::Msrp => {
                pipe.msrp.push(data);
                while let Some(frame) = pipe.msrp.next(&limits).expect("what we write is MSRP") {
                    if let Some(head) = frame.head {
                        self.peer.saw_msrp(head);
                    }
                }
            }
        }
    }

    fn written_sip(&mut self, bytes: Bytes, _to: SocketAddr) {
        let message = Message::parse(bytes.clone(), &Limits::default());
        let message = message.unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&bytes));
        });
        self.peer.saw_sip(message);
    }

    /// The network is gone. The end of one connection may be the end of others, closed by the node.
    fn cut_all(&mut self) {
        for conn in self.pipes.keys().copied().collect::<Vec<_>>() {
            if self.pipes.contains_key(&conn) {
                self.close(conn);
                self.node.handle_input(self.now, Input::Closed { conn });
                self.drain();
            }
        }
    }

    /// Everybody is gone: what was begun is given up in the end, and what is kept alive costs little.
    fn rest(&mut self) {
        self.cut_all();
        for _ in 0..40 {
            let Some(at) = self.node.poll_timeout() else {
                break;
            };
            self.now = self.now.max(at);
            self.timeout();
            for (_, question) in std::mem::take(&mut self.lookups) {
                self.node.looked_up(self.now, question, Vec::new());
                self.drain();
            }
            for question in std::mem::take(&mut self.questions) {
                self.node.resolved(self.now, question, Vec::new());
                self.drain();
            }
            self.cut_all();
        }
        for conn in &self.closed {
            assert!(!self.node.wants_read(*conn), "{conn} is closed and reads");
            let late = self.node.poll_stream(self.now, *conn);
            assert_eq!(late, None, "{conn} is closed and writes");
        }
    }
}

/// What the domain name system might say, true or not.
fn records(kind: RecordKind, count: usize) -> Vec<Record> {
    let record = |n: u16| match kind {
        RecordKind::Naptr => Record::Naptr(Naptr {
            order: n,
            preference: 1,
            flags: Text::from_static("s"),
            service: Text::from_static("SIP+D2T"),
            regexp: Text::default(),
            replacement: Text::from_static("_sip._tcp.example.com"),
        }),
        RecordKind::Srv => Record::Srv(Srv {
            priority: n,
            weight: n,
            port: 5060,
            target: Text::from_static("a.example.com"),
        }),
    };
    (0..u16::try_from(count).unwrap_or(0)).map(record).collect()
}
