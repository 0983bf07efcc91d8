//! Digest authentication as AUTH carries it (RFC 4976 §9.1): what is hashed as the URI is the last one of the To-Path,
//! and the `uri` parameter itself is left out, or not, as the relay likes.

use super::msg::Response;
use crate::sip::digest::{Answer, Challenge, Secret};
use crate::sip::msg::Header;
use crate::sip::msg::header::{AuthParams, AuthenticationInfo, Authorization, WwwAuthenticate};
use crate::wire::Text;

/// The value of a header field that the codec does not know.
pub(super) fn find<'a>(
    others: &'a [(Text, Text)],
    name: &'a str,
) -> impl Iterator<Item = &'a Text> + 'a {
    others
        .iter()
        .filter(move |(spelled, _)| spelled.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// A number of seconds in a header field.
pub(super) fn seconds(others: &[(Text, Text)], name: &str) -> Option<u32> {
    find(others, name).next()?.trim().parse().ok()
}

/// The strongest challenge of a 401 that we can answer.
pub(super) fn challenge(response: &Response) -> Option<Challenge> {
    find(&response.others, "WWW-Authenticate")
        .filter_map(|value| Challenge::read(&WwwAuthenticate::parse(value).ok()?.0))
        .filter(|challenge| !challenge.algorithm.is_aka())
        .max_by_key(|challenge| challenge.algorithm)
}

/// The Authorization header field for an answer, with or without its `uri`.
pub(super) fn authorization(answer: &Answer, names_uri: bool) -> (Text, Text) {
    let mut header = answer.header();
    if !names_uri {
        header.params.remove("uri");
    }
    let mut value = String::new();
    Authorization(header).write(&mut value);
    (Text::from_static("Authorization"), value.into())
}

/// The answer in a request whose To-Path ends in `uri`. One that names another URI is for something else.
pub(super) fn answer(others: &[(Text, Text)], uri: &str, realm: &str) -> Option<Answer> {
    find(others, "Authorization").find_map(|value| {
        let mut header = Authorization::parse(value).ok()?.0;
        match header.params.value("uri") {
            None => header.params.set_quoted("uri", uri),
            Some(named) if named == uri => {}
            Some(_) => return None,
        }
        Answer::read(&header).filter(|answer| *answer.realm == *realm)
    })
}

/// What the relay says after a right answer: that it knows the password too.
pub(super) fn info(answer: &Answer, secret: Secret<'_>) -> (Text, Text) {
    let mut params = AuthParams::new();
    params.set("qop", "auth");
    params.set_quoted("rspauth", &answer.server_proof(secret));
    if let Some(protection) = &answer.protection {
        params.set_quoted("cnonce", &protection.cnonce);
        params.set("nc", &format!("{:08x}", protection.count));
    }
    let mut value = String::new();
    AuthenticationInfo(params).write(&mut value);
    (Text::from_static("Authentication-Info"), value.into())
}

/// What an Authentication-Info says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    /// Whether its sender knows the password; `None` if it says nothing of that.
    pub(super) proven: Option<bool>,
    /// The nonce to use from now on.
    pub(super) next_nonce: Option<Text>,
}

impl Info {
    pub(super) fn read(response: &Response, answer: &Answer, secret: Secret<'_>) -> Self {
        let Some(params) = find(&response.others, "Authentication-Info")
            .find_map(|value| AuthenticationInfo::parse(value).ok())
        else {
            return Self::default();
        };
        let params = &params.0;
        Self {
            proven: params
                .value("rspauth")
                .map(|proof| proof.eq_ignore_ascii_case(&answer.server_proof(secret))),
            next_nonce: params.text("nextnonce").map(Text::compact),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msrp::msg::{Path, Status, Uri};
    use crate::sip::digest::Algorithm;

    const URI: &str = "msrps://relay.example.com;tcp";

    fn response(others: &[(&'static str, &str)]) -> Response {
        let path = || Path::from(URI.parse::<Uri>().unwrap());
        Response {
            transaction_id: "abcd".into(),
            status: Status::OK,
            comment: Text::default(),
            to_path: path(),
            from_path: path(),
            others: others
                .iter()
                .map(|(name, value)| (Text::from_static(name), Text::from(*value)))
                .collect(),
        }
    }

    fn answered(algorithm: &str) -> Answer {
        let value = format!("Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm={algorithm}");
        let challenge = challenge(&response(&[("WWW-Authenticate", &value)])).unwrap();
        challenge.respond("alice", Secret::Password("secret"), "AUTH", URI, "c", 1)
    }

    #[test]
    fn rfc4976_9_1_the_uri_is_hashed_whether_it_is_named_or_not() {
        for names_uri in [false, true] {
            let sent = answered("SHA-256");
            let field = authorization(&sent, names_uri);
            assert_eq!(field.1.contains("uri="), names_uri);
            let read = answer(std::slice::from_ref(&field), URI, "r").unwrap();
            assert_eq!(read, sent);
            assert_eq!(answer(&[field], URI, "other"), None);
        }
        let field = authorization(&answered("MD5"), true);
        assert_eq!(answer(&[field], "msrps://other;tcp", "r"), None);
    }

    #[test]
    fn the_strongest_challenge_is_taken() {
        let both = response(&[
            (
                "WWW-Authenticate",
                "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"",
            ),
            (
                "www-authenticate",
                "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256",
            ),
            ("WWW-Authenticate", "Basic realm=\"r\""),
        ]);
        assert_eq!(challenge(&both).unwrap().algorithm, Algorithm::Sha256);
        assert_eq!(
            challenge(&response(&[("WWW-Authenticate", "Basic realm=\"r\"")])),
            None
        );
    }

    #[test]
    fn who_does_not_know_the_password_cannot_prove_it() {
        for algorithm in ["MD5", "SHA-256"] {
            let answer = answered(algorithm);
            let (_, right) = info(&answer, Secret::Password("secret"));
            let (_, wrong) = info(&answer, Secret::Password("guess"));
            for (value, proven) in [
                (right.as_str(), Some(true)),
                (wrong.as_str(), Some(false)),
                ("nextnonce=\"m\"", None),
            ] {
                let info = Info::read(
                    &response(&[("Authentication-Info", value)]),
                    &answer,
                    Secret::Password("secret"),
                );
                assert_eq!(info.proven, proven);
            }
        }
        let silent = Info::read(&response(&[]), &answered("MD5"), Secret::Password("secret"));
        assert_eq!(silent, Info::default());
    }
}
