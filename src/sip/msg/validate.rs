//! What must be right before a message is used.

use super::index::Index;
use super::{Headers, Keys, Name, Request, Response, Status, Uri, header, list};
use crate::sip::{HeaderError, Invalid};
use crate::wire::Text;

/// How much of a message is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// What must be right to use the message: peers are sloppy, and what does not matter is let through.
    Receive,
    /// Every known header follows its grammar.
    Strict,
}

/// The headers of every message (RFC 3261 §8.1.1).
const MANDATORY: [Name; 5] = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq];

/// The headers that decide what a message means to whom: two of one kind, and two hops may choose
/// differently.
const DECISIVE: [Name; 7] = [
    Name::From,
    Name::To,
    Name::CallId,
    Name::CSeq,
    Name::MaxForwards,
    Name::ContentLength,
    Name::ContentType,
];

pub(super) fn request(request: &Request, mode: Mode) -> Result<(), Invalid> {
    let headers = request.headers();
    match request.uri() {
        Err(error) => return Err(broken(headers, &error)),
        Ok(Uri::Sip(uri)) if mode == Mode::Strict && !uri.headers.is_empty() => {
            return Err(Invalid {
                header: None,
                rule: "the Request-URI carries headers",
                section: "RFC 3261 §19.1.1",
                at: 0,
                status: Status::BAD_REQUEST,
            });
        }
        Ok(_) => {}
    }
    let keys = common(headers, mode)?;
    if keys.method != request.method().as_str() {
        return Err(invalid(
            headers,
            Name::CSeq,
            "the method is not that of the request",
            "RFC 3261 §8.1.1.5",
        ));
    }
    match headers.text(&Name::MaxForwards) {
        Some(hops) if list::number::<u8>(hops.as_bytes()).is_none() => Err(invalid(
            headers,
            Name::MaxForwards,
            "not a number of 0 to 255",
            "RFC 3261 §20.22",
        )),
        None if mode == Mode::Strict => Err(missing(Name::MaxForwards)),
        _ => Ok(()),
    }
}

pub(super) fn response(response: &Response, mode: Mode) -> Result<(), Invalid> {
    common(response.headers(), mode).map(|_| ())
}

fn common(headers: &Headers, mode: Mode) -> Result<Keys<'_>, Invalid> {
    for name in MANDATORY {
        if !headers.contains(&name) {
            return Err(missing(name));
        }
    }
    for name in DECISIVE {
        if let Some(slot) = headers.index.slots_named(name.clone()).nth(1) {
            return Err(repeated(name, slot.at()));
        }
    }
    if mode == Mode::Strict
        && let Some((name, slot)) = headers.repeated()
    {
        return Err(repeated(name, slot.at()));
    }
    let keys = Keys::of(headers).map_err(|error| broken(headers, &error))?;
    if mode == Mode::Strict {
        grammar(headers)?;
    }
    Ok(keys)
}

/// Every field whose header has a type follows its grammar.
fn grammar(headers: &Headers) -> Result<(), Invalid> {
    for (field, slot) in headers.iter().zip(headers.index.slots()) {
        let name = field.name();
        let checked = match field.text() {
            Some(text) => header::check(&name, &Text::from(text), Mode::Strict),
            None => Err(HeaderError::NotUtf8(name)),
        };
        if let Err(error) = checked {
            let within = match error {
                HeaderError::Syntax { at, .. } => at,
                _ => 0,
            };
            let at = slot.at() + within;
            return Err(Invalid {
                at,
                ..broken(headers, &error)
            });
        }
    }
    Ok(())
}

fn missing(name: Name) -> Invalid {
    Invalid {
        header: Some(name),
        rule: "the header is missing",
        section: "RFC 3261 §8.1.1",
        at: 0,
        status: Status::BAD_REQUEST,
    }
}

const fn repeated(name: Name, at: usize) -> Invalid {
    Invalid {
        header: Some(name),
        rule: "the header appears twice",
        section: "RFC 3261 §7.3.1",
        at,
        status: Status::BAD_REQUEST,
    }
}

fn invalid(headers: &Headers, name: Name, rule: &'static str, section: &'static str) -> Invalid {
    let index: &Index = &headers.index;
    Invalid {
        at: index.first(&name).map_or(0, |slot| slot.at()),
        header: Some(name),
        rule,
        section,
        status: Status::BAD_REQUEST,
    }
}

/// The header that could not be read, as a broken rule.
fn broken(headers: &Headers, error: &HeaderError) -> Invalid {
    match error {
        HeaderError::Missing(name) => missing(name.clone()),
        HeaderError::NotUtf8(name) => invalid(
            headers,
            name.clone(),
            "the value is not UTF-8",
            "RFC 3261 §7.3.1",
        ),
        HeaderError::Syntax { name, at, .. } => {
            let mut found = invalid(
                headers,
                name.clone(),
                "the value does not follow the grammar",
                "RFC 3261 §25.1",
            );
            found.at += at;
            found
        }
        HeaderError::RequestUri { .. } => Invalid {
            header: None,
            rule: "the Request-URI does not follow the grammar",
            section: "RFC 3261 §19.1.1",
            at: 0,
            status: Status::BAD_REQUEST,
        },
    }
}
