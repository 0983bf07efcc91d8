//! How a body is encoded for transport, and how that is undone within bounds.

use crate::engine::Limits;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use std::io::Read;

/// The encoding named by `Content-Transfer-Encoding` (RFC 2045 §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TransferEncoding {
    /// `7bit`, `8bit`, `binary`: the body is what it is. Also what is meant when the header is absent.
    #[default]
    Identity,
    /// `base64` (RFC 2045 §6.8).
    Base64,
    /// `quoted-printable` (RFC 2045 §6.7).
    QuotedPrintable,
}

impl TransferEncoding {
    /// Reads the header's value; `None` for an encoding that is not known.
    pub fn parse(text: &str) -> Option<Self> {
        let known = [
            ("", Self::Identity),
            ("7bit", Self::Identity),
            ("8bit", Self::Identity),
            ("binary", Self::Identity),
            ("base64", Self::Base64),
            ("quoted-printable", Self::QuotedPrintable),
        ];
        find(&known, text)
    }

    /// Undoes the encoding. Line breaks and spaces in base64 are skipped, missing padding is forgiven; what
    /// is no escape in quoted-printable stands for itself.
    ///
    /// # Errors
    ///
    /// The body is not in this encoding.
    pub fn decode(self, body: &Bytes) -> Result<Bytes, EncodingError> {
        match self {
            Self::Identity => Ok(body.clone()),
            Self::Base64 => decode_base64(body),
            Self::QuotedPrintable => Ok(decode_quoted_printable(body)),
        }
    }
}

/// The encoding named by `Content-Encoding` (RFC 3261 §20.12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ContentEncoding {
    /// `identity`, or no header.
    #[default]
    Identity,
    /// `deflate`: the zlib format (RFC 1950), or raw deflate (RFC 1951), as both are sent under this name.
    Deflate,
    /// `gzip` (RFC 1952).
    Gzip,
}

impl ContentEncoding {
    /// Reads the header's value; `None` for an encoding that is not known.
    pub fn parse(text: &str) -> Option<Self> {
        let known = [
            ("", Self::Identity),
            ("identity", Self::Identity),
            ("deflate", Self::Deflate),
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
        ];
        find(&known, text)
    }

    /// Undoes the encoding, within [`Limits::inflated`] and [`Limits::inflate_ratio`].
    ///
    /// # Errors
    ///
    /// The body is not in this encoding, or becomes too large.
    pub fn decode(self, body: &Bytes, limits: &Limits) -> Result<Bytes, EncodingError> {
        match self {
            Self::Identity => Ok(body.clone()),
            Self::Deflate => inflate(body, limits),
            Self::Gzip => bounded(flate2::read::GzDecoder::new(&**body), body.len(), limits),
        }
    }
}

/// Why a body could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodingError {
    /// An encoding that is not known.
    #[error("unknown encoding")]
    Unknown,
    /// A character that base64 does not have, or too few of them.
    #[error("not base64 at byte {0}")]
    Base64(usize),
    /// Not a compressed body, or one that ends early.
    #[error("not a compressed body")]
    Compressed,
    /// The body becomes larger than `Limits` allow.
    #[error("larger than {0} bytes when decompressed")]
    TooLarge(usize),
}

/// Undoes both encodings of a body, as its headers name them.
pub(crate) fn decode(
    body: &Bytes,
    transfer: Option<&str>,
    content: Option<&str>,
    limits: &Limits,
) -> Result<Bytes, EncodingError> {
    let transfer =
        TransferEncoding::parse(transfer.unwrap_or_default()).ok_or(EncodingError::Unknown)?;
    let content =
        ContentEncoding::parse(content.unwrap_or_default()).ok_or(EncodingError::Unknown)?;
    content.decode(&transfer.decode(body)?, limits)
}

/// A body in base64, in lines of 76 characters (RFC 2045 §6.8).
pub fn encode_base64(body: &[u8]) -> Bytes {
    const LINE: usize = 76 / 4 * 3;
    let mut out = String::with_capacity(body.len() / 3 * 4 + body.len() / LINE * 2 + 8);
    for (number, line) in body.chunks(LINE).enumerate() {
        if number > 0 {
            out.push_str("\r\n");
        }
        base64::engine::general_purpose::STANDARD.encode_string(line, &mut out);
    }
    Bytes::from(out)
}

/// Undoes `Content-Encoding: deflate`, whether zlib or raw, within [`Limits::inflated`] and
/// [`Limits::inflate_ratio`].
///
/// # Errors
///
/// The bytes are not compressed, or become too large.
pub fn inflate(body: &[u8], limits: &Limits) -> Result<Bytes, EncodingError> {
    // RFC 1950 §2.2: the method is 8 and the first two bytes are a multiple of 31.
    let is_zlib = match body {
        [first, second, ..] => {
            first & 15 == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31)
        }
        _ => false,
    };
    if is_zlib {
        let zlib = flate2::read::ZlibDecoder::new(body);
        match bounded(zlib, body.len(), limits) {
            // One raw stream in a thousand begins like this by chance.
            Err(EncodingError::Compressed) => {}
            done => return done,
        }
    }
    bounded(flate2::read::DeflateDecoder::new(body), body.len(), limits)
}

/// As much as this a body may become whatever it was: people repeat themselves, and nobody is harmed.
const SMALL: usize = 16 * 1024;

/// Reads all of `stream`, unless it is more than what `size` compressed bytes may become.
fn bounded(stream: impl Read, size: usize, limits: &Limits) -> Result<Bytes, EncodingError> {
    let most = limits
        .inflated
        .min(size.saturating_mul(limits.inflate_ratio).max(SMALL));
    let mut out = Vec::new();
    stream
        .take(u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1))
        .read_to_end(&mut out)
        .map_err(|_| EncodingError::Compressed)?;
    if out.len() > most {
        return Err(EncodingError::TooLarge(most));
    }
    Ok(Bytes::from(out))
}

fn decode_base64(body: &[u8]) -> Result<Bytes, EncodingError> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let digits: Vec<u8> = body
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    LENIENT.decode(&digits).map(Bytes::from).map_err(|error| {
        let nth = match error {
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol { offset: at, .. } => at,
            _ => digits.len(),
        };
        EncodingError::Base64(
            body.iter()
                .enumerate()
                .filter(|(_, byte)| !byte.is_ascii_whitespace())
                .nth(nth)
                .map_or(body.len(), |(at, _)| at),
        )
    })
}

fn decode_quoted_printable(body: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        // RFC 2045 §6.7 (3): white space at the end of a line was added on the way.
        let (text, soft) = match text.strip_suffix(b"=") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let mut rest = text;
        while let [byte, after @ ..] = rest {
            rest = after;
            match (byte, after) {
                (b'=', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => {
                        out.push(high << 4 | low);
                        rest = after;
                    }
                    _ => out.push(b'='),
                },
                _ => out.push(*byte),
            }
        }
        if !soft {
            match line {
                [.., b'\r', b'\n'] => out.extend_from_slice(b"\r\n"),
                [.., b'\n'] => out.push(b'\n'),
                _ => {}
            }
        }
    }
    Bytes::from(out)
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn find<T: Copy>(known: &[(&str, T)], text: &str) -> Option<T> {
    known
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text.trim()))
        .map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use proptest::prelude::*;
    use std::io::Write;

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn raw(body: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn base64_of_peers() {
        for (body, plain) in [
            ("", Ok("")),
            ("aGVsbG8=", Ok("hello")),
            ("aGVs\r\nbG8=\r\n", Ok("hello")),
            ("aGVsbG8", Ok("hello")),
            ("aGVsbG9=", Ok("hello")),
            ("aGV\r\n*bG8=", Err(EncodingError::Base64(5))),
            ("aGVsb", Err(EncodingError::Base64(5))),
        ] {
            let decoded = TransferEncoding::Base64.decode(&Bytes::from(body));
            assert_eq!(decoded, plain.map(Bytes::from), "{body:?}");
        }
    }

    #[test]
    fn quoted_printable_of_peers() {
        for (body, plain) in [
            ("h=C3=A9llo", "h\u{e9}llo"),
            ("one =\r\ntwo", "one two"),
            ("one=  \r\ntwo  \r\n", "onetwo\r\n"),
            ("a=3d1 = 2=", "a=1 = 2"),
            ("x=c3=A9\ny", "x\u{e9}\ny"),
        ] {
            let decoded = TransferEncoding::QuotedPrintable.decode(&Bytes::from(body));
            assert_eq!(decoded, Ok(Bytes::from(plain)), "{body:?}");
        }
    }

    #[test]
    fn names_in_any_case() {
        assert_eq!(
            TransferEncoding::parse(" BASE64 "),
            Some(TransferEncoding::Base64)
        );
        assert_eq!(TransferEncoding::parse("uuencode"), None);
        assert_eq!(
            ContentEncoding::parse("Deflate"),
            Some(ContentEncoding::Deflate)
        );
        assert_eq!(ContentEncoding::parse("br"), None);
    }

    #[test]
    fn a_bomb_stops_at_the_ratio_and_at_the_cap() {
        let limits = Limits::default();
        let bomb = zlib(&vec![0; 8 * 1024 * 1024]);
        let most = bomb.len() * limits.inflate_ratio;
        assert_eq!(
            inflate(&bomb, &limits),
            Err(EncodingError::TooLarge(most.min(limits.inflated)))
        );
        let patient = Limits {
            inflate_ratio: usize::MAX,
            ..limits
        };
        assert_eq!(
            inflate(&bomb, &patient),
            Err(EncodingError::TooLarge(patient.inflated))
        );
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; 8 * 1024 * 1024]).unwrap();
        let bomb = Bytes::from(encoder.finish().unwrap());
        assert_eq!(
            ContentEncoding::Gzip.decode(&bomb, &patient),
            Err(EncodingError::TooLarge(patient.inflated))
        );
    }

    #[test]
    fn a_short_message_may_say_the_same_over_and_over() {
        let limits = Limits::default();
        let haha = "ha".repeat(4000);
        assert_eq!(inflate(&zlib(haha.as_bytes()), &limits), Ok(haha.into()));
        let no_more = Limits {
            inflated: 1000,
            ..limits
        };
        assert_eq!(
            inflate(&zlib(&[0; 1001]), &no_more),
            Err(EncodingError::TooLarge(1000))
        );
    }

    #[test]
    fn what_is_not_compressed_or_cut_off_is_refused() {
        let limits = Limits::default();
        assert_eq!(inflate(b"", &limits), Err(EncodingError::Compressed));
        assert_eq!(inflate(b"<imdn/>", &limits), Err(EncodingError::Compressed));
        let whole = zlib(b"some text that is not very long");
        let cut = whole.get(..whole.len() - 6).unwrap();
        assert_eq!(inflate(cut, &limits), Err(EncodingError::Compressed));
    }

    proptest! {
        #[test]
        fn base64_there_and_back(body: Vec<u8>) {
            let encoded = encode_base64(&body);
            prop_assert!(encoded.split(|byte| *byte == b'\n').all(|line| line.len() <= 77));
            prop_assert_eq!(TransferEncoding::Base64.decode(&encoded), Ok(Bytes::from(body)));
        }

        #[test]
        fn deflate_in_both_formats(body: Vec<u8>) {
            let limits = Limits::default();
            prop_assert_eq!(inflate(&zlib(&body), &limits), Ok(Bytes::from(body.clone())));
            prop_assert_eq!(inflate(&raw(&body), &limits), Ok(Bytes::from(body)));
        }

        #[test]
        fn no_body_is_too_much(body: Vec<u8>) {
            let body = Bytes::from(body);
            let _ = inflate(&body, &Limits::default());
            let _ = TransferEncoding::Base64.decode(&body);
            let _ = TransferEncoding::QuotedPrintable.decode(&body);
        }
    }
}
