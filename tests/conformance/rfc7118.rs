//! RFC 7118: SIP over WebSocket.

use crate::rfc3261::{alone, from_peer, uri};
use crate::wire::{Wire, addr, header};
use bytes::Bytes;
use cpm::engine::{ConnId, Ids, Seed, Transport};
use cpm::sip::msg::{Method, Request, Status};
use cpm::sip::{Event, Failure, Target};
use cpm::wire::websocket::frame::{Opcode, write};
use cpm::wire::websocket::{Channel, Event as Said};

/// Two endpoints, the second one reached by WebSocket.
fn pair() -> Wire {
    let mut wire = alone();
    wire.end("10.0.0.2:80", |config, _| {
        for listener in &mut config.listeners {
            listener.transport = Transport::Ws;
        }
    });
    wire
}

fn request(wire: &mut Wire, method: Method) {
    wire.with(0, |sip, cx| {
        let request = Request::new(method, &uri("sip:bob@10.0.0.2;transport=ws"));
        sip.request(cx, request, Target::Uri)
    });
}

#[test]
fn rfc7118_5_requests_and_responses_pass_a_websocket_both_ways() {
    let mut wire = pair();
    request(&mut wire, Method::Message);
    let events = wire.events(1);
    let [
        Event::Request {
            id,
            request: message,
            source,
            ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(source.transport, Transport::Ws);
    let via = message.headers().text(&cpm::sip::msg::Name::Via).unwrap();
    assert!(via.starts_with("SIP/2.0/WS "), "{via}");
    let ok = message.response(Status::OK);
    wire.with(1, |sip, cx| sip.respond(cx, *id, ok));
    assert!(matches!(
        &wire.events(0)[..],
        [Event::Response { response, .. }] if response.status() == Status::OK
    ));
    // A browser cannot be connected to: what is for it takes the connection that it has opened.
    wire.with(1, |sip, cx| {
        let request = Request::new(Method::Options, &uri("sip:alice@x.invalid;transport=ws"));
        sip.request(cx, request, Target::Flow(*source))
    });
    assert!(matches!(&wire.events(0)[..], [Event::Request { .. }]));
    assert_eq!(wire.conns_of(0).len(), 1);
}

#[test]
fn a_server_that_does_not_agree_is_not_spoken_to() {
    let mut wire = alone();
    wire.taken.insert(addr("10.0.0.9:80"));
    wire.with(0, |sip, cx| {
        let request = Request::new(Method::Options, &uri("sip:10.0.0.9;transport=ws"));
        sip.request(cx, request, Target::Uri)
    });
    let asked = wire.heard();
    assert!(
        asked.starts_with("GET / HTTP/1.1\nHost: 10.0.0.9:80\n"),
        "{asked}"
    );
    assert_eq!(header(&asked, "Sec-WebSocket-Protocol"), "sip");
    let conn = wire.conn_of(0);
    wire.stream(0, conn, "HTTP/1.1 404 Not Found\nContent-Length: 0\n\n");
    assert!(matches!(
        wire.events(0)[..],
        [Event::Failed {
            why: Failure::Transport,
            ..
        }]
    ));
}

/// A browser at 10.0.0.9 that is connected to the first endpoint.
fn browser(wire: &mut Wire) -> (ConnId, Channel, Ids) {
    let (local, peer) = (addr("10.0.0.1:80"), addr("10.0.0.9:40000"));
    let conn = wire.connect_by(0, Transport::Ws, local, peer);
    let mut ids = Ids::new(Seed::from_number(9));
    let (mut channel, hello) = Channel::client(&mut ids, "example.com", "/", "sip");
    say(wire, conn, hello);
    let agreed = wire.heard().replace('\n', "\r\n");
    channel.push(agreed.as_bytes());
    assert_eq!(channel.next(&mut ids, 100), Ok(Some(Said::Open(None))));
    (conn, channel, ids)
}

fn say(wire: &mut Wire, conn: ConnId, bytes: Bytes) {
    wire.with(0, |sip, cx| sip.handle_data(cx, conn, bytes));
}

#[test]
fn rfc7118_5_a_message_may_come_in_parts_and_as_text_or_bytes() {
    let mut wire = alone();
    let (conn, _, _) = browser(&mut wire);
    for (n, opcode) in [Opcode::Text, Opcode::Binary].into_iter().enumerate() {
        let text = from_peer("MESSAGE", &n.to_string(), n as u32 + 1, "")
            .replace("SIP/2.0/UDP", "SIP/2.0/WS");
        let text = text.replace('\n', "\r\n");
        let (first, second) = text.split_at(50);
        // The first part is not the last, and the second goes on.
        let mut first = write(opcode, first.as_bytes(), Some([1, 2, 3, 4])).to_vec();
        let mut second = write(Opcode::Continuation, second.as_bytes(), Some([5; 4])).to_vec();
        first[0] &= 0x7f;
        first.append(&mut second);
        for byte in first {
            say(&mut wire, conn, Bytes::copy_from_slice(&[byte]));
        }
        assert!(matches!(&wire.events(0)[..], [Event::Request { .. }]));
    }
}

#[test]
fn rfc7118_6_a_ping_is_answered_and_a_goodbye_too() {
    let mut wire = alone();
    let (conn, channel, mut ids) = browser(&mut wire);
    say(&mut wire, conn, write(Opcode::Ping, b"abc", Some([0; 4])));
    assert!(wire.heard().ends_with("abc"));
    say(&mut wire, conn, channel.farewell(&mut ids, None).unwrap());
    assert_eq!(wire.outside().len(), 1);
    wire.seconds(1);
    assert!(matches!(wire.events(0)[..], [Event::FlowLost { .. }]));
}

#[test]
fn what_is_no_websocket_is_told_so_and_closed() {
    let mut wire = alone();
    let (local, peer) = (addr("10.0.0.1:80"), addr("10.0.0.9:40000"));
    let conn = wire.connect_by(0, Transport::Ws, local, peer);
    wire.stream(0, conn, "GET / HTTP/1.1\nHost: x\n\n");
    assert!(wire.heard().starts_with("HTTP/1.1 400 "));
    wire.seconds(1);
    assert!(matches!(wire.events(0)[..], [Event::FlowLost { .. }]));
    // And one that says nothing is not waited for.
    wire.connect_by(0, Transport::Ws, local, peer);
    wire.seconds(33);
    assert!(matches!(wire.events(0)[..], [Event::FlowLost { .. }]));
    // A frame that is not masked ends it as well.
    let (conn, ..) = browser(&mut wire);
    say(&mut wire, conn, write(Opcode::Text, b"x", None));
    wire.seconds(1);
    assert!(matches!(wire.events(0)[..], [Event::FlowLost { .. }]));
}
