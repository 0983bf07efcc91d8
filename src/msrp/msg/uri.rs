//! MSRP URIs and how they compare.

use crate::wire::Text;
use std::str::FromStr;

/// `msrp://host:port/session-id;tcp` (RFC 4975 §6).
#[derive(Clone, Debug)]
pub struct Uri {
    text: Text,
}

/// Why text is not an MSRP URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// It does not begin with `msrp://` or `msrps://`.
    #[error("not an msrp or msrps URI")]
    Scheme,
    /// The host is missing or contains what a host cannot.
    #[error("the host is missing or malformed, at byte {0}")]
    Host(usize),
    /// The port is not a number below 65536.
    #[error("the port is not a number below 65536, at byte {0}")]
    Port(usize),
    /// The session-id contains what it cannot.
    #[error("the session-id contains what it cannot, at byte {0}")]
    SessionId(usize),
    /// The transport or a parameter is missing or malformed.
    #[error("the transport or a parameter is missing or malformed, at byte {0}")]
    Params(usize),
    /// Longer than 64 KiB.
    #[error("too long")]
    TooLong,
}

#[allow(unused_variables)]
impl Uri {
    /// Reads a URI; the host may be an IPv6 address with or without brackets.
    ///
    /// # Errors
    ///
    /// See [`UriError`].
    pub fn parse(text: &Text) -> Result<Self, UriError> {
        todo!()
    }

    /// A URI over TCP.
    pub fn new(
        secure: bool,
        host: &str,
        port: Option<u16>,
        session_id: Option<&str>,
    ) -> Result<Self, UriError> {
        todo!()
    }

    /// Whether it says `msrps`: over TLS.
    pub fn is_secure(&self) -> bool {
        todo!()
    }

    /// The host without brackets.
    pub fn host(&self) -> &str {
        todo!()
    }

    /// The port, if written.
    pub fn port(&self) -> Option<u16> {
        todo!()
    }

    /// The session-id. A relay's URI may have none.
    pub fn session_id(&self) -> Option<&str> {
        todo!()
    }

    /// The transport: `tcp`.
    pub fn transport(&self) -> &str {
        todo!()
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether both name the same (RFC 4975 §6.1).
    pub fn matches(&self, other: &Self) -> bool {
        todo!()
    }

    /// The same in a buffer of its own.
    #[must_use]
    pub fn compact(&self) -> Self {
        todo!()
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(&Text::from(text))
    }
}

impl std::fmt::Display for Uri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Uri {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other)
    }
}

impl Eq for Uri {}
