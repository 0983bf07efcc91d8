//! People who do not say who they are.

use crate::stage::{Stage, uri};
use cpm::client::{ChatId, Event, MessageId, Options};
use cpm::conversation::Status::{Delivered, Displayed, Sent};
use cpm::conversation::anonymous;
use cpm::engine::Direction;
use cpm::participating::MediaPath;
use cpm::sip::Uri;

const NOBODY: &str = "sip:anonymous@anonymous.invalid";

fn write(stage: &mut Stage, from: &str, text: &str) -> MessageId {
    let options = Options {
        from: Some(anonymous()),
        ..Options::default()
    };
    stage.write_with(from, "bob", text, &options)
}

fn open(stage: &mut Stage, from: &str, to: Uri) -> ChatId {
    stage.client(from, |client, now| {
        client.open_chat_as(now, anonymous(), to)
    })
}

/// Whether bob's device was sent anything that tells who alice is, or where.
fn tells(stage: &Stage) -> Vec<String> {
    let seen = stage.seen().into_iter();
    let heard =
        seen.filter(|seen| &*seen.host == "bob" && seen.sighting.direction == Direction::In);
    let texts = heard.map(|seen| String::from_utf8_lossy(&seen.sighting.bytes).into_owned());
    let alice = stage.ip("alice").to_string();
    texts
        .filter(|text| text.to_lowercase().contains("alice") || text.contains(&alice))
        .collect()
}

#[test]
fn rfc3325_9_3_a_message_does_not_tell_who_it_is_from() {
    for length in [5, 5_000] {
        let mut stage = Stage::new(900);
        stage.record(true);
        let text = "x".repeat(length);
        let id = write(&mut stage, "alice", &text);
        stage.run(10);
        let heard = stage.messages("bob");
        assert_eq!(
            (heard[0].from.as_str(), heard[0].text.clone()),
            (NOBODY, text)
        );
        assert_eq!(tells(&stage), [""; 0]);
        assert_eq!(stage.statuses("alice", &id), [Sent], "nobody can report");
        // Within the network it is known all the same. A short message is handed over without SIP in between.
        let sent = stage.seen().into_iter().filter(|seen| {
            let text = String::from_utf8_lossy(&seen.sighting.bytes).into_owned();
            &*seen.host == "server" && text.contains("P-Asserted-Identity: <sip:alice@example.com>")
        });
        assert_eq!(sent.count() > 0, length > 1300);
    }
}

#[test]
fn rfc3325_9_3_what_is_kept_does_not_tell_either() {
    let mut stage = Stage::new(901);
    stage.leave("bob");
    stage.record(true);
    write(&mut stage, "alice", "from nobody");
    let chat = open(&mut stage, "alice", uri("bob"));
    stage.say("alice", chat, "nor from here");
    stage.run(60);
    assert_eq!(stage.kept("bob"), 2);
    stage.register("bob");
    stage.run(10);
    assert_eq!(stage.texts("bob").len(), 2);
    assert!(
        stage
            .messages("bob")
            .iter()
            .all(|message| message.from == NOBODY)
    );
    assert_eq!(tells(&stage), [""; 0]);
}

#[test]
fn rfc3325_9_3_a_chat_without_a_name_has_reports_and_answers() {
    for media in [MediaPath::Anchored, MediaPath::Direct] {
        let mut stage = Stage::with(902, |config| config.media = media, |_| {});
        stage.reachable = true;
        stage.enter("alice");
        stage.enter("bob");
        stage.record(true);
        let chat = open(&mut stage, "alice", uri("bob"));
        let hello = stage.say("alice", chat, "hello");
        stage.run(5);
        stage.read_all("bob");
        let answer = stage.chat_of("bob");
        stage.say("bob", answer, "who is there?");
        stage.run(5);
        assert_eq!(stage.statuses("alice", &hello), [Delivered, Displayed]);
        assert_eq!(stage.texts("alice"), ["who is there?"]);
        assert_eq!(tells(&stage), [""; 0], "{media:?}");
    }
}

#[test]
fn two_who_do_not_say_who_they_are_are_two() {
    let mut stage = Stage::new(903);
    stage.enter("carol");
    let chats = ["alice", "carol"].map(|who| (who, open(&mut stage, who, uri("bob"))));
    for (who, chat) in chats {
        stage.say(who, chat, who);
    }
    stage.run(5);
    for message in stage.messages("bob") {
        stage.say("bob", message.chat, &format!("hello {}", message.text));
    }
    stage.run(5);
    assert_eq!(stage.texts("alice"), ["hello alice"]);
    assert_eq!(stage.texts("carol"), ["hello carol"]);
}

#[test]
fn who_does_not_say_who_it_is_to_others_says_it_to_the_network() {
    let mut stage = Stage::new(904);
    stage.client("alice", |alice, _| {
        assert!(alice.role().is_registered());
    });
    stage.clients(|config| config.password = "guessed".into());
    stage.add_device("mallory", "alice");
    write(&mut stage, "mallory", "from nobody at all");
    stage.run(30);
    assert!(stage.texts("bob").is_empty());
    let failed = |event: &&Event| matches!(event, Event::Failed { .. });
    assert!(stage.client_events("mallory").iter().any(failed));
}
