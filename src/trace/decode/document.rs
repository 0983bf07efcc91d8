//! A file or datagram, which may hold several messages.

use super::detect::{Kind, detect};
use super::node::{Fault, Node};
use super::{Decoder, msrp, sip};
use crate::engine::Limits;
use crate::msrp::msg as msrp_msg;
use crate::sip::ParseError;
use crate::sip::msg::{Message, Mode, Name};
use bytes::Bytes;
use std::collections::BTreeMap;

/// What a file or datagram holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it was decoded as; `None` if it is nothing that is known.
    pub kind: Option<Kind>,
    /// `bytes` (how many there are), `kind`, `messages`, `keep_alives`, `valid`.
    ///
    /// A message of which nothing could be read is not among them.
    pub node: Node,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

/// Decodes what `bytes` hold: as `kind`, or as whatever they look like.
///
/// SIP and MSRP messages may follow one another as on a stream, with CRLF keep-alives between SIP messages
/// (RFC 5626 §3.5.1). A SIP message without Content-Length takes all that follows, as in a datagram
/// (RFC 3261 §18.3).
///
/// ```
/// use cpm::sip::msg::Mode;
/// use cpm::trace::decode::{Kind, document};
///
/// let document = document(b"v=0\r\ns=-\r\n".as_slice().into(), None, Mode::Receive, &Default::default());
/// assert_eq!(document.kind, Some(Kind::Sdp));
/// assert_eq!(document.fault, None);
/// ```
pub fn document(bytes: Bytes, kind: Option<Kind>, mode: Mode, limits: &Limits) -> Document {
    let mut document = Document {
        kind: kind.or_else(|| detect(&bytes)),
        node: Node::object("document").with(Node::size("bytes", bytes.len())),
        fault: None,
    };
    let Some(kind) = document.kind else {
        document.fault = Some(if bytes.is_empty() {
            Fault::new("nothing to decode", Some(0))
        } else {
            Fault::new(
                "neither SIP, MSRP, CPIM, SDP, multipart nor a document that is known",
                Some(0),
            )
        });
        return document.finished();
    };
    document.node.push(Node::text("kind", kind.name()));
    let decoder = Decoder { mode, limits };
    let mut messages = Node::list("messages", []);
    match kind {
        Kind::Sip => {
            let mut keep_alives = Node::list("keep_alives", []);
            document.fault = decoder
                .sip_stream(&bytes, &mut messages, &mut keep_alives)
                .err();
            document.node.push(messages);
            document.node.push_list(keep_alives);
        }
        Kind::Msrp => {
            document.fault = decoder.msrp_stream(&bytes, &mut messages).err();
            document.node.push(messages);
        }
        _ => {
            messages.push(decoder.entity(&bytes, kind));
            document.node.push(messages);
        }
    }
    document.finished()
}

impl Document {
    fn finished(mut self) -> Self {
        // What ends a stream lies behind everything that is wrong in the messages before it.
        self.fault = self.node.first_fault().cloned().or(self.fault);
        self.node.push(Node::flag("valid", self.fault.is_none()));
        if let Some(fault) = &self.fault {
            self.node.push(fault.node("error"));
        }
        self
    }
}

impl Decoder<'_> {
    fn sip_stream(
        &self,
        bytes: &Bytes,
        messages: &mut Node,
        keep_alives: &mut Node,
    ) -> Result<(), Fault> {
        let mut at = 0;
        loop {
            while let Some([b'\r', b'\n', rest @ ..]) = bytes.get(at..) {
                let is_ping = rest.starts_with(b"\r\n");
                let kind = if is_ping { "ping" } else { "pong" };
                keep_alives.push(Node::object("").with(Node::text("type", kind)).at(Some(at)));
                at += if is_ping { 4 } else { 2 };
            }
            if at >= bytes.len() {
                break;
            }
            let rest = bytes.slice(at..);
            if !messages.children.is_empty() && detect(first_line(&rest)) != Some(Kind::Sip) {
                if messages.children.len() > 1 && messages.children.first().is_some_and(is_datagram)
                {
                    break;
                }
                let before = messages.children.last().map_or(0, body_length);
                return Err(Fault::new(
                    format!(
                        "{} bytes that belong to no message: Content-Length says {before}, and {} bytes follow the head",
                        rest.len(),
                        before + rest.len(),
                    ),
                    Some(at),
                )
                .of("RFC 3261 §18.3"));
            }
            let length = self
                .sip_length(&rest)
                .map_err(|error| sip::parse_fault(error, &rest, Some(at)))?;
            let mut message = self.sip(&rest.slice(..length), Some(at), 0);
            if message.child("headers").is_none() {
                return Err(message
                    .error
                    .unwrap_or_else(|| Fault::new("not SIP", Some(at))));
            }
            if messages.children.first().is_some_and(is_datagram) {
                // Strictly, nobody reads what follows the first message of a datagram (RFC 3261 §18.3): it
                // may be shown, but what it is like cannot make the datagram a wrong one.
                message.forgive();
            }
            messages.push(message);
            at += length;
        }
        match messages.children.is_empty() {
            true => Err(Fault::new("no message", Some(at))),
            false => Ok(()),
        }
    }

    /// How many bytes the first message of a stream has.
    fn sip_length(&self, stream: &Bytes) -> Result<usize, ParseError> {
        let is_lf = first_line(stream).last() != Some(&b'\r');
        let blank: &[u8] = if is_lf { b"\n\n" } else { b"\r\n\r\n" };
        let Some(head) = memchr::memmem::find(stream, blank).map(|at| at + blank.len()) else {
            // Something is wrong with the head, or at least its end.
            let most = stream.len().min(self.limits.sip_message);
            return Message::parse(stream.slice(..most), self.limits).map(|_| stream.len());
        };
        // The head alone lacks as many bytes as Content-Length says.
        let body = match Message::parse(stream.slice(..head), self.limits) {
            Err(ParseError::BodyTooShort { should, .. }) => should,
            Err(error) => return Err(error),
            Ok(message) if message.headers().contains(&Name::ContentLength) => 0,
            Ok(_) => stream.len() - head,
        };
        match head.checked_add(body) {
            Some(length) if length <= stream.len() => Ok(length),
            _ => Err(ParseError::BodyTooShort {
                is: stream.len() - head,
                should: body,
            }),
        }
    }

    fn msrp_stream(&self, bytes: &Bytes, messages: &mut Node) -> Result<(), Fault> {
        let mut at = 0;
        let mut chunks = Chunks::default();
        while at < bytes.len() {
            let rest = bytes.slice(at..);
            // A line end too many between two messages does no harm.
            if at > 0 && rest.starts_with(b"\r\n") {
                at += 2;
                continue;
            }
            let length = msrp::length(&rest).map_err(|mut fault| {
                fault.offset = fault.offset.map(|offset| offset + at);
                fault
            })?;
            let piece = rest.slice(..length);
            let mut message = self.msrp(&piece, Some(at));
            if let Some(fault) = message.error.take() {
                return Err(fault);
            }
            if let Ok(msrp_msg::Message::Request(request)) =
                msrp_msg::Message::parse(&piece, self.limits)
                && let Some(body) = chunks.take(&request, self.limits)
            {
                message.push(self.put_together(&request, &body));
            }
            messages.push(message);
            at += length;
        }
        match messages.children.is_empty() {
            true => Err(Fault::new("no message", Some(at))),
            false => Ok(()),
        }
    }

    /// A body on its own.
    fn entity(&self, bytes: &Bytes, kind: Kind) -> Node {
        let mut node = Node::object("message").at(Some(0));
        let head = match kind {
            Kind::Multipart => mime_head(bytes),
            _ => None,
        };
        if let Some((fields, at)) = head {
            let find = |name: &str| {
                let named = fields
                    .iter()
                    .find(|(each, _)| each.eq_ignore_ascii_case(name));
                named.map(|(_, value)| value.as_str())
            };
            let content = super::body::Content {
                content_type: find("Content-Type"),
                transfer_encoding: find("Content-Transfer-Encoding"),
                content_encoding: find("Content-Encoding"),
            };
            let body = self.body(&bytes.slice(at..), Some(at), content, 0);
            return node.with(Node::text("kind", kind.name())).with(body);
        }
        node.push(Node::text("kind", kind.name()));
        self.known(&mut node, kind, None, bytes, Some(0), 0);
        node
    }
}

/// The header fields of a MIME entity with a Content-Type, and where its body begins.
fn mime_head(bytes: &[u8]) -> Option<(Vec<(String, String)>, usize)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut at = 0;
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        at += line.len();
        let line = std::str::from_utf8(line).ok()?.trim_end();
        if line.is_empty() {
            let is_entity = fields
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            return is_entity.then_some((fields, at));
        }
        if line.starts_with([' ', '\t']) {
            fields.last_mut()?.1.push_str(line);
            continue;
        }
        let (name, value) = line.split_once(':')?;
        fields.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    None
}

/// Whether a SIP message says that it came in a datagram.
fn is_datagram(message: &Node) -> bool {
    let headers = message
        .child("headers")
        .into_iter()
        .flat_map(|headers| &headers.children);
    let mut vias = headers.filter(|header| header.child_text("name") == Some("Via"));
    let via = vias.next().and_then(|via| via.child_text("value"));
    via.and_then(|via| {
        via.split([' ', '/', '\t'])
            .filter(|word| !word.is_empty())
            .nth(2)
    })
    .is_some_and(|transport| transport.eq_ignore_ascii_case("UDP"))
}

fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.split(|&b| b == b'\n').next().unwrap_or_default()
}

fn body_length(message: &Node) -> usize {
    match message
        .child("body")
        .and_then(|body| body.child("length"))
        .map(|length| &length.value)
    {
        Some(super::Value::Number(length)) => usize::try_from(*length).unwrap_or(usize::MAX),
        _ => 0,
    }
}

/// MSRP messages of which chunks have come and the last one has not.
#[derive(Default)]
struct Chunks {
    open: BTreeMap<(String, String), Vec<(u64, Bytes)>>,
    held: usize,
}

impl Chunks {
    /// Takes a chunk; gives the body of its message if it is the last of several, and they fit together.
    fn take(&mut self, chunk: &msrp_msg::Request, limits: &Limits) -> Option<Bytes> {
        let key = (
            chunk.from_path.as_str().to_owned(),
            chunk.message_id.as_deref()?.to_owned(),
        );
        let start = chunk.byte_range.map_or(1, |range| range.start);
        let is_last = chunk.continuation == msrp_msg::Continuation::Complete;
        if is_last && start <= 1 {
            return None;
        }
        self.held = self.held.saturating_add(chunk.body.len());
        if chunk.continuation == msrp_msg::Continuation::Aborted || self.held > limits.msrp_message
        {
            self.open.remove(&key);
            return None;
        }
        let pieces = self.open.entry(key.clone()).or_default();
        pieces.push((start, chunk.body.clone()));
        if !is_last {
            return None;
        }
        let mut pieces = self.open.remove(&key)?;
        pieces.sort_by_key(|(start, _)| *start);
        let mut whole = Vec::new();
        for (start, piece) in pieces {
            if start != u64::try_from(whole.len()).ok()?.checked_add(1)? {
                return None;
            }
            whole.extend_from_slice(&piece);
        }
        Some(whole.into())
    }
}
