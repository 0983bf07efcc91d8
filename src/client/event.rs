//! What a client tells its application.

use super::ChatId;
use crate::conversation::{Ending, Status};
use crate::deferred::Item;
use crate::engine::DateTime;
use crate::sip::Uri;
use crate::wire::Text;
use crate::wire::mime::MediaType;
use bytes::Bytes;
use std::time::Duration;

/// The name of one message, ours or a peer's: its `imdn.Message-ID`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub(super) Text);

impl MessageId {
    /// The id as it is on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(
    clippy::large_enum_variant,
    reason = "few exist at a time, and a box would stand in the way of every match"
)]
pub enum Event {
    /// The network knows where we are.
    Registered {
        /// For how long; it is refreshed before.
        expires: Duration,
    },
    /// The network does not take our registration, or cannot be reached.
    RegistrationFailed {
        /// What it said, if it said something.
        status: Option<u16>,
        /// When the next attempt will be made; `None` if there will be none.
        retry_in: Option<Duration>,
    },
    /// The registration was taken back.
    Unregistered,
    /// A peer wants to chat: [`accept_chat`](crate::node::Node::accept_chat) or
    /// [`decline_chat`](crate::node::Node::decline_chat). Only where chats are not accepted by themselves.
    Invited {
        /// The chat.
        chat: ChatId,
        /// Who.
        from: Uri,
        /// What about.
        subject: Option<Text>,
    },
    /// A session of a chat is agreed on.
    Accepted {
        /// The chat.
        chat: ChatId,
        /// With whom.
        peer: Uri,
    },
    /// A message arrived.
    Message {
        /// The chat it belongs to.
        chat: ChatId,
        /// Its name, for [`mark_displayed`](crate::node::Node::mark_displayed).
        message: MessageId,
        /// Who wrote it.
        from: Uri,
        /// Which of the user's addresses it was written to.
        to: Uri,
        /// When it was written.
        date_time: Option<DateTime>,
        /// How urgent its sender finds it.
        priority: Option<super::Priority>,
        /// Where its sender wants answers.
        reply_to: Option<Uri>,
        /// What it says.
        text: Text,
    },
    /// Content arrived that is not text.
    Content {
        /// The chat it belongs to.
        chat: ChatId,
        /// Its name.
        message: MessageId,
        /// Who sent it.
        from: Uri,
        /// Its media type.
        content_type: MediaType,
        /// Its bytes.
        body: Bytes,
    },
    /// A peer began to type, or stopped.
    Typing {
        /// The chat.
        chat: ChatId,
        /// Who.
        from: Uri,
        /// Whether.
        active: bool,
    },
    /// A message of ours has come further. States only grow.
    Disposition {
        /// The chat.
        chat: ChatId,
        /// Which message.
        message: MessageId,
        /// With whom.
        by: Uri,
        /// How far.
        status: Status,
    },
    /// A message of ours will not arrive.
    Failed {
        /// The chat.
        chat: ChatId,
        /// Which message.
        message: MessageId,
        /// The status of SIP or MSRP that says why; `None` where the recipient's network reported it.
        status: Option<u16>,
    },
    /// The network keeps these messages for us, and waits to be asked
    /// ([`fetch_deferred`](crate::node::Node::fetch_deferred)). Only if that is what the user wants there.
    Deferred {
        /// The messages, the oldest first.
        messages: Vec<Item>,
        /// How many there are altogether.
        total: u64,
    },
    /// All has come that was fetched, or as much as could be had.
    Fetched {
        /// How many messages came.
        messages: usize,
        /// How it ended: [`Ending::Left`] when everything had come, refused with 404 if there was nothing.
        ending: Ending,
    },
    /// What was to be discarded is gone, or is not.
    Discarded {
        /// Why not; `None` if it is gone.
        status: Option<u16>,
    },
    /// The sessions of this user that go on, on whichever device
    /// ([`watch_sessions`](crate::node::Node::watch_sessions)): all of them, each time something has changed.
    Sessions {
        /// The sessions.
        sessions: Vec<OngoingSession>,
    },
    /// It will not be told any more what goes on.
    SessionsUnknown {
        /// Why, if the network refused.
        status: Option<u16>,
    },
    /// A session of a chat is over.
    Ended {
        /// The chat.
        chat: ChatId,
        /// With whom.
        peer: Uri,
        /// How.
        ending: Ending,
    },
}

/// A session of the user's that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OngoingSession {
    /// With whom.
    pub peer: Option<Text>,
    /// Whether this user has opened it.
    pub is_ours: bool,
    /// Whether it is agreed on; else it rings.
    pub is_up: bool,
    /// The types of its media streams: `message`, `audio`, `video` …
    pub media: Vec<Text>,
}

/// Why a command sent nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no such chat.
    #[error("no such chat")]
    NoChat,
    /// As many messages wait in this chat as `Limits::leg_queue` allows.
    #[error("too many messages are waiting")]
    Full,
    /// The message is larger than `Limits::msrp_message`.
    #[error("the message is too large")]
    TooLarge,
}
