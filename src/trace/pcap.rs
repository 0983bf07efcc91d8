//! Captures for Wireshark.

use super::hop::{Hop, hops};
use crate::engine::{DateTime, Sighting, Transport};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Packets begin with an IP header, version 4 or 6 (`LINKTYPE_RAW`).
const LINKTYPE_RAW: u32 = 101;
/// More than the largest IP packet.
const SNAPLEN: u32 = 262_144;
const IPV4_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
const TCP_HEADER: usize = 20;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
/// The most that an IPv4 packet carries behind its header; IPv6 would carry as much again as that header.
const PAYLOAD: usize = 65_535 - IPV4_HEADER;
/// MSS of the whole packet, and a window of a gigabyte: no acknowledgement has to be made up in between.
const SYN_OPTIONS: [u8; 8] = [2, 4, 0xff, 0xd7, 3, 3, 14, 0];
/// How many bytes may be under way before an acknowledgement is made up after all.
const UNACKNOWLEDGED: u32 = 1 << 29;

const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// Makes a capture file (pcap, microseconds, raw IP) of what was seen.
///
/// Addresses, ports, times and payloads are those of the messages; IP, UDP and TCP headers around them are
/// made up, with right lengths, checksums and sequence numbers. A TCP connection begins with its handshake
/// right before the first message on it. What went through TLS is shown in clear on the same ports. Each
/// message begins a segment of its own, and one of more than 64 KB is split; what was seen at both ends is
/// written once, as its sender saw it (see [`hops`]).
///
/// Wireshark recognises SIP and MSRP by their first bytes (its heuristics `sip_udp`, `sip_tcp` and `msrp_tcp`
/// are on by default) on every port that it does not know as some other protocol's. Where a port is, such as
/// 6000 or 5060 for MSRP: `tshark -o tcp.try_heuristic_first:TRUE -o udp.try_heuristic_first:TRUE -r FILE`.
pub fn pcap(sightings: &[Sighting]) -> Vec<u8> {
    let mut file = File::new();
    let mut connections = BTreeMap::new();
    for hop in hops(sightings) {
        match hop.transport {
            Transport::Udp => file.datagram(&hop),
            _ => {
                let key = (hop.from.min(hop.to), hop.from.max(hop.to));
                connections
                    .entry(key)
                    .or_insert_with(|| Connection::open(&mut file, &hop))
                    .send(&mut file, &hop);
            }
        }
    }
    file.bytes
}

/// The capture under construction.
struct File {
    bytes: Vec<u8>,
    /// The identification of the next IPv4 packet.
    identification: u16,
}

impl File {
    fn new() -> Self {
        let mut bytes = Vec::with_capacity(4096);
        bytes.extend(0xa1b2_c3d4_u32.to_le_bytes());
        bytes.extend(2_u16.to_le_bytes());
        bytes.extend(4_u16.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(SNAPLEN.to_le_bytes());
        bytes.extend(LINKTYPE_RAW.to_le_bytes());
        Self {
            bytes,
            identification: 0,
        }
    }

    fn datagram(&mut self, hop: &Hop) {
        // No datagram is longer; a sighting that claims so is cut.
        let payload = head(&hop.bytes, PAYLOAD - UDP_HEADER);
        let mut udp = Vec::with_capacity(UDP_HEADER + payload.len());
        udp.extend(hop.from.port().to_be_bytes());
        udp.extend(hop.to.port().to_be_bytes());
        udp.extend(length(UDP_HEADER + payload.len()).to_be_bytes());
        udp.extend([0; 2]);
        udp.extend(payload);
        self.packet(hop.at, PROTOCOL_UDP, hop.from, hop.to, udp, 6);
    }

    fn segment(&mut self, at: DateTime, from: &Side, to: &Side, flags: u8, payload: &[u8]) {
        let options: &[u8] = if flags & SYN != 0 { &SYN_OPTIONS } else { &[] };
        let words = (TCP_HEADER + options.len()) / 4;
        let acknowledged = if flags & ACK != 0 { to.sent } else { 0 };
        let mut tcp = Vec::with_capacity(words * 4 + payload.len());
        tcp.extend(from.address.port().to_be_bytes());
        tcp.extend(to.address.port().to_be_bytes());
        tcp.extend(from.sent.to_be_bytes());
        tcp.extend(acknowledged.to_be_bytes());
        tcp.push((words as u8) << 4);
        tcp.push(flags);
        tcp.extend(u16::MAX.to_be_bytes());
        tcp.extend([0; 4]);
        tcp.extend(options);
        tcp.extend(payload);
        self.packet(at, PROTOCOL_TCP, from.address, to.address, tcp, 16);
    }

    /// Writes `transport`, a UDP or TCP packet whose checksum belongs at `checksum`.
    fn packet(
        &mut self,
        at: DateTime,
        protocol: u8,
        from: SocketAddr,
        to: SocketAddr,
        mut transport: Vec<u8>,
        checksum: usize,
    ) {
        let (from, to) = same_family(from.ip(), to.ip());
        let mut sum = Sum::default();
        sum.address(from);
        sum.address(to);
        sum.word(u16::from(protocol));
        sum.word(length(transport.len()));
        sum.bytes(&transport);
        let sum = match sum.finish() {
            // In UDP zero says that there is no checksum (RFC 768).
            0 if protocol == PROTOCOL_UDP => u16::MAX,
            sum => sum,
        };
        if let Some(place) = transport.get_mut(checksum..checksum + 2) {
            place.copy_from_slice(&sum.to_be_bytes());
        }
        let header = match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                self.identification = self.identification.wrapping_add(1);
                let mut header = Vec::with_capacity(IPV4_HEADER);
                header.extend([0x45, 0]);
                header.extend(length(IPV4_HEADER + transport.len()).to_be_bytes());
                header.extend(self.identification.to_be_bytes());
                // Don't fragment; 64 hops to live.
                header.extend([0x40, 0, 64, protocol, 0, 0]);
                header.extend(from.octets());
                header.extend(to.octets());
                let mut sum = Sum::default();
                sum.bytes(&header);
                if let Some(place) = header.get_mut(10..12) {
                    place.copy_from_slice(&sum.finish().to_be_bytes());
                }
                header
            }
            (from, to) => {
                let mut header = Vec::with_capacity(40);
                header.extend([0x60, 0, 0, 0]);
                header.extend(length(transport.len()).to_be_bytes());
                header.extend([protocol, 64]);
                header.extend(six(from).octets());
                header.extend(six(to).octets());
                header
            }
        };
        let size = u32::try_from(header.len() + transport.len()).unwrap_or(SNAPLEN);
        // The format knows neither times before 1970 nor after 2106.
        let seconds = u32::try_from(at.timestamp()).unwrap_or(0);
        self.bytes.extend(seconds.to_le_bytes());
        self.bytes
            .extend(at.timestamp_subsec_micros().min(999_999).to_le_bytes());
        self.bytes.extend(size.to_le_bytes());
        self.bytes.extend(size.to_le_bytes());
        self.bytes.extend(header);
        self.bytes.extend(transport);
    }
}

/// One TCP connection.
struct Connection {
    /// Who opened it, which is taken to be who spoke first.
    client: Side,
    server: Side,
}

struct Side {
    address: SocketAddr,
    /// The sequence number of its next byte.
    sent: u32,
    /// How many of its bytes the other side has not acknowledged.
    unacknowledged: u32,
}

impl Connection {
    fn open(file: &mut File, first: &Hop) -> Self {
        let side = |address, sent| Side {
            address,
            sent,
            unacknowledged: 0,
        };
        let mut client = side(first.from, 0);
        let mut server = side(first.to, 0);
        file.segment(first.at, &client, &server, SYN, &[]);
        client.sent = 1;
        file.segment(first.at, &server, &client, SYN | ACK, &[]);
        server.sent = 1;
        file.segment(first.at, &client, &server, ACK, &[]);
        Self { client, server }
    }

    fn send(&mut self, file: &mut File, hop: &Hop) {
        let (from, to) = if self.client.address == hop.from {
            (&mut self.client, &mut self.server)
        } else {
            (&mut self.server, &mut self.client)
        };
        let mut pieces = hop.bytes.chunks(PAYLOAD - TCP_HEADER).peekable();
        while let Some(piece) = pieces.next() {
            let push = if pieces.peek().is_none() { PSH } else { 0 };
            file.segment(hop.at, from, to, ACK | push, piece);
            to.unacknowledged = 0;
            from.sent = from.sent.wrapping_add(u32::from(length(piece.len())));
            from.unacknowledged += u32::from(length(piece.len()));
            if from.unacknowledged > UNACKNOWLEDGED {
                file.segment(hop.at, to, from, ACK, &[]);
                from.unacknowledged = 0;
            }
        }
    }
}

/// The Internet checksum (RFC 1071).
#[derive(Default)]
struct Sum(u64);

impl Sum {
    fn word(&mut self, word: u16) {
        self.0 += u64::from(word);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks(2) {
            let high = pair.first().copied().unwrap_or(0);
            let low = pair.get(1).copied().unwrap_or(0);
            self.word(u16::from_be_bytes([high, low]));
        }
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(four) => self.bytes(&four.octets()),
            IpAddr::V6(six) => self.bytes(&six.octets()),
        }
    }

    fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        !u16::try_from(sum).unwrap_or(0)
    }
}

/// Both addresses in the same version: a socket bound to every IPv4 address can have an IPv6 peer on paper.
fn same_family(from: IpAddr, to: IpAddr) -> (IpAddr, IpAddr) {
    match (from, to) {
        (IpAddr::V4(_), IpAddr::V4(_)) => (from, to),
        _ => (IpAddr::V6(six(from)), IpAddr::V6(six(to))),
    }
}

fn six(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped(),
        IpAddr::V6(six) => six,
    }
}

fn head(bytes: &[u8], most: usize) -> &[u8] {
    bytes.get(..most).unwrap_or(bytes)
}

/// A length that is known to fit.
fn length(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::{msrp, seen_in, sighting, tcp, udp};

    /// One packet of a capture, taken apart again.
    #[derive(Debug)]
    struct Packet {
        from: u16,
        to: u16,
        /// Sequence number, acknowledgement and flags, if it is TCP.
        tcp: Option<(u32, u32, u8)>,
        payload: Vec<u8>,
    }

    fn packets(file: &[u8]) -> Vec<Packet> {
        let mut rest = &file[24..];
        let mut packets = Vec::new();
        while !rest.is_empty() {
            let size = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], rest[12..16], "nothing is cut");
            packets.push(packet(&rest[16..16 + size]));
            rest = &rest[16 + size..];
        }
        packets
    }

    fn packet(ip: &[u8]) -> Packet {
        let word = |at: usize| u16::from_be_bytes([ip[at], ip[at + 1]]);
        let (protocol, addresses, header) = match ip[0] {
            0x45 => {
                assert_eq!(usize::from(word(2)), ip.len());
                let mut sum = Sum::default();
                sum.bytes(&ip[..20]);
                assert_eq!(sum.finish(), 0, "header checksum");
                (ip[9], &ip[12..20], 20)
            }
            _ => {
                assert_eq!(usize::from(word(4)), ip.len() - 40);
                (ip[6], &ip[8..40], 40)
            }
        };
        let mut sum = Sum::default();
        sum.bytes(addresses);
        sum.word(u16::from(protocol));
        sum.word(length(ip.len() - header));
        sum.bytes(&ip[header..]);
        assert_eq!(sum.finish(), 0, "checksum");
        let long = |at: usize| u32::from_be_bytes(ip[at..at + 4].try_into().unwrap());
        let (tcp, payload) = if protocol == PROTOCOL_UDP {
            assert_eq!(usize::from(word(header + 4)), ip.len() - header);
            (None, header + UDP_HEADER)
        } else {
            let offset = usize::from(ip[header + 12] >> 4) * 4;
            let tcp = (long(header + 4), long(header + 8), ip[header + 13]);
            (Some(tcp), header + offset)
        };
        Packet {
            from: word(header),
            to: word(header + 2),
            tcp,
            payload: ip[payload..].to_vec(),
        }
    }

    #[test]
    fn datagrams_keep_ports_and_payload() {
        for way in [
            "a:5060 > b:5070",
            "six:5060 > seven:5070",
            "any:5060 > six:5070",
        ] {
            for payload in [&b"even"[..], b"odd"] {
                let file = pcap(&[sighting(0, udp(), way, payload)]);
                let packets = packets(&file);
                assert_eq!(packets.len(), 1);
                assert_eq!((packets[0].from, packets[0].to), (5060, 5070));
                assert_eq!(packets[0].payload, payload);
            }
        }
    }

    #[test]
    fn the_time_is_that_of_the_message() {
        let file = pcap(&[sighting(0, udp(), "a:1 > b:2", b"x")]);
        let long = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        assert_eq!((long(24), long(28)), (1_767_323_045, 678_000));
    }

    #[test]
    fn a_connection_is_opened_and_counts_its_bytes() {
        let file = pcap(&[
            sighting(0, tcp(), "a:4000 > b:5060", b"hello"),
            seen_in(1, tcp(), "a:4000 > b:5060", b"hello"),
            sighting(2, tcp(), "b:5060 > a:4000", b"world!"),
            sighting(3, tcp(), "a:4000 > b:5060", b"x"),
        ]);
        let seen: Vec<_> = packets(&file)
            .into_iter()
            .map(|p| (p.from, p.tcp.unwrap(), p.payload.len()))
            .collect();
        assert_eq!(
            seen,
            [
                (4000, (0, 0, SYN), 0),
                (5060, (0, 1, SYN | ACK), 0),
                (4000, (1, 1, ACK), 0),
                (4000, (1, 1, ACK | PSH), 5),
                (5060, (1, 6, ACK | PSH), 6),
                (4000, (6, 7, ACK | PSH), 1),
            ]
        );
    }

    #[test]
    fn what_is_too_long_for_a_packet_is_split() {
        let long = vec![b'x'; 200_000];
        for way in ["a:1 > b:2", "six:1 > seven:2"] {
            let file = pcap(&[
                sighting(0, msrp(), way, &long),
                sighting(1, msrp(), way, b"end"),
            ]);
            let data: Vec<_> = packets(&file).into_iter().skip(3).collect();
            let put_together: Vec<u8> = data.iter().flat_map(|p| p.payload.clone()).collect();
            assert_eq!(put_together.len(), long.len() + 3);
            let mut expected = 1;
            for packet in &data {
                assert_eq!(packet.tcp.unwrap().0, expected);
                expected += packet.payload.len() as u32;
            }
        }
        let file = pcap(&[sighting(0, udp(), "a:1 > b:2", &long)]);
        assert_eq!(packets(&file)[0].payload.len(), 65_507);
    }

    #[test]
    fn nothing_seen_is_an_empty_capture() {
        assert_eq!(pcap(&[]).len(), 24);
    }
}
