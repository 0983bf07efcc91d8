//! RFC 6337: offers and answers wherever they may stand. Those in PRACK and UPDATE are with RFC 3262 and RFC 3311.

use crate::rfc3261::*;
use cpm::sip::msg::{Method, Status};
use cpm::sip::offer::Misplaced;
use cpm::sip::{CallError, EndCause, Event, Target};

const CONTACT: &str = "Contact: <sip:bob@10.0.0.9>";

#[test]
fn rfc6337_2_an_offer_in_the_2xx_is_answered_in_the_ack() {
    let mut wire = alone();
    let id = wire.with(0, |sip, cx| {
        sip.invite(cx, to_peer(Method::Invite), Target::Uri)
    });
    let invite = wire.heard();
    let ok = with_sdp(&answer(&invite, "200 OK", "peer", CONTACT));
    wire.inject(0, PEER, &ok);
    // It comes again while the application thinks.
    wire.inject(0, PEER, &ok);
    assert!(wire.outside().is_empty());
    assert!(matches!(
        wire.events(0)[..],
        [Event::Accepted { call, held: true, .. }] if call == id
    ));
    wire.with(0, |sip, cx| {
        assert_eq!(
            sip.acknowledge(cx, id, None),
            Err(CallError::Offer(Misplaced::AnswerMissing))
        );
        assert_eq!(
            sip.reinvite(cx, id, Some("v=1\r\n".into())),
            Err(CallError::Busy)
        );
        sip.acknowledge(cx, id, Some("v=1\r\n".into())).unwrap();
    });
    let ack = wire.heard();
    assert!(ack.starts_with("ACK ") && ack.ends_with("\n\nv=1\n"));
    wire.inject(0, PEER, &ok);
    assert_eq!(wire.heard(), ack);
}

#[test]
fn rfc6337_2_an_offer_in_the_2xx_that_nobody_answers_ends_the_call() {
    for hang_up in [true, false] {
        let mut wire = alone();
        let id = wire.with(0, |sip, cx| {
            sip.invite(cx, to_peer(Method::Invite), Target::Uri)
        });
        let invite = wire.heard();
        let ok = with_sdp(&answer(&invite, "200 OK", "peer", CONTACT));
        wire.inject(0, PEER, &ok);
        wire.events(0);
        match hang_up {
            true => wire.with(0, |sip, cx| sip.hang_up(cx, id, None)),
            false => wire.seconds(32),
        }
        let heard = wire.outside();
        // Even so the 2xx is acknowledged before the BYE (RFC 3261 §13.2.2.4).
        assert!(heard[0].text.starts_with("ACK "), "{heard:?}");
        assert!(heard[1].text.starts_with("BYE "), "{heard:?}");
        let cause = match hang_up {
            true => EndCause::Local,
            false => EndCause::NoAnswer,
        };
        assert!(matches!(
            wire.events(0)[..],
            [Event::Ended { cause: one, .. }] if one == cause
        ));
    }
}

#[test]
fn rfc6337_2_our_offer_in_the_2xx_is_answered_in_the_ack() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    let (id, request) = invited(&mut wire);
    wire.with(0, |sip, cx| {
        sip.accept(cx, id, sdp(request.response(Status::OK)))
    })
    .unwrap();
    let to = format!("To: {}\n", header(&wire.heard(), "To"));
    wire.inject(0, PEER, &with_sdp(&from_peer("ACK", "b", 1, &to)));
    match &wire.events(0)[..] {
        [Event::Confirmed { request, .. }] => assert_eq!(request.body(), "v=0\r\n"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc6337_2_an_answer_that_is_missing_or_one_too_many_is_refused() {
    let mut wire = alone();
    wire.inject(0, PEER, &with_sdp(&from_peer("INVITE", "a", 1, "")));
    let (id, request) = invited(&mut wire);
    wire.with(0, |sip, cx| {
        assert_eq!(
            sip.accept(cx, id, request.response(Status::OK)),
            Err(CallError::Offer(Misplaced::AnswerMissing))
        );
        // What an unreliable response shows is no answer.
        sip.progress(cx, id, sdp(request.response(Status::SESSION_PROGRESS)))
            .unwrap();
        sip.accept(cx, id, sdp(request.response(Status::OK)))
            .unwrap();
        assert_eq!(
            sip.accept(cx, id, sdp(request.response(Status::OK))),
            Err(CallError::State)
        );
    });
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    let (id, request) = invited(&mut wire);
    wire.with(0, |sip, cx| {
        // Nobody would acknowledge an offer in it.
        assert_eq!(
            sip.progress(cx, id, sdp(request.response(Status::SESSION_PROGRESS))),
            Err(CallError::Offer(Misplaced::NoPlace))
        );
    });
}

#[test]
fn rfc6337_2_a_reinvite_without_an_offer_asks_for_one() {
    let mut wire = alone();
    let (id, _) = up(&mut wire);
    wire.with(0, |sip, cx| sip.reinvite(cx, id, None)).unwrap();
    let invite = wire.heard();
    assert_eq!(header(&invite, "Content-Length"), "0");
    let ok = with_sdp(&answer(&invite, "200 OK", "", CONTACT));
    wire.inject(0, PEER, &ok);
    assert!(wire.outside().is_empty());
    assert!(matches!(
        wire.events(0)[..],
        [Event::Reanswered {
            response: Some(_),
            ..
        }]
    ));
    wire.with(0, |sip, cx| sip.acknowledge(cx, id, Some("v=2\r\n".into())))
        .unwrap();
    let ack = wire.heard();
    assert!(ack.starts_with("ACK ") && ack.ends_with("\n\nv=2\n"));
    // The other way around: we offer in the 2xx, the ACK answers.
    let mut wire = alone();
    let (id, to) = answered(&mut wire);
    wire.inject(0, PEER, &from_peer("INVITE", "re", 2, &to));
    let events = wire.events(0);
    let [Event::Reinvited { request, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    wire.with(0, |sip, cx| {
        sip.answer_reinvite(cx, id, sdp(request.response(Status::OK)))
    })
    .unwrap();
    wire.inject(0, PEER, &with_sdp(&from_peer("ACK", "re-ack", 2, &to)));
    assert!(matches!(wire.events(0)[..], [Event::Confirmed { .. }]));
}

#[test]
fn rfc6337_a_refused_reinvite_leaves_the_description_as_it_was() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    let session = format!("{CONTACT}\nSession-Expires: 100;refresher=uac");
    wire.inject(
        0,
        PEER,
        &with_sdp(&answer(&invite, "200 OK", "peer", &session)),
    );
    wire.heard();
    wire.with(0, |sip, cx| sip.reinvite(cx, id, Some("v=1\r\n".into())))
        .unwrap();
    let offer = wire.heard();
    wire.inject(0, PEER, &answer(&offer, "488 Not Acceptable Here", "", ""));
    wire.outside();
    wire.seconds(50);
    // The refresh repeats what was agreed on.
    let refresh = wire.outside().remove(0).text;
    assert!(
        refresh.starts_with("INVITE ") && refresh.ends_with("\n\nv=0\n"),
        "{refresh}"
    );
}
