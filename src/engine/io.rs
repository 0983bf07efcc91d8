//! What goes in and out of a node: datagrams, connections, and the bytes on them.

use super::{QuestionId, Record, RecordKind, Reply, Sighting, Slab, Tap, id};
use crate::wire::Text;
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// The protocol that is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Protocol {
    /// SIP (RFC 3261).
    Sip,
    /// MSRP (RFC 4975).
    Msrp,
}

/// What carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Transport {
    /// Datagrams, unreliable.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
    /// WebSocket (RFC 7118). To a driver it is [`Tcp`](Self::Tcp): handshake and frames are the node's.
    Ws,
    /// WebSocket under TLS. To a driver it is [`Tls`](Self::Tls).
    Wss,
}

impl Transport {
    /// Whether the transport itself delivers in order and without loss, so that SIP need not retransmit.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// Whether it is encrypted, and its peer has to prove its name.
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// Whether it is a WebSocket.
    pub const fn is_web(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// The spelling in a `transport` parameter (RFC 3261 §19.1.1, RFC 7118 §5.2). RFC 7118 has `ws` for both kinds of
    /// WebSocket, and `sips` to tell them apart; `wss` is what the field writes where a `sip` URI has to say it.
    pub const fn param(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The spelling in a Via (RFC 3261 §20.42).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }
}

id! {
    /// A connection of this node, from the wish for it until it is closed.
    ConnId
}

/// What a node knows of one of its connections.
#[derive(Clone, Debug)]
pub struct Conn {
    /// What is spoken on it.
    pub protocol: Protocol,
    /// What carries it; never [`Transport::Udp`].
    pub transport: Transport,
    /// Our address, once it is up.
    pub local: Option<SocketAddr>,
    /// The other end's address.
    pub peer: SocketAddr,
    /// Whether we opened it.
    pub outgoing: bool,
}

/// What the world tells a node.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input {
    /// A datagram arrived. Only SIP is spoken in datagrams.
    Datagram {
        /// The address of ours that it was sent to.
        local: SocketAddr,
        /// Who sent it.
        peer: SocketAddr,
        /// All of it.
        data: Bytes,
    },
    /// The other end of a connection has shown a certificate while TLS was set up. To be told before
    /// [`Connected`](Self::Connected), and of a connection that a peer has opened before anything that it says.
    Secured {
        /// Which.
        conn: ConnId,
        /// The certificate of the other end itself, in DER.
        certificate: Bytes,
    },
    /// A connection that the node asked for is up.
    Connected {
        /// Which.
        conn: ConnId,
        /// Our address on it.
        local: SocketAddr,
    },
    /// Bytes arrived on a connection.
    Data {
        /// Which.
        conn: ConnId,
        /// The bytes, cut anywhere.
        data: Bytes,
    },
    /// A connection could not be opened, or has ended.
    Closed {
        /// Which.
        conn: ConnId,
    },
}

/// What a machine wants done outside.
#[derive(Debug)]
#[non_exhaustive]
pub enum Transmit {
    /// Send a datagram.
    Datagram {
        /// From which of our addresses; `None` leaves the choice to the driver.
        local: Option<SocketAddr>,
        /// To whom.
        peer: SocketAddr,
        /// All of it.
        data: Bytes,
    },
    /// Open a connection, then report [`Input::Connected`] or [`Input::Closed`].
    Connect {
        /// The id that it shall have.
        conn: ConnId,
        /// What will be spoken on it.
        protocol: Protocol,
        /// What shall carry it.
        transport: Transport,
        /// To whom.
        peer: SocketAddr,
        /// The name that a TLS certificate must be valid for; the address itself if `None`.
        name: Option<Text>,
        /// Whether the node has a description of the certificate and looks at it itself (RFC 8122): then any is taken,
        /// self-signed ones too, and reported by [`Input::Secured`]. A driver that cannot do so fails instead.
        described: bool,
    },
    /// Bytes wait for a connection: pull them with [`Node::poll_stream`](crate::node)
    /// whenever its socket can take some.
    Flush {
        /// Which.
        conn: ConnId,
    },
    /// Close a connection after the bytes that were pulled from it. No [`Input::Closed`] is needed.
    Close {
        /// Which.
        conn: ConnId,
    },
    /// Look up the addresses of a host name.
    Resolve {
        /// The name.
        host: Text,
        /// Takes the addresses, the preferred one first; empty if there are none.
        reply: Reply<Vec<std::net::IpAddr>>,
    },
    /// Look up records of a name. A driver that has no resolver for them answers that there are none.
    LookUp {
        /// The name.
        name: Text,
        /// Which records.
        kind: RecordKind,
        /// Takes the records, in any order; empty if there are none.
        reply: Reply<Vec<Record>>,
    },
}

/// Where machines put what shall leave the process, and the table of the node's connections.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: VecDeque<Transmit>,
    conns: Slab<Conn>,
    questions: u64,
    tap: Option<Box<dyn Tap>>,
}

impl Outbox {
    /// Sends a datagram.
    pub fn datagram(&mut self, local: Option<SocketAddr>, peer: SocketAddr, data: Bytes) {
        self.queue
            .push_back(Transmit::Datagram { local, peer, data });
    }

    /// Opens a connection. It can be given bytes at once; they wait until it is up.
    pub fn connect(
        &mut self,
        protocol: Protocol,
        transport: Transport,
        peer: SocketAddr,
        name: Option<Text>,
    ) -> ConnId {
        self.dial(protocol, transport, peer, name, false)
    }

    /// Opens a connection under TLS to a peer whose certificate the caller knows by its description: whoever answers is
    /// let through to [`Input::Secured`], and nothing must be said to it before that.
    pub fn connect_described(
        &mut self,
        protocol: Protocol,
        transport: Transport,
        peer: SocketAddr,
    ) -> ConnId {
        self.dial(protocol, transport, peer, None, true)
    }

    fn dial(
        &mut self,
        protocol: Protocol,
        transport: Transport,
        peer: SocketAddr,
        name: Option<Text>,
        described: bool,
    ) -> ConnId {
        let conn = ConnId(self.conns.insert(Conn {
            protocol,
            transport,
            local: None,
            peer,
            outgoing: true,
        }));
        self.queue.push_back(Transmit::Connect {
            conn,
            protocol,
            transport,
            peer,
            name,
            described,
        });
        conn
    }

    /// Says that bytes wait for a connection.
    pub fn flush(&mut self, conn: ConnId) {
        // Many messages in one step need one flush.
        if !matches!(self.queue.back(), Some(Transmit::Flush { conn: last }) if *last == conn) {
            self.queue.push_back(Transmit::Flush { conn });
        }
    }

    /// Closes a connection and forgets it. Its endpoint hears nothing more of it.
    pub fn close(&mut self, conn: ConnId) {
        if self.conns.remove(conn.0).is_some() {
            self.queue.push_back(Transmit::Close { conn });
        }
    }

    /// Asks for the addresses of a host name.
    pub fn resolve(&mut self, host: Text) -> QuestionId {
        let question = self.question();
        self.queue.push_back(Transmit::Resolve {
            host,
            reply: Reply::new(question),
        });
        question
    }

    /// Asks for the records of a name.
    pub fn look_up(&mut self, name: Text, kind: RecordKind) -> QuestionId {
        let question = self.question();
        self.queue.push_back(Transmit::LookUp {
            name,
            kind,
            reply: Reply::new(question),
        });
        question
    }

    /// A fresh question, for an event that carries a [`Reply`].
    pub fn question(&mut self) -> QuestionId {
        self.questions += 1;
        QuestionId::new(self.questions)
    }

    /// What is known of a connection.
    pub fn conn(&self, conn: ConnId) -> Option<&Conn> {
        self.conns.get(conn.0)
    }

    /// Whether somebody looks on. What is shown costs a copy of each stream message, so ask first.
    pub fn is_tapped(&self) -> bool {
        self.tap.is_some()
    }

    /// Shows a message to whoever looks on.
    pub fn show(&mut self, sighting: impl FnOnce() -> Sighting) {
        if let Some(tap) = &mut self.tap {
            tap.see(sighting());
        }
    }

    /// Sets who looks on.
    pub fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) {
        self.tap = tap;
    }

    /// Enters a connection that a peer has opened.
    pub fn accept(&mut self, conn: Conn) -> ConnId {
        ConnId(self.conns.insert(conn))
    }

    /// Notes our address on a connection that is up.
    pub fn connected(&mut self, conn: ConnId, local: SocketAddr) {
        if let Some(conn) = self.conns.get_mut(conn.0) {
            conn.local = Some(local);
        }
    }

    /// Takes out a connection that has ended.
    pub fn closed(&mut self, conn: ConnId) -> Option<Conn> {
        self.conns.remove(conn.0)
    }

    /// Takes the next thing out. A [`Node`](crate::node::Node) does this for its machines; who drives one by hand
    /// does it after each step.
    pub fn pop(&mut self) -> Option<Transmit> {
        self.queue.pop_front()
    }

    /// How many things wait to be taken out.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing waits to be taken out.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
