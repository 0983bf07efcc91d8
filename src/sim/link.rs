//! What a network does to what passes through it.

use crate::engine::Ids;
use std::time::Duration;

/// A link between two hosts. Chances are in thousandths and apply to datagrams; streams repair what is
/// lost below them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The least and the greatest time that something takes.
    pub latency: (Duration, Duration),
    /// How many datagrams are lost.
    pub lost: u16,
    /// How many arrive twice.
    pub doubled: u16,
    /// How many are held up, so that later ones pass them.
    pub reordered: u16,
    /// How many pieces of a stream arrive in two.
    pub split: u16,
    /// The bytes that may be under way in one direction of a stream.
    pub window: usize,
}

impl Default for Link {
    /// A good network of a country: 5 to 40 ms, nothing lost.
    fn default() -> Self {
        Self {
            latency: (Duration::from_millis(5), Duration::from_millis(40)),
            lost: 0,
            doubled: 0,
            reordered: 0,
            split: 100,
            window: 64 * 1024,
        }
    }
}

impl Link {
    pub(super) fn latency(&self, chance: &mut Ids) -> Duration {
        chance.between(self.latency.0, self.latency.1)
    }

    /// When each copy of a datagram arrives, from now on.
    pub(super) fn datagram(&self, chance: &mut Ids) -> [Option<Duration>; 2] {
        let copies = match () {
            () if happens(chance, self.lost) => return [None, None],
            () if happens(chance, self.doubled) => 2,
            () => 1,
        };
        let mut arrive = || {
            let held_up = if happens(chance, self.reordered) {
                chance.between(Duration::ZERO, HELD_UP)
            } else {
                Duration::ZERO
            };
            self.latency(chance) + held_up
        };
        [Some(arrive()), (copies == 2).then(arrive)]
    }
}

pub(super) fn happens(chance: &mut Ids, thousandths: u16) -> bool {
    chance.below(1000) < u64::from(thousandths)
}

/// How long a datagram is held up at the most.
const HELD_UP: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Seed;

    #[test]
    fn chances_come_true_about_as_often_as_they_say() {
        let mut chance = Ids::new(Seed::from_number(1));
        let link = Link {
            lost: 200,
            doubled: 100,
            ..Link::default()
        };
        let copies = |[first, second]: [Option<Duration>; 2]| {
            usize::from(first.is_some()) + usize::from(second.is_some())
        };
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            counts[copies(link.datagram(&mut chance))] += 1;
        }
        assert!((1800..2200).contains(&counts[0]), "{counts:?}");
        assert!((700..900).contains(&counts[2]), "{counts:?}");
    }
}
