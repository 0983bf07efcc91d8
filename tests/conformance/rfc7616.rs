//! RFC 7616: digest access authentication, as far as SIP has taken it up (RFC 8760).

use crate::rfc3261::{PEER, Wire, alone, answer, header, send, to_peer, uri};
use crate::wire::headers;
use cpm::sip::digest::{Answer, Challenge, Info, Secret};
use cpm::sip::msg::header::Authorization;
use cpm::sip::msg::{Header, Method};
use cpm::sip::{Credentials, Event, Failure, Target};

const ASK: &str = "401 Unauthorized";

fn known(set: impl FnOnce(&mut Credentials)) -> Wire {
    let mut wire = Wire::new();
    let mut credentials = Credentials::new("alice", "wonderland");
    credentials.realm = Some("example.com".into());
    set(&mut credentials);
    wire.end("10.0.0.1:5060", |config, _| {
        config.credentials = Some(credentials);
    });
    wire
}

fn challenge(more: &str) -> String {
    format!("WWW-Authenticate: Digest realm=\"example.com\", nonce=\"n1\"{more}")
}

fn proof(request: &str) -> Answer {
    let header = Authorization::parse(&header(request, "Authorization").into()).unwrap();
    Answer::read(&header).unwrap()
}

fn info(request: &str, password: &str, more: &str) -> String {
    let proof = proof(request);
    let mut text = String::new();
    let info = Info::about(&proof, Secret::Password(password), b"");
    info.header(&proof).write(&mut text);
    format!("Authentication-Info: {text}{more}")
}

/// A MESSAGE with a body, challenged; gives what the client then sends.
fn challenged(wire: &mut Wire, challenge: &str) -> String {
    wire.with(0, |sip, cx| {
        let mut request = to_peer(Method::Message);
        request.set_body("text/plain", "hello".into());
        sip.request(cx, request, Target::Uri)
    });
    let first = wire.heard();
    wire.inject(0, PEER, &answer(&first, ASK, "x", challenge));
    wire.heard()
}

#[test]
fn rfc7616_3_4_3_auth_int_is_answered_where_nothing_else_is_offered() {
    let mut wire = known(|_| {});
    let second = challenged(&mut wire, &challenge(", qop=\"auth-int\""));
    let said = proof(&second);
    assert!(said.protection.as_ref().unwrap().integrity);
    let asked = Challenge {
        realm: "example.com".into(),
        nonce: "n1".into(),
        opaque: None,
        stale: false,
        algorithm: said.algorithm,
        qop: false,
        integrity: true,
        userhash: false,
    };
    let cnonce = &said.protection.as_ref().unwrap().cnonce;
    let same = |body: &[u8]| {
        let asked_for = cpm::sip::digest::Asked {
            method: "MESSAGE",
            body,
        };
        let secret = Secret::Password("wonderland");
        asked.respond("alice", secret, asked_for, "sip:bob@10.0.0.9", cnonce, 1) == said
    };
    assert!(same(b"hello") && !same(b"hullo"));
}

#[test]
fn rfc7616_3_5_the_next_nonce_is_used_for_the_next_request() {
    let mut wire = known(|_| {});
    let second = challenged(&mut wire, &challenge(", qop=\"auth\""));
    let ok = info(&second, "wonderland", ", nextnonce=\"n2\"");
    wire.inject(0, PEER, &answer(&second, "200 OK", "x", &ok));
    send(&mut wire, Method::Message);
    let third = proof(&wire.heard());
    assert_eq!(third.nonce, "n2");
    assert_eq!(third.protection.unwrap().count, 1);
}

#[test]
fn rfc7616_3_5_a_server_that_does_not_know_the_password_has_not_accepted_anything() {
    for (mutual, password, accepted) in [
        (false, Some("wonderland"), true),
        (false, Some("looking-glass"), false),
        (false, None, true),
        (true, Some("wonderland"), true),
        (true, None, false),
    ] {
        let mut wire = known(|credentials| credentials.mutual = mutual);
        let second = challenged(&mut wire, &challenge(", qop=\"auth\""));
        let extra = password.map_or_else(String::new, |password| info(&second, password, ""));
        wire.inject(0, PEER, &answer(&second, "200 OK", "x", &extra));
        match &wire.events(0)[..] {
            [Event::Response { .. }] => assert!(accepted, "{mutual} {password:?}"),
            [Event::Failed { why, .. }] => {
                assert_eq!(*why, Failure::Impostor);
                assert!(!accepted, "{mutual} {password:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn rfc7616_3_4_4_the_user_name_is_hidden_from_who_watches() {
    let mut wire = known(|_| {});
    let second = challenged(&mut wire, &challenge(", qop=\"auth\", userhash=true"));
    assert!(!header(&second, "Authorization").contains("alice"));
    assert!(proof(&second).is_from("alice"));
}

/// CVE-2021-41158: a stranger asks for the realm of our registrar, and would get something to guess the password from.
#[test]
fn attack_09_a_realm_is_answered_only_where_it_is_at_home() {
    const STRANGER: &str = "10.0.0.66:5060";
    for named in [true, false] {
        let mut wire = known(|credentials| {
            if !named {
                credentials.realm = None;
            }
        });
        wire.with(0, |sip, cx| {
            let aor = uri("sip:alice@example.com");
            let mut config = cpm::sip::register::Config::new(aor, uri("sip:10.0.0.9"));
            config.keep_alive = false;
            sip.register(cx, config)
        });
        let first = wire.heard();
        wire.inject(
            0,
            PEER,
            &answer(&first, ASK, "x", &challenge(", qop=\"auth\"")),
        );
        let second = wire.heard();
        assert_eq!(headers(&second, "Authorization").count(), 1);
        wire.inject(0, PEER, &answer(&second, "200 OK", "x", "Expires: 600"));
        wire.events(0);
        // The stranger calls, is answered, and challenges the BYE that follows.
        let invite =
            crate::rfc3261::from_peer("INVITE", "a", 1, "").replace("10.0.0.9", "10.0.0.66");
        wire.inject(0, STRANGER, &invite);
        let (call, request) = crate::rfc3261::invited(&mut wire);
        wire.with(0, |sip, cx| {
            let ok = request.response(cpm::sip::msg::Status::OK);
            sip.accept(cx, call, ok).unwrap();
        });
        let ok = wire.heard();
        let to = format!("To: {}\n", header(&ok, "To"));
        let ack = crate::rfc3261::from_peer("ACK", "b", 1, &to).replace("10.0.0.9", "10.0.0.66");
        wire.inject(0, STRANGER, &ack);
        wire.with(0, |sip, cx| sip.hang_up(cx, call, None));
        let bye = wire.heard();
        assert!(bye.starts_with("BYE "), "{bye}");
        for ask in [ASK, "407 Proxy Authentication Required"] {
            let mut asked = challenge(", qop=\"auth\"");
            if ask.starts_with("407") {
                asked = asked.replace("WWW-Authenticate", "Proxy-Authenticate");
            }
            wire.inject(0, STRANGER, &answer(&bye, ask, "", &asked));
            assert!(wire.outside().is_empty(), "{named} {ask}");
        }
    }
}

#[test]
fn attack_09_without_a_realm_the_first_server_is_the_only_one() {
    let mut wire = known(|credentials| credentials.realm = None);
    let second = challenged(&mut wire, &challenge(", qop=\"auth\""));
    wire.inject(0, PEER, &answer(&second, "200 OK", "x", ""));
    send(&mut wire, Method::Options);
    let other = wire.heard();
    assert_eq!(headers(&other, "Authorization").count(), 1);
    let foreign = challenge(", qop=\"auth\"").replace("example.com", "other.example");
    wire.inject(0, PEER, &answer(&other, ASK, "x", &foreign));
    assert!(wire.outside().is_empty());
    // Who has no credentials answers nobody.
    let mut wire = alone();
    send(&mut wire, Method::Message);
    let first = wire.heard();
    wire.inject(0, PEER, &answer(&first, ASK, "x", &challenge("")));
    assert!(wire.outside().is_empty());
}

#[test]
fn rfc7615_4_a_proxy_says_which_nonce_is_next_and_proves_itself() {
    const PROXY_ASK: &str = "407 Proxy Authentication Required";
    let ask = challenge(", qop=\"auth\"").replace("WWW-", "Proxy-");
    for (password, accepted) in [("wonderland", true), ("guess", false)] {
        let mut wire = known(|_| {});
        send(&mut wire, Method::Message);
        let first = wire.heard();
        wire.inject(0, PEER, &answer(&first, PROXY_ASK, "x", &ask));
        let second = wire.heard();
        // As a server would say it, of the answer to the proxy.
        let as_server = second.replace("Proxy-Authorization", "Authorization");
        let info = info(&as_server, password, ", nextnonce=\"fresh\"");
        let info = info.replace("Authentication-Info", "Proxy-Authentication-Info");
        wire.inject(0, PEER, &answer(&second, "200 OK", "x", &info));
        match &wire.events(0)[..] {
            [Event::Response { .. }] => assert!(accepted),
            [Event::Failed { why, .. }] => assert!(!accepted && *why == Failure::Impostor),
            other => panic!("{other:?}"),
        }
        if accepted {
            send(&mut wire, Method::Message);
            let next = wire.heard();
            let proof = header(&next, "Proxy-Authorization");
            assert!(proof.contains("nonce=\"fresh\""), "{proof}");
        }
    }
}
