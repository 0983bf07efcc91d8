//! MSRP URIs and how they compare.

use crate::engine::Transport;
use crate::wire::Text;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;
use std::str::FromStr;

/// `msrp://host:port/session-id;tcp` (RFC 4975 §6): a view of the text it was read from.
///
/// Two are equal if they match by the rules of RFC 4975 §6.1, see [`matches`](Self::matches).
#[derive(Clone)]
pub struct Uri {
    text: Text,
    secure: bool,
    host: Span,
    port: Option<u16>,
    session_id: Option<Span>,
    transport: Option<Span>,
}

/// A part of the text; 16 bits do, since [`UriError::TooLong`] refuses the rest.
#[derive(Clone, Copy)]
struct Span(u16, u16);

/// Why text is not an MSRP URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// It does not begin with `msrp://` or `msrps://`.
    #[error("not an msrp or msrps URI")]
    Scheme,
    /// The host is missing or contains what a host cannot.
    #[error("the host is missing or malformed, at byte {0}")]
    Host(usize),
    /// The port is not a number below 65536.
    #[error("the port is not a number below 65536, at byte {0}")]
    Port(usize),
    /// The session-id contains what it cannot.
    #[error("the session-id contains what it cannot, at byte {0}")]
    SessionId(usize),
    /// A parameter contains what it cannot.
    #[error("a parameter contains what it cannot, at byte {0}")]
    Params(usize),
    /// 64 KiB or longer.
    #[error("64 KiB or longer")]
    TooLong,
}

impl UriError {
    /// The byte at which reading stopped.
    pub const fn at(self) -> usize {
        match self {
            Self::Scheme | Self::TooLong => 0,
            Self::Host(at) | Self::Port(at) | Self::SessionId(at) | Self::Params(at) => at,
        }
    }
}

impl Uri {
    /// Reads a URI. An IPv6 address may come without its brackets, and the transport may be missing: both are seen
    /// in the wild.
    ///
    /// # Errors
    ///
    /// See [`UriError`].
    pub fn parse(text: &Text) -> Result<Self, UriError> {
        let all = text.as_str();
        if let Some(parts) = Parts::usual(all.as_bytes()) {
            return Ok(Self {
                secure: parts.secure,
                host: span(parts.host),
                port: Some(parts.port),
                session_id: Some(span(parts.session_id)),
                transport: Some(span(parts.transport)),
                text: text.clone(),
            });
        }
        if all.len() > usize::from(u16::MAX) {
            return Err(UriError::TooLong);
        }
        let (secure, start) = if starts_with(all, "msrp://") {
            (false, 7)
        } else if starts_with(all, "msrps://") {
            (true, 8)
        } else {
            return Err(UriError::Scheme);
        };
        let rest = all.get(start..).unwrap_or_default();
        let params_at = rest.find(';').unwrap_or(rest.len());
        let (before, params) = rest.split_at(params_at);
        let (authority, session_id) = match before.split_once('/') {
            Some((authority, id)) => (authority, Some(id)),
            None => (before, None),
        };
        // User information says nothing to MSRP and takes no part in comparison (RFC 4975 §6.1).
        let host_port = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
        let host_at = start + authority.len() - host_port.len();
        let (host, port) = split_host(host_port, host_at)?;
        let session_at = start + authority.len() + 1;
        if let Some(bad) = session_id.and_then(|id| first_not(id, is_id_byte)) {
            return Err(UriError::SessionId(session_at + bad));
        }
        let params_at = start + params_at;
        if let Some(bad) = first_not(params, is_param_byte) {
            return Err(UriError::Params(params_at + bad));
        }
        let transport = params
            .split(';')
            .nth(1)
            .filter(|transport| !transport.is_empty() && !transport.contains('='));
        Ok(Self {
            secure,
            host: span(host),
            port,
            session_id: session_id
                .filter(|id| !id.is_empty())
                .map(|id| span(session_at..session_at + id.len())),
            transport: transport.map(|t| span(params_at + 1..params_at + 1 + t.len())),
            text: text.clone(),
        })
    }

    /// A URI over TCP. An IPv6 address is put in brackets.
    ///
    /// # Errors
    ///
    /// The host or the session-id contains what it cannot.
    pub fn new(
        secure: bool,
        host: &str,
        port: Option<u16>,
        session_id: Option<&str>,
    ) -> Result<Self, UriError> {
        Self::build(secure, host, port, session_id, "tcp")
    }

    /// A URI over WebSocket (RFC 7977 §5.2.1). An IPv6 address is put in brackets.
    ///
    /// # Errors
    ///
    /// The host or the session-id contains what it cannot.
    pub fn over_web(
        secure: bool,
        host: &str,
        port: Option<u16>,
        session_id: Option<&str>,
    ) -> Result<Self, UriError> {
        Self::build(secure, host, port, session_id, "ws")
    }

    fn build(
        secure: bool,
        host: &str,
        port: Option<u16>,
        session_id: Option<&str>,
        transport: &str,
    ) -> Result<Self, UriError> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut text = String::from(if secure { "msrps://" } else { "msrp://" });
        write_authority(host, port, &mut text);
        for (mark, part) in [('/', session_id), (';', Some(transport))] {
            if let Some(part) = part {
                text.push(mark);
                text.push_str(part);
            }
        }
        Self::parse(&Text::from(text))
    }

    /// Whether it says `msrps`: MSRP over TLS.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host, without brackets.
    pub fn host(&self) -> &str {
        self.part(self.host)
    }

    /// The host where it is an address.
    pub fn address(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    /// The port, if there is one.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The session-id. The URI of a relay may have none.
    pub fn session_id(&self) -> Option<&str> {
        Some(self.part(self.session_id?))
    }

    /// The transport, `tcp` if there is none.
    pub fn transport(&self) -> &str {
        self.transport.map_or("tcp", |span| self.part(span))
    }

    /// What a connection to it is made over: a WebSocket where the URI says `ws` (RFC 7977 §5.2.1), and TCP else.
    pub fn carrier(&self) -> Transport {
        let transport = self.transport();
        // RFC 7977 has `ws` for both, and the scheme to tell them apart; some write what they mean.
        let is_wss = transport.eq_ignore_ascii_case("wss");
        let is_web = is_wss || transport.eq_ignore_ascii_case("ws");
        match (is_web, self.secure || is_wss) {
            (true, true) => Transport::Wss,
            (true, false) => Transport::Ws,
            (false, true) => Transport::Tls,
            (false, false) => Transport::Tcp,
        }
    }

    /// The host and the port, as a `Host` field has them.
    pub fn authority(&self) -> Text {
        let mut text = String::new();
        write_authority(self.host(), self.port, &mut text);
        Text::from(text)
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) const fn text(&self) -> &Text {
        &self.text
    }

    /// Whether both name the same (RFC 4975 §6.1): scheme, host and transport in any case, addresses by value, the
    /// port and the session-id as they are or missing on both sides; user and parameters do not matter.
    ///
    /// Session-ids are compared in a time that depends on their lengths only.
    pub fn matches(&self, other: &Self) -> bool {
        self.secure == other.secure
            && self.port == other.port
            && same_host(self.host(), other.host())
            && self.transport().eq_ignore_ascii_case(other.transport())
            && self.matches_session_id(other)
    }

    /// Whether both have the same session-id, or neither has one.
    pub fn matches_session_id(&self, other: &Self) -> bool {
        match (self.session_id(), other.session_id()) {
            (Some(a), Some(b)) => same_secret(a, b),
            (None, None) => true,
            _ => false,
        }
    }

    /// The same in a buffer of its own, for state that outlives the message.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self {
            text: self.text.compact(),
            ..self.clone()
        }
    }

    fn part(&self, Span(from, to): Span) -> &str {
        self.text
            .get(usize::from(from)..usize::from(to))
            .unwrap_or_default()
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(&Text::from(text))
    }
}

impl std::fmt::Display for Uri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.text)
    }
}

impl std::fmt::Debug for Uri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(f)
    }
}

impl PartialEq for Uri {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other)
    }
}

impl Eq for Uri {}

fn write_authority(host: &str, port: Option<u16>, out: &mut String) {
    use std::fmt::Write;
    // Writing to a String cannot fail.
    let _ = match host.contains(':') {
        true => write!(out, "[{host}]"),
        false => write!(out, "{host}"),
    };
    if let Some(port) = port {
        let _ = write!(out, ":{port}");
    }
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Only called with offsets into a text of less than 64 KiB.
fn span(range: Range<usize>) -> Span {
    let narrow = |n| u16::try_from(n).unwrap_or(u16::MAX);
    Span(narrow(range.start), narrow(range.end))
}

/// Where the parts of a URI lie that is spelled as nearly all of them are.
struct Parts {
    secure: bool,
    host: Range<usize>,
    port: u16,
    session_id: Range<usize>,
    transport: Range<usize>,
}

impl Parts {
    /// `msrp://host:port/session-id;tcp` in one pass, the host a name or an IPv4 address. Anything else, right or
    /// wrong, takes the long way.
    fn usual(all: &[u8]) -> Option<Self> {
        const TRANSPORT: &[u8] = b";tcp";
        let secure = all.get(4) == Some(&b's');
        let scheme: &[u8] = if secure { b"msrps://" } else { b"msrp://" };
        let host_at = scheme.len();
        let rest = all.strip_prefix(scheme)?.strip_suffix(TRANSPORT)?;
        if all.len() > usize::from(u16::MAX) {
            return None;
        }
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
        let host = rest.iter().position(|b| !is_name(b))?;
        let (b':', rest) = rest.get(host..)?.split_first()? else {
            return None;
        };
        let digits = rest.iter().position(|b| !b.is_ascii_digit())?;
        let port = rest
            .get(..digits)?
            .iter()
            .take(6)
            .fold(0, |port, b| port * 10 + u32::from(b - b'0'));
        let (b'/', id) = rest.get(digits..)?.split_first()? else {
            return None;
        };
        if host == 0 || digits == 0 || digits > 5 || id.is_empty() {
            return None;
        }
        if !id.iter().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+' | b'/' | b'=')
        }) {
            return None;
        }
        let end = all.len() - TRANSPORT.len();
        Some(Self {
            secure,
            host: host_at..host_at + host,
            port: u16::try_from(port).ok()?,
            session_id: end - id.len()..end,
            transport: end + 1..all.len(),
        })
    }
}

/// Where the host lies, and the port. `at` is where `text` begins in the URI.
fn split_host(text: &str, at: usize) -> Result<(Range<usize>, Option<u16>), UriError> {
    let port = |digits: &str| match digits.bytes().all(|b| b.is_ascii_digit()) {
        true => digits.parse().ok(),
        false => None,
    };
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or(UriError::Host(at))?;
        if host.parse::<Ipv6Addr>().is_err() {
            return Err(UriError::Host(at + 1));
        }
        let span = at + 1..at + 1 + host.len();
        return match rest.strip_prefix(':') {
            None if rest.is_empty() => Ok((span, None)),
            None => Err(UriError::Port(span.end + 1)),
            Some(digits) => match port(digits) {
                Some(port) => Ok((span, Some(port))),
                None => Err(UriError::Port(span.end + 2)),
            },
        };
    }
    let (host, digits) = match text.rsplit_once(':') {
        // Without brackets the last group may be the port or part of the address. What stands before it decides:
        // if that is a whole address, it was the port, without which no path in an SDP is of use.
        Some((host, digits)) if host.contains(':') => {
            if host.parse::<Ipv6Addr>().is_ok() && port(digits).is_some() {
                (host, Some(digits))
            } else if text.parse::<Ipv6Addr>().is_ok() {
                (text, None)
            } else {
                return Err(UriError::Host(at));
            }
        }
        Some((host, digits)) => (host, Some(digits)),
        None => (text, None),
    };
    let is_host_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    if host.is_empty() {
        return Err(UriError::Host(at));
    }
    if let Some(bad) = first_not(host, is_host_byte) {
        return Err(UriError::Host(at + bad));
    }
    let span = at..at + host.len();
    match digits {
        None => Ok((span, None)),
        Some(digits) => match port(digits) {
            Some(port) => Ok((span, Some(port))),
            None => Err(UriError::Port(at + host.len() + 1)),
        },
    }
}

/// The first byte that is not as it should be; that all are is found without stopping early, which is faster.
fn first_not(text: &str, is_good: impl Fn(u8) -> bool) -> Option<usize> {
    match text.bytes().fold(true, |good, b| good & is_good(b)) {
        true => None,
        false => text.bytes().position(|b| !is_good(b)),
    }
}

const fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b',')
}

const fn is_param_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b',')
}

fn same_host(a: &str, b: &str) -> bool {
    // An IPv4 address has one spelling; an IPv6 address has many.
    a.eq_ignore_ascii_case(b)
        || (a.contains(':')
            && b.contains(':')
            && matches!((a.parse::<Ipv6Addr>(), b.parse::<Ipv6Addr>()), (Ok(a), Ok(b)) if a == b))
}

/// Compares without stopping at the first difference.
fn same_secret(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes()
            .zip(b.bytes())
            .fold(0, |acc, (a, b)| acc | (a ^ b))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4975_6_parts_of_a_uri() {
        type Parts = (
            bool,
            &'static str,
            Option<u16>,
            Option<&'static str>,
            &'static str,
        );
        let cases: [(&str, Parts); 9] = [
            (
                "msrp://atlanta.example.com:7654/jshA7weztas;tcp",
                (
                    false,
                    "atlanta.example.com",
                    Some(7654),
                    Some("jshA7weztas"),
                    "tcp",
                ),
            ),
            (
                "msrps://bob@10.0.0.1:9/s+=/x;tcp;a=b",
                (true, "10.0.0.1", Some(9), Some("s+=/x"), "tcp"),
            ),
            (
                "MSRP://relay.example;TCP",
                (false, "relay.example", None, None, "TCP"),
            ),
            (
                "msrp://[2001:db8::1]:2855/a;tcp",
                (false, "2001:db8::1", Some(2855), Some("a"), "tcp"),
            ),
            (
                "msrp://[2001:db8::1]/a;tcp",
                (false, "2001:db8::1", None, Some("a"), "tcp"),
            ),
            // Without brackets.
            (
                "msrp://2001:db8::1:2855/a;tcp",
                (false, "2001:db8::1", Some(2855), Some("a"), "tcp"),
            ),
            (
                "msrp://2001:db8:0:0:0:0:0:1:2855/a;tcp",
                (false, "2001:db8:0:0:0:0:0:1", Some(2855), Some("a"), "tcp"),
            ),
            (
                "msrp://2001:db8::5/a;tcp",
                (false, "2001:db8::5", None, Some("a"), "tcp"),
            ),
            // Without a transport.
            ("msrp://h:1/a", (false, "h", Some(1), Some("a"), "tcp")),
        ];
        for (text, parts) in cases {
            let uri: Uri = text.parse().unwrap();
            assert_eq!(
                (
                    uri.is_secure(),
                    uri.host(),
                    uri.port(),
                    uri.session_id(),
                    uri.transport()
                ),
                parts,
                "{text}"
            );
            assert_eq!(uri.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_uri_is_refused_where_it_goes_wrong() {
        for (text, error) in [
            ("sip:a@b", UriError::Scheme),
            ("msrp:/", UriError::Scheme),
            ("msrp://", UriError::Host(7)),
            ("msrp:///a;tcp", UriError::Host(7)),
            ("msrp://a b/c;tcp", UriError::Host(8)),
            ("msrp://h:99999/c;tcp", UriError::Port(9)),
            ("msrp://h:+1/c;tcp", UriError::Port(9)),
            ("msrp://[::1]x/c;tcp", UriError::Port(12)),
            ("msrp://[::1]:x/c;tcp", UriError::Port(13)),
            ("msrp://[::g]/c;tcp", UriError::Host(8)),
            ("msrp://1:2:x/c;tcp", UriError::Host(7)),
            ("msrp://h/c\r\nX: y;tcp", UriError::SessionId(10)),
            ("msrp://h/c;tcp\r\nX: y", UriError::Params(14)),
        ] {
            assert_eq!(text.parse::<Uri>().unwrap_err(), error, "{text:?}");
        }
    }

    #[test]
    fn rfc4975_6_1_comparison() {
        let same = [
            (
                "msrp://Host.example:1/Abc;tcp",
                "MSRP://hOST.example:1/Abc;TCP",
            ),
            ("msrp://u@h:1/a;tcp", "msrp://h:1/a;tcp;x=y"),
            (
                "msrp://[2001:DB8::1]:1/a;tcp",
                "msrp://2001:db8:0:0::1:1/a;tcp",
            ),
        ];
        let different = [
            ("msrp://h:1/a;tcp", "msrps://h:1/a;tcp"),
            ("msrp://h:1/a;tcp", "msrp://h/a;tcp"),
            ("msrp://h:1/a;tcp", "msrp://h:2/a;tcp"),
            ("msrp://h:1/a;tcp", "msrp://h:1/A;tcp"),
            ("msrp://h:1/a;tcp", "msrp://h:1;tcp"),
            ("msrp://h:1/a;tcp", "msrp://h:1/a;sctp"),
            ("msrp://h:1/a;tcp", "msrp://g:1/a;tcp"),
        ];
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        for (a, b) in same {
            assert!(
                uri(a).matches(&uri(b)) && uri(b).matches(&uri(a)),
                "{a} {b}"
            );
        }
        for (a, b) in different {
            assert!(
                !uri(a).matches(&uri(b)) && !uri(b).matches(&uri(a)),
                "{a} {b}"
            );
        }
    }

    #[test]
    fn a_made_uri_is_read_back() {
        for (host, text) in [
            ("10.0.0.1", "msrp://10.0.0.1:9/sB1;tcp"),
            ("::1", "msrp://[::1]:9/sB1;tcp"),
            ("[::1]", "msrp://[::1]:9/sB1;tcp"),
        ] {
            let uri = Uri::new(false, host, Some(9), Some("sB1")).unwrap();
            assert_eq!(uri.as_str(), text);
        }
        assert!(Uri::new(false, "h", None, Some("a\r\n")).is_err());
    }
}
