//! Attack 6, smuggling by lengths: where a message ends is read in one way only, however the stream is cut, or the
//! connection is over.

use crate::rfc3261::{PEER, alone, from_peer};
use bytes::Bytes;
use cpm::engine::{Ids, Limits, Seed};
use cpm::sip::Event;
use cpm::sip::msg::{Frame, Framer, Message, Method};

/// What came out of a stream in these pieces, and whether it can be read on.
fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Bytes>, bool) {
    let limits = Limits::default();
    let mut framer = Framer::new();
    let mut found = Vec::new();
    for piece in pieces {
        framer.push(Bytes::copy_from_slice(piece));
        loop {
            match framer.next(&limits) {
                Ok(Some(Frame::Message(bytes))) => found.push(bytes),
                Ok(Some(Frame::Ping | Frame::Pong)) => {}
                Ok(None) => break,
                Err(_) => return (found, false),
            }
        }
    }
    (found, true)
}

/// The strict reading, written as plainly as can be: the messages that are whole before anything is in doubt.
fn strictly(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    loop {
        while let Some(rest) = stream.strip_prefix(b"\r\n") {
            stream = rest;
        }
        let Some(head) = stream.windows(4).position(|four| four == b"\r\n\r\n") else {
            return found;
        };
        let text = String::from_utf8_lossy(&stream[..head]).replace("\r\n", "\n");
        if text.contains('\r') || text.matches('\n').count() != lines(&stream[..head]) {
            return found;
        }
        let unfolded = text.replace("\n ", " ").replace("\n\t", " ");
        let lines = unfolded.split('\n').skip(1);
        let start = text.split('\n').next().unwrap_or_default();
        // Whether it is a version that we know is another question.
        let is_sip = start.contains("SIP/");
        let lengths: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .filter(|(name, _)| {
                let name = name.trim_end_matches([' ', '\t']);
                name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l")
            })
            .map(|(_, value)| {
                let value = value.trim_matches([' ', '\t']);
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                value.parse::<usize>().ok().filter(|_| digits)
            })
            .collect();
        let length = match lengths.first() {
            Some(Some(length)) if is_sip && lengths.iter().all(|l| *l == Some(*length)) => *length,
            _ => return found,
        };
        let Some(end) = (head + 4)
            .checked_add(length)
            .filter(|end| *end <= stream.len())
        else {
            return found;
        };
        found.push(&stream[..end]);
        stream = &stream[end..];
    }
}

/// How many lines end in CRLF.
fn lines(head: &[u8]) -> usize {
    head.windows(2).filter(|two| *two == b"\r\n").count()
}

/// A stream of messages in whose bodies there is another one, with something wrong in it.
fn mutant(chance: &mut Ids) -> Vec<u8> {
    let mut below = |bound: usize| usize::try_from(chance.below(bound as u64)).unwrap();
    let inner = "REGISTER sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n";
    let mut stream = String::new();
    for number in 0..3 {
        let body = &inner[..[0, 7, inner.len()][below(3)]];
        stream += &format!(
            "MESSAGE sip:b@x SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK{number}\r\nCall-ID: {number}\r\n\
             Content-Length: {}\r\nTo: <sip:b@x>\r\n\r\n{body}",
            body.len()
        );
    }
    const VALUES: [&str; 17] = [
        "0",
        "5",
        "46",
        "-1",
        "+5",
        "0x5",
        "5, 5",
        "5, 6",
        "5;a",
        "",
        " ",
        "5 5",
        "05",
        "99999999999999999999",
        "4294967301",
        "5\0",
        "\r\n 5",
    ];
    const NAMES: [&str; 8] = [
        "Content-Length:",
        "content-length :",
        "l:",
        "L\t:",
        "Content-Length\r\n :",
        "Content-Length\u{1}:",
        "Content-Lengthy:",
        "\tContent-Length:",
    ];
    for _ in 0..=below(2) {
        let fields: Vec<_> = stream
            .match_indices("Content-Length: ")
            .map(|(at, _)| at)
            .collect();
        let lines: Vec<_> = stream.match_indices("\r\n").map(|(at, _)| at).collect();
        let field = fields[below(fields.len())];
        let line = lines[below(lines.len())];
        let another = format!(
            "\r\n{} {}",
            NAMES[below(NAMES.len())],
            VALUES[below(VALUES.len())]
        );
        match below(8) {
            // Another value, another field, none.
            0 => {
                let end = stream[field..]
                    .find("\r\n")
                    .map_or(stream.len(), |end| field + end);
                stream.replace_range(field + 16..end, VALUES[below(VALUES.len())]);
            }
            1 | 2 => stream.insert_str(line, &another),
            3 => stream.replace_range(field..field + 14, "X-Length-Not-It"),
            // Lines that end otherwise, or where they should not.
            4 => stream.replace_range(
                line..line + 2,
                ["\n", "\r", "\r\r\n", "\n\r", "\r\n\r\n"][below(5)],
            ),
            5 => stream.insert_str(line, ["\r\n", "\n\n", "\r", " ", "\r\n "][below(5)]),
            // Something missing, something more.
            6 => {
                let at = below(stream.len());
                stream.remove(at);
            }
            _ => {
                let at = below(stream.len());
                stream.insert(at, ['\0', '\n', '\r', ':', ' ', '5'][below(6)]);
            }
        }
        if !stream.contains("Content-Length: ") || !stream.contains("\r\n") {
            break;
        }
    }
    stream.into_bytes()
}

#[test]
fn attack_6_a_stream_is_read_in_one_way_however_it_is_cut_or_not_at_all() {
    let mut chance = Ids::new(Seed::from_number(6));
    let (mut whole_ones, mut closed) = (0, 0);
    for _ in 0..8_000 {
        let stream = mutant(&mut chance);
        let whole = frames([&stream[..]].into_iter());
        let strict = strictly(&stream);
        // No other boundary than the strict one, ever.
        assert!(
            whole.0.len() <= strict.len()
                && whole.0.iter().zip(&strict).all(|(one, other)| one == other),
            "{:?}\n{whole:?}",
            String::from_utf8_lossy(&stream)
        );
        let cut = usize::try_from(chance.below(stream.len() as u64)).unwrap();
        for pieces in [
            frames([&stream[..cut], &stream[cut..]].into_iter()),
            frames(stream.chunks(1)),
        ] {
            assert_eq!(pieces, whole, "{:?}", String::from_utf8_lossy(&stream));
        }
        whole_ones += usize::from(whole.0.len() == 3);
        closed += usize::from(!whole.1);
    }
    // Both happen often enough to mean something.
    assert!(whole_ones > 500 && closed > 2_000, "{whole_ones}, {closed}");
}

#[test]
fn attack_6_every_cut_of_a_stream_gives_the_same() {
    let mut chance = Ids::new(Seed::from_number(66));
    for _ in 0..60 {
        let stream = mutant(&mut chance);
        let whole = frames([&stream[..]].into_iter());
        for cut in 0..stream.len() {
            let pieces = frames([&stream[..cut], &stream[cut..]].into_iter());
            assert_eq!(
                pieces,
                whole,
                "{cut} {:?}",
                String::from_utf8_lossy(&stream)
            );
        }
    }
}

#[test]
fn attack_6_after_a_length_in_doubt_nothing_more_of_a_connection_is_believed() {
    let inner = from_peer("REGISTER", "inner", 1, "").replace("UDP", "TCP");
    for length in [
        "Content-Length: -1\n",
        "Content-Length: 0\nContent-Length: 5\n",
        "Content-Length: 0\nl: 5\n",
        "Content-Length: 5, 0\n",
        "Content-Length: 99999999999999999999\n",
        "Content-Length: 0x0\n",
        "Content-Length\n : 0\n",
        "",
    ] {
        let mut wire = alone();
        let conn = wire.connect(0, "10.0.0.9:4000");
        let outer = from_peer("MESSAGE", "outer", 1, "").replace("UDP", "TCP");
        let outer = outer.replace("Content-Length: 0\n", length);
        wire.stream(0, conn, &format!("{outer}{inner}"));
        wire.stream(0, conn, &inner);
        let heard = wire.events(0);
        assert!(
            matches!(heard[..], [Event::FlowLost { .. }]),
            "{length}: {heard:?}"
        );
        assert!(wire.conns_of(0).is_empty(), "{length}");
    }
}

#[test]
fn attack_6_a_datagram_is_one_message_whatever_its_length_says() {
    let inner = from_peer("REGISTER", "inner", 1, "");
    let with = |length: &str| {
        let outer = from_peer("MESSAGE", "outer", 1, "Content-Type: text/plain\n");
        outer.replace("Content-Length: 0\n", length) + &inner
    };
    let size = inner.replace('\n', "\r\n").len();
    // The body is as long as is said, or all that is left where nothing is; what is more than said is not looked at.
    for (length, body) in [
        (String::from("Content-Length: 0\n"), 0),
        (String::from("Content-Length: 8\n"), 8),
        (format!("Content-Length: {size}\n"), size),
        (String::new(), size),
    ] {
        let mut wire = alone();
        wire.inject(0, PEER, &with(&length));
        let heard = wire.events(0);
        let [Event::Request { request, .. }] = &heard[..] else {
            panic!("{length}: {heard:?}")
        };
        assert_eq!(*request.method(), Method::Message);
        assert_eq!(request.body().len(), body, "{length}");
    }
    for length in [
        format!("Content-Length: {}\n", size + 1),
        String::from("Content-Length: -1\n"),
        String::from("Content-Length: 0\nContent-Length: 8\n"),
        String::from("Content-Length: 0\nl: 8\n"),
        String::from("Content-Length: 99999999999999999999\n"),
    ] {
        let mut wire = alone();
        wire.inject(0, PEER, &with(&length));
        assert!(wire.events(0).is_empty(), "{length}");
        let answers = wire.outside();
        assert!(
            answers
                .iter()
                .all(|answer| answer.text.starts_with("SIP/2.0 400 ")),
            "{length}: {answers:?}"
        );
        // What is in it was no message, before or after.
        assert!(answers.len() <= 1, "{length}");
    }
}

#[test]
fn attack_6_what_is_passed_on_says_how_long_it_is() {
    let text = "MESSAGE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n\
        Call-ID: 1\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\nl: 2\r\n\r\nhi and more";
    let Ok(Message::Request(mut request)) =
        Message::parse(Bytes::from_static(text.as_bytes()), &Limits::default())
    else {
        panic!("a datagram with more in it than it says")
    };
    request.set_body("text/plain", "longer than before".into());
    let written = request.write();
    let (read, goes_on) = frames([&written[..]].into_iter());
    assert!(goes_on);
    assert_eq!(read, std::slice::from_ref(&written));
    assert!(String::from_utf8_lossy(&written).contains("\r\nContent-Length: 18\r\n"));
}
