//! Reading a description.

use super::{ParseError, Session};
use crate::engine::Limits;
use bytes::Bytes;

pub(super) fn session(_bytes: &Bytes, _limits: &Limits) -> Result<Session, ParseError> {
    todo!()
}
