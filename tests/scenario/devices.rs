//! A user with several devices.

use crate::stage::{Stage, header, secs, uri};
use cpm::client::{ChatId, Event};
use cpm::conversation::Ending;
use cpm::conversation::Status::{Delivered, Displayed};
use cpm::participating::{Devices, Retrieval, Subscriber};
use cpm::store::Directory;
use cpm::wire::Text;

const PHONES: [&str; 3] = ["bob", "bob's tablet", "bob's watch"];

/// What bob wants of his devices.
fn wants(devices: Devices) -> impl FnOnce(&mut Directory) {
    |directory| {
        let bob = directory.get("sip:bob@example.com").unwrap().clone();
        let mut preferences = bob.preferences.clone();
        preferences.devices = devices;
        directory.insert(&uri("bob"), Subscriber { preferences, ..bob });
    }
}

/// The identity of the device that came as number `n`.
fn instance(n: u8) -> Text {
    Text::from(format!("urn:uuid:00000000-0000-4000-8000-{n:012}"))
}

/// Alice, and bob with as many devices.
fn stage(seed: u64, devices: Devices, count: usize) -> Stage {
    let mut stage = Stage::with(seed, |_| {}, wants(devices));
    stage.enter("alice");
    for name in &PHONES[..count] {
        stage.add_device(name, "bob");
        stage.register(name);
    }
    stage
}

fn count(stage: &Stage, who: &str, is: impl Fn(&Event) -> bool) -> usize {
    let events = stage.client_events(who).into_iter();
    events.filter(|event| is(event)).count()
}

fn invited(stage: &Stage, who: &str) -> Option<ChatId> {
    let events = stage.client_events(who).into_iter();
    let mut chats = events.filter_map(|event| match event {
        Event::Invited { chat, .. } => Some(*chat),
        _ => None,
    });
    chats.next()
}

#[test]
fn r110_r124_r127_each_device_gets_a_message_once_and_its_sender_one_report() {
    for count in [2, 3] {
        let mut stage = stage(800, Devices::All, count);
        stage.record(true);
        let hello = stage.write("alice", "bob", "hello");
        let long = stage.write("alice", "bob", &"x".repeat(5_000));
        stage.run(10);
        for name in &PHONES[..count] {
            let texts = stage.texts(name);
            assert_eq!(texts, ["hello".to_owned(), "x".repeat(5_000)], "{name}");
            stage.read_all(name);
            stage.run(1);
        }
        stage.run(10);
        for id in [&hello, &long] {
            assert_eq!(stage.statuses("alice", id), [Delivered, Displayed]);
        }
        let to_alice = stage.requests("server", "MESSAGE").into_iter();
        let to_alice = to_alice.filter(|message| message.starts_with("MESSAGE sip:alice@198"));
        assert_eq!(
            to_alice.count(),
            4,
            "two of each kind, whatever the devices say"
        );
    }
}

#[test]
fn r110_r121_only_the_chosen_devices_get_a_message() {
    for (seed, devices, expected) in [
        (810, Devices::Preferred, [0, 0, 1]),
        (
            811,
            Devices::Instances(vec![instance(2), instance(4)]),
            [1, 0, 1],
        ),
        (812, Devices::Instances(vec![instance(3)]), [0, 1, 0]),
        (813, Devices::Feature("+g.3gpp.icsi-ref".into()), [1, 1, 1]),
    ] {
        let mut stage = stage(seed, devices.clone(), 3);
        let hello = stage.write("alice", "bob", "hello");
        stage.run(10);
        let got = PHONES.map(|name| stage.texts(name).len());
        assert_eq!(got, expected, "{devices:?}");
        assert_eq!(stage.statuses("alice", &hello), [Delivered], "{devices:?}");
    }
}

#[test]
fn r110_a_message_waits_for_the_chosen_device() {
    let mut stage = stage(820, Devices::Instances(vec![instance(3)]), 1);
    let hello = stage.write("alice", "bob", "hello");
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "and this");
    stage.run(10);
    assert!(stage.texts("bob").is_empty());
    assert_eq!(stage.kept("bob"), 2);
    stage.add_device(PHONES[1], "bob");
    stage.register(PHONES[1]);
    stage.run(10);
    assert_eq!(stage.texts(PHONES[1]), ["hello", "and this"]);
    assert!(stage.texts("bob").is_empty());
    assert_eq!(stage.statuses("alice", &hello), [Delivered]);
    assert_eq!(stage.kept("bob"), 0);
}

#[test]
fn r110_a_device_that_is_lost_holds_nobody_up_and_gets_nothing_later() {
    let mut stage = stage(830, Devices::All, 2);
    stage.unplug(PHONES[1]);
    let hello = stage.write("alice", "bob", "hello");
    stage.run(5);
    assert_eq!(stage.statuses("alice", &hello), [Delivered]);
    let again = stage.write("alice", "bob", "again");
    stage.run(300);
    assert_eq!(stage.texts("bob"), ["hello", "again"]);
    assert_eq!(stage.statuses("alice", &again), [Delivered]);
    assert_eq!((stage.kept("bob"), stage.store().len()), (0, 0));
}

#[test]
fn r110_what_no_device_took_is_kept_and_comes_once() {
    let mut stage = stage(840, Devices::All, 2);
    for name in &PHONES[..2] {
        stage.unplug(name);
    }
    let texts = ["one", "two", "three"];
    let said = texts.map(|text| stage.write("alice", "bob", text));
    stage.run(120);
    assert_eq!(stage.kept("bob"), 3);
    for name in &PHONES[..2] {
        stage.plug(name);
    }
    stage.run(300);
    for name in &PHONES[..2] {
        let mut got = stage.texts(name);
        got.dedup();
        assert_eq!(got.len(), stage.texts(name).len(), "{name}: nothing twice");
    }
    let all = PHONES[..2].iter().any(|name| stage.texts(name) == texts);
    assert!(all, "in order, on the device that was back first");
    for id in &said {
        assert_eq!(stage.statuses("alice", id), [Delivered]);
    }
    assert_eq!((stage.kept("bob"), stage.store().len()), (0, 0));
}

#[test]
fn r110_what_was_kept_goes_to_every_device_that_is_there() {
    let mut stage = stage(850, Devices::All, 2);
    for name in &PHONES[..2] {
        stage.unplug(name);
    }
    stage.run(300);
    let chat = stage.open("alice", "bob");
    for n in 0..5 {
        stage.say("alice", chat, &format!("{n}"));
    }
    stage.write("alice", "bob", "message");
    stage.run(60);
    assert_eq!(stage.kept("bob"), 6);
    stage.server("server", |server, now| {
        server
            .store
            .directory
            .get_mut("sip:bob@example.com")
            .unwrap()
            .preferences
            .unwilling = true;
        server.node.preferences_changed(now, "sip:bob@example.com");
    });
    for name in &PHONES[..2] {
        stage.plug(name);
    }
    stage.run(60);
    assert_eq!(
        stage.kept("bob"),
        6,
        "both are there, and not to be disturbed"
    );
    stage.server("server", |server, now| {
        let bob = server.store.directory.get_mut("sip:bob@example.com");
        bob.unwrap().preferences.unwilling = false;
        server.node.preferences_changed(now, "sip:bob@example.com");
    });
    stage.run(60);
    for name in &PHONES[..2] {
        assert_eq!(
            stage.texts(name),
            ["0", "1", "2", "3", "4", "message"],
            "{name}"
        );
    }
    assert_eq!((stage.kept("bob"), stage.store().len()), (0, 0));
}

#[test]
fn r122_r125_a_chat_rings_on_every_device_until_one_accepts() {
    for (seed, taker, count_of) in [(860, 0, 2), (861, 1, 2), (862, 2, 3)] {
        let mut stage = Stage::with(seed, |_| {}, |_| {});
        stage.enter("alice");
        stage.clients(|config| config.auto_accept = false);
        for name in &PHONES[..count_of] {
            stage.add_device(name, "bob");
            stage.register(name);
        }
        stage.record(true);
        let chat = stage.open("alice", "bob");
        stage.say("alice", chat, "hello");
        stage.run(5);
        for name in &PHONES[..count_of] {
            assert!(invited(&stage, name).is_some(), "{name} rings");
        }
        let bobs = invited(&stage, PHONES[taker]).unwrap();
        stage.client(PHONES[taker], |bob, now| bob.accept_chat(now, bobs));
        stage.run(5);
        assert!(stage.is_open("alice", chat));
        assert_eq!(stage.texts(PHONES[taker]), ["hello"]);
        for (at, name) in PHONES[..count_of].iter().enumerate() {
            if at == taker {
                continue;
            }
            assert!(stage.texts(name).is_empty());
            let over = |event: &Event| {
                matches!(event, Event::Ended { ending: Ending::Cancelled { reason: Some(reason) }, .. }
                    if reason.cause == Some(200))
            };
            assert_eq!(count(&stage, name, over), 1, "{name} stops ringing");
        }
        let cancels = stage.requests("server", "CANCEL");
        assert_eq!(cancels.len(), count_of - 1);
        for cancel in cancels {
            let reason = header(&cancel, "Reason").unwrap();
            assert_eq!(reason, "SIP;cause=200;text=\"Call completed elsewhere\"");
        }
        stage.say(PHONES[taker], bobs, "hi");
        stage.run(5);
        assert_eq!(stage.texts("alice"), ["hi"]);
    }
}

#[test]
fn r122_who_declines_on_one_device_declines_on_all() {
    let mut stage = Stage::empty(870);
    stage.enter("alice");
    stage.clients(|config| config.auto_accept = false);
    for name in &PHONES[..2] {
        stage.add_device(name, "bob");
        stage.register(name);
    }
    let chat = stage.open("alice", "bob");
    stage.run(5);
    let bobs = invited(&stage, PHONES[0]).unwrap();
    stage.client(PHONES[0], |bob, now| bob.decline_chat(now, bobs));
    stage.run(5);
    assert!(!stage.is_open("alice", chat));
    let refused = |event: &Event| {
        matches!(event, Event::Ended { ending: Ending::Refused { status, .. }, .. }
            if status.code() == 603)
    };
    assert_eq!(count(&stage, "alice", refused), 1);
    let stopped = |event: &Event| matches!(event, Event::Ended { .. });
    assert_eq!(
        count(&stage, PHONES[1], stopped),
        1,
        "the other stops ringing"
    );
}

#[test]
fn r122_r129_of_devices_that_all_accept_one_has_the_chat() {
    for seed in 880..890 {
        let mut stage = stage(seed, Devices::All, 3);
        let chat = stage.open("alice", "bob");
        let said = ["one", "two", "three"].map(|text| stage.say("alice", chat, text));
        stage.run(10);
        let got = PHONES.map(|name| stage.texts(name));
        let mut with = got.iter().filter(|texts| !texts.is_empty());
        assert_eq!(
            with.next().unwrap(),
            &["one", "two", "three"],
            "seed {seed}"
        );
        assert_eq!(with.next(), None, "seed {seed}: one device has the chat");
        let open = PHONES.map(|name| stage.client(name, |bob, _| bob.open_chats().len()));
        assert_eq!(
            open.iter().sum::<usize>(),
            1,
            "seed {seed}: the others left"
        );
        for id in &said {
            assert_eq!(stage.statuses("alice", id), [Delivered], "seed {seed}");
        }
        assert_eq!(stage.kept("bob"), 0, "seed {seed}");
    }
}

#[test]
fn r122_a_chat_that_nobody_answers_on_any_device_is_kept() {
    let mut stage = Stage::empty(891);
    stage.enter("alice");
    for name in &PHONES[..2] {
        stage.add_device(name, "bob");
        stage.register(name);
        stage.unplug(name);
    }
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "are you there?");
    stage.run(120);
    assert_eq!(stage.kept("bob"), 1);
}

#[test]
fn r126_every_device_is_told_what_waits_and_one_fetches_it() {
    let mut stage = Stage::with(
        892,
        |_| {},
        |directory| {
            let bob = directory.get_mut("sip:bob@example.com").unwrap();
            bob.preferences.retrieval = Retrieval::Pull;
        },
    );
    stage.enter("alice");
    stage.write("alice", "bob", "kept");
    stage.run(5);
    for name in &PHONES[..2] {
        stage.add_device(name, "bob");
        stage.register(name);
    }
    stage.run_for(secs(10));
    for name in &PHONES[..2] {
        let told = |event: &Event| matches!(event, Event::Deferred { total: 1, .. });
        assert!(count(&stage, name, told) > 0, "{name}");
    }
    stage.client(PHONES[1], |bob, now| bob.fetch_deferred(now, None));
    stage.run(5);
    assert_eq!(stage.texts(PHONES[1]), ["kept"]);
    assert!(stage.texts(PHONES[0]).is_empty());
}

#[test]
fn rfc5627_5_3_what_is_sent_to_a_gruu_reaches_that_device_and_no_other() {
    let mut stage = stage(890, Devices::All, 3);
    let gruu = |n: &str| format!("sip:bob@example.com;gr={n}").parse().unwrap();
    stage.write_to("alice", &gruu(&instance(3)), "for your tablet");
    stage.run(10);
    let got =
        |stage: &Stage, who| count(stage, who, |event| matches!(event, Event::Message { .. }));
    let all = PHONES.map(|who| got(&stage, who));
    assert_eq!(all, [0, 1, 0]);
    // A device that is not there: nobody else gets it, and it is not kept.
    let mut stage = self::stage(891, Devices::All, 3);
    stage.write_to("alice", &gruu("urn:uuid:none"), "for nobody");
    stage.run(10);
    assert_eq!(PHONES.map(|who| got(&stage, who)), [0, 0, 0]);
    assert_eq!(stage.kept("bob"), 0);
}
