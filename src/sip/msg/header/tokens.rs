//! Headers that are a list of words. One value is the whole list of one field.

use crate::sip::HeaderError;
use crate::sip::msg::list::is_plain;
use crate::sip::msg::{Header, Headers, Method, Name};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, Cursor, Syntax, write_line};

/// Reads words between separators; each must be of the set. Empty places are stepped over.
fn split<'a>(
    value: &'a str,
    separators: &[u8],
    set: &ByteSet,
    mut word: impl FnMut(&'a str),
) -> Result<(), Syntax> {
    let mut cursor = Cursor::new(value);
    loop {
        cursor.skip_lws();
        let found = cursor.take_while(set).trim_ascii_end();
        if !found.is_empty() {
            word(found);
        }
        let end = cursor.clone();
        cursor.skip_lws();
        match cursor.peek() {
            None => return Ok(()),
            Some(byte) if separators.contains(&byte) => cursor.skip(1),
            Some(_) => return Err(end.error("a separator")),
        }
    }
}

/// Where the token ends that begins at `start`.
#[inline]
fn end_of_token(bytes: &[u8], start: usize) -> Option<usize> {
    let end = TOKEN.end_of_run(bytes, start);
    (end > start).then_some(end)
}

/// The words as texts.
fn words(value: &Text, separators: &[u8], set: &ByteSet) -> Result<Vec<Text>, Syntax> {
    let mut words = Vec::new();
    split(value, separators, set, |word| {
        words.push(value.slice_ref(word))
    })?;
    Ok(words)
}

fn write<T: AsRef<str>>(words: &[T], separator: &str, out: &mut String) {
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        write_line(word.as_ref(), out);
    }
}

/// Words are tokens.
const TOKEN: &ByteSet = &ByteSet::TOKEN;
/// Words are tokens with parameters, such as `en;q=0.8`.
const ITEM: &ByteSet = &ByteSet::visible_except(b",").and(b" \t");

macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident, $set:ident, $separators:expr, $separator:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub Vec<Text>);

        impl $name {
            /// The list of these words.
            pub fn new(words: &[&'static str]) -> Self {
                Self(words.iter().copied().map(Text::from_static).collect())
            }

            /// The lists of all fields of a message in one.
            ///
            /// # Errors
            ///
            /// One of them does not follow the grammar.
            pub fn of(headers: &Headers) -> Result<Self, HeaderError> {
                let mut all = Self::default();
                for list in headers.all::<Self>() {
                    all.0.extend(list?.0);
                }
                Ok(all)
            }

            /// Whether the word is in the list, in whatever case.
            pub fn contains(&self, word: &str) -> bool {
                self.0.iter().any(|one| one.eq_ignore_ascii_case(word))
            }

            /// The words.
            pub fn iter(&self) -> impl Iterator<Item = &str> {
                self.0.iter().map(Text::as_str)
            }
        }

        impl Header for $name {
            const NAME: Name = Name::$name;
            const LIST: bool = false;

            fn parse(value: &Text) -> Result<Self, HeaderError> {
                words(value, $separators, $set).map(Self).map_err(super::of::<Self>)
            }

            fn check(value: &str) -> Result<(), HeaderError> {
                match is_plain(value.as_bytes(), end_of_token) {
                    true => Ok(()),
                    false => split(value, $separators, $set, |_| ()).map_err(super::of::<Self>),
                }
            }

            fn write(&self, out: &mut String) {
                write(&self.0, $separator, out);
            }
        }
    )*};
}

lists! {
    /// Extensions that the sender understands (RFC 3261 §20.37).
    Supported, TOKEN, b",", ", ";
    /// Extensions that the receiver must understand (RFC 3261 §20.32).
    Require, TOKEN, b",", ", ";
    /// Extensions that every proxy must understand (RFC 3261 §20.29).
    ProxyRequire, TOKEN, b",", ", ";
    /// Required extensions that are not understood (RFC 3261 §20.40).
    Unsupported, TOKEN, b",", ", ";
    /// Event packages that can be subscribed to (RFC 6665 §8.2.2).
    AllowEvents, TOKEN, b",", ", ";
    /// Info packages that are understood (RFC 6086 §4.2).
    RecvInfo, ITEM, b",", ", ";
    /// Encodings of bodies that are understood, with parameters (RFC 3261 §20.2).
    AcceptEncoding, ITEM, b",", ", ";
    /// Languages that are understood, with parameters (RFC 3261 §20.3).
    AcceptLanguage, ITEM, b",", ", ";
    /// How the body is encoded, the last one outermost (RFC 3261 §20.12).
    ContentEncoding, TOKEN, b",", ", ";
    /// How proxies shall handle a request: `no-fork`, `sequential` (RFC 3841 §9.1).
    RequestDisposition, TOKEN, b",", ", ";
    /// What the sender wants to be kept from others: `id`, `header`, `none` (RFC 3323 §4.2). The grammar
    /// puts semicolons between; some put commas.
    Privacy, TOKEN, b";,", ";";
    /// The languages of the body (RFC 3261 §20.13).
    ContentLanguage, TOKEN, b",", ", ";
    /// With which priority resources shall be used, in each namespace: `dsn.flash` (RFC 4412 §3.1).
    ResourcePriority, TOKEN, b",", ", ";
    /// Which priorities the receiver knows (RFC 4412 §3.2).
    AcceptResourcePriority, TOKEN, b",", ", ";
    /// What the network may do with media before the answer: `supported`, `sendrecv`, `gated` (RFC 5009).
    PEarlyMedia, TOKEN, b",", ", ";
    /// Tokens by which media is authorised, in hexadecimal digits (RFC 3313).
    PMediaAuthorization, TOKEN, b",", ", ";
}

impl ResourcePriority {
    /// Namespaces with the priority in each.
    pub fn priorities(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter_map(|value| value.split_once('.'))
    }
}

/// Methods that the sender understands (RFC 3261 §20.5). One value is the whole list of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow(pub Vec<Method>);

impl Allow {
    /// The lists of all fields of a message in one.
    ///
    /// # Errors
    ///
    /// One of them does not follow the grammar.
    pub fn of(headers: &Headers) -> Result<Self, HeaderError> {
        let mut all = Self::default();
        for list in headers.all::<Self>() {
            all.0.extend(list?.0);
        }
        Ok(all)
    }

    /// Whether the method is in the list.
    pub fn contains(&self, method: &Method) -> bool {
        self.0.contains(method)
    }
}

impl Header for Allow {
    const NAME: Name = Name::Allow;
    const LIST: bool = false;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let words = words(value, b",", TOKEN).map_err(super::of::<Self>)?;
        Ok(Self(words.iter().filter_map(Method::parse).collect()))
    }

    fn check(value: &str) -> Result<(), HeaderError> {
        match is_plain(value.as_bytes(), end_of_token) {
            true => Ok(()),
            false => split(value, b",", TOKEN, |_| ()).map_err(super::of::<Self>),
        }
    }

    fn write(&self, out: &mut String) {
        let words: Vec<_> = self.0.iter().map(Method::as_str).collect();
        write(&words, ", ", out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn lists_there_and_back() {
        there_and_back::<Supported>(&[
            ("path,gruu ,\toutbound", "path, gruu, outbound"),
            ("", ""),
            (", ,timer,", "timer"),
        ]);
        there_and_back::<Allow>(&[("INVITE, ACK,x-NEW", "INVITE, ACK, x-NEW")]);
        there_and_back::<Privacy>(&[("id;critical", "id;critical"), ("header, id", "header;id")]);
        there_and_back::<AcceptLanguage>(&[(
            "da, en-gb;q=0.8, en ; q=0.7",
            "da, en-gb;q=0.8, en ; q=0.7",
        )]);
        there_and_back::<RequestDisposition>(&[("no-fork", "no-fork")]);
    }

    #[test]
    fn what_is_no_word_says_where() {
        refused::<Require>(&[("a b", 1), ("a, b/c", 4), ("a,  \"b\"", 4)]);
        refused::<Allow>(&[("INVITE ACK", 6)]);
    }

    #[test]
    fn words_have_no_case_and_methods_have() {
        let list = |value: &str| read::<Supported>(value);
        assert!(list("Timer, 100REL").contains("100rel"));
        assert!(!list("timer").contains("time"));
        let allow: Allow = read("invite, BYE");
        assert!(allow.contains(&Method::Bye) && !allow.contains(&Method::Invite));
    }

    #[test]
    fn no_word_ends_its_line() {
        assert_eq!(
            written(&Supported(vec![Text::from("a\r\nX: y")])),
            "a  X: y"
        );
    }
}
