//! What MSRP says in a session description (RFC 4975 §8, RFC 6135, RFC 6714, RFC 7701, RFC 5547).

use super::{Direction, Origin, Session};
use crate::wire::Text;
use crate::wire::mime::MediaType;

/// One MSRP stream as a description tells of it: ours to offer, or the peer's as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Media {
    /// Where to connect to, without brackets: of the section's `c=` line, or else of the session's.
    pub address: Text,
    /// The port of the `m=` line; 9 where we only connect, 0 where the stream is refused.
    pub port: u16,
    /// Whether it runs over TLS.
    pub secure: bool,
    /// The MSRP URIs from the first relay to the end (RFC 4975 §8.2), as they are spelled.
    pub path: Vec<Text>,
    /// Who connects (RFC 6135). Where it is absent, the offerer does (RFC 4975 §5.4).
    pub setup: Option<Setup>,
    /// What is accepted as content, as media types, `type/*` or `*` (RFC 4975 §8.6).
    pub accept_types: Vec<Text>,
    /// What is accepted within an accepted envelope only (RFC 4975 §8.6).
    pub accept_wrapped_types: Vec<Text>,
    /// Who sends.
    pub direction: Direction,
    /// The largest message that is accepted (RFC 4975 §8.6).
    pub max_size: Option<u64>,
    /// The `connection` attribute: `new` or `existing` (RFC 4145 §5).
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
    /// Nobody for now.
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
    /// There is no `c=` line for it.
    #[error("an MSRP media section without an address")]
    Address,
}

impl Media {
    /// A stream at an address, with nothing accepted yet.
    pub fn new(_address: impl Into<Text>, _port: u16, _path: Vec<Text>) -> Self {
        todo!()
    }

    /// The first MSRP stream of a description that is not refused.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn find(_session: &Session) -> Result<Self, NoMedia> {
        todo!()
    }

    /// Whether a content of this type may be sent to whoever said so: as it is, or within an envelope of a
    /// type that `wrapped` tells (RFC 4975 §8.6).
    pub fn accepts(&self, _content_type: &MediaType, _wrapped: bool) -> bool {
        todo!()
    }

    /// The value of an attribute that has no field of its own; empty for one without a value.
    pub fn attribute(&self, _name: &str) -> Option<&str> {
        todo!()
    }

    /// The media section.
    pub fn write(&self) -> super::Media {
        todo!()
    }
}

impl Setup {
    /// What answers an offer, where `wanted` is what the answerer would like (RFC 4145 §4.1).
    #[must_use]
    pub const fn answer(_offered: Option<Self>, _wanted: Self) -> Self {
        Self::Passive
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
}

/// A description that offers one MSRP stream (RFC 3264 §5).
pub fn offer(_local: &Media, _origin: &Origin) -> Session {
    todo!()
}

/// The description that answers `offer` with `local` for its first MSRP stream and port 0 for all others
/// (RFC 3264 §6). Setup and direction are what the offer allows that comes closest to those of `local`.
///
/// # Errors
///
/// The offer has no MSRP stream.
pub fn answer(_offer: &Session, _local: &Media, _origin: &Origin) -> Result<Session, NoMedia> {
    todo!()
}
