use super::*;
use crate::events::ParseError;
use crate::wire::xml;
use proptest::prelude::*;

fn parse(document: &str) -> Result<DialogInfo, ParseError> {
    DialogInfo::parse(document.as_bytes(), &Limits::default())
}

const ALL: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
    <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"7\" state=\"partial\" entity=\"sip:alice@example.com\">\
    <dialog id=\"as7d900as8\" call-id=\"a84b4c76e66710\" local-tag=\"1928301774\" remote-tag=\"456887766\" direction=\"initiator\">\
    <state event=\"rejected\" code=\"486\">terminated</state>\
    <duration>274</duration>\
    <replaces call-id=\"hg287s98s89\" local-tag=\"6762h7\" remote-tag=\"09278hsb\"/>\
    <referred-by display=\"Bob\">sip:bob@example.com</referred-by>\
    <route-set><hop>sip:h2.example.com;lr</hop><hop>sip:h1.example.com;lr</hop></route-set>\
    <local><identity>sip:alice@example.com</identity><target uri=\"sip:alice@pc33.example.com\">\
    <param pname=\"+sip.rendering\" pval=\"no\"/></target>\
    <session-description type=\"application/sdp\">v=0</session-description><cseq>3</cseq></local>\
    <remote><identity display=\"Bob &amp; co\">sip:bob@example.com</identity></remote>\
    </dialog></dialog-info>";

#[test]
fn rfc4235_4_1_everything_in_both_directions() {
    let info = parse(ALL).unwrap();
    assert_eq!(info.write(), ALL);
    assert_eq!((info.version, info.extent), (7, Extent::Partial));
    let dialog = &info.dialogs[0];
    assert_eq!(dialog.state, State::Terminated);
    assert_eq!(
        (dialog.cause, dialog.code),
        (Some(Cause::Rejected), Some(486))
    );
    assert_eq!(dialog.route_set.len(), 2);
    let bob = dialog.remote.identity.as_ref().unwrap();
    assert_eq!(bob.display.as_deref(), Some("Bob & co"));
}

#[test]
fn what_is_not_known_is_skipped() {
    let info = parse(
        "<d:dialog-info xmlns:d='urn:ietf:params:xml:ns:dialog-info' xmlns:x='urn:x' entity='sip:a@b' x:y='1'>\
         <x:note>hello <x:state>terminated</x:state></x:note>\
         <d:dialog id='1'><x:state-of-mind>calm</x:state-of-mind><d:state code='7' event='x:odd'> odd </d:state>\
         <d:duration>soon</d:duration><d:local><d:target/><x:y/></d:local></d:dialog></d:dialog-info>",
    )
    .unwrap();
    assert_eq!(
        info,
        DialogInfo::full("sip:a@b", vec![Dialog::new("1", State::Confirmed)])
    );
}

#[test]
fn what_is_no_dialog_info_is_refused() {
    for (document, error) in [
        ("<dialogs/>", ParseError::Root("dialog-info")),
        (
            "<dialog-info><dialog/></dialog-info>",
            ParseError::Missing {
                element: "dialog",
                attribute: "id",
            },
        ),
        ("<dialog-info>", ParseError::Xml(xml::Error::Malformed(13))),
    ] {
        assert_eq!(parse(document), Err(error), "{document}");
    }
}

fn info(version: u32, extent: Extent, dialogs: &[(&'static str, State)]) -> DialogInfo {
    DialogInfo {
        version,
        extent,
        ..DialogInfo::full(
            "sip:a@b",
            (dialogs.iter())
                .map(|(id, state)| Dialog::new(*id, *state))
                .collect(),
        )
    }
}

#[test]
fn rfc4235_4_3_documents_make_one_state() {
    use Extent::{Full, Partial};
    use State::{Confirmed, Early, Terminated, Trying};
    let limits = Limits {
        event_items: 2,
        ..Limits::default()
    };
    let mut dialogs = Dialogs::default();
    let mut apply = |document, outcome, left: &[(&str, State)]| {
        assert_eq!(dialogs.apply(document, &limits), outcome);
        let is: Vec<_> = dialogs.iter().map(|d| (d.id.as_str(), d.state)).collect();
        assert_eq!(is, left);
    };
    apply(
        info(3, Full, &[("a", Trying)]),
        Outcome::Applied,
        &[("a", Trying)],
    );
    apply(
        info(4, Partial, &[("b", Early)]),
        Outcome::Applied,
        &[("a", Trying), ("b", Early)],
    );
    apply(
        info(4, Partial, &[("b", Terminated)]),
        Outcome::Stale,
        &[("a", Trying), ("b", Early)],
    );
    apply(
        info(5, Partial, &[("c", Trying)]),
        Outcome::TooMany,
        &[("a", Trying), ("b", Early)],
    );
    apply(
        info(5, Partial, &[("a", Terminated), ("b", Confirmed)]),
        Outcome::Applied,
        &[("b", Confirmed)],
    );
    apply(
        info(7, Partial, &[("d", Trying)]),
        Outcome::Missed,
        &[("b", Confirmed), ("d", Trying)],
    );
    apply(
        info(9, Full, &[("e", Early)]),
        Outcome::Applied,
        &[("e", Early)],
    );
}

fn word() -> impl Strategy<Value = Text> {
    "[ -~é<&\"']{0,12}".prop_map(|word| Text::from(word.trim()))
}

fn some<T: std::fmt::Debug + Clone>(
    of: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(of)
}

prop_compose! {
    fn a_party()(uri in word(), display in some(word())) -> Party {
        Party { uri, display }
    }
}

prop_compose! {
    fn a_side()(
        identity in some(a_party()),
        target in some((word(), proptest::collection::vec((word(), word()), 0..3))),
        session in some((word(), word())),
        sequence in some(any::<u32>()),
    ) -> Participant {
        let (target, params) = target.map_or((None, Vec::new()), |(t, p)| (Some(t), p));
        Participant { identity, target, params, session, sequence }
    }
}

prop_compose! {
    fn a_dialog()(
        (id, call_id, local_tag, remote_tag) in (word(), some(word()), some(word()), some(word())),
        direction in some(prop_oneof![Just(Direction::Initiator), Just(Direction::Recipient)]),
        state in prop_oneof![
            Just(State::Trying), Just(State::Proceeding), Just(State::Early),
            Just(State::Confirmed), Just(State::Terminated)
        ],
        cause in some(proptest::sample::select(&Cause::ALL[..])),
        code in some(100u16..700),
        duration in some((0u64..1 << 40).prop_map(Duration::from_secs)),
        replaces in some((word(), word(), word())),
        referred_by in some(a_party()),
        route_set in proptest::collection::vec(word(), 0..3),
        (local, remote) in (a_side(), a_side()),
    ) -> Dialog {
        Dialog {
            id, call_id, local_tag, remote_tag, direction, state, cause, code, duration,
            replaces: replaces.map(|(call_id, local_tag, remote_tag)| Replaced { call_id, local_tag, remote_tag }),
            referred_by, route_set, local, remote,
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        version in any::<u32>(),
        full in any::<bool>(),
        entity in word(),
        dialogs in proptest::collection::vec(a_dialog(), 0..4),
    ) {
        let extent = if full { Extent::Full } else { Extent::Partial };
        let info = DialogInfo { version, extent, entity, dialogs };
        prop_assert_eq!(DialogInfo::parse(&info.write(), &Limits::default()), Ok(info));
    }
}
