//! Making a message.

use super::edit::{Head, escaped};
use super::{Dispositions, HeaderName, Identity, Message};
use crate::engine::DateTime;
use crate::wire::{Text, date};
use bytes::{Bytes, BytesMut};

/// Makes a message, header by header. Declares each namespace before it is used first, escapes what must
/// be escaped.
#[derive(Clone, Debug)]
pub struct Builder {
    head: Head,
    content: Vec<(String, String)>,
}

impl Builder {
    /// A message from one party to another.
    pub fn new(from: &Identity, to: &Identity) -> Self {
        Self {
            head: Head::default(),
            content: Vec::new(),
        }
        .identity(HeaderName::FROM, from)
        .identity(HeaderName::TO, to)
    }

    /// When it is written.
    #[must_use]
    pub fn date_time(self, at: DateTime) -> Self {
        self.header(HeaderName::DATE_TIME, &date::write(at))
    }

    /// What it is about, and in which language that is said.
    #[must_use]
    pub fn subject(mut self, text: &str, language: Option<&str>) -> Self {
        let spelled = self.head.spell(HeaderName::SUBJECT);
        let params = language.map_or_else(String::new, |language| {
            let fits = |char: &char| char.is_ascii_alphanumeric() || *char == '-';
            format!(
                ";lang={}",
                language.chars().filter(fits).collect::<String>()
            )
        });
        self.head.push(&spelled, &params, &escaped(text));
        self
    }

    /// The id for notifications, and which of them are asked for (RFC 5438 §7.1.1).
    #[must_use]
    pub fn notify(self, message_id: &str, dispositions: Dispositions) -> Self {
        let named = self.header(HeaderName::MESSAGE_ID, message_id);
        if dispositions.is_empty() {
            return named;
        }
        named.header(
            HeaderName::DISPOSITION_NOTIFICATION,
            &dispositions.to_string(),
        )
    }

    /// Adds any header with a text, which is escaped.
    #[must_use]
    pub fn header(mut self, name: HeaderName<'_>, text: &str) -> Self {
        let spelled = self.head.spell(name);
        self.head.push(&spelled, "", &escaped(text));
        self
    }

    /// Adds any header that names a party.
    #[must_use]
    pub fn identity(mut self, name: HeaderName<'_>, party: &Identity) -> Self {
        let spelled = self.head.spell(name);
        self.head.push(&spelled, "", &party.to_string());
        self
    }

    /// Adds a header of the content, such as `Content-Disposition`. Control characters become spaces.
    #[must_use]
    pub fn content_header(mut self, name: &str, value: &str) -> Self {
        self.content.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The message with a content.
    pub fn content(self, content_type: &str, body: impl Into<Bytes>) -> Message {
        let mut head = self.head;
        head.end_block();
        head.push_content("Content-Type", content_type);
        for (name, value) in &self.content {
            head.push_content(name, value);
        }
        head.end_block();
        let body = body.into();
        // One buffer, so that writing the message to many costs nothing more.
        let mut whole = BytesMut::with_capacity(head.text.len() + body.len());
        whole.extend_from_slice(head.text.as_bytes());
        whole.extend_from_slice(&body);
        let whole = whole.freeze();
        Message {
            head: Text::from_utf8_lossy(whole.slice(..head.text.len())),
            fields: head.fields,
            body: whole.slice(head.text.len()..),
            whole: Some(whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpim::Sensitivity;
    use crate::engine::Limits;
    use proptest::prelude::*;

    #[test]
    fn a_namespace_is_declared_once_and_before_its_use() {
        let message = Message::builder(
            &Identity::new("tel:+15550001"),
            &Identity::new("tel:+15550002"),
        )
        .date_time(date::parse("2026-01-01T09:00:00Z").unwrap())
        .subject("Gr\u{fc}\u{df}e", Some("de"))
        .notify(
            "MnA1",
            Dispositions::POSITIVE_DELIVERY | Dispositions::DISPLAY,
        )
        .header(HeaderName::PAYLOAD_TYPE, "text/plain")
        .header(HeaderName::SENSITIVITY, Sensitivity::Private.as_str())
        .content_header("Content-Disposition", "render")
        .content("text/plain;charset=UTF-8", "hello");
        let expected = "From: <tel:+15550001>\r\nTo: <tel:+15550002>\r\n\
             DateTime: 2026-01-01T09:00:00Z\r\nSubject:;lang=de Gr\u{fc}\u{df}e\r\n\
             NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: MnA1\r\n\
             imdn.Disposition-Notification: positive-delivery, display\r\n\
             NS: cpm <http://www.openmobilealliance.org/cpm/>\r\n\
             cpm.Payload-Type: text/plain\r\ncpm.Sensitivity: Private\r\n\r\n\
             Content-Type: text/plain;charset=UTF-8\r\nContent-Disposition: render\r\n\r\nhello";
        assert_eq!(message.write(), expected);
        assert_eq!(message.payload_type().unwrap().essence(), "text/plain");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            display in "\\PC{0,10}", subject in "[\\PC\r\n]{0,30}", id in "[!-~]{1,30}",
            (prefix, namespace, name) in ("[a-z]{1,5}", "urn:[a-z]{1,9}", "[A-Za-z-]{1,9}"),
            body: Vec<u8>,
        ) {
            let from = Identity::new("sip:a@b").with_display(display.trim());
            let extension = HeaderName::new(&prefix, &namespace, &name);
            let message = Message::builder(&from, &Identity::ANONYMOUS)
                .subject(&subject, None)
                .notify(&id, Dispositions::DISPLAY)
                .header(extension, &subject)
                .content("application/octet-stream", body);
            let read = Message::parse(message.write(), &Limits::default()).unwrap();
            prop_assert_eq!(&read, &message);
            prop_assert!(read.headers().eq(message.headers()));
            prop_assert_eq!(read.subject(None).unwrap(), subject.as_str());
            prop_assert_eq!(read.text(extension).unwrap(), subject.as_str());
            prop_assert_eq!(read.message_id().unwrap(), id.as_str());
            prop_assert_eq!(read.from().unwrap().uri, "sip:a@b");
        }
    }
}
