//! Calls: the INVITE usage run over transactions (RFC 3261 §12 to §15).
//!
//! [`usage`](crate::sip::usage) says what happens; this carries it out.

use super::fork::{Description, Fork};
use super::redirect::Redirects;
use super::reliable::Reliable;
use super::session::Session;
use super::transport::Hop;
use super::update::Again;
use super::{CallId, Deadline, DialogId, EndCause, Endpoint, Event, Failure, Relation, Target};
use crate::engine::{Cx, Ids, Key, Map, Slab};
use crate::sip::dialog::Id;
use crate::sip::msg::header::Reason;
use crate::sip::msg::{Request, Response, Status};
use crate::sip::offer::{self, Place, Side};
use crate::sip::usage::{self, Action, Input, State};
use crate::wire::Text;
use bytes::Bytes;

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
    /// A re-INVITE or UPDATE that met the peer's is to be tried again.
    Glare,
    /// Our reliable provisional response is due again.
    Reliable,
    /// The PRACK for our reliable provisional response is overdue.
    NoPrack,
    /// The user has not said what the ACK for a 2xx with an offer shall answer.
    Answer,
}

impl CallTimer {
    const ALL: [Self; 9] = [
        Self::Patience,
        Self::Repeat,
        Self::NoAck,
        Self::Refresh,
        Self::Expiry,
        Self::Glare,
        Self::Reliable,
        Self::NoPrack,
        Self::Answer,
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
    /// The dialog of a call that came in, or the one that was confirmed.
    pub(super) fork: Option<Fork>,
    /// The early dialogs that our INVITE has made.
    pub(super) early: Vec<Fork>,
    /// How many dialogs there were.
    pub(super) forks: u16,
    /// Who has offered in a dialog that our INVITE makes.
    pub(super) opening: offer::State,
    /// Whether a response of ours has made the dialog known to the peer.
    pub(super) is_known: bool,
    /// The reliable provisional responses to the peer's INVITE.
    pub(super) reliable: Option<Box<Reliable>>,
    /// The 2xx that came.
    pub(super) acknowledged: Vec<Acknowledged>,
    /// How often our 2xx was sent.
    pub(super) repeats: u32,
    /// Requests of ours that keep an ended call known: BYEs.
    pub(super) pending: u32,
    /// Our re-INVITE or UPDATE that has no final response.
    pub(super) offering: bool,
    /// What met a request of the peer's, and is to be tried again.
    pub(super) again: Option<Box<Again>>,
    /// Whether we made the Call-ID.
    pub(super) outgoing: bool,
    /// Our Contact, without the address.
    pub(super) contact: Option<Text>,
    /// What was last offered or answered by us, which a refresh repeats.
    pub(super) description: Option<Description>,
    /// What we offer in a request within a dialog, until it is answered.
    pub(super) proposed: Option<Description>,
    /// Why it ends, for the CANCEL or BYE.
    pub(super) reason: Option<String>,
    pub(super) cause: EndCause,
    /// The interval of the session timer, and whether we refresh.
    pub(super) session: Option<Session>,
    /// The call whose INVITE has made this one too, until its 2xx is acknowledged.
    pub(super) parent: Option<Key>,
    /// The call that the INVITE is to replace or join.
    pub(super) relation: Option<Relation>,
    /// Where our INVITE was redirected to.
    pub(super) redirects: Option<Box<Redirects>>,
    /// The least interval that a 422 has asked for, in seconds, and how often one did.
    pub(super) least: Option<u32>,
    pub(super) lengthened: u8,
}

impl Call {
    /// Whether an INVITE is under way in its dialog, either way.
    pub(super) fn is_busy(&self) -> bool {
        self.offering || self.server.is_some() || self.again.is_some() || self.invite.is_some()
    }

    /// Whether a new description can neither be offered nor taken, since an INVITE or an offer is open.
    pub(super) fn is_offering(&self) -> bool {
        let exchange = self.fork.as_ref().map(|fork| fork.exchange);
        self.is_busy() || exchange.is_some_and(|exchange| exchange != offer::State::Stable)
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
            fork: None,
            early: Vec::new(),
            forks: 0,
            opening: offer::State::Stable,
            is_known: false,
            reliable: None,
            acknowledged: Vec::new(),
            repeats: 0,
            pending: 0,
            offering: false,
            again: None,
            outgoing: state == State::Calling,
            contact: None,
            description: None,
            proposed: None,
            reason: None,
            cause: EndCause::Local,
            session: None,
            parent: None,
            relation: None,
            redirects: None,
            least: None,
            lengthened: 0,
        })
    }

    pub(super) fn remove(&mut self, key: Key) {
        let Some(call) = self.slab.remove(key) else {
            return;
        };
        self.count -= 1;
        for id in call
            .early
            .iter()
            .chain(&call.fork)
            .map(|fork| fork.dialog.id())
        {
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
    /// The dialog that it came in.
    pub(super) fork: Option<u16>,
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
            CallTimer::Glare => self.try_again(cx, key),
            CallTimer::Reliable => self.repeat_reliable(cx, key),
            CallTimer::NoPrack => self.miss_prack(cx, key),
            CallTimer::Answer => self.lose(cx, key, EndCause::NoAnswer),
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
                let up = call.state == State::Up;
                let fork = call.fork.as_ref();
                let open = fork.is_some_and(|fork| {
                    fork.exchange == offer::State::Offered(Side::Peer, Place::Success)
                });
                if up && open && call.invite.is_some() {
                    // The user has to answer; the 2xx comes again meanwhile.
                    self.timers.set(
                        Deadline::Call(key, CallTimer::Answer),
                        cx.now + self.config.times.give_up(),
                    );
                } else {
                    self.acknowledge_invite(cx, key, None);
                }
            }
            Action::Bye => {
                // A 2xx whose ACK waits for the user is acknowledged all the same (RFC 3261 §13.2.2.4).
                self.acknowledge_invite(cx, key, None);
                let Some(call) = self.calls.get_mut(key) else {
                    return;
                };
                let reason = call.reason.clone();
                if let Some(fork) = &mut call.fork {
                    let number = fork.dialog.next_sequence();
                    let dialog = fork.dialog.clone();
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
                    let held = (hand.fork.and_then(|fork| call.dialog(fork)))
                        .is_some_and(|fork| fork.held.is_some());
                    self.events.push_back(Event::Progress {
                        call: id,
                        dialog: hand.fork.map(|fork| DialogId::new(id, fork)),
                        response,
                        held,
                    });
                }
            }
            Action::TellAccepted => {
                if let (Some(response), Some(fork)) = (hand.response.take(), &call.fork) {
                    self.events.push_back(Event::Accepted {
                        call: id,
                        dialog: DialogId::new(id, fork.number),
                        response,
                        held: call.invite.is_some(),
                    });
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
            self.inherit_dialog(key);
            self.calls.remove(key);
        }
    }
}
