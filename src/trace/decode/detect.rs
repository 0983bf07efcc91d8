//! What some bytes are.

/// What [`document`](super::document) decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// SIP messages (RFC 3261), one after the other.
    Sip,
    /// MSRP messages (RFC 4975), one after the other.
    Msrp,
    /// A session description (RFC 8866).
    Sdp,
    /// A multipart body (RFC 2046), with or without its header fields.
    Multipart,
    /// A CPIM message (RFC 3862).
    Cpim,
    /// A disposition notification (RFC 5438).
    Imdn,
    /// An indication of composing (RFC 3994).
    Composing,
    /// Who is in a conference (RFC 4575).
    ConferenceInfo,
    /// Which calls somebody has (RFC 4235).
    DialogInfo,
    /// Who is registered where (RFC 3680).
    RegInfo,
    /// Presence (RFC 3863).
    Pidf,
    /// A list of recipients (RFC 4826).
    ResourceLists,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Sip,
        Self::Msrp,
        Self::Cpim,
        Self::Sdp,
        Self::Imdn,
        Self::Composing,
        Self::Multipart,
        Self::ConferenceInfo,
        Self::DialogInfo,
        Self::RegInfo,
        Self::Pidf,
        Self::ResourceLists,
    ];

    /// Its name, as in `--as`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Msrp => "msrp",
            Self::Sdp => "sdp",
            Self::Multipart => "multipart",
            Self::Cpim => "cpim",
            Self::Imdn => "imdn",
            Self::Composing => "composing",
            Self::ConferenceInfo => "conference-info",
            Self::DialogInfo => "dialog-info",
            Self::RegInfo => "reginfo",
            Self::Pidf => "pidf",
            Self::ResourceLists => "resource-lists",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// How far a root element is looked for.
const LOOK: usize = 4096;

/// What bytes look like from their beginning; also broken ones, so that what is wrong with them can be said.
/// `None` if like nothing that is known.
pub fn detect(bytes: &[u8]) -> Option<Kind> {
    let start = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .trim_ascii_start();
    let start = start.get(..LOOK).unwrap_or(start);
    let first = line(start);
    if first.starts_with(b"MSRP ") {
        return Some(Kind::Msrp);
    }
    if first.starts_with(b"SIP/") || memchr::memmem::find(first, b" SIP/").is_some() {
        return Some(Kind::Sip);
    }
    if first.starts_with(b"v=") {
        return Some(Kind::Sdp);
    }
    if first.starts_with(b"<") {
        return root(start);
    }
    if first.starts_with(b"--") && first.len() > 2 {
        return Some(Kind::Multipart);
    }
    by_headers(start)
}

/// By the names of header fields: the first one that only one format has decides.
fn by_headers(start: &[u8]) -> Option<Kind> {
    let mut kind = None;
    for line in start.split(|&b| b == b'\n').map(<[u8]>::trim_ascii) {
        if line.is_empty() {
            break;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii_end();
        let is = |names: &[&str]| {
            names
                .iter()
                .any(|n| name.eq_ignore_ascii_case(n.as_bytes()))
        };
        if is(&["via", "v", "cseq", "call-id", "i", "max-forwards"]) {
            return Some(Kind::Sip);
        }
        if is(&["to-path", "from-path"]) {
            return Some(Kind::Msrp);
        }
        if is(&["content-type"]) {
            let value = value.to_ascii_lowercase();
            let is_multipart = memchr::memmem::find(&value, b"multipart/").is_some();
            return kind.or_else(|| is_multipart.then_some(Kind::Multipart));
        }
        if is(&["from", "to", "cc", "datetime", "ns", "subject", "require"])
            || name.starts_with(b"imdn.")
            || name.starts_with(b"cpm.")
        {
            kind = Some(Kind::Cpim);
        }
    }
    kind
}

/// By the root element of an XML document.
fn root(start: &[u8]) -> Option<Kind> {
    for tag in start.split(|&b| b == b'<').skip(1) {
        let name = tag
            .split(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/'))
            .next()?;
        if name.starts_with(b"?") || name.starts_with(b"!") {
            continue;
        }
        let local = name.rsplit(|&b| b == b':').next()?;
        return match local {
            b"imdn" => Some(Kind::Imdn),
            b"isComposing" => Some(Kind::Composing),
            b"conference-info" => Some(Kind::ConferenceInfo),
            b"dialog-info" => Some(Kind::DialogInfo),
            b"reginfo" => Some(Kind::RegInfo),
            b"presence" => Some(Kind::Pidf),
            b"resource-lists" => Some(Kind::ResourceLists),
            _ => None,
        };
    }
    None
}

fn line(bytes: &[u8]) -> &[u8] {
    bytes
        .split(|&b| b == b'\n')
        .next()
        .unwrap_or_default()
        .trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_by_its_beginning() {
        for (bytes, kind) in [
            (&b"INVITE sip:b SIP/2.0\r\n"[..], Some(Kind::Sip)),
            (b"\r\n\r\nSIP/2.0 200 OK\r\n", Some(Kind::Sip)),
            (b"OPTIONS sip:b SIP/7.0\r\n", Some(Kind::Sip)),
            (b"INVITE sip:b\r\nVia: SIP/2.0/UDP a\r\n", Some(Kind::Sip)),
            (b"MSRP a786hjs2 SEND\r\n", Some(Kind::Msrp)),
            (b"v=0\r\no=- 1 1 IN IP4 a\r\n", Some(Kind::Sdp)),
            (
                b"--b1\r\nContent-Type: text/plain\r\n",
                Some(Kind::Multipart),
            ),
            (
                b"Content-Type: multipart/mixed;boundary=b\r\n\r\n",
                Some(Kind::Multipart),
            ),
            (
                b"From: <sip:a@b>\r\nTo: <sip:c@d>\r\n\r\nContent-Type: text/plain\r\n\r\nhi",
                Some(Kind::Cpim),
            ),
            (b"imdn.Message-ID: 1\r\n\r\n", Some(Kind::Cpim)),
            (b"From: <sip:a@b>\r\nCall-ID: 1\r\n\r\n", Some(Kind::Sip)),
            (
                b"<?xml version=\"1.0\"?>\n<imdn xmlns=\"x\">",
                Some(Kind::Imdn),
            ),
            (b"<n:isComposing xmlns:n='x'/>", Some(Kind::Composing)),
            (b"<html>", None),
            (b"hello", None),
            (b"", None),
            (b"\x00\xff", None),
        ] {
            assert_eq!(detect(bytes), kind, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn every_name_names_its_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::named(kind.name()), Some(kind));
        }
    }
}
