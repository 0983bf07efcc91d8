//! Responses to requests of peers: in a transaction, or without one where nothing shall be remembered
//! (RFC 3261 §8.2.6, §8.2.7, §18.2.2).

use super::fill::{add_tag, is_tagged, set_default};
use super::server::{Back, Input, Server};
use super::transport::Net;
use super::{Deadline, Endpoint};
use crate::engine::{Cx, Key, Transport};
use crate::sip::msg::header::To;
use crate::sip::msg::{Method, Name, Request, Response, Status};
use crate::sip::transaction::{Action, Class, Timer};
use crate::wire::Text;
use bytes::Bytes;

impl Endpoint {
    /// Answers with a status and nothing else.
    pub(super) fn answer(&mut self, cx: &mut Cx<'_>, server: Key, status: Status) {
        let Some(request) = self.servers.get(server).and_then(|s| s.request.as_ref()) else {
            return;
        };
        let response = request.response(status);
        self.reply(cx, server, response);
    }

    /// Answers with a response.
    pub(super) fn reply(&mut self, cx: &mut Cx<'_>, key: Key, mut response: Response) {
        if let Some(hop) = self.servers.get(key).map(|server| server.back.hop) {
            self.dress_contact(response.headers_mut(), &hop, &Name::To);
        }
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        let status = response.status();
        let (machine, actions) = server
            .machine
            .next(Input::Respond(Class::of(status.code())));
        if !actions.contains(&Action::Send) {
            return;
        }
        if status == Status::SERVICE_UNAVAILABLE {
            ask_for_patience(cx, &mut response);
        }
        // Who has heard a 100 by datagram asks no more, so that the refusal must be sent until it is acknowledged.
        let is_asking = server.last.is_none() || server.back.hop.transport.is_reliable();
        if is_asking && is_repeatable(server, &response) {
            return self.turn_away(cx, key, response);
        }
        if status != Status::TRYING && is_tagged::<To>(response.headers()) == Some(false) {
            add_tag(response.headers_mut(), Name::To, &server.tag);
        }
        set_default(
            response.headers_mut(),
            Name::Server,
            &self.config.user_agent,
        );
        server.back.hop.fill_contact(response.headers_mut());
        server.machine = machine;
        server.last = Some(response.write());
        if status.is_final() {
            server.request = None;
            // Its retransmissions are counted from here.
            server.sent = 0;
        }
        let charged = server.charged.take_if(|_| status.is_final());
        // One who was sent away may try again as if it were new.
        let merge = (status == Status::SERVICE_UNAVAILABLE)
            .then(|| server.merge.take())
            .flatten();
        self.servers.unmerge(key, merge);
        self.servers.discharge(charged);
        if status.is_final() {
            self.leave_door(key);
        }
        self.server_actions(cx, key, actions, None);
    }

    /// Answers without a transaction (RFC 3261 §8.2.7): nothing is remembered of one who has proved nothing, and
    /// nothing sent twice. Where a datagram comes from is not certain, so that no more goes back than there has to be.
    /// Whoever misses the answer asks again and is answered again.
    fn turn_away(&mut self, cx: &mut Cx<'_>, key: Key, mut response: Response) {
        let Some(server) = self.servers.get(key) else {
            return;
        };
        let way = server.back;
        let most = match way.hop.transport {
            Transport::Udp => most_back(cx, server.size),
            _ => usize::MAX,
        };
        if let Ok(mut to) = response.headers().get::<To>()
            && to.tag().is_none()
        {
            to.set_tag(&self.servers.tag_of(&server.key));
            response.headers_mut().set(&to);
        }
        let mut bytes = response.write();
        let more = Name::Server.as_str().len() + self.config.user_agent.len() + 4;
        if more <= most.saturating_sub(bytes.len()) {
            set_default(
                response.headers_mut(),
                Name::Server,
                &self.config.user_agent,
            );
            bytes = response.write();
        }
        if bytes.len() > most && first_challenge_only(&mut response) {
            bytes = response.write();
        }
        let is_answer = response.status().is_success();
        for name in SPARED.iter().filter(|_| is_answer) {
            if bytes.len() > most && response.headers().contains(name) {
                response.headers_mut().remove(name);
                bytes = response.write();
            }
        }
        self.timers.cancel(&Deadline::Server(key, Timer::Hundred));
        self.timers
            .cancel(&Deadline::Server(key, Timer::Unanswered));
        self.servers.remove(key);
        // No connection is opened to tell somebody who has gone that nothing has come of it.
        let is_gone = (way.hop.conn).is_some_and(|conn| self.net.get(conn).is_none());
        if bytes.len() <= most && !is_gone {
            self.net.send(cx, &way.hop, bytes);
            if let Some(conn) = way.hop.conn {
                self.mind_reader(cx, conn);
            }
        }
    }

    /// Sends the last response once more, as the 2xx of an INVITE is (RFC 3261 §13.3.1.4).
    pub(super) fn repeat(&mut self, cx: &mut Cx<'_>, server: Key) {
        self.server_input(cx, server, Input::Respond(Class::Success), None);
    }

    /// What was sent last in a transaction.
    pub(super) fn last_sent(&self, server: Key) -> Option<Bytes> {
        self.servers.get(server)?.last.clone()
    }

    /// Sends a provisional response once more, which an INVITE that comes again is then answered with
    /// (RFC 3262 §3).
    pub(super) fn repeat_provisional(&mut self, cx: &mut Cx<'_>, server: Key, bytes: Bytes) {
        if let Some(entry) = self.servers.get_mut(server)
            && entry.request.is_some()
        {
            entry.last = Some(bytes);
            self.server_input(cx, server, Input::Respond(Class::Provisional), None);
        }
    }

    /// Answers without a transaction: nothing is remembered of one who may be an attacker.
    pub(super) fn refuse(
        &mut self,
        cx: &mut Cx<'_>,
        request: &Request,
        way: &Back,
        status: Status,
        size: usize,
    ) {
        let mut response = request.response(status);
        if let Ok(mut to) = response.headers().get::<To>()
            && to.tag().is_none()
        {
            to.set_tag(&cx.ids.tag());
            response.headers_mut().set(&to);
        }
        if status == Status::SERVICE_UNAVAILABLE {
            ask_for_patience(cx, &mut response);
        }
        let bytes = response.write();
        if way.hop.transport != Transport::Udp || bytes.len() <= most_back(cx, size) {
            back(&mut self.net, cx, &mut way.clone(), bytes);
        }
    }
}

/// How many bytes may go to who has sent so many and may be somebody else.
const fn most_back(cx: &Cx<'_>, size: usize) -> usize {
    size.saturating_mul(cx.limits.sip_amplification) / 100
}

/// Says when to try again, since a 503 that does not is taken for a 500 (RFC 3261 §21.5.4). It is another time for each,
/// so that they do not all come back at once.
fn ask_for_patience(cx: &mut Cx<'_>, response: &mut Response) {
    if !response.headers().contains(&Name::RetryAfter) {
        let seconds = 1 + cx.ids.below(10);
        let _ = (response.headers_mut()).set_text(Name::RetryAfter, &seconds.to_string());
    }
}

/// What is left out of the answer to an OPTIONS where it would be too much for who may not have asked.
const SPARED: [Name; 5] = [
    Name::RecvInfo,
    Name::AllowEvents,
    Name::Supported,
    Name::Accept,
    Name::Allow,
];

/// Whether a final response is the same whenever its request comes, and costs nothing to make again.
fn is_repeatable(server: &Server, response: &Response) -> bool {
    let status = response.status();
    if server.key.method == Method::Options && status.is_final() {
        let to = response.headers().get::<To>();
        return to.is_ok_and(|to| to.tag().is_none());
    }
    matches!(
        status,
        Status::BAD_REQUEST
            | Status::UNAUTHORIZED
            | Status::FORBIDDEN
            | Status::METHOD_NOT_ALLOWED
            | Status::PROXY_AUTHENTICATION_REQUIRED
            | Status::UNSUPPORTED_URI_SCHEME
            | Status::BAD_EXTENSION
            | Status::UNSUPPORTED_MEDIA_TYPE
            | Status::EXTENSION_REQUIRED
            | Status::SESSION_INTERVAL_TOO_SMALL
            | Status::INTERVAL_TOO_BRIEF
            | Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST
            | Status::LOOP_DETECTED
            | Status::BAD_EVENT
            | Status::NOT_IMPLEMENTED
            | Status::SERVICE_UNAVAILABLE
    )
}

/// Leaves out all challenges but the first of each kind. `false` if there were no others.
fn first_challenge_only(response: &mut Response) -> bool {
    let headers = response.headers_mut();
    let mut any = false;
    for name in [Name::WwwAuthenticate, Name::ProxyAuthenticate] {
        if headers.count(&name) > 1 {
            let first = headers.text(&name).map(Text::from);
            // It was in a header, so there is no line end in it.
            any |= first.is_some_and(|first| headers.set_text(name, &first).is_ok());
        }
    }
    any
}

/// Sends a response: over the connection of the request, else over a new one, else as a datagram.
pub(super) fn back(net: &mut Net, cx: &mut Cx<'_>, way: &mut Back, bytes: Bytes) -> bool {
    if way.hop.transport == Transport::Udp {
        return net.send(cx, &way.hop, bytes);
    }
    if way.hop.conn.is_none_or(|conn| net.get(conn).is_none()) {
        way.hop.peer = way.otherwise;
        way.hop.conn = net.open(cx, way.hop.transport, way.otherwise, None);
        if way.hop.conn.is_none() {
            return false;
        }
    }
    net.send(cx, &way.hop, bytes)
}
