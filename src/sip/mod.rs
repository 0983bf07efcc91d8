//! SIP (RFC 3261): messages, transactions, dialogs, registrations, and the endpoint that runs them.

pub mod msg;
