//! What a description says of a file that is to be transferred (RFC 5547).

use crate::engine::DateTime;
use crate::wire::Text;
use std::fmt::Write;

/// A file as a description tells of it (RFC 5547 §6): the attributes of one media section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Which file it is; `Some` of an empty selector where the attribute has no value.
    pub selector: Option<Selector>,
    /// Names this transfer, and not one that looks the same (`file-transfer-id`).
    pub transfer_id: Option<Text>,
    /// What to do with it: `attachment` or `render` (`file-disposition`).
    pub disposition: Option<Text>,
    /// When it was made (`file-date`, `creation`).
    pub created: Option<DateTime>,
    /// When it was changed last (`file-date`, `modification`).
    pub modified: Option<DateTime>,
    /// When it was read last (`file-date`, `read`).
    pub read: Option<DateTime>,
    /// Where a picture of it is: a `cid:` URL of a part of the same message (`file-icon`).
    pub icon: Option<Text>,
    /// Which of its bytes are transferred (`file-range`).
    pub range: Option<Range>,
}

/// By what a file is told from others (RFC 5547 §6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Its name, without a folder.
    pub name: Option<Text>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Its media type with parameters, as it is spelled.
    pub media_type: Option<Text>,
    /// Hashes of its content.
    pub hashes: Vec<Hash>,
}

/// A hash of a file's content.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hash {
    /// `sha-1`, in lower case.
    pub algorithm: Text,
    /// The hash itself.
    pub value: Vec<u8>,
}

/// A range of bytes, counted from 1 and inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// The first byte, at least 1.
    pub start: u64,
    /// The last byte; `None` where it is not known yet.
    pub end: Option<u64>,
}

/// What is wrong with an attribute, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {at} of {attribute}")]
pub struct FileError {
    /// What is wrong.
    pub kind: FileErrorKind,
    /// With which attribute.
    pub attribute: &'static str,
    /// The offset from the start of its value.
    pub at: usize,
}

/// What is wrong with an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FileErrorKind {
    /// A part without a colon between its name and its value.
    #[error("no name and value")]
    Part,
    /// A quotation mark is missing.
    #[error("no quotation mark")]
    Quote,
    /// A percent sign that no two hexadecimal digits follow, or that do not spell UTF-8.
    #[error("a wrong escape")]
    Escape,
    /// Not a number below 2^64.
    #[error("not a number")]
    Number,
    /// Not hexadecimal bytes with colons between them.
    #[error("not a hash")]
    Hash,
    /// Not a date of RFC 5322.
    #[error("not a date")]
    Date,
    /// A range that begins before byte 1 or ends before it begins.
    #[error("not a range")]
    Range,
    /// A value that is not what the attribute holds.
    #[error("a wrong value")]
    Value,
}

impl File {
    /// The file that the attributes of a media section tell of, by name and value; `None` if there is no
    /// `file-selector`, which every transfer has. Parts that nobody knows are passed over.
    ///
    /// # Errors
    ///
    /// An attribute of RFC 5547 is malformed.
    pub fn read<'a>(
        attributes: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Option<Self>, FileError> {
        let mut file = Self::default();
        for (name, value) in attributes {
            let text = value.unwrap_or_default().trim();
            match name.to_ascii_lowercase().as_str() {
                "file-selector" => file.selector = Some(Selector::parse(text)?),
                "file-transfer-id" => file.transfer_id = Some(token("file-transfer-id", text)?),
                "file-disposition" => file.disposition = Some(token("file-disposition", text)?),
                "file-icon" => file.icon = Some(icon(text)?),
                "file-range" => file.range = Some(Range::parse(text)?),
                "file-date" => file.read_dates(text)?,
                _ => {}
            }
        }
        Ok(file.selector.is_some().then_some(file))
    }

    /// The attributes of a media section, by name and value.
    ///
    /// # Errors
    ///
    /// A part of it cannot be written: a control character, an empty value, a range that is none.
    pub fn attributes(&self) -> Result<Vec<(Text, Option<Text>)>, FileError> {
        let mut all = Vec::new();
        let mut add = |name, value: String| {
            let value = (!value.is_empty()).then(|| Text::from(value));
            all.push((Text::from_static(name), value));
        };
        if let Some(selector) = &self.selector {
            add("file-selector", selector.write()?);
        }
        if let Some(id) = &self.transfer_id {
            add(
                "file-transfer-id",
                token("file-transfer-id", id)?.to_string(),
            );
        }
        if let Some(disposition) = &self.disposition {
            let disposition = token("file-disposition", disposition)?;
            add("file-disposition", disposition.to_string());
        }
        let dates = [
            ("creation", self.created),
            ("modification", self.modified),
            ("read", self.read),
        ];
        let mut text = String::new();
        for (name, date) in dates {
            if let Some(date) = date {
                let space = if text.is_empty() { "" } else { " " };
                let _ = write!(text, "{space}{name}:\"{}\"", date.to_rfc2822());
            }
        }
        if !text.is_empty() {
            add("file-date", text);
        }
        if let Some(url) = &self.icon {
            add("file-icon", icon(url)?.to_string());
        }
        if let Some(range) = self.range {
            add("file-range", range.write()?);
        }
        Ok(all)
    }

    fn read_dates(&mut self, text: &str) -> Result<(), FileError> {
        let fail = |kind, at| FileError {
            kind,
            attribute: "file-date",
            at,
        };
        let mut parts = Parts::new("file-date", text);
        while let Some((name, value, at)) = parts.next()? {
            let date = || {
                DateTime::parse_from_rfc2822(&value.replace("  ", " "))
                    .map_err(|_| fail(FileErrorKind::Date, at))
            };
            match name.to_ascii_lowercase().as_str() {
                "creation" => self.created = Some(date()?),
                "modification" => self.modified = Some(date()?),
                "read" => self.read = Some(date()?),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Selector {
    /// Reads the value of a `file-selector`.
    ///
    /// # Errors
    ///
    /// See [`FileErrorKind`].
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let fail = |kind, at| FileError {
            kind,
            attribute: SELECTOR,
            at,
        };
        let mut selector = Self::default();
        let mut parts = Parts::new(SELECTOR, text);
        while let Some((name, value, at)) = parts.next()? {
            match name.to_ascii_lowercase().as_str() {
                "name" => {
                    let plain = unescape(value).ok_or_else(|| fail(FileErrorKind::Escape, at))?;
                    selector.name = Some(plain.into());
                }
                "size" => {
                    let size = number(value).ok_or_else(|| fail(FileErrorKind::Number, at))?;
                    selector.size = Some(size);
                }
                "type" => {
                    if !value.contains('/') {
                        return Err(fail(FileErrorKind::Value, at));
                    }
                    selector.media_type = Some(value.into());
                }
                "hash" => {
                    let hash = Hash::parse(value).ok_or_else(|| fail(FileErrorKind::Hash, at))?;
                    selector.hashes.push(hash);
                }
                _ => {}
            }
        }
        Ok(selector)
    }

    /// The value of a `file-selector`; empty if it selects by nothing.
    ///
    /// # Errors
    ///
    /// A media type or an algorithm that cannot stand there, or a hash without bytes.
    pub fn write(&self) -> Result<String, FileError> {
        let wrong = || FileError {
            kind: FileErrorKind::Value,
            attribute: SELECTOR,
            at: 0,
        };
        let mut parts = Vec::new();
        if let Some(name) = &self.name {
            if name.is_empty() {
                return Err(wrong());
            }
            parts.push(format!("name:\"{}\"", escape(name)));
        }
        if let Some(media_type) = &self.media_type {
            let quotes = media_type.matches('"').count();
            // A space outside of quotes would end it.
            let spaced = media_type.split('"').step_by(2).any(|p| p.contains(' '));
            if !media_type.contains('/')
                || media_type.contains(char::is_control)
                || quotes % 2 == 1
                || spaced
            {
                return Err(wrong());
            }
            parts.push(format!("type:{media_type}"));
        }
        if let Some(size) = self.size {
            parts.push(format!("size:{size}"));
        }
        for hash in &self.hashes {
            if hash.value.is_empty() || token(SELECTOR, &hash.algorithm).is_err() {
                return Err(wrong());
            }
            let bytes: Vec<String> = hash.value.iter().map(|b| format!("{b:02X}")).collect();
            parts.push(format!("hash:{}:{}", hash.algorithm, bytes.join(":")));
        }
        Ok(parts.join(" "))
    }

    /// Whether a file that this selects can be the one that `other` selects: all that both say is the same
    /// (RFC 5547 §8.3). Names do not count, since the same file may have many.
    pub fn agrees(&self, other: &Self) -> bool {
        let same_size = self.size.zip(other.size).is_none_or(|(a, b)| a == b);
        let same_hash = self.hashes.iter().all(|hash| {
            other
                .hashes
                .iter()
                .all(|o| o.algorithm != hash.algorithm || o.value == hash.value)
        });
        same_size && same_hash
    }
}

impl Hash {
    fn parse(text: &str) -> Option<Self> {
        let (algorithm, value) = text.split_once(':')?;
        let value = value
            .split(':')
            .map(|byte| match byte.len() {
                2 if byte.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    u8::from_str_radix(byte, 16).ok()
                }
                _ => None,
            })
            .collect::<Option<Vec<u8>>>()?;
        token(SELECTOR, algorithm).ok()?;
        Some(Self {
            algorithm: algorithm.to_ascii_lowercase().into(),
            value,
        })
    }
}

impl Range {
    /// Reads the value of a `file-range`.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let wrong = || FileError {
            kind: FileErrorKind::Range,
            attribute: "file-range",
            at: 0,
        };
        let (start, end) = text.split_once('-').ok_or_else(wrong)?;
        let range = Self {
            start: number(start.trim()).ok_or_else(wrong)?,
            end: match end.trim() {
                "*" => None,
                end => Some(number(end).ok_or_else(wrong)?),
            },
        };
        range.is_sound().then_some(range).ok_or_else(wrong)
    }

    /// The value of a `file-range`.
    ///
    /// # Errors
    ///
    /// It begins before byte 1, or ends before it begins.
    pub fn write(self) -> Result<String, FileError> {
        if !self.is_sound() {
            return Err(FileError {
                kind: FileErrorKind::Range,
                attribute: "file-range",
                at: 0,
            });
        }
        Ok(match self.end {
            Some(end) => format!("{}-{end}", self.start),
            None => format!("{}-*", self.start),
        })
    }

    const fn is_sound(self) -> bool {
        match self.end {
            Some(end) => self.start > 0 && end >= self.start,
            None => self.start > 0,
        }
    }
}

/// The parts `name:value` of a value, between spaces that do not stand in quotes.
struct Parts<'a> {
    attribute: &'static str,
    text: &'a str,
    at: usize,
}

impl<'a> Parts<'a> {
    const fn new(attribute: &'static str, text: &'a str) -> Self {
        Self {
            attribute,
            text,
            at: 0,
        }
    }

    /// Name, value without the quotes around all of it, and where the value begins.
    fn next(&mut self) -> Result<Option<(&'a str, &'a str, usize)>, FileError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        if trimmed.is_empty() {
            return Ok(None);
        }
        let fail = |kind, at| FileError {
            kind,
            attribute: self.attribute,
            at,
        };
        let mut quoted = false;
        let end = trimmed.find(|c: char| {
            quoted ^= c == '"';
            !quoted && c.is_ascii_whitespace()
        });
        let part = trimmed
            .get(..end.unwrap_or(trimmed.len()))
            .unwrap_or_default();
        let (name, value) = part
            .split_once(':')
            .ok_or_else(|| fail(FileErrorKind::Part, self.at))?;
        let at = self.at + name.len() + 1;
        if value.matches('"').count() % 2 == 1 {
            return Err(fail(FileErrorKind::Quote, at));
        }
        self.at += part.len();
        Ok(Some(match value.strip_prefix('"') {
            Some(inner) => (name, inner.strip_suffix('"').unwrap_or(inner), at + 1),
            None => (name, value, at),
        }))
    }
}

fn number(text: &str) -> Option<u64> {
    match !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse().ok(),
        false => None,
    }
}

/// One word of visible characters.
fn token(attribute: &'static str, text: &str) -> Result<Text, FileError> {
    match text.bytes().position(|b| !b.is_ascii_graphic()) {
        None if !text.is_empty() => Ok(Text::from(text)),
        at => Err(FileError {
            kind: FileErrorKind::Value,
            attribute,
            at: at.unwrap_or_default(),
        }),
    }
}

/// A `cid:` URL, without the angle brackets that some put around it.
fn icon(text: &str) -> Result<Text, FileError> {
    let url = text.trim_start_matches('<').trim_end_matches('>');
    match url.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("cid:") => token("file-icon", url),
        _ => Err(FileError {
            kind: FileErrorKind::Value,
            attribute: "file-icon",
            at: 0,
        }),
    }
}

/// What a file name cannot hold is written as `%XX` (RFC 5547 §6).
fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '"' | '%' | '\0'..='\x1f' | '\x7f' => {
                let _ = write!(out, "%{:02X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else {
            return None;
        };
        let digit = |b: u8| char::from(b).to_digit(16);
        out.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
        rest = tail;
    }
    String::from_utf8(out).ok()
}

const SELECTOR: &str = "file-selector";
