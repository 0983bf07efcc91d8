//! Requests of one connection that wait for their responses.

use super::msg::FailureReport;
use super::session::{SendId, SessionId};
use crate::engine::Ids;
use crate::wire::Text;
use std::collections::VecDeque;
use std::time::Instant;

/// What a request was for.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// The first request on a connection for a session.
    Bind(SessionId),
    /// Leave asked of one of the session's relays.
    Auth(SessionId, usize),
    /// A nickname asked of a chat room.
    Nickname(SessionId),
    /// A request without content that keeps a quiet connection open.
    KeepAlive,
    /// A chunk; without an answer it has failed, or it has not if only failures are answered.
    Chunk {
        send: SendId,
        failure_report: FailureReport,
        /// Which bytes of the message are in it, counted from 0, the end not included.
        from: u64,
        to: u64,
    },
}

impl What {
    /// Whether success is answered as well.
    const fn is_answered(self) -> bool {
        !matches!(
            self,
            Self::Chunk {
                failure_report: FailureReport::Partial,
                ..
            }
        )
    }
}

/// The transactions of a connection, in the order of their requests.
///
/// A transaction id is 64 random bits (RFC 4975 §7.1 asks for as many) and the place in this queue, so that a response
/// is found without a search whatever its order, and an answer that nobody could have known is never taken for one.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// The place of the first in the queue.
    base: u32,
    queue: VecDeque<Entry>,
    /// How many of them wait for an answer that is to be expected.
    live: usize,
    /// How many have their deadline.
    timed: usize,
}

#[derive(Debug)]
struct Entry {
    random: u64,
    /// When the patience ends, once the last byte was handed to the transport (RFC 4975 §7.1.1).
    at: Option<Instant>,
    /// Nothing once it is answered.
    what: Option<What>,
}

impl Pending {
    /// How many requests wait for an answer; those of which only a failure is answered do not count.
    pub(super) const fn len(&self) -> usize {
        self.live
    }

    /// How many requests are kept, with the answered ones before which an older one is not.
    pub(super) fn kept(&self) -> usize {
        self.queue.len()
    }

    /// The transaction id for the next request.
    pub(super) fn next_id(&self, ids: &mut Ids) -> Id {
        let place = self.base.wrapping_add(self.queue.len() as u32);
        Id {
            random: ids.number(),
            place: place & PLACES,
        }
    }

    /// The request with the last [`next_id`](Self::next_id) is on its way.
    pub(super) fn push(&mut self, id: Id, what: What) {
        self.queue.push_back(Entry {
            random: id.random,
            at: None,
            what: Some(what),
        });
        self.live += usize::from(what.is_answered());
    }

    /// What was sent so far has been handed to the transport. Whether there was any.
    pub(super) fn stamp(&mut self, at: Option<Instant>) -> bool {
        let stamped = self.timed < self.queue.len();
        while let Some(entry) = self.queue.get_mut(self.timed) {
            entry.at = at;
            self.timed += 1;
        }
        stamped
    }

    /// Takes out the request that a response is for.
    pub(super) fn answered(&mut self, transaction_id: &str) -> Option<What> {
        let id = Id::parse(transaction_id)?;
        let index = id.place.wrapping_sub(self.base) & PLACES;
        let entry = self.queue.get_mut(index as usize)?;
        if entry.random != id.random {
            return None;
        }
        let what = entry.what.take()?;
        self.live -= usize::from(what.is_answered());
        self.tidy();
        Some(what)
    }

    /// Takes out the chunk that was confirmed: the message it is of, and which bytes. `None`: it was another request.
    pub(super) fn confirmed(&mut self, transaction_id: &str) -> Option<(SendId, u64, u64)> {
        let id = Id::parse(transaction_id)?;
        let index = id.place.wrapping_sub(self.base) & PLACES;
        let entry = self.queue.get_mut(index as usize)?;
        let Some(what @ What::Chunk { send, from, to, .. }) = entry.what else {
            return None;
        };
        if entry.random != id.random {
            return None;
        }
        entry.what = None;
        self.live -= usize::from(what.is_answered());
        self.tidy();
        Some((send, from, to))
    }

    /// Takes out the oldest request if its time is over.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<What> {
        if self.next_deadline()? > now {
            return None;
        }
        let what = self.queue.front_mut()?.what.take()?;
        self.live -= usize::from(what.is_answered());
        self.tidy();
        Some(what)
    }

    /// When the patience with the oldest request ends.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.queue.front()?.at
    }

    fn tidy(&mut self) {
        while self.queue.front().is_some_and(|entry| entry.what.is_none()) {
            self.queue.pop_front();
            self.timed = self.timed.saturating_sub(1);
            self.base = self.base.wrapping_add(1);
        }
        if self.queue.is_empty() && self.queue.capacity() > KEPT {
            // An idle connection keeps no queue.
            self.queue = VecDeque::new();
        }
    }
}

/// A transaction id of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id {
    random: u64,
    place: u32,
}

impl Id {
    /// As it stands in a start line.
    pub(super) fn text(self) -> Text {
        Text::from(String::from_utf8_lossy(&self.bytes()).into_owned())
    }

    /// As it stands in a start line.
    pub(super) fn bytes(self) -> [u8; LEN] {
        let mut out = [0; LEN];
        let (mut random, mut place) = (self.random, self.place);
        let (first, second) = out.split_at_mut(RANDOM);
        for byte in first {
            *byte = digit(random);
            random >>= 5;
        }
        for byte in second {
            *byte = digit(u64::from(place));
            place >>= 5;
        }
        out
    }

    fn parse(text: &str) -> Option<Self> {
        let text: &[u8; LEN] = text.as_bytes().try_into().ok()?;
        let (first, second) = text.split_at(RANDOM);
        // Without stopping early: a digit that is none shows in the end.
        let mut seen = 0;
        let mut number = |digits: &[u8]| {
            digits.iter().rev().fold(0_u64, |number, digit| {
                let value = VALUES.get(usize::from(*digit)).copied().unwrap_or(255);
                seen |= value;
                number << 5 | u64::from(value & 31)
            })
        };
        // 13 digits have one bit more than the number; the last is never above 15.
        let (random, place) = (number(first), number(second));
        let last = VALUES.get(usize::from(*first.last()?)).copied()?;
        (seen < 32 && last < 16).then_some(Self {
            random,
            place: u32::try_from(place).ok()?,
        })
    }
}

fn digit(value: u64) -> u8 {
    let index = (value & 31) as usize;
    DIGITS.get(index).copied().unwrap_or(b'0')
}

/// Lower-case letters and digits, so that an id stays itself where a peer folds case.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What each byte stands for; 255 for those that are no digits.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// 64 bits in digits of 5.
const RANDOM: usize = 13;

/// And the place, which comes around after 2^25 requests; never are so many without an answer.
const LEN: usize = RANDOM + 5;
const PLACES: u32 = (1 << 25) - 1;

/// Up to this capacity a queue that is empty is kept.
const KEPT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Seed;
    use std::time::Duration;

    #[test]
    fn an_id_says_its_place_and_is_read_again() {
        let mut ids = Ids::new(Seed::from_number(1));
        for place in [0, 1, 31, 32, PLACES] {
            let id = Id {
                random: ids.number(),
                place,
            };
            assert_eq!(Id::parse(&id.text()), Some(id));
            assert_eq!(id.text().len(), 18);
        }
        for bad in [
            "",
            "abcd",
            "zzzzzzzzzzzzz00000",
            "0000000000000000i0",
            "ééééééééé",
        ] {
            assert_eq!(Id::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn responses_come_in_any_order_and_count_once() {
        let mut ids = Ids::new(Seed::from_number(1));
        let now = Instant::now();
        let mut pending = Pending {
            base: PLACES - 2,
            ..Pending::default()
        };
        let all: Vec<Id> = (0..8)
            .map(|_| {
                let id = pending.next_id(&mut ids);
                pending.push(id, What::KeepAlive);
                id
            })
            .collect();
        assert!(pending.stamp(Some(now + Duration::from_secs(30))));
        assert!(!pending.stamp(None));
        for index in [5, 0, 7, 3] {
            assert!(pending.answered(&all[index].text()).is_some());
            assert!(pending.answered(&all[index].text()).is_none());
        }
        assert_eq!((pending.len(), pending.kept()), (4, 7));
        assert!(pending.overdue(now).is_none());
        let late = now + Duration::from_secs(30);
        assert_eq!(std::iter::from_fn(|| pending.overdue(late)).count(), 4);
        assert_eq!((pending.len(), pending.kept()), (0, 0));
        let guess = pending.next_id(&mut ids);
        assert!(pending.answered(&guess.text()).is_none());
    }
}
