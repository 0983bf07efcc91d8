//! §8, §20, §22: requests outside dialogs, and challenges.

use super::*;
use crate::wire::headers;
use cpm::sip::msg::{Name, Status};
use cpm::sip::{Credentials, Failure};

#[test]
fn rfc3261_8_1_1_a_request_is_made_complete() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.user_agent = "CPM-client/OMA2.0".into();
    });
    wire.with(0, |sip, cx| {
        let request = Request::new(Method::Options, &uri("sip:bob@10.0.0.9"));
        sip.request(cx, request, Target::Uri)
    });
    let heard = wire.heard();
    assert!(heard.starts_with(
        "OPTIONS sip:bob@10.0.0.9 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK"
    ));
    assert!(header(&heard, "Via").ends_with(";rport"));
    assert!(header(&heard, "From").starts_with("<sip:anonymous@anonymous.invalid>;tag="));
    assert_eq!(header(&heard, "To"), "<sip:bob@10.0.0.9>");
    assert_eq!(header(&heard, "Max-Forwards"), "70");
    assert_eq!(header(&heard, "CSeq"), "1 OPTIONS");
    assert_eq!(header(&heard, "User-Agent"), "CPM-client/OMA2.0");
    assert_eq!(header(&heard, "Content-Length"), "0");
    assert!(!header(&heard, "Call-ID").is_empty());
}

#[test]
fn rfc3261_8_1_2_first_route_then_proxy_then_request_uri() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.outbound_proxy = Some(uri("sip:10.0.0.5:5099"));
    });
    let mut request = to_peer(Method::Options);
    let routed = {
        let mut request = request.clone();
        let route = "<sip:10.0.0.6;lr>";
        request.headers_mut().push_text(Name::Route, route).unwrap();
        request
    };
    request.clear_body();
    wire.with(0, |sip, cx| {
        sip.request(cx, request, Target::Uri);
        sip.request(cx, routed, Target::Uri);
    });
    let heard = wire.outside();
    assert_eq!(heard[0].to, crate::wire::addr("10.0.0.5:5099"));
    assert_eq!(headers(&heard[0].text, "Route").count(), 0);
    assert_eq!(heard[1].to, crate::wire::addr("10.0.0.6:5060"));
}

#[test]
fn rfc3261_8_2_2_2_a_request_that_came_by_two_ways_is_answered_482() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("MESSAGE", "one", 1, ""));
    wire.inject(0, PEER, &from_peer("MESSAGE", "two", 1, ""));
    assert!(wire.heard().starts_with("SIP/2.0 482 "));
    assert_eq!(wire.events(0).len(), 1);
}

#[test]
fn rfc3261_8_2_2_3_what_we_do_not_have_cannot_be_required() {
    let mut wire = alone();
    wire.inject(
        0,
        PEER,
        &from_peer("INVITE", "a", 1, "Require: timer, wizardry, magic\n"),
    );
    let heard = wire.heard();
    assert!(heard.starts_with("SIP/2.0 420 Bad Extension\n"));
    assert_eq!(header(&heard, "Unsupported"), "wizardry, magic");
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3261_8_2_6_2_a_malformed_request_is_answered_400_and_forgotten() {
    let mut wire = alone();
    let good = from_peer("MESSAGE", "a", 1, "");
    for bad in [
        good.replace("CSeq: 1 MESSAGE", "CSeq: 1 OPTIONS"),
        good.replace("Call-ID: from-bob\n", ""),
    ] {
        wire.inject(0, PEER, &bad);
        assert!(wire.heard().starts_with("SIP/2.0 400 "), "{bad}");
    }
    assert!(wire.events(0).is_empty());
    wire.inject(
        0,
        PEER,
        &good
            .replace("MESSAGE", "ACK")
            .replace("Call-ID: from-bob\n", ""),
    );
    wire.inject(0, PEER, "\n\n");
    wire.inject(0, PEER, "what is this\n\n");
    assert!(wire.outside().is_empty());
}

#[test]
fn over_the_limit_a_request_gets_503_and_leaves_nothing() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |_, limits| limits.sip_transactions = 1);
    wire.inject(0, PEER, &from_peer("MESSAGE", "a", 1, ""));
    assert_eq!(wire.events(0).len(), 1);
    let second = from_peer("MESSAGE", "b", 2, "");
    wire.inject(0, PEER, &second);
    let heard = wire.heard();
    assert!(heard.starts_with("SIP/2.0 503 "));
    assert!(header(&heard, "Retry-After").parse::<u32>().unwrap() > 0);
    // Not many bytes more than came in, whoever the sender really was.
    assert!(
        heard.len() * 2 <= second.len() * 3,
        "{} of {}",
        heard.len(),
        second.len()
    );
    assert!(wire.events(0).is_empty());
    let failed = send(&mut wire, Method::Message);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Failed { id, why: Failure::Overloaded }] if id == failed
    ));
    wire.seconds(100);
    wire.inject(0, PEER, &second);
    assert_eq!(wire.events(0).len(), 1);
}

#[test]
fn a_call_over_the_limit_is_refused_both_ways() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |_, limits| limits.sip_dialogs = 1);
    call(&mut wire);
    wire.outside();
    call(&mut wire);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Rejected {
            status: Status::SERVICE_UNAVAILABLE,
            ..
        }]
    ));
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    assert!(wire.heard().starts_with("SIP/2.0 503 "));
}

/// An endpoint that has credentials.
fn known() -> Wire {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.credentials = Some(Credentials {
            realm: Some("example.com".into()),
            ..Credentials::new("alice", "wonderland")
        });
    });
    wire
}

fn challenge(nonce: &str, more: &str) -> String {
    format!("WWW-Authenticate: Digest realm=\"example.com\", nonce=\"{nonce}\", qop=\"auth\"{more}")
}

#[test]
fn rfc3261_22_2_a_challenge_is_answered_once_with_the_next_number() {
    let mut wire = known();
    let id = send(&mut wire, Method::Message);
    let first = wire.heard();
    wire.inject(
        0,
        PEER,
        &answer(&first, "401 Unauthorized", "x", &challenge("n1", "")),
    );
    let second = wire.heard();
    assert_eq!(header(&second, "CSeq"), "2 MESSAGE");
    for name in ["Call-ID", "From", "To"] {
        assert_eq!(header(&second, name), header(&first, name));
    }
    assert_ne!(header(&second, "Via"), header(&first, "Via"));
    let proof = header(&second, "Authorization");
    for part in [
        "Digest username=\"alice\"",
        "realm=\"example.com\"",
        "nonce=\"n1\"",
        "uri=\"sip:bob@10.0.0.9\"",
        "qop=auth",
        "nc=00000001",
    ] {
        assert!(proof.contains(part), "{part} in {proof}");
    }
    // Refused: no second guess.
    wire.inject(
        0,
        PEER,
        &answer(&second, "401 Unauthorized", "x", &challenge("n2", "")),
    );
    assert!(wire.outside().is_empty());
    assert!(matches!(
        &wire.events(0)[..],
        [Event::Response { id: answered, response }]
            if *answered == id && response.status() == Status::UNAUTHORIZED
    ));
}

#[test]
fn rfc3261_22_2_a_nonce_that_was_refused_is_not_answered_again_though_it_be_called_stale() {
    let mut wire = known();
    send(&mut wire, Method::Message);
    let first = wire.heard();
    let asked = answer(&first, "401 Unauthorized", "x", &challenge("n1", ""));
    wire.inject(0, PEER, &asked);
    let second = wire.heard();
    let stale = challenge("n1", ", stale=TRUE");
    wire.inject(0, PEER, &answer(&second, "401 Unauthorized", "x", &stale));
    assert!(wire.outside().is_empty());
    assert_eq!(wire.events(0).len(), 1);
}

#[test]
fn rfc3261_22_3_a_stale_nonce_is_replaced_and_a_proxy_answered_too() {
    let mut wire = known();
    send(&mut wire, Method::Message);
    let first = wire.heard();
    let proxy = challenge("p1", "").replace("WWW-Authenticate", "Proxy-Authenticate");
    wire.inject(
        0,
        PEER,
        &answer(&first, "407 Proxy Authentication Required", "x", &proxy),
    );
    let second = wire.heard();
    assert!(header(&second, "Proxy-Authorization").contains("nonce=\"p1\""));
    wire.inject(
        0,
        PEER,
        &answer(&second, "401 Unauthorized", "x", &challenge("n1", "")),
    );
    let third = wire.heard();
    assert!(header(&third, "Proxy-Authorization").contains("nonce=\"p1\""));
    assert!(header(&third, "Authorization").contains("nonce=\"n1\""));
    wire.inject(
        0,
        PEER,
        &answer(
            &third,
            "401 Unauthorized",
            "x",
            &challenge("n2", ", stale=TRUE"),
        ),
    );
    let fourth = wire.heard();
    assert_eq!(headers(&fourth, "Authorization").count(), 1);
    assert!(header(&fourth, "Authorization").contains("nonce=\"n2\""));
    assert_eq!(header(&fourth, "CSeq"), "4 MESSAGE");
    wire.inject(0, PEER, &answer(&fourth, "200 OK", "x", ""));
    assert_eq!(wire.events(0).len(), 1);
}

#[test]
fn rfc8760_2_4_the_strongest_challenge_is_answered() {
    let mut wire = known();
    send(&mut wire, Method::Message);
    let first = wire.heard();
    let both = format!(
        "{}\n{}",
        challenge("weak", ", algorithm=MD5"),
        challenge("strong", ", algorithm=SHA-256")
    );
    wire.inject(0, PEER, &answer(&first, "401 Unauthorized", "x", &both));
    let second = wire.heard();
    assert!(header(&second, "Authorization").contains("nonce=\"strong\""));
    assert!(header(&second, "Authorization").contains("algorithm=SHA-256"));
}

#[test]
fn a_foreign_realm_learns_nothing() {
    let mut wire = known();
    send(&mut wire, Method::Message);
    let first = wire.heard();
    let foreign = challenge("n1", "").replace("example.com", "evil.example");
    wire.inject(0, PEER, &answer(&first, "401 Unauthorized", "x", &foreign));
    assert!(wire.outside().is_empty());
    assert_eq!(wire.events(0).len(), 1);
}

#[test]
fn rfc3261_22_1_an_invite_is_proved_with_its_ack() {
    let mut wire = known();
    let id = call(&mut wire);
    let first = wire.heard();
    wire.inject(
        0,
        PEER,
        &answer(&first, "401 Unauthorized", "x", &challenge("n1", "")),
    );
    let heard = wire.outside();
    assert!(heard[0].text.starts_with("ACK "));
    let second = &heard[1].text;
    assert_eq!(header(second, "CSeq"), "2 INVITE");
    assert!(wire.events(0).is_empty());
    wire.inject(
        0,
        PEER,
        &answer(second, "200 OK", "peer", "Contact: <sip:bob@10.0.0.9>"),
    );
    let ack = wire.heard();
    assert_eq!(header(&ack, "CSeq"), "2 ACK");
    assert_eq!(
        header(&ack, "Authorization"),
        header(second, "Authorization")
    );
    wire.with(0, |sip, cx| sip.hang_up(cx, id, None));
    let bye = wire.heard();
    assert_eq!(header(&bye, "CSeq"), "3 BYE");
    // A BYE is challenged as well, and its number stays above.
    wire.inject(
        0,
        PEER,
        &answer(&bye, "401 Unauthorized", "", &challenge("n2", "")),
    );
    assert_eq!(header(&wire.heard(), "CSeq"), "4 BYE");
}

/// The calls that came in, each refused with 407 and two challenges.
fn challenge_all(wire: &mut Wire) -> usize {
    let events = wire.events(0);
    for event in &events {
        let Event::Invited { call, request, .. } = event else {
            panic!("{event:?}")
        };
        let mut response = request.response(Status::PROXY_AUTHENTICATION_REQUIRED);
        for algorithm in ["MD5", "SHA-256"] {
            let nonce = "0123456789abcdef0123456789abcdef01234567";
            let challenge = format!(
                "Digest realm=\"example.com\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\""
            );
            let headers = response.headers_mut();
            (headers.push_text(Name::ProxyAuthenticate, &challenge)).unwrap();
        }
        wire.with(0, |sip, cx| sip.reject(cx, *call, response));
    }
    events.len()
}

#[test]
fn rfc3261_8_2_7_who_is_challenged_by_datagram_costs_nothing_and_is_told_once() {
    let mut wire = alone();
    let invite = from_peer("INVITE", "a", 1, "");
    wire.inject(0, PEER, &invite);
    assert_eq!(challenge_all(&mut wire), 1);
    assert_eq!(wire.with(0, |sip, _| sip.load()), (0, 0));
    let first = wire.heard();
    assert!(first.starts_with("SIP/2.0 407 "));
    // No more bytes come back than half as many again, whatever there was to ask.
    let size = |text: &str| text.len() + text.lines().count();
    assert!(size(&first) * 2 <= size(&invite) * 3, "{first}");
    assert_eq!(headers(&first, "Proxy-Authenticate").count(), 1);
    // No Timer G, and the ACK finds nothing to end.
    wire.seconds(60);
    wire.inject(
        0,
        PEER,
        &from_peer("ACK", "a", 1, &format!("To: {}\n", header(&first, "To"))),
    );
    assert!(wire.outside().is_empty());
    // Who did not hear it asks again, and is told the same in the name of the same.
    wire.inject(0, PEER, &invite);
    assert_eq!(challenge_all(&mut wire), 1);
    assert_eq!(header(&wire.heard(), "To"), header(&first, "To"));
    // Who sends more is told more.
    let more = format!("Subject: {}\n", "x".repeat(300));
    wire.inject(0, PEER, &from_peer("INVITE", "b", 2, &more));
    assert_eq!(challenge_all(&mut wire), 1);
    assert_eq!(headers(&wire.heard(), "Proxy-Authenticate").count(), 2);
}

#[test]
fn rfc3261_8_2_7_after_a_provisional_response_a_challenge_is_sent_until_the_ack() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    // One that comes again before the 100 gets nothing for it.
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    assert!(wire.outside().is_empty());
    wire.run(std::time::Duration::from_millis(200));
    assert!(wire.heard().starts_with("SIP/2.0 100 "));
    challenge_all(&mut wire);
    wire.seconds(2);
    assert_eq!(wire.outside().len(), 3);
}

#[test]
fn rfc3261_22_1_a_hop_that_asked_once_need_not_ask_again() {
    let mut wire = known();
    let proxy = |nonce: &str, more: &str| {
        challenge(nonce, more).replace("WWW-Authenticate", "Proxy-Authenticate")
    };
    let ask = "407 Proxy Authentication Required";
    send(&mut wire, Method::Message);
    let first = wire.heard();
    wire.inject(0, PEER, &answer(&first, ask, "x", &proxy("n1", "")));
    let second = wire.heard();
    assert!(header(&second, "Proxy-Authorization").contains("nc=00000001"));
    wire.inject(0, PEER, &answer(&second, "200 OK", "x", ""));
    // The next ones bring their answer along, each with its own count.
    send(&mut wire, Method::Message);
    send(&mut wire, Method::Options);
    for (heard, count) in wire.outside().iter().zip(["00000002", "00000003"]) {
        let proof = header(&heard.text, "Proxy-Authorization");
        assert!(
            proof.contains("nonce=\"n1\"") && proof.contains(count),
            "{proof}"
        );
        assert_eq!(headers(&heard.text, "Authorization").count(), 0);
        wire.inject(0, PEER, &answer(&heard.text, "200 OK", "x", ""));
    }
    // A fresh nonce takes the place of the old one, whether the old one is called stale or not.
    for (nonce, more) in [("n2", ", stale=true"), ("n3", "")] {
        send(&mut wire, Method::Message);
        let old = wire.heard();
        wire.inject(0, PEER, &answer(&old, ask, "x", &proxy(nonce, more)));
        let new = wire.heard();
        assert_eq!(headers(&new, "Proxy-Authorization").count(), 1);
        let proof = header(&new, "Proxy-Authorization");
        assert!(proof.contains(&format!("nonce=\"{nonce}\"")), "{proof}");
        assert!(proof.contains("nc=00000001"), "{proof}");
        wire.inject(0, PEER, &answer(&new, "200 OK", "x", ""));
    }
    // Another hop is shown nothing.
    wire.with(0, |sip, cx| {
        let other = Request::new(Method::Message, &uri("sip:bob@10.0.0.8"));
        sip.request(cx, other, Target::Uri)
    });
    assert_eq!(headers(&wire.heard(), "Proxy-Authorization").count(), 0);
    // Nor is one that has said no.
    wire.events(0);
    send(&mut wire, Method::Message);
    for nonce in ["n4", "n5"] {
        let refused = wire.heard();
        wire.inject(0, PEER, &answer(&refused, ask, "x", &proxy(nonce, "")));
    }
    assert_eq!(wire.events(0).len(), 1);
    send(&mut wire, Method::Message);
    assert_eq!(headers(&wire.heard(), "Proxy-Authorization").count(), 0);
}

#[test]
fn rfc3261_22_2_an_answer_to_a_server_is_shown_to_no_other_server_of_the_same_hop() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.credentials = Some(Credentials::new("alice", "wonderland"));
        config.outbound_proxy = Some(uri("sip:10.0.0.9"));
    });
    let send = |wire: &mut Wire, to: &str| {
        let request = Request::new(Method::Message, &uri(to));
        wire.with(0, |sip, cx| sip.request(cx, request, Target::Uri));
        wire.heard()
    };
    let first = send(&mut wire, "sip:bob@one.example");
    wire.inject(
        0,
        PEER,
        &answer(&first, "401 Unauthorized", "x", &challenge("n1", "")),
    );
    assert!(header(&wire.heard(), "Authorization").contains("nc=00000001"));
    let again = send(&mut wire, "sip:bob@ONE.example");
    assert!(header(&again, "Authorization").contains("nc=00000002"));
    let other = send(&mut wire, "sip:carol@one.example");
    assert_eq!(headers(&other, "Authorization").count(), 0);
}

#[test]
fn what_is_remembered_of_challenges_is_bounded() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, limits| {
        config.credentials = Some(Credentials {
            realm: Some("example.com".into()),
            ..Credentials::new("alice", "wonderland")
        });
        limits.sip_challenges = 2;
    });
    let send = |wire: &mut Wire, number: u32| {
        let to = format!("sip:bob@10.0.1.{number}");
        let request = Request::new(Method::Message, &uri(&to));
        wire.with(0, |sip, cx| sip.request(cx, request, Target::Uri));
        wire.heard()
    };
    for number in 1..=3 {
        let first = send(&mut wire, number);
        let from = format!("10.0.1.{number}:5060");
        wire.inject(
            0,
            &from,
            &answer(&first, "401 Unauthorized", "x", &challenge("n1", "")),
        );
        assert_eq!(headers(&wire.heard(), "Authorization").count(), 1);
    }
    for (number, known) in [(1, 0), (2, 1), (3, 1)] {
        assert_eq!(
            headers(&send(&mut wire, number), "Authorization").count(),
            known
        );
    }
}

#[test]
fn rfc3261_18_1_1_an_answer_that_makes_a_request_too_large_goes_with_it_by_tcp() {
    let mut wire = known();
    wire.taken.insert(crate::wire::addr(PEER));
    let mut request = to_peer(Method::Message);
    request.set_body("text/plain", vec![b'x'; 900].into());
    wire.with(0, |sip, cx| sip.request(cx, request, Target::Uri));
    let first = wire.outside().remove(0);
    assert_eq!(first.transport, cpm::engine::Transport::Udp);
    wire.inject(
        0,
        PEER,
        &answer(&first.text, "401 Unauthorized", "x", &challenge("n1", "")),
    );
    let second = wire.outside().remove(0);
    assert_eq!(second.transport, cpm::engine::Transport::Tcp);
    assert!(header(&second.text, "Authorization").contains("nonce=\"n1\""));
}
