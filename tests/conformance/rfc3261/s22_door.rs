//! RFC 3261 §22 and §26.3.2.4: who sends a request comes before everything that it could begin.

use super::*;
use cpm::sip::msg::{Name, Status};
use cpm::sip::{Count, ServerId, Source};

/// An endpoint with a door.
fn guarded() -> Wire {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.door = true;
        config.events = ["dialog", "refer"]
            .map(cpm::wire::Text::from_static)
            .to_vec();
    });
    wire
}

/// Who knocks, with what.
fn knock(wire: &mut Wire) -> (ServerId, Request, Source) {
    match wire.events(0).pop() {
        Some(Event::Knocked {
            id,
            request,
            source,
        }) => (id, request, source),
        other => panic!("{other:?}"),
    }
}

fn challenge(request: &Request) -> Response {
    let mut response = request.response(Status::PROXY_AUTHENTICATION_REQUIRED);
    let text = "Digest realm=\"example.com\", nonce=\"0123456789abcdef\", qop=\"auth\"";
    response
        .headers_mut()
        .push_text(Name::ProxyAuthenticate, text)
        .unwrap();
    response
}

fn count(wire: &mut Wire) -> Count {
    wire.with(0, |sip, _| sip.count())
}

/// Whole lines that make each method complete.
const EXTRA: &str = "Event: dialog\nRefer-to: <sip:carol@example.com>\nExpires: 600\n";

const METHODS: [&str; 9] = [
    "INVITE",
    "SUBSCRIBE",
    "REFER",
    "MESSAGE",
    "PUBLISH",
    "REGISTER",
    "INFO",
    "OPTIONS",
    "FETCH",
];

#[test]
fn rfc3261_22_a_request_is_a_transaction_and_nothing_more_until_it_is_let_in() {
    for method in METHODS {
        let mut wire = guarded();
        wire.inject(0, PEER, &from_peer(method, "a", 1, EXTRA));
        let (id, request, source) = knock(&mut wire);
        let held = count(&mut wire);
        assert_eq!(
            (held.transactions, held.calls, held.dialogs),
            (1, 0, 0),
            "{method}"
        );
        assert_eq!(
            (held.subscriptions, held.deadlines),
            (0, 1 + usize::from(method == "INVITE")),
            "{method}"
        );
        wire.with(0, |sip, cx| sip.admit(cx, id, request.clone(), source));
        let event = wire.events(0).pop();
        match method {
            "INVITE" => assert!(matches!(event, Some(Event::Invited { .. })), "{event:?}"),
            "SUBSCRIBE" => {
                assert!(matches!(event, Some(Event::SubscriptionAsked { .. })));
            }
            "REFER" => assert!(matches!(event, Some(Event::Referred { .. }))),
            _ => assert!(matches!(event, Some(Event::Request { call: None, .. }))),
        }
        // Once is enough.
        wire.with(0, |sip, cx| sip.admit(cx, id, request, source));
        assert!(wire.events(0).is_empty(), "{method}");
    }
}

#[test]
fn rfc3261_22_what_is_challenged_leaves_nothing_behind() {
    for method in METHODS {
        let mut wire = guarded();
        for attempt in 1..=2 {
            wire.inject(0, PEER, &from_peer(method, "a", 1, EXTRA));
            let (id, request, _) = knock(&mut wire);
            wire.with(0, |sip, cx| sip.respond(cx, id, challenge(&request)));
            let heard = wire.heard();
            assert!(heard.starts_with("SIP/2.0 407 "), "{method} {attempt}");
            assert_eq!(count(&mut wire), Count::default(), "{method} {attempt}");
        }
        // The ACK belongs to nothing, and is answered with nothing.
        wire.inject(0, PEER, &from_peer("ACK", "a", 1, ""));
        wire.seconds(60);
        assert!(wire.outside().is_empty() && wire.events(0).is_empty());
    }
}

#[test]
fn rfc3261_22_what_is_challenged_on_a_stream_leaves_its_connection_and_nothing_else() {
    for method in METHODS {
        let mut wire = guarded();
        let conn = wire.connect(0, "10.0.0.9:4000");
        let before = count(&mut wire);
        let text = from_peer(method, "a", 1, EXTRA).replace("SIP/2.0/UDP", "SIP/2.0/TCP");
        wire.stream(0, conn, &text);
        let (id, request, _) = knock(&mut wire);
        // Even after a while, in which the client has heard a 100.
        wire.run(std::time::Duration::from_millis(300));
        wire.outside();
        wire.with(0, |sip, cx| sip.respond(cx, id, challenge(&request)));
        assert!(wire.heard().starts_with("SIP/2.0 407 "), "{method}");
        assert_eq!(count(&mut wire), before, "{method}");
    }
}

#[test]
fn rfc3261_22_who_is_refused_after_it_has_gone_is_not_called_back() {
    let mut wire = guarded();
    let conn = wire.connect(0, "10.0.0.9:4000");
    let text = from_peer("MESSAGE", "a", 1, "").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    wire.stream(0, conn, &text);
    let (id, request, _) = knock(&mut wire);
    wire.break_conn(0, conn);
    wire.taken.insert(crate::wire::addr(PEER));
    wire.with(0, |sip, cx| sip.respond(cx, id, challenge(&request)));
    assert!(wire.outside().is_empty());
    assert_eq!(count(&mut wire), Count::default());
}

#[test]
fn rfc3261_8_2_7_an_answer_without_a_transaction_has_the_same_to_tag_each_time() {
    let mut wire = guarded();
    let mut tag = |branch| {
        wire.inject(0, PEER, &from_peer("INVITE", branch, 1, ""));
        let (id, request, _) = knock(&mut wire);
        wire.with(0, |sip, cx| sip.respond(cx, id, challenge(&request)));
        let heard = wire.heard();
        crate::wire::param(header(&heard, "To"), "tag").to_owned()
    };
    let first = tag("a");
    assert_eq!(tag("a"), first);
    assert_ne!(tag("b"), first);
}

#[test]
fn rfc3261_17_2_1_a_challenge_after_a_100_by_datagram_is_repeated_until_its_ack() {
    let mut wire = guarded();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    let (id, request, _) = knock(&mut wire);
    wire.seconds(1);
    assert!(wire.heard().starts_with("SIP/2.0 100 "));
    wire.with(0, |sip, cx| sip.respond(cx, id, challenge(&request)));
    wire.seconds(2);
    let heard = wire.outside();
    assert_eq!(Wire::times(&heard, "SIP/2.0 407 ").len(), 3);
    let to = format!("To: {}\n", header(&heard[0].text, "To"));
    wire.inject(0, PEER, &from_peer("ACK", "a", 1, &to));
    wire.seconds(10);
    assert!(wire.outside().is_empty());
    assert_eq!(count(&mut wire), Count::default());
}

#[test]
fn rfc3261_9_2_who_hangs_up_at_the_door_gets_487_and_is_not_let_in_any_more() {
    let mut wire = guarded();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    let (id, request, source) = knock(&mut wire);
    wire.inject(0, PEER, &from_peer("CANCEL", "a", 1, ""));
    let heard = wire.outside();
    assert!(heard[0].text.starts_with("SIP/2.0 200 "), "{heard:?}");
    assert!(heard[1].text.starts_with("SIP/2.0 487 "), "{heard:?}");
    wire.with(0, |sip, cx| sip.admit(cx, id, request, source));
    assert!(wire.events(0).is_empty());
    assert_eq!(count(&mut wire).calls, 0);
    wire.seconds(120);
    assert_eq!(count(&mut wire), Count::default());
}

#[test]
fn who_is_left_at_the_door_is_asked_to_come_again_later() {
    for method in ["INVITE", "MESSAGE"] {
        let mut wire = guarded();
        wire.inject(0, PEER, &from_peer(method, "a", 1, ""));
        let (id, request, source) = knock(&mut wire);
        wire.seconds(40);
        let heard = wire.outside();
        let refusals = (heard.iter()).filter(|heard| heard.text.starts_with("SIP/2.0 503 "));
        assert!(refusals.clone().count() > 0, "{method}");
        for refusal in refusals {
            let after = header(&refusal.text, "Retry-After");
            assert!((1..=10).contains(&after.parse::<u32>().unwrap()));
        }
        wire.seconds(120);
        assert_eq!(count(&mut wire), Count::default());
        wire.with(0, |sip, cx| sip.admit(cx, id, request, source));
        assert!(wire.events(0).is_empty());
    }
}

#[test]
fn rfc3261_8_2_what_we_can_do_is_not_told_before_it_is_known_who_asks() {
    let mut wire = guarded();
    let extra = "Require: wizardry\nEvent: wizardry\n";
    for (number, method) in (1..).zip(["INVITE", "SUBSCRIBE"]) {
        wire.inject(0, PEER, &from_peer(method, method, number, extra));
        let (id, request, source) = knock(&mut wire);
        assert!(wire.outside().is_empty());
        wire.with(0, |sip, cx| sip.admit(cx, id, request, source));
        let heard = wire.heard();
        assert!(heard.starts_with("SIP/2.0 420 "), "{heard}");
        assert_eq!(header(&heard, "Unsupported"), "wizardry");
    }
}

#[test]
fn what_ends_something_needs_no_door() {
    let mut wire = guarded();
    for (number, method) in (1..).zip(["BYE", "UPDATE", "PRACK", "NOTIFY", "CANCEL"]) {
        wire.inject(
            0,
            PEER,
            &from_peer(method, method, number, "Event: dialog\n"),
        );
        assert!(wire.heard().starts_with("SIP/2.0 481 "), "{method}");
        assert!(wire.events(0).is_empty(), "{method}");
    }
    // A call that is up needs none either.
    let (id, request, source) = {
        wire.inject(0, PEER, &from_peer("INVITE", "invite", 1, ""));
        knock(&mut wire)
    };
    wire.with(0, |sip, cx| sip.admit(cx, id, request, source));
    let (call, invite) = invited(&mut wire);
    let ok = invite.response(Status::OK);
    wire.with(0, |sip, cx| sip.accept(cx, call, ok).unwrap());
    let to = format!("To: {}\n", header(&wire.heard(), "To"));
    wire.inject(0, PEER, &from_peer("ACK", "ack", 1, &to));
    wire.events(0);
    wire.inject(0, PEER, &from_peer("BYE", "bye", 2, &to));
    assert!(matches!(wire.events(0)[..], [Event::Ended { .. }]));
}

#[test]
fn rfc3261_11_2_an_options_is_answered_without_a_transaction_and_in_few_bytes() {
    let mut wire = guarded();
    let text = from_peer("OPTIONS", "a", 1, "");
    for _ in 0..3 {
        wire.inject(0, PEER, &text);
        let (id, request, _) = knock(&mut wire);
        wire.with(0, |sip, cx| {
            let response = sip.options_response(&request);
            sip.respond(cx, id, response);
        });
        let heard = wire.heard();
        assert!(heard.starts_with("SIP/2.0 200 "), "{heard}");
        assert!(heard.len() * 2 <= text.len() * 3, "{heard}");
        assert!(heard.contains("\nAllow: "), "{heard}");
        assert_eq!(count(&mut wire), Count::default());
    }
}
