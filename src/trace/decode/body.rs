//! Bodies, and bodies in bodies.

use super::detect::{Kind, detect};
use super::node::{Fault, Node};
use super::{DEPTH, Decoder, fault, offset};
use crate::composing::IsComposing;
use crate::cpim;
use crate::events::{conference_info, dialog_info, pidf, reg_info};
use crate::imdn::{self, Imdn};
use crate::lists;
use crate::sdp;
use crate::wire::Text;
use crate::wire::mime::{ContentEncoding, MediaType, Multipart, TransferEncoding};
use crate::wire::xml;
use base64::Engine as _;
use bytes::Bytes;

/// What the header fields around a body say of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Content<'a> {
    pub content_type: Option<&'a str>,
    pub transfer_encoding: Option<&'a str>,
    pub content_encoding: Option<&'a str>,
}

/// What a media type says a body is.
enum Format {
    Known(Kind),
    Xml,
    Text,
    Other,
}

impl Decoder<'_> {
    /// A body as the node `body`.
    pub(super) fn body(
        &self,
        bytes: &Bytes,
        base: Option<usize>,
        content: Content<'_>,
        depth: usize,
    ) -> Node {
        let mut node = Node::object("body")
            .at(base)
            .with(Node::size("length", bytes.len()));
        node.push_text("content_type", content.content_type);
        node.push_text("transfer_encoding", content.transfer_encoding);
        node.push_text("content_encoding", content.content_encoding);
        let (bytes, base) = match self.decoded(&mut node, bytes, base, content) {
            Ok(decoded) => decoded,
            Err(error) => {
                node.push(opaque(bytes));
                return node.fault(error);
            }
        };
        let media_type = match content.content_type.map(str::parse::<MediaType>) {
            Some(Ok(media_type)) => Some(media_type),
            Some(Err(error)) => {
                node.error = Some(fault(&error, None).of("RFC 2045 §5.1"));
                None
            }
            None => None,
        };
        let format = match &media_type {
            Some(media_type) => format(media_type),
            // A peer that forgets to say what it sends mostly sends what can be told at a glance.
            None => detect(&bytes).map_or(Format::Text, Format::Known),
        };
        if depth >= DEPTH {
            node.push(opaque(&bytes));
            return node.fault(Fault::new(
                format!("bodies nested deeper than {DEPTH}"),
                base,
            ));
        }
        match format {
            Format::Known(kind) => {
                node.push(Node::text("kind", kind.name()));
                self.known(&mut node, kind, media_type.as_ref(), &bytes, base, depth);
            }
            Format::Xml => {
                node.push(Node::text("kind", "xml"));
                match self.root(&bytes) {
                    Ok((name, namespace)) => {
                        node.push(Node::text("root", name));
                        node.push_text("namespace", (!namespace.is_empty()).then_some(namespace));
                    }
                    Err(error) => node.error = Some(fault(&error, base)),
                }
                node.push(text(&bytes, None));
            }
            Format::Text => {
                let charset = media_type
                    .as_ref()
                    .and_then(|m| m.param("charset").map(|c| c.to_string()));
                let content = text(&bytes, charset.as_deref());
                let is_text = content.label == "text";
                node.push(Node::text("kind", if is_text { "text" } else { "binary" }));
                node.push(content);
            }
            Format::Other => {
                node.push(Node::text("kind", "binary"));
                node.push(opaque(&bytes));
            }
        }
        node
    }

    /// Undoes what the body was encoded with.
    fn decoded(
        &self,
        node: &mut Node,
        bytes: &Bytes,
        base: Option<usize>,
        content: Content<'_>,
    ) -> Result<(Bytes, Option<usize>), Fault> {
        let mut decoded = bytes.clone();
        if let Some(name) = content.transfer_encoding {
            let encoding = TransferEncoding::parse(name).ok_or_else(|| {
                Fault::new(format!("unknown Content-Transfer-Encoding {name}"), base)
            })?;
            decoded = encoding
                .decode(&decoded)
                .map_err(|error| fault(&error, base).of("RFC 2045 §6"))?;
        }
        if let Some(name) = content.content_encoding {
            let encoding = ContentEncoding::parse(name)
                .ok_or_else(|| Fault::new(format!("unknown Content-Encoding {name}"), base))?;
            decoded = encoding
                .decode(&decoded, self.limits)
                .map_err(|error| fault(&error, base).of("RFC 3261 §20.12"))?;
        }
        if decoded == *bytes {
            return Ok((bytes.clone(), base));
        }
        node.push(Node::size("decoded_length", decoded.len()));
        Ok((decoded, Some(0)))
    }

    /// Adds the content of a body of a known kind.
    pub(super) fn known(
        &self,
        node: &mut Node,
        kind: Kind,
        media_type: Option<&MediaType>,
        bytes: &Bytes,
        base: Option<usize>,
        depth: usize,
    ) {
        let result = match kind {
            Kind::Sip => {
                node.push(self.sip(bytes, base, depth + 1));
                Ok(())
            }
            Kind::Msrp => {
                node.push(self.msrp(bytes, base));
                Ok(())
            }
            Kind::Sdp => self.sdp(node, bytes, base),
            Kind::Multipart => self.multipart(node, media_type, bytes, base, depth),
            Kind::Cpim => self.cpim(node, bytes, base, depth),
            Kind::Imdn => self.imdn(node, bytes, base),
            Kind::Composing => self.composing(node, bytes, base),
            Kind::ConferenceInfo => self.conference_info(node, bytes, base),
            Kind::DialogInfo => self.dialog_info(node, bytes, base),
            Kind::RegInfo => self.reg_info(node, bytes, base),
            Kind::Pidf => self.presence(node, bytes, base),
            Kind::ResourceLists => self.recipients(node, bytes, base),
        };
        if let Err(error) = result {
            node.push(text(bytes, None));
            node.error = Some(error);
        }
    }

    fn sdp(&self, node: &mut Node, bytes: &Bytes, base: Option<usize>) -> Result<(), Fault> {
        let session = sdp::Session::parse(bytes, self.limits)
            .map_err(|error| fault(&error, base).of("RFC 8866 §5"))?;
        if let Some(origin) = session.origin() {
            node.push(
                Node::object("origin")
                    .with(Node::text("user", &*origin.user))
                    .with(Node::number("session_id", origin.session_id))
                    .with(Node::number("version", origin.version))
                    .with(Node::text("address", &*origin.address)),
            );
        }
        node.push_text("connection", session.connection());
        node.push_list(lines(bytes, &session.lines, base));
        node.push_list(Node::list(
            "media",
            session.media.iter().map(|media| {
                let mut section = Node::object("")
                    .with(Node::text("type", &*media.kind))
                    .with(Node::number("port", media.port))
                    .with(Node::text("protocol", &*media.protocol))
                    .with(Node::text("formats", &*media.formats));
                section.push_text("connection", media.connection());
                section.push_text("direction", media.direction().map(sdp::Direction::as_str));
                section.push_list(Node::texts(
                    "path",
                    media.attributes("path").flat_map(str::split_whitespace),
                ));
                section.push_text("setup", media.attribute("setup"));
                section.push_list(lines(bytes, &media.lines, base));
                section.at(offset(bytes, media.protocol.as_bytes(), base))
            }),
        ));
        Ok(())
    }

    fn multipart(
        &self,
        node: &mut Node,
        media_type: Option<&MediaType>,
        bytes: &Bytes,
        base: Option<usize>,
        depth: usize,
    ) -> Result<(), Fault> {
        let guessed = match media_type {
            Some(_) => None,
            None => first_boundary(bytes),
        };
        let media_type = media_type.or(guessed.as_ref()).ok_or_else(|| {
            Fault::new("no boundary at the start of a multipart body", base).of("RFC 2046 §5.1.1")
        })?;
        let multipart = Multipart::parse(media_type, bytes, self.limits)
            .map_err(|error| fault(&error, base).of("RFC 2046 §5.1"))?;
        node.push(Node::text("boundary", multipart.boundary()));
        let mut parts = Node::list("parts", []);
        for part in multipart.parts() {
            let mut entity = Node::object("");
            entity.push_list(headers(
                bytes,
                base,
                part.headers().iter().map(|(n, v)| (&**n, &**v)),
            ));
            let content = Content {
                content_type: part
                    .header("Content-Type")
                    .map(Text::as_str)
                    .or(Some("text/plain")),
                transfer_encoding: part.header("Content-Transfer-Encoding").map(Text::as_str),
                content_encoding: part.header("Content-Encoding").map(Text::as_str),
            };
            let at = offset(bytes, part.body(), base);
            entity.push(self.body(part.body(), at, content, depth + 1));
            parts.push(entity);
        }
        node.push(parts);
        Ok(())
    }

    fn cpim(
        &self,
        node: &mut Node,
        bytes: &Bytes,
        base: Option<usize>,
        depth: usize,
    ) -> Result<(), Fault> {
        let message = cpim::Message::parse(bytes.clone(), self.limits)
            .map_err(|error| fault(&error, base).of("RFC 3862 §2"))?;
        node.push_text("from", message.from().map(|from| from.uri.to_string()));
        node.push_list(Node::texts("to", message.to().map(|to| to.uri.to_string())));
        node.push_list(Node::texts("cc", message.cc().map(|cc| cc.uri.to_string())));
        node.push_text("date_time", message.date_time().map(|at| at.to_rfc3339()));
        node.push_text(
            "subject",
            message.subject(None).map(|subject| subject.to_string()),
        );
        node.push_text("message_id", message.message_id().map(|id| id.to_string()));
        let asked = message.dispositions();
        if !asked.is_empty() {
            let asked = asked.to_string();
            node.push(Node::texts("dispositions", asked.split(',').map(str::trim)));
        }
        node.push_list(Node::list(
            "headers",
            message.headers().map(|header| {
                let mut field = Node::object("")
                    .with(Node::text("name", header.name))
                    .with(Node::text("namespace", header.namespace))
                    .with(Node::text("spelled", header.spelled));
                field.push_text("language", header.language());
                field.with(Node::text("value", header.text())).at(offset(
                    bytes,
                    header.spelled.as_bytes(),
                    base,
                ))
            }),
        ));
        let content_headers: Vec<_> = message.content_headers().collect();
        node.push_list(Node {
            label: "content_headers".into(),
            ..headers(bytes, base, content_headers.iter().copied())
        });
        let find = |name: &str| {
            let named = content_headers
                .iter()
                .find(|(each, _)| each.eq_ignore_ascii_case(name));
            named.map(|(_, value)| *value)
        };
        let content = Content {
            content_type: find("Content-Type").or(Some("text/plain")),
            transfer_encoding: find("Content-Transfer-Encoding"),
            content_encoding: find("Content-Encoding"),
        };
        let at = offset(bytes, message.body(), base);
        node.push(self.body(message.body(), at, content, depth + 1));
        Ok(())
    }

    fn imdn(&self, node: &mut Node, bytes: &Bytes, base: Option<usize>) -> Result<(), Fault> {
        let imdn = Imdn::parse(bytes, self.limits)
            .map_err(|error| fault(&error, base).of("RFC 5438 §7.2.1"))?;
        node.push(Node::text("message_id", &*imdn.message_id));
        node.push_text("date_time", imdn.date_time.map(|at| at.to_rfc3339()));
        node.push_text("recipient_uri", imdn.recipient_uri.as_deref());
        node.push_text(
            "original_recipient_uri",
            imdn.original_recipient_uri.as_deref(),
        );
        node.push_text("subject", imdn.subject.as_deref());
        node.push(Node::text(
            "notification",
            match imdn.kind {
                imdn::Kind::Delivery => "delivery",
                imdn::Kind::Display => "display",
                imdn::Kind::Processing => "processing",
                imdn::Kind::Interworking => "interworking",
            },
        ));
        node.push(Node::text(
            "status",
            match imdn.status {
                imdn::Status::Delivered => "delivered",
                imdn::Status::Failed => "failed",
                imdn::Status::Displayed => "displayed",
                imdn::Status::Processed => "processed",
                imdn::Status::Stored => "stored",
                imdn::Status::Forbidden => "forbidden",
                imdn::Status::Error => "error",
                imdn::Status::LegacySms => "legacy-sms",
                imdn::Status::LegacyMms => "legacy-mms",
            },
        ));
        Ok(())
    }

    fn composing(&self, node: &mut Node, bytes: &Bytes, base: Option<usize>) -> Result<(), Fault> {
        let composing = IsComposing::parse(bytes, self.limits)
            .map_err(|error| fault(&error, base).of("RFC 3994 §4"))?;
        node.push(Node::text(
            "state",
            match composing.state {
                crate::composing::State::Active => "active",
                crate::composing::State::Idle => "idle",
            },
        ));
        node.push_text("composing_type", composing.content_type.as_deref());
        node.push_text(
            "last_active",
            composing.last_active.map(|at| at.to_rfc3339()),
        );
        if let Some(refresh) = composing.refresh {
            node.push(Node::number("refresh", refresh.as_secs()));
        }
        Ok(())
    }

    /// The root element of an XML document, which is read to its end.
    fn root(&self, bytes: &Bytes) -> Result<(String, String), xml::Error> {
        let document = String::from_utf8_lossy(bytes);
        let mut reader = xml::Reader::new(&document, self.limits)?;
        let mut root = None;
        while let Some(item) = reader.next()? {
            if let (None, xml::Item::Start(element)) = (&root, item) {
                root = Some((element.name.to_owned(), element.namespace.to_string()));
            }
        }
        root.ok_or(xml::Error::Malformed(0))
    }
}

fn format(media_type: &MediaType) -> Format {
    match media_type.essence() {
        cpim::MEDIA_TYPE => Format::Known(Kind::Cpim),
        sdp::MEDIA_TYPE => Format::Known(Kind::Sdp),
        imdn::MEDIA_TYPE => Format::Known(Kind::Imdn),
        crate::composing::MEDIA_TYPE => Format::Known(Kind::Composing),
        conference_info::MEDIA_TYPE => Format::Known(Kind::ConferenceInfo),
        dialog_info::MEDIA_TYPE => Format::Known(Kind::DialogInfo),
        reg_info::MEDIA_TYPE => Format::Known(Kind::RegInfo),
        pidf::MEDIA_TYPE => Format::Known(Kind::Pidf),
        lists::MEDIA_TYPE => Format::Known(Kind::ResourceLists),
        "message/sip" => Format::Known(Kind::Sip),
        essence if essence.starts_with("multipart/") => Format::Known(Kind::Multipart),
        essence if essence.ends_with("+xml") || essence.ends_with("/xml") => Format::Xml,
        essence if essence.starts_with("text/") || essence == "message/sipfrag" => Format::Text,
        _ => Format::Other,
    }
}

/// The media type of a multipart body that has lost its own, by the first line of it.
fn first_boundary(bytes: &[u8]) -> Option<MediaType> {
    let mut lines = bytes.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_end);
    let line = lines.find(|line| line.len() > 2 && line.starts_with(b"--"))?;
    let boundary = std::str::from_utf8(line.get(2..)?).ok()?;
    let quoted = boundary.replace('\\', "\\\\").replace('"', "\\\"");
    format!("multipart/mixed;boundary=\"{quoted}\"")
        .parse()
        .ok()
}

/// Header fields as they came.
pub(super) fn headers<'a>(
    whole: &[u8],
    base: Option<usize>,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Node {
    Node::list(
        "headers",
        fields.into_iter().map(|(name, value)| {
            Node::object("")
                .with(Node::text("name", name))
                .with(Node::text("value", value))
                .at(offset(whole, name.as_bytes(), base))
        }),
    )
}

/// The lines of an SDP.
fn lines(whole: &[u8], lines: &[sdp::Line], base: Option<usize>) -> Node {
    Node::list(
        "lines",
        lines.iter().map(|line| {
            Node::object("")
                .with(Node::text("name", line.kind.to_string()))
                .with(Node::text("value", &*line.value))
                // The value follows the letter and the equals sign.
                .at(offset(whole, line.value.as_bytes(), base).and_then(|at| at.checked_sub(2)))
        }),
    )
}

/// Text as text, and what is not text as base64.
fn text(bytes: &[u8], charset: Option<&str>) -> Node {
    let is_latin = charset.is_some_and(|charset| charset.eq_ignore_ascii_case("iso-8859-1"));
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Node::text("text", text),
        _ if is_latin => Node::text(
            "text",
            bytes.iter().copied().map(char::from).collect::<String>(),
        ),
        _ => base64(bytes),
    }
}

fn opaque(bytes: &[u8]) -> Node {
    text(bytes, None)
}

fn base64(bytes: &[u8]) -> Node {
    Node::text(
        "base64",
        base64::engine::general_purpose::STANDARD.encode(bytes),
    )
}
