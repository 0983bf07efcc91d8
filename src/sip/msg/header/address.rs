//! Addresses: the headers that are a URI with a display name and parameters, as From and Route are.

use super::name_addr::NameAddrRef;
use super::{NameAddr, read_by};
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name, Uri};
use crate::wire::Text;
use crate::wire::params::Params;
use std::ops::{Deref, DerefMut};

macro_rules! addresses {
    ($($(#[$doc:meta])* $name:ident, list = $list:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub NameAddr);

        impl Deref for $name {
            type Target = NameAddr;

            fn deref(&self) -> &NameAddr {
                &self.0
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut NameAddr {
                &mut self.0
            }
        }

        impl std::convert::From<NameAddr> for $name {
            fn from(address: NameAddr) -> Self {
                Self(address)
            }
        }

        impl std::convert::From<Uri> for $name {
            fn from(uri: Uri) -> Self {
                Self(NameAddr::new(uri))
            }
        }

        impl Header for $name {
            const NAME: Name = Name::$name;
            const LIST: bool = $list;

            read_by!(
                NameAddrRef::read,
                NameAddrRef::check,
                |address: NameAddrRef<'_>, value| Self(address.own(value))
            );

            fn write(&self, out: &mut String) {
                self.0.write(out);
            }
        }
    )*};
}

addresses! {
    /// Who sends (RFC 3261 §20.20).
    From, list = false;
    /// To whom (RFC 3261 §20.39).
    To, list = false;
    /// A hop that a request must visit (RFC 3261 §20.34).
    Route, list = true;
    /// A hop that stays in the way of a dialog (RFC 3261 §20.30).
    RecordRoute, list = true;
    /// A hop towards a registered contact (RFC 3327 §4).
    Path, list = true;
    /// A hop for requests of a registered user (RFC 3608 §5).
    ServiceRoute, list = true;
    /// Where answers by the user shall go (RFC 3261 §20.31).
    ReplyTo, list = false;
    /// Where the receiver shall turn to (RFC 3515 §2.1).
    ReferTo, list = false;
    /// Where what comes of a REFER can be subscribed to (RFC 7614).
    ReferEventsAt, list = false;
    /// Who asked for it (RFC 3892 §3).
    ReferredBy, list = false;
    /// Who sends, as a trusted network says (RFC 3325 §9.1).
    PAssertedIdentity, list = true;
    /// Which of its identities the sender wants to be shown (RFC 3325 §9.2).
    PPreferredIdentity, list = true;
    /// One of the addresses that were registered together (RFC 7315 §4.1).
    PAssociatedUri, list = true;
    /// The address that was called (RFC 7315 §4.2).
    PCalledPartyId, list = false;
    /// The user who is served (RFC 5502 §4).
    PServedUser, list = false;
    /// Whom the request was for before (RFC 7044 §5).
    HistoryInfo, list = true;
    /// Who diverted the request (RFC 5806).
    Diversion, list = true;
    /// A ring tone (RFC 3261 §20.4).
    AlertInfo, list = true;
    /// An icon, a card or a page about the caller or the one called (RFC 3261 §20.9).
    CallInfo, list = true;
    /// More about an error (RFC 3261 §20.18).
    ErrorInfo, list = true;
    /// Where the certificate of an Identity is (RFC 4474 §9).
    IdentityInfo, list = false;
    /// Where the sender is, or a document that says so (RFC 6442).
    Geolocation, list = true;
    /// Who pays (RFC 8496).
    PChargeInfo, list = false;
    /// The profile of a service that is addressed by a wildcard (RFC 5002).
    PProfileKey, list = false;
    /// Where the data of the user is: a Diameter URI (RFC 4457).
    PUserDatabase, list = false;
    /// The lists of a request that the receiver did not take (RFC 5318).
    PRefusedUriList, list = true;
    /// Whose consent is missing (RFC 5360).
    PermissionMissing, list = true;
    /// Where the policy for a session is (RFC 6794).
    PolicyContact, list = true;
    /// By which policy a session was set up (RFC 6794).
    PolicyId, list = true;
}

macro_rules! tagged {
    ($($name:ident)*) => {$(
        impl $name {
            /// The tag: this side's part of the identifier of the dialog (RFC 3261 §19.3).
            pub fn tag(&self) -> Option<&str> {
                self.params.value("tag")
            }

            /// Sets the tag.
            pub fn set_tag(&mut self, tag: &str) {
                self.0.params.set("tag", Some(tag));
            }
        }
    )*};
}

tagged! { From To }

/// Where consent for a translation can be asked for (RFC 5360): a SIP URI, without angle brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerConsent(pub NameAddr);

impl TriggerConsent {
    /// The list that a recipient shall consent to be on.
    pub fn target(&self) -> Option<&str> {
        self.0.params.value("target-uri")
    }
}

impl Header for TriggerConsent {
    const NAME: Name = Name::TriggerConsent;
    const LIST: bool = true;

    read_by!(
        NameAddrRef::read,
        NameAddrRef::check,
        |address: NameAddrRef<'_>, value| Self(address.own(value))
    );

    fn write(&self, out: &mut String) {
        // What would be taken for a part of the header needs the brackets all the same.
        match self.0.uri.to_string() {
            uri if uri.contains([';', '?', ',']) => out.extend(["<", &uri, ">"]),
            uri => out.push_str(&uri),
        }
        self.0.params.write(out);
    }
}

impl PServedUser {
    /// The user from whom a request is.
    pub fn originating(user: Uri) -> Self {
        let case = Params::parse(&Text::from_static(";sescase=orig"));
        Self(NameAddr {
            params: case.unwrap_or_default(),
            ..NameAddr::new(user)
        })
    }

    /// Whether the request is from the user.
    pub fn is_originating(&self) -> bool {
        self.session_case()
            .is_some_and(|case| case.eq_ignore_ascii_case("orig"))
    }

    /// Whether the request is from the user (`orig`) or to the user (`term`).
    pub fn session_case(&self) -> Option<&str> {
        self.params.value("sescase")
    }

    /// Whether the user is registered (`reg`) or not (`unreg`).
    pub fn registration_state(&self) -> Option<&str> {
        self.params.value("regstate")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn addresses_there_and_back() {
        there_and_back::<From>(&[
            // RFC 3261 §20.20 and §20.39.
            (
                "\"A. G. Bell\" <sip:agb@bell-telephone.com> ;tag=a48s",
                "\"A. G. Bell\" <sip:agb@bell-telephone.com>;tag=a48s",
            ),
            (
                "sip:+12125551212@server.phone2net.com;tag=887s",
                "<sip:+12125551212@server.phone2net.com>;tag=887s",
            ),
            (
                "Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8",
                "\"Anonymous\" <sip:c8oqz84zk7z@privacy.org>;tag=hyh8",
            ),
            // RFC 4475 §3.1.1.1.
            (
                "sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n",
                "<sip:vivekg@chair-dnrc.example.com>;tag=1918181833n",
            ),
            (
                r#""J Rosenberg \\\""       <sip:jdrosen@example.com>  ;  tag = 98asjd8"#,
                r#""J Rosenberg \\\"" <sip:jdrosen@example.com>;tag=98asjd8"#,
            ),
            // RFC 4475 §3.1.1.2 and §3.1.1.6.
            (
                "token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
                "\"token1~` token2'+_ token3*%!.-\" <sip:mundane@example.com>;fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
            ),
            (
                "caller<sip:caller@example.com>;tag=323",
                "\"caller\" <sip:caller@example.com>;tag=323",
            ),
            // RFC 4475 §3.1.2.15: read by the meaning, written by the grammar.
            (
                "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
                "\"Bell, Alexander\" <sip:a.g.bell@example.com>;tag=43",
            ),
            ("\"\" <sip:a@b>", "<sip:a@b>"),
            ("Жанна д'Арк <sip:j@x>", "\"Жанна д'Арк\" <sip:j@x>"),
            ("<sip:a@b;lr?x=y>;c=d", "<sip:a@b;lr?x=y>;c=d"),
            ("sip:a@b?x=y;c=d", "<sip:a@b?x=y>;c=d"),
            ("tel:+1-555;tag=1", "<tel:+1-555>;tag=1"),
            ("isbn:2983792873", "<isbn:2983792873>"),
            (
                "<http://www.example.com/a;b>;tag=3234233",
                "<http://www.example.com/a;b>;tag=3234233",
            ),
            (
                "sip:[2001:db8::1]:5060;tag=1",
                "<sip:[2001:db8::1]:5060>;tag=1",
            ),
            ("sip:user;par=1@h;tag=2", "<sip:user;par=1@h>;tag=2"),
            ("sip:a@b;x=\"<y>\"", "<sip:a@b>;x=\"<y>\""),
        ]);
    }

    #[test]
    fn what_is_no_address_says_where() {
        refused::<To>(&[
            ("", 0),
            ("bob", 3),
            ("<sip:a@b", 8),
            ("<>", 1),
            ("Bob sip:a@b", 3),
            ("\"Bob\" sip:a@b", 6),
            ("\"Bob\"", 5),
            // RFC 4475 §3.1.2.14 and §3.1.2.6: spaces in an addr-spec, a quote that is not closed.
            ("\"Watson, Thomas\" < sip:t.watson@example.org >", 18),
            ("<sip:t.watson@example.org >", 25),
            ("\"Mr. J. User <sip:j.user@example.com>", 0),
            ("<sip:a@b>x", 9),
            ("<sip:a@b>;tag=\"x", 14),
            ("<sip:a@b>, <sip:c@d>", 9),
            ("*", 0),
            ("<sip:user@[2001:db8:::192.0.2.1]>", 10),
        ]);
    }

    #[test]
    fn a_tag_is_added_and_replaced() {
        let mut to: To = read("Bob <sip:bob@x>");
        assert_eq!(to.tag(), None);
        to.set_tag("1");
        to.set_tag("2");
        assert_eq!(written(&to), "\"Bob\" <sip:bob@x>;tag=2");
    }

    #[test]
    fn a_served_user_says_which_side_and_whether_registered() {
        let user: PServedUser = read("<sip:user@example.com>; sescase=orig; regstate=reg");
        assert_eq!(user.session_case(), Some("orig"));
        assert_eq!(user.registration_state(), Some("reg"));
    }
}
