//! The header fields of one message.

use super::Name;
use crate::sip::{HeaderError, WriteError};
use crate::wire::Text;

/// A header that has a type.
pub trait Header: Sized {
    /// Its name.
    const NAME: Name;

    /// Whether a comma separates values, so that one field may carry several (RFC 3261 §7.3.1). Then
    /// [`Header::parse`] sees one of them.
    const LIST: bool;

    /// Reads one value. It has neither line ends (folds are undone) nor space around it.
    ///
    /// # Errors
    ///
    /// The value does not follow the grammar.
    fn parse(value: &Text) -> Result<Self, HeaderError>;

    /// Appends the value in canonical form.
    fn write(&self, out: &mut String);
}

/// The header fields of one message, in order.
#[derive(Clone, Default)]
pub struct Headers {}

#[allow(clippy::todo, unused_variables, missing_docs)]
impl Headers {
    pub fn get<H: Header>(&self) -> Result<H, HeaderError> {
        todo!()
    }
    pub fn find<H: Header>(&self) -> Result<Option<H>, HeaderError> {
        todo!()
    }
    pub fn all<H: Header>(&self) -> impl Iterator<Item = Result<H, HeaderError>> {
        std::iter::empty()
    }
    pub fn text(&self, name: &Name) -> Option<&str> {
        todo!()
    }
    pub fn texts(&self, name: &Name) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
    pub fn contains(&self, name: &Name) -> bool {
        todo!()
    }
    pub fn count(&self, name: &Name) -> usize {
        todo!()
    }
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        std::iter::empty()
    }
    pub fn push<H: Header>(&mut self, header: &H) {
        todo!()
    }
    pub fn set<H: Header>(&mut self, header: &H) {
        todo!()
    }
    pub fn prepend<H: Header>(&mut self, header: &H) {
        todo!()
    }
    pub fn remove(&mut self, name: &Name) {
        todo!()
    }
    pub fn pop<H: Header>(&mut self) -> Option<Result<H, HeaderError>> {
        todo!()
    }
    pub fn push_text(&mut self, name: Name, value: &str) -> Result<(), WriteError> {
        todo!()
    }
    pub fn set_text(&mut self, name: Name, value: &str) -> Result<(), WriteError> {
        todo!()
    }
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Headers")
    }
}

/// One header field.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    name: &'a [u8],
    value: &'a [u8],
    number: u8,
}

#[allow(missing_docs)]
impl<'a> Field<'a> {
    pub fn name(&self) -> Name {
        let _ = self.number;
        todo!()
    }
    pub fn is(&self, name: &Name) -> bool {
        let _ = name;
        todo!()
    }
    pub fn spelled(&self) -> &'a str {
        let _ = self.name;
        todo!()
    }
    pub fn text(&self) -> Option<&'a str> {
        todo!()
    }
    pub fn bytes(&self) -> &'a [u8] {
        self.value
    }
}
