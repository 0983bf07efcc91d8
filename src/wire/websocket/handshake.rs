//! The opening handshake (RFC 6455 §4).

use super::HandshakeError;
use crate::wire::Text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use httparse::{EMPTY_HEADER, Header, Status};
use sha1::{Digest, Sha1};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The resource.
    pub path: Text,
    /// The host that the client thinks it speaks to.
    pub host: Text,
    /// Where the script comes from that asks, if it is a browser's.
    pub origin: Option<Text>,
    /// The subprotocols, the preferred one first.
    pub protocols: Vec<Text>,
    key: Text,
}

/// Header fields that one handshake may have.
const FIELDS: usize = 64;

impl Offer {
    /// Reads a request, and says how many bytes it had; `None` if it is not whole yet.
    ///
    /// # Errors
    ///
    /// It is no handshake that can be accepted; see [`HandshakeError::refusal`].
    pub fn read(data: &[u8]) -> Result<Option<(Self, usize)>, HandshakeError> {
        let mut fields = [EMPTY_HEADER; FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let Status::Complete(size) = request.parse(data).map_err(HandshakeError::Http)? else {
            return Ok(None);
        };
        if request.method != Some("GET") || request.version != Some(1) {
            return Err(HandshakeError::NotAGet);
        }
        let fields = &*request.headers;
        check_upgrade(fields)?;
        if text(fields, "Sec-WebSocket-Version") != Some("13") {
            return Err(HandshakeError::Version);
        }
        let key = text(fields, "Sec-WebSocket-Key").unwrap_or_default();
        if STANDARD.decode(key).map(|key| key.len()) != Ok(16) {
            return Err(HandshakeError::Key);
        }
        let offer = Self {
            path: Text::from(request.path.unwrap_or("/")),
            host: Text::from(text(fields, "Host").ok_or(HandshakeError::NoHost)?),
            origin: text(fields, "Origin").map(Text::from),
            protocols: tokens(fields, "Sec-WebSocket-Protocol")
                .map(Text::from)
                .collect(),
            key: Text::from(key),
        };
        Ok(Some((offer, size)))
    }

    /// The response that agrees, on `protocol`; an error if the client did not offer it.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Protocol`].
    pub fn accept(&self, protocol: &str) -> Result<Bytes, HandshakeError> {
        // Subprotocol names are compared as they are (RFC 6455 §4.1 says nothing of case); browsers keep the case.
        if !self.protocols.iter().any(|offered| offered == protocol) {
            return Err(HandshakeError::Protocol);
        }
        let accept = accept_key(&self.key);
        // Whoever asks may: it is the protocol inside that lets in (RFC 7977 §7).
        let origin = match &self.origin {
            Some(origin) => format!("Access-Control-Allow-Origin: {origin}\r\n"),
            None => String::new(),
        };
        Ok(Bytes::from(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n{origin}\r\n"
        )))
    }
}

/// The request of a client. `key` are 16 bytes of chance.
pub fn request(host: &str, path: &str, protocol: &str, key: [u8; 16]) -> Bytes {
    let key = STANDARD.encode(key);
    Bytes::from(format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
    ))
}

/// Reads the response to [`request`], and says how many bytes it had; `None` if it is not whole yet.
///
/// # Errors
///
/// The server does not agree, or agrees to something else (RFC 6455 §4.1).
pub fn read_response(
    data: &[u8],
    protocol: &str,
    key: [u8; 16],
) -> Result<Option<usize>, HandshakeError> {
    let mut fields = [EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let Status::Complete(size) = response.parse(data).map_err(HandshakeError::Http)? else {
        return Ok(None);
    };
    match response.code {
        Some(101) => {}
        code => return Err(HandshakeError::Refused(code.unwrap_or_default())),
    }
    let fields = &*response.headers;
    check_upgrade(fields)?;
    if text(fields, "Sec-WebSocket-Accept") != Some(&accept_key(&STANDARD.encode(key))) {
        return Err(HandshakeError::Key);
    }
    if text(fields, "Sec-WebSocket-Extensions").is_some_and(|value| !value.is_empty()) {
        return Err(HandshakeError::Extension);
    }
    if text(fields, "Sec-WebSocket-Protocol") != Some(protocol) {
        return Err(HandshakeError::Protocol);
    }
    Ok(Some(size))
}

fn accept_key(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

fn check_upgrade(fields: &[Header<'_>]) -> Result<(), HandshakeError> {
    let has = |name, token: &str| tokens(fields, name).any(|one| one.eq_ignore_ascii_case(token));
    if has("Upgrade", "websocket") && has("Connection", "Upgrade") {
        Ok(())
    } else {
        Err(HandshakeError::NoUpgrade)
    }
}

fn text<'a>(fields: &[Header<'a>], name: &str) -> Option<&'a str> {
    let field = (fields.iter()).find(|field| field.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(field.value).ok().map(str::trim)
}

/// The members of a list, in as many fields as there are.
fn tokens<'a>(fields: &[Header<'a>], name: &str) -> impl Iterator<Item = &'a str> {
    fields
        .iter()
        .filter(move |field| field.name.eq_ignore_ascii_case(name))
        .filter_map(|field| std::str::from_utf8(field.value).ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 6455 §1.3.
    const KEY: [u8; 16] = *b"the sample nonce";

    #[test]
    fn rfc6455_1_3_and_rfc7118_4_1_the_handshake_of_the_example() {
        let request = "GET / HTTP/1.1\r\nHost: sip-ws.example.com\r\nUpgrade: websocket\r\n\
             Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Origin: http://www.example.com\r\nSec-WebSocket-Protocol: chat, sip\r\n\
             Sec-WebSocket-Version: 13\r\n\r\nmore";
        for end in 0..request.len() - 4 {
            assert_eq!(Offer::read(&request.as_bytes()[..end]), Ok(None));
        }
        let (offer, size) = Offer::read(request.as_bytes()).unwrap().unwrap();
        assert_eq!(&request[size..], "more");
        assert_eq!(offer.origin.as_deref(), Some("http://www.example.com"));
        let response = offer.accept("sip").unwrap();
        let text = std::str::from_utf8(&response).unwrap();
        assert!(text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert_eq!(
            read_response(&response, "sip", KEY),
            Ok(Some(response.len()))
        );
        assert_eq!(offer.accept("msrp"), Err(HandshakeError::Protocol));
    }

    #[test]
    fn what_is_asked_for_is_understood() {
        let request = request("example.com:8080", "/sip", "sip", KEY);
        let (offer, size) = Offer::read(&request).unwrap().unwrap();
        assert_eq!((&*offer.host, &*offer.path), ("example.com:8080", "/sip"));
        assert_eq!(size, request.len());
        assert!(offer.accept("sip").is_ok());
    }

    #[test]
    fn rfc6455_4_2_1_what_is_no_handshake_is_refused_with_a_status() {
        let good = request("h", "/", "sip", KEY);
        let good = std::str::from_utf8(&good).unwrap();
        for (from, to, status) in [
            ("GET", "POST", 400),
            ("HTTP/1.1", "HTTP/1.0", 400),
            ("Host: h\r\n", "", 400),
            ("websocket", "h2c", 400),
            ("Version: 13", "Version: 8", 426),
            ("Key: dGhl", "Key: d", 400),
        ] {
            let wrong = good.replace(from, to);
            let error = Offer::read(wrong.as_bytes()).unwrap_err();
            let refusal = error.refusal();
            let start = format!("HTTP/1.1 {status} ");
            assert!(refusal.starts_with(start.as_bytes()), "{wrong}: {error}");
        }
        let other = good.replace("Protocol: sip", "Protocol: chat");
        let (offer, _) = Offer::read(other.as_bytes()).unwrap().unwrap();
        assert_eq!(offer.accept("sip"), Err(HandshakeError::Protocol));
    }

    #[test]
    fn rfc6455_4_1_a_server_that_agrees_to_something_else_is_not_believed() {
        let request = request("h", "/", "sip", KEY);
        let (offer, _) = Offer::read(&request).unwrap().unwrap();
        let good = offer.accept("sip").unwrap();
        let good = std::str::from_utf8(&good).unwrap();
        for (from, to, error) in [
            ("101", "200", HandshakeError::Refused(200)),
            ("s3p", "S3p", HandshakeError::Key),
            ("Protocol: sip", "Protocol: chat", HandshakeError::Protocol),
            ("Upgrade: websocket\r\n", "", HandshakeError::NoUpgrade),
            (
                "\r\n\r\n",
                "\r\nSec-WebSocket-Extensions: x\r\n\r\n",
                HandshakeError::Extension,
            ),
        ] {
            let wrong = good.replacen(from, to, 1);
            assert_eq!(
                read_response(wrong.as_bytes(), "sip", KEY),
                Err(error),
                "{wrong}"
            );
        }
    }
}
