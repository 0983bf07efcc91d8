//! Peers that mean harm: what they can make us hold, and for how long.

use super::*;

#[test]
fn a_body_without_an_end_is_held_nowhere() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-*/*", "", '$');
    let head = chunk.split("\r\n\r\n").next().unwrap().to_owned() + "\r\n\r\n";
    bound.side.limits.msrp_message = 100_000;
    bound.feed(&head);
    let noise = Bytes::from(vec![b'-'; 10_000]);
    let mut most = 0;
    for _ in 0..1_000 {
        bound.side.feed(bound.conn, noise.clone());
        most = most.max(bound.side.endpoint.reassembly);
    }
    assert!(most <= 100_000 + 1024, "{most}");
    // It was told to stop once, and what it sends on costs nothing.
    assert_eq!(bound.codes(), [("t001".to_owned(), 413)]);
    // That it was is remembered.
    let refused = bound.side.endpoint.reassembly;
    assert!(refused < 512, "{refused}");
    bound.feed("\r\n-------t001$\r\n");
    let chunk = bound.chunk("t002", "m2", "1-2/2", "hi", '$');
    assert_eq!(bound.code(&chunk), Some(200));
}

#[test]
fn headers_without_an_end_close_the_connection() {
    let mut bound = bound();
    let head = bound.send("t001", "Message-ID: m1\r\n", None, '$');
    bound.feed(head.split("-------").next().unwrap());
    let mut fed = 0;
    while !bound.side.is_closed(bound.conn) {
        bound.feed("X-Header: and another one\r\n");
        fed += 27;
        assert!(fed < 2 * bound.side.limits.msrp_head);
    }
}

#[test]
fn chunks_without_an_end_hold_what_one_message_may() {
    let mut bound = bound();
    bound.side.limits.msrp_message = 10_000;
    let mut codes = Vec::new();
    for index in 0..3_000u64 {
        let range = format!("{}-*/*", index * 10 + 1);
        let chunk = bound.chunk("t001", "m1", &range, "0123456789", '+');
        codes.extend(bound.code(&chunk));
        assert!(bound.side.endpoint.reassembly <= 10_000 + 1024);
    }
    let good = codes.iter().filter(|code| **code == 200).count();
    assert_eq!((good, codes.len()), (1_000, 3_000));
}

#[test]
fn half_messages_in_very_many_sessions_stay_within_the_budget() {
    let mut side = Side::new(1, Some("10.0.0.1:2855"));
    side.limits.msrp_reassembly = 1_000_000;
    let body = "x".repeat(1_000);
    let conn = side.accept_conn();
    for index in 0..5_000 {
        let (session, path) = side.open(Settings::default());
        let peer = format!("msrp://10.0.0.2:9/s{index};tcp");
        let start = vec![peer.parse().unwrap()];
        side.with(|e, cx| e.start(cx, session, start, Role::Passive));
        side.feed(
            conn,
            format!(
                "MSRP t001 SEND\r\nTo-Path: {}\r\nFrom-Path: {peer}\r\nMessage-ID: m1\r\n\
                 Byte-Range: 1-*/2000\r\nContent-Type: a/b\r\n\r\n{body}\r\n-------t001+\r\n",
                path[0]
            ),
        );
        side.take(conn);
        assert!(side.endpoint.reassembly <= 1_000_000);
    }
    assert!(side.endpoint.reassembly > 900_000);
    // And only for as long as a message may wait for its next chunk.
    side.wait(Duration::from_secs(31));
    assert_eq!(side.endpoint.reassembly, 0);
    assert_eq!(side.endpoint.len(), 5_000);
}

#[test]
fn a_piece_that_lies_far_out_is_handed_up_and_costs_no_more() {
    let mut bound = Bound::new(Settings {
        delivery: Delivery::Pieces { from: 0 },
        ..Settings::default()
    });
    bound.side.accepts = false;
    for (range, code) in [
        ("1000000000000000000-*/*", None),
        ("18446744073709551615-*/*", Some(413)),
        ("18446744073709551610-*/*", Some(413)),
    ] {
        let id = format!("m{}", range.len() + code.map_or(0, usize::from));
        let chunk = bound.chunk(
            "t001",
            &(id + range.split('-').next().unwrap()),
            range,
            "hello, world",
            '+',
        );
        assert_eq!(bound.code(&chunk), code, "{range}");
    }
    assert!(bound.side.endpoint.held < 2_000);
}

#[test]
fn pieces_in_dust_are_stopped() {
    let mut bound = Bound::new(Settings {
        delivery: Delivery::Pieces { from: 0 },
        ..Settings::default()
    });
    let mut stopped = 0;
    for index in 0..3_000 {
        let chunk = bound.chunk("t001", "m1", &format!("{}-*/*", 2 * index + 1), "x", '+');
        bound.feed(&chunk);
        let pieces: Vec<Event> = bound.side.clear();
        for event in pieces {
            if let Event::Piece { piece, .. } = event {
                bound.side.with(|e, cx| e.accept(cx, piece.receipt));
            }
        }
        stopped += usize::from(bound.codes()[0].1 == 413);
    }
    assert!(stopped > 1_900, "{stopped}");
}

#[test]
fn rfc8122_7_a_certificate_that_was_not_described_binds_nothing() {
    let right: &[u8] = b"the certificate that was described";
    let settings = Settings {
        fingerprints: vec![crate::sdp::Fingerprint::of(right)],
        secure: Some(true),
        ..Settings::default()
    };
    let peer = "msrps://10.0.0.2:9/sB1;tcp";
    for certificate in [None, Some(&b"another"[..]), Some(right)] {
        // The peer connects.
        let mut side = Side::new(1, Some("10.0.0.1:2855"));
        let (session, path) = side.open(settings.clone());
        let start = vec![peer.parse().unwrap()];
        side.with(|e, cx| e.start(cx, session, start.clone(), Role::Passive));
        let conn = side.accept_conn();
        if let Some(certificate) = certificate {
            side.with(|e, _| e.handle_secured(conn, certificate));
        }
        side.feed(
            conn,
            format!(
                "MSRP bind SEND\r\nTo-Path: {}\r\nFrom-Path: {peer}\r\nMessage-ID: m0\r\n\
                 Byte-Range: 1-0/0\r\n-------bind$\r\n",
                path[0]
            ),
        );
        let is_right = certificate == Some(right);
        let code = if is_right { 200 } else { 403 };
        assert_eq!(side.codes(conn), [("bind".to_owned(), code)]);
        assert_eq!(matches!(side.clear()[..], [Event::Up { .. }]), is_right);
        // We connect.
        let mut side = Side::new(1, None);
        let (session, _) = side.open(settings.clone());
        side.with(|e, cx| e.start(cx, session, start, Role::Active { peer: None }));
        let Some(crate::engine::Transmit::Connect { conn, .. }) = side.outbox.pop() else {
            panic!()
        };
        if let Some(certificate) = certificate {
            side.with(|e, _| e.handle_secured(conn, certificate));
        }
        side.with(|e, cx| e.handle_connected(cx, conn));
        match is_right {
            true => {
                assert!(matches!(side.clear()[..], [Event::Up { .. }]));
                assert!(side.take(conn).contains(" SEND\r\n"));
            }
            false => {
                assert!(matches!(
                    side.clear()[..],
                    [Event::Down {
                        why: Down::Fingerprint,
                        ..
                    }]
                ));
                assert!(side.is_closed(conn), "and nothing was said");
            }
        }
    }
}
