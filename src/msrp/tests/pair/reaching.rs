//! How a peer is found, and what happens where it is not.

use super::*;

#[test]
fn a_session_that_the_peer_does_not_know_goes_down_with_its_messages() {
    let (mut pair, [a, b]) = Pair::up(1);
    pair.session(&Settings::default());
    pair.run();
    pair.sides[1].clear();
    pair.sides[0].with(|e, cx| e.close(cx, a));
    let ids = [pair.send(1, b, "one"), pair.send(1, b, "two")];
    pair.run();
    let events = pair.sides[1].clear();
    assert!(matches!(
        events.last(),
        Some(Event::Down {
            why: Down::Rejected(Status::NO_SESSION),
            ..
        })
    ));
    assert_eq!(fates(&events), (vec![], ids.to_vec(), true));
}

#[test]
fn a_session_that_is_closed_waits_for_no_address() {
    let mut side = Side::new(1, None);
    let (session, _) = side.open(Settings::default());
    let path = vec!["msrp://relay.example:7394/x;tcp".parse().unwrap()];
    side.with(|e, cx| e.start(cx, session, path, Role::Active { peer: None }));
    let Some(Transmit::Resolve { reply, .. }) = side.outbox.pop() else {
        panic!()
    };
    side.with(|e, cx| e.close(cx, session));
    let address = ["10.0.0.7".parse().unwrap()];
    assert!(!side.with(|e, cx| e.handle_resolved(cx, reply.question(), &address)));
    assert!(side.outbox.is_empty());
}

#[test]
fn a_name_is_looked_up_and_one_without_an_address_fails() {
    for found in [true, false] {
        let mut side = Side::new(1, None);
        let (session, _) = side.open(Settings::default());
        let path = vec!["msrps://relay.example:7394/x;tcp".parse().unwrap()];
        side.with(|e, cx| e.start(cx, session, path, Role::Active { peer: None }));
        let Some(Transmit::Resolve { host, reply }) = side.outbox.pop() else {
            panic!()
        };
        assert_eq!(host, "relay.example");
        let addresses: &[std::net::IpAddr] = match found {
            true => &["10.0.0.7".parse().unwrap()],
            false => &[],
        };
        let question = reply.question();
        assert!(side.with(|e, cx| e.handle_resolved(cx, question, addresses)));
        assert!(!side.with(|e, cx| e.handle_resolved(cx, question, addresses)));
        match (found, side.outbox.pop()) {
            (
                true,
                Some(Transmit::Connect {
                    peer,
                    name,
                    transport,
                    ..
                }),
            ) => {
                assert_eq!(peer.to_string(), "10.0.0.7:7394");
                assert_eq!(name.unwrap(), "relay.example");
                assert_eq!(transport, Transport::Tls);
                // It does not come up.
                side.wait(Duration::from_secs(31));
                assert!(matches!(
                    side.clear()[..],
                    [Event::Down {
                        why: Down::Connection,
                        ..
                    }]
                ));
            }
            (false, None) => {
                assert!(matches!(
                    side.clear()[..],
                    [Event::Down {
                        why: Down::Unresolvable,
                        ..
                    }]
                ));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn one_endpoint_can_be_both_ends() {
    let mut side = Side::new(1, Some(LISTEN));
    let (a, a_path) = side.open(Settings::default());
    let (b, b_path) = side.open(Settings::default());
    side.with(|e, cx| e.start(cx, a, b_path, Role::Passive));
    side.with(|e, cx| e.start(cx, b, a_path, Role::Active { peer: None }));
    let Some(Transmit::Connect { conn, .. }) = side.outbox.pop() else {
        panic!()
    };
    let ends = [conn, side.accept_conn()];
    side.with(|e, cx| e.handle_connected(cx, conn));
    for session in [a, b] {
        let message = Outgoing::new("text/plain".into(), "hi".into());
        side.with(|e, cx| e.send(cx, session, message)).unwrap();
    }
    for _ in 0..6 {
        for (from, to) in [(0, 1), (1, 0)] {
            let bytes = side.take(ends[from]);
            side.feed(ends[to], bytes);
        }
    }
    assert_eq!(side.received.len(), 2);
    assert_eq!(fates(&side.clear()).0.len(), 2);
}
