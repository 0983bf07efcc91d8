//! Who is registered where: the document of the `reg` event package (RFC 3680, with GRUUs of RFC 5628).

use super::{Extent, Outcome, ParseError, Versions, number, text};
use crate::engine::Limits;
use crate::wire::{Text, xml};
use bytes::Bytes;

/// The event package (RFC 3680 §4.1).
pub const PACKAGE: &str = "reg";

/// The media type of the document (RFC 3680 §5).
pub const MEDIA_TYPE: &str = "application/reginfo+xml";

const NS: &str = "urn:ietf:params:xml:ns:reginfo";
const GRUU: &str = "urn:ietf:params:xml:ns:gruuinfo";

/// The registrations of one user (RFC 3680 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegInfo {
    /// Counts the documents of one subscription.
    pub version: u32,
    /// Whether these are all registrations.
    pub extent: Extent,
    /// One for each address of record.
    pub registrations: Vec<Registration>,
}

/// The contacts of an address of record (RFC 3680 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The address of record: a URI.
    pub aor: Text,
    /// What names it in the documents of one subscription.
    pub id: Text,
    /// Whether there is a contact.
    pub state: State,
    /// The contacts.
    pub contacts: Vec<Contact>,
}

/// Whether an address of record has a contact (RFC 3680). A state that is not known counts as active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It never had one, or has none any more and is forgotten.
    Init,
    /// It has.
    Active,
    /// It has none any more.
    Terminated,
}

/// A contact (RFC 3680 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// What names it in the documents of one subscription.
    pub id: Text,
    /// Whether it is registered.
    pub is_active: bool,
    /// What happened to it; `None` for an event that is not known.
    pub event: Option<Event>,
    /// The URI.
    pub uri: Text,
    /// The name to be shown, and its language.
    pub display: Option<(Text, Option<Text>)>,
    /// For how many seconds it has been registered.
    pub registered: Option<u64>,
    /// For how many seconds it stays registered.
    pub expires: Option<u64>,
    /// After how many seconds it should register again, after `probation`.
    pub retry_after: Option<u64>,
    /// The preference, as it is spelled: 0 to 1 with up to three decimals.
    pub q: Option<Text>,
    /// The Call-ID of its REGISTER.
    pub call_id: Option<Text>,
    /// The number of its REGISTER.
    pub sequence: Option<u32>,
    /// Its parameters, feature tags above all, as they are spelled; one without a value has an empty one.
    pub params: Vec<(Text, Text)>,
    /// The public GRUU (RFC 5628).
    pub pub_gruu: Option<Text>,
    /// The temporary GRUU, and the number of the REGISTER since which it is good (RFC 5628).
    pub temp_gruu: Option<(Text, Option<u32>)>,
}

/// What happened to a contact (RFC 3680).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// By a REGISTER.
    Registered,
    /// Without a REGISTER, by administration.
    Created,
    /// Registered for longer.
    Refreshed,
    /// Registered for less: it is to register again at once.
    Shortened,
    /// Its time was over.
    Expired,
    /// The network took it away, and it may come back at once.
    Deactivated,
    /// The network took it away, and it may come back later.
    Probation,
    /// It went.
    Unregistered,
    /// The network took it away, and it may not come back.
    Rejected,
}

impl Event {
    const ALL: [Self; 9] = [
        Self::Registered,
        Self::Created,
        Self::Refreshed,
        Self::Shortened,
        Self::Expired,
        Self::Deactivated,
        Self::Probation,
        Self::Unregistered,
        Self::Rejected,
    ];

    /// As it is spelled in the document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Created => "created",
            Self::Refreshed => "refreshed",
            Self::Shortened => "shortened",
            Self::Expired => "expired",
            Self::Deactivated => "deactivated",
            Self::Probation => "probation",
            Self::Unregistered => "unregistered",
            Self::Rejected => "rejected",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

impl State {
    /// As it is spelled in the document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Active => "active",
            Self::Terminated => "terminated",
        }
    }
}

impl Contact {
    /// A contact that is registered, of which no more is told.
    pub fn new(id: impl Into<Text>, uri: impl Into<Text>, event: Event) -> Self {
        Self {
            id: id.into(),
            is_active: matches!(
                event,
                Event::Registered | Event::Created | Event::Refreshed | Event::Shortened
            ),
            event: Some(event),
            uri: uri.into(),
            display: None,
            registered: None,
            expires: None,
            retry_after: None,
            q: None,
            call_id: None,
            sequence: None,
            params: Vec::new(),
            pub_gruu: None,
            temp_gruu: None,
        }
    }

    /// The value of a parameter, without the quotes that it may have.
    pub fn param(&self, name: &str) -> Option<&str> {
        let (_, value) = (self.params.iter()).find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        Some(inner.unwrap_or(value))
    }
}

impl RegInfo {
    /// The first document of a subscription, which tells all.
    pub const fn full(registrations: Vec<Registration>) -> Self {
        Self {
            version: 0,
            extent: Extent::Full,
            registrations,
        }
    }

    /// Reads the XML document. What is not known is skipped.
    ///
    /// # Errors
    ///
    /// The bytes are not such a document, or a registration or contact has no id.
    pub fn parse(document: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let document = String::from_utf8_lossy(document);
        let mut reader = xml::Reader::new(&document, limits)?;
        let root = match reader.child()? {
            Some(root) if root.name == "reginfo" => root,
            _ => return Err(ParseError::Root("reginfo")),
        };
        let mut read = Self {
            version: number(root.attribute("version")).unwrap_or_default(),
            extent: Extent::parse(root.attribute("state")),
            registrations: Vec::new(),
        };
        while let Some(child) = reader.child()? {
            match child.name {
                "registration" => (read.registrations).push(registration(&child, &mut reader)?),
                _ => reader.skip()?,
            }
        }
        Ok(read)
    }

    /// The XML document.
    pub fn write(&self) -> Bytes {
        let mut out = xml::Writer::new();
        let version = self.version.to_string();
        let mut attributes = vec![("xmlns", NS)];
        let has_gruu = (self.registrations.iter())
            .flat_map(|registration| &registration.contacts)
            .any(|contact| contact.pub_gruu.is_some() || contact.temp_gruu.is_some());
        if has_gruu {
            attributes.push(("xmlns:gr", GRUU));
        }
        attributes.extend([
            ("version", version.as_str()),
            ("state", self.extent.as_str()),
        ]);
        out.start("reginfo", &attributes);
        for registration in &self.registrations {
            out.start(
                "registration",
                &[
                    ("aor", &registration.aor),
                    ("id", &registration.id),
                    ("state", registration.state.as_str()),
                ],
            );
            for contact in &registration.contacts {
                contact.write(&mut out);
            }
            out.end();
        }
        out.finish()
    }
}

impl Contact {
    fn write(&self, out: &mut xml::Writer) {
        let state = match self.is_active {
            true => "active",
            false => "terminated",
        };
        // An event has to be there.
        let event = match (self.event, self.is_active) {
            (Some(event), _) => event,
            (None, true) => Event::Registered,
            (None, false) => Event::Unregistered,
        };
        let numbers = [
            ("expires", self.expires),
            ("retry-after", self.retry_after),
            ("duration-registered", self.registered),
            ("cseq", self.sequence.map(u64::from)),
        ]
        .map(|(name, value)| (name, value.map(|value| value.to_string())));
        let mut attributes = vec![
            ("id", self.id.as_str()),
            ("state", state),
            ("event", event.as_str()),
        ];
        for (name, value) in &numbers {
            attributes.extend(value.as_ref().map(|value| (*name, value.as_str())));
        }
        attributes.extend(self.q.as_ref().map(|q| ("q", q.as_str())));
        attributes.extend(self.call_id.as_ref().map(|id| ("callid", id.as_str())));
        out.start("contact", &attributes).leaf("uri", &self.uri);
        if let Some((display, language)) = &self.display {
            let language: Vec<_> = (language.iter())
                .map(|language| ("xml:lang", language.as_str()))
                .collect();
            out.start("display-name", &language).text(display).end();
        }
        for (name, value) in &self.params {
            out.start("unknown-param", &[("name", name)])
                .text(value)
                .end();
        }
        if let Some(gruu) = &self.pub_gruu {
            out.empty("gr:pub-gruu", &[("uri", gruu)]);
        }
        if let Some((gruu, first)) = &self.temp_gruu {
            let first = first.map(|first| first.to_string());
            let mut attributes = vec![("uri", gruu.as_str())];
            attributes.extend(first.as_ref().map(|first| ("first-cseq", first.as_str())));
            out.empty("gr:temp-gruu", &attributes);
        }
        out.end();
    }
}

fn registration(
    start: &xml::Element<'_>,
    reader: &mut xml::Reader<'_>,
) -> Result<Registration, ParseError> {
    let aor = text(start.attribute("aor")).unwrap_or_default();
    let mut read = Registration {
        id: text(start.attribute("id")).ok_or(ParseError::Missing {
            element: "registration",
            attribute: "id",
        })?,
        state: match start.attribute("state") {
            Some("init") => State::Init,
            Some("terminated") => State::Terminated,
            _ => State::Active,
        },
        contacts: Vec::new(),
        aor,
    };
    while let Some(child) = reader.child()? {
        match child.name {
            "contact" => read.contacts.push(contact(&child, reader)?),
            _ => reader.skip()?,
        }
    }
    Ok(read)
}

fn contact(start: &xml::Element<'_>, reader: &mut xml::Reader<'_>) -> Result<Contact, ParseError> {
    let long = |name| start.attribute(name)?.trim().parse().ok();
    let id = text(start.attribute("id")).ok_or(ParseError::Missing {
        element: "contact",
        attribute: "id",
    })?;
    let mut read = Contact {
        is_active: start.attribute("state") != Some("terminated"),
        event: start.attribute("event").and_then(Event::parse),
        registered: long("duration-registered"),
        expires: long("expires"),
        retry_after: long("retry-after"),
        q: text(start.attribute("q")),
        call_id: text(start.attribute("callid")),
        sequence: number(start.attribute("cseq")),
        ..Contact::new(id, Text::default(), Event::Registered)
    };
    while let Some(child) = reader.child()? {
        match child.name {
            "uri" => read.uri = Text::from(reader.text()?.trim()),
            "display-name" => {
                let language = text(child.attribute("lang"));
                read.display = Some((Text::from(reader.text()?.trim()), language));
            }
            "unknown-param" => {
                let name = text(child.attribute("name"));
                let value = Text::from(reader.text()?.trim());
                read.params.extend(name.map(|name| (name, value)));
            }
            "pub-gruu" => {
                read.pub_gruu = text(child.attribute("uri"));
                reader.skip()?;
            }
            "temp-gruu" => {
                let first = number(child.attribute("first-cseq"));
                read.temp_gruu = text(child.attribute("uri")).map(|gruu| (gruu, first));
                reader.skip()?;
            }
            _ => reader.skip()?,
        }
    }
    Ok(read)
}

/// The registrations of one user, as a subscriber knows them (RFC 3680 §5.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registrations {
    versions: Versions,
    registrations: Vec<Registration>,
}

impl Registrations {
    /// Takes in the next document. What is terminated is taken out.
    pub fn apply(&mut self, document: RegInfo, limits: &Limits) -> Outcome {
        let outcome = self.versions.judge(document.version, document.extent);
        if outcome == Outcome::Stale {
            return outcome;
        }
        let mut all = match document.extent {
            Extent::Full => Vec::new(),
            Extent::Partial => self.registrations.clone(),
        };
        for told in document.registrations {
            let place = all.iter().position(|r: &Registration| r.id == told.id);
            if told.state == State::Terminated {
                place.map(|place| all.remove(place));
                continue;
            }
            let mut contacts = match place {
                Some(place) => all.remove(place).contacts,
                None => Vec::new(),
            };
            for contact in told.contacts {
                contacts.retain(|known: &Contact| known.id != contact.id);
                if contact.is_active {
                    contacts.push(contact);
                }
            }
            all.push(Registration { contacts, ..told });
        }
        let items: usize = all.iter().map(|one| one.contacts.len() + 1).sum();
        if items > limits.event_items {
            return Outcome::TooMany;
        }
        self.versions = Versions(Some(document.version));
        self.registrations = all;
        outcome
    }

    /// The registrations that are not over.
    pub fn iter(&self) -> impl Iterator<Item = &Registration> {
        self.registrations.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(document: &str) -> Result<RegInfo, ParseError> {
        RegInfo::parse(document.as_bytes(), &Limits::default())
    }

    const ALL: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" xmlns:gr=\"urn:ietf:params:xml:ns:gruuinfo\" version=\"1\" state=\"partial\">\
        <registration aor=\"sip:alice@example.com\" id=\"as9\" state=\"active\">\
        <contact id=\"76\" state=\"active\" event=\"registered\" expires=\"3600\" duration-registered=\"7322\" cseq=\"16\" q=\"0.8\" callid=\"1j9\">\
        <uri>sip:alice@pc887.example.com</uri><display-name xml:lang=\"en\">Alice</display-name>\
        <unknown-param name=\"+sip.instance\">\"&lt;urn:uuid:f81d4fae&gt;\"</unknown-param>\
        <gr:pub-gruu uri=\"sip:alice@example.com;gr=urn:uuid:f81d4fae\"/>\
        <gr:temp-gruu uri=\"sip:tgruu.7hs@example.com;gr\" first-cseq=\"54301\"/></contact>\
        <contact id=\"77\" state=\"terminated\" event=\"probation\" retry-after=\"60\"><uri>sip:alice@192.0.2.1</uri></contact>\
        </registration></reginfo>";

    #[test]
    fn rfc3680_5_1_rfc5628_everything_in_both_directions() {
        let info = parse(ALL).unwrap();
        assert_eq!(info.write(), ALL);
        let contact = &info.registrations[0].contacts[0];
        assert_eq!(contact.param("+SIP.instance"), Some("<urn:uuid:f81d4fae>"));
        assert_eq!(
            contact.temp_gruu,
            Some((
                Text::from_static("sip:tgruu.7hs@example.com;gr"),
                Some(54301)
            ))
        );
        assert_eq!(info.registrations[0].contacts[1].retry_after, Some(60));
    }

    #[test]
    fn what_is_no_reginfo_is_refused_and_what_is_not_known_is_skipped() {
        assert_eq!(parse("<reg/>"), Err(ParseError::Root("reginfo")));
        for (document, element) in [
            ("<reginfo><registration aor='a'/></reginfo>", "registration"),
            (
                "<reginfo><registration id='1'><contact/></registration></reginfo>",
                "contact",
            ),
        ] {
            let attribute = "id";
            assert_eq!(
                parse(document),
                Err(ParseError::Missing { element, attribute })
            );
        }
        // As networks send it: line ends around URIs, wildcards, elements of their own.
        let info = parse(
            "<reginfo version='x' xmlns:ere='urn:3gpp:ns:extRegExp:1.0'><registration aor='sip:a@b' id='1' state='odd'>\
             <ere:wildcardedIdentity>sip:a!.*!@b</ere:wildcardedIdentity>\
             <contact id='2' event='odd'><uri>\n sip:a@c \n</uri><x/></contact></registration></reginfo>",
        )
        .unwrap();
        let mut contact = Contact::new("2", "sip:a@c", Event::Registered);
        contact.event = None;
        assert_eq!(info.registrations[0].contacts, [contact]);
        assert_eq!(info.registrations[0].state, State::Active);
    }

    #[test]
    fn rfc3680_5_2_documents_make_one_state() {
        let contact = |id: &'static str, event| Contact::new(id, "sip:a@b", event);
        let document = |version, extent, state, contacts: Vec<Contact>| RegInfo {
            version,
            extent,
            registrations: vec![Registration {
                aor: Text::from_static("sip:a@b"),
                id: Text::from_static("r"),
                state,
                contacts,
            }],
        };
        let limits = Limits {
            event_items: 3,
            ..Limits::default()
        };
        let mut known = Registrations::default();
        let mut apply = |document, outcome, left: &[&str]| {
            assert_eq!(known.apply(document, &limits), outcome);
            let ids: Vec<_> = (known.iter())
                .flat_map(|r| r.contacts.iter().map(|c| c.id.as_str()))
                .collect();
            assert_eq!(ids, left);
        };
        use {Event::*, Extent::*};
        let one = vec![contact("1", Registered)];
        apply(
            document(0, Full, State::Active, one),
            Outcome::Applied,
            &["1"],
        );
        let two = vec![contact("2", Created)];
        apply(
            document(1, Partial, State::Active, two),
            Outcome::Applied,
            &["1", "2"],
        );
        let three = vec![contact("3", Registered)];
        apply(
            document(2, Partial, State::Active, three),
            Outcome::TooMany,
            &["1", "2"],
        );
        let gone = vec![contact("1", Expired)];
        apply(
            document(2, Partial, State::Active, gone),
            Outcome::Applied,
            &["2"],
        );
        let late = vec![contact("2", Unregistered)];
        apply(
            document(2, Partial, State::Active, late),
            Outcome::Stale,
            &["2"],
        );
        apply(
            document(4, Partial, State::Terminated, vec![]),
            Outcome::Missed,
            &[],
        );
    }

    fn word() -> impl Strategy<Value = Text> {
        "[ -~é<&\"']{0,12}".prop_map(|word| Text::from(word.trim()))
    }

    prop_compose! {
        fn a_contact()(
            (id, uri) in (word(), word()),
            is_active in any::<bool>(),
            event in proptest::sample::select(&Event::ALL[..]),
            display in proptest::option::of((word(), proptest::option::of(word()))),
            [registered, expires, retry_after] in proptest::array::uniform3(proptest::option::of(any::<u64>())),
            [q, call_id, pub_gruu] in proptest::array::uniform3(proptest::option::of(word())),
            sequence in proptest::option::of(any::<u32>()),
            params in proptest::collection::vec((word(), word()), 0..3),
            temp_gruu in proptest::option::of((word(), proptest::option::of(any::<u32>()))),
        ) -> Contact {
            Contact {
                id, is_active, event: Some(event), uri, display, registered, expires, retry_after, q, call_id,
                sequence, params, pub_gruu, temp_gruu,
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            version in any::<u32>(),
            full in any::<bool>(),
            (aor, id) in (word(), word()),
            state in prop_oneof![Just(State::Init), Just(State::Active), Just(State::Terminated)],
            contacts in proptest::collection::vec(a_contact(), 0..4),
        ) {
            let extent = if full { Extent::Full } else { Extent::Partial };
            let registrations = vec![Registration { aor, id, state, contacts }];
            let info = RegInfo { version, extent, registrations };
            prop_assert_eq!(RegInfo::parse(&info.write(), &Limits::default()), Ok(info));
        }
    }
}
