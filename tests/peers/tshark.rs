//! tshark: what it makes of the messages that our programs exchange.

use crate::support::{PATIENCE, Running, example, folder, is_installed};
use std::path::Path;
use std::process::{Command, Stdio};

/// The packets of `capture` that a filter of tshark's lets through, one a line.
fn packets(capture: &Path, filter: &str) -> Vec<String> {
    let mut command = Command::new("tshark");
    // Our ports are whichever were free: a protocol is known by its first bytes.
    command.args([
        "-o",
        "tcp.try_heuristic_first:TRUE",
        "-o",
        "udp.try_heuristic_first:TRUE",
    ]);
    command.arg("-r").arg(capture).args(["-Y", filter]);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text.lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "needs tshark (Debian: tshark): cargo test --test peers -- --ignored"]
fn tshark_has_nothing_to_say_against_the_demo() {
    if !is_installed("tshark", "tshark") {
        return;
    }
    let folder = folder("tshark_has_nothing_to_say_against_the_demo");
    let mut command = example("demo");
    command.args(["--out", "."]).stdout(Stdio::null());
    let status = Running::start(&mut command, &folder, "demo").wait(4 * PATIENCE);
    assert!(
        status.is_some_and(|status| status.success()),
        "demo: {status:?}"
    );
    let capture = folder.join("trace.pcap");
    let none: &[&str] = &[];
    // From "note" (chat, 2097152; note, 4194304) to warning (6291456) and error (8388608).
    assert_eq!(
        packets(&capture, "_ws.malformed or _ws.expert.severity >= 6291456"),
        none
    );
    let messages = packets(&capture, "udp.length > 8 or tcp.len > 0").len();
    assert!(messages > 100, "{messages}");
    assert_eq!(
        packets(
            &capture,
            "(udp.length > 8 or tcp.len > 0) and not (sip or msrp)"
        ),
        none
    );
    // tshark does not miss what is not there.
    let requests = "sip and not (sip.Via.branch and sip.CSeq and sip.Call-ID and sip.from.tag)";
    assert_eq!(packets(&capture, requests), none);
    for part in [
        "msrp.request.line",
        "msrp.response.line",
        "sdp",
        "sip.Method == \"MESSAGE\"",
    ] {
        assert_ne!(packets(&capture, part), none, "{part}");
    }
}
