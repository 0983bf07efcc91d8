//! Header fields as values.
