//! Somebody who pretends to be somebody else. Carol is a user like others, with a password of her own.

use crate::stage::{Stage, uri};
use cpm::conversation::{Destination, Envelope, Identity, Parcel, Service, Terms};
use cpm::engine::{Direction, Transport};
use cpm::sdp::msrp::Setup;
use cpm::sim::Host;
use cpm::sip::msg::Method;
use cpm::sip::msg::header::{self, NameAddr};
use cpm::sip::{HERE, Target, Uri};
use cpm::wire::Text;

fn message(from: &str, service: Service) -> Envelope {
    let mut envelope = Envelope::new(uri(from), uri("bob"), service);
    envelope.identity = Identity::Preferred(uri("carol"));
    envelope
}

/// Carol's device sends what no client of ours would.
fn send(stage: &mut Stage, method: Method, to: &str, envelope: &Envelope) {
    let mut destination = Destination::uri(uri(to));
    if method == Method::Register {
        destination.request_uri = "sip:example.com".parse().unwrap();
    }
    let registers = method == Method::Register;
    let mut request = envelope.write(method, &destination);
    if registers {
        let contact = NameAddr::new(Uri::sip("carol", HERE));
        request
            .headers_mut()
            .push(&header::Contact::Address(contact));
    } else {
        request.set_body("text/plain", "psst".into());
    }
    stage.client("carol", |client, now| {
        client.command(now, |_, net| {
            net.ends.sip.request(&mut net.ends.cx, request, Target::Uri);
        });
    });
    stage.run(10);
}

fn devices(stage: &Stage, user: &str) -> Vec<Text> {
    match stage.machine("server") {
        Host::Server(server) => (server.node.role().bindings().of(&uri(user).aor()).iter())
            .map(|binding| Text::from(binding.contact.to_string()))
            .collect(),
        _ => panic!("no server"),
    }
}

/// Carol's device says something in a session that no client of ours would say.
fn say(stage: &mut Stage, content_type: &'static str, body: &'static str) {
    let envelope = message("carol", Service::Session);
    let destination = Destination::uri(uri("bob"));
    let parcel = Parcel::new(Text::from_static(content_type), body.into());
    stage.client("carol", |client, now| {
        client.command(now, |_, net| {
            let terms = Terms::chat(Setup::Active);
            let leg = (net.legs)
                .open(&mut net.ends, destination, &envelope, terms)
                .unwrap();
            net.legs.send(&mut net.ends, leg, parcel).unwrap();
        });
    });
    stage.run(20);
}

fn people(seed: u64) -> Stage {
    let mut stage = Stage::new(seed);
    stage.enter("carol");
    stage.record(true);
    stage
}

/// How often carol was told that this is not for her.
fn refusals(stage: &Stage) -> usize {
    (stage.seen().iter())
        .filter(|seen| &*seen.host == "carol" && seen.sighting.direction == Direction::In)
        .filter(|seen| seen.sighting.bytes.starts_with(b"SIP/2.0 403"))
        .count()
}

#[test]
fn nobody_registers_a_device_for_somebody_else() {
    let mut stage = people(1);
    let before = devices(&stage, "bob");
    let mut envelope = message("carol", Service::Pager);
    // What carol prefers to be called has nothing to do with whose devices she changes.
    envelope.to = NameAddr::new(uri("bob"));
    send(&mut stage, Method::Register, "bob", &envelope);
    assert_eq!(devices(&stage, "bob"), before);
    assert_eq!(refusals(&stage), 1);
}

#[test]
fn only_the_network_speaks_for_somebody_else() {
    let mut stage = people(2);
    let mut envelope = message("carol", Service::Pager);
    envelope.referred_by = Some(uri("alice"));
    send(&mut stage, Method::Message, "bob", &envelope);
    let messages = stage.messages("bob");
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].from, "sip:carol@example.com");
}

#[test]
fn who_proves_to_be_carol_is_from_carol() {
    let mut stage = people(3);
    send(
        &mut stage,
        Method::Message,
        "bob",
        &message("alice", Service::Pager),
    );
    assert!(stage.messages("bob").is_empty());
    assert_eq!(refusals(&stage), 1);
}

#[test]
fn the_services_of_the_network_are_not_for_users() {
    let mut stage = people(4);
    for service in [Service::System, Service::Deferred] {
        send(
            &mut stage,
            Method::Message,
            "bob",
            &message("carol", service),
        );
    }
    assert!(stage.messages("bob").is_empty());
    assert_eq!(refusals(&stage), 2);
}

#[test]
fn what_nobody_can_read_stands_in_nobodys_way() {
    let mut stage = people(5);
    say(&mut stage, "message/cpim", "this is no CPIM");
    assert_eq!(stage.kept("bob"), 0);
    stage.write("alice", "bob", "hello");
    stage.run(5);
    assert_eq!(stage.texts("bob"), ["hello"]);
}

#[test]
fn the_cpim_in_a_session_is_from_whom_the_session_is_with() {
    let mut stage = people(6);
    say(
        &mut stage,
        "message/cpim",
        "From: <sip:alice@example.com>\r\nTo: <sip:bob@example.com>\r\n\r\n\
         Content-Type: text/plain\r\n\r\nhi",
    );
    assert_eq!(stage.messages("bob")[0].from, "sip:carol@example.com");
    let shown = (stage.seen().iter())
        .filter(|seen| &*seen.host == "bob" && seen.sighting.direction == Direction::In)
        .map(|seen| String::from_utf8_lossy(&seen.sighting.bytes).into_owned())
        .find(|text| text.contains("\r\n\r\nhi"))
        .unwrap();
    assert!(shown.contains("From: <sip:carol@example.com>"), "{shown}");
    assert!(!shown.contains("alice"), "{shown}");
}

#[test]
fn an_invite_that_brings_a_message_is_not_taken_in_silence() {
    let mut stage = people(7);
    let envelope = message("carol", Service::Session);
    let mut request = envelope.write(Method::Invite, &Destination::uri(uri("bob")));
    let body = "--b\r\nContent-Type: application/sdp\r\n\r\n\
        v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
        m=message 9 TCP/MSRP *\r\na=accept-types:message/cpim\r\na=setup:active\r\n\
        a=path:msrp://192.0.2.9:9/abcdefgh;tcp\r\n\r\n\
        --b\r\nContent-Type: message/cpim\r\n\r\n\
        From: <sip:carol@example.com>\r\nTo: <sip:bob@example.com>\r\n\r\n\
        Content-Type: text/plain\r\n\r\nhi\r\n--b--\r\n";
    request.set_body("multipart/mixed;boundary=b", body.into());
    stage.client("carol", |client, now| {
        client.command(now, |_, net| {
            net.ends.sip.invite(&mut net.ends.cx, request, Target::Uri);
        });
    });
    stage.run(5);
    let answers = (stage.seen().iter())
        .filter(|seen| &*seen.host == "carol" && seen.sighting.direction == Direction::In)
        .filter(|seen| seen.sighting.bytes.starts_with(b"SIP/2.0 488"))
        .count();
    assert_eq!(answers, 1);
}

/// Carol writes straight to Bob's device, past the server that would have checked who she is.
#[test]
fn a_device_hears_from_the_server_that_it_is_registered_at_and_from_nobody_else() {
    let mut stage = Stage::empty(9);
    stage.transport = Transport::Udp;
    for user in ["bob", "carol"] {
        stage.enter(user);
    }
    stage.record(true);
    let contact: Uri = (devices(&stage, "bob").first().expect("bob has a device"))
        .parse()
        .unwrap();
    let mut envelope = message("alice", Service::Pager);
    envelope.identity = Identity::Asserted(vec![uri("alice")]);
    let mut request = envelope.write(Method::Message, &Destination::uri(contact.clone()));
    request
        .headers_mut()
        .push(&header::Route(NameAddr::new(contact)));
    request.set_body("text/plain", "psst".into());
    stage.client("carol", |client, now| {
        client.command(now, |_, net| {
            net.ends.sip.request(&mut net.ends.cx, request, Target::Uri);
        });
    });
    stage.run(10);
    assert_eq!(refusals(&stage), 1);
    assert_eq!(stage.texts("bob"), Vec::<String>::new());
}
