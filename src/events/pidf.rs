//! Presence, as far as capabilities are told by it: the document of the `presence` event package (RFC 3863).
//!
//! A tuple of RCS says which service its user has, in which version (`service-description` of OMA Presence SIMPLE).

use super::{ParseError, text};
use crate::engine::{DateTime, Limits};
use crate::wire::{Text, date, xml};
use bytes::Bytes;

/// The event package (RFC 3856 §6.1).
pub const PACKAGE: &str = "presence";

/// The media type of the document (RFC 3863).
pub const MEDIA_TYPE: &str = "application/pidf+xml";

const NS: &str = "urn:ietf:params:xml:ns:pidf";
const OMA: &str = "urn:oma:xml:prs:pidf:oma-pres";

/// The presence of somebody (RFC 3863 §4.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Whose: a URI.
    pub entity: Text,
    /// One for each way to reach them, or service that they have.
    pub tuples: Vec<Tuple>,
    /// What they say of themselves, and in which language.
    pub notes: Vec<Note>,
}

/// A way to reach somebody (RFC 3863 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// What names it in documents about one entity.
    pub id: Text,
    /// Whether it is open to messages; `None` if that is not told (RFC 3863 §4.1.4).
    pub is_open: Option<bool>,
    /// The service and its version.
    pub service: Option<(Text, Text)>,
    /// The URI.
    pub contact: Option<Text>,
    /// The preference of the URI, as it is spelled: 0 to 1 with up to three decimals.
    pub priority: Option<Text>,
    /// What is said of it.
    pub notes: Vec<Note>,
    /// When that was so.
    pub timestamp: Option<DateTime>,
}

/// A text for people (RFC 3863 §4.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The text.
    pub text: Text,
    /// Its language.
    pub language: Option<Text>,
}

impl Tuple {
    /// A tuple that says whether somebody can be reached.
    pub fn new(id: impl Into<Text>, is_open: bool) -> Self {
        Self {
            id: id.into(),
            is_open: Some(is_open),
            service: None,
            contact: None,
            priority: None,
            notes: Vec::new(),
            timestamp: None,
        }
    }
}

impl Presence {
    /// Reads the XML document. What is not known is skipped.
    ///
    /// # Errors
    ///
    /// The bytes are not such a document, or a tuple has no id.
    pub fn parse(document: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let document = String::from_utf8_lossy(document);
        let mut reader = xml::Reader::new(&document, limits)?;
        let root = match reader.child()? {
            Some(root) if root.name == "presence" => root,
            _ => return Err(ParseError::Root("presence")),
        };
        let mut read = Self {
            entity: text(root.attribute("entity")).unwrap_or_default(),
            tuples: Vec::new(),
            notes: Vec::new(),
        };
        while let Some(child) = reader.child()? {
            match child.name {
                "tuple" => read.tuples.push(tuple(&child, &mut reader)?),
                "note" => read.notes.push(note(&child, &mut reader)?),
                _ => reader.skip()?,
            }
        }
        Ok(read)
    }

    /// Whether somebody can be reached for a service, in whatever version.
    pub fn has_service(&self, service: &str) -> bool {
        (self.tuples.iter()).any(|tuple| {
            tuple.is_open == Some(true)
                && (tuple.service.as_ref()).is_some_and(|(name, _)| name == service)
        })
    }

    /// The XML document.
    pub fn write(&self) -> Bytes {
        let mut out = xml::Writer::new();
        let mut attributes = vec![("xmlns", NS)];
        if self.tuples.iter().any(|tuple| tuple.service.is_some()) {
            attributes.push(("xmlns:op", OMA));
        }
        attributes.push(("entity", &self.entity));
        out.start("presence", &attributes);
        for tuple in &self.tuples {
            tuple.write(&mut out);
        }
        for note in &self.notes {
            note.write(&mut out);
        }
        out.finish()
    }
}

impl Tuple {
    fn write(&self, out: &mut xml::Writer) {
        out.start("tuple", &[("id", &self.id)]).start("status", &[]);
        if let Some(is_open) = self.is_open {
            out.leaf("basic", if is_open { "open" } else { "closed" });
        }
        out.end();
        if let Some((service, version)) = &self.service {
            out.start("op:service-description", &[])
                .leaf("op:service-id", service)
                .leaf("op:version", version)
                .end();
        }
        if let Some(contact) = &self.contact {
            let priority: Vec<_> = (self.priority.iter())
                .map(|priority| ("priority", priority.as_str()))
                .collect();
            out.start("contact", &priority).text(contact).end();
        }
        for note in &self.notes {
            note.write(out);
        }
        if let Some(timestamp) = self.timestamp {
            out.leaf("timestamp", &date::write(timestamp));
        }
        out.end();
    }
}

impl Note {
    fn write(&self, out: &mut xml::Writer) {
        let language: Vec<_> = (self.language.iter())
            .map(|language| ("xml:lang", language.as_str()))
            .collect();
        out.start("note", &language).text(&self.text).end();
    }
}

fn note(start: &xml::Element<'_>, reader: &mut xml::Reader<'_>) -> Result<Note, ParseError> {
    Ok(Note {
        language: text(start.attribute("lang")),
        text: Text::from(reader.text()?.trim()),
    })
}

fn tuple(start: &xml::Element<'_>, reader: &mut xml::Reader<'_>) -> Result<Tuple, ParseError> {
    let id = text(start.attribute("id")).ok_or(ParseError::Missing {
        element: "tuple",
        attribute: "id",
    })?;
    let mut read = Tuple {
        is_open: None,
        ..Tuple::new(id, false)
    };
    while let Some(child) = reader.child()? {
        match child.name {
            "status" => {
                while let Some(child) = reader.child()? {
                    match child.name {
                        "basic" => {
                            read.is_open = match reader.text()?.trim() {
                                "open" => Some(true),
                                "closed" => Some(false),
                                _ => None,
                            };
                        }
                        _ => reader.skip()?,
                    }
                }
            }
            "service-description" => {
                let (mut service, mut version) = (None, Text::default());
                while let Some(child) = reader.child()? {
                    match child.name {
                        "service-id" => service = Some(Text::from(reader.text()?.trim())),
                        "version" => version = Text::from(reader.text()?.trim()),
                        _ => reader.skip()?,
                    }
                }
                read.service = service.map(|service| (service, version));
            }
            "contact" => {
                read.priority = text(child.attribute("priority"));
                read.contact = Some(Text::from(reader.text()?.trim()));
            }
            "note" => read.notes.push(note(&child, reader)?),
            "timestamp" => read.timestamp = date::parse(reader.text()?.trim()),
            _ => reader.skip()?,
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:op=\"urn:oma:xml:prs:pidf:oma-pres\" entity=\"pres:alice@example.com\">\
        <tuple id=\"bs35r9\"><status><basic>open</basic></status>\
        <op:service-description><op:service-id>org.openmobilealliance:StandaloneMsg</op:service-id><op:version>2.0</op:version></op:service-description>\
        <contact priority=\"0.8\">im:alice@example.com</contact><note xml:lang=\"en\">Don't disturb</note>\
        <timestamp>2026-01-01T09:00:00Z</timestamp></tuple>\
        <note>away &amp; back</note></presence>";

    #[test]
    fn rfc3863_4_1_everything_in_both_directions() {
        let limits = Limits::default();
        let presence = Presence::parse(ALL.as_bytes(), &limits).unwrap();
        assert_eq!(presence.write(), ALL);
        assert!(presence.has_service("org.openmobilealliance:StandaloneMsg"));
        assert!(!presence.has_service("org.openmobilealliance:File-Transfer"));
        let closed = ALL.replace(">open<", ">closed<");
        let presence = Presence::parse(closed.as_bytes(), &limits).unwrap();
        assert!(!presence.has_service("org.openmobilealliance:StandaloneMsg"));
    }

    #[test]
    fn what_is_no_presence_is_refused_and_what_is_not_known_is_skipped() {
        let parse = |document: &str| Presence::parse(document.as_bytes(), &Limits::default());
        assert_eq!(parse("<p/>"), Err(ParseError::Root("presence")));
        assert!(parse("<presence><tuple/></presence>").is_err());
        let presence = parse(
            "<p:presence xmlns:p='urn:ietf:params:xml:ns:pidf' entity='pres:a@b'><person id='1'><status/></person>\
             <p:tuple id='t'><p:status><x:im>busy</x:im><p:basic>maybe</p:basic></p:status>\
             <caps:servcaps><caps:audio>true</caps:audio></caps:servcaps><p:timestamp>never</p:timestamp></p:tuple></p:presence>",
        )
        .unwrap();
        let tuple = Tuple {
            is_open: None,
            ..Tuple::new("t", false)
        };
        assert_eq!(presence.tuples, [tuple]);
    }

    fn word() -> impl Strategy<Value = Text> {
        "[ -~é<&\"']{0,12}".prop_map(|word| Text::from(word.trim()))
    }

    fn a_note() -> impl Strategy<Value = Note> {
        (word(), proptest::option::of(word())).prop_map(|(text, language)| Note { text, language })
    }

    prop_compose! {
        fn a_tuple()(
            id in word(),
            is_open in proptest::option::of(any::<bool>()),
            service in proptest::option::of((word(), word())),
            contact in proptest::option::of((word(), proptest::option::of(word()))),
            notes in proptest::collection::vec(a_note(), 0..3),
        ) -> Tuple {
            let (contact, priority) = contact.map_or((None, None), |(uri, q)| (Some(uri), q));
            Tuple { id, is_open, service, contact, priority, notes, timestamp: None }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            entity in word(),
            tuples in proptest::collection::vec(a_tuple(), 0..4),
            notes in proptest::collection::vec(a_note(), 0..3),
        ) {
            let presence = Presence { entity, tuples, notes };
            prop_assert_eq!(Presence::parse(&presence.write(), &Limits::default()), Ok(presence));
        }
    }
}
