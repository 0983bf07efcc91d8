//! How this endpoint names itself.

use super::{Endpoint, Listener};
use crate::engine::Transport;
use crate::sip::Uri;
use crate::sip::locate::default_port;
use crate::sip::msg::uri::SipUri;
use std::net::SocketAddr;

impl Endpoint {
    /// Says that we are reached at `local`.
    pub fn add_listener(&mut self, transport: Transport, local: SocketAddr) {
        let listener = Listener {
            transport,
            addr: local,
        };
        if !self.config.listeners.contains(&listener) {
            self.config.listeners.push(listener);
        }
    }

    /// Whether a URI names one of our listeners.
    pub fn is_local(&self, uri: &Uri) -> bool {
        let Some(uri) = uri.as_sip() else {
            return false;
        };
        self.config.listeners.iter().any(|listener| {
            let port = (uri.host.port).unwrap_or_else(|| default_port(listener.transport));
            uri.host.host.ip() == Some(listener.addr.ip()) && port == listener.addr.port()
        })
    }

    /// A URI that leads to this endpoint, fit for a Route (`lr`): of `user` if there is one, over
    /// `transport` if it matters. `None` if nothing is listened on.
    pub fn local_uri(&self, user: Option<&str>, transport: Option<Transport>) -> Option<Uri> {
        let listener = (self.config.listeners.iter())
            .find(|listener| transport.is_none_or(|transport| transport == listener.transport))?;
        let mut uri = SipUri::new(listener.addr.into());
        if let Some(user) = user {
            uri = uri.with_user(user);
        }
        if listener.transport != Transport::Udp {
            uri.set_param("transport", Some(listener.transport.param()));
        }
        uri.set_param("lr", None);
        Some(Uri::Sip(uri))
    }
}
