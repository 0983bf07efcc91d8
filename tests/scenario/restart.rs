//! Machines that die.

use crate::stage::{Stage, secs};
use cpm::conversation::Status::Delivered;
use cpm::engine::Transport;
use cpm::sim::{Cut, Host};
use std::time::Duration;

#[test]
fn r108_what_was_kept_outlives_the_server() {
    let mut stage = Stage::empty(1);
    stage.enter("alice");
    let ids: Vec<_> = (0..5)
        .map(|n| stage.write("alice", "bob", &n.to_string()))
        .collect();
    stage.run(10);
    assert_eq!(stage.kept("bob"), 5);
    stage.restart_server(secs(30));
    assert_eq!(stage.kept("bob"), 5);
    stage.enter("bob");
    stage.run(300);
    assert_eq!(stage.texts("bob"), ["0", "1", "2", "3", "4"]);
    for id in ids {
        assert_eq!(stage.statuses("alice", &id), [Delivered]);
    }
    assert!(stage.store().is_empty());
}

#[test]
fn r108_clients_find_a_server_that_was_away() {
    let mut stage = Stage::new(2);
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "before");
    stage.run(5);
    stage.restart_server(secs(60));
    let after = stage.say("alice", chat, "after");
    stage.run(600);
    assert_eq!(stage.texts("bob"), ["before", "after"]);
    assert_eq!(stage.statuses("alice", &after), [Delivered]);
}

#[test]
fn r108_a_server_that_dies_at_any_moment_loses_nothing_that_it_took() {
    for moment in 0..60 {
        let mut stage = Stage::new(1000 + moment);
        let chat = stage.open("alice", "bob");
        let mut ids: Vec<_> = (0..5)
            .map(|n| stage.say("alice", chat, &format!("said {n}")))
            .collect();
        ids.extend((0..5).map(|n| stage.write("bob", "alice", &format!("written {n}"))));
        stage.run_for(Duration::from_millis(20 * moment));
        stage.restart_server(secs(5));
        stage.run(900);
        let said: Vec<_> = (0..5).map(|n| format!("said {n}")).collect();
        let written: Vec<_> = (0..5).map(|n| format!("written {n}")).collect();
        assert_eq!(stage.texts("bob"), said, "moment {moment}");
        assert_eq!(stage.texts("alice"), written, "moment {moment}");
    }
}

#[test]
fn a_device_that_dies_gets_the_rest_when_it_is_back() {
    let mut stage = Stage::new(3);
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "0");
    stage.run(5);
    stage.power_off("bob");
    for n in 1..5 {
        stage.say("alice", chat, &n.to_string());
    }
    stage.run(120);
    assert_eq!(stage.kept("bob"), 4);
    stage.add_device("bob's new phone", "bob");
    stage.register("bob's new phone");
    stage.run(120);
    let texts = stage.texts("bob's new phone");
    assert_eq!(texts, ["1", "2", "3", "4"]);
}

#[test]
fn a_store_that_is_slow_loses_nothing_whenever_a_device_dies() {
    for tenths in (0..320).step_by(5) {
        let mut stage = Stage::new(4);
        stage.with("server", |host, _| {
            if let Host::Server(server) = host {
                server.delay = secs(3);
            }
        });
        stage.part("server", "bob");
        stage.write("alice", "bob", "hello");
        stage.run_for(Duration::from_millis(100 * tenths));
        stage.cut("bob", Cut::Both);
        stage.run(60);
        stage.heal("server", "bob");
        stage.run(240);
        assert_eq!(stage.texts("bob"), ["hello"], "cut after {tenths} tenths");
        assert!(stage.store().is_empty(), "cut after {tenths} tenths");
    }
}

#[test]
fn a_device_that_died_does_not_stand_before_the_one_in_its_place() {
    let mut stage = Stage::empty(5);
    stage.transport = Transport::Udp;
    stage.enter("alice");
    stage.enter("bob");
    stage.power_off("bob");
    stage.add_device("bob's new phone", "bob");
    stage.register("bob's new phone");
    assert!(stage.is_registered("bob's new phone"));
    stage.write("alice", "bob", "hello");
    stage.run(5);
    assert_eq!(stage.texts("bob's new phone"), ["hello"]);
}

/// A device on UDP does not notice that its server died; the server remembers where it was.
#[test]
fn r108_devices_on_udp_are_found_again_after_a_restart() {
    let mut stage = Stage::empty(21);
    stage.transport = Transport::Udp;
    stage.enter("alice");
    stage.enter("bob");
    stage.restart_server(secs(2));
    let message = stage.write("alice", "bob", "still there?");
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["still there?"]);
    assert_eq!(stage.statuses("alice", &message), [Delivered]);
    // Who has left is not remembered.
    stage.leave("bob");
    stage.restart_server(secs(2));
    stage.write("alice", "bob", "and now?");
    stage.run(60);
    assert_eq!(stage.kept("bob"), 1);
}
