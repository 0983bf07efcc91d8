//! Event and Subscription-State.

use super::read_by;
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::write_line;
use crate::wire::params::{Params, ParamsRef};

/// What is subscribed to or notified of (RFC 6665 §8.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event package with its templates: `conference`, `presence.winfo`.
    pub package: Text,
    /// The parameters.
    pub params: Params,
}

impl Event {
    /// A package without an id.
    pub fn new(package: &str) -> Self {
        Self {
            package: Text::from(package),
            params: Params::new(),
        }
    }

    /// Which of several subscriptions in one dialog.
    pub fn id(&self) -> Option<&str> {
        self.params.value("id")
    }

    /// Whether both mean one subscription: the same package and the same id (RFC 6665 §8.2.1).
    pub fn matches(&self, other: &Self) -> bool {
        self.package == other.package && self.id() == other.id()
    }
}

impl Header for Event {
    const NAME: Name = Name::Event;
    const LIST: bool = false;

    read_by!(
        |cursor| Ok((cursor.token()?, ParamsRef::read(cursor)?)),
        |(package, params): (&str, ParamsRef<'_>), value: &Text| Self {
            package: value.slice_ref(package),
            params: params.own(value),
        }
    );

    fn write(&self, out: &mut String) {
        write_line(&self.package, out);
        self.params.write(out);
    }
}

/// How a subscription stands (RFC 6665 §8.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionState {
    /// The state.
    pub state: State,
    /// The parameters.
    pub params: Params,
}

/// The state of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It is in force.
    Active,
    /// It waits for somebody to allow it.
    Pending,
    /// It is over.
    Terminated,
    /// A state of an extension.
    Other(Text),
}

impl SubscriptionState {
    /// In force for so many seconds.
    pub fn active(expires: u32) -> Self {
        Self {
            state: State::Active,
            params: Params::new().with("expires", Some(&expires.to_string())),
        }
    }

    /// Over, for a reason such as `timeout` or `noresource`.
    pub fn terminated(reason: &str) -> Self {
        Self {
            state: State::Terminated,
            params: Params::new().with("reason", Some(reason)),
        }
    }

    /// For how many seconds it is still valid.
    pub fn expires(&self) -> Option<u32> {
        self.params.value("expires")?.parse().ok()
    }

    /// Why it is over.
    pub fn reason(&self) -> Option<&str> {
        self.params.value("reason")
    }

    /// After how many seconds another try is welcome.
    pub fn retry_after(&self) -> Option<u32> {
        self.params.value("retry-after")?.parse().ok()
    }
}

impl Header for SubscriptionState {
    const NAME: Name = Name::SubscriptionState;
    const LIST: bool = false;

    read_by!(
        |cursor| Ok((cursor.token()?, ParamsRef::read(cursor)?)),
        |(state, params): (&str, ParamsRef<'_>), value: &Text| {
            let is = |name: &str| state.eq_ignore_ascii_case(name);
            let state = if is("active") {
                State::Active
            } else if is("pending") {
                State::Pending
            } else if is("terminated") {
                State::Terminated
            } else {
                State::Other(value.slice_ref(state))
            };
            let params = params.own(value);
            Self { state, params }
        }
    );

    fn write(&self, out: &mut String) {
        match &self.state {
            State::Active => out.push_str("active"),
            State::Pending => out.push_str("pending"),
            State::Terminated => out.push_str("terminated"),
            State::Other(state) => write_line(state, out),
        }
        self.params.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn events_and_states_there_and_back() {
        there_and_back::<Event>(&[
            ("conference", "conference"),
            ("refer ; id = 93809824", "refer;id=93809824"),
            ("presence.winfo", "presence.winfo"),
        ]);
        there_and_back::<SubscriptionState>(&[
            ("active;expires=599", "active;expires=599"),
            (
                "Terminated ;reason=timeout;retry-after=5",
                "terminated;reason=timeout;retry-after=5",
            ),
            ("waiting", "waiting"),
        ]);
        refused::<Event>(&[("", 0), (";id=1", 0), ("a b", 2)]);
        refused::<SubscriptionState>(&[("", 0), ("active expires", 7)]);
    }

    #[test]
    fn what_the_parameters_say() {
        let state: SubscriptionState = read("terminated;reason=probation;retry-after=30");
        assert_eq!(
            (state.reason(), state.retry_after(), state.expires()),
            (Some("probation"), Some(30), None)
        );
        assert_eq!(SubscriptionState::active(60).expires(), Some(60));
        assert_eq!(
            written(&SubscriptionState::terminated("noresource")),
            "terminated;reason=noresource"
        );
        let event = |text: &str| read::<Event>(text);
        assert!(event("refer;id=1;x=2").matches(&event("refer;id=1")));
        assert!(!event("refer;id=1").matches(&event("refer")));
    }
}
