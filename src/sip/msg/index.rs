//! Where the header fields of a message are: places in the received bytes and in what was added.

use super::Name;
use super::list::{self, is_token_byte};
use crate::wire::Text;
use bytes::Bytes;
use std::ops::Range;

/// How many chains the fields are linked in, by the number of their name. The names that nearly every
/// message has are the first of the table and so have a chain of their own.
const CHAINS: usize = 32;
/// Room for what is added to most messages.
const USUAL_ADDED: usize = 256;
/// Room for most messages that are new, and for their fields.
const USUAL_NEW: usize = 512;
const USUAL_FIELDS: usize = 16;
/// The end of a chain.
const END: u16 = u16::MAX;
/// The last place that a chain can lead to.
const LAST: u16 = END - 1;
/// The most fields that can be linked.
pub(super) const MAX_FIELDS: usize = END as usize;

/// Which buffer a place is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Buffer {
    /// What came in.
    Received,
    /// What we wrote.
    Added,
    /// What we wrote, in place of what was not UTF-8.
    Broken,
}

/// One field: the line with its end, the name at its start, and the value.
///
/// Line and value are mostly in the same buffer. The value of a folded line is not: the line stays as it
/// came, and the value without the folds is added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) line: u32,
    pub(super) name_end: u32,
    pub(super) value: u32,
    pub(super) value_end: u32,
    pub(super) line_end: u32,
    next: u16,
    number: u8,
    buffers: (Buffer, Buffer),
}

impl Slot {
    /// A field in the received bytes, of the name with this number.
    #[inline]
    pub(super) const fn received(
        number: u8,
        line: u32,
        name_end: u32,
        value: u32,
        value_end: u32,
        line_end: u32,
    ) -> Self {
        Self {
            line,
            name_end,
            value,
            value_end,
            line_end,
            next: END,
            number,
            buffers: (Buffer::Received, Buffer::Received),
        }
    }

    /// The number of the name.
    pub(super) const fn number(&self) -> u8 {
        self.number
    }

    /// Where the value is in the received message; 0 if it is not.
    pub(super) const fn at(&self) -> usize {
        match self.buffers {
            (_, Buffer::Received) => self.value as usize,
            (Buffer::Received, _) => self.line as usize,
            _ => 0,
        }
    }

    /// Puts the value elsewhere than the line is.
    pub(super) const fn move_value(&mut self, value: Range<u32>, buffer: Buffer) {
        (self.value, self.value_end) = (value.start, value.end);
        self.buffers.1 = buffer;
    }
}

/// The fields of one message.
#[derive(Clone)]
pub(super) struct Index {
    received: Bytes,
    added: String,
    slots: Vec<Slot>,
    heads: [u16; CHAINS],
    edited: bool,
}

impl Default for Index {
    fn default() -> Self {
        Self::new(Bytes::new(), String::new(), Vec::new())
    }
}

impl Index {
    /// The index of a message that was received.
    #[inline]
    pub(super) fn new(received: Bytes, added: String, slots: Vec<Slot>) -> Self {
        let mut index = Self {
            received,
            added,
            slots,
            heads: [END; CHAINS],
            edited: false,
        };
        index.link();
        index
    }

    /// The fields of another message that `keep` accepts, over the same bytes.
    pub(super) fn filtered(&self, keep: impl Fn(u8) -> bool) -> Self {
        let mut slots = Vec::with_capacity(self.slots.len() + 4);
        slots.extend(self.slots.iter().filter(|slot| keep(slot.number)));
        let mut index = Self::new(self.received.clone(), self.added.clone(), slots);
        index.edited = true;
        index
    }

    /// Links the fields to chains. From the last one, so that a chain begins with the first.
    fn link(&mut self) {
        self.heads = [END; CHAINS];
        for (place, slot) in self.slots.iter_mut().enumerate().rev() {
            if let (Some(head), Ok(place)) = (
                self.heads.get_mut(usize::from(slot.number) % CHAINS),
                u16::try_from(place),
            ) {
                slot.next = std::mem::replace(head, place);
            }
        }
    }

    /// What was received.
    pub(super) const fn received(&self) -> &Bytes {
        &self.received
    }

    /// Whether the message differs from what was received.
    pub(super) const fn is_edited(&self) -> bool {
        self.edited
    }

    /// Notes that the message differs from what was received.
    pub(super) const fn edit(&mut self) {
        self.edited = true;
    }

    /// How many bytes were added.
    #[cfg(test)]
    pub(super) const fn added_size(&self) -> usize {
        self.added.len()
    }

    /// All fields in order.
    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    fn bytes(&self, buffer: Buffer) -> &[u8] {
        match buffer {
            Buffer::Received => &self.received,
            Buffer::Added | Buffer::Broken => self.added.as_bytes(),
        }
    }

    /// The whole line of a field.
    pub(super) fn line_of(&self, slot: &Slot) -> &[u8] {
        self.bytes(slot.buffers.0)
            .get(range(slot.line, slot.line_end))
            .unwrap_or_default()
    }

    /// The whole lines of neighbours, if they stand one after the other.
    pub(super) fn lines_of(&self, first: &Slot, last: &Slot) -> &[u8] {
        self.bytes(first.buffers.0)
            .get(range(first.line, last.line_end))
            .unwrap_or_default()
    }

    /// Whether the line of `next` follows that of `slot` in the same buffer.
    pub(super) fn adjoin(slot: &Slot, next: &Slot) -> bool {
        slot.line_end == next.line && slot.buffers.0 == next.buffers.0
    }

    /// The value of a field.
    pub(super) fn value(&self, slot: &Slot) -> &[u8] {
        self.bytes(slot.buffers.1)
            .get(range(slot.value, slot.value_end))
            .unwrap_or_default()
    }

    /// The value of a field, if it is UTF-8.
    pub(super) fn text(&self, slot: &Slot) -> Option<&str> {
        match slot.buffers.1 {
            Buffer::Received => std::str::from_utf8(self.value(slot)).ok(),
            Buffer::Added => self.added.get(range(slot.value, slot.value_end)),
            Buffer::Broken => None,
        }
    }

    /// The received head, if it is UTF-8: to look at all of it at once is faster than field by field.
    pub(super) fn whole_text(&self) -> Option<&str> {
        let received = |slot: &&Slot| slot.buffers.0 == Buffer::Received;
        let end = self.slots.iter().rev().find(received)?.line_end;
        std::str::from_utf8(self.received.get(..end as usize)?).ok()
    }

    /// The value of a field, if it is UTF-8; `whole` is [`Index::whole_text`].
    #[inline]
    pub(super) fn text_within<'a>(
        &'a self,
        slot: &Slot,
        whole: Option<&'a str>,
    ) -> Option<&'a str> {
        match (slot.buffers.1, whole) {
            (Buffer::Received, Some(whole)) => whole.get(range(slot.value, slot.value_end)),
            _ => self.text(slot),
        }
    }

    /// A part of the value of a field, if it is UTF-8. It shares the received bytes.
    pub(super) fn shared(&self, slot: &Slot, part: Range<usize>) -> Option<Text> {
        let start = slot.value as usize;
        let place = start.checked_add(part.start)?..start.checked_add(part.end)?;
        match slot.buffers.1 {
            Buffer::Received => {
                self.received.get(place.clone())?;
                Text::from_utf8(self.received.slice(place)).ok()
            }
            Buffer::Added => self.added.get(place).map(Text::from),
            Buffer::Broken => None,
        }
    }

    /// The name of a field.
    pub(super) fn name(&self, slot: &Slot) -> Name {
        match Name::numbered(slot.number) {
            Some(name) => name.clone(),
            None => Name::Other(Text::from(self.spelled(slot))),
        }
    }

    /// The name of a field as it is spelled.
    pub(super) fn spelled(&self, slot: &Slot) -> &str {
        let name = self
            .bytes(slot.buffers.0)
            .get(range(slot.line, slot.name_end))
            .unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }

    /// Whether the field has that name.
    pub(super) fn is_named(&self, slot: &Slot, name: &Name) -> bool {
        match name {
            Name::Other(other) => {
                slot.number == Name::COUNT && self.spelled(slot).eq_ignore_ascii_case(other)
            }
            known => slot.number == known.number(),
        }
    }

    /// The fields with that name.
    #[inline]
    pub(super) fn slots_named(&self, name: Name) -> SlotsNamed<'_> {
        let next = self.head(&name);
        SlotsNamed {
            index: self,
            name,
            next,
        }
    }

    /// The first field with that name.
    #[inline]
    pub(super) fn first(&self, name: &Name) -> Option<&Slot> {
        self.slots.get(self.place(name)?)
    }

    /// The place of the first field with that name.
    #[inline]
    pub(super) fn place(&self, name: &Name) -> Option<usize> {
        let mut place = self.head(name);
        loop {
            let slot = self.slots.get(usize::from(place))?;
            if self.is_named(slot, name) {
                return Some(usize::from(place));
            }
            place = slot.next;
        }
    }

    fn head(&self, name: &Name) -> u16 {
        let chain = usize::from(name.number()) % CHAINS;
        self.heads.get(chain).copied().unwrap_or(END)
    }

    /// Adds a line that is in no place yet. What `write` appends becomes the value; control characters in
    /// it become spaces, and what cannot be in a name becomes a hyphen, so that a line is always one field.
    pub(super) fn line(&mut self, name: &Name, write: impl FnOnce(&mut String)) -> Slot {
        self.tidy();
        if self.added.capacity() == 0 {
            // A new message has nothing else.
            let usual = match self.received.is_empty() {
                true => USUAL_NEW,
                false => USUAL_ADDED,
            };
            self.added.reserve(usual);
        }
        let line = self.added.len();
        let spelled = name.as_str();
        if matches!(name, Name::Other(_)) && !list::is_token(spelled.as_bytes()) {
            let safe = |c: char| u8::try_from(c).is_ok_and(is_token_byte);
            (self.added).extend(spelled.chars().map(|c| if safe(c) { c } else { '-' }));
            if spelled.is_empty() {
                self.added.push('-');
            }
        } else {
            self.added.push_str(spelled);
        }
        let name_end = self.added.len();
        self.added.push_str(": ");
        let start = self.added.len();
        write(&mut self.added);
        let written = self.added.get(start..).unwrap_or_default();
        if list::control(written.as_bytes()).is_some() {
            let clean = written.replace(|c: char| c.is_ascii_control() && c != '\t', " ");
            self.added.truncate(start);
            self.added.push_str(&clean);
        }
        let value = list::trimmed(self.added.as_bytes(), start..self.added.len());
        self.added.push_str("\r\n");
        Slot {
            line: place(line),
            name_end: place(name_end),
            value: place(value.start),
            value_end: place(value.end),
            line_end: place(self.added.len()),
            next: END,
            number: name.number(),
            buffers: (Buffer::Added, Buffer::Added),
        }
    }

    /// Puts every line into proper form, for when a part of the message is edited.
    pub(super) fn respell(&mut self) {
        for place in 0..self.slots.len() {
            self.cut(place, 0);
        }
        self.edited = false;
    }

    /// Puts a field last.
    pub(super) fn push(&mut self, slot: Slot) {
        self.edited = true;
        let Ok(place @ 0..=LAST) = u16::try_from(self.slots.len()) else {
            return;
        };
        // The end of its chain.
        let chain = usize::from(slot.number) % CHAINS;
        let mut at = self.heads.get(chain).copied().unwrap_or(END);
        let mut last = None;
        while let Some(slot) = self.slots.get(usize::from(at)) {
            last = Some(usize::from(at));
            at = slot.next;
        }
        match last.and_then(|last| self.slots.get_mut(last)) {
            Some(last) => last.next = place,
            None => self.heads[chain] = place,
        }
        if self.slots.capacity() == 0 {
            self.slots.reserve(USUAL_FIELDS);
        }
        self.slots.push(Slot { next: END, ..slot });
    }

    /// Puts a field before the one at `place`.
    pub(super) fn insert(&mut self, place: usize, slot: Slot) {
        if self.slots.len() < MAX_FIELDS && place <= self.slots.len() {
            self.slots.insert(place, slot);
            self.link();
        }
        self.edited = true;
    }

    /// Puts a field in the place of the first of that name, and removes the others.
    pub(super) fn replace(&mut self, name: &Name, slot: Slot) {
        match self.place(name) {
            Some(place) => {
                if self.slots_named(name.clone()).nth(1).is_some() {
                    self.retain(|index, at, other| at == place || !index.is_named(other, name));
                }
                if let Some(old) = self.slots.get_mut(place) {
                    *old = Slot {
                        next: old.next,
                        ..slot
                    };
                }
                self.edited = true;
            }
            None => self.push(slot),
        }
    }

    /// Removes the field at `place`.
    pub(super) fn remove(&mut self, place: usize) {
        if place < self.slots.len() {
            self.slots.remove(place);
            self.link();
            self.edited = true;
        }
    }

    /// Removes every field of that name.
    pub(super) fn remove_all(&mut self, name: &Name) {
        if self.place(name).is_some() {
            self.retain(|index, _, slot| !index.is_named(slot, name));
            self.edited = true;
        }
    }

    /// Removes what stands before `start` in the value of the field at `place`.
    pub(super) fn cut(&mut self, place: usize, start: usize) {
        let Some(slot) = self.slots.get(place).copied() else {
            return;
        };
        let spelled = self.spelled(&slot).to_owned();
        let rest = self.value(&slot).get(start..).unwrap_or_default();
        let (rest, whole) = match std::str::from_utf8(rest) {
            Ok(rest) if slot.buffers.1 != Buffer::Broken => (rest.to_owned(), true),
            _ => (String::from_utf8_lossy(rest).into_owned(), false),
        };
        let name = Name::Other(Text::from(spelled));
        let mut line = self.line(&name, |out| out.push_str(&rest));
        line.number = slot.number;
        line.next = slot.next;
        if !whole {
            line.buffers.1 = Buffer::Broken;
        }
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = line;
        }
        self.edited = true;
    }

    fn retain(&mut self, keep: impl Fn(&Self, usize, &Slot) -> bool) {
        let kept: Vec<bool> = (self.slots.iter().enumerate())
            .map(|(place, slot)| keep(self, place, slot))
            .collect();
        if kept.contains(&false) {
            let mut kept = kept.into_iter();
            self.slots.retain(|_| kept.next().unwrap_or(true));
            self.link();
        }
    }

    /// Drops what was added and is no longer in place, once it is the greater part: a message may be
    /// edited again and again, as the REGISTER of a registration is.
    fn tidy(&mut self) {
        const SMALL: usize = 4096;
        if self.added.len() < SMALL {
            return;
        }
        let sizes = self.slots.iter().map(|slot| match slot.buffers {
            (Buffer::Received, Buffer::Received) => 0,
            (Buffer::Received, _) => (slot.value_end - slot.value) as usize,
            _ => (slot.line_end - slot.line) as usize,
        });
        let live: usize = sizes.sum();
        if self.added.len() < 2 * live + SMALL {
            return;
        }
        let mut added = String::with_capacity(live + SMALL);
        for slot in &mut self.slots {
            let (from, to) = match slot.buffers {
                (Buffer::Received, Buffer::Received) => continue,
                (Buffer::Received, _) => (slot.value, slot.value_end),
                _ => (slot.line, slot.line_end),
            };
            let start = place(added.len());
            added.push_str(self.added.get(range(from, to)).unwrap_or_default());
            let moved = |at: u32| (at - from) + start;
            (slot.value, slot.value_end) = (moved(slot.value), moved(slot.value_end));
            if slot.buffers.0 != Buffer::Received {
                slot.line = moved(slot.line);
                slot.name_end = moved(slot.name_end);
                slot.line_end = moved(slot.line_end);
            }
        }
        self.added = added;
    }
}

/// The fields with one name, by their chain.
pub(super) struct SlotsNamed<'a> {
    index: &'a Index,
    name: Name,
    next: u16,
}

impl<'a> Iterator for SlotsNamed<'a> {
    type Item = &'a Slot;

    #[inline]
    fn next(&mut self) -> Option<&'a Slot> {
        loop {
            let slot = self.index.slots.get(usize::from(self.next))?;
            self.next = slot.next;
            if self.index.is_named(slot, &self.name) {
                return Some(slot);
            }
        }
    }
}

const fn range(start: u32, end: u32) -> Range<usize> {
    start as usize..end as usize
}

/// An offset as it is stored. A message of 4 GiB is refused before it gets here.
fn place(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
