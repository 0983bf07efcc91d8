//! SIP messages.

use super::body::Content;
use super::node::{Fault, Node};
use super::{Decoder, fault, header, offset};
use crate::sip::msg::header::check;
use crate::sip::msg::{Field, Message, Mode, Name};
use crate::sip::{Invalid, ParseError};
use bytes::Bytes;

impl Decoder<'_> {
    /// One SIP message, which is all of `bytes`.
    pub(super) fn sip(&self, bytes: &Bytes, base: Option<usize>, depth: usize) -> Node {
        let node = Node::object("message")
            .at(base)
            .with(Node::text("kind", "sip"));
        match Message::parse(bytes.clone(), self.limits) {
            Ok(message) => self.sip_message(node, &message, bytes, base, depth),
            Err(error) => node.fault(parse_fault(error, bytes, base)),
        }
    }

    fn sip_message(
        &self,
        mut node: Node,
        message: &Message,
        bytes: &Bytes,
        base: Option<usize>,
        depth: usize,
    ) -> Node {
        match message {
            Message::Request(request) => {
                node.push(Node::text("type", "request"));
                node.push(Node::text("method", request.method().as_str()));
                node.push(Node::text("uri", request.uri_text()));
                if let Ok(uri) = request.uri() {
                    node.push(header::uri("uri_parts", &uri));
                }
            }
            Message::Response(response) => {
                node.push(Node::text("type", "response"));
                node.push(Node::number("status", response.status().code()));
                node.push(Node::text("reason", response.reason()));
            }
        }
        let headers = message.headers();
        node.push(Node::list(
            "headers",
            headers
                .iter()
                .map(|field| self.sip_header(&field, bytes, base)),
        ));
        let body = message.body();
        if !body.is_empty() {
            let text = |name: &Name| headers.text(name);
            let content = Content {
                content_type: text(&Name::ContentType),
                transfer_encoding: text(&Name::Other("Content-Transfer-Encoding".into())),
                content_encoding: text(&Name::ContentEncoding),
            };
            node.push(self.body(body, offset(bytes, body, base), content, depth));
        }
        let breaches = self.sip_breaches(message, bytes, base);
        node.push(Node::flag("valid", breaches.is_empty()));
        if let Some(first) = breaches.first() {
            node.error = Some(first.clone());
        }
        node.push_list(Node::list(
            "breaches",
            breaches.iter().map(|breach| breach.node("")),
        ));
        node
    }

    fn sip_header(&self, field: &Field<'_>, bytes: &[u8], base: Option<usize>) -> Node {
        let name = field.name();
        let at = offset(bytes, field.spelled().as_bytes(), base);
        let mut node = Node::object("")
            .at(at)
            .with(Node::text("name", name.as_str()));
        if field.spelled() != name.as_str() {
            node.push(Node::text("spelled", field.spelled()));
        }
        let Some(value) = field.text() else {
            // Whether that matters is for `validate` to say.
            return node.with(Node::text("remark", "not UTF-8 (RFC 3261 §7.3.1)"));
        };
        node.push(Node::text("value", value));
        let breach = self.grammar(field, Mode::Strict, bytes, base);
        if breach.is_none() || self.mode == Mode::Receive {
            node.children.extend(header::values(&name, value));
        }
        match breach {
            Some(fault) if self.mode == Mode::Strict => node.error = Some(fault),
            // A peer is let have its way where the message can be used all the same.
            Some(fault) => node.push(Node::text("remark", fault.to_string())),
            None => {}
        }
        node
    }

    /// How a field breaks the grammar of its header.
    fn grammar(
        &self,
        field: &Field<'_>,
        mode: Mode,
        bytes: &[u8],
        base: Option<usize>,
    ) -> Option<Fault> {
        let name = field.name();
        let value = field.text()?;
        let error = check(&name, value, mode).err()?;
        // Where a field is folded, its value is not a part of the message.
        let start = offset(bytes, value.as_bytes(), base);
        let mut fault = fault(&error, start).of(name.reference().unwrap_or("RFC 3261 §25.1"));
        fault.offset = fault
            .offset
            .or_else(|| offset(bytes, field.spelled().as_bytes(), base));
        Some(fault)
    }

    /// Every rule that is broken, the one that decides first.
    fn sip_breaches(&self, message: &Message, bytes: &[u8], base: Option<usize>) -> Vec<Fault> {
        let breaches = message.breaches(self.mode);
        let explained = breaches.iter().map(|invalid| {
            // What was expected where says more than that the grammar was broken.
            let precise = match (&invalid.header, message) {
                (Some(name), _) => message.headers().iter().find_map(|field| {
                    let fault = field
                        .is(name)
                        .then(|| self.grammar(&field, self.mode, bytes, base))??;
                    let at = base.and_then(|base| base.checked_add(invalid.at));
                    (fault.offset == at).then_some(fault)
                }),
                (None, Message::Request(request)) => {
                    let at = offset(bytes, request.uri_text().as_bytes(), base);
                    let error = request.uri().err();
                    error.map(|error| fault(&error, at).of(invalid.section))
                }
                _ => None,
            };
            precise.unwrap_or_else(|| invalid_fault(invalid, base))
        });
        explained.collect()
    }
}

/// Why bytes are not a SIP message.
pub(super) fn parse_fault(error: ParseError, bytes: &[u8], base: Option<usize>) -> Fault {
    let section = match error {
        ParseError::StartLine { .. } => "RFC 3261 §7.1",
        ParseError::Version { .. } => "RFC 3261 §7.1",
        ParseError::StatusCode { .. } => "RFC 3261 §7.2",
        ParseError::HeaderName { .. } => "RFC 3261 §7.3.1",
        ParseError::Control { .. } => "RFC 3261 §25.1",
        ParseError::Truncated { .. } => "RFC 3261 §7",
        ParseError::ContentLength { .. } => "RFC 3261 §20.14",
        ParseError::BodyTooShort { .. } => "RFC 3261 §18.3",
        _ => return fault(&error, base),
    };
    let mut fault = fault(&error, base).of(section);
    if matches!(error, ParseError::BodyTooShort { .. }) {
        // Where the missing bytes should stand.
        fault.offset = base.and_then(|base| base.checked_add(bytes.len()));
    }
    fault
}

fn invalid_fault(invalid: &Invalid, base: Option<usize>) -> Fault {
    let what = match &invalid.header {
        Some(name) => format!("{name}: {}", invalid.rule),
        None => invalid.rule.to_owned(),
    };
    let at = base.and_then(|base| base.checked_add(invalid.at));
    Fault::new(what, at).of(invalid.section)
}
