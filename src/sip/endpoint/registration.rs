//! Registrations that are kept alive (RFC 3261 §10.2, RFC 5626, RFC 3327, RFC 3608).

use super::fill::sequence;
use super::keep_alive::Probe;
use super::sending::{Candidate, User};
use super::transport::Hop;
use super::{Deadline, Endpoint, Event, Failure, RegistrationId, Target};
use crate::engine::{ConnId, Cx, Key};
use crate::sip::locate::Wanted;
use crate::sip::msg::header::{
    Expires, FlowTimer, From, MinExpires, PAssociatedUri, Require, RetryAfter, Route, ServiceRoute,
};
use crate::sip::msg::{Request, Response, Status, Uri};
use crate::sip::register::{self};
use crate::wire::Text;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a flow must have lasted for its loss not to count as a failure (RFC 5626 §4.5 asks for a time
/// without naming one).
const STEADY: Duration = Duration::from_secs(120);

/// A registration.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) config: register::Config,
    pub(super) call_id: Text,
    pub(super) tag: Text,
    pub(super) sequence: u32,
    pub(super) sending: Option<Key>,
    /// The application wants it gone.
    pub(super) leaving: bool,
    /// It was changed while a REGISTER was out.
    pub(super) changed: bool,
    /// Since when it stands.
    pub(super) since: Option<Instant>,
    pub(super) failures: u32,
    /// The way of its REGISTER.
    pub(super) flow: Option<Hop>,
    /// What that way was found by.
    pub(super) next: Option<Wanted>,
    pub(super) keep_alive: Option<Duration>,
    /// Whether its server answers keep-alives over UDP (RFC 5626 §4.4.2).
    pub(super) stun: bool,
    /// The keep-alive over UDP that waits for its answer.
    pub(super) probe: Option<Probe>,
    /// The address that the server sees us at.
    pub(super) mapped: Option<SocketAddr>,
    /// The Route of requests of its user (RFC 3608).
    pub(super) service_route: Vec<Route>,
    /// The users it is for, as [`Uri::aor`] writes them.
    pub(super) aors: Vec<Text>,
    /// Whether its registrar speaks of flows (RFC 5626 §6).
    pub(super) is_outbound: bool,
    /// The public and the temporary GRUU of this device (RFC 5627).
    pub(super) gruus: Option<Box<(Option<Uri>, Option<Uri>)>>,
}

impl Registration {
    /// Whether requests of this user belong to the registration.
    pub(super) fn speaks_for(&self, aor: &str) -> bool {
        self.since.is_some() && self.aors.iter().any(|own| own == aor)
    }
}

impl Endpoint {
    pub(super) fn start_registration(
        &mut self,
        cx: &mut Cx<'_>,
        config: register::Config,
    ) -> RegistrationId {
        let key = self.registrations.insert(Registration {
            config,
            call_id: cx.ids.call_id(),
            tag: cx.ids.tag(),
            sequence: 0,
            sending: None,
            leaving: false,
            changed: false,
            since: None,
            failures: 0,
            flow: None,
            next: None,
            keep_alive: None,
            stun: false,
            probe: None,
            mapped: None,
            service_route: Vec::new(),
            aors: Vec::new(),
            is_outbound: false,
            gruus: None,
        });
        self.send_register(cx, key);
        RegistrationId(key)
    }

    pub(super) fn change_registration(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        config: register::Config,
    ) {
        let Some(registration) = self.registrations.get_mut(key) else {
            return;
        };
        registration.config = config;
        // Who leaves and comes back has changed its mind: the same registration goes on, so that the
        // numbers of its requests tell the registrar which was the last.
        registration.leaving = false;
        if registration.sending.is_some() {
            registration.changed = true;
        } else {
            self.send_register(cx, key);
        }
    }

    pub(super) fn end_registration(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(registration) = self.registrations.get_mut(key) else {
            return;
        };
        registration.leaving = true;
        if registration.sending.is_some() {
            registration.changed = true;
        } else if registration.since.is_some() {
            self.send_register(cx, key);
        } else {
            self.remove_registration(key);
        }
    }

    fn remove_registration(&mut self, key: Key) {
        self.timers.cancel(&Deadline::Registration(key));
        self.timers.cancel(&Deadline::KeepAlive(key));
        self.timers.cancel(&Deadline::Probe(key));
        self.registrations.remove(key);
        self.events.push_back(Event::Unregistered {
            id: RegistrationId(key),
        });
    }

    /// Sends a REGISTER, the first one or one that refreshes.
    pub(super) fn send_register(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(registration) = self.registrations.get_mut(key) else {
            return;
        };
        self.timers.cancel(&Deadline::Registration(key));
        registration.changed = false;
        registration.sequence = registration.sequence.saturating_add(1);
        let request = registration.request();
        let sending = {
            let mut request = request;
            self.sign(&mut request);
            self.send(cx, request, Target::Uri, User::Registration(key))
        };
        if self.sendings.get(sending).is_some()
            && let Some(registration) = self.registrations.get_mut(key)
        {
            registration.sending = Some(sending);
        }
    }

    /// What came of a REGISTER.
    pub(super) fn registered(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        request: &Request,
        hop: Option<&Hop>,
        outcome: Result<Response, Failure>,
    ) {
        let Some(registration) = self.registrations.get_mut(key) else {
            return;
        };
        registration.sending = None;
        // Answers to challenges have numbers of their own.
        registration.sequence = registration.sequence.max(sequence(request));
        if registration.leaving {
            if registration.changed {
                return self.send_register(cx, key);
            }
            return self.remove_registration(key);
        }
        let farewell = request.headers().get::<Expires>().ok() == Some(Expires(0));
        if farewell {
            registration.since = None;
            return self.send_register(cx, key);
        }
        match outcome {
            Ok(response) if response.status().is_success() => {
                registration.next = self.config.next_hop(request);
                self.stands(cx, key, hop.copied(), &response);
            }
            Ok(response) => self.refused(cx, key, &response),
            Err(_) => self.failed(cx, key, None, None),
        }
        if (self.registrations.get(key)).is_some_and(|r| r.changed && r.sending.is_none()) {
            self.send_register(cx, key);
        }
    }

    fn stands(&mut self, cx: &mut Cx<'_>, key: Key, hop: Option<Hop>, response: &Response) {
        let Some(registration) = self.registrations.get_mut(key) else {
            return;
        };
        let headers = response.headers();
        let (granted, gruus) = registration.granted(headers, hop.as_ref());
        registration.failures = match registration.since {
            // Standing again is no success before it has stood for a while.
            Some(_) => 0,
            None => registration.failures,
        };
        registration.since.get_or_insert(cx.now);
        if registration.flow != hop {
            (registration.probe, registration.mapped) = (None, None);
        }
        registration.flow = hop;
        registration.service_route = headers
            .all::<ServiceRoute>()
            .filter_map(|hop| Some(Route(hop.ok()?.0.compact())))
            .collect();
        let associated: Vec<Uri> = headers
            .all::<PAssociatedUri>()
            .filter_map(|address| Some(address.ok()?.0.uri.compact()))
            .collect();
        registration.aors = std::iter::once(&registration.config.aor)
            .chain(&associated)
            .map(Uri::aor)
            .collect();
        // A server that speaks of flows answers keep-alives, and gives up who sends none.
        let flow_timer = headers.find::<FlowTimer>().ok().flatten();
        let wanted = match hop {
            Some(hop) if hop.conn.is_some() => self.config.stream_keep_alive,
            _ => self.config.udp_keep_alive,
        };
        registration.keep_alive = registration.config.keep_alive.then(|| match flow_timer {
            Some(FlowTimer(seconds)) if seconds > 0 => {
                let longest = Duration::from_secs(seconds.into());
                wanted.min(longest.saturating_sub(longest / 10))
            }
            _ => wanted,
        });
        registration.is_outbound =
            Require::of(headers).is_ok_and(|required| required.contains("outbound"));
        registration.stun = flow_timer.is_some() || registration.is_outbound;
        let (gruu, temporary_gruu) = gruus.clone();
        let is_any = gruu.is_some() || temporary_gruu.is_some();
        registration.gruus = is_any.then(|| Box::new(gruus));
        if flow_timer.is_some()
            && let Some(stream) = hop.and_then(|hop| self.net.get_mut(hop.conn?))
        {
            stream.pongs = true;
        }
        self.timers
            .set(Deadline::Registration(key), cx.now + refresh_after(granted));
        self.schedule_keep_alive(cx, key);
        self.events.push_back(Event::Registered {
            id: RegistrationId(key),
            expires: granted,
            associated,
            gruu,
            temporary_gruu,
        });
    }

    fn refused(&mut self, cx: &mut Cx<'_>, key: Key, response: &Response) {
        let Some(registration) = self.registrations.get_mut(key) else {
            return;
        };
        let status = response.status();
        let headers = response.headers();
        if status == Status::INTERVAL_TOO_BRIEF
            && let Ok(MinExpires(least)) = headers.get::<MinExpires>()
        {
            let least = Duration::from_secs(least.into());
            if least > registration.config.expires {
                registration.config.expires = least;
                return self.send_register(cx, key);
            }
        }
        if status == Status::FIRST_HOP_LACKS_OUTBOUND_SUPPORT && registration.outbound() {
            // Without flows of its own, then (RFC 5626 §4.2.1).
            registration.config.reg_id = None;
            return self.send_register(cx, key);
        }
        let after = (headers.find::<RetryAfter>().ok().flatten())
            .map(|after| Duration::from_secs(after.seconds.into()));
        self.failed(cx, key, Some(status), after);
    }

    fn failed(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        status: Option<Status>,
        after: Option<Duration>,
    ) {
        let Some(registration) = self.registrations.get_mut(key) else {
            return;
        };
        registration.since = None;
        registration.failures = registration.failures.saturating_add(1);
        registration.probe = None;
        self.timers.cancel(&Deadline::KeepAlive(key));
        self.timers.cancel(&Deadline::Probe(key));
        // What another attempt would not change is left to the application.
        let is_passing = status.is_none_or(|status| {
            after.is_some()
                || status.class() == 5
                || matches!(
                    status,
                    Status::REQUEST_TIMEOUT | Status::TEMPORARILY_UNAVAILABLE | Status::FLOW_FAILED
                )
        });
        let retry_in = is_passing.then(|| {
            let pause = self.back_off(cx, key);
            after.map_or(pause, |after| pause.max(after))
        });
        if let Some(pause) = retry_in {
            self.timers.set(Deadline::Registration(key), cx.now + pause);
        }
        self.events.push_back(Event::RegistrationFailed {
            id: RegistrationId(key),
            status,
            retry_in,
        });
    }

    /// The address at which a registration is held, while it is.
    pub fn registrar_of(&self, id: RegistrationId) -> Option<SocketAddr> {
        let registration = self.registrations.get(id.0)?;
        registration.since?;
        registration.flow.map(|hop| hop.peer)
    }

    /// The flow of a registration that a request belongs on (RFC 5626 §4.3): of several servers behind one name, the one
    /// that knows the user.
    pub(super) fn own_flow(&self, key: Key, wanted: &Wanted) -> Option<Candidate> {
        let sending = self.sendings.get(key)?;
        let registration = match sending.user {
            User::Registration(own) => self.registrations.get(own)?,
            _ if self.registrations.is_empty() => return None,
            _ => {
                let from = sending.request.headers().get::<From>().ok()?.uri.aor();
                let mut all = self.registrations.iter().map(|(_, own)| own);
                all.find(|own| own.speaks_for(&from) && own.next.as_ref() == Some(wanted))?
            }
        };
        let hop = registration.flow?;
        let is_there = hop.conn.is_none_or(|conn| self.net.get(conn).is_some());
        let fits = registration.since.is_some() && registration.next.as_ref() == Some(wanted);
        (is_there && fits).then(|| Candidate {
            transport: hop.transport,
            peer: hop.peer,
            name: None,
            // A datagram needs no connection, and may turn out to be too large for one.
            flow: hop.conn.is_some().then_some(hop),
            any_size: false,
        })
    }

    /// A connection is gone: registrations that stood on it are made again (RFC 5626 §4.5).
    pub(super) fn flow_lost(&mut self, cx: &mut Cx<'_>, conn: ConnId) {
        let lost: Vec<Key> = self
            .registrations
            .iter()
            .filter(|(_, r)| r.since.is_some() && r.flow.is_some_and(|hop| hop.conn == Some(conn)))
            .map(|(key, _)| key)
            .collect();
        for key in lost {
            self.flow_failed(cx, key);
        }
    }

    /// How long a registration waits after its failures in a row (RFC 5626 §4.5): not at all at first, then half to all of
    /// a bound that doubles up to the greatest, and is longer where another flow of the device stands.
    fn back_off(&self, cx: &mut Cx<'_>, key: Key) -> Duration {
        let Some(registration) = self.registrations.get(key) else {
            return Duration::ZERO;
        };
        if registration.failures == 0 {
            return Duration::ZERO;
        }
        let mut all = self.registrations.iter();
        let is_alone = !all.any(|(other, beside)| {
            other != key && beside.since.is_some() && beside.is_beside(registration)
        });
        let config = &registration.config;
        let base = match is_alone {
            true => config.retry_base,
            false => config.retry_base_other,
        };
        let bound = base
            .saturating_mul(1 << registration.failures.min(20))
            .min(config.retry_most);
        cx.ids.between(bound / 2, bound)
    }

    /// The flow of a registration is gone: it is made again, at once if it stood for long (RFC 5626 §4.5).
    pub(super) fn flow_failed(&mut self, cx: &mut Cx<'_>, key: Key) {
        let Some(registration) = self.registrations.get_mut(key) else {
            return;
        };
        let stood = registration.since.take();
        registration.flow = None;
        (registration.probe, registration.mapped) = (None, None);
        let was_steady =
            stood.is_some_and(|since| cx.now.saturating_duration_since(since) >= STEADY);
        registration.failures = match was_steady {
            true => 0,
            false => registration.failures.saturating_add(1),
        };
        let is_free = registration.sending.is_none();
        let pause = self.back_off(cx, key);
        self.timers.cancel(&Deadline::KeepAlive(key));
        self.timers.cancel(&Deadline::Probe(key));
        if is_free {
            self.timers.set(Deadline::Registration(key), cx.now + pause);
        }
    }
}

/// When a registration is refreshed (TS 24.229): ten minutes before its end, or half-way if it is short.
pub(super) fn refresh_after(granted: Duration) -> Duration {
    if granted > Duration::from_secs(1200) {
        granted.saturating_sub(Duration::from_secs(600))
    } else {
        // One that is granted for no time at all is not asked for in a loop.
        (granted / 2).max(Duration::from_secs(1))
    }
}
