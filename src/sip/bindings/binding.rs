//! One device of one user, as its REGISTER describes it.

use crate::sip::Source;
use crate::sip::msg::header::{Contact, NameAddr, Path};
use crate::sip::msg::{Name, Request, Uri};
use crate::wire::Text;
use crate::wire::params::Params;
use std::cmp::Reverse;
use std::time::Instant;

/// One device of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// Where the device says it is.
    pub contact: Uri,
    /// The display name of the Contact: the device's name.
    pub display: Option<Text>,
    /// The parameters of the Contact, feature tags among them; `expires` left out.
    pub params: Params,
    /// `+sip.instance` without quotes and angle brackets.
    pub instance: Option<Text>,
    /// The flow of the instance (RFC 5626).
    pub reg_id: Option<u32>,
    /// Preference in thousandths (RFC 3261 §20.10).
    pub q: u16,
    /// The route to the device: the Path of its REGISTER (RFC 3327).
    pub path: Vec<Text>,
    /// The User-Agent of its REGISTER.
    pub user_agent: Option<Text>,
    /// The Call-ID of the REGISTER that was last accepted.
    pub call_id: Text,
    /// The CSeq of the REGISTER that was last accepted.
    pub cseq: u32,
    /// Where that REGISTER came from: the flow to the device.
    pub source: Source,
    /// Whether that flow is there still. If not, the device may be found at its Contact.
    pub has_flow: bool,
    /// When that REGISTER came.
    pub registered_at: Instant,
    /// Until when.
    pub expires_at: Instant,
}

impl Binding {
    pub(super) fn new(
        request: &Request,
        contact: &Contact,
        address: &NameAddr,
        source: Source,
        (call_id, cseq): (Text, u32),
        (registered_at, expires_at): (Instant, Instant),
    ) -> Self {
        let headers = request.headers();
        let mut params = address.params.compact();
        params.remove("expires");
        // Only the registrar gives these (RFC 5627 §5.1).
        params.remove("pub-gruu");
        params.remove("temp-gruu");
        Self {
            contact: address.uri.compact(),
            display: address.display.as_ref().map(Text::compact),
            instance: address.features().instance().map(Text::from),
            reg_id: address
                .params
                .value("reg-id")
                .and_then(|id| id.parse().ok()),
            q: contact.q(),
            path: (headers.all::<Path>())
                .filter_map(|hop| Some(Text::from(hop.ok()?.0.uri.to_string())))
                .collect(),
            user_agent: headers.text(&Name::UserAgent).map(Text::from),
            params,
            call_id,
            cseq,
            source,
            has_flow: true,
            registered_at,
            expires_at,
        }
    }

    /// By what bindings are sorted.
    pub(super) const fn rank(&self) -> (Reverse<bool>, Reverse<u16>, Reverse<Instant>) {
        (
            Reverse(self.has_flow),
            Reverse(self.q),
            Reverse(self.registered_at),
        )
    }

    /// Whether a Contact is about this binding: the same instance and flow (RFC 5626 §6), else the same URI.
    pub(super) fn is_of(&self, address: &NameAddr) -> bool {
        let instance = address.features().instance();
        match (&self.instance, instance) {
            (Some(own), Some(instance)) => {
                let reg_id = address
                    .params
                    .value("reg-id")
                    .and_then(|id| id.parse().ok());
                own.as_str() == instance && self.reg_id == reg_id
            }
            _ => self.contact.matches(&address.uri),
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.instance, &other.instance) {
            (Some(one), Some(two)) => one == two && self.reg_id == other.reg_id,
            _ => self.contact.matches(&other.contact),
        }
    }

    /// Whether it was made by a later REGISTER of the same client (RFC 3261 §10.3, step 7).
    pub(super) fn is_newer_than(&self, (call_id, cseq): &(Text, u32)) -> bool {
        self.call_id == *call_id && self.cseq >= *cseq
    }
}
