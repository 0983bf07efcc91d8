//! The state that a focus tells, and to whom it has told what: the notifier's side.

use super::{ConferenceInfo, ConferenceState, Description, Extent, User, Users};
use crate::engine::Limits;
use crate::wire::Text;
use std::collections::VecDeque;

/// A conference as its focus knows it.
///
/// It remembers which of its parts changed lately, at most
/// [`Limits::event_items`](crate::engine::Limits::event_items) times, so that a subscriber gets what has changed since
/// it was told last, and all of it where that is too long ago. How many users there may be is for the focus to say.
#[derive(Clone, Debug)]
pub struct Conference {
    entity: Text,
    description: Option<Description>,
    state: ConferenceState,
    users: Vec<User>,
    /// How many changes there have been.
    revision: u64,
    /// The latest changes, the last one at the end.
    history: VecDeque<Part>,
}

/// What can change by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Description,
    State,
    User(Text),
}

/// What one subscriber was told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    revision: Option<u64>,
    /// The version of the next document.
    version: u32,
}

impl Conference {
    /// A conference that nobody is in.
    pub fn new(entity: impl Into<Text>) -> Self {
        Self {
            entity: entity.into(),
            description: None,
            state: ConferenceState {
                user_count: Some(0),
                ..ConferenceState::default()
            },
            users: Vec::new(),
            revision: 0,
            history: VecDeque::new(),
        }
    }

    /// What the conference is.
    pub const fn description(&self) -> Option<&Description> {
        self.description.as_ref()
    }

    /// Tells what the conference is.
    pub fn set_description(&mut self, mut description: Description, limits: &Limits) {
        description.extent = Extent::Full;
        if self.description.as_ref() != Some(&description) {
            self.description = Some(description);
            self.changed(Part::Description, limits);
        }
    }

    /// Tells whether the conference is going on, and whether it is closed to newcomers. How many take part is counted
    /// here.
    pub fn set_state(&mut self, active: Option<bool>, locked: Option<bool>, limits: &Limits) {
        self.put_state(
            ConferenceState {
                active,
                locked,
                ..self.state
            },
            limits,
        );
    }

    /// The users.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.iter()
    }

    /// The user with that URI.
    pub fn user(&self, entity: &str) -> Option<&User> {
        self.users.iter().find(|user| user.entity == *entity)
    }

    /// Puts a user in, or what is new about one in the place of what was known.
    pub fn set_user(&mut self, mut user: User, limits: &Limits) {
        user.extent = Extent::Full;
        let entity = user.entity.clone();
        match self.users.iter_mut().find(|each| each.entity == entity) {
            Some(each) if *each == user => return,
            Some(each) => *each = user,
            None => self.users.push(user),
        }
        self.changed(Part::User(entity), limits);
        self.count(limits);
    }

    /// Takes a user out.
    pub fn remove_user(&mut self, entity: &str, limits: &Limits) -> Option<User> {
        let at = self.users.iter().position(|user| user.entity == *entity)?;
        let user = self.users.remove(at);
        self.changed(Part::User(user.entity.clone()), limits);
        self.count(limits);
        Some(user)
    }

    /// What a subscriber is to be told now: all of it the first time and where it has missed too much, or else what
    /// has changed; `None` if nothing has.
    pub fn next(&self, told: &mut Cursor) -> Option<ConferenceInfo> {
        let Some(revision) = told.revision else {
            return Some(self.full(told));
        };
        let missed = self.revision.saturating_sub(revision);
        if missed == 0 {
            return None;
        }
        let from = usize::try_from(missed)
            .ok()
            .and_then(|missed| self.history.len().checked_sub(missed));
        let Some(from) = from else {
            return Some(self.full(told));
        };
        let changed = || self.history.range(from..);
        let mut users: Vec<User> = Vec::new();
        // Each once and as it is now, however often it changed.
        for part in changed() {
            let Part::User(entity) = part else { continue };
            if users.iter().any(|user| user.entity == *entity) {
                continue;
            }
            users.push(self.user(entity).cloned().unwrap_or_else(|| User {
                extent: Extent::Deleted,
                ..User::new(entity.clone())
            }));
        }
        let mut document = self.document(told, Extent::Partial);
        if changed().any(|part| *part == Part::Description) {
            document.description.clone_from(&self.description);
        }
        document.state = changed()
            .any(|part| *part == Part::State)
            .then_some(self.state);
        document.users = (!users.is_empty()).then_some(Users {
            extent: Extent::Partial,
            users,
        });
        Some(document)
    }

    /// All of it, as a subscription that begins or is refreshed has to be told (RFC 6665 §4.2.1).
    pub fn full(&self, told: &mut Cursor) -> ConferenceInfo {
        ConferenceInfo {
            description: self.description.clone(),
            state: Some(self.state),
            users: Some(Users {
                extent: Extent::Full,
                users: self.users.clone(),
            }),
            ..self.document(told, Extent::Full)
        }
    }

    /// That the conference is over.
    pub fn end(&self, told: &mut Cursor) -> ConferenceInfo {
        self.document(told, Extent::Deleted)
    }

    fn document(&self, told: &mut Cursor, extent: Extent) -> ConferenceInfo {
        let version = told.version;
        *told = Cursor {
            revision: Some(self.revision),
            version: version.wrapping_add(1),
        };
        ConferenceInfo {
            entity: self.entity.clone(),
            extent,
            version: Some(version),
            description: None,
            state: None,
            users: None,
        }
    }

    fn count(&mut self, limits: &Limits) {
        let present = self.users.iter().filter(|user| user.is_present()).count();
        self.put_state(
            ConferenceState {
                user_count: u32::try_from(present).ok(),
                ..self.state
            },
            limits,
        );
    }

    fn put_state(&mut self, state: ConferenceState, limits: &Limits) {
        if self.state != state {
            self.state = state;
            self.changed(Part::State, limits);
        }
    }

    fn changed(&mut self, part: Part, limits: &Limits) {
        self.revision += 1;
        self.history.push_back(part);
        while self.history.len() > limits.event_items {
            self.history.pop_front();
        }
    }
}
