//! What a body is, and which ones are understood.

use crate::sip::HeaderError;
use crate::sip::msg::list::{Items, is_plain};
use crate::sip::msg::{Header, Headers, Name};
use crate::wire::Text;
use crate::wire::cursor::write_line;
use crate::wire::mime::{self, MediaType, MediaTypeError};

/// The error of header `H` for a media type that begins at `start`.
fn wrong<H: Header>(error: MediaTypeError, start: usize) -> HeaderError {
    let (expected, at) = match error {
        MediaTypeError::NotAType(at) => ("type/subtype", at),
        MediaTypeError::Control(at) => ("no control character", at),
    };
    HeaderError::syntax(H::NAME, expected, start.saturating_add(at))
}

/// The media type of the body (RFC 3261 §20.15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType(pub MediaType);

impl Header for ContentType {
    const NAME: Name = Name::ContentType;
    const LIST: bool = false;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        MediaType::parse(value)
            .map(Self)
            .map_err(|e| wrong::<Self>(e, 0))
    }

    fn check(value: &str) -> Result<(), HeaderError> {
        MediaType::check(value).map_err(|e| wrong::<Self>(e, 0))
    }

    fn write(&self, out: &mut String) {
        write_line(self.0.as_text(), out);
    }
}

/// What the body is for (RFC 3261 §20.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentDisposition(pub mime::ContentDisposition);

impl Header for ContentDisposition {
    const NAME: Name = Name::ContentDisposition;
    const LIST: bool = false;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let parsed = mime::ContentDisposition::parse(value);
        parsed.map(Self).map_err(|e| wrong::<Self>(e, 0))
    }

    fn write(&self, out: &mut String) {
        write_line(&self.0.to_string(), out);
    }
}

/// The bodies that the sender understands (RFC 3261 §20.1). One value is the whole list of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accept(pub Vec<MediaType>);

impl Accept {
    /// The lists of all fields of a message in one; `None` if it has no such field, which means
    /// `application/sdp`.
    ///
    /// # Errors
    ///
    /// One of them does not follow the grammar.
    pub fn of(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        let mut all = None;
        for list in headers.all::<Self>() {
            all.get_or_insert_with(Self::default).0.extend(list?.0);
        }
        Ok(all)
    }

    /// Whether the type is in the list, by its name or by a range such as `text/*` or `*/*`.
    pub fn accepts(&self, media_type: &MediaType) -> bool {
        self.0
            .iter()
            .any(|range| media_type.matches(range.essence()))
    }
}

impl Header for Accept {
    const NAME: Name = Name::Accept;
    const LIST: bool = false;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let types = each(value, |part| MediaType::parse(&value.slice_ref(part)));
        types.collect::<Result<_, _>>().map(Self)
    }

    fn check(value: &str) -> Result<(), HeaderError> {
        match is_plain(value.as_bytes(), MediaType::end_of_essence) {
            true => Ok(()),
            false => each(value, MediaType::check).collect(),
        }
    }

    fn write(&self, out: &mut String) {
        for (index, media_type) in self.0.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            write_line(media_type.as_text(), out);
        }
    }
}

/// What is read of each part between commas that are not in quotes.
fn each<'a, T>(
    list: &'a str,
    read: impl Fn(&'a str) -> Result<T, MediaTypeError>,
) -> impl Iterator<Item = Result<T, HeaderError>> {
    Items::new(list.as_bytes(), true).map(move |item| {
        let part = list.get(item.clone()).unwrap_or_default();
        read(part).map_err(|error| wrong::<Accept>(error, item.start))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn types_there_and_back() {
        there_and_back::<ContentType>(&[
            ("application/sdp", "application/sdp"),
            (
                "multipart/mixed; boundary=\"a,b\"",
                "multipart/mixed; boundary=\"a,b\"",
            ),
        ]);
        there_and_back::<Accept>(&[
            (
                "application/sdp;level=1, application/x-private ,text/html",
                "application/sdp;level=1, application/x-private, text/html",
            ),
            ("", ""),
            (
                "a/b;c=\"x,\\\"y\", d/*;q=0.5",
                "a/b;c=\"x,\\\"y\", d/*;q=0.5",
            ),
        ]);
        there_and_back::<ContentDisposition>(&[("recipient-list", "recipient-list")]);
        refused::<ContentType>(&[("text", 0)]);
    }

    #[test]
    fn a_type_is_accepted_by_name_or_by_range() {
        let accept: Accept = read("text/*, application/sdp");
        let accepts = |text: &str| accept.accepts(&text.parse().unwrap());
        assert!(accepts("Text/Plain; charset=UTF-8"));
        assert!(accepts("application/sdp"));
        assert!(!accepts("application/xml"));
    }
}
