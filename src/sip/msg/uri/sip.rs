//! SIP and SIPS URIs.

use super::{Extent, escape};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, Cursor, Syntax};
use crate::wire::host::{HostPort, HostPortRef};
use crate::wire::params::{Param, Params, ParamsRef};
use std::borrow::Cow;

/// A SIP or SIPS URI (RFC 3261 §19.1.1).
///
/// The fields hold what is written, escapes included. [`SipUri::user`] and [`SipUri::param`] give what it
/// means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipUri {
    /// Whether the scheme is `sips`.
    pub secure: bool,
    /// The user as it is written, with escapes.
    pub user: Option<Text>,
    /// The password as it is written. It travels in the clear; nobody should use it.
    pub password: Option<Box<Text>>,
    /// The host and, where it is written, the port.
    pub host: HostPort,
    /// The parameters of the URI.
    pub params: Params,
    /// The headers a request made from the URI would carry.
    pub headers: UriHeaders,
}

/// `user-unreserved` and `unreserved` of RFC 3261 §25.1.
pub(super) const USER: ByteSet = ByteSet::UNRESERVED.and(b"&=+$,;?/");
pub(super) const PASSWORD: ByteSet = ByteSet::UNRESERVED.and(b"&=+$,");
/// `paramchar`.
pub(super) const PARAM: ByteSet = ByteSet::UNRESERVED.and(b"[]/:&+$");
/// `hnv-unreserved`, and what puts names and values together.
pub(super) const HEADERS: ByteSet = ByteSet::UNRESERVED.and(b"[]/?:+$&=");
const HEADER: ByteSet = ByteSet::UNRESERVED.and(b"[]/?:+$");

impl SipUri {
    /// A SIP URI of a host alone.
    pub const fn new(host: HostPort) -> Self {
        Self {
            secure: false,
            user: None,
            password: None,
            host,
            params: Params::new(),
            headers: UriHeaders::new(),
        }
    }

    /// The URI with this user, which is escaped where it has to be.
    #[must_use]
    pub fn with_user(mut self, user: &str) -> Self {
        let mut escaped = String::with_capacity(user.len());
        escape::encode(user, &USER, &mut escaped);
        self.user = Some(Text::from(escaped));
        self
    }

    /// The URI with this parameter set.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: Option<&str>) -> Self {
        self.set_param(name, value);
        self
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str(match self.secure {
            true => "sips:",
            false => "sip:",
        });
        if let Some(user) = &self.user {
            escape::write(user, &USER, out);
            if let Some(password) = &self.password {
                out.push(':');
                escape::write(password, &PASSWORD, out);
            }
            out.push('@');
        }
        self.host.write(out);
        write_params(&self.params, out);
        self.headers.write(out);
    }

    /// The user without escapes.
    pub fn user(&self) -> Option<Cow<'_, str>> {
        self.user.as_deref().map(escape::decode)
    }

    /// The value of a parameter without escapes; empty if it has none.
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        find(&self.params, name).map(|p| escape::decode(p.value.unwrap_or_default()))
    }

    /// Whether there is a parameter of this name, escaped or not.
    pub fn has_param(&self, name: &str) -> bool {
        find(&self.params, name).is_some()
    }

    /// Sets a parameter. The value has no escapes yet.
    pub fn set_param(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(|value| {
            let mut escaped = String::with_capacity(value.len());
            escape::encode(value, &PARAM, &mut escaped);
            escaped
        });
        self.params.set(name, value.as_deref());
    }

    /// The transport that is asked for.
    pub fn transport(&self) -> Option<Cow<'_, str>> {
        self.param("transport")
    }

    /// The method of a request made from the URI.
    pub fn method(&self) -> Option<Cow<'_, str>> {
        self.param("method")
    }

    /// The address that overrides the host.
    pub fn maddr(&self) -> Option<Cow<'_, str>> {
        self.param("maddr")
    }

    /// Whether the one it names is a loose router (RFC 3261 §19.1.1).
    pub fn is_loose_router(&self) -> bool {
        self.has_param("lr")
    }

    /// Whether the user is a telephone number (`user=phone`).
    pub fn is_phone(&self) -> bool {
        self.param("user")
            .is_some_and(|value| value.eq_ignore_ascii_case("phone"))
    }

    /// Whether requests for it shall come over the flow of the registration (RFC 5626 §5).
    pub fn is_outbound(&self) -> bool {
        self.has_param("ob")
    }

    /// The `gr` parameter that makes it a GRUU (RFC 5627 §3.1); empty for a temporary one.
    pub fn gruu(&self) -> Option<Cow<'_, str>> {
        self.param("gr")
    }

    /// The same URI in a buffer of its own.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self {
            secure: self.secure,
            user: self.user.as_ref().map(Text::compact),
            password: (self.password.as_ref()).map(|password| Box::new(password.compact())),
            host: self.host.compact(),
            params: self.params.compact(),
            headers: UriHeaders::of(self.headers.text().map(Text::compact)),
        }
    }
}

/// A SIP or SIPS URI that was read and is not kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SipUriRef<'a> {
    secure: bool,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: HostPortRef<'a>,
    params: ParamsRef<'a>,
    headers: &'a str,
}

impl<'a> SipUriRef<'a> {
    #[inline(always)]
    pub(super) fn read(
        cursor: &mut Cursor<'a>,
        extent: Extent,
        secure: bool,
    ) -> Result<Self, Syntax> {
        const HEADERS: &ByteSet = &ByteSet::visible_except(b"<>\"");
        const BARE_HEADERS: &ByteSet = &ByteSet::visible_except(b"<>\";");
        let (user, password) = match userinfo(cursor)? {
            Some((user, password)) => (Some(user), password),
            None => (None, None),
        };
        let host = HostPortRef::read(cursor)?;
        let params = match extent {
            Extent::Whole => ParamsRef::read_uri(cursor)?,
            Extent::Bare => ParamsRef::NONE,
        };
        let headers = match cursor.eat(b'?') {
            true => cursor.take_while(match extent {
                Extent::Whole => HEADERS,
                Extent::Bare => BARE_HEADERS,
            }),
            false => "",
        };
        Ok(Self {
            secure,
            user,
            password,
            host,
            params,
            headers,
        })
    }

    pub(super) fn own(self, text: &Text) -> SipUri {
        SipUri {
            secure: self.secure,
            user: self.user.map(|user| text.slice_ref(user)),
            password: (self.password).map(|password| Box::new(text.slice_ref(password))),
            host: self.host.own(text),
            params: self.params.own(text),
            headers: match self.headers {
                "" => UriHeaders::new(),
                headers => UriHeaders::of(Some(text.slice_ref(headers))),
            },
        }
    }
}

/// User and password, where there is an `@` after them.
#[inline(always)]
fn userinfo<'a>(cursor: &mut Cursor<'a>) -> Result<Option<(&'a str, Option<&'a str>)>, Syntax> {
    const PASSWORD: &ByteSet = &ByteSet::visible_except(b"@<>\"");
    const USER: &ByteSet = &ByteSet::visible_except(b":@<>\"");
    let mut ahead = cursor.clone();
    let user = ahead.take_while(USER);
    let password = ahead.eat(b':').then(|| ahead.take_while(PASSWORD));
    if !ahead.eat(b'@') {
        return Ok(None);
    }
    if user.is_empty() {
        return Err(cursor.error("a user"));
    }
    *cursor = ahead;
    Ok(Some((user, password)))
}

/// The parameter whose name means `name`: `%6C%72` is `lr`.
pub(super) fn find<'a>(params: &'a Params, name: &str) -> Option<Param<'a>> {
    params.iter().find(|p| {
        escape::bytes(p.name, &PARAM)
            .map(|b| b.to_lowercase())
            .eq(escape::bytes(name, &PARAM).map(|b| b.to_lowercase()))
    })
}

/// Writes parameters as a URI has them: escapes, no quotes.
pub(super) fn write_params(params: &Params, out: &mut String) {
    for param in params.iter() {
        out.push(';');
        escape::write(param.name, &PARAM, out);
        if let Some(value) = param.value {
            out.push('=');
            escape::write(value, &PARAM, out);
        }
    }
}

/// The `?name=value&name=value` part of a SIP URI: header fields of a request made from it
/// (RFC 3261 §19.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UriHeaders(Option<Box<Text>>);

impl UriHeaders {
    /// None.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Those of a text. Nearly no URI has any, and URIs are everywhere.
    fn of(text: Option<Text>) -> Self {
        Self(text.filter(|text| !text.is_empty()).map(Box::new))
    }

    fn text(&self) -> Option<&Text> {
        self.0.as_deref()
    }

    fn as_str(&self) -> &str {
        self.text().map_or("", Text::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }

    /// Names and values as they are written, with escapes.
    pub(super) fn raw(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.as_str().split('&').filter(|field| !field.is_empty());
        fields.map(|field| field.split_once('=').unwrap_or((field, "")))
    }

    /// Names and values without escapes.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.raw()
            .map(|(name, value)| (escape::decode(name), escape::decode(value)))
    }

    /// The first value of that name without escapes. The body of the request is called `body`.
    pub fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut all = self.iter();
        all.find_map(|(n, value)| n.eq_ignore_ascii_case(name).then_some(value))
    }

    /// Adds a header. Neither name nor value have escapes yet.
    pub fn push(&mut self, name: &str, value: &str) {
        let mut all = self.as_str().to_owned();
        if !all.is_empty() {
            all.push('&');
        }
        escape::encode(name, &HEADER, &mut all);
        all.push('=');
        escape::encode(value, &HEADER, &mut all);
        *self = Self::of(Some(Text::from(all)));
    }

    fn write(&self, out: &mut String) {
        if !self.is_empty() {
            out.push('?');
            escape::write(self.as_str(), &HEADERS, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::msg::Uri;
    use proptest::prelude::*;

    fn sip(text: &str) -> SipUri {
        let uri: Uri = text.parse().unwrap();
        uri.as_sip().unwrap().clone()
    }

    #[test]
    fn every_part_there_and_back() {
        for (text, user, host) in [
            ("sip:atlanta.com", None, "atlanta.com"),
            ("sip:alice@atlanta.com", Some("alice"), "atlanta.com"),
            (
                "sip:alice:secretword@atlanta.com;transport=tcp",
                Some("alice"),
                "atlanta.com",
            ),
            (
                "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
                Some("alice"),
                "atlanta.com",
            ),
            (
                "sip:+1-212-555-1212:1234@gateway.com;user=phone",
                Some("+1-212-555-1212"),
                "gateway.com",
            ),
            ("sips:1212@gateway.com", Some("1212"), "gateway.com"),
            (
                "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
                None,
                "atlanta.com",
            ),
            (
                "sip:alice;day=tuesday@atlanta.com",
                Some("alice;day=tuesday"),
                "atlanta.com",
            ),
            (
                "sip:user;par=u%40example.net@example.com",
                Some("user;par=u@example.net"),
                "example.com",
            ),
            (
                "sip:sips%3Auser%40example.com@example.net",
                Some("sips:user@example.com"),
                "example.net",
            ),
            (
                "sip:user@[2001:db8::10]:5070;lr",
                Some("user"),
                "[2001:db8::10]",
            ),
            ("sip:[2001:db8::10]", None, "[2001:db8::10]"),
            (
                "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",
                Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"),
                "example.com",
            ),
            (
                "sip:host5.example.net;%6C%72;n%61me=v%61lue%25%34%31",
                None,
                "host5.example.net",
            ),
        ] {
            let uri = sip(text);
            assert_eq!(uri.user().as_deref(), user, "{text}");
            assert_eq!(uri.host.host.to_string(), host, "{text}");
            assert_eq!(Uri::Sip(uri).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_sip_uri_says_where() {
        for (text, at) in [
            ("", 0),
            ("<sip:user@example.com>", 0),
            ("sip", 3),
            ("sip:", 4),
            ("sip:@host", 4),
            ("sip:a@", 6),
            ("sip:a@b@c", 7),
            ("sip:a@b:port", 8),
            ("sip:a@b:99999", 8),
            ("sip:user@example.com; lr", 21),
            ("sip:a@b;x=\"y\"", 10),
            ("sip:a@b ", 7),
            ("sip:2001:db8::10", 9),
            ("sip:user@[2001:db8:::192.0.2.1]", 9),
            ("sip:a b@c", 5),
        ] {
            let error = text.parse::<Uri>().unwrap_err();
            assert_eq!(error.at, at, "{text}: {error}");
        }
    }

    #[test]
    fn rfc4475_3_1_1_4_escaped_parameters_mean_what_they_say() {
        let uri = sip("sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31");
        assert_eq!(uri.user().as_deref(), Some("caller"));
        assert!(uri.is_loose_router());
        assert_eq!(uri.param("name").as_deref(), Some("value%41"));
    }

    #[test]
    fn headers_of_a_uri_are_read_and_added() {
        let mut uri = sip("sip:list@example.com?Subject=a%26b&body=hi&empty=&bare");
        assert_eq!(uri.headers.value("subject").as_deref(), Some("a&b"));
        let names: Vec<_> = uri
            .headers
            .iter()
            .map(|(name, _)| name.into_owned())
            .collect();
        assert_eq!(names, ["Subject", "body", "empty", "bare"]);
        uri.headers = UriHeaders::new();
        uri.headers.push("Route", "<sip:x;lr>");
        uri.headers.push("q", "a&b=c");
        assert_eq!(
            Uri::Sip(uri).to_string(),
            "sip:list@example.com?Route=%3Csip:x%3Blr%3E&q=a%26b%3Dc"
        );
    }

    #[test]
    fn parameters_are_escaped_and_never_quoted() {
        let uri = sip("sip:example.com")
            .with_user("a b@c;d")
            .with_param("ob", None)
            .with_param("gr", Some("urn:uuid:1 2;x"));
        assert_eq!(uri.gruu().as_deref(), Some("urn:uuid:1 2;x"));
        assert!(uri.is_outbound());
        assert_eq!(
            Uri::Sip(uri).to_string(),
            "sip:a%20b%40c;d@example.com;ob;gr=urn:uuid:1%202%3Bx"
        );
    }

    #[test]
    fn no_field_of_a_uri_can_end_its_line_or_the_uri() {
        let mut uri = sip("sip:a@b");
        uri.user = Some(Text::from("a\r\nX: y>@c"));
        uri.params.set("p", Some("q>\r\nVia: x"));
        let text = Uri::Sip(uri).to_string();
        assert_eq!(text, "sip:a%0D%0AX%3A%20y%3E%40c@b;p=q%3E%20%20Via:%20x");
        assert!(text.parse::<Uri>().is_ok());
    }

    proptest! {
        #[test]
        fn what_is_built_is_read_again(
            user in proptest::option::of("\\PC{1,12}"),
            host in "[a-z][a-z0-9.-]{0,12}|192\\.0\\.2\\.[0-9]|\\[2001:db8::[0-9a-f]{1,4}\\]",
            port in proptest::option::of(any::<u16>()),
            params in proptest::collection::btree_map("[a-z]{1,6}", proptest::option::of("\\PC{0,8}"), 0..4),
            headers in proptest::collection::vec(("[a-z]{1,6}", "\\PC{0,8}"), 0..3),
        ) {
            let mut uri = sip(&format!("sip:{host}"));
            uri.host.port = port;
            if let Some(user) = &user {
                uri = uri.with_user(user);
            }
            for (name, value) in &params {
                uri.set_param(name, value.as_deref());
            }
            for (name, value) in &headers {
                uri.headers.push(name, value);
            }
            let again = sip(&Uri::Sip(uri.clone()).to_string());
            prop_assert_eq!(again.user().map(Cow::into_owned), user);
            for (name, value) in &params {
                prop_assert_eq!(again.param(name).map(Cow::into_owned), Some(value.clone().unwrap_or_default()));
            }
            let pairs: Vec<_> = again.headers.iter().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
            prop_assert_eq!(pairs, headers);
            prop_assert!(Uri::Sip(again.clone()).matches(&Uri::Sip(uri.clone())));
            prop_assert_eq!(again, uri);
        }

        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_is_stable(text in "(sips?|tel|urn):[ -~é]{0,40}") {
            if let Ok(uri) = text.parse::<Uri>() {
                let written = uri.to_string();
                let again: Uri = written.parse().unwrap();
                prop_assert_eq!(again.to_string(), written);
                prop_assert!(again.matches(&uri));
                prop_assert_eq!(again.aor(), uri.aor());
            }
        }
    }
}
