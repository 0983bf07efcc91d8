//! The endpoint: connections and the sessions on them.

use super::error::{Full, SendError};
use super::event::{Event, Receipt};
use super::msg::{Status, Uri};
use super::session::{Outgoing, Role, SendId, SessionId, Settings};
use crate::engine::{ConnId, Cx, Ids, QuestionId};
use crate::wire::Text;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// How an endpoint presents itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The address at which peers reach our listener, where there is one.
    pub listen: Option<SocketAddr>,
    /// The host that our URIs name; the address of `listen` if `None`.
    pub host: Option<Text>,
    /// Whether our URIs say `msrps`.
    pub secure: bool,
}

/// The MSRP machine of a node (RFC 4975).
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
}

#[allow(unused_variables)]
impl Endpoint {
    /// An endpoint without sessions.
    pub fn new(config: Config, ids: &mut Ids) -> Self {
        let _ = &config;
        todo!()
    }

    /// Makes a session with a session-id of its own. Its path goes into the SDP; [`start`](Self::start) follows when
    /// the peer's path is known.
    ///
    /// # Errors
    ///
    /// There are too many sessions.
    pub fn open(&mut self, cx: &mut Cx<'_>, settings: Settings) -> Result<SessionId, Full> {
        todo!()
    }

    /// The path for our `a=path`. Its port is that of the listener, or 9 where we have none and can only be active
    /// (RFC 4975 §5.4, RFC 6135).
    pub fn local_path(&self, session: SessionId) -> Option<Vec<Uri>> {
        todo!()
    }

    /// The session's settings, which may change until the session starts (an answer brings `a=max-size`).
    pub fn settings_mut(&mut self, session: SessionId) -> Option<&mut Settings> {
        todo!()
    }

    /// Starts a session: the peer's path is known, and who opens the connection.
    pub fn start(&mut self, cx: &mut Cx<'_>, session: SessionId, peer_path: Vec<Uri>, role: Role) {
        todo!()
    }

    /// Queues a message. Chunks are cut when the connection can take them; what was queued before the session is up
    /// waits for it.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub fn send(
        &mut self,
        cx: &mut Cx<'_>,
        session: SessionId,
        message: Outgoing,
    ) -> Result<SendId, SendError> {
        todo!()
    }

    /// Gives up a message: what has not been cut yet is not sent, and the peer is told by the `#` flag. No event follows.
    pub fn cancel(&mut self, cx: &mut Cx<'_>, id: SendId) {
        todo!()
    }

    /// How many bytes of a message have been handed to its connection, and how many there are.
    pub fn progress(&self, id: SendId) -> Option<(u64, u64)> {
        todo!()
    }

    /// Takes custody of a received message: the 200 for its last chunk goes out, and a success report if asked for.
    pub fn accept(&mut self, cx: &mut Cx<'_>, receipt: Receipt) {
        todo!()
    }

    /// Refuses a received message.
    pub fn refuse(&mut self, cx: &mut Cx<'_>, receipt: Receipt, status: Status) {
        todo!()
    }

    /// Ends a session at once. What was not confirmed comes back as [`Event::Failed`], then [`Event::Down`] follows.
    pub fn close(&mut self, cx: &mut Cx<'_>, session: SessionId) {
        todo!()
    }

    /// A peer has opened a connection to our listener.
    pub fn handle_accepted(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        todo!()
    }

    /// A connection that we asked for is up.
    pub fn handle_connected(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        todo!()
    }

    /// Bytes arrived.
    pub fn handle_data(&mut self, cx: &mut Cx<'_>, conn: ConnId, data: Bytes) {
        todo!()
    }

    /// A connection could not be opened, or has ended.
    pub fn handle_closed(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        todo!()
    }

    /// Addresses of a host name, the preferred one first. `false`: the question was not ours.
    pub fn handle_resolved(
        &mut self,
        cx: &mut Cx<'_>,
        question: QuestionId,
        addresses: &[IpAddr],
    ) -> bool {
        todo!()
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        todo!()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        todo!()
    }

    /// The next bytes for a connection, cut now. `None`: nothing waits.
    pub fn poll_stream(&mut self, cx: &mut Cx<'_>, conn: ConnId) -> Option<Bytes> {
        todo!()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// Whether bytes of this connection should be read; false while its peer leaves our answers unread.
    pub fn wants_read(&self, conn: ConnId) -> bool {
        todo!()
    }
}
