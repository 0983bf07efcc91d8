//! Milenage: what a SIM and its network compute for AKA (3GPP TS 35.206).
//!
//! [`Milenage`] is the functions f1 to f5* over one key. [`Sim`] answers what a network asks
//! ([`Event::SimAsked`](crate::sip::Event::SimAsked)) where the key is at hand, as in tests and in soft SIMs; on the
//! network's side [`Milenage::vector`] makes the vectors of a [`Verifier`](super::aka::Verifier).

use super::aka::{Question, Reaction, Vector};
use super::verifier::same;
use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

type Block = [u8; 16];

/// The functions of one subscriber.
#[derive(Clone)]
pub struct Milenage {
    cipher: Aes128,
    opc: Block,
}

impl std::fmt::Debug for Milenage {
    /// Keeps the keys out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Milenage").finish_non_exhaustive()
    }
}

/// What f2 to f5* make of a RAND.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// f2: RES.
    pub res: [u8; 8],
    /// f3: CK.
    pub ck: Block,
    /// f4: IK.
    pub ik: Block,
    /// f5: AK, which hides the sequence number.
    pub ak: [u8; 6],
    /// f5*: AK of a resynchronisation.
    pub ak_star: [u8; 6],
}

impl std::fmt::Debug for Outcome {
    /// Keeps the keys out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outcome").finish_non_exhaustive()
    }
}

impl Milenage {
    /// With K, and OPc, which an operator derives for each subscriber.
    pub fn new(k: &Block, opc: Block) -> Self {
        let cipher = Aes128::new(&(*k).into());
        Self { cipher, opc }
    }

    /// With K, and OP, which all subscribers of an operator have in common (TS 35.206 §4.1).
    pub fn with_op(k: &Block, op: &Block) -> Self {
        let mut this = Self::new(k, *op);
        this.opc = xor(this.encrypt(*op), op);
        this
    }

    /// OPc.
    pub const fn opc(&self) -> &Block {
        &self.opc
    }

    /// f1 and f1*: MAC-A, by which the network proves itself, and MAC-S, by which the SIM does when it is out of step.
    /// The sequence number has 48 bits.
    pub fn macs(&self, rand: &Block, sqn: u64, amf: [u8; 2]) -> ([u8; 8], [u8; 8]) {
        let mut input = [0; 16];
        let half = sqn_bytes(sqn).into_iter().chain(amf);
        let twice = half.clone().chain(half);
        input
            .iter_mut()
            .zip(twice)
            .for_each(|(to, from)| *to = from);
        let turned = xor(input, &self.opc);
        // r1 is 64 bits, c1 is nothing.
        let turned = rotate(turned, 8);
        let out = xor(self.encrypt(xor(self.temp(rand), &turned)), &self.opc);
        (part(&out, 0), part(&out, 8))
    }

    /// f2 to f5*.
    pub fn outcome(&self, rand: &Block) -> Outcome {
        let temp = xor(self.temp(rand), &self.opc);
        let out = |turn: usize, constant: u8| {
            let mut input = rotate(temp, turn);
            if let Some(last) = input.last_mut() {
                *last ^= constant;
            }
            xor(self.encrypt(input), &self.opc)
        };
        let second = out(0, 1);
        Outcome {
            res: part(&second, 8),
            ck: out(4, 2),
            ik: out(8, 4),
            ak: part(&second, 0),
            ak_star: part(&out(12, 8), 0),
        }
    }

    /// The network's side: a question, and what the SIM will say to it (TS 33.102 §6.3.2). `sqn` has 48 bits and must
    /// not have been used before; the last five of them are an index that may count round (TS 33.102 C.3).
    pub fn vector(&self, rand: Block, sqn: u64, amf: [u8; 2]) -> Vector {
        let Outcome {
            res, ck, ik, ak, ..
        } = self.outcome(&rand);
        let (mac, _) = self.macs(&rand, sqn, amf);
        let mut autn = [0; 16];
        let hidden = sqn_bytes(sqn).into_iter().zip(ak).map(|(sqn, ak)| sqn ^ ak);
        let all = hidden.chain(amf).chain(mac);
        autn.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        Vector {
            question: Question { rand, autn },
            xres: res.to_vec(),
            ck,
            ik,
        }
    }

    /// The sequence number that a SIM is at, of its AUTS (TS 33.102 §6.3.5); `None` if it is not this SIM's.
    pub fn resynchronise(&self, rand: &Block, auts: &[u8; 14]) -> Option<u64> {
        let (hidden, mac) = auts.split_first_chunk::<6>()?;
        let sqn = sqn_of(hidden, &self.outcome(rand).ak_star);
        let (_, expected) = self.macs(rand, sqn, [0; 2]);
        same(&expected, mac).then_some(sqn)
    }

    fn temp(&self, rand: &Block) -> Block {
        self.encrypt(xor(*rand, &self.opc))
    }

    fn encrypt(&self, block: Block) -> Block {
        let mut block = block.into();
        self.cipher.encrypt_block(&mut block);
        block.into()
    }
}

/// A SIM in software: it answers what a network asks, and remembers which questions it had (TS 33.102 C.2).
#[derive(Clone, Debug)]
pub struct Sim {
    functions: Milenage,
    /// The highest SEQ for each index.
    seen: [u64; 32],
}

/// How far a sequence number may be ahead (TS 33.102 C.2.1).
const AHEAD: u64 = 1 << 28;

impl Sim {
    /// A SIM that has taken `sqn` last; zero for one that is new.
    pub const fn new(functions: Milenage, sqn: u64) -> Self {
        let seen = [sqn >> 5; 32];
        Self { functions, seen }
    }

    /// The highest sequence number that it has taken, for the next run.
    pub fn sqn(&self) -> u64 {
        let mut all = (0..).zip(self.seen);
        all.by_ref()
            .map(|(index, seq): (u64, u64)| seq << 5 | index)
            .max()
            .unwrap_or_default()
    }

    /// What it says to a question, which it takes once.
    pub fn answer(&mut self, question: &Question) -> Reaction {
        let rand = &question.rand;
        let Outcome {
            res,
            ck,
            ik,
            ak,
            ak_star,
        } = self.functions.outcome(rand);
        let (hidden, amf, mac) = (
            part::<6>(&question.autn, 0),
            part::<2>(&question.autn, 6),
            part::<8>(&question.autn, 8),
        );
        let sqn = sqn_of(&hidden, &ak);
        let (expected, _) = self.functions.macs(rand, sqn, amf);
        if !same(&expected, &mac) {
            return Reaction::Refusal;
        }
        let (seq, own) = (sqn >> 5, self.sqn());
        let index = usize::try_from(sqn & 31).unwrap_or_default();
        let last = self.seen.get(index).copied().unwrap_or_default();
        if seq <= last || seq > (own >> 5).saturating_add(AHEAD) {
            let (_, mac) = self.functions.macs(rand, own, [0; 2]);
            let hidden = sqn_bytes(own).into_iter().zip(ak_star);
            let all = hidden.map(|(sqn, ak)| sqn ^ ak).chain(mac);
            let mut auts = [0; 14];
            auts.iter_mut().zip(all).for_each(|(to, from)| *to = from);
            return Reaction::OutOfStep(auts);
        }
        if let Some(last) = self.seen.get_mut(index) {
            *last = seq;
        }
        Reaction::Result {
            res: res.to_vec(),
            ck,
            ik,
        }
    }
}

fn xor(mut one: Block, other: &Block) -> Block {
    one.iter_mut()
        .zip(other)
        .for_each(|(one, other)| *one ^= other);
    one
}

/// Turned to the left by that many bytes.
fn rotate(mut block: Block, by: usize) -> Block {
    block.rotate_left(by);
    block
}

/// `N` bytes from `at` on.
fn part<const N: usize>(block: &Block, at: usize) -> [u8; N] {
    let mut part = [0; N];
    (part.iter_mut().zip(block.iter().skip(at))).for_each(|(to, from)| *to = *from);
    part
}

/// 48 bits.
fn sqn_bytes(sqn: u64) -> [u8; 6] {
    let [_, _, rest @ ..] = sqn.to_be_bytes();
    rest
}

fn sqn_of(hidden: &[u8; 6], ak: &[u8; 6]) -> u64 {
    let bytes = hidden.iter().zip(ak).map(|(hidden, ak)| hidden ^ ak);
    bytes.fold(0, |sqn, byte| sqn << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let mut out = [0; N];
        for (index, byte) in out.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap();
        }
        out
    }

    const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
    const OP: &str = "cdc202d5123e20f62b6d676ac72cb318";
    const RAND: &str = "23553cbe9637a89d218ae64dae47bf35";
    const SQN: u64 = 0xff9b_b4d0_b607;

    fn set_1() -> Milenage {
        Milenage::with_op(&hex(K), &hex(OP))
    }

    #[test]
    fn ts35207_test_set_1() {
        let functions = set_1();
        assert_eq!(*functions.opc(), hex("cd63cb71954a9f4e48a5994e37a02baf"));
        let (mac_a, mac_s) = functions.macs(&hex(RAND), SQN, hex("b9b9"));
        assert_eq!(mac_a, hex("4a9ffac354dfafb3"));
        assert_eq!(mac_s, hex("01cfaf9ec4e871e9"));
        let outcome = functions.outcome(&hex(RAND));
        assert_eq!(outcome.res, hex("a54211d5e3ba50bf"));
        assert_eq!(outcome.ck, hex("b40ba9a3c58b2a05bbf0d987b21bf8cb"));
        assert_eq!(outcome.ik, hex("f769bcd751044604127672711c6d3441"));
        assert_eq!(outcome.ak, hex("aa689c648370"));
        assert_eq!(outcome.ak_star, hex("451e8beca43b"));
        let again = Milenage::new(&hex(K), *functions.opc());
        assert_eq!(again.outcome(&hex(RAND)), outcome);
    }

    #[test]
    fn ts33102_6_3_3_a_sim_takes_each_question_once_and_only_of_its_network() {
        let network = set_1();
        let mut sim = Sim::new(set_1(), 0);
        let vector = network.vector(hex(RAND), 33, hex("8000"));
        let Reaction::Result { res, ck, ik } = sim.answer(&vector.question) else {
            panic!("no answer")
        };
        assert_eq!((res, ck, ik), (vector.xres.clone(), vector.ck, vector.ik));
        // The same once more: the network is told where the SIM is (§6.3.5).
        let Reaction::OutOfStep(auts) = sim.answer(&vector.question) else {
            panic!("taken twice")
        };
        assert_eq!(network.resynchronise(&hex(RAND), &auts), Some(33));
        assert_eq!(sim.sqn(), 33);
        let mut forged = auts;
        forged[13] ^= 1;
        assert_eq!(network.resynchronise(&hex(RAND), &forged), None);
        // Questions may overtake each other by their index (C.2.2), but not jump too far ahead.
        for (sqn, is_taken) in [
            (66, true),
            (35, true),
            (35, false),
            ((AHEAD + 9) << 5, false),
        ] {
            let vector = network.vector(hex(RAND), sqn, [0; 2]);
            let taken = matches!(sim.answer(&vector.question), Reaction::Result { .. });
            assert_eq!(taken, is_taken, "{sqn}");
        }
        // Somebody else's network.
        let stranger = Milenage::with_op(&[7; 16], &hex(OP));
        let vector = stranger.vector(hex(RAND), 999, [0; 2]);
        assert!(matches!(sim.answer(&vector.question), Reaction::Refusal));
    }
}
