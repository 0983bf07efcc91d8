//! Addresses: a URI with a display name and parameters, as in From, Contact, Route and their kin.

use super::{FeatureTags, shared, whole};
use crate::sip::HeaderError;
use crate::sip::msg::uri::Extent;
use crate::sip::msg::{Header, Name, Uri};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, Cursor, Syntax, write_quoted};
use crate::wire::params::Params;
use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};
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
        let address = Self::read(text, &mut cursor)?;
        cursor.end()?;
        Ok(address)
    }

    /// Reads an address out of a longer text; `text` is what the cursor runs over.
    pub(super) fn read(text: &Text, cursor: &mut Cursor<'_>) -> Result<Self, Syntax> {
        cursor.skip_lws();
        let display = read_display(text, cursor)?;
        let bracketed = match &display {
            Some(_) => {
                cursor.expect(b'<', "an address in angle brackets")?;
                true
            }
            None => cursor.eat(b'<'),
        };
        let uri = match bracketed {
            true => {
                let uri = Uri::read(text, cursor, Extent::Whole)?;
                cursor.expect(b'>', "a closing angle bracket")?;
                uri
            }
            false => Uri::read(text, cursor, Extent::Bare)?,
        };
        Ok(Self {
            display: display.filter(|name| !name.is_empty()),
            uri,
            params: Params::read(text, cursor)?,
        })
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

/// The name in front of an angle bracket: a quoted string, or words of whatever kind.
fn read_display(text: &Text, cursor: &mut Cursor<'_>) -> Result<Option<Text>, Syntax> {
    if let Some(quoted) = cursor.quoted()? {
        cursor.skip_lws();
        return Ok(Some(shared(text, quoted.value())));
    }
    if cursor.peek() == Some(b'<') {
        return Ok(None);
    }
    // A quote or a semicolon before the bracket: a URI, and the bracket is in one of its parameters.
    const WORDS: &ByteSet = &ByteSet::visible_except(b"<\";").and(b" \t");
    let mut ahead = cursor.clone();
    let words = ahead.take_while(WORDS);
    if ahead.peek() != Some(b'<') {
        return Ok(None);
    }
    *cursor = ahead;
    Ok(Some(text.slice_ref(words.trim_end())))
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

impl std::convert::From<Uri> for NameAddr {
    fn from(uri: Uri) -> Self {
        Self::new(uri)
    }
}

macro_rules! addresses {
    ($($(#[$doc:meta])* $name:ident, list = $list:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub NameAddr);

        impl Deref for $name {
            type Target = NameAddr;

            fn deref(&self) -> &NameAddr {
                &self.0
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut NameAddr {
                &mut self.0
            }
        }

        impl std::convert::From<NameAddr> for $name {
            fn from(address: NameAddr) -> Self {
                Self(address)
            }
        }

        impl std::convert::From<Uri> for $name {
            fn from(uri: Uri) -> Self {
                Self(NameAddr::new(uri))
            }
        }

        impl Header for $name {
            const NAME: Name = Name::$name;
            const LIST: bool = $list;

            fn parse(value: &Text) -> Result<Self, HeaderError> {
                whole(value, |cursor| NameAddr::read(value, cursor).map(Self))
            }

            fn write(&self, out: &mut String) {
                self.0.write(out);
            }
        }
    )*};
}

addresses! {
    /// Who sends (RFC 3261 §20.20).
    From, list = false;
    /// To whom (RFC 3261 §20.39).
    To, list = false;
    /// A hop that a request must visit (RFC 3261 §20.34).
    Route, list = true;
    /// A hop that stays in the way of a dialog (RFC 3261 §20.30).
    RecordRoute, list = true;
    /// A hop towards a registered contact (RFC 3327 §4).
    Path, list = true;
    /// A hop for requests of a registered user (RFC 3608 §5).
    ServiceRoute, list = true;
    /// Where answers by the user shall go (RFC 3261 §20.31).
    ReplyTo, list = false;
    /// Where the receiver shall turn to (RFC 3515 §2.1).
    ReferTo, list = false;
    /// Who asked for it (RFC 3892 §3).
    ReferredBy, list = false;
    /// Who sends, as a trusted network says (RFC 3325 §9.1).
    PAssertedIdentity, list = true;
    /// Which of its identities the sender wants to be shown (RFC 3325 §9.2).
    PPreferredIdentity, list = true;
    /// One of the addresses that were registered together (RFC 7315 §4.1).
    PAssociatedUri, list = true;
    /// The address that was called (RFC 7315 §4.2).
    PCalledPartyId, list = false;
    /// The user who is served (RFC 5502 §4).
    PServedUser, list = false;
    /// Whom the request was for before (RFC 7044 §5).
    HistoryInfo, list = true;
    /// Who diverted the request (RFC 5806).
    Diversion, list = true;
    /// A ring tone (RFC 3261 §20.4).
    AlertInfo, list = true;
    /// An icon, a card or a page about the caller or the one called (RFC 3261 §20.9).
    CallInfo, list = true;
    /// More about an error (RFC 3261 §20.18).
    ErrorInfo, list = true;
}

macro_rules! tagged {
    ($($name:ident)*) => {$(
        impl $name {
            /// The tag: this side's part of the identifier of the dialog (RFC 3261 §19.3).
            pub fn tag(&self) -> Option<&str> {
                self.params.value("tag")
            }

            /// Sets the tag.
            pub fn set_tag(&mut self, tag: &str) {
                self.0.params.set("tag", Some(tag));
            }
        }
    )*};
}

tagged! { From To }

impl PServedUser {
    /// The user from whom a request is.
    pub fn originating(user: Uri) -> Self {
        Self(NameAddr::new(user).with_param("sescase", Some("orig")))
    }

    /// Whether the request is from the user.
    pub fn is_originating(&self) -> bool {
        self.session_case()
            .is_some_and(|case| case.eq_ignore_ascii_case("orig"))
    }

    /// Whether the request is from the user (`orig`) or to the user (`term`).
    pub fn session_case(&self) -> Option<&str> {
        self.params.value("sescase")
    }

    /// Whether the user is registered (`reg`) or not (`unreg`).
    pub fn registration_state(&self) -> Option<&str> {
        self.params.value("regstate")
    }
}

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

impl std::convert::From<NameAddr> for Contact {
    fn from(address: NameAddr) -> Self {
        Self::Address(address)
    }
}

impl std::convert::From<Uri> for Contact {
    fn from(uri: Uri) -> Self {
        Self::Address(NameAddr::new(uri))
    }
}

impl Header for Contact {
    const NAME: Name = Name::Contact;
    const LIST: bool = true;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        whole(value, |cursor| match cursor.eat(b'*') {
            true => Ok(Self::Star),
            false => NameAddr::read(value, cursor).map(Self::Address),
        })
    }

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
    use proptest::prelude::*;

    #[test]
    fn addresses_there_and_back() {
        there_and_back::<From>(&[
            // RFC 3261 §20.20 and §20.39.
            (
                "\"A. G. Bell\" <sip:agb@bell-telephone.com> ;tag=a48s",
                "\"A. G. Bell\" <sip:agb@bell-telephone.com>;tag=a48s",
            ),
            (
                "sip:+12125551212@server.phone2net.com;tag=887s",
                "<sip:+12125551212@server.phone2net.com>;tag=887s",
            ),
            (
                "Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8",
                "\"Anonymous\" <sip:c8oqz84zk7z@privacy.org>;tag=hyh8",
            ),
            // RFC 4475 §3.1.1.1.
            (
                "sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n",
                "<sip:vivekg@chair-dnrc.example.com>;tag=1918181833n",
            ),
            (
                r#""J Rosenberg \\\""       <sip:jdrosen@example.com>  ;  tag = 98asjd8"#,
                r#""J Rosenberg \\\"" <sip:jdrosen@example.com>;tag=98asjd8"#,
            ),
            // RFC 4475 §3.1.1.2 and §3.1.1.6.
            (
                "token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
                "\"token1~` token2'+_ token3*%!.-\" <sip:mundane@example.com>;fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
            ),
            (
                "caller<sip:caller@example.com>;tag=323",
                "\"caller\" <sip:caller@example.com>;tag=323",
            ),
            // RFC 4475 §3.1.2.15: read by the meaning, written by the grammar.
            (
                "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
                "\"Bell, Alexander\" <sip:a.g.bell@example.com>;tag=43",
            ),
            ("\"\" <sip:a@b>", "<sip:a@b>"),
            ("Жанна д'Арк <sip:j@x>", "\"Жанна д'Арк\" <sip:j@x>"),
            ("<sip:a@b;lr?x=y>;c=d", "<sip:a@b;lr?x=y>;c=d"),
            ("sip:a@b?x=y;c=d", "<sip:a@b?x=y>;c=d"),
            ("tel:+1-555;tag=1", "<tel:+1-555>;tag=1"),
            ("isbn:2983792873", "<isbn:2983792873>"),
            (
                "<http://www.example.com/a;b>;tag=3234233",
                "<http://www.example.com/a;b>;tag=3234233",
            ),
            (
                "sip:[2001:db8::1]:5060;tag=1",
                "<sip:[2001:db8::1]:5060>;tag=1",
            ),
            ("sip:user;par=1@h;tag=2", "<sip:user;par=1@h>;tag=2"),
            ("sip:a@b;x=\"<y>\"", "<sip:a@b>;x=\"<y>\""),
        ]);
    }

    #[test]
    fn what_is_no_address_says_where() {
        refused::<To>(&[
            ("", 0),
            ("bob", 3),
            ("<sip:a@b", 8),
            ("<>", 1),
            ("Bob sip:a@b", 3),
            ("\"Bob\" sip:a@b", 6),
            ("\"Bob\"", 5),
            // RFC 4475 §3.1.2.14 and §3.1.2.6: spaces in an addr-spec, a quote that is not closed.
            ("\"Watson, Thomas\" < sip:t.watson@example.org >", 18),
            ("<sip:t.watson@example.org >", 25),
            ("\"Mr. J. User <sip:j.user@example.com>", 0),
            ("<sip:a@b>x", 9),
            ("<sip:a@b>;tag=\"x", 14),
            ("<sip:a@b>, <sip:c@d>", 9),
            ("*", 0),
            ("<sip:user@[2001:db8:::192.0.2.1]>", 10),
        ]);
    }

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
    fn a_tag_is_added_and_replaced() {
        let mut to: To = read("Bob <sip:bob@x>");
        assert_eq!(to.tag(), None);
        to.set_tag("1");
        to.set_tag("2");
        assert_eq!(written(&to), "\"Bob\" <sip:bob@x>;tag=2");
    }

    #[test]
    fn a_served_user_says_which_side_and_whether_registered() {
        let user: PServedUser = read("<sip:user@example.com>; sescase=orig; regstate=reg");
        assert_eq!(user.session_case(), Some("orig"));
        assert_eq!(user.registration_state(), Some("reg"));
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
