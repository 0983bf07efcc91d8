//! Every bound of the crate, in one place.

use std::time::Duration;

/// Every bound of the crate: nothing that a peer sends, and nothing that an application forgets, makes a
/// queue, a table or a value grow beyond these. Sizes are in bytes.
///
/// ```
/// let limits = cpm::engine::Limits { sip_headers: 64, ..Default::default() };
/// # assert_eq!(limits.sip_headers, 64);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field says what it bounds")]
pub struct Limits {
    /// A SIP message in a datagram.
    pub sip_datagram: usize,
    /// A SIP message on a stream, head and body together.
    pub sip_message: usize,
    /// The head of a SIP message: start line and header fields.
    pub sip_head: usize,
    /// One header field of a SIP message.
    pub sip_header: usize,
    /// Header fields in a SIP message.
    pub sip_headers: usize,
    /// A request larger than this goes over a congestion-controlled transport (RFC 3261 §18.1.1).
    pub sip_udp_request: usize,
    /// SIP transactions at one time, client and server together. A new request beyond it gets 503; what ends
    /// something, in a dialog or by CANCEL, has an eighth more.
    pub sip_transactions: usize,
    /// Requests from one source (an IPv4 address, or an IPv6 network of 64 bits) that are not answered finally yet. A
    /// new request beyond it gets 503. A proxy in front of many users is one source.
    pub sip_source_requests: usize,
    /// Connections that one source may open. A load balancer that opens them for many peers is one source.
    pub sip_source_connections: usize,
    /// The most that a stateless response by datagram may have for each 100 bytes of its request, whose source may be
    /// forged. Where less is not enough, there is no response.
    pub sip_amplification: usize,
    /// SIP dialogs at one time.
    pub sip_dialogs: usize,
    /// Subscriptions at one time, of ours and of peers.
    pub sip_subscriptions: usize,
    /// Subscriptions to the sessions of one user.
    pub watchers: usize,
    /// NOTIFYs that wait for one subscriber to answer the one before.
    pub sip_notifications: usize,
    /// Early dialogs that one INVITE of ours may make, and 2xx that it may get (RFC 3261 §13.2.2.4).
    pub sip_forks: usize,
    /// Reliable provisional responses of one INVITE that wait for the PRACK of the one before (RFC 3262 §3).
    pub sip_reliable: usize,
    /// Addresses that one INVITE of ours goes to because of redirections (RFC 3261 §8.1.3.4).
    pub sip_redirects: usize,
    /// States that one server keeps published (RFC 3903).
    pub publications: usize,
    /// SIP connections at one time.
    pub sip_connections: usize,
    /// Bytes that wait for one SIP connection before sending on it fails.
    pub sip_send_queue: usize,
    /// Challenges that are remembered, to be answered unasked by the next request to the same hop.
    pub sip_challenges: usize,
    /// Addresses that one SIP request is tried at, and the records and names looked at to find them.
    pub sip_destinations: usize,
    /// How long a SIP connection may stay silent with nothing using it.
    pub sip_idle: Duration,
    /// How long an INVITE may ring before it is given up.
    pub ring: Duration,

    /// The head of an MSRP chunk.
    pub msrp_head: usize,
    /// As much of the body of one received MSRP chunk as is shown to a tap.
    pub msrp_chunk: usize,
    /// One MSRP message put together from its chunks.
    pub msrp_message: usize,
    /// MSRP messages under reassembly in one session.
    pub msrp_partial: usize,
    /// Bytes under reassembly in one MSRP session.
    pub msrp_session: usize,
    /// Bytes under reassembly in the whole endpoint.
    pub msrp_reassembly: usize,
    /// Bytes on one MSRP connection that were handed to the application in pieces and not taken yet, before nothing
    /// more is read from it. What one read brings may come on top.
    pub msrp_window: usize,
    /// Size of the body of the chunks that we cut.
    pub msrp_send_chunk: usize,
    /// Bytes that an application may offer ahead of the connection for a message that it sends in pieces.
    pub msrp_send_window: usize,
    /// Messages that wait to be sent or confirmed in one MSRP session.
    pub msrp_send_queue: usize,
    /// Bytes of messages that wait to be cut into chunks in one MSRP session. A message by itself may be larger.
    pub msrp_send_bytes: usize,
    /// MSRP chunks on one connection that wait for their response.
    pub msrp_in_flight: usize,
    /// Bytes of responses and reports that wait for one MSRP connection before nothing more is read from it. At 16 times
    /// as many it is closed.
    pub msrp_send_control: usize,
    /// Received messages on one MSRP connection that nobody has accepted or refused, before nothing more is read from it.
    pub msrp_unanswered: usize,
    /// Bytes of these, before nothing more is read from it. What one read brings may come on top.
    pub msrp_unanswered_bytes: usize,
    /// Bytes that came on one MSRP connection of a relay and have not left it yet, before nothing more is read from it.
    pub msrp_relayed: usize,
    /// MSRP sessions at one time.
    pub msrp_sessions: usize,
    /// MSRP connections at one time.
    pub msrp_connections: usize,
    /// How long an MSRP request waits for its response (RFC 4975 §7.1.1).
    pub msrp_transaction: Duration,
    /// How long a connection may wait for its first request, and a message for its next chunk.
    pub msrp_idle: Duration,

    /// Parts in one multipart body.
    pub parts: usize,
    /// Lines of header fields in one part.
    pub part_headers: usize,
    /// Depth of multipart in multipart.
    pub part_depth: usize,
    /// An XML document.
    pub xml_size: usize,
    /// Items of the state that a subscription tells: dialogs, or contacts of registrations.
    pub event_items: usize,
    /// Entries of a list of recipients (RFC 5363).
    pub recipients: usize,
    /// Depth of elements in an XML document.
    pub xml_depth: usize,
    /// Attributes of one XML element.
    pub xml_attributes: usize,
    /// A body after `Content-Encoding: deflate` is undone.
    pub inflated: usize,
    /// How many times larger a body may become by that, if it becomes larger than 16 KiB.
    pub inflate_ratio: usize,
    /// A CPIM head: its headers and those of the content.
    pub cpim_head: usize,
    /// Headers in it.
    pub cpim_headers: usize,
    /// Media sections of an SDP.
    pub sdp_media: usize,
    /// Lines of an SDP.
    pub sdp_lines: usize,

    /// Messages that a leg holds while it is not up.
    pub leg_queue: usize,
    /// How long a leg without media waits for its peer to say goodbye.
    pub leg_grace: Duration,
    /// Legs at one time.
    pub legs: usize,
    /// Chats of one client.
    pub chats: usize,
    /// Message ids remembered per conversation for the suppression of duplicates.
    pub remembered: usize,
    /// How long an unanswered question is waited for.
    pub question: Duration,
    /// Questions at one time.
    pub questions: usize,
    /// Bindings of one registered user.
    pub bindings: usize,
    /// Messages that are kept for one user who is away.
    pub deferred: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sip_datagram: 65_535,
            sip_message: 256 * 1024,
            sip_head: 64 * 1024,
            sip_header: 8 * 1024,
            sip_headers: 128,
            sip_udp_request: 1300,
            sip_transactions: 1_000_000,
            sip_source_requests: 20_000,
            sip_source_connections: 10_000,
            sip_amplification: 150,
            sip_dialogs: 1_000_000,
            sip_subscriptions: 1_000_000,
            watchers: 32,
            sip_notifications: 32,
            sip_forks: 16,
            sip_reliable: 8,
            sip_redirects: 8,
            publications: 1_000_000,
            sip_connections: 100_000,
            sip_send_queue: 1024 * 1024,
            sip_challenges: 64,
            sip_destinations: 8,
            sip_idle: Duration::from_secs(3600),
            ring: Duration::from_secs(180),
            msrp_head: 8 * 1024,
            msrp_chunk: 128 * 1024,
            msrp_message: 16 * 1024 * 1024,
            msrp_partial: 16,
            msrp_session: 32 * 1024 * 1024,
            msrp_reassembly: 256 * 1024 * 1024,
            msrp_window: 256 * 1024,
            msrp_send_chunk: 16 * 1024,
            msrp_send_window: 256 * 1024,
            msrp_send_queue: 1024,
            msrp_send_bytes: 32 * 1024 * 1024,
            msrp_in_flight: 4096,
            msrp_send_control: 64 * 1024,
            msrp_unanswered: 1024,
            msrp_unanswered_bytes: 32 * 1024 * 1024,
            msrp_relayed: 256 * 1024,
            msrp_sessions: 1_000_000,
            msrp_connections: 100_000,
            msrp_transaction: Duration::from_secs(30),
            msrp_idle: Duration::from_secs(30),
            parts: 64,
            part_headers: 64,
            part_depth: 4,
            xml_size: 64 * 1024,
            event_items: 1024,
            recipients: 500,
            xml_depth: 16,
            xml_attributes: 64,
            inflated: 1024 * 1024,
            inflate_ratio: 20,
            cpim_head: 8 * 1024,
            cpim_headers: 128,
            sdp_media: 16,
            sdp_lines: 512,
            leg_queue: 256,
            leg_grace: Duration::from_secs(1),
            legs: 1_000_000,
            chats: 10_000,
            remembered: 1024,
            question: Duration::from_secs(10),
            questions: 100_000,
            bindings: 16,
            deferred: 10_000,
        }
    }
}
