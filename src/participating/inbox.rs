//! What is kept for each user who is away, without the messages themselves.

use super::pull::Listing;
use super::terminating::is_deferrable;
use super::{Due, Participating, Restored};
use crate::conversation::LegId;
use crate::engine::{Clock, Ids, Map, Slab, id};
use crate::sip::msg::Status;
use crate::wire::Text;
use std::collections::VecDeque;

id! {
    /// What is kept for one user.
    InboxId
}

/// The inboxes of all users for whom something is kept.
#[derive(Debug)]
pub(super) struct Inboxes {
    pub(super) slab: Slab<Inbox>,
    pub(super) by_user: Map<Text, InboxId>,
    pub(super) next_sequence: u64,
}

/// What is kept for one user, without the messages themselves.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) user: Text,
    pub(super) queue: VecDeque<Entry>,
    /// Messages that the store has not confirmed yet.
    pub(super) keeping: usize,
    pub(super) out: Out,
    /// The copies of what is on its way.
    copies: Copies,
    /// The sessions in which chat messages are being delivered, one for each device, and their conversation.
    pub(super) session: Option<(Vec<LegId>, Text)>,
    /// The list that is being made for a user who chooses, and whether that user knows what waits.
    pub(super) listing: Option<Listing>,
    pub(super) told: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) sequence: u64,
    /// It is with a device already, which was too slow to confirm it or has asked for it.
    pub(super) flying: bool,
    /// How often a device has refused it.
    pub(super) refusals: u32,
}

/// How many devices have not answered yet what was sent to them.
#[derive(Clone, Copy, Debug, Default)]
struct Copies {
    sequence: u64,
    out: usize,
    status: Option<Status>,
}

/// What is on its way out of an inbox: one message at a time, so that order is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Out {
    Nothing,
    Loading,
    Flying,
}

impl Inboxes {
    pub(super) fn new(ids: &mut Ids, next_sequence: u64) -> Self {
        Self {
            slab: Slab::new(),
            by_user: ids.map(),
            next_sequence,
        }
    }

    pub(super) fn of(&self, user: &str) -> Option<&Inbox> {
        self.slab.get(self.by_user.get(user)?.0)
    }

    pub(super) fn get_mut(&mut self, id: InboxId) -> Option<&mut Inbox> {
        self.slab.get_mut(id.0)
    }

    pub(super) fn open(&mut self, user: &str) -> InboxId {
        if let Some(&id) = self.by_user.get(user) {
            return id;
        }
        let user = Text::from(user);
        let inbox = Inbox {
            user: user.clone(),
            queue: VecDeque::new(),
            keeping: 0,
            out: Out::Nothing,
            copies: Copies::default(),
            session: None,
            listing: None,
            told: false,
        };
        let id = InboxId(self.slab.insert(inbox));
        self.by_user.insert(user, id);
        id
    }

    pub(super) fn close_if_empty(&mut self, id: InboxId) {
        if self.slab.get(id.0).is_some_and(|inbox| !inbox.is_busy())
            && let Some(inbox) = self.slab.remove(id.0)
        {
            self.by_user.remove(&inbox.user);
        }
    }

    pub(super) fn number(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.saturating_add(1);
        sequence
    }
}

impl Inbox {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether something is kept or about to be: what arrives now must queue up behind it.
    pub(super) fn is_busy(&self) -> bool {
        !self.queue.is_empty() || self.keeping > 0
    }

    /// Takes an entry out, wherever it stands.
    pub(super) fn remove(&mut self, sequence: u64) -> bool {
        let place = self.place(sequence);
        place.and_then(|place| self.queue.remove(place)).is_some()
    }

    /// Where an entry stands: the queue is in the order of the sequences.
    fn place(&self, sequence: u64) -> Option<usize> {
        (self.queue)
            .binary_search_by_key(&sequence, |entry| entry.sequence)
            .ok()
    }

    /// The entry of a message.
    pub(super) fn entry_mut(&mut self, sequence: u64) -> Option<&mut Entry> {
        let place = self.place(sequence)?;
        self.queue.get_mut(place)
    }

    /// A message, or a list, is on its way to so many devices.
    pub(super) fn sent(&mut self, sequence: u64, copies: usize) {
        self.out = Out::Flying;
        self.copies = Copies {
            sequence,
            out: copies,
            status: None,
        };
        self.set_flying(sequence, true);
    }

    /// One of the devices has answered; what came of it all, as soon as that is clear: the first device that
    /// takes it decides.
    pub(super) fn landed(
        &mut self,
        sequence: u64,
        result: Result<bool, Status>,
    ) -> Option<Result<(), Status>> {
        if self.out != Out::Flying || self.copies.sequence != sequence {
            return None;
        }
        let copies = &mut self.copies;
        copies.out = copies.out.saturating_sub(1);
        if let Err(status) = result
            && !copies.status.is_some_and(is_deferrable)
        {
            copies.status = Some(status);
        }
        let outcome = match (result, copies.out, copies.status) {
            (Err(_), 0, Some(status)) => Err(status),
            (Err(_), ..) => return None,
            (Ok(_), ..) => Ok(()),
        };
        self.out = Out::Nothing;
        self.set_flying(sequence, false);
        Some(outcome)
    }

    /// Counts that a device has refused a message.
    pub(super) fn refuse(&mut self, sequence: u64) -> u32 {
        let Some(entry) = self.entry_mut(sequence) else {
            return 0;
        };
        entry.refusals = entry.refusals.saturating_add(1);
        entry.refusals
    }

    /// Whether a message is with a device that has not confirmed it yet.
    pub(super) fn is_out(&self, sequence: u64) -> bool {
        let entry = self.place(sequence).and_then(|place| self.queue.get(place));
        let is_first = (self.queue.front()).is_some_and(|head| head.sequence == sequence);
        entry.is_some_and(|entry| entry.flying) || (is_first && self.out == Out::Flying)
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        let at = self
            .queue
            .partition_point(|other| other.sequence < entry.sequence);
        self.queue.insert(at, entry);
    }
}

impl Participating {
    pub(super) fn restore(&mut self, restored: Restored, clock: &Clock) {
        for enrolment in restored.enrolments {
            self.recall(enrolment, clock);
        }
        for (user, sequence, expires) in restored.kept {
            let id = self.inboxes.open(&user);
            if let Some(inbox) = self.inboxes.get_mut(id) {
                inbox.insert(Entry {
                    sequence,
                    flying: false,
                    refusals: 0,
                });
            }
            if let Some(at) = clock.instant(expires) {
                self.timers.set(Due::Expiry(id, sequence), at);
            }
        }
    }

    /// Whether what arrives for a user must queue up. For one who chooses what to fetch, nothing does.
    pub(super) fn is_busy(&self, user: &str) -> bool {
        !self.pulling.contains(user) && self.inboxes.of(user).is_some_and(Inbox::is_busy)
    }
}
