//! §18, RFC 3581, RFC 5626 §3.5.1: transports.

use super::*;
use crate::wire::addr;
use bytes::Bytes;
use cpm::engine::Transport;
use cpm::sip::msg::Status;
use cpm::sip::{Failure, Source};

/// A MESSAGE too large for a datagram.
fn large() -> Request {
    let mut request = to_peer(Method::Message);
    request.set_body("text/plain", Bytes::from(vec![b'x'; 1400]));
    request
}

#[test]
fn rfc3261_18_1_1_a_large_request_goes_by_tcp() {
    let mut wire = alone();
    wire.taken.insert(addr(PEER));
    wire.with(0, |sip, cx| sip.request(cx, large(), Target::Uri));
    let heard = wire.outside();
    assert_eq!((heard.len(), heard[0].transport), (1, Transport::Tcp));
    assert!(header(&heard[0].text, "Via").starts_with("SIP/2.0/TCP 10.0.0.1:5060;"));
    // A second one takes the same connection, a small one is a datagram as before.
    wire.with(0, |sip, cx| {
        sip.request(cx, large(), Target::Uri);
        sip.request(cx, to_peer(Method::Message), Target::Uri);
    });
    let more = wire.outside();
    let tcp = more
        .iter()
        .find(|one| one.transport == Transport::Tcp)
        .unwrap();
    assert_eq!(tcp.from, heard[0].from);
    assert!(more.iter().any(|one| one.transport == Transport::Udp));
}

#[test]
fn rfc3261_18_1_1_and_by_udp_after_all_if_tcp_is_refused() {
    let mut wire = alone();
    wire.with(0, |sip, cx| sip.request(cx, large(), Target::Uri));
    let heard = wire.outside();
    assert_eq!((heard.len(), heard[0].transport), (1, Transport::Udp));
    assert!(header(&heard[0].text, "Via").starts_with("SIP/2.0/UDP "));
    assert!(heard[0].text.len() > 1400);
    assert!(wire.events(0).is_empty());
}

#[test]
fn a_refused_connection_fails_the_request() {
    let mut wire = alone();
    let failed = wire.with(0, |sip, cx| {
        let request = Request::new(Method::Options, &uri("sip:bob@10.0.0.9;transport=tcp"));
        sip.request(cx, request, Target::Uri)
    });
    assert!(matches!(
        wire.events(0)[..],
        [Event::Failed { id, why: Failure::Transport }] if id == failed
    ));
}

#[test]
fn rfc3263_4_names_are_looked_up_and_their_addresses_tried_in_turn() {
    let mut wire = alone();
    let two = ["10.0.0.8", "10.0.0.9"]
        .map(|ip| ip.parse().unwrap())
        .to_vec();
    wire.names.insert("two.example".into(), two);
    let to = |name: &str| Request::new(Method::Options, &uri(&format!("sip:bob@{name}")));
    let id = wire.with(0, |sip, cx| sip.request(cx, to("two.example"), Target::Uri));
    let first = wire.outside().remove(0);
    assert_eq!(first.to, addr("10.0.0.8:5060"));
    // One that is overloaded leaves it to the other (RFC 3263 §4.3).
    wire.inject(
        0,
        "10.0.0.8:5060",
        &answer(&first.text, "503 Service Unavailable", "x", ""),
    );
    let second = wire.outside().remove(0);
    assert_eq!(second.to, addr("10.0.0.9:5060"));
    wire.inject(0, PEER, &answer(&second.text, "200 OK", "x", ""));
    assert!(matches!(
        &wire.events(0)[..],
        [Event::Response { id: done, response }] if *done == id && response.status() == Status::OK
    ));
    for nobody in ["unknown.example", "silent.example"] {
        wire.with(0, |sip, cx| sip.request(cx, to(nobody), Target::Uri));
        wire.seconds(20);
        assert!(matches!(
            wire.events(0)[..],
            [Event::Failed {
                why: Failure::Unresolvable,
                ..
            }]
        ));
    }
    wire.with(0, |sip, cx| {
        let request = Request::new(Method::Options, &uri("tel:+15550100"));
        sip.request(cx, request, Target::Uri)
    });
    assert!(matches!(
        wire.events(0)[..],
        [Event::Failed {
            why: Failure::Unresolvable,
            ..
        }]
    ));
}

#[test]
fn rfc3261_18_2_1_and_rfc3581_4_the_response_goes_where_the_request_came_from() {
    let request =
        |via: &str| from_peer("CANCEL", "x", 1, "").replace("10.0.0.9:5060;branch=z9hG4bKx", via);
    for (via, to, stamped) in [
        // The address it came from and the port it names.
        (
            "10.0.0.9:5061;branch=z9hG4bKa",
            "10.0.0.9:5061",
            "10.0.0.9:5061;branch=z9hG4bKa",
        ),
        (
            "10.0.0.9;branch=z9hG4bKb",
            "10.0.0.9:5060",
            "10.0.0.9;branch=z9hG4bKb",
        ),
        (
            "client.example:5062;branch=z9hG4bKc",
            "10.0.0.9:5062",
            "client.example:5062;branch=z9hG4bKc;received=10.0.0.9",
        ),
        // Behind a NAT: the port it came from, too.
        (
            "192.168.0.2:5060;branch=z9hG4bKd;rport",
            "10.0.0.9:31000",
            "192.168.0.2:5060;branch=z9hG4bKd;rport=31000;received=10.0.0.9",
        ),
    ] {
        let mut wire = alone();
        wire.inject(0, "10.0.0.9:31000", &request(via));
        let heard = wire.outside().remove(0);
        assert_eq!(heard.to, addr(to), "{via}");
        assert_eq!(header(&heard.text, "Via"), format!("SIP/2.0/UDP {stamped}"));
    }
}

fn over_tcp(method: &str, branch: &str) -> String {
    from_peer(method, branch, 1, "").replace("SIP/2.0/UDP", "SIP/2.0/TCP")
}

#[test]
fn rfc3261_18_2_2_a_response_takes_the_connection_of_its_request_or_a_new_one() {
    let mut wire = alone();
    let conn = wire.connect(0, "10.0.0.9:31000");
    wire.stream(0, conn, &over_tcp("MESSAGE", "a"));
    let events = wire.events(0);
    let [
        Event::Request {
            id,
            request,
            source,
            ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(source.conn, Some(conn));
    wire.with(0, |sip, cx| {
        sip.respond(cx, *id, request.response(Status::OK))
    });
    assert_eq!(wire.outside().remove(0).to, addr("10.0.0.9:31000"));

    wire.stream(0, conn, &over_tcp("INFO", "b"));
    let events = wire.events(0);
    let [Event::Request { id, request, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    wire.taken.insert(addr(PEER));
    wire.break_conn(0, conn);
    wire.with(0, |sip, cx| {
        sip.respond(cx, *id, request.response(Status::OK))
    });
    let heard = wire.outside().remove(0);
    assert_eq!((heard.to, heard.transport), (addr(PEER), Transport::Tcp));
    assert!(matches!(wire.events(0)[..], [Event::FlowLost { conn: lost }] if lost == conn));
}

#[test]
fn rfc3261_18_3_a_stream_may_be_cut_anywhere() {
    let two = over_tcp("MESSAGE", "a") + "\n\n" + &over_tcp("OPTIONS", "b");
    let whole = two.replace('\n', "\r\n").len();
    for cut in (1..whole).step_by(7) {
        let mut wire = alone();
        let conn = wire.connect(0, "10.0.0.9:31000");
        let bytes = two.replace('\n', "\r\n");
        for part in [&bytes[..cut], &bytes[cut..]] {
            let data = Bytes::copy_from_slice(part.as_bytes());
            wire.with(0, |sip, cx| sip.handle_data(cx, conn, data));
        }
        assert_eq!(wire.events(0).len(), 2, "cut at {cut}");
        assert_eq!(
            wire.heard(),
            "\n",
            "the keep-alive between them is answered"
        );
    }
}

#[test]
fn what_is_not_sip_ends_the_connection() {
    for wrong in [
        "POST / HTTP/1.1\nHost: x\n\n",
        "MESSAGE sip:alice@10.0.0.1 SIP/2.0\nVia: SIP/2.0/TCP 10.0.0.9;branch=z9hG4bKx\n\n",
    ] {
        let mut wire = alone();
        let conn = wire.connect(0, "10.0.0.9:31000");
        wire.stream(0, conn, wrong);
        assert!(
            matches!(wire.events(0)[..], [Event::FlowLost { .. }]),
            "{wrong}"
        );
        // A request after it finds nobody.
        wire.stream(0, conn, &over_tcp("OPTIONS", "b"));
        assert!(wire.events(0).is_empty());
    }
}

#[test]
fn a_connection_that_says_nothing_is_closed_and_so_is_one_that_fell_silent() {
    let mut wire = alone();
    wire.connect(0, "10.0.0.9:31000");
    wire.seconds(32);
    assert!(matches!(wire.events(0)[..], [Event::FlowLost { .. }]));
    let conn = wire.connect(0, "10.0.0.9:31001");
    wire.stream(0, conn, &over_tcp("OPTIONS", "a"));
    wire.events(0);
    wire.seconds(3599);
    assert!(wire.events(0).is_empty());
    wire.seconds(2);
    assert!(matches!(wire.events(0)[..], [Event::FlowLost { .. }]));
}

#[test]
fn connections_and_what_waits_for_them_are_bounded() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |_, limits| {
        limits.sip_connections = 1;
        limits.sip_send_queue = 2000;
    });
    let conn = wire.connect(0, "10.0.0.9:31000");
    // Who has said something does not make way for others.
    wire.stream(0, conn, &over_tcp("BYE", "a"));
    assert!(wire.heard().starts_with("SIP/2.0 481 "));
    wire.connect(0, "10.0.0.9:31001");
    assert_eq!(wire.conns_of(0), [conn]);
    wire.taken.insert(addr(PEER));
    wire.with(0, |sip, cx| sip.request(cx, large(), Target::Uri));
    assert!(matches!(
        wire.events(0)[..],
        [Event::Failed {
            why: Failure::Overloaded,
            ..
        }]
    ));
    let flow = Target::Flow(Source {
        transport: Transport::Tcp,
        local: addr("10.0.0.1:5060"),
        peer: addr("10.0.0.9:31000"),
        conn: Some(conn),
    });
    // Two in one step, before anything is read: the second does not fit. The peer is read from all the same:
    // two ends that have much to ask of each other would otherwise wait for each other.
    let read = wire.with(0, |sip, cx| {
        sip.request(cx, large(), flow.clone());
        sip.request(cx, large(), flow.clone());
        sip.wants_read(conn)
    });
    assert!(read);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Failed {
            why: Failure::Transport,
            ..
        }]
    ));
    assert_eq!(wire.outside().len(), 1);
    assert!(wire.with(0, |sip, _| sip.wants_read(conn)));
}

#[test]
fn a_flow_is_the_way_back_and_without_it_the_uri_is() {
    let mut wire = alone();
    let conn = wire.connect(0, "10.0.0.9:31000");
    let source = Source {
        transport: Transport::Tcp,
        local: addr("10.0.0.1:5060"),
        peer: addr("10.0.0.9:31000"),
        conn: Some(conn),
    };
    let ask = |wire: &mut Wire, target| {
        wire.with(0, |sip, cx| {
            sip.request(cx, to_peer(Method::Options), target)
        });
        wire.outside().remove(0)
    };
    let heard = ask(&mut wire, Target::Flow(source));
    assert_eq!(heard.to, addr("10.0.0.9:31000"));
    assert!(header(&heard.text, "Via").starts_with("SIP/2.0/TCP 10.0.0.1:5060;"));
    wire.break_conn(0, conn);
    wire.outside();
    let heard = ask(&mut wire, Target::Flow(source));
    assert_eq!((heard.to, heard.transport), (addr(PEER), Transport::Udp));
    let datagrams = Source {
        transport: Transport::Udp,
        conn: None,
        ..source
    };
    let heard = ask(&mut wire, Target::Flow(datagrams));
    assert_eq!(
        (heard.to, heard.transport),
        (addr("10.0.0.9:31000"), Transport::Udp)
    );
}

#[test]
fn a_request_on_a_connection_that_breaks_fails_at_once() {
    let mut wire = alone();
    wire.taken.insert(addr(PEER));
    wire.with(0, |sip, cx| {
        let request = Request::new(Method::Options, &uri("sip:bob@10.0.0.9;transport=tcp"));
        sip.request(cx, request, Target::Uri)
    });
    let conn = wire.conn_of(0);
    wire.break_conn(0, conn);
    assert!(matches!(
        wire.events(0)[..],
        [
            Event::FlowLost { .. },
            Event::Failed {
                why: Failure::Transport,
                ..
            }
        ]
    ));
}

#[test]
fn rfc5626_4_4_1_many_keep_alives_at_once_get_one_answer() {
    let mut wire = alone();
    let conn = wire.connect(0, "10.0.0.9:31000");
    wire.stream(0, conn, &"\n\n".repeat(1000));
    assert_eq!(wire.heard(), "\n");
    wire.stream(0, conn, "\n\n");
    assert_eq!(wire.heard(), "\n");
}

#[test]
fn rfc3261_18_3_a_message_that_never_ends_is_not_waited_for() {
    let mut wire = alone();
    let conn = wire.connect(0, "10.0.0.9:31000");
    let message = over_tcp("OPTIONS", "a");
    wire.stream(0, conn, &message);
    assert_eq!(wire.events(0).len(), 1);
    wire.seconds(100);
    // A byte now and then is no progress.
    let (first, rest) = message.split_at(40);
    wire.stream(0, conn, first);
    wire.seconds(31);
    wire.stream(0, conn, &rest[..1]);
    assert!(wire.events(0).is_empty());
    wire.seconds(1);
    assert!(matches!(wire.events(0)[..], [Event::FlowLost { .. }]));
}
