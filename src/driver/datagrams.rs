//! A UDP socket.

use super::connection::{Io, Turn};
use crate::engine::Input;
use crate::node::Machine;
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

#[derive(Debug)]
pub(super) struct Datagrams {
    socket: UdpSocket,
    /// The address by which the node knows it.
    pub(super) local: SocketAddr,
    /// What the socket had no room for.
    out: VecDeque<(SocketAddr, Bytes)>,
}

impl Datagrams {
    pub(super) const fn new(socket: UdpSocket, local: SocketAddr) -> Self {
        Self {
            socket,
            local,
            out: VecDeque::new(),
        }
    }

    pub(super) fn is_written(&self) -> bool {
        self.out.is_empty()
    }

    /// Sends a datagram, or keeps it until there is room. Beyond a bound it is dropped, as the network
    /// might have done: SIP retransmits what matters. Returns whether it has to wait.
    pub(super) fn send(&mut self, peer: SocketAddr, data: Bytes) -> bool {
        if self.out.is_empty() {
            match self.socket.try_send_to(&data, peer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Too large, no route: nothing that waiting would help.
                Ok(_) | Err(_) => return false,
            }
        }
        if self.out.len() < WAITING {
            self.out.push_back((peer, data));
        }
        true
    }

    pub(super) fn turn<M: Machine>(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        machine: &mut M,
        io: &mut Io<'_>,
    ) -> Turn {
        while let Some((peer, data)) = self.out.front() {
            if self.socket.poll_send_to(cx, data, *peer).is_pending() {
                break;
            }
            self.out.pop_front();
        }
        if !io.reading {
            return Turn::Paused;
        }
        for _ in 0..SHARE {
            let mut buf = ReadBuf::new(io.scratch);
            match self.socket.poll_recv_from(cx, &mut buf) {
                Poll::Pending => return Turn::Waits,
                // An earlier datagram of ours met no one (on some systems), or the like.
                Poll::Ready(Err(_)) => {}
                Poll::Ready(Ok(peer)) => {
                    let (local, data) = (self.local, Bytes::copy_from_slice(buf.filled()));
                    machine.handle_input(now, Input::Datagram { local, peer, data });
                }
            }
        }
        Turn::Again
    }
}

/// How many datagrams are taken before others have their turn.
const SHARE: usize = 64;

/// How many datagrams may wait for room in the socket.
const WAITING: usize = 4096;
