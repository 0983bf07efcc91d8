//! Parameters: the `;name=value` lists after URIs, header field values and media types.

use super::Text;
use super::cursor::{
    ByteSet, Cursor, Quoted, Syntax, end_of_plain_quoted, write_line, write_quoted,
};
use std::fmt;
use std::str::FromStr;

/// An ordered list of parameters, `;name` or `;name=value`.
///
/// Names are compared without regard to case. Values are returned without their quotes; that a value was
/// quoted is remembered and written again, because some peers insist on it. A list is checked once and
/// then kept as it came: reading it allocates nothing.
///
/// ```
/// use cpm::wire::params::Params;
///
/// let mut params: Params = ";branch=z9hG4bK74; rport;+sip.instance=\"<urn:uuid:1>\"".parse()?;
/// assert_eq!(params.value("BRANCH"), Some("z9hG4bK74"));
/// assert_eq!(params.value("+sip.instance"), Some("<urn:uuid:1>"));
/// assert!(params.has("rport"));
/// params.set("rport", Some("5060"));
/// assert_eq!(params.to_string(), ";branch=z9hG4bK74;rport=5060;+sip.instance=\"<urn:uuid:1>\"");
/// # Ok::<(), cpm::wire::cursor::Syntax>(())
/// ```
#[derive(Clone, Default)]
pub struct Params {
    /// What was checked, from the first semicolon on.
    text: Text,
    /// Values with escapes. Seldom any, and lists of parameters are everywhere.
    unescaped: Option<Box<Unescaped>>,
}

/// Values with escapes, by their offset in the text of the list, without the escapes.
#[derive(Clone)]
struct Unescaped(Vec<(usize, Text)>);

/// One parameter of [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Param<'a> {
    /// The name as it is written.
    pub name: &'a str,
    /// The value without quotes and escapes, if there is an equals sign.
    pub value: Option<&'a str>,
    /// Whether the value is written in quotes.
    pub quoted: bool,
}

impl PartialEq for Param<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(other.name) && self.value == other.value
    }
}

/// How the list is delimited and what it may hold.
#[derive(Clone, Copy, PartialEq)]
enum Grammar {
    /// Quoted strings and white space are allowed (`generic-param` of RFC 3261 §25.1).
    Header,
    /// Neither is (`uri-parameters`).
    Uri,
    /// Whatever one of the two let pass.
    Checked,
}

impl Grammar {
    /// What names and what values that are not in quotes are made of.
    #[inline]
    const fn sets(self) -> (&'static ByteSet, &'static ByteSet) {
        const HEADER: (&ByteSet, &ByteSet) = (
            &ByteSet::visible_except(b";,=\"<>?"),
            &ByteSet::visible_except(b";,\""),
        );
        const URI: (&ByteSet, &ByteSet) = (
            &ByteSet::visible_except(b";=?\"<>"),
            &ByteSet::visible_except(b";?\"<>"),
        );
        const CHECKED: (&ByteSet, &ByteSet) = (
            &ByteSet::visible_except(b";=\""),
            &ByteSet::visible_except(b";\""),
        );
        match self {
            Self::Header => HEADER,
            Self::Uri => URI,
            Self::Checked => CHECKED,
        }
    }

    /// Moves past a separator.
    #[inline]
    fn separator(self, cursor: &mut Cursor<'_>, byte: u8) -> bool {
        match self {
            Self::Uri => cursor.eat(byte),
            _ => cursor.eat_spaced(byte),
        }
    }
}

/// One parameter where it stands.
struct Raw<'a> {
    name: &'a str,
    value: Option<(usize, Quoted<'a>, bool)>,
}

impl Params {
    /// More parameters in one list are refused: nobody sends so many, and comparing lists is quadratic.
    pub const MAX: usize = 128;

    /// An empty list.
    pub const fn new() -> Self {
        Self {
            text: Text::from_static(""),
            unescaped: None,
        }
    }

    /// Parses a list that fills the text. The first semicolon may be absent.
    ///
    /// # Errors
    ///
    /// It is not a list of parameters, or has more than [`Params::MAX`].
    pub fn parse(text: &Text) -> Result<Self, Syntax> {
        let mut cursor = Cursor::new(text);
        cursor.skip_lws();
        if !cursor.is_end() && cursor.peek() != Some(b';') {
            let shift = cursor.at() + 1;
            let owned = Text::from(format!(";{}", cursor.rest()));
            return Self::parse(&owned).map_err(|e| Syntax {
                at: (e.at + shift).saturating_sub(2),
                ..e
            });
        }
        let params = Self::read(text, &mut cursor)?;
        cursor.end()?;
        Ok(params)
    }

    /// Reads the parameters of a header field value, as long as semicolons follow; `text` is what the
    /// cursor runs over.
    ///
    /// # Errors
    ///
    /// A semicolon is followed by something that is not a parameter.
    pub fn read(text: &Text, cursor: &mut Cursor<'_>) -> Result<Self, Syntax> {
        Ok(ParamsRef::read(cursor)?.own(text))
    }

    /// Reads the parameters of a URI: no white space and no quotes.
    ///
    /// # Errors
    ///
    /// As [`Params::read`].
    pub fn read_uri(text: &Text, cursor: &mut Cursor<'_>) -> Result<Self, Syntax> {
        Ok(ParamsRef::read_uri(cursor)?.own(text))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// The parameters in their order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'_>> {
        let mut cursor = Cursor::new(&self.text);
        std::iter::from_fn(move || {
            let raw = next(&mut cursor, Grammar::Checked).ok()??;
            let value = raw.value.as_ref().map(|(at, value, _)| {
                if value.escaped {
                    self.without_escapes(*at)
                } else {
                    value.raw
                }
            });
            Some(Param {
                name: raw.name,
                value,
                quoted: raw.value.is_some_and(|(_, _, quoted)| quoted),
            })
        })
    }

    fn without_escapes(&self, at: usize) -> &str {
        let mut unescaped = self.unescaped.iter().flat_map(|unescaped| &unescaped.0);
        let found = unescaped.find(|(offset, _)| *offset == at);
        found.map_or("", |(_, value)| value)
    }

    /// The parameter of this name: `None` if absent, `Some(None)` if it has no value.
    pub fn get(&self, name: &str) -> Option<Option<&str>> {
        let found = self.iter().find(|p| p.name.eq_ignore_ascii_case(name))?;
        Some(found.value)
    }

    /// Whether there is a parameter of this name, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value of this name, without quotes and escapes.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.get(name).flatten()
    }

    /// The value of this name as a text that shares the buffer.
    pub fn text(&self, name: &str) -> Option<Text> {
        let value = self.value(name)?;
        let shared = self.unescaped.is_none();
        Some(match shared {
            true => self.text.slice_ref(value),
            false => Text::from(value),
        })
    }

    /// Sets a parameter: in its place if there is one, at the end otherwise. A value that is neither a
    /// token nor a host is written in quotes.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let quoted = value.is_some_and(|v| !BARE.covers(v));
        self.rebuild(name, Some((value, quoted)));
    }

    /// Sets a parameter whose value is always written in quotes, as those of feature tags are
    /// (RFC 3840 §9).
    pub fn set_quoted(&mut self, name: &str, value: &str) {
        self.rebuild(name, Some((Some(value), true)));
    }

    /// The list with a parameter set, for writing lists down.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.set(name, value);
        self
    }

    /// Removes the parameters of this name.
    pub fn remove(&mut self, name: &str) {
        if self.has(name) {
            self.rebuild(name, None);
        }
    }

    fn rebuild(&mut self, name: &str, mut new: Option<(Option<&str>, bool)>) {
        let mut out = String::with_capacity(self.text.len() + name.len() + 32);
        for param in self.iter() {
            if !param.name.eq_ignore_ascii_case(name) {
                param.write(&mut out);
            } else if let Some((value, quoted)) = new.take() {
                Param {
                    name,
                    value,
                    quoted,
                }
                .write(&mut out);
            }
        }
        if let Some((value, quoted)) = new {
            Param {
                name,
                value,
                quoted,
            }
            .write(&mut out);
        }
        // What was just written reads again; anything else would be a name that is no name.
        *self = Self::parse(&Text::from(out)).unwrap_or_else(|_| self.clone());
    }

    /// Writes the list, each parameter with its semicolon.
    pub fn write(&self, out: &mut String) {
        for param in self.iter() {
            param.write(out);
        }
    }

    /// The same list in a buffer of its own.
    #[must_use]
    pub fn compact(&self) -> Self {
        if self.text.is_empty() {
            return Self::new();
        }
        Self {
            text: self.text.compact(),
            unescaped: self.unescaped.clone(),
        }
    }
}

/// A list that was read and is not kept: what [`Params`] are made of, for those who only want to know that
/// it is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParamsRef<'a> {
    /// From the first semicolon on.
    text: &'a str,
    /// Whether a value has escapes.
    escapes: bool,
    /// Whether there is no semicolon before the first.
    bare: bool,
}

impl<'a> ParamsRef<'a> {
    /// No list.
    pub(crate) const NONE: Self = Self {
        text: "",
        escapes: false,
        bare: false,
    };

    /// Reads as [`Params::read`].
    #[inline]
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, Syntax> {
        Self::read_as(cursor, Grammar::Header)
    }

    /// Reads as [`Params::read_uri`].
    #[inline]
    pub(crate) fn read_uri(cursor: &mut Cursor<'a>) -> Result<Self, Syntax> {
        Self::read_as(cursor, Grammar::Uri)
    }

    /// Reads a list whose first parameter has no semicolon before it, and must be there.
    pub(crate) fn read_first(cursor: &mut Cursor<'a>) -> Result<Self, Syntax> {
        let start = cursor.at();
        let first = one(cursor, Grammar::Header)?;
        let rest = Self::read(cursor)?;
        Ok(Self {
            text: cursor.since(start),
            escapes: rest.escapes || first.value.is_some_and(|(_, value, _)| value.escaped),
            bare: true,
        })
    }

    #[inline(always)]
    fn read_as(cursor: &mut Cursor<'a>, grammar: Grammar) -> Result<Self, Syntax> {
        // Mostly there are none, or those that are plain are all.
        let more = |cursor: &Cursor<'_>| cursor.peek().is_some_and(|b| b == b';' || b <= b' ');
        if !more(cursor) {
            return Ok(Self::NONE);
        }
        let start = cursor.at();
        let plain = skip_plain(cursor, grammar);
        let escapes = match more(cursor) {
            true => read_rest(cursor, grammar, plain)?,
            false => false,
        };
        Ok(Self {
            text: cursor.since(start),
            escapes,
            bare: false,
        })
    }

    /// The list, sharing the buffer of `text`, out of which it was read.
    pub(crate) fn own(self, text: &Text) -> Params {
        if self.text.is_empty() {
            return Params::new();
        }
        if self.bare {
            let list = Text::from(format!(";{}", self.text));
            return Params::parse(&list).unwrap_or_default();
        }
        let mut unescaped = Vec::new();
        if self.escapes {
            let mut cursor = Cursor::new(self.text);
            while let Ok(Some(raw)) = next(&mut cursor, Grammar::Checked) {
                if let Some((at, value, _)) = raw.value
                    && value.escaped
                {
                    unescaped.push((at, Text::from(value.value().into_owned())));
                }
            }
        }
        Params {
            text: text.slice_ref(self.text),
            unescaped: (!unescaped.is_empty()).then(|| Box::new(Unescaped(unescaped))),
        }
    }
}

/// What needs no quotes: a token or a host (`gen-value` of RFC 3261 §25.1).
const BARE: ByteSet = ByteSet::TOKEN.and(b"[]:");

impl Param<'_> {
    /// Writes `;name=value`, quoted where it was or has to be.
    pub fn write(&self, out: &mut String) {
        out.push(';');
        write_line(self.name, out);
        if let Some(value) = self.value {
            out.push('=');
            if self.quoted || !BARE.covers(value) {
                write_quoted(value, out);
            } else {
                out.push_str(value);
            }
        }
    }
}

/// Reads on where the parameters are not plain, of which there were `count`; answers whether a value has escapes.
#[inline(never)]
fn read_rest(cursor: &mut Cursor<'_>, grammar: Grammar, mut count: usize) -> Result<bool, Syntax> {
    let mut escapes = false;
    while let Some(raw) = next(cursor, grammar)? {
        count += 1;
        if count > Params::MAX {
            return Err(cursor.error("fewer parameters"));
        }
        escapes |= raw.value.is_some_and(|(_, value, _)| value.escaped);
    }
    Ok(escapes)
}

/// Moves past the parameters that are spelled as nearly all are, `;name`, `;name=value` and
/// `;name="value"` without white space and escapes, and answers how many they are. It stops before the first
/// that has to be looked at more closely.
fn skip_plain(cursor: &mut Cursor<'_>, grammar: Grammar) -> usize {
    let (names, values) = grammar.sets();
    let bytes = cursor.bytes();
    let (mut at, mut count) = (cursor.at(), 0);
    while count < Params::MAX && bytes.get(at) == Some(&b';') {
        let name = at + 1;
        let mut end = names.end_of_run(bytes, name);
        if end == name {
            break;
        }
        match bytes.get(end) {
            Some(b'=') => {
                let value = end + 1;
                end = match bytes.get(value) {
                    Some(b'"') if grammar != Grammar::Uri => {
                        let close = end_of_plain_quoted(bytes, value + 1);
                        match bytes.get(close) {
                            Some(b'"') => close + 1,
                            _ => break,
                        }
                    }
                    _ => values.end_of_run(bytes, value),
                };
                if end == value {
                    break;
                }
            }
            // An equals sign may follow the space.
            Some(..=b' ') if grammar != Grammar::Uri => break,
            _ => {}
        }
        (at, count) = (end, count + 1);
    }
    cursor.skip(at - cursor.at());
    count
}

/// The next parameter. Empty ones (`;;`) are stepped over.
#[inline]
fn next<'a>(cursor: &mut Cursor<'a>, grammar: Grammar) -> Result<Option<Raw<'a>>, Syntax> {
    if !grammar.separator(cursor, b';') {
        return Ok(None);
    }
    while grammar.separator(cursor, b';') {}
    if cursor.is_end() {
        return Ok(None);
    }
    one(cursor, grammar).map(Some)
}

/// The parameter that begins here.
#[inline]
fn one<'a>(cursor: &mut Cursor<'a>, grammar: Grammar) -> Result<Raw<'a>, Syntax> {
    let (names, values) = grammar.sets();
    let name = cursor.take_while(names);
    if name.is_empty() {
        return Err(cursor.error("a parameter"));
    }
    if !grammar.separator(cursor, b'=') {
        return Ok(Raw { name, value: None });
    }
    let at = cursor.at();
    let quoted = match grammar {
        Grammar::Uri => None,
        _ => cursor.quoted()?,
    };
    let is_quoted = quoted.is_some();
    let value = quoted.unwrap_or_else(|| Quoted {
        raw: cursor.take_while(values),
        escaped: false,
    });
    Ok(Raw {
        name,
        value: Some((at, value, is_quoted)),
    })
}

impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Params {}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.pad(&out)
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Params {
    type Err = Syntax;

    fn from_str(text: &str) -> Result<Self, Syntax> {
        Self::parse(&Text::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parameters_are_read_as_they_come_and_written_as_they_should() {
        for (read, items, written) in [
            ("", vec![], ""),
            (";lr", vec![("lr", None)], ";lr"),
            ("a=b;c", vec![("a", Some("b")), ("c", None)], ";a=b;c"),
            (
                " ;  tag  =\r\n 1918181833n ; ;x ; ",
                vec![("tag", Some("1918181833n")), ("x", None)],
                ";tag=1918181833n;x",
            ),
            (
                r#";a="b;c,\"d\"";e="""#,
                vec![("a", Some(r#"b;c,"d""#)), ("e", Some(""))],
                r#";a="b;c,\"d\"";e="""#,
            ),
            (";a=", vec![("a", Some(""))], ";a=\"\""),
            (
                ";received=2001:db8::9:255;q=0.5",
                vec![("received", Some("2001:db8::9:255")), ("q", Some("0.5"))],
                ";received=2001:db8::9:255;q=0.5",
            ),
            (
                ";branch=z9hG4bK==;+sip.instance=<urn:uuid:1>",
                vec![
                    ("branch", Some("z9hG4bK==")),
                    ("+sip.instance", Some("<urn:uuid:1>")),
                ],
                ";branch=\"z9hG4bK==\";+sip.instance=\"<urn:uuid:1>\"",
            ),
            (
                ";fromParam''~+*_!.-%=\"работающий\"",
                vec![("fromParam''~+*_!.-%", Some("работающий"))],
                ";fromParam''~+*_!.-%=\"работающий\"",
            ),
        ] {
            let params: Params = read.parse().unwrap();
            let found: Vec<_> = params.iter().map(|p| (p.name, p.value)).collect();
            assert_eq!(found, items, "{read:?}");
            assert_eq!(params.to_string(), written, "{read:?}");
            assert_eq!(written.parse::<Params>().unwrap(), params);
            assert_eq!(params.len(), items.len());
        }
    }

    #[test]
    fn what_is_no_list_says_where() {
        for (text, at) in [
            (";=b", 1),
            (";a b", 3),
            (";a=\"b", 3),
            (";a=b,c", 4),
            (";a=b\r\nX", 4),
            ("a=\"b", 2),
            ("a b", 2),
        ] {
            let error = text.parse::<Params>().unwrap_err();
            assert_eq!(error.at, at, "{text:?}: {error}");
        }
        assert!(";a".repeat(Params::MAX).parse::<Params>().is_ok());
        assert!(";a".repeat(Params::MAX + 1).parse::<Params>().is_err());
    }

    #[test]
    fn setting_keeps_the_place_and_the_quotes_of_the_others() {
        let mut params: Params = ";a=\"1\";b;c=\"x\\\"y\"".parse().unwrap();
        params.set("B", Some("two"));
        params.set("d", Some("not a token"));
        params.set_quoted("+g.3gpp.icsi-ref", "urn%3Aurn-7");
        assert_eq!(
            params.to_string(),
            ";a=\"1\";B=two;c=\"x\\\"y\";d=\"not a token\";+g.3gpp.icsi-ref=\"urn%3Aurn-7\""
        );
        params.remove("A");
        params.remove("b");
        assert_eq!(params.value("c"), Some("x\"y"));
        assert_eq!(params.text("c").unwrap(), "x\"y");
        params.set("c", None);
        assert_eq!(params.get("c"), Some(None));
        assert_eq!(params.get("a"), None);
    }

    #[test]
    fn no_name_and_no_value_adds_a_line() {
        let mut params = Params::new().with("a", Some("b"));
        params.set("x\r\nVia", Some("y"));
        params.set("a", Some("b\r\nX: y"));
        assert_eq!(params.to_string(), ";a=\"b  X: y\"");
    }

    /// The list read one by one, as it was before the plain ones were walked over.
    fn one_by_one(text: &str, grammar: Grammar) -> Result<(usize, bool), Syntax> {
        let mut cursor = Cursor::new(text);
        let (mut count, mut escapes) = (0, false);
        while let Some(raw) = next(&mut cursor, grammar)? {
            count += 1;
            if count > Params::MAX {
                return Err(cursor.error("fewer parameters"));
            }
            escapes |= raw.value.is_some_and(|(_, value, _)| value.escaped);
        }
        Ok((cursor.at(), escapes))
    }

    proptest! {
        #[test]
        fn plain_parameters_are_walked_over_as_if_read_one_by_one(text in "(;[a=\";,? \t<>\\\\é\r\n:]{0,6}){0,6}|(;[ab=]{1,3}){120,135}") {
            for grammar in [Grammar::Header, Grammar::Uri] {
                let mut cursor = Cursor::new(&text);
                let walked = ParamsRef::read_as(&mut cursor, grammar);
                let walked = walked.map(|list| (cursor.at(), list.escapes));
                prop_assert_eq!(walked, one_by_one(&text, grammar));
            }
        }

        #[test]
        fn what_is_set_is_read_again(
            items in proptest::collection::btree_map("[a-z.+-]{1,8}", proptest::option::of("[^\r\n\0]{0,12}"), 0..6)
        ) {
            let mut params = Params::new();
            for (name, value) in &items {
                params.set(name, value.as_deref());
            }
            let again: Params = params.to_string().parse().unwrap();
            prop_assert_eq!(&again, &params);
            for (name, value) in &items {
                prop_assert_eq!(again.get(name), Some(value.as_deref()));
            }
        }

        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_is_stable(text in "\\PC{0,40}") {
            if let Ok(params) = text.parse::<Params>() {
                let again: Params = params.to_string().parse().unwrap();
                prop_assert_eq!(again, params);
            }
        }
    }
}
