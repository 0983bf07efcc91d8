//! One and the same chat, over the function and from device to device.

use crate::stage::{Stage, header};
use cpm::client::Event;
use cpm::conversation::Status::{Delivered, Displayed};
use cpm::participating::MediaPath;

const BOTH: [MediaPath; 2] = [MediaPath::Anchored, MediaPath::Direct];

/// A server of that mind, and devices that can be connected to.
fn stage(seed: u64, media: MediaPath) -> Stage {
    let mut stage = Stage::with(seed, |config| config.media = media, |_| {});
    stage.reachable = true;
    stage.enter("alice");
    stage.enter("bob");
    stage.record(true);
    stage
}

#[test]
fn r213_a_chat_is_the_same_over_the_function_and_from_end_to_end() {
    for (seed, media) in (600..).zip(BOTH) {
        let mut stage = stage(seed, media);
        let chat = stage.open("alice", "bob");
        let hello = stage.say("alice", chat, "hello");
        stage.run(5);
        assert_eq!(stage.texts("bob"), ["hello"], "{media:?}");
        let bobs = stage.chat_of("bob");
        assert!(stage.is_open("alice", chat) && stage.is_open("bob", bobs));
        stage.client("bob", |bob, now| bob.typing(now, bobs));
        stage.run(2);
        assert_eq!(stage.typing("alice"), [true], "{media:?}");
        let hi = stage.say("bob", bobs, "hi");
        let long: String = (0..200_000_u32)
            .map(|n| char::from(b'a' + (n % 26) as u8))
            .collect();
        let long_id = stage.say("alice", chat, &long);
        stage.run(30);
        assert_eq!(stage.typing("alice"), [true, false], "{media:?}");
        assert_eq!(stage.texts("bob"), ["hello", &long], "{media:?}");
        stage.read_all("bob");
        stage.read_all("alice");
        stage.run(5);
        for id in [&hello, &long_id] {
            assert_eq!(stage.statuses("alice", id), [Delivered, Displayed]);
        }
        assert_eq!(stage.statuses("bob", &hi), [Delivered, Displayed]);

        stage.end("bob", bobs);
        stage.run(5);
        for (who, chat) in [("alice", chat), ("bob", bobs)] {
            assert!(!stage.is_open(who, chat), "{media:?}: {who}");
            let events = stage.client_events(who).into_iter();
            let ended = events.filter(|event| matches!(event, Event::Ended { .. }));
            assert_eq!(ended.count(), 1, "{media:?}: {who}");
        }
        assert_eq!(stage.open("alice", "bob"), chat);
        let again = stage.say("alice", chat, "again");
        stage.run(5);
        assert_eq!(stage.texts("bob").last().unwrap(), "again");
        assert_eq!(stage.statuses("alice", &again), [Delivered]);
        let carried = stage.msrp_sent("server");
        assert_eq!(carried == 0, media == MediaPath::Direct, "{media:?}");
    }
}

#[test]
fn r213_the_descriptions_of_both_ends_pass_untouched() {
    let mut stage = stage(610, MediaPath::Direct);
    stage.open("alice", "bob");
    stage.run(5);
    let body = |message: &str| message.split_once("\r\n\r\n").unwrap().1.to_owned();
    let said = stage.requests("alice", "INVITE");
    let heard = stage.requests("server", "INVITE");
    assert_eq!(body(said.last().unwrap()), body(heard.last().unwrap()));
    let contact = |invite: &str| header(invite, "Contact").unwrap().to_owned();
    assert_ne!(
        contact(said.last().unwrap()),
        contact(heard.last().unwrap()),
        "the signalling stays with the function"
    );
}

#[test]
fn r213_a_session_for_a_user_who_is_away_is_anchored() {
    for (seed, media) in (620..).zip(BOTH) {
        let mut stage = stage(seed, media);
        stage.leave("bob");
        let chat = stage.open("alice", "bob");
        let missed = stage.say("alice", chat, "are you there?");
        stage.run(10);
        assert_eq!(stage.kept("bob"), 1, "{media:?}");
        stage.register("bob");
        stage.run(10);
        assert_eq!(stage.texts("bob"), ["are you there?"], "{media:?}");
        assert_eq!(stage.statuses("alice", &missed), [Delivered], "{media:?}");
        let answer = stage.chat_of("bob");
        let yes = stage.say("bob", answer, "yes");
        stage.run(10);
        assert_eq!(stage.texts("alice"), ["yes"], "{media:?}");
        assert_eq!(stage.statuses("bob", &yes), [Delivered], "{media:?}");
    }
}

#[test]
fn r213_devices_that_cannot_be_connected_to_are_anchored() {
    let mut stage = Stage::with(630, |config| config.media = MediaPath::Direct, |_| {});
    stage.enter("alice");
    stage.enter("bob");
    let chat = stage.open("alice", "bob");
    let hello = stage.say("alice", chat, "hello");
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["hello"]);
    assert_eq!(stage.statuses("alice", &hello), [Delivered]);
}

#[test]
fn r213_what_breaks_off_between_two_devices_is_kept_the_second_time() {
    let mut stage = stage(640, MediaPath::Direct);
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "one");
    stage.run(5);
    stage.power_off("bob");
    stage.run(1);
    stage.say("alice", chat, "two");
    stage.run(120);
    assert_eq!(stage.kept("bob"), 1);
}

#[test]
fn r213_rfc4028_a_direct_session_is_kept_alive_for_hours() {
    let mut stage = stage(650, MediaPath::Direct);
    let chat = stage.open("alice", "bob");
    stage.say("alice", chat, "one");
    stage.run(3 * 3600);
    stage.say("alice", chat, "two");
    stage.run(5);
    assert!(stage.is_open("alice", chat));
    assert_eq!(stage.texts("bob"), ["one", "two"]);
    assert_eq!(stage.msrp_sent("server"), 0);
}
