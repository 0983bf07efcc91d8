//! The INVITE client transaction (RFC 3261 §17.1.1, with the Accepted state of RFC 6026 §7.2).
//!
//! ```text
//!                             │ INVITE from the user: send it
//!            A: send again    ▼
//!                    ┌──── Calling ───────────────────────── B: timed out ─────┐
//!                    └───▶  │  │ │ └──────────────────────── broken ────────────┤
//!                           │  │ └─ 1xx: deliver ──┐                           │
//!                           │  │                   ▼                           │
//!                           │  │             ┌ Proceeding ┐                    │
//!                           │  │             │  │  ▲    │ │                    │
//!                           │  │             │  └──┘    │ │                    │
//!                           │  │             │   1xx    │ │                    │
//!       300-699: ACK,deliver│  └──────┐ ┌────┘ 2xx      │ │                    │
//!                           │         │ │               │ │                    │
//!                           │  2xx: deliver   ┌─────────┘ │                    │
//!                           ▼         ▼ ▼     ▼           │                    │
//!     300-699: ACK  ┌── Completed    Accepted ──┐ 2xx: deliver                 │
//!                   └──▶    │         │  ▲──────┘                              │
//!                           │ D       │ M                                      │
//!                           ▼         ▼                                        │
//!                          Terminated ◀────────────────────────────────────────┘
//! ```

use super::{Action, Class, Timer};

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing came back yet.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A failure came and was acknowledged; its retransmissions are acknowledged too.
    Completed,
    /// A success came; every further one, of whatever dialog, reaches the user.
    Accepted,
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
    State::Calling,
    &[
        Action::Send,
        Action::Start(Timer::A),
        Action::Start(Timer::B),
    ],
);

/// The transition.
pub const fn next(state: State, input: Input) -> (State, &'static [Action]) {
    use Action::*;
    use Class::*;
    use State::*;
    use Timer::*;
    match (state, input) {
        (Calling, Input::Fired(A)) => (Calling, &[Resend, Start(A)]),
        (Calling, Input::Fired(B)) => (Terminated, &[Stop(A), TimedOut]),
        (Calling, Input::Broken) => (Terminated, &[Stop(A), Stop(B), Broken]),
        (Calling, Input::Response(Provisional)) => (Proceeding, &[Stop(A), Stop(B), Deliver]),
        (Calling, Input::Response(Success)) => (Accepted, &[Stop(A), Stop(B), Deliver, Start(M)]),
        (Calling, Input::Response(Failure)) => {
            (Completed, &[Stop(A), Stop(B), Ack, Deliver, Start(D)])
        }
        (Proceeding, Input::Response(Provisional)) => (Proceeding, &[Deliver]),
        (Proceeding, Input::Response(Success)) => (Accepted, &[Deliver, Start(M)]),
        (Proceeding, Input::Response(Failure)) => (Completed, &[Ack, Deliver, Start(D)]),
        (Completed, Input::Response(Failure)) => (Completed, &[Ack]),
        // The user has its response; there is nothing to tell it.
        (Completed, Input::Broken) => (Terminated, &[Stop(D)]),
        (Completed, Input::Fired(D)) => (Terminated, &[]),
        (Accepted, Input::Response(Success)) => (Accepted, &[Deliver]),
        (Accepted, Input::Fired(M)) => (Terminated, &[]),
        (state, _) => (state, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::exhaustive::{CLASSES, TIMERS, check};
    use super::*;

    #[test]
    fn rfc3261_figure_5_with_rfc6026() {
        use Action::*;
        use Class::*;
        use State::*;
        use Timer::*;
        let states = [Calling, Proceeding, Completed, Accepted, Terminated];
        let inputs: Vec<_> = (TIMERS.map(Input::Fired).into_iter())
            .chain(CLASSES.map(Input::Response))
            .chain([Input::Broken])
            .collect();
        check(
            next,
            &states,
            &inputs,
            &[
                (Calling, Input::Fired(A), Calling, &[Resend, Start(A)]),
                (Calling, Input::Fired(B), Terminated, &[Stop(A), TimedOut]),
                (
                    Calling,
                    Input::Broken,
                    Terminated,
                    &[Stop(A), Stop(B), Broken],
                ),
                (
                    Calling,
                    Input::Response(Provisional),
                    Proceeding,
                    &[Stop(A), Stop(B), Deliver],
                ),
                (
                    Calling,
                    Input::Response(Success),
                    Accepted,
                    &[Stop(A), Stop(B), Deliver, Start(M)],
                ),
                (
                    Calling,
                    Input::Response(Failure),
                    Completed,
                    &[Stop(A), Stop(B), Ack, Deliver, Start(D)],
                ),
                (
                    Proceeding,
                    Input::Response(Provisional),
                    Proceeding,
                    &[Deliver],
                ),
                (
                    Proceeding,
                    Input::Response(Success),
                    Accepted,
                    &[Deliver, Start(M)],
                ),
                (
                    Proceeding,
                    Input::Response(Failure),
                    Completed,
                    &[Ack, Deliver, Start(D)],
                ),
                (Completed, Input::Response(Failure), Completed, &[Ack]),
                (Completed, Input::Broken, Terminated, &[Stop(D)]),
                (Completed, Input::Fired(D), Terminated, &[]),
                (Accepted, Input::Response(Success), Accepted, &[Deliver]),
                (Accepted, Input::Fired(M), Terminated, &[]),
            ],
        );
    }
}
