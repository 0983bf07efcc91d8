//! The longer texts: documentation only, versioned and checked with the code.
//!
//! | text | for whom |
//! |---|---|
//! | [`architecture`] | who wants to change the crate, or to know why it is as it is |
//! | [`driving`] | who has an event loop of their own |
//! | [`conformance`] | who asks which requirement is met, and what proves it |
//! | [`torture`] | who asks what becomes of a broken SIP message |
//! | [`security`] | who asks what an attacker gets |
//! | [`figures`] | who asks how fast it is, and how that was measured |
//! | [`limits`] | who wants to know before they begin what is not there |
//! | [`glossary`] | who meets a word for the first time |
//!
//! A good order to read the sources in: this crate's front page, `src/lib.rs` for the tiers, `src/node.rs` for the
//! loop, `src/conversation/leg.rs` for what a chat is, `src/client/` for one role, and one `msg/`.

pub mod architecture;
pub mod conformance;
pub mod driving;
pub mod figures;
pub mod glossary;
pub mod limits;
pub mod security;
pub mod torture;
