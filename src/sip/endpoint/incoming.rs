//! Requests of peers, from their arrival until somebody is there to answer them (RFC 3261 §8.2, §17.2.3, §18.2.1).

use super::server::{Back, Input, Machine, MergeKey, Server, ServerKey, source_of};
use super::transport::Hop;
use super::{Deadline, Endpoint, Event, ServerId, Source};
use crate::engine::{Cx, Key};
use crate::sip::locate::default_port;
use crate::sip::msg::header::{Require, Unsupported, Via};
use crate::sip::msg::{Method, Mode, Request, Status};
use crate::sip::transaction::Timer;
use crate::wire::Text;
use std::net::SocketAddr;

impl Endpoint {
    /// A request arrived.
    pub(super) fn handle_request(
        &mut self,
        cx: &mut Cx<'_>,
        mut request: Request,
        source: Source,
        size: usize,
    ) {
        let Some((back, branch)) = self.stamp(&mut request, &source) else {
            return;
        };
        let is_ack = *request.method() == Method::Ack;
        if let Err(invalid) = request.validate(Mode::Receive) {
            crate::engine::trace::debug!("refused a request: {invalid}");
            if !is_ack {
                self.refuse(cx, &request, &back, Status::BAD_REQUEST, size);
            }
            return;
        }
        let Ok(keys) = request.keys() else { return };
        let branch = branch.unwrap_or_else(|| branch_of(&request));
        // One buffer for all that the transaction is found by.
        let from_tag = keys.from_tag.unwrap_or_default();
        let mut texts = String::with_capacity(
            branch.len() + keys.sent_by.len() + keys.call_id.len() + from_tag.len(),
        );
        let mut place = |text: &str| {
            let start = texts.len();
            texts.push_str(text);
            start..texts.len()
        };
        let [at_branch, at_sent_by, at_call_id, at_from_tag] =
            [&branch, keys.sent_by, keys.call_id, from_tag].map(&mut place);
        if let Some(sent_by) = texts.get_mut(at_sent_by.clone()) {
            sent_by.make_ascii_lowercase();
        }
        let texts = Text::from(texts);
        let key = |method: Method| ServerKey {
            branch: texts.slice(at_branch.clone()),
            sent_by: texts.slice(at_sent_by.clone()),
            method,
        };
        let method = request.method().clone();
        // An ACK belongs to the transaction of its INVITE.
        let own = key(if is_ack {
            Method::Invite
        } else {
            method.clone()
        });
        if let Some(&server) = self.servers.by_key.get(&own) {
            let input = if is_ack { Input::Ack } else { Input::Request };
            return self.server_input(cx, server, input, is_ack.then_some(request));
        }
        if is_ack {
            return self.handle_ack(cx, &request);
        }
        let merge = MergeKey {
            call_id: texts.slice(at_call_id),
            from_tag: texts.slice(at_from_tag),
            sequence: keys.sequence,
            method: method.clone(),
        };
        let is_new = keys.to_tag.is_none();
        let begins = is_new && method != Method::Cancel;
        let charged = source_of(source.peer.ip());
        let is_greedy = begins && self.servers.open_of(charged) >= cx.limits.sip_source_requests;
        if is_greedy || self.is_full(cx, begins) {
            return self.refuse(cx, &request, &back, Status::SERVICE_UNAVAILABLE, size);
        }
        let invite = (method == Method::Cancel)
            .then(|| self.servers.by_key.get(&key(Method::Invite)).copied())
            .flatten();
        // A copy that another branch of a fork has brought already.
        let merged =
            is_new && method != Method::Cancel && self.servers.by_merge.contains_key(&merge);
        let tag = match invite.and_then(|invite| self.servers.get(invite)) {
            Some(invite) => invite.tag.clone(),
            None => keys.to_tag.map_or_else(|| cx.ids.tag(), Text::from),
        };
        let (machine, actions) = Machine::start(&method);
        let entry = self.servers.slab.insert(Server {
            key: own.clone(),
            merge: (is_new && !merged).then(|| merge.clone()),
            machine,
            back,
            request: Some(request.clone()),
            tag,
            last: None,
            sent: 0,
            at_door: false,
            call: None,
            size,
            charged: Some(charged),
        });
        *self.servers.open.entry(charged).or_default() += 1;
        self.servers.by_key.insert(own, entry);
        if is_new && !merged {
            self.servers.by_merge.insert(merge, entry);
        }
        // Its first action is to deliver, which is what the rest of this function does.
        self.server_actions(cx, entry, actions, None);
        if merged {
            return self.answer(cx, entry, Status::LOOP_DETECTED);
        }
        if method == Method::Cancel {
            return self.handle_cancel(cx, entry, invite, request);
        }
        if is_new && self.config.door && is_for_the_door(&method) {
            return self.knock(cx, entry, request, source);
        }
        self.handle_new(cx, entry, request, source, is_new);
    }

    /// Asks the layer above whether a request may begin something. Who sends it comes first (RFC 3261 §8.2): what we
    /// can do, and what is there, is not told before.
    fn knock(&mut self, cx: &mut Cx<'_>, server: Key, request: Request, source: Source) {
        if let Some(entry) = self.servers.get_mut(server) {
            entry.at_door = true;
        }
        if *request.method() == Method::Invite {
            // No call watches over it yet.
            self.timers.set(
                Deadline::Server(server, Timer::Unanswered),
                cx.now + self.config.times.give_up(),
            );
        }
        self.events.push_back(Event::Knocked {
            id: ServerId(server),
            request,
            source,
        });
    }

    /// Lets a request in that has [knocked](Event::Knocked), as it came or changed: an INVITE becomes a call, a SUBSCRIBE
    /// asks, and so on. Nothing happens if it was answered or cancelled meanwhile, or is in already.
    pub fn admit(&mut self, cx: &mut Cx<'_>, id: ServerId, request: Request, source: Source) {
        if self.leave_door(id.0) {
            self.handle_new(cx, id.0, request, source, true);
        }
    }

    /// A request does not wait at the door any more. `false` if it did not.
    pub(super) fn leave_door(&mut self, server: Key) -> bool {
        let Some(entry) = self.servers.get_mut(server) else {
            return false;
        };
        let was_there = std::mem::take(&mut entry.at_door);
        if was_there && matches!(entry.machine, Machine::Invite(_)) {
            self.timers
                .cancel(&Deadline::Server(server, Timer::Unanswered));
        }
        was_there
    }

    /// Nobody has said whether an INVITE may come in.
    pub(super) fn left_at_door(&mut self, cx: &mut Cx<'_>, server: Key) {
        if (self.servers.get(server)).is_some_and(|entry| entry.at_door) {
            self.answer(cx, server, Status::SERVICE_UNAVAILABLE);
        }
    }

    /// Gives a request to its call, or to the layer above.
    fn handle_new(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        request: Request,
        source: Source,
        is_new: bool,
    ) {
        if let Some(unsupported) = self.unsupported(&request) {
            let mut response = request.response(Status::BAD_EXTENSION);
            response.headers_mut().push(&unsupported);
            return self.reply(cx, server, response);
        }
        if let Some(refusal) = self.judge_body(&request, cx.limits) {
            return self.reply(cx, server, refusal);
        }
        if matches!(
            request.method(),
            Method::Subscribe | Method::Notify | Method::Refer
        ) && self.dialog_of(&request).is_none()
            && self.handle_event_request(cx, server, &request, source)
        {
            return;
        }
        if is_new {
            return match request.method() {
                Method::Invite => self.handle_invite(cx, server, request, source),
                Method::Bye | Method::Update | Method::Prack => {
                    self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
                }
                _ => self.events.push_back(Event::Request {
                    id: ServerId(server),
                    request,
                    source,
                    call: None,
                }),
            };
        }
        match self.dialog_of(&request) {
            Some(within) => self.handle_in_call(cx, server, within, request, source),
            None => self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
        }
    }

    fn handle_cancel(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        invite: Option<Key>,
        cancel: Request,
    ) {
        let Some(invite) = invite else {
            return self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
        };
        self.answer(cx, server, Status::OK);
        let Some(entry) = self.servers.get(invite) else {
            return;
        };
        // Answered finally before: the CANCEL has no effect (RFC 3261 §9.2).
        if entry.request.is_none() {
            return;
        }
        match entry.call {
            Some(call) => self.call_cancelled(cx, call, invite, cancel),
            // It has come no further than the door.
            None => self.answer(cx, invite, Status::REQUEST_TERMINATED),
        }
    }

    /// Writes into the topmost Via where the request really came from, and says where responses go
    /// (RFC 3261 §18.2.1, §18.2.2, RFC 3581 §4); gives back the branch as well, if it is unique. `None` if there is no
    /// readable Via.
    fn stamp(&self, request: &mut Request, source: &Source) -> Option<(Back, Option<Text>)> {
        let mut via = request.headers().all::<Via>().next()?.ok()?;
        let asked = via.rport().is_some();
        let is_peer = via.sent_by.host.ip() == Some(source.peer.ip());
        if asked || !is_peer {
            via.set_received(source.peer.ip());
            if asked {
                via.set_rport(source.peer.port());
            }
            request.headers_mut().set_first(&via);
        }
        let port = via
            .sent_by
            .port
            .unwrap_or_else(|| default_port(source.transport));
        let otherwise = SocketAddr::new(source.peer.ip(), port);
        let peer = if asked || source.conn.is_some() {
            source.peer
        } else {
            otherwise
        };
        let back = Back {
            hop: Hop {
                transport: source.transport,
                local: self
                    .config
                    .listener(source.transport, source.peer)
                    .unwrap_or(source.local),
                peer,
                conn: source.conn,
                from: source.conn.is_none().then_some(source.local),
            },
            otherwise,
        };
        Some((back, via.unique_branch().map(Text::from)))
    }

    /// The option tags that a request requires and we do not have (RFC 3261 §8.2.2.3).
    fn unsupported(&self, request: &Request) -> Option<Unsupported> {
        let required = Require::of(request.headers()).ok()?;
        let missing: Vec<Text> = required
            .iter()
            .filter(|tag| {
                let mut known = self.config.supported.iter();
                !known.any(|known| known.eq_ignore_ascii_case(tag))
            })
            .map(Text::from)
            .collect();
        (!missing.is_empty()).then_some(Unsupported(missing))
    }
}

/// Whether a request outside a dialog could begin something; the others are refused as they come.
const fn is_for_the_door(method: &Method) -> bool {
    !matches!(
        method,
        Method::Cancel | Method::Bye | Method::Update | Method::Prack | Method::Notify
    )
}

/// What stands for the branch of a client of RFC 2543, which makes none that is unique: all that tells its requests
/// apart (RFC 3261 §17.2.3).
fn branch_of(request: &Request) -> Text {
    match request.keys() {
        Ok(keys) => Text::from(format!(
            "{}\n{}\n{}\n{}",
            keys.call_id,
            keys.from_tag.unwrap_or_default(),
            keys.sequence,
            request.uri_text()
        )),
        Err(_) => Text::default(),
    }
}
