//! Requests of peers: server transactions, and what is answered before anybody above hears of a request
//! (RFC 3261 §8.2, §17.2, §18.2).

use super::fill::{add_tag, set_default};
use super::transport::Hop;
use super::{Deadline, Endpoint, Event, ServerId, Source};
use crate::engine::{Cx, Ids, Key, Map, Slab, Transport};
use crate::sip::locate::default_port;
use crate::sip::msg::header::{Require, To, Unsupported, Via};
use crate::sip::msg::{Method, Mode, Name, Request, Response, Status};
use crate::sip::transaction::{Action, Class, Timer, invite_server, server};
use crate::wire::Text;
use bytes::Bytes;
use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};

/// What a server transaction is found by (RFC 3261 §17.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ServerKey {
    branch: Text,
    sent_by: Text,
    method: Method,
}

/// What two copies of one request, forked on their way, have in common (RFC 3261 §8.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct MergeKey {
    call_id: Text,
    from_tag: Text,
    sequence: u32,
    method: Method,
}

/// The way of responses.
#[derive(Clone, Copy, Debug)]
struct Back {
    hop: Hop,
    /// Where a new connection goes if that of the request is gone (RFC 3261 §18.2.2).
    otherwise: SocketAddr,
}

/// A server transaction.
#[derive(Debug)]
pub(super) struct Server {
    key: ServerKey,
    merge: Option<MergeKey>,
    machine: Machine,
    back: Back,
    /// The request, until it is answered finally.
    pub(super) request: Option<Request>,
    /// The tag of our side, for every response of this transaction.
    pub(super) tag: Text,
    /// What was sent last.
    last: Option<Bytes>,
    sent: u32,
    /// The call that an INVITE is about.
    pub(super) call: Option<Key>,
    /// How many bytes the request had.
    size: usize,
    /// Whose budget it is charged to, until it is answered finally.
    charged: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug)]
enum Machine {
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
    const fn start(method: &Method) -> (Self, &'static [Action]) {
        if matches!(method, Method::Invite) {
            let (state, actions) = invite_server::START;
            (Self::Invite(state), actions)
        } else {
            let (state, actions) = server::START;
            (Self::Other(state), actions)
        }
    }

    const fn next(self, input: Input) -> (Self, &'static [Action]) {
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
    slab: Slab<Server>,
    by_key: Map<ServerKey, Key>,
    by_merge: Map<MergeKey, Key>,
    /// How many requests of each source are not answered finally.
    open: Map<IpAddr, usize>,
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
    fn open_of(&self, source: IpAddr) -> usize {
        self.open.get(&source).copied().unwrap_or_default()
    }

    /// A request is no burden of its source any more.
    fn discharge(&mut self, source: Option<IpAddr>) {
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
    fn tag_of(&self, key: &ServerKey) -> Text {
        Text::from(format!("{:016x}", self.by_key.hasher().hash_one(key)))
    }

    pub(super) fn get(&self, key: Key) -> Option<&Server> {
        self.slab.get(key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Server> {
        self.slab.get_mut(key)
    }

    fn remove(&mut self, key: Key) {
        if let Some(server) = self.slab.remove(key) {
            self.by_key.remove(&server.key);
            self.discharge(server.charged);
            self.unmerge(key, server.merge);
        }
    }

    fn unmerge(&mut self, key: Key, merge: Option<MergeKey>) {
        if let Some(merge) = merge
            && self.by_merge.get(&merge) == Some(&key)
        {
            self.by_merge.remove(&merge);
        }
    }
}

impl Endpoint {
    /// A request arrived.
    pub(super) fn handle_request(
        &mut self,
        cx: &mut Cx<'_>,
        mut request: Request,
        source: Source,
        size: usize,
    ) {
        let Some((back, branch)) = self.stamp(&mut request, &source) else {
            return;
        };
        let is_ack = *request.method() == Method::Ack;
        if let Err(invalid) = request.validate(Mode::Receive) {
            crate::engine::trace::debug!("refused a request: {invalid}");
            if !is_ack {
                self.refuse(cx, &request, &back, Status::BAD_REQUEST, size);
            }
            return;
        }
        let Ok(keys) = request.keys() else { return };
        let branch = branch.unwrap_or_else(|| branch_of(&request));
        let key = |method: Method| ServerKey {
            branch: branch.clone(),
            sent_by: Text::from(keys.sent_by.to_ascii_lowercase()),
            method,
        };
        let method = request.method().clone();
        // An ACK belongs to the transaction of its INVITE.
        let own = key(if is_ack {
            Method::Invite
        } else {
            method.clone()
        });
        if let Some(&server) = self.servers.by_key.get(&own) {
            let input = if is_ack { Input::Ack } else { Input::Request };
            return self.server_input(cx, server, input, is_ack.then_some(request));
        }
        if is_ack {
            return self.handle_ack(cx, &request);
        }
        let merge = MergeKey {
            call_id: Text::from(keys.call_id),
            from_tag: Text::from(keys.from_tag.unwrap_or_default()),
            sequence: keys.sequence,
            method: method.clone(),
        };
        let is_new = keys.to_tag.is_none();
        let begins = is_new && method != Method::Cancel;
        let charged = source_of(source.peer.ip());
        let is_greedy = begins && self.servers.open_of(charged) >= cx.limits.sip_source_requests;
        if is_greedy || self.is_full(cx, begins) {
            return self.refuse(cx, &request, &back, Status::SERVICE_UNAVAILABLE, size);
        }
        let invite = (method == Method::Cancel)
            .then(|| self.servers.by_key.get(&key(Method::Invite)).copied())
            .flatten();
        // A copy that another branch of a fork has brought already.
        let merged =
            is_new && method != Method::Cancel && self.servers.by_merge.contains_key(&merge);
        let tag = match invite.and_then(|invite| self.servers.get(invite)) {
            Some(invite) => invite.tag.clone(),
            None => keys.to_tag.map_or_else(|| cx.ids.tag(), Text::from),
        };
        let (machine, actions) = Machine::start(&method);
        let entry = self.servers.slab.insert(Server {
            key: own.clone(),
            merge: (is_new && !merged).then(|| merge.clone()),
            machine,
            back,
            request: Some(request.clone()),
            tag,
            last: None,
            sent: 0,
            call: None,
            size,
            charged: Some(charged),
        });
        *self.servers.open.entry(charged).or_default() += 1;
        self.servers.by_key.insert(own, entry);
        if is_new && !merged {
            self.servers.by_merge.insert(merge, entry);
        }
        // Its first action is to deliver, which is what the rest of this function does.
        self.server_actions(cx, entry, actions, None);
        if merged {
            return self.answer(cx, entry, Status::LOOP_DETECTED);
        }
        if method == Method::Cancel {
            return self.handle_cancel(cx, entry, invite, request);
        }
        if let Some(unsupported) = self.unsupported(&request) {
            let mut response = request.response(Status::BAD_EXTENSION);
            response.headers_mut().push(&unsupported);
            return self.reply(cx, entry, response);
        }
        self.handle_new(cx, entry, request, source, is_new);
    }

    /// Gives a request to its call, or to the layer above.
    fn handle_new(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        request: Request,
        source: Source,
        is_new: bool,
    ) {
        if matches!(
            request.method(),
            Method::Subscribe | Method::Notify | Method::Refer
        ) && self.dialog_of(&request).is_none()
            && self.handle_event_request(cx, server, &request, source)
        {
            return;
        }
        if is_new {
            return match request.method() {
                Method::Invite => self.handle_invite(cx, server, request, source),
                Method::Bye | Method::Update | Method::Prack => {
                    self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
                }
                _ => self.events.push_back(Event::Request {
                    id: ServerId(server),
                    request,
                    source,
                    call: None,
                }),
            };
        }
        match self.dialog_of(&request) {
            Some(within) => self.handle_in_call(cx, server, within, request, source),
            None => self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
        }
    }

    fn handle_cancel(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        invite: Option<Key>,
        cancel: Request,
    ) {
        let Some(invite) = invite else {
            return self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
        };
        self.answer(cx, server, Status::OK);
        let Some(entry) = self.servers.get(invite) else {
            return;
        };
        // Answered finally before: the CANCEL has no effect (RFC 3261 §9.2).
        if entry.request.is_none() {
            return;
        }
        if let Some(call) = entry.call {
            self.call_cancelled(cx, call, invite, cancel);
        }
    }

    /// Answers with a status and nothing else.
    pub(super) fn answer(&mut self, cx: &mut Cx<'_>, server: Key, status: Status) {
        let Some(request) = self.servers.get(server).and_then(|s| s.request.as_ref()) else {
            return;
        };
        let response = request.response(status);
        self.reply(cx, server, response);
    }

    /// Answers with a response.
    pub(super) fn reply(&mut self, cx: &mut Cx<'_>, key: Key, mut response: Response) {
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        let status = response.status();
        let (machine, actions) = server
            .machine
            .next(Input::Respond(Class::of(status.code())));
        if !actions.contains(&Action::Send) {
            return;
        }
        if server.last.is_none()
            && server.back.hop.transport == Transport::Udp
            && is_repeatable(status)
        {
            return self.turn_away(cx, key, response);
        }
        if status != Status::TRYING
            && let Ok(to) = response.headers().get::<To>()
            && to.tag().is_none()
        {
            add_tag(response.headers_mut(), Name::To, &server.tag);
        }
        set_default(
            response.headers_mut(),
            Name::Server,
            &self.config.user_agent,
        );
        server.back.hop.fill_contact(response.headers_mut());
        server.machine = machine;
        server.last = Some(response.write());
        if status.is_final() {
            server.request = None;
            // Its retransmissions are counted from here.
            server.sent = 0;
        }
        let charged = server.charged.take_if(|_| status.is_final());
        // One who was sent away may try again as if it were new.
        let merge = (status == Status::SERVICE_UNAVAILABLE)
            .then(|| server.merge.take())
            .flatten();
        self.servers.unmerge(key, merge);
        self.servers.discharge(charged);
        self.server_actions(cx, key, actions, None);
    }

    /// Refuses without a transaction (RFC 3261 §8.2.7): where a datagram comes from is not certain, so that nothing
    /// is remembered of it, nothing sent twice, and no more than there has to be. Whoever misses the refusal
    /// asks again and is refused again.
    fn turn_away(&mut self, cx: &mut Cx<'_>, key: Key, mut response: Response) {
        let Some(server) = self.servers.get(key) else {
            return;
        };
        let (mut way, most) = (server.back, most_back(cx, server.size));
        if let Ok(mut to) = response.headers().get::<To>()
            && to.tag().is_none()
        {
            to.set_tag(&self.servers.tag_of(&server.key));
            response.headers_mut().set(&to);
        }
        let mut bytes = response.write();
        if bytes.len() + Name::Server.as_str().len() + self.config.user_agent.len() + 4 <= most {
            set_default(
                response.headers_mut(),
                Name::Server,
                &self.config.user_agent,
            );
            bytes = response.write();
        } else if bytes.len() > most && first_challenge_only(&mut response) {
            bytes = response.write();
        }
        self.timers.cancel(&Deadline::Server(key, Timer::Hundred));
        self.timers
            .cancel(&Deadline::Server(key, Timer::Unanswered));
        self.servers.remove(key);
        if bytes.len() <= most {
            back(&mut self.net, cx, &mut way, bytes);
        }
    }

    /// Sends the last response once more, as the 2xx of an INVITE is (RFC 3261 §13.3.1.4).
    pub(super) fn repeat(&mut self, cx: &mut Cx<'_>, server: Key) {
        self.server_input(cx, server, Input::Respond(Class::Success), None);
    }

    /// What was sent last in a transaction.
    pub(super) fn last_sent(&self, server: Key) -> Option<Bytes> {
        self.servers.get(server)?.last.clone()
    }

    /// Sends a provisional response once more, which an INVITE that comes again is then answered with
    /// (RFC 3262 §3).
    pub(super) fn repeat_provisional(&mut self, cx: &mut Cx<'_>, server: Key, bytes: Bytes) {
        if let Some(entry) = self.servers.get_mut(server)
            && entry.request.is_some()
        {
            entry.last = Some(bytes);
            self.server_input(cx, server, Input::Respond(Class::Provisional), None);
        }
    }

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

    fn server_actions(
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

    /// Writes into the topmost Via where the request really came from, and says where responses go
    /// (RFC 3261 §18.2.1, §18.2.2, RFC 3581 §4); gives back the branch as well, if it is unique. `None` if there is no
    /// readable Via.
    fn stamp(&self, request: &mut Request, source: &Source) -> Option<(Back, Option<Text>)> {
        let mut via = request.headers().all::<Via>().next()?.ok()?;
        let asked = via.rport().is_some();
        let is_peer = via.sent_by.host.ip() == Some(source.peer.ip());
        if asked || !is_peer {
            via.set_received(source.peer.ip());
            if asked {
                via.set_rport(source.peer.port());
            }
            request.headers_mut().set_first(&via);
        }
        let port = via
            .sent_by
            .port
            .unwrap_or_else(|| default_port(source.transport));
        let otherwise = SocketAddr::new(source.peer.ip(), port);
        let peer = if asked || source.conn.is_some() {
            source.peer
        } else {
            otherwise
        };
        let back = Back {
            hop: Hop {
                transport: source.transport,
                local: self
                    .config
                    .listener(source.transport, source.peer)
                    .unwrap_or(source.local),
                peer,
                conn: source.conn,
                from: source.conn.is_none().then_some(source.local),
            },
            otherwise,
        };
        Some((back, via.unique_branch().map(Text::from)))
    }

    /// Answers without a transaction: nothing is remembered of one who may be an attacker.
    fn refuse(
        &mut self,
        cx: &mut Cx<'_>,
        request: &Request,
        way: &Back,
        status: Status,
        size: usize,
    ) {
        let mut response = request.response(status);
        if let Ok(mut to) = response.headers().get::<To>()
            && to.tag().is_none()
        {
            to.set_tag(&cx.ids.tag());
            response.headers_mut().set(&to);
        }
        if status == Status::SERVICE_UNAVAILABLE {
            let seconds = 1 + cx.ids.below(10);
            let _ = response
                .headers_mut()
                .set_text(Name::RetryAfter, &seconds.to_string());
        }
        let bytes = response.write();
        if way.hop.transport != Transport::Udp || bytes.len() <= most_back(cx, size) {
            back(&mut self.net, cx, &mut way.clone(), bytes);
        }
    }

    /// The option tags that a request requires and we do not have (RFC 3261 §8.2.2.3).
    fn unsupported(&self, request: &Request) -> Option<Unsupported> {
        let required = Require::of(request.headers()).ok()?;
        let missing: Vec<Text> = required
            .iter()
            .filter(|tag| {
                let mut known = self.config.supported.iter();
                !known.any(|known| known.eq_ignore_ascii_case(tag))
            })
            .map(Text::from)
            .collect();
        (!missing.is_empty()).then_some(Unsupported(missing))
    }
}

/// How many bytes may go to who has sent so many and may be somebody else.
const fn most_back(cx: &Cx<'_>, size: usize) -> usize {
    size.saturating_mul(cx.limits.sip_amplification) / 100
}

/// Whether a refusal is the same for everybody who asks, and costs nothing to make again.
const fn is_repeatable(status: Status) -> bool {
    matches!(
        status,
        Status::BAD_REQUEST
            | Status::UNAUTHORIZED
            | Status::FORBIDDEN
            | Status::PROXY_AUTHENTICATION_REQUIRED
            | Status::BAD_EXTENSION
            | Status::SESSION_INTERVAL_TOO_SMALL
            | Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST
            | Status::LOOP_DETECTED
            | Status::SERVICE_UNAVAILABLE
    )
}

/// Leaves out all challenges but the first of each kind. `false` if there were no others.
fn first_challenge_only(response: &mut Response) -> bool {
    let headers = response.headers_mut();
    let mut any = false;
    for name in [Name::WwwAuthenticate, Name::ProxyAuthenticate] {
        if headers.count(&name) > 1 {
            let first = headers.text(&name).map(Text::from);
            // It was in a header, so there is no line end in it.
            any |= first.is_some_and(|first| headers.set_text(name, &first).is_ok());
        }
    }
    any
}

/// Sends a response: over the connection of the request, else over a new one, else as a datagram.
fn back(net: &mut super::transport::Net, cx: &mut Cx<'_>, way: &mut Back, bytes: Bytes) -> bool {
    if way.hop.transport == Transport::Udp {
        return net.send(cx, &way.hop, bytes);
    }
    if way.hop.conn.is_none_or(|conn| net.get(conn).is_none()) {
        way.hop.peer = way.otherwise;
        way.hop.conn = net.open(cx, way.hop.transport, way.otherwise, None);
        if way.hop.conn.is_none() {
            return false;
        }
    }
    net.send(cx, &way.hop, bytes)
}

/// What stands for the branch of a client of RFC 2543, which makes none that is unique: all that tells its requests
/// apart (RFC 3261 §17.2.3).
fn branch_of(request: &Request) -> Text {
    match request.keys() {
        Ok(keys) => Text::from(format!(
            "{}\n{}\n{}\n{}",
            keys.call_id,
            keys.from_tag.unwrap_or_default(),
            keys.sequence,
            request.uri_text()
        )),
        Err(_) => Text::default(),
    }
}
