//! Small XML documents: a pull reader without DTD and entities, and a writer that escapes.
//!
//! A body of a peer has at most [`Limits::xml_size`](crate::engine::Limits::xml_size) bytes,
//! [`Limits::xml_depth`](crate::engine::Limits::xml_depth) levels and
//! [`Limits::xml_attributes`](crate::engine::Limits::xml_attributes) attributes per element; a document type
//! declaration ends the reading at once, so there is nothing that could expand.
//!
//! A notification is a few hundred bytes and comes for every message, twice. The reader therefore borrows what it
//! reads and takes as long as it takes to look at the bytes; the tests hold it against `quick-xml`.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{Element, Error, Item, Reader};
pub use write::Writer;

/// Whether XML 1.0 §2.2 has this character.
const fn is_char(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// The bytes of a document as text, with U+FFFD in place of what is not UTF-8.
pub(crate) fn text(document: &[u8]) -> std::borrow::Cow<'_, str> {
    match std::str::from_utf8(document) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(document),
    }
}
