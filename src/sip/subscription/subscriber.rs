//! The subscriber's side as a table (RFC 6665 §4.1.2).
//!
//! ```text
//!                     SUBSCRIBE
//!                         ▼        refused, Timer N,
//!                    NotifyWait ── NOTIFY terminated, ─────────┐
//!        NOTIFY active │    │      we leave                    │
//!             ┌────────┘    │ NOTIFY pending                   │
//!             ▼             ▼                                  ▼
//!          Active ◀─────▶ Pending ── NOTIFY terminated, ──▶ Terminated
//!             │             │        expired, refresh refused  ▲
//!             └──────┬──────┘        or without NOTIFY         │
//!                    ▼ we leave: SUBSCRIBE for no time         │
//!                 Leaving ── NOTIFY terminated, Timer N ───────┘
//! ```

use super::Standing;

/// Where a subscription of ours stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The SUBSCRIBE is out, and no NOTIFY has come.
    NotifyWait,
    /// The notifier waits for permission.
    Pending,
    /// It is in force.
    Active,
    /// We have asked for its end.
    Leaving,
    /// It is over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A NOTIFY.
    Notified(Standing),
    /// A SUBSCRIBE was refused in a way that ends it.
    Refused,
    /// No NOTIFY came in time after a SUBSCRIBE.
    TimerN,
    /// Its time is over.
    Expired,
    /// The user wants it no more.
    Leave,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Give the NOTIFY to the user.
    TellNotified,
    /// Send a SUBSCRIBE for no time.
    Unsubscribe,
    /// Tell the user that it is over.
    TellOver,
}

/// The transition.
pub const fn next(state: State, input: Input) -> (State, &'static [Action]) {
    use Action::{TellNotified, TellOver, Unsubscribe};
    use State::{Active, Leaving, NotifyWait, Pending, Terminated};
    match (state, input) {
        (Terminated, _) => (Terminated, &[]),
        (_, Input::Notified(Standing::Terminated)) => (Terminated, &[TellNotified, TellOver]),
        // What crosses our wish to leave is news all the same.
        (Leaving, Input::Notified(_)) => (Leaving, &[TellNotified]),
        (_, Input::Notified(Standing::Active)) => (Active, &[TellNotified]),
        (_, Input::Notified(Standing::Pending)) => (Pending, &[TellNotified]),
        (_, Input::Refused | Input::TimerN | Input::Expired) => (Terminated, &[TellOver]),
        // There is no dialog yet in which to say so: a NOTIFY that comes is answered 481, which ends it.
        (NotifyWait, Input::Leave) => (Terminated, &[TellOver]),
        (Pending | Active, Input::Leave) => (Leaving, &[Unsubscribe]),
        (Leaving, Input::Leave) => (Leaving, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 5] = [
        State::NotifyWait,
        State::Pending,
        State::Active,
        State::Leaving,
        State::Terminated,
    ];

    const INPUTS: [Input; 7] = [
        Input::Notified(Standing::Active),
        Input::Notified(Standing::Pending),
        Input::Notified(Standing::Terminated),
        Input::Refused,
        Input::TimerN,
        Input::Expired,
        Input::Leave,
    ];

    #[test]
    fn rfc6665_4_1_2_the_user_hears_of_the_end_once_and_of_nothing_after_it() {
        for state in STATES {
            for input in INPUTS {
                let (to, actions) = next(state, input);
                if state == State::Terminated {
                    assert_eq!((to, actions), (State::Terminated, &[][..]));
                    continue;
                }
                let ends = to == State::Terminated;
                assert_eq!(
                    actions.last() == Some(&Action::TellOver),
                    ends,
                    "{state:?} × {input:?}"
                );
            }
        }
    }

    #[test]
    fn rfc6665_4_1_2_3_a_subscription_is_left_in_its_dialog() {
        for state in STATES {
            let (to, actions) = next(state, Input::Leave);
            let said = actions.contains(&Action::Unsubscribe);
            assert_eq!(said, matches!(state, State::Pending | State::Active));
            assert!(!said || to == State::Leaving);
        }
        // A NOTIFY that was on its way does not bring it back.
        for standing in [Standing::Active, Standing::Pending] {
            let (to, actions) = next(State::Leaving, Input::Notified(standing));
            assert_eq!((to, actions), (State::Leaving, &[Action::TellNotified][..]));
        }
    }
}
