//! Hash tables with SipHash under a key of our own.

use siphasher::sip::SipHasher13;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

/// A hash map made by [`Ids::map`](super::Ids::map).
///
/// The standard library's map takes its key from the operating system, which would be a second source of
/// chance; this one's comes from the seed, so it resists flooding (a peer picks Call-IDs and branches)
/// and still iterates in the same order in every run of the same seed.
pub type Map<K, V> = HashMap<K, V, Keyed>;

/// A hash set made by [`Ids::set`](super::Ids::set).
pub type Set<T> = HashSet<T, Keyed>;

/// Builds SipHash-1-3 hashers with one secret key.
#[derive(Clone, Copy)]
pub struct Keyed {
    key: (u64, u64),
}

impl Keyed {
    pub(super) const fn new(first: u64, second: u64) -> Self {
        Self {
            key: (first, second),
        }
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.key.0, self.key.1)
    }
}

impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyed(..)")
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{Ids, Seed};
    use std::hash::BuildHasher;

    #[test]
    fn attack_17_who_does_not_know_the_seed_does_not_know_where_a_key_falls() {
        let maps = [1, 2].map(|seed| Ids::new(Seed::from_number(seed)).map::<String, ()>());
        // Keys that fall together under one key, in the lower bits that choose the place, are scattered by another.
        let place = |map: usize, key: &str| maps[map].hasher().hash_one(key) & 0xff;
        let together: Vec<String> = (0..200_000)
            .map(|number| format!("{number}@example.com"))
            .filter(|key| place(0, key) == 0)
            .collect();
        let mut places = [0_usize; 256];
        for key in &together {
            places[place(1, key) as usize] += 1;
        }
        let most = places.into_iter().max().unwrap_or_default();
        assert!(
            together.len() > 500 && most < 20,
            "{most} of {}",
            together.len()
        );
    }
}
