//! Two endpoints, the connections between them, and a clock that we turn.

mod patience;
mod reaching;

use super::*;
use crate::engine::Transmit;
use proptest::prelude::*;

const LISTEN: &str = "10.0.0.1:2855";

/// Two sides and their connections. Side 0 listens.
pub(super) struct Pair {
    pub(super) sides: [Side; 2],
    pub(super) links: Vec<Link>,
    /// How many bytes are delivered at a time.
    pub(super) step: usize,
    /// After so many bytes in all, every connection is lost.
    lose_at: Option<usize>,
    carried: usize,
    /// Bytes vanish on the way.
    pub(super) is_hole: bool,
}

pub(super) struct Link {
    /// The connection as each side knows it.
    pub(super) ends: [ConnId; 2],
    pub(super) is_up: bool,
}

impl Pair {
    pub(super) fn new(seed: u64) -> Self {
        let mut sides = [Side::new(seed, Some(LISTEN)), Side::new(seed + 1, None)];
        sides[1].now = sides[0].now;
        Self {
            sides,
            links: Vec::new(),
            step: usize::MAX,
            lose_at: None,
            carried: 0,
            is_hole: false,
        }
    }

    /// A session between the two, bound by side 1 as soon as bytes move.
    pub(super) fn session(&mut self, settings: &Settings) -> [SessionId; 2] {
        let (a, a_path) = self.sides[0].open(settings.clone());
        let (b, b_path) = self.sides[1].open(settings.clone());
        self.sides[0].with(|e, cx| e.start(cx, a, b_path, Role::Passive));
        self.sides[1].with(|e, cx| e.start(cx, b, a_path, Role::Active { peer: None }));
        [a, b]
    }

    pub(super) fn up(seed: u64) -> (Self, [SessionId; 2]) {
        let mut pair = Self::new(seed);
        let sessions = pair.session(&Settings::default());
        pair.run();
        for (side, session) in pair.sides.iter_mut().zip(sessions) {
            assert!(matches!(side.clear()[..], [Event::Up { session: up }] if up == session));
        }
        (pair, sessions)
    }

    pub(super) fn send(
        &mut self,
        side: usize,
        session: SessionId,
        body: impl Into<Bytes>,
    ) -> SendId {
        let message = Outgoing::new("text/plain".into(), body.into());
        self.sides[side]
            .with(|e, cx| e.send(cx, session, message))
            .unwrap()
    }

    /// Lets everything happen that can without time passing.
    pub(super) fn run(&mut self) {
        while self.round() {}
    }

    pub(super) fn round(&mut self) -> bool {
        let mut moved = false;
        for side in 0..2 {
            while let Some(transmit) = self.sides[side].outbox.pop() {
                moved = true;
                self.transmit(side, transmit);
            }
            for index in 0..self.links.len() {
                if !self.links[index].is_up {
                    continue;
                }
                let [end, other] = [side, 1 - side].map(|side| self.links[index].ends[side]);
                if !self.sides[1 - side].endpoint.wants_read(other) {
                    continue;
                }
                if let Some(bytes) = self.sides[side].with(|e, cx| e.poll_stream(cx, end)) {
                    moved = true;
                    self.carry(index, 1 - side, bytes);
                }
            }
        }
        moved
    }

    fn transmit(&mut self, side: usize, transmit: Transmit) {
        match transmit {
            Transmit::Connect { conn, peer, .. } => {
                assert_eq!((side, peer.to_string().as_str()), (1, LISTEN));
                let accepted = self.sides[0].accept_conn();
                self.sides[1]
                    .outbox
                    .connected(conn, "10.0.0.2:4000".parse().unwrap());
                self.sides[1].with(|e, cx| e.handle_connected(cx, conn));
                self.links.push(Link {
                    ends: [accepted, conn],
                    is_up: true,
                });
            }
            Transmit::Close { conn } => {
                if let Some(link) = self
                    .links
                    .iter_mut()
                    .find(|l| l.ends[side] == conn && l.is_up)
                {
                    link.is_up = false;
                    let other = link.ends[1 - side];
                    self.sides[1 - side].outbox.closed(other);
                    self.sides[1 - side].with(|e, cx| e.handle_closed(cx, other));
                }
            }
            _ => {}
        }
    }

    fn carry(&mut self, link: usize, to: usize, mut bytes: Bytes) {
        while !bytes.is_empty() && self.links[link].is_up {
            let mut part = bytes.split_to(self.step.min(bytes.len()));
            if let Some(at) = self.lose_at {
                part.truncate(at.saturating_sub(self.carried));
            }
            self.carried += part.len();
            if !self.is_hole {
                let end = self.links[link].ends[to];
                self.sides[to].feed(end, part);
            }
            if self.lose_at.is_some_and(|at| at <= self.carried) {
                self.lose();
            }
        }
    }

    pub(super) fn lose(&mut self) {
        for link in &mut self.links {
            if std::mem::take(&mut link.is_up) {
                for (side, conn) in self.sides.iter_mut().zip(link.ends) {
                    side.outbox.closed(conn);
                    side.with(|e, cx| e.handle_closed(cx, conn));
                }
            }
        }
    }

    pub(super) fn wait(&mut self, time: Duration) {
        for side in &mut self.sides {
            side.wait(time);
        }
        self.run();
    }
}

/// The ids of what was sent or has failed, and whether the session is down.
pub(super) fn fates(events: &[Event]) -> (Vec<SendId>, Vec<SendId>, bool) {
    let (mut sent, mut failed, mut down) = (Vec::new(), Vec::new(), false);
    for event in events {
        assert!(!down, "nothing follows the end: {event:?}");
        match event {
            Event::Sent { id, .. } => sent.push(*id),
            Event::Failed { id, .. } => failed.push(*id),
            Event::Down { .. } => down = true,
            Event::Up { .. } => {}
            event => panic!("{event:?}"),
        }
    }
    (sent, failed, down)
}

#[test]
fn messages_go_both_ways_in_order() {
    let (mut pair, [a, b]) = Pair::up(1);
    let long = Bytes::from(vec![b'x'; 100_000]);
    let ids = [
        pair.send(1, b, long.clone()),
        pair.send(1, b, "second"),
        pair.send(1, b, ""),
    ];
    pair.send(0, a, "back");
    pair.run();
    let bodies: Vec<Bytes> = pair.sides[0].received.iter().map(|r| r.2.clone()).collect();
    assert_eq!(bodies, [long, "second".into(), "".into()]);
    assert_eq!(pair.sides[1].received[0].2, "back");
    assert_eq!(fates(&pair.sides[1].clear()), (ids.to_vec(), vec![], false));
    assert_eq!(fates(&pair.sides[0].clear()).0.len(), 1);
    // Nothing is left behind.
    for side in &pair.sides {
        assert_eq!(side.waiting(), 0);
        assert_eq!(side.endpoint.sends.len(), 0);
        assert_eq!(side.endpoint.reassembly, 0);
    }
    // The last one closes the connection that it opened.
    pair.sides[1].with(|e, cx| e.close(cx, b));
    pair.run();
    assert!(!pair.links[0].is_up);
    assert!(matches!(
        pair.sides[0].clear()[..],
        [Event::Down {
            why: Down::Connection,
            ..
        }]
    ));
    assert!(matches!(
        pair.sides[1].clear()[..],
        [Event::Down {
            why: Down::Closed,
            ..
        }]
    ));
    pair.wait(Duration::from_secs(60));
    assert!(
        pair.sides
            .iter()
            .all(|side| side.endpoint.poll_timeout().is_none())
    );
}

#[test]
fn rfc4975_5_4_sessions_share_a_connection() {
    let mut pair = Pair::new(1);
    let sessions: Vec<_> = (0..50)
        .map(|_| pair.session(&Settings::default()))
        .collect();
    for [_, b] in &sessions {
        pair.send(1, *b, "early");
    }
    pair.run();
    assert_eq!(pair.links.len(), 1);
    let got: Vec<SessionId> = pair.sides[0].received.iter().map(|r| r.0).collect();
    let expected: Vec<SessionId> = sessions.iter().map(|s| s[0]).collect();
    assert_eq!(got, expected);
    // One that ends leaves the others alone.
    let [a, b] = sessions[7];
    pair.sides[1].with(|e, cx| e.close(cx, b));
    pair.sides[0].with(|e, cx| e.close(cx, a));
    pair.run();
    assert!(pair.links[0].is_up);
    pair.send(1, sessions[8][1], "still here");
    pair.run();
    assert_eq!(pair.sides[0].received.last().unwrap().2, "still here");
}

#[test]
fn a_short_message_does_not_wait_behind_a_long_one_of_another_session() {
    let (mut pair, [_, b]) = Pair::up(1);
    let [_, c] = pair.session(&Settings::default());
    pair.run();
    let (long, size) = (Bytes::from(vec![b'x'; 2_000_000]), 2_000_000);
    let first = pair.send(1, b, long);
    for _ in 0..10 {
        pair.round();
    }
    pair.send(1, c, "short");
    let behind = pair.send(1, b, "behind");
    while pair.sides[0].received.is_empty() {
        assert!(pair.round());
    }
    assert_eq!(pair.sides[0].received[0].2, "short");
    let (done, total) = pair.sides[1].endpoint.progress(first).unwrap();
    assert!(done < 200_000 && total == Some(size), "{done}");
    // And in one session the order holds.
    pair.run();
    let sent = fates(&pair.sides[1].clear()).0;
    assert!(sent.iter().position(|id| *id == first) < sent.iter().position(|id| *id == behind));
    assert_eq!(pair.sides[0].received.last().unwrap().2, "behind");
}

#[test]
fn long_messages_share_a_connection_evenly() {
    let mut pair = Pair::new(1);
    let sessions: Vec<_> = (0..4).map(|_| pair.session(&Settings::default())).collect();
    pair.run();
    let ids: Vec<_> = sessions
        .iter()
        .map(|[_, b]| pair.send(1, *b, vec![b'x'; 4_000_000]))
        .collect();
    for _ in 0..200 {
        pair.round();
    }
    let done: Vec<u64> = ids
        .iter()
        .map(|id| pair.sides[1].endpoint.progress(*id).unwrap().0)
        .collect();
    let (min, max) = (done.iter().min().unwrap(), done.iter().max().unwrap());
    assert!(*min > 0 && max - min <= 32 * 1024, "{done:?}");
}

#[test]
fn a_connection_lost_at_any_byte_loses_no_message_silently() {
    let bodies = ["one", "two is a little longer", "three", "four"];
    let run = |lose_at: Option<usize>| {
        let mut pair = Pair::new(1);
        pair.lose_at = lose_at;
        pair.sides
            .iter_mut()
            .for_each(|side| side.limits.msrp_send_chunk = 10);
        let [_, b] = pair.session(&Settings::default());
        let ids: Vec<_> = bodies.iter().map(|body| pair.send(1, b, *body)).collect();
        pair.run();
        let (sent, failed, down) = fates(&pair.sides[1].clear());
        let received: Vec<Bytes> = pair.sides[0].received.iter().map(|r| r.2.clone()).collect();
        assert_eq!(down, lose_at.is_some());
        assert_eq!(
            [&sent[..], &failed[..]].concat(),
            ids,
            "in order, at {lose_at:?}"
        );
        assert!(received.len() >= sent.len(), "at {lose_at:?}");
        assert!(received.iter().zip(bodies).all(|(got, body)| got == body));
        for side in &pair.sides {
            assert_eq!(side.endpoint.reassembly, 0);
            assert_eq!(side.endpoint.sends.len(), 0);
            assert_eq!(side.waiting(), 0);
        }
        (pair.carried, sent.len())
    };
    let (all, sent) = run(None);
    assert_eq!(sent, bodies.len());
    let mut last = 0;
    for at in 1..all {
        let (_, sent) = run(Some(at));
        assert!(sent >= last);
        last = sent;
    }
    assert_eq!(last, bodies.len() - 1);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = || {
        let (mut pair, [a, b]) = Pair::up(7);
        pair.send(1, b, vec![b'x'; 50_000]);
        pair.send(0, a, "hi");
        let conn = pair.links[0].ends[1];
        pair.sides[1].take(conn)
    };
    assert_eq!(run(), run());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However bytes are cut, whoever sends what in which session: everything arrives once and in order.
    #[test]
    fn sessions_that_interleave_and_bytes_cut_anywhere(
        step in 1usize..5_000,
        chunk in 1usize..3_000,
        sends in proptest::collection::vec((0usize..2, 0usize..3, 0usize..6_000, 0usize..20), 1..25),
    ) {
        let mut pair = Pair::new(1);
        pair.step = step;
        pair.sides.iter_mut().for_each(|side| side.limits.msrp_send_chunk = chunk);
        let sessions: Vec<_> = (0..3).map(|_| pair.session(&Settings::default())).collect();
        let mut expected = vec![Vec::new(); 6];
        for (index, (side, session, size, rounds)) in sends.into_iter().enumerate() {
            // Bodies that look like the protocol.
            let filler = b"\r\n-------t001$\r\nMSRP t001 SEND\r\n\r\n";
            let mut body: Vec<u8> = filler.iter().cycle().take(size).copied().collect();
            body.extend_from_slice(index.to_string().as_bytes());
            expected[3 * (1 - side) + session].push(Bytes::from(body.clone()));
            pair.send(side, sessions[session][side], body);
            for _ in 0..rounds {
                pair.round();
            }
        }
        pair.run();
        for side in 0..2 {
            for session in 0..3 {
                let got: Vec<Bytes> = pair.sides[side]
                    .received
                    .iter()
                    .filter(|r| r.0 == sessions[session][side])
                    .map(|r| r.2.clone())
                    .collect();
                prop_assert_eq!(&got, &expected[3 * side + session]);
            }
        }
        prop_assert!(pair.sides.iter().all(|side| side.endpoint.reassembly == 0));
    }

    /// No bytes whatever do harm.
    #[test]
    fn noise_does_no_harm(
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
        step in 1usize..200,
    ) {
        let mut bound = bound();
        let mut bytes = [
            bound.chunk("t001", "m1", "1-5/10", "hello", '+'),
            bound.chunk("t002", "m2", "3-4/*", "xx", '+'),
            bound.request("t003", "REPORT", "Message-ID: m1\r\nStatus: 000 200 OK\r\n", None, '$'),
            bound.chunk("t004", "m1", "6-10/10", "world", '$'),
        ].concat().into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for part in bytes.chunks(step) {
            bound.side.feed(bound.conn, part.to_vec());
        }
        bound.side.take(bound.conn);
        bound.side.wait(Duration::from_secs(31));
        prop_assert_eq!(bound.side.endpoint.reassembly, 0);
    }
}
