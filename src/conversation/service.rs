//! The services of CPM and how a request names them (OMA CPM Conversation Functions; TS 24.229 §7.9.2).

use crate::wire::Text;

/// A service of CPM, named by its IMS communication service identifier (ICSI).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Service {
    /// A message in one SIP MESSAGE.
    Pager,
    /// A message that is too large for that, in an MSRP session of its own.
    LargeMessage,
    /// A chat.
    Session,
    /// A file.
    FileTransfer,
    /// Delivery of what was kept while a user was away.
    Deferred,
    /// What the network itself has to say to a user.
    System,
}

/// A text for each service: the name that its identifier ends with, between two others.
macro_rules! spelled {
    ($service:expr, $before:literal, $after:literal) => {
        match $service {
            Self::Pager => concat!($before, "msg", $after),
            Self::LargeMessage => concat!($before, "largemsg", $after),
            Self::Session => concat!($before, "session", $after),
            Self::FileTransfer => concat!($before, "filetransfer", $after),
            Self::Deferred => concat!($before, "deferred", $after),
            Self::System => concat!($before, "systemmsg", $after),
        }
    };
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 6] = [
        Self::Pager,
        Self::LargeMessage,
        Self::Session,
        Self::FileTransfer,
        Self::Deferred,
        Self::System,
    ];

    /// The identifier in full, as `P-Asserted-Service` and `P-Preferred-Service` carry it (RFC 6050).
    pub const fn icsi(self) -> &'static str {
        spelled!(self, "urn:urn-7:3gpp-service.ims.icsi.oma.cpm.", "")
    }

    /// The Accept-Contact of a request that any device with the service may take: what
    /// [`AcceptContact::for_service`](crate::sip::msg::header::AcceptContact::for_service) writes, which each message
    /// needs and none changes.
    pub(super) const fn preference(self) -> &'static str {
        spelled!(
            self,
            "*;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.",
            "\""
        )
    }

    /// The service of an identifier, with or without the `.group` that a request to a group has.
    pub fn from_icsi(icsi: &str) -> Option<Self> {
        let base = match icsi
            .len()
            .checked_sub(GROUP.len())
            .and_then(|at| icsi.split_at_checked(at))
        {
            Some((base, suffix)) if suffix.eq_ignore_ascii_case(GROUP) => base,
            _ => icsi,
        };
        Self::ALL
            .into_iter()
            .find(|service| service.icsi().eq_ignore_ascii_case(base))
    }

    /// The identifier as a feature tag carries it: percent-encoded (TS 24.229 §7.9.2).
    pub fn feature_value(self) -> Text {
        Text::from(self.icsi().replace(':', "%3A"))
    }
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// In the chat that is open.
    Session,
    /// In one SIP MESSAGE.
    Pager,
    /// In an MSRP session of its own.
    Large,
}

impl Mode {
    /// The mode for a CPIM message of `size` bytes: the open chat if there is one, else one SIP MESSAGE up to
    /// `limit`, else large message mode.
    ///
    /// RFC 3428 §8 holds a MESSAGE to 1300 bytes as a whole only where its path is not congestion
    /// controlled; the endpoint takes care of that by sending a request beyond this size over a stream. What
    /// is left for CPM to decide is the size of the message.
    pub const fn choose(chat_open: bool, size: usize, limit: usize) -> Self {
        if chat_open {
            Self::Session
        } else if size <= limit {
            Self::Pager
        } else {
            Self::Large
        }
    }
}

const GROUP: &str = ".group";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::msg::Header;
    use crate::sip::msg::header::AcceptContact;

    #[test]
    fn a_preference_is_spelled_as_its_type_writes_it() {
        for service in Service::ALL {
            let mut written = String::new();
            AcceptContact::for_service(service.icsi(), None).write(&mut written);
            assert_eq!(service.preference(), written);
        }
    }

    #[test]
    fn every_identifier_is_recognised_in_any_case_and_for_groups() {
        for service in Service::ALL {
            assert_eq!(Service::from_icsi(service.icsi()), Some(service));
            assert_eq!(
                Service::from_icsi(&service.icsi().to_uppercase()),
                Some(service)
            );
            assert_eq!(
                Service::from_icsi(&format!("{}.group", service.icsi())),
                Some(service)
            );
        }
        assert_eq!(
            Service::from_icsi("urn:urn-7:3gpp-service.ims.icsi.mmtel"),
            None
        );
        assert_eq!(Service::from_icsi(".group"), None);
    }

    #[test]
    fn r23_the_size_and_the_open_chat_decide_the_mode() {
        assert_eq!(Mode::choose(false, 1300, 1300), Mode::Pager);
        assert_eq!(Mode::choose(false, 1301, 1300), Mode::Large);
        assert_eq!(Mode::choose(true, 1301, 1300), Mode::Session);
        assert_eq!(Mode::choose(true, 1, 1300), Mode::Session);
    }
}
