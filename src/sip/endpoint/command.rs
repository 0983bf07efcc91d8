//! What the layer above wants of a call.

use super::call::{CallTimer, Hand};
use super::fill::{ALLOW, set_default, set_sequence};
use super::fork::{Description, Within, is_described};
use super::reliable::{Reliable, TAG};
use super::sending::User;
use super::{
    CallError, CallId, Deadline, DialogId, EndCause, Endpoint, Event, Failure, HERE, RequestId,
    Target,
};
use crate::engine::{Cx, Key};
use crate::sip::msg::header::{Contact, From, NameAddr, Reason, Require};
use crate::sip::msg::uri::SipUri;
use crate::sip::msg::{Header, Headers, Method, Name, Request, Response, Status, Uri};
use crate::sip::offer::{self, Meaning, Place, Side};
use crate::sip::usage::{Input, State};
use crate::wire::Text;
use crate::wire::host::{Host, HostPort};
use bytes::Bytes;

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
        let key = self.calls.insert(State::Calling, target.clone());
        self.offer_session_timer(key, &mut request);
        self.require(&mut request);
        if self.calls.len() > cx.limits.sip_dialogs {
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
            let described = is_described(request.headers(), request.body(), cx.limits);
            call.description = described
                .then(|| Description::of(request.headers(), request.body()))
                .flatten();
            let opening = offer::next(call.opening, Side::Local, Place::Invite, described);
            call.opening = opening.map_or(call.opening, |(opening, _)| opening);
        }
        self.timers.set(
            Deadline::Call(key, CallTimer::Patience),
            cx.now + cx.limits.ring,
        );
        self.send_invite(cx, key, request, target);
        CallId(key)
    }

    pub(super) fn send_invite(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        request: Request,
        target: Target,
    ) {
        let sending = self.send(cx, request, target, User::Invite(key));
        if self.sendings.get(sending).is_some()
            && let Some(call) = self.calls.get_mut(key)
        {
            call.sending = Some(sending);
        }
    }

    pub(super) fn progress_call(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        mut response: Response,
        reliable: bool,
    ) -> Result<(), CallError> {
        let server = self.unanswered(key)?;
        let status = response.status();
        if !status.is_provisional() {
            return Err(CallError::State);
        }
        if status == Status::TRYING {
            self.reply(cx, server, response);
            return Ok(());
        }
        let asked = Require::of(response.headers()).is_ok_and(|tags| tags.contains(TAG));
        if reliable || asked || self.demands_reliable(key) {
            return self.progress_reliable(cx, key, server, response);
        }
        let described = is_described(response.headers(), response.body(), cx.limits);
        if let Some(fork) = self.calls.get(key).and_then(|call| call.fork.as_ref()) {
            offer::next(fork.exchange, Side::Local, Place::Provisional, described)?;
        }
        self.establish(key, server, &mut response);
        self.reply(cx, server, response);
        Ok(())
    }

    pub(super) fn accept_call(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        response: Response,
    ) -> Result<(), CallError> {
        let (server, _) = self.ringing(key).ok_or_else(|| self.why_not(key))?;
        let described = is_described(response.headers(), response.body(), cx.limits);
        let call = self.calls.get_mut(key).ok_or(CallError::Gone)?;
        if (call.reliable.as_ref()).is_some_and(|reliable| reliable.accepted.is_some()) {
            return Err(CallError::State);
        }
        if let Some(fork) = &call.fork {
            match offer::next(fork.exchange, Side::Local, Place::Success, described) {
                // It waits for the PRACK.
                Ok(_) | Err(offer::Misplaced::Unacknowledged) => {}
                Err(why) => return Err(why.into()),
            }
        }
        if let Some(response) = self.delay_accept(key, response) {
            self.accept_now(cx, key, server, response);
        }
        Ok(())
    }

    /// Sends a 2xx for which nothing is missing.
    pub(super) fn accept_now(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        server: Key,
        mut response: Response,
    ) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        if call.state != State::Ringing {
            // It was a re-INVITE that waited.
            self.accept_reinvite(cx, key, server, response);
            return;
        }
        let described = is_described(response.headers(), response.body(), cx.limits);
        if let Some(fork) = &mut call.fork
            && let Ok((exchange, _)) =
                offer::next(fork.exchange, Side::Local, Place::Success, described)
        {
            fork.exchange = exchange;
        }
        self.end_reliable(key);
        self.establish(key, server, &mut response);
        self.remember_description(cx, key, response.headers(), response.body());
        self.answer_session_timer(key, server, &mut response);
        self.repeat_until_acknowledged(cx, key);
        self.step(cx, key, Input::Accept, Hand::response(response));
        self.end_replaced(cx, key);
    }

    pub(super) fn reject_call(&mut self, cx: &mut Cx<'_>, key: Key, response: Response) {
        let status = response.status();
        if self.ringing(key).is_some() && status.is_final() && !status.is_success() {
            self.end_reliable(key);
            self.step(cx, key, Input::Reject, Hand::response(response));
        }
    }

    /// Why a call cannot be answered.
    fn why_not(&self, key: Key) -> CallError {
        match self.calls.get(key) {
            Some(call) if call.state != State::Over => CallError::State,
            _ => CallError::Gone,
        }
    }

    /// The server transaction of an INVITE or re-INVITE that is not answered.
    pub(super) fn unanswered(&self, key: Key) -> Result<Key, CallError> {
        let call = self.calls.get(key).ok_or(CallError::Gone)?;
        let (State::Ringing | State::Up, Some((server, _))) = (call.state, call.server) else {
            return Err(self.why_not(key));
        };
        let is_open = (self.servers.get(server)).is_some_and(|server| server.request.is_some());
        is_open.then_some(server).ok_or(CallError::State)
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
            (State::Calling, Some(sending)) if self.client_of(sending).is_none() => Some(sending),
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

    /// Sends the ACK or PRACK that waited for the user.
    pub(super) fn acknowledge_held(
        &mut self,
        cx: &mut Cx<'_>,
        id: DialogId,
        description: Option<Bytes>,
    ) -> Result<(), CallError> {
        let within = self.within(id).ok_or(CallError::Gone)?;
        let call = self.calls.get(within.call).ok_or(CallError::Gone)?;
        let fork = call.dialog(within.fork).ok_or(CallError::Gone)?;
        if call.state == State::Over {
            return Err(CallError::Gone);
        }
        let is_own = (call.fork.as_ref()).is_some_and(|fork| fork.number == within.fork);
        if !is_own || call.invite.is_none() {
            return self.release_prack(cx, within, description);
        }
        let described = description.is_some();
        let (_, meaning) = offer::next(fork.exchange, Side::Local, Place::Ack, described)?;
        debug_assert_ne!(meaning, Meaning::Offer, "an ACK never offers");
        self.acknowledge_invite(cx, within.call, description.map(Description::sdp));
        Ok(())
    }

    /// Says BYE in one early dialog of our INVITE, and leaves the others alone (RFC 3261 §15).
    pub(super) fn end_early_dialog(
        &mut self,
        cx: &mut Cx<'_>,
        id: DialogId,
    ) -> Result<(), CallError> {
        let within = self.within(id).ok_or(CallError::Gone)?;
        let call = self.calls.get_mut(within.call).ok_or(CallError::Gone)?;
        if !matches!(call.state, State::Calling | State::Early) {
            return Err(CallError::State);
        }
        let fork = call.dialog_mut(within.fork).ok_or(CallError::Gone)?;
        if std::mem::replace(&mut fork.ended, true) {
            return Err(CallError::Gone);
        }
        let number = fork.dialog.next_sequence();
        let dialog = fork.dialog.clone();
        self.send_bye(cx, within.call, &dialog, number, None);
        Ok(())
    }

    pub(super) fn send_in_dialog(
        &mut self,
        cx: &mut Cx<'_>,
        id: DialogId,
        mut request: Request,
    ) -> Option<RequestId> {
        let within = self.within(id)?;
        let call = self.calls.get_mut(within.call)?;
        if call.state == State::Over {
            return None;
        }
        let target = call.target.clone();
        let fork = call.dialog_mut(within.fork)?;
        fork.dialog.fill(&mut request);
        let number = fork.dialog.next_sequence();
        set_sequence(&mut request, number);
        self.sign(&mut request);
        Some(RequestId(self.send(
            cx,
            request,
            target,
            User::Above { call: Some(within) },
        )))
    }

    /// The server transaction of an INVITE that the user has not answered.
    pub(super) fn ringing(&self, key: Key) -> Option<(Key, u32)> {
        let call = self.calls.get(key)?;
        if call.state == State::Ringing {
            call.server
        } else {
            None
        }
    }

    /// Adds to a response what makes a dialog (RFC 3261 §12.1.1).
    pub(super) fn establish(&mut self, key: Key, server: Key, response: &mut Response) {
        let Some(request) = self.servers.get(server).and_then(|s| s.request.as_ref()) else {
            return;
        };
        copy_record_route(request, response);
        let headers = response.headers_mut();
        set_default(headers, Name::Allow, ALLOW);
        self.offer_info(headers);
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        if let (Some(contact), false) = (&call.contact, headers.contains(&Name::Contact)) {
            let _ = headers.set_text(Name::Contact, contact);
        }
        let user = request.uri().ok().and_then(|uri| user_of(&uri));
        add_contact(headers, user.as_deref());
        call.contact = headers.text(&Name::Contact).map(Text::from);
        call.is_known = true;
    }

    /// Keeps what we describe in a response, for a later refresh.
    pub(super) fn remember_description(
        &mut self,
        cx: &Cx<'_>,
        key: Key,
        headers: &Headers,
        body: &Bytes,
    ) {
        if is_described(headers, body, cx.limits)
            && let Some(call) = self.calls.get_mut(key)
        {
            call.description = Description::of(headers, body);
        }
    }

    /// What the peer's INVITE says about reliable provisional responses.
    pub(super) fn reliable_of(&self, invite: &Request) -> Option<Box<Reliable>> {
        let known = self.config.supported.iter().any(|tag| *tag == TAG);
        known.then(|| Reliable::of(invite)).flatten()
    }

    /// Adds what our INVITEs require.
    pub(super) fn require(&self, request: &mut Request) {
        if !self.config.required.is_empty() && !request.headers().contains(&Name::Require) {
            request
                .headers_mut()
                .set(&Require(self.config.required.clone()));
        }
    }

    /// Has our 2xx sent again until the ACK comes.
    pub(super) fn repeat_until_acknowledged(&mut self, cx: &mut Cx<'_>, key: Key) {
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

    /// A request in a dialog of a call.
    pub(super) fn in_dialog(&mut self, within: Within, method: Method) -> Option<Request> {
        let call = self.calls.get_mut(within.call)?;
        let contact = call.contact.clone();
        let fork = call.dialog_mut(within.fork)?;
        let is_refresh = matches!(method, Method::Invite | Method::Update);
        let mut request = Request::new(method, fork.dialog.target());
        fork.dialog.fill(&mut request);
        set_sequence(&mut request, fork.dialog.next_sequence());
        if let (true, Some(contact)) = (is_refresh, &contact) {
            let _ = request.headers_mut().set_text(Name::Contact, contact);
        }
        Some(request)
    }
}

/// The proxies that want to stay between, as the request names them (RFC 3261 §12.1.1).
pub(super) fn copy_record_route(request: &Request, response: &mut Response) {
    let headers = response.headers_mut();
    if !headers.contains(&Name::RecordRoute) {
        for value in request.headers().texts(&Name::RecordRoute) {
            // It was in a message, so there is no line end in it.
            let _ = headers.push_text(Name::RecordRoute, value);
        }
    }
}

pub(super) fn user_of(uri: &Uri) -> Option<String> {
    match uri {
        Uri::Sip(uri) => uri.user().map(|user| user.into_owned()),
        Uri::Tel(uri) => Some(uri.digits()),
        Uri::Other { .. } => None,
    }
}

/// Adds the Contact that a dialog needs, if there is none.
pub(super) fn add_contact(headers: &mut Headers, user: Option<&str>) {
    if headers.contains(&Name::Contact) {
        return;
    }
    let mut uri = SipUri::new(HostPort::new(Host::Name(Text::from_static(HERE))));
    if let Some(user) = user {
        uri = uri.with_user(user);
    }
    headers.set(&Contact::Address(NameAddr::new(Uri::Sip(uri))));
}
