//! MSRP: streams cut into chunks, heads read, chunks written.
//!
//! `cargo bench --bench msrp`. The yardstick is one search for the hyphens of an end-line over the same bytes, by
//! `memchr::memmem`. The last lines are what is held against a goal.

use bytes::{Bytes, BytesMut};
use cpm::cpim;
use cpm::engine::Limits;
use cpm::imdn::Imdn;
use cpm::msrp::msg::{Continuation, Framer, Head, Message, Method, Path, Request};
use cpm::msrp::{ByteRange, Uri};
use cpm::wire::Text;
use criterion::{Criterion, Throughput};
use measure::{Figures, best};
use std::hint::black_box;
use std::time::Duration;

mod measure;

const TOTAL: usize = 100 << 20;

const CHAT: &str = "From: <sip:alice@example.com>\r\nTo: <sip:bob@example.com>\r\n\
    DateTime: 2026-01-01T09:00:00Z\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: Qz4kMnA1b7\r\n\
    imdn.Disposition-Notification: positive-delivery, display\r\n\r\n\
    Content-Type: text/plain; charset=UTF-8\r\n\r\nhello, how are you doing today?";

const DELIVERED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
    <imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>Qz4kMnA1b7</message-id>\
    <datetime>2026-01-01T09:00:00Z</datetime><recipient-uri>sip:bob@example.com</recipient-uri>\
    <delivery-notification><status><delivered/></status></delivery-notification></imdn>";

fn path(text: &str) -> Path {
    match text.parse::<Uri>() {
        Ok(uri) => Path::from(uri),
        Err(error) => unreachable!("{error}"),
    }
}

fn chunk(size: usize) -> Request {
    // Bytes that look like a picture: any value, now and then a CR LF or some hyphens.
    let mut state = 1u32;
    let body: Vec<u8> = (0..size)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        })
        .collect();
    Request {
        message_id: Some(Text::from_static("87652491")),
        byte_range: Some(ByteRange {
            start: 1,
            end: None,
            total: Some(TOTAL as u64),
        }),
        content_type: Some(Text::from_static("message/cpim")),
        body: Bytes::from(body),
        continuation: Continuation::More,
        ..Request::new(
            Method::Send,
            Text::from_static("k3hd9s2ak3hd9s2a"),
            path("msrp://bob.example.com:8888/9di4eae923wzd9di4eae923wzd;tcp"),
            path("msrp://alice.example.com:7777/iau39soe2843ziau39soe2843z;tcp"),
        )
    }
}

fn written(size: usize) -> Bytes {
    match chunk(size).write() {
        Ok(bytes) => bytes,
        Err(error) => unreachable!("{error}"),
    }
}

/// As many chunks as make up `total`, in reads of `read` bytes.
fn stream(size: usize, total: usize, read: usize) -> (Vec<Bytes>, usize) {
    let one = written(size);
    let count = total / size;
    let mut all = BytesMut::with_capacity(one.len() * count);
    for _ in 0..count {
        all.extend_from_slice(&one);
    }
    let mut rest = all.freeze();
    let mut reads = Vec::new();
    while !rest.is_empty() {
        reads.push(rest.split_to(read.min(rest.len())));
    }
    (reads, count)
}

/// What is done with a head.
#[derive(Clone, Copy, PartialEq)]
enum Heads {
    Leave,
    Parse,
    /// Made a value of its own, paths and all.
    Own,
}

/// How many chunks there are.
fn frame(reads: &[Bytes], limits: &Limits, heads: Heads) -> usize {
    let mut framer = Framer::new();
    let mut chunks = 0;
    for read in reads {
        framer.push(read.clone());
        loop {
            match framer.next(limits) {
                Ok(Some(frame)) => {
                    match (heads, frame.head) {
                        (Heads::Parse, Some(head)) => {
                            black_box(Head::parse(head).expect("a head"));
                        }
                        (Heads::Own, Some(head)) => {
                            black_box(Message::read_head(head).expect("a head"));
                        }
                        _ => {}
                    }
                    chunks += usize::from(frame.end.is_some());
                }
                Ok(None) => break,
                Err(error) => unreachable!("{error}"),
            }
        }
    }
    chunks
}

fn memmem(reads: &[Bytes]) -> usize {
    let finder = memchr::memmem::Finder::new("\r\n-------k3hd9s2ak3hd9s2a");
    reads
        .iter()
        .map(|read| finder.find_iter(black_box(read)).count())
        .sum()
}

fn framing(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("frame");
    for (name, size, total) in [
        ("64k", 65_536, 8 << 20),
        ("2k", 2_048, 8 << 20),
        ("100", 100, 1 << 20),
    ] {
        let (reads, _) = stream(size, total, 256 * 1024);
        group.throughput(Throughput::Bytes(
            reads.iter().map(|r| r.len() as u64).sum(),
        ));
        group.bench_function(format!("{name}/cpm"), |b| {
            b.iter(|| frame(&reads, &limits, Heads::Leave))
        });
        group.bench_function(format!("{name}/cpm-heads"), |b| {
            b.iter(|| frame(&reads, &limits, Heads::Parse))
        });
        group.bench_function(format!("{name}/memmem"), |b| b.iter(|| memmem(&reads)));
    }
    group.finish();
}

fn writing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write");
    for size in [100, 2_048] {
        let request = chunk(size);
        group.bench_function(format!("{size}"), |b| {
            b.iter(|| black_box(&request).write())
        });
    }
    group.finish();
}

fn goals() {
    let limits = Limits::default();
    let mut figures = Figures::new("msrp");
    let gigabytes = |bytes: usize, time: Duration| bytes as f64 / 1e9 / time.as_secs_f64();
    for (name, size, goal) in [("64k", 65_536, 10.0), ("2k", 2_048, 4.0)] {
        // A part of the 100 MB that fits no cache, over and over.
        let (reads, count) = stream(size, 16 << 20, 64 * 1024);
        let bytes: usize = reads.iter().map(Bytes::len).sum();
        assert_eq!(frame(&reads, &limits, Heads::Parse), count);
        let framed = best(|| frame(&reads, &limits, Heads::Leave));
        let parsed = best(|| frame(&reads, &limits, Heads::Parse));
        let yardstick = best(|| memmem(&reads));
        let speed = gigabytes(bytes, yardstick);
        figures.state(
            &format!("memmem-{name}"),
            speed,
            &format!("one search by memmem over the same chunks of {size} bytes, GB/s"),
        );
        figures.state(
            &format!("msrp-frame-{name}"),
            gigabytes(bytes, framed),
            &format!("chunks of {size} bytes framed, GB/s"),
        );
        figures.at_least(
            &format!("msrp-{name}"),
            gigabytes(bytes, parsed),
            // Whichever is less.
            f64::min(goal, 0.6 * speed),
            &format!("chunks of {size} bytes framed and their heads parsed, GB/s"),
        );
    }
    let (reads, count) = stream(100, 200_000, 64 * 1024);
    let millions = |time: Duration| count as f64 / 1e6 / time.as_secs_f64();
    figures.state(
        "msrp-frame-small",
        millions(best(|| frame(&reads, &limits, Heads::Leave))),
        "messages of 100 bytes framed, millions a second",
    );
    figures.at_least(
        "msrp-small",
        millions(best(|| frame(&reads, &limits, Heads::Parse))),
        2.0,
        "messages of 100 bytes framed and parsed, millions a second",
    );
    figures.state(
        "msrp-small-owned",
        millions(best(|| frame(&reads, &limits, Heads::Own))),
        "messages of 100 bytes framed, parsed and made values of their own, millions a second",
    );
    let each = |time: Duration| time.as_secs_f64() * 1e9 / 1000.0;
    let chat = Bytes::from(CHAT.as_bytes().to_vec());
    figures.at_most(
        "cpim-parse",
        each(best(|| {
            for _ in 0..1000 {
                let read = cpim::Message::parse(black_box(chat.clone()), &limits);
                black_box(read.expect("a message"));
            }
        })),
        200.0,
        "a chat message in CPIM parsed, ns",
    );
    figures.at_most(
        "imdn-parse",
        each(best(|| {
            for _ in 0..1000 {
                black_box(Imdn::parse(black_box(DELIVERED.as_bytes()), &limits).expect("an IMDN"));
            }
        })),
        1000.0,
        "a notification of delivery parsed, ns",
    );
    let request = chunk(100);
    figures.at_least(
        "msrp-write-small",
        millions(best(|| {
            (0..count)
                .filter(|_| black_box(&request).write().is_ok())
                .count()
        })),
        2.0,
        "messages of 100 bytes written, millions a second",
    );
    figures.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    framing(&mut criterion);
    writing(&mut criterion);
    criterion.final_summary();
    goals();
}
