//! The header fields of one message.

use super::index::{Index, Slot};
use super::list::{self, Items};
use super::{Cardinality, Mode, Name, write};
use crate::sip::{HeaderError, WriteError};
use crate::wire::Text;

/// A header that has a type.
///
/// ```
/// use cpm::sip::{HeaderError, msg::{Header, Headers, Name}};
/// use cpm::wire::Text;
///
/// struct Colour(Text);
///
/// impl Header for Colour {
///     const NAME: Name = Name::Other(Text::from_static("X-Colour"));
///     const LIST: bool = false;
///
///     fn parse(value: &Text) -> Result<Self, HeaderError> {
///         Ok(Self(value.clone()))
///     }
///
///     fn write(&self, out: &mut String) {
///         out.push_str(&self.0);
///     }
/// }
///
/// let mut headers = Headers::default();
/// headers.push(&Colour(Text::from("blue")));
/// assert_eq!(headers.get::<Colour>()?.0, "blue");
/// # Ok::<(), HeaderError>(())
/// ```
pub trait Header: Sized {
    /// Its name.
    const NAME: Name;

    /// Whether a comma separates values, so that one field may carry several (RFC 3261 §7.3.1). Then
    /// [`Header::parse`] sees one of them.
    const LIST: bool;

    /// Reads one value. It has neither line ends (folds are undone) nor space around it.
    ///
    /// # Errors
    ///
    /// The value does not follow the grammar.
    fn parse(value: &Text) -> Result<Self, HeaderError>;

    /// Checks one value: whether [`Header::parse`] would read it. Those of this crate allocate nothing for
    /// that.
    ///
    /// # Errors
    ///
    /// As [`Header::parse`].
    fn check(value: &str) -> Result<(), HeaderError> {
        Self::parse(&Text::from(value)).map(drop)
    }

    /// Appends the value in canonical form. Control characters in it are written as spaces, so that no
    /// value can end the header and begin another.
    fn write(&self, out: &mut String);
}

/// The header fields of one message, in order (RFC 3261 §7.3).
///
/// Fields are places in the received bytes until they are asked for with a type. An edit touches only what
/// it edits: every other field goes out as it came in, byte for byte and in its place.
#[derive(Clone, Default)]
pub struct Headers {
    pub(super) index: Index,
}

impl Headers {
    /// The first value of header `H`.
    ///
    /// # Errors
    ///
    /// There is none, or it does not follow its grammar.
    pub fn get<H: Header>(&self) -> Result<H, HeaderError> {
        self.find()?.ok_or(HeaderError::Missing(H::NAME))
    }

    /// The first value of header `H`, if there is one.
    ///
    /// # Errors
    ///
    /// It does not follow its grammar.
    pub fn find<H: Header>(&self) -> Result<Option<H>, HeaderError> {
        self.all().next().transpose()
    }

    /// Every value of header `H`. Where commas separate values, they are split as the grammar says: not in
    /// a quoted string, and not in a URI between angle brackets.
    pub fn all<H: Header>(&self) -> impl Iterator<Item = Result<H, HeaderError>> {
        self.index.slots_named(H::NAME).flat_map(move |slot| {
            let value = self.index.value(slot);
            Items::new(value, H::LIST).map(move |item| {
                let text = self
                    .index
                    .shared(slot, item)
                    .ok_or(HeaderError::NotUtf8(H::NAME))?;
                H::parse(&text)
            })
        })
    }

    /// Checks every field by the type of its name, and answers those that do not follow their grammar, with
    /// why. It allocates nothing as long as there is nothing to answer.
    pub fn breaches(&self, mode: Mode) -> impl Iterator<Item = (Field<'_>, HeaderError)> {
        self.check_slots(mode, |_| true)
            .map(|(slot, error)| (self.field(slot), error))
    }

    /// The same as slots, of the names whose numbers `wanted` picks.
    pub(super) fn check_slots(
        &self,
        mode: Mode,
        wanted: impl Fn(u8) -> bool,
    ) -> impl Iterator<Item = (&Slot, HeaderError)> {
        let whole = self.index.whole_text();
        (self.index.slots().iter()).filter_map(move |slot| {
            let name = Name::numbered(slot.number()).filter(|_| wanted(slot.number()))?;
            let checked = match self.index.text_within(slot, whole) {
                Some(value) => name.check(value, mode),
                None => Err(HeaderError::NotUtf8(name.clone())),
            };
            Some((slot, checked.err()?))
        })
    }

    fn field<'a>(&'a self, slot: &'a Slot) -> Field<'a> {
        Field {
            index: &self.index,
            slot,
        }
    }

    /// The first field with this name; `None` if there is none or its value is not UTF-8. Folds are undone,
    /// commas are not split.
    pub fn text(&self, name: &Name) -> Option<&str> {
        let slot = self.index.first(name)?;
        self.index.text(slot)
    }

    /// Every field with this name whose value is UTF-8, as [`Headers::text`].
    pub fn texts(&self, name: &Name) -> impl Iterator<Item = &str> {
        self.index
            .slots_named(name.clone())
            .filter_map(|slot| self.index.text(slot))
    }

    /// Whether there is a field with this name.
    pub fn contains(&self, name: &Name) -> bool {
        self.index.first(name).is_some()
    }

    /// How many fields have this name. One field may carry several values.
    pub fn count(&self, name: &Name) -> usize {
        self.index.slots_named(name.clone()).count()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.index.slots().len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.index.slots().is_empty()
    }

    /// Every field in order.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.index.slots().iter().map(|slot| self.field(slot))
    }

    /// Appends a field.
    pub fn push<H: Header>(&mut self, header: &H) {
        let slot = self.typed(header);
        self.index.push(slot);
    }

    /// Puts a field in the place of the first one with its name and removes the others; appends it if
    /// there is none.
    pub fn set<H: Header>(&mut self, header: &H) {
        let slot = self.typed(header);
        self.index.replace(&H::NAME, slot);
    }

    /// Puts a field before the first one with its name, or before all if there is none: a Via, or a
    /// Record-Route (RFC 3261 §16.6).
    pub fn prepend<H: Header>(&mut self, header: &H) {
        let slot = self.typed(header);
        let place = self.index.place(&H::NAME).unwrap_or(0);
        self.index.insert(place, slot);
    }

    /// Puts a field whose value is written as text before the first one with its name, or before all.
    pub(in crate::sip) fn prepend_with(&mut self, name: &Name, write: impl FnOnce(&mut String)) {
        let slot = self.index.line(name, write);
        let place = self.index.place(name).unwrap_or(0);
        self.index.insert(place, slot);
    }

    /// Removes every field with this name.
    pub fn remove(&mut self, name: &Name) {
        self.index.remove_all(name);
    }

    /// Removes the first value of header `H`, and the field if it had no other: a Via (RFC 3261 §16.7), or
    /// a Route (§16.4).
    pub fn pop<H: Header>(&mut self) -> Option<Result<H, HeaderError>> {
        loop {
            let place = self.index.place(&H::NAME)?;
            let slot = *self.index.slots().get(place)?;
            let mut items = Items::new(self.index.value(&slot), H::LIST);
            let Some(item) = items.next() else {
                // A field with nothing but commas has no value.
                self.index.remove(place);
                continue;
            };
            let popped = (self.index.shared(&slot, item))
                .ok_or(HeaderError::NotUtf8(H::NAME))
                .and_then(|text| H::parse(&text));
            match items.next() {
                Some(next) => self.index.cut(place, next.start),
                None => self.index.remove(place),
            }
            return Some(popped);
        }
    }

    /// Puts a value in the place of the first one of header `H`; appends it if there is none.
    pub(in crate::sip) fn set_first<H: Header>(&mut self, header: &H) {
        while let Some(place) = self.index.place(&H::NAME)
            && let Some(slot) = self.index.slots().get(place).copied()
        {
            let mut items = Items::new(self.index.value(&slot), H::LIST);
            let first = items.next();
            match items.next() {
                Some(next) => self.index.cut(place, next.start),
                None => self.index.remove(place),
            }
            // A field with nothing but commas has no value.
            if first.is_some() {
                let new = self.typed(header);
                return self.index.insert(place, new);
            }
        }
        self.push(header);
    }

    /// Appends a field.
    ///
    /// # Errors
    ///
    /// The name is not a token, or the value has a control character.
    pub fn push_text(&mut self, name: Name, value: &str) -> Result<(), WriteError> {
        let slot = self.checked(&name, value)?;
        self.index.push(slot);
        Ok(())
    }

    /// Puts a field in the place of the first one with its name and removes the others; appends it if
    /// there is none.
    ///
    /// # Errors
    ///
    /// As for [`Headers::push_text`].
    pub fn set_text(&mut self, name: Name, value: &str) -> Result<(), WriteError> {
        let slot = self.checked(&name, value)?;
        self.index.replace(&name, slot);
        Ok(())
    }

    /// The first name that appears twice although it must not (RFC 3261 §7.3.1).
    pub(super) fn repeated(&self) -> Option<(Name, &Slot)> {
        self.index.slots().iter().find_map(|slot| {
            let name = Name::numbered(slot.number())?;
            if name.cardinality() == Cardinality::Many {
                return None;
            }
            let again = self.index.slots_named(name.clone()).nth(1)?;
            Some((name.clone(), again))
        })
    }

    fn typed<H: Header>(&mut self, header: &H) -> Slot {
        self.index.line(&H::NAME, |out| header.write(out))
    }

    /// A line with a value that was looked at first.
    fn checked(&mut self, name: &Name, value: &str) -> Result<Slot, WriteError> {
        if !list::is_token(name.as_str().as_bytes()) {
            return Err(WriteError::Name);
        }
        if let Some(at) = list::control(value.as_bytes()) {
            return Err(WriteError::Control { at });
        }
        Ok(self.index.line(name, |out| out.push_str(value)))
    }

    /// The headers that go with a new body.
    pub(super) fn describe_body(&mut self, content_type: &str, old: usize, new: usize) {
        if old > 0 {
            self.remove(&Name::ContentEncoding);
        }
        self.set_own(&Name::ContentType, content_type);
        self.set_length(new);
    }

    /// The headers that go without a body.
    pub(super) fn describe_no_body(&mut self) {
        for name in [
            Name::ContentType,
            Name::ContentEncoding,
            Name::ContentDisposition,
            Name::ContentLanguage,
            Name::ContentId,
        ] {
            self.remove(&name);
        }
        self.set_length(0);
    }

    fn set_length(&mut self, length: usize) {
        let mut digits = [0; 20];
        let digits = write::decimal(length, &mut digits);
        self.set_own(
            &Name::ContentLength,
            std::str::from_utf8(digits).unwrap_or_default(),
        );
    }

    fn set_own(&mut self, name: &Name, value: &str) {
        let slot = self.index.line(name, |out| out.push_str(value));
        self.index.replace(name, slot);
    }
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|field| (field.spelled(), field.text())))
            .finish()
    }
}

/// One header field.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    index: &'a Index,
    slot: &'a Slot,
}

impl<'a> Field<'a> {
    /// The name.
    pub fn name(&self) -> Name {
        self.index.name(self.slot)
    }

    /// Whether this is the name.
    pub fn is(&self, name: &Name) -> bool {
        self.index.is_named(self.slot, name)
    }

    /// The name as it is spelled in the message.
    pub fn spelled(&self) -> &'a str {
        self.index.spelled(self.slot)
    }

    /// The value without folds; `None` if it is not UTF-8.
    pub fn text(&self) -> Option<&'a str> {
        self.index.text(self.slot)
    }
}

impl std::fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?}", self.spelled(), self.text())
    }
}

#[cfg(test)]
mod tests;
