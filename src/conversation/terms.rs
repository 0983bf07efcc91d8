//! On what terms a session is held: what each side accepts, who sends, and who opens the connection.

use super::envelope::Envelope;
use super::service::Service;
use crate::cpim;
use crate::engine::{Cx, Limits};
use crate::msrp;
use crate::sdp::msrp::{Media, Setup};
use crate::sdp::{self, Direction, Fingerprint, Origin, Session};
use crate::sip::body::{Contents, Understood};
use crate::sip::msg::header::ContentType;
use crate::sip::msg::{Headers, Request};
use crate::wire::Text;
use crate::wire::mime::{MediaType, Multipart, Part};
use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What one side says of a session (RFC 4975 §8.6), without its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Media types that are taken as they are.
    pub accept_types: Vec<Text>,
    /// Media types that are taken within CPIM.
    pub accept_wrapped_types: Vec<Text>,
    /// Who sends.
    pub direction: Direction,
    /// The largest message that is taken.
    pub max_size: Option<u64>,
    /// Who opens the connection, as far as we have a choice (RFC 6135). A side that cannot be connected to
    /// must be [`Setup::Active`].
    pub setup: Setup,
    /// Whether the connection is made over TLS.
    pub secure: bool,
    /// Whether the session may pass middleboxes that rewrite the addresses of the description but not the paths: if both
    /// sides say so, the connection goes to the address of the description, and the session is matched by its
    /// session-id alone (RFC 6714).
    pub cema: bool,
}

impl Terms {
    /// The same terms over TLS, or not.
    #[must_use]
    pub fn with_tls(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    /// The terms of a chat: text, reports and typing, both ways.
    pub fn chat(setup: Setup) -> Self {
        Self {
            accept_types: texts(&["message/cpim", "application/im-iscomposing+xml"]),
            accept_wrapped_types: texts(&["*"]),
            direction: Direction::SendRecv,
            max_size: None,
            setup,
            secure: false,
            cema: false,
        }
    }

    /// The terms of one message that goes one way.
    pub fn delivery(setup: Setup) -> Self {
        Self {
            accept_types: texts(&["message/cpim"]),
            accept_wrapped_types: texts(&["*"]),
            direction: Direction::SendOnly,
            max_size: None,
            setup,
            secure: false,
            cema: false,
        }
    }

    /// What the MSRP session is opened with.
    pub(super) fn settings(&self) -> msrp::Settings {
        msrp::Settings {
            accept_types: self.accept_types.clone(),
            max_size: self.max_size,
            secure: Some(self.secure),
            ..msrp::Settings::default()
        }
    }

    /// The offer for a session of ours at `path`.
    pub(super) fn offer(
        &self,
        cx: &mut Cx<'_>,
        path: &[msrp::Uri],
        own: Option<&Fingerprint>,
    ) -> Bytes {
        let media = self.media(path, own);
        let origin = Origin::new(cx.ids, address(&media));
        sdp::msrp::offer(&media, &origin).write()
    }

    /// The answer to what `peer` offered, and who opens the connection by it.
    pub(super) fn answer(
        &self,
        cx: &mut Cx<'_>,
        peer: &Peer,
        path: &[msrp::Uri],
        own: Option<&Fingerprint>,
    ) -> (Bytes, msrp::Role) {
        let mut media = self.media(path, own);
        let setup = Setup::answer(peer.media.setup, self.setup);
        media.setup = Some(setup);
        media.direction = peer.media.direction.answer(self.direction);
        let origin = Origin::new(cx.ids, address(&media));
        let sdp = sdp::msrp::answer(&peer.session, &media, &origin)
            .unwrap_or_else(|_| sdp::msrp::offer(&media, &origin));
        let cema = self.agrees_on_cema(peer);
        (sdp.write(), role(setup == Setup::Active, &peer.media, cema))
    }

    /// Who opens the connection after `peer` has answered our offer.
    pub(super) fn role_after(&self, peer: &Peer) -> msrp::Role {
        // Without the attribute the offerer connects (RFC 4975 §5.4).
        let active = match peer.media.setup {
            Some(Setup::Active) => false,
            // So it does where it is to be held, which is not for MSRP (RFC 6135 §4.2.1).
            Some(Setup::Passive | Setup::HoldConn) | None => true,
            // Nobody has chosen.
            Some(Setup::ActPass) => self.setup == Setup::Active,
        };
        role(active, &peer.media, self.agrees_on_cema(peer))
    }

    /// Whether both sides say that they can do with what middleboxes leave of the addresses (RFC 6714 §4).
    pub(super) const fn agrees_on_cema(&self, peer: &Peer) -> bool {
        self.cema && peer.media.cema
    }

    fn media(&self, path: &[msrp::Uri], own: Option<&Fingerprint>) -> Media {
        let (host, port, secure) =
            path.first()
                .map_or((Text::from_static("0.0.0.0"), DISCARD, false), |uri| {
                    (
                        Text::from(uri.host()),
                        uri.port().unwrap_or(DISCARD),
                        uri.is_secure(),
                    )
                });
        let mut media = Media::new(
            host,
            port,
            path.iter().map(|uri| Text::from(uri.to_string())).collect(),
        );
        media.secure = secure;
        let own = own.filter(|_| secure);
        let own = own.map(|own| Text::from(own.to_string()));
        media.fingerprint = own.into_iter().collect();
        media.cema = self.cema;
        media.setup = Some(self.setup);
        media.accept_types.clone_from(&self.accept_types);
        media
            .accept_wrapped_types
            .clone_from(&self.accept_wrapped_types);
        media.direction = self.direction;
        media.max_size = self.max_size;
        media
    }
}

/// What the peer says of a session.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) service: Service,
    session: Session,
    media: Media,
}

impl Peer {
    /// The offer of an INVITE; `None` if it holds none that we can answer.
    pub(super) fn read(request: &Request, envelope: &Envelope, limits: &Limits) -> Option<Self> {
        let sdp = find_sdp(request.headers(), request.body(), limits)?;
        let mut peer = Self::read_media(&sdp, limits)?;
        peer.service = envelope.service.unwrap_or(Service::Session);
        Some(peer)
    }

    /// The answer of a 2xx.
    pub(super) fn of_answer(response: &crate::sip::msg::Response, limits: &Limits) -> Option<Self> {
        Self::read_media(
            &find_sdp(response.headers(), response.body(), limits)?,
            limits,
        )
    }

    pub(super) fn read_media(sdp: &Bytes, limits: &Limits) -> Option<Self> {
        let session = Session::parse(sdp, limits).ok()?;
        let media = Media::find(&session).ok()?;
        Some(Self {
            service: Service::Session,
            session,
            media,
        })
    }

    /// The peer's path, the nearest hop first; what cannot be read is left out.
    pub(super) fn path(&self) -> Vec<msrp::Uri> {
        self.media
            .path
            .iter()
            .filter_map(|uri| msrp::Uri::parse(uri).ok())
            .collect()
    }

    /// Lets an MSRP session know what the peer has said of itself.
    pub(super) fn describe(&self, terms: &Terms, settings: &mut msrp::Settings) {
        settings.peer_max_size = self.media.max_size;
        settings.match_by_id_only = terms.agrees_on_cema(self);
        let read = |text: &Text| Fingerprint::parse(text).unwrap_or_else(Fingerprint::unknown);
        // Only TLS shows certificates. One that cannot be read was meant to keep others out nevertheless.
        settings.fingerprints = match self.media.secure {
            true => self.media.fingerprint.iter().map(read).collect(),
            false => Vec::new(),
        };
    }

    pub(super) const fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn accepts(&self, content_type: &str, wrapped: Option<&str>) -> bool {
        let accepts = |text: &str, wrapped| {
            MediaType::parse(&Text::from(text))
                .is_ok_and(|media_type| self.media.accepts(&media_type, wrapped))
        };
        accepts(content_type, false) && wrapped.is_none_or(|inner| accepts(inner, true))
    }

    /// Whether the peer can be connected to by anybody who knows its path: it does not insist on opening
    /// the connection itself, as one behind a NAT does. Over TLS peers that do not know each other's
    /// certificates would have to be vouched for.
    pub(super) const fn is_open(&self) -> bool {
        let passive = matches!(self.media.setup, Some(Setup::Passive | Setup::ActPass));
        passive && !self.media.secure
    }

    /// The peer's offer seen from our side, as the terms to answer with or to pass on.
    pub(super) fn terms(&self) -> Terms {
        Terms {
            accept_types: self.media.accept_types.clone(),
            accept_wrapped_types: self.media.accept_wrapped_types.clone(),
            direction: self.media.direction,
            max_size: self.media.max_size,
            setup: Setup::Passive,
            secure: self.media.secure,
            cema: self.media.cema,
        }
    }
}

fn role(active: bool, peer: &Media, cema: bool) -> msrp::Role {
    if !active {
        return msrp::Role::Passive;
    }
    // Only with CEMA does the address of the description count more than that of the path (RFC 6714 §4).
    let address = cema.then(|| peer.address.parse::<IpAddr>().ok()).flatten();
    msrp::Role::Active {
        peer: address.map(|address| SocketAddr::new(address, peer.port)),
    }
}

/// The SDP of a body that may hold more (a list of recipients, a preview, a first message). What is for another purpose
/// than the session is none.
pub(super) fn find_sdp(headers: &Headers, body: &Bytes, limits: &Limits) -> Option<Bytes> {
    let contents = read(sdp::MEDIA_TYPE, headers, body, limits)?;
    contents.description()?.decoded_body(limits).ok()
}

/// What of `media_type` a request carries, beside its offer or alone.
pub(crate) fn find_part(request: &Request, media_type: &str, limits: &Limits) -> Option<Bytes> {
    let contents = read(media_type, request.headers(), request.body(), limits)?;
    contents.of_type(media_type)?.decoded_body(limits).ok()
}

/// What a body holds for one who looks for one type in it.
fn read(essence: &str, headers: &Headers, body: &Bytes, limits: &Limits) -> Option<Contents> {
    let understood = Understood {
        types: &[Text::from(essence)],
        purposes: None,
    };
    Contents::read(headers, body, understood, limits).ok()
}

/// Whether an INVITE brings a message beside its offer, as those of SIMPLE IM do. CPM sends the first message
/// like all others, over the session; one that is not looked for here must not be taken in silence.
pub(super) fn brings_message(request: &Request, limits: &Limits) -> bool {
    let Ok(content_type) = request.headers().get::<ContentType>() else {
        return false;
    };
    let Ok(parts) = Multipart::parse(&content_type.0, request.body(), limits) else {
        return false;
    };
    let is_message = |part: Part| {
        let content_type = part.content_type();
        // Some send the headers alone, to announce what will come.
        content_type.is_ok_and(|content_type| content_type.essence() == cpim::MEDIA_TYPE)
            && cpim::Message::parse(part.body().clone(), limits)
                .is_ok_and(|message| !message.body().is_empty())
    };
    parts.into_parts().into_iter().any(is_message)
}

fn address(media: &Media) -> IpAddr {
    media
        .address
        .parse()
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// The port of a side that only connects (RFC 4145 §4).
const DISCARD: u16 = 9;

fn texts(types: &[&'static str]) -> Vec<Text> {
    types.iter().map(|text| Text::from_static(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Clock, DateTime, Ids, Outbox, Seed};
    use std::time::Instant;

    fn with_cx<T>(step: impl FnOnce(&mut Cx<'_>) -> T) -> T {
        let now = Instant::now();
        step(&mut Cx {
            now,
            clock: &Clock::new(now, DateTime::default()),
            ids: &mut Ids::new(Seed::from_number(1)),
            limits: &Limits::default(),
            outbox: &mut Outbox::default(),
        })
    }

    #[test]
    fn rfc6135_4_one_side_connects_whatever_the_two_would_like() {
        use Setup::{ActPass, Active, HoldConn, Passive};
        let path = |host: &str| vec![format!("msrp://{host}:2855/s;tcp").parse().unwrap()];
        for (offered, wanted, offerer_connects) in [
            (Active, Active, true),
            (Active, Passive, true),
            (Active, ActPass, true),
            // Who can be connected to leaves the choice to the other one (RFC 6135 §4.2.2).
            (Passive, Active, false),
            (Passive, Passive, true),
            (Passive, ActPass, false),
            // Held is as good as not said.
            (HoldConn, Active, true),
            (ActPass, HoldConn, false),
            (ActPass, Active, false),
            (ActPass, Passive, true),
            (ActPass, ActPass, false),
        ] {
            let (alice, bob) = (Terms::chat(offered), Terms::chat(wanted));
            let (ours, theirs) = with_cx(|cx| {
                let offer = alice.offer(cx, &path("10.0.0.1"), None);
                let peer = Peer::read_media(&offer, cx.limits).unwrap();
                let (answer, theirs) = bob.answer(cx, &peer, &path("10.0.0.2"), None);
                let peer = Peer::read_media(&answer, cx.limits).unwrap();
                (alice.role_after(&peer), theirs)
            });
            let connects = |role| matches!(role, msrp::Role::Active { .. });
            let what = format!("{offered:?} answered by {wanted:?}");
            assert_eq!(connects(ours), offerer_connects, "{what}");
            assert_eq!(connects(theirs), !offerer_connects, "{what}");
        }
    }

    #[test]
    fn rfc6714_4_the_address_counts_where_both_sides_say_so() {
        let path = |host: &str| vec![format!("msrp://{host}:2855/s;tcp").parse().unwrap()];
        for (offers, answers) in [(true, true), (true, false), (false, true), (false, false)] {
            let terms = |setup, cema| Terms {
                cema,
                ..Terms::chat(setup)
            };
            let (alice, bob) = (terms(Setup::Active, offers), terms(Setup::Passive, answers));
            let (offer, answer, role) = with_cx(|cx| {
                let offer = alice.offer(cx, &path("10.0.0.1"), None);
                let peer = Peer::read_media(&offer, cx.limits).unwrap();
                let (answer, role) = bob.answer(cx, &peer, &path("10.0.0.2"), None);
                (peer, answer, role)
            });
            assert_eq!(role, msrp::Role::Passive);
            assert_eq!(bob.agrees_on_cema(&offer), offers && answers);
            // A middlebox puts its own address into the description and leaves the path alone.
            let text = String::from_utf8(answer.to_vec()).unwrap();
            let text = text
                .replace("IN IP4 10.0.0.2", "IN IP4 192.0.2.9")
                .replace("message 2855", "message 7000");
            let peer = Peer::read_media(&Bytes::from(text), &Limits::default()).unwrap();
            assert_eq!(alice.agrees_on_cema(&peer), offers && answers);
            let through = "192.0.2.9:7000".parse().unwrap();
            assert_eq!(
                alice.role_after(&peer),
                msrp::Role::Active {
                    peer: (offers && answers).then_some(through)
                }
            );
        }
    }
}
