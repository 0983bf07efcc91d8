//! Reason: why a request was sent.

use super::whole;
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::{write_line, write_quoted};
use crate::wire::params::Params;

/// Why a CANCEL or BYE was sent, or what a response means elsewhere (RFC 3326 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Whose numbers these are: `SIP`, `Q.850`.
    pub protocol: Text,
    /// The number.
    pub cause: Option<u16>,
    /// The same in words.
    pub text: Option<Text>,
    /// The other parameters.
    pub params: Params,
}

impl Reason {
    /// A SIP status as the reason.
    pub fn sip(cause: u16, text: &str) -> Self {
        Self {
            protocol: Text::from_static("SIP"),
            cause: Some(cause),
            text: Some(Text::from(text)).filter(|text| !text.is_empty()),
            params: Params::new(),
        }
    }

    /// Whether the numbers are SIP statuses.
    pub fn is_sip(&self) -> bool {
        self.protocol.eq_ignore_ascii_case("SIP")
    }

    /// The same reason in a buffer of its own.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self {
            protocol: self.protocol.compact(),
            cause: self.cause,
            text: self.text.as_ref().map(Text::compact),
            params: self.params.compact(),
        }
    }
}

impl Header for Reason {
    const NAME: Name = Name::Reason;
    const LIST: bool = true;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        whole::<Self, _>(value, |cursor| {
            let protocol = value.slice_ref(cursor.token()?);
            let start = cursor.clone();
            let mut params = Params::read(value, cursor)?;
            let cause = match params.value("cause") {
                None => None,
                Some(cause) => Some(cause.parse().map_err(|_| start.error("a cause in range"))?),
            };
            let text = params.text("text");
            params.remove("cause");
            params.remove("text");
            Ok(Self {
                protocol,
                cause,
                text,
                params,
            })
        })
    }

    fn write(&self, out: &mut String) {
        write_line(&self.protocol, out);
        if let Some(cause) = self.cause {
            out.extend([";cause=", &cause.to_string()]);
        }
        if let Some(text) = &self.text {
            out.push_str(";text=");
            write_quoted(text, out);
        }
        self.params.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn rfc3326_2_reasons_there_and_back() {
        there_and_back::<Reason>(&[
            (
                "SIP ;cause=200 ;text=\"Call completed elsewhere\"",
                "SIP;cause=200;text=\"Call completed elsewhere\"",
            ),
            (
                "Q.850;cause=16;text=\"Terminated\"",
                "Q.850;cause=16;text=\"Terminated\"",
            ),
            (
                "SIP;text=\"a \\\"b\\\"\";location=LN;cause=\"480\"",
                "SIP;cause=480;text=\"a \\\"b\\\"\";location=LN",
            ),
            ("preemption", "preemption"),
        ]);
        assert_eq!(
            written(&Reason::sip(480, "Bearer unavailable")),
            "SIP;cause=480;text=\"Bearer unavailable\""
        );
        assert_eq!(
            written(&Reason::sip(200, "a\r\nVia: b")),
            "SIP;cause=200;text=\"a  Via: b\""
        );
        assert!(read::<Reason>("sip;cause=1").is_sip());
    }

    #[test]
    fn what_is_no_reason_says_where() {
        refused::<Reason>(&[
            ("", 0),
            (";cause=1", 0),
            ("SIP;cause=70000", 3),
            ("SIP;cause=x", 3),
            ("SIP x", 4),
        ]);
    }
}
