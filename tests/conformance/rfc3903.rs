//! RFC 3903: publishing a state, as an endpoint keeps it published.

use crate::rfc3261::{PEER, alone, uri};
use crate::wire::{Wire, answer, header};
use cpm::engine::{Ids, Limits, Seed};
use cpm::sip::publication::{Config, Publications};
use cpm::sip::{Event, PublicationId, Target};
use std::time::{Duration, Instant};

const PIDF: &str = "application/pidf+xml";

fn publish(wire: &mut Wire) -> PublicationId {
    let state = Config::new(uri("sip:alice@10.0.0.9"), "presence", PIDF, "one");
    wire.with(0, |sip, cx| sip.publish(cx, state, Target::Uri))
}

fn has(message: &str, name: &str) -> bool {
    message
        .lines()
        .any(|line| line.starts_with(&format!("{name}: ")))
}

/// A publication that the peer has accepted with entity-tag `a`.
fn up(wire: &mut Wire) -> PublicationId {
    let id = publish(wire);
    let first = wire.heard();
    wire.inject(
        0,
        PEER,
        &answer(&first, "200 OK", "s", "SIP-ETag: a\nExpires: 600"),
    );
    assert!(
        matches!(wire.events(0)[..], [Event::Published { expires, .. }] if expires.as_secs() == 600)
    );
    id
}

#[test]
fn rfc3903_4_published_refreshed_changed_and_taken_back() {
    let mut wire = alone();
    let id = publish(&mut wire);
    let first = wire.heard();
    assert!(
        first.starts_with("PUBLISH sip:alice@10.0.0.9 SIP/2.0\n"),
        "{first}"
    );
    assert_eq!(header(&first, "Event"), "presence");
    assert!(first.ends_with("\n\none") && !has(&first, "SIP-If-Match"));
    wire.inject(
        0,
        PEER,
        &answer(&first, "200 OK", "s", "SIP-ETag: a\nExpires: 600"),
    );
    assert!(
        matches!(wire.events(0)[..], [Event::Published { publication, .. }] if publication == id)
    );
    // A refresh carries no state.
    wire.seconds(300);
    let refresh = wire.heard();
    assert_eq!(header(&refresh, "SIP-If-Match"), "a");
    assert_eq!(header(&refresh, "Content-Length"), "0");
    wire.inject(
        0,
        PEER,
        &answer(&refresh, "200 OK", "s", "SIP-ETag: b\nExpires: 600"),
    );
    // A change names what it changes; one at a time.
    wire.with(0, |sip, cx| {
        sip.update_publication(cx, id, PIDF, "two");
        sip.update_publication(cx, id, PIDF, "three");
    });
    let change = wire.heard();
    assert_eq!(header(&change, "SIP-If-Match"), "b");
    assert!(change.ends_with("\n\ntwo"));
    wire.inject(
        0,
        PEER,
        &answer(&change, "200 OK", "s", "SIP-ETag: c\nExpires: 600"),
    );
    let change = wire.heard();
    assert_eq!(header(&change, "SIP-If-Match"), "c");
    assert!(change.ends_with("\n\nthree"));
    wire.inject(
        0,
        PEER,
        &answer(&change, "200 OK", "s", "SIP-ETag: d\nExpires: 600"),
    );
    wire.events(0);
    wire.with(0, |sip, cx| sip.unpublish(cx, id));
    let last = wire.heard();
    assert_eq!(header(&last, "Expires"), "0");
    assert_eq!(header(&last, "SIP-If-Match"), "d");
    wire.inject(
        0,
        PEER,
        &answer(&last, "200 OK", "s", "SIP-ETag: e\nExpires: 0"),
    );
    assert!(
        matches!(wire.events(0)[..], [Event::Unpublished { publication }] if publication == id)
    );
    wire.seconds(4000);
    assert!(wire.outside().is_empty());
}

#[test]
fn rfc3903_4_3_what_the_server_has_forgotten_is_published_anew() {
    let mut wire = alone();
    up(&mut wire);
    wire.seconds(300);
    let refresh = wire.heard();
    wire.inject(0, PEER, &answer(&refresh, "412 Unknown", "s", ""));
    let anew = wire.heard();
    assert!(
        anew.ends_with("\n\none") && !has(&anew, "SIP-If-Match"),
        "{anew}"
    );
    assert!(wire.events(0).is_empty());
    // A server that always says so is not asked for ever.
    wire.inject(0, PEER, &answer(&anew, "412 Unknown", "s", ""));
    assert!(wire.outside().is_empty());
    assert!(matches!(
        wire.events(0)[..],
        [Event::PublicationFailed { retry_in: None, .. }]
    ));
}

#[test]
fn rfc3903_4_a_short_interval_and_failures() {
    let mut wire = alone();
    let id = publish(&mut wire);
    let first = wire.heard();
    wire.inject(
        0,
        PEER,
        &answer(&first, "423 Too Brief", "s", "Min-Expires: 7200"),
    );
    let again = wire.heard();
    assert_eq!(header(&again, "Expires"), "7200");
    wire.inject(
        0,
        PEER,
        &answer(&again, "503 Later", "s", "Retry-After: 90"),
    );
    assert!(matches!(
        wire.events(0)[..],
        [Event::PublicationFailed { retry_in: Some(wait), .. }] if wait == Duration::from_secs(90)
    ));
    wire.seconds(90);
    let again = wire.heard();
    assert!(again.ends_with("\n\none"));
    wire.inject(0, PEER, &answer(&again, "403 No", "s", ""));
    assert!(matches!(
        wire.events(0)[..],
        [Event::PublicationFailed { retry_in: None, .. }]
    ));
    // What was never published is taken back without a word.
    wire.with(0, |sip, cx| sip.unpublish(cx, id));
    assert!(wire.outside().is_empty());
    assert!(matches!(wire.events(0)[..], [Event::Unpublished { .. }]));
}

#[test]
fn rfc3903_6_a_server_keeps_what_an_endpoint_publishes() {
    let mut wire = alone();
    wire.end("10.0.0.2:5060", |_, _| {});
    let mut ids = Ids::new(Seed::from_number(9));
    let mut states = Publications::new(&mut ids);
    let now = Instant::now();
    let state = Config::new(uri("sip:alice@10.0.0.2"), "presence", PIDF, "one");
    let id = wire.with(0, |sip, cx| sip.publish(cx, state, Target::Uri));
    for (body, kept) in [("two", 1), ("", 0)] {
        let events = wire.events(1);
        let [
            Event::Request {
                id: server,
                request,
                ..
            },
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        let done = states.handle(
            now,
            &mut ids,
            &Limits::default(),
            "sip:alice@10.0.0.2",
            request,
        );
        let response = done.unwrap().response(request);
        wire.with(1, |sip, cx| sip.respond(cx, *server, response));
        assert_eq!(states.len(), 1);
        wire.with(0, |sip, cx| match kept {
            0 => sip.unpublish(cx, id),
            _ => sip.update_publication(cx, id, PIDF, body),
        });
    }
    let events = wire.events(1);
    let [Event::Request { request, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    let of: Vec<_> = states.of(now, "sip:alice@10.0.0.2", "presence").collect();
    assert_eq!(of[0].1, "two");
    states
        .handle(
            now,
            &mut ids,
            &Limits::default(),
            "sip:alice@10.0.0.2",
            request,
        )
        .unwrap();
    assert!(states.is_empty());
}
