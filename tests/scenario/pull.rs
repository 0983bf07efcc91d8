//! A user who is told what waits, and chooses.

use crate::stage::{Stage, header, secs, uri};
use cpm::client::{Event, Options};
use cpm::conversation::Ending;
use cpm::conversation::Status::{Delivered, Displayed};
use cpm::deferred::Item;
use cpm::participating::{Retrieval, Subscriber};
use cpm::store::Directory;
use cpm::wire::Text;

fn pulls(directory: &mut Directory) {
    let bob = directory.get("sip:bob@example.com").unwrap().clone();
    let mut preferences = bob.preferences.clone();
    preferences.retrieval = Retrieval::Pull;
    directory.insert(&uri("bob"), Subscriber { preferences, ..bob });
}

/// Bob chooses; alice is there, and he is not.
fn stage(seed: u64) -> Stage {
    let mut stage = Stage::with(seed, |_| {}, pulls);
    stage.enter("alice");
    stage.enter("bob");
    stage.leave("bob");
    stage
}

/// The lists that bob was given.
fn lists(stage: &Stage) -> Vec<Vec<Item>> {
    let events = stage.client_events("bob").into_iter();
    let lists = events.filter_map(|event| match event {
        Event::Deferred { messages, .. } => Some(messages.clone()),
        _ => None,
    });
    lists.collect()
}

fn ids(items: &[Item]) -> Vec<Text> {
    items.iter().map(|item| item.id.clone()).collect()
}

fn fetched(stage: &Stage) -> Vec<(usize, Ending)> {
    let events = stage.client_events("bob").into_iter();
    let ends = events.filter_map(|event| match event {
        Event::Fetched { messages, ending } => Some((*messages, ending.clone())),
        _ => None,
    });
    ends.collect()
}

#[test]
fn r109_r111_who_chooses_is_told_what_waits_and_fetches_all_of_it() {
    let mut stage = stage(700);
    stage.record(true);
    let short = stage.write("alice", "bob", "short");
    stage.run(60);
    let long = stage.write("alice", "bob", &"x".repeat(50_000));
    stage.run(20);
    stage.register("bob");
    stage.run(10);
    assert!(stage.texts("bob").is_empty(), "nothing is pushed");
    let list = lists(&stage).concat();
    assert_eq!(list.len(), 2, "told once of both");
    for (item, size) in list.iter().zip([200..2_000, 50_000..52_000]) {
        assert_eq!(item.sender.as_deref(), Some("sip:alice@example.com"));
        assert!(size.contains(&item.size.unwrap()), "{item:?}");
        assert!(item.expires > item.sent);
    }
    let span = list[1].sent.unwrap() - list[0].sent.unwrap();
    assert_eq!(span.num_seconds(), 60, "the time at which each was sent");
    let told = stage.requests("server", "MESSAGE");
    assert!(told.last().unwrap().contains("oma.cpm.systemmsg"));

    assert!(stage.client("bob", |bob, now| bob.fetch_deferred(now, None)));
    stage.run(10);
    assert_eq!(stage.texts("bob"), ["short".to_owned(), "x".repeat(50_000)]);
    assert_eq!(fetched(&stage), [(2, Ending::Left)]);
    assert_eq!((stage.kept("bob"), stage.store().len()), (0, 0));
    let asked = stage.requests("bob", "INVITE");
    assert!(asked[0].contains("oma.cpm.deferred"), "{}", asked[0]);
    stage.read_all("bob");
    stage.run(5);
    for id in [&short, &long] {
        assert_eq!(stage.statuses("alice", id), [Delivered, Displayed]);
    }
    // A report belongs to the conversation of what it reports on.
    let written = stage.requests("alice", "MESSAGE");
    let report = stage.requests("bob", "MESSAGE");
    let conversation = |message: &str| header(message, "Conversation-ID").unwrap().to_owned();
    assert_eq!(conversation(&report[0]), conversation(&written[0]));
}

#[test]
fn r111_some_are_fetched_some_discarded_and_the_rest_stays() {
    let mut stage = stage(701);
    for text in ["one", "two", "three", "four"] {
        stage.write("alice", "bob", text);
        stage.run(5);
    }
    stage.register("bob");
    stage.run(5);
    let ids = ids(&lists(&stage).concat());
    let (some, others) = ([ids[1].clone(), ids[3].clone()], [ids[2].clone()]);
    stage.client("bob", |bob, now| bob.fetch_deferred(now, Some(&some)));
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["two", "four"]);
    assert_eq!(stage.kept("bob"), 2);
    stage.client("bob", |bob, now| bob.discard_deferred(now, &others));
    stage.run(5);
    let gone = |event: &&Event| matches!(event, Event::Discarded { status: None });
    assert!(stage.client_events("bob").iter().any(gone));
    assert_eq!((stage.kept("bob"), stage.store().len()), (1, 1));
    stage.client("bob", |bob, now| bob.fetch_deferred(now, None));
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["two", "four", "one"]);
    stage.client("bob", |bob, now| bob.fetch_deferred(now, None));
    stage.run(5);
    let (messages, ending) = fetched(&stage).pop().unwrap();
    assert!(matches!(ending, Ending::Refused { status, .. } if status.code() == 404));
    assert_eq!(messages, 0);
}

#[test]
fn r109_what_comes_meanwhile_does_not_wait_behind_what_was_kept() {
    let mut stage = stage(702);
    stage.write("alice", "bob", "kept");
    stage.run(5);
    stage.register("bob");
    stage.run(5);
    stage.write("alice", "bob", "at once");
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "in a chat");
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["at once", "in a chat"]);
    assert_eq!((stage.kept("bob"), lists(&stage).len()), (1, 1));
}

#[test]
fn r109_reports_are_pushed_whatever_the_user_chose() {
    let mut stage = Stage::with(703, |_| {}, pulls);
    stage.enter("alice");
    stage.enter("bob");
    let hello = stage.write("bob", "alice", "hello");
    stage.run(5);
    stage.leave("bob");
    stage.read_all("alice");
    stage.run(5);
    stage.write("alice", "bob", "kept");
    stage.run(5);
    assert_eq!(stage.kept("bob"), 2);
    stage.register("bob");
    stage.run(10);
    assert_eq!(stage.statuses("bob", &hello), [Delivered, Displayed]);
    assert_eq!((stage.kept("bob"), lists(&stage).concat().len()), (1, 1));
}

#[test]
fn r109_a_chat_that_was_missed_is_fetched_as_well() {
    let mut stage = stage(704);
    let chat = stage.open("alice", "bob");
    let said = ["one", "two", "three"].map(|text| stage.say("alice", chat, text));
    stage.run(5);
    stage.end("alice", chat);
    stage.run(5);
    stage.register("bob");
    stage.run(5);
    stage.client("bob", |bob, now| bob.fetch_deferred(now, None));
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["one", "two", "three"]);
    assert_eq!(stage.messages("bob")[0].from, "sip:alice@example.com");
    for id in &said {
        assert_eq!(stage.statuses("alice", id), [Delivered]);
    }
}

#[test]
fn r109_what_breaks_off_stays_and_comes_once() {
    for cut in [0, 5, 20, 60, 200, 500] {
        let mut stage = stage(710 + cut);
        let texts: Vec<_> = (0..5).map(|n| format!("{n}").repeat(30_000)).collect();
        for text in &texts {
            stage.write("alice", "bob", text);
            stage.run(10);
        }
        stage.register("bob");
        stage.run(5);
        stage.client("bob", |bob, now| bob.fetch_deferred(now, None));
        stage.run_for(std::time::Duration::from_millis(cut));
        stage.unplug("bob");
        stage.run(120);
        stage.plug("bob");
        stage.run(180);
        stage.client("bob", |bob, now| bob.fetch_deferred(now, None));
        stage.run(60);
        assert_eq!(stage.texts("bob"), texts, "cut after {cut} ms");
        assert_eq!(stage.kept("bob"), 0, "cut after {cut} ms");
    }
}

#[test]
fn r109_what_waits_survives_the_server_and_is_told_again() {
    let mut stage = stage(720);
    stage.write("alice", "bob", "kept");
    stage.run(5);
    stage.restart_server(secs(2));
    stage.run(60);
    stage.register("bob");
    stage.run(60);
    assert_eq!(lists(&stage).concat().len(), 1);
    stage.client("bob", |bob, now| bob.fetch_deferred(now, None));
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["kept"]);
}

#[test]
fn r109_nobody_fetches_what_is_somebody_elses() {
    let mut stage = stage(721);
    stage.write("alice", "bob", "for bob alone");
    stage.run(5);
    stage.enter("carol");
    let all = (1..50)
        .map(|n| Text::from(n.to_string()))
        .collect::<Vec<_>>();
    stage.client("carol", |carol, now| carol.fetch_deferred(now, None));
    stage.client("carol", |carol, now| carol.discard_deferred(now, &all));
    stage.run(5);
    assert!(stage.texts("carol").is_empty());
    assert_eq!(stage.kept("bob"), 1);
}

#[test]
fn r112_what_nobody_fetches_expires_all_the_same() {
    let mut stage = stage(722);
    let options = Options {
        lifetime: Some(secs(600)),
        ..Options::default()
    };
    stage.write_with("alice", "bob", "kept", &options);
    stage.run(5);
    stage.register("bob");
    stage.run(590);
    assert_eq!(stage.kept("bob"), 1);
    stage.run(10);
    assert_eq!(stage.kept("bob"), 0);
}
