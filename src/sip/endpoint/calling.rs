//! What comes of our INVITEs, and the ACK and BYE that follow (RFC 3261 §12.2.1, §13.2.2, §15.1.1).

use super::call::{Acknowledged, CallTimer, Hand};
use super::fill::{sequence, set_sequence};
use super::fork::{Description, Fork, is_described};
use super::sending::User;
use super::transport::Hop;
use super::{CallId, Deadline, EndCause, Endpoint, Event, Failure};
use crate::engine::{Cx, Key};
use crate::sip::dialog::Dialog;
use crate::sip::msg::header::To;
use crate::sip::msg::{Method, Name, Request, Response, Status};
use crate::sip::offer::{self, Place, Side};
use crate::sip::usage::{self, Input, State};
use crate::wire::Text;
use bytes::Bytes;

impl Endpoint {
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
        let early = (call.early.iter()).position(|fork| fork.dialog.id().peer_tag == tag);
        let early = early.map(|at| call.early.remove(at));
        let is_ended = early.as_ref().is_some_and(|early| early.ended);
        let fork = match early {
            Some(early) => {
                dialog.continue_from(&early.dialog);
                Fork { dialog, ..early }
            }
            None => Fork::new(call.next_number(), dialog, call.opening),
        };
        if let Some(own) = &call.fork {
            if own.dialog.id().peer_tag != tag {
                self.another_success(cx, key, invite, fork, response);
            } else if call.invite.is_none() {
                // The ACK could not be sent.
                self.send_ack(cx, key, &fork.dialog, invite, None);
            }
            return;
        }
        if is_ended {
            // It has crossed our BYE.
            return self.another_success(cx, key, invite, fork, response);
        }
        self.confirm(cx, key, invite, fork, response);
    }

    /// A 2xx of a branch other than the one that came first: it is acknowledged and ended, or becomes a call.
    fn another_success(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        invite: &Request,
        mut fork: Fork,
        response: Response,
    ) {
        match self.calls.by_dialog.get(fork.dialog.id()) {
            // It is a call already, whose ACK waits for the user.
            Some(known) if *known != key => return,
            _ => self.calls.by_dialog.remove(fork.dialog.id()),
        };
        let Some(call) = self.calls.get(key) else {
            return;
        };
        if call.acknowledged.len() >= cx.limits.sip_forks {
            return;
        }
        let is_wanted = self.config.keep_forks && call.state == State::Up && !fork.ended;
        if is_wanted && self.calls.len() < cx.limits.sip_dialogs {
            return self.fork_off(cx, key, invite, fork, response);
        }
        self.send_ack(cx, key, &fork.dialog, invite, None);
        let number = fork.dialog.next_sequence();
        self.send_bye(cx, key, &fork.dialog, number, None);
    }

    /// Makes a call of another branch that has accepted.
    fn fork_off(
        &mut self,
        cx: &mut Cx<'_>,
        from: Key,
        invite: &Request,
        fork: Fork,
        response: Response,
    ) {
        let Some(parent) = self.calls.get(from) else {
            return;
        };
        let (target, contact) = (parent.target.clone(), parent.contact.clone());
        let (description, opening) = (parent.description.clone(), parent.opening);
        let key = self.calls.insert(State::Calling, target);
        if let Some(call) = self.calls.get_mut(key) {
            call.contact = contact;
            call.description = description;
            call.opening = opening;
            call.parent = Some(from);
            call.forks = fork.number.wrapping_add(1);
        }
        self.events.push_back(Event::Forked {
            call: CallId(key),
            from: CallId(from),
        });
        self.confirm(cx, key, invite, fork, response);
    }

    /// A 2xx makes `fork` the dialog of a call.
    fn confirm(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        invite: &Request,
        mut fork: Fork,
        response: Response,
    ) {
        let described = is_described(response.headers(), response.body(), cx.limits);
        let taken = offer::receive(fork.exchange, Place::Success, described);
        fork.exchange = taken.map_or(fork.exchange, |(exchange, _)| exchange);
        fork.learn(response.headers());
        fork.held = None;
        let id = fork.dialog.id().clone();
        if let Some(call) = self.calls.get_mut(key) {
            call.invite = Some(invite.clone());
            call.fork = Some(fork);
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
                if is_wanted && self.lengthen_session(key, &request, &response) {
                    let mut request = request;
                    request.headers_mut().remove(&Name::SessionExpires);
                    self.offer_session_timer(key, &mut request);
                    let number = sequence(&request).saturating_add(1);
                    set_sequence(&mut request, number);
                    self.invite_again(key);
                    return self.send_invite(cx, key, request, target);
                }
                if is_wanted && self.redirect(cx, key, &request, &response) {
                    return;
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
            if call.state != State::Up {
                call.invite = None;
            }
        }
        self.forget_early(key);
        self.release(cx, key);
    }

    /// Our INVITE goes out once more, and what came of the one before counts no more.
    pub(super) fn invite_again(&mut self, key: Key) {
        self.forget_early(key);
        if let Some(call) = self.calls.get_mut(key) {
            call.state = usage::next(call.state, Input::Again).0;
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

    /// Acknowledges the 2xx to the INVITE at hand, if it is not yet.
    pub(super) fn acknowledge_invite(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        description: Option<Description>,
    ) {
        self.timers.cancel(&Deadline::Call(key, CallTimer::Answer));
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        if let (Some(fork), Some(invite)) = (&mut call.fork, call.invite.take()) {
            let described = description.is_some();
            fork.exchange = offer::next(fork.exchange, Side::Local, Place::Ack, described)
                .map_or(offer::State::Stable, |(exchange, _)| exchange);
            let dialog = fork.dialog.clone();
            if let Some(description) = &description {
                call.description = Some(description.clone());
            }
            self.send_ack(cx, key, &dialog, &invite, description);
        }
    }

    /// Sends the ACK for a 2xx to `invite` (RFC 3261 §13.2.2.4).
    pub(super) fn send_ack(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        dialog: &Dialog,
        invite: &Request,
        description: Option<Description>,
    ) {
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
        if let Some(description) = description {
            request.set_body(&description.content_type, description.body);
        }
        self.sign(&mut request);
        let most = 2 * cx.limits.sip_forks;
        // The 2xx of a branch that became a call comes again to the call that was made.
        let parent = (self.calls.get_mut(key)).and_then(|call| call.parent.take());
        let key = parent
            .filter(|parent| self.calls.get(*parent).is_some())
            .unwrap_or(key);
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        // Those of earlier exchanges are not asked for again.
        if call.acknowledged.len() >= most && !call.acknowledged.is_empty() {
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

    /// The ACK could not be sent: the next 2xx asks for it again.
    pub(super) fn unacknowledged(&mut self, key: Key, request: &Request) {
        let Ok(to) = request.headers().get::<To>() else {
            return;
        };
        let (tag, number) = (to.tag().unwrap_or_default(), sequence(request));
        if let Some(call) = self.calls.get_mut(key) {
            (call.acknowledged).retain(|entry| entry.tag != tag || entry.number != number);
        }
    }

    /// No 2xx to this INVITE of ours can come any more.
    pub(super) fn forget_ack(&mut self, key: Key, number: u32) {
        if let Some(call) = self.calls.get_mut(key) {
            call.acknowledged.retain(|entry| entry.number != number);
            call.acknowledged.shrink_to_fit();
        }
    }

    /// Sends the ACK for a 2xx again, if it was sent before.
    pub(super) fn acknowledge_again(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        tag: &str,
        number: u32,
    ) -> bool {
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

    pub(super) fn send_bye(
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

/// The tag of the peer in a response.
pub(super) fn tag_of(response: &Response) -> Option<Text> {
    let keys = response.keys().ok()?;
    keys.to_tag.map(Text::from)
}
