//! Somebody speaks MSRP wrongly to the server and to a device, in ways drawn from a seed: nobody else loses anything,
//! and nobody grows.

use crate::stage::{Stage, secs, uri};
use allocation_counter::measure;
use cpm::sim::{Host, Hostile};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What everybody together may hold at one time for all that is thrown at them, with what is on its way. Much more is
/// said.
const MOST: u64 = 4 << 20;

/// Alice and Bob, and three who would like to harm them, one of whom has listened and knows what paths there are.
fn play(seed: u64) {
    let mut stage = Stage::empty(seed);
    stage.reachable = true;
    stage.enter("alice");
    stage.enter("bob");
    stage.record(true);
    let chat = stage.client("alice", |client, now| client.open_chat(now, uri("bob")));
    let mut sent = vec![stage.say("alice", chat, "before")];
    stage.run_for(secs(2));
    // What stands in the messages of MSRP so far, each way.
    let mut paths = Vec::new();
    for seen in stage.take_seen() {
        let text = String::from_utf8_lossy(&seen.sighting.bytes).into_owned();
        let line = |name: &str| {
            let line = text.split("\r\n").find_map(|line| line.strip_prefix(name));
            line.map(str::to_owned)
        };
        if text.starts_with("MSRP ")
            && let (Some(to), Some(from)) = (line("To-Path: "), line("From-Path: "))
        {
            paths.push((to, from));
        }
    }
    stage.record(false);
    paths.sort_unstable();
    paths.dedup();
    assert!(paths.len() >= 2, "{paths:?}");
    let server = SocketAddr::new(stage.ip("server"), 2855);
    let device = SocketAddr::new(stage.ip("bob"), 2855);
    let names = ["mallory", "eve", "trudy"];
    for (index, name) in names.into_iter().enumerate() {
        let now = stage.now();
        let mut hostile = Hostile::new(stage.seed(), now).against(server);
        if index > 0 {
            hostile = hostile.against(device);
        }
        if index == 2 {
            for (to, from) in &paths {
                hostile.learn(to, from);
            }
        }
        let ip = IpAddr::from([192, 0, 2, 60 + u8::try_from(index).unwrap()]);
        stage.add(name, ip, Host::Hostile(hostile));
    }
    let taken = measure(|| {
        for number in 0..20 {
            stage.run_for(Duration::from_millis(700));
            sent.push(stage.say("alice", chat, &format!("message {number}")));
        }
        stage.run_for(secs(5));
    });
    let said: u64 = names
        .iter()
        .map(|name| stage.hostile(name, |hostile| hostile.said()))
        .sum();
    assert!(said > MOST + (2 << 20), "{seed}: {said}");
    assert!(taken.bytes_max < MOST, "{seed}: {}", taken.bytes_max);
    // Everything has come, once and in order.
    let texts: Vec<String> = stage.texts("bob");
    assert_eq!(texts.len(), sent.len(), "{seed}: {texts:?}");
    assert_eq!(texts[0], "before");
    for (number, text) in texts[1..].iter().enumerate() {
        assert_eq!(*text, format!("message {number}"), "{seed}");
    }
    // And when they have gone nothing is left of them.
    let freed = measure(|| {
        for name in names {
            stage.hostile(name, Hostile::stop);
        }
        stage.run_for(secs(90));
    });
    let left = taken.bytes_current + freed.bytes_current;
    assert!(left < 2 << 20, "{seed}: {left} bytes are left");
}

#[test]
fn nobody_is_harmed_by_who_speaks_msrp_wrongly() {
    for seed in 0..4 {
        play(seed);
    }
}
