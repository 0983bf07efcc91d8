//! What people send each other, wrapped in CPIM and unwrapped again.

use super::event::Parcel;
use crate::composing::{self, IsComposing};
use crate::cpim::{self, Dispositions, Identity};
use crate::engine::{Cx, DateTime, Limits};
use crate::imdn::{self, Imdn};
use crate::wire::Text;
use crate::wire::mime::{self, MediaType};
use bytes::Bytes;

/// What the sender of a message wants to hear back (RFC 5438 §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// That it reached a device.
    pub delivered: bool,
    /// That it will not reach one.
    pub failed: bool,
    /// That it was seen.
    pub displayed: bool,
}

impl Wanted {
    /// Everything.
    pub const ALL: Self = Self {
        delivered: true,
        failed: true,
        displayed: true,
    };
    /// Nothing.
    pub const NONE: Self = Self {
        delivered: false,
        failed: false,
        displayed: false,
    };

    fn dispositions(self) -> Dispositions {
        let mut all = Dispositions::NONE;
        for (wanted, disposition) in [
            (self.delivered, Dispositions::POSITIVE_DELIVERY),
            (self.failed, Dispositions::NEGATIVE_DELIVERY),
            (self.displayed, Dispositions::DISPLAY),
        ] {
            if wanted {
                all = all.and(disposition);
            }
        }
        all
    }

    fn of(dispositions: Dispositions) -> Self {
        Self {
            delivered: dispositions.contains(Dispositions::POSITIVE_DELIVERY),
            failed: dispositions.contains(Dispositions::NEGATIVE_DELIVERY),
            displayed: dispositions.contains(Dispositions::DISPLAY),
        }
    }
}

/// A message as people and functions see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its `imdn.Message-ID`, by which reports name it.
    pub id: Option<Text>,
    /// From, as the CPIM says; often anonymous, since the leg knows better.
    pub from: Option<Identity>,
    /// To, as the CPIM says.
    pub to: Option<Identity>,
    /// When its sender wrote it.
    pub date_time: Option<DateTime>,
    /// What the sender wants to hear back.
    pub wanted: Wanted,
    /// What it says.
    pub content: Content,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// Text for people.
    Text(Text),
    /// What became of other messages.
    Reports(Vec<Imdn>),
    /// Whether somebody is typing.
    Composing(IsComposing),
    /// Anything else.
    Other {
        /// Its media type.
        content_type: MediaType,
        /// Its bytes, with transfer and content encodings undone where possible.
        body: Bytes,
    },
}

impl Message {
    /// Reads content as it arrived: in CPIM, or bare, as plain SIP user agents send it.
    ///
    /// # Errors
    ///
    /// It says it is CPIM and is not.
    pub fn read(parcel: &Parcel, limits: &Limits) -> Result<Self, cpim::ParseError> {
        let content_type = MediaType::parse(&parcel.content_type).unwrap_or_else(|_| octets());
        if content_type.essence() != cpim::MEDIA_TYPE {
            let body = mime::decode(&parcel.body, None, parcel.content_encoding(), limits);
            let content = Content::of(content_type, body, &parcel.body, limits);
            return Ok(Self {
                id: None,
                from: None,
                to: None,
                date_time: None,
                wanted: Wanted::NONE,
                content,
            });
        }
        let body = mime::decode(&parcel.body, None, parcel.content_encoding(), limits)
            .unwrap_or_else(|_| parcel.body.clone());
        let cpim = cpim::Message::parse(body, limits)?;
        let inner = cpim.content_type().unwrap_or_else(|_| octets());
        let is_report = inner.essence() == imdn::MEDIA_TYPE;
        let content = Content::of(inner, cpim.decoded_body(limits), cpim.body(), limits);
        let wanted = match &content {
            // Nothing is ever reported on a report, readable or not (RFC 5438 §7.2.1).
            Content::Reports(_) | Content::Composing(_) => Wanted::NONE,
            _ if is_report => Wanted::NONE,
            _ => Wanted::of(cpim.dispositions()),
        };
        Ok(Self {
            id: cpim.message_id(),
            from: cpim.from(),
            to: cpim.to().next(),
            date_time: cpim.date_time(),
            wanted,
            content,
        })
    }

    /// Whether it only tells the state of something and is worth nothing later.
    pub const fn is_ephemeral(&self) -> bool {
        matches!(self.content, Content::Composing(_))
    }
}

impl Content {
    /// What a body says, `decoded` where that is possible. What is not, such as a bomb, is no text of anybody.
    fn of<E>(
        content_type: MediaType,
        decoded: Result<Bytes, E>,
        raw: &Bytes,
        limits: &Limits,
    ) -> Self {
        match decoded {
            Ok(body) => Self::read(content_type, body, limits),
            Err(_) => Self::Other {
                content_type,
                body: raw.clone(),
            },
        }
    }

    /// Reads a body; what cannot be read as what it claims to be is passed on as it is.
    fn read(content_type: MediaType, body: Bytes, limits: &Limits) -> Self {
        match content_type.essence() {
            "text/plain" => return Self::Text(Text::from_utf8_lossy(body)),
            composing::MEDIA_TYPE => {
                if let Ok(composing) = IsComposing::parse(&body, limits) {
                    return Self::Composing(composing);
                }
            }
            essence if essence == imdn::MEDIA_TYPE || essence.starts_with("multipart/") => {
                if let Ok(reports) = Imdn::parse_all(&content_type, &body, limits) {
                    return Self::Reports(reports);
                }
            }
            _ => {}
        }
        Self::Other { content_type, body }
    }
}

/// A text for people in CPIM; `id` is what reports will name it by.
pub(crate) fn text(
    cx: &Cx<'_>,
    from: &Identity,
    to: &Identity,
    id: &str,
    text: &str,
    wanted: Wanted,
) -> Parcel {
    let cpim = cpim::Message::builder(from, to)
        .date_time(cx.wall())
        .notify(id, wanted.dispositions())
        .content("text/plain;charset=UTF-8", text.to_owned());
    wrap(&cpim)
}

/// A report in CPIM (RFC 5438 §7.2). It asks for no report on itself (RFC 5438 §7.2.1).
pub(crate) fn report(cx: &mut Cx<'_>, from: &Identity, to: &Identity, imdn: &Imdn) -> Parcel {
    let id = cx.ids.message_id();
    let cpim = cpim::Message::builder(from, to)
        .date_time(cx.wall())
        .notify(&id, Dispositions::NONE)
        .content_header("Content-Disposition", "notification")
        .content(imdn::MEDIA_TYPE, imdn.write());
    wrap(&cpim)
}

/// Whether somebody is typing, in CPIM.
pub(crate) fn composing(
    cx: &Cx<'_>,
    from: &Identity,
    to: &Identity,
    document: &IsComposing,
) -> Parcel {
    let cpim = cpim::Message::builder(from, to)
        .date_time(cx.wall())
        .content(composing::MEDIA_TYPE, document.write());
    wrap(&cpim)
}

/// A document of the network's own, in CPIM.
pub(crate) fn document(
    cx: &Cx<'_>,
    from: &Identity,
    to: &Identity,
    media_type: &str,
    document: Bytes,
) -> Parcel {
    let cpim = cpim::Message::builder(from, to)
        .date_time(cx.wall())
        .content(media_type, document);
    wrap(&cpim)
}

/// What bytes are that do not say what they are.
fn octets() -> MediaType {
    MediaType::from(&::mime::APPLICATION_OCTET_STREAM)
}

fn wrap(cpim: &cpim::Message) -> Parcel {
    Parcel::new(Text::from_static(cpim::MEDIA_TYPE), cpim.write())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::msg::Name;

    #[test]
    fn rfc3261_20_12_deflated_content_is_inflated_within_its_bound() {
        let deflated = |body: &[u8]| {
            let mut encoder =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            std::io::Write::write_all(&mut encoder, body).unwrap();
            let mut parcel = Parcel::new(
                Text::from_static("text/plain"),
                encoder.finish().unwrap().into(),
            );
            parcel.headers = vec![(Name::ContentEncoding, Text::from_static("deflate"))];
            parcel
        };
        let read =
            |parcel: &Parcel| match Message::read(parcel, &Limits::default()).unwrap().content {
                Content::Text(text) => text.to_string(),
                other => format!("{other:?}"),
            };
        assert_eq!(read(&deflated(b"hello")), "hello");
        // A bomb stays as it came, and is no text.
        let bomb = deflated(&vec![b'x'; 4 * 1024 * 1024]);
        assert!(bomb.body.len() < 64 * 1024);
        let content = Message::read(&bomb, &Limits::default()).unwrap().content;
        assert!(matches!(content, Content::Other { body, .. } if body == bomb.body));
    }

    #[test]
    fn rfc5438_7_2_1_a_report_asks_for_no_report_whatever_it_says() {
        for (content_type, body, asks) in [
            ("text/plain", "hi", true),
            ("message/imdn+xml", "<imdn>", false),
            ("message/imdn+xml", "no document at all", false),
        ] {
            let cpim = format!(
                "From: <sip:a@b>\r\nTo: <sip:c@d>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
                 imdn.Message-ID: 1\r\n\
                 imdn.Disposition-Notification: positive-delivery, display\r\n\r\n\
                 Content-Type: {content_type}\r\n\r\n{body}"
            );
            let parcel = Parcel::new(Text::from_static(cpim::MEDIA_TYPE), Bytes::from(cpim));
            let message = Message::read(&parcel, &Limits::default()).unwrap();
            assert_eq!(message.wanted != Wanted::NONE, asks, "{body}");
        }
    }
}
