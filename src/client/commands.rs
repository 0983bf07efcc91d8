//! What the application asks of a client. None of it waits.

use super::chat::Chat;
use super::{ChatId, Client, MessageId, Options, SendError};
use crate::conversation::Status;
use crate::node::Node;
use crate::sip::Uri;
use crate::sip::msg::Status as SipStatus;
use crate::wire::Text;
use std::time::{Duration, Instant};

impl Node<Client> {
    /// Registers, and stays registered. [`Event::Registered`](super::Event::Registered) or
    /// [`Event::RegistrationFailed`](super::Event::RegistrationFailed) follows.
    pub fn register(&mut self, now: Instant) {
        self.command(now, |client, net| {
            let registration = Client::registration(&client.config);
            match client.registration {
                Some(id) => net
                    .ends
                    .sip
                    .update_registration(&mut net.ends.cx, id, registration),
                None => {
                    client.registration =
                        Some(net.ends.sip.register(&mut net.ends.cx, registration))
                }
            }
        });
    }

    /// Takes the registration back. [`Event::Unregistered`](super::Event::Unregistered) follows.
    pub fn unregister(&mut self, now: Instant) {
        self.command(now, |client, net| {
            if let Some(id) = client.registration {
                net.ends.sip.unregister(&mut net.ends.cx, id);
            }
        });
    }

    /// Gives this device another name and tells the network.
    pub fn rename_device(&mut self, now: Instant, name: &str) {
        self.command(now, |client, net| {
            client.config.device_name = Some(Text::from(name));
            net.legs.set_contact(Client::contact(&client.config));
            if let Some(id) = client.registration {
                net.ends.sip.update_registration(
                    &mut net.ends.cx,
                    id,
                    Client::registration(&client.config),
                );
            }
        });
    }

    /// Opens a chat with `peer`. Messages may be sent at once; they are held until it is accepted.
    pub fn open_chat(&mut self, now: Instant, peer: Uri) -> ChatId {
        let from = self.role().config.user.clone();
        self.open_chat_as(now, from, peer)
    }

    /// Opens a chat with `peer` under one of the user's other addresses, or under that of nobody
    /// ([`anonymous`](crate::conversation::anonymous)): the peer is then not told who it is with (`Privacy: id`,
    /// RFC 3325).
    pub fn open_chat_as(&mut self, now: Instant, from: Uri, peer: Uri) -> ChatId {
        self.command(now, |client, net| client.open_chat(net, from, peer))
    }

    /// Accepts a chat that a peer has opened ([`Event::Invited`](super::Event::Invited)).
    pub fn accept_chat(&mut self, now: Instant, chat: ChatId) {
        self.command(now, |client, net| client.accept_chat(net, chat));
    }

    /// Declines a chat that a peer has opened.
    pub fn decline_chat(&mut self, now: Instant, chat: ChatId) {
        self.command(now, |client, net| {
            client.decline_chat(net, chat, SipStatus::DECLINE)
        });
    }

    /// Sends `text` in a chat: in its session if one is open, else as a message of its own. It asks for
    /// what [`Config::wanted`](super::Config::wanted) says.
    ///
    /// How it ends arrives as [`Event::Disposition`](super::Event::Disposition) or
    /// [`Event::Failed`](super::Event::Failed) with the returned id.
    ///
    /// # Errors
    ///
    /// Nothing was sent; see [`SendError`].
    pub fn send_text(
        &mut self,
        now: Instant,
        chat: ChatId,
        text: &str,
    ) -> Result<MessageId, SendError> {
        self.command(now, |client, net| {
            client.send_text(net, chat, text, &Options::default())
        })
    }

    /// Sends `text` to `peer` as a message of its own: in one SIP MESSAGE, or in large message mode if it
    /// is too long for that.
    ///
    /// # Errors
    ///
    /// Nothing was sent; see [`SendError`].
    pub fn send_message(
        &mut self,
        now: Instant,
        peer: &Uri,
        text: &str,
        options: &Options,
    ) -> Result<MessageId, SendError> {
        self.command(now, |client, net| {
            client.send_message(net, peer, text, options)
        })
    }

    /// Says that the user has seen a message. Its sender is told, if both sides want that.
    pub fn mark_displayed(&mut self, now: Instant, message: &MessageId) {
        self.command(now, |client, net| client.mark_displayed(net, message));
    }

    /// Says that the user pressed a key in a chat. Call it for every key: the peer hears as much of it as
    /// RFC 3994 asks.
    pub fn typing(&mut self, now: Instant, chat: ChatId) {
        self.command(now, |client, net| client.typing(net, chat));
    }

    /// Ends the session of a chat. The thread goes on with the next message.
    pub fn end_chat(&mut self, now: Instant, chat: ChatId) {
        self.command(now, |client, net| client.end_chat(net, chat));
    }

    /// Fetches what is kept: everything, or the messages of these ids ([`Event::Deferred`](super::Event::Deferred)
    /// lists them). They arrive as [`Event::Message`](super::Event::Message)s, and
    /// [`Event::Fetched`](super::Event::Fetched) when all have come. Nothing is done, and the answer is `false`,
    /// while another fetch is under way or there is no room for a session.
    pub fn fetch_deferred(&mut self, now: Instant, chosen: Option<&[Text]>) -> bool {
        self.command(now, |client, net| client.fetch(net, chosen))
    }

    /// Has messages of these ids thrown away. [`Event::Discarded`](super::Event::Discarded) follows.
    pub fn discard_deferred(&mut self, now: Instant, ids: &[Text]) {
        self.command(now, |client, net| client.discard(net, ids));
    }

    /// Asks the network what sessions of this user go on, on whichever device, and to be told when that changes:
    /// [`Event::Sessions`](super::Event::Sessions). It is asked once if `expires` is zero, and goes on being asked
    /// otherwise.
    pub fn watch_sessions(&mut self, now: Instant, expires: Duration) {
        self.command(now, |client, net| client.watch_sessions(net, expires));
    }

    /// Ends that. [`Event::SessionsUnknown`](super::Event::SessionsUnknown) follows.
    pub fn unwatch_sessions(&mut self, now: Instant) {
        self.command(now, |client, net| client.unwatch_sessions(net));
    }

    /// Every chat that has a session which is up.
    pub fn open_chats(&self) -> Vec<ChatId> {
        let chats = self.role().chats.ids();
        chats
            .into_iter()
            .filter(|chat| self.is_open(*chat))
            .collect()
    }

    /// How far a message of ours has come; `None` if it is not remembered.
    pub fn status(&self, message: &MessageId) -> Option<Status> {
        self.role().chats.status(message)
    }

    /// Whom a chat is with.
    pub fn peer(&self, chat: ChatId) -> Option<&Uri> {
        self.role().chats.get(chat).map(|chat| &chat.peer)
    }

    /// Whether a chat has a session that is up.
    pub fn is_open(&self, chat: ChatId) -> bool {
        self.role().chats.get(chat).is_some_and(Chat::is_open)
    }
}
