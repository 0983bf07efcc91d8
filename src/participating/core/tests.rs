use super::*;
use crate::engine::{Clock, DateTime, Input, Protocol, Seed, Transmit, Transport};
use crate::node::{Node, Output};
use crate::participating::{Config, Restored};
use std::net::SocketAddr;
use std::time::Instant;

pub(in crate::participating) const CORE: &str = "10.0.0.1:5060";
const OWN: &str = "10.0.0.2:5060";

/// An application server, and what it says to its core.
pub(in crate::participating) struct Server {
    pub(in crate::participating) node: Node<Participating>,
    pub(in crate::participating) now: Instant,
}

impl Server {
    fn new() -> Self {
        Self::with(|_| {})
    }

    pub(in crate::participating) fn with(set: impl FnOnce(&mut Config)) -> Self {
        let now = Instant::now();
        let wall = DateTime::parse_from_rfc3339("2026-01-01T10:00:00Z").unwrap();
        let mut config = Config::new("example.com");
        config
            .trusted
            .push(CORE.parse::<SocketAddr>().unwrap().ip());
        config.core = Some("sip:scscf@10.0.0.1;lr".parse().unwrap());
        set(&mut config);
        let (clock, seed) = (Clock::new(now, wall), Seed::from_number(1));
        let mut node = Participating::node(config, Restored::default(), clock, seed);
        node.add_listener(Protocol::Sip, Transport::Udp, OWN.parse().unwrap());
        Self { node, now }
    }

    /// What it says to a request from somewhere; users of whom it asks exist if their name is alice or bob.
    pub(in crate::participating) fn ask(&mut self, from: &str, request: &str) -> Vec<String> {
        let data = request.replace('\n', "\r\n").into();
        let (local, peer) = (OWN.parse().unwrap(), from.parse().unwrap());
        let input = Input::Datagram { local, peer, data };
        self.node.handle_input(self.now, input);
        self.said()
    }

    /// What it says of itself after a while.
    pub(in crate::participating) fn wait(&mut self, seconds: u64) -> Vec<String> {
        self.now += std::time::Duration::from_secs(seconds);
        self.node.handle_timeout(self.now);
        self.said()
    }

    fn said(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Event(Event::Subscriber { user, reply }) => {
                    let known = ["sip:alice@example.com", "sip:bob@example.com"];
                    let subscriber = known.contains(&&*user).then(Subscriber::default);
                    self.node.answer(self.now, reply, subscriber);
                }
                Output::Event(_) => {}
                Output::Transmit(Transmit::Datagram { data, .. }) => {
                    let text = String::from_utf8_lossy(&data).replace("\r\n", "\n");
                    said.push(text);
                }
                Output::Transmit(_) => {}
            }
        }
        said
    }

    pub(in crate::participating) fn devices(&self, user: &str) -> usize {
        self.node.role().bindings().of(user).len()
    }
}

fn request(method: &str, branch: &str, lines: &str) -> String {
    format!(
        "{method} sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP {CORE};branch=z9hG4bK{branch}\n\
         Max-Forwards: 70\nCall-ID: {branch}\nCSeq: 1 {method}\n{lines}Content-Length: 0\n\n"
    )
}

pub(in crate::participating) fn register(user: &str, branch: &str, expires: u32) -> String {
    let lines = format!(
        "From: <sip:scscf.example.com>;tag=a\nTo: <sip:{user}@example.com>\n\
         Contact: <sip:term@10.0.0.1>\nExpires: {expires}\n"
    );
    request("REGISTER", branch, &lines)
}

#[test]
fn ts24229_5_4_1_7_the_core_says_who_is_registered() {
    let mut server = Server::new();
    let said = server.ask(CORE, &register("bob", "a", 600));
    assert!(said[0].starts_with("SIP/2.0 200 "), "{said:?}");
    assert!(!said[0].contains("Service-Route"));
    let bob = "sip:bob@example.com";
    let binding = &server.node.role().bindings().of(bob)[0];
    assert_eq!(binding.path, ["sip:term@10.0.0.1;lr"]);
    assert!(FeatureTags::new(&binding.params).has_icsi(Service::Session.icsi()));
    server.ask(CORE, &register("bob", "b", 0));
    assert_eq!(server.devices(bob), 0);
    // Nobody else may say so, and not of nobody.
    let said = server.ask("10.0.0.9:5060", &register("bob", "c", 600));
    assert!(said[0].starts_with("SIP/2.0 401 "), "{said:?}");
    let said = server.ask(CORE, &register("carol", "d", 600));
    assert!(said[0].starts_with("SIP/2.0 404 "), "{said:?}");
}

#[test]
fn ts24229_5_7_a_request_goes_back_by_the_route_that_it_came_with() {
    let lines = |more: &str| {
        format!(
            "From: <sip:alice@example.com>;tag=a\nTo: <sip:bob@example.com>\n\
             P-Asserted-Identity: <sip:alice@example.com>\n{more}"
        )
    };
    let onward = |said: &[String]| {
        let message = said.iter().find(|text| text.starts_with("MESSAGE "));
        let message = message.unwrap_or_else(|| panic!("{said:?}"));
        let routes = message.lines().filter_map(|l| l.strip_prefix("Route: "));
        (
            message.lines().next().unwrap_or_default().to_owned(),
            routes.collect::<Vec<_>>().join(", "),
        )
    };
    for (branch, more, route) in [
        // As the session case says, with the original dialog of the core.
        (
            "a",
            "Route: <sip:10.0.0.2;lr>, <sip:odi1@10.0.0.1;lr>\n\
             P-Served-User: <sip:alice@example.com>;sescase=orig\n",
            "<sip:odi1@10.0.0.1;lr>",
        ),
        // As the Route says.
        (
            "b",
            "Route: <sip:as.example.com;lr;orig>, <sip:odi2@10.0.0.1;lr>\n",
            "<sip:odi2@10.0.0.1;lr>",
        ),
        // To a user who is registered.
        (
            "c",
            "Route: <sip:10.0.0.2;lr>, <sip:odi3@10.0.0.1;lr>\n\
             P-Served-User: <sip:bob@example.com>;sescase=term\n",
            "<sip:odi3@10.0.0.1;lr>",
        ),
        // The core leaves the way to us.
        (
            "d",
            "P-Served-User: <sip:alice@example.com>;sescase=orig\n",
            "<sip:scscf@10.0.0.1;lr>",
        ),
        ("e", "", "<sip:term@10.0.0.1;lr>"),
    ] {
        let mut server = Server::new();
        server.ask(CORE, &register("bob", "r", 600));
        let said = server.ask(CORE, &request("MESSAGE", branch, &lines(more)));
        let (line, routes) = onward(&said);
        assert_eq!(line, "MESSAGE sip:bob@example.com SIP/2.0", "{branch}");
        assert_eq!(routes, route, "{branch}");
    }
    // How often it may still be forked is passed on; at nothing it ends (RFC 5393 §5.3.3).
    for (branch, breadth, begin) in [("g", 7, "MESSAGE "), ("h", 0, "SIP/2.0 440 ")] {
        let mut server = Server::new();
        server.ask(CORE, &register("bob", "r", 600));
        let lines = lines(&format!("Max-Breadth: {breadth}\n"));
        let said = server.ask(CORE, &request("MESSAGE", branch, &lines));
        let one = said.iter().find(|text| text.starts_with(begin));
        let one = one.unwrap_or_else(|| panic!("{said:?}"));
        assert_eq!(one.contains("Max-Breadth: 7\n"), breadth == 7, "{one}");
    }
    // Whoever is not the core's has to show a password.
    let mut server = Server::new();
    let forged = request("MESSAGE", "f", &lines("Route: <sip:10.0.0.2;lr;orig>\n"));
    let said = server.ask("10.0.0.9:5060", &forged);
    assert!(said[0].starts_with("SIP/2.0 407 "), "{said:?}");
}
