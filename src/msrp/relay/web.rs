//! Clients that reach a relay by WebSocket (RFC 7977): what a browser can do.
//!
//! To their peers they are clients like all others, at a URI of the relay's over TCP where it has a listener for that.

use super::{LinkId, Relay};
use crate::engine::{ConnId, Cx};
use crate::msrp::web::{Heard, NO_MSRP, Web};
use crate::wire::websocket::ChannelError;
use bytes::Bytes;

impl Relay {
    /// A WebSocket that we asked for is connected, and the handshake begins. `false`: it is none.
    pub(super) fn shake_hands(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> bool {
        let Some(link) = self.link(conn) else {
            return false;
        };
        let host = link.hop.as_ref().and_then(|hop| hop.web.clone());
        let Some(host) = host.filter(|_| link.web.is_none()) else {
            return false;
        };
        link.web = Some(Web::client(cx.ids, &host));
        cx.outbox.flush(conn);
        true
    }

    /// Bytes arrived on a WebSocket.
    pub(super) fn handle_web(&mut self, cx: &mut Cx<'_>, id: LinkId, conn: ConnId, data: &Bytes) {
        if let Some(link) = self.links.get_mut(id.0)
            && let Some(web) = &mut link.web
            && !web.parted
        {
            web.push(data);
        }
        // It may be closed by what is in a message.
        while let Some(link) = self.links.get_mut(id.0)
            && let Some(web) = &mut link.web
        {
            match web.next(cx.ids) {
                Ok(Some(Heard::Open)) => {
                    link.up = true;
                    cx.outbox.flush(conn);
                }
                Ok(Some(Heard::Piece(piece, is_end))) => {
                    link.framer.push(piece);
                    self.read_frames(cx, id);
                    let is_cut = |link: &super::Link| link.framer.is_within();
                    if is_end && self.links.get(id.0).is_some_and(is_cut) {
                        return self.part(cx, id, Some(NO_MSRP));
                    }
                }
                Ok(Some(Heard::Other)) => cx.outbox.flush(conn),
                Ok(Some(Heard::Goodbye)) => return self.part(cx, id, None),
                Ok(None) => return,
                Err(error) => {
                    crate::engine::trace::debug!("{conn}: {error}");
                    return self.part(cx, id, Some(error));
                }
            }
        }
    }

    /// Closes a WebSocket when its last words have left, and anything else at once.
    pub(super) fn part(&mut self, cx: &mut Cx<'_>, id: LinkId, error: Option<ChannelError>) {
        if let Some(link) = self.links.get_mut(id.0)
            && let (Some(web), Some(conn)) = (&mut link.web, link.conn)
        {
            web.part(cx.ids, error);
            if web.waiting() > 0 {
                link.closing = true;
                return cx.outbox.flush(conn);
            }
        }
        self.drop_link(cx, id);
    }

    /// Asks a client that has said nothing for long for a sign of life (§6). `false`: the last one had no answer.
    pub(super) fn keep_alive(&mut self, cx: &mut Cx<'_>, id: LinkId) -> bool {
        let Some(link) = self.links.get_mut(id.0) else {
            return false;
        };
        let quiet = cx.now.saturating_duration_since(link.last_data);
        let is_used = link.is_used();
        let (Some(web), Some(conn)) = (&mut link.web, link.conn) else {
            return true;
        };
        if web.pinged.is_some() {
            return false;
        }
        if is_used && web.is_open() && quiet >= cx.limits.msrp_idle {
            web.ping(cx.ids, cx.now);
            cx.outbox.flush(conn);
        }
        true
    }
}
