//! RFC 6086: INFO packages; and OPTIONS (RFC 3261 §11).

use crate::rfc3261::{PEER, answered, call, from_peer};
use crate::wire::{Wire, answer, header};
use cpm::sip::Event;
use cpm::wire::Text;

fn knowing() -> Wire {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.info_packages = vec![Text::from("foo"), Text::from("bar")];
        config.events = vec![Text::from("conference")];
    });
    wire
}

#[test]
fn rfc6086_5_2_3_packages_are_negotiated_and_others_refused_with_469() {
    let mut wire = knowing();
    let id = call(&mut wire);
    let invite = wire.heard();
    assert_eq!(header(&invite, "Recv-Info"), "foo, bar");
    let ok = answer(
        &invite,
        "200 OK",
        "peer",
        "Contact: <sip:bob@10.0.0.9>\nRecv-Info: nar;x=1, far",
    );
    wire.inject(0, PEER, &ok);
    wire.outside();
    wire.events(0);
    let content = || Some(("text/plain", "x".into()));
    assert!(
        wire.with(0, |sip, cx| sip.send_info(cx, id, "foo", content()))
            .is_none()
    );
    assert!(
        wire.with(0, |sip, cx| sip.send_info(cx, id, "nar", content()))
            .is_some()
    );
    let info = wire.heard();
    assert!(
        info.starts_with("INFO sip:bob@10.0.0.9 SIP/2.0\n"),
        "{info}"
    );
    assert_eq!(header(&info, "Info-Package"), "nar");
    assert_eq!(header(&info, "Content-Disposition"), "Info-Package");
    wire.inject(0, PEER, &answer(&info, "200 OK", "peer", ""));
    wire.events(0);

    let mut wire = knowing();
    let (_, to) = answered(&mut wire);
    for (branch, cseq, extra, is_known) in [
        ("i1", 2, "Info-Package: other\n", false),
        ("i2", 3, "Info-Package: bar;x=y\n", true),
        ("i3", 4, "", true),
    ] {
        wire.inject(
            0,
            PEER,
            &from_peer("INFO", branch, cseq, &format!("{to}{extra}")),
        );
        match (&wire.events(0)[..], is_known) {
            ([Event::Request { .. }], true) => {}
            ([], false) => {
                let refused = wire.heard();
                assert!(refused.starts_with("SIP/2.0 469 "), "{refused}");
                assert_eq!(header(&refused, "Recv-Info"), "foo, bar");
            }
            other => panic!("{branch}: {other:?}"),
        }
    }
}

#[test]
fn rfc3261_11_2_options_says_what_is_understood_in_and_out_of_a_call() {
    let mut wire = knowing();
    let (_, to) = answered(&mut wire);
    for (branch, extra) in [("o1", to.as_str()), ("o2", "")] {
        // Who is not known gets no more than it sends, and half as much again.
        let extra = format!("{extra}User-Agent: {}\n", "test/1.0 ".repeat(16));
        let text = from_peer("OPTIONS", branch, 7, &extra);
        wire.inject(0, PEER, &text);
        let events = wire.events(0);
        let [
            Event::Request {
                id, request, call, ..
            },
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(call.is_some(), branch == "o1");
        wire.with(0, |sip, cx| {
            let response = sip.options_response(request);
            sip.respond(cx, *id, response);
        });
        let response = wire.heard();
        assert!(response.starts_with("SIP/2.0 200 "), "{response}");
        for (name, value) in [
            ("Accept", "application/sdp"),
            ("Allow-Events", "conference"),
            ("Recv-Info", "foo, bar"),
        ] {
            assert_eq!(header(&response, name), value);
        }
        assert!(header(&response, "Allow").contains("REFER"));
        assert!(header(&response, "Supported").contains("timer"));
    }
}
