//! RFC 3515: REFER, with RFC 4488, 4538 and 5368.

use crate::rfc3261::{PEER, alone, answered, up, uri};
use crate::wire::{Wire, answer, header};
use cpm::sip::msg::Status;
use cpm::sip::subscription::{End, Over, Reason};
use cpm::sip::{CallId, Event, NotifierId, SubscriptionId, Target, refer};
use cpm::wire::Text;

fn request(resource: &str, target: &str) -> cpm::sip::msg::Request {
    refer::request(&uri(resource), &uri("sip:alice@example.com"), &uri(target))
}

/// A request of the peer's; `extra` are whole lines.
fn from_peer(method: &str, branch: &str, cseq: u32, extra: &str) -> String {
    let to = match extra.lines().any(|line| line.starts_with("To: ")) {
        true => "",
        false => "To: <sip:alice@10.0.0.1>\n",
    };
    crate::rfc3261::from_peer(method, branch, cseq, &format!("{to}{extra}"))
}

/// One that refers at 10.0.0.1, and one that is referred at 10.0.0.2.
fn pair() -> Wire {
    let mut wire = alone();
    wire.end("10.0.0.2:5060", |config, _| {
        config.events = vec![Text::from(refer::PACKAGE)];
    });
    wire
}

/// One that is referred, alone.
fn referred() -> Wire {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.events = vec![Text::from(refer::PACKAGE)];
    });
    wire
}

fn asked(
    wire: &mut Wire,
    end: usize,
) -> (NotifierId, bool, cpm::sip::msg::Request, Option<CallId>) {
    let events = wire.events(end);
    if events.is_empty() {
        panic!("refused: {:#?}", wire.outside());
    }
    match &events[..] {
        [
            Event::Referred {
                notifier,
                is_watched,
                request,
                call,
                ..
            },
        ] => (*notifier, *is_watched, request.clone(), *call),
        other => panic!("{other:?}"),
    }
}

/// What the one who refers hears, in short.
fn told(wire: &mut Wire) -> Vec<String> {
    (wire.events(0).into_iter())
        .map(|event| match event {
            Event::Subscribed { response, .. } => format!("{}", response.status().code()),
            Event::Notified { request, .. } => {
                format!("notified {}", refer::progress(&request).unwrap().code())
            }
            Event::SubscriptionTerminated { end, .. } => format!("{end:?}"),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn rfc3515_2_4_what_comes_of_a_refer_is_told() {
    let mut wire = pair();
    let refer = request("sip:bob@10.0.0.2", "sip:carol@example.com");
    wire.with(0, |sip, cx| sip.refer(cx, refer, Target::Uri));
    let (notifier, is_watched, refer, call) = asked(&mut wire, 1);
    assert!(is_watched && call.is_none());
    let targets = refer::targets(&refer, &Default::default()).unwrap();
    assert_eq!(targets, [uri("sip:carol@example.com")]);
    wire.with(1, |sip, cx| {
        sip.accept_refer(cx, notifier, refer::accepted(&refer))
    });
    assert_eq!(told(&mut wire), ["202", "notified 100"]);
    assert!(wire.with(1, |sip, cx| sip.notify_refer(cx, notifier, Status::RINGING)));
    assert_eq!(told(&mut wire), ["notified 180"]);
    assert!(wire.with(1, |sip, cx| sip.notify_refer(cx, notifier, Status::OK)));
    assert_eq!(
        told(&mut wire),
        ["notified 200", "Notified(Some(NoResource))"]
    );
    assert!(matches!(
        wire.events(1)[..],
        [Event::SubscriptionOver { notifier: over, over: Over::Local }] if over == notifier
    ));
    assert!(!wire.with(1, |sip, cx| sip.notify_refer(cx, notifier, Status::OK)));
    wire.seconds(100);
    assert_eq!(wire.with(1, |sip, _| sip.load()), (0, 0));
}

#[test]
fn rfc3515_2_4_2_a_refer_that_refers_to_nobody_or_to_two_is_refused() {
    let mut wire = referred();
    for (branch, extra) in [
        ("a", ""),
        ("b", "Refer-To: <sip:c@d>\nRefer-To: <sip:e@f>\n"),
        ("c", "Refer-To: <\n"),
    ] {
        wire.inject(
            0,
            PEER,
            &from_peer("REFER", branch, 1, extra).replace("from-bob", branch),
        );
        let response = wire.heard();
        assert!(response.starts_with("SIP/2.0 400 "), "{response}");
    }
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3515_2_4_4_the_notifies_of_a_refer_make_its_dialog() {
    let mut wire = referred();
    wire.inject(
        0,
        PEER,
        &from_peer("REFER", "a", 7, "Refer-To: <sip:c@d>\n"),
    );
    let (notifier, _, refer, _) = asked(&mut wire, 0);
    wire.with(0, |sip, cx| {
        sip.accept_refer(cx, notifier, refer.response(Status::OK))
    });
    let heard = wire.outside();
    let [ok, first] = &heard[..] else {
        panic!("{heard:#?}")
    };
    assert_eq!(header(&ok.text, "Contact"), "<sip:alice@10.0.0.1:5060>");
    for (name, value) in [
        ("Event", "refer"),
        ("Subscription-State", "active;expires=180"),
        ("Content-Type", "message/sipfrag;version=2.0"),
        ("To", "<sip:bob@example.com>;tag=bob"),
    ] {
        assert_eq!(header(&first.text, name), value, "{name}");
    }
    assert!(
        first.text.ends_with("\n\nSIP/2.0 100 Trying\n"),
        "{}",
        first.text
    );
    wire.inject(0, PEER, &answer(&first.text, "200 OK", "", ""));
    // Another one in the same dialog has a number.
    let to = format!("To: {}\nRefer-To: <sip:e@f>\n", header(&ok.text, "To"));
    wire.inject(0, PEER, &from_peer("REFER", "b", 8, &to));
    let (second, _, refer, _) = asked(&mut wire, 0);
    wire.with(0, |sip, cx| {
        sip.accept_refer(cx, second, refer.response(Status::OK))
    });
    let told = wire.outside().remove(1).text;
    assert_eq!(header(&told, "Event"), "refer;id=8");
    assert_eq!(header(&told, "CSeq"), "2 NOTIFY");
    wire.inject(0, PEER, &answer(&told, "200 OK", "", ""));
    // Who asks again is told what was told last.
    let to = format!(
        "To: {}\nEvent: refer;id=8\nExpires: 60\n",
        header(&ok.text, "To")
    );
    wire.inject(0, PEER, &from_peer("SUBSCRIBE", "c", 9, &to));
    let heard = wire.outside();
    assert_eq!(header(&heard[0].text, "Expires"), "60");
    assert!(heard[1].text.ends_with("SIP/2.0 100 Trying\n"));
    // Refused, for once.
    let to = format!("To: {}\nRefer-To: <sip:g@h>\n", header(&ok.text, "To"));
    wire.inject(0, PEER, &from_peer("REFER", "d", 10, &to));
    let (third, _, refer, _) = asked(&mut wire, 0);
    wire.with(0, |sip, cx| {
        sip.refuse_subscription(cx, third, refer.response(Status::DECLINE));
    });
    assert!(wire.heard().starts_with("SIP/2.0 603 "));
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3515_2_4_6_a_refer_in_a_call_is_told_of_in_its_dialog_and_beyond_its_end() {
    let mut wire = alone();
    let (call, _) = up(&mut wire);
    let refer = request("sip:bob@10.0.0.9", "sip:carol@example.com");
    let id = wire
        .with(0, |sip, cx| sip.refer_in_call(cx, call, refer))
        .unwrap();
    let refer = wire.heard();
    assert!(
        refer.starts_with("REFER sip:bob@10.0.0.9 SIP/2.0\n"),
        "{refer}"
    );
    assert_eq!(header(&refer, "CSeq"), "2 REFER");
    assert_eq!(header(&refer, "Refer-To"), "<sip:carol@example.com>");
    assert_eq!(header(&refer, "Referred-By"), "<sip:alice@example.com>");
    wire.inject(0, PEER, &answer(&refer, "202 Accepted", "peer", ""));
    let notify = |branch: &str, cseq, event: &str, state: &str, body: &str| {
        format!(
            "NOTIFY sip:alice@10.0.0.1 SIP/2.0\n\
             Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK{branch}\n\
             Max-Forwards: 70\nFrom: {}\nTo: {}\nCall-ID: {}\nCSeq: {cseq} NOTIFY\n\
             Contact: <sip:bob@10.0.0.9>\nEvent: {event}\nSubscription-State: {state}\n\
             Content-Type: message/sipfrag\nContent-Length: {}\n\n{body}",
            format_args!(
                "{};tag=peer",
                header(&refer, "To").split(";tag=").next().unwrap()
            ),
            header(&refer, "From"),
            header(&refer, "Call-ID"),
            body.len() + 1,
        )
    };
    let active = "active;expires=60";
    wire.inject(
        0,
        PEER,
        &notify("a", 1, "refer;id=3", active, "SIP/2.0 100 Trying\n"),
    );
    assert!(wire.heard().starts_with("SIP/2.0 481 "), "of another REFER");
    wire.inject(
        0,
        PEER,
        &notify("b", 2, "refer;id=2", active, "SIP/2.0 100 Trying\n"),
    );
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
    assert_eq!(told(&mut wire), ["202", "notified 100"]);
    // As in a transfer: the call ends, what comes of it is still told.
    wire.with(0, |sip, cx| sip.hang_up(cx, call, None));
    let bye = wire.heard();
    assert_eq!(header(&bye, "CSeq"), "3 BYE");
    wire.inject(0, PEER, &answer(&bye, "200 OK", "peer", ""));
    assert!(matches!(wire.events(0)[..], [Event::Ended { .. }]));
    let last = "terminated;reason=noresource";
    wire.inject(0, PEER, &notify("c", 3, "refer", last, "SIP/2.0 200 OK\n"));
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
    match &wire.events(0)[..] {
        [
            Event::Notified { request, .. },
            Event::SubscriptionTerminated {
                subscription,
                end: End::Notified(Some(Reason::NoResource)),
                ..
            },
        ] => {
            assert_eq!(*subscription, id);
            assert_eq!(refer::progress(request), Some(Status::OK));
        }
        other => panic!("{other:?}"),
    }
    wire.inject(0, PEER, &notify("d", 4, "refer", last, "SIP/2.0 200 OK\n"));
    assert!(wire.heard().starts_with("SIP/2.0 481 "));
}

#[test]
fn rfc3515_2_4_6_who_is_referred_in_a_call_tells_it_there() {
    let mut wire = referred();
    let (call, to) = answered(&mut wire);
    wire.inject(
        0,
        PEER,
        &from_peer("REFER", "r", 5, &format!("{to}Refer-To: <sip:c@d>\n")),
    );
    let (notifier, _, refer, of) = asked(&mut wire, 0);
    assert_eq!(of, Some(call));
    wire.with(0, |sip, cx| {
        sip.accept_refer(cx, notifier, refer::accepted(&refer))
    });
    let heard = wire.outside();
    assert!(heard[0].text.starts_with("SIP/2.0 202 "));
    assert!(heard[1].text.starts_with("NOTIFY sip:bob@10.0.0.9 "));
    assert_eq!(header(&heard[1].text, "From"), &to[4..to.len() - 1]);
    assert_eq!(header(&heard[1].text, "CSeq"), "1 NOTIFY");
    wire.inject(0, PEER, &answer(&heard[1].text, "200 OK", "", ""));
    // The peer hangs up, and is told nevertheless.
    wire.inject(0, PEER, &from_peer("BYE", "bye", 6, &to));
    wire.outside();
    wire.events(0);
    assert!(wire.with(0, |sip, cx| sip.notify_refer(
        cx,
        notifier,
        Status::BUSY_HERE
    )));
    let last = wire.heard();
    assert!(last.ends_with("SIP/2.0 486 Busy Here\n"));
    assert_eq!(header(&last, "CSeq"), "2 NOTIFY");
    assert_eq!(
        header(&last, "Subscription-State"),
        "terminated;reason=noresource"
    );
}

/// A REFER, made by `ask`, of which nothing is told but that it was accepted.
fn nothing_is_told(ask: fn(&mut cpm::sip::msg::Request)) {
    let mut wire = pair();
    let mut refer = request("sip:bob@10.0.0.2", "sip:carol@example.com");
    ask(&mut refer);
    wire.with(0, |sip, cx| sip.refer(cx, refer, Target::Uri));
    let (notifier, is_watched, refer, _) = asked(&mut wire, 1);
    assert!(!is_watched);
    wire.with(1, |sip, cx| {
        sip.accept_refer(cx, notifier, refer::accepted(&refer))
    });
    assert_eq!(told(&mut wire), ["202", "Untold"]);
    assert!(!wire.with(1, |sip, cx| sip.notify_refer(cx, notifier, Status::OK)));
    assert!(wire.events(1).is_empty());
}

#[test]
fn rfc4488_4_without_a_subscription_nothing_is_told() {
    nothing_is_told(refer::unsubscribed);
}

#[test]
fn rfc7614_a_subscription_can_be_forbidden() {
    nothing_is_told(refer::without_subscription);
}

#[test]
fn rfc7614_a_forbidden_subscription_is_none_whatever_the_2xx_says() {
    let mut wire = alone();
    let mut refer = request("sip:bob@10.0.0.9:5060", "sip:carol@example.com");
    refer::without_subscription(&mut refer);
    wire.with(0, |sip, cx| sip.refer(cx, refer, Target::Uri));
    let sent = wire.heard();
    assert_eq!(header(&sent, "Require"), "nosub");
    wire.inject(
        0,
        PEER,
        &answer(
            &sent,
            "202 Accepted",
            "b",
            "Contact: <sip:bob@10.0.0.9:5060>\n",
        ),
    );
    assert_eq!(told(&mut wire), ["202", "Untold"]);
}

#[test]
fn rfc7614_where_to_subscribe_is_asked_and_told() {
    let mut wire = alone();
    let mut refer = request("sip:bob@10.0.0.9:5060", "sip:carol@example.com");
    refer::explicit(&mut refer);
    wire.with(0, |sip, cx| sip.refer(cx, refer, Target::Uri));
    let sent = wire.heard();
    assert_eq!(header(&sent, "Require"), "explicitsub");
    let extra = "Contact: <sip:bob@10.0.0.9:5060>\nRefer-Events-At: <sip:ab81@10.0.0.9:5060>\n";
    wire.inject(0, PEER, &answer(&sent, "200 OK", "b", extra));
    let events = wire.events(0);
    let Some(Event::Subscribed { response, .. }) = events.first() else {
        panic!("{events:?}");
    };
    let at = response
        .headers()
        .get::<cpm::sip::msg::header::ReferEventsAt>();
    assert_eq!(at.unwrap().uri, uri("sip:ab81@10.0.0.9:5060"));
}

#[test]
fn rfc4538_a_refer_outside_a_dialog_names_the_one_that_allows_it() {
    let mut wire = referred();
    let (call, to) = answered(&mut wire);
    let tag = to.trim_end().rsplit(";tag=").next().unwrap();
    for (branch, local, of) in [("t1", tag, Some(call)), ("t2", "other", None)] {
        let extra = format!(
            "Refer-To: <sip:c@d>\nRequire: tdialog\n\
             Target-Dialog: from-bob;local-tag={local};remote-tag=bob\n"
        );
        let refer =
            from_peer("REFER", branch, 1, &extra).replace("Call-ID: from-bob", "Call-ID: new");
        wire.inject(
            0,
            PEER,
            &refer.replace("CSeq: 1", if of.is_some() { "CSeq: 1" } else { "CSeq: 2" }),
        );
        let (_, _, _, is) = asked(&mut wire, 0);
        assert_eq!(is, of);
    }
}

#[test]
fn rfc5368_a_list_of_targets_arrives_whole() {
    let mut wire = pair();
    let list = cpm::lists::RecipientList::new(["sip:a@b", "sip:c@d", "tel:+1555;method=BYE"]);
    wire.with(0, |sip, cx| {
        let alice = uri("sip:alice@example.com");
        let refer = refer::multiple(&uri("sip:focus@10.0.0.2"), &alice, &list, cx.ids);
        sip.refer(cx, refer, Target::Uri)
    });
    let (notifier, is_watched, refer, _) = asked(&mut wire, 1);
    assert!(!is_watched);
    assert_eq!(
        refer::targets(&refer, &Default::default()).unwrap().len(),
        3
    );
    wire.with(1, |sip, cx| {
        sip.accept_refer(cx, notifier, refer::accepted(&refer))
    });
    assert_eq!(told(&mut wire), ["202", "Untold"]);
}

#[test]
fn rfc3515_2_4_2_a_refusal_is_told() {
    let mut wire = alone();
    let refer = request("sip:bob@10.0.0.9", "sip:carol@example.com");
    let id: SubscriptionId = wire.with(0, |sip, cx| sip.refer(cx, refer, Target::Uri));
    let refer = wire.heard();
    wire.inject(0, PEER, &answer(&refer, "603 No", "n", ""));
    assert!(matches!(
        wire.events(0)[..],
        [Event::SubscriptionTerminated { subscription, end: End::Refused(Status::DECLINE), .. }]
            if subscription == id
    ));
}
