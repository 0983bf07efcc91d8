//! Answering challenges (RFC 3261 §22.2, §22.3, RFC 8760 §2.4), and not being asked twice.
//!
//! What a hop has asked is remembered, so that the next request to it brings its answer along, with the next count
//! of the nonce (RFC 7616 §3.4); a fresh challenge takes the place of the old one. No other hop is ever shown it.

use super::config::Credentials;
use super::sending::{Stage, User};
use super::transport::Hop;
use super::{Deadline, Endpoint, Event, Target};
use crate::engine::{Cx, Key, QuestionId};
use crate::sip::digest::{Answer, Asked, Challenge, Info, Secret, aka};
use crate::sip::msg::header::{
    self, Authorization, ProxyAuthenticate, ProxyAuthorization, WwwAuthenticate,
};
use crate::sip::msg::{Headers, Method, Name, Request, Response, Status};
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

impl Asker {
    /// Whether both are one host, as far as can be told: by the name that it has proved, else by its address.
    fn is_beside(&self, other: &Self) -> bool {
        self.secure == other.secure
            && match (&self.name, &other.name) {
                (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
                (None, None) => self.peer.ip() == other.peer.ip(),
                _ => false,
            }
    }
}

/// The challenges that were answered, the one used last at the end, and whom they may be answered to.
#[derive(Debug, Default)]
pub(super) struct Challenges(VecDeque<Known>, VecDeque<Home>);

/// A realm, and a host of it: nobody else gets an answer for that realm (CVE-2021-41158).
#[derive(Debug)]
struct Home {
    user: Text,
    realm: Text,
    host: Asker,
}

/// What makes an answer.
#[derive(Clone, PartialEq, Eq)]
enum Means {
    /// The password of the credentials.
    Password,
    /// What a SIM made of the challenge.
    Sim(Vec<u8>),
    /// A SIM that is out of step.
    Auts(Text),
}

impl std::fmt::Debug for Means {
    /// Keeps the secret out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password => "Password",
            Self::Sim(_) => "Sim(..)",
            Self::Auts(_) => "Auts(..)",
        })
    }
}

impl Means {
    fn secret<'a>(&'a self, credentials: &'a Credentials) -> Secret<'a> {
        match self {
            Self::Password => Secret::Password(&credentials.password),
            Self::Sim(password) => Secret::Bytes(password),
            // RFC 3310 §3.4: an empty password.
            Self::Auts(_) => Secret::Bytes(&[]),
        }
    }
}

/// What we have said to a server.
#[derive(Debug)]
pub(super) struct Proof {
    asker: Asker,
    answer: Answer,
    means: Means,
}

/// A challenge that waits for a SIM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    asker: Asker,
    user: Text,
    challenge: Challenge,
    hop: Hop,
}

/// What a response says of whether its server knows the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Proven {
    /// Nothing, and it need not.
    Silent,
    /// It does.
    Right,
    /// It does not.
    Wrong,
}

#[derive(Debug)]
struct Known {
    asker: Asker,
    /// Whose password was asked for.
    user: Text,
    challenge: Challenge,
    /// What answers it.
    means: Means,
    /// How often the nonce was used.
    count: u32,
}

impl Challenges {
    fn learn(
        &mut self,
        asker: Asker,
        user: &Text,
        challenge: Challenge,
        means: Means,
        most: usize,
    ) {
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
            means,
            count,
        });
    }

    /// A realm is at home at a host.
    fn settle(&mut self, user: &Text, realm: &Text, host: &Asker, most: usize) {
        let is_same =
            |home: &Home| home.user == *user && home.realm == *realm && home.host.is_beside(host);
        if self.1.iter().any(is_same) {
            return;
        }
        while self.1.len() >= most.max(1) {
            self.1.pop_front();
        }
        self.1.push_back(Home {
            user: user.clone(),
            realm: realm.clone(),
            host: host.clone(),
        });
    }

    /// A nonce for the next request to one who asked for one realm (RFC 7616 §3.5).
    fn renew(&mut self, asker: &Asker, answer: &Answer, nonce: Text) {
        let asked = self.0.iter_mut().find(|known| {
            known.asker == *asker
                && known.user == answer.user
                && known.challenge.realm == answer.realm
        });
        if let Some(known) = asked
            && !known.challenge.algorithm.is_aka()
        {
            known.challenge.nonce = nonce;
            known.count = 0;
        }
    }

    fn forget(&mut self, asker: &Asker, user: &Text, realm: &Text) {
        self.0.retain(|known| {
            known.asker != *asker || known.user != *user || known.challenge.realm != *realm
        });
    }

    /// The challenges of one who asks, each with the next count.
    fn take(&mut self, asker: &Asker, user: &Text) -> Vec<(Challenge, Means, u32)> {
        let (found, mut rest): (VecDeque<_>, VecDeque<_>) =
            (self.0.drain(..)).partition(|known| known.asker == *asker && known.user == *user);
        let mut taken = Vec::new();
        for mut known in found {
            known.count = known.count.saturating_add(1);
            taken.push((known.challenge.clone(), known.means.clone(), known.count));
            rest.push_back(known);
        }
        self.0 = rest;
        taken
    }
}

impl Endpoint {
    /// Takes up the challenge of a response to the request of a sending, which is then sent again, at once or when a
    /// SIM has answered. `false` if it cannot be answered, may not be, or an answer was refused.
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
        let Some(challenge) = strongest(response.headers(), proxy, &credentials, |realm| {
            self.may_answer(key, &credentials, realm, &asker)
        }) else {
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
        let claim = Claim {
            asker,
            user: credentials.user.clone(),
            challenge,
            hop: *hop,
        };
        let Some(question) = aka::Question::read(&claim.challenge) else {
            self.take_up(cx, key, claim, Means::Password);
            return true;
        };
        if self.questions.len() >= cx.limits.questions {
            return false;
        }
        let id = cx.outbox.question();
        self.questions.insert(id, key);
        self.timers
            .set(Deadline::Sending(key), cx.now + cx.limits.question);
        sending.last = Some(Box::new(Ok(response.clone())));
        sending.stage = Stage::Asking(id, Box::new(claim));
        self.events.push_back(Event::SimAsked {
            user: credentials.user,
            question,
            id,
        });
        true
    }

    /// Sends a request again with what answers its challenge.
    fn take_up(&mut self, cx: &mut Cx<'_>, key: Key, claim: Claim, means: Means) {
        let Claim {
            asker,
            user,
            challenge,
            hop,
        } = claim;
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        if let Means::Auts(_) = means {
            // The challenge that comes of it is another question, not a refusal.
            sending.is_resynced = true;
        } else {
            let (realm, nonce) = (challenge.realm.clone(), challenge.nonce.clone());
            sending.answered.push((asker.clone(), realm, nonce));
        }
        sending.is_proved = true;
        let most = cx.limits.sip_challenges;
        self.challenges
            .settle(&user, &challenge.realm, &asker, most);
        self.challenges.learn(asker, &user, challenge, means, most);
        self.renumber(key);
        self.retry(cx, key, hop);
    }

    /// What a SIM says to the challenge that a request has met.
    pub(super) fn sim_answered(
        &mut self,
        cx: &mut Cx<'_>,
        question: QuestionId,
        reaction: aka::Reaction,
    ) {
        let Some(key) = self.questions.remove(&question) else {
            return;
        };
        self.timers.cancel(&Deadline::Sending(key));
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        let Stage::Asking(_, claim) = std::mem::replace(&mut sending.stage, Stage::Idle) else {
            return;
        };
        let means = match reaction {
            aka::Reaction::Result { res, ck, ik } => {
                Means::Sim(aka::password(claim.challenge.algorithm, &res, &ck, &ik))
            }
            aka::Reaction::OutOfStep(auts) if !sending.is_resynced => {
                Means::Auts(aka::write_auts(&auts))
            }
            aka::Reaction::OutOfStep(_) | aka::Reaction::Refusal => {
                return self.leave_challenged(cx, key);
            }
        };
        sending.last = None;
        self.take_up(cx, key, *claim, means);
    }

    /// A challenge stays unanswered: the response that brought it is the final one.
    pub(super) fn leave_challenged(&mut self, cx: &mut Cx<'_>, key: Key) {
        let last = (self.sendings.get_mut(key)).and_then(|sending| sending.last.take());
        if let Some(Ok(response)) = last.map(|last| *last) {
            self.complete_with(cx, key, response);
        }
    }

    /// Takes in what an Authentication-Info says: a fresh nonce, and whether its sender knows the password
    /// (RFC 7616 §3.5).
    pub(super) fn hear_proof(&mut self, key: Key, response: &Response) -> Proven {
        let Some(sending) = self.sendings.get(key).filter(|s| !s.proofs.is_empty()) else {
            return Proven::Silent;
        };
        let Some(credentials) = self.credentials(sending.user) else {
            return Proven::Silent;
        };
        let silence = if credentials.mutual {
            Proven::Wrong
        } else {
            Proven::Silent
        };
        let headers = response.headers();
        let all = [(false, Info::of(headers)), (true, Info::of_proxy(headers))];
        let (mut worst, mut fresh) = (Proven::Silent, Vec::new());
        for (is_proxy, info) in all {
            let mut own =
                (sending.proofs.iter()).filter(|proof| proof.asker.server.is_none() == is_proxy);
            // Only of servers is it known that they can (RFC 7616 §3.5).
            let silence = match is_proxy {
                true => Proven::Silent,
                false => silence,
            };
            let Some(info) = info else {
                worst = worst.max(own.next().map_or(Proven::Silent, |_| silence));
                continue;
            };
            let Some(proof) = own.find(|proof| info.is_about(&proof.answer)) else {
                worst = worst.max(silence);
                continue;
            };
            let secret = proof.means.secret(credentials);
            match info.is_proven(&proof.answer, secret, response.body()) {
                Some(true) => worst = worst.max(Proven::Right),
                Some(false) => return Proven::Wrong,
                None => worst = worst.max(silence),
            }
            if let Some(nonce) = info.next_nonce {
                fresh.push((proof.asker.clone(), proof.answer.clone(), nonce));
            }
        }
        for (asker, answer, nonce) in fresh {
            self.challenges.renew(&asker, &answer, nonce);
        }
        worst
    }

    /// Whether one who asks for a realm may have an answer: strangers could make it a guess at the password.
    fn may_answer(&self, key: Key, credentials: &Credentials, realm: &Text, asker: &Asker) -> bool {
        let Some(sending) = self.sendings.get(key) else {
            return false;
        };
        if (credentials.realm.as_ref()).is_some_and(|own| own != realm) {
            return false;
        }
        let of_user = || (self.challenges.1.iter()).filter(|home| home.user == credentials.user);
        if of_user().any(|home| home.realm == *realm && home.host.is_beside(asker)) {
            return true;
        }
        let is_inside = sending.user.is_in_dialog();
        if credentials.realm.is_some() {
            // Who the peer of a dialog is may be its own choice.
            return !is_inside;
        }
        if *sending.request.method() == Method::Register {
            return true;
        }
        let is_proxied = !is_inside
            && sending.target == Target::Uri
            && (self.config.outbound_proxy.is_some()
                || sending.request.headers().contains(&Name::Route));
        if of_user().next().is_some() {
            is_proxied && of_user().any(|home| home.realm == *realm)
        } else {
            let has_server = self.config.outbound_proxy.is_some() || !self.registrations.is_empty();
            is_proxied || (!is_inside && !has_server)
        }
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
        sending.proofs.clear();
        for asker in askers {
            for (challenge, means, count) in self.challenges.take(&asker, &credentials.user) {
                let mut answer = challenge.respond(
                    &credentials.user,
                    means.secret(&credentials),
                    Asked::from(&*request),
                    request.uri_text(),
                    &cx.ids.nonce(),
                    count,
                );
                if let Means::Auts(auts) = &means {
                    answer.auts = Some(auts.clone());
                }
                sending.is_proved = true;
                let header = answer.header();
                match asker.server {
                    None => request.headers_mut().push(&ProxyAuthorization(header)),
                    Some(_) => request.headers_mut().push(&Authorization(header)),
                }
                sending.proofs.push(Proof {
                    asker: asker.clone(),
                    answer,
                    means,
                });
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
fn strongest(
    headers: &Headers,
    proxy: bool,
    credentials: &Credentials,
    may_answer: impl Fn(&Text) -> bool,
) -> Option<Challenge> {
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
            let is_able = if challenge.algorithm.is_aka() {
                credentials.sim && aka::Question::read(challenge).is_some()
            } else {
                !credentials.sim || !credentials.password.is_empty()
            };
            is_able && may_answer(&challenge.realm)
        })
        // The first among equals: the server has put them in its order.
        .rev()
        .max_by_key(|challenge| challenge.algorithm)
}
