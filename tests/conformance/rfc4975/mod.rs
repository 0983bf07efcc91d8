//! RFC 4975: the Message Session Relay Protocol, as bytes. What the endpoint says to them; more of it is tested beside it.

mod s7_codes;
mod s7_cuts;

use bytes::Bytes;
use cpm::engine::Limits;
use cpm::msrp::msg::{Continuation, Frame, Framer, Message, Method, ParseErrorKind, Request};
use cpm::msrp::{ByteRange, FailureReport, Status, Uri};

fn parse(text: &str) -> Message {
    Message::parse(&Bytes::from(text.to_owned()), &Limits::default())
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn request(text: &str) -> Request {
    match parse(text) {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response\n{text}"),
    }
}

/// Messages in canonical spelling: each is read, and written as it was.
const CANONICAL: [&str; 8] = [
    // A whole message.
    "MSRP d93kswow SEND\r\n\
     To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
     From-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n\
     Message-ID: 12339sdqwer\r\n\
     Byte-Range: 1-16/16\r\n\
     Content-Type: text/plain\r\n\
     \r\n\
     Hi, I'm Alice!\r\n\r\n\
     -------d93kswow$\r\n",
    // Its response.
    "MSRP d93kswow 200 OK\r\n\
     To-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n\
     From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
     -------d93kswow$\r\n",
    // A binding request.
    "MSRP dkei38sd SEND\r\n\
     To-Path: msrp://[2001:db8::2]:8888/9di4eae923wzd;tcp\r\n\
     From-Path: msrps://[2001:db8::1]:9/iau39soe2843z;tcp\r\n\
     Message-ID: 4564dpWd\r\n\
     Byte-Range: 1-0/0\r\n\
     -------dkei38sd$\r\n",
    // The first chunk of more, interruptible, size unknown.
    "MSRP dkei38s2 SEND\r\n\
     To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
     From-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n\
     Message-ID: 4564dpWd\r\n\
     Byte-Range: 1-*/*\r\n\
     Success-Report: yes\r\n\
     Failure-Report: no\r\n\
     Content-Type: text/plain;charset=UTF-8\r\n\
     \r\n\
     abcd\r\n\
     -------dkei38s2+\r\n",
    // The message is given up.
    "MSRP dkei38s3 SEND\r\n\
     To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
     From-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n\
     Message-ID: 4564dpWd\r\n\
     Byte-Range: 5-*/*\r\n\
     Failure-Report: partial\r\n\
     Content-Type: text/plain\r\n\
     \r\n\
     ef\r\n\
     -------dkei38s3#\r\n",
    // A report over two hops.
    "MSRP dkei38ia REPORT\r\n\
     To-Path: msrps://relay.example.com:9000/;tcp msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n\
     From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
     Message-ID: 12339sdqwer\r\n\
     Byte-Range: 1-16/16\r\n\
     Status: 000 200 OK\r\n\
     -------dkei38ia$\r\n",
    // Header fields that nobody here knows stay.
    "MSRP 49fh AUTH\r\n\
     To-Path: msrps://relay.example.com:9000;tcp\r\n\
     From-Path: msrps://alice.example.com:9892/98cjs;tcp\r\n\
     Authorization: Digest username=\"Alice\", realm=\"r\"\r\n\
     -------49fh$\r\n",
    // A body that holds most of what ends one.
    "MSRP a786hjs2 SEND\r\n\
     To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
     From-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n\
     Message-ID: 87652491\r\n\
     Byte-Range: 1-60/60\r\n\
     Content-Type: application/octet-stream\r\n\
     \r\n\
     -------a786hjs\r\n-------a786hjs3$\r\n-------A786HJS2$\r\nx-------\r\n\r\n-\r\n\
     -------a786hjs2$\r\n",
];

#[test]
fn rfc4975_9_messages_are_read_and_written_as_they_were() {
    for text in CANONICAL {
        let written = match parse(text) {
            Message::Request(request) => request.write(),
            Message::Response(response) => response.write(),
        };
        assert_eq!(written.unwrap(), text);
    }
}

#[test]
fn rfc4975_7_1_what_a_chunk_says() {
    let whole = request(CANONICAL[0]);
    assert_eq!(whole.method, Method::Send);
    assert_eq!(whole.byte_range, Some(ByteRange::whole(16)));
    assert_eq!(whole.body, "Hi, I'm Alice!\r\n");
    assert_eq!(whole.failure_report, FailureReport::Yes);
    assert!(!whole.success_report);
    let first = request(CANONICAL[3]);
    assert_eq!(first.continuation, Continuation::More);
    assert_eq!(first.failure_report, FailureReport::No);
    assert!(first.success_report);
    let last = request(CANONICAL[4]);
    assert_eq!(last.continuation, Continuation::Aborted);
    assert_eq!(last.failure_report, FailureReport::Partial);
    assert_eq!(last.byte_range.unwrap().start, 5);
    let report = request(CANONICAL[5]);
    assert_eq!(report.status, Some(Status::OK));
    assert_eq!(report.to_path.first().session_id(), None);
    assert_eq!(report.to_path.last().session_id(), Some("iau39soe2843z"));
}

#[test]
fn rfc4975_7_2_a_response_goes_to_the_last_hop_only() {
    let response = request(CANONICAL[5]).response(Status::NO_SESSION);
    assert_eq!(
        response.write().unwrap(),
        "MSRP dkei38ia 481 No Such Session\r\n\
         To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
         From-Path: msrps://relay.example.com:9000/;tcp\r\n\
         -------dkei38ia$\r\n"
    );
}

#[test]
fn rfc4975_7_1_a_stream_may_be_cut_anywhere() {
    let limits = Limits::default();
    let stream = Bytes::from(CANONICAL.concat());
    let frames = |cut: usize| {
        let mut framer = Framer::new();
        let mut chunks: Vec<(Bytes, Vec<u8>)> = Vec::new();
        let mut ends = 0;
        for part in [stream.slice(..cut), stream.slice(cut..)] {
            framer.push(part);
            while let Some(Frame { head, body, end }) = framer.next(&limits).unwrap() {
                if let Some(head) = head {
                    chunks.push((head, Vec::new()));
                }
                chunks.last_mut().unwrap().1.extend_from_slice(&body);
                ends += usize::from(end.is_some());
            }
        }
        assert_eq!(ends, CANONICAL.len());
        chunks
    };
    let whole = frames(0);
    for cut in 1..stream.len() {
        assert_eq!(frames(cut), whole, "cut at {cut}");
    }
}

#[test]
fn rfc4975_7_1_each_message_may_be_cut_at_any_two_places() {
    let limits = Limits::default();
    for message in CANONICAL {
        let bytes = Bytes::from(message);
        let mut framer = Framer::new();
        let (mut head, mut body) = (Bytes::new(), Vec::new());
        let mut read = |parts: &[Bytes]| {
            body.clear();
            let mut ends = 0;
            for part in parts {
                framer.push(part.clone());
                while let Some(frame) = framer.next(&limits).unwrap() {
                    head = frame.head.unwrap_or_else(|| head.clone());
                    body.extend_from_slice(&frame.body);
                    ends += usize::from(frame.end.is_some());
                }
            }
            assert!(!framer.is_within());
            (head.clone(), body.clone(), ends)
        };
        let whole = read(std::slice::from_ref(&bytes));
        assert_eq!(whole.2, 1);
        for first in 1..bytes.len() {
            for second in first..bytes.len() {
                let parts = [
                    bytes.slice(..first),
                    bytes.slice(first..second),
                    bytes.slice(second..),
                ];
                assert_eq!(read(&parts), whole, "{first} {second}");
            }
        }
    }
}

#[test]
fn rfc4975_6_1_uris_that_are_the_same() {
    let uri = |text: &str| text.parse::<Uri>().unwrap();
    for (a, b, same) in [
        ("msrp://HOST:1/s;tcp", "MSRP://host:1/s;TCP;p=q", true),
        ("msrp://u@host:1/s;tcp", "msrp://host:1/s;tcp", true),
        ("msrp://host:1/s;tcp", "msrp://host:1/S;tcp", false),
        ("msrp://host:1/s;tcp", "msrps://host:1/s;tcp", false),
        ("msrp://host:2855/s;tcp", "msrp://host/s;tcp", false),
    ] {
        assert_eq!(uri(a).matches(&uri(b)), same, "{a} {b}");
    }
}

#[test]
fn rfc4975_7_1_what_is_missing_is_named() {
    let without = |name: &str| {
        let text: String = CANONICAL[0]
            .split_inclusive("\r\n")
            .filter(|line| !line.starts_with(name))
            .collect();
        Message::parse(&Bytes::from(text), &Limits::default())
    };
    for name in ["To-Path", "From-Path"] {
        let error = without(name).unwrap_err();
        assert!(matches!(error.kind, ParseErrorKind::Missing(_)));
        assert_eq!(error.status(), Status::BAD_REQUEST);
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(without("Byte-Range").is_ok());
}
