//! Feature tags: what a device says it can do.

use crate::sip::msg::uri::escape;
use crate::wire::params::{Param, Params};
use std::borrow::Cow;

/// A view of parameters as feature tags (RFC 3840 §9): those of a Contact, an Accept-Contact or the like.
///
/// ```
/// use cpm::sip::msg::{Header, header::Contact};
///
/// let contact = Contact::parse(&concat!(
///     "<sip:bob@192.0.2.4>;+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\"",
///     ";+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.session\"",
/// ).into())?;
/// let features = contact.features();
/// assert!(features.has_icsi("urn:urn-7:3gpp-service.ims.icsi.oma.cpm.session"));
/// assert_eq!(features.instance(), Some("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"));
/// # Ok::<(), cpm::sip::HeaderError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FeatureTags<'a>(&'a Params);

impl<'a> FeatureTags<'a> {
    /// The IMS communication services (3GPP TS 24.229 §7.9.2).
    pub const ICSI: &'static str = "+g.3gpp.icsi-ref";
    /// The IMS applications (3GPP TS 24.229 §7.9.3).
    pub const IARI: &'static str = "+g.3gpp.iari-ref";
    /// The device (RFC 5626 §4.1).
    pub const INSTANCE: &'static str = "+sip.instance";

    /// The tags among these parameters.
    pub const fn new(params: &'a Params) -> Self {
        Self(params)
    }

    /// Whether the tag is there and not denied. `+sip.` may be written or not, as for `audio`
    /// (RFC 3840 §9).
    pub fn has(self, tag: &str) -> bool {
        let value = |name: &str| self.0.get(name);
        let found = value(tag).or_else(|| {
            let short = tag.strip_prefix("+sip.")?;
            value(short)
        });
        found.is_some_and(|value| !value.is_some_and(|v| v.eq_ignore_ascii_case("FALSE")))
    }

    /// The value of a tag without quotes.
    pub fn value(self, tag: &str) -> Option<&'a str> {
        self.0.value(tag)
    }

    /// The values of a tag: `"a,b"` are two. Percent escapes are undone.
    pub fn values(self, tag: &str) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        let list = self.0.value(tag).unwrap_or_default();
        let values = list.split(',').map(str::trim).filter(|v| !v.is_empty());
        values.map(escape::decode)
    }

    /// The IMS communication services, without escapes.
    pub fn icsis(self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.values(Self::ICSI)
    }

    /// Whether a communication service is among them.
    pub fn has_icsi(self, icsi: &str) -> bool {
        // Looked at for every device of every message: nothing is copied for it.
        let list = self.0.value(Self::ICSI).unwrap_or_default();
        let mut values = list.split(',').map(str::trim);
        values.any(|value| !value.is_empty() && escape::is(value, icsi))
    }

    /// Whether an application is among those of the device.
    pub fn has_iari(self, iari: &str) -> bool {
        self.values(Self::IARI)
            .any(|one| one.eq_ignore_ascii_case(iari))
    }

    /// The device: the URN, without angle brackets.
    pub fn instance(self) -> Option<&'a str> {
        let value = self.0.value(Self::INSTANCE)?.trim();
        let bare = value.strip_prefix('<').and_then(|v| v.strip_suffix('>'));
        Some(bare.unwrap_or(value)).filter(|urn| !urn.is_empty())
    }

    /// The methods it understands (`methods="INVITE,BYE"`).
    pub fn methods(self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.values("methods")
    }

    /// The parameters that are feature tags: those with a plus sign, and the base tags of RFC 3840 §9.
    pub fn iter(self) -> impl Iterator<Item = Param<'a>> {
        const BASE: [&str; 18] = [
            "audio",
            "automata",
            "class",
            "duplex",
            "data",
            "control",
            "mobility",
            "description",
            "events",
            "priority",
            "methods",
            "schemes",
            "application",
            "video",
            "language",
            "type",
            "isfocus",
            "actor",
        ];
        let is_base = |name: &str| BASE.iter().any(|base| base.eq_ignore_ascii_case(name));
        self.0
            .iter()
            .filter(move |p| p.name.starts_with('+') || is_base(p.name))
    }
}

/// Percent escapes for what stands in a tag of URNs.
pub(super) fn encode(urn: &str) -> String {
    use crate::wire::cursor::ByteSet;
    let mut out = String::with_capacity(urn.len() + 8);
    escape::encode(urn, &ByteSet::alphanumeric_and(b"-._~"), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(text: &str) -> Params {
        text.parse().unwrap()
    }

    #[test]
    fn rfc3840_9_tags_with_and_without_value() {
        let params = params(
            ";audio;video=\"FALSE\";isfocus;+sip.instance=\"<urn:gsma:imei:35-1-0>\";methods=\"INVITE, BYE\";q=0.5;expires=60;+g.oma.sip-im",
        );
        let tags = FeatureTags::new(&params);
        assert!(tags.has("audio") && tags.has("isfocus") && tags.has("+g.oma.sip-im"));
        assert!(tags.has("+sip.audio"));
        assert!(!tags.has("video") && !tags.has("text"));
        assert_eq!(tags.instance(), Some("urn:gsma:imei:35-1-0"));
        assert_eq!(tags.methods().collect::<Vec<_>>(), ["INVITE", "BYE"]);
        let names: Vec<_> = tags.iter().map(|p| p.name).collect();
        assert_eq!(
            names,
            [
                "audio",
                "video",
                "isfocus",
                "+sip.instance",
                "methods",
                "+g.oma.sip-im"
            ]
        );
    }

    #[test]
    fn services_are_a_set_in_one_quoted_string() {
        let params = params(
            ";+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg, urn%3aurn-7%3A3gpp-service.ims.icsi.OMA.cpm.session\"",
        );
        let tags = FeatureTags::new(&params);
        assert!(tags.has_icsi("urn:urn-7:3gpp-service.ims.icsi.oma.cpm.session"));
        assert!(tags.has_icsi("urn:urn-7:3gpp-service.ims.icsi.oma.cpm.msg"));
        assert!(!tags.has_icsi("urn:urn-7:3gpp-service.ims.icsi.oma.cpm"));
        assert!(!tags.has_iari("urn:urn-7:3gpp-application.ims.iari.rcse.im"));
    }

    #[test]
    fn a_device_may_come_without_brackets() {
        assert_eq!(
            FeatureTags::new(&params(";+sip.instance=\"urn:uuid:1\"")).instance(),
            Some("urn:uuid:1")
        );
        assert_eq!(
            FeatureTags::new(&params(";+sip.instance=\"\"")).instance(),
            None
        );
    }
}
