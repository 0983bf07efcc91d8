//! MSRP over WebSocket (RFC 7977): each chunk is one message, and pings of the WebSocket keep it open.
//!
//! What comes is handed to the framer as it comes, so a chunk may be as large as over TCP. What is written is text
//! where it is UTF-8, since browsers take text for the rule, and bytes where it is not (§4.2); what is read may be
//! either.

use super::connection::Connection;
use super::endpoint::Endpoint;
use super::event::Down;
use crate::engine::{ConnId, Cx, Ids};
use crate::wire::websocket::{Channel, ChannelError, Event, FrameError};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Instant;

/// The subprotocol (RFC 7977 §4.1).
const MSRP: &str = "msrp";

/// The WebSocket of a connection.
#[derive(Debug)]
pub(super) struct Web {
    channel: Channel,
    /// Handshakes, pings and goodbyes, which go before all else.
    own: VecDeque<Bytes>,
    own_bytes: usize,
    /// When a ping was sent that nothing has followed yet.
    pub(super) pinged: Option<Instant>,
    /// Whether the last words are said, after which nothing is written or read.
    pub(super) parted: bool,
}

/// What a WebSocket has brought.
#[derive(Debug)]
pub(super) enum Heard {
    /// The handshake is done.
    Open,
    /// A piece of a chunk, and whether it is the end of its message.
    Piece(Bytes, bool),
    /// Something that is no concern of MSRP. There may be an answer to write.
    Other,
    /// The peer has said goodbye.
    Goodbye,
}

impl Web {
    /// That of a connection which a peer has opened.
    pub(super) fn server() -> Box<Self> {
        Box::new(Self::new(Channel::server(MSRP)))
    }

    /// That of a connection which we have opened to `host`.
    pub(super) fn client(ids: &mut Ids, host: &str) -> Box<Self> {
        let (channel, request) = Channel::client(ids, host, "/", MSRP);
        let mut web = Self::new(channel);
        web.say(request);
        Box::new(web)
    }

    const fn new(channel: Channel) -> Self {
        Self {
            channel,
            own: VecDeque::new(),
            own_bytes: 0,
            pinged: None,
            parted: false,
        }
    }

    /// Whether the handshake is done.
    pub(super) const fn is_open(&self) -> bool {
        self.channel.is_open()
    }

    /// Bytes of its own that wait to be written.
    pub(super) const fn waiting(&self) -> usize {
        self.own_bytes
    }

    fn say(&mut self, bytes: Bytes) {
        self.own_bytes = self.own_bytes.saturating_add(bytes.len());
        self.own.push_back(bytes);
    }

    /// The next bytes of its own. Not to be taken in the middle of a message.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        let bytes = self.own.pop_front()?;
        self.own_bytes = self.own_bytes.saturating_sub(bytes.len());
        Some(bytes)
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        self.channel.push(data);
    }

    /// What the bytes bring; `None` until more come.
    ///
    /// # Errors
    ///
    /// The peer does not keep to the protocol: to be told by [`part`](Self::part).
    pub(super) fn next(&mut self, ids: &mut Ids) -> Result<Option<Heard>, ChannelError> {
        if self.parted {
            return Ok(None);
        }
        let Some(event) = self.channel.next_piece(ids)? else {
            return Ok(None);
        };
        self.pinged = None;
        Ok(Some(match event {
            Event::Open(response) => {
                if let Some(response) = response {
                    self.say(response);
                }
                Heard::Open
            }
            Event::Message(piece) => Heard::Piece(piece, !self.channel.goes_on()),
            Event::Answer(pong) => {
                self.say(pong);
                Heard::Other
            }
            Event::Pong => Heard::Other,
            Event::Closed(goodbye) => {
                self.say(goodbye);
                self.parted = true;
                Heard::Goodbye
            }
        }))
    }

    /// A chunk as one message, in as many pieces as need not be copied.
    pub(super) fn wrap(&self, ids: &mut Ids, chunk: &[Bytes], out: &mut VecDeque<Bytes>) {
        self.channel
            .wrap_pieces(ids, chunk, |piece| out.push_back(piece));
    }

    /// Asks the peer for a sign of life (§6).
    pub(super) fn ping(&mut self, ids: &mut Ids, now: Instant) {
        let ping = self.channel.ping(ids);
        self.say(ping);
        self.pinged = Some(now);
    }

    /// Says goodbye, or what was wrong. `false`: there is nothing to be said any more.
    pub(super) fn part(&mut self, ids: &mut Ids, error: Option<ChannelError>) -> bool {
        let words = match self.parted {
            true => None,
            false => self.channel.farewell(ids, error),
        };
        self.parted = true;
        let Some(words) = words else { return false };
        self.say(words);
        true
    }
}

/// What a peer is told that does not keep to MSRP, or cuts its chunks elsewhere than its messages.
pub(super) const NO_MSRP: ChannelError = ChannelError::Frame(FrameError::Order);

impl Connection {
    /// What is said on it as it is written: each of `chunks` in a message of its own where it is a WebSocket.
    pub(super) fn wrap(&mut self, ids: &mut Ids, chunks: impl IntoIterator<Item = Bytes>) {
        if let Some(web) = &self.web {
            for chunk in chunks {
                web.wrap(ids, &[chunk], &mut self.out);
            }
        }
    }
}

impl Endpoint {
    /// A WebSocket that we asked for is connected, and the handshake begins. `false`: it is none.
    pub(super) fn shake_hands(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> bool {
        let Some(connection) = self.conns.get_mut(conn.0) else {
            return false;
        };
        let host = connection.dial.as_ref().and_then(|dial| dial.web.clone());
        let Some(host) = host.filter(|_| connection.web.is_none()) else {
            return false;
        };
        connection.web = Some(Web::client(cx.ids, &host));
        cx.outbox.flush(conn);
        true
    }

    /// Bytes arrived on a WebSocket.
    pub(super) fn handle_web(&mut self, cx: &mut Cx<'_>, conn: ConnId, data: &Bytes) {
        if let Some(connection) = self.conns.get_mut(conn.0)
            && let Some(web) = &mut connection.web
            && !web.parted
        {
            web.push(data);
        }
        // It may be closed by what is in a message.
        while let Some(connection) = self.conns.get_mut(conn.0)
            && let Some(web) = &mut connection.web
        {
            match web.next(cx.ids) {
                Ok(Some(Heard::Open)) => {
                    cx.outbox.flush(conn);
                    if connection.dial.is_some() {
                        self.came_up(cx, conn);
                    }
                }
                Ok(Some(Heard::Piece(piece, is_end))) => {
                    connection.framer.push(piece);
                    self.read_frames(cx, conn);
                    let is_cut = |connection: &Connection| connection.framer.is_within();
                    if is_end && self.conns.get(conn.0).is_some_and(is_cut) {
                        return self.part(cx, conn, Some(NO_MSRP));
                    }
                }
                Ok(Some(Heard::Other)) => cx.outbox.flush(conn),
                Ok(Some(Heard::Goodbye)) => return self.part(cx, conn, None),
                Ok(None) => return,
                Err(error) => {
                    crate::engine::trace::debug!("{conn}: {error}");
                    return self.part(cx, conn, Some(error));
                }
            }
        }
    }

    /// Ends the sessions of a WebSocket, and closes it when its last words have left.
    pub(super) fn part(&mut self, cx: &mut Cx<'_>, conn: ConnId, error: Option<ChannelError>) {
        let Some(connection) = self.conns.get_mut(conn.0) else {
            return;
        };
        let Some(web) = &mut connection.web else {
            return self.hang_up(cx, conn);
        };
        web.part(cx.ids, error);
        if web.waiting() == 0 {
            return self.hang_up(cx, conn);
        }
        connection.closing = true;
        connection.empty_since = cx.now;
        let sessions = std::mem::take(&mut connection.sessions);
        self.forget_dial(conn);
        for session in sessions {
            self.end(cx, session, Down::Connection);
        }
        cx.outbox.flush(conn);
        self.watch_conn(cx, conn);
    }

    /// The last words on a WebSocket that nobody uses any more, once.
    pub(super) fn last_words(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> Option<Bytes> {
        let connection = self.conns.get_mut(conn.0).filter(|c| c.closing && c.up)?;
        let web = connection.web.as_mut()?;
        if !web.part(cx.ids, None) {
            return None;
        }
        let words = web.take();
        // Nobody must take it for one that can be used.
        self.forget_dial(conn);
        words
    }

    /// Nobody finds a connection of ours any more by where it leads.
    pub(super) fn forget_dial(&mut self, conn: ConnId) {
        if let Some(connection) = self.conns.get(conn.0)
            && let Some(dial) = &connection.dial
            && self.dials.get(dial) == Some(&conn)
        {
            self.dials.remove(dial);
        }
    }
}
