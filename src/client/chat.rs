//! A chat: the thread of all that two people say, in however many sessions.

use super::event::MessageId;
use crate::conversation::activity::{Composer, Watcher};
use crate::conversation::{Envelope, LegId, Parcel, ParcelId, Seen, Service, Status, Thread};
use crate::engine::{DateTime, Ids, Map};
use crate::sip::Uri;
use crate::wire::Text;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A chat with one peer.
#[derive(Debug)]
pub(super) struct Chat {
    /// Which of the user's addresses it is held under.
    pub(super) local: Uri,
    pub(super) peer: Uri,
    /// The conversation; a session and a standalone message are contributions to it.
    pub(super) conversation: Text,
    /// Whether the user wants a session: messages then open one.
    pub(super) wants_session: bool,
    /// The sessions there are, the one to send on last. More than one only while two INVITEs cross or a
    /// session replaces another.
    pub(super) legs: Vec<Session>,
    /// What the next hop has not taken yet, in order.
    pub(super) outgoing: VecDeque<Outgoing>,
    /// How often in a row nobody took something.
    pub(super) attempts: u32,
    /// Nothing is tried before.
    pub(super) not_before: Option<Instant>,
    pub(super) seen: Seen,
    /// Our own messages that reports may still come for.
    pub(super) sent: Recent<Status>,
    /// The peer's messages that the user may still be shown.
    pub(super) received: Recent<Received>,
    pub(super) composer: Composer,
    pub(super) watcher: Watcher,
}

/// A session of a chat, or the one that carries a large message.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) leg: LegId,
    pub(super) thread: Thread,
    pub(super) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The peer has not answered yet.
    Opening,
    /// The peer waits for the user to accept it.
    Offered,
    /// Agreed on: messages go here.
    Open,
    /// For receiving only: what was kept for us, or a large message.
    Delivery,
}

/// Something of ours on its way to the next hop.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The message it is; `None` for a report.
    pub(super) message: Option<MessageId>,
    pub(super) envelope: Envelope,
    pub(super) parcel: Parcel,
    pub(super) way: Way,
    pub(super) flight: Flight,
    pub(super) since: Instant,
}

/// Where something of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flight {
    /// Still here.
    Waiting,
    /// In the session of the chat.
    InSession(ParcelId, LegId),
    /// On its own: in a SIP MESSAGE, or in a session made for it.
    Alone(ParcelId),
}

impl Flight {
    pub(super) fn is(self, parcel: ParcelId) -> bool {
        matches!(self, Self::InSession(flying, _) | Self::Alone(flying) if flying == parcel)
    }
}

/// How something of ours goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// In the session of the chat.
    Session,
    /// In the session of the chat while it is open, else on its own: how reports on chat messages go.
    SessionOrAlone,
    /// On its own.
    #[default]
    Alone,
}

/// What is remembered of a message of the peer's.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) wants_displayed: bool,
    pub(super) date_time: Option<DateTime>,
    pub(super) thread: Option<Thread>,
    pub(super) way: Way,
    /// The device that sent it, where reports go.
    pub(super) instance: Option<Text>,
    pub(super) service: Option<Service>,
}

impl Chat {
    pub(super) fn new(ids: &mut Ids, local: Uri, peer: Uri) -> Self {
        Self {
            local,
            peer,
            conversation: Text::from(ids.uuid().to_string()),
            wants_session: false,
            legs: Vec::new(),
            outgoing: VecDeque::new(),
            attempts: 0,
            not_before: None,
            seen: Seen::new(ids),
            sent: Recent::new(ids),
            received: Recent::new(ids),
            composer: Composer::default(),
            watcher: Watcher::default(),
        }
    }

    /// Whether there is a session that both sides have agreed on.
    pub(super) fn is_open(&self) -> bool {
        self.legs.iter().any(|session| session.state == State::Open)
    }

    /// The session to send on: one that is agreed on, or the one we wait for.
    pub(super) fn session(&self) -> Option<&Session> {
        let of = |state| {
            self.legs
                .iter()
                .rev()
                .find(|session| session.state == state)
        };
        of(State::Open).or_else(|| of(State::Opening))
    }

    pub(super) fn session_mut(&mut self, leg: LegId) -> Option<&mut Session> {
        self.legs.iter_mut().find(|session| session.leg == leg)
    }

    /// Whether nothing would be lost if this chat were forgotten, but its history.
    pub(super) fn is_idle(&self) -> bool {
        self.legs.is_empty() && self.outgoing.is_empty()
    }

    /// Nobody took something: waits longer each time, half a minute at the most.
    pub(super) fn back_off(&mut self, now: Instant, asked: Option<Duration>) -> Instant {
        let wait = Duration::from_secs(1 << self.attempts.min(5)).min(Duration::from_secs(30));
        self.attempts = self.attempts.saturating_add(1);
        let at = now + asked.unwrap_or(wait);
        self.not_before = Some(at);
        at
    }
}

/// The last values by message, as many as there is room for.
#[derive(Debug)]
pub(super) struct Recent<T> {
    values: Map<MessageId, T>,
    order: VecDeque<MessageId>,
}

impl<T> Recent<T> {
    fn new(ids: &mut Ids) -> Self {
        Self {
            values: ids.map(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn insert(&mut self, message: MessageId, value: T, room: usize) {
        if self.values.insert(message.clone(), value).is_none() {
            self.order.push_back(message);
        }
        while self.order.len() > room {
            if let Some(oldest) = self.order.pop_front() {
                self.values.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, message: &MessageId) -> Option<&T> {
        self.values.get(message)
    }

    pub(super) fn get_mut(&mut self, message: &MessageId) -> Option<&mut T> {
        self.values.get_mut(message)
    }
}
