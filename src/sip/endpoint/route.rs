//! Where a request goes next (RFC 3261 §8.1.2).

use super::config::Config;
use crate::engine::Transport;
use crate::sip::locate::{Preferences, Wanted};
use crate::sip::msg::header::{NameAddr, Route};
use crate::sip::msg::uri::SipUri;
use crate::sip::msg::{Request, Uri};
use std::net::SocketAddr;

impl Config {
    /// The first Route, else the outbound proxy, else the Request-URI.
    pub(super) fn next_hop(&self, request: &Request) -> Option<Wanted> {
        if let Some(route) = request.headers().all::<Route>().next() {
            return Wanted::of(route.ok()?.0.uri.as_sip()?);
        }
        match &self.outbound_proxy {
            Some(proxy) => Wanted::of(proxy.as_sip()?),
            None => match request.uri().ok()? {
                Uri::Sip(uri) => Wanted::of(&uri),
                _ => None,
            },
        }
    }

    /// Which transports we have, the preferred one first. Who was told to use TLS uses nothing else.
    pub(super) fn preferences(&self) -> Preferences {
        if self.transport.is_web() {
            // Whoever lives in a browser has nothing else.
            return Preferences {
                default: self.transport,
                supported: vec![self.transport],
            };
        }
        let all = [
            self.transport,
            Transport::Udp,
            Transport::Tcp,
            Transport::Tls,
        ];
        let mut supported = Vec::with_capacity(3);
        for transport in all {
            let is_had = transport != Transport::Udp
                || (self.listeners.iter()).any(|listener| listener.transport == transport);
            let is_fit = !self.transport.is_secure() || transport.is_secure();
            if is_had && is_fit && !supported.contains(&transport) {
                supported.push(transport);
            }
        }
        Preferences {
            default: self.transport,
            supported,
        }
    }

    /// Our address as peers at `peer` shall see it.
    pub(super) fn listener(&self, transport: Transport, peer: SocketAddr) -> Option<SocketAddr> {
        let all = || self.listeners.iter().filter(|l| l.transport == transport);
        all()
            .find(|l| l.addr.is_ipv4() == peer.is_ipv4())
            .map(|l| l.addr)
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
