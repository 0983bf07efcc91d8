//! What the endpoint has to say.

use super::auth::AuthError;
use super::msg::{ByteRange, FailureReport, Status};
use super::nickname::NicknameRequest;
use super::session::{SendId, SessionId};
use crate::engine::Key;
use crate::wire::Text;
use bytes::Bytes;

/// What happened in a session.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The session's relays serve it: its path has been extended by them, and goes into the SDP. Once more if a relay gives
    /// the session another path when it is asked again; then the peer has to hear of it.
    Authorized {
        /// Which session.
        session: SessionId,
    },
    /// A connection is bound to the session: what is sent now goes out at once.
    Up {
        /// Which session.
        session: SessionId,
    },
    /// A whole message arrived. Answer it with [`Endpoint::accept`](super::Endpoint::accept) or
    /// [`Endpoint::refuse`](super::Endpoint::refuse).
    Received {
        /// In which session.
        session: SessionId,
        /// The message.
        message: Incoming,
    },
    /// A piece of a message arrived, in a session whose [`Delivery`](super::Delivery) is by pieces. Answer it with
    /// [`Endpoint::accept`](super::Endpoint::accept) when its bytes are where they belong, or stop the message with
    /// [`Endpoint::refuse`](super::Endpoint::refuse).
    Piece {
        /// In which session.
        session: SessionId,
        /// The piece.
        piece: Piece,
    },
    /// A message that is sent in pieces has room for more: [`Endpoint::offer`](super::Endpoint::offer) some.
    Wanted {
        /// In which session.
        session: SessionId,
        /// Which message.
        id: SendId,
        /// How many bytes it takes now.
        room: usize,
    },
    /// The peer has confirmed every chunk of a message. With `Failure-Report: no` nothing is confirmed: all of it was
    /// handed to the connection. With `partial` either all was confirmed or no failure came in the transaction time.
    Sent {
        /// In which session.
        session: SessionId,
        /// Which message.
        id: SendId,
    },
    /// A message was not delivered, or nobody knows whether it was.
    Failed {
        /// In which session.
        session: SessionId,
        /// Which message.
        id: SendId,
        /// What the peer said; [`Status::TIMEOUT`] if it said nothing.
        status: Status,
        /// Up to where the peer has confirmed the message without a gap, counted from its first byte. There a
        /// transfer can go on, in this session or another.
        confirmed: u64,
    },
    /// A REPORT arrived (RFC 4975 §7.1.2).
    Report {
        /// In which session.
        session: SessionId,
        /// The Message-ID of the message that it is about.
        message_id: Text,
        /// [`Status::OK`] for a success report.
        status: Status,
        /// Which bytes of the message it is about.
        range: Option<ByteRange>,
    },
    /// The chat room has answered to [`Endpoint::request_nickname`](super::Endpoint::request_nickname) (RFC 7701 §7.1).
    NicknameAnswered {
        /// In which session.
        session: SessionId,
        /// 200 if we have the name, 425 if another has it, 424 if it is none; [`Status::TIMEOUT`] if nothing came.
        status: Status,
    },
    /// The peer wants a nickname, or none any more if it is empty (RFC 7701 §7.1). Answer it with
    /// [`Endpoint::answer_nickname`](super::Endpoint::answer_nickname).
    NicknameRequested {
        /// In which session.
        session: SessionId,
        /// The name.
        nickname: Text,
        /// The right to answer.
        request: NicknameRequest,
    },
    /// The session has ended. Nothing follows for it.
    Down {
        /// Which session.
        session: SessionId,
        /// Why.
        why: Down,
    },
    /// A session that refused a message with [`SendError::Full`](super::SendError::Full) has room again.
    Writable {
        /// Which session.
        session: SessionId,
    },
}

impl Event {
    /// In which session it happened.
    pub const fn session(&self) -> SessionId {
        match self {
            Self::Authorized { session }
            | Self::NicknameAnswered { session, .. }
            | Self::NicknameRequested { session, .. }
            | Self::Up { session }
            | Self::Received { session, .. }
            | Self::Piece { session, .. }
            | Self::Wanted { session, .. }
            | Self::Sent { session, .. }
            | Self::Failed { session, .. }
            | Self::Report { session, .. }
            | Self::Down { session, .. }
            | Self::Writable { session } => *session,
        }
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Down {
    /// By [`Endpoint::close`](super::Endpoint::close).
    Closed,
    /// The connection could not be opened, or was lost.
    Connection,
    /// Nobody bound a connection to it in time.
    Unbound,
    /// The host name in the peer's path has no address.
    Unresolvable,
    /// The peer does not know the session (481) or has it on another connection (506).
    Rejected(Status),
    /// The peer did not answer within the transaction time.
    Timeout,
    /// The certificate of the connection that we opened is not the one that the peer described (RFC 8122 §7).
    Fingerprint,
    /// A relay does not serve the session.
    Relay(AuthError),
}

/// A message that was received completely.
#[derive(Debug)]
pub struct Incoming {
    /// The peer's Message-ID.
    pub id: Text,
    /// The Content-Type as it came; empty if there was none.
    pub content_type: Text,
    /// What was done to the body before it was sent (`Content-Encoding: deflate`), as one peer does to reports.
    pub content_encoding: Option<Text>,
    /// The body, a view of the receive buffer where the message came in one piece.
    pub body: Bytes,
    /// The right to answer it.
    pub receipt: Receipt,
    /// Whether the peer asked for a success report.
    pub success_report: bool,
    /// Which failures the peer wants to hear of.
    pub failure_report: FailureReport,
}

/// A part of a message that is received in pieces.
///
/// Bytes come in the order in which they arrive, which over one connection is that of the message unless the peer chose
/// another, and none comes twice.
#[derive(Debug)]
pub struct Piece {
    /// The peer's Message-ID. Messages may take turns.
    pub id: Text,
    /// The Content-Type as it came with the first chunk.
    pub content_type: Text,
    /// Where the bytes belong in the message, counted from 0.
    pub at: u64,
    /// The bytes, a view of the receive buffer; maybe none, where there is only an end to be told.
    pub bytes: Bytes,
    /// How large the message will be, as far as the peer has said so. It may be wrong.
    pub total: Option<u64>,
    /// Whether it goes on.
    pub progress: Progress,
    /// The right to answer for it.
    pub receipt: Receipt,
}

/// Whether a message that comes in pieces goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// More is to come.
    More,
    /// With this piece nothing is missing any more.
    Complete,
    /// The peer has given the message up, or nothing more of it came in time.
    Aborted,
}

/// The right to accept or refuse one received message or piece, once.
///
/// The response to the last chunk of a message, and to each chunk of one that is received in pieces, waits for it: a peer
/// that sees the 200 may forget what was in the chunk.
#[must_use = "the peer waits for the response to its message"]
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    pub(super) session: SessionId,
    pub(super) key: Key,
    /// What a piece counts in the window of its connection; `None` for a whole message.
    pub(super) held: Option<usize>,
}

impl Receipt {
    /// The session in which it came.
    pub const fn session(&self) -> SessionId {
        self.session
    }
}
