//! The example programs against programs of other people: SIPp, Kamailio, liblinphone, baresip and tshark.
//!
//! These tests need programs that are not Rust's to bring, so they are ignored by default:
//! `cargo test --test peers -- --ignored` runs them, and `.ci/run peers peer-tests` installs the programs
//! first. A test whose program is not there says so and passes; one whose program is there has to pass.

mod baresip;
mod kamailio;
mod linphone;
mod msrp;
mod sipp;
mod support;
mod tshark;
