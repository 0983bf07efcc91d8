//! What URIs of other schemes say: services, people, parts of a message.

use super::{Uri, escape};
use std::borrow::Cow;

impl Uri {
    /// The service that a `urn:service:` names, the general label first: `["sos", "fire"]` of
    /// `urn:service:sos.fire` (RFC 5031 §3). Labels have no case.
    ///
    /// ```
    /// use cpm::sip::msg::Uri;
    ///
    /// let uri: Uri = "urn:service:sos.fire".parse()?;
    /// assert_eq!(uri.service().unwrap(), ["sos", "fire"]);
    /// # Ok::<(), cpm::wire::cursor::Syntax>(())
    /// ```
    pub fn service(&self) -> Option<Vec<&str>> {
        let (namespace, name) = self.rest_of(&["urn"])?.split_once(':')?;
        let good = |label: &&str| {
            let letters = label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
            letters && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
        };
        let labels: Vec<_> = name.split('.').collect();
        let is_service = namespace.eq_ignore_ascii_case("service") && labels.iter().all(good);
        is_service.then_some(labels)
    }

    /// Whether this is an emergency service: `urn:service:sos` and what is under it (RFC 5031 §4.1).
    pub fn is_emergency(&self) -> bool {
        let service = self.service();
        service.is_some_and(|labels| {
            labels
                .first()
                .is_some_and(|top| top.eq_ignore_ascii_case("sos"))
        })
    }

    /// Name and domain of whom an `im:` (RFC 3860 §3) or `pres:` (RFC 3859 §3) URI names, without escapes.
    pub fn mailbox(&self) -> Option<(Cow<'_, str>, &str)> {
        let rest = self.rest_of(&["im", "pres"])?;
        let address = rest.split('?').next().unwrap_or_default();
        let (name, domain) = address.rsplit_once('@')?;
        let whole = !name.is_empty() && !domain.is_empty();
        whole.then(|| (escape::decode(name), domain))
    }

    /// The Content-ID of the part that a `cid:` names (RFC 2392), without angle brackets and escapes.
    pub fn content_id(&self) -> Option<Cow<'_, str>> {
        let id = escape::decode(self.rest_of(&["cid"])?);
        id.contains('@').then_some(id)
    }

    /// The Message-ID that a `mid:` names and, where it names a part of that message, its Content-ID
    /// (RFC 2392).
    pub fn message_id(&self) -> Option<(Cow<'_, str>, Option<Cow<'_, str>>)> {
        let rest = self.rest_of(&["mid"])?;
        let (message, part) = match rest.split_once('/') {
            Some((message, part)) => (message, Some(escape::decode(part))),
            None => (rest, None),
        };
        let message = escape::decode(message);
        message.contains('@').then_some((message, part))
    }

    /// Whether this is the address of an MSRP session (RFC 4975 §6): its parts are for
    /// the MSRP codec to read.
    pub fn is_msrp(&self) -> bool {
        self.rest_of(&["msrp", "msrps"]).is_some()
    }

    /// What stands after the colon of one of these schemes.
    fn rest_of(&self, schemes: &[&str]) -> Option<&str> {
        match self {
            Self::Other { scheme, rest } => {
                let known = schemes.iter().any(|one| scheme.eq_ignore_ascii_case(one));
                known.then_some(rest.as_str())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn rfc5031_3_a_service_has_labels() {
        for (text, labels) in [
            ("urn:service:sos", Some(&["sos"][..])),
            (
                "URN:Service:SOS.animal-control",
                Some(&["SOS", "animal-control"]),
            ),
            ("urn:service:", None),
            ("urn:service:sos.", None),
            ("urn:service:-sos", None),
            ("urn:service:a_b", None),
            ("urn:uuid:sos", None),
            ("sip:sos@example.com", None),
        ] {
            assert_eq!(uri(text).service().as_deref(), labels, "{text}");
        }
        assert!(uri("urn:service:SOS.fire").is_emergency());
        assert!(!uri("urn:service:counseling").is_emergency());
        assert!(!uri("urn:service:sosx").is_emergency());
    }

    #[test]
    fn rfc3860_3_rfc3859_3_people_have_a_name_and_a_domain() {
        let fred = uri("im:fred%40x@example.com?subject=hi");
        assert_eq!(fred.mailbox(), Some(("fred@x".into(), "example.com")));
        let pres = uri("PRES:fred@example.com");
        assert_eq!(pres.mailbox(), Some(("fred".into(), "example.com")));
        for text in ["im:fred", "im:@example.com", "mailto:a@b", "sip:a@b"] {
            assert_eq!(uri(text).mailbox(), None, "{text}");
        }
    }

    #[test]
    fn rfc2392_parts_and_messages_are_named_by_their_identifiers() {
        let cid = uri("cid:foo4%25foo1@bar.net");
        assert_eq!(cid.content_id().as_deref(), Some("foo4%foo1@bar.net"));
        let mid = uri("mid:960830.1639@XIson.com/partA.960830.1639@XIson.com");
        let (message, part) = mid.message_id().unwrap();
        assert_eq!(message, "960830.1639@XIson.com");
        assert_eq!(part.as_deref(), Some("partA.960830.1639@XIson.com"));
        assert_eq!(uri("cid:nothing").content_id(), None);
        assert!(uri("msrps://[2001:db8::1]:7654/x;tcp").is_msrp());
        assert!(!uri("sip:a@b").is_msrp());
    }
}
