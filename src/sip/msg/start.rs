//! The first line of a message (RFC 3261 §7.1, §7.2).

use super::list::{self, is_space, is_token_byte};
use super::parse::small;
use super::{Method, Status};
use crate::sip::ParseError;
use std::ops::Range;

/// The first line, as places in the received bytes.
pub(super) enum Start {
    /// A Request-Line. The method is a place where it is not one of the table.
    Request {
        method: Result<Method, Range<usize>>,
        uri: Range<u32>,
    },
    /// A Status-Line.
    Response { status: Status, reason: Range<u32> },
}

impl Start {
    /// Reads the first line, which ends at `end`. More than one space between its parts and space at its end
    /// are let through: RFC 4475 §3.1.2.9 and §3.1.2.10 leave that to the receiver.
    pub(super) fn read(bytes: &[u8], end: usize) -> Result<Self, ParseError> {
        let line = list::trimmed(bytes, 0..end);
        let wrong = |at| Err(ParseError::StartLine { at });
        if line.start > 0 {
            return wrong(0);
        }
        let whole = bytes.get(..line.end).unwrap_or_default();
        let first = whole
            .iter()
            .position(|b| !is_token_byte(*b))
            .unwrap_or(line.end);
        if first == 3 && is_version(whole.get(..4).unwrap_or_default()) {
            return status_line(whole);
        }
        if first == 0 || whole.get(first) != Some(&b' ') {
            return wrong(first);
        }
        let Some(last) = whole.iter().rposition(|b| is_space(*b)) else {
            return wrong(first);
        };
        let version = whole.get(last + 1..).unwrap_or_default();
        if !is_version(version) {
            return wrong(last + 1);
        }
        if !version.eq_ignore_ascii_case(b"SIP/2.0") {
            return Err(ParseError::Version { at: last + 1 });
        }
        let uri = list::trimmed(whole, first..last);
        let text = whole.get(uri.clone()).unwrap_or_default();
        if uri.is_empty() {
            return wrong(last);
        }
        // To see whether there is a stranger is faster than to see where it is.
        if text
            .iter()
            .fold(false, |any, b| any | !b.is_ascii_graphic())
            && let Some(at) = text.iter().position(|b| !b.is_ascii_graphic())
        {
            return wrong(uri.start + at);
        }
        Ok(Self::Request {
            method: whole.get(..first).and_then(Method::known).ok_or(0..first),
            uri: small(uri.start)..small(uri.end),
        })
    }
}

/// Reads a Status-Line. The reason and the space before it may be missing.
fn status_line(line: &[u8]) -> Result<Start, ParseError> {
    let version = line.iter().position(|b| is_space(*b)).unwrap_or(line.len());
    if !(line.get(..version)).is_some_and(|v| v.eq_ignore_ascii_case(b"SIP/2.0")) {
        return Err(ParseError::Version { at: 0 });
    }
    let rest = list::trimmed(line, version..line.len());
    let at = rest.start;
    let end = (line.get(at..).unwrap_or_default().iter())
        .position(|b| is_space(*b))
        .map_or(line.len(), |length| at + length);
    let status = match line.get(at..end) {
        Some(code @ [_, _, _]) => list::number(code).and_then(Status::new),
        _ => None,
    };
    let reason = list::trimmed(line, end..line.len());
    Ok(Start::Response {
        status: status.ok_or(ParseError::StatusCode { at })?,
        reason: small(reason.start)..small(reason.end),
    })
}

/// Whether this begins like a version of SIP, which may be spelled in any case (RFC 3261 §7.1).
pub(super) fn is_version(bytes: &[u8]) -> bool {
    bytes
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}
