//! CSeq and its sister of reliable provisional responses.

use super::read_by;
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Method, Name};
use crate::wire::Text;
use crate::wire::cursor::{Cursor, Syntax, write_line};

/// The place of a request among those of its sender (RFC 3261 §20.16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// The number; below 2^31 where the sender follows RFC 3261 §8.1.1.5.
    pub number: u32,
    /// The method of the request.
    pub method: Method,
}

/// Every token is a method.
fn read_method<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Syntax> {
    let before = cursor.at();
    cursor.skip_lws();
    if cursor.at() == before {
        return Err(cursor.error("a space"));
    }
    cursor.token()
}

fn method(token: &str, value: &Text) -> Method {
    Method::known(token.as_bytes()).unwrap_or_else(|| Method::Other(value.slice_ref(token)))
}

impl Header for CSeq {
    const NAME: Name = Name::CSeq;
    const LIST: bool = false;

    read_by!(
        |cursor| Ok((cursor.number::<u32>()?, read_method(cursor)?)),
        |(number, token), value| Self {
            number,
            method: method(token, value),
        }
    );

    fn write(&self, out: &mut String) {
        out.extend([&self.number.to_string(), " "]);
        write_line(self.method.as_str(), out);
    }
}

/// Which reliable provisional response is acknowledged (RFC 3262 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq of the response.
    pub response: u32,
    /// The number in its CSeq.
    pub number: u32,
    /// The method in its CSeq.
    pub method: Method,
}

impl Header for RAck {
    const NAME: Name = Name::RAck;
    const LIST: bool = false;

    read_by!(
        |cursor| {
            let response = cursor.number::<u32>()?;
            cursor.skip_lws();
            Ok((response, cursor.number::<u32>()?, read_method(cursor)?))
        },
        |(response, number, token), value| Self {
            response,
            number,
            method: method(token, value),
        }
    );

    fn write(&self, out: &mut String) {
        out.extend([
            &self.response.to_string(),
            " ",
            &self.number.to_string(),
            " ",
        ]);
        write_line(self.method.as_str(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn numbers_and_methods_there_and_back() {
        there_and_back::<CSeq>(&[
            ("4711 INVITE", "4711 INVITE"),
            ("0009   INVITE", "9 INVITE"),
            ("2130706432 INVITE", "2130706432 INVITE"),
            ("29344 RE%47IST%45R", "29344 RE%47IST%45R"),
            (
                "139122385 !interesting-Method0123456789_*+`.%indeed'~",
                "139122385 !interesting-Method0123456789_*+`.%indeed'~",
            ),
        ]);
        there_and_back::<RAck>(&[("776656 1 INVITE", "776656 1 INVITE")]);
        assert_eq!(read::<CSeq>("1 BYE").method, Method::Bye);
        assert_eq!(
            read::<CSeq>("1 bye").method,
            Method::Other(Text::from("bye"))
        );
    }

    #[test]
    fn rfc4475_3_1_2_4_and_5_numbers_out_of_range_are_refused() {
        refused::<CSeq>(&[
            ("36893488147419103232 REGISTER", 0),
            ("9292394834772304023312 OPTIONS", 0),
            ("4294967296 INVITE", 0),
            ("-1 INVITE", 0),
            ("INVITE", 0),
            ("1", 1),
            ("1INVITE", 1),
            ("1 ", 2),
            ("1 IN VITE", 5),
            ("1 <x>", 2),
        ]);
        refused::<RAck>(&[("1 INVITE", 2), ("1 2", 3)]);
    }
}
