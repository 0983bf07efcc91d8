//! Messages that are sent and received in pieces.

use super::pair::{Pair, fates};
use super::*;
use proptest::prelude::*;

fn in_pieces() -> Settings {
    Settings {
        delivery: Delivery::Pieces { from: 0 },
        ..Settings::default()
    }
}

fn up(settings: &Settings) -> (Pair, [SessionId; 2]) {
    let mut pair = Pair::new(1);
    let sessions = pair.session(settings);
    pair.run();
    pair.sides.iter_mut().for_each(|side| drop(side.clear()));
    (pair, sessions)
}

fn file(total: Option<u64>) -> Stream {
    Stream::new("application/octet-stream".into(), total)
}

impl Side {
    fn stream(&mut self, session: SessionId, message: Stream) -> SendId {
        self.with(|e, cx| e.send_stream(cx, session, message))
            .unwrap()
    }

    fn offer(&mut self, id: SendId, bytes: impl Into<Bytes>) -> Result<(), OfferError> {
        let bytes = bytes.into();
        self.with(|e, cx| e.offer(cx, id, bytes))
    }

    /// The pieces that came, in order, which nobody has answered.
    fn pieces(&mut self) -> Vec<Piece> {
        let (pieces, rest) = self
            .clear()
            .into_iter()
            .partition::<Vec<_>, _>(|event| matches!(event, Event::Piece { .. }));
        self.events = rest;
        let piece = |event| match event {
            Event::Piece { piece, .. } => piece,
            event => panic!("{event:?}"),
        };
        pieces.into_iter().map(piece).collect()
    }

    fn take_all(&mut self) -> Vec<(u64, Bytes, Progress)> {
        let pieces = self.pieces();
        let each = |piece: Piece| {
            self.with(|e, cx| e.accept(cx, piece.receipt));
            (piece.at, piece.bytes, piece.progress)
        };
        pieces.into_iter().map(each).collect()
    }
}

/// Sends `total` bytes of a pattern through two endpoints, with an application at each end that does as it is told.
/// The largest that was held at either end.
fn transfer(total: u64, chunk: usize) -> (usize, usize) {
    let (mut pair, [_, b]) = up(&in_pieces());
    let pattern = Bytes::from((0..=250u8).cycle().take(251 * 1024).collect::<Vec<u8>>());
    for side in &mut pair.sides {
        side.limits.msrp_send_chunk = chunk;
    }
    let id = pair.sides[1].stream(b, file(Some(total)));
    let (mut offered, mut taken, mut most) = (0u64, 0u64, (0, 0));
    let mut is_complete = false;
    while !is_complete {
        for event in pair.sides[1].clear() {
            let Event::Wanted { mut room, .. } = event else {
                panic!("{event:?}")
            };
            while room > 0 {
                let from = (offered % 251) as usize;
                let piece = pattern.slice(from..(from + room.min(100_000)).min(pattern.len()));
                (room, offered) = (room - piece.len(), offered + piece.len() as u64);
                pair.sides[1].offer(id, piece).unwrap();
            }
        }
        let room = pair.sides[1].step(|e, cx| e.room(cx, id));
        let held = (pair.sides[1].limits.msrp_send_window).min((total - taken) as usize) - room;
        most.0 = most.0.max(held.min(pair.sides[1].limits.msrp_send_window));
        while pair.round() {}
        most.1 = most.1.max(pair.sides[0].endpoint.held);
        for (at, bytes, progress) in pair.sides[0].take_all() {
            assert_eq!(at, taken);
            let from = (at % 251) as usize;
            assert!(bytes == pattern[from..from + bytes.len()], "at {at}");
            taken += bytes.len() as u64;
            is_complete = progress == Progress::Complete;
        }
    }
    pair.run();
    assert_eq!((offered, taken), (total, total));
    assert_eq!(fates(&pair.sides[1].clear()), (vec![id], vec![], false));
    for side in &pair.sides {
        assert_eq!((side.waiting(), side.endpoint.held), (0, 0));
        assert!(side.endpoint.sends.is_empty());
    }
    most
}

#[test]
fn a_transfer_of_any_size_holds_only_its_windows() {
    let limits = Limits::default();
    for chunk in [10_000, limits.msrp_send_chunk, 100_000] {
        let (sender, receiver) = transfer(16 << 20, chunk);
        assert!(sender <= limits.msrp_send_window, "{sender}");
        // What one read brings comes on top: here a chunk.
        let most = limits.msrp_window + chunk.max(16 * 1024) + 1024;
        assert!(receiver <= most, "{receiver}");
    }
}

#[test]
fn a_receiver_that_takes_nothing_stops_the_sender_and_not_the_answers() {
    let (mut pair, [a, b]) = up(&in_pieces());
    let id = pair.sides[1].stream(b, file(None));
    let mut offered = 0;
    loop {
        pair.run();
        let before = offered;
        while pair.sides[1].offer(id, vec![b'x'; 32 * 1024]).is_ok() {
            offered += 32 * 1024;
        }
        if before == offered {
            break;
        }
    }
    let limits = Limits::default();
    assert!(offered <= limits.msrp_window + limits.msrp_send_window + 32 * 1024);
    assert!(!pair.sides[0].endpoint.wants_read(pair.links[0].ends[0]));
    // The other way is open.
    pair.send(0, a, "still here");
    pair.run();
    assert_eq!(pair.sides[1].take_all()[0].1, "still here");
    // It goes on when the application does.
    while !pair.sides[0].take_all().is_empty() {
        pair.run();
    }
    assert!(pair.sides[0].endpoint.wants_read(pair.links[0].ends[0]));
    assert_eq!(pair.sides[0].endpoint.held, 0);
}

#[test]
fn an_unknown_total_is_a_star_until_the_last_chunk() {
    let (mut pair, [_, b]) = up(&in_pieces());
    let id = pair.sides[1].stream(b, file(None));
    assert!(
        matches!(pair.sides[1].clear()[..], [Event::Wanted { id: wanted, .. }] if wanted == id)
    );
    let end = pair.links[0].ends[1];
    pair.sides[1].offer(id, "hello").unwrap();
    let out = pair.sides[1].take(end);
    assert!(
        out.contains("\r\nByte-Range: 1-5/*\r\n") && out.ends_with("+\r\n"),
        "{out}"
    );
    // The end may come after everything has left.
    pair.sides[1].with(|e, cx| e.finish(cx, id)).unwrap();
    let out = pair.sides[1].take(end);
    assert!(
        out.contains("\r\nByte-Range: 6-5/5\r\n") && out.ends_with("$\r\n"),
        "{out}"
    );
    assert_eq!(pair.sides[1].offer(id, "more"), Err(OfferError::TooMuch));
    let (mut pair, [_, b]) = up(&in_pieces());
    let id = pair.sides[1].stream(b, file(None));
    pair.sides[1].offer(id, "hello").unwrap();
    pair.run();
    pair.sides[1].with(|e, cx| e.finish(cx, id)).unwrap();
    pair.run();
    let pieces = pair.sides[0].take_all();
    assert_eq!(pieces[0], (0, "hello".into(), Progress::More));
    assert_eq!(pieces[1], (5, "".into(), Progress::Complete));
    pair.run();
    assert!(
        matches!(pair.sides[1].clear()[..], [Event::Wanted { .. }, .., Event::Sent { id: sent, .. }] if sent == id)
    );
}

#[test]
fn an_offer_is_held_against_what_was_said() {
    let (mut pair, [_, b]) = up(&in_pieces());
    let window = pair.sides[1].limits.msrp_send_window;
    let id = pair.sides[1].stream(b, file(Some(10)));
    assert_eq!(
        pair.sides[1].offer(id, "elevenbytes"),
        Err(OfferError::TooMuch)
    );
    assert_eq!(pair.sides[1].offer(id, "half."), Ok(()));
    assert_eq!(pair.sides[1].step(|e, cx| e.room(cx, id)), 5);
    assert_eq!(
        pair.sides[1].with(|e, cx| e.finish(cx, id)),
        Err(OfferError::TooLittle)
    );
    assert_eq!(pair.sides[1].offer(id, "other"), Ok(()));
    assert_eq!(pair.sides[1].with(|e, cx| e.finish(cx, id)), Ok(()));
    pair.run();
    pair.sides[0].take_all();
    pair.run();
    assert_eq!(pair.sides[1].offer(id, "late"), Err(OfferError::Gone));
    let id = pair.sides[1].stream(b, file(None));
    assert_eq!(
        pair.sides[1].offer(id, vec![0; window + 1]),
        Err(OfferError::Full)
    );
    assert_eq!(pair.sides[1].offer(id, vec![0; window]), Ok(()));
    assert_eq!(pair.sides[1].offer(id, "x"), Err(OfferError::Full));
    let backwards = Stream {
        start: 11,
        ..file(Some(10))
    };
    let refused = pair.sides[1].with(|e, cx| e.send_stream(cx, b, backwards));
    assert_eq!(refused, Err(SendError::TooLarge));
    let whole = pair.send(1, b, "hi");
    assert_eq!(pair.sides[1].offer(whole, "x"), Err(OfferError::Gone));
}

#[test]
fn rfc4975_7_2_each_chunk_is_answered_when_its_pieces_are_taken() {
    let mut bound = Bound::new(in_pieces());
    bound.side.accepts = false;
    let chunk = bound.chunk("t001", "m1", "1-10/20", "helloworld", '+');
    let middle = chunk.find("world").unwrap();
    bound.feed(&chunk[..middle]);
    let first = bound.side.pieces().remove(0);
    assert_eq!(
        (first.at, &first.bytes[..], first.total),
        (0, &b"hello"[..], Some(20))
    );
    assert_eq!(first.progress, Progress::More);
    bound.feed(&chunk[middle..]);
    let second = bound.side.pieces().remove(0);
    assert_eq!((second.at, &second.bytes[..]), (5, &b"world"[..]));
    bound.side.with(|e, cx| e.accept(cx, second.receipt));
    assert_eq!(bound.codes(), []);
    bound.side.with(|e, cx| e.accept(cx, first.receipt));
    assert_eq!(bound.codes(), [("t001".to_owned(), 200)]);
    let last = bound.chunk("t002", "m1", "11-20/20", "HELLOWORLD", '$');
    bound.feed(&last);
    let last = bound.side.pieces().remove(0);
    assert_eq!((last.at, last.progress), (10, Progress::Complete));
    bound.side.with(|e, cx| e.accept(cx, last.receipt));
    assert_eq!(bound.codes(), [("t002".to_owned(), 200)]);
}

#[test]
fn rfc4975_7_1_2_one_success_report_for_all_pieces() {
    let mut bound = Bound::new(in_pieces());
    for (id, range, body, flag) in [
        ("t001", "1-5/10", "hello", '+'),
        ("t002", "6-10/10", "world", '$'),
    ] {
        let headers = format!(
            "Message-ID: m1\r\nByte-Range: {range}\r\nSuccess-Report: yes\r\nContent-Type: a/b\r\n"
        );
        let chunk = bound.send(id, &headers, Some(body), flag);
        bound.feed(&chunk);
    }
    bound.side.take_all();
    let out = bound.side.take(bound.conn);
    assert_eq!(out.matches(" REPORT\r\n").count(), 1);
    assert!(out.contains("Message-ID: m1\r\nByte-Range: 1-10/10\r\nStatus: 000 200 OK\r\n"));
}

#[test]
fn a_refused_piece_stops_its_message_on_both_sides() {
    let (mut pair, [_, b]) = up(&in_pieces());
    let id = pair.sides[1].stream(b, file(Some(1 << 40)));
    pair.sides[1].offer(id, vec![b'x'; 100_000]).unwrap();
    let next = pair.sides[1].stream(b, file(Some(4)));
    pair.sides[1].offer(next, "next").unwrap();
    while pair.sides[0].events.is_empty() {
        pair.round();
    }
    let first = pair.sides[0].pieces().remove(0);
    let stop = |e: &mut Endpoint, cx: &mut Cx<'_>| e.refuse(cx, first.receipt, Status::STOP);
    pair.sides[0].with(stop);
    pair.run();
    let stopped = |event: &Event| matches!(event, Event::Failed { id: failed, status: Status::STOP, .. } if *failed == id);
    assert!(pair.sides[1].events.iter().any(stopped));
    while pair.sides[0]
        .take_all()
        .last()
        .is_none_or(|(_, _, p)| *p != Progress::Complete)
    {
        assert!(pair.round());
    }
    pair.run();
    let sent = |event: &Event| matches!(event, Event::Sent { id, .. } if *id == next);
    assert!(pair.sides[1].events.iter().any(sent));
    assert_eq!(pair.sides[0].endpoint.held, 0);
}

#[test]
fn a_transfer_is_resumed_where_it_was_confirmed() {
    let body: Vec<u8> = (0..200_000u32).map(|i| (i % 253) as u8).collect();
    let (mut pair, [_, b]) = up(&in_pieces());
    let first = Stream {
        id: Some("file1".into()),
        ..file(Some(body.len() as u64))
    };
    let id = pair.sides[1].stream(b, first.clone());
    pair.sides[1].offer(id, body.clone()).unwrap();
    let mut got = vec![0; body.len()];
    let mut put = |pieces: Vec<(u64, Bytes, Progress)>| {
        let mut is_complete = false;
        for (at, bytes, progress) in pieces {
            got[at as usize..at as usize + bytes.len()].copy_from_slice(&bytes);
            is_complete = progress == Progress::Complete;
        }
        is_complete
    };
    for _ in 0..12 {
        pair.round();
        put(pair.sides[0].take_all());
    }
    pair.lose();
    let confirmed = pair.sides[1].clear().iter().find_map(|event| match event {
        Event::Failed { confirmed, .. } => Some(*confirmed),
        _ => None,
    });
    let from = confirmed.unwrap();
    assert!(0 < from && from < body.len() as u64, "{from}");
    let [_, b] = pair.session(&Settings {
        delivery: Delivery::Pieces { from },
        ..Settings::default()
    });
    let id = pair.sides[1].stream(
        b,
        Stream {
            start: from,
            ..first
        },
    );
    pair.sides[1]
        .offer(id, body[from as usize..].to_vec())
        .unwrap();
    let mut is_complete = false;
    while !is_complete {
        assert!(pair.round());
        is_complete = put(pair.sides[0].take_all());
    }
    assert_eq!(got, body);
}

#[test]
fn a_message_given_up_or_forgotten_is_told() {
    let (mut pair, [_, b]) = up(&in_pieces());
    let id = pair.sides[1].stream(b, file(Some(100)));
    pair.sides[1].offer(id, "some of it").unwrap();
    pair.run();
    pair.sides[1].with(|e, cx| e.cancel(cx, id));
    pair.run();
    let pieces = pair.sides[0].take_all();
    assert_eq!(pieces.last().unwrap().2, Progress::Aborted);
    // And one whose sender says nothing more; but not while it is us who are slow.
    let mut bound = Bound::new(in_pieces());
    let chunk = bound.chunk("t001", "m1", "1-10/100", "some of it", '+');
    bound.feed(&chunk);
    bound.side.wait(Duration::from_secs(29));
    bound.side.wait(Duration::from_secs(29));
    assert_eq!(bound.side.take_all().len(), 1);
    bound.side.wait(Duration::from_secs(31));
    let pieces = bound.side.take_all();
    assert_eq!(pieces, [(10, "".into(), Progress::Aborted)]);
    assert_eq!(bound.side.endpoint.held, 0);
    assert!(bound.side.endpoint.poll_timeout().is_none());
}

#[test]
fn messages_pass_a_transfer_in_the_same_session() {
    let (mut pair, [a, b]) = Pair::up(1);
    let id = pair.sides[1].stream(b, file(Some(10 << 20)));
    pair.sides[1].offer(id, vec![b'x'; 200_000]).unwrap();
    for _ in 0..4 {
        pair.round();
    }
    let second = pair.send(1, b, "second");
    let third = pair.send(1, b, "third");
    pair.run();
    let bodies: Vec<_> = pair.sides[0].received.iter().map(|r| r.2.clone()).collect();
    assert_eq!(bodies, ["second", "third"]);
    let sent: Vec<SendId> = (pair.sides[1].clear().iter())
        .filter_map(|event| match event {
            Event::Sent { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    assert_eq!(sent, [second, third]);
    // Streams of one session keep their order.
    let next = pair.sides[1].stream(b, file(Some(1)));
    pair.sides[1].offer(next, "x").unwrap();
    pair.run();
    assert!(pair.sides[1].endpoint.message_id(next).is_some());
    pair.sides[1].with(|e, cx| e.cancel(cx, id));
    pair.run();
    assert_eq!(pair.sides[0].received.last().unwrap().2, "x");
    let _ = a;
}

#[test]
fn a_limit_of_the_endpoint_holds_for_pieces_in_all_sessions() {
    let (mut pair, [_, b]) = up(&in_pieces());
    pair.sides[0].limits.msrp_reassembly = 10_000;
    // The limit is read when a session is opened.
    pair.session(&in_pieces());
    pair.run();
    let id = pair.sides[1].stream(b, file(None));
    pair.sides[1].offer(id, vec![b'x'; 200_000]).unwrap();
    pair.run();
    let held = pair.sides[0].endpoint.held;
    assert!((10_000..10_000 + 17 * 1024).contains(&held), "{held}");
    pair.sides[0].take_all();
    assert!(pair.round());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn pieces_are_as_in_a_naive_model(
        chunks in proptest::collection::vec((0usize..60, 0usize..30, any::<bool>()), 1..20),
        step in 1usize..40,
    ) {
        let mut bound = Bound::new(in_pieces());
        let (mut model, mut got) = ([None; 100], [None; 100]);
        for (index, (at, len, last)) in chunks.iter().enumerate() {
            let body: String = (0..*len).map(|i| char::from(b'a' + ((index + i) % 26) as u8)).collect();
            let is_last = *last && model.iter().rposition(Option::is_some).is_none_or(|end| end < at + len);
            let flag = if is_last { '$' } else { '+' };
            let range = format!("{}-*/*", at + 1);
            let text = bound.chunk(&format!("t{index:03}"), "m1", &range, &body, flag);
            let mut is_complete = false;
            for part in text.as_bytes().chunks(step) {
                bound.side.feed(bound.conn, part.to_vec());
                for (at, bytes, progress) in bound.side.take_all() {
                    for (place, byte) in got[at as usize..].iter_mut().zip(bytes) {
                        prop_assert!(place.is_none(), "no byte comes twice");
                        *place = Some(byte);
                    }
                    is_complete |= progress == Progress::Complete;
                }
            }
            for (place, byte) in model[*at..].iter_mut().zip(body.bytes()) {
                place.get_or_insert(byte);
            }
            prop_assert_eq!(got, model);
            prop_assert_eq!(bound.codes().len(), 1);
            if is_complete {
                let size = at + len;
                prop_assert!(model[..size].iter().all(Option::is_some) || !is_last);
                break;
            }
        }
        prop_assert_eq!(bound.side.endpoint.held, 0);
    }
}
