//! How bindings end without a REGISTER: their time is over, or their connection breaks.

use super::{Binding, Bindings};
use crate::engine::ConnId;
use crate::wire::Text;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

impl Bindings {
    /// A connection broke. The bindings that live and die with it (RFC 5626 §6: those with a `reg-id`) are taken
    /// out; any other device may still be found at its Contact, until its time is over.
    pub fn lose_flow(&mut self, conn: ConnId) -> Vec<(Text, Binding)> {
        let of_conn = |entry: &&(ConnId, Arc<str>)| entry.0 == conn;
        let users: Vec<_> = (self.flows.range((conn, Arc::from(""))..))
            .take_while(of_conn)
            .cloned()
            .collect();
        let mut lost = Vec::new();
        for entry in users {
            self.flows.remove(&entry);
            let (_, aor) = entry;
            let Some(bindings) = self.by_aor.get_mut(&aor) else {
                continue;
            };
            let is_lost = |binding: &Binding| binding.source.conn == Some(conn);
            let gone = |binding: &mut Binding| is_lost(binding) && binding.reg_id.is_some();
            lost.extend(
                bindings
                    .extract_if(.., gone)
                    .map(|binding| (Text::from(&*aor), binding)),
            );
            for binding in bindings.iter_mut().filter(|binding| is_lost(binding)) {
                binding.has_flow = false;
            }
            bindings.sort_by_key(Binding::rank);
            if bindings.is_empty() {
                self.by_aor.remove(&aor);
            }
        }
        lost
    }

    /// When the first binding may expire. It may have been refreshed since; then [`expire`](Self::expire) finds
    /// nothing.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.expiries.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes out what has expired, with the address of record of each.
    pub fn expire(&mut self, now: Instant) -> Vec<(Text, Binding)> {
        let mut expired = Vec::new();
        while let Some(Reverse((at, _))) = self.expiries.peek()
            && *at <= now
        {
            let Some(Reverse((_, aor))) = self.expiries.pop() else {
                break;
            };
            let Some(bindings) = self.by_aor.get_mut(&aor) else {
                continue;
            };
            expired.extend(
                bindings
                    .extract_if(.., |binding| binding.expires_at <= now)
                    .map(|binding| (Text::from(&*aor), binding)),
            );
            if bindings.is_empty() {
                self.by_aor.remove(&aor);
            }
        }
        expired
    }
}
