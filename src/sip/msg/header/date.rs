//! Dates as RFC 1123 writes them.

use super::whole;
use crate::engine::DateTime;
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, Cursor, Syntax};
use chrono::{Datelike, FixedOffset, NaiveDate, TimeZone, Utc};

/// When a message was sent first (RFC 3261 §20.17). It is written in GMT, and read in the other zones of
/// RFC 822 too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub DateTime);

/// Which zones a date may be in.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Zone {
    /// `GMT` as the grammar has it.
    Gmt,
    /// Those of RFC 822 §5 too.
    Any,
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// Zones of RFC 822 with their hours from GMT.
const ZONES: [(&str, i32); 12] = [
    ("GMT", 0),
    ("UTC", 0),
    ("UT", 0),
    ("Z", 0),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];

/// The place of a name in a table, in whatever case.
fn named(table: &[&str], name: &str) -> Option<u32> {
    let at = table
        .iter()
        .position(|one| one.eq_ignore_ascii_case(name))?;
    u32::try_from(at).ok()
}

/// `Sat, 13 Nov 2010 23:29:00 GMT`. The weekday is of no use and not compared with the day.
pub(super) fn read(cursor: &mut Cursor<'_>, zone: Zone) -> Result<DateTime, Syntax> {
    const ALPHA: &ByteSet = &ByteSet::of(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    let start = cursor.clone();
    let weekday = cursor.take_while(ALPHA);
    let known = named(&WEEKDAYS, weekday).is_some() && cursor.eat_spaced(b',');
    if !known && (zone == Zone::Gmt || !weekday.is_empty()) {
        return Err(start.error("a weekday"));
    }
    let day = cursor.number()?;
    cursor.skip_lws();
    let at_month = cursor.clone();
    let month = named(&MONTHS, cursor.take_while(ALPHA));
    let month = month.ok_or_else(|| at_month.error("a month"))? + 1;
    cursor.skip_lws();
    let year = cursor.number::<u16>()?;
    cursor.skip_lws();
    let hour = cursor.number()?;
    cursor.expect(b':', "a colon")?;
    let minute = cursor.number()?;
    let second = match cursor.eat(b':') {
        true => cursor.number::<u32>()?.min(60),
        false => 0,
    };
    // A leap second is the last one of its minute.
    let time = NaiveDate::from_ymd_opt(year.into(), month, day)
        .and_then(|date| date.and_hms_opt(hour, minute, second.min(59)))
        .ok_or_else(|| start.error("a date in range"))?;
    cursor.skip_lws();
    let at_zone = cursor.clone();
    let offset = read_zone(cursor, ALPHA).ok_or_else(|| at_zone.error("a time zone"))?;
    if zone == Zone::Gmt && !at_zone.rest().starts_with("GMT") {
        return Err(at_zone.error("GMT"));
    }
    // A year has four digits, in GMT as well.
    let at = offset.from_local_datetime(&time).single();
    at.filter(|at| (0..=9999).contains(&at.to_utc().year()))
        .ok_or_else(|| start.error("a date in range"))
}

fn read_zone(cursor: &mut Cursor<'_>, alpha: &ByteSet) -> Option<FixedOffset> {
    let west = match cursor.peek()? {
        b'+' => 1,
        b'-' => -1,
        _ => {
            let name = cursor.take_while(alpha);
            let mut zones = ZONES.iter();
            let (_, hours) = zones.find(|(zone, _)| zone.eq_ignore_ascii_case(name))?;
            return FixedOffset::east_opt(hours * 3600);
        }
    };
    cursor.next_char();
    let digits = cursor.number::<u16>().ok()?;
    let (hours, minutes) = (i32::from(digits / 100), i32::from(digits % 100));
    FixedOffset::east_opt(west * (hours * 3600 + minutes * 60))
}

/// Writes the date in GMT.
pub(super) fn write(at: DateTime, out: &mut String) {
    out.push_str(
        &at.with_timezone(&Utc)
            .format("%a, %d %b %Y %H:%M:%S GMT")
            .to_string(),
    );
}

impl Date {
    /// Reads the date as the grammar has it: with its weekday and in GMT.
    ///
    /// # Errors
    ///
    /// It is not written so.
    pub fn parse_strict(value: &Text) -> Result<Self, HeaderError> {
        whole::<Self, _>(value, |cursor| read(cursor, Zone::Gmt).map(Self))
    }
}

impl Header for Date {
    const NAME: Name = Name::Date;
    const LIST: bool = false;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        whole::<Self, _>(value, |cursor| read(cursor, Zone::Any).map(Self))
    }

    fn write(&self, out: &mut String) {
        write(self.0, out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn dates_there_and_back() {
        there_and_back::<Date>(&[
            (
                "Sat, 13 Nov 2010 23:29:00 GMT",
                "Sat, 13 Nov 2010 23:29:00 GMT",
            ),
            // RFC 4475 §3.1.2.12: another zone.
            (
                "Fri, 01 Jan 2010 16:00:00 EST",
                "Fri, 01 Jan 2010 21:00:00 GMT",
            ),
            ("1 jan 2010 01:00 +0130", "Thu, 31 Dec 2009 23:30:00 GMT"),
            (
                "Sat,13 Nov 2010 23:59:60 UTC",
                "Sat, 13 Nov 2010 23:59:59 GMT",
            ),
        ]);
    }

    #[test]
    fn what_is_no_date_says_where() {
        refused::<Date>(&[
            ("", 0),
            ("Foo, 13 Nov 2010 23:29:00 GMT", 0),
            ("Sat, 13 Foo 2010 23:29:00 GMT", 8),
            ("Sat, 31 Feb 2010 23:29:00 GMT", 0),
            ("Sat, 13 Nov 2010 24:29:00 GMT", 0),
            // Five digits are no year, nor do they become one on the way to GMT.
            ("Sat, 13 Nov 22009 23:29:00 GMT", 0),
            ("Fri, 31 Dec 9999 23:29:00 EST", 0),
            ("Sat, 13 Nov 2010 23:29:00", 25),
            ("Sat, 13 Nov 2010 23:29:00 XYZ", 26),
            ("Sat, 13 Nov 2010 23:29:00 GMT x", 30),
            ("Sat, 13 Nov 2010 23:29:00 +9999", 26),
        ]);
    }

    #[test]
    fn rfc3261_20_17_strictly_only_gmt() {
        let strict = |value: &str| Date::parse_strict(&Text::from(value)).is_ok();
        assert!(strict("Sat, 13 Nov 2010 23:29:00 GMT"));
        assert!(!strict("Fri, 01 Jan 2010 16:00:00 EST"));
        assert!(!strict("13 Nov 2010 23:29:00 GMT"));
        assert!(!strict("Sat, 13 Nov 2010 23:29:00 UTC"));
    }
}
