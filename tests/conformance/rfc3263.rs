//! RFC 3263: locating SIP servers, as an endpoint does it.

use crate::rfc3261::{alone, uri};
use crate::wire::{Heard, Wire, addr, answer, header, param};
use cpm::engine::{Naptr, Record, RecordKind, Srv, Transport};
use cpm::sip::msg::{Method, Name, Request, Status};
use cpm::sip::{Event, Failure, Target, register};

fn srv(priority: u16, port: u16, target: &str) -> Record {
    Record::Srv(Srv {
        priority,
        weight: 1,
        port,
        target: target.into(),
    })
}

/// A domain with a server for TCP and one to take its place.
fn domain() -> Wire {
    let mut wire = alone();
    let naptr = Record::Naptr(Naptr {
        order: 1,
        preference: 1,
        flags: "S".into(),
        service: "SIP+D2T".into(),
        regexp: "".into(),
        replacement: "_sip._tcp.two.example.".into(),
    });
    wire.zone
        .insert(("two.example".into(), RecordKind::Naptr), vec![naptr]);
    wire.zone.insert(
        ("_sip._tcp.two.example".into(), RecordKind::Srv),
        vec![
            srv(2, 5062, "b.two.example."),
            srv(1, 5061, "a.two.example."),
        ],
    );
    for (name, ip) in [("a.two.example", "10.0.0.8"), ("b.two.example", "10.0.0.9")] {
        wire.names.insert(name.into(), vec![ip.parse().unwrap()]);
    }
    wire
}

fn ask(wire: &mut Wire) -> cpm::sip::RequestId {
    wire.with(0, |sip, cx| {
        let request = Request::new(Method::Options, &uri("sip:bob@two.example"));
        sip.request(cx, request, Target::Uri)
    })
}

fn only(wire: &mut Wire) -> Heard {
    let mut heard = wire.outside();
    assert_eq!(heard.len(), 1, "{heard:#?}");
    heard.remove(0)
}

const FIRST: &str = "10.0.0.8:5061";
const SECOND: &str = "10.0.0.9:5062";

#[test]
fn rfc3263_4_naptr_and_srv_say_where_and_by_which_transport() {
    let mut wire = domain();
    wire.taken.insert(addr(FIRST));
    ask(&mut wire);
    let heard = only(&mut wire);
    assert_eq!((heard.to, heard.transport), (addr(FIRST), Transport::Tcp));
    assert!(header(&heard.text, "Via").starts_with("SIP/2.0/TCP "));
}

#[test]
fn rfc3263_4_3_a_server_that_cannot_be_reached_is_passed_over() {
    let mut wire = domain();
    wire.taken.insert(addr(SECOND));
    ask(&mut wire);
    assert_eq!(only(&mut wire).to, addr(SECOND));
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3263_4_3_a_503_is_tried_elsewhere_with_a_new_branch() {
    let mut wire = domain();
    wire.taken.extend([addr(FIRST), addr(SECOND)]);
    let id = ask(&mut wire);
    let first = only(&mut wire);
    let conn = wire.conn_of(0);
    let refusal = |text| answer(text, "503 Service Unavailable", "x", "Retry-After: 7");
    wire.stream(0, conn, &refusal(&first.text));
    let second = only(&mut wire);
    assert_eq!(second.to, addr(SECOND));
    let branch = |heard: &Heard| param(header(&heard.text, "Via"), "branch").to_owned();
    assert_ne!(branch(&first), branch(&second));
    for name in ["Call-ID", "From", "CSeq"] {
        assert_eq!(header(&first.text, name), header(&second.text, name));
    }
    assert!(wire.events(0).is_empty());
    // The last one's answer is the answer.
    let other = wire.conns_of(0).into_iter().find(|one| *one != conn);
    wire.stream(0, other.unwrap(), &refusal(&second.text));
    let events = wire.events(0);
    let [Event::Response { id: done, response }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(
        (*done, response.status()),
        (id, Status::SERVICE_UNAVAILABLE)
    );
    assert_eq!(response.headers().text(&Name::RetryAfter), Some("7"));
}

#[test]
fn rfc3263_4_3_the_answer_stands_where_the_next_server_has_no_address() {
    let mut wire = domain();
    wire.names.remove("b.two.example");
    wire.taken.insert(addr(FIRST));
    ask(&mut wire);
    let first = only(&mut wire);
    let conn = wire.conn_of(0);
    let refusal = answer(&first.text, "503 Service Unavailable", "x", "");
    wire.stream(0, conn, &refusal);
    assert!(matches!(
        &wire.events(0)[..],
        [Event::Response { response, .. }] if response.status() == Status::SERVICE_UNAVAILABLE
    ));
}

#[test]
fn rfc3263_4_3_silence_is_a_failure_too() {
    let mut wire = domain();
    wire.taken.extend([addr(FIRST), addr(SECOND)]);
    ask(&mut wire);
    wire.outside();
    wire.seconds(32);
    assert_eq!(only(&mut wire).to, addr(SECOND));
    wire.seconds(32);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Failed {
            why: Failure::Timeout,
            ..
        }]
    ));
}

#[test]
fn rfc3263_4_a_name_server_that_is_silent_does_not_hold_a_request_for_long() {
    let mut wire = alone();
    wire.with(0, |sip, cx| {
        let request = Request::new(Method::Options, &uri("sip:bob@silent.example"));
        sip.request(cx, request, Target::Uri)
    });
    wire.seconds(20);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Failed {
            why: Failure::Unresolvable,
            ..
        }]
    ));
}

#[test]
fn rfc5626_4_3_what_a_registered_user_sends_goes_to_the_server_that_knows_the_user() {
    let mut wire = domain();
    let proxy = uri("sip:two.example");
    wire.with(0, |sip, cx| {
        let config = register::Config::new(uri("sip:alice@two.example"), proxy);
        sip.register(cx, config)
    });
    assert!(wire.outside().is_empty());
    wire.events(0);
    // Only the second one is up at first.
    wire.taken.insert(addr(SECOND));
    wire.seconds(60);
    let register = only(&mut wire);
    assert_eq!(register.to, addr(SECOND));
    let conn = wire.conn_of(0);
    wire.stream(
        0,
        conn,
        &answer(&register.text, "200 OK", "x", "Expires: 100"),
    );
    wire.taken.insert(addr(FIRST));
    wire.with(0, |sip, cx| {
        let mut request = Request::new(Method::Message, &uri("sip:bob@two.example"));
        let from = "<sip:alice@two.example>";
        request.headers_mut().set_text(Name::From, from).unwrap();
        sip.request(cx, request, Target::Uri)
    });
    assert_eq!(only(&mut wire).to, addr(SECOND));
    wire.seconds(55);
    let refresh = wire.outside();
    let refresh = refresh.iter().find(|h| h.text.starts_with("REGISTER "));
    assert_eq!(refresh.unwrap().to, addr(SECOND));
    // When that server goes, the other one takes over.
    wire.taken.remove(&addr(SECOND));
    wire.break_conn(0, conn);
    wire.seconds(120);
    assert!(wire.outside().iter().any(|heard| heard.to == addr(FIRST)));
}
