//! §7: a stream that is cut anywhere, or ends anywhere, as an endpoint sees it.

use crate::attacks_msrp::{Target, chunk};
use bytes::Bytes;
use cpm::engine::Input;

#[test]
fn rfc4975_7_3_an_endpoint_takes_a_message_however_it_is_cut() {
    let mut target = Target::new(|_| {});
    let (_, path) = target.session();
    let conn = target.connect();
    let whole = Bytes::from(chunk(&path, "m", "1-6/6", "hi\r\n--", '$'));
    assert_eq!(target.code(conn, whole.clone()), Some(200));
    let mut received = 1;
    for first in 1..whole.len() {
        for second in first..whole.len() {
            target.feed(conn, whole.slice(..first));
            target.feed(conn, whole.slice(first..second));
            assert_eq!(target.received, received, "{first} {second}");
            target.feed(conn, whole.slice(second..));
            received += 1;
            assert_eq!(target.received, received, "{first} {second}");
        }
        assert!(target.read(conn).contains(" 200 OK\r\n"));
    }
}

#[test]
fn rfc4975_7_3_chunks_are_put_together_however_they_are_cut() {
    let mut target = Target::new(|_| {});
    let (_, path) = target.session();
    let conn = target.connect();
    let stream = [
        chunk(&path, "m", "1-*/9", "first", '+'),
        chunk(&path, "m", "6-9/9", "last", '$'),
        chunk(&path, "n", "1-2/2", "hi", '$'),
    ];
    let stream = Bytes::from(stream.concat());
    for cut in 0..stream.len() {
        target.feed(conn, stream.slice(..cut));
        target.feed(conn, stream.slice(cut..));
        assert_eq!(target.received, 2 * (cut + 1), "{cut}");
        assert_eq!(target.read(conn).matches(" 200 OK\r\n").count(), 3, "{cut}");
    }
    // One by one.
    for at in 0..stream.len() {
        target.feed(conn, stream.slice(at..=at));
    }
    assert_eq!(target.received, 2 * (stream.len() + 1));
}

#[test]
fn rfc4975_5_4_a_connection_that_ends_anywhere_leaves_nothing() {
    let mut target = Target::new(|_| {});
    let (_, path) = target.session();
    let length = chunk(&path, "m", "1-*/9", "first", '+').len();
    for cut in 0..2 * length {
        let (_, path) = target.session();
        let conn = target.connect();
        let stream = [
            chunk(&path, "m", "1-*/9", "first", '+'),
            chunk(&path, "m", "6-9/9", "more", '+'),
        ];
        let stream = Bytes::from(stream.concat());
        target.feed(conn, stream.slice(..cut.min(stream.len())));
        let now = target.now;
        target.node.handle_input(now, Input::Closed { conn });
        // What came first has bound it, and it ends with its connection; what came not leaves it to be bound.
        target.pass(std::time::Duration::from_secs(31));
        assert_eq!(target.received, 0);
        assert!(target.node.machine().is_empty(), "{cut}");
        assert_eq!(target.node.poll_timeout(), None, "{cut}");
    }
}
