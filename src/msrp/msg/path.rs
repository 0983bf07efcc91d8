//! To-Path and From-Path.

use super::uri::{Uri, UriError};
use crate::wire::Text;

/// The URIs of a To-Path or From-Path, in the order of the header, never none (RFC 4975 §7.1).
///
/// The first is kept parsed, since every request is matched and answered by it; the others, which only relays bring,
/// are read again when somebody asks.
#[derive(Clone, Debug)]
pub struct Path {
    first: Uri,
    /// All URIs where there are several, separated by single spaces or as they came.
    all: Option<Text>,
}

impl Path {
    /// Reads URIs separated by spaces.
    ///
    /// # Errors
    ///
    /// One of them is none, or there is none; the offset counts from the start of `text`.
    pub fn parse(text: &Text) -> Result<Self, UriError> {
        let all = text.as_str();
        if memchr::memchr2(b' ', b'\t', all.as_bytes()).is_none() {
            return Ok(Self::from(Uri::parse(text)?));
        }
        let mut first = None;
        for part in parts(all) {
            let uri = Uri::parse(&text.slice_ref(part))?;
            first.get_or_insert(uri);
        }
        Ok(Self {
            first: first.ok_or(UriError::Scheme)?,
            all: Some(text.clone()),
        })
    }

    /// The path through `uris`; `None` if there are none.
    pub fn of(uris: &[Uri]) -> Option<Self> {
        let first = uris.first()?.clone();
        let all = match uris {
            [_] => None,
            many => Some(Text::from(
                many.iter().map(Uri::as_str).collect::<Vec<_>>().join(" "),
            )),
        };
        Some(Self { first, all })
    }

    /// The nearest hop.
    pub const fn first(&self) -> &Uri {
        &self.first
    }

    /// The farthest hop: the endpoint itself.
    pub fn last(&self) -> Uri {
        self.iter().last().unwrap_or_else(|| self.first.clone())
    }

    /// All hops.
    pub fn iter(&self) -> impl Iterator<Item = Uri> {
        // Each was read once in `parse`.
        let text = self.text();
        parts(text).filter_map(|part| Uri::parse(&text.slice_ref(part)).ok())
    }

    /// The text of the header value.
    pub fn as_str(&self) -> &str {
        self.text()
    }

    fn text(&self) -> &Text {
        self.all.as_ref().unwrap_or_else(|| self.first.text())
    }

    /// The same in a buffer of its own, for state that outlives the message.
    #[must_use]
    pub fn compact(&self) -> Self {
        let Some(all) = self.all.as_ref().map(Text::compact) else {
            return Self::from(self.first.compact());
        };
        let first = parts(&all)
            .next()
            .and_then(|part| Uri::parse(&all.slice_ref(part)).ok());
        Self {
            first: first.unwrap_or_else(|| self.first.compact()),
            all: Some(all),
        }
    }
}

impl From<Uri> for Path {
    fn from(uri: Uri) -> Self {
        Self {
            first: uri,
            all: None,
        }
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Path {}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t']).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_order() {
        let text = "msrp://relay:1;tcp  msrp://a:2/x;tcp";
        let path = Path::parse(&Text::from(text)).unwrap();
        assert_eq!(path.first().as_str(), "msrp://relay:1;tcp");
        assert_eq!(path.last().as_str(), "msrp://a:2/x;tcp");
        assert_eq!(path.iter().count(), 2);
        assert_eq!(path, path.compact());
        let uris: Vec<Uri> = path.iter().collect();
        assert_eq!(
            Path::of(&uris).unwrap().as_str(),
            "msrp://relay:1;tcp msrp://a:2/x;tcp"
        );
        assert!(Path::parse(&Text::from(" ")).is_err());
        assert!(Path::of(&[]).is_none());
    }
}
