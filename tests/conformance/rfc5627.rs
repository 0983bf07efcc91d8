//! RFC 5627: addresses that lead to one device, as the registrar gives them; RFC 3327 §5.3.

use cpm::engine::{Ids, Limits, Seed, Transport};
use cpm::sip::bindings::{Bindings, Gruu, Update};
use cpm::sip::msg::header::{Contact, Path};
use cpm::sip::msg::{Message, Name, Response};
use cpm::sip::{Source, Uri};
use std::time::{Duration, Instant};

struct Registrar {
    bindings: Bindings,
    now: Instant,
    cseq: u32,
}

const DEVICE: &str = "Contact: <sip:a@10.0.0.9>;+sip.instance=\"<urn:uuid:1>\"";

impl Registrar {
    fn new() -> Self {
        Self {
            bindings: Bindings::new(&mut Ids::new(Seed::from_number(7))),
            now: Instant::now(),
            cseq: 0,
        }
    }

    /// A REGISTER of alice's, and what becomes of it.
    fn register(&mut self, call_id: &str, lines: &str) -> Result<Update, Box<Response>> {
        self.cseq += 1;
        let text = format!(
            "REGISTER sip:example.com SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx\n\
             From: <sip:alice@example.com>;tag=a\nTo: <sip:alice@example.com>\n\
             Call-ID: {call_id}\nCSeq: {} REGISTER\n{lines}\nContent-Length: 0\n\n",
            self.cseq
        );
        let limits = Limits::default();
        let message = Message::parse(text.replace('\n', "\r\n").into(), &limits);
        let Ok(Message::Request(request)) = message else {
            panic!("{text}")
        };
        let source = Source {
            transport: Transport::Udp,
            local: ([10, 0, 0, 1], 5060).into(),
            peer: ([10, 0, 0, 9], 5060).into(),
            conn: None,
        };
        let update = self.bindings.update(self.now, &request, source, &limits);
        update.map_err(|refusal| Box::new(refusal.into_response()))
    }

    /// The public and the temporary GRUU that a device is given.
    fn gruus(&mut self, call_id: &str) -> (Uri, Uri) {
        let update = self.register(call_id, &format!("{DEVICE}\nSupported: gruu"));
        let contact = update.unwrap().response.headers().get::<Contact>().unwrap();
        let gruu = |name| contact.params().value(name).unwrap().parse().unwrap();
        (gruu("pub-gruu"), gruu("temp-gruu"))
    }

    fn device(&self, gruu: &Uri) -> Option<(String, String)> {
        match self.bindings.gruu(gruu) {
            Some(Gruu::Device { aor, instance }) => Some((aor.to_string(), instance.to_string())),
            _ => None,
        }
    }
}

fn alices() -> Option<(String, String)> {
    Some(("sip:alice@example.com".into(), "urn:uuid:1".into()))
}

#[test]
fn rfc5627_5_1_a_device_that_knows_of_gruus_is_given_both() {
    let mut registrar = Registrar::new();
    let (public, temporary) = registrar.gruus("a");
    assert_eq!(public.to_string(), "sip:alice@example.com;gr=urn:uuid:1");
    let text = temporary.to_string();
    assert!(text.starts_with("sip:tgruu.") && text.ends_with("@example.com;gr"));
    assert!(!text.contains("alice"));
    assert_eq!(registrar.device(&public), alices());
    assert_eq!(registrar.device(&temporary), alices());
    // One that does not, or has no name, is given none.
    for lines in [
        DEVICE.to_owned(),
        "Contact: <sip:b@h>\nSupported: gruu".to_owned(),
    ] {
        let mut registrar = Registrar::new();
        let response = registrar.register("a", &lines).unwrap().response;
        let contact = response.headers().get::<Contact>().unwrap();
        assert!(!contact.params().has("pub-gruu") && !contact.params().has("temp-gruu"));
    }
    // What a device claims is not taken.
    let claim = format!("{DEVICE};pub-gruu=\"sip:eve@example.com;gr=1\"");
    let update = registrar.register("a", &claim).unwrap();
    assert!(!update.refreshed[0].params.has("pub-gruu"));
    assert_eq!(
        registrar
            .bindings
            .gruu(&"sip:alice@example.com".parse().unwrap()),
        None
    );
}

#[test]
fn rfc5627_3_1_2_temporary_gruus_last_as_long_as_the_registration_of_one_call_id() {
    let mut registrar = Registrar::new();
    let (_, first) = registrar.gruus("a");
    let (_, second) = registrar.gruus("a");
    assert_ne!(first, second);
    assert_eq!(registrar.device(&first), alices());
    assert_eq!(registrar.device(&second), alices());
    // The device has started again.
    let (public, third) = registrar.gruus("b");
    for gone in [&first, &second] {
        assert_eq!(registrar.bindings.gruu(gone), Some(Gruu::Unknown));
    }
    assert_eq!(registrar.device(&third), alices());
    registrar.now += Duration::from_secs(4000);
    registrar.bindings.expire(registrar.now);
    assert_eq!(registrar.bindings.gruu(&third), Some(Gruu::Unknown));
    assert_eq!(registrar.device(&public), alices());
}

#[test]
fn rfc5627_8_a_temporary_gruu_cannot_be_made_up() {
    let mut registrar = Registrar::new();
    let (_, temporary) = registrar.gruus("a");
    let text = temporary.to_string();
    let (start, end) = (text.find('.').unwrap() + 1, text.find('@').unwrap());
    for place in start..end {
        let mut forged = text.clone();
        let other = if &forged[place..=place] == "0" {
            "1"
        } else {
            "0"
        };
        forged.replace_range(place..=place, other);
        // The bits that fill up the last letter say nothing.
        if place + 1 < end {
            let found = registrar.bindings.gruu(&forged.parse().unwrap());
            assert_eq!(found, Some(Gruu::Unknown), "{forged}");
        }
    }
    for other in [
        "sip:tgruu.@example.com;gr",
        "sip:tgruu.00@h;gr",
        "sip:x@h;gr",
        "sip:h;gr",
    ] {
        let found = registrar.bindings.gruu(&other.parse().unwrap());
        assert_eq!(found, Some(Gruu::Unknown), "{other}");
    }
}

#[test]
fn rfc5627_5_1_a_device_cannot_be_registered_at_its_own_address() {
    let mut registrar = Registrar::new();
    for contact in [
        "sip:alice@example.com",
        "sip:alice@example.com;gr=urn:uuid:1",
    ] {
        let lines = format!("Contact: <{contact}>;+sip.instance=\"<urn:uuid:1>\"");
        let refusal = registrar.register("a", &lines).unwrap_err();
        assert_eq!(refusal.status().code(), 403);
    }
}

#[test]
fn rfc3327_5_3_a_path_is_taken_of_a_device_that_knows_of_it_only() {
    let mut registrar = Registrar::new();
    let path = format!("{DEVICE}\nPath: <sip:p1.example.com;lr>");
    let refusal = registrar.register("a", &path).unwrap_err();
    assert_eq!(refusal.status().code(), 420);
    assert_eq!(refusal.headers().text(&Name::Unsupported), Some("path"));
    let update = registrar.register("a", &format!("{path}\nSupported: path"));
    assert_eq!(update.unwrap().response.headers().all::<Path>().count(), 1);
    registrar.bindings.accept_unannounced_path = true;
    let update = registrar.register("a", &path).unwrap();
    assert_eq!(update.refreshed[0].path, ["sip:p1.example.com;lr"]);
}
