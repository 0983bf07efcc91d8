//! The bytes of a header value: classes, comma lists, parameters.

use std::ops::Range;

/// The characters of `token` (RFC 3261 §25.1).
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
            );
        byte += 1;
    }
    table
};

/// Whether the bytes are a `token` (RFC 3261 §25.1).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

/// Whether the byte may be in a token.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Space within a line.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Whether the byte must not be in a head, but for the line ends.
pub(crate) const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// Where the first control character is.
pub(crate) fn control(bytes: &[u8]) -> Option<usize> {
    // Nearly always there is none, which is seen many bytes at a time.
    let any = bytes
        .iter()
        .fold(false, |any, byte| any | is_control(*byte));
    match any {
        true => bytes.iter().position(|byte| is_control(*byte)),
        false => None,
    }
}

/// The part of `range` without space around it.
pub(crate) fn trimmed(bytes: &[u8], mut range: Range<usize>) -> Range<usize> {
    let space = |at: usize| bytes.get(at).is_none_or(|byte| is_space(*byte));
    while range.start < range.end && space(range.start) {
        range.start += 1;
    }
    while range.start < range.end && space(range.end - 1) {
        range.end -= 1;
    }
    range
}

/// The number that the bytes are, with space around it.
pub(crate) fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    let digits = bytes.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The characters that [`find`] may have to stop at.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut place = 0;
    let special = b"\\\"<>;,";
    while place < special.len() {
        table[special[place] as usize] = true;
        place += 1;
    }
    table
};

/// Where the first of `stops`, which are of `;` and `,`, is that is neither in a quoted string nor between
/// angle brackets; the end if there is none.
pub(crate) fn find(bytes: &[u8], start: usize, stops: &[u8]) -> usize {
    let (mut at, mut quoted, mut angle) = (start, false, false);
    let special = |byte: &u8| SPECIAL.get(usize::from(*byte)).copied().unwrap_or(false);
    while let Some(skipped) = (bytes.get(at..)).and_then(|rest| rest.iter().position(special)) {
        at += skipped;
        match bytes.get(at) {
            Some(b'\\') if quoted => at += 1,
            Some(b'"') if !angle => quoted = !quoted,
            _ if quoted => {}
            Some(byte) if !angle && stops.contains(byte) => return at,
            Some(b'<') => angle = true,
            Some(b'>') => angle = false,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The values of one field as places in it, without the space around them. Between two commas there may be
/// nothing, which is no value.
pub(crate) struct Items<'a> {
    bytes: &'a [u8],
    at: Option<usize>,
    list: bool,
}

impl<'a> Items<'a> {
    /// The values of a field in which commas separate them, if it is a `list`.
    pub(crate) const fn new(bytes: &'a [u8], list: bool) -> Self {
        Self {
            bytes,
            at: Some(0),
            list,
        }
    }
}

impl Iterator for Items<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        if !self.list {
            self.at.take()?;
            return Some(trimmed(self.bytes, 0..self.bytes.len()));
        }
        loop {
            let start = self.at?;
            let end = match start {
                // Most fields have one value.
                0 if memchr::memchr(b',', self.bytes).is_none() => self.bytes.len(),
                _ => find(self.bytes, start, b","),
            };
            self.at = (end < self.bytes.len()).then_some(end + 1);
            let item = trimmed(self.bytes, start..end);
            if !item.is_empty() {
                return Some(item);
            }
        }
    }
}

/// Whether the value is a list as nearly all are written: a comma, or a comma and a space, between its items.
/// `end_of_item` says where the item ends that begins somewhere, if there is one.
#[inline(always)]
pub(super) fn is_plain(value: &[u8], end_of_item: impl Fn(&[u8], usize) -> Option<usize>) -> bool {
    let mut at = 0;
    while let Some(end) = end_of_item(value, at) {
        at = match value.get(end..) {
            Some([]) => return true,
            Some([b',', b' ', ..]) => end + 2,
            Some([b',', ..]) => end + 1,
            _ => return false,
        };
    }
    false
}

/// The value of parameter `name` in the `;name=value` list that begins at `start`, without quotes; it ends
/// where another value of the header begins.
pub(crate) fn param<'a>(value: &'a str, start: usize, name: &str) -> Option<&'a str> {
    let bytes = value.as_bytes();
    let mut at = find(bytes, start, b";,");
    while bytes.get(at) == Some(&b';') {
        let end = find(bytes, at + 1, b";,");
        let one = value.get(at + 1..end)?;
        let (key, found) = one.split_once('=').unwrap_or((one, ""));
        if key.trim().eq_ignore_ascii_case(name) {
            let found = found.trim();
            let inner = found.strip_prefix('"').and_then(|f| f.strip_suffix('"'));
            return Some(inner.unwrap_or(found));
        }
        at = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(value: &str) -> Vec<&str> {
        Items::new(value.as_bytes(), true)
            .map(|item| &value[item])
            .collect()
    }

    #[test]
    fn rfc3261_7_3_1_commas_separate_values_but_not_in_quotes_or_brackets() {
        for (value, expected) in [
            ("", &[][..]),
            (" , ,", &[]),
            ("a", &["a"]),
            ("a, b ,c", &["a", "b", "c"]),
            (
                "\"a, b\" <sip:c,d@e>;f=\"g,h\", <sip:i>",
                &["\"a, b\" <sip:c,d@e>;f=\"g,h\"", "<sip:i>"],
            ),
            (r#""a\", b" <sip:c>, d"#, &[r#""a\", b" <sip:c>"#, "d"]),
            ("\"never closed, a", &["\"never closed, a"]),
            ("<sip:a\"b>, c", &["<sip:a\"b>", "c"]),
        ] {
            assert_eq!(items(value), expected, "{value}");
        }
    }

    #[test]
    fn parameters_are_found_by_name_in_one_value() {
        let value = "\"x;tag=no\" <sip:a;tag=no>;TAG = yes ;other=\"q;u,o\";flag, <sip:b>;late=1";
        assert_eq!(param(value, 0, "tag"), Some("yes"));
        assert_eq!(param(value, 0, "other"), Some("q;u,o"));
        assert_eq!(param(value, 0, "flag"), Some(""));
        assert_eq!(param(value, 0, "late"), None);
        assert_eq!(param("sip:a@b;tag=x", 0, "tag"), Some("x"));
        assert_eq!(param("sip:a@b", 0, "tag"), None);
    }

    #[test]
    fn numbers_have_digits_only() {
        for (bytes, value) in [
            ("0", Some(0)),
            (" 42\r\n ", Some(42)),
            ("007", Some(7)),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("4 2", None),
            ("4294967296", None),
        ] {
            assert_eq!(number::<u32>(bytes.as_bytes()), value, "{bytes:?}");
        }
    }
}
