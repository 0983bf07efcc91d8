//! Contact: where to reach somebody directly.

use super::name_addr::NameAddrRef;
use super::{FeatureTags, NameAddr, read_by};
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name, Uri};
use crate::wire::Text;
use crate::wire::cursor::Cursor;
use crate::wire::params::Params;
use std::borrow::Cow;

/// Where to reach somebody directly (RFC 3261 §20.10).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every contact is an address"
)]
pub enum Contact {
    /// `*`: every binding, in a REGISTER that removes them all (RFC 3261 §10.2.2).
    Star,
    /// An address.
    Address(NameAddr),
}

impl Contact {
    /// The address; `None` for `*`.
    pub const fn address(&self) -> Option<&NameAddr> {
        match self {
            Self::Star => None,
            Self::Address(address) => Some(address),
        }
    }

    /// The URI; `None` for `*`.
    pub fn uri(&self) -> Option<&Uri> {
        self.address().map(|address| &address.uri)
    }

    /// The parameters; none for `*`.
    pub const fn params(&self) -> &Params {
        static NONE: Params = Params::new();
        match self {
            Self::Star => &NONE,
            Self::Address(address) => &address.params,
        }
    }

    /// For how many seconds it is valid, if it says so itself.
    ///
    /// # Errors
    ///
    /// `expires` is not a number of 32 bits.
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        let Some(value) = self.params().value("expires") else {
            return Ok(None);
        };
        let mut cursor = Cursor::new(value);
        let seconds = cursor.number().and_then(|n| cursor.end().map(|()| n));
        seconds.map(Some).map_err(super::of::<Self>)
    }

    /// How much it is preferred, in thousandths; 1000 if it does not say or says nonsense.
    pub fn q(&self) -> u16 {
        self.params()
            .value("q")
            .and_then(thousandths)
            .unwrap_or(1000)
    }

    /// What it says about the abilities of the device (RFC 3840 §9).
    pub const fn features(&self) -> FeatureTags<'_> {
        FeatureTags::new(self.params())
    }

    /// The IMS communication services of the device, without escapes.
    pub fn icsis(&self) -> Vec<String> {
        self.features().icsis().map(Cow::into_owned).collect()
    }

    /// The same contact in a buffer of its own.
    #[must_use]
    pub fn compact(&self) -> Self {
        match self {
            Self::Star => Self::Star,
            Self::Address(address) => Self::Address(address.compact()),
        }
    }
}

impl From<NameAddr> for Contact {
    fn from(address: NameAddr) -> Self {
        Self::Address(address)
    }
}

impl From<Uri> for Contact {
    fn from(uri: Uri) -> Self {
        Self::Address(NameAddr::new(uri))
    }
}

impl Header for Contact {
    const NAME: Name = Name::Contact;
    const LIST: bool = true;

    read_by!(
        |cursor| match cursor.eat(b'*') {
            true => Ok(None),
            false => NameAddrRef::read(cursor).map(Some),
        },
        |cursor| match cursor.eat(b'*') {
            true => Ok(()),
            false => NameAddrRef::check(cursor),
        },
        |address: Option<NameAddrRef<'_>>, value| match address {
            None => Self::Star,
            Some(address) => Self::Address(address.own(value)),
        }
    );

    fn write(&self, out: &mut String) {
        match self {
            Self::Star => out.push('*'),
            Self::Address(address) => address.write(out),
        }
    }
}

/// `qvalue` of RFC 3261 §25.1 in thousandths.
pub(super) fn thousandths(value: &str) -> Option<u16> {
    let (whole, part) = value
        .trim()
        .split_once('.')
        .unwrap_or_else(|| (value.trim(), ""));
    let whole: u16 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut result = whole.checked_mul(1000)?;
    let mut weight = 100;
    for digit in part.chars() {
        result = result.checked_add(u16::try_from(digit.to_digit(10)?).ok()? * weight)?;
        weight /= 10;
    }
    (result <= 1000).then_some(result)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_contact_is_a_star_or_an_address() {
        there_and_back::<Contact>(&[
            ("*", "*"),
            (" * ", "*"),
            (
                "\"Mr. Watson\" <sip:watson@worcester.bell-telephone.com> ;q=0.7; expires=3600",
                "\"Mr. Watson\" <sip:watson@worcester.bell-telephone.com>;q=0.7;expires=3600",
            ),
            (
                r#""Quoted string \"\"" <sip:jdrosen@example.com> ; newparam = newvalue ;  secondparam ; q = 0.33"#,
                r#""Quoted string \"\"" <sip:jdrosen@example.com>;newparam=newvalue;secondparam;q=0.33"#,
            ),
            // RFC 4475 §3.1.1.9 and §3.1.1.10: in the header, and in the URI.
            (
                "sip:+19725552222@gw1.example.net;unknownparam",
                "<sip:+19725552222@gw1.example.net>;unknownparam",
            ),
            (
                "<sip:+19725552222@gw1.example.net;unknownparam>",
                "<sip:+19725552222@gw1.example.net;unknownparam>",
            ),
            (
                "<sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>",
                "<sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>",
            ),
            (
                "\"Caller\" <sip:caller@[2001:db8::1]>",
                "\"Caller\" <sip:caller@[2001:db8::1]>",
            ),
        ]);
        let star: Contact = read("*");
        assert_eq!((star.uri(), star.q()), (None, 1000));
        refused::<Contact>(&[("*;expires=0", 1), ("**", 1)]);
    }

    #[test]
    fn q_and_expires_are_numbers_or_say_so() {
        for (value, q) in [
            ("", 1000),
            (";q=1", 1000),
            (";q=0", 0),
            (";q=0.5", 500),
            (";q=.25", 250),
            (";q=0.333", 333),
            (";q=1.0", 1000),
            (";q=1.5", 1000),
            (";q=x", 1000),
        ] {
            assert_eq!(
                read::<Contact>(&format!("<sip:a@b>{value}")).q(),
                q,
                "{value}"
            );
        }
        let expires = |value: &str| read::<Contact>(&format!("<sip:a@b>{value}")).expires();
        assert_eq!(expires(""), Ok(None));
        assert_eq!(expires(";expires=0"), Ok(Some(0)));
        // RFC 4475 §3.1.2.4.
        assert!(expires(";expires=280297596632815").is_err());
        assert!(expires(";expires=1h").is_err());
    }

    #[test]
    fn a_compact_contact_lets_go_of_the_message() {
        let value = "\"a \\\"b\\\"\" <sip:u:p@h.example:1;lr;x=y?z=1>;q=0.5;c=\"\\d\"";
        let received = bytes::Bytes::from(value.as_bytes().to_vec());
        let contact = Contact::parse(&Text::from_utf8(received.clone()).unwrap()).unwrap();
        let kept = contact.compact();
        assert_eq!(kept, contact);
        drop(contact);
        assert!(received.try_into_mut().is_ok(), "the buffer is free again");
    }
}
