//! What a message carries, and which of it is to be processed (RFC 5621).
//!
//! A body may be a tree: `multipart/mixed` for things that belong beside each other, `multipart/alternative` for one
//! thing in several forms, `multipart/related` for one thing with what it refers to. Each part has a purpose
//! (Content-Disposition) and says by `handling` whether it may be left out by one who does not understand it.
//!
//! ```
//! use cpm::engine::Limits;
//! use cpm::sip::body::{Contents, Understood};
//! use cpm::sip::msg::{Method, Request};
//!
//! let mut request = Request::new(Method::Invite, &"sip:bob@example.com".parse()?);
//! request.set_body("application/sdp", "v=0\r\n".into());
//! let types = ["application/sdp".into()];
//! let contents = Contents::read(
//!     request.headers(),
//!     request.body(),
//!     Understood { types: &types, purposes: None },
//!     &Limits::default(),
//! )?;
//! assert!(contents.missing().is_empty());
//! assert!(contents.description().is_some());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

use super::msg::header::ContentType;
use super::msg::uri::escape;
use super::msg::{Headers, Name, Uri};
use crate::engine::Limits;
use crate::wire::Text;
use crate::wire::mime::{
    ContentEncoding, MediaType, Multipart, MultipartError, Part, TransferEncoding,
};
use bytes::Bytes;

/// What the reader of a body knows.
#[derive(Clone, Copy, Debug)]
pub struct Understood<'a> {
    /// Media types and ranges of them: `application/sdp`, `text/*`.
    pub types: &'a [Text],
    /// Purposes (Content-Disposition), in lower case; `None` for all of them. `by-reference` need not be among them:
    /// what such a part is for, the one who refers to it says (RFC 5621 §9).
    pub purposes: Option<&'a [Text]>,
}

/// What of a body is to be processed, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    parts: Vec<Content>,
    /// What stands by for references only.
    others: Vec<Part>,
    missing: Vec<Missing>,
}

/// One part that is to be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The part, with its header fields; those of the message where the body has no parts.
    pub part: Part,
    /// What it is for: its Content-Disposition, else `session` for a description and `render` for anything else
    /// (RFC 3261 §20.11).
    pub purpose: Text,
}

/// A part that must be understood (`handling=required`, the default) and is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its media type, as it is written.
    pub content_type: Text,
    /// What is not understood of it.
    pub what: Unknown,
}

/// What is not understood of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// The media type.
    Type,
    /// What it is for.
    Purpose,
    /// How it is encoded: Content-Encoding or Content-Transfer-Encoding.
    Encoding,
}

impl Contents {
    /// Chooses what is to be processed of the body of a message.
    ///
    /// * Of `multipart/mixed`, and of any multipart type that is not known, every part (RFC 5621 §5.3).
    /// * Of `multipart/alternative` the last part that is understood; what its parts say of handling has no meaning
    ///   (§6.3, §8.3).
    /// * Of `multipart/related` the root; the others can be referred to (§7.3).
    /// * Of `multipart/signed` what is signed. Nobody checks the signature here.
    ///
    /// A body without Content-Type is in no part.
    ///
    /// # Errors
    ///
    /// What says that it has several parts has not, or more of them than the limits allow.
    pub fn read(
        headers: &Headers,
        body: &Bytes,
        understood: Understood<'_>,
        limits: &Limits,
    ) -> Result<Self, MultipartError> {
        let mut contents = Self::default();
        let Ok(ContentType(content_type)) = headers.get::<ContentType>() else {
            return Ok(contents);
        };
        if body.is_empty() {
            return Ok(contents);
        }
        let mut part = Part::new(content_type.as_text(), body.clone());
        for name in [
            Name::ContentDisposition,
            Name::ContentEncoding,
            Name::ContentId,
        ] {
            if let Some(value) = headers.text(&name) {
                part = part.with(name.as_str(), value);
            }
        }
        const TRANSFER: &str = "Content-Transfer-Encoding";
        if let Some(value) = headers.text(&Name::Other(Text::from_static(TRANSFER))) {
            part = part.with(TRANSFER, value);
        }
        let mut reader = Reader {
            understood,
            limits,
            seen: 0,
        };
        reader.add(part, 0, &mut contents)?;
        Ok(contents)
    }

    /// The parts that are to be processed.
    pub fn parts(&self) -> &[Content] {
        &self.parts
    }

    /// What must be understood and is not: the message as a whole is then not to be processed (RFC 5621 §8.3).
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// The first part that describes the session (RFC 3264).
    pub fn description(&self) -> Option<&Part> {
        // Descriptions for other purposes, such as `early-session`, follow rules of their own (RFC 3959).
        let is_session = |content: &&Content| {
            matches!(content.purpose.as_str(), "session" | "render")
                && (content.part.content_type()).is_ok_and(|kind| is_description(&kind))
        };
        (self.parts.iter())
            .find(is_session)
            .map(|content| &content.part)
    }

    /// The first part of this type, such as `application/resource-lists+xml`.
    pub fn of_type(&self, essence: &str) -> Option<&Part> {
        let is_it = |content: &&Content| {
            (content.part.content_type())
                .is_ok_and(|kind| kind.essence().eq_ignore_ascii_case(essence))
        };
        (self.parts.iter()).find(is_it).map(|content| &content.part)
    }

    /// The part that a `cid:` URI refers to by its Content-ID (RFC 2392 §2), wherever it stands.
    pub fn referred(&self, uri: &Uri) -> Option<&Part> {
        let Uri::Other { scheme, rest } = uri else {
            return None;
        };
        if !scheme.eq_ignore_ascii_case("cid") {
            return None;
        }
        let id = escape::decode(rest);
        let mut all = (self.parts.iter().map(|content| &content.part)).chain(&self.others);
        all.find(|part| part.content_id() == Some(&*id))
    }
}

/// Whether a type is that of session descriptions.
pub(crate) fn is_description(content_type: &MediaType) -> bool {
    content_type.essence() == "application/sdp"
}

struct Reader<'a> {
    understood: Understood<'a>,
    limits: &'a Limits,
    seen: usize,
}

impl Reader<'_> {
    fn add(
        &mut self,
        part: Part,
        depth: usize,
        contents: &mut Contents,
    ) -> Result<(), MultipartError> {
        let written = part.header("Content-Type").cloned();
        let missing = |what| Missing {
            content_type: written.clone().unwrap_or_default(),
            what,
        };
        let required = is_required(&part);
        let Ok(content_type) = part.content_type() else {
            contents.lack(part, missing(Unknown::Type), required);
            return Ok(());
        };
        if content_type.kind() != "multipart" {
            match self.judge(&part, &content_type) {
                Ok(purpose) => contents.parts.push(Content { part, purpose }),
                Err(what) => contents.lack(part, missing(what), required),
            }
            return Ok(());
        }
        if depth >= self.limits.part_depth {
            return Err(MultipartError::TooDeep(self.limits.part_depth));
        }
        let whole = Multipart::parse(&content_type, part.body(), self.limits)?;
        self.seen += whole.parts().len();
        if self.seen > self.limits.parts {
            return Err(MultipartError::TooManyParts(self.limits.parts));
        }
        let mut inner = Contents::default();
        match content_type.subtype() {
            "alternative" => {
                let nothing = missing(Unknown::Type);
                self.choose(whole.into_parts(), nothing, depth, &mut inner)?;
            }
            "related" => {
                let root = root_of(&content_type, whole.parts());
                self.add_one(whole.into_parts(), root, depth, &mut inner)?;
            }
            "signed" => self.add_one(whole.into_parts(), 0, depth, &mut inner)?,
            _ => {
                for part in whole.into_parts() {
                    self.add(part, depth + 1, &mut inner)?;
                }
            }
        }
        if inner.missing.is_empty() || required {
            contents.parts.append(&mut inner.parts);
            contents.missing.append(&mut inner.missing);
        } else {
            // All of it may be left out.
            let parts = inner.parts.drain(..).map(|content| content.part);
            contents.others.extend(parts);
        }
        contents.others.append(&mut inner.others);
        Ok(())
    }

    /// The last alternative of which everything needed is understood.
    fn choose(
        &mut self,
        parts: Vec<Part>,
        nothing: Missing,
        depth: usize,
        contents: &mut Contents,
    ) -> Result<(), MultipartError> {
        let mut chosen: Option<Contents> = None;
        let mut missing = Vec::new();
        for part in parts {
            let mut one = Contents::default();
            self.add(part, depth + 1, &mut one)?;
            let lacks = std::mem::take(&mut one.missing);
            if lacks.is_empty() && !one.parts.is_empty() {
                let before = chosen.replace(one);
                let before = before.into_iter().flat_map(|before| before.parts);
                (contents.others).extend(before.map(|content| content.part));
            } else {
                missing.extend(lacks);
            }
        }
        match chosen {
            Some(mut one) => {
                contents.parts.append(&mut one.parts);
                contents.others.append(&mut one.others);
            }
            None if missing.is_empty() => contents.missing.push(nothing),
            None => contents.missing = missing,
        }
        Ok(())
    }

    /// One part; the others stand by.
    fn add_one(
        &mut self,
        parts: Vec<Part>,
        root: usize,
        depth: usize,
        contents: &mut Contents,
    ) -> Result<(), MultipartError> {
        for (index, part) in parts.into_iter().enumerate() {
            if index == root {
                self.add(part, depth + 1, contents)?;
            } else {
                contents.others.push(part);
            }
        }
        Ok(())
    }

    /// What a part is for, if it is understood.
    fn judge(&self, part: &Part, content_type: &MediaType) -> Result<Text, Unknown> {
        let purpose = match part
            .header("Content-Disposition")
            .map(|_| part.disposition())
        {
            Some(Some(disposition)) => Text::from(disposition.kind()),
            Some(None) => return Err(Unknown::Purpose),
            None if is_description(content_type) => Text::from_static("session"),
            None => Text::from_static("render"),
        };
        if purpose == BY_REFERENCE {
            return Ok(purpose);
        }
        let mut types = self.understood.types.iter();
        if !types.any(|range| content_type.matches(range)) {
            return Err(Unknown::Type);
        }
        let is_known = |purposes: &[Text]| purposes.contains(&purpose);
        if !self.understood.purposes.is_none_or(is_known) {
            return Err(Unknown::Purpose);
        }
        let encoded = |name, known: fn(&str) -> bool| part.header(name).is_none_or(|v| known(v));
        let is_decodable = encoded("Content-Encoding", |v| ContentEncoding::parse(v).is_some())
            && encoded("Content-Transfer-Encoding", |v| {
                TransferEncoding::parse(v).is_some()
            });
        is_decodable.then_some(purpose).ok_or(Unknown::Encoding)
    }
}

impl Contents {
    fn lack(&mut self, part: Part, missing: Missing, required: bool) {
        if required {
            self.missing.push(missing);
        } else {
            self.others.push(part);
        }
    }
}

/// Whether a part must be understood: unless it says otherwise (RFC 5621 §8.1, RFC 3204 §4).
fn is_required(part: &Part) -> bool {
    let handling = part
        .disposition()
        .and_then(|disposition| disposition.param("handling").map(|h| h.into_owned()));
    !handling.is_some_and(|handling| handling.eq_ignore_ascii_case("optional"))
}

/// The part that `start` names, else the first (RFC 2387 §3.2).
fn root_of(content_type: &MediaType, parts: &[Part]) -> usize {
    let start = content_type.param("start");
    let start = start.as_deref().map(|id| id.trim_matches(['<', '>', ' ']));
    start
        .and_then(|id| parts.iter().position(|part| part.content_id() == Some(id)))
        .unwrap_or_default()
}

/// The purpose of a part that waits for a reference to it (RFC 5621 §9).
const BY_REFERENCE: &str = "by-reference";
