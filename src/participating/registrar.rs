//! The registrar: which devices a user has (RFC 3261 §10.3).

use super::{Event, Participating, Subscriber};
use crate::engine::ConnId;
use crate::node::Net;
use crate::sip::msg::Request;
use crate::sip::msg::header::{NameAddr, PAssociatedUri, ServiceRoute, To};
use crate::sip::{ServerId, Source};
use crate::wire::Text;

impl Participating {
    /// A user who has shown the password registers a device, under whichever of its addresses: the device is
    /// the user's.
    pub(super) fn register(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ServerId,
        request: &Request,
        source: Source,
        user: Text,
        subscriber: &Subscriber,
    ) {
        self.bind(net, id, request, source, user, subscriber, true);
    }

    /// Applies a REGISTER. `is_own`: it is a device's, which is told what is needed to use the service.
    #[allow(clippy::too_many_arguments, reason = "all of it is one request")]
    pub(super) fn bind(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ServerId,
        request: &Request,
        source: Source,
        user: Text,
        subscriber: &Subscriber,
        is_own: bool,
    ) {
        let update =
            match self
                .bindings
                .update_for(user, net.now(), request, source, net.ends.cx.limits)
            {
                Ok(update) => update,
                Err(refusal) => {
                    return net
                        .ends
                        .sip
                        .respond(&mut net.ends.cx, id, refusal.into_response());
                }
            };
        let mut response = update.response;
        let headers = response.headers_mut();
        if is_own {
            if let Ok(To(to)) = request.headers().get::<To>() {
                headers.push(&PAssociatedUri(NameAddr::new(to.uri)));
            }
            for identity in subscriber.identities.iter().take(ASSOCIATED) {
                headers.push(&PAssociatedUri(NameAddr::new(identity.clone())));
            }
            if let Some(route) = net.ends.sip.local_uri(None, Some(source.transport)) {
                headers.push(&ServiceRoute(NameAddr::new(route)));
            }
        }
        net.ends.sip.respond(&mut net.ends.cx, id, response);
        let devices = self.bindings.devices(&update.aor);
        net.emit(Event::Registered {
            user: update.aor.clone(),
            devices,
        });
        let changed = [update.added.as_slice(), &update.refreshed, &update.removed].concat();
        self.enrol(net, &update.aor, &changed);
        if !update.added.is_empty() || !update.refreshed.is_empty() {
            if !update.added.is_empty() {
                self.tell_again(&update.aor);
            }
            self.set_retrieval(net, &update.aor, &subscriber.preferences);
            self.returned(net, &update.aor);
        }
    }

    /// A connection broke: devices that can be reached over nothing else are away until they register again.
    pub(super) fn flow_lost(&mut self, net: &mut Net<'_, Event>, conn: ConnId) {
        for (user, _) in self.bindings.lose_flow(conn) {
            let devices = self.bindings.devices(&user);
            net.emit(Event::Registered { user, devices });
        }
    }

    pub(super) fn expire_bindings(&mut self, net: &mut Net<'_, Event>) {
        for (user, binding) in self.bindings.expire(net.now()) {
            self.enrol(net, &user, &[binding]);
            let devices = self.bindings.devices(&user);
            net.emit(Event::Registered { user, devices });
        }
    }
}

/// How many further addresses a response to REGISTER names: a peer has bounds for header fields.
const ASSOCIATED: usize = 32;
