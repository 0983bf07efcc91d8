//! What was seen at one end or at both ends, as one message on its way.

use crate::engine::{DateTime, Direction, Protocol, Sighting, Transport};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// One message on its way from one address to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// When it was sent, or when it arrived if its sender was not watched.
    pub at: DateTime,
    /// When it arrived, if its recipient was watched and it did.
    pub arrived: Option<DateTime>,
    /// How many times it arrived, if its recipient was watched: a network may lose and double datagrams.
    pub arrivals: Option<u32>,
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// What it is a message of.
    pub protocol: Protocol,
    /// What carried it.
    pub transport: Transport,
    /// All its bytes.
    pub bytes: Bytes,
}

impl Hop {
    /// Whether its recipient was watched and never saw it.
    pub fn is_lost(&self) -> bool {
        self.arrivals == Some(0)
    }
}

/// Turns what several nodes saw, in any order, into the messages that were on their way, in the order of time.
///
/// A message that was seen at both ends, or at both ends of the same node (a hairpin), is one hop: the
/// sender's sighting, together with the time at which the recipient saw the same bytes from the same
/// address. Equal messages (retransmissions) pair up with the latest one sent before each arrival.
pub fn hops(sightings: &[Sighting]) -> Vec<Hop> {
    let mut order: Vec<(usize, &Sighting)> = sightings.iter().enumerate().collect();
    order.sort_by_key(|(_, seen)| seen.at);
    let watched: BTreeSet<_> = sightings.iter().map(|s| (s.transport, s.local)).collect();

    let mut hops: Vec<Hop> = Vec::with_capacity(order.len());
    // Which sighting made each of them: at equal times a question comes before its answer.
    let mut places: Vec<usize> = Vec::with_capacity(order.len());
    // Where among `hops` the messages with these bytes are that were seen to leave.
    let mut sent: BTreeMap<(Transport, &[u8]), Vec<usize>> = BTreeMap::new();
    let going = |way| {
        order
            .iter()
            .filter(move |(_, seen)| seen.direction == way)
            .copied()
    };
    for (place, seen) in going(Direction::Out) {
        places.push(place);
        sent.entry((seen.transport, &seen.bytes))
            .or_default()
            .push(hops.len());
        let is_watched = watched.contains(&(seen.transport, seen.peer));
        hops.push(Hop {
            at: seen.at,
            arrived: None,
            arrivals: is_watched.then_some(0),
            from: seen.local,
            to: seen.peer,
            protocol: seen.protocol,
            transport: seen.transport,
            bytes: seen.bytes.clone(),
        });
    }
    for (place, seen) in going(Direction::In) {
        let candidates = sent.get(&(seen.transport, &*seen.bytes));
        let same_way = candidates.into_iter().flatten().copied().filter(|&n| {
            hops.get(n)
                .is_some_and(|hop| is_same(hop.from, seen.peer) && is_same(hop.to, seen.local))
        });
        if let Some(n) = best(&hops, same_way, seen.at) {
            if let Some(hop) = hops.get_mut(n) {
                hop.arrived.get_or_insert(seen.at);
                hop.arrivals = Some(hop.arrivals.unwrap_or(0).saturating_add(1));
                hop.from = specific(hop.from, seen.peer);
                hop.to = specific(hop.to, seen.local);
            }
        } else {
            places.push(place);
            hops.push(Hop {
                at: seen.at,
                arrived: Some(seen.at),
                arrivals: Some(1),
                from: seen.peer,
                to: seen.local,
                protocol: seen.protocol,
                transport: seen.transport,
                bytes: seen.bytes.clone(),
            });
        }
    }
    let mut hops: Vec<_> = hops.into_iter().zip(places).collect();
    hops.sort_by_key(|(hop, place)| (hop.at, *place));
    hops.into_iter().map(|(hop, _)| hop).collect()
}

/// Of the messages sent, the one that an arrival at `at` belongs to: the latest one sent before that has not
/// arrived yet; else the latest one sent before, which then has arrived twice; else one that was sent after,
/// since the clocks of two nodes may differ.
fn best(hops: &[Hop], candidates: impl Iterator<Item = usize>, at: DateTime) -> Option<usize> {
    candidates.max_by_key(|&n| {
        hops.get(n)
            .map(|hop| (hop.at <= at, hop.arrived.is_none(), hop.at))
    })
}

/// Whether two notes of an address can mean the same: a socket bound to every address of its host does not
/// know which one a datagram leaves from.
fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    let ip = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    let port = one.port() == other.port() || one.port() == 0 || other.port() == 0;
    ip && port
}

fn specific(one: SocketAddr, other: SocketAddr) -> SocketAddr {
    if one.ip().is_unspecified() || one.port() == 0 {
        other
    } else {
        one
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::{seen_in, sighting, tcp, udp};

    #[test]
    fn a_message_seen_at_both_ends_is_one() {
        let all = [
            seen_in(7, udp(), "a:1 > b:2", b"hello"),
            sighting(5, udp(), "a:1 > b:2", b"hello"),
        ];
        let hops = hops(&all);
        assert_eq!(hops.len(), 1);
        assert_eq!((hops[0].at, hops[0].arrived), (all[1].at, Some(all[0].at)));
    }

    #[test]
    fn a_message_seen_at_one_end_stays() {
        let only_in = hops(&[seen_in(1, tcp(), "a:1 > b:2", b"x")]);
        let only_out = hops(&[sighting(1, tcp(), "a:1 > b:2", b"x")]);
        assert_eq!(only_in[0].from, only_out[0].from);
        assert!(!only_out[0].is_lost(), "nobody watches the recipient");
    }

    #[test]
    fn a_lost_datagram_and_its_retransmission_are_two() {
        let hops = hops(&[
            sighting(0, udp(), "a:1 > b:2", b"x"),
            sighting(500, udp(), "a:1 > b:2", b"x"),
            seen_in(510, udp(), "a:1 > b:2", b"x"),
        ]);
        assert_eq!(hops.len(), 2);
        assert_eq!((hops[0].is_lost(), hops[1].is_lost()), (true, false));
    }

    #[test]
    fn a_doubled_datagram_is_one_that_arrived_twice() {
        let hops = hops(&[
            sighting(0, udp(), "a:1 > b:2", b"x"),
            seen_in(3, udp(), "a:1 > b:2", b"x"),
            seen_in(4, udp(), "a:1 > b:2", b"x"),
        ]);
        assert_eq!(hops.len(), 1);
        assert_eq!(hops[0].arrivals, Some(2));
    }

    #[test]
    fn a_request_from_outside_comes_before_what_it_causes_at_the_same_time() {
        let hops = hops(&[
            seen_in(0, tcp(), "a:1 > b:2", b"request"),
            sighting(0, tcp(), "b:3 > c:2", b"relayed"),
            sighting(0, tcp(), "b:2 > a:1", b"response"),
        ]);
        let seen: Vec<_> = hops.iter().map(|hop| &*hop.bytes).collect();
        assert_eq!(seen, [&b"request"[..], b"relayed", b"response"]);
    }

    #[test]
    fn clocks_that_differ_do_not_double_a_message() {
        let hops = hops(&[
            sighting(9, udp(), "a:1 > b:2", b"x"),
            seen_in(2, udp(), "a:1 > b:2", b"x"),
        ]);
        assert_eq!(hops.len(), 1);
    }

    #[test]
    fn the_same_bytes_on_two_legs_are_two() {
        let hops = hops(&[
            sighting(0, tcp(), "a:1 > b:2", b"x"),
            seen_in(1, tcp(), "a:1 > b:2", b"x"),
            sighting(2, tcp(), "b:3 > c:2", b"x"),
            seen_in(3, tcp(), "b:3 > c:2", b"x"),
        ]);
        assert_eq!(hops.len(), 2);
    }

    #[test]
    fn a_socket_bound_to_any_address_is_recognised() {
        let hops = hops(&[
            sighting(0, udp(), "any:1 > b:2", b"x"),
            seen_in(1, udp(), "a:1 > b:2", b"x"),
        ]);
        assert_eq!(hops.len(), 1);
        assert_eq!(hops[0].from, "10.0.0.1:1".parse().unwrap());
    }
}
