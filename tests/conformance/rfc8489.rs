//! RFC 8489: STUN Binding on the port of SIP, and RFC 5769's test vectors for it.

use crate::rfc3261::*;
use cpm::sip::stun::{Message, StunError, is_stun};
use proptest::prelude::*;
use std::net::SocketAddr;

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> = hexadecimal.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// RFC 5769 §2.2 and §2.3 without what authenticates them, and so with another length and fingerprint; the masked
/// addresses are the RFC's.
const ID: &str = "b7e7a701bc34d686fa87dfae";

#[test]
fn rfc8489_14_2_addresses_are_masked_as_the_test_vectors_have_them() {
    for (masked, address) in [
        ("0001a147e112a643", "192.0.2.1:32853"),
        (
            "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9",
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
        ),
    ] {
        let id = <[u8; 12]>::try_from(bytes(ID)).unwrap();
        let mapped: SocketAddr = address.parse().unwrap();
        let written = Message::Success { id, mapped }.write();
        let value = bytes(masked);
        assert_eq!(written[24..24 + value.len()], value);
        assert_eq!(
            Message::parse(&written),
            Ok(Message::Success { id, mapped })
        );
    }
}

#[test]
fn rfc8489_14_7_a_fingerprint_is_checked() {
    let mut request = Message::Request {
        id: [7; 12],
        unknown: Vec::new(),
    }
    .write();
    assert!(is_stun(&request));
    assert_eq!(request[20..], bytes("80280004 404e852d"));
    assert!(Message::parse(&request).is_ok());
    *request.last_mut().unwrap() ^= 1;
    assert_eq!(Message::parse(&request), Err(StunError::Fingerprint));
}

#[test]
fn rfc8489_6_3_1_the_endpoint_answers_on_its_sip_port() {
    let mut wire = alone();
    let ask = |wire: &mut Wire, request: Vec<u8>| {
        wire.inject_bytes(0, PEER, request);
        wire.outside()
    };
    let id = [9; 12];
    let request = Message::Request {
        id,
        unknown: Vec::new(),
    };
    let heard = ask(&mut wire, request.write());
    let mapped = PEER.parse().unwrap();
    assert_eq!(heard.len(), 1);
    assert_eq!(
        Message::parse(&heard[0].data),
        Ok(Message::Success { id, mapped })
    );
    // An attribute that must be understood and is not: 420, and which.
    let mut strange = bytes("0001 0008 2112a442 090909090909090909090909");
    strange.extend(bytes("0042 0004 00000000"));
    let heard = ask(&mut wire, strange);
    assert_eq!(Message::parse(&heard[0].data), Ok(Message::Error { id }));
    assert_eq!(
        heard[0].data[20..34],
        bytes("0009 0004 00000414 000a 0002 0042")
    );
    // What answers nothing, or is broken, is not answered.
    let mut broken = request.write();
    broken.truncate(22);
    let answered = heard[0].data.len();
    for silent in [Message::Success { id, mapped }.write(), broken, vec![0; 30]] {
        assert!(ask(&mut wire, silent).is_empty());
    }
    // An answer is never much larger than the question.
    assert!(answered <= 2 * 28);
}

proptest! {
    #[test]
    fn rfc8489_no_datagram_is_too_strange(
        mut datagram in proptest::collection::vec(any::<u8>(), 0..80),
        as_stun in any::<bool>(),
    ) {
        if as_stun && datagram.len() >= 20 {
            datagram[0] = 1;
            let length = u16::try_from(datagram.len() - 20).unwrap();
            datagram[2..4].copy_from_slice(&length.to_be_bytes());
            datagram[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
        }
        if let Ok(message) = Message::parse(&datagram) {
            let read = Message::parse(&message.write());
            prop_assert!(read.is_ok());
        }
    }
}
