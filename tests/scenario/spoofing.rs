//! Somebody who pretends to be somebody else. Carol is a user like others, with a password of her own.

use crate::stage::{Stage, uri};
use cpm::conversation::{Destination, Envelope, Identity, Service};
use cpm::engine::Direction;
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
        Host::Client(_) => panic!("no server"),
    }
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
