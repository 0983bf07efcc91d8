//! SIPp, as users of our server and as peers of our client.
//!
//! SIPp 3.6.1 knows digest with MD5 only and looks at the first challenge only. It speaks no MSRP: the paths
//! that it offers lead nowhere.

use crate::support::{
    DOMAIN, PATIENCE, Running, Server, chat, file, folder, free_port, is_installed, password,
};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A scenario that runs.
struct Sipp {
    name: String,
    folder: PathBuf,
    running: Running,
}

/// A user of SIPp's at one address.
struct User<'a> {
    name: &'a str,
    transport: &'a str,
    port: u16,
    password: String,
    folder: &'a PathBuf,
    server: &'a Server,
}

impl<'a> User<'a> {
    fn new(name: &'a str, transport: &'a str, folder: &'a PathBuf, server: &'a Server) -> Self {
        Self {
            name,
            transport,
            port: free_port(),
            password: password(name),
            folder,
            server,
        }
    }

    /// Starts a scenario of `calls` calls.
    fn start(&self, scenario: &str, to: &str, calls: usize, more: &[&str]) -> Sipp {
        let name = format!("{scenario}-{}-{}", self.name, self.port);
        let mut fields = vec![self.name, DOMAIN];
        if !to.is_empty() {
            fields.insert(1, to);
        }
        let proof = format!(
            "[authentication username={} password={}]",
            self.name, self.password
        );
        // The last field is a number for the device.
        let device = format!("{:05}", self.port);
        fields.extend([proof.as_str(), device.as_str()]);
        let csv = format!("{name}.csv");
        fs::write(
            self.folder.join(&csv),
            format!("SEQUENTIAL\n{}\n", fields.join(";")),
        )
        .unwrap();
        let mut command = Command::new("sipp");
        command
            .arg("-sf")
            .arg(file("sipp").join(scenario).with_extension("xml"));
        command.args(["-i", "127.0.0.1", "-p", &self.port.to_string()]);
        command.args(["-t", if self.transport == "tcp" { "t1" } else { "u1" }]);
        command.args(["-m", &calls.to_string(), "-r", "20", "-nostdin"]);
        command.args([
            "-timeout",
            "20s",
            "-timeout_error",
            "-auth_uri",
            DOMAIN,
            "-inf",
            &csv,
        ]);
        command.args(["-trace_err", "-error_file", &format!("{name}.errors")]);
        command.args(["-trace_msg", "-message_file", &format!("{name}.messages")]);
        command.args(more).arg(self.server.sip.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Sipp {
            running: Running::start(&mut command, self.folder, &name),
            folder: self.folder.clone(),
            name,
        }
    }

    fn register(&self) {
        self.start("register", "", 1, &[]).pass();
    }
}

impl Sipp {
    /// What it sent and received.
    fn messages(&self) -> String {
        fs::read_to_string(self.folder.join(format!("{}.messages", self.name))).unwrap_or_default()
    }

    /// Its exit status: 0 if every call went as the scenario says.
    fn end(&mut self) -> Option<i32> {
        self.running.wait(PATIENCE)?.code()
    }

    /// Waits until it went through, and gives back what was said.
    fn pass(mut self) -> String {
        let status = self.end();
        let messages = self.messages();
        if status != Some(0) {
            let errors = self.folder.join(format!("{}.errors", self.name));
            let errors = fs::read_to_string(errors).unwrap_or_default();
            panic!("sipp {}: {status:?}\n{errors}\n{messages}", self.name);
        }
        messages
    }
}

/// Asked for the password before and after it tried.
fn assert_refused(sipp: &Sipp, status: &str) {
    let messages = sipp.messages();
    assert!(messages.matches(status).count() >= 2, "{messages}");
    assert!(!messages.contains("SIP/2.0 20"), "{messages}");
}

fn is_here() -> bool {
    is_installed("sipp", "sip-tester")
}

#[test]
#[ignore = "needs SIPp (Debian: sip-tester): cargo test --test peers -- --ignored"]
fn sipp_registers_by_digest() {
    if !is_here() {
        return;
    }
    let folder = folder("sipp_registers_by_digest");
    let server = Server::start(&folder);
    for transport in ["udp", "tcp"] {
        let alice = User::new("alice", transport, &folder, &server);
        alice.start("register", "", 5, &[]).pass();
    }
}

#[test]
#[ignore = "needs SIPp (Debian: sip-tester): cargo test --test peers -- --ignored"]
fn sipp_registers_over_a_network_that_loses() {
    if !is_here() {
        return;
    }
    let folder = folder("sipp_registers_over_a_network_that_loses");
    let server = Server::start(&folder);
    let alice = User::new("alice", "udp", &folder, &server);
    alice.start("register", "", 10, &["-lost", "20"]).pass();
}

#[test]
#[ignore = "needs SIPp (Debian: sip-tester): cargo test --test peers -- --ignored"]
fn sipp_with_a_wrong_password_stays_outside() {
    if !is_here() {
        return;
    }
    let folder = folder("sipp_with_a_wrong_password_stays_outside");
    let server = Server::start(&folder);
    for transport in ["udp", "tcp"] {
        let mut alice = User::new("alice", transport, &folder, &server);
        alice.password = "guessed".into();
        let mut sipp = alice.start("register", "", 1, &[]);
        assert_eq!(sipp.end(), Some(1));
        assert_refused(&sipp, "SIP/2.0 401");
        let mut sipp = alice.start("message", "bob", 1, &["-default_behaviors", "all,-bye"]);
        assert_eq!(sipp.end(), Some(1));
        assert_refused(&sipp, "SIP/2.0 407");
    }
}

#[test]
#[ignore = "needs SIPp (Debian: sip-tester): cargo test --test peers -- --ignored"]
fn sipp_writes_to_our_client_and_gets_its_reports() {
    if !is_here() {
        return;
    }
    for transport in ["udp", "tcp"] {
        let folder = folder(&format!("sipp_writes_to_our_client_{transport}"));
        let server = Server::start(&folder);
        let mut bob = chat(&folder, "bob", &server, transport);
        let reached = User::new("alice", transport, &folder, &server);
        reached.register();
        // Each message is reported twice: delivered and displayed.
        let reports = reached.start("report_uas", "", 6, &[]);
        let alice = User::new("alice", transport, &folder, &server);
        alice.start("message", "bob", 3, &[]).pass();
        for text in ["Message 1", "Message 2", "Message 3"] {
            bob.hear(&[
                ("event", "message"),
                ("text", text),
                ("from", "sip:alice@example.test"),
            ]);
        }
        let reports = reports.pass();
        for report in ["<delivered/>", "<displayed/>"] {
            assert_eq!(reports.matches(report).count(), 3, "{report}\n{reports}");
        }
        let heard = bob.leave("/quit");
        let messages = heard.iter().filter(|line| line["event"] == "message");
        assert_eq!(messages.count(), 3, "{heard:#?}");
    }
}

#[test]
#[ignore = "needs SIPp (Debian: sip-tester): cargo test --test peers -- --ignored"]
fn sipp_writes_to_a_user_who_is_away() {
    if !is_here() {
        return;
    }
    for transport in ["udp", "tcp"] {
        let folder = folder(&format!("sipp_writes_to_a_user_who_is_away_{transport}"));
        let server = Server::start(&folder);
        let alice = User::new("alice", transport, &folder, &server);
        // One after the other: their order is to be kept.
        let said = alice.start("message", "bob", 3, &["-l", "1"]).pass();
        assert_eq!(said.matches("SIP/2.0 202").count(), 3, "{said}");
        let mut bob = chat(&folder, "bob", &server, transport);
        bob.hear(&[("event", "message"), ("text", "Message 3")]);
        let heard = bob.leave("/quit");
        let texts: Vec<_> = (heard.iter().filter(|line| line["event"] == "message"))
            .filter_map(|line| line["text"].as_str())
            .collect();
        assert_eq!(texts, ["Message 1", "Message 2", "Message 3"]);
    }
}

#[test]
#[ignore = "needs SIPp (Debian: sip-tester): cargo test --test peers -- --ignored"]
fn sipp_gets_a_message_from_our_client() {
    if !is_here() {
        return;
    }
    for transport in ["udp", "tcp"] {
        let folder = folder(&format!("sipp_gets_a_message_from_our_client_{transport}"));
        let server = Server::start(&folder);
        let bob = User::new("bob", transport, &folder, &server);
        bob.register();
        let taken = bob.start("message_uas", "", 1, &[]);
        // SIPp says nothing when it listens.
        std::thread::sleep(Duration::from_millis(500));
        let mut alice = chat(&folder, "alice", &server, transport);
        alice.say("/msg bob Hello, SIPp!");
        alice.hear(&[("event", "sent")]);
        taken.pass();
        alice.leave("/quit");
    }
}

#[test]
#[ignore = "needs SIPp (Debian: sip-tester): cargo test --test peers -- --ignored"]
fn sipp_opens_a_session_with_our_client() {
    if !is_here() {
        return;
    }
    for transport in ["udp", "tcp"] {
        let folder = folder(&format!("sipp_opens_a_session_with_our_client_{transport}"));
        let server = Server::start(&folder);
        let mut bob = chat(&folder, "bob", &server, "tcp");
        let alice = User::new("alice", transport, &folder, &server);
        alice.start("invite", "bob", 1, &[]).pass();
        bob.hear(&[("event", "accepted"), ("by", "sip:alice@example.test")]);
        bob.hear(&[("event", "ended"), ("with", "sip:alice@example.test")]);
        bob.leave("/quit");
    }
}

#[test]
#[ignore = "needs SIPp (Debian: sip-tester): cargo test --test peers -- --ignored"]
fn sipp_opens_a_session_with_sipp() {
    if !is_here() {
        return;
    }
    for transport in ["udp", "tcp"] {
        let folder = folder(&format!("sipp_opens_a_session_with_sipp_{transport}"));
        let server = Server::start(&folder);
        let bob = User::new("bob", transport, &folder, &server);
        bob.register();
        let accepting = bob.start("invite_uas", "", 3, &[]);
        std::thread::sleep(Duration::from_millis(500));
        let alice = User::new("alice", transport, &folder, &server);
        alice.start("invite", "bob", 3, &[]).pass();
        accepting.pass();
    }
}

/// How often the 200 to an INVITE came before the ACK was sent, and how often after it.
fn answers_around_ack(messages: &str) -> (usize, usize) {
    let ack = messages.rfind("CSeq: 2 ACK").expect("an ACK");
    let count = |part: &str| {
        let responses = part.split("SIP/2.0 200").skip(1);
        let of_invite = |response: &&str| {
            let head = response.split("\n\n").next().unwrap_or_default();
            head.contains("CSeq: 2 INVITE")
        };
        responses.filter(of_invite).count()
    };
    let plain = |part: &str| part.replace("\r\n", "\n");
    (
        count(&plain(&messages[..ack])),
        count(&plain(&messages[ack..])),
    )
}

/// A caller that misbehaves as the scenario says, and our client, which is called once and no more.
fn misbehaving(scenario: &str) -> String {
    let folder = folder(&format!("sipp_{scenario}"));
    let server = Server::start(&folder);
    let mut bob = chat(&folder, "bob", &server, "tcp");
    let alice = User::new("alice", "udp", &folder, &server);
    let said = alice.start(scenario, "bob", 1, &[]).pass();
    bob.hear(&[("event", "accepted"), ("by", "sip:alice@example.test")]);
    bob.hear(&[("event", "ended"), ("with", "sip:alice@example.test")]);
    let heard = bob.leave("/quit");
    let accepted = heard.iter().filter(|line| line["event"] == "accepted");
    assert!(accepted.count() <= 1, "{heard:#?}");
    said
}

#[test]
#[ignore = "needs SIPp (Debian: sip-tester): cargo test --test peers -- --ignored"]
fn sipp_loses_its_ack_and_gets_the_200_until_it_comes() {
    if !is_here() {
        return;
    }
    let said = misbehaving("invite_lost_ack");
    let (before, after) = answers_around_ack(&said);
    assert!(before >= 3, "{before}\n{said}");
    assert_eq!(after, 0, "{said}");
}

#[test]
#[ignore = "needs SIPp (Debian: sip-tester): cargo test --test peers -- --ignored"]
fn sipp_cancels_what_is_accepted_and_changes_nothing() {
    if !is_here() {
        return;
    }
    let said = misbehaving("invite_late_cancel");
    assert!(said.contains("CSeq: 2 CANCEL"), "{said}");
    assert!(!said.contains("SIP/2.0 487"), "{said}");
}

#[test]
#[ignore = "needs SIPp (Debian: sip-tester): cargo test --test peers -- --ignored"]
fn sipp_sends_its_invite_three_times_and_makes_one_call() {
    if !is_here() {
        return;
    }
    let said = misbehaving("invite_again");
    assert!(!said.contains("SIP/2.0 482"), "{said}");
    let (before, after) = answers_around_ack(&said);
    assert!((before, after) == (1, 0), "{before}, {after}\n{said}");
}

#[test]
#[ignore = "needs SIPp (Debian: sip-tester): cargo test --test peers -- --ignored"]
fn sipp_answers_twice_as_a_fork_does_and_one_is_ended() {
    if !is_here() {
        return;
    }
    let folder = folder("sipp_answers_twice");
    let server = Server::start(&folder);
    let bob = User::new("bob", "udp", &folder, &server);
    bob.register();
    let accepting = bob.start("invite_forked_uas", "", 1, &[]);
    std::thread::sleep(Duration::from_millis(500));
    let alice = User::new("alice", "udp", &folder, &server);
    alice.start("invite", "bob", 1, &[]).pass();
    let said = accepting.pass();
    // Each of the two dialogs got an ACK and a BYE.
    for method in ["ACK", "BYE"] {
        let line = format!("{method} sip:bob@");
        let mut tags: Vec<_> = (said.split(line.as_str()).skip(1))
            .filter_map(|request| request.split("\nTo: ").nth(1)?.lines().next())
            .collect();
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), 2, "{method}: {tags:?}\n{said}");
    }
}
