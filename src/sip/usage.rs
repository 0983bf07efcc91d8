//! The life of a call as a table: the INVITE usage of a dialog (RFC 3261 §13, §14, §15, §9, RFC 6026).
//!
//! ```text
//!   we call:      Calling ──1xx──▶ Early ──────2xx──────▶ Up       they call:  Ringing
//!                    │  └────────────2xx─────────────────▶ ▲                    │   │
//!            hang up │               │ hang up             │ ACK         accept │   │ reject, CANCEL,
//!                    ▼               ▼: CANCEL             │                    ▼   │ BYE, nobody answers
//!                 Leaving ──1xx──▶ Cancelling              └───────────── Answered  │
//!                    │     : CANCEL  │                                     │    │   │
//!                    │ 2xx: ACK, BYE │ 2xx: ACK, BYE       ▲       hang up │    │   │
//!                    │ 300-699       │ 300-699             │               ▼    │   │
//!                    ▼               ▼           Up ──BYE──┤         Departing  │   │
//!                   Over ◀────────────────────────── Over ◀┴── ACK: BYE ─┘ no ACK: BYE
//! ```
//!
//! A call that is over stays known until nothing of it can arrive any more: a 2xx that crossed our CANCEL is
//! acknowledged and followed by BYE, and a BYE that crosses ours is answered 200.

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Our INVITE is out, nothing came back.
    Calling,
    /// A provisional response came.
    Early,
    /// We hung up before a provisional response allowed a CANCEL (RFC 3261 §9.1).
    Leaving,
    /// Our CANCEL is out.
    Cancelling,
    /// A peer's INVITE waits for our answer.
    Ringing,
    /// Our 2xx waits for its ACK.
    Answered,
    /// We hung up, but a BYE must wait for the ACK (RFC 3261 §15).
    Departing,
    /// The session is up.
    Up,
    /// Over for the user.
    Over,
}

/// What can happen to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A provisional response other than 100.
    Progress,
    /// A 100, which says only that the INVITE has arrived.
    Trying,
    /// The INVITE goes out once more: with an answer to a challenge, or to another address.
    Again,
    /// A 2xx.
    Success,
    /// A 3xx to 6xx, or no response at all.
    Failure,
    /// The user hangs up.
    HangUp,
    /// The user accepts.
    Accept,
    /// The user refuses.
    Reject,
    /// The peer's CANCEL.
    Cancel,
    /// The peer's BYE.
    Bye,
    /// The peer's ACK.
    Ack,
    /// No ACK in time.
    NoAck,
    /// No PRACK in time for a reliable provisional response of ours.
    NoPrack,
    /// It has rung long enough, or a CANCEL had no effect.
    Patience,
    /// The session was not refreshed, or the peer does not know it any more.
    Lost,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send ACK for the 2xx at hand.
    Ack,
    /// Send BYE in the dialog of the call, or of the 2xx at hand.
    Bye,
    /// Send CANCEL.
    Cancel,
    /// Send the user's final response.
    Respond,
    /// Refuse the INVITE with 487.
    Terminate,
    /// Refuse the INVITE with 480.
    Unavailable,
    /// Give the response to the user.
    TellProgress,
    /// Tell the user that the call is up.
    TellAccepted,
    /// Tell the user that the call has failed.
    TellRejected,
    /// Tell the user that the ACK came.
    TellConfirmed,
    /// Tell the user that the caller gave up.
    TellCancelled,
    /// Tell the user that the call has ended.
    TellEnded,
}

/// The transition.
pub const fn next(state: State, input: Input) -> (State, &'static [Action]) {
    use Action::{
        Ack, Bye, Cancel, Respond, TellAccepted, TellCancelled, TellConfirmed, TellEnded,
        TellProgress, TellRejected, Terminate, Unavailable,
    };
    use State::{Answered, Calling, Cancelling, Departing, Early, Leaving, Over, Ringing, Up};
    match (state, input) {
        (Calling | Early, Input::Trying) => (Early, &[]),
        (Calling | Early, Input::Progress) => (Early, &[TellProgress]),
        // What the first one was answered allows no CANCEL of the second.
        (Early, Input::Again) => (Calling, &[]),
        (Calling | Early, Input::Success) => (Up, &[Ack, TellAccepted]),
        (Calling | Early, Input::Failure) => (Over, &[TellRejected]),
        (Calling, Input::HangUp | Input::Patience) => (Leaving, &[]),
        (Early, Input::HangUp | Input::Patience) => (Cancelling, &[Cancel]),

        (Leaving, Input::Trying | Input::Progress) => (Cancelling, &[Cancel]),
        // The 2xx crossed our wish to cancel.
        (Leaving | Cancelling, Input::Success) => (Over, &[Ack, Bye, TellRejected]),
        (Leaving | Cancelling, Input::Failure) => (Over, &[TellRejected]),
        (Cancelling, Input::Patience) => (Over, &[TellRejected]),

        (Ringing, Input::Accept) => (Answered, &[Respond]),
        (Ringing, Input::Reject) => (Over, &[Respond]),
        (Ringing, Input::Cancel) => (Over, &[Terminate, TellCancelled]),
        (Ringing, Input::Bye) => (Over, &[Terminate, TellEnded]),
        (Ringing, Input::HangUp) => (Over, &[Terminate, TellEnded]),
        (Ringing, Input::Patience) => (Over, &[Unavailable, TellEnded]),
        (Ringing, Input::NoPrack) => (Over, &[Respond, TellEnded]),

        (Answered, Input::Ack) => (Up, &[TellConfirmed]),
        (Answered, Input::NoAck) => (Over, &[Bye, TellEnded]),
        (Answered, Input::HangUp) => (Departing, &[TellEnded]),
        (Answered, Input::Bye) => (Over, &[TellEnded]),
        (Departing, Input::Ack | Input::NoAck) => (Over, &[Bye]),
        (Departing, Input::Bye) => (Over, &[]),

        // The 2xx again, since our ACK was lost.
        (Up, Input::Success) => (Up, &[Ack]),
        (Up, Input::HangUp | Input::Lost) => (Over, &[Bye, TellEnded]),
        (Up, Input::Bye) => (Over, &[TellEnded]),

        (Over, Input::Success) => (Over, &[Ack, Bye]),
        (state, _) => (state, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 9] = [
        State::Calling,
        State::Early,
        State::Leaving,
        State::Cancelling,
        State::Ringing,
        State::Answered,
        State::Departing,
        State::Up,
        State::Over,
    ];

    const INPUTS: [Input; 15] = [
        Input::Progress,
        Input::Trying,
        Input::Again,
        Input::Success,
        Input::Failure,
        Input::HangUp,
        Input::Accept,
        Input::Reject,
        Input::Cancel,
        Input::Bye,
        Input::Ack,
        Input::NoAck,
        Input::NoPrack,
        Input::Patience,
        Input::Lost,
    ];

    const END: [Action; 3] = [
        Action::TellRejected,
        Action::TellCancelled,
        Action::TellEnded,
    ];

    fn said_end(actions: &[Action]) -> usize {
        actions.iter().filter(|action| END.contains(action)).count()
    }

    /// Every way from `state`: the user hears of the end once and of nothing after it, whatever the order.
    fn walk(state: State, ended: bool, depth: usize) {
        for input in INPUTS {
            let (to, actions) = next(state, input);
            let refused = state == State::Ringing && input == Input::Reject;
            let told = said_end(actions);
            assert!(told <= usize::from(!ended), "{state:?} × {input:?}");
            if ended {
                assert!(
                    !actions.iter().any(|action| matches!(
                        action,
                        Action::TellAccepted | Action::TellConfirmed | Action::TellProgress
                    )),
                    "{state:?} × {input:?} speaks after the end"
                );
            }
            let ended = ended || told == 1 || refused;
            if to == State::Over {
                assert!(ended, "{state:?} × {input:?} ends in silence");
            }
            if depth > 0 && to != state {
                walk(to, ended, depth - 1);
            }
        }
    }

    #[test]
    fn the_user_hears_of_the_end_exactly_once() {
        walk(State::Calling, false, 8);
        walk(State::Ringing, false, 8);
    }

    #[test]
    fn rfc3261_13_2_2_4_every_2xx_is_acknowledged() {
        for state in [
            State::Calling,
            State::Early,
            State::Leaving,
            State::Cancelling,
            State::Up,
            State::Over,
        ] {
            let (to, actions) = next(state, Input::Success);
            assert_eq!(actions.first(), Some(&Action::Ack), "{state:?}");
            // Whoever has hung up says BYE after it.
            assert_eq!(
                actions.contains(&Action::Bye),
                to == State::Over,
                "{state:?}"
            );
        }
    }

    #[test]
    fn rfc3261_9_1_no_cancel_before_a_provisional_response() {
        for state in STATES {
            for input in INPUTS {
                if next(state, input).1.contains(&Action::Cancel) {
                    let allowed =
                        state == State::Early || matches!(input, Input::Trying | Input::Progress);
                    assert!(allowed, "{state:?} × {input:?}");
                }
            }
        }
    }

    #[test]
    fn rfc3261_15_no_bye_before_the_ack_for_our_2xx() {
        for state in [State::Ringing, State::Answered, State::Departing] {
            for input in INPUTS {
                if next(state, input).1.contains(&Action::Bye) {
                    assert!(
                        matches!(input, Input::Ack | Input::NoAck),
                        "{state:?} × {input:?}"
                    );
                }
            }
        }
    }
}
