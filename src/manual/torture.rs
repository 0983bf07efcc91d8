//! The torture messages of RFC 4475 and RFC 5118: what each mode says to each, and why.
//!
//! *Receive mode* is what every peer meets: it takes what the field sends, and refuses what is dangerous or cannot be
//! used, with the status to answer. What is malformed and not needed is as good as not there (RFC 3261 §8.2.2).
//! *Strict mode* holds a message to the grammar and to the rules of RFC 3261 §8 to §20: for those who test a peer, and
//! for `inspect --strict`. The offsets are those of the message.
//!
//! A message that is *taken* may still be refused by the user agent that it is for: an unknown scheme with 416, an
//! extension that it does not have with 420, a body that it does not understand with 415. The table says what the
//! codec says, and a test compares the two.
//!
#![doc = include_str!("tables/torture.md")]
