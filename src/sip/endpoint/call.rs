//! Calls: the INVITE usage run over transactions (RFC 3261 §12 to §15).
//!
//! [`usage`](crate::sip::usage) says what happens; this carries it out.

use super::client::User;
use super::fill::{sequence, set_default, set_sequence};
use super::session::{Session, longer_interval};
use super::transport::Hop;
use super::{
    CallId, Deadline, EndCause, Endpoint, Event, Failure, HERE, RequestId, ServerId, Source, Target,
};
use crate::engine::{Cx, Ids, Key, Map, Slab};
use crate::sip::dialog::{Dialog, Id};
use crate::sip::msg::header::{Contact, From, NameAddr, Reason};
use crate::sip::msg::uri::SipUri;
use crate::sip::msg::{Header, Headers, Method, Name, Request, Response, Status, Uri};
use crate::sip::usage::{self, Action, Input, State};
use crate::wire::Text;
use crate::wire::host::{Host, HostPort};
use bytes::Bytes;
use std::time::Duration;

/// Early dialogs that a forked INVITE of ours may make, and 2xx that it may get.
const FORKS: usize = 16;

/// The deadlines of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum CallTimer {
    /// It has rung long enough, or a CANCEL had no effect.
    Patience,
    /// Our 2xx is due again.
    Repeat,
    /// The ACK for our 2xx is overdue.
    NoAck,
    /// The session is to be refreshed by us.
    Refresh,
    /// The session has not been refreshed.
    Expiry,
    /// A re-INVITE that met the peer's is to be tried again.
    Glare,
}

impl CallTimer {
    const ALL: [Self; 6] = [
        Self::Patience,
        Self::Repeat,
        Self::NoAck,
        Self::Refresh,
        Self::Expiry,
        Self::Glare,
    ];
}

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) state: State,
    /// Where requests of its dialog go.
    pub(super) target: Target,
    /// Our INVITE, as long as a 2xx for it may come.
    sending: Option<Key>,
    /// The peer's INVITE and its number, as long as it is not answered and acknowledged.
    server: Option<(Key, u32)>,
    /// Our INVITE whose 2xx is to be acknowledged.
    invite: Option<Request>,
    pub(super) dialog: Option<Dialog>,
    early: Vec<Id>,
    /// The 2xx that came.
    acknowledged: Vec<Acknowledged>,
    /// How often our 2xx was sent.
    repeats: u32,
    /// Requests of ours that keep an ended call known: BYEs.
    pending: u32,
    /// Our re-INVITE or UPDATE that has no final response.
    offering: bool,
    /// A re-INVITE is to be tried again; whether it only keeps the session alive.
    again: Option<bool>,
    /// Whether we made the Call-ID.
    outgoing: bool,
    /// Our Contact, without the address.
    contact: Option<Text>,
    /// What was last offered or answered by us, which a refresh repeats.
    pub(super) description: Option<(Text, Bytes)>,
    /// Why it ends, for the CANCEL or BYE.
    reason: Option<String>,
    cause: EndCause,
    /// The interval of the session timer, and whether we refresh.
    pub(super) session: Option<Session>,
    /// Whether the peer allows UPDATE.
    pub(super) peer_updates: bool,
}

impl Call {
    /// Whether an INVITE is under way in its dialog, either way.
    pub(super) fn is_busy(&self) -> bool {
        self.offering || self.server.is_some() || self.again.is_some()
    }
}

/// A 2xx that was acknowledged.
#[derive(Debug)]
struct Acknowledged {
    tag: Text,
    number: u32,
    /// The ACK, once it has left.
    sent: Option<(Hop, Bytes)>,
}

/// The calls and what they are found by.
#[derive(Debug)]
pub(super) struct Calls {
    slab: Slab<Call>,
    by_dialog: Map<Id, Key>,
    count: usize,
}

impl Calls {
    pub(super) fn new(ids: &mut Ids) -> Self {
        Self {
            slab: Slab::new(),
            by_dialog: ids.map(),
            count: 0,
        }
    }

    pub(super) fn get(&self, key: Key) -> Option<&Call> {
        self.slab.get(key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Call> {
        self.slab.get_mut(key)
    }

    fn insert(&mut self, state: State, target: Target) -> Key {
        self.count += 1;
        self.slab.insert(Call {
            state,
            target,
            sending: None,
            server: None,
            invite: None,
            dialog: None,
            early: Vec::new(),
            acknowledged: Vec::new(),
            repeats: 0,
            pending: 0,
            offering: false,
            again: None,
            outgoing: state == State::Calling,
            contact: None,
            description: None,
            reason: None,
            cause: EndCause::Local,
            session: None,
            peer_updates: false,
        })
    }

    fn remove(&mut self, key: Key) {
        let Some(call) = self.slab.remove(key) else {
            return;
        };
        self.count -= 1;
        let confirmed = call.dialog.as_ref().map(Dialog::id);
        for id in call.early.iter().chain(confirmed) {
            if self.by_dialog.get(id) == Some(&key) {
                self.by_dialog.remove(id);
            }
        }
    }
}

/// What a step of a call is about.
#[derive(Debug, Default)]
struct Hand {
    /// The response that arrived, or that the user gives.
    response: Option<Response>,
    /// The request that arrived.
    request: Option<Request>,
    /// Why no response arrived.
    why: Option<Failure>,
}

impl Hand {
    fn response(response: Response) -> Self {
        Self {
            response: Some(response),
            ..Self::default()
        }
    }

    fn request(request: Request) -> Self {
        Self {
            request: Some(request),
            ..Self::default()
        }
    }
}

/// What the layer above wants of a call.
impl Endpoint {
    pub(super) fn start_call(
        &mut self,
        cx: &mut Cx<'_>,
        mut request: Request,
        target: Target,
    ) -> CallId {
        self.complete(cx, &mut request, &target);
        let user = request
            .headers()
            .get::<From>()
            .ok()
            .and_then(|from| user_of(&from.uri));
        add_contact(request.headers_mut(), user.as_deref());
        self.offer_session_timer(&mut request);
        let key = self.calls.insert(State::Calling, target.clone());
        if self.calls.count > cx.limits.sip_dialogs {
            self.calls.remove(key);
            self.events.push_back(Event::Rejected {
                call: CallId(key),
                status: Failure::Overloaded.status(),
                response: None,
                why: Some(Failure::Overloaded),
            });
            return CallId(key);
        }
        if let Some(call) = self.calls.get_mut(key) {
            call.contact = request.headers().text(&Name::Contact).map(Text::from);
            call.description = description(request.headers(), request.body());
        }
        self.timers.set(
            Deadline::Call(key, CallTimer::Patience),
            cx.now + cx.limits.ring,
        );
        self.send_invite(cx, key, request, target);
        CallId(key)
    }

    fn send_invite(&mut self, cx: &mut Cx<'_>, key: Key, request: Request, target: Target) {
        let sending = self.send(cx, request, target, User::Invite(key));
        if self.sendings.get(sending).is_some()
            && let Some(call) = self.calls.get_mut(key)
        {
            call.sending = Some(sending);
        }
    }

    pub(super) fn progress_call(&mut self, cx: &mut Cx<'_>, key: Key, mut response: Response) {
        let Some((server, _)) = self.ringing(key) else {
            return;
        };
        if response.status().is_provisional() {
            self.establish(key, server, &mut response);
            self.reply(cx, server, response);
        }
    }

    pub(super) fn accept_call(&mut self, cx: &mut Cx<'_>, key: Key, mut response: Response) {
        let Some((server, _)) = self.ringing(key) else {
            return;
        };
        self.establish(key, server, &mut response);
        self.answer_session_timer(key, server, &mut response);
        self.repeat_until_acknowledged(cx, key);
        self.step(cx, key, Input::Accept, Hand::response(response));
    }

    pub(super) fn reject_call(&mut self, cx: &mut Cx<'_>, key: Key, response: Response) {
        if self.ringing(key).is_some() {
            self.step(cx, key, Input::Reject, Hand::response(response));
        }
    }

    pub(super) fn hang_up_call(&mut self, cx: &mut Cx<'_>, key: Key, reason: Option<&Reason>) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        call.reason = reason.map(|reason| {
            let mut text = String::new();
            reason.write(&mut text);
            text
        });
        call.cause = EndCause::Local;
        let unsent = match (call.state, call.sending) {
            (State::Calling, Some(sending)) if self.hop_of(sending).is_none() => Some(sending),
            _ => None,
        };
        self.step(cx, key, Input::HangUp, Hand::default());
        // Nothing has left us yet, so there is nothing to cancel.
        if let Some(sending) = unsent {
            self.abandon(sending);
            self.invite_over(cx, key);
            self.step(cx, key, Input::Failure, Hand::default());
        }
    }

    pub(super) fn offer_again(&mut self, cx: &mut Cx<'_>, key: Key, sdp: Bytes) -> bool {
        let Some(call) = self.calls.get_mut(key) else {
            return false;
        };
        if call.state != State::Up || call.is_busy() {
            return false;
        }
        call.description = Some((Text::from_static("application/sdp"), sdp));
        self.send_reinvite(cx, key, false)
    }

    /// Sends a re-INVITE with the description of our side.
    pub(super) fn send_reinvite(&mut self, cx: &mut Cx<'_>, key: Key, refresh: bool) -> bool {
        let Some(mut request) = self.in_dialog(key, Method::Invite) else {
            return false;
        };
        let Some(call) = self.calls.get_mut(key) else {
            return false;
        };
        if let Some((content_type, sdp)) = &call.description {
            request.set_body(content_type, sdp.clone());
        }
        call.offering = true;
        let target = call.target.clone();
        self.offer_session_timer(&mut request);
        self.sign(&mut request);
        self.send(cx, request, target, User::Reinvite { call: key, refresh });
        true
    }

    pub(super) fn answer_offer(&mut self, cx: &mut Cx<'_>, key: Key, mut response: Response) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let (State::Up, Some((server, _))) = (call.state, call.server) else {
            return;
        };
        let Some(request) = self.servers.get(server).and_then(|s| s.request.clone()) else {
            return;
        };
        if response.status().is_success() {
            if let Some(dialog) = &mut call.dialog {
                dialog.refresh(request.headers());
            }
            self.establish(key, server, &mut response);
            self.answer_session_timer(key, server, &mut response);
            self.repeat_until_acknowledged(cx, key);
            self.schedule_session(cx, key);
        } else if response.status().is_final() {
            call.server = None;
        }
        self.reply(cx, server, response);
    }

    pub(super) fn send_in_call(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        mut request: Request,
    ) -> Option<RequestId> {
        let call = self.calls.get_mut(key)?;
        if call.state == State::Over {
            return None;
        }
        let dialog = call.dialog.as_mut()?;
        dialog.fill(&mut request);
        let number = dialog.next_sequence();
        let target = call.target.clone();
        set_sequence(&mut request, number);
        self.sign(&mut request);
        Some(RequestId(self.send(
            cx,
            request,
            target,
            User::Above { call: Some(key) },
        )))
    }
}

/// What arrives for a call.
impl Endpoint {
    pub(super) fn handle_invite(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        request: Request,
        source: Source,
    ) {
        if self.calls.count >= cx.limits.sip_dialogs {
            return self.answer(cx, server, Status::SERVICE_UNAVAILABLE);
        }
        if let Some(refusal) = self.refuse_interval(&request) {
            return self.reply(cx, server, refusal);
        }
        let Some(entry) = self.servers.get_mut(server) else {
            return;
        };
        let Ok(dialog) = Dialog::from_request(&request, &entry.tag) else {
            return self.answer(cx, server, Status::BAD_REQUEST);
        };
        // A caller without proxies in between, perhaps behind a NAT, is reached over its own connection.
        let target = match source.conn {
            Some(_) if !dialog.has_route() => Target::Flow(source),
            _ => Target::Uri,
        };
        let key = self.calls.insert(State::Ringing, target);
        entry.call = Some(key);
        self.calls.by_dialog.insert(dialog.id().clone(), key);
        if let Some(call) = self.calls.get_mut(key) {
            call.server = Some((server, sequence(&request)));
            call.dialog = Some(dialog);
            call.peer_updates = allows_update(request.headers());
        }
        self.timers.set(
            Deadline::Call(key, CallTimer::Patience),
            cx.now + cx.limits.ring,
        );
        self.events.push_back(Event::Invited {
            call: CallId(key),
            request,
            source,
        });
    }

    /// The call in whose dialog a request came.
    pub(super) fn call_of(&self, request: &Request) -> Option<Key> {
        let keys = request.keys().ok()?;
        let id = Id {
            call_id: Text::from(keys.call_id),
            local_tag: Text::from(keys.to_tag?),
            peer_tag: Text::from(keys.from_tag.unwrap_or_default()),
        };
        self.calls.by_dialog.get(&id).copied()
    }

    /// A request in the dialog of a call arrived, anything but ACK and CANCEL.
    pub(super) fn handle_in_call(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        key: Key,
        request: Request,
        source: Source,
    ) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        if let Some(dialog) = &mut call.dialog
            && let Err(status) = dialog.receive(sequence(&request))
        {
            return self.answer(cx, server, status);
        }
        match request.method() {
            Method::Bye => {
                self.answer(cx, server, Status::OK);
                self.handle_bye(cx, key, request);
            }
            _ if call.state == State::Over => {
                self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
            }
            Method::Invite => self.handle_reinvite(cx, server, key, request),
            // We never ask for reliable provisional responses, so there is nothing that it could be about.
            Method::Prack => self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
            Method::Update if request.body().is_empty() => {
                if let Some(refusal) = self.refuse_interval(&request) {
                    return self.reply(cx, server, refusal);
                }
                if let Some(dialog) = (self.calls.get_mut(key)).and_then(|c| c.dialog.as_mut()) {
                    dialog.refresh(request.headers());
                }
                let mut response = request.response(Status::OK);
                self.establish(key, server, &mut response);
                self.answer_session_timer(key, server, &mut response);
                self.reply(cx, server, response);
                self.schedule_session(cx, key);
            }
            _ => self.events.push_back(Event::Request {
                id: ServerId(server),
                request,
                source,
                call: Some(CallId(key)),
            }),
        }
    }

    fn handle_bye(&mut self, cx: &mut Cx<'_>, key: Key, request: Request) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        call.cause = EndCause::Bye;
        // A re-INVITE that is not answered yet ends with its dialog (RFC 3261 §15.1.2).
        if call.state == State::Up
            && let Some((server, _)) = call.server.take()
        {
            self.answer(cx, server, Status::REQUEST_TERMINATED);
        }
        self.step(cx, key, Input::Bye, Hand::request(request));
    }

    fn handle_reinvite(&mut self, cx: &mut Cx<'_>, server: Key, key: Key, request: Request) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        if call.state != State::Up || call.offering {
            return self.answer(cx, server, Status::REQUEST_PENDING);
        }
        if let Some((earlier, _)) = call.server {
            // The one before is not answered, or not acknowledged (RFC 3261 §14.2).
            let answered = (self.servers.get(earlier)).is_none_or(|s| s.request.is_none());
            let mut response = request.response(match answered {
                true => Status::REQUEST_PENDING,
                false => Status::SERVER_INTERNAL_ERROR,
            });
            if !answered {
                let seconds = cx.ids.below(11).to_string();
                let _ = response.headers_mut().set_text(Name::RetryAfter, &seconds);
            }
            return self.reply(cx, server, response);
        }
        if let Some(refusal) = self.refuse_interval(&request) {
            return self.reply(cx, server, refusal);
        }
        if let Some(call) = self.calls.get_mut(key) {
            call.server = Some((server, sequence(&request)));
        }
        if let Some(entry) = self.servers.get_mut(server) {
            entry.call = Some(key);
        }
        self.events.push_back(Event::Reinvited {
            call: CallId(key),
            request,
        });
    }

    /// An ACK for a 2xx arrived.
    pub(super) fn handle_ack(&mut self, cx: &mut Cx<'_>, request: &Request) {
        let Some(key) = self.call_of(request) else {
            return;
        };
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        // An ACK that was late is not that of the INVITE at hand.
        match call.server {
            Some((server, number))
                if number == sequence(request)
                    && (self.servers.get(server)).is_none_or(|s| s.request.is_none()) =>
            {
                call.server = None;
            }
            _ => return,
        }
        self.timers.cancel(&Deadline::Call(key, CallTimer::Repeat));
        self.timers.cancel(&Deadline::Call(key, CallTimer::NoAck));
        if call.state == State::Answered {
            self.schedule_session(cx, key);
        }
        self.step(cx, key, Input::Ack, Hand::request(request.clone()));
    }

    /// A CANCEL for an INVITE that is not answered.
    pub(super) fn call_cancelled(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        invite: Key,
        cancel: Request,
    ) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        if call.state == State::Ringing {
            return self.step(cx, key, Input::Cancel, Hand::request(cancel));
        }
        if call.server.is_some_and(|(server, _)| server == invite) {
            call.server = None;
        }
        self.answer(cx, invite, Status::REQUEST_TERMINATED);
    }

    /// A provisional response to our INVITE.
    pub(super) fn invite_progress(&mut self, cx: &mut Cx<'_>, key: Key, response: Response) {
        if response.status() == Status::TRYING {
            return self.step(cx, key, Input::Trying, Hand::default());
        }
        if let Some(id) = id_of(&response)
            && let Some(call) = self.calls.get_mut(key)
            && call.early.len() < FORKS
            && !call.early.contains(&id)
        {
            call.early.push(id.clone());
            self.calls.by_dialog.insert(id, key);
        }
        self.step(cx, key, Input::Progress, Hand::response(response));
    }

    /// A 2xx to our INVITE: the first, the first of another branch, or one again.
    pub(super) fn invite_success(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        invite: &Request,
        response: Response,
    ) {
        let Ok(mut dialog) = Dialog::from_response(invite, &response) else {
            // Without a Contact there is no way to acknowledge it.
            crate::engine::trace::debug!("a 2xx makes no dialog");
            return self.step(cx, key, Input::Failure, Hand::response(response));
        };
        let tag = dialog.id().peer_tag.clone();
        if self.acknowledge_again(cx, key, &tag, sequence(invite)) {
            return;
        }
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let is_first = call.acknowledged.is_empty();
        if !is_first {
            if call.acknowledged.len() < FORKS {
                self.acknowledge(cx, key, &dialog, invite);
                let number = dialog.next_sequence();
                self.send_bye(cx, key, &dialog, number, None);
            }
            return;
        }
        call.peer_updates = allows_update(response.headers());
        call.invite = Some(invite.clone());
        let early = std::mem::take(&mut call.early);
        let id = dialog.id().clone();
        call.dialog = Some(dialog);
        for other in early {
            self.calls.by_dialog.remove(&other);
        }
        self.calls.by_dialog.insert(id, key);
        self.timers
            .cancel(&Deadline::Call(key, CallTimer::Patience));
        self.take_session_timer(key, response.headers());
        self.step(cx, key, Input::Success, Hand::response(response));
        self.schedule_session(cx, key);
    }

    /// Our INVITE was refused, or nobody answered.
    pub(super) fn invite_failed(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        request: Request,
        outcome: Result<Response, Failure>,
    ) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        call.sending = None;
        let is_wanted = matches!(call.state, State::Calling | State::Early);
        let target = call.target.clone();
        let hand = match outcome {
            Ok(response) => {
                if is_wanted && let Some(longer) = longer_interval(&request, &response) {
                    return self.send_invite(cx, key, longer, target);
                }
                Hand::response(response)
            }
            Err(why) => Hand {
                why: Some(why),
                ..Hand::default()
            },
        };
        self.step(cx, key, Input::Failure, hand);
    }

    /// No response to our INVITE can arrive any more.
    pub(super) fn invite_over(&mut self, cx: &mut Cx<'_>, key: Key) {
        if let Some(call) = self.calls.get_mut(key) {
            call.sending = None;
            call.invite = None;
        }
        self.release(cx, key);
    }

    /// A 2xx to our re-INVITE.
    pub(super) fn reinvite_success(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        refresh: bool,
        request: &Request,
        response: Response,
    ) {
        let Some(id) = id_of(&response) else { return };
        if self.acknowledge_again(cx, key, &id.peer_tag, sequence(request)) {
            return;
        }
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        call.offering = false;
        let Some(dialog) = &mut call.dialog else {
            return;
        };
        dialog.refresh(response.headers());
        let dialog = dialog.clone();
        self.acknowledge(cx, key, &dialog, request);
        self.take_session_timer(key, response.headers());
        self.schedule_session(cx, key);
        if !refresh {
            self.events.push_back(Event::Reanswered {
                call: CallId(key),
                response: Some(response),
            });
        }
    }

    /// Our re-INVITE was refused, or nobody answered.
    pub(super) fn reinvite_failed(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        refresh: bool,
        outcome: Result<Response, Failure>,
    ) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        call.offering = false;
        if call.state != State::Up {
            return;
        }
        if is_gone(&outcome) {
            return self.lose(cx, key, EndCause::Gone);
        }
        let response = outcome.ok();
        let is_glare = (response.as_ref()).is_some_and(|r| r.status() == Status::REQUEST_PENDING);
        if is_glare {
            // Who made the Call-ID waits longer, so that the two do not meet again (RFC 3261 §14.1).
            let owner = call.outgoing;
            let (from, to) = if owner { (2100, 4000) } else { (0, 2000) };
            let wait = cx
                .ids
                .between(Duration::from_millis(from), Duration::from_millis(to));
            call.again = Some(refresh);
            self.timers
                .set(Deadline::Call(key, CallTimer::Glare), cx.now + wait);
        } else if !refresh {
            self.events.push_back(Event::Reanswered {
                call: CallId(key),
                response,
            });
        }
    }

    /// A response to a request of the layer above in the dialog of a call.
    pub(super) fn answered_in_call(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        outcome: &Result<Response, Failure>,
    ) {
        if is_gone(outcome) {
            self.lose(cx, key, EndCause::Gone);
        }
    }

    /// A BYE of ours is answered, or never will be.
    pub(super) fn bye_done(&mut self, cx: &mut Cx<'_>, key: Key) {
        if let Some(call) = self.calls.get_mut(key) {
            call.pending = call.pending.saturating_sub(1);
        }
        self.release(cx, key);
    }

    /// The session is lost.
    pub(super) fn lose(&mut self, cx: &mut Cx<'_>, key: Key, cause: EndCause) {
        if let Some(call) = self.calls.get_mut(key)
            && call.state == State::Up
        {
            call.cause = cause;
            if cause == EndCause::SessionExpired {
                call.reason = Some(String::from("SIP;cause=408;text=\"Session expired\""));
            }
            self.step(cx, key, Input::Lost, Hand::default());
        }
    }

    pub(super) fn call_timeout(&mut self, cx: &mut Cx<'_>, key: Key, timer: CallTimer) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        match timer {
            CallTimer::Patience => {
                if call.state == State::Cancelling {
                    // The CANCEL had no effect, and nobody waits for the INVITE's response any longer.
                    if let Some(sending) = call.sending.take() {
                        self.destroy(sending);
                    }
                } else {
                    call.cause = EndCause::NoAnswer;
                }
                self.step(cx, key, Input::Patience, Hand::default());
            }
            CallTimer::Repeat => {
                call.repeats = call.repeats.saturating_add(1);
                let wait = self.config.times.backed_off(call.repeats);
                if let Some((server, _)) = call.server {
                    self.repeat(cx, server);
                    self.timers
                        .set(Deadline::Call(key, CallTimer::Repeat), cx.now + wait);
                }
            }
            CallTimer::NoAck => {
                self.timers.cancel(&Deadline::Call(key, CallTimer::Repeat));
                call.server = None;
                call.cause = EndCause::NoAck;
                let input = match call.state {
                    State::Up => Input::Lost,
                    _ => Input::NoAck,
                };
                self.step(cx, key, input, Hand::default());
            }
            CallTimer::Refresh => self.refresh_session(cx, key),
            CallTimer::Expiry => self.lose(cx, key, EndCause::SessionExpired),
            CallTimer::Glare => {
                if let Some(refresh) = call.again.take()
                    && !self.send_reinvite(cx, key, refresh)
                {
                    self.events.push_back(Event::Reanswered {
                        call: CallId(key),
                        response: None,
                    });
                }
            }
        }
    }
}

/// What a call does.
impl Endpoint {
    /// One step of the table.
    fn step(&mut self, cx: &mut Cx<'_>, key: Key, input: Input, mut hand: Hand) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let (state, actions) = usage::next(call.state, input);
        call.state = state;
        for action in actions {
            self.act(cx, key, *action, &mut hand);
        }
        if state == State::Over {
            for timer in CallTimer::ALL {
                self.timers.cancel(&Deadline::Call(key, timer));
            }
            self.release(cx, key);
        }
    }

    fn act(&mut self, cx: &mut Cx<'_>, key: Key, action: Action, hand: &mut Hand) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let id = CallId(key);
        match action {
            Action::Ack => {
                if let (Some(dialog), Some(invite)) = (call.dialog.clone(), call.invite.take()) {
                    self.acknowledge(cx, key, &dialog, &invite);
                }
            }
            Action::Bye => {
                let reason = call.reason.clone();
                if let Some(dialog) = &mut call.dialog {
                    let number = dialog.next_sequence();
                    let dialog = dialog.clone();
                    self.send_bye(cx, key, &dialog, number, reason.as_deref());
                }
            }
            Action::Cancel => {
                let reason = call.reason.clone();
                if let Some(sending) = call.sending {
                    self.cancel(cx, sending, reason.as_deref());
                }
                self.timers.set(
                    Deadline::Call(key, CallTimer::Patience),
                    cx.now + self.config.times.give_up(),
                );
            }
            Action::Respond => {
                self.timers
                    .cancel(&Deadline::Call(key, CallTimer::Patience));
                if let (Some((server, _)), Some(response)) = (call.server, hand.response.take()) {
                    self.reply(cx, server, response);
                }
            }
            Action::Terminate | Action::Unavailable => {
                let status = match action {
                    Action::Terminate => Status::REQUEST_TERMINATED,
                    _ => Status::TEMPORARILY_UNAVAILABLE,
                };
                if let Some((server, _)) = call.server {
                    self.answer(cx, server, status);
                }
            }
            Action::TellProgress => {
                if let Some(response) = hand.response.take() {
                    self.events
                        .push_back(Event::Progress { call: id, response });
                }
            }
            Action::TellAccepted => {
                if let Some(response) = hand.response.take() {
                    self.events
                        .push_back(Event::Accepted { call: id, response });
                }
            }
            Action::TellRejected => {
                let response = hand.response.take();
                let status = match (&response, hand.why, call.cause) {
                    // A 2xx that came too late is not what became of the call.
                    (Some(response), ..) if !response.status().is_success() => response.status(),
                    (_, Some(why), _) => why.status(),
                    (_, None, EndCause::NoAnswer) => Status::REQUEST_TIMEOUT,
                    _ => Status::REQUEST_TERMINATED,
                };
                self.events.push_back(Event::Rejected {
                    call: id,
                    status,
                    response,
                    why: hand.why,
                });
            }
            Action::TellConfirmed => {
                if let Some(request) = hand.request.take() {
                    self.events
                        .push_back(Event::Confirmed { call: id, request });
                }
            }
            Action::TellCancelled => {
                if let Some(request) = hand.request.take() {
                    self.events
                        .push_back(Event::Cancelled { call: id, request });
                }
            }
            Action::TellEnded => {
                let cause = call.cause;
                let reason = (hand.request.as_ref())
                    .and_then(|request| request.headers().all::<Reason>().next()?.ok());
                self.events.push_back(Event::Ended {
                    call: id,
                    reason,
                    cause,
                });
            }
        }
    }

    /// The server transaction of an INVITE that the user has not answered.
    fn ringing(&self, key: Key) -> Option<(Key, u32)> {
        let call = self.calls.get(key)?;
        if call.state == State::Ringing {
            call.server
        } else {
            None
        }
    }

    /// Adds to a response what makes a dialog (RFC 3261 §12.1.1).
    fn establish(&mut self, key: Key, server: Key, response: &mut Response) {
        let Some(request) = self.servers.get(server).and_then(|s| s.request.as_ref()) else {
            return;
        };
        let headers = response.headers_mut();
        if !headers.contains(&Name::RecordRoute) {
            for value in request.headers().texts(&Name::RecordRoute) {
                // It was in a message, so there is no line end in it.
                let _ = headers.push_text(Name::RecordRoute, value);
            }
        }
        set_default(headers, Name::Allow, super::fill::ALLOW);
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        if let (Some(contact), false) = (&call.contact, headers.contains(&Name::Contact)) {
            let _ = headers.set_text(Name::Contact, contact);
        }
        let user = request.uri().ok().and_then(|uri| user_of(&uri));
        add_contact(headers, user.as_deref());
        call.contact = headers.text(&Name::Contact).map(Text::from);
        if let Some(description) = description(response.headers(), response.body()) {
            call.description = Some(description);
        }
    }

    /// Has our 2xx sent again until the ACK comes.
    fn repeat_until_acknowledged(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        call.repeats = 1;
        let times = self.config.times;
        self.timers
            .set(Deadline::Call(key, CallTimer::Repeat), cx.now + times.t1);
        self.timers.set(
            Deadline::Call(key, CallTimer::NoAck),
            cx.now + times.give_up(),
        );
    }

    /// A request in the dialog of a call.
    pub(super) fn in_dialog(&mut self, key: Key, method: Method) -> Option<Request> {
        let call = self.calls.get_mut(key)?;
        let dialog = call.dialog.as_mut()?;
        let is_refresh = matches!(method, Method::Invite | Method::Update);
        let mut request = Request::new(method, dialog.target());
        dialog.fill(&mut request);
        set_sequence(&mut request, dialog.next_sequence());
        if let (true, Some(contact)) = (is_refresh, &call.contact) {
            let _ = request.headers_mut().set_text(Name::Contact, contact);
        }
        Some(request)
    }

    /// Sends the ACK for a 2xx to `invite` (RFC 3261 §13.2.2.4).
    fn acknowledge(&mut self, cx: &mut Cx<'_>, key: Key, dialog: &Dialog, invite: &Request) {
        let mut request = Request::new(Method::Ack, dialog.target());
        dialog.fill(&mut request);
        let number = sequence(invite);
        set_sequence(&mut request, number);
        // The ACK proves who we are as the INVITE did (RFC 3261 §22.1).
        for name in [Name::Authorization, Name::ProxyAuthorization] {
            for value in invite.headers().texts(&name) {
                let _ = request.headers_mut().push_text(name.clone(), value);
            }
        }
        self.sign(&mut request);
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        // Those of earlier exchanges are not asked for again.
        if call.acknowledged.len() >= 2 * FORKS {
            call.acknowledged.remove(0);
        }
        call.acknowledged.push(Acknowledged {
            tag: dialog.id().peer_tag.clone(),
            number,
            sent: None,
        });
        let target = call.target.clone();
        self.send(cx, request, target, User::Ack(key));
    }

    /// The ACK has left; it is kept for when its 2xx comes again.
    pub(super) fn acknowledged(&mut self, key: Key, request: &Request, hop: Hop, bytes: Bytes) {
        let Ok(keys) = request.keys() else { return };
        let tag = keys.to_tag.unwrap_or_default();
        if let Some(call) = self.calls.get_mut(key)
            && let Some(entry) = (call.acknowledged.iter_mut())
                .find(|entry| entry.tag == tag && entry.number == keys.sequence)
        {
            entry.sent = Some((hop, bytes));
        }
    }

    /// Sends the ACK for a 2xx again, if it was sent before.
    fn acknowledge_again(&mut self, cx: &mut Cx<'_>, key: Key, tag: &str, number: u32) -> bool {
        let Some(call) = self.calls.get(key) else {
            return true;
        };
        let Some(entry) =
            (call.acknowledged.iter()).find(|entry| entry.tag == tag && entry.number == number)
        else {
            return false;
        };
        if let Some((hop, bytes)) = &entry.sent {
            self.net.send(cx, hop, bytes.clone());
        }
        true
    }

    fn send_bye(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        dialog: &Dialog,
        number: u32,
        reason: Option<&str>,
    ) {
        let mut request = Request::new(Method::Bye, dialog.target());
        dialog.fill(&mut request);
        set_sequence(&mut request, number);
        if let Some(reason) = reason {
            let _ = request.headers_mut().set_text(Name::Reason, reason);
        }
        self.sign(&mut request);
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        call.pending = call.pending.saturating_add(1);
        let target = call.target.clone();
        self.send(cx, request, target, User::Bye(key));
    }

    /// Forgets a call that is over once nothing of it can arrive any more.
    fn release(&mut self, _cx: &mut Cx<'_>, key: Key) {
        if let Some(call) = self.calls.get(key)
            && call.state == State::Over
            && call.sending.is_none()
            && call.pending == 0
        {
            self.calls.remove(key);
        }
    }
}

/// Whether an outcome says that the peer knows nothing of the dialog (RFC 3261 §12.2.1.2).
pub(super) fn is_gone(outcome: &Result<Response, Failure>) -> bool {
    match outcome {
        Ok(response) => matches!(
            response.status(),
            Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST | Status::REQUEST_TIMEOUT
        ),
        Err(why) => *why == Failure::Timeout,
    }
}

/// The dialog of a response to a request of ours.
fn id_of(response: &Response) -> Option<Id> {
    let keys = response.keys().ok()?;
    Some(Id {
        call_id: Text::from(keys.call_id),
        local_tag: Text::from(keys.from_tag.unwrap_or_default()),
        peer_tag: Text::from(keys.to_tag?),
    })
}

fn allows_update(headers: &Headers) -> bool {
    headers
        .texts(&Name::Allow)
        .flat_map(|value| value.split(','))
        .any(|method| method.trim() == Method::Update.as_str())
}

/// The body of a message with its type, in a buffer of its own.
fn description(headers: &Headers, body: &Bytes) -> Option<(Text, Bytes)> {
    if body.is_empty() {
        return None;
    }
    let content_type = headers.text(&Name::ContentType)?;
    Some((Text::from(content_type), Bytes::copy_from_slice(body)))
}

fn user_of(uri: &Uri) -> Option<String> {
    match uri {
        Uri::Sip(uri) => uri.user().map(|user| user.into_owned()),
        Uri::Tel(uri) => Some(uri.digits()),
        Uri::Other { .. } => None,
    }
}

/// Adds the Contact that a dialog needs, if there is none.
fn add_contact(headers: &mut Headers, user: Option<&str>) {
    if headers.contains(&Name::Contact) {
        return;
    }
    let mut uri = SipUri::new(HostPort::new(Host::Name(Text::from_static(HERE))));
    if let Some(user) = user {
        uri = uri.with_user(user);
    }
    headers.set(&Contact::Address(NameAddr::new(Uri::Sip(uri))));
}
