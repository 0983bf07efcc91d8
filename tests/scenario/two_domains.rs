//! Two operators: Alice is served at atlanta.example, Bob at biloxi.example.

use crate::stage::secs;
use cpm::client::{self, Client, Event, Options};
use cpm::conversation::Status;
use cpm::engine::{DateTime, Protocol, Transport};
use cpm::participating::{self, Participating, Restored, Subscriber};
use cpm::sim::{Event as Happened, Host, Server, World};
use cpm::sip::Uri;
use cpm::store::engine::Memory;
use cpm::store::{Answerer, Directory};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

const SERVERS: [(&str, &str, IpAddr); 2] = [
    ("atlanta", "alice", IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
    ("biloxi", "bob", IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2))),
];

/// Two servers with a user each, who are registered; each trusts the other if `trust`.
fn world(seed: u64, trust: bool) -> World<Host> {
    let wall = DateTime::parse_from_rfc3339("2026-01-01T09:00:00Z").unwrap();
    let mut world = World::new(Instant::now(), wall, seed);
    for (place, user, ip) in SERVERS {
        let domain = format!("{place}.example");
        let mut config = participating::Config::new(&domain);
        if trust {
            config.trusted = SERVERS.map(|(_, _, ip)| ip).to_vec();
        }
        let mut directory = Directory::new();
        let subscriber = Subscriber {
            password: "secret".into(),
            ..Subscriber::default()
        };
        directory.insert(&of(user), subscriber);
        let (clock, chance) = (world.clock(), world.seed());
        let node = Participating::node(config, Restored::default(), clock, chance);
        let server = Server::new(node, Answerer::new(Memory::new(), directory));
        world.add(place, ip, Host::Server(server));
        world.listen(place, Protocol::Sip, Transport::Udp, 5060);
        world.listen(place, Protocol::Sip, Transport::Tcp, 5060);
        world.listen(place, Protocol::Msrp, Transport::Tcp, 2855);
        world.name(&domain, vec![ip]);
    }
    for (at, (_, user, ip)) in (1..).zip(SERVERS) {
        let server = format!("sip:{ip}:5060;transport=tcp").parse().unwrap();
        let mut config = client::Config::new(of(user), server);
        config.password = "secret".into();
        let (clock, chance) = (world.clock(), world.seed());
        let client = Client::node(config, clock, chance);
        let ip = IpAddr::V4(Ipv4Addr::new(198, 51, 100, at));
        world.add(user, ip, Host::Client(client));
        world.client(user, |client, now| client.register(now));
    }
    world.run_for(secs(5));
    world
}

fn of(user: &str) -> Uri {
    let (place, ..) = SERVERS.iter().find(|(_, name, _)| *name == user).unwrap();
    Uri::sip(user, &format!("{place}.example"))
}

fn heard(world: &World<Host>, user: &str) -> Vec<Event> {
    let events = world.events(user).filter_map(|event| match event {
        Happened::Client(event) => Some(event.clone()),
        _ => None,
    });
    events.collect()
}

fn texts(world: &World<Host>, user: &str) -> Vec<(String, String)> {
    let events = heard(world, user).into_iter();
    let texts = events.filter_map(|event| match event {
        Event::Message { from, text, .. } => Some((from.to_string(), text.to_string())),
        _ => None,
    });
    texts.collect()
}

fn statuses(world: &World<Host>, user: &str) -> Vec<Status> {
    let events = heard(world, user).into_iter();
    let statuses = events.filter_map(|event| match event {
        Event::Disposition { status, .. } => Some(status),
        _ => None,
    });
    statuses.collect()
}

#[test]
fn r214_r217_a_message_and_its_reports_pass_between_two_functions() {
    let mut world = world(1, true);
    world.client("alice", |alice, now| {
        alice
            .send_message(now, &of("bob"), "hello", &Options::default())
            .unwrap();
    });
    world.run_for(secs(5));
    let hello = ("sip:alice@atlanta.example".to_owned(), "hello".to_owned());
    assert_eq!(texts(&world, "bob"), [hello]);
    assert_eq!(statuses(&world, "alice"), [Status::Sent, Status::Delivered]);
}

#[test]
fn r215_r218_r219_a_chat_between_two_domains_has_typing_and_reports() {
    let mut world = world(2, true);
    let chat = world.client("alice", |alice, now| alice.open_chat(now, of("bob")));
    world.run_for(secs(5));
    world.client("alice", |alice, now| {
        alice.typing(now, chat);
        // Larger than one chunk, so that the functions relay several.
        alice.send_text(now, chat, &"word ".repeat(10_000)).unwrap();
    });
    world.run_for(secs(5));
    let events = heard(&world, "bob");
    let typing = |event: &Event| matches!(event, Event::Typing { active: true, .. });
    assert!(events.iter().any(typing));
    let message = events.iter().find_map(|event| match event {
        Event::Message { message, text, .. } => Some((message.clone(), text.len())),
        _ => None,
    });
    let (message, length) = message.expect("the message arrives");
    assert_eq!(length, 50_000);
    world.client("bob", |bob, now| bob.mark_displayed(now, &message));
    world.run_for(secs(5));
    let all = [Status::Sent, Status::Delivered, Status::Displayed];
    assert_eq!(statuses(&world, "alice"), all);
}

#[test]
fn r214_who_is_away_in_the_other_domain_gets_it_later() {
    let mut world = world(3, true);
    world.client("bob", |bob, now| bob.unregister(now));
    world.run_for(secs(5));
    world.client("alice", |alice, now| {
        alice
            .send_message(now, &of("bob"), "later", &Options::default())
            .unwrap();
    });
    world.run_for(secs(600));
    assert_eq!(texts(&world, "bob"), []);
    assert_eq!(statuses(&world, "alice"), [Status::Sent]);
    world.client("bob", |bob, now| bob.register(now));
    world.run_for(secs(30));
    assert_eq!(texts(&world, "bob").len(), 1);
    assert_eq!(statuses(&world, "alice"), [Status::Sent, Status::Delivered]);
}

#[test]
fn r214_a_domain_that_is_not_trusted_speaks_for_nobody() {
    let mut world = world(4, false);
    world.client("alice", |alice, now| {
        alice
            .send_message(now, &of("bob"), "hello", &Options::default())
            .unwrap();
    });
    world.run_for(secs(5));
    assert_eq!(texts(&world, "bob"), []);
    let refused = |event: &Event| {
        matches!(
            event,
            Event::Failed {
                status: Some(403),
                ..
            }
        )
    };
    assert!(heard(&world, "alice").iter().any(refused));
}
