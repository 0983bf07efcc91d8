//! Reading a description.

use super::{Line, Media, Origin, ParseError, ParseErrorKind, Session};
use crate::engine::Limits;
use crate::wire::Text;
use bytes::Bytes;
use nom::bytes::complete::take_till1;
use nom::character::complete::{char, space0, space1, u16, u64};
use nom::combinator::{opt, rest};
use nom::sequence::preceded;
use nom::{IResult, Parser};

/// Reads a description line by line.
pub(super) fn session(bytes: &Bytes, limits: &Limits) -> Result<Session, ParseError> {
    let text = Text::from_utf8_lossy(bytes.clone());
    let mut session = Session {
        lines: Vec::new(),
        media: Vec::new(),
    };
    let mut next = 0;
    let mut count = 0;
    for line in text.split_inclusive('\n') {
        let at = next;
        next += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        // Peers put empty lines at the end, and some in between.
        if line.trim().is_empty() {
            continue;
        }
        let error = |kind, inner| ParseError {
            kind,
            at: at + inner,
        };
        count += 1;
        if count > limits.sdp_lines {
            return Err(error(ParseErrorKind::TooManyLines, 0));
        }
        if let Some(inner) = line.find(['\0', '\r']) {
            return Err(error(ParseErrorKind::Control, inner));
        }
        let mut chars = line.chars();
        let (Some(kind @ 'a'..='z'), Some('=')) = (chars.next(), chars.next()) else {
            return Err(error(ParseErrorKind::Line, 0));
        };
        let value = chars.as_str();
        if count == 1 && (kind != 'v' || value.trim() != "0") {
            return Err(error(ParseErrorKind::Version, 0));
        }
        if kind == 'm' {
            if session.media.len() >= limits.sdp_media {
                return Err(error(ParseErrorKind::TooManyMedia, 0));
            }
            let media = media(&text, value).map_err(|(kind, inner)| error(kind, 2 + inner))?;
            session.media.push(media);
            continue;
        }
        let lines = match session.media.last_mut() {
            Some(media) => &mut media.lines,
            None => &mut session.lines,
        };
        lines.push(Line {
            kind,
            value: text.slice_ref(value),
        });
    }
    if count == 0 {
        return Err(ParseError {
            kind: ParseErrorKind::Version,
            at: 0,
        });
    }
    Ok(session)
}

/// Reads the value of an `m=` line; the offset of an error is within it.
fn media(text: &Text, value: &str) -> Result<Media, (ParseErrorKind, usize)> {
    let parsed = (
        preceded(space0, word),
        preceded(space1, u16),
        opt(preceded(char('/'), u16)),
        preceded(space1, word),
        preceded(space0, rest),
    )
        .parse(value);
    match parsed {
        Ok((_, (kind, port, ports, protocol, formats))) => Ok(Media {
            kind: if kind.bytes().any(|byte| byte.is_ascii_uppercase()) {
                Text::from(kind.to_ascii_lowercase())
            } else {
                text.slice_ref(kind)
            },
            port,
            ports,
            protocol: text.slice_ref(protocol),
            formats: text.slice_ref(formats.trim_end()),
            lines: Vec::new(),
        }),
        Err(nom::Err::Error(error) | nom::Err::Failure(error)) => {
            // Digits that are no port are more than a port may be.
            let kind = match error.input.bytes().next() {
                Some(b'0'..=b'9') => ParseErrorKind::Port,
                _ => ParseErrorKind::Media,
            };
            Err((kind, value.len() - error.input.len()))
        }
        Err(nom::Err::Incomplete(_)) => Err((ParseErrorKind::Media, value.len())),
    }
}

/// Reads the value of an `o=` line.
pub(super) fn origin(value: &Text) -> Option<Origin> {
    let (_, (user, session_id, version, _, _, address)) = (
        preceded(space0, word),
        preceded(space1, u64::<&str, nom::error::Error<&str>>),
        preceded(space1, u64),
        preceded(space1, word),
        preceded(space1, word),
        preceded(space1, word),
    )
        .parse(value.as_str())
        .ok()?;
    Some(Origin {
        user: value.slice_ref(user),
        session_id,
        version,
        address: value.slice_ref(address),
    })
}

/// The address in the value of a `c=` line, without brackets and the lifetime of multicast.
pub(super) fn connection(value: &str) -> Option<&str> {
    let address = value.split_ascii_whitespace().nth(2)?;
    let address = address.split('/').next()?;
    Some(address.trim_start_matches('[').trim_end_matches(']'))
}

fn word(input: &str) -> IResult<&str, &str> {
    take_till1(|char: char| char == ' ' || char == '\t')(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Session, ParseError> {
        session(&Bytes::from(text.to_owned()), &Limits::default())
    }

    #[test]
    fn keeps_every_line_in_its_order() {
        let text = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns= \r\nz=what\r\nt=0 0\r\na=x:1\r\n\
                    m=audio 5000/2 RTP/AVP 0 8\r\ni=voice\r\na=y\r\n\
                    m=message 9 TCP/MSRP *\r\nq=new\r\na=path:msrp://x;tcp\r\n";
        let session = parse(text).unwrap();
        assert_eq!(session.write(), text);
        assert_eq!(session.media.len(), 2);
        let audio = session.media.first().unwrap();
        assert_eq!(
            (audio.port, audio.ports, &*audio.formats),
            (5000, Some(2), "0 8")
        );
        assert_eq!(session.attribute("x"), Some("1"));
        assert_eq!(audio.attribute("Y"), Some(""));
        assert_eq!(audio.attribute("x"), None);
    }

    #[test]
    fn white_space_in_a_word_is_written_as_it_was_read() {
        let text = "v=0\r\nm=message 9 TCP/MSRP\u{c}\r\n";
        let session = parse(text).unwrap();
        assert_eq!(session.write(), text);
        assert_eq!(parse(text).unwrap(), session);
    }

    #[test]
    fn reads_what_peers_write() {
        let text = "\nv=0 \no=- 1 2 IN IP6 2001:db8::1\n\nc=IN IP6 2001:db8::1\n\
                    m=MESSAGE  9  TCP/MSRP  * \na=path : msrp://x;tcp\n\n\n";
        let session = parse(text).unwrap();
        assert_eq!(session.connection(), Some("2001:db8::1"));
        let media = session.media.first().unwrap();
        assert_eq!((&*media.kind, &*media.formats), ("message", "*"));
        assert_eq!(media.attribute("path"), Some("msrp://x;tcp"));
        assert_eq!(session.origin().unwrap().address, "2001:db8::1");
    }

    #[test]
    fn refuses_with_the_place() {
        for (text, kind, at) in [
            ("", ParseErrorKind::Version, 0),
            ("\r\n", ParseErrorKind::Version, 0),
            ("v=1\r\n", ParseErrorKind::Version, 0),
            ("o=- 1 2 IN IP4 x\r\n", ParseErrorKind::Version, 0),
            ("v=0\r\nhello\r\n", ParseErrorKind::Line, 5),
            ("v=0\r\nA=x\r\n", ParseErrorKind::Line, 5),
            ("v=0\r\ns=a\0b\r\n", ParseErrorKind::Control, 8),
            ("v=0\r\ns=a\rb\r\n", ParseErrorKind::Control, 8),
            ("v=0\r\nm=\r\n", ParseErrorKind::Media, 7),
            ("v=0\r\nm=audio\r\n", ParseErrorKind::Media, 12),
            ("v=0\r\nm=audio x RTP/AVP 0\r\n", ParseErrorKind::Media, 13),
            (
                "v=0\r\nm=audio 65536 RTP/AVP 0\r\n",
                ParseErrorKind::Port,
                13,
            ),
            ("v=0\r\nm=audio -1 RTP/AVP 0\r\n", ParseErrorKind::Media, 13),
        ] {
            assert_eq!(parse(text), Err(ParseError { kind, at }), "{text:?}");
        }
    }

    #[test]
    fn bombs_do_not_go_off() {
        let limits = Limits::default();
        let lines = format!("v=0\r\n{}", "a=\r\n".repeat(100_000));
        assert_eq!(
            parse(&lines).unwrap_err().kind,
            ParseErrorKind::TooManyLines
        );
        let media = format!(
            "v=0\r\n{}",
            "m=audio 0 RTP/AVP 0\r\n".repeat(limits.sdp_media + 1)
        );
        assert_eq!(
            parse(&media),
            Err(ParseError {
                kind: ParseErrorKind::TooManyMedia,
                at: 5 + 21 * limits.sdp_media
            })
        );
    }

    #[test]
    fn addresses_of_connection_lines() {
        for (value, address) in [
            ("IN IP4 192.0.2.1", Some("192.0.2.1")),
            ("IN IP4 233.252.0.1/127", Some("233.252.0.1")),
            ("IN IP6 [2001:db8::1]", Some("2001:db8::1")),
            ("IN IP4 host.example.com", Some("host.example.com")),
            ("IN IP4", None),
        ] {
            assert_eq!(connection(value), address);
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written(text in "v=0\r\n([a-ln-z]=[ -~]{0,20}\r\n|m=[a-z]{1,9} [1-9][0-9]{0,3} [A-Z/]{1,9} [ -~&&[^ ]]{1,9}\r\n){0,16}") {
            let session = parse(&text).unwrap();
            prop_assert_eq!(session.write(), text);
        }

        #[test]
        fn no_text_is_too_much(text in "(v=0|m=|a=|audio| |9|\r|\n|/|TCP|o=|c=IN){0,30}") {
            if let Ok(session) = parse(&text) {
                let _ = crate::sdp::msrp::Media::find(&session);
                let _ = session.origin();
                prop_assert_eq!(parse(std::str::from_utf8(&session.write()).unwrap()), Ok(session));
            }
        }
    }
}
