//! Networks that lose, double and reorder.

use crate::stage::{Stage, secs};
use cpm::conversation::Status::{Delivered, Displayed};
use cpm::engine::Transport;
use cpm::sim::Link;

fn bad() -> Link {
    Link {
        lost: 200,
        doubled: 100,
        reordered: 100,
        ..Link::default()
    }
}

#[test]
fn r19_messages_survive_a_network_that_loses_every_fifth_datagram() {
    for seed in 0..10 {
        let mut stage = Stage::empty(seed);
        stage.transport = Transport::Udp;
        stage.enter("alice");
        stage.enter("bob");
        stage.set_link(bad());
        let ids: Vec<_> = (0..5)
            .map(|n| stage.write("alice", "bob", &n.to_string()))
            .collect();
        stage.run(300);
        assert_eq!(stage.texts("bob"), ["0", "1", "2", "3", "4"], "seed {seed}");
        stage.read_all("bob");
        stage.run(300);
        for id in &ids {
            assert_eq!(
                stage.statuses("alice", id),
                [Delivered, Displayed],
                "seed {seed}"
            );
        }
    }
}

#[test]
fn r19_chats_survive_a_network_that_loses_every_fifth_datagram() {
    for seed in 0..10 {
        let mut stage = Stage::empty(seed);
        stage.transport = Transport::Udp;
        stage.enter("alice");
        stage.enter("bob");
        stage.set_link(bad());
        let chat = stage.open("alice", "bob");
        let ids: Vec<_> = (0..5)
            .map(|n| stage.say("alice", chat, &n.to_string()))
            .collect();
        stage.run(300);
        assert_eq!(stage.texts("bob"), ["0", "1", "2", "3", "4"], "seed {seed}");
        stage.end("alice", chat);
        stage.run(60);
        for id in &ids {
            assert_eq!(stage.statuses("alice", id), [Delivered], "seed {seed}");
        }
    }
}

#[test]
fn g2_a_parted_network_holds_messages_up_and_loses_none() {
    for time in [5, 50, 500] {
        let mut stage = Stage::new(time);
        let chat = stage.open("alice", "bob");
        stage.run(5);
        stage.part("alice", "server");
        let said: Vec<_> = (0..5)
            .map(|n| stage.say("alice", chat, &n.to_string()))
            .collect();
        stage.run(time);
        stage.heal("alice", "server");
        stage.run(300);
        assert_eq!(stage.texts("bob"), ["0", "1", "2", "3", "4"], "{time} s");
        for id in &said {
            assert_eq!(stage.statuses("alice", id), [Delivered], "{time} s");
        }
    }
}

#[test]
fn g2_the_same_seed_is_the_same_run() {
    let hash = |seed| {
        let mut stage = Stage::empty(seed);
        stage.transport = Transport::Udp;
        stage.enter("alice");
        stage.enter("bob");
        stage.set_link(bad());
        stage.write("alice", "bob", "hello");
        let chat = stage.open("bob", "alice");
        stage.say("bob", chat, "hi");
        stage.run_for(secs(100));
        stage.trace_hash()
    };
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}
