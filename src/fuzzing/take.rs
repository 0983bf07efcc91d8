//! Values out of a fuzzer's bytes.

use crate::wire::Text;
use bytes::Bytes;

/// Takes one value after the other from the bytes; zero and empty when they are used up, so that every input
/// means something.
#[derive(Clone, Debug)]
pub(super) struct Take<'a> {
    bytes: &'a [u8],
}

impl<'a> Take<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Splits an input into what a body is made of and a few bytes that say how it is cut, which come last.
    pub(super) fn with_tail(bytes: &'a [u8]) -> (&'a [u8], Self) {
        let at = bytes.len() - bytes.len() / 4;
        let (body, tail) = bytes.split_at(at);
        (body, Self::new(tail))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                *first
            }
            None => 0,
        }
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// Any number, small ones with few bytes.
    pub(super) fn number(&mut self) -> u64 {
        let length = self.below(9);
        (0..length).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// One of these.
    pub(super) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// Up to 255 bytes as they are.
    pub(super) fn slice(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte());
        self.take(length)
    }

    /// Up to `length` bytes as they are.
    pub(super) fn take(&mut self, length: usize) -> &'a [u8] {
        let (slice, rest) = self.bytes.split_at(length.min(self.bytes.len()));
        self.bytes = rest;
        slice
    }

    pub(super) fn bytes(&mut self) -> Bytes {
        Bytes::copy_from_slice(self.slice())
    }

    /// Any text.
    pub(super) fn text(&mut self) -> Text {
        Text::from(String::from_utf8_lossy(self.slice()).into_owned())
    }

    /// A text of letters from `alphabet`, not empty.
    pub(super) fn word(&mut self, alphabet: &[u8]) -> Text {
        let length = 1 + self.below(12);
        let word: String = (0..length)
            .map(|_| char::from(self.one_of(alphabet)))
            .collect();
        Text::from(word)
    }

    /// A text of printable ASCII, not empty, without space at its ends.
    pub(super) fn line(&mut self) -> Text {
        let printable: String = (self.slice().iter())
            .map(|byte| char::from(b' ' + byte % 95))
            .collect();
        match printable.trim() {
            "" => Text::from_static("x"),
            line => Text::from(line),
        }
    }

    /// `Some` of it every other time.
    pub(super) fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| value(self))
    }
}

/// What a token may be made of in all of these protocols.
pub(super) const TOKEN: &[u8] = b"abcxyzABCXYZ0129-.";
