//! The rules of the specifications, one test each.

mod rfc4475;
mod rfc5118;
mod torture;
