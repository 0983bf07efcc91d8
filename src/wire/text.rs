//! Text as a view of received bytes.

use bytes::Bytes;
use bytestring::ByteString;
use std::borrow::Borrow;
use std::ops::Deref;

/// UTF-8 text that shares the buffer it arrived in.
///
/// Cloning and slicing copy nothing. The price: a `Text` keeps the whole receive buffer alive. State that
/// outlives the message it came from (a dialog, a registration) stores [`Text::compact`], which owns
/// exactly its bytes.
///
/// ```
/// use cpm::wire::Text;
///
/// let line = Text::from("alice@example.com");
/// let user = line.slice(0..5);
/// assert_eq!(user, "alice");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(ByteString);

impl Text {
    /// A text that costs nothing to make.
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// Bytes as text.
    ///
    /// # Errors
    ///
    /// The bytes are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, std::str::Utf8Error> {
        Ok(Self(ByteString::try_from(bytes)?))
    }

    /// Bytes as text, with U+FFFD in place of what is not UTF-8.
    pub fn from_utf8_lossy(bytes: Bytes) -> Self {
        match Self::from_utf8(bytes.clone()) {
            Ok(text) => text,
            Err(_) => Self::from(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A part of the text, sharing its buffer.
    ///
    /// # Panics
    ///
    /// If the range is not within the text or cuts a character, as for `str`.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        self.slice_ref(&self.as_str()[range])
    }

    /// The same part as `part`, which must be a slice of this very text, sharing its buffer.
    ///
    /// # Panics
    ///
    /// If `part` is not a slice of this text.
    pub fn slice_ref(&self, part: &str) -> Self {
        Self(self.0.slice_ref(part))
    }

    /// The same text in a buffer of its own, for state that outlives the message.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self::from(self.as_str().to_owned())
    }

    /// The bytes of the text.
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    #[test]
    fn a_slice_shares_and_a_compact_text_does_not() {
        let mut buffer = BytesMut::zeroed(64 * 1024);
        buffer.fill(b'a');
        let received = buffer.freeze();
        let kept = Text::from_utf8(received.slice(0..16))
            .unwrap()
            .slice(4..8)
            .compact();
        assert_eq!(kept, "aaaa");
        assert!(
            received.try_into_mut().is_ok(),
            "the receive buffer is free again"
        );
    }

    #[test]
    fn what_is_not_utf8_is_refused_or_replaced() {
        let bytes = Bytes::from_static(b"a\xffb");
        assert!(Text::from_utf8(bytes.clone()).is_err());
        assert_eq!(Text::from_utf8_lossy(bytes), "a\u{fffd}b");
    }
}
