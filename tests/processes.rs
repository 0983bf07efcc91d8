//! The example programs as people run them: processes of their own, one of which is killed.

#[path = "peers/support.rs"]
#[allow(dead_code, reason = "shared with the tests against peers")]
mod support;

use serde_json::Value;
use support::{Server, Talking, chat, folder};

const BOB: &str = "sip:bob@example.test";

fn texts(lines: &[Value]) -> Vec<&str> {
    let messages = lines.iter().filter(|line| line["event"] == "message");
    messages.filter_map(|line| line["text"].as_str()).collect()
}

fn say_and_see(from: &mut Talking, to: &mut Talking, text: &str) {
    from.say(text);
    to.hear(&[("event", "message"), ("text", text)]);
    for event in ["sent", "delivered", "displayed"] {
        from.hear(&[("event", event)]);
    }
}

fn two_people_chat(transport: &str) {
    let folder = folder(&format!("chat-{transport}"));
    let server = Server::start(&folder);
    let mut alice = chat(&folder, "alice", &server, transport);
    let mut bob = chat(&folder, "bob", &server, transport);
    alice.say("/chat bob");
    alice.hear(&[("event", "accepted"), ("by", BOB)]);
    alice.say("/typing");
    bob.hear(&[("event", "typing"), ("active", "true")]);
    say_and_see(&mut alice, &mut bob, "Hello Bob");
    say_and_see(&mut bob, &mut alice, "Hello Alice");
    alice.say("/end");
    bob.hear(&[("event", "ended")]);
    assert_eq!(texts(&alice.leave("/quit")), ["Hello Alice"]);
    assert_eq!(texts(&bob.leave("/quit")), ["Hello Bob"]);
}

#[test]
fn two_people_chat_over_tcp() {
    two_people_chat("tcp");
}

#[test]
fn two_people_chat_over_udp() {
    two_people_chat("udp");
}

/// What the server took for somebody who is away outlives its sudden death, and comes once and in order.
#[test]
fn r108_a_killed_server_delivers_what_it_took_once_and_in_order() {
    let folder = folder("killed");
    let server = Server::start(&folder);
    let mut alice = chat(&folder, "alice", &server, "tcp");
    let written: Vec<_> = (0..20).map(|n| format!("number {n}")).collect();
    for text in &written {
        alice.say(&format!("/msg bob {text}"));
    }
    for _ in &written {
        alice.hear(&[("event", "sent")]);
    }
    // Dropping a process kills it: it has no time for anything.
    let sip = server.sip;
    drop(server);
    let server = Server::start_at(&folder, sip);
    let mut bob = chat(&folder, "bob", &server, "tcp");
    for text in &written {
        bob.hear(&[("event", "message"), ("text", text)]);
    }
    // Alice finds the server again by herself, and learns what became of her messages.
    for _ in &written {
        alice.hear(&[("event", "displayed")]);
    }
    assert_eq!(texts(&bob.leave("/quit")), written);
    // What was delivered is kept no longer.
    let mut bob = chat(&folder, "bob", &server, "tcp");
    alice.say("/msg bob more");
    bob.hear(&[("event", "message"), ("text", "more")]);
    assert_eq!(texts(&bob.leave("/quit")), ["more"]);
    alice.leave("/quit");
}
