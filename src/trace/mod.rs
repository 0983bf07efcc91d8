//! Looking at what a node sent and received: captures for Wireshark, ladder diagrams, decoded messages.
//!
//! A [`Recorder`] given to a node as its [`Tap`](crate::engine::Tap) remembers every message. What several
//! recorders remember may simply be put one after the other: a message seen at both of its ends counts once
//! ([`hops`]).
//!
//! - [`pcap`](pcap()) makes a file that `tshark` and Wireshark open;
//! - [`ladder::html`] makes a page that a browser shows without a network;
//! - [`decode`] makes a tree of any message, with what is wrong with it and where.

pub mod decode;
pub mod ladder;

mod hop;
mod pcap;
mod recorder;

pub use hop::{Hop, hops};
pub use pcap::pcap;
pub use recorder::Recorder;

#[cfg(test)]
mod testing {
    use crate::engine::{DateTime, Direction, Protocol, Sighting, Transport};
    use bytes::Bytes;
    use std::net::SocketAddr;

    pub(super) fn udp() -> (Protocol, Transport) {
        (Protocol::Sip, Transport::Udp)
    }

    pub(super) fn tcp() -> (Protocol, Transport) {
        (Protocol::Sip, Transport::Tcp)
    }

    pub(super) fn msrp() -> (Protocol, Transport) {
        (Protocol::Msrp, Transport::Tcp)
    }

    /// `bytes` as their sender sees them, `at` milliseconds after the start, on the way `"a:1 > b:2"`, where
    /// `a` is 10.0.0.1 and so on.
    pub(super) fn sighting(
        at: i64,
        (protocol, transport): (Protocol, Transport),
        way: &str,
        bytes: &[u8],
    ) -> Sighting {
        let (from, to) = way.split_once(" > ").unwrap();
        let start = DateTime::parse_from_rfc3339("2026-01-02T03:04:05.678Z").unwrap();
        Sighting {
            at: start + chrono::TimeDelta::milliseconds(at),
            direction: Direction::Out,
            protocol,
            transport,
            local: address(from),
            peer: address(to),
            bytes: Bytes::copy_from_slice(bytes),
        }
    }

    /// The same as its recipient sees them.
    pub(super) fn seen_in(
        at: i64,
        carried: (Protocol, Transport),
        way: &str,
        bytes: &[u8],
    ) -> Sighting {
        let sent = sighting(at, carried, way, bytes);
        Sighting {
            direction: Direction::In,
            local: sent.peer,
            peer: sent.local,
            ..sent
        }
    }

    fn address(text: &str) -> SocketAddr {
        let (host, port) = text.rsplit_once(':').unwrap();
        let host = match host {
            "any" => "0.0.0.0".to_owned(),
            "six" => "[2001:db8::6]".to_owned(),
            "seven" => "[2001:db8::7]".to_owned(),
            _ => format!("10.0.0.{}", host.as_bytes()[0] - b'a' + 1),
        };
        format!("{host}:{port}").parse().unwrap()
    }
}
