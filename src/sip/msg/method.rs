//! Request methods.

use crate::wire::Text;

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $spelling:literal;)*) => {
        /// The method of a request (RFC 3261 §7.1). Methods are compared with regard to case.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Method {
            $($(#[$doc])* $variant,)*
            /// A method that is not in the table, as it was spelled.
            Other(Text),
        }

        impl Method {
            /// The spelling on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $spelling,)*
                    Self::Other(name) => name,
                }
            }

            /// The method that is spelled so, if the table has it.
            pub(crate) fn known(spelled: &[u8]) -> Option<Self> {
                $(if spelled == $spelling.as_bytes() {
                    return Some(Self::$variant);
                })*
                None
            }

            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),*];
        }
    };
}

// In the order in which a messaging node meets them, since they are compared one after the other.
methods! {
    /// RFC 3261 §13.
    Invite = "INVITE";
    /// RFC 3428.
    Message = "MESSAGE";
    /// RFC 3261 §17.1.1.3.
    Ack = "ACK";
    /// RFC 3261 §15.
    Bye = "BYE";
    /// RFC 3261 §9.
    Cancel = "CANCEL";
    /// RFC 3261 §10.
    Register = "REGISTER";
    /// RFC 3261 §11.
    Options = "OPTIONS";
    /// RFC 6665.
    Subscribe = "SUBSCRIBE";
    /// RFC 6665.
    Notify = "NOTIFY";
    /// RFC 3262.
    Prack = "PRACK";
    /// RFC 3311.
    Update = "UPDATE";
    /// RFC 6086.
    Info = "INFO";
    /// RFC 3515.
    Refer = "REFER";
    /// RFC 3903.
    Publish = "PUBLISH";
}

impl Method {
    /// The method spelled `text`; `None` if it is not a token (RFC 3261 §25.1).
    pub fn parse(text: &Text) -> Option<Self> {
        Self::known(text.as_bytes())
            .or_else(|| super::list::is_token(text.as_bytes()).then(|| Self::Other(text.clone())))
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_spelling() {
        for method in Method::ALL {
            assert_eq!(
                Method::parse(&Text::from(method.as_str())).as_ref(),
                Some(method)
            );
        }
    }

    #[test]
    fn rfc3261_7_1_methods_are_case_sensitive_tokens() {
        assert_eq!(
            Method::parse(&Text::from("invite")),
            Some(Method::Other(Text::from("invite")))
        );
        for bad in ["", "IN VITE", "INVITE\r\n", "\u{e4}"] {
            assert_eq!(Method::parse(&Text::from(bad)), None, "{bad:?}");
        }
    }
}
