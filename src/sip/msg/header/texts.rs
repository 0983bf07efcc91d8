//! Headers that are a text.

use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::{is_visible, write_line};

/// What a text may hold.
#[derive(Clone, Copy)]
enum Kind {
    /// Anything, nothing too (`TEXT-UTF8-TRIM` of RFC 3261 §25.1).
    Free,
    /// Something without white space.
    Word,
}

fn read(name: Name, kind: Kind, value: &str) -> Result<&str, HeaderError> {
    let text = value.trim_ascii();
    let start = || value.len() - value.trim_ascii_start().len();
    match kind {
        Kind::Free => Ok(text),
        Kind::Word if text.is_empty() => Err(HeaderError::syntax(name, "a word", start())),
        Kind::Word if is_visible(text) => Ok(text),
        Kind::Word => {
            let at = text.find(|c: char| c.is_ascii() && !c.is_ascii_graphic());
            let at = start() + at.unwrap_or(text.len());
            Err(HeaderError::syntax(name, "one word", at))
        }
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident, $kind:ident, list = $list:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub Text);

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Text::from(text))
            }
        }

        impl Header for $name {
            const NAME: Name = Name::$name;
            const LIST: bool = $list;

            fn parse(value: &Text) -> Result<Self, HeaderError> {
                read(Self::NAME, Kind::$kind, value).map(|text| Self(value.slice_ref(text)))
            }

            fn check(value: &str) -> Result<(), HeaderError> {
                read(Self::NAME, Kind::$kind, value).map(drop)
            }

            fn write(&self, out: &mut String) {
                write_line(&self.0, out);
            }
        }
    )*};
}

texts! {
    /// What the requests and responses of a dialog or registration have in common (RFC 3261 §20.8).
    /// Compared byte by byte.
    CallId, Word, list = false;
    /// The client software (RFC 3261 §20.41).
    UserAgent, Free, list = false;
    /// The server software (RFC 3261 §20.35).
    Server, Free, list = false;
    /// What it is about (RFC 3261 §20.36).
    Subject, Free, list = false;
    /// How urgent it is: `emergency`, `urgent`, `normal`, `non-urgent` or another word (RFC 3261 §20.26).
    Priority, Word, list = false;
    /// Whom the sender works for (RFC 3261 §20.25).
    Organization, Free, list = false;
    /// The name of the body, in angle brackets (RFC 8262).
    ContentId, Word, list = false;
    /// The version of published state (RFC 3903 §11.3.1).
    SipEtag, Word, list = false;
    /// The version that a publication replaces (RFC 3903 §11.3.2).
    SipIfMatch, Word, list = false;
    /// The service that a trusted network has authorised (RFC 6050 §4.1).
    PAssertedService, Word, list = true;
    /// The service that the sender wants (RFC 6050 §4.2).
    PPreferredService, Word, list = true;
    /// The calls that this one returns or answers (RFC 3261 §20.21).
    InReplyTo, Word, list = true;
    /// The version of MIME: `1.0` (RFC 3261 §20.24).
    MimeVersion, Word, list = false;
    /// The state that need not be sent again (RFC 5839); `*` is any.
    SuppressIfMatch, Word, list = false;
    /// Who vouches for From and To, as a signed token (RFC 8224 §4; before it the signature of RFC 4474). It
    /// is carried and not looked into: rewriting it would break what was signed.
    Identity, Free, list = false;
    /// The place of a message in a message store (OMA CPM).
    MessageUid, Word, list = false;
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn texts_there_and_back() {
        there_and_back::<CallId>(&[
            (
                "f81d4fae-7dec-11d0-a765-00a0c91e6bf6@biloxi.com",
                "f81d4fae-7dec-11d0-a765-00a0c91e6bf6@biloxi.com",
            ),
            // RFC 4475 §3.1.1.2.
            (
                "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
                "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
            ),
        ]);
        there_and_back::<Subject>(&[("", ""), (" Тест  1 ", "Тест  1")]);
        there_and_back::<PAssertedService>(&[(
            "urn:urn-7:3gpp-service.ims.icsi.oma.cpm.msg",
            "urn:urn-7:3gpp-service.ims.icsi.oma.cpm.msg",
        )]);
        refused::<CallId>(&[("", 0), ("  ", 2), ("a b", 1), (" a b", 2)]);
    }

    #[test]
    fn no_text_ends_its_line() {
        assert_eq!(written(&Subject::from("a\r\nVia: b")), "a  Via: b");
    }
}
