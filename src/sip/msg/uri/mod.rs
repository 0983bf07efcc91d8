//! URIs of SIP (RFC 3261 §19.1) and telephony (RFC 3966).
//!
//! ```text
//! sip:alice;day=tue:secret@atlanta.com:5060;transport=tcp?subject=project%20x
//! └┬┘ └─────┬─────┘ └──┬─┘ └──────┬───────┘└─────┬──────┘ └────────┬────────┘
//! secure   user    password  host (HostPort)  params            headers
//! ```

mod compare;
pub(crate) mod escape;
mod request;
mod sip;
mod tel;
mod typed;

pub use request::UriRequestError;
pub use sip::{SipUri, UriHeaders};
pub use tel::TelUri;

use self::sip::SipUriRef;
use self::tel::TelUriRef;
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, Cursor, Syntax};
use crate::wire::host::{Host, HostPort};
use std::fmt;
use std::str::FromStr;

/// A URI.
///
/// `==` compares what is written; [`Uri::matches`] compares what is meant, by the rules of the scheme.
///
/// ```
/// use cpm::sip::msg::Uri;
///
/// let one: Uri = "sip:%61lice@atlanta.com;transport=TCP".parse()?;
/// let two: Uri = "sip:alice@AtLanTa.CoM;Transport=tcp".parse()?;
/// assert!(one.matches(&two));
/// assert_eq!(one.aor(), "sip:alice@atlanta.com");
/// # Ok::<(), cpm::wire::cursor::Syntax>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Uri {
    /// `sip:` or `sips:` (RFC 3261 §19.1).
    Sip(SipUri),
    /// `tel:` (RFC 3966).
    Tel(TelUri),
    /// A scheme without a type of its own, such as `urn:`, `im:`, `pres:` or `cid:`.
    Other {
        /// What stands before the colon.
        scheme: Text,
        /// What stands after it.
        rest: Text,
    },
}

/// What may be written after the colon of any scheme (RFC 3986 §2).
const REST: ByteSet = ByteSet::UNRESERVED.and(b";/?:@&=+$,[]#");

/// How far a URI reaches.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Extent {
    /// Its parameters and headers are its own: it stands alone or between angle brackets.
    Whole,
    /// Parameters belong to the header field: no angle brackets (RFC 3261 §20).
    Bare,
}

impl Uri {
    /// `sip:user@host`, where the user is escaped as it has to be and the host is a name, an address or an
    /// IPv6 address with or without brackets.
    pub fn sip(user: &str, host: &str) -> Self {
        Self::Sip(SipUri::new(HostPort::new(Host::named(host))).with_user(user))
    }

    /// `sip:host`.
    pub fn host(host: &str) -> Self {
        Self::Sip(SipUri::new(HostPort::new(Host::named(host))))
    }

    /// Parses a URI that fills the text.
    ///
    /// # Errors
    ///
    /// It is not a URI, or not one of its scheme.
    pub fn parse(text: &Text) -> Result<Self, Syntax> {
        let mut cursor = Cursor::new(text);
        let uri = Self::read(text, &mut cursor, Extent::Whole)?;
        match cursor.is_end() {
            true => Ok(uri),
            false => Err(cursor.error("the end of the URI")),
        }
    }

    /// Reads a URI out of a longer text; `text` is what the cursor runs over.
    pub(crate) fn read(
        text: &Text,
        cursor: &mut Cursor<'_>,
        extent: Extent,
    ) -> Result<Self, Syntax> {
        Ok(UriRef::read(cursor, extent)?.own(text))
    }

    /// Writes the URI. What its grammar does not allow is escaped.
    pub fn write(&self, out: &mut String) {
        const SCHEME: &ByteSet = &ByteSet::alphanumeric_and(b"+-.");
        match self {
            Self::Sip(uri) => uri.write(out),
            Self::Tel(uri) => uri.write(out),
            Self::Other { scheme, rest } => {
                escape::write(scheme, SCHEME, out);
                out.push(':');
                escape::write(rest, &REST, out);
            }
        }
    }

    /// The scheme as it is written; `sip`, `sips` and `tel` in lower case.
    pub fn scheme(&self) -> &str {
        match self {
            Self::Sip(uri) if uri.secure => "sips",
            Self::Sip(_) => "sip",
            Self::Tel(_) => "tel",
            Self::Other { scheme, .. } => scheme,
        }
    }

    /// The URI as a SIP or SIPS URI.
    pub const fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Self::Sip(uri) => Some(uri),
            _ => None,
        }
    }

    /// The URI as a SIP or SIPS URI, to be edited.
    pub const fn as_sip_mut(&mut self) -> Option<&mut SipUri> {
        match self {
            Self::Sip(uri) => Some(uri),
            _ => None,
        }
    }

    /// The URI as a tel URI.
    pub const fn as_tel(&self) -> Option<&TelUri> {
        match self {
            Self::Tel(uri) => Some(uri),
            _ => None,
        }
    }

    /// The same URI in a buffer of its own, for state that outlives the message.
    #[must_use]
    pub fn compact(&self) -> Self {
        match self {
            Self::Sip(uri) => Self::Sip(uri.compact()),
            Self::Tel(uri) => Self::Tel(uri.compact()),
            Self::Other { scheme, rest } => Self::Other {
                scheme: scheme.compact(),
                rest: rest.compact(),
            },
        }
    }
}

/// A URI that was read and is not kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum UriRef<'a> {
    Sip(SipUriRef<'a>),
    Tel(TelUriRef<'a>),
    Other { scheme: &'a str, rest: &'a str },
}

impl<'a> UriRef<'a> {
    /// Reads as [`Uri::read`].
    #[inline(always)]
    pub(crate) fn read(cursor: &mut Cursor<'a>, extent: Extent) -> Result<Self, Syntax> {
        // Nearly all are written so.
        match cursor.eat_text("sip:") {
            true => SipUriRef::read(cursor, extent, false).map(Self::Sip),
            false => Self::read_any(cursor, extent),
        }
    }

    #[inline(never)]
    fn read_any(cursor: &mut Cursor<'a>, extent: Extent) -> Result<Self, Syntax> {
        const SCHEME: &ByteSet = &ByteSet::alphanumeric_and(b"+-.");
        const ANY: &ByteSet = &ByteSet::visible_except(b"<>\"");
        const BARE: &ByteSet = &ByteSet::visible_except(b"<>\";");
        if !cursor.peek().is_some_and(|b| b.is_ascii_alphabetic()) {
            return Err(cursor.error("a URI"));
        }
        let scheme = cursor.take_while(SCHEME);
        cursor.expect(b':', "a colon after the scheme")?;
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        if is("sip") || is("sips") {
            return SipUriRef::read(cursor, extent, scheme.len() == 4).map(Self::Sip);
        }
        if is("tel") {
            return TelUriRef::read(cursor, extent).map(Self::Tel);
        }
        let set = match extent {
            Extent::Whole => ANY,
            Extent::Bare => BARE,
        };
        let rest = cursor.take(set, "the rest of the URI")?;
        Ok(Self::Other { scheme, rest })
    }

    /// The URI, sharing the buffer of `text`, out of which it was read.
    pub(crate) fn own(self, text: &Text) -> Uri {
        match self {
            Self::Sip(uri) => Uri::Sip(uri.own(text)),
            Self::Tel(uri) => Uri::Tel(uri.own(text)),
            Self::Other { scheme, rest } => Uri::Other {
                scheme: text.slice_ref(scheme),
                rest: text.slice_ref(rest),
            },
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.pad(&out)
    }
}

impl FromStr for Uri {
    type Err = Syntax;

    fn from_str(text: &str) -> Result<Self, Syntax> {
        Self::parse(&Text::from(text))
    }
}

impl From<SipUri> for Uri {
    fn from(uri: SipUri) -> Self {
        Self::Sip(uri)
    }
}

impl From<TelUri> for Uri {
    fn from(uri: TelUri) -> Self {
        Self::Tel(uri)
    }
}
