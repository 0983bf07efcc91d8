//! Classes of attack on MSRP and on what it carries, each as an attacker would go about it. Memory is counted where it
//! is asked for, and time by how often that is.

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use cpm::cpim;
use cpm::engine::{Clock, ConnId, DateTime, Ids, Input, Limits, Seed, Transmit, Transport};
use cpm::imdn::Imdn;
use cpm::msrp::{self, Config, Endpoint, Event, Outgoing, Role, SendError, SessionId, Settings};
use cpm::node::{Output, Solo};
use cpm::wire::mime::Multipart;
use std::time::{Duration, Instant};

/// An endpoint that listens, and what an attacker at 10.0.0.66 does to it.
pub(crate) struct Target {
    pub(crate) node: Solo<Endpoint>,
    pub(crate) now: Instant,
    closed: Vec<ConnId>,
    /// Whether what comes is accepted.
    accepts: bool,
    pub(crate) received: usize,
    port: u16,
}

pub(crate) const US: &str = "msrp://10.0.0.66:9/attacker;tcp";

impl Target {
    pub(crate) fn new(edit: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        edit(&mut limits);
        let now = Instant::now();
        let wall = DateTime::parse_from_rfc3339("2026-01-01T10:00:00+01:00").unwrap();
        let (clock, seed) = (Clock::new(now, wall), Seed::from_number(3));
        let mut node = Solo::new(clock, seed, limits, |ids| {
            Endpoint::new(Config::default(), ids)
        });
        node.add_listener(Transport::Tcp, "10.0.0.1:2855".parse().unwrap());
        Self {
            node,
            now,
            closed: Vec::new(),
            accepts: true,
            received: 0,
            port: 1024,
        }
    }

    /// A session with the attacker, which it has been let into by SIP.
    pub(crate) fn session(&mut self) -> (SessionId, String) {
        let now = self.now;
        self.node.command(now, |endpoint, cx| {
            let session = endpoint.open(cx, Settings::default()).unwrap();
            let path = endpoint.local_path(session).unwrap()[0].to_string();
            endpoint.start(cx, session, vec![US.parse().unwrap()], Role::Passive);
            (session, path)
        })
    }

    pub(crate) fn connect(&mut self) -> ConnId {
        self.port += 1;
        let local = "10.0.0.1:2855".parse().unwrap();
        let peer = format!("10.0.0.66:{}", self.port).parse().unwrap();
        let conn = self
            .node
            .handle_accept(self.now, Transport::Tcp, local, peer);
        self.settle();
        conn
    }

    pub(crate) fn feed(&mut self, conn: ConnId, data: impl Into<Bytes>) {
        let data = data.into();
        self.node.handle_input(self.now, Input::Data { conn, data });
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Event(Event::Received { message, .. }) => {
                    self.received += 1;
                    if self.accepts {
                        self.node.command(self.now, |endpoint, cx| {
                            endpoint.accept(cx, message.receipt);
                        });
                    }
                }
                Output::Transmit(Transmit::Close { conn }) => self.closed.push(conn),
                _ => {}
            }
        }
    }

    /// What it says on a connection.
    pub(crate) fn read(&mut self, conn: ConnId) -> String {
        let mut out = Vec::new();
        while let Some(bytes) = self.node.poll_stream(self.now, conn) {
            out.extend_from_slice(&bytes);
        }
        self.settle();
        String::from_utf8(out).unwrap()
    }

    /// The last code that it answers with.
    pub(crate) fn code(&mut self, conn: ConnId, chunk: impl Into<Bytes>) -> Option<u16> {
        self.feed(conn, chunk);
        let said = self.read(conn);
        said.rsplit("MSRP ").next()?.get(5..8)?.parse().ok()
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.node.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.node.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    pub(crate) fn is_closed(&self, conn: ConnId) -> bool {
        self.closed.contains(&conn)
    }
}

/// A chunk. Each has the transaction id `t001`.
pub(crate) fn chunk(to: &str, message: &str, range: &str, body: &str, flag: char) -> String {
    format!(
        "MSRP t001 SEND\r\nTo-Path: {to}\r\nFrom-Path: {US}\r\nMessage-ID: {message}\r\n\
         Byte-Range: {range}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n-------t001{flag}\r\n"
    )
}

/// How much more twice as much takes: at most this, in percent.
const TWICE: u64 = 220;

/// Whether twice as much of something takes about twice as many steps and bytes, beyond what is there anyway.
fn assert_linear(what: &str, half: AllocationInfo, whole: AllocationInfo) {
    let fits = |half: u64, whole: u64, slack: u64| whole * 100 <= half * TWICE + slack * 100;
    assert!(
        fits(half.count_total, whole.count_total, 16),
        "{what}: {} and {} requests",
        half.count_total,
        whole.count_total
    );
    assert!(
        fits(half.bytes_total, whole.bytes_total, 4096),
        "{what}: {} and {} bytes",
        half.bytes_total,
        whole.bytes_total
    );
}

#[test]
fn attack_02_a_multipart_bomb_takes_no_memory_beyond_its_bounds() {
    let limits = Limits::default();
    let content_type = "multipart/mixed;boundary=b".parse().unwrap();
    let many = Bytes::from("--b\r\n\r\n\r\n".repeat(100_000));
    let mut deep = String::from("--b\r\n");
    for depth in 0..10_000 {
        deep += &format!("Content-Type: multipart/mixed;boundary=b{depth}\r\n\r\n--b{depth}\r\n");
    }
    for bomb in [many, Bytes::from(deep)] {
        let taken = measure(|| assert!(Multipart::leaves(&content_type, &bomb, &limits).is_err()));
        assert!(taken.bytes_max < 64 * 1024, "{}", taken.bytes_max);
        assert!(taken.count_total < 2_000, "{}", taken.count_total);
    }
}

#[test]
fn attack_03_more_of_anything_takes_only_as_much_longer() {
    let head = |lines: &str| {
        format!(
            "MSRP t001 SEND\r\nTo-Path: {US}\r\nFrom-Path: {US}\r\nMessage-ID: m\r\n{lines}\
             -------t001$\r\n"
        )
    };
    let msrp = |text: String| {
        measure(|| {
            let limits = Limits {
                msrp_head: 1 << 20,
                ..Limits::default()
            };
            let bytes = Bytes::from(text.clone());
            let _ = msrp::msg::Message::parse(&bytes, &limits);
        })
    };
    let uris = |n: usize| format!("{US} ").repeat(n);
    for (what, at) in [
        (
            "header fields",
            &(|n| head(&"X-A: b\r\n".repeat(n))) as &dyn Fn(usize) -> String,
        ),
        ("a long header field", &|n| {
            head(&format!("X-A: {}\r\n", "b".repeat(10 * n)))
        }),
        ("Use-Path", &|n| head(&format!("Use-Path: {}\r\n", uris(n)))),
        ("To-Path", &|n| {
            head("").replace(
                &format!("To-Path: {US}"),
                &format!("To-Path: {}{US}", uris(n)),
            )
        }),
        ("Message-ID", &|n| head(&"Message-ID: m\r\n".repeat(n))),
    ] {
        assert_linear(what, msrp(at(1000)), msrp(at(2000)));
    }
    let cpim = |text: String| {
        measure(|| {
            let limits = Limits {
                cpim_head: 1 << 20,
                cpim_headers: 1 << 20,
                ..Limits::default()
            };
            let _ = cpim::Message::parse(Bytes::from(text.clone()), &limits);
        })
    };
    let message = |lines: String| {
        format!("From: <sip:a@b>\r\nTo: <sip:b@c>\r\n{lines}\r\nContent-Type: text/plain\r\n\r\nhi")
    };
    for (what, at) in [
        (
            "To",
            &(|n| message("To: <sip:x@y>\r\n".repeat(n))) as &dyn Fn(usize) -> String,
        ),
        ("NS", &|n: usize| {
            message((0..n).map(|i| format!("NS: n{i} <urn:{i}>\r\n")).collect())
        }),
        ("Subject", &|n| message("Subject:;lang=en a\r\n".repeat(n))),
        ("cc", &|n| message("cc: <sip:x@y>\r\n".repeat(n))),
    ] {
        assert_linear(what, cpim(at(1000)), cpim(at(2000)));
    }
}

#[test]
fn attack_03_a_head_without_an_end_is_not_waited_for() {
    let mut target = Target::new(|_| {});
    let (_, path) = target.session();
    let conn = target.connect();
    target.feed(conn, format!("MSRP t001 SEND\r\nTo-Path: {path}\r\n"));
    let line = Bytes::from(format!("X-A: {}\r\n", "b".repeat(100)));
    let taken = measure(|| {
        for _ in 0..100_000 {
            if target.is_closed(conn) {
                break;
            }
            target.feed(conn, line.clone());
        }
    });
    assert!(target.is_closed(conn));
    assert!(taken.bytes_max < 64 * 1024, "{}", taken.bytes_max);
}

#[test]
fn attack_04_no_document_of_a_message_blows_up() {
    let limits = Limits::default();
    let laughs = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><imdn>&b;</imdn>";
    let deep = format!(
        "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\">{}",
        "<message-id>".repeat(5_000)
    );
    let wide = format!(
        "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\" {}/>",
        (0..5_000)
            .map(|i| format!("a{i}=\"\" "))
            .collect::<String>()
    );
    let spaces = format!(
        "<imdn {}/>",
        (0..2_000)
            .map(|i| format!("xmlns:a{i}=\"urn:{i}\" "))
            .collect::<String>()
    );
    let large = format!(
        "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>{}</message-id></imdn>",
        "x".repeat(1 << 20)
    );
    for bomb in [laughs, &deep, &wide, &spaces, &large] {
        let taken = measure(|| {
            assert!(Imdn::parse(bomb.as_bytes(), &limits).is_err());
            let _ = cpm::composing::IsComposing::parse(bomb.as_bytes(), &limits);
        });
        assert!(taken.bytes_max < 64 * 1024, "{}", taken.bytes_max);
    }
}

#[test]
fn attack_12_no_path_that_is_guessed_leads_anywhere() {
    let mut target = Target::new(|_| {});
    let (_, path) = target.session();
    let (_, other) = target.session();
    let id = path
        .rsplit_once('/')
        .unwrap()
        .1
        .strip_suffix(";tcp")
        .unwrap();
    // 80 bits at least (RFC 4975 §14.1), of 5 or 6 in each letter.
    assert!(id.len() >= 16, "{id}");
    let conn = target.connect();
    let near = |id: &str| path.replace(&path[path.rfind('/').unwrap() + 1..path.len() - 4], id);
    let flipped = {
        let mut bytes = id.as_bytes().to_vec();
        bytes[0] = if bytes[0] == b'a' { b'b' } else { b'a' };
        String::from_utf8(bytes).unwrap()
    };
    let mut chance = Ids::new(Seed::from_number(9));
    let mut guesses = vec![
        near(&flipped),
        near(&id[..id.len() - 1]),
        near(&format!("{id}a")),
        near(&id.to_uppercase()),
        near(""),
        path.replace("10.0.0.1", "10.0.0.2"),
        path.replace("msrp:", "msrps:"),
        format!("{path} {other}"),
        format!("{other} {path}"),
    ];
    guesses.extend((0..1000).map(|_| near(&chance.session_id())));
    for guess in guesses {
        let code = target.code(conn, chunk(&guess, "m", "1-2/2", "hi", '$'));
        assert!(matches!(code, Some(481 | 400)), "{guess}: {code:?}");
    }
    assert_eq!(target.received, 0);
    // From somebody that the description does not name.
    let from_elsewhere = chunk(&path, "m", "1-2/2", "hi", '$').replace("/attacker;", "/somebody;");
    assert_eq!(target.code(conn, from_elsewhere), Some(403));
    // Who has it bound keeps it, whoever else knows its name.
    assert_eq!(
        target.code(conn, chunk(&path, "m", "1-2/2", "hi", '$')),
        Some(200)
    );
    let second = target.connect();
    assert_eq!(
        target.code(second, chunk(&path, "m", "1-2/2", "hi", '$')),
        Some(506)
    );
    assert_eq!(target.received, 1);
    // No URI has a line end, so no answer has one that it should not.
    for bad in ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a b"] {
        let text = format!("msrp://10.0.0.66:9/{bad};tcp");
        assert!(text.parse::<msrp::Uri>().is_err(), "{bad:?}");
    }
}

#[test]
fn attack_13_a_range_of_10_to_the_18_costs_what_arrived() {
    let mut target = Target::new(|_| {});
    let (_, path) = target.session();
    let conn = target.connect();
    let lies = [
        ("1000000000000000000-*/*", 413),
        ("1-1000000000000000000/*", 200),
        ("1-*/1000000000000000000", 413),
        ("18446744073709551615-18446744073709551615/*", 413),
        ("18446744073709551615-*/18446744073709551615", 413),
        ("2-1/1", 200),
        ("0-0/0", 400),
        ("99999999999999999999-*/*", 400),
    ];
    for (index, (range, code)) in lies.into_iter().enumerate() {
        let text = Bytes::from(chunk(&path, &format!("m{index}"), range, "hi", '+'));
        let mut got = None;
        let taken = measure(|| got = target.code(conn, text.clone()));
        assert_eq!(got, Some(code), "{range}");
        assert!(taken.bytes_max < 16 * 1024, "{range}: {}", taken.bytes_max);
    }
    assert_eq!(target.received, 0);
}

#[test]
fn attack_13_chunks_that_overlap_are_kept_once() {
    let mut target = Target::new(|_| {});
    let (_, path) = target.session();
    let conn = target.connect();
    let body = "x".repeat(1000);
    let chunks: Vec<Bytes> = (0..100)
        .map(|index| {
            let range = format!("{}-*/5000", index * 7 + 1);
            chunk(&path, "m", &range, &body, '+').into()
        })
        .collect();
    let taken = measure(|| {
        for _ in 0..100 {
            for chunk in &chunks {
                target.code(conn, chunk.clone());
            }
        }
    });
    // Ten million bytes came; two thousand of them are new.
    assert!(taken.bytes_max < 64 * 1024, "{}", taken.bytes_max);
    assert_eq!(target.received, 0);
    let rest = chunk(&path, "m", "1000-5000/5000", &"x".repeat(4001), '$');
    assert_eq!(target.code(conn, rest), Some(200));
    assert_eq!(target.received, 1);
}

#[test]
fn attack_13_a_body_without_an_end_is_held_nowhere() {
    let mut target = Target::new(|limits| limits.msrp_message = 100_000);
    let (_, path) = target.session();
    let conn = target.connect();
    let text = chunk(&path, "m", "1-*/*", "", '$');
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    target.feed(conn, format!("{head}\r\n\r\n"));
    // Of what could be the beginning of its end.
    for noise in ["x", "\r\n-------t00", "-"] {
        let noise = Bytes::from(noise.repeat(65_536 / noise.len()));
        let taken = measure(|| (0..80).for_each(|_| target.feed(conn, noise.clone())));
        assert!(taken.bytes_max < 400_000, "{}", taken.bytes_max);
        // The first bytes of it are kept; after that nothing is done but to look for the end.
        assert!(taken.bytes_total < 1_000_000, "{}", taken.bytes_total);
    }
}

#[test]
fn attack_13_chunks_without_an_end_and_without_anything_in_them_add_nothing() {
    let mut target = Target::new(|_| {});
    let (_, path) = target.session();
    let conn = target.connect();
    let empty = Bytes::from(chunk(&path, "m", "1-*/*", "", '+'));
    target.code(conn, empty.clone());
    let taken = measure(|| {
        for _ in 0..10_000 {
            target.code(conn, empty.clone());
        }
    });
    assert!(taken.bytes_current < 1024, "{}", taken.bytes_current);
    // Each of another message: some may be under way.
    let mut codes = [0; 2];
    for index in 0..1000 {
        let text = chunk(&path, &format!("m{index}"), "1-*/*", "", '+');
        match target.code(conn, text) {
            Some(200) => codes[0] += 1,
            Some(413) => codes[1] += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(codes[0] < Limits::default().msrp_partial, "{codes:?}");
    // And not for ever.
    target.pass(Duration::from_secs(61));
    let text = chunk(&path, "new", "1-*/*", "x", '+');
    assert_eq!(target.code(conn, text), Some(200));
}

#[test]
fn attack_13_and_15_half_messages_in_very_many_sessions_stay_within_the_budget() {
    let budget = 512 << 10;
    let mut target = Target::new(|limits| limits.msrp_reassembly = budget);
    let sessions: Vec<String> = (0..200).map(|_| target.session().1).collect();
    let conn = target.connect();
    for path in &sessions {
        target.code(conn, chunk(path, "bind", "1-2/2", "hi", '$'));
    }
    let body = "x".repeat(8_000);
    // What a message is called is what an attacker says as well.
    let name = "m".repeat(7_000);
    let taken = measure(|| {
        for path in &sessions {
            for message in 0..20 {
                let (body, name) = match message % 2 {
                    0 => (body.as_str(), format!("m{message}")),
                    _ => ("", format!("{name}{message}")),
                };
                target.code(conn, chunk(path, &name, "1-*/*", body, '+'));
            }
        }
    });
    // 16 million bytes of bodies and 14 of names came. A buffer may have grown to twice what is in it.
    let most = 2 * budget as u64 + (256 << 10);
    assert!(taken.bytes_max < most, "{} of {most}", taken.bytes_max);
    assert!(taken.bytes_max > budget as u64 / 2, "{}", taken.bytes_max);
    // Others are still served: a whole message needs nothing of it.
    assert_eq!(
        target.code(conn, chunk(&sessions[7], "w", "1-2/2", "hi", '$')),
        Some(200)
    );
    // And only for as long as a message may wait for its next chunk.
    let freed = measure(|| target.pass(Duration::from_secs(61)));
    assert!(
        freed.bytes_current < -(budget as i64) / 2,
        "{}",
        freed.bytes_current
    );
}

#[test]
fn attack_15_a_peer_that_never_reads_is_not_read_and_then_closed() {
    let mut target = Target::new(|_| {});
    let (session, path) = target.session();
    let conn = target.connect();
    assert_eq!(
        target.code(conn, chunk(&path, "m", "1-2/2", "hi", '$')),
        Some(200)
    );
    let message = Bytes::from(chunk(&path, "m", "1-2/2", "hi", '$'));
    let mut sent = 0;
    let taken = measure(|| {
        // One that obeys is stopped here.
        while target.node.wants_read(conn) {
            target.feed(conn, message.clone());
            sent += 1;
        }
    });
    assert!(sent < 1000, "{sent}");
    assert!(taken.bytes_max < 1 << 20, "{}", taken.bytes_max);
    // And one that goes on all the same is closed.
    let taken = measure(|| {
        while !target.is_closed(conn) {
            target.feed(conn, message.clone());
            sent += 1;
        }
    });
    assert!(sent < 20_000, "{sent}");
    assert!(taken.bytes_max < 8 << 20, "{}", taken.bytes_max);
    let _ = session;
}

#[test]
fn attack_15_what_is_for_a_peer_that_never_reads_is_bounded() {
    let mut target = Target::new(|limits| limits.msrp_send_bytes = 1 << 20);
    let (session, path) = target.session();
    let conn = target.connect();
    assert_eq!(
        target.code(conn, chunk(&path, "m", "1-2/2", "hi", '$')),
        Some(200)
    );
    let body = Bytes::from(vec![b'x'; 10_000]);
    let now = target.now;
    let mut queued = 0;
    let full = target.node.command(now, |endpoint, cx| {
        loop {
            let message = Outgoing::new("text/plain".into(), body.clone());
            match endpoint.send(cx, session, message) {
                Ok(_) => queued += 1,
                Err(error) => return error,
            }
            assert!(queued < 1_000);
        }
    });
    assert_eq!(full, SendError::Full);
    assert!(queued <= 105, "{queued}");
    let _ = conn;
}

#[test]
fn attack_15_messages_that_nobody_takes_are_bounded_in_number_and_bytes() {
    for (size, most) in [(2, 1024), (1 << 20, 33)] {
        let mut target = Target::new(|_| {});
        target.accepts = false;
        let (_, path) = target.session();
        let conn = target.connect();
        let body = "x".repeat(size);
        let text = Bytes::from(chunk(&path, "m", &format!("1-{size}/{size}"), &body, '$'));
        let mut sent = 0;
        while target.node.wants_read(conn) {
            target.feed(conn, text.clone());
            sent += 1;
            assert!(sent <= most, "{size}");
        }
        assert_eq!(target.received, sent);
    }
}

#[test]
fn attack_15_connections_without_a_session_do_not_last_and_are_counted() {
    let mut target = Target::new(|limits| limits.msrp_connections = 100);
    let (_, path) = target.session();
    let honest = target.connect();
    assert_eq!(
        target.code(honest, chunk(&path, "m", "1-2/2", "hi", '$')),
        Some(200)
    );
    let conns: Vec<ConnId> = (0..200).map(|_| target.connect()).collect();
    assert_eq!(target.closed.len(), 101);
    // One says a letter now and then, which keeps nothing open.
    let drip = conns[0];
    for letter in "MSRP t001 SEND\r\nTo-Path: msrp://".chars() {
        target.pass(Duration::from_secs(5));
        target.feed(drip, letter.to_string());
    }
    assert!(target.is_closed(drip));
    assert_eq!(target.closed.len(), 200);
    assert_eq!(
        target.code(honest, chunk(&path, "m", "1-2/2", "hi", '$')),
        Some(200)
    );
}

#[test]
fn attack_16_what_ends_in_any_order_leaves_nothing() {
    for seed in 0..30 {
        let mut chance = Ids::new(Seed::from_number(seed));
        let mut target = Target::new(|_| {});
        let (mut sessions, mut conns) = (Vec::new(), Vec::new());
        for _ in 0..400 {
            let pick = |chance: &mut Ids, of: usize| match of {
                0 => None,
                _ => usize::try_from(chance.below(of as u64)).ok(),
            };
            match chance.below(9) {
                0 => sessions.push(target.session()),
                1 => conns.push(target.connect()),
                2 | 3 => {
                    if let (Some(session), Some(conn)) = (
                        pick(&mut chance, sessions.len()),
                        pick(&mut chance, conns.len()),
                    ) {
                        let flag = ['$', '+', '#'][chance.below(3) as usize];
                        let text = chunk(&sessions[session].1, "m", "1-*/*", "hi", flag);
                        let cut = chance.below(text.len() as u64 * 3) as usize;
                        let text = text.get(..cut).unwrap_or(&text).to_owned();
                        target.feed(conns[conn], text);
                    }
                }
                4 => {
                    if let Some(session) = pick(&mut chance, sessions.len()) {
                        let (session, _) = sessions[session];
                        let now = target.now;
                        target.node.command(now, |endpoint, cx| {
                            let message = Outgoing::new("text/plain".into(), "hello".into());
                            if let Ok(id) = endpoint.send(cx, session, message)
                                && chance.below(2) == 0
                            {
                                endpoint.cancel(cx, id);
                            }
                        });
                    }
                }
                5 => {
                    if let Some(session) = pick(&mut chance, sessions.len()) {
                        let (session, _) = sessions.swap_remove(session);
                        let now = target.now;
                        target
                            .node
                            .command(now, |endpoint, cx| endpoint.close(cx, session));
                        target.settle();
                    }
                }
                6 => {
                    if let Some(conn) = pick(&mut chance, conns.len()) {
                        let conn = conns.swap_remove(conn);
                        target.node.handle_input(target.now, Input::Closed { conn });
                        target.settle();
                    }
                }
                7 => {
                    if let Some(conn) = pick(&mut chance, conns.len()) {
                        target.read(conns[conn]);
                    }
                }
                _ => target.pass(Duration::from_millis(chance.below(40_000))),
            }
        }
        for (session, _) in sessions {
            let now = target.now;
            target
                .node
                .command(now, |endpoint, cx| endpoint.close(cx, session));
        }
        for conn in conns {
            target.node.handle_input(target.now, Input::Closed { conn });
        }
        target.settle();
        target.pass(Duration::from_secs(300));
        assert!(target.node.machine().is_empty(), "{seed}");
        assert_eq!(target.node.poll_timeout(), None, "{seed}");
    }
}
