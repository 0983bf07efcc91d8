//! Streams cut anywhere, and what tries to be mistaken.

use super::*;
use proptest::prelude::*;

/// Head, body and flag of each chunk.
type Chunks = Vec<(Vec<u8>, Vec<u8>, Continuation)>;

fn feed(parts: impl IntoIterator<Item = Bytes>) -> Result<Chunks, FrameError> {
    let limits = Limits::default();
    let mut framer = Framer::new();
    let mut chunks = Chunks::new();
    for part in parts {
        framer.push(part);
        while let Some(frame) = framer.next(&limits)? {
            if let Some(head) = frame.head {
                chunks.push((head.to_vec(), Vec::new(), Continuation::Aborted));
            }
            let last = chunks.last_mut().expect("a head comes first");
            last.1.extend_from_slice(&frame.body);
            if let Some(end) = frame.end {
                last.2 = end;
            }
        }
    }
    Ok(chunks)
}

/// Chunks that try to be mistaken: (bytes, length of the head, body, flag).
fn stream() -> (Vec<u8>, Chunks) {
    let bodies: [&[u8]; 10] = [
        b"hello",
        b"",
        b"\r\n",
        b"\r\n\r\n",
        b"-------t0b1nd01",
        b"a\r\n-------t0b1nd01",
        b"a\r\n-------t0b1nd01$\r",
        b"a\r\n-------t0b1nd01!\r\n\r\n-------t0b1nd0$\r\n\r\n-------T0B1ND01$\r\nx",
        b"a\r-------t0b1nd01$\r\n\n-------t0b1nd01$\r\nb-------t0b1nd01$\r\n",
        b"\r\n-\r\n------\r\n-------\r\n-------t\r\n--------t0b1nd01$\r\n\r",
    ];
    let flags = [
        Continuation::Complete,
        Continuation::More,
        Continuation::Aborted,
    ];
    let (mut bytes, mut chunks) = (Vec::new(), Chunks::new());
    for (index, body) in bodies.into_iter().enumerate() {
        let head = b"MSRP t0b1nd01 SEND\r\nTo-Path: a\r\nContent-Type: text/plain\r\n\r\n";
        let end = flags[index % 3];
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(b"\r\n-------t0b1nd01");
        bytes.extend_from_slice(&[end.flag(), b'\r', b'\n']);
        chunks.push((head.to_vec(), body.to_vec(), end));
        let bodiless = b"MSRP x.-+%= 200 OK\r\nTo-Path: a\r\n";
        bytes.extend_from_slice(bodiless);
        bytes.extend_from_slice(b"-------x.-+%=$\r\n");
        chunks.push((bodiless.to_vec(), Vec::new(), Continuation::Complete));
    }
    (bytes, chunks)
}

#[test]
fn a_stream_cut_anywhere_gives_the_same_chunks() {
    let (bytes, chunks) = stream();
    let bytes = Bytes::from(bytes);
    assert_eq!(feed([bytes.clone()]).unwrap(), chunks);
    for at in 0..bytes.len() {
        assert_eq!(
            feed([bytes.slice(..at), bytes.slice(at..)]).unwrap(),
            chunks,
            "cut at {at}"
        );
    }
    let singles = (0..bytes.len()).map(|at| bytes.slice(at..=at));
    assert_eq!(feed(singles).unwrap(), chunks);
}

/// Each chunk with the start of what follows it, in every three pieces that it can be cut into.
#[test]
fn a_chunk_cut_at_any_two_places_is_the_same() {
    let (bytes, chunks) = stream();
    let bytes = Bytes::from(bytes);
    let mut at = 0;
    for pair in chunks.chunks(2) {
        let id = |flag: u8| [b"\r\n-------t0b1nd01", &[flag][..], b"\r\n"].concat();
        let length: usize = pair[0].0.len() + pair[0].1.len() + id(pair[0].2.flag()).len();
        let one = bytes.slice(at..at + length + 2);
        at += length + pair[1].0.len() + b"-------x.-+%=$\r\n".len();
        for first in 0..one.len() {
            for second in first..one.len() {
                let parts = [
                    one.slice(..first),
                    one.slice(first..second),
                    one.slice(second..),
                ];
                assert_eq!(feed(parts).unwrap(), pair[..1], "{first} {second}");
            }
        }
    }
    assert_eq!(at, bytes.len());
}

#[test]
fn buffers_that_wait_are_read_in_order() {
    let (bytes, chunks) = stream();
    let bytes = Bytes::from(bytes);
    let mut framer = Framer::new();
    for at in 0..bytes.len() {
        framer.push(bytes.slice(at..=at));
    }
    let mut heads = 0;
    while let Some(frame) = framer.next(&Limits::default()).unwrap() {
        heads += usize::from(frame.head.is_some());
    }
    assert_eq!(heads, chunks.len());
}

proptest! {
    #[test]
    fn a_stream_cut_in_many_places_gives_the_same_chunks(cuts in proptest::collection::vec(1usize..60, 1..60)) {
        let (bytes, chunks) = stream();
        let mut rest = Bytes::from(bytes);
        let mut parts = Vec::new();
        for cut in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            parts.push(rest.split_to(cut.min(rest.len())));
        }
        prop_assert_eq!(feed(parts).unwrap(), chunks);
    }
}

#[test]
fn an_end_line_right_after_the_blank_line_ends_an_empty_body() {
    let bytes = Bytes::from_static(
        b"MSRP abcd SEND\r\nA: b\r\n\r\n-------abcd$\r\nMSRP abcd SEND\r\nA: b\r\n\r\n-------abce$\r\n\r\n-------abcd+\r\n",
    );
    for at in 0..bytes.len() {
        let chunks = feed([bytes.slice(..at), bytes.slice(at..)]).unwrap();
        assert_eq!(chunks.len(), 2);
        assert_eq!(chunks[0].1, b"");
        assert_eq!(chunks[1].1, b"-------abce$\r\n");
    }
}

#[test]
fn a_body_in_one_buffer_is_not_copied() {
    let bytes = Bytes::from(
        [
            &b"MSRP abcd SEND\r\nA: b\r\n\r\n"[..],
            &[b'x'; 9000],
            b"\r\n-------abcd$\r\n",
        ]
        .concat(),
    );
    let mut framer = Framer::new();
    framer.push(bytes.clone());
    let frame = framer.next(&Limits::default()).unwrap().unwrap();
    assert_eq!(frame.body.len(), 9000);
    assert!(bytes.as_ptr_range().contains(&frame.body.as_ptr()));
    assert!(!framer.is_within());
}

#[test]
fn only_a_start_line_may_begin_a_stream() {
    let kind = |bytes: &'static [u8]| feed([Bytes::from_static(bytes)]).map_err(|e| (e.kind, e.at));
    for bytes in [
        &b"P"[..],
        b"MSRX",
        b"\r\nMSRP abcd SEND\r\n",
        b"MSRP\r\n",
        b"MSRP abcd\r\n",
        b"MSRP abcd \r\n",
        b"POST / HTTP/1.1\r\n\r\nMSRP abcd SEND\r\n-------abcd$\r\n",
    ] {
        assert_eq!(
            kind(bytes),
            Err((FrameErrorKind::StartLine, 0)),
            "{bytes:?}"
        );
    }
    assert_eq!(
        kind(b"MSRP abcd SEND\nTo-Path: a\n"),
        Err((FrameErrorKind::LineEnd, 0))
    );
    assert_eq!(
        kind(b"MSRP abcd SEND\r\n-------abcd$\r\nHTTP"),
        Err((FrameErrorKind::StartLine, 30))
    );
    // Empty lines between chunks are let pass.
    let padded =
        b"MSRP abcd SEND\r\n-------abcd$\r\n\r\n\r\nMSRP abcd SEND\r\n-------abcd$\r\n\r\n";
    assert_eq!(kind(padded).unwrap().len(), 2);
    for at in 1..padded.len() {
        assert_eq!(
            feed([&padded[..at], &padded[at..]].map(Bytes::from_static))
                .unwrap()
                .len(),
            2
        );
    }
}

#[test]
fn a_head_at_its_bound_is_read_however_it_is_cut() {
    let start = "MSRP abcd SEND\r\nX: ";
    for (over, ends) in [(0, true), (1, false)] {
        for end in ["-------abcd$\r\n", "\r\nbody\r\n-------abcd$\r\n"] {
            // With a body, the blank line is of the head.
            let blank = if end.starts_with('\r') { 2 } else { 0 };
            let fill = Limits::default().msrp_head - start.len() - 2 - blank + over;
            let stream = format!("{start}{}\r\n{end}", "x".repeat(fill));
            let bytes = Bytes::from(stream);
            for cut in bytes.len() - end.len() - 4..bytes.len() {
                let parts = [bytes.slice(..cut), bytes.slice(cut..)];
                assert_eq!(feed(parts).is_ok(), ends, "{over} {end:?} at {cut}");
            }
        }
    }
}

#[test]
fn an_endless_head_is_refused_and_an_error_stays() {
    let limits = Limits::default();
    for step in [1, 7, 64 * 1024] {
        let mut framer = Framer::new();
        framer.push(Bytes::from_static(b"MSRP abcd SEND\r\n"));
        let mut fed = 0;
        let error = loop {
            match framer.next(&limits) {
                Ok(_) => framer.push(Bytes::from(vec![b'x'; step])),
                Err(error) => break error,
            }
            fed += step;
            assert!(fed <= limits.msrp_head + END_LINE + 2 * step);
        };
        assert_eq!(error.kind, FrameErrorKind::TooLarge);
        framer.push(Bytes::from_static(b"MSRP abcd SEND\r\n-------abcd$\r\n"));
        assert_eq!(framer.next(&limits), Err(error));
    }
}
