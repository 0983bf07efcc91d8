//! Headers that are a text.

use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, write_line};

/// What a text may hold.
#[derive(Clone, Copy)]
enum Kind {
    /// Anything, nothing too (`TEXT-UTF8-TRIM` of RFC 3261 §25.1).
    Free,
    /// Something without white space.
    Word,
}

fn read(name: Name, kind: Kind, value: &Text) -> Result<Text, HeaderError> {
    const WORD: &ByteSet = &ByteSet::visible_except(b"");
    let text = value.trim();
    let start = value.len() - value.trim_start().len();
    match kind {
        Kind::Free => Ok(value.slice_ref(text)),
        Kind::Word if text.is_empty() => Err(HeaderError::syntax(name, "a word", start)),
        Kind::Word => match text.bytes().position(|byte| !WORD.contains(byte)) {
            Some(at) => Err(HeaderError::syntax(name, "one word", start + at)),
            None => Ok(value.slice_ref(text)),
        },
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
                read(Self::NAME, Kind::$kind, value).map(Self)
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
