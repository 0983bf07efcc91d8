//! The server transactions: what they are found by, and what their tables demand (RFC 3261 §17.2).

use super::answering::back;
use super::transport::Hop;
use super::{Deadline, Endpoint};
use crate::engine::{Cx, Ids, Key, Map, Slab};
use crate::sip::msg::{Method, Request, Status};
use crate::sip::transaction::{Action, Class, Timer, invite_server, server};
use crate::wire::Text;
use bytes::Bytes;
use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};

/// What a server transaction is found by (RFC 3261 §17.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ServerKey {
    pub(super) branch: Text,
    pub(super) sent_by: Text,
    pub(super) method: Method,
}

/// What two copies of one request, forked on their way, have in common (RFC 3261 §8.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct MergeKey {
    pub(super) call_id: Text,
    pub(super) from_tag: Text,
    pub(super) sequence: u32,
    pub(super) method: Method,
}

/// The way of responses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Back {
    pub(super) hop: Hop,
    /// Where a new connection goes if that of the request is gone (RFC 3261 §18.2.2).
    pub(super) otherwise: SocketAddr,
}

/// A server transaction.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) key: ServerKey,
    pub(super) merge: Option<MergeKey>,
    pub(super) machine: Machine,
    pub(super) back: Back,
    /// The request, until it is answered finally.
    pub(super) request: Option<Request>,
    /// The tag of our side, for every response of this transaction.
    pub(super) tag: Text,
    /// What was sent last.
    pub(super) last: Option<Bytes>,
    pub(super) sent: u32,
    /// Whether it waits at the door.
    pub(super) at_door: bool,
    /// The call that an INVITE is about.
    pub(super) call: Option<Key>,
    /// How many bytes the request had.
    pub(super) size: usize,
    /// Whose budget it is charged to, until it is answered finally.
    pub(super) charged: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Machine {
    Invite(invite_server::State),
    Other(server::State),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    Request,
    Ack,
    Respond(Class),
    Fired(Timer),
    Broken,
}

impl Machine {
    pub(super) const fn start(method: &Method) -> (Self, &'static [Action]) {
        if matches!(method, Method::Invite) {
            let (state, actions) = invite_server::START;
            (Self::Invite(state), actions)
        } else {
            let (state, actions) = server::START;
            (Self::Other(state), actions)
        }
    }

    pub(super) const fn next(self, input: Input) -> (Self, &'static [Action]) {
        match self {
            Self::Invite(state) => {
                let input = match input {
                    Input::Request => invite_server::Input::Request,
                    Input::Ack => invite_server::Input::Ack,
                    Input::Respond(class) => invite_server::Input::Respond(class),
                    Input::Fired(timer) => invite_server::Input::Fired(timer),
                    Input::Broken => invite_server::Input::Broken,
                };
                let (state, actions) = invite_server::next(state, input);
                (Self::Invite(state), actions)
            }
            Self::Other(state) => {
                let input = match input {
                    Input::Request => server::Input::Request,
                    Input::Respond(class) => server::Input::Respond(class),
                    Input::Fired(timer) => server::Input::Fired(timer),
                    Input::Broken => server::Input::Broken,
                    // An ACK belongs to INVITE transactions only.
                    Input::Ack => return (self, &[]),
                };
                let (state, actions) = server::next(state, input);
                (Self::Other(state), actions)
            }
        }
    }

    const fn is_over(self) -> bool {
        matches!(
            self,
            Self::Invite(invite_server::State::Terminated) | Self::Other(server::State::Terminated)
        )
    }
}

/// The server transactions and what they are found by.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) slab: Slab<Server>,
    pub(super) by_key: Map<ServerKey, Key>,
    pub(super) by_merge: Map<MergeKey, Key>,
    /// How many requests of each source are not answered finally.
    pub(super) open: Map<IpAddr, usize>,
}

/// Whom an address stands for: who has one IPv6 address has all of its network.
pub(super) fn source_of(addr: IpAddr) -> IpAddr {
    match addr.to_canonical() {
        IpAddr::V6(addr) => {
            let network = u128::from(addr) >> 64 << 64;
            IpAddr::V6(network.into())
        }
        addr => addr,
    }
}

impl Servers {
    pub(super) fn new(ids: &mut Ids) -> Self {
        Self {
            slab: Slab::new(),
            by_key: ids.map(),
            by_merge: ids.map(),
            open: ids.map(),
        }
    }

    /// How many requests of a source are not answered finally.
    pub(super) fn open_of(&self, source: IpAddr) -> usize {
        self.open.get(&source).copied().unwrap_or_default()
    }

    /// A request is no burden of its source any more.
    pub(super) fn discharge(&mut self, source: Option<IpAddr>) {
        let Some(source) = source else { return };
        if let Some(open) = self.open.get_mut(&source) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.open.remove(&source);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// A To tag that is the same whenever the same request comes (RFC 3261 §8.2.7).
    pub(super) fn tag_of(&self, key: &ServerKey) -> Text {
        Text::from(format!("{:016x}", self.by_key.hasher().hash_one(key)))
    }

    pub(super) fn get(&self, key: Key) -> Option<&Server> {
        self.slab.get(key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Server> {
        self.slab.get_mut(key)
    }

    pub(super) fn remove(&mut self, key: Key) {
        if let Some(server) = self.slab.remove(key) {
            self.by_key.remove(&server.key);
            self.discharge(server.charged);
            self.unmerge(key, server.merge);
        }
    }

    pub(super) fn unmerge(&mut self, key: Key, merge: Option<MergeKey>) {
        if let Some(merge) = merge
            && self.by_merge.get(&merge) == Some(&key)
        {
            self.by_merge.remove(&merge);
        }
    }
}

impl Endpoint {
    /// Feeds a server transaction.
    pub(super) fn server_input(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        input: Input,
        ack: Option<Request>,
    ) {
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        let (machine, actions) = server.machine.next(input);
        server.machine = machine;
        self.server_actions(cx, key, actions, ack);
    }

    pub(super) fn server_actions(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        actions: &'static [Action],
        ack: Option<Request>,
    ) {
        let mut follow_up = None;
        for action in actions {
            let Some(server) = self.servers.get_mut(key) else {
                return;
            };
            match action {
                Action::Send | Action::Resend | Action::Try => {
                    // The 100 is due after 200 ms, not when the INVITE comes again before (RFC 3261 §17.2.1).
                    if *action == Action::Try
                        && server.last.is_none()
                        && let Some(request) = &server.request
                        && *request.method() == Method::Invite
                    {
                        server.last = Some(request.response(Status::TRYING).write());
                    }
                    let Some(bytes) = server.last.clone() else {
                        continue;
                    };
                    server.sent = server.sent.saturating_add(1);
                    if !back(&mut self.net, cx, &mut server.back, bytes) {
                        follow_up = Some(Input::Broken);
                    }
                    if let Some(conn) = server.back.hop.conn {
                        self.mind_reader(cx, conn);
                    }
                }
                Action::Start(timer) => {
                    let reliable = server.back.hop.transport.is_reliable();
                    match timer.delay(&self.config.times, reliable, server.sent) {
                        Some(delay) if delay.is_zero() => follow_up = Some(Input::Fired(*timer)),
                        Some(delay) => {
                            self.timers
                                .set(Deadline::Server(key, *timer), cx.now + delay);
                        }
                        None => {}
                    }
                }
                Action::Stop(timer) => self.timers.cancel(&Deadline::Server(key, *timer)),
                Action::Deliver => {
                    if let Some(ack) = &ack {
                        self.handle_ack(cx, ack);
                    }
                }
                Action::TimedOut | Action::Broken | Action::Ack => {}
            }
        }
        if let Some(input) = follow_up {
            self.server_input(cx, key, input, None);
        }
        if (self.servers.get(key)).is_some_and(|server| server.machine.is_over()) {
            self.servers.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::source_of;

    #[test]
    fn attack_15_all_addresses_of_one_network_are_one_source() {
        let source = |text: &str| source_of(text.parse().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:2"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
