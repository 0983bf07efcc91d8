//! An all-in-one CPM server: registrar and participating function for the users of one domain.

#[path = "../common/mod.rs"]
mod common;

use common::{address, folder, value, wrong};
use cpm::driver::{self, Driver, Tls};
use cpm::engine::Protocol;
use cpm::participating::{Config, Event, MediaPath, Participating, Retrieval};
use cpm::sip::Uri;
use cpm::sip::digest::Algorithm;
use cpm::store::engine::{Engine, Sqlite};
use cpm::store::{Answerer, Directory};
use cpm::trace::{Recorder, ladder, pcap};
use cpm::wire::host::Host;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const HELP: &str = "\
An all-in-one CPM server: registrar and participating function for the users of one domain.

Usage: server --domain DOMAIN [OPTIONS]

  --domain DOMAIN         the domain served; users are sip:NAME@DOMAIN
  --user NAME:PASSWORD    a user; may be given again
  --pull NAME             this user fetches what was kept, instead of having it delivered;
                          may be given again
  --users FILE            more users, one NAME:PASSWORD a line
  --sip HOST:PORT         where SIP is spoken, on UDP and TCP  [default: 127.0.0.1:5060]
  --msrp HOST:PORT        where MSRP is spoken, on TCP  [default: 127.0.0.1:2855]
  --db PATH               where messages are kept, by one server at a time  [default: ./cpm.db]
  --max-expiry SECONDS    how long a message is kept at the most  [default: 2592000]
  --media anchored|direct whether chats go over the server, or from device to device
                          where that can be  [default: anchored]
  --digest md5|sha-256|both
                          what passwords are asked for with; some clients give up at a
                          challenge that they do not know  [default: both]
  --trust-flows           believe a UDP request from the address of a registered device
  --trace DIR             write DIR/ladder.html and DIR/trace.pcap at the end
  --tls-cert FILE         certificate chain (PEM), with --tls-key
  --tls-key FILE          its private key (PEM)
  --sips HOST:PORT        where SIP is spoken over TLS
  --msrps HOST:PORT       where MSRP is spoken over TLS
  --tls-ca FILE           certificates (PEM) of whoever may vouch for a TLS server, or of the
                          server itself
  --core URI              the S-CSCF of an IMS core whose application server this is: its users
                          register there, and their requests come from there and go back
  -h, --help              this text

Port 0 takes any free port. When it listens the server prints one line:
  ready sip=HOST:PORT msrp=HOST:PORT db=PATH
Ctrl-C ends it in good order. RUST_LOG=cpm=debug logs what it does.
";

struct Options {
    domain: String,
    directory: Directory,
    sip: String,
    msrp: String,
    db: PathBuf,
    max_expiry: Option<u64>,
    media: MediaPath,
    algorithms: Option<Vec<Algorithm>>,
    trust_flows: bool,
    trace: Option<PathBuf>,
    tls: Option<(PathBuf, PathBuf)>,
    sips: Option<String>,
    msrps: Option<String>,
    ca: Option<PathBuf>,
    core: Option<(Uri, IpAddr)>,
}

fn options() -> Options {
    use lexopt::prelude::{Long, Short};
    let mut parser = lexopt::Parser::from_env();
    let (mut domain, mut users, mut files) = (None, Vec::<String>::new(), Vec::<PathBuf>::new());
    let mut pulling = Vec::<String>::new();
    let (mut cert, mut key) = (None, None);
    let mut options = Options {
        domain: String::new(),
        directory: Directory::new(),
        sip: "127.0.0.1:5060".into(),
        msrp: "127.0.0.1:2855".into(),
        db: "./cpm.db".into(),
        max_expiry: None,
        media: MediaPath::Anchored,
        algorithms: None,
        trust_flows: false,
        trace: None,
        tls: None,
        sips: None,
        msrps: None,
        ca: None,
        core: None,
    };
    while let Some(option) = parser.next().unwrap_or_else(|error| wrong(ME, error)) {
        match option {
            Long("domain") => domain = Some(value::<String>(ME, "--domain", &mut parser)),
            Long("user") => users.push(value(ME, "--user", &mut parser)),
            Long("pull") => pulling.push(value(ME, "--pull", &mut parser)),
            Long("users") => files.push(value(ME, "--users", &mut parser)),
            Long("sip") => options.sip = value(ME, "--sip", &mut parser),
            Long("msrp") => options.msrp = value(ME, "--msrp", &mut parser),
            Long("db") => options.db = value(ME, "--db", &mut parser),
            Long("max-expiry") => options.max_expiry = Some(value(ME, "--max-expiry", &mut parser)),
            Long("media") => {
                options.media = match value::<String>(ME, "--media", &mut parser).as_str() {
                    "anchored" => MediaPath::Anchored,
                    "direct" => MediaPath::Direct,
                    other => wrong(ME, format_args!("--media {other}: anchored or direct")),
                }
            }
            Long("digest") => {
                options.algorithms = match value::<String>(ME, "--digest", &mut parser).as_str() {
                    "md5" => Some(vec![Algorithm::Md5]),
                    "sha-256" => Some(vec![Algorithm::Sha256]),
                    "both" => None,
                    other => wrong(ME, format_args!("--digest {other}: md5, sha-256 or both")),
                }
            }
            Long("trust-flows") => options.trust_flows = true,
            Long("trace") => options.trace = Some(value(ME, "--trace", &mut parser)),
            Long("tls-cert") => cert = Some(value::<PathBuf>(ME, "--tls-cert", &mut parser)),
            Long("tls-key") => key = Some(value::<PathBuf>(ME, "--tls-key", &mut parser)),
            Long("sips") => options.sips = Some(value(ME, "--sips", &mut parser)),
            Long("tls-ca") => options.ca = Some(value(ME, "--tls-ca", &mut parser)),
            Long("core") => options.core = Some(core(value(ME, "--core", &mut parser))),
            Long("msrps") => options.msrps = Some(value(ME, "--msrps", &mut parser)),
            Long("help") | Short('h') => {
                print!("{HELP}");
                std::process::exit(0)
            }
            other => wrong(ME, other.unexpected()),
        }
    }
    options.domain = domain.unwrap_or_else(|| wrong(ME, "--domain is missing"));
    if options.domain.parse::<Host>().is_err() {
        wrong(
            ME,
            format_args!("--domain {}: not a domain name", options.domain),
        );
    }
    for user in users {
        let read = options.directory.read(&user, &options.domain);
        read.unwrap_or_else(|_| wrong(ME, format_args!("--user {user}: not NAME:PASSWORD")));
    }
    for file in files {
        let list = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| wrong(ME, format_args!("--users {}: {error}", file.display())));
        let read = options.directory.read(&list, &options.domain);
        read.unwrap_or_else(|error| wrong(ME, format_args!("--users {}: {error}", file.display())));
    }
    for name in pulling {
        let aor = Uri::sip(&name, &options.domain).aor();
        match options.directory.get_mut(&aor) {
            Some(user) => user.preferences.retrieval = Retrieval::Pull,
            None => wrong(ME, format_args!("--pull {name}: no such user")),
        }
    }
    if let Some(trace) = &options.trace {
        folder(ME, "--trace", trace);
    }
    options.tls = match (cert, key) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) if options.sips.is_none() && options.msrps.is_none() => None,
        _ => wrong(ME, "TLS needs both --tls-cert and --tls-key"),
    };
    options
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let options = options();
    common::log();
    let mut engine = Sqlite::open(&options.db)
        .unwrap_or_else(|error| wrong(ME, format_args!("--db {}: {error}", options.db.display())));
    let restored = engine
        .restore()
        .unwrap_or_else(|error| wrong(ME, format_args!("--db {}: {error}", options.db.display())));

    let mut config = Config::new(&options.domain);
    config.trust_registered_udp = options.trust_flows;
    if let Some(algorithms) = &options.algorithms {
        config.algorithms.clone_from(algorithms);
    }
    config.media = options.media;
    if let Some((core, ip)) = &options.core {
        config.core = Some(core.clone());
        config.trusted.push(*ip);
    }
    if let Some(seconds) = options.max_expiry {
        config.max_lifetime = Duration::from_secs(seconds);
    }
    let mut node = Participating::node(config, restored, driver::clock(), driver::seed());
    let recorder = options.trace.as_ref().map(|_| Recorder::new(TRACE));
    node.set_tap(recorder.clone().map(|recorder| Box::new(recorder) as _));
    let mut net = Driver::new(node);
    let (sip, msrp) = listen(&mut net, &options).await;
    println!("ready sip={sip} msrp={msrp} db={}", options.db.display());
    let _ = std::io::stdout().flush();

    let mut answerer = Answerer::new(engine, options.directory);
    let mut terminate = terminated();
    loop {
        tokio::select! {
            // Whether it is to end is looked at when there is nothing to do, not at every message.
            biased;
            event = net.next() => match event {
                Ok(event) => handle(&mut net, &mut answerer, event),
                Err(error) => {
                    eprintln!("{ME}: {error}");
                    std::process::exit(1)
                }
            },
            () = &mut terminate => break,
        }
    }
    // What was answered goes out; nobody is waited for longer than that.
    let _ = net.flush(Instant::now() + Duration::from_secs(1)).await;
    if let (Some(folder), Some(recorder)) = (options.trace, recorder) {
        write_trace(&folder, &recorder);
    }
}

fn handle(net: &mut Driver<Participating>, answerer: &mut Answerer<Sqlite>, event: Event) {
    let event = answerer.answer(&mut net.node, Instant::now(), event);
    match event {
        Some(Event::Registered { user, devices }) => tracing::info!(%user, devices, "registered"),
        Some(Event::Expired { user, sequence }) => tracing::info!(%user, sequence, "expired"),
        _ => {}
    }
}

/// The address of a core, as the Route to it, and the host whose word is taken.
fn core(uri: Uri) -> (Uri, IpAddr) {
    let mut uri = uri;
    let ip = uri.as_sip().and_then(|uri| uri.host.host.ip());
    let Some(ip) = ip else {
        wrong(
            ME,
            format_args!("--core {uri}: not a SIP URI with an address"),
        )
    };
    if let Some(uri) = uri.as_sip_mut() {
        uri.set_param("lr", None);
    }
    (uri, ip)
}

/// Opens every socket that was asked for.
async fn listen(net: &mut Driver<Participating>, options: &Options) -> (SocketAddr, SocketAddr) {
    let failed = |option: &str, text: &str, error: std::io::Error| -> ! {
        wrong(ME, format_args!("{option} {text}: {error}"))
    };
    let wanted = address(ME, "--sip", &options.sip);
    let mut sip = wanted;
    // UDP and TCP share a port, which the system may choose: one that is free for both is found soon.
    for tries in 0.. {
        sip = match net.listen_tcp(Protocol::Sip, wanted).await {
            Ok(sip) => sip,
            Err(error) => failed("--sip", &options.sip, error),
        };
        match net
            .listen_udp(SocketAddr::new(wanted.ip(), sip.port()))
            .await
        {
            Ok(_) => break,
            Err(_) if wanted.port() == 0 && tries < 16 => {}
            Err(error) => failed("--sip", &options.sip, error),
        }
    }
    let msrp = match net
        .listen_tcp(Protocol::Msrp, address(ME, "--msrp", &options.msrp))
        .await
    {
        Ok(msrp) => msrp,
        Err(error) => failed("--msrp", &options.msrp, error),
    };
    if let Some((cert, key)) = &options.tls {
        let tls = Tls::from_pem(cert, key).unwrap_or_else(|error| {
            let (cert, key) = (cert.display(), key.display());
            wrong(
                ME,
                format_args!("--tls-cert {cert} --tls-key {key}: {error}"),
            )
        });
        let client = match &options.ca {
            None => tls.clone(),
            Some(ca) => std::fs::read(ca)
                .map_err(|error| error.to_string())
                .and_then(|pem| tls.clone().trust(&pem).map_err(|error| error.to_string()))
                .unwrap_or_else(|error| {
                    wrong(ME, format_args!("--tls-ca {}: {error}", ca.display()))
                }),
        };
        net.set_tls(&client);
        for (option, text, protocol) in [
            ("--sips", &options.sips, Protocol::Sip),
            ("--msrps", &options.msrps, Protocol::Msrp),
        ] {
            let Some(text) = text else { continue };
            if let Err(error) = net
                .listen_tls(protocol, address(ME, option, text), &tls)
                .await
            {
                failed(option, text, error)
            }
        }
    }
    (sip, msrp)
}

/// Comes when somebody wants the server to end.
fn terminated() -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            if let Ok(mut terminate) = signal(SignalKind::terminate()) {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
                return;
            }
        }
        let _ = tokio::signal::ctrl_c().await;
    })
}

fn write_trace(folder: &std::path::Path, recorder: &Recorder) {
    let sightings = recorder.sightings();
    let page = ladder::html("cpm server", &sightings, &recorder.names("server"));
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(folder.join("ladder.html"), page))
        .and_then(|()| std::fs::write(folder.join("trace.pcap"), pcap(&sightings)));
    match written {
        Ok(()) => eprintln!("{ME}: {} messages in {}", sightings.len(), folder.display()),
        Err(error) => eprintln!("{ME}: {}: {error}", folder.display()),
    }
}

const ME: &str = "server";

/// Bytes of messages that a trace remembers.
const TRACE: usize = 64 * 1024 * 1024;
