//! Escapes in URIs: `%41` for `A` (RFC 3261 §19.1.2).

use crate::wire::cursor::ByteSet;
use std::borrow::Cow;

/// `reserved` of RFC 3261 §25.1: escaped and not escaped are two different things.
const RESERVED: ByteSet = ByteSet::of(b";/?:@&=+$,");

/// One byte of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Byte {
    pub(super) value: u8,
    /// Whether it is a reserved one that is escaped. Others are the same in both spellings.
    pub(super) escaped: bool,
}

impl Byte {
    pub(super) const fn to_lowercase(self) -> Self {
        Self {
            value: self.value.to_ascii_lowercase(),
            escaped: self.escaped,
        }
    }
}

/// The bytes of a component, so that two spellings of one component give the same bytes. The set is what may
/// stand in it without an escape: where a reserved character may not, its escape is all it has.
pub(super) fn bytes<'a>(component: &'a str, set: &'a ByteSet) -> impl Iterator<Item = Byte> + 'a {
    let mut rest = component.as_bytes();
    std::iter::from_fn(move || {
        let (byte, after) = match rest {
            [b'%', high, low, after @ ..] if let Some(value) = hex(*high, *low) => {
                let escaped = RESERVED.contains(value) && set.contains(value);
                (Byte { value, escaped }, after)
            }
            [value, after @ ..] => {
                let (value, escaped) = (*value, false);
                (Byte { value, escaped }, after)
            }
            [] => return None,
        };
        rest = after;
        Some(byte)
    })
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// The text without escapes. What would not be UTF-8 without them keeps them, in the one spelling that all its
/// spellings have in common.
pub(crate) fn decode(component: &str) -> Cow<'_, str> {
    if !component.contains('%') {
        return Cow::Borrowed(component);
    }
    match String::from_utf8(bytes(component, &RESERVED).map(|b| b.value).collect()) {
        Ok(decoded) => Cow::Owned(decoded),
        Err(error) => {
            let mut canonical = String::with_capacity(component.len());
            for byte in error.as_bytes() {
                push(*byte, &ByteSet::UNRESERVED, &mut canonical);
            }
            Cow::Owned(canonical)
        }
    }
}

/// Whether a component is this text once its escapes are undone, without regard to case.
pub(crate) fn is(component: &str, text: &str) -> bool {
    let decoded = bytes(component, &RESERVED).map(|byte| byte.value);
    (decoded.map(|byte| byte.to_ascii_lowercase()))
        .eq(text.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// Writes a component that may have escapes; what is not in the set is escaped.
pub(crate) fn write(component: &str, set: &ByteSet, out: &mut String) {
    if component.bytes().all(|b| set.contains(b)) {
        out.push_str(component);
        return;
    }
    let mut rest = component.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        match after {
            [high, low, after @ ..] if *byte == b'%' && hex(*high, *low).is_some() => {
                out.extend(['%', char::from(*high), char::from(*low)]);
                rest = after;
            }
            _ => push(*byte, set, out),
        }
    }
}

/// Writes a component that has no escapes yet; what is not in the set is escaped, the percent sign too.
pub(crate) fn encode(component: &str, set: &ByteSet, out: &mut String) {
    for byte in component.bytes() {
        push(byte, set, out);
    }
}

fn push(byte: u8, set: &ByteSet, out: &mut String) {
    if set.contains(byte) && byte.is_ascii() {
        out.push(char::from(byte));
    } else {
        push_escape(byte, out);
    }
}

fn push_escape(byte: u8, out: &mut String) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
}

/// Writes a component in the one spelling that all its spellings have in common.
pub(super) fn write_canonical(bytes: impl Iterator<Item = Byte>, set: &ByteSet, out: &mut String) {
    for byte in bytes {
        if byte.escaped {
            push_escape(byte.value, out);
        } else {
            push(byte.value, set, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_there_and_back() {
        for (escaped, plain) in [
            ("bob", "bob"),
            ("I%20have%20spaces", "I have spaces"),
            ("sips%3Auser%40example.com", "sips:user@example.com"),
            ("%D0%B0", "а"),
            ("value%25%41", "value%A"),
        ] {
            assert_eq!(decode(escaped), plain);
        }
        let mut out = String::new();
        encode("a %é@", &ByteSet::UNRESERVED, &mut out);
        assert_eq!(out, "a%20%25%C3%A9%40");
        assert_eq!(decode(&out), "a %é@");
    }

    #[test]
    fn broken_escapes_are_kept_when_read_and_repaired_when_written() {
        for (broken, written) in [("%", "%25"), ("%Z%45", "%25Z%45"), ("a%4", "a%254")] {
            let mut out = String::new();
            write(broken, &ByteSet::UNRESERVED, &mut out);
            assert_eq!(out, written);
        }
        assert_eq!(decode("%Z%45"), "%ZE");
        // What is no text is the same in all its spellings.
        for bytes in ["%ff%", "%FF%25", "%fF%"] {
            assert_eq!(decode(bytes), "%FF%25");
        }
    }
}
