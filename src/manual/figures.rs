//! How fast it is: tables that the benches write.
//!
//! Nothing here was typed in. `CPM_RECORD=1 cargo bench --bench sip` measures and writes the table of that bench anew;
//! the same for the others. What another machine says in nanoseconds means little, so a figure is a ratio to a
//! yardstick that was measured in turn with it wherever there is one. The tables here are of two shared cores of a
//! virtual machine.
//!
//! # SIP messages
//!
//! The yardstick is `httparse`, which splits the same head into slices and does nothing else with it.
//!
#![doc = include_str!("figures/sip.md")]
//!
//! # SIP parsers of others
//!
//! The same four messages in one run, by `cargo run --release` in `benches/peers`, which is a crate of its own. *Parsed*
//! is what each one's own entry makes of a datagram; *matched* goes on to what a transaction and a dialog are found by.
//!
#![doc = include_str!("figures/peers.md")]
//!
//! # The SIP endpoint
//!
//! In memory, on one core, by `cargo bench --bench sip_endpoint`; bytes are counted by an allocator.
//!
#![doc = include_str!("figures/sip_endpoint.md")]
//!
//! # A relayed MESSAGE
//!
//! The server example and Kamailio, loaded by SIPp in turns over loopback UDP, by `benches/relay/run`.
//!
#![doc = include_str!("figures/relay.md")]
//!
//! # MSRP, CPIM, IMDN
//!
//! The yardstick is one search for the hyphens of an end-line over the same bytes by `memchr::memmem`.
//!
#![doc = include_str!("figures/msrp.md")]
//!
//! # The MSRP endpoint
//!
//! In memory on one core, and over loopback TCP through the driver, by `cargo bench --bench msrp_endpoint`.
//!
#![doc = include_str!("figures/msrp_endpoint.md")]
//!
//! # Fuzzing
//!
//! One core for each target in turn, by `fuzz/campaign`, from the seeds and from what earlier runs had found. Edges are
//! those of the code that the target is linked with, most of which it has no way to. What was found is mended and
//! kept as a seed, which `cargo test` plays again.
//!
#![doc = include_str!("figures/fuzz.md")]
