//! liblinphone, the client library of Linphone, as a user of our server and as a peer of our client.

use crate::support::{
    DOMAIN, Server, Talking, chat, file, folder, free_port, is_installed, password, skip,
};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn is_here() -> bool {
    if !is_installed("python3", "python3") {
        return false;
    }
    let mut python = Command::new("python3");
    python.args(["-c", "import ctypes; ctypes.CDLL('liblinphone.so.10')"]);
    let loaded = python.output().unwrap().status.success();
    loaded || skip("liblinphone.so.10", "linphone-cli linphone-common")
}

/// A Linphone that is registered.
fn linphone(folder: &Path, user: &str, server: &Server, transport: &str) -> Talking {
    let home = folder.join(format!("linphone-{user}"));
    fs::create_dir_all(home.join(".local/share/linphone")).unwrap();
    let (sip, port, password, home_text) =
        (server.sip, free_port(), password(user), home.display());
    // Debian's 5.1.65 reads the key for CPIM from the last two sections only.
    let config = format!(
        "[sip]\nsip_port={port}\nsip_tcp_port={port}\nbind_address=127.0.0.1\nuse_ipv6=0\ndefault_proxy=0\n\
         register_only_when_network_is_up=0\nguess_hostname=0\ncontact=sip:{user}@127.0.0.1:{port}\n\
         im_notif_policy=all\nhandle_content_encoding=deflate\n\
         [net]\nfirewall_policy=0\nmtu=1300\n\
         [misc]\nprefer_basic_chat_room=1\naggregate_imdn=0\n\
         [storage]\nuri={home_text}/db.sqlite\n\
         [lime]\nenabled=0\n\
         [proxy_0]\nreg_proxy=<sip:{sip};transport={transport}>\nreg_route=<sip:{sip};transport={transport};lr>\n\
         reg_identity=sip:{user}@{DOMAIN}\nreg_expires=600\nreg_sendregister=1\npublish=0\n\
         quality_reporting_enabled=0\n\
         [proxy_default_values]\ncpim_in_basic_chat_rooms_enabled=1\n\
         [proxy_0_default_values]\ncpim_in_basic_chat_rooms_enabled=1\n\
         [auth_info_0]\nusername={user}\npasswd={password}\nrealm={DOMAIN}\n"
    );
    fs::write(home.join("linphonerc"), config).unwrap();
    let mut command = Command::new("python3");
    command
        .arg(file("linphone.py"))
        .arg(home.join("linphonerc"));
    command.env("HOME", &home);
    let mut linphone = Talking::start(&mut command, folder, &format!("linphone-{user}"));
    linphone.hear(&[("event", "registration"), ("state", "Ok")]);
    linphone
}

/// As it comes: without CPIM in what it sends, knowing nothing of reports.
#[test]
#[ignore = "needs linphonec (Debian: linphone-cli linphone-common): cargo test --test peers -- --ignored"]
fn linphonec_out_of_the_box() {
    if !is_installed("linphonec", "linphone-cli linphone-common") {
        return;
    }
    let folder = folder("linphonec_out_of_the_box");
    let server = Server::start(&folder);
    let mut bob = chat(&folder, "bob", &server, "tcp");
    let home = folder.join("home");
    fs::create_dir_all(home.join(".local/share/linphone")).unwrap();
    let mut command = Command::new("linphonec");
    let mut alice = Talking::start(command.env("HOME", &home), &folder, "linphonec");
    let (sip, password) = (server.sip, password("alice"));
    alice.say(&format!("register sip:alice@{DOMAIN} sip:{sip} {password}"));
    // It does not say by itself that it is registered.
    let registered = (0..20).any(|_| {
        alice.say("status register");
        alice.hears_text("registered, identity=", Duration::from_secs(1))
    });
    assert!(registered, "{:?}", alice.heard);
    alice.say(&format!("chat sip:bob@{DOMAIN} Salut Bob"));
    bob.hear(&[
        ("event", "message"),
        ("text", "Salut Bob"),
        ("from", "sip:alice@example.test"),
    ]);
    bob.say("/msg alice Hello Alice");
    bob.hear(&[("event", "delivered"), ("by", "sip:alice@example.test")]);
    alice.hear_text("Message received from sip:bob@example.test: Hello Alice");
    alice.leave("quit");
    bob.leave("/quit");
}

#[test]
#[ignore = "needs liblinphone (Debian: linphone-cli linphone-common): cargo test --test peers -- --ignored"]
fn linphone_and_our_client_write_to_each_other() {
    if !is_here() {
        return;
    }
    for transport in ["udp", "tcp"] {
        let folder = folder(&format!("linphone_and_our_client_{transport}"));
        let server = Server::start(&folder);
        let mut bob = chat(&folder, "bob", &server, transport);
        let mut alice = linphone(&folder, "alice", &server, transport);

        bob.say("/read off");
        alice.say("compose sip:bob@example.test");
        bob.hear(&[
            ("event", "typing"),
            ("active", "true"),
            ("from", "sip:alice@example.test"),
        ]);
        let text = "Salut Bob, ça va ? 👋";
        alice.say(&format!("message sip:bob@example.test {text}"));
        bob.hear(&[
            ("event", "message"),
            ("text", text),
            ("from", "sip:alice@example.test"),
        ]);
        alice.hear(&[("event", "sent"), ("state", "DeliveredToUser")]);
        bob.say("/read on");
        alice.hear(&[("event", "sent"), ("state", "Displayed")]);

        let text = "Hello Alice 🎉";
        bob.say(&format!("/msg alice {text}"));
        let sending = bob.hear(&[("event", "sending")]);
        let id = sending["id"].as_str().unwrap();
        alice.hear(&[
            ("event", "received"),
            ("text", text),
            ("from", "sip:bob@example.test"),
        ]);
        bob.hear(&[
            ("event", "delivered"),
            ("id", id),
            ("by", "sip:alice@example.test"),
        ]);
        alice.say("read sip:bob@example.test");
        bob.hear(&[
            ("event", "displayed"),
            ("id", id),
            ("by", "sip:alice@example.test"),
        ]);

        alice.leave("quit");
        let heard = bob.leave("/quit");
        let messages = heard.iter().filter(|line| line["event"] == "message");
        assert_eq!(messages.count(), 1, "{heard:#?}");
    }
}

#[test]
#[ignore = "needs liblinphone (Debian: linphone-cli linphone-common): cargo test --test peers -- --ignored"]
fn linphone_gets_what_it_missed() {
    if !is_here() {
        return;
    }
    for transport in ["udp", "tcp"] {
        let folder = folder(&format!("linphone_gets_what_it_missed_{transport}"));
        let server = Server::start(&folder);
        let mut bob = chat(&folder, "bob", &server, transport);
        linphone(&folder, "alice", &server, transport).leave("quit");
        for text in ["one", "two"] {
            bob.say(&format!("/msg alice {text}"));
            bob.hear(&[("event", "sent")]);
        }
        let mut alice = linphone(&folder, "alice", &server, transport);
        for text in ["one", "two"] {
            alice.hear(&[
                ("event", "received"),
                ("text", text),
                ("from", "sip:bob@example.test"),
            ]);
            bob.hear(&[("event", "delivered")]);
        }
        alice.leave("quit");
        bob.leave("/quit");
    }
}
