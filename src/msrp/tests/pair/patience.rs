//! How long a sender waits, what it gives up, and how much it sends ahead.

use super::*;

#[test]
fn rfc4975_7_1_1_no_answer_within_30_seconds_is_a_408() {
    let (mut pair, [_, b]) = Pair::up(1);
    pair.is_hole = true;
    let id = pair.send(1, b, "into the void");
    pair.run();
    pair.wait(Duration::from_millis(29_999));
    assert!(pair.sides[1].clear().is_empty());
    pair.wait(Duration::from_millis(1));
    assert!(matches!(
        pair.sides[1].clear()[..],
        [Event::Failed { id: failed, status: Status::TIMEOUT, .. }] if failed == id
    ));
    // A binding that is not answered ends its session.
    let [_, c] = pair.session(&Settings::default());
    pair.run();
    pair.wait(Duration::from_secs(30));
    assert!(matches!(
        pair.sides[1].clear()[..],
        [Event::Up { .. }, Event::Down { session, why: Down::Timeout }] if session == c
    ));
}

#[test]
fn rfc4975_7_1_1_the_30_seconds_begin_when_the_last_byte_has_left() {
    let (mut pair, [_, b]) = Pair::up(1);
    let id = pair.send(1, b, vec![b'x'; 10_000]);
    let end = pair.links[0].ends[1];
    let side = &mut pair.sides[1];
    let head = side.with(|e, cx| e.poll_stream(cx, end)).unwrap();
    assert!(head.starts_with(b"MSRP "));
    // The transport takes the rest only now.
    side.wait(Duration::from_secs(20));
    side.take(end);
    side.wait(Duration::from_millis(29_999));
    assert!(side.clear().is_empty());
    side.wait(Duration::from_millis(1));
    assert_eq!(fates(&side.clear()).1, [id]);
}

#[test]
fn a_quiet_connection_is_kept_open_and_a_dead_one_is_found() {
    let mut pair = Pair::new(1);
    pair.sides[1].endpoint.config.keep_alive = Some(Duration::from_secs(60));
    let [_, b] = pair.session(&Settings::default());
    pair.run();
    pair.sides.iter_mut().for_each(|side| drop(side.clear()));
    let carried = pair.carried;
    pair.wait(Duration::from_secs(59));
    assert_eq!(pair.carried, carried);
    pair.wait(Duration::from_secs(1));
    let once = pair.carried - carried;
    assert!(once > 0);
    // What is said anyway counts.
    pair.wait(Duration::from_secs(30));
    pair.send(1, b, "hi");
    pair.run();
    let carried = pair.carried;
    pair.wait(Duration::from_secs(59));
    assert_eq!(pair.carried, carried);
    pair.wait(Duration::from_secs(1));
    assert_eq!(pair.carried, carried + once);
    assert_eq!(
        pair.sides[0].received.len(),
        1,
        "a keep-alive is no message"
    );
    pair.sides[1].clear();
    pair.is_hole = true;
    pair.wait(Duration::from_secs(60));
    pair.wait(Duration::from_secs(30));
    assert!(fates(&pair.sides[1].clear()).2);
    assert!(!pair.links[0].is_up);
    assert!(pair.sides[1].endpoint.poll_timeout().is_none());
}

#[test]
fn rfc4975_7_1_1_failure_report_no_and_partial_at_the_sender() {
    let (mut pair, [_, b]) = Pair::up(1);
    let send = |pair: &mut Pair, failure_report| {
        let message = Outgoing {
            failure_report,
            ..Outgoing::new("text/plain".into(), "hi".into())
        };
        pair.sides[1].with(|e, cx| e.send(cx, b, message)).unwrap()
    };
    let no = send(&mut pair, FailureReport::No);
    let partial = send(&mut pair, FailureReport::Partial);
    pair.run();
    assert_eq!(fates(&pair.sides[1].clear()).0, [no]);
    pair.wait(Duration::from_secs(30));
    assert_eq!(fates(&pair.sides[1].clear()).0, [partial]);
    assert_eq!(pair.sides[0].received.len(), 2);
}

#[test]
fn a_stopped_message_is_aborted_and_the_next_one_goes_on() {
    let mut pair = Pair::new(1);
    let settings = Settings {
        max_size: Some(50_000),
        ..Settings::default()
    };
    let [_, b] = pair.session(&settings);
    pair.run();
    pair.sides[1].clear();
    let large = pair.send(1, b, vec![b'x'; 1_000_000]);
    let next = pair.send(1, b, "next");
    pair.run();
    let events = pair.sides[1].clear();
    assert!(events.iter().any(|event| matches!(event,
        Event::Failed { id, status: Status::STOP, .. } if *id == large)));
    assert_eq!(fates(&events).0, [next]);
    assert_eq!(pair.sides[0].endpoint.reassembly, 0);
    // What the peer's SDP says is checked before.
    let settings = pair.sides[1].endpoint.settings_mut(b).unwrap();
    settings.peer_max_size = Some(5);
    let message = Outgoing::new("text/plain".into(), "sixsix".into());
    let refused = pair.sides[1].with(|e, cx| e.send(cx, b, message));
    assert_eq!(refused, Err(SendError::TooLarge));
}

#[test]
fn a_cancelled_message_is_aborted() {
    let (mut pair, [_, b]) = Pair::up(1);
    let id = pair.send(1, b, vec![b'x'; 1_000_000]);
    while pair.sides[0].endpoint.reassembly == 0 {
        pair.round();
    }
    pair.sides[1].with(|e, cx| e.cancel(cx, id));
    pair.send(1, b, "next");
    pair.run();
    assert_eq!(pair.sides[0].endpoint.reassembly, 0);
    assert_eq!(pair.sides[0].received.len(), 1);
    assert_eq!(fates(&pair.sides[1].clear()).0.len(), 1);
}

#[test]
fn a_full_queue_says_so_and_when_there_is_room_again() {
    let (mut pair, [_, b]) = Pair::up(1);
    let max = pair.sides[1].limits.msrp_send_queue;
    let hello = || Outgoing::new("text/plain".into(), "hi".into());
    for _ in 0..max {
        pair.send(1, b, "hi");
    }
    let refused = pair.sides[1].with(|e, cx| e.send(cx, b, hello()));
    assert_eq!(refused, Err(SendError::Full));
    pair.run();
    let events = pair.sides[1].clear();
    let writable = |event: &&Event| matches!(event, Event::Writable { .. });
    assert_eq!(events.iter().filter(writable).count(), 1);
    assert!(pair.sides[1].with(|e, cx| e.send(cx, b, hello())).is_ok());
    let bad = Outgoing::new("text/plain\r\nX: y".into(), "hi".into());
    let refused = pair.sides[1].with(|e, cx| e.send(cx, b, bad));
    assert_eq!(refused, Err(SendError::Unwritable));
    pair.sides[1].with(|e, cx| e.close(cx, b));
    let refused = pair.sides[1].with(|e, cx| e.send(cx, b, hello()));
    assert_eq!(refused, Err(SendError::Closed));
}

#[test]
fn not_more_than_so_many_chunks_are_in_flight() {
    let (mut pair, [_, b]) = Pair::up(1);
    pair.sides[1].limits.msrp_in_flight = 3;
    let ids: Vec<_> = (0..20).map(|_| pair.send(1, b, "hi")).collect();
    let conn = pair.links[0].ends[1];
    let out = pair.sides[1].take(conn);
    assert_eq!(out.matches("SEND").count(), 3);
    pair.carry(0, 0, out.into());
    pair.run();
    assert_eq!(fates(&pair.sides[1].clear()).0, ids);
}
