//! Behind an IMS core: as one of its application servers (TS 24.229 §5.7).
//!
//! The core has registered its users and asks for nothing but service. It tells us by a third-party REGISTER who is
//! there (§5.4.1.7), sends us the requests of its users and those to them (with `P-Served-User`, RFC 5502, or an `orig`
//! in the Route that says which), and gets back what we make of them, by the Route that it came with.

use super::door::Side;
use super::{Event, Participating, Subscriber, Waiting};
use crate::conversation::{Destination, Envelope, Service};
use crate::node::Net;
use crate::sip::msg::header::{
    Contact, FeatureTags, From, NameAddr, PAssertedIdentity, PServedUser, Path, Route, Supported,
    To,
};
use crate::sip::msg::{Message, Name, Request, Status};
use crate::sip::{Endpoint, ServerId, Source, Target, Uri};
use crate::wire::Text;
use crate::wire::params::Params;

/// A third-party REGISTER, whose user is being asked for.
#[derive(Debug)]
pub(super) struct News {
    id: ServerId,
    request: Request,
    source: Source,
}

impl News {
    pub(super) fn refuse(self, net: &mut Net<'_, Event>, status: Status) {
        let response = self.request.response(status);
        net.ends.sip.respond(&mut net.ends.cx, self.id, response);
    }
}

impl Participating {
    /// Whether somebody's word is taken for who sends a request.
    pub(super) fn is_trusted(&self, source: Source) -> bool {
        self.config.trusted.contains(&source.peer.ip())
    }

    /// Whether a REGISTER is the core's, about somebody else.
    pub(super) fn is_third_party(&self, request: &Request, source: Source) -> bool {
        let headers = request.headers();
        let (Ok(From(from)), Ok(To(to))) = (headers.get(), headers.get()) else {
            return false;
        };
        self.config.core.is_some() && self.is_trusted(source) && from.uri.aor() != to.uri.aor()
    }

    /// The core says that a user is there, or is gone: what is known of the user?
    pub(super) fn hear_from_core(
        &mut self,
        net: &mut Net<'_, Event>,
        id: ServerId,
        request: Request,
        source: Source,
    ) {
        let news = News {
            id,
            request,
            source,
        };
        let to = news.request.headers().get::<To>();
        let user = match to {
            Ok(To(to)) if self.is_served(&to.uri) => to.uri.aor(),
            _ => return news.refuse(net, Status::NOT_FOUND),
        };
        if self.waiting.len() >= net.ends.cx.limits.questions {
            return news.refuse(net, Status::SERVICE_UNAVAILABLE);
        }
        self.ask(net, Waiting::News(Box::new(news)), |reply| {
            Event::Subscriber { user, reply }
        });
    }

    /// What is known of the user. To us, a user of the core is one device, which is reached by way of the core.
    pub(super) fn learn(
        &mut self,
        net: &mut Net<'_, Event>,
        news: News,
        subscriber: Option<&Subscriber>,
    ) {
        let (Some(subscriber), Ok(To(to))) = (subscriber, news.request.headers().get()) else {
            return news.refuse(net, Status::NOT_FOUND);
        };
        let user = (subscriber.account.clone()).unwrap_or_else(|| to.uri.aor());
        let mut request = news.request.clone();
        let headers = request.headers_mut();
        let contacts: Vec<_> = headers.all::<Contact>().filter_map(Result::ok).collect();
        let core = contacts.iter().find_map(|contact| contact.address());
        let core = core.map(|address| address.uri.clone());
        let Some(mut core) = core.or_else(|| self.config.core.clone()) else {
            return news.refuse(net, Status::BAD_REQUEST);
        };
        if let Some(uri) = core.as_sip_mut() {
            uri.set_param("lr", None);
        }
        headers.remove(&Name::Path);
        headers.remove(&Name::Contact);
        headers.push(&Path(NameAddr::new(core.clone())));
        headers.set(&Supported(vec![Text::from_static("path")]));
        let mut device = NameAddr::new(to.uri);
        device.params = self.features(net, &news.request, &user);
        headers.push(&Contact::Address(device));
        let aor = user.clone();
        self.bind(net, news.id, &request, news.source, user, subscriber, false);
        match self.bindings.of(&aor) {
            [] => self.stop_asking(net, &aor),
            _ => self.ask_core(net, &aor, &core),
        }
    }

    /// What the user's devices can do: as their own REGISTER says, if the core has enclosed it (§5.4.1.7A), else what
    /// was known before, else everything.
    fn features(&self, net: &Net<'_, Event>, request: &Request, user: &str) -> Params {
        let enclosed = Message::parse(request.body().clone(), net.ends.cx.limits);
        if let Ok(Message::Request(enclosed)) = enclosed
            && let Some(Ok(contact)) = enclosed.headers().all::<Contact>().next()
            && contact.features().icsis().next().is_some()
        {
            let mut params = contact.params().clone();
            // These are about one of its devices, and one of its flows.
            for name in ["+sip.instance", "reg-id", "expires", "q"] {
                params.remove(name);
            }
            return params;
        }
        let before = self.bindings.of(user).iter().find(|binding| {
            let mut services = FeatureTags::new(&binding.params).icsis();
            !binding.path.is_empty() && services.next().is_some()
        });
        before.map_or_else(everything, |binding| binding.params.clone())
    }

    /// The side that a request of the core's is for (§5.7.1.3A): as P-Served-User says, or the Route.
    pub(super) fn side_by_core(request: &Request) -> Side {
        let headers = request.headers();
        match headers.find::<PServedUser>() {
            Ok(Some(served)) if served.session_case().is_some() => match served.is_originating() {
                true => Side::Originating,
                false => Side::Terminating,
            },
            _ => {
                let first = headers.all::<Route>().next().and_then(Result::ok);
                let is_orig = first.as_ref().is_some_and(|route| {
                    let uri = route.0.uri.as_sip();
                    uri.is_some_and(|uri| uri.has_param("orig"))
                });
                match is_orig {
                    true => Side::Originating,
                    false => Side::Terminating,
                }
            }
        }
    }

    /// Readies a request of the core's: the Route up to us is taken off, the rest is the way on.
    pub(super) fn unwrap_route(sip: &Endpoint, request: &mut Request, side: Side) {
        let headers = request.headers_mut();
        // The first one is ours even where it names us by a name that we do not know.
        let own =
            (headers.all::<Route>()).position(|hop| hop.is_ok_and(|hop| sip.is_local(&hop.0.uri)));
        for _ in 0..=own.unwrap_or(0) {
            let _ = headers.pop::<Route>();
        }
        match side {
            Side::Terminating => headers.remove(&Name::PServedUser),
            Side::Originating => {
                let served = headers.find::<PServedUser>().ok().flatten();
                let asserted = headers.all::<PAssertedIdentity>().next();
                let asserted = asserted.and_then(Result::ok).map(|asserted| asserted.0.uri);
                let from = headers.get::<From>().ok().map(|from| from.0.uri);
                let served = served.map(|served| served.0.uri).or(asserted).or(from);
                if let Some(user) = served {
                    headers.set(&PServedUser::originating(user));
                }
            }
        }
    }
}

/// A destination on the way that the core wants a request to take on, if it has said so.
pub(super) fn along(mut destination: Destination, envelope: &Envelope) -> Destination {
    if !envelope.route.is_empty() {
        destination.route.clone_from(&envelope.route);
        destination.target = Target::Uri;
    }
    destination
}

/// Every service that a device may offer.
fn everything() -> Params {
    let services = [
        Service::Pager,
        Service::LargeMessage,
        Service::Session,
        Service::FileTransfer,
    ];
    let services = services.map(|service| service.icsi().replace(':', "%3A"));
    let mut params = Params::default();
    params.set_quoted("+g.3gpp.icsi-ref", &services.join(","));
    params
}

/// The way on for whoever has no way yet.
pub(super) fn way_on(envelope_route: &[Uri], core: Option<&Uri>) -> Option<Vec<Uri>> {
    match (envelope_route, core) {
        ([], core) => core.map(|core| vec![core.clone()]),
        (route, _) => Some(route.to_vec()),
    }
}

#[cfg(test)]
pub(super) mod tests;
