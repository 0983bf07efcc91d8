//! What peers in the field do, each in bytes of our own: it is let pass, or does no harm.

use super::pair::{Pair, fates};
use super::*;

#[test]
fn one_connection_with_a_binding_request_for_each_session() {
    let mut bound = bound();
    let conn = bound.conn;
    for index in 0..3 {
        let (session, path) = bound.side.open(Settings::default());
        let peer = format!("msrp://10.0.0.2:9/other{index};tcp");
        let start = vec![peer.parse().unwrap()];
        bound
            .side
            .with(|e, cx| e.start(cx, session, start, Role::Passive));
        let bind = bound.send("bind", "Message-ID: m0\r\nByte-Range: 1-0/0\r\n", None, '$');
        let bind = bind
            .replace(&bound.path, path[0].as_str())
            .replace(PEER, &peer);
        assert_eq!(bound.code(&bind), Some(200));
        assert!(matches!(bound.side.clear()[..], [Event::Up { session: up }] if up == session));
        let message = Outgoing::new("text/plain".into(), "hi".into());
        bound
            .side
            .with(|e, cx| e.send(cx, session, message))
            .unwrap();
        assert!(
            bound
                .side
                .take(conn)
                .contains(&format!("To-Path: {peer}\r\n"))
        );
    }
    assert_eq!(bound.side.endpoint.conns.len(), 1);
}

#[test]
fn a_200_that_was_not_asked_for_and_one_that_was_not_expected() {
    let (mut pair, [_, b]) = Pair::up(1);
    let end = pair.links[0].ends[1];
    for (failure_report, last) in [(FailureReport::Partial, true), (FailureReport::No, false)] {
        let message = Outgoing {
            failure_report,
            ..Outgoing::new("text/plain".into(), "hi".into())
        };
        let id = pair.sides[1].with(|e, cx| e.send(cx, b, message)).unwrap();
        let out = pair.sides[1].take(end);
        let transaction = out.split(' ').nth(1).unwrap();
        // Without a comment, and in the place of the path of the request.
        let response = format!(
            "MSRP {transaction} 200\r\nTo-Path: msrp://a;tcp\r\nFrom-Path: msrp://b;tcp\r\n-------{transaction}$\r\n"
        );
        pair.sides[1].feed(end, response.clone());
        pair.sides[1].feed(end, response);
        assert_eq!(
            fates(&pair.sides[1].clear()),
            (vec![id], vec![], false),
            "{last}"
        );
    }
}

#[test]
fn an_answer_to_a_report_is_ignored() {
    let mut bound = bound();
    let headers = "Message-ID: m1\r\nSuccess-Report: yes\r\nContent-Type: a/b\r\n";
    let chunk = bound.send("t001", headers, Some("hi"), '$');
    bound.feed(&chunk);
    let out = bound.side.take(bound.conn);
    let report = out.split("MSRP ").nth(2).unwrap();
    let id = report.split(' ').next().unwrap();
    for code in [200, 481, 506] {
        let response = format!(
            "MSRP {id} {code} Whatever\r\nTo-Path: {}\r\nFrom-Path: {PEER}\r\n-------{id}$\r\n",
            bound.path
        );
        assert_eq!(bound.code(&response), None);
    }
    assert!(bound.side.clear().is_empty());
}

#[test]
fn transaction_ids_and_message_ids_of_one_character() {
    let mut bound = bound();
    let chunk = bound.chunk("t", "m", "1-2/2", "hi", '$');
    assert_eq!(bound.code(&chunk), Some(200));
    // Ours are long enough for those who refuse the short ones.
    let session = bound.session;
    let message = Outgoing::new("text/plain".into(), "hi".into());
    bound
        .side
        .with(|e, cx| e.send(cx, session, message))
        .unwrap();
    let out = bound.side.take(bound.conn);
    let id = out.split(' ').nth(1).unwrap();
    assert!((4..=32).contains(&id.len()));
    let message_id = out.split("Message-ID: ").nth(1).unwrap().lines().next();
    assert!((4..=32).contains(&message_id.unwrap().len()));
}

#[test]
fn what_looks_like_an_end_line_in_a_body_is_none() {
    let mut bound = bound();
    for body in [
        "-------t001$\r\n",
        "x\r\n-------t002$\r\n",
        "x\r\n-------t001x\r\n",
        "x\r\n-------t001$x",
        "x\r\n-------t0010$\r\n",
        "x\n-------t001$\r\ny",
        "x\r\n-------t001$\ny",
        "\r\n\r\n--------t001$\r\n",
    ] {
        // Right after the blank line it would be one (RFC 4975 §7.1).
        let body = format!("x{body}");
        let chunk = bound.chunk("t001", "m1", "1-*/*", &body, '$');
        for step in [1, 7, chunk.len()] {
            for part in chunk.as_bytes().chunks(step) {
                bound.side.feed(bound.conn, part.to_vec());
            }
            assert_eq!(bound.received(), [pair("m1", &body)]);
        }
    }
}

#[test]
fn no_byte_range_and_a_range_that_lies_about_its_end() {
    let mut bound = bound();
    let whole = bound.send(
        "t001",
        "Message-ID: m1\r\nContent-Type: a/b\r\n",
        Some("hi"),
        '$',
    );
    assert_eq!(bound.code(&whole), Some(200));
    for range in ["1-2000000000/2000000000", "1-1/1", "1-0/0", "1-*/1"] {
        bound.side.limits.msrp_message = usize::MAX;
        let chunk = bound.chunk("t001", "m2", range, "hello", '$');
        assert_eq!(bound.code(&chunk), Some(200), "{range}");
    }
    let received = bound.received();
    assert!(received[1..].iter().all(|(_, body)| body == "hello"));
    assert_eq!(received.len(), 5);
}
