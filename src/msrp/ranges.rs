//! Which bytes of a message are there.

/// A set of bytes of a message, counted from 0: ranges without their ends, sorted, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// In how many pieces it is.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds the bytes from `from` up to, not including, `to`.
    pub(super) fn add(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        // The common case: what follows the last.
        if let Some((_, end)) = self.0.last_mut()
            && *end == from
        {
            *end = to;
            return;
        }
        let first = self.0.partition_point(|(_, end)| *end < from);
        let after = self.0.partition_point(|(start, _)| *start <= to);
        let (mut start, mut end) = (from, to);
        for (one, other) in self.0.get(first..after).unwrap_or_default() {
            (start, end) = (start.min(*one), end.max(*other));
        }
        self.0.splice(first..after.max(first), [(start, end)]);
    }

    /// The first bytes at or after `at` that are missing: from where, and up to where.
    pub(super) fn gap(&self, at: u64) -> (u64, u64) {
        let index = self.0.partition_point(|(_, end)| *end <= at);
        match self.0.get(index) {
            Some((start, _)) if *start > at => (at, *start),
            Some((_, end)) => {
                let next = self.0.get(index + 1);
                (*end, next.map_or(u64::MAX, |(start, _)| *start))
            }
            None => (at, u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_set(adds in proptest::collection::vec((0u64..60, 0u64..30), 0..40), at in 0u64..100) {
            let (mut ranges, mut model) = (Ranges::default(), [false; 200]);
            for (from, len) in adds {
                ranges.add(from, from + len);
                model[from as usize..(from + len) as usize].fill(true);
            }
            prop_assert!(ranges.0.windows(2).all(|pair| pair[0].1 < pair[1].0));
            prop_assert!(ranges.0.iter().all(|(from, to)| from < to));
            for (place, there) in model.iter().enumerate() {
                let place = place as u64;
                prop_assert_eq!(ranges.0.iter().any(|(from, to)| (*from..*to).contains(&place)), *there);
            }
            let from = (at as usize..200).find(|place| !model[*place]).unwrap();
            let to = (from..200).find(|place| model[*place]).map_or(u64::MAX, |place| place as u64);
            prop_assert_eq!(ranges.gap(at), (from as u64, to));
        }
    }
}
