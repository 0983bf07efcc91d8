//! How this endpoint names itself.

use super::Endpoint;
use crate::engine::Transport;
use crate::sip::Uri;
use std::net::SocketAddr;

impl Endpoint {
    /// Says that we are reached at `local`.
    pub fn add_listener(&mut self, _transport: Transport, _local: SocketAddr) {
        todo!()
    }

    /// A URI that leads to this endpoint, fit for a Route (`lr`): of `user` if there is one, over
    /// `transport` if it matters. `None` if nothing is listened on.
    pub fn local_uri(&self, _user: Option<&str>, _transport: Option<Transport>) -> Option<Uri> {
        todo!()
    }
}
