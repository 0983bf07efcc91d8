//! Re-INVITEs, in both directions (RFC 3261 §14).

use super::call::CallTimer;
use super::calling::{is_gone, tag_of};
use super::fill::sequence;
use super::fork::{Description, Within, is_described};
use super::sending::User;
use super::update::Again;
use super::{CallError, CallId, Deadline, EndCause, Endpoint, Event, Failure};
use crate::engine::{Cx, Key};
use crate::sip::msg::{Method, Request, Response, Status};
use crate::sip::offer::{self, Meaning, Place, Side};
use crate::sip::usage::State;
use bytes::Bytes;

impl Endpoint {
    pub(super) fn offer_again(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        description: Option<Bytes>,
    ) -> Result<(), CallError> {
        let call = self.calls.get(key).ok_or(CallError::Gone)?;
        let fork = call.fork.as_ref().ok_or(CallError::State)?;
        let within = Within {
            call: key,
            fork: fork.number,
        };
        self.drop_stale_offer(within);
        let call = self.calls.get(key).ok_or(CallError::Gone)?;
        match call.state {
            State::Up if call.is_busy() => return Err(CallError::Busy),
            State::Up => {}
            State::Over | State::Departing => return Err(CallError::Gone),
            _ => return Err(CallError::State),
        }
        if let Some(fork) = &call.fork {
            let described = description.is_some();
            offer::next(fork.exchange, Side::Local, Place::Invite, described)?;
        }
        self.send_reinvite(cx, key, description.map(Description::sdp), false);
        Ok(())
    }

    /// Sends a re-INVITE with a description of our side, or one that asks for the peer's.
    pub(super) fn send_reinvite(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        description: Option<Description>,
        refresh: bool,
    ) -> bool {
        let Some(fork) = (self.calls.get_mut(key)).and_then(|call| call.fork.as_mut()) else {
            return false;
        };
        let described = description.is_some();
        let Ok((exchange, _)) = offer::next(fork.exchange, Side::Local, Place::Invite, described)
        else {
            return false;
        };
        fork.exchange = exchange;
        fork.reliable = None;
        let within = Within {
            call: key,
            fork: fork.number,
        };
        let Some(mut request) = self.in_dialog(within, Method::Invite) else {
            return false;
        };
        if let Some(description) = description {
            self.describe(key, &mut request, description, true);
        }
        self.require(&mut request);
        self.offer_session_timer(key, &mut request);
        let Some(call) = self.calls.get_mut(key) else {
            return false;
        };
        call.offering = true;
        let target = call.target.clone();
        self.sign(&mut request);
        self.send(cx, request, target, User::Reinvite { call: key, refresh });
        true
    }

    pub(super) fn answer_reinvite_of(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        response: Response,
    ) -> Result<(), CallError> {
        let call = self.calls.get(key).ok_or(CallError::Gone)?;
        if call.state == State::Ringing {
            return Err(CallError::State);
        }
        let server = self.unanswered(key)?;
        let described = is_described(response.headers(), response.body(), cx.limits);
        let call = self.calls.get_mut(key).ok_or(CallError::Gone)?;
        let status = response.status();
        if status.is_success() {
            if let Some(fork) = &call.fork {
                match offer::next(fork.exchange, Side::Local, Place::Success, described) {
                    Ok(_) | Err(offer::Misplaced::Unacknowledged) => {}
                    Err(why) => return Err(why.into()),
                }
            }
            if let Some(response) = self.delay_accept(key, response) {
                self.accept_reinvite(cx, key, server, response);
            }
        } else if status.is_final() {
            call.server = None;
            if let Some(fork) = &mut call.fork {
                fork.exchange = offer::refused(fork.exchange, Place::Invite);
            }
            self.end_reliable(key);
            self.reply(cx, server, response);
        } else {
            return self.progress_call(cx, key, response, false);
        }
        Ok(())
    }

    /// Sends the 2xx to a re-INVITE.
    pub(super) fn accept_reinvite(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        server: Key,
        mut response: Response,
    ) {
        let Some(request) = self.servers.get(server).and_then(|s| s.request.clone()) else {
            return;
        };
        let described = is_described(response.headers(), response.body(), cx.limits);
        if let Some(fork) = (self.calls.get_mut(key)).and_then(|call| call.fork.as_mut()) {
            if let Ok((exchange, _)) =
                offer::next(fork.exchange, Side::Local, Place::Success, described)
            {
                fork.exchange = exchange;
            }
            fork.dialog.refresh(request.headers());
        }
        self.end_reliable(key);
        self.establish(key, server, &mut response);
        self.remember_description(cx, key, response.headers(), response.body());
        self.answer_session_timer(key, server, &mut response);
        self.repeat_until_acknowledged(cx, key);
        self.schedule_session(cx, key);
        self.reply(cx, server, response);
    }

    /// A provisional response to our re-INVITE.
    pub(super) fn reinvite_progress(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        invite: &Request,
        response: Response,
    ) {
        if (self.calls.get(key)).is_some_and(|call| call.state == State::Up) {
            self.invite_progress(cx, key, invite, response);
        }
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
        let Some(tag) = tag_of(&response) else { return };
        if self.acknowledge_again(cx, key, &tag, sequence(request)) {
            return;
        }
        let described = is_described(response.headers(), response.body(), cx.limits);
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        // It comes again while the user has not said what the ACK shall answer.
        if call.invite.is_some() {
            return;
        }
        call.offering = false;
        let is_up = call.state == State::Up;
        let Some(fork) = &mut call.fork else {
            return;
        };
        let taken = offer::receive(fork.exchange, Place::Success, described);
        let (exchange, meaning) = taken.unwrap_or((fork.exchange, Meaning::Nothing));
        fork.exchange = exchange;
        fork.dialog.refresh(response.headers());
        fork.learn(response.headers());
        call.invite = Some(request.clone());
        let held = meaning == Meaning::Offer && is_up;
        self.settle_proposal(key, true);
        if held {
            self.timers.set(
                Deadline::Call(key, CallTimer::Answer),
                cx.now + self.config.times.give_up(),
            );
        } else {
            self.acknowledge_invite(cx, key, None);
        }
        self.take_session_timer(key, response.headers());
        self.schedule_session(cx, key);
        if !refresh || held {
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
        request: &Request,
        outcome: Result<Response, Failure>,
    ) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        call.offering = false;
        if let Some(fork) = &mut call.fork {
            fork.exchange = offer::refused(fork.exchange, Place::Invite);
            fork.held = None;
        }
        let state = call.state;
        self.settle_proposal(key, false);
        if state != State::Up {
            return;
        }
        if is_gone(&outcome) {
            return self.lose(cx, key, EndCause::Gone);
        }
        if let Ok(response) = &outcome {
            let description = (!request.body().is_empty())
                .then(|| Description::of(request.headers(), request.body()))
                .flatten();
            match response.status() {
                Status::REQUEST_PENDING => {
                    let again = Again::Reinvite {
                        refresh,
                        description,
                    };
                    return self.wait_for_glare(cx, key, again);
                }
                Status::SESSION_INTERVAL_TOO_SMALL
                    if self.lengthen_session(key, request, response) =>
                {
                    self.send_reinvite(cx, key, description, refresh);
                    return;
                }
                _ => {}
            }
        }
        // Until the session expires it may still be refreshed, from either side.
        self.refresh_later(cx, key);
        if !refresh {
            self.events.push_back(Event::Reanswered {
                call: CallId(key),
                response: outcome.ok(),
            });
        }
    }

    /// A re-INVITE of the peer's.
    pub(super) fn handle_reinvite(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        within: Within,
        request: Request,
    ) {
        let key = within.call;
        self.drop_stale_offer(within);
        let Some(call) = self.calls.get(key) else {
            return;
        };
        if call.state != State::Up || call.offering || call.invite.is_some() {
            return self.answer(cx, server, Status::REQUEST_PENDING);
        }
        if let Some((earlier, _)) = call.server {
            // The one before is not answered, or not acknowledged (RFC 3261 §14.2).
            let answered = (self.servers.get(earlier)).is_none_or(|s| s.request.is_none());
            let status = match answered {
                true => Status::REQUEST_PENDING,
                false => Status::SERVER_INTERNAL_ERROR,
            };
            let response = self.glare_response(cx, &request, status);
            return self.reply(cx, server, response);
        }
        if let Some(refusal) = self.refuse_interval(&request) {
            return self.reply(cx, server, refusal);
        }
        let described = is_described(request.headers(), request.body(), cx.limits);
        let Some(fork) = self.fork_mut(within) else {
            return;
        };
        match offer::receive(fork.exchange, Place::Invite, described) {
            Ok((exchange, _)) => fork.exchange = exchange,
            Err(status) => {
                let response = self.glare_response(cx, &request, status);
                return self.reply(cx, server, response);
            }
        }
        fork.learn(request.headers());
        let reliable = self.reliable_of(&request);
        if let Some(call) = self.calls.get_mut(key) {
            call.server = Some((server, sequence(&request)));
            call.reliable = reliable;
        }
        if let Some(entry) = self.servers.get_mut(server) {
            entry.call = Some(key);
        }
        self.events.push_back(Event::Reinvited {
            call: CallId(key),
            request,
        });
    }
}
