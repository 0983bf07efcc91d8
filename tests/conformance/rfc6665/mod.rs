//! RFC 6665: event subscriptions, as an endpoint keeps them.

mod s4_1_subscriber;
mod s4_2_notifier;

use crate::rfc3261::{PEER, alone, from_peer, uri};
use crate::wire::{Wire, answer, header};
use cpm::sip::msg::{Request, Status};
use cpm::sip::subscription::{Config, End, Notification, Over, Reason, Standing};
use cpm::sip::{Event, NotifierId, SubscriptionId, Target};
use cpm::wire::Text;
use std::time::Duration;

pub(super) const PACKAGE: &str = "conference";
pub(super) const XML: &str = "application/conference-info+xml";

pub(super) fn config() -> Config {
    Config::new(
        uri("sip:room@10.0.0.2"),
        uri("sip:alice@example.com"),
        PACKAGE,
    )
}

pub(super) fn to_peer() -> Config {
    Config {
        resource: uri("sip:room@10.0.0.9"),
        ..config()
    }
}

/// A subscriber at 10.0.0.1 and a notifier at 10.0.0.2.
pub(super) fn pair() -> Wire {
    let mut wire = alone();
    wire.end("10.0.0.2:5060", |config, _| {
        config.events = vec![Text::from(PACKAGE)];
    });
    wire
}

pub(super) fn subscribe(wire: &mut Wire, config: Config) -> SubscriptionId {
    wire.with(0, |sip, cx| sip.subscribe(cx, config, Target::Uri))
}

/// What a SUBSCRIBE asks for at the notifier, where nothing else has happened.
pub(super) fn asked(wire: &mut Wire, end: usize) -> (NotifierId, Duration, bool, Request) {
    match &wire.events(end)[..] {
        [
            Event::SubscriptionAsked {
                notifier,
                expires,
                is_refresh,
                request,
                ..
            },
        ] => (*notifier, *expires, *is_refresh, request.clone()),
        other => panic!("{other:?}"),
    }
}

pub(super) fn accept(wire: &mut Wire, end: usize, notification: Notification) -> NotifierId {
    let (notifier, .., request) = asked(wire, end);
    wire.with(end, |sip, cx| {
        sip.accept_subscription(cx, notifier, request.response(Status::OK), notification);
    });
    notifier
}

pub(super) fn state(text: &'static str) -> Notification {
    Notification::active(XML, text)
}

/// The events of the subscriber in short.
pub(super) fn told(wire: &mut Wire) -> Vec<String> {
    (wire.events(0).into_iter())
        .map(|event| match event {
            Event::Subscribed { expires, .. } => format!("subscribed {}", expires.as_secs()),
            Event::Notified { state, request, .. } => format!(
                "notified {} {}",
                match Standing::of(&state) {
                    Standing::Active => "active",
                    Standing::Pending => "pending",
                    Standing::Terminated => "terminated",
                },
                String::from_utf8_lossy(request.body())
            ),
            Event::SubscriptionTerminated {
                end, retry_after, ..
            } => format!("terminated {end:?} {retry_after:?}"),
            Event::SubscriptionForked { .. } => "forked".into(),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// A NOTIFY of the peer's for a SUBSCRIBE that it has heard.
pub(super) fn notify(subscribe: &str, branch: &str, cseq: u32, tag: &str, state: &str) -> String {
    let from = header(subscribe, "To").split(";tag=").next().unwrap();
    format!(
        "NOTIFY sip:alice@10.0.0.1 SIP/2.0\n\
         Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK{branch}\n\
         Max-Forwards: 70\n\
         From: {from};tag={tag}\n\
         To: {}\n\
         Call-ID: {}\n\
         CSeq: {cseq} NOTIFY\n\
         Contact: <sip:{tag}@10.0.0.9>\n\
         Event: {PACKAGE}\n\
         Subscription-State: {state}\n\
         Content-Length: 0\n\n",
        header(subscribe, "From"),
        header(subscribe, "Call-ID"),
    )
}

/// A SUBSCRIBE of the peer's.
pub(super) fn subscribe_from_peer(branch: &str, cseq: u32, extra: &str) -> String {
    from_peer("SUBSCRIBE", branch, cseq, extra)
}
