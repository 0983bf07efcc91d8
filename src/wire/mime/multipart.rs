//! Bodies of several parts (RFC 2046 §5.1).

use super::{ContentDisposition, EncodingError, MediaType, MediaTypeError, decode};
use crate::engine::{Ids, Limits};
use crate::wire::Text;
use bytes::{Bytes, BytesMut};
use memchr::{memchr, memmem};

/// A body of several parts (RFC 2046 §5.1).
///
/// ```
/// use cpm::engine::{Ids, Limits, Seed};
/// use cpm::wire::mime::{Multipart, Part};
///
/// let mut ids = Ids::new(Seed::from_number(1));
/// let parts = vec![Part::new("application/sdp", "v=0\r\n"), Part::new("text/plain", "hello")];
/// let whole = Multipart::new("mixed", &mut ids, parts);
/// let read = Multipart::parse(whole.content_type(), &whole.write(), &Limits::default())?;
/// assert_eq!(read.parts(), whole.parts());
/// # Ok::<_, cpm::wire::mime::MultipartError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    content_type: MediaType,
    boundary: Text,
    parts: Vec<Part>,
}

/// One part: its header fields and its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    headers: Vec<(Text, Text)>,
    body: Bytes,
}

/// Why a body is not a multipart body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MultipartError {
    /// The media type is not `multipart/…`.
    #[error("not a multipart type")]
    NotMultipart,
    /// There is no `boundary` parameter, or one that is empty or longer than 70 characters.
    #[error("no usable boundary parameter")]
    Boundary,
    /// The boundary delimits nothing in the body.
    #[error("the boundary does not occur in the body")]
    NoParts,
    /// More parts than `Limits` allow.
    #[error("more than {0} parts")]
    TooManyParts(usize),
    /// Multipart in multipart, deeper than `Limits` allow.
    #[error("nested deeper than {0}")]
    TooDeep(usize),
    /// A part with more lines of header fields than `Limits` allow; where the line starts.
    #[error("too many header fields in a part at byte {0}")]
    TooManyHeaders(usize),
    /// A line in the head of a part that is no header field.
    #[error("not a header field at byte {0}")]
    Header(usize),
}

impl Multipart {
    /// A multipart body of `subtype` (`mixed`, `related` …) with a fresh boundary. `related` names the type
    /// of its first part, as RFC 2387 §3.1 asks.
    pub fn new(subtype: &str, ids: &mut Ids, parts: Vec<Part>) -> Self {
        let boundary = ids.nonce();
        let root = match (subtype, parts.first().map(Part::content_type)) {
            ("related", Some(Ok(root))) => Some(root),
            _ => None,
        };
        let mut params = vec![("boundary", boundary.as_str())];
        params.extend(root.as_ref().map(|root| ("type", root.essence())));
        let content_type = MediaType::assemble("multipart", subtype, &params);
        Self {
            content_type,
            boundary,
            parts,
        }
    }

    /// Splits a body into its parts, one level deep. A missing last delimiter and line ends without CR
    /// are tolerated.
    ///
    /// # Errors
    ///
    /// The body is not such a body, or exceeds the limits.
    pub fn parse(
        content_type: &MediaType,
        body: &Bytes,
        limits: &Limits,
    ) -> Result<Self, MultipartError> {
        let boundary = boundary(content_type)?;
        let mut parts = Vec::new();
        for range in Split::new(&boundary, body) {
            if parts.len() >= limits.parts {
                return Err(MultipartError::TooManyParts(limits.parts));
            }
            parts.push(Part::parse(body, range, limits)?);
        }
        if parts.is_empty() {
            return Err(MultipartError::NoParts);
        }
        Ok(Self {
            content_type: content_type.clone(),
            boundary,
            parts,
        })
    }

    /// All parts that are not multipart themselves, in order, at whatever depth. A body that is not
    /// multipart at all is one part.
    ///
    /// # Errors
    ///
    /// A body that says it is multipart is not, or the whole exceeds the limits.
    pub fn leaves(
        content_type: &MediaType,
        body: &Bytes,
        limits: &Limits,
    ) -> Result<Vec<Part>, MultipartError> {
        let mut leaves = Vec::new();
        let mut seen = 0;
        // What is still to be looked into, the next one last, with its depth.
        let mut rest = vec![(Part::new(&content_type.to_string(), body.clone()), 0)];
        while let Some((part, depth)) = rest.pop() {
            let whole = match part.content_type() {
                Ok(inner) if inner.kind() == "multipart" => inner,
                _ => {
                    leaves.push(part);
                    continue;
                }
            };
            if depth >= limits.part_depth {
                return Err(MultipartError::TooDeep(limits.part_depth));
            }
            let parts = Self::parse(&whole, part.body(), limits)?.into_parts();
            seen += parts.len();
            if seen > limits.parts {
                return Err(MultipartError::TooManyParts(limits.parts));
            }
            rest.extend(parts.into_iter().rev().map(|part| (part, depth + 1)));
        }
        Ok(leaves)
    }

    /// The media type, with its boundary, for the `Content-Type` of the whole.
    pub const fn content_type(&self) -> &MediaType {
        &self.content_type
    }

    /// The boundary.
    pub fn boundary(&self) -> &str {
        &self.boundary
    }

    /// The parts in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The parts in order.
    pub fn into_parts(self) -> Vec<Part> {
        self.parts
    }

    /// The bytes of the body.
    pub fn write(&self) -> Bytes {
        let size = self.parts.iter().map(|part| part.body.len() + 256).sum();
        let mut out = BytesMut::with_capacity(size);
        for part in &self.parts {
            out.extend_from_slice(b"--");
            out.extend_from_slice(self.boundary.as_bytes());
            out.extend_from_slice(b"\r\n");
            for (name, value) in &part.headers {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b": ");
                out.extend_from_slice(value.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(&part.body);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"--");
        out.extend_from_slice(self.boundary.as_bytes());
        out.extend_from_slice(b"--\r\n");
        out.freeze()
    }
}

impl Part {
    /// A part of a media type.
    pub fn new(content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            headers: Vec::new(),
            body,
        }
        .with("Content-Type", content_type)
    }

    /// Adds a header field. Control characters in it become spaces.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((one_line(name), one_line(value)));
        self
    }

    /// The header fields in order.
    pub fn headers(&self) -> &[(Text, Text)] {
        &self.headers
    }

    /// The value of the first header field of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&Text> {
        self.headers
            .iter()
            .find(|(each, _)| each.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The media type; `text/plain` where none is given (RFC 2046 §5.1).
    ///
    /// # Errors
    ///
    /// The header does not hold a media type.
    pub fn content_type(&self) -> Result<MediaType, MediaTypeError> {
        MediaType::parse(
            self.header("Content-Type")
                .unwrap_or(&Text::from_static("text/plain")),
        )
    }

    /// The `Content-ID` without its angle brackets.
    pub fn content_id(&self) -> Option<&str> {
        let id = self.header("Content-ID")?;
        Some(id.trim_matches(['<', '>', ' ']))
    }

    /// The `Content-Disposition`, if there is a readable one.
    pub fn disposition(&self) -> Option<ContentDisposition> {
        ContentDisposition::parse(self.header("Content-Disposition")?).ok()
    }

    /// The body as it was received.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body with `Content-Transfer-Encoding` and `Content-Encoding` undone.
    ///
    /// # Errors
    ///
    /// The body is not in the encoding it claims, or becomes too large.
    pub fn decoded_body(&self, limits: &Limits) -> Result<Bytes, EncodingError> {
        let header = |name| self.header(name).map(Text::as_str);
        decode(
            &self.body,
            header("Content-Transfer-Encoding"),
            header("Content-Encoding"),
            limits,
        )
    }

    /// The part that lies at `range` of the whole.
    fn parse(
        whole: &Bytes,
        range: std::ops::Range<usize>,
        limits: &Limits,
    ) -> Result<Self, MultipartError> {
        let mut headers: Vec<(Text, Text)> = Vec::new();
        let mut lines = 0;
        let mut at = range.start;
        while at < range.end {
            let rest = whole.get(at..range.end).unwrap_or_default();
            let (line, next) = match memchr(b'\n', rest) {
                Some(end) => rest.split_at(end + 1),
                None => (rest, &[][..]),
            };
            let start = at;
            at = range.end - next.len();
            let line = line.trim_ascii_end();
            if line.is_empty() {
                break;
            }
            // Folded lines count as well: each of them copies what came before it.
            lines += 1;
            if lines > limits.part_headers {
                return Err(MultipartError::TooManyHeaders(start));
            }
            if let ([b' ' | b'\t', ..], Some((_, value))) = (line, headers.last_mut()) {
                let folded = String::from_utf8_lossy(line.trim_ascii_start());
                // A value may begin on the line after its name.
                let space = if value.is_empty() { "" } else { " " };
                *value = Text::from(format!("{value}{space}{folded}"));
                continue;
            }
            let colon = memchr(b':', line).ok_or(MultipartError::Header(start))?;
            let (name, value) = line.split_at(colon);
            let value = value.strip_prefix(b":").unwrap_or(value);
            let text = |part: &[u8]| Text::from_utf8_lossy(whole.slice_ref(part.trim_ascii()));
            headers.push((text(name), text(value)));
        }
        Ok(Self {
            headers,
            body: whole.slice(at.min(range.end)..range.end),
        })
    }
}

/// The boundary of a multipart type (RFC 2046 §5.1.1).
fn boundary(content_type: &MediaType) -> Result<Text, MultipartError> {
    if content_type.kind() != "multipart" {
        return Err(MultipartError::NotMultipart);
    }
    let boundary = content_type
        .param("boundary")
        .ok_or(MultipartError::Boundary)?;
    let boundary = boundary.trim_end();
    if boundary.is_empty() || boundary.len() > 70 {
        return Err(MultipartError::Boundary);
    }
    Ok(Text::from(boundary))
}

/// The ranges between the delimiters of a body, found in one pass.
struct Split<'a> {
    finder: memmem::Finder<'static>,
    body: &'a [u8],
    /// Where the next part starts; `None` before the first delimiter and after the last.
    part: Option<usize>,
    /// Where the search for delimiters goes on.
    at: usize,
    done: bool,
}

impl<'a> Split<'a> {
    fn new(boundary: &str, body: &'a [u8]) -> Self {
        let delimiter = format!("--{boundary}");
        Self {
            finder: memmem::Finder::new(delimiter.as_bytes()).into_owned(),
            body,
            part: None,
            at: 0,
            done: false,
        }
    }

    /// The next delimiter line: where the part before it ends, where the line ends, whether it is the last.
    fn delimiter(&mut self) -> Option<(usize, usize, bool)> {
        loop {
            let start = self.at + self.finder.find(self.body.get(self.at..)?)?;
            let after = start + self.finder.needle().len();
            self.at = after;
            let before = self.body.get(..start)?;
            // RFC 2046 §5.1.1: the line break before a delimiter belongs to the delimiter.
            let end = match before {
                [] => 0,
                [.., b'\r', b'\n'] => start - 2,
                [.., b'\n'] => start - 1,
                _ => continue,
            };
            let rest = self.body.get(after..)?;
            let (closes, rest) = match rest.strip_prefix(b"--") {
                Some(rest) => (true, rest),
                None => (false, rest),
            };
            let line = match memchr(b'\n', rest) {
                Some(line) => line + 1,
                None => rest.len(),
            };
            // Something else that begins like the boundary, as that of an inner multipart may do.
            if !rest.get(..line)?.trim_ascii().is_empty() {
                continue;
            }
            self.at = self.body.len() - rest.len() + line;
            return Some((end, self.at, closes));
        }
    }
}

impl Iterator for Split<'_> {
    type Item = std::ops::Range<usize>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            match (self.delimiter(), self.part.take()) {
                (Some((end, next, closes)), part) => {
                    self.done = closes;
                    self.part = Some(next);
                    if let Some(start) = part {
                        return Some(start..end.max(start));
                    }
                }
                (None, part) => {
                    self.done = true;
                    return Some(part?..self.body.len());
                }
            }
        }
        None
    }
}

/// A text without what could begin another line.
pub(crate) fn one_line(text: &str) -> Text {
    if text.chars().any(char::is_control) {
        let spaced = |char: char| if char.is_control() { ' ' } else { char };
        Text::from(text.chars().map(spaced).collect::<String>())
    } else {
        Text::from(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Seed;
    use proptest::prelude::*;

    fn parse(content_type: &str, body: &str) -> Result<Vec<(String, String)>, MultipartError> {
        let content_type = content_type.parse().unwrap();
        let body = Bytes::from(body.to_owned());
        let whole = Multipart::parse(&content_type, &body, &Limits::default())?;
        Ok(whole
            .parts()
            .iter()
            .map(|part| {
                let headers: Vec<_> = part
                    .headers()
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                let body = String::from_utf8(part.body().to_vec()).unwrap();
                (headers.join(","), body)
            })
            .collect())
    }

    #[test]
    fn splits_what_peers_write() {
        let mixed = "multipart/mixed;boundary=b";
        for (content_type, body, parts) in [
            (
                mixed,
                "--b\r\nA: 1\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
                &[("A=1", "one"), ("", "two")][..],
            ),
            // preamble and epilogue
            (
                mixed,
                "read me\r\n--b\r\n\r\none\r\n--b--\r\nbye\r\n--b\r\n\r\nno",
                &[("", "one")],
            ),
            // LF only
            (
                mixed,
                "--b\nA: 1\nB:2\n\none\n\n--b--",
                &[("A=1,B=2", "one\n")],
            ),
            // the last delimiter is missing, or is not the last
            (mixed, "--b\r\n\r\none", &[("", "one")]),
            (mixed, "--b\r\n\r\none\r\n--b", &[("", "one"), ("", "")]),
            // parts of nothing
            (
                mixed,
                "--b\r\n--b\r\n\r\n--b\r\nA: 1\r\n\r\n--b\r\nA: 1\r\n--b--",
                &[("", ""), ("", ""), ("A=1", ""), ("A=1", "")],
            ),
            // quoted, with spaces and padding
            (
                "multipart/mixed; boundary=\"a b\"",
                "--a b  \r\n\r\none\r\n--a b-- \r\n",
                &[("", "one")],
            ),
            // look-alikes
            (
                mixed,
                "--b\r\n\r\n--bb\r\n --b\r\nx--b\r\n--b--",
                &[("", "--bb\r\n --b\r\nx--b")],
            ),
            // folded header
            (
                mixed,
                "--b\r\nA: 1;\r\n  x=2\r\n\r\none\r\n--b--",
                &[("A=1; x=2", "one")],
            ),
        ] {
            let parts = parts
                .iter()
                .map(|(h, b)| ((*h).to_owned(), (*b).to_owned()))
                .collect();
            assert_eq!(parse(content_type, body), Ok(parts), "{body:?}");
        }
    }

    #[test]
    fn refuses_what_is_not_multipart() {
        let long = format!("multipart/mixed;boundary={}", "b".repeat(71));
        for (content_type, body, error) in [
            (
                "text/plain;boundary=b",
                "--b--",
                MultipartError::NotMultipart,
            ),
            ("multipart/mixed", "--b--", MultipartError::Boundary),
            (
                "multipart/mixed;boundary=\"\"",
                "----",
                MultipartError::Boundary,
            ),
            (&long, "", MultipartError::Boundary),
            ("multipart/mixed;boundary=b", "", MultipartError::NoParts),
            (
                "multipart/mixed;boundary=b",
                "--b--",
                MultipartError::NoParts,
            ),
            (
                "multipart/mixed;boundary=b",
                "--b\r\nA: 1\r\nwhat\r\n\r\n--b--",
                MultipartError::Header(11),
            ),
        ] {
            assert_eq!(parse(content_type, body), Err(error), "{body:?}");
        }
    }

    #[test]
    fn a_part_tells_what_it_is() {
        let part = Part::new("Image/JPEG", "/9j/")
            .with("Content-ID", "<thumb@example.com>")
            .with("content-disposition", "icon")
            .with("Content-Transfer-Encoding", "base64")
            .with("X", "a\r\nEvil: b");
        assert_eq!(part.content_type().unwrap().essence(), "image/jpeg");
        assert_eq!(part.content_id(), Some("thumb@example.com"));
        assert_eq!(part.disposition().unwrap().kind(), "icon");
        assert_eq!(part.header("x").unwrap(), "a  Evil: b");
        let decoded = part.decoded_body(&Limits::default()).unwrap();
        assert_eq!(decoded, &b"\xff\xd8\xff"[..]);
    }

    #[test]
    fn leaves_come_in_order_from_any_depth() {
        let body = "--a\r\nContent-Type: multipart/mixed;boundary=aa\r\n\r\n\
                    --aa\r\n\r\none\r\n--aa\r\n\r\ntwo\r\n--aa--\r\n\
                    --a\r\n\r\nthree\r\n--a--";
        let content_type = "multipart/mixed;boundary=a".parse().unwrap();
        let leaves = Multipart::leaves(&content_type, &Bytes::from(body), &Limits::default());
        let bodies: Vec<_> = leaves.unwrap().into_iter().map(|leaf| leaf.body).collect();
        assert_eq!(bodies, ["one", "two", "three"]);
        let plain = "text/plain".parse().unwrap();
        let alone = Multipart::leaves(&plain, &Bytes::from("x"), &Limits::default()).unwrap();
        assert_eq!(alone, [Part::new("text/plain", "x")]);
    }

    #[test]
    fn bombs_do_not_go_off() {
        let limits = Limits::default();
        let content_type = "multipart/mixed;boundary=b".parse().unwrap();
        let many = Bytes::from("--b\r\n\r\n\r\n".repeat(100_000));
        assert_eq!(
            Multipart::leaves(&content_type, &many, &limits),
            Err(MultipartError::TooManyParts(limits.parts))
        );
        let mut deep = String::from("--b\r\n");
        for depth in 0..10_000 {
            deep.push_str(&format!(
                "Content-Type: multipart/mixed;boundary=b{depth}\r\n\r\n--b{depth}\r\n"
            ));
        }
        assert_eq!(
            Multipart::leaves(&content_type, &Bytes::from(deep), &limits),
            Err(MultipartError::TooDeep(limits.part_depth))
        );
        let headers = Bytes::from(format!("--b\r\n{}", "A:\r\n".repeat(100_000)));
        assert_eq!(
            Multipart::leaves(&content_type, &headers, &limits),
            Err(MultipartError::TooManyHeaders(5 + 4 * limits.part_headers))
        );
    }

    #[test]
    fn related_names_the_type_of_its_root() {
        let mut ids = Ids::new(Seed::from_number(1));
        let whole = Multipart::new("related", &mut ids, vec![Part::new("application/sdp", "")]);
        assert_eq!(
            whole.content_type().param("type").as_deref(),
            Some("application/sdp")
        );
        assert_eq!(
            whole.content_type().param("boundary").as_deref(),
            Some(whole.boundary())
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bodies in prop::collection::vec(any::<Vec<u8>>(), 1..5), value in "\\PC{0,20}") {
            let mut ids = Ids::new(Seed::from_number(1));
            let parts = bodies
                .into_iter()
                .map(|body| Part::new("text/plain", body).with("X", value.trim()))
                .collect();
            let whole = Multipart::new("mixed", &mut ids, parts);
            let read = Multipart::parse(whole.content_type(), &whole.write(), &Limits::default());
            prop_assert_eq!(read, Ok(whole));
        }

        #[test]
        fn no_body_is_too_much(body in "(--b|--|b|\r|\n|:|A| ){0,40}") {
            let content_type = "multipart/mixed;boundary=b".parse().unwrap();
            let _ = Multipart::leaves(&content_type, &Bytes::from(body), &Limits::default());
        }
    }
}
