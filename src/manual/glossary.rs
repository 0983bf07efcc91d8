//! The words of the field as the names in this crate use them.
//!
//! | word | what it is | where |
//! |---|---|---|
//! | address of record, AoR | the public address of a user, `sip:alice@example.com`; devices are registered under it | [`Uri::aor`](crate::sip::Uri::aor) |
//! | asserted identity | who the network says a sender is, as opposed to who it prefers to be (RFC 3325) | [`Identity`](crate::conversation::Identity) |
//! | B2BUA | a server that is an endpoint on both sides, and so can change, keep and answer what passes | [`participating`](crate::participating) |
//! | binding | one device of a user, registered until some time | [`Bindings`](crate::sip::bindings::Bindings) |
//! | bind (MSRP) | the first request on a connection says to which session it belongs | [`msrp`](crate::msrp) |
//! | call | an INVITE and the dialog it makes, until it has ended for good | [`CallId`](crate::sip::CallId) |
//! | chat | the thread of all that two people say, in however many sessions | [`ChatId`](crate::client::ChatId) |
//! | chunk | a part of an MSRP message with its byte range; a message is cut so that others can pass | [`msrp::msg`] |
//! | Contribution-ID | names one message or session within a conversation | [`Thread`](crate::conversation::Thread) |
//! | controlling function | what hosts group chats (not in this crate yet) | |
//! | Conversation-ID | names the conversation that messages and sessions belong to | [`Thread`](crate::conversation::Thread) |
//! | converged IP messaging, CPM | the OMA enabler for messages, chats and files across networks, the messaging core of RCS | |
//! | CPIM | an envelope with From, To, DateTime and further headers around a content (RFC 3862) | [`cpim`](crate::cpim) |
//! | custody | having a message so that one can answer for it; passes with a 2xx | [`Custody`](crate::conversation::Custody) |
//! | deferred | kept for a user who is away | [`Kept`](crate::participating::Kept) |
//! | dialog | the lasting relation of two SIP user agents that an INVITE makes (RFC 3261 §12) | [`dialog`](crate::sip::dialog) |
//! | displayed | the recipient has seen a message | [`Status::Displayed`](crate::conversation::Status::Displayed) |
//! | disposition | what became of a message: delivered, displayed, failed | [`imdn`](crate::imdn) |
//! | envelope | what a CPM request says of its content: who, to whom, in which conversation, by which service | [`Envelope`](crate::conversation::Envelope) |
//! | feature tag | a parameter of a Contact that says what a device can do (RFC 3840) | [`FeatureTags`](crate::sip::msg::header::FeatureTags) |
//! | flow | the connection, or pair of UDP addresses, by which a device registered (RFC 5626) | [`Target::Flow`](crate::sip::Target::Flow) |
//! | hairpin | what a node sends to itself | [`node`](crate::node) |
//! | ICSI | the identifier of an IMS communication service, `urn:urn-7:3gpp-service.ims.icsi.…` | [`Service`](crate::conversation::Service) |
//! | IMDN | a message that says what became of another one (RFC 5438) | [`imdn`](crate::imdn) |
//! | instance | the lasting name of a device, `+sip.instance`, a URN (RFC 5626) | [`Config::instance`](crate::client::Config::instance) |
//! | isComposing | "is typing" (RFC 3994) | [`composing`](crate::composing) |
//! | large message mode | a message too large for one SIP request, in an MSRP session of its own | [`Mode::Large`](crate::conversation::Mode::Large) |
//! | leg | one SIP dialog, one MSRP session, and the CPIM on it | [`Legs`](crate::conversation::Legs) |
//! | MSRP | the protocol that carries messages of a session over TCP (RFC 4975) | [`msrp`](crate::msrp) |
//! | node | a whole machine: give it bytes and time, take what it wants sent and said | [`Node`](crate::node::Node) |
//! | offer, answer | the two session descriptions of an INVITE and its 2xx (RFC 3264) | [`sdp`](crate::sdp) |
//! | originating, terminating | the half of a function that serves the sender, and the one that serves the recipient | [`participating`](crate::participating) |
//! | pager mode | a message in one SIP MESSAGE (RFC 3428) | [`Mode::Pager`](crate::conversation::Mode::Pager) |
//! | parcel | content on its way, with its media type | [`Parcel`](crate::conversation::Parcel) |
//! | participating function | what the network does for one user | [`participating`](crate::participating) |
//! | patience | how long a device may take before a message is kept as well | [`Config::patience`](crate::participating::Config::patience) |
//! | P-CSCF | the first SIP proxy of an IMS network; a client's server | [`Config::server`](crate::client::Config::server) |
//! | RCS | Rich Communication Services, the GSMA's profile of CPM for phones | |
//! | receipt (MSRP) | the right to answer a received message | [`msrp::Receipt`](crate::msrp::Receipt) |
//! | registrar | keeps the bindings of a domain (RFC 3261 §10) | [`bindings`](crate::sip::bindings) |
//! | reply (of a question) | the right to answer one question once | [`Reply`](crate::engine::Reply) |
//! | Sans-IO | protocol code that neither reads, writes, sleeps nor asks for the time | [`driving`](super::driving) |
//! | session mode | a message in the MSRP session of an open chat | [`Mode::Session`](crate::conversation::Mode::Session) |
//! | subscriber | a user of the domain as the database knows it | [`Subscriber`](crate::participating::Subscriber) |
//! | thread | where an item belongs: its conversation, and its place in it | [`Thread`](crate::conversation::Thread) |
//! | transaction | a SIP request and its responses, with their retransmissions (RFC 3261 §17) | [`transaction`](crate::sip::transaction) |
//!
//! [`msrp::msg`]: crate::msrp::msg
