//! Keeps the house in order by reading the sources: a module names lower tiers only, and nothing but the
//! driver and the storage engines knows of clocks, sockets, threads, files and chance.

use std::fs;
use std::path::{Path, PathBuf};

/// What is on which tier. The longest prefix of a module's path counts; what is not listed may name all.
const TIERS: [(&str, u8); 25] = [
    ("engine", 0),
    ("wire", 0),
    // Errors stand beside the tiers of their protocol.
    ("sip::error", 0),
    ("msrp::error", 0),
    ("sip::msg", 1),
    // Pure rules over header fields; MSRP relays challenge by the same.
    ("sip::digest", 1),
    ("msrp::msg", 1),
    ("sdp", 1),
    ("cpim", 1),
    ("imdn", 1),
    ("deferred", 1),
    ("composing", 1),
    ("events", 1),
    ("lists", 1),
    ("sip", 2),
    ("msrp", 2),
    ("conversation", 3),
    ("node", 4),
    ("client", 5),
    ("participating", 5),
    ("controlling", 5),
    ("store", 5),
    ("server", 6),
    ("sim", 7),
    ("driver", 7),
];

/// Who may name a module of the same tier, and which.
const NEIGHBOURS: [(&str, &str); 5] = [
    ("engine", "wire"),
    ("wire", "engine"),
    // It answers what a participating function asks.
    ("store", "participating"),
    ("sip::digest", "sip::msg"),
    // The body of a receipt is one part of a message.
    ("imdn", "cpim"),
];

/// What only the rim may do.
const OUTSIDE: [&str; 20] = [
    "Instant::now",
    "SystemTime",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "UnixStream",
    "ToSocketAddrs",
    "std::thread",
    "thread::",
    "std::fs",
    "std::env",
    "std::process",
    "std::io::std",
    "tokio::",
    "getrandom",
    "OsRng",
    "thread_rng",
    "from_os_rng",
    "rand::",
    "RandomState",
];

/// Where it may do it.
const RIM: [&str; 2] = ["driver", "store::engine"];

/// Tables whose hash key does not come from the seed.
const UNSEEDED: [&str; 5] = [
    "HashMap::new",
    "HashSet::new",
    "HashMap::with_capacity",
    "HashSet::with_capacity",
    "HashMap::default",
];

#[test]
fn a_module_names_lower_tiers_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some((own, tier)) = tier_of(&source.module) else {
            continue;
        };
        for (number, statement) in source.statements() {
            for named in names(&statement) {
                let Some((other, height)) = tier_of(&named) else {
                    continue;
                };
                let neighbour = NEIGHBOURS.contains(&(own, other));
                if height >= tier && other != own && !neighbour {
                    wrong.push(source.at(number, &format!("{own} names {other}")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn only_the_rim_touches_the_world() {
    let mut wrong = Vec::new();
    for source in sources() {
        if RIM.iter().any(|rim| within(&source.module, rim)) {
            continue;
        }
        for (number, line) in source.code() {
            for word in OUTSIDE.iter().chain(&UNSEEDED) {
                if contains_word(line, word) {
                    wrong.push(source.at(number, word));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn nothing_is_unsafe() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            let code = without_comment(line);
            let found = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"]
                .iter()
                .any(|word| code.contains(word));
            assert!(!found, "{}", source.at(number + 1, "unsafe"));
        }
    }
}

#[test]
fn the_rules_would_notice() {
    assert_eq!(tier_of("sip::msg::uri"), Some(("sip::msg", 1)));
    assert_eq!(tier_of("sip::endpoint"), Some(("sip", 2)));
    assert_eq!(tier_of("manual"), None);
    assert_eq!(
        names("use crate::{msrp, sip::msg::{Uri, Via}, wire::Text};"),
        ["msrp", "sip::msg", "sip::msg", "wire::Text"]
    );
    assert_eq!(
        names("let x = crate::sip::Endpoint::new();"),
        ["sip::Endpoint"]
    );
    assert!(contains_word("Instant::now()", "Instant::now"));
    assert!(contains_word("std::thread::spawn", "thread::"));
    assert!(!contains_word("operand::x", "rand::"));
    let source = Source {
        text: "a // x\n/// b\n\"//\" c\n#[cfg(test)]\nmod tests {\nd".into(),
        ..Source::default()
    };
    let split = Source {
        text: "use crate::{\n    sip,\n    msrp,\n};\nlet x;".into(),
        ..Source::default()
    };
    let statements = split.statements();
    assert_eq!(names(&statements[0].1), ["sip", "msrp"]);
    assert_eq!(statements[1], (5, "let x;".to_owned()));
    let code: Vec<_> = source.code().map(|(_, line)| line.trim()).collect();
    assert_eq!(code, ["a", "", "\"//\" c"]);
}

#[derive(Default)]
struct Source {
    path: PathBuf,
    /// `sip::msg::uri`
    module: String,
    text: String,
}

impl Source {
    /// The lines of code before the tests, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut ended = false;
        self.text
            .lines()
            .enumerate()
            .take_while(move |(number, line)| {
                let next = self.text.lines().nth(number + 1).unwrap_or_default();
                // A module of tests in this file; what follows is theirs.
                ended |= line.trim() == "#[cfg(test)]"
                    && next.starts_with("mod ")
                    && next.ends_with('{');
                !ended
            })
            .map(|(number, line)| (number + 1, without_comment(line)))
    }

    /// The same with every group in braces after `crate::` on one line.
    fn statements(&self) -> Vec<(usize, String)> {
        let mut joined: Vec<(usize, String)> = Vec::new();
        let mut open = false;
        for (number, line) in self.code() {
            match joined.last_mut() {
                Some((_, statement)) if open => statement.push_str(line.trim()),
                _ => joined.push((number, line.to_owned())),
            }
            open = joined.last().is_some_and(|(_, statement)| {
                let group = statement.find("crate::{").map(|at| &statement[at..]);
                group.is_some_and(|group| group.matches('{').count() > group.matches('}').count())
            });
        }
        joined
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path.display())
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file of the library that is not only tests.
fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut found = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let module = module_of(path.strip_prefix(&src).unwrap());
                if module
                    .split("::")
                    .any(|part| part == "tests" || part == "testing")
                {
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path, module, text });
            }
        }
    }
    assert!(found.len() > 20, "the sources are where they were");
    found
}

/// `sip/msg/mod.rs` is `sip::msg`.
fn module_of(path: &Path) -> String {
    let path = path.with_extension("");
    let parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
    let last = parts.len() - 1;
    let parts = if parts[last] == "mod" {
        &parts[..last]
    } else {
        &parts[..]
    };
    parts.join("::")
}

fn within(module: &str, outer: &str) -> bool {
    module
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn tier_of(module: &str) -> Option<(&'static str, u8)> {
    if let Some((outer @ ("sip" | "msrp"), name)) = module.split_once("::")
        && (name.ends_with("Error") || name == "Invalid")
    {
        return tier_of(&format!("{outer}::error"));
    }
    TIERS
        .into_iter()
        .filter(|(outer, _)| within(module, outer))
        .max_by_key(|(outer, _)| outer.len())
}

/// What a statement names by `crate::`, two levels deep: `crate::{a, b::{c, d::e}}` is a, b::c, b::d.
fn names(statement: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, root) in statement.match_indices("crate::") {
        // `pub(in crate::msrp)` says who may look, not what is looked at.
        if !statement[..at].ends_with("in ") {
            expand("", &statement[at + root.len()..], &mut found);
        }
    }
    found
}

/// Adds the path at the beginning of `text` to `found`, or each of the group with which it ends.
fn expand(outer: &str, text: &str, found: &mut Vec<String>) {
    let text = text.trim_start();
    let end = text
        .find(|char: char| !char.is_alphanumeric() && char != '_' && char != ':')
        .unwrap_or(text.len());
    let path = format!("{outer}{}", &text[..end]);
    let Some(group) = text[end..].strip_prefix('{') else {
        let parts: Vec<_> = path
            .split("::")
            .filter(|part| !part.is_empty())
            .take(2)
            .collect();
        if !parts.is_empty() {
            found.push(parts.join("::"));
        }
        return;
    };
    let (mut depth, mut from) = (0_usize, 0);
    for (at, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                expand(&path, &group[from..at], found);
                from = at + 1;
                if char == '}' {
                    return;
                }
            }
            _ => {}
        }
    }
}

/// The line without `// …`, unless it stands in a string.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let mut before = ' ';
    for (at, char) in line.char_indices() {
        match char {
            '"' if before != '\\' && before != '\'' => quoted = !quoted,
            '/' if before == '/' && !quoted => return &line[..at - 1],
            _ => {}
        }
        before = char;
    }
    line
}

/// Whether `word` stands in `line` and is not the end or the beginning of a longer one.
fn contains_word(line: &str, word: &str) -> bool {
    let part = |char: char| char.is_alphanumeric() || char == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part) && (!word.ends_with(part) || !after.is_some_and(part))
    })
}
