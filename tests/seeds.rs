//! Replays the seeds of every fuzz target: as they are, cut short at every byte, and with bytes changed.

use cpm::fuzzing;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 19] = [
    ("client_inputs", |bytes| {
        fuzzing::client_inputs(bytes, Instant::now())
    }),
    ("composing", fuzzing::composing),
    ("conference_info", fuzzing::conference_info),
    ("cpim", fuzzing::cpim),
    ("digest", |bytes| fuzzing::digest(bytes, Instant::now())),
    ("events", fuzzing::events),
    ("imdn", fuzzing::imdn),
    ("inspect", fuzzing::inspect),
    ("msrp_stream", fuzzing::msrp_stream),
    ("msrp_to_bytes_and_back", fuzzing::msrp_to_bytes_and_back),
    ("multipart", fuzzing::multipart),
    ("sdp", fuzzing::sdp),
    ("server_inputs", |bytes| {
        fuzzing::server_inputs(bytes, Instant::now())
    }),
    ("sip_headers", fuzzing::sip_headers),
    ("sip_message", fuzzing::sip_message),
    ("sip_stream", fuzzing::sip_stream),
    ("sip_to_bytes_and_back", fuzzing::sip_to_bytes_and_back),
    ("uri", fuzzing::uri),
    ("xml", fuzzing::xml),
];

/// How often a codec is called for one seed, about.
const CODEC: usize = 400;

/// How often a node is made for one seed, about: one run is hundreds of steps.
const NODE: usize = 40;

#[test]
fn every_target_has_seeds_and_a_program() {
    let names = |folder: &str| -> Vec<String> {
        let mut names: Vec<_> = files(&root().join(folder))
            .iter()
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let targets: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names("fuzz/fuzz_targets"), targets);
    assert_eq!(names("fuzz/seeds"), targets);
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for target in targets {
        assert!(
            manifest.contains(&format!("name = \"{target}\"")),
            "{target}"
        );
    }
}

macro_rules! replays {
    ($($target:ident)*) => {$(
        #[test]
        fn $target() {
            replay(stringify!($target));
        }
    )*};
}

replays! {
    client_inputs composing cpim digest events imdn inspect msrp_stream msrp_to_bytes_and_back multipart sdp
    server_inputs sip_headers sip_message sip_stream sip_to_bytes_and_back uri xml
}

#[test]
fn the_torture_messages_harm_nothing() {
    for folder in ["rfc4475", "rfc5118", "bench"] {
        for path in files(&root().join("tests/data").join(folder)) {
            let bytes = fs::read(&path).unwrap();
            for target in ["sip_message", "sip_stream", "inspect"] {
                run(target, &bytes);
            }
        }
    }
}

fn replay(target: &str) {
    let seeds = files(&root().join("fuzz/seeds").join(target));
    assert!(!seeds.is_empty());
    let most = match target.ends_with("_inputs") {
        true => NODE,
        false => CODEC,
    };
    for path in seeds {
        let seed = fs::read(&path).unwrap();
        run(target, &seed);
        let step = 1 + seed.len() / (most / 2);
        (0..seed.len())
            .step_by(step)
            .for_each(|end| run(target, &seed[..end]));
        let mut chance = Chance(seed.len() as u64);
        for _ in 0..most / 2 {
            let mut changed = seed.clone();
            for _ in 0..=chance.below(3) {
                chance.change(&mut changed);
            }
            run(target, &changed);
        }
    }
}

/// Runs a target. Should it panic, the input is kept where it can become a seed.
fn run(target: &str, input: &[u8]) {
    struct Kept<'a>(&'a str, &'a [u8]);

    impl Drop for Kept<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(self.0);
                let written = fs::write(&path, self.1);
                eprintln!("the input is in {} ({written:?})", path.display());
            }
        }
    }

    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let _kept = Kept(target, input);
    run(input);
}

/// A linear congruential generator, so that each run changes the same bytes.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = (self.0)
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        /// What means something somewhere.
        const TELLING: &[u8] = b"\r\n\0\t \",;:<>()[]{}%=&*+-$#@\\/\x7f\x80\xff09aZ";
        let (at, byte) = (
            self.below(bytes.len() + 1),
            TELLING[self.below(TELLING.len())],
        );
        match (self.below(5), bytes.get_mut(at)) {
            (0, Some(old)) => *old ^= 1 << self.below(8),
            (1, Some(_)) => drop(bytes.remove(at)),
            (2, Some(old)) => *old = byte,
            (3, Some(_)) => {
                let end = (at + self.below(40)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => bytes.insert(at, byte),
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
