//! What is known of one session.

use super::auth::Relays;
use super::msg::{FailureReport, Path, Uri};
use super::pieces::{Delivery, Pieces};
use super::receiver::{Owed, Partial};
use crate::engine::{ConnId, QuestionId, Slab, id};
use crate::sdp::Fingerprint;
use crate::wire::Text;
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::SocketAddr;

id! {
    /// A session of this endpoint.
    SessionId
}

id! {
    /// A message on its way out.
    SendId
}

/// What a session is opened with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The media types we said we accept (`a=accept-types`); another one gets 415. `*` stands for all, `text/*` for
    /// all texts. Empty: no check here.
    pub accept_types: Vec<Text>,
    /// The largest message we said we accept (`a=max-size`); a larger one gets 413. `Limits::msrp_message` holds
    /// in any case.
    pub max_size: Option<u64>,
    /// The largest message the peer accepts (its `a=max-size`).
    pub peer_max_size: Option<u64>,
    /// Match requests to the session by its session-id alone, and do not hold the peer's path against the one of its
    /// SDP: for networks that rewrite `a=path` but not the headers (RFC 6714).
    pub match_by_id_only: bool,
    /// Of the peer's certificate (its `a=fingerprint`, RFC 8122). If there are any, the session runs only over TLS
    /// whose other end has shown a certificate that fits, see [`Endpoint::handle_secured`](super::Endpoint::handle_secured);
    /// whether anybody vouches for it does not matter then. With a relay on either side the other end is not the peer,
    /// and its certificate has to name it (RFC 4976).
    pub fingerprints: Vec<Fingerprint>,
    /// How received messages are handed up.
    pub delivery: Delivery,
    /// The host that our URI names; that of the configuration if `None`.
    pub host: Option<Text>,
    /// Whether our URI says `msrps`; as the configuration says if `None`.
    pub secure: Option<bool>,
    /// Whether our URI says `ws`: we are reached by WebSocket (RFC 7977), at our listener for it, or over one that we
    /// open to a relay. Without such a listener the URI names no real host, and is secure if `secure` is `None`.
    pub web: bool,
}

/// Who opens the connection (`a=setup`, RFC 6135).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We do, and send the first request at once so that the peer can bind the connection to the session.
    Active {
        /// Where to; the first URI of the peer's path if `None`. RFC 6714 has it from the `c=` and `m=` lines.
        peer: Option<SocketAddr>,
    },
    /// The peer does.
    Passive,
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its Message-ID; a fresh one if `None`.
    pub id: Option<Text>,
    /// Its Content-Type.
    pub content_type: Text,
    /// Its body, shared and not copied.
    pub body: Bytes,
    /// Whether to ask for a success report.
    pub success_report: bool,
    /// Which failures to ask for.
    pub failure_report: FailureReport,
}

impl Outgoing {
    /// A message as CPM sends it: failures are reported by the response, success is not reported by MSRP.
    pub const fn new(content_type: Text, body: Bytes) -> Self {
        Self {
            id: None,
            content_type,
            body,
            success_report: false,
            failure_report: FailureReport::Yes,
        }
    }
}

/// Of what kind a message is that waits to be sent. Order is kept within a kind; a message that is sent in pieces does
/// not hold up those that are whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Stream,
}

/// What is to be sent or confirmed of one kind in one session.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Oldest first.
    pub(super) queue: VecDeque<SendId>,
    /// How many at the front of the queue have been cut to the end.
    pub(super) cut: usize,
    /// How many bytes may be cut before it is another one's turn.
    pub(super) deficit: usize,
    /// Whether it waits for its turn on the connection.
    pub(super) waiting: bool,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) settings: Settings,
    /// Our URI, the last of our path.
    pub(super) local: Uri,
    /// The peer's path, once the session is started.
    pub(super) peer: Option<Path>,
    /// Our relays, if there are any.
    pub(super) relays: Option<Box<Relays>>,
    /// How many URIs of the peer's path are those of our relays.
    pub(super) relay_hops: usize,
    /// Whether we open the connection.
    pub(super) active: bool,
    /// The connection it is bound to, or will be when that is up.
    pub(super) conn: Option<ConnId>,
    /// The question for the addresses of the peer.
    pub(super) question: Option<QuestionId>,
    /// Who bound it before the peer's path was known.
    pub(super) early: Option<Uri>,
    pub(super) up: bool,
    pub(super) messages: Lane,
    /// Few sessions send in pieces.
    pub(super) streams: Option<Box<Lane>>,
    /// How many bytes of whole messages have not been cut.
    pub(super) uncut: usize,
    /// Whether a message was refused because the queue is full.
    pub(super) full: bool,
    /// How short the queue has to be for there to be room again.
    pub(super) low_water: usize,
    /// Messages of which chunks are missing.
    pub(super) partials: Vec<Partial>,
    /// Messages that nobody has accepted or refused yet.
    pub(super) owed: Slab<Owed>,
    /// The two paths of our responses as they are written, once there was one.
    paths: Option<Box<str>>,
    /// What is handed up in pieces, in a session that wants it so.
    pub(super) pieces: Option<Box<Pieces>>,
}

impl Session {
    pub(super) const fn new(settings: Settings, local: Uri) -> Self {
        Self {
            settings,
            local,
            peer: None,
            relays: None,
            relay_hops: 0,
            active: false,
            conn: None,
            question: None,
            early: None,
            up: false,
            messages: Lane {
                queue: VecDeque::new(),
                cut: 0,
                deficit: 0,
                waiting: false,
            },
            streams: None,
            uncut: 0,
            full: false,
            low_water: 0,
            partials: Vec::new(),
            owed: Slab::new(),
            paths: None,
            pieces: None,
        }
    }

    /// What the certificate of the other end has to fit, if that is the peer itself.
    pub(super) fn fingerprints(&self) -> &[Fingerprint] {
        let is_relayed = |path: &Path| path.as_str().contains([' ', '\t']);
        match self.relays.is_some() || self.peer.as_ref().is_some_and(is_relayed) {
            true => &[],
            false => &self.settings.fingerprints,
        }
    }

    /// The header fields of a response, and the hyphens of its end-line: from us to the first hop of the peer's path.
    pub(super) fn answer_paths(&mut self) -> &str {
        let (peer, local) = (&self.peer, &self.local);
        self.paths.get_or_insert_with(|| {
            let to = peer.as_ref().map_or("", |peer| peer.first().as_str());
            let text = format!("\r\nTo-Path: {to}\r\nFrom-Path: {local}\r\n-------");
            text.into_boxed_str()
        })
    }

    /// The peer's path becomes another. What is owed for earlier messages is answered to where they came from.
    pub(super) fn set_peer(&mut self, peer: Path) -> Option<Path> {
        let before = self.peer.replace(peer);
        self.paths = None;
        if let Some(before) = &before {
            let (to, from) = (before.first().as_str(), self.local.as_str());
            for (_, owed) in self.owed.iter_mut() {
                owed.answer.spell_out(to, from);
            }
            if let Some(pieces) = &mut self.pieces {
                pieces.spell_out(to, from);
            }
        }
        before
    }

    pub(super) fn lane_mut(&mut self, kind: Kind) -> Option<&mut Lane> {
        match kind {
            Kind::Message => Some(&mut self.messages),
            Kind::Stream => self.streams.as_deref_mut(),
        }
    }

    /// How many messages wait to be sent or confirmed.
    pub(super) fn queued(&self) -> usize {
        let streams = self.streams.as_ref().map_or(0, |lane| lane.queue.len());
        self.messages.queue.len() + streams
    }

    /// Whether a Content-Type is among those we said we accept.
    pub(super) fn accepts(&self, content_type: &str) -> bool {
        let types = &self.settings.accept_types;
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let major = essence.split('/').next().unwrap_or_default();
        types.is_empty()
            || types.iter().any(|accepted| {
                let accepted = accepted.split(';').next().unwrap_or_default().trim();
                accepted == "*"
                    || accepted.eq_ignore_ascii_case(essence)
                    || accepted
                        .strip_suffix("/*")
                        .is_some_and(|a| a == "*" || a.eq_ignore_ascii_case(major))
            })
    }
}

impl Lane {
    /// Takes a message out of the queue.
    pub(super) fn forget(&mut self, id: SendId) {
        // The common case: messages are confirmed in their order.
        if self.queue.front() == Some(&id) {
            self.queue.pop_front();
            self.cut = self.cut.saturating_sub(1);
        } else if let Some(at) = self.queue.iter().position(|queued| *queued == id) {
            self.queue.remove(at);
            if at < self.cut {
                self.cut -= 1;
            }
        }
        if self.queue.is_empty() && self.queue.capacity() > KEPT {
            // An idle session keeps no queue.
            self.queue = VecDeque::new();
        }
    }
}

/// Up to this capacity a queue that is empty is kept.
const KEPT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4975_8_6_accept_types() {
        let session = |types: &[&'static str]| {
            let settings = Settings {
                accept_types: types.iter().map(|t| Text::from_static(t)).collect(),
                ..Settings::default()
            };
            Session::new(settings, "msrp://a:1/x;tcp".parse().unwrap())
        };
        let some = session(&["message/cpim", "Text/*"]);
        for (content_type, accepted) in [
            ("message/cpim", true),
            ("Message/CPIM; a=b", true),
            ("text/plain;charset=UTF-8", true),
            ("image/jpeg", false),
            ("message/cpim2", false),
            ("", false),
        ] {
            assert_eq!(some.accepts(content_type), accepted, "{content_type}");
        }
        assert!(session(&["*"]).accepts("image/jpeg"));
        assert!(session(&[]).accepts("image/jpeg"));
    }
}
