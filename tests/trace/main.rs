//! Captures and ladder diagrams of a conversation as it could have been.

#[path = "../conformance/rfc4976/stage.rs"]
#[allow(dead_code, reason = "shared with the tests of RFC 4976")]
mod relayed;
mod story;

use cpm::engine::{Protocol, Transport};
use cpm::msrp::Settings;
use cpm::trace::{ladder, pcap};
use std::path::PathBuf;
use std::process::Command;

/// Writes a file of the tests' own.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// What tshark prints of a capture, line by line; `None` where it is not installed.
fn tshark(capture: &PathBuf, options: &[&str]) -> Option<Vec<String>> {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(capture)
        .args(options)
        .output()
        .ok()?;
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn wireshark_finds_every_message_and_nothing_to_complain_about() {
    let sightings = story::told();
    let capture = file("story.pcap", &pcap(&sightings));
    let bad = ["-Y", "_ws.malformed or (_ws.expert.severity >= 6291456)"];
    let Some(complaints) = tshark(&capture, &bad) else {
        eprintln!("tshark is not installed");
        return;
    };
    assert_eq!(complaints, Vec::<String>::new());
    let hops = cpm::trace::hops(&sightings);
    for (filter, protocol) in [("sip", Protocol::Sip), ("msrp", Protocol::Msrp)] {
        let found = tshark(&capture, &["-Y", filter]).unwrap();
        let sent = hops.iter().filter(|hop| hop.protocol == protocol).count();
        assert_eq!(found.len(), sent, "{found:#?}");
    }
    let bad_sums =
        "ip.checksum.status == 0 or tcp.checksum.status == 0 or udp.checksum.status == 0";
    let check = [
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
        "-o",
        "udp.check_checksum:TRUE",
    ];
    let found = tshark(&capture, &[&check[..], &["-Y", bad_sums]].concat()).unwrap();
    assert_eq!(found, Vec::<String>::new());
}

/// Clients behind relays, one of them by WebSocket: their AUTHs, chunks of all sizes, and reports from end to end.
#[test]
fn wireshark_finds_every_message_that_passes_relays() {
    let mut stage = relayed::Stage::new(1);
    let relay = "a.example.com";
    (stage.world).listen(relay, Protocol::Msrp, Transport::Wss, 443);
    stage.world.record(true);
    let web = Settings {
        web: true,
        ..Settings::default()
    };
    let alice = stage.session_with("alice", web, &["msrps://a.example.com:443;ws".to_owned()]);
    let bob = stage.session("bob", &[relay, "b.example.com"]);
    let sessions = stage.join(alice, bob);
    relayed::exchange(&mut stage, sessions);
    let seen = stage.world.take_seen().into_iter();
    let sightings: Vec<_> = seen.map(|seen| seen.sighting).collect();
    let capture = file("relay.pcap", &pcap(&sightings));
    // Ports of TLS and of the web carry what was inside, in clear.
    let first = ["-o", "tcp.try_heuristic_first:TRUE"];
    let found = |filter: &str| tshark(&capture, &[&first[..], &["-Y", filter]].concat());
    let Some(complaints) = found("_ws.malformed or (_ws.expert.severity >= 6291456)") else {
        eprintln!("tshark is not installed");
        return;
    };
    assert_eq!(complaints, Vec::<String>::new());
    let hops = cpm::trace::hops(&sightings);
    assert!(hops.len() > 100, "{}", hops.len());
    assert_eq!(found("msrp").unwrap().len(), hops.len());
    for part in [
        "msrp.method == \"AUTH\"",
        "msrp.status.code == 401",
        "msrp.use.path",
        "msrp.method == \"SEND\" and msrp.to.path contains \";ws\"",
        "msrp.method == \"REPORT\"",
    ] {
        assert_ne!(found(part).unwrap(), Vec::<String>::new(), "{part}");
    }
}

/// One message in more than one packet, in both versions of IP.
#[test]
fn wireshark_takes_messages_larger_than_a_packet() {
    let mut sightings = Vec::new();
    for host in ["10.0.0.1", "[2001:db8::1]"] {
        let mut story = story::Story::new();
        let near = format!("{host}:5060");
        story.sip(
            Transport::Tcp,
            &near,
            &format!("{host}:5070"),
            &story::Sip {
                start: "MESSAGE tel:+15550002 SIP/2.0",
                call: "large",
                cseq: "1 MESSAGE",
                more: "",
                content_type: "text/plain",
                body: &[b'x'; 200_000],
            },
        );
        let to = format!("{host}:2855");
        story.msrp(
            &format!("{host}:2856"),
            &to,
            "large001",
            "SEND",
            "Message-ID: mL\r\n",
            Some(("text/plain", &[b'x'; 200_000])),
        );
        story.msrp(&to, &format!("{host}:2856"), "large001", "200 OK", "", None);
        sightings.extend(story.sightings);
    }
    let capture = file("large.pcap", &pcap(&sightings));
    let bad = ["-Y", "_ws.malformed or (_ws.expert.severity >= 6291456)"];
    let Some(complaints) = tshark(&capture, &bad) else {
        eprintln!("tshark is not installed");
        return;
    };
    assert_eq!(complaints, Vec::<String>::new());
    assert_eq!(tshark(&capture, &["-Y", "sip"]).unwrap().len(), 2);
    assert_eq!(tshark(&capture, &["-Y", "msrp"]).unwrap().len(), 4);
}

#[test]
fn the_ladder_is_one_page_that_needs_nothing_else() {
    let page = ladder::html("One to one, and a group", &story::told(), &story::names());
    file("story.html", page.as_bytes());
    assert!(page.starts_with("<!doctype html>"));
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        let at = page.find(outside);
        assert_eq!(
            at,
            None,
            "{}",
            &page[at.unwrap_or(0)..][..60.min(page.len())]
        );
    }
}

/// A message all of whose parts try to be more than text, from a peer with such a name.
#[test]
fn what_a_peer_sends_is_text_and_nothing_else() {
    let evil =
        "</pre></script><script>alert(1)</script><img src=x onerror=\"alert(2)\">'\u{202e}\u{0}";
    let message = format!(
        "MESSAGE sip:{evil} SIP/2.0\r\n{evil}: {evil}\r\nCall-ID: {evil}\r\nSubject: {evil}\r\n\
         Content-Type: text/plain;charset={evil}\r\n\r\n{evil}"
    );
    let chunk = format!("MSRP {evil} SEND\r\nTo-Path: msrp://a/{evil}\r\n\r\n{evil}");
    let mut sightings = story::told();
    for (sighting, bytes) in sightings.iter_mut().zip([message, chunk].iter().cycle()) {
        sighting.bytes = bytes.clone().into();
    }
    for sighting in sightings.iter_mut().skip(20).step_by(2) {
        sighting.peer = sighting.local;
    }
    let names = story::names()
        .into_iter()
        .map(|(address, _)| (address, evil))
        .collect::<Vec<_>>();
    let page = ladder::html(evil, &sightings, &names);
    file("hostile.html", page.as_bytes());
    let count = |what: &str| page.matches(what).count();
    assert_eq!(
        (count("<script"), count("</script"), count("<img")),
        (1, 1, 0)
    );
    assert_eq!(
        (count("onerror=\""), count("\u{202e}"), count("\u{0}")),
        (0, 0, 0)
    );
    assert_eq!(count("<pre>"), count("</pre>"));
}
