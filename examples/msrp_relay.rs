//! A relay of MSRP (RFC 4976): clients behind it exchange messages without reaching each other.

#[path = "common/mod.rs"]
mod common;

use common::{address, value, wrong};
use cpm::driver::{self, SoloDriver, Tls};
use cpm::engine::Limits;
use cpm::msrp::relay::{Config, Event, Password, Relay};
use cpm::node::Solo;
use cpm::wire::Text;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

const HELP: &str = "\
A relay of MSRP (RFC 4976): clients behind it exchange messages without reaching each other.

Usage: msrp_relay --domain DOMAIN --user NAME:PASSWORD [OPTIONS]

  --domain DOMAIN         whose passwords are asked for: the realm
  --user NAME:PASSWORD    a user; may be given again
  --listen HOST:PORT      where clients are served, on TCP  [default: 127.0.0.1:2855]
  --host NAME             the host that the relay's URIs name  [default: the address]
  --tls-cert FILE         certificate chain (PEM), with --tls-key
  --tls-key FILE          its private key (PEM)
  --listen-tls HOST:PORT  where clients are served over TLS; without TLS nobody is then
                          asked for a password any more, as RFC 4976 wants it
  --listen-web HOST:PORT  where browsers are served by WebSocket (RFC 7977), over TLS where
                          there is a certificate
  -v, --verbose           say who comes and goes
  -h, --help              this text

Port 0 takes any free port. When it listens the relay prints one line:
  ready msrp=HOST:PORT [msrps=HOST:PORT] [web=HOST:PORT]
Ctrl-C ends it in good order. RUST_LOG=cpm=debug logs what it does.
";

const ME: &str = "msrp_relay";

#[derive(Default)]
struct Options {
    domain: String,
    users: BTreeMap<String, Text>,
    listen: Option<String>,
    host: Option<String>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    listen_tls: Option<String>,
    listen_web: Option<String>,
    verbose: bool,
}

fn options() -> Options {
    use lexopt::prelude::{Long, Short};
    let mut parser = lexopt::Parser::from_env();
    let mut options = Options::default();
    while let Some(arg) = parser.next().unwrap_or_else(|error| wrong(ME, error)) {
        match arg {
            Long("domain") => options.domain = value(ME, "--domain", &mut parser),
            Long("user") => {
                let user: String = value(ME, "--user", &mut parser);
                let Some((name, password)) = user.split_once(':').filter(|(n, _)| !n.is_empty())
                else {
                    wrong(ME, "--user: not NAME:PASSWORD");
                };
                options.users.insert(name.to_owned(), Text::from(password));
            }
            Long("listen") => options.listen = Some(value(ME, "--listen", &mut parser)),
            Long("host") => options.host = Some(value(ME, "--host", &mut parser)),
            Long("tls-cert") => options.cert = Some(value(ME, "--tls-cert", &mut parser)),
            Long("tls-key") => options.key = Some(value(ME, "--tls-key", &mut parser)),
            Long("listen-tls") => {
                options.listen_tls = Some(value(ME, "--listen-tls", &mut parser));
            }
            Long("listen-web") => {
                options.listen_web = Some(value(ME, "--listen-web", &mut parser));
            }
            Short('v') | Long("verbose") => options.verbose = true,
            Short('h') | Long("help") => {
                print!("{HELP}");
                std::process::exit(0);
            }
            other => wrong(ME, other.unexpected()),
        }
    }
    if options.domain.is_empty() {
        wrong(ME, "--domain is missing");
    }
    if options.users.is_empty() {
        wrong(ME, "--user is missing");
    }
    if options.listen_tls.is_some() != (options.cert.is_some() && options.key.is_some()) {
        wrong(ME, "--listen-tls, --tls-cert and --tls-key go together");
    }
    options
}

fn tls(options: &Options) -> Option<Tls> {
    let (cert, key) = options.cert.as_ref().zip(options.key.as_ref())?;
    let tls = Tls::from_pem(cert, key);
    Some(tls.unwrap_or_else(|error| wrong(ME, error)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let options = options();
    common::log();
    let tls = tls(&options);
    let mut config = Config::new(Text::from(&*options.domain));
    config.host = options.host.as_deref().map(Text::from);
    config.clear = tls.is_none();
    let relay = Solo::new(driver::clock(), driver::seed(), Limits::default(), |ids| {
        Relay::new(config, ids)
    });
    let mut net = SoloDriver::new(relay);
    let listen = options.listen.as_deref().unwrap_or("127.0.0.1:2855");
    let addr = address(ME, "--listen", listen);
    let cannot = |addr, error| wrong(ME, format_args!("{addr}: {error}"));
    let local = net.listen_tcp(addr).await;
    let mut ready = format!("ready msrp={}", local.unwrap_or_else(|e| cannot(addr, e)));
    if let (Some(tls), Some(listen)) = (&tls, &options.listen_tls) {
        net.set_tls(tls);
        let addr = address(ME, "--listen-tls", listen);
        let local = net.listen_tls(addr, tls).await;
        ready += &format!(" msrps={}", local.unwrap_or_else(|e| cannot(addr, e)));
    }
    if let Some(listen) = &options.listen_web {
        let addr = address(ME, "--listen-web", listen);
        let local = net.listen_web(addr, tls.as_ref()).await;
        ready += &format!(" web={}", local.unwrap_or_else(|e| cannot(addr, e)));
    }
    println!("{ready}");
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let event = tokio::select! {
            event = net.next() => event?,
            _ = &mut stop => break,
        };
        match event {
            Event::Password { user, reply } => {
                let password = options
                    .users
                    .get(user.as_str())
                    .cloned()
                    .map(Password::Plain);
                net.node.command(Instant::now(), |relay, cx| {
                    relay.answer(cx, reply, password);
                });
            }
            Event::Bound {
                user,
                uri,
                expires,
                renewed: false,
            } if options.verbose => {
                println!("bound {user} {uri} {}s", expires.as_secs());
            }
            Event::Unbound { user, uri } if options.verbose => println!("unbound {user} {uri}"),
            Event::Denied { user, peer } if options.verbose => println!("denied {user} {peer}"),
            _ => {}
        }
    }
    net.flush(Instant::now() + std::time::Duration::from_secs(2))
        .await
        .or(Ok(()))
}
