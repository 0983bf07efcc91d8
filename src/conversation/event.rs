//! What legs and pager messages report, and the content they carry.

use super::envelope::Envelope;
use super::leg::LegId;
use super::terms::Terms;
use crate::engine::id;
use crate::msrp;
use crate::sip::msg::header::{Reason, RetryAfter};
use crate::sip::msg::{Name, Request, Response, Status};
use crate::sip::{ServerId, Source, Uri};
use crate::wire::Text;
use bytes::Bytes;
use std::time::Duration;

id! {
    /// Content on its way to the next hop.
    ParcelId
}

/// A piece of content as it travels: most often one CPIM message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Its media type.
    pub content_type: Text,
    /// Its bytes, shared with the message they arrived in.
    pub body: Bytes,
    /// Header fields of a SIP MESSAGE that belong to the content (`Content-Encoding`, ...).
    pub headers: Vec<(Name, Text)>,
}

impl Parcel {
    /// Content without further header fields.
    pub const fn new(content_type: Text, body: Bytes) -> Self {
        Self {
            content_type,
            body,
            headers: Vec::new(),
        }
    }

    /// The content of a SIP MESSAGE; `None` if its Content-Type cannot be read. A MESSAGE without a body
    /// carries an empty text.
    pub fn of_request(request: &Request) -> Option<Self> {
        let headers = request.headers();
        let content_type = match headers.text(&Name::ContentType) {
            Some(text) => Text::from(text),
            None if request.body().is_empty() => Text::from_static("text/plain"),
            None => return None,
        };
        let kept = [
            Name::ContentEncoding,
            Name::ContentDisposition,
            Name::ContentLanguage,
        ];
        let headers = kept
            .into_iter()
            .filter_map(|name| {
                headers
                    .text(&name)
                    .map(Text::from)
                    .map(|value| (name, value))
            })
            .collect();
        Some(Self {
            content_type,
            body: request.body().clone(),
            headers,
        })
    }

    /// Makes it the body of a request.
    pub(crate) fn put_into(&self, request: &mut Request) {
        request.set_body(&self.content_type, self.body.clone());
        for (name, value) in &self.headers {
            // The names and values were read from a message that was accepted.
            let _ = request.headers_mut().push_text(name.clone(), value);
        }
    }

    /// Its Content-Encoding: one peer deflates every report.
    pub(super) fn content_encoding(&self) -> Option<&str> {
        self.headers
            .iter()
            .find(|(name, _)| *name == Name::ContentEncoding)
            .map(|(_, value)| value.as_str())
    }
}

/// Received content that waits for an answer: whoever answers with success has it from then on.
///
/// Not answering makes the sender try again, or give up, after its own timer.
#[must_use = "the sender waits for an answer"]
#[derive(Debug)]
pub enum Custody {
    /// It came in a SIP MESSAGE.
    Request(ServerId, Box<Request>),
    /// It came by MSRP.
    Receipt(msrp::Receipt),
    /// It was [handed over](super::Legs::hand_over) within this node, to whom it says.
    Handed(ParcelId, Box<Uri>),
}

impl Custody {
    /// Whom the content was sent to, unless it came in a session.
    pub fn request_uri(&self) -> Option<Uri> {
        match self {
            Self::Request(_, request) => request.uri().ok(),
            Self::Receipt(_) => None,
            Self::Handed(_, recipient) => Some(Uri::clone(recipient)),
        }
    }
}

/// What happened on a leg, or to a pager message.
#[derive(Debug)]
#[non_exhaustive]
#[allow(
    clippy::large_enum_variant,
    reason = "few exist at a time, and a box would be one more allocation per message"
)]
pub enum Event {
    /// A peer opens a leg: [`ring`](super::Legs::ring), [`accept`](super::Legs::accept) or
    /// [`reject`](super::Legs::reject) it.
    Invited {
        /// The new leg.
        leg: LegId,
        /// Who, to whom, in which conversation.
        envelope: Box<Envelope>,
        /// What the peer offers, as the terms to answer with.
        terms: Terms,
        /// The INVITE.
        request: Request,
        /// Where it came from.
        source: Source,
    },
    /// The peer's user is being alerted.
    Ringing {
        /// Which leg.
        leg: LegId,
    },
    /// The peer has accepted a leg of ours.
    Accepted {
        /// Which leg.
        leg: LegId,
        /// The device that did (`+sip.instance`).
        instance: Option<Text>,
        /// What it answered, where the media passes us by
        /// ([`open_through`](super::Legs::open_through)).
        description: Option<Bytes>,
    },
    /// The peer of a leg whose media passes us by wants it changed:
    /// [`reoffer`](super::Legs::reoffer) that to the other end, and
    /// [`answer_reoffer`](super::Legs::answer_reoffer).
    Reoffered {
        /// Which leg.
        leg: LegId,
        /// Its new offer.
        description: Bytes,
    },
    /// The answer to what was offered anew on a leg whose media passes us by.
    Reanswered {
        /// Which leg.
        leg: LegId,
        /// The answer, or why there is none; then all stays as it was.
        result: Result<Bytes, Status>,
    },
    /// Media flows.
    Up {
        /// Which leg.
        leg: LegId,
    },
    /// Content arrived on a leg.
    Received {
        /// Which leg.
        leg: LegId,
        /// The content.
        parcel: Parcel,
        /// The right to answer it.
        custody: Custody,
    },
    /// Content arrived in a SIP MESSAGE.
    Paged {
        /// Who, to whom, in which conversation.
        envelope: Box<Envelope>,
        /// The content.
        parcel: Parcel,
        /// The right to answer it, and the MESSAGE itself.
        custody: Custody,
        /// Where it came from.
        source: Source,
    },
    /// The next hop has custody of content of ours.
    Sent {
        /// Which.
        parcel: ParcelId,
        /// The leg it went on; `None` for a pager message.
        leg: Option<LegId>,
        /// Whether it was kept for later (202), not delivered.
        kept: bool,
    },
    /// The next hop did not take content of ours.
    Unsent {
        /// Which.
        parcel: ParcelId,
        /// The leg it was on; `None` for a pager message.
        leg: Option<LegId>,
        /// The content itself, to be kept or sent another way.
        content: Parcel,
        /// Why not: the status of SIP or MSRP, that of its leg's refusal, 480 where the leg ended otherwise.
        status: Status,
        /// When another try is welcome.
        retry_after: Option<Duration>,
    },
    /// A leg is over. What was unconfirmed on it came back before this.
    Ended {
        /// Which leg.
        leg: LegId,
        /// How.
        ending: Ending,
    },
}

/// How a leg ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The peer refused it.
    Refused {
        /// The status, ours (408, 503) if no response came.
        status: Status,
        /// The text of its Warning.
        warning: Option<Text>,
    },
    /// The peer took its invitation back.
    Cancelled {
        /// Why.
        reason: Option<Reason>,
    },
    /// The peer left (BYE for which cause 200, or none, was given).
    Left,
    /// The session is over for everybody (BYE with cause 410).
    Gone,
    /// It broke: the media, the dialog, or the peer's own bearer.
    Lost,
    /// We ended it when everything was confirmed.
    Finished,
}

impl Ending {
    /// What the Reason of a BYE means for the session (RFC 3326): 410 ends it for everybody, no cause or 200
    /// is a user who left; anything else is somebody who was lost and may come back.
    pub fn of_bye(reason: Option<Reason>) -> Self {
        match reason.and_then(|reason| reason.cause) {
            None | Some(200) => Self::Left,
            Some(410) => Self::Gone,
            Some(_) => Self::Lost,
        }
    }
}

/// When another try is welcome (RFC 3261 §20.33).
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().find::<RetryAfter>().ok()??.seconds;
    Some(Duration::from_secs(seconds.into()))
}
