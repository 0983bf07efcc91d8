//! The other side of a node, which knows what the node said and answers in any way, fitting or not.

use super::take::Take;
use crate::engine::Limits;
use crate::msrp::msg::{self as msrp, ByteRange, Continuation};
use crate::sdp::Session;
use crate::sip::msg::{Message, Name, Request, Response, Status, header};
use crate::wire::Text;
use bytes::Bytes;
use std::collections::VecDeque;

/// How much it remembers.
const MEMORY: usize = 8;

/// A peer of every protocol.
#[derive(Debug, Default)]
pub(super) struct Peer {
    requests: VecDeque<Request>,
    responses: VecDeque<Response>,
    /// Paths of sessions of the node.
    paths: VecDeque<msrp::Path>,
    msrp: VecDeque<msrp::Request>,
    count: u32,
}

impl Peer {
    pub(super) fn saw_sip(&mut self, message: Message) {
        if let Ok(session) = Session::parse(message.body(), &Limits::default())
            && let Some(path) = session.media.iter().find_map(|m| m.attribute("path"))
            && let Ok(path) = msrp::Path::parse(&Text::from(path))
        {
            remember(&mut self.paths, path);
        }
        match message {
            Message::Request(request) => remember(&mut self.requests, request),
            Message::Response(response) => remember(&mut self.responses, response),
        }
    }

    pub(super) fn saw_msrp(&mut self, head: Bytes) {
        if let Ok(msrp::Message::Request(request)) = msrp::Message::read_head(head) {
            remember(&mut self.msrp, request);
        }
    }

    /// A SIP message: an answer to one of the node's, the next request of one of its dialogs, or a new one.
    pub(super) fn sip(&mut self, take: &mut Take<'_>) -> Option<Bytes> {
        self.count += 1;
        let bytes = match take.below(4) {
            0 | 1 => self.answer(take)?,
            2 => self.within(take)?,
            _ => self.fresh(take),
        };
        Some(spoil(take, bytes))
    }

    fn answer(&self, take: &mut Take<'_>) -> Option<Bytes> {
        let request = pick(take, &self.requests)?;
        let code = take.one_of(&[
            200, 180, 183, 100, 202, 401, 407, 404, 408, 423, 480, 486, 487, 491, 500, 503, 600,
            302, 422, 481, 603, 413,
        ]);
        let mut response = request.response(Status::new(code)?);
        if take.flag()
            && let Ok(mut to) = response.headers().get::<header::To>()
        {
            to.set_tag(take.one_of(&["t1", "t2"]));
            response.headers_mut().set(&to);
        }
        let contact = "<sip:bob@192.0.2.2:5060>;expires=60";
        let contact = take.one_of(&[contact, "<sip:bob@192.0.2.2;transport=tcp>", "*", "<tel:1>"]);
        let mut add = |name, value: &str| {
            let _ = response.headers_mut().push_text(name, value);
        };
        match code {
            401 => add(Name::WwwAuthenticate, take.one_of(&CHALLENGES)),
            407 => add(Name::ProxyAuthenticate, take.one_of(&CHALLENGES)),
            423 => add(Name::MinExpires, take.one_of(&["90", "4294967295", "x"])),
            503 | 480 => add(Name::RetryAfter, take.one_of(&["1", "4294967295"])),
            422 => add(Name::MinSe, take.one_of(&["90", "4294967295"])),
            _ => {
                add(Name::Contact, contact);
                if take.flag() {
                    add(
                        Name::RecordRoute,
                        "<sip:192.0.2.9;lr>, <sip:p.example.com;lr>",
                    );
                    add(
                        Name::SessionExpires,
                        take.one_of(&["90;refresher=uac", "1"]),
                    );
                }
                if take.flag() {
                    add(Name::Require, take.one_of(&["timer", "100rel"]));
                    add(Name::RSeq, take.one_of(&["1", "0"]));
                }
            }
        }
        if take.flag() {
            response.set_body("application/sdp", description(take));
        }
        Some(response.write())
    }

    /// ACK, BYE and the like in a dialog that the node has answered, CANCEL of what it has not.
    fn within(&self, take: &mut Take<'_>) -> Option<Bytes> {
        let method = take.one_of(&[
            "ACK", "BYE", "CANCEL", "INVITE", "MESSAGE", "UPDATE", "INFO", "PRACK", "OPTIONS",
        ]);
        let (from, to, call_id, contact) = match take.flag() {
            true => {
                let response = pick(take, &self.responses)?;
                let text = |name| response.headers().text(&name).unwrap_or_default();
                let contact = text(Name::Contact);
                (
                    text(Name::From),
                    text(Name::To),
                    text(Name::CallId),
                    contact,
                )
            }
            false => {
                let request = pick(take, &self.requests)?;
                let text = |name| request.headers().text(&name).unwrap_or_default();
                let contact = text(Name::Contact);
                (
                    text(Name::To),
                    text(Name::From),
                    text(Name::CallId),
                    contact,
                )
            }
        };
        let uri = contact
            .split(['<', '>'])
            .nth(1)
            .unwrap_or("sip:alice@192.0.2.1");
        let (branch, number) = (take.below(8), take.below(4));
        let tag = take.one_of(&["", ";tag=t1"]);
        let head = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{via};branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
             From: {from}{tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:bob@192.0.2.2:5060>\r\n",
            via = take.one_of(&["UDP 192.0.2.2:5060", "TCP 192.0.2.2:5060"]),
        );
        Some(with_body(take, head))
    }

    fn fresh(&self, take: &mut Take<'_>) -> Bytes {
        let method = take.one_of(&[
            "MESSAGE",
            "INVITE",
            "REGISTER",
            "OPTIONS",
            "SUBSCRIBE",
            "REFER",
        ]);
        let users = ["alice", "bob", "nobody"];
        let (from, to) = (take.one_of(&users), take.one_of(&users));
        let (call, branch, number) = (take.below(16), take.below(32), take.below(4));
        let uri = match method {
            "REGISTER" => "sip:example.com".to_owned(),
            _ => format!("sip:{to}@example.com"),
        };
        let expires = take.one_of(&["3600", "0", "60", "4294967295", "1"]);
        let mut head = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{via};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: {hops}\r\nFrom: <sip:{from}@example.com>;tag={call}\r\n\
             To: <sip:{to}@example.com>\r\nCall-ID: {call}\r\nCSeq: {number} {method}\r\n\
             Contact: {contact}\r\nExpires: {expires}\r\nSupported: timer, path\r\n\
             Accept-Contact: *;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.{service}\"\r\n",
            via = take.one_of(&["UDP 192.0.2.9:5060", "TCP 192.0.2.2:5060", "UDP host.example.com"]),
            hops = take.one_of(&["70", "0", "1"]),
            contact = take.one_of(&[
                "<sip:bob@192.0.2.9:5060>;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.session,urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg\"",
                "<sip:bob@192.0.2.2;transport=tcp>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;q=0.5",
                "*",
                "<sip:bob@host.example.com>",
            ]),
            service = take.one_of(&["session", "msg", "largemsg", "deferred", "filetransfer"]),
        );
        let trusted = "P-Asserted-Identity: <sip:bob@example.com>\r\nP-Served-User: \
                       <sip:alice@example.com>;sescase=term\r\n";
        head.push_str(take.one_of(&["", "Session-Expires: 90;refresher=uas\r\n", trusted]));
        if take.flag() {
            head.push_str("Conversation-ID: c1\r\nContribution-ID: c2\r\n");
        }
        if let Some(request) = pick(take, &self.requests)
            && take.flag()
        {
            // Back to where it came from.
            for name in [Name::Route, Name::RecordRoute] {
                if let Some(value) = request.headers().text(&name) {
                    head.push_str(&format!("Route: {value}\r\n"));
                }
            }
        }
        with_body(take, head)
    }

    /// MSRP: an answer to a request of the node, or a chunk or report for one of its sessions.
    pub(super) fn msrp(&mut self, take: &mut Take<'_>) -> Option<Bytes> {
        self.count += 1;
        let bytes = match take.flag() {
            true => {
                let request = pick(take, &self.msrp)?;
                let code = take.one_of(&[200, 403, 408, 413, 481, 506, 999]);
                request.response(msrp::Status::new(code)?).write().ok()?
            }
            false => {
                let to = pick(take, &self.paths)?.clone();
                let from = Text::from(take.one_of(&[
                    "msrp://192.0.2.2:9/peer;tcp",
                    "msrp://192.0.2.9:2855/peer;tcp",
                    "msrp://192.0.2.2:9/other;tcp",
                ]));
                let from = msrp::Path::parse(&from).ok()?;
                let method = take.one_of(&["SEND", "SEND", "SEND", "REPORT", "AUTH"]);
                let method = msrp::Method::parse(&Text::from_static(method));
                let id = Text::from(format!("id{:06}", self.count));
                let mut request = msrp::Request::new(method, id, to, from);
                request.message_id = Some(Text::from(take.one_of(&["m1", "m2", "m3"])));
                if let Some(sent) = pick(take, &self.msrp)
                    && take.flag()
                {
                    request.message_id.clone_from(&sent.message_id);
                }
                request.byte_range = take.maybe(|take| ByteRange {
                    start: take.number(),
                    end: take.maybe(Take::number),
                    total: take.maybe(Take::number),
                });
                request.success_report = take.flag();
                request.failure_report = take.one_of(&[
                    msrp::FailureReport::Yes,
                    msrp::FailureReport::No,
                    msrp::FailureReport::Partial,
                ]);
                request.status = take.maybe(|_| msrp::Status::OK);
                request.continuation = take.one_of(&[
                    Continuation::Complete,
                    Continuation::More,
                    Continuation::Aborted,
                ]);
                if take.flag() {
                    let (content_type, body) = content(take);
                    request.content_type = Some(Text::from_static(content_type));
                    request.body = body;
                }
                request.write().ok()?
            }
        };
        Some(spoil(take, bytes))
    }
}

/// Challenges, ours to answer and not.
const CHALLENGES: [&str; 4] = [
    "Digest realm=\"example.com\", nonce=\"n1\", qop=\"auth\", algorithm=MD5",
    "Digest realm=\"example.com\", nonce=\"n2\", stale=true, algorithm=SHA-256, qop=\"auth\"",
    "Digest realm=\"other\", nonce=\"n\"",
    "Basic realm=\"x\"",
];

fn remember<T>(memory: &mut VecDeque<T>, value: T) {
    memory.push_front(value);
    memory.truncate(MEMORY);
}

fn pick<'a, T>(take: &mut Take<'_>, memory: &'a VecDeque<T>) -> Option<&'a T> {
    // The last one when nothing says otherwise.
    memory.get(take.below(memory.len().max(1)))
}

/// Changes a byte, now and then.
fn spoil(take: &mut Take<'_>, bytes: Bytes) -> Bytes {
    if take.byte() != 255 {
        return bytes;
    }
    let mut bytes = bytes.to_vec();
    let at = usize::try_from(take.number()).unwrap_or(0);
    if let Some(byte) = bytes.get_mut(at) {
        *byte = take.byte();
    }
    Bytes::from(bytes)
}

fn with_body(take: &mut Take<'_>, mut head: String) -> Bytes {
    let (content_type, body) = match take.below(4) {
        0 => ("", Bytes::new()),
        1 | 2 => content(take),
        _ => ("application/sdp", description(take)),
    };
    if !content_type.is_empty() {
        head.push_str(&format!("Content-Type: {content_type}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&body);
    Bytes::from(bytes)
}

fn description(take: &mut Take<'_>) -> Bytes {
    let text = format!(
        "v=0\r\no=- 1 {} IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n\
         m=message {} TCP/MSRP *\r\na=accept-types:{}\r\na=accept-wrapped-types:*\r\n\
         a=setup:{}\r\na=path:{}\r\n{}",
        take.below(3),
        take.one_of(&["9", "2855", "0"]),
        take.one_of(&[
            "message/cpim application/im-iscomposing+xml",
            "*",
            "text/plain"
        ]),
        take.one_of(&["active", "passive", "actpass", "holdconn"]),
        take.one_of(&[
            "msrp://192.0.2.2:9/peer;tcp",
            "msrp://192.0.2.9:2855/peer;tcp",
            "msrp://host.example.com:2855/peer;tcp",
            "msrps://192.0.2.2:9/peer;tcp",
            "msrp://192.0.2.1:2855/peer;tcp",
        ]),
        take.one_of(&[
            "",
            "a=max-size:10\r\n",
            "a=sendonly\r\n",
            "a=msrp-cema\r\n",
            "m=audio 1 RTP/AVP 0\r\n"
        ]),
    );
    Bytes::from(text)
}

fn content(take: &mut Take<'_>) -> (&'static str, Bytes) {
    let kind = take.below(5);
    if kind == 0 {
        return ("text/plain", take.bytes());
    }
    if kind == 1 {
        let state = take.one_of(&["active", "idle"]);
        let text = format!(
            "<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>{state}</state>\
             <refresh>{}</refresh></isComposing>",
            take.number()
        );
        return ("application/im-iscomposing+xml", Bytes::from(text));
    }
    let id = take.one_of(&["M1", "M2", "M3"]);
    let (content_type, body) = match kind {
        2 => {
            let status = take.one_of(&["delivered", "failed", "forbidden", "error"]);
            let body = format!(
                "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>{id}</message-id>\
                 <delivery-notification><status><{status}/></status></delivery-notification></imdn>"
            );
            ("message/imdn+xml", Bytes::from(body))
        }
        _ => ("text/plain", take.bytes()),
    };
    let head = format!(
        "From: <sip:bob@example.com>\r\nTo: <{}>\r\nDateTime: 2026-01-01T09:00:00Z\r\n\
         NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {id}\r\n\
         imdn.Disposition-Notification: positive-delivery, display\r\n\r\n\
         Content-Type: {content_type}\r\n\r\n",
        take.one_of(&["sip:alice@example.com", "sip:anonymous@anonymous.invalid"]),
    );
    (
        "message/cpim",
        Bytes::from([head.as_bytes(), &body].concat()),
    )
}
