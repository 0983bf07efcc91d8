//! Publications (RFC 3903): what is published, and what a server keeps of it.
//!
//! ```text
//!   Endpoint::publish ──── PUBLISH, state ─────────────▶ Publications::handle: a new entity-tag
//!   Event::Published ◀──── 200, SIP-ETag ────────────────
//!   (refreshed in time) ── PUBLISH, SIP-If-Match ──────▶ the same state, the next entity-tag
//!   update_publication ─── PUBLISH, SIP-If-Match, state ▶ another state
//!   unpublish ──────────── PUBLISH, SIP-If-Match, 0 s ─▶ gone
//! ```
//!
//! A server that does not know the entity-tag answers 412, upon which the state is published anew.

use super::Credentials;
use super::msg::header::{self, Expires, MinExpires, NameAddr, SipEtag, SipIfMatch};
use super::msg::{Name, Request, Response, Status, Uri};
use crate::engine::{Ids, Limits, Map};
use crate::wire::Text;
use bytes::Bytes;
use std::time::{Duration, Instant};

/// What is published.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose state: the Request-URI and To.
    pub resource: Uri,
    /// Who publishes: the address of From.
    pub from: NameAddr,
    /// The event package.
    pub event: header::Event,
    /// The type and bytes of the state.
    pub content: (Text, Bytes),
    /// For how long; the server may shorten it.
    pub expires: Duration,
    /// Header fields to be added to each PUBLISH.
    pub headers: Vec<(Name, Text)>,
    /// The credentials of this account; those of the endpoint if `None`.
    pub credentials: Option<Credentials>,
}

impl Config {
    /// Publishes a state of `resource`, by itself, for an hour.
    pub fn new(resource: Uri, package: &str, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            from: NameAddr::new(resource.clone()),
            resource,
            event: header::Event::new(package),
            content: (Text::from(content_type), body.into()),
            expires: Duration::from_secs(3600),
            headers: Vec::new(),
            credentials: None,
        }
    }
}

/// What a PUBLISH has done (RFC 3903 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The entity-tag by which the next PUBLISH names the state.
    pub etag: Text,
    /// For how long the state is kept.
    pub expires: Duration,
    /// What became of the state.
    pub change: Change,
}

/// What a PUBLISH did to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// There is another one.
    Created,
    /// It stays as it is, for longer.
    Refreshed,
    /// It has changed.
    Modified,
    /// It is gone.
    Removed,
}

impl Publication {
    /// The 200 to its PUBLISH (RFC 3903 §6).
    pub fn response(&self, request: &Request) -> Response {
        let mut response = request.response(Status::OK);
        let seconds = u32::try_from(self.expires.as_secs()).unwrap_or(u32::MAX);
        response.headers_mut().set(&Expires(seconds));
        response.headers_mut().set(&SipEtag(self.etag.clone()));
        response
    }
}

/// Why a PUBLISH is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no Event header, or another header cannot be read.
    #[error("a PUBLISH that cannot be read")]
    Unreadable,
    /// No state has that entity-tag (RFC 3903 §6, 412).
    #[error("no state with this entity-tag")]
    Unknown,
    /// It would be kept for less than that (423).
    #[error("less than {0:?}")]
    TooBrief(Duration),
    /// A first PUBLISH without a state.
    #[error("no state to publish")]
    NoBody,
    /// [`Limits::publications`] are kept already.
    #[error("too many publications")]
    Full,
}

impl Refusal {
    /// The response.
    pub fn response(&self, request: &Request) -> Response {
        let status = match self {
            Self::Unreadable | Self::NoBody => Status::BAD_REQUEST,
            Self::Unknown => Status::CONDITIONAL_REQUEST_FAILED,
            Self::TooBrief(_) => Status::INTERVAL_TOO_BRIEF,
            Self::Full => Status::SERVICE_UNAVAILABLE,
        };
        let mut response = request.response(status);
        if let Self::TooBrief(least) = self {
            let seconds = u32::try_from(least.as_secs()).unwrap_or(u32::MAX);
            response.headers_mut().set(&MinExpires(seconds));
        }
        response
    }
}

/// The states that a server keeps (RFC 3903 §6): an event state compositor without the composition, which is the
/// package's. Plain data; who may publish for whom is for the caller to decide before.
#[derive(Debug)]
pub struct Publications {
    by_etag: Map<Text, State>,
    /// The entity-tags of one resource and package.
    by_resource: Map<(Text, Text), Vec<Text>>,
    /// The least time for which a state may be published.
    pub least: Duration,
    /// The longest time for which a state is kept; also for one that does not say.
    pub most: Duration,
}

#[derive(Debug)]
struct State {
    resource: Text,
    package: Text,
    content: (Text, Bytes),
    until: Instant,
}

impl Publications {
    /// None.
    pub fn new(ids: &mut Ids) -> Self {
        Self {
            by_etag: ids.map(),
            by_resource: ids.map(),
            least: Duration::from_secs(60),
            most: Duration::from_secs(3600),
        }
    }

    /// Takes a PUBLISH for `resource`, whatever its Request-URI spells (RFC 3903 §6).
    ///
    /// # Errors
    ///
    /// Nothing was changed; answer with [`Refusal::response`].
    pub fn handle(
        &mut self,
        now: Instant,
        ids: &mut Ids,
        limits: &Limits,
        resource: &str,
        request: &Request,
    ) -> Result<Publication, Refusal> {
        let headers = request.headers();
        let event = (headers.get::<header::Event>()).map_err(|_| Refusal::Unreadable)?;
        let asked = (headers.find::<Expires>()).map_err(|_| Refusal::Unreadable)?;
        let matches = (headers.find::<SipIfMatch>()).map_err(|_| Refusal::Unreadable)?;
        if headers.count(&Name::SipIfMatch) > 1 {
            return Err(Refusal::Unreadable);
        }
        let known = match &matches {
            Some(SipIfMatch(etag)) => Some(
                (self.by_etag.get(etag))
                    .filter(|state| state.resource == *resource && state.package == event.package)
                    .filter(|state| state.until > now)
                    .map(|_| etag.compact())
                    .ok_or(Refusal::Unknown)?,
            ),
            None => None,
        };
        let asked = asked.map_or(self.most, |Expires(seconds)| {
            Duration::from_secs(seconds.into())
        });
        if !asked.is_zero() && asked < self.least {
            return Err(Refusal::TooBrief(self.least));
        }
        let expires = asked.min(self.most);
        let body = request.body();
        let change = match (&known, body.is_empty()) {
            (None, true) => return Err(Refusal::NoBody),
            (Some(_), _) if expires.is_zero() => Change::Removed,
            (Some(_), true) => Change::Refreshed,
            (Some(_), false) => Change::Modified,
            (None, false) => Change::Created,
        };
        if known.is_none() && !expires.is_zero() && self.by_etag.len() >= limits.publications {
            return Err(Refusal::Full);
        }
        let old = known.and_then(|etag| self.remove(&etag));
        // Each success has a tag of its own, also a refresh.
        let etag = ids.nonce();
        let publication = Publication {
            etag: etag.clone(),
            expires,
            change,
        };
        if expires.is_zero() {
            return Ok(publication);
        }
        let content = match (body.is_empty(), old) {
            (true, Some(old)) => old.content,
            _ => {
                let content_type = headers.text(&Name::ContentType).unwrap_or_default();
                (Text::from(content_type), Bytes::copy_from_slice(body))
            }
        };
        let state = State {
            resource: Text::from(resource),
            package: event.package.compact(),
            content,
            until: now + expires,
        };
        let place = (state.resource.clone(), state.package.clone());
        self.by_resource
            .entry(place)
            .or_default()
            .push(etag.clone());
        self.by_etag.insert(etag, state);
        Ok(publication)
    }

    /// The states of a resource that are not over, oldest first: their types and bytes.
    pub fn of<'a>(
        &'a self,
        now: Instant,
        resource: &str,
        package: &str,
    ) -> impl Iterator<Item = (&'a Text, &'a Bytes)> {
        let place = (Text::from(resource), Text::from(package));
        (self.by_resource.get(&place).into_iter().flatten())
            .filter_map(|etag| self.by_etag.get(etag))
            .filter(move |state| state.until > now)
            .map(|state| (&state.content.0, &state.content.1))
    }

    /// Forgets what is over, and says of which resources and packages. It looks at every state, so call it once in a
    /// while.
    pub fn expire(&mut self, now: Instant) -> Vec<(Text, Text)> {
        let over: Vec<_> = (self.by_etag.iter())
            .filter(|(_, state)| state.until <= now)
            .map(|(etag, _)| etag.clone())
            .collect();
        let mut places: Vec<_> = (over.iter())
            .filter_map(|etag| self.remove(etag))
            .map(|state| (state.resource, state.package))
            .collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// How many states are kept.
    pub fn len(&self) -> usize {
        self.by_etag.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.by_etag.is_empty()
    }

    fn remove(&mut self, etag: &Text) -> Option<State> {
        let state = self.by_etag.remove(etag)?;
        let place = (state.resource.clone(), state.package.clone());
        if let Some(etags) = self.by_resource.get_mut(&place) {
            etags.retain(|other| other != etag);
            if etags.is_empty() {
                self.by_resource.remove(&place);
            }
        }
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Seed;
    use crate::sip::msg::Method;

    struct Server {
        now: Instant,
        ids: Ids,
        limits: Limits,
        publications: Publications,
    }

    impl Server {
        fn new() -> Self {
            let mut ids = Ids::new(Seed::from_number(1));
            Self {
                now: Instant::now(),
                publications: Publications::new(&mut ids),
                limits: Limits {
                    publications: 2,
                    ..Limits::default()
                },
                ids,
            }
        }

        fn publish(
            &mut self,
            etag: Option<&Text>,
            body: &'static str,
            expires: Option<u32>,
        ) -> Result<Publication, Refusal> {
            let uri = "sip:alice@example.com";
            let mut request = Request::new(Method::Publish, &uri.parse().unwrap());
            let headers = request.headers_mut();
            headers.set(&header::Event::new("presence"));
            if let Some(etag) = etag {
                headers.set(&SipIfMatch(etag.clone()));
            }
            if let Some(expires) = expires {
                headers.set(&Expires(expires));
            }
            if !body.is_empty() {
                request.set_body("application/pidf+xml", body.into());
            }
            let (ids, limits) = (&mut self.ids, &self.limits);
            (self.publications).handle(self.now, ids, limits, uri, &request)
        }

        fn states(&self) -> Vec<&[u8]> {
            (self.publications)
                .of(self.now, "sip:alice@example.com", "presence")
                .map(|(_, body)| &body[..])
                .collect()
        }
    }

    #[test]
    fn rfc3903_6_from_the_first_publication_to_its_removal() {
        let mut server = Server::new();
        let first = server.publish(None, "one", Some(7200)).unwrap();
        assert_eq!(first.change, Change::Created);
        assert_eq!(first.expires, Duration::from_secs(3600), "shortened");
        let second = server.publish(Some(&first.etag), "", None).unwrap();
        assert_eq!(second.change, Change::Refreshed);
        assert_ne!(second.etag, first.etag, "each success has its own");
        assert_eq!(server.states(), [b"one"]);
        let third = server.publish(Some(&second.etag), "two", None).unwrap();
        assert_eq!(third.change, Change::Modified);
        assert_eq!(server.states(), [b"two"]);
        // An old tag is as unknown as a made up one.
        for etag in [&first.etag, &second.etag, &Text::from("x")] {
            assert_eq!(server.publish(Some(etag), "x", None), Err(Refusal::Unknown));
        }
        let last = server.publish(Some(&third.etag), "", Some(0)).unwrap();
        assert_eq!(last.change, Change::Removed);
        assert!(server.publications.is_empty() && server.states().is_empty());
        assert_eq!(
            server.publish(Some(&last.etag), "", None),
            Err(Refusal::Unknown)
        );
    }

    #[test]
    fn rfc3903_6_what_cannot_be_kept_is_refused() {
        let mut server = Server::new();
        assert_eq!(server.publish(None, "", None), Err(Refusal::NoBody));
        let least = Duration::from_secs(60);
        assert_eq!(
            server.publish(None, "x", Some(59)),
            Err(Refusal::TooBrief(least))
        );
        let one = server.publish(None, "1", None).unwrap();
        server.publish(None, "2", None).unwrap();
        assert_eq!(server.publish(None, "3", None), Err(Refusal::Full));
        assert_eq!(
            server.states(),
            [b"1", b"2"],
            "devices do not overwrite each other"
        );
        // What is there may still change.
        server.publish(Some(&one.etag), "1b", None).unwrap();
        let request = Request::new(Method::Publish, &"sip:a@b".parse().unwrap());
        for (refusal, code) in [
            (Refusal::Unreadable, 400),
            (Refusal::Unknown, 412),
            (Refusal::TooBrief(least), 423),
            (Refusal::Full, 503),
        ] {
            assert_eq!(refusal.response(&request).status().code(), code);
        }
    }

    #[test]
    fn rfc3903_6_what_is_not_refreshed_is_forgotten() {
        let mut server = Server::new();
        let one = server.publish(None, "1", Some(100)).unwrap();
        server.publish(None, "2", Some(200)).unwrap();
        server.now += Duration::from_secs(100);
        assert_eq!(
            server.publish(Some(&one.etag), "", None),
            Err(Refusal::Unknown)
        );
        assert_eq!(server.states(), [b"2"]);
        let place = (Text::from("sip:alice@example.com"), Text::from("presence"));
        assert_eq!(server.publications.expire(server.now), [place]);
        assert_eq!(server.publications.len(), 1);
    }
}
