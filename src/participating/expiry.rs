//! Messages whose time is over.

use super::inbox::{Entry, InboxId};
use super::keeping::read;
use super::{Due, Event, Expiry, Participating, Preferences, Waiting};
use crate::conversation::{Content, Envelope, Identity, Message, Parcel, Service, message};
use crate::cpim;
use crate::imdn::{self, Imdn};
use crate::node::Net;
use crate::wire::Text;
use bytes::Bytes;

impl Participating {
    /// The store did not say what it has of a message whose time is over: it is asked again later.
    pub(super) fn not_expired(&mut self, net: &Net<'_, Event>, id: InboxId, sequence: u64) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        inbox.keeping = inbox.keeping.saturating_sub(1);
        inbox.insert(Entry {
            sequence,
            flying: false,
            refusals: 0,
        });
        self.timers
            .set(Due::Expiry(id, sequence), net.now() + self.config.retry);
    }

    /// The time of a message is over.
    pub(super) fn expire(&mut self, net: &mut Net<'_, Event>, id: InboxId, sequence: u64) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        if inbox.is_out(sequence) {
            // What a device may be confirming at this very moment has not failed yet.
            let at = net.now() + self.config.patience;
            self.timers.set(Due::Expiry(id, sequence), at);
            return;
        }
        if !inbox.remove(sequence) {
            return self.go_on(net, id);
        }
        let user = inbox.user.clone();
        self.timers.cancel(&Due::Expiry(id, sequence));
        inbox.keeping += 1;
        net.emit(Event::Expired {
            user: user.clone(),
            sequence,
        });
        let waiting = Waiting::Expire {
            inbox: id,
            sequence,
        };
        self.ask(net, waiting, |reply| Event::Load {
            user,
            sequence,
            reply,
        });
    }

    /// The store has given back a message whose time is over: its user decides what becomes of it.
    pub(super) fn expired(
        &mut self,
        net: &mut Net<'_, Event>,
        id: InboxId,
        sequence: u64,
        message: Option<Bytes>,
    ) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        let user = inbox.user.clone();
        match message {
            Some(message) => {
                let waiting = Waiting::Bury {
                    inbox: id,
                    sequence,
                    message,
                };
                self.ask(net, waiting, |reply| Event::Subscriber { user, reply });
            }
            None => self.buried(net, id, sequence),
        }
    }

    pub(super) fn bury(
        &mut self,
        net: &mut Net<'_, Event>,
        id: InboxId,
        sequence: u64,
        message: Bytes,
        preferences: &Preferences,
    ) {
        let Some(user) = self.inboxes.get_mut(id).map(|inbox| inbox.user.clone()) else {
            return;
        };
        match preferences.expiry {
            Expiry::Store => {
                let waiting = Waiting::Archive {
                    inbox: id,
                    sequence,
                };
                return self.ask(net, waiting, |reply| Event::Archive {
                    user,
                    message,
                    reply,
                });
            }
            Expiry::Discard => {
                if let Some((envelope, parcel)) = read(message, net.ends.cx.limits) {
                    self.report_failure(net, &envelope, &parcel);
                }
            }
        }
        self.buried(net, id, sequence);
    }

    pub(super) fn buried(&mut self, net: &mut Net<'_, Event>, id: InboxId, sequence: u64) {
        let Some(inbox) = self.inboxes.get_mut(id) else {
            return;
        };
        inbox.keeping = inbox.keeping.saturating_sub(1);
        let user = inbox.user.clone();
        net.emit(Event::Forget { user, sequence });
        self.go_on(net, id);
    }

    /// Tells the sender that a message was not delivered, if it asked to be told (RFC 5438 §7.2.1.1).
    fn report_failure(&mut self, net: &mut Net<'_, Event>, envelope: &Envelope, parcel: &Parcel) {
        let Ok(message) = Message::read(parcel, net.ends.cx.limits) else {
            return;
        };
        let (Some(id), true) = (&message.id, message.wanted.failed) else {
            return;
        };
        if matches!(message.content, Content::Reports(_)) {
            return;
        }
        let mut report = Imdn::new(
            id.clone(),
            message.date_time,
            imdn::Kind::Delivery,
            imdn::Status::Failed,
        );
        report.recipient_uri = Some(Text::from(envelope.to.uri.to_string()));
        let (recipient, sender) = (envelope.to.uri.clone(), envelope.sender().clone());
        let [from, to] = [&recipient, &sender].map(|uri| cpim::Identity::new(uri.to_string()));
        let parcel = message::report(&mut net.ends.cx, &from, &to, &report);
        // A request of its own, with a way of its own to go.
        let thread = envelope.thread.clone();
        let mut envelope = Envelope::new(recipient.clone(), sender.clone(), Service::Pager);
        envelope.identity = Identity::Asserted(vec![recipient]);
        envelope.thread = thread;
        let destination = self.onward(net, sender, &[]);
        net.legs.page(&mut net.ends, destination, &envelope, parcel);
    }
}
