//! UPDATE: a session is changed or kept alive without an INVITE, also before it is up (RFC 3311, RFC 4028 §7.4).

use super::calling::is_gone;
use super::fork::{Description, Within, is_described};
use super::sending::User;
use super::session::longer_interval;
use super::{CallError, CallId, Deadline, DialogId, EndCause, Endpoint, Event, Failure};
use crate::engine::{Cx, Key};
use crate::sip::endpoint::call::CallTimer;
use crate::sip::msg::{Method, Request, Response, Status};
use crate::sip::offer::{self, Place, Side};
use crate::sip::usage::State;
use bytes::Bytes;
use std::time::Duration;

/// What met a request of the peer's, and is to be tried again (RFC 3261 §14.1, RFC 3311 §5.1).
#[derive(Debug)]
pub(super) enum Again {
    /// A re-INVITE; `refresh` if it only keeps the session alive.
    Reinvite {
        refresh: bool,
        description: Option<Description>,
    },
    /// An UPDATE.
    Update {
        fork: u16,
        description: Option<Description>,
        refresh: bool,
    },
}

impl Endpoint {
    /// Sends an UPDATE for the layer above.
    pub(super) fn update_dialog(
        &mut self,
        cx: &mut Cx<'_>,
        id: DialogId,
        description: Option<Bytes>,
    ) -> Result<(), CallError> {
        let within = self.within(id).ok_or(CallError::Gone)?;
        self.drop_stale_offer(within);
        let call = self.calls.get(within.call).ok_or(CallError::Gone)?;
        let is_open = match call.state {
            State::Calling | State::Early | State::Up => true,
            // The dialog is there once the caller knows our tag.
            State::Ringing | State::Answered => call.is_known,
            _ => return Err(CallError::Gone),
        };
        let fork = call.dialog(within.fork).ok_or(CallError::Gone)?;
        if !is_open {
            return Err(CallError::State);
        }
        if !fork.peer_updates {
            return Err(CallError::Unsupported);
        }
        if fork.updating || call.again.is_some() {
            return Err(CallError::Busy);
        }
        offer::next(
            fork.exchange,
            Side::Local,
            Place::Update,
            description.is_some(),
        )?;
        self.send_update(cx, within, description.map(Description::sdp), false);
        Ok(())
    }

    /// Sends an UPDATE that the table allows. `false` if it does not.
    pub(super) fn send_update(
        &mut self,
        cx: &mut Cx<'_>,
        within: Within,
        description: Option<Description>,
        refresh: bool,
    ) -> bool {
        let Some(fork) = self.fork_mut(within) else {
            return false;
        };
        let offers = description.is_some();
        let Ok((exchange, _)) = offer::next(fork.exchange, Side::Local, Place::Update, offers)
        else {
            return false;
        };
        fork.exchange = exchange;
        fork.updating = true;
        let Some(mut request) = self.in_dialog(within, Method::Update) else {
            return false;
        };
        if let Some(description) = description {
            self.describe(within.call, &mut request, description, true);
        }
        let Some(call) = self.calls.get(within.call) else {
            return false;
        };
        let target = call.target.clone();
        if call.state == State::Up {
            self.offer_session_timer(within.call, &mut request);
        }
        self.sign(&mut request);
        self.send(cx, request, target, User::Update { within, refresh });
        true
    }

    /// The outcome of an UPDATE of ours.
    pub(super) fn updated(
        &mut self,
        cx: &mut Cx<'_>,
        within: Within,
        refresh: bool,
        request: &Request,
        outcome: Result<Response, Failure>,
    ) {
        let key = within.call;
        let success = (outcome.as_ref().ok()).filter(|response| response.status().is_success());
        let is_success = success.is_some();
        let described = success
            .is_some_and(|response| is_described(response.headers(), response.body(), cx.limits));
        let Some(fork) = self.fork_mut(within) else {
            return;
        };
        fork.updating = false;
        if let Some(response) = success {
            let taken = offer::receive(fork.exchange, Place::UpdateSuccess, described);
            fork.exchange = taken.map_or(fork.exchange, |(exchange, _)| exchange);
            fork.dialog.refresh(response.headers());
            fork.learn(response.headers());
        } else {
            fork.exchange = offer::refused(fork.exchange, Place::Update);
        }
        self.settle_proposal(key, is_success);
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let is_up = call.state == State::Up;
        if let Some(response) = success.filter(|_| is_up) {
            self.take_session_timer(key, response.headers());
            self.schedule_session(cx, key);
        } else if is_up && is_gone(&outcome) {
            return self.lose(cx, key, EndCause::Gone);
        } else if let Ok(response) = &outcome {
            let sdp = (!request.body().is_empty())
                .then(|| Description::of(request.headers(), request.body()))
                .flatten();
            match response.status() {
                Status::REQUEST_PENDING if call.again.is_none() => {
                    let again = Again::Update {
                        fork: within.fork,
                        description: sdp,
                        refresh,
                    };
                    return self.wait_for_glare(cx, key, again);
                }
                Status::SESSION_INTERVAL_TOO_SMALL
                    if is_up && self.lengthen_session(key, request, response) =>
                {
                    self.send_update(cx, within, sdp, refresh);
                    return;
                }
                Status::METHOD_NOT_ALLOWED | Status::NOT_IMPLEMENTED => {
                    if let Some(fork) = self.fork_mut(within) {
                        fork.peer_updates = false;
                    }
                    if refresh {
                        return self.refresh_session(cx, key);
                    }
                }
                _ => {}
            }
        }
        if refresh {
            if !is_success {
                self.refresh_later(cx, key);
            }
            return;
        }
        self.events.push_back(Event::Updated {
            dialog: within.id(),
            response: outcome.ok(),
        });
    }

    /// Has a request tried again after a while. Who made the Call-ID waits longer, so that the two do not meet again
    /// (RFC 3261 §14.1).
    pub(super) fn wait_for_glare(&mut self, cx: &mut Cx<'_>, key: Key, again: Again) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        // In steps of 10 ms.
        let (from, steps) = if call.outgoing { (210, 191) } else { (0, 201) };
        let wait = Duration::from_millis(10 * (from + cx.ids.below(steps)));
        call.again = Some(Box::new(again));
        self.timers
            .set(Deadline::Call(key, CallTimer::Glare), cx.now + wait);
    }

    /// Tries again what met a request of the peer's.
    pub(super) fn try_again(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(again) = (self.calls.get_mut(key)).and_then(|call| call.again.take()) else {
            return;
        };
        match *again {
            Again::Reinvite {
                refresh,
                description,
            } => {
                if !self.send_reinvite(cx, key, description, refresh) && !refresh {
                    self.events.push_back(Event::Reanswered {
                        call: CallId(key),
                        response: None,
                    });
                }
            }
            Again::Update {
                fork,
                description,
                refresh,
            } => {
                let within = Within { call: key, fork };
                if !self.send_update(cx, within, description, refresh) && !refresh {
                    self.events.push_back(Event::Updated {
                        dialog: within.id(),
                        response: None,
                    });
                }
            }
        }
    }

    /// An UPDATE of the peer's.
    pub(super) fn handle_update(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        within: Within,
        request: Request,
    ) {
        self.drop_stale_offer(within);
        if let Some(refusal) = self.refuse_interval(&request) {
            return self.reply(cx, server, refusal);
        }
        let described = is_described(request.headers(), request.body(), cx.limits);
        let Some(fork) = self.fork_mut(within) else {
            return;
        };
        // One before it is not answered (RFC 3311 §5.2).
        if matches!(fork.offered, Some((_, Place::Update))) {
            let status = Status::SERVER_INTERNAL_ERROR;
            let response = self.glare_response(cx, &request, status);
            return self.reply(cx, server, response);
        }
        match offer::receive(fork.exchange, Place::Update, described) {
            Err(status) => {
                let response = self.glare_response(cx, &request, status);
                self.reply(cx, server, response);
            }
            Ok((exchange, offer::Meaning::Offer)) => {
                fork.exchange = exchange;
                fork.offered = Some((server, Place::Update));
                fork.learn(request.headers());
                self.events.push_back(Event::Offered {
                    dialog: within.id(),
                    request,
                });
            }
            Ok(_) => {
                fork.learn(request.headers());
                let response = request.response(Status::OK);
                self.answer_update(cx, server, within, &request, response);
            }
        }
    }

    /// Answers a PRACK or UPDATE with an offer, for the layer above.
    pub(super) fn answer_offered(
        &mut self,
        cx: &mut Cx<'_>,
        id: DialogId,
        response: Response,
    ) -> Result<(), CallError> {
        let within = self.within(id).ok_or(CallError::Gone)?;
        self.drop_stale_offer(within);
        let described = is_described(response.headers(), response.body(), cx.limits);
        let fork = self.fork_mut(within).ok_or(CallError::Gone)?;
        let (server, place) = fork.offered.ok_or(CallError::State)?;
        let status = response.status();
        if status.is_success() {
            let answer = match place {
                Place::Prack => Place::PrackSuccess,
                _ => Place::UpdateSuccess,
            };
            fork.exchange = offer::next(fork.exchange, Side::Local, answer, described)?.0;
        } else if status.is_final() {
            fork.exchange = offer::refused(fork.exchange, place);
        } else {
            return Err(CallError::State);
        }
        fork.offered = None;
        let request = (self.servers.get(server)).and_then(|server| server.request.clone());
        match request {
            Some(request) if place == Place::Update && status.is_success() => {
                self.answer_update(cx, server, within, &request, response);
            }
            _ => {
                if status.is_success() {
                    self.remember_description(cx, within.call, response.headers(), response.body());
                }
                self.reply(cx, server, response);
            }
        }
        self.offer_answered(cx, within.call);
        Ok(())
    }

    /// Sends the 2xx to an UPDATE, which moves the peer's target and the session timer (RFC 3311 §5.2).
    fn answer_update(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        within: Within,
        request: &Request,
        mut response: Response,
    ) {
        if let Some(fork) = self.fork_mut(within) {
            fork.dialog.refresh(request.headers());
        }
        let key = within.call;
        self.establish(key, server, &mut response);
        self.remember_description(cx, key, response.headers(), response.body());
        // Before the 2xx to the INVITE there is no session to be kept alive.
        let is_up = (self.calls.get(key))
            .is_some_and(|call| matches!(call.state, State::Up | State::Answered));
        if is_up {
            self.answer_session_timer(key, server, &mut response);
        }
        self.reply(cx, server, response);
        if is_up {
            self.schedule_session(cx, key);
        }
    }

    /// Puts a description into a request; an offer becomes ours for good when it is answered.
    pub(super) fn describe(
        &mut self,
        key: Key,
        request: &mut Request,
        description: Description,
        offers: bool,
    ) {
        request.set_body(&description.content_type, description.body.clone());
        if let Some(call) = self.calls.get_mut(key) {
            match offers {
                true => call.proposed = Some(description),
                false => call.description = Some(description),
            }
        }
    }

    /// An offer of ours was answered, or refused.
    pub(super) fn settle_proposal(&mut self, key: Key, is_answered: bool) {
        if let Some(call) = self.calls.get_mut(key)
            && let Some(proposed) = call.proposed.take()
            && is_answered
        {
            call.description = Some(proposed);
        }
    }

    /// Whether a 422 asks for a longer interval than was offered, which is then ours (RFC 4028 §7.3).
    pub(super) fn lengthen_session(
        &mut self,
        key: Key,
        request: &Request,
        response: &Response,
    ) -> bool {
        let Some(least) = longer_interval(request, response) else {
            return false;
        };
        match self.calls.get_mut(key) {
            Some(call) => call.lengthen(least),
            None => false,
        }
    }
}
