//! Headers that are a word with parameters, or parameters alone.

use super::{read_by, shared};
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, Cursor, Quoted, Syntax, write_quoted};
use crate::wire::params::{Params, ParamsRef};
use std::ops::{Deref, DerefMut};

/// A word with parameters: the value of many header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valued {
    /// The word, without quotes and escapes.
    pub value: Text,
    /// The parameters.
    pub params: Params,
}

impl Valued {
    /// The word without parameters.
    pub fn new(value: &str) -> Self {
        Self {
            value: Text::from(value),
            params: Params::new(),
        }
    }

    /// Whether this is the word, in whatever case.
    pub fn is(&self, word: &str) -> bool {
        self.value.eq_ignore_ascii_case(word)
    }

    /// Writes the word, in quotes if it is no token.
    fn write(&self, out: &mut String) {
        match ByteSet::TOKEN.covers(&self.value) {
            true => out.push_str(&self.value),
            false => write_quoted(&self.value, out),
        }
        self.params.write(out);
    }
}

/// A word with parameters that was read and is not kept.
struct ValuedRef<'a> {
    value: Quoted<'a>,
    params: ParamsRef<'a>,
}

impl<'a> ValuedRef<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Syntax> {
        Self::read_here(cursor)
    }

    /// Moves past a word with parameters, as [`ValuedRef::read`] does.
    fn check(cursor: &mut Cursor<'a>) -> Result<(), Syntax> {
        Self::read_here(cursor).map(drop)
    }

    #[inline(always)]
    fn read_here(cursor: &mut Cursor<'a>) -> Result<Self, Syntax> {
        let value = match cursor.quoted()? {
            Some(quoted) => quoted,
            None => Quoted {
                raw: cursor.token()?,
                escaped: false,
            },
        };
        Ok(Self {
            value,
            params: ParamsRef::read(cursor)?,
        })
    }

    fn own(self, text: &Text) -> Valued {
        Valued {
            value: shared(text, self.value.value()),
            params: self.params.own(text),
        }
    }
}

macro_rules! wrapper {
    ($(#[$doc:meta])* $name:ident($inner:ident)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl Deref for $name {
            type Target = $inner;

            fn deref(&self) -> &$inner {
                &self.0
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut $inner {
                &mut self.0
            }
        }
    };
}

macro_rules! valued {
    ($($(#[$doc:meta])* $name:ident, list = $list:literal;)*) => {$(
        wrapper! { $(#[$doc])* $name(Valued) }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self(Valued::new(value))
            }
        }

        impl Header for $name {
            const NAME: Name = Name::$name;
            const LIST: bool = $list;

            read_by!(
                ValuedRef::read,
                ValuedRef::check,
                |value: ValuedRef<'_>, text| Self(value.own(text))
            );

            fn write(&self, out: &mut String) {
                self.0.write(out);
            }
        }
    )*};
}

valued! {
    /// How the call shall be answered: `Manual` or `Auto` (RFC 5373 §4).
    AnswerMode, list = false;
    /// The same, without asking the one called (RFC 5373 §4).
    PrivAnswerMode, list = false;
    /// Whether somebody has confirmed the answer: `Confirmed` or `Unconfirmed` (RFC 4964).
    PAnswerState, list = false;
    /// The package of an INFO (RFC 6086).
    InfoPackage, list = false;
    /// Whether a REFER makes a subscription: `true` or `false` (RFC 4488 §4).
    ReferSub, list = false;
    /// Whether requests may be routed by the location: `yes` or `no` (RFC 6442).
    GeolocationRouting, list = false;
    /// What is wrong with the location: a code, and words (RFC 6442).
    GeolocationError, list = false;
    /// One of the mechanisms that the client offers (RFC 3329 §2.2).
    SecurityClient, list = true;
    /// One of the mechanisms that the server offers (RFC 3329 §2.2).
    SecurityServer, list = true;
    /// What the server offered, sent back to it (RFC 3329 §2.2).
    SecurityVerify, list = true;
    /// Over which access the sender reaches the network (RFC 7315 §4.4).
    PAccessNetworkInfo, list = true;
    /// A network that is visited, by a name that both sides understand (RFC 7315 §4.3).
    PVisitedNetworkId, list = true;
    /// The private network that the traffic belongs to (RFC 7316).
    PPrivateNetworkIndication, list = false;
    /// The identifier of a session from end to end (RFC 7989).
    SessionId, list = false;
    /// What a user says to the other with the call (RFC 7433).
    UserToUser, list = true;
    /// Why a request is sent without a registration (RFC 8055).
    RestorationInfo, list = false;
}

impl ReferSub {
    /// Whether the REFER makes a subscription; so it does unless it says `false`.
    pub fn subscribes(&self) -> bool {
        !self.is("false")
    }
}

macro_rules! params {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        wrapper! { $(#[$doc])* $name(Params) }

        impl Header for $name {
            const NAME: Name = Name::$name;
            const LIST: bool = false;

            read_by!(ParamsRef::read_first, |params: ParamsRef<'_>, text| Self(params.own(text)));

            fn write(&self, out: &mut String) {
                let start = out.len();
                self.0.write(out);
                // The first has no semicolon before it.
                if out.len() > start {
                    out.remove(start);
                }
            }
        }
    )*};
}

params! {
    /// By what the records of one session are put together (RFC 7315 §4.6).
    PChargingVector;
    /// Where the records go (RFC 7315 §4.5).
    PChargingFunctionAddresses;
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn what_is_no_token_is_written_in_quotes() {
        let mut network = PVisitedNetworkId::from("Visited network \"1\"");
        assert_eq!(written(&network), r#""Visited network \"1\"""#);
        network.value = Text::from("a\r\nVia: b");
        assert_eq!(written(&network), "\"a  Via: b\"");
        refused::<AnswerMode>(&[("", 0), (";x", 0), ("Auto Manual", 5), ("\"Auto", 0)]);
    }

    #[test]
    fn a_refer_subscribes_unless_it_says_otherwise() {
        assert!(read::<ReferSub>("true").subscribes());
        assert!(!read::<ReferSub>("False ;x=y").subscribes());
    }

    #[test]
    fn parameters_alone_have_no_semicolon_before_the_first() {
        let mut vector: PChargingVector =
            read("icid-value=\"AyretyU0dm+6O2IrT5tAFrbHLso=023551024\";orig-ioi=home1.net");
        assert_eq!(vector.value("orig-ioi"), Some("home1.net"));
        vector.set("term-ioi", Some("home2.net"));
        assert_eq!(
            written(&vector),
            "icid-value=\"AyretyU0dm+6O2IrT5tAFrbHLso=023551024\";orig-ioi=home1.net;term-ioi=home2.net"
        );
        refused::<PChargingVector>(&[("", 0), ("=x", 0), ("a=b,c=d", 3)]);
        assert_eq!(written(&PChargingFunctionAddresses(Params::new())), "");
    }
}
