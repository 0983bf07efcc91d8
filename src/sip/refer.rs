//! REFER (RFC 3515): asking somebody to send a request to somebody else, and what comes of it.
//!
//! ```text
//!   who refers                                    who is referred
//!   Endpoint::refer ─────── REFER ──────────────▶ Event::Referred
//!   Event::Subscribed ◀──── 202 ───────────────── Endpoint::accept_refer
//!   Event::Notified ◀────── NOTIFY: 100 ─────────        (sends the request of triggered())
//!   Event::Notified ◀────── NOTIFY: 200 ───────── Endpoint::notify_refer
//!   Event::SubscriptionTerminated                 Event::SubscriptionOver
//! ```
//!
//! Without a subscription (`Refer-Sub: false`, RFC 4488, or `Require: nosub`, RFC 7614) the 202 is all that is heard
//! of it; with `Require: explicitsub` it says where to subscribe.

use super::msg::header::{From, NameAddr, ReferTo, ReferredBy, Replaces, Require, Supported};
use super::msg::uri::UriHeaders;
use super::msg::{Header, Method, Name, Request, Response, Status, Uri};
use crate::engine::{Ids, Limits};
use crate::lists::{self, RecipientList};
use crate::wire::Text;
use bytes::Bytes;

/// The event package of what comes of a REFER (RFC 3515 §2.4.4).
pub const PACKAGE: &str = "refer";

/// The media type of what a NOTIFY says of it: a part of a response (RFC 3420, RFC 3515 §2.4.5).
pub const MEDIA_TYPE: &str = "message/sipfrag;version=2.0";

/// Header fields that may stand in the URI of a Refer-To and become part of the request (RFC 3261 §19.1.5 warns of
/// all that say who sends a request and which way it goes).
const HONOURED: [Name; 11] = [
    Name::Replaces,
    Name::Join,
    Name::AcceptContact,
    Name::RejectContact,
    Name::RequestDisposition,
    Name::Require,
    Name::Subject,
    Name::Priority,
    Name::ConversationId,
    Name::ContributionId,
    Name::TargetDialog,
];

/// Why it is not clear to whom a REFER refers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// There is not exactly one Refer-To that can be read (RFC 3515 §2.4.2).
    #[error("not exactly one Refer-To")]
    ReferTo,
    /// It names a list that is not in the body.
    #[error("no list in the body")]
    NoList,
    /// The list cannot be read.
    #[error(transparent)]
    List(#[from] lists::ParseError),
    /// An entry of the list is no URI.
    #[error("an entry of the list is no URI")]
    Uri,
}

/// A REFER of `from` to `resource`, which is asked to send a request to `target`. A URI parameter `method` of the
/// target says which, else it is an INVITE (RFC 3515 §2.1).
pub fn request(resource: &Uri, from: &Uri, target: &Uri) -> Request {
    let mut request = Request::new(Method::Refer, resource);
    let headers = request.headers_mut();
    headers.set(&From(NameAddr::new(from.clone())));
    headers.set(&ReferTo(NameAddr::new(target.clone())));
    headers.set(&ReferredBy(NameAddr::new(from.clone())));
    request
}

/// A REFER of `from` to `resource`, which is asked to send a request to each of a list. There is no subscription to what
/// comes of it (RFC 5368).
pub fn multiple(resource: &Uri, from: &Uri, list: &RecipientList, ids: &mut Ids) -> Request {
    let id = format!("{}@list.invalid", ids.message_id());
    let target = Uri::Other {
        scheme: Text::from_static("cid"),
        rest: Text::from(id.as_str()),
    };
    let mut request = request(resource, from, &target);
    unsubscribed(&mut request);
    request.set_body(lists::MEDIA_TYPE, list.write());
    let headers = request.headers_mut();
    for (name, value) in [
        (Name::Require, "multiple-refer, norefersub"),
        (Name::ContentDisposition, lists::DISPOSITION),
        (Name::ContentId, &format!("<{id}>")),
    ] {
        // An identifier of ours has no line end in it.
        let _ = headers.set_text(name, value);
    }
    request
}

/// Asks for no subscription to what comes of a REFER (RFC 4488 §4).
pub fn unsubscribed(request: &mut Request) {
    let headers = request.headers_mut();
    let _ = headers.set_text(Name::ReferSub, "false");
    let mut supported = Supported::of(headers).unwrap_or_default();
    if !supported.contains("norefersub") {
        supported.0.push(Text::from_static("norefersub"));
        headers.set(&supported);
    }
}

/// The option tag of a REFER that must make no subscription (RFC 7614).
const NOSUB: &str = "nosub";

/// The option tag of a REFER whose receiver is to say where to subscribe (RFC 7614).
const EXPLICITSUB: &str = "explicitsub";

/// Forbids a subscription to what comes of a REFER: whoever cannot do without refuses it with 420 (RFC 7614).
pub fn without_subscription(request: &mut Request) {
    require(request, NOSUB);
}

/// Asks for an address to subscribe to instead of a subscription: it is in Refer-Events-At of the 2xx
/// ([`ReferEventsAt`](super::msg::header::ReferEventsAt)), and the package is [`PACKAGE`] (RFC 7614).
pub fn explicit(request: &mut Request) {
    require(request, EXPLICITSUB);
}

fn require(request: &mut Request, tag: &'static str) {
    let headers = request.headers_mut();
    let mut required = Require::of(headers).unwrap_or_default();
    if !required.contains(tag) {
        required.0.push(Text::from_static(tag));
        headers.set(&required);
    }
}

/// Whether a REFER that is accepted makes no subscription by itself, whatever the answer says (RFC 7614).
pub(super) fn implies_none(headers: &super::msg::Headers) -> bool {
    let required = Require::of(headers).unwrap_or_default();
    required.contains(NOSUB) || required.contains(EXPLICITSUB)
}

/// Whether a REFER, or the 2xx to one, speaks of a subscription (RFC 4488 §4, RFC 7614).
pub fn subscribes(headers: &super::msg::Headers) -> bool {
    if implies_none(headers) {
        return false;
    }
    let word = headers.text(&Name::ReferSub).unwrap_or_default();
    let word = word.split(';').next().unwrap_or_default();
    !word.trim().eq_ignore_ascii_case("false")
}

/// The target of a REFER that moves a call: an INVITE to it takes the place of the dialog (RFC 3891, RFC 5589).
pub fn replacing(target: &Uri, replaces: &Replaces) -> Uri {
    let mut target = target.clone();
    if let Some(uri) = target.as_sip_mut() {
        let mut value = String::new();
        replaces.write(&mut value);
        uri.headers.push(Name::Replaces.as_str(), &value);
    }
    target
}

/// To whom a REFER refers: the URI of Refer-To, or those of the list that it names (RFC 5368).
///
/// # Errors
///
/// It cannot be said; answer 400.
pub fn targets(request: &Request, limits: &Limits) -> Result<Vec<Uri>, TargetError> {
    let headers = request.headers();
    if headers.count(&Name::ReferTo) != 1 {
        return Err(TargetError::ReferTo);
    }
    let target = (headers.get::<ReferTo>()).map_err(|_| TargetError::ReferTo)?;
    if !target.0.uri.scheme().eq_ignore_ascii_case("cid") {
        return Ok(vec![target.0.uri]);
    }
    let content_type = Text::from(headers.text(&Name::ContentType).unwrap_or_default());
    let list = RecipientList::find(&content_type, request.body(), limits)?;
    let list = list.ok_or(TargetError::NoList)?;
    (list.entries.iter())
        .map(|entry| Uri::parse(&entry.uri).map_err(|_| TargetError::Uri))
        .collect()
}

/// The request that a target asks for (RFC 3261 §19.1.5), from `from`. Of the header fields in the URI those are taken
/// over that say what the request is about; who has referred to it is told by Referred-By (RFC 3892).
pub fn triggered(target: &Uri, from: &Uri, refer: &Request) -> Request {
    let mut target = target.clone();
    let mut method = None;
    let mut carried = Vec::new();
    match &mut target {
        Uri::Sip(uri) => {
            method = uri.method().map(|method| Text::from(&*method));
            uri.params.remove("method");
            for (name, value) in uri.headers.iter() {
                if let Some(name) = Name::parse(&Text::from(&*name))
                    && HONOURED.contains(&name)
                {
                    carried.push((name, value.into_owned()));
                }
            }
            uri.headers = UriHeaders::new();
        }
        Uri::Tel(uri) => {
            method = uri.params.text("method");
            uri.params.remove("method");
        }
        Uri::Other { .. } => {}
    }
    let method = (method.as_ref())
        .and_then(Method::parse)
        .unwrap_or(Method::Invite);
    let mut request = Request::new(method, &target);
    let headers = request.headers_mut();
    headers.set(&From(NameAddr::new(from.clone())));
    if let Ok(Some(referred_by)) = refer.headers().find::<ReferredBy>() {
        headers.set(&referred_by);
    }
    for (name, value) in carried {
        // What has a line end in it is left out rather than sent.
        let _ = headers.set_text(name, &value);
    }
    request
}

/// What a NOTIFY tells of a response: its first line (RFC 3515 §2.4.5 leaves the rest out for whom it is none of the
/// business of).
pub fn fragment(status: Status) -> Bytes {
    Bytes::from(format!("SIP/2.0 {} {}\r\n", status.code(), status.phrase()))
}

/// The status that a NOTIFY tells of the request that was asked for; `None` if it tells none.
pub fn progress(notify: &Request) -> Option<Status> {
    let line = notify.body().split(|byte| *byte == b'\n').next()?;
    let rest = std::str::from_utf8(line)
        .ok()?
        .trim()
        .strip_prefix("SIP/2.0")?;
    let code = rest.split_whitespace().next()?.parse().ok()?;
    Status::new(code)
}

/// The 2xx to a REFER: 202 unless something better is known (RFC 3515 §2.4.2; 200 after RFC 6665 §8.3.1).
pub fn accepted(refer: &Request) -> Response {
    refer.response(Status::ACCEPTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Seed;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn rfc3261_19_1_5_only_harmless_headers_of_the_uri_are_honoured() {
        let target = uri(
            "sip:carol@example.com;method=INVITE?Replaces=12%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&From=%3Csip:x@y%3E\
             &Route=%3Csip:evil%3Blr%3E&Call-ID=1&Subject=a%0d%0aX:%20y&Priority=urgent&body=x",
        );
        let refer = request(
            &uri("sip:bob@example.com"),
            &uri("sip:alice@example.com"),
            &target,
        );
        let invite = triggered(&target, &uri("sip:bob@example.com"), &refer);
        assert_eq!(*invite.method(), Method::Invite);
        assert_eq!(invite.uri_text(), "sip:carol@example.com");
        let headers = invite.headers();
        assert_eq!(
            headers.text(&Name::Replaces),
            Some("12@b;to-tag=1;from-tag=2")
        );
        assert_eq!(headers.text(&Name::From), Some("<sip:bob@example.com>"));
        assert_eq!(headers.text(&Name::Priority), Some("urgent"));
        assert_eq!(
            headers.text(&Name::ReferredBy),
            Some("<sip:alice@example.com>")
        );
        for name in [Name::Route, Name::CallId, Name::Subject] {
            assert!(!headers.contains(&name), "{name}");
        }
        assert!(invite.body().is_empty());
    }

    #[test]
    fn rfc3515_2_1_the_method_is_that_of_the_uri() {
        let alice = uri("sip:alice@example.com");
        for (target, method, to) in [
            ("sip:a@b", Method::Invite, "sip:a@b"),
            ("sip:a@b;method=BYE;lr", Method::Bye, "sip:a@b;lr"),
            ("tel:+15550003;method=BYE", Method::Bye, "tel:+15550003"),
        ] {
            let refer = request(&alice, &alice, &uri(target));
            let [target] = &targets(&refer, &Limits::default()).unwrap()[..] else {
                panic!()
            };
            let request = triggered(target, &alice, &refer);
            assert_eq!((request.method(), request.uri_text()), (&method, to));
        }
    }

    #[test]
    fn rfc3891_a_target_that_takes_the_place_of_a_dialog() {
        let replaces = Replaces::new("98732@sip.example.com", "ff87ff", "r33th4x0r");
        let target = replacing(&uri("sip:carol@example.com"), &replaces);
        let alice = uri("sip:alice@example.com");
        let read = targets(&request(&alice, &alice, &target), &Limits::default()).unwrap();
        let invite = triggered(&read[0], &alice, &request(&alice, &alice, &target));
        assert_eq!(invite.headers().get::<Replaces>(), Ok(replaces));
    }

    #[test]
    fn rfc5368_a_list_of_targets() {
        let (alice, focus) = (uri("sip:alice@example.com"), uri("sip:focus@example.com"));
        let list = RecipientList::new(["sip:bob@example.com", "tel:+15550003;method=BYE"]);
        let mut ids = Ids::new(Seed::from_number(1));
        let mut refer = multiple(&focus, &alice, &list, &mut ids);
        let limits = Limits::default();
        let all: Vec<_> = (targets(&refer, &limits).unwrap().iter())
            .map(Uri::to_string)
            .collect();
        assert_eq!(all, ["sip:bob@example.com", "tel:+15550003;method=BYE"]);
        assert!(!subscribes(refer.headers()));
        let headers = refer.headers();
        assert_eq!(
            headers.text(&Name::Require),
            Some("multiple-refer, norefersub")
        );
        assert_eq!(
            headers.text(&Name::ContentDisposition),
            Some("recipient-list")
        );
        let id = headers.text(&Name::ContentId).unwrap();
        let to = headers.text(&Name::ReferTo).unwrap();
        assert_eq!(id.trim_matches(&['<', '>'][..]), &to[5..to.len() - 1]);
        refer.clear_body();
        assert_eq!(targets(&refer, &limits), Err(TargetError::NoList));
        refer.headers_mut().remove(&Name::ReferTo);
        assert_eq!(targets(&refer, &limits), Err(TargetError::ReferTo));
    }

    #[test]
    fn rfc3515_2_4_5_a_fragment_tells_a_status() {
        let mut notify = Request::new(Method::Notify, &uri("sip:a@b"));
        for (body, status) in [
            (fragment(Status::TRYING), Some(Status::TRYING)),
            (
                "SIP/2.0 603 Declined\r\nX: y\r\n".into(),
                Some(Status::DECLINE),
            ),
            ("SIP/2.0 200".into(), Some(Status::OK)),
            ("SIP/2.0 20 OK\r\n".into(), None),
            ("INVITE sip:a@b SIP/2.0\r\n".into(), None),
            (Bytes::new(), None),
        ] {
            notify.set_body(MEDIA_TYPE, body);
            assert_eq!(progress(&notify), status);
        }
    }
}
