//! The originating side: from the served user outwards.

use super::core::way_on;
use super::terminating::Arrival;
use super::{Event, Flight, Participating};
use crate::conversation::{Custody, Destination, Envelope, Parcel, Service, anonymous};
use crate::cpim::{self, HeaderName};
use crate::engine::Limits;
use crate::node::Net;
use crate::sip::msg::Status;
use crate::sip::{Target, Uri};
use crate::wire::Text;
use crate::wire::mime::MediaType;

impl Participating {
    /// A message of a served user: sent on; its sender is answered as the next hop answers.
    pub(super) fn originate(
        &mut self,
        net: &mut Net<'_, Event>,
        mut envelope: Box<Envelope>,
        parcel: Parcel,
        custody: Custody,
        user: &str,
    ) {
        let recipient = custody
            .request_uri()
            .unwrap_or_else(|| envelope.to.uri.clone());
        if self.is_for_deferred(&envelope, Some(&recipient))
            && let Custody::Request(..) = &custody
        {
            return self.discard(net, user, custody);
        }
        let Some(hops) = envelope.hops.checked_sub(1) else {
            return net
                .legs
                .answer(&mut net.ends, custody, Status::TOO_MANY_HOPS);
        };
        envelope.hops = hops;
        if !is_for_users(&envelope) {
            return net.legs.answer(&mut net.ends, custody, Status::FORBIDDEN);
        }
        let parcel = signed(
            parcel,
            std::slice::from_ref(envelope.sender()),
            net.ends.cx.limits,
        );
        let parcel = unsigned_if(envelope.private, parcel, net.ends.cx.limits);
        let Some(reports) = self.news(net, user, &parcel) else {
            return net.legs.take(&mut net.ends, custody);
        };
        if envelope.private {
            *envelope = self.outward(Envelope::clone(&envelope), &recipient);
        }
        if self.is_next_hop(&envelope, &recipient) {
            let (id, onward) = net.legs.hand_over(recipient, parcel.clone());
            let flight = Flight::Relayed { custody, reports };
            self.flights.insert(id, flight);
            return self.arrived(net, Arrival::message(envelope, parcel, onward));
        }
        let destination = self.onward(net, recipient, &envelope.route);
        let parcel = net.legs.page(&mut net.ends, destination, &envelope, parcel);
        self.flights
            .insert(parcel, Flight::Relayed { custody, reports });
    }

    /// The envelope of what goes to a user: who sent it is told within the circle that may know, and beyond it
    /// if the sender does not mind (RFC 3325 §5).
    pub(super) fn outward(&self, envelope: Envelope, recipient: &Uri) -> Envelope {
        let trusted = |domain: Text| {
            domain == self.config.domain || self.config.trusted_domains.contains(&domain)
        };
        match recipient.domain().is_some_and(trusted) {
            true => envelope.nameless(),
            false => envelope.for_strangers(),
        }
    }

    /// Whether what goes to a user next is the terminating side of this very function, which is then told without a
    /// message of SIP in between.
    fn is_next_hop(&self, envelope: &Envelope, user: &Uri) -> bool {
        envelope.route.is_empty() && self.config.core.is_none() && self.is_served(user)
    }

    /// The way to a user: the terminating side of this function, or of another domain's.
    /// Behind a core, the core knows it: `route` is how it wants it told.
    pub(super) fn onward(&self, net: &Net<'_, Event>, user: Uri, route: &[Uri]) -> Destination {
        let route = way_on(route, self.config.core.as_ref()).unwrap_or_else(|| {
            let own = self.is_served(&user).then(|| self.entry_route(net));
            own.flatten().into_iter().collect()
        });
        Destination {
            request_uri: user,
            route,
            target: Target::Uri,
        }
    }
}

/// Whether a user may ask for a service: some are the network's own, and devices obey them unasked.
pub(super) const fn is_for_users(envelope: &Envelope) -> bool {
    !matches!(envelope.service, Some(Service::Deferred | Service::System))
}

/// Whether content says that it is CPIM.
fn is_cpim(parcel: &Parcel) -> bool {
    // Nearly all says so without a parameter.
    parcel.content_type.eq_ignore_ascii_case(cpim::MEDIA_TYPE)
        || MediaType::parse(&parcel.content_type)
            .is_ok_and(|content_type| content_type.essence() == cpim::MEDIA_TYPE)
}

/// Content whose CPIM says that it is from whom we know it to be from, or from nobody in particular: a From
/// that is none of `own` gives way to the first of them.
pub(super) fn signed(parcel: Parcel, own: &[Uri], limits: &Limits) -> Parcel {
    let (true, Some(first)) = (is_cpim(&parcel), own.first()) else {
        return parcel;
    };
    // What cannot be read is for the recipient to refuse.
    let Ok(mut message) = cpim::Message::parse(parcel.body.clone(), limits) else {
        return parcel;
    };
    let is_own = |from: &cpim::Identity| {
        from.is_anonymous()
            || (from.uri.parse::<Uri>()).is_ok_and(|from| {
                let is_it = |own: &Uri| *own == from || own.aor() == from.aor();
                own.iter().any(is_it)
            })
    };
    // A second From might be what somebody else reads.
    let count = (message.headers())
        .filter(|header| header.name.eq_ignore_ascii_case("from"))
        .count();
    if count == 1 && message.from().is_some_and(|from| is_own(&from)) {
        return parcel;
    }
    let from = cpim::Identity::new(first.to_string());
    message.set_identities(HeaderName::FROM, &[from]);
    Parcel {
        body: message.write(),
        ..parcel
    }
}

/// Content whose CPIM does not say who it is from, if the sender wants that.
pub(super) fn unsigned_if(private: bool, parcel: Parcel, limits: &Limits) -> Parcel {
    if !private || !is_cpim(&parcel) {
        return parcel;
    }
    match cpim::Message::parse(parcel.body.clone(), limits) {
        Ok(mut message) => {
            message.set_identities(HeaderName::FROM, &[cpim::Identity::ANONYMOUS]);
            Parcel {
                body: message.write(),
                ..parcel
            }
        }
        Err(_) => parcel,
    }
}

/// Content of a message that is delivered in a session with the function itself, where nothing but its CPIM
/// says who it is from and to.
pub(super) fn addressed(parcel: Parcel, envelope: &Envelope, limits: &Limits) -> Parcel {
    let from = match envelope.private {
        true => &anonymous(),
        false => envelope.sender(),
    };
    let [from, to] = [from, &envelope.to.uri].map(|uri| cpim::Identity::new(uri.to_string()));
    let message =
        match is_cpim(&parcel) {
            true => cpim::Message::parse(parcel.body.clone(), limits),
            false => Ok(cpim::Message::builder(&from, &to)
                .content(&parcel.content_type, parcel.body.clone())),
        };
    let Ok(mut message) = message else {
        return parcel;
    };
    message.set_identities(HeaderName::FROM, &[from]);
    message.set_identities(HeaderName::TO, &[to]);
    Parcel::new(Text::from_static(cpim::MEDIA_TYPE), message.write())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn the_cpim_of_a_user_is_from_that_user() {
        let own = ["sip:alice@example.com".parse().unwrap()];
        let signed = |from: &str| {
            let body = format!(
                "{from}To: <sip:bob@example.com>\r\n\r\nContent-Type: text/plain\r\n\r\nhi"
            );
            let parcel = Parcel::new(Text::from("Message/CPIM"), Bytes::from(body.clone()));
            let signed = signed(parcel, &own, &Limits::default()).body;
            (
                signed == body,
                String::from_utf8_lossy(&signed).into_owned(),
            )
        };
        for untouched in [
            "From: <sip:alice@example.com>\r\n",
            "From: Al <sip:alice@EXAMPLE.com;x=y>\r\n",
            "From: <sip:anonymous@anonymous.invalid>\r\n",
        ] {
            assert!(signed(untouched).0, "{untouched}");
        }
        for forged in [
            "From: <sip:bob@example.com>\r\n",
            "From: <sip:alice@example.com>\r\nFrom: <sip:bob@example.com>\r\n",
            "From: <>\r\n",
            "",
        ] {
            let (_, text) = signed(forged);
            assert_eq!(text.matches("From:").count(), 1, "{text}");
            assert!(text.contains("From: <sip:alice@example.com>\r\n"), "{text}");
        }
    }
}
