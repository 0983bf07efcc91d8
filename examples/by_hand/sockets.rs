use cpm::engine::{ConnId, Input, Transmit, Transport};
use cpm::node::{Node, Output, Role};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

/// The sockets of one node.
pub(crate) struct Sockets {
    pub(crate) udp: UdpSocket,
    pub(crate) streams: HashMap<ConnId, TcpStream>,
}

impl Sockets {
    /// Runs the node until it has something to say.
    pub(crate) fn next<R: Role>(&mut self, node: &mut Node<R>) -> io::Result<R::Event> {
        loop {
            // 1. Take every output.
            while let Some(output) = node.poll_output() {
                match output {
                    Output::Event(event) => return Ok(event),
                    Output::Transmit(transmit) => self.transmit(node, transmit),
                }
            }
            // 2. Mind the deadline.
            let patience = match node.poll_timeout() {
                Some(at) => at.saturating_duration_since(Instant::now()).min(TURN),
                None => TURN,
            };
            if patience.is_zero() {
                node.handle_timeout(Instant::now());
                continue;
            }
            // 3. Feed what arrives.
            self.receive(node, patience)?;
        }
    }

    /// Does what the node wants done.
    fn transmit<R: Role>(&mut self, node: &mut Node<R>, transmit: Transmit) {
        match transmit {
            Transmit::Datagram { peer, data, .. } => {
                // One that is lost is sent again by the node.
                let _ = self.udp.send_to(&data, peer);
            }
            Transmit::Connect {
                conn,
                transport,
                peer,
                ..
            } => {
                let stream = match transport {
                    Transport::Tcp => TcpStream::connect_timeout(&peer, Duration::from_secs(5)),
                    _ => Err(ErrorKind::Unsupported.into()), // TLS, for example
                };
                let up = stream.and_then(|stream| Ok((stream.local_addr()?, stream)));
                let input = match up {
                    Ok((local, stream)) => {
                        self.streams.insert(conn, stream);
                        Input::Connected { conn, local }
                    }
                    Err(_) => Input::Closed { conn },
                };
                node.handle_input(Instant::now(), input);
            }
            Transmit::Flush { conn } => {
                // A write that waits is where this loop is simple. Never pull more than the socket takes.
                while let Some(stream) = self.streams.get_mut(&conn)
                    && let Some(bytes) = node.poll_stream(Instant::now(), conn)
                {
                    if stream.write_all(&bytes).is_err() {
                        self.streams.remove(&conn);
                        node.handle_input(Instant::now(), Input::Closed { conn });
                    }
                }
            }
            Transmit::Close { conn } => drop(self.streams.remove(&conn)),
            Transmit::Resolve { host, reply } => {
                let found = (host.as_str(), 0).to_socket_addrs();
                let found: Vec<IpAddr> =
                    found.into_iter().flatten().map(|addr| addr.ip()).collect();
                node.resolved(Instant::now(), reply, found);
            }
            // The standard library asks for addresses only.
            Transmit::LookUp { reply, .. } => node.looked_up(Instant::now(), reply, Vec::new()),
            _ => {}
        }
    }

    /// Looks at each socket once, for `patience` in all.
    fn receive<R: Role>(&mut self, node: &mut Node<R>, patience: Duration) -> io::Result<()> {
        let mut buffer = [0; 65_536];
        let sockets = 1 + u32::try_from(self.streams.len()).unwrap_or(u32::MAX - 1);
        let share = (patience / sockets).max(Duration::from_millis(1));
        self.udp.set_read_timeout(Some(share))?;
        match self.udp.recv_from(&mut buffer) {
            Ok((len, peer)) => {
                let data = buffer[..len].to_vec().into();
                let local = self.udp.local_addr()?;
                node.handle_input(Instant::now(), Input::Datagram { local, peer, data });
            }
            Err(error) if is_quiet(&error) => {}
            Err(error) => return Err(error),
        }
        for conn in self.streams.keys().copied().collect::<Vec<_>>() {
            // What the node cannot take stays in the socket, where the peer feels it.
            if !node.wants_read(conn) {
                continue;
            }
            let Some(stream) = self.streams.get_mut(&conn) else {
                continue;
            };
            stream.set_read_timeout(Some(share))?;
            let input = match stream.read(&mut buffer) {
                Err(error) if is_quiet(&error) => continue,
                Ok(0) | Err(_) => {
                    self.streams.remove(&conn);
                    Input::Closed { conn }
                }
                Ok(len) => Input::Data {
                    conn,
                    data: buffer[..len].to_vec().into(),
                },
            };
            node.handle_input(Instant::now(), input);
        }
        Ok(())
    }
}

/// Whether nothing came, which is no fault.
fn is_quiet(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
    matches!(
        error.kind(),
        WouldBlock | TimedOut | Interrupted | ConnectionRefused
    )
}

/// How long one look at all sockets takes at the most.
const TURN: Duration = Duration::from_millis(20);
