//! RFC 7701: nicknames and private messages in chat rooms.

use crate::rfc4976::{Client, header};
use cpm::engine::{Ids, Seed};
use cpm::msrp::msg::{Method, Path, Request};
use cpm::msrp::{
    Event, Nicknames, Role, SendError, SessionId, Settings, Status, Uri, private_message,
};
use std::time::Duration;

const PEER: &str = "msrp://10.0.0.9:2855/room1;tcp";

/// A client in a session with a room that the test plays.
fn in_session() -> (Client, SessionId) {
    let mut client = Client::new();
    let session = client
        .with(|endpoint, cx| endpoint.open(cx, Settings::default()))
        .unwrap();
    let peer: Uri = PEER.parse().unwrap();
    client.with(|endpoint, cx| {
        endpoint.start(cx, session, vec![peer], Role::Active { peer: None });
    });
    client.connect();
    let bind = client.request().unwrap();
    client.respond(&bind, 200, &[]);
    assert!(matches!(client.event(), Some(Event::Up { .. })));
    (client, session)
}

fn nickname(client: &Client, session: SessionId, value: Option<&str>) -> Request {
    let local = client.endpoint.local_path(session).unwrap().pop().unwrap();
    let relayed = format!("msrp://10.0.0.8:2855/relay;tcp {PEER}");
    let mut request = Request::new(
        Method::Nickname,
        "nick1234".into(),
        local.into(),
        Path::parse(&relayed.as_str().into()).unwrap(),
    );
    if let Some(value) = value {
        request.others.push(("Use-Nickname".into(), value.into()));
    }
    request
}

#[test]
fn rfc7701_7_1_a_nickname_is_asked_for_and_answered() {
    for status in [200, 403, 423, 424, 425] {
        let (mut client, session) = in_session();
        client
            .with(|e, cx| e.request_nickname(cx, session, "Alice \"the\" great"))
            .unwrap();
        let request = client.request().unwrap();
        assert_eq!(request.method, Method::Nickname);
        assert_eq!(request.to_path.as_str(), PEER);
        let value = header(&request.others, "Use-Nickname");
        assert_eq!(value, Some("\"Alice \\\"the\\\" great\""));
        client.respond(&request, status, &[]);
        let event = client.event();
        assert!(
            matches!(event, Some(Event::NicknameAnswered { session: s, status: code })
                if s == session && code.code() == status),
            "{event:?}"
        );
    }
}

#[test]
fn rfc7701_7_1_no_answer_in_time_is_a_408() {
    let (mut client, session) = in_session();
    client
        .with(|e, cx| e.request_nickname(cx, session, "alice"))
        .unwrap();
    client.request().unwrap();
    client.pass(Duration::from_secs(31));
    let event = client.event();
    assert!(
        matches!(event, Some(Event::NicknameAnswered { status, .. }) if status == Status::TIMEOUT),
        "{event:?}"
    );
}

#[test]
fn a_nickname_cannot_smuggle_a_line_in() {
    let (mut client, session) = in_session();
    let asked = client.with(|e, cx| e.request_nickname(cx, session, "a\r\nX: y"));
    assert_eq!(asked, Err(SendError::Unwritable));
    assert!(client.request().is_none());
}

#[test]
fn rfc7701_7_1_who_is_asked_answers_all_the_way_back() {
    for (value, name) in [
        ("\"Alice the great\"", "Alice the great"),
        ("\"a \\\"b\\\"\"", "a \"b\""),
        ("\"\"", ""),
        ("alice", "alice"),
    ] {
        let (mut client, session) = in_session();
        let request = nickname(&client, session, Some(value));
        client.feed(request.write().unwrap());
        let Some(Event::NicknameRequested {
            nickname, request, ..
        }) = client.event()
        else {
            panic!("{value}")
        };
        assert_eq!(nickname, name);
        client.with(|e, cx| e.answer_nickname(cx, request, Status::NICKNAME_TAKEN));
        let conn = client.conn.unwrap();
        let bytes = client.with(|e, cx| e.poll_stream(cx, conn)).unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.starts_with("MSRP nick1234 425 "), "{text}");
        let path = format!("To-Path: msrp://10.0.0.8:2855/relay;tcp {PEER}\r\n");
        assert!(text.contains(&path), "{text}");
    }
}

#[test]
fn rfc7701_7_1_a_request_without_a_name_is_malformed() {
    for value in [None, Some("\"open"), Some("\"a\" b")] {
        let (mut client, session) = in_session();
        let request = nickname(&client, session, value);
        client.feed(request.write().unwrap());
        assert!(client.event().is_none());
        let conn = client.conn.unwrap();
        let bytes = client.with(|e, cx| e.poll_stream(cx, conn)).unwrap();
        assert!(bytes.starts_with(b"MSRP nick1234 424 "), "{value:?}");
    }
}

#[test]
fn rfc7701_7_1_a_name_has_one_owner_whatever_its_case() {
    let mut names = Nicknames::new(3, &mut Ids::new(Seed::from_number(1)));
    names.reserve("Moderator");
    assert_eq!(names.claim(&1, " Alice "), Ok(()));
    assert_eq!(names.of(&1).map(|name| name.as_str()), Some("Alice"));
    for (member, name, result) in [
        (2, "ALICE", Err(Status::NICKNAME_TAKEN)),
        (2, "moderator", Err(Status::NICKNAME_TAKEN)),
        (2, "a\nb", Err(Status::BAD_NICKNAME)),
        (2, "a\u{202e}b", Err(Status::BAD_NICKNAME)),
        // The same member under the same name in another case.
        (1, "alice", Ok(())),
        (1, "Queen", Ok(())),
        // Who gives a name up leaves it to others.
        (2, "Alice", Ok(())),
        (3, "Carol", Ok(())),
        (4, "Dave", Err(Status::OUT_OF_BOUNDS)),
        (2, "", Ok(())),
        (4, "Alice", Ok(())),
    ] {
        assert_eq!(names.claim(&member, name), result, "{member} {name:?}");
    }
    assert_eq!(names.claim(&4, &"x".repeat(300)), Err(Status::BAD_NICKNAME));
    // Refused, it keeps what it had.
    assert_eq!(names.member("alice"), Some(&4));
    names.release(&4);
    assert_eq!((names.member("alice"), names.of(&4)), (None, None));
}

#[test]
fn rfc7701_6_2_private_messages_are_refused_where_there_are_none_and_for_strangers() {
    assert_eq!(private_message(true, [true, true]), Ok(()));
    assert_eq!(private_message(true, [true, false]), Err(Status::NOT_FOUND));
    assert_eq!(private_message(false, [true]), Err(Status::NO_PRIVATE));
}
