//! §6: what a relay does, byte by byte.

use super::header;
use bytes::Bytes;
use cpm::engine::{Clock, ConnId, DateTime, Input, Limits, Seed, Transmit, Transport};
use cpm::msrp::msg::{ByteRange, Continuation, Framer, Message, Method, Path, Request, Response};
use cpm::msrp::relay::{Config, Event, Password, Relay};
use cpm::msrp::{FailureReport, Status, Uri};
use cpm::node::{Output, Solo};
use cpm::sip::digest::{Challenge, Secret};
use cpm::sip::msg::Header;
use cpm::sip::msg::header::{Authorization, WwwAuthenticate};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const LISTEN: &str = "10.0.0.9:2855";
const ALICE: &str = "msrp://alice.example.com:9/98cjs;tcp";
const BOB: &str = "msrp://10.0.0.3:8888/9di4ea;tcp";

/// A relay and the far ends of its connections, which the test plays.
pub(crate) struct Bench {
    pub(crate) relay: Solo<Relay>,
    pub(crate) now: Instant,
    framers: BTreeMap<ConnId, Framer>,
    /// Connections that it has opened, and where to.
    pub(crate) dialled: Vec<(ConnId, SocketAddr)>,
    pub(crate) closed: Vec<ConnId>,
    pub(crate) events: Vec<Event>,
    next_port: u16,
}

impl Bench {
    pub(crate) fn new(edit: impl FnOnce(&mut Config, &mut Limits)) -> Self {
        let mut config = Config::new("example.com".into());
        config.clear = true;
        let mut limits = Limits::default();
        edit(&mut config, &mut limits);
        let now = Instant::now();
        let wall = DateTime::parse_from_rfc3339("2026-01-01T10:00:00+01:00").unwrap();
        let clock = Clock::new(now, wall);
        let mut relay = Solo::new(clock, Seed::from_number(5), limits, |ids| {
            Relay::new(config, ids)
        });
        relay.add_listener(Transport::Tcp, LISTEN.parse().unwrap());
        Self {
            relay,
            now,
            framers: BTreeMap::new(),
            dialled: Vec::new(),
            closed: Vec::new(),
            events: Vec::new(),
            next_port: 4000,
        }
    }

    pub(crate) fn accept(&mut self) -> ConnId {
        self.next_port += 1;
        let peer = SocketAddr::new("10.0.0.2".parse().unwrap(), self.next_port);
        let local = LISTEN.parse().unwrap();
        let conn = self
            .relay
            .handle_accept(self.now, Transport::Tcp, local, peer);
        self.framers.insert(conn, Framer::new());
        conn
    }

    pub(crate) fn feed(&mut self, conn: ConnId, bytes: impl Into<Bytes>) {
        let data = bytes.into();
        self.relay
            .handle_input(self.now, Input::Data { conn, data });
        self.settle();
    }

    /// Knows the passwords, and notes what else happens.
    pub(crate) fn settle(&mut self) {
        while let Some(output) = self.relay.poll_output() {
            match output {
                Output::Event(Event::Password { user, reply }) => {
                    let password = (user == "alice" || user == "bob")
                        .then(|| Password::Plain("secret".into()));
                    self.relay
                        .command(self.now, |relay, cx| relay.answer(cx, reply, password));
                }
                Output::Event(event) => self.events.push(event),
                Output::Transmit(Transmit::Connect { conn, peer, .. }) => {
                    self.dialled.push((conn, peer));
                    self.framers.insert(conn, Framer::new());
                }
                Output::Transmit(Transmit::Close { conn }) => self.closed.push(conn),
                Output::Transmit(_) => {}
            }
        }
    }

    /// Lets the last connection that it wants come up.
    pub(crate) fn connect(&mut self) -> ConnId {
        let (conn, _) = *self.dialled.last().unwrap();
        let local = "10.0.0.9:5000".parse().unwrap();
        self.relay
            .handle_input(self.now, Input::Connected { conn, local });
        self.settle();
        conn
    }

    /// All that it has to say on a connection.
    pub(crate) fn read(&mut self, conn: ConnId) -> Vec<Message> {
        let mut all = Vec::new();
        while let Some(bytes) = self.relay.poll_stream(self.now, conn) {
            all.extend_from_slice(&bytes);
        }
        self.settle();
        let framer = self.framers.get_mut(&conn).unwrap();
        framer.push(all.into());
        let mut messages = Vec::new();
        while let Some(frame) = framer.next(&Limits::default()).unwrap() {
            let mut message = Message::read_head(frame.head.unwrap()).unwrap();
            if let Message::Request(request) = &mut message {
                request.body = frame.body;
                request.continuation = frame.end.unwrap();
            }
            messages.push(message);
        }
        messages
    }

    pub(crate) fn requests(&mut self, conn: ConnId) -> Vec<Request> {
        let messages = self.read(conn).into_iter();
        messages
            .filter_map(|message| match message {
                Message::Request(request) => Some(request),
                Message::Response(_) => None,
            })
            .collect()
    }

    pub(crate) fn responses(&mut self, conn: ConnId) -> Vec<Response> {
        let messages = self.read(conn).into_iter();
        messages
            .filter_map(|message| match message {
                Message::Response(response) => Some(response),
                Message::Request(_) => None,
            })
            .collect()
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.relay.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.relay.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// A client that has been given a URI.
    pub(crate) fn client(&mut self, user: &str, from: &str) -> (ConnId, Uri) {
        let conn = self.accept();
        let uri = self.authenticate(conn, user, from, &[]);
        (conn, uri)
    }

    pub(crate) fn authenticate(
        &mut self,
        conn: ConnId,
        user: &str,
        from: &str,
        headers: &[(&'static str, &str)],
    ) -> Uri {
        let response = self.auth(conn, user, "secret", from, headers);
        assert_eq!(response.status, Status::OK, "{response:?}");
        let path = header(&response.others, "Use-Path").unwrap();
        Path::parse(&path.into()).unwrap().first().clone()
    }

    /// Both requests of an AUTH, and the last response.
    pub(crate) fn auth(
        &mut self,
        conn: ConnId,
        user: &str,
        password: &str,
        from: &str,
        headers: &[(&'static str, &str)],
    ) -> Response {
        let mut request = auth_request(from);
        self.feed(conn, request.write().unwrap());
        let challenge = self.responses(conn).pop().unwrap();
        assert_eq!(challenge.status, Status::UNAUTHORIZED);
        request.others = headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        request
            .others
            .push(answer(&challenge, user, password, request.to_path.as_str()));
        self.feed(conn, request.write().unwrap());
        self.responses(conn).pop().unwrap()
    }
}

fn auth_request(from: &str) -> Request {
    Request::new(
        Method::Auth,
        "auth1234".into(),
        path("msrp://example.com;tcp"),
        path(from),
    )
}

pub(crate) fn answer(
    challenge: &Response,
    user: &str,
    password: &str,
    uri: &str,
) -> (cpm::wire::Text, cpm::wire::Text) {
    let value = header(&challenge.others, "WWW-Authenticate").unwrap();
    let challenge = Challenge::read(&WwwAuthenticate::parse(&value.into()).unwrap()).unwrap();
    let answer = challenge.respond(user, Secret::Password(password), "AUTH", uri, "c0", 1);
    let mut header = answer.header();
    header.params.remove("uri");
    let mut text = String::new();
    Authorization(header).write(&mut text);
    ("Authorization".into(), text.into())
}

pub(crate) fn path(text: &str) -> Path {
    Path::parse(&text.into()).unwrap()
}

pub(crate) fn send(to: &str, from: &str, body: &str) -> Request {
    Request {
        message_id: Some("m1".into()),
        byte_range: Some(ByteRange::whole(body.len() as u64)),
        content_type: Some("text/plain".into()),
        body: Bytes::from(body.to_owned()),
        ..Request::new(Method::Send, "abcd1234".into(), path(to), path(from))
    }
}

fn ok_for(request: &Request) -> Bytes {
    request.response(Status::OK).write().unwrap()
}

/// A client, its URI, and the connection to its peer, over which one message has gone.
fn in_session() -> (Bench, ConnId, Uri, ConnId) {
    let mut bench = Bench::new(|_, _| {});
    let (alice, uri) = bench.client("alice", ALICE);
    bench.feed(
        alice,
        send(&format!("{uri} {BOB}"), ALICE, "hello")
            .write()
            .unwrap(),
    );
    let bob = bench.connect();
    (bench, alice, uri, bob)
}

#[test]
fn rfc4976_6_3_a_client_is_challenged_and_given_a_uri() {
    let mut bench = Bench::new(|_, _| {});
    let conn = bench.accept();
    bench.feed(conn, auth_request(ALICE).write().unwrap());
    let challenge = bench.responses(conn).pop().unwrap();
    assert_eq!(challenge.status, Status::UNAUTHORIZED);
    assert_eq!(challenge.to_path.as_str(), ALICE);
    let offered: Vec<_> = challenge
        .others
        .iter()
        .filter(|(name, _)| name == "WWW-Authenticate")
        .map(|(_, value)| value.contains("algorithm=MD5"))
        .collect();
    assert_eq!(offered, [true, false]);
    let response = bench.auth(conn, "alice", "secret", ALICE, &[]);
    assert_eq!(response.status, Status::OK);
    assert_eq!(header(&response.others, "Expires"), Some("1800"));
    assert!(
        header(&response.others, "Authentication-Info")
            .unwrap()
            .contains("rspauth=")
    );
    let uri: Uri = header(&response.others, "Use-Path")
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!((uri.host(), uri.port()), ("10.0.0.9", Some(2855)));
    // 32 letters: 16 characters are 80 bits.
    assert!(uri.session_id().unwrap().len() >= 16);
    assert!(
        matches!(&bench.events[..], [Event::Bound { user, renewed: false, .. }] if user == "alice")
    );
}

#[test]
fn rfc4976_6_3_who_does_not_know_the_password_gets_nothing_and_is_cut_off() {
    let mut bench = Bench::new(|_, _| {});
    let conn = bench.accept();
    for (user, password) in [("alice", "guess"), ("nobody", "secret")]
        .into_iter()
        .cycle()
        .take(8)
    {
        let response = bench.auth(conn, user, password, ALICE, &[]);
        assert_eq!(response.status, Status::UNAUTHORIZED);
        assert_eq!(header(&response.others, "Use-Path"), None);
    }
    assert!(bench.relay.machine().is_empty());
    assert_eq!(bench.events.len(), 8);
    assert_eq!(bench.closed, [conn]);
}

#[test]
fn rfc4976_8_auth_without_tls_is_refused_unless_allowed() {
    let mut bench = Bench::new(|config, _| config.clear = false);
    let conn = bench.accept();
    bench.feed(conn, auth_request(ALICE).write().unwrap());
    assert_eq!(bench.responses(conn)[0].status, Status::FORBIDDEN);
}

#[test]
fn rfc4976_6_3_an_answer_counts_once() {
    let mut bench = Bench::new(|_, _| {});
    let conn = bench.accept();
    let mut request = auth_request(ALICE);
    bench.feed(conn, request.write().unwrap());
    let challenge = bench.responses(conn).pop().unwrap();
    request.others = vec![answer(
        &challenge,
        "alice",
        "secret",
        "msrp://example.com;tcp",
    )];
    bench.feed(conn, request.write().unwrap());
    assert_eq!(bench.responses(conn)[0].status, Status::OK);
    bench.feed(conn, request.write().unwrap());
    let replayed = bench.responses(conn).pop().unwrap();
    assert_eq!(replayed.status, Status::UNAUTHORIZED);
    assert!(
        header(&replayed.others, "WWW-Authenticate")
            .unwrap()
            .contains("stale=true")
    );
}

#[test]
fn rfc4976_6_3_a_time_out_of_bounds_gets_423_with_the_bounds() {
    let mut bench = Bench::new(|_, _| {});
    let conn = bench.accept();
    for asked in ["59", "1801"] {
        let response = bench.auth(conn, "alice", "secret", ALICE, &[("Expires", asked)]);
        assert_eq!(response.status, Status::OUT_OF_BOUNDS);
        assert_eq!(header(&response.others, "Min-Expires"), Some("60"));
        assert_eq!(header(&response.others, "Max-Expires"), Some("1800"));
    }
}

#[test]
fn rfc4976_6_3_leave_is_renewed_with_the_same_uri_and_expires_without() {
    let mut bench = Bench::new(|_, _| {});
    let conn = bench.accept();
    let first = bench.authenticate(conn, "alice", ALICE, &[("Expires", "60")]);
    bench.pass(Duration::from_secs(40));
    let again = bench.authenticate(conn, "alice", ALICE, &[("Expires", "60")]);
    assert_eq!(first.as_str(), again.as_str());
    bench.pass(Duration::from_secs(40));
    assert_eq!(bench.relay.machine().len(), 1);
    bench.pass(Duration::from_secs(21));
    assert!(bench.relay.machine().is_empty());
    assert!(matches!(bench.events.last(), Some(Event::Unbound { .. })));
    bench.feed(
        conn,
        send(&format!("{first} {BOB}"), ALICE, "x").write().unwrap(),
    );
    assert_eq!(bench.responses(conn)[0].status, Status::NO_SESSION);
}

#[test]
fn rfc4976_6_4_1_a_chunk_goes_on_with_the_paths_moved_by_one() {
    let (mut bench, alice, uri, bob) = in_session();
    // The hop before is answered by this hop.
    let responses = bench.responses(alice);
    assert_eq!(responses[0].status, Status::OK);
    assert_eq!(responses[0].from_path.as_str(), uri.as_str());
    assert_eq!(bench.dialled[0].1, "10.0.0.3:8888".parse().unwrap());
    let chunk = bench.requests(bob).pop().unwrap();
    assert_eq!(chunk.to_path.as_str(), BOB);
    assert_eq!(chunk.from_path.as_str(), format!("{uri} {ALICE}"));
    assert_eq!(chunk.message_id.as_deref(), Some("m1"));
    assert_eq!(chunk.byte_range, Some(ByteRange::whole(5)));
    assert_eq!(chunk.body, "hello");
    // Another transaction.
    assert_ne!(chunk.transaction_id, "abcd1234");
    bench.feed(bob, ok_for(&chunk));
    assert!(bench.read(alice).is_empty());
    // And back, the way it came.
    let back = send(&format!("{uri} {ALICE}"), BOB, "hi");
    bench.feed(bob, back.write().unwrap());
    assert_eq!(bench.responses(bob)[0].status, Status::OK);
    let chunk = bench.requests(alice).pop().unwrap();
    assert_eq!(chunk.to_path.as_str(), ALICE);
    assert_eq!(chunk.from_path.as_str(), format!("{uri} {BOB}"));
    assert_eq!(chunk.body, "hi");
}

#[test]
fn rfc4976_6_4_1_failure_report_says_whether_this_hop_answers() {
    for (failure_report, answers) in [
        (FailureReport::Yes, 1),
        (FailureReport::Partial, 0),
        (FailureReport::No, 0),
    ] {
        let (mut bench, alice, uri, _) = in_session();
        bench.read(alice);
        let mut request = send(&format!("{uri} {BOB}"), ALICE, "x");
        request.failure_report = failure_report;
        bench.feed(alice, request.write().unwrap());
        assert_eq!(bench.responses(alice).len(), answers, "{failure_report:?}");
    }
}

#[test]
fn rfc4976_6_4_3_what_fails_further_on_comes_back_as_a_report() {
    for (failure_report, status, reported) in [
        (FailureReport::Yes, 413, true),
        (FailureReport::Partial, 413, true),
        (FailureReport::No, 413, false),
        (FailureReport::Yes, 200, false),
    ] {
        let (mut bench, alice, uri, bob) = in_session();
        bench.read(alice);
        bench.read(bob);
        let mut request = send(&format!("{uri} {BOB}"), ALICE, "x");
        request.failure_report = failure_report;
        bench.feed(alice, request.write().unwrap());
        let chunk = bench.requests(bob).pop().unwrap();
        let status = Status::new(status).unwrap();
        bench.feed(bob, chunk.response(status).write().unwrap());
        let reports = bench.requests(alice);
        assert_eq!(reports.len(), usize::from(reported));
        for report in reports {
            assert_eq!(report.method, Method::Report);
            assert_eq!(report.to_path.as_str(), ALICE);
            assert_eq!(report.from_path.as_str(), uri.as_str());
            assert_eq!(report.status, Some(status));
            assert_eq!(report.message_id.as_deref(), Some("m1"));
            assert_eq!(report.byte_range, Some(ByteRange::whole(1)));
        }
    }
}

#[test]
fn rfc4976_6_4_1_no_answer_in_time_is_reported_as_408_unless_only_failures_are_answered() {
    for (failure_report, reported) in [
        (FailureReport::Yes, true),
        (FailureReport::Partial, false),
        (FailureReport::No, false),
    ] {
        let (mut bench, alice, uri, bob) = in_session();
        let first = bench.requests(bob).pop().unwrap();
        bench.feed(bob, ok_for(&first));
        bench.read(alice);
        let mut request = send(&format!("{uri} {BOB}"), ALICE, "x");
        request.failure_report = failure_report;
        bench.feed(alice, request.write().unwrap());
        bench.read(bob);
        bench.pass(Duration::from_secs(29));
        assert!(bench.requests(alice).is_empty());
        bench.pass(Duration::from_secs(2));
        let reports = bench.requests(alice);
        assert_eq!(reports.len(), usize::from(reported), "{failure_report:?}");
        assert!(
            reports
                .iter()
                .all(|report| report.status == Some(Status::TIMEOUT))
        );
    }
}

#[test]
fn rfc4976_6_4_1_a_next_hop_that_is_lost_is_reported_for_what_was_sent_and_what_waits() {
    for is_sent in [false, true] {
        let (mut bench, alice, _, bob) = in_session();
        bench.read(alice);
        if is_sent {
            assert_eq!(bench.requests(bob).len(), 1);
        }
        bench
            .relay
            .handle_input(bench.now, Input::Closed { conn: bob });
        let report = bench.requests(alice).pop().unwrap();
        assert_eq!(report.status, Some(Status::TIMEOUT));
        assert_eq!(bench.relay.machine().relayed_bytes(), 0);
    }
}

#[test]
fn rfc4976_6_4_2_reports_go_through_and_are_never_answered() {
    let (mut bench, alice, uri, bob) = in_session();
    bench.read(alice);
    bench.read(bob);
    let report = Request {
        message_id: Some("m1".into()),
        byte_range: Some(ByteRange::whole(5)),
        status: Some(Status::OK),
        ..Request::new(
            Method::Report,
            "rrrr1234".into(),
            path(&format!("{uri} {ALICE}")),
            path(BOB),
        )
    };
    bench.feed(bob, report.write().unwrap());
    assert!(bench.read(bob).is_empty());
    let seen = bench.requests(alice).pop().unwrap();
    assert_eq!(seen.status, Some(Status::OK));
    assert_eq!(seen.from_path.as_str(), format!("{uri} {BOB}"));
    // Nobody waits for an answer that never comes.
    bench.pass(Duration::from_secs(60));
    assert!(bench.requests(alice).is_empty() && bench.read(bob).is_empty());
}

#[test]
fn rfc4976_6_4_1_a_long_chunk_goes_on_in_pieces_before_it_has_ended() {
    let (mut bench, alice, uri, bob) = in_session();
    bench.read(bob);
    let body = "0123456789".repeat(10_000);
    let mut request = send(&format!("{uri} {BOB}"), ALICE, &body);
    request.byte_range = Some(ByteRange {
        start: 1,
        end: None,
        total: Some(100_000),
    });
    let bytes = request.write().unwrap();
    let mut seen = Vec::new();
    let mut before_the_end = 0;
    for part in bytes.chunks(1460) {
        bench.feed(alice, Bytes::copy_from_slice(part));
        before_the_end = seen.len();
        seen.extend(bench.requests(bob));
        // Never more than a chunk of ours is kept.
        assert!(bench.relay.machine().relayed_bytes() < 20_000);
    }
    assert!(before_the_end > 3);
    let mut at = 0;
    for (index, chunk) in seen.iter().enumerate() {
        let range = chunk.byte_range.unwrap();
        assert_eq!((range.start, range.total), (at + 1, Some(100_000)));
        assert_eq!(
            &chunk.body[..],
            &body.as_bytes()[at as usize..][..chunk.body.len()]
        );
        at += chunk.body.len() as u64;
        let last = index + 1 == seen.len();
        let flag = if last {
            Continuation::Complete
        } else {
            Continuation::More
        };
        assert_eq!(chunk.continuation, flag);
    }
    assert_eq!(at, 100_000);
}

#[test]
fn rfc4976_6_4_1_a_sender_that_is_lost_in_the_middle_ends_its_message_for_the_receiver() {
    let (mut bench, alice, uri, bob) = in_session();
    bench.read(bob);
    let request = send(&format!("{uri} {BOB}"), ALICE, &"x".repeat(100_000));
    let bytes = request.write().unwrap();
    bench.feed(alice, bytes.slice(..50_000));
    bench
        .relay
        .handle_input(bench.now, Input::Closed { conn: alice });
    let last = bench.requests(bob).pop().unwrap();
    assert_eq!(last.continuation, Continuation::Aborted);
    assert!(last.body.is_empty());
}

#[test]
fn rfc4976_6_4_only_a_client_sends_out_and_only_to_a_client_others_send_in() {
    let (mut bench, alice, uri, bob) = in_session();
    bench.read(alice);
    bench.read(bob);
    let stranger = bench.accept();
    for (conn, to, from, status) in [
        // To somebody else through a URI that is not theirs: an open relay.
        (stranger, format!("{uri} {BOB}"), BOB, 403),
        (stranger, format!("{uri} {BOB}"), ALICE, 403),
        (bob, format!("{uri} msrp://10.0.0.7:1/x;tcp"), BOB, 403),
        // The client under another name.
        (
            alice,
            format!("{uri} {BOB}"),
            "msrp://other.example.com:9/x;tcp",
            403,
        ),
        // Nothing behind it.
        (alice, uri.to_string(), ALICE, 481),
        // Near misses.
        (
            alice,
            format!("{} {BOB}", uri.as_str().replace("2855", "2856")),
            ALICE,
            481,
        ),
        (
            alice,
            format!("{}x;tcp {BOB}", uri.as_str().trim_end_matches(";tcp")),
            ALICE,
            481,
        ),
        (alice, format!("msrp://10.0.0.9:2855;tcp {BOB}"), ALICE, 481),
        (
            alice,
            format!("{} {BOB}", uri.as_str().replace("msrp:", "msrps:")),
            ALICE,
            481,
        ),
        // To ourselves, under a name that we never gave.
        (
            alice,
            format!("{uri} msrp://10.0.0.9:2855/guess;tcp {BOB}"),
            ALICE,
            481,
        ),
    ] {
        bench.feed(conn, send(&to, from, "x").write().unwrap());
        let responses = bench.responses(conn);
        assert_eq!(responses[0].status.code(), status, "{to} from {from}");
    }
    assert_eq!(bench.dialled.len(), 1);
    assert!(bench.read(bob).is_empty());
}

#[test]
fn too_many_hops_are_refused() {
    let mut bench = Bench::new(|config, _| config.hops = 4);
    let (alice, uri) = bench.client("alice", ALICE);
    let to = format!("{uri} msrp://10.0.0.4:1/a;tcp msrp://10.0.0.5:1/b;tcp {BOB}");
    bench.feed(alice, send(&to, ALICE, "x").write().unwrap());
    assert_eq!(bench.responses(alice)[0].status, Status::FORBIDDEN);
    assert!(bench.dialled.is_empty());
}

#[test]
fn rfc4976_6_4_1_two_clients_of_one_relay_reach_each_other_without_a_detour() {
    let mut bench = Bench::new(|_, _| {});
    let (alice, alices) = bench.client("alice", ALICE);
    let (bob, bobs) = bench.client("bob", BOB);
    bench.feed(
        alice,
        send(&format!("{alices} {bobs} {BOB}"), ALICE, "x")
            .write()
            .unwrap(),
    );
    assert!(bench.dialled.is_empty());
    let chunk = bench.requests(bob).pop().unwrap();
    assert_eq!(chunk.to_path.as_str(), BOB);
    assert_eq!(chunk.from_path.as_str(), format!("{bobs} {alices} {ALICE}"));
    bench.feed(bob, chunk.response(Status::STOP).write().unwrap());
    let report = bench.requests(alice).pop().unwrap();
    assert_eq!(report.status, Some(Status::STOP));
    assert_eq!(report.to_path.as_str(), ALICE);
}

#[test]
fn rfc4976_6_4_2_what_is_not_send_is_answered_from_end_to_end() {
    let (mut bench, alice, uri, bob) = in_session();
    bench.read(alice);
    bench.read(bob);
    let mut nickname = Request::new(
        Method::Nickname,
        "nick1234".into(),
        path(&format!("{uri} {BOB}")),
        path(ALICE),
    );
    nickname.others = vec![("Use-Nickname".into(), "\"Alice\"".into())];
    bench.feed(alice, nickname.write().unwrap());
    assert!(bench.read(alice).is_empty());
    let seen = bench.requests(bob).pop().unwrap();
    assert_eq!(header(&seen.others, "Use-Nickname"), Some("\"Alice\""));
    bench.feed(bob, seen.response(Status::NICKNAME_TAKEN).write().unwrap());
    let response = bench.responses(alice).pop().unwrap();
    assert_eq!(response.transaction_id, "nick1234");
    assert_eq!(response.status, Status::NICKNAME_TAKEN);
    assert_eq!(response.to_path.as_str(), ALICE);
    assert_eq!(response.from_path.as_str(), format!("{uri} {BOB}"));
}

#[test]
fn a_receiver_that_does_not_read_stops_its_sender_and_is_given_up() {
    let (mut bench, alice, uri, bob) = in_session();
    bench.read(alice);
    bench.read(bob);
    let chunk = send(&format!("{uri} {BOB}"), ALICE, &"x".repeat(2000));
    let chunk = chunk.write().unwrap();
    let mut fed = 0;
    while bench.relay.wants_read(alice) {
        bench.feed(alice, chunk.clone());
        // It reads its responses.
        bench.read(alice);
        fed += chunk.len();
        assert!(fed < 1_000_000, "no end in sight");
    }
    assert!(bench.relay.machine().relayed_bytes() < 300 * 1024);
    let mut reports = Vec::new();
    for _ in 0..4 {
        bench.pass(Duration::from_secs(20));
        reports.extend(bench.requests(alice));
    }
    assert!(bench.closed.contains(&bob));
    assert!(bench.relay.wants_read(alice));
    assert!(!reports.is_empty());
    assert!(reports.iter().all(|r| r.status == Some(Status::TIMEOUT)));
}

#[test]
fn senders_to_one_connection_take_turns() {
    let mut bench = Bench::new(|_, _| {});
    let (alice, alices) = bench.client("alice", ALICE);
    let (other, others) = bench.client("bob", "msrp://o.example.com:9/o;tcp");
    for _ in 0..20 {
        let long = send(&format!("{alices} {BOB}"), ALICE, &"x".repeat(5000));
        bench.feed(alice, long.write().unwrap());
    }
    let short = send(
        &format!("{others} {BOB}"),
        "msrp://o.example.com:9/o;tcp",
        "short",
    );
    bench.feed(other, short.write().unwrap());
    let bob = bench.connect();
    let seen = bench.requests(bob);
    assert_eq!(seen.len(), 21);
    let place = seen.iter().position(|chunk| chunk.body == "short");
    assert_eq!(place, Some(1));
}

#[test]
fn connections_that_nobody_uses_are_closed() {
    let mut bench = Bench::new(|_, _| {});
    let idle = bench.accept();
    let slow = bench.accept();
    bench.feed(slow, "MSRP ");
    let (alice, _) = bench.client("alice", ALICE);
    bench.pass(Duration::from_secs(61));
    assert!(bench.closed.contains(&idle) && bench.closed.contains(&slow));
    assert!(!bench.closed.contains(&alice));
}

#[test]
fn what_is_not_msrp_ends_the_connection_and_every_split_means_the_same() {
    let mut bench = Bench::new(|_, _| {});
    let conn = bench.accept();
    bench.feed(conn, "POST / HTTP/1.1\r\n\r\nMSRP abcd SEND\r\n");
    assert_eq!(bench.closed, [conn]);

    let (mut bench, alice, uri, bob) = in_session();
    bench.read(bob);
    let request = send(
        &format!("{uri} {BOB}"),
        ALICE,
        "some\r\n-------abcd123$\r\ntext",
    );
    let bytes = request.write().unwrap();
    for at in 1..bytes.len() {
        bench.feed(alice, bytes.slice(..at));
        bench.feed(alice, bytes.slice(at..));
        let seen = bench.requests(bob);
        assert_eq!(seen.len(), 1, "{at}");
        assert_eq!(seen[0].body, request.body);
        assert_eq!(seen[0].continuation, Continuation::Complete);
    }
}

#[test]
fn rfc4976_5_1_the_use_path_begins_with_the_relays_before() {
    let mut bench = Bench::new(|_, _| {});
    let conn = bench.accept();
    // B asks C on behalf of A.
    let from = format!("msrps://b.example.com:9000/jui787s2f;tcp {ALICE}");
    let response = bench.auth(conn, "alice", "secret", &from, &[]);
    let path = header(&response.others, "Use-Path").unwrap();
    let uris: Vec<&str> = path.split(' ').collect();
    assert_eq!(uris[0], "msrps://b.example.com:9000/jui787s2f;tcp");
    assert!(uris[1].starts_with("msrp://10.0.0.9:2855/"), "{path}");
    assert_eq!(uris.len(), 2);
}

#[test]
fn rfc4976_6_1_who_gets_nothing_right_is_cut_off() {
    for method in [Method::Send, Method::Report] {
        let mut bench = Bench::new(|_, _| {});
        let conn = bench.accept();
        for _ in 0..8 {
            assert!(bench.closed.is_empty());
            let mut request = send(&format!("msrp://10.0.0.9:2855/guess;tcp {BOB}"), ALICE, "x");
            request.method = method.clone();
            bench.feed(conn, request.write().unwrap());
            bench.responses(conn);
        }
        assert_eq!(bench.closed, [conn]);
        // A client that is known may be wrong as often as it likes.
        let (alice, _) = bench.client("alice", ALICE);
        for _ in 0..20 {
            let request = send(&format!("msrp://10.0.0.9:2855/guess;tcp {BOB}"), ALICE, "x");
            bench.feed(alice, request.write().unwrap());
            assert_eq!(bench.responses(alice)[0].status, Status::NO_SESSION);
        }
        assert_eq!(bench.closed, [conn]);
    }
}

#[test]
fn rfc4976_6_3_who_guesses_passwords_of_a_relay_further_on_is_cut_off() {
    let mut bench = Bench::new(|_, _| {});
    let (alice, uri) = bench.client("alice", ALICE);
    let challenge = "Digest realm=\"b\", qop=\"auth\", nonce=\"n\"";
    let mut next = None;
    for (guess, stale) in [(false, false), (true, true)]
        .into_iter()
        .chain([(true, false); 8])
    {
        assert!(bench.closed.is_empty());
        let mut auth = auth_request(ALICE);
        auth.to_path = path(&format!("{uri} {BOB}"));
        if guess {
            auth.others
                .push(("Authorization".into(), "Digest username=\"x\"".into()));
        }
        bench.feed(alice, auth.write().unwrap());
        let conn = *next.get_or_insert_with(|| bench.connect());
        let asked = bench.requests(conn).pop().unwrap();
        let mut response = asked.response(Status::UNAUTHORIZED);
        response.to_path = asked.from_path.clone();
        let stale = if stale { ", stale=true" } else { "" };
        let value = format!("{challenge}{stale}");
        response
            .others
            .push(("WWW-Authenticate".into(), value.into()));
        bench.feed(conn, response.write().unwrap());
        // §6.4.3: the paths move by one on the way back as well.
        let back = bench.responses(alice).pop().unwrap();
        assert_eq!(back.to_path.as_str(), ALICE);
        assert_eq!(back.from_path.as_str(), format!("{uri} {BOB}"));
    }
    assert_eq!(bench.closed, [alice]);
}
