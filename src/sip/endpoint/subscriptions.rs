//! The subscriptions of both sides, and the dialogs that they live in (RFC 6665 §4.4).

use super::notifier::Notifier;
use super::refer::Place;
use super::sending::User;
use super::subscriber::Subscriber;
use super::{CallId, Endpoint, Source, Target};
use crate::engine::{Cx, Ids, Key, Map, Slab};
use crate::sip::dialog::{Dialog, Id};
use crate::sip::msg::{Method, Request, Status, header};
use crate::wire::Text;

/// How many subscriptions may share a dialog. A new one should have a dialog of its own (RFC 6665 §4.5.2), but a REFER in
/// a call has not.
const SHARERS: usize = 8;

/// A subscription in a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// We are the subscriber.
    Subscriber(Key),
    /// We are the notifier.
    Notifier(Key),
}

/// Where the dialog of subscriptions is.
#[derive(Debug)]
enum Home {
    Own(Box<Dialog>),
    /// In the call that it belongs to as well, for as long as that is known.
    Call(Key),
}

/// A dialog with its subscriptions.
#[derive(Debug)]
struct Line {
    id: Id,
    home: Home,
    target: Target,
    usages: Vec<Usage>,
}

/// The subscriptions and what they are found by.
#[derive(Debug)]
pub(super) struct Subscriptions {
    pub(super) subscribers: Slab<Subscriber>,
    pub(super) notifiers: Slab<Notifier>,
    lines: Slab<Line>,
    by_dialog: Map<Id, Key>,
    /// Those whose SUBSCRIBE may still make dialogs, by its Call-ID and From tag.
    pub(super) waiting: Map<(Text, Text), Key>,
}

impl Subscriptions {
    pub(super) fn new(ids: &mut Ids) -> Self {
        Self {
            subscribers: Slab::new(),
            notifiers: Slab::new(),
            lines: Slab::new(),
            by_dialog: ids.map(),
            waiting: ids.map(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.subscribers.len() + self.notifiers.len()
    }

    pub(super) const fn dialogs(&self) -> usize {
        self.lines.len()
    }

    /// A dialog that a subscription makes.
    pub(super) fn begin(&mut self, dialog: Dialog, target: Target, usage: Usage) -> Key {
        let id = dialog.id().clone();
        let line = self.lines.insert(Line {
            id: id.clone(),
            home: Home::Own(Box::new(dialog)),
            target,
            usages: vec![usage],
        });
        self.by_dialog.insert(id, line);
        line
    }

    /// The subscriptions in a dialog.
    pub(super) fn usages(&self, line: Key) -> impl Iterator<Item = Usage> {
        (self.lines.get(line).into_iter()).flat_map(|line| line.usages.iter().copied())
    }

    /// Takes a subscription out of its dialog, which ends with its last one.
    pub(super) fn leave(&mut self, line: Key, usage: Usage) {
        let Some(entry) = self.lines.get_mut(line) else {
            return;
        };
        entry.usages.retain(|other| *other != usage);
        if entry.usages.is_empty()
            && let Some(entry) = self.lines.remove(line)
        {
            self.by_dialog.remove(&entry.id);
        }
    }
}

impl Endpoint {
    /// The dialog that a request of a peer's came in, if subscriptions are in it.
    fn line_of(&self, request: &Request) -> Option<Key> {
        let id = id_of(request)?;
        self.subscriptions.by_dialog.get(&id).copied()
    }

    /// Puts a subscription into the dialog of a call, and says whether it is the first there. `None` if there is no
    /// dialog, or too many are in it.
    pub(super) fn share(&mut self, call: Key, usage: Usage) -> Option<(Key, bool)> {
        let entry = self.calls.get(call)?;
        let id = entry.fork.as_ref()?.dialog.id().clone();
        if let Some(&line) = self.subscriptions.by_dialog.get(&id) {
            return self.join(line, usage).then_some((line, false));
        }
        let line = self.subscriptions.lines.insert(Line {
            id: id.clone(),
            home: Home::Call(call),
            target: entry.target.clone(),
            usages: vec![usage],
        });
        self.subscriptions.by_dialog.insert(id, line);
        Some((line, true))
    }

    /// Puts a subscription into a dialog that has others. `false` if there are too many already.
    pub(super) fn join(&mut self, line: Key, usage: Usage) -> bool {
        match self.subscriptions.lines.get_mut(line) {
            Some(line) if line.usages.len() < SHARERS => {
                line.usages.push(usage);
                true
            }
            _ => false,
        }
    }

    /// A call is forgotten: its dialog goes on for the subscriptions in it (RFC 5057 §5.1).
    pub(super) fn inherit_dialog(&mut self, call: Key) {
        if self.subscriptions.lines.is_empty() {
            return;
        }
        let Some(fork) = self.calls.get(call).and_then(|call| call.fork.as_ref()) else {
            return;
        };
        if let Some(&line) = self.subscriptions.by_dialog.get(fork.dialog.id())
            && let Some(line) = self.subscriptions.lines.get_mut(line)
        {
            line.home = Home::Own(Box::new(fork.dialog.clone()));
        }
    }

    /// The dialog of subscriptions that a request of ours is in.
    pub(super) fn line_of_user(&self, user: User) -> Option<Key> {
        match user {
            User::Subscribe(key) => self.subscriptions.subscribers.get(key)?.line,
            User::Notify(key) => self.subscriptions.notifiers.get(key)?.line,
            _ => None,
        }
    }

    /// The dialog of subscriptions.
    pub(super) fn line_dialog(&mut self, line: Key) -> Option<&mut Dialog> {
        match &mut self.subscriptions.lines.get_mut(line)?.home {
            Home::Own(dialog) => Some(dialog),
            Home::Call(call) => {
                let fork = self.calls.get_mut(*call)?.fork.as_mut()?;
                Some(&mut fork.dialog)
            }
        }
    }

    /// Where requests in the dialog of subscriptions go.
    pub(super) fn line_target(&self, line: Key) -> Target {
        (self.subscriptions.lines.get(line)).map_or(Target::Uri, |line| line.target.clone())
    }

    /// A request in the dialog of subscriptions, complete but for what its method needs.
    pub(super) fn in_line(&mut self, line: Key, method: Method) -> Option<Request> {
        let dialog = self.line_dialog(line)?;
        let mut request = Request::new(method, dialog.target());
        dialog.fill(&mut request);
        let number = dialog.next_sequence();
        super::fill::set_sequence(&mut request, number);
        Some(request)
    }

    /// A request that is in no call. `false` if it is about no subscription.
    pub(super) fn handle_event_request(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        request: &Request,
        source: Source,
    ) -> bool {
        let is_notify = match request.method() {
            Method::Notify => true,
            Method::Subscribe => false,
            Method::Refer if self.takes_refer() => false,
            _ => return false,
        };
        let line = self.line_of(request);
        if let Some(line) = line {
            let number = super::fill::sequence(request);
            let order = (self.line_dialog(line)).map_or(Ok(()), |dialog| dialog.receive(number));
            if let Err(status) = order {
                self.answer(cx, server, status);
                return true;
            }
            self.handle_in_line(cx, server, line, request, source);
            return true;
        }
        let is_new = id_of(request).is_none();
        match is_notify {
            false if is_new && *request.method() == Method::Refer => {
                self.handle_refer(cx, server, Place::New, request, source);
            }
            true => self.handle_first_notify(cx, server, request, source),
            false if is_new && !self.config.events.is_empty() => {
                self.handle_subscribe(cx, server, request, source);
            }
            false if is_new => return false,
            false => self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
        }
        true
    }

    /// A SUBSCRIBE, NOTIFY or REFER in the dialog of a call, whose order was checked.
    pub(super) fn handle_event_in_call(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        call: Key,
        request: &Request,
        source: Source,
    ) {
        if *request.method() == Method::Refer {
            return self.handle_refer(cx, server, Place::Call(call), request, source);
        }
        match self.line_of(request) {
            Some(line) => self.handle_in_line(cx, server, line, request, source),
            // A new subscription has a dialog of its own (RFC 6665 §4.5.2).
            None if *request.method() == Method::Subscribe => {
                self.answer(cx, server, Status::FORBIDDEN);
            }
            None => self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
        }
    }

    /// The call of a dialog.
    pub(super) fn call_of_dialog(&self, call_id: &str, local: &str, peer: &str) -> Option<CallId> {
        let id = Id {
            call_id: Text::from(call_id),
            local_tag: Text::from(local),
            peer_tag: Text::from(peer),
        };
        self.calls.by_dialog.get(&id).copied().map(CallId)
    }

    fn handle_in_line(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        line: Key,
        request: &Request,
        source: Source,
    ) {
        if *request.method() == Method::Refer {
            return self.handle_refer(cx, server, Place::Line(line), request, source);
        }
        let Ok(event) = request.headers().get::<header::Event>() else {
            return self.answer(cx, server, Status::BAD_EVENT);
        };
        let is_notify = *request.method() == Method::Notify;
        let found = self.subscriptions.usages(line).find(|usage| match *usage {
            Usage::Subscriber(key) if is_notify => (self.subscriptions.subscribers.get(key))
                .is_some_and(|subscriber| subscriber.is_about(&event)),
            Usage::Notifier(key) if !is_notify => (self.subscriptions.notifiers.get(key))
                .is_some_and(|notifier| notifier.event.matches(&event)),
            _ => false,
        });
        match found {
            Some(Usage::Subscriber(key)) => self.notified(cx, server, key, request),
            Some(Usage::Notifier(key)) => self.asked_again(cx, server, key, request, source),
            None => self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
        }
    }
}

/// The dialog that a request of a peer's names; `None` for one outside a dialog.
fn id_of(request: &Request) -> Option<Id> {
    let keys = request.keys().ok()?;
    Some(Id {
        call_id: Text::from(keys.call_id),
        local_tag: Text::from(keys.to_tag?),
        peer_tag: Text::from(keys.from_tag.unwrap_or_default()),
    })
}
