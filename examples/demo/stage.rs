//! The stage: a server, two clients, and what was said and heard.

use cpm::client::{Client, Config, Event, MessageId};
use cpm::conversation::Status;
use cpm::driver::{self, Driver};
use cpm::engine::Protocol;
use cpm::participating::{self, Participating, Subscriber};
use cpm::sip::Uri;
use cpm::store::engine::{Engine, Sqlite};
use cpm::store::{Answerer, Directory};
use cpm::trace::{Recorder, ladder, pcap};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

type Error = Box<dyn std::error::Error>;

/// Who is on the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Alice,
    Bob,
}

impl Who {
    pub(crate) fn uri(self) -> Uri {
        let name = match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        };
        Uri::sip(name, DOMAIN)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }
}

pub(crate) struct Stage {
    server: Driver<Participating>,
    answerer: Answerer<Sqlite>,
    clients: [Driver<Client>; 2],
    /// Whether somebody's device is off the network: it does nothing then.
    away: [bool; 2],
    recorders: [Recorder; 3],
    start: Instant,
    quiet: bool,
    /// Everything that was heard, with who heard it.
    pub heard: Vec<(Who, Event)>,
    pub sent: BTreeMap<MessageId, Sent>,
    _folder: Folder,
}

/// A message and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub shown: usize,
    pub delivered: usize,
    pub displayed: usize,
}

impl Stage {
    pub(crate) async fn new(quiet: bool) -> Result<Self, Error> {
        let folder = Folder::new()?;
        let mut directory = Directory::new();
        for who in [Who::Alice, Who::Bob] {
            directory.insert(
                &who.uri(),
                Subscriber {
                    password: "secret".into(),
                    ..Subscriber::default()
                },
            );
        }
        let mut engine = Sqlite::open(folder.0.join("cpm.db"))?;
        let restored = engine.restore()?;
        let recorders = [(); 3].map(|()| Recorder::new(16 * 1024 * 1024));
        let config = participating::Config::new(DOMAIN);
        let mut node = Participating::node(config, restored, driver::clock(), driver::seed());
        node.set_tap(Some(Box::new(recorders[2].clone())));
        let mut server = Driver::new(node);
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let sip = server.listen_tcp(Protocol::Sip, loopback).await?;
        server.listen_udp(sip).await?;
        server.listen_tcp(Protocol::Msrp, loopback).await?;
        let alice = client(Who::Alice, sip, "udp", &recorders[0]).await?;
        let bob = client(Who::Bob, sip, "tcp", &recorders[1]).await?;
        Ok(Self {
            server,
            answerer: Answerer::new(engine, directory),
            clients: [alice, bob],
            away: [false; 2],
            recorders,
            start: Instant::now(),
            quiet,
            heard: Vec::new(),
            sent: BTreeMap::new(),
            _folder: folder,
        })
    }

    /// Somebody's client, to be told what to do.
    pub(crate) fn client(&mut self, who: Who) -> &mut Driver<Client> {
        &mut self.clients[who as usize]
    }

    /// Somebody's device falls off the network, without a word.
    pub(crate) fn cut(&mut self, who: Who) {
        self.clients[who as usize].disconnect();
        self.away[who as usize] = true;
    }

    /// Somebody's device is on the network again.
    pub(crate) fn restore(&mut self, who: Who) {
        self.away[who as usize] = false;
    }

    /// Runs everybody until `seen`, or for ten seconds.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        seen: impl Fn(&Self) -> bool,
    ) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !seen(self) {
            if self.step(deadline).await.is_err() {
                return Err(format!("missing: {what}"));
            }
        }
        Ok(())
    }

    /// Runs everybody for a while.
    pub(crate) async fn wait(&mut self, span: Duration) {
        let deadline = Instant::now() + span;
        while self.step(deadline).await.is_ok() {}
    }

    async fn step(&mut self, deadline: Instant) -> Result<(), ()> {
        let [alice, bob] = &mut self.clients;
        let [no_alice, no_bob] = self.away;
        let (who, event) = tokio::select! {
            event = self.server.next() => {
                let event = event.map_err(drop)?;
                self.answerer.answer(&mut self.server.node, Instant::now(), event);
                return Ok(());
            }
            event = alice.next(), if !no_alice => (Who::Alice, event.map_err(drop)?),
            event = bob.next(), if !no_bob => (Who::Bob, event.map_err(drop)?),
            () = tokio::time::sleep_until(deadline.into()) => return Err(()),
        };
        self.hear(who, event);
        Ok(())
    }

    fn hear(&mut self, who: Who, event: Event) {
        match &event {
            Event::Registered { .. } => self.says(who, "is registered"),
            Event::RegistrationFailed { retry_in, .. } => {
                let again = retry_in.map_or(0.0, |wait| wait.as_secs_f32());
                self.says(
                    who,
                    &format!("has lost the server and tries again in {again:.0} s"),
                );
            }
            Event::Accepted { .. } => self.says(who, "has an open chat"),
            Event::Typing { from, active, .. } => {
                let verb = if *active {
                    "is typing"
                } else {
                    "stopped typing"
                };
                self.says(who, &format!("sees that {} {verb}", short(from)));
            }
            Event::Message {
                message,
                from,
                text,
                ..
            } => {
                let text = if text.len() > 60 {
                    format!("{}… ({} bytes)", &text[..40], text.len())
                } else {
                    text.to_string()
                };
                self.says(who, &format!("reads from {}: {text}", short(from)));
                if let Some(sent) = self.sent.get_mut(message) {
                    sent.shown += 1;
                }
                let message = message.clone();
                self.client(who)
                    .node
                    .mark_displayed(Instant::now(), &message);
            }
            Event::Disposition {
                message,
                by,
                status,
                ..
            } => {
                if let Some(sent) = self.sent.get_mut(message) {
                    match status {
                        Status::Delivered => sent.delivered += 1,
                        Status::Displayed => {
                            sent.displayed += 1;
                            // The report of delivery may have been overtaken; it says no more than this one.
                            sent.delivered = 1;
                        }
                        _ => {}
                    }
                }
                if *status >= Status::Delivered {
                    self.says(who, &format!("learns: {status} to {}", short(by)));
                }
            }
            Event::Failed { status, .. } => {
                self.says(who, &format!("learns that a message failed: {status:?}"))
            }
            Event::Ended { ending, .. } => {
                self.says(who, &format!("sees the chat end: {ending:?}"))
            }
            _ => {}
        }
        self.heard.push((who, event));
    }

    fn says(&self, who: Who, what: &str) {
        self.say(&format!("{:<5} {what}", who.name()));
    }

    pub(crate) fn say(&self, line: &str) {
        if !self.quiet {
            println!("{:7.3}  {line}", self.start.elapsed().as_secs_f64());
        }
    }

    pub(crate) fn heading(&self, line: &str) {
        if !self.quiet {
            println!("\n         {line}");
        }
    }

    pub(crate) fn has_heard(&self, who: Who, seen: impl Fn(&Event) -> bool) -> bool {
        self.heard
            .iter()
            .any(|(hearer, event)| *hearer == who && seen(event))
    }

    /// What one node saw and another sent is one message.
    pub(crate) fn write_trace(&self, folder: &Path) -> std::io::Result<usize> {
        let mut sightings = self
            .recorders
            .iter()
            .flat_map(Recorder::sightings)
            .collect::<Vec<_>>();
        sightings.sort_by_key(|sighting| sighting.at);
        // From left to right, the server between the two.
        let [alice, bob, server] = &self.recorders;
        let names = [(alice, "alice"), (server, "server"), (bob, "bob")]
            .into_iter()
            .flat_map(|(recorder, label)| recorder.names(label));
        let names = names.collect::<Vec<_>>();
        std::fs::create_dir_all(folder)?;
        let page = ladder::html("Alice and Bob chat through a server", &sightings, &names);
        std::fs::write(folder.join("ladder.html"), page)?;
        std::fs::write(folder.join("trace.pcap"), pcap(&sightings))?;
        Ok(sightings.len())
    }

    pub(crate) fn tally(&self) -> Tally {
        let sum = |count: fn(&Sent) -> usize| self.sent.values().map(count).sum();
        Tally {
            sent: self.sent.len(),
            delivered: sum(|sent| sent.delivered.min(1)),
            displayed: sum(|sent| sent.displayed.min(1)),
            lost: sum(|sent| usize::from(sent.shown == 0)),
            duplicated: sum(|sent| sent.shown.saturating_sub(1)),
        }
    }
}

/// What became of all messages.
pub(crate) struct Tally {
    sent: usize,
    delivered: usize,
    displayed: usize,
    lost: usize,
    duplicated: usize,
}

impl Tally {
    pub(crate) fn is_clean(&self) -> bool {
        self.lost == 0
            && self.duplicated == 0
            && self.delivered == self.sent
            && self.displayed == self.sent
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            sent,
            delivered,
            displayed,
            lost,
            duplicated,
        } = self;
        write!(
            f,
            "sent={sent} delivered={delivered} displayed={displayed} lost={lost} duplicated={duplicated}"
        )
    }
}

async fn client(
    who: Who,
    server: SocketAddr,
    transport: &str,
    recorder: &Recorder,
) -> Result<Driver<Client>, Error> {
    let mut config = Config::new(
        who.uri(),
        format!("sip:{server};transport={transport}").parse()?,
    );
    config.password = "secret".into();
    config.device_name = Some(format!("{}'s phone", who.name()).into());
    config.instance = Some(
        format!(
            "urn:uuid:00000000-0000-4000-8000-00000000000{}",
            who as usize + 1
        )
        .into(),
    );
    config.host = driver::local_ip(server);
    let mut node = Client::node(config, driver::clock(), driver::seed());
    node.set_tap(Some(Box::new(recorder.clone())));
    let mut net = Driver::new(node);
    if transport == "udp" {
        net.listen_udp(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await?;
    }
    Ok(net)
}

fn short(uri: &Uri) -> String {
    uri.user()
        .map_or_else(|| uri.to_string(), |user| user.to_string())
}

/// A folder that goes when the program ends.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("cpm-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const DOMAIN: &str = "example.com";
