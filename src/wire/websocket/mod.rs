//! WebSocket (RFC 6455): the handshake, frames, and a [`Channel`] that is both.
//!
//! It is what carries SIP (RFC 7118) and MSRP (RFC 7977) to and from browsers. No extension is offered or accepted.

pub mod frame;
pub mod handshake;
mod pieces;

use crate::engine::Ids;
use bytes::{Bytes, BytesMut};
use frame::{Opcode, Reader, Received};
use handshake::Offer;

/// Which side of a connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// We have opened it.
    Client,
    /// The peer has.
    Server,
}

/// Why a connection is closed (RFC 6455 §7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseCode {
    /// Nothing more is to be said.
    Normal,
    /// This end goes away.
    GoingAway,
    /// The peer does not speak the protocol.
    Protocol,
    /// Text that is not UTF-8.
    Data,
    /// A message that is too large.
    TooLarge,
}

impl CloseCode {
    /// The number of the code.
    pub const fn number(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::Protocol => 1002,
            Self::Data => 1007,
            Self::TooLarge => 1009,
        }
    }
}

/// Why bytes are no frame that may come here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Bits are set that only an extension could give a meaning.
    #[error("reserved bits of a frame are set")]
    Reserved,
    /// An opcode that means nothing.
    #[error("a frame with the unknown opcode {0}")]
    Opcode(u8),
    /// A client has to mask what it sends, a server must not.
    #[error("a frame is masked that must not be, or is not that must be")]
    Mask,
    /// A control frame in parts, or too long, or a goodbye of one byte.
    #[error("a malformed control frame")]
    Control,
    /// A part without a beginning, or a beginning within a message.
    #[error("parts of messages out of order")]
    Order,
    /// A message of more bytes than are taken.
    #[error("a message is too large")]
    TooLarge,
    /// Text that is none.
    #[error("a text message is not UTF-8")]
    Utf8,
}

impl FrameError {
    /// What to tell the peer.
    pub const fn code(self) -> CloseCode {
        match self {
            Self::TooLarge => CloseCode::TooLarge,
            Self::Utf8 => CloseCode::Data,
            _ => CloseCode::Protocol,
        }
    }
}

/// Why a handshake fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Not HTTP/1.1.
    #[error("not HTTP: {0}")]
    Http(httparse::Error),
    /// Larger than a handshake may be.
    #[error("a handshake of too many bytes")]
    TooLarge,
    /// Something else than a GET of HTTP/1.1.
    #[error("not a GET of HTTP/1.1")]
    NotAGet,
    /// No Host.
    #[error("no Host")]
    NoHost,
    /// Upgrade or Connection do not say what they must.
    #[error("no upgrade to a WebSocket")]
    NoUpgrade,
    /// Another version than 13.
    #[error("not version 13")]
    Version,
    /// Sec-WebSocket-Key or Sec-WebSocket-Accept are not what they must be.
    #[error("the key is wrong")]
    Key,
    /// The subprotocol is not offered, or not agreed to.
    #[error("no agreement on the subprotocol")]
    Protocol,
    /// The server uses an extension that we did not offer.
    #[error("an extension that was not offered")]
    Extension,
    /// The server answered with this status.
    #[error("refused with HTTP status {0}")]
    Refused(u16),
}

impl HandshakeError {
    /// The response that a server refuses with (RFC 6455 §4.2.2, §4.4).
    pub const fn refusal(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Version => {
                b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
            _ => b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        })
    }
}

/// Why a connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The handshake has failed.
    #[error("handshake: {0}")]
    Handshake(#[from] HandshakeError),
    /// What came is no frame.
    #[error("{0}")]
    Frame(#[from] FrameError),
}

/// What a connection has brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The handshake is done; `Some` is to be written.
    Open(Option<Bytes>),
    /// A whole message.
    Message(Bytes),
    /// This is to be written: the answer to a ping.
    Answer(Bytes),
    /// A ping of ours was answered.
    Pong,
    /// The peer has said goodbye. This is to be written, and the connection to be closed.
    Closed(Bytes),
}

/// One WebSocket, from its handshake to its end. It reads; what it has to say it leaves to the caller to write.
#[derive(Debug)]
pub struct Channel {
    side: Side,
    protocol: &'static str,
    /// The beginning of a handshake, until it is whole.
    opening: Option<BytesMut>,
    key: [u8; 16],
    reader: Reader,
}

/// The bytes of a handshake.
const HANDSHAKE: usize = 8 * 1024;

impl Channel {
    /// A connection that we have opened, and the request that is to be written first.
    pub fn client(ids: &mut Ids, host: &str, path: &str, protocol: &'static str) -> (Self, Bytes) {
        let mut key = [0; 16];
        for part in key.chunks_mut(8) {
            part.copy_from_slice(&ids.number().to_be_bytes());
        }
        let request = handshake::request(host, path, protocol, key);
        (Self::new(Side::Client, protocol, key), request)
    }

    /// A connection that a peer has opened.
    pub fn server(protocol: &'static str) -> Self {
        Self::new(Side::Server, protocol, [0; 16])
    }

    fn new(side: Side, protocol: &'static str, key: [u8; 16]) -> Self {
        Self {
            side,
            protocol,
            opening: Some(BytesMut::new()),
            key,
            reader: Reader::new(side),
        }
    }

    /// Whether the handshake is done.
    pub const fn is_open(&self) -> bool {
        self.opening.is_none()
    }

    /// How many bytes wait for the rest of a handshake, frame or message.
    pub fn buffered(&self) -> usize {
        self.reader.buffered() + self.opening.as_ref().map_or(0, BytesMut::len)
    }

    /// Bytes arrived, cut anywhere.
    pub fn push(&mut self, data: &[u8]) {
        match &mut self.opening {
            Some(opening) => opening.extend_from_slice(data),
            None => self.reader.push(data),
        }
    }

    /// What they bring; `None` until more come. A message may have `most` bytes.
    ///
    /// # Errors
    ///
    /// The peer does not keep to the protocol; see [`Channel::farewell`]. Nothing more can be read.
    pub fn next(&mut self, ids: &mut Ids, most: usize) -> Result<Option<Event>, ChannelError> {
        self.step(ids, |reader| reader.next(most))
    }

    /// What they bring, where messages are taken in pieces as they come: each [`Event::Message`] is a piece, after which
    /// [`goes_on`](Self::goes_on) says whether there is more of its message.
    ///
    /// # Errors
    ///
    /// As with [`next`](Self::next).
    pub fn next_piece(&mut self, ids: &mut Ids) -> Result<Option<Event>, ChannelError> {
        self.step(ids, Reader::next_piece)
    }

    /// Whether more is to come of the message that the last piece was of.
    pub const fn goes_on(&self) -> bool {
        self.reader.goes_on()
    }

    fn step(
        &mut self,
        ids: &mut Ids,
        read: impl FnOnce(&mut Reader) -> Result<Option<Received>, FrameError>,
    ) -> Result<Option<Event>, ChannelError> {
        if let Some(opening) = &mut self.opening {
            let (size, response) = match self.side {
                Side::Server => match Offer::read(opening)? {
                    Some((offer, size)) => (Some(size), Some(offer.accept(self.protocol)?)),
                    None => (None, None),
                },
                Side::Client => (
                    handshake::read_response(opening, self.protocol, self.key)?,
                    None,
                ),
            };
            let Some(size) = size else {
                return match opening.len() {
                    ..=HANDSHAKE => Ok(None),
                    _ => Err(HandshakeError::TooLarge.into()),
                };
            };
            self.reader.push(opening.get(size..).unwrap_or_default());
            self.opening = None;
            return Ok(Some(Event::Open(response)));
        }
        let Some(received) = read(&mut self.reader)? else {
            return Ok(None);
        };
        Ok(Some(match received {
            Received::Message(message) => Event::Message(message),
            Received::Ping(content) => {
                Event::Answer(frame::write(Opcode::Pong, &content, self.mask(ids)))
            }
            Received::Pong => Event::Pong,
            Received::Close(_) => Event::Closed(frame::close(CloseCode::Normal, self.mask(ids))),
        }))
    }

    /// A message as it is to be written: text if it is UTF-8, since browsers take text for the rule
    /// (RFC 7118 §4.2), else bytes.
    pub fn wrap(&self, ids: &mut Ids, message: &[u8]) -> Bytes {
        let opcode = match std::str::from_utf8(message) {
            Ok(_) => Opcode::Text,
            Err(_) => Opcode::Binary,
        };
        frame::write(opcode, message, self.mask(ids))
    }

    /// The same of a message in several pieces, which are shared where they need not be masked.
    pub fn wrap_pieces(&self, ids: &mut Ids, pieces: &[Bytes], out: impl FnMut(Bytes)) {
        pieces::write_pieces(pieces, self.mask(ids), out);
    }

    /// A ping, to be written.
    pub fn ping(&self, ids: &mut Ids) -> Bytes {
        frame::write(Opcode::Ping, &[], self.mask(ids))
    }

    /// The last words to a peer: after an error what it is told of it, else a goodbye.
    pub fn farewell(&self, ids: &mut Ids, error: Option<ChannelError>) -> Option<Bytes> {
        match (error, self.is_open()) {
            (Some(ChannelError::Handshake(error)), _) if self.side == Side::Server => {
                Some(error.refusal())
            }
            (Some(ChannelError::Frame(error)), true) => {
                Some(frame::close(error.code(), self.mask(ids)))
            }
            (None, true) => Some(frame::close(CloseCode::Normal, self.mask(ids))),
            _ => None,
        }
    }

    /// A client masks with a fresh key each time (RFC 6455 §5.3).
    fn mask(&self, ids: &mut Ids) -> Option<[u8; 4]> {
        let [a, b, c, d, ..] = ids.number().to_be_bytes();
        (self.side == Side::Client).then_some([a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Seed;

    #[test]
    fn rfc7118_4_a_client_and_a_server_understand_each_other() {
        let mut ids = Ids::new(Seed::from_number(1));
        let (mut client, request) = Channel::client(&mut ids, "h", "/", "sip");
        let mut server = Channel::server("sip");
        for byte in request {
            assert_eq!(server.next(&mut ids, 100), Ok(None));
            server.push(&[byte]);
        }
        let Ok(Some(Event::Open(Some(response)))) = server.next(&mut ids, 100) else {
            panic!()
        };
        // The first message may come with the handshake.
        client.push(&response);
        client.push(&server.wrap(&mut ids, b"hello"));
        assert_eq!(client.next(&mut ids, 100), Ok(Some(Event::Open(None))));
        let hello = Event::Message(Bytes::from_static(b"hello"));
        assert_eq!(client.next(&mut ids, 100), Ok(Some(hello)));
        server.push(&client.ping(&mut ids));
        let Ok(Some(Event::Answer(pong))) = server.next(&mut ids, 100) else {
            panic!()
        };
        client.push(&pong);
        assert_eq!(client.next(&mut ids, 100), Ok(Some(Event::Pong)));
        let message = client.wrap(&mut ids, b"\xff\0");
        assert_eq!(message[0], 0x82, "bytes that are no text");
        server.push(&message);
        server.push(&client.farewell(&mut ids, None).unwrap());
        let message = Event::Message(Bytes::from_static(b"\xff\0"));
        assert_eq!(server.next(&mut ids, 100), Ok(Some(message)));
        assert!(matches!(
            server.next(&mut ids, 100),
            Ok(Some(Event::Closed(_)))
        ));
    }

    #[test]
    fn a_handshake_that_does_not_end_is_given_up() {
        let mut ids = Ids::new(Seed::from_number(1));
        let mut server = Channel::server("sip");
        server.push(b"GET / HTTP/1.1\r\nX: ");
        server.push(&[b'x'; HANDSHAKE]);
        let error = server.next(&mut ids, 100).unwrap_err();
        assert_eq!(error, HandshakeError::TooLarge.into());
        let refusal = server.farewell(&mut ids, Some(error)).unwrap();
        assert!(refusal.starts_with(b"HTTP/1.1 400 "));
    }
}
