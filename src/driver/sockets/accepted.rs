//! How many connections peers may have.

use crate::driver::Config;
use crate::engine::{Ids, Map};
use std::net::IpAddr;

/// How many connections peers have opened, and from where.
pub(super) struct Accepted {
    total: usize,
    by_address: Map<IpAddr, usize>,
}

impl Accepted {
    pub(super) fn new(ids: &mut Ids) -> Self {
        Self {
            total: 0,
            by_address: ids.map(),
        }
    }

    pub(super) const fn total(&self) -> usize {
        self.total
    }

    /// Counts one more, or refuses it.
    pub(super) fn add(&mut self, address: IpAddr, config: &Config) -> bool {
        let here = self.by_address.get(&address).copied().unwrap_or(0);
        let room = self.total < config.connections && here < config.connections_per_address;
        if room {
            self.total += 1;
            self.by_address.insert(address, here + 1);
        }
        room
    }

    pub(super) fn remove(&mut self, address: IpAddr) {
        if let Some(here) = self.by_address.get_mut(&address) {
            *here = here.saturating_sub(1);
            self.total = self.total.saturating_sub(1);
            if *here == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}
