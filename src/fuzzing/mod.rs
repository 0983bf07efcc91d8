//! The bodies of the fuzz targets in `fuzz/`, here so that they compile wherever the crate does and so that
//! `cargo test` replays their seeds. They are no part of the public API.
//!
//! A body takes any bytes and may only panic where the library is wrong. Those of the codecs say what must
//! hold of whatever was read: it can be written, and what is written is read again as the same.

mod bodies;
mod conference;
mod events;
mod inputs;
mod msrp;
mod peer;
mod sip;
mod take;

pub use bodies::{composing, cpim, imdn, inspect, multipart, sdp, xml};
pub use conference::conference_info;
pub use events::events;
pub use inputs::{client_inputs, server_inputs};
pub use msrp::{msrp_stream, msrp_to_bytes_and_back};
pub use sip::{digest, sip_headers, sip_message, sip_stream, sip_to_bytes_and_back, uri};

use crate::engine::Limits;
use bytes::Bytes;
use take::Take;

/// Bounds that a fuzzer's inputs of a few KiB can reach.
fn tight() -> Limits {
    Limits {
        sip_datagram: 2048,
        sip_message: 2048,
        sip_head: 1024,
        sip_header: 256,
        sip_headers: 16,
        msrp_head: 512,
        msrp_message: 2048,
        parts: 4,
        part_headers: 4,
        part_depth: 2,
        xml_size: 1024,
        xml_depth: 4,
        xml_attributes: 4,
        inflated: 4096,
        cpim_head: 512,
        cpim_headers: 8,
        sdp_media: 2,
        sdp_lines: 16,
        ..Limits::default()
    }
}

/// Cuts `bytes` into pieces whose lengths come from `take`, which may be 0.
fn pieces(take: &mut Take<'_>, bytes: &Bytes) -> Vec<Bytes> {
    let mut rest = bytes.clone();
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let length = match take.byte() {
            // A whole rest when nothing says otherwise.
            0 => rest.len(),
            length => usize::from(length - 1).min(rest.len()),
        };
        pieces.push(rest.split_to(length));
    }
    pieces
}
