//! What a server or a proxy says after a right answer (RFC 7616 §3.5, RFC 3261 §20.6, RFC 7615).

use super::verifier::same;
use super::{Answer, Secret};
use crate::sip::msg::Headers;
use crate::sip::msg::header::{AuthParams, AuthenticationInfo, ProxyAuthenticationInfo};
use crate::wire::Text;

/// What an Authentication-Info says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// `nextnonce`: the nonce for the next request.
    pub next_nonce: Option<Text>,
    /// `rspauth`: the proof that the server knows the password as well.
    pub proof: Option<Text>,
    /// Which answer it is about.
    pub cnonce: Option<Text>,
}

impl Info {
    /// That of a response; `None` if there is none that can be read.
    pub fn of(headers: &Headers) -> Option<Self> {
        Some(Self::read(&headers.get::<AuthenticationInfo>().ok()?.0))
    }

    /// That of a proxy in a response (RFC 7615 §4).
    pub fn of_proxy(headers: &Headers) -> Option<Self> {
        Some(Self::read(
            &headers.get::<ProxyAuthenticationInfo>().ok()?.0,
        ))
    }

    fn read(params: &AuthParams) -> Self {
        let text = |name| params.text(name).map(Text::compact);
        Self {
            next_nonce: text("nextnonce"),
            proof: text("rspauth"),
            cnonce: text("cnonce"),
        }
    }

    /// What a server says to an answer, in a response with that body.
    pub fn about(answer: &Answer, secret: Secret<'_>, body: &[u8]) -> Self {
        Self {
            next_nonce: None,
            proof: Some(answer.server_proof_with(secret, body).into()),
            cnonce: (answer.protection.as_ref()).map(|protection| protection.cnonce.clone()),
        }
    }

    /// Whether it is about this answer.
    pub fn is_about(&self, answer: &Answer) -> bool {
        match (&self.cnonce, &answer.protection) {
            (Some(named), Some(protection)) => *named == protection.cnonce,
            _ => true,
        }
    }

    /// Whether its sender knows the secret; `None` if it says nothing of that.
    pub fn is_proven(&self, answer: &Answer, secret: Secret<'_>, body: &[u8]) -> Option<bool> {
        let proof = self.proof.as_ref()?.to_ascii_lowercase();
        let expected = answer.server_proof_with(secret, body);
        Some(same(proof.as_bytes(), expected.as_bytes()))
    }

    /// The header field, for the answer that it is about.
    pub fn header(&self, answer: &Answer) -> AuthenticationInfo {
        AuthenticationInfo(self.params(answer))
    }

    /// The header field of a proxy, for the answer that it is about.
    pub fn proxy_header(&self, answer: &Answer) -> ProxyAuthenticationInfo {
        ProxyAuthenticationInfo(self.params(answer))
    }

    fn params(&self, answer: &Answer) -> AuthParams {
        let mut params = AuthParams::new();
        if let Some(nonce) = &self.next_nonce {
            params.set_quoted("nextnonce", nonce);
        }
        if let Some(proof) = &self.proof {
            if let Some(protection) = &answer.protection {
                params.set("qop", protection.name());
                params.set_quoted("cnonce", &protection.cnonce);
                params.set("nc", &format!("{:08x}", protection.count));
            }
            params.set_quoted("rspauth", proof);
        }
        params
    }
}
