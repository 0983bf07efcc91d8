//! Headers that are a number.

use super::read_by;
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, Cursor, Syntax, write_line};
use crate::wire::params::{Params, ParamsRef};

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($type:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $type);

        impl Header for $name {
            const NAME: Name = Name::$name;
            const LIST: bool = false;

            read_by!(|cursor| cursor.number().map(Self), |number: Self, _| number);

            fn write(&self, out: &mut String) {
                out.push_str(&self.0.to_string());
            }
        }
    )*};
}

numbers! {
    /// How many hops a request may still make (RFC 3261 §20.22).
    MaxForwards(u8);
    /// The size of the body in bytes (RFC 3261 §20.14).
    ContentLength(u32);
    /// For how many seconds something is valid (RFC 3261 §20.19).
    Expires(u32);
    /// How many seconds a registrar or notifier wants at least (RFC 3261 §20.23).
    MinExpires(u32);
    /// The number of a reliable provisional response (RFC 3262 §7.1).
    RSeq(u32);
    /// How many branches a request may have at one time (RFC 5393 §5.3).
    MaxBreadth(u32);
    /// After how many seconds without a keep-alive the server gives the flow up (RFC 5626 §10).
    FlowTimer(u32);
}

/// How many seconds a session must last at least (RFC 4028 §5). Parameters, of which none are defined, are
/// not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MinSe(pub u32);

impl Header for MinSe {
    const NAME: Name = Name::MinSe;
    const LIST: bool = false;

    read_by!(
        |cursor| {
            let seconds = cursor.number()?;
            ParamsRef::read(cursor)?;
            Ok(Self(seconds))
        },
        |seconds: Self, _| seconds
    );

    fn write(&self, out: &mut String) {
        out.push_str(&self.0.to_string());
    }
}

/// When to try again (RFC 3261 §20.33).
///
/// The comment of the grammar (`120 (in a meeting)`) is for people; it is kept as a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    /// Seconds from now.
    pub seconds: u32,
    /// Why, in words.
    pub comment: Option<Text>,
    /// The parameters.
    pub params: Params,
}

impl RetryAfter {
    /// After so many seconds.
    pub const fn new(seconds: u32) -> Self {
        Self {
            seconds,
            comment: None,
            params: Params::new(),
        }
    }

    /// For how many seconds the called one will be there then (`duration`).
    pub fn duration(&self) -> Option<u32> {
        self.params.value("duration")?.parse().ok()
    }
}

impl Header for RetryAfter {
    const NAME: Name = Name::RetryAfter;
    const LIST: bool = false;

    read_by!(
        |cursor| {
            let seconds = cursor.number::<u32>()?;
            cursor.skip_lws();
            Ok((seconds, cursor.comment()?, ParamsRef::read(cursor)?))
        },
        |(seconds, comment, params): (u32, Option<&str>, ParamsRef<'_>), value: &Text| Self {
            seconds,
            comment: comment.map(|comment| value.slice_ref(comment)),
            params: params.own(value),
        }
    );

    fn write(&self, out: &mut String) {
        out.push_str(&self.seconds.to_string());
        if let Some(comment) = &self.comment {
            // What would need an escape is left out: a comment is for people.
            let plain = |c: &char| !matches!(c, '(' | ')' | '\\') && !c.is_control();
            out.push_str(" (");
            out.extend(comment.chars().filter(plain));
            out.push(')');
        }
        self.params.write(out);
    }
}

/// When the request was sent, and how long its receiver took to answer (RFC 3261 §20.38): numbers in
/// seconds, which the sender of the request alone has to understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// The time, as its sender counts it.
    pub time: Text,
    /// How long the receiver took.
    pub delay: Option<Text>,
}

impl Timestamp {
    /// `1*DIGIT [ "." *DIGIT ]`.
    fn seconds<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Syntax> {
        const DIGIT: &ByteSet = &ByteSet::DIGIT;
        let start = cursor.at();
        cursor.take(DIGIT, "a number")?;
        if cursor.eat(b'.') {
            cursor.take_while(DIGIT);
        }
        Ok(cursor.since(start))
    }
}

impl Header for Timestamp {
    const NAME: Name = Name::Timestamp;
    const LIST: bool = false;

    read_by!(
        |cursor| {
            let time = Self::seconds(cursor)?;
            cursor.skip_lws();
            match cursor.is_end() {
                true => Ok((time, None)),
                // A delay of less than a second may leave out the digit before the point.
                false => {
                    const DELAY: &ByteSet = &ByteSet::of(b"0123456789.");
                    Ok((time, Some(cursor.take(DELAY, "a number")?)))
                }
            }
        },
        |(time, delay): (&str, Option<&str>), value: &Text| Self {
            time: value.slice_ref(time),
            delay: delay.map(|delay| value.slice_ref(delay)),
        }
    );

    fn write(&self, out: &mut String) {
        write_line(&self.time, out);
        if let Some(delay) = &self.delay {
            out.push(' ');
            write_line(delay, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn numbers_there_and_back() {
        there_and_back::<MaxForwards>(&[
            ("70", "70"),
            ("0068", "68"),
            (" 0 ", "0"),
            ("255", "255"),
        ]);
        there_and_back::<Expires>(&[("4294967295", "4294967295")]);
        there_and_back::<MinSe>(&[("90", "90"), ("90;x=y", "90")]);
        there_and_back::<RetryAfter>(&[
            ("18000;duration=3600", "18000;duration=3600"),
            ("120 (I'm in a meeting)", "120 (I'm in a meeting)"),
            ("120(a (b\\) c) d) ;duration=1", "120 (a b c d);duration=1"),
        ]);
        assert_eq!(read::<RetryAfter>("1;duration=3600").duration(), Some(3600));
        there_and_back::<Timestamp>(&[
            ("54", "54"),
            ("54.21  0.5", "54.21 0.5"),
            ("1. .5", "1. .5"),
        ]);
        refused::<Timestamp>(&[("", 0), (".5", 0), ("1 x", 2), ("1 2 3", 4)]);
    }

    #[test]
    fn a_number_too_large_is_no_number() {
        refused::<MaxForwards>(&[("256", 0), ("", 0), ("-1", 0), ("7 0", 2), ("0x10", 1)]);
        // RFC 4475 §3.1.2.4 and §3.1.2.5.
        refused::<Expires>(&[("10000000000000000000000000000000000000", 0)]);
        refused::<RetryAfter>(&[
            ("949302838503028349304023988", 0),
            ("1 (open", 2),
            ("1 x", 2),
        ]);
        // RFC 4475 §3.1.2.3.
        refused::<ContentLength>(&[("-999", 0), ("1.5", 1)]);
    }

    #[test]
    fn a_comment_never_ends_early() {
        let mut header = RetryAfter::new(1);
        header.comment = Some(Text::from("a)\r\nVia: ("));
        assert_eq!(written(&header), "1 (aVia: )");
    }
}
