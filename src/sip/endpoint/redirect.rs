//! INVITEs of ours that are redirected (RFC 3261 §8.1.3.4).

use super::fill::{sequence, set_sequence};
use super::{Endpoint, Target};
use crate::engine::{Cx, Key};
use crate::sip::msg::header::Contact;
use crate::sip::msg::uri::UriHeaders;
use crate::sip::msg::{Name, Request, Response, Uri};
use std::collections::VecDeque;

/// Where an INVITE was redirected to.
#[derive(Debug, Default)]
pub(super) struct Redirects {
    /// What is to be tried, the next one first.
    queue: VecDeque<Uri>,
    /// Everything that was ever in it, so that nobody sends us in circles.
    seen: Vec<Uri>,
}

impl Redirects {
    /// Takes the Contacts of a 3xx, the preferred one first, before what was to be tried otherwise.
    fn take(&mut self, response: &Response, is_secure: bool, most: usize) {
        let mut found: Vec<(u16, Uri)> = Vec::new();
        for contact in response.headers().all::<Contact>().filter_map(Result::ok) {
            let Some(Uri::Sip(uri)) = contact.uri() else {
                continue;
            };
            // What was asked for over TLS only is not sent otherwise.
            if is_secure && !uri.secure {
                continue;
            }
            // Headers that a URI brings along are not for strangers to choose.
            let mut uri = uri.compact();
            uri.headers = UriHeaders::new();
            uri.params.remove("method");
            let uri = Uri::Sip(uri);
            if self.seen.len() < most && !self.seen.iter().any(|seen| seen.matches(&uri)) {
                self.seen.push(uri.clone());
                found.push((contact.q(), uri));
            }
        }
        found.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
        for (_, uri) in found.into_iter().rev() {
            self.queue.push_front(uri);
        }
    }
}

impl Endpoint {
    /// Sends a refused INVITE to where it is redirected, or to the next of the addresses that an earlier redirection has
    /// named. `false` if there is none.
    pub(super) fn redirect(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        request: &Request,
        response: &Response,
    ) -> bool {
        let class = response.status().class();
        let Some(call) = self.calls.get_mut(key) else {
            return false;
        };
        if !self.config.follow_redirects || class == 6 {
            return false;
        }
        if class == 3 {
            let is_secure =
                (request.uri()).is_ok_and(|uri| matches!(uri, Uri::Sip(uri) if uri.secure));
            let redirects = call.redirects.get_or_insert_with(|| {
                let mut first = Box::<Redirects>::default();
                first.seen.extend(request.uri().map(|uri| uri.compact()));
                first
            });
            redirects.take(
                response,
                is_secure,
                cx.limits.sip_redirects.saturating_add(1),
            );
        }
        let next = (call.redirects.as_mut()).and_then(|redirects| redirects.queue.pop_front());
        let Some(uri) = next else {
            return false;
        };
        call.target = Target::Uri;
        let mut request = request.clone();
        request.set_uri(&uri);
        // What proves who we are was for another server.
        for name in [Name::Authorization, Name::ProxyAuthorization] {
            request.headers_mut().remove(&name);
        }
        let number = sequence(&request).saturating_add(1);
        set_sequence(&mut request, number);
        self.invite_again(key);
        self.send_invite(cx, key, request, Target::Uri);
        true
    }
}
