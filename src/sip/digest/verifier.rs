//! The server's side.

use super::{Algorithm, Answer, Asked, Challenge, Secret, hexadecimal};
use crate::engine::{Ids, Map};
use crate::wire::Text;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::time::{Duration, Instant};

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

/// Whether the bodies of requests are to be proved as well (`qop=auth-int`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Integrity {
    /// Only `auth` is offered. Proxies may have reasons to change a body.
    #[default]
    Unasked,
    /// The client may choose.
    Offered,
    /// Only `auth-int` is offered, and nothing else is right.
    Required,
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
    integrity: Integrity,
    /// By what is in a nonce of ours: when it was issued, in milliseconds, and as which.
    used: Map<(u64, u32), Used>,
    /// When those that are too old were last looked for.
    swept: Duration,
    /// With how many they are looked for as well, so that there are never many more than are live.
    sweep_at: usize,
}

/// What is remembered of a nonce.
#[derive(Debug)]
struct Used {
    counts: Counts,
}

/// Which counts of a nonce were used: the highest, and which of the 64 up to it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
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
            capacity: 262_144,
            algorithms: vec![Algorithm::Md5, Algorithm::Sha256],
            integrity: Integrity::default(),
            used: ids.map(),
            swept: Duration::ZERO,
            sweep_at: FEW,
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

    /// Sets whether bodies are covered; they are not unless it is called.
    pub const fn set_integrity(&mut self, integrity: Integrity) {
        self.integrity = integrity;
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
                qop: self.integrity != Integrity::Required,
                integrity: self.integrity != Integrity::Unasked,
                userhash: false,
            })
            .collect()
    }

    /// Whether a nonce is one that was issued to `peer` and can still be used, as far as can be told without the secret.
    /// Where it is not, nobody has to be asked for that: challenge again, with `stale`.
    pub fn is_fresh(&mut self, now: Instant, peer: IpAddr, nonce: &str) -> bool {
        let age = self.age(now);
        self.live(age, peer, nonce).is_some()
    }

    /// Whether the sender of a request knows the secret of the user it names.
    pub fn verify<'a>(
        &mut self,
        now: Instant,
        peer: IpAddr,
        answer: &Answer,
        asked: impl Into<Asked<'a>>,
        secret: Secret<'_>,
    ) -> Verdict {
        // Without a count an answer could be replayed.
        let Some(protection) = &answer.protection else {
            return Verdict::Wrong;
        };
        let is_fit = match self.integrity {
            Integrity::Unasked => !protection.integrity,
            Integrity::Offered => true,
            Integrity::Required => protection.integrity,
        };
        if !is_fit
            || answer.realm != self.realm
            || !self.algorithms.contains(&answer.algorithm)
            || !same(
                answer.expected(secret, asked.into()).as_bytes(),
                answer.response.to_ascii_lowercase().as_bytes(),
            )
        {
            return Verdict::Wrong;
        }
        let age = self.age(now);
        match self.live(age, peer, &answer.nonce) {
            Some(nonce) => self.use_up(age, nonce, protection.count),
            None => Verdict::Stale,
        }
    }

    /// When a nonce was issued to `peer`, and as which, if that is not too long ago.
    fn live(&self, age: Duration, peer: IpAddr, nonce: &str) -> Option<(u64, u32)> {
        let (millis, number) = self.issued(nonce, peer)?;
        let issued = Duration::from_millis(millis);
        (age.saturating_sub(issued) <= self.lifetime).then_some((millis, number))
    }

    fn use_up(&mut self, age: Duration, nonce: (u64, u32), count: u32) -> Verdict {
        if !self.used.contains_key(&nonce) {
            // Not at every request: it takes as long as there are many.
            let is_full = self.used.len() >= self.capacity && age >= self.swept + SWEEP;
            if is_full || self.used.len() >= self.sweep_at {
                self.swept = age;
                let lifetime = self.lifetime;
                let is_live =
                    |millis| age.saturating_sub(Duration::from_millis(millis)) <= lifetime;
                self.used.retain(|(millis, _), _| is_live(*millis));
                self.sweep_at = (2 * self.used.len()).max(FEW);
            }
            // To forget a live nonce would be to let it be replayed.
            if self.used.len() >= self.capacity {
                return Verdict::Stale;
            }
        }
        let used = self.used.entry(nonce).or_insert_with(|| Used {
            counts: Counts::default(),
        });
        if used.counts.admit(count) {
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
        let proof = hexadecimal(
            hmac::<Sha256>(&self.key, &data)
                .get(..12)
                .unwrap_or_default(),
        );
        format!("{millis:016x}{number:08x}{proof}")
    }

    /// When a nonce was issued, and as which, if it is ours and was issued to that peer.
    fn issued(&self, nonce: &str, peer: IpAddr) -> Option<(u64, u32)> {
        let millis = u64::from_str_radix(nonce.get(..16)?, 16).ok()?;
        let number = u32::from_str_radix(nonce.get(16..24)?, 16).ok()?;
        let issued = Duration::from_millis(millis);
        same(
            self.nonce(issued, number, peer).as_bytes(),
            nonce.as_bytes(),
        )
        .then_some((millis, number))
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

/// Nonces that are kept without a look at their age.
const FEW: usize = 64;

/// How long to wait between two looks for nonces that are too old.
const SWEEP: Duration = Duration::from_secs(1);

impl Counts {
    /// Whether `count` was not used yet. Datagrams overtake each other, so that one below the highest is fine
    /// if it is near and new.
    pub(super) fn admit(&mut self, count: u32) -> bool {
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

/// HMAC (RFC 2104) with a hash whose blocks have 64 bytes.
pub(in crate::sip) fn hmac<D: Digest>(key: &[u8], data: &[u8]) -> Vec<u8> {
    let hashed;
    let key = if key.len() > 64 {
        hashed = D::digest(key);
        &hashed[..]
    } else {
        key
    };
    let pad = |with: u8| {
        let mut block = [with; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let inner = D::new().chain_update(pad(0x36)).chain_update(data);
    let outer = D::new().chain_update(pad(0x5c));
    outer.chain_update(inner.finalize()).finalize().to_vec()
}

/// Compares in a time that does not tell where the difference is.
pub(in crate::sip) fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Seed;

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
    fn rfc4231_hmac() {
        assert_eq!(
            hexadecimal(&hmac::<Sha256>(&[0x0b; 20], b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
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
            let count = (1 + round / 3) ^ (round % 7);
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
    fn nonces_that_were_used_are_bounded_and_live_ones_are_not_forgotten() {
        let (mut verifier, start, peer) = verifier();
        verifier.capacity = 2;
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut use_one = |now| {
            let challenge = verifier.challenges(now, peer, false).remove(0);
            let answer = answer(&challenge, "wonderland", 1);
            let secret = Secret::Password("wonderland");
            verifier.verify(now, peer, &answer, "REGISTER", secret)
        };
        assert_eq!([use_one(at(0)), use_one(at(100))], [Verdict::Right; 2]);
        assert_eq!([use_one(at(101)), use_one(at(300))], [Verdict::Stale; 2]);
        assert_eq!(use_one(at(302)), Verdict::Right);
        assert_eq!(verifier.used.len(), 2);
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
    fn where_integrity_is_required_a_changed_body_is_wrong_and_so_is_auth_alone() {
        let (mut verifier, now, peer) = verifier();
        verifier.set_integrity(Integrity::Required);
        let asked = |body| Asked {
            method: "MESSAGE",
            body,
        };
        let mut challenge = verifier.challenges(now, peer, false).remove(0);
        assert_eq!(challenge.header().params.value("qop"), Some("auth-int"));
        let secret = Secret::Password("wonderland");
        let mut verify = |challenge: &Challenge, said, count| {
            let answer = challenge.respond("alice", secret, asked(b"hi"), "sip:x", "c", count);
            verifier.verify(now, peer, &answer, asked(said), secret)
        };
        assert_eq!(verify(&challenge, b"ho", 1), Verdict::Wrong);
        assert_eq!(verify(&challenge, b"hi", 1), Verdict::Right);
        (challenge.qop, challenge.integrity) = (true, false);
        assert_eq!(verify(&challenge, b"hi", 2), Verdict::Wrong);
    }
}
