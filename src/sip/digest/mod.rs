//! Digest authentication (RFC 7616, RFC 2617; in SIP: RFC 3261 §22, RFC 8760).
//!
//! Both sides as pure rules: a [`Challenge`] and a secret make an [`Answer`]; a [`Verifier`] makes challenges and
//! tells right answers from wrong ones. A secret never leaves the caller's hands except into a hash.

pub mod aka;
mod info;
#[cfg(feature = "milenage")]
#[cfg_attr(docsrs, doc(cfg(feature = "milenage")))]
pub mod milenage;
mod verifier;

pub use info::Info;
pub use verifier::{Integrity, Verdict, Verifier};
pub(super) use verifier::{hmac, same};

use crate::sip::msg::header::{Authorization, Credentials, ProxyAuthorization, WwwAuthenticate};
use crate::sip::msg::{Header, Headers, Request};
use crate::wire::Text;
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

/// What a server asks: the fields of one WWW-Authenticate or Proxy-Authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whose passwords are asked for.
    pub realm: Text,
    /// The server's nonce.
    pub nonce: Text,
    /// To be sent back as it is.
    pub opaque: Option<Text>,
    /// The password was right, the nonce too old.
    pub stale: bool,
    /// What to hash with.
    pub algorithm: Algorithm,
    /// Whether quality of protection `auth` is offered; without it the answer has the form of RFC 2069.
    pub qop: bool,
    /// Whether quality of protection `auth-int` is offered, which covers the body. It is taken where `auth` is not
    /// offered: on the way to a server there may be who changes a body for good reasons.
    pub integrity: bool,
    /// Whether the user name may be sent as a hash (RFC 7616 §3.4.4), which is then done.
    pub userhash: bool,
}

impl Challenge {
    /// The answer, `count` being how many times this nonce is used, this time included.
    pub fn respond<'a>(
        &self,
        user: &str,
        secret: Secret<'_>,
        asked: impl Into<Asked<'a>>,
        uri: &str,
        cnonce: &str,
        count: u32,
    ) -> Answer {
        let mut answer = Answer {
            user: Text::from(user),
            realm: self.realm.clone(),
            nonce: self.nonce.clone(),
            uri: Text::from(uri),
            response: Text::default(),
            algorithm: self.algorithm,
            opaque: self.opaque.clone(),
            protection: (self.qop || self.integrity).then(|| Protection {
                cnonce: Text::from(cnonce),
                count,
                integrity: !self.qop,
            }),
            user_hash: (self.userhash)
                .then(|| Text::from(self.algorithm.hash(&[user, &self.realm]))),
            auts: None,
        };
        answer.response = Text::from(answer.expected(secret, asked.into()));
        answer
    }

    /// The challenge in a WWW-Authenticate or Proxy-Authenticate; `None` for another scheme, for an algorithm
    /// that we do not have, and where no quality of protection is offered that we know.
    pub fn read(header: &Credentials) -> Option<Self> {
        let params = &header.params;
        if !header.is_digest() {
            return None;
        }
        let algorithm = match params.value("algorithm") {
            Some(name) => Algorithm::named(name)?,
            None => Algorithm::Md5,
        };
        let offers = |wanted: &str| {
            let mut offered = params.value("qop").unwrap_or_default().split(',');
            offered.any(|qop| qop.trim().eq_ignore_ascii_case(wanted))
        };
        let (qop, integrity) = (offers("auth"), offers("auth-int"));
        if params.value("qop").is_some() && !qop && !integrity {
            return None;
        }
        let is_true =
            |name| (params.value(name)).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        Some(Self {
            realm: params.text("realm")?.compact(),
            nonce: params.text("nonce")?.compact(),
            opaque: params.text("opaque").map(Text::compact),
            stale: is_true("stale"),
            algorithm,
            qop,
            integrity,
            userhash: is_true("userhash"),
        })
    }

    /// The text of a WWW-Authenticate or Proxy-Authenticate.
    pub fn write(&self) -> String {
        let mut out = String::new();
        WwwAuthenticate(self.header()).write(&mut out);
        out
    }

    /// The value of a WWW-Authenticate or Proxy-Authenticate.
    pub fn header(&self) -> Credentials {
        let mut header = Credentials::new("Digest");
        let params = &mut header.params;
        params.set_quoted("realm", &self.realm);
        params.set_quoted("nonce", &self.nonce);
        params.set("algorithm", self.algorithm.name());
        match (self.qop, self.integrity) {
            (true, true) => params.set_quoted("qop", "auth,auth-int"),
            (true, false) => params.set_quoted("qop", "auth"),
            (false, true) => params.set_quoted("qop", "auth-int"),
            (false, false) => {}
        }
        if let Some(opaque) = &self.opaque {
            params.set_quoted("opaque", opaque);
        }
        if self.stale {
            params.set("stale", "true");
        }
        if self.userhash {
            params.set("userhash", "true");
        }
        header
    }
}

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
    const fn name(&self) -> &'static str {
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
    /// `auts`: the SIM is out of step with its network (RFC 3310 §3.4); see [`aka::out_of_step`].
    pub auts: Option<Text>,
}

impl Answer {
    /// The proof that belongs into `response`.
    fn expected(&self, secret: Secret<'_>, asked: Asked<'_>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(realm: &'static str, nonce: &'static str, algorithm: Algorithm) -> Challenge {
        Challenge {
            realm: Text::from_static(realm),
            nonce: Text::from_static(nonce),
            opaque: None,
            stale: false,
            algorithm,
            qop: true,
            integrity: false,
            userhash: false,
        }
    }

    #[test]
    fn rfc7616_3_9_1_md5_and_sha256() {
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                Algorithm::Sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let answer = challenge(
                "http-auth@example.org",
                "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                algorithm,
            )
            .respond(
                "Mufasa",
                Secret::Password("Circle of Life"),
                "GET",
                "/dir/index.html",
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                1,
            );
            assert_eq!(answer.response, expected);
        }
    }

    #[test]
    fn rfc2617_3_5_example() {
        let answer = challenge(
            "testrealm@host.com",
            "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            Algorithm::Md5,
        )
        .respond(
            "Mufasa",
            Secret::Password("Circle Of Life"),
            "GET",
            "/dir/index.html",
            "0a4f113b",
            1,
        );
        assert_eq!(answer.response, "6629fae49393a05397450978507c4ef1");
        // What a server stores gives the same.
        let hashed = Algorithm::Md5.hash(&["Mufasa", "testrealm@host.com", "Circle Of Life"]);
        assert_eq!(hashed, "939e7578ed9e3c518a452acee763bce9");
        assert_eq!(
            answer.expected(Secret::Hashed(&hashed), "GET".into()),
            answer.response.as_str()
        );
    }

    #[test]
    fn rfc7616_3_5_the_server_proves_itself_by_the_same_rule_without_a_method() {
        let answer = challenge("r", "n", Algorithm::Md5).respond(
            "u",
            Secret::Password("p"),
            "AUTH",
            "msrps://r;tcp",
            "c",
            1,
        );
        let ha1 = Algorithm::Md5.hash(&["u", "r", "p"]);
        let ha2 = Algorithm::Md5.hash(&[":msrps://r;tcp"]);
        let proof = Algorithm::Md5.hash(&[&ha1, "n", "00000001", "c", "auth", &ha2]);
        assert_eq!(answer.server_proof(Secret::Password("p")), proof);
        assert_ne!(answer.server_proof(Secret::Password("q")), proof);
    }

    #[test]
    fn every_algorithm_is_found_by_its_name() {
        for algorithm in Algorithm::ALL {
            assert_eq!(
                Algorithm::named(&algorithm.name().to_lowercase()),
                Some(algorithm)
            );
        }
        assert!(Algorithm::Sha256 > Algorithm::Md5Session);
    }

    fn answer(challenge: &Challenge, password: &str, count: u32) -> Answer {
        challenge.respond(
            "alice",
            Secret::Password(password),
            "REGISTER",
            "sip:example.com",
            "abc",
            count,
        )
    }

    #[test]
    fn challenges_and_answers_there_and_back() {
        for (qop, integrity) in [(true, false), (true, true), (false, true), (false, false)] {
            for algorithm in Algorithm::ALL {
                let mut challenge = challenge("a\"b\\c", "n", algorithm);
                challenge.opaque = Some(Text::from_static("o"));
                challenge.stale = true;
                challenge.qop = qop;
                challenge.integrity = integrity;
                assert_eq!(
                    Challenge::read(&challenge.header()),
                    Some(challenge.clone())
                );
                let answer = answer(&challenge, "wonderland", 0x1a);
                assert_eq!(Answer::read(&answer.header()), Some(answer));
            }
        }
    }

    #[test]
    fn rfc3261_22_3_a_proxy_reads_what_was_answered_to_a_proxy() {
        let mut headers = Headers::default();
        let asked = |nonce| answer(&challenge("r", nonce, Algorithm::Md5), "p", 1).header();
        headers.push(&Authorization(asked("server")));
        let nonce = |headers: &Headers, realm, proxy| {
            Answer::of(headers, realm, proxy).map(|answer| answer.nonce)
        };
        assert_eq!(nonce(&headers, "r", true).as_deref(), Some("server"));
        headers.push(&ProxyAuthorization(asked("proxy")));
        assert_eq!(nonce(&headers, "r", true).as_deref(), Some("proxy"));
        assert_eq!(nonce(&headers, "r", false).as_deref(), Some("server"));
        assert_eq!(nonce(&headers, "other", false), None);
    }

    #[test]
    fn what_we_cannot_answer_is_no_challenge() {
        for text in [
            "Basic realm=\"x\"",
            "Digest realm=\"x\", nonce=\"y\", algorithm=ROT13",
            "Digest realm=\"x\", nonce=\"y\", qop=\"auth-conf\"",
            "Digest realm=\"x\"",
        ] {
            let header = WwwAuthenticate::parse(&Text::from(text)).unwrap();
            assert_eq!(Challenge::read(&header), None, "{text}");
        }
        let header = WwwAuthenticate::parse(&Text::from(
            "Digest realm=x, nonce=\"y\", qop=\"auth-int, AUTH\", stale=TRUE",
        ));
        let challenge = Challenge::read(&header.unwrap()).unwrap();
        assert!(challenge.qop && challenge.stale && challenge.algorithm == Algorithm::Md5);
    }

    #[test]
    fn rfc7616_3_4_3_auth_int_covers_the_body() {
        let mut offered = challenge("r", "n", Algorithm::Sha256);
        (offered.qop, offered.integrity) = (false, true);
        let asked = |body| Asked {
            method: "MESSAGE",
            body,
        };
        let secret = Secret::Password("p");
        let answer = offered.respond("u", secret, asked(b"hello"), "sip:x", "c", 1);
        let ha1 = Algorithm::Sha256.hash(&["u", "r", "p"]);
        let body = Algorithm::Sha256.hash(&["hello"]);
        let ha2 = Algorithm::Sha256.hash(&["MESSAGE", "sip:x", &body]);
        let proof = Algorithm::Sha256.hash(&[&ha1, "n", "00000001", "c", "auth-int", &ha2]);
        assert_eq!(answer.response, proof.as_str());
        assert_ne!(answer.expected(secret, asked(b"hullo")), proof);
        assert_eq!(answer.header().params.value("qop"), Some("auth-int"));
    }

    #[test]
    fn rfc7616_3_4_4_a_name_is_hidden_if_the_server_can_find_it() {
        let mut offered = challenge("r", "n", Algorithm::Md5);
        offered.userhash = true;
        assert_eq!(Challenge::read(&offered.header()).as_ref(), Some(&offered));
        let sent = answer(&offered, "wonderland", 1);
        let mut seen = Answer::read(&sent.header()).unwrap();
        assert!(
            !sent
                .header()
                .params
                .value("username")
                .unwrap()
                .contains("alice")
        );
        assert!(seen.is_from("alice") && !seen.is_from("bob"));
        // With the name that it has found the server can check the proof.
        seen.user = Text::from_static("alice");
        let expected = seen.expected(Secret::Password("wonderland"), "REGISTER".into());
        assert_eq!(expected, seen.response.as_str());
    }
}
