//! Subscriptions of peers, of which we notify (RFC 6665 §4.2).
//!
//! [`notifier`](crate::sip::subscription::notifier) says what happens; this carries it out.

use super::fill::set_default;
use super::sending::User;
use super::subscriptions::Usage;
use super::{Deadline, Endpoint, Event, Failure, NotifierId, Source, Target};
use crate::engine::{Cx, Key};
use crate::sip::dialog::Dialog;
use crate::sip::msg::header::{self, AllowEvents, Expires, MinExpires, SuppressIfMatch};
use crate::sip::msg::{Method, Name, Request, Response, Status};
use crate::sip::refer;
use crate::sip::subscription::notifier::{Action, Input, State, next};
use crate::sip::subscription::{Notification, Over, Reason, Standing, ends};
use crate::wire::Text;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// For how long a subscription is made that does not say (RFC 6665 §4.2.1.1 leaves it to the package).
const USUAL: Duration = Duration::from_secs(3600);

/// A subscription that we notify of.
#[derive(Debug)]
pub(super) struct Notifier {
    pub(super) state: State,
    pub(super) event: header::Event,
    pub(super) line: Option<Key>,
    /// Its SUBSCRIBE, while that is not answered, and for how long it asks.
    pub(super) server: Option<(Key, Duration)>,
    pub(super) until: Option<Instant>,
    /// The NOTIFY that is not answered.
    pub(super) sending: Option<Key>,
    /// What is to be told after it.
    pub(super) queue: VecDeque<Notification>,
    /// What was last told of a REFER, if that has made it.
    pub(super) refer: Option<Status>,
    /// Our Contact, without the address.
    pub(super) contact: Option<Text>,
}

impl Endpoint {
    /// Accepts the SUBSCRIBE of [`Event::SubscriptionAsked`], the first one or one that refreshes, with a 2xx and
    /// the NOTIFY that has to follow at once (RFC 6665 §4.2.1.2). To tag, Contact, Record-Route and Expires are
    /// added; an Expires that is there already shortens the subscription.
    ///
    /// Where the subscriber asks for no time, that NOTIFY is the last, whatever its standing, and
    /// [`Event::SubscriptionOver`] follows. Nothing happens if the SUBSCRIBE was answered before.
    pub fn accept_subscription(
        &mut self,
        cx: &mut Cx<'_>,
        id: NotifierId,
        response: Response,
        notification: Notification,
    ) {
        let Some((server, asked)) = (self.subscriptions.notifiers.get(id.0)).and_then(|n| n.server)
        else {
            return;
        };
        if !response.status().is_success() {
            return self.refuse_subscription(cx, id, response);
        }
        let mut response = response;
        let ours = (response.headers().find::<Expires>().ok().flatten())
            .map_or(asked, |Expires(seconds)| {
                Duration::from_secs(seconds.into())
            });
        let granted = asked.min(ours);
        let mut notification = notification;
        let mut over = Over::Local;
        if granted.is_zero() && notification.standing != Standing::Terminated {
            notification.standing = Standing::Terminated;
            notification.reason = Some(Reason::Timeout);
            over = Over::Unsubscribed;
        }
        let seconds = u32::try_from(granted.as_secs()).unwrap_or(u32::MAX);
        response.headers_mut().set(&Expires(seconds));
        // Who has this state already is not told it again (RFC 5839 §5.3, §5.6).
        let request = self.servers.get(server).and_then(|s| s.request.as_ref());
        let known = request.and_then(|r| r.headers().find::<SuppressIfMatch>().ok().flatten());
        let has_it = known.is_some_and(|known| {
            let is_same = |etag: &Text| known.0 == "*" || known.0 == *etag;
            notification.etag.as_ref().is_some_and(is_same)
        });
        let is_refresh = (self.subscriptions.notifiers.get(id.0))
            .is_some_and(|notifier| notifier.until.is_some());
        let is_silent = has_it && is_refresh && notification.standing != Standing::Terminated;
        if has_it {
            notification.content = None;
        }
        if is_silent {
            response.set_status(Status::NO_NOTIFICATION);
        }
        self.establish_subscription(id.0, server, &mut response);
        if let Some(notifier) = self.subscriptions.notifiers.get_mut(id.0) {
            notifier.server = None;
            notifier.until = Some(cx.now + granted);
        }
        self.timers.set(Deadline::Notifier(id.0), cx.now + granted);
        let input = Input::Accept(notification.standing);
        self.step_notifier(
            cx,
            id.0,
            input,
            Step {
                response: Some((server, response)),
                notification: Some(notification),
                over,
                is_silent,
            },
        );
    }

    /// Refuses the SUBSCRIBE of [`Event::SubscriptionAsked`]. A new subscription is thereby over; one that should
    /// have been refreshed lasts as long as it would have without, unless the status says that there is none
    /// (RFC 6665 §4.1.2.2).
    pub fn refuse_subscription(&mut self, cx: &mut Cx<'_>, id: NotifierId, response: Response) {
        let Some(notifier) = self.subscriptions.notifiers.get_mut(id.0) else {
            return;
        };
        let Some((server, _)) = notifier.server.take() else {
            return;
        };
        let status = response.status();
        let hand = Step {
            response: Some((server, response)),
            ..Step::over(Over::Refused(status))
        };
        self.step_notifier(cx, id.0, Input::Refuse, hand);
        if ends(status) {
            let hand = Step::over(Over::Refused(status));
            self.step_notifier(cx, id.0, Input::Unwanted, hand);
        }
    }

    /// Tells a subscriber the state, or with [`Standing::Terminated`] that it is over (RFC 6665 §4.2.2).
    ///
    /// One NOTIFY is sent after the other, so that they arrive in order. `false` if the subscription is over or not
    /// accepted yet, or if [`Limits::sip_notifications`](crate::engine::Limits::sip_notifications) wait already:
    /// then tell the whole state later.
    pub fn notify(&mut self, cx: &mut Cx<'_>, id: NotifierId, notification: Notification) -> bool {
        let Some(notifier) = self.subscriptions.notifiers.get(id.0) else {
            return false;
        };
        let is_last = notification.standing == Standing::Terminated;
        let is_full = notifier.queue.len() >= cx.limits.sip_notifications && !is_last;
        if is_full || !matches!(notifier.state, State::Active | State::Pending) {
            return false;
        }
        let input = Input::Notify(notification.standing);
        let hand = Step {
            notification: Some(notification),
            ..Step::over(Over::Local)
        };
        self.step_notifier(cx, id.0, input, hand);
        true
    }

    /// How long a subscription that we notify of still lasts; `None` if it is over or not accepted yet.
    pub fn subscription_left(&self, now: Instant, id: NotifierId) -> Option<Duration> {
        let notifier = self.subscriptions.notifiers.get(id.0)?;
        match notifier.state {
            State::Active | State::Pending => Some(notifier.until?.saturating_duration_since(now)),
            State::Asked | State::Terminated => None,
        }
    }

    /// A SUBSCRIBE outside a dialog.
    pub(super) fn handle_subscribe(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        request: &Request,
        source: Source,
    ) {
        let event = match request.headers().get::<header::Event>() {
            Ok(event) if self.config.events.contains(&event.package) => event,
            _ => {
                let mut response = request.response(Status::BAD_EVENT);
                let events = AllowEvents(self.config.events.clone());
                response.headers_mut().set(&events);
                return self.reply(cx, server, response);
            }
        };
        if self.subscriptions.len() >= cx.limits.sip_subscriptions {
            return self.answer(cx, server, Status::SERVICE_UNAVAILABLE);
        }
        let Some(expires) = self.asked_for(cx, server, request) else {
            return;
        };
        let Some(entry) = self.servers.get(server) else {
            return;
        };
        let Ok(dialog) = Dialog::from_request(request, &entry.tag) else {
            return self.answer(cx, server, Status::BAD_REQUEST);
        };
        // A subscriber without proxies in between, perhaps behind a NAT, is reached over its own connection.
        let target = match source.conn {
            Some(_) if !dialog.has_route() => Target::Flow(source),
            _ => Target::Uri,
        };
        let key = self.subscriptions.notifiers.insert(Notifier {
            state: State::Asked,
            event: header::Event {
                package: event.package.compact(),
                params: event.params.compact(),
            },
            line: None,
            server: Some((server, expires)),
            until: None,
            sending: None,
            queue: VecDeque::new(),
            refer: None,
            contact: None,
        });
        let line = self
            .subscriptions
            .begin(dialog, target, Usage::Notifier(key));
        if let Some(notifier) = self.subscriptions.notifiers.get_mut(key) {
            notifier.line = Some(line);
        }
        self.tell_asked(cx, key, event, expires, false, request, source);
    }

    /// A SUBSCRIBE in the dialog of a subscription: it is refreshed, or ended.
    pub(super) fn asked_again(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        key: Key,
        request: &Request,
        source: Source,
    ) {
        let Some(notifier) = self.subscriptions.notifiers.get(key) else {
            return;
        };
        if notifier.state == State::Terminated {
            return self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
        }
        if notifier.server.is_some() || notifier.queue.len() >= cx.limits.sip_notifications {
            // The one before is not answered, or NOTIFYs are not.
            let mut response = request.response(Status::SERVER_INTERNAL_ERROR);
            let seconds = cx.ids.below(11).to_string();
            let _ = response.headers_mut().set_text(Name::RetryAfter, &seconds);
            return self.reply(cx, server, response);
        }
        let (event, line) = (notifier.event.clone(), notifier.line);
        let Some(expires) = self.asked_for(cx, server, request) else {
            return;
        };
        if let Some(dialog) = line.and_then(|line| self.line_dialog(line)) {
            dialog.refresh(request.headers());
        }
        let Some(notifier) = self.subscriptions.notifiers.get_mut(key) else {
            return;
        };
        notifier.server = Some((server, expires));
        if let Some(status) = notifier.refer {
            // Nobody has to be asked what was told last.
            let news = Notification::active(refer::MEDIA_TYPE, refer::fragment(status));
            let response = request.response(Status::OK);
            return self.accept_subscription(cx, NotifierId(key), response, news);
        }
        self.tell_asked(cx, key, event, expires, true, request, source);
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "they are the fields of one event"
    )]
    fn tell_asked(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        event: header::Event,
        expires: Duration,
        is_refresh: bool,
        request: &Request,
        source: Source,
    ) {
        if !is_refresh {
            // A little less than its transaction waits for an answer.
            let times = self.config.times;
            let patience = times.give_up().saturating_sub(times.t2);
            self.timers.set(Deadline::Notifier(key), cx.now + patience);
        }
        self.events.push_back(Event::SubscriptionAsked {
            notifier: NotifierId(key),
            event,
            expires,
            is_refresh,
            request: request.clone(),
            source,
        });
    }

    /// For how long a SUBSCRIBE asks. `None` if that is too short, which was then answered (RFC 6665 §4.2.1.1).
    fn asked_for(&mut self, cx: &mut Cx<'_>, server: Key, request: &Request) -> Option<Duration> {
        let expires = match request.headers().find::<Expires>() {
            Ok(Some(Expires(seconds))) => Duration::from_secs(seconds.into()),
            Ok(None) => USUAL,
            Err(_) => {
                self.answer(cx, server, Status::BAD_REQUEST);
                return None;
            }
        };
        let least = self.config.min_subscription;
        if !expires.is_zero() && expires < least && expires < USUAL {
            let mut response = request.response(Status::INTERVAL_TOO_BRIEF);
            let seconds = u32::try_from(least.as_secs()).unwrap_or(u32::MAX);
            response.headers_mut().set(&MinExpires(seconds));
            self.reply(cx, server, response);
            return None;
        }
        Some(expires)
    }

    /// Adds to a 2xx what makes a dialog (RFC 3261 §12.1.1).
    pub(super) fn establish_subscription(
        &mut self,
        key: Key,
        server: Key,
        response: &mut Response,
    ) {
        let Some(request) = self.servers.get(server).and_then(|s| s.request.as_ref()) else {
            return;
        };
        super::command::copy_record_route(request, response);
        let user = (request.uri().ok()).and_then(|uri| super::command::user_of(&uri));
        let headers = response.headers_mut();
        let Some(notifier) = self.subscriptions.notifiers.get_mut(key) else {
            return;
        };
        if let (Some(contact), false) = (&notifier.contact, headers.contains(&Name::Contact)) {
            let _ = headers.set_text(Name::Contact, contact);
        }
        super::command::add_contact(headers, user.as_deref());
        notifier.contact = headers.text(&Name::Contact).map(Text::from);
    }

    pub(super) fn notifier_timeout(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(notifier) = self.subscriptions.notifiers.get_mut(key) else {
            return;
        };
        if notifier.state == State::Asked {
            if let Some((server, _)) = notifier.server.take() {
                self.answer(cx, server, Status::TEMPORARILY_UNAVAILABLE);
            }
            let hand = Step::over(Over::Unanswered);
            return self.step_notifier(cx, key, Input::Unanswered, hand);
        }
        let hand = Step::over(Over::Expired);
        self.step_notifier(cx, key, Input::Expired, hand);
    }

    /// What came of a NOTIFY.
    pub(super) fn notify_done(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        outcome: &Result<Response, Failure>,
    ) {
        let Some(notifier) = self.subscriptions.notifiers.get_mut(key) else {
            return;
        };
        notifier.sending = None;
        let over = match outcome {
            Ok(response) if ends(response.status()) => Some(Over::Refused(response.status())),
            Ok(response) if response.status() == Status::REQUEST_TIMEOUT => {
                Some(Over::Refused(response.status()))
            }
            Ok(_) => None,
            // We had no room for it; the subscriber has done nothing wrong.
            Err(Failure::Overloaded) => None,
            Err(why) => Some(Over::Failed(*why)),
        };
        match over {
            Some(over) => {
                notifier.queue.clear();
                self.step_notifier(cx, key, Input::Unwanted, Step::over(over));
                self.release_notifier(key);
            }
            None => self.send_notify(cx, key),
        }
    }

    /// Sends the next NOTIFY if none is out.
    fn send_notify(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(notifier) = self.subscriptions.notifiers.get_mut(key) else {
            return;
        };
        if notifier.sending.is_some() {
            return;
        }
        let Some(notification) = notifier.queue.pop_front() else {
            notifier.queue.shrink_to_fit();
            return self.release_notifier(key);
        };
        let left = (notifier.until).map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(cx.now)
        });
        let state = notification.state(left);
        let (event, contact) = (notifier.event.clone(), notifier.contact.clone());
        let Some(line) = notifier.line else { return };
        let Some(mut request) = self.in_line(line, Method::Notify) else {
            return;
        };
        let headers = request.headers_mut();
        headers.set(&event);
        headers.set(&state);
        if let Some(etag) = &notification.etag {
            let _ = headers.set_text(Name::SipEtag, etag);
        }
        if let Some(contact) = contact {
            let _ = headers.set_text(Name::Contact, &contact);
        }
        for (name, value) in &notification.headers {
            // A text of the application's with a line end in it is left out rather than sent.
            let _ = headers.push_text(name.clone(), value);
        }
        set_default(headers, Name::AllowEvents, &self.config.events.join(", "));
        if let Some((content_type, body)) = notification.content {
            request.set_body(&content_type, body);
        }
        self.sign(&mut request);
        let target = self.line_target(line);
        let sending = self.send(cx, request, target, User::Notify(key));
        if self.sendings.get(sending).is_some()
            && let Some(notifier) = self.subscriptions.notifiers.get_mut(key)
        {
            notifier.sending = Some(sending);
        }
    }

    /// One step of the table.
    pub(super) fn step_notifier(&mut self, cx: &mut Cx<'_>, key: Key, input: Input, hand: Step) {
        let Some(notifier) = self.subscriptions.notifiers.get_mut(key) else {
            return;
        };
        let (state, actions) = next(notifier.state, input);
        notifier.state = state;
        if state == State::Terminated {
            self.timers.cancel(&Deadline::Notifier(key));
            // A refresh that crossed the end.
            if let Some((server, _)) = notifier.server.take() {
                self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
            }
        }
        let Step {
            mut response,
            mut notification,
            over,
            is_silent,
        } = hand;
        let mut over = Some(over);
        for action in actions {
            match action {
                Action::Respond => {
                    if let Some((server, response)) = response.take() {
                        self.reply(cx, server, response);
                    }
                }
                Action::Notify if is_silent => {}
                Action::Notify | Action::NotifyTimeout => {
                    let news = notification
                        .take()
                        .unwrap_or_else(|| Notification::terminated(Reason::Timeout));
                    if let Some(notifier) = self.subscriptions.notifiers.get_mut(key) {
                        notifier.queue.push_back(news);
                    }
                    self.send_notify(cx, key);
                }
                Action::TellOver => {
                    if let Some(over) = over.take() {
                        self.events.push_back(Event::SubscriptionOver {
                            notifier: NotifierId(key),
                            over,
                        });
                    }
                }
            }
        }
        self.release_notifier(key);
    }

    /// Forgets a subscription that is over once its last NOTIFY is answered.
    fn release_notifier(&mut self, key: Key) {
        if let Some(notifier) = self.subscriptions.notifiers.get(key)
            && notifier.state == State::Terminated
            && notifier.sending.is_none()
            && notifier.queue.is_empty()
        {
            let line = notifier.line;
            self.subscriptions.notifiers.remove(key);
            if let Some(line) = line {
                self.subscriptions.leave(line, Usage::Notifier(key));
            }
        }
    }
}

/// What a step is about.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) response: Option<(Key, Response)>,
    pub(super) notification: Option<Notification>,
    pub(super) over: Over,
    /// The subscriber knows already.
    pub(super) is_silent: bool,
}

impl Step {
    pub(super) const fn over(over: Over) -> Self {
        Self {
            response: None,
            notification: None,
            over,
            is_silent: false,
        }
    }
}
