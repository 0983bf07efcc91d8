use super::*;
use Meaning::{Answer, Nothing, Offer, Preview};
use Side::{Local, Peer};

const STATES: [State; 15] = [
    State::Stable,
    State::Wanted(Local),
    State::Wanted(Peer),
    State::Answered(Local),
    State::Answered(Peer),
    State::Offered(Local, Place::Invite),
    State::Offered(Peer, Place::Invite),
    State::Offered(Local, Place::Reliable),
    State::Offered(Peer, Place::Reliable),
    State::Offered(Local, Place::Success),
    State::Offered(Peer, Place::Success),
    State::Offered(Local, Place::Prack),
    State::Offered(Peer, Place::Prack),
    State::Offered(Local, Place::Update),
    State::Offered(Peer, Place::Update),
];

const PLACES: [Place; 9] = [
    Place::Invite,
    Place::Provisional,
    Place::Reliable,
    Place::Success,
    Place::Ack,
    Place::Prack,
    Place::PrackSuccess,
    Place::Update,
    Place::UpdateSuccess,
];

/// Goes through messages from `state` on; each must be allowed and mean what is said.
fn through(steps: &[(Side, Place, bool, Meaning)]) -> State {
    let mut state = State::Stable;
    for (by, place, description, meaning) in steps {
        let (to, meant) = next(state, *by, *place, *description)
            .unwrap_or_else(|why| panic!("{state:?}: {place:?} of {by:?}: {why}"));
        assert_eq!(meant, *meaning, "{state:?}: {place:?} of {by:?}");
        state = to;
    }
    state
}

#[test]
fn rfc6337_2_the_six_patterns_from_either_side() {
    for caller in [Local, Peer] {
        let called = caller.other();
        let invite = (caller, Place::Invite, true, Offer);
        let empty = (caller, Place::Invite, false, Nothing);
        let answered = (called, Place::Reliable, true, Answer);
        let prack = (caller, Place::Prack, false, Nothing);
        let success = (called, Place::Success, false, Nothing);
        let ack = (caller, Place::Ack, false, Nothing);
        let patterns: [&[_]; 6] = [
            &[invite, (called, Place::Success, true, Answer), ack],
            &[
                empty,
                (called, Place::Success, true, Offer),
                (caller, Place::Ack, true, Answer),
            ],
            &[invite, answered, prack, success, ack],
            &[
                empty,
                (called, Place::Reliable, true, Offer),
                (caller, Place::Prack, true, Answer),
                success,
                ack,
            ],
            &[
                invite,
                answered,
                (caller, Place::Prack, true, Offer),
                (called, Place::PrackSuccess, true, Answer),
                success,
                ack,
            ],
            &[
                invite,
                answered,
                prack,
                (caller, Place::Update, true, Offer),
                (called, Place::UpdateSuccess, true, Answer),
                (called, Place::Update, true, Offer),
                (caller, Place::UpdateSuccess, true, Answer),
                success,
                ack,
            ],
        ];
        for pattern in patterns {
            assert_eq!(through(pattern), State::Stable, "{pattern:?}");
        }
    }
}

#[test]
fn rfc6337_2_one_exchange_at_a_time() {
    for state in STATES {
        for by in [Local, Peer] {
            for place in PLACES {
                let Ok((to, meaning)) = next(state, by, place, true) else {
                    continue;
                };
                match meaning {
                    Offer => {
                        assert!(
                            matches!(state, State::Stable | State::Wanted(_) | State::Answered(_)),
                            "{state:?}: {place:?} of {by:?} offers"
                        );
                        assert_eq!(to, State::Offered(by, place));
                    }
                    Answer => assert!(
                        matches!(state, State::Offered(side, _) if side != by),
                        "{state:?}: {place:?} of {by:?} answers"
                    ),
                    Preview | Nothing => assert_eq!(to, state),
                }
            }
        }
    }
}

#[test]
fn rfc3261_13_2_1_only_reliable_messages_offer_and_answer() {
    for state in STATES {
        for by in [Local, Peer] {
            let unreliable = next(state, by, Place::Provisional, true);
            assert!(
                matches!(unreliable, Ok((_, Preview)) | Err(Misplaced::NoPlace)),
                "{state:?}"
            );
        }
    }
}

#[test]
fn rfc3262_5_no_2xx_before_a_reliable_description_is_acknowledged() {
    for state in [
        State::Answered(Local),
        State::Offered(Local, Place::Reliable),
    ] {
        assert_eq!(
            next(state, Local, Place::Success, false),
            Err(Misplaced::Unacknowledged)
        );
    }
}

#[test]
fn rfc3311_5_1_an_update_offers_only_when_all_is_answered_and_acknowledged() {
    let wrong = |state, why| {
        assert_eq!(
            next(state, Local, Place::Update, true),
            Err(why),
            "{state:?}"
        );
        // Without a description it may always be sent.
        assert_eq!(
            next(state, Local, Place::Update, false),
            Ok((state, Nothing))
        );
    };
    wrong(State::Offered(Local, Place::Invite), Misplaced::OwnOffer);
    wrong(State::Offered(Peer, Place::Invite), Misplaced::OtherOffer);
    wrong(State::Wanted(Local), Misplaced::TooEarly);
    wrong(State::Wanted(Peer), Misplaced::TooEarly);
    wrong(State::Answered(Local), Misplaced::Unacknowledged);
}

#[test]
fn rfc3311_5_2_an_update_that_meets_an_offer_is_491_or_500() {
    for (state, status) in [
        (
            State::Offered(Local, Place::Update),
            Status::REQUEST_PENDING,
        ),
        (
            State::Offered(Local, Place::Invite),
            Status::REQUEST_PENDING,
        ),
        (
            State::Offered(Peer, Place::Invite),
            Status::SERVER_INTERNAL_ERROR,
        ),
        (
            State::Offered(Peer, Place::Prack),
            Status::SERVER_INTERNAL_ERROR,
        ),
    ] {
        assert_eq!(receive(state, Place::Update, true), Err(status));
        assert_eq!(receive(state, Place::Update, false), Ok((state, Nothing)));
    }
}

#[test]
fn rfc6337_an_answer_that_is_due_cannot_be_left_out() {
    for (state, place) in [
        (State::Offered(Peer, Place::Invite), Place::Success),
        (State::Offered(Peer, Place::Success), Place::Ack),
        (State::Offered(Peer, Place::Reliable), Place::Prack),
        (State::Offered(Peer, Place::Prack), Place::PrackSuccess),
        (State::Offered(Peer, Place::Update), Place::UpdateSuccess),
    ] {
        assert_eq!(
            next(state, Local, place, false),
            Err(Misplaced::AnswerMissing)
        );
        assert_eq!(next(state, Local, place, true), Ok((State::Stable, Answer)));
    }
    assert_eq!(
        next(State::Wanted(Peer), Local, Place::Reliable, false),
        Err(Misplaced::OfferMissing)
    );
}

#[test]
fn what_a_peer_repeats_or_leaves_out_harms_nothing() {
    // Many repeat in the 2xx what they have answered in a reliable provisional response.
    assert_eq!(
        receive(State::Stable, Place::Success, true),
        Ok((State::Stable, Nothing))
    );
    for state in STATES {
        for place in PLACES {
            for description in [true, false] {
                if let Err(status) = receive(state, place, description) {
                    assert!(
                        matches!(place, Place::Invite | Place::Prack | Place::Update),
                        "{state:?}: {place:?} is refused with {status:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn rfc3311_5_1_a_refusal_leaves_what_was_agreed_on() {
    for place in [Place::Invite, Place::Prack, Place::Update] {
        assert_eq!(refused(State::Offered(Local, place), place), State::Stable);
    }
    // An INVITE that fails does not answer an UPDATE.
    let open = State::Offered(Peer, Place::Update);
    assert_eq!(refused(open, Place::Invite), open);
}
