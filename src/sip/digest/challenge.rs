//! What a server asks.

use super::{Algorithm, Answer, Asked, Protection, Secret};
use crate::sip::msg::Header;
use crate::sip::msg::header::{Credentials, WwwAuthenticate};
use crate::wire::Text;

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
