//! Who is registered where: the registrar's side (RFC 3261 §10.3, RFC 3327, RFC 5626 §6).

mod binding;
mod expiry;
mod gruu;
#[cfg(test)]
mod tests;
mod update;

pub use binding::Binding;
pub use gruu::Gruu;
pub use update::{Refusal, Update};

use crate::engine::{ConnId, Ids, Map};
use crate::sip::msg::Uri;
use crate::wire::Text;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// All bindings, by address of record.
#[derive(Debug)]
pub struct Bindings {
    by_aor: Map<Arc<str>, Vec<Binding>>,
    /// When bindings of whom expire, and when they would have without a refresh.
    expiries: BinaryHeap<Reverse<(Instant, Arc<str>)>>,
    /// Who has registered over which connection, so that the end of a connection is the business of its users alone.
    flows: BTreeSet<(ConnId, Arc<str>)>,
    /// What temporary GRUUs are made with.
    mint: gruu::Mint,
    /// With how many of the expiries those that are not true any more are thrown out.
    tidy_at: usize,
    /// The least interval that is accepted; a shorter one is refused with 423.
    pub min_expires: Duration,
    /// The longest interval that is granted.
    pub max_expires: Duration,
    /// What is granted if the device does not say.
    pub default_expires: Duration,
    /// Whether the Path that proxies have put into a REGISTER is taken although the device does not say that it knows
    /// of Path. It cannot see then who has put itself on its way, so RFC 3327 §5.3 recommends to refuse: 420.
    pub accept_unannounced_path: bool,
}

impl Bindings {
    /// Nobody is registered.
    pub fn new(ids: &mut Ids) -> Self {
        Self {
            by_aor: ids.map(),
            expiries: BinaryHeap::new(),
            flows: BTreeSet::new(),
            mint: gruu::Mint::new(ids),
            tidy_at: 64,
            min_expires: Duration::from_secs(60),
            max_expires: Duration::from_secs(86_400),
            default_expires: Duration::from_secs(3600),
            accept_unannounced_path: false,
        }
    }

    /// The devices of a user ([`Uri::aor`]): those whose flow is up first, then by their own preference, then
    /// the one that registered last, since one that was restarted may have left a binding behind.
    pub fn of(&self, aor: &str) -> &[Binding] {
        self.by_aor.get(aor).map_or(&[], Vec::as_slice)
    }

    /// How many devices a user has: several flows of one (RFC 5626) are one device.
    pub fn devices(&self, aor: &str) -> usize {
        let bindings = self.of(aor);
        let is_first = |(index, binding): &(usize, &Binding)| {
            let before = bindings.get(..*index).unwrap_or_default();
            binding.instance.is_none()
                || !(before.iter()).any(|other| other.instance == binding.instance)
        };
        bindings.iter().enumerate().filter(is_first).count()
    }

    /// Puts in a binding as it was before, for a registrar that starts again.
    pub fn insert(&mut self, aor: Text, binding: Binding) {
        let aor = self.name(&aor);
        self.expiries
            .push(Reverse((binding.expires_at, Arc::clone(&aor))));
        if let Some(conn) = binding.source.conn {
            self.flows.insert((conn, Arc::clone(&aor)));
        }
        let bindings = self.by_aor.entry(aor).or_default();
        bindings.retain(|other| !other.is_same(&binding));
        bindings.push(binding);
        bindings.sort_by_key(Binding::rank);
    }

    /// Takes out one binding, for one that has shown itself to be dead.
    pub fn remove(&mut self, aor: &str, contact: &Uri) -> Option<Binding> {
        let bindings = self.by_aor.get_mut(aor)?;
        let place = bindings.iter().position(|b| b.contact == *contact)?;
        let removed = bindings.remove(place);
        if bindings.is_empty() {
            self.by_aor.remove(aor);
        }
        Some(removed)
    }

    /// The name of a user: the one that is there already, so that there is one of it.
    fn name(&self, aor: &str) -> Arc<str> {
        let known = self.by_aor.get_key_value(aor);
        known.map_or_else(|| Arc::from(aor), |(name, _)| Arc::clone(name))
    }

    fn live(&self, now: Instant, aor: &str) -> Vec<Binding> {
        self.of(aor)
            .iter()
            .filter(|binding| binding.expires_at > now)
            .cloned()
            .collect()
    }

    fn put(&mut self, aor: Arc<str>, mut bindings: Vec<Binding>) {
        // Most users have one device, and there are many users.
        bindings.shrink_to_fit();
        if bindings.is_empty() {
            self.by_aor.remove(&aor);
        } else {
            self.by_aor.insert(aor, bindings);
        }
        // Every refresh leaves an expiry behind that is not true any more.
        if self.expiries.len() > self.tidy_at {
            self.expiries = self
                .by_aor
                .iter()
                .flat_map(|(aor, bindings)| {
                    let of = |binding: &Binding| Reverse((binding.expires_at, Arc::clone(aor)));
                    bindings.iter().map(of)
                })
                .collect();
            self.tidy_at = 64 + 2 * self.expiries.len();
            let by_aor = &self.by_aor;
            self.flows.retain(|(conn, aor)| {
                let mut bindings = by_aor.get(aor).into_iter().flatten();
                bindings.any(|binding| binding.source.conn == Some(*conn))
            });
        }
    }
}
