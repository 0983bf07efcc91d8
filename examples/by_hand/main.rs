//! One message, by hand: a node on sockets of the standard library, without a runtime and without features.
//!
//! `cargo run --example by_hand -- --user sip:alice@example.com --password a --server 127.0.0.1:5060 bob Hello`

#[path = "../common/mod.rs"]
mod common;
mod sockets;

use common::{address, value, wrong};
use cpm::client::{Client, Config, Event};
use cpm::conversation::Status;
use cpm::engine::{Clock, DateTime, Protocol, Seed, Transport};
use cpm::sip::Uri;
use sockets::Sockets;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

const HELP: &str = "\
Registers, sends one message, and waits until a device has it, on sockets of the standard library.

Usage: by_hand --user sip:NAME@DOMAIN --password PASSWORD --server HOST:PORT [--tcp] USER TEXT

  --user URI              who you are
  --password PASSWORD     your password
  --server HOST:PORT      your server
  --tcp                   speak TCP, not UDP (what is too long for a datagram goes by TCP in any case)
  -h, --help              this text

USER is NAME, NAME@DOMAIN or a URI. The exit status is 0 once a device of USER has the message. If USER is away the
server keeps it, and nobody needs to wait: Ctrl-C.
";

struct Options {
    user: Uri,
    password: String,
    server: SocketAddr,
    tcp: bool,
    peer: Uri,
    text: String,
}

fn options() -> Options {
    use lexopt::prelude::{Long, Short, Value};
    let mut parser = lexopt::Parser::from_env();
    let (mut user, mut password, mut server, mut tcp) = (None, None, None::<String>, false);
    let mut words = Vec::new();
    while let Some(option) = parser.next().unwrap_or_else(|error| wrong(ME, error)) {
        match option {
            Long("user") => user = Some(value::<Uri>(ME, "--user", &mut parser)),
            Long("password") => password = Some(value(ME, "--password", &mut parser)),
            Long("server") => server = Some(value(ME, "--server", &mut parser)),
            Long("tcp") => tcp = true,
            Long("help") | Short('h') => {
                print!("{HELP}");
                std::process::exit(0)
            }
            Value(word) => words.push(word.to_string_lossy().into_owned()),
            other => wrong(ME, other.unexpected()),
        }
    }
    let user = user.unwrap_or_else(|| wrong(ME, "--user is missing"));
    let (Some(_), Some(domain)) = (user.user(), user.domain()) else {
        wrong(ME, format_args!("--user {user}: not sip:NAME@DOMAIN"))
    };
    let [peer, text] = <[String; 2]>::try_from(words)
        .unwrap_or_else(|_| wrong(ME, "USER and TEXT are wanted, and nothing else"));
    let uri = match (peer.contains(':'), peer.contains('@')) {
        (true, _) => peer.clone(),
        (false, true) => format!("sip:{peer}"),
        (false, false) => format!("sip:{peer}@{domain}"),
    };
    let server = server.unwrap_or_else(|| wrong(ME, "--server is missing"));
    Options {
        password: password.unwrap_or_else(|| wrong(ME, "--password is missing")),
        server: address(ME, "--server", &server),
        tcp,
        peer: uri
            .parse()
            .unwrap_or_else(|error| wrong(ME, format_args!("{peer}: {error}"))),
        text,
        user,
    }
}

fn main() -> ExitCode {
    let options = options();
    run(&options).unwrap_or_else(|error| {
        eprintln!("{ME}: {error}");
        ExitCode::FAILURE
    })
}

fn run(options: &Options) -> io::Result<ExitCode> {
    let transport = if options.tcp { "tcp" } else { "udp" };
    let server = format!("sip:{};transport={transport}", options.server);
    let server = server.parse().map_err(io::Error::other)?;
    let mut config = Config::new(options.user.clone(), server);
    config.password = options.password.clone().into();
    config.expires = Duration::from_secs(120);
    let mut node = Client::node(config, clock(), seed());

    let udp = UdpSocket::bind((address_towards(options.server)?, 0))?;
    node.add_listener(Protocol::Sip, Transport::Udp, udp.local_addr()?);
    let mut net = Sockets {
        udp,
        streams: HashMap::new(),
    };
    node.register(Instant::now());
    let extras = cpm::client::Options::default();
    let sent = node
        .send_message(Instant::now(), &options.peer, &options.text, &extras)
        .map_err(io::Error::other)?;
    let mut delivered = false;
    loop {
        let ended = match net.next(&mut node)? {
            Event::Registered { expires } => {
                println!("registered for {} s", expires.as_secs());
                false
            }
            Event::Disposition {
                message,
                status,
                by,
                ..
            } if message == sent => {
                println!("{status} to {by}");
                delivered |= status >= Status::Delivered;
                delivered
            }
            Event::Failed {
                message, status, ..
            } if message == sent => {
                eprintln!("{ME}: the message failed: {status:?}");
                true
            }
            Event::RegistrationFailed { status, retry_in } => {
                eprintln!("{ME}: not registered: {status:?}");
                if retry_in.is_none() {
                    return Ok(ExitCode::FAILURE);
                }
                false
            }
            Event::Unregistered if delivered => return Ok(ExitCode::SUCCESS),
            Event::Unregistered => return Ok(ExitCode::FAILURE),
            _ => false,
        };
        if ended {
            // Reports for this user shall not come to a device that is no more.
            node.unregister(Instant::now());
        }
    }
}

/// The address of ours from which the server is reached.
fn address_towards(server: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let probe = UdpSocket::bind((any, 0))?;
    probe.connect(server)?;
    Ok(probe.local_addr()?.ip())
}

/// The wall-clock time, in UTC.
fn clock() -> Clock {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Clock::new(
        Instant::now(),
        DateTime::default() + since.unwrap_or_default(),
    )
}

/// Chance from the operating system, by way of the keys of the standard library's tables: 128 bits. A program that
/// has `getrandom` asks that.
fn seed() -> Seed {
    let mut seed = [0; 32];
    for part in seed.chunks_mut(8) {
        part.copy_from_slice(&RandomState::new().hash_one(0).to_ne_bytes());
    }
    Seed(seed)
}

const ME: &str = "by_hand";
