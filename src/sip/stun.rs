//! STUN Binding (RFC 8489) on the port of SIP: how a flow over UDP is kept alive, and how its end is noticed
//! (RFC 5626 §4.4.2).
//!
//! That needs a request, a response with the address that the request was seen from, and a fingerprint. Nothing is
//! authenticated: what is said of an address is only compared with what was said before.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The value of the second four bytes of every message (RFC 8489 §5).
const COOKIE: u32 = 0x2112_A442;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const MAPPED_ADDRESS: u16 = 0x0001;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const FINGERPRINT: u16 = 0x8028;
/// The CRC-32 of a fingerprint is changed by this, so that it is not taken for another protocol's (RFC 8489 §14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554E;
/// The header of a message.
const HEAD: usize = 20;
/// Attributes that are not understood and named in a response at most.
const UNKNOWN: usize = 8;

/// The transaction of a request: unguessable, since it is what makes a response believed (RFC 8489 §5).
pub type TransactionId = [u8; 12];

/// A STUN message about a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// What address is this seen from?
    Request {
        /// What the response has to repeat.
        id: TransactionId,
        /// Attributes that must be understood and are not: the answer is 420 (RFC 8489 §6.3.1).
        unknown: Vec<u16>,
    },
    /// From this one.
    Success {
        /// That of the request.
        id: TransactionId,
        /// The address that the request was seen from.
        mapped: SocketAddr,
    },
    /// The request was refused.
    Error {
        /// That of the request.
        id: TransactionId,
    },
}

/// Why a datagram is no STUN message about a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StunError {
    /// It is shorter than a header, or not of the length that it says.
    #[error("not as long as it says")]
    Length,
    /// There is no magic cookie in bytes 4 to 7.
    #[error("no magic cookie")]
    Cookie,
    /// Another method or class than those of a binding.
    #[error("message type {0:#06x} is not about a binding")]
    Type(u16),
    /// The attribute that begins at this byte is not what its type says.
    #[error("malformed attribute at byte {0}")]
    Attribute(usize),
    /// The fingerprint is another message's.
    #[error("wrong fingerprint")]
    Fingerprint,
    /// A response that names no address.
    #[error("no address in the response")]
    Unmapped,
}

/// Whether a datagram on the port of SIP is STUN: the first byte of a SIP message is a letter, that of a STUN message is
/// below four (RFC 8489 §5).
pub fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|byte| *byte < 4)
        && datagram.get(4..8) == Some(&COOKIE.to_be_bytes())
}

impl Message {
    /// Reads a datagram.
    ///
    /// # Errors
    ///
    /// It is no STUN message about a binding, or a malformed one.
    pub fn parse(datagram: &[u8]) -> Result<Self, StunError> {
        let (head, mut rest) = datagram
            .split_first_chunk::<HEAD>()
            .ok_or(StunError::Length)?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if head[4..8] != COOKIE.to_be_bytes() {
            return Err(StunError::Cookie);
        }
        if length != rest.len() || length % 4 != 0 {
            return Err(StunError::Length);
        }
        let mut id = [0; 12];
        id.copy_from_slice(&head[8..]);
        let (mut plain, mut mapped, mut unknown) = (None, None, Vec::new());
        while !rest.is_empty() {
            let at = datagram.len() - rest.len();
            let broken = StunError::Attribute(at);
            let (start, after) = rest.split_first_chunk::<4>().ok_or(broken)?;
            let attribute = u16::from_be_bytes([start[0], start[1]]);
            let length = usize::from(u16::from_be_bytes([start[2], start[3]]));
            let value = after.get(..length).ok_or(broken)?;
            rest = after.get(length.next_multiple_of(4)..).ok_or(broken)?;
            match attribute {
                MAPPED_ADDRESS => plain = Some(read_address(value, None).ok_or(broken)?),
                XOR_MAPPED_ADDRESS => mapped = Some(read_address(value, Some(&id)).ok_or(broken)?),
                FINGERPRINT => {
                    let own = fingerprint(&datagram[..at]).to_be_bytes();
                    if value != own || !rest.is_empty() {
                        return Err(StunError::Fingerprint);
                    }
                }
                // An error says why; that it is one is enough.
                ERROR_CODE | UNKNOWN_ATTRIBUTES => {}
                // From here on they may be left alone (RFC 8489 §14).
                0x8000.. => {}
                other if unknown.len() < UNKNOWN => unknown.push(other),
                _ => {}
            }
        }
        match kind {
            BINDING_REQUEST => Ok(Self::Request { id, unknown }),
            // A response with what must be understood and is not is no answer (RFC 8489 §6.3.3).
            BINDING_SUCCESS if unknown.is_empty() => match mapped.or(plain) {
                Some(mapped) => Ok(Self::Success { id, mapped }),
                None => Err(StunError::Unmapped),
            },
            BINDING_SUCCESS | BINDING_ERROR => Ok(Self::Error { id }),
            other => Err(StunError::Type(other)),
        }
    }

    /// Writes it, with a fingerprint.
    pub fn write(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let (kind, id) = match self {
            Self::Request { id, .. } => (BINDING_REQUEST, id),
            Self::Success { id, mapped } => {
                write_attribute(&mut body, XOR_MAPPED_ADDRESS, &xor_address(*mapped, id));
                (BINDING_SUCCESS, id)
            }
            Self::Error { id } => {
                write_attribute(&mut body, ERROR_CODE, &[0, 0, 4, 20]);
                (BINDING_ERROR, id)
            }
        };
        finish(kind, id, &body)
    }

    /// The answer to a request that came from `peer`; to anything else there is none. It has at most 32 bytes more than
    /// the request, so that nobody sends it to another with much profit.
    pub fn answer(&self, peer: SocketAddr) -> Option<Vec<u8>> {
        match self {
            Self::Request { id, unknown } if unknown.is_empty() => {
                let mapped = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                Some(Self::Success { id: *id, mapped }.write())
            }
            Self::Request { id, unknown } => {
                let mut body = Vec::new();
                write_attribute(&mut body, ERROR_CODE, &[0, 0, 4, 20]);
                let named: Vec<u8> = unknown.iter().flat_map(|name| name.to_be_bytes()).collect();
                write_attribute(&mut body, UNKNOWN_ATTRIBUTES, &named);
                Some(finish(BINDING_ERROR, id, &body))
            }
            _ => None,
        }
    }
}

/// The whole message: the length in the head counts the fingerprint, and the fingerprint covers that length.
fn finish(kind: u16, id: &TransactionId, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 8).unwrap_or(u16::MAX);
    let mut out = Vec::with_capacity(HEAD + body.len() + 8);
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&COOKIE.to_be_bytes());
    out.extend_from_slice(id);
    out.extend_from_slice(body);
    let print = fingerprint(&out).to_be_bytes();
    write_attribute(&mut out, FINGERPRINT, &print);
    out
}

fn write_attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// What an address is masked with, so that no box on the way finds it and changes it (RFC 8489 §14.2).
fn mask(id: &TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&COOKIE.to_be_bytes());
    mask[4..].copy_from_slice(id);
    mask
}

fn xor_address(address: SocketAddr, id: &TransactionId) -> Vec<u8> {
    let mask = mask(id);
    let port = address.port() ^ u16::from_be_bytes([mask[0], mask[1]]);
    let (family, bytes) = match address.ip() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let mut out = vec![0, family];
    out.extend_from_slice(&port.to_be_bytes());
    out.extend(bytes.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    out
}

fn read_address(value: &[u8], id: Option<&TransactionId>) -> Option<SocketAddr> {
    let mask = id.map_or([0; 16], mask);
    let ([_, family, high, low], ip) = value.split_first_chunk::<4>()?;
    let port = u16::from_be_bytes([high ^ mask[0], low ^ mask[1]]);
    let ip: Vec<u8> = ip
        .iter()
        .zip(mask)
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    let ip = match (family, ip.len(), value.len()) {
        (1, 4, 8) => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(ip).ok()?)),
        (2, 16, 20) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// CRC-32 as of ITU V.42, of what stands before the fingerprint.
fn fingerprint(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let carry = crc & 1;
            crc >> 1 ^ carry.wrapping_neg() & 0xEDB8_8320
        })
    });
    !crc ^ FINGERPRINT_XOR
}
