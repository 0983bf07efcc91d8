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
///
/// Eight bytes at a time: subtracting 0x20 from each borrows into its highest bit just where it is
/// smaller. A borrow may reach the next byte, but never the first that is found.
#[inline]
pub(super) fn scan(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES * 0x80;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(chunk) = rest.first_chunk::<8>() else {
            return match list::control(rest) {
                Some(found) => at + found,
                None => bytes.len().max(at),
            };
        };
        let word = u64::from_le_bytes(*chunk);
        let low = word.wrapping_sub(ONES * 0x20);
        let delete = (word ^ (ONES * 0x7f)).wrapping_sub(ONES);
        let found = (low | delete) & !word & HIGH;
        if found == 0 {
            at += 8;
            continue;
        }
        at += (found.trailing_zeros() / 8) as usize;
        if bytes.get(at) != Some(&b'\t') {
            return at;
        }
        at += 1;
    }
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
