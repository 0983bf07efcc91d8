//! Frames, and the messages that they are the parts of (RFC 6455 §5).

use super::pieces::Rest;
use super::{CloseCode, FrameError, Side};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// What a frame is (§5.2, §11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of the message that has begun.
    Continuation,
    /// A message of UTF-8 text, or its first part.
    Text,
    /// A message of bytes, or its first part.
    Binary,
    /// The sender says goodbye.
    Close,
    /// The sender wants an answer.
    Ping,
    /// The answer.
    Pong,
}

impl Opcode {
    const fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Writes one frame with all of a message. `mask` is what a client must have and a server must not (§5.3).
pub fn write(opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + HEAD);
    write_head(opcode, payload.len(), mask, &mut out);
    let start = out.len();
    out.extend_from_slice(payload);
    if let (Some(key), Some(payload)) = (mask, out.get_mut(start..)) {
        apply(payload, key);
    }
    out.freeze()
}

/// What stands before the payload of a frame.
pub(super) fn write_head(opcode: Opcode, length: usize, mask: Option<[u8; 4]>, out: &mut BytesMut) {
    out.put_u8(0x80 | opcode.bits());
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..=125), _) => out.put_u8(masked | short),
        (_, Ok(medium)) => {
            out.put_u8(masked | 126);
            out.put_u16(medium);
        }
        _ => {
            out.put_u8(masked | 127);
            out.put_u64(length as u64);
        }
    }
    out.extend_from_slice(mask.as_ref().map_or(&[], |key| &key[..]));
}

/// What a head needs at most.
pub(super) const HEAD: usize = 14;

/// Masks or unmasks (§5.3): it is the same.
pub(super) fn apply(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = [a, b, c, d, a, b, c, d];
    for part in payload.chunks_mut(wide.len()) {
        for (byte, key) in part.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }
}

/// The data of one frame or message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A whole message, text or bytes.
    Message(Bytes),
    /// An answer with the same content is wanted.
    Ping(Bytes),
    /// An answer.
    Pong,
    /// The peer says goodbye, mostly with a reason.
    Close(Option<u16>),
}

/// Puts messages together from the bytes of a peer.
#[derive(Debug)]
pub struct Reader {
    /// Which side we are on: what a client sends is masked, what a server sends is not.
    side: Side,
    pub(super) buffer: BytesMut,
    /// The parts of a message so far, and whether it is text.
    pub(super) partial: Option<(BytesMut, bool)>,
    /// What is still to come of a frame that is taken in pieces.
    pub(super) rest: Option<Rest>,
}

pub(super) struct Head {
    pub(super) is_last: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) length: usize,
    pub(super) size: usize,
}

impl Reader {
    /// A reader on our `side`.
    pub fn new(side: Side) -> Self {
        Self {
            side,
            buffer: BytesMut::new(),
            partial: None,
            rest: None,
        }
    }

    /// Bytes arrived, cut anywhere.
    pub fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// How many bytes wait for the rest of their frame or message.
    pub fn buffered(&self) -> usize {
        self.buffer.len() + self.partial.as_ref().map_or(0, |(parts, _)| parts.len())
    }

    /// The next message or control frame; `None` until more bytes come.
    ///
    /// # Errors
    ///
    /// What came is not a frame that may come here, or belongs to a message of more than `most` bytes. Nothing after it
    /// can be read.
    pub fn next(&mut self, most: usize) -> Result<Option<Received>, FrameError> {
        loop {
            let Some(head) = self.head()? else {
                return Ok(None);
            };
            self.check(&head, most)?;
            if self.buffer.len() - head.size < head.length {
                return Ok(None);
            }
            self.buffer.advance(head.size);
            let mut payload = self.buffer.split_to(head.length);
            if let Some(key) = head.mask {
                apply(&mut payload, key);
            }
            // A buffer that once held much is not kept for little.
            if self.buffer.is_empty() {
                self.buffer = BytesMut::new();
            }
            match head.opcode {
                Opcode::Ping => return Ok(Some(Received::Ping(payload.freeze()))),
                Opcode::Pong => return Ok(Some(Received::Pong)),
                Opcode::Close => return close_code(&payload).map(|c| Some(Received::Close(c))),
                Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                    if let Some(message) = self.part(head.opcode, head.is_last, payload)? {
                        return Ok(Some(Received::Message(message)));
                    }
                }
            }
        }
    }

    pub(super) fn head(&self) -> Result<Option<Head>, FrameError> {
        let mut rest: &[u8] = &self.buffer;
        if rest.len() < 2 {
            return Ok(None);
        }
        let (first, second) = (rest.get_u8(), rest.get_u8());
        if first & 0x70 != 0 {
            return Err(FrameError::Reserved);
        }
        let opcode = Opcode::of(first & 0x0f).ok_or(FrameError::Opcode(first & 0x0f))?;
        let length = match second & 0x7f {
            126 if rest.len() < 2 => return Ok(None),
            126 => u64::from(rest.get_u16()),
            127 if rest.len() < 8 => return Ok(None),
            127 => rest.get_u64(),
            short => u64::from(short),
        };
        let mask = match second & 0x80 {
            0 => None,
            _ if rest.len() < 4 => return Ok(None),
            _ => Some(rest.get_u32().to_be_bytes()),
        };
        Ok(Some(Head {
            is_last: first & 0x80 != 0,
            opcode,
            mask,
            length: usize::try_from(length).map_err(|_| FrameError::TooLarge)?,
            size: self.buffer.len() - rest.len(),
        }))
    }

    pub(super) fn check(&self, head: &Head, most: usize) -> Result<(), FrameError> {
        if head.mask.is_some() != (self.side == Side::Server) {
            return Err(FrameError::Mask);
        }
        if head.opcode.is_control() {
            if !head.is_last || head.length > 125 {
                return Err(FrameError::Control);
            }
            return Ok(());
        }
        if (head.opcode == Opcode::Continuation) != self.partial.is_some() {
            return Err(FrameError::Order);
        }
        let before = self.partial.as_ref().map_or(0, |(parts, _)| parts.len());
        if head.length > most.saturating_sub(before) {
            return Err(FrameError::TooLarge);
        }
        Ok(())
    }

    fn part(
        &mut self,
        opcode: Opcode,
        is_last: bool,
        payload: BytesMut,
    ) -> Result<Option<Bytes>, FrameError> {
        let (message, is_text) = match self.partial.take() {
            None => (payload, opcode == Opcode::Text),
            Some((mut parts, is_text)) => {
                parts.extend_from_slice(&payload);
                (parts, is_text)
            }
        };
        if !is_last {
            self.partial = Some((message, is_text));
            return Ok(None);
        }
        if is_text && std::str::from_utf8(&message).is_err() {
            return Err(FrameError::Utf8);
        }
        Ok(Some(message.freeze()))
    }
}

/// §5.5.1: no content, or a code and a reason.
pub(super) fn close_code(payload: &[u8]) -> Result<Option<u16>, FrameError> {
    match payload {
        [] => Ok(None),
        [high, low, reason @ ..] => {
            std::str::from_utf8(reason).map_err(|_| FrameError::Utf8)?;
            Ok(Some(u16::from_be_bytes([*high, *low])))
        }
        [_] => Err(FrameError::Control),
    }
}

/// A goodbye with its reason.
pub fn close(code: CloseCode, mask: Option<[u8; 4]>) -> Bytes {
    write(Opcode::Close, &code.number().to_be_bytes(), mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(side: Side, data: &[u8], most: usize) -> Result<Vec<Received>, FrameError> {
        let mut reader = Reader::new(side);
        reader.push(data);
        let mut found = Vec::new();
        while let Some(received) = reader.next(most)? {
            found.push(received);
        }
        Ok(found)
    }

    #[test]
    fn rfc6455_5_7_the_examples() {
        let hello = Received::Message(Bytes::from_static(b"Hello"));
        let unmasked = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        assert_eq!(&*write(Opcode::Text, b"Hello", None), unmasked);
        assert_eq!(all(Side::Client, &unmasked, 5), Ok(vec![hello.clone()]));
        let masked = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        let key = [0x37, 0xfa, 0x21, 0x3d];
        assert_eq!(&*write(Opcode::Text, b"Hello", Some(key)), masked);
        assert_eq!(all(Side::Server, &masked, 5), Ok(vec![hello.clone()]));
        // In two parts, with a ping between them.
        let parts = [
            0x01, 0x03, 0x48, 0x65, 0x6c, 0x89, 0x01, 0x21, 0x80, 0x02, 0x6c, 0x6f,
        ];
        let ping = Received::Ping(Bytes::from_static(b"!"));
        assert_eq!(all(Side::Client, &parts, 5), Ok(vec![ping, hello]));
        let long = [7; 65_536];
        let frame = write(Opcode::Binary, &long, None);
        assert_eq!(frame[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn rfc6455_5_what_may_not_come_is_refused() {
        for (data, error) in [
            (&[0xc1, 0x80, 0, 0, 0, 0][..], FrameError::Reserved),
            (&[0x83, 0x80, 0, 0, 0, 0], FrameError::Opcode(3)),
            (&[0x81, 0x00], FrameError::Mask),
            (&[0x09, 0x80, 0, 0, 0, 0], FrameError::Control),
            (&[0x89, 0xfe, 0, 126, 0, 0, 0, 0], FrameError::Control),
            (&[0x80, 0x80, 0, 0, 0, 0], FrameError::Order),
            (
                &[0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0],
                FrameError::Order,
            ),
            (&[0x81, 0x81, 0, 0, 0, 0, 0xff], FrameError::Utf8),
            (&[0x88, 0x81, 0, 0, 0, 0, 3], FrameError::Control),
            // The length alone is enough to know.
            (
                &[0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                FrameError::TooLarge,
            ),
            (&[0x82, 0x8b, 0, 0, 0, 0], FrameError::TooLarge),
        ] {
            assert_eq!(all(Side::Server, data, 10), Err(error), "{data:x?}");
        }
    }

    #[test]
    fn parts_of_a_message_count_together() {
        let many = [[0x02, 2, 1, 2], [0x00, 2, 1, 2], [0x80, 2, 1, 2]].concat();
        assert_eq!(all(Side::Client, &many, 5), Err(FrameError::TooLarge));
        assert_eq!(all(Side::Client, &many, 6).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_however_it_is_cut(
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            mask in any::<Option<[u8; 4]>>(),
            cut in 1_usize..320,
        ) {
            let frame = write(Opcode::Binary, &payload, mask);
            let side = if mask.is_some() { Side::Server } else { Side::Client };
            let mut reader = Reader::new(side);
            let mut found = None;
            for part in frame.chunks(cut) {
                prop_assert_eq!(&found, &None);
                reader.push(part);
                found = reader.next(payload.len()).unwrap();
            }
            prop_assert_eq!(found, Some(Received::Message(payload.into())));
            prop_assert_eq!(reader.buffered(), 0);
        }

        #[test]
        fn no_bytes_harm(data in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = all(Side::Server, &data, 32);
            let _ = all(Side::Client, &data, 32);
        }
    }
}
