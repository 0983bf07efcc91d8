//! Digest authentication (RFC 7616, RFC 2617; in SIP: RFC 3261 §22, RFC 8760).
//!
//! Both sides as pure rules: a [`Challenge`] and a secret make an [`Answer`]; a [`Verifier`] makes challenges and
//! tells right answers from wrong ones. A secret never leaves the caller's hands except into a hash.

pub mod aka;
mod answer;
mod challenge;
mod info;
#[cfg(feature = "milenage")]
#[cfg_attr(docsrs, doc(cfg(feature = "milenage")))]
pub mod milenage;
#[cfg(test)]
mod tests;
mod verifier;

pub use answer::{Answer, Protection};
pub use challenge::Challenge;
pub use info::Info;
pub use verifier::{Integrity, Verdict, Verifier};
pub(super) use verifier::{hmac, same};

use crate::sip::msg::Request;
use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use std::fmt::Write;

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
    /// `AKAv1-MD5`: what a SIM answers (RFC 3310); see [`aka`].
    AkaV1Md5,
    /// `AKAv2-MD5` (RFC 4169).
    AkaV2Md5,
}

impl Algorithm {
    const ALL: [Self; 8] = [
        Self::Md5,
        Self::Md5Session,
        Self::Sha256,
        Self::Sha256Session,
        Self::Sha512_256,
        Self::Sha512_256Session,
        Self::AkaV1Md5,
        Self::AkaV2Md5,
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
            Self::AkaV1Md5 => "AKAv1-MD5",
            Self::AkaV2Md5 => "AKAv2-MD5",
        }
    }

    /// The algorithm of that name, in whatever case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Whether a SIM answers it, and no password does.
    pub const fn is_aka(self) -> bool {
        matches!(self, Self::AkaV1Md5 | Self::AkaV2Md5)
    }

    const fn is_session(self) -> bool {
        matches!(
            self,
            Self::Md5Session | Self::Sha256Session | Self::Sha512_256Session
        )
    }

    /// The hash of the parts with a colon between them, in hexadecimal.
    fn hash(self, parts: &[&str]) -> String {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        self.hash_bytes(&parts)
    }

    fn hash_bytes(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 | Self::Md5Session | Self::AkaV1Md5 | Self::AkaV2Md5 => joined::<Md5>(parts),
            Self::Sha256 | Self::Sha256Session => joined::<Sha256>(parts),
            Self::Sha512_256 | Self::Sha512_256Session => joined::<Sha512_256>(parts),
        }
    }
}

fn joined<D: Digest>(parts: &[&[u8]]) -> String {
    let mut hash = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(part);
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
    /// A password that is no text, as the one of AKA is ([`aka::password`]).
    Bytes(&'a [u8]),
}

/// What a proof is for: the method, and the body, which `qop=auth-int` protects as well.
///
/// ```
/// # use cpm::sip::digest::Asked;
/// let without_body: Asked<'_> = "REGISTER".into();
/// assert!(without_body.body.is_empty());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The body of the request.
    pub body: &'a [u8],
}

impl<'a> From<&'a str> for Asked<'a> {
    fn from(method: &'a str) -> Self {
        Self { method, body: &[] }
    }
}

impl<'a> From<&'a Request> for Asked<'a> {
    fn from(request: &'a Request) -> Self {
        Self {
            method: request.method().as_str(),
            body: request.body(),
        }
    }
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
            Self::Bytes(password) => {
                algorithm.hash_bytes(&[user.as_bytes(), realm.as_bytes(), password])
            }
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
