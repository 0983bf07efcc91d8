//! What a client says.

use super::{Algorithm, Asked, Secret};
use crate::sip::msg::Headers;
use crate::sip::msg::header::{Authorization, Credentials, ProxyAuthorization};
use crate::wire::Text;

/// A count of uses and a nonce of the client's, which `qop` demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// The client's nonce.
    pub cnonce: Text,
    /// How many times the server's nonce was used.
    pub count: u32,
    /// Whether the body is covered: `auth-int` instead of `auth`.
    pub integrity: bool,
}

impl Protection {
    pub(super) const fn name(&self) -> &'static str {
        if self.integrity { "auth-int" } else { "auth" }
    }
}

/// What a client answers: the fields of Authorization or Proxy-Authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who the client says it is. In an answer that was read and has a [`user_hash`](Self::user_hash) it is that hash,
    /// until the server has found out [whose](Self::is_from) it is and put the name here.
    pub user: Text,
    /// The realm of the challenge.
    pub realm: Text,
    /// The nonce of the challenge.
    pub nonce: Text,
    /// What was requested.
    pub uri: Text,
    /// The proof.
    pub response: Text,
    /// What it was hashed with.
    pub algorithm: Algorithm,
    /// As in the challenge.
    pub opaque: Option<Text>,
    /// The fields of `qop`.
    pub protection: Option<Protection>,
    /// The hash that stands in place of the user name (RFC 7616 §3.4.4).
    pub user_hash: Option<Text>,
    /// `auts`: the SIM is out of step with its network (RFC 3310 §3.4); see [`out_of_step`](super::aka::out_of_step).
    pub auts: Option<Text>,
}

impl Answer {
    /// The proof that belongs into `response`.
    pub(super) fn expected(&self, secret: Secret<'_>, asked: Asked<'_>) -> String {
        let cnonce = self.protection.as_ref().map_or("", |p| &p.cnonce);
        let ha1 = secret.ha1(self.algorithm, &self.user, &self.realm, &self.nonce, cnonce);
        let ha2 = match &self.protection {
            Some(protection) if protection.integrity => {
                let body = self.algorithm.hash_bytes(&[asked.body]);
                self.algorithm.hash(&[asked.method, &self.uri, &body])
            }
            _ => self.algorithm.hash(&[asked.method, &self.uri]),
        };
        match &self.protection {
            Some(protection) => {
                let (name, count) = (protection.name(), format!("{:08x}", protection.count));
                self.algorithm
                    .hash(&[&ha1, &self.nonce, &count, cnonce, name, &ha2])
            }
            None => self.algorithm.hash(&[&ha1, &self.nonce, &ha2]),
        }
    }

    /// The proof that the server knows the secret too: `rspauth` of an Authentication-Info that follows this answer
    /// (RFC 7616 §3.5).
    pub fn server_proof(&self, secret: Secret<'_>) -> String {
        self.server_proof_with(secret, &[])
    }

    /// The same for a response with that body, which counts where the answer has `qop=auth-int`.
    pub fn server_proof_with(&self, secret: Secret<'_>, body: &[u8]) -> String {
        // As the client's, without a method.
        self.expected(secret, Asked { method: "", body })
    }

    /// Whether the client says that it is this user, by name or by the hash of it.
    pub fn is_from(&self, user: &str) -> bool {
        match &self.user_hash {
            None => self.user == *user,
            Some(hash) => {
                hash.eq_ignore_ascii_case(&self.algorithm.hash(&[user, self.realm.as_str()]))
            }
        }
    }

    /// The answer to a challenge of this realm in a request: to one of a proxy (407) or of a server (401), as whoever
    /// asks has challenged. One to the other kind counts if there is none of its own.
    pub fn of(headers: &Headers, realm: &str, proxy: bool) -> Option<Self> {
        let find = |proxy: bool| {
            let servers = headers.all::<Authorization>().filter(|_| !proxy);
            let proxies = headers.all::<ProxyAuthorization>().filter(|_| proxy);
            (servers.filter_map(|header| Some(header.ok()?.0)))
                .chain(proxies.filter_map(|header| Some(header.ok()?.0)))
                .filter_map(|header| Self::read(&header))
                .find(|answer| answer.realm == *realm)
        };
        find(proxy).or_else(|| find(!proxy))
    }

    /// The answer in an Authorization or Proxy-Authorization; `None` for another scheme, or if a part of it is
    /// missing.
    pub fn read(header: &Credentials) -> Option<Self> {
        let params = &header.params;
        if !header.is_digest() {
            return None;
        }
        let algorithm = match params.value("algorithm") {
            Some(name) => Algorithm::named(name)?,
            None => Algorithm::Md5,
        };
        let protection = match params.value("qop") {
            Some(qop) => {
                let integrity = qop.eq_ignore_ascii_case("auth-int");
                if !integrity && !qop.eq_ignore_ascii_case("auth") {
                    return None;
                }
                Some(Protection {
                    cnonce: params.text("cnonce")?.clone(),
                    count: u32::from_str_radix(params.value("nc")?, 16).ok()?,
                    integrity,
                })
            }
            None => None,
        };
        let is_hashed =
            (params.value("userhash")).is_some_and(|hashed| hashed.eq_ignore_ascii_case("true"));
        let user = params.text("username")?.clone();
        Some(Self {
            user_hash: is_hashed.then(|| user.clone()),
            auts: params.text("auts").cloned(),
            user,
            realm: params.text("realm")?.clone(),
            nonce: params.text("nonce")?.clone(),
            uri: params.text("uri")?.clone(),
            response: params.text("response")?.clone(),
            algorithm,
            opaque: params.text("opaque").cloned(),
            protection,
        })
    }

    /// The value of an Authorization or Proxy-Authorization.
    pub fn header(&self) -> Credentials {
        let mut header = Credentials::new("Digest");
        let params = &mut header.params;
        params.set_quoted("username", self.user_hash.as_ref().unwrap_or(&self.user));
        params.set_quoted("realm", &self.realm);
        params.set_quoted("nonce", &self.nonce);
        params.set_quoted("uri", &self.uri);
        params.set_quoted("response", &self.response);
        params.set("algorithm", self.algorithm.name());
        if let Some(protection) = &self.protection {
            params.set("qop", protection.name());
            params.set("nc", &format!("{:08x}", protection.count));
            params.set_quoted("cnonce", &protection.cnonce);
        }
        if self.user_hash.is_some() {
            params.set("userhash", "true");
        }
        if let Some(auts) = &self.auts {
            params.set_quoted("auts", auts);
        }
        if let Some(opaque) = &self.opaque {
            params.set_quoted("opaque", opaque);
        }
        header
    }
}
