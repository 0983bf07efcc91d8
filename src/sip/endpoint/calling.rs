//! What comes of our INVITEs, and the ACK and BYE that follow (RFC 3261 §12.2.1, §13.2.2, §14.1, §15.1.1).

use super::call::{Acknowledged, CallTimer, FORKS, Hand};
use super::fill::{sequence, set_sequence};
use super::sending::User;
use super::session::longer_interval;
use super::transport::Hop;
use super::{CallId, Deadline, EndCause, Endpoint, Event, Failure};
use crate::engine::{Cx, Key};
use crate::sip::dialog::{Dialog, Id};
use crate::sip::msg::{Headers, Method, Name, Request, Response, Status};
use crate::sip::usage::{Input, State};
use crate::wire::Text;
use bytes::Bytes;
use std::time::Duration;

impl Endpoint {
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

    /// Sends the ACK for a 2xx to `invite` (RFC 3261 §13.2.2.4).
    pub(super) fn acknowledge(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        dialog: &Dialog,
        invite: &Request,
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

/// The dialog of a response to a request of ours.
fn id_of(response: &Response) -> Option<Id> {
    let keys = response.keys().ok()?;
    Some(Id {
        call_id: Text::from(keys.call_id),
        local_tag: Text::from(keys.from_tag.unwrap_or_default()),
        peer_tag: Text::from(keys.to_tag?),
    })
}

pub(super) fn allows_update(headers: &Headers) -> bool {
    headers
        .texts(&Name::Allow)
        .flat_map(|value| value.split(','))
        .any(|method| method.trim() == Method::Update.as_str())
}
