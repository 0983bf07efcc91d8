//! Digest authentication (RFC 7616, RFC 2617; in SIP: RFC 3261 §22, RFC 8760).
//!
//! Both sides as pure rules: a [`Challenge`] and a secret make an [`Answer`]; a [`Verifier`] makes challenges and
//! tells right answers from wrong ones. A secret never leaves the caller's hands except into a hash.

use crate::engine::{Ids, Map};
use crate::sip::msg::header::{Authorization, Credentials, ProxyAuthorization, WwwAuthenticate};
use crate::sip::msg::{Header, Headers};
use crate::wire::Text;
use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use std::fmt::Write;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What is hashed with; the stronger the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// `MD5`, and what is meant when none is named.
    Md5,
    /// `MD5-sess`.
    Md5Session,
    /// `SHA-256`.
    Sha256,
    /// `SHA-256-sess`.
    Sha256Session,
    /// `SHA-512-256`.
    Sha512_256,
    /// `SHA-512-256-sess`.
    Sha512_256Session,
}

impl Algorithm {
    const ALL: [Self; 6] = [
        Self::Md5,
        Self::Md5Session,
        Self::Sha256,
        Self::Sha256Session,
        Self::Sha512_256,
        Self::Sha512_256Session,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Session => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Session => "SHA-256-sess",
            Self::Sha512_256 => "SHA-512-256",
            Self::Sha512_256Session => "SHA-512-256-sess",
        }
    }

    /// The algorithm of that name, in whatever case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    const fn is_session(self) -> bool {
        matches!(
            self,
            Self::Md5Session | Self::Sha256Session | Self::Sha512_256Session
        )
    }

    /// The hash of the parts with a colon between them, in hexadecimal.
    fn hash(self, parts: &[&str]) -> String {
        match self {
            Self::Md5 | Self::Md5Session => joined::<Md5>(parts),
            Self::Sha256 | Self::Sha256Session => joined::<Sha256>(parts),
            Self::Sha512_256 | Self::Sha512_256Session => joined::<Sha512_256>(parts),
        }
    }
}

fn joined<D: Digest>(parts: &[&str]) -> String {
    let mut hash = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(part.as_bytes());
    }
    hexadecimal(&hash.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What is known of a user's password.
#[derive(Clone, Copy)]
pub enum Secret<'a> {
    /// The password itself.
    Password(&'a str),
    /// `H(user:realm:password)` in lower-case hexadecimal, for one algorithm: what a server may store instead.
    Hashed(&'a str),
}

impl Secret<'_> {
    fn ha1(
        self,
        algorithm: Algorithm,
        user: &str,
        realm: &str,
        nonce: &str,
        cnonce: &str,
    ) -> String {
        let plain = match self {
            Self::Password(password) => algorithm.hash(&[user, realm, password]),
            Self::Hashed(hash) => hash.to_ascii_lowercase(),
        };
        if algorithm.is_session() {
            algorithm.hash(&[&plain, nonce, cnonce])
        } else {
            plain
        }
    }
}

impl std::fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a server asks: the fields of one WWW-Authenticate or Proxy-Authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whose passwords are asked for.
    pub realm: Text,
    /// The server's nonce.
    pub nonce: Text,
    /// To be sent back as it is.
    pub opaque: Option<Text>,
    /// The password was right, the nonce too old.
    pub stale: bool,
    /// What to hash with.
    pub algorithm: Algorithm,
    /// Whether quality of protection `auth` is offered; without it the answer has the form of RFC 2069.
    pub qop: bool,
}

impl Challenge {
    /// The answer, `count` being how many times this nonce is used, this time included.
    pub fn respond(
        &self,
        user: &str,
        secret: Secret<'_>,
        method: &str,
        uri: &str,
        cnonce: &str,
        count: u32,
    ) -> Answer {
        let mut answer = Answer {
            user: Text::from(user),
            realm: self.realm.clone(),
            nonce: self.nonce.clone(),
            uri: Text::from(uri),
            response: Text::default(),
            algorithm: self.algorithm,
            opaque: self.opaque.clone(),
            protection: self.qop.then(|| Protection {
                cnonce: Text::from(cnonce),
                count,
            }),
        };
        answer.response = Text::from(answer.expected(secret, method));
        answer
    }

    /// The challenge in a WWW-Authenticate or Proxy-Authenticate; `None` for another scheme, for an algorithm
    /// that we do not have, and where only `auth-int` is offered.
    pub fn read(header: &Credentials) -> Option<Self> {
        let params = &header.params;
        if !header.is_digest() {
            return None;
        }
        let algorithm = match params.value("algorithm") {
            Some(name) => Algorithm::named(name)?,
            None => Algorithm::Md5,
        };
        let qop = match params.value("qop") {
            Some(offered) => {
                let mut offered = offered.split(',');
                offered
                    .any(|qop| qop.trim().eq_ignore_ascii_case("auth"))
                    .then_some(true)?
            }
            None => false,
        };
        Some(Self {
            realm: params.text("realm")?.compact(),
            nonce: params.text("nonce")?.compact(),
            opaque: params.text("opaque").map(Text::compact),
            stale: (params.value("stale")).is_some_and(|s| s.eq_ignore_ascii_case("true")),
            algorithm,
            qop,
        })
    }

    /// The text of a WWW-Authenticate or Proxy-Authenticate.
    pub fn write(&self) -> String {
        let mut out = String::new();
        WwwAuthenticate(self.header()).write(&mut out);
        out
    }

    /// The value of a WWW-Authenticate or Proxy-Authenticate.
    pub fn header(&self) -> Credentials {
        let mut header = Credentials::new("Digest");
        let params = &mut header.params;
        params.set_quoted("realm", &self.realm);
        params.set_quoted("nonce", &self.nonce);
        params.set("algorithm", self.algorithm.name());
        if self.qop {
            params.set_quoted("qop", "auth");
        }
        if let Some(opaque) = &self.opaque {
            params.set_quoted("opaque", opaque);
        }
        if self.stale {
            params.set("stale", "true");
        }
        header
    }
}

/// A count of uses and a nonce of the client's, which `qop=auth` demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// The client's nonce.
    pub cnonce: Text,
    /// How many times the server's nonce was used.
    pub count: u32,
}

/// What a client answers: the fields of Authorization or Proxy-Authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who the client says it is.
    pub user: Text,
    /// The realm of the challenge.
    pub realm: Text,
    /// The nonce of the challenge.
    pub nonce: Text,
    /// What was requested.
    pub uri: Text,
    /// The proof.
    pub response: Text,
    /// What it was hashed with.
    pub algorithm: Algorithm,
    /// As in the challenge.
    pub opaque: Option<Text>,
    /// The fields of `qop=auth`.
    pub protection: Option<Protection>,
}

impl Answer {
    /// The proof that belongs into `response`.
    fn expected(&self, secret: Secret<'_>, method: &str) -> String {
        let cnonce = self.protection.as_ref().map_or("", |p| &p.cnonce);
        let ha1 = secret.ha1(self.algorithm, &self.user, &self.realm, &self.nonce, cnonce);
        let ha2 = self.algorithm.hash(&[method, &self.uri]);
        match &self.protection {
            Some(Protection { cnonce, count }) => {
                let count = format!("{count:08x}");
                self.algorithm
                    .hash(&[&ha1, &self.nonce, &count, cnonce, "auth", &ha2])
            }
            None => self.algorithm.hash(&[&ha1, &self.nonce, &ha2]),
        }
    }

    /// The answer to a challenge of this realm in a request, whether it is for a server or for a proxy.
    pub fn of(headers: &Headers, realm: &str) -> Option<Self> {
        let servers = headers.all::<Authorization>().filter_map(Result::ok);
        let proxies = headers.all::<ProxyAuthorization>().filter_map(Result::ok);
        (servers.map(|header| header.0))
            .chain(proxies.map(|header| header.0))
            .filter_map(|header| Self::read(&header))
            .find(|answer| answer.realm == *realm)
    }

    /// The answer in an Authorization or Proxy-Authorization; `None` for another scheme, or if a part of it is
    /// missing.
    pub fn read(header: &Credentials) -> Option<Self> {
        let params = &header.params;
        if !header.is_digest() {
            return None;
        }
        let algorithm = match params.value("algorithm") {
            Some(name) => Algorithm::named(name)?,
            None => Algorithm::Md5,
        };
        let protection = match params.value("qop") {
            Some(qop) if qop.eq_ignore_ascii_case("auth") => Some(Protection {
                cnonce: params.text("cnonce")?.clone(),
                count: u32::from_str_radix(params.value("nc")?, 16).ok()?,
            }),
            Some(_) => return None,
            None => None,
        };
        Some(Self {
            user: params.text("username")?.clone(),
            realm: params.text("realm")?.clone(),
            nonce: params.text("nonce")?.clone(),
            uri: params.text("uri")?.clone(),
            response: params.text("response")?.clone(),
            algorithm,
            opaque: params.text("opaque").cloned(),
            protection,
        })
    }

    /// The value of an Authorization or Proxy-Authorization.
    pub fn header(&self) -> Credentials {
        let mut header = Credentials::new("Digest");
        let params = &mut header.params;
        params.set_quoted("username", &self.user);
        params.set_quoted("realm", &self.realm);
        params.set_quoted("nonce", &self.nonce);
        params.set_quoted("uri", &self.uri);
        params.set_quoted("response", &self.response);
        params.set("algorithm", self.algorithm.name());
        if let Some(Protection { cnonce, count }) = &self.protection {
            params.set("qop", "auth");
            params.set("nc", &format!("{count:08x}"));
            params.set_quoted("cnonce", cnonce);
        }
        if let Some(opaque) = &self.opaque {
            params.set_quoted("opaque", opaque);
        }
        header
    }
}

/// What a [`Verifier`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The client knows the secret.
    Right,
    /// The client knows the secret, but its nonce is too old or was used before: challenge it with `stale`.
    Stale,
    /// The client does not know the secret.
    Wrong,
}

/// The server's side: makes nonces, and remembers how often each was used.
///
/// A nonce is a time and a keyed hash over that time and the client's address, so that nothing has to be
/// stored before a client has proved that it knows a secret.
pub struct Verifier {
    realm: Text,
    key: [u8; 32],
    start: Option<Instant>,
    /// How many nonces were issued, roughly: what makes each of them another.
    number: u32,
    lifetime: Duration,
    capacity: usize,
    algorithms: Vec<Algorithm>,
    used: Map<Text, Used>,
}

/// Which counts of a nonce were used: the highest, and which of the 64 up to it.
#[derive(Debug)]
struct Used {
    issued: Duration,
    highest: u32,
    window: u64,
}

impl Verifier {
    /// A verifier for the users of a realm, with nonces that live five minutes.
    pub fn new(realm: Text, ids: &mut Ids) -> Self {
        let mut key = [0; 32];
        for chunk in key.chunks_mut(8) {
            chunk.copy_from_slice(&ids.number().to_le_bytes());
        }
        Self {
            realm,
            key,
            start: None,
            number: 0,
            lifetime: Duration::from_secs(300),
            capacity: 65_536,
            algorithms: vec![Algorithm::Md5, Algorithm::Sha256],
            used: ids.map(),
        }
    }

    /// The realm.
    pub fn realm(&self) -> &Text {
        &self.realm
    }

    /// Sets what is offered, in this order; MD5 and then SHA-256 unless it is called.
    ///
    /// Many clients look at the first challenge only, and some give up if it is not for MD5, while a client
    /// that has something better looks at all of them: so every client gets in by the best it can do. Where
    /// all of them know SHA-256, offer that alone: whoever can change a message on its way can take the
    /// stronger challenge out.
    pub fn set_algorithms(&mut self, algorithms: Vec<Algorithm>) {
        self.algorithms = algorithms;
    }

    /// The challenges for a client at `peer`: one header each, in this order (RFC 8760 §2.3).
    pub fn challenges(&mut self, now: Instant, peer: IpAddr, stale: bool) -> Vec<Challenge> {
        let age = self.age(now);
        // Two clients behind one address must not share a nonce, or each would spoil the other's count.
        self.number = self.number.wrapping_add(1);
        let nonce = Text::from(self.nonce(age, self.number, peer));
        self.algorithms
            .iter()
            .map(|&algorithm| Challenge {
                realm: self.realm.clone(),
                nonce: nonce.clone(),
                opaque: None,
                stale,
                algorithm,
                qop: true,
            })
            .collect()
    }

    /// Whether the sender of a request knows the secret of the user it names.
    pub fn verify(
        &mut self,
        now: Instant,
        peer: IpAddr,
        answer: &Answer,
        method: &str,
        secret: Secret<'_>,
    ) -> Verdict {
        // Without a count an answer could be replayed.
        let Some(protection) = &answer.protection else {
            return Verdict::Wrong;
        };
        if answer.realm != self.realm
            || !self.algorithms.contains(&answer.algorithm)
            || !same(
                answer.expected(secret, method).as_bytes(),
                answer.response.to_ascii_lowercase().as_bytes(),
            )
        {
            return Verdict::Wrong;
        }
        let age = self.age(now);
        let Some(issued) = self.issued(&answer.nonce, peer) else {
            return Verdict::Stale;
        };
        if age.saturating_sub(issued) > self.lifetime {
            return Verdict::Stale;
        }
        self.use_up(age, issued, &answer.nonce, protection.count)
    }

    fn use_up(&mut self, age: Duration, issued: Duration, nonce: &Text, count: u32) -> Verdict {
        if !self.used.contains_key(nonce) {
            if self.used.len() >= self.capacity {
                let lifetime = self.lifetime;
                self.used
                    .retain(|_, used| age.saturating_sub(used.issued) <= lifetime);
            }
            // To forget a live nonce would be to let it be replayed.
            if self.used.len() >= self.capacity {
                return Verdict::Stale;
            }
        }
        let used = self.used.entry(nonce.compact()).or_insert(Used {
            issued,
            highest: 0,
            window: 0,
        });
        if used.admit(count) {
            Verdict::Right
        } else {
            Verdict::Stale
        }
    }

    /// The time since the first call, which is what nonces tell.
    fn age(&mut self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.start.get_or_insert(now))
    }

    /// The nonce that was issued to `peer` at `age` as the `number`-th.
    fn nonce(&self, age: Duration, number: u32, peer: IpAddr) -> String {
        let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let mut data = millis.to_be_bytes().to_vec();
        data.extend_from_slice(&number.to_be_bytes());
        match peer {
            IpAddr::V4(peer) => data.extend_from_slice(&peer.octets()),
            IpAddr::V6(peer) => data.extend_from_slice(&peer.octets()),
        }
        let proof = hexadecimal(&hmac(&self.key, &data)[..20]);
        format!("{millis:016x}{number:08x}{proof}")
    }

    /// When a nonce was issued, if it is ours and was issued to that peer.
    fn issued(&self, nonce: &str, peer: IpAddr) -> Option<Duration> {
        let millis = u64::from_str_radix(nonce.get(..16)?, 16).ok()?;
        let number = u32::from_str_radix(nonce.get(16..24)?, 16).ok()?;
        let issued = Duration::from_millis(millis);
        same(
            self.nonce(issued, number, peer).as_bytes(),
            nonce.as_bytes(),
        )
        .then_some(issued)
    }
}

impl std::fmt::Debug for Verifier {
    /// Keeps the key out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("realm", &self.realm)
            .field("used", &self.used.len())
            .finish_non_exhaustive()
    }
}

impl Used {
    /// Whether `count` was not used yet. Datagrams overtake each other, so that one below the highest is fine
    /// if it is near and new.
    fn admit(&mut self, count: u32) -> bool {
        if count == 0 {
            return false;
        }
        if count > self.highest {
            let shift = count - self.highest;
            self.window = self.window.checked_shl(shift).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let bit = match 1_u64.checked_shl(self.highest - count) {
            Some(bit) if self.window & bit == 0 => bit,
            _ => return false,
        };
        self.window |= bit;
        true
    }
}

/// HMAC-SHA-256 (RFC 2104) with a key shorter than a block.
fn hmac(key: &[u8; 32], data: &[u8]) -> [u8; 32] {
    let mut inner = [0x36; 64];
    let mut outer = [0x5c; 64];
    for (index, byte) in key.iter().enumerate() {
        inner[index] ^= byte;
        outer[index] ^= byte;
    }
    let inner = Sha256::new()
        .chain_update(inner)
        .chain_update(data)
        .finalize();
    Sha256::new()
        .chain_update(outer)
        .chain_update(inner)
        .finalize()
        .into()
}

/// Compares in a time that does not tell where the difference is.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Seed;

    fn challenge(realm: &'static str, nonce: &'static str, algorithm: Algorithm) -> Challenge {
        Challenge {
            realm: Text::from_static(realm),
            nonce: Text::from_static(nonce),
            opaque: None,
            stale: false,
            algorithm,
            qop: true,
        }
    }

    #[test]
    fn rfc7616_3_9_1_md5_and_sha256() {
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                Algorithm::Sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let answer = challenge(
                "http-auth@example.org",
                "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                algorithm,
            )
            .respond(
                "Mufasa",
                Secret::Password("Circle of Life"),
                "GET",
                "/dir/index.html",
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                1,
            );
            assert_eq!(answer.response, expected);
        }
    }

    #[test]
    fn rfc2617_3_5_example() {
        let answer = challenge(
            "testrealm@host.com",
            "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            Algorithm::Md5,
        )
        .respond(
            "Mufasa",
            Secret::Password("Circle Of Life"),
            "GET",
            "/dir/index.html",
            "0a4f113b",
            1,
        );
        assert_eq!(answer.response, "6629fae49393a05397450978507c4ef1");
        // What a server stores gives the same.
        let hashed = Algorithm::Md5.hash(&["Mufasa", "testrealm@host.com", "Circle Of Life"]);
        assert_eq!(hashed, "939e7578ed9e3c518a452acee763bce9");
        assert_eq!(
            answer.expected(Secret::Hashed(&hashed), "GET"),
            answer.response.as_str()
        );
    }

    #[test]
    fn rfc4231_hmac() {
        // Test case 1 of RFC 4231 has a key of 20 bytes, which zeros lengthen without changing the result.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        assert_eq!(
            hexadecimal(&hmac(&key, b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }

    #[test]
    fn every_algorithm_is_found_by_its_name() {
        for algorithm in Algorithm::ALL {
            assert_eq!(
                Algorithm::named(&algorithm.name().to_lowercase()),
                Some(algorithm)
            );
        }
        assert!(Algorithm::Sha256 > Algorithm::Md5Session);
    }

    fn verifier() -> (Verifier, Instant, IpAddr) {
        let mut ids = Ids::new(Seed::from_number(3));
        (
            Verifier::new(Text::from_static("example.com"), &mut ids),
            Instant::now(),
            IpAddr::from([192, 0, 2, 1]),
        )
    }

    fn answer(challenge: &Challenge, password: &str, count: u32) -> Answer {
        challenge.respond(
            "alice",
            Secret::Password(password),
            "REGISTER",
            "sip:example.com",
            "abc",
            count,
        )
    }

    #[test]
    fn a_right_answer_counts_once() {
        let (mut verifier, now, peer) = verifier();
        let secret = Secret::Password("wonderland");
        for challenge in verifier.challenges(now, peer, false) {
            let right = answer(&challenge, "wonderland", 1);
            let wrong = answer(&challenge, "looking-glass", 2);
            let mut verify = |answer| verifier.verify(now, peer, answer, "REGISTER", secret);
            let first = verify(&right);
            // Both challenges carry one nonce, and a count is spent for both.
            assert_eq!(
                first,
                if challenge.algorithm == Algorithm::Md5 {
                    Verdict::Right
                } else {
                    Verdict::Stale
                }
            );
            assert_eq!(verify(&right), Verdict::Stale);
            assert_eq!(verify(&wrong), Verdict::Wrong);
        }
    }

    #[test]
    fn counts_may_overtake_each_other_but_never_repeat() {
        let (mut verifier, now, peer) = verifier();
        let challenge = verifier.challenges(now, peer, false).remove(0);
        let mut accepted = Vec::new();
        for round in 0..10_000_u32 {
            // Out of order within eight, and again and again.
            let count = 1 + (round / 3) ^ (round % 7);
            let verdict = verifier.verify(
                now,
                peer,
                &answer(&challenge, "wonderland", count),
                "REGISTER",
                Secret::Password("wonderland"),
            );
            if verdict == Verdict::Right {
                accepted.push(count);
            }
        }
        let all = accepted.len();
        accepted.sort_unstable();
        accepted.dedup();
        assert_eq!(accepted.len(), all);
        assert!(all > 3000, "{all}");
    }

    #[test]
    fn an_old_or_foreign_nonce_is_stale_and_says_nothing_to_who_does_not_know_the_secret() {
        let (mut verifier, now, peer) = verifier();
        let challenge = verifier.challenges(now, peer, false).remove(0);
        let mut verify = |at, from, password| {
            verifier.verify(
                at,
                from,
                &answer(&challenge, password, 1),
                "REGISTER",
                Secret::Password("wonderland"),
            )
        };
        let late = now + Duration::from_secs(301);
        let elsewhere = IpAddr::from([192, 0, 2, 2]);
        assert_eq!(verify(late, peer, "wonderland"), Verdict::Stale);
        assert_eq!(verify(now, elsewhere, "wonderland"), Verdict::Stale);
        assert_eq!(verify(late, peer, "wrong"), Verdict::Wrong);
        assert_eq!(verify(now, peer, "wonderland"), Verdict::Right);
    }

    #[test]
    fn the_first_challenge_is_one_that_every_client_knows() {
        let (mut verifier, now, peer) = verifier();
        let offered = verifier.challenges(now, peer, false);
        let algorithms: Vec<_> = offered.iter().map(|offer| offer.algorithm).collect();
        assert_eq!(algorithms, [Algorithm::Md5, Algorithm::Sha256]);
    }

    #[test]
    fn an_answer_without_qop_is_refused() {
        let (mut verifier, now, peer) = verifier();
        let mut challenge = verifier.challenges(now, peer, false).remove(0);
        challenge.qop = false;
        let answer = answer(&challenge, "wonderland", 1);
        assert_eq!(answer.protection, None);
        let verdict = verifier.verify(
            now,
            peer,
            &answer,
            "REGISTER",
            Secret::Password("wonderland"),
        );
        assert_eq!(verdict, Verdict::Wrong);
    }

    #[test]
    fn challenges_and_answers_there_and_back() {
        for qop in [true, false] {
            for algorithm in Algorithm::ALL {
                let mut challenge = challenge("a\"b\\c", "n", algorithm);
                challenge.opaque = Some(Text::from_static("o"));
                challenge.stale = true;
                challenge.qop = qop;
                assert_eq!(
                    Challenge::read(&challenge.header()),
                    Some(challenge.clone())
                );
                let answer = answer(&challenge, "wonderland", 0x1a);
                assert_eq!(Answer::read(&answer.header()), Some(answer));
            }
        }
    }

    #[test]
    fn what_we_cannot_answer_is_no_challenge() {
        for text in [
            "Basic realm=\"x\"",
            "Digest realm=\"x\", nonce=\"y\", algorithm=ROT13",
            "Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\"",
            "Digest realm=\"x\"",
        ] {
            let header = WwwAuthenticate::parse(&Text::from(text)).unwrap();
            assert_eq!(Challenge::read(&header), None, "{text}");
        }
        let header = WwwAuthenticate::parse(&Text::from(
            "Digest realm=x, nonce=\"y\", qop=\"auth-int, AUTH\", stale=TRUE",
        ));
        let challenge = Challenge::read(&header.unwrap()).unwrap();
        assert!(challenge.qop && challenge.stale && challenge.algorithm == Algorithm::Md5);
    }
}
