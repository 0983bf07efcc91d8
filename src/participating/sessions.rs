//! What a user is told of its own sessions that go on: event package `dialog` (RFC 4235).
//!
//! A user with several devices asks on one of them what goes on, on whichever: with whom, since when it rings or is
//! up, and over which media streams. Nobody else is told.

use super::relay::Relay;
use super::{Event, Participating};
use crate::events::Extent;
use crate::events::dialog_info::{self, Dialog, DialogInfo, State};
use crate::node::Net;
use crate::sip::msg::header::PAssertedIdentity;
use crate::sip::msg::{Request, Status};
use crate::sip::subscription::Notification;
use crate::sip::{NotifierId, Uri};
use crate::wire::Text;

/// The event package.
pub(super) const PACKAGE: &str = "dialog";

/// A subscription to the sessions of a user.
#[derive(Debug)]
pub(super) struct Watcher {
    user: Text,
    version: u32,
    /// What it was last told.
    told: Vec<Dialog>,
}

impl Participating {
    /// A user asks what goes on, or somebody else does.
    pub(super) fn asked_for_sessions(
        &mut self,
        net: &mut Net<'_, Event>,
        notifier: NotifierId,
        user: Text,
        request: &Request,
    ) {
        let own = request.headers().get::<PAssertedIdentity>();
        let own = own.ok().map(|own| own.0.uri.aor());
        let asked = request.uri().ok().map(|uri: Uri| uri.aor());
        let is_own = match self.watchers.get(&notifier) {
            // What refreshes goes to our Contact, and says no more whose sessions it is about.
            Some(watcher) => watcher.user == user,
            None => asked.is_some_and(|asked| asked == user || Some(asked) == own),
        };
        if !is_own {
            let refusal = request.response(Status::FORBIDDEN);
            return net
                .ends
                .sip
                .refuse_subscription(&mut net.ends.cx, notifier, refusal);
        }
        // What changes is told to each of them.
        if !self.watchers.contains_key(&notifier) {
            let others = self.watchers.values();
            let most = net.ends.cx.limits.watchers;
            if others.filter(|other| other.user == user).take(most).count() >= most {
                let refusal = request.response(Status::SERVICE_UNAVAILABLE);
                let (cx, sip) = (&mut net.ends.cx, &mut net.ends.sip);
                return sip.refuse_subscription(cx, notifier, refusal);
            }
        }
        let user = user.compact();
        let told = self.dialogs_of(net, &user);
        let version = (self.watchers.get(&notifier)).map_or(0, |watcher| watcher.version + 1);
        let notification = notification(&user, version, told.clone());
        self.relay.watched.insert(user.clone());
        let watcher = Watcher {
            user,
            version,
            told,
        };
        self.watchers.insert(notifier, watcher);
        let response = request.response(Status::OK);
        let (cx, sip) = (&mut net.ends.cx, &mut net.ends.sip);
        sip.accept_subscription(cx, notifier, response, notification);
    }

    /// A subscription is over.
    pub(super) fn unwatched(&mut self, notifier: NotifierId) {
        let Some(watcher) = self.watchers.remove(&notifier) else {
            return;
        };
        if !(self.watchers.values()).any(|other| other.user == watcher.user) {
            self.relay.watched.remove(&watcher.user);
        }
    }

    /// Tells those who asked what has changed since: the whole state, and once what is over.
    pub(super) fn tell_watchers(&mut self, net: &mut Net<'_, Event>) {
        for user in std::mem::take(&mut self.relay.touched) {
            let now = self.dialogs_of(net, &user);
            let watchers = self.watchers.iter_mut();
            for (notifier, watcher) in watchers.filter(|(_, watcher)| watcher.user == user) {
                if watcher.told == now {
                    continue;
                }
                let is_over = |told: &&Dialog| now.iter().all(|dialog| dialog.id != told.id);
                let over = watcher.told.iter().filter(is_over).map(|told| Dialog {
                    state: State::Terminated,
                    ..told.clone()
                });
                let dialogs = now.iter().cloned().chain(over).collect();
                watcher.version = watcher.version.saturating_add(1);
                let notification = notification(&user, watcher.version, dialogs);
                let (cx, sip) = (&mut net.ends.cx, &mut net.ends.sip);
                if sip.notify(cx, *notifier, notification) {
                    watcher.told.clone_from(&now);
                }
            }
        }
    }

    fn dialogs_of(&self, net: &Net<'_, Event>, user: &str) -> Vec<Dialog> {
        self.relay.dialogs(user, &*net.legs, net.ends.cx.limits)
    }
}

impl Relay {
    /// Notes that a session of a user has changed, if somebody wants to know.
    pub(super) fn touch(&mut self, user: &Text) {
        if self.watched.contains(user) && !self.touched.contains(user) {
            self.touched.push(user.clone());
        }
    }
}

fn notification(user: &str, version: u32, dialogs: Vec<Dialog>) -> Notification {
    let document = DialogInfo {
        version,
        extent: Extent::Full,
        ..DialogInfo::full(user, dialogs)
    };
    Notification::active(dialog_info::MEDIA_TYPE, document.write())
}
