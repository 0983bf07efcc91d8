//! What `msrp_send` and `msrp_receive` share: relays on the way, and how a transfer is shown.

#![allow(dead_code, reason = "not every program needs all of it")]

use super::wrong;
use cpm::driver::Tls;
use cpm::msrp::{RelayAccount, Uri};
use cpm::wire::Text;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// The relay of `--relay`, `--user` and `--digest-uri`.
pub(crate) fn relay(
    program: &str,
    relay: Option<Uri>,
    user: Option<String>,
    names_uri: bool,
) -> Option<RelayAccount> {
    let (relay, user) = match (relay, user) {
        (None, None) => return None,
        (Some(relay), Some(user)) => (relay, user),
        _ => wrong(program, "--relay and --user go together"),
    };
    let Some((name, password)) = user.split_once(':').filter(|(name, _)| !name.is_empty()) else {
        wrong(program, "--user: not NAME:PASSWORD");
    };
    let mut account = RelayAccount::new(relay, Text::from(name), Text::from(password));
    account.names_uri = names_uri;
    Some(account)
}

/// What connections over TLS trust: an authority in a file, besides those that everybody trusts.
pub(crate) fn trust(program: &str, ca: Option<&Path>) -> Tls {
    let Some(ca) = ca else {
        return Tls::default();
    };
    let read = std::fs::read(ca);
    let pem =
        read.unwrap_or_else(|error| wrong(program, format_args!("--ca {}: {error}", ca.display())));
    Tls::default()
        .trust(&pem)
        .unwrap_or_else(|error| wrong(program, format_args!("--ca {}: {error}", ca.display())))
}

/// A bar on the terminal, and how fast it went.
pub(crate) struct Bar {
    begun: Instant,
    drawn: Option<Instant>,
    from: u64,
    at: u64,
    total: Option<u64>,
}

impl Bar {
    pub(crate) fn new(from: u64, total: Option<u64>) -> Self {
        Self {
            begun: Instant::now(),
            drawn: None,
            from,
            at: from,
            total,
        }
    }

    /// So much is there now.
    pub(crate) fn set(&mut self, at: u64) {
        self.at = at;
        let due = self
            .drawn
            .is_none_or(|drawn| drawn.elapsed() > Duration::from_millis(100));
        if due && std::io::stderr().is_terminal() {
            self.drawn = Some(Instant::now());
            self.draw();
        }
    }

    fn draw(&self) {
        let mut bar = String::new();
        if let Some(total) = self.total.filter(|total| *total > 0) {
            let done = usize::try_from(self.at * WIDTH as u64 / total).unwrap_or(WIDTH);
            let percent = self.at * 100 / total;
            bar = format!(
                "[{}{}] {percent:3}% ",
                "#".repeat(done.min(WIDTH)),
                " ".repeat(WIDTH - done.min(WIDTH))
            );
        }
        eprint!("\r{bar}{} {:.1} MB/s   ", size(self.at), self.speed());
        let _ = std::io::stderr().flush();
    }

    /// Millions of bytes a second.
    fn speed(&self) -> f64 {
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        (self.at - self.from) as f64 / seconds / 1e6
    }

    /// The line that is left when it is over.
    pub(crate) fn end(mut self) -> String {
        if self.drawn.is_some() {
            self.drawn = None;
            self.draw();
            eprintln!();
        }
        format!(
            "{} bytes in {:.3} s, {:.1} MB/s",
            self.at - self.from,
            self.begun.elapsed().as_secs_f64(),
            self.speed()
        )
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000_000 => format!("{} kB", bytes / 1000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

const WIDTH: usize = 40;
