//! How often the codecs of the media plane ask for memory: for a message of a chat, not at all.

use bytes::Bytes;
use cpm::cpim;
use cpm::engine::Limits;
use cpm::imdn::Imdn;
use cpm::msrp::msg::{Framer, Head};

const SEND: &str = "MSRP k3hd9s2a SEND\r\nTo-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
    From-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\nMessage-ID: 87652491\r\n\
    Byte-Range: 1-2/2\r\nFailure-Report: no\r\nX-Other: kept\r\nContent-Type: message/cpim\r\n\r\nhi\r\n-------k3hd9s2a$\r\n";

const CHAT: &str = "From: <sip:alice@example.com>\r\nTo: <sip:bob@example.com>\r\n\
    DateTime: 2026-01-01T09:00:00Z\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: MnA1\r\n\
    imdn.Disposition-Notification: positive-delivery, display\r\n\r\n\
    Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";

/// How many times `work` asks for memory, once everything that is made once is there. What shares a buffer for the
/// first time needs a place for the count of its users, so the buffers are shared before.
fn asks(mut work: impl FnMut()) -> u64 {
    work();
    allocation_counter::measure(work).count_total
}

fn received(text: &str) -> (Bytes, Bytes) {
    let bytes = Bytes::from(text.as_bytes().to_vec());
    (bytes.clone(), bytes)
}

#[test]
fn a_chunk_is_framed_and_its_head_parsed_without_asking_for_memory() {
    let limits = Limits::default();
    let (bytes, _shared) = received(SEND);
    let mut framer = Framer::new();
    let asked = asks(|| {
        framer.push(bytes.clone());
        let frame = framer.next(&limits).unwrap().unwrap();
        let head = Head::parse(frame.head.unwrap()).unwrap();
        assert!(head.is_send());
        assert_eq!(head.message_id(), Some("87652491"));
        assert_eq!(
            head.to_path().unwrap().first().session_id(),
            Some("9di4eae923wzd")
        );
        assert_eq!(head.others().next(), Some(("X-Other", "kept")));
        assert_eq!(frame.body, "hi");
    });
    assert_eq!(asked, 0);
}

#[test]
fn a_chat_message_is_parsed_without_asking_for_memory() {
    let limits = Limits::default();
    let (bytes, _shared) = received(CHAT);
    let asked = asks(|| {
        let message = cpim::Message::parse(bytes.clone(), &limits).unwrap();
        assert_eq!(message.message_id().as_deref(), Some("MnA1"));
        assert!(message.date_time().is_some());
        assert_eq!(message.from().map(|from| from.uri.len()), Some(21));
        assert_eq!(message.body(), "hi");
    });
    assert_eq!(asked, 0);
}

#[test]
fn a_notification_asks_for_no_more_than_it_holds() {
    let limits = Limits::default();
    let document = "<?xml version=\"1.0\"?><imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>MnA1</message-id>\
        <datetime>2026-01-01T09:00:00Z</datetime><delivery-notification><status><delivered/></status>\
        </delivery-notification></imdn>";
    let asked = asks(|| {
        Imdn::parse(document.as_bytes(), &limits).unwrap();
    });
    // The message id, the names that are open, the namespaces that are declared.
    assert!(asked <= 4, "{asked}");
}
