//! Any message of these protocols as a tree: what the example `inspect` prints and a ladder diagram shows.
//!
//! [`document`] takes the bytes of a file or datagram, finds out what they are ([`detect`]) and decodes one
//! message, or several of a stream one after the other, with all bodies in bodies. What is wrong is said where
//! it is wrong, with its byte and the section of the specification.

mod body;
mod detect;
mod document;
mod gist;
mod header;
mod json;
mod msrp;
mod node;
mod print;
mod sip;
mod state;

pub use detect::{Kind, detect};
pub use document::{Document, document};
pub use node::{Fault, Node, Value};

pub(super) use gist::{gist, said};

use crate::engine::{Limits, Protocol};
use crate::sip::msg::Mode;
use bytes::Bytes;

/// How deep bodies may lie in bodies.
const DEPTH: usize = 8;

/// Decodes one message of a protocol, all its bodies included. A message that is broken gives a node with an
/// error.
pub fn message(protocol: Protocol, bytes: &Bytes, limits: &Limits) -> Node {
    let decoder = Decoder {
        mode: Mode::Receive,
        limits,
    };
    match protocol {
        Protocol::Sip => decoder.sip(bytes, Some(0), 0),
        Protocol::Msrp => decoder.msrp(bytes, Some(0)),
    }
}

/// What decoding is done by.
#[derive(Clone, Copy, Debug)]
struct Decoder<'a> {
    mode: Mode,
    limits: &'a Limits,
}

/// The offset of `part`, a view of `whole`, counted from where `whole` is counted.
///
/// `None` for an empty part, which need not be a view of anything.
fn offset(whole: &[u8], part: &[u8], base: Option<usize>) -> Option<usize> {
    let at = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let is_within = !part.is_empty() && at.checked_add(part.len())? <= whole.len();
    is_within.then_some(at)?.checked_add(base?)
}

/// An error of a codec as a fault. The codecs count from the start of what they were given, and say so in
/// their text: the number is taken from there and counted from `base`.
fn fault(error: &impl std::fmt::Display, base: Option<usize>) -> Fault {
    const AT: &str = " at byte ";
    let text = error.to_string();
    let Some((what, after)) = text.rsplit_once(AT) else {
        return Fault::new(text, None);
    };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = after.split_at(digits);
    let offset = number.parse::<usize>().ok();
    let what = format!("{}{rest}", what.trim_end_matches(','));
    Fault::new(what, offset.and_then(|at| at.checked_add(base?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_knows_where_it_lies() {
        let whole = b"0123456789";
        assert_eq!(offset(whole, &whole[3..5], Some(100)), Some(103));
        assert_eq!(offset(whole, &whole[3..3], Some(0)), None);
        assert_eq!(offset(&whole[5..], &whole[3..5], Some(0)), None);
        assert_eq!(offset(&whole[..4], &whole[3..5], Some(0)), None);
        assert_eq!(offset(whole, b"elsewhere", None), None);
    }

    #[test]
    fn an_error_is_counted_from_the_start_of_the_file() {
        for (text, what, at) in [
            ("not an SDP line at byte 7", "not an SDP line", Some(107)),
            ("not UTF-8, at byte 3", "not UTF-8", Some(103)),
            (
                "header at byte 9 larger than 5 bytes",
                "header larger than 5 bytes",
                Some(109),
            ),
            ("no boundary", "no boundary", None),
        ] {
            let fault = fault(&text, Some(100));
            assert_eq!((&*fault.what, fault.offset), (what, at));
        }
    }
}
