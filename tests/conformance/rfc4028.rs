//! RFC 4028: session timers beyond the first refresh.

use crate::rfc3261::*;
use cpm::sip::msg::Status;
use cpm::sip::{CallId, EndCause, Event};

const TIMED: &str = "Contact: <sip:bob@10.0.0.9>\nSession-Expires: 200;refresher=uac";

/// A call of ours that we refresh after 100 seconds, by UPDATE or re-INVITE; gives the first refresh.
fn refreshing(update: bool) -> (Wire, CallId, String) {
    let mut wire = alone();
    let id = call(&mut wire);
    let invite = wire.heard();
    let allow = if update { "\nAllow: UPDATE" } else { "" };
    let ok = answer(&invite, "200 OK", "peer", &format!("{TIMED}{allow}"));
    wire.inject(0, PEER, &with_sdp(&ok));
    wire.outside();
    wire.events(0);
    wire.seconds(100);
    let refresh = wire.outside().remove(0).text;
    let method = if update { "UPDATE " } else { "INVITE " };
    assert!(refresh.starts_with(method), "{refresh}");
    (wire, id, refresh)
}

#[test]
fn rfc4028_7_4_a_refresh_says_who_refreshes_and_how_often() {
    let (_, _, refresh) = refreshing(true);
    assert_eq!(header(&refresh, "Session-Expires"), "200;refresher=uac");
    assert!(header(&refresh, "Supported").contains("timer"));
}

#[test]
fn rfc4028_7_3_a_refresh_that_asks_for_too_little_is_made_longer() {
    for update in [true, false] {
        let (mut wire, _, refresh) = refreshing(update);
        let small = answer(
            &refresh,
            "422 Session Interval Too Small",
            "",
            "Min-SE: 600",
        );
        wire.inject(0, PEER, &small);
        let again = wire.outside().pop().unwrap().text;
        assert!(header(&again, "Session-Expires").starts_with("600"));
        assert_eq!(header(&again, "Min-SE"), "600");
        assert_eq!(again.ends_with("\n\nv=0\n"), !update);
        let granted = TIMED.replace("200", "600");
        wire.inject(0, PEER, &answer(&again, "200 OK", "", &granted));
        wire.outside();
        wire.seconds(299);
        assert!(wire.outside().is_empty());
        wire.seconds(1);
        let next = wire.outside().remove(0).text;
        // It is not forgotten.
        assert_eq!(header(&next, "Min-SE"), "600");
        assert!(wire.events(0).is_empty());
    }
}

#[test]
fn rfc4028_7_3_nobody_is_asked_for_ever() {
    let mut wire = alone();
    call(&mut wire);
    let mut invite = wire.heard();
    let mut least = 2000;
    loop {
        let more = format!("Min-SE: {least}");
        let small = answer(&invite, "422 Session Interval Too Small", "x", &more);
        wire.inject(0, PEER, &small);
        let heard = wire.outside();
        match heard.get(1) {
            Some(again) => invite = again.text.clone(),
            None => break,
        }
        least += 1;
        assert!(least < 2050, "for ever");
    }
    assert!(matches!(
        wire.events(0)[..],
        [Event::Rejected {
            status: Status::SESSION_INTERVAL_TOO_SMALL,
            ..
        }]
    ));
}

#[test]
fn rfc4028_10_a_refresh_answered_408_or_481_or_not_at_all_ends_the_call() {
    for update in [true, false] {
        for status in ["481 Gone", "408 Request Timeout", ""] {
            let (mut wire, id, refresh) = refreshing(update);
            match status {
                "" => wire.seconds(32),
                status => wire.inject(0, PEER, &answer(&refresh, status, "", "")),
            }
            assert!(matches!(
                wire.events(0)[..],
                [Event::Ended { call, cause: EndCause::Gone, .. }] if call == id
            ));
            let heard = wire.outside();
            assert!(heard.iter().any(|heard| heard.text.starts_with("BYE ")));
        }
    }
}

#[test]
fn rfc4028_10_a_refresh_refused_otherwise_is_tried_again_until_the_session_expires() {
    for update in [true, false] {
        let (mut wire, id, refresh) = refreshing(update);
        let mut refresh = refresh;
        let mut tried = 1;
        // 200 seconds less the 32 in which a BYE must be out.
        for _ in 0..68 {
            if !refresh.is_empty() {
                wire.inject(0, PEER, &answer(&refresh, "500 Oops", "", ""));
                refresh.clear();
            }
            assert!(wire.events(0).is_empty());
            wire.seconds(1);
            for heard in wire.outside() {
                if heard.text.starts_with("UPDATE ") || heard.text.starts_with("INVITE ") {
                    refresh = heard.text;
                    tried += 1;
                }
            }
        }
        assert!(tried > 2, "{tried}");
        assert!(matches!(
            wire.events(0)[..],
            [Event::Ended { call, cause: EndCause::SessionExpired, .. }] if call == id
        ));
    }
}

#[test]
fn rfc4028_7_4_a_peer_without_update_is_refreshed_by_reinvite() {
    let (mut wire, _, refresh) = refreshing(true);
    wire.inject(0, PEER, &answer(&refresh, "405 Method Not Allowed", "", ""));
    let reinvite = wire.heard();
    assert!(reinvite.starts_with("INVITE ") && reinvite.ends_with("\n\nv=0\n"));
}

#[test]
fn rfc4028_9_the_peer_refreshes_and_our_offers_leave_it_so() {
    let mut wire = alone();
    let timed = "Session-Expires: 200;refresher=uac\nSupported: timer\nAllow: UPDATE\n";
    wire.inject(0, PEER, &with_sdp(&from_peer("INVITE", "a", 1, timed)));
    let (id, request) = invited(&mut wire);
    wire.with(0, |sip, cx| {
        sip.accept(cx, id, sdp(request.response(Status::OK)))
    })
    .unwrap();
    let to = format!("To: {}\n", header(&wire.heard(), "To"));
    wire.inject(0, PEER, &from_peer("ACK", "b", 1, &to));
    wire.events(0);
    wire.with(0, |sip, cx| sip.update(cx, id, None)).unwrap();
    let update = wire.heard();
    // In our request the peer is the one that answers.
    assert_eq!(header(&update, "Session-Expires"), "200;refresher=uas");
    let granted = "Session-Expires: 200;refresher=uas\nContact: <sip:bob@10.0.0.9>";
    wire.inject(0, PEER, &answer(&update, "200 OK", "", granted));
    wire.events(0);
    wire.seconds(167);
    assert!(wire.outside().is_empty(), "it is not for us to refresh");
    wire.seconds(1);
    assert!(matches!(
        wire.events(0)[..],
        [Event::Ended {
            cause: EndCause::SessionExpired,
            ..
        }]
    ));
}
