//! REFER and what comes of it, on both sides (RFC 3515, RFC 4488, RFC 4538).

use super::command::{add_contact, user_of};
use super::fill::{sequence, set_default, set_sequence};
use super::notifier::{Notifier, Step};
use super::sending::User;
use super::subscriber::{Subscriber, SubscriptionTimer};
use super::subscriptions::Usage;
use super::{
    CallId, Deadline, Endpoint, Event, Failure, NotifierId, Source, SubscriptionId, Target,
};
use crate::engine::{Cx, Key};
use crate::sip::dialog::Dialog;
use crate::sip::msg::header::{self, From, NameAddr, TargetDialog};
use crate::sip::msg::{Name, Request, Response, Status, Uri};
use crate::sip::refer;
use crate::sip::subscription::subscriber::{self, Input};
use crate::sip::subscription::{Config, End, Notification, Over, Reason, Standing, notifier};
use crate::wire::Text;
use std::collections::VecDeque;
use std::time::Duration;

/// Where a REFER came.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// Outside a dialog.
    New,
    /// In the dialog of a call.
    Call(Key),
    /// In a dialog of subscriptions.
    Line(Key),
}

impl Endpoint {
    /// Refers the receiver to somebody else: sends a REFER, such as [`refer::request`] makes, outside a dialog. What
    /// comes of it is told as of a subscription, which it implies: [`Event::Subscribed`] for the 2xx,
    /// [`Event::Notified`] for each NOTIFY, whose status [`refer::progress`] reads, and
    /// [`Event::SubscriptionTerminated`].
    pub fn refer(
        &mut self,
        cx: &mut Cx<'_>,
        mut request: Request,
        target: Target,
    ) -> SubscriptionId {
        self.complete(cx, &mut request, &target);
        let user = (request.headers().get::<From>().ok()).and_then(|from| user_of(&from.uri));
        add_contact(request.headers_mut(), user.as_deref());
        let key = self.insert_referrer(cx, &request, target.clone());
        let waiting = names(&request);
        if let (Some(waiting), Some(subscriber)) =
            (waiting, self.subscriptions.subscribers.get_mut(key))
        {
            subscriber.waiting = Some(waiting.clone());
            self.subscriptions.waiting.insert(waiting, key);
        }
        self.send_refer(cx, key, request, target);
        SubscriptionId(key)
    }

    /// Refers the peer of a call to somebody else, in the dialog of the call; else as [`refer`](Self::refer). `None` if
    /// the call has no dialog (any more).
    pub fn refer_in_call(
        &mut self,
        cx: &mut Cx<'_>,
        call: CallId,
        mut request: Request,
    ) -> Option<SubscriptionId> {
        let entry = self.calls.get_mut(call.0)?;
        if entry.state == crate::sip::usage::State::Over {
            return None;
        }
        let (contact, target) = (entry.contact.clone(), entry.target.clone());
        let dialog = &mut entry.fork.as_mut()?.dialog;
        dialog.fill(&mut request);
        set_sequence(&mut request, dialog.next_sequence());
        if let Some(contact) = contact {
            set_default(request.headers_mut(), Name::Contact, &contact);
        }
        self.sign(&mut request);
        let key = self.insert_referrer(cx, &request, target.clone());
        let (line, _) = self.share(call.0, Usage::Subscriber(key)).or_else(|| {
            self.subscriptions.subscribers.remove(key);
            None
        })?;
        if let Some(subscriber) = self.subscriptions.subscribers.get_mut(key) {
            subscriber.line = Some(line);
        }
        self.send_refer(cx, key, request, target);
        Some(SubscriptionId(key))
    }

    /// Accepts the REFER of [`Event::Referred`] with a 2xx, such as [`refer::accepted`] makes. If anything shall be told,
    /// the NOTIFY of `100 Trying` follows at once, and [`notify_refer`](Self::notify_refer) tells the rest.
    pub fn accept_refer(&mut self, cx: &mut Cx<'_>, id: NotifierId, mut response: Response) {
        let Some(entry) = self.subscriptions.notifiers.get(id.0) else {
            return;
        };
        let (Some((server, time)), Some(status)) = (entry.server, entry.refer) else {
            return;
        };
        if !response.status().is_success() {
            return self.refuse_subscription(cx, id, response);
        }
        if time.is_zero() {
            let _ = response.headers_mut().set_text(Name::ReferSub, "false");
        }
        self.establish_subscription(id.0, server, &mut response);
        if let Some(entry) = self.subscriptions.notifiers.get_mut(id.0) {
            entry.server = None;
            entry.until = Some(cx.now + time);
        }
        let response = Some((server, response));
        if time.is_zero() {
            let hand = Step {
                response,
                ..Step::over(Over::Unsubscribed)
            };
            return self.step_notifier(cx, id.0, notifier::Input::Refuse, hand);
        }
        self.timers.set(Deadline::Notifier(id.0), cx.now + time);
        let hand = Step {
            response,
            notification: Some(news(status)),
            over: Over::Local,
            is_silent: false,
        };
        self.step_notifier(cx, id.0, notifier::Input::Accept(Standing::Active), hand);
    }

    /// Tells who referred us what came of it: the status of a response to the request that was asked for. A final one
    /// ends the subscription (RFC 3515 §2.4.5). `false` if it is over, or nothing is to be told.
    pub fn notify_refer(&mut self, cx: &mut Cx<'_>, id: NotifierId, status: Status) -> bool {
        match self.subscriptions.notifiers.get_mut(id.0) {
            Some(entry) if entry.refer.is_some() => entry.refer = Some(status),
            _ => return false,
        }
        self.notify(cx, id, news(status))
    }

    /// Whether a REFER is for the layer above to answer as one.
    pub(super) fn takes_refer(&self) -> bool {
        self.config
            .events
            .iter()
            .any(|event| event == refer::PACKAGE)
    }

    /// A REFER arrived.
    pub(super) fn handle_refer(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        place: Place,
        request: &Request,
        source: Source,
    ) {
        let headers = request.headers();
        if headers.count(&Name::ReferTo) != 1 || headers.get::<header::ReferTo>().is_err() {
            return self.answer(cx, server, Status::BAD_REQUEST);
        }
        if self.subscriptions.len() >= cx.limits.sip_subscriptions {
            return self.answer(cx, server, Status::SERVICE_UNAVAILABLE);
        }
        let is_watched = refer::subscribes(headers);
        // Long enough for what is asked for to ring as long as it may.
        let time = match is_watched {
            true => cx.limits.ring,
            false => Duration::ZERO,
        };
        let key = self.subscriptions.notifiers.insert(Notifier {
            state: notifier::State::Asked,
            event: header::Event::new(refer::PACKAGE),
            line: None,
            server: Some((server, time)),
            until: None,
            sending: None,
            queue: VecDeque::new(),
            refer: Some(Status::TRYING),
            contact: None,
        });
        let Some((line, is_first)) = self.place_refer(server, key, place, request, source) else {
            self.subscriptions.notifiers.remove(key);
            return self.answer(cx, server, Status::BAD_REQUEST);
        };
        if let Some(entry) = self.subscriptions.notifiers.get_mut(key) {
            entry.line = Some(line);
            if !is_first {
                // Which of several in one dialog (RFC 3515 §2.4.6).
                let number = sequence(request).to_string();
                entry.event.params.set("id", Some(&number));
            }
        }
        let call = match place {
            Place::Call(call) => Some(CallId(call)),
            Place::New | Place::Line(_) => {
                (headers.get::<TargetDialog>().ok()).and_then(|dialog| {
                    let (local, peer) = (dialog.receiver_tag()?, dialog.sender_tag()?);
                    self.call_of_dialog(&dialog.call_id, local, peer)
                })
            }
        };
        let times = self.config.times;
        let patience = times.give_up().saturating_sub(times.t2);
        self.timers.set(Deadline::Notifier(key), cx.now + patience);
        self.events.push_back(Event::Referred {
            notifier: NotifierId(key),
            is_watched,
            request: request.clone(),
            source,
            call,
        });
    }

    /// The dialog for the NOTIFYs of a REFER, and whether it is the first subscription there.
    fn place_refer(
        &mut self,
        server: Key,
        key: Key,
        place: Place,
        request: &Request,
        source: Source,
    ) -> Option<(Key, bool)> {
        let usage = Usage::Notifier(key);
        match place {
            Place::Call(call) => self.share(call, usage),
            Place::Line(line) => self.join(line, usage).then_some((line, false)),
            Place::New => {
                let dialog = Dialog::from_request(request, &self.servers.get(server)?.tag).ok()?;
                let target = match source.conn {
                    Some(_) if !dialog.has_route() => Target::Flow(source),
                    _ => Target::Uri,
                };
                Some((self.subscriptions.begin(dialog, target, usage), true))
            }
        }
    }

    /// The subscription that a REFER of ours implies.
    fn insert_referrer(&mut self, cx: &Cx<'_>, request: &Request, target: Target) -> Key {
        let anonymous = || NameAddr::new(Uri::host("anonymous.invalid"));
        let from = (request.headers().get::<From>()).map_or_else(|_| anonymous(), |from| from.0);
        let resource = request
            .uri()
            .unwrap_or_else(|_| Uri::host("anonymous.invalid"));
        let mut config = Config::new(resource.compact(), from.uri.compact(), refer::PACKAGE);
        config.from.display = from.display;
        let number = sequence(request);
        self.subscriptions.subscribers.insert(Subscriber {
            state: subscriber::State::NotifyWait,
            config,
            target,
            refer: Some(number),
            is_untold: refer::implies_none(request.headers()),
            waiting: None,
            notifiers: 1,
            window: Some(cx.now + self.config.times.give_up()),
            line: None,
            sending: None,
            number,
            changed: false,
            told: false,
            until: None,
            renewal: None,
            etag: None,
        })
    }

    fn send_refer(&mut self, cx: &mut Cx<'_>, key: Key, request: Request, target: Target) {
        if self.subscriptions.len() > cx.limits.sip_subscriptions {
            let end = End::Failed(Failure::Overloaded);
            return self.end_subscription(cx, key, Input::Refused, end, None);
        }
        self.timers.set(
            Deadline::Subscription(key, SubscriptionTimer::N),
            cx.now + self.config.times.give_up(),
        );
        let sending = self.send(cx, request, target, User::Subscribe(key));
        if self.sendings.get(sending).is_some()
            && let Some(subscriber) = self.subscriptions.subscribers.get_mut(key)
        {
            subscriber.sending = Some(sending);
        }
    }

    /// A 2xx to our REFER.
    pub(super) fn refer_accepted(&mut self, cx: &mut Cx<'_>, key: Key, response: Response) {
        let is_untold =
            (self.subscriptions.subscribers.get(key)).is_some_and(|entry| entry.is_untold);
        let is_watched = !is_untold && refer::subscribes(response.headers());
        self.events.push_back(Event::Subscribed {
            subscription: SubscriptionId(key),
            expires: Duration::ZERO,
            response,
        });
        if !is_watched {
            self.end_subscription(cx, key, Input::Refused, End::Untold, None);
        }
    }
}

/// What is told of a status.
fn news(status: Status) -> Notification {
    let standing = match status.is_final() {
        true => Notification::terminated(Reason::NoResource),
        false => Notification::bare(Standing::Active),
    };
    standing.with_content(refer::MEDIA_TYPE, refer::fragment(status))
}

/// The Call-ID and From tag of a request that has no Via yet.
fn names(request: &Request) -> Option<(Text, Text)> {
    let headers = request.headers();
    let call_id = headers.get::<header::CallId>().ok()?.0;
    let from = headers.get::<From>().ok()?;
    Some((call_id.compact(), Text::from(from.tag()?)))
}
