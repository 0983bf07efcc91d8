//! Who is registered where: the registrar's side (RFC 3261 §10.3, RFC 3327, RFC 5626 §6).

use super::Source;
use crate::engine::{ConnId, Ids, Limits, Map};
use crate::sip::msg::header::{Contact, Expires, MinExpires, NameAddr, Path, To};
use crate::sip::msg::{Name, Request, Response, Status, Uri};
use crate::wire::Text;
use crate::wire::params::Params;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::time::{Duration, Instant};

/// One device of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// Where the device says it is.
    pub contact: Uri,
    /// The display name of the Contact: the device's name.
    pub display: Option<Text>,
    /// The parameters of the Contact, feature tags among them; `expires` left out.
    pub params: Params,
    /// `+sip.instance` without quotes and angle brackets.
    pub instance: Option<Text>,
    /// The flow of the instance (RFC 5626).
    pub reg_id: Option<u32>,
    /// Preference in thousandths (RFC 3261 §20.10).
    pub q: u16,
    /// The route to the device: the Path of its REGISTER (RFC 3327).
    pub path: Vec<Text>,
    /// The User-Agent of its REGISTER.
    pub user_agent: Option<Text>,
    /// The Call-ID of the REGISTER that was last accepted.
    pub call_id: Text,
    /// The CSeq of the REGISTER that was last accepted.
    pub cseq: u32,
    /// Where that REGISTER came from: the flow to the device.
    pub source: Source,
    /// Whether that flow is there still. If not, the device may be found at its Contact.
    pub has_flow: bool,
    /// When that REGISTER came.
    pub registered_at: Instant,
    /// Until when.
    pub expires_at: Instant,
}

/// All bindings, by address of record.
#[derive(Debug)]
pub struct Bindings {
    by_aor: Map<Text, Vec<Binding>>,
    /// When bindings of whom expire, and when they would have without a refresh.
    expiries: BinaryHeap<Reverse<(Instant, Text)>>,
    /// Who has registered over which connection, so that the end of a connection is the business of its users alone.
    flows: BTreeSet<(ConnId, Text)>,
    /// With how many of the expiries those that are not true any more are thrown out.
    tidy_at: usize,
    /// The least interval that is accepted; a shorter one is refused with 423.
    pub min_expires: Duration,
    /// The longest interval that is granted.
    pub max_expires: Duration,
    /// What is granted if the device does not say.
    pub default_expires: Duration,
}

/// What a REGISTER has changed.
#[derive(Clone, Debug)]
pub struct Update {
    /// The address of record in the form of [`Uri::aor`].
    pub aor: Text,
    /// Bindings that are new.
    pub added: Vec<Binding>,
    /// Bindings that were there before.
    pub refreshed: Vec<Binding>,
    /// Bindings that are gone.
    pub removed: Vec<Binding>,
    /// The 200 with every binding of the user; the registrar adds Service-Route and P-Associated-URI.
    pub response: Response,
}

/// The response to a REGISTER that was refused.
#[derive(Clone, Debug)]
pub struct Refusal(Box<Response>);

impl Refusal {
    /// Why.
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// The response to be sent.
    pub fn into_response(self) -> Response {
        *self.0
    }
}

impl Bindings {
    /// Nobody is registered.
    pub fn new(ids: &mut Ids) -> Self {
        Self {
            by_aor: ids.map(),
            expiries: BinaryHeap::new(),
            flows: BTreeSet::new(),
            tidy_at: 64,
            min_expires: Duration::from_secs(60),
            max_expires: Duration::from_secs(86_400),
            default_expires: Duration::from_secs(3600),
        }
    }

    /// Applies a REGISTER whose sender may change the bindings of its To.
    ///
    /// # Errors
    ///
    /// The response that refuses it: 400 for a malformed one, 423 for too short an interval, 503 for too
    /// many bindings, 500 for one that is out of order.
    pub fn update(
        &mut self,
        now: Instant,
        request: &Request,
        source: Source,
        limits: &Limits,
    ) -> Result<Update, Refusal> {
        match request.headers().get::<To>() {
            Ok(to) => self.update_for(to.uri.aor(), now, request, source, limits),
            Err(_) => Err(Refusal(Box::new(request.response(Status::BAD_REQUEST)))),
        }
    }

    /// The same for the bindings of `aor`, of which To may be another name.
    ///
    /// # Errors
    ///
    /// See [`update`](Self::update).
    pub fn update_for(
        &mut self,
        aor: Text,
        now: Instant,
        request: &Request,
        source: Source,
        limits: &Limits,
    ) -> Result<Update, Refusal> {
        let refuse = |status| Refusal(Box::new(request.response(status)));
        let malformed = |_| refuse(Status::BAD_REQUEST);
        let headers = request.headers();
        let keys = request.keys().map_err(malformed)?;
        let order = (Text::from(keys.call_id), keys.sequence);
        let contacts: Vec<Contact> = (headers.all::<Contact>())
            .collect::<Result<_, _>>()
            .map_err(malformed)?;
        // No device has need of more than to replace all that there may be.
        if contacts.len() > limits.bindings.saturating_mul(2) {
            return Err(refuse(Status::SERVICE_UNAVAILABLE));
        }
        let common = headers.find::<Expires>().map_err(malformed)?;

        let before = self.live(now, &aor);
        let mut after = before.clone();
        let mut touched = Vec::new();
        if contacts.contains(&Contact::Star) {
            // Only alone, and only to remove (RFC 3261 §10.3, step 6).
            if contacts.len() != 1 || common != Some(Expires(0)) {
                return Err(refuse(Status::BAD_REQUEST));
            }
            if before.iter().any(|binding| binding.is_newer_than(&order)) {
                return Err(refuse(Status::SERVER_INTERNAL_ERROR));
            }
            after.clear();
        }
        for contact in &contacts {
            let Contact::Address(address) = contact else {
                continue;
            };
            let asked = (contact.expires().ok().flatten())
                .or_else(|| common.map(|expires| expires.0))
                .map_or(self.default_expires, |s| Duration::from_secs(s.into()));
            let place = after.iter().position(|binding| binding.is_of(address));
            if let Some(old) = place.and_then(|place| after.get(place))
                && old.is_newer_than(&order)
            {
                return Err(refuse(Status::SERVER_INTERNAL_ERROR));
            }
            if asked.is_zero() {
                place.map(|place| after.remove(place));
                continue;
            }
            if asked < self.min_expires {
                let mut response = request.response(Status::INTERVAL_TOO_BRIEF);
                let least = u32::try_from(self.min_expires.as_secs()).unwrap_or(u32::MAX);
                response.headers_mut().set(&MinExpires(least));
                return Err(Refusal(Box::new(response)));
            }
            let binding = Binding::new(
                request,
                contact,
                address,
                source,
                order.clone(),
                (now, now + asked.min(self.max_expires)),
            );
            touched.push(binding.contact.clone());
            match place.and_then(|place| after.get_mut(place)) {
                Some(old) => *old = binding,
                None => after.push(binding),
            }
        }
        if after.len() > limits.bindings {
            return Err(refuse(Status::SERVICE_UNAVAILABLE));
        }
        after.sort_by_key(Binding::rank);
        for binding in &after {
            if touched.contains(&binding.contact) {
                self.expiries
                    .push(Reverse((binding.expires_at, aor.clone())));
            }
        }
        let known = |list: &[Binding], one: &Binding| list.iter().any(|other| other.is_same(one));
        let changed = |binding: &&Binding| touched.contains(&binding.contact);
        let update = Update {
            added: (after.iter().filter(changed))
                .filter(|binding| !known(&before, binding))
                .cloned()
                .collect(),
            refreshed: (after.iter().filter(changed))
                .filter(|binding| known(&before, binding))
                .cloned()
                .collect(),
            removed: (before.iter())
                .filter(|binding| !known(&after, binding))
                .cloned()
                .collect(),
            response: accepted(now, request, &after),
            aor: aor.clone(),
        };
        if let Some(conn) = source.conn
            && !touched.is_empty()
        {
            self.flows.insert((conn, aor.clone()));
        }
        self.put(aor, after);
        Ok(update)
    }

    /// The devices of a user ([`Uri::aor`]): those whose flow is up first, then by their own preference, then
    /// the one that registered last, since one that was restarted may have left a binding behind.
    pub fn of(&self, aor: &str) -> &[Binding] {
        self.by_aor.get(aor).map_or(&[], Vec::as_slice)
    }

    /// A connection broke. The bindings that live and die with it (RFC 5626 §6: those with a `reg-id`) are taken
    /// out; any other device may still be found at its Contact, until its time is over.
    pub fn lose_flow(&mut self, conn: ConnId) -> Vec<(Text, Binding)> {
        let of_conn = |entry: &&(ConnId, Text)| entry.0 == conn;
        let users: Vec<_> = (self.flows.range((conn, Text::default())..))
            .take_while(of_conn)
            .cloned()
            .collect();
        let mut lost = Vec::new();
        for entry in users {
            self.flows.remove(&entry);
            let (_, aor) = entry;
            let Some(bindings) = self.by_aor.get_mut(&aor) else {
                continue;
            };
            let is_lost = |binding: &Binding| binding.source.conn == Some(conn);
            let gone = |binding: &mut Binding| is_lost(binding) && binding.reg_id.is_some();
            lost.extend(
                bindings
                    .extract_if(.., gone)
                    .map(|binding| (aor.clone(), binding)),
            );
            for binding in bindings.iter_mut().filter(|binding| is_lost(binding)) {
                binding.has_flow = false;
            }
            bindings.sort_by_key(Binding::rank);
            if bindings.is_empty() {
                self.by_aor.remove(&aor);
            }
        }
        lost
    }

    /// Puts in a binding as it was before, for a registrar that starts again.
    pub fn insert(&mut self, aor: Text, binding: Binding) {
        self.expiries
            .push(Reverse((binding.expires_at, aor.clone())));
        if let Some(conn) = binding.source.conn {
            self.flows.insert((conn, aor.clone()));
        }
        let bindings = self.by_aor.entry(aor).or_default();
        bindings.retain(|other| !other.is_same(&binding));
        bindings.push(binding);
        bindings.sort_by_key(Binding::rank);
    }

    /// Takes out one binding, for one that has shown itself to be dead.
    pub fn remove(&mut self, aor: &str, contact: &Uri) -> Option<Binding> {
        let bindings = self.by_aor.get_mut(aor)?;
        let place = bindings.iter().position(|b| b.contact == *contact)?;
        let removed = bindings.remove(place);
        if bindings.is_empty() {
            self.by_aor.remove(aor);
        }
        Some(removed)
    }

    /// When the first binding may expire. It may have been refreshed since; then [`expire`](Self::expire) finds
    /// nothing.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.expiries.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes out what has expired, with the address of record of each.
    pub fn expire(&mut self, now: Instant) -> Vec<(Text, Binding)> {
        let mut expired = Vec::new();
        while let Some(Reverse((at, _))) = self.expiries.peek()
            && *at <= now
        {
            let Some(Reverse((_, aor))) = self.expiries.pop() else {
                break;
            };
            let Some(bindings) = self.by_aor.get_mut(&aor) else {
                continue;
            };
            expired.extend(
                bindings
                    .extract_if(.., |binding| binding.expires_at <= now)
                    .map(|binding| (aor.clone(), binding)),
            );
            if bindings.is_empty() {
                self.by_aor.remove(&aor);
            }
        }
        expired
    }

    fn live(&self, now: Instant, aor: &str) -> Vec<Binding> {
        self.of(aor)
            .iter()
            .filter(|binding| binding.expires_at > now)
            .cloned()
            .collect()
    }

    fn put(&mut self, aor: Text, bindings: Vec<Binding>) {
        if bindings.is_empty() {
            self.by_aor.remove(&aor);
        } else {
            self.by_aor.insert(aor, bindings);
        }
        // Every refresh leaves an expiry behind that is not true any more.
        if self.expiries.len() > self.tidy_at {
            self.expiries = self
                .by_aor
                .iter()
                .flat_map(|(aor, bindings)| {
                    let of = |binding: &Binding| Reverse((binding.expires_at, aor.clone()));
                    bindings.iter().map(of)
                })
                .collect();
            self.tidy_at = 64 + 2 * self.expiries.len();
            let by_aor = &self.by_aor;
            self.flows.retain(|(conn, aor)| {
                let mut bindings = by_aor.get(aor).into_iter().flatten();
                bindings.any(|binding| binding.source.conn == Some(*conn))
            });
        }
    }
}

impl Binding {
    fn new(
        request: &Request,
        contact: &Contact,
        address: &NameAddr,
        source: Source,
        (call_id, cseq): (Text, u32),
        (registered_at, expires_at): (Instant, Instant),
    ) -> Self {
        let headers = request.headers();
        let mut params = address.params.compact();
        params.remove("expires");
        Self {
            contact: address.uri.compact(),
            display: address.display.as_ref().map(Text::compact),
            instance: address.features().instance().map(Text::from),
            reg_id: address
                .params
                .value("reg-id")
                .and_then(|id| id.parse().ok()),
            q: contact.q(),
            path: (headers.all::<Path>())
                .filter_map(|hop| Some(Text::from(hop.ok()?.0.uri.to_string())))
                .collect(),
            user_agent: headers.text(&Name::UserAgent).map(Text::from),
            params,
            call_id,
            cseq,
            source,
            has_flow: true,
            registered_at,
            expires_at,
        }
    }

    /// By what bindings are sorted.
    const fn rank(&self) -> (Reverse<bool>, Reverse<u16>, Reverse<Instant>) {
        (
            Reverse(self.has_flow),
            Reverse(self.q),
            Reverse(self.registered_at),
        )
    }

    /// Whether a Contact is about this binding: the same instance and flow (RFC 5626 §6), else the same URI.
    fn is_of(&self, address: &NameAddr) -> bool {
        let instance = address.features().instance();
        match (&self.instance, instance) {
            (Some(own), Some(instance)) => {
                let reg_id = address
                    .params
                    .value("reg-id")
                    .and_then(|id| id.parse().ok());
                own.as_str() == instance && self.reg_id == reg_id
            }
            _ => self.contact.matches(&address.uri),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (&self.instance, &other.instance) {
            (Some(one), Some(two)) => one == two && self.reg_id == other.reg_id,
            _ => self.contact.matches(&other.contact),
        }
    }

    /// Whether it was made by a later REGISTER of the same client (RFC 3261 §10.3, step 7).
    fn is_newer_than(&self, (call_id, cseq): &(Text, u32)) -> bool {
        self.call_id == *call_id && self.cseq >= *cseq
    }
}

/// The 200 with every binding of the user (RFC 3261 §10.3, step 8; RFC 3327 §5.3).
fn accepted(now: Instant, request: &Request, bindings: &[Binding]) -> Response {
    let mut response = request.response(Status::OK);
    let headers = response.headers_mut();
    for binding in bindings {
        let left = binding.expires_at.saturating_duration_since(now).as_secs();
        let mut address = NameAddr::new(binding.contact.clone());
        address.display = binding.display.clone();
        address.params = binding.params.clone();
        address.params.set("expires", Some(&left.to_string()));
        headers.push(&Contact::Address(address));
    }
    for path in request.headers().texts(&Name::Path) {
        // It was in a message, so there is no line end in it.
        let _ = headers.push_text(Name::Path, path);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Conn, Outbox, Protocol, Seed, Transport};
    use crate::sip::msg::Message;

    struct Registrar {
        bindings: Bindings,
        outbox: Outbox,
        /// Where requests come from.
        source: Source,
        now: Instant,
        cseq: u32,
    }

    impl Registrar {
        fn new() -> Self {
            Self {
                bindings: Bindings::new(&mut Ids::new(Seed::from_number(1))),
                outbox: Outbox::default(),
                source: Self::source(5060),
                now: Instant::now(),
                cseq: 0,
            }
        }

        fn source(port: u16) -> Source {
            Source {
                transport: Transport::Udp,
                local: ([10, 0, 0, 1], 5060).into(),
                peer: ([10, 0, 0, 9], port).into(),
                conn: None,
            }
        }

        /// Requests come over a new connection from now on.
        fn connect(&mut self) -> ConnId {
            let conn = self.outbox.accept(Conn {
                protocol: Protocol::Sip,
                transport: Transport::Tcp,
                local: Some(self.source.local),
                peer: self.source.peer,
                outgoing: false,
            });
            self.source.transport = Transport::Tcp;
            self.source.conn = Some(conn);
            conn
        }

        /// A REGISTER of alice's with these header lines and the next number.
        fn register(&mut self, lines: &str) -> Result<Update, Status> {
            self.cseq += 1;
            self.numbered(lines, self.cseq)
        }

        fn numbered(&mut self, lines: &str, cseq: u32) -> Result<Update, Status> {
            let text = format!(
                "REGISTER sip:example.com SIP/2.0\n\
                 Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx\n\
                 From: <sip:alice@example.com>;tag=a\nTo: <sip:Alice@EXAMPLE.com>\n\
                 Call-ID: alice\nCSeq: {cseq} REGISTER\n{lines}\nContent-Length: 0\n\n"
            );
            let limits = Limits {
                bindings: 3,
                ..Limits::default()
            };
            let Ok(Message::Request(request)) =
                Message::parse(text.replace('\n', "\r\n").into(), &limits)
            else {
                panic!("{text}")
            };
            self.bindings
                .update(self.now, &request, self.source, &limits)
                .map_err(|refusal| refusal.status())
        }

        fn contacts(&self, aor: &str) -> Vec<String> {
            let all = self.bindings.of(aor).iter();
            all.map(|binding| binding.contact.to_string()).collect()
        }
    }

    #[test]
    fn rfc3261_10_3_adds_refreshes_and_removes() {
        let mut registrar = Registrar::new();
        let update = registrar
            .register("Contact: \"phone\" <sip:a@10.0.0.9>;q=0.2;+g.oma.sip-im\nExpires: 600\nPath: <sip:p1;lr>, <sip:p2;lr>")
            .unwrap();
        assert_eq!((update.added.len(), update.refreshed.len()), (1, 0));
        let binding = &update.added[0];
        assert_eq!(binding.display.as_deref(), Some("phone"));
        assert_eq!(binding.q, 200);
        assert_eq!(binding.path, ["sip:p1;lr", "sip:p2;lr"]);
        assert!(binding.params.has("+g.oma.sip-im"));
        assert_eq!(
            update.response.headers().text(&Name::Path),
            Some("<sip:p1;lr>, <sip:p2;lr>")
        );

        registrar.now += Duration::from_secs(100);
        let update = registrar
            .register("Contact: <sip:b@10.0.0.9>;expires=1000, <sip:a@10.0.0.9>;expires=60")
            .unwrap();
        assert_eq!((update.added.len(), update.refreshed.len()), (1, 1));
        let listed: Vec<_> = (update.response.headers().all::<Contact>())
            .map(|contact| contact.unwrap().expires().unwrap())
            .collect();
        assert_eq!(listed, [Some(60), Some(1000)]);

        // The user is one whatever the case of its host; the user part counts.
        let aor = update.aor;
        assert_eq!(registrar.contacts(&aor).len(), 2);
        // Without a Contact it only asks.
        let update = registrar.register("Expires: 0").unwrap();
        assert_eq!(update.response.headers().count(&Name::Contact), 2);
        let update = registrar
            .register("Contact: <sip:b@10.0.0.9>;expires=0")
            .unwrap();
        assert_eq!(update.removed.len(), 1);
        assert_eq!(registrar.contacts(&aor), ["sip:a@10.0.0.9"]);
        let update = registrar.register("Contact: *\nExpires: 0").unwrap();
        assert_eq!(update.removed.len(), 1);
        assert!(registrar.contacts(&aor).is_empty());
    }

    #[test]
    fn rfc3261_10_3_refusals_change_nothing() {
        let mut registrar = Registrar::new();
        let aor = registrar.register("Contact: <sip:a@10.0.0.9>").unwrap().aor;
        for (lines, status) in [
            ("Contact: *", 400),
            ("Contact: *, <sip:b@10.0.0.9>\nExpires: 0", 400),
            ("Contact: <sip:b@10.0.0.9>;expires=59", 423),
            (
                "Contact: <sip:b@10.0.0.9>, <sip:c@10.0.0.9>, <sip:d@10.0.0.9>",
                503,
            ),
            ("Contact: <", 400),
        ] {
            let refused = registrar.register(lines).map(|_| ());
            assert_eq!(refused.map_err(Status::code), Err(status), "{lines}");
            assert_eq!(registrar.contacts(&aor), ["sip:a@10.0.0.9"]);
        }
        // One that was overtaken on its way.
        let late = registrar.numbered("Contact: <sip:a@10.0.0.9>;expires=0", 1);
        assert_eq!(late.map(|_| ()), Err(Status::SERVER_INTERNAL_ERROR));
        let late = registrar.numbered("Contact: *\nExpires: 0", 1);
        assert_eq!(late.map(|_| ()), Err(Status::SERVER_INTERNAL_ERROR));
    }

    #[test]
    fn rfc5626_6_an_instance_has_one_binding_per_flow() {
        let mut registrar = Registrar::new();
        let device = "+sip.instance=\"<urn:uuid:1>\";reg-id";
        for (contact, id) in [
            ("a@10.0.0.9:1", 1),
            ("a@10.0.0.9:2", 1),
            ("a@10.0.0.9:3", 2),
        ] {
            registrar
                .register(&format!("Contact: <sip:{contact}>;{device}={id}"))
                .unwrap();
        }
        let aor = registrar.register("").unwrap().aor;
        assert_eq!(
            registrar.contacts(&aor),
            ["sip:a@10.0.0.9:2", "sip:a@10.0.0.9:3"]
        );
        assert_eq!(
            registrar.bindings.of(&aor)[0].instance.as_deref(),
            Some("urn:uuid:1")
        );
    }

    #[test]
    fn rfc5626_6_a_flow_takes_its_bindings_with_it_and_leaves_plain_contacts() {
        let mut registrar = Registrar::new();
        let plain = "Contact: <sip:plain@10.0.0.9:5060>";
        let flow = "Contact: <sip:flow@10.0.0.9:1>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
        let aor = registrar.register("").unwrap().aor;
        registrar.register("Contact: <sip:other@10.0.0.9>").unwrap();
        let conn = registrar.connect();
        registrar.now += Duration::from_secs(1);
        registrar.register(plain).unwrap();
        registrar.register(flow).unwrap();
        let lost = registrar.bindings.lose_flow(conn);
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].1.reg_id, Some(1));
        // Whoever can be reached for sure comes first.
        let other = "sip:other@10.0.0.9";
        assert_eq!(registrar.contacts(&aor), [other, "sip:plain@10.0.0.9:5060"]);
        registrar.connect();
        registrar.register(plain).unwrap();
        assert_eq!(registrar.contacts(&aor), ["sip:plain@10.0.0.9:5060", other]);
    }

    #[test]
    fn rfc3261_10_3_a_register_with_very_many_contacts_is_refused_at_once() {
        let mut registrar = Registrar::new();
        let many: Vec<_> = (0..100).map(|n| format!("<sip:a@h{n}>")).collect();
        let refused = registrar.register(&format!("Contact: {}", many.join(",")));
        assert_eq!(refused.map(|_| ()), Err(Status::SERVICE_UNAVAILABLE));
        let all = "Contact: <sip:a@h>, <sip:b@h>, <sip:c@h>";
        registrar.register(all).unwrap();
        // As many may come as go.
        registrar
            .register("Contact: <sip:d@h>, <sip:e@h>, <sip:f@h>, <sip:a@h>;expires=0, <sip:b@h>;expires=0, <sip:c@h>;expires=0")
            .unwrap();
    }

    #[test]
    fn what_connections_leave_behind_is_bounded() {
        let mut registrar = Registrar::new();
        for _ in 0..500 {
            registrar.connect();
            registrar.now += Duration::from_secs(1);
            registrar.register("Contact: <sip:a@10.0.0.9>").unwrap();
        }
        assert!(registrar.bindings.flows.len() < 200);
    }

    #[test]
    fn nothing_of_a_register_is_kept_with_its_receive_buffer() {
        let text = "REGISTER sip:example.com SIP/2.0\r\n\
             Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx;x=y\r\n\
             From: <sip:alice@example.com>;tag=a\r\nTo: <sip:alice@example.com>\r\n\
             Call-ID: alice\r\nCSeq: 1 REGISTER\r\nUser-Agent: a phone\r\n\
             Path: <sip:p1;lr>\r\nExpires: 600\r\n\
             Contact: \"phone\" <sip:a;x=y@10.0.0.9;z=1?h=v>;q=0.2;+g.oma.sip-im=\"<a>\";\
             +sip.instance=\"<urn:uuid:1>\";reg-id=1\r\nContent-Length: 0\r\n\r\n";
        let mut buffer = bytes::BytesMut::with_capacity(64 * 1024);
        buffer.extend_from_slice(text.as_bytes());
        let received = buffer.freeze();
        let mut registrar = Registrar::new();
        {
            let limits = Limits::default();
            let Ok(Message::Request(request)) = Message::parse(received.clone(), &limits) else {
                panic!()
            };
            let (now, source) = (registrar.now, registrar.source);
            let update = registrar.bindings.update(now, &request, source, &limits);
            assert_eq!(update.unwrap().added.len(), 1);
        }
        assert!(received.try_into_mut().is_ok(), "the buffer is still held");
    }

    #[test]
    fn the_device_that_registered_last_comes_first_among_equals() {
        let mut registrar = Registrar::new();
        let aor = registrar.register("").unwrap().aor;
        for contact in ["<sip:a@h>", "<sip:b@h>", "<sip:c@h>;q=0.5"] {
            registrar.now += Duration::from_secs(1);
            registrar.register(&format!("Contact: {contact}")).unwrap();
        }
        assert_eq!(registrar.contacts(&aor), ["sip:b@h", "sip:a@h", "sip:c@h"]);
        registrar.now += Duration::from_secs(1);
        registrar.register("Contact: <sip:a@h>").unwrap();
        assert_eq!(registrar.contacts(&aor), ["sip:a@h", "sip:b@h", "sip:c@h"]);
    }

    #[test]
    fn bindings_expire_when_they_should_and_not_before() {
        let mut registrar = Registrar::new();
        let start = registrar.now;
        let at = |seconds| start + Duration::from_secs(seconds);
        let aor = registrar
            .register("Contact: <sip:a@10.0.0.9>;expires=100")
            .unwrap()
            .aor;
        registrar
            .register("Contact: <sip:b@10.0.0.9>;expires=500")
            .unwrap();
        registrar.now = at(50);
        registrar
            .register("Contact: <sip:a@10.0.0.9>;expires=100")
            .unwrap();
        assert_eq!(registrar.bindings.next_expiry(), Some(at(100)));
        assert!(registrar.bindings.expire(at(100)).is_empty());
        assert_eq!(registrar.bindings.next_expiry(), Some(at(150)));
        let expired = registrar.bindings.expire(at(150));
        assert_eq!(expired.len(), 1);
        assert_eq!(expired[0].1.contact.to_string(), "sip:a@10.0.0.9");
        assert_eq!(registrar.bindings.expire(at(500)).len(), 1);
        assert!(registrar.bindings.of(&aor).is_empty());
        assert_eq!(registrar.bindings.next_expiry(), None);
    }

    #[test]
    fn what_refreshes_leave_behind_is_bounded() {
        let mut registrar = Registrar::new();
        for _ in 0..5000 {
            registrar.now += Duration::from_secs(1);
            registrar.register("Contact: <sip:a@10.0.0.9>").unwrap();
        }
        assert!(registrar.bindings.expiries.len() < 200);
    }
}
