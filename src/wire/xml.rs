//! Small XML documents: a pull reader without DTD and entities, and a writer that escapes.

use crate::engine::Limits;
use bytes::Bytes;
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
    /// An element with more attributes than `Limits` allow.
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
#[derive(Debug)]
pub struct Reader<'a> {
    #[allow(dead_code)]
    todo: &'a str,
}

/// What a [`Reader`] meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// The start of an element.
    Start(Element<'a>),
    /// Text, with references resolved; possibly in several pieces.
    Text(Cow<'a, str>),
    /// The end of the element whose start came last and is not ended.
    End,
}

/// The start of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The name without its prefix.
    pub name: &'a str,
    /// The namespace; empty if it has none.
    pub namespace: Cow<'a, str>,
    /// Attributes: names without prefix, values with references resolved. Declarations of namespaces are
    /// not among them.
    pub attributes: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> Reader<'a> {
    /// A reader at the start of a document.
    ///
    /// # Errors
    ///
    /// The document is too large.
    pub fn new(_document: &'a str, _limits: &Limits) -> Result<Self, Error> {
        todo!()
    }

    /// The next item; `None` after the end of the document element.
    ///
    /// # Errors
    ///
    /// The document is not well-formed or exceeds a limit.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Item<'a>>, Error> {
        todo!()
    }

    /// The text of the element whose start came last, up to its end, without that of its children.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn text(&mut self) -> Result<Cow<'a, str>, Error> {
        todo!()
    }

    /// Skips the element whose start came last.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn skip(&mut self) -> Result<(), Error> {
        todo!()
    }

    /// The start of the next child of the element that is open; `None` at its end.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn child(&mut self) -> Result<Option<Element<'a>>, Error> {
        todo!()
    }
}

/// Writes a document.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    open: Vec<&'static str>,
}

impl Writer {
    /// A document with its declaration.
    pub fn new() -> Self {
        Self {
            out: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"),
            open: Vec::new(),
        }
    }

    /// Starts an element.
    pub fn start(&mut self, _name: &'static str, _attributes: &[(&str, &str)]) -> &mut Self {
        todo!()
    }

    /// Writes an element of nothing but text.
    pub fn leaf(&mut self, _name: &'static str, _text: &str) -> &mut Self {
        todo!()
    }

    /// Writes an element with nothing in it.
    pub fn empty(&mut self, _name: &'static str, _attributes: &[(&str, &str)]) -> &mut Self {
        todo!()
    }

    /// Writes text.
    pub fn text(&mut self, _text: &str) -> &mut Self {
        todo!()
    }

    /// Ends the element that was started last.
    pub fn end(&mut self) -> &mut Self {
        todo!()
    }

    /// Ends what is still open and gives the document.
    pub fn finish(self) -> Bytes {
        todo!()
    }
}
