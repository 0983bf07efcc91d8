//! The SIP parsers that others use beside the one of cpm: the same four messages, in one run, in turns.
//!
//! `cargo run --release` in this folder prints two tables and writes them, with a chart, to `src/manual/figures/`
//! of the crate. *Parsed* is what each peer's own entry makes of a datagram: some split and leave the rest for
//! later, some read every header at once. *Matched* goes on to what a transaction and a dialog are found by: the
//! branch of the top Via, the tags of From and To, the Call-ID, the CSeq; that is the work which none can leave out.

mod chart;
mod peer;

use std::hint::black_box;
use std::time::{Duration, Instant};

/// What is parsed: a name, and its bytes.
const MESSAGES: [(&str, &[u8]); 4] = [
    (
        "OPTIONS",
        include_bytes!("../../../tests/data/bench/options.sip"),
    ),
    (
        "INVITE",
        include_bytes!("../../../tests/data/bench/invite.sip"),
    ),
    (
        "200 OK",
        include_bytes!("../../../tests/data/bench/ok200.sip"),
    ),
    (
        "MESSAGE",
        include_bytes!("../../../tests/data/bench/message.sip"),
    ),
];
const ROUNDS: usize = 60;

/// How far a peer goes with a message.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    Parsed,
    Matched,
}

/// One row: who, and nanoseconds for each message; none where it refuses the message.
struct Row {
    name: &'static str,
    times: Vec<Option<f64>>,
}

fn main() {
    let parsed = measure(Depth::Parsed);
    let matched = measure(Depth::Matched);
    let mut text = String::from("Parsed, ns:\n\n");
    text.push_str(&table(&parsed));
    text.push_str("\nParsed and matched to its transaction and dialog, ns:\n\n");
    text.push_str(&table(&matched));
    println!("{text}");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/manual/figures");
    let bars: Vec<(&str, f64)> = matched
        .iter()
        .filter_map(|row| Some((row.name, row.times[1]?)))
        .collect();
    let chart = chart::bars(
        "An INVITE of 2491 bytes, parsed and matched to its dialog",
        "ns",
        &bars,
    );
    for (file, content) in [("peers.md", text), ("peers.svg", chart)] {
        let path = format!("{folder}/{file}");
        match std::fs::write(&path, content) {
            Ok(()) => println!("written: {path}"),
            Err(error) => println!("{path}: {error}"),
        }
    }
}

/// The least that each peer needs for each message, since what else runs on the machine only adds to it; all take their
/// turn in every round.
fn measure(depth: Depth) -> Vec<Row> {
    let peers = peer::all(depth);
    let mut times = vec![vec![Vec::with_capacity(ROUNDS); MESSAGES.len()]; peers.len()];
    for _ in 0..ROUNDS {
        for (index, (_, parse)) in peers.iter().enumerate() {
            for (which, (_, message)) in MESSAGES.iter().enumerate() {
                if parse(message) {
                    times[index][which].push(once(parse.as_ref(), message));
                }
            }
        }
    }
    peers
        .iter()
        .zip(times)
        .map(|((name, _), times)| Row {
            name,
            times: times.into_iter().map(least).collect(),
        })
        .collect()
}

fn once(parse: &dyn Fn(&[u8]) -> bool, message: &[u8]) -> f64 {
    const TURNS: u32 = 200;
    let start = Instant::now();
    for _ in 0..TURNS {
        black_box(parse(black_box(message)));
    }
    Duration::as_secs_f64(&start.elapsed()) * 1e9 / f64::from(TURNS)
}

fn least(times: Vec<f64>) -> Option<f64> {
    times.into_iter().min_by(f64::total_cmp)
}

/// A table in Markdown: nanoseconds, and how often longer than the first row the INVITE took.
fn table(rows: &[Row]) -> String {
    let mut text = String::from("| |");
    for (name, bytes) in MESSAGES {
        text.push_str(&format!(" {name} ({} bytes) |", bytes.len()));
    }
    text.push_str(" INVITE, times cpm |\n|---|");
    text.push_str(&"---:|".repeat(MESSAGES.len() + 1));
    text.push('\n');
    let ours = rows.first().and_then(|row| row.times[1]);
    for row in rows {
        text.push_str(&format!("| {} |", row.name));
        for time in &row.times {
            match time {
                Some(time) => text.push_str(&format!(" {time:.0} |")),
                None => text.push_str(" refused |"),
            }
        }
        match (row.times[1], ours) {
            (Some(time), Some(ours)) => text.push_str(&format!(" {:.1} |\n", time / ours)),
            _ => text.push_str(" |\n"),
        }
    }
    text
}
