//! Subscriptions of ours that are made again when they have ended (RFC 6665 §4.1.3).

use super::subscriber::SubscriptionTimer;
use super::subscriptions::Usage;
use super::{Deadline, Endpoint, Event, SubscriptionId};
use crate::engine::{Cx, Key};
use crate::sip::msg::Status;
use crate::sip::subscription::End;
use crate::sip::subscription::subscriber::State;
use std::time::{Duration, Instant};

/// How long a subscription must have stood for its end not to count as a failure.
const STEADY: Duration = Duration::from_secs(60);

/// How long the pause between two attempts becomes at the most.
const LONGEST: Duration = Duration::from_secs(1800);

/// What has come of attempts to have a subscription.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    /// Since when it stands.
    pub(super) since: Option<Instant>,
    /// Attempts that did not last.
    failures: u32,
    /// It has ended, and is to be made again after that time.
    pause: Option<Duration>,
}

impl Endpoint {
    /// Tells the user that a subscription is over, or that it will be made again.
    pub(super) fn tell_over(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        end: End,
        retry_after: Option<Duration>,
    ) {
        let subscription = SubscriptionId(key);
        let event = match self.pause_after(cx, key, &end, retry_after) {
            Some(retry_in) => Event::SubscriptionRenewed {
                subscription,
                end,
                retry_in,
            },
            None => Event::SubscriptionTerminated {
                subscription,
                end,
                retry_after,
            },
        };
        self.events.push_back(event);
    }

    /// After which time a subscription that has ended so is made again; `None` if it is not.
    fn pause_after(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        end: &End,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let subscriber = self.subscriptions.subscribers.get_mut(key)?;
        let is_wanted = subscriber.config.renew && subscriber.refer.is_none();
        if !is_wanted || subscriber.config.expires.is_zero() {
            return None;
        }
        let least = match end {
            End::Notified(_) => retry_after?,
            End::NoNotify | End::Expired | End::Failed(_) => Duration::ZERO,
            End::Refused(status) => match retry_after {
                Some(after) => after,
                None if is_passing(*status) => Duration::ZERO,
                None => return None,
            },
            End::Left | End::Untold => return None,
        };
        let renewal = subscriber.renewal.get_or_insert_default();
        let stood = (renewal.since.take()).map(|since| cx.now.saturating_duration_since(since));
        if stood.is_some_and(|stood| stood >= STEADY) {
            renewal.failures = 0;
        }
        let bound = Duration::from_secs(1)
            .saturating_mul(1 << renewal.failures.min(20))
            .min(LONGEST);
        let own = match renewal.failures {
            0 if stood.is_some() => Duration::ZERO,
            _ => cx.ids.between(bound / 2, bound),
        };
        renewal.failures = renewal.failures.saturating_add(1);
        let pause = least.max(own);
        renewal.pause = Some(pause);
        Some(pause)
    }

    /// Readies a subscription that has ended for another attempt. `false` if there shall be none.
    pub(super) fn renews(&mut self, cx: &mut Cx<'_>, key: Key) -> bool {
        let Some(subscriber) = self.subscriptions.subscribers.get_mut(key) else {
            return false;
        };
        let Some(pause) = (subscriber.renewal.as_mut()).and_then(|renewal| renewal.pause.take())
        else {
            return false;
        };
        subscriber.state = State::NotifyWait;
        subscriber.notifiers = subscriber.config.notifiers.max(1);
        (subscriber.window, subscriber.until) = (None, None);
        (subscriber.changed, subscriber.told) = (false, false);
        subscriber.number = 0;
        let (waiting, line) = (subscriber.waiting.take(), subscriber.line.take());
        let sending = subscriber.sending.take();
        if let Some(waiting) = waiting {
            self.subscriptions.waiting.remove(&waiting);
        }
        if let Some(line) = line {
            self.subscriptions.leave(line, Usage::Subscriber(key));
        }
        if let Some(sending) = sending {
            self.abandon(sending);
        }
        for timer in SubscriptionTimer::ALL {
            self.timers.cancel(&Deadline::Subscription(key, timer));
        }
        let again = Deadline::Subscription(key, SubscriptionTimer::Again);
        self.timers.set(again, cx.now + pause);
        true
    }
}

/// Whether a refusal may be another answer later.
const fn is_passing(status: Status) -> bool {
    matches!(status.code(), 408 | 430 | 480 | 481 | 500..=599)
}
