//! What is not there, plainly, so that nobody has to find out.
//!
//! # Functions of CPM
//!
//! * **Several devices** get a message at the same time or not at all
//!   ([`Devices`](crate::participating::Devices)): one that was away when another took it does not get it later, and a chat
//!   that several devices accept by themselves is held by the first. Which device sent a message, and what was reported on
//!   one, is remembered in memory, for a hundred thousand messages.
//! * **No groups.** There is no controlling function: no group chat, no messages to lists.
//! * **No file transfer.** A file can be sent by nothing but its own application on the lower tiers; SDP keeps the
//!   attributes of RFC 5547.
//! * **No message store.** There is no history on the server and no synchronisation between devices (IMAP). A message that
//!   expires can be put aside for its user (`Event::Archive`), and that is all.
//! * **The list of what waits** ([`deferred`](crate::deferred)) is a document of this crate's own, since OMA's could not be
//!   established; another one can be put in its place. The original conversation of what is fetched is known from the list.
//! * **Devices have to take `message/cpim`.** One that answers 415 to a message in CPIM is not tried again with the bare
//!   text; its sender hears of the 415.
//! * **No interworking** with SMS, MMS or mail; no content screening; no service policies beyond the preferences in
//!   [`Preferences`](crate::participating::Preferences). No XCAP: preferences come from the application's answers.
//! * **Text only, in the client's commands.** Anything that arrives is shown
//!   ([`Event::Content`](crate::client::Event::Content)), but [`send_text`](crate::node::Node::send_text) and
//!   [`send_message`](crate::node::Node::send_message) send text. No sensitivity mark. A message
//!   that does not say who it is from is not reported on, since no report would find its way.
//! * **One-to-one typing and reports only**, and a report says *delivered*, *displayed* or *failed*; *processed* and
//!   *stored* are read and pass through, but change nothing.
//! * **A client forgets when it ends.** Its chats, what it has not sent yet, and which messages it has shown are in memory;
//!   an application that wants them back keeps them.
//!
//! # The server
//!
//! * **A direct media path** is for chats, over plain TCP, between devices that reach each other. The function does not find
//!   out whether they do; large messages, and what is over TLS, always pass it.
//! * **Connections and sessions do not outlive the process.** Messages do, and where the devices on UDP are; whoever was
//!   connected registers again, and the client of this crate does so by itself.
//! * **Between domains** a request goes to where the other domain's name leads, and what comes from another domain is let
//!   in from configured hosts only ([`Config::trusted`](crate::participating::Config::trusted)).
//! * **A node is one thread.** Users are to be spread over nodes by whoever runs several; nothing in the crate does it.
//!   [`Answerer`](crate::store::Answerer) calls its engine directly, so a slow disk makes the node wait; an application
//!   may answer the same questions from another thread.
//! * **No billing, no lawful interception, no administration.** Users are what the application answers.
//!
//! # SIP
//!
//! * **Name servers are believed.** The records by which servers are found (RFC 3263) are not checked with DNSSEC; over
//!   TLS the certificate has to name the domain that was asked for, whatever the records say.
//! * **Events (RFC 6665)**: the participating function notifies of `dialog` only; `reg` it watches where a core has it, and
//!   `conference` is a codec with its state.
//! * **The media of a session of CPM** does not change after it was agreed. Below it, re-INVITE and UPDATE carry any offer.
//! * **No 199 is sent** as the called side (RFC 6228): an INVITE has one early dialog here, which ends with the final
//!   response. A rejected re-INVITE that has had an answer is not rolled back (RFC 6141).
//! * **REFER with `explicitsub`** (RFC 7614) is sent, and refused with 420 when it comes; `nosub` works both ways.
//! * **Connections that peers have opened** carry answers, and requests to a device that has registered over them; nothing else
//!   (RFC 5923): a client shows no certificate that would prove its name.
//! * **Replaces and Join** are matched to a call; whether their sender may is for the layer above to say.
//! * **Outbound (RFC 5626)**: the SIP layer registers over as many flows as it is told to; the client of CPM uses one. There
//!   are no flow tokens: the servers of this crate end the flows that they use, and are no edge proxies for others. A dialog
//!   stays on the flow that it was made over.
//! * **Bodies of several parts** (RFC 5621): what is signed is taken without a look at its signature, and what is encrypted
//!   is not understood.
//! * **No IPsec, no SigComp**: AKA answers challenges, and its keys protect nothing.
//!
//! # MSRP
//!
//! * **Nicknames** (RFC 7701) in the endpoint and as a table for a room; nobody here is a room yet.
//! * **Relays** (RFC 4976) dial wherever their clients send to; nothing but the name of a host with TLS says who is there.
//!   A relay without a port is looked for at 2855 and not by SRV (§8), and relays do not know each other by certificates
//!   (§6.3): each asks for a password.
//! * **Relays and WebSockets** (RFC 7977) are of the endpoint; the client and the functions of CPM connect to each other
//!   without. A WebSocket is let in by AUTH, or by the session that it binds; no cookie and no HTTP digest is looked at.
//! * **A leg of a conversation holds a received message as a whole**, up to `Limits::msrp_message` (16 MiB). The endpoint
//!   hands it up in pieces where it is asked to ([`Delivery`](crate::msrp::Delivery)).
//!
//! # Security
//!
//! * **Not end-to-end.** Servers see what passes, as CPM has it. TLS protects a hop where both ends use it; a client's
//!   certificate is not asked for.
//! * **Nobody has audited it.** There is no `unsafe` in this crate, its parsers are fuzzed and bounded, and it has not been
//!   run in an operator's network.
