//! The endpoint: one way in and one way out for every SIP message of a node.

mod config;
mod event;
mod local;

pub use config::{
    CallId, Config, Credentials, HERE, Listener, RegistrationId, RequestId, ServerId, Source,
    Target,
};
pub use event::{EndCause, Event, Failure};

use crate::engine::{ConnId, Cx, Ids, QuestionId};
use crate::sip::msg::{Request, Response};
use crate::sip::pending::Reason;
use crate::sip::register;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// A SIP user agent core, its transactions and its transports (RFC 3261).
#[derive(Debug)]
pub struct Endpoint {}

impl Endpoint {
    /// An endpoint with nothing going on.
    pub fn new(_config: Config, _ids: &mut Ids) -> Self {
        todo!()
    }

    /// Sends a request outside a dialog, anything but INVITE, ACK and CANCEL.
    ///
    /// What is missing is filled in: Via, Max-Forwards, the From tag, Call-ID, CSeq, User-Agent, and the address
    /// in a Contact of host [`HERE`]. A challenge is answered if credentials are known. Ends with
    /// [`Event::Response`] or [`Event::Failed`].
    pub fn request(&mut self, _cx: &mut Cx<'_>, _request: Request, _target: Target) -> RequestId {
        todo!()
    }

    /// Answers a request; see [`Request::response`]. A To tag is added if there is none. Nothing happens if
    /// it was answered finally before, or too long ago.
    pub fn respond(&mut self, _cx: &mut Cx<'_>, _to: ServerId, _response: Response) {
        todo!()
    }

    /// Calls: sends an INVITE, whose body is the offer. Fills in what [`request`](Self::request) fills in,
    /// and a Contact if there is none.
    pub fn invite(&mut self, _cx: &mut Cx<'_>, _request: Request, _target: Target) -> CallId {
        todo!()
    }

    /// Sends a 1xx to an INVITE.
    pub fn progress(&mut self, _cx: &mut Cx<'_>, _call: CallId, _response: Response) {
        todo!()
    }

    /// Sends the 2xx to an INVITE, and again until the ACK comes (RFC 3261 §13.3.1.4). To tag, Contact,
    /// Record-Route and Session-Expires are added.
    pub fn accept(&mut self, _cx: &mut Cx<'_>, _call: CallId, _response: Response) {
        todo!()
    }

    /// Refuses an INVITE; the call is over.
    pub fn reject(&mut self, _cx: &mut Cx<'_>, _call: CallId, _response: Response) {
        todo!()
    }

    /// Ends a call as its state demands: CANCEL once a provisional response allows it, BYE, or 487. A 2xx that
    /// crosses the CANCEL is acknowledged and followed by BYE. Ends with [`Event::Rejected`] for an unanswered call
    /// of ours, else with [`Event::Ended`].
    pub fn hang_up(&mut self, _cx: &mut Cx<'_>, _call: CallId, _reason: Option<Reason>) {
        todo!()
    }

    /// Offers a new session description in a call. Ends with [`Event::Reanswered`]. `false` if another exchange is
    /// under way or the call is not up.
    pub fn reinvite(&mut self, _cx: &mut Cx<'_>, _call: CallId, _sdp: Bytes) -> bool {
        todo!()
    }

    /// Answers [`Event::Reinvited`], with a 2xx or a refusal.
    pub fn answer_reinvite(&mut self, _cx: &mut Cx<'_>, _call: CallId, _response: Response) {
        todo!()
    }

    /// Sends a request in the dialog of a call: Request-URI, Route, From, To, Call-ID and CSeq are filled in.
    /// `None` if the call has no dialog (any more).
    pub fn request_in_call(
        &mut self,
        _cx: &mut Cx<'_>,
        _call: CallId,
        _request: Request,
    ) -> Option<RequestId> {
        todo!()
    }

    /// Registers and stays registered: refreshed in time, made again when its connection breaks.
    pub fn register(
        &mut self,
        _cx: &mut Cx<'_>,
        _registration: register::Config,
    ) -> RegistrationId {
        todo!()
    }

    /// Changes a registration and sends it at once.
    pub fn update_registration(
        &mut self,
        _cx: &mut Cx<'_>,
        _id: RegistrationId,
        _registration: register::Config,
    ) {
        todo!()
    }

    /// Takes a registration back. Ends with [`Event::Unregistered`].
    pub fn unregister(&mut self, _cx: &mut Cx<'_>, _id: RegistrationId) {
        todo!()
    }

    /// A datagram arrived.
    pub fn handle_datagram(
        &mut self,
        _cx: &mut Cx<'_>,
        _local: SocketAddr,
        _peer: SocketAddr,
        _data: Bytes,
    ) {
        todo!()
    }

    /// A peer has opened a connection.
    pub fn handle_accepted(&mut self, _cx: &mut Cx<'_>, _conn: ConnId) {
        todo!()
    }

    /// A connection that we asked for is up.
    pub fn handle_connected(&mut self, _cx: &mut Cx<'_>, _conn: ConnId) {
        todo!()
    }

    /// Bytes arrived on a connection.
    pub fn handle_data(&mut self, _cx: &mut Cx<'_>, _conn: ConnId, _data: Bytes) {
        todo!()
    }

    /// A connection could not be opened, or has ended.
    pub fn handle_closed(&mut self, _cx: &mut Cx<'_>, _conn: ConnId) {
        todo!()
    }

    /// The addresses of a host name, the preferred one first. `false` if the question was not ours.
    pub fn handle_resolved(
        &mut self,
        _cx: &mut Cx<'_>,
        _question: QuestionId,
        _addresses: Vec<IpAddr>,
    ) -> bool {
        todo!()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, _cx: &mut Cx<'_>) {
        todo!()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        todo!()
    }

    /// The next bytes for a connection whose socket can take some.
    pub fn poll_stream(&mut self, _conn: ConnId) -> Option<Bytes> {
        todo!()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// Whether bytes from a connection are welcome now.
    pub fn wants_read(&self, _conn: ConnId) -> bool {
        todo!()
    }
}
