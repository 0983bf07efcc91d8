//! What is true of every torture message.

use bytes::Bytes;
use cpm::engine::Limits;
use cpm::sip::msg::{Frame, Framer, Message};
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
