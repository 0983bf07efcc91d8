//! Receives files of any size over MSRP (RFC 4975), from `msrp_send` or whoever is given a path.

#[path = "common/mod.rs"]
mod common;
#[path = "common/transfer.rs"]
mod transfer;

use common::{address, folder, value, wrong};
use cpm::driver::{self, SoloDriver};
use cpm::engine::Limits;
use cpm::msrp::{
    Config, Delivery, Endpoint, Event, Piece, Progress, RelayAccount, SessionId, Settings, Status,
    Uri,
};
use cpm::node::Solo;
use cpm::wire::Text;
use cpm::wire::mime::MediaType;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use transfer::{Bar, relay, trust};

const HELP: &str = "\
Receives files of any size over MSRP (RFC 4975), from msrp_send or whoever is given a path.

Usage: msrp_receive [OPTIONS]

  --listen HOST:PORT      where peers connect to, on TCP  [default: 127.0.0.1:2855]
  --dir DIR               where files are written  [default: .]
  --relay URI             be reached through this relay of ours (RFC 4976)
  --user NAME:PASSWORD    who we are there
  --digest-uri            name the URI in the answer to the relay, as some relays want it
  --ca FILE               trust what this authority (PEM) has signed
  --once                  end when one file is there
  -h, --help              this text

Every path is for one sender. The first is on the line `ready path=PATH`, the next on a
line `path=PATH` as soon as one is in use. A transfer that begins behind its first byte goes
on with the file that is there. Each end is one line:
  received NAME: BYTES bytes in SECONDS s, SPEED MB/s
  broken NAME: BYTES bytes are there
";

const ME: &str = "msrp_receive";

struct Options {
    listen: String,
    dir: PathBuf,
    relay: Option<RelayAccount>,
    ca: Option<PathBuf>,
    once: bool,
}

fn options() -> Options {
    use lexopt::prelude::{Long, Short};
    let mut parser = lexopt::Parser::from_env();
    let (mut listen, mut dir) = ("127.0.0.1:2855".to_owned(), PathBuf::from("."));
    let (mut uri, mut user, mut ca) = (None, None, None);
    let (mut names_uri, mut once) = (false, false);
    while let Some(arg) = parser.next().unwrap_or_else(|error| wrong(ME, error)) {
        match arg {
            Long("listen") => listen = value(ME, "--listen", &mut parser),
            Long("dir") => dir = value(ME, "--dir", &mut parser),
            Long("relay") => uri = Some(value::<Uri>(ME, "--relay", &mut parser)),
            Long("user") => user = Some(value(ME, "--user", &mut parser)),
            Long("digest-uri") => names_uri = true,
            Long("ca") => ca = Some(value(ME, "--ca", &mut parser)),
            Long("once") => once = true,
            Short('h') | Long("help") => {
                print!("{HELP}");
                std::process::exit(0);
            }
            other => wrong(ME, other.unexpected()),
        }
    }
    folder(ME, "--dir", &dir);
    Options {
        listen,
        dir,
        relay: relay(ME, uri, user, names_uri),
        ca,
        once,
    }
}

/// A file that is being written.
struct Target {
    name: String,
    file: File,
    /// What is there without a gap.
    have: u64,
    bar: Bar,
}

impl Target {
    fn open(dir: &Path, piece: &Piece) -> std::io::Result<Self> {
        let name = file_name(&piece.content_type, &piece.id);
        let path = dir.join(&name);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(piece.at == 0)
            .open(path)?;
        let have = file.metadata()?.len().min(piece.at);
        file.set_len(have)?;
        file.seek(SeekFrom::Start(have))?;
        Ok(Self {
            name,
            file,
            have,
            bar: Bar::new(piece.at, piece.total),
        })
    }

    /// Writes a piece; `false` if something before it is missing.
    fn write(&mut self, piece: &Piece) -> std::io::Result<bool> {
        if piece.at != self.have {
            return Ok(piece.bytes.is_empty());
        }
        self.file.write_all(&piece.bytes)?;
        self.have += piece.bytes.len() as u64;
        self.bar.set(self.have);
        Ok(true)
    }
}

/// The name that the sender gives, without any way to another folder.
fn file_name(content_type: &Text, id: &Text) -> String {
    let media_type = MediaType::parse(content_type).ok();
    let named = media_type.and_then(|media_type| Some(media_type.param("name")?.to_string()));
    let name = named.unwrap_or_else(|| format!("{id}.bin"));
    let plain = |c: char| match c {
        '/' | '\\' | ':' => '_',
        c if c.is_control() => '_',
        c => c,
    };
    let name: String = name.chars().map(plain).take(200).collect();
    match name.trim_matches('.') {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let options = options();
    common::log();
    let node = Solo::new(driver::clock(), driver::seed(), Limits::default(), |ids| {
        Endpoint::new(Config::default(), ids)
    });
    let mut net = SoloDriver::new(node);
    net.set_tls(&trust(ME, options.ca.as_deref()));
    let addr = address(ME, "--listen", &options.listen);
    if let Err(error) = net.listen_tcp(addr).await {
        wrong(ME, format_args!("--listen {addr}: {error}"));
    }
    let mut ready = "ready ";
    let mut waiting = open(&mut net, &options);
    if options.relay.is_none() {
        show(&net, &mut ready, waiting);
    }
    let mut targets: HashMap<(SessionId, Text), Target> = HashMap::new();
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let event = tokio::select! {
            event = net.next() => event?,
            _ = &mut stop => return Ok(()),
        };
        match event {
            Event::Authorized { session } if session == waiting => {
                show(&net, &mut ready, session);
            }
            Event::Piece { session, piece } => {
                if session == waiting && !options.once {
                    waiting = open(&mut net, &options);
                    if options.relay.is_none() {
                        show(&net, &mut ready, waiting);
                    }
                }
                let done = take(&mut net, &options, &mut targets, session, piece);
                if done && options.once {
                    let soon = Instant::now() + std::time::Duration::from_secs(2);
                    return net.flush(soon).await.or(Ok(()));
                }
            }
            Event::Down { session, why } => {
                targets.retain(|(of, _), target| {
                    if *of == session {
                        println!("broken {}: {} bytes are there", target.name, target.have);
                    }
                    *of != session
                });
                if session == waiting {
                    if options.relay.is_some() {
                        eprintln!("{ME}: no session ({why:?})");
                        std::process::exit(1);
                    }
                    waiting = open(&mut net, &options);
                    show(&net, &mut ready, waiting);
                }
            }
            _ => {}
        }
    }
}

/// A session for the next sender.
fn open(net: &mut SoloDriver<Endpoint>, options: &Options) -> SessionId {
    net.node.command(Instant::now(), |endpoint, cx| {
        let settings = Settings {
            delivery: Delivery::Pieces { from: 0 },
            ..Settings::default()
        };
        let session = endpoint.open(cx, settings);
        let session = session.unwrap_or_else(|error| wrong(ME, error));
        if let Some(relay) = &options.relay {
            endpoint.authorize(cx, session, vec![relay.clone()], None);
        }
        session
    })
}

fn show(net: &SoloDriver<Endpoint>, ready: &mut &str, session: SessionId) {
    let path = net.node.machine().local_path(session).unwrap_or_default();
    let path: Vec<&str> = path.iter().map(Uri::as_str).collect();
    println!("{}path={}", std::mem::take(ready), path.join(" "));
}

/// Puts a piece where it belongs; `true` if its file is there.
fn take(
    net: &mut SoloDriver<Endpoint>,
    options: &Options,
    targets: &mut HashMap<(SessionId, Text), Target>,
    session: SessionId,
    piece: Piece,
) -> bool {
    let key = (session, piece.id.compact());
    if !targets.contains_key(&key) && piece.progress != Progress::Aborted {
        match Target::open(&options.dir, &piece) {
            Ok(target) => drop(targets.insert(key.clone(), target)),
            Err(error) => eprintln!("{ME}: {error}"),
        }
    }
    let written = match targets.get_mut(&key) {
        Some(target) => target.write(&piece).unwrap_or_else(|error| {
            eprintln!("{ME}: {}: {error}", target.name);
            false
        }),
        None => false,
    };
    let Piece {
        total,
        progress,
        receipt,
        ..
    } = piece;
    net.node
        .command(Instant::now(), |endpoint, cx| match written {
            true => endpoint.accept(cx, receipt),
            false => endpoint.refuse(cx, receipt, Status::STOP),
        });
    let Some(have) = targets.get(&key).map(|target| target.have) else {
        return false;
    };
    let complete = progress == Progress::Complete || total == Some(have);
    let over = complete || !written || progress == Progress::Aborted;
    if over && let Some(Target { name, bar, .. }) = targets.remove(&key) {
        match complete && written {
            true => println!("received {name}: {}", bar.end()),
            false => println!("broken {name}: {have} bytes are there"),
        }
    }
    complete && written
}
