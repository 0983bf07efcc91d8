//! States that are kept published (RFC 3903 §4).

use super::fill::set_default;
use super::registration::refresh_after;
use super::sending::User;
use super::subscriber::retry_after;
use super::{Deadline, Endpoint, Event, Failure, PublicationId, Target};
use crate::engine::{Cx, Key};
use crate::sip::msg::header::{Expires, From, MinExpires, NameAddr, SipEtag, SipIfMatch, To};
use crate::sip::msg::{Method, Request, Response, Status};
use crate::sip::publication::Config;
use crate::wire::Text;
use bytes::Bytes;
use std::time::Duration;

/// How long to wait after a first failure, doubled with each further one up to the greatest.
const RETRY: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(1800));

/// A state that is kept published.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) config: Config,
    target: Target,
    /// What the server calls it, once it has it.
    etag: Option<Text>,
    /// Whether the server does not have the state as it is now.
    is_news: bool,
    leaving: bool,
    sending: Option<Key>,
    /// It was changed, or is to go, while a PUBLISH was out (RFC 3903 §4.1: one at a time).
    changed: bool,
    failures: u32,
}

impl Publication {
    fn request(&self) -> Request {
        let config = &self.config;
        let mut request = Request::new(Method::Publish, &config.resource);
        let headers = request.headers_mut();
        headers.set(&From(config.from.clone()));
        headers.set(&To(NameAddr::new(config.resource.clone())));
        headers.set(&config.event);
        let seconds = match self.leaving {
            true => 0,
            false => u32::try_from(config.expires.as_secs()).unwrap_or(u32::MAX),
        };
        headers.set(&Expires(seconds));
        if let Some(etag) = &self.etag {
            headers.set(&SipIfMatch(etag.clone()));
        }
        for (name, value) in &config.headers {
            set_default(headers, name.clone(), value);
        }
        // What the server has it is not sent again (RFC 3903 §4.3).
        if !self.leaving && (self.is_news || self.etag.is_none()) {
            let (content_type, body) = &config.content;
            request.set_body(content_type, body.clone());
        }
        request
    }
}

impl Endpoint {
    /// Publishes a state and keeps it published: refreshed in time, and published anew where the server has forgotten it
    /// (RFC 3903 §4).
    pub fn publish(
        &mut self,
        cx: &mut Cx<'_>,
        publication: Config,
        target: Target,
    ) -> PublicationId {
        let key = self.publications.insert(Publication {
            config: publication,
            target,
            etag: None,
            is_news: true,
            leaving: false,
            sending: None,
            changed: false,
            failures: 0,
        });
        self.send_publish(cx, key);
        PublicationId(key)
    }

    /// Publishes another state in place of the one before (RFC 3903 §4.4).
    pub fn update_publication(
        &mut self,
        cx: &mut Cx<'_>,
        id: PublicationId,
        content_type: &str,
        body: impl Into<Bytes>,
    ) {
        if let Some(publication) = self.publications.get_mut(id.0) {
            publication.config.content = (Text::from(content_type), body.into());
            publication.is_news = true;
            publication.leaving = false;
            self.republish(cx, id.0);
        }
    }

    /// Takes a publication back (RFC 3903 §4.5). Ends with [`Event::Unpublished`].
    pub fn unpublish(&mut self, cx: &mut Cx<'_>, id: PublicationId) {
        if let Some(publication) = self.publications.get_mut(id.0) {
            publication.leaving = true;
            if publication.etag.is_none() && publication.sending.is_none() {
                return self.remove_publication(id.0);
            }
            self.republish(cx, id.0);
        }
    }

    /// Sends a PUBLISH now, or after the one that is out.
    fn republish(&mut self, cx: &mut Cx<'_>, key: Key) {
        match self.publications.get_mut(key) {
            Some(publication) if publication.sending.is_some() => publication.changed = true,
            Some(_) => self.send_publish(cx, key),
            None => {}
        }
    }

    pub(super) fn send_publish(&mut self, cx: &mut Cx<'_>, key: Key) {
        self.timers.cancel(&Deadline::Publication(key));
        let Some(publication) = self.publications.get_mut(key) else {
            return;
        };
        publication.changed = false;
        let (mut request, target) = (publication.request(), publication.target.clone());
        publication.is_news = false;
        self.complete(cx, &mut request, &target);
        let sending = self.send(cx, request, target, User::Publish(key));
        if self.sendings.get(sending).is_some()
            && let Some(publication) = self.publications.get_mut(key)
        {
            publication.sending = Some(sending);
        }
    }

    /// What came of a PUBLISH.
    pub(super) fn published(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        outcome: Result<Response, Failure>,
    ) {
        let Some(publication) = self.publications.get_mut(key) else {
            return;
        };
        publication.sending = None;
        let status = outcome.as_ref().map(Response::status);
        let had_etag = publication.etag.is_some();
        match &outcome {
            Ok(response) if response.status().is_success() => {
                let etag = response.headers().find::<SipEtag>().ok().flatten();
                publication.etag = etag.map(|etag| etag.0.compact());
            }
            Ok(response) => {
                publication.is_news = true;
                if response.status() == Status::CONDITIONAL_REQUEST_FAILED {
                    publication.etag = None;
                }
            }
            Err(_) => publication.is_news = true,
        }
        if publication.leaving && !(publication.changed && publication.etag.is_some()) {
            // Whatever the server says, it is not refreshed any more.
            return self.remove_publication(key);
        }
        if publication.changed {
            return self.send_publish(cx, key);
        }
        match outcome {
            Ok(response) if response.status().is_success() => {
                publication.failures = 0;
                let granted = (response.headers().find::<Expires>().ok().flatten())
                    .map_or(publication.config.expires, |Expires(seconds)| {
                        Duration::from_secs(seconds.into())
                    });
                self.timers
                    .set(Deadline::Publication(key), cx.now + refresh_after(granted));
                self.events.push_back(Event::Published {
                    publication: PublicationId(key),
                    expires: granted,
                });
            }
            // The server has forgotten it (RFC 3903 §4.3): once more from the start.
            Ok(_) if had_etag && status == Ok(Status::CONDITIONAL_REQUEST_FAILED) => {
                self.send_publish(cx, key);
            }
            Ok(response) => {
                if response.status() == Status::INTERVAL_TOO_BRIEF
                    && let Ok(MinExpires(least)) = response.headers().get::<MinExpires>()
                {
                    let least = Duration::from_secs(least.into());
                    if least > publication.config.expires {
                        publication.config.expires = least;
                        return self.send_publish(cx, key);
                    }
                }
                let after = retry_after(response.headers());
                self.publication_failed(cx, key, Some(response.status()), after);
            }
            Err(_) => self.publication_failed(cx, key, None, None),
        }
    }

    fn publication_failed(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        status: Option<Status>,
        after: Option<Duration>,
    ) {
        let Some(publication) = self.publications.get_mut(key) else {
            return;
        };
        publication.failures = publication.failures.saturating_add(1);
        // What another attempt would not change is left to the application.
        let is_passing = status.is_none_or(|status| {
            after.is_some()
                || status.class() == 5
                || matches!(
                    status,
                    Status::REQUEST_TIMEOUT | Status::TEMPORARILY_UNAVAILABLE
                )
        });
        let bound = (RETRY.0)
            .saturating_mul(1 << (publication.failures - 1).min(20))
            .min(RETRY.1);
        let retry_in = is_passing.then(|| {
            let pause = cx.ids.between(bound / 2, bound);
            after.map_or(pause, |after| pause.max(after))
        });
        if let Some(pause) = retry_in {
            self.timers.set(Deadline::Publication(key), cx.now + pause);
        }
        self.events.push_back(Event::PublicationFailed {
            publication: PublicationId(key),
            status,
            retry_in,
        });
    }

    fn remove_publication(&mut self, key: Key) {
        self.timers.cancel(&Deadline::Publication(key));
        self.publications.remove(key);
        self.events.push_back(Event::Unpublished {
            publication: PublicationId(key),
        });
    }
}
