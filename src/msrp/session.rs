//! What is known of one session.

use super::msg::{FailureReport, Uri};
use crate::engine::id;
use crate::wire::Text;
use bytes::Bytes;
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The host that our URI names; that of the configuration if `None`.
    pub host: Option<Text>,
    /// Whether our URI says `msrps`; as the configuration says if `None`.
    pub secure: Option<bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            accept_types: Vec::new(),
            max_size: None,
            peer_max_size: None,
            match_by_id_only: false,
            host: None,
            secure: None,
        }
    }
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
