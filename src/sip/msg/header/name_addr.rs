//! A URI with a display name and parameters: what From, Contact, Route and their kin are made of.

use super::{FeatureTags, shared};
use crate::sip::msg::Uri;
use crate::sip::msg::uri::{Extent, UriRef};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, Cursor, Quoted, Syntax, write_quoted};
use crate::wire::params::{Params, ParamsRef};
use std::fmt;
use std::str::FromStr;

/// `name-addr` or `addr-spec` with parameters (RFC 3261 §25.1): the value of many header fields.
///
/// Without angle brackets, what follows a semicolon belongs to the header and not to the URI
/// (RFC 3261 §20).
///
/// ```
/// use cpm::sip::msg::header::NameAddr;
///
/// let address: NameAddr = "\"A. G. Bell\" <sip:agb@bell-telephone.com> ;tag=a48s".parse()?;
/// assert_eq!(address.display.as_deref(), Some("A. G. Bell"));
/// assert_eq!(address.params.value("tag"), Some("a48s"));
/// # Ok::<(), cpm::wire::cursor::Syntax>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// The name to show, without quotes and escapes.
    pub display: Option<Text>,
    /// The address.
    pub uri: Uri,
    /// The parameters of the header field, which are not those of the URI.
    pub params: Params,
}

impl NameAddr {
    /// An address without a name and parameters.
    pub const fn new(uri: Uri) -> Self {
        Self {
            display: None,
            uri,
            params: Params::new(),
        }
    }

    /// The address with a name to show.
    #[must_use]
    pub fn with_display(mut self, display: &str) -> Self {
        self.display = Some(Text::from(display));
        self
    }

    /// The address with a parameter set.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: Option<&str>) -> Self {
        self.params.set(name, value);
        self
    }

    /// Parses an address that fills the text.
    ///
    /// # Errors
    ///
    /// It is not an address.
    pub fn parse(text: &Text) -> Result<Self, Syntax> {
        let mut cursor = Cursor::new(text);
        let address = NameAddrRef::read(&mut cursor)?;
        cursor.end()?;
        Ok(address.own(text))
    }

    /// Writes the address, always with angle brackets and a name always in quotes.
    pub fn write(&self, out: &mut String) {
        if let Some(display) = &self.display {
            write_quoted(display, out);
            out.push(' ');
        }
        out.push('<');
        self.uri.write(out);
        out.push('>');
        self.params.write(out);
    }

    /// What the parameters say about the abilities of the one addressed (RFC 3840 §9).
    pub const fn features(&self) -> FeatureTags<'_> {
        FeatureTags::new(&self.params)
    }

    /// The same address in a buffer of its own, for state that outlives the message.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self {
            display: self.display.as_ref().map(Text::compact),
            uri: self.uri.compact(),
            params: self.params.compact(),
        }
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.pad(&out)
    }
}

impl FromStr for NameAddr {
    type Err = Syntax;

    fn from_str(text: &str) -> Result<Self, Syntax> {
        Self::parse(&Text::from(text))
    }
}

impl From<Uri> for NameAddr {
    fn from(uri: Uri) -> Self {
        Self::new(uri)
    }
}

/// An address that was read and is not kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameAddrRef<'a> {
    display: Option<Display<'a>>,
    uri: UriRef<'a>,
    params: ParamsRef<'a>,
}

/// The name in front of an angle bracket.
#[derive(Clone, Copy, Debug)]
enum Display<'a> {
    Quoted(Quoted<'a>),
    /// Words of whatever kind.
    Words(&'a str),
}

impl<'a> NameAddrRef<'a> {
    /// Reads an address out of a longer text.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, Syntax> {
        Self::read_here(cursor)
    }

    /// Moves past an address, as [`NameAddrRef::read`] does. Many headers are checked by this, and what nobody
    /// looks at is not put together: that is more than half of the work.
    pub(super) fn check(cursor: &mut Cursor<'a>) -> Result<(), Syntax> {
        Self::read_here(cursor).map(drop)
    }

    #[inline(always)]
    fn read_here(cursor: &mut Cursor<'a>) -> Result<Self, Syntax> {
        cursor.skip_lws();
        let display = Display::read(cursor)?;
        let bracketed = match &display {
            Some(_) => {
                cursor.expect(b'<', "an address in angle brackets")?;
                true
            }
            None => cursor.eat(b'<'),
        };
        let uri = match bracketed {
            true => {
                let uri = UriRef::read(cursor, Extent::Whole)?;
                cursor.expect(b'>', "a closing angle bracket")?;
                uri
            }
            false => UriRef::read(cursor, Extent::Bare)?,
        };
        Ok(Self {
            display,
            uri,
            params: ParamsRef::read(cursor)?,
        })
    }

    /// The address, sharing the buffer of `text`, out of which it was read.
    pub(super) fn own(self, text: &Text) -> NameAddr {
        let display = self.display.map(|display| match display {
            Display::Quoted(quoted) => shared(text, quoted.value()),
            Display::Words(words) => text.slice_ref(words),
        });
        NameAddr {
            display: display.filter(|name| !name.is_empty()),
            uri: self.uri.own(text),
            params: self.params.own(text),
        }
    }
}

impl<'a> Display<'a> {
    #[inline(always)]
    fn read(cursor: &mut Cursor<'a>) -> Result<Option<Self>, Syntax> {
        match cursor.peek() {
            Some(b'<') => return Ok(None),
            Some(b'"') => {
                let quoted = cursor.quoted()?.map(Self::Quoted);
                cursor.skip_lws();
                return Ok(quoted);
            }
            _ => {}
        }
        // A quote or a semicolon before the bracket: a URI, and the bracket is in one of its parameters.
        const WORDS: &ByteSet = &ByteSet::visible_except(b"<\";").and(b" \t");
        let mut ahead = cursor.clone();
        let words = ahead.take_while(WORDS);
        if ahead.peek() != Some(b'<') {
            return Ok(None);
        }
        *cursor = ahead;
        Ok(Some(Self::Words(words.trim_end())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_characters_in_a_name_do_not_end_its_line() {
        let address = NameAddr::new("sip:a@b".parse().unwrap()).with_display("x\r\nVia: y\0");
        assert_eq!(address.to_string(), "\"x  Via: y \" <sip:a@b>");
    }

    proptest! {
        #[test]
        fn what_is_built_is_read_again(
            display in proptest::option::of("\\PC{1,12}"),
            user in "\\PC{1,8}",
            params in proptest::collection::btree_map("[a-z]{1,6}", proptest::option::of("\\PC{0,8}"), 0..4),
        ) {
            let mut address = NameAddr::new(Uri::sip(&user, "example.com"));
            address.display = display.map(Text::from);
            for (name, value) in &params {
                address.params.set(name, value.as_deref());
            }
            let again: NameAddr = address.to_string().parse().unwrap();
            prop_assert_eq!(again, address);
        }

        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_is_stable(text in "\\PC{0,9}(<sip:)?[ -~]{0,30}") {
            if let Ok(address) = text.parse::<NameAddr>() {
                let again: NameAddr = address.to_string().parse().unwrap();
                prop_assert_eq!(again.to_string(), address.to_string());
            }
        }
    }
}
