//! Subscriptions, REFERs and publications with whatever comes in whatever order: nothing panics, everything ends once,
//! and nothing stays behind.

use crate::rfc3261::{PEER, from_peer, uri};
use crate::wire::{Wire, answer, header};
use cpm::sip::msg::{Request, Status};
use cpm::sip::subscription::{Config, Notification, Reason};
use cpm::sip::{
    Endpoint, Event, NotifierId, PublicationId, SubscriptionId, Target, publication, refer,
};
use cpm::wire::Text;
use std::collections::HashMap;
use std::time::Duration;

/// Subscriptions at one time.
const MOST: usize = 8;

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = (self.0)
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        (!all.is_empty()).then(|| all[self.below(all.len())])
    }
}

#[derive(Default)]
struct Seen {
    /// Whether they have ended.
    ours: HashMap<SubscriptionId, bool>,
    theirs: HashMap<NotifierId, bool>,
    published: Vec<PublicationId>,
    asked: Vec<(NotifierId, Request)>,
}

impl Seen {
    fn take(&mut self, event: Event, seed: u64) {
        match event {
            Event::Notified { subscription, .. } | Event::Subscribed { subscription, .. } => {
                assert_ne!(self.ours.get(&subscription), Some(&true), "seed {seed}");
            }
            Event::SubscriptionForked { fork, .. } => {
                assert_eq!(self.ours.insert(fork, false), None, "seed {seed}");
            }
            Event::SubscriptionTerminated { subscription, .. } => {
                assert_ne!(
                    self.ours.insert(subscription, true),
                    Some(true),
                    "seed {seed}"
                );
            }
            Event::SubscriptionAsked {
                notifier, request, ..
            }
            | Event::Referred {
                notifier, request, ..
            } => {
                assert_ne!(
                    self.theirs.insert(notifier, false),
                    Some(true),
                    "seed {seed}"
                );
                self.asked.push((notifier, request));
            }
            Event::SubscriptionOver { notifier, .. } => {
                assert_ne!(
                    self.theirs.insert(notifier, true),
                    Some(true),
                    "seed {seed}"
                );
            }
            _ => {}
        }
    }
}

#[test]
fn rfc6665_any_order_of_anything_ends_once_and_leaves_nothing() {
    for seed in 0..150 {
        run(seed);
    }
}

fn run(seed: u64) {
    let mut chance = Chance(seed.wrapping_mul(99_991));
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, limits| {
        config.events = vec![Text::from("conference"), Text::from("refer")];
        limits.sip_subscriptions = MOST;
        limits.sip_notifications = 2;
    });
    let mut seen = Seen::default();
    let mut heard: Vec<String> = Vec::new();
    for _ in 0..80 {
        let mut ours: Vec<_> = seen.ours.keys().copied().collect();
        ours.sort();
        let mut theirs: Vec<_> = seen.theirs.keys().copied().collect();
        theirs.sort();
        match chance.below(14) {
            0 => {
                let mut config = Config::new(
                    uri("sip:room@10.0.0.9"),
                    uri("sip:alice@10.0.0.1"),
                    "conference",
                );
                config.notifiers = 1 + chance.below(2);
                config.expires = Duration::from_secs([0, 60, 3600][chance.below(3)]);
                let id = wire.with(0, |sip, cx| sip.subscribe(cx, config, Target::Uri));
                seen.ours.entry(id).or_insert(false);
            }
            1 => {
                let refer = refer::request(
                    &uri("sip:bob@10.0.0.9"),
                    &uri("sip:alice@10.0.0.1"),
                    &uri("sip:carol@10.0.0.8"),
                );
                let id = wire.with(0, |sip, cx| sip.refer(cx, refer, Target::Uri));
                seen.ours.entry(id).or_insert(false);
            }
            2 => {
                let state =
                    publication::Config::new(uri("sip:alice@10.0.0.9"), "presence", "a/b", "x");
                seen.published
                    .push(wire.with(0, |sip, cx| sip.publish(cx, state, Target::Uri)));
            }
            3 => {
                if let Some(id) = chance.of(&ours) {
                    let leaves = chance.below(2) == 0;
                    wire.with(0, |sip, cx| match leaves {
                        true => sip.unsubscribe(cx, id),
                        false => drop(sip.refresh_subscription(cx, id)),
                    });
                }
                if let Some(id) = chance.of(&seen.published) {
                    wire.with(0, |sip, cx| sip.update_publication(cx, id, "a/b", "y"));
                }
            }
            4 | 5 => {
                if let Some((id, request)) = seen.asked.pop() {
                    let which = chance.below(4);
                    let response = request.response(match which {
                        0 => Status::FORBIDDEN,
                        _ => Status::OK,
                    });
                    let state = Notification::active("text/plain", "state");
                    wire.with(0, |sip, cx| match which {
                        0 => sip.refuse_subscription(cx, id, response),
                        1 => sip.accept_refer(cx, id, response),
                        _ => sip.accept_subscription(cx, id, response, state),
                    });
                }
            }
            6 => {
                if let Some(id) = chance.of(&theirs) {
                    let which = chance.below(3);
                    wire.with(0, |sip, cx| match which {
                        0 => sip.notify(cx, id, Notification::active("text/plain", "more")),
                        1 => sip.notify(cx, id, Notification::terminated(Reason::GiveUp)),
                        _ => sip.notify_refer(cx, id, Status::OK),
                    });
                }
            }
            7 => wire.run(Duration::from_millis(chance.below(3000) as u64)),
            8 => wire.seconds(chance.below(70) as u64),
            // The peer answers something that it heard, or sends something about it.
            9..=11 if !heard.is_empty() => {
                let message = heard[chance.below(heard.len())].clone();
                let state = [
                    "active;expires=60",
                    "pending",
                    "terminated;reason=giveup",
                    "x;y",
                ][chance.below(4)];
                let event = ["conference", "refer", "presence"][chance.below(3)];
                let branch = format!("r{}", chance.below(30));
                let number = chance.below(5) as u32;
                let expires = [0, 60, 3600][chance.below(3)];
                let more = format!(
                    "Event: {event}\nSubscription-State: {state}\nExpires: {expires}\nRefer-To: <sip:c@d>\n"
                );
                if message.starts_with("SIP/2.0") {
                    let to = format!("To: {}\n{more}", header(&message, "To"));
                    let method = ["SUBSCRIBE", "REFER", "NOTIFY"][chance.below(3)];
                    wire.inject(0, PEER, &from_peer(method, &branch, number, &to));
                } else if chance.below(2) == 0 && !message.starts_with("NOTIFY") {
                    let to = format!("To: {}\n{more}", header(&message, "From"));
                    let call_id = format!("Call-ID: {}", header(&message, "Call-ID"));
                    let notify = from_peer("NOTIFY", &branch, number, &to)
                        .replace("Call-ID: from-bob", &call_id)
                        .replace("tag=bob", ["tag=bob", "tag=rob"][chance.below(2)]);
                    wire.inject(0, PEER, &notify);
                } else {
                    let status = [
                        "100 Trying",
                        "200 OK",
                        "200 OK",
                        "202 Accepted",
                        "404 No",
                        "412 No",
                        "423 Brief",
                        "481 Gone",
                        "503 Later",
                    ][chance.below(9)];
                    let extra = [
                        "Expires: 60",
                        "SIP-ETag: e\nExpires: 100",
                        "Min-Expires: 90",
                        "",
                    ][chance.below(4)];
                    let tag = ["bob", "rob"][chance.below(2)];
                    wire.inject(0, PEER, &answer(&message, status, tag, extra));
                }
            }
            _ => {
                let method = ["SUBSCRIBE", "REFER", "NOTIFY"][chance.below(3)];
                let branch = format!("n{}", chance.below(20));
                let expires = [0, 60, 3600][chance.below(3)];
                let extra = format!(
                    "To: <sip:alice@10.0.0.1>\nEvent: conference\nExpires: {expires}\nRefer-To: <sip:c@d>\n"
                );
                let number = chance.below(20) as u32;
                wire.inject(0, PEER, &from_peer(method, &branch, number, &extra));
            }
        }
        for event in wire.events(0) {
            seen.take(event, seed);
        }
        heard.extend(wire.outside().into_iter().map(|heard| heard.text));
    }
    let mut ours: Vec<_> = seen.ours.keys().copied().collect();
    ours.sort();
    let mut theirs: Vec<_> = seen.theirs.keys().copied().collect();
    theirs.sort();
    wire.with(0, |sip: &mut Endpoint, cx| {
        ours.iter().for_each(|id| sip.unsubscribe(cx, *id));
        for id in &theirs {
            sip.notify(cx, *id, Notification::terminated(Reason::NoResource));
        }
        seen.published.iter().for_each(|id| sip.unpublish(cx, *id));
    });
    wire.seconds(5000);
    for event in wire.events(0) {
        seen.take(event, seed);
    }
    let left: Vec<_> = seen.ours.iter().filter(|(_, over)| !**over).collect();
    assert!(left.is_empty(), "seed {seed}: never ended: {left:?}");
    // No timer runs for anything, and there is room for as many as there may be.
    assert_eq!(
        wire.with(0, |sip, _| sip.poll_timeout()),
        None,
        "seed {seed}"
    );
    assert_eq!(wire.with(0, |sip, _| sip.load()), (0, 0), "seed {seed}");
    wire.outside();
    for one in 0..MOST {
        let subscribe = from_peer("SUBSCRIBE", &format!("last{one}"), 1, "Event: conference\n")
            .replace("from-bob", &format!("last{one}"));
        wire.inject(0, PEER, &subscribe);
        assert_eq!(wire.events(0).len(), 1, "seed {seed}: {:?}", wire.outside());
    }
}
