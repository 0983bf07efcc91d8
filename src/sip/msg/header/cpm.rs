//! The headers of OMA CPM: which conversation and which contribution a request belongs to.

use super::{date, read_by};
use crate::engine::DateTime;
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, Cursor, Syntax, write_line};
use std::time::Duration;

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
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
            fn from(id: &str) -> Self {
                Self(Text::from(id))
            }
        }

        impl Header for $name {
            const NAME: Name = Name::$name;
            const LIST: bool = false;

            read_by!(
                |cursor| {
                    // Identifiers are opaque; nothing but white space can end one.
                    let start = cursor.at();
                    match cursor.take_visible() {
                        "" => Err(Syntax { at: start, expected: "an identifier" }),
                        id => Ok(id),
                    }
                },
                |id, value: &Text| Self(value.slice_ref(id))
            );

            fn write(&self, out: &mut String) {
                write_line(&self.0, out);
            }
        }
    )*};
}

identifiers! {
    /// The thread, which stays the same as long as people answer each other (OMA CPM Conversation
    /// Functions, appendix C.1). Compared byte by byte.
    ConversationId;
    /// One message, session or file of the conversation (appendix C.1).
    ContributionId;
    /// The contribution that this one answers (appendix C.1).
    InReplyToContributionId;
    /// The Contribution-ID of the session that this one takes the place of (appendix C.1).
    SessionReplaces;
}

/// Until when a message is worth delivering (OMA CPM).
///
/// Seconds from now or a date are read; we write seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageExpires {
    /// So many seconds after it was sent.
    After(u32),
    /// At that time.
    At(DateTime),
}

impl MessageExpires {
    /// So many seconds from now.
    pub const fn after(seconds: u32) -> Self {
        Self::After(seconds)
    }

    /// The seconds, if it is not a date.
    pub const fn seconds(self) -> Option<u32> {
        match self {
            Self::After(seconds) => Some(seconds),
            Self::At(_) => None,
        }
    }

    /// How long that is from `now` on; nothing if it is over.
    pub fn lifetime(self, now: DateTime) -> Duration {
        match self {
            Self::After(seconds) => Duration::from_secs(seconds.into()),
            Self::At(at) => (at - now).to_std().unwrap_or_default(),
        }
    }
}

impl Header for MessageExpires {
    const NAME: Name = Name::MessageExpires;
    const LIST: bool = false;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let mut ahead = Cursor::new(value);
        ahead.skip_lws();
        // A date that leaves out its weekday begins with digits too.
        let is_number = {
            let digits = ahead.take_while(&ByteSet::DIGIT);
            !digits.is_empty() && ahead.end().is_ok()
        };
        if is_number {
            return super::whole::<Self, _>(value, |cursor| cursor.number().map(Self::After));
        }
        super::whole::<Self, _>(value, |cursor| {
            date::read(cursor, date::Zone::Any).map(Self::At)
        })
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::After(seconds) => out.push_str(&seconds.to_string()),
            Self::At(at) => date::write(*at, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn identifiers_there_and_back() {
        there_and_back::<ConversationId>(&[
            (
                "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            ),
            (" abc@x;y,z ", "abc@x;y,z"),
        ]);
        there_and_back::<SessionReplaces>(&[("7f", "7f")]);
        refused::<ContributionId>(&[("", 0), ("a b", 2)]);
        assert_eq!(
            written(&InReplyToContributionId::from("a\r\nVia: b")),
            "a  Via: b"
        );
    }

    #[test]
    fn a_message_expires_after_seconds_or_at_a_date() {
        let now = DateTime::parse_from_rfc3339("2026-11-22T10:00:00Z").unwrap();
        let lifetime = |value: &str| read::<MessageExpires>(value).lifetime(now).as_secs();
        assert_eq!(lifetime("86400"), 86400);
        assert_eq!(lifetime("Sun, 22 Nov 2026 10:01:00 GMT"), 60);
        assert_eq!(lifetime("Sun, 22 Nov 2026 09:00:00 GMT"), 0);
        assert_eq!(read::<MessageExpires>("7").seconds(), Some(7));
        assert_eq!(written(&MessageExpires::after(5)), "5");
        there_and_back::<MessageExpires>(&[(
            "22 Nov 2026 11:01:00 +0100",
            "Sun, 22 Nov 2026 10:01:00 GMT",
        )]);
        refused::<MessageExpires>(&[("", 0), ("soon", 0), ("4294967296", 0), ("5 minutes", 2)]);
    }
}
