//! One message in, many out.

use super::*;

/// A side that switches among sessions with a connection each.
struct Room {
    side: Side,
    switch: Switch,
    legs: Vec<(SessionId, ConnId)>,
}

impl Room {
    fn new(legs: usize, overflow: Overflow) -> Self {
        let mut side = Side::new(1, Some("10.0.0.1:2855"));
        let mut switch = Switch::new(overflow, &mut side.ids);
        let legs = (0..legs)
            .map(|index| {
                let (session, path) = side.open(Settings::default());
                let peer: Uri = format!("msrp://10.0.1.{index}:9/s{index};tcp").parse().unwrap();
                side.with(|e, cx| e.start(cx, session, vec![peer.clone()], Role::Passive));
                let conn = side.accept_conn();
                side.feed(
                    conn,
                    format!(
                        "MSRP bind SEND\r\nTo-Path: {}\r\nFrom-Path: {peer}\r\nMessage-ID: m0\r\nByte-Range: 1-0/0\r\n-------bind$\r\n",
                        path[0]
                    ),
                );
                side.take(conn);
                assert!(switch.add(session) && !switch.add(session));
                (session, conn)
            })
            .collect();
        side.clear();
        Self { side, switch, legs }
    }

    fn say(&mut self, from: Option<SessionId>, body: impl Into<Bytes>) -> usize {
        let message = Outgoing::new("text/plain".into(), body.into());
        let switch = &mut self.switch;
        self.side
            .with(|e, cx| switch.send(cx, e, from, &message, |_, _| {}))
            .unwrap()
    }

    fn dropped(&mut self) -> Vec<(SessionId, u64, bool)> {
        let mut all: Vec<_> = std::iter::from_fn(|| self.switch.poll_dropped(&self.side.endpoint))
            .map(|d| (d.session, d.messages, d.closed))
            .collect();
        all.sort();
        all
    }
}

#[test]
fn a_message_reaches_all_but_its_sender_and_its_body_is_shared() {
    let mut room = Room::new(5, Overflow::Newest);
    let body = Bytes::from(vec![b'x'; 10_000]);
    let from = room.legs[2].0;
    assert_eq!(room.say(Some(from), body.clone()), 4);
    for (session, conn) in room.legs.clone() {
        let mut parts = Vec::new();
        while let Some(part) = room.side.with(|e, cx| e.poll_stream(cx, conn)) {
            parts.push(part);
        }
        if session == from {
            assert_eq!(parts.len(), 0);
            continue;
        }
        assert_eq!(parts.len(), 3, "a head, the body, an end-line");
        assert_eq!(parts[1].as_ptr(), body.as_ptr());
    }
    assert!(room.dropped().is_empty());
}

#[test]
fn a_slow_session_holds_up_nobody_and_does_not_grow() {
    for (overflow, kept) in [(Overflow::Newest, "0"), (Overflow::Oldest, "1976")] {
        let mut room = Room::new(3, overflow);
        let (slow, fast) = (room.legs[0], room.legs[1]);
        let max = room.side.limits.msrp_send_queue as u64;
        for index in 0..3_000 {
            room.say(None, index.to_string());
            for (_, conn) in &room.legs[1..] {
                let out = room.side.take(*conn);
                let id = out.split(' ').nth(1).unwrap();
                let response = format!(
                    "MSRP {id} 200 OK\r\nTo-Path: msrp://a;tcp\r\nFrom-Path: msrp://b;tcp\r\n-------{id}$\r\n"
                );
                room.side.feed(*conn, response);
            }
        }
        assert_eq!(room.dropped(), [(slow.0, 3_000 - max, false)]);
        assert_eq!(room.side.endpoint.sends.len() as u64, max);
        let sent =
            |event: &&Event| matches!(event, Event::Sent { session, .. } if *session == fast.0);
        assert_eq!(room.side.clear().iter().filter(sent).count(), 3_000);
        let first = room.side.with(|e, cx| e.poll_stream(cx, slow.1)).unwrap();
        let text = String::from_utf8(first.to_vec()).unwrap();
        let body = text.split("\r\n\r\n").nth(1).unwrap();
        assert_eq!(body.lines().next(), Some(kept));
    }
}

#[test]
fn bytes_are_bounded_as_well_as_messages() {
    let mut room = Room::new(2, Overflow::Newest);
    room.side.limits.msrp_send_bytes = 100_000;
    // A message by itself may be larger than what may wait.
    assert_eq!(room.say(None, vec![b'x'; 300_000]), 2);
    assert_eq!(room.say(None, "x"), 0);
    assert_eq!(room.dropped().len(), 2);
    let conn = room.legs[1].1;
    room.side.take(conn);
    assert_eq!(room.say(None, vec![b'x'; 60_000]), 1);
    assert_eq!(room.say(None, vec![b'x'; 60_000]), 0);
    room.switch.overflow = Overflow::Oldest;
    assert_eq!(room.say(None, vec![b'x'; 70_000]), 2);
}

#[test]
fn a_session_too_slow_can_be_closed_and_is_taken_out() {
    let mut room = Room::new(3, Overflow::Close);
    room.side.limits.msrp_send_queue = 2;
    for _ in 0..3 {
        room.say(Some(room.legs[1].0), "hi");
        room.side.take(room.legs[2].1);
    }
    let slow: Vec<SessionId> = vec![room.legs[0].0, room.legs[2].0];
    let dropped = room.dropped();
    assert_eq!(
        dropped,
        slow.iter().map(|s| (*s, 1, true)).collect::<Vec<_>>()
    );
    assert_eq!(room.switch.len(), 1);
    assert!(room.switch.remove(room.legs[1].0) && room.switch.is_empty());
    assert_eq!(room.say(None, "hi"), 0);
}

#[test]
fn what_cannot_be_written_goes_to_nobody() {
    let mut room = Room::new(2, Overflow::Newest);
    let message = Outgoing::new("text/plain\r\nX: y".into(), "hi".into());
    let switch = &mut room.switch;
    let refused = (room.side).with(|e, cx| switch.send(cx, e, None, &message, |_, _| {}));
    assert_eq!(refused, Err(SendError::Unwritable));
}
