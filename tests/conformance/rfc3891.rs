//! RFC 3891: Replaces, and RFC 3911: Join.

use crate::rfc3261::*;
use cpm::sip::msg::Status;
use cpm::sip::{CallId, EndCause, Event, Relation};

fn able() -> Wire {
    let mut wire = Wire::new();
    wire.end("10.0.0.1:5060", |config, _| {
        let more = ["replaces", "join"].map(Into::into);
        config.supported.extend(more);
    });
    wire
}

/// An INVITE of somebody else's that names a dialog.
fn naming(header: &str, number: u32) -> String {
    from_peer(
        "INVITE",
        &format!("other{number}"),
        number,
        &format!("{header}\n"),
    )
    .replace("Call-ID: from-bob", "Call-ID: from-carol")
    .replace("tag=bob", "tag=carol")
}

/// What names the dialog of a call of ours, of which the peer has `tag`.
fn of(kind: &str, invite: &str, tag: &str) -> String {
    let local = crate::wire::param(header(invite, "From"), "tag");
    format!(
        "{kind}: {};to-tag={local};from-tag={tag}",
        header(invite, "Call-ID")
    )
}

fn accept(wire: &mut Wire) -> (CallId, Option<Relation>) {
    let (id, request) = invited(wire);
    let relation = wire.with(0, |sip, _| sip.relation(id));
    wire.with(0, |sip, cx| {
        sip.accept(cx, id, request.response(Status::OK))
    })
    .unwrap();
    (id, relation)
}

#[test]
fn rfc3891_3_a_confirmed_call_is_replaced_and_ended_by_bye() {
    let mut wire = able();
    let (old, invite) = up(&mut wire);
    wire.inject(0, PEER, &naming(&of("Replaces", &invite, "peer"), 1));
    let (_, relation) = accept(&mut wire);
    match relation {
        Some(Relation::Replaces(dialog)) => assert_eq!(dialog.call(), old),
        other => panic!("{other:?}"),
    }
    let heard = wire.outside();
    assert!(heard[0].text.starts_with("SIP/2.0 200 "), "{heard:?}");
    assert!(
        heard[1].text.starts_with("BYE sip:bob@10.0.0.9 "),
        "{heard:?}"
    );
    assert!(header(&heard[1].text, "To").ends_with(";tag=peer"));
    assert!(matches!(
        wire.events(0)[..],
        [Event::Ended { call, cause: EndCause::Replaced, .. }] if call == old
    ));
}

#[test]
fn rfc3891_3_an_early_call_of_ours_is_replaced_and_cancelled() {
    let mut wire = able();
    let old = call(&mut wire);
    let invite = wire.heard();
    wire.inject(
        0,
        PEER,
        &answer(
            &invite,
            "180 Ringing",
            "peer",
            "Contact: <sip:bob@10.0.0.9>",
        ),
    );
    wire.events(0);
    let early = format!("{};early-only", of("Replaces", &invite, "peer"));
    wire.inject(0, PEER, &naming(&early, 1));
    accept(&mut wire);
    let heard = wire.outside();
    assert!(heard[1].text.starts_with("CANCEL "), "{heard:?}");
    wire.inject(
        0,
        PEER,
        &answer(&invite, "487 Request Terminated", "peer", ""),
    );
    assert!(matches!(wire.events(0)[..], [Event::Rejected { call, .. }] if call == old));
}

#[test]
fn rfc3891_3_what_is_refused_leaves_the_call_alone() {
    let mut wire = able();
    let (id, invite) = up(&mut wire);
    wire.inject(0, PEER, &naming(&of("Replaces", &invite, "peer"), 1));
    let (new, request) = invited(&mut wire);
    wire.with(0, |sip, cx| {
        sip.reject(cx, new, request.response(Status::NOT_ACCEPTABLE_HERE))
    });
    assert!(wire.heard().starts_with("SIP/2.0 488 "));
    assert!(wire.events(0).is_empty());
    let ours = of("Replaces", &invite, "peer");
    let join = of("Join", &invite, "peer");
    let unknown = of("Replaces", &invite, "nobody");
    let refusals = [
        (format!("{ours};early-only"), "486"),
        (unknown, "481"),
        (format!("{ours}\n{ours}"), "400"),
        (format!("{ours}\n{join}"), "400"),
        (format!("Replaces: {}", header(&invite, "Call-ID")), "400"),
    ];
    for (number, (header, status)) in refusals.into_iter().enumerate() {
        wire.inject(0, PEER, &naming(&header, number as u32 + 2));
        let refused = wire.outside().pop().unwrap().text;
        assert!(
            refused.starts_with(&format!("SIP/2.0 {status} ")),
            "{header}: {refused}"
        );
    }
    // One that is over, but still known.
    wire.with(0, |sip, cx| sip.hang_up(cx, id, None));
    wire.outside();
    wire.inject(0, PEER, &naming(&ours, 20));
    assert!(wire.heard().starts_with("SIP/2.0 603 "));
}

#[test]
fn rfc3891_3_an_early_call_that_came_in_cannot_be_replaced() {
    let mut wire = able();
    wire.inject(0, PEER, &from_peer("INVITE", "a", 1, ""));
    let (id, request) = invited(&mut wire);
    wire.with(0, |sip, cx| {
        sip.progress(cx, id, request.response(Status::RINGING))
    })
    .unwrap();
    let tag = wire.heard();
    let tag = crate::wire::param(header(&tag, "To"), "tag").to_owned();
    for (number, kind) in [(1, "Replaces"), (2, "Join")] {
        let named = format!("{kind}: from-bob;to-tag={tag};from-tag=bob");
        wire.inject(0, PEER, &naming(&named, number));
        assert!(wire.heard().starts_with("SIP/2.0 481 "), "{kind}");
    }
}

#[test]
fn rfc3911_4_a_join_names_the_call_and_ends_nothing() {
    let mut wire = able();
    let (old, invite) = up(&mut wire);
    wire.inject(0, PEER, &naming(&of("Join", &invite, "peer"), 1));
    let (_, relation) = accept(&mut wire);
    assert!(matches!(relation, Some(Relation::Joins(dialog)) if dialog.call() == old));
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
    assert!(wire.events(0).is_empty());
}

#[test]
fn rfc3891_who_does_not_support_it_passes_it_over_or_says_420() {
    let mut wire = alone();
    let (_, invite) = up(&mut wire);
    let named = of("Replaces", &invite, "peer");
    wire.inject(0, PEER, &naming(&format!("{named}\nRequire: replaces"), 1));
    assert!(wire.heard().starts_with("SIP/2.0 420 "));
    wire.inject(0, PEER, &naming(&named, 2));
    let (_, relation) = accept(&mut wire);
    assert_eq!(relation, None);
    assert!(wire.heard().starts_with("SIP/2.0 200 "));
}

#[test]
fn rfc3891_4_the_names_of_our_own_dialogs_are_to_be_had() {
    let mut wire = able();
    let (id, invite) = up(&mut wire);
    let named = wire.with(0, |sip, _| sip.dialog(id).map(|dialog| dialog.id().clone()));
    let named = named.unwrap();
    assert_eq!(named.call_id, header(&invite, "Call-ID"));
    assert_eq!(named.peer_tag, "peer");
}
