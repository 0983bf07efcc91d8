//! URIs of SIP (RFC 3261 §19.1) and telephony (RFC 3966).

use crate::wire::Text;

/// A URI.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Uri {
    /// A scheme without a type of its own.
    Other {
        /// What stands before the colon.
        scheme: Text,
        /// What stands after it.
        rest: Text,
    },
}
