//! When two URIs mean the same, and the key by which their owner is found.

use super::sip::{HEADERS, PARAM, PASSWORD, SipUri, USER, find};
use super::{REST, TelUri, Uri, escape, tel};
use crate::wire::Text;
use crate::wire::params::{Param, Params};

impl Uri {
    /// Whether both mean the same resource, by the rules of the scheme: RFC 3261 §19.1.4 for `sip` and
    /// `sips`, RFC 3966 §4 for `tel`. This is no equivalence: `sip:a@b;x=1` and `sip:a@b;x=2` both match
    /// `sip:a@b` and do not match each other.
    pub fn matches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sip(a), Self::Sip(b)) => sip_matches(a, b),
            (Self::Tel(a), Self::Tel(b)) => tel_matches(a, b),
            (Self::Other { .. }, Self::Other { .. }) => self.aor() == other.aor(),
            _ => false,
        }
    }

    /// The user part of a SIP URI, unescaped; the number of a `tel` URI.
    pub fn user(&self) -> Option<Text> {
        match self {
            Self::Sip(uri) => uri.user().map(|user| Text::from(user.into_owned())),
            Self::Tel(uri) => Some(Text::from(uri.digits())),
            Self::Other { .. } => None,
        }
    }

    /// The host of a SIP URI in lower case: the domain that its user belongs to.
    pub fn domain(&self) -> Option<Text> {
        let host = &self.as_sip()?.host.host;
        let mut domain = String::new();
        host.write(&mut domain);
        domain.make_ascii_lowercase();
        Some(Text::from(domain))
    }

    /// The text under which the owner is found in a table: an address of record in canonical form.
    ///
    /// Of a SIP or SIPS URI it is `sip:user@host` without password, port, parameters and headers, with the
    /// host in lower case and without needless escapes; both schemes name one user (RFC 5630 §3.3). Visual
    /// separators of a telephone number are left out (`tel:`, and `sip:` with `user=phone`).
    pub fn aor(&self) -> Text {
        let mut out = String::with_capacity(ADDRESS);
        match self {
            Self::Sip(uri) => {
                out.push_str("sip:");
                if let Some(user) = &uri.user {
                    if uri.is_phone() {
                        let number = user.split(';').next().unwrap_or_default();
                        escape::encode(&tel::digits(number), &USER, &mut out);
                    } else {
                        escape::write_canonical(escape::bytes(user, &USER), &USER, &mut out);
                    }
                    out.push('@');
                }
                let host = out.len();
                uri.host.host.write(&mut out);
                if let Some(host) = out.get_mut(host..) {
                    host.make_ascii_lowercase();
                }
            }
            Self::Tel(uri) => {
                out.push_str("tel:");
                escape::encode(&uri.digits(), &USER, &mut out);
                // Only a local number needs to say where it is valid.
                if !uri.is_global()
                    && let Some(context) = uri.phone_context()
                {
                    out.push_str(";phone-context=");
                    escape::encode(&context_key(&context), &USER, &mut out);
                }
            }
            Self::Other { scheme, rest } => {
                out.push_str(&scheme.to_ascii_lowercase());
                out.push(':');
                let mut canonical = String::with_capacity(rest.len());
                escape::write_canonical(escape::bytes(rest, &REST), &REST, &mut canonical);
                let rest = canonical.as_str();
                // The namespace of a URN and the host of a mail-like address have no case.
                if scheme.eq_ignore_ascii_case("urn")
                    && let Some((namespace, name)) = rest.split_once(':')
                {
                    out.push_str(&namespace.to_ascii_lowercase());
                    out.push(':');
                    match namespace.eq_ignore_ascii_case("uuid") {
                        true => out.push_str(&name.to_ascii_lowercase()),
                        false => out.push_str(name),
                    }
                } else if ["im", "pres", "mailto"]
                    .iter()
                    .any(|s| scheme.eq_ignore_ascii_case(s))
                    && let Some((user, host)) = rest.rsplit_once('@')
                {
                    out.extend([user, "@", &host.to_ascii_lowercase()]);
                } else {
                    out.push_str(rest);
                }
            }
        }
        Text::from(out)
    }
}

/// Room for most addresses of record.
const ADDRESS: usize = 48;

fn sip_matches(a: &SipUri, b: &SipUri) -> bool {
    // Presence of these alone makes a difference; the examples of the section count the transport in.
    const SIGNIFICANT: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];
    let user = |uri: &SipUri| {
        let parts = [
            (uri.user.as_ref(), &USER),
            (uri.password.as_deref(), &PASSWORD),
        ];
        parts.map(|(part, set)| Some(escape::bytes(part?, set).collect::<Vec<_>>()))
    };
    a.secure == b.secure
        && a.host == b.host
        && user(a) == user(b)
        && SIGNIFICANT
            .iter()
            .all(|name| find(&a.params, name).is_some() == find(&b.params, name).is_some())
        && shared(&a.params, &b.params).all(|(a, b)| same_value(a, b))
        && same_headers(a, b)
}

/// The parameters that both have. Of one that stands there twice, which RFC 3261 §19.1.1 forbids, the first
/// counts, as everywhere else.
fn shared<'a>(a: &'a Params, b: &'a Params) -> impl Iterator<Item = (Param<'a>, Param<'a>)> {
    a.iter()
        .filter_map(|one| Some((find(a, one.name)?, find(b, one.name)?)))
}

fn same_value(a: Param<'_>, b: Param<'_>) -> bool {
    let value = |p: Param<'_>| -> Vec<_> {
        let bytes = escape::bytes(p.value.unwrap_or_default(), &PARAM);
        bytes.map(|b| b.to_lowercase()).collect()
    };
    value(a) == value(b)
}

/// Header components are never ignored; their order does not matter.
fn same_headers(a: &SipUri, b: &SipUri) -> bool {
    if a.headers.is_empty() && b.headers.is_empty() {
        return true;
    }
    let sorted = |uri: &SipUri| {
        let pair = |(name, value): (&str, &str)| {
            let name: Vec<_> = escape::bytes(name, &HEADERS)
                .map(|b| b.to_lowercase().value)
                .collect();
            let value: Vec<_> = escape::bytes(value, &HEADERS)
                .map(|b| (b.value, b.escaped))
                .collect();
            (name, value)
        };
        let mut all: Vec<_> = uri.headers.raw().map(pair).collect();
        all.sort_unstable();
        all
    };
    sorted(a) == sorted(b)
}

fn tel_matches(a: &TelUri, b: &TelUri) -> bool {
    a.is_global() == b.is_global()
        && a.digits() == b.digits()
        && [(a, b), (b, a)].into_iter().all(|(a, b)| {
            let has = |one: Param<'_>| find(&b.params, one.name).is_some();
            a.params.iter().all(has)
        })
        && shared(&a.params, &b.params).all(|(one, two)| {
            let value = |p: Param<'_>| escape::decode(p.value.unwrap_or_default()).into_owned();
            let (x, y) = (value(one), value(two));
            match one.name.to_ascii_lowercase().as_str() {
                "phone-context" => context_key(&x) == context_key(&y),
                "ext" => tel::digits(&x) == tel::digits(&y),
                _ => x.eq_ignore_ascii_case(&y),
            }
        })
}

/// A phone-context is digits or a domain name; dots separate in the one and belong to the other.
fn context_key(context: &str) -> String {
    match context.starts_with('+') {
        true => tel::digits(context),
        false => context.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(a: &str, b: &str) -> bool {
        let (a, b): (Uri, Uri) = (a.parse().unwrap(), b.parse().unwrap());
        assert_eq!(a.matches(&b), b.matches(&a), "{a} and {b}: symmetric");
        assert!(a.matches(&a) && b.matches(&b), "{a} and {b}: reflexive");
        a.matches(&b)
    }

    #[test]
    fn a_value_that_is_no_text_matches_all_its_spellings() {
        assert!(matches("tel:7;isub=\u{e9}%%eb", "tel:7;isub=%C3%A9%25%EB"));
        assert!(!matches("tel:7;isub=%eb", "tel:7;isub=%ec"));
        let local: Uri = "tel:7;phone-context=%%eb".parse().unwrap();
        assert_eq!(local.aor(), local.to_string().parse::<Uri>().unwrap().aor());
    }

    #[test]
    fn a_parameter_that_appears_twice_counts_once() {
        // A URI matches itself, whatever a peer puts into it.
        assert!(matches("sip:a@b;x=1;x=2", "sip:a@b;x=1"));
        assert!(!matches("sip:a@b;x=1;x=2", "sip:a@b;x=2"));
        assert!(matches(
            "tel:7;phone-context=+1;phone-context=+2",
            "tel:7;phone-context=+1"
        ));
        assert!(!matches("tel:+7;a=1;a=1", "tel:+7;a=1;b=1"));
    }

    #[test]
    fn rfc3261_19_1_4_equivalent_uris() {
        for (a, b) in [
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtLanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            (
                "sip:carol@chicago.com;newparam=5",
                "sip:carol@chicago.com;security=on",
            ),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
        ] {
            assert!(matches(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn rfc3261_19_1_4_different_uris() {
        for (a, b) in [
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            (
                "sip:bob@biloxi.com",
                "sip:bob@biloxi.com:6000;transport=tcp",
            ),
            (
                "sip:carol@chicago.com",
                "sip:carol@chicago.com?Subject=next%20meeting",
            ),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            (
                "sip:carol@chicago.com;security=on",
                "sip:carol@chicago.com;security=off",
            ),
            // The rules in words.
            ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
            ("sip:bob@biloxi.com", "sip:biloxi.com"),
            ("sip:bob@biloxi.com", "sip:bob:pw@biloxi.com"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;maddr=192.0.2.1"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;ttl=1"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;user=ip"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;method=INVITE"),
            // Reserved characters are not the same as their escapes.
            ("sip:a;b@biloxi.com", "sip:a%3Bb@biloxi.com"),
            ("sip:bob@biloxi.com", "tel:+1"),
        ] {
            assert!(!matches(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn rfc3261_19_1_4_equality_is_not_transitive() {
        assert!(matches("sip:c@d.com", "sip:c@d.com;security=on"));
        assert!(matches("sip:c@d.com", "sip:c@d.com;security=off"));
        assert!(!matches(
            "sip:c@d.com;security=on",
            "sip:c@d.com;security=off"
        ));
    }

    #[test]
    fn rfc4475_3_1_1_4_value_percent_41_is_not_value_a() {
        assert!(matches(
            "sip:h.net;name=value%25%34%31",
            "sip:h.net;n%61me=v%61lue%2541"
        ));
        assert!(!matches(
            "sip:h.net;name=value%25%34%31",
            "sip:h.net;name=valueA"
        ));
        assert!(matches("sip:h.net;name=value%41", "sip:h.net;name=valuea"));
        // Where a reserved character may not stand, it can only have meant its escape.
        assert!(matches("tel:1;a,b=c@d", "tel:1;a%2Cb=c%40d"));
    }

    #[test]
    fn rfc3966_4_tel_uris() {
        for (a, b, same) in [
            ("tel:+1-201-555-0123", "tel:+12015550123", true),
            ("tel:+1(201)555.0123", "TEL:+12015550123", true),
            ("tel:2015550123", "tel:+12015550123", false),
            (
                "tel:7042;phone-context=Example.com",
                "tel:70-42;phone-context=example.COM",
                true,
            ),
            (
                "tel:7042;phone-context=+1-914",
                "tel:7042;phone-context=+1914",
                true,
            ),
            (
                "tel:7042;phone-context=a.b.example",
                "tel:7042;phone-context=ab.example",
                false,
            ),
            ("tel:7042;phone-context=a.example", "tel:7042", false),
            ("tel:+1;ext=1-2;isub=3", "tel:+1;ISUB=3;ext=12", true),
            ("tel:+1;x=1", "tel:+1;y=1", false),
        ] {
            assert_eq!(matches(a, b), same, "{a} and {b}");
        }
    }

    #[test]
    fn other_uris_by_their_scheme() {
        assert!(matches("URN:UUID:ABCD", "urn:uuid:abcd"));
        assert!(matches("im:bob@Example.com", "IM:bob@example.com"));
        assert!(matches("urn:é", "urn:%C3%A9"));
        assert!(!matches("im:Bob@example.com", "im:bob@example.com"));
        assert!(!matches("pres:bob@example.com", "im:bob@example.com"));
    }

    #[test]
    fn an_address_of_record_has_one_spelling() {
        for (uri, aor) in [
            (
                "sip:Alice:pw@Example.COM:5070;transport=tcp?x=y",
                "sip:Alice@example.com",
            ),
            ("sips:%61lice@example.com", "sip:alice@example.com"),
            ("sip:a%20b%40c;d@x.org", "sip:a%20b%40c;d@x.org"),
            ("sip:u@[2001:DB8:0::1]:5060", "sip:u@[2001:db8::1]"),
            ("sip:example.com", "sip:example.com"),
            (
                "sip:+1-201-555-0123;phone-context=x@ims.example;user=phone",
                "sip:+12015550123@ims.example",
            ),
            ("sip:+1-2@ims.example", "sip:+1-2@ims.example"),
            ("tel:+1-201-555-0123;npdi", "tel:+12015550123"),
            (
                "tel:70-42;phone-context=Example.com",
                "tel:7042;phone-context=example.com",
            ),
            ("urn:service:sos", "urn:service:sos"),
        ] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(uri.aor(), aor);
            let again: Uri = aor.parse().unwrap();
            assert_eq!(again.aor(), aor, "stable");
        }
    }

    #[test]
    fn a_long_list_of_parameters_is_compared_quickly() {
        let long: String = (0..Params::MAX).map(|i| format!(";p{i}=1")).collect();
        let uri: Uri = format!("sip:a@b{long}").parse().unwrap();
        assert!(uri.matches(&uri.clone()));
        assert!(format!("sip:a@b{long};more").parse::<Uri>().is_err());
    }
}
