//! RFC 4475: torture messages.

use super::torture::{RFC4475, files, frames, parse, survives_an_edit, verdict};
use cpm::sip::FrameError;
use cpm::sip::msg::{Mode, Name};

/// §3.1.1.
const VALID: [&str; 13] = [
    "wsinv",
    "intmeth",
    "esc01",
    "escnull",
    "esc02",
    "lwsdisp",
    "longreq",
    "dblreq",
    "semiuri",
    "transports",
    "mpart01",
    "unreason",
    "noreason",
];

/// §3.2 to §3.4 as far as they are messages: what is wrong with them is for the application to say.
const FOR_THE_APPLICATION: [&str; 14] = [
    "badbranch",
    "unkscm",
    "novelsc",
    "unksm2",
    "bext01",
    "invut",
    "regaut01",
    "bcast",
    "zeromf",
    "cparam01",
    "cparam02",
    "regescrt",
    "sdp01",
    "inv2543",
];

/// What is refused at the door, with the status that it is refused with.
const REFUSED: [(&str, u16); 13] = [
    ("badvers", 505),
    ("bigcode", 400),
    ("clerr", 400),
    ("insuf", 400),
    ("ltgtruri", 400),
    ("lwsruri", 400),
    ("mcl01", 400),
    ("mismatch01", 400),
    ("mismatch02", 400),
    ("multi01", 400),
    ("ncl", 400),
    ("scalar02", 400),
    ("scalarlg", 400),
];

#[test]
fn rfc4475_valid_messages_are_taken_and_written_back_byte_for_byte() {
    let mut seen = 0;
    for (name, bytes) in files("rfc4475") {
        if !VALID.contains(&&*name) && !FOR_THE_APPLICATION.contains(&&*name) {
            continue;
        }
        seen += 1;
        let message = parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        message
            .validate(Mode::Receive)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = message.write();
        match &*name {
            // §3.1.1.8: what follows the body in a datagram is dropped.
            "dblreq" => assert!(
                bytes.starts_with(&written) && written.ends_with(b"Content-Length: 0\r\n\r\n")
            ),
            _ => assert!(bytes.starts_with(&written), "{name}"),
        }
        assert_eq!(written.len(), bytes.len().min(written.len()));
    }
    assert_eq!(seen, VALID.len() + FOR_THE_APPLICATION.len());
}

#[test]
fn rfc4475_what_is_refused_has_its_status() {
    let mut seen = 0;
    for (name, bytes) in files("rfc4475") {
        let Some((_, status)) = REFUSED.iter().find(|(refused, _)| *refused == name) else {
            continue;
        };
        seen += 1;
        let found = match parse(&bytes) {
            Err(error) => error.status(),
            Ok(message) => message.validate(Mode::Receive).expect_err(&name).status,
        };
        assert_eq!(found.code(), *status, "{name}");
    }
    assert_eq!(seen, REFUSED.len());
}

#[test]
fn rfc4475_every_message_is_read_without_harm_however_it_is_cut_off() {
    for (_, bytes) in files("rfc4475") {
        survives_an_edit(&bytes);
        for end in 0..bytes.len() {
            if let Ok(message) = parse(&bytes.slice(..end)) {
                let _ = message.validate(Mode::Strict);
            }
        }
    }
}

#[test]
fn rfc4475_valid_messages_come_out_of_a_stream_at_every_split_point() {
    for (name, bytes) in files("rfc4475") {
        if !VALID.contains(&&*name) {
            continue;
        }
        let whole = frames(&[&bytes]);
        // The second message of this one is five bytes longer than it says.
        let end = (name == "dblreq").then_some(FrameError::NotSip);
        assert_eq!(whole.1, end, "{name}");
        assert_eq!(whole.0[0], parse(&bytes).unwrap().write(), "{name}");
        for split in 0..bytes.len() {
            let (one, two) = bytes.split_at(split);
            assert_eq!(frames(&[one, two]), whole, "{name} at {split}");
        }
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(frames(&pieces), whole, "{name}");
    }
}

#[test]
fn rfc4475_a_stream_ends_at_a_message_without_a_usable_length() {
    for (name, bytes) in files("rfc4475") {
        let error = match &*name {
            "inv2543" => FrameError::NoContentLength,
            "ncl" | "mcl01" => FrameError::ContentLength,
            _ => continue,
        };
        assert_eq!(frames(&[&bytes]), (Vec::new(), Some(error)), "{name}");
    }
}

#[test]
fn rfc4475_3_1_1_1_odd_spacing_folds_and_compact_forms_mean_the_same() {
    let (_, bytes) = files("rfc4475")
        .into_iter()
        .find(|(name, _)| name == "wsinv")
        .unwrap();
    let message = parse(&bytes).unwrap();
    let headers = message.headers();
    let text = |name| headers.text(&name);
    assert_eq!(
        text(Name::To),
        Some("sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n")
    );
    assert_eq!(text(Name::Subject), Some(""));
    assert_eq!(text(Name::ContentLength), Some("150"));
    assert_eq!(
        text(Name::Other("newfangledheader".into())),
        Some("newfangled value continued newfangled value")
    );
    assert_eq!(headers.count(&Name::Via), 2);
    let keys = message.keys().unwrap();
    assert_eq!((keys.branch, keys.sent_by), ("390skdjuw", "192.0.2.2"));
    assert_eq!(
        (keys.from_tag, keys.to_tag),
        (Some("98asjd8"), Some("1918181833n"))
    );
    assert_eq!((keys.sequence, keys.method), (9, "INVITE"));
}

#[test]
fn rfc4475_3_1_1_2_a_method_and_names_of_odd_tokens() {
    let (_, bytes) = files("rfc4475")
        .into_iter()
        .find(|(name, _)| name == "intmeth")
        .unwrap();
    let message = parse(&bytes).unwrap();
    let keys = message.keys().unwrap();
    assert_eq!(keys.method, "!interesting-Method0123456789_*+`.%indeed'~");
    assert_eq!(keys.from_tag, Some("_token~1'+`*%!-."));
    assert_eq!(keys.to_tag, None);
    let odd = Name::Other("extensionHeader-!.%*+_`'~".into());
    assert_eq!(
        message.headers().text(&odd),
        Some("\u{feff}\u{5927}\u{505c}\u{96fb}")
    );
}

/// §3.1.2: what is not well-formed.
const MALFORMED: [&str; 19] = [
    "badinv01",
    "clerr",
    "ncl",
    "scalar02",
    "scalarlg",
    "quotbal",
    "ltgtruri",
    "lwsruri",
    "lwsstart",
    "trws",
    "escruri",
    "baddate",
    "regbadct",
    "badaspec",
    "baddn",
    "badvers",
    "mismatch01",
    "mismatch02",
    "bigcode",
];

/// Those of them that do no harm: what is odd about them is not needed, or means only one thing.
const TOLERATED: [&str; 6] = [
    "lwsstart", "trws", "escruri", "baddate", "regbadct", "baddn",
];

#[test]
fn rfc4475_a_strict_reader_refuses_everything_malformed_and_nothing_valid() {
    let accepted = |bytes: &bytes::Bytes, mode| {
        parse(bytes).is_ok_and(|message| message.validate(mode).is_ok())
    };
    for (name, bytes) in files("rfc4475") {
        let is_in = |names: &[&str]| names.contains(&&*name);
        if is_in(&MALFORMED) {
            assert!(!accepted(&bytes, Mode::Strict), "{name}");
            assert_eq!(accepted(&bytes, Mode::Receive), is_in(&TOLERATED), "{name}");
        } else if is_in(&VALID) {
            assert!(accepted(&bytes, Mode::Strict), "{name}");
        }
    }
}

#[test]
fn rfc4475_what_is_malformed_is_refused_with_the_status_that_the_rfc_names() {
    for (section, name, status) in RFC4475 {
        let Some(status) = status.filter(|_| section.starts_with("3.1.2")) else {
            continue;
        };
        let (_, bytes) = files("rfc4475")
            .into_iter()
            .find(|(file, _)| file == name)
            .unwrap();
        let verdict = verdict(&bytes, Mode::Strict);
        assert!(
            verdict.starts_with(&status.to_string()),
            "{name}: {verdict}"
        );
    }
}
