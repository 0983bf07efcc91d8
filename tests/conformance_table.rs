//! Claim and proof cannot drift apart: every test that the manual names exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_test_that_the_manual_names_exists() {
    let tests = tests();
    let mut wrong = Vec::new();
    for (line, row) in rows("src/manual/conformance.rs") {
        let named = names(row.last().unwrap());
        if named.is_empty() {
            wrong.push(format!("line {line} names no test"));
        }
        for name in named {
            if !exists(&tests, &name) {
                wrong.push(format!("line {line}: there is no test {name}"));
            }
        }
    }
    for (line, row) in rows("README.md") {
        for name in row.iter().flat_map(|cell| names(cell)) {
            if !exists(&tests, &name) {
                wrong.push(format!("README line {line}: there is no test {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_row_says_what() {
    let rows = rows("src/manual/conformance.rs");
    assert!(rows.len() > 50, "the tables are where they were");
    for (line, row) in rows {
        let complete = row.len() == 3 && row.iter().all(|cell| !cell.is_empty());
        assert!(complete, "line {line}: {row:?}");
    }
}

#[test]
fn the_rules_would_notice() {
    let tests = tests();
    let this = "conformance_table::the_rules_would_notice";
    assert!(exists(&tests, this));
    assert!(exists(&tests, "layers::the_rules_would_notice"));
    assert!(!exists(&tests, "somewhere::the_rules_would_notice"));
    assert!(!exists(&tests, "conformance_table::exists"));
    assert_eq!(names("| `a::b`, and `Limits::c` `d` |"), ["a::b"]);
}

/// The rows of the tables of a file that are not headings, with the number of their line.
fn rows(path: &str) -> Vec<(usize, Vec<String>)> {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.trim_start_matches("//!").trim())
        .collect();
    let is_rule = |line: &&str| line.starts_with("|---");
    let mut rows = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let heads = lines.get(at + 1).is_some_and(is_rule);
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            continue;
        };
        if !heads && !is_rule(line) {
            let cells = row.split('|').map(|cell| cell.trim().to_owned());
            rows.push((at + 1, cells.collect()));
        }
    }
    rows
}

/// The `module::test` in backquotes.
fn names(cell: &str) -> Vec<String> {
    let is_word = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
    let spans = cell.split('`').skip(1).step_by(2);
    let named = spans.filter(|span| {
        span.contains("::")
            && span
                .split("::")
                .all(|part| !part.is_empty() && part.chars().all(is_word))
    });
    named.map(str::to_owned).collect()
}

/// Whether a test of that name is in a module whose path ends as named.
fn exists(tests: &BTreeMap<String, Vec<String>>, name: &str) -> bool {
    let Some((module, test)) = name.rsplit_once("::") else {
        return false;
    };
    let places = tests.get(test).into_iter().flatten();
    places.into_iter().any(|place| {
        place
            .strip_suffix(module)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
    })
}

/// Every test by its name, with the modules that have one of that name.
fn tests() -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::<_, Vec<_>>::new();
    let mut folders = vec![root().join("src"), root().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let module = module_of(path.strip_prefix(root()).unwrap());
                for name in tests_of(&fs::read_to_string(&path).unwrap()) {
                    found.entry(name).or_default().push(module.clone());
                }
            }
        }
    }
    found
}

/// The functions that have `#[test]`, or another attribute that ends in `test`, before them.
fn tests_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        let function = line
            .strip_prefix("async ")
            .unwrap_or(line)
            .strip_prefix("fn ");
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if let Some(function) = function {
            let name = function.split('(').next().unwrap_or_default();
            if std::mem::take(&mut marked) {
                found.push(name.to_owned());
            }
        }
    }
    found
}

/// `src/sip/msg/mod.rs` is `src::sip::msg`.
fn module_of(path: &Path) -> String {
    let path = path.with_extension("");
    let mut parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
    if matches!(parts.last(), Some(&("mod" | "main"))) {
        parts.pop();
    }
    parts.join("::")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
