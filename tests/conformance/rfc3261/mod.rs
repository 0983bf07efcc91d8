//! RFC 3261: SIP, as an endpoint speaks it.

mod any_order;
mod forks;
mod s09_cancel;
mod s10_registration;
mod s12_dialogs;
mod s13_invite;
mod s15_crossing;
mod s17_transactions;
mod s18_transport;
mod s22_door;
mod s8_requests;

pub(crate) use crate::wire::{Wire, answer, header};
use cpm::sip::msg::{Method, Request, Response, Uri};
use cpm::sip::{CallId, Event, RequestId, Target};

/// Where the peer is that a test plays by hand.
pub(crate) const PEER: &str = "10.0.0.9:5060";

/// One endpoint, at 10.0.0.1, and the peer outside.
pub(crate) fn alone() -> Wire {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |_, _| {});
    wire
}

pub(crate) fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

/// The same response with a description.
pub(crate) fn sdp(mut response: Response) -> Response {
    response.set_body("application/sdp", "v=0\r\n".into());
    response
}

/// The same message of the peer's with a description.
pub(crate) fn with_sdp(message: &str) -> String {
    let body = "Content-Type: application/sdp\nContent-Length: 5\n\nv=0\n";
    assert!(message.ends_with("Content-Length: 0\n\n"), "{message}");
    message.replace("Content-Length: 0\n\n", body)
}

/// The call and the INVITE of the peer's that has just arrived.
pub(crate) fn invited(wire: &mut Wire) -> (CallId, Request) {
    match &wire.events(0)[..] {
        [Event::Invited { call, request, .. }] => (*call, request.clone()),
        other => panic!("{other:?}"),
    }
}

/// A request of the peer's in the dialog of a call of ours, of which it has `tag`.
pub(crate) fn in_dialog(invite: &str, tag: &str, method: &str, cseq: u32, extra: &str) -> String {
    format!(
        "{method} sip:alice@10.0.0.1 SIP/2.0\n\
         Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK{tag}{method}{cseq}\n\
         Max-Forwards: 70\n\
         From: <sip:bob@10.0.0.9>;tag={tag}\n\
         To: {}\n\
         Call-ID: {}\n\
         CSeq: {cseq} {method}\n\
         Contact: <sip:bob@10.0.0.9>\n\
         {extra}Content-Length: 0\n\n",
        header(invite, "From"),
        header(invite, "Call-ID"),
    )
}

/// A request to the peer, from alice.
pub(crate) fn to_peer(method: Method) -> Request {
    let mut request = Request::new(method, &uri("sip:bob@10.0.0.9"));
    let headers = request.headers_mut();
    headers
        .set_text(cpm::sip::msg::Name::From, "<sip:alice@example.com>")
        .unwrap();
    request
}

pub(crate) fn send(wire: &mut Wire, method: Method) -> RequestId {
    wire.with(0, |sip, cx| sip.request(cx, to_peer(method), Target::Uri))
}

pub(crate) fn call(wire: &mut Wire) -> CallId {
    wire.with(0, |sip, cx| {
        let mut invite = to_peer(Method::Invite);
        invite.set_body("application/sdp", "v=0\r\n".into());
        sip.invite(cx, invite, Target::Uri)
    })
}

/// A request of the peer's. `extra` are whole lines.
pub(crate) fn from_peer(method: &str, branch: &str, cseq: u32, extra: &str) -> String {
    let tag = if extra.contains("To: ") {
        ""
    } else {
        "To: <sip:alice@10.0.0.1>\n"
    };
    format!(
        "{method} sip:alice@10.0.0.1 SIP/2.0\n\
         Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK{branch}\n\
         Max-Forwards: 70\n\
         From: <sip:bob@example.com>;tag=bob\n\
         {tag}\
         Call-ID: from-bob\n\
         CSeq: {cseq} {method}\n\
         Contact: <sip:bob@10.0.0.9>\n\
         {extra}Content-Length: 0\n\n"
    )
}

/// A call of ours that the peer has accepted; gives its id and the INVITE.
pub(crate) fn up(wire: &mut Wire) -> (CallId, String) {
    let id = call(wire);
    let invite = wire.heard();
    wire.inject(
        0,
        PEER,
        &answer(&invite, "200 OK", "peer", "Contact: <sip:bob@10.0.0.9>"),
    );
    let ack = wire.heard();
    assert!(ack.starts_with("ACK sip:bob@10.0.0.9 SIP/2.0\n"), "{ack}");
    assert!(matches!(wire.events(0)[..], [Event::Accepted { call, .. }] if call == id));
    (id, invite)
}

/// A call of the peer's that we have accepted and the peer acknowledged; gives its id and our tag.
pub(crate) fn answered(wire: &mut Wire) -> (CallId, String) {
    wire.inject(0, PEER, &from_peer("INVITE", "invite", 1, ""));
    let id = match &wire.events(0)[..] {
        [Event::Invited { call, request, .. }] => {
            let (call, request) = (*call, request.clone());
            wire.with(0, |sip, cx| {
                sip.accept(cx, call, request.response(cpm::sip::msg::Status::OK))
                    .unwrap();
            });
            call
        }
        other => panic!("{other:?}"),
    };
    let ok = wire.heard();
    let to = format!("To: {}\n", header(&ok, "To"));
    wire.inject(0, PEER, &from_peer("ACK", "ack", 1, &to));
    assert!(matches!(wire.events(0)[..], [Event::Confirmed { call, .. }] if call == id));
    (id, to)
}
