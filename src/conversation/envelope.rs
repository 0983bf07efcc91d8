//! What a CPM request says about its content: who, to whom, in which conversation, by which service.
//!
//! The same fields ride on a pager MESSAGE, on the INVITE of a chat and on that of a large message (OMA CPM
//! Conversation Functions, appendix C.1); they are read and written here and nowhere else.

use super::service::Service;
use crate::sip::msg::header::{
    AcceptContact, Contact, ContributionId, ConversationId, Expires, From, InReplyToContributionId,
    MaxBreadth, MaxForwards, MessageExpires, NameAddr, PAssertedIdentity, PAssertedService,
    PPreferredIdentity, PPreferredService, Priority, Privacy, ReferredBy, ReplyTo, Route, Subject,
    To,
};
use crate::sip::msg::{Headers, Method, Name, Request};
use crate::sip::{self, HeaderError, Uri};
use crate::wire::Text;
use std::time::Duration;

/// Where an item belongs: the thread, and its place in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Thread {
    /// The conversation, for as long as people keep answering each other (C.1.1).
    pub conversation: Text,
    /// This message, session or file within it (C.1.2).
    pub contribution: Text,
    /// The contribution that this one replies to (C.1.3).
    pub in_reply_to: Option<Text>,
}

impl Thread {
    /// The first contribution of a new conversation.
    pub fn new(ids: &mut crate::engine::Ids) -> Self {
        let conversation = Text::from(ids.uuid().to_string());
        Self::next(ids, conversation)
    }

    /// A further contribution to `conversation`.
    pub fn next(ids: &mut crate::engine::Ids, conversation: Text) -> Self {
        Self {
            conversation,
            contribution: Text::from(ids.uuid().to_string()),
            in_reply_to: None,
        }
    }
}

/// Who a request says its sender is (RFC 3325).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Nothing beyond From.
    #[default]
    Unstated,
    /// What a client would like to be known as. The network decides.
    Preferred(Uri),
    /// What the network vouches for; the first is the one to answer to.
    Asserted(Vec<Uri>),
}

/// What a CPM request says about its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// From: the sender by its own account.
    pub from: NameAddr,
    /// To: the recipient as the sender knows it.
    pub to: NameAddr,
    /// The sender's identity.
    pub identity: Identity,
    /// The service; `None` if the request names none that we know, as those of plain SIP user agents.
    pub service: Option<Service>,
    /// The thread. A request without one is given a new thread by whoever needs it.
    pub thread: Option<Thread>,
    /// The device that the request is for (`+sip.instance`), where reports go back to the one that asked.
    pub instance: Option<Text>,
    /// Who asked for this on somebody's behalf (RFC 3892): the original sender of what was kept.
    pub referred_by: Option<Uri>,
    /// The subject of a session (RFC 3261 §20.36).
    pub subject: Option<Text>,
    /// The priority (RFC 3261 §20.26).
    pub priority: Option<Text>,
    /// Where answers are wanted (RFC 3261 §20.31).
    pub reply_to: Option<Uri>,
    /// How long the content is worth delivering.
    pub lifetime: Option<Duration>,
    /// Whether the sender wants to stay unknown to the recipient (`Privacy: id`, RFC 3325 §9.3; `user` of
    /// RFC 3323 counts as the same).
    pub private: bool,
    /// How many more hops the request may take (Max-Forwards).
    pub hops: u8,
    /// Into how many branches the request may be forked in all (Max-Breadth, RFC 5393 §5); `None` where nobody has
    /// counted yet.
    pub breadth: Option<u32>,
    /// The way that whoever sent the request wants it to take on: what is left of its Route.
    pub route: Vec<Uri>,
}

impl Envelope {
    /// A request of `service` from one user to another.
    pub fn new(from: Uri, to: Uri, service: Service) -> Self {
        Self {
            from: NameAddr::new(from),
            to: NameAddr::new(to),
            identity: Identity::Unstated,
            service: Some(service),
            thread: None,
            instance: None,
            referred_by: None,
            subject: None,
            priority: None,
            reply_to: None,
            lifetime: None,
            private: false,
            hops: HOPS,
            breadth: None,
            route: Vec::new(),
        }
    }

    /// Who sent the content: the original sender of what was kept, else the identity that the network
    /// asserts, else From.
    pub fn sender(&self) -> &Uri {
        match (&self.referred_by, &self.identity) {
            (Some(uri), _) => uri,
            (None, Identity::Asserted(uris)) => uris.first().unwrap_or(&self.from.uri),
            (None, Identity::Preferred(_) | Identity::Unstated) => &self.from.uri,
        }
    }

    /// The envelope with a From that is nobody's (RFC 3323 §4.1.1.3), if the sender wants that.
    #[must_use]
    pub fn nameless(mut self) -> Self {
        if self.private {
            self.from = NameAddr::new(anonymous());
            self.from.display = Some(Text::from_static("Anonymous"));
            self.reply_to = None;
        }
        self
    }

    /// The envelope as somebody gets it outside of the circle that may know the sender (RFC 3325 §5): if the
    /// sender wants that, nothing in it tells who it is.
    #[must_use]
    pub fn for_strangers(self) -> Self {
        let mut envelope = self.nameless();
        if envelope.private {
            envelope.identity = Identity::Asserted(Vec::new());
            envelope.referred_by = envelope.referred_by.map(|_| anonymous());
        }
        envelope
    }

    /// Reads the envelope of a request.
    ///
    /// # Errors
    ///
    /// From or To is missing, or one of the fields is there and cannot be understood.
    pub fn read(request: &Request) -> Result<Self, HeaderError> {
        let headers = request.headers();
        let asserted = headers
            .all::<PAssertedIdentity>()
            .map(|uri| Ok(uri?.0.uri))
            .collect::<Result<Vec<_>, _>>()?;
        let identity = if asserted.is_empty() {
            headers
                .find::<PPreferredIdentity>()?
                .map_or(Identity::Unstated, |uri| Identity::Preferred(uri.0.uri))
        } else {
            Identity::Asserted(asserted)
        };
        let accept_contact = headers
            .all::<AcceptContact>()
            .filter_map(Result::ok)
            .collect::<Vec<_>>();
        Ok(Self {
            from: bare(headers.get::<From>()?.0),
            to: bare(headers.get::<To>()?.0),
            identity,
            service: read_service(headers, &accept_contact)?,
            thread: read_thread(headers)?,
            instance: accept_contact
                .iter()
                .find_map(|accept| accept.instance().map(Text::from)),
            referred_by: headers.find::<ReferredBy>()?.map(|by| by.0.uri),
            subject: headers.find::<Subject>()?.map(|subject| subject.0),
            priority: headers.find::<Priority>()?.map(|priority| priority.0),
            reply_to: headers.find::<ReplyTo>()?.map(|to| to.0.uri),
            lifetime: read_lifetime(request)?,
            // What cannot be read is not to be a reason for telling.
            private: Privacy::of(headers)
                .map_or(true, |wish| wish.contains("id") || wish.contains("user")),
            hops: headers.find::<MaxForwards>()?.map_or(HOPS, |hops| hops.0),
            breadth: headers.find::<MaxBreadth>()?.map(|breadth| breadth.0),
            route: (headers.all::<Route>())
                .filter_map(|hop| Some(hop.ok()?.0.uri.compact()))
                .collect(),
        })
    }

    /// A request that carries this envelope.
    pub fn write(&self, method: Method, destination: &Destination) -> Request {
        let invites = method == Method::Invite;
        let mut request = Request::new(method, &destination.request_uri);
        let headers = request.headers_mut();
        for hop in &destination.route {
            headers.push(&Route(NameAddr::new(hop.clone())));
        }
        headers.push(&MaxForwards(self.hops));
        if let Some(breadth) = self.breadth {
            headers.push(&MaxBreadth(breadth));
        }
        headers.push(&From(self.from.clone()));
        headers.push(&To(self.to.clone()));
        if let Some(thread) = &self.thread {
            headers.push(&ConversationId(thread.conversation.clone()));
            headers.push(&ContributionId(thread.contribution.clone()));
            if let Some(contribution) = &thread.in_reply_to {
                headers.push(&InReplyToContributionId(contribution.clone()));
            }
        }
        match &self.identity {
            Identity::Unstated => {}
            Identity::Preferred(uri) => {
                headers.push(&PPreferredIdentity(NameAddr::new(uri.clone())))
            }
            Identity::Asserted(uris) => {
                for uri in uris {
                    headers.push(&PAssertedIdentity(NameAddr::new(uri.clone())));
                }
            }
        }
        if let Some(service) = self.service {
            let icsi = Text::from_static(service.icsi());
            match self.identity {
                Identity::Asserted(_) => headers.push(&PAssertedService(icsi)),
                Identity::Preferred(_) | Identity::Unstated => {
                    headers.push(&PPreferredService(icsi))
                }
            }
            match self.instance.as_deref() {
                None => {
                    // Nothing in it could break a line.
                    let _ = headers.push_text(Name::AcceptContact, service.preference());
                }
                instance => headers.push(&AcceptContact::for_service(service.icsi(), instance)),
            }
        }
        if self.private {
            headers.push(&Privacy::new(&["id"]));
        }
        if let Some(uri) = &self.referred_by {
            headers.push(&ReferredBy(NameAddr::new(uri.clone())));
        }
        if let Some(subject) = &self.subject {
            headers.push(&Subject(subject.clone()));
        }
        if let Some(priority) = &self.priority {
            headers.push(&Priority(priority.clone()));
        }
        if let Some(uri) = &self.reply_to {
            headers.push(&ReplyTo(NameAddr::new(uri.clone())));
        }
        if let Some(lifetime) = self.lifetime {
            let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
            // Expires of an INVITE limits the ringing, not the life of what it brings (RFC 3261 §13.3.1).
            if invites {
                headers.push(&MessageExpires::after(seconds));
            } else {
                headers.push(&Expires(seconds));
            }
        }
        request
    }
}

/// The address of whoever does not want to be known (RFC 3323 §4.1.1.3).
pub fn anonymous() -> Uri {
    Uri::sip("anonymous", NOWHERE)
}

/// Whether an address is that of nobody in particular.
pub fn is_anonymous(uri: &Uri) -> bool {
    uri.domain().is_some_and(|domain| domain == NOWHERE)
}

const NOWHERE: &str = "anonymous.invalid";

/// Where a request goes, as opposed to whom it is for.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The Request-URI.
    pub request_uri: Uri,
    /// The Route to preload.
    pub route: Vec<Uri>,
    /// The next hop.
    pub target: sip::Target,
}

impl Destination {
    /// Wherever `uri` leads.
    pub const fn uri(uri: Uri) -> Self {
        Self {
            request_uri: uri,
            route: Vec::new(),
            target: sip::Target::Uri,
        }
    }
}

/// Where a request starts (RFC 3261 §8.1.1.6).
const HOPS: u8 = 70;

/// An address without the tag that belongs to its dialog only.
fn bare(address: NameAddr) -> NameAddr {
    NameAddr {
        display: address.display,
        ..NameAddr::new(address.uri)
    }
}

fn read_service(
    headers: &Headers,
    accept_contact: &[AcceptContact],
) -> Result<Option<Service>, HeaderError> {
    if let Some(icsi) = headers.find::<PAssertedService>()? {
        return Ok(Service::from_icsi(&icsi.0));
    }
    if let Some(icsi) = headers.find::<PPreferredService>()? {
        return Ok(Service::from_icsi(&icsi.0));
    }
    let tagged = accept_contact
        .iter()
        .flat_map(|accept| accept.icsis())
        .find_map(|icsi| Service::from_icsi(&icsi));
    let offered = || {
        let contact = headers.find::<Contact>().ok()??;
        contact
            .icsis()
            .iter()
            .find_map(|icsi| Service::from_icsi(icsi))
    };
    Ok(tagged.or_else(offered))
}

fn read_thread(headers: &Headers) -> Result<Option<Thread>, HeaderError> {
    let Some(conversation) = headers.find::<ConversationId>()? else {
        return Ok(None);
    };
    // One server of the field uses a single id for both.
    let contribution = headers
        .find::<ContributionId>()?
        .map_or_else(|| conversation.0.clone(), |id| id.0);
    let in_reply_to = headers.find::<InReplyToContributionId>()?.map(|id| id.0);
    Ok(Some(Thread {
        conversation: conversation.0,
        contribution,
        in_reply_to,
    }))
}

fn read_lifetime(request: &Request) -> Result<Option<Duration>, HeaderError> {
    let headers = request.headers();
    let seconds = match headers.find::<MessageExpires>()? {
        Some(expires) => expires.seconds(),
        None if *request.method() == Method::Message => {
            headers.find::<Expires>()?.map(|expires| expires.0)
        }
        None => None,
    };
    Ok(seconds.map(|seconds| Duration::from_secs(seconds.into())))
}

/// Whether the request is marked as one that only tells the state of something and is worth nothing later
/// (`Expires: 0`): it is delivered now or never.
pub fn is_ephemeral(envelope: &Envelope) -> bool {
    envelope.lifetime.is_some_and(|lifetime| lifetime.is_zero())
}
