//! What we understand: INFO packages (RFC 6086), and the answer to OPTIONS (RFC 3261 §11.2).

use super::fill::{ALLOW, set_default};
use super::fork::Fork;
use super::{DialogId, Endpoint, RequestId};
use crate::engine::{Cx, Key};
use crate::sip::msg::header::{RecvInfo, Supported};
use crate::sip::msg::{Headers, Method, Name, Request, Response, Status};
use crate::wire::Text;
use bytes::Bytes;

impl Fork {
    /// Takes what the peer says of the INFO packages that it understands. Where it says nothing, nothing has changed.
    pub(super) fn learn_info(&mut self, headers: &Headers) {
        if headers.contains(&Name::RecvInfo)
            && let Ok(RecvInfo(packages)) = RecvInfo::of(headers)
        {
            // As many as a list in a header of the usual size.
            self.peer_info = packages.iter().take(32).map(Text::compact).collect();
        }
    }
}

impl Endpoint {
    /// Sends an INFO of a package in a call (RFC 6086 §4.2.1). Ends with [`Event::Response`](super::Event::Response) or
    /// [`Event::Failed`](super::Event::Failed). `None` if the peer has not said that it understands the package
    /// (Recv-Info), or the call has no dialog (any more).
    pub fn send_info(
        &mut self,
        cx: &mut Cx<'_>,
        dialog: impl Into<DialogId>,
        package: &str,
        content: Option<(&str, Bytes)>,
    ) -> Option<RequestId> {
        let dialog = dialog.into();
        let fork = self.fork(self.within(dialog)?)?;
        if !fork.peer_info.iter().any(|own| package_of(own) == package) {
            return None;
        }
        let mut request = Request::new(Method::Info, fork.dialog.target());
        let headers = request.headers_mut();
        headers.set_text(Name::InfoPackage, package).ok()?;
        if content.is_some() {
            let _ = headers.set_text(Name::ContentDisposition, "Info-Package");
        }
        if let Some((content_type, body)) = content {
            request.set_body(content_type, body);
        }
        self.request_in_call(cx, dialog, request)
    }

    /// The answer to an OPTIONS, in or out of a dialog: what we understand (RFC 3261 §11.2).
    pub fn options_response(&self, request: &Request) -> Response {
        let config = &self.config;
        let mut response = request.response(Status::OK);
        let headers = response.headers_mut();
        set_default(headers, Name::Allow, ALLOW);
        set_default(headers, Name::Accept, &config.accept.join(", "));
        set_default(headers, Name::AllowEvents, &config.events.join(", "));
        headers.set(&Supported(config.supported.clone()));
        self.offer_info(headers);
        response
    }

    /// Says which INFO packages we understand. An empty header would say that we know of them and understand none; it
    /// is left out.
    pub(super) fn offer_info(&self, headers: &mut Headers) {
        set_default(
            headers,
            Name::RecvInfo,
            &self.config.info_packages.join(", "),
        );
    }

    /// Whether an INFO is of a package that we understand, or of none: then it is as RFC 2976 had it.
    pub(super) fn understands(&self, request: &Request) -> bool {
        match request.headers().text(&Name::InfoPackage) {
            Some(package) => {
                (self.config.info_packages.iter()).any(|own| package_of(own) == package_of(package))
            }
            None => true,
        }
    }

    /// Refuses an INFO of another package, and says which we understand (RFC 6086 §4.2.2).
    pub(super) fn refuse_info(&mut self, cx: &mut Cx<'_>, server: Key, request: &Request) {
        let mut response = request.response(Status::BAD_INFO_PACKAGE);
        let packages = RecvInfo(self.config.info_packages.clone());
        response.headers_mut().set(&packages);
        self.reply(cx, server, response);
    }
}

/// A package without its parameters.
fn package_of(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}
