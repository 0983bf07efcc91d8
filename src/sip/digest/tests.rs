use super::*;
use crate::sip::msg::header::{Authorization, ProxyAuthorization, WwwAuthenticate};
use crate::sip::msg::{Header, Headers};
use crate::wire::Text;

fn challenge(realm: &'static str, nonce: &'static str, algorithm: Algorithm) -> Challenge {
    Challenge {
        realm: Text::from_static(realm),
        nonce: Text::from_static(nonce),
        opaque: None,
        stale: false,
        algorithm,
        qop: true,
        integrity: false,
        userhash: false,
    }
}

#[test]
fn rfc7616_3_9_1_md5_and_sha256() {
    for (algorithm, expected) in [
        (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            Algorithm::Sha256,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let answer = challenge(
            "http-auth@example.org",
            "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            algorithm,
        )
        .respond(
            "Mufasa",
            Secret::Password("Circle of Life"),
            "GET",
            "/dir/index.html",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            1,
        );
        assert_eq!(answer.response, expected);
    }
}

#[test]
fn rfc2617_3_5_example() {
    let answer = challenge(
        "testrealm@host.com",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        Algorithm::Md5,
    )
    .respond(
        "Mufasa",
        Secret::Password("Circle Of Life"),
        "GET",
        "/dir/index.html",
        "0a4f113b",
        1,
    );
    assert_eq!(answer.response, "6629fae49393a05397450978507c4ef1");
    // What a server stores gives the same.
    let hashed = Algorithm::Md5.hash(&["Mufasa", "testrealm@host.com", "Circle Of Life"]);
    assert_eq!(hashed, "939e7578ed9e3c518a452acee763bce9");
    assert_eq!(
        answer.expected(Secret::Hashed(&hashed), "GET".into()),
        answer.response.as_str()
    );
}

#[test]
fn rfc7616_3_5_the_server_proves_itself_by_the_same_rule_without_a_method() {
    let answer = challenge("r", "n", Algorithm::Md5).respond(
        "u",
        Secret::Password("p"),
        "AUTH",
        "msrps://r;tcp",
        "c",
        1,
    );
    let ha1 = Algorithm::Md5.hash(&["u", "r", "p"]);
    let ha2 = Algorithm::Md5.hash(&[":msrps://r;tcp"]);
    let proof = Algorithm::Md5.hash(&[&ha1, "n", "00000001", "c", "auth", &ha2]);
    assert_eq!(answer.server_proof(Secret::Password("p")), proof);
    assert_ne!(answer.server_proof(Secret::Password("q")), proof);
}

#[test]
fn every_algorithm_is_found_by_its_name() {
    for algorithm in Algorithm::ALL {
        assert_eq!(
            Algorithm::named(&algorithm.name().to_lowercase()),
            Some(algorithm)
        );
    }
    assert!(Algorithm::Sha256 > Algorithm::Md5Session);
}

fn answer(challenge: &Challenge, password: &str, count: u32) -> Answer {
    challenge.respond(
        "alice",
        Secret::Password(password),
        "REGISTER",
        "sip:example.com",
        "abc",
        count,
    )
}

#[test]
fn challenges_and_answers_there_and_back() {
    for (qop, integrity) in [(true, false), (true, true), (false, true), (false, false)] {
        for algorithm in Algorithm::ALL {
            let mut challenge = challenge("a\"b\\c", "n", algorithm);
            challenge.opaque = Some(Text::from_static("o"));
            challenge.stale = true;
            challenge.qop = qop;
            challenge.integrity = integrity;
            assert_eq!(
                Challenge::read(&challenge.header()),
                Some(challenge.clone())
            );
            let answer = answer(&challenge, "wonderland", 0x1a);
            assert_eq!(Answer::read(&answer.header()), Some(answer));
        }
    }
}

#[test]
fn rfc3261_22_3_a_proxy_reads_what_was_answered_to_a_proxy() {
    let mut headers = Headers::default();
    let asked = |nonce| answer(&challenge("r", nonce, Algorithm::Md5), "p", 1).header();
    headers.push(&Authorization(asked("server")));
    let nonce = |headers: &Headers, realm, proxy| {
        Answer::of(headers, realm, proxy).map(|answer| answer.nonce)
    };
    assert_eq!(nonce(&headers, "r", true).as_deref(), Some("server"));
    headers.push(&ProxyAuthorization(asked("proxy")));
    assert_eq!(nonce(&headers, "r", true).as_deref(), Some("proxy"));
    assert_eq!(nonce(&headers, "r", false).as_deref(), Some("server"));
    assert_eq!(nonce(&headers, "other", false), None);
}

#[test]
fn what_we_cannot_answer_is_no_challenge() {
    for text in [
        "Basic realm=\"x\"",
        "Digest realm=\"x\", nonce=\"y\", algorithm=ROT13",
        "Digest realm=\"x\", nonce=\"y\", qop=\"auth-conf\"",
        "Digest realm=\"x\"",
    ] {
        let header = WwwAuthenticate::parse(&Text::from(text)).unwrap();
        assert_eq!(Challenge::read(&header), None, "{text}");
    }
    let header = WwwAuthenticate::parse(&Text::from(
        "Digest realm=x, nonce=\"y\", qop=\"auth-int, AUTH\", stale=TRUE",
    ));
    let challenge = Challenge::read(&header.unwrap()).unwrap();
    assert!(challenge.qop && challenge.stale && challenge.algorithm == Algorithm::Md5);
}

#[test]
fn rfc7616_3_4_3_auth_int_covers_the_body() {
    let mut offered = challenge("r", "n", Algorithm::Sha256);
    (offered.qop, offered.integrity) = (false, true);
    let asked = |body| Asked {
        method: "MESSAGE",
        body,
    };
    let secret = Secret::Password("p");
    let answer = offered.respond("u", secret, asked(b"hello"), "sip:x", "c", 1);
    let ha1 = Algorithm::Sha256.hash(&["u", "r", "p"]);
    let body = Algorithm::Sha256.hash(&["hello"]);
    let ha2 = Algorithm::Sha256.hash(&["MESSAGE", "sip:x", &body]);
    let proof = Algorithm::Sha256.hash(&[&ha1, "n", "00000001", "c", "auth-int", &ha2]);
    assert_eq!(answer.response, proof.as_str());
    assert_ne!(answer.expected(secret, asked(b"hullo")), proof);
    assert_eq!(answer.header().params.value("qop"), Some("auth-int"));
}

#[test]
fn rfc7616_3_4_4_a_name_is_hidden_if_the_server_can_find_it() {
    let mut offered = challenge("r", "n", Algorithm::Md5);
    offered.userhash = true;
    assert_eq!(Challenge::read(&offered.header()).as_ref(), Some(&offered));
    let sent = answer(&offered, "wonderland", 1);
    let mut seen = Answer::read(&sent.header()).unwrap();
    assert!(
        !sent
            .header()
            .params
            .value("username")
            .unwrap()
            .contains("alice")
    );
    assert!(seen.is_from("alice") && !seen.is_from("bob"));
    // With the name that it has found the server can check the proof.
    seen.user = Text::from_static("alice");
    let expected = seen.expected(Secret::Password("wonderland"), "REGISTER".into());
    assert_eq!(expected, seen.response.as_str());
}
