//! What happened at the sockets.

use super::{Entry, Opening, Sockets, Source};
use crate::driver::connection::{Connection, Io, Turn};
use crate::driver::stream::Stream;
use crate::engine::trace::debug;
use crate::engine::{Input, Key, Protocol, Transport};
use crate::node::Machine;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

impl Sockets {
    /// Gives a source that was woken its turn.
    pub(super) fn serve<M: Machine>(
        &mut self,
        now: Instant,
        machine: &mut M,
        key: Key,
    ) -> io::Result<()> {
        let Some(Some(Entry {
            bell,
            source,
            paused,
            ..
        })) = self.table.get_mut(key)
        else {
            return Ok(());
        };
        bell.answered();
        let cx = &mut bell.context();
        let mut io = Io {
            buffer: &mut self.buffer,
            scratch: &mut self.scratch,
            reading: self.reading,
            linger: self.config.linger,
        };
        let turn = match source {
            Source::Datagrams(datagrams) => datagrams.turn(cx, now, machine, &mut io),
            Source::Open(connection) => connection.turn(cx, now, machine, &mut io),
            Source::Listener(listener) => {
                let (protocol, transport) = (listener.protocol, listener.transport);
                let tls = listener.tls.clone();
                match listener.accept(bell) {
                    Ok(accepted) => {
                        for (tcp, peer) in accepted {
                            let origin = (protocol, transport, peer);
                            self.admit(now, machine, origin, tls.as_ref(), tcp);
                        }
                        return Ok(());
                    }
                    Err(error) => {
                        self.remove(key);
                        return Err(error);
                    }
                }
            }
            Source::Opening(origin, opening) => {
                if let Poll::Ready(opened) = opening.as_mut().poll(cx) {
                    let origin = *origin;
                    self.opened(now, machine, key, origin, opened);
                }
                return Ok(());
            }
            Source::Closing(closing) => match closing.as_mut().poll(cx) {
                Poll::Ready(()) => Turn::Ended,
                Poll::Pending => Turn::Waits,
            },
            Source::Lookup(reply, lookup) => match lookup.as_mut().poll(cx) {
                Poll::Ready(addresses) => {
                    if let Some(reply) = reply.take() {
                        machine.resolved(now, reply, addresses);
                    }
                    Turn::Ended
                }
                Poll::Pending => Turn::Waits,
            },
            Source::Records(reply, lookup) => match lookup.as_mut().poll(cx) {
                Poll::Ready(records) => {
                    if let Some(reply) = reply.take() {
                        machine.looked_up(now, reply, records);
                    }
                    Turn::Ended
                }
                Poll::Pending => Turn::Waits,
            },
        };
        match turn {
            Turn::Waits => {}
            Turn::Again => bell.ring(),
            Turn::Paused => {
                if !std::mem::replace(paused, true) {
                    self.paused.push_back(key);
                }
            }
            Turn::Ended => {
                if let Some(Entry {
                    source: Source::Open(connection),
                    ..
                }) = self.remove(key)
                {
                    let conn = connection.conn;
                    self.conns.remove(&conn);
                    machine.handle_input(now, Input::Closed { conn });
                }
            }
        }
        Ok(())
    }

    /// Takes a connection in, or turns it away at once when there are too many.
    fn admit<M: Machine>(
        &mut self,
        now: Instant,
        machine: &mut M,
        (protocol, transport, peer): (Protocol, Transport, SocketAddr),
        tls: Option<&TlsAcceptor>,
        tcp: TcpStream,
    ) {
        let address = peer.ip().to_canonical();
        if tcp.set_nodelay(true).is_err() || !self.accepted.add(address, &self.config) {
            debug!("turned away a connection from {peer}");
            return;
        }
        match tls {
            // The node hears of it when the handshake is done.
            Some(acceptor) => {
                let (handshake, within) = (acceptor.accept(tcp), self.config.handshake);
                let opening = async move {
                    let tls = timeout(within, handshake).await??;
                    Ok(Stream::Tls(Box::new(tls.into())))
                };
                self.insert(
                    Source::Opening(Opening::Peer(protocol, transport, peer), Box::pin(opening)),
                    Some(address),
                );
            }
            None => {
                let origin = (protocol, transport, peer);
                self.accept(now, machine, origin, Stream::Plain(tcp), address);
            }
        }
    }

    fn accept<M: Machine>(
        &mut self,
        now: Instant,
        machine: &mut M,
        (protocol, transport, peer): (Protocol, Transport, SocketAddr),
        stream: Stream,
        address: IpAddr,
    ) {
        let Ok(local) = stream.local_addr() else {
            self.accepted.remove(address);
            return;
        };
        let conn = machine.handle_accept(now, protocol, transport, local, peer);
        if let Some(certificate) = stream.certificate() {
            machine.handle_input(now, Input::Secured { conn, certificate });
        }
        let key = self.insert(Source::Open(Connection::new(conn, stream)), Some(address));
        self.conns.insert(conn, key);
    }

    /// A connection is up, or will not be.
    fn opened<M: Machine>(
        &mut self,
        now: Instant,
        machine: &mut M,
        key: Key,
        origin: Opening,
        opened: io::Result<Stream>,
    ) {
        // Its place goes to the open connection, without a moment in which it does not count.
        let address = self.take(key).and_then(|entry| entry.accepted_from);
        let opened = opened.and_then(|stream| Ok((stream.local_addr()?, stream)));
        match (origin, opened) {
            (Opening::Node(conn), Ok((local, stream))) => {
                let certificate = stream.certificate();
                let key = self.insert(Source::Open(Connection::new(conn, stream)), None);
                self.conns.insert(conn, key);
                if let Some(certificate) = certificate {
                    machine.handle_input(now, Input::Secured { conn, certificate });
                }
                machine.handle_input(now, Input::Connected { conn, local });
            }
            (Opening::Node(conn), Err(_error)) => {
                debug!("connection {conn} failed: {_error}");
                self.conns.remove(&conn);
                machine.handle_input(now, Input::Closed { conn });
            }
            (Opening::Peer(protocol, transport, peer), opened) => {
                let Some(address) = address else { return };
                match opened {
                    Ok((_, stream)) => {
                        let origin = (protocol, transport, peer);
                        self.accept(now, machine, origin, stream, address);
                    }
                    Err(_error) => {
                        debug!("handshake with {peer} failed: {_error}");
                        self.accepted.remove(address);
                    }
                }
            }
        }
    }

    /// Wakes those of the first `count` paused connections from which the machine wants bytes again.
    pub(super) fn resume<M: Machine>(&mut self, machine: &M, count: usize) -> bool {
        if !self.reading {
            return false;
        }
        let mut any = false;
        for _ in 0..count.min(self.paused.len()) {
            let Some(key) = self.paused.pop_front() else {
                break;
            };
            let Some(Some(entry)) = self.table.get_mut(key) else {
                continue;
            };
            match &entry.source {
                Source::Open(connection) if !machine.wants_read(connection.conn) => {
                    self.paused.push_back(key)
                }
                _ => {
                    entry.paused = false;
                    entry.bell.ring();
                    any = true;
                }
            }
        }
        any
    }
}
