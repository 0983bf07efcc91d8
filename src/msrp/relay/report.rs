//! What became of what was sent on (RFC 4976 §6.4.1, §6.4.3): responses, reports, and nothing at all.

use super::{LinkId, Relay, Timer};
use crate::engine::Cx;
use crate::msrp::digest;
use crate::msrp::msg::{ByteRange, FailureReport, Method, Path, Request, Response, Status, Uri};
use crate::wire::Text;

/// A request that was sent on and waits for its response.
#[derive(Debug)]
pub(super) struct Pending {
    /// Where it was sent.
    link: LinkId,
    /// Where it came from.
    pub(super) source: LinkId,
    pub(super) kind: Kind,
}

/// What a response, or the lack of one, means.
#[derive(Debug)]
pub(super) enum Kind {
    /// A chunk: whoever sent it hears by a REPORT if it failed.
    Chunk {
        /// The way back to its sender.
        to: Path,
        /// The URI of ours that it came to.
        from: Uri,
        message_id: Option<Text>,
        range: ByteRange,
        failure_report: FailureReport,
    },
    /// Anything else: the response goes all the way back.
    Other {
        transaction_id: Text,
        to: Path,
        from: Uri,
        /// Whether a client of ours says a password in it, which may be wrong.
        is_guess: bool,
    },
}

impl Kind {
    /// That of a request; `None` if nobody wants to know.
    pub(super) fn of(request: &Request, range: ByteRange) -> Option<Self> {
        let to = request.from_path.compact();
        let from = request.to_path.first().compact();
        match request.method {
            Method::Report => None,
            Method::Send if request.failure_report == FailureReport::No => None,
            Method::Send => Some(Self::Chunk {
                to,
                from,
                message_id: request.message_id.as_ref().map(Text::compact),
                range,
                failure_report: request.failure_report,
            }),
            _ => Some(Self::Other {
                transaction_id: request.transaction_id.compact(),
                to,
                from,
                is_guess: request.method == Method::Auth
                    && request.from_path.iter().nth(1).is_none()
                    && digest::find(&request.others, "Authorization")
                        .next()
                        .is_some(),
            }),
        }
    }
}

impl Relay {
    /// Waits for the response to a request.
    pub(super) fn register(
        &mut self,
        cx: &Cx<'_>,
        id: LinkId,
        source: LinkId,
        transaction_id: Text,
        kind: Kind,
    ) {
        let Some(at) = cx.now.checked_add(cx.limits.msrp_transaction) else {
            return;
        };
        let Some(link) = self.links.get_mut(id.0) else {
            return;
        };
        let is_partial = matches!(
            kind,
            Kind::Chunk {
                failure_report: FailureReport::Partial,
                ..
            }
        );
        if link.unanswered.is_empty() {
            self.timers.set(Timer::Unanswered(id), at);
        }
        link.unanswered.push_back((at, transaction_id.clone()));
        // What is answered only if it failed must not use up what may be on its way.
        if !is_partial {
            link.in_flight += 1;
        }
        while link.unanswered.len() > cx.limits.msrp_in_flight.saturating_mul(2)
            && let Some((_, oldest)) = link.unanswered.pop_front()
        {
            if let Some(pending) = self.pending.remove(&oldest)
                && !pending.kind.is_partial()
            {
                link.in_flight = link.in_flight.saturating_sub(1);
            }
        }
        self.pending.insert(
            transaction_id,
            Pending {
                link: id,
                source,
                kind,
            },
        );
    }

    /// A response arrived.
    pub(super) fn response(&mut self, cx: &mut Cx<'_>, id: LinkId, response: &Response) {
        // A response from somewhere else is not one to our request.
        match self.pending.get(&response.transaction_id) {
            Some(pending) if pending.link == id => {}
            _ => return,
        }
        let Some(pending) = self.pending.remove(&response.transaction_id) else {
            return;
        };
        if let Some(link) = self.links.get_mut(id.0) {
            if !pending.kind.is_partial() {
                if link.in_flight == cx.limits.msrp_in_flight
                    && let Some(conn) = link.conn
                {
                    cx.outbox.flush(conn);
                }
                link.in_flight = link.in_flight.saturating_sub(1);
            }
            while let Some((_, oldest)) = link.unanswered.front()
                && !self.pending.contains_key(oldest)
            {
                link.unanswered.pop_front();
            }
        }
        match pending.kind {
            kind @ Kind::Chunk { .. } if !response.status.is_success() => {
                self.report(cx, pending.source, &kind, response.status);
            }
            Kind::Chunk { .. } => {}
            Kind::Other {
                transaction_id,
                to,
                from,
                is_guess,
            } => {
                let is_stale = || digest::challenge(response).is_some_and(|c| c.stale);
                if is_guess && response.status == Status::UNAUTHORIZED && !is_stale() {
                    self.guessed(cx, pending.source);
                }
                // A relay further on has given our client a URI: it is reached the way that the request went.
                if response.status.is_success()
                    && let Some(binding) = self.find(&from)
                    && let Some(given) = digest::find(&response.others, "Use-Path").next()
                    && let Ok(given) = Path::parse(given)
                {
                    // Whoever comes after us in it (RFC 4976 §5.1); some write it the other way round, or leave us out.
                    let given: Vec<Uri> = given.iter().collect();
                    let here = given.iter().position(|uri| uri.matches(&from));
                    let next = match here {
                        Some(at) => (given.get(at + 1)).or_else(|| given.get(at.wrapping_sub(1))),
                        None => given.last(),
                    };
                    if let Some(next) = next {
                        self.set_peer(binding, next, id);
                    }
                }
                let path: Vec<Uri> = [from]
                    .into_iter()
                    .chain(response.from_path.iter())
                    .collect();
                let Some(from_path) = Path::of(&path) else {
                    return;
                };
                let back = Response {
                    transaction_id,
                    to_path: to,
                    from_path,
                    ..response.clone()
                };
                if let Ok(bytes) = back.write() {
                    self.control(cx, pending.source, bytes);
                }
            }
        }
    }

    /// Nobody has answered the oldest requests in time.
    pub(super) fn unanswered(&mut self, cx: &mut Cx<'_>, id: LinkId) {
        loop {
            let Some(link) = self.links.get_mut(id.0) else {
                return;
            };
            let Some((at, transaction_id)) = link.unanswered.front() else {
                return;
            };
            if *at > cx.now {
                self.timers.set(Timer::Unanswered(id), *at);
                return;
            }
            let pending = self.pending.remove(transaction_id);
            link.unanswered.pop_front();
            let Some(pending) = pending else { continue };
            if pending.kind.is_partial() {
                // No answer is a good answer.
                continue;
            }
            if link.in_flight == cx.limits.msrp_in_flight
                && let Some(conn) = link.conn
            {
                cx.outbox.flush(conn);
            }
            link.in_flight = link.in_flight.saturating_sub(1);
            self.failed(cx, pending.source, Some(pending.kind));
        }
    }

    /// A request did not reach the next hop, or nobody knows.
    pub(super) fn failed(&mut self, cx: &mut Cx<'_>, source: LinkId, kind: Option<Kind>) {
        match kind {
            None => {}
            Some(kind @ Kind::Chunk { .. }) => self.report(cx, source, &kind, Status::TIMEOUT),
            Some(Kind::Other {
                transaction_id,
                to,
                from,
                ..
            }) => {
                let response = Response {
                    transaction_id,
                    status: Status::TIMEOUT,
                    comment: Text::from_static(Status::TIMEOUT.phrase()),
                    to_path: to,
                    from_path: from.into(),
                    others: Vec::new(),
                };
                if let Ok(bytes) = response.write() {
                    self.control(cx, source, bytes);
                }
            }
        }
    }

    /// Tells the sender of a chunk that it has failed.
    fn report(&mut self, cx: &mut Cx<'_>, source: LinkId, kind: &Kind, status: Status) {
        let Kind::Chunk {
            to,
            from,
            message_id,
            range,
            ..
        } = kind
        else {
            return;
        };
        // Without an id nobody would know what is meant.
        let Some(message_id) = message_id else { return };
        let report = Request {
            message_id: Some(message_id.clone()),
            byte_range: Some(*range),
            status: Some(status),
            ..Request::new(
                Method::Report,
                cx.ids.transaction_id(),
                to.clone(),
                Path::from(from.clone()),
            )
        };
        if let Ok(bytes) = report.write() {
            self.control(cx, source, bytes);
        }
    }
}

impl Kind {
    const fn is_partial(&self) -> bool {
        matches!(
            self,
            Self::Chunk {
                failure_report: FailureReport::Partial,
                ..
            }
        )
    }
}
