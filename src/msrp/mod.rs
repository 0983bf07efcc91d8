//! MSRP (RFC 4975): chunks, sessions, and the endpoint that runs them.

pub mod msg;
