//! Reading documents, piece by piece.

use super::is_char;
use crate::engine::Limits;
use memchr::{memchr, memchr2, memmem};
use quick_xml::escape::unescape;
use std::borrow::Cow;

/// Why a text is not an XML document that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Larger than `Limits` allow.
    #[error("an XML document of more than {0} bytes")]
    TooLarge(usize),
    /// Elements nested deeper than `Limits` allow.
    #[error("XML nested deeper than allowed at byte {0}")]
    TooDeep(usize),
    /// An element with more attributes, or a document with more namespaces, than `Limits` allow.
    #[error("too many XML attributes at byte {0}")]
    TooManyAttributes(usize),
    /// A document type declaration. Nothing that uses one is a body that we know.
    #[error("XML document type declaration at byte {0}")]
    Dtd(usize),
    /// A reference to anything but a character or one of the five predefined entities.
    #[error("unknown XML entity at byte {0}")]
    Entity(usize),
    /// Not well-formed.
    #[error("XML not well-formed at byte {0}")]
    Malformed(usize),
}

/// A pull reader for small documents.
///
/// ```
/// use cpm::engine::Limits;
/// use cpm::wire::xml::Reader;
///
/// let mut reader = Reader::new("<a><b>one &amp; two</b><c/></a>", &Limits::default())?;
/// assert_eq!(reader.child()?.unwrap().name, "a");
/// assert_eq!(reader.child()?.unwrap().name, "b");
/// assert_eq!(reader.text()?, "one & two");
/// assert_eq!(reader.child()?.unwrap().name, "c");
/// # Ok::<_, cpm::wire::xml::Error>(())
/// ```
pub struct Reader<'a> {
    document: &'a str,
    at: usize,
    /// The elements that are open, by their names as they were written.
    open: Vec<&'a str>,
    max_depth: usize,
    max_attributes: usize,
    /// Declared prefixes (empty for the default), with the depth of the element that declares them.
    scopes: Vec<(usize, &'a str, Cow<'a, str>)>,
    /// Whether the element that was started last has ended with its start.
    empty: bool,
    done: bool,
}

/// What a [`Reader`] meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// The start of an element.
    Start(Element<'a>),
    /// Text, with references resolved; possibly in several pieces.
    Text(Cow<'a, str>),
    /// The end of the innermost element that is open.
    End,
}

/// The start of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The name without its prefix.
    pub name: &'a str,
    /// The namespace; empty if it has none, or a prefix that was not declared.
    pub namespace: Cow<'a, str>,
    /// Attributes: names without prefix, values with references resolved. Declarations of namespaces are
    /// not among them.
    pub attributes: Vec<(&'a str, Cow<'a, str>)>,
}

impl Element<'_> {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(each, _)| *each == name)
            .map(|(_, value)| &**value)
    }
}

impl<'a> Reader<'a> {
    /// A reader at the start of a document.
    ///
    /// # Errors
    ///
    /// The document is too large.
    pub fn new(document: &'a str, limits: &Limits) -> Result<Self, Error> {
        if document.len() > limits.xml_size {
            return Err(Error::TooLarge(limits.xml_size));
        }
        Ok(Self {
            document: document.strip_prefix('\u{feff}').unwrap_or(document),
            at: 0,
            open: Vec::new(),
            max_depth: limits.xml_depth,
            max_attributes: limits.xml_attributes,
            scopes: Vec::new(),
            empty: false,
            done: false,
        })
    }

    /// The next item; `None` after the end of the document element.
    ///
    /// # Errors
    ///
    /// The document is not well-formed or exceeds a limit.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator of results would be asked for more after an error"
    )]
    pub fn next(&mut self) -> Result<Option<Item<'a>>, Error> {
        if std::mem::take(&mut self.empty) {
            return Ok(Some(self.close()));
        }
        while !self.done {
            let at = self.at;
            let rest = self.rest();
            let within = !self.open.is_empty();
            match rest.as_bytes() {
                [b'<', b'/', ..] => return self.end(rest).map(Some),
                [b'<', b'?', ..] => {
                    self.up_to(rest, "?>")?;
                }
                [b'<', b'!', ..] => {
                    if let Some(text) = self.declaration(rest)? {
                        return Ok(Some(Item::Text(text)));
                    }
                }
                [b'<', ..] => return self.start(rest).map(|start| Some(Item::Start(start))),
                [b'&', ..] if within => {
                    // Well-formed or not, nothing that long is a reference that we know.
                    let name = rest.get(1..).unwrap_or_default();
                    let end = memchr2(b';', b'<', name.as_bytes());
                    let (name, after) = end.map_or((name, ""), |end| name.split_at(end));
                    if !after.starts_with(';') {
                        return Err(Error::Malformed(at));
                    }
                    let char = resolve(name).ok_or(Error::Entity(at))?;
                    self.at = at + name.len() + 2;
                    return Ok(Some(Item::Text(Cow::Owned(char.to_string()))));
                }
                [] => return Err(Error::Malformed(at)),
                bytes => {
                    let end = memchr2(b'<', b'&', bytes).unwrap_or(bytes.len());
                    let text = rest.get(..end).unwrap_or_default();
                    self.at = at + end;
                    if within {
                        return Ok(Some(Item::Text(clean(text))));
                    }
                    if end == 0 || !text.trim().is_empty() {
                        return Err(Error::Malformed(at));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The text of the innermost element that is open, up to its end, without that of its children.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn text(&mut self) -> Result<Cow<'a, str>, Error> {
        let mut whole = Cow::Borrowed("");
        loop {
            match self.next()? {
                Some(Item::Text(piece)) if whole.is_empty() => whole = piece,
                Some(Item::Text(piece)) => whole.to_mut().push_str(&piece),
                Some(Item::Start(_)) => self.skip()?,
                Some(Item::End) | None => return Ok(whole),
            }
        }
    }

    /// Skips the rest of the innermost element that is open.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn skip(&mut self) -> Result<(), Error> {
        let outside = self.open.len().saturating_sub(1);
        while self.open.len() > outside && self.next()?.is_some() {}
        Ok(())
    }

    /// The start of the next child of the element that is open; `None` at its end. Before the document
    /// element, that is the child.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn child(&mut self) -> Result<Option<Element<'a>>, Error> {
        loop {
            match self.next()? {
                Some(Item::Start(element)) => return Ok(Some(element)),
                Some(Item::Text(_)) => {}
                Some(Item::End) | None => return Ok(None),
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.document.get(self.at..).unwrap_or_default()
    }

    /// Passes what ends in `mark`, and gives what stood before that.
    fn up_to(&mut self, rest: &'a str, mark: &str) -> Result<&'a str, Error> {
        let end = memmem::find(rest.as_bytes(), mark.as_bytes());
        let end = end.ok_or(Error::Malformed(self.at))?;
        self.at += end + mark.len();
        Ok(rest.get(..end).unwrap_or_default())
    }

    /// A comment, or text of which nothing is resolved. Anything else of that kind is of a document type.
    fn declaration(&mut self, rest: &'a str) -> Result<Option<Cow<'a, str>>, Error> {
        const OPEN: (&str, &str) = ("<!--", "<![CDATA[");
        let at = self.at;
        if let Some(comment) = rest.strip_prefix(OPEN.0) {
            self.at += OPEN.0.len();
            self.up_to(comment, "-->")
                .map_err(|_| Error::Malformed(at))?;
            return Ok(None);
        }
        if let (Some(text), false) = (rest.strip_prefix(OPEN.1), self.open.is_empty()) {
            self.at += OPEN.1.len();
            let text = self.up_to(text, "]]>").map_err(|_| Error::Malformed(at))?;
            return Ok(Some(clean(text)));
        }
        match rest.get(..9) {
            Some(start) if start.eq_ignore_ascii_case("<!doctype") => Err(Error::Dtd(at)),
            _ => Err(Error::Malformed(at)),
        }
    }

    /// The end tag that the rest begins with.
    fn end(&mut self, rest: &'a str) -> Result<Item<'a>, Error> {
        let at = self.at;
        let end = memchr(b'>', rest.as_bytes()).ok_or(Error::Malformed(at))?;
        let name = rest.get(2..end).unwrap_or_default().trim_ascii_end();
        if !self.open.last().is_some_and(|open| same(open, name)) {
            return Err(Error::Malformed(at));
        }
        self.at = at + end + 1;
        Ok(self.close())
    }

    fn close(&mut self) -> Item<'a> {
        self.open.pop();
        let depth = self.open.len();
        while self.scopes.last().is_some_and(|(level, ..)| *level > depth) {
            self.scopes.pop();
        }
        self.done = depth == 0;
        Item::End
    }

    /// The start tag that the rest begins with.
    fn start(&mut self, rest: &'a str) -> Result<Element<'a>, Error> {
        let at = self.at;
        if self.open.len() >= self.max_depth {
            return Err(Error::TooDeep(at));
        }
        let malformed = Error::Malformed(at);
        let inner = rest.get(1..).unwrap_or_default();
        let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
        let end = inner.as_bytes().iter().position(ends).ok_or(malformed)?;
        let (tag, mut after) = inner.split_at(end);
        if tag.is_empty() {
            return Err(malformed);
        }
        self.open.push(tag);
        let mut attributes = Vec::new();
        let mut count = 0;
        loop {
            after = after.trim_ascii_start();
            if let Some(end) = after.strip_prefix('>') {
                after = end;
                break;
            }
            if let Some(end) = after.strip_prefix("/>") {
                self.empty = true;
                after = end;
                break;
            }
            let (name, raw, more) = attribute(after).ok_or(malformed)?;
            after = more;
            if count >= self.max_attributes || self.scopes.len() >= self.max_attributes {
                return Err(Error::TooManyAttributes(at));
            }
            count += 1;
            let value = match memchr(b'&', raw.as_bytes()) {
                None => clean(raw),
                Some(_) => {
                    let value = unescape(raw).map_err(|_| Error::Entity(at))?;
                    Cow::Owned(clean(&value).into_owned())
                }
            };
            match split_name(name) {
                ("xmlns", prefix) => self.scopes.push((self.open.len(), prefix, value)),
                ("", "xmlns") => self.scopes.push((self.open.len(), "", value)),
                (_, name) => attributes.push((name, value)),
            }
        }
        self.at = self.document.len() - after.len();
        let (prefix, name) = split_name(tag);
        Ok(Element {
            name,
            namespace: self.namespace(prefix),
            attributes,
        })
    }

    fn namespace(&self, prefix: &str) -> Cow<'a, str> {
        self.scopes
            .iter()
            .rev()
            .find(|(_, each, _)| same(each, prefix))
            .map(|(.., uri)| uri.clone())
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("position", &self.at)
            .field("depth", &self.open.len())
            .finish_non_exhaustive()
    }
}

/// Prefix and local part of a name.
fn split_name(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// Whether two names are the same. They are short, and a loop over them is done before a call is.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().eq(other.bytes())
}

/// The attribute that `text` begins with: name, value as it was written, and what follows.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let ends = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'>' | b'/');
    let (name, rest) = text.split_at(text.bytes().position(ends)?);
    let rest = rest
        .trim_ascii_start()
        .strip_prefix('=')?
        .trim_ascii_start();
    let quote = *rest.as_bytes().first()?;
    if name.is_empty() || !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let rest = rest.get(1..)?;
    let end = memchr(quote, rest.as_bytes())?;
    Some((name, rest.get(..end)?, rest.get(end + 1..)?))
}

/// The character that a reference stands for (XML 1.0 §4.1, §4.6).
fn resolve(name: &str) -> Option<char> {
    let char = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "apos" => '\'',
        "quot" => '"',
        _ => {
            let digits = name.strip_prefix('#')?;
            let (digits, radix) = match digits.strip_prefix('x') {
                Some(hex) => (hex, 16),
                None => (digits, 10),
            };
            let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
            char::from_u32(u32::from_str_radix(digits, radix).ok().filter(|_| plain)?)?
        }
    };
    is_char(char).then_some(char)
}

/// The text without the characters that XML does not have. Peers put control characters in; they are no
/// reason to lose a document, nor to pass them on.
fn clean(text: &str) -> Cow<'_, str> {
    // Nearly always there is nothing to look at twice.
    let plain = |b: u8| (b' '..0x80).contains(&b);
    if text.bytes().fold(true, |all, b| all & plain(b)) || text.chars().all(is_char) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|char| is_char(*char)).collect())
}
