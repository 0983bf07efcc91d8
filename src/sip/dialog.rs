//! Dialogs (RFC 3261 §12): plain data and its rules.

use super::HeaderError;
use super::msg::header::{Contact, RecordRoute, Route};
use super::msg::{Headers, Name, Request, Response, Status, Uri};
use crate::wire::Text;

/// What a dialog is found by (RFC 3261 §12). The tags are told apart by side, so that both ends of a dialog can live
/// in one process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    /// The Call-ID.
    pub call_id: Text,
    /// Our tag.
    pub local_tag: Text,
    /// The peer's tag; empty for a peer of RFC 2543.
    pub peer_tag: Text,
}

/// One end of a dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    id: Id,
    /// The value of From in our requests, and of To.
    local: Text,
    peer: Text,
    local_sequence: u32,
    peer_sequence: Option<u32>,
    /// Where the peer is reached.
    target: Uri,
    route: Vec<Route>,
}

impl Dialog {
    /// The dialog that a 2xx or provisional response of ours makes (RFC 3261 §12.1.1).
    ///
    /// # Errors
    ///
    /// The request lacks a header that a dialog needs, Contact above all.
    pub fn from_request(request: &Request, local_tag: &Text) -> Result<Self, HeaderError> {
        let headers = request.headers();
        let keys = request.keys()?;
        let to = headers
            .text(&Name::To)
            .ok_or(HeaderError::Missing(Name::To))?;
        let from = headers
            .text(&Name::From)
            .ok_or(HeaderError::Missing(Name::From))?;
        let route: Result<Vec<_>, _> = headers.all::<RecordRoute>().collect();
        Ok(Self {
            id: Id {
                call_id: Text::from(keys.call_id),
                local_tag: local_tag.compact(),
                peer_tag: Text::from(keys.from_tag.unwrap_or_default()),
            },
            local: Text::from(format!("{to};tag={local_tag}")),
            peer: Text::from(from),
            local_sequence: 0,
            peer_sequence: Some(keys.sequence),
            target: contact(headers.get::<Contact>()?)?,
            route: route?.into_iter().map(as_route).collect(),
        })
    }

    /// The dialog that a response to our request makes (RFC 3261 §12.1.2).
    ///
    /// # Errors
    ///
    /// The response lacks a header that a dialog needs.
    pub fn from_response(request: &Request, response: &Response) -> Result<Self, HeaderError> {
        let headers = response.headers();
        let keys = response.keys()?;
        let to = headers
            .text(&Name::To)
            .ok_or(HeaderError::Missing(Name::To))?;
        let from = headers
            .text(&Name::From)
            .ok_or(HeaderError::Missing(Name::From))?;
        // A provisional response may leave Contact out; then there is nothing better than where the request went.
        let target = match headers.find::<Contact>()? {
            Some(found) => contact(found)?,
            None if response.status().is_provisional() => request.uri()?.compact(),
            None => return Err(HeaderError::Missing(Name::Contact)),
        };
        let route: Result<Vec<_>, _> = headers.all::<RecordRoute>().collect();
        Ok(Self {
            id: Id {
                call_id: Text::from(keys.call_id),
                local_tag: Text::from(keys.from_tag.unwrap_or_default()),
                peer_tag: Text::from(keys.to_tag.unwrap_or_default()),
            },
            local: Text::from(from),
            peer: Text::from(to),
            local_sequence: keys.sequence,
            peer_sequence: None,
            target,
            // The proxies of a response stand in the order in which the peer would pass them.
            route: route?.into_iter().rev().map(as_route).collect(),
        })
    }

    /// What it is found by.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// Where the peer is reached.
    pub fn target(&self) -> &Uri {
        &self.target
    }

    /// Whether requests go by way of proxies.
    pub fn has_route(&self) -> bool {
        !self.route.is_empty()
    }

    /// The peer's value of From or To, with its tag.
    pub fn peer(&self) -> &Text {
        &self.peer
    }

    /// Goes on with the numbers of the same dialog while it was early: a 2xx makes everything else of it anew
    /// (RFC 3261 §13.2.2.4).
    pub fn continue_from(&mut self, early: &Self) {
        self.local_sequence = self.local_sequence.max(early.local_sequence);
        self.peer_sequence = self.peer_sequence.max(early.peer_sequence);
    }

    /// The sequence number of the next request of ours.
    pub fn next_sequence(&mut self) -> u32 {
        self.local_sequence = self.local_sequence.saturating_add(1);
        self.local_sequence
    }

    /// The sequence number for a request that is sent again after `sequence`.
    pub fn sequence_after(&mut self, sequence: u32) -> u32 {
        self.local_sequence = self.local_sequence.max(sequence);
        self.next_sequence()
    }

    /// Requests of ours up to `sequence` went out before the dialog was made, as the SUBSCRIBE that a NOTIFY answers
    /// (RFC 6665 §4.4.1).
    pub fn continue_after(&mut self, sequence: u32) {
        self.local_sequence = self.local_sequence.max(sequence);
    }

    /// Makes a request one within the dialog (RFC 3261 §12.2.1.1): Request-URI, Route, From, To and Call-ID. CSeq is
    /// left to the caller, since an ACK has that of its INVITE.
    pub fn fill(&self, request: &mut Request) {
        request.set_uri(&self.target);
        let headers = request.headers_mut();
        headers.remove(&Name::Route);
        for hop in &self.route {
            headers.push(hop);
        }
        // Values that were read from a message have no line ends in them.
        let _ = headers.set_text(Name::From, &self.local);
        let _ = headers.set_text(Name::To, &self.peer);
        let _ = headers.set_text(Name::CallId, &self.id.call_id);
    }

    /// Checks the order of a request of the peer's (RFC 3261 §12.2.2). An ACK has the number of its INVITE.
    ///
    /// # Errors
    ///
    /// 500: it is older than one that was handled.
    pub fn receive(&mut self, sequence: u32) -> Result<(), Status> {
        match self.peer_sequence {
            Some(last) if sequence < last => Err(Status::SERVER_INTERNAL_ERROR),
            _ => {
                self.peer_sequence = Some(sequence);
                Ok(())
            }
        }
    }

    /// Takes the Contact of a target refresh request or its 2xx (RFC 3261 §12.2.1.2, §12.2.2).
    pub fn refresh(&mut self, headers: &Headers) {
        if let Ok(Some(found)) = headers.find::<Contact>()
            && let Ok(target) = contact(found)
        {
            self.target = target;
        }
    }
}

/// The address of a Contact, in a buffer of its own.
fn contact(contact: Contact) -> Result<Uri, HeaderError> {
    match contact.uri() {
        Some(uri) => Ok(uri.compact()),
        None => Err(HeaderError::Missing(Name::Contact)),
    }
}

fn as_route(hop: RecordRoute) -> Route {
    Route(hop.0.compact())
}
