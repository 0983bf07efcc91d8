//! RFC 3994: the indication that a message is being composed.

use cpm::composing::{IsComposing, State};
use cpm::engine::Limits;
use cpm::wire::date;
use std::time::Duration;

fn parse(text: &str) -> IsComposing {
    IsComposing::parse(text.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn rfc3994_an_active_composer_tells_what_and_how_long() {
    let read = parse(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"\n\
           xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"\n\
           xsi:schemaLocation=\"urn:ietf:params:xml:ns:im-composing iscomposing.xsd\">\n\
           <state>active</state>\n  <contenttype>text/plain</contenttype>\n  <refresh>90</refresh>\n\
         </isComposing>",
    );
    assert_eq!(read.state, State::Active);
    assert_eq!(read.content_type.as_deref(), Some("text/plain"));
    assert_eq!(read.refresh, Some(Duration::from_secs(90)));
    assert_eq!(read.last_active, None);
}

#[test]
fn rfc3994_an_idle_composer_tells_since_when() {
    let read = parse(
        "<isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>idle</state>\
         <lastactive>2003-01-27T10:43:00Z</lastactive><contenttype>audio</contenttype></isComposing>",
    );
    assert_eq!(read.state, State::Idle);
    assert_eq!(read.last_active, date::parse("2003-01-27T10:43:00Z"));
    assert_eq!(read.content_type.as_deref(), Some("audio"));
}

#[test]
fn rfc3994_a_state_that_is_not_known_is_idle() {
    assert_eq!(
        parse("<isComposing><state>pondering</state></isComposing>").state,
        State::Idle
    );
}

#[test]
fn cpm_the_indication_of_a_chat_in_both_directions() {
    let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
                <isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\"><state>active</state>\
                <contenttype>text/plain</contenttype><refresh>60</refresh></isComposing>";
    let read = parse(text);
    assert_eq!(read.write(), text);
    assert_eq!(
        (read.state, read.refresh),
        (State::Active, Some(Duration::from_secs(60)))
    );
}
