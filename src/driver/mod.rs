//! Sockets, TLS, DNS and timers on tokio (feature `tokio`): what a [`Node`] does not do itself.
//!
//! ```text
//!              ┌────────────────────── Driver::next ──────────────────────┐
//!              │ 1. take every output           2. mind the deadline      │
//!   Event ◀────┤    Datagram ─▶ UDP socket         node.handle_timeout    │
//!              │    Connect  ─▶ TCP, TLS        3. feed what arrived      │
//!              │    Flush    ─▶ node.poll_stream   node.handle_input      │
//!              │    Close    ─▶ goodbye            node.handle_accept     │
//!              │    Resolve  ─▶ DNS                node.resolved          │
//!              │ 4. nothing left? sleep until a socket or the deadline    │
//!              └──────────────────────────────────────────────────────────┘
//! ```
//!
//! One task serves everything: the driver owns its sockets and polls those that were woken, each with a
//! waker of its own that puts it into a queue. So there are no channels that copy, no locks around the
//! node, no task per connection, and an idle connection costs a socket and some hundred bytes. A busy
//! source gets a fair share of each turn and then queues up again behind the others. To use
//! several cores, run several nodes, each with a driver on a runtime of its own.
//!
//! * **Out.** Bytes are pulled from the node when the socket has room and not before, and many small
//!   messages leave in one call. What a slow reader does not take stays in the node, within its limits.
//! * **In.** A connection from which the node wants nothing is not read, so the peer feels it.
//! * **Errors** of single sockets are the node's business ([`Input::Closed`](crate::engine::Input)) and
//!   never end the loop.
//! * **Certificates** of peers are checked for the name that the node wanted: see [`Tls`]. Those of MSRP are shown to
//!   the node as well, which looks at them itself where it has a fingerprint (RFC 8122).
//!
//! ```no_run
//! use cpm::driver::Driver;
//! use cpm::engine::Protocol;
//! # async fn run<R: cpm::node::Role<Event: std::fmt::Debug>>(node: cpm::node::Node<R>) -> std::io::Result<()> {
//! let mut net = Driver::new(node);
//! net.listen_udp("127.0.0.1:5060".parse().unwrap()).await?;
//! net.listen_tcp(Protocol::Msrp, "127.0.0.1:2855".parse().unwrap()).await?;
//! loop {
//!     tokio::select! {
//!         event = net.next() => println!("{:?}", event?),
//!         _ = tokio::signal::ctrl_c() => break,
//!     }
//! }
//! net.flush(std::time::Instant::now() + std::time::Duration::from_secs(2)).await
//! # }
//! ```

mod addresses;
mod connection;
mod datagrams;
mod described;
mod listener;
mod ready;
mod records;
mod sockets;
mod solo;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

pub use solo::SoloDriver;
pub use tls::{Tls, TlsError};

use crate::engine::{Clock, Ids, Protocol, Seed, Transport};
use crate::node::{Node, Role};
use sockets::Sockets;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

/// The bounds of a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long opening a connection may take, with its TLS handshake, and a look-up of a name.
    pub connect: Duration,
    /// How long a TLS handshake of a peer may take. The node hears of the connection only afterwards.
    pub handshake: Duration,
    /// How long a connection may take to end: to write what is left and hear the other side end too.
    pub linger: Duration,
    /// Connections that peers have opened, at one time. More are closed at once. The system's limit of
    /// open files should be higher.
    pub connections: usize,
    /// How many of these from one address.
    pub connections_per_address: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            linger: Duration::from_secs(2),
            connections: 100_000,
            connections_per_address: 16_384,
        }
    }
}

/// Runs a node on real sockets.
///
/// The [`node`](Self::node) is there for commands at any time between two calls of [`next`](Self::next).
#[derive(Debug)]
pub struct Driver<R: Role> {
    /// The node.
    pub node: Node<R>,
    sockets: Sockets,
    /// What happened while there was nobody to tell.
    events: VecDeque<R::Event>,
}

impl<R: Role> Driver<R> {
    /// A driver of `node`, with default bounds, that listens nowhere yet.
    pub fn new(node: Node<R>) -> Self {
        Self::with_config(node, Config::default())
    }

    /// A driver of `node` that listens nowhere yet.
    pub fn with_config(node: Node<R>, config: Config) -> Self {
        Self {
            node,
            sockets: Sockets::new(config, &mut Ids::new(seed())),
            events: VecDeque::new(),
        }
    }

    /// Says what connections that the node opens over TLS are made with. Without it they fail.
    pub fn set_tls(&mut self, tls: &Tls) {
        self.sockets.tls = tls.clone();
    }

    /// Asks this name server for SRV and NAPTR records, instead of those that the system names. Addresses are asked
    /// of the system in any case.
    pub fn set_name_server(&mut self, server: SocketAddr) {
        self.sockets.set_name_server(server);
    }

    /// Listens for SIP over UDP, and tells the node.
    ///
    /// The answer is where peers reach it, and what the node will name in its contacts: with port 0 the one
    /// that the system chose, and with an unspecified address the one that leads out of this host. A host
    /// with several addresses should listen at each, so that answers come from where the question went.
    ///
    /// # Errors
    ///
    /// The address cannot be had.
    pub async fn listen_udp(&mut self, addr: SocketAddr) -> io::Result<SocketAddr> {
        let local = self.sockets.listen_udp(addr).await?;
        self.node.add_listener(Protocol::Sip, Transport::Udp, local);
        Ok(local)
    }

    /// Listens for connections, and tells the node. The answer is as for [`listen_udp`](Self::listen_udp).
    ///
    /// # Errors
    ///
    /// The address cannot be had.
    pub async fn listen_tcp(
        &mut self,
        protocol: Protocol,
        addr: SocketAddr,
    ) -> io::Result<SocketAddr> {
        let local = self
            .sockets
            .listen_stream(protocol, Transport::Tcp, addr, None)
            .await?;
        self.node.add_listener(protocol, Transport::Tcp, local);
        Ok(local)
    }

    /// Listens for connections under TLS, and tells the node. The answer is as for
    /// [`listen_udp`](Self::listen_udp).
    ///
    /// # Errors
    ///
    /// The address cannot be had, or `tls` has no identity.
    pub async fn listen_tls(
        &mut self,
        protocol: Protocol,
        addr: SocketAddr,
        tls: &Tls,
    ) -> io::Result<SocketAddr> {
        let acceptor = match protocol {
            Protocol::Msrp => tls.asking_acceptor(),
            _ => tls.acceptor(),
        };
        let acceptor =
            acceptor.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let local = self
            .sockets
            .listen_stream(protocol, Transport::Tls, addr, Some(acceptor))
            .await?;
        self.node.add_listener(protocol, Transport::Tls, local);
        Ok(local)
    }

    /// Listens for SIP (RFC 7118) or MSRP (RFC 7977) over WebSocket, and tells the node: under TLS (`wss`) if `tls` is
    /// given. The answer is as for [`listen_udp`](Self::listen_udp).
    ///
    /// # Errors
    ///
    /// The address cannot be had, or `tls` has no identity.
    pub async fn listen_web(
        &mut self,
        protocol: Protocol,
        addr: SocketAddr,
        tls: Option<&Tls>,
    ) -> io::Result<SocketAddr> {
        let (transport, local) = self.sockets.listen_web(protocol, addr, tls).await?;
        self.node.add_listener(protocol, transport, local);
        Ok(local)
    }

    /// Runs the node until it has something to say.
    ///
    /// Cancel safe: all state is in the driver, so a call that is dropped (in `tokio::select!`, in
    /// `tokio::time::timeout`) loses nothing, and the next one goes on where it was.
    ///
    /// # Errors
    ///
    /// A listening socket has been lost for good, without which the node would be up and out of
    /// reach. The rest goes on: the next call carries on with what is left.
    pub async fn next(&mut self) -> io::Result<R::Event> {
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        self.sockets.next(&mut self.node).await
    }

    /// Writes out all that the node has queued, for a graceful end, and reads nothing meanwhile. Events are
    /// kept for [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut): some of it still waits at the deadline. It is not lost, only
    /// late: [`next`](Self::next) and `flush` go on with it.
    pub async fn flush(&mut self, deadline: Instant) -> io::Result<()> {
        let written = self.sockets.flush(&mut self.node, &mut self.events);
        tokio::time::timeout_at(deadline.into(), written).await?
    }

    /// Breaks every connection at once, as a network that goes away does: nothing more is written, and the
    /// node is told. It may open new ones as soon as it is driven again.
    pub fn disconnect(&mut self) {
        self.sockets.disconnect(Instant::now(), &mut self.node);
    }

    /// How many connections are open, opening or closing.
    pub fn connections(&self) -> usize {
        self.sockets.connections()
    }
}

/// The address of ours from which the system would send to `peer`: what a client that listens nowhere can
/// call itself. `None` if there is no way to it.
pub fn local_ip(peer: SocketAddr) -> Option<IpAddr> {
    addresses::source_towards(peer)
}

/// Chance from the operating system, for [`node::Config`](crate::node::Config).
///
/// # Panics
///
/// The operating system has none to give. There is nothing secure to do then.
pub fn seed() -> Seed {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the operating system gives random bytes");
    Seed(seed)
}

/// The time by the operating system's clock, in UTC, for [`node::Config`](crate::node::Config).
pub fn clock() -> Clock {
    let start = Instant::now();
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
    let wall = chrono::DateTime::from_timestamp(seconds, since.subsec_nanos()).unwrap_or_default();
    Clock::new(start, wall.fixed_offset())
}
