//! Which calls somebody has: the document of the `dialog` event package (RFC 4235).

use super::{Extent, Outcome, ParseError, Versions, number, text};
use crate::engine::Limits;
use crate::wire::{Text, xml};
use bytes::Bytes;
use std::time::Duration;

/// The event package (RFC 4235 §3.1).
pub const PACKAGE: &str = "dialog";

/// The media type of the document (RFC 4235 §3.5).
pub const MEDIA_TYPE: &str = "application/dialog-info+xml";

const NS: &str = "urn:ietf:params:xml:ns:dialog-info";

/// The dialogs of somebody (RFC 4235 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogInfo {
    /// Counts the documents of one subscription.
    pub version: u32,
    /// Whether these are all dialogs.
    pub extent: Extent,
    /// Whose dialogs: a URI.
    pub entity: Text,
    /// The dialogs.
    pub dialogs: Vec<Dialog>,
}

/// One dialog (RFC 4235 §4.1.1 to §4.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// What names it in the documents of one subscription.
    pub id: Text,
    /// The Call-ID.
    pub call_id: Option<Text>,
    /// The tag of the entity's side.
    pub local_tag: Option<Text>,
    /// The tag of the other side.
    pub remote_tag: Option<Text>,
    /// Whether the entity has called.
    pub direction: Option<Direction>,
    /// Where it stands.
    pub state: State,
    /// What brought it there.
    pub cause: Option<Cause>,
    /// The status of the response that brought it there, 100 to 699.
    pub code: Option<u16>,
    /// For how long it has been.
    pub duration: Option<Duration>,
    /// The dialog that it took the place of (RFC 3891).
    pub replaces: Option<Replaced>,
    /// Who referred the entity to it (RFC 3892).
    pub referred_by: Option<Party>,
    /// The URIs that requests of the entity pass.
    pub route_set: Vec<Text>,
    /// The entity's side.
    pub local: Participant,
    /// The other side.
    pub remote: Participant,
}

/// Which side has called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The entity.
    Initiator,
    /// The other side.
    Recipient,
}

/// Where a dialog stands (RFC 4235 §3.7.1). A state that is not known counts as confirmed: there is a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The INVITE is out.
    Trying,
    /// A provisional response without a tag came.
    Proceeding,
    /// A provisional response with a tag came.
    Early,
    /// It is up.
    Confirmed,
    /// It is over.
    Terminated,
}

/// What brought a dialog where it stands (RFC 4235 §3.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A CANCEL.
    Cancelled,
    /// A response of 300 to 699.
    Rejected,
    /// Another dialog took its place.
    Replaced,
    /// The entity hung up.
    LocalBye,
    /// The other side hung up.
    RemoteBye,
    /// Something went wrong.
    Error,
    /// There was no answer in time.
    Timeout,
}

/// The dialog that another took the place of (RFC 4235 §4.1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Its Call-ID.
    pub call_id: Text,
    /// The tag of the entity's side.
    pub local_tag: Text,
    /// The tag of the other side.
    pub remote_tag: Text,
}

/// Somebody, by address and perhaps by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The URI.
    pub uri: Text,
    /// The name to be shown.
    pub display: Option<Text>,
}

/// One side of a dialog (RFC 4235 §4.1.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Participant {
    /// Who: From or To.
    pub identity: Option<Party>,
    /// Where: the URI of Contact.
    pub target: Option<Text>,
    /// The parameters of Contact, feature tags above all; a name without a value has an empty one.
    pub params: Vec<(Text, Text)>,
    /// The media type and text of the description of the session.
    pub session: Option<(Text, Text)>,
    /// The last number of a request of this side.
    pub sequence: Option<u32>,
}

impl Party {
    /// Somebody without a name.
    pub fn new(uri: impl Into<Text>) -> Self {
        Self {
            uri: uri.into(),
            display: None,
        }
    }
}

impl Dialog {
    /// A dialog of which no more is told than where it stands.
    pub fn new(id: impl Into<Text>, state: State) -> Self {
        Self {
            id: id.into(),
            call_id: None,
            local_tag: None,
            remote_tag: None,
            direction: None,
            state,
            cause: None,
            code: None,
            duration: None,
            replaces: None,
            referred_by: None,
            route_set: Vec::new(),
            local: Participant::default(),
            remote: Participant::default(),
        }
    }
}

impl DialogInfo {
    /// The first document of a subscription, which tells all.
    pub fn full(entity: impl Into<Text>, dialogs: Vec<Dialog>) -> Self {
        Self {
            version: 0,
            extent: Extent::Full,
            entity: entity.into(),
            dialogs,
        }
    }

    /// Reads the XML document. What is not known is skipped.
    ///
    /// # Errors
    ///
    /// The bytes are not such a document, or a dialog has no id.
    pub fn parse(document: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let document = String::from_utf8_lossy(document);
        let mut reader = xml::Reader::new(&document, limits)?;
        let root = match reader.child()? {
            Some(root) if root.name == "dialog-info" => root,
            _ => return Err(ParseError::Root("dialog-info")),
        };
        let mut read = Self {
            version: number(root.attribute("version")).unwrap_or_default(),
            extent: Extent::parse(root.attribute("state")),
            entity: text(root.attribute("entity")).unwrap_or_default(),
            dialogs: Vec::new(),
        };
        while let Some(child) = reader.child()? {
            match child.name {
                "dialog" => read.dialogs.push(dialog(&child, &mut reader)?),
                _ => reader.skip()?,
            }
        }
        Ok(read)
    }

    /// The XML document.
    pub fn write(&self) -> Bytes {
        let mut out = xml::Writer::new();
        out.start(
            "dialog-info",
            &[
                ("xmlns", NS),
                ("version", &self.version.to_string()),
                ("state", self.extent.as_str()),
                ("entity", &self.entity),
            ],
        );
        for dialog in &self.dialogs {
            dialog.write(&mut out);
        }
        out.finish()
    }
}

impl Dialog {
    fn write(&self, out: &mut xml::Writer) {
        let mut attributes = vec![("id", self.id.as_str())];
        for (name, value) in [
            ("call-id", &self.call_id),
            ("local-tag", &self.local_tag),
            ("remote-tag", &self.remote_tag),
        ] {
            attributes.extend(value.as_ref().map(|value| (name, value.as_str())));
        }
        attributes.extend(self.direction.map(|direction| {
            let direction = match direction {
                Direction::Initiator => "initiator",
                Direction::Recipient => "recipient",
            };
            ("direction", direction)
        }));
        out.start("dialog", &attributes);
        let code = self.code.map(|code| code.to_string());
        let mut attributes = Vec::new();
        attributes.extend(self.cause.map(|cause| ("event", cause.as_str())));
        attributes.extend(code.as_ref().map(|code| ("code", code.as_str())));
        out.start("state", &attributes)
            .text(self.state.as_str())
            .end();
        if let Some(duration) = self.duration {
            out.leaf("duration", &duration.as_secs().to_string());
        }
        if let Some(replaced) = &self.replaces {
            let attributes = [
                ("call-id", replaced.call_id.as_str()),
                ("local-tag", &replaced.local_tag),
                ("remote-tag", &replaced.remote_tag),
            ];
            out.empty("replaces", &attributes);
        }
        if let Some(party) = &self.referred_by {
            party.write("referred-by", out);
        }
        if !self.route_set.is_empty() {
            out.start("route-set", &[]);
            for hop in &self.route_set {
                out.leaf("hop", hop);
            }
            out.end();
        }
        self.local.write("local", out);
        self.remote.write("remote", out);
        out.end();
    }
}

impl Party {
    fn write(&self, name: &'static str, out: &mut xml::Writer) {
        let display = self.display.as_ref();
        let attributes: Vec<_> = display
            .map(|display| ("display", display.as_str()))
            .into_iter()
            .collect();
        out.start(name, &attributes).text(&self.uri).end();
    }
}

impl Participant {
    fn write(&self, name: &'static str, out: &mut xml::Writer) {
        if *self == Self::default() {
            return;
        }
        out.start(name, &[]);
        if let Some(identity) = &self.identity {
            identity.write("identity", out);
        }
        if let Some(target) = &self.target {
            out.start("target", &[("uri", target)]);
            for (name, value) in &self.params {
                out.empty("param", &[("pname", name), ("pval", value)]);
            }
            out.end();
        }
        if let Some((media_type, description)) = &self.session {
            out.start("session-description", &[("type", media_type)])
                .text(description)
                .end();
        }
        if let Some(sequence) = self.sequence {
            out.leaf("cseq", &sequence.to_string());
        }
        out.end();
    }
}

impl State {
    fn parse(text: &str) -> Self {
        match text {
            "trying" => Self::Trying,
            "proceeding" => Self::Proceeding,
            "early" => Self::Early,
            "terminated" => Self::Terminated,
            _ => Self::Confirmed,
        }
    }

    /// As it is spelled in the document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Proceeding => "proceeding",
            Self::Early => "early",
            Self::Confirmed => "confirmed",
            Self::Terminated => "terminated",
        }
    }
}

impl Cause {
    const ALL: [Self; 7] = [
        Self::Cancelled,
        Self::Rejected,
        Self::Replaced,
        Self::LocalBye,
        Self::RemoteBye,
        Self::Error,
        Self::Timeout,
    ];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text)
    }

    /// As it is spelled in the document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Replaced => "replaced",
            Self::LocalBye => "local-bye",
            Self::RemoteBye => "remote-bye",
            Self::Error => "error",
            Self::Timeout => "timeout",
        }
    }
}

fn dialog(start: &xml::Element<'_>, reader: &mut xml::Reader<'_>) -> Result<Dialog, ParseError> {
    let id = text(start.attribute("id")).ok_or(ParseError::Missing {
        element: "dialog",
        attribute: "id",
    })?;
    let mut dialog = Dialog {
        call_id: text(start.attribute("call-id")),
        local_tag: text(start.attribute("local-tag")),
        remote_tag: text(start.attribute("remote-tag")),
        direction: match start.attribute("direction") {
            Some("initiator") => Some(Direction::Initiator),
            Some("recipient") => Some(Direction::Recipient),
            _ => None,
        },
        ..Dialog::new(id, State::Confirmed)
    };
    while let Some(child) = reader.child()? {
        match child.name {
            "state" => {
                dialog.cause = child.attribute("event").and_then(Cause::parse);
                dialog.code = (child.attribute("code"))
                    .and_then(|code| code.trim().parse().ok())
                    .filter(|code| (100..700).contains(code));
                dialog.state = State::parse(reader.text()?.trim());
            }
            "duration" => {
                let seconds = reader.text()?.trim().parse().ok();
                dialog.duration = seconds.map(Duration::from_secs);
            }
            "replaces" => {
                let part = |name| text(child.attribute(name)).unwrap_or_default();
                dialog.replaces = Some(Replaced {
                    call_id: part("call-id"),
                    local_tag: part("local-tag"),
                    remote_tag: part("remote-tag"),
                });
                reader.skip()?;
            }
            "referred-by" => dialog.referred_by = Some(party(&child, reader)?),
            "route-set" => {
                while let Some(child) = reader.child()? {
                    match child.name {
                        "hop" => dialog.route_set.push(Text::from(reader.text()?.trim())),
                        _ => reader.skip()?,
                    }
                }
            }
            "local" => dialog.local = participant(reader)?,
            "remote" => dialog.remote = participant(reader)?,
            _ => reader.skip()?,
        }
    }
    Ok(dialog)
}

fn party(start: &xml::Element<'_>, reader: &mut xml::Reader<'_>) -> Result<Party, ParseError> {
    Ok(Party {
        display: text(start.attribute("display")),
        uri: Text::from(reader.text()?.trim()),
    })
}

fn participant(reader: &mut xml::Reader<'_>) -> Result<Participant, ParseError> {
    let mut read = Participant::default();
    while let Some(child) = reader.child()? {
        match child.name {
            // Where there are several, the first is the one that was called or has called.
            "identity" if read.identity.is_none() => {
                read.identity = Some(party(&child, reader)?);
            }
            "target" => {
                read.target = text(child.attribute("uri"));
                read.params.clear();
                while let Some(param) = reader.child()? {
                    if let ("param", Some(name)) = (param.name, text(param.attribute("pname"))) {
                        let value = text(param.attribute("pval")).unwrap_or_default();
                        read.params.push((name, value));
                    }
                    reader.skip()?;
                }
                if read.target.is_none() {
                    read.params.clear();
                }
            }
            "session-description" => {
                let media_type = text(child.attribute("type")).unwrap_or_default();
                read.session = Some((media_type, Text::from(&*reader.text()?)));
            }
            "cseq" => read.sequence = number(Some(&reader.text()?)),
            _ => reader.skip()?,
        }
    }
    Ok(read)
}

/// The dialogs of somebody, as a subscriber knows them (RFC 4235 §4.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialogs {
    versions: Versions,
    dialogs: Vec<Dialog>,
}

impl Dialogs {
    /// Takes in the next document. A dialog that is terminated is taken out.
    pub fn apply(&mut self, document: DialogInfo, limits: &Limits) -> Outcome {
        let outcome = self.versions.judge(document.version, document.extent);
        if outcome == Outcome::Stale {
            return outcome;
        }
        let mut dialogs = match document.extent {
            Extent::Full => Vec::new(),
            Extent::Partial => self.dialogs.clone(),
        };
        for dialog in document.dialogs {
            // What is told of a dialog is all of it.
            dialogs.retain(|known: &Dialog| known.id != dialog.id);
            if dialog.state != State::Terminated {
                dialogs.push(dialog);
            }
        }
        if dialogs.len() > limits.event_items {
            return Outcome::TooMany;
        }
        self.versions = Versions(Some(document.version));
        self.dialogs = dialogs;
        outcome
    }

    /// The dialogs that are not over.
    pub fn iter(&self) -> impl Iterator<Item = &Dialog> {
        self.dialogs.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(document: &str) -> Result<DialogInfo, ParseError> {
        DialogInfo::parse(document.as_bytes(), &Limits::default())
    }

    const ALL: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"7\" state=\"partial\" entity=\"sip:alice@example.com\">\
        <dialog id=\"as7d900as8\" call-id=\"a84b4c76e66710\" local-tag=\"1928301774\" remote-tag=\"456887766\" direction=\"initiator\">\
        <state event=\"rejected\" code=\"486\">terminated</state>\
        <duration>274</duration>\
        <replaces call-id=\"hg287s98s89\" local-tag=\"6762h7\" remote-tag=\"09278hsb\"/>\
        <referred-by display=\"Bob\">sip:bob@example.com</referred-by>\
        <route-set><hop>sip:h2.example.com;lr</hop><hop>sip:h1.example.com;lr</hop></route-set>\
        <local><identity>sip:alice@example.com</identity><target uri=\"sip:alice@pc33.example.com\">\
        <param pname=\"+sip.rendering\" pval=\"no\"/></target>\
        <session-description type=\"application/sdp\">v=0</session-description><cseq>3</cseq></local>\
        <remote><identity display=\"Bob &amp; co\">sip:bob@example.com</identity></remote>\
        </dialog></dialog-info>";

    #[test]
    fn rfc4235_4_1_everything_in_both_directions() {
        let info = parse(ALL).unwrap();
        assert_eq!(info.write(), ALL);
        assert_eq!((info.version, info.extent), (7, Extent::Partial));
        let dialog = &info.dialogs[0];
        assert_eq!(dialog.state, State::Terminated);
        assert_eq!(
            (dialog.cause, dialog.code),
            (Some(Cause::Rejected), Some(486))
        );
        assert_eq!(dialog.route_set.len(), 2);
        let bob = dialog.remote.identity.as_ref().unwrap();
        assert_eq!(bob.display.as_deref(), Some("Bob & co"));
    }

    #[test]
    fn what_is_not_known_is_skipped() {
        let info = parse(
            "<d:dialog-info xmlns:d='urn:ietf:params:xml:ns:dialog-info' xmlns:x='urn:x' entity='sip:a@b' x:y='1'>\
             <x:note>hello <x:state>terminated</x:state></x:note>\
             <d:dialog id='1'><x:state-of-mind>calm</x:state-of-mind><d:state code='7' event='x:odd'> odd </d:state>\
             <d:duration>soon</d:duration><d:local><d:target/><x:y/></d:local></d:dialog></d:dialog-info>",
        )
        .unwrap();
        assert_eq!(
            info,
            DialogInfo::full("sip:a@b", vec![Dialog::new("1", State::Confirmed)])
        );
    }

    #[test]
    fn what_is_no_dialog_info_is_refused() {
        for (document, error) in [
            ("<dialogs/>", ParseError::Root("dialog-info")),
            (
                "<dialog-info><dialog/></dialog-info>",
                ParseError::Missing {
                    element: "dialog",
                    attribute: "id",
                },
            ),
            ("<dialog-info>", ParseError::Xml(xml::Error::Malformed(13))),
        ] {
            assert_eq!(parse(document), Err(error), "{document}");
        }
    }

    fn info(version: u32, extent: Extent, dialogs: &[(&'static str, State)]) -> DialogInfo {
        DialogInfo {
            version,
            extent,
            ..DialogInfo::full(
                "sip:a@b",
                (dialogs.iter())
                    .map(|(id, state)| Dialog::new(*id, *state))
                    .collect(),
            )
        }
    }

    #[test]
    fn rfc4235_4_3_documents_make_one_state() {
        use Extent::{Full, Partial};
        use State::{Confirmed, Early, Terminated, Trying};
        let limits = Limits {
            event_items: 2,
            ..Limits::default()
        };
        let mut dialogs = Dialogs::default();
        let mut apply = |document, outcome, left: &[(&str, State)]| {
            assert_eq!(dialogs.apply(document, &limits), outcome);
            let is: Vec<_> = dialogs.iter().map(|d| (d.id.as_str(), d.state)).collect();
            assert_eq!(is, left);
        };
        apply(
            info(3, Full, &[("a", Trying)]),
            Outcome::Applied,
            &[("a", Trying)],
        );
        apply(
            info(4, Partial, &[("b", Early)]),
            Outcome::Applied,
            &[("a", Trying), ("b", Early)],
        );
        apply(
            info(4, Partial, &[("b", Terminated)]),
            Outcome::Stale,
            &[("a", Trying), ("b", Early)],
        );
        apply(
            info(5, Partial, &[("c", Trying)]),
            Outcome::TooMany,
            &[("a", Trying), ("b", Early)],
        );
        apply(
            info(5, Partial, &[("a", Terminated), ("b", Confirmed)]),
            Outcome::Applied,
            &[("b", Confirmed)],
        );
        apply(
            info(7, Partial, &[("d", Trying)]),
            Outcome::Missed,
            &[("b", Confirmed), ("d", Trying)],
        );
        apply(
            info(9, Full, &[("e", Early)]),
            Outcome::Applied,
            &[("e", Early)],
        );
    }

    fn word() -> impl Strategy<Value = Text> {
        "[ -~é<&\"']{0,12}".prop_map(|word| Text::from(word.trim()))
    }

    fn some<T: std::fmt::Debug + Clone>(
        of: impl Strategy<Value = T>,
    ) -> impl Strategy<Value = Option<T>> {
        proptest::option::of(of)
    }

    prop_compose! {
        fn a_party()(uri in word(), display in some(word())) -> Party {
            Party { uri, display }
        }
    }

    prop_compose! {
        fn a_side()(
            identity in some(a_party()),
            target in some((word(), proptest::collection::vec((word(), word()), 0..3))),
            session in some((word(), word())),
            sequence in some(any::<u32>()),
        ) -> Participant {
            let (target, params) = target.map_or((None, Vec::new()), |(t, p)| (Some(t), p));
            Participant { identity, target, params, session, sequence }
        }
    }

    prop_compose! {
        fn a_dialog()(
            (id, call_id, local_tag, remote_tag) in (word(), some(word()), some(word()), some(word())),
            direction in some(prop_oneof![Just(Direction::Initiator), Just(Direction::Recipient)]),
            state in prop_oneof![
                Just(State::Trying), Just(State::Proceeding), Just(State::Early),
                Just(State::Confirmed), Just(State::Terminated)
            ],
            cause in some(proptest::sample::select(&Cause::ALL[..])),
            code in some(100u16..700),
            duration in some((0u64..1 << 40).prop_map(Duration::from_secs)),
            replaces in some((word(), word(), word())),
            referred_by in some(a_party()),
            route_set in proptest::collection::vec(word(), 0..3),
            (local, remote) in (a_side(), a_side()),
        ) -> Dialog {
            Dialog {
                id, call_id, local_tag, remote_tag, direction, state, cause, code, duration,
                replaces: replaces.map(|(call_id, local_tag, remote_tag)| Replaced { call_id, local_tag, remote_tag }),
                referred_by, route_set, local, remote,
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            version in any::<u32>(),
            full in any::<bool>(),
            entity in word(),
            dialogs in proptest::collection::vec(a_dialog(), 0..4),
        ) {
            let extent = if full { Extent::Full } else { Extent::Partial };
            let info = DialogInfo { version, extent, entity, dialogs };
            prop_assert_eq!(DialogInfo::parse(&info.write(), &Limits::default()), Ok(info));
        }
    }
}
