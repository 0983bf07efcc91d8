//! One machine alone on real sockets.

use super::sockets::Sockets;
use super::{Config, Tls, seed};
use crate::engine::{Ids, Transport};
use crate::node::{Single, Solo};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// Runs one machine on real sockets, as a [`Driver`](super::Driver) runs a node.
///
/// The [`node`](Self::node) is there for commands at any time between two calls of [`next`](Self::next).
#[derive(Debug)]
pub struct SoloDriver<M: Single> {
    /// The machine, with what it is handed.
    pub node: Solo<M>,
    sockets: Sockets,
    /// What happened while there was nobody to tell.
    events: VecDeque<M::Event>,
}

impl<M: Single> SoloDriver<M> {
    /// A driver of `node`, with default bounds, that listens nowhere yet.
    pub fn new(node: Solo<M>) -> Self {
        Self::with_config(node, Config::default())
    }

    /// A driver of `node` that listens nowhere yet.
    pub fn with_config(node: Solo<M>, config: Config) -> Self {
        Self {
            node,
            sockets: Sockets::new(config, &mut Ids::new(seed())),
            events: VecDeque::new(),
        }
    }

    /// Says what connections that the machine opens over TLS are made with. Without it they fail.
    pub fn set_tls(&mut self, tls: &Tls) {
        self.sockets.tls = tls.clone();
    }

    /// Listens for connections, and tells the machine. The answer is where peers reach it: with port 0 the one that the
    /// system chose, and with an unspecified address the one that leads out of this host.
    ///
    /// # Errors
    ///
    /// The address cannot be had.
    pub async fn listen_tcp(&mut self, addr: SocketAddr) -> io::Result<SocketAddr> {
        let local = self
            .sockets
            .listen_stream(M::PROTOCOL, Transport::Tcp, addr, None)
            .await?;
        self.node.add_listener(Transport::Tcp, local);
        Ok(local)
    }

    /// Listens for connections under TLS, and tells the machine. The answer is as for
    /// [`listen_tcp`](Self::listen_tcp).
    ///
    /// # Errors
    ///
    /// The address cannot be had, or `tls` has no identity.
    pub async fn listen_tls(&mut self, addr: SocketAddr, tls: &Tls) -> io::Result<SocketAddr> {
        let acceptor = tls
            .asking_acceptor()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let local = self
            .sockets
            .listen_stream(M::PROTOCOL, Transport::Tls, addr, Some(acceptor))
            .await?;
        self.node.add_listener(Transport::Tls, local);
        Ok(local)
    }

    /// Listens for WebSockets (RFC 7977), and tells the machine: under TLS (`wss`) if `tls` is given. The answer is as for
    /// [`listen_tcp`](Self::listen_tcp).
    ///
    /// # Errors
    ///
    /// The address cannot be had, or `tls` has no identity.
    pub async fn listen_web(
        &mut self,
        addr: SocketAddr,
        tls: Option<&Tls>,
    ) -> io::Result<SocketAddr> {
        let (transport, local) = self.sockets.listen_web(M::PROTOCOL, addr, tls).await?;
        self.node.add_listener(transport, local);
        Ok(local)
    }

    /// Runs the machine until it has something to say. Cancel safe, as [`Driver::next`](super::Driver::next) is.
    ///
    /// # Errors
    ///
    /// A listening socket has been lost for good.
    pub async fn next(&mut self) -> io::Result<M::Event> {
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        self.sockets.next(&mut self.node).await
    }

    /// Writes out all that the machine has queued, for a graceful end, and reads nothing meanwhile. Events are kept for
    /// [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut): some of it still waits at the deadline.
    pub async fn flush(&mut self, deadline: Instant) -> io::Result<()> {
        let written = self.sockets.flush(&mut self.node, &mut self.events);
        tokio::time::timeout_at(deadline.into(), written).await?
    }

    /// How many connections are open, opening or closing.
    pub fn connections(&self) -> usize {
        self.sockets.connections()
    }
}
