//! Requests of peers that are about calls: INVITE, CANCEL, ACK, BYE, and the rest of a dialog
//! (RFC 3261 §9.2, §12.2.2, §13.3, §14.2, §15.1.2).

use super::call::{CallTimer, Hand};
use super::calling::allows_update;
use super::fill::sequence;
use super::{CallId, Deadline, EndCause, Endpoint, Event, ServerId, Source, Target};
use crate::engine::{Cx, Key};
use crate::sip::dialog::{Dialog, Id};
use crate::sip::msg::{Method, Name, Request, Status};
use crate::sip::usage::{Input, State};
use crate::wire::Text;

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

    pub(super) fn handle_reinvite(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        key: Key,
        request: Request,
    ) {
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
}
