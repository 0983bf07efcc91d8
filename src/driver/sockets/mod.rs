//! All sockets of a driver and the loop that serves them.

mod accepted;
mod inputs;
mod outputs;

use super::addresses::reachable;
use super::connection::Connection;
use super::datagrams::Datagrams;
use super::listener::Listener;
use super::ready::{Bell, Ready};
use super::records::RecordSource;
use super::stream::Stream;
use super::{Config, Tls};
use crate::engine::{ConnId, Ids, Input, Key, Map, Protocol, Record, Reply, Slab, Transport};
use crate::node::Machine;
use crate::node::Output;
use accepted::Accepted;
use bytes::BytesMut;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::Sleep;

/// Everything that can wake a driver, and what is known of it.
///
/// All state is in here and none in a future that could be dropped half-way; that is what makes
/// [`Driver::next`](super::Driver::next) safe to cancel.
pub(super) struct Sockets {
    pub(super) config: Config,
    pub(super) tls: Tls,
    table: Slab<Option<Entry>>,
    ready: Ready,
    /// Where in the table a connection of the node is.
    conns: Map<ConnId, Key>,
    /// The UDP sockets by the address under which the node knows them.
    datagrams: Vec<(SocketAddr, Key)>,
    /// Connections for which the node has bytes.
    flushes: Vec<Key>,
    /// What is not read from until the node wants it again.
    paused: VecDeque<Key>,
    accepted: Accepted,
    scratch: Vec<u8>,
    buffer: BytesMut,
    sleep: Option<Pin<Box<Sleep>>>,
    records: RecordSource,
    /// How often in a row the deadline had passed.
    overdue: u32,
    reading: bool,
}

struct Entry {
    bell: Bell,
    /// The address that it counts against, if a peer opened it.
    accepted_from: Option<IpAddr>,
    /// Whether it stands among the paused.
    paused: bool,
    source: Source,
}

enum Source {
    Datagrams(Datagrams),
    Listener(Listener),
    Opening(Opening, Pending<io::Result<Stream>>),
    Open(Connection),
    Closing(Pending<()>),
    /// The replies are taken when they are used.
    Lookup(Option<Reply<Vec<IpAddr>>>, Pending<Vec<IpAddr>>),
    Records(Option<Reply<Vec<Record>>>, Pending<Vec<Record>>),
}

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Who wants the connection that is being opened.
#[derive(Clone, Copy)]
enum Opening {
    Node(ConnId),
    Peer(Protocol, Transport, SocketAddr),
}

impl Sockets {
    pub(super) fn new(config: Config, ids: &mut Ids) -> Self {
        Self {
            config,
            tls: Tls::default(),
            table: Slab::new(),
            ready: Ready::new(),
            conns: ids.map(),
            datagrams: Vec::new(),
            flushes: Vec::new(),
            paused: VecDeque::new(),
            accepted: Accepted::new(ids),
            scratch: vec![0; SCRATCH],
            buffer: BytesMut::new(),
            sleep: None,
            records: RecordSource::default(),
            overdue: 0,
            reading: true,
        }
    }

    pub(super) fn set_name_server(&mut self, server: SocketAddr) {
        self.records = RecordSource::default();
        self.records.server = Some(server);
    }

    /// Takes datagrams at `addr`. The address in return is how peers reach it.
    pub(super) async fn listen_udp(&mut self, addr: SocketAddr) -> io::Result<SocketAddr> {
        let socket = UdpSocket::bind(addr).await?;
        let local = reachable(socket.local_addr()?);
        self.add_datagrams(Datagrams::new(socket, local));
        Ok(local)
    }

    /// Takes connections at `addr`. The address in return is how peers reach it.
    pub(super) async fn listen_stream(
        &mut self,
        protocol: Protocol,
        transport: Transport,
        addr: SocketAddr,
        tls: Option<tokio_rustls::TlsAcceptor>,
    ) -> io::Result<SocketAddr> {
        let socket = TcpListener::bind(addr).await?;
        let local = reachable(socket.local_addr()?);
        let listener = Listener::new(protocol, transport, tls, socket);
        self.insert(Source::Listener(listener), None);
        Ok(local)
    }

    /// Takes WebSockets at `addr`, under TLS if there is any.
    pub(super) async fn listen_web(
        &mut self,
        protocol: Protocol,
        addr: SocketAddr,
        tls: Option<&Tls>,
    ) -> io::Result<(Transport, SocketAddr)> {
        let acceptor = tls
            .map(Tls::acceptor)
            .transpose()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let transport = match acceptor {
            Some(_) => Transport::Wss,
            None => Transport::Ws,
        };
        let local = self
            .listen_stream(protocol, transport, addr, acceptor)
            .await?;
        Ok((transport, local))
    }

    /// Runs `machine` until it has an event.
    pub(super) async fn next<M: Machine>(&mut self, machine: &mut M) -> io::Result<M::Event> {
        self.reading = true;
        std::future::poll_fn(|cx| {
            loop {
                match self.poll_turn(cx, machine) {
                    Poll::Ready(Ok(Some(event))) => return Poll::Ready(Ok(event)),
                    Poll::Ready(Ok(None)) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// Runs `machine`, without reading anything for it, until all that it wanted done is done.
    pub(super) async fn flush<M: Machine>(
        &mut self,
        machine: &mut M,
        events: &mut VecDeque<M::Event>,
    ) -> io::Result<()> {
        self.reading = false;
        std::future::poll_fn(|cx| {
            loop {
                match self.poll_turn(cx, machine) {
                    Poll::Ready(Ok(Some(event))) => events.push_back(event),
                    Poll::Ready(Ok(None)) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending if self.is_idle() => return Poll::Ready(Ok(())),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// How many connections are open, opening or closing.
    pub(super) fn connections(&self) -> usize {
        let streams = |entry: &&Entry| {
            !matches!(
                entry.source,
                Source::Datagrams(_)
                    | Source::Listener(_)
                    | Source::Lookup(..)
                    | Source::Records(..)
            )
        };
        self.entries().filter(streams).count()
    }

    /// Whether nothing that the machine wanted done is still under way.
    fn is_idle(&self) -> bool {
        self.entries().all(|entry| match &entry.source {
            Source::Datagrams(datagrams) => datagrams.is_written(),
            Source::Open(connection) => connection.is_written(),
            Source::Listener(_) | Source::Opening(Opening::Peer(..), _) => true,
            Source::Opening(Opening::Node(_), _)
            | Source::Closing(_)
            | Source::Lookup(..)
            | Source::Records(..) => false,
        })
    }

    /// One turn of the loop: `Ready(Some)` with an event, `Ready(None)` after other progress, `Pending`
    /// when there is nothing to do until the task is woken.
    fn poll_turn<M: Machine>(
        &mut self,
        cx: &mut Context<'_>,
        machine: &mut M,
    ) -> Poll<io::Result<Option<M::Event>>> {
        let now = Instant::now();
        // 1. Take every output.
        while let Some(output) = machine.poll_output(now) {
            match output {
                Output::Transmit(transmit) => self.transmit(now, machine, transmit),
                Output::Event(event) => {
                    // What the application does next may close a connection: first what was before.
                    self.write_flushed(now, machine);
                    return Poll::Ready(Ok(Some(event)));
                }
            }
        }
        let mut busy = self.write_flushed(now, machine);
        // 2. Mind the deadline. One that never moves must not keep the task from sleeping.
        if machine.poll_timeout().is_some_and(|at| at <= now) {
            machine.handle_timeout(now);
            self.overdue = self.overdue.saturating_add(1);
            busy |= self.overdue < PATIENCE;
        } else {
            self.overdue = 0;
        }
        // 3. Feed what arrived.
        for _ in 0..SHARE {
            match self.ready.poll(cx) {
                Poll::Ready(key) => self.serve(now, machine, key)?,
                Poll::Pending => break,
            }
            busy = true;
        }
        let look_at = if busy { SHARE } else { self.paused.len() };
        busy |= self.resume(machine, look_at);
        if busy {
            return Poll::Ready(Ok(None));
        }
        match self.poll_sleep(cx, now, machine.poll_timeout()) {
            Poll::Ready(()) => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn add_datagrams(&mut self, datagrams: Datagrams) -> Key {
        let local = datagrams.local;
        let key = self.insert(Source::Datagrams(datagrams), None);
        self.datagrams.push((local, key));
        key
    }

    fn poll_sleep(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        until: Option<Instant>,
    ) -> Poll<()> {
        let Some(until) = until else {
            return Poll::Pending;
        };
        let until = tokio::time::Instant::from_std(until.max(now + TICK));
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        // One that ends too early does no harm, and the deadlines of a busy node move with every message.
        if sleep.is_elapsed() || sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        sleep.as_mut().poll(cx)
    }

    /// Drops every connection and says so.
    pub(super) fn disconnect<M: Machine>(&mut self, now: Instant, machine: &mut M) {
        let mut conns = self.conns.drain().collect::<Vec<_>>();
        conns.sort_unstable();
        for (conn, key) in conns {
            self.remove(key);
            machine.handle_input(now, Input::Closed { conn });
        }
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter().filter_map(|(_, entry)| entry.as_ref())
    }

    fn insert(&mut self, source: Source, accepted_from: Option<IpAddr>) -> Key {
        let key = self.table.insert(None);
        if let Some(entry) = self.table.get_mut(key) {
            *entry = Some(Entry {
                bell: self.ready.bell(key),
                accepted_from,
                paused: false,
                source,
            });
        }
        key
    }

    fn take(&mut self, key: Key) -> Option<Entry> {
        self.table.remove(key).flatten()
    }

    fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.take(key)?;
        if let Some(address) = entry.accepted_from {
            self.accepted.remove(address);
        }
        Some(entry)
    }
}

impl std::fmt::Debug for Sockets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sockets")
            .field("connections", &self.connections())
            .field("accepted", &self.accepted.total())
            .field("paused", &self.paused.len())
            .finish_non_exhaustive()
    }
}

/// How many sources have their turn before outputs and the deadline are looked at again.
const SHARE: usize = 64;

/// How often in a row a deadline may be in the past before the loop slows down to a [`TICK`].
const PATIENCE: u32 = 64;

/// How long the task sleeps for a deadline at the least. The transactions of a busy node have deadlines by the thousand
/// a second, which are not worth an awakening each, and nothing in SIP or MSRP has to be this exact.
const TICK: Duration = Duration::from_millis(4);

/// As large as a datagram can be.
const SCRATCH: usize = 64 * 1024;
