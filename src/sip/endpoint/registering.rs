//! What the REGISTER of a registration of ours says, and what its answer tells (RFC 3261 §10.2, RFC 5626 §4.2, RFC 5627 §4).

use super::HERE;
use super::fill::{ALLOW, set_default};
use super::registration::Registration;
use super::transport::Hop;
use crate::sip::msg::header::{CSeq, CallId, Contact, Expires, From, NameAddr, Route, To};
use crate::sip::msg::uri::SipUri;
use crate::sip::msg::{Headers, Method, Name, Request, Uri};
use crate::sip::register::OwnGruu;
use crate::wire::Text;
use crate::wire::host::{Host, HostPort};
use std::time::Duration;

impl Registration {
    /// The Route of requests of its user: the proxy that it leads to, then its Service-Route (RFC 3608 §6.1).
    pub(super) fn preloaded(&self, proxy: Option<&Uri>) -> Vec<Route> {
        let mut all = Vec::with_capacity(1 + self.service_route.len());
        // Without a Route the outbound proxy is the next hop anyway.
        let proxy = proxy.filter(|_| !self.service_route.is_empty());
        if let Some(proxy) = self.config.edge.as_ref().or(proxy) {
            let proxy = loose(proxy);
            // A server that is proxy and registrar in one would be named twice.
            let first = self.service_route.first();
            if first.is_none_or(|first| !first.0.uri.matches(&proxy.0.uri)) {
                all.push(proxy);
            }
        }
        all.extend(self.service_route.iter().cloned());
        all
    }

    /// The GRUU that stands in Contacts of its user.
    pub(super) fn own_gruu(&self) -> Option<&Uri> {
        let (public, temporary) = self.gruus.as_deref()?;
        match self.config.gruu {
            OwnGruu::Unused => None,
            OwnGruu::Public => public.as_ref(),
            OwnGruu::Temporary => temporary.as_ref(),
        }
    }

    /// Whether both are flows of one device.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.outbound()
            && other.outbound()
            && self.config.instance == other.config.instance
            && self.config.aor == other.config.aor
    }

    pub(super) fn request(&self) -> Request {
        let config = &self.config;
        let expires = match self.leaving {
            true => 0,
            false => u32::try_from(config.expires.as_secs()).unwrap_or(u32::MAX),
        };
        let mut request = Request::new(Method::Register, &config.registrar);
        let headers = request.headers_mut();
        let mut from = From(NameAddr::new(config.aor.clone()));
        from.set_tag(&self.tag);
        headers.set(&from);
        headers.set(&To(NameAddr::new(config.aor.clone())));
        headers.set(&CallId(self.call_id.clone()));
        headers.set(&CSeq {
            number: self.sequence,
            method: Method::Register,
        });
        headers.set(&Contact::Address(self.contact()));
        headers.set(&Expires(expires));
        if let Some(edge) = &config.edge {
            headers.push(&loose(edge));
        }
        set_default(
            headers,
            Name::Supported,
            match self.outbound() {
                true => "path, outbound, gruu",
                false => "path, gruu",
            },
        );
        set_default(headers, Name::Allow, ALLOW);
        for (name, value) in &config.headers {
            // A text of the application's with a line end in it is left out rather than sent.
            let _ = headers.push_text(name.clone(), value);
        }
        request
    }

    pub(super) fn outbound(&self) -> bool {
        self.config.instance.is_some() && self.config.reg_id.is_some()
    }

    fn contact(&self) -> NameAddr {
        let config = &self.config;
        let mut uri = SipUri::new(HostPort::new(Host::Name(Text::from_static(HERE))));
        uri.user = config.user.clone().or_else(|| match &config.aor {
            Uri::Sip(aor) => aor.user.clone(),
            Uri::Tel(tel) => Some(Text::from(tel.digits())),
            _ => None,
        });
        let mut contact = NameAddr::new(Uri::Sip(uri));
        contact.display = config.display.clone();
        contact.params = config.params.clone();
        if let Some(instance) = &config.instance {
            contact
                .params
                .set_quoted("+sip.instance", &format!("<{instance}>"));
            if let Some(reg_id) = config.reg_id {
                contact.params.set("reg-id", Some(&reg_id.to_string()));
            }
        }
        contact
    }

    /// For how long the registrar has granted our binding, and the GRUUs that it gave it: the public one, the temporary
    /// one.
    pub(super) fn granted(
        &self,
        headers: &Headers,
        hop: Option<&Hop>,
    ) -> (Duration, (Option<Uri>, Option<Uri>)) {
        let ours = headers.all::<Contact>().filter_map(Result::ok).find(|c| {
            match (&self.config.instance, c.features().instance()) {
                (Some(own), Some(instance)) => {
                    // Of several flows, this one; some registrars leave the number out.
                    let reg_id = c.params().value("reg-id").and_then(|id| id.parse().ok());
                    own.as_str() == instance && (reg_id.is_none() || reg_id == self.config.reg_id)
                }
                _ => hop.is_some_and(|hop| {
                    c.uri()
                        .and_then(Uri::as_sip)
                        .is_some_and(|uri| uri.host == HostPort::from(hop.local))
                }),
            }
        });
        let seconds = ours
            .as_ref()
            .and_then(|contact| contact.expires().ok().flatten())
            .or_else(|| Some(headers.find::<Expires>().ok().flatten()?.0));
        let expires = seconds.map_or(self.config.expires, |s| Duration::from_secs(s.into()));
        let gruu = |name| {
            let gruu = ours.as_ref()?.params().value(name)?;
            gruu.parse().ok()
        };
        (expires, (gruu("pub-gruu"), gruu("temp-gruu")))
    }
}

/// A Route to a proxy.
fn loose(proxy: &Uri) -> Route {
    let mut proxy = proxy.clone();
    if let Some(uri) = proxy.as_sip_mut() {
        uri.set_param("lr", None);
    }
    Route(NameAddr::new(proxy))
}
