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

/// The texts of a binding, all in one buffer: many are bound, and each buffer has its price.
struct Texts {
    address: NameAddr,
    instance: Option<Text>,
    call_id: Text,
    agent: Option<Text>,
}

impl Texts {
    fn new(address: &NameAddr, call_id: &str, agent: Option<&str>) -> Self {
        let mut address = address.clone();
        // Only the registrar gives the last two (RFC 5627 §5.1).
        for name in ["expires", "pub-gruu", "temp-gruu"] {
            address.params.remove(name);
        }
        let mut buffer = String::new();
        address.write(&mut buffer);
        let end_of_address = buffer.len();
        buffer.push_str(call_id);
        let end_of_call_id = buffer.len();
        buffer.push_str(agent.unwrap_or_default());
        buffer.shrink_to_fit();
        let buffer = Text::from(buffer);
        // What was just written reads again; anything else stands alone.
        let address =
            NameAddr::parse(&buffer.slice(0..end_of_address)).unwrap_or_else(|_| address.compact());
        let shared = |text: &str| match buffer.find(text) {
            Some(at) => buffer.slice(at..at + text.len()),
            None => Text::from(text),
        };
        Self {
            instance: address.features().instance().map(shared),
            address,
            call_id: buffer.slice(end_of_address..end_of_call_id),
            agent: agent.map(|_| buffer.slice(end_of_call_id..buffer.len())),
        }
    }
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
        let agent = headers.text(&Name::UserAgent);
        let texts = Texts::new(address, &call_id, agent);
        Self {
            contact: texts.address.uri,
            display: texts.address.display,
            instance: texts.instance,
            reg_id: address
                .params
                .value("reg-id")
                .and_then(|id| id.parse().ok()),
            q: contact.q(),
            path: (headers.all::<Path>())
                .filter_map(|hop| Some(Text::from(hop.ok()?.0.uri.to_string())))
                .collect(),
            user_agent: texts.agent,
            params: texts.address.params,
            call_id: texts.call_id,
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
