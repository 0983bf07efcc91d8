//! §12: dialogs.

use super::*;
use crate::wire::headers;
use cpm::sip::EndCause;
use cpm::sip::msg::Status;

const ROUTES: &str = "Record-Route: <sip:p2.example.com;lr>, <sip:10.0.0.8;lr>\n\
                      Record-Route: <sip:p0.example.com;lr>\n";

#[test]
fn rfc3261_12_1_1_the_one_called_copies_record_route_and_sends_by_it() {
    let mut wire = alone();
    wire.inject(
        0,
        PEER,
        &from_peer(
            "INVITE",
            "a",
            1,
            &ROUTES.replace("p2.example.com", "10.0.0.7"),
        ),
    );
    let events = wire.events(0);
    let [Event::Invited { call, request, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    wire.with(0, |sip, cx| {
        sip.progress(cx, *call, request.response(Status::RINGING))
            .unwrap();
        sip.accept(cx, *call, request.response(Status::OK)).unwrap();
    });
    let heard = wire.outside();
    for response in &heard {
        assert_eq!(headers(&response.text, "Record-Route").count(), 2);
        assert_eq!(
            header(&response.text, "Contact"),
            "<sip:alice@10.0.0.1:5060>"
        );
    }
    assert_eq!(
        header(&heard[0].text, "To"),
        header(&heard[1].text, "To"),
        "one tag for all responses"
    );
    let to = format!("To: {}\n", header(&heard[1].text, "To"));
    wire.inject(0, PEER, &from_peer("ACK", "b", 1, &to));
    wire.with(0, |sip, cx| sip.hang_up(cx, *call, None));
    let bye = wire.outside().remove(0);
    // In the order in which they stood, to the first of them.
    assert_eq!(bye.to, crate::wire::addr("10.0.0.7:5060"));
    assert!(bye.text.starts_with("BYE sip:bob@10.0.0.9 SIP/2.0\n"));
    assert_eq!(
        headers(&bye.text, "Route").collect::<Vec<_>>(),
        [
            "<sip:10.0.0.7;lr>",
            "<sip:10.0.0.8;lr>",
            "<sip:p0.example.com;lr>"
        ]
    );
    // From and To change sides.
    assert_eq!(header(&bye.text, "From"), &to[4..to.len() - 1]);
    assert_eq!(header(&bye.text, "To"), "<sip:bob@example.com>;tag=bob");
}

#[test]
fn rfc3261_12_1_2_the_caller_turns_record_route_around() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    let routes = ROUTES.replace("p0.example.com", "10.0.0.6");
    let ok = answer(
        &invite,
        "200 OK",
        "peer",
        &format!("{routes}Contact: <sip:bob@192.0.2.4>"),
    );
    wire.inject(0, PEER, &ok);
    wire.with(0, |sip, cx| sip.hang_up(cx, id, None));
    for message in wire.outside() {
        assert_eq!(message.to, crate::wire::addr("10.0.0.6:5060"));
        assert!(message.text.contains(" sip:bob@192.0.2.4 SIP/2.0\n"));
        assert_eq!(
            headers(&message.text, "Route").collect::<Vec<_>>(),
            [
                "<sip:10.0.0.6;lr>",
                "<sip:10.0.0.8;lr>",
                "<sip:p2.example.com;lr>"
            ]
        );
    }
}

#[test]
fn rfc3261_12_2_1_1_a_strict_router_gets_the_request_uri() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    let routes = "Record-Route: <sip:10.0.0.8;lr>\nRecord-Route: <sip:10.0.0.6>";
    let ok = answer(
        &invite,
        "200 OK",
        "peer",
        &format!("{routes}\nContact: <sip:bob@192.0.2.4>"),
    );
    wire.inject(0, PEER, &ok);
    wire.outside();
    wire.with(0, |sip, cx| sip.hang_up(cx, id, None));
    let bye = wire.outside().remove(0);
    assert!(
        bye.text.starts_with("BYE sip:10.0.0.6 SIP/2.0\n"),
        "{}",
        bye.text
    );
    assert_eq!(bye.to, crate::wire::addr("10.0.0.6:5060"));
    assert_eq!(
        headers(&bye.text, "Route").collect::<Vec<_>>(),
        ["<sip:10.0.0.8;lr>", "<sip:bob@192.0.2.4>"]
    );
}

#[test]
fn rfc3261_12_2_2_out_of_order_is_500_and_unknown_is_481() {
    let mut wire = alone();
    let (id, to) = answered(&mut wire);
    wire.inject(0, PEER, &from_peer("INFO", "i5", 5, &to));
    assert!(matches!(
        wire.events(0)[..],
        [Event::Request { call: Some(call), .. }] if call == id
    ));
    wire.inject(0, PEER, &from_peer("INFO", "i4", 4, &to));
    assert!(wire.heard().starts_with("SIP/2.0 500 "));
    wire.inject(
        0,
        PEER,
        &from_peer("INFO", "i9", 9, "To: <sip:alice@10.0.0.1>;tag=no\n"),
    );
    assert!(wire.heard().starts_with("SIP/2.0 481 "));
    // An ACK that nobody waits for is never answered.
    wire.inject(
        0,
        PEER,
        &from_peer("ACK", "a9", 9, "To: <sip:alice@10.0.0.1>;tag=no\n"),
    );
    assert!(wire.outside().is_empty());
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3261_12_2_1_1_requests_in_a_call_count_up() {
    let mut wire = alone();
    let (id, invite) = up(&mut wire);
    for number in 2..5 {
        let info = Request::new(Method::Info, &uri("sip:whoever@example.com"));
        let sent = wire
            .with(0, |sip, cx| sip.request_in_call(cx, id, info))
            .unwrap();
        let info = wire.heard();
        assert!(info.starts_with("INFO sip:bob@10.0.0.9 SIP/2.0\n"));
        assert_eq!(header(&info, "CSeq"), format!("{number} INFO"));
        assert_eq!(header(&info, "From"), header(&invite, "From"));
        assert_eq!(header(&info, "Call-ID"), header(&invite, "Call-ID"));
        wire.inject(0, PEER, &answer(&info, "200 OK", "", ""));
        assert!(matches!(
            wire.events(0)[..],
            [Event::Response { id, .. }] if id == sent
        ));
    }
}

#[test]
fn rfc3261_12_2_1_2_a_peer_that_does_not_know_the_dialog_ends_the_call() {
    for response in ["481 Call/Transaction Does Not Exist", "408 Request Timeout"] {
        let mut wire = alone();
        let (id, _) = up(&mut wire);
        let info = Request::new(Method::Info, &uri("sip:whoever@example.com"));
        wire.with(0, |sip, cx| sip.request_in_call(cx, id, info));
        let info = wire.heard();
        wire.inject(0, PEER, &answer(&info, response, "", ""));
        assert!(wire.heard().starts_with("BYE "));
        let events = wire.events(0);
        assert!(events.iter().any(|event| matches!(
            event,
            Event::Ended {
                cause: EndCause::Gone,
                ..
            }
        )));
        let info = Request::new(Method::Info, &uri("sip:whoever@example.com"));
        assert_eq!(
            wire.with(0, |sip, cx| sip.request_in_call(cx, id, info)),
            None
        );
    }
}

#[test]
fn both_ends_of_a_dialog_may_be_one_endpoint() {
    let mut wire = alone();
    let id = wire.with(0, |sip, cx| {
        let mut invite = Request::new(Method::Invite, &uri("sip:self@10.0.0.1"));
        invite.set_body("application/sdp", "v=0\r\n".into());
        sip.invite(cx, invite, Target::Uri)
    });
    let events = wire.events(0);
    let [
        Event::Invited {
            call: other,
            request,
            ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_ne!(id, *other);
    wire.with(0, |sip, cx| {
        sip.accept(cx, *other, sdp(request.response(Status::OK)))
            .unwrap()
    });
    assert!(matches!(
        wire.events(0)[..],
        [Event::Accepted { call: one, .. }, Event::Confirmed { call: two, .. }]
            if one == id && two == *other
    ));
    wire.with(0, |sip, cx| sip.hang_up(cx, id, None));
    assert!(matches!(
        wire.events(0)[..],
        [
            Event::Ended { call: one, cause: EndCause::Local, .. },
            Event::Ended { call: two, cause: EndCause::Bye, .. }
        ] if one == id && two == *other
    ));
    wire.seconds(60);
    assert!(wire.events(0).is_empty() && wire.outside().is_empty());
}

/// A message in a receive buffer of the usual size.
fn received(text: &str) -> bytes::Bytes {
    let mut buffer = bytes::BytesMut::with_capacity(64 * 1024);
    buffer.extend_from_slice(text.replace('\n', "\r\n").as_bytes());
    buffer.freeze()
}

#[test]
fn a_call_keeps_no_receive_buffer() {
    let (local, peer) = (crate::wire::addr("10.0.0.1:5060"), crate::wire::addr(PEER));
    let more = "Record-Route: <sip:p.example;lr>\nSession-Expires: 1800;refresher=uac\n\
                Allow: UPDATE\nContent-Type: application/sdp\n";
    // One that came in.
    let mut wire = alone();
    let bytes = received(
        &from_peer("INVITE", "a", 1, more)
            .replace("Content-Length: 0\n\n", "Content-Length: 5\n\nv=0\n"),
    );
    wire.with(0, |sip, cx| {
        sip.handle_datagram(cx, local, peer, bytes.clone())
    });
    let (id, ok) = match &wire.events(0)[..] {
        [Event::Invited { call, request, .. }] => (*call, sdp(request.response(Status::OK))),
        other => panic!("{other:?}"),
    };
    wire.with(0, |sip, cx| sip.accept(cx, id, ok).unwrap());
    assert!(bytes.try_into_mut().is_ok(), "held by a call that came in");
    // One that went out.
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    let progress = answer(
        &invite,
        "180 Ringing",
        "peer",
        "Contact: <sip:bob@10.0.0.9>",
    );
    let ok = answer(
        &invite,
        "200 OK",
        "peer",
        &format!("Contact: <sip:bob@10.0.0.9>\n{more}"),
    );
    for text in [progress, ok] {
        let bytes = received(&text);
        wire.with(0, |sip, cx| {
            sip.handle_datagram(cx, local, peer, bytes.clone())
        });
        assert_eq!(wire.events(0).len(), 1);
        assert!(bytes.try_into_mut().is_ok(), "held by a call that went out");
    }
    assert_eq!(
        wire.with(0, |sip, cx| sip.reinvite(cx, id, Some("v=1\r\n".into()))),
        Ok(())
    );
}
