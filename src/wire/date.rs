//! Times as they are written in documents: RFC 3339, and what passes for it.

use crate::engine::DateTime;
use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat};

/// Reads a time of RFC 3339 §5.6.
///
/// Tolerated are: a space or a lower-case letter where `T` and `Z` belong, an hour of the offset with one
/// digit (`+5:30`), an offset without colon or minutes, missing seconds, and no offset at all, which is
/// taken for UTC. `None` for anything else.
///
/// ```
/// let at = cpm::wire::date::parse("2026-01-01T10:00:00+5:30").unwrap();
/// assert_eq!(cpm::wire::date::write(at), "2026-01-01T10:00:00+05:30");
/// ```
pub fn parse(text: &str) -> Option<DateTime> {
    if let Some(at) = usual(text.as_bytes()) {
        return Some(at);
    }
    let text = text.trim();
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let rest = rest.trim_start();
    let offset_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(offset_at)?;
    let offset = offset(zone)?;
    let local = NaiveDateTime::new(day(date)?, time_of_day(time.trim_end())?);
    local.and_local_timezone(offset).single()
}

/// `YYYY-MM-DDTHH:MM:SSZ`, as nearly everybody writes it, in one look.
fn usual(text: &[u8]) -> Option<DateTime> {
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
        b'Z',
    ] = text
    else {
        return None;
    };
    let two = |tens: u8, ones: u8| match (tens, ones) {
        (b'0'..=b'9', b'0'..=b'9') => Some(u32::from(tens - b'0') * 10 + u32::from(ones - b'0')),
        _ => None,
    };
    let year = i32::try_from(two(y1, y2)? * 100 + two(y3, y4)?).ok()?;
    let day = NaiveDate::from_ymd_opt(year, two(m1, m2)?, two(d1, d2)?)?;
    let time = NaiveTime::from_hms_opt(two(h1, h2)?, two(n1, n2)?, two(s1, s2)?)?;
    let zone = FixedOffset::east_opt(0)?;
    Some(DateTime::from_naive_utc_and_offset(
        NaiveDateTime::new(day, time),
        zone,
    ))
}

/// Writes a time in the form of RFC 3339 §5.6, with as many digits of a second as it has.
pub fn write(at: DateTime) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn day(text: &str) -> Option<NaiveDate> {
    let mut fields = text.split('-');
    let (year, month, day) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || year.len() != 4 {
        return None;
    }
    let year = i32::try_from(number(year, 4)?).ok()?;
    NaiveDate::from_ymd_opt(year, number(month, 2)?, number(day, 2)?)
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    let mut fields = text.splitn(3, ':');
    let (hour, minute) = (fields.next()?, fields.next()?);
    let (second, fraction) = match fields.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once(['.', ',']) {
            None => (number(seconds, 2)?, 0),
            Some((whole, part)) => (number(whole, 2)?, nanoseconds(part)?),
        },
    };
    // A leap second is the end of the second before it: nothing here counts in UTC seconds.
    let second = if second == 60 { 59 } else { second };
    NaiveTime::from_hms_nano_opt(number(hour, 2)?, number(minute, 2)?, second, fraction)
}

fn nanoseconds(digits: &str) -> Option<u32> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

fn offset(zone: &str) -> Option<FixedOffset> {
    let zone = zone.trim();
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0);
    }
    let (digits, sign) = match zone.strip_prefix('-') {
        Some(digits) => (digits, -1),
        None => (zone.strip_prefix('+')?, 1),
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(both) => both,
        None if digits.len() > 2 => digits.split_at_checked(digits.len() - 2)?,
        None => (digits, "0"),
    };
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    if minutes > 59 {
        return None;
    }
    FixedOffset::east_opt(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?)
}

/// A number of one to `digits` digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let right = text.len() <= digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if right { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_peers_write() {
        for (text, normal) in [
            ("2026-01-01T09:00:00Z", "2026-01-01T09:00:00Z"),
            ("2026-01-31t09:00:00z", "2026-01-31T09:00:00Z"),
            ("2026-01-01 09:00:00 Z", "2026-01-01T09:00:00Z"),
            ("2026-01-01T09:00:00.25Z", "2026-01-01T09:00:00.250Z"),
            ("2026-01-01T09:00:00+5:30", "2026-01-01T09:00:00+05:30"),
            ("2026-01-01T09:00:00+0530", "2026-01-01T09:00:00+05:30"),
            ("2026-01-01T09:00:00-08", "2026-01-01T09:00:00-08:00"),
            ("2026-01-01T09:00Z", "2026-01-01T09:00:00Z"),
            ("2026-01-01T09:00:00", "2026-01-01T09:00:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            (
                "2024-02-29T00:00:00.123456789Z",
                "2024-02-29T00:00:00.123456789Z",
            ),
        ] {
            assert_eq!(parse(text).map(write).as_deref(), Some(normal), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "T",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+0:60",
            "2026-01-01T00:00:00.Z",
            "99999-01-01T00:00:00Z",
            "2026-01-01",
            "Thu, 01 Jan 2026 09:00:00 GMT",
            "2026-01-01T00:00:00+99999999999",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in -62_135_596_800_i64..253_402_214_400, nanos in 0_u32..1_000_000_000, zone in -1439_i32..1440) {
            let zone = FixedOffset::east_opt(zone * 60).unwrap();
            let at = chrono::DateTime::from_timestamp(seconds, nanos).unwrap().with_timezone(&zone);
            // RFC 3339 has four digits for the year.
            prop_assume!((0..=9999).contains(&chrono::Datelike::year(&at)));
            prop_assert_eq!(parse(&write(at)), Some(at));
        }

        #[test]
        fn no_text_is_too_much(text in ".{0,40}") {
            let _ = parse(&text);
        }
    }
}
