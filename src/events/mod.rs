//! What NOTIFYs and PUBLISHes carry: the documents of event packages, read and written.
//!
//! | document | event package | specified in |
//! |---|---|---|
//! | [`conference_info`] | `conference` | RFC 4575 |
//! | [`dialog_info`] | `dialog` | RFC 4235 |
//! | [`reg_info`] | `reg` | RFC 3680, RFC 5628 |
//! | [`pidf`] | `presence` | RFC 3863 |
//!
//! A notifier tells the whole state first and then what has changed, each document with the next version. What makes
//! one state of them again is beside each document; it says whether anything was missed, upon which the subscription
//! is to be refreshed for a whole state ([`Endpoint::refresh_subscription`](crate::sip::Endpoint::refresh_subscription)).
//!
//! Documents are read leniently: elements, attributes and states that are not known are skipped, and only what a
//! document is about must be there.

pub mod conference_info;
pub mod dialog_info;
pub mod pidf;
pub mod reg_info;

use crate::wire::{Text, xml};

/// Why bytes are not the document that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The XML is broken or beyond its limits.
    #[error(transparent)]
    Xml(#[from] xml::Error),
    /// The document element is another.
    #[error("not a {0} document")]
    Root(&'static str),
    /// What identifies the subject of an element is not there.
    #[error("{element} without {attribute}")]
    Missing {
        /// The element.
        element: &'static str,
        /// Its attribute.
        attribute: &'static str,
    },
}

/// How much of a state a document tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// All of it.
    Full,
    /// What has changed.
    Partial,
}

impl Extent {
    fn parse(text: Option<&str>) -> Self {
        match text {
            Some("partial") => Self::Partial,
            _ => Self::Full,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
        }
    }
}

/// What a document did to the state that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is up to date.
    Applied,
    /// It was applied, but one before it was missed: refresh the subscription.
    Missed,
    /// It is older than what is known, and was dropped.
    Stale,
    /// There would be more items than [`Limits::event_items`](crate::engine::Limits::event_items); nothing was changed.
    TooMany,
}

/// The order of the documents of one subscription (RFC 4235 §4.3, RFC 3680 §5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Versions(Option<u32>);

impl Versions {
    /// What the version of the next document means for it.
    const fn judge(self, version: u32, extent: Extent) -> Outcome {
        match (self.0, extent) {
            (None, Extent::Full) => Outcome::Applied,
            // The first one should have been whole.
            (None, Extent::Partial) => Outcome::Missed,
            // Some never count. Order is kept by CSeq all the same, so that a whole state of the same version is new.
            (Some(last), Extent::Full) if version == last => Outcome::Applied,
            (Some(last), _) if version <= last => Outcome::Stale,
            // A whole state makes good whatever was missed.
            (Some(_), Extent::Full) => Outcome::Applied,
            (Some(last), Extent::Partial) if version - last == 1 => Outcome::Applied,
            (Some(_), Extent::Partial) => Outcome::Missed,
        }
    }
}

fn text(value: Option<&str>) -> Option<Text> {
    value.map(Text::from)
}

fn number(value: Option<&str>) -> Option<u32> {
    value?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_say_what_was_missed() {
        use Extent::{Full, Partial};
        use Outcome::{Applied, Missed, Stale};
        for (last, version, extent, outcome) in [
            (None, 0, Full, Applied),
            (None, 7, Full, Applied),
            (None, 7, Partial, Missed),
            (Some(7), 8, Partial, Applied),
            (Some(7), 9, Partial, Missed),
            (Some(7), 9, Full, Applied),
            (Some(7), 7, Partial, Stale),
            (Some(7), 6, Full, Stale),
            (Some(0), 0, Full, Applied),
            (Some(u32::MAX), 0, Partial, Stale),
        ] {
            assert_eq!(
                Versions(last).judge(version, extent),
                outcome,
                "{last:?} {version} {extent:?}"
            );
        }
    }
}
