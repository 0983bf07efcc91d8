//! What reading and writing a SIP message costs in memory, counted by the allocator.

use allocation_counter::measure;
use bytes::Bytes;
use cpm::engine::Limits;
use cpm::sip::msg::{Message, Mode, Name};

const MESSAGES: [(&str, &[u8]); 4] = [
    ("options", include_bytes!("../data/bench/options.sip")),
    ("invite", include_bytes!("../data/bench/invite.sip")),
    ("ok200", include_bytes!("../data/bench/ok200.sip")),
    ("message", include_bytes!("../data/bench/message.sip")),
];

/// Bytes that can be shared without an allocation, as those of a receive buffer.
fn received(message: &[u8]) -> Bytes {
    let bytes = Bytes::copy_from_slice(message);
    drop(bytes.clone());
    bytes
}

#[test]
fn a_message_is_owned_after_at_most_two_allocations() {
    let limits = Limits::default();
    for (name, message) in MESSAGES {
        let bytes = received(message);
        let mut parsed = None;
        let cost = measure(|| parsed = Message::parse(bytes.clone(), &limits).ok());
        assert!(
            parsed.is_some() && cost.count_total <= 2,
            "{name}: {cost:?}"
        );
    }
}

#[test]
fn a_message_is_matched_and_every_header_checked_without_an_allocation() {
    for (name, message) in MESSAGES {
        let message = Message::parse(received(message), &Limits::default()).unwrap();
        let cost = measure(|| {
            assert!(message.keys().is_ok());
            assert!(message.validate(Mode::Receive).is_ok());
            assert_eq!(message.headers().breaches(Mode::Receive).count(), 0);
            assert_eq!(
                message.headers().texts(&Name::Via).count(),
                message.headers().count(&Name::Via)
            );
        });
        assert_eq!(cost.count_total, 0, "{name}: {cost:?}");
    }
}

#[test]
fn an_edited_message_is_written_with_one_allocation() {
    for (name, message) in MESSAGES {
        let mut message = Message::parse(received(message), &Limits::default()).unwrap();
        message
            .headers_mut()
            .set_text(Name::MaxForwards, "69")
            .unwrap();
        let cost = measure(|| assert!(!message.write().is_empty()));
        assert!(cost.count_total <= 1, "{name}: {cost:?}");
    }
}

#[test]
fn attack_3_memory_grows_as_the_message_does() {
    let limits = Limits {
        sip_headers: usize::MAX,
        sip_head: usize::MAX,
        sip_message: usize::MAX,
        ..Limits::default()
    };
    let cost = |count: usize| {
        let fields = "Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n".repeat(count);
        let bytes = received(format!("SIP/2.0 200 OK\r\n{fields}\r\n").as_bytes());
        let cost = measure(|| {
            let message = Message::parse(bytes.clone(), &limits).unwrap();
            assert!(message.headers().breaches(Mode::Receive).next().is_none());
        });
        (cost.bytes_max, bytes.len() as u64)
    };
    let ((few, _), (many, length)) = (cost(1_000), cost(16_000));
    assert!(
        many <= few * 17,
        "{few} and {many} for sixteen times as much"
    );
    assert!(many <= length * 2, "{many} for {length} bytes");
}
