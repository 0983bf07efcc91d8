//! Telephone numbers.

use super::sip::{PARAM, find, write_params};
use super::{Extent, escape};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, Cursor, Syntax};
use crate::wire::params::{Params, ParamsRef};
use std::borrow::Cow;

/// A tel URI (RFC 3966 §3).
///
/// ```
/// use cpm::sip::msg::Uri;
///
/// let uri: Uri = "tel:+1-201-555-0123".parse()?;
/// let tel = uri.as_tel().unwrap();
/// assert!(tel.is_global());
/// assert_eq!(tel.digits(), "+12015550123");
/// # Ok::<(), cpm::wire::cursor::Syntax>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelUri {
    /// The number as it is written, with visual separators.
    pub number: Text,
    /// The parameters.
    pub params: Params,
}

/// `phonedigit-hex` of RFC 3966 §3, the plus sign, and what the field adds: pause and wait.
const NUMBER: ByteSet = ByteSet::alphanumeric_and(b"+*#-.()%");
/// What may be written: the number sign is no character of a URI unless escaped.
const WRITTEN: ByteSet = ByteSet::alphanumeric_and(b"+*-.()");
const SEPARATORS: [char; 4] = ['-', '.', '(', ')'];

impl TelUri {
    /// A number without parameters.
    pub const fn new(number: Text) -> Self {
        Self {
            number,
            params: Params::new(),
        }
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str("tel:");
        escape::write(&self.number, &WRITTEN, out);
        write_params(&self.params, out);
    }

    /// Whether the number is globally unique: it begins with a plus sign.
    pub fn is_global(&self) -> bool {
        self.number.starts_with('+')
    }

    /// The number without visual separators and escapes, in lower case.
    pub fn digits(&self) -> String {
        digits(&self.number)
    }

    /// Where a local number is valid (RFC 3966 §5.1.5).
    pub fn phone_context(&self) -> Option<Cow<'_, str>> {
        self.param("phone-context")
    }

    /// The value of a parameter without escapes; empty if it has none.
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        find(&self.params, name).map(|p| escape::decode(p.value.unwrap_or_default()))
    }

    /// Sets a parameter. The value has no escapes yet.
    pub fn set_param(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(|value| {
            let mut escaped = String::with_capacity(value.len());
            escape::encode(value, &PARAM, &mut escaped);
            escaped
        });
        self.params.set(name, value.as_deref());
    }

    /// The same URI in a buffer of its own.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self {
            number: self.number.compact(),
            params: self.params.compact(),
        }
    }
}

/// A tel URI that was read and is not kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TelUriRef<'a> {
    number: &'a str,
    params: ParamsRef<'a>,
}

impl<'a> TelUriRef<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>, extent: Extent) -> Result<Self, Syntax> {
        let start = cursor.clone();
        let number = cursor.take(&NUMBER, "a telephone number")?;
        if !number
            .bytes()
            .any(|b| b.is_ascii_alphanumeric() || b == b'*' || b == b'#')
        {
            return Err(start.error("a telephone number"));
        }
        let params = match extent {
            Extent::Whole => ParamsRef::read_uri(cursor)?,
            Extent::Bare => ParamsRef::NONE,
        };
        Ok(Self { number, params })
    }

    pub(super) fn own(self, text: &Text) -> TelUri {
        TelUri {
            number: text.slice_ref(self.number),
            params: self.params.own(text),
        }
    }
}

/// A number without visual separators and escapes, in lower case.
pub(super) fn digits(number: &str) -> String {
    escape::decode(number)
        .chars()
        .filter(|c| !SEPARATORS.contains(c))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::sip::msg::Uri;

    #[test]
    fn numbers_there_and_back() {
        for (text, digits, context) in [
            ("tel:+1-201-555-0123", "+12015550123", None),
            ("tel:+1(201)555.0123;ext=42", "+12015550123", None),
            (
                "tel:7042;phone-context=example.com",
                "7042",
                Some("example.com"),
            ),
            (
                "tel:863-1234;phone-context=+1-914-555",
                "8631234",
                Some("+1-914-555"),
            ),
            ("tel:*43%23;phone-context=x", "*43#", Some("x")),
            ("tel:911", "911", None),
        ] {
            let uri: Uri = text.parse().unwrap();
            let tel = uri.as_tel().unwrap();
            assert_eq!(tel.digits(), digits);
            assert_eq!(tel.phone_context().as_deref(), context);
            assert_eq!(tel.is_global(), digits.starts_with('+'));
            assert_eq!(uri.to_string(), text);
        }
        assert_eq!("tel:*43#".parse::<Uri>().unwrap().to_string(), "tel:*43%23");
    }

    #[test]
    fn what_is_no_number_says_where() {
        for (text, at) in [
            ("tel:", 4),
            ("tel:+", 4),
            ("tel:(-)", 4),
            ("tel:+1 2", 6),
            ("tel:+1@x", 6),
        ] {
            assert_eq!(text.parse::<Uri>().unwrap_err().at, at, "{text}");
        }
    }
}
