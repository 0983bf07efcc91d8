//! Locating SIP servers (RFC 3263): from the host of a URI to transports and addresses, in the order in which they
//! are to be tried.
//!
//! ```text
//!   sip:example.com ──NAPTR──▶ _sip._tcp.example.com ──SRV──▶ a.example.com:5060 ──A, AAAA──▶ tcp 192.0.2.1:5060
//!                      │ none                          │ none                            tcp [2001:db8::1]:5060
//!                      ▼                               ▼
//!          SRV for each transport             A, AAAA of the domain                  then the next server, …
//! ```
//!
//! A [`Locator`] is a pure machine: it [asks](Step::Ask) what only the domain name system knows, and asks for the
//! second server only when the first one has failed (§4.3). So a domain with many servers costs one look-up of an
//! address as long as all is well.

use crate::engine::{Ids, Naptr, Record, RecordKind, Srv, Transport};
use crate::sip::msg::uri::SipUri;
use crate::wire::Text;
use crate::wire::host::Host;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// What is looked for: the TARGET of RFC 3263 §4, and what its URI says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The host of the URI, or its `maddr`.
    pub host: Host,
    /// The port, if the URI names one.
    pub port: Option<u16>,
    /// The transport, if the URI names one.
    pub transport: Option<Transport>,
    /// Whether only TLS will do: a `sips` URI.
    pub secure: bool,
}

impl Wanted {
    /// What a URI leads to. `None` if it names a transport that we do not have, or UDP in a `sips` URI.
    pub fn of(uri: &SipUri) -> Option<Self> {
        let transport = match uri.transport() {
            None => None,
            Some(name) => Some(transport_named(&name, uri.secure)?),
        };
        let host = match uri.maddr() {
            Some(maddr) => maddr.parse().ok()?,
            None => uri.host.host.compact(),
        };
        Some(Self {
            host,
            port: uri.host.port,
            transport,
            secure: uri.secure,
        })
    }

    /// Where it is, if no question is needed: its host is an address (RFC 3263 §4.1, §4.2).
    pub fn numeric(&self, preferences: &Preferences) -> Option<Destination> {
        let transport = self.transport_or(preferences);
        let port = self.port.unwrap_or_else(|| default_port(transport));
        Some(Destination {
            transport,
            peer: SocketAddr::new(self.host.ip()?, port),
            name: None,
        })
    }

    fn transport_or(&self, preferences: &Preferences) -> Transport {
        match self.transport {
            Some(transport) => transport,
            None if self.secure => Transport::Tls,
            None => preferences.default,
        }
    }
}

fn transport_named(name: &str, secure: bool) -> Option<Transport> {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if is("tls") || secure && is("tcp") {
        Some(Transport::Tls)
    } else if is("wss") || secure && is("ws") {
        Some(Transport::Wss)
    } else if is("ws") {
        Some(Transport::Ws)
    } else if secure {
        None
    } else if is("tcp") {
        Some(Transport::Tcp)
    } else if is("udp") {
        Some(Transport::Udp)
    } else {
        None
    }
}

/// What we would rather use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preferences {
    /// The transport where nobody says anything: UDP by RFC 3263 §4.1.
    pub default: Transport,
    /// The transports that we have, the preferred one first.
    pub supported: Vec<Transport>,
}

/// Where a request may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// What carries it.
    pub transport: Transport,
    /// To whom.
    pub peer: SocketAddr,
    /// The name that a certificate has to be valid for: the domain of the URI, whatever its server is called
    /// (RFC 5922 §7.1).
    pub name: Option<Text>,
}

/// What the domain name system is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The addresses of a host.
    Addresses(Text),
    /// The records of a name.
    Records(Text, RecordKind),
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the request there; if that fails, ask again what comes next.
    Try(Destination),
    /// Find the answer to this, give it to the locator, and ask again what comes next.
    Ask(Question),
    /// There is nothing (more) to be tried.
    Exhausted,
}

/// Finds the servers of one URI, for one request.
#[derive(Debug)]
pub struct Locator {
    domain: Text,
    preferences: Preferences,
    secure: bool,
    /// What is to be looked at, the next first.
    plan: VecDeque<Goal>,
    /// If all of the plan comes to nothing.
    fallback: Option<Goal>,
    asked: Option<Goal>,
    found: VecDeque<Destination>,
    /// How many destinations may still be tried, and questions asked.
    tries: usize,
    questions: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Goal {
    /// Which services the domain has: NAPTR.
    Services,
    /// The servers of a service: SRV.
    Servers(Transport, Text),
    /// The addresses of a server.
    Host(Transport, Text, u16),
}

impl Locator {
    /// Looks for `wanted`; yields at most `most` destinations.
    pub fn new(wanted: &Wanted, preferences: Preferences, most: usize) -> Self {
        let domain = Text::from(wanted.host.to_string().to_ascii_lowercase());
        let transport = wanted.transport_or(&preferences);
        let host = |port| Goal::Host(transport, domain.clone(), port);
        let (plan, fallback) = match (wanted.port, wanted.transport) {
            // §4.2: with a port, it is a host.
            (Some(port), _) => (host(port), None),
            // A WebSocket is found by its host, as a page is.
            (None, Some(transport)) if transport.is_web() => (host(default_port(transport)), None),
            (None, Some(transport)) => (
                Goal::Servers(transport, service(transport, &domain)),
                Some(host(default_port(transport))),
            ),
            (None, None) => (Goal::Services, Some(host(default_port(transport)))),
        };
        let mut locator = Self {
            domain,
            preferences,
            secure: wanted.secure,
            plan: VecDeque::from([plan]),
            fallback,
            asked: None,
            found: VecDeque::new(),
            tries: most,
            // NAPTR, SRV of each transport, and the fallback.
            questions: most.saturating_add(6),
        };
        if let Some(destination) = wanted.numeric(&locator.preferences) {
            locator.plan.clear();
            locator.fallback = None;
            locator.found.push_back(destination);
        }
        locator
    }

    /// What comes next.
    pub fn step(&mut self) -> Step {
        if self.tries == 0 {
            return Step::Exhausted;
        }
        if let Some(destination) = self.found.pop_front() {
            self.tries -= 1;
            return Step::Try(destination);
        }
        let goal = self.plan.pop_front().or_else(|| self.fallback.take());
        let (Some(goal), Some(left)) = (goal, self.questions.checked_sub(1)) else {
            return Step::Exhausted;
        };
        self.questions = left;
        let question = match &goal {
            Goal::Services => Question::Records(self.domain.clone(), RecordKind::Naptr),
            Goal::Servers(_, name) => Question::Records(name.clone(), RecordKind::Srv),
            Goal::Host(_, name, _) => Question::Addresses(name.clone()),
        };
        self.asked = Some(goal);
        Step::Ask(question)
    }

    /// Whether there may be something else to be tried.
    pub fn has_more(&self) -> bool {
        let may_ask = self.questions > 0 && (!self.plan.is_empty() || self.fallback.is_some());
        self.tries > 0 && (may_ask || !self.found.is_empty())
    }

    /// The answer to a question for records.
    pub fn records(&mut self, ids: &mut Ids, records: Vec<Record>) {
        match self.asked.take() {
            Some(Goal::Services) => self.services(records),
            Some(Goal::Servers(transport, _)) => self.servers(ids, transport, records),
            other => self.asked = other,
        }
    }

    /// The answer to a question for addresses, the preferred one first.
    pub fn addresses(&mut self, addresses: &[IpAddr]) {
        let Some(Goal::Host(transport, _, port)) = self.asked.take() else {
            return;
        };
        let name = Some(self.domain.clone());
        let addresses = addresses.iter().take(self.tries);
        self.found.extend(addresses.map(|address| Destination {
            transport,
            peer: SocketAddr::new(*address, port),
            name: name.clone(),
        }));
    }

    /// Nobody answers: more of the same questions would not be answered either.
    pub fn silence(&mut self) {
        if matches!(self.asked.take(), Some(Goal::Host(..))) {
            self.fallback = None;
        }
        self.plan.clear();
    }

    /// §4.1: the services that we have a transport for, in the order of the domain's wishes.
    fn services(&mut self, records: Vec<Record>) {
        let naptr = |record| match record {
            Record::Naptr(naptr) => Some(naptr),
            Record::Srv(_) => None,
        };
        let mut usable: Vec<(Transport, Naptr)> = (records.into_iter().filter_map(naptr))
            .filter_map(|naptr| Some((self.transport_of(&naptr)?, naptr)))
            .collect();
        usable.sort_by_key(|(_, naptr)| (naptr.order, naptr.preference));
        usable.truncate(self.tries);
        if let Some((transport, _)) = usable.first() {
            self.fallback = Some(Goal::Host(
                *transport,
                self.domain.clone(),
                default_port(*transport),
            ));
            self.plan = (usable.into_iter())
                .map(|(transport, naptr)| {
                    let name = host_name(&naptr.replacement);
                    match naptr.flags.eq_ignore_ascii_case("a") {
                        true => Goal::Host(transport, name, default_port(transport)),
                        false => Goal::Servers(transport, name),
                    }
                })
                .collect();
        } else {
            let transports = self.preferences.supported.iter();
            self.plan = transports
                .filter(|transport| !self.secure || transport.is_secure())
                .filter(|transport| !transport.is_web())
                .map(|transport| Goal::Servers(*transport, service(*transport, &self.domain)))
                .collect();
        }
    }

    fn transport_of(&self, naptr: &Naptr) -> Option<Transport> {
        let flags = &naptr.flags;
        let is_terminal = flags.eq_ignore_ascii_case("s") || flags.eq_ignore_ascii_case("a");
        let is = |service: &str| naptr.service.eq_ignore_ascii_case(service);
        let transport = if is("SIP+D2U") {
            Transport::Udp
        } else if is("SIP+D2T") {
            Transport::Tcp
        } else if is("SIPS+D2T") {
            Transport::Tls
        } else if is("SIP+D2W") {
            Transport::Ws
        } else if is("SIPS+D2W") {
            Transport::Wss
        } else {
            return None;
        };
        let is_wanted = is_terminal
            && (!self.secure || transport.is_secure())
            && self.preferences.supported.contains(&transport)
            && !host_name(&naptr.replacement).is_empty();
        is_wanted.then_some(transport)
    }

    /// §4.2: the servers in the order of RFC 2782.
    fn servers(&mut self, ids: &mut Ids, transport: Transport, records: Vec<Record>) {
        let srv = |record| match record {
            Record::Srv(srv) => Some(srv),
            Record::Naptr(_) => None,
        };
        let records: Vec<Srv> = records.into_iter().filter_map(srv).take(256).collect();
        if records.is_empty() {
            return;
        }
        // Where there are servers, the domain itself is none. That holds also for "no such service".
        self.fallback = None;
        let mut servers = in_order(ids, records);
        servers.retain(|srv| !host_name(&srv.target).is_empty());
        servers.truncate(self.tries);
        for srv in servers.into_iter().rev() {
            let goal = Goal::Host(transport, host_name(&srv.target), srv.port);
            self.plan.push_front(goal);
        }
    }
}

/// Servers as RFC 2782 has them tried: by priority, and among equals by lot, with the chances that the weights say.
fn in_order(ids: &mut Ids, mut servers: Vec<Srv>) -> Vec<Srv> {
    // Those of weight 0 first, so that they have a small chance too.
    servers.sort_by_key(|srv| (srv.priority, srv.weight));
    let mut ordered = Vec::with_capacity(servers.len());
    while let Some(priority) = servers.first().map(|srv| srv.priority) {
        let equals = servers.iter().take_while(|srv| srv.priority == priority);
        let sum: u64 = equals.map(|srv| u64::from(srv.weight)).sum();
        let drawn = ids.below(sum + 1);
        let mut running = 0;
        let chosen = servers.iter().position(|srv| {
            running += u64::from(srv.weight);
            running >= drawn
        });
        ordered.push(servers.remove(chosen.unwrap_or(0)));
    }
    ordered
}

/// A name without the dot at its end.
fn host_name(name: &Text) -> Text {
    name.slice_ref(name.trim_end_matches('.'))
}

/// The name of a service in the domain name system (RFC 3263 §4.1).
fn service(transport: Transport, domain: &str) -> Text {
    let prefix = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws => "_sip._ws",
        Transport::Wss => "_sips._ws",
    };
    Text::from(format!("{prefix}.{}", domain.trim_end_matches('.')))
}

/// RFC 3261 §19.1.2.
pub(super) const fn default_port(transport: Transport) -> u16 {
    match transport {
        Transport::Tls => 5061,
        Transport::Udp | Transport::Tcp => 5060,
        // RFC 7118 §5.3.
        Transport::Ws => 80,
        Transport::Wss => 443,
    }
}

#[cfg(test)]
mod tests;
