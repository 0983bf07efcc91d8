//! §9: CANCEL, and everything that it may cross.

use super::*;
use cpm::sip::EndCause;
use cpm::sip::msg::Status;

const CONTACT: &str = "Contact: <sip:bob@10.0.0.9>";

#[test]
fn rfc3261_9_1_a_cancel_is_sent_again_like_any_request() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    wire.inject(0, PEER, &answer(&invite, "180 Ringing", "peer", CONTACT));
    wire.with(0, |sip, cx| sip.hang_up(cx, id, None));
    wire.seconds(2);
    let heard = wire.outside();
    assert_eq!(Wire::times(&heard, "CANCEL "), [0, 500, 1500]);
    wire.inject(0, PEER, &answer(&heard[0].text, "200 OK", "peer", ""));
    wire.seconds(10);
    assert!(wire.outside().is_empty());
}

#[test]
fn rfc3261_9_1_a_cancel_that_finds_nothing_leaves_the_invite_to_its_answer() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    wire.inject(0, PEER, &answer(&invite, "180 Ringing", "peer", CONTACT));
    wire.with(0, |sip, cx| sip.hang_up(cx, id, None));
    let cancel = wire.heard();
    wire.events(0);
    wire.inject(0, PEER, &answer(&cancel, "481 Gone", "x", ""));
    assert!(wire.events(0).is_empty());
    wire.inject(0, PEER, &answer(&invite, "486 Busy Here", "peer", ""));
    assert!(matches!(
        wire.events(0)[..],
        [Event::Rejected { call, status: Status::BUSY_HERE, .. }] if call == id
    ));
}

#[test]
fn rfc3261_9_2_a_cancel_that_comes_again_is_answered_and_told_once() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    for _ in 0..3 {
        wire.inject(0, PEER, &from_peer("CANCEL", "a", 1, ""));
    }
    let heard = wire.outside();
    assert_eq!(Wire::times(&heard, "SIP/2.0 200 ").len(), 3);
    assert_eq!(Wire::times(&heard, "SIP/2.0 487 ").len(), 1);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Invited { .. }, Event::Cancelled { .. }]
    ));
    // The 487 is sent until its ACK comes.
    wire.run(std::time::Duration::from_millis(600));
    assert_eq!(Wire::times(&wire.outside(), "SIP/2.0 487 "), [500]);
}

#[test]
fn rfc3261_9_2_a_cancel_that_crosses_our_2xx_changes_nothing() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    let (id, request) = invited(&mut wire);
    wire.with(0, |sip, cx| {
        sip.accept(cx, id, request.response(Status::OK))
    })
    .unwrap();
    let ok = wire.heard();
    wire.inject(0, PEER, &from_peer("CANCEL", "a", 1, ""));
    let answered = wire.heard();
    assert!(answered.starts_with("SIP/2.0 200 ") && answered.contains("1 CANCEL"));
    let to = format!("To: {}\n", header(&ok, "To"));
    wire.inject(0, PEER, &from_peer("ACK", "b", 1, &to));
    // The caller ends what it did not want.
    wire.inject(0, PEER, &from_peer("BYE", "c", 2, &to));
    assert!(matches!(
        wire.events(0)[..],
        [
            Event::Confirmed { .. },
            Event::Ended {
                cause: EndCause::Bye,
                ..
            }
        ]
    ));
}

#[test]
fn rfc3261_9_2_a_cancel_ends_an_invite_whose_2xx_waits_for_a_prack() {
    let mut wire = alone();
    let invite = from_peer("INVITE", "a", 1, "Supported: 100rel\n");
    wire.inject(0, PEER, &with_sdp(&invite));
    let (id, request) = invited(&mut wire);
    wire.with(0, |sip, cx| {
        sip.progress_reliably(cx, id, sdp(request.response(Status::SESSION_PROGRESS)))
            .unwrap();
        sip.accept(cx, id, request.response(Status::OK)).unwrap();
    });
    wire.outside();
    wire.inject(0, PEER, &from_peer("CANCEL", "a", 1, ""));
    assert!(matches!(wire.events(0)[..], [Event::Cancelled { call, .. }] if call == id));
    wire.seconds(80);
    let heard = wire.outside();
    assert!(!Wire::times(&heard, "SIP/2.0 487 ").is_empty());
    // Neither the 2xx nor the provisional response comes after it.
    let after = (heard.iter()).skip_while(|heard| !heard.text.starts_with("SIP/2.0 487 "));
    assert!(
        after
            .into_iter()
            .all(|heard| heard.text.starts_with("SIP/2.0 487 "))
    );
    assert_eq!(wire.with(0, |sip, _| sip.load()), (0, 0));
}

#[test]
fn rfc3261_9_2_a_cancelled_reinvite_leaves_the_session() {
    let mut wire = alone();
    let (id, to) = answered(&mut wire);
    wire.inject(0, PEER, &with_sdp(&from_peer("INVITE", "re", 2, &to)));
    wire.inject(0, PEER, &from_peer("CANCEL", "re", 2, &to));
    let heard = wire.outside();
    assert!(heard[1].text.starts_with("SIP/2.0 487 "), "{heard:?}");
    assert!(matches!(wire.events(0)[..], [Event::Reinvited { .. }]));
    wire.inject(0, PEER, &from_peer("ACK", "re", 2, &to));
    // Nothing is open: we may offer.
    wire.with(0, |sip, cx| sip.reinvite(cx, id, Some("v=1\r\n".into())))
        .unwrap();
}

#[test]
fn rfc3261_15_1_2_the_caller_may_end_an_early_dialog_by_bye() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    let (id, request) = invited(&mut wire);
    wire.with(0, |sip, cx| {
        sip.progress(cx, id, request.response(Status::RINGING))
    })
    .unwrap();
    let to = format!("To: {}\n", header(&wire.heard(), "To"));
    wire.inject(0, PEER, &from_peer("BYE", "b", 2, &to));
    let heard = wire.outside();
    assert_eq!(header(&heard[0].text, "CSeq"), "2 BYE");
    assert!(heard[0].text.starts_with("SIP/2.0 200 "), "{heard:?}");
    assert!(heard[1].text.starts_with("SIP/2.0 487 "), "{heard:?}");
    assert!(matches!(
        wire.events(0)[..],
        [Event::Ended { call, cause: EndCause::Bye, .. }] if call == id
    ));
}

#[test]
fn rfc3261_13_3_1_4_a_lost_ack_is_made_good_by_the_next_one() {
    let mut wire = alone();
    let (_, invite) = up(&mut wire);
    // The ACK was lost: the 2xx comes until it arrives, and each brings the same ACK.
    let ok = answer(&invite, "200 OK", "peer", CONTACT);
    let acks: Vec<_> = (0..3)
        .map(|_| {
            wire.seconds(1);
            wire.inject(0, PEER, &ok);
            wire.heard()
        })
        .collect();
    assert!(
        acks.iter()
            .all(|ack| *ack == acks[0] && ack.starts_with("ACK "))
    );
    assert!(wire.events(0).is_empty());
}
