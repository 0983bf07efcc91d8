//! Lists of recipients: the resource lists that go with a request to several (RFC 4826, RFC 5363, RFC 5364).
//!
//! [`RecipientList`] is the document: who, in which role, and who is to be hidden from the others. A request carries it
//! in a part of its body with disposition `recipient-list` (RFC 5365 for MESSAGE, RFC 5366 for INVITE, RFC 5368 for
//! REFER), which [`RecipientList::find`] looks for and [`RecipientList::part`] makes.

use crate::engine::Limits;
use crate::wire::mime::{MediaType, Multipart, Part};
use crate::wire::{Text, xml};
use bytes::Bytes;

/// The media type of the document (RFC 4826).
pub const MEDIA_TYPE: &str = "application/resource-lists+xml";

/// The disposition of a list of those who are to get the request (RFC 5363).
pub const DISPOSITION: &str = "recipient-list";

/// The disposition of a list of those who have got it (RFC 5364).
pub const HISTORY: &str = "recipient-list-history";

const NS: &str = "urn:ietf:params:xml:ns:resource-lists";
const COPY: &str = "urn:ietf:params:xml:ns:copycontrol";

/// Those whom a request is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientList {
    /// Each of them, in order. Lists in lists are one list (RFC 5363 asks for flat ones).
    pub entries: Vec<Entry>,
}

/// One recipient (RFC 4826, RFC 5364 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The URI. One that may carry a method and header fields, as `sip:bob@example.com?Accept-Contact=…`, is
    /// kept as it is spelled.
    pub uri: Text,
    /// The name to be shown.
    pub display: Option<Text>,
    /// In which role; `None` counts as [`Role::Bcc`] where a list is told to others (RFC 5364 §4).
    pub role: Option<Role>,
    /// Whether the others see somebody without a name instead (RFC 5364 §4).
    pub is_anonymous: bool,
    /// For how many an anonymous entry stands, in a list of those who have got it (RFC 5364 §4).
    pub count: Option<u32>,
}

/// In which role somebody gets a message (RFC 5364 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It is for them.
    To,
    /// They get a copy.
    Cc,
    /// They get a copy, and the others do not know.
    Bcc,
}

/// Why bytes are not a resource list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The XML is broken or beyond its limits.
    #[error(transparent)]
    Xml(#[from] xml::Error),
    /// The document element is not `resource-lists`.
    #[error("not a resource-lists document")]
    Root,
    /// An entry has no `uri`.
    #[error("entry without uri")]
    NoUri,
    /// The part cannot be decoded.
    #[error("the part of the list cannot be decoded")]
    Encoding,
    /// There are more entries than [`Limits::recipients`].
    #[error("more than {0} entries")]
    TooMany(usize),
}

impl Role {
    fn parse(text: &str) -> Option<Self> {
        [Self::To, Self::Cc, Self::Bcc]
            .into_iter()
            .find(|role| role.as_str().eq_ignore_ascii_case(text))
    }

    /// As it is spelled in the document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::To => "to",
            Self::Cc => "cc",
            Self::Bcc => "bcc",
        }
    }
}

impl Entry {
    /// Somebody whom a request is for.
    pub fn to(uri: impl Into<Text>) -> Self {
        Self {
            uri: uri.into(),
            display: None,
            role: Some(Role::To),
            is_anonymous: false,
            count: None,
        }
    }
}

impl RecipientList {
    /// The list of these, each in the role `to`.
    pub fn new(uris: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        Self {
            entries: uris.into_iter().map(Entry::to).collect(),
        }
    }

    /// Reads the XML document. What is not known is skipped; references to lists elsewhere are as well.
    ///
    /// # Errors
    ///
    /// The bytes are not such a document.
    pub fn parse(document: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let document = String::from_utf8_lossy(document);
        let mut reader = xml::Reader::new(&document, limits)?;
        if !matches!(reader.child()?, Some(root) if root.name == "resource-lists") {
            return Err(ParseError::Root);
        }
        let mut read = Self::default();
        let mut depth = 0usize;
        // Entries stand in lists, and lists may stand in lists.
        loop {
            let Some(child) = reader.child()? else {
                if depth == 0 {
                    return Ok(read);
                }
                depth -= 1;
                continue;
            };
            match child.name {
                "list" => depth += 1,
                "entry" => {
                    if read.entries.len() >= limits.recipients {
                        return Err(ParseError::TooMany(limits.recipients));
                    }
                    read.entries.push(entry(&child, &mut reader)?);
                }
                _ => reader.skip()?,
            }
        }
    }

    /// The list in the body of a request, whose Content-Type is given: the body itself, or the part of a multipart that
    /// has the disposition `recipient-list`, else the first one of the media type.
    ///
    /// # Errors
    ///
    /// There is such a part, and it is no list.
    pub fn find(
        content_type: &Text,
        body: &Bytes,
        limits: &Limits,
    ) -> Result<Option<Self>, ParseError> {
        let Ok(content_type) = MediaType::parse(content_type) else {
            return Ok(None);
        };
        let Ok(parts) = Multipart::leaves(&content_type, body, limits) else {
            return Ok(None);
        };
        let is = |part: &Part, kind: &str| {
            let disposition = part.disposition();
            disposition.is_some_and(|own| own.kind().eq_ignore_ascii_case(kind))
        };
        let lists = || {
            (parts.iter())
                .filter(|part| part.content_type().is_ok_and(|own| own.matches(MEDIA_TYPE)))
                .filter(|part| !is(part, HISTORY))
        };
        let found = (lists().find(|part| is(part, DISPOSITION))).or_else(|| lists().next());
        let Some(found) = found else {
            return Ok(None);
        };
        match found.decoded_body(limits) {
            Ok(document) => Self::parse(&document, limits).map(Some),
            Err(_) => Err(ParseError::Encoding),
        }
    }

    /// The list as a part of a body, with a Content-ID by which a Refer-To may name it (RFC 5368).
    pub fn part(&self, content_id: Option<&str>) -> Part {
        let part = Part::new(MEDIA_TYPE, self.write()).with("Content-Disposition", DISPOSITION);
        match content_id {
            Some(id) => part.with("Content-ID", &format!("<{id}>")),
            None => part,
        }
    }

    /// The XML document.
    pub fn write(&self) -> Bytes {
        let mut out = xml::Writer::new();
        out.start("resource-lists", &[("xmlns", NS), ("xmlns:cp", COPY)])
            .start("list", &[]);
        for entry in &self.entries {
            let count = entry.count.map(|count| count.to_string());
            let mut attributes = vec![("uri", entry.uri.as_str())];
            attributes.extend(entry.role.map(|role| ("cp:copyControl", role.as_str())));
            attributes.extend(entry.is_anonymous.then_some(("cp:anonymize", "true")));
            attributes.extend(count.as_ref().map(|count| ("cp:count", count.as_str())));
            match &entry.display {
                Some(display) => {
                    out.start("entry", &attributes)
                        .leaf("display-name", display)
                        .end();
                }
                None => {
                    out.empty("entry", &attributes);
                }
            }
        }
        out.finish()
    }

    /// What the recipients are told of each other (RFC 5364): those in the roles `to` and `cc`, with the anonymous
    /// ones of each role counted in one entry.
    pub fn history(&self) -> Self {
        let mut told = Self::default();
        for role in [Role::To, Role::Cc] {
            let of_role = || (self.entries.iter()).filter(|entry| entry.role == Some(role));
            (told.entries).extend(of_role().filter(|entry| !entry.is_anonymous).cloned());
            let hidden = of_role().filter(|entry| entry.is_anonymous).count();
            if let Ok(count @ 1..) = u32::try_from(hidden) {
                told.entries.push(Entry {
                    role: Some(role),
                    count: Some(count),
                    ..Entry::to("sip:anonymous@anonymous.invalid")
                });
            }
        }
        told
    }
}

fn entry(start: &xml::Element<'_>, reader: &mut xml::Reader<'_>) -> Result<Entry, ParseError> {
    let uri = start.attribute("uri").ok_or(ParseError::NoUri)?;
    // Before RFC 5364 the attribute had another name.
    let role = (start.attribute("copyControl")).or_else(|| start.attribute("capacity"));
    let mut read = Entry {
        role: role.and_then(Role::parse),
        is_anonymous: matches!(start.attribute("anonymize"), Some("true" | "1")),
        count: start
            .attribute("count")
            .and_then(|count| count.trim().parse().ok()),
        ..Entry::to(Text::from(uri.trim()))
    };
    while let Some(child) = reader.child()? {
        match child.name {
            "display-name" => read.display = Some(Text::from(reader.text()?.trim())),
            _ => reader.skip()?,
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Ids, Seed};
    use proptest::prelude::*;

    const ALL: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\"><list>\
        <entry uri=\"sip:bill@example.com\" cp:copyControl=\"to\"/>\
        <entry uri=\"sip:randy@example.net\" cp:copyControl=\"to\" cp:anonymize=\"true\"/>\
        <entry uri=\"sip:joe@example.org\" cp:copyControl=\"cc\"><display-name>Joe &amp; Co</display-name></entry>\
        <entry uri=\"tel:+15550003\"/>\
        <entry uri=\"sip:ted@example.net\" cp:copyControl=\"bcc\"/></list></resource-lists>";

    fn parse(document: &str) -> Result<RecipientList, ParseError> {
        RecipientList::parse(document.as_bytes(), &Limits::default())
    }

    #[test]
    fn rfc5364_4_everything_in_both_directions() {
        let list = parse(ALL).unwrap();
        assert_eq!(list.write(), ALL);
        let roles: Vec<_> = list.entries.iter().map(|entry| entry.role).collect();
        let (to, cc, bcc) = (Some(Role::To), Some(Role::Cc), Some(Role::Bcc));
        assert_eq!(roles, [to, to, cc, None, bcc]);
        assert!(list.entries[1].is_anonymous);
    }

    #[test]
    fn rfc5364_recipients_see_whom_they_may() {
        let told = parse(ALL).unwrap().history();
        let entries: Vec<_> = (told.entries.iter())
            .map(|entry| (entry.uri.as_str(), entry.count))
            .collect();
        assert_eq!(
            entries,
            [
                ("sip:bill@example.com", None),
                ("sip:anonymous@anonymous.invalid", Some(1)),
                ("sip:joe@example.org", None)
            ]
        );
    }

    #[test]
    fn rfc4826_lists_in_lists_and_what_is_not_known() {
        let list = parse(
            "<rl:resource-lists xmlns:rl='urn:ietf:params:xml:ns:resource-lists' xmlns:cap='urn:x'>\
             <rl:list name='a'><rl:display-name>A</rl:display-name><rl:list><rl:entry uri=' sip:a@b ' cap:capacity='CC'/></rl:list>\
             <rl:entry-ref ref='x'/><rl:external anchor='y'/><rl:entry uri='sip:c@d'><rl:display-name>C</rl:display-name><x/></rl:entry></rl:list>\
             <rl:list><rl:entry uri='sip:e@f'/></rl:list></rl:resource-lists>",
        )
        .unwrap();
        let uris: Vec<_> = list
            .entries
            .iter()
            .map(|entry| entry.uri.as_str())
            .collect();
        assert_eq!(uris, ["sip:a@b", "sip:c@d", "sip:e@f"]);
        assert_eq!(list.entries[0].role, Some(Role::Cc));
        assert_eq!(list.entries[1].display.as_deref(), Some("C"));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert_eq!(parse("<list/>"), Err(ParseError::Root));
        let document = "<resource-lists><list><entry/></list></resource-lists>";
        assert_eq!(parse(document), Err(ParseError::NoUri));
        let limits = Limits {
            recipients: 4,
            ..Limits::default()
        };
        assert_eq!(
            RecipientList::parse(ALL.as_bytes(), &limits),
            Err(ParseError::TooMany(4))
        );
    }

    #[test]
    fn rfc5365_rfc5366_the_list_is_one_part_of_the_body() {
        let limits = Limits::default();
        let list = RecipientList::new(["sip:a@b", "sip:c@d"]);
        let mut ids = Ids::new(Seed::from_number(1));
        let other = RecipientList::new(["sip:history@b"]);
        let parts = vec![
            Part::new("text/plain", "hello"),
            Part::new(MEDIA_TYPE, other.write()).with("Content-Disposition", HISTORY),
            list.part(Some("list@example.com")),
        ];
        let body = Multipart::new("mixed", &mut ids, parts);
        let found = RecipientList::find(
            &Text::from(body.content_type().to_string()),
            &body.write(),
            &limits,
        );
        assert_eq!(found, Ok(Some(list.clone())));
        let alone = RecipientList::find(&Text::from(MEDIA_TYPE), &list.write(), &limits);
        assert_eq!(alone, Ok(Some(list)));
        let none = RecipientList::find(&Text::from("text/plain"), &Bytes::from("x"), &limits);
        assert_eq!(none, Ok(None));
        let broken = RecipientList::find(&Text::from(MEDIA_TYPE), &Bytes::from("x"), &limits);
        assert!(broken.is_err());
    }

    fn word() -> impl Strategy<Value = Text> {
        "[ -~é<&\"']{0,12}".prop_map(|word| Text::from(word.trim()))
    }

    prop_compose! {
        fn an_entry()(
            uri in word(),
            display in proptest::option::of(word()),
            role in proptest::option::of(proptest::sample::select(&[Role::To, Role::Cc, Role::Bcc][..])),
            is_anonymous in any::<bool>(),
            count in proptest::option::of(any::<u32>()),
        ) -> Entry {
            Entry { uri, display, role, is_anonymous, count }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(entries in proptest::collection::vec(an_entry(), 0..6)) {
            let list = RecipientList { entries };
            prop_assert_eq!(RecipientList::parse(&list.write(), &Limits::default()), Ok(list));
        }
    }
}
