//! The reliable provisional responses to our INVITEs, and the PRACKs that acknowledge them (RFC 3262 §4, §5).

use super::call::Hand;
use super::fill::sequence;
use super::fork::{Description, Within, is_described};
use super::reliable::TAG;
use super::sending::User;
use super::{CallError, Endpoint, Event, Failure};
use crate::engine::{Cx, Key};
use crate::sip::msg::header::{RAck, RSeq, Require};
use crate::sip::msg::{Method, Request, Response, Status};
use crate::sip::offer::{self, Meaning, Place, Side};
use crate::sip::usage::{Input, State};
use bytes::Bytes;

impl Endpoint {
    /// A provisional response to our INVITE.
    pub(super) fn invite_progress(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        invite: &Request,
        response: Response,
    ) {
        if response.status() == Status::TRYING {
            return self.step(cx, key, Input::Trying, Hand::default());
        }
        let fork = self.early_dialog(cx, key, invite, &response);
        let within = fork.map(|fork| Within { call: key, fork });
        if let (Some(within), Some(number)) = (within, reliable_number(&response)) {
            let rack = RAck {
                response: number,
                number: sequence(invite),
                method: Method::Invite,
            };
            if !self.take_reliable(cx, within, rack, &response) {
                return;
            }
        }
        let is_over = response.status() == Status::EARLY_DIALOG_TERMINATED;
        let hand = Hand {
            response: Some(response),
            fork,
            ..Hand::default()
        };
        self.step(cx, key, Input::Progress, hand);
        if let (true, Some(within)) = (is_over, within) {
            self.forget_fork(within);
        }
    }

    /// Takes a reliable provisional response and acknowledges it, unless that is up to the user. `false` if it is not
    /// the next one of its dialog: it came before, or one before it is missing.
    fn take_reliable(
        &mut self,
        cx: &mut Cx<'_>,
        within: Within,
        rack: RAck,
        response: &Response,
    ) -> bool {
        let described = is_described(response.headers(), response.body(), cx.limits);
        let hold = self.config.hold_pracks;
        let Some(call) = self.calls.get_mut(within.call) else {
            return false;
        };
        let wanted = matches!(call.state, State::Calling | State::Early);
        let Some(fork) = call.dialog_mut(within.fork) else {
            return false;
        };
        let is_next = match fork.reliable {
            Some(last) => last.checked_add(1) == Some(rack.response),
            None => true,
        };
        // Its PRACK is on its way, and sent again by its transaction.
        if !is_next || fork.held.is_some() {
            return false;
        }
        fork.reliable = Some(rack.response);
        let taken = offer::receive(fork.exchange, Place::Reliable, described);
        let (exchange, meaning) = taken.unwrap_or((fork.exchange, Meaning::Nothing));
        fork.exchange = exchange;
        if wanted && (hold || meaning == Meaning::Offer) {
            fork.held = Some(rack);
        } else {
            self.send_prack(cx, within, &rack, None);
        }
        true
    }

    /// Sends the PRACK that waited for the user.
    pub(super) fn release_prack(
        &mut self,
        cx: &mut Cx<'_>,
        within: Within,
        description: Option<Bytes>,
    ) -> Result<(), CallError> {
        let fork = self.fork_mut(within).ok_or(CallError::Gone)?;
        if fork.held.is_none() {
            return Err(CallError::State);
        }
        offer::next(
            fork.exchange,
            Side::Local,
            Place::Prack,
            description.is_some(),
        )?;
        if let Some(rack) = fork.held.take() {
            self.send_prack(cx, within, &rack, description);
        }
        Ok(())
    }

    fn send_prack(
        &mut self,
        cx: &mut Cx<'_>,
        within: Within,
        rack: &RAck,
        description: Option<Bytes>,
    ) {
        let Some(mut request) = self.in_dialog(within, Method::Prack) else {
            return;
        };
        request.headers_mut().set(rack);
        let mut offers = false;
        if let Some(fork) = self.fork_mut(within)
            && let Ok((exchange, meaning)) = offer::next(
                fork.exchange,
                Side::Local,
                Place::Prack,
                description.is_some(),
            )
        {
            fork.exchange = exchange;
            offers = meaning == Meaning::Offer;
        }
        if let Some(sdp) = description {
            self.describe(within.call, &mut request, Description::sdp(sdp), offers);
        }
        let Some(call) = self.calls.get(within.call) else {
            return;
        };
        let target = call.target.clone();
        self.sign(&mut request);
        self.send(cx, request, target, User::Prack { within, offers });
    }

    /// The outcome of a PRACK of ours.
    pub(super) fn pracked(
        &mut self,
        cx: &mut Cx<'_>,
        within: Within,
        offers: bool,
        outcome: Result<Response, Failure>,
    ) {
        let response = outcome.ok();
        let success = (response.as_ref()).filter(|response| response.status().is_success());
        let described = success
            .is_some_and(|response| is_described(response.headers(), response.body(), cx.limits));
        let is_success = success.is_some();
        let Some(fork) = self.fork_mut(within) else {
            return;
        };
        fork.exchange = match is_success {
            true => offer::receive(fork.exchange, Place::PrackSuccess, described)
                .map_or(fork.exchange, |(exchange, _)| exchange),
            false => offer::refused(fork.exchange, Place::Prack),
        };
        if offers {
            self.settle_proposal(within.call, is_success);
            self.events.push_back(Event::Updated {
                dialog: within.id(),
                response,
            });
        }
    }
}

/// The number of a provisional response that is reliable (RFC 3262 §4).
fn reliable_number(response: &Response) -> Option<u32> {
    let headers = response.headers();
    let required = Require::of(headers).is_ok_and(|tags| tags.contains(TAG));
    let number = headers.find::<RSeq>().ok().flatten()?;
    required.then_some(number.0)
}
