//! NOTIFYs for subscriptions of ours (RFC 6665 §4.1.3, §4.4.1).

use super::subscriber::{Subscriber, SubscriptionTimer};
use super::subscriptions::Usage;
use super::{Deadline, Endpoint, Event, Source, SubscriptionId, Target};
use crate::engine::{Cx, Key};
use crate::sip::dialog::Dialog;
use crate::sip::msg::header::{self, SipEtag, SubscriptionState};
use crate::sip::msg::{Request, Status};
use crate::sip::subscription::subscriber::{Action, Input, State};
use crate::sip::subscription::{End, Reason, Standing};
use crate::wire::Text;
use std::time::Duration;

impl Endpoint {
    /// A NOTIFY outside of what is known: the first of a subscription, or of another branch of a fork
    /// (RFC 6665 §4.4.1).
    pub(super) fn handle_first_notify(
        &mut self,
        cx: &mut Cx<'_>,
        server: Key,
        request: &Request,
        source: Source,
    ) {
        let unknown = Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
        let Ok(keys) = request.keys() else {
            return self.answer(cx, server, Status::BAD_REQUEST);
        };
        let found = keys.to_tag.and_then(|tag| {
            let waits = (Text::from(keys.call_id), Text::from(tag));
            self.subscriptions.waiting.get(&waits).copied()
        });
        let (Some(key), Some(tag)) = (found, keys.to_tag) else {
            return self.answer(cx, server, unknown);
        };
        let Some(subscriber) = self.subscriptions.subscribers.get_mut(key) else {
            return self.answer(cx, server, unknown);
        };
        if !(request.headers().get::<header::Event>())
            .is_ok_and(|event| subscriber.is_about(&event))
        {
            return self.answer(cx, server, Status::BAD_EVENT);
        }
        if subscriber.notifiers == 0 || subscriber.window.is_none_or(|window| cx.now > window) {
            return self.answer(cx, server, unknown);
        }
        let Ok(mut dialog) = Dialog::from_request(request, &Text::from(tag)) else {
            return self.answer(cx, server, Status::BAD_REQUEST);
        };
        dialog.continue_after(subscriber.number);
        subscriber.notifiers -= 1;
        let target = match source.conn {
            Some(_) if !dialog.has_route() => Target::Flow(source),
            _ => Target::Uri,
        };
        if subscriber.line.is_none() {
            let line = self
                .subscriptions
                .begin(dialog, target, Usage::Subscriber(key));
            if let Some(subscriber) = self.subscriptions.subscribers.get_mut(key) {
                subscriber.line = Some(line);
            }
            return self.notified(cx, server, key, request);
        }
        // Another notifier has got the SUBSCRIBE as well: a subscription of its own.
        let fork = Subscriber {
            state: State::NotifyWait,
            config: subscriber.config.clone(),
            target: subscriber.target.clone(),
            refer: subscriber.refer,
            is_untold: subscriber.is_untold,
            waiting: None,
            notifiers: 0,
            window: None,
            line: None,
            sending: None,
            number: 0,
            changed: false,
            told: false,
            until: subscriber.until,
            renewal: None,
            etag: None,
        };
        if self.subscriptions.len() >= cx.limits.sip_subscriptions {
            return self.answer(cx, server, unknown);
        }
        let until = fork.until;
        let fork = self.subscriptions.subscribers.insert(fork);
        let line = self
            .subscriptions
            .begin(dialog, target, Usage::Subscriber(fork));
        if let Some(subscriber) = self.subscriptions.subscribers.get_mut(fork) {
            subscriber.line = Some(line);
        }
        if let Some(until) = until {
            self.lasts(cx, fork, until.saturating_duration_since(cx.now), false);
        }
        self.events.push_back(Event::SubscriptionForked {
            subscription: SubscriptionId(key),
            fork: SubscriptionId(fork),
        });
        self.notified(cx, server, fork, request);
    }

    /// A NOTIFY for a subscription of ours.
    pub(super) fn notified(&mut self, cx: &mut Cx<'_>, server: Key, key: Key, request: &Request) {
        let headers = request.headers();
        // Some leave it out, and mean that all is well.
        let state = match headers.find::<SubscriptionState>() {
            Ok(state) => state.unwrap_or(SubscriptionState {
                state: header::State::Active,
                params: crate::wire::params::Params::new(),
            }),
            Err(_) => return self.answer(cx, server, Status::BAD_REQUEST),
        };
        let Some(subscriber) = self.subscriptions.subscribers.get_mut(key) else {
            return;
        };
        if subscriber.state == State::Terminated {
            return self.answer(cx, server, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
        }
        subscriber.told = true;
        if subscriber.refer.is_some()
            && let Ok(event) = headers.get::<header::Event>()
        {
            // As it is called here it is called when it is refreshed.
            subscriber.config.event = header::Event {
                package: event.package.compact(),
                params: event.params.compact(),
            };
        }
        if subscriber.config.conditional {
            let etag = headers.find::<SipEtag>().ok().flatten();
            subscriber.etag = etag.map(|etag| etag.0.compact());
        }
        let line = subscriber.line;
        // For no time at all is another way to say that it is over, and who asked once is told once.
        let is_fetch = subscriber.config.expires.is_zero();
        let standing = match (Standing::of(&state), state.expires()) {
            (_, Some(0)) => Standing::Terminated,
            _ if is_fetch => Standing::Terminated,
            (standing, _) => standing,
        };
        let leaving = subscriber.state == State::Leaving;
        self.answer(cx, server, Status::OK);
        if let Some(dialog) = line.and_then(|line| self.line_dialog(line)) {
            dialog.refresh(headers);
        }
        // Who leaves waits for the last one.
        if !leaving {
            self.timers
                .cancel(&Deadline::Subscription(key, SubscriptionTimer::N));
        }
        if standing != Standing::Terminated
            && let Some(seconds) = state.expires()
        {
            let expires = Duration::from_secs(seconds.into());
            self.lasts(cx, key, expires, true);
        }
        let reason = state.reason().map(Reason::parse);
        let parameter = state.retry_after().map(|s| Duration::from_secs(s.into()));
        let retry = match &reason {
            Some(reason) => reason.retry_after(parameter),
            None => Some(parameter.unwrap_or_default()),
        };
        let mut news = Some(Event::Notified {
            subscription: SubscriptionId(key),
            state,
            request: request.clone(),
        });
        self.step_subscriber(
            cx,
            key,
            Input::Notified(standing),
            |this, cx, action| match action {
                Action::TellNotified => this.events.extend(news.take()),
                Action::TellOver => this.tell_over(cx, key, End::Notified(reason.clone()), retry),
                Action::Unsubscribe => {}
            },
        );
    }
}
