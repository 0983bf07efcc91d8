use super::*;
use crate::engine::{Conn, Limits, Outbox, Protocol, Seed, Transport};
use crate::sip::Source;
use crate::sip::msg::header::Contact;
use crate::sip::msg::{Message, Name, Status};

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
        .register("Contact: \"phone\" <sip:a@10.0.0.9>;q=0.2;+g.oma.sip-im\nExpires: 600\nPath: <sip:p1;lr>, <sip:p2;lr>\nSupported: path")
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
         Path: <sip:p1;lr>\r\nSupported: path\r\nExpires: 600\r\n\
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
