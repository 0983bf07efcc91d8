//! What a node sends to itself, which never leaves it.

use crate::engine::{ConnId, Input, Map, Protocol, Transmit, Transport};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// What a node sends to itself.
#[derive(Debug)]
pub(super) struct Hairpins {
    pub(super) listeners: Vec<(Protocol, Transport, SocketAddr)>,
    /// Both ends of each connection from ourselves to ourselves.
    pub(super) pipes: Map<ConnId, ConnId>,
    /// Pipes whose far end could not take more at the last try.
    pub(super) stalled: Vec<ConnId>,
}

/// Something for ourselves.
pub(super) enum Turned {
    Datagram(Input),
    Connect {
        conn: ConnId,
        protocol: Protocol,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    },
    Flush {
        from: ConnId,
        to: ConnId,
    },
    Close {
        other: ConnId,
    },
}

impl Hairpins {
    /// What of `transmit` is for ourselves; what is not goes on to the driver.
    pub(super) fn turn(
        &mut self,
        transmit: Transmit,
        driver: &mut VecDeque<Transmit>,
    ) -> Option<Turned> {
        match transmit {
            Transmit::Datagram { local, peer, data }
                if self.listens(Protocol::Sip, Transport::Udp, peer) =>
            {
                let from = local.unwrap_or(peer);
                Some(Turned::Datagram(Input::Datagram {
                    local: peer,
                    peer: from,
                    data,
                }))
            }
            Transmit::Connect {
                conn,
                protocol,
                transport,
                peer,
                ..
            } if self.listens(protocol, transport, peer) => Some(Turned::Connect {
                conn,
                protocol,
                transport,
                local: peer,
                peer,
            }),
            Transmit::Flush { conn } if self.pipes.contains_key(&conn) => {
                let to = *self.pipes.get(&conn)?;
                Some(Turned::Flush { from: conn, to })
            }
            Transmit::Close { conn } if self.pipes.contains_key(&conn) => {
                let other = self.pipes.remove(&conn)?;
                Some(Turned::Close { other })
            }
            transmit => {
                driver.push_back(transmit);
                None
            }
        }
    }

    pub(super) fn listens(
        &self,
        protocol: Protocol,
        transport: Transport,
        addr: SocketAddr,
    ) -> bool {
        self.listeners.contains(&(protocol, transport, addr))
    }

    pub(super) fn join(&mut self, one: ConnId, other: ConnId) {
        self.pipes.insert(one, other);
        self.pipes.insert(other, one);
    }
}
