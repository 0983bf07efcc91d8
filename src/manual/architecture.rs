//! The house: its tiers, what passes between them, and why.
//!
//! # Four sentences
//!
//! 1. **Sessions are data, endpoints are machines.** A transaction, a dialog, an MSRP session, a chat is a struct in a
//!    table; only [`sip::Endpoint`](crate::sip::Endpoint) and [`msrp::Endpoint`](crate::msrp::Endpoint) own tables,
//!    timers and connections.
//! 2. **A leg is one SIP dialog, one MSRP session, and the CPIM on it.** It is written once, in
//!    [`conversation`](crate::conversation).
//! 3. **A function of CPM is a policy over legs.** A client holds one leg to a peer; a participating function joins two.
//! 4. **A node is the only thing with a run loop.** It hands time, identifiers and an outbox down, and lets events climb.
//!
//! # Tiers
//!
//! ```text
//!                  commands │                          ▲ Event
//!         ┌─────────────────▼──────────────────────────┴─────────┐
//!  tier 5 │ client · participating · store                       │  what happens where legs meet
//!         ├──────────────────────────────────────────────────────┤
//!  tier 4 │ node: one loop, one outbox, one clock, one seed      │
//!         ├──────────────────────────────────────────────────────┤
//!  tier 3 │ conversation: legs, envelopes, messages, receipts    │
//!         ├───────────────────────────┬──────────────────────────┤
//!  tier 2 │ sip::Endpoint             │ msrp::Endpoint           │  machines
//!         ├───────────────────────────┴──────────────────────────┤
//!  tier 1 │ sip::msg · msrp::msg · sdp · cpim · imdn · events … │  bytes ⇄ values, nothing else
//!         ├──────────────────────────────────────────────────────┤
//!  tier 0 │ engine: Cx, Ids, Timers, Slab, Limits · wire: Text … │  no protocol
//!         └─────────────────┬──────────────────────────▲─────────┘
//!                    Output │                          │ Input
//!  tier 7        driver (sockets, TLS, DNS) · sim (a world that is made up)
//! ```
//!
//! A module names lower tiers only. Commands go down as method calls, events come up by `poll_event`, nothing goes
//! sideways. `tests/layers.rs` reads the sources and fails where that is broken, and where anything but the driver and
//! the storage engines names a clock, a socket, a thread, a file or a source of chance. Two pairs are excepted because
//! they are one thing: `store` answers the questions of `participating`, and an IMDN is the content of a CPIM message.
//! `trace` stands aside and may read everything.
//!
//! # One step
//!
//! Everything that happens to a [`Node`](crate::node::Node) is one step: an input, a command, an answer, a deadline, a
//! pull. A step gets a [`Cx`](crate::engine::Cx) (the time, the clock, the identifiers, the bounds, the outbox), writes
//! what shall leave into the outbox, and before the call returns all events have climbed and all hairpins have turned:
//!
//! ```text
//!   handle_input ─▶ sip::Endpoint ──┐ poll_event            Role::admit keeps out, or lets in (Event::Knocked)
//!                   msrp::Endpoint ─┴──────────▶ Legs ─────▶ Role::handle_leg, handle_sip ─▶ Output::Event
//!                        ▲                        ▲                 │
//!                        └────── Outbox ◀─────────┴─── commands ◀───┘
//! ```
//!
//! Why not a `poll_transmit` in each session, or an enum that each session drains? Three designs were measured before
//! this one was taken: sessions that write into a common outbox need no queues of their own (an idle one costs its
//! struct), there is one place to bound, and a caller can forget nothing but to poll at all. The price: a session cannot
//! move to another thread. To use more cores, run more nodes and spread the users over them.
//!
//! # Legs
//!
//! ```text
//!   open ─────────────────▶ Inviting ──2xx──▶ ┐
//!                                             ├─▶ Joining ──connection bound──▶ Up ──▶ ended
//!   Event::Invited ───────▶ Invited ─accept─▶ ┘
//! ```
//!
//! Content may be given to a leg in any of these states and waits in its MSRP session until that is up, so that no role
//! has a queue of its own for "not yet". What the next hop had not confirmed when a leg ends comes back as
//! [`Event::Unsent`](crate::conversation::Event::Unsent), in order, and the role decides: send it another way, keep it,
//! or report a failure. A pager message is content without a leg: [`Legs::page`](crate::conversation::Legs::page).
//!
//! A leg whose connection breaks is not over at once: where both sides end together, the end of the connection overtakes
//! the BYE, so it waits [`Limits::leg_grace`](crate::engine::Limits::leg_grace) for the goodbye that may follow.
//!
//! # Two halves
//!
//! Every user is served on both sides of a call, by two halves that are two legs each:
//!
//! ```text
//!              near             far                 far             near
//!   alice ─────leg────▶ originating ─────leg────▶ terminating ─────leg────▶ bob's device
//!          INVITE/MESSAGE     │        Route: its own entry │
//!            SEND             │                             └──▶ inbox, while there is no device
//!                             └ who she is: P-Preferred-Identity becomes P-Asserted-Identity
//! ```
//!
//! * **The door.** What somebody begins is a transaction and nothing more until the role lets it in, and a challenge leaves
//!   not even that behind. A request passes only with a password (digest), over the very connection its user is registered by,
//!   from a proxy that the configuration trusts, or by a Route that only our own originating half can know. What has
//!   passed carries `P-Asserted-Identity` and `P-Served-User` of ours; whatever a client wrote of that kind is gone.
//! * **The originating half** takes one of Max-Forwards and sends on: to the terminating half of this function for its
//!   own domain, to wherever the address leads for another. It keeps nothing.
//! * **The terminating half** asks who the user is, takes one of Max-Forwards, and finds the devices, or keeps what came.
//!   An INVITE for a user without a device is accepted on the user's behalf; what is said in it is kept, and when the
//!   user returns and has read what waited, the session is extended to the device.
//!
//! Where the configuration says so ([`MediaPath::Direct`](crate::participating::MediaPath)), the media of a chat goes
//! from end to end: each half is two dialogs, and passes on what the ends describe. It has no custody then; what breaks
//! off is sent again by who wrote it, in a session that is anchored if the other one is away.
//!
//! The halves speak SIP and MSRP with each other also where both users live in one process. There the messages do not
//! touch a socket: the node recognises its own listeners and turns them around (**hairpins**). So one process behaves
//! like two, an operator can split it, and both halves can be read and tested alone. A process can be both ends of one
//! dialog, which is why every table is keyed by the side as well.
//!
//! A pager message is the exception: it has no dialog, and between two halves in one node it is not even written. The
//! originating half hands envelope and content over ([`Legs::hand_over`](crate::conversation::Legs::hand_over)), and the
//! answer to the custody that goes with them comes back to it as that to a message sent. What is accepted, refused, kept
//! and reported is the same; what is saved is half of the transactions, and a trace shows one message less.
//!
//! # Custody
//!
//! Who has a message can answer for it. Received content comes with a token
//! ([`Custody`](crate::conversation::Custody)), and answering it with a 2xx means: from here on it is ours.
//!
//! ```text
//!   alice            originating           terminating                bob                 store
//!     │── MESSAGE ───────▶│                     │                      │                    │
//!     │                   │──── MESSAGE ───────▶│                      │                    │
//!     │                   │                     │──── MESSAGE ────────▶│                    │
//!     │                   │                     │◀─────── 200 ─────────│   bob has it       │
//!     │◀──────────── 200 ─┴──────── 200 ────────│                      │                    │
//!     │                                         │                      │                    │
//!     │── MESSAGE ───────▶│──── MESSAGE ───────▶│  bob is away         │                    │
//!     │                   │                     │──── Event::Keep ─────────────────────────▶│
//!     │                   │                     │◀─── on the disk ──────────────────────────│
//!     │◀──────────── 202 ─┴──────── 202 ────────│
//! ```
//!
//! The same in a session: the 200 to the last chunk of a SEND is held until the next hop, or the store, has the message.
//! A crash at any moment therefore finds each accepted message in at least one place, and a message that exists in two
//! is recognised by its `imdn.Message-ID` at the recipient and shown once.
//!
//! **Patience** bounds how long a sender waits for that. If a device has not confirmed a message after
//! [`Config::patience`](crate::participating::Config::patience) (8 s), the message is kept as well, with
//! all that is on its way to the same user so that order holds, and its sender answered; the device may still confirm, and
//! then it is forgotten. Eight seconds are below the 30 s of an MSRP
//! transaction and the 32 s of a SIP one, so no sender times out because of a slow device.
//!
//! **Order.** While anything is kept for a user, whatever arrives queues up behind it, also when the user is back; what
//! is kept goes out one at a time. Between sessions of one connection chunks take turns, within a session they do not.
//!
//! # Receipts
//!
//! Of a user's devices each gets a message, and the first that has it decides that it is delivered; what the others report
//! is no news, and goes no further. An INVITE rings on all of them until one accepts.
//!
//! A report (IMDN) is a message like any other: relayed, kept while its recipient is away, never reported on. It goes in
//! the session its message came in while that is open, else in a SIP MESSAGE; a report on a message that was kept always
//! goes in a SIP MESSAGE, since the session that brought it is only a delivery. Towards a sender with several devices
//! the participating function chooses the one that sent the message. States only grow
//! ([`Status`](crate::conversation::Status)): a *delivered* that comes after *displayed* changes nothing.
//!
//! # Questions
//!
//! A node does no I/O, so what it cannot know it asks: [`Reply<T>`](crate::engine::Reply) is the right to answer one
//! question once. The participating function asks who a user is, and to keep, load and forget messages; a transport asks
//! for the addresses of a name. A question that nobody answers has a deadline
//! ([`Limits::question`](crate::engine::Limits::question)), after which what waited for it is refused with 503 so that
//! its sender tries again.
//!
//! # Bounds
//!
//! Nothing that a peer sends makes a table, a queue or a value grow beyond [`Limits`](crate::engine::Limits). Over a
//! bound a new request gets 503 and leaves nothing behind; a connection whose peer does not read is not read either.
//! Identifiers are unguessable (one ChaCha stream from 256 bits) and the hash tables are keyed by the same seed.
//!
//! # What differs from the usual
//!
//! | usual | here | why |
//! |---|---|---|
//! | a task or an object per session | data in tables, two machines | memory per idle session; no hidden clocks, no locks |
//! | a proxy core with a messaging module | two B2BUA halves | who answers 2xx must have the message; a proxy cannot say so |
//! | a shortcut between users of one process | SIP and MSRP through hairpins; a pager message by value, with the same custody | one behaviour, one set of tests |
//! | 202 first, then store | the store first | what was accepted survives `kill -9` |
//! | headers as strings | typed on demand, bytes kept | what nobody asks for costs nothing; what nobody edits goes out as it came |
//! | MSRP 200 by the transport | by whoever takes the message | hop-by-hop responses become custody |
//! | callbacks into the application | events by return, commands at any time | no re-entrance, no order to remember |
