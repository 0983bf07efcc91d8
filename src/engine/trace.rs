//! Logging: the same call sites with and without the `tracing` feature.
//!
//! The macros take a format string and its arguments. Message text and identities are never logged above
//! `trace`.

macro_rules! debug {
    ($($arg:tt)*) => {{
        #[cfg(feature = "tracing")]
        ::tracing::debug!($($arg)*);
        #[cfg(not(feature = "tracing"))]
        let _ = ::core::format_args!($($arg)*);
    }};
}

#[allow(unused_macros, reason = "without features there is nothing to warn of")]
macro_rules! warning {
    ($($arg:tt)*) => {{
        #[cfg(feature = "tracing")]
        ::tracing::warn!($($arg)*);
        #[cfg(not(feature = "tracing"))]
        let _ = ::core::format_args!($($arg)*);
    }};
}

#[allow(unused_imports)]
pub(crate) use {debug, warning};
