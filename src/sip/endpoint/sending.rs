//! Requests of ours on their way to a final response.
//!
//! A [`Sending`] is a request from the command that made it until its response. On its way it may need a
//! host name resolved, a connection opened, another address tried and a challenge answered; every attempt is a
//! client transaction of its own.

use super::auth::{Asker, Claim, Proof, Proven};
use super::client::{COOKIE, Input};
use super::fill::sequence;
use super::flows::{Detour, first_way};
use super::fork::Within;
use super::route::give_way;
use super::transport::{Hop, Watcher};
use super::{Deadline, Endpoint, Event, Failure, RequestId, Target};
use crate::engine::{ConnId, Cx, Key, QuestionId, Transport};
use crate::sip::dialog::Dialog;
use crate::sip::locate::{Destination, Locator, Question, Step};
use crate::sip::msg::{Method, Name, Request, Response, Status};
use crate::sip::usage::State;
use crate::wire::Text;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// A request on its way to its final response.
#[derive(Debug)]
pub(super) struct Sending {
    /// Complete but for Via and the address in Contact, which belong to one attempt.
    pub(super) request: Request,
    pub(super) target: Target,
    pub(super) user: User,
    pub(super) stage: Stage,
    /// The way of the last attempt of a REGISTER.
    hop: Option<Box<Hop>>,
    /// What was not tried yet, the next one first.
    candidates: VecDeque<Candidate>,
    /// Finds more, if the next hop is a name.
    locator: Option<Box<Locator>>,
    /// What came of the last attempt, while there are others to be made.
    pub(super) last: Option<Box<Result<Response, Failure>>>,
    /// The challenges that were answered: whose, the realm, the nonce.
    pub(super) answered: Vec<(Asker, Text, Text)>,
    /// Whether the answers in it are ours, to be made anew for every attempt.
    pub(super) is_proved: bool,
    /// What the last attempt said to servers, by which their proofs are checked.
    pub(super) proofs: Vec<Proof>,
    /// Whether a SIM was out of step already.
    pub(super) is_resynced: bool,
    /// Other ways, where there are or were some.
    pub(super) detour: Option<Box<Detour>>,
}

impl Sending {
    /// Whether this transaction is its last attempt.
    pub(super) fn is_sent_by(&self, client: Key) -> bool {
        self.stage == Stage::Sent(client)
    }

    /// Whether another attempt could be made elsewhere.
    fn has_more(&self) -> bool {
        !self.candidates.is_empty() || self.locator.as_ref().is_some_and(|l| l.has_more())
    }
}

/// Who wants the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    /// The layer above; the call is the one in whose dialog the request is.
    Above { call: Option<Within> },
    /// A call: its INVITE.
    Invite(Key),
    /// A call: a re-INVITE; `refresh` if it only keeps the session alive.
    Reinvite { call: Key, refresh: bool },
    /// A call: an UPDATE; `refresh` if it only keeps the session alive.
    Update { within: Within, refresh: bool },
    /// A call: a PRACK, and whether it offers.
    Prack { within: Within, offers: bool },
    /// A call: a BYE.
    Bye(Key),
    /// A call: an ACK for a 2xx, which has no response.
    Ack(Key),
    /// A registration: its REGISTER.
    Registration(Key),
    /// A subscription of ours: its SUBSCRIBE.
    Subscribe(Key),
    /// A subscription that we notify of: its NOTIFY.
    Notify(Key),
    /// A state that is published: its PUBLISH.
    Publish(Key),
}

impl User {
    /// Whether the request is within a dialog.
    pub(super) const fn is_in_dialog(self) -> bool {
        match self {
            Self::Above { call } => call.is_some(),
            Self::Reinvite { .. }
            | Self::Update { .. }
            | Self::Prack { .. }
            | Self::Bye(_)
            | Self::Notify(_) => true,
            Self::Invite(_)
            | Self::Ack(_)
            | Self::Registration(_)
            | Self::Subscribe(_)
            | Self::Publish(_) => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Between two attempts.
    Idle,
    /// The domain name system was asked something.
    Resolving(QuestionId),
    /// A SIM was asked for the answer to a challenge.
    Asking(QuestionId, Box<Claim>),
    /// The connection of an attempt is being opened.
    Connecting(ConnId, Box<Candidate>),
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

impl From<Destination> for Candidate {
    fn from(destination: Destination) -> Self {
        Self {
            transport: destination.transport,
            peer: destination.peer,
            name: destination.name,
            flow: None,
            any_size: false,
        }
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
        let (request, target, detour) = first_way(request, target);
        if let (Some(_), User::Invite(call)) = (&detour, user)
            && let Some(call) = self.calls.get_mut(call)
        {
            call.target = target.clone();
        }
        let key = self.sendings.insert(Sending {
            request,
            target,
            user,
            stage: Stage::Idle,
            hop: None,
            candidates: VecDeque::new(),
            locator: None,
            last: None,
            answered: Vec::new(),
            is_proved: false,
            proofs: Vec::new(),
            is_resynced: false,
            detour,
        });
        self.dispatch(cx, key);
        key
    }

    /// Looks for where a request has to go, and sends it there.
    pub(super) fn dispatch(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        sending.candidates.clear();
        sending.locator = None;
        if let Target::Flow(source) = sending.target {
            if let Some(candidate) = self.net.flow(&self.config, &source) {
                sending.candidates.push_back(candidate);
                return self.attempt(cx, key);
            }
            if self.another_way(cx, key) {
                return;
            }
        }
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        let Some(wanted) = self.config.next_hop(&sending.request) else {
            return self.fail(cx, key, Failure::Unresolvable);
        };
        let preferences = self.config.preferences();
        match wanted.numeric(&preferences) {
            Some(destination) => sending.candidates.push_back(destination.into()),
            None => {
                let own = self.own_flow(key, &wanted);
                let Some(sending) = self.sendings.get_mut(key) else {
                    return;
                };
                sending.candidates.extend(own);
                let locator = Locator::new(&wanted, preferences, cx.limits.sip_destinations);
                sending.locator = Some(Box::new(locator));
            }
        }
        self.attempt(cx, key);
    }

    /// Asks what must be known to find another place to be tried. `true` if there is one now.
    fn locate(&mut self, cx: &mut Cx<'_>, key: Key) -> bool {
        let Some(sending) = self.sendings.get_mut(key) else {
            return false;
        };
        let step = sending.locator.as_mut().map(|locator| locator.step());
        let question = match step {
            Some(Step::Try(destination)) => {
                sending.candidates.push_back(destination.into());
                return true;
            }
            Some(Step::Ask(_)) if self.questions.len() >= cx.limits.questions => {
                self.fail(cx, key, Failure::Overloaded);
                return false;
            }
            Some(Step::Ask(Question::Addresses(host))) => cx.outbox.resolve(host),
            Some(Step::Ask(Question::Records(name, kind))) => cx.outbox.look_up(name, kind),
            Some(Step::Exhausted) | None => {
                match sending.last.take().map(|last| *last) {
                    Some(Ok(response)) => self.complete_with(cx, key, response),
                    Some(Err(why)) => self.fail(cx, key, why),
                    None => self.fail(cx, key, Failure::Unresolvable),
                }
                return false;
            }
        };
        sending.stage = Stage::Resolving(question);
        self.questions.insert(question, key);
        self.timers
            .set(Deadline::Sending(key), cx.now + cx.limits.question);
        false
    }

    /// A question of a request was answered: `tell` tells its locator.
    pub(super) fn located(
        &mut self,
        cx: &mut Cx<'_>,
        question: QuestionId,
        tell: impl FnOnce(&mut Locator, &mut Cx<'_>),
    ) -> bool {
        let Some(key) = self.questions.remove(&question) else {
            return false;
        };
        self.timers.cancel(&Deadline::Sending(key));
        if let Some(sending) = self.sendings.get_mut(key)
            && let Some(locator) = &mut sending.locator
        {
            tell(locator, cx);
            sending.stage = Stage::Idle;
            self.attempt(cx, key);
        }
        true
    }

    /// Tries the next address.
    pub(super) fn attempt(&mut self, cx: &mut Cx<'_>, key: Key) {
        loop {
            let Some(sending) = self.sendings.get_mut(key) else {
                return;
            };
            sending.stage = Stage::Idle;
            if let User::Invite(call) = sending.user {
                self.invite_again(call);
            }
            let Some(sending) = self.sendings.get_mut(key) else {
                return;
            };
            let Some(mut candidate) = sending.candidates.pop_front() else {
                if self.locate(cx, key) {
                    continue;
                }
                return;
            };
            if let Some(hop) = candidate.flow {
                return self.start(cx, key, hop, candidate);
            }
            if candidate.transport == Transport::Udp {
                let Some(hop) = self.net.datagram_hop(&self.config, candidate.peer) else {
                    sending.last = Some(Box::new(Err(Failure::Transport)));
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
                    sending.stage = Stage::Connecting(conn, Box::new(candidate));
                    self.net.watch(conn, Watcher::Sending(key));
                    self.timers
                        .set(Deadline::Sending(key), cx.now + self.config.times.give_up());
                    return;
                }
            }
        }
    }

    /// Begins a transaction over `hop`, unless the request turns out to be too large for a datagram.
    pub(super) fn start(&mut self, cx: &mut Cx<'_>, key: Key, hop: Hop, candidate: Candidate) {
        let is_ack = (self.sendings.get(key)).is_some_and(|s| matches!(s.user, User::Ack(_)));
        if !is_ack {
            self.prove(cx, key, &hop);
        }
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        let is_new = !sending.user.is_in_dialog();
        let mut request = sending.request.clone();
        give_way(&mut request);
        let branch = Text::from(format!("{COOKIE}{}", cx.ids.branch()));
        hop.write_via(&mut request, &branch);
        if *request.method() != Method::Register {
            self.dress_contact(request.headers_mut(), &hop, &Name::From);
        }
        hop.fill_contact(request.headers_mut());
        let bytes = request.write();
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
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
        if self.is_full(cx, is_new) {
            return self.fail(cx, key, Failure::Overloaded);
        }
        let (client, actions) = self.enter(request, branch, hop, bytes, Some(key));
        if let Some(sending) = self.sendings.get_mut(key) {
            sending.stage = Stage::Sent(client);
            if matches!(sending.user, User::Registration(_)) {
                sending.hop = Some(Box::new(hop));
            }
            if matches!(sending.user, User::Reinvite { .. }) {
                // A 1xx ends Timer B, and nobody can be made to answer finally.
                self.timers
                    .set(Deadline::Sending(key), cx.now + cx.limits.ring);
            }
        }
        self.client_actions(cx, client, actions, None);
    }

    /// No response to this attempt: another address may do better (RFC 3263 §4.3).
    pub(super) fn missed(&mut self, cx: &mut Cx<'_>, key: Key, why: Failure) {
        let Some(sending) = self.sendings.get(key) else {
            return;
        };
        let is_wanted = self.is_wanted(sending.user);
        if is_wanted && self.another_way(cx, key) {
            return;
        }
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        if !sending.has_more() || !is_wanted {
            self.fail(cx, key, why);
        } else {
            sending.last = Some(Box::new(Err(why)));
            if matches!(sending.stage, Stage::Sent(_)) {
                // It may have arrived, and a second one of the same number on another way would be taken
                // for a loop (RFC 3261 §8.2.2.2).
                self.renumber(key);
            }
            self.attempt(cx, key);
        }
    }

    /// Whether a request is worth another attempt: not an INVITE whose call was hung up meanwhile.
    fn is_wanted(&self, user: User) -> bool {
        match user {
            User::Invite(call) => (self.calls.get(call))
                .is_some_and(|call| matches!(call.state, State::Calling | State::Early)),
            _ => true,
        }
    }

    /// A response for a request of ours has passed its transaction.
    pub(super) fn deliver(&mut self, cx: &mut Cx<'_>, key: Key, client: Key, response: Response) {
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        if sending.stage != Stage::Sent(client) {
            return;
        }
        let status = response.status();
        if status.is_provisional() {
            match sending.user {
                User::Invite(call) => {
                    let invite = sending.request.clone();
                    self.invite_progress(cx, call, &invite, response);
                }
                User::Reinvite { call, .. } => {
                    let invite = sending.request.clone();
                    self.reinvite_progress(cx, call, &invite, response);
                }
                _ => {}
            }
            return;
        }
        let user = sending.user;
        let is_wanted = self.is_wanted(user);
        if matches!(
            status,
            Status::UNAUTHORIZED | Status::PROXY_AUTHENTICATION_REQUIRED
        ) && is_wanted
            && let Some(hop) = self.clients.get(client).map(|client| client.hop)
            && self.answer_challenge(cx, key, &hop, &response)
        {
            return;
        }
        let is_impostor = self.hear_proof(key, &response) == Proven::Wrong && status.is_success();
        if status == Status::FLOW_FAILED && is_wanted && self.another_way(cx, key) {
            return;
        }
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        if status == Status::SERVICE_UNAVAILABLE && is_wanted && sending.has_more() {
            sending.last = Some(Box::new(Ok(response)));
            return self.attempt(cx, key);
        }
        if status.is_success() {
            // The sending stays: the 2xx comes again until our ACK arrives, and a fork brings others.
            match sending.user {
                User::Invite(call) => {
                    let invite = sending.request.clone();
                    self.invite_success(cx, call, &invite, response);
                    if is_impostor {
                        self.hang_up_call(cx, call, None);
                    }
                    return;
                }
                User::Reinvite { call, refresh } => {
                    let invite = sending.request.clone();
                    self.timers.cancel(&Deadline::Sending(key));
                    self.reinvite_success(cx, call, refresh, &invite, response);
                    if is_impostor {
                        self.hang_up_call(cx, call, None);
                    }
                    return;
                }
                _ => {}
            }
        }
        if is_impostor {
            return self.fail(cx, key, Failure::Impostor);
        }
        self.complete_with(cx, key, response);
    }

    /// A request has its final response.
    pub(super) fn complete_with(&mut self, cx: &mut Cx<'_>, key: Key, response: Response) {
        self.timers.cancel(&Deadline::Sending(key));
        if let Some(sending) = self.sendings.remove(key) {
            self.finished(cx, RequestId(key), sending, Ok(response));
        }
    }

    /// Sends a request again over the same hop, in a new transaction (RFC 3261 §22.1).
    pub(super) fn retry(&mut self, cx: &mut Cx<'_>, key: Key, hop: Hop) {
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        sending.stage = Stage::Idle;
        if let User::Invite(call) = sending.user {
            self.invite_again(call);
        }
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
        let Some(sending) = self.sendings.get(key) else {
            return;
        };
        let (user, last) = (sending.user, sequence(&sending.request));
        let dialog = match self.line_of_user(user) {
            Some(line) => self.line_dialog(line),
            None => self.call_dialog(user),
        };
        let number = match dialog {
            Some(dialog) => dialog.sequence_after(last),
            None => last.saturating_add(1),
        };
        if let Some(sending) = self.sendings.get_mut(key) {
            super::fill::set_sequence(&mut sending.request, number);
            self.renumbered(user, number);
        }
    }

    /// The dialog of a call that a request is in.
    fn call_dialog(&mut self, user: User) -> Option<&mut Dialog> {
        let fork = match user {
            User::Above { call: Some(within) }
            | User::Update { within, .. }
            | User::Prack { within, .. } => self.fork_mut(within)?,
            User::Reinvite { call, .. } | User::Bye(call) => {
                self.calls.get_mut(call)?.fork.as_mut()?
            }
            _ => return None,
        };
        Some(&mut fork.dialog)
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
            && let Stage::Resolving(question) | Stage::Asking(question, _) = sending.stage
        {
            self.questions.remove(&question);
        }
    }

    /// Forgets an INVITE that was cancelled and never answered, with its transaction (RFC 3261 §9.1).
    pub(super) fn destroy(&mut self, key: Key) {
        if let Some(client) = self.client_of(key) {
            self.drop_client(client);
        }
        self.abandon(key);
    }

    /// Tells the user of a request what came of it.
    pub(super) fn finished(
        &mut self,
        cx: &mut Cx<'_>,
        id: RequestId,
        sending: Sending,
        outcome: Result<Response, Failure>,
    ) {
        match sending.user {
            User::Above { call } => {
                if let Some(within) = call {
                    self.answered_in_call(cx, within.call, &outcome);
                }
                self.events.push_back(match outcome {
                    Ok(response) => Event::Response { id, response },
                    Err(why) => Event::Failed { id, why },
                });
            }
            User::Invite(call) => self.invite_failed(cx, call, sending.request, outcome),
            User::Reinvite { call, refresh } => {
                self.reinvite_failed(cx, call, refresh, &sending.request, outcome);
            }
            User::Update { within, refresh } => {
                self.updated(cx, within, refresh, &sending.request, outcome);
            }
            User::Prack { within, offers } => self.pracked(cx, within, offers, outcome),
            User::Bye(call) => self.bye_done(cx, call),
            User::Ack(call) => self.unacknowledged(call, &sending.request),
            User::Registration(registration) => {
                self.registered(
                    cx,
                    registration,
                    &sending.request,
                    sending.hop.as_deref(),
                    outcome,
                );
            }
            User::Subscribe(subscription) => {
                self.subscribed(cx, subscription, &sending.request, outcome);
            }
            User::Notify(notifier) => self.notify_done(cx, notifier, &outcome),
            User::Publish(publication) => self.published(cx, publication, outcome),
        }
    }

    /// A sending has waited long enough for a name or a connection.
    pub(super) fn sending_timeout(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(sending) = self.sendings.get_mut(key) else {
            return;
        };
        match std::mem::replace(&mut sending.stage, Stage::Idle) {
            Stage::Resolving(question) => {
                self.located(cx, question, |locator, _| locator.silence());
            }
            Stage::Asking(question, _) => {
                self.questions.remove(&question);
                self.leave_challenged(cx, key);
            }
            Stage::Connecting(conn, _) => {
                self.net.unwatch(conn, Watcher::Sending(key));
                self.missed(cx, key, Failure::Timeout);
            }
            Stage::Sent(client) => {
                self.drop_client(client);
                self.fail(cx, key, Failure::Timeout);
            }
            Stage::Idle => {}
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
                            Candidate::clone(candidate)
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

    /// The transaction of a request that was sent.
    pub(super) fn client_of(&self, sending: Key) -> Option<Key> {
        match self.sendings.get(sending)?.stage {
            Stage::Sent(client) => Some(client),
            _ => None,
        }
    }
}
