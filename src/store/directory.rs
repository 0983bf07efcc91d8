//! A list of users.

use crate::participating::Subscriber;
use crate::sip::Uri;
use crate::wire::Text;
use std::collections::BTreeMap;

/// The users of a domain and what is known of them.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    users: BTreeMap<Text, Subscriber>,
}

/// What is wrong with a list of users, and in which line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// A line is not `NAME:PASSWORD`.
    #[error("line {0} is not NAME:PASSWORD")]
    Line(usize),
    /// A name cannot be the user part of a SIP URI.
    #[error("line {0} names no user")]
    Name(usize),
}

impl Directory {
    /// Nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a user, or replaces one. It is found by each of its identities as well.
    pub fn insert(&mut self, user: &Uri, subscriber: Subscriber) {
        for identity in &subscriber.identities {
            let account = Some(user.aor());
            self.users.insert(
                identity.aor(),
                Subscriber {
                    account,
                    ..subscriber.clone()
                },
            );
        }
        self.users.insert(user.aor(), subscriber);
    }

    /// A user by its address of record.
    pub fn get(&self, aor: &str) -> Option<&Subscriber> {
        self.users.get(aor)
    }

    /// A user by its address of record, to be changed.
    pub fn get_mut(&mut self, aor: &str) -> Option<&mut Subscriber> {
        self.users.get_mut(aor)
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Adds the users of a list, one `NAME:PASSWORD` a line; blank lines and those that begin with `#` are
    /// passed over.
    ///
    /// # Errors
    ///
    /// A line that is something else; the users before it were added.
    pub fn read(&mut self, list: &str, domain: &str) -> Result<(), DirectoryError> {
        for (number, line) in (1..).zip(list.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, password) = line.split_once(':').ok_or(DirectoryError::Line(number))?;
            let user = format!("sip:{}@{domain}", name.trim()).parse::<Uri>();
            let user = user
                .ok()
                .filter(|_| !name.trim().is_empty())
                .ok_or(DirectoryError::Name(number))?;
            let subscriber = Subscriber {
                password: Text::from(password),
                ..Subscriber::default()
            };
            self.insert(&user, subscriber);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_its_faults_are_named() {
        let mut directory = Directory::new();
        directory
            .read(
                "# people\n\nalice:secret\n bob : pass:word\n",
                "example.com",
            )
            .unwrap();
        assert_eq!(directory.len(), 2);
        assert_eq!(
            directory.get("sip:alice@example.com").unwrap().password,
            "secret"
        );
        assert_eq!(
            directory.read("alice:x\nnobody\n", "example.com"),
            Err(DirectoryError::Line(2))
        );
        assert_eq!(
            directory.read(":x", "example.com"),
            Err(DirectoryError::Name(1))
        );
    }
}
