//! What the domain name system says of services, besides addresses.

use crate::wire::Text;

/// Which records of a name are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RecordKind {
    /// Where a service is (RFC 2782).
    Srv,
    /// Which services a domain has (RFC 3403).
    Naptr,
}

/// A record of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// Where a service is.
    Srv(Srv),
    /// Which service a domain has.
    Naptr(Naptr),
}

/// One server of a service (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// Servers of the lowest number are tried first.
    pub priority: u16,
    /// The share of a server among those of one priority.
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// Its host name; `.` says that there is no such service.
    pub target: Text,
}

/// One service of a domain (RFC 3403 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    /// Records of the lowest number come first.
    pub order: u16,
    /// Among those of one order, the lowest comes first.
    pub preference: u16,
    /// What `replacement` is: `s`, a name with SRV records; `a`, a host name.
    pub flags: Text,
    /// The service and its transport, for example `SIP+D2T` (RFC 3263 §4.1).
    pub service: Text,
    /// A rewriting rule, which SIP has no use for: empty.
    pub regexp: Text,
    /// The name to go on with.
    pub replacement: Text,
}
