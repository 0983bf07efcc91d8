//! The example `inspect`: what it says of messages, and how it ends.

#[path = "../examples/inspect.rs"]
#[allow(dead_code, unreachable_pub)]
mod example;

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};

/// How a run of the example ended.
struct Output {
    status: u8,
    stdout: Vec<u8>,
    stderr: String,
}

fn inspect(arguments: &[&str], mut input: &[u8]) -> Output {
    let arguments = arguments.iter().map(Into::into).collect();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let status = example::run(arguments, &mut input, &mut stdout, &mut stderr).unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    Output {
        status,
        stdout,
        stderr,
    }
}

/// What it prints with `--json`, and what it says is wrong, if anything.
fn json(arguments: &[&str], input: &[u8]) -> (Value, Option<String>) {
    let output = inspect(&[&["--json", "-"], arguments].concat(), input);
    let errors = output.stderr;
    let value: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    assert!(value.is_object());
    let is_valid = value["valid"].as_bool().unwrap();
    assert_eq!(output.status, u8::from(!is_valid));
    assert_eq!(errors.is_empty(), is_valid);
    assert_eq!(errors.lines().count(), usize::from(!is_valid), "{errors}");
    (
        value,
        errors
            .strip_prefix("inspect: -: ")
            .map(|error| error.trim_end().to_owned()),
    )
}

fn data(name: &str) -> Vec<u8> {
    std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name),
    )
    .unwrap()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn a_message_with_cpim_in_it() {
    let (found, error) = json(&[], &data("bench/message.sip"));
    assert_eq!(error, None);
    let message = &found["messages"][0];
    assert_eq!(found["kind"], "sip");
    assert_eq!(message["type"], "request");
    assert_eq!(message["method"], "MESSAGE");
    assert_eq!(
        message["uri"],
        "sip:+15551234567@ims.example.net;user=phone"
    );
    assert_eq!(message["headers"][0]["name"], "Via");
    assert_eq!(message["headers"][0]["offset"], 61);
    assert_eq!(message["headers"][0]["values"][0]["params"]["rport"], true);
    let body = &message["body"];
    assert_eq!(
        (&body["kind"], &body["length"]),
        (&"cpim".into(), &398.into())
    );
    assert_eq!(body["from"], "sip:anonymous@anonymous.invalid");
    assert_eq!(body["message_id"], "Msg-34jk324j-90ab");
    assert_eq!(body["dispositions"][1], "display");
    assert_eq!(body["body"]["kind"], "text");
    let text = body["body"]["text"].as_str().unwrap();
    assert!(text.starts_with("Hello Bob! Shall we meet at noon"));
}

/// The verdict is that of the codec, in one line that says what is wrong, where, and which rule says so.
#[test]
fn torture_messages_are_judged_as_the_codec_judges_them() {
    use cpm::sip::msg::{Message, Mode};
    let mut taken = 0;
    for path in [files("rfc4475"), files("rfc5118")].concat() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for (arguments, mode) in [(&[][..], Mode::Receive), (&["--strict"], Mode::Strict)] {
            let message = Message::parse(bytes.clone().into(), &Default::default());
            let is_valid = message.is_ok_and(|message| message.validate(mode).is_ok());
            let (_, error) = json(arguments, &bytes);
            assert_eq!(error.is_none(), is_valid, "{name} {mode:?}: {error:?}");
            taken += u32::from(is_valid);
            if let Some(error) = error {
                assert!(
                    error.contains(" at byte ") && error.contains("(RFC 3261 §"),
                    "{name}: {error}"
                );
            }
        }
    }
    assert!(taken > 2 * (13 + 10), "the valid ones are taken");
}

#[test]
fn strict_lists_every_breach_with_its_section() {
    let sloppy = b"OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n\
        From: Bell, Alexander <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
        Max-Forwards: 70\r\nDate: Fri, 01 Jan 2010 16:00:00 EST\r\nContent-Length: 0\r\n\r\n";
    let (found, error) = json(&[], sloppy);
    assert_eq!(error, None);
    assert!(
        found["messages"][0]["headers"][1]["remark"]
            .as_str()
            .unwrap()
            .contains("quotes")
    );
    let (found, error) = json(&["--strict"], sloppy);
    assert!(
        error
            .unwrap()
            .starts_with("From: expected a display name in quotes at byte 81 (RFC 3261")
    );
    let breaches = found["messages"][0]["breaches"].as_array().unwrap();
    assert_eq!(breaches.len(), 2);
    assert!(breaches[1]["what"].as_str().unwrap().starts_with("Date: "));
    assert!(breaches.iter().all(|breach| {
        breach["section"]
            .as_str()
            .unwrap()
            .starts_with("RFC 3261 §")
    }));
}

#[test]
fn a_content_length_that_is_off_is_told_precisely() {
    let message = |length: &str, body: &str| {
        format!(
            "MESSAGE sip:b@a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@a>\r\n\
             Call-ID: 1\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\nContent-Type: text/plain\r\n{length}\r\n{body}"
        )
    };
    for (length, at, expected) in [
        ("Content-Length: 5\r\n", 0, None),
        ("", 0, None),
        (
            "Content-Length: 9\r\n",
            5,
            Some("body of 5 bytes where Content-Length says 9"),
        ),
        (
            "Content-Length: 2\r\n",
            2,
            Some(
                "3 bytes that belong to no message: Content-Length says 2, and 5 bytes follow the head",
            ),
        ),
    ] {
        let message = message(length, "hello");
        let (_, error) = json(&[], message.as_bytes());
        let at = message.len() - 5 + at;
        let expected = expected.map(|what| format!("{what} at byte {at} (RFC 3261 §18.3)"));
        assert_eq!(error, expected, "{length}");
    }
    // What many peers do: an empty line too many.
    let (found, error) = json(
        &[],
        message("Content-Length: 5\r\n", "hello\r\n").as_bytes(),
    );
    assert_eq!(
        (error, &found["keep_alives"][0]["type"]),
        (None, &"pong".into())
    );
}

#[test]
fn a_stream_is_decoded_message_by_message() {
    let stream = [
        &b"\r\n\r\n"[..],
        &data("bench/options.sip"),
        b"\r\n",
        &data("bench/ok200.sip"),
        &data("bench/message.sip"),
    ]
    .concat();
    let (found, error) = json(&[], &stream);
    assert_eq!(error, None);
    let messages = found["messages"].as_array().unwrap();
    let offsets: Vec<_> = messages
        .iter()
        .map(|message| message["offset"].as_u64().unwrap())
        .collect();
    assert_eq!(offsets, [4, 4 + 386 + 2, 4 + 386 + 2 + 1903]);
    assert_eq!(messages[1]["status"], 200);
    assert_eq!(found["keep_alives"][0]["type"], "ping");
    assert_eq!(found["keep_alives"][1]["offset"], 390);

    let cut = &stream[..stream.len() - 10];
    let (found, error) = json(&[], cut);
    assert_eq!(
        found["messages"].as_array().unwrap().len(),
        2,
        "what came before is shown"
    );
    assert!(
        error
            .unwrap()
            .contains("body of 388 bytes where Content-Length says 398")
    );
}

fn chunk(id: &str, range: &str, flag: char, content_type: &str, body: &str) -> String {
    format!(
        "MSRP {id} SEND\r\nTo-Path: msrp://b.example:2855/s2;tcp\r\nFrom-Path: msrp://a.example:2855/s1;tcp\r\nMessage-ID: m1\r\n\
         Byte-Range: {range}\r\nContent-Type: {content_type}\r\n\r\n{body}\r\n-------{id}{flag}\r\n"
    )
}

const REPORT: &str = "From: <sip:a@b>\r\nTo: <sip:c@d>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: x1\r\n\r\n\
    Content-Type: message/imdn+xml\r\n\r\n<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>x0</message-id>\
    <datetime>2026-01-01T09:00:00Z</datetime><display-notification><status><displayed/></status></display-notification></imdn>";

#[test]
fn msrp_chunks_are_put_together() {
    let (head, tail) = REPORT.split_at(100);
    let size = REPORT.len();
    let ok = "MSRP d93kswow 200 OK\r\nTo-Path: msrp://a.example:2855/s1;tcp\r\nFrom-Path: msrp://b.example:2855/s2;tcp\r\n-------d93kswow$\r\n";
    let stream = [
        chunk(
            "d93kswow",
            &format!("1-{size}/{size}"),
            '$',
            "message/cpim",
            REPORT,
        ),
        ok.to_owned(),
        chunk(
            "part0001",
            &format!("1-100/{size}"),
            '+',
            "message/cpim",
            head,
        ),
        chunk(
            "part0002",
            &format!("101-{size}/{size}"),
            '$',
            "message/cpim",
            tail,
        ),
    ];
    let (found, error) = json(&[], stream.concat().as_bytes());
    assert_eq!(error, None);
    let messages = &found["messages"];
    assert_eq!(messages[0]["body"]["body"]["status"], "displayed");
    assert_eq!(messages[0]["to_path"][0], "msrp://b.example:2855/s2;tcp");
    assert_eq!(messages[1]["status"], 200);
    assert_eq!(messages[2]["continuation"], "+");
    assert_eq!(messages[2]["byte_range"]["end"], 100);
    assert_eq!(messages[2]["body"]["kind"], "chunk");
    assert_eq!(messages[3]["put_together"]["body"]["message_id"], "x0");

    let broken = stream[0].replace("-------d93kswow$", "-------d93kswoW$");
    let (_, error) = json(&[], broken.as_bytes());
    assert_eq!(
        error.unwrap(),
        format!(
            "no end-line -------d93kswow at byte {} (RFC 4975 §9)",
            broken.len()
        )
    );
}

#[test]
fn bodies_on_their_own_and_in_each_other() {
    for (kind, input, pointer, expected) in [
        ("cpim", REPORT, "/messages/0/body/notification", "display"),
        (
            "sdp",
            "v=0\r\no=- 1 2 IN IP4 a\r\ns=-\r\nc=IN IP4 a\r\nt=0 0\r\nm=message 9 TCP/MSRP *\r\na=path:msrp://a:9/s;tcp\r\n",
            "/messages/0/media/0/path/0",
            "msrp://a:9/s;tcp",
        ),
        (
            "imdn",
            &REPORT[REPORT.find("<imdn").unwrap()..],
            "/messages/0/message_id",
            "x0",
        ),
        (
            "composing",
            "<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>active</state></isComposing>",
            "/messages/0/state",
            "active",
        ),
        (
            "multipart",
            "--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n",
            "/messages/0/parts/0/body/text",
            "hello",
        ),
        (
            "multipart",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db\r\n--b--\r\n",
            "/messages/0/body/parts/0/body/text",
            "a=b",
        ),
    ] {
        for arguments in [&[][..], &["--as", kind]] {
            let (found, error) = json(arguments, input.as_bytes());
            assert_eq!((error, &found["kind"]), (None, &kind.into()));
            assert_eq!(found.pointer(pointer), Some(&expected.into()), "{found:#}");
        }
    }
}

#[test]
fn a_deflated_body_is_shown_inflated() {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(REPORT.as_bytes()).unwrap();
    let body = encoder.finish().unwrap();
    let head = format!(
        "MESSAGE sip:b@a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKx\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@a>\r\nCall-ID: 1\r\n\
         CSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\nContent-Type: message/cpim\r\nContent-Encoding: deflate\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let message = [head.as_bytes(), &body].concat();
    let (found, error) = json(&[], &message);
    assert_eq!(error, None);
    let shown = &found["messages"][0]["body"];
    assert_eq!(
        (&shown["length"], &shown["decoded_length"]),
        (&body.len().into(), &REPORT.len().into())
    );
    assert_eq!(shown["body"]["status"], "displayed");

    let mut broken = message;
    broken[head.len() + 8] ^= 0xff;
    let (_, error) = json(&[], &broken);
    assert!(error.unwrap().contains("compressed"));
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    for arguments in [
        &["--wrong"][..],
        &[],
        &["--as", "smtp", "-"],
        &["--as"],
        &["a", "b"],
        &["/nowhere/at/all"],
        &["--json=1", "-"],
    ] {
        let output = inspect(arguments, b"");
        assert_eq!(output.status, 2, "{arguments:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
    let output = inspect(&["--help"], b"");
    assert_eq!(output.status, 0);
    let help = String::from_utf8(output.stdout).unwrap();
    for option in ["--json", "--strict", "--as", "--help"] {
        assert!(help.contains(option));
    }
}

#[test]
fn what_is_nothing_is_said_to_be_nothing() {
    for (input, expected) in [
        (&b""[..], "nothing to decode at byte 0"),
        (
            b"hello",
            "neither SIP, MSRP, CPIM, SDP, multipart nor a document that is known at byte 0",
        ),
        (
            b"\r\n\r\n\r\n",
            "neither SIP, MSRP, CPIM, SDP, multipart nor a document that is known at byte 0",
        ),
        (
            b"\x00\xff\xfe",
            "neither SIP, MSRP, CPIM, SDP, multipart nor a document that is known at byte 0",
        ),
    ] {
        assert_eq!(json(&[], input).1.as_deref(), Some(expected));
    }
    for kind in [
        "sip",
        "msrp",
        "cpim",
        "sdp",
        "imdn",
        "composing",
        "multipart",
    ] {
        for input in [&b""[..], b"hello", b"\r\n", b"\xff\xff\xff\xff"] {
            assert!(json(&["--as", kind], input).1.is_some(), "{kind} {input:?}");
        }
    }
}

/// Messages with bytes changed, taken out and doubled: whatever comes of it, it ends, and says what is wrong.
#[test]
fn no_input_does_any_harm() {
    let rounds: usize = std::env::var("ROUNDS").map_or(20, |rounds| rounds.parse().unwrap());
    let mut ids = cpm::engine::Ids::new(cpm::engine::Seed::from_number(rounds as u64));
    let mut below = |bound: usize| ids.below(bound as u64) as usize;
    let mut samples: Vec<Vec<u8>> = ["rfc4475", "rfc5118", "bench"]
        .into_iter()
        .flat_map(files)
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let size = REPORT.len();
    samples.push(REPORT.into());
    samples.push(
        chunk(
            "d93kswow",
            &format!("1-{size}/{size}"),
            '$',
            "message/cpim",
            REPORT,
        )
        .into(),
    );
    samples.push(
        [
            chunk("d93kswow", "1-2/4", '+', "text/plain", "ab"),
            chunk("d93kswox", "3-4/4", '$', "text/plain", "cd"),
        ]
        .concat()
        .into(),
    );
    for sample in &samples {
        for _ in 0..rounds {
            let mut bytes = sample.clone();
            for _ in 0..=below(6) {
                let at = below(bytes.len().max(1)).min(bytes.len());
                let end = (at + below(40)).min(bytes.len());
                match below(5) {
                    0 if at < bytes.len() => bytes[at] = below(256) as u8,
                    1 => drop(bytes.drain(at..end)),
                    2 => {
                        let part = bytes[at..end].to_vec();
                        bytes.splice(at..at, part);
                    }
                    3 => bytes.truncate(at),
                    _ => bytes.insert(at, b"\r\n:;,<>\"-= \0"[below(12)]),
                }
            }
            let kind = match below(3) {
                0 => Some(cpm::trace::decode::Kind::ALL[below(12)]),
                _ => None,
            };
            for mode in [cpm::sip::msg::Mode::Receive, cpm::sip::msg::Mode::Strict] {
                let found = cpm::trace::decode::document(
                    bytes.clone().into(),
                    kind,
                    mode,
                    &Default::default(),
                );
                let json: Value = serde_json::from_str(&found.node.to_json()).unwrap();
                assert_eq!(json["valid"].as_bool(), Some(found.fault.is_none()));
                let text = found.node.to_text();
                assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
                if let Some(fault) = found.fault {
                    assert!(
                        fault.offset.is_none_or(|at| at <= bytes.len().max(4096)),
                        "{fault}"
                    );
                    assert!(!fault.to_string().contains(char::is_control));
                }
            }
        }
    }
}
