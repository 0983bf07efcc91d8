//! Answering challenges (RFC 3261 §22.2, §22.3, RFC 8760 §2.4).

use super::Endpoint;
use super::config::Credentials;
use super::sending::User;
use crate::engine::{Cx, Key};
use crate::sip::digest::{Challenge, Secret};
use crate::sip::msg::header::{
    self, Authorization, ProxyAuthenticate, ProxyAuthorization, WwwAuthenticate,
};
use crate::sip::msg::{Headers, Name, Response, Status};

/// How many challenges one request answers: one each of a proxy and a server, and both once more with a
/// fresh nonce.
const CHALLENGES: usize = 4;

impl Endpoint {
    /// Adds the answer to the challenges of a response to the request of a sending. `false` if it cannot be
    /// answered, or an answer was refused.
    pub(super) fn answer_challenge(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        response: &Response,
    ) -> bool {
        let Some(sending) = self.sendings.get_mut(key) else {
            return false;
        };
        let account = match sending.user {
            User::Registration(registration) => (self.registrations.get(registration))
                .and_then(|registration| registration.config.credentials.as_ref()),
            _ => None,
        };
        let Some(credentials) = account.or(self.config.credentials.as_ref()) else {
            return false;
        };
        let proxy = response.status() == Status::PROXY_AUTHENTICATION_REQUIRED;
        let Some(challenge) = strongest(response.headers(), proxy, credentials) else {
            return false;
        };
        let refused = sending.nonces.contains(&(proxy, challenge.nonce.clone()));
        let answered = sending.nonces.iter().any(|(other, _)| *other == proxy);
        if refused || (answered && !challenge.stale) || sending.nonces.len() >= CHALLENGES {
            return false;
        }
        sending.nonces.push((proxy, challenge.nonce.clone()));
        let request = &mut sending.request;
        let answer = challenge
            .respond(
                &credentials.user,
                Secret::Password(&credentials.password),
                request.method().as_str(),
                request.uri_text(),
                &cx.ids.nonce(),
                1,
            )
            .header();
        let headers = request.headers_mut();
        // Of several realms on the way each gets its own answer; one of the same realm is replaced.
        if proxy {
            let others = others::<ProxyAuthorization>(headers, &challenge);
            headers.remove(&Name::ProxyAuthorization);
            others.iter().for_each(|other| headers.push(other));
            headers.push(&ProxyAuthorization(answer));
        } else {
            let others = others::<Authorization>(headers, &challenge);
            headers.remove(&Name::Authorization);
            others.iter().for_each(|other| headers.push(other));
            headers.push(&Authorization(answer));
        }
        self.renumber(key);
        true
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

/// The answers that are for another realm.
fn others<H>(headers: &Headers, challenge: &Challenge) -> Vec<H>
where
    H: crate::sip::msg::Header + std::ops::Deref<Target = header::Credentials>,
{
    headers
        .all::<H>()
        .filter_map(Result::ok)
        .filter(|answer| answer.params.value("realm") != Some(&challenge.realm))
        .collect()
}
