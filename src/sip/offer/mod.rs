//! Who may offer a session description when, and what answers it, as a table (RFC 3261 §13.2.1, RFC 3262 §5, RFC 3311
//! §5, RFC 6337 §2).
//!
//! Six patterns exist:
//!
//! | offer | answer | when |
//! |---|---|---|
//! | INVITE | 2xx | whenever nothing is open |
//! | INVITE | reliable 1xx | whenever nothing is open |
//! | 2xx | ACK | the INVITE brought none |
//! | reliable 1xx | PRACK | the INVITE brought none |
//! | PRACK | 2xx to it | the offer of the INVITE is answered |
//! | UPDATE | 2xx to it | the offer of the INVITE is answered, and the answer acknowledged |
//!
//! One exchange is open at a time in a dialog. [`State`] is that of one dialog, and both ends of it go through the same
//! states; [`next`] is given every message that may carry a description, whether or not it does.

use crate::sip::msg::Status;

/// One end of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// We.
    Local,
    /// The one at the other end.
    Peer,
}

/// A message that may carry a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// An INVITE, within a dialog or outside.
    Invite,
    /// A provisional response to it that nobody acknowledges.
    Provisional,
    /// A provisional response to it that a PRACK acknowledges.
    Reliable,
    /// A 2xx to it.
    Success,
    /// The ACK of the 2xx.
    Ack,
    /// A PRACK.
    Prack,
    /// A 2xx to a PRACK.
    PrackSuccess,
    /// An UPDATE.
    Update,
    /// A 2xx to an UPDATE.
    UpdateSuccess,
}

/// Where the exchange of descriptions in a dialog stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing is open; an offer may be made.
    #[default]
    Stable,
    /// An INVITE of this side brought no offer: the response to it will.
    Wanted(Side),
    /// The offer of this side in such a message waits for its answer.
    Offered(Side, Place),
    /// This side has answered in a reliable provisional response that is not acknowledged yet.
    Answered(Side),
}

/// What a description, or its absence, means where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// It offers.
    Offer,
    /// It answers.
    Answer,
    /// It shows what the answer will be, but is not binding (RFC 6337 §3.1.1).
    Preview,
    /// Nothing: there is none, or none is due.
    Nothing,
}

/// Why a description must not, or must, stand in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Misplaced {
    /// The sender's own offer waits for its answer.
    #[error("an offer of the same side waits for its answer")]
    OwnOffer,
    /// The offer of the other side waits for the sender's answer.
    #[error("an offer of the other side waits for its answer")]
    OtherOffer,
    /// The INVITE brought no offer, and only the one called may make the first one.
    #[error("the first offer comes in a reliable response to the INVITE")]
    TooEarly,
    /// The sender's answer in a reliable provisional response is not acknowledged.
    #[error("a reliable provisional response with a description is not acknowledged")]
    Unacknowledged,
    /// An offer has to be answered in this message.
    #[error("the message must answer an offer")]
    AnswerMissing,
    /// The INVITE brought no offer, so its first reliable response must.
    #[error("the first reliable response to an INVITE without an offer must make one")]
    OfferMissing,
    /// There is nothing that a description in this message could mean.
    #[error("the message can neither offer nor answer")]
    NoPlace,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Local => Self::Peer,
            Self::Peer => Self::Local,
        }
    }

    const fn is(self, side: Self) -> bool {
        matches!(
            (self, side),
            (Self::Local, Self::Local) | (Self::Peer, Self::Peer)
        )
    }
}

/// A message of `by` in such a place, with or without a description.
///
/// # Errors
///
/// Why `by` must not send it.
pub const fn next(
    state: State,
    by: Side,
    place: Place,
    description: bool,
) -> Result<(State, Meaning), Misplaced> {
    use Meaning::{Answer, Nothing, Offer, Preview};
    use Place::{
        Ack, Invite, Prack, PrackSuccess, Provisional, Reliable, Success, Update, UpdateSuccess,
    };
    use State::{Answered, Offered, Stable, Wanted};
    Ok(match (place, state, description) {
        (Invite, Stable, true) => (Offered(by, Invite), Offer),
        // The other side will offer, which is as much an exchange as an offer of one's own.
        (Invite, Stable, false) => (Wanted(by), Nothing),
        (Invite, state, _) => return Err(pending(state, by)),

        (Provisional, Offered(side, Invite), true) if !side.is(by) => (state, Preview),
        (Provisional, state, false) => (state, Nothing),

        (Reliable, Offered(side, Invite), true) if !side.is(by) => (Answered(by), Answer),
        (Reliable, Wanted(side), true) if !side.is(by) => (Offered(by, Reliable), Offer),
        (Reliable, Wanted(side), false) if !side.is(by) => return Err(Misplaced::OfferMissing),
        (Reliable, state, false) => (state, Nothing),

        (Success, Offered(side, Invite), true) if !side.is(by) => (Stable, Answer),
        (Success, Offered(side, Invite), false) if !side.is(by) => {
            return Err(Misplaced::AnswerMissing);
        }
        (Success, Wanted(side), true) if !side.is(by) => (Offered(by, Success), Offer),
        // A call without any description.
        (Success, Wanted(side), false) if !side.is(by) => (Stable, Nothing),
        (Success, Answered(_) | Offered(_, Reliable), false) => {
            return Err(Misplaced::Unacknowledged);
        }
        (Success, state, false) => (state, Nothing),

        (Ack, Offered(side, Success), true) if !side.is(by) => (Stable, Answer),
        (Ack, Offered(side, Success), false) if !side.is(by) => {
            return Err(Misplaced::AnswerMissing);
        }
        (Ack, state, false) => (state, Nothing),

        (Prack, Offered(side, Reliable), true) if !side.is(by) => (Stable, Answer),
        (Prack, Offered(side, Reliable), false) if !side.is(by) => {
            return Err(Misplaced::AnswerMissing);
        }
        (Prack, Stable, true) => (Offered(by, Prack), Offer),
        (Prack, Answered(side), true) if !side.is(by) => (Offered(by, Prack), Offer),
        (Prack, Answered(side), false) if !side.is(by) => (Stable, Nothing),
        (Prack, state, false) => (state, Nothing),
        (Prack, state, true) => return Err(pending(state, by)),

        (PrackSuccess, Offered(side, Prack), true) if !side.is(by) => (Stable, Answer),
        (PrackSuccess, Offered(side, Prack), false) if !side.is(by) => {
            return Err(Misplaced::AnswerMissing);
        }
        (PrackSuccess, state, false) => (state, Nothing),

        (Update, Stable, true) => (Offered(by, Update), Offer),
        // That the other side has answered is known to who got the answer; the PRACK may come after.
        (Update, Answered(side), true) if !side.is(by) => (Offered(by, Update), Offer),
        (Update, state, true) => return Err(pending(state, by)),
        (Update, state, false) => (state, Nothing),

        (UpdateSuccess, Offered(side, Update), true) if !side.is(by) => (Stable, Answer),
        (UpdateSuccess, Offered(side, Update), false) if !side.is(by) => {
            return Err(Misplaced::AnswerMissing);
        }
        (UpdateSuccess, state, false) => (state, Nothing),

        (Provisional | Reliable | Success | Ack | PrackSuccess | UpdateSuccess, _, true) => {
            return Err(Misplaced::NoPlace);
        }
    })
}

/// A message of the peer's, taken as it is: what means nothing is passed over, and an answer that is missing was not
/// given. What opens an exchange while another one is open is refused.
///
/// # Errors
///
/// 491 if our own offer is open, 500 if it is the peer's (RFC 3311 §5.2, RFC 3261 §14.2); a 500 takes a Retry-After
/// of 0 to 10 seconds.
pub const fn receive(
    state: State,
    place: Place,
    description: bool,
) -> Result<(State, Meaning), Status> {
    match next(state, Side::Peer, place, description) {
        Ok(taken) => Ok(taken),
        Err(Misplaced::NoPlace | Misplaced::OfferMissing) => Ok((state, Meaning::Nothing)),
        // A 2xx shows as well as a PRACK would that what came before it was taken.
        Err(Misplaced::AnswerMissing) => Ok((State::Stable, Meaning::Nothing)),
        Err(Misplaced::Unacknowledged) if matches!(place, Place::Success) => {
            Ok((State::Stable, Meaning::Nothing))
        }
        Err(Misplaced::OwnOffer) => Err(Status::SERVER_INTERNAL_ERROR),
        Err(Misplaced::OtherOffer | Misplaced::TooEarly | Misplaced::Unacknowledged) => {
            Err(Status::REQUEST_PENDING)
        }
    }
}

/// The request in such a place was refused, or nobody answered it: what it has opened is closed, and what was agreed on
/// before holds.
pub const fn refused(state: State, place: Place) -> State {
    match (place, state) {
        (
            Place::Invite,
            State::Wanted(_)
            | State::Answered(_)
            | State::Offered(_, Place::Invite | Place::Reliable),
        )
        | (Place::Prack, State::Offered(_, Place::Prack | Place::Reliable) | State::Answered(_))
        | (Place::Update, State::Offered(_, Place::Update)) => State::Stable,
        (_, state) => state,
    }
}

/// Why nothing may be offered now.
const fn pending(state: State, by: Side) -> Misplaced {
    match state {
        State::Offered(side, _) if side.is(by) => Misplaced::OwnOffer,
        State::Offered(..) => Misplaced::OtherOffer,
        State::Answered(_) => Misplaced::Unacknowledged,
        State::Stable | State::Wanted(_) => Misplaced::TooEarly,
    }
}

#[cfg(test)]
mod tests;
