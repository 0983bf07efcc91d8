//! RFC 3262: reliable provisional responses and PRACK.

use crate::rfc3261::*;
use cpm::sip::msg::{Method, Name, Request, Status};
use cpm::sip::offer::Misplaced;
use cpm::sip::{CallError, CallId, EndCause, Event, Target};

const SUPPORTED: &str = "Supported: 100rel\n";
const RELIABLE: &str =
    "Contact: <sip:bob@10.0.0.9>\nRequire: 100rel\nAllow: INVITE, PRACK, UPDATE\n";

/// The peer's INVITE with an offer, which we have not answered.
fn ringing(extra: &str) -> (Wire, CallId, Request) {
    let mut wire = alone();
    wire.inject(0, PEER, &with_sdp(&from_peer("INVITE", "a", 1, extra)));
    let (call, request) = invited(&mut wire);
    (wire, call, request)
}

fn reliably(wire: &mut Wire, call: CallId, response: cpm::sip::msg::Response) {
    wire.with(0, |sip, cx| sip.progress_reliably(cx, call, response))
        .unwrap();
}

/// A PRACK of the peer's for a response that was heard.
fn prack(response: &str, cseq: u32) -> String {
    let rack = format!(
        "To: {}\nRAck: {} 1 INVITE\n",
        header(response, "To"),
        header(response, "RSeq")
    );
    from_peer("PRACK", &format!("p{cseq}"), cseq, &rack)
}

/// A reliable provisional response of the peer's.
fn reliable(invite: &str, status: &str, tag: &str, rseq: u32) -> String {
    answer(invite, status, tag, &format!("{RELIABLE}RSeq: {rseq}"))
}

#[test]
fn rfc3262_3_sent_again_over_and_over_until_the_prack() {
    let (mut wire, call, request) = ringing(SUPPORTED);
    reliably(&mut wire, call, request.response(Status::RINGING));
    wire.run(std::time::Duration::from_millis(8000));
    let heard = wire.outside();
    // It doubles and knows no T2, whatever the transport.
    assert_eq!(
        Wire::times(&heard, "SIP/2.0 180"),
        [0, 500, 1500, 3500, 7500]
    );
    let ringing = &heard[0].text;
    assert_eq!(header(ringing, "Require"), "100rel");
    let number: u32 = header(ringing, "RSeq").parse().unwrap();
    assert!((1..1 << 31).contains(&number));
    assert!(header(ringing, "Contact").starts_with("<sip:alice@"));
    wire.inject(0, PEER, &prack(ringing, 2));
    let ok = wire.heard();
    assert!(ok.starts_with("SIP/2.0 200 ") && header(&ok, "CSeq") == "2 PRACK");
    assert!(matches!(wire.events(0)[..], [Event::Acknowledged { call: one, .. }] if one == call));
    wire.seconds(60);
    assert!(wire.outside().is_empty());
}

#[test]
fn rfc3262_3_the_doubling_goes_on_beyond_t2() {
    let (mut wire, call, request) = ringing(SUPPORTED);
    reliably(&mut wire, call, request.response(Status::RINGING));
    wire.seconds(31);
    let times = Wire::times(&wire.outside(), "SIP/2.0 180");
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 15_500]);
}

#[test]
fn rfc3262_3_without_a_prack_the_invite_is_refused() {
    let (mut wire, call, request) = ringing(SUPPORTED);
    reliably(&mut wire, call, request.response(Status::RINGING));
    wire.seconds(31);
    assert!(wire.events(0).is_empty());
    wire.outside();
    wire.seconds(1);
    let heard = wire.outside();
    assert_eq!(Wire::times(&heard, "SIP/2.0 504 "), [32_000]);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Ended { call: one, cause: EndCause::NoPrack, .. }] if one == call
    ));
}

#[test]
fn rfc3262_3_a_prack_that_matches_nothing_is_481() {
    let (mut wire, call, request) = ringing(SUPPORTED);
    reliably(&mut wire, call, request.response(Status::RINGING));
    let ringing = wire.heard();
    let right = prack(&ringing, 2);
    let rack = format!("RAck: {} 1 INVITE", header(&ringing, "RSeq"));
    for wrong in ["RAck: 0 1 INVITE", "RAck: 5 1 INVITE"] {
        wire.inject(0, PEER, &right.replace(&rack, wrong));
        assert!(wire.heard().starts_with("SIP/2.0 481 "), "{wrong}");
    }
    for (number, wrong) in [(3, " 2 INVITE"), (4, " 1 UPDATE")] {
        let wrong = rack.replace(" 1 INVITE", wrong);
        wire.inject(0, PEER, &prack(&ringing, number).replace(&rack, &wrong));
        assert!(wire.heard().starts_with("SIP/2.0 481 "), "{wrong}");
    }
    wire.inject(0, PEER, &prack(&ringing, 5).replace(&rack, "X: y"));
    assert!(wire.heard().starts_with("SIP/2.0 400 "));
    wire.inject(0, PEER, &prack(&ringing, 6));
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
    // Once is enough: a second one is about nothing, the same one again is answered by its transaction.
    wire.inject(0, PEER, &prack(&ringing, 7));
    assert!(wire.heard().starts_with("SIP/2.0 481 "));
    wire.inject(0, PEER, &prack(&ringing, 6));
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
}

#[test]
fn rfc3262_3_the_next_one_waits_for_the_prack_and_has_the_next_number() {
    let (mut wire, call, request) = ringing(SUPPORTED);
    reliably(&mut wire, call, request.response(Status::RINGING));
    reliably(&mut wire, call, request.response(Status::QUEUED));
    let first = wire.heard();
    wire.inject(0, PEER, &prack(&first, 2));
    let heard = wire.outside();
    let second = &heard[1].text;
    assert!(second.starts_with("SIP/2.0 182 "), "{heard:?}");
    let number = |message: &str| header(message, "RSeq").parse::<u32>().unwrap();
    assert_eq!(number(second), number(&first) + 1);
    wire.inject(0, PEER, &prack(second, 3));
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
}

#[test]
fn rfc3262_3_how_many_wait_is_bounded() {
    let (mut wire, call, request) = ringing(SUPPORTED);
    for _ in 0..9 {
        reliably(&mut wire, call, request.response(Status::RINGING));
    }
    let more = request.response(Status::RINGING);
    assert_eq!(
        wire.with(0, |sip, cx| sip.progress_reliably(cx, call, more)),
        Err(CallError::Busy)
    );
}

#[test]
fn rfc3262_3_only_to_those_who_support_it_and_always_to_those_who_require_it() {
    let (mut wire, call, request) = ringing("");
    assert_eq!(
        wire.with(0, |sip, cx| {
            sip.progress_reliably(cx, call, request.response(Status::RINGING))
        }),
        Err(CallError::Unsupported)
    );
    let (mut wire, call, request) = ringing("Require: 100rel\n");
    wire.with(0, |sip, cx| {
        // 100 is never reliable.
        sip.progress(cx, call, request.response(Status::TRYING))
            .unwrap();
        sip.progress(cx, call, request.response(Status::RINGING))
            .unwrap();
    });
    let heard = wire.outside();
    assert!(!heard[0].text.contains("RSeq"));
    assert_eq!(header(&heard[1].text, "Require"), "100rel");
    header(&heard[1].text, "RSeq");
    // The application may ask for it by the response itself.
    let (mut wire, call, request) = ringing(SUPPORTED);
    let mut response = request.response(Status::RINGING);
    response
        .headers_mut()
        .set_text(Name::Require, "100rel")
        .unwrap();
    wire.with(0, |sip, cx| sip.progress(cx, call, response))
        .unwrap();
    header(&wire.heard(), "RSeq");
}

#[test]
fn rfc3262_3_who_will_not_have_it_refuses_with_420_and_who_needs_it_with_421() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| config.supported.clear());
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, "Require: 100rel\n"));
    let refused = wire.heard();
    assert!(refused.starts_with("SIP/2.0 420 "));
    assert_eq!(header(&refused, "Unsupported"), "100rel");
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.required = vec!["100rel".into()];
    });
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    let refused = wire.heard();
    assert!(refused.starts_with("SIP/2.0 421 "));
    assert_eq!(header(&refused, "Require"), "100rel");
    wire.inject(0, PEER, &with_sdp(&from_peer("INVITE", "b", 2, SUPPORTED)));
    let (call, request) = invited(&mut wire);
    wire.with(0, |sip, cx| {
        sip.progress(cx, call, request.response(Status::RINGING))
    })
    .unwrap();
    header(&wire.heard(), "RSeq");
    // Our own INVITEs say so.
    super::rfc3261::call(&mut wire);
    assert_eq!(header(&wire.heard(), "Require"), "100rel");
}

#[test]
fn rfc3262_5_the_2xx_waits_for_the_prack_of_a_description() {
    let (mut wire, call, request) = ringing(SUPPORTED);
    reliably(
        &mut wire,
        call,
        sdp(request.response(Status::SESSION_PROGRESS)),
    );
    let progress = wire.heard();
    let accept = |wire: &mut Wire| {
        wire.with(0, |sip, cx| {
            sip.accept(cx, call, request.response(Status::OK))
        })
    };
    assert_eq!(accept(&mut wire), Ok(()));
    assert_eq!(accept(&mut wire), Err(CallError::State));
    assert!(wire.outside().is_empty());
    wire.inject(0, PEER, &prack(&progress, 2));
    let heard = wire.outside();
    assert!(header(&heard[0].text, "CSeq").ends_with("PRACK"));
    assert!(heard[1].text.starts_with("SIP/2.0 200 "), "{heard:?}");
    assert_eq!(header(&heard[1].text, "CSeq"), "1 INVITE");
    let to = format!("To: {}\n", header(&progress, "To"));
    wire.inject(0, PEER, &from_peer("ACK", "ack", 1, &to));
    assert!(matches!(
        wire.events(0)[..],
        [Event::Acknowledged { .. }, Event::Confirmed { .. }]
    ));
}

#[test]
fn rfc3262_3_a_final_response_ends_the_repeating_and_a_prack_is_still_answered() {
    let (mut wire, call, request) = ringing(SUPPORTED);
    reliably(&mut wire, call, request.response(Status::RINGING));
    let ringing = wire.heard();
    wire.with(0, |sip, cx| {
        sip.accept(cx, call, sdp(request.response(Status::OK)))
    })
    .unwrap();
    wire.seconds(5);
    let heard = wire.outside();
    assert!(Wire::times(&heard, "SIP/2.0 180").is_empty());
    wire.inject(0, PEER, &prack(&ringing, 2));
    assert!(wire.heard().contains("2 PRACK"));
    // A refusal ends it as well.
    let (mut wire, call, request) = self::ringing(SUPPORTED);
    reliably(&mut wire, call, request.response(Status::RINGING));
    wire.with(0, |sip, cx| {
        sip.reject(cx, call, request.response(Status::BUSY_HERE))
    });
    wire.seconds(60);
    assert_eq!(Wire::times(&wire.outside(), "SIP/2.0 180"), [0]);
}

#[test]
fn rfc3262_5_an_offer_in_a_reliable_response_is_answered_by_the_prack() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, SUPPORTED));
    let (call, request) = invited(&mut wire);
    // The INVITE brought none, so the first reliable response must.
    assert_eq!(
        wire.with(0, |sip, cx| {
            sip.progress_reliably(cx, call, request.response(Status::RINGING))
        }),
        Err(CallError::Offer(Misplaced::OfferMissing))
    );
    reliably(
        &mut wire,
        call,
        sdp(request.response(Status::SESSION_PROGRESS)),
    );
    let progress = wire.heard();
    wire.inject(0, PEER, &with_sdp(&prack(&progress, 2)));
    assert!(wire.heard().contains("2 PRACK"));
    match &wire.events(0)[..] {
        [Event::Acknowledged { request, .. }] => assert_eq!(request.body(), "v=0\r\n"),
        other => panic!("{other:?}"),
    }
    // All is said: the 2xx has no description.
    assert_eq!(
        wire.with(0, |sip, cx| {
            sip.accept(cx, call, sdp(request.response(Status::OK)))
        }),
        Err(CallError::Offer(Misplaced::NoPlace))
    );
    wire.with(0, |sip, cx| {
        sip.accept(cx, call, request.response(Status::OK))
    })
    .unwrap();
}

#[test]
fn rfc3262_5_an_offer_in_a_prack_is_answered_in_its_2xx() {
    let (mut wire, call, request) = ringing(SUPPORTED);
    reliably(
        &mut wire,
        call,
        sdp(request.response(Status::SESSION_PROGRESS)),
    );
    let progress = wire.heard();
    wire.inject(0, PEER, &with_sdp(&prack(&progress, 2)));
    let events = wire.events(0);
    let [
        Event::Offered {
            dialog,
            request: prack,
        },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert!(wire.outside().is_empty());
    // The 2xx to the INVITE comes after the answer.
    wire.with(0, |sip, cx| {
        sip.accept(cx, call, request.response(Status::OK)).unwrap();
        assert_eq!(
            sip.answer_offer(cx, *dialog, prack.response(Status::OK)),
            Err(CallError::Offer(Misplaced::AnswerMissing))
        );
        sip.answer_offer(cx, *dialog, sdp(prack.response(Status::OK)))
            .unwrap();
    });
    let heard = wire.outside();
    assert_eq!(header(&heard[0].text, "CSeq"), "2 PRACK");
    assert!(heard[0].text.ends_with("v=0\n"));
    assert_eq!(header(&heard[1].text, "CSeq"), "1 INVITE");
}

/// Our call, with or without an offer, and its INVITE.
fn calling(wire: &mut Wire, offer: bool) -> (CallId, String) {
    let id = match offer {
        true => call(wire),
        false => wire.with(0, |sip, cx| {
            sip.invite(cx, to_peer(Method::Invite), Target::Uri)
        }),
    };
    (id, wire.heard())
}

#[test]
fn rfc3262_4_each_reliable_response_is_acknowledged_once_and_in_order() {
    let mut wire = alone();
    let (id, invite) = calling(&mut wire, true);
    assert!(header(&invite, "Supported").contains("100rel"));
    wire.inject(
        0,
        PEER,
        &reliable(&invite, "183 Session Progress", "peer", 776),
    );
    let prack = wire.heard();
    assert!(prack.starts_with("PRACK sip:bob@10.0.0.9 SIP/2.0\n"));
    assert_eq!(header(&prack, "RAck"), "776 1 INVITE");
    assert_eq!(header(&prack, "CSeq"), "2 PRACK");
    assert!(header(&prack, "To").ends_with(";tag=peer"));
    assert!(matches!(
        wire.events(0)[..],
        [Event::Progress { call, dialog: Some(_), held: false, .. }] if call == id
    ));
    wire.inject(0, PEER, &answer(&prack, "200 OK", "", ""));
    // The same again, and one after a gap, are neither acknowledged nor told.
    wire.inject(
        0,
        PEER,
        &reliable(&invite, "183 Session Progress", "peer", 776),
    );
    wire.inject(0, PEER, &reliable(&invite, "180 Ringing", "peer", 778));
    wire.inject(0, PEER, &reliable(&invite, "180 Ringing", "peer", 775));
    assert!(wire.outside().is_empty() && wire.events(0).is_empty());
    wire.inject(0, PEER, &reliable(&invite, "180 Ringing", "peer", 777));
    assert_eq!(header(&wire.heard(), "RAck"), "777 1 INVITE");
    assert_eq!(wire.events(0).len(), 1);
}

#[test]
fn rfc3262_4_a_prack_is_sent_again_like_any_request() {
    let mut wire = alone();
    let (_, invite) = calling(&mut wire, true);
    wire.inject(0, PEER, &reliable(&invite, "180 Ringing", "peer", 1));
    wire.seconds(2);
    assert_eq!(Wire::times(&wire.outside(), "PRACK "), [0, 500, 1500]);
}

#[test]
fn rfc3262_4_numbers_are_those_of_one_dialog() {
    let mut wire = alone();
    let (_, invite) = calling(&mut wire, true);
    for (tag, number) in [("one", 10), ("two", 500), ("one", 11), ("two", 501)] {
        wire.inject(0, PEER, &reliable(&invite, "180 Ringing", tag, number));
        let prack = wire.heard();
        assert_eq!(header(&prack, "RAck"), format!("{number} 1 INVITE"));
        assert!(header(&prack, "To").ends_with(&format!(";tag={tag}")));
        wire.inject(0, PEER, &answer(&prack, "200 OK", "", ""));
    }
}

#[test]
fn rfc3262_4_a_100_is_never_reliable() {
    let mut wire = alone();
    let (_, invite) = calling(&mut wire, true);
    wire.inject(0, PEER, &reliable(&invite, "100 Trying", "peer", 1));
    assert!(wire.outside().is_empty() && wire.events(0).is_empty());
}

#[test]
fn rfc3262_5_the_prack_for_an_offer_waits_for_the_answer() {
    let mut wire = alone();
    let (id, invite) = calling(&mut wire, false);
    let progress = with_sdp(&(reliable(&invite, "183 Session Progress", "peer", 5)));
    wire.inject(0, PEER, &progress);
    wire.inject(0, PEER, &progress);
    assert!(wire.outside().is_empty());
    let events = wire.events(0);
    let [
        Event::Progress {
            dialog: Some(dialog),
            held: true,
            ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    wire.with(0, |sip, cx| {
        assert_eq!(
            sip.acknowledge(cx, *dialog, None),
            Err(CallError::Offer(Misplaced::AnswerMissing))
        );
        sip.acknowledge(cx, *dialog, Some("v=0\r\n".into()))
            .unwrap();
        assert_eq!(
            sip.acknowledge(cx, *dialog, None),
            Err(CallError::State),
            "once"
        );
    });
    let prack = wire.heard();
    assert!(prack.starts_with("PRACK ") && prack.ends_with("\n\nv=0\n"));
    wire.inject(0, PEER, &answer(&prack, "200 OK", "", ""));
    wire.inject(
        0,
        PEER,
        &answer(&invite, "200 OK", "peer", RELIABLE.trim_end()),
    );
    let ack = wire.heard();
    assert!(ack.starts_with("ACK ") && header(&ack, "Content-Length") == "0");
    assert!(matches!(
        wire.events(0)[..],
        [Event::Accepted { call, held: false, .. }] if call == id
    ));
}

#[test]
fn rfc3262_5_a_prack_may_offer_once_the_first_offer_is_answered() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| config.hold_pracks = true);
    let (_, invite) = calling(&mut wire, true);
    wire.inject(0, PEER, &reliable(&invite, "180 Ringing", "peer", 1));
    let events = wire.events(0);
    let [
        Event::Progress {
            dialog: Some(dialog),
            held: true,
            ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    // No answer came with it.
    let again = |wire: &mut Wire, offer: bool| {
        wire.with(0, |sip, cx| {
            sip.acknowledge(cx, *dialog, offer.then(|| "v=1\r\n".into()))
        })
    };
    assert_eq!(
        again(&mut wire, true),
        Err(CallError::Offer(Misplaced::OwnOffer))
    );
    again(&mut wire, false).unwrap();
    let prack = wire.heard();
    wire.inject(0, PEER, &answer(&prack, "200 OK", "", ""));
    let progress = with_sdp(&reliable(&invite, "183 Session Progress", "peer", 2));
    wire.inject(0, PEER, &progress);
    again(&mut wire, true).unwrap();
    let prack = wire.heard();
    assert!(prack.ends_with("\n\nv=1\n"));
    wire.events(0);
    wire.inject(0, PEER, &with_sdp(&answer(&prack, "200 OK", "", "")));
    assert!(matches!(
        wire.events(0)[..],
        [Event::Updated {
            response: Some(_),
            ..
        }]
    ));
}

#[test]
fn rfc3262_two_endpoints_agree_on_it() {
    let mut wire = Wire::new();
    let (alice, bob) = (
        wire.end("10.0.0.1:5060", |_, _| {}),
        wire.end("10.0.0.2:5060", |_, _| {}),
    );
    let id = wire.with(alice, |sip, cx| {
        let mut invite = Request::new(Method::Invite, &uri("sip:bob@10.0.0.2"));
        invite.set_body("application/sdp", "v=0\r\n".into());
        sip.invite(cx, invite, Target::Uri)
    });
    let events = wire.events(bob);
    let [Event::Invited { call, request, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    wire.with(bob, |sip, cx| {
        sip.progress_reliably(cx, *call, sdp(request.response(Status::SESSION_PROGRESS)))
            .unwrap();
        sip.progress_reliably(cx, *call, request.response(Status::RINGING))
            .unwrap();
        sip.accept(cx, *call, request.response(Status::OK)).unwrap();
    });
    assert!(matches!(
        wire.events(alice)[..],
        [Event::Progress { .. }, Event::Progress { .. }, Event::Accepted { call, .. }] if call == id
    ));
    assert!(matches!(
        wire.events(bob)[..],
        [
            Event::Acknowledged { .. },
            Event::Acknowledged { .. },
            Event::Confirmed { .. }
        ]
    ));
}
