//! A chat client for the terminal.

#[path = "../common/mod.rs"]
mod common;
mod screen;

use common::{address, value, wrong};
use cpm::client::{ChatId, Client, Config, Event, MessageId, Options as Extras};
use cpm::conversation::Status;
use cpm::driver::{self, Driver, Tls};
use cpm::node::Node;
use cpm::sip::Uri;
use cpm::wire::Text;
use screen::Screen;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

const HELP: &str = "\
A chat client for the terminal.

Usage: chat --user sip:NAME@DOMAIN --password PASSWORD --server HOST:PORT [OPTIONS]

  --user URI              who you are
  --password PASSWORD     your password
  --server HOST:PORT      your server
  --transport udp|tcp|tls how to reach it  [default: tcp]
  --ca FILE               certificates (PEM) of whoever may vouch for a TLS server, or of the
                          server itself  [default: those that the system trusts]
  --device NAME           the name of this device
  --ask                   ask before a chat is accepted
  --json                  print one JSON object a line
  -h, --help              this text

Standard input, line by line (a USER is NAME, NAME@DOMAIN or a URI):
  /chat USER              open a chat; a plain line is then sent to it
  /msg USER TEXT          send a message of its own
  /typing                 say that you are typing
  /read on|off            whether messages count as seen when they are printed  [on]
  /accept, /decline       answer whoever wants to chat (with --ask)
  /end                    end the chat
  /deferred [ID ...]      fetch what the server keeps for you: all of it, or these messages
  /discard ID ...         have these thrown away instead
  /quit                   leave; the end of input does the same
  //TEXT                  a line that begins with a slash

With --json each line has an \"event\":
  registered          expires (s)
  unregistered
  registration-failed status, retry_in (s)
  sending             id, to, text            a message of yours was taken in hand
  sent                id, by                  the server answers for it
  delivered           id, by                  a device of the recipient has it
  displayed           id, by                  the recipient has seen it
  failed              id, status              it will not arrive
  message             id, from, to, text, date, priority, reply_to
  content             id, from, content_type, size
  typing              from, active
  invited             from, subject           somebody wants to chat (with --ask)
  accepted            by                      a chat is open
  ended               with, reason            refused, cancelled, left, gone, lost or finished
  deferred            total, messages: [{id, from, size, date}]  what waits to be fetched
  fetched             messages, reason        how many came
  discarded           status
  error               text                    a line of input that means nothing
What is not known is null. More events and fields may come.
RUST_LOG=cpm=debug logs what happens below.
";

struct Options {
    user: Uri,
    password: String,
    /// As it was written, since a certificate is for a name.
    host: String,
    server: SocketAddr,
    transport: String,
    ca: Option<PathBuf>,
    device: Option<String>,
    ask: bool,
    json: bool,
}

fn options() -> Options {
    use lexopt::prelude::{Long, Short};
    let mut parser = lexopt::Parser::from_env();
    let (mut user, mut password, mut server) = (None, None, None::<String>);
    let (mut transport, mut ca, mut device) = ("tcp".to_owned(), None, None);
    let (mut ask, mut json) = (false, false);
    while let Some(option) = parser.next().unwrap_or_else(|error| wrong(ME, error)) {
        match option {
            Long("user") => user = Some(value::<Uri>(ME, "--user", &mut parser)),
            Long("password") => password = Some(value(ME, "--password", &mut parser)),
            Long("server") => server = Some(value(ME, "--server", &mut parser)),
            Long("transport") => transport = value(ME, "--transport", &mut parser),
            Long("ca") => ca = Some(value::<PathBuf>(ME, "--ca", &mut parser)),
            Long("device") => device = Some(value(ME, "--device", &mut parser)),
            Long("ask") => ask = true,
            Long("json") => json = true,
            Long("help") | Short('h') => {
                print!("{HELP}");
                std::process::exit(0)
            }
            other => wrong(ME, other.unexpected()),
        }
    }
    if !matches!(transport.as_str(), "udp" | "tcp" | "tls") {
        wrong(
            ME,
            format_args!("--transport {transport}: not udp, tcp or tls"),
        );
    }
    let user = user.unwrap_or_else(|| wrong(ME, "--user is missing"));
    if user.as_sip().is_none_or(|uri| uri.user.is_none()) {
        wrong(ME, format_args!("--user {user}: not sip:NAME@DOMAIN"));
    }
    let server = server.unwrap_or_else(|| wrong(ME, "--server is missing"));
    Options {
        user,
        password: password.unwrap_or_else(|| wrong(ME, "--password is missing")),
        server: address(ME, "--server", &server),
        host: server,
        transport,
        ca,
        device,
        ask,
        json,
    }
}

/// The user at the terminal.
struct Chat {
    net: Driver<Client>,
    screen: Screen,
    domain: String,
    /// Where plain lines go.
    current: Option<ChatId>,
    /// Whoever waits to be accepted.
    invited: Option<ChatId>,
    read: bool,
    /// What was printed while nobody was reading.
    unread: Vec<MessageId>,
    /// Messages of ours that nobody answers for yet.
    pending: Vec<MessageId>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let options = options();
    common::log();
    let mut chat = Chat {
        net: connect(&options).await,
        screen: Screen::new(options.json),
        domain: options
            .user
            .domain()
            .map(|domain| domain.to_string())
            .unwrap_or_default(),
        current: None,
        invited: None,
        read: true,
        unread: Vec::new(),
        pending: Vec::new(),
    };
    chat.node().register(Instant::now());
    chat.screen.remark(&format!(
        "connecting to {} by {}",
        options.server, options.transport
    ));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    chat.run(&mut lines).await;
    tokio::select! {
        () = chat.leave() => {}
        // Somebody who asks twice is in a hurry.
        _ = tokio::signal::ctrl_c() => {}
    }
    // A thread may still wait for a line of input; nobody else does.
    std::process::exit(0)
}

/// A client that can reach its server.
async fn connect(options: &Options) -> Driver<Client> {
    let server = format!("sip:{};transport={}", options.host, options.transport);
    let server = server
        .parse()
        .unwrap_or_else(|error| wrong(ME, format_args!("--server {server}: {error}")));
    let mut config = Config::new(options.user.clone(), server);
    config.password = options.password.as_str().into();
    config.device_name = options.device.as_deref().map(Into::into);
    config.auto_accept = !options.ask;
    config.host = driver::local_ip(options.server);
    let mut net = Driver::new(Client::node(config, driver::clock(), driver::seed()));
    match options.transport.as_str() {
        "udp" => {
            let any: IpAddr = match options.server {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            let local = SocketAddr::new(driver::local_ip(options.server).unwrap_or(any), 0);
            if let Err(error) = net.listen_udp(local).await {
                wrong(ME, format_args!("no UDP socket: {error}"));
            }
        }
        "tls" => {
            let mut tls = Tls::default();
            let system = SYSTEM_ROOTS
                .iter()
                .map(PathBuf::from)
                .find(|file| file.exists());
            if let Some(file) = options.ca.as_ref().or(system.as_ref()) {
                let roots = std::fs::read(file).map_err(|error| error.to_string());
                tls = roots
                    .and_then(|roots| tls.trust(&roots).map_err(|error| error.to_string()))
                    .unwrap_or_else(|error| {
                        wrong(ME, format_args!("--ca {}: {error}", file.display()))
                    });
            }
            net.set_tls(&tls);
        }
        _ => {}
    }
    net
}

impl Chat {
    async fn run(&mut self, lines: &mut Lines<BufReader<Stdin>>) {
        loop {
            tokio::select! {
                event = self.net.next() => match event {
                    Ok(event) => self.happened(event),
                    Err(error) => {
                        eprintln!("{ME}: {error}");
                        std::process::exit(1)
                    }
                },
                line = lines.next_line() => match line {
                    Ok(Some(line)) if line.trim() == "/quit" => return,
                    Ok(Some(line)) => self.line(line.trim_end()),
                    Ok(None) | Err(_) => return,
                },
                _ = tokio::signal::ctrl_c() => return,
            }
        }
    }

    /// Waits a moment for what is still on its way, and says goodbye.
    async fn leave(&mut self) {
        let patience = tokio::time::sleep(Duration::from_secs(5));
        tokio::pin!(patience);
        while !self.pending.is_empty() {
            tokio::select! {
                event = self.net.next() => match event {
                    Ok(event) => self.happened(event),
                    Err(_) => return,
                },
                () = &mut patience => break,
            }
        }
        match self.pending.len() {
            0 => {}
            open => self.screen.remark(&format!("{open} not sent")),
        }
        for chat in self.node().open_chats() {
            self.node().end_chat(Instant::now(), chat);
        }
        self.node().unregister(Instant::now());
        let patience = tokio::time::sleep(Duration::from_secs(2));
        tokio::pin!(patience);
        loop {
            tokio::select! {
                event = self.net.next() => match event {
                    Ok(event) => {
                        let gone = matches!(event, Event::Unregistered);
                        self.happened(event);
                        if gone {
                            break;
                        }
                    }
                    Err(_) => return,
                },
                () = &mut patience => break,
            }
        }
        let _ = self
            .net
            .flush(Instant::now() + Duration::from_secs(1))
            .await;
    }

    fn node(&mut self) -> &mut Node<Client> {
        &mut self.net.node
    }

    /// A line of input.
    fn line(&mut self, line: &str) {
        let now = Instant::now();
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match (command, self.current) {
            ("", _) => {}
            ("/chat", _) => match self.user(rest) {
                Some(peer) => self.current = Some(self.node().open_chat(now, peer)),
                None => self.screen.error("/chat needs a USER"),
            },
            ("/msg", _) => match rest
                .split_once(' ')
                .and_then(|(user, text)| Some((self.user(user)?, text)))
            {
                Some((peer, text)) => {
                    let sent = self
                        .node()
                        .send_message(now, &peer, text, &Extras::default());
                    self.sending(sent, &peer.to_string(), text);
                }
                None => self.screen.error("/msg needs a USER and a TEXT"),
            },
            ("/typing", Some(chat)) => self.node().typing(now, chat),
            ("/end", Some(chat)) => {
                self.node().end_chat(now, chat);
                self.current = None;
            }
            ("/accept", _) => match self.invited.take() {
                Some(chat) => {
                    self.node().accept_chat(now, chat);
                    self.current = Some(chat);
                }
                None => self.screen.error("nobody wants to chat"),
            },
            ("/decline", _) => match self.invited.take() {
                Some(chat) => self.node().decline_chat(now, chat),
                None => self.screen.error("nobody wants to chat"),
            },
            ("/deferred", _) => {
                let ids = rest.split_whitespace().map(Text::from);
                let ids = ids.collect::<Vec<_>>();
                let chosen = (!ids.is_empty()).then_some(&*ids);
                if !self.node().fetch_deferred(now, chosen) {
                    self.screen.error("messages are being fetched already");
                }
            }
            ("/discard", _) if !rest.is_empty() => {
                let ids = rest.split_whitespace().map(Text::from);
                let ids = ids.collect::<Vec<_>>();
                self.node().discard_deferred(now, &ids);
            }
            ("/discard", _) => self.screen.error("/discard needs an ID"),
            ("/read", _) if rest == "on" || rest == "off" => {
                self.read = rest == "on";
                if self.read {
                    for message in std::mem::take(&mut self.unread) {
                        self.node().mark_displayed(now, &message);
                    }
                }
            }
            ("/read", _) => self.screen.error("/read needs on or off"),
            ("/help", _) => self.screen.error("see chat --help"),
            ("/typing" | "/end", None) => self.screen.error("no chat is open: /chat USER"),
            _ if command.starts_with('/') && !command.starts_with("//") => {
                self.screen
                    .error(&format!("{command} means nothing (see chat --help)"));
            }
            (_, Some(chat)) => {
                let text = line.strip_prefix('/').unwrap_or(line);
                let sent = self.node().send_text(now, chat, text);
                let peer = self
                    .node()
                    .peer(chat)
                    .map(|peer| peer.to_string())
                    .unwrap_or_default();
                self.sending(sent, &peer, text);
            }
            (_, None) => self.screen.error("no chat is open: /chat USER"),
        }
    }

    fn sending(&mut self, sent: Result<MessageId, cpm::client::SendError>, to: &str, text: &str) {
        match sent {
            Ok(message) => {
                self.screen.sending(&message, to, text);
                self.pending.push(message);
            }
            Err(error) => self.screen.error(&error.to_string()),
        }
    }

    fn happened(&mut self, event: Event) {
        match &event {
            Event::Message { message, .. } | Event::Content { message, .. } => {
                if self.read {
                    let message = message.clone();
                    self.node().mark_displayed(Instant::now(), &message);
                } else {
                    self.unread.push(message.clone());
                }
            }
            Event::Invited { chat, .. } => self.invited = Some(*chat),
            Event::Accepted { chat, .. } => {
                self.current.get_or_insert(*chat);
            }
            Event::Disposition {
                message, status, ..
            } if *status >= Status::Sent => {
                self.pending.retain(|pending| pending != message);
            }
            Event::Failed {
                chat,
                message,
                status,
            } => {
                self.pending.retain(|pending| pending != message);
                let peer = self.net.node.peer(*chat).map(ToString::to_string);
                self.screen.failed(&peer.unwrap_or_default(), *status);
            }
            _ => {}
        }
        self.screen.event(&event);
    }

    /// A user by name, by name and domain, or by URI.
    fn user(&self, text: &str) -> Option<Uri> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let uri = match (text.contains(':'), text.contains('@')) {
            (true, _) => text.to_owned(),
            (false, true) => format!("sip:{text}"),
            (false, false) => format!("sip:{text}@{}", self.domain),
        };
        uri.parse().ok()
    }
}

const ME: &str = "chat";

/// Where systems keep the certificates of the authorities they trust.
const SYSTEM_ROOTS: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];
