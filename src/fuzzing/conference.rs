//! Conferences: their documents, and what a subscriber makes of them.

use super::tight;
use crate::engine::Limits;
use crate::events::conference_info::{Conference, ConferenceInfo, Cursor, Extent, Outcome, Roster};

/// Any bytes as documents of one subscription, one after the other; what a focus that knows the same tells is
/// understood as that.
pub fn conference_info(bytes: &[u8]) {
    let limits = Limits::default();
    let unlimited = Limits {
        xml_size: usize::MAX,
        ..Limits::default()
    };
    let few = Limits {
        event_items: 4,
        ..Limits::default()
    };
    let _ = ConferenceInfo::parse(bytes, &tight());
    let (mut roster, mut small) = (Roster::default(), Roster::default());
    for document in bytes.split(|byte| *byte == 0) {
        let Ok(read) = ConferenceInfo::parse(document, &limits) else {
            continue;
        };
        let again = ConferenceInfo::parse(&read.write(), &unlimited);
        assert_eq!(again.as_ref(), Ok(&read), "what is written is read");
        let _ = small.apply(read.clone(), &few);
        assert!(small.users().count() <= few.event_items);
        let partial = read.extent == Extent::Partial;
        let follows = roster
            .info()
            .and_then(|info| info.version?.checked_add(1))
            .is_some_and(|next| read.version == Some(next));
        let outcome = roster.apply(read, &limits);
        assert!(!partial || follows || outcome != Outcome::Applied);
    }
    let mut conference = Conference::new("sip:group@example.com");
    let (mut told, mut subscriber) = (Cursor::default(), Roster::default());
    let first = conference.next(&mut told).expect("the first is told all");
    assert_eq!(subscriber.apply(first, &limits), Outcome::Applied);
    for user in roster.users() {
        conference.set_user(user.clone(), &limits);
    }
    if let Some(change) = conference.next(&mut told) {
        assert_eq!(subscriber.apply(change, &limits), Outcome::Applied);
    }
    assert!(subscriber.users().eq(conference.users()));
}
