//! What the participating function asks and tells.

use crate::engine::{DateTime, Reply, Transport};
use crate::sip::Uri;
use crate::wire::Text;
use bytes::Bytes;
use std::net::SocketAddr;

/// What the function asks and tells. `user` is always the address of record as [`Uri::aor`] writes it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Who is this user? `None`: nobody.
    Subscriber {
        /// The user.
        user: Text,
        /// Takes the answer.
        reply: Reply<Option<Subscriber>>,
    },
    /// Keep this message. The answer `Ok` is what the sender's 2xx waits for, so give it when the message
    /// would survive the death of the process.
    Keep {
        /// The message.
        kept: Kept,
        /// Takes the answer.
        reply: Reply<Result<(), StoreError>>,
    },
    /// Give back a message that was kept. `None`: it is not there.
    Load {
        /// The user it is for.
        user: Text,
        /// Its number.
        sequence: u64,
        /// Takes the message.
        reply: Reply<Option<Bytes>>,
    },
    /// A message that was kept has been delivered, or is worthless: it need not be kept any more.
    Forget {
        /// The user it was for.
        user: Text,
        /// Its number.
        sequence: u64,
    },
    /// A message could not be delivered in its time, and its user wants to have it all the same: put it into
    /// the message store. Only after the answer `Ok` does [`Event::Forget`] follow.
    Archive {
        /// The user it is for.
        user: Text,
        /// The message, as [`Kept::message`].
        message: Bytes,
        /// Takes the answer.
        reply: Reply<Result<(), StoreError>>,
    },
    /// Where a user's devices are that a restart would cut off: keep this in the place of what was kept
    /// before. It need not be waited for.
    Enrolled {
        /// The user.
        user: Text,
        /// The devices; none if there are none any more.
        devices: Vec<Enrolment>,
    },
    /// A user's device came, went, or changed.
    Registered {
        /// The user.
        user: Text,
        /// How many devices there are now.
        devices: usize,
    },
    /// A message was not delivered in its time.
    Expired {
        /// The user it was for.
        user: Text,
        /// Its number.
        sequence: u64,
    },
}

/// A user of the domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscriber {
    /// The address of record of the user, if the one that was asked for is another address of the same
    /// user: that is where devices are registered and messages kept.
    pub account: Option<Text>,
    /// The password.
    pub password: Text,
    /// Further addresses of the same user, which its messages may be from.
    pub identities: Vec<Uri>,
    /// What the user wants.
    pub preferences: Preferences,
}

/// What a user wants to become of what arrives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// While there is no device to take it.
    pub absence: Absence,
    /// Whether nothing shall ring now: everything is treated as if there were no device.
    pub unwilling: bool,
    /// When its time is over.
    pub expiry: Expiry,
    /// How the user gets what was kept.
    pub retrieval: Retrieval,
    /// Which devices take part.
    pub devices: Devices,
}

/// Which of a user's devices what arrives goes to, of those that offer its service.
///
/// Each of them is given a message once, all at the same time, and the message counts as delivered when the
/// first has taken it: one that fails meanwhile, or comes later, does not get it again. It is kept while none
/// of them is there, or none takes it. A session rings on all of them until one accepts. What asks for one
/// device, as a report does, goes to that one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Devices {
    /// All of them.
    #[default]
    All,
    /// The one that prefers it most (`q`), or registered last.
    Preferred,
    /// Those of these identities (`+sip.instance`).
    Instances(Vec<Text>),
    /// Those that registered with this feature tag (RFC 3840).
    Feature(Text),
}

/// How a user gets what was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Retrieval {
    /// It is delivered, in order, as soon as there is a device; what comes next queues up behind it.
    #[default]
    Push,
    /// The user is told what waits, and fetches or discards it; what comes next is delivered at once. Reports
    /// are pushed all the same: nobody chooses among those.
    Pull,
}

/// What becomes of what arrives while there is no device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Absence {
    /// It is kept until there is one.
    #[default]
    Defer,
    /// It is refused with 480.
    Refuse,
}

/// What becomes of a message that could not be delivered in its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// It is discarded, and its sender told if that was asked for.
    #[default]
    Discard,
    /// It goes into the user's message store.
    Store,
}

/// A message that is kept for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The user it is for.
    pub user: Text,
    /// Its number. Those of one user are delivered in the order of their numbers.
    pub sequence: u64,
    /// Until when it is worth delivering.
    pub expires: DateTime,
    /// The message itself, written as a SIP MESSAGE whatever it came in: its header fields are the envelope,
    /// its body the content.
    pub message: Bytes,
}

/// A registered device, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// The user whose device it is.
    pub user: Text,
    /// The device, written as a SIP REGISTER.
    pub register: Bytes,
    /// What carried the REGISTER.
    pub transport: Transport,
    /// Our address that it was sent to.
    pub local: SocketAddr,
    /// Where it came from.
    pub peer: SocketAddr,
    /// Until when the registration is good.
    pub expires: DateTime,
}

/// What a store remembers of the time before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The messages that are kept: user, number and end of each.
    pub kept: Vec<(Text, u64, DateTime)>,
    /// Devices that are registered.
    pub enrolments: Vec<Enrolment>,
    /// The greatest number that was ever given.
    pub sequence: u64,
}

impl Restored {
    pub(super) fn next_sequence(&self) -> u64 {
        let greatest = self
            .kept
            .iter()
            .map(|(_, sequence, _)| *sequence)
            .max()
            .unwrap_or(0);
        greatest.max(self.sequence).saturating_add(1)
    }
}

/// Why a message was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached, or did not answer in time.
    #[error("the store is unavailable")]
    Unavailable,
    /// There is no room for more.
    #[error("the store is full")]
    Full,
}
