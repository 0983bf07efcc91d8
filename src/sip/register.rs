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
    /// The edge proxy that this flow leads to: the first Route of its REGISTER and of requests over the flow (one of the
    /// outbound proxy set, RFC 5626 §4.2). The outbound proxy of the endpoint if `None`.
    pub edge: Option<Uri>,
    /// Which of the addresses that the registrar gives this device stands in our Contacts (RFC 5627 §4.4).
    pub gruu: OwnGruu,
    /// For how long; the registrar may shorten it.
    pub expires: Duration,
    /// Header fields to be added to each REGISTER.
    pub headers: Vec<(Name, Text)>,
    /// The credentials of this account; those of the endpoint if `None`.
    pub credentials: Option<Credentials>,
    /// Whether the flow is kept alive (RFC 5626 §4.4).
    pub keep_alive: bool,
    /// How long to wait after a failure, doubled with each further one: `base-time-all-fail` (RFC 5626 §4.5).
    pub retry_base: Duration,
    /// The same while another flow of the device stands: `base-time-not-failed`.
    pub retry_base_other: Duration,
    /// How long to wait at the most: `max-time` (RFC 5626 §4.5).
    pub retry_most: Duration,
}

/// Which GRUU of ours stands in Contacts that are left to the endpoint ([`HERE`](super::HERE)), once the registrar has given
/// one (RFC 5627 §4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OwnGruu {
    /// None: the address that the message leaves from.
    #[default]
    Unused,
    /// The public one, by which everybody reaches this very device, from wherever.
    Public,
    /// The temporary one, which does not tell who we are.
    Temporary,
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
            edge: None,
            gruu: OwnGruu::Unused,
            expires: Duration::from_secs(3600),
            headers: Vec::new(),
            credentials: None,
            keep_alive: true,
            retry_base: Duration::from_secs(30),
            retry_base_other: Duration::from_secs(90),
            retry_most: Duration::from_secs(1800),
        }
    }
}
