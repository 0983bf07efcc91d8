//! The short way of whole messages does what the long one does.

use super::*;

/// What the side has received, and not answered.
fn waiting(bound: &mut Bound) -> Vec<Incoming> {
    let incoming = |event| match event {
        Event::Received { message, .. } => Some(message),
        _ => None,
    };
    bound
        .side
        .clear()
        .into_iter()
        .filter_map(incoming)
        .collect()
}

fn whole(to: &str, from: &str, id: &str, content_type: &str, more: &str) -> String {
    format!(
        "MSRP {id} SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\nMessage-ID: m1\r\nByte-Range: 1-2/2\r\n\
         {more}Content-Type: {content_type}\r\n\r\nhi\r\n-------{id}$\r\n"
    )
}

#[test]
fn a_message_is_the_same_however_its_paths_are_spelled() {
    let mut bound = Bound::new(Settings {
        accept_types: vec!["text/*".into()],
        max_size: Some(2),
        ..Settings::default()
    });
    bound.side.accepts = false;
    let usual = bound.path.clone();
    let long = "x".repeat(40);
    for (to, from, id) in [
        (usual.clone(), PEER.to_owned(), "k3hd9s2a"),
        (usual.clone(), PEER.to_owned(), &long),
        (format!("{usual};a=b"), PEER.to_owned(), "k3hd9s2b"),
        (usual.clone(), PEER.replace("msrp:", "MSRP:"), "k3hd9s2c"),
    ] {
        for (status, line) in [
            (Status::OK, "200 OK"),
            (Status::STOP, "413 Stop Sending Message"),
        ] {
            bound.feed(&whole(&to, &from, id, "text/html", ""));
            let [message] = waiting(&mut bound).try_into().unwrap();
            assert_eq!(
                (
                    message.id.as_str(),
                    message.content_type.as_str(),
                    &message.body[..]
                ),
                ("m1", "text/html", &b"hi"[..])
            );
            assert_eq!(message.failure_report, FailureReport::Yes);
            bound
                .side
                .step(|e, cx| e.refuse(cx, message.receipt, status));
            assert_eq!(
                bound.side.take(bound.conn),
                format!(
                    "MSRP {id} {line}\r\nTo-Path: {from}\r\nFrom-Path: {to}\r\n-------{id}$\r\n"
                )
            );
        }
    }
    // What is not to be taken is not taken on the short way either.
    for (from, content_type, more, code) in [
        (PEER, "image/png", "", 415),
        ("msrp://10.0.0.9:9/sB1;tcp", "text/plain", "", 403),
        (PEER, "text/plain", "Byte-Range: 1-2/2\r\n", 400),
    ] {
        bound.feed(&whole(&usual, from, "k3hd9s2d", content_type, more));
        assert_eq!(bound.codes(), [("k3hd9s2d".to_owned(), code)]);
        assert!(waiting(&mut bound).is_empty());
    }
    let large = whole(&usual, PEER, "k3hd9s2e", "text/plain", "").replace("hi", "hello");
    bound.feed(&large);
    assert_eq!(bound.codes(), [("k3hd9s2e".to_owned(), 413)]);
}

#[test]
fn what_a_message_asks_for_is_kept() {
    let mut bound = Bound::new(Settings::default());
    let usual = bound.path.clone();
    for (more, answered) in [
        ("Failure-Report: no\r\n", false),
        ("Failure-Report: partial\r\n", false),
        ("Failure-Report: yes\r\n", true),
    ] {
        bound.feed(&whole(&usual, PEER, "k3hd9s2a", "text/plain", more));
        assert_eq!(bound.codes().len(), usize::from(answered), "{more}");
    }
    bound.feed(&whole(
        &usual,
        PEER,
        "k3hd9s2a",
        "text/plain",
        "Success-Report: yes\r\n",
    ));
    assert!(bound.side.take(bound.conn).contains(" REPORT\r\n"));
    bound.side.accepts = false;
    bound.feed(&whole(
        &usual,
        PEER,
        "k3hd9s2a",
        "text/plain",
        "Content-Encoding: deflate\r\n",
    ));
    let [message] = waiting(&mut bound).try_into().unwrap();
    assert_eq!(message.content_encoding.as_deref(), Some("deflate"));
}

#[test]
fn rfc4975_7_2_an_answer_goes_where_its_request_came_from() {
    const MOVED: &str = "msrp://10.0.0.3:9/sB2;tcp";
    let mut bound = Bound::new(Settings::default());
    let (session, usual) = (bound.session, bound.path.clone());
    bound.side.accepts = false;
    bound.feed(&whole(&usual, PEER, "k3hd9s2a", "text/plain", ""));
    // The peer describes itself anew before it has its answer.
    let path = vec![MOVED.parse().unwrap()];
    bound
        .side
        .with(|e, cx| e.start(cx, session, path, Role::Passive));
    bound.feed(&whole(&usual, MOVED, "k3hd9s2b", "text/plain", ""));
    for message in waiting(&mut bound) {
        bound.side.step(|e, cx| e.accept(cx, message.receipt));
    }
    assert_eq!(
        bound.side.take(bound.conn),
        [("k3hd9s2a", PEER), ("k3hd9s2b", MOVED)]
            .map(|(id, to)| format!(
                "MSRP {id} 200 OK\r\nTo-Path: {to}\r\nFrom-Path: {usual}\r\n-------{id}$\r\n"
            ))
            .concat()
    );
}

#[test]
fn a_further_piece_is_the_same_however_its_paths_are_spelled() {
    const MOVED: &str = "msrp://10.0.0.3:9/sB2;tcp";
    let mut bound = Bound::new(Settings {
        delivery: Delivery::Pieces { from: 0 },
        max_size: Some(8),
        ..Settings::default()
    });
    let (session, usual) = (bound.session, bound.path.clone());
    bound.side.accepts = false;
    let odd = PEER.replace("msrp:", "MSRP:");
    let chunk = |id: &str, from: &str, range: &str, body: &str, flag: char| {
        format!(
            "MSRP {id} SEND\r\nTo-Path: {usual}\r\nFrom-Path: {from}\r\nMessage-ID: m1\r\n\
             Byte-Range: {range}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n-------{id}{flag}\r\n"
        )
    };
    let chunks = [
        ("k3hd9s2a", PEER, "1-2/8", "ab", '+'),
        ("k3hd9s2b", PEER, "3-4/8", "cd", '+'),
        // Bytes that came before are not handed up again.
        ("k3hd9s2c", &odd, "4-6/8", "def", '+'),
        ("k3hd9s2d", PEER, "6-8/8", "fgh", '$'),
    ];
    for (id, from, range, body, flag) in chunks {
        bound.feed(&chunk(id, from, range, body, flag));
    }
    // Where a piece is not answered yet when the peer describes itself anew, its answer goes where it came from.
    let path = vec![MOVED.parse().unwrap()];
    bound
        .side
        .with(|e, cx| e.start(cx, session, path, Role::Passive));
    let mut taken = Vec::new();
    for event in bound.side.clear() {
        let Event::Piece { piece, .. } = event else {
            continue;
        };
        taken.push((piece.at, piece.bytes, piece.progress));
        bound.side.step(|e, cx| e.accept(cx, piece.receipt));
    }
    let expected = [
        (0, "ab", Progress::More),
        (2, "cd", Progress::More),
        (4, "ef", Progress::More),
        (6, "gh", Progress::Complete),
    ];
    assert_eq!(
        taken,
        expected.map(|(at, bytes, progress)| (at, Bytes::from_static(bytes.as_bytes()), progress))
    );
    assert_eq!(
        bound.side.take(bound.conn),
        chunks
            .map(|(id, to, ..)| format!(
                "MSRP {id} 200 OK\r\nTo-Path: {to}\r\nFrom-Path: {usual}\r\n-------{id}$\r\n"
            ))
            .concat()
    );
}

#[test]
fn a_further_piece_is_refused_for_what_the_first_would_be() {
    for (second, code) in [
        (("1-2/9", '+'), 413),
        (("9-10/*", '+'), 413),
        (("0-2/8", '+'), 400),
        (("3-4/8", '#'), 200),
    ] {
        let mut bound = Bound::new(Settings {
            delivery: Delivery::Pieces { from: 0 },
            max_size: Some(8),
            ..Settings::default()
        });
        let usual = bound.path.clone();
        for (id, (range, flag)) in [("k3hd9s2a", ("1-2/8", '+')), ("k3hd9s2b", second)] {
            bound.feed(&format!(
                "MSRP {id} SEND\r\nTo-Path: {usual}\r\nFrom-Path: {PEER}\r\nMessage-ID: m1\r\n\
                 Byte-Range: {range}\r\nContent-Type: text/plain\r\n\r\nab\r\n-------{id}{flag}\r\n"
            ));
            for event in bound.side.clear() {
                if let Event::Piece { piece, .. } = event {
                    bound.side.step(|e, cx| e.accept(cx, piece.receipt));
                }
            }
        }
        let codes = [("k3hd9s2a".to_owned(), 200), ("k3hd9s2b".to_owned(), code)];
        assert_eq!(bound.codes(), codes, "{second:?}");
    }
}
