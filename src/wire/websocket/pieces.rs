//! Messages that are handed on as they come, however large they are, and those that are written from several pieces.

use super::FrameError;
use super::frame::{self, HEAD, Opcode, Reader, Received, apply, close_code};
use bytes::{Buf, Bytes, BytesMut};

/// What is still to come of a frame.
#[derive(Debug)]
pub(super) struct Rest {
    left: usize,
    /// Begins with the byte for the next one.
    mask: Option<[u8; 4]>,
    is_last: bool,
}

impl Reader {
    /// The next piece of a message, or a control frame; `None` until more bytes come. Nothing waits for the rest of its
    /// frame, so there is no bound, and text is not looked at: it is bytes to who takes it so.
    ///
    /// # Errors
    ///
    /// What came is not a frame that may come here. Nothing after it can be read.
    pub fn next_piece(&mut self) -> Result<Option<Received>, FrameError> {
        loop {
            if let Some(rest) = &mut self.rest {
                let length = rest.left.min(self.buffer.len());
                if length == 0 && rest.left > 0 {
                    return Ok(None);
                }
                let mut piece = self.buffer.split_to(length);
                rest.left -= length;
                if let Some(key) = &mut rest.mask {
                    apply(&mut piece, *key);
                    key.rotate_left(length % 4);
                }
                if self.buffer.is_empty() {
                    self.buffer = BytesMut::new();
                }
                if rest.left == 0 {
                    self.partial = (!rest.is_last).then(|| (BytesMut::new(), false));
                    self.rest = None;
                }
                return Ok(Some(Received::Message(piece.freeze())));
            }
            let Some(head) = self.head()? else {
                return Ok(None);
            };
            self.check(&head, usize::MAX)?;
            if !matches!(
                head.opcode,
                Opcode::Text | Opcode::Binary | Opcode::Continuation
            ) {
                if self.buffer.len() - head.size < head.length {
                    return Ok(None);
                }
                self.buffer.advance(head.size);
                let mut content = self.buffer.split_to(head.length);
                if let Some(key) = head.mask {
                    apply(&mut content, key);
                }
                return Ok(Some(match head.opcode {
                    Opcode::Ping => Received::Ping(content.freeze()),
                    Opcode::Close => Received::Close(close_code(&content)?),
                    _ => Received::Pong,
                }));
            }
            self.buffer.advance(head.size);
            self.rest = Some(Rest {
                left: head.length,
                mask: head.mask,
                is_last: head.is_last,
            });
        }
    }

    /// Whether more is to come of the message that the last piece was of.
    pub const fn goes_on(&self) -> bool {
        self.rest.is_some() || self.partial.is_some()
    }
}

/// Writes one frame with all of a message, which is in several pieces. Long ones are shared where nothing is masked.
pub(super) fn write_pieces(pieces: &[Bytes], mask: Option<[u8; 4]>, mut out: impl FnMut(Bytes)) {
    let length = pieces.iter().map(Bytes::len).sum::<usize>();
    let opcode = match pieces
        .iter()
        .all(|piece| std::str::from_utf8(piece).is_ok())
    {
        true => Opcode::Text,
        false => Opcode::Binary,
    };
    let is_copied = mask.is_some() || length <= COPIED;
    let mut frame = BytesMut::with_capacity(if is_copied { HEAD + length } else { HEAD });
    frame::write_head(opcode, length, mask, &mut frame);
    if !is_copied {
        out(frame.freeze());
        return pieces.iter().cloned().for_each(out);
    }
    let start = frame.len();
    for piece in pieces {
        frame.extend_from_slice(piece);
    }
    if let (Some(key), Some(payload)) = (mask, frame.get_mut(start..)) {
        apply(payload, key);
    }
    out(frame.freeze());
}

/// Up to this size one write is cheaper than several.
const COPIED: usize = 4096;

#[cfg(test)]
mod tests {
    use super::super::Side;
    use super::*;
    use proptest::prelude::*;

    /// What a reader makes of bytes that come in parts of `cut`: the messages.
    fn read(side: Side, data: &[u8], cut: usize) -> Vec<Vec<u8>> {
        let mut reader = Reader::new(side);
        let (mut messages, mut message) = (Vec::new(), Vec::new());
        for part in data.chunks(cut) {
            reader.push(part);
            while let Some(received) = reader.next_piece().unwrap() {
                let Received::Message(piece) = received else {
                    continue;
                };
                message.extend_from_slice(&piece);
                if !reader.goes_on() {
                    messages.push(std::mem::take(&mut message));
                }
            }
            // It keeps no more than the head of a frame.
            assert!(reader.buffered() < HEAD);
        }
        messages
    }

    #[test]
    fn parts_and_pings_between_them_are_taken_as_they_come() {
        let parts = [
            0x01, 0x03, 0x48, 0x65, 0x6c, 0x89, 0x01, 0x21, 0x80, 0x02, 0x6c, 0x6f, 0x82, 0x00,
        ];
        for cut in 1..parts.len() {
            let messages = read(Side::Client, &parts, cut);
            assert_eq!(messages, [b"Hello".to_vec(), Vec::new()], "{cut}");
        }
    }

    #[test]
    fn the_length_of_a_message_is_no_reason_to_wait() {
        let mut reader = Reader::new(Side::Client);
        reader.push(&[0x82, 127, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 7]);
        let piece = Received::Message(Bytes::from_static(&[7]));
        assert_eq!(reader.next_piece(), Ok(Some(piece)));
        assert!(reader.goes_on());
        assert_eq!(reader.buffered(), 0);
        assert_eq!(reader.next_piece(), Ok(None));
    }

    #[test]
    fn what_is_long_and_not_masked_is_not_copied() {
        let body = Bytes::from(vec![0xff; COPIED + 1]);
        let mut frame = Vec::new();
        write_pieces(std::slice::from_ref(&body), None, |piece| frame.push(piece));
        assert_eq!(frame[1].as_ptr(), body.as_ptr());
        assert_eq!(frame[0][0], 0x82, "bytes that are no text");
    }

    proptest! {
        #[test]
        fn what_is_written_in_pieces_is_read_in_pieces(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3000), 1..4),
            mask in any::<Option<[u8; 4]>>(),
            cut in 1_usize..500,
        ) {
            let pieces: Vec<Bytes> = pieces.into_iter().map(Bytes::from).collect();
            let mut frame = Vec::new();
            write_pieces(&pieces, mask, |piece| frame.extend_from_slice(&piece));
            let side = if mask.is_some() { Side::Server } else { Side::Client };
            prop_assert_eq!(read(side, &frame, cut), vec![pieces.concat()]);
        }
    }
}
