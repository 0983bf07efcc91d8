//! Digest authentication (RFC 7616, RFC 2617; in SIP: RFC 3261 §22, RFC 8760).
