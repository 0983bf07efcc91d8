//! SIP over WebSocket (RFC 7118): one message a frame, pings of the WebSocket instead of line ends.

use super::{Deadline, Endpoint, source_of};
use crate::engine::{ConnId, Cx};
use crate::wire::websocket::{Channel, Event};
use bytes::Bytes;
use std::time::Duration;

/// The subprotocol (RFC 7118 §4.1).
const SIP: &str = "sip";

/// How long last words may take to leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is spoken on a connection that a peer has opened.
pub(super) fn server() -> Box<Channel> {
    Box::new(Channel::server(SIP))
}

impl Endpoint {
    /// A connection that we asked for is up, and the handshake begins.
    pub(super) fn shake_hands(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        let Some(known) = cx.outbox.conn(conn) else {
            return;
        };
        let peer = known.peer.to_string();
        let host = self.net.name(conn).map_or(peer, |name| name.to_string());
        let (channel, request) = Channel::client(cx.ids, &host, "/", SIP);
        if let Some(stream) = self.net.get_mut(conn) {
            stream.web = Some(Box::new(channel));
        }
        self.net.push_raw(cx, conn, request, false);
        // It is not up before the peer agrees, which must not take for ever.
        let patience = self.config.times.give_up().min(cx.limits.sip_idle);
        self.timers.set(Deadline::Idle(conn), cx.now + patience);
    }

    /// Bytes arrived on a WebSocket.
    pub(super) fn handle_web(&mut self, cx: &mut Cx<'_>, conn: ConnId, data: &Bytes) {
        if let Some(stream) = self.net.get_mut(conn)
            && let Some(web) = &mut stream.web
        {
            web.push(data);
        }
        // What a message causes may close the connection it came on.
        while let Some(stream) = self.net.get_mut(conn)
            && let Some(web) = &mut stream.web
            && !stream.closing
        {
            match web.next(cx.ids, cx.limits.sip_message) {
                Ok(Some(Event::Open(response))) => {
                    let outgoing = stream.outgoing();
                    if let Some(response) = response {
                        self.net.push_raw(cx, conn, response, true);
                    }
                    if outgoing {
                        let until = cx.now + cx.limits.sip_idle;
                        self.timers.set(Deadline::Idle(conn), until);
                        let waiting = self.net.connected(conn);
                        self.conn_changed(cx, conn, waiting);
                    }
                }
                Ok(Some(Event::Message(message))) => {
                    stream.heard = true;
                    stream.partial = None;
                    if message.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                        continue;
                    }
                    let Some(source) = source_of(cx, conn) else {
                        return;
                    };
                    if !self.receive(cx, source, message) {
                        return self.say_goodbye(cx, conn, None);
                    }
                }
                Ok(Some(Event::Answer(pong))) => {
                    self.net.push_raw(cx, conn, pong, true);
                }
                Ok(Some(Event::Pong)) => {
                    stream.pongs = true;
                    stream.pinged = false;
                    self.timers.cancel(&Deadline::Pong(conn));
                }
                Ok(Some(Event::Closed(goodbye))) => {
                    return self.say_goodbye(cx, conn, Some(goodbye));
                }
                Ok(None) => return self.await_rest(cx, conn),
                Err(error) => {
                    crate::engine::trace::debug!("closed connection {conn}: {error}");
                    let words = web.farewell(cx.ids, Some(error));
                    return self.say_goodbye(cx, conn, words);
                }
            }
        }
    }

    /// Closes a WebSocket when its last words had time to leave.
    fn say_goodbye(&mut self, cx: &mut Cx<'_>, conn: ConnId, words: Option<Bytes>) {
        let Some(stream) = self.net.get_mut(conn) else {
            return;
        };
        let words = words.or_else(|| stream.web.as_ref()?.farewell(cx.ids, None));
        stream.closing = true;
        match words {
            Some(words) => {
                self.net.push_raw(cx, conn, words, false);
                self.timers.set(Deadline::Idle(conn), cx.now + FAREWELL);
            }
            None => self.close(cx, conn),
        }
    }
}
