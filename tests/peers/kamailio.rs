//! Kamailio as an IMS core in front of our server, which is its application server.

use crate::support::{
    DOMAIN, Running, Server, Talking, chat_at, file, folder, free_port, is_installed, skip,
};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A Kamailio with one of our configurations.
struct Kamailio {
    log: PathBuf,
    _running: Running,
}

impl Kamailio {
    fn start(
        folder: &Path,
        name: &str,
        port: u16,
        fill: &[(&str, &str)],
        defines: &[&str],
    ) -> Self {
        let template = fs::read_to_string(file(format!("kamailio/{name}.cfg"))).unwrap();
        let text = fill.iter().fold(template, |text, (hole, value)| {
            text.replace(&format!("@{hole}@"), value)
        });
        let path = folder.join(format!("{name}.cfg"));
        fs::write(&path, text).unwrap();
        let mut command = Command::new("kamailio");
        command
            .arg("-f")
            .arg(&path)
            .args(["-DD", "-E", "-m", "32", "-M", "8"]);
        command
            .arg("-Y")
            .arg(folder)
            .arg("-P")
            .arg(folder.join(format!("{name}.pid")));
        for define in defines {
            command.args(["-A", define]);
        }
        let running = Running::start(&mut command, folder, name);
        let kamailio = Self {
            log: folder.join(format!("{name}.err")),
            _running: running,
        };
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "{}", kamailio.log());
            sleep(Duration::from_millis(50));
        }
        kamailio
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has written this.
    fn has_seen(&self, text: &str) {
        let end = Instant::now() + Duration::from_secs(20);
        while !self.log().contains(text) {
            assert!(Instant::now() < end, "no {text:?} in\n{}", self.log());
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // The processes that it has forked end with it only if it is asked to.
        let pid = self._running.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        self._running.wait(Duration::from_secs(5));
    }
}

/// A message of its own and a chat, each way.
fn talk(alice: &mut Talking, bob: &mut Talking) {
    for (from, to, name, sender) in [(0, 1, "bob", "alice"), (1, 0, "alice", "bob")] {
        let both = [&mut *alice, &mut *bob];
        let text = format!("a message for {name}");
        both[from].say(&format!("/msg {name} {text}"));
        let sender = format!("sip:{sender}@{DOMAIN}");
        both[to].hear(&[("event", "message"), ("text", &text), ("from", &sender)]);
        let name_uri = format!("sip:{name}@{DOMAIN}");
        both[from].hear(&[("event", "displayed"), ("by", &name_uri)]);
        let text = format!("a chat with {name}");
        both[from].say(&format!("/chat {name}"));
        both[from].say(&text);
        both[to].hear(&[("event", "message"), ("text", &text), ("from", &sender)]);
        both[from].hear(&[("event", "displayed"), ("by", &name_uri)]);
        both[from].say("/end");
    }
}

fn is_here() -> bool {
    let module = Path::new("/usr/lib/x86_64-linux-gnu/kamailio/modules/tls.so");
    if !is_installed("kamailio", "kamailio") {
        return false;
    }
    module.exists() || skip("tls.so", "kamailio-tls-modules")
}

fn core(transport: &str) {
    if !is_here() {
        return;
    }
    let folder = folder(&format!("kamailio_core_{transport}"));
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), certificate.cert.pem()).unwrap();
    let key = certificate.signing_key.serialize_pem();
    fs::write(folder.join("key.pem"), key).unwrap();
    let (port, tls_port, sips) = (free_port(), free_port(), free_port());
    let is_tls = transport == "tls";
    let at = if is_tls { tls_port } else { port };
    let core_address = format!("{at};transport={transport}");

    let extra = [
        "--core".to_owned(),
        format!("sip:orig-done@127.0.0.1:{core_address}"),
        "--tls-cert".to_owned(),
        "cert.pem".to_owned(),
        "--tls-key".to_owned(),
        "key.pem".to_owned(),
        "--tls-ca".to_owned(),
        "cert.pem".to_owned(),
        "--sips".to_owned(),
        format!("127.0.0.1:{sips}"),
        "--msrps".to_owned(),
        "127.0.0.1:0".to_owned(),
    ];
    let server = Server::start_with(&folder, SocketAddr::from(([127, 0, 0, 1], 0)), &extra);
    let server_at = match is_tls {
        true => format!("127.0.0.1:{sips}"),
        false => server.sip.to_string(),
    };
    let fill = [
        ("PORT", port.to_string()),
        ("TLSPORT", tls_port.to_string()),
        ("CORE", core_address),
        ("SERVER", format!("sip:{server_at};transport={transport}")),
        ("FOLDER", folder.display().to_string()),
        // Last, since an address of record is written with an @ in front of it.
        ("DOMAIN", DOMAIN.to_owned()),
    ];
    let fill = fill.each_ref().map(|(hole, value)| (*hole, value.as_str()));
    let kamailio = Kamailio::start(&folder, "core", port, &fill, &["WITH_TLS"]);
    let register_at = SocketAddr::from(([127, 0, 0, 1], at));
    let more = ["--ca", "cert.pem"];
    let more = if is_tls { &more[..] } else { &[] };
    let mut alice = chat_at(&folder, "alice", register_at, transport, more);
    let mut bob = chat_at(&folder, "bob", register_at, transport, more);
    kamailio.has_seen("seen: third-party REGISTER 200");
    talk(&mut alice, &mut bob);
    for case in [
        "orig MESSAGE",
        "term MESSAGE",
        "device MESSAGE",
        "orig INVITE",
        "term INVITE",
        "device INVITE",
    ] {
        kamailio.has_seen(&format!("seen: {case}"));
    }
    kamailio.has_seen(&format!("seen: device MESSAGE {transport}"));
    alice.leave("/quit");
    // Whoever has left gets it later: the core says so.
    bob.say("/msg alice while you were away");
    let sending = bob.hear(&[("event", "sending"), ("text", "while you were away")]);
    bob.hear(&[("event", "sent"), ("id", sending["id"].as_str().unwrap())]);
    let mut alice = chat_at(&folder, "alice", register_at, transport, more);
    alice.hear(&[("event", "message"), ("text", "while you were away")]);
    alice.leave("/quit");
    bob.leave("/quit");
}

#[test]
#[ignore = "needs kamailio (Debian: kamailio kamailio-tls-modules): cargo test --test peers -- --ignored"]
fn kamailio_is_the_core_of_our_server_over_udp() {
    core("udp");
}

#[test]
#[ignore = "needs kamailio (Debian: kamailio kamailio-tls-modules): cargo test --test peers -- --ignored"]
fn kamailio_is_the_core_of_our_server_over_tcp() {
    core("tcp");
}

#[test]
#[ignore = "needs kamailio (Debian: kamailio kamailio-tls-modules): cargo test --test peers -- --ignored"]
fn kamailio_is_the_core_of_our_server_over_tls() {
    core("tls");
}

#[test]
#[ignore = "needs kamailio (Debian: kamailio kamailio-tls-modules): cargo test --test peers -- --ignored"]
fn kamailio_between_us_and_our_users_is_in_their_path() {
    if !is_here() {
        return;
    }
    let folder = folder("kamailio_edge");
    let server = Server::start(&folder);
    let port = free_port();
    let server_port = server.sip.port().to_string();
    let fill = [
        ("PORT", &*port.to_string()),
        ("CORE", &*server_port),
        ("DOMAIN", DOMAIN),
    ];
    let kamailio = Kamailio::start(&folder, "edge", port, &fill, &[]);
    let edge = SocketAddr::from(([127, 0, 0, 1], port));
    let mut alice = chat_at(&folder, "alice", edge, "tcp", &[]);
    let mut bob = chat_at(&folder, "bob", edge, "udp", &[]);
    talk(&mut alice, &mut bob);
    kamailio.has_seen("seen: routed MESSAGE");
    kamailio.has_seen("seen: routed INVITE");
    alice.leave("/quit");
    bob.leave("/quit");
}
