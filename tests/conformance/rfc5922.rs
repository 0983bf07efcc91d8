//! RFC 5922: whose a connection is.

use crate::rfc3261::{alone, uri};
use crate::wire::addr;
use cpm::sip::Target;
use cpm::sip::msg::{Method, Request};

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
