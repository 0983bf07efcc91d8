//! RFC 5626 §4.4.2: flows over UDP that are kept alive by STUN.

use crate::rfc3261::*;
use crate::wire::Heard;
use cpm::sip::register;
use cpm::sip::stun::Message;
use std::time::Duration;

/// A client over UDP that is registered; what the 200 says more.
fn registered(more: &str) -> Wire {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.outbound_proxy = Some(uri("sip:10.0.0.9"));
    });
    let mut config = register::Config::new(uri("sip:alice@example.com"), uri("sip:example.com"));
    config.instance = Some("urn:uuid:1".into());
    config.reg_id = Some(1);
    wire.with(0, |sip, cx| sip.register(cx, config));
    accept(&mut wire, more);
    wire
}

/// The registrar accepts the REGISTER that was sent last.
fn accept(wire: &mut Wire, more: &str) {
    let request = wire.heard();
    let contact = header(&request, "Contact");
    let lines = format!("Contact: {contact};expires=3600\n{more}");
    wire.inject(0, PEER, &answer(&request, "200 OK", "reg", &lines));
    wire.events(0);
}

/// Waits for the next datagrams.
fn next(wire: &mut Wire, most: u64) -> Vec<Heard> {
    for _ in 0..most {
        wire.seconds(1);
        let heard = wire.outside();
        if !heard.is_empty() {
            return heard;
        }
    }
    panic!("nothing for {most} seconds")
}

fn id(heard: &Heard) -> [u8; 12] {
    match Message::parse(&heard.data) {
        Ok(Message::Request { id, .. }) => id,
        other => panic!("{other:?}: {heard:?}"),
    }
}

/// The server says where it sees us.
fn see(wire: &mut Wire, id: [u8; 12], at: &str) {
    let mapped = at.parse().unwrap();
    wire.inject_bytes(0, PEER, Message::Success { id, mapped }.write());
}

#[test]
fn rfc5626_4_4_2_a_server_that_speaks_of_flows_is_asked_by_stun() {
    for more in ["Require: outbound", "Flow-Timer: 30"] {
        let mut wire = registered(more);
        for _ in 0..20 {
            let heard = next(&mut wire, 30);
            // It may have been sent again within the second.
            assert!(heard.iter().all(|again| id(again) == id(&heard[0])));
            see(&mut wire, id(&heard[0]), "192.0.2.7:4000");
            assert!(wire.outside().is_empty());
        }
    }
    let mut wire = registered("");
    assert_eq!(next(&mut wire, 30)[0].text, "\n");
}

#[test]
fn rfc5626_4_4_2_another_address_is_another_flow_and_is_registered() {
    let mut wire = registered("Require: outbound");
    for _ in 0..6 {
        let heard = next(&mut wire, 30);
        see(&mut wire, id(&heard[0]), "192.0.2.7:4000");
    }
    let heard = next(&mut wire, 30);
    // Of somebody who has not seen the question.
    see(&mut wire, [0; 12], "192.0.2.7:5000");
    assert!(wire.outside().is_empty());
    see(&mut wire, id(&heard[0]), "192.0.2.7:5000");
    wire.seconds(0);
    // It stood for two minutes: at once.
    accept(&mut wire, "Require: outbound");
    let heard = next(&mut wire, 30);
    see(&mut wire, id(&heard[0]), "192.0.2.7:5000");
    assert!(wire.outside().is_empty());
}

#[test]
fn rfc5626_4_4_2_a_flow_without_an_answer_is_given_up_and_backed_off() {
    let mut wire = registered("Require: outbound");
    let mut all = Vec::new();
    while !all
        .iter()
        .any(|heard: &Heard| heard.text.starts_with("REGISTER "))
    {
        all.extend(next(&mut wire, 120));
    }
    let register = all.remove(7);
    assert!(register.text.starts_with("REGISTER "));
    assert!(all[..7].iter().all(|heard| id(heard) == id(&all[0])));
    let sent: Vec<_> = all[..7].iter().map(|heard| heard.at).collect();
    let waits: Vec<_> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000]);
    // The last one waited for eight seconds; the flow had not stood for long: 30 to 60 seconds of pause.
    let pause = register.at - sent[6] - 8000;
    let most = Duration::from_secs(60).as_millis();
    assert!((most / 2..=most + 1000).contains(&pause), "{pause}");
}
