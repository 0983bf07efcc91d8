//! Where a request goes next (RFC 3261 §8.1.2; RFC 3263 without NAPTR and SRV).

use super::config::Config;
use super::sending::Candidate;
use crate::engine::Transport;
use crate::sip::msg::header::{NameAddr, Route};
use crate::sip::msg::uri::SipUri;
use crate::sip::msg::{Request, Uri};
use crate::wire::Text;
use crate::wire::host::Host;
use std::net::{IpAddr, SocketAddr};

/// The next hop of a request.
#[derive(Debug)]
pub(super) struct NextHop {
    pub(super) host: Host,
    port: u16,
    transport: Transport,
}

impl NextHop {
    /// The host name to look up.
    pub(super) fn name(&self) -> Text {
        Text::from(self.host.to_string())
    }

    /// The hop at one of its addresses.
    pub(super) fn candidate(&self, address: IpAddr) -> Candidate {
        Candidate {
            transport: self.transport,
            peer: SocketAddr::new(address, self.port),
            name: match self.host {
                Host::Name(_) => Some(self.name()),
                Host::V4(_) | Host::V6(_) => None,
            },
            flow: None,
            any_size: false,
        }
    }
}

impl Config {
    /// The first Route, else the outbound proxy, else the Request-URI.
    pub(super) fn next_hop(&self, request: &Request) -> Option<NextHop> {
        if let Some(route) = request.headers().all::<Route>().next() {
            return self.hop_to(route.ok()?.0.uri.as_sip()?);
        }
        match &self.outbound_proxy {
            Some(proxy) => self.hop_to(proxy.as_sip()?),
            None => match request.uri().ok()? {
                Uri::Sip(uri) => self.hop_to(&uri),
                _ => None,
            },
        }
    }

    fn hop_to(&self, uri: &SipUri) -> Option<NextHop> {
        let transport = match uri.transport() {
            _ if uri.secure => Transport::Tls,
            Some(name) if name.eq_ignore_ascii_case("udp") => Transport::Udp,
            Some(name) if name.eq_ignore_ascii_case("tcp") => Transport::Tcp,
            Some(name) if name.eq_ignore_ascii_case("tls") => Transport::Tls,
            Some(_) => return None,
            None => self.transport,
        };
        let host = match uri.maddr() {
            Some(maddr) => maddr.parse().ok()?,
            None => uri.host.host.compact(),
        };
        Some(NextHop {
            host,
            port: uri.host.port.unwrap_or_else(|| default_port(transport)),
            transport,
        })
    }

    /// Our address as peers at `peer` shall see it.
    pub(super) fn listener(&self, transport: Transport, peer: SocketAddr) -> Option<SocketAddr> {
        let all = || self.listeners.iter().filter(|l| l.transport == transport);
        all()
            .find(|l| l.addr.is_ipv4() == peer.is_ipv4())
            .map(|l| l.addr)
    }
}

/// RFC 3261 §19.1.2.
pub(super) const fn default_port(transport: Transport) -> u16 {
    match transport {
        Transport::Tls => 5061,
        Transport::Udp | Transport::Tcp => 5060,
    }
}

/// Before a strict router, which has no `lr`: it takes the Request-URI away and puts the last Route into its
/// place, so they change places beforehand (RFC 3261 §12.2.1.1).
pub(super) fn give_way(request: &mut Request) {
    let Some(Ok(first)) = request.headers().all::<Route>().next() else {
        return;
    };
    let is_loose = first.0.uri.as_sip().is_none_or(SipUri::is_loose_router);
    if is_loose {
        return;
    }
    if let Ok(target) = request.uri() {
        let _ = request.headers_mut().pop::<Route>();
        request.headers_mut().push(&Route(NameAddr::new(target)));
        request.set_uri(&first.0.uri);
    }
}
