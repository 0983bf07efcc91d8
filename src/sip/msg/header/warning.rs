//! Warning: what was wrong, in words.

use super::{shared, whole};
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, write_line, write_quoted};

/// More about the status of a response (RFC 3261 §20.43).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Three digits; 399 for whatever has no number of its own.
    pub code: u16,
    /// Who says so: a host and port, or a name.
    pub agent: Text,
    /// What, for people.
    pub text: Text,
}

impl Warning {
    /// A warning.
    pub fn new(code: u16, agent: &str, text: &str) -> Self {
        Self {
            code,
            agent: Text::from(agent),
            text: Text::from(text),
        }
    }
}

impl Header for Warning {
    const NAME: Name = Name::Warning;
    const LIST: bool = true;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        const AGENT: &ByteSet = &ByteSet::visible_except(b"\",;");
        whole::<Self, _>(value, |cursor| {
            let start = cursor.clone();
            let code = cursor.number()?;
            if !(100..=999).contains(&code) || cursor.at() - start.at() != 3 {
                return Err(start.error("three digits"));
            }
            cursor.skip_lws();
            let agent = cursor.take(AGENT, "a host or a name")?;
            cursor.skip_lws();
            let text = cursor.quoted()?;
            let text = text.ok_or_else(|| cursor.error("a quoted text"))?;
            Ok(Self {
                code,
                agent: value.slice_ref(agent),
                text: shared(value, text.value()),
            })
        })
    }

    fn write(&self, out: &mut String) {
        out.extend([&format!("{:03}", self.code), " "]);
        write_line(&self.agent, out);
        out.push(' ');
        write_quoted(&self.text, out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn rfc3261_20_43_warnings_there_and_back() {
        there_and_back::<Warning>(&[
            (
                "307 isi.edu \"Session parameter 'foo' not understood\"",
                "307 isi.edu \"Session parameter 'foo' not understood\"",
            ),
            (
                "399 [2001:db8::1]:5060  \"a \\\"b\\\", c\"",
                "399 [2001:db8::1]:5060 \"a \\\"b\\\", c\"",
            ),
        ]);
        let warning: Warning = read("399 cpm \"127 Service not authorised\"");
        assert_eq!(
            warning,
            Warning::new(399, "cpm", "127 Service not authorised")
        );
    }

    #[test]
    fn what_is_no_warning_says_where() {
        refused::<Warning>(&[
            // RFC 4475 §3.1.2.5.
            ("1812 overture \"In Progress\"", 0),
            ("99 a \"b\"", 0),
            ("301 \"b\"", 4),
            ("301 a b", 6),
            ("301 a \"b", 6),
            ("70000 a \"b\"", 0),
        ]);
    }
}
