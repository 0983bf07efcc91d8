//! Looking for the end of a line.

use super::list;
use crate::sip::ParseError;

/// Where the line ends whose value begins at `start`, if the control characters in it stand after a
/// backslash in a quoted string (RFC 3261 §25.1, `quoted-pair`). Anywhere else they are refused: two hops
/// that read on differently after a NUL see different headers.
#[cold]
pub(super) fn scan_quoted(bytes: &[u8], start: usize) -> Result<usize, ParseError> {
    let (mut at, mut quoted) = (start, false);
    loop {
        match bytes.get(at..) {
            Some([b'\r' | b'\n', ..]) => return Ok(at),
            Some([b'\\', next, ..]) if quoted && !matches!(next, b'\r' | b'\n') => at += 1,
            Some([b'"', ..]) => quoted = !quoted,
            Some([byte, ..]) if list::is_control(*byte) => return Err(ParseError::Control { at }),
            Some([_, ..]) => {}
            Some([]) | None => return Err(ParseError::Truncated { at }),
        }
        at += 1;
    }
}

/// Where the first control character other than TAB is from `at` on; the end if there is none.
#[inline]
pub(super) fn scan(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        // Values are long: sixteen bytes at a time while there is nothing to be found.
        if let Some(chunk) = rest.first_chunk::<16>() {
            if !has_control(chunk) {
                at += 16;
                continue;
            }
            let (one, two) = halves(chunk);
            at += match controls(one) {
                0 => 8 + first(controls(two)),
                found => first(found),
            };
        } else if let Some(chunk) = rest.first_chunk::<8>() {
            let found = controls(u64::from_le_bytes(*chunk));
            if found == 0 {
                at += 8;
                continue;
            }
            at += first(found);
        } else {
            return match list::control(rest) {
                Some(found) => at + found,
                None => bytes.len().max(at),
            };
        }
        if bytes.get(at) != Some(&b'\t') {
            return at;
        }
        at += 1;
    }
}

/// Whether there is a control character, TAB among them. Without a branch for each byte, so that the compiler looks
/// at all of them at once.
#[inline]
fn has_control(chunk: &[u8; 16]) -> bool {
    let control = |byte: u8| (byte < b' ') | (byte == 0x7f);
    chunk.iter().fold(false, |any, byte| any | control(*byte))
}

/// Where the first colon is. Names are short: the first is mostly among the first sixteen bytes.
#[inline]
pub(super) fn find_colon(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        // A byte that is zero borrows into its highest bit, and none before the first does.
        let word = u64::from_le_bytes(*chunk) ^ (ONES * b':' as u64);
        let found = word.wrapping_sub(ONES) & !word & HIGH;
        if found != 0 {
            return Some(at + first(found));
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter()
        .position(|byte| *byte == b':')
        .map(|found| at + found)
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = ONES * 0x80;

/// The highest bits of the control characters in a word, TAB among them.
///
/// Subtracting 0x20 from each byte borrows into its highest bit just where it is smaller. A borrow may
/// reach the next byte, but never the first that is found.
#[inline]
const fn controls(word: u64) -> u64 {
    let low = word.wrapping_sub(ONES * 0x20);
    let delete = (word ^ (ONES * 0x7f)).wrapping_sub(ONES);
    (low | delete) & !word & HIGH
}

/// The place of the first byte that has its highest bit.
#[inline]
const fn first(found: u64) -> usize {
    (found.trailing_zeros() / 8) as usize
}

#[inline]
fn halves(chunk: &[u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(*chunk);
    (both as u64, (both >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scan_finds_every_control_character_at_every_offset() {
        for length in 0..40 {
            let mut bytes = vec![b'a'; length];
            bytes.iter_mut().step_by(3).for_each(|byte| *byte = 0xff);
            bytes
                .iter_mut()
                .skip(1)
                .step_by(5)
                .for_each(|byte| *byte = b'\t');
            assert_eq!(scan(&bytes, 0), length);
            for at in 0..length {
                for control in (0..32).chain([0x7f]).filter(|byte| *byte != b'\t') {
                    let before = std::mem::replace(&mut bytes[at], control);
                    assert_eq!(scan(&bytes, 0), at, "{control} at {at} of {length}");
                    bytes[at] = before;
                }
            }
        }
    }
}
