//! MSRP endpoints: small messages, one message to many, long transfers, what an idle session costs, and loopback TCP.
//!
//! `cargo bench --bench msrp_endpoint`. Everything before the loopback runs in memory on one core.

mod measure;

use bytes::{Bytes, BytesMut};
use cpm::driver::{self, Driver};
use cpm::engine::{
    Clock, Conn, ConnId, Cx, DateTime, Ids, Limits, Outbox, Protocol, Seed, Transport,
};
use cpm::msrp::{
    Config, Delivery, Endpoint, Event, Outgoing, Overflow, Progress, Role, SessionId, Settings,
    Stream, Switch, Uri,
};
use cpm::node::{Net, Node};
use cpm::{conversation, node, sip};
use measure::{Figures, best};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// An endpoint with what it is handed.
struct Side {
    endpoint: Endpoint,
    ids: Ids,
    limits: Limits,
    outbox: Outbox,
    clock: Clock,
    now: Instant,
}

impl Side {
    fn new(number: u64) -> Self {
        let mut ids = Ids::new(Seed::from_number(number));
        let config = Config {
            listen: "10.0.0.1:2855".parse().ok(),
            ..Config::default()
        };
        let now = Instant::now();
        Self {
            endpoint: Endpoint::new(config, &mut ids),
            ids,
            limits: Limits::default(),
            outbox: Outbox::default(),
            clock: Clock::new(now, DateTime::default()),
            now,
        }
    }

    fn with<T>(&mut self, step: impl FnOnce(&mut Endpoint, &mut Cx<'_>) -> T) -> T {
        let mut cx = Cx {
            now: self.now,
            clock: &self.clock,
            ids: &mut self.ids,
            limits: &self.limits,
            outbox: &mut self.outbox,
        };
        let result = step(&mut self.endpoint, &mut cx);
        while self.outbox.pop().is_some() {}
        result
    }

    fn connection(&mut self) -> ConnId {
        let conn = self.outbox.accept(Conn {
            protocol: Protocol::Msrp,
            transport: Transport::Tcp,
            local: "10.0.0.1:2855".parse().ok(),
            peer: SocketAddr::from(([10, 0, 0, 2], 4000)),
            outgoing: false,
        });
        self.with(|e, cx| e.handle_accepted(cx, conn));
        conn
    }

    /// A session that a peer has bound on a connection of its own.
    fn session(&mut self, settings: Settings) -> (SessionId, ConnId, Uri) {
        let opened = self.with(|e, cx| e.open(cx, settings));
        let session = opened.unwrap_or_else(|error| unreachable!("{error}"));
        let path = self.endpoint.local_path(session).unwrap_or_default();
        let local = path[0].clone();
        self.with(|e, cx| e.start(cx, session, vec![uri(PEER)], Role::Passive));
        let conn = self.connection();
        let bind = format!(
            "MSRP bind SEND\r\nTo-Path: {local}\r\nFrom-Path: {PEER}\r\nMessage-ID: m0\r\n\
             Byte-Range: 1-0/0\r\n-------bind$\r\n"
        );
        self.with(|e, cx| e.handle_data(cx, conn, Bytes::from(bind)));
        while self.pull(conn).is_some() {}
        while self.endpoint.poll_event().is_some() {}
        (session, conn, local)
    }

    fn pull(&mut self, conn: ConnId) -> Option<Bytes> {
        self.with(|e, cx| e.poll_stream(cx, conn))
    }

    /// Accepts what came. How many messages there were.
    fn accept(&mut self) -> usize {
        let mut count = 0;
        while let Some(event) = self.endpoint.poll_event() {
            if let Event::Received { message, .. } = event {
                count += 1;
                self.with(|e, cx| e.accept(cx, message.receipt));
            }
        }
        count
    }
}

const PEER: &str = "msrp://10.0.0.2:9/iau39soe2843ziau39soe2843z;tcp";

fn uri(text: &str) -> Uri {
    text.parse().unwrap_or_else(|error| unreachable!("{error}"))
}

const CPIM: &str = "From: <sip:a@b.c>\r\nTo: <sip:d@e.f>\r\n\r\nContent-Type: text/plain\r\n\r\n\
                    Hello, how are you today?";

/// Two ends joined by nothing but a loop.
struct Pair {
    sides: [Side; 2],
    sessions: [SessionId; 2],
    conns: [ConnId; 2],
}

impl Pair {
    fn new(settings: &Settings) -> Self {
        let mut sides = [Side::new(1), Side::new(2)];
        let open = |side: &mut Side| {
            side.with(|e, cx| e.open(cx, settings.clone()))
                .unwrap_or_else(|error| unreachable!("{error}"))
        };
        let sessions = sides.each_mut().map(open);
        let path = |side: &Side, session| side.endpoint.local_path(session).unwrap_or_default();
        let paths = [path(&sides[0], sessions[0]), path(&sides[1], sessions[1])];
        let [a, b] = &mut sides;
        a.with(|e, cx| e.start(cx, sessions[0], paths[1].clone(), Role::Passive));
        let start = |e: &mut Endpoint, cx: &mut Cx<'_>| {
            e.start(
                cx,
                sessions[1],
                paths[0].clone(),
                Role::Active { peer: None },
            );
            cx.outbox.pop()
        };
        let Some(cpm::engine::Transmit::Connect { conn, .. }) = b.with(start) else {
            unreachable!("an active side connects");
        };
        let conns = [a.connection(), conn];
        b.with(|e, cx| e.handle_connected(cx, conn));
        let mut pair = Self {
            sides,
            sessions,
            conns,
        };
        pair.run(|_, _| {});
        pair
    }

    /// Carries bytes until there are none.
    fn run(&mut self, mut events: impl FnMut(usize, &mut Side)) {
        loop {
            let mut moved = false;
            for side in [0, 1] {
                if self.sides[1 - side]
                    .endpoint
                    .wants_read(self.conns[1 - side])
                    && let Some(bytes) = self.sides[side].pull(self.conns[side])
                {
                    moved = true;
                    let (to, conn) = (&mut self.sides[1 - side], self.conns[1 - side]);
                    to.with(|e, cx| e.handle_data(cx, conn, bytes));
                    events(1 - side, to);
                }
            }
            if !moved {
                return;
            }
        }
    }
}

/// Messages received and answered, millions a second.
fn small() -> f64 {
    const COUNT: usize = 50_000;
    let mut side = Side::new(1);
    let (_, conn, local) = side.session(Settings::default());
    let mut stream = BytesMut::new();
    for index in 0..COUNT {
        let (id, size) = (format!("k3hd9s2ak3{index:06}"), CPIM.len());
        stream.extend_from_slice(
            format!(
                "MSRP {id} SEND\r\nTo-Path: {local}\r\nFrom-Path: {PEER}\r\nMessage-ID: m{index:08}\r\n\
                 Byte-Range: 1-{size}/{size}\r\nContent-Type: message/cpim\r\n\r\n{CPIM}\r\n-------{id}$\r\n"
            )
            .as_bytes(),
        );
    }
    let stream = stream.freeze();
    let time = best(|| {
        let (mut rest, mut count, mut answered) = (stream.clone(), 0, 0);
        while !rest.is_empty() {
            let read = rest.split_to(rest.len().min(64 * 1024));
            side.with(|e, cx| e.handle_data(cx, conn, read));
            count += side.accept();
            while let Some(bytes) = side.pull(conn) {
                answered += bytes.len();
            }
        }
        assert!(count == COUNT && answered > COUNT * 100);
    });
    COUNT as f64 / 1e6 / time.as_secs_f64()
}

/// Messages queued, sent, received, answered and confirmed, millions a second.
fn both_ends() -> f64 {
    const COUNT: usize = 500;
    let mut pair = Pair::new(&Settings::default());
    let body = Bytes::from_static(CPIM.as_bytes());
    let session = pair.sessions[1];
    let time = best(|| {
        let mut sent = 0;
        for _ in 0..20 {
            for _ in 0..COUNT {
                let message = Outgoing::new("message/cpim".into(), body.clone());
                let queued = pair.sides[1].with(|e, cx| e.send(cx, session, message));
                assert!(queued.is_ok());
            }
            pair.run(|index, side| match index {
                0 => drop(side.accept()),
                _ => {
                    while let Some(event) = side.endpoint.poll_event() {
                        sent += usize::from(matches!(event, Event::Sent { .. }));
                    }
                }
            });
        }
        assert_eq!(sent, 20 * COUNT);
    });
    20.0 * COUNT as f64 / 1e6 / time.as_secs_f64()
}

/// Microseconds for one delivery of one message to many: queued and cut; and with its answer.
fn fan_out() -> (f64, f64) {
    const LEGS: usize = 50;
    const ROUNDS: usize = 200;
    let mut side = Side::new(1);
    let mut switch = Switch::new(Overflow::Newest, &mut side.ids);
    let legs: Vec<(SessionId, ConnId, Uri)> = (0..LEGS)
        .map(|_| side.session(Settings::default()))
        .collect();
    for (session, ..) in &legs {
        switch.add(*session);
    }
    let message = Outgoing::new("message/cpim".into(), Bytes::from_static(CPIM.as_bytes()));
    let (mut sending, mut answering) = (Duration::MAX, Duration::MAX);
    let mut outs: Vec<Bytes> = Vec::with_capacity(ROUNDS * LEGS);
    for _ in 0..30 {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            let sent = side.with(|e, cx| switch.send(cx, e, None, &message, |_, _| {}));
            assert_eq!(sent, Ok(LEGS));
            for (_, conn, _) in &legs {
                outs.extend(side.pull(*conn));
            }
        }
        sending = sending.min(start.elapsed());
        let answers: Vec<Bytes> = (outs.drain(..).zip(legs.iter().cycle()))
            .map(|(out, (_, _, local))| {
                let id = String::from_utf8_lossy(&out[5..23]).into_owned();
                Bytes::from(format!(
                    "MSRP {id} 200 OK\r\nTo-Path: {local}\r\nFrom-Path: {PEER}\r\n-------{id}$\r\n"
                ))
            })
            .collect();
        let start = Instant::now();
        for (answer, (_, conn, _)) in answers.into_iter().zip(legs.iter().cycle()) {
            side.with(|e, cx| e.handle_data(cx, *conn, answer));
        }
        let mut sent = 0;
        while let Some(event) = side.endpoint.poll_event() {
            sent += usize::from(matches!(event, Event::Sent { .. }));
        }
        answering = answering.min(start.elapsed());
        assert_eq!(sent, ROUNDS * LEGS);
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / (ROUNDS * LEGS) as f64;
    (each(sending), each(sending + answering))
}

/// Ten gigabytes from end to end: gigabytes a second, and how much of each byte was copied on its way: what arrives
/// elsewhere than where it was offered.
fn transfer() -> (f64, f64) {
    const TOTAL: u64 = 10 << 30;
    let mut pair = Pair::new(&Settings {
        delivery: Delivery::Pieces { from: 0 },
        ..Settings::default()
    });
    pair.sides[1].limits.msrp_send_chunk = 64 * 1024;
    while pair.sides[1].endpoint.poll_event().is_some() {}
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    let session = pair.sessions[1];
    let message = Stream::new("application/octet-stream".into(), Some(TOTAL));
    let start = Instant::now();
    let opened = pair.sides[1].with(|e, cx| e.send_stream(cx, session, message));
    let id = opened.unwrap_or_else(|error| unreachable!("{error}"));
    let offer =
        |side: &mut Side| while side.with(|e, cx| e.offer(cx, id, piece.clone())).is_ok() {};
    offer(&mut pair.sides[1]);
    let (mut taken, mut copied, mut is_complete, mut is_sent) = (0, 0, false, false);
    let offered = piece.as_ptr_range();
    pair.run(|index, side| {
        while let Some(event) = side.endpoint.poll_event() {
            match event {
                Event::Piece { piece, .. } => {
                    taken += piece.bytes.len() as u64;
                    if !offered.contains(&piece.bytes.as_ptr()) {
                        copied += piece.bytes.len() as u64;
                    }
                    is_complete |= piece.progress == Progress::Complete;
                    side.with(|e, cx| e.accept(cx, piece.receipt));
                }
                Event::Sent { .. } => is_sent = true,
                _ => {}
            }
        }
        if index == 1 {
            offer(side);
        }
    });
    assert!(taken == TOTAL && is_complete && is_sent);
    let total = TOTAL as f64;
    let speed = total / 1e9 / start.elapsed().as_secs_f64();
    (speed, copied as f64 / total)
}

/// Bytes of memory for an idle session on a shared connection, and for a connection with one idle session.
fn idle() -> (f64, f64) {
    const COUNT: usize = 50_000;
    let mut side = Side::new(1);
    side.limits.msrp_sessions = 10 * COUNT;
    let before = resident();
    let conn = side.connection();
    for index in 0..COUNT {
        let opened = side.with(|e, cx| e.open(cx, Settings::default()));
        let session = opened.unwrap_or_else(|error| unreachable!("{error}"));
        let peer = uri(&format!(
            "msrp://10.0.0.2:9/iau39soe2843ziau39{index:06};tcp"
        ));
        let local = side.endpoint.local_path(session).unwrap_or_default();
        side.with(|e, cx| e.start(cx, session, vec![peer.clone()], Role::Passive));
        let bind = format!(
            "MSRP bind SEND\r\nTo-Path: {}\r\nFrom-Path: {peer}\r\nMessage-ID: m0\r\n\
             Byte-Range: 1-0/0\r\n-------bind$\r\n",
            local[0]
        );
        side.with(|e, cx| e.handle_data(cx, conn, Bytes::from(bind)));
        while side.pull(conn).is_some() {}
        while side.endpoint.poll_event().is_some() {}
    }
    let sessions = resident() - before;
    let mut other = Side::new(2);
    let before = resident();
    let all: Vec<ConnId> = (0..COUNT)
        .map(|_| other.session(Settings::default()).1)
        .collect();
    let both = resident() - before;
    assert_eq!(all.len(), COUNT);
    let each = |bytes: f64| bytes / COUNT as f64;
    (each(sessions), each(both) - each(sessions))
}

/// Bytes of this process that are in memory.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0.0) * 4096.0
}

/// A role that opens bare sessions, sends `rest` messages in them, and takes what comes.
struct Bare {
    session: Option<SessionId>,
    message: Outgoing,
    rest: usize,
    unsent: usize,
}

#[derive(Debug)]
struct Done;

impl Bare {
    fn send(&mut self, net: &mut Net<'_, Done>) {
        let Some(session) = self.session else { return };
        while self.rest > 0 {
            let sent = net
                .ends
                .msrp
                .send(&mut net.ends.cx, session, self.message.clone());
            if sent.is_err() {
                return;
            }
            self.rest -= 1;
        }
    }
}

impl node::Role for Bare {
    type Event = Done;

    fn handle_leg(&mut self, _: &mut Net<'_, Done>, _: conversation::Event) {}

    fn handle_sip(&mut self, _: &mut Net<'_, Done>, _: sip::Event) {}

    fn handle_msrp(&mut self, net: &mut Net<'_, Done>, event: Event) {
        match event {
            Event::Received { message, .. } => {
                net.ends.msrp.accept(&mut net.ends.cx, message.receipt);
            }
            Event::Piece { piece, .. } => net.ends.msrp.accept(&mut net.ends.cx, piece.receipt),
            Event::Up { .. } | Event::Writable { .. } => self.send(net),
            Event::Wanted { id, .. } => {
                let body = self.message.body.clone();
                while net
                    .ends
                    .msrp
                    .offer(&mut net.ends.cx, id, body.clone())
                    .is_ok()
                {}
            }
            Event::Sent { .. } => {
                self.unsent = self.unsent.saturating_sub(1);
                if self.unsent == 0 {
                    net.emit(Done);
                }
            }
            _ => {}
        }
    }
}

fn bare(chunk: usize, body: Bytes, count: usize) -> Node<Bare> {
    let mut config = node::Config::new(driver::clock(), driver::seed());
    config.limits.msrp_send_chunk = chunk;
    Node::new(config, |_| Bare {
        session: None,
        message: Outgoing::new("message/cpim".into(), body),
        rest: count,
        unsent: count.max(1),
    })
}

/// The shortest of five times: what else the machine does makes a run longer, and nothing makes it shorter.
fn fastest(run: impl Fn() -> Duration) -> Duration {
    (0..5).map(|_| run()).min().unwrap_or_default()
}

/// The time for so many messages, or for one transfer of that many bytes, over loopback TCP: two nodes in two threads,
/// each chunk answered.
fn loopback(chunk: usize, body: usize, count: usize, total: Option<u64>) -> Duration {
    let (to_sender, from_receiver) = std::sync::mpsc::channel::<Uri>();
    let (to_receiver, from_sender) = std::sync::mpsc::channel::<Uri>();
    let settings = Settings {
        delivery: match total {
            Some(_) => Delivery::Pieces { from: 0 },
            None => Delivery::Whole,
        },
        ..Settings::default()
    };
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap_or_else(|error| unreachable!("{error}"))
    };
    let receiving = settings.clone();
    std::thread::spawn(move || {
        runtime().block_on(async move {
            let mut net = Driver::new(bare(chunk, Bytes::new(), 0));
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            net.listen_tcp(Protocol::Msrp, any).await?;
            let local = net.node.command(Instant::now(), |_, net| {
                let session = net.ends.msrp.open(&mut net.ends.cx, receiving).ok()?;
                let local = net.ends.msrp.local_path(session)?.pop()?;
                to_sender.send(local).ok()?;
                let peer = from_sender.recv().ok()?;
                let msrp = &mut net.ends.msrp;
                msrp.start(&mut net.ends.cx, session, vec![peer], Role::Passive);
                Some(())
            });
            assert!(local.is_some());
            while net.next().await.is_ok() {}
            std::io::Result::Ok(())
        })
    });
    runtime().block_on(async move {
        let mut net = Driver::new(bare(chunk, Bytes::from(vec![b'x'; body]), count));
        let start = Instant::now();
        let opened = net.node.command(start, |role, net| {
            let msrp = &mut net.ends.msrp;
            let session = msrp.open(&mut net.ends.cx, settings).ok()?;
            role.session = Some(session);
            to_receiver.send(msrp.local_path(session)?.pop()?).ok()?;
            let peer = from_receiver.recv().ok()?;
            if let Some(total) = total {
                role.rest = 0;
                let message = Stream::new("message/cpim".into(), Some(total));
                msrp.send_stream(&mut net.ends.cx, session, message).ok()?;
            }
            msrp.start(
                &mut net.ends.cx,
                session,
                vec![peer],
                Role::Active { peer: None },
            );
            Some(())
        });
        assert!(opened.is_some());
        let start = Instant::now();
        let done = net.next().await;
        assert!(done.is_ok());
        start.elapsed()
    })
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    if quick {
        return;
    }
    let mut figures = Figures::new("msrp_endpoint");
    figures.at_least(
        "endpoint-small",
        small(),
        1.0,
        "messages of 100 bytes received and answered, millions a second",
    );
    figures.state(
        "endpoint-pair",
        both_ends(),
        "messages of 100 bytes through both ends with their answers, millions a second",
    );
    let (sent, answered) = fan_out();
    figures.at_most("fanout", sent, 0.5, "one delivery of one message to 50, µs");
    figures.state("fanout-answered", answered, "the same with its answer, µs");
    let (speed, copied) = transfer();
    figures.state(
        "transfer-10g",
        speed,
        "10 GiB in pieces through both ends, within their windows, GB/s",
    );
    figures.state(
        "transfer-copied",
        copied,
        "bytes copied by both ends for each byte delivered by it; each socket copies it once more",
    );
    let (session, connection) = idle();
    figures.state(
        "idle-session-bytes",
        session,
        "memory of an idle session, bytes",
    );
    figures.state(
        "idle-connection-bytes",
        connection,
        "memory of an idle connection beside its session, bytes",
    );
    const MANY: usize = 300_000;
    let small = fastest(|| loopback(16 * 1024, CPIM.len(), MANY, None));
    figures.at_least(
        "loopback-100",
        MANY as f64 / 1e3 / small.as_secs_f64(),
        490.0,
        "messages of 100 bytes over loopback TCP, thousands a second; ten times the best peer",
    );
    for (name, chunk, goal) in [
        ("loopback-2k", 2048, 1350.0),
        ("loopback-64k", 65_536, 2730.0),
    ] {
        const TOTAL: u64 = 1 << 30;
        let time = fastest(|| loopback(chunk, 64 * 1024, 0, Some(TOTAL)));
        figures.at_least(
            name,
            TOTAL as f64 / 1e6 / time.as_secs_f64(),
            goal,
            &format!("1 GiB in chunks of {chunk} over loopback TCP, MB/s; ten times the best peer"),
        );
    }
    figures.finish();
}
