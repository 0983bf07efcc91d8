//! Classes of attack on SIP, each as an attacker would go about it.

use crate::rfc3261::{PEER, Wire, alone, from_peer, header};
use cpm::engine::{Clock, DateTime, Input, Seed, Transmit};
use cpm::node::{Node, Output};
use cpm::participating::{self, Participating, Restored, Subscriber};
use cpm::sip::msg::{Name, Status};
use cpm::sip::{Event, Uri};
use cpm::store::{Answerer, Directory, engine::Memory};
use std::time::Instant;

/// The calls and requests that came in, each refused as a server does that knows nobody yet.
fn refuse_all(wire: &mut Wire, status: Status) -> usize {
    let events = wire.events(0);
    for event in &events {
        let refusal = |request: &cpm::sip::msg::Request| {
            let mut response = request.response(status);
            for algorithm in ["MD5", "SHA-256"] {
                let nonce = "0123456789abcdef0123456789abcdef01234567";
                let text = format!(
                    "Digest realm=\"example.com\", nonce=\"{nonce}\", algorithm={algorithm}"
                );
                let headers = response.headers_mut();
                headers.push_text(Name::WwwAuthenticate, &text).unwrap();
            }
            response
        };
        match event {
            Event::Invited { call, request, .. } => {
                let response = refusal(request);
                wire.with(0, |sip, cx| sip.reject(cx, *call, response));
            }
            Event::Request { id, request, .. } => {
                let response = refusal(request);
                wire.with(0, |sip, cx| sip.respond(cx, *id, response));
            }
            other => panic!("{other:?}"),
        }
    }
    events.len()
}

#[test]
fn attack_08_a_request_to_another_protocol_carries_none_of_sip() {
    let inner = from_peer("MESSAGE", "a", 1, "").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    for offset in (0..4096).step_by(7) {
        let mut wire = alone();
        let conn = wire.connect(0, "10.0.0.66:4000");
        let body = format!("{}{inner}", "x".repeat(offset));
        let post = format!(
            "POST / HTTP/1.1\nHost: 10.0.0.1:5060\nContent-Length: {}\n\n{body}",
            body.len()
        );
        // The head alone, then what a segment boundary makes look like a message of its own.
        let (head, rest) = post.split_at(post.len() - inner.len());
        wire.stream(0, conn, head);
        wire.stream(0, conn, rest);
        let events = wire.events(0);
        assert!(
            matches!(events[..], [Event::FlowLost { .. }]),
            "{offset}: {events:?}"
        );
        assert!(wire.outside().is_empty(), "{offset}");
        assert!(wire.conns_of(0).is_empty(), "{offset}");
    }
}

#[test]
fn attack_14_who_forges_a_source_gets_little_for_what_it_sends_and_once() {
    let statuses = [
        Status::UNAUTHORIZED,
        Status::FORBIDDEN,
        Status::SERVICE_UNAVAILABLE,
    ];
    for status in statuses {
        for method in
            "INVITE MESSAGE REGISTER OPTIONS SUBSCRIBE PUBLISH INFO BYE CANCEL NOTIFY REFER X"
                .split(' ')
        {
            let mut wire = alone();
            let (mut sent, mut packets) = (0, 0);
            for number in 0..20 {
                let branch = format!("{method}{number}");
                let require = ["", "Require: wizardry\n", "Subject: hi\n"][number as usize % 3];
                let text = from_peer(method, &branch, number + 1, require);
                sent += text.replace('\n', "\r\n").len();
                packets += 1;
                wire.inject(0, PEER, &text);
                refuse_all(&mut wire, status);
            }
            wire.seconds(120);
            let heard = wire.outside();
            let size = |text: &str| text.replace('\n', "\r\n").len();
            let back: usize = heard.iter().map(|heard| size(&heard.text)).sum();
            assert!(back * 2 <= sent * 3, "{method}: {back} for {sent}");
            assert!(heard.len() <= packets, "{method}: {}", heard.len());
            assert_eq!(wire.with(0, |sip, _| sip.load()), (0, 0), "{method}");
        }
    }
}

#[test]
fn attack_14_what_cannot_be_answered_in_few_bytes_is_not() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |_, limits| limits.sip_amplification = 20);
    wire.inject(0, PEER, &from_peer("MESSAGE", "a", 1, ""));
    assert_eq!(refuse_all(&mut wire, Status::UNAUTHORIZED), 1);
    let bad = from_peer("MESSAGE", "b", 1, "").replace("Call-ID: from-bob\n", "");
    wire.inject(0, PEER, &bad);
    assert!(wire.outside().is_empty());
}

#[test]
fn attack_15_one_source_cannot_use_up_what_is_there_for_all() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |_, limits| limits.sip_source_requests = 4);
    let request = |branch: &str, number| {
        from_peer("MESSAGE", branch, number, "").replace("from-bob", &format!("c{branch}"))
    };
    for number in 1..=10 {
        wire.inject(0, "10.0.0.66:5060", &request(&format!("a{number}"), number));
    }
    let waiting = wire.events(0);
    assert_eq!(waiting.len(), 4);
    let refused = wire.outside();
    assert_eq!(refused.len(), 6);
    for refusal in &refused {
        assert!(refusal.text.starts_with("SIP/2.0 503 "));
        assert!(header(&refusal.text, "Retry-After").parse::<u32>().unwrap() > 0);
    }
    // Others are served meanwhile, and it as well when it has let go.
    wire.inject(0, PEER, &request("b", 1));
    assert_eq!(wire.events(0).len(), 1);
    for event in waiting {
        let Event::Request { id, request, .. } = event else {
            panic!("{event:?}")
        };
        wire.with(0, |sip, cx| {
            sip.respond(cx, id, request.response(Status::OK))
        });
    }
    wire.inject(0, "10.0.0.66:5060", &request("c", 20));
    assert_eq!(wire.events(0).len(), 1);
}

#[test]
fn attack_15_idle_connections_of_one_source_do_not_keep_others_out() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |_, limits| {
        limits.sip_source_connections = 3;
    });
    for port in 1..=10 {
        wire.connect(0, &format!("10.0.0.66:{port}"));
    }
    assert_eq!(wire.conns_of(0).len(), 3);
    wire.connect(0, "10.0.0.9:1");
    assert_eq!(wire.conns_of(0).len(), 4);
    // Who says nothing is not waited for.
    wire.seconds(60);
    assert!(wire.conns_of(0).is_empty());
    wire.connect(0, "10.0.0.66:1");
    assert_eq!(wire.conns_of(0).len(), 1);
}

/// A participating function of example.com.
fn function(now: Instant) -> Node<Participating> {
    let wall = DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z").unwrap();
    let (clock, seed) = (Clock::new(now, wall), Seed::from_number(1));
    let config = participating::Config::new("example.com");
    Participating::node(config, Restored::default(), clock, seed)
}

/// What a function says to a request from somewhere, and what it asks its store.
fn ask(
    node: &mut Node<Participating>,
    now: Instant,
    request: &str,
) -> (Vec<String>, Vec<participating::Event>) {
    let (mut said, mut asked) = (Vec::new(), Vec::new());
    node.handle_input(
        now,
        Input::Datagram {
            local: "192.0.2.1:5060".parse().unwrap(),
            peer: "192.0.2.66:5060".parse().unwrap(),
            data: request.replace('\n', "\r\n").into(),
        },
    );
    while let Some(output) = node.poll_output() {
        match output {
            Output::Event(event) => asked.push(event),
            Output::Transmit(Transmit::Datagram { data, .. }) => {
                said.push(String::from_utf8_lossy(&data).into_owned());
            }
            Output::Transmit(other) => panic!("{other:?}"),
        }
    }
    (said, asked)
}

#[test]
fn attack_15_who_has_proved_nothing_costs_an_answer_and_nothing_else() {
    let now = Instant::now();
    let mut node = function(now);
    let held = |node: &mut Node<Participating>| node.command(now, |_, net| net.ends.sip.count());
    for method in [
        "INVITE",
        "SUBSCRIBE",
        "MESSAGE",
        "REGISTER",
        "REFER",
        "PUBLISH",
        "OPTIONS",
    ] {
        // A nonce that is made up, or that somebody else was given, is not worth a question.
        for proof in [
            "",
            "Digest username=\"alice\", realm=\"example.com\", nonce=\"0000000000000000000000010123456789abcdef01234567\", \
             uri=\"sip:bob@example.com\", response=\"0123456789abcdef0123456789abcdef\", qop=auth, nc=00000001, \
             cnonce=\"a\"",
        ] {
            let (mut extra, expected) = match method {
                "REGISTER" => (format!("Authorization: {proof}\n"), "SIP/2.0 401 "),
                "OPTIONS" => (format!("Proxy-Authorization: {proof}\n"), "SIP/2.0 200 "),
                "REFER" | "PUBLISH" => (format!("Proxy-Authorization: {proof}\n"), "SIP/2.0 405 "),
                _ => (format!("Proxy-Authorization: {proof}\n"), "SIP/2.0 407 "),
            };
            if proof.is_empty() {
                extra.clear();
            }
            let request = from_peer(method, method, 1, &format!("{extra}Event: dialog\n"))
                .replace("sip:alice@10.0.0.1>", "sip:alice@example.com>")
                .replace("sip:bob@example.com", "sip:alice@example.com");
            for _ in 0..2 {
                let (said, asked) = ask(&mut node, now, &request);
                assert_eq!(said.len(), 1, "{method}: {said:?}");
                assert!(said[0].starts_with(expected), "{method}: {said:?}");
                assert_eq!(
                    said[0].contains("stale=true"),
                    !proof.is_empty() && said[0].contains("nonce="),
                    "{said:?}"
                );
                assert!(asked.is_empty(), "{method}: {asked:?}");
                assert_eq!(held(&mut node), cpm::sip::Count::default(), "{method}");
            }
        }
    }
    assert_eq!(node.poll_timeout(), None);
}

#[test]
fn attack_10_who_has_proved_nothing_reaches_nobody() {
    let now = Instant::now();
    let mut node = function(now);
    let mut directory = Directory::new();
    for user in ["alice", "bob"] {
        directory.insert(&Uri::sip(user, "example.com"), Subscriber::default());
    }
    let mut store = Answerer::new(Memory::new(), directory);
    let stranger = "192.0.2.66:5060".parse().unwrap();
    let methods = [
        "MESSAGE",
        "INVITE",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "REFER",
        "INFO",
        "UPDATE",
        "PRACK",
        "REGISTER",
        "BYE",
        "OPTIONS",
        "FETCH",
    ];
    for method in methods {
        let request = format!(
            "{method} sip:bob@example.com SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bK{method};rport\r\n\
             From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\n\
             Call-ID: {method}@192.0.2.66\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\
             P-Asserted-Identity: <sip:alice@example.com>\r\nEvent: dialog\r\n\
             Contact: <sip:alice@192.0.2.66>\r\nRefer-To: <sip:bob@example.com>\r\n\
             Content-Type: text/plain\r\nContent-Length: 4\r\n\r\npsst"
        );
        node.handle_input(
            now,
            Input::Datagram {
                local: "192.0.2.1:5060".parse().unwrap(),
                peer: stranger,
                data: request.into(),
            },
        );
        let mut answers = Vec::new();
        while let Some(output) = node.poll_output() {
            match output {
                Output::Event(event) => drop(store.answer(&mut node, now, event)),
                Output::Transmit(Transmit::Datagram { peer, data, .. }) => {
                    assert_eq!(peer, stranger, "{method} went further");
                    answers.push(String::from_utf8_lossy(&data).into_owned());
                }
                Output::Transmit(other) => panic!("{method}: {other:?}"),
            }
        }
        // A 100 to an INVITE, and then the refusal.
        answers.retain(|answer| !answer.starts_with("SIP/2.0 100"));
        assert_eq!(answers.len(), 1, "{method}: {answers:?}");
        // What we can do, we tell everybody.
        let about_us = method == "OPTIONS" && answers[0].starts_with("SIP/2.0 200");
        assert!(
            about_us || answers[0].starts_with("SIP/2.0 4"),
            "{method}: {}",
            answers[0]
        );
        assert_eq!(node.role().kept("sip:bob@example.com"), 0, "{method}");
    }
}
