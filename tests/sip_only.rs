//! The example of the SIP layer alone: it stays short, and does what it says.

#[path = "../examples/sip_only.rs"]
#[allow(dead_code, reason = "its `main` is run as a program")]
mod example;

use std::process::Command;

#[test]
fn a_newcomer_asks_answers_subscribes_and_refers_in_under_60_lines() {
    let lines = include_str!("../examples/sip_only.rs").lines().count();
    assert!(lines < 60, "{lines} lines");
    let program = std::env::current_exe().unwrap();
    let output = Command::new(&program)
        .args(["--exact", "run", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    for line in [
        "answered: OK",
        "told: b\"sunny\"",
        "told: b\"SIP/2.0 100 Trying\\r\\n\"",
        "told: b\"SIP/2.0 200 OK\\r\\n\"",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
#[ignore = "run by the test above, which reads what it says"]
fn run() {
    example::main();
}
