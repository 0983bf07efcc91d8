//! The way on (RFC 4976 §6.4): where a request goes, and what it looks like there.

use super::auth::BindingId;
use super::link::{Cut, Hop, Link};
use super::report::Kind;
use super::{LinkId, Relay};
use crate::engine::Cx;
use crate::msrp::msg::{
    ByteRange, Continuation, FailureReport, Frame, Message, Method, Path, Request, Status, Uri,
    answerable, occurs,
};
use bytes::{Bytes, BytesMut};

/// A request that is on its way through us.
#[derive(Debug)]
pub(super) struct Forward {
    /// As it came, without its body.
    request: Request,
    to: LinkId,
    to_path: Path,
    from_path: Path,
    /// Where its next byte belongs in the message, counted from 0.
    at: u64,
    /// What has come of the body and is too little to be sent on.
    held: BytesMut,
    /// Whether a part of it has been sent on.
    is_underway: bool,
}

/// Where a request goes.
#[derive(Debug)]
struct Route {
    to: LinkId,
    to_path: Path,
    from_path: Path,
}

impl Relay {
    pub(super) fn frame(&mut self, cx: &mut Cx<'_>, link: LinkId, frame: Frame) {
        let Frame { head, body, end } = frame;
        let Some(state) = self.links.get_mut(link.0) else {
            return;
        };
        let mut forward = state.forward.take();
        if let Some(head) = head {
            forward = self.begin(cx, link, head, end.is_some());
        }
        if let Some(mut current) = forward {
            match end {
                Some(end) => self.finish(cx, link, *current, body, end),
                None => {
                    if self.carry(cx, link, &mut current, body)
                        && let Some(state) = self.links.get_mut(link.0)
                    {
                        state.forward = Some(current);
                    }
                }
            }
        }
    }

    /// A head arrived: what to do with the body that follows.
    fn begin(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        head: Bytes,
        whole: bool,
    ) -> Option<Box<Forward>> {
        let request = match Message::read_head(head.clone()) {
            Ok(Message::Request(request)) => request,
            Ok(Message::Response(response)) => {
                self.response(cx, link, &response);
                return None;
            }
            Err(error) => {
                if let Some(request) = answerable(&head) {
                    self.refuse(cx, link, &request, error.status());
                }
                return None;
            }
        };
        if request.method == Method::Auth && request.to_path.iter().nth(1).is_none() {
            self.auth(cx, link, compact(request));
            return None;
        }
        match self.route(cx, link, &request) {
            Ok(route) => Some(Box::new(Forward {
                at: request
                    .byte_range
                    .map_or(0, |range| range.start.saturating_sub(1)),
                // Its rest may be long in coming, and should not hold the receive buffer.
                request: if whole { request } else { compact(request) },
                to: route.to,
                to_path: route.to_path,
                from_path: route.from_path,
                held: BytesMut::new(),
                is_underway: false,
            })),
            Err(status) => {
                self.refuse(cx, link, &request, status);
                None
            }
        }
    }

    /// More of a body arrived, and not its end. `false`: it is given up.
    fn carry(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        forward: &mut Forward,
        mut body: Bytes,
    ) -> bool {
        let most = cx.limits.msrp_send_chunk.max(1);
        if forward.request.method != Method::Send {
            // Nobody said that these could be cut.
            if forward.held.len() + body.len() > cx.limits.msrp_chunk {
                self.refuse(cx, link, &forward.request, Status::STOP);
                return false;
            }
            forward.held.extend_from_slice(&body);
            return true;
        }
        if !forward.held.is_empty() || body.len() < most {
            let room = most.saturating_sub(forward.held.len());
            forward
                .held
                .extend_from_slice(&body.split_to(room.min(body.len())));
            if forward.held.len() >= most {
                let piece = forward.held.split().freeze();
                self.emit(cx, link, forward, piece, Continuation::More);
            }
        }
        if body.len() >= most {
            self.emit(
                cx,
                link,
                forward,
                std::mem::take(&mut body),
                Continuation::More,
            );
        }
        forward.held.extend_from_slice(&body);
        true
    }

    /// The rest of a request arrived.
    fn finish(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        mut forward: Forward,
        body: Bytes,
        end: Continuation,
    ) {
        let rest = match forward.held.is_empty() {
            true => body,
            false => {
                forward.held.extend_from_slice(&body);
                forward.held.split().freeze()
            }
        };
        // The hop before us has done its part (RFC 4976 §6.4.1).
        if forward.request.method == Method::Send {
            self.refuse(cx, link, &forward.request, Status::OK);
        }
        self.emit(cx, link, &mut forward, rest, end);
    }

    /// The connection on which a request came has ended before the request.
    pub(super) fn abandon(&mut self, cx: &mut Cx<'_>, link: LinkId, mut forward: Forward) {
        if forward.is_underway {
            self.emit(cx, link, &mut forward, Bytes::new(), Continuation::Aborted);
        }
    }

    /// Sends a part of a request on.
    fn emit(
        &mut self,
        cx: &mut Cx<'_>,
        source: LinkId,
        forward: &mut Forward,
        body: Bytes,
        end: Continuation,
    ) {
        let mut transaction_id = cx.ids.transaction_id();
        while occurs(&transaction_id, &body) {
            transaction_id = cx.ids.transaction_id();
        }
        let is_whole = !forward.is_underway && end != Continuation::More;
        let next = forward.at.saturating_add(body.len() as u64);
        let byte_range = match forward.request.byte_range {
            range if is_whole || forward.request.method != Method::Send => range,
            range => Some(ByteRange {
                start: forward.at.saturating_add(1),
                end: range.unwrap_or_default().end.map(|_| next),
                total: range.and_then(|range| range.total),
            }),
        };
        let request = Request {
            transaction_id: transaction_id.clone(),
            to_path: forward.to_path.clone(),
            from_path: forward.from_path.clone(),
            byte_range,
            body,
            continuation: end,
            ..forward.request.clone()
        };
        let range = ByteRange {
            start: forward.at.saturating_add(1),
            end: Some(next),
            total: forward.request.byte_range.and_then(|range| range.total),
        };
        forward.at = next;
        forward.is_underway = true;
        let kind = Kind::of(&forward.request, range);
        let mut head = BytesMut::new();
        if request.write_head(&mut head).is_err() {
            // Only what a peer has written sloppily in a way that we do not write.
            return self.failed(cx, source, kind);
        }
        let mut tail = BytesMut::new();
        request.write_end(&mut tail);
        let cut = Cut {
            transaction_id,
            head: head.freeze(),
            body: request.body,
            end: tail.freeze(),
            kind,
        };
        self.queue(cx, source, forward.to, cut);
    }

    /// Where a request goes, and whether it may.
    fn route(&mut self, cx: &mut Cx<'_>, link: LinkId, request: &Request) -> Result<Route, Status> {
        let to: Vec<Uri> = request.to_path.iter().collect();
        let mut from: Vec<Uri> = request.from_path.iter().collect();
        if to.len() + from.len() > self.config.hops {
            return Err(Status::FORBIDDEN);
        }
        let [here, next, rest @ ..] = &to[..] else {
            return Err(Status::NO_SESSION);
        };
        let id = self.find(here).ok_or(Status::NO_SESSION)?;
        let binding = self.bindings.get(id.0).ok_or(Status::NO_SESSION)?;
        let previous = from.first().cloned().ok_or(Status::BAD_REQUEST)?;
        let is_clients = binding.link == link && binding.client.matches(&previous);
        from.insert(0, here.clone());
        let (to, next, rest) = match is_clients {
            true => match self.find(next) {
                // To another client of ours: what would come back to us stays inside.
                Some(other) => {
                    let [after, rest @ ..] = rest else {
                        return Err(Status::NO_SESSION);
                    };
                    let to = self.inward(other, None, after)?;
                    from.insert(0, next.clone());
                    (to, after, rest)
                }
                None => (self.outward(cx, id, next)?, next, rest),
            },
            false => (self.inward(id, Some((&previous, link)), next)?, next, rest),
        };
        let onward: Vec<Uri> = [next].into_iter().chain(rest).cloned().collect();
        let path = |uris: &[Uri]| Path::of(uris).ok_or(Status::BAD_REQUEST);
        Ok(Route {
            to,
            to_path: path(&onward)?,
            from_path: path(&from)?,
        })
    }

    /// The link to the client that has a URI, which has to be the next hop.
    fn inward(
        &mut self,
        id: BindingId,
        previous: Option<(&Uri, LinkId)>,
        next: &Uri,
    ) -> Result<LinkId, Status> {
        let binding = self.bindings.get_mut(id.0).ok_or(Status::NO_SESSION)?;
        if !binding.client.matches(next) {
            return Err(Status::FORBIDDEN);
        }
        // A peer that cannot be reached otherwise is reached the way it came.
        if let Some((uri, link)) = previous
            && binding
                .peer
                .as_ref()
                .is_none_or(|(_, known)| self.links.get(known.0).is_none_or(|known| !known.up))
        {
            let to = binding.link;
            self.set_peer(id, uri, link);
            return Ok(to);
        }
        Ok(binding.link)
    }

    /// Remembers over which link the client with a URI reaches its peer.
    pub(super) fn set_peer(&mut self, id: BindingId, uri: &Uri, link: LinkId) {
        let Some(binding) = self.bindings.get_mut(id.0) else {
            return;
        };
        if let Some((_, old)) = binding.peer.replace((uri.compact(), link))
            && let Some(old) = self.links.get_mut(old.0)
        {
            old.peers.remove(&id);
        }
        if let Some(link) = self.links.get_mut(link.0) {
            link.peers.insert(id);
        }
    }

    /// The link to the next hop of what the client with a URI sends: one that is there, or a new one.
    fn outward(&mut self, cx: &mut Cx<'_>, id: BindingId, next: &Uri) -> Result<LinkId, Status> {
        if self.is_here(next) {
            // A URI of ours that is no more.
            return Err(Status::NO_SESSION);
        }
        let peer = self.bindings.get(id.0).and_then(|b| b.peer.as_ref());
        if let Some((uri, link)) = peer
            && uri.matches(next)
            && self.links.get(link.0).is_some()
        {
            return Ok(*link);
        }
        let hop = Hop::of(next);
        let link = match self.by_hop.get(&hop).copied() {
            Some(link) => link,
            None => {
                if self.by_hop.len() + self.by_conn.len() >= cx.limits.msrp_connections {
                    return Err(Status::TIMEOUT);
                }
                let address = hop.address();
                let host = hop.host.clone();
                let link = LinkId(self.links.insert(Link::new(None, Some(hop.clone()), cx)));
                self.by_hop.insert(hop, link);
                self.watch(cx, link);
                match address {
                    Some(address) => self.connect(cx, link, address),
                    None => {
                        let question = cx.outbox.resolve(host);
                        self.resolving.insert(question, link);
                    }
                }
                link
            }
        };
        self.set_peer(id, next, link);
        Ok(link)
    }

    /// The client that was given a URI.
    pub(super) fn find(&self, uri: &Uri) -> Option<BindingId> {
        let id = self.by_id.get(uri.session_id()?).copied()?;
        let binding = self.bindings.get(id.0)?;
        binding.uri.matches(uri).then_some(id)
    }

    /// Answers a request that goes no further, or whose part for this hop is done, if its sender wants to know.
    pub(super) fn refuse(
        &mut self,
        cx: &mut Cx<'_>,
        link: LinkId,
        request: &Request,
        status: Status,
    ) {
        if !status.is_success() && self.links.get(link.0).is_some_and(|link| !link.is_used()) {
            self.guessed(cx, link);
        }
        match request.method {
            // Never answered (RFC 4975 §7).
            Method::Report => {}
            Method::Send => {
                let wanted = match request.failure_report {
                    FailureReport::Yes => true,
                    FailureReport::No => false,
                    FailureReport::Partial => !status.is_success(),
                };
                if wanted && let Ok(bytes) = request.response(status).write() {
                    self.control(cx, link, bytes);
                }
            }
            _ => self.respond(cx, link, request, status, Vec::new()),
        }
    }
}

/// A request in buffers of its own.
fn compact(request: Request) -> Request {
    Request {
        transaction_id: request.transaction_id.compact(),
        to_path: request.to_path.compact(),
        from_path: request.from_path.compact(),
        message_id: request.message_id.map(|id| id.compact()),
        content_type: request.content_type.map(|text| text.compact()),
        others: request
            .others
            .iter()
            .map(|(name, value)| (name.compact(), value.compact()))
            .collect(),
        ..request
    }
}
