//! What is answered to a request, when, and what is reported.

use super::*;

#[test]
fn rfc4975_7_2_the_last_chunk_is_answered_when_somebody_takes_the_message() {
    let mut bound = bound();
    bound.side.accepts = false;
    let chunk = bound.chunk("t001", "m1", "1-5/11", "hello", '+');
    assert_eq!(bound.code(&chunk), Some(200));
    let chunk = bound.chunk("t002", "m1", "6-11/11", " world", '$');
    assert_eq!(bound.code(&chunk), None);
    let Some(Event::Received { message, .. }) = bound.side.clear().pop() else {
        panic!()
    };
    assert_eq!(
        (&message.id[..], &message.body[..]),
        ("m1", &b"hello world"[..])
    );
    assert_eq!(message.content_type, "text/plain");
    bound.side.with(|e, cx| e.accept(cx, message.receipt));
    assert_eq!(
        bound.side.take(bound.conn),
        format!(
            "MSRP t002 200 OK\r\nTo-Path: {PEER}\r\nFrom-Path: {}\r\n-------t002$\r\n",
            bound.path
        )
    );
}

#[test]
fn a_refused_message_is_answered_with_the_status_given() {
    let mut bound = bound();
    bound.side.accepts = false;
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    bound.feed(&chunk);
    let Some(Event::Received { message, .. }) = bound.side.clear().pop() else {
        panic!()
    };
    bound
        .side
        .with(|e, cx| e.refuse(cx, message.receipt, Status::FORBIDDEN));
    assert_eq!(bound.codes(), [("t001".to_owned(), 403)]);
}

#[test]
fn a_receipt_of_a_closed_session_is_dropped() {
    let mut bound = bound();
    bound.side.accepts = false;
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    bound.feed(&chunk);
    let Some(Event::Received { message, session }) = bound.side.clear().pop() else {
        panic!()
    };
    bound.side.with(|e, cx| e.close(cx, session));
    bound.side.with(|e, cx| e.accept(cx, message.receipt));
    assert_eq!(bound.codes(), []);
    assert!(bound.side.endpoint.is_empty());
}

#[test]
fn rfc4975_7_1_1_failure_report_says_what_is_answered() {
    let mut bound = bound();
    for (failure_report, good, bad) in [
        ("yes", Some(200), Some(413)),
        ("no", None, None),
        ("partial", None, Some(413)),
    ] {
        let headers = |range| {
            format!(
                "Message-ID: m1\r\nByte-Range: {range}\r\nFailure-Report: {failure_report}\r\nContent-Type: a/b\r\n"
            )
        };
        let chunk = bound.send("t001", &headers("1-2/2"), Some("hi"), '$');
        assert_eq!(bound.code(&chunk), good, "{failure_report}");
        let chunk = bound.send("t002", &headers("1-2/99999999999"), Some("hi"), '+');
        assert_eq!(bound.code(&chunk), bad, "{failure_report}");
        assert_eq!(bound.received(), [pair("m1", "hi")]);
    }
}

#[test]
fn rfc4975_7_1_2_a_success_report_follows_the_response() {
    let mut bound = bound();
    let headers =
        "Message-ID: m1\r\nByte-Range: 1-2/2\r\nSuccess-Report: yes\r\nContent-Type: a/b\r\n";
    let chunk = bound.send("t001", headers, Some("hi"), '$');
    bound.feed(&chunk);
    let out = bound.side.take(bound.conn);
    let (response, report) = out.split_once("-------t001$\r\n").unwrap();
    assert!(response.starts_with("MSRP t001 200 OK\r\n"));
    assert!(report.contains(" REPORT\r\n"));
    assert!(report.contains(&format!(
        "To-Path: {PEER}\r\nFrom-Path: {}\r\nMessage-ID: m1\r\nByte-Range: 1-2/2\r\nStatus: 000 200 OK\r\n",
        bound.path
    )));
}

#[test]
fn a_report_is_told_and_never_answered() {
    let mut bound = bound();
    let headers = "Message-ID: m7\r\nByte-Range: 1-2/2\r\nStatus: 000 408 Timeout\r\n";
    let report = bound.request("r001", "REPORT", headers, None, '$');
    assert_eq!(bound.code(&report), None);
    assert!(matches!(
        &bound.side.clear()[..],
        [Event::Report { message_id, status, .. }] if *message_id == "m7" && *status == Status::TIMEOUT
    ));
    // Nor a broken one, nor one for nobody, nor one with a body.
    for broken in [
        report.replace("1-2/2", "x"),
        report.replace(&bound.path, "msrp://10.0.0.1:2855/none;tcp"),
        bound.request("r001", "REPORT", "Content-Type: a/b\r\n", Some("x"), '$'),
    ] {
        assert_eq!(bound.code(&broken), None);
    }
    assert!(bound.side.clear().is_empty());
}

#[test]
fn responses_to_nothing_are_ignored() {
    let mut bound = bound();
    let text = format!(
        "MSRP nobody1 481 None\r\nTo-Path: {}\r\nFrom-Path: {PEER}\r\n-------nobody1$\r\n",
        bound.path
    );
    assert_eq!(bound.code(&text), None);
    assert!(bound.side.clear().is_empty());
}

#[test]
fn rfc4975_7_3_requests_that_do_not_belong_are_refused() {
    let mut bound = bound();
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    let path = bound.path.clone();
    let id = path.split(['/', ';']).nth(3).unwrap();
    let near = format!("{}0", &id[..id.len() - 1]);
    for (name, text, code) in [
        ("unknown session", chunk.replace(id, "nobody"), 481),
        ("nearly the session", chunk.replace(id, &near), 481),
        (
            "other host",
            chunk.replace("10.0.0.1:2855", "10.0.0.9:2855"),
            481,
        ),
        (
            "other port",
            chunk.replace("10.0.0.1:2855", "10.0.0.1:2856"),
            481,
        ),
        (
            "other scheme",
            chunk.replace("To-Path: msrp", "To-Path: msrps"),
            481,
        ),
        ("no session-id", chunk.replace(&format!("/{id}"), ""), 481),
        (
            "more hops",
            chunk.replace("\r\nFrom", " msrp://10.0.0.3:1/x;tcp\r\nFrom"),
            481,
        ),
        ("other sender", chunk.replace("sB1", "sB2"), 403),
        ("unknown method", chunk.replace(" SEND", " FETCH"), 501),
        ("no relay", chunk.replace(" SEND", " AUTH"), 501),
        (
            "no Message-ID",
            chunk.replace("Message-ID: m1\r\n", ""),
            400,
        ),
        ("malformed", chunk.replace("1-2/2", "1-x/2"), 400),
        ("place 0", chunk.replace("1-2/2", "0-2/2"), 400),
        ("too large", chunk.replace("1-2/2", "1-2/20000000"), 413),
        (
            "too far",
            chunk.replace("1-2/2", "1000000000000000000-*/*"),
            413,
        ),
        (
            "far too far",
            chunk.replace("1-2/2", "18446744073709551615-*/*"),
            413,
        ),
    ] {
        assert_eq!(bound.code(&text), Some(code), "{name}");
        assert_eq!(bound.received(), [], "{name}");
    }
    assert_eq!(bound.code(&chunk), Some(200));
    assert_eq!(bound.side.endpoint.reassembly, 0);
}

#[test]
fn rfc4975_8_6_a_type_that_is_not_accepted_gets_415() {
    let mut bound = Bound::new(Settings {
        accept_types: vec!["message/cpim".into()],
        max_size: Some(100),
        ..Settings::default()
    });
    let chunk = bound.chunk("t001", "m1", "1-2/2", "hi", '$');
    assert_eq!(bound.code(&chunk), Some(415));
    let chunk = chunk.replace("text/plain", "Message/CPIM ; a=b");
    assert_eq!(bound.code(&chunk), Some(200));
    assert_eq!(bound.code(&chunk.replace("1-2/2", "1-2/101")), Some(413));
    let body = "x".repeat(101);
    let lie = chunk.replace("1-2/2", "1-*/*").replace("hi", &body);
    assert_eq!(bound.code(&lie), Some(413));
    assert_eq!(bound.code(&lie.replace("t001$", "t001+")), Some(413));
    assert_eq!(bound.received().len(), 1);
    // Only that one was told to stop.
    assert!(bound.side.endpoint.reassembly < 512);
}
