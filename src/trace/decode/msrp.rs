//! MSRP messages.

use super::body::{Content, headers};
use super::node::{Fault, Node};
use super::{Decoder, fault, offset};
use crate::msrp::msg::{Continuation, FailureReport, Message, Path, Request};
use crate::wire::Text;
use bytes::Bytes;

/// Where the grammar of MSRP stands.
pub(super) const GRAMMAR: &str = "RFC 4975 §9";

impl Decoder<'_> {
    /// One MSRP message, which is all of `bytes`.
    pub(super) fn msrp(&self, bytes: &Bytes, base: Option<usize>) -> Node {
        let node = Node::object("message")
            .at(base)
            .with(Node::text("kind", "msrp"));
        match Message::parse(bytes, self.limits) {
            Ok(message) => self.msrp_message(node, &message, bytes, base),
            Err(error) => node.fault(fault(&error, base).of(GRAMMAR)),
        }
    }

    fn msrp_message(
        &self,
        mut node: Node,
        message: &Message,
        bytes: &Bytes,
        base: Option<usize>,
    ) -> Node {
        match message {
            Message::Request(request) => {
                node.push(Node::text("type", "request"));
                node.push(Node::text("transaction_id", &*request.transaction_id));
                node.push(Node::text("method", request.method.as_str()));
                node.push(path("to_path", &request.to_path));
                node.push(path("from_path", &request.from_path));
                self.msrp_request(&mut node, request, bytes, base);
            }
            Message::Response(response) => {
                node.push(Node::text("type", "response"));
                node.push(Node::text("transaction_id", &*response.transaction_id));
                node.push(Node::number("status", response.status.code()));
                node.push(Node::text("reason", &*response.comment));
                node.push(path("to_path", &response.to_path));
                node.push(path("from_path", &response.from_path));
                node.push_list(others(bytes, base, &response.others));
            }
        }
        node.with(Node::flag("valid", true))
    }

    fn msrp_request(&self, node: &mut Node, request: &Request, bytes: &Bytes, base: Option<usize>) {
        node.push_text("message_id", request.message_id.as_deref());
        if let Some(range) = &request.byte_range {
            let mut node_range =
                Node::object("byte_range").with(Node::number("start", range.start));
            if let Some(end) = range.end {
                node_range.push(Node::number("end", end));
            }
            if let Some(total) = range.total {
                node_range.push(Node::number("total", total));
            }
            node.push(node_range);
        }
        node.push(Node::flag("success_report", request.success_report));
        node.push(Node::text(
            "failure_report",
            match request.failure_report {
                FailureReport::Yes => "yes",
                FailureReport::No => "no",
                FailureReport::Partial => "partial",
            },
        ));
        if let Some(status) = request.status {
            node.push(Node::number("status", status.code()));
        }
        node.push(Node::text(
            "continuation",
            char::from(request.continuation.flag()).to_string(),
        ));
        node.push_list(others(bytes, base, &request.others));
        if let Some(content_type) = &request.content_type {
            let at = offset(bytes, &request.body, base);
            node.push(if is_whole(request) {
                self.body(&request.body, at, content(request, content_type), 0)
            } else {
                // A piece of a message says nothing on its own.
                let mut body = Node::object("body")
                    .at(at)
                    .with(Node::size("length", request.body.len()));
                body.push(Node::text("content_type", &**content_type));
                body.with(Node::text("kind", "chunk"))
            });
        }
    }

    /// The body of a message that came in several chunks.
    pub(super) fn put_together(&self, last: &Request, body: &Bytes) -> Node {
        let content_type = last.content_type.clone().unwrap_or_default();
        Node {
            label: "put_together".into(),
            ..self.body(body, Some(0), content(last, &content_type), 0)
        }
    }
}

/// Whether a chunk is a message of its own.
fn is_whole(request: &Request) -> bool {
    let starts = request.byte_range.is_none_or(|range| range.start <= 1);
    starts && request.continuation == Continuation::Complete
}

fn content<'a>(request: &'a Request, content_type: &'a str) -> Content<'a> {
    let find = |name: &str| {
        let mut named = request
            .others
            .iter()
            .filter(|(each, _)| each.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.as_str())
    };
    Content {
        content_type: Some(content_type),
        transfer_encoding: find("Content-Transfer-Encoding"),
        content_encoding: find("Content-Encoding"),
    }
}

fn path(label: &'static str, path: &Path) -> Node {
    Node::texts(label, path.as_str().split_ascii_whitespace())
}

fn others(bytes: &[u8], base: Option<usize>, fields: &[(Text, Text)]) -> Node {
    headers(
        bytes,
        base,
        fields.iter().map(|(name, value)| (&**name, &**value)),
    )
}

/// How many bytes the first message of a stream has: up to and with its end-line.
///
/// # Errors
///
/// There is no end-line, or no start line that would say what it looks like.
pub(super) fn length(stream: &[u8]) -> Result<usize, Fault> {
    let first = stream.split(|&b| b == b'\n').next().unwrap_or_default();
    let id = first
        .strip_prefix(b"MSRP ")
        .and_then(|rest| rest.split(|b| b.is_ascii_whitespace()).next())
        .filter(|id| !id.is_empty())
        .ok_or_else(|| Fault::new("not an MSRP start line", Some(0)).of(GRAMMAR))?;
    let end_line = [b"-------", id].concat();
    for at in memchr::memmem::find_iter(stream, &end_line) {
        let begins = at
            .checked_sub(2)
            .is_some_and(|before| stream.get(before..at) == Some(b"\r\n"));
        let flag = at + end_line.len();
        if begins
            && matches!(
                stream.get(flag..flag + 3),
                Some([b'$' | b'+' | b'#', b'\r', b'\n'])
            )
        {
            return Ok(flag + 3);
        }
    }
    let id = String::from_utf8_lossy(id);
    Err(Fault::new(format!("no end-line -------{id}"), Some(stream.len())).of(GRAMMAR))
}
