//! §6: clients and relays in a world of their own, with latencies and streams cut anywhere.

use super::stage::{Heard, Host, Stage, exchange};
use bytes::Bytes;
use cpm::engine::{Protocol, Transport};
use cpm::msrp::{Role, Status, Uri};
use std::time::Duration;

const A: &str = "a.example.com";
const B: &str = "b.example.com";

#[test]
fn rfc4976_3_client_relay_client() {
    for seed in 0..5 {
        let mut stage = Stage::new(seed);
        let sessions = stage.pair(&[A], &[A]);
        exchange(&mut stage, sessions);
    }
}

#[test]
fn rfc4976_3_client_relay_relay_client() {
    for seed in 0..5 {
        let mut stage = Stage::new(seed);
        let sessions = stage.pair(&[A], &[B]);
        exchange(&mut stage, sessions);
    }
}

#[test]
fn rfc4976_3_client_with_two_relays_and_a_client_without() {
    let mut stage = Stage::new(1);
    stage
        .world
        .listen("bob", Protocol::Msrp, Transport::Tls, 2855);
    let sessions = stage.pair(&[A, B], &[]);
    exchange(&mut stage, sessions);
}

#[test]
fn rfc4976_3_a_client_without_a_relay_opens_the_connection_to_that_of_the_other() {
    let mut stage = Stage::new(1);
    let (bob, bob_path) = stage.session("bob", &[A]);
    // She listens nowhere: the relay can reach her only the way she came.
    let (alice, alice_path) = stage.session("alice", &[]);
    stage.with("bob", |endpoint, cx| {
        endpoint.start(cx, bob, alice_path, Role::Passive);
    });
    stage.with("alice", |endpoint, cx| {
        endpoint.start(cx, alice, bob_path, Role::Active { peer: None });
    });
    stage.run();
    exchange(&mut stage, [alice, bob]);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = |seed| {
        let mut stage = Stage::new(seed);
        let sessions = stage.pair(&[A], &[B]);
        exchange(&mut stage, sessions);
        stage.world.trace_hash()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn rfc4976_6_4_a_relay_that_is_gone_is_reported() {
    let mut stage = Stage::new(1);
    let [a, _] = stage.pair(&[A], &[B]);
    stage.send("alice", a, &Bytes::from("arrives"));
    stage.run();
    stage.world.crash(B);
    stage.send("alice", a, &Bytes::from("does not"));
    stage.world.run_for(Duration::from_secs(120));
    assert_eq!(stage.got("bob"), ["arrives"]);
    assert_eq!(stage.reports("alice"), [Status::OK, Status::TIMEOUT]);
}

/// Class 12 of the attacks: a path that leads round in circles.
#[test]
fn two_relays_that_name_each_other_pass_a_request_on_at_most_once() {
    let mut stage = Stage::new(1);
    let (session, path) = stage.session("alice", &[A, B]);
    // What she has of both: A/x and B/y, with which she may send through both.
    let (y, x) = (path[0].clone(), path[1].clone());
    let mut circle: Vec<Uri> = [x, y].into_iter().cycle().take(6).collect();
    circle.push("msrps://bob:2855/z;tcp".parse().unwrap());
    stage.world.record(true);
    stage.with("alice", |endpoint, cx| {
        endpoint.start(cx, session, circle, Role::Active { peer: None });
    });
    stage.send("alice", session, &Bytes::from("round and round"));
    stage.run();
    let passed = stage
        .world
        .seen()
        .iter()
        .filter(|seen| format!("{seen:?}").contains("round and round"))
        .count();
    // Out of alice, and at the most into the first relay and out of it.
    assert!((1..=4).contains(&passed), "{passed}");
    let (session, _) = stage.session("alice", &[A]);
    assert!(stage.with("alice", |endpoint, _| {
        endpoint.local_path(session).is_some()
    }));
}

#[test]
fn a_long_transfer_through_relays_runs_in_constant_memory() {
    let mut stage = Stage::new(1);
    let [a, _] = stage.pair(&[A], &[B]);
    stage.run();
    let body = Bytes::from(vec![b'z'; 8_000_000]);
    stage.send("alice", a, &body);
    let mut most = 0;
    let arrived = stage.world.run_until(
        |world| {
            for name in [A, B] {
                if let Host::Relay(relay) = world.machine(name) {
                    most = most.max(relay.machine().relayed_bytes());
                }
            }
            world
                .events("bob")
                .any(|e| matches!(e, Heard::Got(got) if got.len() == body.len()))
        },
        Duration::from_secs(600),
    );
    assert!(arrived);
    assert!(most < 512 * 1024, "{most}");
}
