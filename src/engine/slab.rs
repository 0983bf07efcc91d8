//! Storage with ids that go stale instead of pointing at somebody else.

/// The id of an entry in a [`Slab`]: a place and the generation that lives there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

/// A growing table of `T`. A key of a removed entry is answered with `None` for good, whoever has moved
/// into its place since.
#[derive(Debug)]
pub struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slab<T> {
    /// An empty table.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }

    /// Adds a value.
    ///
    /// # Panics
    ///
    /// With more than 2^32 - 1 entries, which `Limits` keeps far out of reach.
    pub fn insert(&mut self, value: T) -> Key {
        if let Some(index) = self.free.pop()
            && let Some(entry) = self.entries.get_mut(index as usize)
        {
            entry.value = Some(value);
            self.len += 1;
            return Key {
                index,
                generation: entry.generation,
            };
        }
        let index = u32::try_from(self.entries.len()).expect("fewer than 2^32 entries");
        self.entries.push(Entry {
            generation: 0,
            value: Some(value),
        });
        self.len += 1;
        Key {
            index,
            generation: 0,
        }
    }

    /// The entry of `key`, unless it was removed.
    pub fn get(&self, key: Key) -> Option<&T> {
        let entry = self.entries.get(key.index as usize)?;
        if entry.generation == key.generation {
            entry.value.as_ref()
        } else {
            None
        }
    }

    /// The entry of `key`, unless it was removed.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation == key.generation {
            entry.value.as_mut()
        } else {
            None
        }
    }

    /// Takes the entry of `key` out.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        let value = entry.value.take()?;
        self.len -= 1;
        // A place whose generations are used up is never handed out again.
        if let Some(next) = entry.generation.checked_add(1) {
            entry.generation = next;
            self.free.push(key.index);
        }
        Some(value)
    }

    /// How many entries there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| {
                let index = u32::try_from(index).ok()?;
                Some((
                    Key {
                        index,
                        generation: entry.generation,
                    },
                    entry.value.as_ref()?,
                ))
            })
    }

    /// All entries, in the order of their places.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        self.entries
            .iter_mut()
            .enumerate()
            .filter_map(|(index, entry)| {
                let index = u32::try_from(index).ok()?;
                Some((
                    Key {
                        index,
                        generation: entry.generation,
                    },
                    entry.value.as_mut()?,
                ))
            })
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// A table by the keys of somebody else's [`Slab`]: what is known of an entry in another place. It is found by its place,
/// without the hashing of a map.
#[derive(Debug)]
pub(crate) struct Beside<T> {
    entries: Vec<Option<(u32, Box<T>)>>,
    len: usize,
}

impl<T> Beside<T> {
    /// An empty table.
    pub(crate) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            len: 0,
        }
    }

    /// Says what is known of `key`. What was said of it, or of an earlier entry in its place, is forgotten.
    pub(crate) fn insert(&mut self, key: Key, value: T) {
        let place = key.index as usize;
        if place >= self.entries.len() {
            self.entries.resize_with(place + 1, || None);
        }
        if let Some(entry) = self.entries.get_mut(place) {
            self.len += usize::from(entry.is_none());
            *entry = Some((key.generation, Box::new(value)));
        }
    }

    /// What is known of `key`.
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.entries.get(key.index as usize)? {
            Some((generation, value)) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// What is known of `key`.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.entries.get_mut(key.index as usize)? {
            Some((generation, value)) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// Takes out what is known of `key`.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let (_, value) = self.entries.get_mut(key.index as usize)?.take()?;
        self.len -= 1;
        Some(*value)
    }

    /// Of how many keys something is known.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// All that is known, in the order of the places.
    #[cfg(test)]
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().flatten().map(|(_, value)| &**value)
    }
}

/// Declares a public id: a [`Key`] that says what it is the key of.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(unreachable_pub, reason = "some ids are for their own module only")]
        pub struct $name(pub(crate) $crate::engine::Key);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
pub(crate) use id;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_is_nobody() {
        let mut slab = Slab::new();
        let first = slab.insert("first");
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second");
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"second"));
        assert_eq!((slab.len(), slab.iter().count()), (1, 1));
        slab.remove(second);
        assert!(slab.is_empty());
    }

    #[test]
    fn what_stands_beside_a_stale_key_is_nobodys() {
        let (mut slab, mut beside) = (Slab::new(), Beside::new());
        let first = slab.insert(());
        beside.insert(first, "first");
        slab.remove(first);
        let second = slab.insert(());
        assert_eq!(beside.get(second), None);
        beside.insert(second, "second");
        assert_eq!((beside.get(first), beside.len()), (None, 1));
        assert_eq!(beside.remove(first), None);
        assert_eq!(beside.remove(second), Some("second"));
        assert_eq!((beside.values().count(), beside.len()), (0, 0));
    }
}
