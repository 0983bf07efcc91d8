//! Sends a file of any size over MSRP (RFC 4975) to a path that `msrp_receive` has printed.

#[path = "common/mod.rs"]
mod common;
#[path = "common/transfer.rs"]
mod transfer;

use common::{value, wrong};
use cpm::driver::{self, SoloDriver};
use cpm::engine::Limits;
use cpm::msrp::msg::Path as MsrpPath;
use cpm::msrp::{
    Config, Down, Endpoint, Event, RelayAccount, Role, SendId, SessionId, Settings, Stream, Uri,
};
use cpm::node::Solo;
use cpm::wire::Text;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;
use transfer::{Bar, relay, trust};

const HELP: &str = "\
Sends a file of any size over MSRP (RFC 4975) to a path that msrp_receive has printed.

Usage: msrp_send PATH FILE [OPTIONS]

  PATH                    msrp://HOST:PORT/SESSION;tcp; more URIs, with spaces between
                          them, where the way leads through relays
  --from N                begin at byte N, counted from 0: what is before it was received
  --from resume           begin where the last attempt ended; it is noted in FILE.sent
                          while the file is sent
  --type TYPE             its media type  [default: application/octet-stream]
  --relay URI             go through this relay of ours (RFC 4976)
  --user NAME:PASSWORD    who we are there
  --digest-uri            name the URI in the answer to the relay, as some relays want it
  --ca FILE               trust what this authority (PEM) has signed
  -h, --help              this text

The end is one line, `sent BYTES bytes in SECONDS s, SPEED MB/s`, or one that says how
much the other side has, and exit status 1.
";

const ME: &str = "msrp_send";

struct Options {
    path: Vec<Uri>,
    file: PathBuf,
    from: Option<String>,
    media_type: String,
    relay: Option<RelayAccount>,
    ca: Option<PathBuf>,
}

fn options() -> Options {
    use lexopt::prelude::{Long, Short, Value};
    let mut parser = lexopt::Parser::from_env();
    let (mut path, mut file, mut from) = (None, None, None);
    let (mut uri, mut user, mut ca, mut names_uri) = (None, None, None, false);
    let mut media_type = "application/octet-stream".to_owned();
    while let Some(arg) = parser.next().unwrap_or_else(|error| wrong(ME, error)) {
        match arg {
            Long("from") => from = Some(value::<String>(ME, "--from", &mut parser)),
            Long("type") => media_type = value(ME, "--type", &mut parser),
            Long("relay") => uri = Some(value::<Uri>(ME, "--relay", &mut parser)),
            Long("user") => user = Some(value(ME, "--user", &mut parser)),
            Long("digest-uri") => names_uri = true,
            Long("ca") => ca = Some(value(ME, "--ca", &mut parser)),
            Short('h') | Long("help") => {
                print!("{HELP}");
                std::process::exit(0);
            }
            Value(text) if path.is_none() => {
                let text = text.to_string_lossy().into_owned();
                let parsed = MsrpPath::parse(&Text::from(&*text));
                let parsed =
                    parsed.unwrap_or_else(|error| wrong(ME, format_args!("{text}: {error}")));
                path = Some(parsed.iter().collect());
            }
            Value(name) if file.is_none() => file = Some(PathBuf::from(name)),
            other => wrong(ME, other.unexpected()),
        }
    }
    Options {
        path: path.unwrap_or_else(|| wrong(ME, "PATH is missing")),
        file: file.unwrap_or_else(|| wrong(ME, "FILE is missing")),
        from,
        media_type,
        relay: relay(ME, uri, user, names_uri),
        ca,
    }
}

/// The file, and where to begin in it.
struct Source {
    file: File,
    from: u64,
    size: u64,
    note: PathBuf,
    /// What stands in the note.
    noted: u64,
}

/// After how many confirmed bytes the note is written anew.
const NOTE: u64 = 1024 * 1024;

impl Source {
    fn open(options: &Options) -> Self {
        let name = options.file.display();
        let cannot = |error| -> ! { wrong(ME, format_args!("{name}: {error}")) };
        let mut file = File::open(&options.file).unwrap_or_else(|error| cannot(error));
        let size = file.metadata().unwrap_or_else(|error| cannot(error)).len();
        let mut note = options.file.clone().into_os_string();
        note.push(".sent");
        let note = PathBuf::from(note);
        let from = match options.from.as_deref() {
            None => 0,
            // Nothing noted: nothing sent.
            Some("resume") => std::fs::read_to_string(&note)
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(0),
            Some(number) => number
                .parse()
                .unwrap_or_else(|_| wrong(ME, format_args!("--from {number}: not a number"))),
        };
        if from > size {
            wrong(ME, format_args!("{name} has {size} bytes only"));
        }
        if let Err(error) = file.seek(SeekFrom::Start(from)) {
            cannot(error);
        }
        Self {
            file,
            from,
            size,
            note,
            noted: from,
        }
    }

    /// Writes down how much the other side has, so that even a sudden end loses little. A note is whole or not there.
    fn note(&mut self, confirmed: u64) {
        if confirmed.saturating_sub(self.noted) < NOTE {
            return;
        }
        self.noted = confirmed;
        let draft = self.note.with_extension("draft");
        if std::fs::write(&draft, confirmed.to_string()).is_ok() {
            let _ = std::fs::rename(&draft, &self.note);
        }
    }

    /// As much as there is room for.
    fn read(&mut self, room: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(room);
        let limit = u64::try_from(room).unwrap_or(u64::MAX);
        if let Err(error) = (&mut self.file).take(limit).read_to_end(&mut bytes) {
            wrong(ME, error);
        }
        bytes
    }

    fn stream(&self, media_type: &str, file: &Path) -> Stream {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let name = name.replace(['"', '\\'], "_");
        let content_type = Text::from(format!("{media_type};name=\"{name}\""));
        let mut stream = Stream::new(content_type, Some(self.size));
        stream.start = self.from;
        stream
    }
}

fn failed(source: &Source, confirmed: u64, why: std::fmt::Arguments<'_>) -> ! {
    let _ = std::fs::write(&source.note, confirmed.to_string());
    eprintln!("{ME}: {why}; the other side has {confirmed} bytes, go on with --from resume");
    std::process::exit(1)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let options = options();
    common::log();
    let mut source = Source::open(&options);
    let node = Solo::new(driver::clock(), driver::seed(), Limits::default(), |ids| {
        Endpoint::new(Config::default(), ids)
    });
    let mut net = SoloDriver::new(node);
    net.set_tls(&trust(ME, options.ca.as_deref()));
    let session = net.node.command(Instant::now(), |endpoint, cx| {
        let session = endpoint.open(cx, Settings::default());
        let session = session.unwrap_or_else(|error| wrong(ME, error));
        if let Some(relay) = &options.relay {
            endpoint.authorize(cx, session, vec![relay.clone()], None);
        }
        let role = Role::Active { peer: None };
        endpoint.start(cx, session, options.path.clone(), role);
        session
    });
    let mut bar = Bar::new(source.from, Some(source.size));
    let mut sending: Option<SendId> = None;
    loop {
        match net.next().await? {
            Event::Up { .. } if sending.is_none() => {
                let stream = source.stream(&options.media_type, &options.file);
                sending = Some(start(&mut net, session, stream));
                bar = Bar::new(source.from, Some(source.size));
            }
            Event::Wanted { id, room, .. } => {
                let bytes = source.read(room);
                if bytes.is_empty() {
                    failed(
                        &source,
                        source.from,
                        format_args!("the file has become shorter"),
                    );
                }
                // Where the message is over meanwhile, the reason is the next event.
                let _ = net.node.command(Instant::now(), |endpoint, cx| {
                    endpoint.offer(cx, id, bytes.into())
                });
                if let Some((at, _)) = net.node.machine().progress(id) {
                    bar.set(at);
                }
                if let Some(confirmed) = net.node.machine().confirmed_up_to(id) {
                    source.note(confirmed);
                }
            }
            Event::Sent { .. } => {
                bar.set(source.size);
                println!("sent {}", bar.end());
                let _ = std::fs::remove_file(&source.note);
                net.node.command(Instant::now(), |endpoint, cx| {
                    endpoint.close(cx, session);
                });
                let soon = Instant::now() + std::time::Duration::from_secs(2);
                return net.flush(soon).await.or(Ok(()));
            }
            Event::Failed {
                status, confirmed, ..
            } => {
                let why = format_args!("refused or lost ({status} {})", status.phrase());
                let confirmed = confirmed.max(source.from);
                failed(&source, confirmed, why);
            }
            Event::Down { why, .. } => {
                let from = source.from;
                match why {
                    Down::Relay(error) => failed(&source, from, format_args!("{error}")),
                    why => failed(&source, from, format_args!("no session ({why:?})")),
                }
            }
            _ => {}
        }
    }
}

fn start(net: &mut SoloDriver<Endpoint>, session: SessionId, stream: Stream) -> SendId {
    net.node.command(Instant::now(), |endpoint, cx| {
        let id = endpoint.send_stream(cx, session, stream);
        id.unwrap_or_else(|error| wrong(ME, error))
    })
}
