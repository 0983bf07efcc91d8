//! Writing documents.

use super::is_char;
use bytes::Bytes;

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
