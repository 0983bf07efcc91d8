//! One message in a few words, even where it cannot be parsed.

use crate::engine::Protocol;
use std::borrow::Cow;

/// What an arrow says, and what its message belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Brief {
    /// Method or status.
    pub label: String,
    /// What goes with it in small: the method that a response is for, the range of a chunk.
    pub aside: String,
    /// Colour and style.
    pub look: Look,
    /// Whether it answers something.
    pub is_response: bool,
    /// The Call-ID, or the two session ids of an MSRP message.
    pub call: Vec<String>,
    /// Session ids that a session description in it offers.
    pub offers: Vec<String>,
}

/// How an arrow looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Sip,
    Msrp,
    Wait,
    Good,
    Odd,
    Bad,
    Unknown,
}

impl Look {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Msrp => "msrp",
            Self::Wait => "wait",
            Self::Good => "good",
            Self::Odd => "odd",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }

    fn of_status(status: &str) -> Self {
        match status.as_bytes() {
            // To be asked for a password is how a registration begins.
            b"401" | b"407" => Self::Odd,
            [b'1', ..] => Self::Wait,
            [b'0' | b'2', ..] => Self::Good,
            [b'3', ..] => Self::Odd,
            [b'4'..=b'6', ..] => Self::Bad,
            _ => Self::Unknown,
        }
    }
}

/// Reads off a message what fits on an arrow. Never fails: a diagram has to show broken messages above all.
pub(super) fn brief(protocol: Protocol, bytes: &[u8]) -> Brief {
    let head = Head::new(bytes);
    match protocol {
        Protocol::Msrp => msrp(&head),
        Protocol::Sip => sip(&head, bytes),
    }
}

fn sip(head: &Head<'_>, bytes: &[u8]) -> Brief {
    let mut words = head.first.splitn(3, ' ');
    let (first, second) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let call = head.field(&["call-id", "i"]).map(str::to_owned);
    let (label, aside, look, is_response) = if first.starts_with("SIP/") {
        let cseq = head.field(&["cseq"]).unwrap_or("");
        let method = cseq.split_whitespace().nth(1).unwrap_or("");
        let phrase = words.next().unwrap_or("");
        (
            format!("{second} {phrase}").trim().to_owned(),
            method.to_owned(),
            Look::of_status(second),
            true,
        )
    } else if first.is_empty() {
        ("?".to_owned(), String::new(), Look::Unknown, false)
    } else {
        (first.to_owned(), String::new(), Look::Sip, false)
    };
    Brief {
        label: short(&label, 40),
        aside: short(&aside, 24),
        look,
        is_response,
        call: call.into_iter().collect(),
        offers: offers(bytes),
    }
}

fn msrp(head: &Head<'_>) -> Brief {
    let mut words = head.first.splitn(4, ' ');
    let (_, _, what) = (words.next(), words.next(), words.next().unwrap_or("?"));
    let is_response = what.len() == 3 && what.bytes().all(|b| b.is_ascii_digit());
    let range = head.field(&["byte-range"]).unwrap_or("");
    let (label, aside, look) = match what {
        _ if is_response => {
            let phrase = words.next().unwrap_or("");
            let label = format!("{what} {phrase}").trim().to_owned();
            (label, String::new(), Look::of_status(what))
        }
        "REPORT" => {
            let status = head.field(&["status"]).unwrap_or("");
            let look = match status.split_whitespace().nth(1) {
                Some("200") => Look::Msrp,
                _ => Look::Bad,
            };
            (what.to_owned(), status.to_owned(), look)
        }
        _ => (what.to_owned(), range.to_owned(), Look::Msrp),
    };
    let ids = [head.field(&["to-path"]), head.field(&["from-path"])];
    Brief {
        label: short(&label, 40),
        aside: short(&aside, 32),
        look,
        is_response,
        call: ids.into_iter().flatten().filter_map(session).collect(),
        offers: Vec::new(),
    }
}

/// The session id of the last URI of a path.
fn session(path: &str) -> Option<String> {
    let uri = path.split_whitespace().last()?;
    let (_, after) = uri.split_once("://")?;
    let (_, id) = after.split_once('/')?;
    Some(id.split(';').next().unwrap_or(id).to_owned())
}

fn offers(bytes: &[u8]) -> Vec<String> {
    memchr::memmem::find_iter(bytes, b"a=path:")
        .take(8)
        .filter_map(|at| {
            let line = bytes
                .get(at + 7..)?
                .split(|b| matches!(b, b'\r' | b'\n'))
                .next()?;
            session(std::str::from_utf8(line).ok()?)
        })
        .collect()
}

/// At most `most` characters.
pub(super) fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// The first line and the header fields of a message that may be broken.
struct Head<'a> {
    first: Cow<'a, str>,
    fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Head<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut lines = bytes
            .split(|&b| b == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .skip_while(|line| line.is_empty());
        let first = lines
            .next()
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        let fields = lines
            .take_while(|line| !line.is_empty() && !line.starts_with(b"-------"))
            .take(256)
            .filter_map(|line| {
                let colon = memchr::memchr(b':', line)?;
                Some((
                    String::from_utf8_lossy(line.get(..colon)?.trim_ascii()),
                    String::from_utf8_lossy(line.get(colon + 1..)?.trim_ascii()),
                ))
            })
            .collect();
        Self { first, fields }
    }

    fn field(&self, names: &[&str]) -> Option<&str> {
        self.fields
            .iter()
            .find(|(name, _)| names.iter().any(|n| name.eq_ignore_ascii_case(n)))
            .map(|(_, value)| value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_words_for_each_kind() {
        for (protocol, bytes, label, aside, look) in [
            (
                Protocol::Sip,
                &b"INVITE sip:b SIP/2.0\r\ni: 1\r\n\r\n"[..],
                "INVITE",
                "",
                Look::Sip,
            ),
            (
                Protocol::Sip,
                b"SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n",
                "180 Ringing",
                "INVITE",
                Look::Wait,
            ),
            (Protocol::Sip, b"SIP/2.0 404\r\n\r\n", "404", "", Look::Bad),
            (
                Protocol::Sip,
                b"SIP/2.0 401 Unauthorized\r\n\r\n",
                "401 Unauthorized",
                "",
                Look::Odd,
            ),
            (
                Protocol::Sip,
                b"\xff\xfe",
                "\u{fffd}\u{fffd}",
                "",
                Look::Sip,
            ),
            (Protocol::Sip, b"", "?", "", Look::Unknown),
            (
                Protocol::Msrp,
                b"MSRP a1 SEND\r\nByte-Range: 1-5/5\r\n-------a1$\r\n",
                "SEND",
                "1-5/5",
                Look::Msrp,
            ),
            (
                Protocol::Msrp,
                b"MSRP a1 200 OK\r\n-------a1$\r\n",
                "200 OK",
                "",
                Look::Good,
            ),
            (
                Protocol::Msrp,
                b"MSRP a1 REPORT\r\nStatus: 000 413\r\n-------a1$\r\n",
                "REPORT",
                "000 413",
                Look::Bad,
            ),
            (Protocol::Msrp, b"MSRP", "?", "", Look::Msrp),
        ] {
            let brief = brief(protocol, bytes);
            assert_eq!(
                (&*brief.label, &*brief.aside, brief.look),
                (label, aside, look)
            );
        }
    }

    #[test]
    fn sessions_are_read_off_paths_and_offers() {
        let chunk = b"MSRP a SEND\r\nTo-Path: msrp://r:1/x;tcp msrp://b:9/sB;tcp\r\nFrom-Path: msrp://a:9/sA;tcp\r\n";
        assert_eq!(brief(Protocol::Msrp, chunk).call, ["sB", "sA"]);
        let invite = b"INVITE sip:b SIP/2.0\r\nCall-ID: 1\r\n\r\na=path:msrp://a:9/sA;tcp\r\n";
        let brief = brief(Protocol::Sip, invite);
        assert_eq!(
            (brief.call, brief.offers),
            (vec!["1".to_owned()], vec!["sA".to_owned()])
        );
    }
}
