//! What must be right before a message is used.

use super::index::Slot;
use super::{Headers, Keys, Name, Request, Response, Status, Uri, header, list};
use crate::sip::{HeaderError, Invalid};

/// How much of a message is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// What must be right to use the message: peers are sloppy, and what does not matter is let through.
    Receive,
    /// Every known header follows its grammar, none that is single appears twice, and the start line is
    /// spaced as it should be.
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
    let uri = request.uri().map_err(|error| broken(headers, &error))?;
    let keys = common(headers, mode)?;
    if keys.method != request.method().as_str() {
        let rule = "the method is not that of the request";
        return Err(wrong(headers, Name::CSeq, rule, "RFC 3261 §8.1.1.5"));
    }
    match headers.text(&Name::MaxForwards) {
        Some(hops) if list::number::<u8>(hops.as_bytes()).is_none() => {
            let rule = "not a number of 0 to 255";
            return Err(wrong(headers, Name::MaxForwards, rule, "RFC 3261 §20.22"));
        }
        None if mode == Mode::Strict => return Err(missing(Name::MaxForwards)),
        _ => {}
    }
    if mode == Mode::Strict {
        if matches!(&uri, Uri::Sip(uri) if !uri.headers.is_empty()) {
            return Err(start_line("headers in the Request-URI", "RFC 3261 §19.1.1"));
        }
        let parts = [
            request.method().as_str(),
            " ",
            request.uri_text(),
            " SIP/2.0\r\n",
        ];
        canonical(headers, &parts.map(str::as_bytes))?;
        described(headers, request.body().len())?;
    }
    Ok(())
}

pub(super) fn response(response: &Response, mode: Mode) -> Result<(), Invalid> {
    let headers = response.headers();
    common(headers, mode)?;
    if mode == Mode::Strict {
        let code = response.status().code().to_string();
        canonical(headers, &[b"SIP/2.0 ", code.as_bytes(), b" "])?;
        described(headers, response.body().len())?;
    }
    Ok(())
}

/// What is the same for requests and responses.
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
    let check = |slot: &Slot, name: &Name| {
        let index = &headers.index;
        let value = index.shared(slot, 0..index.value(slot).len());
        value
            .ok_or_else(|| HeaderError::NotUtf8(name.clone()))
            .and_then(|value| header::check(name, &value, mode))
            .map_err(|error| broken_at(slot.at(), &error))
    };
    match mode {
        Mode::Receive => {
            for name in MANDATORY {
                for slot in headers.index.slots_named(name.clone()) {
                    check(slot, &name)?;
                }
            }
        }
        Mode::Strict => {
            if let Some((name, slot)) = headers.repeated() {
                return Err(repeated(name, slot.at()));
            }
            for slot in headers.index.slots() {
                check(slot, &headers.index.name(slot))?;
            }
        }
    }
    Keys::of(headers).map_err(|error| broken(headers, &error))
}

/// Whether the start line came in as it is to be written (RFC 3261 §7.1, §7.2: single spaces, CRLF).
fn canonical(headers: &Headers, parts: &[&[u8]]) -> Result<(), Invalid> {
    let mut rest = &headers.index.received()[..];
    if rest.is_empty() {
        return Ok(());
    }
    for part in parts {
        rest = rest
            .strip_prefix(*part)
            .ok_or_else(|| start_line("odd spacing in the start line", "RFC 3261 §7.1"))?;
    }
    Ok(())
}

/// Whether a body has what it needs to be understood.
fn described(headers: &Headers, body: usize) -> Result<(), Invalid> {
    if body > 0 && !headers.contains(&Name::ContentType) {
        return Err(Invalid {
            section: "RFC 3261 §20.15",
            ..missing(Name::ContentType)
        });
    }
    match headers.text(&Name::ContentLength) {
        Some(length) if list::number(length.as_bytes()) != Some(body) => {
            let rule = "not the length of the body";
            Err(wrong(headers, Name::ContentLength, rule, "RFC 3261 §20.14"))
        }
        _ => Ok(()),
    }
}

const fn start_line(rule: &'static str, section: &'static str) -> Invalid {
    Invalid {
        header: None,
        rule,
        section,
        at: 0,
        status: Status::BAD_REQUEST,
    }
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

/// A rule that the first header of that name breaks.
fn wrong(headers: &Headers, name: Name, rule: &'static str, section: &'static str) -> Invalid {
    Invalid {
        at: headers.index.first(&name).map_or(0, Slot::at),
        header: Some(name),
        ..start_line(rule, section)
    }
}

/// The header that could not be read, as a broken rule.
fn broken(headers: &Headers, error: &HeaderError) -> Invalid {
    let at = match error {
        HeaderError::Missing(name)
        | HeaderError::NotUtf8(name)
        | HeaderError::Syntax { name, .. } => headers.index.first(name).map_or(0, Slot::at),
        HeaderError::RequestUri { .. } => 0,
    };
    broken_at(at, error)
}

/// The same for a value that begins at `start`.
fn broken_at(start: usize, error: &HeaderError) -> Invalid {
    let grammar = "the value does not follow the grammar";
    match error {
        HeaderError::Missing(name) => missing(name.clone()),
        HeaderError::NotUtf8(name) => Invalid {
            header: Some(name.clone()),
            at: start,
            ..start_line("the value is not UTF-8", "RFC 3261 §7.3.1")
        },
        HeaderError::Syntax { name, at, .. } => Invalid {
            header: Some(name.clone()),
            at: start.saturating_add(*at),
            ..start_line(grammar, "RFC 3261 §25.1")
        },
        HeaderError::RequestUri { .. } => start_line(
            "the Request-URI does not follow the grammar",
            "RFC 3261 §19.1.1",
        ),
    }
}
