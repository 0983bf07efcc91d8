//! Addresses that lead to one device from anywhere: GRUUs (RFC 5627 §5).
//!
//! A public one is the address of record with the name of the device. A temporary one tells nobody whose it is, and
//! nothing is stored for it: it is the user, encrypted, with a keyed hash over what it stands and falls with. So it is
//! good for as long as its device stays registered under one Call-ID, and no longer (RFC 5627 §3.1.2).

use super::{Binding, Bindings};
use crate::engine::Ids;
use crate::sip::digest::{hmac, same};
use crate::sip::msg::Uri;
use crate::sip::msg::uri::SipUri;
use crate::wire::Text;
use sha2::Sha256;

/// The device that a GRUU is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gruu {
    /// The device with this instance, of the user with this address of record ([`Uri::aor`]). Whether it is
    /// registered now is for the caller to see; if not, the answer is 480 (RFC 5627 §5.3).
    Device {
        /// Whose it is.
        aor: Text,
        /// Its `+sip.instance`, without quotes and angle brackets.
        instance: Text,
    },
    /// A temporary GRUU that leads nowhere, or not any more: the answer is 404 (RFC 5627 §5.3).
    Unknown,
}

/// What temporary GRUUs are made with.
pub(super) struct Mint {
    key: [u8; 32],
}

impl std::fmt::Debug for Mint {
    /// Keeps the key out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mint(..)")
    }
}

/// What the user part of a temporary GRUU begins with.
const PREFIX: &str = "tgruu.";

/// Bytes of the hash in a temporary GRUU.
const HASH: usize = 16;

/// What is encrypted is filled up to a multiple of this, so that its length does not give a name away.
const BLOCK: usize = 16;

impl Mint {
    pub(super) fn new(ids: &mut Ids) -> Self {
        let mut key = [0; 32];
        for chunk in key.chunks_mut(8) {
            chunk.copy_from_slice(&ids.number().to_le_bytes());
        }
        Self { key }
    }

    /// What a temporary GRUU of a binding is known by: another one for each REGISTER.
    fn hash(&self, aor: &str, instance: &str, call_id: &str, cseq: u32) -> [u8; HASH] {
        let mut data = vec![b'h'];
        for part in [aor, instance, call_id] {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data.extend_from_slice(&cseq.to_be_bytes());
        let mut hash = [0; HASH];
        hash.iter_mut()
            .zip(hmac::<Sha256>(&self.key, &data))
            .for_each(|(to, from)| *to = from);
        hash
    }

    /// Encrypts, or the inverse: the hash is another one for each text.
    fn cipher(&self, hash: &[u8], text: &mut [u8]) {
        for (number, block) in text.chunks_mut(32).enumerate() {
            let mut data = vec![b'c'];
            data.extend_from_slice(hash);
            data.extend_from_slice(&(number as u64).to_be_bytes());
            for (byte, key) in block.iter_mut().zip(hmac::<Sha256>(&self.key, &data)) {
                *byte ^= key;
            }
        }
    }

    /// The temporary GRUU of a binding, whose user must have a SIP address.
    pub(super) fn temporary(&self, aor: &str, binding: &Binding) -> Option<Uri> {
        let instance = binding.instance.as_ref()?;
        let of: Uri = aor.parse().ok()?;
        let of = of.as_sip()?;
        let hash = self.hash(aor, instance, &binding.call_id, binding.cseq);
        let mut text = binding.cseq.to_be_bytes().to_vec();
        text.extend_from_slice(of.user.as_ref()?.as_bytes());
        text.resize(text.len().next_multiple_of(BLOCK), 0);
        self.cipher(&hash, &mut text);
        let token = write_base32(&[&hash[..], &text].concat());
        let mut gruu = SipUri::new(of.host.clone()).with_user(&format!("{PREFIX}{token}"));
        gruu.set_param("gr", None);
        Some(Uri::Sip(gruu))
    }

    /// Whose a temporary GRUU may be: the hash, the address of record, and the number of the REGISTER.
    fn open(&self, uri: &SipUri) -> Option<(Vec<u8>, Text, u32)> {
        let token = uri.user.as_ref()?.strip_prefix(PREFIX)?;
        let mut hash = read_base32(token)?;
        if hash.len() < HASH {
            return None;
        }
        let mut text = hash.split_off(HASH);
        self.cipher(&hash, &mut text);
        let (cseq, user) = text.split_first_chunk::<4>()?;
        let user = std::str::from_utf8(user).ok()?.trim_end_matches('\0');
        let host = uri.host.host.to_string().to_ascii_lowercase();
        let aor = Text::from(format!("sip:{user}@{host}"));
        Some((hash, aor, u32::from_be_bytes(*cseq)))
    }
}

/// The public GRUU of a device of a user (RFC 5627 §3.1.1).
pub(super) fn public(aor: &Uri, instance: &str) -> Option<Uri> {
    let of = aor.as_sip()?;
    let mut gruu = SipUri::new(of.host.clone());
    gruu.user = Some(of.user.clone()?);
    gruu.set_param("gr", Some(instance));
    Some(Uri::Sip(gruu))
}

impl Bindings {
    /// The device that a GRUU of this registrar's is for; `None` if the URI is no GRUU.
    pub fn gruu(&self, uri: &Uri) -> Option<Gruu> {
        let sip = uri.as_sip()?;
        if !sip.has_param("gr") {
            return None;
        }
        if let Some(instance) = sip.gruu()
            && !instance.is_empty()
        {
            return Some(Gruu::Device {
                aor: uri.aor(),
                instance: Text::from(instance.as_ref()),
            });
        }
        let Some((hash, aor, cseq)) = self.mint.open(sip) else {
            return Some(Gruu::Unknown);
        };
        let instance = self.of(&aor).iter().find_map(|binding| {
            let instance = binding.instance.as_ref()?;
            let own = self.mint.hash(&aor, instance, &binding.call_id, cseq);
            same(&own, &hash).then(|| instance.clone())
        });
        Some(match instance {
            Some(instance) => Gruu::Device { aor, instance },
            None => Gruu::Unknown,
        })
    }
}

/// Letters that stay themselves where a peer folds case.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn write_base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut bits, mut count) = (0_u16, 0);
    for byte in bytes {
        bits = bits << 8 | u16::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            out.push(char::from(ALPHABET[usize::from(bits >> count & 31)]));
        }
        // No more than what is left over, so that nothing is shifted out.
        bits &= 31;
    }
    if count > 0 {
        out.push(char::from(ALPHABET[usize::from(bits << (5 - count) & 31)]));
    }
    out
}

fn read_base32(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 5 / 8);
    let (mut bits, mut count) = (0_u16, 0);
    for letter in text.bytes() {
        let letter = letter.to_ascii_lowercase();
        let value = ALPHABET.iter().position(|known| *known == letter)?;
        bits = bits << 5 | u16::try_from(value).ok()?;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 255).ok()?);
        }
        bits &= 255;
    }
    Some(out)
}
