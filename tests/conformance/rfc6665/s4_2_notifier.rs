//! RFC 6665 §4.2: the side that notifies.

use super::*;

#[test]
fn rfc6665_4_2_1_1_what_cannot_be_served_is_refused_at_once() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, limits| {
        config.events = vec![Text::from(PACKAGE), Text::from("reg")];
        config.min_subscription = Duration::from_secs(120);
        limits.sip_subscriptions = 1;
    });
    wire.inject(0, PEER, &subscribe_from_peer("a", 1, "Event: presence\n"));
    let refused = wire.heard();
    assert!(refused.starts_with("SIP/2.0 489 "), "{refused}");
    assert_eq!(header(&refused, "Allow-Events"), "conference, reg");
    wire.inject(0, PEER, &subscribe_from_peer("b", 2, ""));
    assert!(wire.heard().starts_with("SIP/2.0 489 "));
    wire.inject(
        0,
        PEER,
        &subscribe_from_peer("c", 3, "Event: reg\nExpires: 60\n"),
    );
    let refused = wire.heard();
    assert!(refused.starts_with("SIP/2.0 423 "), "{refused}");
    assert_eq!(header(&refused, "Min-Expires"), "120");
    assert!(wire.events(0).is_empty());
    // As many as there may be, and one more.
    wire.inject(0, PEER, &subscribe_from_peer("d", 4, "Event: reg\n"));
    asked(&mut wire, 0);
    let other = subscribe_from_peer("e", 5, "Event: reg\n").replace("from-bob", "other");
    wire.inject(0, PEER, &other);
    assert!(wire.heard().starts_with("SIP/2.0 503 "));
    // Nobody answers.
    wire.seconds(33);
    assert!(matches!(
        wire.events(0)[..],
        [Event::SubscriptionOver {
            over: Over::Unanswered,
            ..
        }]
    ));
    assert!(wire.heard().starts_with("SIP/2.0 480 "));
}

#[test]
fn rfc6665_4_2_1_2_the_2xx_makes_a_dialog_and_the_notify_follows() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.events = vec![Text::from(PACKAGE)];
    });
    let routes = "Record-Route: <sip:10.0.0.8;lr>\nEvent: conference;id=7\nExpires: 900\n";
    wire.inject(0, PEER, &subscribe_from_peer("a", 1, routes));
    let (notifier, expires, is_refresh, request) = asked(&mut wire, 0);
    assert_eq!(expires, Duration::from_secs(900));
    assert!(!is_refresh);
    wire.with(0, |sip, cx| {
        let ok = request.response(Status::OK);
        sip.accept_subscription(cx, notifier, ok, Notification::pending());
    });
    let heard = wire.outside();
    let [ok, first] = &heard[..] else {
        panic!("{heard:#?}")
    };
    assert!(ok.text.starts_with("SIP/2.0 200 "), "{}", ok.text);
    assert_eq!(header(&ok.text, "Expires"), "900");
    assert_eq!(header(&ok.text, "Contact"), "<sip:alice@10.0.0.1:5060>");
    assert_eq!(header(&ok.text, "Record-Route"), "<sip:10.0.0.8;lr>");
    assert_eq!(first.to, crate::wire::addr("10.0.0.8:5060"));
    assert!(first.text.starts_with("NOTIFY sip:bob@10.0.0.9 SIP/2.0\n"));
    for (name, value) in [
        ("Event", "conference;id=7"),
        ("Subscription-State", "pending;expires=900"),
        ("Route", "<sip:10.0.0.8;lr>"),
        ("From", header(&ok.text, "To")),
        ("To", "<sip:bob@example.com>;tag=bob"),
        ("CSeq", "1 NOTIFY"),
        ("Contact", "<sip:alice@10.0.0.1:5060>"),
    ] {
        assert_eq!(header(&first.text, name), value, "{name}");
    }
    // The next one waits for the answer to this one.
    assert!(wire.with(0, |sip, cx| sip.notify(cx, notifier, state("x"))));
    assert!(wire.outside().is_empty());
    wire.seconds(0);
    wire.inject(0, PEER, &answer(&first.text, "200 OK", "", ""));
    let second = wire.heard();
    assert_eq!(header(&second, "CSeq"), "2 NOTIFY");
    assert_eq!(header(&second, "Subscription-State"), "active;expires=900");
    assert_eq!(header(&second, "Content-Type"), XML);
}

#[test]
fn rfc6665_4_2_2_a_notify_that_is_refused_ends_the_subscription() {
    for (status, over) in [
        (
            "481 Gone",
            Some(Over::Refused(Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST)),
        ),
        ("404 Gone", Some(Over::Refused(Status::NOT_FOUND))),
        ("500 Later", None),
    ] {
        let mut wire = Wire::new();
        wire.end("10.0.0.1:5060", |config, _| {
            config.events = vec![Text::from(PACKAGE)];
        });
        wire.inject(0, PEER, &subscribe_from_peer("a", 1, "Event: conference\n"));
        let notifier = accept(&mut wire, 0, state("one"));
        let first = wire.outside().remove(1).text;
        wire.inject(0, PEER, &answer(&first, status, "", ""));
        match (&wire.events(0)[..], &over) {
            ([], None) => assert!(wire.with(0, |sip, cx| sip.notify(cx, notifier, state("2")))),
            ([Event::SubscriptionOver { over: is, .. }], Some(over)) => assert_eq!(is, over),
            other => panic!("{status}: {other:?}"),
        }
    }
    // And one that is never answered.
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.events = vec![Text::from(PACKAGE)];
    });
    wire.inject(0, PEER, &subscribe_from_peer("a", 1, "Event: conference\n"));
    accept(&mut wire, 0, state("one"));
    wire.seconds(33);
    assert!(matches!(
        wire.events(0)[..],
        [Event::SubscriptionOver {
            over: Over::Failed(cpm::sip::Failure::Timeout),
            ..
        }]
    ));
}

#[test]
fn rfc6665_4_2_2_who_is_not_refreshed_is_told_of_the_timeout() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.events = vec![Text::from(PACKAGE)];
    });
    let extra = "Event: conference\nExpires: 100\n";
    wire.inject(0, PEER, &subscribe_from_peer("a", 1, extra));
    accept(&mut wire, 0, state("one"));
    let first = wire.outside().remove(1).text;
    wire.inject(0, PEER, &answer(&first, "200 OK", "", ""));
    wire.seconds(99);
    assert!(wire.events(0).is_empty() && wire.outside().is_empty());
    wire.seconds(1);
    let last = wire.heard();
    assert_eq!(
        header(&last, "Subscription-State"),
        "terminated;reason=timeout"
    );
    assert!(matches!(
        wire.events(0)[..],
        [Event::SubscriptionOver {
            over: Over::Expired,
            ..
        }]
    ));
    // Its dialog lasts until that is answered; then nothing is known of it.
    wire.inject(0, PEER, &answer(&last, "200 OK", "", ""));
    let to = format!("To: {}\n{extra}", header(&last, "From"));
    wire.inject(0, PEER, &subscribe_from_peer("b", 2, &to));
    assert!(wire.heard().starts_with("SIP/2.0 481 "));
}

/// The life-cycle that made servers use what they had freed: a SUBSCRIBE for no time, again and again, in and out of
/// its dialog, with everything that may come at the wrong moment.
#[test]
fn rfc6665_4_4_3_a_subscribe_for_no_time_leaves_nothing_behind() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, limits| {
        config.events = vec![Text::from(PACKAGE)];
        limits.sip_subscriptions = 4;
    });
    for round in 0..20 {
        let call = format!("round-{round}");
        let request = |branch: &str, cseq, extra: &str| {
            subscribe_from_peer(&format!("{branch}{round}"), cseq, extra).replace("from-bob", &call)
        };
        let zero = "Event: conference\nExpires: 0\n";
        wire.inject(0, PEER, &request("a", 1, zero));
        let (notifier, .., first) = asked(&mut wire, 0);
        // Before it is accepted nothing is notified, and its end in the dialog changes nothing.
        assert!(!wire.with(0, |sip, cx| sip.notify(cx, notifier, state("early"))));
        wire.with(0, |sip, cx| {
            let ok = || first.response(Status::OK);
            sip.accept_subscription(cx, notifier, ok(), state("once"));
            // Twice, refused afterwards, and told more: all of it too late.
            sip.accept_subscription(cx, notifier, ok(), state("twice"));
            sip.refuse_subscription(cx, notifier, first.response(Status::FORBIDDEN));
            assert!(!sip.notify(cx, notifier, state("more")));
        });
        let heard = wire.outside();
        let [ok, told] = &heard[..] else {
            panic!("{heard:#?}")
        };
        assert!(ok.text.starts_with("SIP/2.0 200 "));
        assert_eq!(
            header(&told.text, "Subscription-State"),
            "terminated;reason=timeout"
        );
        assert_eq!(wire.events(0).len(), 1);
        // Again in the dialog that is just ending, and once it has ended.
        let to = format!("To: {}\n{zero}", header(&ok.text, "To"));
        wire.inject(0, PEER, &request("b", 2, &to));
        assert!(wire.heard().starts_with("SIP/2.0 481 "));
        wire.inject(0, PEER, &answer(&told.text, "200 OK", "", ""));
        wire.inject(0, PEER, &answer(&told.text, "481 Gone", "", ""));
        wire.inject(0, PEER, &request("c", 3, &to));
        assert!(wire.heard().starts_with("SIP/2.0 481 "));
        assert!(wire.events(0).is_empty());
    }
    wire.seconds(100);
    assert_eq!(wire.with(0, |sip, _| sip.load()), (0, 0));
    assert!(wire.outside().is_empty() && wire.events(0).is_empty());
}
