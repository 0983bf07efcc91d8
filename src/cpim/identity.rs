//! Who writes and who is written to.

use super::escape;
use crate::wire::Text;
use std::fmt::Write;

/// A party of a message: a URI and, if it was given, a name for people (RFC 3862 §4.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The name for people.
    pub display: Option<Text>,
    /// The URI, without its angle brackets.
    pub uri: Text,
}

impl Identity {
    /// The party that is not told.
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

    /// The same party with a name for people.
    #[must_use]
    pub fn with_display(mut self, display: impl Into<Text>) -> Self {
        self.display = Some(display.into());
        self
    }

    /// Whether this is nobody in particular: an address at `anonymous.invalid` (RFC 3323 §4.1.1.3).
    pub fn is_anonymous(&self) -> bool {
        let address = self.uri.split([';', '?']).next().unwrap_or_default();
        let host = address.rsplit('@').next().unwrap_or_default();
        host.eq_ignore_ascii_case("anonymous.invalid")
    }

    /// Reads a party from a header value. Missing angle brackets are tolerated, and so are a name without
    /// quotes and spaces around everything. `None` if there is no URI.
    pub fn parse(value: &Text) -> Option<Self> {
        let text = value.trim();
        let (display, uri) = match text.strip_prefix('"') {
            Some(quoted) => {
                let end = closing_quote(quoted)?;
                let (display, rest) = quoted.split_at_checked(end)?;
                (display, rest.split_once('<')?.1)
            }
            None => text.split_once('<').unwrap_or(("", text)),
        };
        let uri = uri.split('>').next().unwrap_or_default().trim();
        // Every URI has a scheme.
        if uri.find(':').unwrap_or(0) == 0 || !uri.chars().all(is_uri_char) {
            return None;
        }
        let display = display.trim();
        Some(Self {
            display: match escape::resolve(display) {
                name if name.is_empty() => None,
                std::borrow::Cow::Borrowed(name) => Some(value.slice_ref(name)),
                std::borrow::Cow::Owned(name) => Some(Text::from(name)),
            },
            uri: value.slice_ref(uri),
        })
    }

    /// The same in buffers of its own, for state that outlives the message.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self {
            display: self.display.as_ref().map(Text::compact),
            uri: self.uri.compact(),
        }
    }
}

/// Whether a character can be in a URI, of which nothing more is asked here.
fn is_uri_char(char: char) -> bool {
    !char.is_control() && !char.is_whitespace() && !matches!(char, '<' | '>')
}

/// Where the quote that is open is closed.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

impl std::fmt::Display for Identity {
    /// As it is written in a header.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(display) = &self.display {
            let mut name = String::new();
            escape::write(&mut name, display);
            write!(f, "\"{}\" ", name.replace('"', "\\\""))?;
        }
        f.write_char('<')?;
        // What cannot be in a URI cannot end it early either.
        for char in self.uri.chars() {
            if is_uri_char(char) {
                f.write_char(char)?;
            }
        }
        f.write_char('>')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn party(display: Option<&'static str>, uri: &'static str) -> Identity {
        Identity {
            display: display.map(Text::from_static),
            uri: Text::from_static(uri),
        }
    }

    #[test]
    fn parties_in_both_directions() {
        for (written, value) in [
            (
                "<im:eeyore@example.com>",
                party(None, "im:eeyore@example.com"),
            ),
            (
                "\"Depressed Donkey\" <im:e@x>",
                party(Some("Depressed Donkey"), "im:e@x"),
            ),
            (
                "\"a \\\"b\\\" \\\\c <\u{fc}>\" <tel:+1>",
                party(Some("a \"b\" \\c <\u{fc}>"), "tel:+1"),
            ),
            (
                "\"two\\r\\nlines\" <tel:+1>",
                party(Some("two\r\nlines"), "tel:+1"),
            ),
        ] {
            assert_eq!(
                Identity::parse(&Text::from(written)),
                Some(value.clone()),
                "{written}"
            );
            assert_eq!(value.to_string(), written);
        }
    }

    #[test]
    fn reads_what_peers_write() {
        for (written, value) in [
            (
                "Depressed Donkey <im:e@x>",
                party(Some("Depressed Donkey"), "im:e@x"),
            ),
            ("  Donkey<im:e@x>", party(Some("Donkey"), "im:e@x")),
            ("\"\" <im:e@x> ", party(None, "im:e@x")),
            ("sip:a@b;user=phone", party(None, "sip:a@b;user=phone")),
            ("< sip:a@b ", party(None, "sip:a@b")),
            ("\"a<b\"<sip:a@b>;tag=1", party(Some("a<b"), "sip:a@b")),
            (
                "<tel:+1?Accept-Contact=%2Bsip.instance>",
                party(None, "tel:+1?Accept-Contact=%2Bsip.instance"),
            ),
        ] {
            assert_eq!(
                Identity::parse(&Text::from(written)),
                Some(value),
                "{written}"
            );
        }
    }

    #[test]
    fn nobody_is_read_from_what_is_no_uri() {
        for written in [
            "",
            "<>",
            "alice",
            "\"open <sip:a@b>",
            "<sip:a b@c>",
            "<sip:a\u{7f}@c>",
            "<sip:a@b<c>",
            "<:a>",
            "\"a\" sip:a@b",
        ] {
            assert_eq!(Identity::parse(&Text::from(written)), None, "{written}");
        }
    }

    #[test]
    fn anonymous_is_known_by_its_host() {
        assert!(Identity::ANONYMOUS.is_anonymous());
        assert!(Identity::new("sip:Anonymous@ANONYMOUS.invalid;x").is_anonymous());
        assert!(!Identity::new("sip:anonymous@example.com").is_anonymous());
    }

    #[test]
    fn a_uri_cannot_add_a_header() {
        let evil = Identity::new("sip:a@b>\r\nFrom: <sip:c@d");
        assert_eq!(evil.to_string(), "<sip:a@bFrom:sip:c@d>");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(display in "\\PC{1,20}", uri in "[a-z]{1,5}:[!-;=?-~]{0,20}") {
            let display = Some(display.trim()).filter(|name| !name.is_empty()).map(Text::from);
            let value = Identity { display, uri: Text::from(uri) };
            prop_assert_eq!(Identity::parse(&Text::from(value.to_string())), Some(value));
        }

        #[test]
        fn no_text_is_too_much(text in "[<>\":a\\\\ ]{0,20}") {
            let _ = Identity::parse(&Text::from(text));
        }
    }
}
