//! How inputs reach the endpoints.

use crate::conversation::Ends;
use crate::engine::{Conn, ConnId, Input, Protocol, Transport};
use crate::sip;
use crate::sip::msg::header::Allow;
use crate::sip::msg::{Method, Request, Status};
use bytes::Bytes;
use std::net::SocketAddr;

impl Ends<'_> {
    /// Answers a request that nobody here takes: OPTIONS with what we can do, anything else with 405
    /// (RFC 3261 §8.2.1, §11.2).
    pub fn decline(&mut self, id: sip::ServerId, request: &Request) {
        let mut response = match request.method() {
            Method::Options => self.sip.options_response(request),
            _ => request.response(Status::METHOD_NOT_ALLOWED),
        };
        response.headers_mut().set(&Allow(ALLOWED.to_vec()));
        self.sip.respond(&mut self.cx, id, response);
    }

    pub(super) fn handle_input(&mut self, input: Input) {
        let Self { cx, sip, msrp } = self;
        match input {
            Input::Datagram { local, peer, data } => sip.handle_datagram(cx, local, peer, data),
            Input::Secured { conn, certificate } => {
                if let Some(Protocol::Msrp) = cx.outbox.conn(conn).map(|conn| conn.protocol) {
                    msrp.handle_secured(conn, &certificate);
                }
            }
            Input::Connected { conn, local } => {
                cx.outbox.connected(conn, local);
                match cx.outbox.conn(conn).map(|conn| conn.protocol) {
                    Some(Protocol::Sip) => sip.handle_connected(cx, conn),
                    Some(Protocol::Msrp) => msrp.handle_connected(cx, conn),
                    None => {}
                }
            }
            Input::Data { conn, data } => match cx.outbox.conn(conn).map(|conn| conn.protocol) {
                Some(Protocol::Sip) => sip.handle_data(cx, conn, data),
                Some(Protocol::Msrp) => msrp.handle_data(cx, conn, data),
                None => {}
            },
            Input::Closed { conn } => match cx.outbox.closed(conn).map(|conn| conn.protocol) {
                Some(Protocol::Sip) => sip.handle_closed(cx, conn),
                Some(Protocol::Msrp) => msrp.handle_closed(cx, conn),
                None => {}
            },
        }
    }

    pub(super) fn handle_accept(
        &mut self,
        protocol: Protocol,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> ConnId {
        let Self { cx, sip, msrp } = self;
        let conn = cx.outbox.accept(Conn {
            protocol,
            transport,
            local: Some(local),
            peer,
            outgoing: false,
        });
        match protocol {
            Protocol::Sip => sip.handle_accepted(cx, conn),
            Protocol::Msrp => msrp.handle_accepted(cx, conn),
        }
        conn
    }

    pub(super) fn poll_stream(&mut self, conn: ConnId) -> Option<Bytes> {
        let Self { cx, sip, msrp } = self;
        match cx.outbox.conn(conn)?.protocol {
            Protocol::Sip => sip.poll_stream(conn),
            Protocol::Msrp => msrp.poll_stream(cx, conn),
        }
    }
}

/// What every node takes.
const ALLOWED: [Method; 6] = [
    Method::Invite,
    Method::Ack,
    Method::Cancel,
    Method::Bye,
    Method::Message,
    Method::Options,
];
