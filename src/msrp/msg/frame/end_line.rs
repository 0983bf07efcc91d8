//! The end-line of a chunk (RFC 4975 §7.1): what it is, and where it stands.

use super::Continuation;
use memchr::{memchr, memmem};
use std::sync::LazyLock;

/// The end-line of the current chunk without its flag: CR LF, seven hyphens, the transaction id.
#[derive(Clone, Copy)]
pub(super) struct Id {
    line: [u8; PREFIX.len() + MAX_ID],
    len: u8,
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        String::from_utf8_lossy(self.line()).fmt(f)
    }
}

/// Whether an end-line stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Yes(Continuation),
    /// As far as there are bytes.
    Maybe,
    No,
}

impl Id {
    /// From a start line without its CR LF: `MSRP`, the transaction id, and something more.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(START)?;
        let rest = rest.trim_ascii_start();
        let len = memchr(b' ', rest)?;
        let (id, what) = rest.split_at_checked(len)?;
        if id.is_empty()
            || id.len() > MAX_ID
            || !id.iter().all(u8::is_ascii_graphic)
            || what.trim_ascii().is_empty()
        {
            return None;
        }
        let mut line = [0; PREFIX.len() + MAX_ID];
        let (prefix, place) = line.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX);
        place.get_mut(..len)?.copy_from_slice(id);
        Some(Self {
            line,
            len: u8::try_from(PREFIX.len() + len).ok()?,
        })
    }

    pub(super) fn line(&self) -> &[u8] {
        self.line.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The length of the end-line with everything: CR LF before it, flag, CR LF.
    pub(super) const fn full(&self) -> usize {
        self.len as usize + 3
    }

    /// The flag, if a line of the head is the end-line.
    pub(super) fn flag_of(&self, line: &[u8]) -> Option<Continuation> {
        // Most lines are header fields, and told from an end-line by their length or first byte.
        if line.first() != Some(&b'-') || line.len() + 4 != self.full() {
            return None;
        }
        match line.strip_prefix(self.line().get(2..)?)? {
            [flag] => Continuation::of(*flag),
            _ => None,
        }
    }

    /// Whether `bytes` begin with the end-line, of which the first `skip` bytes are known to be there.
    pub(super) fn match_at(&self, bytes: &[u8], skip: usize) -> Match {
        let line = self.line().get(skip..).unwrap_or_default();
        let Some((start, rest)) = bytes.split_at_checked(line.len()) else {
            return match line.starts_with(bytes) {
                true => Match::Maybe,
                false => Match::No,
            };
        };
        if start != line {
            return Match::No;
        }
        match rest {
            [] => Match::Maybe,
            [flag, end @ ..] => match (Continuation::of(*flag), end) {
                (Some(end), [b'\r', b'\n', ..]) => Match::Yes(end),
                (Some(_), [] | [b'\r']) => Match::Maybe,
                _ => Match::No,
            },
        }
    }

    /// The first place where the end-line stands, or may stand for all that is known yet.
    pub(super) fn search(&self, bytes: &[u8]) -> (usize, Match) {
        let mut from = 0;
        while let Some(rest) = bytes.get(from..)
            && let Some(at) = FINDER.find(rest)
        {
            let at = from + at;
            match self.match_at(bytes.get(at..).unwrap_or_default(), 0) {
                Match::No => from = at + 2,
                found => return (at, found),
            }
        }
        // No whole prefix is left; a part of one may be, at the very end.
        let start = from.max(bytes.len().saturating_sub(PREFIX.len() - 1));
        let rest = bytes.get(start..).unwrap_or_default();
        match (0..rest.len()).find(|&at| rest.get(at..).is_some_and(|r| PREFIX.starts_with(r))) {
            Some(at) => (start + at, Match::Maybe),
            None => (bytes.len(), Match::No),
        }
    }
}

/// What every end-line begins with. Looking for this and comparing the id where it is found, one searcher does for all
/// chunks; building one costs more than searching a short text.
static FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(PREFIX));

pub(super) const PREFIX: &[u8] = b"\r\n-------";

/// The longest end-line, with the line ends on both sides.
pub(super) const END_LINE: usize = PREFIX.len() + MAX_ID + 3;

pub(super) const START: &[u8] = b"MSRP ";

/// RFC 4975 §9 allows 32 characters.
pub(super) const MAX_ID: usize = 64;
