//! Media types and content dispositions, with their parameters.

use crate::wire::Text;
use crate::wire::cursor::ByteSet;
use std::borrow::Cow;
use std::str::FromStr;

/// A media type with its parameters (RFC 2045 §5.1).
///
/// What peers write around `/`, `;` and `=` is tolerated, and kept: [`Display`](std::fmt::Display) gives
/// the text as it was received. Two values are equal if their texts are; to ask whether something is
/// plain text, compare the [`essence`](Self::essence).
///
/// ```
/// use cpm::wire::mime::MediaType;
///
/// let plain: MediaType = "Text/Plain ; charset = UTF-8".parse()?;
/// assert_eq!(plain.essence(), "text/plain");
/// assert_eq!(plain.param("charset").as_deref(), Some("UTF-8"));
/// assert!(plain.matches("text/*"));
/// # Ok::<_, cpm::wire::mime::MediaTypeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MediaType {
    text: Text,
    essence: Text,
    params: Parameters,
}

/// Why a text is not a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MediaTypeError {
    /// There is no `/`, or a side of it is empty or not a token.
    #[error("no type/subtype at byte {0}")]
    NotAType(usize),
    /// A control character.
    #[error("control character at byte {0}")]
    Control(usize),
}

impl MediaType {
    /// Reads a media type from a header value.
    ///
    /// # Errors
    ///
    /// The text does not begin with `type/subtype`, or holds control characters.
    pub fn parse(text: &Text) -> Result<Self, MediaTypeError> {
        let (kind, subtype, params) = Self::split(text)?;
        let head = text
            .get(..kind.len() + 1 + subtype.len())
            .unwrap_or_default();
        let head = head.trim();
        let essence = if head
            .bytes()
            .any(|b| b.is_ascii_uppercase() || b.is_ascii_whitespace())
        {
            Text::from(format!("{}/{}", kind.trim(), subtype.trim()).to_ascii_lowercase())
        } else {
            text.slice_ref(head)
        };
        Ok(Self {
            text: text.slice_ref(text.trim()),
            essence,
            params: Parameters(text.slice_ref(params.trim_end())),
        })
    }

    /// Whether the text is one, as [`MediaType::parse`] would say.
    pub(crate) fn check(text: &str) -> Result<(), MediaTypeError> {
        let bytes = text.as_bytes();
        match Self::end_of_essence(bytes, 0).map(|end| bytes.get(end)) {
            Some(None) => Ok(()),
            Some(Some(b';')) => refuse_control(text),
            _ => Self::split(text).map(drop),
        }
    }

    /// Where the `type/subtype` ends that begins at `start`, if it is written without white space, as nearly
    /// all are.
    #[inline]
    pub(crate) fn end_of_essence(bytes: &[u8], start: usize) -> Option<usize> {
        let slash = TOKEN.end_of_run(bytes, start);
        let end = TOKEN.end_of_run(bytes, slash + 1);
        let whole = slash > start && bytes.get(slash) == Some(&b'/') && end > slash + 1;
        whole.then_some(end)
    }

    /// Type, subtype, and what follows them.
    fn split(text: &str) -> Result<(&str, &str, &str), MediaTypeError> {
        refuse_control(text)?;
        let (head, params) = match memchr::memchr(b';', text.as_bytes()) {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let (kind, subtype) = head.split_once('/').ok_or(MediaTypeError::NotAType(0))?;
        if !is_token(kind.trim()) {
            return Err(MediaTypeError::NotAType(0));
        }
        if !is_token(subtype.trim()) {
            return Err(MediaTypeError::NotAType(kind.len() + 1));
        }
        Ok((kind, subtype, params))
    }

    /// A media type of our own. What is no token in `subtype` is left out.
    pub(super) fn assemble(kind: &str, subtype: &str, params: &[(&str, &str)]) -> Self {
        let mut text = format!("{kind}/");
        text.extend(subtype.chars().filter(|char| {
            char.is_ascii() && !char.is_ascii_uppercase() && is_token(char.encode_utf8(&mut [0; 4]))
        }));
        let essence = text.len();
        for (name, value) in params {
            write_param(&mut text, name, value);
        }
        let text = Text::from(text);
        Self {
            essence: text.slice(0..essence),
            params: Parameters(text.slice(essence..text.len())),
            text,
        }
    }

    /// The type and subtype in lower case: `text/plain`.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// The part before the slash, in lower case: `text`.
    pub fn kind(&self) -> &str {
        self.essence.split_once('/').map_or("", |(kind, _)| kind)
    }

    /// The part after the slash, in lower case: `plain`.
    pub fn subtype(&self) -> &str {
        self.essence.split_once('/').map_or("", |(_, sub)| sub)
    }

    /// The value of a parameter, without its quotes. Names are compared without regard to case.
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.params.value(name)
    }

    /// All parameters.
    pub const fn params(&self) -> &Parameters {
        &self.params
    }

    /// Whether this type is in `range`: `*`, `*/*`, `text/*` or a type, as in an SDP `accept-types`
    /// (RFC 4975 §8.6) or a SIP `Accept` (RFC 3261 §20.1). Parameters do not matter.
    pub fn matches(&self, range: &str) -> bool {
        let range = range.split(';').next().unwrap_or_default().trim();
        match range.split_once('/') {
            None => range == "*",
            Some(("*", "*")) => true,
            Some((kind, "*")) => kind.eq_ignore_ascii_case(self.kind()),
            Some(_) => range.eq_ignore_ascii_case(&self.essence),
        }
    }

    /// The same as a value of the `mime` crate; `None` where that crate is stricter than peers are.
    pub fn mime(&self) -> Option<mime::Mime> {
        let mut normal = self.essence.to_string();
        for (name, value) in self.params.iter().filter(|(_, value)| !value.is_empty()) {
            write_param(&mut normal, name, &value);
        }
        normal.parse().ok()
    }

    /// The text as it was received.
    pub fn as_text(&self) -> &Text {
        &self.text
    }

    /// The same in buffers of their own, for state that outlives the message.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self {
            text: self.text.compact(),
            essence: self.essence.compact(),
            params: Parameters(self.params.0.compact()),
        }
    }
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, MediaTypeError> {
        Self::parse(&Text::from(text))
    }
}

impl std::fmt::Display for MediaType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(f)
    }
}

impl From<&mime::Mime> for MediaType {
    fn from(mime: &mime::Mime) -> Self {
        Self {
            text: Text::from(mime.as_ref()),
            essence: Text::from(mime.essence_str()),
            params: Parameters(
                mime.as_ref()
                    .split_once(';')
                    .map_or_else(Text::default, |(_, params)| Text::from(params)),
            ),
        }
    }
}

/// What a part is for: `attachment`, `render`, `notification`, `icon` … (RFC 2183 §2, RFC 3261 §20.11).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContentDisposition {
    text: Text,
    kind: Text,
    params: Parameters,
}

impl ContentDisposition {
    /// Reads a disposition from a header value.
    ///
    /// # Errors
    ///
    /// The text does not begin with a token, or holds control characters.
    pub fn parse(text: &Text) -> Result<Self, MediaTypeError> {
        refuse_control(text)?;
        let (head, params) = match text.find(';') {
            Some(at) => text.split_at(at),
            None => (text.as_str(), ""),
        };
        let head = head.trim();
        if !is_token(head) {
            return Err(MediaTypeError::NotAType(0));
        }
        let kind = if head.bytes().any(|b| b.is_ascii_uppercase()) {
            Text::from(head.to_ascii_lowercase())
        } else {
            text.slice_ref(head)
        };
        Ok(Self {
            text: text.slice_ref(text.trim()),
            kind,
            params: Parameters(text.slice_ref(params.trim_end())),
        })
    }

    /// The disposition itself, in lower case.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The value of a parameter, without its quotes. Names are compared without regard to case.
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.params.value(name)
    }

    /// All parameters.
    pub const fn params(&self) -> &Parameters {
        &self.params
    }
}

impl FromStr for ContentDisposition {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, MediaTypeError> {
        Self::parse(&Text::from(text))
    }
}

impl std::fmt::Display for ContentDisposition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(f)
    }
}

/// The parameters of a media type or disposition, read when they are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Parameters(Text);

impl Parameters {
    /// The value of the first parameter of that name, without its quotes.
    pub fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.iter()
            .find(|(each, _)| each.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Names and values in order. A parameter without `=` has an empty value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let mut rest = self.0.as_str();
        std::iter::from_fn(move || {
            loop {
                rest = rest.trim_start_matches([';', ' ', '\t']);
                if rest.is_empty() {
                    return None;
                }
                let end = rest.find([';', '=']).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                let (value, after) = match after.strip_prefix('=') {
                    Some(after) => take_value(after.trim_start()),
                    None => (Cow::Borrowed(""), after),
                };
                rest = after;
                let name = name.trim();
                if !name.is_empty() {
                    return Some((name, value));
                }
            }
        })
    }
}

/// A parameter value at the start of `text`, and what follows it up to the next `;`.
fn take_value(text: &str) -> (Cow<'_, str>, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        return (Cow::Borrowed(value.trim()), rest);
    };
    let mut escaped = false;
    let mut escapes = false;
    // A quote that is never closed ends with the text.
    let end = quoted
        .bytes()
        .position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            escapes |= escaped;
            closes
        })
        .unwrap_or(quoted.len());
    let (value, rest) = quoted.split_at(end);
    let rest = rest.find(';').map_or("", |at| rest.split_at(at).1);
    if !escapes {
        return (Cow::Borrowed(value), rest);
    }
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => plain.extend(chars.next()),
            other => plain.push(other),
        }
    }
    (Cow::Owned(plain), rest)
}

/// Appends `;name=value`, quoted where it must be.
fn write_param(out: &mut String, name: &str, value: &str) {
    out.push(';');
    out.push_str(name);
    out.push('=');
    if is_token(value) {
        out.push_str(value);
        return;
    }
    out.push('"');
    for char in value.chars().filter(|char| !char.is_control()) {
        if matches!(char, '"' | '\\') {
            out.push('\\');
        }
        out.push(char);
    }
    out.push('"');
}

/// Whether `text` is a token of RFC 2045 §5.1.
/// The `token` of types and subtypes (RFC 2045 §5.1).
const TOKEN: &ByteSet = &ByteSet::alphanumeric_and(b"!#$%&'*+-.^_`{|}~");

fn is_token(text: &str) -> bool {
    TOKEN.covers(text)
}

fn refuse_control(text: &str) -> Result<(), MediaTypeError> {
    let control = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    // Mostly there is none, and to look at all bytes is faster than to stop at one.
    if !text.bytes().fold(false, |any, byte| any | control(byte)) {
        return Ok(());
    }
    let at = text.bytes().position(control).unwrap_or(text.len());
    Err(MediaTypeError::Control(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_peers_write() {
        for (text, essence, charset) in [
            ("text/plain", "text/plain", None),
            ("text/plain;charset=utf-8", "text/plain", Some("utf-8")),
            ("Text/Plain ; charset = UTF-8 ", "text/plain", Some("UTF-8")),
            (
                "text / plain;charset=\"a;b\"; x=1",
                "text/plain",
                Some("a;b"),
            ),
            ("text/plain;;charset=\"a\\\"b\"", "text/plain", Some("a\"b")),
            ("text/plain;charset=\"open", "text/plain", Some("open")),
            (
                "text/plain; x; CHARSET=us-ascii",
                "text/plain",
                Some("us-ascii"),
            ),
            (
                "application/vnd.gsma.rcs-ft-http+xml",
                "application/vnd.gsma.rcs-ft-http+xml",
                None,
            ),
        ] {
            let parsed: MediaType = text.parse().unwrap();
            assert_eq!(parsed.essence(), essence, "{text}");
            assert_eq!(parsed.param("charset").as_deref(), charset, "{text}");
            assert_eq!(parsed.to_string(), text.trim(), "kept as it came");
            // That crate knows no escapes within quotes.
            let mime = parsed.mime();
            assert_eq!(mime.is_none(), text.contains('\\'), "{text}");
            assert!(mime.is_none_or(|mime| mime.essence_str() == essence));
        }
    }

    #[test]
    fn refuses_what_is_no_type() {
        for (text, error) in [
            ("", MediaTypeError::NotAType(0)),
            ("text", MediaTypeError::NotAType(0)),
            ("/plain", MediaTypeError::NotAType(0)),
            ("text/", MediaTypeError::NotAType(5)),
            ("text/a b", MediaTypeError::NotAType(5)),
            ("text/plain\r\nEvil: 1", MediaTypeError::Control(10)),
        ] {
            assert_eq!(text.parse::<MediaType>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_range_takes_what_it_names() {
        let plain: MediaType = "text/plain;charset=utf-8".parse().unwrap();
        for (range, taken) in [
            ("*", true),
            ("*/*", true),
            ("text/*", true),
            ("TEXT/PLAIN", true),
            ("text/plain;max-size=3", true),
            ("text/html", false),
            ("image/*", false),
            ("text", false),
        ] {
            assert_eq!(plain.matches(range), taken, "{range}");
        }
    }

    #[test]
    fn a_disposition_has_a_kind_and_a_file_name() {
        let icon: ContentDisposition = "Attachment; filename=\"a b.jpg\"; size=3".parse().unwrap();
        assert_eq!(icon.kind(), "attachment");
        assert_eq!(icon.param("filename").as_deref(), Some("a b.jpg"));
        assert_eq!(icon.params().iter().count(), 2);
    }

    #[test]
    fn through_the_mime_crate_and_back() {
        let parsed: MediaType = "message/CPIM; q=\"a b\"".parse().unwrap();
        let back = MediaType::from(&parsed.mime().unwrap());
        assert_eq!(back.essence(), "message/cpim");
        assert_eq!(back.param("q").as_deref(), Some("a b"));
    }
}
