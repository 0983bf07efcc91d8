//! Session timers: a session that nobody refreshes is over (RFC 4028).

use super::call::{Call, CallTimer};
use super::fork::Within;
use super::{Deadline, Endpoint};
use crate::engine::{Cx, Key};
use crate::sip::msg::header::{MinSe, Refresher, Require, SessionExpires, Supported};
use crate::sip::msg::{Headers, Name, Request, Response, Status};
use std::time::Duration;

/// The session timer of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    interval: Duration,
    /// Whether it is us who refresh.
    ours: bool,
}

impl Session {
    /// When the refresh is sent, or the call ended for want of one (RFC 4028 §10).
    fn deadlines(self) -> (Option<Duration>, Duration) {
        let grace = (self.interval / 3).min(Duration::from_secs(32));
        let refresh = self.ours.then_some(self.interval / 2);
        (refresh, self.interval.saturating_sub(grace))
    }
}

/// How often a call takes a longer interval from a 422, so that nobody asks for ever.
const LENGTHENED: u8 = 4;

impl Call {
    /// Takes a least interval that a 422 has asked for. `false` once it was asked often enough.
    pub(super) fn lengthen(&mut self, least: u32) -> bool {
        if self.lengthened >= LENGTHENED || Some(least) <= self.least {
            return false;
        }
        self.lengthened += 1;
        self.least = Some(least);
        true
    }
}

impl Endpoint {
    /// Asks for a session timer in an INVITE or UPDATE of ours. Who refreshes stays who it was (RFC 4028 §7.4), and
    /// an interval that was too short is not asked for again (RFC 4028 §7.3).
    pub(super) fn offer_session_timer(&self, key: Key, request: &mut Request) {
        let call = self.calls.get(key);
        let session = call.and_then(|call| call.session);
        let least = call.and_then(|call| call.least);
        let interval = session.map(|session| session.interval);
        if let Some(interval) = interval.or(self.config.session_expires)
            && !request.headers().contains(&Name::SessionExpires)
        {
            let interval = interval.max(self.config.min_session_expires);
            let refresher = match session {
                Some(session) if !session.ours => Refresher::Uas,
                _ => Refresher::Uac,
            };
            let interval = seconds(interval).max(least.unwrap_or(0));
            let headers = request.headers_mut();
            headers.set(&SessionExpires::new(interval, Some(refresher)));
            if let Some(least) = least {
                headers.set(&MinSe(least));
            }
        }
    }

    /// 422 for an interval that is too short (RFC 4028 §6).
    pub(super) fn refuse_interval(&self, request: &Request) -> Option<Response> {
        let asked = request.headers().find::<SessionExpires>().ok()??;
        let least = seconds(self.config.min_session_expires);
        if asked.delta >= least {
            return None;
        }
        let mut response = request.response(Status::SESSION_INTERVAL_TOO_SMALL);
        response.headers_mut().set(&MinSe(least));
        Some(response)
    }

    /// Answers the session timer that an INVITE or UPDATE asks for (RFC 4028 §9).
    pub(super) fn answer_session_timer(&mut self, call: Key, server: Key, response: &mut Response) {
        let Some(request) = self.servers.get(server).and_then(|s| s.request.as_ref()) else {
            return;
        };
        let Some(call) = self.calls.get_mut(call) else {
            return;
        };
        call.session = None;
        let Ok(Some(asked)) = request.headers().find::<SessionExpires>() else {
            return;
        };
        let supported = Supported::of(request.headers()).is_ok_and(|tags| tags.contains("timer"));
        // A proxy may have asked on behalf of a caller that knows nothing of it; then it is up to us.
        let refresher = match asked.refresher {
            Some(refresher) if supported => refresher,
            None if supported => Refresher::Uac,
            _ => Refresher::Uas,
        };
        let headers = response.headers_mut();
        headers.set(&SessionExpires::new(asked.delta, Some(refresher)));
        if refresher == Refresher::Uac {
            headers.push(&Require::new(&["timer"]));
        }
        call.session = Some(Session {
            interval: Duration::from_secs(asked.delta.into()),
            ours: refresher == Refresher::Uas,
        });
    }

    /// Takes over the session timer of a 2xx to an INVITE or UPDATE of ours (RFC 4028 §7.2).
    pub(super) fn take_session_timer(&mut self, call: Key, headers: &Headers) {
        let Some(call) = self.calls.get_mut(call) else {
            return;
        };
        let least = self.config.min_session_expires;
        call.session = match headers.find::<SessionExpires>() {
            Ok(Some(granted)) => Some(Session {
                // A peer that grants an instant must not make us refresh without end.
                interval: Duration::from_secs(granted.delta.into()).max(least),
                ours: granted.refresher != Some(Refresher::Uas),
            }),
            _ => None,
        };
    }

    /// Starts the session timer anew.
    pub(super) fn schedule_session(&mut self, cx: &Cx<'_>, key: Key) {
        self.timers.cancel(&Deadline::Call(key, CallTimer::Refresh));
        self.timers.cancel(&Deadline::Call(key, CallTimer::Expiry));
        let Some(session) = self.calls.get(key).and_then(|call| call.session) else {
            return;
        };
        let (refresh, expiry) = session.deadlines();
        if let Some(refresh) = refresh {
            self.timers
                .set(Deadline::Call(key, CallTimer::Refresh), cx.now + refresh);
        }
        self.timers
            .set(Deadline::Call(key, CallTimer::Expiry), cx.now + expiry);
    }

    /// Refreshes a session: by UPDATE if the peer has it, else by a re-INVITE that changes nothing.
    pub(super) fn refresh_session(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(call) = self.calls.get(key) else {
            return;
        };
        let Some(fork) = &call.fork else { return };
        let within = Within {
            call: key,
            fork: fork.number,
        };
        if call.is_offering() || fork.updating {
            // The exchange under way starts the timer anew, unless it fails.
            return self.refresh_later(cx, key);
        }
        if fork.peer_updates {
            self.send_update(cx, within, None, true);
        } else {
            let description = call.description.clone();
            self.send_reinvite(cx, key, description, true);
        }
    }

    /// A refresh has failed for now: it is tried again while the session lasts (RFC 4028 §10).
    pub(super) fn refresh_later(&mut self, cx: &Cx<'_>, key: Key) {
        let Some(session) = self.calls.get(key).and_then(|call| call.session) else {
            return;
        };
        if session.ours {
            self.timers.set(
                Deadline::Call(key, CallTimer::Refresh),
                cx.now + session.interval / 10,
            );
        }
    }
}

/// The least interval that a 422 asks for; `None` if it was not for that (RFC 4028 §7.3).
pub(super) fn longer_interval(request: &Request, response: &Response) -> Option<u32> {
    if response.status() != Status::SESSION_INTERVAL_TOO_SMALL {
        return None;
    }
    let least = response.headers().find::<MinSe>().ok()??.0;
    let asked = request.headers().find::<SessionExpires>().ok()??.delta;
    (least > asked).then_some(least)
}

fn seconds(interval: Duration) -> u32 {
    u32::try_from(interval.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4028_10_refresh_at_half_and_end_a_little_before_expiry() {
        let session = |interval, ours| {
            Session {
                interval: Duration::from_secs(interval),
                ours,
            }
            .deadlines()
        };
        let seconds = Duration::from_secs;
        assert_eq!(session(1800, true), (Some(seconds(900)), seconds(1768)));
        assert_eq!(session(90, false), (None, seconds(60)));
    }
}
