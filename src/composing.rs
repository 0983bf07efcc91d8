//! The indication that somebody is writing (RFC 3994).
//!
//! This is the document; who waits how long for the next one is for [`conversation`](crate::conversation).

use crate::engine::{DateTime, Limits};
use crate::wire::{Text, date, xml};
use bytes::Bytes;
use std::time::Duration;

/// The media type of the document (RFC 3994).
pub const MEDIA_TYPE: &str = "application/im-iscomposing+xml";

/// The namespace of the document.
const NS: &str = "urn:ietf:params:xml:ns:im-iscomposing";

/// Whether somebody is writing (RFC 3994).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Writing.
    Active,
    /// Not writing. Any state that is not known counts as this.
    Idle,
}

/// The indication that somebody is writing, or no longer (RFC 3994).
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

    /// Reads the XML document. Elements that are not known are skipped.
    ///
    /// # Errors
    ///
    /// The bytes are not such a document.
    pub fn parse(document: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let document = xml::text(document);
        let mut reader = xml::Reader::new(&document, limits)?;
        if !matches!(reader.child()?, Some(root) if root.name.eq_ignore_ascii_case("isComposing")) {
            return Err(ParseError::NotIsComposing);
        }
        let mut state = None;
        let mut read = Self::new(State::Idle);
        while let Some(child) = reader.child()? {
            let text = reader.text()?;
            let text = text.trim();
            match child.name {
                "state" if text == "active" => state = Some(State::Active),
                // RFC 3994: a state that is not known is to be taken for idle.
                "state" => state = Some(State::Idle),
                "contenttype" => read.content_type = Some(Text::from(text)),
                "lastactive" => read.last_active = date::parse(text),
                "refresh" => read.refresh = text.parse().map(Duration::from_secs).ok(),
                _ => {}
            }
        }
        read.state = state.ok_or(ParseError::NoState)?;
        Ok(read)
    }

    /// The XML document.
    pub fn write(&self) -> Bytes {
        let mut writer = xml::Writer::new();
        writer.start("isComposing", &[("xmlns", NS)]);
        writer.leaf(
            "state",
            match self.state {
                State::Active => "active",
                State::Idle => "idle",
            },
        );
        if let Some(content_type) = &self.content_type {
            writer.leaf("contenttype", content_type);
        }
        if let Some(at) = self.last_active {
            writer.leaf("lastactive", &date::write(at));
        }
        if let Some(refresh) = self.refresh {
            writer.leaf("refresh", &refresh.as_secs().to_string());
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(document: &str) -> Result<IsComposing, ParseError> {
        IsComposing::parse(document.as_bytes(), &Limits::default())
    }

    #[test]
    fn documents_in_both_directions() {
        for (children, value) in [
            ("<state>idle</state>", IsComposing::new(State::Idle)),
            (
                "<state>active</state><contenttype>text/plain</contenttype><lastactive>2026-01-01T09:00:00Z</lastactive><refresh>60</refresh>",
                IsComposing {
                    state: State::Active,
                    content_type: Some(Text::from_static("text/plain")),
                    last_active: date::parse("2026-01-01T09:00:00Z"),
                    refresh: Some(Duration::from_secs(60)),
                },
            ),
        ] {
            let document = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\">{children}</isComposing>"
            );
            assert_eq!(parse(&document).as_ref(), Ok(&value), "{document}");
            assert_eq!(value.write(), document);
        }
    }

    #[test]
    fn reads_what_peers_write() {
        for (document, state, refresh) in [
            (
                "<isComposing><state> active\n</state></isComposing>",
                State::Active,
                None,
            ),
            (
                "<x:isComposing xmlns:x='urn:ietf:params:xml:ns:im-iscomposing'><x:state>active</x:state><x:refresh>90</x:refresh></x:isComposing>",
                State::Active,
                Some(90),
            ),
            (
                "<isComposing><new><state>active</state></new><state>dreaming</state><refresh>soon</refresh></isComposing>",
                State::Idle,
                None,
            ),
            (
                "<iscomposing><state>active</state><refresh>-1</refresh></iscomposing>",
                State::Active,
                None,
            ),
        ] {
            let read = parse(document).unwrap();
            assert_eq!(
                (read.state, read.refresh),
                (state, refresh.map(Duration::from_secs)),
                "{document}"
            );
        }
    }

    #[test]
    fn refuses_what_says_nothing() {
        for (document, error) in [
            ("<isComposing/>", ParseError::NoState),
            ("<imdn/>", ParseError::NotIsComposing),
            ("", ParseError::Xml(xml::Error::Malformed(0))),
        ] {
            assert_eq!(parse(document), Err(error), "{document}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(active: bool, content_type in "[a-z<&>/]{1,20}", refresh: u64) {
            let value = IsComposing {
                state: if active { State::Active } else { State::Idle },
                content_type: Some(Text::from(content_type)),
                last_active: None,
                refresh: Some(Duration::from_secs(refresh)),
            };
            prop_assert_eq!(IsComposing::parse(&value.write(), &Limits::default()), Ok(value));
        }
    }
}
