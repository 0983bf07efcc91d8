//! RFC 5621: bodies of several parts, what must be understood of them, and what may be left out.

use crate::rfc3261::{PEER, alone, answered, from_peer, header};
use crate::wire::Wire;
use bytes::Bytes;
use cpm::engine::Limits;
use cpm::sip::Event;
use cpm::sip::body::{Contents, Understood, Unknown};
use cpm::sip::msg::{Message, Request};
use cpm::wire::Text;

/// A body of several parts, each given by its header lines and its content.
fn several(subtype: &str, parts: &[(&str, &str)]) -> (String, String) {
    let boundary = format!("b-{subtype}");
    let mut body = String::new();
    for (head, content) in parts {
        body += &format!("--{boundary}\n{head}\n\n{content}\n");
    }
    body += &format!("--{boundary}--\n");
    let kind = format!("multipart/{subtype};boundary={boundary}");
    (kind, body)
}

/// A request of the peer's with a body. `extra` are whole lines.
fn with(method: &str, branch: &str, cseq: u32, extra: &str, body: &(String, String)) -> String {
    let (kind, body) = body;
    // On the wire each line has one byte more.
    let length = body.len() + body.matches('\n').count();
    from_peer(method, branch, cseq, extra).replace(
        "Content-Length: 0\n\n",
        &format!("Content-Type: {kind}\nContent-Length: {length}\n\n{body}"),
    )
}

const SDP: (&str, &str) = ("Content-Type: application/sdp", "v=0");

/// What the endpoint does with an INVITE of that body: `None` if it is told to the layer above, else the refusal.
fn invite(wire: &mut Wire, branch: &str, extra: &str, body: &(String, String)) -> Option<String> {
    let text = with("INVITE", branch, 1, extra, body).replace("from-bob", branch);
    wire.inject(0, PEER, &text);
    match &wire.events(0)[..] {
        [Event::Invited { .. }] => None,
        [] => Some(wire.heard()),
        other => panic!("{other:?}"),
    }
}

fn plain(kind: &str) -> (String, String) {
    (kind.into(), "x\n".into())
}

#[test]
fn rfc5621_8_4_what_must_be_understood_and_is_not_is_answered_415_with_what_would_be() {
    let mut wire = alone();
    let refused = invite(&mut wire, "a", "", &plain("application/isup")).unwrap();
    assert!(refused.starts_with("SIP/2.0 415 "), "{refused}");
    assert_eq!(header(&refused, "Accept"), "application/sdp");
    // What may be left out is.
    for extra in [
        "Content-Disposition: render;handling=optional\n",
        "Content-Disposition: signal ; Handling=OPTIONAL\n",
    ] {
        let told = invite(
            &mut wire,
            &extra.len().to_string(),
            extra,
            &plain("application/isup"),
        );
        assert_eq!(told, None, "{extra}");
    }
    // A purpose that is not known is as bad as a type.
    let icon = "Content-Disposition: icon\n";
    let refused = invite(&mut wire, "b", icon, &plain("application/sdp")).unwrap();
    assert!(refused.starts_with("SIP/2.0 415 "), "{refused}");
    let packed = "Content-Encoding: compress\n";
    let refused = invite(&mut wire, "c", packed, &plain("application/sdp")).unwrap();
    assert!(refused.starts_with("SIP/2.0 415 "), "{refused}");
    assert_eq!(
        header(&refused, "Accept-Encoding"),
        "identity, deflate, gzip"
    );
}

#[test]
fn rfc5621_5_3_every_part_of_mixed_counts_and_handling_is_required_by_default() {
    let mut wire = alone();
    let isup = "Content-Type: application/isup";
    let optional = "Content-Type: application/isup\nContent-Disposition: signal;handling=optional";
    let both = several("mixed", &[SDP, (isup, "x")]);
    assert!(
        invite(&mut wire, "a", "", &both)
            .unwrap()
            .starts_with("SIP/2.0 415 ")
    );
    let both = several("mixed", &[SDP, (optional, "x")]);
    assert_eq!(invite(&mut wire, "b", "", &both), None);
    // A multipart body that may be left out as a whole is, whatever its parts say.
    let inner = several("mixed", &[(isup, "x")]);
    let head = format!(
        "Content-Type: {}\nContent-Disposition: render;handling=optional",
        inner.0
    );
    let outer = several("outer", &[SDP, (&head, &inner.1)]);
    assert_eq!(invite(&mut wire, "c", "", &outer), None);
    // No multipart body at all.
    let broken = ("multipart/mixed;boundary=zzz".into(), "x\n".into());
    assert!(
        invite(&mut wire, "d", "", &broken)
            .unwrap()
            .starts_with("SIP/2.0 400 ")
    );
}

#[test]
fn rfc5621_8_4_a_reinvite_and_an_update_are_held_to_it_too_and_the_session_goes_on() {
    let mut wire = alone();
    let (_, to) = answered(&mut wire);
    for (cseq, method) in [(2, "INVITE"), (3, "UPDATE")] {
        let text = with(method, method, cseq, &to, &plain("application/isup"));
        wire.inject(0, PEER, &text);
        assert!(wire.events(0).is_empty());
        let refused = wire.heard();
        assert!(refused.starts_with("SIP/2.0 415 "), "{refused}");
        if method == "INVITE" {
            wire.inject(0, PEER, &from_peer("ACK", method, cseq, &to));
        }
    }
    let text = with("INVITE", "again", 4, &to, &several("mixed", &[SDP]));
    wire.inject(0, PEER, &text);
    assert!(matches!(wire.events(0)[..], [Event::Reinvited { .. }]));
}

#[test]
fn rfc5621_who_passes_bodies_on_and_other_requests_are_left_to_the_layer_above() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| config.judge_bodies = false);
    assert_eq!(invite(&mut wire, "a", "", &plain("application/isup")), None);

    let mut wire = alone();
    let text = with("MESSAGE", "m", 1, "", &plain("text/html"));
    wire.inject(0, PEER, &text);
    let events = wire.events(0);
    let [Event::Request { request, id, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    wire.with(0, |sip, cx| {
        let refusal = sip.refuse_body(request, cx.limits).unwrap();
        sip.respond(cx, *id, refusal);
    });
    assert!(wire.heard().starts_with("SIP/2.0 415 "));
}

/// What a body is for one who understands descriptions, lists and plain text.
fn read(body: &(String, String)) -> Contents {
    let request = request(body);
    let types = [
        "application/sdp",
        "application/resource-lists+xml",
        "text/*",
    ]
    .map(Text::from);
    let purposes = ["render", "session", "recipient-list"].map(Text::from);
    let understood = Understood {
        types: &types,
        purposes: Some(&purposes),
    };
    Contents::read(
        request.headers(),
        request.body(),
        understood,
        &Limits::default(),
    )
    .unwrap()
}

fn request(body: &(String, String)) -> Request {
    let text = with("INVITE", "x", 1, "", body).replace('\n', "\r\n");
    match Message::parse(Bytes::from(text), &Limits::default()).unwrap() {
        Message::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

/// The contents of what is to be processed.
fn texts(contents: &Contents) -> Vec<String> {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    (contents.parts().iter())
        .map(|content| text(content.part.body()))
        .collect()
}

#[test]
fn rfc5621_6_3_of_alternatives_the_last_that_is_understood_counts() {
    let html = ("Content-Type: text/html", "<p>2");
    let text = ("Content-Type: text/plain", "1");
    let other = ("Content-Type: image/png", "3");
    let read_all = |parts: &[(&str, &str)]| texts(&read(&several("alternative", parts)));
    assert_eq!(read_all(&[text, html, other]), ["<p>2"]);
    assert_eq!(read_all(&[html, text]), ["1"]);
    // What alternatives say of handling has no meaning: one of them is enough, and none is none.
    let optional = "Content-Type: image/png\nContent-Disposition: render;handling=optional";
    for parts in [&[other][..], &[(optional, "4")], &[(optional, "4"), other]] {
        let contents = read(&several("alternative", parts));
        assert!(contents.parts().is_empty());
        assert_eq!(contents.missing()[0].what, Unknown::Type);
    }
    // Alternatives of which one has parts: it counts if all that it needs is understood.
    let mixed = several("mixed", &[SDP, other]);
    let mixed = (format!("Content-Type: {}", mixed.0), mixed.1);
    assert_eq!(read_all(&[SDP, (&mixed.0, &mixed.1)]), ["v=0"]);
    assert!(
        read(&several("alternative", &[SDP]))
            .description()
            .is_some()
    );
}

#[test]
fn rfc5621_7_3_and_9_parts_are_referred_to_by_their_content_id() {
    let list = "Content-Type: application/resource-lists+xml\nContent-ID: <cn35t8jf02@example.com>\n\
                Content-Disposition: recipient-list";
    let hidden =
        "Content-Type: application/pkcs7\nContent-ID: <a b@x>\nContent-Disposition: by-reference";
    let contents = read(&several("mixed", &[SDP, (list, "<l/>"), (hidden, "y")]));
    assert!(contents.missing().is_empty());
    let cid = |text: &str| {
        let part = contents.referred(&text.parse().unwrap());
        part.map(|part| part.body().clone())
    };
    assert_eq!(cid("cid:cn35t8jf02@example.com").unwrap(), "<l/>");
    assert_eq!(cid("CID:cn35t8jf02%40example.com").unwrap(), "<l/>");
    assert_eq!(cid("cid:a%20b@x").unwrap(), "y");
    assert_eq!(cid("cid:other@example.com"), None);
    assert_eq!(cid("mid:cn35t8jf02@example.com"), None);
    let purposes: Vec<&str> = (contents.parts().iter())
        .map(|content| content.purpose.as_str())
        .collect();
    assert_eq!(purposes, ["session", "recipient-list", "by-reference"]);

    let image = ("Content-Type: image/png\nContent-ID: <pic@x>", "png");
    let root = ("Content-Type: text/html\nContent-ID: <root@x>", "<p>");
    let (kind, body) = several("related", &[image, root]);
    let contents = read(&(format!("{kind};start=\"<root@x>\""), body));
    assert!(contents.missing().is_empty(), "{contents:?}");
    assert_eq!(texts(&contents), ["<p>"]);
    let picture = contents.referred(&"cid:pic@x".parse().unwrap()).unwrap();
    assert_eq!(picture.body(), "png");
    // A root that is not understood makes the whole so.
    assert_eq!(read(&several("related", &[image, root])).missing().len(), 1);
}

#[test]
fn rfc5621_a_body_is_bounded_in_parts_and_depth() {
    let mut body = (String::from("text/plain"), String::from("x"));
    for depth in 0..=Limits::default().part_depth {
        let head = format!("Content-Type: {}", body.0);
        body = several(&format!("mixed{depth}"), &[(&head, &body.1)]);
    }
    let request = request(&body);
    let understood = Understood {
        types: &["*".into()],
        purposes: None,
    };
    let read =
        |limits: &Limits| Contents::read(request.headers(), request.body(), understood, limits);
    assert!(read(&Limits::default()).is_err());
    let deeper = Limits {
        part_depth: 9,
        ..Limits::default()
    };
    assert_eq!(read(&deeper).unwrap().parts().len(), 1);
    let fewer = Limits { parts: 3, ..deeper };
    assert!(read(&fewer).is_err());
}
