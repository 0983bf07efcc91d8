//! Requests of peers that are about calls: INVITE, CANCEL, ACK, BYE, and the rest of a dialog
//! (RFC 3261 §9.2, §12.2.2, §13.3, §15.1.2).

use super::call::{CallTimer, Hand};
use super::fill::sequence;
use super::fork::{Fork, Within, is_described};
use super::{CallId, Deadline, EndCause, Endpoint, Event, ServerId, Source, Target};
use crate::engine::{Cx, Key};
use crate::sip::dialog::Dialog;
use crate::sip::msg::{Method, Request, Status};
use crate::sip::offer::{self, Meaning, Place};
use crate::sip::usage::{Input, State};

impl Endpoint {
    pub(super) fn handle_invite(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        request: Request,
        source: Source,
    ) {
        if self.calls.len() >= cx.limits.sip_dialogs {
            return self.answer(cx, server, Status::SERVICE_UNAVAILABLE);
        }
        let refusal = self.refuse_unable(&request);
        if let Some(refusal) = refusal.or_else(|| self.refuse_interval(&request)) {
            return self.reply(cx, server, refusal);
        }
        let relation = match self.relation_of(&request) {
            Ok(relation) => relation,
            Err(status) => return self.answer(cx, server, status),
        };
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
        let described = is_described(request.headers(), request.body(), cx.limits);
        let reliable = self.reliable_of(&request);
        if let Some(call) = self.calls.get_mut(key) {
            call.server = Some((server, sequence(&request)));
            call.reliable = reliable;
            call.relation = relation;
            let exchange = offer::receive(offer::State::Stable, Place::Invite, described)
                .map_or(offer::State::Stable, |(exchange, _)| exchange);
            let mut fork = Fork::new(call.next_number(), dialog, exchange);
            fork.learn(request.headers());
            call.fork = Some(fork);
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

    /// A request in the dialog of a call arrived, anything but ACK and CANCEL.
    pub(super) fn handle_in_call(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        within: Within,
        request: Request,
        source: Source,
    ) {
        let key = within.call;
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let is_own = (call.fork.as_ref()).is_some_and(|fork| fork.number == within.fork);
        let state = call.state;
        if let Some(fork) = call.dialog_mut(within.fork)
            && let Err(status) = fork.dialog.receive(sequence(&request))
        {
            return self.answer(cx, server, status);
        }
        match request.method() {
            Method::Bye => {
                self.answer(cx, server, Status::OK);
                if is_own {
                    self.handle_bye(cx, key, request);
                } else {
                    // An early dialog is not for the one called to end, but that it is over is certain.
                    self.forget_fork(within);
                }
            }
            // A subscription may outlast the call (RFC 5057 §5.1).
            Method::Subscribe | Method::Notify if is_own => {
                self.handle_event_in_call(cx, server, key, &request, source);
            }
            _ if state == State::Over => {
                self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
            }
            Method::Refer if is_own && self.takes_refer() => {
                self.handle_event_in_call(cx, server, key, &request, source);
            }
            Method::Info if !self.understands(&request) => self.refuse_info(cx, server, &request),
            Method::Invite => self.handle_reinvite(cx, server, within, request),
            Method::Prack => self.handle_prack(cx, server, within, request),
            Method::Update => self.handle_update(cx, server, within, request),
            _ => self.events.push_back(Event::Request {
                id: ServerId(server),
                request,
                source,
                call: Some(CallId(key)),
            }),
        }
    }

    pub(super) fn handle_bye(&mut self, cx: &mut Cx<'_>, key: Key, request: Request) {
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

    /// An ACK for a 2xx arrived.
    pub(super) fn handle_ack(&mut self, cx: &mut Cx<'_>, request: &Request) {
        let Some(within) = self.dialog_of(request) else {
            return;
        };
        let key = within.call;
        let described = is_described(request.headers(), request.body(), cx.limits);
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
        let mut meaning = Meaning::Nothing;
        if let Some(fork) = call.dialog_mut(within.fork)
            && let Ok((exchange, meant)) = offer::receive(fork.exchange, Place::Ack, described)
        {
            fork.exchange = exchange;
            meaning = meant;
        }
        if call.state == State::Answered {
            self.schedule_session(cx, key);
        } else if call.state == State::Up && meaning == Meaning::Answer {
            self.events.push_back(Event::Confirmed {
                call: CallId(key),
                request: request.clone(),
            });
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
            self.end_reliable(key);
            return self.step(cx, key, Input::Cancel, Hand::request(cancel));
        }
        if call.server.is_some_and(|(server, _)| server == invite) {
            call.server = None;
            if let Some(fork) = &mut call.fork {
                fork.exchange = offer::refused(fork.exchange, Place::Invite);
            }
            self.end_reliable(key);
        }
        self.answer(cx, invite, Status::REQUEST_TERMINATED);
    }
}
