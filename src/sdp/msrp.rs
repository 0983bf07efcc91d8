//! What MSRP says in a session description (RFC 4975 §8, RFC 6135, RFC 6714, RFC 7701, RFC 5547).

use super::{Direction, Line, Origin, Session, direction, write};
use crate::wire::Text;
use crate::wire::mime::MediaType;

/// One MSRP stream as a description tells of it: ours to offer, or the peer's as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Media {
    /// The address of the section's `c=` line, or else of the session's, without brackets. Empty if there is
    /// none; without [`cema`](Self::cema) it is the path that counts (RFC 4975 §8.1).
    pub address: Text,
    /// The port of the `m=` line; 9 where we only connect, 0 where the stream is refused.
    pub port: u16,
    /// Whether it runs over TLS.
    pub secure: bool,
    /// The MSRP URIs from the first relay to the end (RFC 4975 §8.2), as they are spelled.
    pub path: Vec<Text>,
    /// Who connects (RFC 6135). Where it is absent, the offerer does (RFC 4975 §5.4).
    pub setup: Option<Setup>,
    /// What is accepted as content: media types, `type/*` or `*` (RFC 4975 §8.6).
    pub accept_types: Vec<Text>,
    /// What is accepted within an accepted envelope only (RFC 4975 §8.6).
    pub accept_wrapped_types: Vec<Text>,
    /// Who sends.
    pub direction: Direction,
    /// The largest message that is accepted (RFC 4975 §8.6).
    pub max_size: Option<u64>,
    /// The `connection` attribute of a peer: `new` or `existing` (RFC 4145 §5). MSRP has rules of its own for the use of
    /// connections that there are, so it is ignored, and never written (RFC 6135 §4.4).
    pub connection: Option<Text>,
    /// The fingerprints of the certificate (RFC 8122 §5), as they are spelled.
    pub fingerprint: Vec<Text>,
    /// Whether sessions are matched by id alone and middleboxes may rewrite addresses (RFC 6714).
    pub cema: bool,
    /// The features of a chat room (RFC 7701 §8); `Some` of an empty list if only that it is one.
    pub chatroom: Option<Vec<Text>>,
    /// All other attributes in order (`file-selector` and its kin among them): name, and value if any.
    pub extra: Vec<(Text, Option<Text>)>,
}

/// Who opens the connection (RFC 4145 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setup {
    /// Who says so.
    Active,
    /// The other one.
    Passive,
    /// Whoever the answerer chooses.
    ActPass,
    /// Nobody for now. In MSRP it says nothing, and is never written (RFC 6135 §4.2.1).
    HoldConn,
}

/// Why there is no MSRP stream to be had from a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoMedia {
    /// It has no MSRP section.
    #[error("no MSRP media section")]
    Absent,
    /// Its MSRP sections have port 0.
    #[error("the MSRP media section is refused")]
    Refused,
    /// There is no `path`.
    #[error("an MSRP media section without a path")]
    Path,
    /// It wants TLS where we do not, or the other way round.
    #[error("no MSRP media section over the wanted transport")]
    Transport,
}

impl Media {
    /// A stream at an address, with nothing accepted yet.
    pub fn new(address: impl Into<Text>, port: u16, path: Vec<Text>) -> Self {
        Self {
            address: address.into(),
            port,
            secure: false,
            path,
            setup: None,
            accept_types: Vec::new(),
            accept_wrapped_types: Vec::new(),
            direction: Direction::SendRecv,
            max_size: None,
            connection: None,
            fingerprint: Vec::new(),
            cema: false,
            chatroom: None,
            extra: Vec::new(),
        }
    }

    /// The first MSRP stream of a description that is not refused.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn find(session: &Session) -> Result<Self, NoMedia> {
        let mut sections = session
            .media
            .iter()
            .filter(|media| is_msrp(media))
            .peekable();
        if sections.peek().is_none() {
            return Err(NoMedia::Absent);
        }
        let section = sections
            .find(|media| !media.is_refused())
            .ok_or(NoMedia::Refused)?;
        Self::read(session, section)
    }

    /// The stream of one MSRP section.
    ///
    /// # Errors
    ///
    /// The section is not for MSRP, is refused, or has no path.
    pub fn read(session: &Session, section: &super::Media) -> Result<Self, NoMedia> {
        if !is_msrp(section) {
            return Err(NoMedia::Absent);
        }
        if section.is_refused() {
            return Err(NoMedia::Refused);
        }
        let address = section.connection().or_else(|| session.connection());
        let mut media = Self::new(address.unwrap_or_default(), section.port, Vec::new());
        media.secure = is_secure(section);
        // What may be said once for all sections (RFC 4145 §4, RFC 8122 §5, RFC 8866 §6.7).
        media.setup = session.attribute("setup").and_then(Setup::parse);
        media.connection = session.attribute("connection").map(Text::from);
        media.direction = direction(&session.lines).unwrap_or_default();
        for line in &section.lines {
            media.read_attribute(line);
        }
        if media.fingerprint.is_empty() {
            let shared = super::attributes(&session.lines, "fingerprint");
            media.fingerprint = shared.map(Text::from).collect();
        }
        if media.path.is_empty() {
            return Err(NoMedia::Path);
        }
        if section.attribute("accept-types").is_none() {
            // RFC 4975 §8.6 demands the attribute. Who forgets it does not mean to accept nothing.
            media.accept_types.push(Text::from_static("*"));
        }
        Ok(media)
    }

    fn read_attribute(&mut self, line: &Line) {
        let Some((name, value)) = line.attribute() else {
            return;
        };
        let text = value.unwrap_or_default();
        let list = || -> Vec<Text> {
            text.split_ascii_whitespace()
                .map(|word| line.value.slice_ref(word))
                .collect()
        };
        match name.to_ascii_lowercase().as_str() {
            "path" if self.path.is_empty() => self.path = list(),
            "path" => {}
            "setup" => self.setup = Setup::parse(text).or(self.setup),
            "accept-types" => self.accept_types.extend(list()),
            "accept-wrapped-types" => self.accept_wrapped_types.extend(list()),
            // The second is how some servers spell it.
            "max-size" | "maxsize" => self.max_size = text.parse().ok().or(self.max_size),
            "connection" => self.connection = Some(line.value.slice_ref(text)),
            "fingerprint" => self.fingerprint.push(line.value.slice_ref(text)),
            "msrp-cema" => self.cema = true,
            "chatroom" => self.chatroom = Some(list()),
            lower => match Direction::parse(lower) {
                Some(direction) => self.direction = direction,
                None => self.extra.push((
                    line.value.slice_ref(name),
                    value.map(|value| line.value.slice_ref(value)),
                )),
            },
        }
    }

    /// Whether a content of this type may be sent to whoever said so: as it is, or `wrapped` in an envelope
    /// such as `message/cpim`, within which more may be accepted (RFC 4975 §8.6).
    pub fn accepts(&self, content_type: &MediaType, wrapped: bool) -> bool {
        let among = |ranges: &[Text]| ranges.iter().any(|range| content_type.matches(range));
        among(&self.accept_types) || (wrapped && among(&self.accept_wrapped_types))
    }

    /// The value of an attribute that has no field of its own; empty for one without a value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.extra
            .iter()
            .find(|(each, _)| each.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_deref().unwrap_or_default())
    }

    /// Adds an attribute that has no field of its own.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.extra.push((Text::from(name), value.map(Text::from)));
        self
    }

    /// The media section, with a `c=` line of its own.
    pub fn write(&self) -> super::Media {
        self.section("")
    }

    /// The media section in a session with a `c=` line.
    fn section(&self, session_address: &str) -> super::Media {
        let mut section = super::Media {
            kind: Text::from_static("message"),
            port: self.port,
            ports: None,
            protocol: Text::from_static(if self.secure {
                "TCP/TLS/MSRP"
            } else {
                "TCP/MSRP"
            }),
            formats: Text::from_static("*"),
            lines: Vec::new(),
        };
        let lines = &mut section.lines;
        if self.address != session_address && !self.address.is_empty() {
            lines.push(Line::new('c', write::connection(&self.address)));
        }
        let mut put = |name: &str, value: &str| {
            let separator = if value.is_empty() { "" } else { ":" };
            lines.push(Line::new('a', format!("{name}{separator}{value}")));
        };
        put("accept-types", &self.accept_types.join(" "));
        if !self.accept_wrapped_types.is_empty() {
            put("accept-wrapped-types", &self.accept_wrapped_types.join(" "));
        }
        if let Some(max_size) = self.max_size {
            put("max-size", &max_size.to_string());
        }
        if let Some(setup) = self.setup {
            put("setup", setup.as_str());
        }
        for fingerprint in &self.fingerprint {
            put("fingerprint", fingerprint);
        }
        put("path", &self.path.join(" "));
        if self.cema {
            put("msrp-cema", "");
        }
        if let Some(features) = &self.chatroom {
            put("chatroom", &features.join(" "));
        }
        put(self.direction.as_str(), "");
        for (name, value) in &self.extra {
            put(name, value.as_deref().unwrap_or_default());
        }
        section
    }

    /// The same in buffers of its own, for state that outlives the message.
    #[must_use]
    pub fn compact(&self) -> Self {
        let list = |texts: &[Text]| texts.iter().map(Text::compact).collect();
        Self {
            address: self.address.compact(),
            path: list(&self.path),
            accept_types: list(&self.accept_types),
            accept_wrapped_types: list(&self.accept_wrapped_types),
            connection: self.connection.as_ref().map(Text::compact),
            fingerprint: list(&self.fingerprint),
            chatroom: self.chatroom.as_deref().map(list),
            extra: self
                .extra
                .iter()
                .map(|(name, value)| (name.compact(), value.as_ref().map(Text::compact)))
                .collect(),
            ..*self
        }
    }
}

impl Setup {
    /// What answers an offer, where `wanted` is what the answerer would like (RFC 4145 §4.1, RFC 6135 §4.2). An offer
    /// without the attribute is that of an active side (RFC 4975 §5.4), and so is one that would hold the connection.
    #[must_use]
    pub const fn answer(offered: Option<Self>, wanted: Self) -> Self {
        match (offered, wanted) {
            (None | Some(Self::Active | Self::HoldConn), _) => Self::Passive,
            (Some(Self::Passive), _) => Self::Active,
            (Some(Self::ActPass), Self::Passive) => Self::Passive,
            // Whoever answers may be the one behind a NAT: connecting is what works.
            (Some(Self::ActPass), _) => Self::Active,
        }
    }

    /// What an offer says, where `wanted` is what the offerer would like: who can be connected to leaves the choice to
    /// the answerer, since that one may not (RFC 6135 §4.2.2).
    #[must_use]
    pub const fn offer(wanted: Self) -> Self {
        match wanted {
            Self::Active | Self::HoldConn => Self::Active,
            Self::Passive | Self::ActPass => Self::ActPass,
        }
    }

    /// The attribute's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        }
    }

    fn parse(value: &str) -> Option<Self> {
        [Self::Active, Self::Passive, Self::ActPass, Self::HoldConn]
            .into_iter()
            .find(|each| each.as_str().eq_ignore_ascii_case(value.trim()))
    }
}

/// A description that offers one MSRP stream (RFC 3264 §5). Its setup is what an offer can say of that of `local`, see
/// [`Setup::offer`].
pub fn offer(local: &Media, origin: &Origin) -> Session {
    let mut media = local.clone();
    media.setup = media.setup.map(Setup::offer);
    let mut session = Session::new(origin);
    session.media.push(media.section(&origin.address));
    session
}

/// The description that answers `offer` with `local` for its first MSRP stream over the same transport,
/// and with port 0 for everything else (RFC 3264 §6).
///
/// Setup and direction are what the offer allows that comes closest to those of `local`. To know beforehand
/// which port to put into `local`, ask [`Setup::answer`].
///
/// # Errors
///
/// The offer has no such stream.
pub fn answer(offer: &Session, local: &Media, origin: &Origin) -> Result<Session, NoMedia> {
    // Says why, if there is none at all.
    Media::find(offer)?;
    let chosen = offer
        .media
        .iter()
        .position(|media| is_msrp(media) && !media.is_refused() && is_secure(media) == local.secure)
        .ok_or(NoMedia::Transport)?;
    let mut session = Session::new(origin);
    for (at, section) in offer.media.iter().enumerate() {
        if at != chosen {
            session.media.push(section.refused());
            continue;
        }
        let peer = Media::read(offer, section)?;
        let mut media = local.clone();
        let wanted = local.setup.unwrap_or(Setup::ActPass);
        media.setup = Some(Setup::answer(peer.setup, wanted));
        media.direction = peer.direction.answer(local.direction);
        // RFC 6714 §4: both sides must say so.
        media.cema = local.cema && peer.cema;
        session.media.push(media.section(&origin.address));
    }
    Ok(session)
}

fn is_msrp(media: &super::Media) -> bool {
    let ends = media.protocol.rsplit('/').next();
    media.kind == "message" && ends.is_some_and(|end| end.eq_ignore_ascii_case("MSRP"))
}

fn is_secure(media: &super::Media) -> bool {
    media
        .protocol
        .split('/')
        .any(|layer| layer.eq_ignore_ascii_case("TLS"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Limits;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn texts(list: &[&'static str]) -> Vec<Text> {
        list.iter().map(|text| Text::from_static(text)).collect()
    }

    fn parse(sections: &str) -> Session {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{sections}"
        );
        Session::parse(&Bytes::from(text), &Limits::default()).unwrap()
    }

    fn origin() -> Origin {
        Origin {
            user: Text::from_static("-"),
            session_id: 7,
            version: 1,
            address: Text::from_static("192.0.2.1"),
        }
    }

    fn chat() -> Media {
        let mut chat = Media::new(
            "192.0.2.1",
            20000,
            texts(&["msrp://192.0.2.1:20000/sA1;tcp"]),
        );
        chat.accept_types = texts(&["message/cpim", "application/im-iscomposing+xml"]);
        chat.accept_wrapped_types = texts(&["text/*", "message/imdn+xml"]);
        chat.setup = Some(Setup::ActPass);
        chat
    }

    #[test]
    fn a_stream_of_every_attribute_in_both_directions() {
        let mut media = chat();
        media.address = Text::from_static("2001:db8::1");
        media.secure = true;
        media.direction = Direction::RecvOnly;
        media.max_size = Some(1_048_576);
        media.fingerprint = texts(&["SHA-256 AB:CD", "SHA-1 EF"]);
        media.cema = true;
        media.chatroom = Some(texts(&["nickname", "private-messages"]));
        media = media
            .with("file-selector", Some("name:\"a b.jpg\" size:3"))
            .with("flag", None);
        let written = "m=message 20000 TCP/TLS/MSRP *\r\nc=IN IP6 2001:db8::1\r\n\
            a=accept-types:message/cpim application/im-iscomposing+xml\r\n\
            a=accept-wrapped-types:text/* message/imdn+xml\r\na=max-size:1048576\r\n\
            a=setup:actpass\r\na=fingerprint:SHA-256 AB:CD\r\n\
            a=fingerprint:SHA-1 EF\r\na=path:msrp://192.0.2.1:20000/sA1;tcp\r\na=msrp-cema\r\n\
            a=chatroom:nickname private-messages\r\na=recvonly\r\n\
            a=file-selector:name:\"a b.jpg\" size:3\r\na=flag\r\n";
        let session = parse(written);
        assert_eq!(Media::find(&session).as_ref(), Ok(&media));
        assert_eq!(Media::find(&session).unwrap().compact(), media);
        assert_eq!(Some(&media.write()), session.media.first());
        assert_eq!(
            media.attribute("FILE-SELECTOR"),
            Some("name:\"a b.jpg\" size:3")
        );
        assert_eq!(media.attribute("flag"), Some(""));
    }

    #[test]
    fn reads_what_peers_write() {
        let session = parse(
            "a=setup:passive\r\na=sendonly\r\na=fingerprint:SHA-1 AA\r\nm=audio 0 RTP/AVP 0\r\n\
             m=MESSAGE 9 tcp/msrp *\r\na=Path:  msrp://2001:db8::1:9/x;tcp  msrp://[::1]:9/y;tcp\r\n\
             a=maxsize:100\r\na=max-size:lots\r\na=setup:sideways\r\n",
        );
        let media = Media::find(&session).unwrap();
        assert_eq!(
            media.path,
            ["msrp://2001:db8::1:9/x;tcp", "msrp://[::1]:9/y;tcp"]
        );
        assert_eq!(media.max_size, Some(100));
        assert_eq!(media.setup, Some(Setup::Passive));
        assert_eq!(media.direction, Direction::SendOnly);
        assert_eq!(media.fingerprint, ["SHA-1 AA"]);
        assert_eq!(media.accept_types, ["*"]);
        assert_eq!(media.address, "192.0.2.1");
    }

    #[test]
    fn says_why_there_is_no_stream() {
        for (sections, why) in [
            ("", NoMedia::Absent),
            (
                "m=audio 9 RTP/AVP 0\r\nm=message 9 SIP/MSRPX *\r\n",
                NoMedia::Absent,
            ),
            (
                "m=message 0 TCP/MSRP *\r\na=path:msrp://x;tcp\r\n",
                NoMedia::Refused,
            ),
            ("m=message 9 TCP/MSRP *\r\n", NoMedia::Path),
            ("m=message 9 TCP/MSRP *\r\na=path:\r\n", NoMedia::Path),
        ] {
            let session = parse(sections);
            assert_eq!(Media::find(&session), Err(why), "{sections}");
            assert_eq!(answer(&session, &chat(), &origin()), Err(why), "{sections}");
        }
        let secure = parse("m=message 9 TCP/TLS/MSRP *\r\na=path:msrps://x;tcp\r\n");
        assert_eq!(answer(&secure, &chat(), &origin()), Err(NoMedia::Transport));
    }

    #[test]
    fn rfc4975_8_6_what_is_accepted_where() {
        let chat = chat();
        for (content_type, bare, wrapped) in [
            ("message/cpim", true, true),
            ("Application/IM-isComposing+xml;charset=utf-8", true, true),
            ("text/plain", false, true),
            ("text/html", false, true),
            ("message/imdn+xml", false, true),
            ("image/jpeg", false, false),
        ] {
            let content_type = content_type.parse().unwrap();
            assert_eq!(chat.accepts(&content_type, false), bare, "{content_type}");
            assert_eq!(chat.accepts(&content_type, true), wrapped, "{content_type}");
        }
        let mut all = chat;
        all.accept_wrapped_types = texts(&["*"]);
        assert!(all.accepts(&"image/jpeg".parse().unwrap(), true));
        assert!(!all.accepts(&"image/jpeg".parse().unwrap(), false));
    }

    #[test]
    fn rfc4145_4_1_setup_is_answered() {
        use Setup::{ActPass, Active, HoldConn, Passive};
        for (offered, wanted, answer) in [
            (Some(ActPass), Active, Active),
            (Some(ActPass), Passive, Passive),
            (Some(ActPass), ActPass, Active),
            (Some(Active), Active, Passive),
            (Some(Passive), Passive, Active),
            // RFC 6135 §4.2.1: as if nothing were said, and never said.
            (Some(HoldConn), Active, Passive),
            (Some(ActPass), HoldConn, Active),
            (None, Active, Passive),
        ] {
            assert_eq!(
                Setup::answer(offered, wanted),
                answer,
                "{offered:?} {wanted:?}"
            );
        }
    }

    #[test]
    fn rfc3264_6_an_answer_has_every_section_of_the_offer() {
        let offered = parse(
            "m=audio 5000 RTP/AVP 0\r\na=ptime:20\r\n\
             m=message 9 TCP/TLS/MSRP *\r\na=path:msrps://a;tcp\r\n\
             m=message 9 TCP/MSRP *\r\na=path:msrp://b;tcp\r\na=sendonly\r\na=setup:active\r\n\
             m=message 9 TCP/MSRP *\r\na=path:msrp://c;tcp\r\n",
        );
        let mut local = chat();
        local.cema = true;
        let answered = answer(&offered, &local, &origin()).unwrap();
        let ports: Vec<_> = answered.media.iter().map(|media| media.port).collect();
        assert_eq!(ports, [0, 0, 20000, 0]);
        let protocols: Vec<_> = answered
            .media
            .iter()
            .map(|media| &*media.protocol)
            .collect();
        assert_eq!(
            protocols,
            ["RTP/AVP", "TCP/TLS/MSRP", "TCP/MSRP", "TCP/MSRP"]
        );
        let media = Media::find(&answered).unwrap();
        assert_eq!(media.setup, Some(Setup::Passive));
        assert_eq!(media.direction, Direction::RecvOnly);
        assert!(!media.cema, "the offer does not say so");
    }

    proptest! {
        #[test]
        fn what_is_offered_is_read(
            port in 1_u16.., secure: bool, cema: bool, max_size: Option<u64>,
            path in prop::collection::vec("msrp://[a-z.:0-9]{1,20}/[a-z0-9]{1,9};tcp", 1..4),
            types in prop::collection::vec("[a-z]{1,9}/([a-z+.-]{1,9}|\\*)|\\*", 1..4),
            extra in prop::collection::vec(("x-[a-z]{1,9}", prop::option::of("[!-~]{1,9}")), 0..3),
        ) {
            let list = |texts: Vec<String>| texts.into_iter().map(Text::from).collect::<Vec<_>>();
            let mut media = Media::new("192.0.2.9", port, list(path));
            (media.secure, media.cema, media.max_size) = (secure, cema, max_size);
            media.accept_types = list(types);
            for (name, value) in &extra {
                media = media.with(name, value.as_deref());
            }
            let written = offer(&media, &origin()).write();
            let read = Session::parse(&written, &Limits::default()).unwrap();
            prop_assert_eq!(Media::find(&read), Ok(media));
        }
    }
}
