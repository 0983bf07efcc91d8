//! Attacks on the reader of SIP messages.

use bytes::Bytes;
use cpm::engine::Limits;
use cpm::sip::ParseError;
use cpm::sip::msg::header::{Contact, NameAddr, PAssertedIdentity, Route, Via};
use cpm::sip::msg::{Header, Message, Mode, Name};
use std::hint::black_box;
use std::time::{Duration, Instant};

const HEAD: &str = "OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@a>;tag=1\r\n\
    To: <sip:b@example.com>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n";

fn message(fields: &str) -> Bytes {
    Bytes::from(format!("{HEAD}{fields}Content-Length: 0\r\n\r\n"))
}

/// All that is ever done with what a peer sent.
fn work<H: Header>(bytes: &Bytes, limits: &Limits) {
    let Ok(message) = Message::parse(bytes.clone(), limits) else {
        return;
    };
    let headers = message.headers();
    black_box(message.validate(Mode::Receive).is_ok());
    black_box(message.breaches(Mode::Strict).len());
    black_box(message.keys().is_ok());
    black_box(headers.all::<H>().filter(Result::is_ok).count());
    let mut edited = message.clone();
    edited.headers_mut().remove(&Name::MaxForwards);
    black_box(edited.headers_mut().pop::<H>().is_some());
    black_box(edited.write().len());
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn grows_linearly<H: Header>(what: &str, fields: impl Fn(usize) -> String) {
    const MORE: u32 = 8;
    let limits = Limits {
        sip_message: usize::MAX,
        sip_head: usize::MAX,
        sip_header: usize::MAX,
        sip_headers: usize::MAX,
        ..Limits::default()
    };
    let (few, many) = (message(&fields(100)), message(&fields(100 * MORE as usize)));
    // Eight times as much takes eight times as long, and would take 64 times if it were quadratic. What else the
    // machine does can only make a run longer, so the best of many counts.
    let (mut least, mut most) = (Duration::MAX, Duration::MAX);
    for _ in 0..200 {
        least = least.min(time(|| work::<H>(&few, &limits)));
        most = most.min(time(|| work::<H>(&many, &limits)));
        if most < least * MORE * 3 {
            return;
        }
    }
    panic!("{what}: {least:?}, and {most:?} for {MORE} times as much");
}

#[test]
fn attack_3_more_of_anything_takes_only_as_much_longer() {
    grows_linearly::<Via>("fields of one name", |n| {
        "Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n".repeat(n)
    });
    grows_linearly::<Via>("values of one field", |n| {
        format!(
            "Via: {}SIP/2.0/UDP a\r\n",
            "SIP/2.0/UDP a;branch=z9hG4bK1,".repeat(n)
        )
    });
    grows_linearly::<Route>("routes", |n| "Route: <sip:a;lr>\r\n".repeat(n));
    grows_linearly::<Contact>("contacts", |n| {
        format!("Contact: {}<sip:a@b>\r\n", "<sip:a@b>;q=1, ".repeat(n))
    });
    grows_linearly::<Contact>("folds", |n| format!("Subject: a{}\r\n", "\r\n a".repeat(n)));
    grows_linearly::<Contact>("names that nobody knows", |n| "X-Y: a\r\n".repeat(n));
    grows_linearly::<Contact>("quotes", |n| {
        format!("Contact: \"{}\" <sip:a@b>\r\n", "\\\"".repeat(n))
    });
    grows_linearly::<Contact>("open brackets", |n| {
        format!("Contact: {}\r\n", "<".repeat(n))
    });
    grows_linearly::<Contact>("commas", |n| format!("Contact: {}\r\n", ",".repeat(n)));
    grows_linearly::<Contact>("at signs", |n| {
        format!("Contact: <sip:{}>\r\n", "a@".repeat(n))
    });
    grows_linearly::<Contact>("parentheses", |n| {
        format!("Retry-After: 1 {}\r\n", "(".repeat(n))
    });
    grows_linearly::<Contact>("headers of a URI", |n| {
        format!("Contact: <sip:a@b?{}>\r\n", "a=b&".repeat(n))
    });
}

#[test]
fn attack_3_a_bomb_is_refused_before_it_is_read() {
    let limits = Limits::default();
    let bytes = message(&"Via: SIP/2.0/UDP a\r\n".repeat(limits.sip_headers));
    let refused = Message::parse(bytes, &limits).unwrap_err();
    assert!(
        matches!(
            refused,
            ParseError::TooManyHeaders { .. } | ParseError::TooLarge { .. }
        ),
        "{refused}"
    );
    let bytes = message(&format!("Subject: {}\r\n", "a".repeat(limits.sip_header)));
    let refused = Message::parse(bytes, &limits).unwrap_err();
    assert!(
        matches!(
            refused,
            ParseError::HeadTooLarge { .. } | ParseError::TooLarge { .. }
        ),
        "{refused}"
    );
    let params = format!("<sip:a@b>{}", ";a".repeat(10_000));
    assert!(params.parse::<NameAddr>().is_err());
}

#[test]
fn attack_7_a_header_is_the_same_however_it_is_spelled() {
    for spelled in [
        "P-Asserted-Identity:",
        "p-asserted-identity:",
        "P-ASSERTED-IDENTITY :",
        "P-Asserted-Identity\t:",
        "P-Asserted-Identity \t :",
    ] {
        for value in [
            " <sip:boss@x>",
            "<sip:boss@x>",
            "\r\n <sip:boss@x>",
            "\t<sip:boss@x> ",
        ] {
            let mut found = Message::parse(
                message(&format!("{spelled}{value}\r\n")),
                &Limits::default(),
            )
            .unwrap();
            let identity: PAssertedIdentity = found.headers().get().unwrap();
            assert_eq!(identity.uri.to_string(), "sip:boss@x", "{spelled}{value}");
            found.headers_mut().remove(&Name::PAssertedIdentity);
            let written = found.write().to_ascii_lowercase();
            assert!(memchr_free(&written, b"boss"), "{spelled}{value}");
        }
    }
    // The compact form, and the long one.
    for spelled in ["v:", "V :", "Via:", "VIA\t:"] {
        let found = Message::parse(
            message(&format!("{spelled} SIP/2.0/UDP c\r\n")),
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(found.headers().count(&Name::Via), 2, "{spelled}");
    }
}

fn memchr_free(text: &[u8], word: &[u8]) -> bool {
    !text.windows(word.len()).any(|window| window == word)
}

#[test]
fn attack_7_no_control_character_hides_a_header() {
    for byte in (0..=0x1f).chain([0x7f]) {
        let byte = char::from(byte);
        let hidden = [
            format!("To{byte}: <sip:evil@x>\r\n"),
            format!("{byte}To: <sip:evil@x>\r\n"),
            format!("T{byte}o: <sip:evil@x>\r\n"),
            format!("X-Any: a{byte}To: <sip:evil@x>\r\n"),
            format!("X-Any: \"a{byte}To: <sip:evil@x>\"\r\n"),
        ];
        for fields in hidden {
            let Ok(found) = Message::parse(message(&fields), &Limits::default()) else {
                continue;
            };
            // A TAB is white space: before a colon, in a value, and at the start of a line that goes on.
            assert_eq!(byte, '\t', "{fields:?}");
            assert!(
                found.headers().count(&Name::To) == 1 || found.validate(Mode::Receive).is_err(),
                "{fields:?}"
            );
        }
    }
    // In a message whose lines end in CRLF, a LF alone ends none; and the other way round.
    let bare = message("X-Any: a\nTo: <sip:evil@x>\r\n");
    assert!(matches!(
        Message::parse(bare, &Limits::default()),
        Err(ParseError::Control { .. })
    ));
}
