//! The door: who sends a request, and for which side of the function it is.
//!
//! A request that has passed carries `P-Asserted-Identity` and `P-Served-User` that this function, or a
//! proxy it trusts, has put there (RFC 3325, RFC 5502); whatever a client wrote of that kind is gone. What
//! does not pass leaves no state behind: it has not become a call or a subscription yet, and nobody is asked for a
//! password before a nonce of ours comes back from the address that it was made for.

use super::{Event, Participating, Subscriber, Waiting};
use crate::conversation::{Custody, is_anonymous};
use crate::node::Net;
use crate::sip::digest::{Answer, Secret, Verdict};
use crate::sip::msg::header::{
    self, From, NameAddr, PAssertedIdentity, PAssertedService, PPreferredIdentity,
    PPreferredService, PServedUser, ProxyAuthenticate, Route, To, WwwAuthenticate,
};
use crate::sip::msg::{Method, Name, Request, Response, Status};
use crate::sip::{self, Source, Uri};
use crate::wire::Text;
use std::time::Duration;

/// Which side of the function a request is for (TS 24.229: the session case).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// From the served user outwards.
    Originating,
    /// Towards the served user.
    Terminating,
}

/// A request that waits at the door.
#[derive(Debug)]
pub(super) struct Knock {
    what: What,
    source: Source,
    /// The user whose password was used.
    account: Uri,
    answer: Answer,
}

#[derive(Debug)]
enum What {
    /// What somebody begins.
    New(sip::ServerId, Request),
    /// A subscription that is to be refreshed or ended.
    Subscription(Asked),
}

/// A SUBSCRIBE, as [`sip::Event::SubscriptionAsked`] has it.
#[derive(Debug)]
struct Asked {
    notifier: sip::NotifierId,
    event: header::Event,
    expires: Duration,
    request: Request,
}

impl What {
    const fn request(&self) -> &Request {
        match self {
            Self::New(_, request) => request,
            Self::Subscription(asked) => &asked.request,
        }
    }

    const fn request_mut(&mut self) -> &mut Request {
        match self {
            Self::New(_, request) => request,
            Self::Subscription(asked) => &mut asked.request,
        }
    }

    fn answer(self, net: &mut Net<'_, Event>, response: Response) {
        match self {
            Self::New(id, _) => net.ends.sip.respond(&mut net.ends.cx, id, response),
            Self::Subscription(asked) => {
                let (cx, sip) = (&mut net.ends.cx, &mut net.ends.sip);
                sip.refuse_subscription(cx, asked.notifier, response);
            }
        }
    }

    fn refuse(self, net: &mut Net<'_, Event>, status: Status) {
        let response = self.request().response(status);
        self.answer(net, response);
    }
}

impl Knock {
    pub(super) fn refuse(self, net: &mut Net<'_, Event>, status: Status) {
        self.what.refuse(net, status);
    }
}

/// The user whom a request is from that has passed the door, if it is for the originating side.
pub(super) fn originator(request: &Request) -> Option<Text> {
    let served = request.headers().get::<PServedUser>().ok()?;
    served.is_originating().then(|| served.0.uri.aor())
}

/// The user whom a message is from, if it is for the originating side.
pub(super) fn originator_of(custody: &Custody) -> Option<Text> {
    match custody {
        Custody::Request(_, request) => originator(request),
        Custody::Receipt(_) | Custody::Handed(..) => None,
    }
}

impl Participating {
    /// Stops what must show first who sends it; everything else comes back.
    pub(super) fn knock(
        &mut self,
        net: &mut Net<'_, Event>,
        event: sip::Event,
    ) -> Option<sip::Event> {
        let (what, source) = match event {
            // Content goes over the media of a session, or is a request of its own that has to show who sends it: a
            // dialog proves nothing.
            sip::Event::Request {
                id,
                request,
                call: Some(_),
                ..
            } if *request.method() == Method::Message => {
                net.ends.decline(id, &request);
                return None;
            }
            sip::Event::Knocked {
                id,
                request,
                source,
            } if is_for_users(request.method()) => (What::New(id, request), source),
            sip::Event::SubscriptionAsked {
                notifier,
                event,
                expires,
                is_refresh: true,
                request,
                source,
            } => {
                let asked = Asked {
                    notifier,
                    event,
                    expires,
                    request,
                };
                (What::Subscription(asked), source)
            }
            event => return Some(event),
        };
        if *what.request().method() == Method::Register {
            match what {
                What::New(id, request) if self.is_third_party(&request, source) => {
                    self.hear_from_core(net, id, request, source);
                }
                what => self.authenticate(net, what, source),
            }
            return None;
        }
        if self.has_entry(what.request()) {
            return Some(self.enter(net.ends.sip, what, source, Side::Terminating));
        }
        if self.is_trusted(source) {
            let side = Self::side_by_core(what.request());
            return Some(self.enter(net.ends.sip, what, source, side));
        }
        if let Some(user) = sender(what.request())
            && self.is_served(&user)
            && self.is_flow_of(&user, source)
        {
            return Some(self.vouch(what, source, &user, &user));
        }
        self.authenticate(net, what, source);
        None
    }

    /// The user whose password was asked for is known, or is not.
    pub(super) fn open_or_not(
        &mut self,
        net: &mut Net<'_, Event>,
        knock: Knock,
        subscriber: Option<&Subscriber>,
    ) {
        let Knock {
            what,
            source,
            account,
            answer,
        } = knock;
        let Some(subscriber) = subscriber else {
            return self.challenge(net, what, source, false);
        };
        let secret = Secret::Password(&subscriber.password);
        let peer = source.peer.ip();
        match self
            .verifier
            .verify(net.now(), peer, &answer, what.request(), secret)
        {
            Verdict::Right => {}
            Verdict::Stale => return self.challenge(net, what, source, true),
            Verdict::Wrong => return self.challenge(net, what, source, false),
        }
        let Some(identity) = claimed(what.request(), &account, subscriber) else {
            return what.refuse(net, Status::FORBIDDEN);
        };
        match what {
            What::New(id, request) if *request.method() == Method::Register => {
                let user = (subscriber.account.clone()).unwrap_or_else(|| account.aor());
                self.register(net, id, &request, source, user, subscriber);
            }
            what => {
                let main = subscriber.account.as_ref();
                let user = main.and_then(|main| main.parse().ok()).unwrap_or(account);
                match self.vouch(what, source, &identity, &user) {
                    sip::Event::Knocked {
                        id,
                        request,
                        source,
                    } => (net.ends.sip).admit(&mut net.ends.cx, id, request, source),
                    event => crate::node::Role::handle_sip(self, net, event),
                }
            }
        }
    }

    /// Asks for the password of the user that a request offers a proof for.
    fn authenticate(&mut self, net: &mut Net<'_, Event>, what: What, source: Source) {
        let request = what.request();
        if !sender(request).is_some_and(|user| self.is_served(&user)) {
            return what.refuse(net, Status::FORBIDDEN);
        }
        let realm = self.verifier.realm().clone();
        let proxy = *request.method() != Method::Register;
        let Some(answer) = Answer::of(request.headers(), &realm, proxy) else {
            return self.challenge(net, what, source, false);
        };
        let Some(account) = account(&answer, &realm) else {
            return self.challenge(net, what, source, false);
        };
        if !self
            .verifier
            .is_fresh(net.now(), source.peer.ip(), &answer.nonce)
        {
            return self.challenge(net, what, source, true);
        }
        if self.waiting.len() >= net.ends.cx.limits.questions {
            return what.refuse(net, Status::SERVICE_UNAVAILABLE);
        }
        let user = account.aor();
        let knock = Knock {
            what,
            source,
            account,
            answer,
        };
        self.ask(net, Waiting::Knock(Box::new(knock)), |reply| {
            Event::Subscriber { user, reply }
        });
    }

    /// 401 for a registrar, 407 for everything else (RFC 3261 §22.2, §22.3).
    fn challenge(&mut self, net: &mut Net<'_, Event>, what: What, source: Source, stale: bool) {
        let register = *what.request().method() == Method::Register;
        let status = if register {
            Status::UNAUTHORIZED
        } else {
            Status::PROXY_AUTHENTICATION_REQUIRED
        };
        let mut response = what.request().response(status);
        for challenge in self.verifier.challenges(net.now(), source.peer.ip(), stale) {
            let challenge = challenge.header();
            if register {
                response.headers_mut().push(&WwwAuthenticate(challenge));
            } else {
                response.headers_mut().push(&ProxyAuthenticate(challenge));
            }
        }
        what.answer(net, response);
    }

    /// Whether a request came over the flow by which its user is registered.
    fn is_flow_of(&self, user: &Uri, source: Source) -> bool {
        self.bindings
            .of(&user.aor())
            .iter()
            // Behind a proxy there may be others on the same flow.
            .filter(|binding| binding.path.is_empty())
            .any(|binding| match source.conn {
                Some(conn) => binding.source.conn == Some(conn),
                None => self.config.trust_registered_udp && binding.source == source,
            })
    }

    /// Whether a request comes from our own originating side.
    fn has_entry(&self, request: &Request) -> bool {
        let route = request.headers().get::<Route>();
        route.is_ok_and(|route| route.0.uri.user().is_some_and(|user| user == self.entry))
    }

    /// Lets a request in whose identity, and whose user, we have established.
    fn vouch(&self, mut what: What, source: Source, identity: &Uri, user: &Uri) -> sip::Event {
        let headers = what.request_mut().headers_mut();
        headers.remove(&Name::PPreferredIdentity);
        headers.set(&PAssertedIdentity(NameAddr::new(identity.clone())));
        match headers.find::<PPreferredService>() {
            Ok(Some(service)) => headers.set(&PAssertedService(service.0)),
            _ => headers.remove(&Name::PAssertedService),
        }
        headers.remove(&Name::PPreferredService);
        // Only the network delivers on behalf of somebody else.
        headers.remove(&Name::ReferredBy);
        headers.remove(&Name::Route);
        headers.set(&PServedUser::originating(user.clone()));
        what.into_event(source)
    }

    /// Lets a request in from somebody who has established the identity already.
    fn enter(&self, sip: &sip::Endpoint, mut what: What, source: Source, side: Side) -> sip::Event {
        let request = what.request_mut();
        Self::unwrap_route(sip, request, side);
        if self.config.core.is_none() {
            request.headers_mut().remove(&Name::Route);
        }
        what.into_event(source)
    }

    /// The Route by which a request reaches the terminating side of this very function.
    pub(super) fn entry_route(&self, net: &Net<'_, Event>) -> Option<Uri> {
        net.ends.sip.local_uri(Some(&self.entry), None)
    }
}

impl What {
    fn into_event(self, source: Source) -> sip::Event {
        match self {
            Self::New(id, request) => sip::Event::Knocked {
                id,
                request,
                source,
            },
            Self::Subscription(asked) => sip::Event::SubscriptionAsked {
                notifier: asked.notifier,
                event: asked.event,
                expires: asked.expires,
                is_refresh: true,
                request: asked.request,
                source,
            },
        }
    }
}

/// Whether a request goes further than to us, so that it matters who sends it. What we do not take is refused whoever
/// sends it, and what we can do is told to everybody.
const fn is_for_users(method: &Method) -> bool {
    matches!(
        method,
        Method::Register | Method::Invite | Method::Message | Method::Subscribe
    )
}

/// Who a request says it is from, or registers.
fn sender(request: &Request) -> Option<Uri> {
    Some(match request.method() {
        Method::Register => request.headers().get::<To>().ok()?.0.uri,
        _ => {
            let from = request.headers().get::<From>().ok()?.0.uri;
            let preferred = request.headers().find::<PPreferredIdentity>();
            // Who wants to stay unknown to others says who it is to us (RFC 3325 §6).
            match preferred {
                Ok(Some(preferred)) if is_anonymous(&from) => preferred.0.uri,
                _ => from,
            }
        }
    })
}

/// The user whose password proves a request: clients name themselves by user part or in full.
fn account(answer: &Answer, realm: &str) -> Option<Uri> {
    let name = answer.user.as_str();
    let uri = match (name.contains(':'), name.contains('@')) {
        (true, _) => name.parse().ok()?,
        (false, true) => format!("sip:{name}").parse().ok()?,
        (false, false) => Uri::sip(name, realm),
    };
    Some(uri)
}

/// Which of its addresses a user sends a request from, or registers. The one it prefers (RFC 3325 §5) counts
/// only beside a From that is its own as well, since there are peers that look at From alone; and a
/// registration is for its To, whatever else it names. `None` if it is not the user's.
fn claimed(request: &Request, account: &Uri, subscriber: &Subscriber) -> Option<Uri> {
    let is_own = |uri: &Uri| {
        let mut own = subscriber.identities.iter().chain([account]);
        own.any(|own| own.aor() == uri.aor())
            || (subscriber.account.as_ref()).is_some_and(|main| *main == uri.aor())
    };
    let own = sender(request).filter(is_own)?;
    if *request.method() == Method::Register {
        return Some(own);
    }
    let preferred = request.headers().find::<PPreferredIdentity>();
    let preferred = preferred.ok().flatten().map(|preferred| preferred.0.uri);
    Some(preferred.filter(is_own).unwrap_or(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Clock, DateTime, Seed, Slab, Transport};
    use crate::participating::{Config, Restored};
    use std::time::Instant;

    #[test]
    fn a_dialog_proves_nothing_about_who_sends_a_message_in_it() {
        let now = Instant::now();
        let wall = DateTime::parse_from_rfc3339("2026-01-01T10:00:00Z").unwrap();
        let config = Config::new("example.com");
        let (clock, seed) = (Clock::new(now, wall), Seed::from_number(1));
        let mut node = Participating::node(config, Restored::default(), clock, seed);
        let alice: Uri = "sip:alice@example.com".parse().unwrap();
        let mut request = Request::new(Method::Message, &alice);
        let headers = request.headers_mut();
        headers.push(&PAssertedIdentity(NameAddr::new(alice.clone())));
        headers.push(&PServedUser::originating(alice));
        let here = "192.0.2.1:5060".parse().unwrap();
        let source = Source {
            transport: Transport::Udp,
            local: here,
            peer: here,
            conn: None,
        };
        let event = sip::Event::Request {
            id: sip::ServerId(Slab::new().insert(())),
            request,
            source,
            call: Some(sip::CallId(Slab::new().insert(()))),
        };
        assert!(
            node.command(now, |function, net| function.knock(net, event))
                .is_none()
        );
    }
}
