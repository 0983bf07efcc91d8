//! What a REGISTER does to the bindings of its user, and the response to it (RFC 3261 §10.3).

use super::{Binding, Bindings, gruu};
use crate::engine::Limits;
use crate::sip::Source;
use crate::sip::msg::header::{
    Contact, Expires, MinExpires, NameAddr, Path, Require, Supported, To, Via,
};
use crate::sip::msg::{Name, Request, Response, Status};
use crate::wire::Text;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a REGISTER has changed.
#[derive(Clone, Debug)]
pub struct Update {
    /// The address of record in the form of [`Uri::aor`](crate::sip::msg::Uri::aor).
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
pub struct Refusal(Box<Response>);

impl Refusal {
    /// Why.
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// The response to be sent.
    pub fn into_response(self) -> Response {
        *self.0
    }
}

impl Bindings {
    /// Applies a REGISTER whose sender may change the bindings of its To.
    ///
    /// # Errors
    ///
    /// The response that refuses it: 400 for a malformed one, 403 for a device whose Contact is the user itself, 420
    /// for a Path that the device does not know of, 423 for too short an interval, 503 for too many bindings, 500 for
    /// one that is out of order.
    pub fn update(
        &mut self,
        now: Instant,
        request: &Request,
        source: Source,
        limits: &Limits,
    ) -> Result<Update, Refusal> {
        match request.headers().get::<To>() {
            Ok(to) => self.update_for(to.uri.aor(), now, request, source, limits),
            Err(_) => Err(Refusal(Box::new(request.response(Status::BAD_REQUEST)))),
        }
    }

    /// The same for the bindings of `aor`, of which To may be another name.
    ///
    /// # Errors
    ///
    /// See [`update`](Self::update).
    pub fn update_for(
        &mut self,
        aor: Text,
        now: Instant,
        request: &Request,
        source: Source,
        limits: &Limits,
    ) -> Result<Update, Refusal> {
        let refuse = |status| Refusal(Box::new(request.response(status)));
        let malformed = |_| refuse(Status::BAD_REQUEST);
        let headers = request.headers();
        let keys = request.keys().map_err(malformed)?;
        let order = (Text::from(keys.call_id), keys.sequence);
        let contacts: Vec<Contact> = (headers.all::<Contact>())
            .collect::<Result<_, _>>()
            .map_err(malformed)?;
        // No device has need of more than to replace all that there may be.
        if contacts.len() > limits.bindings.saturating_mul(2) {
            return Err(refuse(Status::SERVICE_UNAVAILABLE));
        }
        let common = headers.find::<Expires>().map_err(malformed)?;
        let tags = Supported::of(headers).unwrap_or_default();
        if headers.contains(&Name::Path) && !tags.contains("path") && !self.accept_unannounced_path
        {
            let mut response = request.response(Status::BAD_EXTENSION);
            // Plain text of ours.
            let _ = response.headers_mut().set_text(Name::Unsupported, "path");
            return Err(Refusal(Box::new(response)));
        }

        // A flow that ends at a proxy which cannot find it again is none (RFC 5626 §6).
        let is_far = headers.all::<Via>().count() > 1;
        let asks_for_flow = tags.contains("outbound") && contacts.iter().any(is_flow);
        if is_far && asks_for_flow && !has_edge(request) {
            return Err(refuse(Status::FIRST_HOP_LACKS_OUTBOUND_SUPPORT));
        }

        let before = self.live(now, &aor);
        let mut after = before.clone();
        let mut touched = Vec::new();
        if contacts.contains(&Contact::Star) {
            // Only alone, and only to remove (RFC 3261 §10.3, step 6).
            if contacts.len() != 1 || common != Some(Expires(0)) {
                return Err(refuse(Status::BAD_REQUEST));
            }
            if before.iter().any(|binding| binding.is_newer_than(&order)) {
                return Err(refuse(Status::SERVER_INTERNAL_ERROR));
            }
            after.clear();
        }
        for contact in &contacts {
            let Contact::Address(address) = contact else {
                continue;
            };
            let asked = (contact.expires().ok().flatten())
                .or_else(|| common.map(|expires| expires.0))
                .map_or(self.default_expires, |s| Duration::from_secs(s.into()));
            let place = after.iter().position(|binding| binding.is_of(address));
            if let Some(old) = place.and_then(|place| after.get(place))
                && old.is_newer_than(&order)
            {
                return Err(refuse(Status::SERVER_INTERNAL_ERROR));
            }
            if asked.is_zero() {
                place.map(|place| after.remove(place));
                continue;
            }
            // It would be its own way (RFC 5627 §5.1).
            if address.features().instance().is_some() && address.uri.aor() == aor {
                return Err(refuse(Status::FORBIDDEN));
            }
            if asked < self.min_expires {
                let mut response = request.response(Status::INTERVAL_TOO_BRIEF);
                let least = u32::try_from(self.min_expires.as_secs()).unwrap_or(u32::MAX);
                response.headers_mut().set(&MinExpires(least));
                return Err(Refusal(Box::new(response)));
            }
            let binding = Binding::new(
                request,
                contact,
                address,
                source,
                order.clone(),
                (now, now + asked.min(self.max_expires)),
            );
            touched.push(binding.contact.clone());
            match place.and_then(|place| after.get_mut(place)) {
                Some(old) => *old = binding,
                None => after.push(binding),
            }
        }
        if after.len() > limits.bindings {
            return Err(refuse(Status::SERVICE_UNAVAILABLE));
        }
        after.sort_by_key(Binding::rank);
        let name = self.name(&aor);
        for binding in &after {
            if touched.contains(&binding.contact) {
                self.expiries
                    .push(Reverse((binding.expires_at, Arc::clone(&name))));
            }
        }
        let known = |list: &[Binding], one: &Binding| list.iter().any(|other| other.is_same(one));
        let changed = |binding: &&Binding| touched.contains(&binding.contact);
        let update = Update {
            added: (after.iter().filter(changed))
                .filter(|binding| !known(&before, binding))
                .cloned()
                .collect(),
            refreshed: (after.iter().filter(changed))
                .filter(|binding| known(&before, binding))
                .cloned()
                .collect(),
            removed: (before.iter())
                .filter(|binding| !known(&after, binding))
                .cloned()
                .collect(),
            response: self.accepted(now, request, &tags, &aor, &after),
            aor,
        };
        if let Some(conn) = source.conn
            && !touched.is_empty()
        {
            self.flows.insert((conn, Arc::clone(&name)));
        }
        self.put(name, after);
        Ok(update)
    }

    /// The 200 with every binding of the user (RFC 3261 §10.3, step 8; RFC 3327 §5.3; RFC 5627 §5.1).
    fn accepted(
        &self,
        now: Instant,
        request: &Request,
        tags: &Supported,
        aor: &str,
        bindings: &[Binding],
    ) -> Response {
        let to = request.headers().get::<To>().ok().map(|to| to.0.uri);
        let mut response = request.response(Status::OK);
        let headers = response.headers_mut();
        for binding in bindings {
            let left = binding.expires_at.saturating_duration_since(now).as_secs();
            let mut address = NameAddr::new(binding.contact.clone());
            address.display = binding.display.clone();
            address.params = binding.params.clone();
            address.params.set("expires", Some(&left.to_string()));
            if tags.contains("gruu")
                && let (Some(to), Some(instance)) = (&to, &binding.instance)
            {
                let all = [
                    ("pub-gruu", gruu::public(to, instance)),
                    ("temp-gruu", self.mint.temporary(aor, binding)),
                ];
                for (name, gruu) in all {
                    if let Some(gruu) = gruu {
                        address.params.set_quoted(name, &gruu.to_string());
                    }
                }
            }
            headers.push(&Contact::Address(address));
        }
        // The device may count on its flows (RFC 5626 §6).
        let mut asked = (request.headers().all::<Contact>()).filter_map(Result::ok);
        if tags.contains("outbound") && asked.any(|contact| is_flow(&contact)) {
            headers.set(&Require(vec![Text::from_static("outbound")]));
        }
        if tags.contains("path") {
            for path in request.headers().texts(&Name::Path) {
                // It was in a message, so there is no line end in it.
                let _ = headers.push_text(Name::Path, path);
            }
        }
        response
    }
}

/// Whether a Contact is that of a flow of a device (RFC 5626 §4.2).
fn is_flow(contact: &Contact) -> bool {
    match contact {
        Contact::Address(address) => {
            address.features().instance().is_some() && address.params.value("reg-id").is_some()
        }
        Contact::Star => false,
    }
}

/// Whether the proxy next to the device, the first to put itself into the Path, knows of flows.
fn has_edge(request: &Request) -> bool {
    let first = request.headers().all::<Path>().last();
    let uri = first.and_then(Result::ok).map(|path| path.0.uri);
    uri.is_some_and(|uri| uri.as_sip().is_some_and(|uri| uri.has_param("ob")))
}
