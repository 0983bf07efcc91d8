//! Notifications of what became of a message: delivered, displayed, processed (RFC 5438).

use crate::engine::{DateTime, Limits};
use crate::wire::Text;
use crate::wire::mime::{EncodingError, MediaType, MultipartError};
use crate::wire::xml;
use bytes::Bytes;

/// The media type of the document (RFC 5438 §15.3).
pub const MEDIA_TYPE: &str = "message/imdn+xml";

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

/// What kind of notification it is (RFC 5438 §3).
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

    /// Reads the XML document.
    ///
    /// # Errors
    ///
    /// The bytes are not such a document.
    pub fn parse(_document: &[u8], _limits: &Limits) -> Result<Self, ParseError> {
        todo!()
    }

    /// Reads every notification in a body: a bare document, or several of them in a multipart body.
    ///
    /// # Errors
    ///
    /// One of them is broken.
    pub fn parse_all(
        _content_type: &MediaType,
        _body: &Bytes,
        _limits: &Limits,
    ) -> Result<Vec<Self>, ParseError> {
        todo!()
    }

    /// The XML document.
    pub fn write(&self) -> Bytes {
        self.write_with(Placement::default())
    }

    /// The XML document, with interworking elements where `placement` says.
    pub fn write_with(&self, _placement: Placement) -> Bytes {
        todo!()
    }
}
