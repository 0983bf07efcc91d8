//! Looking at sixteen bytes at once.
//!
//! The name of a header field is short, and a loop over it ends where a branch predictor does not expect it, which
//! costs more than the loop. These look at all bytes of a name in a handful of instructions.

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

/// The length of the name that ends at the first colon; `None` if there is no colon, no name, or anything in it that is
/// not a visible ASCII character.
pub(crate) fn name(line: &[u8]) -> Option<usize> {
    if let Some(first) = line.first_chunk() {
        let bytes = u128::from_le_bytes(*first);
        let colon = zeros(bytes ^ splat(b':'));
        if colon != 0 {
            let bits = colon.trailing_zeros() & !7;
            let below_visible = bytes.wrapping_sub(splat(b'!')) & !bytes;
            let strange = (below_visible | bytes | zeros(bytes ^ splat(0x7f))) & HIGH;
            let within = (1 << bits) - 1;
            return (bits > 0 && strange & within == 0).then_some(bits as usize / 8);
        }
    }
    let length = line
        .iter()
        .position(|byte| *byte == b':' || !byte.is_ascii_graphic())?;
    (length > 0 && line.get(length) == Some(&b':')).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slow_name(line: &[u8]) -> Option<usize> {
        let length = line.iter().position(|byte| *byte == b':')?;
        let name = line.get(..length)?;
        (length > 0 && name.iter().all(u8::is_ascii_graphic)).then_some(length)
    }

    #[test]
    fn every_byte_at_every_place_of_a_name() {
        for length in 1..40 {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut line = vec![b'x'; 40];
                    line[length] = b':';
                    line[at] = byte;
                    assert_eq!(name(&line), slow_name(&line), "{line:?}");
                    let short = &line[..=length];
                    assert_eq!(name(short), slow_name(short), "{short:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_same_as_byte_by_byte(line in proptest::collection::vec(any::<u8>(), 0..40), sought in any::<u8>()) {
            prop_assert_eq!(name(&line), slow_name(&line));
            prop_assert_eq!(position(&line, sought), line.iter().position(|byte| *byte == sought));
        }
    }
}
