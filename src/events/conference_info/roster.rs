//! One state of many documents: the subscriber's side (RFC 4575 §4.6).

use super::{ConferenceInfo, Description, Endpoint, Extent, Media, User, Users};
use crate::engine::Limits;
use crate::wire::Text;

/// What a document did to the state that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Outcome {
    /// It is up to date.
    Applied,
    /// The conference is over.
    Ended,
    /// It is older than what is known, and was dropped.
    Stale,
    /// It does not follow what is known, and was dropped: refresh the subscription, whose answer is the full state.
    NeedsFull,
    /// There would be more users, endpoints and media than
    /// [`Limits::event_items`](crate::engine::Limits::event_items); nothing was changed.
    TooMany,
}

/// A conference as a subscriber knows it.
///
/// A pure function of the documents: a full one counts unless it is older than what is known, a change counts only if
/// its version is the next one. A new subscription starts with a new one of these, since versions are counted anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    version: Option<u32>,
    info: Option<ConferenceInfo>,
}

impl Roster {
    /// Takes in the next document.
    pub fn apply(&mut self, document: ConferenceInfo, limits: &Limits) -> Outcome {
        let older = |version: u32| self.version.is_some_and(|last| version < last);
        match document.extent {
            Extent::Full | Extent::Deleted if document.version.is_some_and(older) => Outcome::Stale,
            Extent::Deleted => {
                *self = Self::default();
                Outcome::Ended
            }
            Extent::Full => {
                let version = document.version;
                let mut info = ConferenceInfo {
                    description: None,
                    state: document.state,
                    users: None,
                    ..document
                };
                info.description = document.description.map(|mut description| {
                    description.extent = Extent::Full;
                    description
                });
                let users = document.users.map(|users| users.users).unwrap_or_default();
                let mut known = Vec::new();
                merge(&mut known, users);
                self.replace(version, info, known, limits)
            }
            Extent::Partial => self.change(document, limits),
        }
    }

    /// What is known; `None` before the first full state, and after the end.
    pub const fn info(&self) -> Option<&ConferenceInfo> {
        self.info.as_ref()
    }

    /// The users that are known.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.info
            .iter()
            .filter_map(|info| info.users.as_ref())
            .flat_map(|users| &users.users)
    }

    /// The user with that URI.
    pub fn user(&self, entity: &str) -> Option<&User> {
        self.users().find(|user| user.entity == *entity)
    }

    fn change(&mut self, document: ConferenceInfo, limits: &Limits) -> Outcome {
        let (Some(known), Some(last)) = (&self.info, self.version) else {
            return Outcome::NeedsFull;
        };
        let Some(version) = document.version else {
            return Outcome::NeedsFull;
        };
        if version <= last {
            return Outcome::Stale;
        }
        if version - last > 1 {
            return Outcome::NeedsFull;
        }
        let mut info = known.clone();
        let mut users = info.users.take().unwrap_or_default().users;
        if let Some(change) = document.description {
            let known = info.description.get_or_insert_default();
            match change.extent {
                Extent::Partial => known.merge(change),
                Extent::Full => *known = change,
                Extent::Deleted => info.description = None,
            }
        }
        if let Some(change) = document.state {
            let known = info.state.get_or_insert_default();
            known.user_count = change.user_count.or(known.user_count);
            known.active = change.active.or(known.active);
            known.locked = change.locked.or(known.locked);
        }
        if let Some(change) = document.users {
            if change.extent != Extent::Partial {
                users.clear();
            }
            if change.extent != Extent::Deleted {
                merge(&mut users, change.users);
            }
        }
        self.replace(Some(version), info, users, limits)
    }

    fn replace(
        &mut self,
        version: Option<u32>,
        mut info: ConferenceInfo,
        users: Vec<User>,
        limits: &Limits,
    ) -> Outcome {
        let items = |user: &User| {
            let media = user.endpoints.iter().map(|endpoint| endpoint.media.len());
            1 + user.endpoints.len() + media.sum::<usize>()
        };
        if users.iter().map(items).sum::<usize>() > limits.event_items {
            return Outcome::TooMany;
        }
        info.extent = Extent::Full;
        info.version = version;
        info.users = Some(Users {
            extent: Extent::Full,
            users,
        });
        self.version = version;
        self.info = Some(info);
        Outcome::Applied
    }
}

/// What is told apart by a key, and changes by itself (RFC 4575 §4.6).
trait Keyed {
    fn key(&self) -> &Text;
    fn extent(&mut self) -> &mut Extent;
    /// Takes over what the change tells; what it does not tell stays.
    fn merge(&mut self, change: Self);
    /// Puts the things within it in order, where it came as a whole.
    fn settle(&mut self);
}

/// Applies changes of several things to those that are known.
fn merge<T: Keyed + Default>(known: &mut Vec<T>, changes: Vec<T>) {
    for mut change in changes {
        let at = known.iter().position(|each| each.key() == change.key());
        let extent = std::mem::replace(change.extent(), Extent::Full);
        match (extent, at.and_then(|at| known.get_mut(at))) {
            (Extent::Deleted, _) => {
                if let Some(at) = at {
                    known.remove(at);
                }
            }
            (Extent::Partial, Some(each)) => each.merge(change),
            (_, place) => {
                change.settle();
                match place {
                    Some(place) => *place = change,
                    None => known.push(change),
                }
            }
        }
    }
}

fn keep<T>(known: &mut Option<T>, change: Option<T>) {
    if change.is_some() {
        *known = change;
    }
}

fn keep_all<T>(known: &mut Vec<T>, change: Vec<T>) {
    if !change.is_empty() {
        *known = change;
    }
}

impl Description {
    fn merge(&mut self, change: Self) {
        keep(&mut self.display_text, change.display_text);
        keep(&mut self.subject, change.subject);
        keep(&mut self.free_text, change.free_text);
        keep_all(&mut self.keywords, change.keywords);
        keep_all(&mut self.conf_uris, change.conf_uris);
        keep_all(&mut self.service_uris, change.service_uris);
        keep(&mut self.maximum_user_count, change.maximum_user_count);
        keep_all(&mut self.available_media, change.available_media);
    }
}

impl Keyed for User {
    fn key(&self) -> &Text {
        &self.entity
    }

    fn extent(&mut self) -> &mut Extent {
        &mut self.extent
    }

    fn merge(&mut self, change: Self) {
        keep(&mut self.display_text, change.display_text);
        keep(&mut self.nickname, change.nickname);
        keep_all(&mut self.associated_aors, change.associated_aors);
        keep_all(&mut self.roles, change.roles);
        keep(&mut self.languages, change.languages);
        keep(&mut self.cascaded_focus, change.cascaded_focus);
        self.yourown |= change.yourown;
        merge(&mut self.endpoints, change.endpoints);
    }

    fn settle(&mut self) {
        let endpoints = std::mem::take(&mut self.endpoints);
        merge(&mut self.endpoints, endpoints);
    }
}

impl Keyed for Endpoint {
    fn key(&self) -> &Text {
        &self.entity
    }

    fn extent(&mut self) -> &mut Extent {
        &mut self.extent
    }

    fn merge(&mut self, change: Self) {
        keep(&mut self.display_text, change.display_text);
        keep(&mut self.referred, change.referred);
        keep(&mut self.status, change.status);
        keep(&mut self.joining_method, change.joining_method);
        keep(&mut self.joining_info, change.joining_info);
        keep(&mut self.disconnection_method, change.disconnection_method);
        keep(&mut self.disconnection_info, change.disconnection_info);
        merge(&mut self.media, change.media);
    }

    fn settle(&mut self) {
        let media = std::mem::take(&mut self.media);
        merge(&mut self.media, media);
    }
}

impl Keyed for Media {
    fn key(&self) -> &Text {
        &self.id
    }

    fn extent(&mut self) -> &mut Extent {
        &mut self.extent
    }

    fn merge(&mut self, change: Self) {
        keep(&mut self.display_text, change.display_text);
        keep(&mut self.kind, change.kind);
        keep(&mut self.label, change.label);
        keep(&mut self.src_id, change.src_id);
        keep(&mut self.status, change.status);
    }

    fn settle(&mut self) {}
}
