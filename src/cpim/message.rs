//! The message as a view of the bytes it arrived in.

use super::fields::{Field, Fields};
use super::index::index;
use super::name::same_namespace;
use super::{Builder, Dispositions, HeaderName, Identity, NotUnderstood, ParseError, escape};
use crate::engine::{DateTime, Limits};
use crate::wire::mime::{self, ContentDisposition, EncodingError, MediaType, MediaTypeError};
use crate::wire::{Text, date};
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;

/// A CPIM message (RFC 3862): headers, the headers of its content, and the content.
///
/// A parsed message keeps the bytes it was read from: one that is not edited is written exactly as it was
/// received, with whatever peculiarities it had. An edited one is written as RFC 3862 asks.
#[derive(Clone, Debug)]
pub struct Message {
    /// All headers and the empty lines after them.
    pub(super) head: Text,
    pub(super) fields: Fields,
    pub(super) body: Bytes,
    /// All of it, as long as nothing is edited.
    pub(super) whole: Option<Bytes>,
}

/// One header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The namespace that the prefix, or its absence, stands for. Empty for a prefix that was not declared.
    pub namespace: &'a str,
    /// The name within the namespace.
    pub name: &'a str,
    /// Name and prefix as they were written.
    pub spelled: &'a str,
    /// The parameters as they were written (RFC 3862 §3.1), such as `;lang=fr`.
    pub params: &'a str,
    /// The value as it was written, with its escapes.
    pub value: &'a str,
}

impl<'a> Header<'a> {
    /// The value with its escapes resolved (RFC 3862 §2.3).
    pub fn text(&self) -> Cow<'a, str> {
        escape::resolve(self.value)
    }

    /// The language of the value (RFC 3862 §4.5).
    pub fn language(&self) -> Option<&'a str> {
        self.params
            .split(';')
            .filter_map(|param| param.split_once('='))
            .find(|(name, _)| name.trim() == "lang")
            .map(|(_, language)| language.trim().trim_matches('"'))
    }

    fn is(&self, name: HeaderName<'_>) -> bool {
        self.name == name.name && same_namespace(self.namespace, name.namespace)
    }
}

impl Message {
    /// Reads a message.
    ///
    /// Tolerated are: line ends without CR, empty lines before the first header, an empty line too many
    /// between the headers, headers of the content among those of the message, a content without headers of
    /// its own, and whatever spaces around the colon's value. Bytes that are not UTF-8 become U+FFFD in what
    /// is read, not in what is [written](Self::write).
    ///
    /// # Errors
    ///
    /// There are no headers, or a line among them is none, or they exceed the limits.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Self, ParseError> {
        let mut message = Self {
            head: Text::default(),
            fields: Fields::default(),
            body: Bytes::new(),
            whole: None,
        };
        let (size, count) = (limits.cpim_head, limits.cpim_headers);
        let end = index(&bytes, size, count, &mut message.fields)?;
        message.head = match Text::from_utf8(bytes.slice(..end)) {
            Ok(head) => head,
            Err(_) => {
                let head = Text::from_utf8_lossy(bytes.slice(..end));
                message.fields = Fields::default();
                index(head.as_bytes(), usize::MAX, count, &mut message.fields)?;
                head
            }
        };
        message.body = bytes.slice(end..);
        message.whole = Some(bytes);
        message.trim_body();
        Ok(message)
    }

    /// Cuts off the line ends that some peers put after the content, where its `Content-Length` tells.
    fn trim_body(&mut self) {
        let length = self
            .content_values("Content-Length")
            .next()
            .and_then(|length| length.trim().parse::<usize>().ok());
        let Some((content, rest)) = length.and_then(|length| self.body.split_at_checked(length))
        else {
            return;
        };
        if rest.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            let length = content.len();
            self.body.truncate(length);
        }
    }

    /// Starts a message from one party to another.
    pub fn builder(from: &Identity, to: &Identity) -> Builder {
        Builder::new(from, to)
    }

    /// Who wrote it.
    pub fn from(&self) -> Option<Identity> {
        self.identities(HeaderName::FROM).next()
    }

    /// Whom it is for.
    pub fn to(&self) -> impl Iterator<Item = Identity> {
        self.identities(HeaderName::TO)
    }

    /// Who gets it as well.
    pub fn cc(&self) -> impl Iterator<Item = Identity> {
        self.identities(HeaderName::CC)
    }

    /// When it was written. `None` if it does not say, or nobody can tell what it says.
    pub fn date_time(&self) -> Option<DateTime> {
        date::parse(self.header(HeaderName::DATE_TIME)?.value)
    }

    /// What it is about: the subject in `language` if there is one, or else the first.
    pub fn subject(&self, language: Option<&str>) -> Option<Text> {
        let spoken = |header: &Header<'_>| match (header.language(), language) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            _ => false,
        };
        let header = self
            .matching(HeaderName::SUBJECT)
            .find(spoken)
            .or_else(|| self.header(HeaderName::SUBJECT))?;
        Some(self.share(header.text()))
    }

    /// The headers that it says must be understood (RFC 3862 §4.7), as they are spelled.
    pub fn require(&self) -> impl Iterator<Item = &str> {
        self.matching(HeaderName::REQUIRE)
            .flat_map(|header| header.value.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty())
    }

    /// Whether every header that the message says must be understood is understood: those of RFC 3862, RFC 5438 and
    /// OMA CPM are, and those of `known`. Who takes a message asks this first (RFC 3862 §4.7).
    ///
    /// # Errors
    ///
    /// The first that is not, by its namespace and name, for the refusal that the sender gets.
    pub fn check_required(&self, known: &[HeaderName<'_>]) -> Result<(), NotUnderstood> {
        for (at, field) in self.fields.iter().enumerate() {
            if field.content || !self.read(at, field).is(HeaderName::REQUIRE) {
                continue;
            }
            // A name means what its prefix stands for where it is required (RFC 3862 §3.4).
            let before = self.fields.get(..at).unwrap_or_default();
            let names = self.read(at, field).value.split(',').map(str::trim);
            for spelled in names.filter(|name| !name.is_empty()) {
                let (prefix, name) = spelled.split_once('.').unwrap_or(("", spelled));
                let uri = namespace(&self.head, before, prefix).unwrap_or_else(|| usual(prefix));
                let required = HeaderName::new(prefix, uri, name);
                let mut all = HeaderName::UNDERSTOOD.iter().chain(known);
                if !all.any(|each| *each == required) {
                    return Err(NotUnderstood {
                        namespace: Text::from(uri),
                        name: Text::from(name),
                    });
                }
            }
        }
        Ok(())
    }

    /// The `imdn.Message-ID` (RFC 5438 §6.3).
    pub fn message_id(&self) -> Option<Text> {
        self.text(HeaderName::MESSAGE_ID)
            .filter(|id| !id.is_empty())
    }

    /// The notifications that the sender asks for (RFC 5438 §6.2).
    pub fn dispositions(&self) -> Dispositions {
        self.matching(HeaderName::DISPOSITION_NOTIFICATION)
            .map(|header| Dispositions::parse(header.value))
            .fold(Dispositions::NONE, Dispositions::and)
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
        MediaType::parse(&self.text(HeaderName::PAYLOAD_TYPE)?).ok()
    }

    /// The first header of that name, whatever its prefix.
    pub fn header(&self, name: HeaderName<'_>) -> Option<Header<'_>> {
        self.matching(name).next()
    }

    /// The value of the first header of that name, with its escapes resolved.
    pub fn text(&self, name: HeaderName<'_>) -> Option<Text> {
        Some(self.share(self.header(name)?.text()))
    }

    /// Every header of that name that names a party.
    pub fn identities<'a, 'n>(
        &'a self,
        name: HeaderName<'n>,
    ) -> impl Iterator<Item = Identity> + use<'a, 'n> {
        self.matching(name)
            .filter_map(|header| Identity::parse(&self.head.slice_ref(header.value)))
    }

    /// All headers in order, those of the content not among them.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        let fields = self.fields.iter().enumerate();
        fields
            .filter(|(_, field)| !field.content)
            .map(|(at, field)| self.read(at, field))
    }

    /// The media type of the content; `text/plain` where none is given.
    ///
    /// # Errors
    ///
    /// The header holds no media type.
    pub fn content_type(&self) -> Result<MediaType, MediaTypeError> {
        MediaType::parse(
            &self
                .content_header("Content-Type")
                .unwrap_or(Text::from_static("text/plain")),
        )
    }

    /// The `Content-Disposition` of the content, if there is a readable one.
    pub fn content_disposition(&self) -> Option<ContentDisposition> {
        ContentDisposition::parse(&self.content_header("Content-Disposition")?).ok()
    }

    /// The value of a header of the content; its name in any case, as MIME has it.
    pub fn content_header(&self, name: &str) -> Option<Text> {
        let value = self.content_values(name).next()?;
        Some(self.share(unfold(value)))
    }

    /// The headers of the content in order.
    pub fn content_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .filter(|field| field.content)
            .map(|field| (self.slice(field.name), self.slice(field.value)))
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
    pub fn decoded_body(&self, limits: &Limits) -> Result<Bytes, EncodingError> {
        mime::decode(
            &self.body,
            self.content_values("Content-Transfer-Encoding").next(),
            self.content_values("Content-Encoding").next(),
            limits,
        )
    }

    /// The bytes of the message: those received, if nothing was edited.
    pub fn write(&self) -> Bytes {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let mut out = BytesMut::with_capacity(self.head.len() + self.body.len());
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(&self.body);
        out.freeze()
    }

    fn matching<'a, 'n>(
        &'a self,
        name: HeaderName<'n>,
    ) -> impl Iterator<Item = Header<'a>> + use<'a, 'n> {
        let fields = self.fields.iter().enumerate();
        fields
            // Most are ruled out without a look at the namespaces.
            .filter(move |(_, field)| !field.content && self.slice(field.name).ends_with(name.name))
            .map(|(at, field)| self.read(at, field))
            .filter(move |header| header.is(name))
    }

    /// The header of the field at `at`.
    pub(super) fn read(&self, at: usize, field: &Field) -> Header<'_> {
        let spelled = self.slice(field.name);
        let (prefix, name) = spelled.split_once('.').unwrap_or(("", spelled));
        let before = self.fields.get(..at).unwrap_or_default();
        let (params, value) = self.params(field);
        Header {
            namespace: match name {
                // Whatever the default namespace has become.
                "NS" if prefix.is_empty() => HeaderName::NS_CORE,
                _ => namespace(&self.head, before, prefix).unwrap_or_else(|| usual(prefix)),
            },
            name,
            spelled,
            params,
            value,
        }
    }

    /// Parameters and value of a field. Parameters follow the colon at once.
    fn params(&self, field: &Field) -> (&str, &str) {
        let value = self.slice(field.value);
        if value.starts_with(';')
            && self.head.as_bytes().get(field.name.1 as usize + 1) == Some(&b';')
        {
            let end = value.find(' ').unwrap_or(value.len());
            let (params, rest) = value.split_at(end);
            if params.contains('=') {
                return (params, rest.trim_start());
            }
        }
        ("", value)
    }

    fn content_values<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.content_headers()
            .filter(move |(each, _)| each.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(super) fn slice(&self, span: (u32, u32)) -> &str {
        slice(&self.head, span)
    }

    /// A part of the head as a view of it, unless it had to be changed.
    fn share(&self, text: Cow<'_, str>) -> Text {
        match text {
            Cow::Borrowed(text) => self.head.slice_ref(text),
            Cow::Owned(text) => Text::from(text),
        }
    }
}

impl PartialEq for Message {
    /// Whether headers and content are the same to the byte.
    fn eq(&self, other: &Self) -> bool {
        self.head == other.head && self.body == other.body
    }
}

impl Eq for Message {}

pub(super) fn slice(head: &str, span: (u32, u32)) -> &str {
    head.get(span.0 as usize..span.1 as usize)
        .unwrap_or_default()
}

/// The namespace to which `prefix` is bound after `fields`.
pub(super) fn namespace<'a>(head: &'a str, fields: &[Field], prefix: &str) -> Option<&'a str> {
    bindings(head, fields)
        .find(|(each, _)| *each == prefix)
        .map(|(_, uri)| uri)
}

/// All that `NS` headers among `fields` say, the last first: prefix and namespace.
pub(super) fn bindings<'a>(
    head: &'a str,
    fields: &[Field],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    fields
        .iter()
        .rev()
        .filter(move |field| !field.content && slice(head, field.name) == "NS")
        .map(move |field| {
            let trim = |text: &'a str| text.trim_matches(is_blank);
            let value = trim(slice(head, field.value));
            // Seen without the space, and without the brackets.
            match value.split_once('<') {
                Some((prefix, uri)) => (trim(prefix), trim(uri.trim_end_matches('>'))),
                None => value
                    .split_once(is_blank)
                    .map_or(("", value), |(prefix, uri)| (prefix, trim(uri))),
            }
        })
}

/// What separates words. An edit writes control characters as spaces, which must not bind anything anew.
fn is_blank(char: char) -> bool {
    char.is_whitespace() || char.is_control()
}

/// The namespace of a prefix that nobody declared: some peers forget to.
fn usual(prefix: &str) -> &'static str {
    match prefix {
        "" => HeaderName::NS_CORE,
        "imdn" => HeaderName::NS_IMDN,
        "cpm" => HeaderName::NS_CPM,
        _ => "",
    }
}

/// A value without the line ends of a folded header.
pub(super) fn unfold(value: &str) -> Cow<'_, str> {
    if !value.contains('\n') {
        return Cow::Borrowed(value);
    }
    let lines: Vec<_> = value.lines().map(str::trim).collect();
    Cow::Owned(lines.join(" "))
}
