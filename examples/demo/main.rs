//! Two people chat through a server, all in one program over real sockets on loopback.
//!
//! `cargo run --release --example demo`

#[path = "../common/mod.rs"]
mod common;
mod script;
mod stage;

use common::folder;
use stage::Stage;
use std::process::ExitCode;

const HELP: &str = "\
Two people chat through a server, all in one program over real sockets on loopback.

Usage: demo [OPTIONS]

  --out DIR      where ladder.html and trace.pcap go  [default: target/demo]
  --quiet        only the last line
  -h, --help     this text

Ends with one line: demo: sent=N delivered=N displayed=N lost=N duplicated=N
The exit status is 0 only if everything that was expected was observed.
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (out, quiet) = options();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    folder("demo", "--out", &out);
    let mut stage = match Stage::new(quiet).await {
        Ok(stage) => stage,
        Err(error) => {
            eprintln!("demo: {error}");
            return ExitCode::from(2);
        }
    };
    let played = script::play(&mut stage).await;
    let written = stage.write_trace(&out);
    match &written {
        Ok(messages) => stage.say(&format!(
            "{messages} messages in {} and {}",
            out.join("ladder.html").display(),
            out.join("trace.pcap").display()
        )),
        Err(error) => eprintln!("demo: {}: {error}", out.display()),
    }
    if let Err(missing) = &played {
        eprintln!("demo: {missing}");
    }
    let tally = stage.tally();
    println!("demo: {tally}");
    if played.is_ok() && written.is_ok() && tally.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn options() -> (std::path::PathBuf, bool) {
    use lexopt::prelude::{Long, Short};
    let wrong = |what: lexopt::Error| -> ! {
        eprintln!("demo: {what} (see --help)");
        std::process::exit(2)
    };
    let (mut out, mut quiet) = (std::path::PathBuf::from("target/demo"), false);
    let mut parser = lexopt::Parser::from_env();
    loop {
        match parser.next() {
            Ok(None) => return (out, quiet),
            Ok(Some(Long("out"))) => match parser.value() {
                Ok(folder) => out = folder.into(),
                Err(error) => wrong(error),
            },
            Ok(Some(Long("quiet"))) => quiet = true,
            Ok(Some(Long("help") | Short('h'))) => {
                print!("{HELP}");
                std::process::exit(0)
            }
            Ok(Some(other)) => wrong(other.unexpected()),
            Err(error) => wrong(error),
        }
    }
}
