//! Addresses: of names, and of ourselves.

use crate::wire::Text;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How peers reach a socket that is bound to `local`: a socket at "any address" has to have a name in
/// contacts and paths, and the address that leads out of this host is the best guess.
pub(super) fn reachable(mut local: SocketAddr) -> SocketAddr {
    if local.ip().is_unspecified() {
        // Addresses for documentation (RFC 5737, RFC 3849): some host outside. Nothing is sent there.
        let (outside, inside): (IpAddr, IpAddr) = match local {
            SocketAddr::V4(_) => (
                Ipv4Addr::new(192, 0, 2, 1).into(),
                Ipv4Addr::LOCALHOST.into(),
            ),
            SocketAddr::V6(_) => (
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
                Ipv6Addr::LOCALHOST.into(),
            ),
        };
        local.set_ip(source_towards((outside, 9).into()).unwrap_or(inside));
    }
    local
}

/// The address of ours that the system would send from to `peer`.
pub(super) fn source_towards(peer: SocketAddr) -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind((any(peer), 0)).ok()?;
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The unspecified address of the family of `peer`.
pub(super) const fn any(peer: SocketAddr) -> IpAddr {
    match peer {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// The addresses of a name, each once, in the system's order of preference; none if it has none in time.
pub(super) async fn resolve(host: Text, within: Duration) -> Vec<IpAddr> {
    let lookup = tokio::net::lookup_host((host.to_string(), 0));
    let mut addresses: Vec<IpAddr> = Vec::new();
    if let Ok(Ok(found)) = tokio::time::timeout(within, lookup).await {
        for address in found.map(|found| found.ip()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    addresses
}
