//! Who is in a conference: the document of the `conference` event package (RFC 4575).
//!
//! [`ConferenceInfo`] is the document, read leniently and written strictly. [`Roster`] makes one state of the documents
//! of a subscription; [`Conference`] is the state that a focus tells, and knows what has changed since a subscriber was
//! told last.
//!
//! ```
//! use cpm::engine::Limits;
//! use cpm::events::conference_info::{Conference, ConferenceInfo, Cursor, Outcome, Roster, User};
//!
//! let (limits, mut told, mut roster) = (Limits::default(), Cursor::default(), Roster::default());
//! let mut conference = Conference::new("sip:group@example.com");
//! conference.set_user(User::new("sip:alice@example.com"), &limits);
//! let whole = conference.next(&mut told).unwrap();
//! assert_eq!(roster.apply(ConferenceInfo::parse(&whole.write(), &limits)?, &limits), Outcome::Applied);
//!
//! conference.set_user(User::new("sip:bob@example.com"), &limits);
//! let change = conference.next(&mut told).unwrap();
//! assert_eq!(change.users.as_ref().unwrap().users.len(), 1);
//! assert_eq!(roster.apply(change, &limits), Outcome::Applied);
//! assert_eq!(roster.users().count(), 2);
//! # Ok::<_, cpm::events::ParseError>(())
//! ```

mod focus;
mod read;
mod roster;
#[cfg(test)]
mod tests;
mod write;

pub use focus::{Conference, Cursor};
pub use roster::{Outcome, Roster};

use crate::engine::DateTime;
use crate::wire::Text;

/// The event package (RFC 4575 §3.1).
pub const PACKAGE: &str = "conference";

/// The media type of the document (RFC 4575 §3.5).
pub const MEDIA_TYPE: &str = "application/conference-info+xml";

const NS: &str = "urn:ietf:params:xml:ns:conference-info";

/// The namespace of XCON's additions (RFC 6501), of which the nickname is written and read.
const NS_XCON: &str = "urn:ietf:params:xml:ns:xcon-conference-info";

/// How much of itself an element tells (RFC 4575 §4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Extent {
    /// All.
    #[default]
    Full,
    /// What has changed.
    Partial,
    /// That it is no more.
    Deleted,
}

/// The document (RFC 4575 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConferenceInfo {
    /// The URI of the conference.
    pub entity: Text,
    /// Whether this is the whole state, a change, or the end of the conference.
    pub extent: Extent,
    /// Counts the documents of one subscription. Some peers leave it out.
    pub version: Option<u32>,
    /// What the conference is.
    pub description: Option<Description>,
    /// How it stands.
    pub state: Option<ConferenceState>,
    /// Who is in it.
    pub users: Option<Users>,
}

/// What the conference is (RFC 4575 §5.2, §5.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// How much is told.
    pub extent: Extent,
    /// Its name.
    pub display_text: Option<Text>,
    /// What it is about.
    pub subject: Option<Text>,
    /// More about it.
    pub free_text: Option<Text>,
    /// Words to find it by.
    pub keywords: Vec<Text>,
    /// Where it can be reached.
    pub conf_uris: Vec<Address>,
    /// Where more about it can be found.
    pub service_uris: Vec<Address>,
    /// How many users there may be.
    pub maximum_user_count: Option<u32>,
    /// What can be used in it.
    pub available_media: Vec<AvailableMedia>,
}

/// An address with its purpose (RFC 4575 §5.3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The URI.
    pub uri: Text,
    /// A name for it.
    pub display_text: Option<Text>,
    /// What it is for, such as `participation`.
    pub purpose: Option<Text>,
}

/// A medium of the conference (RFC 4575 §5.3.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AvailableMedia {
    /// What names it in the conference.
    pub label: Text,
    /// Its kind, such as `message`.
    pub kind: Option<Text>,
    /// A name for it.
    pub display_text: Option<Text>,
    /// Its usual direction, such as `sendrecv`.
    pub status: Option<Text>,
}

/// How the conference stands (RFC 4575 §5.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConferenceState {
    /// How many users there are.
    pub user_count: Option<u32>,
    /// Whether it is going on.
    pub active: Option<bool>,
    /// Whether nobody can join.
    pub locked: Option<bool>,
}

/// Who is in the conference (RFC 4575 §5.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Whether these are all of them.
    pub extent: Extent,
    /// The users.
    pub users: Vec<User>,
}

/// A user (RFC 4575 §5.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The URI, by which users are told apart.
    pub entity: Text,
    /// How much is told.
    pub extent: Extent,
    /// The name for people.
    pub display_text: Option<Text>,
    /// The name chosen for this conference (RFC 7701, RFC 6501).
    pub nickname: Option<Text>,
    /// Other addresses of the same user.
    pub associated_aors: Vec<Address>,
    /// What the user is in the conference, such as `participant` or `administrator`.
    pub roles: Vec<Text>,
    /// The languages of the user.
    pub languages: Option<Text>,
    /// The conference that takes part as this user.
    pub cascaded_focus: Option<Text>,
    /// Whether this is the subscriber itself (an addition of SIMPLE IM that CPM peers write).
    pub yourown: bool,
    /// The devices.
    pub endpoints: Vec<Endpoint>,
}

impl User {
    /// A user of whom no more is told than the URI.
    pub fn new(entity: impl Into<Text>) -> Self {
        Self {
            entity: entity.into(),
            ..Self::default()
        }
    }

    /// Whether the user takes part now: with some device, where anything is told of devices.
    pub fn is_present(&self) -> bool {
        let present = |endpoint: &Endpoint| {
            matches!(
                endpoint.status,
                None | Some(Status::Connected | Status::OnHold | Status::MutedViaFocus)
            )
        };
        self.endpoints.is_empty() || self.endpoints.iter().any(present)
    }
}

/// A device of a user (RFC 4575 §5.7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The URI, by which the endpoints of a user are told apart.
    pub entity: Text,
    /// How much is told.
    pub extent: Extent,
    /// The name for people.
    pub display_text: Option<Text>,
    /// Who brought it in.
    pub referred: Option<Execution>,
    /// Where it stands.
    pub status: Option<Status>,
    /// How it came in.
    pub joining_method: Option<JoiningMethod>,
    /// When, why and by whom.
    pub joining_info: Option<Execution>,
    /// How it left.
    pub disconnection_method: Option<DisconnectionMethod>,
    /// When, why and by whom.
    pub disconnection_info: Option<Execution>,
    /// What it uses.
    pub media: Vec<Media>,
}

/// When, why and by whom something was done (RFC 4575 §5.7.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Execution {
    /// When.
    pub when: Option<DateTime>,
    /// Why; a Reason header field for example (RFC 3326).
    pub reason: Option<Text>,
    /// By whom: a URI.
    pub by: Option<Text>,
}

/// A medium that an endpoint uses (RFC 4575 §5.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// What names it among those of its endpoint.
    pub id: Text,
    /// How much is told.
    pub extent: Extent,
    /// A name for it.
    pub display_text: Option<Text>,
    /// Its kind, such as `message`.
    pub kind: Option<Text>,
    /// Which medium of the conference it is.
    pub label: Option<Text>,
    /// Its source.
    pub src_id: Option<Text>,
    /// Its direction, such as `sendrecv`.
    pub status: Option<Text>,
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$each:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $type {
            $($(#[$each])* $variant,)*
        }

        impl $type {
            /// Reads the word of the document, in any case; `None` for a word that is not known.
            pub fn parse(text: &str) -> Option<Self> {
                $(if text.eq_ignore_ascii_case($word) {
                    return Some(Self::$variant);
                })*
                None
            }

            /// The word of the document.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

words! {
    /// Where an endpoint stands (RFC 4575 §5.7.3).
    Status {
        /// Invited by others and not in yet, or away.
        Pending = "pending",
        /// The focus calls it.
        DialingOut = "dialing-out",
        /// It calls the focus.
        DialingIn = "dialing-in",
        /// It rings.
        Alerting = "alerting",
        /// In, and on hold.
        OnHold = "on-hold",
        /// In.
        Connected = "connected",
        /// In, and not heard.
        MutedViaFocus = "muted-via-focus",
        /// On its way out.
        Disconnecting = "disconnecting",
        /// Out.
        Disconnected = "disconnected",
    }
}

words! {
    /// How an endpoint came in (RFC 4575 §5.7.4).
    JoiningMethod {
        /// It called the focus.
        DialedIn = "dialed-in",
        /// The focus called it.
        DialedOut = "dialed-out",
        /// It is the focus itself.
        FocusOwner = "focus-owner",
    }
}

words! {
    /// How an endpoint left (RFC 4575 §5.7.6).
    DisconnectionMethod {
        /// By itself.
        Departed = "departed",
        /// Removed by somebody.
        Booted = "booted",
        /// It could not be reached, or was lost.
        Failed = "failed",
        /// It was busy.
        Busy = "busy",
    }
}

impl Extent {
    fn parse(text: Option<&str>) -> Option<Self> {
        match text?.trim() {
            "full" => Some(Self::Full),
            "partial" => Some(Self::Partial),
            "deleted" => Some(Self::Deleted),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::Deleted => "deleted",
        }
    }
}
