//! What goes on for this user on all devices, as the network tells it (RFC 4235).

use super::Client;
use super::event::{Event, OngoingSession};
use crate::events::dialog_info::{self, DialogInfo, Dialogs, Direction, State};
use crate::node::Net;
use crate::sdp;
use crate::sip::msg::Request;
use crate::sip::subscription::{Config, End};
use crate::sip::{SubscriptionId, Target};
use crate::wire::Text;
use bytes::Bytes;
use std::time::Duration;

/// The subscription, and what it has told.
#[derive(Debug, Default)]
pub(super) struct Watch {
    subscription: Option<SubscriptionId>,
    dialogs: Dialogs,
}

impl Client {
    pub(super) fn watch_sessions(&mut self, net: &mut Net<'_, Event>, expires: Duration) {
        if self.watch.subscription.is_some() {
            return;
        }
        let user = self.config.user.clone();
        let mut config = Config::new(user.clone(), user, "dialog");
        config.accept = vec![Text::from_static(dialog_info::MEDIA_TYPE)];
        config.expires = expires;
        let (cx, sip) = (&mut net.ends.cx, &mut net.ends.sip);
        self.watch = Watch {
            subscription: Some(sip.subscribe(cx, config, Target::Uri)),
            dialogs: Dialogs::default(),
        };
    }

    pub(super) fn unwatch_sessions(&mut self, net: &mut Net<'_, Event>) {
        if let Some(id) = self.watch.subscription {
            net.ends.sip.unsubscribe(&mut net.ends.cx, id);
        }
    }

    pub(super) fn sessions_told(
        &mut self,
        net: &mut Net<'_, Event>,
        id: SubscriptionId,
        request: &Request,
    ) {
        let limits = net.ends.cx.limits;
        if self.watch.subscription != Some(id) || request.body().is_empty() {
            return;
        }
        let Ok(document) = DialogInfo::parse(request.body(), limits) else {
            return;
        };
        self.watch.dialogs.apply(document, limits);
        let sessions = self.watch.dialogs.iter().map(|dialog| {
            let described = dialog.local.session.as_ref();
            let described = described.and_then(|(_, text)| {
                let bytes = Bytes::copy_from_slice(text.as_bytes());
                sdp::Session::parse(&bytes, limits).ok()
            });
            let media = described.map_or_else(Vec::new, |session| {
                let live = session.media.into_iter().filter(|media| media.port != 0);
                live.map(|media| media.kind).collect()
            });
            OngoingSession {
                peer: (dialog.remote.identity.as_ref()).map(|party| party.uri.clone()),
                is_ours: dialog.direction == Some(Direction::Initiator),
                is_up: dialog.state == State::Confirmed,
                media,
            }
        });
        let sessions = sessions.collect();
        net.emit(Event::Sessions { sessions });
    }

    pub(super) fn sessions_unknown(
        &mut self,
        net: &mut Net<'_, Event>,
        id: SubscriptionId,
        end: &End,
    ) {
        if self.watch.subscription != Some(id) {
            return;
        }
        self.watch.subscription = None;
        let status = match end {
            End::Refused(status) => Some(status.code()),
            _ => None,
        };
        net.emit(Event::SessionsUnknown { status });
    }
}
