//! The SIP layer alone: alice asks bob what he can, subscribes to his weather and refers him to
//! carol. Two endpoints in one process; what sockets would carry is handed over by hand.
use cpm::engine::{Clock, Cx, DateTime, Ids, Limits, Outbox, Seed, Transmit, Transport};
use cpm::sip::msg::{Method, Request, Status};
use cpm::sip::{Config, Endpoint, Event, Target, Uri, refer, subscription};
use std::time::Instant;

struct End(Endpoint, Ids, Outbox);

/// One step of an endpoint, and an answer to whatever it brought.
#[rustfmt::skip]
fn step(End(sip, ids, outbox): &mut End, act: impl FnOnce(&mut Endpoint, &mut Cx<'_>)) {
    let (now, limits) = (Instant::now(), &Limits::default());
    let cx = &mut Cx { now, clock: &Clock::new(now, DateTime::default()), ids, limits, outbox };
    act(sip, cx);
    while let Some(event) = sip.poll_event() {
        match event {
            Event::Request { id, request, .. } => sip.respond(cx, id, sip.options_response(&request)),
            Event::SubscriptionAsked { notifier, request, .. } => {
                let state = subscription::Notification::active("text/plain", "sunny");
                sip.accept_subscription(cx, notifier, request.response(Status::OK), state);
            }
            Event::Referred { notifier, request, .. } => {
                sip.accept_refer(cx, notifier, refer::accepted(&request));
                // Here bob would send refer::triggered(…), and tell of each response.
                sip.notify_refer(cx, notifier, Status::OK);
            }
            Event::Response { response, .. } => println!("answered: {}", response.reason()),
            Event::Notified { request, .. } => println!("told: {:?}", request.body()),
            _ => {}
        }
    }
}

pub(crate) fn main() {
    let at = ["192.0.2.1:5060", "192.0.2.2:5060"].map(|addr| addr.parse().unwrap());
    let mut ends = [0, 1].map(|end| {
        let mut ids = Ids::new(Seed::from_number(end as u64));
        let mut config = Config::default();
        config.events.extend(["weather".into(), "refer".into()]);
        let mut sip = Endpoint::new(config, &mut ids);
        sip.add_listener(Transport::Udp, at[end]);
        End(sip, ids, Outbox::default())
    });
    let [alice, bob, carol] = ["alice@192.0.2.1", "bob@192.0.2.2", "carol@192.0.2.3"]
        .map(|user| format!("sip:{user}").parse::<Uri>().unwrap());
    step(&mut ends[0], |sip, cx| {
        sip.request(cx, Request::new(Method::Options, &bob), Target::Uri);
        let weather = subscription::Config::new(bob.clone(), alice.clone(), "weather");
        sip.subscribe(cx, weather, Target::Uri);
        sip.refer(cx, refer::request(&bob, &alice, &carol), Target::Uri);
    });
    for (from, to) in [(0, 1), (1, 0)].into_iter().cycle().take(20) {
        while let Some(Transmit::Datagram { data, .. }) = ends[from].2.pop() {
            let (a, b) = (at[to], at[from]);
            step(&mut ends[to], |s, cx| s.handle_datagram(cx, a, b, data));
        }
    }
}
