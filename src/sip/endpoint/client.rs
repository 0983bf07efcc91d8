//! Requests of ours: client transactions, and the way of a request through them to its final response.
//!
//! A [`Sending`] is a request from the command that made it until its response. On its way it may need a
//! host name resolved, a connection opened, another address tried and a challenge answered; every attempt is a
//! [`Client`] transaction of its own.

use super::fill::sequence;
use super::route::give_way;
use super::transport::{Hop, Watcher};
use super::{Deadline, Endpoint, Event, Failure, RequestId, Target};
use crate::engine::{ConnId, Cx, Ids, Key, Map, QuestionId, Slab, Transport};
use crate::sip::msg::header::{CSeq, MaxForwards, Via};
use crate::sip::msg::{Method, Name, Request, Response, Status};
use crate::sip::transaction::{Action, Class, Timer, client, invite_client};
use crate::wire::Text;
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// The magic cookie that every branch begins with (RFC 3261 §8.1.1.7).
pub(super) const COOKIE: &str = "z9hG4bK";

/// A request on its way to its final response.
#[derive(Debug)]
pub(super) struct Sending {
    /// Complete but for Via and the address in Contact, which belong to one attempt.
    pub(super) request: Request,
    pub(super) target: Target,
    pub(super) user: User,
    stage: Stage,
    /// The way of the last attempt.
    hop: Option<Hop>,
    /// Addresses that were not tried yet, the next one first.
    candidates: VecDeque<Candidate>,
    /// The nonces that were answered, those of proxies marked.
    pub(super) nonces: Vec<(bool, Text)>,
}

/// Who wants the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    /// The layer above; the call is the one in whose dialog the request is.
    Above { call: Option<Key> },
    /// A call: its INVITE.
    Invite(Key),
    /// A call: a re-INVITE; `refresh` if it only keeps the session alive.
    Reinvite { call: Key, refresh: bool },
    /// A call: an UPDATE that keeps the session alive.
    Refresh(Key),
    /// A call: a BYE.
    Bye(Key),
    /// A call: an ACK for a 2xx, which has no response.
    Ack(Key),
    /// A registration: its REGISTER.
    Registration(Key),
}

impl User {
    /// The call in whose dialog the request is.
    const fn dialog(self) -> Option<Key> {
        match self {
            Self::Above { call } => call,
            Self::Reinvite { call, .. } | Self::Refresh(call) | Self::Bye(call) => Some(call),
            Self::Invite(_) | Self::Ack(_) | Self::Registration(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// Between two attempts.
    Idle,
    /// The addresses of a host name are being looked up.
    Resolving(QuestionId),
    /// The connection of an attempt is being opened.
    Connecting(ConnId, Candidate),
    /// A transaction is under way.
    Sent(Key),
}

/// An address to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) transport: Transport,
    pub(super) peer: SocketAddr,
    /// The name that the certificate must have.
    pub(super) name: Option<Text>,
    /// The flow that must be used.
    pub(super) flow: Option<Hop>,
    /// UDP whatever the size: TCP was tried.
    pub(super) any_size: bool,
}

/// What a client transaction is found by (RFC 3261 §17.1.3); a CANCEL has the branch of its INVITE.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ClientKey {
    branch: Text,
    is_cancel: bool,
}

/// A client transaction.
#[derive(Debug)]
pub(super) struct Client {
    key: ClientKey,
    method: Method,
    machine: Machine,
    pub(super) hop: Hop,
    bytes: Bytes,
    sent: u32,
    /// An INVITE as it was sent, which its ACK and CANCEL repeat.
    invite: Option<Request>,
    sending: Option<Key>,
}

#[derive(Clone, Copy, Debug)]
enum Machine {
    Invite(invite_client::State),
    Other(client::State),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    Response(Class),
    Fired(Timer),
    Broken,
}

impl Machine {
    const fn start(method: &Method) -> (Self, &'static [Action]) {
        if matches!(method, Method::Invite) {
            let (state, actions) = invite_client::START;
            (Self::Invite(state), actions)
        } else {
            let (state, actions) = client::START;
            (Self::Other(state), actions)
        }
    }

    const fn next(self, input: Input) -> (Self, &'static [Action]) {
        match self {
            Self::Invite(state) => {
                let input = match input {
                    Input::Response(class) => invite_client::Input::Response(class),
                    Input::Fired(timer) => invite_client::Input::Fired(timer),
                    Input::Broken => invite_client::Input::Broken,
                };
                let (state, actions) = invite_client::next(state, input);
                (Self::Invite(state), actions)
            }
            Self::Other(state) => {
                let input = match input {
                    Input::Response(class) => client::Input::Response(class),
                    Input::Fired(timer) => client::Input::Fired(timer),
                    Input::Broken => client::Input::Broken,
                };
                let (state, actions) = client::next(state, input);
                (Self::Other(state), actions)
            }
        }
    }

    const fn is_over(self) -> bool {
        matches!(
            self,
            Self::Invite(invite_client::State::Terminated) | Self::Other(client::State::Terminated)
        )
    }
}

/// The client transactions and what they are found by.
#[derive(Debug)]
pub(super) struct Clients {
    slab: Slab<Client>,
    by_key: Map<ClientKey, Key>,
}

impl Clients {
    pub(super) fn new(ids: &mut Ids) -> Self {
        Self {
            slab: Slab::new(),
            by_key: ids.map(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn get(&self, key: Key) -> Option<&Client> {
        self.slab.get(key)
    }

    fn insert(&mut self, client: Client) -> Key {
        let name = client.key.clone();
        let key = self.slab.insert(client);
        self.by_key.insert(name, key);
        key
    }

    fn remove(&mut self, key: Key) -> Option<Client> {
        let client = self.slab.remove(key)?;
        self.by_key.remove(&client.key);
        Some(client)
    }
}

impl Endpoint {
    /// Sends a request that is complete but for what belongs to an attempt.
    pub(super) fn send(
        &mut self,
        cx: &mut Cx<'_>,
        request: Request,
        target: Target,
        user: User,
    ) -> Key {
        let key = self.sendings.insert(Sending {
            request,
            target,
            user,
            stage: Stage::Idle,
            hop: None,
            candidates: VecDeque::new(),
            nonces: Vec::new(),
        });
        self.dispatch(cx, key);
        key
    }

    /// Looks for where a request has to go, and sends it there.
    fn dispatch(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        sending.candidates.clear();
        if let Target::Flow(source) = sending.target
            && let Some(candidate) = self.net.flow(&self.config, &source)
        {
            sending.candidates.push_back(candidate);
            return self.attempt(cx, key);
        }
        let Some(next) = self.config.next_hop(&sending.request) else {
            return self.fail(cx, key, Failure::Unresolvable);
        };
        match next.host.ip() {
            Some(address) => self.addressed(cx, key, vec![address]),
            None => {
                if self.questions.len() >= cx.limits.questions {
                    return self.fail(cx, key, Failure::Overloaded);
                }
                let question = cx.outbox.resolve(next.name());
                self.questions.insert(question, key);
                self.timers
                    .set(Deadline::Sending(key), cx.now + cx.limits.question);
                sending.stage = Stage::Resolving(question);
            }
        }
    }

    /// The addresses of the next hop are known.
    pub(super) fn addressed(&mut self, cx: &mut Cx<'_>, key: Key, addresses: Vec<IpAddr>) {
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        self.timers.cancel(&Deadline::Sending(key));
        sending.stage = Stage::Idle;
        let Some(next) = self.config.next_hop(&sending.request) else {
            return self.fail(cx, key, Failure::Unresolvable);
        };
        // A name with very many addresses must not keep a request busy for ever.
        sending.candidates = (addresses.into_iter().take(8))
            .map(|address| next.candidate(address))
            .collect();
        if sending.candidates.is_empty() {
            return self.fail(cx, key, Failure::Unresolvable);
        }
        self.attempt(cx, key);
    }

    /// Tries the next address.
    fn attempt(&mut self, cx: &mut Cx<'_>, key: Key) {
        loop {
            let Some(sending) = self.sendings.get_mut(key) else {
                return;
            };
            sending.stage = Stage::Idle;
            let Some(mut candidate) = sending.candidates.pop_front() else {
                return self.fail(cx, key, Failure::Transport);
            };
            if let Some(hop) = candidate.flow {
                return self.start(cx, key, hop, candidate);
            }
            if candidate.transport == Transport::Udp {
                let Some(hop) = self.net.datagram_hop(&self.config, candidate.peer) else {
                    continue;
                };
                return self.start(cx, key, hop, candidate);
            }
            let Some(conn) = self.net.open(
                cx,
                candidate.transport,
                candidate.peer,
                candidate.name.clone(),
            ) else {
                return self.fail(cx, key, Failure::Overloaded);
            };
            match self.net.stream_hop(&self.config, cx, conn) {
                Some(hop) => return self.start(cx, key, hop, candidate),
                None => {
                    // Via and Contact need our address, which is known when the connection is up.
                    candidate.flow = None;
                    sending.stage = Stage::Connecting(conn, candidate);
                    self.net.watch(conn, Watcher::Sending(key));
                    self.timers
                        .set(Deadline::Sending(key), cx.now + self.config.times.give_up());
                    return;
                }
            }
        }
    }

    /// Begins a transaction over `hop`, unless the request turns out to be too large for a datagram.
    fn start(&mut self, cx: &mut Cx<'_>, key: Key, hop: Hop, candidate: Candidate) {
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        let mut request = sending.request.clone();
        give_way(&mut request);
        let branch = Text::from(format!("{COOKIE}{}", cx.ids.branch()));
        hop.write_via(&mut request, &branch);
        hop.fill_contact(request.headers_mut());
        let bytes = request.write();
        if hop.transport == Transport::Udp
            && bytes.len() > cx.limits.sip_udp_request
            && !candidate.any_size
            && candidate.flow.is_none()
        {
            // RFC 3261 §18.1.1: over TCP first, and over UDP again if nobody listens there.
            let mut datagram = candidate.clone();
            datagram.any_size = true;
            sending.candidates.push_front(datagram);
            sending.candidates.push_front(Candidate {
                transport: Transport::Tcp,
                ..candidate
            });
            return self.attempt(cx, key);
        }
        if *request.method() == Method::Ack {
            let user = sending.user;
            self.sendings.remove(key);
            self.net.send(cx, &hop, bytes.clone());
            if let User::Ack(call) = user {
                self.acknowledged(call, &request, hop, bytes);
            }
            return;
        }
        if self.is_full(cx) {
            return self.fail(cx, key, Failure::Overloaded);
        }
        let (machine, actions) = Machine::start(request.method());
        let method = request.method().clone();
        let client = self.clients.insert(Client {
            key: ClientKey {
                branch,
                is_cancel: false,
            },
            machine,
            hop,
            bytes,
            sent: 0,
            invite: (method == Method::Invite).then_some(request),
            method,
            sending: Some(key),
        });
        if let Some(sending) = self.sendings.get_mut(key) {
            sending.stage = Stage::Sent(client);
            sending.hop = Some(hop);
        }
        if let Some(conn) = hop.conn {
            self.net.watch(conn, Watcher::Client(client));
        }
        self.client_actions(cx, client, actions, None);
    }

    /// Feeds a client transaction.
    pub(super) fn client_input(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        input: Input,
        response: Option<Response>,
    ) {
        let Some(client) = self.clients.slab.get_mut(key) else {
            return;
        };
        let (machine, actions) = client.machine.next(input);
        client.machine = machine;
        self.client_actions(cx, key, actions, response);
    }

    fn client_actions(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        actions: &'static [Action],
        response: Option<Response>,
    ) {
        let mut follow_up = None;
        for action in actions {
            let Some(client) = self.clients.slab.get_mut(key) else {
                return;
            };
            let hop = client.hop;
            match action {
                Action::Send | Action::Resend => {
                    client.sent = client.sent.saturating_add(1);
                    let bytes = client.bytes.clone();
                    if !self.net.send(cx, &hop, bytes) {
                        follow_up = Some(Input::Broken);
                    }
                }
                Action::Ack => {
                    if let (Some(invite), Some(response)) = (&client.invite, &response) {
                        let bytes = ack(invite, response).write();
                        if !self.net.send(cx, &hop, bytes) {
                            follow_up = Some(Input::Broken);
                        }
                    }
                }
                Action::Start(timer) => {
                    let reliable = hop.transport.is_reliable();
                    match timer.delay(&self.config.times, reliable, client.sent) {
                        Some(delay) if delay.is_zero() => follow_up = Some(Input::Fired(*timer)),
                        Some(delay) => {
                            self.timers
                                .set(Deadline::Client(key, *timer), cx.now + delay);
                        }
                        None => {}
                    }
                }
                Action::Stop(timer) => self.timers.cancel(&Deadline::Client(key, *timer)),
                Action::Deliver => {
                    if let (Some(sending), Some(response)) = (client.sending, &response) {
                        self.deliver(cx, sending, key, response.clone());
                    }
                }
                Action::TimedOut | Action::Broken => {
                    let Some(sending) = client.sending else {
                        continue;
                    };
                    let stage = self.sendings.get(sending).map(|sending| &sending.stage);
                    if stage == Some(&Stage::Sent(key)) {
                        let why = match action {
                            Action::TimedOut => Failure::Timeout,
                            _ => Failure::Transport,
                        };
                        self.missed(cx, sending, why);
                    }
                }
                Action::Try => {}
            }
        }
        if let Some(input) = follow_up {
            self.client_input(cx, key, input, None);
        }
        if (self.clients.slab.get(key)).is_some_and(|client| client.machine.is_over()) {
            self.client_over(cx, key);
        }
    }

    fn client_over(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(client) = self.clients.remove(key) else {
            return;
        };
        if let Some(conn) = client.hop.conn {
            self.net.unwatch(conn, Watcher::Client(key));
        }
        // The sending of an INVITE stays as long as another 2xx may come.
        if let Some(sending) = client.sending
            && (self.sendings.get(sending)).is_some_and(|s| s.stage == Stage::Sent(key))
            && let Some(Sending {
                user: User::Invite(call),
                ..
            }) = self.sendings.remove(sending)
        {
            self.invite_over(cx, call);
        }
    }

    /// No response to this attempt: another address may do better (RFC 3263 §4.3).
    fn missed(&mut self, cx: &mut Cx<'_>, key: Key, why: Failure) {
        let Some(sending) = self.sendings.get(key) else {
            return;
        };
        if sending.candidates.is_empty() {
            self.fail(cx, key, why);
        } else {
            self.attempt(cx, key);
        }
    }

    /// A response for a request of ours has passed its transaction.
    fn deliver(&mut self, cx: &mut Cx<'_>, key: Key, client: Key, response: Response) {
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        if sending.stage != Stage::Sent(client) {
            return;
        }
        let status = response.status();
        if status.is_provisional() {
            if let User::Invite(call) = sending.user {
                self.invite_progress(cx, call, response);
            }
            return;
        }
        if matches!(
            status,
            Status::UNAUTHORIZED | Status::PROXY_AUTHENTICATION_REQUIRED
        ) && self.answer_challenge(cx, key, &response)
        {
            return self.retry(cx, key, client);
        }
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        if status == Status::SERVICE_UNAVAILABLE && !sending.candidates.is_empty() {
            return self.attempt(cx, key);
        }
        if status.is_success() {
            // The sending stays: the 2xx comes again until our ACK arrives, and a fork brings others.
            match sending.user {
                User::Invite(call) => {
                    let invite = sending.request.clone();
                    return self.invite_success(cx, call, &invite, response);
                }
                User::Reinvite { call, refresh } => {
                    let invite = sending.request.clone();
                    return self.reinvite_success(cx, call, refresh, &invite, response);
                }
                _ => {}
            }
        }
        if let Some(sending) = self.sendings.remove(key) {
            self.finished(cx, RequestId(key), sending, Ok(response));
        }
    }

    /// Sends a request again over the same hop, in a new transaction (RFC 3261 §22.1).
    fn retry(&mut self, cx: &mut Cx<'_>, key: Key, client: Key) {
        let Some(hop) = self.clients.get(client).map(|client| client.hop) else {
            return;
        };
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        sending.stage = Stage::Idle;
        let candidate = Candidate {
            transport: hop.transport,
            peer: hop.peer,
            name: None,
            flow: Some(hop),
            any_size: true,
        };
        if hop.transport == Transport::Udp {
            // The answer to the challenge may have made it too large.
            return self.start(
                cx,
                key,
                hop,
                Candidate {
                    flow: hop.from.map(|_| hop),
                    any_size: false,
                    ..candidate
                },
            );
        }
        self.start(cx, key, hop, candidate);
    }

    /// The number for a request that is sent again: the next of its dialog, or one more outside a dialog.
    pub(super) fn renumber(&mut self, key: Key) {
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        let sequence = match (sending.user.dialog())
            .and_then(|call| self.calls.get_mut(call))
            .and_then(|call| call.dialog.as_mut())
        {
            Some(dialog) => dialog.sequence_after(sequence(&sending.request)),
            None => sequence(&sending.request).saturating_add(1),
        };
        super::fill::set_sequence(&mut sending.request, sequence);
    }

    /// A request will get no response.
    pub(super) fn fail(&mut self, cx: &mut Cx<'_>, key: Key, why: Failure) {
        self.timers.cancel(&Deadline::Sending(key));
        let Some(sending) = self.sendings.remove(key) else {
            return;
        };
        self.finished(cx, RequestId(key), sending, Err(why));
    }

    /// Forgets a request that nobody wants answered any more.
    pub(super) fn abandon(&mut self, key: Key) {
        self.timers.cancel(&Deadline::Sending(key));
        if let Some(sending) = self.sendings.remove(key)
            && let Stage::Resolving(question) = sending.stage
        {
            self.questions.remove(&question);
        }
    }

    /// Forgets an INVITE that was cancelled and never answered, with its transaction (RFC 3261 §9.1).
    pub(super) fn destroy(&mut self, key: Key) {
        if let Some(Stage::Sent(client)) = self.sendings.get(key).map(|s| s.stage.clone())
            && let Some(client_entry) = self.clients.remove(client)
            && let Some(conn) = client_entry.hop.conn
        {
            self.net.unwatch(conn, Watcher::Client(client));
        }
        self.abandon(key);
    }

    /// Tells the user of a request what came of it.
    fn finished(
        &mut self,
        cx: &mut Cx<'_>,
        id: RequestId,
        sending: Sending,
        outcome: Result<Response, Failure>,
    ) {
        match sending.user {
            User::Above { call } => {
                if let Some(call) = call {
                    self.answered_in_call(cx, call, &outcome);
                }
                self.events.push_back(match outcome {
                    Ok(response) => Event::Response { id, response },
                    Err(why) => Event::Failed { id, why },
                });
            }
            User::Invite(call) => self.invite_failed(cx, call, sending.request, outcome),
            User::Reinvite { call, refresh } => self.reinvite_failed(cx, call, refresh, outcome),
            User::Refresh(call) => self.refreshed(cx, call, outcome),
            User::Bye(call) => self.bye_done(cx, call),
            User::Ack(_) => {}
            User::Registration(registration) => {
                self.registered(cx, registration, &sending.request, sending.hop, outcome);
            }
        }
    }

    /// A sending has waited long enough for a name or a connection.
    pub(super) fn sending_timeout(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        match std::mem::replace(&mut sending.stage, Stage::Idle) {
            Stage::Resolving(question) => {
                self.questions.remove(&question);
                self.fail(cx, key, Failure::Unresolvable);
            }
            Stage::Connecting(conn, _) => {
                self.net.unwatch(conn, Watcher::Sending(key));
                self.missed(cx, key, Failure::Timeout);
            }
            stage @ (Stage::Sent(_) | Stage::Idle) => sending.stage = stage,
        }
    }

    /// A connection is up or gone: goes on with what waited for it or was sent on it.
    pub(super) fn conn_changed(&mut self, cx: &mut Cx<'_>, conn: ConnId, watchers: Vec<Watcher>) {
        for watcher in watchers {
            match watcher {
                Watcher::Client(key) => self.client_input(cx, key, Input::Broken, None),
                Watcher::Sending(key) => {
                    let Some(sending) = self.sendings.get_mut(key) else {
                        continue;
                    };
                    let candidate = match &sending.stage {
                        Stage::Connecting(wanted, candidate) if *wanted == conn => {
                            candidate.clone()
                        }
                        _ => continue,
                    };
                    self.timers.cancel(&Deadline::Sending(key));
                    match self.net.stream_hop(&self.config, cx, conn) {
                        Some(hop) => self.start(cx, key, hop, candidate),
                        None => self.missed(cx, key, Failure::Transport),
                    }
                }
            }
        }
    }

    /// A response arrived.
    pub(super) fn handle_response(&mut self, cx: &mut Cx<'_>, response: Response) {
        // More than one Via: it was meant for somebody else (RFC 3261 §8.1.3.3).
        if response.headers().all::<Via>().count() != 1 {
            return;
        }
        let Ok(keys) = response.keys() else {
            return;
        };
        let wanted = ClientKey {
            branch: Text::from(keys.branch),
            is_cancel: keys.method == Method::Cancel.as_str(),
        };
        let Some(&key) = self.clients.by_key.get(&wanted) else {
            return;
        };
        let Some(client) = self.clients.get(key) else {
            return;
        };
        if keys.method != client.method.as_str() || !client.hop.is_sent_by(keys.sent_by) {
            return;
        }
        let class = Class::of(response.status().code());
        self.client_input(cx, key, Input::Response(class), Some(response));
    }

    /// Sends a CANCEL for the INVITE of a sending (RFC 3261 §9.1).
    pub(super) fn cancel(&mut self, cx: &mut Cx<'_>, sending: Key, reason: Option<&str>) {
        let Some(Stage::Sent(invite)) = self.sendings.get(sending).map(|s| s.stage.clone()) else {
            return;
        };
        let Some(client) = self.clients.get(invite) else {
            return;
        };
        let Some(invite) = &client.invite else { return };
        let mut request = alike(invite, Method::Cancel);
        copy(invite, &mut request, &Name::To);
        if let Some(reason) = reason {
            let _ = request.headers_mut().set_text(Name::Reason, reason);
        }
        let hop = client.hop;
        let branch = client.key.branch.clone();
        let (machine, actions) = Machine::start(&Method::Cancel);
        let key = self.clients.insert(Client {
            key: ClientKey {
                branch,
                is_cancel: true,
            },
            method: Method::Cancel,
            machine,
            hop,
            bytes: request.write(),
            sent: 0,
            invite: None,
            sending: None,
        });
        if let Some(conn) = hop.conn {
            self.net.watch(conn, Watcher::Client(key));
        }
        self.client_actions(cx, key, actions, None);
    }

    /// Where a request was sent, while its transaction lasts.
    pub(super) fn hop_of(&self, sending: Key) -> Option<Hop> {
        match self.sendings.get(sending)?.stage {
            Stage::Sent(client) => self.clients.get(client).map(|client| client.hop),
            _ => None,
        }
    }
}

/// The ACK of a failure, which belongs to the transaction of its INVITE (RFC 3261 §17.1.1.3).
fn ack(invite: &Request, response: &Response) -> Request {
    let mut ack = alike(invite, Method::Ack);
    if let Some(to) = response.headers().text(&Name::To) {
        let _ = ack.headers_mut().set_text(Name::To, to);
    }
    ack
}

/// A request of the transaction of `invite`: the same Request-URI, topmost Via, Route, From, Call-ID and number.
fn alike(invite: &Request, method: Method) -> Request {
    let from = invite.headers();
    let mut request = match invite.uri() {
        Ok(uri) => Request::new(method.clone(), &uri),
        // An INVITE of ours was written from a URI; should it not be readable, it stays as it is.
        Err(_) => invite.clone(),
    };
    let to = request.headers_mut();
    if let Some(via) = from.all::<Via>().next().and_then(Result::ok) {
        to.push(&via);
    }
    for route in from.texts(&Name::Route) {
        let _ = to.push_text(Name::Route, route);
    }
    to.set(&MaxForwards(70));
    copy(invite, &mut request, &Name::From);
    copy(invite, &mut request, &Name::CallId);
    request.headers_mut().set(&CSeq {
        number: sequence(invite),
        method,
    });
    request
}

fn copy(from: &Request, to: &mut Request, name: &Name) {
    if let Some(value) = from.headers().text(name) {
        let _ = to.headers_mut().set_text(name.clone(), value);
    }
}
