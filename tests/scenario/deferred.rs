//! People who are away, and what waits for them.

use crate::stage::Stage;
use cpm::conversation::Status::{Delivered, Displayed, Failed, Sent};
use cpm::participating::{Absence, Preferences};
use cpm::sim::Cut;

#[test]
fn r103_r106_r109_a_message_waits_for_who_is_away() {
    let mut stage = Stage::empty(1);
    stage.enter("alice");
    let hello = stage.write("alice", "bob", "hello");
    stage.run(5);
    assert_eq!(stage.kept("bob"), 1);
    assert_eq!(stage.statuses("alice", &hello), [Sent]);
    stage.run(3600);
    stage.enter("bob");
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["hello"]);
    assert_eq!(stage.statuses("alice", &hello), [Delivered]);
    stage.read_all("bob");
    stage.run(5);
    assert_eq!(stage.statuses("alice", &hello), [Delivered, Displayed]);
    assert_eq!(stage.kept("bob"), 0);
    assert!(stage.store().is_empty());
}

#[test]
fn r3_r4_r90_a_chat_with_who_is_away_is_answered_and_kept() {
    let mut stage = Stage::empty(2);
    stage.enter("alice");
    let chat = stage.open("alice", "bob");
    let said = ["one", "two", "three"].map(|text| stage.say("alice", chat, text));
    stage.run(10);
    assert!(stage.is_open("alice", chat), "answered on bob's behalf");
    assert_eq!(stage.kept("bob"), 3);
    for id in &said {
        assert_eq!(stage.statuses("alice", id), [Sent]);
    }
    stage.enter("bob");
    stage.run(10);
    assert_eq!(stage.texts("bob"), ["one", "two", "three"]);
    assert!(
        stage
            .messages("bob")
            .iter()
            .all(|m| m.from == "sip:alice@example.com")
    );
    stage.read_all("bob");
    stage.run(10);
    for id in &said {
        assert_eq!(stage.statuses("alice", id), [Delivered, Displayed]);
    }
    assert!(stage.store().is_empty());
}

#[test]
fn r90_who_comes_back_is_taken_into_the_chat_that_waits() {
    let mut stage = Stage::empty(3);
    stage.enter("alice");
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "one");
    stage.run(10);
    stage.enter("bob");
    stage.run(10);
    stage.say("alice", chat, "two");
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["one", "two"]);
    let bobs = stage.chat_of("bob");
    assert!(stage.is_open("bob", bobs), "late bridge");
    stage.say("bob", bobs, "three");
    stage.run(5);
    assert_eq!(stage.texts("alice"), ["three"]);
}

#[test]
fn r103_a_large_message_waits_for_who_is_away() {
    let mut stage = Stage::empty(4);
    stage.enter("alice");
    let text = "x".repeat(100_000);
    let id = stage.write("alice", "bob", &text);
    stage.run(20);
    assert_eq!(stage.kept("bob"), 1);
    assert_eq!(stage.statuses("alice", &id), [Sent]);
    stage.enter("bob");
    stage.run(20);
    assert_eq!(stage.texts("bob"), [text]);
    assert_eq!(stage.statuses("alice", &id), [Delivered]);
    assert!(stage.store().is_empty());
}

#[test]
fn r4_r102_reports_wait_for_who_is_away() {
    let mut stage = Stage::empty(5);
    stage.enter("alice");
    let pager = stage.write("alice", "bob", "pager");
    let chat = stage.open("alice", "bob");
    let said = stage.say("alice", chat, "said");
    stage.run(10);
    stage.end("alice", chat);
    stage.run(2);
    stage.leave("alice");
    stage.enter("bob");
    stage.run(10);
    stage.read_all("bob");
    stage.run(10);
    assert_eq!(stage.texts("bob").len(), 2);
    assert_eq!(stage.kept("alice"), 4, "two reports on each");
    for id in [&pager, &said] {
        assert_eq!(stage.statuses("alice", id), [Sent]);
    }
    stage.register("alice");
    stage.run(10);
    for id in [&pager, &said] {
        assert_eq!(stage.statuses("alice", id), [Delivered, Displayed]);
    }
    assert!(stage.store().is_empty());
}

#[test]
fn r4_what_waited_comes_in_the_order_in_which_it_was_sent() {
    let mut stage = Stage::empty(6);
    stage.enter("alice");
    let texts: Vec<_> = (0..20)
        .map(|n| {
            if n % 5 == 4 {
                format!("{n} {}", "x".repeat(3000))
            } else {
                n.to_string()
            }
        })
        .collect();
    for text in &texts {
        stage.write("alice", "bob", text);
    }
    stage.run(60);
    assert_eq!(stage.kept("bob"), 20);
    stage.enter("bob");
    stage.run(2);
    // What comes now has to wait its turn.
    stage.write("alice", "bob", "last");
    stage.run(60);
    let heard = stage.texts("bob");
    assert_eq!(heard[..20], texts[..]);
    assert_eq!(heard[20], "last");
}

#[test]
fn r103_who_is_unwilling_is_not_disturbed() {
    let mut stage = Stage::new(7);
    let unwilling = |unwilling| Preferences {
        unwilling,
        ..Preferences::default()
    };
    stage.server("server", |server, _| {
        server
            .store
            .directory
            .get_mut("sip:bob@example.com")
            .unwrap()
            .preferences = unwilling(true);
    });
    let id = stage.write("alice", "bob", "psst");
    let chat = stage.open("alice", "bob");
    let said = stage.say("alice", chat, "are you there?");
    stage.run(10);
    assert!(stage.texts("bob").is_empty());
    assert!(stage.client_events("bob").len() <= 1, "nothing rings");
    for id in [&id, &said] {
        assert_eq!(stage.statuses("alice", id), [Sent]);
    }
    stage.server("server", |server, now| {
        let bob = "sip:bob@example.com";
        server.store.directory.get_mut(bob).unwrap().preferences = unwilling(false);
        server.node.preferences_changed(now, bob);
    });
    stage.run(10);
    assert_eq!(stage.texts("bob"), ["psst", "are you there?"]);
    for id in [&id, &said] {
        assert_eq!(stage.statuses("alice", id), [Delivered]);
    }
}

#[test]
fn r107_who_refuses_while_away_keeps_nothing() {
    let mut stage = Stage::with(
        8,
        |_| {},
        |directory| {
            directory
                .get_mut("sip:bob@example.com")
                .unwrap()
                .preferences
                .absence = Absence::Refuse;
        },
    );
    stage.clients(|config| config.give_up = crate::stage::secs(60));
    stage.enter("alice");
    let id = stage.write("alice", "bob", "hello");
    stage.run(200);
    assert_eq!(stage.statuses("alice", &id), [Failed]);
    assert_eq!(stage.kept("bob"), 0);
    // A large one is not even taken in.
    stage.record(true);
    stage.write("alice", "bob", &"x".repeat(10_000));
    stage.run(5);
    let answers = stage.requests("server", "SIP/2.0 480");
    assert!(!answers.is_empty());
}

#[test]
fn r3_what_is_said_to_who_was_cut_off_is_not_lost() {
    for who in [Cut::Both, Cut::Here, Cut::There] {
        for seed in 0..5 {
            let mut stage = Stage::new(900 + seed);
            let chat = stage.open("alice", "bob");
            stage.say("alice", chat, "0");
            stage.run(5);
            let mut said = Vec::new();
            for n in 1..=10 {
                said.push(stage.say("alice", chat, &n.to_string()));
                if n == 5 {
                    stage.cut("bob", who);
                }
                stage.run_for(std::time::Duration::from_millis(20));
            }
            stage.run(600);
            let all: Vec<_> = (0..=10).map(|n| n.to_string()).collect();
            assert_eq!(stage.texts("bob"), all, "{who:?} seed {seed}");
            for id in said {
                assert_eq!(
                    stage.statuses("alice", &id),
                    [Delivered],
                    "{who:?} seed {seed}"
                );
            }
        }
    }
}

#[test]
fn r3_what_is_said_while_a_phone_is_off_the_network_arrives_when_it_is_back() {
    let mut stage = Stage::new(9);
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "0");
    stage.run(5);
    stage.unplug("bob");
    let said: Vec<_> = (1..=10)
        .map(|n| stage.say("alice", chat, &n.to_string()))
        .collect();
    stage.run(600);
    stage.plug("bob");
    stage.run(600);
    let all: Vec<_> = (0..=10).map(|n| n.to_string()).collect();
    assert_eq!(stage.texts("bob"), all);
    for id in said {
        assert_eq!(stage.statuses("alice", &id), [Delivered]);
    }
    assert!(stage.store().is_empty());
}

#[test]
fn a_message_that_is_refused_in_a_session_that_goes_on_is_tried_again() {
    let mut stage = Stage::with(
        20,
        |_| {},
        |directory| {
            let bob = directory.get_mut("sip:bob@example.com").unwrap();
            bob.preferences.absence = Absence::Refuse;
        },
    );
    stage.enter("alice");
    stage.enter("bob");
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "one");
    stage.run(5);
    stage.unplug("bob");
    stage.run(40);
    assert!(stage.is_open("alice", chat), "held for bob");
    for text in ["two", "three"] {
        stage.say("alice", chat, text);
        stage.run(25);
    }
    assert_eq!(stage.kept("bob"), 0, "bob wants nothing kept");
    stage.plug("bob");
    stage.run(60);
    assert_eq!(stage.texts("bob"), ["one", "two", "three"]);
}

#[test]
fn a_session_that_is_not_to_be_had_is_not_tried_for_ever() {
    let mut stage = Stage::with(
        21,
        |_| {},
        |directory| {
            let bob = directory.get_mut("sip:bob@example.com").unwrap();
            bob.preferences.absence = Absence::Refuse;
        },
    );
    stage.enter("alice");
    let chat = stage.open("alice", "bob");
    let id = stage.say("alice", chat, "hello");
    stage.run(300);
    assert_eq!(stage.statuses("alice", &id), []);
    stage.run(700);
    assert_eq!(stage.statuses("alice", &id), [Failed]);
}
