//! Bodies of several parts (RFC 2046 §5.1).

use super::{ContentDisposition, EncodingError, MediaType, MediaTypeError};
use crate::engine::{Ids, Limits};
use crate::wire::Text;
use bytes::Bytes;

/// A body of several parts (RFC 2046 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    content_type: MediaType,
    boundary: Text,
    parts: Vec<Part>,
}

/// One part: its header fields and its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    headers: Vec<(Text, Text)>,
    body: Bytes,
}

/// Why a body is not a multipart body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MultipartError {
    /// The media type is not `multipart/…`.
    #[error("not a multipart type")]
    NotMultipart,
    /// There is no `boundary` parameter, or one that is empty or longer than 70 characters.
    #[error("no usable boundary parameter")]
    Boundary,
    /// The boundary occurs nowhere in the body.
    #[error("the boundary does not occur in the body")]
    NoParts,
    /// More parts than `Limits` allow.
    #[error("more than {0} parts")]
    TooManyParts(usize),
    /// Multipart in multipart, deeper than `Limits` allow.
    #[error("nested deeper than {0}")]
    TooDeep(usize),
    /// A part with more header fields than `Limits` allow.
    #[error("too many header fields in the part at byte {0}")]
    TooManyHeaders(usize),
    /// A line in the head of a part that is no header field.
    #[error("not a header field at byte {0}")]
    Header(usize),
}

impl Multipart {
    /// A multipart body of `subtype` (`mixed`, `related` …) with a fresh boundary.
    pub fn new(_subtype: &str, _ids: &mut Ids, _parts: Vec<Part>) -> Self {
        todo!()
    }

    /// Splits a body into its parts, one level deep. A missing last delimiter and line ends without CR
    /// are tolerated.
    ///
    /// # Errors
    ///
    /// The body is not such a body, or exceeds the limits.
    pub fn parse(
        _content_type: &MediaType,
        _body: &Bytes,
        _limits: &Limits,
    ) -> Result<Self, MultipartError> {
        todo!()
    }

    /// All parts that are not multipart themselves, in order, at whatever depth. A body that is not
    /// multipart at all is one part.
    ///
    /// # Errors
    ///
    /// A body that says it is multipart is not, or the whole exceeds the limits.
    pub fn leaves(
        _content_type: &MediaType,
        _body: &Bytes,
        _limits: &Limits,
    ) -> Result<Vec<Part>, MultipartError> {
        todo!()
    }

    /// The media type, with its boundary, for the `Content-Type` of the whole.
    pub const fn content_type(&self) -> &MediaType {
        &self.content_type
    }

    /// The boundary.
    pub fn boundary(&self) -> &str {
        &self.boundary
    }

    /// The parts in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The parts in order.
    pub fn into_parts(self) -> Vec<Part> {
        self.parts
    }

    /// The bytes of the body.
    pub fn write(&self) -> Bytes {
        todo!()
    }
}

impl Part {
    /// A part of a media type.
    pub fn new(_content_type: &str, _body: Bytes) -> Self {
        todo!()
    }

    /// Adds a header field. Control characters in it become spaces.
    #[must_use]
    pub fn with(self, _name: &str, _value: &str) -> Self {
        todo!()
    }

    /// The header fields in order.
    pub fn headers(&self) -> &[(Text, Text)] {
        &self.headers
    }

    /// The value of the first header field of that name, in any case.
    pub fn header(&self, _name: &str) -> Option<&Text> {
        todo!()
    }

    /// The media type; `text/plain` where none is given (RFC 2046 §5.1).
    ///
    /// # Errors
    ///
    /// The header does not hold a media type.
    pub fn content_type(&self) -> Result<MediaType, MediaTypeError> {
        todo!()
    }

    /// The `Content-ID` without its angle brackets.
    pub fn content_id(&self) -> Option<&str> {
        todo!()
    }

    /// The `Content-Disposition`, if there is a readable one.
    pub fn disposition(&self) -> Option<ContentDisposition> {
        todo!()
    }

    /// The body as it was received.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body with `Content-Transfer-Encoding` and `Content-Encoding` undone.
    ///
    /// # Errors
    ///
    /// The body is not in the encoding it claims, or becomes too large.
    pub fn decoded_body(&self, _limits: &Limits) -> Result<Bytes, EncodingError> {
        todo!()
    }
}
