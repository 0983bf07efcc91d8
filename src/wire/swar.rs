//! Looking at sixteen bytes at once.
//!
//! A line is short, and a loop over it ends where a branch predictor does not expect it, which
//! costs more than the loop. These look at many bytes of it in a handful of instructions.

const LOW: u128 = u128::MAX / 255;
const HIGH: u128 = LOW << 7;

const fn splat(byte: u8) -> u128 {
    LOW * byte as u128
}

/// The high bit of every byte that is zero; right up to the first such byte, which is what is asked for.
const fn zeros(bytes: u128) -> u128 {
    bytes.wrapping_sub(LOW) & !bytes & HIGH
}

/// Where `byte` stands first.
pub(crate) fn position(bytes: &[u8], byte: u8) -> Option<usize> {
    if let Some(first) = bytes.first_chunk() {
        let found = zeros(u128::from_le_bytes(*first) ^ splat(byte));
        if found != 0 {
            return Some(found.trailing_zeros() as usize / 8);
        }
    }
    memchr::memchr(byte, bytes)
}

/// Whether both are the same bytes: as `==`, and faster for what is as short as a name, where the call of `memcmp` is
/// most of the work.
#[inline(always)]
pub(crate) fn is(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    if one.len() <= 16 {
        // The first and the last ones, which overlap.
        if let (Some(start), Some(end)) = (one.first_chunk::<8>(), one.last_chunk::<8>()) {
            return other.first_chunk() == Some(start) && other.last_chunk() == Some(end);
        }
        if let (Some(start), Some(end)) = (one.first_chunk::<4>(), one.last_chunk::<4>()) {
            return other.first_chunk() == Some(start) && other.last_chunk() == Some(end);
        }
    }
    one == other
}

/// Whether both are the same bytes, in a time that depends on their lengths only. On a line or less it is faster than
/// a call of `memcmp`.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let ((one, one_rest), (other, other_rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let words = one.iter().zip(other).fold(0, |differ, (one, other)| {
        differ | (u64::from_ne_bytes(*one) ^ u64::from_ne_bytes(*other))
    });
    let rest = one_rest
        .iter()
        .zip(other_rest)
        .fold(0, |differ, (one, other)| differ | (one ^ other));
    words == 0 && rest == 0
}

/// All places where `byte` stands, in order: for short lines, where a search of its own for each would cost more.
pub(crate) const fn positions(bytes: &[u8], byte: u8) -> Positions<'_> {
    Positions {
        bytes,
        byte,
        word: 0,
        next: 0,
        found: 0,
    }
}

/// See [`positions`].
#[derive(Debug)]
pub(crate) struct Positions<'a> {
    bytes: &'a [u8],
    byte: u8,
    /// Where the word begins that was looked at last, and the one after it.
    word: usize,
    next: usize,
    /// The high bit of every byte of the word that is the one.
    found: u64,
}

impl Iterator for Positions<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        const LOW_BITS: u64 = u64::MAX / 255 * 0x7f;
        while self.found == 0 {
            let rest = self.bytes.get(self.next..)?;
            let word = match rest.first_chunk() {
                Some(word) => *word,
                None if rest.is_empty() => return None,
                None => {
                    let mut word = [!self.byte; 8];
                    word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                    word
                }
            };
            let differ = u64::from_le_bytes(word) ^ u64::from_le_bytes([self.byte; 8]);
            // Without a carry from byte to byte, so that every bit counts and not just the lowest.
            self.found = !(((differ & LOW_BITS) + LOW_BITS) | differ | LOW_BITS);
            (self.word, self.next) = (self.next, self.next + 8);
        }
        let place = self.word + self.found.trailing_zeros() as usize / 8;
        self.found &= self.found - 1;
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_places_and_all_differences(line in proptest::collection::vec(0_u8..4, 0..60), other in proptest::collection::vec(0_u8..4, 0..60), at: usize) {
            let slow: Vec<usize> = (0..line.len()).filter(|at| line[*at] == 1).collect();
            prop_assert_eq!(positions(&line, 1).collect::<Vec<_>>(), slow);
            prop_assert_eq!(same(&line, &other), line == other);
            prop_assert_eq!(is(&line, &other), line == other);
            let mut changed = line.clone();
            prop_assert!(same(&line, &changed) && is(&line, &changed));
            if let Some(len) = line.len().checked_sub(1) {
                changed[at % (len + 1)] ^= 0x80;
                prop_assert!(!same(&line, &changed) && !is(&line, &changed));
            }
        }

        #[test]
        fn the_same_as_byte_by_byte(line in proptest::collection::vec(any::<u8>(), 0..40), sought in any::<u8>()) {
            prop_assert_eq!(position(&line, sought), line.iter().position(|byte| *byte == sought));
        }
    }
}
