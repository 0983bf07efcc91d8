//! Challenges and credentials (RFC 3261 §20.7, §20.27, §20.44; RFC 7616).
//!
//! What the parameters mean is the business of [`digest`](crate::sip::digest); here they are read and
//! written, with whatever scheme.

use super::{shared, whole};
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, Cursor, Syntax, write_line, write_quoted};

/// The parameters of a challenge or of credentials, in order: `realm="example.com", algorithm=SHA-256`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthParams(Vec<AuthParam>);

#[derive(Clone, Debug)]
struct AuthParam {
    name: Text,
    /// Without quotes and escapes.
    value: Text,
    quoted: bool,
}

impl PartialEq for AuthParam {
    fn eq(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name) && self.value == other.value
    }
}

impl Eq for AuthParam {}

impl AuthParams {
    /// No parameters.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of that name, without quotes and escapes.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.text(name).map(Text::as_str)
    }

    /// The value of that name as a text that shares the buffer.
    pub fn text(&self, name: &str) -> Option<&Text> {
        let found = self.0.iter().find(|p| p.name.eq_ignore_ascii_case(name))?;
        Some(&found.value)
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|p| (p.name.as_str(), p.value.as_str()))
    }

    /// Sets a parameter whose value is a token, such as `algorithm` or `nc`. A value that is no token is
    /// written in quotes all the same.
    pub fn set(&mut self, name: &str, value: &str) {
        self.put(name, value, false);
    }

    /// Sets a parameter whose value is written in quotes, such as `realm` or `nonce`.
    pub fn set_quoted(&mut self, name: &str, value: &str) {
        self.put(name, value, true);
    }

    /// Takes a parameter out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|p| !p.name.eq_ignore_ascii_case(name));
    }

    fn put(&mut self, name: &str, value: &str, quoted: bool) {
        let new = AuthParam {
            name: Text::from(name),
            value: Text::from(value),
            quoted,
        };
        match self
            .0
            .iter_mut()
            .find(|p| p.name.eq_ignore_ascii_case(name))
        {
            Some(old) => *old = new,
            None => self.0.push(new),
        }
    }

    /// Reads parameters between commas. What the field does is let through: commas too many or missing, and
    /// values that are neither tokens nor quoted.
    fn read(text: &Text, cursor: &mut Cursor<'_>) -> Result<Self, Syntax> {
        const BARE: &ByteSet = &ByteSet::visible_except(b",\"");
        let mut params = Vec::new();
        loop {
            cursor.skip_lws();
            while cursor.eat(b',') {
                cursor.skip_lws();
            }
            if cursor.is_end() {
                return Ok(Self(params));
            }
            let name = text.slice_ref(cursor.token()?);
            if !cursor.eat_spaced(b'=') {
                return Err(cursor.error("an equals sign"));
            }
            let quoted = cursor.quoted()?;
            let value = match &quoted {
                Some(quoted) => shared(text, quoted.value()),
                None => text.slice_ref(cursor.take_while(BARE)),
            };
            params.push(AuthParam {
                name,
                value,
                quoted: quoted.is_some(),
            });
        }
    }

    fn write(&self, out: &mut String) {
        for (index, param) in self.0.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            write_line(&param.name, out);
            out.push('=');
            match param.quoted || !ByteSet::TOKEN.covers(&param.value) {
                true => write_quoted(&param.value, out),
                false => out.push_str(&param.value),
            }
        }
    }
}

/// A scheme with what it needs: a challenge, or the answer to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The scheme: `Digest`, as a rule.
    pub scheme: Text,
    /// What goes with it.
    pub params: AuthParams,
    /// What goes with a scheme that has a single value instead of parameters (`Bearer`, `Basic`).
    pub token: Option<Text>,
}

impl Credentials {
    /// A scheme without parameters.
    pub fn new(scheme: &str) -> Self {
        Self {
            scheme: Text::from(scheme),
            params: AuthParams::new(),
            token: None,
        }
    }

    /// Whether the scheme is Digest.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }

    fn read(text: &Text, cursor: &mut Cursor<'_>) -> Result<Self, Syntax> {
        const TOKEN68: &ByteSet = &ByteSet::alphanumeric_and(b"-._~+/");
        let scheme = text.slice_ref(cursor.token()?);
        cursor.skip_lws();
        let mut ahead = cursor.clone();
        let start = ahead.at();
        let is_token = !ahead.take_while(TOKEN68).is_empty() && {
            while ahead.eat(b'=') {}
            let token = ahead.since(start);
            // `a=` would be a parameter without its value; nobody sends one alone.
            ahead.end().is_ok().then_some(token)
        }
        .is_some();
        if is_token {
            let token = text.slice_ref(cursor.rest().trim_end());
            *cursor = ahead;
            return Ok(Self {
                scheme,
                params: AuthParams::new(),
                token: Some(token),
            });
        }
        Ok(Self {
            scheme,
            params: AuthParams::read(text, cursor)?,
            token: None,
        })
    }

    fn write(&self, out: &mut String) {
        write_line(&self.scheme, out);
        if let Some(token) = &self.token {
            out.push(' ');
            write_line(token, out);
        } else if !self.params.0.is_empty() {
            out.push(' ');
            self.params.write(out);
        }
    }
}

macro_rules! credentials {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub Credentials);

        impl std::ops::Deref for $name {
            type Target = Credentials;

            fn deref(&self) -> &Credentials {
                &self.0
            }
        }

        impl Header for $name {
            const NAME: Name = Name::$name;
            // Commas are between parameters.
            const LIST: bool = false;

            fn parse(value: &Text) -> Result<Self, HeaderError> {
                whole::<Self, _>(value, |cursor| Credentials::read(value, cursor).map(Self))
            }

            fn write(&self, out: &mut String) {
                self.0.write(out);
            }
        }
    )*};
}

credentials! {
    /// The challenge of a user agent or registrar, in a 401 (RFC 3261 §20.44).
    WwwAuthenticate;
    /// The challenge of a proxy, in a 407 (RFC 3261 §20.27).
    ProxyAuthenticate;
    /// The answer for a user agent or registrar (RFC 3261 §20.7).
    Authorization;
    /// The answer for a proxy (RFC 3261 §20.28).
    ProxyAuthorization;
}

macro_rules! info {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub AuthParams);

        impl Header for $name {
            const NAME: Name = Name::$name;
            const LIST: bool = false;

            fn parse(value: &Text) -> Result<Self, HeaderError> {
                whole::<Self, _>(value, |cursor| AuthParams::read(value, cursor).map(Self))
            }

            fn write(&self, out: &mut String) {
                self.0.write(out);
            }
        }
    )*};
}

info! {
    /// What the server says after a good answer (RFC 3261 §20.6).
    AuthenticationInfo;
    /// What a proxy says after a good answer (RFC 7615 §4).
    ProxyAuthenticationInfo;
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn challenges_and_credentials_there_and_back() {
        there_and_back::<WwwAuthenticate>(&[
            (
                "Digest realm=\"atlanta.com\",  domain=\"sip:boxesbybob.com\", qop=\"auth\",nonce=\"f84f1cec41e6cbe5aea9c8e88d359\", opaque=\"\", stale=FALSE, algorithm=MD5",
                "Digest realm=\"atlanta.com\", domain=\"sip:boxesbybob.com\", qop=\"auth\", nonce=\"f84f1cec41e6cbe5aea9c8e88d359\", opaque=\"\", stale=FALSE, algorithm=MD5",
            ),
            ("Negotiate", "Negotiate"),
        ]);
        there_and_back::<Authorization>(&[
            // Two spaces, stray commas, a missing one, quotes where none belong and none where they do.
            (
                "Digest  username=\"al\\\"ice\",, uri=sip:a@b;x=y nc=\"00000001\" , qop=auth,",
                "Digest username=\"al\\\"ice\", uri=\"sip:a@b;x=y\", nc=\"00000001\", qop=auth",
            ),
            // RFC 4475, regaut01: a scheme that nobody knows.
            (
                "NoOneKnowsThisScheme opaque-data=here",
                "NoOneKnowsThisScheme opaque-data=here",
            ),
            ("Bearer abc.d-e_f~+/==", "Bearer abc.d-e_f~+/=="),
            ("Basic QWxhZGRpbg==", "Basic QWxhZGRpbg=="),
        ]);
        there_and_back::<AuthenticationInfo>(&[(
            "nextnonce=\"47364c23\"",
            "nextnonce=\"47364c23\"",
        )]);
    }

    #[test]
    fn what_is_no_challenge_says_where() {
        refused::<ProxyAuthenticate>(&[
            ("", 0),
            ("\"Digest\"", 0),
            ("Digest realm=\"x", 13),
            ("Digest realm, a=b", 12),
            ("Digest a=b, =c", 12),
        ]);
    }

    #[test]
    fn values_come_without_quotes_and_go_with_them() {
        let mut header: ProxyAuthorization = read("digest Realm=\"a \\\"b\\\"\"");
        assert!(header.is_digest());
        assert_eq!(header.params.value("realm"), Some("a \"b\""));
        header.0.params.set("nc", "00000001");
        header.0.params.set("x", "not a token");
        header.0.params.set_quoted("realm", "c\r\nVia: d");
        assert_eq!(
            written(&header),
            "digest realm=\"c  Via: d\", nc=00000001, x=\"not a token\""
        );
    }
}
