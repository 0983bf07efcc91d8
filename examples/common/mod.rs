//! What the example programs share: how they read options, say what is wrong, and log.

#![allow(dead_code, reason = "not every program needs all of it")]

use std::fmt::Display;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::exit;

/// Ends the program for a wrong option, file or address: one line, status 2.
pub(crate) fn wrong(program: &str, what: impl Display) -> ! {
    eprintln!("{program}: {what} (see --help)");
    exit(2)
}

/// The value of the option that was just read.
pub(crate) fn value<T>(program: &str, option: &str, parser: &mut lexopt::Parser) -> T
where
    T: std::str::FromStr<Err: Display>,
{
    let text = parser.value().unwrap_or_else(|error| wrong(program, error));
    let text = text
        .into_string()
        .unwrap_or_else(|_| wrong(program, format_args!("{option} is not text")));
    text.parse()
        .unwrap_or_else(|error| wrong(program, format_args!("{option} {text}: {error}")))
}

/// Makes a folder that is written to at the end: better to know now if that cannot be.
pub(crate) fn folder(program: &str, option: &str, folder: &std::path::Path) {
    let probe = folder.join(".probe");
    let tried = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&probe, ""))
        .and_then(|()| std::fs::remove_file(&probe));
    if let Err(error) = tried {
        wrong(
            program,
            format_args!("{option} {}: {error}", folder.display()),
        )
    }
}

/// `HOST:PORT` as an address; the host may be a name.
pub(crate) fn address(program: &str, option: &str, text: &str) -> SocketAddr {
    let found = text
        .to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next());
    found.unwrap_or_else(|| {
        wrong(
            program,
            format_args!("{option} {text}: not an address (HOST:PORT)"),
        )
    })
}

/// Logs what `RUST_LOG` asks for to standard error; nothing by default.
pub(crate) fn log() {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
}
