//! Bodies that must be understood (RFC 5621 §8, RFC 3261 §8.2.3).

use super::Endpoint;
use super::fill::set_default;
use crate::engine::Limits;
use crate::sip::body::{Contents, Understood, Unknown};
use crate::sip::msg::{Method, Name, Request, Response, Status};
use crate::wire::mime::MultipartError;

/// What a part may be encoded with (RFC 3261 §20.2).
const ENCODINGS: &str = "identity, deflate, gzip";

impl Endpoint {
    /// What of the body of a request is to be processed, as the configuration has it: of alternatives the one that is
    /// understood, without what may be left out.
    ///
    /// # Errors
    ///
    /// A body that says that it has several parts has not, or too many.
    pub fn contents(&self, request: &Request, limits: &Limits) -> Result<Contents, MultipartError> {
        let understood = Understood {
            types: &self.config.accept,
            purposes: Some(&self.config.purposes),
        };
        Contents::read(request.headers(), request.body(), understood, limits)
    }

    /// The refusal of a request that carries what must be understood and is not: 415 with what would be
    /// (RFC 5621 §8.4). 400 where the body has not the parts that it says it has. `None` if all is well.
    pub fn refuse_body(&self, request: &Request, limits: &Limits) -> Option<Response> {
        let Ok(contents) = self.contents(request, limits) else {
            return Some(request.response(Status::BAD_REQUEST));
        };
        let missing = contents.missing();
        if missing.is_empty() {
            return None;
        }
        let mut response = request.response(Status::UNSUPPORTED_MEDIA_TYPE);
        let headers = response.headers_mut();
        if missing.iter().any(|part| part.what == Unknown::Encoding) {
            set_default(headers, Name::AcceptEncoding, ENCODINGS);
        }
        set_default(headers, Name::Accept, &self.config.accept.join(", "));
        Some(response)
    }

    /// The refusal of a request whose body the endpoint itself has to understand.
    pub(super) fn judge_body(&self, request: &Request, limits: &Limits) -> Option<Response> {
        let is_ours = matches!(
            request.method(),
            Method::Invite | Method::Update | Method::Prack
        );
        if !self.config.judge_bodies || !is_ours || request.body().is_empty() {
            return None;
        }
        self.refuse_body(request, limits)
    }
}
