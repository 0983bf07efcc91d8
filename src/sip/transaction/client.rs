//! The client transaction of every method but INVITE (RFC 3261 §17.1.2).
//!
//! ```text
//!                          │ request from the user: send it
//!         E: send again    ▼
//!                 ┌──── Trying ─────────────┐
//!                 └───▶  │  │ │             │
//!                        │  │ │ 1xx:        │
//!                        │  │ │ deliver     │
//!                        │  │ ▼             │ F: timed out
//!         E: send again  │ Proceeding ──────┤ broken
//!         1xx: deliver   │  │  │  ▲         │
//!                        │  │  └──┘         │
//!       200-699: deliver │  │               │
//!                        ▼  ▼               │
//!                     Completed             │
//!                        │ K                │
//!                        ▼                  │
//!                     Terminated ◀──────────┘
//! ```

use super::{Action, Class, Timer};

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing came back yet.
    Trying,
    /// A provisional response came.
    Proceeding,
    /// The final response came; its retransmissions are absorbed.
    Completed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A response.
    Response(Class),
    /// A timer.
    Fired(Timer),
    /// The transport has failed.
    Broken,
}

/// How it begins.
pub const START: (State, &[Action]) = (
    State::Trying,
    &[
        Action::Send,
        Action::Start(Timer::E),
        Action::Start(Timer::F),
    ],
);

/// The transition.
pub const fn next(state: State, input: Input) -> (State, &'static [Action]) {
    use Action::*;
    use Class::*;
    use State::*;
    use Timer::*;
    match (state, input) {
        (Trying, Input::Fired(E)) => (Trying, &[Resend, Start(E)]),
        (Proceeding, Input::Fired(E)) => (Proceeding, &[Resend, Start(E)]),
        (Trying | Proceeding, Input::Fired(F)) => (Terminated, &[Stop(E), TimedOut]),
        (Trying | Proceeding, Input::Broken) => (Terminated, &[Stop(E), Stop(F), Broken]),
        (Trying | Proceeding, Input::Response(Provisional)) => (Proceeding, &[Deliver]),
        (Trying | Proceeding, Input::Response(Success | Failure)) => {
            (Completed, &[Stop(E), Stop(F), Deliver, Start(K)])
        }
        (Completed, Input::Fired(K)) => (Terminated, &[]),
        (state, _) => (state, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::exhaustive::{CLASSES, TIMERS, check};
    use super::*;

    #[test]
    fn rfc3261_figure_6() {
        use Action::*;
        use Class::*;
        use State::*;
        use Timer::*;
        let inputs: Vec<_> = (TIMERS.map(Input::Fired).into_iter())
            .chain(CLASSES.map(Input::Response))
            .chain([Input::Broken])
            .collect();
        const DONE: &[Action] = &[Stop(E), Stop(F), Deliver, Start(K)];
        const BROKEN: &[Action] = &[Stop(E), Stop(F), Broken];
        check(
            next,
            &[Trying, Proceeding, Completed, Terminated],
            &inputs,
            &[
                (Trying, Input::Fired(E), Trying, &[Resend, Start(E)]),
                (Trying, Input::Fired(F), Terminated, &[Stop(E), TimedOut]),
                (Trying, Input::Broken, Terminated, BROKEN),
                (Trying, Input::Response(Provisional), Proceeding, &[Deliver]),
                (Trying, Input::Response(Success), Completed, DONE),
                (Trying, Input::Response(Failure), Completed, DONE),
                (Proceeding, Input::Fired(E), Proceeding, &[Resend, Start(E)]),
                (
                    Proceeding,
                    Input::Fired(F),
                    Terminated,
                    &[Stop(E), TimedOut],
                ),
                (Proceeding, Input::Broken, Terminated, BROKEN),
                (
                    Proceeding,
                    Input::Response(Provisional),
                    Proceeding,
                    &[Deliver],
                ),
                (Proceeding, Input::Response(Success), Completed, DONE),
                (Proceeding, Input::Response(Failure), Completed, DONE),
                (Completed, Input::Fired(K), Terminated, &[]),
            ],
        );
    }
}
