//! RFC 5922: whose a connection is.

use crate::rfc3261::{alone, from_peer, uri};
use crate::wire::addr;
use cpm::engine::Transport;
use cpm::sip::msg::{Method, Request};
use cpm::sip::{Event, Failure, Target};

#[test]
fn rfc5922_4_two_domains_at_one_address_share_no_connection() {
    let mut wire = alone();
    wire.taken.insert(addr("10.0.0.9:5061"));
    for name in ["a.example", "b.example"] {
        let here = vec!["10.0.0.9".parse().unwrap()];
        wire.names.insert(name.into(), here);
    }
    let mut conns = Vec::new();
    for to in [
        "sips:a.example",
        "sips:b.example",
        "sips:bob@A.example",
        "sips:10.0.0.9",
    ] {
        wire.with(0, |sip, cx| {
            let request = Request::new(Method::Options, &uri(to));
            sip.request(cx, request, Target::Uri)
        });
        let heard = wire.outside();
        assert_eq!(heard.len(), 1, "{to}");
        conns.push(heard[0].from);
    }
    // Each name was checked on a connection of its own, and so was the address.
    assert_eq!(conns[0], conns[2]);
    assert_eq!(wire.conns_of(0).len(), 3);
}

#[test]
fn rfc5923_a_connection_that_a_peer_has_opened_is_not_taken_for_a_domain() {
    let mut wire = alone();
    wire.taken.insert(addr("10.0.0.9:5060"));
    // Whoever connects from the address of a domain's server has not proved to be it.
    wire.connect(0, "10.0.0.9:5060");
    wire.with(0, |sip, cx| {
        let request = Request::new(Method::Options, &uri("sip:10.0.0.9;transport=tcp"));
        sip.request(cx, request, Target::Uri)
    });
    assert_eq!(wire.conns_of(0).len(), 2);
}

#[test]
fn attack_18_where_a_name_is_not_proved_nothing_goes_another_way() {
    for to in ["sips:a.example", "sip:bob@a.example;transport=tls"] {
        let mut wire = alone();
        // Only TLS fails: whoever is there takes whatever comes without it.
        wire.taken.insert(addr("10.0.0.9:5060"));
        let here = vec!["10.0.0.9".parse().unwrap()];
        wire.names.insert("a.example".into(), here);
        let sent = wire.with(0, |sip, cx| {
            let request = Request::new(Method::Register, &uri(to));
            sip.request(cx, request, Target::Uri)
        });
        wire.seconds(60);
        assert!(wire.outside().is_empty(), "{to}");
        assert!(
            matches!(wire.events(0)[..], [Event::Failed { id, why: Failure::Transport }] if id == sent),
            "{to}"
        );
    }
}

#[test]
fn attack_18_who_connects_from_the_address_of_a_domain_hears_nothing_of_what_is_for_it() {
    let mut wire = alone();
    let here = vec!["10.0.0.9".parse().unwrap()];
    wire.names.insert("a.example".into(), here);
    wire.taken.insert(addr("10.0.0.9:5061"));
    let local = addr("10.0.0.1:5060");
    // From the very port, over TLS, and with the name in what it says.
    let conn = wire.connect_by(0, Transport::Tls, local, addr("10.0.0.9:5061"));
    let hello = from_peer("MESSAGE", "a", 1, "")
        .replace(
            "SIP/2.0/UDP 10.0.0.9:5060",
            "SIP/2.0/TLS a.example:5061;alias",
        )
        .replace("<sip:bob@10.0.0.9>", "<sips:bob@a.example>");
    wire.stream(0, conn, &hello);
    wire.events(0);
    wire.with(0, |sip, cx| {
        let request = Request::new(Method::Options, &uri("sips:bob@a.example"));
        sip.request(cx, request, Target::Uri)
    });
    let heard = wire.outside();
    assert_eq!(heard.len(), 1);
    assert_ne!(
        heard[0].from, local,
        "not over the connection that it has opened"
    );
    assert_eq!(wire.conns_of(0).len(), 2);
}
