//! The example programs as people run them: processes of their own, one of which is killed.

#[path = "peers/support.rs"]
#[allow(dead_code, reason = "shared with the tests against peers")]
mod support;

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Stdio};
use std::time::{Duration, Instant};
use support::{PATIENCE, Running, Server, Talking, chat, example, folder};

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

/// The path in the next line that has one.
fn path_in(lines: &mut std::io::Lines<BufReader<ChildStdout>>) -> String {
    let mut found = lines.map_while(Result::ok).filter_map(|line| {
        let (_, path) = line.split_once("path=")?;
        Some(path.to_owned())
    });
    found.next().expect("a path to send to")
}

/// A sender that is killed has noted how far it was; the next one sends what is missing and no more.
#[test]
fn a_file_whose_sender_is_killed_is_whole_after_it_was_resumed() {
    const SIZE: usize = 96 * 1024 * 1024;
    let folder = folder("resumed");
    fs::create_dir(folder.join("in")).unwrap();
    let bytes: Vec<u8> = (0..SIZE / 4)
        .flat_map(|n| {
            u32::try_from(n)
                .unwrap()
                .wrapping_mul(2_654_435_761)
                .to_le_bytes()
        })
        .collect();
    fs::write(folder.join("file.bin"), &bytes).unwrap();
    let mut receive = example("msrp_receive");
    receive.args(["--listen", "127.0.0.1:0", "--dir", "in"]);
    let mut receiver = Running::start(receive.stdout(Stdio::piped()), &folder, "receive");
    let mut lines = BufReader::new(receiver.0.stdout.take().unwrap()).lines();
    let path = path_in(&mut lines);
    let sender = |path: &str, more: &[&str], name: &str| {
        let mut send = example("msrp_send");
        send.args([path, "file.bin"]).args(more);
        Running::start(send.stdout(Stdio::null()), &folder, name)
    };
    let note = folder.join("file.bin.sent");
    let mut first = sender(&path, &[], "first");
    let end = Instant::now() + PATIENCE;
    while !note.exists() {
        assert!(Instant::now() < end, "nothing was noted");
        std::thread::sleep(Duration::from_millis(1));
    }
    first.0.kill().unwrap();
    assert!(
        !first.wait(PATIENCE).unwrap().success(),
        "it was killed in the middle"
    );
    let noted: u64 = fs::read_to_string(&note).unwrap().parse().unwrap();
    assert!(noted > 0 && noted < SIZE as u64, "{noted}");
    let path = path_in(&mut lines);
    let mut second = sender(&path, &["--from", "resume"], "second");
    let status = second.wait(PATIENCE).expect("it ends");
    assert!(
        status.success(),
        "{}",
        fs::read_to_string(folder.join("second.err")).unwrap()
    );
    assert!(!note.exists(), "what is sent needs no note");
    assert!(
        fs::read(folder.join("in/file.bin")).unwrap() == bytes,
        "the file has changed"
    );
}
