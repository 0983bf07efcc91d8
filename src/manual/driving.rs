//! Driving a node by hand: the whole contract, in one loop of the standard library.
//!
//! [`driver`](https://docs.rs/cpm/latest/cpm/driver/) runs a node on tokio. Where that does not fit (another runtime, an
//! embedded stack, a test), these are the rules:
//!
//! | you | when |
//! |---|---|
//! | take outputs with [`poll_output`](crate::node::Node::poll_output) until there are none | after whatever else you called |
//! | pull bytes with [`poll_stream`](crate::node::Node::poll_stream) and write them | after a `Flush`, whenever the socket can take some, until it returns `None` |
//! | call [`handle_input`](crate::node::Node::handle_input) | a datagram or bytes arrived; a connection is up, could not be opened, or has ended |
//! | call [`handle_accept`](crate::node::Node::handle_accept) | a peer has opened a connection to a listener of yours |
//! | call [`handle_timeout`](crate::node::Node::handle_timeout) | the instant of [`poll_timeout`](crate::node::Node::poll_timeout) has come; ask again after every call |
//! | call [`resolved`](crate::node::Node::resolved) | the addresses that a `Resolve` asked for are known, or that there are none |
//! | call [`looked_up`](crate::node::Node::looked_up) | the SRV or NAPTR records that a `LookUp` asked for are known; at once with none, if you have no resolver for them |
//! | leave a connection unread | while [`wants_read`](crate::node::Node::wants_read) is false |
//!
//! There is no order to remember between them, and none of them waits. Time is an argument; a node believes you, but
//! never lets it run backwards. Commands, such as [`send_text`](crate::node::Node::send_text), may be given at any time
//! between two calls. What a node is told of its listeners ([`add_listener`](crate::node::Node::add_listener)) is what
//! its Via, Contact and MSRP paths will name.
//!
//! * `Connect` names the [`ConnId`](crate::engine::ConnId) that the connection has from then on. Answer with
//!   [`Input::Connected`](crate::engine::Input::Connected) or [`Input::Closed`](crate::engine::Input::Closed), always.
//! * `Close` means: after the bytes that you have pulled already. Nothing is expected back.
//! * Bytes are decided upon at the pull. Pull no more than the socket takes, and a short message never waits behind the
//!   chunks of a long one; pull everything into a buffer, and it does.
//! * The certificate of an MSRP peer, if it has shown one, goes in by [`Input::Secured`](crate::engine::Input::Secured)
//!   before the connection is said to be up. Where a `Connect` is `described` the node checks it, and nobody has to vouch
//!   for it.
//! * A datagram that cannot be sent is a datagram that was lost: say nothing.
//!
//! # The sockets of `examples/by_hand`
//!
//! The loop below is compiled as it stands, with no feature but the default. The example sends one message with it:
//!
//! ```text
//! cargo run --example by_hand -- --user sip:alice@example.com --password a --server 127.0.0.1:5060 bob Hello
//! ```
//!
//! ```
#![doc = include_str!("../../examples/by_hand/sockets.rs")]
//! ```
//!
//! A loop that serves many connections waits for all sockets at once (`epoll`, `kqueue`, an async runtime) instead of
//! looking at each in turn, writes without waiting, and gives every source a fair share; that is what the driver does.
