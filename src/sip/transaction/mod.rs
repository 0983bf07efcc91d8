//! Transactions (RFC 3261 §17, RFC 6026): four transition tables, and the durations of their timers.
//!
//! Each table is a pure function from a state and an input to the next state and a list of actions. The
//! [`Endpoint`](super::Endpoint) keeps the states, feeds the inputs and carries out the actions in order; a timer
//! that is zero on its transport fires at once.

mod timer;

pub mod client;
pub mod invite_client;
pub mod invite_server;
pub mod server;

pub use timer::{Timer, Times};

/// The three kinds of responses that transactions tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// 100 to 199.
    Provisional,
    /// 200 to 299.
    Success,
    /// 300 to 699.
    Failure,
}

impl Class {
    /// The kind of a status code.
    pub const fn of(status: u16) -> Self {
        match status {
            ..=199 => Self::Provisional,
            200..=299 => Self::Success,
            _ => Self::Failure,
        }
    }
}

/// What a transaction wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send the message that the user gave: the request of a client, the response of a server.
    Send,
    /// Send the last message once more.
    Resend,
    /// Acknowledge the response at hand, in the transaction.
    Ack,
    /// Send 100.
    Try,
    /// Give the message at hand to the user.
    Deliver,
    /// Tell the user that no message came in time.
    TimedOut,
    /// Tell the user that the transport has failed.
    Broken,
    /// Start a timer, or start it again.
    Start(Timer),
    /// Stop a timer.
    Stop(Timer),
}

#[cfg(test)]
mod exhaustive {
    //! Holds a table against its list of transitions: what is not in the list must do nothing.

    use super::{Action, Class, Timer};

    pub(super) const TIMERS: [Timer; 14] = [
        Timer::A,
        Timer::B,
        Timer::D,
        Timer::E,
        Timer::F,
        Timer::G,
        Timer::H,
        Timer::I,
        Timer::J,
        Timer::K,
        Timer::L,
        Timer::M,
        Timer::Hundred,
        Timer::Unanswered,
    ];

    pub(super) const CLASSES: [Class; 3] = [Class::Provisional, Class::Success, Class::Failure];

    type Row<S, I> = (S, I, S, &'static [Action]);

    pub(super) fn check<
        S: Copy + PartialEq + std::fmt::Debug,
        I: Copy + PartialEq + std::fmt::Debug,
    >(
        next: fn(S, I) -> (S, &'static [Action]),
        states: &[S],
        inputs: &[I],
        table: &[Row<S, I>],
    ) {
        for &state in states {
            for &input in inputs {
                let rows: Vec<_> = table
                    .iter()
                    .filter(|(s, i, ..)| *s == state && *i == input)
                    .collect();
                assert!(rows.len() <= 1, "{state:?} × {input:?} stands twice");
                let expected = rows
                    .first()
                    .map_or((state, &[] as &[Action]), |(.., to, actions)| {
                        (*to, *actions)
                    });
                assert_eq!(next(state, input), expected, "{state:?} × {input:?}");
            }
        }
        for (state, input, ..) in table {
            assert!(
                states.contains(state) && inputs.contains(input),
                "{state:?} × {input:?} was never tried"
            );
        }
    }
}
