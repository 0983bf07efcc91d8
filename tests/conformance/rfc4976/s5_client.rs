//! §5: what a client does.

use super::{Client, header};
use cpm::engine::Transport;
use cpm::msrp::msg::{ByteRange, Continuation, Method};
use cpm::msrp::{
    AuthError, Down, Event, Outgoing, RelayAccount, Role, SessionId, Settings, Status, Uri,
};
use cpm::sip::digest::{Answer, Secret};
use cpm::sip::msg::Header;
use cpm::sip::msg::header::Authorization;
use std::time::Duration;

const RELAY: &str = "msrps://10.0.0.9:2855;tcp";
const MINTED: &str = "msrps://10.0.0.9:2855/jui787s2f;tcp";
const MD5: &str = "Digest realm=\"intra.example.com\", qop=\"auth\", nonce=\"dcd98b71\"";
const SHA256: &str =
    "Digest realm=\"intra.example.com\", qop=\"auth\", nonce=\"dcd98b72\", algorithm=SHA-256";

fn account(relay: &str) -> RelayAccount {
    RelayAccount::new(relay.parse().unwrap(), "alice".into(), "secret".into())
}

fn authorize(chain: Vec<RelayAccount>) -> (Client, SessionId) {
    let mut client = Client::new();
    let session = client
        .with(|endpoint, cx| endpoint.open(cx, Settings::default()))
        .unwrap();
    client.with(|endpoint, cx| endpoint.authorize(cx, session, chain, None));
    client.connect();
    (client, session)
}

/// A client whose relay has agreed.
fn agreed() -> (Client, SessionId) {
    let (mut client, session) = authorize(vec![account(RELAY)]);
    let request = client.request().unwrap();
    client.respond(&request, 200, &[("Use-Path", MINTED), ("Expires", "900")]);
    assert!(matches!(client.event(), Some(Event::Authorized { session: s }) if s == session));
    (client, session)
}

fn answer(request: &cpm::msrp::msg::Request) -> (Answer, bool) {
    let value = header(&request.others, "Authorization").unwrap();
    let mut header = Authorization::parse(&value.into()).unwrap().0;
    let names_uri = header.params.value("uri").is_some();
    header
        .params
        .set_quoted("uri", request.to_path.last().as_str());
    (Answer::read(&header).unwrap(), names_uri)
}

#[test]
fn rfc4976_5_1_auth_is_challenged_and_answered() {
    for (challenge, names_uri) in [(MD5, false), (MD5, true), (SHA256, false), (SHA256, true)] {
        let mut account = account(RELAY);
        account.names_uri = names_uri;
        let (mut client, session) = authorize(vec![account]);
        assert_eq!(client.transport, Some(Transport::Tls));
        let first = client.request().unwrap();
        assert_eq!(first.method, Method::Auth);
        assert_eq!(first.to_path.as_str(), RELAY);
        assert_eq!(header(&first.others, "Authorization"), None);
        client.respond(&first, 401, &[("WWW-Authenticate", challenge)]);
        let second = client.request().unwrap();
        let (answer, named) = answer(&second);
        assert_eq!(named, names_uri);
        assert_eq!(answer.user, "alice");
        let secret = Secret::Password("secret");
        let info = format!("qop=auth, rspauth=\"{}\"", answer.server_proof(secret));
        let headers = [
            ("Use-Path", MINTED),
            ("Expires", "900"),
            ("Authentication-Info", info.as_str()),
        ];
        client.respond(&second, 200, &headers);
        assert!(matches!(client.event(), Some(Event::Authorized { .. })));
        let path: Vec<String> = client
            .endpoint
            .local_path(session)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(path[0], MINTED);
        assert_eq!(path[1], second.from_path.as_str());
        assert_eq!(path.len(), 2);
    }
}

#[test]
fn rfc4976_5_1_the_strongest_of_several_challenges_is_answered() {
    let (mut client, _) = authorize(vec![account(RELAY)]);
    let first = client.request().unwrap();
    let both = [("WWW-Authenticate", MD5), ("WWW-Authenticate", SHA256)];
    client.respond(&first, 401, &both);
    let (answer, _) = answer(&client.request().unwrap());
    assert_eq!(answer.nonce, "dcd98b72");
}

#[test]
fn rfc4976_5_1_a_wrong_password_is_not_tried_again() {
    let (mut client, session) = authorize(vec![account(RELAY)]);
    for _ in 0..2 {
        let request = client.request().unwrap();
        client.respond(&request, 401, &[("WWW-Authenticate", MD5)]);
    }
    assert!(client.request().is_none());
    let refused = Down::Relay(AuthError::Refused(Status::UNAUTHORIZED));
    assert!(
        matches!(client.event(), Some(Event::Down { session: s, why }) if s == session && why == refused)
    );
}

#[test]
fn rfc4976_5_1_an_impostor_without_the_password_is_not_used() {
    let (mut client, _) = authorize(vec![account(RELAY)]);
    let request = client.request().unwrap();
    client.respond(&request, 401, &[("WWW-Authenticate", MD5)]);
    let request = client.request().unwrap();
    let (answer, _) = answer(&request);
    let proof = answer.server_proof(Secret::Password("guess"));
    let info = format!("rspauth=\"{proof}\"");
    let headers = [("Use-Path", MINTED), ("Authentication-Info", info.as_str())];
    client.respond(&request, 200, &headers);
    assert!(matches!(
        client.event(),
        Some(Event::Down {
            why: Down::Relay(AuthError::Impostor),
            ..
        })
    ));
}

#[test]
fn rfc4976_5_1_what_is_no_leave_is_an_error_that_says_why() {
    let refused = |code| AuthError::Refused(Status::new(code).unwrap());
    for (status, headers, error) in [
        (403, &[][..], refused(403)),
        (401, &[], AuthError::Challenge),
        (
            401,
            &[("WWW-Authenticate", "Basic realm=\"x\"")],
            AuthError::Challenge,
        ),
        (200, &[], AuthError::UsePath),
        (200, &[("Use-Path", "sip:relay")], AuthError::UsePath),
        (423, &[("Min-Expires", "0")], refused(423)),
    ] {
        let mut account = account(RELAY);
        account.expires = Some(Duration::from_secs(60));
        let (mut client, _) = authorize(vec![account]);
        let request = client.request().unwrap();
        client.respond(&request, status, headers);
        let event = client.event();
        assert!(
            matches!(event, Some(Event::Down { why: Down::Relay(e), .. }) if e == error),
            "{event:?}"
        );
    }
}

#[test]
fn rfc4976_5_1_a_time_out_of_bounds_is_asked_again_within_them() {
    for (asked, bound, then) in [
        (60, ("Min-Expires", "300"), "300"),
        (9000, ("Max-Expires", "3600"), "3600"),
    ] {
        let mut account = account(RELAY);
        account.expires = Some(Duration::from_secs(asked));
        let (mut client, _) = authorize(vec![account]);
        let request = client.request().unwrap();
        assert_eq!(
            header(&request.others, "Expires"),
            Some(&*asked.to_string())
        );
        client.respond(&request, 423, &[bound]);
        let request = client.request().unwrap();
        assert_eq!(header(&request.others, "Expires"), Some(then));
    }
}

#[test]
fn rfc4976_5_1_leave_is_renewed_before_it_expires() {
    let (mut client, session) = agreed();
    client.pass(Duration::from_secs(839));
    assert!(client.request().is_none());
    client.pass(Duration::from_secs(2));
    let again = client.request().unwrap();
    assert_eq!(again.method, Method::Auth);
    assert_eq!(again.to_path.as_str(), RELAY);
    client.respond(&again, 200, &[("Use-Path", MINTED), ("Expires", "900")]);
    // Nothing has changed, so nobody needs to know.
    assert!(client.event().is_none());
    client.pass(Duration::from_secs(841));
    let again = client.request().unwrap();
    let moved = "msrps://10.0.0.9:2855/other;tcp";
    client.respond(&again, 200, &[("Use-Path", moved), ("Expires", "900")]);
    assert!(matches!(client.event(), Some(Event::Authorized { .. })));
    let path = client.endpoint.local_path(session).unwrap();
    assert_eq!(path[0].as_str(), moved);
}

#[test]
fn rfc4976_5_1_a_relay_that_is_silent_ends_the_session() {
    let (mut client, _) = authorize(vec![account(RELAY)]);
    client.request().unwrap();
    client.pass(Duration::from_secs(31));
    assert!(matches!(
        client.event(),
        Some(Event::Down {
            why: Down::Timeout | Down::Connection,
            ..
        })
    ));
}

#[test]
fn rfc4976_5_1_relays_in_a_row_are_asked_each_through_those_before() {
    let extra = "msrps://extra.example.com;tcp";
    let minted = "msrps://extra.example.com:9000/mywdEe1233;tcp";
    let (mut client, session) = authorize(vec![account(RELAY), account(extra)]);
    let request = client.request().unwrap();
    client.respond(&request, 200, &[("Use-Path", MINTED), ("Expires", "900")]);
    assert!(client.event().is_none());
    let request = client.request().unwrap();
    assert_eq!(request.to_path.as_str(), format!("{MINTED} {extra}"));
    // As the To-Path of what is sent begins.
    let both = format!("{MINTED} {minted}");
    client.respond(&request, 200, &[("Use-Path", &both), ("Expires", "900")]);
    assert!(matches!(client.event(), Some(Event::Authorized { .. })));
    let path = client.endpoint.local_path(session).unwrap();
    let path: Vec<&str> = path.iter().map(Uri::as_str).collect();
    // The farthest first: as the peer's requests travel.
    assert_eq!(path, [minted, MINTED, request.from_path.as_str()]);
    // B C, and D E F of the peer.
    let peer = ["d:1/x", "e:1/y", "f:1/z"].map(|uri| format!("msrps://{uri};tcp"));
    let uris = peer.each_ref().map(|uri| uri.parse().unwrap()).to_vec();
    client.with(|endpoint, cx| {
        endpoint.start(cx, session, uris, Role::Active { peer: None });
    });
    let bind = client.request().unwrap();
    assert_eq!(bind.method, Method::Send);
    let to = format!("{MINTED} {minted} {}", peer.join(" "));
    assert_eq!(bind.to_path.as_str(), to);
    assert_eq!(bind.from_path, request.from_path);
}

#[test]
fn rfc4976_5_2_messages_go_and_come_through_the_relay() {
    let (mut client, session) = agreed();
    let peer: Uri = "msrps://bob.example.com:8888/9di4ea;tcp".parse().unwrap();
    client.with(|endpoint, cx| endpoint.start(cx, session, vec![peer.clone()], Role::Passive));
    let message = Outgoing::new("text/plain".into(), "hello".into());
    client
        .with(|endpoint, cx| endpoint.send(cx, session, message))
        .unwrap();
    // Nobody knows yet whether the peer is there.
    assert!(client.request().is_none());
    let local = client.endpoint.local_path(session).unwrap().pop().unwrap();
    let mut binding = cpm::msrp::msg::Request::new(
        Method::Send,
        "abcdefgh".into(),
        local.into(),
        cpm::msrp::msg::Path::of(&[MINTED.parse().unwrap(), peer.clone()]).unwrap(),
    );
    binding.message_id = Some("m1".into());
    binding.byte_range = Some(ByteRange::whole(0));
    client.feed(binding.write().unwrap());
    assert!(matches!(client.event(), Some(Event::Up { .. })));
    let conn = client.conn.unwrap();
    let response = client
        .with(|endpoint, cx| endpoint.poll_stream(cx, conn))
        .unwrap();
    // To the relay, and no further: hop by hop.
    let response = String::from_utf8(response.to_vec()).unwrap();
    assert!(
        response.contains(&format!("To-Path: {MINTED}\r\n")),
        "{response}"
    );
    let chunk = client.request().unwrap();
    assert_eq!(chunk.to_path.as_str(), format!("{MINTED} {peer}"));
    assert_eq!(chunk.body, "hello");
}

#[test]
fn rfc4975_7_1_1_a_deflated_body_says_so_in_one_chunk_and_in_two() {
    let (mut client, session) = agreed();
    let peer: Uri = "msrps://bob.example.com:8888/9di4ea;tcp".parse().unwrap();
    client.with(|endpoint, cx| endpoint.start(cx, session, vec![peer.clone()], Role::Passive));
    let local = client.endpoint.local_path(session).unwrap().pop().unwrap();
    let chunk = |id: &'static str, start, body: &'static [u8], continuation| {
        let mut chunk = cpm::msrp::msg::Request::new(
            Method::Send,
            "abcdefgh".into(),
            local.clone().into(),
            peer.clone().into(),
        );
        chunk.message_id = Some(id.into());
        chunk.byte_range = Some(ByteRange {
            start,
            end: None,
            total: Some(4),
        });
        chunk.content_type = Some("message/imdn+xml".into());
        chunk.others = vec![("content-encoding".into(), "deflate".into())];
        chunk.body = bytes::Bytes::from_static(body);
        chunk.continuation = continuation;
        chunk.write().unwrap()
    };
    client.feed(chunk("m1", 1, b"abcd", Continuation::Complete));
    client.feed(chunk("m2", 1, b"ab", Continuation::More));
    client.feed(chunk("m2", 3, b"cd", Continuation::Complete));
    let mut seen = Vec::new();
    while let Some(event) = client.event() {
        if let Event::Received { message, .. } = event {
            assert_eq!(message.content_encoding.as_deref(), Some("deflate"));
            assert_eq!(message.body, "abcd");
            seen.push(message.id.to_string());
            client.with(|endpoint, cx| endpoint.accept(cx, message.receipt));
        }
    }
    assert_eq!(seen, ["m1", "m2"]);
}
