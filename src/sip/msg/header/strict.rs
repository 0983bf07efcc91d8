//! What only a strict reader refuses.

use super::*;
use crate::sip::msg::{Mode, Name, Uri};
use crate::wire::cursor::ByteSet;

/// Checks one value of a header that has a type; of a name without one every value is good. Of a header
/// whose values are separated by commas `value` is one of them.
///
/// [`Mode::Strict`] refuses what is let through otherwise although the grammar does not have it: a display
/// name that should be in quotes, an address that should be in angle brackets, a Date in another zone than
/// GMT, a CSeq of 2^31 or more.
///
/// # Errors
///
/// The value does not follow the grammar.
pub fn check(name: &Name, value: &Text, mode: Mode) -> Result<(), HeaderError> {
    macro_rules! checks {
        ($($header:ident)*) => {
            match name {
                $(Name::$header => $header::parse(value).map(drop),)*
                _ => Ok(()),
            }
        };
    }
    checks! {
        Accept AcceptContact AcceptEncoding AcceptLanguage AlertInfo Allow AllowEvents AuthenticationInfo
        Authorization CSeq CallId CallInfo Contact ContentDisposition ContentEncoding ContentId ContentLength
        ContentType ContributionId ConversationId Date Diversion ErrorInfo Event Expires FlowTimer From
        HistoryInfo InReplyToContributionId Join MaxBreadth MaxForwards MessageExpires MinExpires MinSe
        Organization PAssertedIdentity PAssertedService PAssociatedUri PCalledPartyId PPreferredIdentity
        PPreferredService PServedUser Path Priority Privacy ProxyAuthenticate ProxyAuthorization ProxyRequire
        RAck RSeq Reason RecordRoute RecvInfo ReferTo ReferredBy RejectContact Replaces ReplyTo
        RequestDisposition Require RetryAfter Route Server ServiceRoute SessionExpires SessionReplaces SipEtag
        SipIfMatch Subject SubscriptionState Supported TargetDialog To Unsupported UserAgent Via Warning
        WwwAuthenticate
    }?;
    match (mode, name) {
        (Mode::Receive, _) => Ok(()),
        (_, Name::Date) => Date::parse_strict(value).map(drop),
        (_, Name::CSeq) => match CSeq::parse(value)?.number {
            0..=0x7fff_ffff => Ok(()),
            _ => Err(HeaderError::syntax(Name::CSeq, "a number below 2^31", 0)),
        },
        (
            _,
            Name::From
            | Name::To
            | Name::Contact
            | Name::ReplyTo
            | Name::ReferTo
            | Name::ReferredBy,
        ) => address(name, value, Brackets::WhereNeeded),
        (_, Name::Route | Name::RecordRoute | Name::Path | Name::ServiceRoute) => {
            address(name, value, Brackets::Always)
        }
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
            (Name::Timestamp, "whatever"),
        ] {
            assert_eq!(
                check(&name, &Text::from(value), Mode::Strict),
                Ok(()),
                "{value}"
            );
        }
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
