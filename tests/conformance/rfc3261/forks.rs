//! §12.1, §13.2.2.4, §8.1.3.4: INVITEs that fork, and that are redirected.

use super::*;
use cpm::sip::msg::Status;
use cpm::sip::{CallError, EndCause};

const CONTACT: &str = "Contact: <sip:bob@10.0.0.9>";

fn keeping() -> Wire {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| config.keep_forks = true);
    wire
}

#[test]
fn rfc3261_13_2_2_early_dialogs_are_a_set_with_numbers_of_their_own() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    for tag in ["one", "two"] {
        wire.inject(0, PEER, &answer(&invite, "180 Ringing", tag, CONTACT));
        wire.inject(
            0,
            PEER,
            &answer(&invite, "183 Session Progress", tag, CONTACT),
        );
    }
    let early: Vec<_> = wire.with(0, |sip, _| sip.early_dialogs(id).collect());
    assert_eq!(early.len(), 2);
    for (dialog, tag) in early.into_iter().zip(["one", "two"]) {
        for number in [2, 3] {
            let info = Request::new(Method::Info, &uri("sip:whoever@example.com"));
            wire.with(0, |sip, cx| sip.request_in_call(cx, dialog, info))
                .unwrap();
            let info = wire.heard();
            assert_eq!(header(&info, "CSeq"), format!("{number} INFO"));
            assert!(header(&info, "To").ends_with(&format!(";tag={tag}")));
            wire.inject(0, PEER, &answer(&info, "200 OK", "", ""));
        }
    }
    wire.events(0);
    // The one that accepts goes on with its own numbers.
    wire.inject(0, PEER, &answer(&invite, "200 OK", "two", CONTACT));
    assert_eq!(header(&wire.heard(), "CSeq"), "1 ACK");
    wire.with(0, |sip, cx| sip.hang_up(cx, id, None));
    assert_eq!(header(&wire.heard(), "CSeq"), "4 BYE");
}

#[test]
fn rfc3261_13_2_2_4_other_early_dialogs_end_64_t1_after_the_2xx() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    wire.inject(0, PEER, &answer(&invite, "180 Ringing", "one", CONTACT));
    wire.inject(0, PEER, &answer(&invite, "200 OK", "two", CONTACT));
    wire.outside();
    wire.events(0);
    wire.inject(0, PEER, &in_dialog(&invite, "one", "INFO", 1, ""));
    assert!(matches!(wire.events(0)[..], [Event::Request { .. }]));
    wire.seconds(33);
    wire.inject(0, PEER, &in_dialog(&invite, "one", "INFO", 2, ""));
    assert!(wire.heard().starts_with("SIP/2.0 481 "));
    assert_eq!(wire.with(0, |sip, _| sip.early_dialogs(id).count()), 0);
}

#[test]
fn rfc3261_12_1_how_many_early_dialogs_there_are_is_bounded() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    for number in 0..40 {
        let tag = format!("t{number}");
        wire.inject(0, PEER, &answer(&invite, "180 Ringing", &tag, CONTACT));
    }
    assert_eq!(wire.with(0, |sip, _| sip.early_dialogs(id).count()), 16);
    // Those beyond are told, but make no dialog.
    let events = wire.events(0);
    assert_eq!(events.len(), 40);
    assert!(matches!(events[39], Event::Progress { dialog: None, .. }));
}

#[test]
fn rfc3261_13_2_2_4_another_branch_that_accepts_may_be_a_call_of_its_own() {
    let mut wire = keeping();
    let (first, invite) = up(&mut wire);
    let ok = answer(&invite, "200 OK", "two", "Contact: <sip:two@10.0.0.9>");
    wire.inject(0, PEER, &ok);
    let ack = wire.heard();
    assert!(ack.starts_with("ACK sip:two@10.0.0.9 "));
    let events = wire.events(0);
    let [
        Event::Forked { call, from },
        Event::Accepted { call: same, .. },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((*from, *call), (first, *same));
    // Its 2xx again brings its ACK again, and no third call.
    wire.inject(0, PEER, &ok);
    assert_eq!(wire.heard(), ack);
    assert!(wire.events(0).is_empty());
    // Each ends alone.
    wire.with(0, |sip, cx| sip.hang_up(cx, first, None));
    assert!(header(&wire.heard(), "To").ends_with(";tag=peer"));
    wire.inject(0, PEER, &in_dialog(&invite, "two", "BYE", 1, ""));
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
    assert!(matches!(
        wire.events(0)[..],
        [
            Event::Ended { call: one, cause: EndCause::Local, .. },
            Event::Ended { call: two, cause: EndCause::Bye, .. }
        ] if one == first && two == *call
    ));
    wire.inject(0, PEER, &answer(&invite, "200 OK", "two", CONTACT));
    assert_eq!(wire.heard(), ack);
    wire.seconds(80);
    assert_eq!(wire.with(0, |sip, _| sip.load()), (0, 0));
}

#[test]
fn rfc3261_13_2_2_4_a_branch_with_an_offer_waits_for_its_own_answer() {
    let mut wire = keeping();
    let first = wire.with(0, |sip, cx| {
        sip.invite(cx, to_peer(Method::Invite), Target::Uri)
    });
    let invite = wire.heard();
    for tag in ["one", "two"] {
        let ok = with_sdp(&answer(&invite, "200 OK", tag, CONTACT));
        wire.inject(0, PEER, &ok);
        wire.inject(0, PEER, &ok);
    }
    assert!(wire.outside().is_empty());
    let calls: Vec<_> = (wire.events(0).iter())
        .filter_map(|event| match event {
            Event::Accepted {
                call, held: true, ..
            } => Some(*call),
            _ => None,
        })
        .collect();
    assert_eq!((calls.len(), calls[0]), (2, first));
    for (call, tag) in calls.into_iter().zip(["one", "two"]) {
        wire.with(0, |sip, cx| {
            sip.acknowledge(cx, call, Some("v=0\r\n".into()))
        })
        .unwrap();
        let ack = wire.heard();
        assert!(header(&ack, "To").ends_with(&format!(";tag={tag}")));
        wire.inject(0, PEER, &with_sdp(&answer(&invite, "200 OK", tag, CONTACT)));
        assert_eq!(wire.heard(), ack);
    }
}

#[test]
fn rfc3261_15_one_early_dialog_may_be_ended_alone() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    for tag in ["one", "two"] {
        wire.inject(0, PEER, &answer(&invite, "180 Ringing", tag, CONTACT));
    }
    let early: Vec<_> = wire.with(0, |sip, _| sip.early_dialogs(id).collect());
    wire.events(0);
    wire.with(0, |sip, cx| {
        sip.hang_up_early(cx, early[0]).unwrap();
        assert_eq!(sip.hang_up_early(cx, early[0]), Err(CallError::Gone));
    });
    let bye = wire.heard();
    assert!(bye.starts_with("BYE ") && header(&bye, "To").ends_with(";tag=one"));
    wire.inject(0, PEER, &answer(&bye, "200 OK", "", ""));
    // A 2xx that has crossed it is acknowledged and ended; the call goes on.
    wire.inject(0, PEER, &answer(&invite, "200 OK", "one", CONTACT));
    let heard = wire.outside();
    assert!(heard[0].text.starts_with("ACK "), "{heard:?}");
    assert!(heard[1].text.starts_with("BYE "), "{heard:?}");
    assert!(wire.events(0).is_empty());
    wire.inject(0, PEER, &answer(&invite, "200 OK", "two", CONTACT));
    assert!(matches!(wire.events(0)[..], [Event::Accepted { call, .. }] if call == id));
}

#[test]
fn rfc3261_15_a_bye_in_another_early_dialog_does_not_end_the_call() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    wire.inject(0, PEER, &answer(&invite, "180 Ringing", "one", CONTACT));
    wire.inject(0, PEER, &answer(&invite, "200 OK", "two", CONTACT));
    wire.outside();
    wire.events(0);
    wire.inject(0, PEER, &in_dialog(&invite, "one", "BYE", 1, ""));
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
    assert!(wire.events(0).is_empty());
    wire.with(0, |sip, cx| sip.hang_up(cx, id, None));
    let bye = wire.heard();
    assert!(bye.starts_with("BYE ") && header(&bye, "To").ends_with(";tag=two"));
}

#[test]
fn rfc3261_9_1_a_forked_invite_is_cancelled_once_and_every_2xx_ended() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    for tag in ["one", "two"] {
        wire.inject(0, PEER, &answer(&invite, "180 Ringing", tag, CONTACT));
    }
    wire.with(0, |sip, cx| sip.hang_up(cx, id, None));
    assert!(wire.heard().starts_with("CANCEL "));
    for tag in ["one", "two"] {
        wire.inject(0, PEER, &answer(&invite, "200 OK", tag, CONTACT));
        let heard = wire.outside();
        assert!(heard[0].text.starts_with("ACK "), "{heard:?}");
        assert!(heard[1].text.starts_with("BYE "), "{heard:?}");
        wire.inject(0, PEER, &answer(&heard[1].text, "200 OK", "", ""));
    }
    wire.seconds(80);
    assert_eq!(wire.with(0, |sip, _| sip.load()), (0, 0));
}

#[test]
fn rfc3261_13_2_2_4_an_ack_that_could_not_be_sent_is_asked_for_by_the_next_2xx() {
    let mut wire = alone();
    call(&mut wire);
    let invite = wire.heard();
    let ok = answer(
        &invite,
        "200 OK",
        "peer",
        "Contact: <sip:bob@unknown.example>",
    );
    wire.inject(0, PEER, &ok);
    assert!(wire.outside().is_empty(), "the name has no address");
    wire.names
        .insert("unknown.example".into(), vec!["10.0.0.7".parse().unwrap()]);
    wire.inject(0, PEER, &ok);
    let ack = wire.outside().remove(0);
    assert!(ack.text.starts_with("ACK sip:bob@unknown.example "));
    assert_eq!(wire.events(0).len(), 1);
    wire.inject(0, PEER, &ok);
    assert_eq!(wire.heard(), ack.text);
}

fn following() -> Wire {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| config.follow_redirects = true);
    wire
}

/// Answers an INVITE with a refusal and gives what follows its ACK.
fn refuse(wire: &mut Wire, invite: &str, status: &str, extra: &str) -> Option<String> {
    wire.inject(0, PEER, &answer(invite, status, "x", extra));
    let mut heard = wire.outside();
    assert!(heard[0].text.starts_with("ACK "), "{heard:?}");
    heard.truncate(2);
    (heard.len() == 2).then(|| heard.remove(1).text)
}

#[test]
fn rfc3261_8_1_3_4_contacts_are_tried_in_the_order_of_q() {
    let mut wire = following();
    let id = call(&mut wire);
    let invite = wire.heard();
    let contacts = "Contact: <sip:low@10.0.0.9>;q=0.1, <sip:high@10.0.0.9?Subject=x>;q=0.9\n\
                    Contact: <tel:+1234>, <sip:bob@10.0.0.9>";
    let second = refuse(&mut wire, &invite, "302 Moved Temporarily", contacts).unwrap();
    assert!(
        second.starts_with("INVITE sip:high@10.0.0.9 SIP/2.0\n"),
        "{second}"
    );
    assert!(!second.contains("Subject"));
    assert_eq!(header(&second, "CSeq"), "2 INVITE");
    for name in ["To", "From", "Call-ID"] {
        assert_eq!(header(&second, name), header(&invite, name));
    }
    let third = refuse(&mut wire, &second, "404 Not Found", "").unwrap();
    assert!(third.starts_with("INVITE sip:low@10.0.0.9 SIP/2.0\n"));
    // The first address was tried already, and nothing is left.
    let last = refuse(&mut wire, &third, "302 Moved Temporarily", CONTACT);
    assert_eq!(last, None);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Rejected { call, status: Status::MOVED_TEMPORARILY, .. }] if call == id
    ));
}

#[test]
fn rfc3261_8_1_3_4_redirections_end() {
    let mut wire = following();
    call(&mut wire);
    let mut invite = wire.heard();
    let mut tried = 0;
    loop {
        let contact = format!("Contact: <sip:next{tried}@10.0.0.9>");
        match refuse(&mut wire, &invite, "301 Moved Permanently", &contact) {
            Some(next) => invite = next,
            None => break,
        }
        tried += 1;
        assert!(tried < 50, "for ever");
    }
    assert_eq!(tried, 8);
    // 6xx is the last word, whatever is left.
    let mut wire = following();
    call(&mut wire);
    let invite = wire.heard();
    let contacts = "Contact: <sip:a@10.0.0.9>, <sip:b@10.0.0.9>";
    let second = refuse(&mut wire, &invite, "302 Moved Temporarily", contacts).unwrap();
    assert_eq!(refuse(&mut wire, &second, "603 Decline", ""), None);
}

#[test]
fn rfc3261_8_1_3_4_the_application_is_told_by_default() {
    let mut wire = alone();
    call(&mut wire);
    let invite = wire.heard();
    let moved = "Contact: <sip:a@10.0.0.9>";
    assert_eq!(
        refuse(&mut wire, &invite, "302 Moved Temporarily", moved),
        None
    );
    assert!(matches!(
        wire.events(0)[..],
        [Event::Rejected {
            response: Some(_),
            ..
        }]
    ));
}

#[test]
fn rfc3261_8_1_3_4_what_was_hung_up_is_not_redirected() {
    let mut wire = following();
    let id = call(&mut wire);
    let invite = wire.heard();
    wire.inject(0, PEER, &answer(&invite, "180 Ringing", "x", CONTACT));
    wire.with(0, |sip, cx| sip.hang_up(cx, id, None));
    wire.outside();
    let moved = "Contact: <sip:a@10.0.0.9>";
    assert_eq!(
        refuse(&mut wire, &invite, "302 Moved Temporarily", moved),
        None
    );
}
