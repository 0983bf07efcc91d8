//! Digest with the answers of a SIM: `AKAv1-MD5` (RFC 3310) and `AKAv2-MD5` (RFC 4169).
//!
//! The nonce of such a challenge carries what the network asks the SIM, RAND and AUTN; what the SIM makes of it takes
//! the place of the password. Who holds the SIM is asked by [`Event::SimAsked`](crate::sip::Event::SimAsked). On the
//! network's side a [`Vector`] comes from whoever knows the SIM's key.

use super::verifier::{Counts, hmac, same};
use super::{Algorithm, Answer, Asked, Challenge, Secret, Verdict};
use crate::wire::Text;
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use md5::Md5;

/// With or without the padding at the end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the network asks a SIM (3GPP TS 33.102).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// RAND.
    pub rand: [u8; 16],
    /// AUTN, by which the network proves itself to the SIM.
    pub autn: [u8; 16],
}

impl Question {
    /// The question in the nonce of a challenge (RFC 3310 §3.2); `None` if it is none of AKA, or too short.
    pub fn read(challenge: &Challenge) -> Option<Self> {
        if !challenge.algorithm.is_aka() {
            return None;
        }
        let bytes = LENIENT.decode(challenge.nonce.as_str()).ok()?;
        let (rand, rest) = bytes.split_first_chunk()?;
        Some(Self {
            rand: *rand,
            // What may follow is the server's own.
            autn: *rest.first_chunk()?,
        })
    }
}

/// What a SIM says to that.
#[derive(Clone, PartialEq, Eq)]
pub enum Reaction {
    /// RES, and the keys that belong to it.
    Result {
        /// RES, of 4 to 16 bytes.
        res: Vec<u8>,
        /// CK.
        ck: [u8; 16],
        /// IK.
        ik: [u8; 16],
    },
    /// The sequence number of the question is out of range: AUTS, by which the network finds back into step
    /// (RFC 3310 §3.4).
    OutOfStep([u8; 14]),
    /// The network did not prove itself, or there is no SIM: the challenge is not answered.
    Refusal,
}

impl std::fmt::Debug for Reaction {
    /// Keeps the keys out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Result { .. } => "Result(..)",
            Self::OutOfStep(_) => "OutOfStep(..)",
            Self::Refusal => "Refusal",
        })
    }
}

/// What takes the place of the password: RES itself (RFC 3310 §3.3), or what is derived from it and the keys
/// (RFC 4169 §3).
pub fn password(algorithm: Algorithm, res: &[u8], ck: &[u8; 16], ik: &[u8; 16]) -> Vec<u8> {
    if algorithm != Algorithm::AkaV2Md5 {
        return res.to_vec();
    }
    let key = [res, ik, ck].concat();
    let derived = hmac::<Md5>(&key, b"http-digest-akav2-password");
    STANDARD.encode(derived).into_bytes()
}

/// `auts` as it is written.
pub(crate) fn write_auts(auts: &[u8; 14]) -> Text {
    Text::from(STANDARD.encode(auts))
}

/// The AUTS of a SIM that is out of step, in an answer. Whoever knows its key checks it, and makes a new vector.
pub fn out_of_step(answer: &Answer) -> Option<[u8; 14]> {
    let bytes = LENIENT.decode(answer.auts.as_ref()?.as_str()).ok()?;
    bytes.try_into().ok()
}

/// An authentication vector: a question, and what the right SIM will say to it.
#[derive(Clone)]
pub struct Vector {
    /// What is asked.
    pub question: Question,
    /// XRES.
    pub xres: Vec<u8>,
    /// CK.
    pub ck: [u8; 16],
    /// IK.
    pub ik: [u8; 16],
}

impl std::fmt::Debug for Vector {
    /// Keeps the keys out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vector")
            .field("question", &self.question)
            .finish_non_exhaustive()
    }
}

/// The network's side of one vector, which is good for one nonce.
#[derive(Debug)]
pub struct Verifier {
    realm: Text,
    algorithm: Algorithm,
    vector: Vector,
    counts: Counts,
}

impl Verifier {
    /// A verifier for what the owner of one SIM will answer. An algorithm that is none of AKA is taken as
    /// [`Algorithm::AkaV1Md5`].
    pub fn new(realm: Text, algorithm: Algorithm, vector: Vector) -> Self {
        Self {
            realm,
            algorithm: if algorithm.is_aka() {
                algorithm
            } else {
                Algorithm::AkaV1Md5
            },
            vector,
            counts: Counts::default(),
        }
    }

    /// The challenge.
    pub fn challenge(&self) -> Challenge {
        let Question { rand, autn } = self.vector.question;
        Challenge {
            realm: self.realm.clone(),
            nonce: STANDARD.encode([rand, autn].concat()).into(),
            opaque: None,
            stale: false,
            algorithm: self.algorithm,
            qop: true,
            integrity: false,
            userhash: false,
        }
    }

    /// Whether an answer is that of the SIM. [`Verdict::Stale`] is a right one that came before, and one to another
    /// nonce. One that brings an [AUTS](out_of_step) is never right: make a new vector.
    pub fn verify<'a>(&mut self, answer: &Answer, asked: impl Into<Asked<'a>>) -> Verdict {
        let Vector { xres, ck, ik, .. } = &self.vector;
        let password = password(self.algorithm, xres, ck, ik);
        let expected = answer.expected(Secret::Bytes(&password), asked.into());
        let Some(protection) = answer.protection.as_ref().filter(|_| answer.auts.is_none()) else {
            return Verdict::Wrong;
        };
        let response = answer.response.to_ascii_lowercase();
        if answer.realm != self.realm
            || answer.algorithm != self.algorithm
            || protection.integrity
            || !same(expected.as_bytes(), response.as_bytes())
        {
            return Verdict::Wrong;
        }
        if answer.nonce == self.challenge().nonce && self.counts.admit(protection.count) {
            Verdict::Right
        } else {
            Verdict::Stale
        }
    }
}
