//! Writing a description.

use super::Session;
use bytes::Bytes;

pub(super) fn session(_session: &Session) -> Bytes {
    todo!()
}
