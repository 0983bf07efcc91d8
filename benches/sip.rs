//! SIP messages: taken apart, matched, written.
//!
//! `cargo bench --bench sip`. The yardsticks beside ours: `httparse` splits the same head into slices, and
//! `memchr` finds the line ends in it. The last lines are what is held against a goal.

use bytes::Bytes;
use cpm::engine::Limits;
use cpm::sip::msg::{Framer, Message, Mode, Name};
use criterion::{BatchSize, Criterion};
use measure::{Figures, ratio};
use std::hint::black_box;
use std::time::Duration;

mod measure;

const MESSAGES: [(&str, &[u8]); 4] = [
    ("options", include_bytes!("../tests/data/bench/options.sip")),
    ("invite", INVITE),
    ("ok200", include_bytes!("../tests/data/bench/ok200.sip")),
    ("message", MESSAGE),
];
const MESSAGE: &[u8] = include_bytes!("../tests/data/bench/message.sip");
const INVITE: &[u8] = include_bytes!("../tests/data/bench/invite.sip");

/// The header fields, without the start line that httparse does not know.
fn httparse(message: &[u8]) -> usize {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let fields = &message[memchr::memchr(b'\n', message).map_or(0, |end| end + 1)..];
    match httparse::parse_headers(black_box(fields), &mut headers) {
        Ok(httparse::Status::Complete((_, headers))) => black_box(headers).len(),
        _ => unreachable!("the message is whole"),
    }
}

fn memchr(message: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', black_box(message)).count()
}

fn parse(bytes: &Bytes, limits: &Limits) -> Message {
    match Message::parse(black_box(bytes.clone()), limits) {
        Ok(message) => message,
        Err(error) => unreachable!("{error}"),
    }
}

/// What a proxy does to a request on its way.
fn forward(message: &Message) -> Bytes {
    let mut message = message.clone();
    let headers = message.headers_mut();
    let hops = headers.set_text(Name::MaxForwards, "69");
    let service = headers.push_text(
        Name::PAssertedService,
        "urn:urn-7:3gpp-service.ims.icsi.mmtel",
    );
    assert!(hops.is_ok() && service.is_ok());
    message.write()
}

/// What a message is written from.
struct Pieces<'a> {
    start: &'a [u8],
    fields: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
    length: usize,
}

impl<'a> Pieces<'a> {
    fn of(message: &'a Message) -> Self {
        let fields = message.headers().iter();
        Self {
            start: INVITE
                .split_inclusive(|byte| *byte == b'\n')
                .next()
                .unwrap_or_default(),
            fields: fields
                .map(|field| (field.spelled(), field.text().unwrap_or_default()))
                .collect(),
            body: message.body(),
            length: message.write().len(),
        }
    }

    fn copy(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.length);
        out.extend_from_slice(black_box(self.start));
        for (name, value) in &self.fields {
            for piece in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                out.extend_from_slice(piece);
            }
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.body);
        out
    }
}

fn split(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("split");
    for (name, message) in MESSAGES {
        let bytes = Bytes::from_static(message);
        group.bench_function(format!("{name}/cpm"), |b| b.iter(|| parse(&bytes, &limits)));
        group.bench_function(format!("{name}/cpm-owned"), |b| {
            b.iter_batched(
                || Bytes::copy_from_slice(message),
                |bytes| parse(&bytes, &limits),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(format!("{name}/httparse"), |b| b.iter(|| httparse(message)));
        group.bench_function(format!("{name}/memchr"), |b| b.iter(|| memchr(message)));
    }
}

fn match_and_write(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("message");
    for (name, message) in MESSAGES {
        let bytes = Bytes::from_static(message);
        let parsed = parse(&bytes, &limits);
        group.bench_function(format!("{name}/keys"), |b| {
            b.iter(|| black_box(&parsed).keys().map(|keys| keys.sequence))
        });
        group.bench_function(format!("{name}/forward"), |b| {
            b.iter(|| forward(black_box(&parsed)))
        });
        group.bench_function(format!("{name}/frame"), |b| {
            let mut framer = Framer::new();
            b.iter(|| {
                framer.push(bytes.clone());
                framer.next(&limits)
            });
        });
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .sample_size(20)
        .configure_from_args();
    split(&mut criterion);
    match_and_write(&mut criterion);
    criterion.final_summary();

    let limits = Limits::default();
    let bytes = Bytes::from(INVITE.to_vec());
    let parsed = parse(&bytes, &limits);
    let mut figures = Figures::new("sip");
    figures.at_most(
        "invite-split",
        ratio(|| parse(&bytes, &limits), || httparse(INVITE)),
        1.5,
        "an INVITE of 2491 bytes split into its header fields, to httparse",
    );
    figures.at_most(
        "invite-match",
        ratio(
            || parse(&bytes, &limits).keys().map(|keys| keys.branch.len()),
            || httparse(INVITE),
        ),
        2.0,
        "the same, and matched to its transaction and dialog, to httparse",
    );
    let message = Bytes::from(MESSAGE.to_vec());
    for (name, bytes, wire) in [
        ("invite-typed", &bytes, INVITE),
        ("message-typed", &message, MESSAGE),
    ] {
        let typed = || {
            parse(bytes, &limits)
                .headers()
                .breaches(Mode::Receive)
                .count()
        };
        assert_eq!(typed(), 0);
        figures.at_most(
            name,
            ratio(typed, || httparse(wire)),
            3.5,
            "split, and every known header checked by its type, to httparse",
        );
    }
    let mut edited = parsed.clone();
    assert!(
        edited
            .headers_mut()
            .set_text(Name::MaxForwards, "69")
            .is_ok()
    );
    let pieces = Pieces::of(&edited);
    figures.at_most(
        "invite-write",
        ratio(|| edited.write(), || pieces.copy()),
        2.0,
        "the INVITE written after an edit, to copying name, `: `, value and CRLF of each field into one buffer",
    );
    figures.state(
        "invite-forward",
        ratio(|| forward(&parsed), || httparse(INVITE)),
        "the INVITE copied, edited as a proxy does and written, to httparse",
    );
    figures.finish();
}
