//! The message as a view of the bytes it arrived in.

use super::{Builder, Dispositions, HeaderName, Identity, ParseError};
use crate::engine::{DateTime, Limits};
use crate::wire::Text;
use crate::wire::mime::{ContentDisposition, EncodingError, MediaType, MediaTypeError};
use bytes::Bytes;

/// A CPIM message (RFC 3862): headers, the headers of its content, and the content.
///
/// A parsed message keeps the bytes it was read from: one that is not edited is written exactly as it was
/// received, with whatever peculiarities it had. An edited one is written as RFC 3862 asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    body: Bytes,
}

/// One header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The namespace that the prefix, or its absence, stands for.
    pub namespace: &'a str,
    /// The name within the namespace.
    pub name: &'a str,
    /// Name and prefix as they were written.
    pub spelled: &'a str,
    /// The `lang` parameter (RFC 3862 §4.5).
    pub language: Option<&'a str>,
    /// The value as it was written, with its escapes.
    pub value: &'a str,
}

impl Header<'_> {
    /// The value with its escapes resolved (RFC 3862 §2.3).
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        todo!()
    }
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// There are no headers, or a line among them is none, or they exceed the limits.
    pub fn parse(_bytes: Bytes, _limits: &Limits) -> Result<Self, ParseError> {
        todo!()
    }

    /// Starts a message from one party to another.
    pub fn builder(from: &Identity, to: &Identity) -> Builder {
        Builder::new(from, to)
    }

    /// Who wrote it.
    pub fn from(&self) -> Option<Identity> {
        todo!()
    }

    /// Whom it is for.
    pub fn to(&self) -> impl Iterator<Item = Identity> {
        self.identities(HeaderName::TO)
    }

    /// Who gets it as well.
    pub fn cc(&self) -> impl Iterator<Item = Identity> {
        self.identities(HeaderName::CC)
    }

    /// When it was written. `None` if it does not say or nobody can tell what it says.
    pub fn date_time(&self) -> Option<DateTime> {
        todo!()
    }

    /// What it is about: the subject in `language` if there is one, or else the first.
    pub fn subject(&self, _language: Option<&str>) -> Option<Text> {
        todo!()
    }

    /// The headers that it says must be understood (RFC 3862 §4.7), as they are spelled.
    pub fn require(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    /// The `imdn.Message-ID` (RFC 5438 §6.3).
    pub fn message_id(&self) -> Option<Text> {
        todo!()
    }

    /// The notifications that the sender asks for (RFC 5438 §6.2).
    pub fn dispositions(&self) -> Dispositions {
        todo!()
    }

    /// The intermediaries that want to see the notifications, the last one that handled the message first
    /// (RFC 5438 §6.5).
    pub fn record_route(&self) -> impl Iterator<Item = Identity> {
        self.identities(HeaderName::IMDN_RECORD_ROUTE)
    }

    /// The intermediaries that this notification goes through (RFC 5438 §6.6).
    pub fn route(&self) -> impl Iterator<Item = Identity> {
        self.identities(HeaderName::IMDN_ROUTE)
    }

    /// Whom the message was for before a list server changed that (RFC 5438 §6.4).
    pub fn original_to(&self) -> Option<Identity> {
        self.identities(HeaderName::ORIGINAL_TO).next()
    }

    /// The media type that the envelope tells of the content (OMA CPM `cpm.Payload-Type`).
    pub fn payload_type(&self) -> Option<MediaType> {
        todo!()
    }

    /// The first header of that name, whatever its prefix.
    pub fn header(&self, name: HeaderName<'_>) -> Option<Header<'_>> {
        self.headers()
            .find(|header| (header.namespace, header.name) == (name.namespace, name.name))
    }

    /// The value of the first header of that name, with its escapes resolved.
    pub fn text(&self, _name: HeaderName<'_>) -> Option<Text> {
        todo!()
    }

    /// All headers in order, those of the content not among them.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        std::iter::empty()
    }

    /// Every header of that name that names a party.
    pub fn identities(&self, _name: HeaderName<'_>) -> impl Iterator<Item = Identity> {
        std::iter::empty()
    }

    /// The media type of the content; `text/plain` where none is given.
    ///
    /// # Errors
    ///
    /// The header holds no media type.
    pub fn content_type(&self) -> Result<MediaType, MediaTypeError> {
        todo!()
    }

    /// The `Content-Disposition` of the content.
    pub fn content_disposition(&self) -> Option<ContentDisposition> {
        todo!()
    }

    /// The value of a header of the content; its name in any case, as MIME has it.
    pub fn content_header(&self, _name: &str) -> Option<Text> {
        todo!()
    }

    /// The headers of the content in order.
    pub fn content_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        std::iter::empty()
    }

    /// The content as it was received.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The content with `Content-Transfer-Encoding` and `Content-Encoding` undone.
    ///
    /// # Errors
    ///
    /// The content is not in the encoding it claims, or becomes too large.
    pub fn decoded_body(&self, _limits: &Limits) -> Result<Bytes, EncodingError> {
        todo!()
    }

    /// The bytes of the message: those received, if nothing was edited.
    pub fn write(&self) -> Bytes {
        todo!()
    }

    /// Puts one header in the place of all of that name, or adds it.
    pub fn set(&mut self, _name: HeaderName<'_>, _value: &str) {
        todo!()
    }

    /// Puts `parties` in the place of all headers of that name.
    pub fn set_identities(&mut self, _name: HeaderName<'_>, _parties: &[Identity]) {
        todo!()
    }

    /// Adds a header before all others of that name.
    pub fn prepend(&mut self, _name: HeaderName<'_>, _value: &str) {
        todo!()
    }

    /// Removes all headers of that name.
    pub fn remove(&mut self, _name: HeaderName<'_>) {
        todo!()
    }

    /// Puts another content in the place of the one there is, with its headers.
    pub fn set_content(&mut self, _content_type: &str, _body: Bytes) {
        todo!()
    }
}
