//! §17 and RFC 6026: transactions.

use super::*;
use crate::wire::{headers, param};
use cpm::sip::Failure;
use cpm::sip::msg::Status;

#[test]
fn rfc3261_17_1_1_2_an_unanswered_invite_doubles_its_interval_and_gives_up() {
    let mut wire = alone();
    let id = call(&mut wire);
    wire.seconds(60);
    let heard = wire.outside();
    assert_eq!(
        Wire::times(&heard, "INVITE"),
        [0, 500, 1500, 3500, 7500, 15_500, 31_500]
    );
    // Each is the same to the byte.
    assert!(heard.iter().all(|one| one.text == heard[0].text));
    match &wire.events(0)[..] {
        [
            Event::Rejected {
                call, status, why, ..
            },
        ] => {
            assert_eq!((*call, *status), (id, Status::REQUEST_TIMEOUT));
            assert_eq!(*why, Some(Failure::Timeout));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc3261_17_1_2_2_a_request_is_sent_again_up_to_every_four_seconds() {
    let mut wire = alone();
    let id = send(&mut wire, Method::Message);
    wire.seconds(60);
    assert_eq!(
        Wire::times(&wire.outside(), "MESSAGE"),
        [
            0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
        ]
    );
    assert!(matches!(
        wire.events(0)[..],
        [Event::Failed { id: failed, why: Failure::Timeout }] if failed == id
    ));
}

#[test]
fn rfc3261_17_1_2_2_a_provisional_response_slows_it_down_and_a_final_one_ends_it() {
    let mut wire = alone();
    let id = send(&mut wire, Method::Message);
    let request = wire.heard();
    wire.inject(0, PEER, &answer(&request, "100 Trying", "", ""));
    wire.seconds(10);
    assert_eq!(
        Wire::times(&wire.outside(), "MESSAGE"),
        [500, 1500, 3500, 7500]
    );
    wire.inject(0, PEER, &answer(&request, "200 OK", "x", ""));
    // Once more, as one that was sent again: the user hears of it once.
    wire.inject(0, PEER, &answer(&request, "200 OK", "x", ""));
    wire.seconds(60);
    assert!(wire.outside().is_empty());
    assert!(matches!(
        &wire.events(0)[..],
        [Event::Response { id: answered, response }]
            if *answered == id && response.status() == Status::OK
    ));
}

#[test]
fn rfc3261_17_1_1_3_the_ack_of_a_failure_is_of_the_transaction() {
    let mut wire = alone();
    call(&mut wire);
    let invite = wire.heard();
    let busy = answer(&invite, "486 Busy Here", "peer", "");
    wire.inject(0, PEER, &busy);
    let ack = wire.heard();
    assert!(ack.starts_with("ACK sip:bob@10.0.0.9 SIP/2.0\n"));
    for name in ["Via", "From", "Call-ID"] {
        assert_eq!(header(&ack, name), header(&invite, name));
    }
    assert_eq!(headers(&ack, "Via").count(), 1);
    assert_eq!(header(&ack, "To"), header(&busy, "To"));
    assert_eq!(header(&ack, "CSeq"), "1 ACK");
    assert!(matches!(
        &wire.events(0)[..],
        [Event::Rejected {
            status: Status::BUSY_HERE,
            response: Some(_),
            why: None,
            ..
        }]
    ));
    // The ACK was lost: the response comes again, and so does the ACK, but no event.
    wire.seconds(1);
    wire.inject(0, PEER, &busy);
    assert_eq!(wire.heard(), ack);
    assert!(wire.events(0).is_empty());
    // After Timer D nobody knows it any more.
    wire.seconds(40);
    wire.inject(0, PEER, &busy);
    assert!(wire.outside().is_empty());
}

#[test]
fn rfc3261_17_2_1_an_invite_that_nobody_answers_gets_100_after_200_ms() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    assert!(wire.outside().is_empty());
    wire.seconds(1);
    let heard = wire.outside();
    assert_eq!(Wire::times(&heard, "SIP/2.0 100 Trying"), [200]);
    assert!(!header(&heard[0].text, "To").contains("tag="));
    // Sent again, it is answered by what was sent last.
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    assert_eq!(wire.heard(), heard[0].text);
    assert_eq!(wire.events(0).len(), 1);
}

#[test]
fn rfc3261_17_2_1_a_refusal_is_sent_again_until_the_ack() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    refuse(&mut wire, Status::DECLINE);
    wire.seconds(5);
    let heard = wire.outside();
    assert_eq!(Wire::times(&heard, "SIP/2.0 603"), [0, 500, 1500, 3500]);
    let to = format!("To: {}\n", header(&heard[0].text, "To"));
    wire.inject(0, PEER, &from_peer("ACK", "a", 1, &to));
    wire.seconds(60);
    assert!(wire.outside().is_empty());
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3261_17_2_1_timer_h_ends_the_wait_for_the_ack() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    refuse(&mut wire, Status::DECLINE);
    wire.seconds(120);
    assert_eq!(
        Wire::times(&wire.outside(), "SIP/2.0 603").last(),
        Some(&31_500)
    );
}

fn refuse(wire: &mut Wire, status: Status) {
    match &wire.events(0)[..] {
        [Event::Invited { call, request, .. }] => {
            let (call, request) = (*call, request.clone());
            wire.with(0, |sip, cx| sip.reject(cx, call, request.response(status)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc3261_17_2_2_a_request_that_comes_again_is_answered_by_the_transaction() {
    let mut wire = alone();
    let message = from_peer("MESSAGE", "a", 1, "");
    wire.inject(0, PEER, &message);
    let events = wire.events(0);
    let [Event::Request { id, request, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    // Not yet answered: absorbed.
    wire.inject(0, PEER, &message);
    assert!(wire.outside().is_empty());
    wire.with(0, |sip, cx| {
        sip.respond(cx, *id, request.response(Status::ACCEPTED));
    });
    let accepted = wire.heard();
    assert!(accepted.starts_with("SIP/2.0 202 Accepted\n"));
    assert!(!param(header(&accepted, "To"), "tag").is_empty());
    wire.seconds(30);
    wire.inject(0, PEER, &message);
    assert_eq!(wire.heard(), accepted);
    // A second answer is one too many.
    wire.with(0, |sip, cx| {
        sip.respond(cx, *id, request.response(Status::FORBIDDEN));
    });
    assert!(wire.outside().is_empty());
    assert!(wire.events(0).is_empty());
    // After Timer J it is a new request.
    wire.seconds(3);
    wire.inject(0, PEER, &message);
    assert_eq!(wire.events(0).len(), 1);
}

#[test]
fn rfc3261_17_2_3_matched_by_branch_sent_by_and_method() {
    let mut wire = alone();
    let message = from_peer("MESSAGE", "a", 1, "");
    let others = [
        message
            .replace("z9hG4bKa", "z9hG4bKb")
            .replace("from-bob", "other"),
        message
            .replace("10.0.0.9:5060;", "10.0.0.9:5062;")
            .replace("from-bob", "another"),
        message.replace("MESSAGE", "OPTIONS"),
    ];
    wire.inject(0, PEER, &message);
    for other in &others {
        wire.inject(0, PEER, other);
    }
    // The same with the host in other letters would be the same; with other bytes elsewhere it is.
    wire.inject(
        0,
        PEER,
        &message.replace("Max-Forwards: 70", "Max-Forwards: 69"),
    );
    assert_eq!(wire.events(0).len(), 4);
}

#[test]
fn rfc3261_17_1_3_a_response_must_match_branch_method_and_sent_by() {
    let mut wire = alone();
    send(&mut wire, Method::Message);
    let request = wire.heard();
    let right = answer(&request, "200 OK", "x", "");
    let branch = param(header(&request, "Via"), "branch").to_owned();
    for wrong in [
        right.replace(&branch, "z9hG4bKguess"),
        right.replace("1 MESSAGE", "1 OPTIONS"),
        right.replace("10.0.0.1:5060", "10.0.0.2:5060"),
        right.replace("From:", "Via: SIP/2.0/UDP 10.0.0.3;branch=z9hG4bKx\nFrom:"),
    ] {
        wire.inject(0, PEER, &wrong);
        assert!(wire.events(0).is_empty(), "{wrong}");
    }
    wire.inject(0, PEER, &right);
    assert_eq!(wire.events(0).len(), 1);
}

#[test]
fn rfc6026_7_1_an_invite_that_comes_again_after_the_2xx_is_absorbed() {
    let mut wire = alone();
    answered(&mut wire);
    wire.inject(0, PEER, &from_peer("INVITE", "invite", 1, ""));
    assert!(wire.outside().is_empty());
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3261_17_a_reliable_transport_needs_no_retransmission() {
    let mut wire = alone();
    wire.taken.insert(crate::wire::addr(PEER));
    let target = uri("sip:bob@10.0.0.9;transport=tcp");
    wire.with(0, |sip, cx| {
        sip.request(cx, Request::new(Method::Options, &target), Target::Uri);
        sip.invite(cx, Request::new(Method::Invite, &target), Target::Uri);
    });
    wire.seconds(40);
    let heard = wire.outside();
    assert_eq!(heard.len(), 2, "{heard:#?}");
    assert_eq!(wire.events(0).len(), 2);
}

#[test]
fn rfc3261_17_2_1_timer_g_doubles_up_to_t2() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    refuse(&mut wire, Status::BUSY_HERE);
    wire.seconds(17);
    let times = Wire::times(&wire.outside(), "SIP/2.0 486");
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 11_500, 15_500]);
}

#[test]
fn rfc3261_17_2_1_timer_i_absorbs_acks_and_then_forgets() {
    let mut wire = alone();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    refuse(&mut wire, Status::BUSY_HERE);
    let to = format!("To: {}\n", header(&wire.heard(), "To"));
    let load = |wire: &mut Wire| wire.with(0, |sip, _| sip.load().0);
    for _ in 0..3 {
        wire.inject(0, PEER, &from_peer("ACK", "a", 1, &to));
    }
    wire.run(std::time::Duration::from_millis(4999));
    assert_eq!((load(&mut wire), wire.outside().len()), (1, 0));
    wire.run(std::time::Duration::from_millis(1));
    assert_eq!(load(&mut wire), 0);
}

#[test]
fn rfc3261_17_1_1_2_timer_d_acknowledges_a_refusal_that_comes_again_for_32_s() {
    let mut wire = alone();
    call(&mut wire);
    let invite = wire.heard();
    let busy = answer(&invite, "486 Busy Here", "x", "");
    wire.inject(0, PEER, &busy);
    let ack = wire.heard();
    wire.seconds(31);
    wire.inject(0, PEER, &busy);
    assert_eq!(wire.heard(), ack);
    wire.seconds(1);
    wire.inject(0, PEER, &busy);
    assert!(wire.outside().is_empty());
    assert_eq!(wire.with(0, |sip, _| sip.load()), (0, 0));
}

#[test]
fn rfc3261_17_1_2_2_timer_k_absorbs_responses_for_t4() {
    let mut wire = alone();
    send(&mut wire, Method::Message);
    let message = wire.heard();
    let ok = answer(&message, "200 OK", "x", "");
    wire.inject(0, PEER, &ok);
    assert_eq!(wire.events(0).len(), 1);
    wire.run(std::time::Duration::from_millis(4999));
    wire.inject(0, PEER, &ok);
    assert_eq!(wire.with(0, |sip, _| sip.load().0), 1);
    wire.run(std::time::Duration::from_millis(1));
    assert_eq!(wire.with(0, |sip, _| sip.load().0), 0);
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3261_17_2_2_timer_j_answers_again_for_64_t1_and_then_it_is_a_new_request() {
    let mut wire = alone();
    let message = from_peer("MESSAGE", "m", 1, "");
    let reply = |wire: &mut Wire| match &wire.events(0)[..] {
        [Event::Request { id, request, .. }] => {
            let (id, response) = (*id, request.response(Status::OK));
            wire.with(0, |sip, cx| sip.respond(cx, id, response));
        }
        other => panic!("{other:?}"),
    };
    wire.inject(0, PEER, &message);
    reply(&mut wire);
    let ok = wire.heard();
    wire.seconds(31);
    wire.inject(0, PEER, &message);
    assert_eq!(wire.heard(), ok);
    wire.seconds(1);
    wire.inject(0, PEER, &message);
    reply(&mut wire);
}

#[test]
fn rfc3261_17_on_a_reliable_transport_only_the_timers_that_give_up_run() {
    let peer = crate::wire::addr("10.0.0.7:5060");
    let load = |wire: &mut Wire| wire.with(0, |sip, _| sip.load().0);
    let over_tcp = |wire: &mut Wire, method: Method| {
        let request = Request::new(method, &uri("sip:bob@10.0.0.7;transport=tcp"));
        wire.with(0, |sip, cx| match request.method() {
            Method::Invite => drop(sip.invite(cx, request, Target::Uri)),
            _ => drop(sip.request(cx, request, Target::Uri)),
        });
    };
    // Timers B and F, without A and E.
    for method in [Method::Invite, Method::Message] {
        let mut wire = alone();
        wire.taken.insert(peer);
        over_tcp(&mut wire, method);
        wire.seconds(31);
        assert_eq!(wire.outside().len(), 1);
        assert!(wire.events(0).is_empty());
        wire.seconds(1);
        assert_eq!(wire.events(0).len(), 1);
        assert_eq!(load(&mut wire), 0);
    }
    // Timers D and K are nothing: once answered, it is over.
    for (method, status) in [(Method::Invite, "486 Busy"), (Method::Message, "200 OK")] {
        let mut wire = alone();
        wire.taken.insert(peer);
        over_tcp(&mut wire, method);
        let sent = wire.heard();
        let conn = wire.conn_of(0);
        wire.stream(0, conn, &answer(&sent, status, "x", ""));
        assert_eq!(load(&mut wire), 0);
    }
    // Timer H without G, and then I and J, which are nothing.
    let mut wire = alone();
    let conn = wire.connect(0, "10.0.0.7:4000");
    let tcp = |text: String| text.replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    wire.stream(0, conn, &tcp(from_peer("INVITE", "a", 1, "")));
    refuse(&mut wire, Status::BUSY_HERE);
    wire.seconds(31);
    assert_eq!(wire.outside().len(), 1);
    assert_eq!(load(&mut wire), 1);
    wire.seconds(1);
    assert_eq!(load(&mut wire), 0);
    wire.stream(0, conn, &tcp(from_peer("INVITE", "b", 2, "")));
    refuse(&mut wire, Status::BUSY_HERE);
    let to = format!("To: {}\n", header(&wire.heard(), "To"));
    wire.stream(0, conn, &tcp(from_peer("ACK", "b", 2, &to)));
    assert_eq!(load(&mut wire), 0);
    wire.stream(0, conn, &tcp(from_peer("BYE", "c", 3, "")));
    assert_eq!(load(&mut wire), 0);
}

#[test]
fn rfc6026_7_1_and_7_2_timers_l_and_m_end_an_accepted_invite() {
    let mut wire = alone();
    answered(&mut wire);
    let load = |wire: &mut Wire| wire.with(0, |sip, _| sip.load().0);
    wire.seconds(31);
    assert_eq!(load(&mut wire), 1);
    wire.seconds(1);
    assert_eq!(load(&mut wire), 0);
    let mut wire = alone();
    up(&mut wire);
    wire.seconds(31);
    assert_eq!(load(&mut wire), 1);
    wire.seconds(1);
    assert_eq!(load(&mut wire), 0);
}
