//! Client transactions, and how responses find them (RFC 3261 §17.1).

use super::fill::sequence;
use super::sending::User;
use super::transport::{Hop, Watcher};
use super::{Deadline, Endpoint, Failure};
use crate::engine::{Cx, Ids, Key, Map, Slab};
use crate::sip::msg::header::{CSeq, MaxForwards, Via};
use crate::sip::msg::{Method, Name, Request, Response};
use crate::sip::transaction::{Action, Class, Timer, client, invite_client};
use crate::wire::Text;
use bytes::Bytes;

/// The magic cookie that every branch begins with (RFC 3261 §8.1.1.7).
pub(super) const COOKIE: &str = "z9hG4bK";

/// What a client transaction is found by (RFC 3261 §17.1.3); a CANCEL has the branch of its INVITE.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ClientKey {
    branch: Text,
    is_cancel: bool,
}

/// A client transaction.
#[derive(Debug)]
pub(super) struct Client {
    key: ClientKey,
    method: Method,
    machine: Machine,
    pub(super) hop: Hop,
    bytes: Bytes,
    sent: u32,
    /// An INVITE as it was sent, which its ACK and CANCEL repeat.
    invite: Option<Box<Request>>,
    sending: Option<Key>,
}

#[derive(Clone, Copy, Debug)]
enum Machine {
    Invite(invite_client::State),
    Other(client::State),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    Response(Class),
    Fired(Timer),
    Broken,
}

impl Machine {
    const fn start(method: &Method) -> (Self, &'static [Action]) {
        if matches!(method, Method::Invite) {
            let (state, actions) = invite_client::START;
            (Self::Invite(state), actions)
        } else {
            let (state, actions) = client::START;
            (Self::Other(state), actions)
        }
    }

    const fn next(self, input: Input) -> (Self, &'static [Action]) {
        match self {
            Self::Invite(state) => {
                let input = match input {
                    Input::Response(class) => invite_client::Input::Response(class),
                    Input::Fired(timer) => invite_client::Input::Fired(timer),
                    Input::Broken => invite_client::Input::Broken,
                };
                let (state, actions) = invite_client::next(state, input);
                (Self::Invite(state), actions)
            }
            Self::Other(state) => {
                let input = match input {
                    Input::Response(class) => client::Input::Response(class),
                    Input::Fired(timer) => client::Input::Fired(timer),
                    Input::Broken => client::Input::Broken,
                };
                let (state, actions) = client::next(state, input);
                (Self::Other(state), actions)
            }
        }
    }

    const fn is_over(self) -> bool {
        matches!(
            self,
            Self::Invite(invite_client::State::Terminated) | Self::Other(client::State::Terminated)
        )
    }
}

/// The client transactions and what they are found by.
#[derive(Debug)]
pub(super) struct Clients {
    slab: Slab<Client>,
    by_key: Map<ClientKey, Key>,
}

impl Clients {
    pub(super) fn new(ids: &mut Ids) -> Self {
        Self {
            slab: Slab::new(),
            by_key: ids.map(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn get(&self, key: Key) -> Option<&Client> {
        self.slab.get(key)
    }

    fn insert(&mut self, client: Client) -> Key {
        let name = client.key.clone();
        let key = self.slab.insert(client);
        self.by_key.insert(name, key);
        key
    }

    fn remove(&mut self, key: Key) -> Option<Client> {
        let client = self.slab.remove(key)?;
        self.by_key.remove(&client.key);
        Some(client)
    }
}

impl Endpoint {
    /// A new transaction for a request as it is to be sent, and its first actions.
    pub(super) fn enter(
        &mut self,
        request: Request,
        branch: Text,
        hop: Hop,
        bytes: Bytes,
        sending: Option<Key>,
    ) -> (Key, &'static [Action]) {
        let method = request.method().clone();
        let (machine, actions) = Machine::start(&method);
        let key = self.clients.insert(Client {
            key: ClientKey {
                branch,
                is_cancel: method == Method::Cancel,
            },
            machine,
            hop,
            bytes,
            sent: 0,
            invite: (method == Method::Invite).then(|| Box::new(request)),
            method,
            sending,
        });
        if let Some(conn) = hop.conn {
            self.net.watch(conn, Watcher::Client(key));
        }
        (key, actions)
    }

    /// Feeds a client transaction.
    pub(super) fn client_input(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        input: Input,
        response: Option<Response>,
    ) {
        let Some(client) = self.clients.slab.get_mut(key) else {
            return;
        };
        let (machine, actions) = client.machine.next(input);
        client.machine = machine;
        self.client_actions(cx, key, actions, response);
    }

    pub(super) fn client_actions(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        actions: &'static [Action],
        mut response: Option<Response>,
    ) {
        let mut follow_up = None;
        for action in actions {
            let Some(client) = self.clients.slab.get_mut(key) else {
                return;
            };
            let hop = client.hop;
            match action {
                Action::Send | Action::Resend => {
                    client.sent = client.sent.saturating_add(1);
                    let bytes = client.bytes.clone();
                    if !self.net.send(cx, &hop, bytes) {
                        follow_up = Some(Input::Broken);
                    }
                }
                Action::Ack => {
                    if let (Some(invite), Some(response)) = (&client.invite, &response) {
                        let bytes = ack(invite, response).write();
                        if !self.net.send(cx, &hop, bytes) {
                            follow_up = Some(Input::Broken);
                        }
                    }
                }
                Action::Start(timer) => {
                    let reliable = hop.transport.is_reliable();
                    match timer.delay(&self.config.times, reliable, client.sent) {
                        Some(delay) if delay.is_zero() => follow_up = Some(Input::Fired(*timer)),
                        Some(delay) => {
                            self.timers
                                .set(Deadline::Client(key, *timer), cx.now + delay);
                        }
                        None => {}
                    }
                }
                Action::Stop(timer) => self.timers.cancel(&Deadline::Client(key, *timer)),
                Action::Deliver => {
                    // Only that of an INVITE may be needed for an ACK as well.
                    let delivered = match client.invite {
                        Some(_) => response.clone(),
                        None => response.take(),
                    };
                    if let (Some(sending), Some(response)) = (client.sending, delivered) {
                        self.deliver(cx, sending, key, response);
                    }
                }
                Action::TimedOut | Action::Broken => {
                    let Some(sending) = client.sending else {
                        continue;
                    };
                    if (self.sendings.get(sending)).is_some_and(|s| s.is_sent_by(key)) {
                        let why = match action {
                            Action::TimedOut => Failure::Timeout,
                            _ => Failure::Transport,
                        };
                        self.missed(cx, sending, why);
                    }
                }
                Action::Try => {}
            }
        }
        if let Some(input) = follow_up {
            self.client_input(cx, key, input, None);
        }
        if (self.clients.slab.get(key)).is_some_and(|client| client.machine.is_over()) {
            self.client_over(cx, key);
        }
    }

    pub(super) fn client_over(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(client) = self.drop_client(key) else {
            return;
        };
        // The sending of an INVITE stays as long as another 2xx may come.
        let Some(sending) = client.sending else {
            return;
        };
        if !(self.sendings.get(sending)).is_some_and(|s| s.is_sent_by(key)) {
            return;
        }
        self.timers.cancel(&Deadline::Sending(sending));
        match self
            .sendings
            .remove(sending)
            .map(|sending| (sending.user, sequence(&sending.request)))
        {
            Some((User::Invite(call), number)) => {
                self.forget_ack(call, number);
                self.invite_over(cx, call);
            }
            Some((User::Reinvite { call, .. }, number)) => self.forget_ack(call, number),
            _ => {}
        }
    }

    /// Forgets a transaction.
    pub(super) fn drop_client(&mut self, key: Key) -> Option<Client> {
        let client = self.clients.remove(key)?;
        if let Some(conn) = client.hop.conn {
            self.net.unwatch(conn, Watcher::Client(key));
        }
        Some(client)
    }

    /// A response arrived.
    pub(super) fn handle_response(&mut self, cx: &mut Cx<'_>, response: Response) {
        // More than one Via: it was meant for somebody else (RFC 3261 §8.1.3.3).
        let headers = response.headers();
        let is_single = headers.count(&Name::Via) == 1
            && headers
                .text(&Name::Via)
                .is_some_and(|via| !via.contains(','));
        if !is_single && headers.all::<Via>().count() != 1 {
            return;
        }
        let Ok(keys) = response.keys() else {
            return;
        };
        let wanted = ClientKey {
            branch: Text::from(keys.branch),
            is_cancel: keys.method == Method::Cancel.as_str(),
        };
        let Some(&key) = self.clients.by_key.get(&wanted) else {
            return;
        };
        let Some(client) = self.clients.get(key) else {
            return;
        };
        if keys.method != client.method.as_str() || !client.hop.is_sent_by(keys.sent_by) {
            return;
        }
        let class = Class::of(response.status().code());
        self.client_input(cx, key, Input::Response(class), Some(response));
    }

    /// Sends a CANCEL for the INVITE of a sending (RFC 3261 §9.1).
    pub(super) fn cancel(&mut self, cx: &mut Cx<'_>, sending: Key, reason: Option<&str>) {
        let Some(client) = (self.client_of(sending)).and_then(|key| self.clients.get(key)) else {
            return;
        };
        let Some(invite) = &client.invite else { return };
        let mut request = alike(invite, Method::Cancel);
        copy(invite, &mut request, &Name::To);
        if let Some(reason) = reason {
            let _ = request.headers_mut().set_text(Name::Reason, reason);
        }
        let hop = client.hop;
        let branch = client.key.branch.clone();
        let bytes = request.write();
        let (key, actions) = self.enter(request, branch, hop, bytes, None);
        self.client_actions(cx, key, actions, None);
    }
}

/// The ACK of a failure, which belongs to the transaction of its INVITE (RFC 3261 §17.1.1.3).
fn ack(invite: &Request, response: &Response) -> Request {
    let mut ack = alike(invite, Method::Ack);
    if let Some(to) = response.headers().text(&Name::To) {
        let _ = ack.headers_mut().set_text(Name::To, to);
    }
    ack
}

/// A request of the transaction of `invite`: the same Request-URI, topmost Via, Route, From, Call-ID and number.
fn alike(invite: &Request, method: Method) -> Request {
    let from = invite.headers();
    let mut request = match invite.uri() {
        Ok(uri) => Request::new(method.clone(), &uri),
        // An INVITE of ours was written from a URI; should it not be readable, it stays as it is.
        Err(_) => invite.clone(),
    };
    let to = request.headers_mut();
    if let Some(via) = from.all::<Via>().next().and_then(Result::ok) {
        to.push(&via);
    }
    for route in from.texts(&Name::Route) {
        let _ = to.push_text(Name::Route, route);
    }
    to.set(&MaxForwards(70));
    copy(invite, &mut request, &Name::From);
    copy(invite, &mut request, &Name::CallId);
    request.headers_mut().set(&CSeq {
        number: sequence(invite),
        method,
    });
    request
}

fn copy(from: &Request, to: &mut Request, name: &Name) {
    if let Some(value) = from.headers().text(name) {
        let _ = to.headers_mut().set_text(name.clone(), value);
    }
}
