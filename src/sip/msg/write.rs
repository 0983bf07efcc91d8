//! From a message to bytes: one allocation of the right size.

use super::index::{Index, Slot};
use super::{Headers, Name};
use bytes::Bytes;

/// The message with this start line, the headers and the body. Content-Length stands where it stood, or
/// last; it says what is true.
pub(super) fn message(start: &[&[u8]], headers: &Headers, body: &Bytes) -> Bytes {
    let index = &headers.index;
    if !index.is_edited() {
        return index.received().clone();
    }
    let mut digits = [0; 20];
    let length = decimal(body.len(), &mut digits);
    let plan = Plan::new(index, length);
    let start_size: usize = start.iter().map(|part| part.len()).sum();
    let size = start_size + plan.size + CRLF.len() + body.len();
    let mut out = Vec::with_capacity(size);
    for part in start {
        out.extend_from_slice(part);
    }
    plan.write(index, length, &mut out);
    out.extend_from_slice(CRLF);
    out.extend_from_slice(body);
    debug_assert_eq!(out.len(), size);
    Bytes::from(out)
}

const CRLF: &[u8] = b"\r\n";
const NAME: &[u8] = b"Content-Length: ";

/// Which lines go out as they are.
struct Plan {
    size: usize,
    /// Whether Content-Length is there once and right.
    right: bool,
}

impl Plan {
    fn new(index: &Index, length: &[u8]) -> Self {
        let mut size: usize = index
            .slots()
            .iter()
            .map(|slot| index.line_of(slot).len())
            .sum();
        let mut lengths = index.slots_named(Name::ContentLength);
        let right = lengths
            .next()
            .is_some_and(|slot| index.value(slot) == length)
            && lengths.next().is_none();
        if !right {
            for slot in index.slots_named(Name::ContentLength) {
                size -= index.line_of(slot).len();
            }
            size += NAME.len() + length.len() + CRLF.len();
        }
        Self { size, right }
    }

    /// Writes the lines; those that stand one after the other in a buffer in one go.
    fn write(&self, index: &Index, length: &[u8], out: &mut Vec<u8>) {
        let mut written = self.right;
        let mut run: Option<(&Slot, &Slot)> = None;
        for slot in index.slots() {
            let own = !self.right && slot.number() == Name::CONTENT_LENGTH;
            match run {
                Some((first, last)) if !own && Index::adjoin(last, slot) => {
                    run = Some((first, slot))
                }
                _ => {
                    if let Some((first, last)) = run {
                        out.extend_from_slice(index.lines_of(first, last));
                    }
                    run = (!own).then_some((slot, slot));
                }
            }
            if own && !written {
                written = true;
                content_length(length, out);
            }
        }
        if let Some((first, last)) = run {
            out.extend_from_slice(index.lines_of(first, last));
        }
        if !written {
            content_length(length, out);
        }
    }
}

fn content_length(length: &[u8], out: &mut Vec<u8>) {
    for part in [NAME, length, CRLF] {
        out.extend_from_slice(part);
    }
}

/// The digits of a number.
pub(super) fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        start = place;
        if number == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}
