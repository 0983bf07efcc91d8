//! What the endpoint adds to messages of the layer above.

use super::{Endpoint, Target};
use crate::engine::Cx;
use crate::sip::msg::header::{CSeq, CallId, From, MaxForwards, NameAddr, To};
use crate::sip::msg::{Header, Headers, Method, Name, Request, Uri};
use crate::wire::Text;

/// What we understand in a dialog of ours (RFC 3261 §20.5).
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, PRACK, MESSAGE, OPTIONS, INFO, UPDATE, SUBSCRIBE, NOTIFY, REFER";

impl Endpoint {
    /// Makes a request outside a dialog complete (RFC 3261 §8.1.1).
    pub(super) fn complete(&self, cx: &mut Cx<'_>, request: &mut Request, target: &Target) {
        if !request.headers().contains(&Name::To)
            && let Ok(uri) = request.uri()
        {
            request.headers_mut().set(&To(NameAddr::new(uri)));
        }
        let tagged = is_tagged::<From>(request.headers());
        if tagged.is_none() {
            let nobody = From(NameAddr::new(anonymous()));
            request.headers_mut().set(&nobody);
        } else if *target == Target::Uri && *request.method() != Method::Register {
            self.preload_route(request.headers_mut());
        }
        if tagged != Some(true) {
            add_tag(request.headers_mut(), Name::From, &cx.ids.tag());
        }
        let method = request.method().clone();
        let headers = request.headers_mut();
        if !headers.contains(&Name::CallId) {
            headers.set(&CallId(cx.ids.call_id()));
        }
        if !headers.contains(&Name::CSeq) {
            headers.set(&CSeq { number: 1, method });
        }
        self.sign(request);
    }

    /// Adds what every request has, inside and outside of dialogs.
    pub(super) fn sign(&self, request: &mut Request) {
        let is_offer = matches!(request.method(), Method::Invite | Method::Update);
        let headers = request.headers_mut();
        if !headers.contains(&Name::MaxForwards) {
            headers.set(&MaxForwards(70));
        }
        set_default(headers, Name::UserAgent, &self.config.user_agent);
        if is_offer {
            set_default(headers, Name::Allow, ALLOW);
            // What else is supported concerns other requests.
            let of_calls = ["timer", "100rel", "199", "replaces", "join"];
            let mut tags: Vec<&str> = (self.config.supported.iter())
                .map(Text::as_str)
                .filter(|tag| of_calls.contains(tag))
                .collect();
            if !tags.contains(&"timer") {
                tags.push("timer");
            }
            set_default(headers, Name::Supported, &tags.join(", "));
            self.offer_info(headers);
        }
    }

    /// The Route of requests of a registered user: the proxy, then its Service-Route (RFC 3608 §6.1).
    fn preload_route(&self, headers: &mut Headers) {
        if self.registrations.is_empty() || headers.contains(&Name::Route) {
            return;
        }
        let Ok(from) = headers.get::<From>() else {
            return;
        };
        let from = from.0.uri.aor();
        let Some((_, registration)) = self
            .registrations
            .iter()
            .find(|(_, registration)| registration.speaks_for(&from))
        else {
            return;
        };
        for hop in registration.preloaded(self.config.outbound_proxy.as_ref()) {
            headers.push(&hop);
        }
    }
}

/// Who calls when nobody says so (RFC 3261 §8.1.1.3).
fn anonymous() -> Uri {
    Uri::Other {
        scheme: Text::from_static("sip"),
        rest: Text::from_static("anonymous@anonymous.invalid"),
    }
}

/// Whether a From or To has a tag; `None` if there is none that can be read.
pub(super) fn is_tagged<H: Tagged>(headers: &Headers) -> Option<bool> {
    // Mostly there is nothing in it that could be a parameter.
    let is_plain = |text: &str| {
        text.starts_with('<')
            && text.ends_with('>')
            && memchr::memchr3(b'"', b';', b',', text.as_bytes()).is_none()
    };
    match headers.text(&H::NAME) {
        Some(text) if is_plain(text) => Some(false),
        _ => Some(headers.get::<H>().ok()?.has_tag()),
    }
}

/// A header that may have a tag.
pub(super) trait Tagged: Header {
    fn has_tag(&self) -> bool;
}

impl Tagged for From {
    fn has_tag(&self) -> bool {
        self.tag().is_some()
    }
}

impl Tagged for To {
    fn has_tag(&self) -> bool {
        self.tag().is_some()
    }
}

/// Adds a tag to a From or To that has none. It is written behind what is there, as whoever sent it spelled it.
pub(super) fn add_tag(headers: &mut Headers, name: Name, tag: &str) {
    if let Some(text) = headers.text(&name) {
        let text = text.trim_end_matches([' ', '\t', ';']);
        let tagged = [text, ";tag=", tag].concat();
        // It was in a header and we make tags of tokens, so there is no line end in it.
        let _ = headers.set_text(name, &tagged);
    }
}

/// Sets the text of a header that is missing.
pub(super) fn set_default(headers: &mut Headers, name: Name, value: &str) {
    if !value.is_empty() && !headers.contains(&name) {
        // A text of the application's with a line end in it is left out rather than sent.
        let _ = headers.set_text(name, value);
    }
}

/// Sets the number of a request.
pub(super) fn set_sequence(request: &mut Request, number: u32) {
    let method = request.method().clone();
    request.headers_mut().set(&CSeq { number, method });
}

/// The number of a request; 0 where there is none to be read. Unlike [`Request::keys`] it needs no Via, which
/// a request has only while it is sent.
pub(super) fn sequence(request: &Request) -> u32 {
    let sequence = request.headers().get::<CSeq>();
    sequence.map_or(0, |sequence| sequence.number)
}
