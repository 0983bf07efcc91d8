//! Sessions and the connections that they are bound to, until either ends.

use super::*;

#[test]
fn rfc4975_5_4_a_session_is_bound_to_one_connection() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    let other = bound.side.accept_conn();
    bound.side.feed(other, chunk.clone());
    assert_eq!(bound.side.codes(other), [("t001".to_owned(), 506)]);
    assert_eq!(bound.received(), []);
    // And nobody else ends it by leaving.
    bound.side.with(|e, cx| e.handle_closed(cx, other));
    assert_eq!(bound.code(&chunk), Some(200));
}

#[test]
fn rfc6714_matching_by_session_id_alone() {
    let mut bound = Bound::new(Settings {
        match_by_id_only: true,
        ..Settings::default()
    });
    let chunk = bound
        .chunk("t001", "m1", "1-2/2", "hi", '$')
        .replace("10.0.0.1:2855", "sbc.example:1")
        .replace(PEER, "msrp://sbc.example:2/other;tcp");
    assert_eq!(bound.code(&chunk), Some(200));
    assert_eq!(bound.received(), [pair("m1", "hi")]);
}

#[test]
fn a_chunk_that_stalls_ends_the_connection_and_an_unused_connection_ends_too() {
    let idle = Duration::from_secs(31);
    for cut in [1, 20, 200] {
        let mut bound = bound();
        let chunk = bound.chunk("t001", "m1", "1-5/5", "hello", '$');
        let cut = cut.min(chunk.len() - 3);
        bound.feed(&chunk[..cut]);
        bound.side.wait(idle);
        assert!(bound.side.is_closed(bound.conn), "{cut}");
        assert!(matches!(
            bound.side.clear()[..],
            [Event::Down {
                why: Down::Connection,
                ..
            }]
        ));
    }
    let mut side = Side::new(1, None);
    let conn = side.accept_conn();
    side.wait(idle);
    assert!(side.is_closed(conn));
    // A head that drips is cut off as well.
    let mut bound = bound();
    for byte in ["M", "S", "R", "P", " ", "t", "0"] {
        bound.feed(byte);
        bound.side.wait(Duration::from_secs(5));
    }
    assert!(bound.side.is_closed(bound.conn));
}

#[test]
fn a_quiet_session_stays() {
    let mut bound = bound();
    for _ in 0..100 {
        bound.side.wait(Duration::from_secs(60));
    }
    assert!(!bound.side.is_closed(bound.conn));
    assert_eq!(bound.side.endpoint.poll_timeout(), None);
}

#[test]
fn what_is_not_msrp_ends_the_connection() {
    let good = bound();
    let chunk = good.chunk("t001", "m1", "1-5/5", "hello", '$');
    for at in [0, 1, 100, 4096] {
        let mut bound = bound();
        let http = format!("POST / HTTP/1.1\r\n\r\n{}{chunk}", "x".repeat(at));
        let conn = bound.side.accept_conn();
        bound.side.feed(conn, http);
        assert!(bound.side.is_closed(conn));
        assert_eq!(bound.received(), []);
    }
}

#[test]
fn a_session_that_nobody_binds_goes_down() {
    let mut side = Side::new(1, Some("10.0.0.1:2855"));
    let (session, _) = side.open(Settings::default());
    side.with(|e, cx| e.start(cx, session, vec![PEER.parse().unwrap()], Role::Passive));
    let message = Outgoing::new("text/plain".into(), "hi".into());
    let id = side.with(|e, cx| e.send(cx, session, message)).unwrap();
    side.wait(Duration::from_secs(31));
    assert!(matches!(
        side.clear()[..],
        [
            Event::Failed { id: failed, status: Status::TIMEOUT, .. },
            Event::Down { why: Down::Unbound, .. }
        ] if failed == id
    ));
}

#[test]
fn a_peer_may_bind_before_its_path_is_known() {
    for (path, up) in [(PEER, true), ("msrp://10.0.0.2:9/other;tcp", false)] {
        let mut bound = bound();
        let (session, local) = bound.side.open(Settings::default());
        let conn = bound.side.accept_conn();
        bound.path = local[0].to_string();
        let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
        bound.side.feed(conn, chunk);
        assert_eq!(bound.side.codes(conn), [("t001".to_owned(), 200)]);
        assert!(bound.side.clear().is_empty());
        let start = vec![path.parse().unwrap()];
        bound
            .side
            .with(|e, cx| e.start(cx, session, start, Role::Passive));
        assert_eq!(matches!(bound.side.clear()[..], [Event::Up { .. }]), up);
    }
}

#[test]
fn a_peer_that_reads_nothing_is_not_read_either_and_closed_in_the_end() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    let mut fed = 0;
    while bound.side.endpoint.wants_read(bound.conn) {
        bound.feed(&chunk);
        fed += 1;
        assert!(fed < 10_000);
    }
    let conn = bound.conn;
    bound.side.take(conn);
    assert!(bound.side.endpoint.wants_read(conn));
    while !bound.side.is_closed(conn) {
        bound.feed(&chunk);
        fed += 1;
        assert!(fed < 100_000);
    }
    // Nor one whose messages we leave unanswered.
    let mut bound = self::bound();
    bound.side.accepts = false;
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    for _ in 0..bound.side.limits.msrp_unanswered {
        assert!(bound.side.endpoint.wants_read(bound.conn));
        bound.feed(&chunk);
    }
    assert!(!bound.side.endpoint.wants_read(bound.conn));
}

#[test]
fn a_tap_sees_each_message_once_and_whole() {
    #[derive(Debug)]
    struct Seen(Arc<Mutex<Vec<Sighting>>>);
    impl Tap for Seen {
        fn see(&mut self, sighting: Sighting) {
            self.0.lock().unwrap().push(sighting);
        }
    }
    let mut bound = bound();
    let seen = Arc::new(Mutex::new(Vec::new()));
    bound
        .side
        .outbox
        .set_tap(Some(Box::new(Seen(seen.clone()))));
    let texts = [
        bound.chunk("t001", "m1", "1-5/11", "hello", '+'),
        bound.chunk("t002", "m1", "6-11/11", " world", '$'),
        bound.send("t003", "Message-ID: m2\r\n", None, '$'),
    ];
    for byte in texts.concat().bytes() {
        bound.side.feed(bound.conn, vec![byte]);
    }
    let message = Outgoing::new("text/plain".into(), vec![b'x'; 5_000].into());
    let session = bound.session;
    bound
        .side
        .with(|e, cx| e.send(cx, session, message))
        .unwrap();
    let out = bound.side.take(bound.conn);
    let seen: Vec<String> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|s| String::from_utf8(s.bytes.to_vec()).unwrap())
        .collect();
    assert_eq!(seen[..3], texts);
    assert_eq!(seen.len(), 7);
    assert_eq!(seen[3..].concat(), out);
}
