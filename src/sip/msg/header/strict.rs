//! What only a strict reader refuses.

use super::*;
use crate::sip::msg::list::Items;
use crate::sip::msg::{Mode, Name, Uri};
use crate::wire::cursor::ByteSet;

/// Checks the value of a field, of which commas may make several. A name that is not in the table has only
/// good ones.
///
/// [`Mode::Strict`] refuses what is let through otherwise although the grammar does not have it: a display
/// name that should be in quotes, an address that should be in angle brackets, a Date in another zone than
/// GMT, a CSeq of 2^31 or more.
///
/// # Errors
///
/// The value does not follow the grammar. The offset is that in `field`.
pub fn check(name: &Name, field: &str, mode: Mode) -> Result<(), HeaderError> {
    name.check(field, mode)
}

/// The same for a field of header `H`.
#[inline]
pub(crate) fn check_as<H: Header>(field: &str, mode: Mode) -> Result<(), HeaderError> {
    // Most fields have one value.
    if mode == Mode::Receive {
        if H::LIST && is_one_if_read(&H::NAME, field) && H::check(field).is_ok() {
            return Ok(());
        }
        if !H::LIST || memchr::memchr(b',', field.as_bytes()).is_none() {
            return match H::LIST && field.is_empty() {
                true => Ok(()),
                false => H::check(field),
            };
        }
    }
    for item in Items::new(field.as_bytes(), H::LIST) {
        // Commas are whole characters.
        let value = field.get(item.clone()).unwrap_or_default();
        let checked = H::check(value).and_then(|()| match mode {
            Mode::Receive => Ok(()),
            Mode::Strict => strict(&H::NAME, &Text::from(value)),
        });
        if let Err(HeaderError::Syntax { name, expected, at }) = checked {
            return Err(HeaderError::syntax(name, expected, item.start + at));
        }
        checked?;
    }
    Ok(())
}

/// Whether a field that follows the grammar of one value to the end is one value, so that nobody need look for
/// commas: there are none, or they stand in quotes and brackets. An address without brackets may have others.
#[inline(always)]
fn is_one_if_read(name: &Name, field: &str) -> bool {
    matches!(field.as_bytes().first(), Some(b'<' | b'"'))
        || matches!(
            name,
            Name::Via
                | Name::AcceptContact
                | Name::RejectContact
                | Name::FeatureCaps
                | Name::SecurityClient
                | Name::SecurityServer
                | Name::SecurityVerify
                | Name::PAccessNetworkInfo
                | Name::PVisitedNetworkId
                | Name::PAssertedService
                | Name::PPreferredService
        )
}

fn strict(name: &Name, value: &Text) -> Result<(), HeaderError> {
    match name {
        Name::Date => Date::parse_strict(value).map(drop),
        Name::CSeq => match CSeq::parse(value)?.number {
            0..=0x7fff_ffff => Ok(()),
            _ => Err(HeaderError::syntax(Name::CSeq, "a number below 2^31", 0)),
        },
        Name::From
        | Name::To
        | Name::Contact
        | Name::ReplyTo
        | Name::ReferTo
        | Name::ReferEventsAt
        | Name::ReferredBy
        | Name::PAssertedIdentity
        | Name::PPreferredIdentity
        | Name::PChargeInfo
        | Name::PProfileKey
        | Name::PRefusedUriList
        | Name::PermissionMissing => address(name, value, Brackets::WhereNeeded),
        Name::Route
        | Name::RecordRoute
        | Name::Path
        | Name::ServiceRoute
        | Name::PAssociatedUri
        | Name::PServedUser
        | Name::AlertInfo
        | Name::CallInfo
        | Name::ErrorInfo
        | Name::Geolocation
        | Name::HistoryInfo
        | Name::IdentityInfo
        | Name::PUserDatabase => address(name, value, Brackets::Always),
        _ => Ok(()),
    }
}

/// Where angle brackets are due.
#[derive(PartialEq)]
enum Brackets {
    /// Around a URI with a comma, a semicolon or a question mark in it (RFC 3261 §20).
    WhereNeeded,
    /// `name-addr` is the only form.
    Always,
}

fn address(name: &Name, value: &Text, brackets: Brackets) -> Result<(), HeaderError> {
    let wrong = |expected, at| Err(HeaderError::syntax(name.clone(), expected, at));
    let start = value.len() - value.trim_start().len();
    let rest = value.trim_start();
    if rest.starts_with('"') || rest.starts_with('<') || rest == "*" {
        return Ok(());
    }
    let words = rest.find(['<', '"', ';']).map(|end| rest.split_at(end));
    if let Some((words, bracket)) = words
        && bracket.starts_with('<')
    {
        // A display name without quotes is made of tokens.
        let stranger = |c: char| !c.is_ascii() || !ByteSet::TOKEN.and(b" \t").contains(c as u8);
        return match words.find(stranger) {
            Some(at) => wrong("a display name in quotes", start + at),
            None => Ok(()),
        };
    }
    if brackets == Brackets::Always {
        return wrong("an address in angle brackets", start);
    }
    let bare =
        NameAddr::parse(value).map_err(|e| HeaderError::syntax(name.clone(), e.expected, e.at))?;
    let Uri::Sip(uri) = &bare.uri else {
        return Ok(());
    };
    let needs = uri
        .user
        .as_ref()
        .is_some_and(|user| user.contains([',', ';', '?']));
    match needs || !uri.headers.is_empty() {
        true => wrong("an address in angle brackets", start),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Limits;
    use crate::sip::msg::Message;
    use bytes::Bytes;
    use proptest::prelude::*;

    #[test]
    fn what_is_read_is_not_always_what_the_grammar_has() {
        for (name, value) in [
            // RFC 4475: baddate, baddn, regbadct.
            (Name::Date, "Fri, 01 Jan 2010 16:00:00 EST"),
            (
                Name::From,
                "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
            ),
            (
                Name::Contact,
                "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
            ),
            (Name::To, "Жанна <sip:j@x>"),
            (Name::From, "sip:user;par=1@h;tag=2"),
            (Name::Route, "sip:a@b"),
            (Name::CSeq, "2147483648 INVITE"),
        ] {
            let value = Text::from(value);
            assert_eq!(check(&name, &value, Mode::Receive), Ok(()), "{value}");
            assert!(check(&name, &value, Mode::Strict).is_err(), "{value}");
        }
    }

    #[test]
    fn what_the_grammar_has_is_read() {
        for (name, value) in [
            (Name::Date, "Sat, 13 Nov 2010 23:29:00 GMT"),
            (Name::Contact, "*"),
            (
                Name::From,
                "token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;tag=_token~1'+`*%!-.",
            ),
            (
                Name::To,
                "sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n",
            ),
            (Name::From, "sip:caller@example.net;x=\"<y>\""),
            (Name::From, "caller<sip:caller@example.com>;tag=323"),
            (
                Name::Route,
                "<sip:services.example.com;lr;unknownwith=value;unknown-no-value>",
            ),
            (Name::CSeq, "2130706432 INVITE"),
            (Name::Timestamp, "54.1 0.5"),
        ] {
            assert_eq!(
                check(&name, &Text::from(value), Mode::Strict),
                Ok(()),
                "{value}"
            );
        }
    }

    #[test]
    fn an_error_says_where_in_the_field() {
        let field = Text::from("SIP/2.0/UDP a, SIP/2.0/UDP b:x");
        let error = check(&Name::Via, &field, Mode::Receive).unwrap_err();
        let HeaderError::Syntax { name, at, .. } = error else {
            panic!("{error}");
        };
        assert_eq!((name, at), (Name::Via, 29));
    }

    /// Whether each value of the field is read, when they are taken apart first.
    fn one_by_one<H: Header>(field: &str) -> bool {
        Items::new(field.as_bytes(), H::LIST).all(|item| H::check(&field[item]).is_ok())
    }

    proptest! {
        #[test]
        fn a_field_that_is_read_at_once_is_read_value_by_value(
            field in "(SIP/2.0/UDP a)?(<sip:b@c>|sip:d|\"e\\\\\", f\" ?|\"g|, ?|;h|;i=j|;k=\"l,m\"|\\*|n ?|<|>|@|\\?){0,8}"
        ) {
            macro_rules! same {
                ($($header:ident)*) => {$(
                    let at_once = check_as::<$header>(&field, Mode::Receive).is_ok();
                    prop_assert_eq!(at_once, one_by_one::<$header>(&field), "{}", stringify!($header));
                )*};
            }
            same! {
                Via Route Contact AcceptContact RejectContact FeatureCaps SecurityVerify PAccessNetworkInfo
                PVisitedNetworkId PAssertedService PPreferredService InReplyTo TriggerConsent AlertInfo HistoryInfo
                Reason Warning UserToUser
            }
        }
    }

    /// Names and modes for which a message has a field that is refused.
    fn refused(bytes: &'static [u8]) -> Vec<(String, Mode)> {
        let message = Message::parse(Bytes::from_static(bytes), &Limits::default()).unwrap();
        let mut refused = Vec::new();
        for mode in [Mode::Receive, Mode::Strict] {
            for field in message.headers().iter() {
                let value = Text::from(field.text().unwrap());
                if check(&field.name(), &value, mode).is_err() {
                    refused.push((field.name().to_string(), mode));
                }
            }
        }
        refused
    }

    macro_rules! messages {
        ($folder:literal, $extension:literal: $($name:ident)*) => {
            [$((
                stringify!($name),
                &include_bytes!(concat!(
                    env!("CARGO_MANIFEST_DIR"), "/tests/data/", $folder, "/", stringify!($name), $extension
                ))[..],
            )),*]
        };
    }

    #[test]
    fn rfc4475_every_header_of_the_valid_messages_is_readable_strictly() {
        for (name, bytes) in messages!("rfc4475", ".dat":
            wsinv intmeth esc01 escnull esc02 lwsdisp longreq dblreq semiuri transports mpart01 unreason noreason
            badbranch unkscm novelsc unksm2 bext01 invut regaut01 bcast zeromf cparam01 cparam02 regescrt sdp01
        ) {
            assert_eq!(refused(bytes), [], "{name}");
        }
    }

    #[test]
    fn rfc4475_every_other_message_is_refused_for_the_header_it_is_about() {
        let both = |name: &str| {
            [Mode::Receive, Mode::Strict]
                .map(|mode| (name.to_owned(), mode))
                .to_vec()
        };
        let strict = |names: &[&str]| -> Vec<_> {
            names
                .iter()
                .map(|name| ((*name).to_owned(), Mode::Strict))
                .collect()
        };
        let found: Vec<_> =
            messages!("rfc4475", ".dat": quotbal badaspec badinv01 baddate baddn regbadct)
                .into_iter()
                .map(|(_, bytes)| refused(bytes))
                .collect();
        assert_eq!(found[0], both("To"), "quotbal");
        assert_eq!(found[1], both("To"), "badaspec");
        assert_eq!(found[3], strict(&["Date"]), "baddate");
        assert_eq!(found[4], strict(&["From", "To"]), "baddn");
        assert_eq!(found[5], strict(&["Contact"]), "regbadct");
        assert!(!found[2].is_empty(), "badinv01");
    }

    #[test]
    fn rfc5118_every_header_is_readable_strictly_except_the_ones_with_three_colons() {
        for (name, bytes) in messages!("rfc5118", ".sip":
            v41_basicIpv6 v42_ipv6NoBrackets v43_portAmbiguousInBrackets v44_portUnambiguous v45a_receivedBracketed
            v45b_receivedBare v46_ipv6InSdp v47_mixedIpv4Ipv6Vias v48_multipleIpInSdp v49_ipv4Mapped
            v410b_correctIpv4InIpv6
        ) {
            assert_eq!(refused(bytes), [], "{name}");
        }
        let [(_, bytes)] = messages!("rfc5118", ".sip": v410a_extraColon);
        assert_eq!(refused(bytes).len(), 2, "To, in both modes");
    }

    #[test]
    fn what_nobody_can_read_is_refused_in_both_modes() {
        for (name, value) in [
            (Name::To, "\"Mr. J. User <sip:j.user@example.com>"),
            (Name::To, "\"Watson, Thomas\" < sip:t.watson@example.org >"),
            (Name::Via, "SIP/2.0/UDP"),
            (Name::MaxForwards, "300"),
        ] {
            let value = Text::from(value);
            for mode in [Mode::Receive, Mode::Strict] {
                assert!(check(&name, &value, mode).is_err(), "{value}");
            }
        }
    }
}
