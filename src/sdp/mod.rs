//! Session descriptions (RFC 8866, which replaces RFC 4566) and what MSRP says in them.
//!
//! A [`Session`] keeps every line in its order, known or not, so that a description that is passed on loses
//! nothing. [`msrp`] reads and makes the one kind of media that this crate speaks itself.

pub mod file;
mod fingerprint;
pub mod msrp;
mod parse;
mod write;

pub use fingerprint::Fingerprint;

use crate::engine::{Ids, Limits};
use crate::wire::Text;
use bytes::Bytes;
use std::net::IpAddr;

/// The media type of a description.
pub const MEDIA_TYPE: &str = "application/sdp";

/// A session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The lines before the first `m=`, in order.
    pub lines: Vec<Line>,
    /// The media sections in order. An answer has as many as its offer (RFC 3264 §6).
    pub media: Vec<Media>,
}

/// One line other than `m=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The letter before the `=`.
    pub kind: char,
    /// What follows it.
    pub value: Text,
}

/// One media section (RFC 8866 §5.14): its `m=` line and the lines after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `message`, `audio`, `video` …, in lower case.
    pub kind: Text,
    /// The port; 0 for a stream that is refused.
    pub port: u16,
    /// How many ports, where it says so.
    pub ports: Option<u16>,
    /// The protocol as it is spelled: `TCP/MSRP`.
    pub protocol: Text,
    /// The formats as they are spelled; `*` for MSRP.
    pub formats: Text,
    /// The lines of the section in order.
    pub lines: Vec<Line>,
}

/// The `o=` line (RFC 8866 §5.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The user's name; `-` if there is none to tell.
    pub user: Text,
    /// Names the session together with the user and address. A number, whatever peers make of it.
    pub session_id: u64,
    /// Counts the versions of the description (RFC 3264 §8).
    pub version: u64,
    /// The address of the machine.
    pub address: Text,
}

/// Who sends (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both.
    #[default]
    SendRecv,
    /// Who says so.
    SendOnly,
    /// The other one.
    RecvOnly,
    /// Nobody.
    Inactive,
}

/// What is wrong with a description, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {at}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// The offset from the start of the description.
    pub at: usize,
}

/// What is wrong with a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The first line is not `v=0`.
    #[error("no SDP version 0")]
    Version,
    /// A line that is not `letter=value`.
    #[error("not an SDP line")]
    Line,
    /// An `m=` line without media, port, protocol and format.
    #[error("not an SDP media line")]
    Media,
    /// A port beyond 65535.
    #[error("not a port")]
    Port,
    /// A NUL or a carriage return within a line.
    #[error("control character in SDP")]
    Control,
    /// More lines than `Limits` allow.
    #[error("too many SDP lines")]
    TooManyLines,
    /// More media sections than `Limits` allow.
    #[error("too many SDP media sections")]
    TooManyMedia,
}

impl Line {
    /// A line.
    pub fn new(kind: char, value: impl Into<Text>) -> Self {
        Self {
            kind,
            value: value.into(),
        }
    }

    /// The name and value of an `a=` line (RFC 8866 §5.13).
    pub fn attribute(&self) -> Option<(&str, Option<&str>)> {
        if self.kind != 'a' {
            return None;
        }
        Some(match self.value.split_once(':') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (self.value.trim(), None),
        })
    }
}

impl Session {
    /// A description without media, from the address in its origin.
    pub fn new(origin: &Origin) -> Self {
        Self {
            lines: vec![
                Line::new('v', "0"),
                Line::new('o', write::origin(origin)),
                Line::new('s', "-"),
                Line::new('c', write::connection(&origin.address)),
                Line::new('t', "0 0"),
            ],
            media: Vec::new(),
        }
    }

    /// Reads a description. Line ends without CR, blank lines at the end, and a missing `s=` or `t=` are
    /// tolerated.
    ///
    /// # Errors
    ///
    /// What is wrong and where.
    pub fn parse(bytes: &Bytes, limits: &Limits) -> Result<Self, ParseError> {
        parse::session(bytes, limits)
    }

    /// The bytes of the description.
    pub fn write(&self) -> Bytes {
        write::session(self)
    }

    /// The `o=` line, if it can be read.
    pub fn origin(&self) -> Option<Origin> {
        let line = self.lines.iter().find(|line| line.kind == 'o')?;
        parse::origin(&line.value)
    }

    /// Puts an `o=` line in the place of the one there is.
    pub fn set_origin(&mut self, origin: &Origin) {
        let new = Line::new('o', write::origin(origin));
        match self.lines.iter_mut().find(|line| line.kind == 'o') {
            Some(line) => *line = new,
            // It stands after `v=`.
            None => self.lines.insert(1.min(self.lines.len()), new),
        }
    }

    /// The address of the `c=` line of the session.
    pub fn connection(&self) -> Option<&str> {
        connection(&self.lines)
    }

    /// The value of the first attribute of that name before the media; empty for one without a value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        attributes(&self.lines, name).next()
    }
}

impl Media {
    /// Whether the stream is refused or closed (RFC 3264 §6, §8.2).
    pub const fn is_refused(&self) -> bool {
        self.port == 0
    }

    /// The same section refused: port 0 and no attributes (RFC 3264 §6).
    #[must_use]
    pub fn refused(&self) -> Self {
        Self {
            port: 0,
            ports: None,
            lines: Vec::new(),
            ..self.clone()
        }
    }

    /// The address of the section's own `c=` line.
    pub fn connection(&self) -> Option<&str> {
        connection(&self.lines)
    }

    /// The value of the first attribute of that name; empty for one without a value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        attributes(&self.lines, name).next()
    }

    /// The values of all attributes of that name.
    pub fn attributes<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        attributes(&self.lines, name)
    }

    /// The direction of the section, if it has one of its own.
    pub fn direction(&self) -> Option<Direction> {
        direction(&self.lines)
    }
}

impl Origin {
    /// The origin of a new session of ours.
    pub fn new(ids: &mut Ids, address: IpAddr) -> Self {
        Self {
            user: Text::from_static("-"),
            // RFC 3264 §5: it fits a signed number of 64 bits, and the version leaves room to count.
            session_id: ids.number() >> 2,
            version: 1,
            address: Text::from(address.to_string()),
        }
    }

    /// The origin of the next version of the description (RFC 3264 §8).
    #[must_use]
    pub fn next(&self) -> Self {
        Self {
            version: self.version.saturating_add(1),
            ..self.clone()
        }
    }
}

impl Direction {
    /// The attribute's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether the side that says so sends.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the side that says so receives.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// What answers this offer, if `wanted` is what the answerer would like (RFC 3264 §6.1).
    #[must_use]
    pub const fn answer(self, wanted: Self) -> Self {
        match (
            self.receives() && wanted.sends(),
            self.sends() && wanted.receives(),
        ) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [
            Self::SendRecv,
            Self::SendOnly,
            Self::RecvOnly,
            Self::Inactive,
        ]
        .into_iter()
        .find(|each| each.as_str().eq_ignore_ascii_case(name))
    }
}

/// The values of all attributes of a name, which is compared without regard to case: peers shout.
fn attributes<'a, 'n>(
    lines: &'a [Line],
    name: &'n str,
) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
    lines.iter().filter_map(move |line| {
        let (each, value) = line.attribute()?;
        each.eq_ignore_ascii_case(name).then(|| value.unwrap_or(""))
    })
}

fn connection(lines: &[Line]) -> Option<&str> {
    let line = lines.iter().find(|line| line.kind == 'c')?;
    parse::connection(&line.value)
}

fn direction(lines: &[Line]) -> Option<Direction> {
    lines
        .iter()
        .find_map(|line| Direction::parse(line.attribute()?.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Seed;

    #[test]
    fn a_new_description_is_complete() {
        let mut ids = Ids::new(Seed::from_number(1));
        let origin = Origin::new(&mut ids, IpAddr::from([192, 0, 2, 1]));
        assert!(i64::try_from(origin.session_id).is_ok());
        let mut session = Session::new(&origin);
        assert_eq!(session.origin().as_ref(), Some(&origin));
        session.set_origin(&origin.next());
        assert_eq!(
            session.write(),
            format!(
                "v=0\r\no=- {} 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n",
                origin.session_id
            )
        );
    }

    #[test]
    fn addresses_tell_their_family() {
        for (address, written) in [
            ("192.0.2.1", "IN IP4 192.0.2.1"),
            ("2001:db8::1", "IN IP6 2001:db8::1"),
            ("host.example.com", "IN IP4 host.example.com"),
        ] {
            assert_eq!(write::connection(address), written);
        }
    }

    #[test]
    fn rfc3264_6_1_directions_are_answered() {
        use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
        for (offered, wanted, answer) in [
            (SendRecv, SendRecv, SendRecv),
            (SendRecv, SendOnly, SendOnly),
            (SendOnly, SendRecv, RecvOnly),
            (SendOnly, SendOnly, Inactive),
            (RecvOnly, SendRecv, SendOnly),
            (RecvOnly, Inactive, Inactive),
            (Inactive, SendRecv, Inactive),
        ] {
            assert_eq!(offered.answer(wanted), answer, "{offered:?} {wanted:?}");
        }
    }

    #[test]
    fn a_value_cannot_add_a_line() {
        let mut session = Session::new(&Origin {
            user: Text::from_static("-"),
            session_id: 1,
            version: 1,
            address: Text::from_static("192.0.2.1"),
        });
        session
            .lines
            .push(Line::new('a', "x\r\nm=audio 9 RTP/AVP 0"));
        let read = Session::parse(&session.write(), &Limits::default()).unwrap();
        assert!(read.media.is_empty());
    }
}
