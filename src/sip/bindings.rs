//! Who is registered where: the registrar's side (RFC 3261 §10.3, RFC 3327, RFC 5626 §6).

use super::Source;
use crate::engine::{Ids, Limits, Map};
use crate::sip::msg::{Request, Response, Status, Uri};
use crate::wire::Text;
use crate::wire::params::Params;
use std::time::{Duration, Instant};

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
    /// Until when.
    pub expires_at: Instant,
}

/// All bindings, by address of record.
#[derive(Debug)]
pub struct Bindings {
    by_aor: Map<Text, Vec<Binding>>,
    /// The least interval that is accepted; a shorter one is refused with 423.
    pub min_expires: Duration,
    /// The longest interval that is granted.
    pub max_expires: Duration,
    /// What is granted if the device does not say.
    pub default_expires: Duration,
}

/// What a REGISTER has changed.
#[derive(Clone, Debug)]
pub struct Update {
    /// The address of record in the form of [`Uri::aor`].
    pub aor: Text,
    /// Bindings that are new.
    pub added: Vec<Binding>,
    /// Bindings that were there before.
    pub refreshed: Vec<Binding>,
    /// Bindings that are gone.
    pub removed: Vec<Binding>,
    /// The 200 with every binding of the user; the registrar adds Service-Route and P-Associated-URI.
    pub response: Response,
}

/// The response to a REGISTER that was refused.
#[derive(Clone, Debug)]
pub struct Refusal(pub Response);

impl Refusal {
    /// Why.
    pub fn status(&self) -> Status {
        self.0.status()
    }
}

impl Bindings {
    /// Nobody is registered.
    pub fn new(_ids: &mut Ids) -> Self {
        todo!()
    }

    /// Applies a REGISTER whose sender may change the bindings of its To.
    ///
    /// # Errors
    ///
    /// The response that refuses it: 400 for a malformed one, 423 for too short an interval, 503 for too
    /// many bindings, 500 for one that is out of order.
    pub fn update(
        &mut self,
        _now: Instant,
        _request: &Request,
        _source: Source,
        _limits: &Limits,
    ) -> Result<Update, Refusal> {
        todo!()
    }

    /// The devices of a user ([`Uri::aor`]), the preferred one first.
    pub fn of(&self, aor: &str) -> &[Binding] {
        self.by_aor.get(aor).map_or(&[], Vec::as_slice)
    }

    /// Takes out the bindings of a connection that broke (RFC 5626 §4.2.2 lets a flow's binding go with it).
    pub fn remove_flow(&mut self, _source: Source) -> Vec<(Text, Binding)> {
        todo!()
    }

    /// Takes out the bindings behind a connection that broke.
    pub fn remove_conn(&mut self, _conn: crate::engine::ConnId) -> Vec<(Text, Binding)> {
        todo!()
    }

    /// When the first binding expires.
    pub fn next_expiry(&self) -> Option<Instant> {
        todo!()
    }

    /// Takes out what has expired, with the address of record of each.
    pub fn expire(&mut self, _now: Instant) -> Vec<(Text, Binding)> {
        todo!()
    }
}
