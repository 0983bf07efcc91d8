//! Two people who are both there.

use crate::stage::{Stage, header, secs, uri};
use cpm::client::{Event, Options, Priority};
use cpm::conversation::Status::{Delivered, Displayed, Failed, Sent};
use cpm::participating::Subscriber;
use cpm::sip::Uri;
use cpm::store::Directory;

/// Gives alice further addresses.
fn give_addresses(directory: &mut Directory, identities: Vec<Uri>) {
    let alice = directory.get("sip:alice@example.com").unwrap().clone();
    directory.insert(
        &uri("alice"),
        Subscriber {
            identities,
            ..alice
        },
    );
}

#[test]
fn r20_a_device_registers_with_a_password_and_its_name_is_known() {
    let mut stage = Stage::empty(1);
    stage.record(true);
    stage.enter("alice");
    let register = stage.requests("alice", "REGISTER");
    assert!(header(&register[0], "Authorization").is_none());
    assert!(
        header(&register[1], "Authorization")
            .unwrap()
            .contains("alice")
    );
    let contact = header(&register[1], "Contact").unwrap();
    assert!(contact.contains("alice's phone"), "{contact}");
}

#[test]
fn r23_r27_r29_a_pager_message_is_delivered_and_displayed() {
    let mut stage = Stage::new(2);
    let hello = stage.write("alice", "bob", "Hello, Bob");
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["Hello, Bob"]);
    assert_eq!(stage.messages("bob")[0].from, "sip:alice@example.com");
    assert_eq!(stage.messages("bob")[0].to, "sip:bob@example.com");
    assert_eq!(stage.statuses("alice", &hello), [Delivered]);
    stage.read_all("bob");
    stage.run(5);
    assert_eq!(stage.statuses("alice", &hello), [Delivered, Displayed]);
    let hi = stage.write("bob", "alice", "Hi, Alice");
    stage.run(5);
    stage.read_all("alice");
    stage.run(5);
    assert_eq!(stage.texts("alice"), ["Hi, Alice"]);
    assert_eq!(stage.statuses("bob", &hi), [Delivered, Displayed]);
}

#[test]
fn r23_the_size_of_a_message_decides_how_it_travels() {
    let mut stage = Stage::new(3);
    stage.record(true);
    let short = stage.write("alice", "bob", "short");
    stage.run(5);
    let long = stage.write("alice", "bob", &"x".repeat(2000));
    stage.run(5);
    assert_eq!(stage.requests("alice", "MESSAGE").len(), 1);
    let invites = stage.requests("alice", "INVITE");
    assert!(invites[0].contains("cpm.largemsg"), "{}", invites[0]);
    assert_eq!(stage.texts("bob"), ["short".to_owned(), "x".repeat(2000)]);
    for id in [short, long] {
        assert_eq!(stage.statuses("alice", &id), [Delivered]);
    }
}

#[test]
fn r23_r69_a_message_of_many_chunks_arrives_whole() {
    let mut stage = Stage::new(4);
    let text: String = (0..200_000)
        .map(|n| char::from(b'a' + (n % 26) as u8))
        .collect();
    let id = stage.write("alice", "bob", &text);
    stage.run(30);
    assert_eq!(stage.texts("bob"), [text]);
    stage.read_all("bob");
    stage.run(5);
    assert_eq!(stage.statuses("alice", &id), [Delivered, Displayed]);
}

#[test]
fn r2_r38_r205_a_chat_with_receipts_both_ways() {
    let mut stage = Stage::new(5);
    let chat = stage.open("alice", "bob");
    let said: Vec<_> = ["one", "two", "three"]
        .map(|text| stage.say("alice", chat, text))
        .into();
    stage.run(5);
    assert!(stage.is_open("alice", chat));
    assert_eq!(stage.texts("bob"), ["one", "two", "three"]);
    stage.read_all("bob");
    stage.run(5);
    for id in &said {
        assert_eq!(stage.statuses("alice", id), [Delivered, Displayed]);
    }
    let answer = stage.chat_of("bob");
    let said: Vec<_> = ["four", "five"]
        .map(|text| stage.say("bob", answer, text))
        .into();
    stage.run(5);
    stage.read_all("alice");
    stage.run(5);
    assert_eq!(stage.texts("alice"), ["four", "five"]);
    for id in &said {
        assert_eq!(stage.statuses("bob", id), [Delivered, Displayed]);
    }
}

#[test]
fn r212_a_chat_is_one_invite_and_no_message_leaves_it() {
    let mut stage = Stage::new(6);
    stage.record(true);
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "hello");
    stage.run(5);
    stage.read_all("bob");
    stage.run(5);
    let invites = stage.requests("alice", "INVITE");
    let answered = invites
        .iter()
        .filter(|i| header(i, "Proxy-Authorization").is_some())
        .count();
    assert!(invites.len() - answered <= 1, "{invites:#?}");
    assert!(stage.requests("alice", "MESSAGE").is_empty());
    assert!(stage.requests("bob", "MESSAGE").is_empty());
}

#[test]
fn r30_rfc3994_3_2_typing_is_told_once_a_minute_and_ends_after_15_s() {
    let mut stage = Stage::new(7);
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "hello");
    stage.run(5);
    for _ in 0..20 {
        stage.client("alice", |alice, now| alice.typing(now, chat));
        stage.run(5);
    }
    assert_eq!(
        stage.typing("bob"),
        [true],
        "heard once, though it was refreshed"
    );
    stage.run(20);
    assert_eq!(stage.typing("bob"), [true, false], "idle after 15 s");
    stage.client("alice", |alice, now| alice.typing(now, chat));
    stage.run(2);
    stage.say("alice", chat, "done");
    stage.run(2);
    assert_eq!(
        stage.typing("bob"),
        [true, false, true, false],
        "the message ends it"
    );
}

#[test]
fn r30_rfc3994_3_3_a_typist_who_vanishes_is_not_believed_for_ever() {
    let mut stage = Stage::new(8);
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "hello");
    stage.run(5);
    stage.client("alice", |alice, now| alice.typing(now, chat));
    stage.run(2);
    assert_eq!(stage.typing("bob"), [true]);
    stage.power_off("alice");
    stage.run(240);
    assert_eq!(stage.typing("bob"), [true, false]);
}

#[test]
fn r21_two_addresses_of_one_user_are_two_threads() {
    let business = uri("alice.business");
    let mut stage = Stage::with(
        9,
        |_| {},
        |directory| {
            give_addresses(directory, vec![uri("alice.business")]);
        },
    );
    stage.clients(|config| {
        if config.user == uri("alice") {
            config.identities.push(uri("alice.business"));
        }
    });
    stage.enter("alice");
    stage.enter("bob");
    stage.write("alice", "bob", "as myself");
    let options = Options {
        from: Some(business),
        ..Options::default()
    };
    stage.write_with("alice", "bob", "on business", &options);
    stage.run(10);
    let mut heard: Vec<_> = stage.messages("bob");
    heard.sort_by(|a, b| a.text.cmp(&b.text));
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert_eq!(heard[0].from, "sip:alice@example.com");
    assert_eq!(heard[1].from, "sip:alice.business@example.com");
    assert_ne!(heard[0].chat, heard[1].chat);
}

#[test]
fn r25_r26_priority_and_reply_to_arrive() {
    let mut stage = Stage::new(10);
    for priority in [
        Priority::NonUrgent,
        Priority::Normal,
        Priority::Urgent,
        Priority::Emergency,
    ] {
        let options = Options {
            priority: Some(priority),
            reply_to: Some(uri("carol")),
            ..Options::default()
        };
        stage.write_with("alice", "bob", priority.name(), &options);
        stage.run(5);
    }
    let heard = stage.messages("bob");
    assert_eq!(heard.len(), 4);
    for message in heard {
        assert_eq!(message.priority.map(Priority::name), Some(&*message.text));
        assert_eq!(message.reply_to.as_deref(), Some("sip:carol@example.com"));
    }
}

#[test]
fn r38_both_open_a_chat_at_the_same_moment() {
    for seed in 0..8 {
        let mut stage = Stage::new(100 + seed);
        let (alices, bobs) = (stage.open("alice", "bob"), stage.open("bob", "alice"));
        for n in 0..5 {
            stage.say("alice", alices, &format!("a{n}"));
            stage.say("bob", bobs, &format!("b{n}"));
        }
        stage.run(30);
        assert_eq!(
            stage.texts("bob"),
            ["a0", "a1", "a2", "a3", "a4"],
            "seed {seed}"
        );
        assert_eq!(
            stage.texts("alice"),
            ["b0", "b1", "b2", "b3", "b4"],
            "seed {seed}"
        );
        stage.say("alice", alices, "a5");
        stage.say("bob", bobs, "b5");
        stage.run(30);
        assert_eq!(stage.texts("bob").len(), 6, "seed {seed}");
        assert_eq!(stage.texts("alice").len(), 6, "seed {seed}");
    }
}

#[test]
fn r38_r61_a_chat_that_is_opened_again_is_the_same_conversation() {
    let mut stage = Stage::new(11);
    stage.record(true);
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "first");
    stage.run(5);
    stage.end("alice", chat);
    stage.run(5);
    assert!(!stage.is_open("alice", chat));
    let ended = |who: &str| {
        stage
            .client_events(who)
            .iter()
            .filter(|event| matches!(event, Event::Ended { .. }))
            .count()
    };
    assert_eq!((ended("alice"), ended("bob")), (1, 1));
    let first = stage.requests("alice", "INVITE");
    stage.take_seen();
    assert_eq!(stage.open("alice", "bob"), chat);
    stage.say("alice", chat, "second");
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["first", "second"]);
    let second = stage.requests("alice", "INVITE");
    let id =
        |invites: &[String], name: &str| header(invites.last().unwrap(), name).unwrap().to_owned();
    assert_eq!(
        id(&first, "Conversation-ID"),
        id(&second, "Conversation-ID")
    );
    assert_ne!(
        id(&first, "Contribution-ID"),
        id(&second, "Contribution-ID")
    );
}

#[test]
fn r61_r92_a_message_and_a_chat_share_their_conversation() {
    let mut stage = Stage::new(12);
    stage.record(true);
    stage.write("alice", "bob", "a message");
    stage.run(5);
    let chat = stage.open("bob", "alice");
    stage.say("bob", chat, "a chat");
    stage.run(5);
    let message = stage.requests("alice", "MESSAGE");
    let invite = stage.requests("bob", "INVITE");
    assert_eq!(
        header(&message[0], "Conversation-ID"),
        header(&invite[0], "Conversation-ID")
    );
}

#[test]
fn r38_r89_a_chat_is_accepted_by_hand() {
    let mut stage = Stage::empty(13);
    stage.enter("alice");
    stage.clients(|config| config.auto_accept = false);
    stage.enter("bob");
    let chat = stage.open("alice", "bob");
    let hello = stage.say("alice", chat, "hello");
    stage.run(10);
    assert!(!stage.is_open("alice", chat));
    let invited = stage
        .client_events("bob")
        .into_iter()
        .find_map(|event| match event {
            Event::Invited { chat, .. } => Some(*chat),
            _ => None,
        });
    let bobs = invited.expect("bob is asked");
    assert!(stage.texts("bob").is_empty());
    stage.client("bob", |bob, now| bob.accept_chat(now, bobs));
    stage.run(5);
    assert!(stage.is_open("alice", chat));
    assert_eq!(stage.texts("bob"), ["hello"]);
    assert_eq!(stage.statuses("alice", &hello), [Delivered]);
}

#[test]
fn r38_r89_a_chat_is_declined() {
    let mut stage = Stage::empty(14);
    stage.enter("alice");
    stage.clients(|config| config.auto_accept = false);
    stage.enter("bob");
    let chat = stage.open("alice", "bob");
    let hello = stage.say("alice", chat, "hello");
    stage.run(5);
    let invited = stage
        .client_events("bob")
        .into_iter()
        .find_map(|event| match event {
            Event::Invited { chat, .. } => Some(*chat),
            _ => None,
        });
    stage.client("bob", |bob, now| bob.decline_chat(now, invited.unwrap()));
    stage.run(30);
    assert!(!stage.is_open("alice", chat));
    assert!(stage.texts("bob").is_empty());
    assert_eq!(stage.statuses("alice", &hello), [Failed]);
}

#[test]
fn r29_nothing_is_reported_that_nobody_asked_for() {
    let mut stage = Stage::empty(15);
    stage.clients(|config| config.wanted = cpm::conversation::Wanted::NONE);
    stage.enter("alice");
    stage.enter("bob");
    stage.record(true);
    let pager = stage.write("alice", "bob", "hello");
    stage.run(5);
    let chat = stage.open("alice", "bob");
    let said = stage.say("alice", chat, "hello again");
    stage.run(5);
    stage.read_all("bob");
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["hello", "hello again"]);
    for id in [pager, said] {
        assert_eq!(stage.statuses("alice", &id), [Sent]);
    }
    assert!(stage.requests("bob", "MESSAGE").is_empty());
}

#[test]
fn r63_r64_a_device_is_renamed() {
    let mut stage = Stage::new(16);
    stage.record(true);
    stage.client("alice", |alice, now| {
        alice.rename_device(now, "My new phone")
    });
    stage.run(5);
    let register = stage.requests("alice", "REGISTER").pop().unwrap();
    assert!(
        header(&register, "Contact")
            .unwrap()
            .contains("My new phone")
    );
    let cpm::sim::Host::Server(server) = stage.machine("server") else {
        panic!()
    };
    let bindings = server.node.role().bindings().of("sip:alice@example.com");
    assert_eq!(bindings.len(), 1);
    assert_eq!(bindings[0].display.as_deref(), Some("My new phone"));
}

#[test]
fn r101_a_message_to_nobody_fails_at_once() {
    let mut stage = Stage::new(17);
    let id = stage.write("alice", "mallory", "hello?");
    stage.run(5);
    assert!(stage.client_events("alice").iter().any(|event| matches!(
        event,
        Event::Failed { message, status: Some(404), .. } if *message == id
    )));
}

#[test]
fn r15_who_does_not_know_the_password_is_not_registered_and_sends_nothing() {
    let mut stage = Stage::empty(18);
    stage.enter("bob");
    stage.clients(|config| config.password = "wrong".into());
    stage.add_device("mallory", "alice");
    stage.register("mallory");
    assert!(!stage.is_registered("mallory"));
    let id = stage.write("mallory", "bob", "I am alice");
    stage.run(30);
    assert!(stage.texts("bob").is_empty());
    assert!(!stage.statuses("mallory", &id).contains(&Sent));
}

#[test]
fn r93_a_thousand_chats_at_once_do_not_mix() {
    let count = if cfg!(debug_assertions) { 250 } else { 1000 };
    let addresses = || (0..1000).map(|n| uri(&format!("alice{n}"))).collect();
    let mut stage = Stage::with(
        19,
        |_| {},
        |directory| give_addresses(directory, addresses()),
    );
    stage.clients(|config| {
        config.identities = (0..1000).map(|n| uri(&format!("alice{n}"))).collect();
    });
    stage.enter("alice");
    stage.clients(|_| {});
    stage.enter("bob");
    let chats: Vec<_> = (0..count)
        .map(|n| {
            let from = uri(&format!("alice{n}"));
            stage.client("alice", |alice, now| {
                alice.open_chat_as(now, from, uri("bob"))
            })
        })
        .collect();
    for round in 0..2 {
        for (n, chat) in chats.iter().enumerate() {
            stage.say("alice", *chat, &format!("{n} {round}"));
        }
    }
    stage.run(60);
    let heard = stage.messages("bob");
    assert_eq!(heard.len(), 2 * count);
    for message in &heard {
        let n = message.text.split(' ').next().unwrap();
        assert_eq!(message.from, format!("sip:alice{n}@example.com"));
    }
    let chats: std::collections::BTreeSet<_> = heard.iter().map(|m| m.chat).collect();
    assert_eq!(chats.len(), count);
    assert!(stage.start + secs(120) > stage.now());
}

#[test]
fn people_who_invite_each_other_at_once_need_no_further_consent() {
    let mut stage = Stage::empty(31);
    stage.clients(|config| config.auto_accept = false);
    stage.enter("alice");
    stage.enter("bob");
    let (here, there) = (stage.open("alice", "bob"), stage.open("bob", "alice"));
    stage.run(5);
    assert!(stage.is_open("alice", here) && stage.is_open("bob", there));
}

#[test]
fn r92_two_sessions_at_once_keep_the_order_of_one() {
    for seed in 0..20 {
        let mut stage = Stage::new(seed);
        let (here, there) = (stage.open("alice", "bob"), stage.open("bob", "alice"));
        let said: Vec<_> = (0..40).map(|n| n.to_string()).collect();
        for text in &said {
            stage.say("alice", here, text);
            stage.say("bob", there, text);
            stage.run_for(secs(1) / 50);
        }
        stage.run(10);
        assert_eq!(stage.texts("bob"), said, "seed {seed}");
        assert_eq!(stage.texts("alice"), said, "seed {seed}");
    }
}

#[test]
fn r66_a_report_goes_to_the_device_that_sent_the_message() {
    let mut stage = Stage::empty(66);
    stage.enter("bob");
    for device in ["alice's phone", "alice's tablet"] {
        stage.add_device(device, "alice");
        stage.register(device);
        stage.run(2);
    }
    stage.record(true);
    let hello = stage.write("alice's phone", "bob", "Hello from the phone");
    stage.run(5);
    stage.read_all("bob");
    stage.run(5);
    assert_eq!(
        stage.statuses("alice's phone", &hello),
        [Delivered, Displayed]
    );
    let reports = stage.requests("server", "MESSAGE").into_iter();
    let to_alice = reports.filter(|message| message.starts_with("MESSAGE sip:alice@198"));
    assert_eq!(to_alice.count(), 2, "none for the tablet");
    stage.write("bob", "alice", "Hello, Alice");
    stage.run(5);
    for device in ["alice's phone", "alice's tablet"] {
        assert_eq!(
            stage.texts(device),
            ["Hello, Alice"],
            "of others, both hear"
        );
    }
}

#[test]
fn a_pager_message_between_users_of_one_node_is_not_sent_to_the_node_itself() {
    let mut stage = Stage::new(67);
    stage.record(true);
    let hello = stage.write("alice", "bob", "Hello once");
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["Hello once"]);
    assert_eq!(stage.statuses("alice", &hello), [Delivered]);
    // What the server has sent of it: to bob, and nobody else.
    let sent = stage.requests("server", "MESSAGE").into_iter();
    let sent = sent.filter(|message| message.contains("Hello once"));
    let to: Vec<_> = sent
        .filter_map(|message| Some(message.split_once(" SIP/2.0")?.0.to_owned()))
        .collect();
    assert!(
        matches!(&to[..], [one] if one.starts_with("MESSAGE sip:bob@198")),
        "{to:?}"
    );
    // One for whom nobody is there is refused as before.
    let lost = stage.write("alice", "nobody", "Hello nobody");
    stage.run(5);
    assert_eq!(stage.statuses("alice", &lost), [Failed]);
}
