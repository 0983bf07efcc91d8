//! Who may use a relay (RFC 4976 §6.3): challenges, and the URIs that clients are given.

use super::{Event, LinkId, Password, Relay, Timer};
use crate::engine::{Cx, QuestionId, Reply, Transport, id};
use crate::msrp::digest;
use crate::msrp::msg::{Method, Path, Request, Response, Status, Uri};
use crate::sip::digest::{Answer, Challenge, Secret, Verdict};
use crate::sip::msg::Header;
use crate::sip::msg::header::WwwAuthenticate;
use crate::wire::Text;
use std::time::Duration;

id! {
    /// A URI that was given to a client.
    BindingId
}

/// A URI that was given to a client.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) uri: Uri,
    pub(super) user: Text,
    /// The hop that asked for it: the client, or a relay before us.
    pub(super) client: Uri,
    /// The connection on which it asked, on which it is reached.
    pub(super) link: LinkId,
    /// The next hop to the peer, and the connection to it.
    pub(super) peer: Option<(Uri, LinkId)>,
}

/// A client whose password we have asked for.
#[derive(Debug)]
pub(super) struct Asked {
    link: LinkId,
    request: Request,
    answer: Answer,
}

impl Relay {
    /// A request for leave to use this relay.
    pub(super) fn auth(&mut self, cx: &mut Cx<'_>, link: LinkId, request: Request) {
        let conn = self.links.get(link.0).and_then(|link| link.conn);
        let transport = conn.and_then(|conn| Some(cx.outbox.conn(conn)?.transport));
        if !transport.is_some_and(Transport::is_secure) && !self.config.clear {
            return self.respond(cx, link, &request, Status::FORBIDDEN, Vec::new());
        }
        let uri = request.to_path.last();
        let Some(answer) = digest::answer(&request.others, uri.as_str(), &self.config.realm) else {
            return self.challenge(cx, link, &request, false);
        };
        if self.asked.len() >= cx.limits.questions {
            return self.respond(cx, link, &request, Status::TIMEOUT, Vec::new());
        }
        let question = cx.outbox.question();
        let user = answer.user.compact();
        self.asked.insert(
            question,
            Asked {
                link,
                request,
                answer,
            },
        );
        if let Some(at) = cx.now.checked_add(cx.limits.question) {
            self.timers.set(Timer::Question(question), at);
        }
        let reply = Reply::new(question);
        self.events.push_back(Event::Password { user, reply });
    }

    /// The password of a client is known, or there is none.
    pub(super) fn judge(
        &mut self,
        cx: &mut Cx<'_>,
        question: QuestionId,
        password: Option<&Password>,
    ) {
        let Some(asked) = self.asked.remove(&question) else {
            return;
        };
        self.timers.cancel(&Timer::Question(question));
        let Asked {
            link,
            request,
            answer,
        } = asked;
        let conn = self.links.get(link.0).and_then(|link| link.conn);
        let Some(peer) = conn.and_then(|conn| Some(cx.outbox.conn(conn)?.peer)) else {
            return;
        };
        let secret = match password {
            Some(Password::Plain(password)) => Some(Secret::Password(password)),
            Some(Password::Hashed(hash)) => Some(Secret::Hashed(hash)),
            None => None,
        };
        let method = Method::Auth;
        let verdict = secret.map_or(Verdict::Wrong, |secret| {
            self.verifier
                .verify(cx.now, peer.ip(), &answer, method.as_str(), secret)
        });
        match (verdict, secret) {
            (Verdict::Right, Some(secret)) => {
                let info = digest::info(&answer, secret);
                self.grant(cx, link, &request, answer.user.compact(), info);
            }
            (Verdict::Stale, _) => self.challenge(cx, link, &request, true),
            _ => {
                let user = answer.user.compact();
                self.events.push_back(Event::Denied { user, peer });
                self.challenge(cx, link, &request, false);
                self.guessed(cx, link);
            }
        }
    }

    /// A client was wrong: about its password, here or at a relay further on, or about everything so far (§6.1). Too
    /// often, and its connection is closed when it has been told.
    pub(super) fn guessed(&mut self, cx: &mut Cx<'_>, id: LinkId) {
        if let Some(link) = self.links.get_mut(id.0) {
            link.failures = link.failures.saturating_add(1);
            link.closing |= link.failures >= GUESSES;
            if let Some(conn) = link.conn.filter(|_| link.closing) {
                cx.outbox.flush(conn);
            }
        }
    }

    fn challenge(&mut self, cx: &mut Cx<'_>, link: LinkId, request: &Request, stale: bool) {
        let conn = self.links.get(link.0).and_then(|link| link.conn);
        let Some(peer) = conn.and_then(|conn| Some(cx.outbox.conn(conn)?.peer)) else {
            return;
        };
        let field = |challenge: Challenge| {
            let mut value = String::new();
            WwwAuthenticate(challenge.header()).write(&mut value);
            (Text::from_static("WWW-Authenticate"), Text::from(value))
        };
        let challenges = self.verifier.challenges(cx.now, peer.ip(), stale);
        let fields = challenges.into_iter().map(field).collect();
        self.respond(cx, link, request, Status::UNAUTHORIZED, fields);
    }

    /// Gives a client its URI, or the one it has for longer.
    fn grant(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        request: &Request,
        user: Text,
        info: (Text, Text),
    ) {
        let (min, max) = (self.config.min_expires, self.config.max_expires);
        let expires = match digest::seconds(&request.others, "Expires") {
            Some(seconds) => Duration::from_secs(seconds.into()),
            None => max,
        };
        if expires < min || expires > max {
            let field = |name, bound: Duration| {
                let seconds = Text::from(bound.as_secs().to_string());
                (Text::from_static(name), seconds)
            };
            let fields = vec![field("Min-Expires", min), field("Max-Expires", max)];
            return self.respond(cx, link, request, Status::OUT_OF_BOUNDS, fields);
        }
        let client = request.from_path.first();
        let known = self.links.get(link.0).and_then(|state| {
            state.clients.iter().copied().find(|id| {
                self.bindings
                    .get(id.0)
                    .is_some_and(|binding| binding.user == user && binding.client.matches(client))
            })
        });
        let renewed = known.is_some();
        let id = match known {
            Some(id) => id,
            None => match self.bind(cx, link, &user, client) {
                Some(id) => id,
                None => return self.respond(cx, link, request, Status::FORBIDDEN, Vec::new()),
            },
        };
        let Some(uri) = self.bindings.get(id.0).map(|binding| binding.uri.clone()) else {
            return;
        };
        if let Some(at) = cx.now.checked_add(expires) {
            self.timers.set(Timer::Expiry(id), at);
        }
        // As it begins a To-Path of the client's: the relays between it and us, then we (RFC 4976 §5.1).
        let mut path: Vec<Uri> = request.from_path.iter().collect();
        path.pop();
        path.reverse();
        path.push(uri.clone());
        let path = path.iter().map(Uri::as_str).collect::<Vec<_>>().join(" ");
        let fields = vec![
            (Text::from_static("Use-Path"), Text::from(path)),
            (
                Text::from_static("Expires"),
                Text::from(expires.as_secs().to_string()),
            ),
            info,
        ];
        self.respond(cx, link, request, Status::OK, fields);
        self.events.push_back(Event::Bound {
            user,
            uri,
            expires,
            renewed,
        });
    }

    /// A new URI for a client; `None` if it has, or there are, too many.
    fn bind(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        user: &Text,
        client: &Uri,
    ) -> Option<BindingId> {
        let has = self.by_user.get(user).copied().unwrap_or_default();
        if self.by_id.len() >= cx.limits.msrp_sessions || has >= self.config.uris_per_user {
            return None;
        }
        let secure = self
            .links
            .get(link.0)
            .and_then(|link| Some(cx.outbox.conn(link.conn?)?.transport.is_secure()))
            .unwrap_or_default();
        // All peers can do with TCP, few with a WebSocket (RFC 7977 §8.1).
        let (listen, is_secure, is_web) = [
            (self.listen_secure.filter(|_| secure), true, false),
            (self.listen, false, false),
            (self.listen_secure, true, false),
            (self.listen_web_secure.filter(|_| secure), true, true),
            (self.listen_web, false, true),
        ]
        .into_iter()
        .find_map(|(listen, secure, web)| Some((listen?, secure, web)))?;
        let address = listen.ip().to_string();
        let host = self.config.host.as_deref().unwrap_or(&address);
        let session_id = cx.ids.session_id();
        let (port, id) = (Some(listen.port()), Some(session_id.as_str()));
        let uri = match is_web {
            true => Uri::over_web(is_secure, host, port, id),
            false => Uri::new(is_secure, host, port, id),
        }
        .ok()?;
        let id = BindingId(self.bindings.insert(Binding {
            uri,
            user: user.clone(),
            client: client.compact(),
            link,
            peer: None,
        }));
        self.by_id.insert(session_id, id);
        *self.by_user.entry(user.clone()).or_default() += 1;
        if let Some(link) = self.links.get_mut(link.0) {
            link.clients.insert(id);
        }
        Some(id)
    }

    /// Takes a URI back.
    pub(super) fn unbind(&mut self, id: BindingId) {
        let Some(binding) = self.bindings.remove(id.0) else {
            return;
        };
        self.timers.cancel(&Timer::Expiry(id));
        if let Some(session_id) = binding.uri.session_id() {
            self.by_id.remove(session_id);
        }
        if let Some(count) = self.by_user.get_mut(&binding.user) {
            *count -= 1;
            if *count == 0 {
                self.by_user.remove(&binding.user);
            }
        }
        if let Some(link) = self.links.get_mut(binding.link.0) {
            link.clients.remove(&id);
        }
        if let Some((_, link)) = binding.peer
            && let Some(link) = self.links.get_mut(link.0)
        {
            link.peers.remove(&id);
        }
        self.events.push_back(Event::Unbound {
            user: binding.user,
            uri: binding.uri,
        });
    }

    /// Answers a request all the way back: what is not SEND is not answered hop by hop.
    pub(super) fn respond(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        request: &Request,
        status: Status,
        others: Vec<(Text, Text)>,
    ) {
        let response = Response {
            to_path: request.from_path.clone(),
            from_path: Path::from(request.to_path.first().clone()),
            others,
            ..request.response(status)
        };
        if let Ok(bytes) = response.write() {
            self.control(cx, link, bytes);
        }
    }
}

/// Wrong passwords on one connection before it is closed.
const GUESSES: u32 = 8;
