//! The stage on which the stories play: one server, its users and their devices.

use cpm::client::{self, ChatId, Client, MessageId, Options};
use cpm::conversation::Status;
use cpm::engine::{DateTime, Direction, Limits, Protocol, Transport};
use cpm::participating::{self, Participating, Restored, Subscriber};
use cpm::sdp::msrp::Setup;
use cpm::sim::{Event, Host, Seen, Server, World};
use cpm::sip::Uri;
use cpm::store::engine::Memory;
use cpm::store::{Answerer, Directory, Engine};
use cpm::wire::Text;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

pub(crate) const DOMAIN: &str = "example.com";
pub(crate) const USERS: [&str; 3] = ["alice", "bob", "carol"];
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn uri(user: &str) -> Uri {
    format!("sip:{user}@{DOMAIN}").parse().unwrap()
}

/// A world with a server in it.
#[derive(Debug)]
pub(crate) struct Stage {
    world: World<Host>,
    pub(crate) start: Instant,
    /// What the server is started with, and started again.
    pub(crate) config: participating::Config,
    pub(crate) transport: Transport,
    /// Whether devices that come from now on can be connected to.
    pub(crate) reachable: bool,
    /// What the messages of the clients ask for, and so on.
    client: fn(&mut client::Config),
    devices: u8,
    /// The bounds of the server.
    limits: Limits,
}

impl Deref for Stage {
    type Target = World<Host>;
    fn deref(&self) -> &World<Host> {
        &self.world
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut World<Host> {
        &mut self.world
    }
}

impl Stage {
    /// A server for alice, bob and carol, and nobody there yet.
    pub(crate) fn empty(seed: u64) -> Self {
        Self::with(seed, |_| {}, |_| {})
    }

    /// The same with a server of another mind.
    pub(crate) fn with(
        seed: u64,
        configure: impl FnOnce(&mut participating::Config),
        subscribe: impl FnOnce(&mut Directory),
    ) -> Self {
        Self::bounded(seed, Limits::default(), configure, subscribe)
    }

    /// The same with other bounds.
    pub(crate) fn bounded(
        seed: u64,
        limits: Limits,
        configure: impl FnOnce(&mut participating::Config),
        subscribe: impl FnOnce(&mut Directory),
    ) -> Self {
        let start = Instant::now();
        let wall = DateTime::parse_from_rfc3339("2026-01-01T09:00:00Z").unwrap();
        let mut world = World::new(start, wall, seed);
        let mut config = participating::Config::new(DOMAIN);
        configure(&mut config);
        let mut directory = Directory::new();
        for user in USERS {
            let subscriber = Subscriber {
                password: Text::from(format!("{user}'s secret")),
                ..Subscriber::default()
            };
            directory.insert(&uri(user), subscriber);
        }
        subscribe(&mut directory);
        let store = Answerer::new(Memory::new(), directory);
        let server = Self::server(&mut world, config.clone(), store, &limits);
        world.add("server", SERVER, Host::Server(server));
        world.listen("server", Protocol::Sip, Transport::Udp, 5060);
        world.listen("server", Protocol::Sip, Transport::Tcp, 5060);
        world.listen("server", Protocol::Msrp, Transport::Tcp, 2855);
        world.name(DOMAIN, vec![SERVER]);
        Self {
            world,
            start,
            config,
            transport: Transport::Tcp,
            reachable: false,
            client: |_| {},
            devices: 0,
            limits,
        }
    }

    /// A server with alice and bob registered.
    pub(crate) fn new(seed: u64) -> Self {
        let mut stage = Self::empty(seed);
        stage.enter("alice");
        stage.enter("bob");
        stage
    }

    fn server(
        world: &mut World<Host>,
        config: participating::Config,
        mut store: Answerer<Memory>,
        limits: &Limits,
    ) -> Server {
        let restored = store.engine.restore().unwrap_or_default();
        let node = Self::function(world, config, restored, limits.clone());
        Server::new(node, store)
    }

    fn function(
        world: &mut World<Host>,
        config: participating::Config,
        restored: Restored,
        limits: Limits,
    ) -> cpm::node::Node<Participating> {
        let clock = world.clock();
        let mut node = cpm::node::Config::new(clock, world.seed());
        node.sip.events = Participating::event_packages();
        node.limits = limits;
        node.sip.judge_bodies = false;
        cpm::node::Node::new(node, |ids| {
            Participating::new(config, restored, &clock, ids)
        })
    }

    /// How long the server's store takes from now on.
    pub(crate) fn delay(&mut self, delay: Duration) {
        self.world
            .server("server", |server, _| server.delay = delay);
    }

    /// Kills the server and starts it again with what its store has kept.
    pub(crate) fn restart_server(&mut self, down: Duration) {
        let Some(Host::Server(dead)) = self.world.crash("server") else {
            panic!("the server was down")
        };
        let delay = dead.delay;
        self.world.run_for(down);
        let mut server = Self::server(
            &mut self.world,
            self.config.clone(),
            dead.store,
            &self.limits,
        );
        server.delay = delay;
        self.world.restart("server", Host::Server(server));
    }

    /// Has the clients that come from now on configured otherwise.
    pub(crate) fn clients(&mut self, configure: fn(&mut client::Config)) {
        self.client = configure;
    }

    /// A device of `user` comes and registers.
    pub(crate) fn enter(&mut self, user: &str) {
        self.add_device(user, user);
        self.register(user);
        assert!(
            self.is_registered(user),
            "{user} registers: {:?}",
            self.world.events(user).collect::<Vec<_>>()
        );
    }

    pub(crate) fn add_device(&mut self, name: &str, user: &str) {
        self.devices += 1;
        let ip = IpAddr::V4(Ipv4Addr::new(198, 51, 100, self.devices));
        let server = match self.transport {
            Transport::Udp => format!("sip:{SERVER}:5060"),
            _ => format!("sip:{SERVER}:5060;transport=tcp"),
        };
        let mut config = client::Config::new(uri(user), server.parse().unwrap());
        config.password = Text::from(format!("{user}'s secret"));
        config.device_name = Some(Text::from(format!("{user}'s phone")));
        config.instance = Some(Text::from(format!(
            "urn:uuid:00000000-0000-4000-8000-{:012}",
            self.devices
        )));
        if self.reachable {
            config.host = Some(ip);
            config.setup = Setup::ActPass;
        }
        (self.client)(&mut config);
        let (clock, seed) = (self.world.clock(), self.world.seed());
        let client = Client::node(config, clock, seed);
        self.world.add(name, ip, Host::Client(client));
        if self.reachable {
            self.world
                .listen(name, Protocol::Msrp, Transport::Tcp, 2855);
        }
        if self.transport == Transport::Udp {
            self.world.listen(name, Protocol::Sip, Transport::Udp, 5060);
        }
    }

    pub(crate) fn register(&mut self, name: &str) {
        self.world.client(name, |client, now| client.register(now));
        let registered = |world: &World<Host>| match world.machine(name) {
            Host::Client(client) => client.role().is_registered(),
            _ => false,
        };
        self.world.run_until(registered, secs(30));
    }

    pub(crate) fn is_registered(&self, name: &str) -> bool {
        match self.world.machine(name) {
            Host::Client(client) => client.role().is_registered(),
            _ => false,
        }
    }

    /// `user` takes the registration back, as a phone does that is switched off.
    pub(crate) fn leave(&mut self, name: &str) {
        self.world
            .client(name, |client, now| client.unregister(now));
        self.run(5);
    }

    pub(crate) fn run(&mut self, seconds: u64) {
        self.world.run_for(secs(seconds));
    }

    // What users do.

    /// Sends a message of its own.
    pub(crate) fn write(&mut self, from: &str, to: &str, text: &str) -> MessageId {
        self.write_with(from, to, text, &Options::default())
    }

    pub(crate) fn write_to(&mut self, from: &str, to: &Uri, text: &str) -> MessageId {
        self.world.client(from, |client, now| {
            client
                .send_message(now, to, text, &Options::default())
                .unwrap()
        })
    }

    pub(crate) fn write_with(
        &mut self,
        from: &str,
        to: &str,
        text: &str,
        options: &Options,
    ) -> MessageId {
        self.world.client(from, |client, now| {
            client.send_message(now, &uri(to), text, options).unwrap()
        })
    }

    pub(crate) fn open(&mut self, from: &str, to: &str) -> ChatId {
        self.world
            .client(from, |client, now| client.open_chat(now, uri(to)))
    }

    /// Says something in a chat.
    pub(crate) fn say(&mut self, from: &str, chat: ChatId, text: &str) -> MessageId {
        self.world.client(from, |client, now| {
            client.send_text(now, chat, text).unwrap()
        })
    }

    pub(crate) fn end(&mut self, who: &str, chat: ChatId) {
        self.world
            .client(who, |client, now| client.end_chat(now, chat));
    }

    /// Reads everything that has arrived.
    pub(crate) fn read_all(&mut self, who: &str) {
        for message in self.messages(who) {
            self.world
                .client(who, |client, now| client.mark_displayed(now, &message.id));
        }
    }

    // What users see.

    pub(crate) fn client_events(&self, who: &str) -> Vec<&client::Event> {
        self.world
            .events(who)
            .filter_map(|event| match event {
                Event::Client(event) => Some(event),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn messages(&self, who: &str) -> Vec<Shown> {
        self.world
            .events(who)
            .filter_map(|event| match event {
                Event::Client(client::Event::Message {
                    chat,
                    message,
                    from,
                    to,
                    priority,
                    reply_to,
                    text,
                    ..
                }) => Some(Shown {
                    chat: *chat,
                    id: message.clone(),
                    from: from.to_string(),
                    to: to.to_string(),
                    priority: *priority,
                    reply_to: reply_to.as_ref().map(ToString::to_string),
                    text: text.to_string(),
                }),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn texts(&self, who: &str) -> Vec<String> {
        self.messages(who).into_iter().map(|m| m.text).collect()
    }

    /// What `who` heard of a message of its own, in order. That it was sent is left out where more was heard:
    /// a report may overtake it.
    pub(crate) fn statuses(&self, who: &str, id: &MessageId) -> Vec<Status> {
        let mut statuses = self.all_statuses(who, id);
        if statuses.len() > 1 && statuses[0] == Status::Sent {
            statuses.remove(0);
        }
        statuses
    }

    /// Every state of a message of its own that `who` heard of, in order.
    pub(crate) fn all_statuses(&self, who: &str, id: &MessageId) -> Vec<Status> {
        self.client_events(who)
            .into_iter()
            .filter_map(|event| match event {
                client::Event::Disposition {
                    message, status, ..
                } if message == id => Some(*status),
                client::Event::Failed { message, .. } if message == id => Some(Status::Failed),
                _ => None,
            })
            .collect()
    }

    /// Whether `who` was told that others type, in order.
    pub(crate) fn typing(&self, who: &str) -> Vec<bool> {
        self.client_events(who)
            .into_iter()
            .filter_map(|event| match event {
                client::Event::Typing { active, .. } => Some(*active),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn is_open(&self, who: &str, chat: ChatId) -> bool {
        match self.world.machine(who) {
            Host::Client(client) => client.is_open(chat),
            _ => false,
        }
    }

    /// The chat in which `who` got its first message.
    pub(crate) fn chat_of(&self, who: &str) -> ChatId {
        self.messages(who)[0].chat
    }

    /// How many messages the server keeps for a user.
    pub(crate) fn kept(&self, user: &str) -> usize {
        match self.world.machine("server") {
            Host::Server(server) => server.node.role().kept(&uri(user).aor()),
            _ => 0,
        }
    }

    pub(crate) fn store(&self) -> &Memory {
        match self.world.machine("server") {
            Host::Server(server) => &server.store.engine,
            _ => panic!("no server"),
        }
    }

    /// The SIP requests of `method` that `host` sent, as text.
    pub(crate) fn requests(&self, host: &str, method: &str) -> Vec<String> {
        let sent = |seen: &&Seen| {
            &*seen.host == host
                && seen.sighting.protocol == Protocol::Sip
                && seen.sighting.direction == Direction::Out
                && seen
                    .sighting
                    .bytes
                    .starts_with(format!("{method} ").as_bytes())
        };
        self.world
            .seen()
            .iter()
            .filter(sent)
            .map(|seen| String::from_utf8_lossy(&seen.sighting.bytes).into_owned())
            .collect()
    }
}

impl Stage {
    /// How many pieces of MSRP `host` sent.
    pub(crate) fn msrp_sent(&self, host: &str) -> usize {
        let sent = |seen: &&Seen| {
            &*seen.host == host
                && seen.sighting.protocol == Protocol::Msrp
                && seen.sighting.direction == Direction::Out
        };
        self.world.seen().iter().filter(sent).count()
    }
}

/// A message as a user sees it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) chat: ChatId,
    pub(crate) id: MessageId,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) priority: Option<client::Priority>,
    pub(crate) reply_to: Option<String>,
    pub(crate) text: String,
}

/// The value of a header in a message as it was on the wire.
pub(crate) fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
