//! Programs that are started, watched and ended: ours, built as examples, and the peers.

use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing that is waited for takes longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The domain that the scenarios are written for.
pub(crate) const DOMAIN: &str = "example.test";

/// Whether a program is installed. If not, says so past the test harness, which hides what passing tests print.
pub(crate) fn is_installed(program: &str, package: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    found || skip(program, package)
}

/// Says that something is missing.
pub(crate) fn skip(program: &str, package: &str) -> bool {
    let test = thread::current().name().unwrap_or("?").to_owned();
    let line = format!("skipped: {test}: no {program} here (Debian: apt install {package})\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    false
}

/// An empty folder for one test.
pub(crate) fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("peers")
        .join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A port that is free for UDP and TCP, and was not given out before.
pub(crate) fn free_port() -> u16 {
    static TAKEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    for _ in 0..100 {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        let mut taken = TAKEN.lock().unwrap();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() && !taken.contains(&port) {
            taken.push(port);
            return port;
        }
    }
    panic!("no free port")
}

/// One of the example programs, built as this test is.
pub(crate) fn example(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        // This test is in target/PROFILE/deps.
        let own = std::env::current_exe().unwrap();
        let profile = own.parent().and_then(Path::parent).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        build.args(["build", "--quiet", "--target-dir"]);
        build.arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        for example in ["server", "chat", "demo", "msrp_send", "msrp_receive"] {
            build.args(["--example", example]);
        }
        assert!(
            build.status().unwrap().success(),
            "the examples do not build"
        );
        profile.join("examples")
    });
    Command::new(folder.join(name))
}

/// A program that ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Starts a program whose standard error goes to `NAME.err` in `folder`.
    pub(crate) fn start(command: &mut Command, folder: &Path, name: &str) -> Self {
        let errors = File::create(folder.join(format!("{name}.err"))).unwrap();
        let child = command.current_dir(folder).stderr(errors).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Waits for its end; `None` if it did not come in time.
    pub(crate) fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return Some(status);
            }
            if Instant::now() > end {
                return None;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that is spoken to by lines and answers by lines of JSON.
pub(crate) struct Talking {
    name: String,
    running: Running,
    input: Option<ChildStdin>,
    lines: Receiver<Value>,
    /// Everything it has said, and what of that nobody has waited for yet.
    pub(crate) heard: Vec<Value>,
    pending: Vec<Value>,
    errors: PathBuf,
}

impl Talking {
    pub(crate) fn start(command: &mut Command, folder: &Path, name: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running::start(command, folder, name);
        let input = running.0.stdin.take();
        let output = BufReader::new(running.0.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Self {
            name: name.to_owned(),
            running,
            input,
            lines,
            heard: Vec::new(),
            pending: Vec::new(),
            errors: folder.join(format!("{name}.err")),
        }
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line with these fields that was not waited for before; others in between stay.
    pub(crate) fn hear(&mut self, wanted: &[(&str, &str)]) -> Value {
        let has = |line: &Value, field: &str, text: &str| match &line[field] {
            Value::String(value) => value == text,
            value => serde_json::from_str::<Value>(text).is_ok_and(|text| *value == text),
        };
        let heard = self.wait(PATIENCE, |line| {
            wanted.iter().all(|(field, text)| has(line, field, text))
        });
        heard.unwrap_or_else(|| self.disappoint(&format!("{wanted:?}")))
    }

    /// The next line, not of JSON, that contains this.
    pub(crate) fn hear_text(&mut self, part: &str) {
        if !self.hears_text(part, PATIENCE) {
            self.disappoint(part)
        }
    }

    /// Whether such a line comes soon.
    pub(crate) fn hears_text(&mut self, part: &str, patience: Duration) -> bool {
        let contains = |line: &Value| line.as_str().is_some_and(|line| line.contains(part));
        self.wait(patience, contains).is_some()
    }

    fn wait(&mut self, patience: Duration, is_wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let end = Instant::now() + patience;
        loop {
            if let Some(place) = self.pending.iter().position(&is_wanted) {
                return Some(self.pending.remove(place));
            }
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).ok()?;
            self.heard.push(line.clone());
            self.pending.push(line);
        }
    }

    fn disappoint(&self, wanted: &str) -> ! {
        let heard: Vec<_> = (self.heard.iter())
            .map(|line| format!("  {line}\n"))
            .collect();
        let errors = fs::read_to_string(&self.errors).unwrap_or_default();
        let (name, heard) = (&self.name, heard.concat());
        panic!("{name} did not say {wanted}, but:\n{heard}{errors}")
    }

    /// Has it leave, and gives back all it said.
    pub(crate) fn leave(mut self, goodbye: &str) -> Vec<Value> {
        self.say(goodbye);
        drop(self.input.take());
        let status = self.running.wait(PATIENCE);
        let name = &self.name;
        assert!(
            status.is_some_and(|status| status.success()),
            "{name}: {status:?}"
        );
        self.heard.extend(self.lines.iter());
        self.heard
    }
}

/// Our server, with alice, bob and carol.
pub(crate) struct Server {
    pub(crate) sip: SocketAddr,
    _running: Running,
}

impl Server {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_at(folder, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The same at an address, where one was before.
    pub(crate) fn start_at(folder: &Path, sip: SocketAddr) -> Self {
        Self::start_with(folder, sip, &[])
    }

    /// The same with further options.
    pub(crate) fn start_with(folder: &Path, sip: SocketAddr, options: &[String]) -> Self {
        let mut command = example("server");
        command.args(["--domain", DOMAIN, "--sip", &sip.to_string()]);
        command.args(["--msrp", "127.0.0.1:0"]);
        for user in ["alice", "bob", "carol"] {
            command.args(["--user", &format!("{user}:{}", password(user))]);
        }
        command.args(options);
        command.args(["--db", "cpm.db"]).stdout(Stdio::piped());
        let mut running = Running::start(&mut command, folder, "server");
        let mut ready = String::new();
        let output = running.0.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut ready).unwrap();
        let sip = ready
            .split_whitespace()
            .find_map(|word| word.strip_prefix("sip="));
        let sip = sip.and_then(|sip| sip.parse().ok());
        let errors = || fs::read_to_string(folder.join("server.err"));
        Self {
            sip: sip.unwrap_or_else(|| panic!("server: {ready}{:?}", errors())),
            _running: running,
        }
    }
}

pub(crate) fn password(user: &str) -> String {
    format!("{user}-secret")
}

/// Our chat client, registered.
pub(crate) fn chat(folder: &Path, user: &str, server: &Server, transport: &str) -> Talking {
    chat_at(folder, user, server.sip, transport, &[])
}

/// The same at another address than that of our server, with further options.
pub(crate) fn chat_at(
    folder: &Path,
    user: &str,
    at: SocketAddr,
    transport: &str,
    options: &[&str],
) -> Talking {
    let mut command = example("chat");
    command.args(["--user", &format!("sip:{user}@{DOMAIN}")]);
    command.args(["--password", &password(user)]);
    command.args(["--server", &at.to_string()]);
    command.args(["--transport", transport, "--json"]);
    command.args(options);
    let mut chat = Talking::start(&mut command, folder, user);
    chat.hear(&[("event", "registered")]);
    chat
}

/// A file of this folder.
pub(crate) fn file(name: impl AsRef<OsStr>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(name.as_ref())
}
