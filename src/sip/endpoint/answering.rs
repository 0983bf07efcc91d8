//! Responses to requests of peers: in a transaction, or without one where nothing shall be remembered
//! (RFC 3261 §8.2.6, §8.2.7, §18.2.2).

use super::fill::{add_tag, set_default};
use super::server::{Back, Input};
use super::transport::Net;
use super::{Deadline, Endpoint};
use crate::engine::{Cx, Key, Transport};
use crate::sip::msg::header::To;
use crate::sip::msg::{Name, Request, Response, Status};
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
        if server.last.is_none()
            && server.back.hop.transport == Transport::Udp
            && is_repeatable(status)
        {
            return self.turn_away(cx, key, response);
        }
        if status != Status::TRYING
            && let Ok(to) = response.headers().get::<To>()
            && to.tag().is_none()
        {
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
        self.server_actions(cx, key, actions, None);
    }

    /// Refuses without a transaction (RFC 3261 §8.2.7): where a datagram comes from is not certain, so that nothing
    /// is remembered of it, nothing sent twice, and no more than there has to be. Whoever misses the refusal
    /// asks again and is refused again.
    fn turn_away(&mut self, cx: &mut Cx<'_>, key: Key, mut response: Response) {
        let Some(server) = self.servers.get(key) else {
            return;
        };
        let (mut way, most) = (server.back, most_back(cx, server.size));
        if let Ok(mut to) = response.headers().get::<To>()
            && to.tag().is_none()
        {
            to.set_tag(&self.servers.tag_of(&server.key));
            response.headers_mut().set(&to);
        }
        let mut bytes = response.write();
        if bytes.len() + Name::Server.as_str().len() + self.config.user_agent.len() + 4 <= most {
            set_default(
                response.headers_mut(),
                Name::Server,
                &self.config.user_agent,
            );
            bytes = response.write();
        } else if bytes.len() > most && first_challenge_only(&mut response) {
            bytes = response.write();
        }
        self.timers.cancel(&Deadline::Server(key, Timer::Hundred));
        self.timers
            .cancel(&Deadline::Server(key, Timer::Unanswered));
        self.servers.remove(key);
        if bytes.len() <= most {
            back(&mut self.net, cx, &mut way, bytes);
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
            let seconds = 1 + cx.ids.below(10);
            let _ = response
                .headers_mut()
                .set_text(Name::RetryAfter, &seconds.to_string());
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

/// Whether a refusal is the same for everybody who asks, and costs nothing to make again.
const fn is_repeatable(status: Status) -> bool {
    matches!(
        status,
        Status::BAD_REQUEST
            | Status::UNAUTHORIZED
            | Status::FORBIDDEN
            | Status::PROXY_AUTHENTICATION_REQUIRED
            | Status::BAD_EXTENSION
            | Status::SESSION_INTERVAL_TOO_SMALL
            | Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST
            | Status::LOOP_DETECTED
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
