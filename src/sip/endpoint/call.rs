//! Calls: the INVITE usage run over transactions (RFC 3261 §12 to §15).
//!
//! [`usage`](crate::sip::usage) says what happens; this carries it out.

use super::session::Session;
use super::transport::Hop;
use super::{CallId, Deadline, EndCause, Endpoint, Event, Failure, Target};
use crate::engine::{Cx, Ids, Key, Map, Slab};
use crate::sip::dialog::{Dialog, Id};
use crate::sip::msg::header::Reason;
use crate::sip::msg::{Request, Response, Status};
use crate::sip::usage::{self, Action, Input, State};
use crate::wire::Text;
use bytes::Bytes;

/// Early dialogs that a forked INVITE of ours may make, and 2xx that it may get.
pub(super) const FORKS: usize = 16;

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
    pub(super) sending: Option<Key>,
    /// The peer's INVITE and its number, as long as it is not answered and acknowledged.
    pub(super) server: Option<(Key, u32)>,
    /// Our INVITE whose 2xx is to be acknowledged.
    pub(super) invite: Option<Request>,
    pub(super) dialog: Option<Dialog>,
    pub(super) early: Vec<Id>,
    /// The 2xx that came.
    pub(super) acknowledged: Vec<Acknowledged>,
    /// How often our 2xx was sent.
    pub(super) repeats: u32,
    /// Requests of ours that keep an ended call known: BYEs.
    pub(super) pending: u32,
    /// Our re-INVITE or UPDATE that has no final response.
    pub(super) offering: bool,
    /// A re-INVITE is to be tried again; whether it only keeps the session alive.
    pub(super) again: Option<bool>,
    /// Whether we made the Call-ID.
    pub(super) outgoing: bool,
    /// Our Contact, without the address.
    pub(super) contact: Option<Text>,
    /// What was last offered or answered by us, which a refresh repeats.
    pub(super) description: Option<(Text, Bytes)>,
    /// Why it ends, for the CANCEL or BYE.
    pub(super) reason: Option<String>,
    pub(super) cause: EndCause,
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
pub(super) struct Acknowledged {
    pub(super) tag: Text,
    pub(super) number: u32,
    /// The ACK, once it has left.
    pub(super) sent: Option<(Hop, Bytes)>,
}

/// The calls and what they are found by.
#[derive(Debug)]
pub(super) struct Calls {
    slab: Slab<Call>,
    pub(super) by_dialog: Map<Id, Key>,
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

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    pub(super) fn get(&self, key: Key) -> Option<&Call> {
        self.slab.get(key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Call> {
        self.slab.get_mut(key)
    }

    pub(super) fn insert(&mut self, state: State, target: Target) -> Key {
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

    pub(super) fn remove(&mut self, key: Key) {
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
pub(super) struct Hand {
    /// The response that arrived, or that the user gives.
    pub(super) response: Option<Response>,
    /// The request that arrived.
    pub(super) request: Option<Request>,
    /// Why no response arrived.
    pub(super) why: Option<Failure>,
}

impl Hand {
    pub(super) fn response(response: Response) -> Self {
        Self {
            response: Some(response),
            ..Self::default()
        }
    }

    pub(super) fn request(request: Request) -> Self {
        Self {
            request: Some(request),
            ..Self::default()
        }
    }
}

impl Endpoint {
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

    /// One step of the table.
    pub(super) fn step(&mut self, cx: &mut Cx<'_>, key: Key, input: Input, mut hand: Hand) {
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

    pub(super) fn act(&mut self, cx: &mut Cx<'_>, key: Key, action: Action, hand: &mut Hand) {
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

    /// Forgets a call that is over once nothing of it can arrive any more.
    pub(super) fn release(&mut self, _cx: &mut Cx<'_>, key: Key) {
        if let Some(call) = self.calls.get(key)
            && call.state == State::Over
            && call.sending.is_none()
            && call.pending == 0
        {
            self.calls.remove(key);
        }
    }
}
