//! Who writes and who is written to.

use crate::wire::Text;

/// A party of a message: a URI and, if it was given, a name for people (RFC 3862 §4.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The name for people.
    pub display: Option<Text>,
    /// The URI, without its angle brackets.
    pub uri: Text,
}

impl Identity {
    /// The party that is not told: `sip:anonymous@anonymous.invalid`.
    pub const ANONYMOUS: Self = Self {
        display: None,
        uri: Text::from_static("sip:anonymous@anonymous.invalid"),
    };

    /// A party without a name for people.
    pub fn new(uri: impl Into<Text>) -> Self {
        Self {
            display: None,
            uri: uri.into(),
        }
    }

    /// Whether this is nobody in particular (RFC 3323 §4.1.1.3).
    pub fn is_anonymous(&self) -> bool {
        todo!()
    }

    /// Reads a party from a header value. A missing pair of angle brackets is tolerated, and so are a
    /// name without quotes and spaces around everything. `None` if there is no URI.
    pub fn parse(_value: &Text) -> Option<Self> {
        todo!()
    }
}

impl std::fmt::Display for Identity {
    /// As it is written in a header.
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}
