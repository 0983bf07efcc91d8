//! What the layer above wants of a call.

use super::call::{CallTimer, Hand};
use super::fill::{ALLOW, set_default, set_sequence};
use super::sending::User;
use super::{CallId, Deadline, EndCause, Endpoint, Event, Failure, HERE, RequestId, Target};
use crate::engine::{Cx, Key};
use crate::sip::msg::header::{Contact, From, NameAddr, Reason};
use crate::sip::msg::uri::SipUri;
use crate::sip::msg::{Header, Headers, Method, Name, Request, Response, Uri};
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
        self.offer_session_timer(&mut request);
        let key = self.calls.insert(State::Calling, target.clone());
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
            call.description = description(request.headers(), request.body());
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

/// The body of a message with its type, in a buffer of its own.
fn description(headers: &Headers, body: &Bytes) -> Option<(Text, Bytes)> {
    if body.is_empty() {
        return None;
    }
    let content_type = headers.text(&Name::ContentType)?;
    Some((Text::from(content_type), Bytes::copy_from_slice(body)))
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
