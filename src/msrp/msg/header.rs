//! The header fields that the protocol itself reads, from one table.

macro_rules! headers {
    ($($(#[$doc:meta])* $name:ident = $spelling:literal;)*) => {
        /// A header field that the protocol itself reads. All others are kept as they come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Name {
            $($(#[$doc])* $name,)*
        }

        impl Name {
            /// How it is spelled when written.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $spelling,)*
                }
            }

            /// The header field of that name, in any case.
            pub fn find(name: &str) -> Option<Self> {
                // As nearly everybody spells it: one look at the length, one comparison.
                match name {
                    $($spelling => return Some(Self::$name),)*
                    _ => {}
                }
                $(if name.eq_ignore_ascii_case($spelling) {
                    return Some(Self::$name);
                })*
                None
            }
        }

        #[cfg(test)]
        const ALL: &[Name] = &[$(Name::$name,)*];
    };
}

headers! {
    /// Where the request goes (RFC 4975 §7.1).
    ToPath = "To-Path";
    /// Where it comes from (RFC 4975 §7.1).
    FromPath = "From-Path";
    /// Which message a chunk or report belongs to.
    MessageId = "Message-ID";
    /// Which bytes of it.
    ByteRange = "Byte-Range";
    /// Whether success is to be reported.
    SuccessReport = "Success-Report";
    /// Which failures are to be reported.
    FailureReport = "Failure-Report";
    /// What a REPORT reports.
    Status = "Status";
    /// The media type of the body.
    ContentType = "Content-Type";
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found_in_any_case() {
        for name in ALL {
            assert_eq!(Name::find(name.as_str()), Some(*name));
            assert_eq!(Name::find(&name.as_str().to_lowercase()), Some(*name));
            assert_eq!(Name::find(&name.as_str().to_uppercase()), Some(*name));
        }
        assert_eq!(Name::find("Use-Path"), None);
    }
}
