//! What the benches share: two things timed in turn, figures held against their goals, and the table of them that
//! stands in the manual.
//!
//! A bench ends with one line per figure, `ratio NAME VALUE goal <=X` (or `>=X`), for a person and a script alike.
//! With `CPM_RECORD=1` in the environment the same figures are written to `src/manual/figures/BENCH.md`, from where
//! the manual takes them.

#![allow(dead_code, reason = "each bench uses a part of this")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a figure is held against.
#[derive(Clone, Copy)]
enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// Only stated.
    None,
}

/// The figures of one bench.
pub(crate) struct Figures {
    bench: &'static str,
    rows: Vec<(String, f64, Goal, String)>,
}

impl Figures {
    /// No figures yet, of the bench with this name.
    pub(crate) fn new(bench: &'static str) -> Self {
        Self {
            bench,
            rows: Vec::new(),
        }
    }

    /// A figure that should be `goal` or less; `what` says in a few words what it is, with its unit.
    pub(crate) fn at_most(&mut self, name: &str, value: f64, goal: f64, what: &str) {
        self.push(name, value, Goal::AtMost(two_places(goal)), what);
    }

    /// A figure that should be `goal` or more.
    pub(crate) fn at_least(&mut self, name: &str, value: f64, goal: f64, what: &str) {
        self.push(name, value, Goal::AtLeast(two_places(goal)), what);
    }

    /// A figure that is stated, and has no goal of its own.
    pub(crate) fn state(&mut self, name: &str, value: f64, what: &str) {
        self.push(name, value, Goal::None, what);
    }

    fn push(&mut self, name: &str, value: f64, goal: Goal, what: &str) {
        self.rows
            .push((name.to_owned(), value, goal, what.to_owned()));
    }

    /// Prints the lines, and writes the table where it was asked for.
    pub(crate) fn finish(self) {
        for (name, value, goal, _) in &self.rows {
            match goal {
                Goal::AtMost(goal) => println!("ratio {name} {} goal <={goal}", shown(*value)),
                Goal::AtLeast(goal) => println!("ratio {name} {} goal >={goal}", shown(*value)),
                Goal::None => println!("figure {name} {}", shown(*value)),
            }
        }
        if std::env::var_os("CPM_RECORD").is_some() {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("src/manual/figures")
                .join(format!("{}.md", self.bench));
            match std::fs::write(&path, self.table()) {
                Ok(()) => println!("written: {}", path.display()),
                Err(error) => println!("{}: {error}", path.display()),
            }
        }
    }

    fn table(&self) -> String {
        let mut table = String::from("| figure | what it is | value | goal |\n|---|---|---|---|\n");
        for (name, value, goal, what) in &self.rows {
            let goal = match goal {
                Goal::AtMost(goal) => format!("at most {goal}"),
                Goal::AtLeast(goal) => format!("at least {goal}"),
                Goal::None => String::new(),
            };
            let _ = writeln!(table, "| `{name}` | {what} | {} | {goal} |", shown(*value));
        }
        table
    }
}

/// A goal may be computed from a yardstick.
fn two_places(goal: f64) -> f64 {
    (goal * 100.0).round() / 100.0
}

/// Three digits that mean something.
fn shown(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// How much longer `ours` takes than `yardstick`: the median over many rounds in which both take their turn, so that
/// both meet the same noise.
pub(crate) fn ratio<A, B>(mut ours: impl FnMut() -> A, mut yardstick: impl FnMut() -> B) -> f64 {
    const ROUNDS: u32 = 2000;
    const TURNS: u32 = 100;
    let mut ratios: Vec<f64> = (0..ROUNDS)
        .map(|_| time(TURNS, &mut ours).as_secs_f64() / time(TURNS, &mut yardstick).as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

/// The shortest of many short runs, so that what else runs on the machine matters little.
pub(crate) fn best<T>(mut run: impl FnMut() -> T) -> Duration {
    (0..60).map(|_| time(1, &mut run)).min().unwrap_or_default()
}

fn time<T>(turns: u32, work: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..turns {
        black_box(work());
    }
    start.elapsed()
}
