//! The indication that somebody is writing (RFC 3994).

use crate::engine::{DateTime, Limits};
use crate::wire::Text;
use crate::wire::xml;
use bytes::Bytes;
use std::time::Duration;

/// The media type of the document (RFC 3994 §6.2).
pub const MEDIA_TYPE: &str = "application/im-iscomposing+xml";

/// Whether somebody is writing (RFC 3994 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Writing.
    Active,
    /// Not writing. Any state that is not known counts as this.
    Idle,
}

/// The indication that somebody is writing, or no longer (RFC 3994 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IsComposing {
    /// Whether.
    pub state: State,
    /// What is being written: a media type, or its first half.
    pub content_type: Option<Text>,
    /// When a key was last pressed.
    pub last_active: Option<DateTime>,
    /// After which time without a new indication the state is idle again.
    pub refresh: Option<Duration>,
}

/// Why bytes are not such an indication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The XML is broken or beyond its limits.
    #[error(transparent)]
    Xml(#[from] xml::Error),
    /// The document element is not `isComposing`.
    #[error("not an isComposing document")]
    NotIsComposing,
    /// There is no `state`.
    #[error("no state")]
    NoState,
}

impl IsComposing {
    /// An indication of nothing but the state.
    pub const fn new(state: State) -> Self {
        Self {
            state,
            content_type: None,
            last_active: None,
            refresh: None,
        }
    }

    /// Reads the XML document.
    ///
    /// # Errors
    ///
    /// The bytes are not such a document.
    pub fn parse(_document: &[u8], _limits: &Limits) -> Result<Self, ParseError> {
        todo!()
    }

    /// The XML document.
    pub fn write(&self) -> Bytes {
        todo!()
    }
}
