//! The INVITE server transaction (RFC 3261 §17.2.1, with the Accepted state of RFC 6026 §7.1).
//!
//! ```text
//!                              │ INVITE: deliver it
//!        INVITE: send again    ▼
//!        200 ms: 100   ┌─ Proceeding ───────────────────┐
//!        1xx: send     └──▶    │                        │
//!                              │ 300-699: send          │ 2xx: send
//!                              ▼                        ▼
//!        INVITE,       ┌─ Completed ── H ──┐         Accepted ──┐ INVITE: absorb
//!        G: send again └──▶    │           │            │  ▲    │ ACK: deliver
//!                              │ ACK       │            │  └────┘ 2xx: send
//!                              ▼           │            │
//!                          Confirmed       │ timed out  │ L
//!                              │ I         │            │
//!                              ▼           ▼            │
//!                          Terminated ◀─────────────────┘
//! ```
//!
//! A transport that fails is reported and ends nothing (RFC 6026 §7.1): the timers do that.

use super::{Action, Class, Timer};

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The user has not answered finally.
    Proceeding,
    /// The user has refused; waiting for the ACK.
    Completed,
    /// The ACK for the refusal came; its retransmissions are absorbed.
    Confirmed,
    /// The user has accepted, and sends its 2xx until the ACK comes.
    Accepted,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The INVITE once more.
    Request,
    /// An ACK.
    Ack,
    /// A response of the user.
    Respond(Class),
    /// A timer.
    Fired(Timer),
    /// The transport has failed.
    Broken,
}

/// How it begins.
pub const START: (State, &[Action]) = (
    State::Proceeding,
    &[Action::Start(Timer::Hundred), Action::Deliver],
);

/// The transition.
pub const fn next(state: State, input: Input) -> (State, &'static [Action]) {
    use Action::*;
    use Class::*;
    use State::*;
    use Timer::*;
    match (state, input) {
        // Before the first response there is nothing to send again but the 100.
        (Proceeding, Input::Request) => (Proceeding, &[Resend]),
        (Proceeding, Input::Fired(Hundred)) => (Proceeding, &[Try]),
        (Proceeding, Input::Respond(Provisional)) => (Proceeding, &[Stop(Hundred), Send]),
        (Proceeding, Input::Respond(Success)) => (Accepted, &[Stop(Hundred), Send, Start(L)]),
        (Proceeding, Input::Respond(Failure)) => {
            (Completed, &[Stop(Hundred), Send, Start(G), Start(H)])
        }
        (Completed, Input::Request) => (Completed, &[Resend]),
        (Completed, Input::Fired(G)) => (Completed, &[Resend, Start(G)]),
        (Completed, Input::Fired(H)) => (Terminated, &[Stop(G), TimedOut]),
        (Completed, Input::Ack) => (Confirmed, &[Stop(G), Stop(H), Start(I)]),
        (Confirmed, Input::Fired(I)) => (Terminated, &[]),
        (Accepted, Input::Ack) => (Accepted, &[Deliver]),
        (Accepted, Input::Respond(Success)) => (Accepted, &[Send]),
        (Accepted, Input::Fired(L)) => (Terminated, &[]),
        (Proceeding | Completed | Accepted, Input::Broken) => (state, &[Broken]),
        (state, _) => (state, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::exhaustive::{CLASSES, TIMERS, check};
    use super::*;

    #[test]
    fn rfc3261_figure_7_with_rfc6026() {
        use Action::*;
        use Class::*;
        use State::*;
        use Timer::*;
        let inputs: Vec<_> = (TIMERS.map(Input::Fired).into_iter())
            .chain(CLASSES.map(Input::Respond))
            .chain([Input::Request, Input::Ack, Input::Broken])
            .collect();
        check(
            next,
            &[Proceeding, Completed, Confirmed, Accepted, Terminated],
            &inputs,
            &[
                (Proceeding, Input::Request, Proceeding, &[Resend]),
                (Proceeding, Input::Fired(Hundred), Proceeding, &[Try]),
                (
                    Proceeding,
                    Input::Respond(Provisional),
                    Proceeding,
                    &[Stop(Hundred), Send],
                ),
                (
                    Proceeding,
                    Input::Respond(Success),
                    Accepted,
                    &[Stop(Hundred), Send, Start(L)],
                ),
                (
                    Proceeding,
                    Input::Respond(Failure),
                    Completed,
                    &[Stop(Hundred), Send, Start(G), Start(H)],
                ),
                (Proceeding, Input::Broken, Proceeding, &[Broken]),
                (Completed, Input::Request, Completed, &[Resend]),
                (Completed, Input::Fired(G), Completed, &[Resend, Start(G)]),
                (Completed, Input::Fired(H), Terminated, &[Stop(G), TimedOut]),
                (
                    Completed,
                    Input::Ack,
                    Confirmed,
                    &[Stop(G), Stop(H), Start(I)],
                ),
                (Completed, Input::Broken, Completed, &[Broken]),
                (Confirmed, Input::Fired(I), Terminated, &[]),
                (Accepted, Input::Ack, Accepted, &[Deliver]),
                (Accepted, Input::Respond(Success), Accepted, &[Send]),
                (Accepted, Input::Fired(L), Terminated, &[]),
                (Accepted, Input::Broken, Accepted, &[Broken]),
            ],
        );
    }
}
