//! Whatever comes in whatever order: nothing panics, nothing stays behind, and no call ends twice.

use super::*;
use cpm::sip::msg::Status;
use cpm::sip::{CallError, DialogId, ServerId};
use std::collections::HashMap;

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

#[derive(Default)]
struct Seen {
    /// Calls, and whether they have ended.
    calls: HashMap<CallId, bool>,
    invites: Vec<(CallId, Request)>,
    reinvites: Vec<(CallId, Request)>,
    requests: Vec<(ServerId, Request)>,
    offers: Vec<(DialogId, Request)>,
    dialogs: Vec<DialogId>,
}

impl Seen {
    fn take(&mut self, event: Event, seed: u64) {
        let mut end = |call: CallId| {
            let ended = self.calls.insert(call, true);
            assert_ne!(ended, Some(true), "seed {seed}: {call} ends twice");
        };
        match event {
            Event::Invited { call, request, .. } => {
                assert_eq!(self.calls.insert(call, false), None, "seed {seed}");
                self.invites.push((call, request));
            }
            Event::Reinvited { call, request } => self.reinvites.push((call, request)),
            Event::Request { id, request, .. } => self.requests.push((id, request)),
            Event::Offered { dialog, request } => self.offers.push((dialog, request)),
            Event::Progress {
                dialog: Some(dialog),
                ..
            } => self.dialogs.push(dialog),
            Event::Accepted { call, dialog, .. } => {
                assert_eq!(self.calls.get(&call), Some(&false), "seed {seed}");
                self.dialogs.push(dialog);
            }
            Event::Forked { call, .. } => {
                assert_eq!(self.calls.insert(call, false), None, "seed {seed}");
            }
            Event::Rejected { call, .. }
            | Event::Cancelled { call, .. }
            | Event::Ended { call, .. } => end(call),
            _ => {}
        }
    }
}

#[test]
fn any_order_of_anything_ends_well() {
    for seed in 0..200 {
        run(seed);
    }
}

fn run(seed: u64) {
    let mut chance = Chance(seed.wrapping_mul(77_777));
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        config.keep_forks = seed.is_multiple_of(2);
        config.follow_redirects = seed.is_multiple_of(3);
        config.hold_pracks = seed.is_multiple_of(5);
        config.supported.push("replaces".into());
    });
    let mut seen = Seen::default();
    let mut heard: Vec<String> = Vec::new();
    for _ in 0..80 {
        let call = {
            let all: Vec<_> = seen.calls.keys().copied().collect();
            let mut all = all;
            all.sort();
            (!all.is_empty()).then(|| all[chance.below(all.len())])
        };
        match chance.below(18) {
            0 => {
                let id = super::call(&mut wire);
                seen.calls.entry(id).or_insert(false);
            }
            1 => {
                send(&mut wire, Method::Message);
            }
            2 => wire.run(std::time::Duration::from_millis(chance.below(3000) as u64)),
            3 => wire.seconds(chance.below(70) as u64),
            4 => {
                if let Some((call, request)) = seen.invites.pop() {
                    let status = [Status::RINGING, Status::OK, Status::BUSY_HERE][chance.below(3)];
                    let described = chance.below(2) == 0;
                    let response = |request: &Request| match described {
                        true => sdp(request.response(status)),
                        false => request.response(status),
                    };
                    let reliable = chance.below(2) == 0;
                    let done = wire.with(0, |sip, cx| match status {
                        Status::OK => sip.accept(cx, call, response(&request)),
                        Status::RINGING if reliable => {
                            sip.progress_reliably(cx, call, response(&request))
                        }
                        Status::RINGING => sip.progress(cx, call, response(&request)),
                        _ => {
                            sip.reject(cx, call, response(&request));
                            Ok(())
                        }
                    });
                    match status {
                        Status::BUSY_HERE => {
                            seen.calls.insert(call, true);
                        }
                        Status::RINGING => seen.invites.push((call, request)),
                        _ if done == Err(CallError::State) => {}
                        _ if done.is_err() => seen.invites.push((call, request)),
                        _ => {}
                    }
                }
            }
            5 => {
                if let Some(call) = call {
                    wire.with(0, |sip, cx| sip.hang_up(cx, call, None));
                }
            }
            6 => {
                if let Some(call) = call {
                    let _ = wire.with(0, |sip, cx| sip.reinvite(cx, call, Some("v=0\r\n".into())));
                }
            }
            7 => {
                if let Some((call, request)) = seen.reinvites.pop() {
                    let status = [Status::OK, Status::NOT_ACCEPTABLE_HERE][chance.below(2)];
                    wire.with(0, |sip, cx| {
                        let _ = sip.answer_reinvite(cx, call, request.response(status));
                    });
                }
            }
            8 => {
                if let Some((id, request)) = seen.requests.pop() {
                    wire.with(0, |sip, cx| {
                        sip.respond(cx, id, request.response(Status::OK))
                    });
                }
            }
            14 => {
                if let Some((dialog, request)) = seen.offers.pop() {
                    let response = match chance.below(3) {
                        0 => request.response(Status::NOT_ACCEPTABLE_HERE),
                        _ => sdp(request.response(Status::OK)),
                    };
                    let _ = wire.with(0, |sip, cx| sip.answer_offer(cx, dialog, response));
                }
            }
            15 | 16 if !seen.dialogs.is_empty() => {
                let dialog = seen.dialogs[chance.below(seen.dialogs.len())];
                let description = (chance.below(2) == 0).then(|| "v=0\r\n".into());
                let _ = match chance.below(5) {
                    0 | 1 => wire.with(0, |sip, cx| sip.acknowledge(cx, dialog, description)),
                    2 | 3 => wire.with(0, |sip, cx| sip.update(cx, dialog, description)),
                    _ => wire.with(0, |sip, cx| sip.hang_up_early(cx, dialog)),
                };
            }
            // The peer answers something that it heard, or sends something about it.
            9 | 10 if !heard.is_empty() => {
                let message = heard[chance.below(heard.len())].clone();
                if message.starts_with("SIP/2.0") {
                    let to = format!("To: {}\n", header(&message, "To"));
                    let method =
                        ["ACK", "BYE", "INVITE", "UPDATE", "INFO", "PRACK"][chance.below(6)];
                    let branch = format!("r{}", chance.below(20));
                    let number = chance.below(5) as u32;
                    let rseq = crate::wire::headers(&message, "RSeq").next();
                    let rack = match (method, rseq) {
                        ("PRACK", Some(rseq)) => {
                            format!("{to}RAck: {rseq} {} INVITE\n", chance.below(4))
                        }
                        _ => format!("{to}Allow: UPDATE\n"),
                    };
                    let request = from_peer(method, &branch, number, &rack);
                    let request = match chance.below(2) {
                        0 => with_sdp(&request),
                        _ => request,
                    };
                    wire.inject(0, PEER, &request);
                } else if !message.starts_with("ACK") {
                    let status = [
                        "100 Trying",
                        "180 Ringing",
                        "200 OK",
                        "200 OK",
                        "404 Not Found",
                        "481 Gone",
                        "491 Request Pending",
                        "503 Service Unavailable",
                        "183 Session Progress",
                        "199 Early Dialog Terminated",
                        "302 Moved Temporarily",
                        "422 Session Interval Too Small",
                    ][chance.below(12)];
                    let tag = ["one", "two", "three"][chance.below(3)];
                    let rseq = chance.below(4);
                    let reliable = format!(
                        "Contact: <sip:bob@10.0.0.9>\nAllow: UPDATE\nRequire: 100rel\nRSeq: {rseq}"
                    );
                    let extra = [
                        "Contact: <sip:bob@10.0.0.9>\nAllow: UPDATE",
                        "",
                        "Session-Expires: 90\nContact: <sip:eve@10.0.0.9>",
                        "Min-SE: 4000",
                        &reliable,
                    ][chance.below(5)];
                    let response = answer(&message, status, tag, extra);
                    let response = match chance.below(2) {
                        0 => with_sdp(&response),
                        _ => response,
                    };
                    wire.inject(0, PEER, &response);
                }
            }
            _ => {
                let method = ["INVITE", "CANCEL", "ACK", "MESSAGE", "BYE"][chance.below(5)];
                let branch = format!("n{}", chance.below(6));
                let number = chance.below(4) as u32;
                let extra = "Supported: 100rel\nAllow: UPDATE\n";
                wire.inject(0, PEER, &from_peer(method, &branch, number, extra));
            }
        }
        for event in wire.events(0) {
            seen.take(event, seed);
        }
        heard.extend(wire.outside().into_iter().map(|heard| heard.text));
    }
    let mut open: Vec<_> = seen.calls.keys().copied().collect();
    open.sort();
    for call in open {
        wire.with(0, |sip, cx| sip.hang_up(cx, call, None));
    }
    wire.seconds(1000);
    for event in wire.events(0) {
        seen.take(event, seed);
    }
    let left: Vec<_> = seen.calls.iter().filter(|(_, ended)| !**ended).collect();
    assert!(left.is_empty(), "seed {seed}: never ended: {left:?}");
    // No timer runs for anything, so nothing is left that could do anything.
    assert_eq!(
        wire.with(0, |sip, _| sip.poll_timeout()),
        None,
        "seed {seed}"
    );
    assert_eq!(wire.with(0, |sip, _| sip.load()), (0, 0), "seed {seed}");
}
