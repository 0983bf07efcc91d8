#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod engine;
pub mod wire;

pub mod composing;
pub mod cpim;
pub mod imdn;
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
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "trace")]
pub mod trace;

pub mod manual;
