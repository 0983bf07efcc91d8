//! RFC 6665 §4.1: the side that subscribes.

use super::*;

#[test]
fn rfc6665_4_1_a_subscription_from_its_beginning_to_its_end() {
    let mut wire = pair();
    let id = subscribe(&mut wire, config());
    let notifier = accept(&mut wire, 1, state("one"));
    assert_eq!(
        told(&mut wire),
        ["subscribed 3600", "notified active one"],
        "the NOTIFY follows at once"
    );
    let more = |sip: &mut cpm::sip::Endpoint, cx: &mut cpm::engine::Cx<'_>, text| {
        sip.notify(cx, notifier, state(text))
    };
    assert!(wire.with(1, |sip, cx| more(sip, cx, "two") && more(sip, cx, "three")));
    assert_eq!(
        told(&mut wire),
        ["notified active two", "notified active three"]
    );
    wire.with(0, |sip, cx| sip.unsubscribe(cx, id));
    let (_, expires, is_refresh, request) = asked(&mut wire, 1);
    assert!(expires.is_zero() && is_refresh);
    wire.with(1, |sip, cx| {
        sip.accept_subscription(cx, notifier, request.response(Status::OK), state("last"));
    });
    assert_eq!(
        told(&mut wire),
        [
            "subscribed 0",
            "notified terminated last",
            "terminated Notified(Some(Timeout)) Some(0ns)"
        ]
    );
    assert!(matches!(
        wire.events(1)[..],
        [Event::SubscriptionOver { notifier: over, over: Over::Unsubscribed }] if over == notifier
    ));
    assert!(!wire.with(1, |sip, cx| sip.notify(cx, notifier, state("late"))));
    assert!(!wire.with(0, |sip, cx| sip.refresh_subscription(cx, id)));
}

#[test]
fn rfc6665_4_1_2_2_it_is_refreshed_in_its_dialog_before_it_expires() {
    let mut wire = pair();
    subscribe(&mut wire, config());
    let (notifier, .., request) = asked(&mut wire, 1);
    let mut ok = request.response(Status::OK);
    ok.headers_mut().set(&cpm::sip::msg::header::Expires(100));
    wire.with(1, |sip, cx| {
        sip.accept_subscription(cx, notifier, ok, state("one"));
    });
    assert_eq!(told(&mut wire)[0], "subscribed 100");
    for _ in 0..3 {
        wire.seconds(51);
        let (again, expires, is_refresh, request) = asked(&mut wire, 1);
        assert!(again == notifier && is_refresh);
        assert_eq!(expires, Duration::from_secs(3600));
        let mut ok = request.response(Status::OK);
        ok.headers_mut().set(&cpm::sip::msg::header::Expires(100));
        wire.with(1, |sip, cx| {
            sip.accept_subscription(cx, notifier, ok, state("again"));
        });
        assert_eq!(
            told(&mut wire),
            ["subscribed 100", "notified active again"],
            "the whole state once more"
        );
    }
}

#[test]
fn rfc6665_4_1_2_2_a_refusal_of_a_refresh_ends_it_only_if_it_says_so() {
    for (status, is_over) in [
        ("481 No", true),
        ("489 No", true),
        ("404 No", true),
        ("500 No", false),
        ("503 No", false),
        ("403 No", false),
    ] {
        let mut wire = alone();
        let id = subscribe(&mut wire, to_peer());
        let first = wire.heard();
        wire.inject(0, PEER, &answer(&first, "200 OK", "n", "Expires: 3600"));
        wire.inject(
            0,
            PEER,
            &notify(&first, "n1", 1, "n", "active;expires=3600"),
        );
        wire.outside();
        told(&mut wire);
        assert!(wire.with(0, |sip, cx| sip.refresh_subscription(cx, id)));
        let again = wire.heard();
        assert!(
            again.starts_with("SUBSCRIBE sip:n@10.0.0.9 SIP/2.0\n"),
            "{again}"
        );
        assert!(header(&again, "To").ends_with(";tag=n"));
        assert_eq!(header(&again, "CSeq"), "2 SUBSCRIBE");
        wire.inject(0, PEER, &answer(&again, status, "n", ""));
        let told = told(&mut wire);
        assert_eq!(!told.is_empty(), is_over, "{status}: {told:?}");
        if !is_over {
            // Tried again in time, and over when nothing helps.
            wire.seconds(1801);
            assert!(wire.outside()[0].text.starts_with("SUBSCRIBE "));
        }
    }
}

#[test]
fn rfc6665_4_1_2_4_timer_n_ends_what_is_never_notified_of() {
    let mut wire = alone();
    let id = subscribe(&mut wire, to_peer());
    let first = wire.heard();
    wire.inject(0, PEER, &answer(&first, "200 OK", "n", "Expires: 3600"));
    assert_eq!(told(&mut wire), ["subscribed 3600"]);
    wire.seconds(31);
    assert!(told(&mut wire).is_empty());
    wire.seconds(2);
    assert!(matches!(
        wire.events(0)[..],
        [Event::SubscriptionTerminated { subscription, end: End::NoNotify, .. }] if subscription == id
    ));
    // What comes later is about nothing.
    wire.outside();
    wire.inject(0, PEER, &notify(&first, "n1", 1, "n", "active"));
    assert!(wire.heard().starts_with("SIP/2.0 481 "));
}

#[test]
fn rfc6665_4_1_2_4_timer_n_watches_over_a_refresh_too() {
    let mut wire = alone();
    let id = subscribe(&mut wire, to_peer());
    let first = wire.heard();
    wire.inject(0, PEER, &answer(&first, "200 OK", "n", "Expires: 3600"));
    wire.inject(
        0,
        PEER,
        &notify(&first, "n1", 1, "n", "active;expires=3600"),
    );
    wire.outside();
    wire.with(0, |sip, cx| sip.refresh_subscription(cx, id));
    let again = wire.heard();
    wire.inject(0, PEER, &answer(&again, "200 OK", "n", "Expires: 3600"));
    told(&mut wire);
    wire.seconds(33);
    assert_eq!(told(&mut wire), ["terminated NoNotify Some(0ns)"]);
}

#[test]
fn rfc6665_4_1_2_4_a_notify_may_come_before_the_2xx() {
    let mut wire = alone();
    subscribe(&mut wire, to_peer());
    let first = wire.heard();
    wire.inject(
        0,
        PEER,
        &notify(&first, "n1", 1, "n", "pending;expires=600"),
    );
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
    wire.inject(0, PEER, &notify(&first, "n2", 2, "n", "active;expires=600"));
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
    wire.inject(0, PEER, &answer(&first, "200 OK", "n", "Expires: 3600"));
    assert_eq!(
        told(&mut wire),
        ["notified pending ", "notified active ", "subscribed 3600"]
    );
    // The NOTIFY has shortened it: refreshed half-way.
    wire.seconds(299);
    assert!(wire.outside().is_empty());
    wire.seconds(2);
    assert!(
        wire.outside()[0]
            .text
            .starts_with("SUBSCRIBE sip:n@10.0.0.9 ")
    );
}

#[test]
fn rfc6665_4_1_3_what_a_last_notify_says_of_another_try() {
    for (state, end, retry) in [
        (
            "terminated;reason=deactivated",
            Some(Reason::Deactivated),
            Some(0),
        ),
        (
            "terminated;reason=probation;retry-after=7",
            Some(Reason::Probation),
            Some(7),
        ),
        (
            "terminated;reason=rejected;retry-after=7",
            Some(Reason::Rejected),
            None,
        ),
        (
            "terminated;reason=giveup;retry-after=9",
            Some(Reason::GiveUp),
            Some(9),
        ),
        (
            "terminated;reason=noresource",
            Some(Reason::NoResource),
            None,
        ),
        ("terminated;reason=invariant", Some(Reason::Invariant), None),
        ("terminated", None, Some(0)),
        ("active;expires=0", None, Some(0)),
    ] {
        let mut wire = alone();
        subscribe(&mut wire, to_peer());
        let first = wire.heard();
        wire.inject(0, PEER, &notify(&first, "n1", 1, "n", state));
        assert!(wire.heard().starts_with("SIP/2.0 200 "));
        match &wire.events(0)[..] {
            [
                Event::Notified { .. },
                Event::SubscriptionTerminated {
                    end: End::Notified(reason),
                    retry_after,
                    ..
                },
            ] => {
                assert_eq!(*reason, end, "{state}");
                assert_eq!(*retry_after, retry.map(Duration::from_secs), "{state}");
            }
            other => panic!("{state}: {other:?}"),
        }
        // Nothing is sent for it any more.
        wire.inject(0, PEER, &answer(&first, "200 OK", "n", "Expires: 3600"));
        wire.seconds(4000);
        assert!(wire.outside().is_empty(), "{state}");
    }
}

#[test]
fn rfc6665_4_1_3_a_notify_without_a_subscription_is_481() {
    let mut wire = alone();
    for (branch, extra) in [
        ("a", "Event: conference\nSubscription-State: active\n"),
        (
            "b",
            "To: <sip:alice@10.0.0.1>;tag=x\nEvent: conference\nSubscription-State: active\n",
        ),
    ] {
        wire.inject(0, PEER, &from_peer("NOTIFY", branch, 1, extra));
        assert!(wire.heard().starts_with("SIP/2.0 481 "), "{branch}");
    }
    subscribe(&mut wire, to_peer());
    let first = wire.heard();
    let other = notify(&first, "c", 1, "n", "active").replace("Event: conference", "Event: reg");
    wire.inject(0, PEER, &other);
    assert!(wire.heard().starts_with("SIP/2.0 489 "));
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc6665_4_4_1_a_forked_subscribe_makes_as_many_subscriptions_as_are_wanted() {
    let mut wire = alone();
    let mut two = to_peer();
    two.notifiers = 2;
    let id = subscribe(&mut wire, two);
    let first = wire.heard();
    for (branch, tag, status) in [("a", "x", 200), ("b", "y", 200), ("c", "z", 481)] {
        wire.inject(
            0,
            PEER,
            &notify(&first, branch, 1, tag, "active;expires=600"),
        );
        let response = wire.heard();
        assert!(response.starts_with(&format!("SIP/2.0 {status} ")), "{tag}");
    }
    let events = wire.events(0);
    let [
        Event::Notified {
            subscription: one, ..
        },
        Event::SubscriptionForked { subscription, fork },
        Event::Notified {
            subscription: other,
            ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((one, subscription, other), (&id, &id, fork));
    // Each is left in its own dialog.
    wire.inject(0, PEER, &answer(&first, "200 OK", "x", "Expires: 600"));
    wire.events(0);
    for (id, tag) in [(id, "x"), (*fork, "y")] {
        wire.with(0, |sip, cx| sip.unsubscribe(cx, id));
        let last = wire.heard();
        assert!(last.starts_with(&format!("SUBSCRIBE sip:{tag}@10.0.0.9 ")));
        assert_eq!(header(&last, "Expires"), "0");
        assert_eq!(header(&last, "CSeq"), "2 SUBSCRIBE");
        wire.inject(
            0,
            PEER,
            &notify(&first, &format!("{tag}l"), 2, tag, "terminated"),
        );
        wire.outside();
    }
    // Another branch that answers after Timer N is late.
    assert_eq!(told(&mut wire).len(), 4);
}

#[test]
fn rfc6665_4_4_3_a_fetch_is_told_once() {
    let mut wire = pair();
    let mut once = config();
    once.expires = Duration::ZERO;
    subscribe(&mut wire, once);
    let (notifier, expires, is_refresh, request) = asked(&mut wire, 1);
    assert!(expires.is_zero() && !is_refresh);
    wire.with(1, |sip, cx| {
        sip.accept_subscription(cx, notifier, request.response(Status::OK), state("now"));
    });
    assert_eq!(
        told(&mut wire),
        [
            "subscribed 0",
            "notified terminated now",
            "terminated Notified(Some(Timeout)) Some(0ns)"
        ]
    );
    assert!(matches!(
        wire.events(1)[..],
        [Event::SubscriptionOver {
            over: Over::Unsubscribed,
            ..
        }]
    ));
}

#[test]
fn rfc6665_4_1_2_1_a_short_interval_is_asked_for_again() {
    let mut wire = alone();
    let mut short = to_peer();
    short.expires = Duration::from_secs(60);
    subscribe(&mut wire, short);
    let first = wire.heard();
    wire.inject(
        0,
        PEER,
        &answer(&first, "423 Too Brief", "n", "Min-Expires: 300"),
    );
    let again = wire.heard();
    assert_eq!(header(&again, "Expires"), "300");
    assert_eq!(header(&again, "Call-ID"), header(&first, "Call-ID"));
    assert_eq!(header(&again, "CSeq"), "2 SUBSCRIBE");
    wire.inject(
        0,
        PEER,
        &answer(&again, "423 Too Brief", "n", "Min-Expires: 200"),
    );
    assert_eq!(
        told(&mut wire).len(),
        1,
        "one who asks for less is not believed"
    );
}

#[test]
fn rfc6665_4_1_2_1_a_challenge_is_answered_and_a_refusal_told() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.credentials = Some(cpm::sip::Credentials::new("alice", "secret"));
    });
    subscribe(&mut wire, to_peer());
    let first = wire.heard();
    let challenge = "WWW-Authenticate: Digest realm=\"r\",nonce=\"n\",qop=\"auth\"";
    wire.inject(0, PEER, &answer(&first, "401 Who", "n", challenge));
    let again = wire.heard();
    assert!(header(&again, "Authorization").contains("username=\"alice\""));
    assert_eq!(header(&again, "CSeq"), "2 SUBSCRIBE");
    // The dialog that its NOTIFY makes goes on from there.
    wire.inject(0, PEER, &notify(&again, "n1", 1, "n", "active;expires=600"));
    wire.inject(0, PEER, &answer(&again, "200 OK", "n", "Expires: 600"));
    wire.outside();
    let events = wire.events(0);
    let Event::Notified { subscription, .. } = &events[0] else {
        panic!("{events:?}")
    };
    wire.with(0, |sip, cx| sip.refresh_subscription(cx, *subscription));
    assert_eq!(header(&wire.heard(), "CSeq"), "3 SUBSCRIBE");

    let mut wire = alone();
    subscribe(&mut wire, to_peer());
    let first = wire.heard();
    wire.inject(
        0,
        PEER,
        &answer(&first, "480 Later", "n", "Retry-After: 30"),
    );
    assert_eq!(
        told(&mut wire),
        [format!(
            "terminated Refused({:?}) Some(30s)",
            Status::TEMPORARILY_UNAVAILABLE
        )]
    );
}
