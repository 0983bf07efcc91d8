//! What must be right before a message is used.

use super::index::Slot;
use super::uri::{Extent, UriRef};
use super::{Headers, Keys, Name, Request, Response, Status, list, semantics};
use crate::sip::{HeaderError, Invalid};
use crate::wire::cursor::Cursor;

/// How much of a message is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// What must be right to use the message: peers are sloppy, and what does not matter is let through, as
    /// RFC 3261 §8.2.2 asks for.
    Receive,
    /// Every known header follows its grammar, none that is single appears twice, the start line is spaced
    /// as it should be, and the message has what its method or status asks for.
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

/// The headers that a request cannot be processed without understanding them: where it goes, who sends it,
/// what it asks for. Any other that is malformed is as good as none (RFC 3261 §8.2.2).
const NEEDED: &[Name] = &[
    Name::Via,
    Name::From,
    Name::To,
    Name::CallId,
    Name::CSeq,
    Name::MaxForwards,
    Name::Route,
    Name::RecordRoute,
    Name::Contact,
    Name::Require,
    Name::ProxyRequire,
    Name::ContentType,
    Name::ContentEncoding,
    Name::Expires,
    Name::Authorization,
    Name::ProxyAuthorization,
    Name::PAssertedIdentity,
    Name::PServedUser,
    Name::Path,
    Name::Event,
    Name::SubscriptionState,
    Name::RAck,
    Name::ReferTo,
    Name::Replaces,
    Name::Join,
    Name::SessionExpires,
    Name::MinSe,
];

/// The same by number.
const IS_NEEDED: [bool; Name::COUNT as usize + 1] = {
    let (mut needed, mut place) = ([false; Name::COUNT as usize + 1], 0);
    while place < NEEDED.len() {
        needed[NEEDED[place].number() as usize] = true;
        place += 1;
    }
    needed
};

/// Judges a request, for the first breach.
pub(super) fn request(request: &Request, mode: Mode) -> Result<(), Invalid> {
    Judge { mode, all: None }.request(request)
}

/// Judges a response, for the first breach.
pub(super) fn response(response: &Response, mode: Mode) -> Result<(), Invalid> {
    Judge { mode, all: None }.response(response)
}

/// Every breach of a request.
pub(super) fn request_breaches(request: &Request, mode: Mode) -> Vec<Invalid> {
    Judge::all(mode, |judge| judge.request(request))
}

/// Every breach of a response.
pub(super) fn response_breaches(response: &Response, mode: Mode) -> Vec<Invalid> {
    Judge::all(mode, |judge| judge.response(response))
}

/// Who goes through the rules.
pub(super) struct Judge {
    mode: Mode,
    /// The breaches, if all are asked for and not only whether there is one.
    all: Option<Vec<Invalid>>,
}

impl Judge {
    fn all(mode: Mode, judge: impl FnOnce(&mut Self) -> Result<(), Invalid>) -> Vec<Invalid> {
        let mut this = Self {
            mode,
            all: Some(Vec::new()),
        };
        let last = judge(&mut this);
        let mut all = this.all.unwrap_or_default();
        all.extend(last.err());
        all
    }

    /// A rule is broken. The judge goes on if all breaches are asked for.
    pub(super) fn found(&mut self, breach: Invalid) -> Result<(), Invalid> {
        match &mut self.all {
            Some(all) => all.push(breach),
            None => return Err(breach),
        }
        Ok(())
    }

    /// A rule that is broken if `broken` says so.
    pub(super) fn expect(
        &mut self,
        holds: bool,
        breach: impl FnOnce() -> Invalid,
    ) -> Result<(), Invalid> {
        match holds {
            true => Ok(()),
            false => self.found(breach()),
        }
    }

    fn request(&mut self, request: &Request) -> Result<(), Invalid> {
        let headers = request.headers();
        let mut uri = Cursor::new(request.uri_text());
        let read = UriRef::read(&mut uri, Extent::Whole);
        self.expect(read.is_ok() && uri.is_end(), || {
            start_line(
                "the Request-URI does not follow the grammar",
                "RFC 3261 §19.1.1",
            )
        })?;
        if let Some(keys) = self.common(headers, |number| {
            IS_NEEDED.get(usize::from(number)).copied().unwrap_or(false)
        })? {
            self.expect(keys.method == request.method().as_str(), || {
                let rule = "the method is not that of the request";
                wrong(headers, Name::CSeq, rule, "RFC 3261 §8.1.1.5")
            })?;
        }
        if self.mode == Mode::Strict {
            let parts = [
                request.method().as_str(),
                " ",
                request.uri_text(),
                " SIP/2.0\r\n",
            ];
            self.canonical(headers, &parts.map(str::as_bytes))?;
            self.described(headers, request.body().len())?;
            semantics::request(self, request)?;
        }
        Ok(())
    }

    fn response(&mut self, response: &Response) -> Result<(), Invalid> {
        let headers = response.headers();
        let mandatory = |number| MANDATORY.iter().any(|name| name.number() == number);
        self.common(headers, mandatory)?;
        if self.mode == Mode::Strict {
            let code = response.status().code().to_string();
            self.canonical(headers, &[b"SIP/2.0 ", code.as_bytes(), b" "])?;
            self.described(headers, response.body().len())?;
            semantics::response(self, response)?;
        }
        Ok(())
    }

    /// What is the same for requests and responses. Which headers have to be readable is for
    /// [`Mode::Receive`].
    fn common<'a>(
        &mut self,
        headers: &'a Headers,
        needed: impl Fn(u8) -> bool,
    ) -> Result<Option<Keys<'a>>, Invalid> {
        for name in MANDATORY {
            self.expect(headers.contains(&name), || {
                missing(name.clone(), "RFC 3261 §8.1.1")
            })?;
        }
        for name in DECISIVE {
            if let Some(slot) = headers.index.slots_named(name.clone()).nth(1) {
                self.found(repeated(name, slot.at()))?;
            }
        }
        if self.mode == Mode::Strict
            && let Some((name, slot)) = headers.repeated()
            && !DECISIVE.contains(&name)
        {
            self.found(repeated(name, slot.at()))?;
        }
        let strict = self.mode == Mode::Strict;
        let mut readable = true;
        let checked = headers.check_slots(self.mode, |number| strict || needed(number));
        for (slot, error) in checked {
            readable &= !MANDATORY.iter().any(|name| name.number() == slot.number());
            self.found(broken_at(slot.at(), &error))?;
        }
        match Keys::of(headers) {
            Ok(keys) => Ok(Some(keys)),
            Err(HeaderError::Missing(_)) => Ok(None),
            // It has been said what is wrong with it.
            Err(_) if !readable => Ok(None),
            Err(error) => self.found(broken(headers, &error)).map(|()| None),
        }
    }

    /// Whether the start line came in as it is to be written (RFC 3261 §7.1, §7.2: single spaces, CRLF).
    fn canonical(&mut self, headers: &Headers, parts: &[&[u8]]) -> Result<(), Invalid> {
        let mut rest = &headers.index.received()[..];
        if rest.is_empty() {
            return Ok(());
        }
        for part in parts {
            match rest.strip_prefix(*part) {
                Some(after) => rest = after,
                None => {
                    return self
                        .found(start_line("odd spacing in the start line", "RFC 3261 §7.1"));
                }
            }
        }
        Ok(())
    }

    /// Whether a body has what it needs to be understood.
    fn described(&mut self, headers: &Headers, body: usize) -> Result<(), Invalid> {
        let typed = body == 0 || headers.contains(&Name::ContentType);
        self.expect(typed, || missing(Name::ContentType, "RFC 3261 §20.15"))?;
        match headers.text(&Name::ContentLength) {
            Some(length) if list::number(length.as_bytes()) != Some(body) => {
                let rule = "not the length of the body";
                self.found(wrong(headers, Name::ContentLength, rule, "RFC 3261 §20.14"))
            }
            _ => Ok(()),
        }
    }
}

/// A rule that the start line breaks.
pub(super) const fn start_line(rule: &'static str, section: &'static str) -> Invalid {
    Invalid {
        header: None,
        rule,
        section,
        at: 0,
        status: Status::BAD_REQUEST,
    }
}

/// A header that should be there.
pub(super) fn missing(name: Name, section: &'static str) -> Invalid {
    Invalid {
        header: Some(name),
        ..start_line("the header is missing", section)
    }
}

fn repeated(name: Name, at: usize) -> Invalid {
    Invalid {
        header: Some(name),
        at,
        ..start_line("the header appears twice", "RFC 3261 §7.3.1")
    }
}

/// A rule that the first header of that name breaks.
pub(super) fn wrong(
    headers: &Headers,
    name: Name,
    rule: &'static str,
    section: &'static str,
) -> Invalid {
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
        HeaderError::Missing(name) => missing(name.clone(), "RFC 3261 §8.1.1"),
        HeaderError::NotUtf8(name) => Invalid {
            header: Some(name.clone()),
            at: start,
            ..start_line("the value is not UTF-8", "RFC 3261 §7.3.1")
        },
        HeaderError::Syntax { name, at, .. } => Invalid {
            header: Some(name.clone()),
            at: start.saturating_add(*at),
            ..start_line(grammar, name.reference().unwrap_or("RFC 3261 §25.1"))
        },
        HeaderError::RequestUri { .. } => start_line(
            "the Request-URI does not follow the grammar",
            "RFC 3261 §19.1.1",
        ),
    }
}
