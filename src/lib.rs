#![doc = include_str!("../README.md")]
//!
//! # Where things are
//!
//! A module names lower tiers only; [`manual::architecture`] says why.
//!
//! | tier | module | what is in it |
//! |---|---|---|
//! | 7 | `driver`, `sim` | what a node runs on: sockets (feature `tokio`), or a world that is made up (`sim`) |
//! | 5 | [`client`], [`participating`], [`store`] | roles: a device; what the network does for a user; what is kept |
//! | 4 | [`node`] | the only run loop |
//! | 3 | [`conversation`] | legs, envelopes, messages, receipts: what all roles share |
//! | 2 | [`sip`], [`msrp`] | endpoints: transactions, dialogs, connections, sessions |
//! | 1 | [`sip::msg`], [`msrp::msg`], [`sdp`], [`cpim`], [`imdn`], [`composing`], [`events`], [`lists`] | bytes as values and back |
//! | 0 | [`engine`], [`wire`] | what every machine is handed; what text protocols share |
//!
//! Beside the tiers: `trace` looks at what passed (feature `trace`), and the [`manual`] holds the longer texts.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod engine;
pub mod wire;

pub mod composing;
pub mod cpim;
pub mod deferred;
pub mod events;
pub mod imdn;
pub mod lists;
pub mod msrp;
pub mod sdp;
pub mod sip;

pub mod conversation;
pub mod node;

pub mod client;
pub mod participating;
pub mod store;

#[cfg(feature = "tokio")]
pub mod driver;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "trace")]
pub mod trace;

pub mod manual;
