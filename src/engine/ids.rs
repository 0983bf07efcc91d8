//! One seed, from which every identifier is drawn.

use super::map::{Keyed, Map, Set};
use crate::wire::Text;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::time::Duration;

/// 256 bits of chance, given once at construction.
///
/// The driver makes one from the operating system; a test passes a constant, and the same seed with the
/// same inputs gives the same bytes on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// A seed that spells out one number, for tests and simulations. Anybody can guess what it yields.
    pub fn from_number(number: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Self(bytes)
    }
}

impl std::fmt::Debug for Seed {
    /// Keeps the seed out of logs: who knows it knows every identifier to come.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// The source of every tag, branch, Call-ID, session id and message id: a ChaCha stream, since an
/// attacker must not guess the next one from those already seen (RFC 4975 §14.1, RFC 3261 §19.3).
pub struct Ids {
    stream: ChaCha12Rng,
}

impl Ids {
    /// The stream of `seed`.
    pub fn new(seed: Seed) -> Self {
        Self {
            stream: ChaCha12Rng::from_seed(seed.0),
        }
    }

    /// A token of `N` characters of `[0-9a-zA-Z]`-like alphabet, 5 bits each: lower-case letters and
    /// digits only, so that it stays itself where a peer folds case.
    fn token<const N: usize>(&mut self) -> Text {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut random = [0; N];
        self.stream.fill_bytes(&mut random);
        let token = random.map(|byte| ALPHABET[usize::from(byte & 31)]);
        Text::from(str::from_utf8(&token).unwrap_or_default())
    }

    /// A From or To tag: 80 bits (RFC 3261 §19.3 asks for at least 32).
    pub fn tag(&mut self) -> Text {
        self.token::<16>()
    }

    /// The part of a Via branch after the magic cookie: 80 bits (RFC 3261 §8.1.1.7).
    pub fn branch(&mut self) -> Text {
        self.token::<16>()
    }

    /// A Call-ID without a host part: 125 bits (RFC 3261 §8.1.1.4).
    pub fn call_id(&mut self) -> Text {
        self.token::<25>()
    }

    /// An MSRP session-id: 125 bits, where RFC 4975 §14.1 asks for at least 80.
    pub fn session_id(&mut self) -> Text {
        self.token::<25>()
    }

    /// An MSRP transaction id: 80 bits, where RFC 4975 §7.1 asks for at least 64.
    pub fn transaction_id(&mut self) -> Text {
        self.token::<16>()
    }

    /// A message id for MSRP or IMDN: 100 bits, where RFC 5438 §6.3 asks for at least 64.
    pub fn message_id(&mut self) -> Text {
        self.token::<20>()
    }

    /// A nonce or other secret value: 160 bits.
    pub fn nonce(&mut self) -> Text {
        self.token::<32>()
    }

    /// A version 4 UUID made of the stream's own bytes (RFC 9562 §5.4).
    pub fn uuid(&mut self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        self.stream.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// 64 bits.
    pub fn number(&mut self) -> u64 {
        self.stream.next_u64()
    }

    /// A number in `0..bound`; 0 if `bound` is 0. The bias of at most `bound / 2^64` does not matter for
    /// back-off and simulation, which are all it is for.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.number()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A duration in `from..=to`, in steps of a millisecond.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let span = u64::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u64::MAX - 1);
        from + Duration::from_millis(self.below(span.saturating_add(1)))
    }

    /// A hash map whose keys a peer cannot make collide.
    pub fn map<K, V>(&mut self) -> Map<K, V> {
        Map::with_hasher(self.keyed())
    }

    /// A hash set whose members a peer cannot make collide.
    pub fn set<T>(&mut self) -> Set<T> {
        Set::with_hasher(self.keyed())
    }

    fn keyed(&mut self) -> Keyed {
        Keyed::new(self.number(), self.number())
    }
}

impl std::fmt::Debug for Ids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ids(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let draw = |number| {
            let mut ids = Ids::new(Seed::from_number(number));
            (ids.tag(), ids.session_id(), ids.uuid())
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn below_stays_below() {
        let mut ids = Ids::new(Seed::from_number(1));
        assert!((0..1000).all(|_| ids.below(3) < 3));
        assert_eq!(ids.below(0), 0);
    }
}
