//! What a user is told of the sessions that go on.

use crate::stage::{Stage, secs, uri};
use cpm::client::{Event, OngoingSession};
use cpm::conversation::anonymous;
use cpm::participating::MediaPath;
use cpm::sip::Target;
use cpm::sip::subscription::Config;

/// What `who` was told each time.
fn told(stage: &Stage, who: &str) -> Vec<Vec<OngoingSession>> {
    let events = stage.client_events(who).into_iter();
    let told = events.filter_map(|event| match event {
        Event::Sessions { sessions } => Some(sessions.clone()),
        _ => None,
    });
    told.collect()
}

/// The whole story of one session in short: `>` out or `<` in, `?` rings or `!` up, and its streams.
fn story(stage: &Stage, who: &str) -> Vec<String> {
    let each = |session: &OngoingSession| {
        let way = if session.is_ours { '>' } else { '<' };
        let state = if session.is_up { '!' } else { '?' };
        let peer = session.peer.as_deref().unwrap_or("nobody");
        format!("{way}{peer}{state}{}", session.media.join("+"))
    };
    let told = told(stage, who).into_iter();
    told.map(|sessions| sessions.iter().map(each).collect::<Vec<_>>().join(", "))
        .collect()
}

#[test]
fn r44_r45_a_user_is_told_of_sessions_that_begin_change_and_end_on_another_device() {
    for media in [MediaPath::Anchored, MediaPath::Direct] {
        let mut stage = Stage::with(950, |config| config.media = media, |_| {});
        stage.reachable = true;
        stage.enter("alice");
        stage.clients(|config| config.auto_accept = false);
        for name in ["bob", "bob's tablet"] {
            stage.add_device(name, "bob");
            stage.register(name);
        }
        stage.client("bob's tablet", |bob, now| {
            bob.watch_sessions(now, secs(3600))
        });
        stage.run(2);
        assert_eq!(story(&stage, "bob's tablet"), [""], "nothing goes on");
        stage.open("alice", "bob");
        stage.run(5);
        let events = stage.client_events("bob").into_iter();
        let mut chats = events.filter_map(|event| match event {
            Event::Invited { chat, .. } => Some(*chat),
            _ => None,
        });
        let chat = chats.next().unwrap();
        stage.client("bob", |bob, now| bob.accept_chat(now, chat));
        stage.run(5);
        stage.end("bob", chat);
        stage.run(5);
        let mut story = story(&stage, "bob's tablet");
        story.dedup();
        assert_eq!(
            story,
            [
                "",
                "<sip:alice@example.com?message",
                "<sip:alice@example.com!message",
                "",
            ],
            "{media:?}"
        );
    }
}

#[test]
fn r44_who_opens_a_session_is_told_as_well_and_only_once_if_that_was_asked() {
    let mut stage = Stage::new(951);
    let chat = stage.open("alice", "bob");
    stage.run(5);
    stage.client("alice", |alice, now| alice.watch_sessions(now, secs(0)));
    stage.run(5);
    assert_eq!(story(&stage, "alice"), [">sip:bob@example.com!message"]);
    stage.end("alice", chat);
    stage.run(60);
    assert_eq!(told(&stage, "alice").len(), 1);
    let over = |event: &&Event| matches!(event, Event::SessionsUnknown { .. });
    assert!(stage.client_events("alice").iter().any(over));
}

#[test]
fn r44_a_subscription_is_kept_alive_and_ended() {
    let mut stage = Stage::new(952);
    stage.client("bob", |bob, now| bob.watch_sessions(now, secs(3600)));
    stage.run(3 * 3600);
    let before = told(&stage, "bob").len();
    let chat = stage.open("alice", "bob");
    stage.run(5);
    assert!(told(&stage, "bob").len() > before);
    assert_eq!(told(&stage, "bob").last().unwrap().len(), 1);
    stage.client("bob", |bob, now| bob.unwatch_sessions(now));
    stage.run(5);
    let before = told(&stage, "bob").len();
    stage.end("alice", chat);
    stage.run(5);
    assert_eq!(told(&stage, "bob").len(), before);
}

#[test]
fn r44_nobody_is_told_of_somebody_elses_sessions() {
    let mut stage = Stage::new(953);
    stage.record(true);
    stage.client("alice", |alice, now| {
        alice.command(now, |_, net| {
            let config = Config::new(uri("bob"), uri("alice"), "dialog");
            let (cx, sip) = (&mut net.ends.cx, &mut net.ends.sip);
            sip.subscribe(cx, config, Target::Uri);
        });
    });
    stage.run(5);
    let seen = stage.seen();
    let to_alice = seen.iter().filter(|seen| &*seen.host == "alice");
    let refused = to_alice.filter(|seen| seen.sighting.bytes.starts_with(b"SIP/2.0 403"));
    assert!(refused.count() > 0);
    assert!(stage.requests("server", "NOTIFY").is_empty());
}

#[test]
fn r44_a_caller_without_a_name_has_none_here_either() {
    let mut stage = Stage::new(954);
    stage.record(true);
    stage.client("bob", |bob, now| bob.watch_sessions(now, secs(3600)));
    stage.client("alice", |alice, now| {
        alice.open_chat_as(now, anonymous(), uri("bob"))
    });
    stage.run(5);
    let last = told(&stage, "bob").pop().unwrap();
    let peer = last[0].peer.as_deref();
    assert_eq!(peer, Some("sip:anonymous@anonymous.invalid"));
    for notify in stage.requests("server", "NOTIFY") {
        assert!(!notify.contains("alice"), "{notify}");
        assert!(
            !notify.contains("msrp://"),
            "no path, by which one could join: {notify}"
        );
    }
}
