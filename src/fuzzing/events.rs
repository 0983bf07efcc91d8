//! The documents of event packages.

use super::tight;
use crate::engine::Limits;
use crate::events::dialog_info::{DialogInfo, Dialogs};

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
