//! Our MSRP endpoint against Kamailio as a relay, and against an endpoint in Python.

use crate::support::{PATIENCE, Running, file, folder, free_port, is_installed};
use bytes::Bytes;
use cpm::driver::{self, SoloDriver};
use cpm::engine::Limits;
use cpm::msrp::{
    Config, Endpoint, Event, Outgoing, RelayAccount, Role, SessionId, Settings, Status, Uri,
};
use cpm::node::Solo;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// An endpoint on real sockets with one session.
struct End {
    net: SoloDriver<Endpoint>,
    session: SessionId,
    received: Vec<Bytes>,
    sent: usize,
    reports: Vec<Status>,
    failed: Vec<String>,
    authorized: bool,
}

impl End {
    fn new(edit: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        edit(&mut limits);
        let node = Solo::new(driver::clock(), driver::seed(), limits, |ids| {
            Endpoint::new(Config::default(), ids)
        });
        let mut net = SoloDriver::new(node);
        let session = net.node.command(Instant::now(), |endpoint, cx| {
            endpoint.open(cx, Settings::default()).unwrap()
        });
        Self {
            net,
            session,
            received: Vec::new(),
            sent: 0,
            reports: Vec::new(),
            failed: Vec::new(),
            authorized: false,
        }
    }

    fn path(&self) -> Vec<Uri> {
        let endpoint = self.net.node.machine();
        endpoint.local_path(self.session).unwrap()
    }

    fn start(&mut self, peer: Vec<Uri>, role: Role) {
        let session = self.session;
        self.net.node.command(Instant::now(), |endpoint, cx| {
            endpoint.start(cx, session, peer, role);
        });
    }

    fn send(&mut self, body: impl Into<Bytes>) {
        let mut message = Outgoing::new("text/plain".into(), body.into());
        message.success_report = true;
        let session = self.session;
        self.net.node.command(Instant::now(), |endpoint, cx| {
            endpoint.send(cx, session, message).unwrap();
        });
    }

    async fn step(&mut self) {
        match self.net.next().await.unwrap() {
            Event::Authorized { .. } => self.authorized = true,
            Event::Received { message, .. } => {
                self.received.push(message.body);
                self.net.node.command(Instant::now(), |endpoint, cx| {
                    endpoint.accept(cx, message.receipt);
                });
            }
            Event::Sent { .. } => self.sent += 1,
            Event::Report { status, .. } => self.reports.push(status),
            event @ (Event::Failed { .. } | Event::Down { .. }) => {
                self.failed.push(format!("{event:?}"));
            }
            _ => {}
        }
    }

    /// Runs until it is done, or in trouble.
    async fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let all = async {
            while !done(self) && self.failed.is_empty() {
                self.step().await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.expect("in time");
        assert_eq!(self.failed, Vec::<String>::new());
    }
}

/// Runs both until both are done.
async fn both(one: &mut End, other: &mut End, done: impl Fn(&End) -> bool) {
    let all = async {
        while !(done(one) && done(other)) && one.failed.is_empty() && other.failed.is_empty() {
            tokio::select! {
                () = one.step() => {}
                () = other.step() => {}
            }
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, all).await;
    assert_eq!((&one.failed, &other.failed), (&vec![], &vec![]));
    in_time.expect("in time");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// The endpoint in Python.
struct Python {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Python {
    fn start(folder: &Path, arguments: &[&str]) -> (Self, Uri) {
        let errors = std::fs::File::create(folder.join("msrp_peer.err")).unwrap();
        let mut child = Command::new("python3")
            .arg(file("msrp_peer.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let path = line.trim().strip_prefix("path=").unwrap().parse().unwrap();
        (Self { child, lines }, path)
    }

    /// What it has to say when it ends.
    fn end(mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        self.child.wait().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

/// What we send, and what both sides make of it.
fn talk(end: &mut End) {
    end.send("hello from us");
    // Many chunks.
    end.send("0123456789".repeat(500));
    end.send("what is no end\r\n-------abcd$\r\nmust not end it");
}

fn judge(end: &End, heard: &Value) {
    let mut received = end.received.clone();
    received.sort();
    assert_eq!(
        received,
        [
            "in many chunks from python",
            "looks like an end\r\n-------py00$\r\nbut is none",
            "one piece from python",
        ]
    );
    assert_eq!(end.reports, [Status::OK; 3]);
    assert_eq!(heard["wrong"], Value::Array(vec![]), "{heard}");
    let texts: Vec<_> = heard["received"].as_array().unwrap().iter().collect();
    assert_eq!(texts.len(), 3, "{heard}");
    assert!(texts.iter().any(|text| **text == "0123456789".repeat(500)));
    assert_eq!(heard["reports"].as_array().unwrap().len(), 3, "{heard}");
    let responses = heard["responses"].as_array().unwrap();
    assert!(responses.iter().all(|code| code == "200"), "{heard}");
}

#[test]
#[ignore = "needs python3: cargo test --test peers -- --ignored"]
fn python_connects_and_both_write() {
    if !is_installed("python3", "python3") {
        return;
    }
    let folder = folder("python_connects_and_both_write");
    runtime().block_on(async {
        let mut end = End::new(|limits| limits.msrp_send_chunk = 1000);
        let listen = "127.0.0.1:0".parse().unwrap();
        end.net.listen_tcp(listen).await.unwrap();
        // The path names the listener, which was not there when the session was opened.
        end.session = end.net.node.command(Instant::now(), |endpoint, cx| {
            endpoint.open(cx, Settings::default()).unwrap()
        });
        let path = end.path().pop().unwrap().to_string();
        let (python, peer) = Python::start(&folder, &["connect", &path]);
        end.start(vec![peer], Role::Passive);
        talk(&mut end);
        end.until(|end| end.received.len() == 3 && end.sent == 3 && end.reports.len() == 3)
            .await;
        let soon = Instant::now() + PATIENCE;
        end.net.flush(soon).await.unwrap();
        judge(&end, &python.end());
    });
}

#[test]
#[ignore = "needs python3: cargo test --test peers -- --ignored"]
fn python_is_connected_to_and_both_write() {
    if !is_installed("python3", "python3") {
        return;
    }
    let folder = folder("python_is_connected_to_and_both_write");
    runtime().block_on(async {
        let mut end = End::new(|limits| limits.msrp_send_chunk = 1000);
        let (mut python, peer) = Python::start(&folder, &["listen"]);
        let path = end.path().pop().unwrap();
        let input = python.child.stdin.as_mut().unwrap();
        writeln!(input, "{path}").unwrap();
        end.start(vec![peer], Role::Active { peer: None });
        talk(&mut end);
        end.until(|end| end.received.len() == 3 && end.sent == 3 && end.reports.len() == 3)
            .await;
        let soon = Instant::now() + PATIENCE;
        end.net.flush(soon).await.unwrap();
        judge(&end, &python.end());
    });
}

#[test]
#[ignore = "needs Kamailio (Debian: kamailio, kamailio-extra-modules): cargo test --test peers -- --ignored"]
fn two_of_us_write_to_each_other_through_kamailio() {
    if !is_installed("kamailio", "kamailio") {
        return;
    }
    let folder = folder("two_of_us_write_to_each_other_through_kamailio");
    let port = free_port();
    let config = std::fs::read_to_string(file("kamailio-msrp.cfg")).unwrap();
    let config = config.replace("PORT", &port.to_string());
    std::fs::write(folder.join("kamailio.cfg"), config).unwrap();
    let mut command = Command::new("kamailio");
    // In the foreground, for as long as the test lives.
    command.args(["-DD", "-E", "-f", "kamailio.cfg", "-Y", ".", "-P", "pid"]);
    let _kamailio = Running::start(&mut command, &folder, "kamailio");
    let listens = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < listens, "Kamailio does not listen");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    runtime().block_on(async {
        let relay: Uri = format!("msrp://127.0.0.1:{port};tcp").parse().unwrap();
        let account = |user: &str| {
            let mut account = RelayAccount::new(relay.clone(), user.into(), "secret".into());
            // Its SIP parser reads the answer, and wants all of it.
            account.names_uri = true;
            account
        };
        let (mut alice, mut bob) = (End::new(|_| {}), End::new(|_| {}));
        for (end, user) in [(&mut alice, "alice"), (&mut bob, "bob")] {
            let (session, account) = (end.session, account(user));
            end.net.node.command(Instant::now(), |endpoint, cx| {
                endpoint.authorize(cx, session, vec![account], None);
            });
            end.until(|end| end.authorized).await;
            assert_eq!(end.path().len(), 2);
        }
        let (alices, bobs) = (alice.path(), bob.path());
        bob.start(alices, Role::Passive);
        alice.start(bobs, Role::Active { peer: None });
        for round in 0..3 {
            alice.send(format!("from alice {round}"));
            bob.send(format!("from bob {round}"));
        }
        both(&mut alice, &mut bob, |end| {
            end.received.len() == 3 && end.sent == 3 && end.reports.len() == 3
        })
        .await;
        assert_eq!(alice.received, ["from bob 0", "from bob 1", "from bob 2"]);
        assert_eq!(
            bob.received,
            ["from alice 0", "from alice 1", "from alice 2"]
        );
        assert_eq!(alice.reports, [Status::OK; 3]);
    });
}
