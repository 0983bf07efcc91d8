//! RFC 3261 §13 to §15 and §17: requests that cross each other, and what has nothing to do with each other.

use super::*;
use cpm::sip::msg::Status;

#[test]
fn rfc3261_13_3_1_4_an_ack_of_another_number_acknowledges_nothing() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "invite", 5, ""));
    let (call, invite) = invited(&mut wire);
    let ok = invite.response(Status::OK);
    wire.with(0, |sip, cx| sip.accept(cx, call, ok).unwrap());
    let to = format!("To: {}\n", header(&wire.heard(), "To"));
    for number in [4, 6] {
        wire.inject(
            0,
            PEER,
            &from_peer("ACK", &format!("ack{number}"), number, &to),
        );
        assert!(wire.events(0).is_empty(), "{number}");
    }
    wire.seconds(2);
    let heard = wire.outside();
    assert!(Wire::times(&heard, "SIP/2.0 200 ").len() >= 2, "{heard:?}");
    wire.inject(0, PEER, &from_peer("ACK", "ack5", 5, &to));
    assert!(matches!(wire.events(0)[..], [Event::Confirmed { .. }]));
    wire.seconds(10);
    assert!(wire.outside().is_empty());
}

#[test]
fn rfc3261_14_2_a_reinvite_that_meets_ours_is_491_whether_it_offers_or_asks() {
    for asks in [false, true] {
        let mut wire = alone();
        let (call, to) = answered(&mut wire);
        let ours = Some("v=0\r\n".into());
        wire.with(0, |sip, cx| sip.reinvite(cx, call, ours).unwrap());
        assert!(wire.heard().starts_with("INVITE "));
        let theirs = from_peer("INVITE", "re", 2, &to);
        let theirs = if asks { theirs } else { with_sdp(&theirs) };
        wire.inject(0, PEER, &theirs);
        let heard = wire.heard();
        assert!(heard.starts_with("SIP/2.0 491 "), "{asks}: {heard}");
        assert!(wire.events(0).is_empty());
    }
}

#[test]
fn rfc3261_15_1_2_a_bye_ends_the_reinvite_before_it_with_487() {
    let mut wire = alone();
    let (_, to) = answered(&mut wire);
    wire.inject(0, PEER, &with_sdp(&from_peer("INVITE", "re", 2, &to)));
    assert!(matches!(wire.events(0)[..], [Event::Reinvited { .. }]));
    wire.inject(0, PEER, &from_peer("BYE", "bye", 3, &to));
    assert!(matches!(wire.events(0)[..], [Event::Ended { .. }]));
    let heard = wire.outside();
    let status = |method: &str| {
        let mut all = heard
            .iter()
            .filter(|heard| header(&heard.text, "CSeq").ends_with(method));
        all.next().map(|heard| heard.text[8..11].to_owned())
    };
    assert_eq!(status("BYE").as_deref(), Some("200"));
    assert_eq!(status("INVITE").as_deref(), Some("487"));
}

#[test]
fn rfc3261_17_what_is_over_has_no_deadline_left() {
    let mut wire = alone();
    wire.taken.insert(crate::wire::addr(PEER));
    let deadlines = |wire: &mut Wire| wire.with(0, |sip, _| sip.count().deadlines);
    send(&mut wire, Method::Options);
    let request = wire.heard();
    // One to send it again, one to give up.
    assert_eq!(deadlines(&mut wire), 2);
    wire.inject(0, PEER, &answer(&request, "200 OK", "peer", ""));
    // One that waits for responses that come again (Timer K).
    assert_eq!(deadlines(&mut wire), 1);
    wire.seconds(5);
    assert_eq!(deadlines(&mut wire), 0);
}
