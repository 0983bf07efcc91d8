//! A position in text: tokens, quoted strings and white space of the text protocols.

use std::borrow::Cow;

/// What was expected where: the error of every hand-written parser of the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {at}")]
pub struct Syntax {
    /// Offset in bytes from the beginning of what was parsed.
    pub at: usize,
    /// What the grammar wants there.
    pub expected: &'static str,
}

impl Syntax {
    /// The same error in a text in which the parsed one begins at `start`.
    #[must_use]
    pub const fn shifted(self, start: usize) -> Self {
        Self {
            at: self.at.saturating_add(start),
            expected: self.expected,
        }
    }
}

/// A set of bytes, as the character classes of a grammar are. A lookup is one load.
#[derive(Clone, Debug)]
pub struct ByteSet([bool; 256]);

impl ByteSet {
    /// `token` of RFC 3261 §25.1.
    pub const TOKEN: Self = Self::alphanumeric_and(b"-.!%*_+`'~");
    /// `unreserved` of RFC 3261 §25.1.
    pub const UNRESERVED: Self = Self::alphanumeric_and(b"-_.!~*'()");
    /// Digits.
    pub const DIGIT: Self = Self::of(b"0123456789");
    /// What can stand in a host name. The underscore is against the grammar and for the field.
    pub const HOST: Self = Self::alphanumeric_and(b"-._");

    /// Exactly these bytes.
    pub const fn of(bytes: &[u8]) -> Self {
        Self([false; 256]).and(bytes)
    }

    /// ASCII letters and digits, and these bytes.
    pub const fn alphanumeric_and(bytes: &[u8]) -> Self {
        Self::of(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789").and(bytes)
    }

    /// Everything visible, UTF-8 beyond ASCII too, except these bytes.
    pub const fn visible_except(bytes: &[u8]) -> Self {
        let mut set = Self::all_except(bytes).0;
        let mut i = 0;
        while i <= 0x20 {
            set[i] = false;
            i += 1;
        }
        set[0x7f] = false;
        Self(set)
    }

    /// Everything except these bytes.
    const fn all_except(bytes: &[u8]) -> Self {
        let mut set = [true; 256];
        let mut i = 0;
        while i < bytes.len() {
            set[bytes[i] as usize] = false;
            i += 1;
        }
        Self(set)
    }

    /// This set and these bytes.
    #[must_use]
    pub const fn and(mut self, bytes: &[u8]) -> Self {
        let mut i = 0;
        while i < bytes.len() {
            self.0[bytes[i] as usize] = true;
            i += 1;
        }
        self
    }

    /// Whether the byte is in the set.
    #[inline]
    pub const fn contains(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }

    /// Where the run of bytes of the set ends that begins at `start`: made for the short runs that names and
    /// values are.
    #[inline(always)]
    pub(crate) fn end_of_run(&self, bytes: &[u8], start: usize) -> usize {
        let mut rest = bytes.get(start..).unwrap_or_default();
        let mut at = start;
        // Four at a time: most of the cost of a byte is to see whether it is the last one.
        while let [a, b, c, d, after @ ..] = rest {
            if !self.contains(*a) {
                return at;
            }
            if !self.contains(*b) {
                return at + 1;
            }
            if !self.contains(*c) {
                return at + 2;
            }
            if !self.contains(*d) {
                return at + 3;
            }
            (rest, at) = (after, at + 4);
        }
        let length = rest.iter().position(|byte| !self.contains(*byte));
        at + length.unwrap_or(rest.len())
    }

    /// Whether the text is not empty and made of nothing else.
    pub fn covers(&self, text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|b| self.contains(b))
    }
}

/// A quoted string as it stands in the text, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a> {
    /// What stands between the quotes, escapes and folds included.
    pub raw: &'a str,
    /// Whether the value differs from what stands there.
    pub escaped: bool,
}

impl<'a> Quoted<'a> {
    /// The value: `\x` is x, and a folded line continues after one space.
    pub fn value(&self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut value = String::with_capacity(self.raw.len());
        let mut cursor = Cursor::new(self.raw);
        while let Some(c) = cursor.next_char() {
            match c {
                '\\' => value.extend(cursor.next_char()),
                '\r' | '\n' => {
                    cursor.take_while(&WHITE);
                    value.truncate(value.trim_end_matches([' ', '\t']).len());
                    value.push(' ');
                }
                _ => value.push(c),
            }
        }
        Cow::Owned(value)
    }
}

const WHITE: ByteSet = ByteSet::of(b" \t\r\n");
const BLANK: ByteSet = ByteSet::of(b" \t");

/// A position in text that only moves forward.
///
/// Every method either moves past what it returns, or fails and says where. Nothing here can panic on
/// what a peer wrote, and nothing is copied.
///
/// ```
/// use cpm::wire::cursor::Cursor;
///
/// let mut cursor = Cursor::new("4711 \r\n INVITE");
/// assert_eq!(cursor.number::<u32>(), Ok(4711));
/// cursor.skip_lws();
/// assert_eq!(cursor.token(), Ok("INVITE"));
/// assert_eq!(cursor.end(), Ok(()));
/// ```
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the beginning of the text.
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// A cursor within the text. Beyond its end is at its end.
    pub fn starting_at(text: &'a str, at: usize) -> Self {
        let at = at.min(text.len());
        Self { text, at }
    }

    /// The position: bytes from the beginning of the text.
    #[inline]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// What the cursor runs over.
    #[inline]
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The text from `start` up to here.
    #[inline]
    pub fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The next byte, without moving.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Whether everything has been read.
    pub const fn is_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// An error at this position.
    pub const fn error(&self, expected: &'static str) -> Syntax {
        Syntax {
            at: self.at,
            expected,
        }
    }

    /// The next character.
    pub fn next_char(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Moves past the byte if it is the next one.
    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        debug_assert!(byte.is_ascii());
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Moves past the text if it comes next, in this very spelling.
    #[inline]
    pub fn eat_text(&mut self, text: &str) -> bool {
        let found = (self.text.as_bytes().get(self.at..))
            .is_some_and(|rest| rest.starts_with(text.as_bytes()));
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// Moves on by so many bytes, at most to the end. They must be whole characters.
    #[inline]
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.text.len());
    }

    /// Moves past the ASCII text if it comes next, in whatever case.
    pub fn eat_ignore_case(&mut self, text: &str) -> bool {
        let found = self
            .rest()
            .get(..text.len())
            .is_some_and(|next| next.eq_ignore_ascii_case(text));
        if found {
            self.at += text.len();
        }
        found
    }

    /// Moves past the byte and the white space around it, if that comes next.
    #[inline(always)]
    pub fn eat_spaced(&mut self, byte: u8) -> bool {
        let start = self.at;
        self.skip_lws();
        let found = self.eat(byte);
        if found {
            self.skip_lws();
        } else {
            self.at = start;
        }
        found
    }

    /// The longest run of bytes of the set, which may be empty.
    #[inline]
    pub fn take_while(&mut self, set: &ByteSet) -> &'a str {
        let start = self.at;
        self.at = set.end_of_run(self.text.as_bytes(), start);
        self.since(start)
    }

    /// Everything up to the next white space or control character of ASCII, which may be nothing.
    pub(crate) fn take_visible(&mut self) -> &'a str {
        const VISIBLE: &ByteSet = &ByteSet::visible_except(b"");
        let start = self.at;
        // Mostly it is the whole rest, which is seen faster than where it ends.
        self.at = match is_visible(self.rest()) {
            true => self.text.len(),
            false => VISIBLE.end_of_run(self.text.as_bytes(), start),
        };
        self.since(start)
    }

    /// A run of at least one byte of the set.
    ///
    /// # Errors
    ///
    /// The next byte is not of the set; `expected` names what was wanted.
    #[inline]
    pub fn take(&mut self, set: &ByteSet, expected: &'static str) -> Result<&'a str, Syntax> {
        let run = self.take_while(set);
        if run.is_empty() {
            return Err(self.error(expected));
        }
        Ok(run)
    }

    /// Moves past white space: blanks, tabs, and line ends that continue in the next line
    /// (`LWS` of RFC 3261 §25.1).
    #[inline(always)]
    pub fn skip_lws(&mut self) {
        // Mostly there is none.
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.skip_some_lws();
        }
    }

    #[inline(never)]
    fn skip_some_lws(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'\r' | b'\n' => {
                    let mut ahead = self.clone();
                    ahead.eat(b'\r');
                    if ahead.eat(b'\n') && ahead.peek().is_some_and(|b| BLANK.contains(b)) {
                        self.at = ahead.at;
                    } else {
                        return;
                    }
                }
                _ => return,
            }
        }
    }

    /// A token.
    ///
    /// # Errors
    ///
    /// The next byte cannot begin one.
    #[inline]
    pub fn token(&mut self) -> Result<&'a str, Syntax> {
        const TOKEN: &ByteSet = &ByteSet::TOKEN;
        let token = self.take_while(TOKEN);
        match token.is_empty() {
            true => Err(self.error("a token")),
            false => Ok(token),
        }
    }

    /// A decimal number.
    ///
    /// # Errors
    ///
    /// There is none, or it does not fit into `T`; both at its first byte.
    pub fn number<T: TryFrom<u64>>(&mut self) -> Result<T, Syntax> {
        let start = self.at;
        let mut number = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = (number.wrapping_mul(10)).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        let number = match self.at - start {
            ..=18 => Some(number),
            // It may not have fitted.
            _ => self.since(start).parse().ok(),
        };
        let expected = match number.and_then(|number| T::try_from(number).ok()) {
            _ if self.at == start => "a number",
            Some(number) => return Ok(number),
            None => "a number in range",
        };
        Err(Syntax {
            at: start,
            expected,
        })
    }

    /// A quoted string, if the next byte is a quote.
    ///
    /// # Errors
    ///
    /// The quote is not closed; at the quote that opens.
    #[inline]
    pub fn quoted(&mut self) -> Result<Option<Quoted<'a>>, Syntax> {
        match self.peek() {
            Some(b'"') => self.quoted_here().map(Some),
            _ => Ok(None),
        }
    }

    fn quoted_here(&mut self) -> Result<Quoted<'a>, Syntax> {
        let start = self.at;
        let end = end_of_plain_quoted(self.text.as_bytes(), start + 1);
        if self.text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            let raw = self.text.get(start + 1..end).unwrap_or_default();
            return Ok(Quoted {
                raw,
                escaped: false,
            });
        }
        let rest = self.text.get(start + 1..).unwrap_or_default();
        let (mut at, mut escaped) = (0, false);
        loop {
            match memchr::memchr2(b'"', b'\\', rest.as_bytes().get(at..).unwrap_or_default()) {
                Some(found) if rest.as_bytes().get(at + found) == Some(&b'"') => {
                    let raw = rest.get(..at + found).unwrap_or_default();
                    self.at = start + 1 + raw.len() + 1;
                    escaped = escaped || memchr::memchr2(b'\r', b'\n', raw.as_bytes()).is_some();
                    return Ok(Quoted { raw, escaped });
                }
                // What is escaped may be more than one byte long, but then none of them is a quote.
                Some(found) => (at, escaped) = (at + found + 2, true),
                None => return Err(self.error("a closing quote")),
            }
        }
    }

    /// A comment in parentheses, if one comes next, without them; comments may be nested.
    ///
    /// # Errors
    ///
    /// It is not closed; at the parenthesis that opens.
    pub fn comment(&mut self) -> Result<Option<&'a str>, Syntax> {
        let start = self.at;
        if !self.eat(b'(') {
            return Ok(None);
        }
        let mut depth = 1usize;
        while let Some(c) = self.next_char() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\\' => drop(self.next_char()),
                _ => {}
            }
            if depth == 0 {
                let inner = self.text.get(start + 1..self.at - 1);
                return Ok(Some(inner.unwrap_or_default()));
            }
        }
        self.at = start;
        Err(self.error("a closing parenthesis"))
    }

    /// Moves past the byte.
    ///
    /// # Errors
    ///
    /// Something else comes next; `expected` names what was wanted.
    #[inline]
    pub fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Syntax> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(self.error(expected))
        }
    }

    /// Nothing but white space follows.
    ///
    /// # Errors
    ///
    /// Something does.
    #[inline]
    pub fn end(&mut self) -> Result<(), Syntax> {
        self.skip_lws();
        if self.is_end() {
            Ok(())
        } else {
            Err(self.error("the end"))
        }
    }
}

/// Where the first byte is, from `at` on, that needs a second look in a quoted string: a quote, an escape or a line
/// end.
#[inline]
pub(crate) fn end_of_plain_quoted(bytes: &[u8], mut at: usize) -> usize {
    const PLAIN: &ByteSet = &ByteSet::all_except(b"\"\\\r\n");
    let odd = |byte: u8| (byte == b'"') | (byte == b'\\') | (byte == b'\r') | (byte == b'\n');
    // What is in quotes is long: sixteen bytes at once while there is none.
    let has_odd = |chunk: &[u8; 16]| chunk.iter().fold(false, |any, byte| any | odd(*byte));
    let (chunks, _) = bytes.get(at..).unwrap_or_default().as_chunks();
    at += 16 * chunks.iter().take_while(|chunk| !has_odd(chunk)).count();
    PLAIN.end_of_run(bytes, at)
}

/// Whether there is neither white space nor a control character of ASCII in the text. All of it is looked at
/// in any case, which the compiler does many bytes at a time.
#[inline]
pub(crate) fn is_visible(text: &str) -> bool {
    let hidden = |byte: u8| byte <= b' ' || byte == 0x7f;
    !text.bytes().fold(false, |any, byte| any | hidden(byte))
}

/// Writes text in quotes. CR, LF and NUL become spaces: no value can end its line.
pub fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    // Nearly all goes out as it is.
    if !text
        .bytes()
        .any(|byte| matches!(byte, b'\r' | b'\n' | b'\0' | b'"' | b'\\'))
    {
        out.push_str(text);
        out.push('"');
        return;
    }
    for c in text.chars() {
        match c {
            '\r' | '\n' | '\0' => out.push(' '),
            '"' | '\\' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Writes text as it is, except that CR, LF and NUL become spaces: no value can end its line.
pub fn write_line(text: &str, out: &mut String) {
    let start = out.len();
    out.push_str(text);
    if memchr::memchr3(b'\r', b'\n', 0, text.as_bytes()).is_some() {
        out.truncate(start);
        out.extend(text.chars().map(|c| match c {
            '\r' | '\n' | '\0' => ' ',
            _ => c,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_ends_where_a_line_does_not_continue() {
        for (text, rest) in [
            ("  x", "x"),
            (" \t\r\n x", "x"),
            ("\r\n\tx", "x"),
            ("\n x", "x"),
            ("\r\nx", "\r\nx"),
            ("\rx", "\rx"),
            (" \r", "\r"),
            ("", ""),
        ] {
            let mut cursor = Cursor::new(text);
            cursor.skip_lws();
            assert_eq!(cursor.rest(), rest, "{text:?}");
        }
    }

    #[test]
    fn quoted_strings_are_read_and_written() {
        for (written, value) in [
            (r#""""#, ""),
            (r#""Bob""#, "Bob"),
            (r#""J Rosenberg \\\"""#, r#"J Rosenberg \""#),
            (r#""работающий \" λ""#, "работающий \" λ"),
        ] {
            let mut cursor = Cursor::new(written);
            let quoted = cursor.quoted().unwrap().unwrap();
            assert_eq!(quoted.value(), value);
            assert!(cursor.is_end());
            let mut out = String::new();
            write_quoted(value, &mut out);
            assert_eq!(out, written);
        }
        let folded = Cursor::new("\"a \r\n\t b\"").quoted().unwrap().unwrap();
        assert_eq!(folded.value(), "a b");
        assert_eq!(Cursor::new("x").quoted(), Ok(None));
    }

    #[test]
    fn an_open_quote_is_an_error_where_it_opens() {
        for text in [r#"""#, r#""a"#, r#""a\""#, r#""a\"#, "\"é\\"] {
            let mut cursor = Cursor::new(text);
            assert_eq!(cursor.quoted().unwrap_err().at, 0, "{text}");
        }
    }

    #[test]
    fn a_number_out_of_range_is_an_error_and_not_a_wrong_number() {
        assert_eq!(Cursor::new("4294967295").number(), Ok(u32::MAX));
        assert_eq!(Cursor::new("0068;").number(), Ok(68u8));
        let error = Cursor::new("4294967296").number::<u32>().unwrap_err();
        assert_eq!(error.expected, "a number in range");
        assert!(Cursor::new("-1").number::<u32>().is_err());
    }

    #[test]
    fn a_run_ends_at_the_first_stranger_wherever_it_is() {
        for length in 0..50 {
            let mut text = vec![b'a'; length];
            for start in 0..=length {
                assert_eq!(ByteSet::HOST.end_of_run(&text, start), length);
                for at in start..length {
                    text[at] = b' ';
                    assert_eq!(ByteSet::HOST.end_of_run(&text, start), at);
                    text[at] = b'a';
                }
            }
        }
    }

    #[test]
    fn nothing_written_ends_its_line() {
        let mut out = String::new();
        write_line("a\r\nX: y\0", &mut out);
        write_quoted("a\r\nX", &mut out);
        assert_eq!(out, "a  X: y \"a  X\"");
    }
}
