//! RFC 5626 §4 to §6: several flows of one device, ours and those of others, and the addresses that they give.

use crate::rfc3261::*;
use crate::wire::{Heard, Wire, addr};
use cpm::engine::{Ids, Limits, Seed, Transport};
use cpm::sip::bindings::Bindings;
use cpm::sip::msg::{Message, Method, Name, Status};
use cpm::sip::register::{self, OwnGruu};
use cpm::sip::{Event, RegistrationId, Source, Target, Way};
use std::time::{Duration, Instant};

const EDGES: [&str; 2] = ["10.0.0.8:5060", "10.0.0.9:5060"];
const INSTANCE: &str = "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF";

fn config(reg_id: u32) -> register::Config {
    let mut config = register::Config::new(uri("sip:alice@example.com"), uri("sip:example.com"));
    config.instance = Some(INSTANCE.into());
    config.reg_id = Some(reg_id);
    config.edge = Some(uri(&format!("sip:{}", EDGES[reg_id as usize - 1])));
    config.keep_alive = false;
    config
}

/// What has arrived at an edge proxy, the only message there.
fn at(heard: &[Heard], edge: usize) -> String {
    let mut there = heard.iter().filter(|heard| heard.to == addr(EDGES[edge]));
    let one = there.next().expect("a message");
    assert!(there.next().is_none(), "{heard:#?}");
    one.text.clone()
}

/// The registrar accepts a REGISTER that came by that edge.
fn accept(wire: &mut Wire, edge: usize, request: &str, more: &str) {
    let contact = header(request, "Contact");
    let lines = format!("Contact: {contact}{more};expires=3600\nRequire: outbound");
    wire.inject(0, EDGES[edge], &answer(request, "200 OK", "reg", &lines));
}

/// A device that has registered over both edges.
fn registered() -> (Wire, [RegistrationId; 2]) {
    let mut wire = alone();
    let ids = [1, 2].map(|reg_id| {
        let id = wire.with(0, |sip, cx| sip.register(cx, config(reg_id)));
        let edge = reg_id as usize - 1;
        let request = at(&wire.outside(), edge);
        assert_eq!(
            header(&request, "Route"),
            format!("<sip:{};lr>", EDGES[edge])
        );
        assert!(header(&request, "Contact").contains(&format!("reg-id={reg_id}")));
        assert!(header(&request, "Supported").contains("outbound"));
        accept(&mut wire, edge, &request, "");
        id
    });
    assert_eq!(wire.events(0).len(), 2);
    (wire, ids)
}

fn message(wire: &mut Wire) {
    send(wire, Method::Message);
}

#[test]
fn rfc5626_4_2_a_device_registers_over_each_of_its_edges() {
    let (_, ids) = registered();
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn rfc5626_4_3_a_request_whose_flow_has_failed_goes_by_the_other() {
    for failure in ["430 Flow Failed", "silence"] {
        let (mut wire, _) = registered();
        message(&mut wire);
        let first = at(&wire.outside(), 0);
        assert_eq!(header(&first, "Route"), "<sip:10.0.0.8:5060;lr>");
        if failure == "silence" {
            wire.seconds(33);
        } else {
            wire.inject(0, EDGES[0], &answer(&first, failure, "edge", ""));
        }
        let mut heard = wire.outside();
        heard.retain(|heard| heard.to == addr(EDGES[1]));
        heard.truncate(1);
        let second = at(&heard, 1);
        assert_eq!(header(&second, "Route"), "<sip:10.0.0.9:5060;lr>");
        assert_eq!(header(&second, "CSeq"), "2 MESSAGE");
        assert_ne!(header(&first, "Via"), header(&second, "Via"));
        assert!(wire.events(0).is_empty());
        // Both have failed: that is the end.
        wire.inject(0, EDGES[1], &answer(&second, "430 Flow Failed", "edge", ""));
        let events = wire.events(0);
        assert!(
            matches!(&events[..], [Event::Response { response, .. }] if response.status() == Status::FLOW_FAILED),
            "{events:?}"
        );
    }
}

#[test]
fn rfc5626_4_3_a_call_goes_by_the_other_flow_as_a_whole() {
    let (mut wire, _) = registered();
    call(&mut wire);
    let first = at(&wire.outside(), 0);
    // Requests in its dialog are wanted over this very flow.
    assert_eq!(header(&first, "Contact"), "<sip:alice@10.0.0.1:5060;ob>");
    wire.inject(0, EDGES[0], &answer(&first, "430 Flow Failed", "edge", ""));
    let heard = wire.outside();
    assert!(at(&heard, 0).starts_with("ACK "));
    let second = at(&heard, 1);
    let ok = answer(&second, "200 OK", "bob", "Contact: <sip:bob@10.0.0.7>");
    wire.inject(0, EDGES[1], &ok);
    assert!(matches!(wire.events(0)[..], [Event::Accepted { .. }]));
}

#[test]
fn rfc5626_4_5_a_flow_is_made_again_later_while_another_stands() {
    // One of them is refused for a while: while the other stands there is time.
    for (others, least, most) in [(1, 90, 180), (0, 30, 60)] {
        let mut wire = alone();
        if others == 1 {
            wire.with(0, |sip, cx| sip.register(cx, config(1)));
            let request = at(&wire.outside(), 0);
            accept(&mut wire, 0, &request, "");
        }
        wire.with(0, |sip, cx| sip.register(cx, config(2)));
        let request = at(&wire.outside(), 1);
        wire.events(0);
        wire.inject(
            0,
            EDGES[1],
            &answer(&request, "430 Flow Failed", "edge", ""),
        );
        let events = wire.events(0);
        let [
            Event::RegistrationFailed {
                retry_in: Some(pause),
                ..
            },
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        let range = Duration::from_secs(least)..=Duration::from_secs(most);
        assert!(range.contains(pause), "{pause:?}");
        wire.run(*pause);
        assert_eq!(header(&at(&wire.outside(), 1), "CSeq"), "2 REGISTER");
    }
}

#[test]
fn rfc5626_4_2_1_without_support_at_the_first_hop_it_registers_without_flows() {
    let mut wire = alone();
    wire.with(0, |sip, cx| sip.register(cx, config(1)));
    let request = at(&wire.outside(), 0);
    let refusal = "439 First Hop Lacks Outbound Support";
    wire.inject(0, EDGES[0], &answer(&request, refusal, "reg", ""));
    let request = at(&wire.outside(), 0);
    assert!(!header(&request, "Contact").contains("reg-id"));
    assert!(!header(&request, "Supported").contains("outbound"));
}

/// A REGISTER of a device, and what the registrar makes of it.
fn bind(bindings: &mut Bindings, more: &str, contact: &str) -> Result<Vec<String>, Status> {
    let text = format!(
        "REGISTER sip:example.com SIP/2.0\n\
         Via: SIP/2.0/TCP 10.0.0.7;branch=z9hG4bK1\n{more}\
         From: <sip:bob@example.com>;tag=a\nTo: <sip:bob@example.com>\n\
         Call-ID: {}\nCSeq: 1 REGISTER\nSupported: path, outbound\n\
         Contact: {contact}\nContent-Length: 0\n\n",
        contact.replace(|char: char| !char.is_alphanumeric(), "-")
    );
    let text = text.replace('\n', "\r\n");
    let Ok(Message::Request(request)) = Message::parse(text.into(), &Limits::default()) else {
        panic!("no request")
    };
    let updated = bindings.update(Instant::now(), &request, source(9), &Limits::default());
    let response = updated.map_err(|refusal| refusal.status())?.response;
    let all = response.headers().texts(&Name::Require);
    Ok(all.map(str::to_owned).collect())
}

fn source(port: u16) -> Source {
    Source {
        transport: Transport::Udp,
        local: addr("10.0.0.1:5060"),
        peer: addr(&format!("10.0.0.7:{port}")),
        conn: None,
    }
}

#[test]
fn rfc5626_6_the_registrar_keeps_each_flow_and_says_that_it_knows_of_them() {
    let mut bindings = Bindings::new(&mut Ids::new(Seed::from_number(1)));
    let flow = |port: u16, reg_id: u32| {
        format!("<sip:bob@10.0.0.7:{port}>;+sip.instance=\"<{INSTANCE}>\";reg-id={reg_id}")
    };
    assert_eq!(
        bind(&mut bindings, "", &flow(1000, 1)).unwrap(),
        ["outbound"]
    );
    assert_eq!(
        bind(&mut bindings, "", &flow(2000, 2)).unwrap(),
        ["outbound"]
    );
    let contacts = |bindings: &Bindings| {
        let all = bindings.of("sip:bob@example.com").iter();
        all.map(|b| b.contact.to_string()).collect::<Vec<_>>()
    };
    // The flow that was made last comes first, and both are one device.
    assert_eq!(
        contacts(&bindings),
        ["sip:bob@10.0.0.7:2000", "sip:bob@10.0.0.7:1000"]
    );
    assert_eq!(bindings.devices("sip:bob@example.com"), 1);
    // The same flow from elsewhere takes its own place.
    assert_eq!(
        bind(&mut bindings, "", &flow(1001, 1)).unwrap(),
        ["outbound"]
    );
    assert_eq!(
        contacts(&bindings),
        ["sip:bob@10.0.0.7:1001", "sip:bob@10.0.0.7:2000"]
    );
    // Without a flow nothing is promised.
    assert!(
        bind(&mut bindings, "", "<sip:bob@10.0.0.6>")
            .unwrap()
            .is_empty()
    );
}

#[test]
fn rfc5626_6_a_first_proxy_that_knows_nothing_of_flows_is_refused_with_439() {
    let mut bindings = Bindings::new(&mut Ids::new(Seed::from_number(1)));
    let contact = format!("<sip:bob@10.0.0.7>;+sip.instance=\"<{INSTANCE}>\";reg-id=1");
    let via = "Via: SIP/2.0/TCP 10.0.0.6;branch=z9hG4bK2\n";
    let lacks = Err(Status::FIRST_HOP_LACKS_OUTBOUND_SUPPORT);
    assert_eq!(bind(&mut bindings, via, &contact), lacks);
    let path = |uri: &str| format!("{via}Path: <sip:pcscf.example.com;lr>, <{uri}>\n");
    assert_eq!(
        bind(&mut bindings, &path("sip:10.0.0.6;lr"), &contact),
        lacks
    );
    let able = path("sip:token@10.0.0.6;lr;ob");
    assert_eq!(bind(&mut bindings, &able, &contact).unwrap(), ["outbound"]);
}

#[test]
fn rfc5626_5_3_a_request_takes_the_next_flow_of_a_device_when_one_has_failed() {
    let mut wire = alone();
    let way = |port: u16| Way {
        uri: uri(&format!("sip:bob@10.0.0.7:{port};ob")),
        route: Vec::new(),
        flow: Some(source(port)),
    };
    let through = Way {
        uri: uri("sip:bob@10.0.0.7:3"),
        route: vec![uri("sip:10.0.0.9;lr")],
        flow: None,
    };
    let ways = vec![way(1), way(2), through];
    let id = wire.with(0, |sip, cx| {
        sip.invite(cx, to_peer(Method::Invite), Target::Ways(ways))
    });
    let mut from = "10.0.0.7:1";
    for (to, line, route) in [
        ("10.0.0.7:1", "INVITE sip:bob@10.0.0.7:1;ob SIP/2.0", ""),
        ("10.0.0.7:2", "INVITE sip:bob@10.0.0.7:2;ob SIP/2.0", ""),
        (
            PEER,
            "INVITE sip:bob@10.0.0.7:3 SIP/2.0",
            "<sip:10.0.0.9;lr>",
        ),
    ] {
        let heard = wire.outside();
        let invite = heard.iter().find(|heard| heard.text.starts_with("INVITE "));
        let invite = invite.unwrap_or_else(|| panic!("{heard:#?}"));
        assert_eq!(invite.to, addr(to));
        assert_eq!(invite.text.lines().next(), Some(line));
        let text = invite.text.clone();
        if route.is_empty() {
            wire.inject(0, to, &answer(&text, "430 Flow Failed", "x", ""));
            assert!(wire.events(0).is_empty());
        } else {
            assert_eq!(header(&text, "Route"), route);
            let ok = answer(&text, "200 OK", "bob", "Contact: <sip:bob@10.0.0.9>");
            wire.inject(0, to, &ok);
        }
        from = to;
    }
    assert_eq!(from, PEER);
    assert!(matches!(wire.events(0)[..], [Event::Accepted { call, .. }] if call == id));
    assert!(wire.heard().starts_with("ACK sip:bob@10.0.0.9 "));
}

#[test]
fn rfc5626_5_3_a_connection_that_is_gone_is_passed_over() {
    let mut wire = alone();
    let conn = wire.connect(0, "10.0.0.7:1");
    let over = |port: u16, conn| Way {
        uri: uri(&format!("sip:bob@10.0.0.7:{port}")),
        route: Vec::new(),
        flow: Some(Source {
            transport: Transport::Tcp,
            conn: Some(conn),
            ..source(port)
        }),
    };
    let other = wire.connect(0, "10.0.0.7:2");
    let ways = || vec![over(1, conn), over(2, other)];
    wire.with(0, |sip, cx| {
        sip.request(cx, to_peer(Method::Message), Target::Ways(ways()))
    });
    assert!(wire.heard().starts_with("MESSAGE sip:bob@10.0.0.7:1 "));
    // It breaks under the request, and is gone for the next one.
    wire.break_conn(0, conn);
    assert!(wire.heard().starts_with("MESSAGE sip:bob@10.0.0.7:2 "));
    wire.with(0, |sip, cx| {
        sip.request(cx, to_peer(Method::Message), Target::Ways(ways()))
    });
    assert!(wire.heard().starts_with("MESSAGE sip:bob@10.0.0.7:2 "));
}

#[test]
fn rfc5627_4_4_our_gruu_stands_in_our_contacts_once_there_is_one() {
    for (own, expected) in [
        (OwnGruu::Public, "<sip:alice@example.com;gr=urn:uuid:1>"),
        (OwnGruu::Temporary, "<sip:tgruu.7hs@example.com;gr>"),
        (OwnGruu::Unused, "<sip:alice@10.0.0.1:5060;ob>"),
    ] {
        let mut wire = alone();
        let mut config = config(1);
        config.gruu = own;
        wire.with(0, |sip, cx| sip.register(cx, config));
        let request = at(&wire.outside(), 0);
        assert!(header(&request, "Supported").contains("gruu"));
        // A REGISTER never has it (RFC 5627 §4.2).
        assert!(header(&request, "Contact").starts_with("<sip:alice@10.0.0.1:5060>"));
        let gruus = ";pub-gruu=\"sip:alice@example.com;gr=urn:uuid:1\";temp-gruu=\"sip:tgruu.7hs@example.com;gr\"";
        accept(&mut wire, 0, &request, gruus);
        let events = wire.events(0);
        let [
            Event::Registered {
                gruu: Some(public),
                temporary_gruu: Some(temporary),
                ..
            },
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(public.to_string(), "sip:alice@example.com;gr=urn:uuid:1");
        assert_eq!(temporary.to_string(), "sip:tgruu.7hs@example.com;gr");
        call(&mut wire);
        assert_eq!(header(&at(&wire.outside(), 0), "Contact"), expected);
        // Also in what we answer.
        let invite = from_peer("INVITE", "in", 1, "To: <sip:alice@example.com>\n");
        wire.inject(0, EDGES[0], &invite);
        let (id, invite) = match &wire.events(0)[..] {
            [Event::Invited { call, request, .. }] => (*call, request.clone()),
            other => panic!("{other:?}"),
        };
        wire.outside();
        wire.with(0, |sip, cx| {
            sip.accept(cx, id, sdp(invite.response(Status::OK)))
        })
        .unwrap();
        let heard = wire.outside();
        let ok = heard
            .iter()
            .find(|heard| heard.text.starts_with("SIP/2.0 200 "));
        let contact = header(&ok.unwrap().text, "Contact");
        match own {
            OwnGruu::Unused => assert!(contact.contains("10.0.0.1"), "{contact}"),
            _ => assert_eq!(contact, expected),
        }
    }
}
