//! One message in, many out: what a group needs of the media plane.
//!
//! ```text
//!                      ┌─ queue ─▶ head │ body │ end-line ─▶ session 1
//!   message ── Switch ─┼─ queue ─▶ head │ body │ end-line ─▶ session 2
//!              (body   └─ queue ─▶ head │ body │ end-line ─▶ …
//!               shared)
//! ```

use super::endpoint::{Endpoint, is_writable};
use super::error::SendError;
use super::sender::may_clash;
use super::session::{Outgoing, SendId, SessionId};
use crate::engine::{Cx, Ids, Map};

/// What becomes of a session that cannot take its messages as fast as they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// It misses the new message: what it has is without a gap up to there.
    #[default]
    Newest,
    /// It misses the oldest message that waits for it: it stays close to the present.
    Oldest,
    /// It is closed, so that its owner knows, comes again, and asks for what it missed.
    Close,
}

/// What one session has missed since this was last told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Which session.
    pub session: SessionId,
    /// How many messages it has missed.
    pub messages: u64,
    /// Whether it was closed for it, see [`Overflow::Close`], or was down already.
    pub closed: bool,
}

/// The sessions that hear each other.
///
/// Each has its own queue, bounded by `Limits::msrp_send_queue` and `Limits::msrp_send_bytes`; a slow one holds up
/// nobody. A body is shared by all queues, and what is written for one session is its head and its end-line.
#[derive(Debug)]
pub struct Switch {
    pub(super) overflow: Overflow,
    legs: Vec<Leg>,
    places: Map<SessionId, usize>,
    /// Places of legs that have missed something which was not told.
    untold: Vec<SessionId>,
}

#[derive(Debug)]
struct Leg {
    session: SessionId,
    missed: u64,
}

impl Switch {
    /// A switch without sessions.
    pub fn new(overflow: Overflow, ids: &mut Ids) -> Self {
        Self {
            overflow,
            legs: Vec::new(),
            places: ids.map(),
            untold: Vec::new(),
        }
    }

    /// Adds a session, which need not be up yet. `false`: it was there.
    pub fn add(&mut self, session: SessionId) -> bool {
        if self.places.contains_key(&session) {
            return false;
        }
        self.places.insert(session, self.legs.len());
        self.legs.push(Leg { session, missed: 0 });
        true
    }

    /// Takes a session out. `false`: it was not there.
    pub fn remove(&mut self, session: SessionId) -> bool {
        let Some(place) = self.places.remove(&session) else {
            return false;
        };
        self.legs.swap_remove(place);
        if let Some(moved) = self.legs.get(place) {
            self.places.insert(moved.session, place);
        }
        self.untold.retain(|each| *each != session);
        true
    }

    /// How many sessions there are.
    pub const fn len(&self) -> usize {
        self.legs.len()
    }

    /// Whether there is no session.
    pub const fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// Sends a message in all sessions but `from`, with one Message-ID. `each` is told what it is called in each of them;
    /// its fate is told by the events of the endpoint. How many have it in their queue now.
    ///
    /// # Errors
    ///
    /// The message cannot be written at all, and nobody gets it. A session that cannot take it is no error, see
    /// [`poll_dropped`](Self::poll_dropped).
    pub fn send(
        &mut self,
        cx: &mut Cx<'_>,
        endpoint: &mut Endpoint,
        from: Option<SessionId>,
        message: &Outgoing,
        mut each: impl FnMut(SessionId, SendId),
    ) -> Result<usize, SendError> {
        let mut message = message.clone();
        message.id.get_or_insert_with(|| cx.ids.message_id());
        // What is the same for all is looked at once.
        if !is_writable(&message.content_type, message.id.as_ref()) {
            return Err(SendError::Unwritable);
        }
        let (size, may_clash) = (message.body.len() as u64, may_clash(&message.body));
        let mut count = 0;
        for leg in &mut self.legs {
            let session = leg.session;
            if Some(session) == from {
                continue;
            }
            let mut room = endpoint.takes(cx, session, size);
            if room == Err(SendError::Full) {
                match self.overflow {
                    Overflow::Newest => {}
                    Overflow::Oldest => {
                        // One large message may take the place of many small ones.
                        while room == Err(SendError::Full) && endpoint.drop_oldest(cx, session) {
                            miss(leg, &mut self.untold);
                            room = endpoint.takes(cx, session, size);
                        }
                    }
                    Overflow::Close => endpoint.close(cx, session),
                }
            }
            if room.is_err() {
                miss(leg, &mut self.untold);
                continue;
            }
            count += 1;
            each(
                session,
                endpoint.queue(cx, session, message.clone(), may_clash),
            );
        }
        Ok(count)
    }

    /// Who has missed something, and how much. A session that is down is taken out with it.
    pub fn poll_dropped(&mut self, endpoint: &Endpoint) -> Option<Dropped> {
        let session = self.untold.pop()?;
        let place = *self.places.get(&session)?;
        let messages = std::mem::take(&mut self.legs.get_mut(place)?.missed);
        let closed = endpoint.local_path(session).is_none();
        if closed {
            self.remove(session);
        }
        Some(Dropped {
            session,
            messages,
            closed,
        })
    }
}

/// At most one entry a leg waits to be told, however much it misses.
fn miss(leg: &mut Leg, untold: &mut Vec<SessionId>) {
    if leg.missed == 0 {
        untold.push(leg.session);
    }
    leg.missed += 1;
}
