//! RFC 5118: torture messages with IPv6.

use super::torture::{files, frames, parse, survives_an_edit};
use cpm::sip::msg::Mode;

/// §4.2 has no brackets, and §4.10 first a colon too many.
const INVALID: [&str; 2] = ["v42_ipv6NoBrackets", "v410a_extraColon"];

#[test]
fn rfc5118_messages_are_taken_and_written_back_byte_for_byte() {
    for (name, bytes) in files("rfc5118") {
        survives_an_edit(&bytes);
        let message = parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(message.write(), bytes, "{name}");
        for mode in [Mode::Receive, Mode::Strict] {
            let valid = message.validate(mode);
            let invalid = INVALID.contains(&&*name);
            assert_eq!(valid.is_err(), invalid, "{name} {mode:?}: {valid:?}");
        }
    }
}

#[test]
fn rfc5118_messages_come_out_of_a_stream_at_every_split_point() {
    for (name, bytes) in files("rfc5118") {
        for split in 0..bytes.len() {
            let (one, two) = bytes.split_at(split);
            assert_eq!(
                frames(&[one, two]),
                (vec![bytes.clone()], None),
                "{name} at {split}"
            );
        }
    }
}
