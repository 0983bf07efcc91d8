//! What has become of a message: states that only grow (RFC 5438).

use crate::wire::Text;

/// How far a message has come with one recipient. A later state never gives way to an earlier one, in
/// whatever order the reports arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Status {
    /// On its way: nobody has taken custody of it yet.
    Pending,
    /// The next hop has custody: it will be delivered, or we will be told.
    Sent,
    /// It could not be delivered. A report of success that comes after all still counts.
    Failed,
    /// A device of the recipient has it (RFC 5438 §7.2.1.1).
    Delivered,
    /// The recipient has seen it (RFC 5438 §7.2.1.3).
    Displayed,
}

impl Status {
    /// The state as one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Displayed => "displayed",
        }
    }

    /// Grows to `to`; false if that is no news.
    pub fn grow(&mut self, to: Self) -> bool {
        let grows = to > *self;
        if grows {
            *self = to;
        }
        grows
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The last ids seen, as many as it has room for: what was here already is a duplicate.
///
/// The identity of a message is its `imdn.Message-ID` with its sender, never a Call-ID.
#[derive(Debug)]
pub struct Seen {
    ids: crate::engine::Set<Text>,
    order: std::collections::VecDeque<Text>,
}

impl Seen {
    /// Nothing seen yet.
    pub fn new(ids: &mut crate::engine::Ids) -> Self {
        Self {
            ids: ids.set(),
            order: std::collections::VecDeque::new(),
        }
    }

    /// Remembers `id`, forgetting the oldest beyond `room`. False if it was here already.
    pub fn insert(&mut self, id: &Text, room: usize) -> bool {
        if self.ids.contains(id) {
            return false;
        }
        let id = id.compact();
        self.order.push_back(id.clone());
        self.ids.insert(id);
        while self.order.len() > room {
            if let Some(oldest) = self.order.pop_front() {
                self.ids.remove(&oldest);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Ids, Seed};

    #[test]
    fn states_only_grow() {
        let mut status = Status::Pending;
        assert!(status.grow(Status::Displayed));
        assert!(!status.grow(Status::Delivered));
        assert!(!status.grow(Status::Failed));
        assert_eq!(status, Status::Displayed);
    }

    #[test]
    fn a_duplicate_is_known_while_there_is_room() {
        let mut seen = Seen::new(&mut Ids::new(Seed::from_number(0)));
        let ids = ["a", "b", "c"].map(Text::from);
        assert!(ids.iter().all(|id| seen.insert(id, 2)));
        assert!(!seen.insert(&ids[2], 2));
        assert!(seen.insert(&ids[0], 2), "the oldest was forgotten");
        assert_eq!(seen.order.len(), 2);
    }
}
