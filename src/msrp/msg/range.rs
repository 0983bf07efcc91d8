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
        let (range, total) = text.split_once('/')?;
        let (start, end) = range.split_once('-')?;
        let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) {
            true => text.parse().ok(),
            false => None,
        };
        let star = |text: &str| match text.trim() {
            "*" => Some(None),
            digits => number(digits).map(Some),
        };
        Some(Self {
            start: number(start.trim())?,
            end: star(end)?,
            total: star(total)?,
        })
    }
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
