//! The originating side: from the served user outwards.

use super::{Event, Flight, Participating};
use crate::conversation::{Custody, Destination, Envelope, Parcel};
use crate::node::Net;
use crate::sip::msg::Status;
use crate::sip::{Target, Uri};

impl Participating {
    /// A message of a served user: sent on; its sender is answered as the next hop answers.
    pub(super) fn originate(
        &mut self,
        net: &mut Net<'_, Event>,
        mut envelope: Envelope,
        parcel: Parcel,
        custody: Custody,
    ) {
        let Some(hops) = envelope.hops.checked_sub(1) else {
            return net
                .legs
                .answer(&mut net.ends, custody, Status::TOO_MANY_HOPS);
        };
        envelope.hops = hops;
        let recipient = custody
            .request_uri()
            .unwrap_or_else(|| envelope.to.uri.clone());
        let destination = self.onward(net, recipient);
        let parcel = net.legs.page(&mut net.ends, destination, &envelope, parcel);
        self.flights.insert(parcel, Flight::Relayed(custody));
    }

    /// The way to a user: the terminating side of this function, or of another domain's.
    pub(super) fn onward(&self, net: &Net<'_, Event>, user: Uri) -> Destination {
        let route = self
            .is_served(&user)
            .then(|| self.entry_route(net))
            .flatten();
        Destination {
            request_uri: user,
            route: route.into_iter().collect(),
            target: Target::Uri,
        }
    }
}
