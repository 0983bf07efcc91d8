//! Status codes of responses.

macro_rules! statuses {
    ($($(#[$doc:meta])* $constant:ident = $code:literal $phrase:literal;)*) => {
        impl Status {
            $($(#[$doc])* pub const $constant: Self = Self($code);)*

            /// The reason phrase that goes with the code; that of its class if the code is not in the table
            /// (RFC 3261 §8.1.3.2 treats such a code as x00).
            pub const fn phrase(self) -> &'static str {
                match self.0 {
                    $($code => $phrase,)*
                    100..=199 => "Session Progress",
                    200..=299 => "OK",
                    300..=399 => "Multiple Choices",
                    400..=499 => "Bad Request",
                    500..=599 => "Server Internal Error",
                    _ => "Busy Everywhere",
                }
            }

            #[cfg(test)]
            const ALL: &[(u16, &str)] = &[$(($code, $phrase)),*];
        }
    };
}

/// The status code of a response, 100 to 699 (RFC 3261 §7.2, §21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(u16);

statuses! {
    /// RFC 3261 §21.1.1.
    TRYING = 100 "Trying";
    /// RFC 3261 §21.1.2.
    RINGING = 180 "Ringing";
    /// RFC 3261 §21.1.3.
    CALL_IS_BEING_FORWARDED = 181 "Call Is Being Forwarded";
    /// RFC 3261 §21.1.4.
    QUEUED = 182 "Queued";
    /// RFC 3261 §21.1.5.
    SESSION_PROGRESS = 183 "Session Progress";
    /// RFC 6228.
    EARLY_DIALOG_TERMINATED = 199 "Early Dialog Terminated";
    /// RFC 3261 §21.2.1.
    OK = 200 "OK";
    /// RFC 3428 §7, RFC 6665.
    ACCEPTED = 202 "Accepted";
    /// RFC 5839.
    NO_NOTIFICATION = 204 "No Notification";
    /// RFC 3261 §21.3.1.
    MULTIPLE_CHOICES = 300 "Multiple Choices";
    /// RFC 3261 §21.3.2.
    MOVED_PERMANENTLY = 301 "Moved Permanently";
    /// RFC 3261 §21.3.3.
    MOVED_TEMPORARILY = 302 "Moved Temporarily";
    /// RFC 3261 §21.3.4.
    USE_PROXY = 305 "Use Proxy";
    /// RFC 3261 §21.3.5.
    ALTERNATIVE_SERVICE = 380 "Alternative Service";
    /// RFC 3261 §21.4.1.
    BAD_REQUEST = 400 "Bad Request";
    /// RFC 3261 §21.4.2.
    UNAUTHORIZED = 401 "Unauthorized";
    /// RFC 3261 §21.4.3.
    PAYMENT_REQUIRED = 402 "Payment Required";
    /// RFC 3261 §21.4.4.
    FORBIDDEN = 403 "Forbidden";
    /// RFC 3261 §21.4.5.
    NOT_FOUND = 404 "Not Found";
    /// RFC 3261 §21.4.6.
    METHOD_NOT_ALLOWED = 405 "Method Not Allowed";
    /// RFC 3261 §21.4.7.
    NOT_ACCEPTABLE = 406 "Not Acceptable";
    /// RFC 3261 §21.4.8.
    PROXY_AUTHENTICATION_REQUIRED = 407 "Proxy Authentication Required";
    /// RFC 3261 §21.4.9.
    REQUEST_TIMEOUT = 408 "Request Timeout";
    /// RFC 3261 §21.4.10.
    GONE = 410 "Gone";
    /// RFC 3903 §11.2.1.
    CONDITIONAL_REQUEST_FAILED = 412 "Conditional Request Failed";
    /// RFC 3261 §21.4.11.
    REQUEST_ENTITY_TOO_LARGE = 413 "Request Entity Too Large";
    /// RFC 3261 §21.4.12.
    REQUEST_URI_TOO_LONG = 414 "Request-URI Too Long";
    /// RFC 3261 §21.4.13.
    UNSUPPORTED_MEDIA_TYPE = 415 "Unsupported Media Type";
    /// RFC 3261 §21.4.14.
    UNSUPPORTED_URI_SCHEME = 416 "Unsupported URI Scheme";
    /// RFC 4412.
    UNKNOWN_RESOURCE_PRIORITY = 417 "Unknown Resource-Priority";
    /// RFC 3261 §21.4.15.
    BAD_EXTENSION = 420 "Bad Extension";
    /// RFC 3261 §21.4.16.
    EXTENSION_REQUIRED = 421 "Extension Required";
    /// RFC 4028 §6.
    SESSION_INTERVAL_TOO_SMALL = 422 "Session Interval Too Small";
    /// RFC 3261 §21.4.17.
    INTERVAL_TOO_BRIEF = 423 "Interval Too Brief";
    /// RFC 6442.
    BAD_LOCATION_INFORMATION = 424 "Bad Location Information";
    /// RFC 8224 §6.2.2.
    USE_IDENTITY_HEADER = 428 "Use Identity Header";
    /// RFC 3892.
    PROVIDE_REFERRER_IDENTITY = 429 "Provide Referrer Identity";
    /// RFC 5626 §11.
    FLOW_FAILED = 430 "Flow Failed";
    /// RFC 5079.
    ANONYMITY_DISALLOWED = 433 "Anonymity Disallowed";
    /// RFC 8224 §6.2.2.
    BAD_IDENTITY_INFO = 436 "Bad Identity Info";
    /// RFC 8224 §6.2.2.
    UNSUPPORTED_CREDENTIAL = 437 "Unsupported Credential";
    /// RFC 8224 §6.2.2.
    INVALID_IDENTITY_HEADER = 438 "Invalid Identity Header";
    /// RFC 5626 §11.
    FIRST_HOP_LACKS_OUTBOUND_SUPPORT = 439 "First Hop Lacks Outbound Support";
    /// RFC 5393.
    MAX_BREADTH_EXCEEDED = 440 "Max-Breadth Exceeded";
    /// RFC 6086.
    BAD_INFO_PACKAGE = 469 "Bad Info Package";
    /// RFC 5360.
    CONSENT_NEEDED = 470 "Consent Needed";
    /// RFC 3261 §21.4.18.
    TEMPORARILY_UNAVAILABLE = 480 "Temporarily Unavailable";
    /// RFC 3261 §21.4.19.
    CALL_OR_TRANSACTION_DOES_NOT_EXIST = 481 "Call/Transaction Does Not Exist";
    /// RFC 3261 §21.4.20.
    LOOP_DETECTED = 482 "Loop Detected";
    /// RFC 3261 §21.4.21.
    TOO_MANY_HOPS = 483 "Too Many Hops";
    /// RFC 3261 §21.4.22.
    ADDRESS_INCOMPLETE = 484 "Address Incomplete";
    /// RFC 3261 §21.4.23.
    AMBIGUOUS = 485 "Ambiguous";
    /// RFC 3261 §21.4.24.
    BUSY_HERE = 486 "Busy Here";
    /// RFC 3261 §21.4.25.
    REQUEST_TERMINATED = 487 "Request Terminated";
    /// RFC 3261 §21.4.26.
    NOT_ACCEPTABLE_HERE = 488 "Not Acceptable Here";
    /// RFC 6665.
    BAD_EVENT = 489 "Bad Event";
    /// RFC 3261 §21.4.27.
    REQUEST_PENDING = 491 "Request Pending";
    /// RFC 3261 §21.4.28.
    UNDECIPHERABLE = 493 "Undecipherable";
    /// RFC 3329.
    SECURITY_AGREEMENT_REQUIRED = 494 "Security Agreement Required";
    /// RFC 3261 §21.5.1.
    SERVER_INTERNAL_ERROR = 500 "Server Internal Error";
    /// RFC 3261 §21.5.2.
    NOT_IMPLEMENTED = 501 "Not Implemented";
    /// RFC 3261 §21.5.3.
    BAD_GATEWAY = 502 "Bad Gateway";
    /// RFC 3261 §21.5.4.
    SERVICE_UNAVAILABLE = 503 "Service Unavailable";
    /// RFC 3261 §21.5.5.
    SERVER_TIMEOUT = 504 "Server Time-out";
    /// RFC 3261 §21.5.6.
    VERSION_NOT_SUPPORTED = 505 "Version Not Supported";
    /// RFC 3261 §21.5.7.
    MESSAGE_TOO_LARGE = 513 "Message Too Large";
    /// RFC 3312 §8.
    PRECONDITION_FAILURE = 580 "Precondition Failure";
    /// RFC 3261 §21.6.1.
    BUSY_EVERYWHERE = 600 "Busy Everywhere";
    /// RFC 3261 §21.6.2.
    DECLINE = 603 "Decline";
    /// RFC 3261 §21.6.3.
    DOES_NOT_EXIST_ANYWHERE = 604 "Does Not Exist Anywhere";
    /// RFC 3261 §21.6.4.
    NOT_ACCEPTABLE_ANYWHERE = 606 "Not Acceptable";
    /// RFC 8197.
    UNWANTED = 607 "Unwanted";
}

impl Status {
    /// The status with this code; `None` unless it is 100 to 699.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            100..=699 => Some(Self(code)),
            _ => None,
        }
    }

    /// The three digits.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// The first digit, 1 to 6.
    pub const fn class(self) -> u16 {
        self.0 / 100
    }

    /// 1xx: the request is still being worked on.
    pub const fn is_provisional(self) -> bool {
        self.class() == 1
    }

    /// 2xx.
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }

    /// 2xx to 6xx: no other response follows, except for a forked INVITE's 2xx.
    pub const fn is_final(self) -> bool {
        self.class() != 1
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0, self.phrase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_the_table_is_valid_once() {
        for (place, (code, phrase)) in Status::ALL.iter().enumerate() {
            let status = Status::new(*code).unwrap();
            assert_eq!(status.phrase(), *phrase);
            assert!(Status::ALL[..place].iter().all(|(other, _)| other < code));
        }
    }

    #[test]
    fn rfc3261_7_2_the_first_digit_is_the_class() {
        assert_eq!(Status::new(99), None);
        assert_eq!(Status::new(700), None);
        assert_eq!(Status::new(499).map(Status::class), Some(4));
        assert_eq!(Status::new(499).map(Status::phrase), Some("Bad Request"));
        assert!(Status::RINGING.is_provisional() && !Status::RINGING.is_final());
        assert!(Status::OK.is_success() && Status::OK.is_final());
        assert!(!Status::DECLINE.is_success() && Status::DECLINE.is_final());
    }
}
