//! Tier 0: what text protocols share.

pub(crate) mod swar;
mod text;

pub mod cursor;
pub mod date;
pub mod host;
pub mod mime;
pub mod params;
pub mod websocket;
pub mod xml;

pub use text::Text;
