//! Status codes, and which failures a sender wants to hear of.

/// A status code (RFC 4975 §10), 3 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(u16);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $code:literal $phrase:literal;)*) => {
        impl Status {
            $($(#[$doc])* pub const $name: Self = Self($code);)*

            /// What the code means, as it is written after it.
            pub const fn phrase(self) -> &'static str {
                match self.0 {
                    $($code => $phrase,)*
                    _ => "",
                }
            }
        }
    };
}

statuses! {
    /// 200: taken.
    OK = 200 "OK";
    /// 400: not understood.
    BAD_REQUEST = 400 "Bad Request";
    /// 401: a relay wants to know who we are (RFC 4976).
    UNAUTHORIZED = 401 "Unauthorized";
    /// 403: not allowed.
    FORBIDDEN = 403 "Forbidden";
    /// 404: a recipient inside the message is not known (RFC 7701).
    NOT_FOUND = 404 "Not Found";
    /// 408: no answer in time.
    TIMEOUT = 408 "Request Timeout";
    /// 413: stop sending this message.
    STOP = 413 "Stop Sending Message";
    /// 415: a media type that is not accepted.
    UNSUPPORTED_TYPE = 415 "Unsupported Media Type";
    /// 423: a parameter is out of bounds.
    OUT_OF_BOUNDS = 423 "Parameter Out Of Bounds";
    /// 424: a malformed nickname (RFC 7701).
    BAD_NICKNAME = 424 "Malformed Nickname";
    /// 425: a nickname that is reserved or in use (RFC 7701).
    NICKNAME_TAKEN = 425 "Nickname Reserved or Already in Use";
    /// 428: no private messages here (RFC 7701).
    NO_PRIVATE = 428 "Private Messages Not Supported";
    /// 481: no such session.
    NO_SESSION = 481 "No Such Session";
    /// 501: a method that is not known.
    UNKNOWN_METHOD = 501 "Unknown Method";
    /// 506: the session is bound to another connection.
    OTHER_CONNECTION = 506 "Session Already Bound";
}

impl Status {
    /// A code of 3 digits, 000 included: a relay may send any.
    pub const fn new(code: u16) -> Option<Self> {
        if code <= 999 { Some(Self(code)) } else { None }
    }

    /// The number.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// Whether it is 2xx.
    pub const fn is_success(self) -> bool {
        self.0 / 100 == 2
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

/// Which failures the sender of a message wants to hear of (RFC 4975 §7.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FailureReport {
    /// Every chunk is answered, and a chunk without an answer has failed.
    #[default]
    Yes,
    /// Nothing is answered.
    No,
    /// Only failures are answered.
    Partial,
}
