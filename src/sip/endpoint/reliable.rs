//! Reliable provisional responses to the INVITEs of peers (RFC 3262 §3, §5).
//!
//! One is out at a time; those after it wait for its PRACK, and so does a 2xx if there is a description in it.

use super::call::{CallTimer, Hand};
use super::fill::{sequence, set_default};
use super::fork::{Within, is_described};
use super::{CallError, CallId, Deadline, EndCause, Endpoint, Event};
use crate::engine::{Cx, Key};
use crate::sip::msg::header::{RAck, RSeq, Require, Supported};
use crate::sip::msg::{Method, Name, Request, Response, Status};
use crate::sip::offer::{self, Meaning, Place, Side};
use crate::sip::usage::{Input, State};
use bytes::Bytes;
use std::collections::VecDeque;

/// The option tag.
pub(super) const TAG: &str = "100rel";

/// The reliable provisional responses to one INVITE.
#[derive(Debug)]
pub(super) struct Reliable {
    /// Whether the caller demands that all of them are.
    pub(super) required: bool,
    /// The number of the INVITE.
    number: u32,
    /// The RSeq of the next one; 0 before the first.
    next: u32,
    /// The one that is not acknowledged.
    out: Option<Out>,
    /// Those that wait for its PRACK.
    queue: VecDeque<Response>,
    /// The 2xx that waits for it as well.
    pub(super) accepted: Option<Response>,
}

#[derive(Debug)]
struct Out {
    number: u32,
    bytes: Bytes,
    sent: u32,
    /// Whether there is a description in it.
    described: bool,
}

impl Reliable {
    /// What an INVITE says about it; `None` if its sender knows nothing of it.
    pub(super) fn of(invite: &Request) -> Option<Box<Self>> {
        let tag = |tags: Option<bool>| tags.unwrap_or(false);
        let headers = invite.headers();
        let required = tag(Require::of(headers).ok().map(|tags| tags.contains(TAG)));
        let supported = tag(Supported::of(headers).ok().map(|tags| tags.contains(TAG)));
        (required || supported).then(|| {
            Box::new(Self {
                required,
                number: sequence(invite),
                next: 0,
                out: None,
                queue: VecDeque::new(),
                accepted: None,
            })
        })
    }

    /// Whether a 2xx has to wait (RFC 3262 §5).
    fn delays(&self) -> bool {
        !self.queue.is_empty() || self.out.as_ref().is_some_and(|out| out.described)
    }
}

impl Endpoint {
    /// 421 for an INVITE that does not support what we require (RFC 3261 §21.4.16).
    pub(super) fn refuse_unable(&self, request: &Request) -> Option<Response> {
        let required = &self.config.required;
        if required.is_empty() {
            return None;
        }
        let supported = Supported::of(request.headers()).unwrap_or_default();
        let demanded = Require::of(request.headers()).unwrap_or_default();
        let able = |tag: &str| supported.contains(tag) || demanded.contains(tag);
        if required.iter().all(|tag| able(tag)) {
            return None;
        }
        let mut response = request.response(Status::EXTENSION_REQUIRED);
        response.headers_mut().set(&Require(required.clone()));
        Some(response)
    }

    /// Whether every provisional response but 100 has to be reliable: the caller requires it, or we do.
    pub(super) fn demands_reliable(&self, key: Key) -> bool {
        let reliable = (self.calls.get(key)).and_then(|call| call.reliable.as_ref());
        reliable.is_some_and(|reliable| {
            reliable.required || self.config.required.iter().any(|tag| *tag == TAG)
        })
    }

    /// Sends a provisional response reliably, or has it wait for the PRACK of the one before.
    pub(super) fn progress_reliable(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        server: Key,
        mut response: Response,
    ) -> Result<(), CallError> {
        let described = is_described(response.headers(), response.body(), cx.limits);
        let call = self.calls.get_mut(key).ok_or(CallError::Gone)?;
        let reliable = call.reliable.as_mut().ok_or(CallError::Unsupported)?;
        if reliable.accepted.is_some() {
            return Err(CallError::State);
        }
        if reliable.queue.len() >= cx.limits.sip_reliable {
            return Err(CallError::Busy);
        }
        let fork = call.fork.as_mut().ok_or(CallError::Gone)?;
        fork.exchange = offer::next(fork.exchange, Side::Local, Place::Reliable, described)?.0;
        self.establish(key, server, &mut response);
        if let Some(reliable) = (self.calls.get_mut(key)).and_then(|call| call.reliable.as_mut()) {
            reliable.queue.push_back(response);
        }
        self.next_reliable(cx, key);
        Ok(())
    }

    /// Sends the next reliable provisional response, or the 2xx, if nothing is in its way.
    fn next_reliable(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let (Some(reliable), Some((server, _))) = (&mut call.reliable, call.server) else {
            return;
        };
        if reliable.out.is_some() {
            return;
        }
        let Some(mut response) = reliable.queue.pop_front() else {
            // The offer of a PRACK is answered before the INVITE.
            let is_open = (call.fork.as_ref()).is_some_and(|fork| fork.offered.is_some());
            if !is_open && let Some(response) = reliable.accepted.take() {
                self.accept_now(cx, key, server, response);
            }
            return;
        };
        if reliable.next == 0 {
            // From 1 to 2^31 - 1, so that no later one runs over (RFC 3262 §3).
            reliable.next = u32::try_from(1 + cx.ids.below((1 << 31) - 1)).unwrap_or(1);
        }
        let number = reliable.next;
        reliable.next = reliable.next.saturating_add(1);
        let described = is_described(response.headers(), response.body(), cx.limits);
        let headers = response.headers_mut();
        headers.set(&RSeq(number));
        if !Require::of(headers).is_ok_and(|tags| tags.contains(TAG)) {
            headers.push(&Require::new(&[TAG]));
        }
        self.reply(cx, server, response);
        let Some(bytes) = self.last_sent(server) else {
            return;
        };
        if let Some(reliable) = (self.calls.get_mut(key)).and_then(|call| call.reliable.as_mut()) {
            reliable.out = Some(Out {
                number,
                bytes,
                sent: 1,
                described,
            });
        }
        let times = self.config.times;
        self.timers
            .set(Deadline::Call(key, CallTimer::Reliable), cx.now + times.t1);
        self.timers.set(
            Deadline::Call(key, CallTimer::NoPrack),
            cx.now + times.give_up(),
        );
    }

    /// No PRACK yet: sends the response once more, over whatever transport.
    pub(super) fn repeat_reliable(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let out = call.reliable.as_mut().and_then(|all| all.out.as_mut());
        let (Some(out), Some((server, _))) = (out, call.server) else {
            return;
        };
        out.sent = out.sent.saturating_add(1);
        let wait = self.config.times.doubled(out.sent);
        let bytes = out.bytes.clone();
        self.repeat_provisional(cx, server, bytes);
        self.timers
            .set(Deadline::Call(key, CallTimer::Reliable), cx.now + wait);
    }

    /// No PRACK at all: the INVITE is refused with 5xx (RFC 3262 §3).
    pub(super) fn miss_prack(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let Some((server, _)) = call.server else {
            return;
        };
        let Some(request) = self.servers.get(server).and_then(|s| s.request.as_ref()) else {
            return;
        };
        let response = request.response(Status::SERVER_TIMEOUT);
        if call.state == State::Ringing {
            call.cause = EndCause::NoPrack;
            self.end_reliable(key);
            return self.step(cx, key, Input::NoPrack, Hand::response(response));
        }
        // A re-INVITE: the session stays what it was.
        call.server = None;
        if let Some(fork) = &mut call.fork {
            fork.exchange = offer::refused(fork.exchange, Place::Invite);
        }
        self.end_reliable(key);
        self.reply(cx, server, response);
    }

    /// The INVITE is answered finally: nothing is sent again, though a PRACK may still come.
    pub(super) fn end_reliable(&mut self, key: Key) {
        self.timers
            .cancel(&Deadline::Call(key, CallTimer::Reliable));
        self.timers.cancel(&Deadline::Call(key, CallTimer::NoPrack));
        if let Some(reliable) = (self.calls.get_mut(key)).and_then(|call| call.reliable.as_mut()) {
            reliable.queue.clear();
        }
    }

    /// Whether a 2xx has to wait for a PRACK; then it is kept (RFC 3262 §5).
    pub(super) fn delay_accept(&mut self, key: Key, response: Response) -> Option<Response> {
        let open = |call: &super::call::Call| {
            (call.fork.as_ref()).is_some_and(|fork| fork.offered.is_some())
        };
        let Some(call) = self.calls.get_mut(key) else {
            return Some(response);
        };
        let is_open = open(call);
        match &mut call.reliable {
            Some(reliable) if reliable.delays() || is_open => {
                reliable.accepted = Some(response);
                None
            }
            _ => Some(response),
        }
    }

    /// A PRACK arrived.
    pub(super) fn handle_prack(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        within: Within,
        request: Request,
    ) {
        let Ok(rack) = request.headers().get::<RAck>() else {
            return self.answer(cx, server, Status::BAD_REQUEST);
        };
        let key = within.call;
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let matching = call.reliable.as_mut().filter(|reliable| {
            rack.method == Method::Invite
                && rack.number == reliable.number
                && (reliable.out.as_ref()).is_some_and(|out| out.number == rack.response)
        });
        let Some(out) = matching.and_then(|reliable| reliable.out.take()) else {
            return self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
        };
        self.timers
            .cancel(&Deadline::Call(key, CallTimer::Reliable));
        self.timers.cancel(&Deadline::Call(key, CallTimer::NoPrack));
        let described = is_described(request.headers(), request.body(), cx.limits);
        let Some(fork) = self.fork_mut(within) else {
            return;
        };
        // That of a response without a description settles no answer that is to follow.
        let taken = match out.described || described {
            true => offer::receive(fork.exchange, Place::Prack, described),
            false => Ok((fork.exchange, Meaning::Nothing)),
        };
        match taken {
            Ok((exchange, Meaning::Offer)) => {
                fork.exchange = exchange;
                fork.offered = Some((server, Place::Prack));
                self.events.push_back(Event::Offered {
                    dialog: within.id(),
                    request,
                });
            }
            Ok((exchange, _)) => {
                fork.exchange = exchange;
                self.answer(cx, server, Status::OK);
                self.events.push_back(Event::Acknowledged {
                    call: CallId(key),
                    request,
                });
            }
            Err(status) => {
                let response = self.glare_response(cx, &request, status);
                self.reply(cx, server, response);
            }
        }
        self.next_reliable(cx, key);
    }

    /// An offer of the peer's was answered: what waited for that goes on.
    pub(super) fn offer_answered(&mut self, cx: &mut Cx<'_>, key: Key) {
        self.next_reliable(cx, key);
    }

    /// A refusal for the moment. With 500 the peer is told when to try again (RFC 3261 §14.2, RFC 3311 §5.2).
    pub(super) fn glare_response(
        &self,
        cx: &mut Cx<'_>,
        request: &Request,
        status: Status,
    ) -> Response {
        let mut response = request.response(status);
        if status == Status::SERVER_INTERNAL_ERROR {
            let seconds = cx.ids.below(11).to_string();
            set_default(response.headers_mut(), Name::RetryAfter, &seconds);
        }
        response
    }
}
