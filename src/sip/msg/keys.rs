//! What transactions and dialogs are found by.

use super::list::{self, is_space};
use super::{Headers, Name};
use crate::sip::HeaderError;

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
        if call_id.is_empty() || call_id.contains([' ', '\t']) {
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

fn one<'a>(headers: &'a Headers, name: &Name) -> Result<&'a str, HeaderError> {
    match headers.text(name) {
        Some(text) => Ok(text),
        None if headers.contains(name) => Err(HeaderError::NotUtf8(name.clone())),
        None => Err(HeaderError::Missing(name.clone())),
    }
}

/// The sent-by and the branch of the first value of a Via: `SIP/2.0/UDP host:port;branch=...`, with space
/// around slashes and colon where the peer likes it (RFC 3261 §25.1, `via-parm`).
fn via(value: &str) -> Result<(&str, &str), HeaderError> {
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
fn tag(name: Name, value: &str) -> Result<Option<&str>, HeaderError> {
    let bytes = value.as_bytes();
    match list::param(value, 0, "tag") {
        Some("") => Err(HeaderError::syntax(name, "a tag", bytes.len())),
        found => Ok(found),
    }
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
