//! The dialogs of a call: the one of a call that came in, or the early ones that a forked INVITE of ours has made, of
//! which one is confirmed in the end (RFC 3261 §12.1, §13.2.2.4).

use super::call::Call;
use super::{CallId, DialogId, Endpoint};
use crate::engine::{Cx, Key, Limits};
use crate::sip::body::{Contents, Understood};
use crate::sip::dialog::{Dialog, Id};
use crate::sip::msg::header::{Allow, RAck};
use crate::sip::msg::{Headers, Method, Name, Request, Response};
use crate::sip::offer::{self, Place};
use crate::wire::Text;
use bytes::Bytes;

/// One dialog of a call.
#[derive(Debug)]
pub(super) struct Fork {
    /// What tells it from the other dialogs of its call.
    pub(super) number: u16,
    pub(super) dialog: Dialog,
    /// Who has offered a description to whom.
    pub(super) exchange: offer::State,
    /// Whether the peer allows UPDATE.
    pub(super) peer_updates: bool,
    /// The INFO packages that the peer understands.
    pub(super) peer_info: Vec<Text>,
    /// The RSeq of the last reliable provisional response that was taken (RFC 3262 §4).
    pub(super) reliable: Option<u32>,
    /// A reliable provisional response whose PRACK waits for the user.
    pub(super) held: Option<RAck>,
    /// A PRACK or UPDATE of the peer's whose offer waits for our answer.
    pub(super) offered: Option<(Key, Place)>,
    /// Whether an UPDATE of ours waits for its response.
    pub(super) updating: bool,
    /// Whether we have said BYE in it while it was early.
    pub(super) ended: bool,
}

impl Fork {
    pub(super) fn new(number: u16, dialog: Dialog, exchange: offer::State) -> Self {
        Self {
            number,
            dialog,
            exchange,
            peer_updates: false,
            peer_info: Vec::new(),
            reliable: None,
            held: None,
            offered: None,
            updating: false,
            ended: false,
        }
    }

    /// Takes from a message of the peer's what it says of its abilities.
    pub(super) fn learn(&mut self, headers: &Headers) {
        if let Ok(Some(_)) = headers.find::<Allow>() {
            self.peer_updates =
                Allow::of(headers).is_ok_and(|allow| allow.contains(&Method::Update));
        }
        self.learn_info(headers);
    }
}

/// A description of our side as it goes into a message.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) content_type: Text,
    pub(super) body: Bytes,
}

impl Description {
    /// An SDP.
    pub(super) const fn sdp(body: Bytes) -> Self {
        Self {
            content_type: Text::from_static("application/sdp"),
            body,
        }
    }

    /// The body of a message with its type, in a buffer of its own.
    pub(super) fn of(headers: &Headers, body: &Bytes) -> Option<Self> {
        Some(Self {
            content_type: Text::from(headers.text(&Name::ContentType)?),
            body: Bytes::copy_from_slice(body),
        })
    }
}

/// A dialog of a call, as the endpoint names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Within {
    pub(super) call: Key,
    pub(super) fork: u16,
}

impl Within {
    pub(super) const fn id(self) -> DialogId {
        DialogId::new(CallId(self.call), self.fork)
    }
}

impl Call {
    /// The dialog with a number.
    pub(super) fn dialog(&self, number: u16) -> Option<&Fork> {
        let mut all = self.fork.iter().chain(&self.early);
        all.find(|fork| fork.number == number)
    }

    /// The dialog with a number.
    pub(super) fn dialog_mut(&mut self, number: u16) -> Option<&mut Fork> {
        let mut all = self.fork.iter_mut().chain(&mut self.early);
        all.find(|fork| fork.number == number)
    }

    /// The number of the dialog with the peer of this tag.
    pub(super) fn number_of(&self, peer_tag: &str) -> Option<u16> {
        let mut all = self.fork.iter().chain(&self.early);
        all.find(|fork| fork.dialog.id().peer_tag == peer_tag)
            .map(|fork| fork.number)
    }

    /// A number for one more dialog.
    pub(super) fn next_number(&mut self) -> u16 {
        let number = self.forks;
        self.forks = self.forks.wrapping_add(1);
        number
    }
}

impl Endpoint {
    /// The dialog that the layer above means.
    pub(super) fn within(&self, id: DialogId) -> Option<Within> {
        let call = self.calls.get(id.call.0)?;
        let fork = match id.fork {
            Some(number) => call.dialog(number)?,
            None => call.fork.as_ref().or_else(|| call.early.first())?,
        };
        Some(Within {
            call: id.call.0,
            fork: fork.number,
        })
    }

    pub(super) fn fork(&self, within: Within) -> Option<&Fork> {
        self.calls.get(within.call)?.dialog(within.fork)
    }

    pub(super) fn fork_mut(&mut self, within: Within) -> Option<&mut Fork> {
        self.calls.get_mut(within.call)?.dialog_mut(within.fork)
    }

    /// The call and the dialog in which a request came.
    pub(super) fn dialog_of(&self, request: &Request) -> Option<Within> {
        let keys = request.keys().ok()?;
        let id = Id {
            call_id: Text::from(keys.call_id),
            local_tag: Text::from(keys.to_tag?),
            peer_tag: Text::from(keys.from_tag.unwrap_or_default()),
        };
        let call = self.calls.by_dialog.get(&id).copied()?;
        let fork = self.calls.get(call)?.number_of(&id.peer_tag)?;
        Some(Within { call, fork })
    }

    /// The early dialog that a provisional response to our INVITE belongs to, or makes. `None` if it makes none, or
    /// there are as many as there may be.
    pub(super) fn early_dialog(
        &mut self,
        cx: &Cx<'_>,
        key: Key,
        invite: &Request,
        response: &Response,
    ) -> Option<u16> {
        let tag = Text::from(response.keys().ok()?.to_tag?);
        let call = self.calls.get_mut(key)?;
        if let Some(number) = call.number_of(&tag) {
            call.dialog_mut(number)?.learn(response.headers());
            return Some(number);
        }
        if call.fork.is_some() || call.early.len() >= cx.limits.sip_forks {
            return None;
        }
        let dialog = Dialog::from_response(invite, response).ok()?;
        let id = dialog.id().clone();
        let number = call.next_number();
        let mut fork = Fork::new(number, dialog, call.opening);
        fork.learn(response.headers());
        call.early.push(fork);
        self.calls.by_dialog.insert(id, key);
        Some(number)
    }

    /// Forgets the early dialogs of a call: none of them can be confirmed any more.
    pub(super) fn forget_early(&mut self, key: Key) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        for fork in std::mem::take(&mut call.early) {
            if self.calls.by_dialog.get(fork.dialog.id()) == Some(&key) {
                self.calls.by_dialog.remove(fork.dialog.id());
            }
        }
    }

    /// Forgets one early dialog.
    pub(super) fn forget_fork(&mut self, within: Within) {
        if let Some(call) = self.calls.get_mut(within.call)
            && let Some(at) = (call.early.iter()).position(|fork| fork.number == within.fork)
        {
            let fork = call.early.remove(at);
            self.calls.by_dialog.remove(fork.dialog.id());
        }
    }

    /// An offer that was not answered in the time of its transaction is one no more.
    pub(super) fn drop_stale_offer(&mut self, within: Within) {
        let Some((server, place)) = self.fork(within).and_then(|fork| fork.offered) else {
            return;
        };
        if (self.servers.get(server)).is_some_and(|server| server.request.is_some()) {
            return;
        }
        if let Some(fork) = self.fork_mut(within) {
            fork.offered = None;
            fork.exchange = offer::refused(fork.exchange, place);
        }
    }
}

/// Whether a message carries the description of a session, alone or among other things.
pub(super) fn is_described(headers: &Headers, body: &Bytes, limits: &Limits) -> bool {
    // Of alternatives it is the one that counts.
    const TYPES: [Text; 1] = [Text::from_static("application/sdp")];
    let understood = Understood {
        types: &TYPES,
        purposes: None,
    };
    !body.is_empty()
        && Contents::read(headers, body, understood, limits)
            .is_ok_and(|contents| contents.description().is_some())
}
