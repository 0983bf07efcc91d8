//! RFC 3310 and RFC 4169: digest with the answers of a SIM. The vector is set 1 of 3GPP TS 35.208.

use crate::rfc3261::{PEER, Wire, answer, header, uri};
use crate::wire::headers;
use cpm::engine::QuestionId;
use cpm::sip::digest::aka::{Question, Reaction, Vector, Verifier, out_of_step};
use cpm::sip::digest::{Algorithm, Answer, Challenge, Secret, Verdict, aka};
use cpm::sip::msg::header::Authorization;
use cpm::sip::msg::{Header, Method, Request, Status};
use cpm::sip::{Credentials, Event, Target};

const USER: &str = "alice@ims.example.com";
const REALM: &str = "ims.example.com";
const NONCE: &str = "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=";
const BOTH: [Algorithm; 2] = [Algorithm::AkaV1Md5, Algorithm::AkaV2Md5];

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
}

fn vector() -> Vector {
    Vector {
        question: Question {
            rand: bytes("23553cbe9637a89d218ae64dae47bf35"),
            autn: bytes("55f328b43577b9b94a9ffac354dfafb3"),
        },
        xres: bytes::<8>("a54211d5e3ba50bf").to_vec(),
        ck: bytes("b40ba9a3c58b2a05bbf0d987b21bf8cb"),
        ik: bytes("f769bcd751044604127672711c6d3441"),
    }
}

fn result() -> Reaction {
    let Vector { xres, ck, ik, .. } = vector();
    Reaction::Result { res: xres, ck, ik }
}

fn ask(algorithm: &str, nonce: &str) -> String {
    format!(
        "WWW-Authenticate: Digest realm=\"{REALM}\", nonce=\"{nonce}\", qop=\"auth\", algorithm={algorithm}"
    )
}

fn said(request: &str) -> Answer {
    let header = Authorization::parse(&header(request, "Authorization").into()).unwrap();
    Answer::read(&header).unwrap()
}

/// A REGISTER of a device with a SIM, challenged; gives what the SIM is to be asked.
fn challenged(challenge: &str) -> (Wire, String, QuestionId, Question) {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.credentials = Some(Credentials::sim(USER));
    });
    wire.with(0, |sip, cx| {
        let request = Request::new(Method::Register, &uri("sip:10.0.0.9"));
        sip.request(cx, request, Target::Uri)
    });
    let first = wire.heard();
    wire.inject(0, PEER, &answer(&first, "401 Unauthorized", "x", challenge));
    let (id, question) = asked(&mut wire);
    (wire, first, id, question)
}

fn asked(wire: &mut Wire) -> (QuestionId, Question) {
    match &wire.events(0)[..] {
        [Event::SimAsked { user, question, id }] => {
            assert_eq!(*user, USER);
            (*id, *question)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc3310_3_3_and_rfc4169_3_what_the_sim_says_is_the_password() {
    // Computed apart from this crate.
    let proofs = [
        "b0010f48b4128157b899d915d50c2ad2",
        "3a57c711b4d0316a5c105344d2660586",
    ];
    for (algorithm, proof) in BOTH.into_iter().zip(proofs) {
        let challenge = Verifier::new(REALM.into(), algorithm, vector()).challenge();
        assert_eq!(challenge.nonce, NONCE);
        assert_eq!(
            Challenge::read(&challenge.header()),
            Some(challenge.clone())
        );
        assert_eq!(Question::read(&challenge), Some(vector().question));
        let Vector { xres, ck, ik, .. } = vector();
        let password = aka::password(algorithm, &xres, &ck, &ik);
        let secret = Secret::Bytes(&password);
        let answer =
            challenge.respond(USER, secret, "REGISTER", "sip:ims.example.com", "cnonce", 1);
        assert_eq!(answer.response, proof);
    }
}

#[test]
fn rfc3310_the_sim_is_asked_and_the_network_is_content() {
    for algorithm in BOTH {
        let mut network = Verifier::new(REALM.into(), algorithm, vector());
        let (mut wire, first, id, question) = challenged(&ask(algorithm.name(), NONCE));
        assert_eq!(question, vector().question);
        assert!(wire.outside().is_empty(), "it waits for the SIM");
        wire.with(0, |sip, cx| sip.answer_sim(cx, id, result()));
        let second = wire.heard();
        assert_eq!(header(&second, "Call-ID"), header(&first, "Call-ID"));
        assert_eq!(network.verify(&said(&second), "REGISTER"), Verdict::Right);
        assert_eq!(network.verify(&said(&second), "REGISTER"), Verdict::Stale);
        assert_eq!(network.verify(&said(&second), "MESSAGE"), Verdict::Wrong);
        // Until the network asks again the same answer is good, with the next count.
        wire.inject(0, PEER, &answer(&second, "200 OK", "x", ""));
        wire.events(0);
        wire.with(0, |sip, cx| {
            let request = Request::new(Method::Register, &uri("sip:10.0.0.9"));
            sip.request(cx, request, Target::Uri)
        });
        let third = said(&wire.heard());
        assert_eq!(third.protection.as_ref().unwrap().count, 2);
        assert_eq!(network.verify(&third, "REGISTER"), Verdict::Right);
    }
}

#[test]
fn rfc3310_3_4_a_sim_out_of_step_says_so_once_and_is_asked_again() {
    let (mut wire, _, id, _) = challenged(&ask("AKAv1-MD5", NONCE));
    wire.with(0, |sip, cx| {
        sip.answer_sim(cx, id, Reaction::OutOfStep([7; 14]))
    });
    let second = wire.heard();
    let sync = said(&second);
    assert_eq!(out_of_step(&sync), Some([7; 14]));
    let mut network = Verifier::new(REALM.into(), Algorithm::AkaV1Md5, vector());
    assert_eq!(network.verify(&sync, "REGISTER"), Verdict::Wrong);
    let mut fresh = vector();
    fresh.question.rand[0] ^= 1;
    let mut network = Verifier::new(REALM.into(), Algorithm::AkaV1Md5, fresh);
    let nonce = network.challenge().nonce;
    let again = ask("AKAv1-MD5", &nonce);
    wire.inject(0, PEER, &answer(&second, "401 Unauthorized", "x", &again));
    let (id, _) = asked(&mut wire);
    wire.with(0, |sip, cx| sip.answer_sim(cx, id, result()));
    let third = said(&wire.heard());
    assert_eq!(third.auts, None);
    assert_eq!(network.verify(&third, "REGISTER"), Verdict::Right);
}

#[test]
fn rfc3310_a_challenge_that_no_sim_answers_stands() {
    for wait in [false, true] {
        let (mut wire, _, id, _) = challenged(&ask("AKAv1-MD5", NONCE));
        if wait {
            wire.seconds(60);
        } else {
            wire.with(0, |sip, cx| sip.answer_sim(cx, id, Reaction::Refusal));
        }
        assert!(matches!(
            &wire.events(0)[..],
            [Event::Response { response, .. }] if response.status() == Status::UNAUTHORIZED
        ));
        // Too late.
        wire.with(0, |sip, cx| sip.answer_sim(cx, id, result()));
        assert!(wire.outside().is_empty());
    }
}

#[test]
fn a_sim_answers_no_challenge_for_a_password_and_no_nonce_without_a_question() {
    for challenge in [
        ask("MD5", NONCE),
        ask("AKAv1-MD5", "c2hvcnQ="),
        ask("AKAv1-MD5", "%%%"),
    ] {
        let mut wire = Wire::new();
        wire.end("10.0.0.1:5060", |config, _| {
            config.credentials = Some(Credentials::sim(USER));
        });
        wire.with(0, |sip, cx| {
            let request = Request::new(Method::Register, &uri("sip:10.0.0.9"));
            sip.request(cx, request, Target::Uri)
        });
        let first = wire.heard();
        assert_eq!(headers(&first, "Authorization").count(), 0);
        wire.inject(
            0,
            PEER,
            &answer(&first, "401 Unauthorized", "x", &challenge),
        );
        assert!(wire.outside().is_empty());
        assert!(matches!(&wire.events(0)[..], [Event::Response { .. }]));
    }
}

/// TS 35.206, with the keys of the test set.
#[test]
fn ts35206_a_sim_of_milenage_answers_its_network() {
    use cpm::sip::digest::milenage::{Milenage, Sim};
    let functions = Milenage::with_op(
        &bytes("465b5ce8b199b49faa5f0a2ee238a6bc"),
        &bytes("cdc202d5123e20f62b6d676ac72cb318"),
    );
    let (rand, sqn) = (vector().question.rand, 0xff9b_b4d0_b607);
    let made = functions.vector(rand, sqn, bytes("b9b9"));
    assert_eq!(made.question, vector().question);
    assert_eq!(made.xres, vector().xres);
    // A SIM whose last question was far from that one: it is put into step, and registers.
    let mut sim = Sim::new(functions.clone(), 100);
    let algorithm = Algorithm::AkaV2Md5;
    let (mut wire, _, id, question) = challenged(&ask(algorithm.name(), NONCE));
    let reaction = sim.answer(&question);
    wire.with(0, |sip, cx| sip.answer_sim(cx, id, reaction));
    let second = wire.heard();
    let auts = out_of_step(&said(&second)).unwrap();
    let at = functions.resynchronise(&rand, &auts).unwrap();
    assert_eq!(at >> 5, 100 >> 5);
    let fresh = functions.vector([5; 16], at + 32, [0x80, 0]);
    let mut network = Verifier::new(REALM.into(), algorithm, fresh);
    let nonce = network.challenge().nonce;
    let challenge = ask(algorithm.name(), &nonce);
    wire.inject(
        0,
        PEER,
        &answer(&second, "401 Unauthorized", "x", &challenge),
    );
    let (id, question) = asked(&mut wire);
    let reaction = sim.answer(&question);
    wire.with(0, |sip, cx| sip.answer_sim(cx, id, reaction));
    assert_eq!(
        network.verify(&said(&wire.heard()), "REGISTER"),
        Verdict::Right
    );
}
