//! A request made from a URI (RFC 3261 §19.1.5).

use super::{SipUri, Uri, UriHeaders};
use crate::sip::WriteError;
use crate::sip::msg::{Header as _, Mode};
use crate::sip::msg::{Method, Name, Request, header};
use crate::wire::Text;
use bytes::Bytes;

/// Why no request is made from a URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriRequestError {
    /// The `method` is not a token, or one that no URI may ask for: ACK and CANCEL belong to an INVITE, BYE
    /// and PRACK and UPDATE to a dialog, REGISTER would move the user elsewhere.
    #[error("a URI may not ask for the method {0}")]
    Method(Text),
    /// A header that would forge who asks, redirect the request or the answers to it, or speak for the
    /// sender's abilities (RFC 3261 §19.1.5).
    #[error("a URI may not bring the header {0}")]
    Refused(Name),
    /// A header whose value does not follow its grammar.
    #[error("the header {0} of the URI is malformed")]
    Malformed(Name),
    /// A name that is not a token, or a value with a control character.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A body without a Content-Type.
    #[error("a body without a Content-Type")]
    Untyped,
}

/// The headers that a URI may bring: what the request is about, and whom it concerns. RFC 3261 §19.1.5 names
/// those that are dangerous; which of the many others are, nobody has listed, so this is the other way round.
const ALLOWED: [Name; 21] = [
    Name::Subject,
    Name::Priority,
    Name::InReplyTo,
    Name::AcceptContact,
    Name::RejectContact,
    Name::RequestDisposition,
    Name::Privacy,
    Name::Require,
    Name::Replaces,
    Name::Join,
    Name::TargetDialog,
    Name::Event,
    Name::Expires,
    Name::ReferTo,
    Name::ReferredBy,
    Name::ContributionId,
    Name::ConversationId,
    Name::InReplyToContributionId,
    Name::ContentType,
    Name::ContentDisposition,
    Name::UserToUser,
];

impl SipUri {
    /// The request that the URI asks for: the method, headers and body in it, to the URI without them. `To`,
    /// where the URI has none, is the URI itself; all else is for the sender to add.
    ///
    /// A header that is not in the table of names, such as `X-Reason`, is taken as it is; of those that are,
    /// only the harmless ones.
    ///
    /// ```
    /// use cpm::sip::msg::{Method, Name, Uri};
    ///
    /// let uri: Uri = "sip:bob@example.com;method=MESSAGE?Subject=project%20x".parse()?;
    /// let request = uri.as_sip().unwrap().request().unwrap();
    /// assert_eq!(request.method(), &Method::Message);
    /// assert_eq!(request.uri_text(), "sip:bob@example.com");
    /// assert_eq!(request.headers().text(&Name::Subject), Some("project x"));
    /// # Ok::<(), cpm::wire::cursor::Syntax>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The URI asks for what no URI may ask for, or is not understood.
    pub fn request(&self) -> Result<Request, UriRequestError> {
        let method = match self.method() {
            None => Method::Invite,
            Some(name) => asked_for(&Text::from(name.into_owned()))?,
        };
        let mut target = self.clone();
        target.params.remove("method");
        target.headers = UriHeaders::new();
        let target = Uri::Sip(target);
        let mut request = Request::new(method, &target);
        let (mut to, mut body) = (None, None);
        for (name, value) in self.headers.iter() {
            if name.eq_ignore_ascii_case("body") {
                body = Some(value);
                continue;
            }
            let name = Name::parse(&Text::from(name.into_owned())).ok_or(WriteError::Name)?;
            let malformed = || UriRequestError::Malformed(name.clone());
            if name == Name::To {
                let value = Text::from(value.into_owned());
                to = Some(header::To::parse(&value).map_err(|_| malformed())?);
                continue;
            }
            if !matches!(name, Name::Other(_)) && !ALLOWED.contains(&name) {
                return Err(UriRequestError::Refused(name));
            }
            header::check(&name, &value, Mode::Receive).map_err(|_| malformed())?;
            request.headers_mut().push_text(name, &value)?;
        }
        let to = to.unwrap_or_else(|| target.into());
        request.headers_mut().push(&to);
        if let Some(body) = body {
            let content_type = request.headers().text(&Name::ContentType);
            let content_type = content_type.ok_or(UriRequestError::Untyped)?.to_owned();
            request.set_body(&content_type, Bytes::from(body.into_owned()));
        }
        Ok(request)
    }
}

fn asked_for(name: &Text) -> Result<Method, UriRequestError> {
    match Method::parse(name) {
        Some(
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Prack
            | Method::Update
            | Method::Notify
            | Method::Register,
        )
        | None => Err(UriRequestError::Method(name.clone())),
        Some(method) => Ok(method),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<Request, UriRequestError> {
        text.parse::<Uri>().unwrap().as_sip().unwrap().request()
    }

    #[test]
    fn rfc3261_19_1_5_method_headers_and_body_of_a_uri_make_a_request() {
        let made = request(
            "sips:bob@example.com;transport=tcp;method=MESSAGE?Subject=a%26b&X-Any=1&Content-Type=text/plain&body=hi%21&to=sip:carol@example.com",
        )
        .unwrap();
        assert_eq!(made.method(), &Method::Message);
        assert_eq!(made.uri_text(), "sips:bob@example.com;transport=tcp");
        let text = |name: &Name| made.headers().text(name);
        assert_eq!(text(&Name::Subject), Some("a&b"));
        assert_eq!(text(&Name::Other("x-any".into())), Some("1"));
        assert_eq!(text(&Name::To), Some("<sip:carol@example.com>"));
        assert_eq!(text(&Name::ContentLength), Some("3"));
        assert_eq!(made.body(), "hi!");
        let bare = request("sip:bob@example.com").unwrap();
        assert_eq!(bare.method(), &Method::Invite);
        assert_eq!(
            bare.headers().text(&Name::To),
            Some("<sip:bob@example.com>")
        );
    }

    #[test]
    fn rfc3261_19_1_5_no_uri_forges_a_sender_or_a_route() {
        for (header, name) in [
            ("From=sip:x", Name::From),
            ("f=sip:x", Name::From),
            ("Call-ID=1", Name::CallId),
            ("CSEQ=1", Name::CSeq),
            ("Via=x", Name::Via),
            ("%56ia=x", Name::Via),
            ("Record-Route=%3Csip:x%3E", Name::RecordRoute),
            ("Route=%3Csip:x%3E", Name::Route),
            ("Contact=sip:x", Name::Contact),
            ("User-Agent=x", Name::UserAgent),
            ("Supported=x", Name::Supported),
            ("Content-Length=0", Name::ContentLength),
            ("Authorization=x", Name::Authorization),
            ("P-Asserted-Identity=sip:x", Name::PAssertedIdentity),
            ("Max-Forwards=0", Name::MaxForwards),
        ] {
            let made = request(&format!("sip:bob@example.com?{header}"));
            assert_eq!(
                made.unwrap_err(),
                UriRequestError::Refused(name),
                "{header}"
            );
        }
        for method in ["ACK", "BYE", "CANCEL", "REGISTER", "a%20b"] {
            let made = request(&format!("sip:bob@example.com;method={method}"));
            assert!(matches!(made, Err(UriRequestError::Method(_))), "{method}");
        }
    }

    #[test]
    fn rfc3261_19_1_5_a_uri_whose_request_would_be_malformed_makes_none() {
        for (headers, error) in [
            (
                "Subject=a%0D%0AVia:%20x",
                UriRequestError::Write(WriteError::Control { at: 1 }),
            ),
            ("a%20b=c", UriRequestError::Write(WriteError::Name)),
            ("Expires=x", UriRequestError::Malformed(Name::Expires)),
            ("To=x", UriRequestError::Malformed(Name::To)),
            ("body=x", UriRequestError::Untyped),
        ] {
            let made = request(&format!("sip:bob@example.com?{headers}"));
            assert_eq!(made.unwrap_err(), error, "{headers}");
        }
    }
}
