//! How a node names itself in the Contact of its sessions (RFC 3840, RFC 5626).

use super::service::Service;
use crate::sip::msg::Headers;
use crate::sip::msg::header::{self, NameAddr};
use crate::sip::{HERE, Uri};
use crate::wire::Text;
use crate::wire::params::Params;

/// What a Contact says besides an address, which the endpoint fills in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// The user part.
    pub user: Option<Text>,
    /// The name of the device, shown to other people.
    pub display: Option<Text>,
    /// The device (`+sip.instance`), a URN.
    pub instance: Option<Text>,
}

impl Contact {
    /// The feature tags of a device that offers `services`.
    pub fn params(&self, services: &[Service]) -> Params {
        let mut params = Params::default();
        if let Some(instance) = &self.instance {
            params.set_quoted("+sip.instance", &format!("<{instance}>"));
        }
        let icsis = services
            .iter()
            .map(|service| service.feature_value().to_string())
            .collect::<Vec<_>>();
        if !icsis.is_empty() {
            params.set_quoted("+g.3gpp.icsi-ref", &icsis.join(","));
        }
        params
    }

    /// Puts a Contact for a session of `service` into `headers`.
    pub(super) fn write(&self, headers: &mut Headers, service: Service) {
        let uri = match &self.user {
            Some(user) => Uri::sip(user, HERE),
            None => Uri::host(HERE),
        };
        let mut address = NameAddr::new(uri);
        address.display.clone_from(&self.display);
        address.params = self.params(&[service]);
        headers.set(&header::Contact::Address(address));
    }
}
