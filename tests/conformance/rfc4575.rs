//! RFC 4575: the conference event package, as document, as subscriber and as notifier.

use cpm::engine::Limits;
use cpm::events::conference_info::{
    Conference, ConferenceInfo, Cursor, Endpoint, Extent, Outcome, Roster, Status, User,
};

fn parse(text: &str) -> ConferenceInfo {
    ConferenceInfo::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn apply(roster: &mut Roster, text: &str) -> Outcome {
    roster.apply(parse(text), &Limits::default())
}

const FULL: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" entity=\"sip:group7@example.com\" state=\"full\" version=\"1\">\
    <conference-description><subject>Plans for May</subject>\
    <service-uris><entry><uri>http://example.com/plans</uri><purpose>web-page</purpose></entry></service-uris></conference-description>\
    <conference-state><user-count>2</user-count></conference-state>\
    <users><user entity=\"sip:bob@example.com\" state=\"full\"><display-text>Bob</display-text>\
    <endpoint entity=\"sip:bob@192.0.2.8\"><display-text>laptop</display-text><status>disconnected</status>\
    <disconnection-method>departed</disconnection-method>\
    <disconnection-info><when>2026-03-04T20:00:00Z</when><reason>line lost</reason><by>sip:carol@example.com</by></disconnection-info></endpoint></user>\
    <user entity=\"sip:alice@example.com\" state=\"full\"><display-text>Alice</display-text>\
    <endpoint entity=\"sip:alice@192.0.2.9;gr=1\"><status>connected</status><joining-method>dialed-out</joining-method>\
    <media id=\"1\"><display-text>voice</display-text><type>audio</type><label>7</label><src-id>9</src-id><status>sendrecv</status></media>\
    </endpoint></user></users></conference-info>";

fn change(version: u32, inner: &str) -> String {
    format!(
        "<conference-info entity='sip:group7@example.com' state='partial' version='{version}'>{inner}</conference-info>"
    )
}

#[test]
fn rfc4575_5_a_full_document_tells_everything() {
    let read = parse(FULL);
    assert_eq!((read.version, read.extent), (Some(1), Extent::Full));
    let description = read.description.unwrap();
    assert_eq!(description.subject.unwrap(), "Plans for May");
    assert_eq!(
        description.service_uris[0].purpose.as_deref(),
        Some("web-page")
    );
    assert_eq!(read.state.unwrap().user_count, Some(2));
    let users = read.users.unwrap().users;
    let left = &users[0].endpoints[0];
    assert_eq!(left.status, Some(Status::Disconnected));
    let why = left.disconnection_info.as_ref().unwrap();
    assert_eq!(why.by.as_deref(), Some("sip:carol@example.com"));
    assert_eq!(why.reason.as_deref(), Some("line lost"));
    let media = &users[1].endpoints[0].media[0];
    assert_eq!(
        (media.id.as_str(), media.kind.as_deref()),
        ("1", Some("audio"))
    );
    assert_eq!(media.status.as_deref(), Some("sendrecv"));
}

#[test]
fn rfc4575_4_6_a_change_counts_only_as_the_next_version() {
    let mut roster = Roster::default();
    let lock = |version| {
        change(
            version,
            "<conference-state><locked>true</locked></conference-state>",
        )
    };
    assert_eq!(
        apply(&mut roster, &lock(0)),
        Outcome::NeedsFull,
        "nothing is known yet"
    );
    assert_eq!(apply(&mut roster, FULL), Outcome::Applied);
    assert_eq!(apply(&mut roster, &lock(3)), Outcome::NeedsFull, "a gap");
    assert_eq!(
        roster.info().unwrap().state.unwrap().locked,
        None,
        "nothing was changed"
    );
    assert_eq!(apply(&mut roster, &lock(1)), Outcome::Stale);
    let unnumbered = lock(2).replace("version='2'", "");
    assert_eq!(apply(&mut roster, &unnumbered), Outcome::NeedsFull);
    assert_eq!(apply(&mut roster, &lock(2)), Outcome::Applied);
    assert_eq!(roster.info().unwrap().state.unwrap().locked, Some(true));
    assert_eq!(apply(&mut roster, FULL), Outcome::Stale);
    let whole = FULL.replace("version=\"1\"", "version=\"9\"");
    assert_eq!(
        apply(&mut roster, &whole),
        Outcome::Applied,
        "a full state makes good any gap"
    );
    assert_eq!(roster.info().unwrap().state.unwrap().locked, None);
}

#[test]
fn rfc4575_4_6_what_a_change_does_not_tell_stays() {
    let mut roster = Roster::default();
    assert_eq!(apply(&mut roster, FULL), Outcome::Applied);
    let muted = change(
        2,
        "<users state='partial'><user entity='sip:alice@example.com' state='partial'>\
         <endpoint entity='sip:alice@192.0.2.9;gr=1' state='partial'>\
         <media id='1' state='partial'><status>recvonly</status></media></endpoint></user></users>",
    );
    assert_eq!(apply(&mut roster, &muted), Outcome::Applied);
    let alice = roster.user("sip:alice@example.com").unwrap();
    assert_eq!(alice.display_text.as_deref(), Some("Alice"));
    let endpoint = &alice.endpoints[0];
    assert_eq!(endpoint.status, Some(Status::Connected));
    assert_eq!(endpoint.media[0].status.as_deref(), Some("recvonly"));
    assert_eq!(endpoint.media[0].label.as_deref(), Some("7"));
    assert_eq!(roster.users().count(), 2);
    assert!(roster.info().unwrap().description.is_some());
}

#[test]
fn rfc4575_4_6_users_come_and_go() {
    let mut roster = Roster::default();
    assert_eq!(apply(&mut roster, FULL), Outcome::Applied);
    let leaves = change(
        2,
        "<users state='partial'><user entity='sip:bob@example.com' state='deleted'/></users>",
    );
    assert_eq!(apply(&mut roster, &leaves), Outcome::Applied);
    assert!(roster.user("sip:bob@example.com").is_none());
    let comes = change(
        3,
        "<users state='partial'><user entity='sip:carol@example.com'/></users>",
    );
    assert_eq!(apply(&mut roster, &comes), Outcome::Applied);
    assert_eq!(roster.users().count(), 2);
    let all = change(4, "<users><user entity='sip:dave@example.com'/></users>");
    assert_eq!(
        apply(&mut roster, &all),
        Outcome::Applied,
        "a full list within a change"
    );
    let users: Vec<_> = roster.users().map(|user| user.entity.as_str()).collect();
    assert_eq!(users, ["sip:dave@example.com"]);
}

#[test]
fn rfc4575_4_4_a_deleted_conference_is_over() {
    let mut roster = Roster::default();
    assert_eq!(apply(&mut roster, FULL), Outcome::Applied);
    let over = "<conference-info entity='sip:group7@example.com' state='deleted' version='2'/>";
    assert_eq!(apply(&mut roster, over), Outcome::Ended);
    assert!(roster.info().is_none());
}

#[test]
fn rfc4575_4_6_a_focus_tells_each_subscriber_what_it_has_missed() {
    let limits = Limits::default();
    let mut conference = Conference::new("sip:group7@example.com");
    let (mut early, mut late) = (Cursor::default(), Cursor::default());
    let put = |conference: &mut Conference, name: &str, status| {
        conference.set_user(
            User {
                endpoints: vec![Endpoint {
                    entity: format!("sip:{name}@host").as_str().into(),
                    status: Some(status),
                    ..Endpoint::default()
                }],
                ..User::new(format!("sip:{name}@example.com"))
            },
            &limits,
        );
    };
    put(&mut conference, "alice", Status::Connected);
    let first = conference.next(&mut early).unwrap();
    assert_eq!((first.extent, first.version), (Extent::Full, Some(0)));
    assert_eq!(conference.next(&mut early), None, "nothing has changed");
    put(&mut conference, "bob", Status::DialingOut);
    put(&mut conference, "bob", Status::Connected);
    conference.remove_user("sip:alice@example.com", &limits);
    let change = conference.next(&mut early).unwrap();
    assert_eq!((change.extent, change.version), (Extent::Partial, Some(1)));
    assert_eq!(change.state.unwrap().user_count, Some(1));
    let users = change.users.unwrap();
    assert_eq!(users.extent, Extent::Partial);
    let told: Vec<_> = users
        .users
        .iter()
        .map(|user| (user.entity.as_str(), user.extent))
        .collect();
    assert_eq!(
        told,
        [
            ("sip:bob@example.com", Extent::Full),
            ("sip:alice@example.com", Extent::Deleted)
        ]
    );
    let first = conference.next(&mut late).unwrap();
    assert_eq!(
        (first.extent, first.version),
        (Extent::Full, Some(0)),
        "each counts from 0"
    );
    assert_eq!(conference.end(&mut late).extent, Extent::Deleted);
}

#[test]
fn rfc4575_4_6_who_missed_too_much_is_told_everything() {
    let limits = Limits {
        event_items: 4,
        ..Limits::default()
    };
    let mut conference = Conference::new("sip:group7@example.com");
    let mut told = Cursor::default();
    conference.next(&mut told);
    for n in 0..3 {
        conference.set_user(User::new(format!("sip:{n}@example.com")), &limits);
    }
    let document = conference.next(&mut told).unwrap();
    assert_eq!((document.extent, document.version), (Extent::Full, Some(1)));
    assert_eq!(document.users.unwrap().users.len(), 3);
}

#[test]
fn peer_encodes_uris_as_a_whole() {
    let read = parse(
        "<conference-info entity='sip%3Aroom%40example.com'><users><user entity='sip%3Aalice%40example.com'/></users></conference-info>",
    );
    assert_eq!(read.entity, "sip:room@example.com");
    assert_eq!(read.users.unwrap().users[0].entity, "sip:alice@example.com");
}
