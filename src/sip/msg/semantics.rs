//! What a message must have besides good grammar: the rules of a strict reader that depend on method and status.

use super::header::{Contact, Require, Route, To, Via};
use super::validate::{Judge, missing, start_line, wrong};
use super::{Headers, Method, Name, Request, Response, Uri};
use crate::sip::Invalid;

/// The headers without which a request of that method says nothing.
const OF_METHOD: [(Method, Name, &str); 11] = [
    (Method::Invite, Name::Contact, "RFC 3261 §8.1.1.8"),
    (Method::Subscribe, Name::Contact, "RFC 6665 §4.1.2"),
    (Method::Subscribe, Name::Event, "RFC 6665 §8.2.1"),
    (Method::Notify, Name::Contact, "RFC 6665 §4.2.2"),
    (Method::Notify, Name::Event, "RFC 6665 §8.2.1"),
    (Method::Notify, Name::SubscriptionState, "RFC 6665 §8.2.3"),
    (Method::Refer, Name::Contact, "RFC 3515 §2.2"),
    (Method::Refer, Name::ReferTo, "RFC 3515 §2.1"),
    (Method::Publish, Name::Event, "RFC 3903 §4"),
    (Method::Prack, Name::RAck, "RFC 3262 §7.2"),
    (Method::Update, Name::Contact, "RFC 3311 §7"),
];

/// The headers without which a response of that status is of no use.
const OF_STATUS: [(u16, Name, &str); 7] = [
    (401, Name::WwwAuthenticate, "RFC 3261 §20.44"),
    (405, Name::Allow, "RFC 3261 §8.2.1"),
    (407, Name::ProxyAuthenticate, "RFC 3261 §20.27"),
    (420, Name::Unsupported, "RFC 3261 §8.2.2.3"),
    (421, Name::Require, "RFC 3261 §21.4.15"),
    (422, Name::MinSe, "RFC 4028 §6"),
    (423, Name::MinExpires, "RFC 3261 §20.23"),
];

pub(super) fn request(judge: &mut Judge, request: &Request) -> Result<(), Invalid> {
    let headers = request.headers();
    let method = request.method();
    let has = |name: &Name| headers.contains(name);
    judge.expect(has(&Name::MaxForwards), || {
        missing(Name::MaxForwards, "RFC 3261 §8.1.1.6")
    })?;
    for (of, name, section) in OF_METHOD {
        judge.expect(of != *method || has(&name), || {
            missing(name.clone(), section)
        })?;
    }
    if let Ok(keys) = request.keys() {
        judge.expect(keys.from_tag.is_some(), || {
            wrong(headers, Name::From, "no tag", "RFC 3261 §8.1.1.3")
        })?;
    }
    if let Ok(via) = headers.get::<Via>() {
        // None, or one without the cookie, is of a sender that knows RFC 2543 only, and good.
        judge.expect(via.branch() != Some(Via::MAGIC_COOKIE), || {
            let rule = "nothing after the cookie of the branch";
            wrong(headers, Name::Via, rule, "RFC 3261 §8.1.1.7")
        })?;
    }
    if *method == Method::Cancel {
        for name in [Name::Require, Name::ProxyRequire] {
            judge.expect(!has(&name), || {
                wrong(headers, name.clone(), "not in a CANCEL", "RFC 3261 §9.1")
            })?;
        }
        judge.expect(headers.all::<Via>().nth(1).is_none(), || {
            wrong(
                headers,
                Name::Via,
                "more than one in a CANCEL",
                "RFC 3261 §9.1",
            )
        })?;
    }
    let uri = request.uri().ok();
    if let Some(Uri::Sip(uri)) = &uri {
        judge.expect(uri.headers.is_empty(), || {
            start_line("headers in the Request-URI", "RFC 3261 §19.1.1")
        })?;
        judge.expect(*method != Method::Register || uri.user.is_none(), || {
            start_line("a user in the Request-URI of a REGISTER", "RFC 3261 §10.2")
        })?;
    }
    contacts(judge, request, uri.as_ref())
}

/// What the Contact of a request may be.
fn contacts(judge: &mut Judge, request: &Request, uri: Option<&Uri>) -> Result<(), Invalid> {
    let headers = request.headers();
    let found = |rule, section| wrong(headers, Name::Contact, rule, section);
    // One that cannot be read has been told of.
    let all: Vec<Contact> = headers.all().filter_map(Result::ok).collect();
    if all.contains(&Contact::Star) {
        let removes = *request.method() == Method::Register
            && all.len() == 1
            && headers
                .text(&Name::Expires)
                .and_then(|text| text.parse().ok())
                == Some(0u32);
        return judge.expect(removes, || {
            let rule = "an asterisk, other than alone in a REGISTER with Expires: 0";
            found(rule, "RFC 3261 §10.2.2")
        });
    }
    let establishes = matches!(
        request.method(),
        Method::Invite | Method::Subscribe | Method::Notify | Method::Refer | Method::Update
    );
    if !establishes || all.is_empty() {
        return Ok(());
    }
    judge.expect(all.len() == 1, || {
        found(
            "more than one in a request that makes a dialog",
            "RFC 3261 §8.1.1.8",
        )
    })?;
    let contact = all.first().and_then(Contact::uri);
    judge.expect(contact.is_none_or(|uri| uri.as_sip().is_some()), || {
        found("not a SIP URI", "RFC 3261 §8.1.1.8")
    })?;
    let secure = |uri: &Uri| uri.scheme() == "sips";
    let route = headers.find::<Route>().ok().flatten();
    let next = route.as_ref().map(|route| &route.uri).or(uri);
    let kept = !next.is_some_and(secure) || contact.is_none_or(secure);
    judge.expect(kept, || {
        found(
            "not a SIPS URI although the request goes to one",
            "RFC 3261 §8.1.1.8",
        )
    })
}

pub(super) fn response(judge: &mut Judge, response: &Response) -> Result<(), Invalid> {
    let headers = response.headers();
    let code = response.status().code();
    let has = |name: &Name| headers.contains(name);
    for (of, name, section) in OF_STATUS {
        judge.expect(of != code || has(&name), || missing(name.clone(), section))?;
    }
    if let Ok(to) = headers.get::<To>() {
        judge.expect(code == 100 || to.tag().is_some(), || {
            wrong(headers, Name::To, "no tag", "RFC 3261 §8.2.6.2")
        })?;
    }
    let method = response.keys().map_or("", |keys| keys.method);
    if (200..300).contains(&code) {
        let needs: &[(Name, &str)] = match method {
            "INVITE" => &[(Name::Contact, "RFC 3261 §13.3.1.4")],
            "PUBLISH" => &[
                (Name::SipEtag, "RFC 3903 §6"),
                (Name::Expires, "RFC 3903 §6"),
            ],
            _ => &[],
        };
        for (name, section) in needs {
            judge.expect(has(name), || missing(name.clone(), section))?;
        }
    }
    if has(&Name::RSeq) {
        judge.expect(
            (101..200).contains(&code) && requires(headers, "100rel"),
            || {
                let rule = "in a response that is not a reliable provisional one";
                wrong(headers, Name::RSeq, rule, "RFC 3262 §3")
            },
        )?;
    }
    Ok(())
}

fn requires(headers: &Headers, option: &str) -> bool {
    Require::of(headers).is_ok_and(|options| options.contains(option))
}
