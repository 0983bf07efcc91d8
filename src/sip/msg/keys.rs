//! What transactions and dialogs are found by.

use super::list::{self, is_space};
use super::{Headers, Name};
use crate::sip::HeaderError;
use crate::wire::cursor::is_visible;

/// What transactions and dialogs are found by, borrowed from a message: nothing is allocated, and only the
/// parts that matter are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys<'a> {
    /// The branch of the topmost Via (RFC 3261 §8.1.1.7); empty if it has none.
    pub branch: &'a str,
    /// The sent-by of the topmost Via, host and port as spelled (RFC 3261 §18.1.1).
    pub sent_by: &'a str,
    /// The tag of From (RFC 3261 §19.3).
    pub from_tag: Option<&'a str>,
    /// The tag of To (RFC 3261 §19.3).
    pub to_tag: Option<&'a str>,
    /// The Call-ID.
    pub call_id: &'a str,
    /// The sequence number of CSeq.
    pub sequence: u32,
    /// The method of CSeq, as spelled.
    pub method: &'a str,
}

impl<'a> Keys<'a> {
    pub(super) fn of(headers: &'a Headers) -> Result<Self, HeaderError> {
        let (sent_by, branch) = via(one(headers, &Name::Via)?)?;
        let (sequence, method) = cseq(one(headers, &Name::CSeq)?)?;
        let call_id = one(headers, &Name::CallId)?;
        if call_id.is_empty() || !is_visible(call_id) {
            return Err(HeaderError::syntax(Name::CallId, "a Call-ID", 0));
        }
        Ok(Self {
            branch,
            sent_by,
            from_tag: tag(Name::From, one(headers, &Name::From)?)?,
            to_tag: tag(Name::To, one(headers, &Name::To)?)?,
            call_id,
            sequence,
            method,
        })
    }
}

#[inline]
fn one<'a>(headers: &'a Headers, name: &Name) -> Result<&'a str, HeaderError> {
    match headers.text(name) {
        Some(text) => Ok(text),
        None if headers.contains(name) => Err(HeaderError::NotUtf8(name.clone())),
        None => Err(HeaderError::Missing(name.clone())),
    }
}

/// The sent-by and the branch of the first value of a Via: `SIP/2.0/UDP host:port;branch=...`, with space
/// around slashes and colon where the peer likes it (RFC 3261 §25.1, `via-parm`).
#[inline]
fn via(value: &str) -> Result<(&str, &str), HeaderError> {
    // Nearly all are written so: a transport of three letters, and the branch first.
    if let Some([_, _, _, b' ']) = value.as_bytes().get(8..12)
        && value.starts_with("SIP/2.0/")
        && let Some(rest) = value.get(12..)
        && let Some(end @ 1..) = memchr::memchr3(b';', b' ', b',', rest.as_bytes())
        && let (sent_by, params) = rest.split_at(end)
        && let Some(params) = params.strip_prefix(";branch=")
    {
        let end = memchr::memchr(b';', params.as_bytes()).unwrap_or(params.len());
        let branch = params.get(..end).unwrap_or_default();
        if list::is_token(branch.as_bytes()) {
            return Ok((sent_by, branch));
        }
    }
    unusual_via(value)
}

fn unusual_via(value: &str) -> Result<(&str, &str), HeaderError> {
    let wrong = |expected, at| Err(HeaderError::syntax(Name::Via, expected, at));
    let bytes = value.as_bytes();
    let end = list::find(bytes, 0, b";,");
    let mut at = 0;
    for _ in 0..2 {
        match memchr::memchr(b'/', bytes.get(at..end).unwrap_or_default()) {
            Some(slash) => at += slash + 1,
            None => return wrong("'/'", end),
        }
    }
    let space = |at: usize| bytes.get(at).is_some_and(|byte| is_space(*byte));
    while space(at) {
        at += 1;
    }
    while at < end && !space(at) {
        at += 1;
    }
    let sent_by = value.get(at..end).unwrap_or_default().trim_ascii();
    if sent_by.is_empty() {
        return wrong("host", end);
    }
    Ok((
        sent_by,
        list::param(value, end, "branch").unwrap_or_default(),
    ))
}

/// The tag of a From or To: a parameter of the header, not one of the URI between angle brackets, and not
/// in the display name (RFC 3261 §20.20).
#[inline]
fn tag(name: Name, value: &str) -> Result<Option<&str>, HeaderError> {
    let params = match after_brackets(value) {
        Some("") => return Ok(None),
        Some(params) => params,
        None => value,
    };
    match params.strip_prefix(";tag=") {
        Some(tag) if list::is_token(tag.as_bytes()) => Ok(Some(tag)),
        _ => match list::param(params, 0, "tag") {
            Some("") => Err(HeaderError::syntax(name, "a tag", value.len())),
            found => Ok(found),
        },
    }
}

/// What follows `<...>`, `"..." <...>` or `Name <...>`, as nearly all are written. The name may have a comma in
/// it that should have been in quotes (RFC 4475 §3.1.2.15).
#[inline]
fn after_brackets(value: &str) -> Option<&str> {
    let bracket = match value.strip_prefix('"') {
        None => value.get(memchr::memchr3(b'<', b';', b'"', value.as_bytes())?..)?,
        Some(rest) => {
            let end = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
            rest.get(end..)?.strip_prefix("\" ")?
        }
    };
    let uri = bracket.strip_prefix('<')?;
    uri.get(memchr::memchr(b'>', uri.as_bytes())? + 1..)
}

/// Number and method of a CSeq. The number is less than 2^31 (RFC 3261 §8.1.1.5).
fn cseq(value: &str) -> Result<(u32, &str), HeaderError> {
    let wrong = |expected, at| Err(HeaderError::syntax(Name::CSeq, expected, at));
    let Some(digits) = value.find([' ', '\t']) else {
        return wrong("a space", value.len());
    };
    let (number, method) = value.split_at(digits);
    let Some(number) = list::number(number.as_bytes()).filter(|number| *number < 1 << 31) else {
        return wrong("a number below 2^31", 0);
    };
    let method = method.trim_ascii();
    if !list::is_token(method.as_bytes()) {
        return wrong("a method", digits + 1);
    }
    Ok((number, method))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3261_20_42_the_top_via_is_read_with_space_ipv6_and_lists() {
        for (value, expected) in [
            (
                "SIP/2.0/UDP a.b:5060;branch=z9hG4bK1",
                ("a.b:5060", "z9hG4bK1"),
            ),
            (
                "SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1",
                ("first.example.com: 4000", "z9hG4bKa7c6a8dlze.1"),
            ),
            (
                "SIP/2.0/TCP [2001:db8::9:1]:5062;rport;BRANCH=x",
                ("[2001:db8::9:1]:5062", "x"),
            ),
            (
                "SIP/2.0/UDP a;x=\"1;branch=no\", SIP/2.0/UDP b;branch=no",
                ("a", ""),
            ),
            ("SIP/2.0/UDP\ta;branch = \"q\"", ("a", "q")),
        ] {
            assert_eq!(via(value), Ok(expected), "{value}");
        }
        for bad in [
            "",
            "SIP/2.0",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;branch=1",
            "a.b;x=/y/z",
        ] {
            assert!(via(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rfc3261_20_20_the_tag_is_a_parameter_of_the_header() {
        for (value, expected) in [
            ("sip:a@b", None),
            ("sip:a@b;tag=1", Some("1")),
            ("<sip:a@b;tag=no>", None),
            ("<sip:a@b;tag=no>;tag=yes", Some("yes")),
            ("\"<;tag=no>\\\"\" <sip:a@b> ; x=y ; TAG = yes", Some("yes")),
            ("\"a\"<sip:a@b>;tag=yes", Some("yes")),
            ("Bell, Alexander <sip:a@b>;tag=yes", Some("yes")),
            ("Bell, Alexander <sip:a@b>; x ;tag=yes", Some("yes")),
            ("sip:a@b;x=\"<;tag=no>\";tag=yes", Some("yes")),
        ] {
            assert_eq!(tag(Name::From, value), Ok(expected), "{value}");
        }
        assert!(tag(Name::To, "<sip:a@b>;tag=").is_err());
    }

    #[test]
    fn rfc3261_20_16_the_sequence_number_is_below_two_to_the_31() {
        assert_eq!(cseq("4711 INVITE"), Ok((4711, "INVITE")));
        assert_eq!(cseq("0009\t  INVITE"), Ok((9, "INVITE")));
        assert_eq!(cseq("2147483647 BYE"), Ok((2_147_483_647, "BYE")));
        for bad in [
            "",
            "1",
            "INVITE",
            "-1 INVITE",
            "2147483648 BYE",
            "1 IN VITE",
            "36893488147419103232 REGISTER",
        ] {
            assert!(cseq(bad).is_err(), "{bad}");
        }
    }
}
