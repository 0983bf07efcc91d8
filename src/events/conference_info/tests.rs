//! The document in both directions, and that a roster made of changes is the whole state.

use super::*;
use crate::engine::Limits;
use crate::events::ParseError;
use crate::wire::date;
use proptest::prelude::*;

fn parse(document: &str) -> Result<ConferenceInfo, ParseError> {
    ConferenceInfo::parse(document.as_bytes(), &Limits::default())
}

fn whole() -> ConferenceInfo {
    let execution = Execution {
        when: date::parse("2026-01-01T09:00:00Z"),
        reason: Some("SIP;cause=480;text=\"away\"".into()),
        by: Some("sip:alice@example.com".into()),
    };
    let address = |uri: &str| Address {
        uri: uri.into(),
        display_text: Some("a < b".into()),
        purpose: Some("participation".into()),
    };
    ConferenceInfo {
        entity: "sip:group@example.com".into(),
        extent: Extent::Full,
        version: Some(7),
        description: Some(Description {
            extent: Extent::Full,
            display_text: Some("Team".into()),
            subject: Some("Lunch & more".into()),
            free_text: Some("every day".into()),
            keywords: vec!["food".into(), "talk".into()],
            conf_uris: vec![address("tel:+15550001")],
            service_uris: vec![address("http://example.com/")],
            maximum_user_count: Some(10),
            available_media: vec![AvailableMedia {
                label: "1".into(),
                kind: Some("message".into()),
                display_text: Some("chat".into()),
                status: Some("sendrecv".into()),
            }],
        }),
        state: Some(ConferenceState {
            user_count: Some(1),
            active: Some(true),
            locked: Some(false),
        }),
        users: Some(Users {
            extent: Extent::Full,
            users: vec![User {
                display_text: Some("Bob".into()),
                nickname: Some("Bobby".into()),
                associated_aors: vec![address("tel:+15550002")],
                roles: vec!["participant".into(), "administrator".into()],
                languages: Some("de en".into()),
                cascaded_focus: Some("sip:other@example.com".into()),
                yourown: true,
                endpoints: vec![Endpoint {
                    entity: "sip:bob@192.0.2.1".into(),
                    extent: Extent::Full,
                    display_text: Some("phone".into()),
                    referred: Some(execution.clone()),
                    status: Some(Status::Disconnected),
                    joining_method: Some(JoiningMethod::DialedOut),
                    joining_info: Some(execution.clone()),
                    disconnection_method: Some(DisconnectionMethod::Failed),
                    disconnection_info: Some(execution),
                    media: vec![Media {
                        id: "1".into(),
                        extent: Extent::Partial,
                        display_text: Some("chat".into()),
                        kind: Some("message".into()),
                        label: Some("1".into()),
                        src_id: Some("9".into()),
                        status: Some("sendrecv".into()),
                    }],
                }],
                ..User::new("sip:bob@example.com")
            }],
        }),
    }
}

#[test]
fn every_element_in_both_directions() {
    let written = whole().write();
    let text = std::str::from_utf8(&written).unwrap();
    assert_eq!(parse(text), Ok(whole()), "{text}");
    assert!(text.contains("<user entity=\"sip:bob@example.com\" state=\"full\" yourown=\"true\">"));
}

#[test]
fn reads_what_peers_write() {
    // Percent-encoded as a whole, without version, in another prefix, with elements of others.
    let read = parse(
        "<c:conference-info xmlns:c='urn:ietf:params:xml:ns:conference-info' entity='sip%3Agroup%40example.com'>\
         <x/><c:conference-state><c:active> 1 </c:active><c:user-count>two</c:user-count></c:conference-state>\
         <c:users><c:note/><c:user entity=' &lt;tel:+1&gt; '><c:roles><c:entry> participant\n</c:entry></c:roles>\
         <c:endpoint><c:status>CONNECTED</c:status><c:joining-method>beamed</c:joining-method></c:endpoint>\
         <c:cascaded-focus>sip%3aa%40b</c:cascaded-focus></c:user></c:users></c:conference-info>",
    )
    .unwrap();
    assert_eq!(
        (read.entity.as_str(), read.version),
        ("sip:group@example.com", None)
    );
    assert_eq!(read.state.unwrap().active, Some(true));
    let users = read.users.unwrap();
    let user = &users.users[0];
    assert_eq!(
        (user.entity.as_str(), users.extent),
        ("tel:+1", Extent::Full)
    );
    assert_eq!(user.roles, ["participant"]);
    assert_eq!(user.cascaded_focus.as_deref(), Some("sip:a@b"));
    assert_eq!(user.endpoints[0].status, Some(Status::Connected));
    assert_eq!(user.endpoints[0].joining_method, None);
    for (written, meant) in [
        ("&lt;&lt;a:b>>", "a:b"),
        ("%3Ca%3Ab%3E", "a:b"),
        ("a%3A%253A", "a:%3A"),
    ] {
        let read = parse(&format!("<conference-info entity='{written}'/>")).unwrap();
        assert_eq!(read.entity, meant);
        assert_eq!(
            ConferenceInfo::parse(&read.write(), &Limits::default()),
            Ok(read)
        );
    }
    // What only looks encoded stays as it is.
    for odd in ["a%3", "a%3Gb", "%3A%0d%0a%ff", "sip:a%3Ab@c"] {
        let read = parse(&format!("<conference-info entity='{odd}'/>")).unwrap();
        assert_eq!(read.entity, odd);
    }
}

#[test]
fn changes_of_senders_that_forget_to_say_so() {
    let users = |document: &str| parse(document).unwrap().users.unwrap().extent;
    for (document, extent) in [
        (
            "<users><user entity='a:1' state='deleted'/></users>",
            Extent::Partial,
        ),
        (
            "<users><user entity='a:1'/><user entity='a:2' state='partial'/></users>",
            Extent::Partial,
        ),
        ("<users><user entity='a:1'/></users>", Extent::Full),
        (
            "<users state='full'><user entity='a:1' state='partial'/></users>",
            Extent::Full,
        ),
    ] {
        let change =
            format!("<conference-info state='partial' version='1'>{document}</conference-info>");
        assert_eq!(users(&change), extent, "{change}");
    }
}

#[test]
fn refuses_what_is_no_such_document() {
    for (document, error) in [
        ("<imdn/>", ParseError::Root("conference-info")),
        (
            "<conference-info><users><user/></users></conference-info>",
            ParseError::Missing {
                element: "user",
                attribute: "entity",
            },
        ),
    ] {
        assert_eq!(parse(document), Err(error));
    }
}

#[test]
fn a_roster_has_a_bound() {
    let limits = Limits {
        event_items: 3,
        ..Limits::default()
    };
    let users = |count: usize| -> String {
        (0..count)
            .map(|n| format!("<user entity='a:{n}'><endpoint entity='e'/></user>"))
            .collect()
    };
    let document = |count| {
        let all = format!(
            "<conference-info version='1'><users>{}</users></conference-info>",
            users(count)
        );
        parse(&all).unwrap()
    };
    let mut roster = Roster::default();
    assert_eq!(roster.apply(document(2), &limits), Outcome::TooMany);
    assert_eq!(roster, Roster::default());
    assert_eq!(roster.apply(document(1), &limits), Outcome::Applied);
    let more = "<conference-info version='2' state='partial'><users state='partial'><user entity='a:0' state='partial'>\
                <endpoint entity='f'/><endpoint entity='g'/></user></users></conference-info>";
    assert_eq!(
        roster.apply(parse(more).unwrap(), &limits),
        Outcome::TooMany
    );
    assert_eq!(roster.users().next().unwrap().endpoints.len(), 1);
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Remove(u8),
    Describe(u8),
    Lock(bool),
    Tell(usize),
    Refresh(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6u8, any::<u8>()).prop_map(|(user, look)| Step::Put(user, look)),
        2 => (0..6u8).prop_map(Step::Remove),
        1 => any::<u8>().prop_map(Step::Describe),
        1 => any::<bool>().prop_map(Step::Lock),
        3 => (0..3usize).prop_map(Step::Tell),
        1 => (0..3usize).prop_map(Step::Refresh),
    ]
}

fn user(name: u8, look: u8) -> User {
    let status = [
        Status::Connected,
        Status::Pending,
        Status::Disconnected,
        Status::OnHold,
    ];
    User {
        display_text: (look & 4 != 0).then(|| Text::from(look.to_string())),
        endpoints: (0..look >> 6)
            .map(|device| Endpoint {
                entity: Text::from(format!("sip:{device}@host")),
                status: Some(status[usize::from(look & 3)]),
                ..Endpoint::default()
            })
            .collect(),
        ..User::new(format!("sip:{name}@example.com"))
    }
}

/// Without what differs between two ways to the same state: the version, and the order of users.
fn settled(info: &ConferenceInfo) -> ConferenceInfo {
    let mut info = info.clone();
    info.version = None;
    if let Some(users) = &mut info.users {
        users.users.sort_by(|a, b| a.entity.cmp(&b.entity));
    }
    info
}

proptest! {
    /// Three subscribers, told at different times, one of them more than the focus remembers: what each has made of
    /// the changes is what it would be told if it asked for everything.
    #[test]
    fn changes_add_up_to_the_whole(steps in proptest::collection::vec(step(), 1..60)) {
        let limits = Limits::default();
        let short = Limits { event_items: 6, ..Limits::default() };
        let mut conference = Conference::new("sip:group@example.com");
        let mut subscribers: [(Cursor, Roster); 3] = Default::default();
        for step in steps {
            let mut tell = None;
            match step {
                Step::Put(name, look) => conference.set_user(user(name, look), &short),
                Step::Remove(name) => {
                    conference.remove_user(&format!("sip:{name}@example.com"), &short);
                }
                Step::Describe(n) => {
                    let subject = Some(Text::from(n.to_string()));
                    conference.set_description(Description { subject, ..Description::default() }, &short);
                }
                Step::Lock(locked) => conference.set_state(Some(true), Some(locked), &short),
                Step::Tell(who) => {
                    let (cursor, _) = &mut subscribers[who];
                    tell = conference.next(cursor).map(|document| (who, document));
                }
                Step::Refresh(who) => tell = Some((who, conference.full(&mut subscribers[who].0))),
            }
            let Some((who, document)) = tell else { continue };
            let document = ConferenceInfo::parse(&document.write(), &limits).unwrap();
            let (cursor, roster) = &mut subscribers[who];
            prop_assert_eq!(roster.apply(document, &limits), Outcome::Applied);
            prop_assert_eq!(conference.next(cursor), None);
            let whole = conference.full(&mut Cursor::default());
            prop_assert_eq!(settled(roster.info().unwrap()), settled(&whole));
        }
    }

    #[test]
    fn what_is_written_is_read(entity in "[a-z]{1,4}:[a-z&\"]{1,9}", text in "[a-z<&>\u{e9}]{1,9}", version: u32) {
        let mut info = whole();
        info.entity = entity.into();
        info.version = Some(version);
        info.users.as_mut().unwrap().users[0].display_text = Some(text.as_str().into());
        prop_assert_eq!(ConferenceInfo::parse(&info.write(), &Limits::default()), Ok(info));
    }
}
