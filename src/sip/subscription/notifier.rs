//! The notifier's side as a table (RFC 6665 §4.2.1).
//!
//! ```text
//!              SUBSCRIBE
//!                  ▼
//!              Asked ── refused, nobody answers ───────────────────────┐
//!  accepted:       │                                                   │
//!  2xx, NOTIFY     ├─────────────┬────────── for no time ───────────┐  │
//!                  ▼             ▼                                  ▼  ▼
//!               Active ◀────▶ Pending ── NOTIFY terminated, ──▶ Terminated
//!                                        expired: NOTIFY,
//!                                        NOTIFY refused
//! ```

use super::Standing;

/// Where a subscription stands that we notify of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Its SUBSCRIBE waits for our answer.
    Asked,
    /// It waits for permission.
    Pending,
    /// It is in force.
    Active,
    /// It is over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The user accepts its SUBSCRIBE, the first one or one that refreshes, and says how it stands.
    Accept(Standing),
    /// The user refuses the SUBSCRIBE.
    Refuse,
    /// The user has something to notify of.
    Notify(Standing),
    /// Nobody answered the SUBSCRIBE.
    Unanswered,
    /// It was not refreshed in time.
    Expired,
    /// A NOTIFY was refused, or not answered.
    Unwanted,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send the user's response to the SUBSCRIBE.
    Respond,
    /// Send the user's NOTIFY.
    Notify,
    /// Send a NOTIFY that says that its time is over.
    NotifyTimeout,
    /// Tell the user that it is over.
    TellOver,
}

/// The transition.
pub const fn next(state: State, input: Input) -> (State, &'static [Action]) {
    use Action::{Notify, NotifyTimeout, Respond, TellOver};
    use State::{Active, Asked, Pending, Terminated};
    match (state, input) {
        (Terminated, _) => (Terminated, &[]),
        (_, Input::Accept(Standing::Active)) => (Active, &[Respond, Notify]),
        (_, Input::Accept(Standing::Pending)) => (Pending, &[Respond, Notify]),
        (_, Input::Accept(Standing::Terminated)) => (Terminated, &[Respond, Notify, TellOver]),
        // Who refuses knows that it is over.
        (Asked, Input::Refuse) => (Terminated, &[Respond]),
        // It lasts as long as it would have without the refresh (RFC 6665 §4.1.2.2).
        (_, Input::Refuse) => (state, &[Respond]),
        (Asked, Input::Unanswered) => (Terminated, &[TellOver]),
        (Active | Pending, Input::Notify(Standing::Active)) => (Active, &[Notify]),
        (Active | Pending, Input::Notify(Standing::Pending)) => (Pending, &[Notify]),
        (Active | Pending, Input::Notify(Standing::Terminated)) => {
            (Terminated, &[Notify, TellOver])
        }
        (Active | Pending, Input::Expired) => (Terminated, &[NotifyTimeout, TellOver]),
        (Active | Pending, Input::Unwanted) => (Terminated, &[TellOver]),
        // Nothing is notified before the SUBSCRIBE is accepted.
        (Asked, Input::Notify(_) | Input::Expired | Input::Unwanted)
        | (Active | Pending, Input::Unanswered) => (state, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 4] = [
        State::Asked,
        State::Pending,
        State::Active,
        State::Terminated,
    ];

    const INPUTS: [Input; 10] = [
        Input::Accept(Standing::Active),
        Input::Accept(Standing::Pending),
        Input::Accept(Standing::Terminated),
        Input::Refuse,
        Input::Notify(Standing::Active),
        Input::Notify(Standing::Pending),
        Input::Notify(Standing::Terminated),
        Input::Unanswered,
        Input::Expired,
        Input::Unwanted,
    ];

    #[test]
    fn rfc6665_4_2_1_the_user_hears_of_the_end_once_and_nothing_is_sent_after_it() {
        for state in STATES {
            for input in INPUTS {
                let (to, actions) = next(state, input);
                if state == State::Terminated {
                    assert_eq!((to, actions), (State::Terminated, &[][..]));
                    continue;
                }
                let refused = state == State::Asked && input == Input::Refuse;
                assert_eq!(
                    actions.last() == Some(&Action::TellOver),
                    to == State::Terminated && !refused,
                    "{state:?} × {input:?}"
                );
            }
        }
    }

    #[test]
    fn rfc6665_4_2_1_2_an_accepted_subscription_is_notified_of_at_once() {
        for state in [State::Asked, State::Pending, State::Active] {
            for standing in [Standing::Active, Standing::Pending, Standing::Terminated] {
                let (_, actions) = next(state, Input::Accept(standing));
                assert_eq!(
                    actions.get(..2),
                    Some(&[Action::Respond, Action::Notify][..])
                );
            }
        }
        for input in INPUTS {
            let (_, actions) = next(State::Asked, input);
            let notifies = actions.contains(&Action::Notify);
            assert!(!notifies || actions.contains(&Action::Respond), "{input:?}");
        }
    }
}
