//! INVITEs that are to take the place of another call, or to join it (RFC 3891, RFC 3911).

use super::call::Hand;
use super::fork::Within;
use super::{EndCause, Endpoint, Relation};
use crate::engine::{Cx, Key};
use crate::sip::dialog::Id;
use crate::sip::msg::header::{Join, Replaces};
use crate::sip::msg::{Header, Name, Request, Status};
use crate::sip::usage::{Input, State};
use crate::wire::Text;

impl Endpoint {
    /// What a new INVITE has to do with a call that is there.
    ///
    /// # Errors
    ///
    /// 400 for headers that cannot be, 481 for a dialog that is not there or is early at the wrong side, 486 for one
    /// that is confirmed where only an early one may be replaced, 603 for one that is over (RFC 3891 §3, RFC 3911 §4).
    pub(super) fn relation_of(&self, request: &Request) -> Result<Option<Relation>, Status> {
        let headers = request.headers();
        let known = |tag: &str| self.config.supported.iter().any(|known| *known == *tag);
        let replaces = known("replaces") && headers.contains(&Name::Replaces);
        let join = known("join") && headers.contains(&Name::Join);
        let count = |is_there: bool, name: &Name| match is_there {
            true => headers.count(name),
            false => 0,
        };
        match count(replaces, &Name::Replaces) + count(join, &Name::Join) {
            0 => return Ok(None),
            1 => {}
            _ => return Err(Status::BAD_REQUEST),
        }
        if replaces {
            let header = single::<Replaces>(request)?;
            let (local, peer) = (header.receiver_tag(), header.sender_tag());
            let within = self.named(&header.call_id, local, peer)?;
            if self.is_confirmed(within)? && header.early_only() {
                return Err(Status::BUSY_HERE);
            }
            Ok(Some(Relation::Replaces(within.id())))
        } else {
            let header = single::<Join>(request)?;
            let (local, peer) = (header.receiver_tag(), header.sender_tag());
            let within = self.named(&header.call_id, local, peer)?;
            self.is_confirmed(within)?;
            Ok(Some(Relation::Joins(within.id())))
        }
    }

    /// The dialog that a header names, by the tags of both sides.
    fn named(
        &self,
        call_id: &Text,
        local: Option<&str>,
        peer: Option<&str>,
    ) -> Result<Within, Status> {
        let (Some(local), Some(peer)) = (local, peer) else {
            return Err(Status::BAD_REQUEST);
        };
        let id = Id {
            call_id: call_id.clone(),
            local_tag: Text::from(local),
            peer_tag: Text::from(peer),
        };
        let unknown = Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
        let call = self.calls.by_dialog.get(&id).copied().ok_or(unknown)?;
        let fork = (self.calls.get(call)).and_then(|call| call.number_of(peer));
        let fork = fork.ok_or(unknown)?;
        Ok(Within { call, fork })
    }

    /// Whether a dialog is confirmed, and not an early one of ours.
    fn is_confirmed(&self, within: Within) -> Result<bool, Status> {
        let state = self.calls.get(within.call).map(|call| call.state);
        match state {
            Some(State::Up | State::Answered) => {
                // What is left of the other branches of a fork is over.
                let call = self.calls.get(within.call);
                let own = call.and_then(|call| call.fork.as_ref());
                match own.is_some_and(|own| own.number == within.fork) {
                    true => Ok(true),
                    false => Err(Status::DECLINE),
                }
            }
            Some(State::Calling | State::Early) => Ok(false),
            // Only who has made a call may have it replaced while it rings.
            Some(State::Ringing) => Err(Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
            Some(State::Leaving | State::Cancelling | State::Departing | State::Over) => {
                Err(Status::DECLINE)
            }
            None => Err(Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
        }
    }

    /// A call was accepted: what it replaces ends, by BYE or CANCEL (RFC 3891 §3).
    pub(super) fn end_replaced(&mut self, cx: &mut Cx<'_>, key: Key) {
        let relation = self.calls.get(key).and_then(|call| call.relation);
        let Some(Relation::Replaces(other)) = relation else {
            return;
        };
        let other = other.call().0;
        if let Some(call) = self.calls.get_mut(other) {
            call.cause = EndCause::Replaced;
            self.step(cx, other, Input::HangUp, Hand::default());
        }
    }
}

/// The only header of its kind.
fn single<H: Header>(request: &Request) -> Result<H, Status> {
    let mut all = request.headers().all::<H>();
    match (all.next(), all.next()) {
        (Some(Ok(header)), None) => Ok(header),
        _ => Err(Status::BAD_REQUEST),
    }
}
