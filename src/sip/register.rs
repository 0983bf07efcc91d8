//! Keeping a registration alive: the user agent's side (RFC 3261 §10.2, RFC 5626, RFC 3327, RFC 3608).

use super::Credentials;
use crate::sip::msg::{Name, Uri};
use crate::wire::Text;
use crate::wire::params::Params;
use std::time::Duration;

/// What is registered.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address of record.
    pub aor: Uri,
    /// The registrar's domain: the Request-URI.
    pub registrar: Uri,
    /// The user part of the Contact; that of the address of record if `None`.
    pub user: Option<Text>,
    /// The display name of the Contact: the device's name.
    pub display: Option<Text>,
    /// The parameters of the Contact: feature tags (RFC 3840).
    pub params: Params,
    /// `+sip.instance`, a URN without the angle brackets (RFC 5626 §4.1).
    pub instance: Option<Text>,
    /// `reg-id` of the flow; sent only with an instance (RFC 5626 §4.2).
    pub reg_id: Option<u32>,
    /// For how long; the registrar may shorten it.
    pub expires: Duration,
    /// Header fields to be added to each REGISTER.
    pub headers: Vec<(Name, Text)>,
    /// The credentials of this account; those of the endpoint if `None`.
    pub credentials: Option<Credentials>,
    /// Whether the flow is kept alive (RFC 5626 §4.4).
    pub keep_alive: bool,
    /// How long to wait after a failure, doubled with each further one: `base-time` (RFC 5626 §4.5).
    pub retry_base: Duration,
    /// How long to wait at the most: `max-time` (RFC 5626 §4.5).
    pub retry_most: Duration,
}

impl Config {
    /// Registers `aor` at `registrar` for an hour.
    pub fn new(aor: Uri, registrar: Uri) -> Self {
        Self {
            aor,
            registrar,
            user: None,
            display: None,
            params: Params::default(),
            instance: None,
            reg_id: None,
            expires: Duration::from_secs(3600),
            headers: Vec::new(),
            credentials: None,
            keep_alive: true,
            retry_base: Duration::from_secs(30),
            retry_most: Duration::from_secs(1800),
        }
    }
}
