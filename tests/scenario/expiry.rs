//! What becomes of a message that nobody fetches in time.

use crate::stage::{Stage, secs};
use cpm::client::Options;
use cpm::conversation::Status::{Failed, Sent};
use cpm::conversation::Wanted;
use cpm::participating::{Event, Expiry};
use std::time::{Duration, Instant};

const DAY: Duration = secs(86_400);

/// When the server let go of a message.
fn expired(stage: &Stage) -> Option<Instant> {
    stage
        .timed_events("server")
        .iter()
        .find_map(|(at, event)| match event {
            cpm::sim::Event::Server(Event::Expired { .. }) => Some(*at),
            _ => None,
        })
}

/// How long a message is kept whose sender wants it kept for `wish`.
fn kept_for(wish: Option<Duration>, default: Duration, most: Duration) -> Duration {
    let mut stage = Stage::with(
        1,
        |config| (config.default_lifetime, config.max_lifetime) = (default, most),
        |_| {},
    );
    stage.enter("alice");
    let options = Options {
        lifetime: wish,
        ..Options::default()
    };
    stage.write_with("alice", "bob", "hello", &options);
    let kept_at = |stage: &Stage| stage.kept("bob") == 1;
    let mut at = None;
    while at.is_none() {
        stage.run_for(Duration::from_millis(1));
        if kept_at(&stage) {
            at = Some(stage.now());
        }
    }
    stage.run_for(most + DAY);
    assert_eq!(stage.kept("bob"), 0);
    assert!(stage.store().is_empty());
    let expired = expired(&stage).expect("it expires");
    expired.duration_since(at.unwrap()) + Duration::from_millis(1)
}

/// Whole seconds, give or take the millisecond within which it was kept.
fn about(time: Duration, expected: Duration) {
    let off = time.abs_diff(expected);
    assert!(
        off <= Duration::from_millis(1),
        "{time:?} is not {expected:?}"
    );
}

#[test]
fn r112_a_message_expires_at_the_second_its_sender_asked_for() {
    about(kept_for(Some(secs(100)), DAY, DAY * 3), secs(100));
}

#[test]
fn r113_the_operator_has_the_last_word() {
    about(kept_for(Some(DAY * 10), DAY, DAY * 3), DAY * 3);
}

#[test]
fn r113_without_a_wish_the_default_holds() {
    about(kept_for(None, DAY, DAY * 3), DAY);
}

#[test]
fn r115_who_asked_is_told_that_a_message_was_not_delivered() {
    let mut stage = Stage::empty(2);
    stage.enter("alice");
    let options = Options {
        lifetime: Some(secs(60)),
        ..Options::default()
    };
    let id = stage.write_with("alice", "bob", "hello", &options);
    stage.run(120);
    assert_eq!(stage.statuses("alice", &id), [Failed]);
    stage.enter("bob");
    stage.run(10);
    assert!(stage.texts("bob").is_empty());
}

#[test]
fn r115_who_did_not_ask_is_not_told() {
    let mut stage = Stage::empty(3);
    stage.clients(|config| {
        config.wanted = Wanted {
            failed: false,
            ..Wanted::ALL
        }
    });
    stage.enter("alice");
    stage.record(true);
    let options = Options {
        lifetime: Some(secs(60)),
        ..Options::default()
    };
    let id = stage.write_with("alice", "bob", "hello", &options);
    stage.run(120);
    assert_eq!(stage.kept("bob"), 0);
    assert_eq!(stage.statuses("alice", &id), [Sent]);
    assert!(
        stage
            .requests("server", "MESSAGE")
            .iter()
            .all(|message| !message.contains("imdn+xml"))
    );
}

#[test]
fn r115_a_failure_waits_for_its_sender_too() {
    let mut stage = Stage::empty(4);
    stage.enter("alice");
    let options = Options {
        lifetime: Some(secs(60)),
        ..Options::default()
    };
    let id = stage.write_with("alice", "bob", "hello", &options);
    stage.run(5);
    stage.leave("alice");
    stage.run(120);
    assert_eq!(stage.kept("alice"), 1);
    stage.register("alice");
    stage.run(5);
    assert_eq!(stage.statuses("alice", &id), [Failed]);
}

#[test]
fn r114_what_expires_goes_into_the_store_of_who_wants_that() {
    let mut stage = Stage::with(
        5,
        |_| {},
        |directory| {
            directory
                .get_mut("sip:bob@example.com")
                .unwrap()
                .preferences
                .expiry = Expiry::Store;
        },
    );
    stage.enter("alice");
    let options = Options {
        lifetime: Some(secs(60)),
        ..Options::default()
    };
    let id = stage.write_with("alice", "bob", "for later", &options);
    stage.run(120);
    assert!(stage.store().is_empty());
    let archived = stage.store().archived();
    assert_eq!(archived.len(), 1);
    assert_eq!(archived[0].0, "sip:bob@example.com");
    let text = String::from_utf8_lossy(&archived[0].1);
    assert!(
        text.contains("for later") && text.contains("Conversation-ID"),
        "{text}"
    );
    assert_eq!(stage.statuses("alice", &id), [Sent], "stored is not failed");
}

#[test]
fn r112_a_restart_does_not_forget_when_a_message_expires() {
    let mut stage = Stage::empty(6);
    stage.enter("alice");
    let options = Options {
        lifetime: Some(secs(600)),
        ..Options::default()
    };
    stage.write_with("alice", "bob", "hello", &options);
    stage.run(300);
    stage.restart_server(secs(10));
    stage.run(280);
    assert_eq!(stage.kept("bob"), 1);
    stage.run(12);
    assert_eq!(stage.kept("bob"), 0);
}
