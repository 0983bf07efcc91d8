//! Chunks that are put together to messages.

use super::*;

#[test]
fn messages_that_interleave_are_kept_apart() {
    let mut bound = bound();
    for (id, message, range, body, flag) in [
        ("t001", "m1", "1-3/6", "aaa", '+'),
        ("t002", "m2", "1-3/6", "bbb", '+'),
        ("t003", "m3", "4-6/6", "CCC", '$'),
        ("t004", "m1", "4-6/6", "AAA", '$'),
        ("t005", "m2", "4-*/*", "BBB", '$'),
        ("t006", "m3", "1-4/6", "cccx", '+'),
    ] {
        let chunk = bound.chunk(id, message, range, body, flag);
        assert_eq!(bound.code(&chunk), Some(200));
    }
    assert_eq!(
        bound.received(),
        [
            pair("m1", "aaaAAA"),
            pair("m2", "bbbBBB"),
            pair("m3", "cccCCC")
        ]
    );
    assert_eq!(bound.side.endpoint.reassembly, 0);
}

#[test]
fn a_chunk_that_goes_on_holds_no_receive_buffer() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-*/4000", &"x".repeat(4000), '$');
    let (head, rest) = chunk.split_at(3000);
    let mut buffer = bytes::BytesMut::with_capacity(64 * 1024);
    buffer.extend_from_slice(head.as_bytes());
    let received = buffer.freeze();
    bound.side.feed(bound.conn, received.clone());
    assert!(received.try_into_mut().is_ok(), "the buffer is still held");
    bound.side.feed(bound.conn, rest.to_owned());
    assert_eq!(bound.codes(), [("t001".to_owned(), 200)]);
}

#[test]
fn a_message_may_end_with_a_chunk_without_a_body_and_an_empty_one_is_one() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-2/*", "hi", '+');
    assert_eq!(bound.code(&chunk), Some(200));
    let end = bound.send("t002", "Message-ID: m1\r\nByte-Range: 3-2/2\r\n", None, '$');
    assert_eq!(bound.code(&end), Some(200));
    let empty = bound.chunk("t003", "m2", "1-0/0", "", '$');
    assert_eq!(bound.code(&empty), Some(200));
    // A keep-alive is none.
    let empty = bound.send("t004", "Message-ID: m3\r\nByte-Range: 1-0/0\r\n", None, '$');
    assert_eq!(bound.code(&empty), Some(200));
    assert_eq!(bound.received(), [pair("m1", "hi"), pair("m2", "")]);
}

#[test]
fn an_aborted_message_is_forgotten() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-*/100", "hello", '+');
    assert_eq!(bound.code(&chunk), Some(200));
    assert!(bound.side.endpoint.reassembly > 0);
    let chunk = bound.chunk("t002", "m1", "6-*/100", "x", '#');
    assert_eq!(bound.code(&chunk), Some(200));
    assert_eq!(bound.side.endpoint.reassembly, 0);
    // The same id may be used again.
    let chunk = bound.chunk("t003", "m1", "1-2/2", "hi", '$');
    assert_eq!(bound.code(&chunk), Some(200));
    assert_eq!(bound.received(), [pair("m1", "hi")]);
}

#[test]
fn a_range_is_a_hint_and_never_a_size() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-2000000000/2000000000", "hello", '+');
    assert_eq!(bound.code(&chunk), Some(413));
    bound.side.limits.msrp_message = usize::MAX;
    let chunk = bound.chunk("t002", "m2", "1-2000000000/2000000000", "hello", '+');
    assert_eq!(bound.code(&chunk), Some(200));
    let chunk = bound.chunk("t003", "m3", "1000000000000000000-*/*", "hello", '+');
    assert_eq!(bound.code(&chunk), Some(200));
    assert!(bound.side.endpoint.reassembly < 1024);
}

#[test]
fn reassembly_has_a_budget() {
    let mut bound = bound();
    bound.side.limits.msrp_session = 5_000;
    let body = "x".repeat(2_000);
    let mut codes = Vec::new();
    for message in ["m1", "m2", "m3", "m4"] {
        let chunk = bound.chunk("t001", message, "1-*/*", &body, '+');
        codes.push(bound.code(&chunk).unwrap());
    }
    assert_eq!(codes, [200, 200, 413, 413]);
    assert!(bound.side.endpoint.reassembly <= 5_000);
    // Two in flight, two refused: as many messages as there may be.
    bound.side.limits.msrp_partial = 4;
    let chunk = bound.chunk("t001", "m5", "1-*/*", "x", '+');
    assert_eq!(bound.code(&chunk), Some(413));
    // A stopped message stays stopped.
    let chunk = bound.chunk("t001", "m3", "2001-*/*", "x", '+');
    assert_eq!(bound.code(&chunk), Some(413));
    bound.side.wait(Duration::from_secs(31));
    assert_eq!(bound.side.endpoint.reassembly, 0);
    bound.side.limits.msrp_reassembly = 100;
    let chunk = bound.chunk("t001", "m6", "1-*/*", &body, '+');
    assert_eq!(bound.code(&chunk), Some(413));
}

#[test]
fn a_message_in_dust_is_stopped() {
    let mut bound = bound();
    let mut stopped = 0;
    for index in 0..2_000 {
        let chunk = bound.chunk("t001", "m1", &format!("{}-*/*", 5000 - 2 * index), "x", '+');
        stopped += usize::from(bound.code(&chunk) == Some(413));
    }
    assert!(stopped > 900);
}
