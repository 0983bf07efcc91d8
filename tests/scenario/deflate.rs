//! Content that was deflated, as one peer does with all that it sends: what people see of it.

use crate::stage::{Stage, uri};
use bytes::Bytes;
use cpm::client;
use cpm::conversation::{Destination, Envelope, Identity, Parcel, Service, Terms};
use cpm::sdp::msrp::Setup;
use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use std::io::Write;

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn raw(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// A message whose content is deflated, in CPIM.
fn message(id: &str, content_type: &str, content: &[u8]) -> Bytes {
    let head = format!(
        "From: <sip:carol@example.com>\r\nTo: <sip:bob@example.com>\r\nDateTime: 2026-01-01T09:00:00Z\r\n\
         NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {id}\r\n\r\n\
         Content-Type: {content_type}\r\nContent-Encoding: deflate\r\n\r\n"
    );
    [head.as_bytes(), content].concat().into()
}

/// Carol's device says all that in one session with Bob.
fn say(stage: &mut Stage, bodies: Vec<Bytes>) {
    let mut envelope = Envelope::new(uri("carol"), uri("bob"), Service::Session);
    envelope.identity = Identity::Preferred(uri("carol"));
    stage.client("carol", |client, now| {
        client.command(now, |_, net| {
            let destination = Destination::uri(uri("bob"));
            let terms = Terms::chat(Setup::Active);
            let leg = (net.legs)
                .open(&mut net.ends, destination, &envelope, terms)
                .unwrap();
            for body in bodies {
                let parcel = Parcel::new("message/cpim".into(), body);
                net.legs.send(&mut net.ends, leg, parcel).unwrap();
            }
        });
    });
    stage.run(20);
}

#[test]
fn what_is_deflated_in_cpim_is_shown_and_a_bomb_is_not() {
    let mut stage = Stage::new(1);
    stage.enter("carol");
    let text = "hello ".repeat(1000);
    let bomb = zlib(&vec![b'x'; 8 << 20]);
    let noise = b"this was never deflated".to_vec();
    say(
        &mut stage,
        vec![
            message("one", "text/plain", &zlib(text.as_bytes())),
            message("two", "text/plain", &raw(b"raw deflate")),
            message("three", "text/plain", &bomb),
            message("four", "text/plain", &noise),
            message("five", "text/plain", &zlib(b"last")),
        ],
    );
    assert_eq!(stage.texts("bob"), [&text, "raw deflate", "last"]);
    // What cannot be opened is handed on as it came.
    let rest: Vec<usize> = (stage.client_events("bob").into_iter())
        .filter_map(|event| match event {
            client::Event::Content { body, .. } => Some(body.len()),
            _ => None,
        })
        .collect();
    assert_eq!(rest, [bomb.len(), noise.len()]);
}
