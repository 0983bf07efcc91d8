//! The documents of event packages.

use super::tight;
use crate::engine::Limits;
use crate::events::dialog_info::{DialogInfo, Dialogs};
use crate::events::pidf::Presence;
use crate::events::reg_info::{RegInfo, Registrations};
use crate::lists::RecipientList;

/// Any bytes as each of the documents: what was read is written and read again as the same, and a state made of it
/// keeps to its bounds.
pub fn events(bytes: &[u8]) {
    let limits = Limits::default();
    let unlimited = Limits {
        xml_size: usize::MAX,
        ..Limits::default()
    };
    let few = Limits {
        event_items: 2,
        ..Limits::default()
    };
    let _ = DialogInfo::parse(bytes, &tight());
    let _ = RegInfo::parse(bytes, &tight());
    let _ = Presence::parse(bytes, &tight());
    let _ = RecipientList::parse(bytes, &tight());
    if let Ok(read) = Presence::parse(bytes, &limits) {
        assert_eq!(Presence::parse(&read.write(), &unlimited), Ok(read));
    }
    if let Ok(read) = RecipientList::parse(bytes, &limits) {
        assert!(read.entries.len() <= limits.recipients);
        assert!(read.history().entries.len() <= read.entries.len());
        assert_eq!(RecipientList::parse(&read.write(), &unlimited), Ok(read));
    }
    if let Ok(read) = RegInfo::parse(bytes, &limits) {
        let again = RegInfo::parse(&read.write(), &unlimited).expect("what is written is read");
        assert_eq!(again.registrations.len(), read.registrations.len());
        let mut registrations = Registrations::default();
        for _ in 0..2 {
            registrations.apply(read.clone(), &few);
            assert!(registrations.iter().count() <= few.event_items);
        }
    }
    if let Ok(read) = DialogInfo::parse(bytes, &limits) {
        assert_eq!(
            DialogInfo::parse(&read.write(), &unlimited).as_ref(),
            Ok(&read)
        );
        let mut dialogs = Dialogs::default();
        for _ in 0..2 {
            dialogs.apply(read.clone(), &few);
            assert!(dialogs.iter().count() <= few.event_items);
        }
    }
}
