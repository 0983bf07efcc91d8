//! The loop on loopback sockets, with a machine that speaks no protocol.

mod datagrams;
mod loops;
mod node;
mod records;
mod streams;
mod tls;

use super::Config;
use super::sockets::Sockets;
use crate::engine::{
    Conn, ConnId, Ids, Input, Outbox, Protocol, Record, Reply, Seed, Tap, Transport,
};
use crate::node::{Machine, Output};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::time::timeout;

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Datagram(Bytes),
    Accepted(ConnId),
    Connected(ConnId),
    Data(ConnId, Bytes),
    Closed(ConnId),
    Resolved(Vec<IpAddr>),
    LookedUp(Vec<Record>),
    Timeout,
}

/// Tells everything, and sends back what it is sent if it is an echo.
#[derive(Default)]
struct Dummy {
    outbox: Outbox,
    events: VecDeque<Event>,
    streams: BTreeMap<ConnId, VecDeque<Bytes>>,
    echoes: bool,
    /// A connection to which it has always more to say.
    babbles_to: Option<ConnId>,
    pulled: usize,
    received: usize,
    /// How much it takes before it wants no more.
    appetite: Option<usize>,
    deadline: Option<Instant>,
    timeouts: usize,
    stuck: bool,
}

impl Dummy {
    fn say(&mut self, conn: ConnId, bytes: impl Into<Bytes>) {
        self.streams
            .entry(conn)
            .or_default()
            .push_back(bytes.into());
        self.outbox.flush(conn);
    }

    fn connect(&mut self, transport: Transport, peer: SocketAddr, name: Option<&str>) -> ConnId {
        self.outbox
            .connect(Protocol::Sip, transport, peer, name.map(Into::into))
    }
}

impl Machine for Dummy {
    type Event = Event;

    fn handle_input(&mut self, _: Instant, input: Input) {
        let event = match input {
            Input::Datagram { local, peer, data } => {
                if self.echoes {
                    self.outbox.datagram(Some(local), peer, data.clone());
                }
                Event::Datagram(data)
            }
            // It trusts whoever the driver does.
            Input::Secured { .. } => return,
            Input::Connected { conn, local } => {
                self.outbox.connected(conn, local);
                Event::Connected(conn)
            }
            Input::Data { conn, data } => {
                self.received += data.len();
                if self.echoes {
                    self.say(conn, data.clone());
                }
                Event::Data(conn, data)
            }
            Input::Closed { conn } => {
                assert!(self.outbox.closed(conn).is_some(), "told once");
                Event::Closed(conn)
            }
        };
        self.events.push_back(event);
    }

    fn handle_accept(
        &mut self,
        _: Instant,
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
        self.events.push_back(Event::Accepted(conn));
        conn
    }

    fn handle_timeout(&mut self, now: Instant) {
        assert!(self.deadline.is_some_and(|at| at <= now), "not early");
        self.timeouts += 1;
        if !self.stuck {
            self.deadline = None;
            self.events.push_back(Event::Timeout);
        }
    }

    fn looked_up(&mut self, _: Instant, _: Reply<Vec<Record>>, records: Vec<Record>) {
        self.events.push_back(Event::LookedUp(records));
    }

    fn resolved(&mut self, _: Instant, _: Reply<Vec<IpAddr>>, addresses: Vec<IpAddr>) {
        self.events.push_back(Event::Resolved(addresses));
    }

    fn poll_output(&mut self, _: Instant) -> Option<Output<Event>> {
        match self.outbox.pop() {
            Some(transmit) => Some(Output::Transmit(transmit)),
            None => self.events.pop_front().map(Output::Event),
        }
    }

    /// It says nothing of where it is reached, and shows nothing.
    fn add_listener(&mut self, _: Protocol, _: Transport, _: SocketAddr) {}

    fn set_tap(&mut self, _: Option<Box<dyn Tap>>) {}

    fn poll_stream(&mut self, _: Instant, conn: ConnId) -> Option<Bytes> {
        let bytes = if self.babbles_to == Some(conn) {
            Some(Bytes::from_static(&[b'b'; 16 * 1024]))
        } else {
            self.streams.get_mut(&conn)?.pop_front()
        };
        self.pulled += bytes.as_ref().map_or(0, Bytes::len);
        bytes
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn wants_read(&self, _: ConnId) -> bool {
        self.appetite
            .is_none_or(|appetite| self.received < appetite)
    }
}

/// A dummy on real sockets.
struct Net {
    dummy: Dummy,
    sockets: Sockets,
}

impl Net {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let mut ids = Ids::new(Seed::from_number(1));
        Self {
            dummy: Dummy::default(),
            sockets: Sockets::new(config, &mut ids),
        }
    }

    fn echo() -> Self {
        let mut net = Self::new();
        net.dummy.echoes = true;
        net
    }

    async fn listen(&mut self) -> SocketAddr {
        self.sockets
            .listen_stream(Protocol::Sip, Transport::Tcp, loopback(), None)
            .await
            .unwrap()
    }

    async fn next(&mut self) -> Event {
        timeout(PATIENCE, self.sockets.next(&mut self.dummy))
            .await
            .expect("an event in time")
            .unwrap()
    }

    /// Runs for a while and drops what happens.
    async fn run(&mut self, span: Duration) {
        let _ = timeout(span, async {
            loop {
                self.sockets.next(&mut self.dummy).await.unwrap();
            }
        })
        .await;
    }

    /// Runs until the other side is done.
    async fn serve<T>(&mut self, other: impl Future<Output = T>) -> T {
        let run = async {
            loop {
                self.sockets.next(&mut self.dummy).await.unwrap();
            }
        };
        let both = async {
            tokio::select! { () = run => unreachable!(), done = other => done }
        };
        timeout(PATIENCE, both).await.expect("done in time")
    }

    async fn accepted(&mut self) -> ConnId {
        match self.next().await {
            Event::Accepted(conn) => conn,
            other => panic!("{other:?}"),
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect()
}
