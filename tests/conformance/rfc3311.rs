//! RFC 3311: UPDATE.

use crate::rfc3261::*;
use cpm::sip::msg::Status;
use cpm::sip::offer::Misplaced;
use cpm::sip::{CallError, DialogId, EndCause, Event};

const ALLOW: &str = "Allow: INVITE, ACK, BYE, UPDATE\n";
const EARLY: &str =
    "Contact: <sip:bob@10.0.0.9>\nAllow: INVITE, PRACK, UPDATE\nRequire: 100rel\nRSeq: 1";

/// An early dialog of our call in which the offer of the INVITE is answered.
fn early(wire: &mut Wire) -> (DialogId, String) {
    call(wire);
    let invite = wire.heard();
    let progress = answer(&invite, "183 Session Progress", "peer", EARLY);
    wire.inject(0, PEER, &with_sdp(&progress));
    let prack = wire.heard();
    wire.inject(0, PEER, &answer(&prack, "200 OK", "", ""));
    match wire.events(0)[..] {
        [
            Event::Progress {
                dialog: Some(dialog),
                ..
            },
        ] => (dialog, invite),
        ref other => panic!("{other:?}"),
    }
}

fn update(wire: &mut Wire, dialog: impl Into<DialogId>, offer: bool) -> Result<(), CallError> {
    wire.with(0, |sip, cx| {
        sip.update(cx, dialog, offer.then(|| "v=1\r\n".into()))
    })
}

#[test]
fn rfc3311_5_1_an_update_in_an_early_dialog() {
    let mut wire = alone();
    let (dialog, _) = early(&mut wire);
    update(&mut wire, dialog, true).unwrap();
    let sent = wire.heard();
    assert!(sent.starts_with("UPDATE sip:bob@10.0.0.9 SIP/2.0\n"));
    assert_eq!(header(&sent, "CSeq"), "3 UPDATE");
    assert_eq!(header(&sent, "Contact"), "<sip:alice@10.0.0.1:5060>");
    assert!(sent.ends_with("\n\nv=1\n"));
    // No timer before there is a session.
    assert!(!sent.contains("Session-Expires"));
    assert_eq!(update(&mut wire, dialog, false), Err(CallError::Busy));
    let ok = answer(&sent, "200 OK", "", "Contact: <sip:bob@10.0.0.9:5077>");
    wire.inject(0, PEER, &with_sdp(&ok));
    assert!(matches!(
        wire.events(0)[..],
        [Event::Updated { dialog: one, response: Some(_) }] if one == dialog
    ));
    // Its 2xx has moved the target.
    update(&mut wire, dialog, false).unwrap();
    assert!(wire.heard().starts_with("UPDATE sip:bob@10.0.0.9:5077 "));
}

#[test]
fn rfc3311_5_1_no_offer_while_one_is_open() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    assert_eq!(update(&mut wire, id, true), Err(CallError::Gone));
    let ringing = answer(
        &invite,
        "180 Ringing",
        "peer",
        &format!("Contact: <sip:bob@10.0.0.9>\n{}", ALLOW.trim_end()),
    );
    wire.inject(0, PEER, &ringing);
    assert_eq!(
        update(&mut wire, id, true),
        Err(CallError::Offer(Misplaced::OwnOffer))
    );
    update(&mut wire, id, false).unwrap();
    assert!(wire.heard().starts_with("UPDATE "));
}

#[test]
fn rfc3311_4_not_to_a_peer_that_does_not_allow_it() {
    let mut wire = alone();
    let (id, _) = up(&mut wire);
    assert_eq!(update(&mut wire, id, true), Err(CallError::Unsupported));
}

#[test]
fn rfc3311_5_1_the_one_called_offers_only_after_the_prack() {
    let mut wire = alone();
    let invite = from_peer("INVITE", "a", 1, &format!("{ALLOW}Supported: 100rel\n"));
    wire.inject(0, PEER, &with_sdp(&invite));
    let (id, request) = invited(&mut wire);
    assert_eq!(update(&mut wire, id, true), Err(CallError::State));
    wire.with(0, |sip, cx| {
        let progress = sdp(request.response(Status::SESSION_PROGRESS));
        sip.progress_reliably(cx, id, progress)
    })
    .unwrap();
    let progress = wire.heard();
    assert_eq!(
        update(&mut wire, id, true),
        Err(CallError::Offer(Misplaced::Unacknowledged))
    );
    let to = format!("To: {}\n", header(&progress, "To"));
    let rack = format!("{to}RAck: {} 1 INVITE\n", header(&progress, "RSeq"));
    wire.inject(0, PEER, &from_peer("PRACK", "p", 2, &rack));
    wire.outside();
    wire.events(0);
    update(&mut wire, id, true).unwrap();
    let sent = wire.heard();
    assert!(sent.starts_with("UPDATE sip:bob@10.0.0.9 "));
    // One of the peer's that crosses it is 491.
    wire.inject(0, PEER, &with_sdp(&from_peer("UPDATE", "u", 3, &to)));
    assert!(wire.heard().starts_with("SIP/2.0 491 "));
    wire.inject(0, PEER, &with_sdp(&answer(&sent, "200 OK", "", "")));
    assert!(matches!(wire.events(0)[..], [Event::Updated { .. }]));
}

#[test]
fn rfc3311_5_2_an_offer_is_answered_and_the_target_moves() {
    let mut wire = alone();
    let (id, to) = answered(&mut wire);
    let moved = from_peer("UPDATE", "u", 2, &to).replace("bob@10.0.0.9>", "bob@10.0.0.9:5072>");
    wire.inject(0, PEER, &with_sdp(&moved));
    let events = wire.events(0);
    let [Event::Offered { dialog, request }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(dialog.call(), id);
    // A second one before the first is answered.
    wire.inject(0, PEER, &with_sdp(&from_peer("UPDATE", "u2", 3, &to)));
    let busy = wire.heard();
    assert!(busy.starts_with("SIP/2.0 500 "));
    assert!(header(&busy, "Retry-After").parse::<u32>().unwrap() <= 10);
    wire.with(0, |sip, cx| {
        assert_eq!(
            sip.answer_offer(cx, *dialog, request.response(Status::OK)),
            Err(CallError::Offer(Misplaced::AnswerMissing))
        );
        sip.answer_offer(cx, *dialog, sdp(request.response(Status::OK)))
            .unwrap();
        assert_eq!(
            sip.answer_offer(cx, *dialog, sdp(request.response(Status::OK))),
            Err(CallError::State)
        );
    });
    let ok = wire.heard();
    assert!(ok.starts_with("SIP/2.0 200 ") && ok.ends_with("v=0\n"));
    header(&ok, "Contact");
    wire.with(0, |sip, cx| sip.hang_up(cx, id, None));
    assert!(wire.heard().starts_with("BYE sip:bob@10.0.0.9:5072 "));
}

#[test]
fn rfc3311_5_2_an_offer_that_is_refused_or_forgotten_changes_nothing() {
    let mut wire = alone();
    let (id, to) = answered(&mut wire);
    wire.inject(0, PEER, &with_sdp(&from_peer("UPDATE", "u", 2, &to)));
    let events = wire.events(0);
    let [Event::Offered { request, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(
        wire.with(0, |sip, cx| sip.reinvite(cx, id, Some("v=1\r\n".into()))),
        Err(CallError::Offer(Misplaced::OtherOffer))
    );
    wire.with(0, |sip, cx| {
        sip.answer_offer(cx, id, request.response(Status::NOT_ACCEPTABLE_HERE))
    })
    .unwrap();
    assert!(wire.heard().starts_with("SIP/2.0 488 "));
    // Nobody answers the next one.
    wire.inject(0, PEER, &with_sdp(&from_peer("UPDATE", "u3", 3, &to)));
    wire.seconds(33);
    assert_eq!(
        wire.with(0, |sip, cx| sip.reinvite(cx, id, Some("v=1\r\n".into()))),
        Ok(())
    );
}

#[test]
fn rfc3311_5_2_without_an_offer_it_is_answered_at_once() {
    let mut wire = alone();
    let (_, to) = answered(&mut wire);
    let refresh = format!("{to}Supported: timer\nSession-Expires: 600;refresher=uac\n");
    wire.inject(0, PEER, &from_peer("UPDATE", "u", 2, &refresh));
    let ok = wire.heard();
    assert!(ok.starts_with("SIP/2.0 200 "));
    assert_eq!(header(&ok, "Session-Expires"), "600;refresher=uac");
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3311_5_2_our_offer_in_an_invite_makes_an_update_wait() {
    let mut wire = alone();
    call(&mut wire);
    let invite = wire.heard();
    let ringing = answer(
        &invite,
        "180 Ringing",
        "peer",
        "Contact: <sip:bob@10.0.0.9>",
    );
    wire.inject(0, PEER, &ringing);
    let offer = in_dialog(&invite, "peer", "UPDATE", 1, "");
    wire.inject(0, PEER, &with_sdp(&offer));
    assert!(wire.heard().starts_with("SIP/2.0 491 "));
    // And in a dialog that nobody knows it is 481.
    wire.inject(0, PEER, &in_dialog(&invite, "other", "UPDATE", 1, ""));
    assert!(wire.heard().starts_with("SIP/2.0 481 "));
}

#[test]
fn rfc3311_5_1_glare_is_tried_again_after_a_while() {
    let mut wire = alone();
    let (dialog, _) = early(&mut wire);
    update(&mut wire, dialog, true).unwrap();
    let sent = wire.heard();
    wire.inject(0, PEER, &answer(&sent, "491 Request Pending", "", ""));
    assert!(wire.events(0).is_empty());
    wire.run(std::time::Duration::from_millis(2099));
    assert!(wire.outside().is_empty());
    wire.run(std::time::Duration::from_millis(1901));
    let again = wire.outside().remove(0).text;
    assert_eq!(header(&again, "CSeq"), "4 UPDATE");
    assert!(again.ends_with("\n\nv=1\n"));
}

#[test]
fn rfc3311_5_1_a_peer_that_does_not_know_the_dialog_any_more() {
    let mut wire = alone();
    let (dialog, _) = early(&mut wire);
    update(&mut wire, dialog, false).unwrap();
    let sent = wire.heard();
    wire.inject(0, PEER, &answer(&sent, "481 Gone", "", ""));
    // The INVITE is not answered by that.
    assert!(matches!(
        wire.events(0)[..],
        [Event::Updated {
            response: Some(_),
            ..
        }]
    ));
    let mut wire = alone();
    let invite = with_sdp(&from_peer("INVITE", "a", 1, ALLOW));
    wire.inject(0, PEER, &invite);
    let (id, request) = invited(&mut wire);
    wire.with(0, |sip, cx| {
        sip.accept(cx, id, sdp(request.response(Status::OK)))
    })
    .unwrap();
    let to = format!("To: {}\n", header(&wire.heard(), "To"));
    wire.inject(0, PEER, &from_peer("ACK", "ack", 1, &to));
    wire.events(0);
    update(&mut wire, id, false).unwrap();
    let sent = wire.heard();
    wire.inject(0, PEER, &answer(&sent, "481 Gone", "", ""));
    assert!(matches!(
        wire.events(0)[..],
        [Event::Ended {
            cause: EndCause::Gone,
            ..
        }]
    ));
    assert!(wire.heard().starts_with("BYE "));
}
