//! How a body is encoded for transport, and how that is undone within bounds.

use crate::engine::Limits;
use bytes::Bytes;

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
    pub fn parse(_text: &str) -> Option<Self> {
        todo!()
    }

    /// Undoes the encoding. Line breaks and spaces in base64 are skipped, missing padding is forgiven.
    ///
    /// # Errors
    ///
    /// The body is not in this encoding.
    pub fn decode(self, _body: &Bytes) -> Result<Bytes, EncodingError> {
        todo!()
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
    pub fn parse(_text: &str) -> Option<Self> {
        todo!()
    }

    /// Undoes the encoding.
    ///
    /// # Errors
    ///
    /// The body is not in this encoding, or becomes too large.
    pub fn decode(self, _body: &Bytes, _limits: &Limits) -> Result<Bytes, EncodingError> {
        todo!()
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

/// A body in base64, in lines of 76 characters (RFC 2045 §6.8).
pub fn encode_base64(_body: &[u8]) -> Bytes {
    todo!()
}

/// Undoes `Content-Encoding: deflate`, whether zlib or raw, within [`Limits::inflated`] and
/// [`Limits::inflate_ratio`].
///
/// # Errors
///
/// The bytes are not compressed, or become too large.
pub fn inflate(_body: &[u8], _limits: &Limits) -> Result<Bytes, EncodingError> {
    todo!()
}
