//! The escapes of header values (RFC 3862 §2.3).

use std::borrow::Cow;

/// The value with its escapes resolved. A backslash that begins none stands for itself.
pub(super) fn resolve(value: &str) -> Cow<'_, str> {
    if !value.contains(['\\', '\n']) {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(char) = rest.chars().next() {
        let after = rest.get(char.len_utf8()..).unwrap_or_default();
        let (resolved, after) = match char {
            '\\' => escape(after).unwrap_or((char, after)),
            // A folded line, as MIME has them.
            '\r' | '\n' => (' ', after.trim_start()),
            _ => (char, after),
        };
        out.push(resolved);
        rest = after;
    }
    Cow::Owned(out)
}

/// The character of the escape that follows a backslash, and what comes after it.
fn escape(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    let char = match chars.next()? {
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        char @ ('"' | '\'' | '\\') => char,
        'u' => return unicode(chars.as_str()),
        _ => return None,
    };
    Some((char, chars.as_str()))
}

fn unicode(text: &str) -> Option<(char, &str)> {
    let (first, rest) = unit(text)?;
    if let Some(char) = char::from_u32(first) {
        return Some((char, rest));
    }
    // A character beyond the first plane, in two halves.
    let (second, rest) = unit(rest.strip_prefix("\\u")?)?;
    let halves = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    let char = char::decode_utf16(halves).next()?.ok()?;
    Some((char, rest))
}

fn unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

/// Appends `text` with everything escaped that may not stand in a header.
pub(super) fn write(out: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            char if char.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => out.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_in_both_directions() {
        for (written, text) in [
            ("plain \u{fc}", "plain \u{fc}"),
            ("a\\\\b", "a\\b"),
            ("a\\r\\nEvil: b", "a\r\nEvil: b"),
            ("\\b\\t\\u0000\\u007f", "\u{8}\t\0\u{7f}"),
        ] {
            assert_eq!(resolve(written), text);
            let mut out = String::new();
            write(&mut out, text);
            assert_eq!(out, written);
        }
    }

    #[test]
    fn what_we_do_not_write_is_read() {
        for (written, text) in [
            ("\\\"q\\\" \\'s\\'", "\"q\" 's'"),
            ("\\u00E9\\u4e2d", "\u{e9}\u{4e2d}"),
            ("\\ud83d\\ude00", "\u{1f600}"),
            ("one\r\n  two", "one two"),
        ] {
            assert_eq!(resolve(written), text, "{written}");
        }
    }

    #[test]
    fn a_broken_escape_stands_for_itself() {
        for written in ["\\", "\\x", "\\u12", "\\u12g4", "\\ud83d", "\\u+123"] {
            assert_eq!(resolve(written), written);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text: String) {
            let mut out = String::new();
            write(&mut out, &text);
            prop_assert!(!out.contains(char::is_control));
            prop_assert_eq!(resolve(&out), text);
        }
    }
}
