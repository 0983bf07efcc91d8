//! Writing a description.

use super::{Line, Origin, Session};
use bytes::Bytes;
use std::net::Ipv6Addr;

/// Writes a description, each line with its CRLF.
pub(super) fn session(session: &Session) -> Bytes {
    let mut out = String::with_capacity(512);
    lines(&mut out, &session.lines);
    for media in &session.media {
        let ports = media.ports.map_or_else(String::new, |n| format!("/{n}"));
        let value = format!(
            "{} {}{ports} {} {}",
            media.kind, media.port, media.protocol, media.formats
        );
        // There may be no formats. Only the space goes: other white space is part of a word to a reader.
        line(&mut out, 'm', value.trim_end_matches(' '));
        lines(&mut out, &media.lines);
    }
    Bytes::from(out)
}

fn lines(out: &mut String, lines: &[Line]) {
    for each in lines {
        line(out, each.kind, &each.value);
    }
}

fn line(out: &mut String, kind: char, value: &str) {
    out.push(kind);
    out.push('=');
    // What could begin another line becomes a space.
    let breaks = |char| {
        if matches!(char, '\r' | '\n' | '\0') {
            ' '
        } else {
            char
        }
    };
    out.extend(value.chars().map(breaks));
    out.push_str("\r\n");
}

/// The value of an `o=` line (RFC 8866 §5.2).
pub(super) fn origin(origin: &Origin) -> String {
    let address = connection(&origin.address);
    format!(
        "{} {} {} {address}",
        origin.user, origin.session_id, origin.version
    )
}

/// The value of a `c=` line (RFC 8866 §5.7).
pub(super) fn connection(address: &str) -> String {
    let kind = match address.parse::<Ipv6Addr>() {
        Ok(_) => "IP6",
        Err(_) => "IP4",
    };
    format!("IN {kind} {address}")
}
