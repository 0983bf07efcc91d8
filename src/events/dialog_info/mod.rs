//! Which calls somebody has: the document of the `dialog` event package (RFC 4235).

mod read;
#[cfg(test)]
mod tests;
mod write;

use super::{Extent, Outcome, Versions};
use crate::engine::Limits;
use crate::wire::Text;
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
