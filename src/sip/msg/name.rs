//! The table of header names.

use super::{Mode, header};
use crate::sip::HeaderError;
use crate::wire::{Text, swar};

/// How often a header may appear in one message (RFC 3261 §7.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// At most once.
    One,
    /// Any number of times.
    Many,
}

macro_rules! names {
    ($(#[doc = $doc:literal] $variant:ident = $spelling:literal $(/ $compact:literal)?, $cardinality:ident;)*) => {
        /// The name of a header field. Names are compared without regard to case, and a compact form is
        /// the same name (RFC 3261 §7.3.1, §7.3.3).
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum Name {
            $(#[doc = $doc] $variant,)*
            /// A name that is not in the table, as it was spelled.
            Other(Text),
        }

        /// The same as a number.
        #[derive(Clone, Copy)]
        #[repr(u8)]
        enum Number {
            $($variant,)*
            End,
        }

        impl Name {
            /// How many names the table has. [`Name::number`] is this for those not in it.
            pub(crate) const COUNT: u8 = Number::End as u8;

            /// The number of the one that the parser itself looks at.
            pub(crate) const CONTENT_LENGTH: u8 = Number::ContentLength as u8;

            /// The canonical spelling.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $spelling,)*
                    Self::Other(name) => name,
                }
            }

            /// Checks a field by the type that the name has; it is called like the name. One that is not in
            /// the table has no wrong values.
            pub(super) fn check(&self, field: &str, mode: Mode) -> Result<(), HeaderError> {
                match self {
                    $(Self::$variant => header::check_as::<header::$variant>(field, mode),)*
                    Self::Other(_) => Ok(()),
                }
            }

            /// The place in the table.
            pub(crate) const fn number(&self) -> u8 {
                match self {
                    $(Self::$variant => Number::$variant as u8,)*
                    Self::Other(_) => Self::COUNT,
                }
            }
        }

        /// The names of the table by number.
        static TABLE: [Name; Name::COUNT as usize] = [$(Name::$variant),*];

        const DOCS: [&str; Name::COUNT as usize] = [$($doc),*];
        const SPELLINGS: [&str; Name::COUNT as usize] = [$($spelling),*];
        const COMPACT: [&str; Name::COUNT as usize] = [$(concat!($($compact)?)),*];
        const CARDINALITIES: [Cardinality; Name::COUNT as usize] = [$(Cardinality::$cardinality),*];
    };
}

names! {
    // What nearly every message has comes first.
    /// RFC 3261 §20.42.
    Via = "Via" / "v", Many;
    /// RFC 3261 §20.34.
    Route = "Route", Many;
    /// RFC 3261 §20.30.
    RecordRoute = "Record-Route", Many;
    /// RFC 3261 §20.22.
    MaxForwards = "Max-Forwards", One;
    /// RFC 3261 §20.20.
    From = "From" / "f", One;
    /// RFC 3261 §20.39.
    To = "To" / "t", One;
    /// RFC 3261 §20.8.
    CallId = "Call-ID" / "i", One;
    /// RFC 3261 §20.16.
    CSeq = "CSeq", One;
    /// RFC 3261 §20.10.
    Contact = "Contact" / "m", Many;
    /// RFC 3261 §20.15.
    ContentType = "Content-Type" / "c", One;
    /// RFC 3261 §20.14.
    ContentLength = "Content-Length" / "l", One;
    /// RFC 3261 §20.5.
    Allow = "Allow", Many;
    /// RFC 3261 §20.37.
    Supported = "Supported" / "k", Many;
    /// RFC 3261 §20.32.
    Require = "Require", Many;
    /// RFC 3261 §20.41.
    UserAgent = "User-Agent", One;
    /// RFC 3261 §20.35.
    Server = "Server", One;
    /// RFC 3261 §20.19.
    Expires = "Expires", One;
    /// RFC 3261 §20.7.
    Authorization = "Authorization", Many;
    /// RFC 3261 §20.28.
    ProxyAuthorization = "Proxy-Authorization", Many;
    /// RFC 3325 §9.1.
    PAssertedIdentity = "P-Asserted-Identity", Many;
    /// RFC 3325 §9.2.
    PPreferredIdentity = "P-Preferred-Identity", Many;
    /// RFC 6050 §4.1.
    PAssertedService = "P-Asserted-Service", Many;
    /// RFC 6050 §4.2.
    PPreferredService = "P-Preferred-Service", Many;
    /// RFC 3841 §9.2.
    AcceptContact = "Accept-Contact" / "a", Many;
    /// RFC 4028 §4.
    SessionExpires = "Session-Expires" / "x", One;
    /// RFC 3323 §4.2.
    Privacy = "Privacy", Many;
    /// OMA CPM.
    ConversationId = "Conversation-ID", One;
    /// OMA CPM.
    ContributionId = "Contribution-ID", One;
    /// OMA CPM.
    InReplyToContributionId = "InReplyTo-Contribution-ID", One;

    /// RFC 3261 §20.1.
    Accept = "Accept", Many;
    /// RFC 3261 §20.2.
    AcceptEncoding = "Accept-Encoding", Many;
    /// RFC 3261 §20.3.
    AcceptLanguage = "Accept-Language", Many;
    /// RFC 4412 §3.2.
    AcceptResourcePriority = "Accept-Resource-Priority", Many;
    /// RFC 3261 §20.4.
    AlertInfo = "Alert-Info", Many;
    /// RFC 6665 §8.2.2.
    AllowEvents = "Allow-Events" / "u", Many;
    /// RFC 5373 §4.
    AnswerMode = "Answer-Mode", One;
    /// RFC 3261 §20.6.
    AuthenticationInfo = "Authentication-Info", One;
    /// RFC 3261 §20.9.
    CallInfo = "Call-Info", Many;
    /// RFC 3261 §20.11.
    ContentDisposition = "Content-Disposition", One;
    /// RFC 3261 §20.12.
    ContentEncoding = "Content-Encoding" / "e", Many;
    /// RFC 8262.
    ContentId = "Content-ID", One;
    /// RFC 3261 §20.13.
    ContentLanguage = "Content-Language", Many;
    /// RFC 3261 §20.17.
    Date = "Date", One;
    /// RFC 5806.
    Diversion = "Diversion", Many;
    /// RFC 3261 §20.18.
    ErrorInfo = "Error-Info", Many;
    /// RFC 6665 §8.2.1.
    Event = "Event" / "o", One;
    /// RFC 6809.
    FeatureCaps = "Feature-Caps", Many;
    /// RFC 5626 §11.
    FlowTimer = "Flow-Timer", One;
    /// RFC 6442.
    Geolocation = "Geolocation", Many;
    /// RFC 6442.
    GeolocationError = "Geolocation-Error", One;
    /// RFC 6442.
    GeolocationRouting = "Geolocation-Routing", One;
    /// RFC 7044 §5 (RFC 4244 before it).
    HistoryInfo = "History-Info", Many;
    /// RFC 8224 §4 (RFC 4474 before it, where it was single).
    Identity = "Identity" / "y", Many;
    /// RFC 4474 §9.
    IdentityInfo = "Identity-Info" / "n", One;
    /// RFC 3261 §20.21.
    InReplyTo = "In-Reply-To", Many;
    /// RFC 6086.
    InfoPackage = "Info-Package", One;
    /// RFC 3911.
    Join = "Join", One;
    /// RFC 5393.
    MaxBreadth = "Max-Breadth", One;
    /// OMA CPM.
    MessageExpires = "Message-Expires", One;
    /// OMA CPM.
    MessageUid = "Message-UID", One;
    /// RFC 3261 §20.24.
    MimeVersion = "MIME-Version", One;
    /// RFC 3261 §20.23.
    MinExpires = "Min-Expires", One;
    /// RFC 4028 §5.
    MinSe = "Min-SE", One;
    /// RFC 3261 §20.25.
    Organization = "Organization", One;
    /// RFC 7315 §4.4.
    PAccessNetworkInfo = "P-Access-Network-Info", Many;
    /// RFC 4964.
    PAnswerState = "P-Answer-State", One;
    /// RFC 7315 §4.1.
    PAssociatedUri = "P-Associated-URI", Many;
    /// RFC 7315 §4.2.
    PCalledPartyId = "P-Called-Party-ID", One;
    /// RFC 8496.
    PChargeInfo = "P-Charge-Info", One;
    /// RFC 7315 §4.5.
    PChargingFunctionAddresses = "P-Charging-Function-Addresses", One;
    /// RFC 7315 §4.6.
    PChargingVector = "P-Charging-Vector", One;
    /// RFC 5009.
    PEarlyMedia = "P-Early-Media", One;
    /// RFC 3313.
    PMediaAuthorization = "P-Media-Authorization", Many;
    /// RFC 7316.
    PPrivateNetworkIndication = "P-Private-Network-Indication", One;
    /// RFC 5002.
    PProfileKey = "P-Profile-Key", One;
    /// RFC 5318.
    PRefusedUriList = "P-Refused-URI-List", Many;
    /// RFC 5502.
    PServedUser = "P-Served-User", One;
    /// RFC 4457.
    PUserDatabase = "P-User-Database", One;
    /// RFC 7315 §4.3.
    PVisitedNetworkId = "P-Visited-Network-ID", Many;
    /// RFC 3327 §4.
    Path = "Path", Many;
    /// RFC 5360.
    PermissionMissing = "Permission-Missing", Many;
    /// RFC 6794.
    PolicyContact = "Policy-Contact", Many;
    /// RFC 6794.
    PolicyId = "Policy-ID", Many;
    /// RFC 3261 §20.26.
    Priority = "Priority", One;
    /// RFC 5373 §4.
    PrivAnswerMode = "Priv-Answer-Mode", One;
    /// RFC 3261 §20.27.
    ProxyAuthenticate = "Proxy-Authenticate", Many;
    /// RFC 7615 §4.
    ProxyAuthenticationInfo = "Proxy-Authentication-Info", One;
    /// RFC 3261 §20.29.
    ProxyRequire = "Proxy-Require", Many;
    /// RFC 3262 §7.2.
    RAck = "RAck", One;
    /// RFC 3262 §7.1.
    RSeq = "RSeq", One;
    /// RFC 3326 §2.
    Reason = "Reason", Many;
    /// RFC 6086.
    RecvInfo = "Recv-Info", Many;
    /// RFC 7614.
    ReferEventsAt = "Refer-Events-At", One;
    /// RFC 4488.
    ReferSub = "Refer-Sub", One;
    /// RFC 3515 §2.1.
    ReferTo = "Refer-To" / "r", One;
    /// RFC 3892 §3.
    ReferredBy = "Referred-By" / "b", One;
    /// RFC 3841 §9.2.
    RejectContact = "Reject-Contact" / "j", Many;
    /// RFC 8055.
    RestorationInfo = "Restoration-Info", One;
    /// RFC 3891 §6.1.
    Replaces = "Replaces", One;
    /// RFC 3261 §20.31.
    ReplyTo = "Reply-To", One;
    /// RFC 3841 §9.1.
    RequestDisposition = "Request-Disposition" / "d", Many;
    /// RFC 4412 §3.1.
    ResourcePriority = "Resource-Priority", Many;
    /// RFC 3261 §20.33.
    RetryAfter = "Retry-After", One;
    /// RFC 3329 §2.2.
    SecurityClient = "Security-Client", Many;
    /// RFC 3329 §2.2.
    SecurityServer = "Security-Server", Many;
    /// RFC 3329 §2.2.
    SecurityVerify = "Security-Verify", Many;
    /// RFC 3608 §5.
    ServiceRoute = "Service-Route", Many;
    /// RFC 7989.
    SessionId = "Session-ID", One;
    /// OMA CPM.
    SessionReplaces = "Session-Replaces", One;
    /// RFC 3903 §11.3.1.
    SipEtag = "SIP-ETag", One;
    /// RFC 3903 §11.3.2.
    SipIfMatch = "SIP-If-Match", One;
    /// RFC 3261 §20.36.
    Subject = "Subject" / "s", One;
    /// RFC 6665 §8.2.3.
    SubscriptionState = "Subscription-State", One;
    /// RFC 5839.
    SuppressIfMatch = "Suppress-If-Match", One;
    /// RFC 4538 §7.
    TargetDialog = "Target-Dialog", One;
    /// RFC 3261 §20.38.
    Timestamp = "Timestamp", One;
    /// RFC 5360.
    TriggerConsent = "Trigger-Consent", Many;
    /// RFC 3261 §20.40.
    Unsupported = "Unsupported", Many;
    /// RFC 7433.
    UserToUser = "User-to-User", Many;
    /// RFC 3261 §20.44.
    WwwAuthenticate = "WWW-Authenticate", Many;
    /// RFC 3261 §20.43.
    Warning = "Warning", Many;
}

impl Name {
    /// The name spelled `text` in any case or in its compact form; `None` if it is not a token
    /// (RFC 3261 §25.1).
    pub fn parse(text: &Text) -> Option<Self> {
        match Self::lookup(text.as_bytes()) {
            Some(number) => Self::numbered(number).cloned(),
            None => super::list::is_token(text.as_bytes()).then(|| Self::Other(text.clone())),
        }
    }

    /// The name of the table with that number.
    pub(crate) fn numbered(number: u8) -> Option<&'static Self> {
        TABLE.get(usize::from(number))
    }

    /// Where the header is defined, such as `RFC 3261 §20.8`; `None` where the name is not in the table.
    pub fn reference(&self) -> Option<&'static str> {
        let doc = DOCS.get(usize::from(self.number()))?.trim();
        let end = doc.find(" (").unwrap_or(doc.len());
        Some(doc.get(..end)?.trim_end_matches('.'))
    }

    /// The names of the table.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        TABLE.iter()
    }

    /// The compact form (RFC 3261 §7.3.3).
    pub fn compact(&self) -> Option<&'static str> {
        COMPACT
            .get(usize::from(self.number()))
            .copied()
            .filter(|compact| !compact.is_empty())
    }

    /// How often the header may appear; [`Cardinality::Many`] where the name is not in the table.
    pub fn cardinality(&self) -> Cardinality {
        CARDINALITIES
            .get(usize::from(self.number()))
            .copied()
            .unwrap_or(Cardinality::Many)
    }

    /// The number of the name that is spelled so, in any case or in its compact form.
    #[inline]
    pub(crate) fn lookup(spelled: &[u8]) -> Option<u8> {
        if let [letter] = spelled {
            let place = letter.to_ascii_lowercase().wrapping_sub(b'a');
            let number = *LETTERS.get(usize::from(place))?;
            return (number != EMPTY).then_some(number);
        }
        let mut place = hash(spelled)?;
        loop {
            let number = *INDEX.get(place)?;
            let known = SPELLINGS.get(usize::from(number))?.as_bytes();
            // The spelling of the table is by far the most frequent one.
            if swar::is(spelled, known) || spelled.eq_ignore_ascii_case(known) {
                return Some(number);
            }
            place = (place + 1) % INDEX_SIZE;
        }
    }
}

const EMPTY: u8 = u8::MAX;
const INDEX_SIZE: usize = 512;
/// The numbers of the names at the places of their hashes, or next to it.
static INDEX: [u8; INDEX_SIZE] = index();
/// The numbers of the names with a compact form, by letter.
static LETTERS: [u8; 26] = letters();

/// Length and three letters tell all names of the table apart; the multiplier was searched for so that
/// they also get different places, but for one pair. The bit that tells the case is set in all letters.
const fn hash(name: &[u8]) -> Option<usize> {
    let length = name.len();
    let (Some(first), Some(last)) = (name.first(), name.last()) else {
        return None;
    };
    let key = u32::from_le_bytes([
        length as u8,
        *first | 0x20,
        name[length / 2] | 0x20,
        *last | 0x20,
    ]);
    Some((key.wrapping_mul(0xd523_7d05) >> 23) as usize)
}

const fn index() -> [u8; INDEX_SIZE] {
    let mut index = [EMPTY; INDEX_SIZE];
    let mut number = 0;
    while number < Name::COUNT {
        if let Some(mut place) = hash(SPELLINGS[number as usize].as_bytes()) {
            while index[place] != EMPTY {
                place = (place + 1) % INDEX_SIZE;
            }
            index[place] = number;
        }
        number += 1;
    }
    index
}

const fn letters() -> [u8; 26] {
    let mut letters = [EMPTY; 26];
    let mut number = 0;
    while number < Name::COUNT {
        if let [letter] = COMPACT[number as usize].as_bytes() {
            letters[(*letter - b'a') as usize] = number;
        }
        number += 1;
    }
    letters
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(one), Self::Other(two)) => one.eq_ignore_ascii_case(two),
            _ => self.number() == other.number(),
        }
    }
}

impl Eq for Name {}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number_of(spelled: &str) -> Option<u8> {
        Name::lookup(spelled.as_bytes())
    }

    #[test]
    fn rfc3261_7_3_1_every_spelling_is_found_in_any_case() {
        for name in &TABLE {
            let spelled = name.as_str();
            let mixed: String = (spelled.chars().enumerate())
                .map(|(place, letter)| match place % 2 {
                    0 => letter.to_ascii_lowercase(),
                    _ => letter.to_ascii_uppercase(),
                })
                .collect();
            for form in [
                spelled,
                &spelled.to_ascii_lowercase(),
                &spelled.to_ascii_uppercase(),
                &mixed,
            ] {
                assert_eq!(number_of(form), Some(name.number()), "{form}");
                assert_eq!(Name::parse(&Text::from(form)).as_ref(), Some(name));
            }
        }
    }

    #[test]
    fn rfc3261_7_3_3_every_compact_form_is_found_and_stands_for_one_name() {
        let mut letters: Vec<&str> = TABLE.iter().filter_map(Name::compact).collect();
        for name in &TABLE {
            if let Some(compact) = name.compact() {
                assert_eq!(number_of(compact), Some(name.number()), "{compact}");
                assert_eq!(number_of(&compact.to_uppercase()), Some(name.number()));
            }
        }
        let all = letters.len();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), all);
    }

    #[test]
    fn a_name_that_is_not_in_the_table_is_kept_as_it_was_spelled() {
        for unknown in ["X-Unknown", "Vi", "Viaa", "z", "-", "Call_ID", "call-ix"] {
            assert_eq!(number_of(unknown), None, "{unknown}");
            let name = Name::parse(&Text::from(unknown)).unwrap();
            assert_eq!(name.as_str(), unknown);
            assert_eq!(name, Name::Other(Text::from(unknown.to_uppercase())));
        }
        for bad in ["", "a b", "a:", "\u{e4}"] {
            assert_eq!(Name::parse(&Text::from(bad)), None, "{bad:?}");
        }
    }

    #[test]
    fn no_look_up_takes_more_than_three_steps() {
        for name in &TABLE {
            let start = hash(name.as_str().as_bytes()).unwrap();
            let steps = (0..)
                .find(|step| INDEX[(start + step) % INDEX_SIZE] == name.number())
                .unwrap();
            assert!(steps < 3, "{name}: choose another multiplier");
        }
    }
}
