//! baresip, a telephone of few parts, as a user of our server and as a peer of our client.

use crate::support::{DOMAIN, Server, Talking, chat, folder, free_port, is_installed, password};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// A baresip that is registered, with bob as the contact at hand. Its modules are those of Debian's package.
fn baresip(folder: &Path, user: &str, server: &Server, transport: &str) -> Talking {
    let home = folder.join(format!("baresip-{user}"));
    fs::create_dir_all(&home).unwrap();
    let (sip, port, password) = (server.sip, free_port(), password(user));
    let modules = if Path::new("/usr/lib/baresip/modules").exists() {
        "/usr/lib/baresip/modules".to_owned()
    } else {
        format!(
            "/usr/lib/{}-linux-gnu/baresip/modules",
            std::env::consts::ARCH
        )
    };
    let config = format!(
        "sip_listen 127.0.0.1:{port}\naudio_source aufile,/dev/null\nausrc_channels 0\nnet_interface 127.0.0.1\n\
         module_path {modules}\nmodule account.so\nmodule stdio.so\nmodule g711.so\nmodule uuid.so\n\
         module_app menu.so\nmodule_app contact.so\nmodule_app debug_cmd.so\nmodule_app presence.so\n"
    );
    fs::write(home.join("config"), config).unwrap();
    let account = format!(
        "<sip:{user}@{DOMAIN};transport={transport}>;auth_user={user};auth_pass={password};regint=600;\
         outbound=\"sip:{sip};transport={transport}\"\n"
    );
    fs::write(home.join("accounts"), account).unwrap();
    let contact = format!("\"Bob\" <sip:bob@{DOMAIN}>;presence=p2p\n");
    fs::write(home.join("contacts"), contact).unwrap();
    // What people are to see goes to its standard error.
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec baresip -4 -v -f . 2>&1"])
        .env("HOME", &home);
    let mut baresip = Talking::start(&mut command, &home, "baresip");
    baresip.hear_text("REGISTER_OK");
    baresip
}

/// It gives up at a challenge for SHA-256, wherever that stands.
fn server(folder: &Path) -> Server {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::start_with(folder, anywhere, &["--digest".into(), "md5".into()])
}

fn converse(name: &str, transport: &str) {
    if !is_installed("baresip", "baresip-core") {
        return;
    }
    let folder = folder(name);
    let server = server(&folder);
    let mut bob = chat(&folder, "bob", &server, transport);
    let mut alice = baresip(&folder, "alice", &server, transport);
    alice.say("/contact_next");
    alice.say("/message Hello from a telephone");
    bob.hear(&[
        ("event", "message"),
        ("text", "Hello from a telephone"),
        ("from", "sip:alice@example.test"),
    ]);
    bob.say("/msg alice Hello, telephone");
    // It takes plain text only, and says so; whoever wrote to it is not left in doubt.
    bob.hear(&[("event", "failed"), ("status", "415")]);
    // What its presence asks for is refused, and nothing else suffers from that.
    alice.say(&format!("/options sip:bob@{DOMAIN}"));
    alice.hear_text("SIP/2.0 200 OK");
    alice.say("/message Good bye");
    bob.hear(&[("event", "message"), ("text", "Good bye")]);
    bob.leave("/quit");
}

#[test]
#[ignore = "needs baresip (Debian: baresip-core): cargo test --test peers -- --ignored"]
fn baresip_converses_over_udp() {
    converse("baresip_converses_over_udp", "udp");
}

#[test]
#[ignore = "needs baresip (Debian: baresip-core): cargo test --test peers -- --ignored"]
fn baresip_converses_over_tcp() {
    converse("baresip_converses_over_tcp", "tcp");
}

/// A call of audio to somebody who has no telephone is refused, not left ringing.
#[test]
#[ignore = "needs baresip (Debian: baresip-core): cargo test --test peers -- --ignored"]
fn baresip_cannot_call_a_chat() {
    if !is_installed("baresip", "baresip-core") {
        return;
    }
    let folder = folder("baresip_cannot_call_a_chat");
    let server = server(&folder);
    let mut bob = chat(&folder, "bob", &server, "tcp");
    let mut alice = baresip(&folder, "alice", &server, "tcp");
    alice.say(&format!("/dial sip:bob@{DOMAIN}"));
    alice.hear_text("session closed: 488");
    alice.say("/contact_next");
    alice.say("/message Then in writing");
    bob.hear(&[("event", "message"), ("text", "Then in writing")]);
    bob.leave("/quit");
}
