//! §10, RFC 3327, RFC 3608, RFC 5626: registrations, and RFC 4028: session timers.

use super::*;
use crate::wire::{addr, headers};
use cpm::sip::msg::Status;
use cpm::sip::{Credentials, EndCause, RegistrationId, register};
use std::time::Duration;

/// A client whose proxy is the peer outside, by TCP.
fn client() -> Wire {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.outbound_proxy = Some(uri("sip:10.0.0.9;transport=tcp"));
        config.credentials = Some(Credentials::new("alice", "wonderland"));
    });
    wire.taken.insert(addr(PEER));
    wire
}

fn config() -> register::Config {
    let mut config = register::Config::new(uri("sip:alice@example.com"), uri("sip:example.com"));
    config.instance = Some("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6".into());
    config.reg_id = Some(1);
    config.display = Some("Alice's phone".into());
    config.params.set("+g.oma.sip-im", None);
    config
}

fn register(wire: &mut Wire) -> (RegistrationId, String) {
    let id = wire.with(0, |sip, cx| sip.register(cx, config()));
    (id, wire.heard())
}

/// What the registrar answers.
fn accept(wire: &mut Wire, request: &str, expires: u32, extra: &str) {
    let contact = header(request, "Contact");
    let ok = answer(
        request,
        "200 OK",
        "reg",
        &format!("Contact: {contact};expires={expires}\n{extra}"),
    );
    let conn = wire.conn_of(0);
    wire.stream(0, conn, &ok);
}

#[test]
fn rfc3261_10_2_a_registration_is_made_and_refreshed() {
    let mut wire = client();
    let (id, first) = register(&mut wire);
    assert!(first.starts_with("REGISTER sip:example.com SIP/2.0\n"));
    assert!(header(&first, "From").starts_with("<sip:alice@example.com>;tag="));
    assert_eq!(header(&first, "To"), "<sip:alice@example.com>");
    assert_eq!(header(&first, "Expires"), "3600");
    assert_eq!(
        header(&first, "Contact"),
        "\"Alice's phone\" <sip:alice@10.0.0.1:5060;transport=tcp>;+g.oma.sip-im;\
         +sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\";reg-id=1"
    );
    assert!(header(&first, "Supported").contains("outbound"));
    accept(
        &mut wire,
        &first,
        3600,
        "P-Associated-URI: <sip:alice@example.com>, <tel:+15550100>",
    );
    match &wire.events(0)[..] {
        [
            Event::Registered {
                id: done,
                expires,
                associated,
                ..
            },
        ] => {
            assert_eq!((*done, expires.as_secs()), (id, 3600));
            assert_eq!(
                *associated,
                [uri("sip:alice@example.com"), uri("tel:+15550100")]
            );
        }
        other => panic!("{other:?}"),
    }
    // TS 24.229: ten minutes before the end of a long one, half-way of a short one.
    wire.seconds(2999);
    wire.outside();
    wire.seconds(1);
    let second = wire.outside().pop().unwrap().text;
    assert_eq!(header(&second, "CSeq"), "2 REGISTER");
    assert_eq!(header(&second, "Call-ID"), header(&first, "Call-ID"));
    accept(&mut wire, &second, 600, "");
    wire.events(0);
    wire.seconds(299);
    wire.outside();
    wire.seconds(1);
    assert!(
        wire.outside()
            .iter()
            .any(|h| h.text.starts_with("REGISTER "))
    );
}

#[test]
fn rfc3261_10_2_2_taking_it_back() {
    let mut wire = client();
    let (id, first) = register(&mut wire);
    accept(&mut wire, &first, 3600, "");
    wire.events(0);
    wire.with(0, |sip, cx| sip.unregister(cx, id));
    let last = wire.heard();
    assert_eq!(header(&last, "Expires"), "0");
    accept(&mut wire, &last, 0, "");
    assert!(matches!(wire.events(0)[..], [Event::Unregistered { id: done }] if done == id));
    wire.seconds(10_000);
    assert!(wire.outside().is_empty());
}

#[test]
fn rfc3261_10_2_8_too_brief_is_asked_for_again() {
    let mut wire = client();
    let (_, first) = register(&mut wire);
    let conn = wire.conn_of(0);
    wire.stream(
        0,
        conn,
        &answer(&first, "423 Interval Too Brief", "x", "Min-Expires: 7200"),
    );
    let second = wire.heard();
    assert_eq!(header(&second, "Expires"), "7200");
    assert!(wire.events(0).is_empty());
    // One that never has enough is not asked for ever.
    wire.stream(
        0,
        conn,
        &answer(&second, "423 Interval Too Brief", "x", "Min-Expires: 7200"),
    );
    assert!(wire.outside().is_empty());
    assert!(matches!(
        wire.events(0)[..],
        [Event::RegistrationFailed {
            status: Some(Status::INTERVAL_TOO_BRIEF),
            retry_in: None,
            ..
        }]
    ));
}

#[test]
fn rfc3261_22_a_registration_proves_who_it_is_and_keeps_counting() {
    let mut wire = client();
    let (_, first) = register(&mut wire);
    let conn = wire.conn_of(0);
    let challenge =
        "WWW-Authenticate: Digest realm=\"x\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"";
    wire.stream(0, conn, &answer(&first, "401 Unauthorized", "x", challenge));
    let second = wire.heard();
    assert_eq!(header(&second, "CSeq"), "2 REGISTER");
    assert!(header(&second, "Authorization").contains("uri=\"sip:example.com\""));
    accept(&mut wire, &second, 100, "");
    wire.seconds(50);
    assert_eq!(header(&wire.heard(), "CSeq"), "3 REGISTER");
}

#[test]
fn a_wrong_password_is_not_tried_again() {
    let mut wire = client();
    let (_, first) = register(&mut wire);
    let conn = wire.conn_of(0);
    for (request, nonce) in [(Some(first), "a"), (None, "b")] {
        let request = request.unwrap_or_else(|| wire.heard());
        let challenge = format!("WWW-Authenticate: Digest realm=\"x\", nonce=\"{nonce}\"");
        wire.stream(
            0,
            conn,
            &answer(&request, "401 Unauthorized", "x", &challenge),
        );
    }
    assert!(matches!(
        wire.events(0)[..],
        [Event::RegistrationFailed {
            status: Some(Status::UNAUTHORIZED),
            retry_in: None,
            ..
        }]
    ));
    wire.seconds(4000);
    assert!(wire.outside().is_empty());
}

#[test]
fn rfc3608_6_1_requests_of_the_user_take_the_service_route() {
    let mut wire = client();
    let (_, first) = register(&mut wire);
    accept(
        &mut wire,
        &first,
        3600,
        "Service-Route: <sip:orig@s1.example.com;lr>, <sip:s2.example.com;lr>\n\
         P-Associated-URI: <tel:+15550100>",
    );
    for from in ["<sip:alice@example.com>", "<tel:+15550100>"] {
        let mut message = Request::new(Method::Message, &uri("tel:+15550199"));
        message
            .headers_mut()
            .set_text(cpm::sip::msg::Name::From, from)
            .unwrap();
        wire.with(0, |sip, cx| sip.request(cx, message, Target::Uri));
        let heard = wire.outside().pop().unwrap();
        assert_eq!(heard.to, addr(PEER));
        assert_eq!(
            headers(&heard.text, "Route").collect::<Vec<_>>(),
            [
                "<sip:10.0.0.9;transport=tcp;lr>",
                "<sip:orig@s1.example.com;lr>",
                "<sip:s2.example.com;lr>"
            ]
        );
    }
    // Somebody else has no part in it.
    send(&mut wire, Method::Message);
    wire.with(0, |sip, cx| {
        let request = Request::new(Method::Options, &uri("sip:bob@10.0.0.9"));
        sip.request(cx, request, Target::Uri)
    });
    assert_eq!(
        headers(&wire.outside().pop().unwrap().text, "Route").count(),
        0
    );
}

#[test]
fn rfc3608_6_1_a_proxy_that_is_the_service_route_is_named_once() {
    let mut wire = client();
    let (_, first) = register(&mut wire);
    accept(
        &mut wire,
        &first,
        3600,
        "Service-Route: <sip:10.0.0.9;transport=tcp;lr>",
    );
    let mut message = Request::new(Method::Message, &uri("sip:bob@example.com"));
    let from = "<sip:alice@example.com>";
    message
        .headers_mut()
        .set_text(cpm::sip::msg::Name::From, from)
        .unwrap();
    wire.with(0, |sip, cx| sip.request(cx, message, Target::Uri));
    let heard = wire.outside().pop().unwrap();
    assert_eq!(heard.to, addr(PEER));
    let routes: Vec<_> = headers(&heard.text, "Route").collect();
    assert_eq!(routes, ["<sip:10.0.0.9;transport=tcp;lr>"]);
}

#[test]
fn rfc5626_4_4_1_the_flow_is_kept_alive_and_given_up_without_a_pong() {
    let mut wire = client();
    let (_, first) = register(&mut wire);
    accept(&mut wire, &first, 3600, "Flow-Timer: 60");
    wire.events(0);
    let conn = wire.conn_of(0);
    // 80 to 100 % of 54 seconds.
    for _ in 0..3 {
        wire.seconds(43);
        assert!(wire.outside().is_empty());
        let mut more = 0;
        let ping = loop {
            wire.seconds(1);
            more += 1;
            assert!(more <= 11);
            if let Some(ping) = wire.outside().pop() {
                break ping;
            }
        };
        assert_eq!(ping.text, "\n\n");
        wire.stream(0, conn, "\n");
        assert!(wire.events(0).is_empty());
    }
    wire.seconds(54 + 10);
    assert!(matches!(wire.events(0)[0], Event::FlowLost { conn: lost } if lost == conn));
}

#[test]
fn rfc5626_4_5_a_registration_is_made_again_when_its_flow_breaks() {
    let mut wire = client();
    let (id, first) = register(&mut wire);
    accept(&mut wire, &first, 3600, "");
    wire.seconds(600);
    wire.events(0);
    wire.outside();
    let conn = wire.conn_of(0);
    wire.break_conn(0, conn);
    assert!(matches!(wire.events(0)[..], [Event::FlowLost { .. }]));
    // It stood for long: at once.
    wire.seconds(0);
    let again = wire.heard();
    assert_eq!(header(&again, "Call-ID"), header(&first, "Call-ID"));
    accept(&mut wire, &again, 3600, "");
    assert!(matches!(wire.events(0)[..], [Event::Registered { id: done, .. }] if done == id));
    // It breaks again and nobody is there: longer and longer.
    wire.taken.clear();
    let conn = wire.conn_of(0);
    wire.break_conn(0, conn);
    let mut pauses = Vec::new();
    for _ in 0..4 {
        wire.seconds(0);
        let mut waited = 0;
        loop {
            let events = wire.events(0);
            let failed = events.iter().find_map(|event| match event {
                Event::RegistrationFailed { retry_in, .. } => Some(retry_in.unwrap()),
                _ => None,
            });
            if let Some(retry_in) = failed {
                pauses.push(retry_in);
                break;
            }
            wire.seconds(1);
            waited += 1;
            assert!(waited < 2000);
        }
    }
    for (failures, pause) in pauses.iter().enumerate() {
        let bound = Duration::from_secs(60) * (1 << (failures + 1));
        assert!((bound / 2..=bound).contains(pause), "{pauses:?}");
    }
}

#[test]
fn retry_after_is_heeded() {
    let mut wire = client();
    let (_, first) = register(&mut wire);
    let conn = wire.conn_of(0);
    wire.stream(
        0,
        conn,
        &answer(&first, "503 Service Unavailable", "x", "Retry-After: 500"),
    );
    assert!(matches!(
        wire.events(0)[..],
        [Event::RegistrationFailed { retry_in: Some(pause), .. }] if pause.as_secs() == 500
    ));
    wire.seconds(499);
    assert!(wire.outside().is_empty());
    wire.seconds(1);
    assert!(wire.heard().starts_with("REGISTER "));
}

const TIMED: &str = "Contact: <sip:bob@10.0.0.9>\nSession-Expires: 200;refresher=uac";

#[test]
fn rfc4028_7_the_caller_refreshes_at_half() {
    for (allow, method) in [("\nAllow: INVITE, UPDATE", "UPDATE "), ("", "INVITE ")] {
        let mut wire = alone();
        call(&mut wire);
        let invite = wire.heard();
        assert_eq!(header(&invite, "Session-Expires"), "1800;refresher=uac");
        wire.inject(
            0,
            PEER,
            &answer(&invite, "200 OK", "peer", &format!("{TIMED}{allow}")),
        );
        wire.outside();
        wire.events(0);
        wire.seconds(99);
        assert!(wire.outside().is_empty());
        wire.seconds(1);
        let refresh = wire.outside().remove(0).text;
        assert!(refresh.starts_with(method), "{refresh}");
        assert_eq!(refresh.ends_with("\n\nv=0\n"), method == "INVITE ");
        wire.inject(0, PEER, &answer(&refresh, "200 OK", "", TIMED));
        // Without an answer to the next one the call ends.
        wire.seconds(110);
        wire.outside();
        assert!(wire.events(0).is_empty());
        wire.seconds(90);
        assert!(wire.outside().iter().any(|h| h.text.starts_with("BYE ")));
        assert!(matches!(wire.events(0)[..], [Event::Ended { .. }]));
    }
}

#[test]
fn rfc4028_9_the_one_called_takes_the_timer_and_ends_a_call_that_is_not_refreshed() {
    let mut wire = alone();
    let timed = "Session-Expires: 90\nSupported: timer\n";
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, timed));
    let events = wire.events(0);
    let [Event::Invited { call, request, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    wire.with(0, |sip, cx| {
        sip.accept(cx, *call, request.response(Status::OK)).unwrap()
    });
    let ok = wire.heard();
    assert_eq!(header(&ok, "Session-Expires"), "90;refresher=uac");
    assert_eq!(header(&ok, "Require"), "timer");
    let to = format!("To: {}\n", header(&ok, "To"));
    wire.inject(0, PEER, &from_peer("ACK", "b", 1, &to));
    wire.events(0);
    wire.seconds(50);
    wire.inject(
        0,
        PEER,
        &from_peer("UPDATE", "u", 2, &format!("{to}{timed}")),
    );
    assert!(wire.heard().starts_with("SIP/2.0 200 OK\n"));
    wire.seconds(59);
    assert!(wire.events(0).is_empty());
    wire.seconds(1);
    let bye = wire.outside().remove(0).text;
    assert!(header(&bye, "Reason").contains("cause=408"));
    assert!(matches!(
        wire.events(0)[..],
        [Event::Ended {
            cause: EndCause::SessionExpired,
            ..
        }]
    ));
}

#[test]
fn rfc4028_6_an_interval_too_small_is_refused_and_ours_made_longer() {
    let mut wire = alone();
    wire.inject(
        0,
        PEER,
        &from_peer("INVITE", "a", 1, "Session-Expires: 60\n"),
    );
    let refusal = wire.heard();
    assert!(refusal.starts_with("SIP/2.0 422 "));
    assert_eq!(header(&refusal, "Min-SE"), "90");
    wire.seconds(100);
    wire.outside();

    call(&mut wire);
    let invite = wire.heard();
    wire.inject(
        0,
        PEER,
        &answer(
            &invite,
            "422 Session Interval Too Small",
            "x",
            "Min-SE: 3600",
        ),
    );
    let again = wire.outside().pop().unwrap().text;
    assert_eq!(header(&again, "CSeq"), "2 INVITE");
    assert!(header(&again, "Session-Expires").starts_with("3600"));
    assert_eq!(header(&again, "Min-SE"), "3600");
    assert!(wire.events(0).is_empty());
}
