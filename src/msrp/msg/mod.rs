//! Tier 1: MSRP requests and responses as bytes and as values (RFC 4975 §7, §9).
