//! Small XML documents: a pull reader without DTD and entities, and a writer that escapes.
//!
//! The reader is `quick-xml` with a fence around it. A body of a peer has at most [`Limits::xml_size`] bytes,
//! [`Limits::xml_depth`] levels and [`Limits::xml_attributes`] attributes per element; a document type
//! declaration ends the reading at once, so there is nothing that could expand.

use crate::engine::Limits;
use bytes::Bytes;
use quick_xml::escape::unescape;
use quick_xml::events::Event;
use quick_xml::events::attributes::Attributes;
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
    events: quick_xml::Reader<&'a [u8]>,
    depth: usize,
    max_depth: usize,
    max_attributes: usize,
    /// Declared prefixes (empty for the default), with the depth of the element that declares them.
    scopes: Vec<(usize, &'a str, Cow<'a, str>)>,
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
        let document = document.strip_prefix('\u{feff}').unwrap_or(document);
        let mut events = quick_xml::Reader::from_str(document);
        events.config_mut().expand_empty_elements = true;
        Ok(Self {
            document,
            events,
            depth: 0,
            max_depth: limits.xml_depth,
            max_attributes: limits.xml_attributes,
            scopes: Vec::new(),
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
        while !self.done {
            let at = self.position();
            match self.events.read_event().map_err(|_| Error::Malformed(at))? {
                Event::Start(_) => return self.start(at).map(|start| Some(Item::Start(start))),
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    let depth = self.depth;
                    self.scopes.retain(|(level, ..)| *level <= depth);
                    self.done = depth == 0;
                    return Ok(Some(Item::End));
                }
                Event::Text(text) if self.depth > 0 => {
                    return Ok(Some(Item::Text(clean(text.into_inner()))));
                }
                Event::CData(text) if self.depth > 0 => {
                    return Ok(Some(Item::Text(clean(text.into_inner()))));
                }
                Event::GeneralRef(name) if self.depth > 0 => {
                    let char = resolve(&name).ok_or(Error::Entity(at))?;
                    return Ok(Some(Item::Text(Cow::Owned(char.to_string()))));
                }
                Event::Text(text) if text.trim().is_empty() => {}
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
                Event::DocType(_) => return Err(Error::Dtd(at)),
                _ => return Err(Error::Malformed(at)),
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
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside && self.next()?.is_some() {}
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

    fn position(&self) -> usize {
        usize::try_from(self.events.buffer_position()).unwrap_or(usize::MAX)
    }

    /// The start tag that lies between `at` and where the reader is now.
    fn start(&mut self, at: usize) -> Result<Element<'a>, Error> {
        if self.depth >= self.max_depth {
            return Err(Error::TooDeep(at));
        }
        self.depth += 1;
        let tag = self
            .document
            .get(at..self.position())
            .and_then(|tag| tag.strip_prefix('<')?.strip_suffix('>'))
            .ok_or(Error::Malformed(at))?;
        let tag = tag.strip_suffix('/').unwrap_or(tag);
        let end = tag
            .find(|char: char| char.is_ascii_whitespace())
            .unwrap_or(tag.len());
        let (prefix, name) = split_name(tag.get(..end).unwrap_or(tag));
        let mut attributes = Vec::new();
        for (count, attribute) in Attributes::new(tag, end).with_checks(false).enumerate() {
            let attribute = attribute.map_err(|_| Error::Malformed(at))?;
            if count >= self.max_attributes || self.scopes.len() >= self.max_attributes {
                return Err(Error::TooManyAttributes(at));
            }
            let value = match attribute.value {
                Cow::Borrowed(raw) => unescape(raw).map_err(|_| Error::Entity(at))?,
                Cow::Owned(raw) => {
                    Cow::Owned(unescape(&raw).map_err(|_| Error::Entity(at))?.into_owned())
                }
            };
            let value = clean(value);
            match split_name(attribute.key.0) {
                ("xmlns", prefix) => self.scopes.push((self.depth, prefix, value)),
                ("", "xmlns") => self.scopes.push((self.depth, "", value)),
                (_, name) => attributes.push((name, value)),
            }
        }
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
            .find(|(_, each, _)| *each == prefix)
            .map(|(.., uri)| uri.clone())
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("position", &self.position())
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

/// Prefix and local part of a name.
fn split_name(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
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
            let number = match digits.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(number.ok()?)?
        }
    };
    is_char(char).then_some(char)
}

/// Whether XML 1.0 §2.2 has this character.
const fn is_char(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// The text without the characters that XML does not have. Peers put control characters in; they are no
/// reason to lose a document, nor to pass them on.
fn clean(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.chars().all(is_char) {
        true => text,
        false => Cow::Owned(text.chars().filter(|char| is_char(*char)).collect()),
    }
}

/// Writes a document. Whatever is given as text or value is escaped; characters that XML does not have are
/// left out.
///
/// ```
/// use cpm::wire::xml::Writer;
///
/// let mut writer = Writer::new();
/// writer.start("a", &[("xmlns", "urn:x")]).leaf("b", "1 < 2");
/// assert!(writer.finish().ends_with(b"<a xmlns=\"urn:x\"><b>1 &lt; 2</b></a>"));
/// ```
#[derive(Debug)]
pub struct Writer {
    out: String,
    open: Vec<&'static str>,
}

impl Writer {
    /// A document with its declaration.
    pub fn new() -> Self {
        Self {
            out: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"),
            open: Vec::new(),
        }
    }

    /// Starts an element.
    pub fn start(&mut self, name: &'static str, attributes: &[(&str, &str)]) -> &mut Self {
        self.tag(name, attributes);
        self.out.push('>');
        self.open.push(name);
        self
    }

    /// Writes an element of nothing but text.
    pub fn leaf(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.start(name, &[]).text(text).end()
    }

    /// Writes an element with nothing in it.
    pub fn empty(&mut self, name: &'static str, attributes: &[(&str, &str)]) -> &mut Self {
        self.tag(name, attributes);
        self.out.push_str("/>");
        self
    }

    /// Writes text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for char in text.chars() {
            match char {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                // A reader would make a line feed of it.
                '\r' => self.out.push_str("&#13;"),
                char if is_char(char) => self.out.push(char),
                _ => {}
            }
        }
        self
    }

    /// Ends the element that was started last.
    pub fn end(&mut self) -> &mut Self {
        if let Some(name) = self.open.pop() {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
        self
    }

    /// Ends what is still open and gives the document.
    pub fn finish(mut self) -> Bytes {
        while !self.open.is_empty() {
            self.end();
        }
        Bytes::from(self.out)
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            for char in value.chars() {
                match char {
                    '&' => self.out.push_str("&amp;"),
                    '<' => self.out.push_str("&lt;"),
                    '"' => self.out.push_str("&quot;"),
                    '\t' => self.out.push_str("&#9;"),
                    '\n' => self.out.push_str("&#10;"),
                    '\r' => self.out.push_str("&#13;"),
                    char if is_char(char) => self.out.push(char),
                    _ => {}
                }
            }
            self.out.push('"');
        }
    }
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(document: &str) -> Result<Vec<String>, Error> {
        let mut reader = Reader::new(document, &Limits::default())?;
        let mut names = Vec::new();
        while let Some(item) = reader.next()? {
            if let Item::Start(element) = item {
                names.push(format!("{}|{}", element.namespace, element.name));
            }
        }
        Ok(names)
    }

    #[test]
    fn xml_2_2_a_character_that_xml_does_not_have_is_left_out_on_both_ways() {
        let document = "<a b='x\u{10}y'>1\u{0}2<![CDATA[\u{1b}3]]>\u{fffe}4\t</a>";
        let mut reader = Reader::new(document, &Limits::default()).unwrap();
        let root = reader.child().unwrap().unwrap();
        assert_eq!(root.attribute("b"), Some("xy"));
        assert_eq!(reader.text().unwrap(), "1234\t");
        let mut writer = Writer::new();
        writer.leaf("a", "\u{10}1");
        assert!(writer.finish().ends_with(b"<a>1</a>"));
    }

    #[test]
    fn names_are_resolved_in_their_scope() {
        let document = "\u{feff}<?xml version='1.0'?><!-- c --><a xmlns='urn:1' xmlns:p=\"urn:&amp;2\">\
                        <p:b/><c xmlns=''><d/></c><e/><q:f/></a> trailing";
        assert_eq!(
            names(document).unwrap(),
            ["urn:1|a", "urn:&2|b", "|c", "|d", "urn:1|e", "|f"]
        );
    }

    #[test]
    fn text_is_that_of_the_element_alone() {
        let document = "<a> one &#x26;<b>not</b><![CDATA[<two>]]>&gt;</a>";
        let mut reader = Reader::new(document, &Limits::default()).unwrap();
        assert_eq!(reader.child().unwrap().unwrap().name, "a");
        assert_eq!(reader.text().unwrap(), " one &<two>>");
        assert_eq!(reader.next(), Ok(None));
    }

    #[test]
    fn attributes_lose_their_prefix_and_their_escapes() {
        let document = "<a x='1' p:y=\"&lt;&#50;\"/>";
        let mut reader = Reader::new(document, &Limits::default()).unwrap();
        let element = reader.child().unwrap().unwrap();
        assert_eq!(element.attribute("x"), Some("1"));
        assert_eq!(element.attribute("y"), Some("<2"));
        assert_eq!(element.attribute("z"), None);
    }

    #[test]
    fn refuses_with_the_place() {
        for (document, error) in [
            ("", Error::Malformed(0)),
            ("<a>", Error::Malformed(3)),
            ("<a></b>", Error::Malformed(3)),
            ("<a x=1/>", Error::Malformed(0)),
            ("text", Error::Malformed(0)),
            ("<a>&nbsp;</a>", Error::Entity(3)),
            ("<a>&#0;</a>", Error::Entity(3)),
            ("<a>&#x110000;</a>", Error::Entity(3)),
            ("<a x='&e;'/>", Error::Entity(0)),
            ("<!DOCTYPE a><a/>", Error::Dtd(0)),
        ] {
            assert_eq!(names(document), Err(error), "{document}");
        }
    }

    #[test]
    fn bombs_do_not_go_off() {
        let laughs = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;\">]>\
                      <lolz>&lol2;</lolz>";
        assert_eq!(names(laughs), Err(Error::Dtd(0)));
        let deep = "<a>".repeat(10_000);
        assert_eq!(names(&deep), Err(Error::TooDeep(16 * 3)));
        let wide = format!("<a{}/>", " x='1'".repeat(1000));
        assert_eq!(names(&wide), Err(Error::TooManyAttributes(0)));
        let spaces = (0..1000)
            .map(|n| format!(" xmlns:p{n}='u'"))
            .collect::<String>();
        assert_eq!(
            names(&format!("<a{spaces}/>")),
            Err(Error::TooManyAttributes(0))
        );
        let large = format!("<a>{}</a>", " ".repeat(64 * 1024));
        assert_eq!(names(&large), Err(Error::TooLarge(64 * 1024)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in "\\PC{0,20}", text in "[\\PC\r\n\t]{0,40}") {
            let mut writer = Writer::new();
            writer.start("a", &[("v", &value)]).leaf("b", &text);
            let document = writer.finish();
            let document = std::str::from_utf8(&document).unwrap();
            let mut reader = Reader::new(document, &Limits::default()).unwrap();
            let element = reader.child().unwrap().unwrap();
            let written = |text: &str| text.chars().filter(|char| is_char(*char)).collect::<String>();
            prop_assert_eq!(element.attribute("v"), Some(&*written(&value)));
            prop_assert_eq!(reader.child().unwrap().unwrap().name, "b");
            prop_assert_eq!(reader.text().unwrap(), written(&text));
        }

        #[test]
        fn no_text_is_too_much(document in "[<>/a&;#x='\" !\\[\\]-]{0,60}") {
            let _ = names(&document);
        }
    }
}
