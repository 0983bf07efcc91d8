//! RFC 5839: what has not changed is not told again.

use crate::rfc3261::{PEER, Wire, alone, answer, from_peer, header, uri};
use cpm::sip::msg::Status;
use cpm::sip::subscription::{Config, Notification};
use cpm::sip::{Event, Target};
use cpm::wire::Text;

const XML: &str = "application/conference-info+xml";

#[test]
fn rfc5839_5_a_refresh_asks_for_news_only_and_204_is_all_there_is() {
    let mut wire = alone();
    let mut config = Config::new(
        uri("sip:room@10.0.0.9"),
        uri("sip:alice@example.com"),
        "conference",
    );
    config.conditional = true;
    let id = wire.with(0, |sip, cx| sip.subscribe(cx, config, Target::Uri));
    let first = wire.heard();
    assert!(!first.contains("Suppress-If-Match"));
    let lines = "Contact: <sip:room@10.0.0.9>\nExpires: 3600";
    wire.inject(0, PEER, &answer(&first, "200 OK", "n", lines));
    let notify = format!(
        "NOTIFY sip:alice@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKn\n\
         Max-Forwards: 70\nFrom: {};tag=n\nTo: {}\nCall-ID: {}\nCSeq: 1 NOTIFY\n\
         Contact: <sip:room@10.0.0.9>\nEvent: conference\nSubscription-State: active;expires=3600\n\
         SIP-ETag: ega23\nContent-Length: 0\n\n",
        header(&first, "To"),
        header(&first, "From"),
        header(&first, "Call-ID"),
    );
    wire.inject(0, PEER, &notify);
    wire.outside();
    wire.events(0);
    wire.seconds(3000);
    let refresh = wire.heard();
    assert_eq!(header(&refresh, "Suppress-If-Match"), "ega23");
    wire.inject(0, PEER, &answer(&refresh, "204 No Notification", "", lines));
    assert!(matches!(wire.events(0)[..], [Event::Subscribed { .. }]));
    // No NOTIFY comes, and none is missed: it goes on.
    wire.seconds(2999);
    assert!(wire.events(0).is_empty());
    assert!(wire.outside().is_empty());
    // Who leaves wants the last NOTIFY.
    wire.with(0, |sip, cx| sip.unsubscribe(cx, id));
    assert!(!wire.heard().contains("Suppress-If-Match"));
}

/// A SUBSCRIBE of the peer's, accepted with this state and entity-tag; what is then said.
fn subscribe(wire: &mut Wire, cseq: u32, extra: &str, etag: &str) -> Vec<String> {
    let branch = format!("s{cseq}");
    let lines = format!("Event: conference\n{extra}");
    wire.inject(0, PEER, &from_peer("SUBSCRIBE", &branch, cseq, &lines));
    let (notifier, request) = match &wire.events(0)[..] {
        [
            Event::SubscriptionAsked {
                notifier, request, ..
            },
        ] => (*notifier, request.clone()),
        other => panic!("{other:?}"),
    };
    let news = Notification::active(XML, "<state/>").with_etag(etag);
    wire.with(0, |sip, cx| {
        sip.accept_subscription(cx, notifier, request.response(Status::OK), news);
    });
    let said: Vec<_> = wire.outside().into_iter().map(|heard| heard.text).collect();
    for notify in said.iter().filter(|text| text.starts_with("NOTIFY ")) {
        wire.inject(0, PEER, &answer(notify, "200 OK", "", ""));
    }
    said
}

#[test]
fn rfc5839_5_6_a_notifier_leaves_out_what_the_subscriber_has() {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.events = vec![Text::from("conference")];
    });
    // A new subscription is told of, but not the state that is known from an earlier one (§5.6).
    let said = subscribe(&mut wire, 1, "Suppress-If-Match: one\n", "one");
    assert!(said[0].starts_with("SIP/2.0 200 "), "{said:#?}");
    assert_eq!(header(&said[1], "SIP-ETag"), "one");
    assert!(!said[1].contains("<state/>"));
    let to = format!("To: {}\n", header(&said[0], "To"));
    // A refresh that knows the state is not answered by a NOTIFY (§5.3).
    for (cseq, known) in [(2, "one"), (3, "*")] {
        let extra = format!("{to}Suppress-If-Match: {known}\n");
        let said = subscribe(&mut wire, cseq, &extra, "one");
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(
            said[0].starts_with("SIP/2.0 204 No Notification\n"),
            "{said:#?}"
        );
        assert_eq!(header(&said[0], "Expires"), "3600");
    }
    // What has changed is told.
    let said = subscribe(
        &mut wire,
        4,
        &format!("{to}Suppress-If-Match: one\n"),
        "two",
    );
    assert!(said[0].starts_with("SIP/2.0 200 "), "{said:#?}");
    assert_eq!(header(&said[1], "SIP-ETag"), "two");
    assert!(said[1].contains("<state/>"));
    // The end is told in any case.
    let extra = format!("{to}Expires: 0\nSuppress-If-Match: two\n");
    let said = subscribe(&mut wire, 5, &extra, "two");
    assert!(
        said[1].contains("Subscription-State: terminated"),
        "{said:#?}"
    );
    assert!(!said[1].contains("<state/>"));
}
