//! What is true of every torture message.

use bytes::Bytes;
use cpm::engine::Limits;
use cpm::sip::msg::{Frame, Framer, Message, Mode};
use std::path::Path;

/// The files of a folder of `tests/data`, by name.
pub(crate) fn files(folder: &str) -> Vec<(String, Bytes)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(folder);
    let mut files: Vec<_> = std::fs::read_dir(path)
        .expect("the folder is there")
        .map(|entry| {
            let path = entry.expect("it can be listed").path();
            let name = path
                .file_stem()
                .expect("it has a name")
                .to_string_lossy()
                .into_owned();
            (
                name,
                Bytes::from(std::fs::read(path).expect("it can be read")),
            )
        })
        .collect();
    files.sort();
    assert!(files.len() > 10);
    files
}

pub(crate) fn parse(bytes: &Bytes) -> Result<Message, cpm::sip::ParseError> {
    Message::parse(bytes.clone(), &Limits::default())
}

/// Every message that a stream carries, with an error at its end if there is one.
pub(crate) fn frames(pieces: &[&[u8]]) -> (Vec<Bytes>, Option<cpm::sip::FrameError>) {
    let mut framer = Framer::new();
    let mut messages = Vec::new();
    for piece in pieces {
        framer.push(Bytes::copy_from_slice(piece));
        loop {
            match framer.next(&Limits::default()) {
                Ok(Some(Frame::Message(message))) => messages.push(message),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
    }
    (messages, None)
}

/// An edit and its undoing leave every header and the body as they were.
pub(crate) fn survives_an_edit(bytes: &Bytes) {
    let Ok(mut message) = parse(bytes) else {
        return;
    };
    let before = format!("{:?}", message.headers());
    let body = message.body().clone();
    let extra = cpm::sip::msg::Name::Other("X-Extra".into());
    let had_length = message
        .headers()
        .contains(&cpm::sip::msg::Name::ContentLength);
    message.headers_mut().push_text(extra.clone(), "1").unwrap();
    let mut again = parse(&message.write()).expect("what we write is a message");
    again.headers_mut().remove(&extra);
    if !had_length {
        again
            .headers_mut()
            .remove(&cpm::sip::msg::Name::ContentLength);
    }
    assert_eq!(format!("{:?}", again.headers()), before);
    assert_eq!(again.body(), &body);
}

/// How a message fares, in words.
pub(crate) fn verdict(bytes: &Bytes, mode: Mode) -> String {
    match parse(bytes) {
        Err(error) => format!("{}: {error}", error.status().code()),
        Ok(message) => match message.validate(mode) {
            Ok(()) => "taken".to_owned(),
            Err(breach) => {
                let header = breach.header.as_ref().map(|name| format!("{name}: "));
                format!(
                    "{}: {}{breach}",
                    breach.status.code(),
                    header.unwrap_or_default()
                )
            }
        },
    }
}

/// Sections and messages of RFC 4475, with the status that it names for an element that refuses the message.
pub(crate) const RFC4475: [(&str, &str, Option<u16>); 49] = [
    ("3.1.1.1", "wsinv", None),
    ("3.1.1.2", "intmeth", None),
    ("3.1.1.3", "esc01", None),
    ("3.1.1.4", "escnull", None),
    ("3.1.1.5", "esc02", None),
    ("3.1.1.6", "lwsdisp", None),
    ("3.1.1.7", "longreq", None),
    ("3.1.1.8", "dblreq", None),
    ("3.1.1.9", "semiuri", None),
    ("3.1.1.10", "transports", None),
    ("3.1.1.11", "mpart01", None),
    ("3.1.1.12", "unreason", None),
    ("3.1.1.13", "noreason", None),
    ("3.1.2.1", "badinv01", Some(400)),
    ("3.1.2.2", "clerr", Some(400)),
    ("3.1.2.3", "ncl", Some(400)),
    ("3.1.2.4", "scalar02", Some(400)),
    ("3.1.2.5", "scalarlg", None),
    ("3.1.2.6", "quotbal", Some(400)),
    ("3.1.2.7", "ltgtruri", Some(400)),
    ("3.1.2.8", "lwsruri", Some(400)),
    ("3.1.2.9", "lwsstart", Some(400)),
    ("3.1.2.10", "trws", Some(400)),
    ("3.1.2.11", "escruri", Some(400)),
    ("3.1.2.12", "baddate", None),
    ("3.1.2.13", "regbadct", Some(400)),
    ("3.1.2.14", "badaspec", Some(400)),
    ("3.1.2.15", "baddn", None),
    ("3.1.2.16", "badvers", Some(505)),
    ("3.1.2.17", "mismatch01", Some(400)),
    ("3.1.2.18", "mismatch02", Some(400)),
    ("3.1.2.19", "bigcode", None),
    ("3.2.1", "badbranch", None),
    ("3.3.1", "insuf", Some(400)),
    ("3.3.2", "unkscm", Some(416)),
    ("3.3.3", "novelsc", Some(416)),
    ("3.3.4", "unksm2", None),
    ("3.3.5", "bext01", Some(420)),
    ("3.3.6", "invut", Some(415)),
    ("3.3.7", "regaut01", None),
    ("3.3.8", "multi01", Some(400)),
    ("3.3.9", "mcl01", Some(400)),
    ("3.3.10", "bcast", None),
    ("3.3.11", "zeromf", Some(483)),
    ("3.3.12", "cparam01", None),
    ("3.3.13", "cparam02", None),
    ("3.3.14", "regescrt", None),
    ("3.3.15", "sdp01", None),
    ("3.4.1", "inv2543", None),
];

/// Sections and messages of RFC 5118.
pub(crate) const RFC5118: [(&str, &str); 12] = [
    ("4.1", "v41_basicIpv6"),
    ("4.2", "v42_ipv6NoBrackets"),
    ("4.3", "v43_portAmbiguousInBrackets"),
    ("4.4", "v44_portUnambiguous"),
    ("4.5", "v45a_receivedBracketed"),
    ("4.5", "v45b_receivedBare"),
    ("4.6", "v46_ipv6InSdp"),
    ("4.7", "v47_mixedIpv4Ipv6Vias"),
    ("4.8", "v48_multipleIpInSdp"),
    ("4.9", "v49_ipv4Mapped"),
    ("4.10", "v410a_extraColon"),
    ("4.10", "v410b_correctIpv4InIpv6"),
];

/// The table that stands in the manual. `CPM_BLESS=1` in the environment writes it anew.
#[test]
fn rfc4475_rfc5118_the_verdicts_are_those_of_the_manual() {
    let mut table = String::from(
        "| RFC | message | the RFC names | receive mode | strict mode |\n|---|---|---|---|---|\n",
    );
    let rfc4475 =
        RFC4475.map(|(section, name, status)| ("rfc4475", "RFC 4475", section, name, status));
    let rfc5118 = RFC5118.map(|(section, name)| ("rfc5118", "RFC 5118", section, name, None));
    for (folder, rfc, section, name, status) in rfc4475.into_iter().chain(rfc5118) {
        let (_, bytes) = files(folder)
            .into_iter()
            .find(|(file, _)| file == name)
            .unwrap_or_else(|| panic!("{name} is there"));
        let named = status.map(|status| status.to_string()).unwrap_or_default();
        let [receive, strict] = [Mode::Receive, Mode::Strict].map(|mode| verdict(&bytes, mode));
        table += &format!("| {rfc} §{section} | `{name}` | {named} | {receive} | {strict} |\n");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/tables/torture.md");
    if std::env::var_os("CPM_BLESS").is_some() {
        std::fs::write(&path, &table).expect("it can be written");
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (stands, is)) in stands.lines().zip(table.lines()).enumerate() {
        assert_eq!(stands, is, "line {}", line + 1);
    }
    assert_eq!(stands.len(), table.len());
}
