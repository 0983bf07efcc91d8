//! Subscriptions of ours (RFC 6665 §4.1).
//!
//! [`subscriber`](crate::sip::subscription::subscriber) says what happens; this carries it out.

use super::fill::{sequence, set_default, set_sequence};
use super::registration::refresh_after;
use super::renewal::Renewal;
use super::sending::User;
use super::subscriptions::Usage;
use super::{Deadline, Endpoint, Event, Failure, HERE, SubscriptionId, Target};
use crate::engine::{Cx, Key};
use crate::sip::msg::header::{self, Contact, Expires, From, MinExpires, NameAddr, RetryAfter, To};
use crate::sip::msg::uri::SipUri;
use crate::sip::msg::{Headers, Method, Name, Request, Response, Status, Uri};
use crate::sip::subscription::subscriber::{Action, Input, State, next};
use crate::sip::subscription::{Config, End, ends};
use crate::wire::Text;
use crate::wire::host::{Host, HostPort};
use std::time::{Duration, Instant};

/// The deadlines of a subscription of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum SubscriptionTimer {
    /// No NOTIFY has come after a SUBSCRIBE.
    N,
    /// It is to be refreshed.
    Refresh,
    /// It has not been refreshed.
    Expiry,
    /// One that has ended is to be made again.
    Again,
}

impl SubscriptionTimer {
    pub(super) const ALL: [Self; 4] = [Self::N, Self::Refresh, Self::Expiry, Self::Again];
}

/// A subscription of ours.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) state: State,
    pub(super) config: Config,
    pub(super) target: Target,
    /// The number of its REFER, if that has made it.
    pub(super) refer: Option<u32>,
    /// Its REFER makes no subscription, whatever the answer says (RFC 7614).
    pub(super) is_untold: bool,
    /// The key of its entry among those that wait for their first NOTIFYs.
    pub(super) waiting: Option<(Text, Text)>,
    /// How many more notifiers may answer, and until when.
    pub(super) notifiers: usize,
    pub(super) window: Option<Instant>,
    pub(super) line: Option<Key>,
    pub(super) sending: Option<Key>,
    /// The number of its last SUBSCRIBE.
    pub(super) number: u32,
    /// It was changed while a SUBSCRIBE was out.
    pub(super) changed: bool,
    /// A NOTIFY has come since the last SUBSCRIBE.
    pub(super) told: bool,
    pub(super) until: Option<Instant>,
    /// What has come of attempts to have it, if it is one that is made again.
    pub(super) renewal: Option<Box<Renewal>>,
    /// The entity-tag of what was told last (RFC 5839).
    pub(super) etag: Option<Text>,
}

impl Subscriber {
    /// Whether a NOTIFY is about this subscription.
    pub(super) fn is_about(&self, event: &header::Event) -> bool {
        match self.refer {
            // The id is the number of the REFER, and may be left out where there is only one (RFC 3515 §2.4.6).
            Some(number) => {
                event.package == self.config.event.package
                    && event.id().is_none_or(|id| id.parse() == Ok(number))
            }
            None => self.config.event.matches(event),
        }
    }

    fn expires(&self) -> Expires {
        let seconds = match self.state {
            State::Leaving | State::Terminated => 0,
            _ => u32::try_from(self.config.expires.as_secs()).unwrap_or(u32::MAX),
        };
        Expires(seconds)
    }

    /// Whether it stands without the SUBSCRIBE that is under way.
    const fn lasts(&self) -> bool {
        self.line.is_some() && self.until.is_some()
    }

    /// Writes into a SUBSCRIBE what it is for.
    fn describe(&self, request: &mut Request) {
        let headers = request.headers_mut();
        headers.set(&self.config.event);
        headers.set(&self.expires());
        headers.set(&Contact::Address(self.contact()));
        if !self.config.accept.is_empty() {
            let accept: Vec<&str> = self.config.accept.iter().map(Text::as_str).collect();
            set_default(headers, Name::Accept, &accept.join(", "));
        }
        // Who leaves, or comes, is told all the same.
        let is_refresh = self.line.is_some() && self.state != State::Leaving;
        if let (true, Some(etag)) = (is_refresh, &self.etag) {
            // It was read from a header field, and is fit for one.
            let _ = headers.set_text(Name::SuppressIfMatch, etag);
        }
        for (name, value) in &self.config.headers {
            // A text of the application's with a line end in it is left out rather than sent.
            let _ = headers.push_text(name.clone(), value);
        }
        if let (Some((content_type, body)), false) =
            (&self.config.body, self.state == State::Leaving)
        {
            request.set_body(content_type, body.clone());
        }
    }

    fn contact(&self) -> NameAddr {
        let mut uri = SipUri::new(HostPort::new(Host::Name(Text::from_static(HERE))));
        uri.user = self
            .config
            .user
            .clone()
            .or_else(|| match &self.config.from.uri {
                Uri::Sip(from) => from.user.clone(),
                Uri::Tel(tel) => Some(Text::from(tel.digits())),
                Uri::Other { .. } => None,
            });
        let mut contact = NameAddr::new(Uri::Sip(uri));
        contact.params = self.config.params.clone();
        contact
    }
}

impl Endpoint {
    /// Subscribes, and stays subscribed until [`unsubscribe`](Self::unsubscribe) or
    /// [`Event::SubscriptionTerminated`] (RFC 6665 §4.1). Where [`Config::expires`] is zero, the state is told once.
    ///
    /// Each NOTIFY is answered with 200 and given as [`Event::Notified`], perhaps before
    /// [`Event::Subscribed`].
    pub fn subscribe(
        &mut self,
        cx: &mut Cx<'_>,
        subscription: Config,
        target: Target,
    ) -> SubscriptionId {
        let notifiers = subscription.notifiers.max(1);
        let is_renewed = subscription.renew;
        let is_full = self.subscriptions.len() >= cx.limits.sip_subscriptions;
        let key = self.subscriptions.subscribers.insert(Subscriber {
            state: State::NotifyWait,
            config: subscription,
            target,
            refer: None,
            is_untold: false,
            waiting: None,
            notifiers,
            window: None,
            line: None,
            sending: None,
            number: 0,
            changed: false,
            told: false,
            until: None,
            renewal: is_renewed.then(Box::default),
            etag: None,
        });
        if is_full {
            self.end_subscription(
                cx,
                key,
                Input::Refused,
                End::Failed(Failure::Overloaded),
                None,
            );
        } else {
            self.send_subscribe(cx, key);
        }
        SubscriptionId(key)
    }

    /// Refreshes a subscription before it is due: asks for the state once more. `false` if it is over.
    pub fn refresh_subscription(&mut self, cx: &mut Cx<'_>, id: SubscriptionId) -> bool {
        let Some(subscriber) = self.subscriptions.subscribers.get_mut(id.0) else {
            return false;
        };
        match subscriber.state {
            State::Leaving | State::Terminated => return false,
            // It asks for the state anyway.
            State::NotifyWait => {}
            State::Pending | State::Active if subscriber.sending.is_some() => {
                subscriber.changed = true;
            }
            State::Pending | State::Active => self.send_subscribe(cx, id.0),
        }
        true
    }

    /// Ends a subscription. The notifier tells the state once more ([`Event::Notified`]); ends with
    /// [`Event::SubscriptionTerminated`].
    pub fn unsubscribe(&mut self, cx: &mut Cx<'_>, id: SubscriptionId) {
        if let Some(subscriber) = self.subscriptions.subscribers.get_mut(id.0) {
            subscriber.config.renew = false;
        }
        self.end_subscription(cx, id.0, Input::Leave, End::Left, None);
    }

    /// Sends a SUBSCRIBE, the first one or one in the dialog.
    fn send_subscribe(&mut self, cx: &mut Cx<'_>, key: Key) {
        let line = self.subscriptions.subscribers.get(key).and_then(|s| s.line);
        let mut request = match line {
            Some(line) => match self.in_line(line, Method::Subscribe) {
                Some(request) => request,
                None => return,
            },
            None => match self.first_subscribe(cx, key) {
                Some(request) => request,
                None => return,
            },
        };
        let Some(subscriber) = self.subscriptions.subscribers.get_mut(key) else {
            return;
        };
        subscriber.describe(&mut request);
        subscriber.changed = false;
        subscriber.told = false;
        subscriber.number = sequence(&request);
        if line.is_none() {
            subscriber.window = Some(cx.now + self.config.times.give_up());
        }
        let target = match line {
            Some(line) => self.line_target(line),
            None => subscriber.target.clone(),
        };
        let timer = |timer| Deadline::Subscription(key, timer);
        self.timers.cancel(&timer(SubscriptionTimer::Refresh));
        // Timer N is as long as a transaction, and longer if that is held up by an address that does not answer.
        self.timers.set(
            timer(SubscriptionTimer::N),
            cx.now + self.config.times.give_up(),
        );
        match line {
            Some(_) => self.sign(&mut request),
            None => self.complete(cx, &mut request, &target),
        }
        let sending = self.send(cx, request, target, User::Subscribe(key));
        if self.sendings.get(sending).is_some()
            && let Some(subscriber) = self.subscriptions.subscribers.get_mut(key)
        {
            subscriber.sending = Some(sending);
        }
    }

    /// A SUBSCRIBE outside a dialog, the first or one that was sent back for a change.
    fn first_subscribe(&mut self, cx: &mut Cx<'_>, key: Key) -> Option<Request> {
        let subscriber = self.subscriptions.subscribers.get_mut(key)?;
        let config = &subscriber.config;
        let mut request = Request::new(Method::Subscribe, &config.resource);
        let (call_id, tag) = subscriber
            .waiting
            .get_or_insert_with(|| (cx.ids.call_id(), cx.ids.tag()))
            .clone();
        let mut from = From(config.from.clone());
        from.set_tag(&tag);
        let headers = request.headers_mut();
        headers.set(&from);
        headers.set(&To(NameAddr::new(config.resource.clone())));
        headers.set(&header::CallId(call_id.clone()));
        set_sequence(&mut request, subscriber.number.saturating_add(1));
        self.subscriptions.waiting.insert((call_id, tag), key);
        Some(request)
    }

    /// What came of a SUBSCRIBE.
    pub(super) fn subscribed(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        request: &Request,
        outcome: Result<Response, Failure>,
    ) {
        let Some(subscriber) = self.subscriptions.subscribers.get_mut(key) else {
            return;
        };
        subscriber.sending = None;
        let farewell = request.headers().get::<Expires>() == Ok(Expires(0))
            && subscriber.state == State::Leaving;
        if subscriber.state == State::Leaving && !farewell {
            // It was out when the user left.
            return self.send_subscribe(cx, key);
        }
        match outcome {
            Ok(response) if response.status().is_success() => {
                self.subscription_stands(cx, key, request, response);
            }
            Ok(response) => self.subscription_refused(cx, key, &response),
            Err(Failure::Timeout) if subscriber.lasts() => {
                let now = Some(Duration::ZERO);
                self.end_subscription(cx, key, Input::TimerN, End::NoNotify, now);
            }
            Err(_) if subscriber.lasts() => self.try_refresh_again(cx, key, None),
            Err(why) => {
                self.end_subscription(cx, key, Input::Refused, End::Failed(why), None);
            }
        }
        if (self.subscriptions.subscribers.get(key))
            .is_some_and(|s| s.changed && s.sending.is_none() && s.line.is_some())
        {
            self.send_subscribe(cx, key);
        }
    }

    fn subscription_stands(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        request: &Request,
        response: Response,
    ) {
        let Some(subscriber) = self.subscriptions.subscribers.get(key) else {
            return;
        };
        if *request.method() == Method::Refer {
            return self.refer_accepted(cx, key, response);
        }
        let asked = subscriber.expires();
        let granted = (response.headers().find::<Expires>().ok().flatten()).unwrap_or(asked);
        let expires = Duration::from_secs(granted.0.min(asked.0).into());
        let line = subscriber.line;
        if response.status() == Status::NO_NOTIFICATION {
            // Nothing has changed since the last NOTIFY, and none will come (RFC 5839 §5.3).
            self.timers
                .cancel(&Deadline::Subscription(key, SubscriptionTimer::N));
        }
        if subscriber.state == State::Leaving || asked.0 == 0 {
            // The last NOTIFY is what is waited for.
        } else {
            self.lasts(cx, key, expires, subscriber.told);
        }
        if let Some(dialog) = line.and_then(|line| self.line_dialog(line)) {
            dialog.refresh(response.headers());
        }
        self.events.push_back(Event::Subscribed {
            subscription: SubscriptionId(key),
            expires,
            response,
        });
    }

    /// It is granted for `expires` from now. A NOTIFY can only shorten it (RFC 6665 §4.2.2).
    pub(super) fn lasts(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        expires: Duration,
        only_shorter: bool,
    ) {
        let Some(subscriber) = self.subscriptions.subscribers.get_mut(key) else {
            return;
        };
        let mut until = cx.now + expires;
        if let (true, Some(earlier)) = (only_shorter, subscriber.until) {
            until = until.min(earlier);
        }
        subscriber.until = Some(until);
        if let Some(renewal) = &mut subscriber.renewal {
            renewal.since.get_or_insert(cx.now);
        }
        let timer = |timer| Deadline::Subscription(key, timer);
        self.timers.set(timer(SubscriptionTimer::Expiry), until);
        // What comes of a REFER is told soon or not at all, and few let it be refreshed.
        let is_refreshed = subscriber.refer.is_none() && subscriber.state != State::Leaving;
        if subscriber.sending.is_some() || !is_refreshed {
            return;
        }
        let refresh = timer(SubscriptionTimer::Refresh);
        let at = cx.now + refresh_after(until.saturating_duration_since(cx.now));
        // News that come often must not put it off for ever.
        if !(only_shorter && self.timers.get(&refresh).is_some_and(|set| set <= at)) {
            self.timers.set(refresh, at);
        }
    }

    fn subscription_refused(&mut self, cx: &mut Cx<'_>, key: Key, response: &Response) {
        let Some(subscriber) = self.subscriptions.subscribers.get_mut(key) else {
            return;
        };
        let status = response.status();
        if status == Status::INTERVAL_TOO_BRIEF
            && let Ok(MinExpires(least)) = response.headers().get::<MinExpires>()
            && !subscriber.config.expires.is_zero()
        {
            let least = Duration::from_secs(least.into());
            if least > subscriber.config.expires {
                subscriber.config.expires = least;
                return self.send_subscribe(cx, key);
            }
        }
        let after = retry_after(response.headers());
        if !subscriber.lasts() || ends(status) {
            let end = End::Refused(status);
            return self.end_subscription(cx, key, Input::Refused, end, after);
        }
        self.try_refresh_again(cx, key, after);
    }

    /// A refresh has failed, but the subscription lasts as long as it would have without it.
    fn try_refresh_again(&mut self, cx: &mut Cx<'_>, key: Key, after: Option<Duration>) {
        let Some(subscriber) = self.subscriptions.subscribers.get(key) else {
            return;
        };
        let timer = |timer| Deadline::Subscription(key, timer);
        if subscriber.state == State::Leaving {
            return;
        }
        // A refusal says that no NOTIFY will come.
        self.timers.cancel(&timer(SubscriptionTimer::N));
        let Some(until) = subscriber.until else {
            return;
        };
        let left = until.saturating_duration_since(cx.now);
        let wait = (left / 2).max(after.unwrap_or_default());
        if wait >= Duration::from_secs(1) && wait < left {
            self.timers
                .set(timer(SubscriptionTimer::Refresh), cx.now + wait);
        }
    }

    pub(super) fn subscription_timeout(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        timer: SubscriptionTimer,
    ) {
        let now = Some(Duration::ZERO);
        match timer {
            SubscriptionTimer::N => {
                let Some(subscriber) = self.subscriptions.subscribers.get(key) else {
                    return;
                };
                match subscriber.sending {
                    // The transaction goes on, perhaps at another address; what comes of it decides.
                    Some(_) if !subscriber.lasts() => self.timers.set(
                        Deadline::Subscription(key, timer),
                        cx.now + self.config.times.give_up(),
                    ),
                    _ => self.end_subscription(cx, key, Input::TimerN, End::NoNotify, now),
                }
            }
            SubscriptionTimer::Refresh | SubscriptionTimer::Again => self.send_subscribe(cx, key),
            SubscriptionTimer::Expiry => {
                self.end_subscription(cx, key, Input::Expired, End::Expired, now);
            }
        }
    }

    /// A request of a subscription goes out again with another number.
    pub(super) fn renumbered(&mut self, user: User, number: u32) {
        if let User::Subscribe(key) = user
            && let Some(subscriber) = self.subscriptions.subscribers.get_mut(key)
        {
            if subscriber.refer == Some(subscriber.number) {
                subscriber.refer = Some(number);
            }
            subscriber.number = number;
        }
    }

    /// A step that, if it ends the subscription, ends it so.
    pub(super) fn end_subscription(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        input: Input,
        end: End,
        retry_after: Option<Duration>,
    ) {
        self.step_subscriber(cx, key, input, |this, cx, action| match action {
            Action::TellOver => this.tell_over(cx, key, end.clone(), retry_after),
            Action::Unsubscribe => {
                let is_free = (this.subscriptions.subscribers.get(key))
                    .is_some_and(|subscriber| subscriber.sending.is_none());
                // One that is out is followed by it.
                if is_free {
                    this.send_subscribe(cx, key);
                }
            }
            Action::TellNotified => {}
        });
    }

    /// One step of the table.
    pub(super) fn step_subscriber(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        input: Input,
        mut act: impl FnMut(&mut Self, &mut Cx<'_>, Action),
    ) {
        let Some(subscriber) = self.subscriptions.subscribers.get_mut(key) else {
            return;
        };
        let (state, actions) = next(subscriber.state, input);
        subscriber.state = state;
        for action in actions {
            act(self, cx, *action);
        }
        if state == State::Terminated && !self.renews(cx, key) {
            self.forget_subscriber(key);
        }
    }

    fn forget_subscriber(&mut self, key: Key) {
        for timer in SubscriptionTimer::ALL {
            self.timers.cancel(&Deadline::Subscription(key, timer));
        }
        let Some(subscriber) = self.subscriptions.subscribers.remove(key) else {
            return;
        };
        if let Some(waiting) = &subscriber.waiting {
            self.subscriptions.waiting.remove(waiting);
        }
        match subscriber.line {
            Some(line) => self.subscriptions.leave(line, Usage::Subscriber(key)),
            // What has not left us yet need not.
            None => {
                if let Some(sending) = subscriber.sending
                    && self.client_of(sending).is_none()
                {
                    self.abandon(sending);
                }
            }
        }
    }
}

/// After which time a refusal asks to be tried again.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    let after = headers.find::<RetryAfter>().ok().flatten()?;
    Some(Duration::from_secs(after.seconds.into()))
}
