//! The server transaction of every method but INVITE and ACK (RFC 3261 §17.2.2).
//!
//! ```text
//!                           │ request: deliver it
//!        request: absorb    ▼
//!                  ┌──── Trying ──── unanswered ──┐
//!                  └───▶  │  │                    │
//!                         │  │ 1xx: send          │
//!                         │  ▼                    │
//!     request:            │ Proceeding ───────────┤ broken
//!       send again        │  │  │  ▲              │
//!     1xx: send           │  │  └──┘              │
//!                         │  │ 200-699: send      │
//!                         ▼  ▼                    │
//!     request:         Completed ─────────────────┤ broken
//!       send again        │ J                     │
//!                         ▼                       │
//!                     Terminated ◀────────────────┘
//! ```
//!
//! One arrow is ours: a request that its user has not answered in the time in which its client gives up is
//! forgotten, so that a careless user does not fill the table.

use super::{Action, Class, Timer};

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The user has not answered.
    Trying,
    /// The user has answered provisionally.
    Proceeding,
    /// The user has answered.
    Completed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The request once more.
    Request,
    /// A response of the user.
    Respond(Class),
    /// A timer.
    Fired(Timer),
    /// The transport has failed.
    Broken,
}

/// How it begins.
pub const START: (State, &[Action]) = (
    State::Trying,
    &[Action::Start(Timer::Unanswered), Action::Deliver],
);

/// The transition.
pub const fn next(state: State, input: Input) -> (State, &'static [Action]) {
    use Action::*;
    use Class::*;
    use State::*;
    use Timer::*;
    match (state, input) {
        (Trying | Proceeding, Input::Respond(Provisional)) => (Proceeding, &[Send]),
        (Trying | Proceeding, Input::Respond(Success | Failure)) => {
            (Completed, &[Stop(Unanswered), Send, Start(J)])
        }
        (Trying | Proceeding, Input::Fired(Unanswered)) => (Terminated, &[TimedOut]),
        (Proceeding, Input::Request) => (Proceeding, &[Resend]),
        (Proceeding, Input::Broken) => (Terminated, &[Stop(Unanswered), Broken]),
        (Completed, Input::Request) => (Completed, &[Resend]),
        (Completed, Input::Broken) => (Terminated, &[Stop(J), Broken]),
        (Completed, Input::Fired(J)) => (Terminated, &[]),
        (state, _) => (state, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::exhaustive::{CLASSES, TIMERS, check};
    use super::*;

    #[test]
    fn rfc3261_figure_8() {
        use Action::*;
        use Class::*;
        use State::*;
        use Timer::*;
        let inputs: Vec<_> = (TIMERS.map(Input::Fired).into_iter())
            .chain(CLASSES.map(Input::Respond))
            .chain([Input::Request, Input::Broken])
            .collect();
        const DONE: &[Action] = &[Stop(Unanswered), Send, Start(J)];
        check(
            next,
            &[Trying, Proceeding, Completed, Terminated],
            &inputs,
            &[
                (Trying, Input::Respond(Provisional), Proceeding, &[Send]),
                (Trying, Input::Respond(Success), Completed, DONE),
                (Trying, Input::Respond(Failure), Completed, DONE),
                (Trying, Input::Fired(Unanswered), Terminated, &[TimedOut]),
                (Proceeding, Input::Respond(Provisional), Proceeding, &[Send]),
                (Proceeding, Input::Respond(Success), Completed, DONE),
                (Proceeding, Input::Respond(Failure), Completed, DONE),
                (Proceeding, Input::Request, Proceeding, &[Resend]),
                (
                    Proceeding,
                    Input::Fired(Unanswered),
                    Terminated,
                    &[TimedOut],
                ),
                (
                    Proceeding,
                    Input::Broken,
                    Terminated,
                    &[Stop(Unanswered), Broken],
                ),
                (Completed, Input::Request, Completed, &[Resend]),
                (Completed, Input::Broken, Terminated, &[Stop(J), Broken]),
                (Completed, Input::Fired(J), Terminated, &[]),
            ],
        );
    }
}
