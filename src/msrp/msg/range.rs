//! The Byte-Range header field.

/// `Byte-Range: start-end/total` (RFC 4975 §7.1.1), counted from 1 and inclusive; `*` is `None`.
///
/// What a peer writes here is a hint: nothing is allocated by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// The first byte, from 1.
    pub start: u64,
    /// The last byte, `start - 1` for an empty chunk; `None` where the sender may interrupt the chunk.
    pub end: Option<u64>,
    /// The size of the whole message.
    pub total: Option<u64>,
}

impl ByteRange {
    /// All of a message of `total` bytes.
    pub const fn whole(total: u64) -> Self {
        Self {
            start: 1,
            end: Some(total),
            total: Some(total),
        }
    }

    /// Reads the value of the header. Spaces anywhere are let pass.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.as_bytes();
        let range = Self {
            start: number(&mut rest)??,
            end: {
                separator(&mut rest, b'-')?;
                number(&mut rest)?
            },
            total: {
                separator(&mut rest, b'/')?;
                number(&mut rest)?
            },
        };
        rest.is_empty().then_some(range)
    }
}

/// A number or a `*`, with the spaces around it.
fn number(rest: &mut &[u8]) -> Option<Option<u64>> {
    *rest = rest.trim_ascii_start();
    if let Some(after) = rest.strip_prefix(b"*") {
        *rest = after.trim_ascii_start();
        return Some(None);
    }
    let mut value = 0u64;
    let mut digits = 0;
    while let Some((digit @ b'0'..=b'9', after)) = rest.split_first() {
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
        digits += 1;
        *rest = after;
    }
    *rest = rest.trim_ascii_start();
    (digits > 0).then_some(Some(value))
}

fn separator(rest: &mut &[u8], byte: u8) -> Option<()> {
    *rest = rest.strip_prefix(&[byte])?;
    Some(())
}

impl Default for ByteRange {
    /// What holds where there is no such header: the chunk is the first, and nothing else is known.
    fn default() -> Self {
        Self {
            start: 1,
            end: None,
            total: None,
        }
    }
}

impl std::fmt::Display for ByteRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-", self.start)?;
        match self.end {
            Some(end) => write!(f, "{end}/")?,
            None => f.write_str("*/")?,
        }
        match self.total {
            Some(total) => write!(f, "{total}"),
            None => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4975_7_1_1_byte_range_both_ways() {
        let range = |start, end, total| ByteRange { start, end, total };
        for (text, value) in [
            ("1-274/274", range(1, Some(274), Some(274))),
            ("1-0/0", range(1, Some(0), Some(0))),
            ("2049-*/*", range(2049, None, None)),
            ("1-*/18446744073709551615", range(1, None, Some(u64::MAX))),
        ] {
            assert_eq!(ByteRange::parse(text), Some(value));
            assert_eq!(value.to_string(), text);
        }
        assert_eq!(
            ByteRange::parse(" 1 - 5 / 5 "),
            Some(range(1, Some(5), Some(5)))
        );
        for bad in [
            "",
            "1",
            "1-2",
            "-2/3",
            "*-2/3",
            "+1-2/3",
            "1-x/3",
            "1-2/18446744073709551616",
        ] {
            assert_eq!(ByteRange::parse(bad), None, "{bad}");
        }
    }
}
