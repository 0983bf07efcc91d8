//! Who takes part.

use crate::trace::Hop;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// One lifeline.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Participant {
    pub label: String,
    /// The addresses that it was seen with.
    pub addresses: BTreeSet<SocketAddr>,
}

/// Everybody who takes part, and who has which address.
#[derive(Debug)]
pub(super) struct Cast {
    pub participants: Vec<Participant>,
    places: BTreeMap<SocketAddr, usize>,
}

impl Cast {
    /// The named ones first, in the order of their names; then the others as they appear.
    pub(super) fn of<N: AsRef<str>>(hops: &[Hop], names: &[(SocketAddr, N)]) -> Self {
        let exact: BTreeMap<_, _> = names
            .iter()
            .rev()
            .map(|(at, name)| (*at, name.as_ref()))
            .collect();
        let label = |address: SocketAddr| {
            let whole_host = SocketAddr::new(address.ip(), 0);
            exact
                .get(&address)
                .or_else(|| exact.get(&whole_host))
                .copied()
        };
        // Where one address of a host has a name of its own, its other ports are somebody else's.
        let shared: BTreeSet<IpAddr> = names
            .iter()
            .filter(|(address, _)| address.port() != 0)
            .map(|(address, _)| address.ip())
            .collect();

        let mut cast = Self {
            participants: Vec::new(),
            places: BTreeMap::new(),
        };
        let mut seats: BTreeMap<String, usize> = BTreeMap::new();
        let seen: Vec<_> = hops.iter().flat_map(|hop| [hop.from, hop.to]).collect();
        let appear: BTreeSet<_> = seen.iter().filter_map(|&address| label(address)).collect();
        let named = names.iter().map(|(_, name)| name.as_ref());
        for name in named.filter(|name| appear.contains(name)) {
            cast.seat(&mut seats, name.to_owned());
        }
        for address in seen {
            let name = match label(address) {
                Some(name) => name.to_owned(),
                None if shared.contains(&address.ip()) => address.to_string(),
                None => address.ip().to_string(),
            };
            let place = cast.seat(&mut seats, name);
            if let Some(participant) = cast.participants.get_mut(place) {
                participant.addresses.insert(address);
            }
            cast.places.insert(address, place);
        }
        cast
    }

    fn seat(&mut self, seats: &mut BTreeMap<String, usize>, label: String) -> usize {
        *seats.entry(label).or_insert_with_key(|label| {
            self.participants.push(Participant {
                label: label.clone(),
                addresses: BTreeSet::new(),
            });
            self.participants.len() - 1
        })
    }

    /// The place of whoever has this address.
    pub(super) fn place(&self, address: SocketAddr) -> usize {
        self.places.get(&address).copied().unwrap_or(0)
    }

    /// The name of whoever has this address.
    pub(super) fn label(&self, address: SocketAddr) -> &str {
        self.participants
            .get(self.place(address))
            .map_or("", |participant| &participant.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::hops;
    use crate::trace::testing::{sighting, tcp};

    fn labels(names: &[(&str, &str)]) -> Vec<String> {
        let names: Vec<_> = names
            .iter()
            .map(|(address, name)| (address.parse().unwrap(), name.to_string()))
            .collect();
        let hops = hops(&[
            sighting(0, tcp(), "b:4000 > a:5060", b"1"),
            sighting(1, tcp(), "a:4001 > c:5060", b"2"),
        ]);
        let cast = Cast::of(&hops, &names);
        cast.participants.into_iter().map(|p| p.label).collect()
    }

    #[test]
    fn names_set_the_order_and_one_name_is_one_participant() {
        assert_eq!(
            labels(&[
                ("10.0.0.1:5060", "server"),
                ("10.0.0.1:4001", "server"),
                ("10.0.0.9:1", "away"),
                ("10.0.0.3:0", "carol")
            ]),
            ["server", "carol", "10.0.0.2"]
        );
    }

    #[test]
    fn a_port_that_nobody_named_is_on_its_own_where_the_host_is_shared() {
        assert_eq!(
            labels(&[("10.0.0.1:5060", "server")]),
            ["server", "10.0.0.2", "10.0.0.1:4001", "10.0.0.3"]
        );
    }
}
