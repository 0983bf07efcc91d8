//! Leave to use relays, asked for by AUTH (RFC 4976 §5): one relay after the other, each through those before it.
//!
//! ```text
//!   authorize ─▶ connection to the first relay ─▶ AUTH ─▶ 401 ─▶ AUTH ─▶ 200, Use-Path ─▶ the next relay, …
//!                                                                                   └──▶ Event::Authorized
//! ```
//!
//! From then on the session's path begins with the relays, its requests go through them, and each relay is asked again
//! before its leave ends.

use super::digest::{self, Info};
use super::endpoint::{Endpoint, Timer};
use super::event::{Down, Event};
use super::msg::{Method, Path, Request, Response, Status, Uri};
use super::pending::What;
use super::session::{Role, SessionId};
use crate::engine::{ConnId, Cx, Ids};
use crate::sip::digest::{Answer, Challenge, Secret};
use crate::wire::Text;
use bytes::BufMut;
use std::net::SocketAddr;
use std::time::Duration;

/// A relay, and who we are there.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayAccount {
    /// The relay: `msrps://relay.example.com;tcp`.
    pub relay: Uri,
    /// Our name there.
    pub user: Text,
    /// Our password there.
    pub password: Text,
    /// For how long to ask; as the relay likes if `None`.
    pub expires: Option<Duration>,
    /// Whether the answer to a challenge says its `uri`. RFC 4976 knows no such parameter, and some relays stumble over
    /// it; others refuse an answer without it.
    pub names_uri: bool,
}

impl RelayAccount {
    /// An account, as RFC 4976 has it.
    pub const fn new(relay: Uri, user: Text, password: Text) -> Self {
        Self {
            relay,
            user,
            password,
            expires: None,
            names_uri: false,
        }
    }
}

impl std::fmt::Debug for RelayAccount {
    /// Keeps the password out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RelayAccount")
            .field("relay", &self.relay)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Why a relay does not serve us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// It said no, also to our password (401), or offers no time that we ask for (423).
    #[error("the relay refuses with {0}")]
    Refused(Status),
    /// It challenges in no way that we know.
    #[error("the relay asks for a proof that we cannot give")]
    Challenge,
    /// It does not know the password itself.
    #[error("the relay cannot prove that it knows the password")]
    Impostor,
    /// Its answer names no path.
    #[error("the relay names no path to use")]
    UsePath,
    /// No relay was named.
    #[error("no relay is named")]
    NoRelay,
}

/// What a session knows of its relays.
#[derive(Debug)]
pub(super) struct Relays {
    hops: Vec<Hop>,
    /// Whether all have agreed at least once.
    pub(super) agreed: bool,
    /// What to start with when they have.
    pub(super) start: Option<(Vec<Uri>, Role)>,
}

#[derive(Debug)]
struct Hop {
    account: RelayAccount,
    /// The URIs that it gave us, the nearest first.
    path: Vec<Uri>,
    expires: Option<Duration>,
    challenge: Option<Challenge>,
    /// How often its nonce was used.
    count: u32,
    /// What we sent last.
    answer: Option<Answer>,
    /// Requests without success, one after the other.
    attempts: u32,
}

impl Relays {
    fn new(chain: Vec<RelayAccount>) -> Self {
        let hop = |account: RelayAccount| Hop {
            expires: account.expires,
            account,
            path: Vec::new(),
            challenge: None,
            count: 0,
            answer: None,
            attempts: 0,
        };
        Self {
            hops: chain.into_iter().map(hop).collect(),
            agreed: false,
            start: None,
        }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.hops.len()
    }

    /// Where the connection leads.
    pub(super) fn nearest(&self) -> Option<&Uri> {
        Some(&self.hops.first()?.account.relay)
    }

    /// All URIs of the relays, the nearest first: as a To-Path begins.
    pub(super) fn outward(&self) -> impl DoubleEndedIterator<Item = &Uri> {
        self.hops.iter().flat_map(|hop| &hop.path)
    }

    /// The URIs on the way to a relay: those of the relays before it.
    fn towards(&self, index: usize) -> Vec<Uri> {
        let before = self.hops.iter().take(index);
        before.flat_map(|hop| &hop.path).cloned().collect()
    }
}

impl Hop {
    fn answer(&mut self, ids: &mut Ids) -> Option<(Text, Text)> {
        let challenge = self.challenge.as_ref()?;
        self.count = self.count.saturating_add(1);
        let answer = challenge.respond(
            &self.account.user,
            Secret::Password(&self.account.password),
            Method::Auth.as_str(),
            self.account.relay.as_str(),
            &ids.tag(),
            self.count,
        );
        let field = digest::authorization(&answer, self.account.names_uri);
        self.answer = Some(answer);
        Some(field)
    }

    /// What a 200 gives. `before` are the URIs of the relays before this one, the nearest first.
    fn accepted(&mut self, response: &Response, before: &[Uri]) -> Result<(), AuthError> {
        if let Some(answer) = &self.answer {
            let secret = Secret::Password(&self.account.password);
            let info = Info::read(response, answer, secret);
            if info.proven == Some(false) {
                return Err(AuthError::Impostor);
            }
            if let (Some(nonce), Some(challenge)) = (info.next_nonce, &mut self.challenge) {
                challenge.nonce = nonce;
                self.count = 0;
            }
        }
        self.path = digest::find(&response.others, "Use-Path")
            .next()
            .and_then(|value| Path::parse(value).ok())
            .map(|path| own_part(path.compact().iter().collect(), before))
            .filter(|path| !path.is_empty())
            .ok_or(AuthError::UsePath)?;
        let granted = digest::seconds(&response.others, "Expires");
        self.expires = granted
            .map(|seconds| Duration::from_secs(seconds.into()))
            .or(self.account.expires);
        self.attempts = 0;
        Ok(())
    }

    /// Whether to ask once more after a refusal.
    fn refused(&mut self, response: &Response) -> Result<(), AuthError> {
        let status = response.status;
        self.attempts += 1;
        if self.attempts > ATTEMPTS {
            return Err(AuthError::Refused(status));
        }
        match status {
            Status::UNAUTHORIZED => {
                let challenge = digest::challenge(response).ok_or(AuthError::Challenge)?;
                // The same password gets no other answer, unless it is the nonce that was wrong.
                let again = self.answer.take().is_some_and(|answer| {
                    !challenge.stale && answer.realm == challenge.realm && self.attempts > 1
                });
                if again {
                    return Err(AuthError::Refused(status));
                }
                (self.challenge, self.count) = (Some(challenge), 0);
                Ok(())
            }
            Status::OUT_OF_BOUNDS => {
                let bound = |name| {
                    let seconds = digest::seconds(&response.others, name)?;
                    Some(Duration::from_secs(seconds.into()))
                };
                let asked = self.expires;
                let wanted = asked.unwrap_or_default();
                let most = wanted.min(bound("Max-Expires").unwrap_or(Duration::MAX));
                let next = Some(most.max(bound("Min-Expires").unwrap_or_default()));
                if next == asked {
                    return Err(AuthError::Refused(status));
                }
                self.expires = next;
                Ok(())
            }
            _ => Err(AuthError::Refused(status)),
        }
    }
}

/// The URIs of a Use-Path that the relay has added, the nearest first. It repeats those of the relays before it, in the
/// order of a To-Path (RFC 4976 §5.1); some do so in that of an SDP, and some not at all.
fn own_part(mut uris: Vec<Uri>, before: &[Uri]) -> Vec<Uri> {
    if !before.is_empty() && uris.len() > before.len() {
        let inward: Vec<Uri> = before.iter().rev().cloned().collect();
        if uris.starts_with(before) {
            return uris.split_off(before.len());
        }
        if uris.ends_with(&inward) {
            uris.truncate(uris.len() - before.len());
            uris.reverse();
        }
    }
    uris
}

impl Endpoint {
    /// Asks relays for leave to send and to be reached through them, the nearest first (RFC 4976 §5.1). Call it after
    /// [`open`](Self::open); [`Event::Authorized`] follows, and then [`local_path`](Self::local_path) is the path for the SDP, or
    /// [`Event::Down`] with [`Down::Relay`]. `first` is the address of the nearest relay; that of its name if `None`.
    ///
    /// A [`start`](Self::start) that comes before the relays have agreed waits until they have.
    pub fn authorize(
        &mut self,
        cx: &mut Cx<'_>,
        session: SessionId,
        chain: Vec<RelayAccount>,
        first: Option<SocketAddr>,
    ) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        if state.peer.is_some() || state.conn.is_some() || state.relays.is_some() {
            return;
        }
        if chain.is_empty() || chain.len() > MOST_RELAYS {
            return self.end(cx, session, Down::Relay(AuthError::NoRelay));
        }
        let relays = Relays::new(chain);
        let nearest = relays.nearest().cloned();
        state.active = true;
        state.relays = Some(Box::new(relays));
        self.watch(cx, session);
        if let Some(nearest) = nearest {
            self.find(cx, session, &nearest, first);
        }
    }

    /// Asks the next relay on a connection that is up; `false` if the session has no relays, or they have agreed.
    pub(super) fn ask_relays(&mut self, cx: &mut Cx<'_>, conn: ConnId, session: SessionId) -> bool {
        let state = self.sessions.get_mut(session.0);
        let Some(relays) = state.and_then(|state| state.relays.as_mut()) else {
            return false;
        };
        let next = relays.hops.iter().position(|hop| hop.path.is_empty());
        match next {
            Some(index) => {
                self.ask(cx, conn, session, index);
                true
            }
            None => false,
        }
    }

    /// Sends an AUTH to one of a session's relays.
    fn ask(&mut self, cx: &mut Cx<'_>, conn: ConnId, session: SessionId, index: usize) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        let from = Path::from(state.local.clone());
        let Some(relays) = &mut state.relays else {
            return;
        };
        let mut to = relays.towards(index);
        let Some(hop) = relays.hops.get_mut(index) else {
            return;
        };
        to.push(hop.account.relay.clone());
        let Some(to) = Path::of(&to) else { return };
        let Some(id) = self.conns.get(conn.0).map(|c| c.pending.next_id(cx.ids)) else {
            return;
        };
        let mut request = Request::new(Method::Auth, id.text(), to, from);
        if let Some(expires) = hop.expires {
            let seconds = Text::from(expires.as_secs().to_string());
            request.others.push((Text::from_static("Expires"), seconds));
        }
        request.others.extend(hop.answer(cx.ids));
        match request.write() {
            Ok(bytes) => {
                self.register(conn, id, What::Auth(session, index));
                self.control(cx, conn, |out| out.put_slice(&bytes));
            }
            // Only a user name that cannot stand in a header field leads here.
            Err(_) => self.end(cx, session, Down::Relay(AuthError::Challenge)),
        }
    }

    /// A relay has answered.
    pub(super) fn relay_answered(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        (session, index): (SessionId, usize),
        response: &Response,
    ) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        let Some(relays) = &mut state.relays else {
            return;
        };
        let before = relays.towards(index);
        let Some(hop) = relays.hops.get_mut(index) else {
            return;
        };
        let known = hop.path.clone();
        if !response.status.is_success() {
            return match hop.refused(response) {
                Ok(()) => self.ask(cx, conn, session, index),
                Err(error) => self.end(cx, session, Down::Relay(error)),
            };
        }
        if let Err(error) = hop.accepted(response, &before) {
            return self.end(cx, session, Down::Relay(error));
        }
        let moved = hop.path != known;
        if let Some(expires) = hop.expires
            && let Some(at) = cx.now.checked_add(early(expires))
        {
            self.timers.set(Timer::Relay(session, index), at);
        }
        if !relays.agreed || moved {
            // Those after it were asked through a path that is no more.
            for hop in relays.hops.iter_mut().skip(index + 1) {
                hop.path.clear();
            }
            if !self.ask_relays(cx, conn, session) {
                self.agreed(cx, session);
            }
        }
    }

    /// All relays have agreed, for the first time or to another path.
    fn agreed(&mut self, cx: &mut Cx<'_>, session: SessionId) {
        let Some(state) = self.sessions.get_mut(session.0) else {
            return;
        };
        let Some(relays) = &mut state.relays else {
            return;
        };
        let first_time = !std::mem::replace(&mut relays.agreed, true);
        let start = relays.start.take();
        if let Some(peer) = state.peer.take() {
            // The peer's own part stays as it was.
            let last = peer.last();
            let rest: Vec<Uri> = peer.iter().skip(state.relay_hops).collect();
            state.peer = state.through_relays(rest).or_else(|| Some(last.into()));
        }
        if first_time {
            self.timers.cancel(&Timer::Unbound(session));
        }
        self.events.push_back(Event::Authorized { session });
        if let Some((peer, role)) = start {
            self.start(cx, session, peer, role);
        }
    }

    /// It is time to ask a relay again.
    pub(super) fn renew(&mut self, cx: &mut Cx<'_>, session: SessionId, index: usize) {
        let state = self.sessions.get(session.0);
        if let Some(conn) = state.and_then(|state| state.conn) {
            self.ask(cx, conn, session, index);
        }
    }
}

impl super::session::Session {
    /// Where a connection of ours leads: to our first relay, or to the first hop of the peer's path.
    pub(super) fn next_hop(&self) -> Option<&Uri> {
        match &self.relays {
            Some(relays) => relays.nearest(),
            None => self.peer.as_ref().map(Path::first),
        }
    }

    /// The path to the peer, through our relays if there are any.
    pub(super) fn through_relays(&mut self, peer: Vec<Uri>) -> Option<Path> {
        if peer.is_empty() {
            return None;
        }
        let mut uris: Vec<Uri> = match &self.relays {
            Some(relays) => relays.outward().cloned().collect(),
            None => Vec::new(),
        };
        self.relay_hops = uris.len();
        uris.extend(peer);
        Path::of(&uris)
    }
}

/// When to ask again for leave that lasts so long: well before its end, and not all the time.
fn early(expires: Duration) -> Duration {
    expires
        .saturating_sub(Duration::from_secs(60))
        .max(expires / 2)
        .max(Duration::from_secs(1))
}

/// Requests to one relay before it is given up: challenged, out of bounds, stale, and once more.
const ATTEMPTS: u32 = 4;

/// Nobody has more relays than that in a row.
const MOST_RELAYS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_path_may_repeat_the_relays_before_in_either_order() {
        let uris = |names: &[&str]| -> Vec<Uri> {
            let uri = |name: &&str| format!("msrp://{name}:1/x;tcp").parse().unwrap();
            names.iter().map(uri).collect()
        };
        for (given, before, own) in [
            (&["c"][..], &["a", "b"][..], &["c"][..]),
            (&["c", "b", "a"], &["a", "b"], &["c"]),
            (&["a", "b", "c"], &["a", "b"], &["c"]),
            (&["d", "c", "b", "a"], &["a", "b"], &["c", "d"]),
            (&["a", "b", "c", "d"], &["a", "b"], &["c", "d"]),
            // One relay of two URIs.
            (&["a", "b"], &[], &["a", "b"]),
        ] {
            assert_eq!(own_part(uris(given), &uris(before)), uris(own), "{given:?}");
        }
    }

    #[test]
    fn leave_is_renewed_before_it_ends() {
        for (lasts, renewed) in [(3600, 3540), (120, 60), (30, 15), (1, 1)] {
            assert_eq!(
                early(Duration::from_secs(lasts)),
                Duration::from_secs(renewed)
            );
        }
    }
}
