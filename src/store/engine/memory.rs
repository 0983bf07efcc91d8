//! Messages in memory, for tests and simulations: a restarted node that is given the same engine finds what
//! was kept; a restarted process does not.

use super::Engine;
use crate::participating::{Enrolment, Kept, Restored, StoreError};
use crate::wire::Text;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Messages in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    kept: BTreeMap<(Text, u64), Kept>,
    archived: Vec<(Text, Bytes)>,
    enrolments: BTreeMap<Text, Vec<Enrolment>>,
    sequence: u64,
}

impl Memory {
    /// An empty engine.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many messages are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether no message is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What was archived, and for whom.
    pub fn archived(&self) -> &[(Text, Bytes)] {
        &self.archived
    }
}

impl Engine for Memory {
    fn keep(&mut self, kept: &Kept) -> Result<(), StoreError> {
        self.sequence = self.sequence.max(kept.sequence);
        self.kept
            .insert((kept.user.clone(), kept.sequence), kept.clone());
        Ok(())
    }

    fn load(&mut self, user: &str, sequence: u64) -> Result<Option<Bytes>, StoreError> {
        let kept = self.kept.get(&(Text::from(user), sequence));
        Ok(kept.map(|kept| kept.message.clone()))
    }

    fn forget(&mut self, user: &str, sequence: u64) {
        self.kept.remove(&(Text::from(user), sequence));
    }

    fn archive(&mut self, user: &str, message: &Bytes) -> Result<(), StoreError> {
        self.archived.push((Text::from(user), message.clone()));
        Ok(())
    }

    fn enrol(&mut self, user: &str, devices: &[Enrolment]) {
        if devices.is_empty() {
            self.enrolments.remove(user);
        } else {
            self.enrolments.insert(Text::from(user), devices.to_vec());
        }
    }

    fn restore(&mut self) -> Result<Restored, StoreError> {
        let kept = self
            .kept
            .values()
            .map(|kept| (kept.user.clone(), kept.sequence, kept.expires))
            .collect();
        Ok(Restored {
            kept,
            enrolments: self.enrolments.values().flatten().cloned().collect(),
            sequence: self.sequence,
        })
    }
}
