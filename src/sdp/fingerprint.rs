//! Fingerprints of certificates (RFC 8122 §5).

use crate::wire::Text;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The value of a `fingerprint` attribute (RFC 8122 §5): `SHA-256 4A:AD:B9:…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// The name of the hash function, in lower case.
    hash: Text,
    digest: Vec<u8>,
}

impl Fingerprint {
    /// That of a certificate in DER, by SHA-256.
    pub fn of(certificate: &[u8]) -> Self {
        Self {
            hash: Text::from_static("sha-256"),
            digest: Sha256::digest(certificate).to_vec(),
        }
    }

    /// Reads the value of the attribute, in any case; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (hash, digits) = text.trim().split_once(' ')?;
        let byte = |pair: &str| match pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit())
        {
            true => u8::from_str_radix(pair, 16).ok(),
            false => None,
        };
        let digest: Option<Vec<u8>> = digits.trim().split(':').map(byte).collect();
        let hash = Text::from(hash.to_ascii_lowercase());
        digest.map(|digest| Self { hash, digest })
    }

    /// One that fits no certificate: for what cannot be read.
    pub(crate) const fn unknown() -> Self {
        Self {
            hash: Text::from_static("unknown"),
            digest: Vec::new(),
        }
    }

    /// The name of the hash function, in lower case.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// How much the function is worth; `None` for one that is not known, or broken: MD5 and MD2 must not be used
    /// (RFC 8122 §5).
    fn rank(&self) -> Option<u8> {
        let known = ["sha-1", "sha-256", "sha-384", "sha-512"];
        let at = known.iter().position(|name| *name == self.hash())?;
        u8::try_from(at).ok()
    }

    /// Whether it is that of a certificate in DER.
    fn matches(&self, certificate: &[u8]) -> bool {
        match self.hash() {
            "sha-1" => Sha1::digest(certificate)[..] == self.digest[..],
            "sha-256" => Sha256::digest(certificate)[..] == self.digest[..],
            "sha-384" => Sha384::digest(certificate)[..] == self.digest[..],
            "sha-512" => Sha512::digest(certificate)[..] == self.digest[..],
            _ => false,
        }
    }

    /// Whether a certificate in DER is one of those described: by a fingerprint of the strongest function among them
    /// (RFC 8122 §5.1), so that a weak one beside it opens no door.
    pub fn admits(fingerprints: &[Self], certificate: &[u8]) -> bool {
        let Some(strongest) = fingerprints.iter().filter_map(Self::rank).max() else {
            return false;
        };
        fingerprints
            .iter()
            .filter(|each| each.rank() == Some(strongest))
            .any(|each| each.matches(certificate))
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.hash.to_ascii_uppercase())?;
        for (index, byte) in self.digest.iter().enumerate() {
            let separator = if index == 0 { ' ' } else { ':' };
            write!(f, "{separator}{byte:02X}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC_SHA1: &str = "SHA-1 A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D";
    const ABC_SHA256: &str = "SHA-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:\
                              96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";

    fn parse(text: &str) -> Fingerprint {
        Fingerprint::parse(text).unwrap()
    }

    #[test]
    fn rfc8122_5_a_fingerprint_both_ways() {
        for text in [ABC_SHA1, ABC_SHA256] {
            assert_eq!(parse(text).to_string(), text);
            assert_eq!(parse(&text.to_lowercase()), parse(text));
        }
        assert_eq!(Fingerprint::of(b"abc"), parse(ABC_SHA256));
        for bad in [
            "",
            "SHA-256",
            "SHA-256 ",
            "SHA-1 A",
            "SHA-1 A9:9",
            "SHA-1 +1:22",
            "SHA-1 A9 99",
        ] {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn rfc8122_5_1_the_strongest_function_decides() {
        let (weak, strong) = (parse(ABC_SHA1), parse(ABC_SHA256));
        assert!(Fingerprint::admits(std::slice::from_ref(&weak), b"abc"));
        assert!(Fingerprint::admits(&[weak.clone(), strong.clone()], b"abc"));
        assert!(!Fingerprint::admits(std::slice::from_ref(&strong), b"abd"));
        // The weak one fits, but there is a stronger.
        let other = Fingerprint::of(b"other");
        assert!(!Fingerprint::admits(&[weak, other.clone()], b"abc"));
        // Several certificates may be described.
        assert!(Fingerprint::admits(&[other, strong], b"abc"));
        // What is broken or not known admits nobody.
        assert!(!Fingerprint::admits(&[parse("MD5 90:01")], b"abc"));
        assert!(!Fingerprint::admits(&[], b"abc"));
    }
}
