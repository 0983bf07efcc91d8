//! MIME: media types, multipart bodies, and the encodings of a body (RFC 2045, RFC 2046).

mod encoding;
mod media_type;
mod multipart;

pub(crate) use encoding::decode;
pub use encoding::{ContentEncoding, EncodingError, TransferEncoding, encode_base64, inflate};
pub use media_type::{ContentDisposition, MediaType, MediaTypeError, Parameters};
pub use multipart::{Multipart, MultipartError, Part};
