//! Making a message.

use super::{Dispositions, HeaderName, Identity, Message};
use crate::engine::DateTime;
use bytes::Bytes;

/// Makes a message, header by header. Declares each namespace before it is used first, escapes what must
/// be escaped.
#[derive(Clone, Debug)]
pub struct Builder {
    #[allow(dead_code)]
    head: String,
}

impl Builder {
    /// A message from one party to another.
    pub fn new(_from: &Identity, _to: &Identity) -> Self {
        todo!()
    }

    /// When it is written.
    #[must_use]
    pub fn date_time(self, _at: DateTime) -> Self {
        todo!()
    }

    /// What it is about, and in which language that is said.
    #[must_use]
    pub fn subject(self, _text: &str, _language: Option<&str>) -> Self {
        todo!()
    }

    /// The id for notifications, and which of them are asked for.
    #[must_use]
    pub fn notify(self, _message_id: &str, _dispositions: Dispositions) -> Self {
        todo!()
    }

    /// Adds any header with a text, which is escaped.
    #[must_use]
    pub fn header(self, _name: HeaderName<'_>, _text: &str) -> Self {
        todo!()
    }

    /// Adds any header that names a party.
    #[must_use]
    pub fn identity(self, _name: HeaderName<'_>, _party: &Identity) -> Self {
        todo!()
    }

    /// Adds a header of the content, such as `Content-Disposition`. Control characters become spaces.
    #[must_use]
    pub fn content_header(self, _name: &str, _value: &str) -> Self {
        todo!()
    }

    /// The message with a content.
    pub fn content(self, _content_type: &str, _body: impl Into<Bytes>) -> Message {
        todo!()
    }
}
