//! Notifications of what became of a message: delivered, displayed, processed (RFC 5438).
//!
//! This is the document. The headers by which the sender of a message asks for it are those of the
//! message's envelope: see [`cpim`](crate::cpim).

use crate::cpim::{Dispositions, HeaderName, Identity, Message};
use crate::engine::{DateTime, Ids, Limits};
use crate::wire::mime::{EncodingError, MediaType, Multipart, MultipartError, Part};
use crate::wire::{Text, date, xml};
use bytes::Bytes;

/// The media type of the document (RFC 5438).
pub const MEDIA_TYPE: &str = "message/imdn+xml";

/// The namespace of the document.
const NS: &str = "urn:ietf:params:xml:ns:imdn";
/// The namespace of OMA CPM's extensions.
const NS_CPM: &str = "urn:oma:xml:cpm:imdn-extensions:1.0";

/// What became of one message at one recipient (RFC 5438 §7.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imdn {
    /// The `imdn.Message-ID` of the message reported on.
    pub message_id: Text,
    /// The `DateTime` of that message.
    pub date_time: Option<DateTime>,
    /// Who received the message.
    pub recipient_uri: Option<Text>,
    /// Whom the sender wrote to, where an intermediary changed that.
    pub original_recipient_uri: Option<Text>,
    /// The subject of the message reported on.
    pub subject: Option<Text>,
    /// Which question this answers.
    pub kind: Kind,
    /// The answer.
    pub status: Status,
}

/// What kind of notification it is (RFC 5438 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The message reached the recipient's device, or did not.
    Delivery,
    /// The recipient saw it.
    Display,
    /// An intermediary did something with it.
    Processing,
    /// It was handed to a legacy service (OMA CPM).
    Interworking,
}

/// What became of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Reached the device.
    Delivered,
    /// Will not reach the recipient.
    Failed,
    /// Shown to the recipient.
    Displayed,
    /// Handled by an intermediary.
    Processed,
    /// Kept by an intermediary for later.
    Stored,
    /// The recipient does not want to tell.
    Forbidden,
    /// It is not known what became of it.
    Error,
    /// Sent on as SMS.
    LegacySms,
    /// Sent on as MMS.
    LegacyMms,
}

/// Where the elements of an interworking notification are put: both placements are on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Placement {
    /// The whole element in the namespace of the extension.
    #[default]
    Outer,
    /// Only the status in the namespace of the extension.
    Inner,
}

/// Why bytes are not a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The XML is broken or beyond its limits.
    #[error(transparent)]
    Xml(#[from] xml::Error),
    /// The document element is not `imdn`.
    #[error("not an imdn document")]
    NotImdn,
    /// There is no `message-id`.
    #[error("no message-id")]
    NoMessageId,
    /// There is no notification with a status that is known.
    #[error("no status")]
    NoStatus,
    /// The body is encoded in a way that could not be undone.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// The multipart body around it is broken.
    #[error(transparent)]
    Multipart(#[from] MultipartError),
}

impl Imdn {
    /// A notification about a message.
    pub fn new(message_id: Text, date_time: Option<DateTime>, kind: Kind, status: Status) -> Self {
        Self {
            message_id,
            date_time,
            recipient_uri: None,
            original_recipient_uri: None,
            subject: None,
            kind,
            status,
        }
    }

    /// What there is to tell the sender of `message`; `None` if it has no id to tell it by.
    ///
    /// Whether the sender asked for it is another question: see [`Message::dispositions`].
    pub fn about(message: &Message, kind: Kind, status: Status) -> Option<Self> {
        Some(Self {
            recipient_uri: message.to().next().map(|to| to.uri.compact()),
            original_recipient_uri: message.original_to().map(|to| to.uri.compact()),
            ..Self::new(
                message.message_id()?.compact(),
                message.date_time(),
                kind,
                status,
            )
        })
    }

    /// The message that carries this notification back to the sender of `message` (RFC 5438 §7.2.1): through
    /// the intermediaries that asked to see it, and never itself the object of a notification.
    pub fn wrap(&self, message: &Message, from: &Identity, id: &str, at: DateTime) -> Message {
        let to = message.from().unwrap_or(Identity::ANONYMOUS);
        let head = Message::builder(from, &to)
            .date_time(at)
            .notify(id, Dispositions::NONE);
        message
            .record_route()
            .fold(head, |head, hop| {
                head.identity(HeaderName::IMDN_ROUTE, &hop)
            })
            .content_header("Content-Disposition", "notification")
            .content(MEDIA_TYPE, self.write())
    }

    /// Reads every notification that a message carries.
    ///
    /// # Errors
    ///
    /// One of them is broken.
    pub fn of(message: &Message, limits: &Limits) -> Result<Vec<Self>, ParseError> {
        let Ok(content_type) = message.content_type() else {
            return Ok(Vec::new());
        };
        Self::parse_all(&content_type, &message.decoded_body(limits)?, limits)
    }

    /// Reads the XML document. Elements that are not known are skipped, and namespaces are not looked at:
    /// peers put the extensions of OMA CPM into either of two.
    ///
    /// # Errors
    ///
    /// The bytes are not such a document.
    pub fn parse(document: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let document = xml::text(document);
        let mut reader = xml::Reader::new(&document, limits)?;
        if !matches!(reader.child()?, Some(root) if root.name == "imdn") {
            return Err(ParseError::NotImdn);
        }
        let (mut message_id, mut date_time) = (None, None);
        let (mut recipient_uri, mut original_recipient_uri, mut subject) = (None, None, None);
        let mut answer = None;
        while let Some(child) = reader.child()? {
            match child.name {
                "message-id" => message_id = text(&mut reader)?,
                "datetime" => {
                    date_time = text(&mut reader)?.as_deref().and_then(date::parse);
                }
                "recipient-uri" => recipient_uri = text(&mut reader)?,
                "original-recipient-uri" => original_recipient_uri = text(&mut reader)?,
                "subject" => subject = text(&mut reader)?,
                name => match Kind::from_element(name) {
                    Some(kind) => {
                        let status = status(&mut reader)?;
                        answer = answer.or_else(|| Some((kind, status?)));
                    }
                    None => reader.skip()?,
                },
            }
        }
        let (kind, status) = answer.ok_or(ParseError::NoStatus)?;
        Ok(Self {
            message_id: message_id.ok_or(ParseError::NoMessageId)?,
            date_time,
            recipient_uri,
            original_recipient_uri,
            subject,
            kind,
            status,
        })
    }

    /// Reads every notification in a body: a bare document, or several of them in a multipart body, as an
    /// intermediary may collect them. Parts of other types are passed over.
    ///
    /// # Errors
    ///
    /// One of them is broken.
    pub fn parse_all(
        content_type: &MediaType,
        body: &Bytes,
        limits: &Limits,
    ) -> Result<Vec<Self>, ParseError> {
        Multipart::leaves(content_type, body, limits)?
            .iter()
            .filter(|part| {
                part.content_type()
                    .is_ok_and(|content_type| content_type.essence() == MEDIA_TYPE)
            })
            .map(|part| Self::parse(&part.decoded_body(limits)?, limits))
            .collect()
    }

    /// Several notifications in one body, as an intermediary may send them that has many for one recipient
    /// (RFC 5438 §8.2).
    pub fn collect(reports: &[Self], ids: &mut Ids) -> Multipart {
        let parts = reports
            .iter()
            .map(|report| {
                Part::new(MEDIA_TYPE, report.write()).with("Content-Disposition", "notification")
            })
            .collect();
        Multipart::new("mixed", ids, parts)
    }

    /// The XML document.
    pub fn write(&self) -> Bytes {
        self.write_with(Placement::default())
    }

    /// The XML document, with interworking elements where `placement` says.
    pub fn write_with(&self, placement: Placement) -> Bytes {
        let extended = self.kind == Kind::Interworking;
        let mut writer = xml::Writer::new();
        match (extended, placement) {
            (true, Placement::Outer) => {
                writer.start("imdn", &[("xmlns", NS), ("xmlns:cpmimdn", NS_CPM)])
            }
            _ => writer.start("imdn", &[("xmlns", NS)]),
        };
        writer.leaf("message-id", &self.message_id);
        // RFC 5438 wants it, but there is nothing to write if the message did not have one.
        if let Some(at) = self.date_time {
            writer.leaf("datetime", &date::write(at));
        }
        for (name, text) in [
            ("recipient-uri", &self.recipient_uri),
            ("original-recipient-uri", &self.original_recipient_uri),
            ("subject", &self.subject),
        ] {
            if let Some(text) = text {
                writer.leaf(name, text);
            }
        }
        let status = self.status.element();
        match (extended, placement) {
            (true, Placement::Outer) => writer
                .start("cpmimdn:interworking-notification", &[])
                .start("cpmimdn:status", &[])
                .empty(self.status.prefixed(), &[]),
            (true, Placement::Inner) => writer
                .start(self.kind.element(), &[])
                .start("status", &[])
                .empty(status, &[("xmlns", NS_CPM)]),
            (false, _) => writer
                .start(self.kind.element(), &[])
                .start("status", &[])
                .empty(status, &[]),
        };
        writer.finish()
    }
}

/// The text of the open element without the spaces that peers put around it.
fn text(reader: &mut xml::Reader<'_>) -> Result<Option<Text>, xml::Error> {
    let text = reader.text()?;
    let text = text.trim();
    Ok((!text.is_empty()).then(|| Text::from(text)))
}

/// The status in the open notification: the first child of `status` that is known.
fn status(reader: &mut xml::Reader<'_>) -> Result<Option<Status>, xml::Error> {
    let mut found = None;
    while let Some(child) = reader.child()? {
        if child.name != "status" {
            reader.skip()?;
            continue;
        }
        while let Some(child) = reader.child()? {
            found = found.or_else(|| Status::from_element(child.name));
            reader.skip()?;
        }
    }
    Ok(found)
}

macro_rules! elements {
    ($type:ident { $($variant:ident = $name:literal,)* }) => {
        impl $type {
            const fn element(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            fn from_element(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

elements! {
    Kind {
        Delivery = "delivery-notification",
        Display = "display-notification",
        Processing = "processing-notification",
        Interworking = "interworking-notification",
    }
}

elements! {
    Status {
        Delivered = "delivered",
        Failed = "failed",
        Displayed = "displayed",
        Processed = "processed",
        Stored = "stored",
        Forbidden = "forbidden",
        Error = "error",
        LegacySms = "legacy-sms",
        LegacyMms = "legacy-mms",
    }
}

impl Status {
    /// The element's name with the prefix of the extension.
    const fn prefixed(self) -> &'static str {
        match self {
            Self::LegacySms => "cpmimdn:legacy-sms",
            Self::LegacyMms => "cpmimdn:legacy-mms",
            Self::Error => "cpmimdn:error",
            Self::Forbidden => "cpmimdn:forbidden",
            Self::Delivered => "cpmimdn:delivered",
            Self::Failed => "cpmimdn:failed",
            Self::Displayed => "cpmimdn:displayed",
            Self::Processed => "cpmimdn:processed",
            Self::Stored => "cpmimdn:stored",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &str = "<message-id>MnA1</message-id><datetime>2026-01-01T09:00:00Z</datetime>";

    fn parse(document: &str) -> Result<Imdn, ParseError> {
        Imdn::parse(document.as_bytes(), &Limits::default())
    }

    fn report(kind: Kind, status: Status) -> Imdn {
        Imdn::new(
            Text::from_static("MnA1"),
            date::parse("2026-01-01T09:00:00Z"),
            kind,
            status,
        )
    }

    #[test]
    fn every_kind_and_status_in_both_directions() {
        for (kind, status, notification) in [
            (
                Kind::Delivery,
                Status::Delivered,
                "<delivery-notification><status><delivered/></status></delivery-notification>",
            ),
            (
                Kind::Delivery,
                Status::Failed,
                "<delivery-notification><status><failed/></status></delivery-notification>",
            ),
            (
                Kind::Delivery,
                Status::Error,
                "<delivery-notification><status><error/></status></delivery-notification>",
            ),
            (
                Kind::Display,
                Status::Displayed,
                "<display-notification><status><displayed/></status></display-notification>",
            ),
            (
                Kind::Display,
                Status::Forbidden,
                "<display-notification><status><forbidden/></status></display-notification>",
            ),
            (
                Kind::Processing,
                Status::Processed,
                "<processing-notification><status><processed/></status></processing-notification>",
            ),
            (
                Kind::Processing,
                Status::Stored,
                "<processing-notification><status><stored/></status></processing-notification>",
            ),
        ] {
            let document = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\">{HEAD}{notification}</imdn>"
            );
            assert_eq!(parse(&document), Ok(report(kind, status)), "{document}");
            assert_eq!(report(kind, status).write(), document);
        }
    }

    #[test]
    fn interworking_in_both_placements() {
        let outer = format!(
            "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\" xmlns:cpmimdn=\"urn:oma:xml:cpm:imdn-extensions:1.0\">{HEAD}\
             <cpmimdn:interworking-notification><cpmimdn:status><cpmimdn:legacy-sms/></cpmimdn:status></cpmimdn:interworking-notification></imdn>"
        );
        let inner = format!(
            "<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\">{HEAD}\
             <interworking-notification><status><legacy-sms xmlns=\"urn:oma:xml:cpm:imdn-extensions:1.0\"/></status></interworking-notification></imdn>"
        );
        let sms = report(Kind::Interworking, Status::LegacySms);
        for (placement, document) in [(Placement::Outer, outer), (Placement::Inner, inner)] {
            assert_eq!(parse(&document).as_ref(), Ok(&sms), "{document}");
            assert!(sms.write_with(placement).ends_with(document.as_bytes()));
        }
    }

    #[test]
    fn the_unknown_is_skipped_and_spaces_do_not_count() {
        let document = "<?xml version='1.0'?>\n<i:imdn xmlns:i='urn:ietf:params:xml:ns:imdn'>\n\
            <i:message-id>\n MnA1 </i:message-id>\n<x><delivery-notification/></x>\n\
            <i:datetime>2026-01-01T14:30:00+5:30</i:datetime>\n<i:subject> </i:subject>\
            <i:delivery-notification>\n<note/><i:status>\n<new-thing/><i:delivered />\n</i:status></i:delivery-notification></i:imdn>";
        assert_eq!(
            parse(document),
            Ok(report(Kind::Delivery, Status::Delivered))
        );
    }

    #[test]
    fn refuses_what_reports_nothing() {
        for (document, error) in [
            ("<imdn/>", ParseError::NoStatus),
            ("<html/>", ParseError::NotImdn),
            (
                "<imdn><display-notification><status><displayed/></status></display-notification></imdn>",
                ParseError::NoMessageId,
            ),
            (
                "<imdn><message-id>1</message-id><display-notification/></imdn>",
                ParseError::NoStatus,
            ),
            (
                "<imdn><message-id>1</message-id>",
                ParseError::Xml(xml::Error::Malformed(32)),
            ),
            (
                "<!DOCTYPE imdn><imdn/>",
                ParseError::Xml(xml::Error::Dtd(0)),
            ),
        ] {
            assert_eq!(parse(document), Err(error), "{document}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(id in "[!-~]{1,40}", uri in "sip:[a-z<&>\"]{1,10}", subject in "[a-z<&>\u{e9}]{1,10}") {
            let mut imdn = report(Kind::Display, Status::Displayed);
            imdn.message_id = Text::from(id);
            imdn.recipient_uri = Some(Text::from(uri.clone()));
            imdn.original_recipient_uri = Some(Text::from(uri));
            imdn.subject = Some(Text::from(subject));
            prop_assert_eq!(Imdn::parse(&imdn.write(), &Limits::default()), Ok(imdn));
        }
    }
}
