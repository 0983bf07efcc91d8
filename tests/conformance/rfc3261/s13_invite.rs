//! §9, §13, §14, §15: calls, from INVITE to BYE.

use super::*;
use crate::wire::{headers, param};
use cpm::sip::EndCause;
use cpm::sip::msg::Status;
use cpm::sip::msg::header::Reason;

const CONTACT: &str = "Contact: <sip:bob@10.0.0.9>";

fn hang_up(wire: &mut Wire, id: CallId) {
    wire.with(0, |sip, cx| {
        sip.hang_up(cx, id, Some(Reason::sip(200, "Call completed")));
    });
}

#[test]
fn rfc3261_13_2_2_4_a_2xx_is_acknowledged_each_time_with_the_same_ack() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    wire.inject(0, PEER, &answer(&invite, "180 Ringing", "peer", CONTACT));
    let ok = answer(
        &invite,
        "200 OK",
        "peer",
        "Contact: <sip:bob@10.0.0.9:5066>",
    );
    wire.inject(0, PEER, &ok);
    let ack = wire.outside().remove(0);
    assert_eq!(ack.to, crate::wire::addr("10.0.0.9:5066"));
    let ack = ack.text;
    assert!(ack.starts_with("ACK sip:bob@10.0.0.9:5066 SIP/2.0\n"));
    assert_eq!(header(&ack, "CSeq"), "1 ACK");
    assert!(header(&ack, "To").ends_with(";tag=peer"));
    // It is a transaction of its own (§13.2.2.4, §17.1.1.2).
    let branch = |message| param(header(message, "Via"), "branch").to_owned();
    assert_ne!(branch(&ack), branch(&invite));
    wire.inject(0, PEER, &ok);
    assert_eq!(wire.heard(), ack);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Progress { call: one, .. }, Event::Accepted { call: two, .. }] if one == id && two == id
    ));
}

#[test]
fn rfc3261_13_3_1_4_our_2xx_is_sent_until_the_ack_and_then_no_more() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    let events = wire.events(0);
    let [Event::Invited { call, request, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    wire.with(0, |sip, cx| {
        sip.accept(cx, *call, request.response(Status::OK)).unwrap()
    });
    wire.seconds(10);
    let heard = wire.outside();
    assert_eq!(
        Wire::times(&heard, "SIP/2.0 200"),
        [0, 500, 1500, 3500, 7500]
    );
    let ok = &heard[0].text;
    assert_eq!(header(ok, "Contact"), "<sip:alice@10.0.0.1:5060>");
    let to = format!("To: {}\n", header(ok, "To"));
    wire.inject(0, PEER, &from_peer("ACK", "b", 1, &to));
    assert!(matches!(wire.events(0)[..], [Event::Confirmed { .. }]));
    // The ACK comes twice; so does the INVITE.
    wire.inject(0, PEER, &from_peer("ACK", "b", 1, &to));
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    wire.seconds(60);
    assert!(wire.outside().is_empty());
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3261_13_3_1_4_without_an_ack_the_call_ends_with_bye() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    let events = wire.events(0);
    let [Event::Invited { call, request, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    wire.with(0, |sip, cx| {
        sip.accept(cx, *call, request.response(Status::OK)).unwrap()
    });
    wire.seconds(31);
    assert!(wire.events(0).is_empty());
    wire.outside();
    wire.seconds(1);
    let heard = wire.outside();
    assert_eq!(
        Wire::times(&heard, "BYE sip:bob@10.0.0.9 SIP/2.0"),
        [32_000]
    );
    assert!(matches!(
        wire.events(0)[..],
        [Event::Ended {
            cause: EndCause::NoAck,
            ..
        }]
    ));
}

#[test]
fn rfc3261_9_1_a_cancel_waits_for_a_provisional_response() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    hang_up(&mut wire, id);
    assert!(wire.outside().is_empty());
    wire.inject(0, PEER, &answer(&invite, "100 Trying", "", ""));
    let cancel = wire.heard();
    assert!(cancel.starts_with("CANCEL sip:bob@10.0.0.9 SIP/2.0\n"));
    // The same Via, From, To, Call-ID and number, and one Via only.
    for name in ["Via", "From", "To", "Call-ID"] {
        assert_eq!(header(&cancel, name), header(&invite, name));
    }
    assert_eq!(header(&cancel, "CSeq"), "1 CANCEL");
    assert_eq!(headers(&cancel, "Via").count(), 1);
    assert_eq!(
        header(&cancel, "Reason"),
        "SIP;cause=200;text=\"Call completed\""
    );
    wire.inject(0, PEER, &answer(&cancel, "200 OK", "peer", ""));
    wire.inject(
        0,
        PEER,
        &answer(&invite, "487 Request Terminated", "peer", ""),
    );
    assert!(wire.heard().starts_with("ACK "));
    assert!(matches!(
        wire.events(0)[..],
        [Event::Rejected { call, status: Status::REQUEST_TERMINATED, .. }] if call == id
    ));
}

#[test]
fn rfc3261_9_1_a_2xx_that_crosses_the_cancel_is_acknowledged_and_ended() {
    for provisional in [true, false] {
        let mut wire = alone();
        let id = call(&mut wire);
        let invite = wire.heard();
        if provisional {
            wire.inject(0, PEER, &answer(&invite, "180 Ringing", "peer", CONTACT));
        }
        hang_up(&mut wire, id);
        wire.outside();
        wire.events(0);
        let ok = answer(&invite, "200 OK", "peer", CONTACT);
        wire.inject(0, PEER, &ok);
        let heard = wire.outside();
        assert!(heard[0].text.starts_with("ACK "), "{heard:?}");
        assert!(heard[1].text.starts_with("BYE "), "{heard:?}");
        assert_eq!(header(&heard[1].text, "CSeq"), "2 BYE");
        assert!(header(&heard[1].text, "Reason").contains("cause=200"));
        // A late 2xx again: the ACK again and no second BYE.
        wire.inject(0, PEER, &answer(&heard[1].text, "200 OK", "", ""));
        wire.inject(0, PEER, &ok);
        assert_eq!(wire.heard(), heard[0].text);
        assert!(matches!(
            wire.events(0)[..],
            [Event::Rejected { call, status: Status::REQUEST_TERMINATED, .. }] if call == id
        ));
    }
}

#[test]
fn rfc3261_9_1_an_invite_that_ignores_its_cancel_is_given_up() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    wire.inject(0, PEER, &answer(&invite, "180 Ringing", "peer", CONTACT));
    hang_up(&mut wire, id);
    wire.events(0);
    wire.seconds(31);
    assert!(wire.events(0).is_empty());
    wire.seconds(1);
    assert!(matches!(wire.events(0)[..], [Event::Rejected { .. }]));
    wire.outside();
    wire.inject(0, PEER, &answer(&invite, "200 OK", "peer", CONTACT));
    assert!(wire.outside().is_empty());
}

#[test]
fn rfc3261_9_2_a_cancel_ends_the_invite_with_487() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    wire.inject(
        0,
        PEER,
        &from_peer("CANCEL", "a", 1, "Reason: SIP;cause=200\n"),
    );
    let heard = wire.outside();
    let mut texts = heard.iter().map(|heard| &heard.text);
    let (ok, terminated) = (texts.next().unwrap(), texts.next().unwrap());
    assert!(ok.starts_with("SIP/2.0 200 OK\n"));
    assert_eq!(header(ok, "CSeq"), "1 CANCEL");
    assert!(terminated.starts_with("SIP/2.0 487 Request Terminated\n"));
    assert_eq!(header(terminated, "CSeq"), "1 INVITE");
    // §9.2: the To tags of both should be the same.
    assert_eq!(header(ok, "To"), header(terminated, "To"));
    match &wire.events(0)[..] {
        [Event::Invited { .. }, Event::Cancelled { request, .. }] => {
            assert_eq!(request.headers().get::<Reason>().unwrap().cause, Some(200));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc3261_9_2_a_cancel_too_late_or_for_nothing() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("CANCEL", "nothing", 1, ""));
    assert!(wire.heard().starts_with("SIP/2.0 481 "));
    answered(&mut wire);
    wire.inject(0, PEER, &from_peer("CANCEL", "invite", 1, ""));
    assert!(wire.heard().starts_with("SIP/2.0 200 OK\n"));
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3261_13_2_2_4_another_branch_that_answers_is_acknowledged_and_ended() {
    let mut wire = alone();
    let (id, invite) = up(&mut wire);
    for tag in ["two", "three"] {
        let contact = format!("Contact: <sip:{tag}@10.0.0.9>");
        let ok = answer(&invite, "200 OK", tag, &contact);
        wire.inject(0, PEER, &ok);
        let heard = wire.outside();
        assert_eq!(heard.len(), 2);
        assert!(heard[0].text.starts_with(&format!("ACK sip:{tag}@")));
        assert!(heard[1].text.starts_with(&format!("BYE sip:{tag}@")));
        for message in &heard {
            assert!(header(&message.text, "To").ends_with(&format!(";tag={tag}")));
        }
        wire.inject(0, PEER, &answer(&heard[1].text, "200 OK", "", ""));
    }
    // The call that came first goes on.
    assert!(wire.events(0).is_empty());
    hang_up(&mut wire, id);
    let bye = wire.heard();
    assert!(header(&bye, "To").ends_with(";tag=peer"));
    assert_eq!(header(&bye, "CSeq"), "2 BYE");
}

#[test]
fn rfc3261_13_2_2_each_early_dialog_is_known() {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    for tag in ["one", "two"] {
        wire.inject(
            0,
            PEER,
            &answer(&invite, "183 Session Progress", tag, CONTACT),
        );
    }
    assert_eq!(wire.events(0).len(), 2);
    let info = |tag: &str, call_id: &str| {
        format!(
            "INFO sip:alice@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK{tag}\n\
             From: <sip:bob@10.0.0.9>;tag={tag}\nTo: {}\nCall-ID: {call_id}\nCSeq: 1 INFO\n\
             Max-Forwards: 70\nContent-Length: 0\n\n",
            header(&invite, "From")
        )
    };
    let call_id = header(&invite, "Call-ID");
    for tag in ["one", "two"] {
        wire.inject(0, PEER, &info(tag, call_id));
        assert!(matches!(
            wire.events(0)[..],
            [Event::Request { call: Some(call), .. }] if call == id
        ));
    }
    wire.inject(0, PEER, &info("three", call_id));
    assert!(wire.heard().starts_with("SIP/2.0 481 "));
}

#[test]
fn rfc3261_15_1_2_a_bye_is_answered_and_ends_the_call() {
    let mut wire = alone();
    let (id, to) = answered(&mut wire);
    let bye = from_peer(
        "BYE",
        "bye",
        2,
        &format!("{to}Reason: SIP;cause=480;text=\"Bearer unavailable\"\n"),
    );
    wire.inject(0, PEER, &bye);
    assert!(wire.heard().starts_with("SIP/2.0 200 OK\n"));
    match &wire.events(0)[..] {
        [
            Event::Ended {
                call,
                reason: Some(reason),
                cause: EndCause::Bye,
            },
        ] => {
            assert_eq!((*call, reason.cause), (id, Some(480)));
        }
        other => panic!("{other:?}"),
    }
    wire.inject(0, PEER, &bye);
    assert!(wire.heard().starts_with("SIP/2.0 200 OK\n"));
    wire.inject(0, PEER, &from_peer("BYE", "again", 3, &to));
    assert!(wire.heard().starts_with("SIP/2.0 481 "));
}

#[test]
fn rfc3261_15_byes_that_cross_are_both_answered() {
    let mut wire = alone();
    let (id, to) = answered(&mut wire);
    hang_up(&mut wire, id);
    let ours = wire.heard();
    assert!(ours.starts_with("BYE sip:bob@10.0.0.9 SIP/2.0\n"));
    wire.inject(0, PEER, &from_peer("BYE", "bye", 2, &to));
    assert!(wire.heard().starts_with("SIP/2.0 200 OK\n"));
    wire.inject(
        0,
        PEER,
        &answer(&ours, "481 Call/Transaction Does Not Exist", "", ""),
    );
    assert!(matches!(
        wire.events(0)[..],
        [Event::Ended {
            cause: EndCause::Local,
            ..
        }]
    ));
    wire.seconds(60);
    assert!(wire.outside().is_empty());
}

#[test]
fn rfc3261_15_the_one_called_says_bye_only_after_the_ack() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    let events = wire.events(0);
    let [Event::Invited { call, request, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    wire.with(0, |sip, cx| {
        sip.accept(cx, *call, request.response(Status::OK)).unwrap();
        sip.hang_up(cx, *call, None);
    });
    let ok = wire.heard();
    let to = format!("To: {}\n", header(&ok, "To"));
    assert!(matches!(wire.events(0)[..], [Event::Ended { .. }]));
    wire.inject(0, PEER, &from_peer("ACK", "b", 1, &to));
    assert!(wire.heard().starts_with("BYE "));
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3261_15_hanging_up_a_call_that_rings_refuses_it() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    let events = wire.events(0);
    let [Event::Invited { call, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    hang_up(&mut wire, *call);
    assert!(wire.heard().starts_with("SIP/2.0 487 "));
    assert!(matches!(wire.events(0)[..], [Event::Ended { .. }]));
}

#[test]
fn a_call_that_nobody_answers_is_given_up_on_both_sides() {
    let mut wire = alone();
    call(&mut wire);
    let invite = wire.heard();
    wire.inject(0, PEER, &answer(&invite, "180 Ringing", "peer", CONTACT));
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    wire.events(0);
    wire.outside();
    wire.seconds(180);
    let heard = wire.outside();
    assert_eq!(Wire::times(&heard, "CANCEL "), [180_000]);
    assert_eq!(Wire::times(&heard, "SIP/2.0 480 "), [180_000]);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Ended {
            cause: EndCause::NoAnswer,
            ..
        }]
    ));
    wire.inject(
        0,
        PEER,
        &answer(&invite, "487 Request Terminated", "peer", ""),
    );
    assert!(matches!(wire.events(0)[..], [Event::Rejected { .. }]));
}

#[test]
fn rfc3261_14_1_a_reinvite_and_its_answer() {
    let mut wire = alone();
    let (id, _) = up(&mut wire);
    assert_eq!(
        wire.with(0, |sip, cx| sip.reinvite(cx, id, Some("v=1\r\n".into()))),
        Ok(())
    );
    // One at a time.
    assert_eq!(
        wire.with(0, |sip, cx| sip.reinvite(cx, id, Some("v=2\r\n".into()))),
        Err(cpm::sip::CallError::Busy)
    );
    let invite = wire.heard();
    assert!(invite.starts_with("INVITE sip:bob@10.0.0.9 SIP/2.0\n"));
    assert_eq!(header(&invite, "CSeq"), "2 INVITE");
    assert_eq!(header(&invite, "Content-Type"), "application/sdp");
    assert_eq!(header(&invite, "Contact"), "<sip:alice@10.0.0.1:5060>");
    assert!(invite.ends_with("\n\nv=1\n"));
    let ok = answer(&invite, "200 OK", "", "Contact: <sip:bob@10.0.0.9:5070>");
    wire.inject(0, PEER, &ok);
    let ack = wire.heard();
    assert!(ack.starts_with("ACK sip:bob@10.0.0.9:5070 SIP/2.0\n"));
    assert_eq!(header(&ack, "CSeq"), "2 ACK");
    wire.inject(0, PEER, &ok);
    assert_eq!(wire.heard(), ack);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Reanswered {
            response: Some(_),
            ..
        }]
    ));
}

#[test]
fn rfc3261_14_1_glare_is_tried_again_after_a_while() {
    let mut wire = alone();
    let (id, _) = up(&mut wire);
    wire.with(0, |sip, cx| sip.reinvite(cx, id, Some("v=1\r\n".into())))
        .unwrap();
    let invite = wire.heard();
    wire.inject(0, PEER, &answer(&invite, "491 Request Pending", "", ""));
    assert!(wire.heard().starts_with("ACK "));
    // We made the Call-ID: 2.1 to 4 seconds.
    wire.run(std::time::Duration::from_millis(2099));
    assert!(wire.outside().is_empty());
    wire.run(std::time::Duration::from_millis(1901));
    let again = wire.outside().remove(0).text;
    assert_eq!(header(&again, "CSeq"), "3 INVITE");
    assert!(again.ends_with("\n\nv=1\n"));
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3261_14_2_a_reinvite_of_the_peer() {
    let mut wire = alone();
    let (id, to) = answered(&mut wire);
    let contact = from_peer("INVITE", "re", 2, &to).replace("bob@10.0.0.9>", "bob@10.0.0.9:5071>");
    wire.inject(0, PEER, &contact);
    let events = wire.events(0);
    let [Event::Reinvited { call, request }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(*call, id);
    // Another one before it is answered: 500 with Retry-After (§14.2).
    wire.inject(0, PEER, &from_peer("INVITE", "re2", 3, &to));
    let busy = wire.outside();
    assert!(busy[0].text.starts_with("SIP/2.0 500 "), "{busy:?}");
    assert!(header(&busy[0].text, "Retry-After").parse::<u32>().unwrap() <= 10);
    wire.with(0, |sip, cx| {
        sip.answer_reinvite(cx, id, request.response(Status::OK))
            .unwrap();
    });
    assert!(wire.heard().starts_with("SIP/2.0 200 OK\n"));
    wire.inject(0, PEER, &from_peer("ACK", "re-ack", 2, &to));
    wire.outside();
    wire.seconds(2);
    // Only the 500 has no ACK.
    assert_eq!(Wire::times(&wire.outside(), "SIP/2.0 200"), [0_u128; 0]);
    // The peer is where its last INVITE said.
    hang_up(&mut wire, id);
    assert!(
        wire.outside()
            .iter()
            .any(|h| h.text.starts_with("BYE sip:bob@10.0.0.9:5071 "))
    );
}

#[test]
fn rfc3261_14_2_a_reinvite_that_meets_ours_is_pending() {
    let mut wire = alone();
    let (id, to) = answered(&mut wire);
    wire.with(0, |sip, cx| sip.reinvite(cx, id, Some("v=1\r\n".into())))
        .unwrap();
    wire.outside();
    wire.inject(0, PEER, &from_peer("INVITE", "re", 2, &to));
    assert!(wire.heard().starts_with("SIP/2.0 491 "));
}

#[test]
fn rfc3261_13_3_1_a_call_between_two_endpoints_survives_loss() {
    for seed in 0..40_u64 {
        let mut wire = Wire::new();
        let (alice, bob) = (
            wire.end("10.0.0.1:5060", |_, _| {}),
            wire.end("10.0.0.2:5060", |_, _| {}),
        );
        // A third of all datagrams get lost, in a way of its own for each seed.
        let mut state = seed;
        wire.lose = Box::new(move |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % 3 == 0
        });
        let id = wire.with(alice, |sip, cx| {
            sip.invite(
                cx,
                Request::new(Method::Invite, &uri("sip:bob@10.0.0.2")),
                Target::Uri,
            )
        });
        let mut at_bob = None;
        for _ in 0..400 {
            wire.run(std::time::Duration::from_millis(250));
            for event in wire.events(bob) {
                if let Event::Invited { call, request, .. } = event {
                    assert_eq!(at_bob.replace(call), None, "seed {seed}: invited twice");
                    wire.with(bob, |sip, cx| {
                        sip.accept(cx, call, request.response(Status::OK)).unwrap();
                    });
                }
            }
        }
        let accepted = (wire.events(alice).iter())
            .filter(|event| matches!(event, Event::Accepted { .. }))
            .count();
        assert_eq!(accepted, 1, "seed {seed}");
        hang_up(&mut wire, id);
        wire.seconds(40);
        let ended = wire.events(bob);
        assert!(
            matches!(ended[..], [Event::Ended { .. }]) || at_bob.is_none(),
            "seed {seed}: {ended:?}"
        );
    }
}

/// An endpoint that can answer challenges, and what it is asked.
fn known() -> (Wire, &'static str) {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.credentials = Some(cpm::sip::Credentials::new("alice", "wonderland"));
    });
    let challenge = "WWW-Authenticate: Digest realm=\"example.com\", nonce=\"n\", qop=\"auth\"";
    (wire, challenge)
}

#[test]
fn rfc3261_9_1_a_call_that_was_hung_up_is_not_tried_again_for_a_challenge() {
    for provisional in [false, true] {
        let (mut wire, challenge) = known();
        let id = call(&mut wire);
        let invite = wire.heard();
        if provisional {
            wire.inject(0, PEER, &answer(&invite, "100 Trying", "", ""));
        }
        hang_up(&mut wire, id);
        wire.outside();
        wire.inject(
            0,
            PEER,
            &answer(&invite, "401 Unauthorized", "x", challenge),
        );
        assert!(wire.heard().starts_with("ACK "));
        assert!(matches!(
            wire.events(0)[..],
            [Event::Rejected { call, .. }] if call == id
        ));
    }
}

#[test]
fn rfc3261_9_1_the_100_of_a_challenged_invite_allows_no_cancel_of_the_next() {
    let (mut wire, challenge) = known();
    let id = call(&mut wire);
    let first = wire.heard();
    wire.inject(0, PEER, &answer(&first, "100 Trying", "", ""));
    wire.inject(0, PEER, &answer(&first, "401 Unauthorized", "x", challenge));
    let second = wire.outside().remove(1).text;
    assert_eq!(header(&second, "CSeq"), "2 INVITE");
    hang_up(&mut wire, id);
    assert!(wire.outside().is_empty());
    wire.inject(0, PEER, &answer(&second, "100 Trying", "", ""));
    let cancel = wire.heard();
    assert_eq!(header(&cancel, "CSeq"), "2 CANCEL");
    assert_eq!(header(&cancel, "Via"), header(&second, "Via"));
}

#[test]
fn rfc3261_14_1_a_reinvite_that_is_never_answered_is_given_up() {
    let mut wire = alone();
    let (id, _) = up(&mut wire);
    wire.seconds(40);
    wire.with(0, |sip, cx| sip.reinvite(cx, id, Some("v=1\r\n".into())))
        .unwrap();
    let invite = wire.heard();
    wire.inject(0, PEER, &answer(&invite, "100 Trying", "", ""));
    wire.seconds(179);
    assert!(wire.events(0).is_empty());
    wire.seconds(1);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Ended { call, cause: EndCause::Gone, .. }] if call == id
    ));
    assert!(wire.outside()[0].text.starts_with("BYE "));
    wire.seconds(33);
    assert_eq!(wire.with(0, |sip, _| sip.load()), (0, 0));
}

#[test]
fn rfc3261_15_a_full_endpoint_still_lets_calls_end() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |_, limits| limits.sip_transactions = 8);
    let (id, to) = answered(&mut wire);
    wire.seconds(40);
    for number in 0..9 {
        let message = from_peer("MESSAGE", &format!("m{number}"), 10 + number, "")
            .replace("Call-ID: from-bob", &format!("Call-ID: other{number}"));
        wire.inject(0, PEER, &message);
    }
    assert_eq!(wire.events(0).len(), 8);
    assert!(wire.heard().starts_with("SIP/2.0 503 "));
    wire.inject(0, PEER, &from_peer("BYE", "bye", 2, &to));
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
    assert!(matches!(wire.events(0)[..], [Event::Ended { call, .. }] if call == id));
}
