//! Names of headers and the values that have names of their own.

/// The name of a header: its namespace, the name in it, and the prefix that we write for the namespace
/// (RFC 3862 §3.4). Two names are the same if namespace and name are, whatever the prefix.
#[derive(Clone, Copy, Debug)]
pub struct HeaderName<'a> {
    /// The URI of the namespace.
    pub namespace: &'a str,
    /// The prefix under which we write it; empty for the headers of RFC 3862 itself.
    pub prefix: &'a str,
    /// The name within the namespace. Case matters.
    pub name: &'a str,
}

impl<'a> HeaderName<'a> {
    /// The namespace of RFC 3862's own headers.
    pub const NS_CORE: &'static str = "urn:ietf:params:cpim-headers:";
    /// The namespace of notifications (RFC 5438 §6).
    pub const NS_IMDN: &'static str = "urn:ietf:params:imdn";
    /// The namespace of OMA CPM.
    pub const NS_CPM: &'static str = "http://www.openmobilealliance.org/cpm/";

    /// A name in any namespace.
    pub const fn new(prefix: &'a str, namespace: &'a str, name: &'a str) -> Self {
        Self {
            namespace,
            prefix,
            name,
        }
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $constant:ident = $prefix:literal $namespace:ident $name:literal;)*) => {
        impl HeaderName<'static> {
            $($(#[$doc])* pub const $constant: Self = Self::new($prefix, Self::$namespace, $name);)*

            /// All of these.
            pub(super) const UNDERSTOOD: &'static [Self] = &[$(Self::$constant,)*];
        }
    };
}

names! {
    /// Who wrote it (RFC 3862 §4.1).
    FROM = "" NS_CORE "From";
    /// Whom it is for (RFC 3862 §4.2).
    TO = "" NS_CORE "To";
    /// Who gets it as well (RFC 3862 §4.3).
    CC = "" NS_CORE "cc";
    /// When it was written (RFC 3862 §4.4).
    DATE_TIME = "" NS_CORE "DateTime";
    /// What it is about (RFC 3862 §4.5).
    SUBJECT = "" NS_CORE "Subject";
    /// A namespace and its prefix (RFC 3862 §4.6).
    NS = "" NS_CORE "NS";
    /// Headers that must be understood (RFC 3862 §4.7).
    REQUIRE = "" NS_CORE "Require";
    /// Names the message in its notifications (RFC 5438 §6.3).
    MESSAGE_ID = "imdn" NS_IMDN "Message-ID";
    /// Which notifications the sender asks for (RFC 5438 §6.2).
    DISPOSITION_NOTIFICATION = "imdn" NS_IMDN "Disposition-Notification";
    /// Whom the message was for before a list server changed that (RFC 5438 §6.4).
    ORIGINAL_TO = "imdn" NS_IMDN "Original-To";
    /// An intermediary that wants to see the notifications (RFC 5438 §6.5).
    IMDN_RECORD_ROUTE = "imdn" NS_IMDN "IMDN-Record-Route";
    /// An intermediary that a notification goes through (RFC 5438 §6.6).
    IMDN_ROUTE = "imdn" NS_IMDN "IMDN-Route";
    /// The media type of the content, for those who do not open it (OMA CPM).
    PAYLOAD_TYPE = "cpm" NS_CPM "Payload-Type";
    /// How delicate the content is. What carries this is not settled: an operator may use another name.
    SENSITIVITY = "cpm" NS_CPM "Sensitivity";
}

impl PartialEq for HeaderName<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && same_namespace(self.namespace, other.namespace)
    }
}

impl Eq for HeaderName<'_> {}

/// Whether two namespaces are the same. Peers are not sure of what stands at the end of them.
pub(super) fn same_namespace(one: &str, other: &str) -> bool {
    one == other || one.trim_end_matches(['/', ':']) == other.trim_end_matches(['/', ':'])
}

/// Which notifications the sender of a message asks for (RFC 5438 §6.2).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Dispositions(u8);

impl Dispositions {
    /// None.
    pub const NONE: Self = Self(0);
    /// When it is delivered.
    pub const POSITIVE_DELIVERY: Self = Self(1);
    /// When it cannot be delivered.
    pub const NEGATIVE_DELIVERY: Self = Self(2);
    /// When it is displayed.
    pub const DISPLAY: Self = Self(4);
    /// When an intermediary handles it.
    pub const PROCESSING: Self = Self(8);
    /// When it goes on to a legacy service (OMA CPM).
    pub const INTERWORKING: Self = Self(16);
    /// Something is asked for that is not known.
    pub const OTHER: Self = Self(32);

    /// Both of the two.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Reads a header value. Parameters do not matter, nor does case.
    pub fn parse(value: &str) -> Self {
        value
            .split(',')
            .map(|token| token.split(';').next().unwrap_or_default().trim())
            .filter(|token| !token.is_empty())
            .map(|token| {
                Self::NAMES
                    .into_iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(token))
                    .map_or(Self::OTHER, |(_, disposition)| disposition)
            })
            .fold(Self::NONE, Self::and)
    }

    const NAMES: [(&'static str, Self); 5] = [
        ("positive-delivery", Self::POSITIVE_DELIVERY),
        ("negative-delivery", Self::NEGATIVE_DELIVERY),
        ("display", Self::DISPLAY),
        ("processing", Self::PROCESSING),
        ("interworking", Self::INTERWORKING),
    ];
}

impl std::ops::BitOr for Dispositions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}

impl std::fmt::Display for Dispositions {
    /// As it is written in a header; what is not known is left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        for (name, disposition) in Self::NAMES {
            if self.contains(disposition) {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Dispositions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dispositions({self})")
    }
}

/// How delicate the content is; the values of the mail header of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sensitivity {
    /// For the recipient in person.
    Personal,
    /// For nobody but the recipient.
    Private,
    /// For the recipient's company only.
    CompanyConfidential,
}

impl Sensitivity {
    /// Reads a header value, in any case.
    pub fn parse(value: &str) -> Option<Self> {
        [Self::Personal, Self::Private, Self::CompanyConfidential]
            .into_iter()
            .find(|each| each.as_str().eq_ignore_ascii_case(value.trim()))
    }

    /// As it is written in a header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "Personal",
            Self::Private => "Private",
            Self::CompanyConfidential => "Company-Confidential",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dispositions_in_both_directions() {
        for (written, value) in [
            ("", Dispositions::NONE),
            ("display", Dispositions::DISPLAY),
            (
                "positive-delivery, negative-delivery, display, processing, interworking",
                Dispositions(31),
            ),
        ] {
            assert_eq!(Dispositions::parse(written), value);
            assert_eq!(value.to_string(), written);
        }
    }

    #[test]
    fn dispositions_of_peers() {
        for (written, value) in [
            (
                "Positive-Delivery,display;x=1",
                Dispositions::POSITIVE_DELIVERY | Dispositions::DISPLAY,
            ),
            (", ,", Dispositions::NONE),
            ("telepathy", Dispositions::OTHER),
        ] {
            assert_eq!(Dispositions::parse(written), value, "{written}");
        }
    }

    #[test]
    fn sensitivities_in_both_directions() {
        for value in [
            Sensitivity::Personal,
            Sensitivity::Private,
            Sensitivity::CompanyConfidential,
        ] {
            assert_eq!(Sensitivity::parse(value.as_str()), Some(value));
        }
        assert_eq!(Sensitivity::parse("public"), None);
    }
}
