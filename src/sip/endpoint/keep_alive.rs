//! Flows of registrations that are kept alive, and answers to those of others (RFC 5626 §4.4, RFC 8489).

use super::{Deadline, Endpoint};
use crate::engine::{Cx, Key};
use crate::sip::stun::{Message, TransactionId};
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;

/// How long the answer to a keep-alive over a stream may take (RFC 5626 §4.4.1).
pub(super) const PONG: Duration = Duration::from_secs(10);

/// How long the first of the requests of a keep-alive by STUN waits; each further one waits twice as long
/// (RFC 8489 §6.2.1).
const RTO: Duration = Duration::from_millis(500);
/// How often such a request is sent: Rc.
const SENT_MOST: u32 = 7;
/// How long the last one waits, in units of [`RTO`]: Rm.
const LAST_WAIT: u32 = 16;

/// A keep-alive by STUN that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    id: TransactionId,
    sent: u32,
}

impl Endpoint {
    pub(super) fn schedule_keep_alive(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(interval) = self.registrations.get(key).and_then(|r| r.keep_alive) else {
            return;
        };
        // 80 to 100 % of it, so that a server's clients do not all speak at once.
        let pause = cx.ids.between(interval * 4 / 5, interval);
        self.timers.set(Deadline::KeepAlive(key), cx.now + pause);
    }

    /// A flow is to be kept alive (RFC 5626 §4.4).
    pub(super) fn keep_alive(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(registration) = self.registrations.get_mut(key) else {
            return;
        };
        let Some(hop) = registration.flow else {
            return;
        };
        match hop.conn {
            Some(conn) => {
                if self.net.ping(cx, conn)
                    && let Some(stream) = self.net.get_mut(conn)
                {
                    stream.pinged = true;
                    if stream.pongs {
                        self.timers.set(Deadline::Pong(conn), cx.now + PONG);
                    }
                }
            }
            // One that waits for its answer is sent again by itself.
            None if registration.stun => {
                if registration.probe.is_none() {
                    let mut id = [0; 12];
                    let (start, end) = (cx.ids.number(), cx.ids.number());
                    let random = start.to_be_bytes().into_iter().chain(end.to_be_bytes());
                    id.iter_mut().zip(random).for_each(|(to, from)| *to = from);
                    registration.probe = Some(Probe { id, sent: 0 });
                    self.probe(cx, key);
                }
            }
            None => cx
                .outbox
                .datagram(hop.from, hop.peer, Bytes::from_static(b"\r\n")),
        }
        self.schedule_keep_alive(cx, key);
    }

    /// Sends a keep-alive by STUN, or gives up its flow (RFC 5626 §4.4.2).
    pub(super) fn probe(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(registration) = self.registrations.get_mut(key) else {
            return;
        };
        let (Some(hop), Some(probe)) = (registration.flow, &mut registration.probe) else {
            return;
        };
        if probe.sent >= SENT_MOST {
            return self.flow_failed(cx, key);
        }
        let request = Message::Request {
            id: probe.id,
            unknown: Vec::new(),
        };
        cx.outbox
            .datagram(hop.from, hop.peer, Bytes::from(request.write()));
        let wait = match probe.sent + 1 {
            SENT_MOST => RTO * LAST_WAIT,
            _ => RTO * (1 << probe.sent),
        };
        probe.sent += 1;
        self.timers.set(Deadline::Probe(key), cx.now + wait);
    }

    /// STUN on the port of SIP: a question is answered, an answer is to a keep-alive of ours.
    pub(super) fn handle_stun(
        &mut self,
        cx: &mut Cx<'_>,
        local: SocketAddr,
        peer: SocketAddr,
        data: &[u8],
    ) {
        let message = match Message::parse(data) {
            Ok(message) => message,
            Err(error) => {
                crate::engine::trace::debug!("dropped STUN from {peer}: {error}");
                return;
            }
        };
        if let Some(answer) = message.answer(peer) {
            cx.outbox.datagram(Some(local), peer, Bytes::from(answer));
            return;
        }
        let (id, mapped) = match message {
            Message::Request { .. } => return,
            Message::Success { id, mapped } => (id, Some(mapped)),
            Message::Error { id } => (id, None),
        };
        let asked = self.registrations.iter().find(|(_, registration)| {
            registration.probe.is_some_and(|probe| probe.id == id)
                && registration.flow.is_some_and(|hop| hop.peer == peer)
        });
        let Some((key, _)) = asked else { return };
        self.timers.cancel(&Deadline::Probe(key));
        let Some(registration) = self.registrations.get_mut(key) else {
            return;
        };
        registration.probe = None;
        let before = registration.mapped;
        registration.mapped = mapped.or(before);
        // The NAT has forgotten us meanwhile, and the server knows an address that leads nowhere.
        if before.is_some() && registration.mapped != before {
            self.flow_failed(cx, key);
        }
    }
}
