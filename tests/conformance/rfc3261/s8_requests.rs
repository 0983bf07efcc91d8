//! §8, §20, §22: requests outside dialogs, and challenges.

use super::*;
use crate::wire::headers;
use cpm::sip::msg::Status;
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
        request
            .headers_mut()
            .push_text(cpm::sip::msg::Name::Route, route)
            .unwrap();
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
        &from_peer("INVITE", "a", 1, "Require: timer, 100rel, magic\n"),
    );
    let heard = wire.heard();
    assert!(heard.starts_with("SIP/2.0 420 Bad Extension\n"));
    assert_eq!(header(&heard, "Unsupported"), "100rel, magic");
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
