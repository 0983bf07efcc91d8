//! Do we read a message as others do? A hundred thousand mutated messages, each read by cpm and by the two C stacks.
//!
//! `cargo run --release --bin differential [COUNT]` in this folder. What is compared is what an attacker would have two
//! hops of a path disagree about: the Call-ID, the identities of From and To, the CSeq, and where the body ends. A
//! message counts against us where both of the others read one thing, we take the message (received leniently, as from a
//! network) and read another. Each such is printed with its bytes.

#[cfg(all(osip, sofia))]
fn main() {
    let count = std::env::args()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .unwrap_or(100_000);
    differential::run(count);
}

#[cfg(not(all(osip, sofia)))]
fn main() {
    println!("libosip2-dev and libsofia-sip-ua-dev are needed");
}

#[cfg(all(osip, sofia))]
mod differential {
    use bytes::Bytes;
    use cpm::engine::Limits;
    use cpm::sip::msg::header::{CSeq, CallId, From, NameAddr, To};
    use cpm::sip::msg::{Message, Mode, Uri};
    use std::ffi::{CStr, c_char, c_int};
    use std::path::Path;

    unsafe extern "C" {
        fn peers_osip_init() -> c_int;
        fn peers_osip_facts(
            bytes: *const c_char,
            length: usize,
            out: *mut c_char,
            room: usize,
        ) -> c_int;
        fn peers_sofia_facts(
            bytes: *const c_char,
            length: usize,
            out: *mut c_char,
            room: usize,
        ) -> c_int;
    }

    type Facts = unsafe extern "C" fn(*const c_char, usize, *mut c_char, usize) -> c_int;

    pub fn run(count: usize) {
        // SAFETY: called once, before anything else of the library.
        unsafe { peers_osip_init() };
        let seeds = seeds();
        let mut chance = Chance(0x2545_f491_4f6c_dd1d);
        let (mut taken, mut by_all, mut alike, mut alone) = (0, 0, 0, 0);
        for _ in 0..count {
            let message = mutated(&seeds, &mut chance);
            let Some(ours) = ours(&message) else {
                continue;
            };
            taken += 1;
            let (Some(osip), Some(sofia)) = (
                theirs(peers_osip_facts, &message),
                theirs(peers_sofia_facts, &message),
            ) else {
                continue;
            };
            by_all += 1;
            alike += usize::from(osip == sofia && osip == ours);
            if osip == sofia && osip != ours {
                alone += 1;
                println!(
                    "we read   {ours}\nothers    {osip}\n{}\n---",
                    message.escape_ascii()
                );
            }
        }
        println!(
            "{count} messages: {taken} taken by us, {by_all} by all three, {alone} read otherwise by us alone"
        );
    }

    /// Every SIP message of the crate's tests.
    fn seeds() -> Vec<Vec<u8>> {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
        ["bench", "rfc4475", "rfc5118"]
            .iter()
            .flat_map(|folder| std::fs::read_dir(data.join(folder)).into_iter().flatten())
            .filter_map(|entry| std::fs::read(entry.ok()?.path()).ok())
            .collect()
    }

    /// A generator of Marsaglia's: the same messages in every run.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % bound.max(1) as u64) as usize
        }
    }

    /// One to three changes such as smugglers make: bytes that mean something put in, taken out or doubled; lines
    /// doubled, moved, or of another message.
    fn mutated(seeds: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
        const TELLING: &[&[u8]] = &[
            b"\r",
            b"\n",
            b"\r\n",
            b" ",
            b"\t",
            b":",
            b";",
            b",",
            b"<",
            b">",
            b"\"",
            b"@",
            b"\\",
            b"\0",
            b"\x0b",
            b"%0d",
            b"\r\n ",
            b" :",
            b"Content-Length: 0\r\n",
            b"l: 5\r\n",
            b"f: <sip:eve@evil.example>;tag=1\r\n",
            b"i: other\r\n",
            b"t: sip:eve@evil.example\r\n",
            b"CSeq: 7 BYE\r\n",
        ];
        let mut message = seeds[chance.below(seeds.len())].clone();
        for _ in 0..=chance.below(3) {
            let at = chance.below(message.len());
            match chance.below(5) {
                0 => {
                    message.remove(at);
                }
                1 => message[at] = chance.below(256) as u8,
                2 => {
                    let telling = TELLING[chance.below(TELLING.len())];
                    message.splice(at..at, telling.iter().copied());
                }
                3 => {
                    // After the end of some line: a line of another message.
                    let other = &seeds[chance.below(seeds.len())];
                    let lines: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
                    let line = lines[chance.below(lines.len())];
                    let end = message[at..].iter().position(|byte| *byte == b'\n');
                    let at = end.map_or(message.len(), |end| at + end + 1);
                    message.splice(at..at, line.iter().copied());
                }
                _ => {
                    let telling = TELLING[chance.below(10)];
                    let end = message[at..].iter().position(|byte| *byte == b'\n');
                    let at = end.map_or(message.len(), |end| at + end + 1);
                    message.splice(at..at, telling.iter().copied());
                }
            }
        }
        message
    }

    fn ours(message: &[u8]) -> Option<String> {
        let message = Message::parse(Bytes::copy_from_slice(message), &Limits::default()).ok()?;
        message.validate(Mode::Receive).ok()?;
        let headers = message.headers();
        let who = |address: &NameAddr| match &address.uri {
            Uri::Sip(uri) => format!(
                "{}@{}",
                uri.user.as_deref().unwrap_or_default(),
                uri.host.host
            ),
            other => other.to_string(),
        };
        let (from, to) = (headers.get::<From>().ok()?, headers.get::<To>().ok()?);
        let facts = format!(
            "{}|{}|{}|{}|{}",
            &*headers.get::<CallId>().ok()?.0,
            who(&from),
            who(&to),
            headers.get::<CSeq>().ok()?.number,
            message.body().len()
        );
        // One of the others takes escapes out.
        Some(unescaped(&facts).to_ascii_lowercase())
    }

    fn unescaped(text: &str) -> String {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
            match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(escaped) if byte == b'%' => {
                    out.push(escaped);
                    rest = &after[2..];
                }
                _ => {
                    out.push(byte);
                    rest = after;
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    fn theirs(facts: Facts, message: &[u8]) -> Option<String> {
        let mut out = [0u8; 4096];
        // SAFETY: the library reads `message.len()` bytes, and writes at most as many as there is room for, with a NUL.
        let failed = unsafe {
            facts(
                message.as_ptr().cast(),
                message.len(),
                out.as_mut_ptr().cast(),
                out.len(),
            )
        };
        let text = CStr::from_bytes_until_nul(&out).ok()?;
        (failed == 0).then(|| unescaped(&text.to_string_lossy()).to_ascii_lowercase())
    }
}
