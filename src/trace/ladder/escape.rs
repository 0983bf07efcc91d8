//! Bytes of a peer, made harmless and readable in HTML.

use std::fmt::Write;

/// How much of one message the page holds.
const MOST_TEXT: usize = 32 * 1024;
const MOST_BINARY: usize = 256;

/// Writes text that may come from a peer: what has a meaning in HTML is escaped, and characters that would
/// be invisible or turn the text around them are shown by their number.
pub(super) fn text(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            _ if is_treacherous(character) => {
                let _ = write!(out, "<i class=x>U+{:04X}</i>", u32::from(character));
            }
            _ => out.push(character),
        }
    }
}

/// The same for an attribute, where there can be no element.
pub(super) fn attribute(out: &mut String, value: &str) {
    let plain: String = value
        .chars()
        .map(|c| if is_treacherous(c) { ' ' } else { c })
        .collect();
    text(out, &plain);
}

/// Control characters, and what Unicode has for changing the direction of writing or for writing nothing.
fn is_treacherous(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || (character.is_control() && character != '\n' && character != '\t')
}

/// Writes a message as it was on the wire, with the names of header fields marked, and with a hex dump of
/// what is not text.
pub(super) fn wire(out: &mut String, bytes: &[u8]) {
    let (readable, rest) = split_text(bytes);
    for line in readable.split_inclusive('\n') {
        let line = line.strip_suffix("\r\n").unwrap_or(line);
        let (name, value) = line.split_at(field_name(line));
        if !name.is_empty() {
            out.push_str("<b>");
            text(out, name);
            out.push_str("</b>");
        }
        text(out, value);
        if !value.ends_with('\n') {
            out.push('\n');
        }
    }
    if !rest.is_empty() {
        dump(out, rest, readable.len());
    }
}

/// As much of the bytes as is text and not too much of it, and the rest.
fn split_text(bytes: &[u8]) -> (&str, &[u8]) {
    let most = bytes.get(..MOST_TEXT).unwrap_or(bytes);
    let valid = match std::str::from_utf8(most) {
        Ok(text) => text,
        Err(error) => most
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    };
    // Binary content often begins with bytes that happen to be ASCII: NUL tells it apart.
    let text = valid.split('\0').next().unwrap_or_default();
    (text, bytes.get(text.len()..).unwrap_or_default())
}

/// Where the name of a header field ends with which a line begins, colon included; 0 if it does not.
fn field_name(line: &str) -> usize {
    let name = line
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'+'))
        .count();
    match line.as_bytes().get(name) {
        Some(b':') if name > 0 => name + 1,
        _ => 0,
    }
}

fn dump(out: &mut String, bytes: &[u8], offset: usize) {
    out.push_str("<span class=hex>");
    for (n, line) in bytes.chunks(16).enumerate().take(MOST_BINARY / 16) {
        let _ = write!(out, "{:06x} ", offset + n * 16);
        for place in 0..16 {
            let _ = match line.get(place) {
                Some(byte) => write!(out, " {byte:02x}"),
                None => write!(out, "   "),
            };
        }
        out.push_str("  ");
        let readable: String = line
            .iter()
            .map(|&b| {
                if b.is_ascii_graphic() {
                    char::from(b)
                } else {
                    '·'
                }
            })
            .collect();
        text(out, &readable);
        out.push('\n');
    }
    if let Some(more) = bytes
        .len()
        .checked_sub(MOST_BINARY)
        .filter(|more| *more > 0)
    {
        let _ = writeln!(out, "… {more} bytes more");
    }
    out.push_str("</span>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(input: &str) -> String {
        let mut out = String::new();
        text(&mut out, input);
        out
    }

    #[test]
    fn nothing_of_a_peer_is_markup() {
        for (input, expected) in [
            ("<script>", "&lt;script&gt;"),
            ("a&b", "a&amp;b"),
            ("\"'", "&quot;&#39;"),
            ("x\u{202e}y", "x<i class=x>U+202E</i>y"),
            ("\u{1b}[0m", "<i class=x>U+001B</i>[0m"),
            ("Привет 👋", "Привет 👋"),
        ] {
            assert_eq!(escaped(input), expected);
        }
        let mut out = String::new();
        attribute(&mut out, "\" onload=\"x\u{7}");
        assert_eq!(out, "&quot; onload=&quot;x ");
    }

    #[test]
    fn binary_is_dumped_and_bounded() {
        let mut message = b"MSRP a SEND\r\n\r\n".to_vec();
        message.extend([0xff; 100_000]);
        let mut out = String::new();
        wire(&mut out, &message);
        assert!(out.starts_with("MSRP a SEND\n\n<span class=hex>00000f  ff ff"));
        assert!(out.contains("… 99744 bytes more"));
        let mut out = String::new();
        wire(&mut out, &vec![b'x'; 1 << 20]);
        assert!(out.len() < MOST_TEXT + 4096);
    }

    #[test]
    fn names_of_header_fields_are_marked() {
        let mut out = String::new();
        wire(&mut out, b"Call-ID: <1>\r\nplain\r\n");
        assert_eq!(out, "<b>Call-ID:</b> &lt;1&gt;\nplain\n");
    }
}
