//! The user types: what the peer is told of it (RFC 3994 §3.2).

use super::event::Event;
use super::{ChatId, Client, Timer};
use crate::composing::{self, IsComposing};
use crate::conversation::activity::Tell;
use crate::conversation::{Parcel, message};
use crate::cpim;
use crate::node::Net;
use crate::wire::Text;

impl Client {
    /// The user pressed a key.
    pub(super) fn typing(&mut self, net: &mut Net<'_, Event>, id: ChatId) {
        let now = net.now();
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let tell = chat.composer.keystroke(now, &self.config.timing);
        self.tell(net, id, tell);
    }

    /// A timer of our own typing has come.
    pub(super) fn tell_composing(&mut self, net: &mut Net<'_, Event>, id: ChatId) {
        let now = net.now();
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        let tell = chat.composer.poll(now, &self.config.timing);
        self.tell(net, id, tell);
    }

    /// A session has opened: a user who began to type before is typing still.
    pub(super) fn tell_open(&mut self, net: &mut Net<'_, Event>, id: ChatId) {
        let active = self
            .chats
            .get(id)
            .is_some_and(|chat| chat.composer.deadline().is_some());
        self.tell(net, id, active.then_some(Tell::Active));
    }

    /// Tells the peer in the session, if one is open: this is worth nothing later, and nothing at all to
    /// somebody who is not there.
    fn tell(&mut self, net: &mut Net<'_, Event>, id: ChatId, tell: Option<Tell>) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        if let Some(at) = chat.composer.deadline() {
            self.timers.set(Timer::Composer(id.0), at);
        }
        let (Some(tell), true, Some(leg)) = (
            tell,
            chat.is_open(),
            chat.session().map(|session| session.leg),
        ) else {
            return;
        };
        let mut document = IsComposing::new(match tell {
            Tell::Active => composing::State::Active,
            Tell::Idle => composing::State::Idle,
        });
        document.content_type = Some(Text::from_static("text/plain"));
        // Twice as long as we take to say it again, so that it does not lapse while the next one travels.
        document.refresh = (tell == Tell::Active).then_some(self.config.timing.refresh * 2);
        let [from, to] = [&chat.local, &chat.peer].map(|uri| cpim::Identity::new(uri.to_string()));
        let raw = net.legs.takes(leg, composing::MEDIA_TYPE, None) == Some(true);
        let parcel = if raw {
            Parcel::new(Text::from_static(composing::MEDIA_TYPE), document.write())
        } else {
            message::composing(&net.ends.cx, &from, &to, &document)
        };
        // Nobody waits for it: a failure is no news.
        let _ = net.legs.send(&mut net.ends, leg, parcel);
    }
}
