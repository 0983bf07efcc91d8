//! RFC 6665 §4.1.3: a subscription that has ended is made again when that is welcome.

use crate::rfc3261::{PEER, Wire, alone, answer, header, uri};
use cpm::sip::subscription::Config;
use cpm::sip::{Event, SubscriptionId, Target};
use std::time::Duration;

fn subscribe(wire: &mut Wire) -> SubscriptionId {
    let mut config = Config::new(
        uri("sip:room@10.0.0.9"),
        uri("sip:alice@example.com"),
        "conference",
    );
    config.renew = true;
    wire.with(0, |sip, cx| sip.subscribe(cx, config, Target::Uri))
}

fn notify(subscribe: &str, cseq: u32, state: &str) -> String {
    format!(
        "NOTIFY sip:alice@10.0.0.1 SIP/2.0\n\
         Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK{cseq}{}\n\
         Max-Forwards: 70\nFrom: {};tag=n\nTo: {}\nCall-ID: {}\nCSeq: {cseq} NOTIFY\n\
         Contact: <sip:room@10.0.0.9>\nEvent: conference\nSubscription-State: {state}\n\
         Content-Length: 0\n\n",
        header(subscribe, "Call-ID"),
        header(subscribe, "To"),
        header(subscribe, "From"),
        header(subscribe, "Call-ID"),
    )
}

/// The peer accepts a SUBSCRIBE and tells the state.
fn accept(wire: &mut Wire, subscribe: &str) {
    let lines = "Contact: <sip:room@10.0.0.9>\nExpires: 3600";
    wire.inject(0, PEER, &answer(subscribe, "200 OK", "n", lines));
    wire.inject(0, PEER, &notify(subscribe, 1, "active;expires=3600"));
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
    wire.events(0);
}

/// How long it waits before it asks again; `None` if it does not.
fn pause(wire: &mut Wire, id: SubscriptionId) -> Option<Duration> {
    let last = wire.events(0).pop();
    match last {
        Some(Event::SubscriptionRenewed {
            subscription,
            retry_in,
            ..
        }) => {
            assert_eq!(subscription, id);
            Some(retry_in)
        }
        Some(Event::SubscriptionTerminated { .. }) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc6665_4_1_3_each_reason_says_when_a_subscription_is_made_again() {
    for (state, after) in [
        ("terminated;reason=deactivated", Some(0)),
        ("terminated;reason=timeout", Some(0)),
        ("terminated;reason=probation;retry-after=90", Some(90)),
        ("terminated;reason=giveup;retry-after=5", Some(5)),
        ("terminated", Some(0)),
        ("terminated;reason=rejected", None),
        ("terminated;reason=noresource;retry-after=9", None),
        ("terminated;reason=invariant", None),
    ] {
        let mut wire = alone();
        let id = subscribe(&mut wire);
        let first = wire.heard();
        accept(&mut wire, &first);
        wire.inject(0, PEER, &notify(&first, 2, state));
        assert!(wire.heard().starts_with("SIP/2.0 200 "));
        let pause = pause(&mut wire, id);
        assert_eq!(pause, after.map(Duration::from_secs), "{state}");
        let Some(pause) = pause else {
            wire.seconds(7200);
            assert!(wire.outside().is_empty(), "{state}");
            continue;
        };
        wire.run(pause);
        let again = wire.heard();
        assert!(again.starts_with("SUBSCRIBE sip:room@10.0.0.9 SIP/2.0\n"));
        assert!(!header(&again, "To").contains("tag="));
        assert_ne!(header(&again, "Call-ID"), header(&first, "Call-ID"));
        // It is the same subscription to its user, in a new dialog; the old one is no more.
        wire.inject(0, PEER, &notify(&first, 3, "active"));
        assert!(wire.heard().starts_with("SIP/2.0 481 "));
        accept(&mut wire, &again);
        wire.with(0, |sip, cx| sip.unsubscribe(cx, id));
        let farewell = wire.heard();
        assert_eq!(header(&farewell, "Expires"), "0");
        // Who has left does not come back.
        wire.inject(0, PEER, &notify(&again, 2, "terminated;reason=timeout"));
        assert_eq!(self::pause(&mut wire, id), None);
    }
}

#[test]
fn rfc6665_4_1_3_what_fails_again_and_again_is_asked_for_ever_more_seldom() {
    let mut wire = alone();
    let id = subscribe(&mut wire);
    let mut pauses = Vec::new();
    for _ in 0..14 {
        let request = wire.heard();
        let refusal = answer(&request, "503 Service Unavailable", "n", "");
        wire.inject(0, PEER, &refusal);
        let pause = pause(&mut wire, id).unwrap();
        wire.run(pause);
        pauses.push(pause.as_secs_f32());
    }
    assert!((0.5..=1.0).contains(&pauses[0]), "{pauses:?}");
    assert!((8.0..=16.0).contains(&pauses[4]), "{pauses:?}");
    assert!((900.0..=1800.0).contains(&pauses[13]), "{pauses:?}");
    // A refusal that is one for good ends it.
    let request = wire.heard();
    wire.inject(0, PEER, &answer(&request, "403 Forbidden", "n", ""));
    assert_eq!(pause(&mut wire, id), None);
}

#[test]
fn rfc6665_4_1_3_a_subscription_may_be_left_while_it_waits() {
    let mut wire = alone();
    let id = subscribe(&mut wire);
    let request = wire.heard();
    wire.inject(
        0,
        PEER,
        &answer(&request, "480 Away", "n", "Retry-After: 60"),
    );
    assert!(pause(&mut wire, id).unwrap() >= Duration::from_secs(60));
    wire.with(0, |sip, cx| sip.unsubscribe(cx, id));
    assert_eq!(pause(&mut wire, id), None);
    wire.seconds(3600);
    assert!(wire.outside().is_empty());
}
