//! How much of everything there is.

use super::Endpoint;

/// What an endpoint holds, for one who watches over the load. Nothing of it stays when what it was for is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Count {
    /// Transactions of both sides.
    pub transactions: usize,
    /// Requests of ours that have no final response yet, or wait for an address.
    pub requests: usize,
    /// Calls, from their INVITE until they are forgotten.
    pub calls: usize,
    /// Dialogs, those of subscriptions too.
    pub dialogs: usize,
    /// Subscriptions of both sides.
    pub subscriptions: usize,
    /// Registrations of ours.
    pub registrations: usize,
    /// Publications of ours.
    pub publications: usize,
    /// Connections.
    pub connections: usize,
    /// Sources that have requests or connections open.
    pub sources: usize,
    /// Questions that nobody has answered yet.
    pub questions: usize,
    /// Deadlines.
    pub deadlines: usize,
}

impl Endpoint {
    /// How much of everything there is.
    pub fn count(&self) -> Count {
        Count {
            transactions: self.clients.len() + self.servers.len(),
            requests: self.sendings.len(),
            calls: self.calls.len(),
            dialogs: self.calls.by_dialog.len() + self.subscriptions.dialogs(),
            subscriptions: self.subscriptions.len(),
            registrations: self.registrations.len(),
            publications: self.publications.len(),
            connections: self.net.len(),
            sources: self.servers.open.len() + self.net.sources(),
            questions: self.questions.len(),
            deadlines: self.timers.len(),
        }
    }
}
