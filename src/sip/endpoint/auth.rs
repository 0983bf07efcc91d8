//! Answering challenges (RFC 3261 §22.2, §22.3, RFC 8760 §2.4), and not being asked twice.
//!
//! What a hop has asked is remembered, so that the next request to it brings its answer along, with the next count
//! of the nonce (RFC 7616 §3.4); a fresh challenge takes the place of the old one. No other hop is ever shown it.

use super::Endpoint;
use super::config::Credentials;
use super::sending::User;
use super::transport::Hop;
use crate::engine::{Cx, Key};
use crate::sip::digest::{Challenge, Secret};
use crate::sip::msg::header::{
    self, Authorization, ProxyAuthenticate, ProxyAuthorization, WwwAuthenticate,
};
use crate::sip::msg::{Headers, Name, Request, Response, Status};
use crate::wire::Text;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// How many challenges one request answers: one each of a proxy and a server, and both once more with a
/// fresh nonce.
const CHALLENGES: usize = 4;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    /// UDP and TCP to one address are one hop, since a request may turn from one to the other; TLS is another.
    secure: bool,
    peer: SocketAddr,
    /// The name in the certificate: two names at one address are two hops.
    name: Option<Text>,
    /// The Request-URI for a server, which may be any behind this hop; `None` for the hop itself, a proxy.
    server: Option<Text>,
}

/// The challenges that were answered, the one used last at the end.
#[derive(Debug, Default)]
pub(super) struct Challenges(VecDeque<Known>);

#[derive(Debug)]
struct Known {
    asker: Asker,
    /// Whose password was asked for.
    user: Text,
    challenge: Challenge,
    /// How often the nonce was used.
    count: u32,
}

impl Challenges {
    fn learn(&mut self, asker: Asker, user: &Text, challenge: Challenge, most: usize) {
        let is_same = |known: &&Known| {
            known.asker == asker && known.user == *user && known.challenge.nonce == challenge.nonce
        };
        let count = (self.0.iter().find(is_same)).map_or(0, |known| known.count);
        self.forget(&asker, user, &challenge.realm);
        while self.0.len() >= most.max(1) {
            self.0.pop_front();
        }
        self.0.push_back(Known {
            asker,
            user: user.clone(),
            challenge,
            count,
        });
    }

    fn forget(&mut self, asker: &Asker, user: &Text, realm: &Text) {
        self.0.retain(|known| {
            known.asker != *asker || known.user != *user || known.challenge.realm != *realm
        });
    }

    /// The challenges of one who asks, each with the next count.
    fn take(&mut self, asker: &Asker, user: &Text) -> Vec<(Challenge, u32)> {
        let (found, mut rest): (VecDeque<_>, VecDeque<_>) =
            (self.0.drain(..)).partition(|known| known.asker == *asker && known.user == *user);
        let mut taken = Vec::new();
        for mut known in found {
            known.count = known.count.saturating_add(1);
            taken.push((known.challenge.clone(), known.count));
            rest.push_back(known);
        }
        self.0 = rest;
        taken
    }
}

impl Endpoint {
    /// Takes up the challenge of a response to the request of a sending, which is then sent again. `false` if it cannot
    /// be answered, or an answer was refused.
    pub(super) fn answer_challenge(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        hop: &Hop,
        response: &Response,
    ) -> bool {
        let Some(sending) = self.sendings.get(key) else {
            return false;
        };
        let Some(credentials) = self.credentials(sending.user).cloned() else {
            return false;
        };
        let proxy = response.status() == Status::PROXY_AUTHENTICATION_REQUIRED;
        let asker = self.asker(hop, &sending.request, proxy);
        let Some(challenge) = strongest(response.headers(), proxy, &credentials) else {
            return false;
        };
        let Some(sending) = self.sendings.get_mut(key) else {
            return false;
        };
        let of_realm = || {
            (sending.answered.iter())
                .filter(|(other, realm, _)| *other == asker && *realm == challenge.realm)
        };
        let refused = of_realm().any(|(.., nonce)| *nonce == challenge.nonce);
        if refused
            || (of_realm().next().is_some() && !challenge.stale)
            || sending.answered.len() >= CHALLENGES
        {
            self.challenges
                .forget(&asker, &credentials.user, &challenge.realm);
            return false;
        }
        sending.answered.push((
            asker.clone(),
            challenge.realm.clone(),
            challenge.nonce.clone(),
        ));
        sending.is_proved = true;
        self.challenges.learn(
            asker,
            &credentials.user,
            challenge,
            cx.limits.sip_challenges,
        );
        self.renumber(key);
        true
    }

    /// Adds to a request what the hop it goes to is known to ask for, in place of what an earlier attempt had.
    pub(super) fn prove(&mut self, cx: &mut Cx<'_>, key: Key, hop: &Hop) {
        let Some(sending) = self.sendings.get(key) else {
            return;
        };
        if self.challenges.0.is_empty() && !sending.is_proved {
            return;
        }
        let headers = sending.request.headers();
        let is_ours = sending.is_proved
            || !(headers.contains(&Name::Authorization)
                || headers.contains(&Name::ProxyAuthorization));
        let Some(credentials) = self.credentials(sending.user).cloned().filter(|_| is_ours) else {
            return;
        };
        let askers = [true, false].map(|proxy| self.asker(hop, &sending.request, proxy));
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        let request = &mut sending.request;
        request.headers_mut().remove(&Name::Authorization);
        request.headers_mut().remove(&Name::ProxyAuthorization);
        sending.is_proved = false;
        for asker in askers {
            for (challenge, count) in self.challenges.take(&asker, &credentials.user) {
                let answer = challenge
                    .respond(
                        &credentials.user,
                        Secret::Password(&credentials.password),
                        request.method().as_str(),
                        request.uri_text(),
                        &cx.ids.nonce(),
                        count,
                    )
                    .header();
                sending.is_proved = true;
                match asker.server {
                    None => request.headers_mut().push(&ProxyAuthorization(answer)),
                    Some(_) => request.headers_mut().push(&Authorization(answer)),
                }
            }
        }
    }

    /// What proves who makes a request.
    fn credentials(&self, user: User) -> Option<&Credentials> {
        let account = match user {
            User::Registration(registration) => (self.registrations.get(registration))
                .and_then(|registration| registration.config.credentials.as_ref()),
            User::Publish(publication) => (self.publications.get(publication))
                .and_then(|publication| publication.config.credentials.as_ref()),
            User::Subscribe(subscription) => (self.subscriptions.subscribers.get(subscription))
                .and_then(|subscriber| subscriber.config.credentials.as_ref()),
            _ => None,
        };
        account.or(self.config.credentials.as_ref())
    }

    fn asker(&self, hop: &Hop, request: &Request, proxy: bool) -> Asker {
        let server = (!proxy).then(|| match request.uri() {
            Ok(uri) => uri.aor().compact(),
            Err(_) => Text::from(request.uri_text()),
        });
        Asker {
            secure: hop.transport.is_secure(),
            peer: hop.peer,
            name: hop.conn.and_then(|conn| self.net.name(conn)),
            server,
        }
    }
}

/// The strongest challenge that these credentials are for.
fn strongest(headers: &Headers, proxy: bool, credentials: &Credentials) -> Option<Challenge> {
    let all: Vec<header::Credentials> = if proxy {
        (headers.all::<ProxyAuthenticate>())
            .filter_map(|challenge| Some(challenge.ok()?.0))
            .collect()
    } else {
        (headers.all::<WwwAuthenticate>())
            .filter_map(|challenge| Some(challenge.ok()?.0))
            .collect()
    };
    all.iter()
        .filter_map(Challenge::read)
        .filter(|challenge| {
            (credentials.realm.as_ref()).is_none_or(|realm| *realm == challenge.realm)
        })
        // The first among equals: the server has put them in its order.
        .rev()
        .max_by_key(|challenge| challenge.algorithm)
}
