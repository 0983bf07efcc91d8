//! The example `inspect` on documents inside of messages: in the NOTIFY that brings them, in a session of MSRP within
//! CPIM, cut into chunks, and alone.

#[path = "../examples/inspect.rs"]
#[allow(dead_code, unreachable_pub)]
mod example;

use serde_json::Value;

/// What `inspect --json` prints, of what is all right.
fn json(arguments: &[&str], mut input: &[u8]) -> Value {
    let arguments = [&["--json", "-"], arguments].concat();
    let arguments = arguments.into_iter().map(Into::into).collect();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let status = example::run(arguments, &mut input, &mut stdout, &mut stderr).unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!((status, stderr.as_str()), (0, ""));
    serde_json::from_slice(&stdout).unwrap()
}

/// A kind, its media type, a document of it, and what is to be found in it.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const CASES: [Case; 7] = [
    (
        "conference-info",
        "application/conference-info+xml",
        "<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" entity=\"sip:group@example.com\" state=\"full\" version=\"3\">\
         <conference-description><subject>Lunch</subject></conference-description>\
         <conference-state><user-count>2</user-count></conference-state>\
         <users><user entity=\"sip:bob@example.com\" state=\"full\"><display-text>Bob</display-text>\
         <endpoint entity=\"sip:bob@192.0.2.4\"><status>connected</status><joining-method>dialed-in</joining-method></endpoint></user>\
         <user entity=\"sip:carol@example.com\" state=\"deleted\"/></users></conference-info>",
        &[
            ("/entity", "sip:group@example.com"),
            ("/extent", "full"),
            ("/subject", "Lunch"),
            ("/users/0/display_text", "Bob"),
            ("/users/0/endpoints/0/status", "connected"),
            ("/users/0/endpoints/0/joining_method", "dialed-in"),
            ("/users/1/extent", "deleted"),
        ],
    ),
    (
        "dialog-info",
        "application/dialog-info+xml",
        "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"1\" state=\"partial\" entity=\"sip:alice@example.com\">\
         <dialog id=\"d1\" call-id=\"a84b4c76e66710\" local-tag=\"1\" remote-tag=\"2\" direction=\"initiator\"><state>confirmed</state>\
         <remote><identity>sip:bob@example.com</identity></remote></dialog></dialog-info>",
        &[
            ("/entity", "sip:alice@example.com"),
            ("/extent", "partial"),
            ("/dialogs/0/state", "confirmed"),
            ("/dialogs/0/remote", "sip:bob@example.com"),
        ],
    ),
    (
        "reginfo",
        "application/reginfo+xml",
        "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"0\" state=\"full\">\
         <registration aor=\"sip:joe@example.com\" id=\"a7\" state=\"active\">\
         <contact id=\"76\" state=\"active\" event=\"registered\" expires=\"7600\"><uri>sip:joe@192.0.2.7</uri></contact>\
         </registration></reginfo>",
        &[
            ("/registrations/0/aor", "sip:joe@example.com"),
            ("/registrations/0/contacts/0/uri", "sip:joe@192.0.2.7"),
            ("/registrations/0/contacts/0/event", "registered"),
        ],
    ),
    (
        "pidf",
        "application/pidf+xml",
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"pres:someone@example.com\"><tuple id=\"t1\">\
         <status><basic>open</basic></status><contact priority=\"0.8\">tel:+15551234</contact><note>at my desk</note></tuple></presence>",
        &[
            ("/entity", "pres:someone@example.com"),
            ("/tuples/0/basic", "open"),
            ("/tuples/0/contact", "tel:+15551234"),
            ("/tuples/0/notes/0", "at my desk"),
        ],
    ),
    (
        "resource-lists",
        "application/resource-lists+xml",
        "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\"><list>\
         <entry uri=\"sip:bill@example.com\" cp:copyControl=\"to\"><display-name>Bill</display-name></entry>\
         <entry uri=\"sip:joe@example.org\" cp:copyControl=\"cc\"/></list></resource-lists>",
        &[
            ("/entries/0/uri", "sip:bill@example.com"),
            ("/entries/0/display", "Bill"),
            ("/entries/1/role", "cc"),
        ],
    ),
    (
        "imdn",
        "message/imdn+xml",
        "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>34jk324j</message-id><datetime>2026-01-01T09:00:00Z</datetime>\
         <delivery-notification><status><delivered/></status></delivery-notification></imdn>",
        &[("/message_id", "34jk324j"), ("/status", "delivered")],
    ),
    (
        "composing",
        "application/im-iscomposing+xml",
        "<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>active</state><contenttype>text/plain</contenttype>\
         <refresh>60</refresh></isComposing>",
        &[("/state", "active"), ("/composing_type", "text/plain")],
    ),
];

fn assert_shown(found: &Value, kind: &str, expected: &[(&str, &str)]) {
    assert_eq!(found["kind"], kind, "{found:#}");
    for (pointer, text) in expected {
        assert_eq!(
            found.pointer(pointer).and_then(Value::as_str),
            Some(*text),
            "{kind} {pointer}: {found:#}"
        );
    }
}

#[test]
fn documents_alone_are_known_by_their_root() {
    for (kind, _, document, expected) in CASES {
        for arguments in [&[][..], &["--as", kind]] {
            let found = json(arguments, document.as_bytes());
            assert_eq!(found["kind"], kind);
            assert_shown(&found["messages"][0], kind, expected);
        }
    }
}

#[test]
fn documents_in_sip_are_known_by_their_type() {
    for (kind, content_type, document, expected) in CASES {
        let notify = format!(
            "NOTIFY sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKx\r\nFrom: <sip:b@a>;tag=1\r\n\
             To: <sip:a@a>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 NOTIFY\r\nMax-Forwards: 70\r\nEvent: x\r\n\
             Subscription-State: active\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{document}",
            document.len()
        );
        let found = json(&[], notify.as_bytes());
        assert_shown(&found["messages"][0]["body"], kind, expected);
        // With a second body beside it, as a list of recipients has.
        let multipart = format!(
            "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n\r\n--b\r\nContent-Type: {content_type}\r\n\r\n{document}\r\n--b--\r\n"
        );
        let invite = format!(
            "INVITE sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKx\r\nFrom: <sip:b@a>;tag=1\r\n\
             To: <sip:a@a>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:b@a>\r\n\
             Content-Type: multipart/mixed;boundary=b\r\nContent-Length: {}\r\n\r\n{multipart}",
            multipart.len()
        );
        let found = json(&[], invite.as_bytes());
        let parts = &found["messages"][0]["body"]["parts"];
        assert_eq!(parts[0]["body"]["kind"], "sdp");
        assert_shown(&parts[1]["body"], kind, expected);
    }
}

#[test]
fn documents_in_cpim_in_chunks_of_msrp_are_put_together() {
    let paths = "To-Path: msrp://r.example:2855/x;tcp msrps://b.invalid:2855/s2;ws\r\n\
        From-Path: msrp://a.example:2855/s1;tcp\r\n";
    let mut stream = String::new();
    for (index, (_, content_type, document, _)) in CASES.iter().enumerate() {
        let cpim = format!(
            "From: <sip:a@b>\r\nTo: <sip:c@d>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: x{index}\r\n\r\n\
             Content-Type: {content_type}\r\n\r\n{document}"
        );
        // A first half, the answer to it, and a second half.
        let (half, size) = (cpim.len() / 2, cpim.len());
        let halves = [(1, &cpim[..half], '+'), (half + 1, &cpim[half..], '$')];
        for (part, (start, body, flag)) in halves.into_iter().enumerate() {
            let id = format!("t{index}part{part}");
            stream += &format!(
                "MSRP {id} SEND\r\n{paths}Message-ID: m{index}\r\nByte-Range: {start}-*/{size}\r\n\
                 Content-Type: message/cpim\r\n\r\n{body}\r\n-------{id}{flag}\r\n\
                 MSRP {id} 200 OK\r\nTo-Path: msrp://a.example:2855/s1;tcp\r\n\
                 From-Path: msrp://r.example:2855/x;tcp\r\n-------{id}$\r\n"
            );
        }
    }
    let found = json(&[], stream.as_bytes());
    let messages = found["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 4 * CASES.len());
    for (four, (kind, _, _, expected)) in messages.chunks(4).zip(CASES) {
        assert_eq!(four[0]["body"]["kind"], "chunk");
        assert_eq!(four[0]["to_path"][1], "msrps://b.invalid:2855/s2;ws");
        assert_eq!(four[1]["status"], 200);
        assert_eq!(four[2]["put_together"]["kind"], "cpim");
        assert_shown(&four[2]["put_together"]["body"], kind, expected);
    }
}

#[test]
fn messages_of_relays_are_shown_with_what_they_say_of_leave() {
    let stream = "MSRP 49fh AUTH\r\nTo-Path: msrps://alice@intra.example.com;tcp\r\n\
        From-Path: msrps://alice.example.com:9892/98cjs;tcp\r\nAuthorization: Digest username=\"alice\"\r\n\
        Expires: 600\r\n-------49fh$\r\n\
        MSRP 49fh 200 OK\r\nTo-Path: msrps://alice.example.com:9892/98cjs;tcp\r\n\
        From-Path: msrps://alice@intra.example.com;tcp\r\n\
        Use-Path: msrps://intra.example.com:9000/jui787s2f;tcp\r\nExpires: 900\r\n-------49fh$\r\n\
        MSRP r1p1 REPORT\r\nTo-Path: msrps://alice.example.com:9892/98cjs;tcp\r\n\
        From-Path: msrps://intra.example.com:9000/jui787s2f;tcp\r\nMessage-ID: m1\r\nByte-Range: 1-2/2\r\n\
        Status: 000 408 Timeout\r\n-------r1p1$\r\n";
    let found = json(&[], stream.as_bytes());
    let messages = &found["messages"];
    assert_eq!(messages[0]["method"], "AUTH");
    assert_eq!(messages[0]["headers"][1]["value"], "600");
    assert_eq!(messages[1]["headers"][0]["name"], "Use-Path");
    assert_eq!(messages[2]["method"], "REPORT");
    assert_eq!(messages[2]["status"], 408);
}
