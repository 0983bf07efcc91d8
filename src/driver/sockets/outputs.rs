//! What the node wants done.

use super::{Entry, Opening, Pending, Sockets, Source};
use crate::driver::addresses::{any, resolve, source_towards};
use crate::driver::connection::Turn;
use crate::driver::datagrams::Datagrams;
use crate::driver::stream::Stream;
use crate::driver::tls::server_name;
use crate::engine::trace::debug;
use crate::engine::{Key, Transmit, Transport};
use crate::node::Machine;
use crate::wire::Text;
use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

impl Sockets {
    /// Does what the machine wants done.
    pub(super) fn transmit<M: Machine>(
        &mut self,
        now: Instant,
        machine: &mut M,
        transmit: Transmit,
    ) {
        match transmit {
            Transmit::Datagram { local, peer, data } => self.send(local, peer, data),
            Transmit::Connect {
                conn,
                transport,
                peer,
                name,
                described,
                ..
            } => {
                let key = self.insert(
                    Source::Opening(
                        Opening::Node(conn),
                        self.open(transport, peer, name, described),
                    ),
                    None,
                );
                self.conns.insert(conn, key);
            }
            Transmit::Flush { conn } => {
                // One that is not up yet is pulled from when it is.
                if let Some(&key) = self.conns.get(&conn)
                    && let Some(Some(Entry {
                        source: Source::Open(connection),
                        ..
                    })) = self.table.get_mut(key)
                {
                    connection.wants_write();
                    self.flushes.push(key);
                }
            }
            Transmit::Close { conn } => {
                let Some(entry) = self.conns.remove(&conn).and_then(|key| self.take(key)) else {
                    return;
                };
                // It counts against its address until the socket is gone.
                if let Source::Open(connection) = entry.source {
                    let goodbye = connection.close(self.config.linger);
                    self.insert(Source::Closing(Box::pin(goodbye)), entry.accepted_from);
                }
            }
            Transmit::Resolve { host, reply } => match host.trim_matches(['[', ']']).parse() {
                Ok(address) => machine.resolved(now, reply, vec![address]),
                Err(_) => {
                    let lookup = resolve(host, self.config.connect);
                    self.insert(Source::Lookup(Some(reply), Box::pin(lookup)), None);
                }
            },
            Transmit::LookUp { name, kind, reply } => {
                let lookup = self.records.look_up(name, kind, self.config.connect);
                self.insert(Source::Records(Some(reply), Box::pin(lookup)), None);
            }
        }
    }

    /// A connection to be. TCP that is up in time, and under TLS a peer that proved its name, or will be looked at by
    /// the node.
    fn open(
        &self,
        transport: Transport,
        peer: SocketAddr,
        name: Option<Text>,
        described: bool,
    ) -> Pending<io::Result<Stream>> {
        let tls = transport.is_secure().then(|| self.tls.connector(described));
        let within = self.config.connect;
        Box::pin(async move {
            timeout(within, async move {
                let tls = tls.transpose()?;
                let tcp = TcpStream::connect(peer).await?;
                tcp.set_nodelay(true)?;
                match tls {
                    Some(connector) => {
                        let name = server_name(name.as_deref(), peer.ip())?;
                        let tls = connector.connect(name, tcp).await?;
                        Ok(Stream::Tls(Box::new(tls.into())))
                    }
                    None => Ok(Stream::Plain(tcp)),
                }
            })
            .await?
        })
    }

    fn send(&mut self, local: Option<SocketAddr>, peer: SocketAddr, data: Bytes) {
        // From the address that the node means; else from any that can reach the peer.
        let find = |fits: &dyn Fn(&SocketAddr) -> bool| {
            let known = self.datagrams.iter().find(|(at, _)| fits(at));
            known.map(|(_, key)| *key)
        };
        let known =
            find(&|at| Some(*at) == local).or_else(|| find(&|at| at.is_ipv4() == peer.is_ipv4()));
        let Some(key) = known.or_else(|| self.bind_for(peer)) else {
            debug!("no UDP socket for a datagram to {peer}");
            return;
        };
        if let Some(Some(Entry {
            source: Source::Datagrams(datagrams),
            bell,
            ..
        })) = self.table.get_mut(key)
            && datagrams.send(peer, data)
        {
            bell.ring();
        }
    }

    /// A socket at any port for a node that listens nowhere and sends a datagram.
    fn bind_for(&mut self, peer: SocketAddr) -> Option<Key> {
        let socket = std::net::UdpSocket::bind((any(peer), 0)).ok()?;
        socket.set_nonblocking(true).ok()?;
        let mut local = socket.local_addr().ok()?;
        local.set_ip(source_towards(peer).unwrap_or_else(|| any(peer)));
        Some(self.add_datagrams(Datagrams::new(UdpSocket::from_std(socket).ok()?, local)))
    }

    /// Writes to the connections for which the machine has said that bytes wait.
    pub(super) fn write_flushed<M: Machine>(&mut self, now: Instant, machine: &mut M) -> bool {
        let mut flushes = std::mem::take(&mut self.flushes);
        let any = !flushes.is_empty();
        for key in flushes.drain(..) {
            if let Some(Some(Entry {
                source: Source::Open(connection),
                bell,
                ..
            })) = self.table.get_mut(key)
                && !matches!(
                    connection.write(&mut bell.context(), now, machine),
                    Ok(Turn::Waits)
                )
            {
                // More to write, or an error, which its own turn will meet again.
                bell.ring();
            }
        }
        self.flushes = flushes;
        any
    }
}
